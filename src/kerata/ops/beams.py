"""The likeliest sequences of labels of a network that was trained by CTC."""

# JAX leaves some arguments and results of its functions without a type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kerata.engine.types import Array
from kerata.kernels.typed import at_once


class Beam(NamedTuple):
    """The sequences that are followed, `width` of them.

    `emitted` and `blank` are log probabilities of all ways to have written a sequence so far: of those that end in a label,
    and of those that end in no label.

    Shapes: paths (width, time), -1 behind their ends; the others (width,).
    """

    paths: Array
    lengths: Array
    emitted: Array
    blank: Array


@at_once("width", "top", "blank")
def beam_search(inputs: Array, lengths: Array, width: int, top: int, blank: int) -> tuple[Array, Array]:
    """The likeliest sequences of labels, and the logarithms of their probabilities.

    Args:
        inputs: logits (batch, time, classes).
        lengths: (batch,), how many steps count.
        width: how many sequences are followed from step to step.
        top: how many are given.
        blank: the class that stands for no label.

    Shapes: labels (top, batch, time), -1 behind the ends; scores (batch, top).

    Source: Graves, "Sequence transduction with recurrent neural networks", 2012.
    """
    chances = jax.nn.log_softmax(inputs)
    time = inputs.shape[1]

    def search(chances: Array, length: Array) -> tuple[Array, Array]:
        def step(beam: Beam, given: tuple[Array, Array]) -> tuple[Beam, None]:
            number, chance = given
            after = advance(beam, chance, blank)
            # The first step always counts.
            counts = (number == 0) | (number < length)
            return jax.tree.map(lambda new, old: jnp.where(counts, new, old), after, beam), None

        never = jnp.full(width, -jnp.inf, chances.dtype)
        first = Beam(jnp.full((width, time), -1), jnp.zeros(width, int), never, never.at[0].set(0.0))
        last, _ = lax.scan(step, first, (jnp.arange(time), chances))
        scores, order = lax.top_k(jnp.logaddexp(last.emitted, last.blank), top)
        return last.paths[order], scores

    paths, scores = jax.vmap(search)(chances, lengths)
    return jnp.moveaxis(paths, 1, 0), scores


def advance(beam: Beam, chance: Array, blank: int) -> Beam:
    """The likeliest sequences after one more step, whose classes have some log probabilities (classes,)."""
    width, classes, rows = len(beam.lengths), len(chance), jnp.arange(len(beam.lengths))
    total = jnp.logaddexp(beam.emitted, beam.blank)
    last = jnp.where(beam.lengths > 0, beam.paths[rows, beam.lengths - 1], -1)
    # A sequence stays where no label is written, or its last one goes on.
    still_blank = total + chance[blank]
    still = jnp.where(last >= 0, beam.emitted + chance[last], -jnp.inf)
    # It grows by any label; by its last one only where no label lies between.
    labels = jnp.arange(classes)
    grown = jnp.where(labels == last[:, None], beam.blank[:, None], total[:, None]) + chance  # (width, classes)
    grown = jnp.where(labels == blank, -jnp.inf, grown)
    # What grows into another sequence that is followed is counted there.
    parents = jnp.where((jnp.arange(beam.paths.shape[1]) == beam.lengths[:, None] - 1), -1, beam.paths)
    is_parent = (beam.lengths == beam.lengths[:, None] + 1) & jnp.all(beam.paths[:, None] == parents, -1)  # (parent, child)
    joined = jnp.where(is_parent, grown[:, last], -jnp.inf)
    still = jnp.logaddexp(still, jax.nn.logsumexp(joined, axis=0))
    counted = jnp.any(is_parent[:, :, None] & (last[:, None] == labels), axis=1)
    grown = jnp.ravel(jnp.where(counted, -jnp.inf, grown))
    _, best = lax.top_k(jnp.concatenate([jnp.logaddexp(still, still_blank), grown]), width)
    stays, number = best < width, jnp.maximum(best - width, 0)
    origin = jnp.where(stays, best, number // classes)
    lengths = beam.lengths[origin]
    is_new = (jnp.arange(beam.paths.shape[1]) == lengths[:, None]) & ~stays[:, None]
    return Beam(
        jnp.where(is_new, (number % classes)[:, None], beam.paths[origin]),
        lengths + ~stays,
        jnp.where(stays, still[origin], grown[number]),
        jnp.where(stays, still_blank[origin], -jnp.inf),
    )
