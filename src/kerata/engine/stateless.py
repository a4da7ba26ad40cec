"""Blocks that a user writes around code: variables with other values, devices, memory saved in training."""

# JAX says no types of devices.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp

from kerata.base.checks import KindError, message
from kerata.base.types import Owner
from kerata.engine.placement import Placement
from kerata.engine.scope import Scope
from kerata.engine.types import Array
from kerata.engine.variable import Variable

F = TypeVar("F", bound=Callable[..., Any])


def check_values(owner: Owner, variables: Iterable[Variable], values: Iterable[object]) -> None:
    """Raises unless each value has the shape of its variable."""
    for variable, value in zip(variables, values, strict=True):
        if jnp.shape(cast(Array, value)) != tuple(variable.shape):
            received = {"variable": variable.path, "shape": tuple(variable.shape), "value": jnp.shape(cast(Array, value))}
            fix = "Give values in the order of `trainable_variables` and `non_trainable_variables`"
            raise ValueError(message(owner, "a value must have the shape of its variable", received, fix))


class StatelessScope:
    """Within the block, variables have the values that they are given, and keep none that they get.

    So that code with variables is a function of arrays, which JAX can differentiate.

    Args:
        state_mapping: pairs of a variable and its value.
        collect_losses: whether `losses` holds what layers add.
        initialize_variables: taken for Keras's sake; variables have their values from the start.

    >>> variable = Variable(1.0)
    >>> with StatelessScope([(variable, 5.0)]) as scope:
    ...     _ = variable.assign(variable.value + 1)
    >>> float(variable.value), float(scope.get_current_value(variable))
    (1.0, 6.0)
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Variable, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ):
        self.collect_losses, self.initialize_variables = collect_losses, initialize_variables
        variables: list[Variable] = []
        values: list[Array] = []
        for variable, value in state_mapping or ():
            # What users give may be of any kind.
            if not isinstance(variable, Variable):  # pyright: ignore[reportUnnecessaryIsInstance]
                text = "`state_mapping` must hold pairs of a variable and its value"
                raise KindError(message("StatelessScope", text, {"variable": variable}))
            array = jnp.asarray(value.value if isinstance(value, Variable) else value, variable.dtype)
            if array.shape != variable.shape:
                received = {"variable": variable.path, "shape": variable.shape, "value": array.shape}
                raise ValueError(message("StatelessScope", "a value must have the shape of its variable", received))
            variables.append(variable)
            values.append(array)
        self._scope = Scope(variables, values)

    def __enter__(self) -> "StatelessScope":
        self._scope.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._scope.__exit__(*exc_info)

    @property
    def losses(self) -> list[Array]:
        """What layers have added within the block."""
        return self._scope.losses if self.collect_losses else []

    def add_loss(self, loss: Array) -> None:
        """Adds a loss, as a layer does."""
        self._scope.losses.append(loss)

    def add_update(self, update: tuple[Variable, Any]) -> None:
        """Gives a variable a value for the rest of the block."""
        variable, value = update
        self._scope.values[id(variable)] = jnp.asarray(value, variable.dtype)

    def get_current_value(self, variable: Variable) -> Array | None:
        """What a variable is worth within the block; `None` where it has kept its own value."""
        return self._scope.values.get(id(variable))


class SymbolicScope:
    """A block in which shapes are what counts, for code that says so as in Keras.

    It changes nothing: whether only shapes come of a computation is seen from its inputs.

    >>> import kerata
    >>> layer = kerata.layers.Dense(1, kernel_initializer="ones", kernel_regularizer="l2")
    >>> layer.build((None, 2))
    >>> with StatelessScope([(layer.kernel, jnp.full((2, 1), 3.0))]), SymbolicScope():
    ...     round(float(layer.losses[0]), 2)
    0.18
    """

    def __enter__(self) -> "SymbolicScope":
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass


def device(device_name: object) -> contextlib.AbstractContextManager[None]:
    """The block within which arrays are made on a device: `with device("cpu:0"): ...`

    Args:
        device_name: `"cpu:0"`, `"gpu:1"`, ..., or one of `jax.devices()`.

    >>> with device("cpu:0"):
    ...     jnp.ones(2).devices()
    {CpuDevice(id=0)}
    """
    if not isinstance(device_name, str):
        if not isinstance(device_name, jax.Device):
            raise KindError(
                message("device", "it takes a name such as 'gpu:0', or a device of JAX", {"device_name": device_name})
            )
        return Placement(device_name).compiling()
    kind, _, number = device_name.lower().partition(":")
    try:
        return Placement(jax.devices(kind)[int(number or 0)]).compiling()
    except (RuntimeError, IndexError, ValueError):
        there = ", ".join(f"{d.platform}:{d.id}" for d in jax.devices())
        raise ValueError(
            message("device", "there is no such device", {"device_name": device_name}, f"There are {there}")
        ) from None


def remat(f: F) -> F:
    """The function, whose inner values are computed again for its gradient in place of being kept: less memory, more work.

    >>> float(jax.grad(remat(lambda x: x * x))(3.0))
    6.0
    """
    return cast(F, jax.checkpoint(f))
