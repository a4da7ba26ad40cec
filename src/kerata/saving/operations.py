"""Functions as nodes of a graph, `x + y` or `ops.mean(x, axis=1)`, in the form in which Keras 3 writes them.

Keras has a class for each function, `{"module": "keras.src.ops.numpy", "class_name": "Mean", "config": {"axis": 1}}`.
What the class is constructed with is in the config, what it is called with is in the node. The tables say which is
which.
"""

import inspect
from collections.abc import Callable
from typing import Any

import jax

from kerata import ops
from kerata.base import registry
from kerata.base.checks import did_you_mean, message
from kerata.base.limits import take_work
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object

# Module of Keras -> functions whose first argument alone is what the class is called with.
UNARY = {
    "keras.src.ops.numpy": """
        abs absolute all amax amin angle any arccos arccosh arcsin arcsinh arctan arctanh argmax argmin
        argpartition argsort array_split broadcast_to cbrt ceil clip concatenate conj conjugate copy corrcoef
        count_nonzero cos cosh cumprod cumsum deg2rad diag diagflat diagonal diff dsplit dstack empty_like exp
        exp2 expand_dims expm1 fabs flip fliplr flipud floor hsplit hstack i0 imag isfinite isinf isnan isneginf
        isposinf isreal log log10 log1p log2 logical_not max mean median min moveaxis nan_to_num nanargmax
        nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar negative
        ones_like prod ptp rad2deg ravel real reciprocal repeat reshape roll rot90 round sign signbit sin sinc
        sinh slogdet sort split sqrt square squeeze stack std sum swapaxes tan tanh tile trace transpose tril
        triu trunc vander var vsplit vstack zeros_like""",
    "keras.src.ops.math": """
        erf erfc erfinv extract_sequences logdet logsumexp rsqrt top_k view_as_complex view_as_real""",
    "keras.src.ops.nn": """
        adaptive_average_pool adaptive_max_pool average_pool celu depth_to_space elu fold gelu glu hard_shrink
        hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize
        one_hot relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign space_to_depth sparse_plus
        sparse_sigmoid sparsemax squareplus tanh_shrink threshold unfold""",
    "keras.src.ops.core": "cast saturate_cast stop_gradient unstack",
    "keras.src.ops.linalg": "cholesky cholesky_inverse det eig eigh inv lu_factor matrix_rank norm pinv qr",
}  # fmt: skip
# Functions that are called with several arguments, by the arguments' names.
SEVERAL = {
    "keras.src.ops.numpy": {
        "x1 x2": """
            add append arctan2 correlate cross divide divide_no_nan dot equal floor_divide fmax fmin fmod gcd
            greater greater_equal heaviside hypot inner kron lcm ldexp less less_equal logaddexp logaddexp2
            logical_and logical_or logical_xor matmul maximum minimum mod multiply nextafter not_equal outer
            power subtract tensordot true_divide vdot""",
        "x y": "bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor left_shift right_shift",
        "x weights": "average", "x bins": "digitize", "x fill_value": "full_like", "x key": "get_item",
        "x1 x2 rtol atol": "isclose", "x q": "nanpercentile nanquantile percentile quantile",
        "x constant_values": "pad", "condlist choicelist default": "select", "x indices": "take take_along_axis",
        "condition x1 x2": "where",
    },
    "keras.src.ops.math": {
        "targets predictions": "in_top_k", "data segment_ids": "segment_max segment_min segment_prod segment_sum",
    },
    "keras.src.ops.nn": {
        "target output": "binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy",
        "inputs kernel": "conv conv_transpose depthwise_conv",
        "inputs depthwise_kernel pointwise_kernel": "separable_conv",
        "query key value bias mask scale": "dot_product_attention",
    },
    "keras.src.ops.core": {"inputs start_indices": "slice", "inputs start_indices updates": "slice_update"},
    "keras.src.ops.linalg": {"a b": "lstsq solve solve_triangular"},
}  # fmt: skip


# Functions that do something anew for each unit of an argument.
ROUNDS = {"diff": "n", "split": "indices_or_sections", "array_split": "indices_or_sections", "hsplit": "indices_or_sections",
          "vsplit": "indices_or_sections", "dsplit": "indices_or_sections"}  # fmt: skip


class Form:
    """How Keras writes one function.

    Args:
        name: the function's name in `kerata.ops`.
        module: the module that Keras names.
        called: the arguments that the class is called with; `None` where the operands follow the config's argument.
    """

    def __init__(self, name: str, module: str, called: tuple[str, ...] | None):
        self.name, self.module, self.called = name, module, called
        self.class_name = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
        self.function: Callable[..., Any] = getattr(ops, name)

    @property
    def arguments(self) -> list[str]:
        """The arguments of the function, in order."""
        return list(inspect.signature(self.function).parameters)


def _read_tables() -> dict[str, Form]:
    forms = {"einsum": Form("einsum", "keras.src.ops.numpy", None)}
    for module, names in UNARY.items():
        for name in names.split():
            forms[name] = Form(name, module, ())
    for module, groups in SEVERAL.items():
        for called, names in groups.items():
            for name in names.split():
                forms[name] = Form(name, module, tuple(called.split()))
    for form in forms.values():
        form.called = tuple(form.arguments[:1]) if form.called == () else form.called
    return forms


FORMS = _read_tables()
CLASSES = {form.class_name: form for form in FORMS.values()}


def find_form(operation: Any) -> Form:
    """How the function of a node is written; `ValueError` where a file has no name for it."""
    function = operation.function
    name = getattr(function, "__name__", "")
    room = (getattr(function, "__module__", "") or "").split(".")
    ours = room[:2] == ["kerata", "ops"] or room == ["kerata", "engine", "symbolic"]
    home = registry.home_of(function)
    if name not in FORMS or not (ours or (home is not None and home[0] == "activations")):
        raise ValueError(message(
            f"operation `{operation.name}`", "this function of symbolic tensors cannot be written to a file",
            {"function": name or function},
            "Compute it in a layer of your own, or in a Lambda layer of a registered function",
        ))  # fmt: skip
    return FORMS[name]


def write_operation(operation: Any, calls: list[tuple[tuple, dict]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A function's description and those of its calls, given as (args, kwargs)."""
    form = find_form(operation)
    config: dict[str, Any] = {"name": operation.name}
    nodes = []
    for args, kwargs in calls:
        called, settings = split_arguments(form, args, kwargs, operation.name)
        config.update(settings)
        nodes.append({"args": serialize_keras_object(called), "kwargs": {}})
    plain = {"module": form.module, "class_name": form.class_name, "config": serialize_keras_object(config),
             "registered_name": form.class_name}  # fmt: skip
    return plain, nodes


def split_arguments(form: Form, args: tuple, kwargs: dict[str, Any], owner: str) -> tuple[list[Any], dict[str, Any]]:
    """What the class is called with, and what it is constructed with."""
    if form.called is None:
        return list(args[1:]), {"subscripts": args[0]}
    given = {**dict(zip(form.arguments, args, strict=False)), **kwargs}
    called = [given.pop(name, None) for name in form.called]
    while called and called[-1] is None:
        called.pop()
    names = [name for name, value in given.items()
             if any(hasattr(leaf, "is_symbolic") for leaf in jax.tree.leaves(value))]  # fmt: skip
    if names:
        raise ValueError(message(f"operation `{owner}`", "only plain values can be written for this argument",
                                 {"argument": names[0]}, "Compute it in a layer of your own"))
    return called, given


def read_operation(plain: dict[str, Any], owner: str) -> Callable[..., Any]:
    """A function of the arguments of a node, with what the description holds filled in."""
    name = plain.get("class_name")
    form = CLASSES.get(name) if isinstance(name, str) else None
    if form is None:
        raise TypeError(message(owner, "the file uses an operation that Kerata does not know", {"operation": name},
                                did_you_mean(name, CLASSES)))
    settings = deserialize_keras_object(plain.get("config") or {})
    settings = {key: value for key, value in settings.items() if key != "name"}

    rounds = settings.get(ROUNDS.get(form.name, ""))
    if isinstance(rounds, int):
        take_work(rounds, **{ROUNDS[form.name]: rounds})

    def call(*args: Any, **kwargs: Any) -> Any:
        if form.called is None:
            return form.function(settings["subscripts"], *args)
        given = {**dict(zip(form.called, args, strict=False)), **kwargs, **settings}
        if form.name == "get_item" and isinstance(given.get("key"), list):
            # JSON has no tuples; a list as an index would mean something else.
            given["key"] = tuple(given["key"])
        return form.function(**given)

    return call


def is_operation(plain: Any) -> bool:
    """Whether a description is that of a function."""
    return isinstance(plain, dict) and str(plain.get("module")).startswith("keras.src.ops.")
