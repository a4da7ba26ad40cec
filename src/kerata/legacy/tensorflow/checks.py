"""`tf.debugging`: what raises where numbers, shapes or types are not what a program expects.

In a program, where a tensor has no numbers yet, only shapes and types are looked at.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerata.legacy.tensorflow.calls import Function, convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.tape import needs_python
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor, dtype_of, is_concrete
from kerata.legacy.tensorflow.types import Ints, TensorShape, as_dtype

# As NumPy's, for 32 bits.
TOLERANCE = 1e-6


def are_known(*given: AnyTensor) -> bool:
    """Whether numbers that are checked are there."""
    if all(is_concrete(one) for one in given):
        return True
    needs_python("it checks numbers")
    return False


def check(name: str, holds: Callable[..., Any]) -> Callable[..., None]:
    def call(
        x: object,
        y: object = None,
        message: str | None = None,
        summarize: object = None,
        name: str | None = None,
        **kwargs: object,
    ) -> None:
        given = [convert(x)] if y is None else [convert(x), convert(y, convert(x).dtype)]
        if are_known(*given) and not bool(np.all(holds(*[one.numpy() for one in given]))):
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
    x: object,
    y: object,
    rtol: float | None = None,
    atol: float | None = None,
    message: str | None = None,
    summarize: object = None,
    name: str | None = None,
) -> None:
    """|x - y| <= atol + rtol |y|, for all numbers."""
    one = convert(x)
    other = convert(y, one.dtype)
    room = 10 * float(jnp.finfo(one.dtype.dtype).eps) if one.dtype.is_floating else TOLERANCE
    if are_known(one, other):
        given, wanted = np.asarray(one.numpy(), "float64"), np.asarray(other.numpy(), "float64")
        if not np.all(
            np.abs(given - wanted) <= (room if atol is None else atol) + (room if rtol is None else rtol) * np.abs(wanted)
        ):
            raise InvalidArgumentError(message or f"assert_near: x and y are not near. x = {x}, y = {y}")


def assert_that(condition: object, data: object = None, summarize: object = None, name: str | None = None) -> None:
    """`tf.debugging.Assert`."""
    found = convert(condition)
    if are_known(found) and not bool(np.all(found.numpy())):
        raise InvalidArgumentError(f"assertion failed: {data}")


# Shapes and types


def assert_shapes(
    shapes: Mapping[Any, Any] | Iterable[tuple[Any, Any]],
    data: object = None,
    summarize: object = None,
    message: str | None = None,
    name: str | None = None,
) -> None:
    """That tensors have shapes, given as a dict or as pairs; a letter stands for one size, `None` for any.

    >>> assert_shapes([(np.zeros((2, 3)), ("batch", 3)), (np.zeros(2), ("batch",))])
    """
    pairs = shapes.items() if isinstance(shapes, Mapping) else shapes
    known: dict[Any, int] = {}
    for given, wanted in pairs:
        tensor = getattr(given, "deref", lambda given=given: given)()
        found = tuple(getattr(tensor, "shape", None) or convert(tensor).shape)
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


def assert_rank(x: object, rank: int, message: str | None = None, name: str | None = None) -> None:
    """That x has so many axes."""
    assert_rank_in(x, (rank,), message)


def assert_rank_in(x: object, ranks: Iterable[int], message: str | None = None, name: str | None = None) -> None:
    """That x has one of some numbers of axes."""
    found, wanted = rank_of(x), [int(rank) for rank in ranks]
    if found not in wanted:
        raise ValueError(message or f"assert_rank: the rank must be one of {wanted} and is {found}")


def assert_rank_at_least(x: object, rank: int, message: str | None = None, name: str | None = None) -> None:
    """That x has so many axes or more."""
    if rank_of(x) < int(rank):
        raise ValueError(message or f"assert_rank_at_least: the rank must be at least {int(rank)} and is {rank_of(x)}")


def assert_scalar(tensor: object, message: str | None = None, name: str | None = None) -> object:
    """The tensor, if it is one number."""
    if rank_of(tensor):
        raise ValueError(message or f"assert_scalar: one number was expected, and there are {rank_of(tensor)} axes")
    return tensor


def rank_of(x: object) -> int:
    return len(getattr(x, "shape", None) or convert(x).shape)


def assert_type(tensor: object, tf_type: object, message: str | None = None, name: str | None = None) -> None:
    """That a tensor has a type."""
    found, wanted = dtype_of(convert(tensor)), as_dtype(tf_type)
    if found != wanted:
        raise TypeError(message or f"assert_type: {wanted.name} was expected, and it is {found.name}")


def assert_integer(x: object, message: str | None = None, name: str | None = None) -> None:
    """That a tensor holds whole numbers."""
    if not dtype_of(convert(x)).is_integer:
        raise TypeError(message or f"assert_integer: whole numbers were expected, and the type is {dtype_of(convert(x)).name}")


def is_numeric_tensor(tensor: object) -> bool:
    """Whether it is a tensor of numbers."""
    if not (isinstance(tensor, Tensor) or (hasattr(tensor, "assign") and hasattr(tensor, "trainable"))):
        return False
    dtype = dtype_of(tensor)
    return dtype.is_floating or dtype.is_integer or dtype.is_complex


def ensure_shape(x: object, shape: Ints, name: str | None = None) -> object:
    """x, or an error where its shape is another one."""
    x = convert(x) if isinstance(x, (list, tuple, int, float)) else x
    found = getattr(x, "shape", None)
    if not TensorShape(found).is_compatible_with(shape):
        raise InvalidArgumentError(f"Shape of tensor {found} is not compatible with expected shape {shape}")
    return x


# Numbers that are none

_numerics = Function("check_numerics", "tensor, message=None", lambda x, _: jnp.asarray(x))


def check_numerics(tensor: object, message: str = "", name: str | None = None) -> AnyTensor:
    """The tensor, or an error where numbers are not finite."""
    found = convert(tensor)
    if are_known(found) and not np.all(np.isfinite(np.asarray(found._array))):
        raise InvalidArgumentError(f"{message} : Tensor had NaN or Inf values")
    return _numerics(found)


def assert_all_finite(x: object, message: str = "", name: str | None = None) -> AnyTensor:
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
