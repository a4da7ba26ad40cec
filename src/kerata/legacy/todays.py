"""`keras.ops` and `keras.random` beside tensors of TensorFlow: for programs of Keras 3 that run on its TensorFlow backend."""

import functools
import types
from collections.abc import Callable
from typing import Any

from kerata import ops, random
from kerata.engine.symbolic import has_symbolic
from kerata.legacy.once import once
from kerata.legacy.tensorflow.layers import as_tensors, followed
from kerata.legacy.tensorflow.tape import inside_call
from kerata.legacy.tensorflow.tensor import Tensor, plain

ROOMS: dict[str, types.ModuleType] = {"image": ops.image, "linalg": ops.linalg, "nn": ops.nn, "numpy": ops.numpy}
# What is asked of a tensor, and gives no numbers.
ASKING = ("convert_to_numpy", "dtype", "shape")


def names_of(room: types.ModuleType) -> list[str]:
    """The functions and classes of a room."""
    home = "kerata.ops" if room is not random else random.__name__
    own = [name for name, found in vars(room).items() if str(getattr(found, "__module__", "")).startswith(home)]
    return [name for name in own if not name.startswith("_")] + (["SeedGenerator"] if room is random else [])


@once
def operation(era: str, name: str) -> object:
    """An operation that takes tensors, gives tensors and is followed by tapes."""
    room = next(room for room in (ops, *ROOMS.values()) if hasattr(room, name))
    function: Callable[..., Any] = getattr(room, name)
    if name in ASKING:
        return functools.wraps(function)(lambda *args, **kwargs: function(*plain(args), **plain(kwargs)))
    if name == "is_tensor":
        return lambda x: isinstance(x, Tensor) or ops.is_tensor(x)
    return among_tensors(function)


@once
def draw(era: str, name: str) -> object:
    """A function of `keras.random` that gives tensors."""
    found = getattr(random, name)
    return found if isinstance(found, type) else among_tensors(found)


def among_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as programs of TensorFlow meet it, in steps that become a program too."""
    flowing = followed(function)

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        found = flowing(*args, **kwargs)
        # Kerata's own code goes on with arrays, a person's in layers and steps with tensors.
        return found if inside_call() or has_symbolic(found) else as_tensors(found)

    return call
