"""The best trials of a study: their models as they were trained, or one that is fitted to all samples."""

from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.data.samples import Samples
from kerata.data.sources import standardize_source
from kerata.engine.random import seeded_wholly
from kerata.models.model import Model
from kerata.populations.initial import adapt_layers
from kerata.populations.member import copies_of
from kerata.search.records import Trial
from kerata.search.space import HyperParameters, Recorded
from kerata.training.prepare import build_for


class Best:
    """The best trial of a study.

    Attributes:
        trial: its record.
        number, params, score, values: of the trial.
    """

    def __init__(self, study: Any, trial: Trial):
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
                build_for(model, study._data.slice(0, 1).tree, "search")
        return model, hp.fitting

    @property
    def model(self) -> Model:
        """One model: the trained one; with folds, one that is fitted to all samples as `refit` does, once."""
        if len(self.trial.scores) <= 1:
            return self.models[0]
        if self.number not in self._study._refitted:
            self._study._refitted[self.number] = self.refit()
        return self._study._refitted[self.number]

    def refit(self, x: Any = None, y: Any = None, epochs: int | None = None, **fit: Any) -> Model:
        """Builds the model of the best values and fits it to all samples.

        Args:
            x, y: the samples; those of the search if `None`.
            epochs: as in `fit`; the mean over the folds of the epochs that were best if `None`.
            fit: other arguments of `fit`; by default those of the search, its callbacks too, but for those that watch
                validation.
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
        fitting.pop("epochs", None)
        as_searched = {name: value for name, value in study._fit.items() if value is not None} | fitting
        if "callbacks" in as_searched:
            calls = copies_of(as_searched["callbacks"], max(1, len(self.trial.scores)))
            as_searched["callbacks"] = [c for c in calls if not str(getattr(c, "monitor", "")).startswith("val_")]
        if "sample_weight" in fit:
            as_searched.pop("class_weight", None)
        fit = {"batch_size": study._card["batch_size"], "seed": study._card["seed"], "verbose": 0, **as_searched, **fit}
        if isinstance(samples, Samples) and samples.sample_weight is not None:
            fit.setdefault("sample_weight", samples.sample_weight)
        epochs = epochs or max(1, round(float(np.mean(self.trial.best_epochs or self.trial.epochs or [1]))))
        given = (samples.x, samples.y) if isinstance(samples, Samples) else (x, y)
        if isinstance(samples, Samples):
            adapt_layers(model, samples.x)
        model.fit(*given, epochs=epochs, **fit)
        return model

    def __repr__(self) -> str:
        pairs = zip(self._study.objectives, self.values or [self.score], strict=True)
        return f"<Best trial {self.number}: {', '.join(f'{one.name} {value:.6g}' for one, value in pairs)}, {self.params}>"
