"""Variables that a program reads and does not carry, such as one that a user's own loss or `Lambda` knows.

The model does not hold them, so nobody can tell before the program is traced. Where one was read, the program is traced once
more, and takes what these variables hold as a further argument: it follows them whoever sets them. Code that wants numbers of
Python (`float(variable)`) cannot be traced so; its program is compiled anew where one of them holds something else.
"""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from kerata.engine.placement import Placement
from kerata.engine.scope import Scope
from kerata.engine.types import Array, HostArray, Tree
from kerata.engine.variable import Variable


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


def following(make: Callable[[], Callable[..., Any]], variables: Sequence[Variable]) -> Callable[[], Callable[..., Any]]:
    """Makes a function with one more argument: what some variables hold while it is traced."""

    def make_following() -> Callable[..., Any]:
        function = make()

        def follow(*args: Tree) -> Tree:
            with Scope(variables, cast("list[Array]", args[-1])):
                return function(*args[:-1])

        return follow

    return make_following
