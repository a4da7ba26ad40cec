"""Samplers: where the values of a trial come from.

Grid, random and quasi-random values depend on the seed and the trial's number alone, so it makes no difference which
process takes a trial. TPE, CMA-ES and every other sampler of Optuna see the trials that are known when they are asked,
on a study in memory that mirrors the storage.
"""

import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from kerata.base.checks import check_choice, message
from kerata.base.types import Plain
from kerata.search.domain import Domain
from kerata.search.records import COMPLETE, FAILED, PRUNED, RUNNING, Trial
from kerata.search.space import Recorded, Source

NAMES = ("grid", "random", "quasi-random", "tpe", "cmaes", "nsga-ii")
# All trials at once make the fewest programs; more than this only takes memory.
MOST_AT_ONCE = 256
# What a sampler that learns is asked for at once: enough to fill a program, few enough to learn between batches.
LEARNING_BATCH = 16


class Sampler:
    """What a study asks for values.

    Attributes:
        batch: how many trials are asked for at once.
        learns: whether it must be told of trials.
    """

    batch = MOST_AT_ONCE
    learns = False

    def source(self, number: int) -> Source:
        """The values of a new trial."""
        raise NotImplementedError

    def room(self, upto: int, build: Callable[[int, Source], Any], params: dict[int, dict[str, Any]]) -> int | None:
        """How many trials there may be so far; `None` without an end."""
        return None

    def start(self, number: int) -> None:
        """A batch begins whose first trial has this number."""

    def adopt(self, trial: Trial) -> None:
        """A trial that this process trains now, with values that were recorded before."""

    def learn(self, trials: Iterable[Trial]) -> None:
        """Trials as the storage knows them, of this process and of others."""

    def replace(self, trial: Trial) -> None:
        """A trial that this process trains now, with other values than those that were asked for."""

    def notes(self, number: int) -> dict[str, Any]:
        """What the sampler wants to be kept with a trial."""
        return {}


class RandomSampler(Sampler):
    """Values drawn independently: each is a function of (seed, number, name).

    Args:
        seed: the study's seed.

    >>> RandomSampler(7).source(0).value("units", Domain("int", 8, 64)) == RandomSampler(7).source(0).value(
    ...     "units", Domain("int", 8, 64))
    True
    """

    def __init__(self, seed: int = 0):
        self.seed = seed

    def source(self, number: int) -> Source:
        return Drawn(self.seed, number)


class Drawn:
    """Independent values of one trial."""

    def __init__(self, seed: int, number: int):
        self.seed, self.number = seed, number

    def value(self, name: str, domain: Domain) -> object:
        words = (self.seed & 0xFFFFFFFF, self.seed >> 32 & 0xFFFFFFFF, self.number, zlib.crc32(name.encode()))
        return domain.from_unit(np.random.default_rng(words).random())


class QuasiRandomSampler(Sampler):
    """Points of a Sobol sequence, shifted by the seed: they fill the space more evenly than random ones.

    Hyperparameters that the first build did not ask for (those that exist in some trials only) are drawn at random.

    Args:
        seed: the study's seed.
        names: the hyperparameters, an axis each.

    Source: Joe and Kuo 2008, with a random shift (Cranley and Patterson 1976).
    """

    def __init__(self, seed: int = 0, names: Iterable[str] = ()):
        self.seed, self.names = seed, tuple(names)
        self._points: dict[int, np.ndarray] = {}

    def source(self, number: int) -> Source:
        return Recorded({}, Shifted(self, number))

    def point(self, number: int) -> np.ndarray:
        """The number-th point, of shape (hyperparameters,)."""
        from scipy.stats import qmc

        if number not in self._points:
            # A block at once, since each generator must be wound forward first.
            first = number - number % 64
            engine = qmc.Sobol(len(self.names), scramble=False)
            if first:
                engine.fast_forward(first)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=".*balance properties.*")
                block = engine.random(64)
            shift = np.random.default_rng((self.seed & 0xFFFFFFFF, self.seed >> 32 & 0xFFFFFFFF)).random(len(self.names))
            self._points = dict(enumerate((block + shift) % 1.0, first))
        return self._points[number]


class Shifted:
    """The values of one point of the sequence."""

    def __init__(self, sampler: QuasiRandomSampler, number: int):
        self.sampler, self.number = sampler, number

    def value(self, name: str, domain: Domain) -> object:
        if name not in self.sampler.names:
            return Drawn(self.sampler.seed, self.number).value(name, domain)
        return domain.from_unit(float(self.sampler.point(self.number)[self.sampler.names.index(name)]))


class GridSampler(Sampler):
    """Every combination once, the last hyperparameter changing fastest.

    The space need not be known: each build shows which hyperparameters a combination has and how many values they take,
    and the next combination moves the last one that can move. So hyperparameters may exist in some combinations only.
    """

    def __init__(self):
        self._prefixes: list[list[int] | None] = [[]]  # None ends the list
        self._domains: dict[str, Domain] = {}

    def source(self, number: int) -> Source:
        prefix = self._prefixes[number]
        if prefix is None:
            raise IndexError(number)
        return Walk(prefix, self)

    def room(self, upto: int, build: Callable[[int, Source], Any], params: dict[int, dict[str, Any]]) -> int | None:
        while len(self._prefixes) <= upto and self._prefixes[-1] is not None:
            number = len(self._prefixes) - 1
            known = params.get(number)
            if known and all(name in self._domains and self._domains[name].contains(value) for name, value in known.items()):
                trail = [
                    (self._domains[name].index(value), self.size(name, self._domains[name])) for name, value in known.items()
                ]
            else:
                walk = Walk(self._prefixes[-1], self)
                build(number, walk)
                trail = walk.trail
            self._prefixes.append(self._after(trail))
        return len(self._prefixes) - 1

    @staticmethod
    def _after(trail: list[tuple[int, int]]) -> list[int] | None:
        """The beginning of the next combination."""
        while trail and trail[-1][0] + 1 >= trail[-1][1]:
            trail = trail[:-1]
        return [index for index, _ in trail[:-1]] + [trail[-1][0] + 1] if trail else None

    @staticmethod
    def size(name: str, domain: Domain) -> int:
        """How many values a hyperparameter has on the grid."""
        count = domain.count()
        if count is None:
            raise ValueError(
                message(
                    f"hp.{domain.kind} ({name})",
                    "a grid needs a number of values for each hyperparameter",
                    {"low": domain.low, "high": domain.high, "step": None},
                    'Give `step`, use hp.choice, or take sampler="quasi-random"',
                )
            )
        return count


class Walk:
    """One combination of a grid: the given places first, then the first value of everything else."""

    def __init__(self, prefix: list[int], sampler: GridSampler):
        self.prefix, self.sampler = prefix, sampler
        self.trail: list[tuple[int, int]] = []

    def value(self, name: str, domain: Domain) -> object:
        size = self.sampler.size(name, domain)
        self.sampler._domains[name] = domain
        index = self.prefix[len(self.trail)] if len(self.trail) < len(self.prefix) else 0
        self.trail.append((index, size))
        return domain.at(index)


class OptunaSampler(Sampler):
    """Any sampler of Optuna, on a study in memory that mirrors the storage.

    Args:
        make: gives the sampler for a seed; a sampler with state of its own is given again and again.
        directions: "max" or "min" for each objective.
        seed: the study's seed.
        domains: the domains by name, which grow while the study runs.
        broken: filled with the constraints of trials by their numbers in the mirror, for an older Optuna's samplers.
    """

    batch = LEARNING_BATCH
    learns = True

    def __init__(
        self,
        make: Callable[[int], Any],
        directions: Sequence[str],
        seed: int,
        domains: dict[str, Domain],
        broken: dict[int, list[float]] | None = None,
    ):
        self._broken = {} if broken is None else broken
        optuna = import_optuna()
        self._optuna, self._make, self._seed, self._domains = optuna, make, seed, domains
        ways = ["maximize" if direction == "max" else "minimize" for direction in directions]
        self._several = len(ways) > 1
        with quiet(optuna):
            self._study = optuna.create_study(directions=ways, sampler=make(seed))
        self._states = {
            COMPLETE: optuna.trial.TrialState.COMPLETE,
            PRUNED: optuna.trial.TrialState.PRUNED,
            FAILED: optuna.trial.TrialState.FAIL,
            RUNNING: optuna.trial.TrialState.RUNNING,
        }
        self._places: dict[int, int] = {}  # our number -> the number in the mirror
        self._finished: set[int] = set()
        self._open: dict[int, Any] = {}

    def start(self, number: int) -> None:
        # A fresh seed for each batch: processes that share a study must not draw the same values.
        seed = int(np.random.SeedSequence((self._seed & 0xFFFFFFFF, number)).generate_state(1)[0])
        with quiet(self._optuna):
            self._study.sampler = self._make(seed)

    def source(self, number: int) -> Source:
        self._forget(number)
        trial = self._study.ask()
        self._places[number] = trial.number
        self._open[number] = trial
        return Asked(trial, self)

    def adopt(self, trial: Trial) -> None:
        self.learn([trial])

    def replace(self, trial: Trial) -> None:
        self._forget(trial.number)
        self.learn([trial])

    def _forget(self, number: int) -> None:
        """A trial of the mirror is not trained."""
        if (place := self._places.pop(number, None)) is not None:
            with quiet(self._optuna):
                self._study.tell(place, state=self._states[FAILED])

    def notes(self, number: int) -> dict[str, Any]:
        trial = self._open.pop(number, None)
        if trial is None:
            return {}
        frozen = self._study.get_trials(deepcopy=False)[trial.number]
        return dict(frozen.system_attrs)

    def learn(self, trials: Iterable[Trial]) -> None:
        for trial in trials:
            state = self._states.get(trial.state)
            finished = trial.state in (COMPLETE, PRUNED, FAILED)
            if state is None or trial.number in self._finished or not self._fits(trial):
                continue
            if trial.number not in self._places:
                self._add(trial, state)
            elif finished:
                score = self._values(trial) if trial.state == COMPLETE else None
                place = self._places[trial.number]
                self._note_constraints(place, trial.constraints)
                if trial.state == PRUNED and trial.score is not None:
                    # Samplers that learn from trials that were cut read their last report.
                    frozen = self._study.get_trials(deepcopy=False)[place]
                    self._optuna.Trial(self._study, frozen._trial_id).report(trial.score, max([1, *trial.epochs]))
                self._study.tell(place, score, state=state)
            if finished:
                self._finished.add(trial.number)

    def _note_constraints(self, place: int, constraints: list[float]) -> None:
        """Tells the mirror by how much a trial breaks each constraint."""
        self._broken[place] = constraints
        if takes_constraints(self._optuna):
            frozen = self._study.get_trials(deepcopy=False)[place]
            trial = self._optuna.Trial(self._study, frozen._trial_id)
            for index, value in enumerate(constraints):
                trial.set_constraint(str(index), value)

    def _fits(self, trial: Trial) -> bool:
        """Whether a trial says something of this space: one of Optuna's own may have other names, values and scores."""
        known = all(name in self._domains and self._domains[name].contains(value) for name, value in trial.params.items())
        count = len(self._study.directions)
        return known and (trial.state != COMPLETE or (trial.score is not None and len(self._values(trial)) == count))

    def _values(self, trial: Trial) -> list[Any]:
        """The value of each objective."""
        return trial.values if self._several else [trial.score]

    def _add(self, trial: Trial, state: object) -> None:
        """A trial that the mirror has not seen yet."""
        optuna = self._optuna
        known = {name: self._domains[name] for name in trial.params}
        reports = {max([1, *trial.epochs]): trial.score} if trial.state == PRUNED and trial.score is not None else {}
        self._study.add_trial(
            optuna.trial.create_trial(
                state=state,
                values=self._values(trial) if trial.state == COMPLETE else None,
                params={name: to_optuna(known[name], value) for name, value in trial.params.items()},
                distributions={
                    name: optuna.distributions.json_to_distribution(domain.optuna_json()) for name, domain in known.items()
                },
                intermediate_values=reports,
                system_attrs=getattr(trial, "notes", None) or {},
            )
        )
        self._places[trial.number] = len(self._study.get_trials(deepcopy=False)) - 1


class Suggests(Protocol):
    """A trial of Optuna."""

    def suggest_categorical(self, name: str, choices: Sequence[Any], /) -> Plain: ...
    def suggest_int(self, name: str, low: float | None, high: float | None, /, *, step: int, log: bool) -> int: ...
    def suggest_float(self, name: str, low: float | None, high: float | None, /, *, step: float | None, log: bool) -> float: ...


class Asked:
    """The values of one trial that Optuna suggests."""

    def __init__(self, trial: Suggests, sampler: OptunaSampler):
        self.trial, self.sampler = trial, sampler

    def value(self, name: str, domain: Domain) -> object:
        if domain.choices is not None:
            choices = domain.optuna_choices()
            return domain.choices[choices.index(self.trial.suggest_categorical(name, choices))]
        log = domain.log and not domain.reverse
        if domain.kind == "int":
            return self.trial.suggest_int(name, domain.low, domain.last(), step=int(domain.step or 1), log=log)
        return self.trial.suggest_float(name, domain.low, domain.last(), step=domain.step, log=log)


def to_optuna(domain: Domain, value: object) -> object:
    """A plain value in the type that Optuna has for it."""
    return value if domain.choices is None else domain.optuna_choices()[domain.index(value)]


@contextmanager
def quiet(optuna: ModuleType) -> Iterator[None]:
    """Optuna's messages and its warnings of experimental features off."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


def takes_constraints(optuna: ModuleType) -> bool:
    """Whether this Optuna, from 5.0 on, keeps the constraints of trials; before, samplers ask a function."""
    return hasattr(optuna.trial.Trial, "set_constraint")


def import_optuna() -> ModuleType:
    """Optuna, or how to get it."""
    try:
        import optuna
    except ImportError:
        raise ImportError(
            message(
                "search",
                "TPE, CMA-ES and Optuna's samplers need the package optuna",
                fix='Install it: pip install "kerata[search]"; or take sampler="quasi-random"',
            )
        ) from None
    return optuna


def make_sampler(
    sampler: object, directions: Sequence[str], seed: int, domains: dict[str, Domain], constrained: bool = False
) -> Sampler:
    """The sampler for a name or an object.

    Args:
        sampler: "grid", "random", "quasi-random", "tpe", "cmaes", "nsga-ii", a `Sampler`, or any sampler of Optuna.
        directions: "max" or "min" for each objective.
        seed: the study's seed.
        domains: what the first build asked for; it grows while the study runs.
        constrained: whether trials have constraints.
    """
    if isinstance(sampler, Sampler):
        return sampler
    if not isinstance(sampler, str):
        optuna = import_optuna()
        if not isinstance(sampler, optuna.samplers.BaseSampler):
            raise TypeError(
                message(
                    "search",
                    "`sampler` must be a name or a sampler of Optuna",
                    {"sampler": sampler},
                    "Known names: " + ", ".join(NAMES),
                )
            )
        return OptunaSampler(lambda seed: sampler, directions, seed, domains)
    check_choice("search", "sampler", sampler, NAMES)
    if sampler == "grid":
        for name, domain in domains.items():
            GridSampler.size(name, domain)
        return GridSampler()
    if sampler == "random":
        return RandomSampler(seed)
    if sampler == "quasi-random":
        return QuasiRandomSampler(seed, [name for name, domain in domains.items() if domain.count() != 1])
    return make_learning_sampler(sampler, directions, seed, domains, constrained)


def make_learning_sampler(
    sampler: str, directions: Sequence[str], seed: int, domains: dict[str, Domain], constrained: bool
) -> OptunaSampler:
    """One of Optuna's samplers; the arguments are those of `make_sampler`."""
    optuna = import_optuna()
    broken: dict[int, list[float]] = {}
    told: dict[str, Any] = {}
    if constrained and not takes_constraints(optuna):
        told["constraints_func"] = lambda trial: broken.get(trial.number, [])
    if sampler == "tpe":

        def tpe(seed: int) -> object:
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True, multivariate=True, group=True, **told)

        return OptunaSampler(tpe, directions, seed, domains, broken)
    if sampler == "nsga-ii":
        # One sampler for the whole study: it keeps the generations.
        with quiet(optuna):
            one = optuna.samplers.NSGAIISampler(seed=seed, population_size=2 * LEARNING_BATCH, **told)
        return OptunaSampler(lambda seed: one, directions, seed, domains, broken)
    if constrained:
        fix = 'Take sampler="tpe" or "nsga-ii"'
        raise ValueError(message("search", "CMA-ES does not learn from constraints", {"sampler": sampler}, fix))
    if len(directions) > 1:
        fix = 'Take sampler="tpe" or "nsga-ii"'
        raise ValueError(message("search", "CMA-ES learns from one objective", {"objectives": len(directions)}, fix))
    if find_spec("cmaes") is None:
        raise ImportError(
            message(
                "search", "CMA-ES needs the package cmaes", {"sampler": sampler}, 'Install it: pip install "kerata[search]"'
            )
        )
    return OptunaSampler(
        lambda seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False), directions, seed, domains
    )
