"""Learning rates: as a number that a program takes, as the value of a schedule, and in the form of a variable."""

import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import message
from kerata.base.serialization import deserialize_keras_object
from kerata.base.types import DTypeLike
from kerata.engine.hyper import Hyperparameter, Number
from kerata.engine.scope import in_scope
from kerata.engine.types import Array, HostArray, Scalar
from kerata.engine.variable import Variable
from kerata.optimizers.schedules import LearningRateSchedule

# What a person may give as a learning rate.
Rate: TypeAlias = float | LearningRateSchedule | Callable[..., Any]


class HasSteps(Protocol):
    """An optimizer, which counts its steps."""

    _iterations: Variable


class LearningRate(Hyperparameter):
    """A learning rate: a number, or a schedule, which reads as its value at the present step."""

    def __get__(self, obj: HasSteps | None, owner: type | None = None) -> Any:
        rate = super().__get__(obj, owner)
        if obj is None or not callable(rate):
            return rate
        rate = call_schedule(rate, obj._iterations.value)
        if in_scope():
            return rate
        found = Number(rate)
        found.owner, found.attribute = obj, self.name
        return found

    def __set__(self, obj: object, value: Rate | Variable | dict[str, Any]) -> None:
        if isinstance(value, Variable):
            value = float(value)
        if isinstance(value, dict):
            value = cast(Rate, deserialize_keras_object(value))
        before = obj.__dict__.get(self.name)
        if not callable(value):
            if callable(before):
                raise TypeError(
                    message(
                        obj,
                        "This optimizer was created with a `LearningRateSchedule`, so its learning rate cannot be set to a "
                        "number",
                        {"learning_rate": value},
                        "Give the optimizer a number to begin with",
                    )
                )
            if isinstance(value, (str, bool)) or np.ndim(value) > 0:
                raise TypeError(
                    message(
                        obj, "`learning_rate` must be a number, a LearningRateSchedule or a function", {"learning_rate": value}
                    )
                )
        super().__set__(obj, value)


class Switch(Hyperparameter):
    """A number whose absence is 0: `has_<name>` says whether its slot is there, and stays once it was."""

    def __set__(self, obj: object, value: object) -> None:
        super().__set__(obj, value)
        flag = f"has_{self.name}"
        obj.__dict__[flag] = obj.__dict__.get(flag, False) or bool(obj.__dict__[self.name])


class HasRate(Protocol):
    """An optimizer."""

    name: str
    learning_rate: Any


class RateVariable:
    """The learning rate in the form of a variable, for Keras's lists of an optimizer's variables."""

    name, shape, dtype, trainable, ndim, size = "learning_rate", (), "float32", False, 0, 1

    def __init__(self, optimizer: HasRate):
        self.optimizer = optimizer
        self.path = f"{optimizer.name}/learning_rate"

    @property
    def value(self) -> Array:
        return jnp.asarray(self.optimizer.learning_rate, jnp.float32)

    def numpy(self) -> HostArray:
        return np.array(self.optimizer.learning_rate, np.float32)

    def assign(self, value: float) -> None:
        # The shortest decimal with this float32 value: 0.001 comes back from a file as 0.001.
        self.optimizer.learning_rate = float(str(np.float32(value)))

    store = assign

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def __float__(self) -> float:
        return float(self.optimizer.learning_rate)

    def __eq__(self, other: object) -> object:
        return self.value == other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<learning rate of {self.optimizer.name}: {float(self)}>"


# To JAX it is a tree with one leaf that comes back as an array, as variables are: a program may be given `optimizer.variables`.
jax.tree_util.register_pytree_node(RateVariable, lambda rate: ((rate.value,), None), lambda _, leaves: leaves[0])  # type: ignore[arg-type]


def call_schedule(schedule: Callable[..., Any], step: Array) -> Scalar:
    """The rate of a schedule at a step; a plain function may take the step or nothing."""
    if isinstance(schedule, LearningRateSchedule):
        return schedule(step)
    try:
        parameters = inspect.signature(schedule).parameters.values()
    except (TypeError, ValueError):
        return schedule()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return schedule(step) if any(p.default is p.empty for p in positional) else schedule()
