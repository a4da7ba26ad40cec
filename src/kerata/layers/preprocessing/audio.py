"""Layers that turn sound into spectra."""

import math
import warnings

import jax
import jax.numpy as jnp

from kerata.base.checks import check_choice, check_positive_int, message
from kerata.base.config import epsilon, standardize_data_format
from kerata.base.registry import builtin
from kerata.base.types import DTypeLike
from kerata.engine.types import Array, TensorLike
from kerata.initializers import STFT
from kerata.kernels.maxima import larger
from kerata.layers.layer import InputSpec, Layer, SkipOutputShape
from kerata.layers.pictures import DataLayer
from kerata.ops.math import stft
from kerata.ops.windows import conv

MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


@builtin("layers")
class MelSpectrogram(DataLayer, SkipOutputShape):
    """How loud each pitch is over time: |STFT|^e, summed under triangles that are even in mel, in decibels.

    mel(f) = 1127 log(1 + f / 700) follows what ears tell apart.

    Args:
        fft_length: numbers of a Fourier transform.
        sequence_stride: samples between two windows.
        sequence_length: samples of a window; `fft_length` by default.
        window: `"hann"` or `"hamming"`.
        sampling_rate: samples a second.
        num_mel_bins: how many pitches.
        min_freq, max_freq: the lowest and highest frequency; half the sampling rate by default.
        power_to_db: whether the output is in decibels.
        top_db: what is more than this below the loudest is raised to that.
        mag_exp: e, 1 for magnitudes, 2 for powers.
        min_power, ref_power: what a power is at least, and what 0 decibels are.

    Shapes: (batch, time) or (time,) to (batch, num_mel_bins, windows).

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.MelSpectrogram(fft_length=64, sequence_stride=32, num_mel_bins=8)
    >>> layer(np.sin(np.arange(640, dtype="float32"))[None]).shape
    (1, 8, 21)
    """

    # In decibels, the loudest number of a batch bounds all of it from below, as in Keras.
    mixes_samples = True

    def __init__(
        self,
        fft_length=2048,
        sequence_stride=512,
        sequence_length=None,
        window="hann",
        sampling_rate=16000,
        num_mel_bins=128,
        min_freq=20.0,
        max_freq=None,
        power_to_db=True,
        top_db=80.0,
        mag_exp=2.0,
        min_power=1e-10,
        ref_power=1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.fft_length = check_positive_int(self, "fft_length", fft_length)
        self.sequence_stride = check_positive_int(self, "sequence_stride", sequence_stride)
        self.sequence_length = sequence_length or fft_length
        if self.fft_length < self.sequence_length:
            received = {"sequence_length": self.sequence_length, "fft_length": fft_length}
            raise ValueError(message(self, "`fft_length` must be at least `sequence_length`", received))
        self.window, self.sampling_rate = window, sampling_rate
        self.num_mel_bins = check_positive_int(self, "num_mel_bins", num_mel_bins)
        self.min_freq, self.max_freq = min_freq, max_freq or int(sampling_rate / 2)
        self.power_to_db, self.top_db, self.mag_exp = power_to_db, top_db, mag_exp
        self.mixes_samples = bool(power_to_db)
        self.min_power, self.ref_power = min_power, ref_power

    def call(self, inputs):
        x = jnp.asarray(inputs, self.compute_dtype if self.compute_dtype == "float64" else "float32")
        real, imag = stft(x, self.sequence_length, self.sequence_stride, self.fft_length, self.window)
        spectrum = jnp.power(_length(real, imag), self.mag_exp)  # (..., windows, frequencies)
        bins = spectrum.shape[-1]
        triangles = self.linear_to_mel_weight_matrix(self.num_mel_bins, bins, self.sampling_rate, self.min_freq, self.max_freq)
        mel = jnp.tensordot(spectrum, triangles, axes=1)
        if self.power_to_db:
            mel = self._decibels(mel)
        return jnp.swapaxes(mel, -1, -2).astype(self.compute_dtype)

    def _decibels(self, power: jax.Array) -> jax.Array:
        reference = 10 * math.log10(max(abs(self.ref_power), self.min_power))
        found = 10 * jnp.log10(larger(power, self.min_power)) - reference
        return larger(found, jnp.max(found) - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins=20,
        num_spectrogram_bins=129,
        sampling_rate=8000,
        lower_edge_hertz=125.0,
        upper_edge_hertz=3800.0,
        dtype: DTypeLike = "float32",
    ) -> Array:
        """How much each frequency counts for each pitch: triangles, of shape (num_spectrogram_bins, num_mel_bins)."""

        def mel(hertz: TensorLike) -> jax.Array:
            return 1127.0 * jnp.log(1.0 + jnp.asarray(hertz, dtype) / 700.0)

        frequencies = mel(jnp.linspace(jnp.zeros((), dtype), sampling_rate / 2, num_spectrogram_bins)[1:])[:, None]
        edges = jnp.linspace(mel(lower_edge_hertz), mel(upper_edge_hertz), num_mel_bins + 2)
        lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (frequencies - lower) / (centre - lower), (upper - frequencies) / (upper - centre)
        # The frequency 0 counts nowhere.
        return jnp.pad(jnp.maximum(0, jnp.minimum(rising, falling)), ((1, 0), (0, 0)))

    def compute_output_shape(self, input_shape):
        time = input_shape[-1]
        windows = None if time is None else (time + self.sequence_stride + 1) // self.sequence_stride
        return (*input_shape[:-1], self.num_mel_bins, windows)


@builtin("layers")
class STFTSpectrogram(Layer):
    """The short-time Fourier transform of each channel, as a convolution whose kernels begin as cosines and sines.

    The kernels are weights: they may be trained, or frozen.

    Args:
        mode: `"log"`, `"magnitude"`, `"psd"` (power), `"real"`, `"imag"`, `"angle"`, `"stft"` (real and imaginary part).
        frame_length, frame_step: samples of a window, and from one to the next; half a window by default.
        fft_length: numbers of a Fourier transform; the next power of two by default.
        window: a name of `scipy.signal.get_window`, an array, or `None`.
        periodic: whether a window given by name is periodic.
        scaling: `"density"`, `"spectrum"` or `None`.
        padding: `"valid"` or `"same"`.
        expand_dims: whether channels keep an axis of their own.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, time, channels) to (batch, windows, channels * frequencies); with `expand_dims` to (batch, windows,
    frequencies, channels).

    >>> import kerata, numpy as np
    >>> kerata.layers.STFTSpectrogram("magnitude", 16)(np.ones((1, 64, 1), "float32")).shape
    (1, 7, 9)
    """

    mixes_samples = False

    def __init__(
        self,
        mode="log",
        frame_length=256,
        frame_step=None,
        fft_length=None,
        window="hann",
        periodic=False,
        scaling="density",
        padding="valid",
        expand_dims=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.mode = check_choice(self, "mode", mode, MODES)
        self.frame_length = check_positive_int(self, "frame_length", frame_length)
        if frame_step is not None and not 1 <= frame_step <= frame_length:
            received = {"frame_step": frame_step, "frame_length": frame_length}
            raise ValueError(message(self, "`frame_step` must be between 1 and `frame_length`", received))
        if fft_length is not None and fft_length < frame_length:
            received = {"fft_length": fft_length, "frame_length": frame_length}
            raise ValueError(message(self, "`fft_length` must be at least `frame_length`", received))
        if fft_length is not None and fft_length & -fft_length != fft_length:
            text = message(self, "`fft_length` is best a power of two", {"fft_length": fft_length})
            warnings.warn(text, stacklevel=2)
        self.frame_step, self.fft_length = frame_step, fft_length
        self.window, self.periodic = window, periodic
        self.scaling = check_choice(self, "scaling", scaling, (None, "density", "spectrum"))
        self.padding = check_choice(self, "padding", padding, ("valid", "same"))
        self.expand_dims, self.data_format = expand_dims, standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=3)
        STFT("real", window, scaling, periodic)

    @property
    def frequencies(self) -> int:
        """How many frequencies there are."""
        return (self.fft_length or 2 ** math.ceil(math.log2(self.frame_length))) // 2 + 1

    def build(self, input_shape):
        shape = (self.frame_length, 1, self.frequencies)
        for side in ("real", "imag"):
            if self.mode != {"real": "imag", "imag": "real"}[side]:
                starts = STFT(side, self.window, self.scaling, self.periodic)
                setattr(self, f"{side}_kernel", self.add_weight(shape, starts, name=f"{side}_kernel"))

    def _convolve(self, x: jax.Array, side: str) -> jax.Array:
        """x (batch, channels, time) to (batch, channels, frequencies, windows)."""
        flat = jnp.reshape(x, (-1, x.shape[2], 1))
        kernel = getattr(self, f"{side}_kernel").value.astype(x.dtype)
        step = self.frame_step or self.frame_length // 2
        found = conv(flat, kernel, strides=step, padding=self.padding, data_format="channels_last")
        return jnp.reshape(jnp.swapaxes(found, 1, 2), (*x.shape[:2], found.shape[2], found.shape[1]))

    def call(self, inputs):
        if not jnp.issubdtype(inputs.dtype, jnp.floating):
            raise TypeError(message(self, "the input must be of floats", {"inputs.dtype": inputs.dtype.name}))
        x = jnp.swapaxes(inputs, 1, 2) if self.data_format == "channels_last" else inputs
        real = self._convolve(x, "real") if self.mode != "imag" else None
        imag = self._convolve(x, "imag") if self.mode != "real" else None
        return self._arrange(self._what(real, imag))

    def _what(self, real: jax.Array | None, imag: jax.Array | None) -> jax.Array:
        """What `mode` asks for, of the real and the imaginary part, each (batch, channels, frequencies, windows)."""
        if real is None or imag is None:
            return real if imag is None else imag  # type: ignore[return-value]
        if self.mode == "angle":
            return jnp.arctan2(imag, real)
        if self.mode == "stft":
            return jnp.concatenate([real, imag], axis=2)
        power = jnp.square(real) + jnp.square(imag)
        if self.mode == "psd":
            # All frequencies but the first and the last stand for two, of which one is negative.
            return power + jnp.pad(power[:, :, 1:-1], ((0, 0), (0, 0), (1, 1), (0, 0)))
        length = jnp.sqrt(larger(power, epsilon()))
        return length if self.mode == "magnitude" else jnp.log(larger(length, epsilon()))

    def _arrange(self, x: jax.Array) -> jax.Array:
        """(batch, channels, frequencies, windows) in the layout of the output."""
        if self.expand_dims:
            return jnp.transpose(x, (0, 3, 2, 1) if self.data_format == "channels_last" else (0, 1, 3, 2))
        flat = jnp.reshape(x, (x.shape[0], -1, x.shape[3]))
        return jnp.swapaxes(flat, 1, 2) if self.data_format == "channels_last" else flat


def _length(real: jax.Array, imag: jax.Array) -> jax.Array:
    """sqrt(real^2 + imag^2), whose gradient is 0 at 0."""
    square = jnp.square(real) + jnp.square(imag)
    return jnp.where(square == 0, 0, jnp.sqrt(jnp.where(square == 0, 1, square)))
