"""Several optimizers in one: each weight has the one that a map or a function says."""

import re
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from typing import Any, Self

import numpy as np

from kerata.base.checks import KindError, message
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine.module import Look
from kerata.engine.naming import name_scope
from kerata.engine.variable import Variable
from kerata.optimizers.loss_scale_optimizer import LossScaleOptimizer
from kerata.optimizers.optimizer import Optimizer


@builtin("optimizers")
class OptimizerMap(MutableMapping[str, Optimizer]):
    """Which optimizer a weight has, by its path or a regular expression that the whole path matches.

    Paths begin with the layer's name; in Keras some begin with the model's, so `".*encoder/.*"` says the same in both.

    Args:
        default_optimizer: of all that nothing else is said of.
        optimizer_map: a dict of paths or expressions to optimizers.

    >>> import kerata
    >>> which = OptimizerMap(kerata.optimizers.SGD(), {"encoder/.*": kerata.optimizers.Adam()})
    >>> [type(which[path]).__name__ for path in ("encoder/dense/kernel", "head/kernel")]
    ['Adam', 'SGD']
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: dict[str, Optimizer] | None = None):
        if not isinstance(default_optimizer, Optimizer):
            text = "`default_optimizer` must be an optimizer"
            raise KindError(message("OptimizerMap", text, {"default_optimizer": default_optimizer}))
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise KindError(message("OptimizerMap", "`optimizer_map` must be a dict", {"optimizer_map": optimizer_map}))
        self.default_optimizer = default_optimizer
        self.optimizer_map: dict[str, Optimizer] = {}
        for key, optimizer in (optimizer_map or {}).items():
            self[key] = optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self.optimizer_map:
            return self.optimizer_map[key]
        found = [pattern for pattern in self.optimizer_map if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(message("OptimizerMap", f"only one entry may match the variable '{key}'", {"matching": found}))
        return self.optimizer_map[found[0]] if found else self.default_optimizer

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise KindError(message("OptimizerMap", "a key must be a path, or an expression for paths", {"key": key}))
        if key in self.optimizer_map:
            raise ValueError(message("OptimizerMap", "there is an entry of this key", {"key": key}))
        self.optimizer_map[key] = check_inner("OptimizerMap", optimizer)

    def __delitem__(self, key: str) -> None:
        del self.optimizer_map[key]

    def __len__(self) -> int:
        return len(self.optimizer_map)

    def __iter__(self) -> Iterator[str]:
        return iter(self.optimizer_map)

    def __call__(self, variable: Variable) -> Optimizer:
        return self[variable.path]

    def get_config(self) -> dict[str, Any]:
        return {
            "default_optimizer": serialize_keras_object(self.default_optimizer),
            "optimizer_map": serialize_keras_object(self.optimizer_map),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        return cls(*(deserialize_keras_object(config[name], custom_objects) for name in ("default_optimizer", "optimizer_map")))


def check_inner(owner: object, optimizer: object) -> Optimizer:
    """An optimizer that may be one of several."""
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
        text = "each must be an optimizer, and neither a LossScaleOptimizer nor a MultiOptimizer"
        raise KindError(message(owner, text, {"optimizer": optimizer}))
    return optimizer


@builtin("optimizers")
class MultiOptimizer(Optimizer):
    """Gives each weight to one of several optimizers; one that has no weight does nothing.

    Args:
        optimizer_map: an `OptimizerMap`, or a function of a variable that gives its optimizer, the same object for the same
            group of weights.
        loss_scale_factor: takes the place of that of each.
        name: a name.

    >>> import kerata
    >>> slow, fast = kerata.optimizers.SGD(0.1), kerata.optimizers.SGD(1.0)
    >>> both = MultiOptimizer(OptimizerMap(slow, {"last.*": fast}))
    >>> weights = [kerata.Variable([1.0], name="first"), kerata.Variable([1.0], name="last")]
    >>> both.apply([[1.0], [1.0]], weights)
    >>> [float(w.numpy()[0]) for w in weights]
    [0.8999999761581421, 0.0]
    """

    _bookkeeping = {"optimizer_map": Look.NOBODY, "_place_of": Look.NOBODY, "optimizer_state": Look.NOBODY}

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ):
        if not callable(optimizer_map):
            text = "`optimizer_map` must be an OptimizerMap, or a function of a variable"
            raise KindError(message("MultiOptimizer", text, {"optimizer_map": optimizer_map}))
        super().__init__(learning_rate=0.0, loss_scale_factor=loss_scale_factor, name=name)
        self.optimizers: list[Optimizer] = []
        # Which optimizer each weight has, in their order: what a program is compiled for.
        self.assigned: tuple[int, ...] = ()
        self._place_of: dict[Variable, int] = {}
        self.optimizer_map = optimizer_map
        with name_scope(self.name):
            # Keras keeps a learning rate that nobody reads; files hold it.
            self._unused_rate = Variable(np.float32(0.0), trainable=False, name="learning_rate")
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.optimizer_map.values(), optimizer_map.default_optimizer):
                self._take(optimizer)

    @property
    def learning_rate(self) -> object:  # type: ignore[override]
        raise AttributeError(message(self, "it has no learning rate of its own", fix="Read and set those of its `optimizers`"))

    @learning_rate.setter
    def learning_rate(self, value: object) -> None:
        if "optimizer_map" in self.__dict__:
            raise AttributeError(message(self, "it has no learning rate of its own", fix="Set those of its `optimizers`"))

    @property
    def loss_scale_factor(self) -> float | None:  # type: ignore[override]
        """What the loss was multiplied by, of all `optimizers`."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self._loss_scale_factor = value
        for optimizer in self.__dict__.get("optimizers", ()):
            optimizer.loss_scale_factor = value

    def _take(self, optimizer: object) -> int:
        """The place of an optimizer among the others."""
        for place, known in enumerate(self.optimizers):
            if known is optimizer:
                return place
        checked = check_inner(self, optimizer)
        checked.loss_scale_factor = self.loss_scale_factor
        self.optimizers.append(checked)
        return len(self.optimizers) - 1

    def _groups(self, variables: Sequence[Variable]) -> list[list[int]]:
        """For each optimizer, the numbers of its weights."""
        for variable in variables:
            if variable not in self._place_of:
                self._place_of[variable] = self._take(self.optimizer_map(variable))
        self.assigned = tuple(self._place_of[variable] for variable in variables)
        return [[i for i, place in enumerate(self.assigned) if place == one] for one in range(len(self.optimizers))]

    @property
    def built(self) -> bool:
        return self.optimizer_state.built

    def build(self, variables: Sequence[Variable] = (), var_list: Sequence[Variable] = ()) -> None:
        chosen = list(variables or var_list)
        for optimizer, group in zip(self.optimizers, self._groups(chosen), strict=False):
            if group:
                optimizer.build([chosen[i] for i in group])
        self.optimizer_state.parameters = chosen
        self.optimizer_state.built = self.optimizer_state.built_by_user = True

    def state_variables(self, variables: Sequence[Variable]) -> list[Variable]:
        # Who has a `build` of a person's own is built once.
        found = [self._iterations]
        for optimizer, group in zip(self.optimizers, self._groups(variables), strict=True):
            if group:
                found += optimizer.state_variables([variables[i] for i in group])
        self.optimizer_state.parameters = list(variables)
        self.optimizer_state.built, self.optimizer_state.built_by_user = True, False
        return found

    def _slots_for(self, variables: Sequence[Variable]) -> list[Variable]:
        found = [self._iterations]
        for optimizer, group in zip(self.optimizers, self._groups(variables), strict=True):
            if group:
                found += optimizer._slots_for([variables[i] for i in group])
        return found

    @property
    def variables(self) -> list[Any]:
        return [self._iterations, self._unused_rate, *(v for optimizer in self.optimizers for v in optimizer.variables)]

    def update(
        self, variables: Sequence[Variable], params: Sequence[Any], grads: Sequence[Any], state: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The step of each optimizer for its own weights."""
        after, kept, place = list(params), [state[0] + 1], 1
        for optimizer, group in zip(self.optimizers, self._groups(variables), strict=True):
            if not group:
                continue
            own = [variables[i] for i in group]
            count = len(optimizer._slots_for(own))
            new, slots = optimizer.update(
                own, [params[i] for i in group], [grads[i] for i in group], state[place : place + count]
            )
            place += count
            kept += slots
            for i, value in zip(group, new, strict=True):
                after[i] = value
        return after, kept

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        chosen = list(var_list)
        for optimizer, group in zip(self.optimizers, self._groups(chosen), strict=True):
            if group:
                optimizer.finalize_variable_values([chosen[i] for i in group])

    def get_config(self) -> dict[str, Any]:
        return {
            "optimizer_map": serialize_keras_object(self.optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        return cls(**{**config, "optimizer_map": deserialize_keras_object(config["optimizer_map"], custom_objects)})
