"""What a thread notes within a block of variables as they are made."""

import contextlib
import itertools
from collections.abc import Generator

from kerata.base.blocks import Within, ambient

_local = ambient()
# Variables and seeds are numbered as they are made, so that a copy of a model can draw its weights in the same order.
_numbers = itertools.count()


@contextlib.contextmanager
def noting_draws() -> Generator[list[tuple[object, object]]]:
    """A list of the variables that this thread makes inside the block, each with the initializer that gave its value.

    Where an initializer takes a seed it stands in it without a variable.
    """
    draws: list[tuple[object, object]] = []
    outer = getattr(_local, "draws", None)
    with Within(_local, draws=draws):
        yield draws
    if outer is not None:
        outer.extend(draws)


def note_draw(variable: object, initializer: object) -> None:
    """Notes that a variable takes its first value; without one, that an initializer takes a seed."""
    draws: list[tuple[object, object]] | None = getattr(_local, "draws", None)
    if draws is not None:
        draws.append((variable, initializer))


def next_number() -> int:
    """The number of one more variable, or of a seed that is taken."""
    return next(_numbers)
