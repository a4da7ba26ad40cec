"""Optimizers of a program's own in the form of `tf.keras`, TensorFlow 2.0 to 2.12.

They say their rule in `_resource_apply_dense(grad, var)`, make what they keep in `_create_slots` by `add_slot`, and read
numbers by `_get_hyper` that `_set_hyper` was given; or they change gradients on the way, in `apply_gradients`,
`_compute_gradients` or `_transform_gradients`. All of it runs in each trace of a step, on tensors, and what it assigns is
what the step changes. The later form, `update_step(gradient, variable)`, is taken as well.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np

from kerata import initializers
from kerata.base.blocks import Within, ambient
from kerata.base.checks import message
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.base.types import DTypeLike
from kerata.engine.hyper import Hyperparameter
from kerata.engine.module import Look
from kerata.engine.naming import name_scope
from kerata.engine.structure import is_ours
from kerata.engine.types import Scalar
from kerata.engine.variable import Variable
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.layers import narrowed
from kerata.legacy.tensorflow.tape import GradientTape, inside, noting_nothing
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import DType, as_dtype, int64
from kerata.legacy.tensorflow.variable import adopt
from kerata.optimizers import Optimizer
from kerata.optimizers.clipping import clip_gradients

Pair = tuple[Any, Variable]
_local = ambient()

# What a class may have of its own, so that its steps are run as it says.
RULES = (
    *("_resource_apply_dense", "apply_gradients", "minimize", "_compute_gradients", "_transform_gradients"),
    *("_aggregate_gradients", "_transform_unaggregated_gradients", "_transform_loss"),
)
# What TensorFlow called the slots of built-in optimizers.
SLOTS = {"m": "momentum", "v": "velocity", "vhat": "velocity_hat", "rms": "velocity", "mg": "average_gradient"}
# A counter that nobody reads.
STANDS_FOR = "counted_by_wrapper"


class OwnRules:
    """What makes an optimizer with rules of a program's own one that programs can run."""

    _bookkeeping = dict.fromkeys(
        ("_own_slots", "_slots_of", "_built_for", "_hypers_given", "_initial_decay", "_name"), Look.NOBODY
    )
    _HAS_AGGREGATE_GRAD = True
    _use_locking = False
    _hypers_created = True
    gradient_transformers: Sequence[Callable[[list[Pair]], list[Pair]]] = ()
    gradient_aggregator = None

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if is_ours(cls):
            return
        rate = cls.__dict__.get("learning_rate")
        if isinstance(rate, property):
            cls.learning_rate = RateOfOwn(rate)  # type: ignore[attr-defined]
        step = cls.__dict__.get("update_step")
        if step is not None and len(inspect.signature(step).parameters) == 3:
            cls.update_step = of_two(step)  # type: ignore[attr-defined]

    def _begin_spelled(self, arguments: dict[str, Any], given: dict[str, Any]) -> None:
        super()._begin_spelled(arguments, given)  # type: ignore[misc]
        for name in ("gradient_transformers", "gradient_aggregator"):
            if arguments.get(name) is not None:
                setattr(self, name, arguments[name])
            arguments.pop(name, None)

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        super()._finish_spelled(arguments)  # type: ignore[misc]
        self.__dict__.setdefault("_initial_decay", self.__dict__.get("decay") or 0.0)
        self.__dict__.setdefault("_hypers_given", {})
        self._name = self.name  # type: ignore[attr-defined]

    @property
    def _has_own_rule(self) -> bool:
        if self.gradient_transformers or self.gradient_aggregator is not None:
            return True
        return any(not is_ours(next(cls for cls in type(self).__mro__ if name in vars(cls))) for name in RULES)

    @property
    def _is_stepwise(self) -> bool:
        # The method below is none of a program's own, and what stands here is asked in place of `Stepwise`.
        owner = next(cls for cls in type(self).__mro__ if "update_step" in vars(cls))
        return self._has_own_rule or not is_ours(owner)

    # Numbers

    def _set_hyper(self, name: str, value: object) -> None:
        """Keeps a number, a schedule, or a function that gives a number."""
        if not hasattr(type(self), name):
            # A number of the program, like those of built-in optimizers.
            held = Hyperparameter()
            setattr(type(self), name, held)
            held.__set_name__(type(self), name)
        self.__dict__.setdefault("_hypers_given", {})[name] = value
        setattr(self, name, value)

    def _get_hyper(self, name: str, dtype: DTypeLike | None = None) -> object:
        """A number that `_set_hyper` was given, as a tensor in a step or where a type is asked for."""
        value = getattr(self, name)
        value = value() if callable(value) else value
        if value is None or isinstance(value, (bool, str)):
            return value
        if dtype is None:
            return Tensor(jnp.asarray(narrowed(value), jnp.float32)) if running() is not None else value
        wanted = as_dtype(dtype)
        return Tensor(jnp.asarray(narrowed(value)).astype(as_program(wanted)), wanted)

    def _serialize_hyperparameter(self, name: str) -> object:
        """A number as plain data."""
        value = self.__dict__.get(name, getattr(self, name))
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            given = self.__dict__["_hypers_given"].get(name)
            return given if isinstance(given, int) and given == value else float(value)
        return serialize_keras_object(value) if hasattr(value, "get_config") else value() if callable(value) else value

    def _decayed_lr(self, var_dtype: DTypeLike) -> Tensor:
        """The learning rate of the present step."""
        wanted = as_dtype(var_dtype)
        rate = self._rate(self._iterations.value)  # type: ignore[attr-defined]
        return Tensor(jnp.asarray(narrowed(rate)).astype(as_program(wanted)), wanted)

    # What is kept of each weight

    def _create_hypers(self) -> None:
        """Nothing: numbers are no variables here."""

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        """Nothing: what built-in rules keep is made with the optimizer's state."""

    def _create_all_weights(self, var_list: Sequence[Variable]) -> None:
        self._create_hypers()
        self._create_slots(var_list)

    @property
    def _slots_by_weight(self) -> dict[Variable, dict[str, Variable]]:
        """The slots that the class has made; none of a state that was since put in its place."""
        state = self.optimizer_state  # type: ignore[attr-defined]
        if self.__dict__.get("_slots_of") is not state:
            self.__dict__["_slots_of"], self.__dict__["_own_slots"] = state, {}
        return self.__dict__["_own_slots"]

    def add_slot(
        self, var: Variable, slot_name: str, initializer: object = "zeros", shape: Sequence[int] | None = None
    ) -> Variable:
        """A new variable that is kept of a weight; the same one where it was there before."""
        known = self._slots_by_weight.setdefault(var, {})
        if slot_name not in known:
            label = f"{var.path}/{slot_name}"
            sizes = tuple(shape) if shape is not None else tuple(var._shape)
            known[slot_name] = self._enter(initializer, sizes, var._dtype, label)
        return known[slot_name]

    def _enter(self, initializer: object, shape: Sequence[int], dtype: DTypeLike | None, name: str) -> Variable:
        """A new variable of the optimizer's state, from an initializer or from its first value."""
        if isinstance(initializer, (str, type(None))) or (callable(initializer) and not hasattr(initializer, "dtype")):
            value = np.asarray(narrowed(initializers.get(initializer)(tuple(shape), dtype=dtype)))
        else:
            value = np.asarray(narrowed(initializer))
        with name_scope(self.name):  # type: ignore[attr-defined]
            made = adopt(Variable(value, trainable=False, name=name.replace("/", "_")))
        made.name = f"{self._name}/{name}:0"
        self._hold(made)
        return made

    def _hold(self, variable: Variable) -> None:
        state = self.optimizer_state  # type: ignore[attr-defined]
        key = (f"own/{len(state.own)}", None)
        state.own[key] = variable
        state.table.setdefault(None, {})[key[0]] = variable

    def get_slot(self, var: Variable, slot_name: str) -> Variable | None:
        """What is kept of a weight under a name."""
        own = self._slots_by_weight.get(var, {})
        if slot_name in own:
            return own[slot_name]
        found = self.optimizer_state.find((SLOTS.get(slot_name, slot_name), var))  # type: ignore[attr-defined]
        return None if found is None else adopt(found)

    def get_slot_names(self) -> list[str]:
        return list(dict.fromkeys(name for own in self._slots_by_weight.values() for name in own))

    def add_variable_from_reference(
        self,
        model_variable: Variable | None = None,
        variable_name: str | None = None,
        shape: object = None,
        initial_value: object = None,
        **kwargs: object,
    ) -> Variable:
        """A new variable of the form of a weight: as `tf.keras` 2.11 called it, or as Keras 3 does."""
        if "reference_variable" in kwargs or "initializer" in kwargs or isinstance(shape, str):
            given = {"initializer": shape if isinstance(shape, str) else "zeros", "name": variable_name, **kwargs}
            return super().add_variable_from_reference(given.pop("reference_variable", model_variable), **given)  # type: ignore[misc]
        if model_variable is None:
            raise TypeError(message(self, "`model_variable` must be a weight", {"model_variable": model_variable}))
        sizes = tuple(model_variable._shape) if shape is None else tuple(shape)  # type: ignore[arg-type]
        first = "zeros" if initial_value is None else initial_value
        return self._enter(first, sizes, model_variable._dtype, f"{kwargs.get('name') or variable_name}/{model_variable.path}")

    @property
    def _learning_rate(self) -> object:
        return self.learning_rate  # type: ignore[attr-defined]

    @_learning_rate.setter
    def _learning_rate(self, value: object) -> None:
        self.learning_rate = value

    def _build_learning_rate(self, learning_rate: object) -> object:
        return deserialize_keras_object(learning_rate) if isinstance(learning_rate, dict) else learning_rate

    def _var_key(self, variable: Variable) -> int:
        return id(variable)

    @property
    def _index_dict(self) -> dict[int, int]:
        return {id(v): number for number, v in enumerate(self.optimizer_state.parameters)}  # type: ignore[attr-defined]

    @property
    def _weights(self) -> list[Variable]:
        own = self._slots_by_weight
        return [adopted_counter(self), *(slot for _, slot in self._in_order_of_making(own))]  # type: ignore[arg-type]

    def _in_order_of_making(self, own: dict[Variable, dict[str, Variable]]) -> list[tuple[int, Variable]]:
        places = {id(one): n for n, one in enumerate(self.optimizer_state.own.values())}  # type: ignore[attr-defined]
        slots = [slot for named in own.values() for slot in named.values()]
        return sorted(((places[id(slot)], slot) for slot in slots), key=lambda pair: pair[0])

    def build(self, variables: Sequence[Variable] = (), var_list: Sequence[Variable] = ()) -> None:
        """Makes room for what is kept of these weights; what is there already stays."""
        weights = list(variables or var_list)
        self._begin_anew()
        if self._has_own_rule:
            self._make_slots(weights)
        super().build(weights)  # type: ignore[misc]

    def _begin_anew(self) -> None:
        """Forgets what a program's own `build` has left on a copy, whose state is another one: `_built`, lists of slots."""
        state = self.optimizer_state  # type: ignore[attr-defined]
        built_for, before = self.__dict__.get("_built_for") or (None, None)
        if before is not None and built_for is not state:
            for name in set(self.__dict__) - before:
                del self.__dict__[name]
        if built_for is not state:
            before = before or frozenset({*self.__dict__, "_slots_of", "_own_slots"})
            self.__dict__["_built_for"] = (state, before | {"_built_for"})

    def _make_slots(self, variables: list[Variable]) -> None:
        state = self.optimizer_state  # type: ignore[attr-defined]
        for variable in variables:
            adopt(variable)
        inner = [one for one in self.__dict__.values() if isinstance(one, Optimizer)]
        for optimizer in inner:
            optimizer.state_variables(variables)
        self._create_all_weights(variables)
        known = {id(one) for one in (*state.own.values(), self._iterations)}  # type: ignore[attr-defined]
        for optimizer in inner:
            kept = optimizer.optimizer_state.table.values()
            for one in [optimizer._iterations, *(slot for named in kept for slot in named.values())]:
                if id(one) not in known:
                    self._hold(one)
                elif one is self._iterations and not any(v.name == STANDS_FOR for v in state.own.values()):  # type: ignore[attr-defined]
                    # A wrapper that has run counts for what it wraps, and its state keeps its form.
                    self._hold(Variable(np.int32(0), trainable=False, name=STANDS_FOR))

    def _build_steps(self, variables: list[Variable]) -> None:
        if not self._has_own_rule:
            super()._build_steps(variables)  # type: ignore[misc]
            return
        known = self.optimizer_state.parameters  # type: ignore[attr-defined]
        held = {id(one) for one in known}
        if not all(id(one) in held for one in variables):
            self.build([*known, *(one for one in variables if id(one) not in held)])

    # Steps

    def _clip(self, gradients: dict[Variable, Any]) -> dict[Variable, Any]:
        # On the way, in `_transform_gradients`.
        return gradients if self._has_own_rule else super()._clip(gradients)  # type: ignore[misc]

    def _weight_decay_of(self, variable: Variable) -> Scalar | None:
        # A number of that name is what the rule makes of it.
        return None if self._has_own_rule else super()._weight_decay_of(variable)  # type: ignore[misc]

    def _step_each(self, variables: Sequence[Variable], gradients: dict[Variable, Any], rate: Scalar) -> None:
        if not self._has_own_rule:
            super()._step_each(variables, gradients, rate)  # type: ignore[misc]
            return
        pairs: list[Pair] = [(Tensor(gradients[v]), v) for v in variables]
        by_hand = getattr(_local, "by_hand", None) is self
        with noting_nothing(), inside(False), Within(_local, run=(self, pairs), by_hand=None):
            if by_hand:
                self._apply_rule(pairs)
            else:
                self.minimize(None, list(variables))  # type: ignore[attr-defined]

    def _compute_gradients(
        self,
        loss: object,
        var_list: Iterable[Variable] | Callable[[], Iterable[Variable]],
        grad_loss: object = None,
        tape: GradientTape | None = None,
    ) -> list[Pair]:
        """(gradient, variable) pairs."""
        if (run := running()) is not None and run[0] is self:
            return list(run[1])
        return super()._compute_gradients(loss, var_list, grad_loss, tape)  # type: ignore[misc]

    compute_gradients = _compute_gradients

    def apply_gradients(
        self, grads_and_vars: Iterable[Pair], name: str | None = None, experimental_aggregate_gradients: bool = True, **kwargs
    ) -> object:
        """Updates variables from (gradient, variable) pairs; those without a gradient stay."""
        if not self._has_own_rule:
            return super().apply_gradients(grads_and_vars)  # type: ignore[misc]
        pairs = list(grads_and_vars)
        if (run := running()) is not None and run[0] is self:
            self._apply_rule([(gradient, variable) for gradient, variable in pairs if gradient is not None])
            return None
        with Within(_local, by_hand=self):
            return super().apply_gradients(pairs)  # type: ignore[misc]

    def _apply_rule(self, pairs: list[Pair]) -> None:
        """The rule for each weight."""
        variables = [variable for _, variable in pairs]
        state = self._prepare(variables)
        if self.gradient_aggregator is not None:
            pairs = self.gradient_aggregator(pairs)
        gathered = self._aggregate_gradients(self._transform_unaggregated_gradients(pairs))
        extra = {"apply_state": state} if "apply_state" in self._dense_apply_args else {}
        for gradient, variable in self._transform_gradients(gathered):
            self._resource_apply_dense(convert(gradient), variable, **extra)

    def _transform_unaggregated_gradients(self, grads_and_vars: Sequence[Pair]) -> Sequence[Pair]:
        return grads_and_vars

    def _aggregate_gradients(self, grads_and_vars: Sequence[Pair]) -> Sequence[Pair]:
        return grads_and_vars

    def _transform_gradients(self, grads_and_vars: Sequence[Pair]) -> list[Pair]:
        """Bounds gradients as the constructor was told, and calls what else it was given."""
        clips = [getattr(self, name) for name in ("clipnorm", "clipvalue", "global_clipnorm")]
        pairs = list(grads_and_vars)
        if any(clip is not None for clip in clips):
            arrays = {variable: narrowed(gradient) for gradient, variable in pairs}
            pairs = [(Tensor(array), variable) for variable, array in clip_gradients(arrays, *clips).items()]
        for change in self.gradient_transformers:
            pairs = list(change(pairs))
        return pairs

    @property
    def _dense_apply_args(self) -> list[str]:
        return list(inspect.signature(self._resource_apply_dense).parameters)

    def _resource_apply_dense(self, grad: object, var: Variable, apply_state: object = None) -> None:
        """The rule of a built-in optimizer for one weight."""
        with inside(True):
            self._take_rule(narrowed(grad), var, narrowed(self._rate(self._iterations.value)))  # type: ignore[attr-defined]

    def _prepare(self, var_list: Sequence[Variable]) -> dict[Any, dict[str, Any]]:
        """What rules look up by (device, type): numbers of the step, such as `lr_t`."""
        state: dict[Any, dict[str, Any]] = {}
        for key in dict.fromkeys((var.device, as_dtype(var._dtype)) for var in var_list):  # type: ignore[attr-defined]
            state[key] = {}
            self._prepare_local(*key, state)
        return state

    def _prepare_local(self, var_device: str, var_dtype: DTypeLike, apply_state: dict[Any, dict[str, Any]]) -> None:
        apply_state[var_device, var_dtype]["lr_t"] = self._decayed_lr(var_dtype)

    def _fallback_apply_state(self, var_device: str, var_dtype: DTypeLike) -> dict[str, Any]:
        state: dict[Any, dict[str, Any]] = {(var_device, var_dtype): {}}
        self._prepare_local(var_device, var_dtype, state)
        return state[var_device, var_dtype]

    def update_step(self, gradient: object, variable: Variable, learning_rate: object = None) -> None:
        """Assigns the new value to one weight; the rate is that of the step where none is given."""
        rate = self._rate(self._iterations.value) if learning_rate is None else learning_rate  # type: ignore[attr-defined]
        with inside(True):
            super().update_step(narrowed(gradient), variable, narrowed(rate))  # type: ignore[misc]

    def _track_trackable(self, trackable: object, name: str, overwrite: bool = False) -> object:
        return trackable


class RateOfOwn:
    """`learning_rate` as a property of a program's class: until the class has begun, what is set is the optimizer's own."""

    def __init__(self, of_own: property):
        self.of_own = of_own

    def __get__(self, obj: object, owner: type | None = None) -> object:
        if obj is None:
            return self
        if "_hypers_given" not in obj.__dict__:
            return obj.__dict__.get("learning_rate")
        return self.of_own.__get__(obj, owner)

    def __set__(self, obj: object, value: object) -> None:
        if "_hypers_given" not in obj.__dict__:
            obj.__dict__["learning_rate"] = value
        else:
            self.of_own.__set__(obj, value)


def of_two(step: Callable[..., object]) -> Callable[..., object]:
    """`update_step(gradient, variable)` of `tf.keras` 2.11 in the form of today."""

    @functools.wraps(step)
    def update_step(self: OwnRules, gradient: object, variable: Variable, learning_rate: object = None) -> None:
        with noting_nothing(), inside(False):
            step(self, convert(gradient), adopt(variable))

    return update_step


def running() -> tuple[OwnRules, list[Pair]] | None:
    """The optimizer whose step is run in this thread, with its pairs."""
    return getattr(_local, "run", None)


def as_program(wanted: DType) -> str:
    """The type that programs have for it, in 32 bits."""
    return {"float64": "float32", "int64": "int32", "uint64": "uint32"}.get(wanted.name, wanted.name)


class Counting(Protocol):
    """An optimizer, which counts its steps."""

    name: str
    _iterations: Variable


def adopted_counter(optimizer: Counting) -> Variable:
    """The number of steps as a variable of TensorFlow, which says that it has 64 bits."""
    counter = optimizer._iterations
    if type(counter) is Variable:
        adopt(counter).__dict__.update(_nominal=int64, name=f"{optimizer.name}/iter:0")
    return counter
