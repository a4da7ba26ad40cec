"""Functions of neural networks: normalization, encodings, cross-entropies, attention, sequences."""

# JAX leaves some arguments and results of its functions without a type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import warnings
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax import lax

from kerata.base.checks import check_choice, check_number, check_positive_int, message
from kerata.base.config import epsilon as fuzz
from kerata.base.types import DTypeLike, is_list_or_tuple
from kerata.engine.types import Array, TensorLike
from kerata.engine.variable import standardize_dtype
from kerata.kernels.maxima import larger, within
from kerata.kernels.typed import at_once, finfo
from kerata.ops.activations import celu as celu
from kerata.ops.activations import elu as elu
from kerata.ops.activations import gelu as gelu
from kerata.ops.activations import glu as glu
from kerata.ops.activations import hard_shrink as hard_shrink
from kerata.ops.activations import hard_sigmoid as hard_sigmoid
from kerata.ops.activations import hard_silu as hard_silu
from kerata.ops.activations import hard_swish as hard_swish
from kerata.ops.activations import hard_tanh as hard_tanh
from kerata.ops.activations import leaky_relu as leaky_relu
from kerata.ops.activations import log_sigmoid as log_sigmoid
from kerata.ops.activations import log_softmax as log_softmax
from kerata.ops.activations import relu as relu
from kerata.ops.activations import relu6 as relu6
from kerata.ops.activations import selu as selu
from kerata.ops.activations import sigmoid as sigmoid
from kerata.ops.activations import silu as silu
from kerata.ops.activations import soft_shrink as soft_shrink
from kerata.ops.activations import softmax as softmax
from kerata.ops.activations import softplus as softplus
from kerata.ops.activations import softsign as softsign
from kerata.ops.activations import sparse_plus as sparse_plus
from kerata.ops.activations import sparse_sigmoid as sparse_sigmoid
from kerata.ops.activations import sparsemax as sparsemax
from kerata.ops.activations import squareplus as squareplus
from kerata.ops.activations import swish as swish
from kerata.ops.activations import tanh_shrink as tanh_shrink
from kerata.ops.activations import threshold as threshold
from kerata.ops.beams import beam_search
from kerata.ops.forms import Axes, as_array, as_axes, as_float, op
from kerata.ops.windows import adaptive_average_pool as adaptive_average_pool
from kerata.ops.windows import adaptive_max_pool as adaptive_max_pool
from kerata.ops.windows import average_pool as average_pool
from kerata.ops.windows import conv as conv
from kerata.ops.windows import conv_transpose as conv_transpose
from kerata.ops.windows import depth_to_space as depth_to_space
from kerata.ops.windows import depthwise_conv as depthwise_conv
from kerata.ops.windows import fold as fold
from kerata.ops.windows import max_pool as max_pool
from kerata.ops.windows import separable_conv as separable_conv
from kerata.ops.windows import space_to_depth as space_to_depth
from kerata.ops.windows import unfold as unfold

# Normalization. Statistics are taken in at least float32.


@op()
def moments(x: TensorLike, axes: Axes, keepdims: bool = False, synchronized: bool = False) -> tuple[Array, Array]:
    """(mean, variance) along axes.

    Args:
        x: an array; of one that is spread over devices, the moments are those of the whole, so `synchronized` changes nothing.
        axes: along which to take them.
        keepdims: whether these axes stay, with one element.
    """
    x, axes = as_array(x), as_axes(axes)
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean, variance = (f(wide, axis=axes, keepdims=keepdims) for f in (jnp.mean, jnp.var))
    if x.dtype in (jnp.float16, jnp.bfloat16):
        limit = finfo(jnp.float16).max
        mean, variance = (jnp.clip(value, -limit, limit).astype(x.dtype) for value in (mean, variance))
    return mean, variance


@op("x mean variance offset scale", written="BatchNorm")
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> Array:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, each of them one number for each index of `axis`."""
    x = as_array(x)
    shape = [-1 if a == axis % x.ndim else 1 for a in range(x.ndim)]
    mean, factor = jnp.reshape(as_array(mean), shape), lax.rsqrt(jnp.reshape(as_array(variance), shape) + epsilon)
    if scale is not None:
        factor = factor * jnp.reshape(as_array(scale), shape)
    shift = -mean * factor
    return x * factor + (shift if offset is None else shift + jnp.reshape(as_array(offset), shape))


@op("x gamma beta", written="LayerNorm")
def layer_normalization(
    x: TensorLike,
    gamma: TensorLike | None = None,
    beta: TensorLike | None = None,
    axis: Axes = -1,
    epsilon: float | None = None,
    **kwargs: bool,
) -> Array:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, with each sample's own mean and variance along `axis`.

    With `rms_scaling=True`, an argument that Keras has given up for `rms_normalization`, x / sqrt(variance + epsilon) * gamma.
    """
    by_deviation = kwargs.pop("rms_scaling", False)
    for name in kwargs:
        raise TypeError(message("layer_normalization", f"unknown argument `{name}`", kwargs))
    if by_deviation:
        text = "You passed `rms_scaling=True`, which is deprecated: it divides by the deviation, not by the mean square's root"
        warnings.warn(message("layer_normalization", text, fix="Use ops.rms_normalization"), stacklevel=3)
    x = as_array(x)
    wide, axes = x.astype(jnp.promote_types(x.dtype, jnp.float32)), as_axes(axis)
    mean, variance = jnp.mean(wide, axes, keepdims=True), jnp.var(wide, axes, keepdims=True)
    y = (wide if by_deviation else wide - mean) * lax.rsqrt(variance + (fuzz() if epsilon is None else epsilon))
    y = y if gamma is None else y * _along(x, gamma, axis)
    return (y if beta is None or by_deviation else y + _along(x, beta, axis)).astype(x.dtype)


@op("x scale", written="RMSNorm")
def rms_normalization(x: TensorLike, scale: TensorLike | None = None, axis: Axes = -1, epsilon: float | None = None) -> Array:
    """x / sqrt(mean(x^2) + epsilon) * scale along `axis`."""
    x = as_array(x)
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    power = jnp.mean(jnp.square(wide), as_axes(axis), keepdims=True)
    y = wide * lax.rsqrt(power + (fuzz() if epsilon is None else epsilon))
    return (y if scale is None else y * _along(x, scale, axis)).astype(x.dtype)


def _along(x: Array, factor: TensorLike, axis: Axes) -> Array:
    """Numbers for each index of some axes of x, as they are multiplied with it; as they are where they have all axes of x."""
    factor = as_array(factor)
    several = axis if is_list_or_tuple(axis) else (cast(int, axis),)
    axes = {a % x.ndim for a in several}
    return factor if factor.ndim == x.ndim else jnp.reshape(factor, [n if a in axes else 1 for a, n in enumerate(x.shape)])


@op()
def normalize(x: TensorLike, axis: Axes = -1, order: int = 2, epsilon: float | None = None) -> Array:
    """x / max(norm, epsilon), the norm of some order taken along `axis`.

    >>> import kerata
    >>> round(float(kerata.ops.norm(kerata.ops.normalize([3.0, 4.0]))), 4)
    1.0
    """
    check_positive_int("normalize", "order", order)
    x, least = as_float(jnp.atleast_1d(as_array(x))), fuzz() if epsilon is None else epsilon
    if order == 2:
        # The bound is put on the square, so that a vector of zeros has a gradient.
        square = jnp.sum(jnp.square(x), axis=as_axes(axis), keepdims=True)
        return x * lax.rsqrt(larger(square, least**2))
    return x / larger(jnp.linalg.norm(x, ord=order, axis=as_axes(axis), keepdims=True), least)


# Encodings.


@op()
def one_hot(x: TensorLike, num_classes: int, axis: int = -1, dtype: DTypeLike | None = None, sparse: bool = False) -> Array:
    """1 at the index that x says along a new axis, 0 elsewhere; all 0 where it is out of range.

    >>> import kerata
    >>> kerata.ops.one_hot([1, 0], 3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    _refuse_sparse("one_hot", sparse)
    return jax.nn.one_hot(as_array(x), num_classes, axis=axis, dtype=standardize_dtype(dtype))


@op()
def multi_hot(
    inputs: TensorLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
    **kwargs: int,
) -> Array:
    """1 at every index that a row of x says, 0 elsewhere."""
    num_classes = kwargs.pop("num_tokens", num_classes) if num_classes is None else num_classes
    if num_classes is None or kwargs:
        raise ValueError(message("multi_hot", "`num_classes` is needed", {"num_classes": num_classes, **kwargs}))
    _refuse_sparse("multi_hot", sparse)
    x = as_array(inputs)
    hot = jax.nn.one_hot(x.astype("int32"), num_classes, axis=axis, dtype=standardize_dtype(dtype))
    return jnp.max(hot, axis=1 if x.ndim > 1 else 0)


def _refuse_sparse(owner: str, sparse: bool) -> None:
    if sparse:
        raise ValueError(message(owner, "sparse tensors are not supported", {"sparse": sparse}))


@op("abs_ angle")
def polar(abs_: TensorLike, angle: TensorLike) -> Array:
    """abs * (cos(angle) + i sin(angle))."""
    size, angle = as_array(abs_), as_array(angle)
    return lax.complex(size * jnp.cos(angle), size * jnp.sin(angle))


@op("x1 x2", written="PSNR")
def psnr(x1: TensorLike, x2: TensorLike, max_val: float) -> Array:
    """The peak signal-to-noise ratio of two pictures, 20 log10(max_val) - 10 log10(mean((x1 - x2)^2))."""
    x1, x2 = as_array(x1), as_array(x2)
    _check_same_shape("psnr", x1=x1, x2=x2)
    return 20 * jnp.log10(jnp.asarray(max_val, x2.dtype)) - 10 * jnp.log10(jnp.mean(jnp.square(x1 - x2)))


# Cross-entropies, one number for each element or row. Probabilities are kept away from 0 and 1 by `epsilon()`.


@op("target output")
def binary_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False) -> Array:
    """-target * log(output) - (1 - target) * log(1 - output)."""
    target, output = as_array(target), as_array(output)
    _check_same_shape("binary_crossentropy", target=target, output=output)
    if from_logits:
        return -target * jax.nn.log_sigmoid(output) - (1.0 - target) * jax.nn.log_sigmoid(-output)
    output = within(output, fuzz(), 1.0 - fuzz())
    return -(target * jnp.log(output) + (1.0 - target) * jnp.log(1.0 - output))


@op("target output")
def categorical_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1) -> Array:
    """-sum(target * log(output)) along `axis`."""
    target, output = as_array(target), as_array(output)
    _check_same_shape("categorical_crossentropy", target=target, output=output)
    return -jnp.sum(target * _log_probabilities(output, from_logits, axis), axis=axis)


@op("target output")
def sparse_categorical_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1) -> Array:
    """-log(output) at the index that the target says along `axis`."""
    target, output = as_array(target).astype("int32"), as_array(output)
    if target.ndim == output.ndim and target.shape[-1] == 1:
        target = jnp.squeeze(target, -1)
    if target.shape != output.shape[:-1]:
        raise ValueError(
            message(
                "sparse_categorical_crossentropy",
                "`target` must have the shape of `output` without its last axis",
                {"target": target.shape, "output": output.shape},
            )
        )
    hot = jax.nn.one_hot(target, output.shape[axis], axis=axis, dtype=output.dtype)
    return -jnp.sum(hot * _log_probabilities(output, from_logits, axis), axis=axis)


def _log_probabilities(output: Array, from_logits: bool, axis: int) -> Array:
    if from_logits:
        return jax.nn.log_softmax(output, axis=axis)
    output = output / jnp.sum(output, axis, keepdims=True)
    return jnp.log(within(output, fuzz(), 1.0 - fuzz()))


def _check_same_shape(owner: str, **arrays: Array) -> None:
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(message(owner, f"{' and '.join(f'`{n}`' for n in shapes)} must have the same shape", shapes))


@op("query key value bias mask scale")
def dot_product_attention(
    query: TensorLike,
    key: TensorLike,
    value: TensorLike,
    bias: TensorLike | None = None,
    mask: TensorLike | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Array:
    """softmax(query key^T * scale + bias) value, over places that the mask allows.

    Args:
        query, key, value: (batch, time, heads, size); keys and values may have fewer heads, each for several queries.
        bias, mask: shapes that broadcast to (batch, heads, query time, key time); `True` where attention is allowed.
        scale: 1 / sqrt(size) by default.
        is_causal: whether a query sees only the keys up to its own time.
        flash_attention: `True` for the fused kernel of a GPU.
        attn_logits_soft_cap: keeps what goes into the softmax within this size, as cap * tanh(x / cap).

    Source: Vaswani et al., "Attention is all you need", 2017.
    """
    query, key, value = as_array(query), as_array(key), as_array(value)
    if not query.ndim == key.ndim == value.ndim == 4:
        raise ValueError(
            message(
                "dot_product_attention",
                "query, key and value must have four axes",
                {"query": query.shape, "key": key.shape, "value": value.shape},
            )
        )
    dtype = jnp.result_type(query, key, value)
    if attn_logits_soft_cap is not None:
        cap = float(check_number("dot_product_attention", "attn_logits_soft_cap", attn_logits_soft_cap, low=0.0))
        return _capped_attention(query.astype(dtype), key.astype(dtype), value.astype(dtype), bias, mask, scale, is_causal, cap)
    return jax.nn.dot_product_attention(
        query.astype(dtype),
        key.astype(dtype),
        value.astype(dtype),
        bias=None if bias is None else jnp.asarray(bias, dtype),
        mask=None if mask is None else as_array(mask),
        scale=scale,
        is_causal=is_causal,
        implementation="cudnn" if flash_attention else "xla",
    )


def _capped_attention(
    query: Array,
    key: Array,
    value: Array,
    bias: TensorLike | None,
    mask: TensorLike | None,
    scale: float | None,
    is_causal: bool,
    cap: float,
) -> Array:
    """Attention whose logits are capped before bias and mask."""
    groups = query.shape[2] // key.shape[2]
    key, value = (jnp.repeat(a, groups, axis=2) for a in (key, value))
    wide = jnp.promote_types(query.dtype, jnp.float32)
    logits = jnp.einsum("btnh,bsnh->bnts", query, key, preferred_element_type=wide)
    logits = logits * (query.shape[-1] ** -0.5 if scale is None else scale)
    logits = cap * jnp.tanh(logits / cap)
    if bias is not None:
        logits = logits + jnp.asarray(bias, wide)
    allowed = jnp.tril(jnp.ones(logits.shape[-2:], bool)) if is_causal else jnp.ones((), bool)
    if mask is not None:
        allowed = allowed & jnp.asarray(mask, bool)
    logits = jnp.where(allowed, logits, -0.7 * float(jnp.finfo(wide).max))
    weights = jax.nn.softmax(logits, axis=-1).astype(value.dtype)
    return jnp.einsum("bnts,bsnh->btnh", weights, value)


# Sequences of labels (CTC).


@op("target output target_length output_length", written="CTCLoss")
def ctc_loss(
    target: TensorLike, output: TensorLike, target_length: TensorLike, output_length: TensorLike, mask_index: int = 0
) -> Array:
    """-log of the probability of a sequence of labels, summed over all the ways to place it in time.

    Args:
        target: (batch, labels) integers.
        output: (batch, time, classes) logits.
        target_length, output_length: (batch,) how much of each counts.
        mask_index: the class that stands for no label.

    Source: Graves et al., "Connectionist temporal classification", 2006.
    """
    target, output = as_array(target).astype("int32"), as_array(output)
    output = output.astype(jnp.promote_types(output.dtype, jnp.float32))
    return _ctc_loss(target, output, as_array(target_length), as_array(output_length), mask_index)


@at_once("mask_index")
def _ctc_loss(target: Array, output: Array, target_length: Array, output_length: Array, mask_index: int) -> Array:
    batch, labels = target.shape
    # Blanks between the labels and around them.
    path = jnp.full((batch, 2 * labels + 1), mask_index).at[:, 1::2].set(target)  # (batch, places)
    before = jnp.pad(path, ((0, 0), (2, 0)), constant_values=-1)[:, :-2]
    # A path may leap over a blank, but not between equal labels.
    leaps = jnp.where((path != mask_index) & (path != before), 0.0, -1e5)
    steps = jnp.take_along_axis(jax.nn.log_softmax(output), path[:, None, :], axis=2)  # (batch, time, places)
    start = jnp.where(jnp.arange(path.shape[1]) == 0, 0.0, -1e5) * jnp.ones((batch, 1))

    def step(alpha: Array, now: tuple[Array, Array]) -> tuple[Any, None]:
        log_probability, t = now
        stay, move, leap = (_moved(alpha, places) for places in range(3))
        # The first step also enters at the first label, which is one place from the start.
        moved = jnp.logaddexp(jnp.logaddexp(stay, move), jnp.where(t == 0, -1e5, leap + leaps)) + log_probability
        return jnp.where((t < output_length)[:, None], moved, alpha), None

    alpha, _ = lax.scan(step, start.astype(output.dtype), (jnp.moveaxis(steps, 1, 0), jnp.arange(output.shape[1])))
    last = 2 * target_length[:, None]
    ends = jnp.take_along_axis(alpha, jnp.concatenate([last, jnp.maximum(last - 1, 0)], axis=1), axis=1)
    # An empty sequence ends in one place only.
    return -jnp.where(last[:, 0] > 0, jnp.logaddexp(ends[:, 0], ends[:, 1]), ends[:, 0])


def _moved(alpha: Array, places: int) -> Array:
    """Log probabilities moved on by some places."""
    return jnp.pad(alpha, ((0, 0), (places, 0)), constant_values=-1e5)[:, : alpha.shape[1]]


@op("inputs sequence_lengths", written="CTCDecode")
def ctc_decode(
    inputs: TensorLike,
    sequence_lengths: TensorLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Array, Array]:
    """(labels, scores): the likeliest class at each time, repetitions merged and blanks left out; -1 fills the rest.

    Args:
        inputs: logits (batch, time, classes).
        sequence_lengths: (batch,), how many steps count.
        strategy: `"greedy"`, or `"beam_search"` for the likeliest sequences, each over all the ways to place it in time.
        beam_width: how many sequences a beam search follows.
        top_paths: how many of them it gives.
        merge_repeated: of `"greedy"`, whether repetitions are merged.
        mask_index: the class that stands for no label.

    Shapes: labels (1, batch, time) and scores (batch, 1); of a beam search (top_paths, batch, time) and (batch, top_paths).
    """
    check_choice("ctc_decode", "strategy", strategy, ("greedy", "beam_search"))
    inputs = as_array(inputs)
    inputs = inputs.astype(jnp.promote_types(inputs.dtype, jnp.float32))
    if strategy == "beam_search":
        width = check_positive_int("ctc_decode", "beam_width", beam_width)
        top = check_positive_int("ctc_decode", "top_paths", top_paths)
        if top > width:
            received = {"top_paths": top, "beam_width": width}
            raise ValueError(message("ctc_decode", "`top_paths` must be at most `beam_width`", received))
        return beam_search(inputs, as_array(sequence_lengths), width, top, mask_index)
    time = inputs.shape[1]
    best, score = jnp.argmax(inputs, axis=-1), jnp.max(inputs, axis=-1)  # (batch, time)
    inside = jnp.arange(time) < as_array(sequence_lengths)[:, None]
    kept = inside & (best != mask_index)
    if merge_repeated:
        kept &= jnp.pad(best[:, 1:] != best[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    order = jnp.argsort(~kept, axis=1, stable=True)
    labels = jnp.take_along_axis(jnp.where(kept, best, -1), order, axis=1)
    return labels[None], -jnp.sum(jnp.where(inside, score, 0.0), axis=1)[:, None]
