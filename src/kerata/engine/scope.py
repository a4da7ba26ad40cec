"""Scopes: inside a program, each variable and hyperparameter stands for a traced value.

While a pure function is traced, a `Scope` holds what every variable is worth now, collects its updates and the losses
that layers add, hands out random keys, and remembers facts about arrays (their masks, the logits they came from). Outside,
variables hold concrete arrays, and nothing here is involved.
"""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

import weakref
from collections.abc import Iterable
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kerata.base.blocks import ambient
from kerata.engine.types import AnyArray, Array, HyperTable
from kerata.kernels.typed import state_of_trace

_local = ambient()


class Probe:
    """What a step asks of the gradient of a table beside its sum over all places at which rows were read.

    Args:
        squares: by how much the gradient of a place may differ from 0; in an update, the sum of squares of all those gradients.
        rows: zeros, one a row, where it is asked how often each row was read; in an update, how often that was.

    Attributes:
        whole: how often the table was read as a whole.
    """

    __slots__ = ("rows", "squares", "whole")

    def __init__(self, squares: Array | None, rows: Array | None = None):
        self.squares, self.rows = squares, rows
        self.whole = 0


class Scope:
    """What variables, hyperparameters and random draws are worth while a function is traced.

    Args:
        variables: the variables that this scope gives values to.
        values: one array for each of them.
        hypers: `(id of owner, name) -> value` of hyperparameters; those not named keep their own number.
        key: the key of this step's random draws, uint32 of shape (2,); `None` outside of training programs.
        valid: float of shape (batch,), 0 in rows that only fill the batch up; `None` where there are none.
    """

    def __init__(
        self,
        variables: Iterable[object] = (),
        values: Iterable[Array] = (),
        hypers: HyperTable | None = None,
        key: AnyArray | None = None,
        valid: Array | None = None,
    ):
        self.values: dict[int, Array] = {id(variable): value for variable, value in zip(variables, values, strict=True)}
        self.hypers: HyperTable = hypers or {}
        self.key = key
        self.valid = valid
        self.draws = 0
        # Whether nothing but shapes comes of it.
        self.shapes_alone = False
        # What sizes that follow from numbers are taken to be where shapes alone come of it, and whether somebody has asked.
        self.trial: int | None = None
        self.asked = False
        # Whether its variables are read and not carried: what they are given in the trace ends with it.
        self.outside = False
        # Ids of trained variables that stay what they are given, where training goes on; of others this holds anyway.
        self.staying: set[int] = set()
        # Numbers of keys taken from generators' states that the scope carries, by the id of the state.
        self.taken: dict[int, int] = {}
        self.losses: list[Array] = []
        self.notes: dict[tuple[int, str], tuple[Any, Any]] = {}
        self.created: list[Any] = []
        # Tensors of graphs that are computed beside their outputs, by id.
        self.beside: dict[int, Any] = {}
        # Of tables, by id.
        self.probes: dict[int, Probe] = {}

    def __enter__(self) -> "Scope":
        self.trace: object = state_of_trace()
        outer = current_scope()
        if outer is not None and outer.shapes_alone:
            # So does nothing else come of what stands within.
            self.shapes_alone, self.trial = True, outer.trial if self.trial is None else self.trial
        stack().append(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        stack().pop()

    @property
    def is_here(self) -> bool:
        """Whether the function that this scope stands around is being traced now, and not a function within it."""
        now: object = state_of_trace()
        return self.trace == now

    def read(self, variables: Iterable[object]) -> list[Array]:
        """The present values of some variables, updates included."""
        return [self._current(id(variable)) for variable in variables]

    def _current(self, variable: int) -> Array:
        value, taken = self.values[variable], self.taken.get(variable)
        # A generator's state is its seed and the number of keys it gave.
        return value if taken is None else value + np.array([0, taken], np.uint32)


def stack() -> list[Scope]:
    return _local.__dict__.setdefault("scopes", [])


def current_scope() -> Scope | None:
    """The innermost scope, or `None` outside of programs."""
    scopes = getattr(_local, "scopes", None)
    return scopes[-1] if scopes else None


def probe_of(variable: object) -> Probe | None:
    """What the step that is being traced asks of a table's gradient."""
    return next((scope.probes[id(variable)] for scope in reversed(stack()) if id(variable) in scope.probes), None)


def valid_rows(rows: int) -> Array | None:
    """Which rows of a batch are there: float of shape (rows,), 1 or 0; `None` where all are.

    A layer that looks at several samples at once asks it, and leaves the others out. `rows` may be a multiple of the batch
    size, with some rows a sample.
    """
    scope = current_scope()
    if scope is None or scope.valid is None or rows % scope.valid.shape[0]:
        return None
    times = rows // scope.valid.shape[0]
    if times == 1:
        return scope.valid
    return jnp.reshape(jnp.broadcast_to(scope.valid[:, None], (scope.valid.shape[0], times)), rows)


def unknown_size(array: object) -> int | None:
    """The size of what follows from an array's numbers, such as how many are not zero, while shapes are inferred.

    It is one number in one trace and another one in the next, so that the size comes out as unknown. `None` elsewhere, and
    where the numbers are known.
    """
    if not isinstance(array, Tracer):
        return None
    trying = [scope for scope in stack() if scope.trial is not None]
    for scope in trying:
        scope.asked = True
    return trying[-1].trial if trying else None


def in_scope() -> bool:
    """Whether a program is being traced."""
    return bool(getattr(_local, "scopes", None))


# Facts about arrays outside of scopes, forgotten with the array.
_notes: dict[tuple[int, str], tuple[Any, Any]] = {}


def note(array: object, kind: str, fact: object) -> None:
    """Remembers a fact about an array: its `"mask"`, the `"logits"` that it was computed from, that it is `"wide"` (int64).

    Programs hold numbers of 64 bits in 32; where types are told apart, that they had more is such a fact.
    """
    key = (id(array), kind)
    scope = current_scope()
    if scope is not None:
        scope.notes[key] = (array, fact)
    else:
        _notes[key] = (weakref.ref(array, partial(_notes.pop, key)), fact)


def noted(array: object, kind: str) -> Any:
    """The fact remembered about an array, or `None`."""
    for scope in reversed(getattr(_local, "scopes", ())):
        found = scope.notes.get((id(array), kind))
        if found is not None:
            return found[1]
    found = _notes.get((id(array), kind))
    return found[1] if found is not None and found[0]() is array else None
