"""Losses of many classes by a sample of them: `tf.nn.nce_loss`, `tf.nn.sampled_softmax_loss`, and what draws the sample."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, SupportsInt

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from kerata import random
from kerata.base.checks import message
from kerata.engine.random import draw_key, host_stream
from kerata.engine.scope import in_scope
from kerata.engine.types import Array, HostArray, TensorLike
from kerata.legacy.tensorflow.calls import Function, convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.io import PathText, path_of
from kerata.legacy.tensorflow.nn import sigmoid_loss, softmax_loss
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor
from kerata.legacy.tensorflow.types import float32, int64

# Draws that begin at a seed of their own go on where they have ended, as in TensorFlow.
_streams: dict[int, np.random.Generator] = {}


class Candidates(NamedTuple):
    """What a sampler gives: classes, and how often each of the true ones and each of these is expected in a sample."""

    sampled_candidates: Tensor
    true_expected_count: AnyTensor
    sampled_expected_count: AnyTensor


# How likely classes are


@functools.lru_cache(32)
def log_uniform(count: int) -> HostArray:
    """(log(n + 2) - log(n + 1)) / log(count + 1) for class n: of words by their rank."""
    return np.diff(np.log(np.arange(1, count + 2, dtype="float64"))) / np.log(count + 1)


@functools.lru_cache(32)
def even(count: int) -> HostArray:
    return np.full(count, 1 / count)


# Drawing


def stream_of(seed: SupportsInt | None) -> np.random.Generator:
    if seed is None:
        return host_stream()
    return _streams.setdefault(int(seed), np.random.default_rng(int(seed)))


def draw(shares: HostArray, count: int, unique: bool, stream: np.random.Generator) -> tuple[HostArray, int]:
    """(classes drawn by their shares, how many draws that took): with `unique`, what has been drawn is drawn anew."""
    sums = np.cumsum(shares)
    sums /= sums[-1]
    if not unique:
        return np.searchsorted(sums, stream.random(count), side="right"), count
    found: dict[int, None] = {}
    tries = 0
    while True:
        for one in np.searchsorted(sums, stream.random(2 * count), side="right").tolist():
            tries += 1
            found[one] = None
            if len(found) == count:
                return np.array(list(found)), tries


def draw_in_program(shares: Array, count: int, unique: bool, key: Array) -> tuple[Array, Array]:
    """The same in a program. Classes drawn one after the other, each once, are those of the largest log(share) + Gumbel noise;
    how often a further one was drawn in vain is a geometric number, by the shares of those that are out already."""
    first, second = random.uniform((2, shares.shape[0]), 1e-20, 1.0, seed=key)
    if not unique:
        places = jnp.searchsorted(jnp.cumsum(shares), random.uniform((count,), seed=key), side="right")
        return jnp.minimum(places, shares.shape[0] - 1), jnp.asarray(count)
    found = lax.top_k(jnp.log(shares) - jnp.log(-jnp.log(first)), count)[1]
    gone = jnp.concatenate([jnp.zeros(1), jnp.cumsum(shares[found])[:-1]])
    vain = jnp.where(gone > 0, jnp.floor(jnp.log(second[:count]) / jnp.log(jnp.clip(gone, 1e-30, 1 - 1e-7))), 0)
    return found, count + jnp.sum(vain)


def expected(shares: ArrayLike, classes: ArrayLike, tries: ArrayLike, count: int) -> Array:
    """How often classes are expected in so many draws; of draws that were made anew, whether."""
    share, tries = jnp.asarray(shares)[jnp.asarray(classes)], jnp.asarray(tries, jnp.float32)
    return jnp.where(tries == count, share * count, -jnp.expm1(tries * jnp.log1p(-share)))


expected_count = Function("expected_count", "shares, classes, tries, count", expected, gives=float32)


def sample(
    shares: HostArray, true_classes: TensorLike, num_true: int, num_sampled: int, unique: bool, seed: SupportsInt | None
) -> Candidates:
    """A sample of classes by their shares, and what is expected of it."""
    true, count = convert(true_classes), int(num_sampled)
    if len(true.shape) != 2 or true.shape[1] != num_true:
        expected = "`true_classes` must be a matrix with `num_true` columns"
        raise InvalidArgumentError(message("tf.random", expected, {"true_classes": true.shape, "num_true": num_true}))
    if unique and count > np.count_nonzero(shares):
        expected = "the range of classes is too small for so many different ones"
        raise InvalidArgumentError(message("tf.random", expected, {"num_sampled": count, "range_max": len(shares)}))
    narrow = shares.astype("float32")
    if in_scope():
        classes, tries = draw_in_program(jnp.asarray(narrow), count, bool(unique), draw_key())
        given = Tensor(tries)
    else:
        classes, drawn = draw(shares, count, bool(unique), stream_of(seed))
        given = Tensor(np.asarray(drawn, "int32"))
    found = Tensor(classes if isinstance(classes, jax.Array) else classes.astype("int64"), int64)
    return Candidates(
        found, expected_count(Tensor(narrow), true, given, count), expected_count(Tensor(narrow), found, given, count)
    )


def sampler(shares: Callable[[int], HostArray], name: str) -> Callable[..., Candidates]:
    def call(
        true_classes: TensorLike,
        num_true: int,
        num_sampled: int,
        unique: bool,
        range_max: int,
        seed: SupportsInt | None = None,
        name: str | None = None,
    ) -> Candidates:
        return sample(shares(int(range_max)), true_classes, num_true, num_sampled, unique, seed)

    call.__name__ = name
    return call


def fixed_unigram_candidate_sampler(
    true_classes: TensorLike,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    vocab_file: PathText = "",
    distortion: float = 1.0,
    num_reserved_ids: int = 0,
    num_shards: int = 1,
    shard: int = 0,
    unigrams: Sequence[float] = (),
    seed: SupportsInt | None = None,
    name: str | None = None,
) -> Candidates:
    """A sample of classes by how often they come, to the power of `distortion`."""
    if num_shards != 1:
        raise NotImplementedError(
            message("fixed_unigram_candidate_sampler", "shards are not there", {"num_shards": num_shards})
        )
    counts = [float(one) for one in unigrams]
    if path := path_of(vocab_file):
        with open(path, encoding="utf-8") as file:
            counts = [float(line.rstrip("\n").rpartition(",")[2]) for line in file if line.strip()]
    if len(counts) + num_reserved_ids != range_max:
        expected = "`range_max` must be the number of counts and reserved classes"
        received = {"range_max": range_max, "counts": len(counts), "num_reserved_ids": num_reserved_ids}
        raise InvalidArgumentError(message("fixed_unigram_candidate_sampler", expected, received))
    weights = np.concatenate([np.zeros(num_reserved_ids), np.array(counts) ** distortion])
    return sample(weights / weights.sum(), true_classes, num_true, num_sampled, unique, seed)


log_uniform_candidate_sampler = sampler(log_uniform, "log_uniform_candidate_sampler")
uniform_candidate_sampler = sampler(even, "uniform_candidate_sampler")


# Losses


def sampled_logits(
    weights: ArrayLike,
    biases: ArrayLike,
    labels: ArrayLike,
    inputs: ArrayLike,
    sampled: ArrayLike,
    of_true: ArrayLike,
    of_sampled: ArrayLike,
    num_true: int,
    remove_hits: bool,
) -> tuple[Array, Array]:
    """(logits of the true classes and of the sample, less the logs of how often they are expected; their targets)."""
    weights, biases, inputs = (jnp.asarray(one) for one in (weights, biases, inputs))
    labels, sampled = jnp.reshape(labels, (-1, num_true)), jnp.asarray(sampled)
    true = jnp.einsum("bd,btd->bt", inputs, weights[labels]) + biases[labels] - jnp.log(lax.stop_gradient(of_true))
    others = inputs @ weights[sampled].T + biases[sampled]
    if remove_hits:
        # Of a class that is in the sample twice, the last one counts as a hit, as in TensorFlow.
        again = jnp.any(jnp.triu(sampled[:, None] == sampled, 1), 1)
        hits = jnp.any(labels[:, :, None] == sampled, 1) & ~again
        others = others + hits * jnp.finfo(others.dtype).min
    others = others - jnp.log(lax.stop_gradient(of_sampled))
    return jnp.concatenate([true, others], 1), jnp.concatenate([jnp.ones_like(true) / num_true, jnp.zeros_like(others)], 1)


def of_sample(loss: Callable[[Array, Array], Array], name: str, remove_hits: bool) -> Callable[..., AnyTensor]:
    score: Callable[..., tuple[Array, Array]] = sampled_logits

    def compute(*values: object) -> Array:
        logits, targets = score(*values)
        return loss(targets, logits)

    names = "weights, biases, labels, inputs, sampled, of_true, of_sampled, num_true, remove_hits"
    function = Function(f"nn.{name}", names, compute)

    def call(
        weights: TensorLike | Sequence[TensorLike],
        biases: TensorLike,
        labels: TensorLike,
        inputs: TensorLike,
        num_sampled: int,
        num_classes: int,
        num_true: int = 1,
        sampled_values: Sequence[AnyTensor] | None = None,
        remove_accidental_hits: bool = remove_hits,
        seed: SupportsInt | None = None,
        name: str | None = None,
        partition_strategy: str = "div",
    ) -> AnyTensor:
        if isinstance(weights, (list, tuple)):
            if len(weights) != 1:
                fix = "Give one: tf.concat(weights, 0)"
                raise NotImplementedError(
                    message(call.__name__, "weights in parts are not there", {"weights": len(weights)}, fix)
                )
            weights = weights[0]
        labels = TABLE["reshape"](TABLE["cast"](convert(labels), int64), [-1, num_true])
        if sampled_values is None:
            sampled_values = log_uniform_candidate_sampler(labels, num_true, num_sampled, True, num_classes, seed)
        return function(weights, biases, labels, inputs, *sampled_values, int(num_true), bool(remove_accidental_hits))

    call.__name__ = name
    return call


nce_loss = of_sample(lambda labels, logits: jnp.sum(sigmoid_loss(labels, logits), 1), "nce_loss", remove_hits=False)
sampled_softmax_loss = of_sample(
    lambda labels, logits: softmax_loss(labels, logits, -1), "sampled_softmax_loss", remove_hits=True
)


def compute_accidental_hits(
    true_classes: TensorLike, sampled_candidates: TensorLike, num_true: int, seed: object = None, name: str | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """(rows, places in the sample, the lowest number) for what of a sample is a true class of a row."""
    true, sampled = convert(true_classes).numpy().reshape(-1, num_true), convert(sampled_candidates).numpy()
    places_of = {one: place for place, one in enumerate(sampled.tolist())}
    hits = [(row, places_of[one]) for row, classes in enumerate(true.tolist()) for one in classes if one in places_of]
    rows, places = np.array(hits, "int64").reshape(-1, 2).T
    lowest = np.full(len(hits), np.finfo("float32").min, "float32")
    return Tensor(rows.astype("int32")), Tensor(places.copy()), Tensor(lowest)


SAMPLERS: dict[str, Any] = {
    "log_uniform_candidate_sampler": log_uniform_candidate_sampler,
    "uniform_candidate_sampler": uniform_candidate_sampler,
    "fixed_unigram_candidate_sampler": fixed_unigram_candidate_sampler,
}
LOSSES: dict[str, Any] = {
    "nce_loss": nce_loss,
    "sampled_softmax_loss": sampled_softmax_loss,
    "compute_accidental_hits": compute_accidental_hits,
}
