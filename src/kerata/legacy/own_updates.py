"""Optimizers of a program's own in the form of Keras 1 and 2: `get_updates(self, loss, params)` gives pairs of new values.

It was run once, and made a graph. Here it runs in each trace of a step: what it makes by `K.zeros` is made in the first run and
found again in the others, and what it would change is noted and done at its end.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax.numpy as jnp

from kerata.base.blocks import ambient
from kerata.base.checks import message
from kerata.engine.module import Look
from kerata.engine.scope import Scope, current_scope
from kerata.engine.types import Scalar
from kerata.engine.variable import Variable

_local = ambient()


class Run:
    """One run of `get_updates`.

    Args:
        gradients: what `get_gradients` gives.
        made: the variables that the first run has made, in their order; `None` in the first run.
    """

    def __init__(self, gradients: list[Any], made: list[Variable] | None):
        self.gradients, self.first = gradients, made is None
        self.made: list[Variable] = list(made or ())
        self.next = 0

    def make(self, build: Callable[[], Any]):
        """A variable, made in the first run."""
        if self.first:
            self.made.append(build())
        elif self.next >= len(self.made):
            raise RuntimeError(message("get_updates", "it must make the same variables each time", {"made": len(self.made)}))
        self.next += 1
        return self.made[self.next - 1]


def running() -> Run | None:
    """The run of `get_updates` that this thread is in."""
    return getattr(_local, "run", None)


@contextmanager
def within(run: Run) -> Iterator[None]:
    before, _local.run = running(), run
    try:
        yield
    finally:
        _local.run = before


def keeping(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that makes variables, which are found again where it is called in `get_updates`."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        run = running()
        return function(*args, **kwargs) if run is None else run.make(lambda: function(*args, **kwargs))

    return call


def deferring(function: Callable[..., Any], change: Callable[..., Any]) -> Callable[..., Any]:
    """`K.update` and its kin, which in `get_updates` give a pair for later."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        if running() is None:
            return function(*args, **kwargs)
        x, *values = inspect.signature(function).bind(*args, **kwargs).args
        return x, change(jnp.asarray(x), *values)

    return call


class OwnUpdates:
    """What makes an optimizer with a `get_updates` of its own one that programs can run."""

    updates: list[Any]
    _bookkeeping = dict.fromkeys(("_made", "_made_for"), Look.NOBODY)

    @property
    def _has_own_updates(self) -> bool:
        owner = next(cls for cls in type(self).__mro__ if "get_updates" in vars(cls))
        return not owner.__module__.startswith("kerata.")

    @property
    def _is_stepwise(self) -> bool:
        return self._has_own_updates or super()._is_stepwise  # type: ignore[misc]

    def _weight_decay_of(self, variable: Variable) -> Scalar | None:
        # A number of that name is what `get_updates` makes of it.
        return None if self._has_own_updates else super()._weight_decay_of(variable)  # type: ignore[misc]

    def _build_steps(self, variables: list[Variable]) -> None:
        super()._build_steps(variables)  # type: ignore[misc]
        state = self.optimizer_state  # type: ignore[attr-defined]
        # What was made for a state that was since put in its place is none of this one.
        if self._has_own_updates and self.__dict__.get("_made_for") is not state:
            run = Run([jnp.zeros(v.shape, v.dtype) for v in variables], None)
            with within(run):
                self._pairs(variables)
            self._made, self._made_for = run.made, state
            for number, variable in enumerate(run.made):
                variable.trainable = False
                key = (f"own/{number}", None)
                state.own[key] = variable
                state.table.setdefault(None, {})[key[0]] = variable

    def _pairs(self, variables: Sequence[Variable]) -> list[Any]:
        found = self.get_updates(None, list(variables))  # type: ignore[attr-defined]
        return list(self.updates if found is None else found)

    def _run_steps(self, variables: Sequence[Variable], params, gradients, values, rate) -> dict[Variable, Any]:
        if not self._has_own_updates:
            return super()._run_steps(variables, params, gradients, values, rate)  # type: ignore[misc]
        counter = values["iteration", None]
        outer, made = current_scope(), self.__dict__["_made"]
        keys = [(f"own/{number}", None) for number in range(len(made))]
        steps: Variable = self._iterations  # type: ignore[attr-defined]
        scope = Scope(
            [*variables, *made, steps],
            [*params, *[values[key] for key in keys], counter],
            outer.hypers if outer else None,
            outer.key if outer else None,
        )
        with scope, within(Run([gradients[v] for v in variables], made)):
            pairs = self._pairs(variables)
        new = {id(pair[0]): pair[1] for pair in pairs if isinstance(pair, tuple) and len(pair) == 2}
        for key, variable in zip(keys, made, strict=True):
            if id(variable) in new:
                values[key] = jnp.asarray(new[id(variable)], variable.dtype)
        found = zip(variables, params, strict=True)
        return {v: jnp.asarray(new[id(v)], v.dtype) if id(v) in new else p for v, p in found}
