"""Gradients of tables: TensorFlow's keep each place of a batch that read a row apart, and norms are taken over all places."""

import weakref
from collections.abc import Callable

import jax.numpy as jnp
from jax.typing import ArrayLike

from kerata.engine.types import AnyArray, Array
from kerata.engine.variable import Variable
from kerata.legacy.tensorflow.tensor import Tensor, narrow

# What is asked of a table's gradient by an attribute of it.
ATTRIBUTE = "_by_place"


class Asked:
    """Something that a tape follows with a table, and whose gradient says something about the table's."""

    __slots__ = ("table",)

    def __init__(self, table: Variable):
        self.table = weakref.ref(table)


class ByPlace:
    """What tapes ask of a table's gradient.

    Args:
        table: the variable.

    Attributes:
        squares, rows: whose gradients are the sum of squares of those of all places, and how often each row was read.
        is_whole: whether the table is read as a whole too, so that its gradient is one array.
    """

    def __init__(self, table: Variable):
        self.squares, self.rows = Asked(table), Asked(table)
        self.is_whole = False


def by_place_of(table: Variable) -> ByPlace:
    found: ByPlace | None = table.__dict__.get(ATTRIBUTE)
    # A copy of a table has that of the first.
    if found is None or found.squares.table() is not table:
        found = table.__dict__[ATTRIBUTE] = ByPlace(table)
    return found


class TableGradient(Tensor):
    """The gradient of a table that was read row by row: what TensorFlow has `IndexedSlices` for.

    Args:
        array: the gradient, places of one row added.
        squares: the sum of squares of the gradients of all places; `None` where it is not known.
        rows: how often each row was read.
        bounded: gives the array for gradients of places whose numbers are at most so large.
    """

    __slots__ = ("bounded", "rows", "squares")

    def __init__(self, array: AnyArray, squares: Tensor | None, rows: Tensor, bounded: Callable[[ArrayLike], Array]):
        super().__init__(array)
        self.squares, self.rows, self.bounded = squares, rows, bounded


def scaled(gradient: Tensor, scale: Tensor) -> Tensor:
    """A gradient times a number."""
    found: Tensor = gradient * scale
    if not isinstance(gradient, TableGradient):
        return found
    factor = narrow(scale)

    def bounded(limit: ArrayLike) -> Array:
        return gradient.bounded(limit / jnp.abs(factor)) * factor

    squares = None if gradient.squares is None else gradient.squares * scale * scale
    return TableGradient(found._array, squares, gradient.rows, bounded)


def within(gradient: TableGradient, limit: Tensor) -> TableGradient:
    """A gradient whose places have no numbers larger than a limit."""
    most = narrow(limit)

    def bounded(limit: ArrayLike) -> Array:
        return gradient.bounded(jnp.minimum(limit, most))

    return TableGradient(gradient.bounded(most), None, gradient.rows, bounded)


def for_norm(gradient: Tensor) -> Tensor:
    """What has the norm that TensorFlow takes of a gradient."""
    known = gradient.squares if isinstance(gradient, TableGradient) else None
    return gradient if known is None else known**0.5
