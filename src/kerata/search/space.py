"""Spaces: what a builder asks for through `hp`, in Kerata's spelling and in KerasTuner's.

A space is not declared: `build(hp)` is run, and what it asks for is the space. So a hyperparameter may exist in some
trials only (the width of a third layer where there is a third layer).
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any, NoReturn, Protocol, TypeAlias

from kerata.base.checks import check_choice, did_you_mean, message

# `HyperParameters` has methods called float and int, which hide the types from its annotations.
Number: TypeAlias = float
Whole: TypeAlias = int
Flag: TypeAlias = bool

SAMPLINGS = ("linear", "log", "reverse_log")
# Rounding in (high - low) / step must not lose the last value of a range.
SLACK = 1e-9


class Source(Protocol):
    """Where values come from: a sampler, a trial that was recorded, the defaults."""

    def value(self, name: str, domain: "Domain") -> Any:
        """The plain value of a hyperparameter."""
        ...


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
    low: Number | None = None
    high: Number | None = None
    log: Flag = False
    step: Number | None = None
    choices: tuple[Any, ...] | None = None
    reverse: Flag = False
    default: Any = None

    def as_dict(self) -> dict[str, Any]:
        """The domain as plain data, for files and reports."""
        choices = None if self.choices is None else [as_plain(choice) for choice in self.choices]
        plain = {"kind": self.kind, "low": self.low, "high": self.high, "log": self.log, "step": self.step, "choices": choices}
        return {**plain, "reverse": True} if self.reverse else plain

    def same(self, other: "Domain") -> Flag:
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

    def count(self) -> Whole | None:
        """How many values there are; `None` for a range of floats without `step`."""
        if self.choices is not None:
            return len(self.choices)
        assert self.low is not None and self.high is not None
        if self.kind == "float" and self.step is None:
            return 1 if self.low == self.high else None
        return math.floor((self.high - self.low) / (self.step or 1) + SLACK) + 1

    def at(self, index: Whole) -> Any:
        """The value at a place, counted from 0."""
        if self.choices is not None:
            return self.choices[index]
        assert self.low is not None and self.high is not None
        if self.kind == "int":
            return int(self.low + index * (self.step or 1))
        # 0.1 + 2 * 0.1 is 0.3 to a person.
        return min(float(f"{self.low + index * (self.step or 1):.12g}"), self.high)

    def last(self) -> Any:
        """The highest value, which a step may not reach."""
        count = self.count()
        return self.high if count is None else self.at(count - 1)

    def index(self, value: Any) -> Whole:
        """The place of a value, the nearest one in a range with steps."""
        if self.choices is not None:
            return [label_key(choice) for choice in self.choices].index(label_key(value))
        assert self.low is not None
        return round((value - self.low) / (self.step or 1))

    def first(self) -> Any:
        """The default, else the first value."""
        return self.default if self.default is not None else self.choices[0] if self.choices is not None else self.low

    def from_unit(self, unit: Number) -> Any:
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

    def contains(self, value: Any) -> Flag:
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

    def optuna_number(self, value: Any) -> Number:
        """The number that Optuna's databases hold for a value."""
        return float(self.index(value)) if self.choices is not None else float(value)


def label_key(value: Any) -> str:
    """A text that is different for values that a person would call different: 1, 1.0 and True."""
    return json.dumps(as_plain(value), sort_keys=True)


def as_plain(value: Any) -> Any:
    """The value as JSON would give it back."""
    return [as_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def label_of(owner: str, value: Any) -> Any:
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


class Infeasible(Exception):
    """What a builder raises, by `hp.infeasible()`, for values that do not go together."""


class HyperParameters:
    """What a builder gets as `hp`: each method names a hyperparameter and returns the trial's value for it.

    A name stands for one hyperparameter: asked for again with the same bounds it gives the same value, with others it is
    an error.

    Args:
        source: where the values come from; the defaults if `None`.
        known: domains of other trials, which this one must agree with.

    >>> hp = HyperParameters()
    >>> hp.float("lr", 1e-4, 1e-1, log=True), hp.choice("activation", ["relu", "tanh"])
    (0.0001, 'relu')
    """

    def __init__(self, source: Source | None = None, known: dict[str, Domain] | None = None):
        self._source: Source = source or Defaults()
        self._known = known or {}
        self._scopes: list[str] = []
        self._conditions: list[Flag] = []
        self.domains: dict[str, Domain] = {}
        self.params: dict[str, Any] = {}
        self.values: dict[str, Any] = {}

    # Kerata's spelling

    def float(
        self, name: str, low: Number, high: Number, log: Flag = False, step: Number | None = None, default: Number | None = None
    ) -> Any:
        """A number between `low` and `high`, both included.

        Args:
            name: what it is called in tables and reports.
            low, high: the ends.
            log: whether 0.001 to 0.01 is as likely as 0.01 to 0.1.
            step: distance of neighbours; with `log` the factor between them.
            default: the value that `build` is tried with before the search.

        >>> HyperParameters().float("rate", 0.0, 0.5, step=0.25)
        0.0
        """
        owner = f"hp.float ({name})"
        low, high = self._check_range(owner, low, high, log)
        if step is not None and log:
            values = check_factor(owner, low, high, step)
            return self._take(name, Domain("choice", choices=tuple(values), default=default))
        if step is not None:
            step = self._check_step(owner, step, high - low)
        return self._take(name, Domain("float", low, high, bool(log), step, default=default))

    def int(
        self, name: str, low: Whole, high: Whole, log: Flag = False, step: Whole | None = None, default: Whole | None = None
    ) -> Any:
        """A whole number between `low` and `high`, both included. The arguments are those of `float`.

        >>> HyperParameters().int("units", 16, 128, step=16)
        16
        """
        owner = f"hp.int ({name})"
        for argument, value in (("low", low), ("high", high)):
            if not is_whole(value):
                raise TypeError(message(owner, f"`{argument}` must be a whole number", {argument: value}, "Use hp.float"))
        low, high = self._check_range(owner, low, high, log)
        low, high = round(low), round(high)
        if step is not None and log:
            values = [round(value) for value in check_factor(owner, low, high, step)]
            return self._take(name, Domain("choice", choices=tuple(dict.fromkeys(values)), default=default))
        if step is not None:
            if not is_whole(step):
                raise TypeError(message(owner, "`step` must be a whole number", {"step": step}))
            step = round(self._check_step(owner, step, high - low))
        return self._take(name, Domain("int", low, high, bool(log), step, default=default))

    def choice(self, name: str, values: Iterable[Any], default: Any = None) -> Any:
        """One of some values: plain data, classes or functions.

        >>> HyperParameters().choice("optimizer", ["adam", "sgd"])
        'adam'
        """
        owner = f"hp.choice ({name})"
        if isinstance(values, (str, bytes, dict)) or not isinstance(values, Iterable):
            raise TypeError(message(owner, "`values` must be a list", {"values": values}))
        values = list(values)
        if not values:
            raise ValueError(message(owner, "there must be at least one value to choose", {"values": values}))
        labels = [label_of(owner, value) for value in values]
        keys = [label_key(label) for label in labels]
        if len(set(keys)) < len(keys):
            twice = next(label for label, key in zip(labels, keys) if keys.count(key) > 1)
            fix = "Give the functions names of their own" if any(callable(v) for v in values) else "Name each value once"
            raise ValueError(message(owner, "each value must be there once", {"value": twice}, fix))
        default = None if default is None else label_of(owner, default)
        if default is not None and label_key(default) not in keys:
            raise ValueError(message(owner, "`default` must be one of the values", {"default": default, "values": values}))
        objects = dict(zip(keys, values))
        return self._take(
            name, Domain("choice", choices=tuple(labels), default=default), lambda plain: objects[label_key(plain)]
        )

    def boolean(self, name: str, default: Flag = False) -> Any:
        """`False` or `True`.

        >>> HyperParameters().boolean("normalize")
        False
        """
        return self._take(name, Domain("boolean", choices=(False, True), default=bool(default)))

    def fixed(self, name: str, value: Any) -> Any:
        """A value that is not searched, but shown with the others.

        >>> HyperParameters().fixed("batch_size", 32)
        32
        """
        label = label_of(f"hp.fixed ({name})", value)
        return self._take(name, Domain("fixed", choices=(label,), default=label), lambda plain: value)

    # KerasTuner's spelling

    def Float(
        self,
        name: str,
        min_value: Number,
        max_value: Number,
        step: Number | None = None,
        sampling: str = "linear",
        default: Number | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """A number, as in KerasTuner; `sampling` is "linear", "log" or "reverse_log"."""
        with self._parent(parent_name, parent_values):
            if self._check_sampling("Float", name, sampling) != "reverse_log":
                return self.float(name, min_value, max_value, sampling == "log", step, default)
            return self._take_reverse("float", name, min_value, max_value, step, default)

    def Int(
        self,
        name: str,
        min_value: Whole,
        max_value: Whole,
        step: Whole | None = None,
        sampling: str = "linear",
        default: Whole | None = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """A whole number, as in KerasTuner."""
        with self._parent(parent_name, parent_values):
            if self._check_sampling("Int", name, sampling) != "reverse_log":
                return self.int(name, min_value, max_value, sampling == "log", step, default)
            return self._take_reverse("int", name, min_value, max_value, step, default)

    def Choice(
        self,
        name: str,
        values: Iterable[Any],
        ordered: Flag | None = None,
        default: Any = None,
        parent_name: str | None = None,
        parent_values: Any = None,
    ) -> Any:
        """One of some values, as in KerasTuner; that they are in an order makes no difference here."""
        with self._parent(parent_name, parent_values):
            return self.choice(name, values, default)

    def Boolean(self, name: str, default: Flag = False, parent_name: str | None = None, parent_values: Any = None) -> Any:
        """`False` or `True`, as in KerasTuner."""
        with self._parent(parent_name, parent_values):
            return self.boolean(name, default)

    def Fixed(self, name: str, value: Any, parent_name: str | None = None, parent_values: Any = None) -> Any:
        """A value that is not searched, as in KerasTuner."""
        with self._parent(parent_name, parent_values):
            return self.fixed(name, value)

    @contextmanager
    def name_scope(self, name: str) -> Iterator[None]:
        """Within it, names begin with `name/`.

        >>> hp = HyperParameters()
        >>> with hp.name_scope("encoder"):
        ...     units = hp.int("units", 8, 64)
        >>> hp.values
        {'encoder/units': 8}
        """
        self._scopes.append(check_name("hp.name_scope", name))
        try:
            yield
        finally:
            self._scopes.pop()

    @contextmanager
    def conditional_scope(self, parent_name: str, parent_values: Any) -> Iterator[None]:
        """Within it, hyperparameters exist only where the parent has one of the values; elsewhere they are `None`.

        >>> hp = HyperParameters()
        >>> kind = hp.choice("kind", ["dense", "conv"])
        >>> with hp.conditional_scope("kind", ["conv"]):
        ...     print(hp.int("filters", 8, 64))
        None
        """
        scoped = self._full(parent_name)
        parent = scoped if scoped in self.values or parent_name not in self.values else parent_name
        if parent not in self.values and all(self._conditions):
            raise ValueError(
                message(
                    f"hp.conditional_scope ({parent_name})",
                    "the parent must be asked for first",
                    {"parent": parent_name},
                    did_you_mean(parent_name, self.values) if self.values else "",
                )
            )
        wanted = list(parent_values) if isinstance(parent_values, (list, tuple, set, range)) else [parent_values]
        labels = {label_key(label_of("hp.conditional_scope", value)) for value in wanted}
        self._conditions.append(parent in self.params and label_key(self.params[parent]) in labels)
        try:
            yield
        finally:
            self._conditions.pop()

    def get(self, name: str) -> Any:
        """The value of a hyperparameter that was asked for before."""
        for candidate in (self._full(name), name):
            if candidate in self.values:
                return self.values[candidate]
        raise ValueError(
            message(
                "hp.get",
                "there is no such hyperparameter in this trial",
                {"name": name},
                did_you_mean(name, self.values) if self.values else "",
            )
        )

    def infeasible(self, reason: str = "these values do not go together") -> NoReturn:
        """Ends the building of this trial's model: its values are not to be tried.

        However many trials end so, the search goes on.

        Args:
            reason: for tables and reports.

        >>> hp = HyperParameters()
        >>> try:
        ...     if hp.int("heads", 3, 8) % 2:
        ...         hp.infeasible("an odd number of heads")
        ... except Exception as error:
        ...     print(error)
        an odd number of heads
        """
        raise Infeasible(reason)

    def __contains__(self, name: str) -> Flag:
        return self._full(name) in self.values or name in self.values

    # Behind them

    def _full(self, name: str) -> str:
        return "/".join([*self._scopes, name])

    @contextmanager
    def _parent(self, name: str | None, values: Any) -> Iterator[None]:
        if name is None:
            yield
        else:
            with self.conditional_scope(name, values):
                yield

    def _take(self, name: str, domain: Domain, restore: Callable[[Any], Any] | None = None) -> Any:
        """The trial's value, checked and noted; `None` where the hyperparameter does not exist."""
        name = self._full(check_name(f"hp.{domain.kind}", name))
        owner = f"hp.{domain.kind} ({name})"
        known = self.domains.get(name) or self._known.get(name)
        if known is not None and known.kind != domain.kind:
            raise ValueError(
                message(
                    owner,
                    f"the name is taken by a hyperparameter of another kind, hp.{known.kind}",
                    {"name": name},
                    "Give each its own name, or use hp.name_scope",
                )
            )
        if known is not None and not known.same(domain):
            raise ValueError(
                message(
                    owner,
                    f"the name was used with other bounds, {describe(known)}",
                    {"now": describe(domain)},
                    "A name has the same bounds in every trial: use two names",
                )
            )
        if domain.default is not None and not domain.contains(domain.default):
            raise ValueError(message(owner, f"`default` must be within {describe(domain)}", {"default": domain.default}))
        if not all(self._conditions):
            return None
        if name not in self.domains:
            value = self._source.value(name, domain)
            if not domain.contains(value):
                raise ValueError(
                    message(
                        owner,
                        f"the recorded value is not within {describe(domain)}",
                        {name: value},
                        "The space has changed: begin a new study under another name",
                    )
                )
            self.domains[name] = domain
            self.params[name] = as_plain(value)
        value = self.params[name]
        self.values[name] = restore(value) if restore else value
        return self.values[name]

    def _take_reverse(self, kind: str, name: str, low: Any, high: Any, step: Any, default: Any) -> Any:
        owner = f"hp.{kind} ({name})"
        low, high = self._check_range(owner, low, high, True)
        if step is not None:
            raise ValueError(message(owner, "`step` goes with sampling 'linear' or 'log'", {"step": step}))
        if kind == "int":
            low, high = round(low), round(high)
        return self._take(name, Domain(kind, low, high, True, None, None, True, default))

    @staticmethod
    def _check_sampling(method: str, name: str, sampling: Any) -> str:
        return check_choice(f"hp.{method} ({name})", "sampling", "linear" if sampling is None else sampling, SAMPLINGS)

    @staticmethod
    def _check_range(owner: str, low: Any, high: Any, log: Any) -> tuple[Any, Any]:
        for argument, value in (("low", low), ("high", high)):
            if not is_number(value):
                raise TypeError(message(owner, f"`{argument}` must be a finite number", {argument: value}))
        low, high = (v.item() if hasattr(v, "item") else v for v in (low, high))
        if low > high:
            raise ValueError(message(owner, "`low` must not be above `high`", {"low": low, "high": high}, "Swap them"))
        if log and low <= 0:
            raise ValueError(
                message(
                    owner,
                    "`low` must be above 0 on a logarithmic scale",
                    {"low": low},
                    "Give a small positive number, or leave out log=True",
                )
            )
        is_int = owner.startswith("hp.int")
        return (low, high) if is_int else (float(low), float(high))

    @staticmethod
    def _check_step(owner: str, step: Any, width: Number) -> Number:
        if not is_number(step) or step <= 0 or (width > 0 and step > width * (1 + SLACK)):
            raise ValueError(
                message(owner, "`step` must be above 0 and not wider than the range", {"step": step, "high - low": width})
            )
        return step.item() if hasattr(step, "item") else step


class Defaults:
    """The values that a builder is tried with before a search: defaults, else the first ones."""

    def value(self, name: str, domain: Domain) -> Any:
        return domain.first()


class Recorded:
    """Values of a trial that was recorded; what it does not name comes from elsewhere.

    Args:
        params: plain values by name.
        otherwise: where other values come from; the defaults if `None`.
    """

    def __init__(self, params: dict[str, Any], otherwise: Source | None = None):
        self.params, self.otherwise = params, otherwise or Defaults()

    def value(self, name: str, domain: Domain) -> Any:
        return self.params[name] if name in self.params else self.otherwise.value(name, domain)


def check_name(owner: str, name: Any) -> str:
    if not isinstance(name, str) or not name or len(name) > 500:
        raise TypeError(message(owner, "a hyperparameter needs a name, a text of at most 500 letters", {"name": name}))
    return name


def check_factor(owner: str, low: Number, high: Number, factor: Any) -> list[Number]:
    """The values low, low * factor, ... up to high."""
    if not is_number(factor) or factor <= 1:
        raise ValueError(
            message(
                owner,
                "`step` must be a factor above 1 on a logarithmic scale",
                {"step": factor},
                "log=True, step=10 gives 0.001, 0.01, 0.1",
            )
        )
    values = [low]
    while values[-1] * factor <= high * (1 + SLACK):
        # Multiplied from the start, and rounded, so that 0.001 times 10 is 0.01.
        values.append(float(f"{low * factor ** len(values):.12g}"))
    return values


def describe(domain: Domain) -> str:
    """A domain in words.

    >>> describe(Domain("float", 0.0001, 0.1, log=True))
    'float from 0.0001 to 0.1, log'
    """
    if domain.choices is not None:
        return f"{domain.kind} of {list(domain.choices)}"
    scale = (", log reversed" if domain.reverse else ", log") if domain.log else ""
    return f"{domain.kind} from {domain.low} to {domain.high}{scale}" + (f", step {domain.step}" if domain.step else "")


def is_number(value: Any) -> bool:
    if isinstance(value, bool) or not (isinstance(value, (int, float)) or getattr(value, "shape", None) == ()):
        return False
    try:
        return math.isfinite(value)
    except TypeError:
        return False


def is_whole(value: Any) -> bool:
    return is_number(value) and float(value).is_integer()
