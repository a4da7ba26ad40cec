"""Making, shaping, joining, indexing and multiplying arrays, by NumPy's names."""

import jax.numpy as jnp

from kerata.base.checks import check_choice, message
from kerata.base.config import floatx
from kerata.engine.symbolic import getitem, is_symbolic, traceable
from kerata.engine.variable import standardize_dtype
from kerata.ops.forms import binary, named, op, tell, unary

# Making.


@traceable
def array(x, dtype=None):
    """x as an array, copied."""
    return jnp.array(x, dtype=dtype)


def arange(start, stop=None, step=None, dtype=None):
    """start, start + step, ... below stop; 0 to start where `stop` is missing.

    >>> import kerata
    >>> kerata.ops.arange(3).tolist()
    [0, 1, 2]
    """
    return jnp.arange(start, stop, step, dtype=None if dtype is None else standardize_dtype(dtype))


def zeros(shape, dtype=None):
    """An array of zeros."""
    return jnp.zeros(shape, standardize_dtype(dtype))


def ones(shape, dtype=None):
    """An array of ones."""
    return jnp.ones(shape, standardize_dtype(dtype))


def empty(shape, dtype=None):
    """An array of a shape, of zeros."""
    return jnp.empty(shape, standardize_dtype(dtype))


def full(shape, fill_value, dtype=None):
    """An array of one number."""
    return jnp.full(shape, jnp.asarray(fill_value), standardize_dtype(dtype))


def eye(N, M=None, k=0, dtype=None):
    """Ones on the k-th diagonal of an N x M matrix, zeros elsewhere."""
    return jnp.eye(N, M=M, k=k, dtype=standardize_dtype(dtype))


def identity(n, dtype=None):
    """The n x n identity matrix."""
    return jnp.identity(n, standardize_dtype(dtype))


def tri(N, M=None, k=0, dtype=None):
    """Ones on and below the k-th diagonal of an N x M matrix, zeros elsewhere."""
    return jnp.tri(N, M=M, k=k, dtype=standardize_dtype(dtype))


@op()
def zeros_like(x, dtype=None):
    """Zeros in the shape of x."""
    return jnp.zeros_like(jnp.asarray(x), dtype=dtype)


@op()
def ones_like(x, dtype=None):
    """Ones in the shape of x."""
    return jnp.ones_like(jnp.asarray(x), dtype=dtype)


@op()
def empty_like(x, dtype=None):
    """Zeros in the shape of x."""
    return jnp.empty_like(jnp.asarray(x), dtype=dtype)


@op("x fill_value")
def full_like(x, fill_value, dtype=None):
    """One number in the shape of x."""
    return jnp.full_like(jnp.asarray(x), jnp.asarray(fill_value), dtype=dtype)


@traceable
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """`num` numbers from start to stop, equally far apart."""
    start, stop = jnp.asarray(start), jnp.asarray(stop)
    return jnp.linspace(start, stop, num=num, endpoint=endpoint, retstep=retstep, dtype=dtype, axis=axis)


@traceable
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """`num` numbers from base^start to base^stop with equal ratios."""
    start, stop = jnp.asarray(start), jnp.asarray(stop)
    return jnp.logspace(start, stop, num=num, endpoint=endpoint, base=base, dtype=dtype, axis=axis)


@traceable
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """`num` numbers from start to stop with equal ratios."""
    start, stop = jnp.asarray(start), jnp.asarray(stop)
    return jnp.geomspace(start, stop, num=num, endpoint=endpoint, dtype=dtype, axis=axis)


@traceable
def meshgrid(*x, indexing="xy"):
    """The coordinates of a grid, one array for each of the given axes."""
    return jnp.meshgrid(*[jnp.asarray(item) for item in x], indexing=indexing)


@op()
def vander(x, N=None, increasing=False):
    """Each number's powers N - 1, ..., 1, 0 (or 0, 1, ...) as a row."""
    return jnp.vander(jnp.asarray(x), N=N, increasing=increasing)


def _window(name, function, text):
    return traceable(named(lambda x: function(int(jnp.asarray(x))).astype(floatx()), name, text))


bartlett = _window("bartlett", jnp.bartlett, "A triangular window of x points.")
blackman = _window("blackman", jnp.blackman, "A Blackman window of x points.")
hamming = _window("hamming", jnp.hamming, "A Hamming window of x points.")
hanning = _window("hanning", jnp.hanning, "A Hann window of x points.")


def kaiser(x, beta):
    """A Kaiser window of x points."""
    return jnp.kaiser(int(x), beta).astype(floatx())


# Shapes.


@op(keeps_nan=True)
def reshape(x, newshape):
    """x in another shape of the same size; -1 (or one `None`) for the dimension that follows from the rest.

    >>> import kerata
    >>> kerata.ops.reshape(kerata.ops.arange(6), (2, -1)).shape
    (2, 3)
    """
    shape = (newshape,) if isinstance(newshape, int) else tuple(newshape)
    return jnp.reshape(jnp.asarray(x), [-1 if dim is None else dim for dim in shape])


@op(keeps_nan=True)
def transpose(x, axes=None):
    """x with its axes in another order, reversed by default."""
    return jnp.transpose(jnp.asarray(x), axes)


@op()
def broadcast_to(x, shape):
    """x repeated to a shape."""
    return jnp.broadcast_to(jnp.asarray(x), shape)


@op(keeps_nan=True)
def expand_dims(x, axis):
    """x with new axes of size 1."""
    return jnp.expand_dims(jnp.asarray(x), axis)


@op(keeps_nan=True)
def squeeze(x, axis=None):
    """x without axes of size 1."""
    return jnp.squeeze(jnp.asarray(x), tuple(axis) if isinstance(axis, list) else axis)


@op()
def swapaxes(x, axis1, axis2):
    """x with two axes exchanged."""
    return jnp.swapaxes(jnp.asarray(x), axis1, axis2)


@op()
def moveaxis(x, source, destination):
    """x with axes moved, the others in their order."""
    return jnp.moveaxis(jnp.asarray(x), source, destination)


@op()
def flip(x, axis=None):
    """x with the order along `axis` reversed."""
    return jnp.flip(jnp.asarray(x), axis)


@op()
def roll(x, shift, axis=None):
    """x moved by `shift` along `axis`; what leaves at the end comes in at the beginning."""
    return jnp.roll(jnp.asarray(x), shift, axis)


@op()
def rot90(array, k=1, axes=(0, 1)):
    """The plane of two axes turned by 90 degrees, k times."""
    x = jnp.asarray(array)
    if x.ndim < 2 or len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(
            message(
                "rot90",
                "a plane is given by two different axes of an array with at least two",
                {"shape": x.shape, "axes": axes},
            )
        )
    return jnp.rot90(x, k=k, axes=axes)


@op()
def tile(x, repeats):
    """x laid side by side `repeats` times."""
    return jnp.tile(jnp.asarray(x), repeats)


@op()
def repeat(x, repeats, axis=None):
    """Each element (or slice along `axis`) `repeats` times in a row."""
    return jnp.repeat(jnp.asarray(x), repeats, axis=axis)


@op("x constant_values")
def pad(x, pad_width, mode="constant", constant_values=None):
    """x with something around it: `pad_width` says how much before and after, for each axis."""
    if constant_values is None:
        return jnp.pad(jnp.asarray(x), pad_width, mode=mode)
    check_choice("pad", "mode (with `constant_values`)", mode, ("constant",))
    return jnp.pad(jnp.asarray(x), pad_width, mode=mode, constant_values=constant_values)


@traceable
def view(x, dtype=None):
    """The bits of x as another type."""
    return jnp.asarray(x).view(dtype)


@op()
def diag(x, k=0):
    """The k-th diagonal of a matrix, or the matrix with a given diagonal."""
    return jnp.diag(jnp.asarray(x), k)


@op()
def diagflat(x, k=0):
    """The matrix with the elements of x on its k-th diagonal."""
    return jnp.diagflat(jnp.asarray(x), k)


@op()
def diagonal(x, offset=0, axis1=0, axis2=1):
    """A diagonal of the planes of two axes."""
    return jnp.diagonal(jnp.asarray(x), offset, axis1, axis2)


@op()
def trace(x, offset=0, axis1=0, axis2=1):
    """The sum of a diagonal of the planes of two axes."""
    return jnp.trace(jnp.asarray(x), offset, axis1, axis2)


@op()
def tril(x, k=0):
    """x with zeros above the k-th diagonal."""
    return jnp.tril(jnp.asarray(x), k)


@op()
def triu(x, k=0):
    """x with zeros below the k-th diagonal."""
    return jnp.triu(jnp.asarray(x), k)


copy = unary("copy", jnp.copy, "A copy.")
fliplr = unary("fliplr", jnp.fliplr, "x with its second axis reversed.")
flipud = unary("flipud", jnp.flipud, "x with its first axis reversed.")
ravel = unary("ravel", jnp.ravel, "x as one row.")


@traceable
def nonzero(x):
    """The indices of what is not zero, one array for each axis."""
    return jnp.nonzero(jnp.asarray(x))


@traceable
def size(x):
    """How many elements there are."""
    return jnp.size(jnp.asarray(x))


def ndim(x):
    """How many axes there are."""
    return len(x.shape) if is_symbolic(x) else jnp.ndim(jnp.asarray(x))


# Joining and dividing.


@op(keeps_nan=True)
def concatenate(xs, axis=0):
    """Arrays one after the other along an axis.

    >>> import kerata
    >>> kerata.ops.concatenate([[1, 2], [3]]).tolist()
    [1, 2, 3]
    """
    return jnp.concatenate([jnp.asarray(x) for x in xs], axis=axis)


@op(keeps_nan=True)
def stack(x, axis=0):
    """Arrays of one shape along a new axis."""
    return jnp.stack([jnp.asarray(item) for item in x], axis=axis)


@op()
def hstack(xs):
    """Arrays one after the other along the second axis (the only one of sequences)."""
    return jnp.hstack([jnp.asarray(x) for x in xs])


@op()
def vstack(xs):
    """Arrays one below the other."""
    return jnp.vstack([jnp.asarray(x) for x in xs])


@op()
def dstack(xs):
    """Arrays one behind the other along the third axis."""
    return jnp.dstack([jnp.asarray(x) for x in xs])


@op("x1 x2")
def append(x1, x2, axis=None):
    """x2 behind x1 along `axis`; both as one row by default."""
    return jnp.append(jnp.asarray(x1), jnp.asarray(x2), axis=axis)


@op(rounds="indices_or_sections")
def split(x, indices_or_sections, axis=0):
    """Parts of x along an axis: so many equal ones, or cut at indices."""
    return jnp.split(jnp.asarray(x), indices_or_sections, axis=axis)


@op(rounds="indices_or_sections")
def array_split(x, indices_or_sections, axis=0):
    """Parts of x along an axis, as equal as can be."""
    return jnp.array_split(jnp.asarray(x), indices_or_sections, axis=axis)


@op(rounds="indices_or_sections")
def hsplit(x, indices_or_sections):
    """Parts of x along the second axis (the only one of sequences)."""
    return jnp.hsplit(jnp.asarray(x), indices_or_sections)


@op(rounds="indices_or_sections")
def vsplit(x, indices_or_sections):
    """Parts of x along the first axis."""
    return jnp.vsplit(jnp.asarray(x), indices_or_sections)


@op(rounds="indices_or_sections")
def dsplit(x, indices_or_sections):
    """Parts of x along the third axis."""
    return jnp.dsplit(jnp.asarray(x), indices_or_sections)


# Indexing.


def get_item(x, key):
    """x[key]."""
    return getitem(x, key) if is_symbolic(x) else jnp.asarray(x)[key]


tell(get_item, "x key")


@op("x indices")
def take(x, indices, axis=None):
    """x[indices] along `axis`, or of x as one row. Indices out of range give NaN."""
    return jnp.take(jnp.asarray(x), jnp.asarray(indices), axis=axis)


@op("x indices")
def take_along_axis(x, indices, axis=None):
    """For each place of `indices` the element of x at that index along `axis`, at the same place otherwise."""
    return jnp.take_along_axis(jnp.asarray(x), jnp.asarray(indices), axis=axis)


@op("condition x1 x2")
def where(condition, x1=None, x2=None):
    """x1 where the condition holds, x2 elsewhere; without them, the indices where it holds."""
    if x1 is None and x2 is None:
        return jnp.where(jnp.asarray(condition))
    return jnp.where(jnp.asarray(condition), jnp.asarray(x1), jnp.asarray(x2))


@op("condlist choicelist default")
def select(condlist, choicelist, default=0):
    """At each place the choice that belongs to the first condition that holds."""
    conditions, choices = [jnp.asarray(c) for c in condlist], [jnp.asarray(c) for c in choicelist]
    return jnp.select(conditions, choices, default=jnp.asarray(default))


@traceable
def unravel_index(indices, shape):
    """Indices into an array as one row, as indices for each axis of its shape."""
    return jnp.unravel_index(jnp.asarray(indices), shape)


# Products.


@op("x1 x2", keeps_nan=True)
def matmul(x1, x2):
    """The matrix product over the last two axes; of bytes, in 32 bits.

    >>> import kerata
    >>> kerata.ops.matmul([[1.0, 2.0]], [[3.0], [4.0]]).tolist()
    [[11.0]]
    """
    x1, x2 = jnp.asarray(x1), jnp.asarray(x2)
    return jnp.matmul(x1, x2, preferred_element_type="int32" if x1.dtype == x2.dtype == jnp.int8 else None)


@op("*", keeps_nan=True)
def einsum(subscripts, *operands, **kwargs):
    """Products summed over axes by name, `einsum("ij,jk->ik", a, b)`; of bytes, in 32 bits."""
    operands = [jnp.asarray(x) for x in operands]
    if all(x.dtype == jnp.int8 for x in operands):
        kwargs["preferred_element_type"] = "int32"
    return jnp.einsum(subscripts, *operands, **kwargs)


@op("x1 x2")
def tensordot(x1, x2, axes=2):
    """The sum of products over the last axes of x1 and the first ones of x2, or over pairs of axes."""
    return jnp.tensordot(jnp.asarray(x1), jnp.asarray(x2), axes=axes)


@op("x1 x2")
def cross(x1, x2, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The cross product of vectors."""
    return jnp.cross(jnp.asarray(x1), jnp.asarray(x2), axisa=axisa, axisb=axisb, axisc=axisc, axis=axis)


dot = binary("dot", jnp.dot, "The sum of products over the last axis of x1 and the last but one of x2.", keeps_nan=True)
inner = binary("inner", jnp.inner, "The sum of products over the last axes.")
kron = binary("kron", jnp.kron, "Each element of x1 times all of x2.")
outer = binary("outer", jnp.outer, "Each element of x1 times each of x2.")
vdot = binary("vdot", jnp.vdot, "The sum of products of all elements, the first ones conjugated.")


def vectorize(pyfunc, *, excluded=None, signature=None):
    """A function of numbers as a function of arrays."""
    return jnp.vectorize(pyfunc, excluded=frozenset(excluded or ()), signature=signature)
