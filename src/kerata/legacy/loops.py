"""Functions of K that call functions of a program's own: on tensors these run as Python where a tape follows them."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax

from kerata.engine.numbers import ASKING, NumbersNeeded
from kerata.legacy.tensorflow import flow
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.layers import narrowed
from kerata.legacy.tensorflow.tape import tapes
from kerata.legacy.tensorflow.tensor import is_array, is_concrete


def rnn(
    step_function: Callable[..., Any],
    inputs: object,
    initial_states: Sequence[object],
    go_backwards: bool = False,
    mask: object = None,
    constants: Sequence[object] | None = None,
    unroll: bool = False,
    input_length: int | None = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[object, object, list[Any]]:
    """`K.rnn`, step by step."""
    x, states, outputs = convert(inputs), [convert(one) for one in initial_states], []
    kept = None if mask is None else TABLE["cast"](convert(mask), "bool")
    axis = 0 if time_major else 1
    numbers = range(x.shape[axis])
    for number in reversed(numbers) if go_backwards else numbers:
        here = x[number] if time_major else x[:, number]
        output, new = step_function(here, [*states, *(constants or ())])
        output, new = convert(output), [convert(one) for one in new]
        if kept is not None:
            now = kept[number] if time_major else kept[:, number]
            last = outputs[-1] if outputs and not zero_output_for_mask else TABLE["zeros_like"](output)
            output = where(now, output, last)
            new = [where(now, one, old) for one, old in zip(new, states, strict=True)]
        outputs.append(output)
        states = new
    found = TABLE["stack"](outputs if return_all_outputs else outputs[-1:], axis=axis)
    return outputs[-1], found, states


def where(mask, one, other):
    """One where a mask of samples says so."""
    while len(mask.shape) > len(one.shape):
        mask = mask[..., 0]
    while len(mask.shape) < len(one.shape):
        mask = mask[..., None]
    return TABLE["where"](mask, one, other)


def map_fn(fn: Callable[..., Any], elems: object, name: str | None = None, dtype: object = None) -> object:
    """`K.map_fn`, row by row."""
    return flow.map_fn(fn, elems, dtype)


def foldl(fn: Callable[..., Any], elems: object, initializer: object = None, name: str | None = None) -> object:
    """`K.foldl`, row by row."""
    return fold(fn, list(convert(elems)), initializer)


def foldr(fn: Callable[..., Any], elems: object, initializer: object = None, name: str | None = None) -> object:
    """`K.foldr`, row by row."""
    return fold(fn, list(convert(elems))[::-1], initializer)


def fold(fn: Callable[..., Any], rows: list[Any], state):
    state = rows.pop(0) if state is None else convert(state)
    for row in rows:
        state = fn(state, row)
    return state


BY_ROWS = ("map_fn", "foldl", "foldr")
BY_HAND: dict[str, Callable[..., object]] = {"rnn": rnn, "map_fn": map_fn, "foldl": foldl, "foldr": foldr}


def calling(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """A function of K that takes functions, as one whose functions may give tensors.

    Args:
        name: `"rnn"`, `"map_fn"`, `"foldl"`, `"foldr"` or `"switch"`.
        function: the same on arrays, with functions that give arrays, or on tensors.
    """

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        if not tapes():
            given = tuple(map(giving_arrays, args))
            try:
                return function(*given, **{key: giving_arrays(value) for key, value in kwargs.items()})
            except (NumbersNeeded, *ASKING):
                rows = args[1] if len(args) > 1 else kwargs.get("elems")
                if name not in BY_ROWS or not all(is_concrete(one) for one in jax.tree.leaves(rows, is_leaf=is_array)):
                    raise
            # What comes of a row hangs on its numbers, which are there.
            return narrowed(BY_HAND[name](*args, **kwargs))
        if name != "switch":
            return BY_HAND[name](*args, **kwargs)
        args = tuple(one() if callable(one) else one for one in args)
        return function(*args, **{key: value() if callable(value) else value for key, value in kwargs.items()})

    return call


def giving_arrays(value: object) -> object:
    """A function as one that gives arrays for tensors."""
    if not callable(value) or hasattr(value, "shape"):
        return value
    return lambda *args: narrowed(value(*args))
