"""Functions of tensors on rows of different lengths: element by element, sums and means of each row, rows side by side."""

from collections.abc import Callable
from typing import Any

from kerata.base.checks import message
from kerata.legacy.tensorflow import operators
from kerata.legacy.tensorflow.calls import Function, on_ragged
from kerata.legacy.tensorflow.functions import TABLE, UNARY, names_of
from kerata.legacy.tensorflow.reductions import REDUCTIONS
from kerata.legacy.tensorflow.strings import Ragged
from kerata.legacy.tensorflow.tensor import AnyTensor

# Functions of single elements beside those of two operands.
SINGLE = {
    *(name for name, _ in names_of(UNARY)),
    *("abs", "negative", "invert", "cast", "round", "clip_by_value", "identity", "zeros_like", "ones_like", "stop_gradient"),
    *("nn.relu", "nn.elu", "nn.leaky_relu", "nn.gelu"),
}


def call(function: Function, values: list[Any]) -> object:
    """A function on rows of different lengths, as far as it is one of elements, or along the last axis or all."""
    name = function.title
    if name in SINGLE:
        return each(lambda row: function(row, *values[1:]), values[0])
    if function.like == "numbers":
        return pairs(function, *values)
    if name in REDUCTIONS:
        return reduced(function, *values)
    if name == "gather" and not hasattr(values[0], "is_ragged"):
        return each(lambda row: function(values[0], row, *values[2:]), values[1])
    if name == "one_hot":
        return each(lambda row: function(row, *values[1:]), values[0])
    if name == "concat" and values[1] in (0, 1):
        return joined(values[0], values[1])
    fix = "Use x.to_tensor(), or x.flat_values"
    raise NotImplementedError(
        message(f"tf.{name}", "it takes no rows of different lengths here", {"it": type(values[0]).__name__}, fix)
    )


def each(compute: Callable[[Any], Any], ragged: Ragged) -> Ragged:
    """A function of each row."""
    return Ragged([each(compute, row) if isinstance(row, Ragged) else compute(row) for row in ragged], ragged.dtype)


def pairs(function: Function, x: object, y: object) -> Ragged:
    """A function of two operands, one of which may be a number or a tensor with a row for each row."""
    count = len(x) if isinstance(x, Ragged) else len(y)  # type: ignore[arg-type]
    if isinstance(x, Ragged) and isinstance(y, Ragged) and len(x) != len(y):
        raise ValueError(message(f"tf.{function.title}", "both must have as many rows", {"x": len(x), "y": len(y)}))
    rows = zip(*(rows_of(one, count) for one in (x, y)), strict=True)
    kind = x.dtype if isinstance(x, Ragged) else y.dtype  # type: ignore[union-attr]
    return Ragged(
        [pairs(function, *pair) if any(isinstance(one, Ragged) for one in pair) else function(*pair) for pair in rows], kind
    )


def rows_of(value: object, count: int) -> list[Any]:
    """The rows of an operand: those of a tensor with an axis for them, else the same one for each."""
    if isinstance(value, Ragged):
        return list(value)
    shape = getattr(value, "shape", ())
    return [value[row] for row in range(count)] if len(shape) > 1 and shape[0] == count else [value] * count  # type: ignore[index]


def reduced(function: Function, ragged: Ragged, axis: int | None, keepdims: bool) -> AnyTensor:
    """A sum, mean or largest number of all, or of each row."""
    if axis is None:
        return function(flat(ragged), None, keepdims)
    if axis not in (1, -1) or any(isinstance(row, Ragged) for row in ragged):
        expected = "of rows of different lengths, each row or all of them are taken together"
        raise NotImplementedError(message(f"tf.{function.title}", expected, {"axis": axis}, "Use x.to_tensor()"))
    return TABLE["stack"]([function(row, 0, keepdims) for row in ragged])


def flat(ragged: Ragged) -> AnyTensor:
    """All elements one after the other, which tapes follow."""
    return TABLE["concat"]([flat(row) if isinstance(row, Ragged) else row for row in ragged], 0)


def joined(values: list[Any], axis: int) -> Ragged:
    """Rows of several one after the other, or side by side."""
    count = max(len(one) for one in values)
    kind = next(one.dtype for one in values if isinstance(one, Ragged))
    parts = [list(one) if isinstance(one, Ragged) else [TABLE["identity"](row) for row in one] for one in values]
    if axis == 0:
        return Ragged([row for rows in parts for row in rows], kind)
    return Ragged([TABLE["concat"]([rows[place] for rows in parts], 0) for place in range(count)], kind)


on_ragged.append(call)
# These are functions of elements as well, though tensors compare otherwise where TensorFlow 1 does.
Ragged.__eq__ = lambda self, other: TABLE["equal"](self, other)  # type: ignore[method-assign]
Ragged.__ne__ = lambda self, other: TABLE["not_equal"](self, other)  # type: ignore[method-assign]
Ragged.__hash__ = None  # type: ignore[assignment]
for _name, _method in operators.METHODS.items():
    if _name not in ("__getitem__", "__matmul__", "__rmatmul__"):
        setattr(Ragged, _name, _method)
