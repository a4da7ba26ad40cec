"""Making, shaping, joining, indexing and multiplying arrays, by NumPy's names."""

# JAX leaves some arguments and results of its functions without a type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import jax.numpy as jnp
import numpy as np

from kerata.base.checks import check_choice, message
from kerata.base.config import floatx
from kerata.base.types import DTypeLike, ShapeLike
from kerata.engine.scope import unknown_size
from kerata.engine.symbolic import SymbolicTensor, getitem, is_symbolic, traceable
from kerata.engine.types import Array, TensorLike
from kerata.engine.variable import standardize_dtype
from kerata.kernels import padding
from kerata.kernels.padding import PadWidth
from kerata.ops.forms import Axes, Function, Unary, as_array, binary, named, op, tell, unary, with_axis
from kerata.ops.sizes import at_once, keeps_sizes, plain_sizes

# Making.


@op()
@keeps_sizes
def array(x: TensorLike, dtype: DTypeLike | None = None) -> Array:
    """x as an array, copied."""
    return jnp.array(x, dtype=dtype)


def arange(start: float, stop: float | None = None, step: float | None = None, dtype: DTypeLike | None = None) -> Array:
    """start, start + step, ... below stop; 0 to start where `stop` is missing.

    >>> import kerata
    >>> kerata.ops.arange(3).tolist()
    [0, 1, 2]
    """
    return jnp.arange(start, stop, step, dtype=None if dtype is None else standardize_dtype(dtype))


def zeros(shape: ShapeLike, dtype: DTypeLike | None = None) -> Array:
    """An array of zeros."""
    return jnp.zeros(plain_sizes(shape), standardize_dtype(dtype))


def ones(shape: ShapeLike, dtype: DTypeLike | None = None) -> Array:
    """An array of ones."""
    return jnp.ones(plain_sizes(shape), standardize_dtype(dtype))


def empty(shape: ShapeLike, dtype: DTypeLike | None = None) -> Array:
    """An array of a shape, of zeros."""
    return jnp.empty(plain_sizes(shape), standardize_dtype(dtype))


@op("fill_value")
@keeps_sizes
def full(shape: ShapeLike, fill_value: TensorLike, dtype: DTypeLike | None = None) -> Array:
    """An array of one number."""
    return jnp.full(plain_sizes(shape), as_array(fill_value), standardize_dtype(dtype))


def eye(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Array:
    """Ones on the k-th diagonal of an N x M matrix, zeros elsewhere."""
    return jnp.eye(N, M=M, k=k, dtype=standardize_dtype(dtype))


def identity(n: int, dtype: DTypeLike | None = None) -> Array:
    """The n x n identity matrix."""
    return jnp.identity(n, standardize_dtype(dtype))


def tri(N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None) -> Array:
    """Ones on and below the k-th diagonal of an N x M matrix, zeros elsewhere."""
    return jnp.tri(N, M=M, k=k, dtype=standardize_dtype(dtype))


@op()
def zeros_like(x: TensorLike, dtype: DTypeLike | None = None) -> Array:
    """Zeros in the shape of x."""
    return jnp.zeros_like(as_array(x), dtype=dtype)


@op()
def ones_like(x: TensorLike, dtype: DTypeLike | None = None) -> Array:
    """Ones in the shape of x."""
    return jnp.ones_like(as_array(x), dtype=dtype)


@op()
def empty_like(x: TensorLike, dtype: DTypeLike | None = None) -> Array:
    """Zeros in the shape of x."""
    return jnp.empty_like(as_array(x), dtype=dtype)


@op("x fill_value")
def full_like(x: TensorLike, fill_value: TensorLike, dtype: DTypeLike | None = None) -> Array:
    """One number in the shape of x."""
    return jnp.full_like(as_array(x), as_array(fill_value), dtype=dtype)


@op("start stop")
def linspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Array | tuple[Array, Array]:
    """`num` numbers from start to stop, equally far apart."""
    start, stop = as_array(start), as_array(stop)
    return jnp.linspace(start, stop, num=num, endpoint=endpoint, retstep=retstep, dtype=dtype, axis=axis)


@op("start stop")
def logspace(
    start: TensorLike,
    stop: TensorLike,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Array:
    """`num` numbers from base^start to base^stop with equal ratios."""
    start, stop = as_array(start), as_array(stop)
    return jnp.logspace(start, stop, num=num, endpoint=endpoint, base=base, dtype=dtype, axis=axis)


@op("start stop")
def geomspace(
    start: TensorLike, stop: TensorLike, num: int = 50, endpoint: bool = True, dtype: DTypeLike | None = None, axis: int = 0
) -> Array:
    """`num` numbers from start to stop with equal ratios."""
    start, stop = as_array(start), as_array(stop)
    return jnp.geomspace(start, stop, num=num, endpoint=endpoint, dtype=dtype, axis=axis)


@op("*x")
def meshgrid(*x: TensorLike, indexing: str = "xy") -> list[Array]:
    """The coordinates of a grid, one array for each of the given axes."""
    return jnp.meshgrid(*[as_array(item) for item in x], indexing=indexing)


@op()
def vander(x: TensorLike, N: int | None = None, increasing: bool = False) -> Array:
    """Each number's powers N - 1, ..., 1, 0 (or 0, 1, ...) as a row."""
    return jnp.vander(as_array(x), N=N, increasing=increasing)


def _window(name: str, function: Function, text: str) -> Unary:
    return traceable(named(lambda x: function(int(as_array(x))).astype(floatx()), name, text))


bartlett = _window("bartlett", jnp.bartlett, "A triangular window of x points.")
blackman = _window("blackman", jnp.blackman, "A Blackman window of x points.")
hamming = _window("hamming", jnp.hamming, "A Hamming window of x points.")
hanning = _window("hanning", jnp.hanning, "A Hann window of x points.")


def kaiser(x: int, beta: float) -> Array:
    """A Kaiser window of x points."""
    return jnp.kaiser(int(x), beta).astype(floatx())


# Shapes.


@op(keeps_nan=True)
@keeps_sizes
def reshape(x: TensorLike, newshape: int | Sequence[int | None]) -> Array:
    """x in another shape of the same size; -1 (or one `None`) for the dimension that follows from the rest.

    >>> import kerata
    >>> kerata.ops.reshape(kerata.ops.arange(6), (2, -1)).shape
    (2, 3)
    """
    shape = (newshape,) if isinstance(newshape, int) else tuple(plain_sizes(newshape))
    return jnp.reshape(as_array(x), [-1 if dim is None else dim for dim in shape])


@op(keeps_nan=True)
def transpose(x: TensorLike, axes: Sequence[int] | None = None) -> Array:
    """x with its axes in another order, reversed by default."""
    return jnp.transpose(as_array(x), axes)


@op()
def broadcast_to(x: TensorLike, shape: ShapeLike) -> Array:
    """x repeated to a shape."""
    return jnp.broadcast_to(as_array(x), plain_sizes(shape))


@op(keeps_nan=True)
@keeps_sizes
def expand_dims(x: TensorLike, axis: int | Sequence[int]) -> Array:
    """x with new axes of size 1."""
    return jnp.expand_dims(as_array(x), axis)


@op(keeps_nan=True)
@keeps_sizes
def squeeze(x: TensorLike, axis: Axes | None = None) -> Array:
    """x without axes of size 1."""
    return jnp.squeeze(as_array(x), tuple(axis) if isinstance(axis, list) else axis)


@op()
def swapaxes(x: TensorLike, axis1: int, axis2: int) -> Array:
    """x with two axes exchanged."""
    return jnp.swapaxes(as_array(x), axis1, axis2)


@op()
def moveaxis(x: TensorLike, source: ShapeLike, destination: ShapeLike) -> Array:
    """x with axes moved, the others in their order."""
    return jnp.moveaxis(as_array(x), source, destination)


@op()
def flip(x: TensorLike, axis: Axes | None = None) -> Array:
    """x with the order along `axis` reversed."""
    return jnp.flip(as_array(x), axis)


@op()
def roll(x: TensorLike, shift: ShapeLike, axis: Axes | None = None) -> Array:
    """x moved by `shift` along `axis`; what leaves at the end comes in at the beginning."""
    return jnp.roll(as_array(x), shift, axis)


@op()
def rot90(array: TensorLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """The plane of two axes turned by 90 degrees, k times."""
    x = as_array(array)
    if x.ndim < 2 or len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(
            message(
                "rot90",
                "a plane is given by two different axes of an array with at least two",
                {"shape": x.shape, "axes": axes},
            )
        )
    return jnp.rot90(x, k=k, axes=(axes[0], axes[1]))


@op()
def tile(x: TensorLike, repeats: ShapeLike) -> Array:
    """x laid side by side `repeats` times."""
    return jnp.tile(as_array(x), plain_sizes(repeats))


@op()
def repeat(x: TensorLike, repeats: int | Sequence[int] | Array, axis: int | None = None) -> Array:
    """Each element (or slice along `axis`) `repeats` times in a row."""
    counts = np.asarray(repeats) if isinstance(repeats, (list, tuple)) else cast("int | Array", plain_sizes(repeats))
    return jnp.repeat(as_array(x), counts, axis=axis)


@op("x constant_values")
def pad(x: TensorLike, pad_width: PadWidth, mode: str = "constant", constant_values: TensorLike | None = None) -> Array:
    """x with something around it: `pad_width` says how much before and after, for each axis."""
    if constant_values is None:
        return padding.pad(as_array(x), pad_width, mode)
    check_choice("pad", "mode (with `constant_values`)", mode, ("constant",))
    return jnp.pad(as_array(x), pad_width, mode=mode, constant_values=constant_values)


@op()
def view(x: TensorLike, dtype: DTypeLike | None = None) -> Array:
    """The bits of x as another type."""
    return as_array(x).view(dtype)


@op()
def diag(x: TensorLike, k: int = 0) -> Array:
    """The k-th diagonal of a matrix, or the matrix with a given diagonal."""
    return jnp.diag(as_array(x), k)


@op()
def diagflat(x: TensorLike, k: int = 0) -> Array:
    """The matrix with the elements of x on its k-th diagonal."""
    return jnp.diagflat(as_array(x), k)


@op()
def diagonal(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """A diagonal of the planes of two axes."""
    return jnp.diagonal(_with_two_axes("diagonal", x, axis1, axis2), offset, axis1, axis2)


def _with_two_axes(owner: str, x: TensorLike, axis1: int, axis2: int) -> Array:
    """x as an array, of which two axes are not the same."""
    x = as_array(x)
    if x.ndim and axis1 % x.ndim == axis2 % x.ndim:
        raise ValueError(message(owner, "`axis1` and `axis2` must be two axes", {"axis1": axis1, "axis2": axis2}))
    return x


@op()
def trace(x: TensorLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The sum of a diagonal of the planes of two axes."""
    return jnp.trace(_with_two_axes("trace", x, axis1, axis2), offset, axis1, axis2)


@op()
def tril(x: TensorLike, k: int = 0) -> Array:
    """x with zeros above the k-th diagonal."""
    return jnp.tril(as_array(x), k)


@op()
def triu(x: TensorLike, k: int = 0) -> Array:
    """x with zeros below the k-th diagonal."""
    return jnp.triu(as_array(x), k)


copy = unary("copy", jnp.copy, "A copy.")
fliplr = unary("fliplr", jnp.fliplr, "x with its second axis reversed.")
flipud = unary("flipud", jnp.flipud, "x with its first axis reversed.")
ravel = unary("ravel", jnp.ravel, "x as one row.")


@op()
@at_once
def nonzero(x: TensorLike) -> tuple[Array, ...]:
    """The indices of what is not zero, one array for each axis."""
    x = as_array(x)
    return jnp.nonzero(x, size=unknown_size(x))


@op()
def size(x: TensorLike) -> int:
    """How many elements there are."""
    return jnp.size(as_array(x))


def ndim(x: TensorLike) -> int:
    """How many axes there are."""
    return len(x.shape) if is_symbolic(x) else jnp.ndim(as_array(x))


# Joining and dividing.


@op(keeps_nan=True)
@keeps_sizes
def concatenate(xs: Sequence[TensorLike], axis: int = 0) -> Array:
    """Arrays one after the other along an axis.

    >>> import kerata
    >>> kerata.ops.concatenate([[1, 2], [3]]).tolist()
    [1, 2, 3]
    """
    return jnp.concatenate([as_array(x) for x in xs], axis=axis)


@op(keeps_nan=True)
@keeps_sizes
def stack(x: Sequence[TensorLike], axis: int = 0) -> Array:
    """Arrays of one shape along a new axis."""
    return jnp.stack([as_array(item) for item in x], axis=axis)


@op()
def hstack(xs: Sequence[TensorLike]) -> Array:
    """Arrays one after the other along the second axis (the only one of sequences)."""
    return jnp.hstack([as_array(x) for x in xs])


@op()
def vstack(xs: Sequence[TensorLike]) -> Array:
    """Arrays one below the other."""
    return jnp.vstack([as_array(x) for x in xs])


@op()
def dstack(xs: Sequence[TensorLike]) -> Array:
    """Arrays one behind the other along the third axis."""
    return jnp.dstack([as_array(x) for x in xs])


@op("x1 x2")
def append(x1: TensorLike, x2: TensorLike, axis: int | None = None) -> Array:
    """x2 behind x1 along `axis`; both as one row by default."""
    return jnp.append(as_array(x1), as_array(x2), axis=axis)


@op(rounds="indices_or_sections")
def split(x: TensorLike, indices_or_sections: ShapeLike, axis: int = 0) -> list[Array]:
    """Parts of x along an axis: so many equal ones, or cut at indices."""
    return jnp.split(with_axis("split", x, axis), indices_or_sections, axis=axis)


@op(rounds="indices_or_sections")
def array_split(x: TensorLike, indices_or_sections: ShapeLike, axis: int = 0) -> list[Array]:
    """Parts of x along an axis, as equal as can be."""
    return jnp.array_split(with_axis("array_split", x, axis), indices_or_sections, axis=axis)


@op(rounds="indices_or_sections")
def hsplit(x: TensorLike, indices_or_sections: int | Array) -> list[Array]:
    """Parts of x along the second axis (the only one of sequences)."""
    return jnp.hsplit(as_array(x), indices_or_sections)


@op(rounds="indices_or_sections")
def vsplit(x: TensorLike, indices_or_sections: int | Array) -> list[Array]:
    """Parts of x along the first axis."""
    return jnp.vsplit(as_array(x), indices_or_sections)


@op(rounds="indices_or_sections")
def dsplit(x: TensorLike, indices_or_sections: int | Array) -> list[Array]:
    """Parts of x along the third axis."""
    return jnp.dsplit(as_array(x), indices_or_sections)


# Indexing.


def get_item(x: TensorLike, key: object) -> Array:
    """x[key]."""
    return getitem(x, key) if is_symbolic(x) else as_array(x)[key]


tell(get_item, "x key")


@op("x indices")
def take(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Array:
    """x[indices] along `axis`, or of x as one row. Indices out of range give NaN."""
    return jnp.take(as_array(x), as_array(indices), axis=axis)


@op("x indices")
def take_along_axis(x: TensorLike, indices: TensorLike, axis: int | None = None) -> Array:
    """For each place of `indices` the element of x at that index along `axis`, at the same place otherwise."""
    return jnp.take_along_axis(as_array(x), as_array(indices), axis=axis)


@op("condition x1 x2")
@at_once
def where(condition: TensorLike, x1: TensorLike | None = None, x2: TensorLike | None = None) -> Array | tuple[Array, ...]:
    """x1 where the condition holds, x2 elsewhere; without them, the indices where it holds."""
    if x1 is None and x2 is None:
        condition = as_array(condition)
        return jnp.where(condition, size=unknown_size(condition))
    return jnp.where(as_array(condition), *(as_array(cast(TensorLike, x)) for x in (x1, x2)))


@op("condlist choicelist default")
def select(condlist: Sequence[TensorLike], choicelist: Sequence[TensorLike], default: TensorLike = 0) -> Array:
    """At each place the choice that belongs to the first condition that holds."""
    conditions, choices = [as_array(c) for c in condlist], [as_array(c) for c in choicelist]
    return jnp.select(conditions, choices, default=as_array(default))


@op()
def unravel_index(indices: TensorLike, shape: Sequence[int]) -> tuple[Array, ...]:
    """Indices into an array as one row, as indices for each axis of its shape."""
    return jnp.unravel_index(as_array(indices), shape)


# Products.


@op("x1 x2", keeps_nan=True)
def matmul(x1: TensorLike, x2: TensorLike) -> Array:
    """The matrix product over the last two axes; of bytes, in 32 bits.

    >>> import kerata
    >>> kerata.ops.matmul([[1.0, 2.0]], [[3.0], [4.0]]).tolist()
    [[11.0]]
    """
    x1, x2 = as_array(x1), as_array(x2)
    return jnp.matmul(x1, x2, preferred_element_type="int32" if x1.dtype == x2.dtype == jnp.int8 else None)


@op("*", keeps_nan=True)
def einsum(subscripts: str, *operands: TensorLike, **kwargs: Any) -> Array:
    """Products summed over axes by name, `einsum("ij,jk->ik", a, b)`; of bytes, in 32 bits."""
    arrays = [as_array(x) for x in operands]
    if all(x.dtype == jnp.int8 for x in arrays):
        kwargs["preferred_element_type"] = "int32"
    return jnp.einsum(subscripts, *arrays, **kwargs)


@op("x1 x2")
def tensordot(x1: TensorLike, x2: TensorLike, axes: int | Sequence[Any] = 2) -> Array:
    """The sum of products over the last axes of x1 and the first ones of x2, or over pairs of axes."""
    return jnp.tensordot(as_array(x1), as_array(x2), axes=axes)


@op("x1 x2")
def cross(x1: TensorLike, x2: TensorLike, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    """The cross product of vectors."""
    return jnp.cross(as_array(x1), as_array(x2), axisa=axisa, axisb=axisb, axisc=axisc, axis=axis)


dot = binary("dot", jnp.dot, "The sum of products over the last axis of x1 and the last but one of x2.", keeps_nan=True)
inner = binary("inner", jnp.inner, "The sum of products over the last axes.")
kron = binary("kron", jnp.kron, "Each element of x1 times all of x2.")
outer = binary("outer", jnp.outer, "Each element of x1 times each of x2.")
vdot = binary("vdot", jnp.vdot, "The sum of products of all elements, the first ones conjugated.")


def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Iterable[int | str] | None = None, signature: str | None = None
) -> Callable[..., Any]:
    """A function of numbers as a function of arrays."""
    return jnp.vectorize(pyfunc, excluded=frozenset(excluded or ()), signature=signature)


def _reshaped(self: SymbolicTensor, newshape: Sequence[int]) -> object:
    """The tensor with other dimensions, -1 for one that follows from the others."""
    return reshape(self, newshape)


def _squeezed(self: SymbolicTensor, axis: Axes | None = None) -> object:
    """The tensor without axes of one element."""
    return squeeze(self, axis)


SymbolicTensor.reshape = _reshaped  # type: ignore[assignment, method-assign]
SymbolicTensor.squeeze = _squeezed  # type: ignore[assignment, method-assign]
