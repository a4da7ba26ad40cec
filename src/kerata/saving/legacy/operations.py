"""Functions of TensorFlow as nodes of a graph, `x * 2 + 1` in a model of `tf.keras`, as the operations of Keras 3."""

from typing import Any

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
SLICES = "__operators__.getitem"
# The class of Keras 3 -> TensorFlow's name, the first of several.
NAMES = {row[1]: function for function, row in reversed(TABLE.items())} | {"TrueDivide": "math.truediv"}
# Arguments without which a function is the one of the table.
IGNORED = ("name",)


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
    if not isinstance(function, str) or function not in TABLE:
        raise NotReadYet(message(f"{owner}, layer {name}", "a function of TensorFlow that is not read", {"function": function}))
    module, cls, called, settings = TABLE[function]
    chosen: dict[str, Any] = {"name": name}
    calls = []
    for node in nodes:
        given = {called[0]: node["args"][0], **{key: value for key, value in node["kwargs"].items() if key not in IGNORED}}
        if not set(given) <= {*called, *settings}:
            raise NotReadYet(
                message(
                    f"{owner}, layer {name}", "arguments that are not read", {"function": function, "arguments": sorted(given)}
                )
            )
        chosen |= {settings[key]: value for key, value in given.items() if key in settings}
        calls.append({"args": [given[key] for key in called if key in given], "kwargs": {}})
    return {"module": module, "class_name": cls, "config": chosen, "registered_name": cls, "name": name, "inbound_nodes": calls}


def write_function(plain: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[object, dict[str, Any]]]] | None:
    """(the description of a node in the words of `tf.keras`, its first argument and the others of each call).

    `None` where `tf.keras` had no name for the operation, or no such arguments.
    """
    name, config = plain["class_name"], dict(plain["config"])
    if name == "GetItem":
        return write_slices(plain)
    if name not in NAMES:
        return None
    function = NAMES[name]
    _, _, called, settings = TABLE[function]
    own = {setting: key for key, setting in settings.items()}
    config.pop("name")
    unset = {key for key, value in config.items() if key not in own and value is None}
    if not set(config) - unset <= set(own):
        return None
    chosen = {own[key]: value for key, value in config.items() if key in own}
    calls = []
    for node in plain["inbound_nodes"]:
        if node["kwargs"] or len(node["args"]) != len(called):
            return None
        calls.append((node["args"][0], {**dict(zip(called[1:], node["args"][1:], strict=True)), **chosen}))
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
