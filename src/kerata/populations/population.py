"""Populations: many models trained at once."""

import functools
import itertools
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from kerata.base.checks import check_positive_int, did_you_mean, message
from kerata.callbacks.callback import Callbacks, Verbose
from kerata.callbacks.monitors import find_direction
from kerata.data.samples import ClassWeight, Data, Samples
from kerata.data.sources import split_validation, standardize_source, weigh_classes
from kerata.engine.hyper import Hypers, declared_hyperparameters
from kerata.engine.module import Module, parts
from kerata.layers.weights import layers_of
from kerata.models.model import Model
from kerata.populations.adapting import adapted
from kerata.populations.fitted import make_group, make_member
from kerata.populations.group import Group, structure_key
from kerata.populations.initial import InitialState, was_trained
from kerata.populations.inputs import Inputs
from kerata.populations.member import Member, copies_of
from kerata.populations.scheduler import Scheduler
from kerata.populations.validation import read_validation
from kerata.training.compilation import compilation_of, objective_of
from kerata.training.host import through_host
from kerata.training.objectives import CompiledLoss
from kerata.training.prepare import build_for

if TYPE_CHECKING:
    from pandas import DataFrame


class Trained:
    """One member of a population after training.

    Attributes:
        index: its place.
        history: its `History`, as of `fit`.
        params: the numbers that it had of its own, by name.
        seconds: its share of the time.
    """

    def __init__(self, member: Member, params: dict[str, Any], model: Model | None):
        self.index, self.params, self.history, self.seconds = member.index, params, member.history, member.seconds
        self._member, self._model = member, model

    @property
    def model(self) -> Model:
        """The member as an ordinary model, with its weights, its optimizer's state and its history."""
        if self._model is None:
            self._model = self._member.as_model()
        return self._model

    @property
    def diverged(self) -> bool:
        """Whether its loss became NaN or infinite."""
        return self._member.bad_step >= 0

    def __repr__(self) -> str:
        last = {name: round(values[-1], 4) for name, values in self.history.history.items() if values}
        return f"<Trained {self.index}: {self.params or ''} {last}>"


class Population(Sequence):
    """What `fit_many` returns: the trained members, in the order in which they were given.

    Attributes:
        seconds: the time of the whole call.
        notes: for each structure how its members were trained: side by side or in turns, and what was measured.
    """

    def __init__(self, members: list[Trained], seconds: float, notes: list[dict[str, Any]]):
        self.members, self.seconds, self.notes = members, seconds, notes

    @overload
    def __getitem__(self, index: int) -> Trained: ...
    @overload
    def __getitem__(self, index: slice) -> list[Trained]: ...
    def __getitem__(self, index: int | slice) -> Trained | list[Trained]:
        return self.members[index]

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Trained]:
        return iter(self.members)

    @property
    def histories(self) -> list[dict[str, list[float]]]:
        """The curves of each member."""
        return [member.history.history for member in self.members]

    @property
    def models(self) -> list[Model]:
        return [member.model for member in self.members]

    def best(self, monitor: str = "val_loss", mode: str = "auto") -> Trained:
        """The member whose measure was best in its last epoch."""
        model = self.members[0]._member.group.model
        rising = (find_direction(monitor, model, "Population.best") if mode == "auto" else mode) == "max"
        values = [h.get(monitor, [np.nan])[-1] for h in self.histories]
        if np.isnan(values).all():
            raise ValueError(
                message(
                    "Population.best",
                    "no member has a finite value",
                    {"monitor": monitor},
                    did_you_mean(monitor, list(self.histories[0])),
                )
            )
        return self.members[int(np.nanargmax(values) if rising else np.nanargmin(values))]

    def table(self) -> "DataFrame":
        """A pandas frame with a row a member: its numbers, its last measures, epochs and seconds."""
        import pandas as pd

        rows = [
            {
                **m.params,
                **{name: values[-1] for name, values in m.history.history.items() if values},
                "epochs": len(m.history.epoch),
                "seconds": m.seconds,
            }
            for m in self.members
        ]
        return pd.DataFrame(rows).rename_axis("member")

    def __repr__(self) -> str:
        return f"<Population of {len(self)}, {self.seconds:.2f} s>"


def hyperparameters(model: Model, x: Data | None = None, y: Data | None = None) -> dict[str, float]:
    """The numbers of a compiled model that `fit_many` can vary, by name.

    Names are the layer's and the attribute's, `"dropout/rate"`, `"dense/kernel/l2"`, and for the optimizer and the loss
    `"optimizer/learning_rate"`, `"loss/label_smoothing"`. The last part alone will do where it is the only one.

    Args:
        model: the model.
        x, y: some data; without it, a model that was not trained yet does not list the numbers of its loss.

    >>> import kerata
    >>> model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dropout(0.5, name="drop"), kerata.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> {name: value for name, value in kerata.search.hyperparameters(model).items() if name.startswith("drop")}
    {'drop/rate': 0.5}
    """
    if x is not None:
        build_for(model, standardize_source(through_host(model, x), y, owner="hyperparameters").tree, "fit")  # type: ignore[union-attr]
    table = name_hypers(Hypers(("", model), ("loss", objective_of(model)), ("optimizer", model.optimizer)), model)
    return {name: float(owner.__dict__[attribute]) for name, (owner, attribute) in table.items()}


def name_hypers(hypers: Hypers, model: Model) -> dict[str, tuple[Any, str]]:
    """What people call each hyperparameter, and where it is kept."""
    homes: dict[int, str] = dict(term_names(objective_of(model)))
    homes |= {id(v.regularizer): v.path for v in model.weights if v.regularizer is not None}
    for layer in layers_of(model):
        homes.setdefault(id(layer), layer.name)
        for path, below in parts(layer):
            if isinstance(below, Module) and "/" not in path:
                # What belongs to a cell, people look for at the layer around it.
                homes.setdefault(id(below), layer.name)
    for layer in layers_of(model):
        if (cell := getattr(layer, "cell", None)) is not None:
            homes[id(cell)] = layer.name
    found: dict[str, tuple[Any, str]] = {}
    for (owner, attribute), path in zip(hypers.owners, hypers.paths, strict=True):
        if owner is model.optimizer and hasattr(owner, "inner_optimizer"):
            # What scales the loss has no numbers of its own.
            continue
        home = homes.get(id(owner))
        name = f"{home}/{attribute}" if home else path.replace("/_", "/").replace("/inner_optimizer/", "/")
        found[name if name not in found else path] = (owner, attribute)
    return found


def term_names(objective: CompiledLoss | None) -> list[tuple[int, str]]:
    """(identity, name) of the parts of a compiled loss: "loss", or "loss/a" for the output "a" of several."""
    terms = getattr(objective, "terms", ())
    names = [f"loss/{term.name}" if len(terms) > 1 else "loss" for term in terms]
    return [(id(part), name) for term, name in zip(terms, names, strict=True) for part in (term, term.loss)]


def find_number(name: str, known: dict[str, Any], model: Model) -> str:
    """The full name of a hyperparameter from what a person wrote."""
    fits = [full for full in known if full == name] or [full for full in known if full.endswith("/" + name)]
    if len(fits) == 1:
        return fits[0]
    owners = [part for layer in (*layers_of(model), model.optimizer) for part in (layer, getattr(layer, "cell", None))]
    absent = [part for part in owners if name.rpartition("/")[2] in declared_hyperparameters(part)]
    if not fits and absent:
        value = absent[0].__dict__.get(name.rpartition("/")[2])
        raise ValueError(
            message(
                "fit_many",
                "this number is absent in the model, so its program has no place for it",
                {name: value},
                "Build the model with a number, above 0, and vary that",
            )
        )
    problem = f"more than one hyperparameter has this name: {', '.join(fits)}" if fits else "there is no such hyperparameter"
    raise ValueError(message("fit_many", problem, {"name": name}, did_you_mean(name, list(known))))


def grid(**values: Sequence[float]) -> dict[str, list[float]]:
    """Every combination of some numbers, as `vary` of `fit_many` wants them.

    >>> grid(learning_rate=[0.1, 0.01], rate=[0.2, 0.5])
    {'learning_rate': [0.1, 0.1, 0.01, 0.01], 'rate': [0.2, 0.5, 0.2, 0.5]}
    """
    rows = list(itertools.product(*values.values()))
    return {name: [row[place] for row in rows] for place, name in enumerate(values)}


def fit_many(
    model: Model | Sequence[Model],
    x: Data,
    y: Data | None = None,
    *,
    copies: int | None = None,
    vary: dict[str, Sequence[float]] | None = None,
    seeds: int | Collection[int] | None = None,
    rows: Sequence[Any] | None = None,
    validation_rows: Sequence[Any] | None = None,
    epochs: int = 1,
    batch_size: int | None = None,
    validation_data: Sequence[Any] | None = None,
    validation_split: float = 0.0,
    callbacks: "Callbacks | Callable[..., Any] | None" = None,
    class_weight: ClassWeight | Sequence[ClassWeight | None] | None = None,
    sample_weight: Data | None = None,
    shuffle: bool = True,
    initial_weights: str = "auto",
    turns: bool | None = None,
    verbose: Verbose = 0,
) -> Population:
    """Trains many models at once, side by side in one compiled program for each structure.

    Member i ends as it would have ended alone, with `model.fit(x[rows[i]], y[rows[i]], seed=seeds[i], ...)`.

    Args:
        model: one compiled model, of which each member is a fresh copy with initial weights drawn from its seed; or a list
            of compiled models, which go on from the weights that they have and are trained themselves.
        x, y: arrays, as in `fit`; held on the device once.
        copies: the number of members, where nothing else says it.
        vary: numbers of each member by the name of the hyperparameter, see `hyperparameters`; one model only. `grid` makes
            every combination.
        seeds: an integer for each member, or one for all (then all have the same initial weights, order and random draws,
            which is the fairest comparison and the fastest). By default each member has a seed of its own.
        rows: for each member the numbers of the samples that it is trained on; all by default.
        validation_rows: for each member the samples of x and y that it is validated on.
        epochs, batch_size, validation_data, validation_split, shuffle: as in `fit`.
        callbacks: callbacks with hooks for epochs, copied for each member; or a function of the member's number that gives
            its callbacks. A member that is stopped costs nothing from then on.
        class_weight: as in `fit`, or a list with one dict a member.
        sample_weight: as in `fit`.
        initial_weights: for one model: "auto" keeps weights that were loaded, set, or trained in another model (a base that
            was trained before), and draws the rest anew, "fresh" draws all, "keep" none.
        turns: `True` trains one member after the other, `False` side by side; by default what is measured to be faster.
        verbose: 1 prints a line at the end.

    Returns:
        A `Population`: `population[i].model` is an ordinary model, `population[i].history` its `History`.

    >>> import kerata, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    >>> model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> rates = [1e-3, 1e-2, 1e-1]
    >>> tried = kerata.search.fit_many(model, x, x.sum(1), vary={"learning_rate": rates}, seeds=1, epochs=5)
    >>> [len(history["loss"]) for history in tried.histories]
    [5, 5, 5]
    """
    began = time.perf_counter()
    models, single = check_models(model, vary), not isinstance(model, (list, tuple))
    count = count_members(None if single else models, copies, vary, seeds, rows, class_weight)
    source, held = read_samples(models[0] if single else None, x, y, sample_weight, validation_data, validation_split)
    batch_size = int(check_positive_int("fit_many", "batch_size", batch_size, optional=True) or 32)
    epochs = check_positive_int("fit_many", "epochs", epochs)
    trained = was_trained(models[0])
    if single:
        build_for(models[0], source.slice(0, min(batch_size, source.size)).tree, "fit", source)
        models = [adapted(models[0], source.x)]
    groups = group_models(models, Inputs(source, held), batch_size, shuffle, callbacks, validation_rows is not None)
    seeds = spread(seeds, count, "seeds")
    rows = share_equal(check_rows(rows, count, source.size, "rows"))
    held_rows = share_equal(check_rows(validation_rows, count, source.size, "validation_rows"))
    if single:
        begin = InitialState(groups[0], models[0], source.x, initial_weights, trained)
        starts = [functools.partial(begin.state, seed, some) for seed, some in zip(seeds, rows)]
        numbers, groups = vary_numbers(groups[0], vary, count), groups * count
    else:
        starts = [functools.partial(group.state_of, each) for group, each in zip(groups, models)]
        numbers = [group.numbers_of(each) for group, each in zip(groups, models)]
    members = [
        make_member(i, groups[i], numbers[i], starts[i], seeds[i], rows[i], held_rows[i], copies_of(callbacks, i), epochs)
        for i in range(count)
    ]
    weigh_members(members, source, class_weight)
    train_members(members, None if single else models, turns)
    params = [{name: values[i] for name, values in (vary or {}).items()} for i in range(count)]
    done = [Trained(m, p, None if single else models[m.index]) for m, p in zip(members, params, strict=True)]
    notes = [g.notes for g in {id(g): g for g in groups}.values()]
    population = Population(done, time.perf_counter() - began, notes)
    if verbose and verbose != "auto":
        print(describe(population))
    return population


def check_models(model: object, vary: object) -> list[Model]:
    """The models that `fit_many` was given, one or more."""
    models: list[Any] = list(model) if isinstance(model, (list, tuple)) else [model]
    for each in models:
        if not isinstance(each, Model):
            raise TypeError(message("fit_many", "a compiled model, or a list of such, is needed", {"model": each}))
        compilation_of(each, "fit_many")
    if vary and isinstance(model, (list, tuple)):
        raise ValueError(
            message("fit_many", "`vary` is for one model", {"models": len(models)}, "Set the numbers of each model of the list")
        )
    return models


def read_samples(
    model: Model | None,
    x: Data | None,
    y: Data | None,
    sample_weight: Data | None,
    validation_data: Sequence[Any] | None,
    validation_split: float,
) -> tuple[Samples, Samples | None]:
    """The samples to train on, and those to validate on, where they are not rows of the same.

    Args:
        model: the model whose layers of the host the data goes through; `None` where there are several models.
        x, y, sample_weight, validation_data, validation_split: as in `fit_many`.
    """
    source = standardize_source(through_host(model, x), y, sample_weight, owner="fit_many", texts=True)
    if not isinstance(source, Samples):
        raise TypeError(
            message(
                "fit_many",
                "data must be arrays: it is held on the device once for all members",
                {"x": type(x).__name__},
                "Use fit() for generators and other sources of batches",
            )
        )
    if validation_data is not None:
        return source, read_validation("fit_many", validation_data, model)
    return split_validation(source, validation_split, "fit_many") if validation_split else (source, None)


def train_members(members: list[Member], models: list[Model] | None, turns: bool | None) -> None:
    """Trains members to their end.

    Args:
        members: all of them.
        models: the model of each, where it is itself to be trained.
        turns: as in `fit_many`.
    """
    for member, own in zip(members, models or ()):
        if member.group.why_alone is not None:
            member.model = own
    if any(member.epochs for member in members):
        Scheduler(members, turns).run()
    for member, own in zip(members, models or ()):
        if member.model is None:
            assert member.state is not None
            member.group.fill(own, member.numbers, member.state, member.history)


def describe(population: Population) -> str:
    """A line on how a population was trained."""
    ways = ", ".join(way_of(notes) for notes in population.notes)
    return f"{len(population)} models in {population.seconds:.2f} s: {ways}"


def way_of(notes: dict[str, Any]) -> str:
    """How the members of a structure were trained, in words."""
    figures = [
        f"{notes[key]:.1f} us a model and step {words}"
        for key, words in (("side_by_side_us", "side by side"), ("alone_us", "alone"))
        if key in notes
    ]
    way = "one after the other" if notes["turns"] else "side by side"
    return f"{way} ({notes['why']}{': ' if figures else ''}{'; '.join(figures)})"


def count_members(
    models: list[Any] | None,
    copies: int | None,
    vary: Mapping[str, Sequence[float]] | None,
    seeds: int | Collection[int] | None,
    rows: Sequence[Any] | None,
    class_weight: ClassWeight | Sequence[ClassWeight | None] | None,
) -> int:
    """The number of members that all arguments agree on."""
    said: dict[str, int] = {}
    if models is not None:
        said["model"] = len(models)
    if copies is not None:
        said["copies"] = check_positive_int("fit_many", "copies", copies)
    for name, values in (vary or {}).items():
        said[f"vary[{name!r}]"] = len(values)
    for name, value in (("seeds", seeds), ("rows", rows), ("class_weight", class_weight)):
        if value is not None and not isinstance(value, (int, np.integer, dict)):
            said[name] = len(value)
    if not said:
        raise ValueError(message("fit_many", "the number of members must be said", fix="Give copies=8, or seeds=range(8)"))
    if len(set(said.values())) > 1 or not min(said.values()):
        raise ValueError(message("fit_many", "all arguments must be for the same number of members, at least 1", said))
    return next(iter(said.values()))


def group_models(
    models: list[Model],
    inputs: Inputs,
    batch_size: int,
    shuffle: bool,
    callbacks: "Callbacks | Callable[..., Any] | None" = None,
    validates: bool = False,
) -> list[Group]:
    """The group of each model; models of one structure share one."""
    found: dict[Any, Group] = {}
    groups = []
    for index, model in enumerate(models):
        data, held_data = inputs.of(model)
        build_for(model, data.first(batch_size), "fit", data.samples if not index else None)
        if not index and held_data is not None:
            build_for(model, held_data.first(batch_size), "evaluate", held_data.samples)
        key = (id(data.samples), structure_key(model))
        if key not in found:
            found[key] = make_group(
                model, data, held_data, batch_size, shuffle, callbacks=callbacks, validates=validates or held_data is not None
            )
        groups.append(found[key])
    return groups


def vary_numbers(group: Group, vary: Mapping[str, Sequence[float]] | None, count: int) -> list[np.ndarray]:
    """Each member's hyperparameters."""
    base = group.plan.hypers.vector()
    vectors = np.repeat(base[None], count, 0)
    if not vary:
        return list(vectors)
    known = name_hypers(group.plan.hypers, group.model)
    places = {(id(owner), attribute): i for i, (owner, attribute) in enumerate(group.plan.hypers.owners)}
    for name, values in vary.items():
        owner, attribute = known[find_number(name, known, group.model)]
        descriptor = getattr(type(owner), attribute)
        for value in values:
            # The range is checked by setting it on a stand-in, so that nothing is changed.
            descriptor.check(owner, value)
        vectors[:, places[id(owner), attribute]] = np.asarray(values, np.float32)
    return list(vectors)


def spread(value: int | Iterable[int] | None, count: int, name: str) -> list[Any]:
    """One value a member."""
    if value is None or isinstance(value, (int, np.integer)):
        return [value] * count
    return [int(v) for v in value]


def check_rows(rows: Sequence[Any] | None, count: int, size: int, name: str) -> list[np.ndarray | None]:
    """Each member's samples, int32."""
    if rows is None:
        return [None] * count
    if len(rows) != count:
        raise ValueError(message("fit_many", f"`{name}` must hold one array a member", {name: len(rows), "members": count}))
    found = []
    for index, each in enumerate(rows):
        each = np.asarray(each)
        if each.dtype == bool:
            each = np.flatnonzero(each)
        if each.ndim != 1 or not each.size or each.min() < 0 or each.max() >= size or each.dtype.kind not in "iu":
            raise ValueError(
                message(
                    "fit_many", f"`{name}[{index}]` must be numbers of samples from 0 to {size - 1}, at least one", {name: each}
                )
            )
        found.append(each.astype(np.int32))
    return found


def share_equal(rows: list[np.ndarray | None]) -> list[np.ndarray | None]:
    """The same array for members with the same samples."""
    seen: dict[bytes, np.ndarray] = {}
    return [each if each is None else seen.setdefault(each.tobytes(), each) for each in rows]


def weigh_members(
    members: list[Member], source: Samples, class_weight: ClassWeight | Sequence[ClassWeight | None] | None
) -> None:
    """Sample weights of each member's own, where the weights of classes are given."""
    if class_weight is None:
        return
    each = class_weight if isinstance(class_weight, (list, tuple)) else [class_weight] * len(members)
    for member, weights in zip(members, each, strict=True):
        if weights:
            member.weight = np.asarray(weigh_classes(source.y, weights, source.sample_weight, "fit_many"), np.float32)
