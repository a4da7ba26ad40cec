"""Functions under `tf.function` that become programs.

TensorFlow traced such a function once for each kind of arguments. Here it runs as Python at first. One that takes tensors and
has run for a while is traced: the variables that it reads or assigns, numbers such as a learning rate, and the states of
generators become arguments of a program. That is held against two runs as Python from the same states, and taken if they agree.

It stays Python where it asks for numbers (a branch, `.numpy()`), reads data, checks numbers, makes variables, or gives
something else; and where its surroundings change from call to call (`surroundings.py`).
"""

import contextlib
import functools
import pickle
import random
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple, TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.interrupts import hand_on
from kerata.base.recent import Recent
from kerata.engine.hyper import holds_number, noting_numbers
from kerata.engine.module import Module
from kerata.engine.scope import Scope, in_scope, noted
from kerata.engine.types import AnyArray, Array, HostArray
from kerata.engine.variable import Variable, noting_reads
from kerata.kernels.compiler import compiler_options
from kerata.kernels.typed import is_traced
from kerata.legacy.tensorflow.surroundings import Surroundings
from kerata.legacy.tensorflow.tape import StaysPython, as_graph, inside_call, tapes, tracing_whole
from kerata.legacy.tensorflow.tensor import Tensor, narrow
from kerata.legacy.tensorflow.types import DType, string

# Calls as Python, and the seconds that they took together, before a function is traced: compiling costs about as much. The
# second number is of calls that take longer than the third, whose programs take longer to compile.
CALLS, SECONDS, LONG_SECONDS, LONG = 5, 0.5, 15.0, 0.05
# Calls in which a program is held against Python: what counts calls, or goes another way at times, shows itself in the second.
CHECKS = 2
# Kinds of arguments of a function, and programs that are made anew since a number is none any more.
KINDS, RENEWALS = 64, 3
# Of those with models or optimizers among them, which their programs keep alive.
HOLDING_KINDS = 8
# How far a program's numbers may be from those of Python: of a change of a variable, of a number, of what is near zero.
OF_CHANGE, OF_NUMBER, OF_ZERO = 1e-2, 1e-4, 1e-6
# Roundings that are tried: some units in the last place of float32.
SHAKEN = 1e-6
PLAIN = (type(None), bool, int, float, str, bytes)


# The form of arguments, the kind of each, and what surrounds the function.
Kind: TypeAlias = tuple[Hashable, tuple[tuple[Hashable, ...], ...], Hashable]
# Arrays of the result, new values of the variables that change.
Given: TypeAlias = tuple[list[Array], list[Array]]


class Ready(NamedTuple):
    """A result, and the program that gives such results from now on, if there is one."""

    result: object
    program: "Program | None"


class Waiting:
    """How long a function has run as Python for one kind of arguments."""

    def __init__(self) -> None:
        self.calls, self.seconds, self.renewals = 0, 0.0, 0

    def run(self, call: Callable[[], object]) -> object:
        """What a call gives."""
        start = time.perf_counter()
        found = call()
        # The first call also compiles the parts that run as programs within it.
        if self.calls:
            self.seconds += time.perf_counter() - start
        self.calls += 1
        return found

    @property
    def is_over(self) -> bool:
        """Whether a program is worth its compiling."""
        wanted = LONG_SECONDS if self.seconds > LONG * self.calls else SECONDS
        return self.calls >= CALLS and self.seconds >= wanted


class Never:
    """In place of a program: the function stays Python."""


class Programs:
    """A function of tensors, as Python and as programs.

    Args:
        function: it.
    """

    def __init__(self, function: Callable[..., Any]):
        weak = isinstance(function, Weak)
        around = Surroundings(function.python_function, function.owner) if weak else Surroundings(function)
        self.function, self.surroundings = function, around
        self.kinds: Recent[Program | Waiting | Never] = Recent(KINDS)
        self.holding: Recent[Program | Waiting | Never] = Recent(HOLDING_KINDS)

    def __call__(self, *args: object, **kwargs: object) -> object:
        call = functools.partial(self.function, *args, **kwargs)
        if in_scope() or tapes() or inside_call() or is_traced() or (kind_and_held := self._kind_of(args, kwargs)) is None:
            return call()
        kind, held = kind_and_held
        kinds = self.holding if any(one[0] == "object" for one in kind[1]) else self.kinds
        found = kinds.find(kind)
        if found is None:
            kinds.keep(kind, found := Waiting())
        if isinstance(found, Program) and not found.is_valid:
            kinds.keep(kind, found := found.waiting)
            found.calls, found.seconds, found.renewals = 0, 0.0, found.renewals + 1
        if isinstance(found, Never) or (isinstance(found, Waiting) and found.renewals > RENEWALS):
            return call()
        if isinstance(found, Waiting) and not found.is_over:
            return found.run(call)
        if isinstance(found, Program) and found.checks == CHECKS:
            try:
                arrays = found.arrays(args, kwargs)
            except OverflowError:  # numbers that need 64 bits
                return call()
            return found(arrays)
        # It stays so if an error ends the call.
        kinds.keep(kind, Never())
        result, program = attempt(self.function, args, kwargs, found, held)
        if program is not None:
            kinds.keep(kind, program)
        return result

    def _kind_of(self, args: tuple, kwargs: dict[str, object]) -> tuple[Kind, list[object]] | None:
        """What tells kinds of arguments apart, with what must be held for it; `None` where the function stays Python."""
        leaves, form = flatten((args, kwargs))
        kinds = [kind for leaf in leaves if (kind := kind_of(leaf)) is not None]
        if len(kinds) < len(leaves) or not any(isinstance(leaf, (Tensor, Variable)) for leaf in leaves):
            return None
        marks, held = self.surroundings.now([leaf for leaf in leaves if not isinstance(leaf, (Tensor, *PLAIN))])
        return (form, tuple(kinds), marks), held


def kind_of(leaf: object) -> tuple[Hashable, ...] | None:
    """The kind of an argument, or of a part of one; `None` for what no program takes."""
    if isinstance(leaf, Tensor):
        is_held = leaf.dtype == string or leaf.dtype.name in ("float64", "complex128") or noted(leaf, "mask") is not None
        return None if is_held else (tuple(leaf._array.shape), leaf.dtype.name)
    if isinstance(leaf, PLAIN):
        return (type(leaf), str(leaf) if isinstance(leaf, float) else leaf)
    # A model, an optimizer or a function, which its program holds.
    return ("object", id(leaf)) if isinstance(leaf, (Variable, Module)) or callable(leaf) else None


class Weak:
    """A method of an object that may go: the programs of its methods do not hold it.

    Args:
        function: the method, of any object.
        owner: the object.
    """

    def __init__(self, function: Callable[..., Any], owner: object):
        self.python_function, self.owner = function, weakref.ref(owner)

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self.python_function(self.owner(), *args, **kwargs)


class Program:
    """A function of tensors, compiled for one kind of arguments.

    Args:
        function: it.
        args, kwargs: of that kind.
        waiting: how long it ran as Python.
    """

    def __init__(self, function: Callable[..., Any], args: tuple, kwargs: dict[str, object], waiting: Waiting):
        self.function, self.waiting = function, waiting
        leaves, self.form = flatten((args, kwargs))
        self.places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
        self.types: list[DType] = [leaves[place].dtype for place in self.places]
        self.fixed = [None if place in self.places else leaf for place, leaf in enumerate(leaves)]
        # What its kind tells by where it stands in memory, which is not to be another thing's.
        self.held: list[object] = []
        self.checks = 0
        self.result: list[Any] = []
        self.shape = LEAF
        self.changed: list[int] = []
        with noting_reads() as reads, noting_numbers() as numbers:
            jax.eval_shape(functools.partial(self._compute, [], jnp.zeros(0)), self.arrays(args, kwargs))
        self.variables = list({**reads.read, **reads.given, **reads.drawn}.values())
        self.numbers = list(numbers.values())
        brief = waiting.seconds < LONG * waiting.calls
        self.run = jax.jit(self._compute, compiler_options=compiler_options(brief=brief))

    def arrays(self, args: tuple, kwargs: dict[str, object]) -> list[Array]:
        """The tensors among some arguments, as programs hold them."""
        leaves, _ = flatten((args, kwargs))
        return [narrow(leaves[place]) for place in self.places]

    def state(self) -> list[Array]:
        """What the variables hold now."""
        return [variable.value for variable in self.variables]

    def vector(self) -> HostArray:
        """What the numbers are now."""
        return np.array([vars(owner)[name] for owner, name in self.numbers], np.float32)

    @property
    def is_valid(self) -> bool:
        """Whether the numbers still are some: a schedule may have taken the place of one."""
        return all(holds_number(owner, name) for owner, name in self.numbers)

    def _compute(self, state: list[Array], vector: Array, arrays: list[Array]) -> Given:
        """(arrays of the result, new values of the variables that change)."""
        given, leaves = iter(zip(arrays, self.types, strict=True)), list(self.fixed)
        for place in self.places:
            leaves[place] = Tensor(*next(given))
        args, kwargs = cast("tuple[tuple, dict[str, object]]", self.form.fill(iter(leaves)))
        variables = self.variables if state else []
        table = {(id(owner), name): vector[n] for n, (owner, name) in enumerate(self.numbers)} if state else {}
        with Scope(variables, state, table) as scope, as_graph(True), tracing_whole():
            leaves, self.shape = flatten(self.function(*args, **kwargs))
            if scope.created:
                raise StaysPython("it makes variables")
            found = [Tensor(one) if isinstance(one, jax.Array) else one for one in leaves]
            outputs = [narrow(one) for one in found if isinstance(one, Tensor)]
            after = scope.read(variables)
        self.result = [one.dtype if isinstance(one, Tensor) else settled(one) for one in found]
        self.changed = [n for n, (old, new) in enumerate(zip(state, after, strict=True)) if new is not old]
        return outputs, [after[n] for n in self.changed]

    def wrap(self, outputs: list[Array]) -> object:
        """The result of the function, of its arrays."""
        given = iter(outputs)
        found = [Tensor(next(given), kind) if isinstance(kind, DType) else kind for kind in self.result]
        return self.shape.fill(iter(found))

    def __call__(self, arrays: list[Array]) -> object:
        outputs, after = self.run(self.state(), self.vector(), arrays)
        for place, value in zip(self.changed, after, strict=True):
            self.variables[place].store(value)
        return self.wrap(outputs)


def settled(value: object) -> object:
    """A part of a result that is no tensor."""
    if not isinstance(value, (*PLAIN, Variable)):
        raise StaysPython(f"it gives {type(value).__name__}")
    return value


def attempt(
    function: Callable[..., Any], args: tuple, kwargs: dict[str, object], found: "Program | Waiting", held: list[object]
) -> Ready:
    """What a function gives, and its program, if that gives the same.

    Args:
        function, args, kwargs: they.
        found: the program, or how long there was none.
        held: what the kind of the arguments holds.
    """
    try:
        with unmoved(held):
            program = Program(function, args, kwargs, found) if isinstance(found, Waiting) else found
            before, vector, arrays = program.state(), program.vector(), program.arrays(args, kwargs)
            given = program.run(before, vector, arrays)
        shaken = program.run(shake(before), vector, shake(arrays))
    except Exception as error:  # what cannot be traced says so in many ways; it runs as Python
        hand_on(error)
        return Ready(function(*args, **kwargs), None)
    result = function(*args, **kwargs)
    try:
        is_same = gives_same(program, before, given, shaken, result)
    except Exception as error:  # what has no place in a program, such as a number that needs 64 bits
        hand_on(error)
        is_same = False
    program.held, program.checks = held, program.checks + 1
    return Ready(result, program if is_same else None)


@contextlib.contextmanager
def unmoved(held: list[object]) -> Iterator[None]:
    """Raises where the block draws from generators of Python and NumPy, which are as before it afterwards."""
    handles = [(random.getstate, random.setstate), (np.random.get_state, np.random.set_state), *handles_of(held)]
    before = [get() for get, _ in handles]
    try:
        yield
        if pickle.dumps([get() for get, _ in handles]) != pickle.dumps(before):
            raise StaysPython("it draws numbers of NumPy or Python")
    finally:
        for (_, put), place in zip(handles, before, strict=True):
            put(place)


def handles_of(things: list[object]) -> Iterator[tuple[Callable[[], object], Callable[[Any], None]]]:
    """(what gives where a generator stands, what puts it there) of each generator among some things."""
    for one in things:
        if isinstance(one, np.random.Generator):
            bits = one.bit_generator
            yield functools.partial(getattr, bits, "state"), functools.partial(setattr, bits, "state")
        elif isinstance(one, np.random.RandomState):
            yield one.get_state, one.set_state
        elif isinstance(one, random.Random):
            yield one.getstate, one.setstate


def shake(arrays: list[Array]) -> list[Array]:
    """The same numbers up to some roundings."""
    stream = np.random.default_rng(0)

    def one(array: Array) -> Array:
        if not jnp.issubdtype(array.dtype, jnp.floating):
            return array
        return array * jnp.asarray(1 + SHAKEN * stream.uniform(-1, 1, array.shape), array.dtype)

    return [one(array) for array in arrays]


def gives_same(program: Program, before: list[Array], given: Given, shaken: Given, result: object) -> bool:
    """Whether a program gave what Python has given since.

    Args:
        program: it.
        before: what its variables held.
        given: what it gave.
        shaken: what it gave where some roundings were otherwise. A gradient that is nothing but roundings (of a bias before
            batch normalization) moves a weight under Adam as far as any other.
        result: what Python gave.
    """
    found, shape = flatten(result)
    made, other = flatten(program.wrap(given[0]))
    if shape != other or len(made) != len(found):
        return False
    moved = iter(zip(given[0], shaken[0], strict=True))
    for one, expected in zip(made, found, strict=True):
        if isinstance(one, Tensor) and isinstance(expected, Tensor):
            if one.dtype != expected.dtype or not is_near(narrow(one), narrow(expected), None, *next(moved)):
                return False
        elif one is not expected and not (type(one) is type(expected) and isinstance(one, PLAIN) and one == expected):
            return False
    after = {place: pair for place, *pair in zip(program.changed, given[1], shaken[1], strict=True)}
    pairs = enumerate(zip(program.variables, before, strict=True))
    return all(
        is_near(after.get(place, (old, old))[0], variable.value, old, *after.get(place, ())) for place, (variable, old) in pairs
    )


def is_near(one: AnyArray, other: AnyArray, start: AnyArray | None = None, *moved: AnyArray) -> bool:
    """Whether two arrays are equal, up to roundings.

    Args:
        start: what both began with, if anything: then it is their way from there that counts.
        moved: the first with other roundings before it, once or more; how far they are apart is allowed tenfold.

    >>> is_near(np.float32([1.0, 2.0]), np.float32([1.0, 2.00001])), is_near(np.int32(1), np.int32(2))
    (True, False)
    """
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one is other or not jnp.issubdtype(one.dtype, jnp.inexact):
        return bool(np.array_equal(np.asarray(one), np.asarray(other)))
    a, b, *rest = (np.asarray(each).astype("complex128").ravel() for each in (one, other, *moved))
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return False
    room = OF_NUMBER * length(b)
    if start is not None:
        room = min(room, OF_CHANGE * length(b - np.asarray(start).ravel()))
    return length(a - b) <= room + OF_ZERO * a.size**0.5 + 10 * max((length(a - each) for each in rest), default=0.0)


def length(array: np.ndarray) -> float:
    return float(np.linalg.norm(np.nan_to_num(array)))


class Form(NamedTuple):
    """How leaves make a structure of lists, tuples and dicts.

    Args:
        kind: the class of the whole; `None` for a leaf.
        keys: of a dict, in its order.
        parts: the forms of what it holds.
    """

    kind: type | None
    keys: tuple[Hashable, ...]
    parts: tuple["Form", ...]

    def fill(self, leaves: Iterator[object]) -> object:
        """The structure with other leaves."""
        if self.kind is None:
            return next(leaves)
        made = [part.fill(leaves) for part in self.parts]
        if issubclass(self.kind, dict):
            return self.kind(zip(self.keys, made, strict=True))
        return self.kind(*made) if hasattr(self.kind, "_fields") else self.kind(made)


LEAF = Form(None, (), ())


def flatten(tree: object) -> tuple[list[Any], Form]:
    """(leaves, form). Lists and dicts of other classes, which keep account of themselves, are Python's.

    >>> leaves, form = flatten({"b": 1, "a": (2, [3])})
    >>> leaves, form.fill(iter(leaves))
    ([1, 2, 3], {'b': 1, 'a': (2, [3])})
    """
    if isinstance(tree, dict):
        keys, values = tuple(tree), list(tree.values())
        kind: type = OrderedDict if isinstance(tree, OrderedDict) else dict
    elif isinstance(tree, (list, tuple)):
        keys, values, kind = (), list(tree), list if isinstance(tree, list) else type(tree)
    else:
        return [tree], LEAF
    found = [flatten(value) for value in values]
    return [leaf for leaves, _ in found for leaf in leaves], Form(kind, keys, tuple(form for _, form in found))
