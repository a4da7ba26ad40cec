"""Choices, loops, and losses over sequences."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kerata import ops
from kerata.base.checks import message
from kerata.config import epsilon
from kerata.engine.types import Array, TensorLike
from kerata.ops.numpy import ndim


def switch(condition, then_expression, else_expression):
    """One of two values or functions without arguments; a condition with axes chooses for each of its elements."""
    both = [value if callable(value) else (lambda value=value: value) for value in (then_expression, else_expression)]
    if not ndim(condition):
        return ops.cond(ops.cast(condition, "bool"), *both)
    then, otherwise = (jnp.asarray(value()) for value in both)
    condition = jnp.asarray(condition).astype(bool)
    return jnp.where(condition.reshape(condition.shape + (1,) * (then.ndim - condition.ndim)), then, otherwise)


def in_train_phase(x, alt, training=None):
    """x in training, alt otherwise; values or functions without arguments."""
    if training is None:
        raise ValueError(
            message(
                "in_train_phase",
                "`training` must be given: there is no global learning phase",
                None,
                "Give your layer's call() a `training` argument and pass it on",
            )
        )
    chosen = x if training else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x, alt, training=None):
    """x outside of training, alt in training."""
    return in_train_phase(alt, x, training)


def map_fn(fn, elems, name=None, dtype=None):
    """fn of each slice along the first axis."""
    return ops.map(fn, elems)


def foldl(fn, elems, initializer=None, name=None):
    """fn(... fn(fn(initial, first), second) ..., last)."""
    elems = jnp.asarray(elems)
    start, rest = (elems[0], elems[1:]) if initializer is None else (initializer, elems)
    return lax.scan(lambda carry, x: (fn(carry, x), None), start, rest)[0]


def foldr(fn, elems, initializer=None, name=None):
    """`foldl` from the last to the first."""
    return foldl(fn, jnp.flip(jnp.asarray(elems), 0), initializer)


def rnn(
    step_function: Callable[..., Any],
    inputs: TensorLike,
    initial_states: Sequence[Any],
    go_backwards=False,
    mask=None,
    constants=None,
    unroll=False,
    input_length=None,
    time_major=False,
    zero_output_for_mask=False,
    return_all_outputs=True,
):
    """(last output, outputs, last states) of a step (input, states) -> (output, new states) run over time.

    Args:
        inputs: (batch, time, ...).
        mask: (batch, time): where it is false, the states stay and the output is the previous one (or zero).
        constants: arrays given to each step behind the states.
        time_major: whether time is the first axis.
    """
    x = jnp.asarray(inputs) if time_major else jnp.swapaxes(jnp.asarray(inputs), 0, 1)  # (time, batch, ...)
    keep = jnp.ones(x.shape[:2], bool)
    if mask is not None:
        mask = jnp.asarray(mask).astype(bool)
        mask = mask[..., 0] if mask.ndim == 3 else mask
        keep = mask if time_major else mask.T
    behind = tuple(constants or ())
    states = tuple(jnp.asarray(state) for state in initial_states)
    empty = jax.eval_shape(lambda: step_function(x[0], states + behind)[0])

    def step(carry: tuple, now: tuple) -> tuple:
        states, previous = carry
        here, kept = now
        output, new = step_function(here, states + behind)
        output = jnp.where(_fit(kept, output), output, jnp.zeros_like(output) if zero_output_for_mask else previous)
        new = tuple(jnp.where(_fit(kept, n), n, old) for n, old in zip(new, states, strict=True))
        return (new, output), output

    start = (states, jnp.zeros(empty.shape, empty.dtype))
    (states, last), outputs = lax.scan(step, start, (x, keep), reverse=go_backwards)
    outputs = jnp.flip(outputs, 0) if go_backwards else outputs
    outputs = outputs if return_all_outputs else last[None]
    return last, outputs if time_major else jnp.swapaxes(outputs, 0, 1), list(states)


def _fit(mask: Array, array: Array) -> Array:
    return mask.reshape(mask.shape + (1,) * (array.ndim - mask.ndim))


def ctc_batch_cost(y_true, y_pred, input_length, label_length):
    """`ops.ctc_loss` of probabilities whose last class stands for no label: (batch, 1)."""
    y_pred = jnp.asarray(y_pred)
    lengths = [jnp.ravel(jnp.asarray(length)) for length in (label_length, input_length)]
    return ops.ctc_loss(y_true, jnp.log(y_pred + epsilon()), *lengths, mask_index=y_pred.shape[-1] - 1)[:, None]
