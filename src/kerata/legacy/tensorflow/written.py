"""Functions of TensorFlow on symbolic tensors as files name them: by the operations of Keras 3 that compute the same."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kerata import ops
from kerata.legacy.tensorflow.types import as_dtype

# What a function of `ops` is called with: (function, args, kwargs).
Written = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
# TensorFlow's name: that of `ops`, and which of TensorFlow's arguments it takes, in its order. The others must be at their
# defaults. `=` gives one by name.
_SAME = """
add: add x y
subtract: subtract x y
multiply: multiply x y
truediv: true_divide x y
floordiv: floor_divide x y
floormod: mod x y
pow: power x y
maximum: maximum x y
minimum: minimum x y
less: less x y
less_equal: less_equal x y
greater: greater x y
greater_equal: greater_equal x y
equal: equal x y
not_equal: not_equal x y
abs: absolute x
negative: negative x
round: round x
reduce_sum: sum input_tensor axis keepdims
reduce_mean: mean input_tensor axis keepdims
reduce_max: max input_tensor axis keepdims
reduce_min: min input_tensor axis keepdims
reduce_prod: prod input_tensor axis keepdims
reduce_any: any input_tensor axis keepdims
reduce_all: all input_tensor axis keepdims
reduce_std: std input_tensor axis keepdims
reduce_variance: var input_tensor axis keepdims
reduce_logsumexp: logsumexp input_tensor axis keepdims
nn.moments: moments x axes keepdims
nn.relu: relu features
nn.relu6: relu6 features
nn.elu: elu features
nn.selu: selu features
nn.silu: silu features
nn.swish: silu features
nn.gelu: gelu features approximate
nn.leaky_relu: leaky_relu features alpha
nn.bias_add: add value bias
clip_by_value: clip t clip_value_min clip_value_max
tile: tile input multiples
repeat: repeat input repeats axis
reverse: flip tensor axis
roll: roll input shift axis
reshape: reshape tensor shape
transpose: transpose a perm
expand_dims: expand_dims input axis
squeeze: squeeze input axis
concat: concatenate values axis
stack: stack values axis
unstack: unstack value num axis
where: where condition x y
cumsum: cumsum x axis
zeros_like: zeros_like input
ones_like: ones_like input
stop_gradient: stop_gradient input
math.top_k: top_k input k sorted
tensordot: tensordot a b axes
"""
SAME = {name: text.split() for name, text in (line.split(": ") for line in _SAME.strip().splitlines())}


def as_written(names: list[str], defaults: dict[str, Any], name: str, args: tuple, kwargs: dict[str, Any]) -> Written | None:
    """The operation for a call of a function; `None` where there is none.

    Args:
        names, defaults: of the function's arguments.
        name: of the function.
        args, kwargs: what it was called with.
    """
    given = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
    if name in SAME:
        to, *wanted = SAME[name]
        rest = [key for key in names if key not in wanted]
        if any(given[key] is not defaults.get(key) and given[key] != defaults.get(key) for key in rest):
            return None
        return getattr(ops, to), tuple(plain(given[key]) for key in wanted), {}
    return OTHERS[name](given) if name in OTHERS else None


def plain(value: object) -> object:
    """Numbers of NumPy as Python's: sizes and axes are written as such."""
    if isinstance(value, (list, tuple)):
        return type(value)(plain(one) for one in value)
    return value.tolist() if isinstance(value, np.generic) else value


def last(axis: object) -> object:
    return -1 if axis is None else plain(axis)


def cast(given: dict[str, Any]) -> Written:
    return ops.cast, (given["x"], as_dtype(given["dtype"]).name), {}


def extreme(function: Callable[..., Any]) -> Callable[[dict[str, Any]], Written]:
    return lambda given: (function, (given["input"], plain(given["axis"] or 0)), {})


def softmax(function: Callable[..., Any]) -> Callable[[dict[str, Any]], Written]:
    return lambda given: (function, (given["logits"], last(given["axis"])), {})


def split(given: dict[str, Any]) -> Written | None:
    parts = plain(given["num_or_size_splits"])
    if not isinstance(parts, int):
        if not isinstance(parts, (list, tuple)) or -1 in parts:
            return None
        parts = np.cumsum(parts)[:-1].tolist()
    return ops.split, (given["value"], parts, plain(given["axis"])), {}


def matmul(given: dict[str, Any]) -> Written | None:
    if "x" in given:  # the operator
        return ops.matmul, (given["x"], given["y"]), {}
    if given["adjoint_a"] or given["adjoint_b"]:
        return None
    first, second = given["transpose_a"], given["transpose_b"]
    if not first and not second:
        return ops.matmul, (given["a"], given["b"]), {}
    subscripts = f"...{'ji' if first else 'ij'},...{'kj' if second else 'jk'}->...ik"
    return ops.einsum, (subscripts, given["a"], given["b"]), {}


def matvec(given: dict[str, Any]) -> Written | None:
    if any(given[key] for key in given if key not in ("a", "b")):
        return None
    return ops.einsum, ("...ij,...j->...i", given["a"], given["b"]), {}


def einsum(given: dict[str, Any]) -> Written:
    return ops.einsum, (given["equation"], *given["inputs"]), {}


def norm(given: dict[str, Any]) -> Written:
    order = None if given["ord"] == "euclidean" else given["ord"]
    return ops.norm, (given["tensor"], order, plain(given["axis"]), bool(given["keepdims"])), {}


def l2_normalize(given: dict[str, Any]) -> Written:
    # TensorFlow bounds the square, `ops.normalize` the norm.
    return ops.normalize, (given["x"], plain(given["axis"]), 2, float(np.sqrt(given["epsilon"]))), {}


def pad(given: dict[str, Any]) -> Written:
    mode = str(given["mode"]).lower()
    return ops.pad, (given["tensor"], plain(given["paddings"]), mode, *([given["constant_values"]] * (mode == "constant"))), {}


def gather(given: dict[str, Any]) -> Written | None:
    if given["batch_dims"]:
        return None
    return ops.take, (given["params"], given["indices"], plain(given["axis"] or 0)), {}


def one_hot(given: dict[str, Any]) -> Written | None:
    if given["on_value"] not in (None, 1) or given["off_value"] not in (None, 0):
        return None
    dtype = "float32" if given["dtype"] is None else as_dtype(given["dtype"]).name
    return ops.one_hot, (given["indices"], plain(given["depth"]), last(given["axis"]), dtype), {}


OTHERS: dict[str, Callable[[dict[str, Any]], Written | None]] = {
    "cast": cast,
    "argmax": extreme(ops.argmax),
    "argmin": extreme(ops.argmin),
    "softmax": softmax(ops.softmax),
    "nn.log_softmax": softmax(ops.log_softmax),
    "split": split,
    "matmul": matmul,
    "linalg.matvec": matvec,
    "einsum": einsum,
    "norm": norm,
    "math.l2_normalize": l2_normalize,
    "pad": pad,
    "gather": gather,
    "one_hot": one_hot,
}
