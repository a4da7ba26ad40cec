"""What makes the import of the package fast.

Its modules make objects that stay, of which there are so many that Python looks for garbage among them and finds none: an
eighth of the time. So the collection of garbage pauses for as long as the first name below is held, and some rooms come late.
What the import made then counts as old at once: else the next objects of the program would have all of it looked through
twice more, as the young and as the middle-aged generation (60 ms each).
"""

import gc
from importlib import import_module


class Pause:
    """No garbage is collected while there is such an object; where the import fails, it goes with what failed."""

    def __init__(self) -> None:
        self.was_on = gc.isenabled()
        gc.disable()

    def __del__(self) -> None:
        if self.was_on:
            if not gc.get_freeze_count():  # else the program has frozen objects of its own, which must stay so
                gc.freeze()
                gc.unfreeze()  # into the oldest generation
            gc.enable()


class Late:
    """A module of the package that is imported when something of it is first asked for.

    It stands for rooms that most programs do not touch. Type checkers see the module itself, imported where `TYPE_CHECKING`.

    Example:

    >>> fractions = Late("fractions")
    >>> fractions.Fraction(2, 4)
    Fraction(1, 2)
    """

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> object:
        return getattr(import_module(self._module), name)


def __getattr__(name: str) -> Pause:
    if name == "pause":
        return Pause()
    raise AttributeError(name)
