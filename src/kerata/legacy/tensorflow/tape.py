"""`tf.GradientTape`: what is computed from what is watched is noted, and walked back.

A note is a call: a pure function of arrays, with the tensors and variables that they came from. Outside of programs the walk
back runs each call's derivative as a program of its own, found again for the next step; inside a program (`fit` of a model with
a `train_step`) the derivative is traced with the call. Under a second tape the walk itself is made of calls that are noted.
"""

import contextlib
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike

from kerata.base.blocks import Within, ambient
from kerata.base.checks import message
from kerata.engine.numbers import ASKING
from kerata.engine.scope import in_scope
from kerata.engine.types import AnyArray, Array, HostArray
from kerata.engine.variable import Variable
from kerata.kernels.compiler import compiler_options
from kerata.layers.pieces import runs_as_asked
from kerata.legacy.tensorflow import tensor as tensor_module
from kerata.legacy.tensorflow.by_place import Asked, TableGradient, by_place_of
from kerata.legacy.tensorflow.nest import flatten as leaves_of
from kerata.legacy.tensorflow.tensor import Tensor, dtype_of, narrow

T = TypeVar("T")
_local = ambient()
# Wide numbers: within the block arrays may have 64 bits.
enable_x64: Callable[[bool], AbstractContextManager[object]] = (
    jax.enable_x64 if callable(getattr(jax, "enable_x64", None)) else jax.experimental.enable_x64  # type: ignore
)


def tapes() -> list["GradientTape"]:
    """The tapes that are recording in this thread, none within a call that is noted as a whole."""
    return getattr(_local, "tapes", None) or []


def noting_nothing() -> Within:
    """Within the block no tape records, and variables give plain arrays."""
    return Within(_local, tapes=[], inside=True)


def inside(own: bool) -> Within:
    """Within the block it is Kerata's code that computes, or a person's."""
    return Within(_local, inside=own)


def as_graph(is_so: bool) -> Within:
    """Within the block TensorFlow would have had a graph, as in a `tf.function`, or computed at once."""
    return Within(_local, graph=is_so)


def is_graph() -> bool:
    """Whether TensorFlow would have a graph here, and so see which operation gave a tensor."""
    said = getattr(_local, "graph", None)
    return in_scope() and not runs_as_asked() if said is None else said


class StaysPython(Exception):
    """A function is no program, since something that it does must be done each time."""


def tracing_whole() -> Within:
    """Within the block a function under `tf.function` is traced, to become a program."""
    return Within(_local, whole=True)


def needs_python(what: str) -> None:
    """Says that what comes next must be done each time: a function that becomes a program does not."""
    if getattr(_local, "whole", False):
        raise StaysPython(what)


def is_traced_whole() -> bool:
    """Whether it is a person's code in such a function that computes: it is given tensors, as outside of programs."""
    return getattr(_local, "whole", False) and not inside_call()


def inside_call() -> bool:
    """Whether Kerata's own code computes now, as one call."""
    return getattr(_local, "inside", False)


def is_followed(thing: object) -> bool:
    return any(tape.follows(thing) for tape in tapes())


tensor_module.is_followed[0] = is_followed


class Call:
    """A pure function of a list of arrays.

    Args:
        function: it; to any structure of arrays.
        run: the same for arrays whose numbers are known, where that is done otherwise.
        kept: whether the call comes again, so that its derivative is worth a program.
        wide: whether arrays have 64 bits.
        brief: whether it is little work, so that compiling counts most.
        once: whether it may do something else when it is done again, such as draw: its derivative is taken with it.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        run: Callable[..., Any] | None = None,
        kept: bool = False,
        wide: bool = False,
        brief: bool = True,
        once: bool = False,
    ):
        self.function, self.run, self.kept, self.wide, self.brief = function, run or function, kept, wide, brief
        self.once = once
        self._pulls: dict[Any, Call] = {}

    def __call__(self, values: list[Any]) -> object:
        with noting_nothing():
            if self.wide:
                with enable_x64(True):
                    return jax.tree.map(np.asarray, self.run(values))
            # Within a program it is part of that one.
            return (self.function if any(isinstance(value, Tracer) for value in values) else self.run)(values)

    def linearize(self, values: list[Any], places: Sequence[int]) -> tuple[Any, Callable[..., Any]]:
        """(what the function gives, its derivative at the values to some of them), traced at once."""

        def part(*chosen: Array) -> tuple[list[Any], object]:
            full = list(values)
            for place, value in zip(places, chosen, strict=True):
                full[place] = value
            found = self.function(full)
            return [leaf for leaf in jax.tree.leaves(found) if is_inexact(leaf)], found

        with noting_nothing():
            outputs, pull, found = jax.vjp(part, *[values[place] for place in places], has_aux=True)

        def backward(cotangents: list[Any]) -> Sequence[Array]:
            wanted = iter(outputs)
            given = []
            for leaf, cotangent in zip(
                jax.tree.leaves(found), itertools.chain(cotangents, itertools.repeat(None)), strict=False
            ):
                if is_inexact(leaf):
                    out = next(wanted)
                    given.append(jnp.zeros_like(out) if cotangent is None else jnp.asarray(cotangent, out.dtype))
            return pull(given)

        return found, backward

    def pulled(self, places: tuple[int, ...], given: tuple[int, ...], count: int) -> "Call":
        """The derivative as a call of (values, cotangents of the outputs `given`), to the values at `places`."""
        key = (places, given, count)
        if key not in self._pulls:

            def function(values: list[Any]) -> list[Any]:
                known, cotangents = values[:count], values[count:]

                def part(*chosen: Array) -> list[Any]:
                    full = list(known)
                    for place, value in zip(places, chosen, strict=True):
                        full[place] = value
                    leaves = jax.tree.leaves(self.function(full))
                    return [leaves[number] for number in given]

                outputs, pull = jax.vjp(part, *[known[place] for place in places])
                return list(pull([jnp.asarray(c, out.dtype) for c, out in zip(cotangents, outputs, strict=True)]))

            run = quickly(function, self.brief) if self.kept else None
            self._pulls[key] = Call(function, run, self.kept, self.wide, self.brief)
        return self._pulls[key]


def quickly(function: Callable[..., Any], brief: bool) -> Callable[..., Any]:
    """A function of arrays as a program; as it is, where it asks for their numbers."""
    program: list[Callable[..., Any]] = [jax.jit(function, compiler_options=compiler_options(brief=brief))]

    def run(values: list[Any]) -> object:
        try:
            return program[0](values)
        except ASKING:
            if program[0] is function:
                raise
        program[0] = function
        return function(values)

    return run


def is_inexact(array: AnyArray) -> bool:
    return jnp.issubdtype(array.dtype, jnp.inexact)


class Note:
    """A call that was made while a tape recorded."""

    __slots__ = ("backward", "call", "objects", "outputs", "places", "values")

    def __init__(self, call: Call, objects: list[Any], values: list[Any], places: tuple[int, ...], outputs: list[Any]):
        self.call, self.objects, self.values, self.places, self.outputs = call, objects, values, places, outputs
        self.backward: Callable[..., Sequence[Array]] | None = None


def make_call(call: Call, objects: list[Any], values: list[Any], wrap: Callable[[Any], tuple[T, list[Any]]]) -> T:
    """Makes a call, and notes it on the tapes that follow something of what it takes.

    Args:
        call: what to do.
        objects: the tensors and variables that the values came from.
        values: arrays.
        wrap: gives (the result, its tensors in the order of the arrays) of what the function gave.
    """
    following = [tape for tape in tapes() if any(tape.follows(thing) for thing in objects)] if tapes() else []
    if not following:
        return wrap(call(values))[0]
    places = tuple(n for n, thing in enumerate(objects) if any(tape.follows(thing) for tape in following))
    backward = None
    if call.once or any(isinstance(value, Tracer) for value in values):
        found, backward = call.linearize(values, places)
    else:
        found = call(values)
    result, outputs = wrap(found)
    note = Note(call, list(objects), list(values), places, outputs)
    note.backward = backward
    for tape in following:
        tape.take(note)
    return result


class GradientTape:
    """Records what is computed within its block, and gives gradients.

    Args:
        persistent: whether gradients may be asked for more than once.
        watch_accessed_variables: whether trainable variables are followed without being watched.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent, self._watches = persistent, watch_accessed_variables
        self._recording = self._used = False
        self._start()

    def _start(self) -> None:
        self._notes: list[Note] = []
        self._followed: dict[int, Any] = {}
        self._variables: dict[int, Variable] = {}

    def __enter__(self) -> "GradientTape":
        if self._recording:
            raise ValueError("Tape is still recording, This can happen if you try to re-enter an already-active tape.")
        self._begin()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._recording:
            self._end()

    def _begin(self) -> None:
        if not self._persistent:
            self._start()
            self._used = False
        self._recording = True
        _local.tapes = [*tapes(), self]

    def _end(self) -> None:
        self._recording = False
        _local.tapes = [tape for tape in tapes() if tape is not self]

    def watch(self, tensor: object) -> None:
        """Follows a tensor, or several."""
        for one in leaves_of(tensor):
            if not isinstance(one, (Tensor, Variable)):
                raise ValueError(f"Passed in object {one} of type {type(one).__name__!r}, not tf.Tensor or tf.Variable.")
            if not (dtype_of(one).is_floating or dtype_of(one).is_complex):
                text = message("GradientTape", "The dtype of the watched tensor must be floating", {"dtype": dtype_of(one)})
                warnings.warn(text, stacklevel=2)
            self._followed[id(one)] = one
            if isinstance(one, Variable):
                self._variables[id(one)] = one

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Within the block nothing is recorded."""
        if not self._recording:
            raise ValueError("Tape is not recording.")
        before = tapes()
        _local.tapes = [tape for tape in before if tape is not self]
        try:
            yield
        finally:
            _local.tapes = before

    def reset(self) -> None:
        """Forgets what was recorded."""
        self._start()

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables that were used, in order."""
        return tuple(self._variables.values())

    def follows(self, thing: object) -> bool:
        """Whether a tensor or variable leads to something that is watched."""
        if isinstance(thing, Asked):
            table = thing.table()
            return table is not None and self.follows(table)
        if id(thing) in self._followed:
            return True
        return self._watches and isinstance(thing, Variable) and thing.made_trainable and "float" in thing.dtype

    def take(self, note: Note) -> None:
        """Enters a call."""
        self._notes.append(note)
        for thing in note.objects:
            if isinstance(thing, Variable) and self.follows(thing):
                self._variables[id(thing)] = thing
        for output in note.outputs:
            if output is not None and is_inexact(output._array):
                self._followed[id(output)] = output

    # Gradients

    def gradient(
        self, target: object, sources: object, output_gradients: object = None, unconnected_gradients: object = "none"
    ) -> Any:
        """Derivatives of the sum of a target to sources, in the sources' structure; `None` where there is no way."""
        self._check_use()
        targets = leaves_of(target)
        given = [None] * len(targets) if output_gradients is None else leaves_of(output_gradients)
        zeros = str(getattr(unconnected_gradients, "value", unconnected_gradients)) == "zero"
        found: dict[int, Any] = {}
        with self._paused():
            for one, cotangent in zip(targets, given, strict=True):
                if not isinstance(one, (Tensor, Variable)):
                    raise TypeError(message("GradientTape.gradient", "the target must be a tensor", {"target": one}))
                if not dtype_of(one).is_floating and not dtype_of(one).is_complex:
                    text = f"The dtype of the target tensor must be floating (e.g. tf.float32), and it is {dtype_of(one)!r}"
                    warnings.warn(message("GradientTape", text), stacklevel=2)
                    continue
                start = as_tensor(jnp.ones(one.shape, narrow(one).dtype) if cotangent is None else cotangent)
                add_to(found, one, start)
            readings: dict[int, list[Reading]] = {}
            whole = self._walk(found, readings, self._leading(leaves_of(sources)))
            result = map_leaves(lambda source: gradient_of(source, found, whole, readings, zeros), sources)
        self._finish()
        return result

    def _check_use(self) -> None:
        if self._used:
            raise RuntimeError("A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)")

    def _finish(self) -> None:
        if not self._persistent:
            self._used = True
            self._notes, self._followed = [], {}

    @contextlib.contextmanager
    def _paused(self) -> Iterator[None]:
        """The walk back is not recorded by the tape itself, unless it is a persistent one that still records."""
        if self._recording and not self._persistent:
            self._end()
        yield

    def _leading(self, sources: Sequence[object]) -> set[int]:
        """The ids of calls that a source leads to: no other is walked back, such as those of a frozen network."""
        reached, calls = {id(one) for one in sources}, set()
        for note in self._notes:
            if any(id(note.objects[place]) in reached for place in note.places):
                calls.add(id(note))
                reached.update(id(output) for output in note.outputs if output is not None)
        return calls

    def _walk(self, found: dict[int, Any], readings: dict[int, list["Reading"]], leading: set[int]) -> set[int]:
        """Adds the derivatives to all that leads to those that are there; the ids of tables that are read as a whole.

        Args:
            found: the derivatives, by the id of what they are to.
            readings: gets the calls that read rows of a table, by its id.
            leading: the ids of the calls that lead to what is asked for.
        """
        whole: set[int] = set()
        for note in reversed(list(self._notes)):
            given = tuple(n for n, output in enumerate(note.outputs) if output is not None and id(output) in found)
            if given and id(note) in leading:
                for place, gradient in zip(note.places, self._pull(note, given, found), strict=True):
                    thing = note.objects[place]
                    if self.follows(thing):
                        add_to(found, thing, gradient)
                    if isinstance(thing, Variable) and asks(note.objects, thing):
                        cotangents = [found[id(note.outputs[number])] for number in given]
                        readings.setdefault(id(thing), []).append(Reading(note, thing, given, cotangents))
                    elif isinstance(thing, Variable) and thing.is_table:
                        whole.add(id(thing))
        return whole

    def _pull(self, note: Note, given: tuple[int, ...], found: dict[int, Any]) -> list[Any]:
        cotangents = [found[id(note.outputs[number])] for number in given]
        if note.backward is not None and not any(is_followed(thing) for thing in (*note.objects, *cotangents)):
            by_place: list[Any] = [None] * len(note.outputs)
            for number, cotangent in zip(given, cotangents, strict=True):
                by_place[number] = cotangent._array
            with noting_nothing():
                return [Tensor(array) for array in note.backward(by_place)]
        call = note.call.pulled(note.places, given, len(note.values))
        values = [*note.values, *[c._array if note.call.wide else narrow_quietly(c) for c in cotangents]]
        return make_call(call, [*note.objects, *cotangents], values, wrap_list)

    def jacobian(self, target: Tensor, sources: object, unconnected_gradients: object = "none", **kwargs: object) -> Any:
        """Derivatives of each element of a target: the target's shape, then the source's."""
        self._check_use()
        size = int(np.prod(target.shape))
        rows = []
        keep, self._persistent = self._persistent, True
        for number in range(size):
            start = np.zeros(size, np.float32)
            start[number] = 1
            rows.append(self.gradient(target, sources, Tensor(jnp.asarray(start.reshape(target.shape))), unconnected_gradients))
        self._persistent = keep
        self._finish()
        if isinstance(sources, (list, tuple)):
            return [self._stack(target, [row[n] for row in rows]) for n in range(len(sources))]
        return self._stack(target, rows)

    def _stack(self, target: Tensor, rows: list[Any]) -> Tensor | None:
        if any(row is None for row in rows):
            return None
        call = Call(lambda values: jnp.stack(values).reshape((*target.shape, *values[0].shape)))
        return make_call(call, rows, [narrow_quietly(row) for row in rows], wrap_one)

    def batch_jacobian(
        self, target: Tensor, source: Tensor, unconnected_gradients: object = "none", **kwargs: object
    ) -> Tensor | None:
        """Derivatives of each sample's target to the same sample's source: (batch, ...target, ...source)."""
        whole = self.jacobian(target, source, unconnected_gradients)
        if whole is None:
            return None
        ndim = len(target.shape)

        def diagonal(values: list[Any]) -> Array:
            return jnp.moveaxis(jnp.diagonal(values[0], axis1=0, axis2=ndim), -1, 0)

        return make_call(Call(diagonal), [whole], [narrow_quietly(whole)], wrap_one)


def wrap_one(found: AnyArray) -> tuple[Any, list[Any]]:
    tensor = Tensor(found)
    return tensor, [tensor]


def wrap_list(found: list[Any]) -> tuple[Any, list[Any]]:
    made = [Tensor(array) for array in found]
    return made, made


def as_tensor(value: object) -> Tensor:
    return value if isinstance(value, Tensor) else Tensor(value if isinstance(value, jax.Array) else np.asarray(value))


def narrow_quietly(tensor: Tensor) -> Array:
    return tensor._array if isinstance(tensor._array, jax.Array) else narrow(tensor)


def asks(objects: list[Any], table: Variable) -> bool:
    """Whether a call looks at the places at which it reads a table."""
    asked = by_place_of(table)
    return not asked.is_whole and any(thing is asked.squares for thing in objects)


class Reading:
    """A call that read rows of a table.

    Args:
        note: the call.
        table: the variable.
        given, cotangents: the numbers of its outputs that have a derivative, and those.
    """

    def __init__(self, note: Note, table: Variable, given: tuple[int, ...], cotangents: list[Tensor]):
        self.call, self.values, self.given = note.call, note.values, given
        self.outputs, self.cotangents = len(note.outputs), [narrow_quietly(one) for one in cotangents]
        asked = by_place_of(table).squares
        self.place = next(n for n, thing in enumerate(note.objects) if thing is table)
        self.limit = next(n for n, thing in enumerate(note.objects) if thing is asked)

    def bounded(self, limit: ArrayLike) -> Array:
        """The derivative to the table, for derivatives of places whose numbers are at most so large."""
        values = list(self.values)
        values[self.limit] = jnp.asarray(limit, jnp.float32)
        if self.call.once or any(isinstance(value, Tracer) for value in (*values, *self.cotangents)):
            _, backward = self.call.linearize(values, (self.place,))
            by_output: list[Array | None] = [None] * self.outputs
            for number, cotangent in zip(self.given, self.cotangents, strict=True):
                by_output[number] = cotangent
            with noting_nothing():
                return backward(by_output)[0]
        pull = self.call.pulled((self.place,), self.given, len(values))
        return cast("list[Array]", pull([*values, *self.cotangents]))[0]


def gradient_of(
    source: object, found: dict[int, Any], whole: set[int], readings: dict[int, list[Reading]], zeros: bool
) -> Tensor | None:
    """The gradient of a source, with what is known of the places of a table."""
    gradient = found.get(id(source))
    if gradient is None:
        return as_tensor(zeros_like(source)) if zeros else None  # type: ignore[arg-type]
    if not isinstance(source, Variable) or not source.is_table or id(source) in whole or is_followed(gradient):
        return gradient
    asked, read = by_place_of(source), readings[id(source)]

    def bounded(limit: ArrayLike) -> Array:
        found = [one.bounded(limit) for one in read]
        return sum(found[1:], found[0])

    return TableGradient(gradient._array, found[id(asked.squares)], found[id(asked.rows)], bounded)


def zeros_like(thing: Tensor | Variable) -> HostArray:
    return np.zeros(thing.shape, dtype_of(thing).dtype)


def add_to(found: dict[int, Any], thing: object, gradient: Tensor) -> None:
    """Adds a derivative to what is there already."""
    before = found.get(id(thing))
    if before is None:
        found[id(thing)] = gradient
        return
    wide = gradient.dtype.is_wide and not isinstance(gradient._array, Tracer)
    call = Call(lambda values: jnp.add(*values), wide=wide)
    values = [one._array if wide else narrow_quietly(one) for one in (before, gradient)]
    found[id(thing)] = make_call(call, [before, gradient], values, wrap_one)


def map_leaves(function: Callable[[Any], Any], tree: object) -> object:
    """A structure of what a function gives for each leaf; lists and tuples as lists, as a tape gives them."""
    if isinstance(tree, dict):
        return {key: map_leaves(function, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        made = [map_leaves(function, value) for value in tree]
        return tuple(made) if isinstance(tree, tuple) else made
    return function(tree)
