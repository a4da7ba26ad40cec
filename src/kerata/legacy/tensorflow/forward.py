"""`tf.autodiff.ForwardAccumulator`: derivatives in one direction, computed with what is computed."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kerata.engine.types import Array
from kerata.engine.variable import Variable
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.nest import flatten as leaves_of
from kerata.legacy.tensorflow.tape import (
    Call,
    GradientTape,
    Note,
    is_inexact,
    make_call,
    map_leaves,
    narrow_quietly,
    wrap_list,
    zeros_like,
)
from kerata.legacy.tensorflow.tensor import Tensor


class ForwardAccumulator(GradientTape):
    """Follows what is computed within its block from some tensors that move in a direction.

    Args:
        primals: tensors and variables.
        tangents: how each of them moves.
    """

    def __init__(self, primals: object, tangents: object):
        super().__init__(watch_accessed_variables=False)
        first, directions = leaves_of(primals), leaves_of(tangents)
        if len(first) != len(directions):
            raise ValueError("ForwardAccumulator: `primals` and `tangents` must have the same structure")
        self._given = [(one, convert(direction)) for one, direction in zip(first, directions, strict=True)]
        for one, direction in self._given:
            if not isinstance(one, (Tensor, Variable)):
                raise TypeError(f"ForwardAccumulator: primals must be tensors or variables, and one is {type(one).__name__}")
            if tuple(one.shape) != tuple(direction.shape):
                raise ValueError(f"ForwardAccumulator: a tangent of shape {one.shape} was expected, not {direction.shape}")

    def _start(self) -> None:
        super()._start()
        self._tangents: dict[int, Tensor] = {}

    def _begin(self) -> None:
        super()._begin()
        for one, direction in self._given:
            self._followed[id(one)], self._tangents[id(one)] = one, direction

    def take(self, note: Note) -> None:
        """Moves on with a call."""
        places = [n for n, thing in enumerate(note.objects) if id(thing) in self._tangents]
        count = len(note.values)
        call = note.call

        def move(arrays: list[Any]) -> list[Array]:
            values, directions = arrays[:count], arrays[count:]

            def part(*chosen: Array) -> list[Array]:
                full = list(values)
                for place, value in zip(places, chosen, strict=True):
                    full[place] = value
                return [leaf for leaf in jax.tree.leaves(call.function(full)) if is_inexact(leaf)]

            chosen = [values[place] for place in places]
            typed = [jnp.asarray(one, value.dtype) for one, value in zip(directions, chosen, strict=True)]
            return jax.jvp(part, chosen, typed)[1]

        moving = [self._tangents[id(note.objects[place])] for place in places]
        given = [*note.values, *map(narrow_quietly, moving)]
        # What follows this one from outside follows its derivative.
        with self.stop_recording():
            found: Sequence[Tensor] = make_call(Call(move, wide=call.wide), [*note.objects, *moving], given, wrap_list)
        outputs = [one for one in note.outputs if one is not None and is_inexact(one._array)]
        for output, tangent in zip(outputs, found, strict=False):
            self._followed[id(output)], self._tangents[id(output)] = output, tangent

    def jvp(self, primals: object, unconnected_gradients: object = "none") -> object:
        """How tensors move, in their structure; `None` of one that does not."""
        zeros = str(getattr(unconnected_gradients, "value", unconnected_gradients)) == "zero"

        def of(one: Tensor | Variable) -> Tensor | None:
            found = self._tangents.get(id(one))
            return Tensor(jnp.asarray(zeros_like(one))) if found is None and zeros else found

        return map_leaves(of, primals)

    def watch(self, tensor: object) -> None:
        """Not there: what moves is given at the start."""
        raise NotImplementedError("ForwardAccumulator: give what moves, and its direction, to the constructor")
