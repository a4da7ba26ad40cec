"""Special functions, segments, the largest elements, and Fourier transforms."""

# JAX leaves some arguments and results of its functions without a type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from typing import Protocol

import jax
import jax.numpy as jnp
from jax import lax

from kerata.base.checks import check_choice, check_positive_int, message
from kerata.base.types import DTypeLike, is_list_or_tuple
from kerata.engine.scope import unknown_size
from kerata.engine.types import Array, TensorLike
from kerata.kernels.padding import pad
from kerata.ops.forms import Axes, Function, as_array, as_axes, as_float, named, op, unary

# Complex numbers: (real part, imaginary part).
Pair = tuple[TensorLike, TensorLike]

erf = unary("erf", lax.erf, "2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.", floating=True)
erfc = unary("erfc", lax.erfc, "1 - erf(x).", floating=True)
erfinv = unary("erfinv", lax.erf_inv, "The number whose erf is x.", floating=True)
rsqrt = unary("rsqrt", lax.rsqrt, "1 / sqrt(x).", floating=True)


def _logdet(x: Array) -> Array:
    return jnp.linalg.slogdet(x)[1]


def _view_as_real(x: Array) -> Array:
    return jnp.stack([x.real, x.imag], -1)


def _view_as_complex(x: Array) -> Array:
    if x.shape[-1:] != (2,):
        raise ValueError(message("view_as_complex", "the last axis must hold pairs", {"shape": x.shape}))
    return lax.complex(x[..., 0], x[..., 1])


logdet = unary("logdet", _logdet, "The log of the absolute value of the determinant.")
view_as_real = unary("view_as_real", _view_as_real, "Complex numbers as pairs on a new last axis.")
view_as_complex = unary("view_as_complex", _view_as_complex, "Pairs on the last axis as complex numbers.")


@op()
def logsumexp(x: TensorLike, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) along `axis`, without overflow.

    >>> import kerata
    >>> round(float(kerata.ops.logsumexp([1000.0, 1000.0])), 2)
    1000.69
    """
    return jax.nn.logsumexp(as_float(as_array(x)), axis=as_axes(axis), keepdims=keepdims)


# Segments.


class Segment(Protocol):
    """A function of the rows that have the same segment id."""

    def __call__(
        self, data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False
    ) -> Array: ...


def _segments(name: str, function: Function, text: str) -> Segment:
    def segment(data: TensorLike, segment_ids: TensorLike, num_segments: int | None = None, sorted: bool = False) -> Array:
        data, segment_ids = as_array(data), as_array(segment_ids)
        if data.shape[:1] != segment_ids.shape[:1]:
            received = {"data": data.shape, "segment_ids": segment_ids.shape}
            raise ValueError(message(name, "`data` and `segment_ids` must have the same number of rows", received))
        count = unknown_size(segment_ids) if num_segments is None else num_segments
        return function(data, segment_ids, count, indices_are_sorted=sorted)

    text = f"{text} of the rows that have the same segment id. A compiled program needs `num_segments`."
    return op("data segment_ids")(named(segment, name, text))


segment_max = _segments("segment_max", jax.ops.segment_max, "The largest")
segment_min = _segments("segment_min", jax.ops.segment_min, "The smallest")
segment_prod = _segments("segment_prod", jax.ops.segment_prod, "The product")
segment_sum = _segments("segment_sum", jax.ops.segment_sum, "The sum")


@op()
def top_k(x: TensorLike, k: int, sorted: bool = True) -> tuple[Array, Array]:
    """(values, indices) of the k largest along the last axis, the largest first.

    >>> import kerata
    >>> [part.tolist() for part in kerata.ops.top_k([1.0, 3.0, 2.0], 2)]
    [[3.0, 2.0], [1, 2]]
    """
    values, indices = lax.top_k(as_array(x), k)
    return values, indices


@op("targets predictions")
def in_top_k(targets: TensorLike, predictions: TensorLike, k: int) -> Array:
    """Whether fewer than k predictions of a row are above that of its target."""
    predictions = as_array(predictions)  # (batch, classes)
    own = jnp.take_along_axis(predictions, as_array(targets)[..., None], axis=-1)
    own = jnp.where(jnp.isnan(own), -jnp.inf, own)
    return jnp.sum(predictions > own, axis=-1) < k


@op("x y", written="CDist")
def cdist(x: TensorLike, y: TensorLike) -> Array:
    """The Euclidean distances of the rows of x and those of y."""
    x, y = as_array(x), as_array(y)
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(message("cdist", "the inputs must be matrices with rows of one length", {"x": x.shape, "y": y.shape}))
    return jnp.sqrt(jnp.sum(jnp.square(x[..., :, None, :] - y[..., None, :, :]), axis=-1))


# Fourier transforms. Complex numbers are pairs (real, imaginary), as in Keras.


@op(written="FFT")
def fft(x: Pair) -> tuple[Array, Array]:
    """The discrete Fourier transform along the last axis."""
    return _pair(jnp.fft.fft(_complex("fft", x)))


@op(written="FFT2")
def fft2(x: Pair) -> tuple[Array, Array]:
    """The discrete Fourier transform along the last two axes."""
    return _pair(jnp.fft.fft2(_complex("fft2", x)))


@op(written="IFFT2")
def ifft2(x: Pair) -> tuple[Array, Array]:
    """The inverse of `fft2`."""
    return _pair(jnp.fft.ifft2(_complex("ifft2", x)))


@op(written="RFFT")
def rfft(x: TensorLike, fft_length: int | None = None) -> tuple[Array, Array]:
    """The non-negative frequencies of the discrete Fourier transform of real numbers along the last axis."""
    return _pair(jnp.fft.rfft(as_array(x), n=fft_length))


@op(written="IRFFT")
def irfft(x: Pair, fft_length: int | None = None) -> Array:
    """The inverse of `rfft`."""
    return jnp.fft.irfft(_complex("irfft", x), n=fft_length)


def _pair(x: Array) -> tuple[Array, Array]:
    return x.real, x.imag


def _complex(owner: str, x: Pair) -> Array:
    if not is_list_or_tuple(x) or len(x) != 2:
        raise ValueError(message(owner, "the input must be a pair (real part, imaginary part)", {"x": x}))
    real, imaginary = jnp.asarray(x[0]), jnp.asarray(x[1])
    floats = jnp.issubdtype(real.dtype, jnp.floating) and jnp.issubdtype(imaginary.dtype, jnp.floating)
    if not floats or real.shape != imaginary.shape:
        received = {"real": real, "imaginary": imaginary}
        raise ValueError(message(owner, "both parts must be floats of one shape", received))
    return lax.complex(real, imaginary)


@op()
def extract_sequences(x: TensorLike, sequence_length: int, sequence_stride: int) -> Array:
    """Windows over the last axis, a new axis before it: (..., windows, length)."""
    x = as_array(x)
    if not x.ndim:
        raise ValueError(message("extract_sequences", "the input must have at least one axis", {"shape": x.shape}))
    starts = jnp.arange(0, x.shape[-1] - sequence_length + 1, sequence_stride)
    return x[..., starts[:, None] + jnp.arange(sequence_length)]


@op(written="STFT")
def stft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: str | TensorLike | None = "hann",
    center: bool = True,
) -> tuple[Array, Array]:
    """The Fourier transforms of windows that slide over the last axis, as real and imaginary part.

    Shapes: (..., time) to (..., windows, fft_length / 2 + 1), twice.

    Args:
        window: `"hann"`, `"hamming"`, an array of `sequence_length` numbers, or `None`.
        center: whether the windows are centred on their starts, the signal being reflected at its ends.
    """
    x = as_array(x)
    if x.dtype not in (jnp.float32, jnp.float64):
        raise TypeError(message("stft", "the input must be float32 or float64", {"x": x}))
    check_positive_int("stft", "sequence_stride", sequence_stride)
    window = _spectral_window("stft", window, sequence_length, fft_length, x.dtype)
    if center:
        x = pad(x, [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)], "reflect")
    return _pair(jnp.fft.rfft(extract_sequences(x, fft_length, sequence_stride) * window))


@op(written="ISTFT")
def istft(
    x: Pair,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: str | TensorLike | None = "hann",
    center: bool = True,
) -> Array:
    """The signal whose `stft` is nearest to x: windows overlaid and divided by the sum of their squares.

    With `window=None` they are added up and divided by nothing, as in Keras.
    """
    check_positive_int("istft", "sequence_stride", sequence_stride)
    spectrum = _complex("istft", x)
    if spectrum.ndim < 2:
        raise ValueError(
            message("istft", "both parts must have the axes (..., windows, frequencies)", {"shape": spectrum.shape})
        )
    is_weighted = window is not None
    window = _spectral_window("istft", window, sequence_length, fft_length, spectrum.real.dtype)
    pieces = jnp.fft.irfft(spectrum, n=fft_length) * window  # (..., windows, fft_length)
    count = pieces.shape[-2]
    total = fft_length + sequence_stride * (count - 1)
    places = jnp.arange(count)[:, None] * sequence_stride + jnp.arange(fft_length)
    signal = jnp.zeros((*pieces.shape[:-2], total), pieces.dtype).at[..., places].add(pieces)
    if is_weighted:
        weight = jnp.zeros(total, pieces.dtype).at[places].add(jnp.broadcast_to(jnp.square(window), places.shape))
        signal = jnp.where(weight > 1e-10, signal / jnp.where(weight > 1e-10, weight, 1), signal)
    start = fft_length // 2 if center else 0
    end = start + length if length is not None else total - start
    return signal[..., start:end]


def _spectral_window(
    owner: str, window: str | TensorLike | None, sequence_length: int, fft_length: int, dtype: DTypeLike
) -> Array:
    """The window as an array of `fft_length`, zeros around it."""
    if fft_length < sequence_length:
        raise ValueError(
            message(
                owner,
                "`fft_length` must be at least `sequence_length`",
                {"sequence_length": sequence_length, "fft_length": fft_length},
            )
        )
    if window is None:
        return jnp.ones(fft_length, dtype)
    if isinstance(window, str):
        check_choice(owner, "window", window, ("hann", "hamming"))
        # Of one number more than is used: periodic.
        shape = jnp.hanning if window == "hann" else jnp.hamming
        values = shape(sequence_length + 1)[:-1].astype(dtype)
    else:
        values = jnp.asarray(window, dtype)
    if values.shape != (sequence_length,):
        raise ValueError(message(owner, f"`window` must hold {sequence_length} numbers", {"shape": values.shape}))
    before = (fft_length - sequence_length) // 2
    return jnp.pad(values, (before, fft_length - sequence_length - before))
