"""NumPy's functions of elements and along axes, by NumPy's names."""

# JAX leaves some arguments and results of its functions without a type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import builtins
from collections.abc import Sequence
from typing import cast

import jax.numpy as jnp
from jax.core import Tracer

from kerata.base.types import DTypeLike
from kerata.engine.scope import unknown_size
from kerata.engine.symbolic import OPERATORS
from kerata.engine.types import Array, TensorLike
from kerata.kernels.maxima import larger, largest, smaller, smallest, within
from kerata.kernels.sums import mean_along, sum_along
from kerata.ops.activations import tanh as tanh
from kerata.ops.arrays import append as append
from kerata.ops.arrays import arange as arange
from kerata.ops.arrays import array as array
from kerata.ops.arrays import array_split as array_split
from kerata.ops.arrays import bartlett as bartlett
from kerata.ops.arrays import blackman as blackman
from kerata.ops.arrays import broadcast_to as broadcast_to
from kerata.ops.arrays import concatenate as concatenate
from kerata.ops.arrays import copy as copy
from kerata.ops.arrays import cross as cross
from kerata.ops.arrays import diag as diag
from kerata.ops.arrays import diagflat as diagflat
from kerata.ops.arrays import diagonal as diagonal
from kerata.ops.arrays import dot as dot
from kerata.ops.arrays import dsplit as dsplit
from kerata.ops.arrays import dstack as dstack
from kerata.ops.arrays import einsum as einsum
from kerata.ops.arrays import empty as empty
from kerata.ops.arrays import empty_like as empty_like
from kerata.ops.arrays import expand_dims as expand_dims
from kerata.ops.arrays import eye as eye
from kerata.ops.arrays import flip as flip
from kerata.ops.arrays import fliplr as fliplr
from kerata.ops.arrays import flipud as flipud
from kerata.ops.arrays import full as full
from kerata.ops.arrays import full_like as full_like
from kerata.ops.arrays import geomspace as geomspace
from kerata.ops.arrays import get_item as get_item
from kerata.ops.arrays import hamming as hamming
from kerata.ops.arrays import hanning as hanning
from kerata.ops.arrays import hsplit as hsplit
from kerata.ops.arrays import hstack as hstack
from kerata.ops.arrays import identity as identity
from kerata.ops.arrays import inner as inner
from kerata.ops.arrays import kaiser as kaiser
from kerata.ops.arrays import kron as kron
from kerata.ops.arrays import linspace as linspace
from kerata.ops.arrays import logspace as logspace
from kerata.ops.arrays import matmul as matmul
from kerata.ops.arrays import meshgrid as meshgrid
from kerata.ops.arrays import moveaxis as moveaxis
from kerata.ops.arrays import ndim as ndim
from kerata.ops.arrays import nonzero as nonzero
from kerata.ops.arrays import ones as ones
from kerata.ops.arrays import ones_like as ones_like
from kerata.ops.arrays import outer as outer
from kerata.ops.arrays import pad as pad
from kerata.ops.arrays import ravel as ravel
from kerata.ops.arrays import repeat as repeat
from kerata.ops.arrays import reshape as reshape
from kerata.ops.arrays import roll as roll
from kerata.ops.arrays import rot90 as rot90
from kerata.ops.arrays import select as select
from kerata.ops.arrays import size as size
from kerata.ops.arrays import split as split
from kerata.ops.arrays import squeeze as squeeze
from kerata.ops.arrays import stack as stack
from kerata.ops.arrays import swapaxes as swapaxes
from kerata.ops.arrays import take as take
from kerata.ops.arrays import take_along_axis as take_along_axis
from kerata.ops.arrays import tensordot as tensordot
from kerata.ops.arrays import tile as tile
from kerata.ops.arrays import trace as trace
from kerata.ops.arrays import transpose as transpose
from kerata.ops.arrays import tri as tri
from kerata.ops.arrays import tril as tril
from kerata.ops.arrays import triu as triu
from kerata.ops.arrays import unravel_index as unravel_index
from kerata.ops.arrays import vander as vander
from kerata.ops.arrays import vdot as vdot
from kerata.ops.arrays import vectorize as vectorize
from kerata.ops.arrays import view as view
from kerata.ops.arrays import vsplit as vsplit
from kerata.ops.arrays import vstack as vstack
from kerata.ops.arrays import where as where
from kerata.ops.arrays import zeros as zeros
from kerata.ops.arrays import zeros_like as zeros_like
from kerata.ops.forms import Axes, as_array, as_axes, as_float, as_floats, binary, bitwise, op, reduction, tell_alike, unary
from kerata.ops.sizes import at_once, keeps_sizes

# Of one array.
absolute = unary("absolute", jnp.abs, "|x|.", keeps_nan=True)
abs = unary("abs", jnp.abs, "|x|.", keeps_nan=True)
angle = unary("angle", jnp.angle, "The angle of complex numbers in radians.", floating=True)
arccos = unary("arccos", jnp.arccos, "The angle in [0, pi] whose cosine is x.", floating=True)
arccosh = unary("arccosh", jnp.arccosh, "The number whose hyperbolic cosine is x.", floating=True)
arcsin = unary("arcsin", jnp.arcsin, "The angle in [-pi/2, pi/2] whose sine is x.", floating=True)
arcsinh = unary("arcsinh", jnp.arcsinh, "The number whose hyperbolic sine is x.", floating=True)
arctan = unary("arctan", jnp.arctan, "The angle in [-pi/2, pi/2] whose tangent is x.", floating=True)
arctanh = unary("arctanh", jnp.arctanh, "The number whose hyperbolic tangent is x.", floating=True)
bitwise_invert = unary("bitwise_invert", jnp.invert, "Every bit turned over.")
bitwise_not = unary("bitwise_not", jnp.invert, "Every bit turned over.")
cbrt = unary("cbrt", jnp.cbrt, "The cube root.", floating=True)
ceil = unary("ceil", jnp.ceil, "The least whole number not below x.", floating=True)
conj = unary("conj", jnp.conjugate, "The complex conjugate.")
conjugate = unary("conjugate", jnp.conjugate, "The complex conjugate.")
cos = unary("cos", jnp.cos, "The cosine.", floating=True, keeps_nan=True)
cosh = unary("cosh", jnp.cosh, "The hyperbolic cosine.", floating=True)
deg2rad = unary("deg2rad", jnp.deg2rad, "Degrees in radians.", floating=True)
exp = unary("exp", jnp.exp, "e^x.", floating=True, keeps_nan=True)
exp2 = unary("exp2", jnp.exp2, "2^x.", floating=True)
expm1 = unary("expm1", jnp.expm1, "e^x - 1, exact for small x.", floating=True)
fabs = unary("fabs", jnp.abs, "|x| as a float.", floating=True)
floor = unary("floor", jnp.floor, "The greatest whole number not above x.", floating=True)
i0 = unary("i0", jnp.i0, "The modified Bessel function of the first kind, order 0.", floating=True)
imag = unary("imag", jnp.imag, "The imaginary part.")
isfinite = unary("isfinite", jnp.isfinite, "Whether x is neither infinite nor NaN.")
isinf = unary("isinf", jnp.isinf, "Whether x is infinite.")
isnan = unary("isnan", jnp.isnan, "Whether x is NaN.")
isneginf = unary("isneginf", jnp.isneginf, "Whether x is negative infinity.")
isposinf = unary("isposinf", jnp.isposinf, "Whether x is positive infinity.")
isreal = unary("isreal", jnp.isreal, "Whether the imaginary part is zero.")
log = unary("log", jnp.log, "The natural logarithm.", floating=True, keeps_nan=True)
log10 = unary("log10", jnp.log10, "The logarithm to base 10.", floating=True)
log1p = unary("log1p", jnp.log1p, "log(1 + x), exact for small x.", floating=True, keeps_nan=True)
log2 = unary("log2", jnp.log2, "The logarithm to base 2.", floating=True)
logical_not = unary("logical_not", jnp.logical_not, "Whether x is false.")
negative = unary("negative", jnp.negative, "-x.", keeps_nan=True)
rad2deg = unary("rad2deg", jnp.rad2deg, "Radians in degrees.", floating=True)
real = unary("real", jnp.real, "The real part.")
reciprocal = unary("reciprocal", jnp.reciprocal, "1 / x.", floating=True)
sign = unary("sign", jnp.sign, "-1, 0 or 1.")
signbit = unary("signbit", jnp.signbit, "Whether the sign bit is set.")
sin = unary("sin", jnp.sin, "The sine.", floating=True, keeps_nan=True)
sinc = unary("sinc", jnp.sinc, "sin(pi x) / (pi x).", floating=True)
sinh = unary("sinh", jnp.sinh, "The hyperbolic sine.", floating=True)
sqrt = unary("sqrt", jnp.sqrt, "The square root.", floating=True, keeps_nan=True)
square = unary("square", jnp.square, "x^2.", keeps_nan=True)
tan = unary("tan", jnp.tan, "The tangent.", floating=True)
trunc = unary("trunc", jnp.trunc, "The nearest whole number towards zero.")

# Of two arrays.
add = binary("add", jnp.add, "x1 + x2.", keeps_nan=True)
arctan2 = binary("arctan2", jnp.arctan2, "The angle of the point (x2, x1), in [-pi, pi].", floating=True)
divide = binary("divide", jnp.divide, "x1 / x2.", keeps_nan=True)
equal = binary("equal", jnp.equal, "x1 == x2.")
floor_divide = binary("floor_divide", jnp.floor_divide, "The greatest whole number not above x1 / x2.")
fmax = binary("fmax", jnp.fmax, "The larger one, ignoring NaN.")
fmin = binary("fmin", jnp.fmin, "The smaller one, ignoring NaN.")
fmod = binary("fmod", jnp.fmod, "The remainder of x1 / x2, with the sign of x1.")
gcd = binary("gcd", jnp.gcd, "The greatest common divisor.")
greater = binary("greater", jnp.greater, "x1 > x2.")
greater_equal = binary("greater_equal", jnp.greater_equal, "x1 >= x2.")
heaviside = binary("heaviside", jnp.heaviside, "0 where x1 < 0, x2 where x1 = 0, 1 where x1 > 0.")
hypot = binary("hypot", jnp.hypot, "sqrt(x1^2 + x2^2).", floating=True)
lcm = binary("lcm", jnp.lcm, "The least common multiple.")
ldexp = binary("ldexp", jnp.ldexp, "x1 * 2^x2, x2 whole numbers.")
less = binary("less", jnp.less, "x1 < x2.")
less_equal = binary("less_equal", jnp.less_equal, "x1 <= x2.")
logaddexp = binary("logaddexp", jnp.logaddexp, "log(e^x1 + e^x2).", floating=True)
logaddexp2 = binary("logaddexp2", jnp.logaddexp2, "log2(2^x1 + 2^x2).", floating=True)
logical_and = binary("logical_and", jnp.logical_and, "Whether both are true.")
logical_or = binary("logical_or", jnp.logical_or, "Whether at least one is true.")
logical_xor = binary("logical_xor", jnp.logical_xor, "Whether exactly one is true.")
maximum = binary("maximum", larger, "The larger one.")
minimum = binary("minimum", smaller, "The smaller one.")
mod = binary("mod", jnp.mod, "The remainder of x1 / x2, with the sign of x2.")
multiply = binary("multiply", jnp.multiply, "x1 * x2.", keeps_nan=True)
nextafter = binary("nextafter", jnp.nextafter, "The next float after x1 in the direction of x2.", floating=True)
not_equal = binary("not_equal", jnp.not_equal, "x1 != x2.")
power = binary("power", jnp.power, "x1^x2.", keeps_nan=True)
subtract = binary("subtract", jnp.subtract, "x1 - x2.", keeps_nan=True)
true_divide = binary("true_divide", jnp.divide, "x1 / x2.", keeps_nan=True)
bitwise_and = bitwise("bitwise_and", jnp.bitwise_and, "The bits that both have.")
bitwise_left_shift = bitwise("bitwise_left_shift", jnp.left_shift, "x * 2^y.")
bitwise_or = bitwise("bitwise_or", jnp.bitwise_or, "The bits that at least one has.")
bitwise_right_shift = bitwise("bitwise_right_shift", jnp.right_shift, "x / 2^y, rounded down.")
bitwise_xor = bitwise("bitwise_xor", jnp.bitwise_xor, "The bits that exactly one has.")
left_shift = bitwise("left_shift", jnp.left_shift, "x * 2^y.")
right_shift = bitwise("right_shift", jnp.right_shift, "x / 2^y, rounded down.")


# Along axes.
def _span(x: Array, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Array:
    return largest(x, axis, keepdims) - smallest(x, axis, keepdims)


all = reduction("all", jnp.all, "Whether all are true.")
amax = reduction("amax", largest, "The largest.")
amin = reduction("amin", smallest, "The smallest.")
any = reduction("any", jnp.any, "Whether any is true.")
argmax = reduction("argmax", jnp.argmax, "The index of the first of the largest.")
argmin = reduction("argmin", jnp.argmin, "The index of the first of the smallest.")
mean = reduction("mean", mean_along, "The mean.", keeps_nan=True)
median = reduction("median", jnp.median, "The median.")
nanargmax = reduction("nanargmax", jnp.nanargmax, "The index of the first of the largest, ignoring NaN.")
nanargmin = reduction("nanargmin", jnp.nanargmin, "The index of the first of the smallest, ignoring NaN.")
nanmax = reduction("nanmax", jnp.nanmax, "The largest, ignoring NaN.")
nanmean = reduction("nanmean", jnp.nanmean, "The mean, ignoring NaN.")
nanmedian = reduction("nanmedian", jnp.nanmedian, "The median, ignoring NaN.")
nanmin = reduction("nanmin", jnp.nanmin, "The smallest, ignoring NaN.")
nanprod = reduction("nanprod", jnp.nanprod, "The product, ignoring NaN.")
nanstd = reduction("nanstd", jnp.nanstd, "The standard deviation, ignoring NaN.")
nansum = reduction("nansum", jnp.nansum, "The sum, ignoring NaN.")
nanvar = reduction("nanvar", jnp.nanvar, "The variance, ignoring NaN.")
ptp = reduction("ptp", _span, "The largest minus the smallest.")
std = reduction("std", jnp.std, "The standard deviation, sqrt(mean((x - mean(x))^2)).")
sum = reduction("sum", sum_along, "The sum.", keeps_nan=True)
var = reduction("var", jnp.var, "The variance, mean((x - mean(x))^2).")


@op(keeps_nan=True)
def max(x: TensorLike, axis: Axes | None = None, keepdims: bool = False, initial: float | None = None) -> Array:
    """The largest along `axis`, at least `initial`."""
    found = as_array(x)
    if not found.size:
        return jnp.max(found, as_axes(axis), keepdims=keepdims, initial=initial)
    found = largest(found, as_axes(axis), keepdims)
    return found if initial is None else jnp.maximum(found, jnp.asarray(initial, found.dtype))


@op(keeps_nan=True)
def min(x: TensorLike, axis: Axes | None = None, keepdims: bool = False, initial: float | None = None) -> Array:
    """The smallest along `axis`, at most `initial`."""
    found = as_array(x)
    if not found.size:
        return jnp.min(found, as_axes(axis), keepdims=keepdims, initial=initial)
    found = smallest(found, as_axes(axis), keepdims)
    return found if initial is None else jnp.minimum(found, jnp.asarray(initial, found.dtype))


@op()
@keeps_sizes
def prod(x: TensorLike, axis: Axes | None = None, keepdims: bool = False, dtype: DTypeLike | None = None) -> Array:
    """The product along `axis`."""
    return jnp.prod(as_array(x), axis=as_axes(axis), keepdims=keepdims, dtype=dtype)


@op("x weights")
def average(x: TensorLike, axis: Axes | None = None, weights: TensorLike | None = None) -> Array:
    """sum(x * weights) / sum(weights) along `axis`; the mean without weights."""
    if weights is None:
        return jnp.average(as_float(as_array(x)), axis=as_axes(axis))
    x, weights = as_floats(as_array(x), as_array(weights))
    return jnp.average(x, axis=as_axes(axis), weights=weights)


@op()
def count_nonzero(x: TensorLike, axis: Axes | None = None) -> Array:
    """How many along `axis` are not zero."""
    return jnp.count_nonzero(as_array(x), axis=as_axes(axis)).astype("int32")


@op("x q")
def quantile(x: TensorLike, q: TensorLike, axis: Axes | None = None, method: str = "linear", keepdims: bool = False) -> Array:
    """The number below which a share `q` of x is, along `axis`."""
    return jnp.quantile(as_float(as_array(x)), as_array(q), axis=as_axes(axis), method=method, keepdims=keepdims)


@op("x q")
def nanquantile(
    x: TensorLike, q: TensorLike, axis: Axes | None = None, method: str = "linear", keepdims: bool = False
) -> Array:
    """`quantile`, ignoring NaN."""
    x, q = as_float(as_array(x)), as_array(q)
    return jnp.nanquantile(x, q, axis=as_axes(axis), method=method, keepdims=keepdims)


@op("x q")
def percentile(x: TensorLike, q: TensorLike, axis: Axes | None = None, method: str = "linear", keepdims: bool = False) -> Array:
    """The number below which `q` percent of x are, along `axis`."""
    x, q = as_float(as_array(x)), as_array(q)
    return jnp.percentile(x, q, axis=as_axes(axis), method=method, keepdims=keepdims)


@op("x q")
def nanpercentile(
    x: TensorLike, q: TensorLike, axis: Axes | None = None, method: str = "linear", keepdims: bool = False
) -> Array:
    """`percentile`, ignoring NaN."""
    x, q = as_float(as_array(x)), as_array(q)
    return jnp.nanpercentile(x, q, axis=as_axes(axis), method=method, keepdims=keepdims)


@op()
def cumsum(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Array:
    """The sums of the first 1, 2, ... along `axis`."""
    return jnp.cumsum(as_array(x), axis=axis, dtype=dtype)


@op()
def cumprod(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Array:
    """The products of the first 1, 2, ... along `axis`."""
    return jnp.cumprod(as_array(x), axis=axis, dtype=dtype)


@op()
def nancumsum(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Array:
    """`cumsum`, taking NaN for 0."""
    return jnp.nancumsum(as_array(x), axis=axis, dtype=dtype)


@op()
def nancumprod(x: TensorLike, axis: int | None = None, dtype: DTypeLike | None = None) -> Array:
    """`cumprod`, taking NaN for 1."""
    return jnp.nancumprod(as_array(x), axis=axis, dtype=dtype)


@op(rounds="n")
def diff(a: TensorLike, n: int = 1, axis: int = -1) -> Array:
    """The differences of neighbours along `axis`, `n` times."""
    return jnp.diff(as_array(a), n=n, axis=axis)


@op()
def trapezoid(y: TensorLike, x: TensorLike | None = None, dx: TensorLike = 1.0, axis: int = -1) -> Array:
    """The integral of y along `axis` by the trapezoidal rule."""
    return jnp.trapezoid(as_array(y), None if x is None else as_array(x), dx=as_array(dx), axis=axis)


@op()
def clip(x: TensorLike, x_min: TensorLike | None, x_max: TensorLike | None) -> Array:
    """min(max(x, x_min), x_max)."""
    x = as_array(x)
    x_min, x_max = (None if bound is None else as_array(bound) for bound in (x_min, x_max))
    return within(x.astype("int32") if x.dtype == bool else x, x_min, x_max)


@op("x1 x2")
def divide_no_nan(x1: TensorLike, x2: TensorLike) -> Array:
    """x1 / x2, and 0 where x2 is 0."""
    x1, x2 = as_array(x1), as_array(x2)
    # Both branches are differentiated, so the division must be sound where it is not used.
    return jnp.where(x2 == 0, 0, x1 / jnp.where(x2 == 0, 1, x2))


@op()
def round(x: TensorLike, decimals: int = 0) -> Array:
    """The nearest number with so many decimals; halves to the even neighbour."""
    x = as_array(x)
    if decimals < 0 and jnp.issubdtype(x.dtype, jnp.integer):
        factor = 10.0**-decimals
        return (jnp.round(as_float(x) / factor) * factor).astype(x.dtype)
    return jnp.round(x, decimals)


@op()
def nan_to_num(x: TensorLike, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """x with NaN and infinities replaced; infinities by the largest numbers unless told otherwise."""
    return jnp.nan_to_num(as_array(x), nan=nan, posinf=posinf, neginf=neginf)


@op("x1 x2 rtol atol")
def isclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """Whether |x1 - x2| <= atol + rtol * |x2|."""
    return jnp.isclose(as_array(x1), as_array(x2), rtol, atol, equal_nan)


@op("x1 x2", written="AllClose")
def allclose(x1: TensorLike, x2: TensorLike, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """Whether all are close."""
    return jnp.allclose(as_array(x1), as_array(x2), rtol, atol, equal_nan)


@op("x1 x2", written="IsIn")
def isin(x1: TensorLike, x2: TensorLike, assume_unique: bool = False, invert: bool = False) -> Array:
    """Whether each element of x1 is somewhere in x2."""
    return jnp.isin(as_array(x1), as_array(x2), assume_unique=assume_unique, invert=invert)


# Order and counts.


@op()
def sort(x: TensorLike, axis: int = -1) -> Array:
    """x in ascending order along `axis`."""
    return jnp.sort(as_array(x), axis=axis)


@op()
def argsort(x: TensorLike, axis: int | None = -1) -> Array:
    """The indices that put x into ascending order along `axis`."""
    x = as_array(x)
    return jnp.argsort(x, axis=axis if x.ndim else None)


@op()
def argpartition(x: TensorLike, kth: int, axis: int | None = -1) -> Array:
    """Indices that bring the `kth` smallest to its place, smaller ones before it and larger ones behind it."""
    x = as_array(x)
    return jnp.argpartition(jnp.ravel(x), kth, axis=0) if axis is None else jnp.argpartition(x, kth, axis=axis)


@op("sorted_sequence values", written="SearchSorted")
def searchsorted(sorted_sequence: TensorLike, values: TensorLike, side: str = "left") -> Array:
    """The places where `values` belong in a sorted sequence."""
    return jnp.searchsorted(as_array(sorted_sequence), as_array(values), side=side)


@op("x bins")
def digitize(x: TensorLike, bins: TensorLike) -> Array:
    """The number of the bin that each element falls into, `bins` being ascending bounds."""
    return jnp.digitize(as_array(x), as_array(bins))


@op()
@at_once
def bincount(x: TensorLike, weights: TensorLike | None = None, minlength: int = 0, sparse: bool = False) -> Array:
    """How often 0, 1, 2, ... occur in x, or the sums of their weights; for each row of a matrix.

    In a compiled program `minlength` must say how many numbers are counted in a matrix.
    """
    x = as_array(x)
    weights = None if weights is None else as_array(weights)
    length = unknown_size(x)
    if x.ndim < 2:
        return jnp.bincount(x, weights=weights, minlength=minlength, length=length)
    if length is None:
        length = minlength if minlength and isinstance(x, Tracer) else builtins.max(minlength, int(jnp.max(x)) + 1)
    rows = [jnp.bincount(row, None if weights is None else weights[i], length=length) for i, row in enumerate(x)]
    return jnp.stack(rows)


@op()
def histogram(x: TensorLike, bins: int | TensorLike = 10, range: Sequence[float] | None = None) -> tuple[Array, Array]:
    """(counts, bounds of the bins)."""
    return jnp.histogram(as_array(x), bins=cast("int | Array", bins), range=range)


@op()
@at_once
def unique(
    x: TensorLike,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: float | None = None,
) -> Array | tuple[Array, ...]:
    """The different values of x. In a compiled program `size` must say how many, with `fill_value` for the rest."""
    x = as_array(x)
    return jnp.unique(
        x,
        return_index=return_index,
        return_inverse=return_inverse,
        axis=axis,
        size=unknown_size(x) if size is None else size,
        return_counts=return_counts,
        equal_nan=False,
        fill_value=fill_value,
        sorted=sorted,
    )


@op()
def corrcoef(x: TensorLike) -> Array:
    """The correlations of the rows of x."""
    return jnp.corrcoef(as_array(x))


@op("x1 x2")
def correlate(x1: TensorLike, x2: TensorLike, mode: str = "valid") -> Array:
    """The cross-correlation of two sequences."""
    return jnp.correlate(as_array(x1), as_array(x2), mode)


@op()
def slogdet(x: TensorLike) -> tuple[Array, Array]:
    """(sign, log of the absolute value) of the determinant."""
    sign, logarithm = jnp.linalg.slogdet(as_array(x))
    return sign, logarithm


# `x + y` is `add` in all that is known of it.
for _name, _operator in OPERATORS.items():
    tell_alike(_operator, globals()[_name])
