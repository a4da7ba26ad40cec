"""The hooks of training, and the list that calls them."""

import inspect
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Protocol, TypeAlias

from kerata.base.checks import KindError, Said, message
from kerata.engine.structure import is_ours

BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


class Rated(Protocol):
    """What has a learning rate."""

    learning_rate: float


class HasOptimizer(Protocol):
    """A model that is compiled."""

    optimizer: Rated


class Callback:
    """Hooks that a training run calls. A callback that defines no batch hook never slows the loop.

    `self.model` is the model, `self.params` holds `epochs`, `steps` and `verbose`.

    >>> import kerata
    >>> class StopAtHalf(kerata.callbacks.Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         self.model.stop_training = logs["loss"] < 0.5
    """

    # A callback that only listens and shows, such as a progress bar, follows the loop by this in place of batch hooks.
    follows_progress = False
    # Whether it only looks: nothing that it does can change what is trained after. Of the very class that says so, not of
    # what is derived from it.
    is_passive = False
    # Whether it writes files of its own, so that a copy of it would write the same ones.
    writes_files = False
    # Names that it adds to the logs of an epoch; `None` where they are not known, as of a user's own callback.
    added_logs: tuple[str, ...] | None = ()

    # Attributes that a backup of training keeps, so that a callback goes on counting where it was: numbers, texts, lists of
    # arrays, or `None`.
    remembered: tuple[str, ...] = ()
    # How many epochs are done already, of a callback that has brought back where training was cut off.
    epochs_done = 0

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None
        self.validation_data: object = None

    @property
    def model(self) -> Any:
        return getattr(self, "_model", None)

    @model.setter
    def model(self, model: object) -> None:
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def set_model(self, model: object) -> None:
        self._model = model

    def settle(self) -> None:
        """Called after the last epoch, before the optimizer takes averages of weights over."""

    def join(self, callbacks: list[Any]) -> None:
        """Called with all callbacks once `on_train_begin` of each is done."""

    def after_epoch(self, epoch: int) -> None:
        """Called once `on_epoch_end` of each callback is done."""

    def on_progress(self, done: int, logs: dict[str, Any]) -> None:
        """Called now and then with the number of batches done, where `follows_progress` is true."""

    def on_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """An older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """An older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Before an epoch."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """After an epoch and its validation; `logs` holds both."""

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a batch of training."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After a batch of training; `logs` holds the measures of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a batch of evaluation."""

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After a batch of evaluation."""

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before a batch of prediction."""

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After a batch of prediction."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before training."""

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """After training."""

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before evaluation or validation."""

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """After evaluation or validation."""

    def on_predict_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: dict[str, Any] | None = None) -> None:
        """After prediction."""


class CallbackList(Callback):
    """Callbacks in the order in which they are called.

    Args:
        callbacks: callbacks, alone or in a list, or a `CallbackList`.
        model: the model that they are told of.
        params: `epochs`, `steps`, `verbose`.
        add_history, add_progbar: whether a `History`, a `ProgbarLogger` is added where there is none.
    """

    # What `add_history` and `add_progbar` add; the files of these classes set them.
    standard: ClassVar[dict[str, type[Callback]]] = {}

    def __init__(
        self,
        callbacks: object = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: object = None,
        **params: object,
    ):
        super().__init__()
        given = list(flatten_callbacks(callbacks))
        for callback in given:
            if not isinstance(callback, Callback) and not hasattr(callback, "on_epoch_end"):
                fix = "Give an instance" if isinstance(callback, type) else "Derive from kerata.callbacks.Callback"
                raise TypeError(message("callbacks", "each must be a Callback", {"callback": callback}, fix))
            if isinstance(callback, type):
                raise TypeError(
                    message(
                        "callbacks",
                        "each must be an instance, not a class",
                        {"callback": callback},
                        f"Write {callback.__name__}()",
                    )
                )
            check_hooks(callback)
        for name, wanted in (("history", add_history), ("progbar", add_progbar)):
            if wanted and not any(isinstance(callback, self.standard[name]) for callback in given):
                given.append(self.standard[name]())
        self.callbacks: list[Any] = given
        # What `needs_batches` has found: it is asked in each epoch.
        self._batchwise: dict[str, bool] = {}
        if model is not None:
            self.set_model(model)
        if params:
            self.set_params(params)

    def on_progress(self, done: int, logs: dict[str, Any]) -> None:
        for callback in self.callbacks:
            if getattr(callback, "follows_progress", False):
                callback.on_progress(done, logs)

    def note_seconds(self, seconds: float) -> None:
        """Tells callbacks that show durations what the epoch that ends now took, where several ran in one call."""
        for callback in self.callbacks:
            if hasattr(callback, "epoch_seconds"):
                callback.epoch_seconds = seconds

    def append(self, callback: "Callback") -> None:
        check_hooks(callback)
        self.callbacks.append(callback)
        self._batchwise.clear()

    def __iter__(self):
        return iter(self.callbacks)

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: object) -> None:
        self._model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def needs_batches(self, mode: str) -> bool:
        """Whether any callback has a hook for every batch of `"train"`, `"test"` or `"predict"`."""
        found = self._batchwise.get(mode)
        if found is None:
            found = self._batchwise[mode] = any(defines(callback, BATCH_HOOKS[mode]) for callback in self.callbacks)
        return found

    @property
    def epochs_done(self) -> int:
        """How many epochs are done already, where callbacks have brought back what was trained before."""
        return max((getattr(callback, "epochs_done", 0) for callback in self.callbacks), default=0)

    def settle(self) -> None:
        """Before the optimizer takes averages of weights over."""
        for callback in self.callbacks:
            if hasattr(callback, "settle"):
                callback.settle()

    @property
    def needs_progress(self) -> bool:
        """Whether any callback shows the progress within an epoch."""
        return any(getattr(callback, "follows_progress", False) for callback in self.callbacks)


def read_verbose(verbose: "Verbose") -> int:
    """0 for silence, 1 for a progress bar, 2 for a line an epoch, from what a person may pass."""
    if isinstance(verbose, str) and verbose == "auto":
        return 1
    try:
        return int(verbose)
    except (TypeError, ValueError):
        raise ValueError(message("verbose", "`verbose` must be 0, 1, 2 or 'auto'", {"verbose": verbose})) from None


def flatten_callbacks(callbacks: object) -> Iterator[Any]:
    """The callbacks of lists in lists."""
    if isinstance(callbacks, (list, tuple, CallbackList)):
        for item in callbacks:
            yield from flatten_callbacks(item)
    elif callbacks is not None:
        yield callbacks


def is_passive(callback: object) -> bool:
    """Whether a callback only looks. A class derived from one that does may do more."""
    return vars(type(callback)).get("is_passive", False)


def rated(model: "HasOptimizer") -> dict[str, Rated]:
    """What has a learning rate, by the rate's name in logs: a model's optimizer, or each of those in a `MultiOptimizer`."""
    several: Iterable[Any] | None = getattr(model.optimizer, "optimizers", None)
    return {"learning_rate": model.optimizer} if several is None else {f"learning_rate_{one.name}": one for one in several}


def added_logs(callback: Callback) -> tuple[str, ...] | None:
    """Names that a callback adds to the logs of an epoch; `None` where a user's own may add any."""
    return callback.added_logs if is_ours(type(callback)) else None


def only_looks(callback: object) -> bool:
    """Whether a callback of Kerata's only shows or writes what it is told: no score depends on it."""
    return is_ours(type(callback)) and (is_passive(callback) or bool(getattr(callback, "writes_files", False)))


def defines(callback: object, hooks: tuple[str, ...]) -> bool:
    """Whether a callback does something in one of these hooks."""
    for name in hooks:
        method = getattr(callback, name, None)
        if method is not None and getattr(method, "__func__", method) is not getattr(Callback, name):
            return True
    return False


HOOKS = [name for name in vars(Callback) if name.startswith("on_") and name != "on_progress"]
_checked: weakref.WeakSet[type] = weakref.WeakSet()


def check_hooks(callback: object) -> None:
    """Raises for a hook that cannot be called as hooks are; a class's own ones are looked at once."""
    own = getattr(callback, "__dict__", {})
    known = type(callback) in _checked
    for name in HOOKS:
        if (name in own or not known) and defines(callback, (name,)):
            _check_hook(callback, name, getattr(callback, name))
    _checked.add(type(callback))


def _check_hook(callback: object, name: str, hook: Callable[..., Any]) -> None:
    given = (0, {}) if _is_numbered(name) else ({},)
    try:
        signature = inspect.signature(hook)
    except (TypeError, ValueError):  # no signature to be had
        return
    try:
        signature.bind(*given)
    except TypeError:
        expected = list(inspect.signature(getattr(Callback, name)).parameters)
        plain = f"def {name}({', '.join(expected[:-1])}, logs=None)"
        fix = f"Write `{plain}`" if inspect.ismethod(hook) else f"Give a function of ({', '.join(expected[1:])})"
        said = Said(f"{name}{signature}")
        raise KindError(message(callback, f"its hook `{name}` cannot be called", {name: said}, fix)) from None


def _is_numbered(name: str) -> bool:
    """Whether a hook gets the number of an epoch or of a batch before the logs."""
    return "epoch" in name or "batch" in name


def _tell(callbacks: CallbackList, name: str, *number: int, logs: dict[str, Any] | None) -> None:
    """Calls a hook of each; logs are a dict for every one."""
    logs = {} if logs is None else logs
    for callback in callbacks.callbacks:
        method = getattr(callback, name, None)
        if method is not None:
            method(*number, logs)


def _forward(name: str) -> Callable[..., None]:
    def epochwise(self: CallbackList, epoch: int, logs: dict[str, Any] | None = None) -> None:
        _tell(self, name, epoch, logs=logs)

    def batchwise(self: CallbackList, batch: int, logs: dict[str, Any] | None = None) -> None:
        _tell(self, name, batch, logs=logs)

    def plain(self: CallbackList, logs: dict[str, Any] | None = None) -> None:
        _tell(self, name, logs=logs)

    call = epochwise if "epoch" in name else batchwise if "batch" in name else plain
    call.__name__, call.__doc__ = name, getattr(Callback, name).__doc__
    return call


def _begin(self: CallbackList, logs: dict[str, Any] | None = None) -> None:
    _tell(self, "on_train_begin", logs=logs)
    for callback in self.callbacks:
        if hasattr(callback, "join"):
            callback.join(self.callbacks)


def _end_epoch(self: CallbackList, epoch: int, logs: dict[str, Any] | None = None) -> None:
    _tell(self, "on_epoch_end", epoch, logs=logs)
    for callback in self.callbacks:
        if hasattr(callback, "after_epoch"):
            callback.after_epoch(epoch)


_fuller = {"on_train_begin": _begin, "on_epoch_end": _end_epoch}
for _name in HOOKS:
    setattr(CallbackList, _name, _fuller.get(_name) or _forward(_name))


# What a person may give: one, several, or a list of them that is ready.
Callbacks: TypeAlias = Callback | CallbackList | Iterable[Callback]
Verbose: TypeAlias = int | str | bool
