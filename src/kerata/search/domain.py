"""Domains: the values that a hyperparameter may take, as plain data."""

import json
import math
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from kerata.base.checks import message

# Rounding in (high - low) / step must not lose the last value of a range.
SLACK = 1e-9


@dataclass(frozen=True)
class Domain:
    """The values that a hyperparameter may take, as plain data.

    Attributes:
        kind: "float", "int", "choice", "boolean" or "fixed".
        low, high: the ends of a range, both included.
        log: whether a range is even on a logarithmic scale.
        step: the distance of neighbours in a range.
        choices: what a choice chooses from; classes and functions by their names.
        reverse: with `log`, whether the scale is denser at the high end.
        default: what KerasTuner calls the default; the first of the values if there is none.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] | None = None
    reverse: bool = False
    default: object = None

    def as_dict(self) -> dict[str, Any]:
        """The domain as plain data, for files and reports."""
        choices = None if self.choices is None else [as_plain(choice) for choice in self.choices]
        plain = {"kind": self.kind, "low": self.low, "high": self.high, "log": self.log, "step": self.step, "choices": choices}
        return {**plain, "reverse": True} if self.reverse else plain

    def same(self, other: "Domain") -> bool:
        """Whether two domains hold the same values; what is the default does not matter."""
        return self.as_dict() == other.as_dict()

    @classmethod
    def of_dict(cls, plain: dict[str, Any]) -> "Domain":
        """A domain from what `as_dict` gave."""
        choices = plain["choices"]
        return cls(
            plain["kind"],
            plain["low"],
            plain["high"],
            plain["log"],
            plain["step"],
            None if choices is None else tuple(choices),
            plain.get("reverse", False),
        )

    def count(self) -> int | None:
        """How many values there are; `None` for a range of floats without `step`."""
        if self.choices is not None:
            return len(self.choices)
        assert self.low is not None and self.high is not None
        if self.kind == "float" and self.step is None:
            return 1 if self.low == self.high else None
        return math.floor((self.high - self.low) / (self.step or 1) + SLACK) + 1

    def at(self, index: int) -> Any:
        """The value at a place, counted from 0."""
        if self.choices is not None:
            return self.choices[index]
        assert self.low is not None and self.high is not None
        if self.kind == "int":
            return int(self.low + index * (self.step or 1))
        # 0.1 + 2 * 0.1 is 0.3 to a person.
        return min(float(f"{self.low + index * (self.step or 1):.12g}"), self.high)

    def last(self) -> float | None:
        """The highest value, which a step may not reach."""
        count = self.count()
        return self.high if count is None else self.at(count - 1)

    def index(self, value: Any) -> int:
        """The place of a value, the nearest one in a range with steps."""
        if self.choices is not None:
            return [label_key(choice) for choice in self.choices].index(label_key(value))
        assert self.low is not None
        return round((value - self.low) / (self.step or 1))

    def first(self) -> object:
        """The default, else the first value."""
        return self.default if self.default is not None else self.choices[0] if self.choices is not None else self.low

    def from_unit(self, unit: float) -> object:
        """The value at a place between 0 and 1, so that even numbers there are even on the domain's scale."""
        count = self.count()
        if count is not None and not self.log:
            return self.at(min(int(unit * count), count - 1))
        assert self.low is not None and self.high is not None
        # An integer owns half a unit to either side.
        margin = 0.5 if self.kind == "int" else 0.0
        low, high = self.low - margin, self.high + margin
        if not self.log:
            value = low + unit * (high - low)
        elif self.reverse:
            value = self.low + self.high - low * (high / low) ** (1.0 - unit)
        else:
            value = low * (high / low) ** unit
        value = min(max(round(value) if self.kind == "int" else value, self.low), self.high)
        return int(value) if self.kind == "int" else float(value)

    def contains(self, value: object) -> bool:
        """Whether a value is one of the domain's."""
        if self.choices is not None:
            return label_key(value) in {label_key(choice) for choice in self.choices}
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        assert self.low is not None and self.high is not None
        return self.low <= value <= self.high and (self.kind == "float" or float(value).is_integer())

    # As Optuna has it

    def optuna_choices(self) -> list[Any]:
        """The choices in the types that Optuna takes; others, and those that Python calls equal (1 and True), as text."""
        assert self.choices is not None
        simple = all(
            c is None or isinstance(c, (bool, int, str)) or (isinstance(c, float) and math.isfinite(c)) for c in self.choices
        )
        if simple and len(set(self.choices)) == len(self.choices):
            return list(self.choices)
        return [c if isinstance(c, str) else label_key(c) for c in self.choices]

    def optuna_json(self) -> str:
        """The distribution in the form in which Optuna's databases hold it."""
        if self.choices is not None:
            return json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": self.optuna_choices()}})
        log = self.log and not self.reverse
        if self.kind == "int":
            bounds = {"log": log, "step": int(self.step or 1), "low": self.low, "high": self.last()}
            return json.dumps({"name": "IntDistribution", "attributes": bounds})
        bounds = {"step": self.step, "low": self.low, "high": self.last(), "log": log}
        return json.dumps({"name": "FloatDistribution", "attributes": bounds})

    def optuna_number(self, value: Any) -> float:
        """The number that Optuna's databases hold for a value."""
        return float(self.index(value)) if self.choices is not None else float(value)


def label_key(value: object) -> str:
    """A text that is different for values that a person would call different: 1, 1.0 and True."""
    return json.dumps(as_plain(value), sort_keys=True)


def as_plain(value: object) -> object:
    """The value as JSON would give it back."""
    return [as_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def label_of(owner: str, value: Any) -> object:
    """How a choice is kept: plain data as it is, a class or a function by its name."""
    if isinstance(value, (type, FunctionType)) or (callable(value) and hasattr(value, "__name__")):
        return value.__name__
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        raise TypeError(
            message(
                owner,
                "choices must be plain data (numbers, text, None, lists of such), classes or functions",
                {"value": value},
                "Choose between names, and make the object in the builder",
            )
        ) from None
    return tuple(value) if isinstance(value, list) else value


def describe(domain: Domain) -> str:
    """A domain in words.

    >>> describe(Domain("float", 0.0001, 0.1, log=True))
    'float from 0.0001 to 0.1, log'
    """
    if domain.choices is not None:
        return f"{domain.kind} of {list(domain.choices)}"
    scale = (", log reversed" if domain.reverse else ", log") if domain.log else ""
    return f"{domain.kind} from {domain.low} to {domain.high}{scale}" + (f", step {domain.step}" if domain.step else "")
