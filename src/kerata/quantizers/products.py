"""Products with weights of few bits, with the slope of the product with the weight that they stand for."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_dtypes

from kerata.engine.types import Array
from kerata.quantizers.floats import compute_float8_amax_history, compute_float8_scale, quantize_and_dequantize
from kerata.quantizers.quantizer import Axes, Levels

Apply = Callable[[Array, Array], Array]


def with_slope_of(smooth: Callable[..., Array], function: Callable[..., Array]) -> Callable[..., Array]:
    """A function of (inputs, what stays) that changes with its inputs as a smooth one does: rounding has no slope.

    >>> float(jax.grad(with_slope_of(lambda x: 2 * x, lambda x: jnp.round(2 * x)))(1.3))
    2.0
    """

    @jax.custom_jvp
    def own(inputs: Array, *stays: Array) -> Array:
        return function(inputs, *stays)

    @own.defjvp
    def _slope(at: tuple[Array, ...], along: tuple[Array, ...]) -> tuple[Array, Array]:
        inputs, *stays = at
        change = jax.jvp(lambda x: smooth(x, *stays), (inputs,), along[:1])[1]
        return own(inputs, *stays), change

    return own


def product_of_levels(
    apply: Apply,
    quantizer: Levels | None,
    align: Callable[[Array], Array],
    axes: Axes,
    inputs: Array,
    levels: Array,
    scale: Array,
    weight: Callable[[Array, Array], Array],
) -> Array:
    """apply(levels of inputs, levels of the weight) / (scale of inputs * scale of the weight), as sums of whole numbers.

    Args:
        apply: the product.
        quantizer: gives (levels, scale) of inputs; `None` leaves them as they are.
        align: brings the scale of inputs into the layout of the output.
        axes: axes of the inputs over which the product sums.
        inputs: numbers.
        levels, scale: of the weight, the scale in the layout of the output.
        weight: the weight that levels and scale stand for, for slopes.
    """
    dtype = inputs.dtype

    def function(x: Array, levels: Array, scale: Array) -> Array:
        if quantizer is None:
            return (apply(x, levels.astype(dtype)) / scale).astype(dtype)
        whole, factor = quantizer(x, axis=axes)
        return (apply(whole, levels).astype(dtype) / (align(factor) * scale)).astype(dtype)

    def smooth(x: Array, levels: Array, scale: Array) -> Array:
        return apply(x, weight(levels, scale).astype(dtype))

    return with_slope_of(smooth, function)(inputs, levels, scale)


def product_of_rounded_inputs(
    apply: Apply, quantizer: Levels | None, align: Callable[[Array], Array], axes: Axes, inputs: Array, weight: Array
) -> Array:
    """apply(levels of inputs, weight) / scale of inputs, the arguments as of `product_of_levels`."""
    weight = weight.astype(inputs.dtype)
    if quantizer is None:
        return apply(inputs, weight)

    def function(x: Array, weight: Array) -> Array:
        whole, factor = quantizer(x, axis=axes)
        return apply(whole.astype(x.dtype), weight) / align(factor)

    return with_slope_of(apply, function)(inputs, weight)


LARGEST = {name: float(ml_dtypes.finfo(name).max) for name in ("float8_e4m3fn", "float8_e5m2")}


@jax.custom_vjp
def round_to_float8(x: Array, scale: Array, history: Array) -> Array:
    """x as a float of 8 bits holds it; the "gradients" of scale and history are what they are to be in the next step."""
    return quantize_and_dequantize(x, scale, "float8_e4m3fn", str(x.dtype))


def _round_forward(x: Array, scale: Array, history: Array) -> tuple[Array, tuple[Array, Array]]:
    later = compute_float8_scale(jnp.max(history), scale, LARGEST["float8_e4m3fn"])
    return round_to_float8(x, scale, history), (later, compute_float8_amax_history(x, history))


def _round_backward(later: tuple[Array, Array], slope: Array) -> tuple[Array, Array, Array]:
    return (slope, *later)


round_to_float8.defvjp(_round_forward, _round_backward)


@jax.custom_vjp
def round_slope_to_float8(x: Array, scale: Array, history: Array) -> Array:
    """x, whose gradient is rounded as a float of 8 bits holds it; "gradients" as of `round_to_float8`."""
    return x


def _slope_forward(x: Array, scale: Array, history: Array) -> tuple[Array, tuple[Array, Array]]:
    return x, (scale, history)


def _slope_backward(kept: tuple[Array, Array], slope: Array) -> tuple[Array, Array, Array]:
    scale, history = kept
    later = compute_float8_scale(jnp.max(history), scale, LARGEST["float8_e5m2"])
    rounded = quantize_and_dequantize(slope, scale, "float8_e5m2", str(slope.dtype))
    return rounded, later, compute_float8_amax_history(slope, history)


round_slope_to_float8.defvjp(_slope_forward, _slope_backward)
