"""What programs of Keras 1 asked of variables: `optimizer.lr.set_value(0.01)`, `layer.W.get_value()`, `layer.W_i`."""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.types import DTypeLike
from kerata.engine.hyper import Number
from kerata.engine.scope import in_scope
from kerata.engine.types import Array, HostArray, TensorLike
from kerata.engine.variable import Variable
from kerata.optimizers.rates import RateVariable

Turn = Callable[[HostArray], HostArray]


class Part:
    """A weight in the form that it had in Keras 1, or what it held of one gate: a view of the variable of today.

    Args:
        variable: of today.
        give: its values in the form of then.
        take: those of today, from values in the form of then.
    """

    def __init__(self, variable: Variable, give: Turn, take: Turn):
        self.variable, self.give, self.take = variable, give, take
        self.name, self.dtype, self.trainable = variable.name, variable.dtype, variable.trainable

    @property
    def shape(self) -> tuple[int, ...]:
        return self.give(np.broadcast_to(np.float32(0), self.variable.shape)).shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def value(self) -> Array:
        return jnp.asarray(self.give(self.variable.value))  # type: ignore[arg-type]

    def numpy(self) -> HostArray:
        return np.array(self.give(self.variable.numpy()))

    def assign(self, value: TensorLike) -> None:
        self.variable.assign(self.take(np.asarray(value)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def __jax_array__(self) -> Array:
        return self.value

    def __getitem__(self, key: object) -> Array:
        return self.value[key]  # type: ignore[index]

    def __repr__(self) -> str:
        return f"<{self.name} as in Keras 1, shape={self.shape}>"


def _computing(function: Callable[..., Array], swapped: bool) -> Callable[..., Array]:
    def method(self: Part, other: object) -> Array:
        return function(other, self.value) if swapped else function(self.value, other)

    return method


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul"):
    setattr(Part, f"__{_name}__", _computing(getattr(operator, _name), swapped=False))
    setattr(Part, f"__r{_name}__", _computing(getattr(operator, _name), swapped=True))
# As variables, it comes back as an array.
jax.tree_util.register_pytree_node(Part, lambda part: ((part.value,), None), lambda _, leaves: leaves[0])  # type: ignore[arg-type]


def transposed(variable: Variable) -> Part:
    return Part(variable, np.transpose, np.transpose)


def permuted(variable: Variable, pattern: Sequence[int]) -> Part:
    back = tuple(np.argsort(pattern).tolist())
    return Part(variable, lambda value: np.transpose(value, pattern), lambda value: np.transpose(value, back))


def reshaped(variable: Variable, shape: Sequence[int]) -> Part:
    return Part(variable, lambda value: np.reshape(value, shape), lambda value: np.reshape(value, variable.shape))


TURNS: dict[str, Callable[..., Part]] = {"transpose": transposed, "permute_dimensions": permuted, "reshape": reshaped}


def following(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """A function of K that turns an array; of a variable outside of programs, what follows the variable.

    So an autoencoder of old has tied weights: `self.W = K.transpose(self.tied_to.W)` in `build`.
    """

    @functools.wraps(function)
    def call(x: object, *args: object, **kwargs: object) -> object:
        follows = isinstance(x, Variable) and not in_scope()
        return TURNS[name](x, *args, **kwargs) if follows else function(x, *args, **kwargs)

    return call


def gate(variable: Variable, place: int, count: int) -> Part:
    """What a weight holds for one gate of several, which lie side by side along its last axis."""
    width = variable.shape[-1] // count
    here = slice(place * width, (place + 1) * width)

    def take(part: HostArray) -> HostArray:
        whole = np.array(variable.numpy())
        whole[..., here] = part
        return whole

    return Part(variable, lambda whole: whole[..., here], take)


# Theano's names

Kept: TypeAlias = Variable | Number | RateVariable | Part


def get_value(self: Kept, borrow: bool = False, return_internal_type: bool = False) -> HostArray:
    """What a variable holds."""
    return np.array(self.numpy())


def set_value(self: Kept, value: TensorLike, borrow: bool = False) -> None:
    """Gives a variable another value."""
    self.assign(np.asarray(value))  # type: ignore[arg-type]


def evaluate(self: Kept, session: object = None) -> HostArray:
    """`variable.eval()`: what it holds."""
    return get_value(self)


# Programs ask variables themselves, and today's have no such methods.
for _kind in (Variable, Number, RateVariable, Part):
    for _method, _function in {"get_value": get_value, "set_value": set_value, "eval": evaluate}.items():
        setattr(_kind, _method, _function)
