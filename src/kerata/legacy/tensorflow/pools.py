"""`tf.nn` beside what networks are mostly made of: windows of any number of places, sequences of labels, means of losses."""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple, SupportsInt

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy import special
from jax.typing import ArrayLike

from kerata import ops
from kerata.base.checks import check_choice, message
from kerata.base.types import DTypeLike
from kerata.engine.types import Array, TensorLike
from kerata.kernels.maxima import first_larger
from kerata.legacy.tensorflow.calls import Function, convert, ints
from kerata.legacy.tensorflow.decoding import search
from kerata.legacy.tensorflow.errors import UnimplementedError
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.nn import FORMS, conv, conv_transpose, sizes_of
from kerata.legacy.tensorflow.sparse import SparseTensor, of_rows, to_dense
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor, dtype_of
from kerata.legacy.tensorflow.types import Ints, as_dtype, int64

# The order of axes where none is said, by the number of places.
PLAIN = {1: "NWC", 2: "NHWC", 3: "NDHWC"}


def pool(x: ArrayLike, window: Ints, kind: str, strides: Ints, padding: str, form: str | None, dilations: Ints) -> Array:
    """The largest number or the mean under each window, whose places may lie apart."""
    x, places = jnp.asarray(x), np.ndim(x) - 2
    check_choice("tf.nn.pool", "pooling_type", kind, ("MAX", "AVG"))
    form = form or PLAIN[places]
    sizes, steps, apart = (
        many(sizes_of(1 if one is None else one, form, places), places) for one in (window, strides, dilations)
    )
    first = form.startswith("NC")
    x = jnp.moveaxis(x, 1, -1) if first else x
    reach = [(size - 1) * gap + 1 for size, gap in zip(sizes, apart, strict=True)]
    widths = lax.padtype_to_pads(x.shape[1:-1], reach, steps, padding) if isinstance(padding, str) else np.asarray(padding)
    widths = [tuple(map(int, pair)) for pair in (widths if len(widths) == places else widths[1:-1])]
    limits = (jnp.finfo if jnp.issubdtype(x.dtype, jnp.floating) else jnp.iinfo)(x.dtype)
    empty = limits.min if kind == "MAX" else 0
    parts = shifts(jnp.pad(x, [(0, 0), *widths, (0, 0)], constant_values=empty), sizes, steps, apart, reach)
    if kind == "MAX":
        found = functools.reduce(first_larger, parts)
    else:
        there = jnp.pad(jnp.ones((1, *x.shape[1:-1], 1), x.dtype), [(0, 0), *widths, (0, 0)])
        found = jnp.stack(parts).sum(0) / jnp.stack(shifts(there, sizes, steps, apart, reach)).sum(0)
    return jnp.moveaxis(found, -1, 1) if first else found


def shifts(x: Array, sizes: Sequence[int], steps: Sequence[int], apart: Sequence[int], reach: Sequence[int]) -> list[Array]:
    """What stands at each place of the windows over a padded array."""
    counts = [(size - far) // step for size, far, step in zip(x.shape[1:-1], reach, steps, strict=True)]
    found = []
    for place in itertools.product(*map(range, sizes)):
        begin = [number * gap for number, gap in zip(place, apart, strict=True)]
        ends = [one + count * step + 1 for one, count, step in zip(begin, counts, steps, strict=True)]
        found.append(lax.slice(x, (0, *begin, 0), (x.shape[0], *ends, x.shape[-1]), (1, *steps, 1)))
    return found


def many(sizes: int | tuple[int, ...], places: int) -> tuple[int, ...]:
    return (sizes,) * places if isinstance(sizes, int) else tuple(sizes)


def pool_of_volumes(kind: str) -> Callable[..., Array]:
    function = ops.max_pool if kind == "MAX" else ops.average_pool

    def compute(x: ArrayLike, window: Ints, strides: Ints, padding: str, form: str) -> Array:
        steps = sizes_of(window if strides is None else strides, form, 3)
        return function(x, sizes_of(window, form, 3), steps, padding.lower(), FORMS[form])

    return compute


class Found(NamedTuple):
    """The largest numbers, and where in the flat picture they stood."""

    output: Array
    argmax: Array


def pool_with_places(
    x: ArrayLike, window: Ints, strides: Ints, padding: str, form: str, kind: DTypeLike, counts_batch: bool
) -> Found:
    """The largest number under each window and its place: (row * width + column) * channels + channel."""
    x = jnp.asarray(x)
    (height, width), steps = (many(sizes_of(one, form, 2), 2) for one in (window, strides))
    samples, rows, columns, channels = x.shape
    patches = lambda z: lax.conv_general_dilated_patches(  # noqa: E731
        jnp.moveaxis(z, -1, 1), (height, width), steps, padding, precision=lax.Precision.HIGHEST
    ).reshape(z.shape[0], z.shape[-1], height * width, *shape)
    shape = lax.reduce_window(x, -jnp.inf, lax.max, (1, height, width, 1), (1, *steps, 1), padding).shape[1:3]
    places = jnp.arange(rows * columns).reshape(1, rows, columns, 1).astype(x.dtype)
    inside, where = patches(jnp.ones((1, rows, columns, 1), x.dtype)), patches(places)
    numbers = jnp.where(inside > 0.5, patches(x), -jnp.inf)
    best = jnp.argmax(numbers, 2, keepdims=True)
    output = jnp.moveaxis(jnp.take_along_axis(numbers, best, 2)[:, :, 0], 1, -1)
    found = jnp.moveaxis(jnp.take_along_axis(jnp.broadcast_to(where, numbers.shape), best, 2)[:, :, 0], 1, -1)
    found = jnp.round(found).astype(jnp.int32) * channels + jnp.arange(channels)
    first = jnp.arange(samples)[:, None, None, None] * (rows * columns * channels) if counts_batch else 0
    return Found(output, found + first)


def transposed(
    x: ArrayLike, filters: ArrayLike, shape: Ints, strides: Ints, padding: str, form: str | None, apart: Ints
) -> Array:
    """The derivative of a convolution of one, two or three places, with the shape that is said."""
    places = np.ndim(filters) - 2
    if apart is not None and set(many(sizes_of(apart, form, places), places)) != {1}:
        raise UnimplementedError(message("tf.nn.conv_transpose", "`dilations` must be 1", {"dilations": apart}))
    form = form or PLAIN[places]
    if form.startswith("NC"):
        wanted = ints(shape)
        last = (wanted[0], *wanted[2:], wanted[1])
        steps = many(sizes_of(strides, form, places), places)
        found = conv_transpose(jnp.moveaxis(jnp.asarray(x), 1, -1), filters, last, steps, padding, PLAIN[places])
        return jnp.moveaxis(found, -1, 1)
    return conv_transpose(x, filters, shape, strides, padding, form)


def poisson_loss(targets: ArrayLike, logs: ArrayLike, is_full: bool) -> Array:
    """exp(c) - z c for the logarithm c of a rate and the count z; the whole with the term of Stirling."""
    targets, logs = jnp.asarray(targets), jnp.asarray(logs)
    found = jnp.exp(logs) - logs * targets
    if not is_full:
        return found
    safe = jnp.where((targets >= 0) & (targets <= 1), 1.0, targets)
    rest = special.xlogy(targets, targets) - targets + 0.5 * jnp.log(2 * np.pi * safe)
    return found + jnp.where((targets >= 0) & (targets <= 1), 0, rest)


def weighted_moments(x: ArrayLike, axes: Ints, weights: ArrayLike, keepdims: bool) -> tuple[Array, Array]:
    """(mean, variance) with a weight for each number."""
    x, along = jnp.asarray(x), ints(axes)
    weights = jnp.broadcast_to(jnp.asarray(weights, x.dtype), x.shape)
    total = jnp.sum(weights, along, keepdims=True)
    mean = jnp.sum(x * weights, along, keepdims=True) / total
    variance = jnp.sum(weights * jnp.square(x - mean), along, keepdims=True) / total
    return (mean, variance) if keepdims else (jnp.squeeze(mean, along), jnp.squeeze(variance, along))


_ROWS: dict[str, tuple] = {
    "pool": ("input, window_shape, pooling_type, strides=None, padding='VALID', data_format=None, dilations=None", pool, {}),
    "max_pool3d": ("input, ksize, strides, padding, data_format='NDHWC'", pool_of_volumes("MAX"), {}),
    "avg_pool3d": ("input, ksize, strides, padding, data_format='NDHWC'", pool_of_volumes("AVG"), {}),
    "max_pool_with_argmax": (
        "input, ksize, strides, padding, data_format='NHWC', output_dtype='int64', include_batch_in_index=False",
        pool_with_places,
        {"gives": lambda values: (None, as_dtype(values[5]))},
    ),
    "atrous_conv2d": ("value, filters, rate, padding", lambda x, w, rate, padding: conv(x, w, 1, padding, "NHWC", rate), {}),
    "log_poisson_loss": ("targets, log_input, compute_full_loss=False", poisson_loss, {}),
    "weighted_moments": ("x, axes, frequency_weights, keepdims=False", weighted_moments, {}),
    "lrn": ("input, depth_radius=5, bias=1, alpha=1, beta=0.5", TABLE["nn.local_response_normalization"].compute, {}),
}
for _name, _form in (("conv1d", "'NWC'"), ("conv2d", "'NHWC'"), ("conv3d", "'NDHWC'"), ("conv", "None")):
    _signature = f"input, filters, output_shape, strides, padding='SAME', data_format={_form}, dilations=None"
    _ROWS[f"{_name}_transpose"] = (_signature, transposed, {})
for _name, (_signature, _compute, _facts) in _ROWS.items():
    TABLE[f"nn.{_name}"] = Function(f"nn.{_name}", _signature, _compute, **_facts)
TABLE["math.zero_fraction"], TABLE["math.log_softmax"] = TABLE["nn.zero_fraction"], TABLE["nn.log_softmax"]


# Sequences of labels


def losses_of_labels(
    labels: ArrayLike, logits: ArrayLike, counts: ArrayLike, steps: ArrayLike, is_first: bool, blank: int
) -> Array:
    logits = jnp.asarray(logits)
    logits = jnp.moveaxis(logits, 0, 1) if is_first else logits
    return ops.ctc_loss(labels, logits, counts, steps, blank % logits.shape[-1])


_ctc = Function("nn.ctc_loss", "labels, logits, label_length, logit_length, logits_time_major, blank_index", losses_of_labels)


def ctc_loss(
    labels: TensorLike | SparseTensor,
    logits: TensorLike,
    label_length: TensorLike | None,
    logit_length: TensorLike,
    logits_time_major: bool = True,
    unique: object = None,
    blank_index: int | None = None,
    name: str | None = None,
) -> AnyTensor:
    """-log of the probability of each sequence of labels, over all ways to place it in time."""
    if isinstance(labels, SparseTensor):
        if blank_index is None:
            raise ValueError("Argument `blank_index` must be provided when labels is a SparseTensor.")
        rows = labels.indices.numpy()[:, 0]
        label_length = np.bincount(rows, minlength=int(labels.dense_shape.numpy()[0])).astype(np.int32)
        labels = to_dense(labels)
    if label_length is None:
        raise ValueError(message("tf.nn.ctc_loss", "`label_length` is needed for dense labels", {"label_length": None}))
    blank = 0 if blank_index is None else int(blank_index)
    return _ctc(labels, logits, label_length, logit_length, bool(logits_time_major), blank)


def ctc_greedy_decoder(
    inputs: TensorLike, sequence_length: TensorLike, merge_repeated: bool = True, blank_index: int | None = None
) -> tuple[list[SparseTensor], Tensor]:
    """([the likeliest label of each step, without repetitions and blanks], minus the sum of their logits)."""
    logits, lengths = np.asarray(convert(inputs).numpy()), np.asarray(convert(sequence_length).numpy())
    blank = logits.shape[-1] - 1 if blank_index is None else int(blank_index) % logits.shape[-1]
    rows, sums = [], []
    for number, length in enumerate(lengths):
        best = logits[:length, number].argmax(-1)
        kept = best != blank
        if merge_repeated:
            kept[1:] &= best[1:] != best[:-1]
        rows.append(best[kept].astype(np.int64))
        sums.append(-logits[:length, number].max(-1).sum())
    return [of_rows(rows, int64)], Tensor(np.array(sums, logits.dtype)[:, None])


def ctc_beam_search_decoder(
    inputs: TensorLike, sequence_length: TensorLike, beam_width: SupportsInt = 100, top_paths: SupportsInt = 1
) -> tuple[list[SparseTensor], Tensor]:
    """([labels of each of the best paths], the logarithms of their probabilities), by a search over beginnings."""
    logits = np.moveaxis(np.asarray(convert(inputs).numpy()), 0, 1)
    lengths = np.asarray(convert(sequence_length).numpy())
    labels, scores = search(logits, lengths, int(beam_width), int(top_paths), False)
    return [of_rows([row[row >= 0].astype(np.int64) for row in one], int64) for one in labels], Tensor(scores)


def collapse_repeated(labels: TensorLike, seq_length: TensorLike, name: str | None = None) -> tuple[Tensor, Tensor]:
    """(labels of which each stands once where it stood several times in a row, how many are left of each row)."""
    rows, lengths = np.asarray(convert(labels).numpy()), np.asarray(convert(seq_length).numpy())
    kept = [row[:n][np.append(True, row[1:n] != row[: n - 1])[:n]] for row, n in zip(rows, lengths, strict=True)]
    found = np.zeros((len(rows), max(map(len, kept), default=0)), rows.dtype)
    for row, part in zip(found, kept, strict=True):
        row[: len(part)] = part
    return Tensor(found), Tensor(np.array([len(one) for one in kept], lengths.dtype))


# Means of losses


def compute_average_loss(
    per_example_loss: TensorLike, sample_weight: TensorLike | None = None, global_batch_size: TensorLike | None = None
) -> AnyTensor:
    """The sum of losses over the size of the batch."""
    losses = convert(per_example_loss)
    if sample_weight is not None:
        losses = TABLE["multiply"](losses, TABLE["cast"](convert(sample_weight), dtype_of(losses)))
    count = losses.shape[0] if global_batch_size is None else global_batch_size
    return TABLE["reduce_sum"](losses) / TABLE["cast"](convert(count), dtype_of(losses))


def scale_regularization_loss(regularization_loss: TensorLike | Sequence[TensorLike]) -> AnyTensor:
    """The sum of penalties: there is one copy of the model."""
    return TABLE["reduce_sum"](convert(regularization_loss))


LABELS: dict[str, object] = {
    "ctc_loss": ctc_loss,
    "ctc_greedy_decoder": ctc_greedy_decoder,
    "ctc_beam_search_decoder": ctc_beam_search_decoder,
    "collapse_repeated": collapse_repeated,
    "compute_average_loss": compute_average_loss,
    "scale_regularization_loss": scale_regularization_loss,
}
