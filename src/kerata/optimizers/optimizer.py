"""The base of all optimizers: what happens around the update rule, and how an optimizer looks from outside."""

import inspect
import re
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base import registry
from kerata.base.arguments import sharing
from kerata.base.checks import check_positive_int, did_you_mean, message
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.constraints import constrain
from kerata.dialects import hint
from kerata.engine.hyper import Hyperparameter
from kerata.engine.module import Look
from kerata.engine.naming import auto_name, name_scope
from kerata.engine.scope import Scope, current_scope, in_scope
from kerata.engine.stores import Store, WritableStore, assign_all
from kerata.engine.types import Array, Scalar
from kerata.engine.variable import Variable
from kerata.optimizers.averaging import move_averages
from kerata.optimizers.clipping import Bounded
from kerata.optimizers.eager import run_update
from kerata.optimizers.parts import Kept, Transformation
from kerata.optimizers.rates import LearningRate, Rate, RateVariable
from kerata.optimizers.slots import Key, Slots, arrange, flatten, tree_of
from kerata.optimizers.stepwise import Stepwise
from kerata.optimizers.turns import either, in_turn, is_due


class Optimizer(Bounded, Stepwise):
    """How gradients change weights.

    Subclasses define `transform()`, a transformation in optax's form that turns gradients into what is added to the
    weights. One of your own may also be written as in Keras 3, by `build` and `update_step`; see `Stepwise`.

    Args:
        learning_rate: a number, a `LearningRateSchedule`, or a function of nothing or of the step.
        weight_decay: before each update weights shrink by this times the learning rate.
        clipnorm: each gradient is scaled down to at most this norm.
        clipvalue: each gradient's elements are clipped to at most this size.
        global_clipnorm: all gradients together are scaled down to at most this norm. Only one of the three
        can be set.
        use_ema: whether to keep an exponential moving average of the weights, and to take it over after training.
        ema_momentum: how much of the average stays in a step.
        ema_overwrite_frequency: steps after which the average is also taken over during training.
        loss_scale_factor: the loss is multiplied by it and gradients are divided by it, for float16.
        gradient_accumulation_steps: number of gradients that are averaged before the weights change.
        name: a name.
        decay: the learning rate is divided by 1 + decay * step, as in Keras 1 and 2.
        lr: an older name of `learning_rate`.

    >>> import kerata
    >>> weight = kerata.Variable([1.0, 2.0])
    >>> kerata.optimizers.SGD(0.5).apply([[1.0, 1.0]], [weight])
    >>> weight.numpy()
    array([0.5, 1.5], dtype=float32)
    """

    _bookkeeping = {"optimizer_state": Look.NOBODY}
    _facts_of_program = ("averages_begin_before", "clips_by_place", "keeps_unread_rows", "keeps_their_slots")
    # The slots in the order of Keras's files: group by group, in a group by variable.
    slots: tuple[tuple[str, ...], ...] = ()
    # Whether weights that are 0, and whose gradients are, stay 0 and change nothing about the others: then weights may be
    # filled up with zeros.
    keeps_zeros: bool = False
    # Whether the rule gives new weights, not what is added: a sum rounds away what is much smaller than the weights before.
    replaces_weights: bool = False
    # The type of the dicts from paths to arrays that the rule gets.
    tree: type[dict] = OrderedDict

    learning_rate = LearningRate(low=0.0)
    weight_decay = Hyperparameter(low=0.0)
    clipnorm = Hyperparameter(low=0.0)
    clipvalue = Hyperparameter(low=0.0)
    global_clipnorm = Hyperparameter(low=0.0)
    ema_momentum = Hyperparameter(low=0.0, high=1.0)
    # Whether averages begin with the weights before the first step; Keras 3's begin with those behind it.
    averages_begin_before = False
    loss_scale_factor = Hyperparameter(low=0.0)
    decay = Hyperparameter(low=0.0)

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        kwargs = self._read_extra(kwargs)
        self.name = auto_name(registry.snake(type(self).__name__)) if name is None else name
        self.decay = kwargs.pop("decay", None)
        with name_scope(self.name):
            self._iterations = Variable(np.int32(0), trainable=False, name="iteration")
        self.learning_rate = kwargs.pop("lr", learning_rate)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = bool(use_ema)
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = check_positive_int(
            self, "ema_overwrite_frequency", ema_overwrite_frequency or None, optional=True
        )
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = check_positive_int(
            self, "gradient_accumulation_steps", gradient_accumulation_steps or None, optional=True, minimum=2
        )
        clips = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if sum(value is not None for value in clips.values()) > 1:
            raise ValueError(message(self, "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set", clips))
        self._undecayed: list[Variable] = []
        self._undecayed_names: re.Pattern | None = None
        self.optimizer_state = Slots()

    def _read_extra(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        known = ("decay", "lr")
        for name, value in kwargs.items():
            if name not in known:
                parameters = inspect.signature(type(self).__init__).parameters
                arguments = [p for p in parameters if p not in ("self", "kwargs")]
                raise TypeError(
                    message(
                        type(self).__name__,
                        f"unknown argument `{name}`",
                        {name: value},
                        hint(type(self).__name__, name) or did_you_mean(name, [*arguments, *known]),
                    )
                )
        return dict(kwargs)

    # The update

    def transform(self) -> Transformation:
        """The rule: an `optax.GradientTransformationExtraArgs` that takes `step` and `learning_rate` by name."""
        raise NotImplementedError(message(self, "an optimizer must define `transform()` or `update_step()`"))

    def update(
        self, variables: Sequence[Variable], params: Sequence[Any], grads: Sequence[Any], state: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The weights and the state after one step; pure, so that programs can be made of it.

        Args:
            variables: what the parameters are; only names, constraints and such are read.
            params: their values.
            grads: a gradient for each, or `None`.
            state: values of `state_variables(variables)`.
        """
        if not variables:
            return list(params), list(state)
        if self._applies_itself:
            return self._run_apply(variables, params, grads, state)
        keys = self._keys(variables)
        values = dict(zip(keys, state, strict=True))
        weights = dict(zip(variables, params, strict=True))
        gradients = {v: g for v, g in zip(variables, grads, strict=True) if g is not None}
        counter = values[ITERATIONS]
        with self._scope(counter):
            self._overwrite(weights, gradients, values, counter)
            if gradients:
                self._descend(weights, gradients, values, counter)
            values[ITERATIONS] = counter + 1
        return [weights[v] for v in variables], [values[key] for key in keys]

    def _descend(self, weights: dict, gradients: dict, values: dict[Key, Any], counter: Array) -> None:
        """The update, its average and the constraints, in place."""
        changing, before = list(gradients), dict(weights)
        if self.loss_scale_factor is not None:
            gradients = {v: g / self.loss_scale_factor for v, g in gradients.items()}
        if self.gradient_accumulation_steps is None:
            weights.update(self._step({v: weights[v] for v in changing}, gradients, values, counter))
        else:
            self._accumulate(weights, gradients, values, counter)
        if self.use_ema:
            first = before if self.averages_begin_before else None
            every = self.ema_overwrite_frequency
            move_averages(weights, first, values, self._updates(counter), self.ema_momentum, every)
        for v in changing:
            if v.constraint is not None:
                weights[v] = constrain(v, weights[v])

    def _step(self, weights: dict, gradients: dict, values: dict[Key, Any], counter: Array) -> dict[Variable, Any]:
        """Clipping, weight decay, the rule."""
        variables = list(weights)
        rate = self._rate(counter)
        gradients = self._clip(gradients)
        weights = in_turn(weights, gradients)
        params = []
        for v in variables:
            decay = self._weight_decay_of(v)
            params.append(weights[v] if decay is None else _shrink(weights[v], decay * rate))
        if self._is_stepwise:
            return self._run_steps(variables, params, gradients, values, rate)
        step = (self._updates(counter) + 1).astype(jnp.float32)
        tree = tree_of(variables, params, self.tree)
        keys, _, treedef = flatten(self._init(tree))
        state = treedef.unflatten([values[key] for key in keys])
        added, state = self.transform().update(
            tree_of(variables, gradients.values(), self.tree), state, tree, step=step, learning_rate=rate
        )
        keys, leaves, _ = flatten(state)
        values.update(zip(keys, leaves, strict=True))
        new = added if self.replaces_weights else {path: p + added[path] for path, p in tree.items()}
        return {v: new[path].astype(p.dtype) for v, (path, p) in zip(variables, tree.items(), strict=True)}

    def _take_rule(self, gradient: Array, variable: Variable, learning_rate: Scalar) -> None:
        """The rule's step for one variable, assigned to it and to its slots: what `super().update_step(...)` does."""
        tree = tree_of([variable], [variable.value], self.tree)
        keys, leaves, treedef = flatten(self._init(tree))
        with name_scope(self.name):
            found = [self.optimizer_state.find(key) for key in keys]
            slots = [
                self.optimizer_state.add(key, np.asarray(leaf)) if slot is None else slot
                for key, leaf, slot in zip(keys, leaves, found, strict=True)
            ]
        state = treedef.unflatten([slot.value for slot in slots])
        step = (self._updates(self._iterations.value) + 1).astype(jnp.float32)
        gradients = tree_of([variable], [gradient], self.tree)
        added, state = self.transform().update(
            gradients, state, tree, step=step, learning_rate=jnp.asarray(learning_rate, jnp.float32)
        )
        for slot, leaf in zip(slots, flatten(state)[1], strict=True):
            slot.store(leaf)
        (change,) = added.values()
        variable.store((change if self.replaces_weights else variable.value + change).astype(variable.dtype))

    def _rate(self, counter: Array) -> Array:
        rate = jnp.asarray(self.learning_rate, jnp.float32)
        if self.decay is not None:
            rate = rate / (1.0 + self.decay * counter.astype(jnp.float32))
        return rate

    def _updates(self, counter: Array) -> Array:
        """How often the weights changed: the steps, less those that only accumulated."""
        return counter if self.gradient_accumulation_steps is None else counter // self.gradient_accumulation_steps

    def _accumulate(self, weights: dict, gradients: dict, values: dict[Key, Any], counter: Array) -> None:
        """Gathers gradients, and updates with their mean in every n-th step."""
        changing, steps = list(gradients), self.gradient_accumulation_steps or 1
        now = is_due(counter, steps)
        sums = {v: g + values["gradient_accumulator", v] for v, g in gradients.items()}
        before = {v: weights[v] for v in changing}

        def step() -> tuple[dict[Variable, Array], list[Any]]:
            changed = dict(values)
            return self._step(before, {v: g / steps for v, g in sums.items()}, changed, counter), list(changed.values())

        after, kept = either(now, step, lambda: (before, list(values.values())), changing)
        weights.update(after)
        values.update(zip(list(values), kept, strict=True))
        for v in changing:
            values["gradient_accumulator", v] = jnp.where(now, jnp.zeros_like(sums[v]), sums[v])

    def _overwrite(self, weights: dict, gradients: dict, values: dict[Key, Any], counter: Array) -> None:
        """Variables whose gradient is their new value, such as the scales of float8; accumulated by their maximum."""
        for v in [v for v in gradients if v.overwrite_with_gradient]:
            g = gradients.pop(v)
            if self.gradient_accumulation_steps is not None:
                now = is_due(counter, self.gradient_accumulation_steps)
                largest = jnp.maximum(g, values["gradient_accumulator", v])
                values["gradient_accumulator", v] = jnp.where(now, jnp.zeros_like(largest), largest)
                g = jnp.where(now, largest, weights[v])
            weights[v] = g

    def _scope(self, counter: Array) -> Scope:
        """The present scope, in which the step's number is known too."""
        outer = current_scope()
        return Scope([self._iterations], [counter], outer.hypers if outer else None, outer.key if outer else None)

    def scale_loss(self, loss: Array) -> Array:
        """The loss whose gradients `update` expects."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # Weight decay

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Takes variables, or those whose names contain a word, out of the weight decay; before training begins."""
        if self.built:
            raise ValueError(message(self, "`exclude_from_weight_decay()` must come before the optimizer is built"))
        self._undecayed = list(var_list or ())
        # A compiled pattern, because names are no part of a program's structure and this makes them so.
        self._undecayed_names = re.compile("|".join(sorted(var_names))) if var_names else None

    def _is_decayed(self, variable: Variable) -> bool:
        named = self._undecayed_names is not None and self._undecayed_names.search(variable.name)
        return not named and not any(v is variable for v in self._undecayed)

    def _weight_decay_of(self, variable: Variable) -> Scalar | None:
        return self.weight_decay if self._is_decayed(variable) else None

    # State

    @property
    def steps(self) -> Variable:
        """The number of gradients so far."""
        return self._iterations

    @property
    def iterations(self) -> Variable | Array:
        """The number of updates so far: of the steps, less those that only accumulated."""
        if self.gradient_accumulation_steps is None:
            return self._iterations
        updates = self._updates(self._iterations.value)
        return updates if in_scope() else Variable(updates, trainable=False, name="iterations")

    @property
    def lr(self) -> Rate:
        """The learning rate, by its older name."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Rate) -> None:
        self.learning_rate = value

    @property
    def built(self) -> bool:
        """Whether it is known which variables are trained."""
        return self.optimizer_state.built

    def build(self, variables: Sequence[Variable] = (), var_list: Sequence[Variable] = ()) -> None:
        """Makes room for the state of these variables, under either name; what other variables had, and these already have,
        is kept."""
        variables = list(variables or var_list)
        self.optimizer_state.slots = self._slots_for(variables)
        self.optimizer_state.parameters = variables
        self.optimizer_state.built = self.optimizer_state.built_by_user = True

    def state_variables(self, variables: Sequence[Variable]) -> list[Variable]:
        """The state that belongs to these variables: the number of the step, then the slots in Keras's order."""
        if self._is_stepwise:
            self._build_steps(list(variables))
            return self._slots_for(variables)
        self.build(variables)
        self.optimizer_state.built_by_user = False
        return list(self.optimizer_state.slots)

    def _slots_for(self, variables: Sequence[Variable]) -> list[Variable]:
        initial: dict[Key, Any] = {}
        if not self.optimizer_state.built:
            # Nothing is there yet, so that the first values tell the keys as well.
            initial = self._initial(variables, [np.asarray(v.peek()) for v in variables])
        found = []
        for key in self._keys(variables, initial):
            slot = self._iterations if key == ITERATIONS else self.optimizer_state.find(key)
            if slot is None:
                initial = initial or self._initial(variables, [np.asarray(v.peek()) for v in variables])
                with name_scope(self.name):
                    slot = self.optimizer_state.add(key, initial[key])
            found.append(slot)
        return found

    def _keys(self, variables: Sequence[Variable], initial: dict[Key, Any] | None = None) -> list[Key]:
        keys = initial or self._initial(variables, [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in variables])
        return [ITERATIONS, *arrange(list(keys), variables, (("average",), ("gradient_accumulator",), *self.slots))]

    def _initial(self, variables: Sequence[Variable], values: Sequence[Any]) -> dict[Key, Any]:
        """Key and first value of every slot, from the parameters' values or their shapes and types."""
        initial: dict[Key, Any] = {}
        params = {v: value for v, value in zip(variables, values, strict=True) if not v.overwrite_with_gradient}
        if self.use_ema:
            initial.update({("average", v): _zeros(v) for v in params})
        if self.gradient_accumulation_steps is not None:
            initial.update({("gradient_accumulator", v): _zeros(v) for v in variables})
        if self._is_stepwise:
            initial.update(self.optimizer_state.own)
            if type(self).transform is Optimizer.transform:
                return initial
        keys, leaves, _ = flatten(self._init(tree_of(list(params), params.values(), self.tree)))
        return {**initial, **dict(zip(keys, leaves, strict=True))}

    def _init(self, params: dict[str, Any]) -> Kept:
        """The rule's first state, on the host, from the parameters' values or their shapes and types."""
        return self.transform().init(params)

    @property
    def variables(self) -> list[Any]:
        """The state as Keras lists it: the number of the step, the learning rate if it is a number, the slots."""
        state = self._slots_for(self.optimizer_state.parameters) if self.built else [self._iterations]
        rate = [] if callable(self.__dict__["learning_rate"]) else [RateVariable(self)]
        return [state[0], *rate, *state[1:]]

    def get_weights(self) -> list[np.ndarray]:
        """The values of `variables`."""
        return [v.numpy() for v in self.variables]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets the values of `variables`."""
        if len(weights) != len(self.variables):
            expected = f"You are calling set_weights() where {len(self.variables)} arrays are expected"
            fix = "" if self.built else "Call build(trainable_variables) first"
            raise ValueError(message(self, expected, {"weights": len(weights)}, fix))
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.store(weight)

    def save_own_variables(self, store: WritableStore) -> None:
        """Writes `variables` by their numbers, as Keras does."""
        for index, variable in enumerate(self.variables):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Store) -> None:
        """Reads what `save_own_variables`, here or in Keras, wrote."""
        variables: list[Any] = self.variables
        begun = [v for v in variables[:2] if v is self._iterations or isinstance(v, RateVariable)]
        if len(store.keys()) == len(begun) and not np.any(store["0"]):
            # Written before the first step, when there were no slots yet.
            variables = begun
        if len(store.keys()) != len(variables):
            warnings.warn(
                message(self, f"the state was not read: it has {len(variables)} variables, the file has {len(store.keys())}"),
                stacklevel=2,
            )
            return
        assign_all(variables, store)

    # By hand

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """Updates variables from (gradient, variable) pairs; returns the number of the step."""
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(grads, variables)
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Updates variables by their gradients, at once.

        Args:
            grads: one for each variable; `None` for what the loss does not depend on.
            trainable_variables: the variables; those that the optimizer was built for by default.
        """
        grads = [g if g is None else jnp.asarray(g) for g in grads]
        if not grads:
            return
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    message(
                        self,
                        "`trainable_variables` are needed, as the optimizer is not built yet",
                        fix="Pass them, or call build(trainable_variables) first",
                    )
                )
            variables = self.optimizer_state.parameters
        else:
            variables = list(trainable_variables)
        if len(grads) != len(variables):
            raise ValueError(
                message(self, f"there must be one gradient for each of {len(variables)} variables", {"grads": len(grads)})
            )
        self._check_gradients(grads, variables)
        if not all(any(v is known for known in self.optimizer_state.parameters) for v in variables):
            self.state_variables(variables)
        slots = self._slots_for(variables)
        params, state = run_update(self, variables, grads, slots)
        for variable, value in zip([*variables, *slots], [*params, *state], strict=True):
            variable.store(value)

    def _check_gradients(self, grads: Sequence[Any], variables: Sequence[Variable]) -> None:
        missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
        if len(missing) == len(variables):
            raise ValueError(message(self, "No gradients provided for any variable", {"variables": missing}))
        if missing:
            warnings.warn(
                message(
                    self,
                    "some variables have no gradient and stay as they are",
                    {"variables": missing},
                    "Check that the loss depends on them",
                ),
                stacklevel=3,
            )
        for g, v in zip(grads, variables, strict=True):
            if g is not None and np.shape(g) != v.shape:
                raise ValueError(message(self, f"the gradient of {v.path} must have shape {v.shape}", {"shape": np.shape(g)}))

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The new values of (trainable variables, optimizer variables), without changing anything.

        Args:
            optimizer_variables: values of `variables`, or of `state_variables(...)`, which has no learning rate.
            grads: one for each trainable variable.
            trainable_variables: their values.
        """
        if not self.built:
            raise ValueError(message(self, "the optimizer is not built yet", fix="Call build(trainable_variables) first"))
        variables, given = self.optimizer_state.parameters, list(optimizer_variables)
        if len(trainable_variables) != len(variables):
            raise ValueError(
                message(
                    self,
                    f"{len(variables)} trainable variables are expected",
                    {"trainable_variables": len(trainable_variables)},
                )
            )
        if len(grads) != len(variables):
            text = f"there must be one gradient for each of {len(variables)} variables"
            raise ValueError(message(self, text, {"grads": len(grads)}))
        slots, listed = self._slots_for(variables), self.variables
        if len(given) == len(slots):
            return self.update(variables, trainable_variables, grads, given)
        if len(given) != len(listed):
            raise ValueError(
                message(self, f"{len(listed)} optimizer variables are expected", {"optimizer_variables": len(given)})
            )
        outer = current_scope()
        hypers = dict(outer.hypers) if outer else {}
        values = {id(v): value for v, value in zip(listed, given, strict=True)}
        rates = [v for v in listed if isinstance(v, RateVariable)]
        hypers.update({(id(v.optimizer), "learning_rate"): values[id(v)] for v in rates})
        with Scope((), (), hypers, outer.key if outer else None):
            params, state = self.update(variables, trainable_variables, grads, [values[id(slot)] for slot in slots])
        values.update({id(slot): value for slot, value in zip(slots, state, strict=True)})
        return params, [values[id(v)] for v in listed]

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Ends training: the weights become their averages, if averages are kept."""
        if self.use_ema:
            for variable in var_list:
                average = self.average_of(variable)
                if average is not None:
                    variable.store(average.value)

    def average_of(self, variable: Variable) -> Variable | None:
        """The moving average of a weight, where there is one."""
        return self.optimizer_state.find(("average", variable))

    # Config

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data, as Keras writes them."""
        rate = self.__dict__["learning_rate"]
        config = {
            "name": self.name,
            "learning_rate": rate if isinstance(rate, float) else serialize_keras_object(rate),
            **{name: _plain(getattr(self, name)) for name in SHARED},
        }
        if self.decay is not None:
            config["decay"] = float(self.decay)
        # A class of a program's own has the settings of the one that it is derived from.
        base = next((cls for cls in type(self).__mro__ if registry.home_of(cls) is not None), None)
        if base is not None:
            own = [p for p in inspect.signature(base.__init__).parameters if p not in ("self", "kwargs") and p not in config]
            config.update({name: _plain(getattr(self, name)) for name in own if hasattr(self, name)})
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """An optimizer from what `get_config` gave."""
        return cls(**{name: deserialize_keras_object(value, custom_objects) for name, value in config.items()})


ITERATIONS: Key = ("iteration", None)
SHARED = (
    *("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "use_ema", "ema_momentum", "ema_overwrite_frequency"),
    *("loss_scale_factor", "gradient_accumulation_steps"),
)
# The constructor of an optimizer names what is its own, up to `weight_decay`; what follows is declared above, once.
shares_arguments = sharing(
    [
        p
        for name, p in inspect.signature(Optimizer.__init__).parameters.items()
        if name not in ("self", "learning_rate", "weight_decay", "kwargs")
    ]
)


def _plain(value: object) -> object:
    return float(value) if isinstance(value, float) else serialize_keras_object(value)


def _zeros(variable: Variable) -> np.ndarray:
    return np.broadcast_to(np.zeros((), jnp.dtype(variable.dtype)), variable.shape)


def _shrink(param: Array, by: Array) -> Array:
    return param - param * by.astype(param.dtype)
