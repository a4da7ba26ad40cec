"""Optimizers of the eras."""

import inspect
import sys
from dataclasses import replace
from typing import Any

import jax.numpy as jnp

from kerata import optimizers
from kerata.base.checks import message
from kerata.base.serialization import says_today
from kerata.dialects import canonical, find_row
from kerata.dialects.inverse import config_of_then
from kerata.engine.hyper import Hyperparameter, Number
from kerata.engine.scope import in_scope, probe_of
from kerata.engine.structure import is_ours
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import Array
from kerata.engine.variable import Variable
from kerata.legacy.functions import computed, gradients, need_all
from kerata.legacy.history import AliasDict
from kerata.legacy.objects import deserializing_optimizer, serialize_optimizer
from kerata.legacy.once import once
from kerata.legacy.own_updates import OwnUpdates, running
from kerata.legacy.spelling import Spelled, spell
from kerata.legacy.tensorflow.models import FlowingOptimizer
from kerata.legacy.tensorflow.rules import OwnRules
from kerata.legacy.updating import updates_by
from kerata.optimizers.clipping import clip_gradients
from kerata.optimizers.rates import RateVariable

CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
# Values of arguments of today at which they mean nothing.
UNSET = (None, False, 0.99)
NAMES = ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam")


class ConfigOfThen(AliasDict):
    """A config in which `lr` is the rate, and a decay that was not given is 0.

    >>> ConfigOfThen({"learning_rate": 0.1})["lr"], ConfigOfThen({})["decay"]
    (0.1, 0.0)
    """

    def __missing__(self, name: str) -> object:
        return 0.0 if name == "decay" else super().__missing__(name)


class Decay(Hyperparameter):
    """A decay that reads as 0 where none was given, as in Keras 1 and 2, whose programs compute with it. Steps do without."""

    def __set_name__(self, owner: type, name: str) -> None:
        # It is a hyperparameter of today's optimizer already.
        self.name = name

    def __get__(self, obj: object | None, owner: type | None = None) -> object:
        found = super().__get__(obj, owner)
        if obj is None or found is not None or in_scope():
            return found
        found = Number(0.0)
        found.owner, found.attribute = obj, self.name
        return found


class Listed(list):
    """What an optimizer keeps, as a list that may be called: `optimizer.variables()` was a method until TensorFlow 2.10."""

    def __call__(self) -> list[Any]:
        return [variable for variable in self if not isinstance(variable, RateVariable)]


class OldOptimizer(OwnUpdates, OwnRules, FlowingOptimizer, Spelled):
    """What an optimizer of Keras 1 and 2 could do beside."""

    def _begin_spelled(self, arguments: dict[str, Any], given: dict[str, Any]) -> None:
        super()._begin_spelled(arguments, given)
        if self._row is None and self._era != "tfkeras2" and "clipnorm" in arguments:
            # What a program derives from `Optimizer` itself bounds all gradients together, as the others do.
            arguments["global_clipnorm"] = arguments.pop("clipnorm")

    decay = Decay(low=0.0)

    @property
    def averages_begin_before(self) -> bool:  # type: ignore[override]
        """Whether averages begin with the first weights, where there are any: else the program is that of today."""
        return bool(self.use_ema)  # type: ignore[attr-defined]

    @property
    def clips_by_place(self) -> bool:  # type: ignore[override]
        """Whether gradients of tables are bounded place by place: `tf.keras` did so before it added places of one row."""
        return self._era == "tfkeras2" and any(bound is not None for bound in self._bounds)  # type: ignore[attr-defined]

    @property
    def variables(self) -> Listed:
        """The state, which may be called; for a program of `tf.keras` without the learning rate."""
        found = Listed(super().variables)  # type: ignore[misc]
        caller = sys._getframe(1)  # pyright: ignore[reportPrivateUsage], Python says nowhere else who asks
        if self._era != "tfkeras2" or str(caller.f_globals.get("__name__")).partition(".")[0] == "kerata":
            return found
        return Listed(one for one in found if not isinstance(one, RateVariable))

    @property
    def weights(self) -> list[Any]:
        """The number of updates and what is kept of each weight, in the order in which the class named or made them."""
        if self._slots_by_weight:
            return self._weights
        held = self._held_by_slot()
        named = {id(v): n for n, v in enumerate(self.__dict__.get("_named", ()))}
        return sorted(held, key=lambda v: named.get(id(v), -1 if v is held[0] else len(named)))

    def _held_by_slot(self) -> list[Any]:
        """The number of updates and all slots: one after the other, each of all weights, as it was until TensorFlow 2.10."""
        held = [v for v in self.variables if not isinstance(v, RateVariable)]  # type: ignore[attr-defined]
        tables = self.optimizer_state.table  # type: ignore[attr-defined]
        slot_of = {id(slot): name for slots in tables.values() for name, slot in slots.items()}
        of_all = {id(slot) for slot in tables.get(None, {}).values()}
        together = isinstance(self, optimizers.Ftrl)
        names = list(dict.fromkeys(slot_of.get(id(v), "") for v in held if id(v) not in of_all))
        places = {id(v): 0 if id(v) in of_all else 1 if together else 1 + names.index(slot_of.get(id(v), "")) for v in held[1:]}
        return held[:1] + sorted(held[1:], key=lambda v: places[id(v)])

    @weights.setter
    def weights(self, value: object) -> None:
        # What `get_updates` makes is known; the list says in which order files have it.
        self.__dict__["_named"] = [one for one in value if isinstance(one, Variable)] if isinstance(value, list) else []

    @property
    def iterations(self):
        """The number of updates so far."""
        return super().iterations  # type: ignore[misc]

    @iterations.setter
    def iterations(self, value: object) -> None:
        """Nothing: steps are counted in any case."""

    @property
    def initial_decay(self) -> float:
        """The decay that it was made with."""
        return self.__dict__.get("_initial_decay", self.__dict__.get("decay") or 0.0)

    @initial_decay.setter
    def initial_decay(self, value: float) -> None:
        self.__dict__["_initial_decay"] = value

    def get_config(self) -> dict[str, Any]:
        """The arguments, in the words of Keras 1 and 2; in files, and in `tf.keras`, in those of today."""
        if self._has_own_updates:
            clips = {"clipnorm": self.global_clipnorm, "clipvalue": self.clipvalue}  # type: ignore[attr-defined]
            return ConfigOfThen({name: float(value) for name, value in clips.items() if value is not None})
        if not is_ours(next(cls for cls in type(self).__mro__ if "get_config" in vars(cls))) and is_base(type(self)):
            # What a class of `tf.keras` puts its own numbers beside.
            held = {name: getattr(self, name) for name in CLIPS if getattr(self, name) is not None}
            return {"name": self.name, **held}  # type: ignore[attr-defined]
        config, row = super().get_config(), self._row  # type: ignore[misc]
        if not config.get("decay"):
            config.pop("decay", None)
        if says_today() or row is None or row.arguments is None or self._era == "tfkeras2":
            return ConfigOfThen(config)
        modern = next(cls for cls in type(self).__mro__ if "_stands_for" in vars(cls))
        given = {name: value for name, value in config.items() if name != "name" and not (name in CLIPS and value is None)}
        if row.argument("decay") is not None:
            given.setdefault("decay", 0.0)
        return ConfigOfThen(config_of_then(row, given, inspect.signature(modern.__init__).parameters))

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "OldOptimizer":
        """An optimizer from a config in the era's words or in those of today."""
        row = cls.__dict__.get("_row")
        if row is None and cls._row is not None:
            # A class of a program's own: what only optimizers of today have, and is not set, is no argument of its constructor.
            maker = next(one for one in cls.__mro__ if "__init__" in vars(one))
            taken = {} if "_stands_for" in vars(maker) else inspect.signature(cls.__init__).parameters
            config = {
                name: value
                for name, value in config.items()
                if name in taken or cls._row.argument(name) is not None or (name != "name" and value not in UNSET)
            }
        if row is None or all(row.argument(name) is not None for name in config):
            return cls(**config)
        made = cls.__dict__["_stands_for"].from_config(config, custom_objects)
        made.__class__ = cls
        return made

    def get_gradients(self, loss: SymbolicTensor, params: list[Variable]) -> list[SymbolicTensor]:
        """Symbolic gradients of a symbolic loss to weights, clipped as the optimizer clips them."""
        if (run := running()) is not None:
            return run.gradients
        clips = [getattr(self, name) for name in ("clipnorm", "clipvalue", "global_clipnorm")]

        def compute(*slopes: object) -> list[Any]:
            return list(clip_gradients(dict(zip(params, slopes, strict=True)), *clips).values())

        found = need_all(gradients(loss, params), self)
        return computed(compute, found, params, []) if any(clip is not None for clip in clips) else found

    def get_updates(self, *args, **kwargs) -> list[tuple[Variable, SymbolicTensor]]:
        """What one step down a symbolic loss makes of the weights and of what is kept of them, for `K.function(updates=)`.

        `(loss, params)` in Keras 2, `(params, constraints, loss)` in Keras 1, which Keras 2 took as well.
        """
        names = ("params", "constraints", "loss") if len(args) == 3 or self._era == "keras1" else ("loss", "params")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        loss, params = given["loss"], list(given["params"])
        if any(rule is not getattr(one, "constraint", None) for one, rule in dict(given.get("constraints") or {}).items()):
            expected = "constraints are those that the weights were made with"
            raise ValueError(message(self, expected, {"constraints": given["constraints"]}, "Give them to the layers"))
        self.updates = updates_by(self, need_all(gradients(loss, params), self), params)
        return self.updates

    def get_weights(self) -> list[Any]:
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        held = self.weights
        if isinstance(self, optimizers.Adam) and len(weights) == 1 + 3 * (len(held) // 2) and len(held) % 2:
            # Before TensorFlow 2 Adam kept one number more for each weight, which `amsgrad` alone made something of.
            weights = weights[: len(held)]
        if len(weights) != len(held):
            expected, fix = f"set_weights() needs {len(held)} arrays", "" if self.built else "It has them after its first step"  # type: ignore[attr-defined]
            raise ValueError(message(self, expected, {"weights": len(weights)}, fix))
        for variable, value in zip(held, weights, strict=True):
            variable.assign(value)


def is_base(cls: type) -> bool:
    """Whether a class of a program's own is derived from `tf.keras`'s base of all optimizers, and from none with a rule."""
    thin = next(one for one in cls.__mro__ if "_stands_for" in vars(one))
    return vars(thin)["_stands_for"] is optimizers.Optimizer and vars(thin)["_era"] == "tfkeras2"


@once
def optimizer(era: str, name: str) -> object:
    """An optimizer of an era, or a function of `keras.optimizers`."""
    if name == "get":
        return lambda identifier, kwargs=None: get_optimizer(era, identifier)
    if name == "OptimizerV2":
        return optimizer(era, "Optimizer")
    if name == "optimizer_from_config":
        return deserializing_optimizer(era, optimizer)
    if era != "tfkeras2" and name in ("serialize", "deserialize"):
        return serialize_optimizer if name == "serialize" else deserializing_optimizer(era, optimizer)
    if (other := canonical(era, "optimizers", name)) != name:
        return optimizer(era, other)
    row = find_row(era, "optimizers", name)
    modern = getattr(optimizers, name if row is None else row.today)
    return spell(era, name, modern, row, OldOptimizer) if isinstance(modern, type) else modern


class KeepingRows:
    """Rules that `tf.keras` up to TensorFlow 2.10 applied to the rows of a table that a batch read, and to no others."""

    keeps_their_slots: bool

    @property
    def keeps_unread_rows(self) -> bool:
        """Whether the rule would move on what has no gradient."""
        return getattr(self, "has_momentum", True)

    def _step(self, weights: dict[Variable, Any], gradients: dict[Variable, Any], values: dict[Any, Any], counter: Array):
        before = dict(values)
        found = super()._step(weights, gradients, values, counter)  # type: ignore[misc]
        for v, new in found.items():
            probe = probe_of(v)
            if probe is None or probe.rows is None:
                continue
            was_read = (probe.rows > 0).reshape(-1, *[1] * (new.ndim - 1))
            found[v] = jnp.where(was_read, new, weights[v])
            for key in before if self.keeps_their_slots else ():
                if key[-1] is v:
                    values[key] = jnp.where(was_read, values[key], before[key])
        return found


class KeepingRowsAlone(KeepingRows):
    """The same, while averages of all rows move on."""

    keeps_their_slots = False


# Optimizers with such rules.
KEEPING = {**dict.fromkeys(("SGD", "RMSprop", "Adamax", "Ftrl", "Adadelta"), KeepingRows), "Nadam": KeepingRowsAlone}
# What `tf.keras` up to TensorFlow 2.10 had by these names, and has as `optimizers.legacy` since.
BEFORE_2_11 = {"RMSprop": "ClassicRMSprop", "Adagrad": "ClassicAdagrad", "Nadam": "ClassicNadam"}


class OfThen(OldOptimizer):
    """What an optimizer of `tf.keras.optimizers.legacy` is beside: checkpoints keep its state as TensorFlow did up to 2.10."""

    is_of_then = True


@once
def optimizer_of_then(era: str, name: str) -> object:
    """An optimizer of `tf.keras.optimizers.legacy`."""
    known = optimizer(era, name)
    if not isinstance(known, type) or vars(known).get("_stands_for") in (None, optimizers.Optimizer):
        return known
    row = find_row(era, "optimizers", name)
    today = BEFORE_2_11.get(name, name if row is None else row.today)
    mixins = [KEEPING[name]] if name in KEEPING else []
    row = row if row is None else replace(row, today=today)
    return spell(era, name, getattr(optimizers, today), row, *mixins, OfThen)


def get_optimizer(era: str, identifier: object) -> object:
    """An optimizer by the name that an era knows, with the era's defaults."""
    if isinstance(identifier, str):
        known = {name.lower(): name for name in NAMES}
        if identifier.lower() in known:
            return optimizer(era, known[identifier.lower()])()
    return optimizers.get(identifier)
