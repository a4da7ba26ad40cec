"""The functions of data sets: as Python, or compiled where that changes nothing."""

from collections.abc import Callable
from typing import Any


class Traced:
    """A function of an element's tensors.

    Args:
        function: it.
    """

    def __init__(self, function: Callable[..., Any]):
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)
