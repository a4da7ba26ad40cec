"""The record of a training run, whose measures answer to the names of every version."""

from kerata.callbacks import History

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
