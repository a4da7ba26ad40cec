"""K.update and its kin: new values of variables at once, or as pairs where they are symbolic or `get_updates` asks for them."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jax.numpy as jnp

from kerata import backend, ops
from kerata.base.blocks import ambient
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import Array, TensorLike
from kerata.engine.variable import Variable
from kerata.layers.phase import training_now
from kerata.legacy.own_updates import deferring
from kerata.legacy.tensorflow.given import given
from kerata.legacy.tensorflow.tensor import plain


def number_of(x: Variable, value: TensorLike) -> Array:
    """A value, which may be a list, as an array of a variable's type."""
    return jnp.asarray(plain(value), x.dtype)


def update(x: Variable, new_x: TensorLike) -> Variable | tuple[Variable, SymbolicTensor]:
    """Gives a variable a new value; of a symbolic one, the pair for the `updates` of a function."""
    if isinstance(new_x, SymbolicTensor):
        return x, new_x
    # Variables of TensorFlow see to it themselves.
    return backend.update(x, given(x, plain(new_x)) if type(x) is Variable else new_x)


def update_add(x: Variable, increment: TensorLike) -> Variable | tuple[Variable, Array | SymbolicTensor]:
    if isinstance(increment, SymbolicTensor):
        return x, ops.add(x, increment)
    return update(x, x.value + number_of(x, increment))


def update_sub(x: Variable, decrement: TensorLike) -> Variable | tuple[Variable, Array | SymbolicTensor]:
    if isinstance(decrement, SymbolicTensor):
        return x, ops.subtract(x, decrement)
    return update(x, x.value - number_of(x, decrement))


def moving_average_update(
    x: Variable, value: TensorLike, momentum: TensorLike
) -> Variable | tuple[Variable, Array | SymbolicTensor]:
    """x = x * momentum + value * (1 - momentum)."""
    if isinstance(value, SymbolicTensor):
        return x, ops.add(x * momentum, ops.multiply(value, 1.0 - momentum))  # type: ignore[operator]
    return update(x, x.value * plain(momentum) + number_of(x, value) * (1.0 - plain(momentum)))


CHANGES: dict[str, Callable[..., object]] = {
    "update": deferring(update, lambda before, new: new),
    "update_add": deferring(update_add, lambda before, more: before + more),
    "update_sub": deferring(update_sub, lambda before, less: before - less),
    "moving_average_update": deferring(
        moving_average_update, lambda before, value, momentum: before * momentum + value * (1.0 - momentum)
    ),
}


# Before `tf.keras` what a layer changed was an update of the graph, which training ran, and prediction and evaluation did not.

_calls = ambient()


@contextmanager
def call_of(layer: object) -> Iterator[None]:
    """Within the block a layer is called."""
    before, _calls.layer = getattr(_calls, "layer", None), layer
    try:
        yield
    finally:
        _calls.layer = before


def counts(layer: object) -> bool:
    """Whether a layer that is called changes variables: in training, and always where it says that it is `stateful`."""
    always = layer is None or getattr(layer, "_era", "") == "tfkeras2" or bool(getattr(layer, "stateful", False))
    return always or training_now() is not False


def where_it_counts(change: Callable[..., object]) -> Callable[..., object]:
    """`K.update` or one of its kin, which leaves a variable as it is in a call that changes none."""

    @functools.wraps(change)
    def call(x: Variable, *args: object, **kwargs: object) -> object:
        return change(x, *args, **kwargs) if counts(getattr(_calls, "layer", None)) else x

    return call
