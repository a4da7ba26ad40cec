"""Compiled programs: found again by structure, bounded in number, holding no model.

A program is compiled ahead of time from shapes, so it keeps no reference to the model that it was traced from; a freshly
built model of the same structure runs the same executable. Where the structure cannot be read (a user's own code), the
model is traced and its program is found by the text of what was traced: that costs the tracing, not the compiling.
"""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

import contextlib
import hashlib
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.stages import Compiled, Lowered

from kerata.base.interrupts import hand_on
from kerata.base.memory import give_back
from kerata.base.recent import Recent
from kerata.engine.disk import not_written, use_program_cache
from kerata.engine.effort import BRIEF, BY_LIBRARY, Weight, convolved, gains
from kerata.engine.outside import Following, Given, Renewed, following, warn_of_kept
from kerata.engine.placement import HERE, Placement
from kerata.engine.room import Room, drop_held
from kerata.engine.types import AnyArray, Array, HostArray, Tree
from kerata.engine.variable import Reads, Variable, noting_reads
from kerata.kernels import library
from kerata.kernels.compiler import compiler_options
from kerata.kernels.lowerings import forget_lowerings
from kerata.kernels.typed import cond, dynamic_update_index_in_dim, eval_shape, fori_loop, while_loop

T = TypeVar("T")
# What a program is fed with: `data`, and of shuffled data `order`, with `stride` where orders of epochs are one row.
Feed: TypeAlias = dict[str, Any]
# The measures of epochs: `numbers`, with a row for each, and `arrays` of the last one.
Results: TypeAlias = dict[str, Any]
Step: TypeAlias = Callable[..., Tree]
# What runs: a compiled program, or one that reads variables which its arguments do not hold.
Runnable: TypeAlias = Callable[..., Any]


class Wanted(NamedTuple):
    """What is asked of a program, beside what it computes; see `obtain`."""

    name: str
    donate: tuple[int, ...] = ()
    many: bool = False
    placement: Placement = HERE
    brief: bool = False
    steps: int | None = None


class Traced(NamedTuple):
    """A program before it is compiled: what it was lowered to, the text of that, and in which way it is compiled."""

    lowered: Lowered
    text: str
    weight: Weight
    way: str


class Facts(NamedTuple):
    """What a compiled program weighs, the way in which it was compiled, and the bytes that its intermediate results take."""

    weight: Weight
    way: str
    memory: int


# An executable of a small model holds one to five megabytes.
CAPACITY = 128
# How many variables of which code wants numbers are found one by one; with more, all that it reads count as such.
TRIES = 3
# Numbers of a cursor, and the length of one that holds its stop eight times more. JAX takes memory as it is that lies so.
PLACES, LENGTH, ALIGNMENT = 7, 15, 64
# Seconds of compiling that leave memory behind: half a gigabyte for a network of a hundred layers.
LONG_COMPILING = 1.0


# For each way in which it was compiled.
_by_structure: Recent[dict[str, Compiled]] = Recent(CAPACITY)
_by_text: Recent[Compiled] = Recent(CAPACITY)
_facts: weakref.WeakKeyDictionary[Compiled, Facts] = weakref.WeakKeyDictionary()
_findings: Recent[Any] = Recent(CAPACITY)
_lock = threading.RLock()
_compiling: dict[bytes, threading.Lock] = {}
counts = {"traced": 0, "compiled": 0}


def forget_programs() -> None:
    """Drops all compiled programs."""
    with _lock:
        _by_structure.clear()
        _by_text.clear()
        _findings.clear()
        drop_held()


def _forget_some(whole: bool) -> None:
    """Drops those that were not used for longest, or all."""
    with _lock:
        for table in (_by_structure, _by_text):
            table.drop(len(table) if whole else len(table) // 2)


_room = Room(_forget_some)


def findings_of(structure: Hashable | None, kind: Callable[[], T], *more: Hashable) -> T:
    """What is found out about the programs of a structure, in an object that all models of that structure share.

    Only what follows from the structure, or does no harm where it is a little off (how long a batch takes), may go in: no
    names. Where the structure is not known, the object is new.

    Args:
        structure: as of `obtain`.
        kind: makes an object that knows nothing yet; a class.
        more: what else tells such objects apart.
    """
    if structure is None:
        return kind()
    with _lock:
        found: T | None = _findings.find((structure, kind, *more))
        if found is not None:
            return found
        new = kind()
        _findings.keep((structure, kind, *more), new)
        return new


def signature_of(tree: Tree) -> Hashable:
    """What a program is compiled for: the structure of its arguments and each array's shape and dtype."""
    leaves, treedef = jax.tree.flatten(tree)
    return treedef, tuple((np.shape(leaf), leaf.dtype) for leaf in leaves)


def spec_of(tree: Tree, weak: bool = False) -> Tree:
    """Shapes and dtypes in place of arrays. `weak` numbers take the type of what they are combined with, as Python's."""

    def spec(a: AnyArray) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(np.shape(a), jax.dtypes.canonicalize_dtype(a.dtype), weak_type=weak)

    return jax.tree.map(spec, tree)


def obtain(
    name: str,
    structure: Hashable | None,
    make: Callable[[], Callable[..., Any]],
    args: tuple[Any, ...],
    donate: tuple[int, ...] = (),
    weak: tuple[int, ...] = (),
    many: bool = False,
    placement: Placement = HERE,
    brief: bool = False,
    steps: int | None = None,
) -> Runnable:
    """The compiled program for a structure and the shapes of its arguments.

    Args:
        name: what the program does; part of its identity.
        structure: equal for models whose programs are equal; `None` where that cannot be known.
        make: gives the function to trace, where the program is not there yet.
        args: arguments, or their shapes.
        donate: positions of arguments whose memory the program takes over.
        weak: positions of arguments that hold hyperparameters.
        many: whether the program trains many small models.
        placement: where it runs.
        brief: whether compiling counts more than running; see `compiler_options`.
        steps: how many it will make, `None` where that is not known: by that, some are compiled in another way (`Weight`).
    """
    wanted = Wanted(name, donate, many, placement, brief, steps)
    key: tuple[Hashable, ...] = (name, structure, signature_of(args), placement)
    with _lock:
        known = _by_structure.find(key) or {} if structure is not None else {}
        program = next((one for one in known.values() if serves(one, steps)), None)
        if program is not None:
            return program
        specs = [spec_of(arg, weak=position in weak) for position, arg in enumerate(args)]
        with noting_reads() as reads:
            lowered = _lower(make, specs, wanted)
    if reads.variables:
        return _follow(make, specs, wanted, reads, lowered)
    # Others may trace and look up while this one is compiled.
    program = _find_by_text(wanted, lowered)
    with _lock:
        if structure is not None:
            _by_structure.keep(key, {**(_by_structure.find(key) or {}), lowered.way: program})
    return program


def serves(program: Runnable, steps: int | None) -> bool:
    """Whether it was compiled in the way in which one is that makes so many steps."""
    facts = _facts[_compiled(program)]
    return facts.way == facts.weight.way(steps)


def way_of(program: Runnable) -> str:
    """The way in which it was compiled, of `effort.WAYS`."""
    return _facts[_compiled(program)].way


def memory_of(program: Runnable) -> int:
    """Bytes that a call takes for intermediate results, and gives back; 0 where that is not known, or costs nothing."""
    return _facts[_compiled(program)].memory


def _compiled(program: Runnable) -> Compiled:
    while isinstance(program, Following | Renewed):
        program = program.compiled
    return cast("Compiled", program)


def _lower(make: Callable[[], Callable[..., Any]], specs: Sequence[Tree], wanted: Wanted) -> Traced:
    counts["traced"] += 1
    with wanted.placement.compiling():
        traced = jax.jit(make(), donate_argnums=wanted.donate, keep_unused=True).trace(*specs)
        jaxpr, platform = traced.jaxpr.jaxpr, wanted.placement.platform
        weight = Weight(convolved=convolved(jaxpr, platform))
        by_library = weight.way(wanted.steps) == BY_LIBRARY
        with library.allowed(by_library):
            lowered = traced.lower()
    text = lowered.as_text()
    # Which of two programs a model gets may not depend on what ran before: where there are two, each is asked for by its steps.
    if not by_library and not wanted.many and platform == "cpu" and gains(jaxpr, text):
        weight = weight._replace(can_be_brief=True)
    return Traced(lowered, text, weight, weight.way(wanted.steps))


def _follow(
    make: Callable[[], Callable[..., Any]], specs: Sequence[Tree], wanted: Wanted, reads: Reads, lowered: Traced
) -> Runnable:
    """A program that follows variables which it read while it was traced, and does not carry; it is one model's own.

    Args:
        make, wanted: as of `obtain`.
        specs: of its arguments.
        reads: what was read.
        lowered: what was traced, with their numbers in it.
    """

    follows, numbers = reads.variables, list[Variable]()
    while follows:
        given = Given()
        try:
            lowered = _lower_following(make, specs, wanted, follows, given)
            warn_of_kept(follows, reads, given)
            break
        except Exception as error:
            hand_on(error)
            # It was traced with what they hold, and of the one that was asked for last it wants numbers.
            culprit = next((v for v in follows if [id(v)] == given.asked[-1:]), None)
            if culprit is None or len(numbers) == TRIES:
                follows, numbers = [], reads.variables
            else:
                follows = [v for v in follows if v is not culprit]
                numbers.append(culprit)

    def again() -> Runnable:
        made = _find_by_text(wanted, _lower_following(make, specs, wanted, follows))
        return Following(made, follows, wanted.placement) if follows else made

    program = _find_by_text(wanted, lowered)
    first = Following(program, follows, wanted.placement) if follows else program
    return Renewed(first, numbers, again) if numbers else first


def _lower_following(
    make: Callable[[], Callable[..., Any]],
    specs: Sequence[Tree],
    wanted: Wanted,
    variables: Sequence[Variable],
    given: Given | None = None,
) -> Traced:
    """What a program is lowered to that takes what some variables hold as its last argument; with none it takes no more."""
    values = [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in variables]
    with _lock:
        if not variables:
            return _lower(make, specs, wanted)
        return _lower(following(make, variables, given), [*specs, values], wanted)


def _find_by_text(wanted: Wanted, what: Traced) -> Compiled:
    lowered, brief = what.lowered, wanted.brief or what.way == BRIEF
    shapes = f"{wanted.name}|{wanted.many}|{brief}|{wanted.placement}|{lowered.in_tree}|{lowered.out_tree}|"
    digest = hashlib.sha256((shapes + what.text).encode()).digest()
    with _lock:
        program = _by_text.find(digest)
        if program is not None:
            return program
        # Of two that want the same program, one compiles it and the other waits.
        turn = _compiling.setdefault(digest, threading.Lock())
    with turn:
        with _lock:
            program = _by_text.find(digest)
        if program is None:
            use_program_cache()
            options = compiler_options(wanted.placement.platform, wanted.many, brief)
            began = time.perf_counter()
            with wanted.placement.compiling(), not_written() if what.way == BY_LIBRARY else contextlib.nullcontext():
                program = lowered.compile(compiler_options=options)
            forget_lowerings()
            if time.perf_counter() - began > LONG_COMPILING:
                give_back()
            _room.after(time.perf_counter() - began)
        with _lock:
            counts["compiled"] += digest not in _by_text
            _by_text.keep(digest, program)
            _compiling.pop(digest, None)
            if program not in _facts:
                # A GPU's memory is JAX's own, and costs a call nothing.
                sizes = program.memory_analysis() if wanted.placement.platform == "cpu" else None
                _facts[program] = Facts(what.weight, what.way, sizes.temp_size_in_bytes if sizes is not None else 0)
        return program


def make_advance(
    step: Step,
    reset: Callable[[Any], Any],
    results: Callable[[Any], Results],
    batch_size: int,
    masked: bool,
    kind: str,
    epochs: int,
) -> Callable[..., Any]:
    """The training or evaluation program of one model.

    Args:
        step: (state, hypers, key, batch, valid) -> state.
        reset: state -> state at the beginning of an epoch.
        results: state -> {"numbers": vector, "arrays": list} of the epoch's measures so far.
        batch_size: samples a step.
        masked: whether the last batch may be padded; `step` then gets `valid`, float32 of shape (batch,).
        kind: "shuffled" or "ordered", whether a feed comes with an order of its samples, or holds them as they are taken.
        epochs: the number of epochs that a call may run.

    Returns:
        advance(state, hypers, key, feed, cursor) -> (state, results); see `make_loop`. The cursor is int32 (offset, start,
        stop, samples, fresh, first, last).
    """
    loop = make_loop(make_fed_step(step, batch_size, masked, kind), reset, results, batch_size, epochs)

    def advance(state: Tree, hypers: Array, key: Array, feed: Feed, cursor: Array) -> tuple[Tree, Results]:
        return loop(state, hypers, key, feed, cursor[3], cursor)

    return advance


def make_fed_step(step: Step, batch_size: int, masked: bool, kind: str) -> Step:
    """(state, hypers, key, feed, samples, number, first) -> state: a step that takes its batch from a feed.

    It is a batch of epoch `number`, and begins with sample `first` of `samples`.
    """

    def fed(state: Tree, hypers: Array, key: Array, feed: Feed, samples: Array, number: Array, first: Array) -> Tree:
        batch = take_batch(feed, kind, number, first, batch_size)
        valid = None
        if masked:
            valid = (first + jnp.arange(batch_size, dtype=jnp.int32) < samples).astype(jnp.float32)
        return step(state, hypers, key, batch, valid)

    return fed


def make_loop(
    step: Step, reset: Callable[[Any], Any], results: Callable[[Any], Results], batch_size: int, epochs: int
) -> Callable[..., Any]:
    """A loop over batches, inside a loop over epochs, both with a moving stop.

    Args:
        step: as `make_fed_step` gives it.
        reset, results, batch_size, epochs: as in `make_advance`.

    Returns:
        loop(state, hypers, key, feed, samples, cursor) -> (state, results), with one row of numbers for each epoch. The cursor
        is int32 (offset, start, stop, -, fresh, first, last): epochs `first` to `last` of the feed, in each batches 0 to
        `stop`, counted from sample `offset`; the first of them begins with batch `start`, and with fresh measures only where
        `fresh` is 1. One of `make_cursor` is asked for its stop before each batch.
    """

    def loop(state: Tree, hypers: Array, key: Array, feed: Feed, samples: Array, cursor: Array) -> tuple[Tree, Results]:
        offset, start, stop, _, fresh, first_epoch, last_epoch = (cursor[i] for i in range(7))
        shape: Array = eval_shape(results, state)["numbers"]

        def epoch(number: Array, carry: tuple[Tree, Array]) -> tuple[Tree, Array]:
            state, rows = carry
            begins = (number > first_epoch) | (fresh == 1)
            state = cond(begins, reset, _same, state)

            def goes_on(carry: tuple[Array, Tree]) -> Array:
                return carry[0] < (stop if cursor.shape[0] == PLACES else stop_at(cursor, carry[0]))

            def body(carry: tuple[Array, Tree]) -> tuple[Array, Tree]:
                index, state = carry
                return index + 1, step(state, hypers, key, feed, samples, number, offset + index * batch_size)

            _, state = while_loop(goes_on, body, (jnp.where(number == first_epoch, start, 0), state))
            rows = dynamic_update_index_in_dim(rows, results(state)["numbers"], number, 0)
            return state, rows

        start_rows = jnp.zeros((epochs, *shape.shape), shape.dtype)
        state, rows = fori_loop(first_epoch, last_epoch, epoch, (state, start_rows))
        return state, {"numbers": rows, "arrays": results(state)["arrays"]}

    return loop


def make_cursor(numbers: Sequence[int]) -> HostArray:
    """A cursor whose stop may still be moved while a program runs, on a CPU: see `halt`."""
    memory = np.empty(4 * LENGTH + ALIGNMENT, np.uint8)
    first = -memory.ctypes.data % ALIGNMENT
    cursor = memory[first : first + 4 * LENGTH].view(np.int32)
    cursor[:PLACES], cursor[PLACES:] = numbers, numbers[2]
    return cursor


def halt(cursor: HostArray) -> None:
    """Has the program that took the cursor end after the batch that it is at. Where it took a copy, it goes on to its end."""
    cursor[PLACES:] = 0


def stop_at(cursor: Array, index: Array) -> Array:
    """A cursor's stop, from a place that depends on the batch: what does not is read once, before all batches."""
    return jax.lax.dynamic_slice(cursor, (PLACES + (index & (LENGTH - PLACES - 1)),), (1,))[0]


def _same(state: Tree) -> Tree:
    return state


def take_batch(feed: Feed, kind: str, number: Array, first: Array, batch_size: int) -> Tree:
    """One batch of a feed, inside the program."""
    data: Tree = feed["data"]

    def take(a: Array) -> Array:
        return jax.lax.dynamic_slice_in_dim(a, first, batch_size)

    if kind == "ordered":
        return jax.tree.map(take, data)
    if "stride" in feed:
        # The orders of several epochs, one after the other.
        rows = jax.lax.dynamic_slice(feed["order"], (number * feed["stride"] + first,), (batch_size,))
    else:
        rows = jax.lax.dynamic_slice(feed["order"], (number, first), (1, batch_size))[0]

    def gather(a: Array) -> Array:
        # As Python a step may read what is still on the host.
        return jnp.asarray(a).at[rows].get(mode="promise_in_bounds", unique_indices=False)

    return jax.tree.map(gather, data)
