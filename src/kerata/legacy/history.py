"""The record of a training run, whose measures answer to the names of every version."""

from typing import Any

from kerata.callbacks import Callback, History

# Before 2.3 a measure was reported by the name of its function, whatever `compile` was given.
LONG = {
    "acc": "accuracy",
    "mae": "mean_absolute_error",
    "mse": "mean_squared_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
}
TWINS = {**LONG, **{long: short for short, long in LONG.items()}}
# What callbacks that change the rate write it under.
RATES = {"lr": "learning_rate", "learning_rate": "lr"}


class AliasDict(dict):
    """A dict in which `acc` stands for `accuracy`, `mae` for `mean_absolute_error`, ..., and the other way round.

    >>> AliasDict({"val_accuracy": 1})["val_acc"], "val_acc" in AliasDict({"val_accuracy": 1})
    (1, True)
    """

    def __missing__(self, name: str) -> object:
        twin = twin_of(name)
        if twin is not None and dict.__contains__(self, twin):
            return dict.__getitem__(self, twin)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or (isinstance(name, str) and dict.__contains__(self, twin_of(name)))

    def get(self, name: str, default: object = None) -> object:
        try:
            return self[name]
        except KeyError:
            return default


def twin_of(name: str) -> str | None:
    """`val_acc` for `val_accuracy`, `lr` for `learning_rate`, and the other way round; `None` for all other measures."""
    if name in RATES:
        return RATES[name]
    for one, other in TWINS.items():
        if name == one or name.endswith(f"_{one}"):
            return name.removesuffix(one) + other
    return None


class OldHistory(History):
    """`History` whose `history` knows both names of a measure."""

    is_passive = True

    def __init__(self) -> None:
        super().__init__()
        self.history = AliasDict()


class LogsInOrder(Callback):
    """Brings the logs of epochs into the order of then, for the callbacks behind it: the loss, then the measures of `compile`.

    What was validated came after them in `tf.keras`, and before them in standalone Keras. Today they are sorted by name.

    Source: `fit_loop` and `BaseLogger` of Keras 2.3.1, `Model.fit` of `tf.keras`.

    Args:
        model: whose logs.
    """

    is_passive = True

    def __init__(self, model):
        super().__init__()
        self.of, self.told = model, {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs:
            names, validated = (self.of._names_of_logs(step) for step in ("train_step", "test_step"))
            values = in_order(logs, names, self.of._era, validated)
            logs.clear()
            logs.update(values)
            self.told = values

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        # What callbacks add to the logs of an epoch was told of at its end alone; before `tf.keras` nothing was told of here.
        if logs:
            logs.clear()
            logs.update(self.told if self.of._era == "tfkeras2" else {})


def in_order(logs: dict[str, Any], names: list[str], era: str, validated: list[str] | None = None) -> dict[str, Any]:
    """The logs in the order of an era; names that are not known keep theirs, behind those that are.

    Args:
        logs: by name.
        names: in their order.
        era: which one.
        validated: those of what was validated, where their order is another one.

    >>> list(in_order({"acc": 1, "loss": 2, "val_acc": 3, "val_loss": 4}, ["loss", "acc"], "keras2"))
    ['val_loss', 'val_acc', 'loss', 'acc']
    """
    own = [name for name in logs if not name.startswith("val_")]
    ranks = {name: rank for rank, name in enumerate(names)}
    own.sort(key=lambda name: ranks.get(name, len(ranks)))
    ranks = ranks if validated is None else {name: rank for rank, name in enumerate(validated)}
    held_out = sorted((name for name in logs if name not in own), key=lambda name: ranks.get(name[4:], len(ranks)))
    return {name: logs[name] for name in (own + held_out if era == "tfkeras2" else held_out + own)}
