"""The best trials of a study: their models as they were trained, or one that is fitted to all samples."""

from typing import Any, Protocol

import numpy as np

from kerata.base.checks import message
from kerata.callbacks.callback import flatten_callbacks
from kerata.data.samples import Data, Samples
from kerata.data.sources import standardize_source
from kerata.engine.random import seeded_wholly
from kerata.models.model import Model
from kerata.populations.adapting import adapt_layers
from kerata.populations.member import copies_of, is_maker
from kerata.populations.objective import Objective
from kerata.search.building import Builder
from kerata.search.model_files import ModelFiles
from kerata.search.records import Trial
from kerata.search.space import HyperParameters, Recorded
from kerata.training.host import through_host
from kerata.training.prepare import build_for


def without_validation(callbacks: list[Any]) -> list[Any]:
    """Those of some callbacks that a training without validation can have."""
    return [each for each in callbacks if not str(getattr(each, "monitor", "")).startswith("val_")]


def note_fit(fit: dict[str, Any]) -> dict[str, Any]:
    """How trials are fitted, as a database can hold it; of callbacks the names alone.

    >>> note_fit({"class_weight": {0: 1.0, 1: 3.0}, "shuffle": True, "callbacks": None})
    {'class_weight': [[0, 1.0], [1, 3.0]], 'shuffle': True, 'callbacks': []}
    """
    weights, calls = fit["class_weight"], fit["callbacks"]
    if is_maker(calls):
        names = [getattr(calls, "__name__", type(calls).__name__)]
    else:
        names = [type(each).__name__ for each in without_validation(list(flatten_callbacks(calls)))]
    # Keys of JSON's objects are text, so the weights are pairs.
    plain = isinstance(weights, dict) and all(isinstance(each, (int, float)) for pair in weights.items() for each in pair)
    pairs = [list(pair) for pair in weights.items()] if plain and weights else None
    return {"class_weight": pairs, "shuffle": bool(fit["shuffle"]), "callbacks": names}


def read_fit(noted: dict[str, Any]) -> dict[str, Any]:
    """What `note_fit` noted, as `fit` takes it, without the callbacks."""
    weights = noted.get("class_weight")
    found = {} if weights is None else {"class_weight": dict(weights)}
    return found | ({"shuffle": noted["shuffle"]} if "shuffle" in noted else {})


class Searching(Protocol):
    """What a study gives its best trial to build models with."""

    _build: Builder | None
    _data: Samples | None
    _fit: dict[str, Any]
    _card: dict[str, Any]
    _model_files: ModelFiles
    _refitted: dict[int, Model]
    objectives: list[Objective]


class Best:
    """The best trial of a study.

    Attributes:
        trial: its record.
        number, params, score, values: of the trial.
    """

    def __init__(self, study: Searching, trial: Trial):
        self._study, self.trial = study, trial
        self.number, self.params, self.score, self.values = trial.number, trial.params, trial.score, trial.values

    @property
    def models(self) -> list[Model]:
        """The models that the score comes from, one a fold, with the weights of their best epochs."""
        return self._study._model_files.load(self.number, self.trial.model_files, self._make if self._study._build else None)

    def _make(self) -> Model:
        """The model of these values, built anew."""
        return self._make_with_fit()[0]

    def _make_with_fit(self) -> tuple[Model, dict[str, Any]]:
        """The model of these values, built anew, and how the builder says that it is fitted."""
        study = self._study
        assert study._build is not None
        # Two refits of a study are the same model.
        with seeded_wholly(study._card["seed"] or 0):
            hp = HyperParameters(Recorded(self.params))
            model = study._build(hp)
            if not model.built and study._data is not None:
                x, y, sample_weight = study._data.slice(0, 1).tree
                build_for(model, (through_host(model, x), y, sample_weight), "search")
        return model, hp.fitting

    @property
    def model(self) -> Model:
        """One model: the trained one; with folds, one that is fitted to all samples as `refit` does, once."""
        if len(self.trial.scores) <= 1:
            return self.models[0]
        if self.number not in self._study._refitted:
            self._study._refitted[self.number] = self.refit()
        return self._study._refitted[self.number]

    def refit(self, x: Data | None = None, y: Data | None = None, epochs: int | None = None, **fit: Any) -> Model:
        """Builds the model of the best values and fits it to all samples.

        Args:
            x, y: the samples; those of the search if `None`.
            epochs: as in `fit`; the mean over the folds of the epochs that were best if `None`.
            fit: other arguments of `fit`; by default those of the search, its callbacks too, but for those that watch
                validation. A study that was loaded knows all but callbacks and weights of samples.
        """
        study = self._study
        if study._build is None:
            raise ValueError(
                message(
                    "study.best.refit",
                    "the builder is not known to a study that was loaded",
                    fix="Give it: load_study(storage, build=build)",
                )
            )
        samples = study._data if x is None else standardize_source(x, y, owner="refit")
        if samples is None:
            raise ValueError(message("study.best.refit", "a study that was loaded holds no samples", {"x": x}, "Give x and y"))
        model, fitting = self._make_with_fit()
        fit = self._as_searched(fitting, fit)
        if isinstance(samples, Samples) and samples.sample_weight is not None:
            fit.setdefault("sample_weight", samples.sample_weight)
        epochs = epochs or max(1, round(float(np.mean(self.trial.best_epochs or self.trial.epochs or [1]))))
        given = (samples.x, samples.y) if isinstance(samples, Samples) else (x, y)
        if isinstance(samples, Samples):
            adapt_layers(model, through_host(model, samples.x))
        model.fit(*given, epochs=epochs, **fit)
        return model

    def _as_searched(self, fitting: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """The arguments of `fit`: what was given, else what the builder says, else what the search had."""
        study = self._study
        found = {name: value for name, value in study._fit.items() if value is not None} | fitting
        found.pop("epochs", None)
        lost = study._card.get("fit", {}).get("callbacks")
        if lost and "callbacks" not in {**found, **given}:
            fix = "Give them (callbacks=[...]), or callbacks=[] to do without"
            raise ValueError(message("study.best.refit", "a database cannot hold the callbacks", {"callbacks": lost}, fix))
        if "callbacks" in found:
            found["callbacks"] = without_validation(copies_of(found["callbacks"], max(1, len(self.trial.scores))))
        if "sample_weight" in given:
            found.pop("class_weight", None)
        card = study._card
        return {"batch_size": card["batch_size"], "seed": card["seed"], "verbose": 0, **found, **given}

    def __repr__(self) -> str:
        pairs = zip(self._study.objectives, self.values or [self.score], strict=True)
        return f"<Best trial {self.number}: {', '.join(f'{one.name} {value:.6g}' for one, value in pairs)}, {self.params}>"
