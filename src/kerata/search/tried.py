"""The points of a space that have been tried, so that none is tried twice while others are left.

A space is known only as far as builders have asked, so the points form a tree: a node asks for a hyperparameter, its branches
are the values. Below a range of floats nothing is noted: it never ends.
"""

import math
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from kerata.search.domain import Domain
from kerata.search.space import Source


def place_of(domain: Domain, value: Any) -> int | None:
    """The place of a value in its domain; `None` where it has none, as among floats."""
    count = domain.count()
    if count is None or not domain.contains(value):
        return None
    place = domain.index(value)
    if domain.choices is not None:
        return place
    return place if place < count and math.isclose(domain.at(place), value, rel_tol=1e-9, abs_tol=1e-12) else None


# So often may a builder end with an error at the same values before these count as tried.
CHANCES = 2


class Node:
    """A place in the tree: the values that lead to it have been taken.

    Attributes:
        name, domain: what is asked for here; `None` while nobody has been here.
        branches: what follows a value, by the value's place in the domain.
        left: at least so many points behind it have not been tried.
    """

    __slots__ = ("branches", "domain", "errors", "left", "name", "parent")

    def __init__(self, parent: "Node | None" = None):
        self.parent = parent
        self.name: str | None = None
        self.domain: Domain | None = None
        self.branches: dict[int, Node] = {}
        self.left: float = 1
        self.errors = 0

    def ask(self, name: str, domain: Domain) -> bool:
        """Somebody asks for a hyperparameter here; returns whether it is the one that others were asked for."""
        if self.name is None:
            self.name, self.domain = name, domain
            count = domain.count()
            self._leave(math.inf if count is None else count)
        return self.name == name

    def branch(self, place: int) -> "Node":
        """What follows a value."""
        return self.branches.setdefault(place, Node(self))

    def end(self, broken: bool = False) -> bool:
        """Nothing more was asked: this is a point, and it is tried; returns whether it is new.

        Args:
            broken: whether the builder ended with an error, which may be no fault of these values: they get another chance.
        """
        is_new = self.name is None and self.left > 0
        self.errors += broken
        if is_new and (not broken or self.errors >= CHANCES):
            self._leave(0)
        return is_new

    def _leave(self, left: float) -> None:
        change, node = left - self.left, self
        self.left = left
        while node.parent is not None and math.isfinite(node.parent.left):
            node = node.parent
            node.left += change


class Tried:
    """All points that have been tried.

    >>> tried = Tried()
    >>> for value in (False, True):
    ...     tried.add({"deep": value}, {"deep": Domain("boolean", choices=(False, True))})
    >>> tried.left
    0
    """

    def __init__(self) -> None:
        self.root = Node()

    @property
    def left(self) -> float:
        """At least so many points have not been tried; 0 means that all have."""
        return self.root.left

    @property
    def follows(self) -> bool:
        """Whether a point can be met again."""
        return self.root.domain is None or self.root.domain.count() is not None

    @property
    def points(self) -> int:
        """How many have been tried, of those that can be met again."""
        found, nodes = 0, [self.root]
        while nodes:
            node = nodes.pop()
            found += node.name is None and node.left == 0
            nodes.extend(node.branches.values())
        return found

    def add(self, params: dict[str, Any], domains: dict[str, Domain], broken: bool = False) -> None:
        """Notes the values of a trial.

        Args:
            params: by name; names that no trial was asked for yet are taken in this order.
            domains: of all names that are known.
            broken: whether the builder ended with an error.
        """
        node, rest = self.root, dict(params)
        while math.isfinite(node.left) or node.name is not None:
            name = node.name or next(iter(rest), None)
            if name is None:
                node.end(broken)
                return
            domain = node.domain or domains.get(name)
            if name not in rest or domain is None:
                return
            node.ask(name, domain)
            place = place_of(domain, rest.pop(name))
            if place is None:
                return
            node = node.branch(place)


class Untried:
    """The values of a new trial: what a sampler gives, unless that leads to nothing but points that have been tried.

    In place of such a value comes the nearest number, or any choice, that leads to others.

    Args:
        tried: the tree.
        source: the sampler's values.
        given: values by name that are not changed.
        words: what decides among choices.

    Attributes:
        changed: whether another value than the sampler's was taken.
    """

    def __init__(self, tried: Tried, source: Source, given: dict[str, Any] | None = None, words: Iterable[int] = (0,)):
        self.source, self.given, self.words = source, given or {}, tuple(words)
        self.node: Node | None = tried.root
        self.changed = False

    def value(self, name: str, domain: Domain) -> object:
        is_given = name in self.given
        value = self.given[name] if is_given else self.source.value(name, domain)
        node = self.node
        self.node = None
        # A builder that asks in another order each time, or for floats, is not followed.
        if node is None or not node.ask(name, domain) or (place := place_of(domain, value)) is None:
            return value
        if not is_given and node.left > 0 and not self._is_open(node, place):
            place = self._other(node, name, domain, place)
            value, self.changed = domain.at(place), True
        self.node = node.branch(place)
        return value

    def end(self, broken: bool = False) -> bool:
        """The trial is built, or cannot be; returns whether its point is new, as far as that can be told."""
        return self.node is None or self.node.end(broken)

    @staticmethod
    def _is_open(node: Node, place: int) -> bool:
        return place not in node.branches or node.branches[place].left > 0

    def _other(self, node: Node, name: str, domain: Domain, place: int) -> int:
        count = domain.count() or 0
        if domain.choices is not None:
            open_places = [other for other in range(count) if self._is_open(node, other)]
            words = (*self.words, zlib.crc32(name.encode()))
            return open_places[int(np.random.default_rng(words).integers(len(open_places)))]
        near = (place + sign * distance for distance in range(1, count) for sign in (-1, 1))
        return next(other for other in near if 0 <= other < count and self._is_open(node, other))
