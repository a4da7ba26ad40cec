"""`tf.signal`: transforms of Fourier, frames of a signal, windows, mel scales; and `tf.audio`."""

import io
import math
import wave
from collections.abc import Callable, Sequence
from typing import NamedTuple, SupportsInt

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kerata.base.checks import message
from kerata.base.types import DTypeLike
from kerata.engine.types import Array, HostArray, TensorLike
from kerata.legacy.tensorflow.calls import Function, convert, ints
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor
from kerata.legacy.tensorflow.types import DType, Ints, as_dtype, float32

Window = Callable[..., Tensor]

# Windows


def raised_cosine(length: SupportsInt, periodic: bool, high: float, low: float, dtype: DTypeLike) -> Tensor:
    """high - low cos(2 pi n / N): of an even length, periodic windows leave out the last number."""
    count, kind = int(length), as_dtype(dtype)
    if count == 1:
        return Tensor(np.ones(1, kind.dtype))
    steps = count + int(bool(periodic)) * (1 - count % 2) - 1
    found = high - low * np.cos(2 * np.pi * np.arange(count) / steps)
    return Tensor(found.astype(kind.dtype))


def hann_window(
    window_length: SupportsInt, periodic: bool = True, dtype: DTypeLike = float32, name: str | None = None
) -> Tensor:
    """0.5 - 0.5 cos(2 pi n / N).

    >>> hann_window(4).numpy().round(2).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return raised_cosine(window_length, periodic, 0.5, 0.5, dtype)


def hamming_window(
    window_length: SupportsInt, periodic: bool = True, dtype: DTypeLike = float32, name: str | None = None
) -> Tensor:
    """0.54 - 0.46 cos(2 pi n / N)."""
    return raised_cosine(window_length, periodic, 0.54, 0.46, dtype)


def kaiser_window(
    window_length: SupportsInt, beta: float = 12.0, dtype: DTypeLike = float32, name: str | None = None
) -> Tensor:
    return Tensor(np.kaiser(int(window_length), float(beta)).astype(as_dtype(dtype).dtype))


def vorbis_window(window_length: SupportsInt, dtype: DTypeLike = float32, name: str | None = None) -> Tensor:
    """sin(pi / 2 sin(pi (n + 1/2) / N)^2)."""
    steps = (np.arange(int(window_length)) + 0.5) / int(window_length)
    return Tensor(np.sin(np.pi / 2 * np.sin(np.pi * steps) ** 2).astype(as_dtype(dtype).dtype))


# Frames


def framed(signal: ArrayLike, length: SupportsInt, step: SupportsInt, pad_end: bool, value: ArrayLike, axis: int) -> Array:
    """Parts of a signal that begin so many numbers one after the other: the axis becomes (frames, numbers)."""
    length, step = int(length), int(step)
    x = jnp.moveaxis(jnp.asarray(signal), int(axis), -1)
    size = x.shape[-1]
    count = -(-size // step) if pad_end else max(0, 1 + (size - length) // step)
    missing = max(0, (count - 1) * step + length - size) if count else 0
    x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, missing)], constant_values=value)
    found = x[..., np.arange(count)[:, None] * step + np.arange(length)]
    place = int(axis) % np.ndim(signal)
    return jnp.moveaxis(found, (-2, -1), (place, place + 1))


def overlapped(frames: ArrayLike, step: SupportsInt) -> Array:
    """The sum of frames that begin so many numbers one after the other."""
    x, step = jnp.asarray(frames), int(step)
    count, length = x.shape[-2:]
    places = np.arange(count)[:, None] * step + np.arange(length)
    return jnp.zeros((*x.shape[:-2], (count - 1) * step + length), x.dtype).at[..., places].add(x)


def short_time(signals: ArrayLike, window: ArrayLike | None, length: int, step: int, size: int, pad_end: bool) -> Array:
    frames = framed(signals, length, step, pad_end, 0, -1)
    return jnp.fft.rfft(frames if window is None else frames * window, size)


def inverse_short_time(stfts: ArrayLike, window: ArrayLike | None, length: int, step: int, size: int) -> Array:
    frames = jnp.fft.irfft(jnp.asarray(stfts), size)[..., :length]
    frames = jnp.pad(frames, [(0, 0)] * (frames.ndim - 1) + [(0, max(0, length - size))])
    return overlapped(frames if window is None else frames * window, step)


_stft = Function("signal.stft", "signals, window, frame_length, frame_step, fft_length, pad_end", short_time)
_inverse = Function("signal.inverse_stft", "stfts, window, frame_length, frame_step, fft_length", inverse_short_time)


def enclosing_power(size: SupportsInt) -> int:
    """The power of two that is not less."""
    return 2 ** math.ceil(math.log2(int(size)))


def stft(
    signals: TensorLike,
    frame_length: SupportsInt,
    frame_step: SupportsInt,
    fft_length: SupportsInt | None = None,
    window_fn: Window | None = hann_window,
    pad_end: bool = False,
    name: str | None = None,
) -> AnyTensor:
    """The transform of each frame of a signal under a window: (frames, frequencies)."""
    given: Tensor = convert(signals)
    size = enclosing_power(frame_length) if fft_length is None else int(fft_length)
    window = None if window_fn is None else window_fn(int(frame_length), dtype=given.dtype)
    return _stft(given, window, int(frame_length), int(frame_step), size, bool(pad_end))


def inverse_stft(
    stfts: TensorLike,
    frame_length: SupportsInt,
    frame_step: SupportsInt,
    fft_length: SupportsInt | None = None,
    window_fn: Window | None = hann_window,
    name: str | None = None,
) -> AnyTensor:
    """The signal of what `stft` gave; with the window of `inverse_stft_window_fn`, it is the one that went in."""
    given: Tensor = convert(stfts)
    size = enclosing_power(frame_length) if fft_length is None else int(fft_length)
    window = None if window_fn is None else window_fn(int(frame_length), dtype=given.dtype.real_dtype)
    return _inverse(given, window, int(frame_length), int(frame_step), size)


def inverse_stft_window_fn(
    frame_step: SupportsInt, forward_window_fn: Window = hann_window, name: str | None = None
) -> Callable[[SupportsInt, DType], Tensor]:
    """A window for `inverse_stft` that undoes the one of `stft`."""
    step = int(frame_step)

    def window(frame_length: SupportsInt, dtype: DTypeLike) -> Tensor:
        length = int(frame_length)
        forward = np.asarray(forward_window_fn(length, dtype=dtype).numpy())
        overlaps = -(-length // step)
        square = np.pad(np.square(forward), (0, overlaps * step - length)).reshape(overlaps, step).sum(0)
        return Tensor((forward / np.tile(square, overlaps)[:length]).astype(as_dtype(dtype).dtype))

    return window


# Cosines and mel scales


def cosines(x: ArrayLike, kind: int, n: SupportsInt | None, axis: int, norm: str | None) -> Array:
    """The discrete cosine transform of the last axis, of types 1 to 4, as a product with a matrix."""
    x = jnp.asarray(x)
    if axis != -1:
        raise NotImplementedError(message("tf.signal.dct", "`axis` must be -1", {"axis": axis}))
    size = x.shape[-1] if n is None else int(n)
    x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, max(0, size - x.shape[-1]))])[..., :size]
    return x @ jnp.asarray(cosine_matrix(size, kind, norm), x.dtype)


def cosine_matrix(size: int, kind: int, norm: str | None) -> HostArray:
    """The matrix (numbers, frequencies) of a transform."""
    n, k = np.arange(size)[:, None], np.arange(size)
    if kind == 1:
        if norm is not None:
            raise ValueError("Normalization is not supported for the Type-I DCT.")
        found = 2 * np.cos(np.pi * n * k / (size - 1))
        found[[0, -1]] /= 2
        return found
    angles = {2: k * (2 * n + 1) / (2 * size), 3: n * (2 * k + 1) / (2 * size), 4: (2 * n + 1) * (2 * k + 1) / (4 * size)}
    if kind not in angles:
        raise ValueError(f"Types I, II, III and IV (I)DCT are supported. Received: type={kind}")
    found = 2 * np.cos(np.pi * angles[kind])
    if kind == 3:
        found[0] /= 2
    if norm == "ortho":
        found /= np.sqrt(2 * size)
        if kind == 2:
            found[:, 0] /= np.sqrt(2)
        if kind == 3:
            found[0] *= np.sqrt(2)
    return found


def inverse_cosines(x: ArrayLike, kind: int, n: SupportsInt | None, axis: int, norm: str | None) -> Array:
    return cosines(x, {1: 1, 2: 3, 3: 2, 4: 4}.get(kind, kind), n, axis, norm)


def mel(hertz: ArrayLike) -> HostArray:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def linear_to_mel_weight_matrix(
    num_mel_bins: SupportsInt = 20,
    num_spectrogram_bins: SupportsInt = 129,
    sample_rate: float = 8000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
    dtype: DTypeLike = float32,
    name: str | None = None,
) -> Tensor:
    """How much of each linear frequency each mel frequency takes: (spectrogram bins, mel bins), triangles side by side."""
    low, high, rate = float(lower_edge_hertz), float(upper_edge_hertz), float(np.asarray(sample_rate))
    if not 0 <= low < high <= rate / 2:
        given = {"lower_edge_hertz": low, "upper_edge_hertz": high, "sample_rate": rate}
        expected = "the edges must rise, from 0 to half of the sample rate"
        raise ValueError(message("tf.signal.linear_to_mel_weight_matrix", expected, given))
    bins = mel(np.linspace(0.0, rate / 2, int(np.asarray(num_spectrogram_bins)))[1:])[:, None]
    edges = np.linspace(mel(low), mel(high), int(num_mel_bins) + 2)
    first, middle, last = edges[:-2], edges[1:-1], edges[2:]
    slopes = np.minimum((bins - first) / (middle - first), (last - bins) / (last - middle))
    return Tensor(np.pad(np.maximum(slopes, 0.0), [(1, 0), (0, 0)]).astype(as_dtype(dtype).dtype))


def cepstrum(x: ArrayLike) -> Array:
    return cosines(x, 2, None, -1, None) / np.sqrt(2 * np.shape(x)[-1]).astype(np.float32)


# Transforms


def lengths(value: Ints) -> Sequence[int] | None:
    found = ints(value)
    return None if found is None else (found,) if isinstance(found, int) else tuple(found)


def shifted(function: Callable[..., Array]) -> Callable[..., Array]:
    return lambda x, axes: function(jnp.asarray(x), ints(axes))


def over(function: Callable[..., Array], axes: int) -> Callable[..., Array]:
    """A transform of the last axes."""
    last = tuple(range(-axes, 0))
    return lambda x, size=None: function(jnp.asarray(x), s=lengths(size), axes=last)


_ROWS = {
    "fft": ("input", over(jnp.fft.fftn, 1)),
    "ifft": ("input", over(jnp.fft.ifftn, 1)),
    "fft2d": ("input", over(jnp.fft.fftn, 2)),
    "ifft2d": ("input", over(jnp.fft.ifftn, 2)),
    "fft3d": ("input", over(jnp.fft.fftn, 3)),
    "ifft3d": ("input", over(jnp.fft.ifftn, 3)),
    "rfft": ("input_tensor, fft_length=None", over(jnp.fft.rfftn, 1)),
    "irfft": ("input_tensor, fft_length=None", over(jnp.fft.irfftn, 1)),
    "rfft2d": ("input_tensor, fft_length=None", over(jnp.fft.rfftn, 2)),
    "irfft2d": ("input_tensor, fft_length=None", over(jnp.fft.irfftn, 2)),
    "rfft3d": ("input_tensor, fft_length=None", over(jnp.fft.rfftn, 3)),
    "irfft3d": ("input_tensor, fft_length=None", over(jnp.fft.irfftn, 3)),
    "fftshift": ("x, axes=None", shifted(jnp.fft.fftshift)),
    "ifftshift": ("x, axes=None", shifted(jnp.fft.ifftshift)),
    "frame": ("signal, frame_length, frame_step, pad_end=False, pad_value=0, axis=-1", framed),
    "overlap_and_add": ("signal, frame_step", overlapped),
    "dct": ("input, type=2, n=None, axis=-1, norm=None", cosines),
    "idct": ("input, type=2, n=None, axis=-1, norm=None", inverse_cosines),
    "mfccs_from_log_mel_spectrograms": ("log_mel_spectrograms", cepstrum),
}
for _name, (_signature, _compute) in _ROWS.items():
    TABLE[f"signal.{_name}"] = Function(f"signal.{_name}", _signature, _compute)
SIGNALS: dict[str, object] = {
    "hann_window": hann_window,
    "hamming_window": hamming_window,
    "kaiser_window": kaiser_window,
    "vorbis_window": vorbis_window,
    "stft": stft,
    "inverse_stft": inverse_stft,
    "inverse_stft_window_fn": inverse_stft_window_fn,
    "linear_to_mel_weight_matrix": linear_to_mel_weight_matrix,
}


# Sounds in files


class DecodeWav(NamedTuple):
    """The numbers of a sound, (samples, channels) from -1 to 1, and how many there are a second."""

    audio: Tensor
    sample_rate: Tensor


def decode_wav(
    contents: TensorLike, desired_channels: int = -1, desired_samples: int = -1, name: str | None = None
) -> DecodeWav:
    """A sound of 16 bits in the bytes of a WAV file."""
    text = convert(contents).numpy()
    try:
        with wave.open(io.BytesIO(bytes(text))) as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            raw = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise InvalidArgumentError(f"tf.audio.decode_wav: it takes the bytes of a WAV file ({error})") from error
    if width != 2:
        raise InvalidArgumentError(f"Can only decode 16-bit WAV files, but received {8 * width}")
    numbers = np.frombuffer(raw, "<i2").reshape(-1, channels).astype(np.float32) / 32768.0
    if desired_channels > 0:
        numbers = numbers[:, :desired_channels]
        numbers = np.concatenate([numbers] + [numbers[:, -1:]] * (desired_channels - numbers.shape[1]), 1)
    if desired_samples >= 0:
        numbers = np.pad(numbers[:desired_samples], [(0, max(0, desired_samples - len(numbers))), (0, 0)])
    return DecodeWav(Tensor(numbers), Tensor(np.array(rate, np.int32)))


def encode_wav(audio: TensorLike, sample_rate: TensorLike, name: str | None = None) -> Tensor:
    """The bytes of a WAV file of 16 bits, of numbers (samples, channels) from -1 to 1."""
    numbers = np.asarray(convert(audio).numpy(), np.float32)
    if numbers.ndim != 2:
        raise InvalidArgumentError(
            f"tf.audio.encode_wav: audio must have the shape (samples, channels), and has {numbers.shape}"
        )
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(numbers.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(int(np.asarray(convert(sample_rate).numpy())))
        writer.writeframes(np.clip(np.round(numbers * 32768.0), -32768, 32767).astype("<i2").tobytes())
    return convert(file.getvalue())


AUDIO: dict[str, object] = {"decode_wav": decode_wav, "encode_wav": encode_wav}
