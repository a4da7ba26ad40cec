"""Members: what one model of a population has of its own, and what it shows to callbacks."""

import copy
import inspect
import math
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard, cast

import numpy as np

from kerata.base.checks import KindError, did_you_mean, message
from kerata.base.types import PathLike
from kerata.callbacks.callback import CallbackList, Callbacks, defines, flatten_callbacks, only_looks
from kerata.callbacks.history import History
from kerata.engine.random import make_key
from kerata.models.model import Model
from kerata.populations.asking import asks_for_model
from kerata.populations.group import Group, State
from kerata.populations.objective import Objective
from kerata.populations.padding import Padding

# Hooks that a population, which measures many models at once, does not call.
EVALUATIONS = ("on_test_begin", "on_test_end")


class Member:
    """One model of a population: its numbers, its data, its state, and its history.

    Args:
        index: its place in the population.
        group: what it shares with the members of the same structure.
        numbers: its hyperparameters, float32 in the order of the group's table.
        start: gives the state that it begins with, as host arrays.
        seed: of its shuffling and of its random draws, as `seed` in `fit`.
        rows: the samples that it is trained on, int32; `None` for all.
        held: the samples that it is validated on, where they are part of the same data.
        callbacks: its own callbacks.
    """

    def __init__(
        self,
        index: int,
        group: Group,
        numbers: np.ndarray,
        start: Callable[[], State],
        seed: int | None,
        rows: np.ndarray | None,
        held: np.ndarray | None,
        callbacks: list[Any],
        epochs: int,
    ):
        self.index, self.group, self.numbers, self.start = index, group, numbers, start
        self.rows, self.held, self.epochs = rows, held, epochs
        self.size = group.size if rows is None else len(rows)
        self.key = make_key(seed)
        self.order_seed = int(self.key[0]) + (int(self.key[1]) << 32)
        self.state: State | None = None
        self.epoch = 0
        self.done = False
        # Whether it was told to end; whether a callback gave it other weights at the end.
        self.cancelled = self.restored = False
        self.bad_step = -1
        # The best epoch so far of a measure that is watched, and the weights that it ended with.
        self.best_value, self.best_epoch = float("nan"), 0
        self.best: State | None = None
        self.seconds = 0.0
        self.history = History()
        self.weight: np.ndarray | None = None
        self.logs: dict[str, Any] = {}
        # An error that met this member, and what it was.
        self.fault: Exception | None = None
        # Its model, where `fit` has trained it.
        self.model: Model | None = None
        # How its states lie in those of its group, where that is one of wider models.
        self.padding: Padding | None = None
        self._take_callbacks(callbacks)

    def _take_callbacks(self, callbacks: list[Any]) -> None:
        self.view = ModelView(self)
        self.callbacks = CallbackList([*callbacks, self.history], model=self.view, epochs=self.epochs, steps=None, verbose=0)
        # There are many members and short epochs: those that do nothing in a hook are not asked each time.
        self.begins = [c for c in self.callbacks if defines(c, ("on_epoch_begin",))]
        self.ends = [c for c in self.callbacks if defines(c, ("on_epoch_end",))]
        # Where only the history is kept, its entries are made at the end: half of the host's work in a short epoch.
        self.unwatched = not self.begins and self.ends == [self.history]
        self.kept: list[list[float]] = []

    @property
    def state_bytes(self) -> int:
        """The size of its state."""
        state = self.start() if self.state is None else self.state
        return sum(leaf.nbytes for leaves in state.values() for leaf in leaves)

    @property
    def batches_key(self) -> tuple[Any, ...]:
        """Equal for members that see the same samples in the same order with the same random draws."""
        return (self.order_seed, id(self.rows), id(self.held))

    def pad(self, group: Group, padding: Padding) -> None:
        """From here on it is trained as a member of a group of wider models."""
        self.group, self.padding, start = group, padding, self.start
        self.numbers = padding.widen_numbers(self.numbers)
        self.start = lambda: padding.widen(start())

    def shown(self, state: State) -> State:
        """A state as its model has it."""
        return state if self.padding is None else self.padding.narrow(state)

    @property
    def own_numbers(self) -> np.ndarray:
        """The hyperparameters as its own group has them."""
        return self.numbers if self.padding is None else self.padding.narrow_numbers(self.numbers)

    @property
    def own_group(self) -> Group:
        """The group of models like its own."""
        return self.group if self.padding is None else self.padding.own

    def make_model(self, state: State, history: History | None) -> Model:
        """An ordinary model with a state of the member."""
        return self.own_group.make_model(self.own_numbers, self.shown(state), history)

    def take_state(self) -> State:
        """The state that the member goes on with; a shard has it from here on."""
        state = self.start() if self.state is None else self.state
        self.state = None
        return state

    def begin_epoch(self) -> None:
        if self.epoch == 0:
            self.callbacks.on_train_begin()
        for callback in self.begins:
            callback.on_epoch_begin(self.epoch, {})

    def take_numbers(self, numbers: list[float], held: list[float] | None) -> None:
        """The measures of an epoch go to the history and the callbacks; the last number is the step of the first bad loss."""
        if self.bad_step < 0 <= numbers[-1]:
            self.bad_step = int(numbers[-1])
        every = numbers if held is None else numbers + held
        if self.unwatched:
            self.kept.append(every)
        else:
            self.logs = {name: every[place] for name, place in self.group.log_places(held is not None)}
            for callback in self.ends:
                callback.on_epoch_end(self.epoch, self.logs)
        self.epoch += 1
        self.done = self.view.stop_training or self.epoch >= self.epochs

    def write_history(self) -> None:
        """Enters the epochs that nobody looked at while they were trained."""
        first = self.epoch - len(self.kept)
        places = self.group.log_places(self.group.validates)
        for number, every in enumerate(self.kept):
            self.logs = {name: every[place] for name, place in places}
            self.history.on_epoch_end(first + number, self.logs)
        self.kept = []

    def finish(self) -> None:
        """The end of training; callbacks may put the best weights back."""
        self.write_history()
        self.done = True
        before = self.state
        if self.state is not None and self.group.averages and self.epoch:
            weights = list(self.state["trainable"])
            for place, average in self.group.averages:
                weights[place] = self.state["slots"][average]
            self.state = {**self.state, "trainable": weights}
        self.callbacks.on_train_end(dict(self.logs))
        self.restored = self.state is not before

    def note_best(self, watch: Objective) -> bool:
        """Whether the epoch that has just ended is the best so far; it is noted then."""
        value = self.logs.get(watch.name, float("nan"))
        if np.ndim(value) or not math.isfinite(value) or (self.best_epoch and not watch.better(value, self.best_value)):
            return False
        self.best_value, self.best_epoch = float(value), self.epoch
        return True

    @property
    def is_doubtful(self) -> bool:
        """Whether zeros that fill its weights up may have done something: where they met what is not finite."""
        values = (value for curve in self.history.history.values() for value in curve)
        return self.padding is not None and (self.bad_step >= 0 or not all(map(math.isfinite, values)))

    @property
    def trouble(self) -> str | None:
        """Why it failed, if it did."""
        if self.fault is not None:
            return f"{type(self.fault).__name__}: {self.fault}"
        return f"the loss became NaN or infinite at step {self.bad_step + 1}" if self.bad_step >= 0 else None

    def as_model(self, best: bool = False) -> Model:
        """The member as an ordinary model.

        Args:
            best: whether with the weights of its best epoch, where these were kept.
        """
        assert self.state is not None
        state = {**self.state, **(self.best or {})} if best else self.state
        return self.make_model(state, self.history)

    def drop(self) -> None:
        """Forgets its weights."""
        self.state = self.best = self.model = None
        self.start = gone


def gone() -> State:
    """What a member begins with whose weights were dropped."""
    raise RuntimeError(message("search", "the weights of a trial that has ended are gone"))


# What a member's model can be asked without being changed.
ASKED = frozenset(
    {
        "predict",
        "predict_on_batch",
        "evaluate",
        "test_on_batch",
        "summary",
        "count_params",
        "name",
        "get_config",
        "to_json",
        "input_names",
        "output_names",
        "input_shape",
        "output_shape",
    }
)


# What it has beside these, see `ModelView`.
SHOWN = ASKED | {"stop_training", "history", "optimizer", "metrics", "get_weights", "set_weights", "save", "save_weights"}


class ModelView:
    """What a member's callbacks see as `self.model`: enough for callbacks that look at epochs."""

    def __init__(self, member: Member):
        self._member = member
        self.stop_training = False
        self.history: History | None = None
        self.optimizer = OptimizerView(member)
        # Set by the shard that the member is in: reads its state while it is on the device.
        self._read: Callable[[], State] | None = None
        self._whole: Model | None = None

    def _model(self) -> Model:
        """The member as an ordinary model, to be asked and not to be changed."""
        member = self._member
        if self._whole is None:
            self._whole = member.make_model(self._state(), None)
        return member.own_group.fill(self._whole, member.own_numbers, member.shown(self._state()), None)

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self._model()(*args, **kwargs)

    @property
    def metrics(self) -> list[Any]:
        return self._member.group.model.metrics

    def _state(self) -> State:
        # What a callback has set and what is not on the device yet comes first.
        if self._member.state is not None:
            return self._member.state
        if self._read is None:
            raise RuntimeError(message("population", "a member has no weights yet"))
        return self._read()

    def get_weights(self) -> list[np.ndarray]:
        """The member's weights in the order of `Model.get_weights`."""
        state = self._member.shown(self._state())
        return [np.array(state[role][index]) for role, index in self._member.own_group.places]

    def set_weights(self, weights: list[Any]) -> None:
        """Gives the member new weights."""
        member = self._member
        state = self._state()
        fresh = {role: list(arrays) for role, arrays in member.shown(state).items()}
        for (role, index), value in zip(member.own_group.places, weights, strict=True):
            fresh[role][index] = np.asarray(value, fresh[role][index].dtype)
        member.state = fresh if member.padding is None else member.padding.widen(fresh)

    def save(self, filepath: PathLike, overwrite: bool = True, **kwargs: object) -> None:
        """Writes the member as a model of its own."""
        self._member.make_model(self._state(), self._member.history).save(filepath, overwrite)

    def save_weights(self, filepath: PathLike, overwrite: bool = True, **kwargs: object) -> None:
        model = self._member.make_model(self._state(), self._member.history)
        model.save_weights(filepath, overwrite)

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ASKED:
            return getattr(self._model(), name)
        raise AttributeError(
            message(
                "callbacks",
                "in a population, self.model has stop_training, optimizer, metrics, "
                "get_weights, set_weights, save, save_weights, predict and evaluate",
                {"attribute": name},
                "Use it in the callback itself, as self.model.NAME: then `fit` trains each member",
            )
        )


class OptimizerView:
    """A member's optimizer as callbacks see it: its numbers, which they may set."""

    def __init__(self, member: Member):
        self.__dict__["_member"] = member

    def __getattr__(self, name: str) -> float:
        member = self.__dict__["_member"]
        index = member.group.optimizer_numbers.get(name)
        if index is None:
            return getattr(member.group.model.optimizer, name)
        return float(member.numbers[index])

    def __setattr__(self, name: str, value: object) -> None:
        member = self.__dict__["_member"]
        known = member.group.optimizer_numbers
        index = known.get(name)
        if index is None:
            raise AttributeError(
                message(
                    "callbacks",
                    "a population's optimizer has no such number to set",
                    {"name": name},
                    did_you_mean(name, list(known)),
                )
            )
        member.numbers[index] = float(np.asarray(value))


def copies_of(callbacks: "Callbacks | Callable[..., Any] | None", index: int) -> list[Any]:
    """A member's own callbacks: copies of those given, or what a function of the member's number gives."""
    found = list(flatten_callbacks(of_member(callbacks, index)))
    if not is_maker(callbacks):
        for callback in found:
            if getattr(callback, "writes_files", False):
                raise ValueError(
                    message(
                        "callbacks",
                        "members of a population must not write the same file",
                        {"callback": type(callback).__name__},
                        "Give a function of the member's number: callbacks=lambda i: [CSVLogger(f'log-{i}.csv')]",
                    )
                )
        found = [copy.deepcopy(callback) for callback in found]
    CallbackList(found)
    return found


def of_member(callbacks: "Callbacks | Callable[..., Any] | None", index: int) -> "Callbacks | None":
    """The callbacks as they were given, or what a function gives for a member's number."""
    if not is_maker(callbacks):
        return cast("Callbacks | None", callbacks)
    try:
        inspect.signature(callbacks).bind(index)
    except ValueError:  # no signature to be had
        pass
    except TypeError:
        said = "a function that makes callbacks takes the member's number"
        raise KindError(message("callbacks", said, {"callbacks": callbacks}, "Write callbacks=lambda i: [...]")) from None
    return callbacks(index)


def watches_batches(callbacks: "Callbacks | Callable[..., Any] | None") -> bool:
    """Whether some of a member's callbacks have hooks for batches, or for evaluations, as those that exchange weights there, or
    ask for more of the model than a member shows."""
    given = CallbackList(of_member(callbacks, 0))
    watching = [callback for callback in given if defines(callback, EVALUATIONS) and not only_looks(callback)]
    asking = any(asks_for_model(callback, SHOWN) for callback in given)
    return bool(watching) or asking or any(given.needs_batches(mode) for mode in ("train", "test"))


def is_maker(callbacks: "Callbacks | Callable[..., Any] | None") -> TypeGuard[Callable[..., Any]]:
    """Whether callbacks are given as a function of the member's number."""
    return callable(callbacks) and not hasattr(callbacks, "on_epoch_end") and not isinstance(callbacks, Iterable)
