"""The program that trains several members: their steps side by side, in one loop over batches."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kerata.engine.program import make_fed_step, make_loop
from kerata.engine.types import Array, Tree
from kerata.training.plan import Plan


def make_many(
    plan: Plan,
    batch_size: int,
    masked: bool,
    kind: str,
    width: int,
    own: bool,
    ragged: bool,
    uneven: bool,
    axes: dict[str, Any],
) -> Callable[..., Any]:
    """`advance` for several members: their steps side by side, in one loop over batches.

    Args:
        plan: the functions of one member.
        batch_size, masked, kind: as in `make_advance`.
        width: members; for one, the program is that of `fit`.
        own: whether each member has an order and a key of its own.
        ragged: whether members differ in the number of samples.
        uneven: whether they differ in the number of batches, so that there are steps in which some have none.
        axes: which axis of each array of a state counts the members.

    Returns:
        advance(state, hypers, keys, feed, samples, cursor) -> (state, results): every leaf of `hypers` has the members first,
        and so have `keys`, the feed's "order" and `samples` where they are their own, and the feed's "weight". The results'
        numbers are float32 of shape (1, members, numbers).
    """
    step = keep_where_empty(plan.step) if uneven else plan.step
    fed = make_fed_step(step, batch_size, masked, kind)

    def one(state: dict[str, Any], hypers: Array, key: Array, feed: dict[str, Any], *rest: Array) -> Tree:
        if "weight" in feed:
            x, y, _ = feed["data"]
            feed = {**feed, "data": (x, y, feed["weight"])}
        return fed(state, hypers, key, feed, *rest)

    alone = make_loop(one, plan.reset, plan.step.results, batch_size, 1)
    of_hypers = 0 if plan.training else (axes["trainable"], 0)
    of_state = {role: axes[role] for role in (*plan.variables, *(("counters",) if plan.training else ()))}
    of_key, of_samples = 0 if own else None, 0 if ragged else None

    def many(state: Tree, hypers: Array, keys: Array, feed: dict[str, Any], samples: Array, cursor: Array) -> tuple[Tree, Any]:
        of_feed = {name: 0 if name == "weight" or (name == "order" and own) else None for name in feed}
        if width == 1:
            every, their = (state, hypers, keys, feed, samples), (0, 0, of_key, of_feed, of_samples)
            state, out = alone(*(first_of(tree, axis) for tree, axis in zip(every, their, strict=True)), cursor)
            return jax.tree.map(lambda a: a[None], state), {**out, "numbers": out["numbers"][:, None]}
        side_by_side = jax.vmap(one, (of_state, of_hypers, of_key, of_feed, of_samples, None, None), of_state)
        reset = jax.vmap(plan.reset, (of_state,), of_state)
        results = jax.vmap(plan.step.results, (of_state,))
        return make_loop(side_by_side, reset, results, batch_size, 1)(state, hypers, keys, feed, samples, cursor)

    return many


def first_of(tree: Any, axis: dict[str, Any] | int | None) -> Tree:
    """What the only member of a shard gets of an argument."""
    if isinstance(axis, dict):
        return {name: first_of(part, axis[name]) for name, part in tree.items()}
    return tree if axis is None else jax.tree.map(lambda a: a[0], tree)


def keep_where_empty(step: Callable[..., Any]) -> Callable[..., Any]:
    """A step that changes nothing where no sample of the batch is valid."""

    def careful(state: dict[str, Any], hypers: Array, key: Array, batch: Tree, valid: Array) -> dict[str, Any]:
        fresh = step(state, hypers, key, batch, valid)
        return jax.tree.map(lambda new, old: jnp.where(valid[0] > 0, new, old), fresh, state)

    return careful
