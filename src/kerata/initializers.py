"""Initializers: the values that weights start from.

They are drawn on the host, so building a model compiles nothing. Each is a function of a shape and a dtype that
gives a NumPy array. Seeds give what they give in Keras on JAX. A seed of `None` is one that is taken where the initializer is
made, after `kerata.utils.set_random_seed`; as an integer it gives the same values at each call, a `SeedGenerator` gives a
reproducible sequence of them.
"""

import functools
import inspect
import math
from collections.abc import Sequence
from typing import Any, Self

import jax.numpy as jnp
import numpy as np

from kerata.base import registry
from kerata.base.absent import explain
from kerata.base.checks import check_choice, check_number, message
from kerata.base.limits import check_bytes, take_work
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, resolve, serialize_keras_object
from kerata.base.types import DTypeLike, Plain, Shape
from kerata.engine.module import Module
from kerata.engine.random import SeedGenerator
from kerata.engine.seeds import Seedable, law
from kerata.engine.types import AnyArray
from kerata.engine.variable import standardize_dtype, standardize_shape

# The standard deviation of a standard normal distribution cut off at two.
TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(Module):
    """A function of a shape that gives the first value of a weight.

    One of your own defines `__call__(shape, dtype=None)`; a plain function of that form does as well.

    >>> import kerata
    >>> class Ramp(kerata.initializers.Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    >>> Ramp()((2, 2), "float32").tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> AnyArray:
        raise NotImplementedError(message(self, "an initializer must define `__call__(self, shape, dtype=None)`"))

    def clone(self) -> Self:
        """A new initializer with the same arguments."""
        return type(self).from_config(self.get_config())


@builtin("initializers", "zeros", "zero")
class Zeros(Initializer):
    """value = 0.

    >>> import kerata
    >>> kerata.initializers.Zeros()((2,)).tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape, dtype=None):
        return np.zeros(standardize_shape(shape, self), _numpy_dtype(dtype))


@builtin("initializers", "ones", "one")
class Ones(Initializer):
    """value = 1.

    >>> import kerata
    >>> kerata.initializers.Ones()((2,)).tolist()
    [1.0, 1.0]
    """

    def __call__(self, shape, dtype=None):
        return np.ones(standardize_shape(shape, self), _numpy_dtype(dtype))


@builtin("initializers", "constant")
class Constant(Initializer):
    """value = a number, or an array that broadcasts to the shape.

    Args:
        value: the number.

    >>> import kerata
    >>> kerata.initializers.Constant(3)((2,)).tolist()
    [3.0, 3.0]
    """

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None):
        return np.full(standardize_shape(shape, self), np.asarray(self.value), _numpy_dtype(dtype))


@builtin("initializers", "identity", "IdentityInitializer")
class Identity(Initializer):
    """value = gain * I, for matrices only.

    Args:
        gain: the number on the diagonal.

    >>> import kerata
    >>> kerata.initializers.Identity()((2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(self, gain=1.0):
        self.gain = check_number(self, "gain", gain)

    def __call__(self, shape, dtype=None):
        shape = standardize_shape(shape, self)
        if len(shape) != 2:
            raise ValueError(message(self, "the shape must have two dimensions", {"shape": shape}))
        value = np.eye(*shape, dtype=_numpy_dtype(dtype))
        value *= self.gain
        return value


@builtin("initializers", "stft", "STFTInitializer")
class STFT(Initializer):
    """value[t, 0, f] = window[t] * cos(2 pi t f / n) / scale, or -sin: a short-time Fourier transform as a convolution.

    Args:
        side: `"real"` for the cosines, `"imag"` for the negative sines.
        window: a name of `scipy.signal.get_window`, an array with a number for each time step, or `None`.
        scaling: `"density"` divides by the window's L2 norm, `"spectrum"` by its L1 norm, `None` by nothing.
        periodic: whether a window given by name is periodic instead of symmetric.

    Shapes: (time steps, 1, n / 2 + 1).

    >>> import kerata
    >>> kerata.initializers.STFT("real", window=None)((4, 1, 3))[:, 0, 2].round().tolist()
    [1.0, -1.0, 1.0, -1.0]
    """

    def __init__(self, side="real", window="hann", scaling: str | None = "density", periodic=False):
        self.side = check_choice(self, "side", side, ("real", "imag"))
        self.window = window
        self.scaling = check_choice(self, "scaling", scaling, (None, "density", "spectrum"))
        self.periodic = periodic
        if isinstance(window, str):
            self._window_of(1)

    def __call__(self, shape, dtype=None):
        shape = standardize_shape(shape, self)
        if len(shape) != 3:
            raise ValueError(message(self, "the shape must be (time steps, 1, frequencies)", {"shape": shape}))
        steps, _, frequencies = shape
        check_bytes(3 * 8 * math.prod(shape), shape=shape)
        time = np.arange(steps)[:, None, None]  # (steps, 1, 1)
        angle = -2 * np.pi * time * np.arange(frequencies) / (2 * (frequencies - 1))  # (steps, 1, frequencies)
        kernel = np.cos(angle) if self.side == "real" else np.sin(angle)
        if self.window is not None:
            window = self._window_of(steps)
            scale = {None: 1.0, "density": np.sqrt((window**2).sum()), "spectrum": np.abs(window).sum()}[self.scaling]
            kernel = kernel * window[:, None, None] / scale
        return kernel.astype(_numpy_dtype(dtype))

    def _window_of(self, steps: int) -> np.ndarray:
        window = self.window
        if isinstance(window, str):
            from scipy.signal import get_window

            try:
                window = get_window(window, steps, self.periodic)
            except ValueError as error:
                raise ValueError(message(self, str(error), {"window": self.window})) from None
        window = np.asarray(window, dtype="float64")
        if window.shape != (steps,):
            raise ValueError(message(self, f"`window` must hold {steps} numbers", {"shape": window.shape}))
        return window


class RandomInitializer(Initializer, Seedable):
    """The base of initializers that draw; `seed` is an integer, a `SeedGenerator` or `None`."""

    def __init__(self, seed=None):
        if isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        if isinstance(seed, np.integer):
            seed = int(seed)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, SeedGenerator))):
            raise ValueError(message(self, "`seed` must be an integer, a SeedGenerator or None", {"seed": seed}))
        self.seed = seed
        if seed is None and not law().is_late:
            self.take_seed()

    def key(self) -> tuple[int, ...]:
        """The key of one call's numbers."""
        if self.seed is None:
            return self.default_key
        if isinstance(self.seed, int):
            return self.seed % 2**32, 0
        # The state is moved on here and not by `next`, whose key is a traced value inside programs.
        words = np.array(self.seed.state.peek())
        self.seed.state.place(words + np.array([0, 1], words.dtype))
        return int(words[0]), int(words[1])


@builtin("initializers", "random_normal", "normal")
class RandomNormal(RandomInitializer):
    """value ~ N(mean, stddev^2).

    Args:
        mean, stddev: of the distribution.
        seed: an integer, a `SeedGenerator` or `None`.

    >>> import kerata
    >>> kerata.initializers.RandomNormal(stddev=0.05, seed=1)((100, 100)).std().round(2).item()
    0.05...
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean = check_number(self, "mean", mean)
        self.stddev = check_number(self, "stddev", stddev)

    def __call__(self, shape, dtype=None):
        shape, dtype = standardize_shape(shape, self), _numpy_dtype(dtype)
        return law().numbers.normal(self.key(), shape, self.mean, self.stddev, dtype)


@builtin("initializers", "truncated_normal")
class TruncatedNormal(RandomInitializer):
    """value ~ N(mean, stddev^2), drawn again where it is more than two `stddev` from the mean.

    Args:
        mean, stddev: of the distribution before it is cut.
        seed: an integer, a `SeedGenerator` or `None`.

    >>> import kerata
    >>> bool(abs(kerata.initializers.TruncatedNormal(stddev=1.0)((1000,))).max() <= 2.0)
    True
    """

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        super().__init__(seed)
        self.mean = check_number(self, "mean", mean)
        self.stddev = check_number(self, "stddev", stddev)

    def __call__(self, shape, dtype=None):
        shape, dtype = standardize_shape(shape, self), _numpy_dtype(dtype)
        return law().numbers.truncated(self.key(), shape, self.mean, self.stddev, dtype)


@builtin("initializers", "random_uniform", "uniform")
class RandomUniform(RandomInitializer):
    """value ~ U[minval, maxval).

    Args:
        minval, maxval: the range.
        seed: an integer, a `SeedGenerator` or `None`.

    >>> import kerata
    >>> bool(abs(kerata.initializers.RandomUniform()((1000,))).max() <= 0.05)
    True
    """

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        super().__init__(seed)
        self.minval = check_number(self, "minval", minval)
        self.maxval = check_number(self, "maxval", maxval)

    def __call__(self, shape, dtype=None):
        shape, dtype = standardize_shape(shape, self), _numpy_dtype(dtype)
        return law().numbers.uniform(self.key(), shape, self.minval, self.maxval, dtype)


@builtin("initializers", "variance_scaling")
class VarianceScaling(RandomInitializer):
    """Variance scale / n, where n is the number of inputs, of outputs, or their mean.

    So the size of what flows through a layer does not depend on its width.

    Args:
        scale: a positive number.
        mode: `"fan_in"`, `"fan_out"` or `"fan_avg"`.
        distribution: `"truncated_normal"` (or `"normal"`), `"untruncated_normal"` or `"uniform"`.
        seed: an integer, a `SeedGenerator` or `None`.
        input_axes, output_axes: the axes that are inputs and outputs; by default the last two, times the others (a
            convolution's window).

    Source: He et al., "Delving deep into rectifiers", 2015.

    >>> import kerata
    >>> kerata.initializers.VarianceScaling(scale=2.0, mode="fan_out")((3, 3, 16, 32)).shape
    (3, 3, 16, 32)
    """

    def __init__(self, scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None, input_axes=None, output_axes=None):
        super().__init__(seed)
        self.scale = check_number(self, "scale", scale)
        if not self.scale > 0:
            raise ValueError(message(self, "`scale` must be a number above 0", {"scale": scale}))
        self.mode = check_choice(self, "mode", mode, ("fan_in", "fan_out", "fan_avg"))
        distribution = distribution.lower() if isinstance(distribution, str) else distribution
        # "normal" was the spelling of the truncated one before Keras 2.2.3.
        self.distribution = (
            "truncated_normal"
            if distribution == "normal"
            else check_choice(self, "distribution", distribution, ("truncated_normal", "untruncated_normal", "uniform"))
        )
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape, dtype=None):
        shape, dtype = standardize_shape(shape, self), _numpy_dtype(dtype)
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return law().numbers.uniform(self.key(), shape, -limit, limit, dtype)
        if self.distribution == "untruncated_normal":
            return law().numbers.normal(self.key(), shape, 0.0, math.sqrt(variance), dtype)
        # Cutting makes the distribution narrower, which is undone.
        stddev = math.sqrt(variance) / TRUNCATED_STDDEV
        return law().numbers.truncated(self.key(), shape, 0.0, stddev, dtype)


@builtin("initializers", "glorot_uniform")
class GlorotUniform(VarianceScaling):
    """value ~ U[-l, l), l = sqrt(6 / (inputs + outputs)): the default of most layers.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.

    >>> import kerata
    >>> bool(abs(kerata.initializers.GlorotUniform()((4, 2))).max() <= 1.0)
    True
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_avg", "uniform", seed, input_axes, output_axes)


@builtin("initializers", "glorot_normal")
class GlorotNormal(VarianceScaling):
    """value ~ N(0, 2 / (inputs + outputs)), truncated at two standard deviations.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.

    >>> import kerata
    >>> kerata.initializers.GlorotNormal()((4, 2)).shape
    (4, 2)
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, input_axes, output_axes)


@builtin("initializers", "lecun_normal")
class LecunNormal(VarianceScaling):
    """value ~ N(0, 1 / inputs), truncated at two standard deviations; for `selu`.

    Source: LeCun et al., "Efficient backprop", 1998; Klambauer et al., "Self-normalizing neural networks", 2017.

    >>> import kerata
    >>> kerata.initializers.LecunNormal()((4, 2)).shape
    (4, 2)
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


@builtin("initializers", "lecun_uniform")
class LecunUniform(VarianceScaling):
    """value ~ U[-l, l), l = sqrt(3 / inputs).

    Source: LeCun et al., "Efficient backprop", 1998.

    >>> import kerata
    >>> kerata.initializers.LecunUniform()((4, 2)).shape
    (4, 2)
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(1.0, "fan_in", "uniform", seed, input_axes, output_axes)


@builtin("initializers", "he_normal")
class HeNormal(VarianceScaling):
    """value ~ N(0, 2 / inputs), truncated at two standard deviations; for `relu`.

    Source: He et al., "Delving deep into rectifiers", 2015.

    >>> import kerata
    >>> kerata.initializers.HeNormal()((4, 2)).shape
    (4, 2)
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(2.0, "fan_in", "truncated_normal", seed, input_axes, output_axes)


@builtin("initializers", "he_uniform")
class HeUniform(VarianceScaling):
    """value ~ U[-l, l), l = sqrt(6 / inputs); for `relu`.

    Source: He et al., "Delving deep into rectifiers", 2015.

    >>> import kerata
    >>> kerata.initializers.HeUniform()((4, 2)).shape
    (4, 2)
    """

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(2.0, "fan_in", "uniform", seed, input_axes, output_axes)


@builtin("initializers", "orthogonal", "OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """value = gain * Q: a random matrix with orthonormal columns (rows, where there are fewer of them).

    Recurrent layers take it for their recurrent kernel: repeated products neither grow nor vanish. A shape with more
    than two dimensions is drawn as (all but the last, the last).

    Args:
        gain: a factor.
        seed: an integer, a `SeedGenerator` or `None`.

    Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning", 2014.

    >>> import kerata
    >>> q = kerata.initializers.Orthogonal()((3, 3))
    >>> bool(np.allclose(q.T @ q, np.eye(3), atol=1e-6))
    True
    """

    def __init__(self, gain=1.0, seed=None):
        super().__init__(seed)
        self.gain = check_number(self, "gain", gain)

    def __call__(self, shape, dtype=None):
        shape, dtype = standardize_shape(shape, self), _numpy_dtype(dtype)
        if len(shape) < 2:
            raise ValueError(message(self, "the shape must have at least two dimensions", {"shape": shape}))
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        # A factorization takes some copies, and a time that grows with the third power.
        check_bytes(4 * 8 * math.prod(shape), shape=shape)
        take_work(math.prod(tall) * tall[1] // FLOPS_OF_WORK, shape=shape)
        made = law().orthogonal(None if self.seed is None else self.key(), (rows, columns))
        if made is not None:
            return (self.gain * made).reshape(shape).astype(dtype)
        normal = law().numbers.normal(self.key(), tall, 0.0, 1.0, np.dtype("float32"))
        q = orthonormalize(normal)
        return (self.gain * (q.T if rows < columns else q)).reshape(shape).astype(dtype)


def orthonormalize(matrix: np.ndarray) -> np.ndarray:
    """The Q of matrix = Q R with a positive diagonal of R, for at least as many rows as columns; float64.

    Unlike a factorization by reflections, this prefers no signs, and it takes a third of the time: R^T is the Cholesky
    factor of matrix^T matrix. The second round takes away what squaring has made of rounding.
    """
    q = matrix.astype(np.float64)
    try:
        for _ in range(2):
            q = np.linalg.solve(np.linalg.cholesky(q.T @ q), q.T).T
    except np.linalg.LinAlgError:
        # So near to dependent that the square has no factor.
        q, r = np.linalg.qr(matrix.astype(np.float64))
        q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return q


def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """(inputs, outputs) of a weight of some shape.

    >>> compute_fans((3, 3, 16, 32))
    (144, 288)
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


def _numpy_dtype(dtype: DTypeLike | None) -> np.dtype:
    return np.dtype(jnp.dtype(standardize_dtype(dtype)))


# Multiplications of a factorization that take about as long as making an object.
FLOPS_OF_WORK = 2_000_000


def get(identifier: object) -> Initializer:
    """The initializer that a name, config, class, function or array stands for; `None` stays `None`.

    >>> get("he_uniform").scale
    2.0
    """
    if hasattr(identifier, "shape") and hasattr(identifier, "dtype") and not isinstance(identifier, type):
        return _from_array(np.asarray(identifier))
    return _with_dtype(resolve("initializers", identifier, "initializers.get", "identifier"))


def _from_array(array: np.ndarray) -> Any:
    def initial_value(shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
        if standardize_shape(shape) != array.shape:
            raise ValueError(
                message("initializer", f"the given array fits a weight of shape {array.shape} only", {"shape": shape})
            )
        return array.astype(_numpy_dtype(dtype))

    return initial_value


def _with_dtype(initializer: Initializer) -> Initializer:
    """A user's function of the shape alone as a function of shape and dtype."""
    if initializer is None or isinstance(initializer, Initializer):
        return initializer
    try:
        parameters = inspect.signature(initializer).parameters
    except (TypeError, ValueError):  # built-in functions show no signature
        return initializer
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    if takes_any or "dtype" in parameters:
        return initializer
    if not inspect.isroutine(initializer):
        raise TypeError(
            message(initializer, "an initializer must have the form f(shape, dtype=None)", {"parameters": tuple(parameters)})
        )

    @functools.wraps(initializer)
    def with_dtype(shape: Shape, dtype: DTypeLike | None = None) -> AnyArray:
        return jnp.asarray(initializer(shape), dtype=standardize_dtype(dtype))

    return with_dtype


def serialize(initializer: object) -> Plain:
    """The initializer as plain data, in Keras's form."""
    return serialize_keras_object(initializer)


def deserialize(config: object, custom_objects: dict[str, Any] | None = None) -> Initializer:
    """The initializer that `serialize` wrote, or that a name stands for."""
    with registry.CustomObjectScope(custom_objects or {}):
        return get(config)


constant, identity, ones, zeros, stft = Constant, Identity, Ones, Zeros, STFT
glorot_normal, glorot_uniform, he_normal, he_uniform = GlorotNormal, GlorotUniform, HeNormal, HeUniform
lecun_normal, lecun_uniform, orthogonal, variance_scaling = LecunNormal, LecunUniform, Orthogonal, VarianceScaling
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT
normal, uniform, zero, one = RandomNormal, RandomUniform, Zeros, Ones


__getattr__ = explain("kerata.initializers")
