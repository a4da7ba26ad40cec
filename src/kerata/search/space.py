"""Spaces: what a builder asks for through `hp`, in Kerata's spelling and in KerasTuner's.

A space is not declared: `build(hp)` is run, and what it asks for is the space. So a hyperparameter may exist in some
trials only (the width of a third layer where there is a third layer).
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, Protocol, TypeAlias, TypeGuard, TypeVar, cast

from kerata.base.checks import check_choice, check_positive_int, did_you_mean, message
from kerata.callbacks.callback import Callbacks
from kerata.data.samples import ClassWeight
from kerata.search.domain import SLACK, Domain, as_plain, describe, label_key, label_of

T = TypeVar("T")
# `HyperParameters` has methods called float and int, which hide the types from its annotations.
Number: TypeAlias = float
Whole: TypeAlias = int
Flag: TypeAlias = bool

SAMPLINGS = ("linear", "log", "reverse_log")


class Source(Protocol):
    """Where values come from: a sampler, a trial that was recorded, the defaults."""

    def value(self, name: str, domain: "Domain") -> object:
        """The plain value of a hyperparameter."""
        ...


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
        self.fitting: dict[str, Any] = {}

    # Kerata's spelling

    def float(
        self, name: str, low: Number, high: Number, log: Flag = False, step: Number | None = None, default: Number | None = None
    ) -> Number:
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
    ) -> Whole:
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

    def choice(self, name: str, values: Iterable[T], default: object = None) -> T:
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

    def boolean(self, name: str, default: Flag = False) -> bool:
        """`False` or `True`.

        >>> HyperParameters().boolean("normalize")
        False
        """
        return self._take(name, Domain("boolean", choices=(False, True), default=bool(default)))

    def fixed(self, name: str, value: T) -> T:
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
        parent_values: object = None,
    ) -> Number:
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
        parent_values: object = None,
    ) -> Whole:
        """A whole number, as in KerasTuner."""
        with self._parent(parent_name, parent_values):
            if self._check_sampling("Int", name, sampling) != "reverse_log":
                return self.int(name, min_value, max_value, sampling == "log", step, default)
            return self._take_reverse("int", name, min_value, max_value, step, default)

    def Choice(
        self,
        name: str,
        values: Iterable[T],
        ordered: Flag | None = None,
        default: object = None,
        parent_name: str | None = None,
        parent_values: object = None,
    ) -> T:
        """One of some values, as in KerasTuner; that they are in an order makes no difference here."""
        with self._parent(parent_name, parent_values):
            return self.choice(name, values, default)

    def Boolean(self, name: str, default: Flag = False, parent_name: str | None = None, parent_values: object = None) -> bool:
        """`False` or `True`, as in KerasTuner."""
        with self._parent(parent_name, parent_values):
            return self.boolean(name, default)

    def Fixed(self, name: str, value: T, parent_name: str | None = None, parent_values: object = None) -> T:
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
    def conditional_scope(self, parent_name: str, parent_values: object) -> Iterator[None]:
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

    def fit(
        self,
        batch_size: Whole | None = None,
        epochs: Whole | None = None,
        shuffle: Flag | None = None,
        class_weight: ClassWeight | None = None,
        callbacks: Callbacks | Callable[..., Any] | None = None,
    ) -> None:
        """Says how this trial's model is fitted, where that is not as `search.run` says for all.

        In KerasTuner one overrides `HyperModel.fit` for that. What is asked for so counts when the best is fitted again, too.

        Args:
            batch_size, epochs, shuffle, class_weight, callbacks: as in `search.run`; what is `None` is as it says there.

        >>> hp = HyperParameters()
        >>> hp.fit(batch_size=2 ** hp.int("power", 4, 7), epochs=20)
        >>> hp.fitting
        {'batch_size': 16, 'epochs': 20}
        """
        for name, number in (("batch_size", batch_size), ("epochs", epochs)):
            check_positive_int("hp.fit", name, number, optional=True)
        given = {"batch_size": batch_size, "epochs": epochs, "shuffle": shuffle, "class_weight": class_weight}
        given["callbacks"] = callbacks
        self.fitting.update({name: value for name, value in given.items() if value is not None})

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
    def _parent(self, name: str | None, values: object) -> Iterator[None]:
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
                        f"the value that was recorded or given is not within {describe(domain)}",
                        {name: value},
                        "Give one that is; if the space has changed, begin a new study under another name",
                    )
                )
            self.domains[name] = domain
            self.params[name] = as_plain(value)
        value = self.params[name]
        self.values[name] = restore(value) if restore else value
        return self.values[name]

    def _take_reverse(self, kind: str, name: str, low: Number, high: Number, step: Number | None, default: object) -> Any:
        owner = f"hp.{kind} ({name})"
        low, high = self._check_range(owner, low, high, True)
        if step is not None:
            raise ValueError(message(owner, "`step` goes with sampling 'linear' or 'log'", {"step": step}))
        if kind == "int":
            low, high = round(low), round(high)
        return self._take(name, Domain(kind, low, high, True, None, None, True, default))

    @staticmethod
    def _check_sampling(method: str, name: str, sampling: object) -> str:
        return check_choice(f"hp.{method} ({name})", "sampling", "linear" if sampling is None else sampling, SAMPLINGS)

    @staticmethod
    def _check_range(owner: str, low: Number, high: Number, log: object) -> tuple[Any, Any]:
        for argument, value in (("low", low), ("high", high)):
            if not is_number(value):
                raise TypeError(message(owner, f"`{argument}` must be a finite number", {argument: value}))
        low, high = unboxed(low), unboxed(high)
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
    def _check_step(owner: str, step: Number, width: Number) -> Number:
        if not is_number(step) or step <= 0 or (width > 0 and step > width * (1 + SLACK)):
            raise ValueError(
                message(owner, "`step` must be above 0 and not wider than the range", {"step": step, "high - low": width})
            )
        return unboxed(step)


class Defaults:
    """The values that a builder is tried with before a search: defaults, else the first ones."""

    def value(self, name: str, domain: Domain) -> object:
        return domain.first()


class Recorded:
    """Values of a trial that was recorded; what it does not name comes from elsewhere.

    Args:
        params: plain values by name.
        otherwise: where other values come from; the defaults if `None`.
    """

    def __init__(self, params: dict[str, Any], otherwise: Source | None = None):
        self.params, self.otherwise = params, otherwise or Defaults()

    def value(self, name: str, domain: Domain) -> object:
        return self.params[name] if name in self.params else self.otherwise.value(name, domain)


def check_name(owner: str, name: object) -> str:
    if not isinstance(name, str) or not name or len(name) > 500:
        raise TypeError(message(owner, "a hyperparameter needs a name, a text of at most 500 letters", {"name": name}))
    return name


def check_factor(owner: str, low: Number, high: Number, factor: Number) -> list[Number]:
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


def unboxed(number: Any) -> Number:
    """A number of NumPy's as one of Python's."""
    return number.item() if hasattr(number, "item") else number


def is_number(value: object) -> TypeGuard[Number]:
    if isinstance(value, bool) or not (isinstance(value, (int, float)) or getattr(value, "shape", None) == ()):
        return False
    try:
        return math.isfinite(cast(Number, value))
    except TypeError:
        return False


def is_whole(value: object) -> bool:
    return is_number(value) and float(value).is_integer()
