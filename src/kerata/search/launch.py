"""`search.run`: what it is given is checked, the data and the folds are made, and the loop begins."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerata.base.checks import check_positive_int, message
from kerata.base.types import PathLike
from kerata.callbacks.callback import Callbacks, Verbose
from kerata.data.samples import ClassWeight, Data, Samples
from kerata.data.sources import split_validation, standardize_source
from kerata.engine.types import TensorLike
from kerata.models.model import Model
from kerata.populations.objective import Objective
from kerata.populations.validation import read_validation
from kerata.search.constraints import Constraints
from kerata.search.cross_validation import Folds, make_folds
from kerata.search.fingerprint import mark_arrays
from kerata.search.front import make_objectives
from kerata.search.loop import Search
from kerata.search.runner import Runner
from kerata.search.space import HyperParameters
from kerata.search.study import Study
from kerata.training.signals import heard


@heard
def run(
    build: Callable[[HyperParameters], Any],
    x: Data,
    y: Data | None = None,
    *,
    trials: int | None = None,
    objective: str | Objective | Sequence[str | Objective] = "val_loss",
    direction: str | Sequence[str] | None = None,
    sampler: object = "tpe",
    pruner: object = None,
    cv: Folds | None = None,
    repeats: int = 1,
    split: str = "auto",
    groups: TensorLike | None = None,
    validation_data: Sequence[Any] | None = None,
    validation_split: float = 0.0,
    epochs: int = 1,
    batch_size: int | None = None,
    batch: int | None = None,
    class_weight: ClassWeight | None = None,
    sample_weight: Data | None = None,
    shuffle: bool = True,
    callbacks: Callbacks | Callable[..., Any] | None = None,
    storage: PathLike = "auto",
    name: str | None = None,
    folder: PathLike | None = None,
    keep: int = 1,
    seed: int = 0,
    turns: bool | None = None,
    verbose: Verbose = "auto",
    halving: object = None,
    timeout: float | None = None,
    start: Sequence[dict[str, Any]] = (),
    constraints: Constraints | None = None,
) -> Study:
    """Tries values of what `build` asks for, many at once, and keeps all that it finds.

    Run the script again to go on where it stopped, for whatever reason it did; run it in several processes to share the
    work. A trial is finished once the storage has it, with the models if it is among the best; none is trained twice, and a
    trial that a dead process left is taken again under the same number with the same values.

    Args:
        build: takes `hp` and returns a compiled model; see `HyperParameters` for what it may ask.
        x, y: arrays, as in `fit`.
        trials: how many trials the study is to have, those of earlier runs and of other processes included. A grid may
            leave it out, and is searched whole.
        objective: a measure of the history; validation needs `cv`, `validation_data` or `validation_split`. A list of several
            looks for the front, `study.best_trials`, where nothing gets better without something getting worse; each is taken
            after the last epoch. One of them may be "parameters", the number of a model's weights.
        direction: "min" or "max"; told by the measure or its name if `None`. For several objectives a list.
        sampler: "tpe" learns from trials; "random", "quasi-random" and "grid" do not; "cmaes", "nsga-ii", or any of Optuna's.
        pruner: "asha", "successive", "hyperband" or "median" cuts trials short that fall behind, or a pruner of
            `kerata.search.pruners`.
        cv, repeats, split, groups: folds, as in `cross_validate`; the score is the mean over the folds.
        validation_data, validation_split: as in `fit`, where there are no folds.
        epochs, batch_size, class_weight, sample_weight, shuffle: as in `fit`.
        batch: trials asked for at once; all that fit for samplers that do not learn, 16 for those that do.
        callbacks: as in `fit_many`; `EarlyStopping` stops each fold by itself.
        storage: a path of an SQLite file, a URL ("postgresql://user@host/database" for several machines), `None` for
            memory; "auto" is a file in the working folder that is named after the study.
        name: the study's name; the builder's name if `None`.
        folder: where the models of the best trials are kept; beside the storage if `None`.
        keep: models of so many of the best trials are kept.
        seed: of the values tried, of the splits, and of the models' weights, order and random draws.
        turns: as in `fit_many`.
        verbose: "auto" or 1 for live progress, 2 for a line a trial, 0 for silence.
        halving: an earlier name of `pruner`.
        timeout: no trial begins later than so many seconds after the call.
        start: values of the first trials, by name; what one of them does not name, the sampler chooses.
        constraints: a function of a trained trial (its `parameters`, `score`, `values`, `histories`, `params`) that returns a
            number, or several, each 0 or less where the trial is acceptable; only such trials can be the best. TPE and NSGA-II
            learn from them.

    Returns:
        The `Study`.

    >>> import kerata, numpy as np
    >>> from kerata import search
    >>> x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    >>> def build(hp):
    ...     model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    ...     model.compile(kerata.optimizers.SGD(hp.float("rate", 1e-3, 0.1, log=True)), "mse")
    ...     return model
    >>> study = search.run(build, x, x.sum(1), trials=4, sampler="random", cv=3, epochs=3, storage=None, verbose=0)
    >>> len(study.trials), sorted(study.best.params), len(study.best.models)
    (4, ['rate'], 3)
    """
    check_builder(build)
    samples = standardize_source(x, y, sample_weight, owner="search", texts=True)
    if not isinstance(samples, Samples):
        raise TypeError(
            message("search", "data must be arrays: it is held on the device once for all trials", {"x": type(x).__name__})
        )
    epochs = check_positive_int("search", "epochs", epochs)
    size: int = check_positive_int("search", "batch_size", 32 if batch_size is None else batch_size)
    seed = check_positive_int("search", "seed", seed, minimum=0)
    samples, folds, held = divide(samples, cv, repeats, split, groups, seed, validation_data, validation_split)
    goals = make_objectives(objective, direction)
    runner = Runner(
        samples,
        folds=folds,
        validation=held,
        objective=goals,
        epochs=epochs,
        batch_size=size,
        shuffle=shuffle,
        seed=seed,
        callbacks=callbacks,
        class_weight=class_weight,
        turns=turns,
    )
    card = {**mark_data(samples, folds, held), "epochs": epochs, "batch_size": size, "seed": seed}
    search = Search(
        build,
        runner,
        goals,
        card,
        trials=trials,
        sampler=sampler,
        pruner=pruner or halving,
        batch=batch,
        storage=storage,
        name=name,
        folder=folder,
        keep=keep,
        verbose=verbose,
        data=samples,
        fit={"class_weight": class_weight, "callbacks": callbacks, "shuffle": shuffle},
        timeout=timeout,
        start=start,
        constraints=constraints,
    )
    return search.run()


def check_builder(build: object) -> None:
    """Raises for what is no function of `hp`."""
    takes = False
    if callable(build) and not isinstance(build, Model):
        takes = True
        try:
            inspect.signature(build).bind(None)
        except ValueError:  # no signature to be had
            pass
        except TypeError:
            takes = False
    if not takes:
        said = "`build` must be a function that takes hp and returns a compiled model"
        raise TypeError(message("search", said, {"build": build}, "Write def build(hp): ..."))


def mark_data(samples: Samples, folds: list[tuple[np.ndarray, np.ndarray]] | None, held: Samples | None) -> dict[str, Any]:
    """What tells the data of a study from that of another; the arguments are what `divide` gives."""
    return {
        "data": {"samples": mark_arrays(samples.tree), "validation": None if held is None else mark_arrays(held.tree)},
        "folds": None if folds is None else f"{len(folds)} folds, {mark_arrays(folds)['hash']}",
    }


def divide(
    samples: Samples,
    cv: Folds | None,
    repeats: int,
    split: str,
    groups: TensorLike | None,
    seed: int,
    validation_data: Sequence[Any] | None,
    validation_split: float,
) -> tuple[Samples, Any, Samples | None]:
    """What is trained on, the folds, and what is validated on where there are none.

    Args:
        samples: all that was given.
        cv, repeats, split, groups, seed, validation_data, validation_split: as in `run`.
    """
    if cv is not None:
        if validation_data is not None or validation_split:
            given = {"cv": cv, "validation_split": validation_split}
            raise ValueError(message("search", "give `cv` or validation data, not both", given))
        return samples, make_folds(samples, cv, repeats, split, groups, seed), None
    if validation_data is not None:
        return samples, None, read_validation("search", validation_data)
    if validation_split:
        samples, held = split_validation(samples, validation_split, "search")
        return samples, None, held
    return samples, None, None
