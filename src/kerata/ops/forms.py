"""What is known of a function beside what it computes, and the three forms that most have: of one array, of two, along axes.

Each maker gives a function with Keras's argument names that takes arrays, variables, lists and symbolic tensors.
"""

# JAX leaves some arguments of its functions without a type.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import message
from kerata.base.config import floatx
from kerata.engine.placement import HERE
from kerata.engine.symbolic import traceable
from kerata.engine.types import Array, TensorLike
from kerata.kernels.typed import is_traced
from kerata.ops.sizes import keeps_sizes

Function = Callable[..., Any]
F = TypeVar("F", bound=Callable[..., Any])
# Along which axes: one, several, or `None` for all.
Axes: TypeAlias = int | Sequence[int] | None


class Unary(Protocol):
    """A function of one array."""

    def __call__(self, x: TensorLike) -> Array: ...


class Binary(Protocol):
    """A function of two arrays."""

    def __call__(self, x1: TensorLike, x2: TensorLike) -> Array: ...


class Bitwise(Protocol):
    """A function of the bits of two arrays."""

    def __call__(self, x: TensorLike, y: TensorLike) -> Array: ...


class Reduction(Protocol):
    """A function along axes."""

    def __call__(self, x: TensorLike, axis: Axes = None, keepdims: bool = False) -> Array: ...


class Facts(NamedTuple):
    """What is known of a function.

    Args:
        called: in files, the arguments that Keras's class of the function is called with; it is constructed with all others.
            None stand for the first one alone, `OPERANDS` for all behind the first one; `*` and `**` are as in a signature.
        keeps_nan: whether NaN comes out wherever it goes in.
        rounds: the argument that says how often something is done anew, which files may not set without limit.
        written: the name of Keras's class, where the function's own does not tell it.
    """

    called: tuple[str, ...] = ()
    keeps_nan: bool = False
    rounds: str | None = None
    written: str | None = None


OPERANDS = ("*",)
# Of the very functions: what wraps one of them may do something else.
_known: dict[Function, Facts] = {}


def op(called: str = "", keeps_nan: bool = False, rounds: str | None = None, written: str | None = None) -> Callable[[F], F]:
    """Makes a function of arrays traceable, and says how it is written into files.

    Args:
        called: names of arguments with spaces between, as in `Facts`.
        keeps_nan, rounds, written: as in `Facts`.
    """

    def enter(function: F) -> F:
        return tell(cast(F, traceable(function)), called, keeps_nan, rounds, written)

    return enter


def tell(function: F, called: str = "", keeps_nan: bool = False, rounds: str | None = None, written: str | None = None) -> F:
    """`op` for a function that takes symbolic tensors already."""
    _known[function] = Facts(tuple(called.split()), keeps_nan, rounds, written)
    return function


def tell_alike(function: Function, other: Function) -> None:
    """Lets all that is known of one function be known of another that computes the same."""
    _known[function] = _known[other]


# Gives (a function that files can name, args, kwargs) for what a call was given, or `None` where there is none.
Call: TypeAlias = tuple[object, tuple[Any, ...], dict[str, Any]]
Translation: TypeAlias = Callable[[tuple[Any, ...], dict[str, Any]], Call | None]
_translations: dict[Function, Translation] = {}


def tell_translation(function: Function, translate: Translation) -> None:
    """Says which function files name in the place of one that they cannot, with the arguments that make it the same."""
    _translations[function] = translate


def translation_of(
    function: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[object, tuple[Any, ...], dict[str, Any]]:
    """(function, args, kwargs) of a call as files name it; unchanged where nothing is known."""
    try:
        translate = _translations.get(cast(Function, function))
    except TypeError:  # unhashable callables
        translate = None
    return (translate(args, kwargs) if translate is not None else None) or (function, args, kwargs)


def facts_of(function: object) -> Facts | None:
    """What is known of a function; `None` for one of a user's own, and for those that no file can name.

    >>> from kerata import ops
    >>> facts_of(ops.where).called, facts_of(ops.mean).keeps_nan, facts_of(len)
    (('condition', 'x1', 'x2'), True, None)
    """
    try:
        return _known.get(cast(Function, function))
    except TypeError:  # unhashable callables
        return None


def unary(name: str, function: Function, text: str, floating: bool = False, keeps_nan: bool = False) -> Unary:
    """`name(x)`. With `floating`, integers become floats first.

    >>> import jax.numpy as jnp
    >>> unary("sine", jnp.sin, "The sine.", floating=True)([0])
    Array([0.], dtype=float32)
    """

    def apply(x: TensorLike) -> Array:
        x = as_array(x)
        return function(as_float(x) if floating else x)

    return op("", keeps_nan)(named(apply, name, text))


def as_floats(x1: Array, x2: Array) -> tuple[Array, Array]:
    """Two arrays of which integers become floats: of the other one's type where that is one, so that a half stays a half."""
    floats = [x.dtype for x in (x1, x2) if jnp.issubdtype(x.dtype, jnp.floating) and not x.weak_type]
    # A weakly typed scalar must not widen the other one.
    first, second = (
        x if x.weak_type or jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(floats[0]) if floats else as_float(x)
        for x in (x1, x2)
    )
    return first, second


def binary(name: str, function: Function, text: str, floating: bool = False, keeps_nan: bool = False) -> Binary:
    """`name(x1, x2)`. With `floating`, integers become floats first."""

    def apply(x1: TensorLike, x2: TensorLike) -> Array:
        x1, x2 = as_array(x1), as_array(x2)
        if floating:
            x1, x2 = as_floats(x1, x2)
        return function(x1, x2)

    return op("x1 x2", keeps_nan)(keeps_sizes(named(apply, name, text)))


def bitwise(name: str, function: Function, text: str) -> Bitwise:
    """`name(x, y)`, as Keras calls the arguments of functions of bits."""

    def apply(x: TensorLike, y: TensorLike) -> Array:
        return function(as_array(x), as_array(y))

    return op("x y")(named(apply, name, text))


def reduction(name: str, function: Function, text: str, keeps_nan: bool = False) -> Reduction:
    """`name(x, axis=None, keepdims=False)`: `axis` is an integer, several, or `None` for all."""

    def apply(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Array:
        return function(as_array(x), axis=as_axes(axis), keepdims=keepdims)

    return op("", keeps_nan)(keeps_sizes(named(apply, name, text)))


def named(apply: F, name: str, text: str) -> F:
    """The function as a person finds it: under its name, with its line of documentation."""
    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = text
    return apply


def as_float(x: Array) -> Array:
    """Integers and truth values as floats."""
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(floatx())


def as_axes(axis: Axes) -> int | tuple[int, ...] | None:
    """Several axes as the tuple that JAX takes."""
    return cast("int | tuple[int, ...] | None", tuple(axis) if isinstance(axis, list) else axis)


def with_axis(owner: str, x: TensorLike, axis: int) -> Array:
    """x as an array that has an axis."""
    x = as_array(x)
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(message(owner, f"`axis` must be below {x.ndim}, the number of axes", {"axis": axis, "shape": x.shape}))
    return x


def as_array(x: TensorLike) -> Array:
    """x as a JAX array. NumPy's are copied: `jnp.asarray` compiles a program for each shape (13 ms), and reads them later."""
    if isinstance(x, jax.Array):
        return x
    if isinstance(x, np.ndarray) and not is_traced():
        return HERE.put_whole(cast(Array, x.copy()))
    return jnp.asarray(x)
