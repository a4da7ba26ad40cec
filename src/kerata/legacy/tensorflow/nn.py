"""`tf.nn`: activations, losses from logits, convolutions and pools, normalizations."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from kerata import ops, random
from kerata.base.checks import message
from kerata.engine.types import Array
from kerata.legacy.tensorflow.calls import Function, ints
from kerata.legacy.tensorflow.errors import UnimplementedError
from kerata.legacy.tensorflow.functions import TABLE, check_indices, square_of_length
from kerata.legacy.tensorflow.looking_up import OfRows
from kerata.legacy.tensorflow.types import Ints

FORMS = {"NHWC": "channels_last", "NCHW": "channels_first", "NWC": "channels_last", "NCW": "channels_first"}
FORMS |= {"NDHWC": "channels_last", "NCDHW": "channels_first"}


def softmax(x: ArrayLike, axis: int | None) -> Array:
    return jax.nn.softmax(jnp.asarray(x), -1 if axis is None else axis)


def log_softmax(x: ArrayLike, axis: int | None) -> Array:
    return jax.nn.log_softmax(jnp.asarray(x), -1 if axis is None else axis)


def leaky_relu(x: Array, alpha: float) -> Array:
    """x above 0, alpha x else: the slope at 0 is alpha."""
    return jnp.where(x > 0, x, alpha * x)


def selu(x: Array) -> Array:
    """scale * x from 0 on, scale * alpha * (exp(x) - 1) below."""
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return jnp.where(x >= 0, scale * x, scale * alpha * jnp.expm1(jnp.where(x >= 0, 0.0, x)))


def softmax_loss(labels: ArrayLike, logits: ArrayLike, axis: int) -> Array:
    """The cross-entropy of logits against probabilities, one value a row."""
    logits = jnp.asarray(logits)
    labels = jnp.asarray(labels, logits.dtype)
    return slope_of_rest(jnp.sum(labels, axis), logits, axis) - jnp.sum(labels * jax.nn.log_softmax(logits, axis), axis)


def slope_of_rest(total: Array, logits: Array, axis: int) -> Array:
    """Zeros with the slope (1 - total) softmax(logits).

    TensorFlow gives the cross-entropy of a row the slope softmax - labels, as though the labels summed to 1: a row of zeros,
    which fills up a short sequence, has no loss and moves the weights.
    """
    sums = jax.nn.logsumexp(logits, axis)
    return (1.0 - total) * (sums - lax.stop_gradient(sums))


def sparse_loss(labels: ArrayLike, logits: ArrayLike) -> Array:
    """The cross-entropy of logits against classes, one value a row."""
    logits, labels = jnp.asarray(logits), jnp.asarray(labels)
    check_indices(labels, logits.shape[-1])
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None].astype(jnp.int32), -1)[..., 0]


def sigmoid_loss(labels: ArrayLike, logits: ArrayLike) -> Array:
    """The cross-entropy of logits of two classes: max(x, 0) - x z + log(1 + exp(-|x|))."""
    logits = jnp.asarray(logits)
    labels = jnp.asarray(labels, logits.dtype)
    return jax.nn.softplus(logits) - logits * labels


def weighted_loss(labels: ArrayLike, logits: ArrayLike, weight: ArrayLike) -> Array:
    """`sigmoid_loss` whose positive part counts `weight` times."""
    logits, labels = jnp.asarray(logits), jnp.asarray(labels)
    factor = 1 + (jnp.asarray(weight) - 1) * labels
    return (1 - labels) * logits + factor * jax.nn.softplus(-logits)


def sizes_of(value: Ints, form: str | None, count: int) -> int | tuple[int, ...]:
    """Strides or windows as many as there are places: 2, [2, 2] and [1, 2, 2, 1] are the same."""
    found: int | tuple[int, ...] = ints(value)
    if isinstance(found, int) or len(found) == count:
        return found
    if len(found) == 1:
        return found * count
    places, others = (found[2:], found[:2]) if str(form).startswith("NC") else (found[1:-1], (found[0], found[-1]))
    if set(others) != {1}:
        expected = "strides and windows are 1 in the axes of samples and of channels"
        raise UnimplementedError(message("tf.nn", expected, {"sizes": found}))
    return places


def conv(
    x: ArrayLike, filters: ArrayLike, strides: Ints, padding: str | Sequence[Sequence[int]], form: str | None, dilations: Ints
) -> Array:
    """A convolution of any number of places."""
    x, places = jnp.asarray(x), np.ndim(filters) - 2
    if not isinstance(padding, str):
        widths = np.asarray(padding).tolist()
        x, padding = jnp.pad(x, widths), "VALID"
    strides = sizes_of(1 if strides is None else strides, form, places)
    dilations = sizes_of(1 if dilations is None else dilations, form, places)
    return ops.conv(x, filters, strides, padding.lower(), FORMS[form or "NHWC"], dilations)


def conv_transpose(
    x: ArrayLike, filters: ArrayLike, output_shape: Ints, strides: Ints, padding: str, form: str | None
) -> Array:
    """The derivative of a convolution, with the shape that is said."""
    places = np.ndim(filters) - 2
    steps = sizes_of(strides, form, places)
    steps = (steps,) * places if isinstance(steps, int) else steps
    dimensions = {1: ("NWC", "WIO", "NWC"), 2: ("NHWC", "HWIO", "NHWC"), 3: ("NDHWC", "DHWIO", "NDHWC")}[places]
    shape = ints(output_shape)

    def forward(y: Array) -> Array:
        return lax.conv_general_dilated(y, jnp.asarray(filters), steps, padding, dimension_numbers=dimensions)

    return jax.vjp(forward, jnp.zeros(shape, jnp.asarray(x).dtype))[1](jnp.asarray(x))[0]


def depthwise(x: ArrayLike, filters: ArrayLike, strides: Ints, padding: str, form: str | None, dilations: Ints) -> Array:
    dilations = 1 if dilations is None else sizes_of(dilations, form, 2)
    return ops.depthwise_conv(x, filters, sizes_of(strides, form, 2), padding.lower(), FORMS[form or "NHWC"], dilations)


def separable(
    x: ArrayLike, deep: ArrayLike, across: ArrayLike, strides: Ints, padding: str, form: str | None, dilations: Ints
) -> Array:
    return conv(depthwise(x, deep, strides, padding, form, dilations), across, 1, "VALID", form, None)


def depth_of(window: Ints, strides: Ints, form: str, places: int) -> int:
    """How many channels a window takes the largest of, where it lies within one pixel; else 1."""
    sizes = ints(window)
    if (
        isinstance(sizes, int)
        or len(sizes) != places + 2
        or not form.endswith("C")
        or sizes != (1,) * (places + 1) + sizes[-1:]
    ):
        return 1
    return sizes[-1] if strides is None or ints(strides) == sizes else 1


def pool_depth(x: Array, depth: int) -> Array:
    """The largest of each few channels."""
    if x.shape[-1] % depth:
        expected = "the number of channels must be a multiple of the window's"
        raise UnimplementedError(message("tf.nn.max_pool", expected, {"channels": x.shape[-1], "ksize": depth}))
    return jnp.max(jnp.reshape(x, (*x.shape[:-1], -1, depth)), -1)


def pool(kind: str, places: int) -> Callable[..., Array]:
    def compute(x: ArrayLike, window: Ints, strides: Ints, padding: str, form: str | None) -> Array:
        function = ops.max_pool if kind == "max" else ops.average_pool
        form = form or ("NHWC" if places == 2 else "NWC")
        if kind == "max" and (depth := depth_of(window, strides, form, places)) > 1:
            return pool_depth(jnp.asarray(x), depth)
        strides = sizes_of(window if strides is None else strides, form, places)
        return function(x, sizes_of(window, form, places), strides, padding.lower(), FORMS[form])

    return compute


def dropout(x: ArrayLike, rate: float | Array, noise_shape: Ints, key: Array) -> Array:
    """x with a share of its numbers 0, and the others larger in turn.

    `key` is a key, or numbers of [0, 1) of the mask's shape that were drawn.
    """
    x = jnp.asarray(x)
    drawn = jnp.issubdtype(jnp.asarray(key).dtype, jnp.floating)
    kept = (key if drawn else random.uniform(x.shape if noise_shape is None else ints(noise_shape), seed=key)) >= rate
    return jnp.where(kept, x / (1 - rate), jnp.zeros((), x.dtype))


def moments(x: ArrayLike, axes: Ints, keepdims: bool) -> tuple[Array, Array]:
    """(mean, variance); a variance around a mean that stands still, which makes another second derivative."""
    x, along = jnp.asarray(x), ints(axes)
    wide = x.astype(jnp.float32) if x.dtype == jnp.float16 else x
    mean = jnp.mean(wide, along, keepdims=True)
    variance = jnp.mean(square_of_length(wide - lax.stop_gradient(mean)), along, keepdims=True)
    found = (mean, variance) if keepdims else (jnp.squeeze(mean, along), jnp.squeeze(variance, along))
    return found[0].astype(x.dtype), found[1].astype(x.dtype)


def batch_norm(
    x: ArrayLike, mean: ArrayLike, variance: ArrayLike, offset: ArrayLike | None, scale: ArrayLike | None, epsilon: float
) -> Array:
    factor = lax.rsqrt(jnp.asarray(variance) + epsilon)
    factor = factor if scale is None else factor * scale
    return jnp.asarray(x) * factor + ((0 if offset is None else offset) - jnp.asarray(mean) * factor)


def lookup(params: ArrayLike, ids: ArrayLike, max_norm: float | None) -> Array:
    params, ids = jnp.asarray(params), jnp.asarray(ids)
    check_indices(ids, params.shape[0])
    return jnp.take(params, ids, axis=0, mode="clip")


_ROWS: dict[str, tuple] = {
    "softmax": ("logits, axis=None", softmax),
    "nn.log_softmax": ("logits, axis=None", log_softmax),
    "nn.leaky_relu": ("features, alpha=0.2", lambda x, a: leaky_relu(jnp.asarray(x), a)),
    "nn.elu": ("features", lambda x: jax.nn.elu(x)),
    "nn.selu": ("features", lambda x: selu(jnp.asarray(x))),
    "nn.gelu": ("features, approximate=False", lambda x, approximate: jax.nn.gelu(jnp.asarray(x), bool(approximate))),
    "nn.swish": ("features, beta=1.0", lambda x, beta: x * jax.nn.sigmoid(beta * x)),
    "nn.silu": ("features, beta=1.0", lambda x, beta: x * jax.nn.sigmoid(beta * x)),
    "nn.relu": ("features", lambda x: jax.nn.relu(jnp.asarray(x))),
    "nn.relu6": ("features", lambda x: jax.nn.relu6(jnp.asarray(x)).astype(jnp.asarray(x).dtype)),
    "nn.softmax_cross_entropy_with_logits": ("labels, logits, axis=-1", softmax_loss),
    "nn.softmax_cross_entropy_with_logits_v2": ("labels, logits, axis=-1", softmax_loss),
    "nn.sparse_softmax_cross_entropy_with_logits": ("labels, logits", sparse_loss),
    "nn.sigmoid_cross_entropy_with_logits": ("labels, logits", sigmoid_loss),
    "nn.weighted_cross_entropy_with_logits": ("labels, logits, pos_weight", weighted_loss),
    "nn.l2_loss": ("t", lambda t: jnp.sum(jnp.square(t)) / 2),
    "nn.conv2d": ("input, filters, strides, padding, data_format='NHWC', dilations=None", conv),
    "nn.conv1d": ("input, filters, stride, padding, data_format='NWC', dilations=None", conv),
    "nn.conv3d": ("input, filters, strides, padding, data_format='NDHWC', dilations=None", conv),
    "nn.convolution": (
        "input, filters, strides=None, padding='VALID', data_format=None, dilations=None",
        lambda x, w, s, p, form, d: conv(x, w, s, p, form or ("NWC" if np.ndim(w) == 3 else "NHWC"), d),
    ),
    "nn.depthwise_conv2d": ("input, filter, strides, padding, data_format=None, dilations=None", depthwise),
    "nn.separable_conv2d": (
        "input, depthwise_filter, pointwise_filter, strides, padding, data_format=None, dilations=None",
        separable,
    ),
    "nn.max_pool": ("input, ksize, strides, padding, data_format=None", pool("max", 2)),
    "nn.max_pool2d": ("input, ksize, strides, padding, data_format='NHWC'", pool("max", 2)),
    "nn.max_pool1d": ("input, ksize, strides, padding, data_format='NWC'", pool("max", 1)),
    "nn.avg_pool": ("input, ksize, strides, padding, data_format=None", pool("average", 2)),
    "nn.avg_pool2d": ("input, ksize, strides, padding, data_format='NHWC'", pool("average", 2)),
    "nn.avg_pool1d": ("input, ksize, strides, padding, data_format='NWC'", pool("average", 1)),
    "nn.moments": ("x, axes, shift=None, keepdims=False", lambda x, axes, _, keep: moments(x, axes, keep)),
    "nn.batch_normalization": ("x, mean, variance, offset, scale, variance_epsilon", batch_norm),
    "nn.embedding_lookup": ("params, ids, max_norm=None", lookup),
    "nn.bias_add": (
        "value, bias, data_format=None",
        lambda x, b, form: (
            ops.add(x, b) if not str(form).startswith("NC") else x + jnp.reshape(b, (-1, *[1] * (np.ndim(x) - 2)))
        ),
    ),
    "nn.crelu": ("features, axis=-1", lambda x, axis: jax.nn.relu(jnp.concatenate([x, -jnp.asarray(x)], axis))),
    "nn.zero_fraction": ("value", lambda x: jnp.mean((jnp.asarray(x) == 0).astype(jnp.float32))),
    "nn.depth_to_space": (
        "input, block_size, data_format='NHWC'",
        lambda x, n, form: ops.depth_to_space(x, n, data_format=FORMS[form]),
    ),
    "nn.space_to_depth": (
        "input, block_size, data_format='NHWC'",
        lambda x, n, form: ops.space_to_depth(x, n, data_format=FORMS[form]),
    ),
    "nn.local_response_normalization": (
        "input, depth_radius=5, bias=1, alpha=1, beta=0.5",
        lambda x, radius, bias, alpha, beta: local_response(x, radius, bias, alpha, beta),
    ),
}


def local_response(x: ArrayLike, radius: int, bias: float, alpha: float, beta: float) -> Array:
    """x / (bias + alpha * the sum of the squares of the nearest channels) ** beta."""
    x = jnp.asarray(x)
    square = jnp.pad(jnp.square(x), [(0, 0)] * (x.ndim - 1) + [(radius, radius)])
    total = sum(lax.slice_in_dim(square, n, n + x.shape[-1], axis=-1) for n in range(2 * radius + 1))
    return x / (bias + alpha * total) ** beta


for _name, (_signature, _compute) in _ROWS.items():
    TABLE[_name] = Function(_name, _signature, _compute)
TABLE["nn.embedding_lookup"] = OfRows("nn.embedding_lookup", *_ROWS["nn.embedding_lookup"])
TABLE["nn.in_top_k"] = TABLE["math.in_top_k"]
drop = Function("dropout", "x, rate, noise_shape, key", dropout)
