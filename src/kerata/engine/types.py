"""Names for the types of arrays and of what holds them, from the engine on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import jax
import numpy as np

# With numbers on a device, or traced. Variables and symbolic tensors are classes of their own.
Array: TypeAlias = jax.Array
# With numbers in the host's memory.
HostArray: TypeAlias = np.ndarray[Any, np.dtype[Any]]
AnyArray: TypeAlias = Array | HostArray


class HasArray(Protocol):
    """What gives an array when it is asked: an array, a variable, a table; a symbolic tensor refuses, outside of `ops`."""

    def __array__(self, *args: Any, **kwargs: Any) -> HostArray: ...


class Described(Protocol):
    """An array, or what is known of one before it is there: a symbolic tensor, or a shape and a type."""

    @property
    def shape(self) -> tuple[Any, ...]: ...
    @property
    def dtype(self) -> Any: ...


# What Keras's functions take for an array: arrays, variables, symbolic tensors, numbers, and lists of such.
TensorLike: TypeAlias = HasArray | complex | Sequence[Any]
# A function of (shape, dtype) that gives the first value of a variable.
Initializer: TypeAlias = Callable[..., TensorLike]
# What stands for an initializer: its name, its config, a class or function, or the weights themselves.
InitializerLike: TypeAlias = str | dict[str, Any] | Initializer | HasArray | None
# What stands for an activation: its name, its config, a function or a layer; `None` for none.
ActivationLike: TypeAlias = str | dict[str, Any] | Callable[..., Any] | None
# What follows from the weights: a regularizer's loss, a constraint's other weights.
WeightFunction: TypeAlias = Callable[[Array], Array]
# A number, of Python or traced.
Scalar: TypeAlias = float | Array
# Arrays in lists, tuples and dicts, as deep as one likes; or their shapes. JAX calls it a pytree.
Tree: TypeAlias = "AnyArray | float | jax.ShapeDtypeStruct | Sequence[Tree] | Mapping[str, Tree] | None"
# What a scope needs to give hyperparameters their values: (id of the owner, name) to number.
HyperTable: TypeAlias = dict[tuple[int, str], Array]
