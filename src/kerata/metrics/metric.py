"""The base of all metrics: numbers gathered over many batches, and a result."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

import jax.numpy as jnp
import numpy as np

from kerata import initializers
from kerata.base import config, registry
from kerata.base.checks import KindError, describe_owner, message
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, resolve, serialize_keras_object
from kerata.base.types import DTypeLike, Plain
from kerata.engine.mistakes import Blame
from kerata.engine.module import Module, parts
from kerata.engine.naming import name_measure, name_scope
from kerata.engine.policy import standardize_policy
from kerata.engine.scope import Scope, current_scope
from kerata.engine.variable import Variable

T = TypeVar("T")


def entered(*aliases: str) -> Callable[[T], T]:
    """Enters a metric under its class name, its snake-case name and `aliases`."""

    def enter(cls: T) -> T:
        return builtin("metrics", registry.snake(cls.__name__), *aliases)(cls)  # type: ignore[attr-defined]

    return enter


@entered()
class Metric(Module):
    """A measure over many batches.

    A metric of your own makes variables in its constructor, and defines `update_state` and `result`:

    >>> import kerata
    >>> class Largest(kerata.metrics.Metric):
    ...     def __init__(self, name="largest", **kwargs):
    ...         super().__init__(name=name, **kwargs)
    ...         self.largest = self.add_variable(shape=(), initializer="zeros", name="largest")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(kerata.ops.maximum(self.largest, kerata.ops.max(y_pred)))
    ...     def result(self):
    ...         return self.largest.value
    >>> metric = Largest()
    >>> float(metric(np.zeros(2), np.array([3.0, 1.0]))), float(metric([0.0], np.array([2.0])))
    (3.0, 3.0)

    Args:
        dtype: the type of the computation, `floatx()` by default.
        name: a name, under which `fit` reports it.
    """

    # "up" where more is better, "down" where less is, `None` where that is not known.
    _direction: str | None = None
    # Whether a sample's share of the result depends on the other samples of its batch.
    mixes_samples = False

    def __init__(self, dtype=None, name=None):
        self.name = name or name_measure(registry.snake(type(self).__name__))
        self._dtype = standardize_policy(dtype or config.floatx()).compute_dtype
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        return self._dtype

    # State

    def add_variable(self, shape, initializer, dtype=None, aggregation="sum", name=None) -> Variable:
        """A new number or array that `update_state` changes and `reset_state` sets to 0."""
        self._check_constructed()
        with name_scope(self.name.replace("/", ">")):
            variable = Variable(
                initializers.get(initializer), shape=shape, dtype=dtype, trainable=False, aggregation=aggregation, name=name
            )
        self._variables.append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None) -> Variable:
        """A new variable, 0 by default."""
        return self.add_variable(shape, "zeros" if initializer is None else initializer, dtype=dtype, name=name)

    def _add_zeros(self, name: str, shape: Sequence[int] = (), dtype: DTypeLike | None = None) -> Variable:
        return self.add_variable(tuple(shape), "zeros", dtype=dtype or self._dtype, name=name)

    def _check_constructed(self) -> None:
        if "_variables" not in self.__dict__:
            raise RuntimeError(
                message(
                    type(self).__name__, "the constructor of a metric must call `super().__init__()` before it makes variables"
                )
            )

    @property
    def variables(self) -> list[Variable]:
        """The variables of this metric and of those that it holds."""
        self._check_constructed()
        found: list[Variable] = []
        inner: list[Variable] = []
        for _, part in parts(self):
            if isinstance(part, Variable):
                found.append(part)
            elif isinstance(part, Metric):
                inner.extend(part.variables)
        return list({id(variable): variable for variable in found + inner}.values())

    def reset_state(self) -> None:
        """Sets all variables to 0."""
        for variable in self.variables:
            variable.store(np.zeros(variable.shape))

    def reset_states(self) -> None:
        """`reset_state`, as it was called."""
        self.reset_state()

    # Measuring

    def update_state(self, *args: Any, **kwargs: Any) -> object:
        """Takes in one batch."""
        raise NotImplementedError(message(self, "a metric must define `update_state(...)`"))

    def result(self) -> Any:
        """The measure over the batches so far."""
        raise NotImplementedError(message(self, "a metric must define `result()`"))

    def __call__(self, *args: object, **kwargs: object) -> Any:
        self._check_constructed()
        self.update_state(*args, **kwargs)
        return read_result(self)

    # As pure functions

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: object, **kwargs: object) -> list[Any]:
        """`update_state` as a pure function of the variables' values, to their new values."""
        scope = self._scope(metric_variables)
        with scope:
            self.update_state(*args, **kwargs)
        return scope.read(self.variables)

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """`result` as a pure function of the variables' values."""
        with self._scope(metric_variables):
            return read_result(self)

    def stateless_reset_state(self) -> list[Any]:
        """The variables' values at the beginning."""
        scope = self._scope([variable.value for variable in self.variables])
        with scope:
            self.reset_state()
        return scope.read(self.variables)

    def _scope(self, values: Sequence[Any]) -> Scope:
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                message(self, f"`metric_variables` must hold {len(variables)} values, in order", {"length": len(values)})
            )
        outer = current_scope()
        plain = [v.value if isinstance(v, Variable) else v for v in values]
        return Scope(variables, plain, outer.hypers if outer else None, outer.key if outer else None)

    # As plain data

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        common = {"name": self.name, "dtype": self.dtype}
        if type(self).__init__ is Metric.__init__:
            return common
        return common | {k: v for k, v in super().get_config().items() if k not in common}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        if registry.home_of(cls) is None:
            known = inspect.signature(cls.__init__).parameters
            if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values()):
                config = {k: v for k, v in config.items() if k in known or k not in ("name", "dtype")}
        return super().from_config(config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def read_result(metric: Metric) -> object:
    """The result of a metric as arrays as they are now: one that returns its variable would change with it."""
    found = metric.result()
    return {name: plain_value(value) for name, value in found.items()} if isinstance(found, dict) else plain_value(found)


def plain_value(value: object) -> object:
    """The array of a variable, or of a list with variables, in the scope that holds it; everything else as it is."""
    if isinstance(value, (list, tuple)):
        return jnp.asarray(value)
    return value.value if isinstance(value, Variable) else value


def named_results(metric: Metric, name: str | None = None) -> dict[str, Any]:
    """The result of a metric by its name in logs; a metric that gives a dict has the names in it."""
    with Blame(f"result() of {describe_owner(metric)}"):
        found = read_result(metric)
    named = found if isinstance(found, dict) else {name or metric.name: found}
    for value in named.values():
        if value is None or isinstance(value, (str, dict)):
            raise KindError(
                message(
                    metric,
                    "`result()` must give a number, or a dict of names to numbers",
                    {"result": found},
                    "End it with `return ...`" if found is None else "",
                )
            )
    return named


# By name


def get(identifier: object) -> Any:
    """A metric or metric function from a name, a config, a class or an object.

    >>> get("mse").name
    'mean_squared_error'
    """
    return resolve("metrics", identifier, "metrics.get", "identifier")


def serialize(metric: object) -> Plain:
    """Plain data for a metric or metric function."""
    return serialize_keras_object(metric)


def deserialize(config: object, custom_objects: dict[str, Any] | None = None) -> Any:
    """The metric that a config or a name describes."""
    with registry.CustomObjectScope(custom_objects or {}):
        return get(config) if isinstance(config, (str, dict)) else deserialize_keras_object(config)
