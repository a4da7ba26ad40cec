"""Variables that a program reads and does not carry, such as one that a user's own loss or `Lambda` knows.

The model does not hold them, so nobody can tell before the program is traced. Where one was read, the program is traced once
more, and takes what these variables hold as a further argument: it follows them whoever sets them. Code that wants numbers of
Python (`float(variable)`) cannot be traced so; its program is compiled anew where one of them holds something else.
"""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

import warnings
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from kerata.base.checks import message
from kerata.engine.placement import Placement
from kerata.engine.scope import Scope
from kerata.engine.types import Array, HostArray, Tree
from kerata.engine.variable import Reads, Variable


class Following:
    """A program whose last argument is what some variables hold now.

    Args:
        compiled: the program.
        variables: which ones.
        placement: where it runs.
    """

    def __init__(self, compiled: Callable[..., Any], variables: Sequence[Variable], placement: Placement):
        self.compiled, self.variables, self.placement = compiled, variables, placement

    def __call__(self, *args: object) -> object:
        return self.compiled(*args, self.placement.put_state([v.value for v in self.variables], soon=True))

    def memory_analysis(self) -> object:
        """What the program needs beside its arguments, as JAX says it of what is compiled."""
        return self.compiled.memory_analysis()  # type: ignore[attr-defined]


class Renewed:
    """A program that holds the numbers of some variables, and is made anew where one of them has changed.

    Args:
        compiled: the program.
        variables: which ones.
        again: makes it anew.
    """

    def __init__(self, compiled: Callable[..., Any], variables: Sequence[Variable], again: Callable[[], Callable[..., Any]]):
        self.compiled, self.variables, self.again = compiled, variables, again
        self.seen = self._numbers()

    def _numbers(self) -> list[HostArray]:
        return [np.array(v.peek()) for v in self.variables]

    def __call__(self, *args: object) -> object:
        now = self._numbers()
        if not all(np.array_equal(a, b) for a, b in zip(now, self.seen, strict=True)):
            self.compiled, self.seen = self.again(), now
        return self.compiled(*args)

    def memory_analysis(self) -> object:
        """What the program needs beside its arguments, as JAX says it of what is compiled."""
        return self.compiled.memory_analysis()  # type: ignore[attr-defined]


class Given(dict[int, Array]):
    """What variables hold while a function is traced, and the identities of those that were asked for, the last one last."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def get(self, key: int) -> Array | None:  # type: ignore[override]
        found = super().get(key)
        if found is not None:
            self.asked.append(key)
        return found


def warn_of_kept(variables: Sequence[Variable], reads: Reads, given: Given) -> None:
    """Warns of variables that were read within a function whose trace JAX keeps: it is not asked for what they hold now."""
    kept = [v for v in variables if id(v) in reads.inside and id(v) not in given.asked]
    if kept:
        expected = "a function that JAX traces once (jax.jit, jax.checkpoint) reads it: it stays what it is now"
        fix = "Hand it to the function as an argument, e.g. f(x, variable.value)"
        warnings.warn(message(f"Variable ({kept[0].path})", expected, fix=fix), stacklevel=2)


def following(
    make: Callable[[], Callable[..., Any]], variables: Sequence[Variable], given: Given | None = None
) -> Callable[[], Callable[..., Any]]:
    """Makes a function with one more argument: what some variables hold while it is traced.

    Args:
        make: makes the function.
        variables: which ones.
        given: takes what they hold.
    """
    held = Given() if given is None else given

    def make_following() -> Callable[..., Any]:
        function = make()

        def follow(*args: Tree) -> Tree:
            with Scope(variables, cast("list[Array]", args[-1])) as scope:
                held.update(scope.values)
                scope.values, scope.outside = held, True
                return function(*args[:-1])

        return follow

    return make_following
