"""Functions of TensorFlow as nodes of a graph, `x * 2 + 1` in a model of `tf.keras`, as the operations of Keras 3."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.base.refusals import NotReadYet

NUMPY, NN = "keras.src.ops.numpy", "keras.src.ops.nn"
PAIR = ("x", "y")
REDUCED = {"axis": "axis", "keepdims": "keepdims"}
# TensorFlow's name -> (module, class, what is called with it, what is a setting), by TensorFlow's names of arguments. The first
# argument has no name in files.
TABLE: dict[str, tuple[str, str, tuple[str, ...], dict[str, str]]] = {
    "__operators__.add": (NUMPY, "Add", PAIR, {}),
    "math.add": (NUMPY, "Add", PAIR, {}),
    "math.subtract": (NUMPY, "Subtract", PAIR, {}),
    "math.multiply": (NUMPY, "Multiply", PAIR, {}),
    "math.divide": (NUMPY, "Divide", PAIR, {}),
    "math.truediv": (NUMPY, "Divide", PAIR, {}),
    "math.pow": (NUMPY, "Power", PAIR, {}),
    "math.maximum": (NUMPY, "Maximum", PAIR, {}),
    "math.minimum": (NUMPY, "Minimum", PAIR, {}),
    "math.negative": (NUMPY, "Negative", ("x",), {}),
    "math.abs": (NUMPY, "Absolute", ("x",), {}),
    "math.exp": (NUMPY, "Exp", ("x",), {}),
    "math.log": (NUMPY, "Log", ("x",), {}),
    "math.sqrt": (NUMPY, "Sqrt", ("x",), {}),
    "math.square": (NUMPY, "Square", ("x",), {}),
    "math.tanh": (NUMPY, "Tanh", ("x",), {}),
    "math.sigmoid": (NN, "Sigmoid", ("x",), {}),
    "nn.relu": (NN, "Relu", ("x",), {}),
    "nn.softmax": (NN, "Softmax", ("x",), {"axis": "axis"}),
    "math.reduce_mean": (NUMPY, "Mean", ("x",), REDUCED),
    "math.reduce_sum": (NUMPY, "Sum", ("x",), REDUCED),
    "math.reduce_max": (NUMPY, "Max", ("x",), REDUCED),
    "math.reduce_min": (NUMPY, "Min", ("x",), REDUCED),
    "math.reduce_prod": (NUMPY, "Prod", ("x",), REDUCED),
    "math.reduce_any": (NUMPY, "Any", ("x",), REDUCED),
    "math.reduce_all": (NUMPY, "All", ("x",), REDUCED),
    "math.reduce_std": (NUMPY, "Std", ("x",), REDUCED),
    "math.reduce_variance": (NUMPY, "Var", ("x",), REDUCED),
    "math.less": (NUMPY, "Less", PAIR, {}),
    "math.less_equal": (NUMPY, "LessEqual", PAIR, {}),
    "math.greater": (NUMPY, "Greater", PAIR, {}),
    "math.greater_equal": (NUMPY, "GreaterEqual", PAIR, {}),
    "math.equal": (NUMPY, "Equal", PAIR, {}),
    "math.not_equal": (NUMPY, "NotEqual", PAIR, {}),
    "math.logical_not": (NUMPY, "LogicalNot", ("x",), {}),
    "math.sin": (NUMPY, "Sin", ("x",), {}),
    "math.cos": (NUMPY, "Cos", ("x",), {}),
    "math.floor": (NUMPY, "Floor", ("x",), {}),
    "math.sign": (NUMPY, "Sign", ("x",), {}),
    "math.round": (NUMPY, "Round", ("x",), {}),
    "math.softplus": (NN, "Softplus", ("x",), {}),
    "nn.relu6": (NN, "Relu6", ("x",), {}),
    "nn.elu": (NN, "Elu", ("x",), {}),
    "nn.selu": (NN, "Selu", ("x",), {}),
    "nn.silu": (NN, "Silu", ("x",), {}),
    "nn.leaky_relu": (NN, "LeakyRelu", ("x",), {"alpha": "negative_slope"}),
    "nn.log_softmax": (NN, "LogSoftmax", ("x",), {"axis": "axis"}),
    "linalg.matmul": (NUMPY, "Matmul", ("a", "b"), {}),
    "clip_by_value": (NUMPY, "Clip", ("x",), {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "cast": ("keras.src.ops.core", "Cast", ("x",), {"dtype": "dtype"}),
    "where": (NUMPY, "Where", ("condition", "x", "y"), {}),
    "tile": (NUMPY, "Tile", ("x",), {"multiples": "repeats"}),
    "stack": (NUMPY, "Stack", ("x",), {"axis": "axis"}),
    "zeros_like": (NUMPY, "ZerosLike", ("x",), {}),
    "ones_like": (NUMPY, "OnesLike", ("x",), {}),
    "concat": (NUMPY, "Concatenate", ("x",), {"axis": "axis"}),
    "reshape": (NUMPY, "Reshape", ("x",), {"shape": "newshape"}),
    "expand_dims": (NUMPY, "ExpandDims", ("x",), {"axis": "axis"}),
    "squeeze": (NUMPY, "Squeeze", ("x",), {"axis": "axis"}),
    "transpose": (NUMPY, "Transpose", ("x",), {"perm": "axes"}),
}
# As above, of what is called alike: TensorFlow's name, the class, what is called with it.
_MORE = """
math.floormod Mod x y
math.floordiv FloorDivide x y
math.logical_and LogicalAnd x y
math.logical_or LogicalOr x y
math.logical_xor LogicalXor x y
math.atan2 Arctan2 y x
math.rsqrt Rsqrt x
math.erf Erf x
math.expm1 Expm1 x
math.log1p Log1p x
math.ceil Ceil x
math.tan Tan x
math.sinh Sinh x
math.cosh Cosh x
math.asin Arcsin x
math.acos Arccos x
math.atan Arctan x
math.reciprocal Reciprocal x
math.is_nan Isnan x
math.softsign Softsign features
nn.bias_add Add value bias
stop_gradient StopGradient input
"""
TABLE |= {words[0]: (NUMPY, words[1], tuple(words[2:]), {}) for words in map(str.split, _MORE.strip().splitlines())}
LAYERS = "keras.layers"
TABLE |= {
    "math.argmax": (NUMPY, "Argmax", ("input",), {"axis": "axis"}),
    "math.argmin": (NUMPY, "Argmin", ("input",), {"axis": "axis"}),
    "math.cumsum": (NUMPY, "Cumsum", ("x",), {"axis": "axis"}),
    "math.cumprod": (NUMPY, "Cumprod", ("x",), {"axis": "axis"}),
    "math.reduce_logsumexp": (NUMPY, "Logsumexp", ("x",), REDUCED),
    "math.l2_normalize": (NN, "Normalize", ("x",), {"axis": "axis", "epsilon": "epsilon"}),
    "math.top_k": (NUMPY, "TopK", ("input",), {"k": "k", "sorted": "sorted"}),
    "norm": (NUMPY, "Norm", ("tensor",), {"ord": "ord", **REDUCED}),
    "one_hot": (NN, "OneHot", ("indices",), {"depth": "num_classes", "axis": "axis", "dtype": "dtype"}),
    "reverse": (NUMPY, "Flip", ("tensor",), {"axis": "axis"}),
    "roll": (NUMPY, "Roll", ("input",), {"shift": "shift", "axis": "axis"}),
    "repeat": (NUMPY, "Repeat", ("input",), {"repeats": "repeats", "axis": "axis"}),
    "split": (NUMPY, "Split", ("value",), {"num_or_size_splits": "indices_or_sections", "axis": "axis"}),
    "unstack": (NUMPY, "Unstack", ("value",), {"num": "num", "axis": "axis"}),
    "gather": (NUMPY, "Take", ("params", "indices"), {"axis": "axis"}),
    "pad": (NUMPY, "Pad", ("tensor", "constant_values"), {"paddings": "pad_width", "mode": "mode"}),
    "broadcast_to": (NUMPY, "BroadcastTo", ("input",), {"shape": "shape"}),
    "tensordot": (NUMPY, "Tensordot", ("a", "b"), {"axes": "axes"}),
    "nn.gelu": (NN, "Gelu", ("features",), {"approximate": "approximate"}),
    "nn.avg_pool2d": (NN, "AveragePool", ("input",), {"ksize": "pool_size", "strides": "strides", "padding": "padding"}),
    "nn.max_pool2d": (NN, "MaxPool", ("input",), {"ksize": "pool_size", "strides": "strides", "padding": "padding"}),
    "nn.depth_to_space": (NN, "DepthToSpace", ("input",), {"block_size": "block_size"}),
    "nn.space_to_depth": (NN, "SpaceToDepth", ("input",), {"block_size": "block_size"}),
    "keras.backend.binary_crossentropy": (NN, "BinaryCrossentropy", ("target", "output"), {"from_logits": "from_logits"}),
    "keras.backend.batch_flatten": (LAYERS, "Flatten", ("x",), {}),
    "identity": (LAYERS, "Identity", ("input",), {}),
    "convert_to_tensor": (LAYERS, "Identity", ("value",), {}),
    "math.add_n": (LAYERS, "Add", ("inputs",), {}),
    "image.resize": (LAYERS, "Resizing", ("images",), {"size": "size", "method": "interpolation"}),
}
SLICES = "__operators__.getitem"
# The class of Keras 3 -> TensorFlow's name, the first of several.
NAMES = {row[1]: function for function, row in reversed(TABLE.items()) if row[0] != LAYERS} | {"TrueDivide": "math.truediv"}
# Settings that files leave out, where TensorFlow took another value than the operation does.
DEFAULTS: dict[str, dict[str, Any]] = {
    **{name: {"axis": 0} for name in ("math.argmax", "math.argmin", "math.cumsum", "math.cumprod", "gather")},
    "math.l2_normalize": {"axis": None, "order": 2, "epsilon": 1e-6},
    "nn.gelu": {"approximate": False},
}
# Arguments without which a function is the one of the table.
IGNORED = ("name", "validate_indices", "output_type", "out_type")
# Those that mean nothing at a value: of TensorFlow's functions, and of operations.
NEUTRAL: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(("exclusive", "reverse", "antialias", "preserve_aspect_ratio", "adjoint_a", "adjoint_b"), (False,)),
    **dict.fromkeys(("transpose_a", "transpose_b", "conjugate"), (False,)),
    "batch_dims": (0,),
    "data_format": ("NHWC",),
}
NEUTRAL_TODAY: dict[str, tuple[object, ...]] = {
    "keepdims": (False,),
    "sparse": (False,),
    "order": (2,),
    "from_logits": (False,),
    "data_format": (None, "channels_last"),
}


def sections(value: Any) -> dict[str, Any]:
    """As many equal parts, or the places between parts of some sizes."""
    if isinstance(value, list) and -1 in value:
        raise ValueError("a part of the size that is left")
    return {"indices_or_sections": np.cumsum(value)[:-1].tolist() if isinstance(value, list) else value}


def window(value: Any, to: str) -> dict[str, Any]:
    """Sizes along rows and columns, where TensorFlow may name those of samples and channels too."""
    whole = value if isinstance(value, list) else [value, value]
    if len(whole) == 4 and whole[0] == whole[3] == 1:
        whole = whole[1:3]
    if len(whole) != 2:
        raise ValueError("a window along samples or channels")
    return {to: whole}


# Of (function, argument): the settings that a value of it stands for. `ValueError` where there are none.
READS: dict[tuple[str, str], Callable[[Any], dict[str, Any]]] = {
    ("split", "num_or_size_splits"): sections,
    ("math.l2_normalize", "epsilon"): lambda value: {"epsilon": float(np.sqrt(value))},
    ("pad", "mode"): lambda value: {"mode": str(value).lower()},
    ("norm", "ord"): lambda value: {} if value == "euclidean" else {"ord": value},
    ("reverse", "axis"): lambda value: {"axis": value[0] if isinstance(value, list) and len(value) == 1 else value},
    ("image.resize", "size"): lambda value: {"height": value[0], "width": value[1]},
    **{(f"nn.{kind}_pool2d", "ksize"): lambda value: window(value, "pool_size") for kind in ("avg", "max")},
    **{(f"nn.{kind}_pool2d", "strides"): lambda value: window(value, "strides") for kind in ("avg", "max")},
    **{(f"nn.{kind}_pool2d", "padding"): lambda value: {"padding": str(value).lower()} for kind in ("avg", "max")},
}
# The other way, for what is written: of (function, setting). What `None` stands for is not written.
WRITES: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("split", "indices_or_sections"): lambda value: value if isinstance(value, int) else None,
    ("math.l2_normalize", "epsilon"): lambda value: value * value,
    ("pad", "mode"): lambda value: str(value).upper(),
    ("reverse", "axis"): lambda value: [value] if isinstance(value, int) else value,
}
NOT_WRITTEN = ("nn.avg_pool2d", "nn.max_pool2d", "norm", "tensordot", "keras.backend.binary_crossentropy")


def read_function(plain: dict[str, Any], nodes: list[dict[str, Any]], owner: str) -> dict[str, Any]:
    """The description of a node, with its calls, in Keras 3's form.

    Args:
        plain: as the file has it.
        nodes: its calls, in Keras 3's form.
        owner: how the file is called in messages.
    """
    if plain["class_name"] == "SlicingOpLambda" and plain["config"].get("function") == SLICES:
        return read_slices(plain, nodes, owner)
    config = plain["config"]
    function, name = config.get("function"), plain.get("name") or config.get("name")
    known = function.removeprefix("compat.v1.") if isinstance(function, str) else ""
    if not isinstance(function, str) or known not in TABLE:
        raise NotReadYet(message(f"{owner}, layer {name}", "a function of TensorFlow that is not read", {"function": function}))
    if known == "linalg.matmul" and any(node["kwargs"].get(f"transpose_{one}") for node in nodes for one in "ab"):
        return read_transposed(str(name), nodes)
    module, cls, called, settings = TABLE[known]
    chosen: dict[str, Any] = {"name": name, **DEFAULTS.get(known, {})}
    calls = []
    for node in nodes:
        given = {called[0]: node["args"][0], **node["kwargs"]}
        given = {key: value for key, value in given.items() if key not in IGNORED and not is_neutral(key, value, settings)}
        try:
            if not set(given) <= {*called, *settings}:
                raise ValueError("arguments of another function")
            for key in settings:
                if key in given:
                    read = READS.get((known, key))
                    chosen |= {settings[key]: given[key]} if read is None else read(given[key])
        except (ValueError, TypeError, IndexError):
            received = {"function": function, "arguments": sorted(given)}
            raise NotReadYet(message(f"{owner}, layer {name}", "arguments that are not read", received)) from None
        calls.append({"args": [given[key] for key in called if key in given], "kwargs": {}})
    registered = None if module == LAYERS else cls
    made = {"module": module, "class_name": cls, "config": chosen, "registered_name": registered}
    return {**made, "name": name, "inbound_nodes": calls}


def is_neutral(key: str, value: object, settings: dict[str, str]) -> bool:
    """Whether an argument means nothing at its value."""
    return key not in settings and key in NEUTRAL and value in NEUTRAL[key]


def read_transposed(name: str, nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """A product of matrices of which one is turned, as a product of letters."""
    first, second = (
        ("ji" if nodes[0]["kwargs"].get("transpose_a") else "ij"),
        ("kj" if nodes[0]["kwargs"].get("transpose_b") else "jk"),
    )
    made = {"module": NUMPY, "class_name": "Einsum", "registered_name": "Einsum", "name": name}
    calls = [{"args": [node["args"][0], node["kwargs"]["b"]], "kwargs": {}} for node in nodes]
    return {**made, "config": {"name": name, "subscripts": f"...{first},...{second}->...ik"}, "inbound_nodes": calls}


def write_function(plain: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[object, dict[str, Any]]]] | None:
    """(the description of a node in the words of `tf.keras`, its first argument and the others of each call).

    `None` where `tf.keras` had no name for the operation, or no such arguments.
    """
    name, config = plain["class_name"], dict(plain["config"])
    if name == "GetItem":
        return write_slices(plain)
    if name not in NAMES or NAMES[name] in NOT_WRITTEN:
        return None
    function = NAMES[name]
    _, _, called, settings = TABLE[function]
    own = {setting: key for key, setting in settings.items()}
    config.pop("name")
    unset = {key for key, value in config.items() if key not in own and value in (None, *NEUTRAL_TODAY.get(key, ()))}
    if not set(config) - unset <= set(own):
        return None
    chosen = {}
    for key, value in config.items():
        if key in own:
            write = WRITES.get((function, key))
            chosen[own[key]] = value if write is None else write(value)
            # What the operation takes for nothing, TensorFlow would take for its own default.
            if chosen[own[key]] is None and (write is not None or DEFAULTS.get(function, {}).get(key) is not None):
                return None
    calls = []
    for node in plain["inbound_nodes"]:
        if node["kwargs"] or len(node["args"]) > len(called) or (len(node["args"]) < len(called) and function != "pad"):
            return None
        calls.append((node["args"][0], {**dict(zip(called[1:], node["args"][1:], strict=False)), **chosen}))
    return described(plain["name"], "TFOpLambda", function), calls


def described(name: str, kind: str, function: str) -> dict[str, Any]:
    config = {"name": name, "trainable": True, "dtype": "float32", "function": function}
    return {"class_name": kind, "config": config}


def write_slices(plain: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[object, dict[str, Any]]]] | None:
    """`x[...]` in the words of `tf.keras`."""
    calls: list[tuple[object, dict[str, Any]]] = []
    for node in plain["inbound_nodes"]:
        parts = node["args"][1] if len(node["args"]) == 2 else None
        parts = list(parts) if isinstance(parts, (list, tuple)) else [parts]
        if node["kwargs"] or len(node["args"]) != 2 or not all(is_part(part) for part in parts):
            return None
        spec = [part["config"] if isinstance(part, dict) and part["class_name"] == "__slice__" else part for part in parts]
        calls.append((node["args"][0], {"slice_spec": spec}))
    return described(plain["name"], "SlicingOpLambda", SLICES), calls


def is_part(part: object) -> bool:
    """Whether a part of an index is a slice, a number, a new axis or an ellipsis."""
    if isinstance(part, dict):
        return part.get("class_name") in ("__slice__", "__ellipsis__")
    return part is None or isinstance(part, int)


def read_slices(plain: dict[str, Any], nodes: list[dict[str, Any]], owner: str) -> dict[str, Any]:
    """The description of `x[...]`, with its calls, in Keras 3's form."""
    name = plain.get("name") or plain["config"].get("name")
    calls = []
    for node in nodes:
        parts = node["kwargs"].get("slice_spec")
        if isinstance(parts, dict) and parts.get("class_name") == "__tuple__":
            parts = parts.get("items")
        parts = parts if isinstance(parts, list) else [parts]
        read = [read_part(part) for part in parts]
        if set(node["kwargs"]) != {"slice_spec"} or not all(is_part(part) for part in read):
            raise NotReadYet(message(f"{owner}, layer {name}", "an index that is not read", {"arguments": node["kwargs"]}))
        calls.append({"args": [node["args"][0], read], "kwargs": {}})
    return {
        "module": NUMPY,
        "class_name": "GetItem",
        "config": {"name": name},
        "registered_name": "GetItem",
        "name": name,
        "inbound_nodes": calls,
    }


def read_part(part: object) -> object:
    """A slice in Keras 3's form; other parts as they are."""
    ends = ("start", "stop", "step")
    if isinstance(part, dict) and set(part) == set(ends) and all(v is None or isinstance(v, int) for v in part.values()):
        return {"class_name": "__slice__", "config": {end: part[end] for end in ends}}
    if isinstance(part, dict) and part.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    return part
