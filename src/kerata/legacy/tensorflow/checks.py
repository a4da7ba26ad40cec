"""`tf.debugging`: what raises where numbers, shapes or types are not what a program expects.

In a program, where a tensor has no numbers yet, only shapes and types are looked at.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerata.legacy.tensorflow.calls import Function, convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.tensor import Tensor, dtype_of, is_concrete
from kerata.legacy.tensorflow.types import TensorShape, as_dtype

# As NumPy's, for 32 bits.
TOLERANCE = 1e-6


def check(name: str, holds: Callable[..., Any]) -> Any:
    def call(x: Any, y: Any = None, message: Any = None, summarize: Any = None, name: Any = None, **kwargs: Any) -> None:
        given = [convert(x)] if y is None else [convert(x), convert(y, convert(x).dtype)]
        if all(is_concrete(one) for one in given) and not bool(np.all(holds(*[one.numpy() for one in given]))):
            raise InvalidArgumentError(message or f"{call.__name__}: the condition does not hold. x = {x}, y = {y}")

    call.__name__ = name
    return call


ASSERTIONS = {
    "assert_equal": np.equal,
    "assert_greater": np.greater,
    "assert_greater_equal": np.greater_equal,
    "assert_less": np.less,
    "assert_less_equal": np.less_equal,
    "assert_none_equal": np.not_equal,
    "assert_positive": lambda x: x > 0,
    "assert_negative": lambda x: x < 0,
    "assert_non_negative": lambda x: x >= 0,
    "assert_non_positive": lambda x: x <= 0,
}
CHECKS = {name: check(name, holds) for name, holds in ASSERTIONS.items()}


def assert_near(
    x: Any, y: Any, rtol: Any = None, atol: Any = None, message: Any = None, summarize: Any = None, name: Any = None
) -> None:
    """|x - y| <= atol + rtol |y|, for all numbers."""
    x = convert(x)
    y = convert(y, x.dtype)
    room = 10 * float(jnp.finfo(x.dtype.dtype).eps) if x.dtype.is_floating else TOLERANCE
    if is_concrete(x) and is_concrete(y):
        given, wanted = np.asarray(x.numpy(), "float64"), np.asarray(y.numpy(), "float64")
        if not np.all(
            np.abs(given - wanted) <= (room if atol is None else atol) + (room if rtol is None else rtol) * np.abs(wanted)
        ):
            raise InvalidArgumentError(message or f"assert_near: x and y are not near. x = {x}, y = {y}")


def assert_that(condition: Any, data: Any = None, summarize: Any = None, name: Any = None) -> None:
    """`tf.debugging.Assert`."""
    condition = convert(condition)
    if is_concrete(condition) and not bool(np.all(condition.numpy())):
        raise InvalidArgumentError(f"assertion failed: {data}")


# Shapes and types


def assert_shapes(shapes: Any, data: Any = None, summarize: Any = None, message: Any = None, name: Any = None) -> None:
    """That tensors have shapes, given as a dict or as pairs; a letter stands for one size, `None` for any.

    >>> assert_shapes([(np.zeros((2, 3)), ("batch", 3)), (np.zeros(2), ("batch",))])
    """
    pairs = shapes.items() if hasattr(shapes, "items") else shapes
    known: dict[Any, int] = {}
    for given, wanted in pairs:
        tensor = given.deref() if hasattr(given, "deref") else given
        found = tuple(tensor.shape) if hasattr(tensor, "shape") else tuple(convert(tensor).shape)
        wanted = (wanted,) if isinstance(wanted, (str, int)) else tuple(wanted)
        if Ellipsis in wanted:
            place = wanted.index(Ellipsis)
            wanted = (*wanted[:place], *[None] * (len(found) - len(wanted) + 1), *wanted[place + 1 :])
        fits = len(found) == len(wanted) and all(
            size is None or size == (known.setdefault(name, size) if isinstance(name, str) else name)
            for size, name in zip(found, wanted, strict=True)
            if name is not None
        )
        if not fits:
            raise ValueError(message or f"assert_shapes: {found} is not {wanted}, with {known}")


def assert_rank(x: Any, rank: Any, message: Any = None, name: Any = None) -> None:
    """That x has so many axes."""
    assert_rank_in(x, (rank,), message)


def assert_rank_in(x: Any, ranks: Any, message: Any = None, name: Any = None) -> None:
    """That x has one of some numbers of axes."""
    found, wanted = rank_of(x), [int(rank) for rank in ranks]
    if found not in wanted:
        raise ValueError(message or f"assert_rank: the rank must be one of {wanted} and is {found}")


def assert_rank_at_least(x: Any, rank: Any, message: Any = None, name: Any = None) -> None:
    """That x has so many axes or more."""
    if rank_of(x) < int(rank):
        raise ValueError(message or f"assert_rank_at_least: the rank must be at least {int(rank)} and is {rank_of(x)}")


def assert_scalar(tensor: Any, message: Any = None, name: Any = None) -> Any:
    """The tensor, if it is one number."""
    if rank_of(tensor):
        raise ValueError(message or f"assert_scalar: one number was expected, and the shape is {tuple(tensor.shape)}")
    return tensor


def rank_of(x: Any) -> int:
    return len(x.shape) if hasattr(x, "shape") else len(convert(x).shape)


def assert_type(tensor: Any, tf_type: Any, message: Any = None, name: Any = None) -> None:
    """That a tensor has a type."""
    found, wanted = dtype_of(convert(tensor)), as_dtype(tf_type)
    if found != wanted:
        raise TypeError(message or f"assert_type: {wanted.name} was expected, and it is {found.name}")


def assert_integer(x: Any, message: Any = None, name: Any = None) -> None:
    """That a tensor holds whole numbers."""
    if not dtype_of(convert(x)).is_integer:
        raise TypeError(message or f"assert_integer: whole numbers were expected, and the type is {dtype_of(convert(x)).name}")


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether it is a tensor of numbers."""
    if not (isinstance(tensor, Tensor) or (hasattr(tensor, "assign") and hasattr(tensor, "trainable"))):
        return False
    dtype = dtype_of(tensor)
    return dtype.is_floating or dtype.is_integer or dtype.is_complex


def ensure_shape(x: Any, shape: Any, name: Any = None) -> Any:
    """x, or an error where its shape is another one."""
    if not TensorShape(x.shape).is_compatible_with(shape):
        raise InvalidArgumentError(f"Shape of tensor {list(x.shape)} is not compatible with expected shape {shape}")
    return x


# Numbers that are none

_numerics = Function("check_numerics", "tensor, message=None", lambda x, _: jnp.asarray(x))


def check_numerics(tensor: Any, message: Any = "", name: Any = None) -> Any:
    """The tensor, or an error where numbers are not finite."""
    tensor = convert(tensor)
    if is_concrete(tensor) and not np.all(np.isfinite(np.asarray(tensor._array))):
        raise InvalidArgumentError(f"{message} : Tensor had NaN or Inf values")
    return _numerics(tensor)


def assert_all_finite(x: Any, message: Any = "", name: Any = None) -> Any:
    """The tensor, or an error where numbers are not finite."""
    return check_numerics(x, message)


DEBUGGING: dict[str, Any] = {
    **CHECKS,
    **{
        function.__name__: function
        for function in (
            assert_near,
            assert_shapes,
            assert_rank,
            assert_rank_in,
            assert_rank_at_least,
            assert_scalar,
            assert_type,
            assert_integer,
            assert_all_finite,
            is_numeric_tensor,
            check_numerics,
        )
    },
    "Assert": assert_that,
}
