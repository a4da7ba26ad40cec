"""Pictures as the trained networks take them, and the words for what they give."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from kerata.data.imagenet import decode_predictions as decode_predictions
from kerata.data.imagenet import preprocess_input as preprocess_input
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import AnyArray, TensorLike

T = TypeVar("T")


def preprocessing(mode: str | None) -> Callable[..., Any]:
    """The `preprocess_input` of an architecture; `None` for one that takes pictures of 0 to 255."""
    if mode is None:

        def unchanged(x: T, data_format: str | None = None) -> T:
            """Gives pictures back as they are: this architecture takes 0 to 255, and scales them by itself."""
            return x

        unchanged.__name__ = "preprocess_input"
        return unchanged

    @functools.wraps(preprocess_input, assigned=("__name__", "__qualname__", "__doc__"), updated=())
    def scaled(x: TensorLike, data_format: str | None = None) -> AnyArray | SymbolicTensor:
        return preprocess_input(x, data_format, mode)

    del scaled.__wrapped__
    return scaled
