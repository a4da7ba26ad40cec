"""`examine`: looks at data, model, curves and weights, runs small experiments, and says what it found."""

import functools
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import jax
import numpy as np

from kerata.base.checks import message
from kerata.base.registry import builtin
from kerata.data.samples import Data, Samples, standardize_arrays
from kerata.data.sources import is_batches, split_validation
from kerata.diagnosis.judgement.budget import LEAST_LOOKED, LEAST_SCORED, LOOK, MOST_LOOKED, MOST_SCORED, SCORES, affordable
from kerata.diagnosis.judgement.case import Case, Part, labels_of
from kerata.diagnosis.judgement.curves import check_curves
from kerata.diagnosis.judgement.data import check_data, say_unbalanced
from kerata.diagnosis.judgement.experiments import Clock, Laboratory, Tried, fresh
from kerata.diagnosis.judgement.finding import Examination, Finding
from kerata.diagnosis.judgement.fitting import nothing_predicts
from kerata.diagnosis.judgement.labels import check_coding, check_noise
from kerata.diagnosis.judgement.measures import Scores, base_loss, compare, score
from kerata.diagnosis.judgement.pairs import check_pairs
from kerata.diagnosis.judgement.parts import check_parts
from kerata.diagnosis.judgement.pictures import Panel
from kerata.diagnosis.judgement.predicting import CHUNK, Predictions
from kerata.diagnosis.judgement.ranking import rank
from kerata.diagnosis.judgement.runs import penalty_now, run_of, usual_rates
from kerata.diagnosis.judgement.signals import Look, Signals, check_sequences, check_signals, is_layers_fault
from kerata.diagnosis.judgement.structure import check_structure
from kerata.diagnosis.reading import Curves, HasHistory, curves_of
from kerata.engine.random import seeded_wholly
from kerata.engine.types import HostArray, Tree
from kerata.layers import BatchNormalization
from kerata.models.model import Model
from kerata.models.sequential import Sequential
from kerata.training.compilation import compilation_of
from kerata.training.host import begins_on_host, through_host
from kerata.training.prepare import build_for

# What is taken for `validation_split` where a run was validated on nobody knows what.
USUAL_SPLIT = 0.2


@builtin("services")
def examine(
    model: Model,
    history: Curves | HasHistory | None,
    x: Data,
    y: Data | None = None,
    validation: Sequence[Data] | None = None,
    experiments: bool = True,
    seconds: float = 6.0,
    groups: Data | None = None,
) -> Examination:
    """Says what is wrong with a training, and what to do: from data, model, weights, curves and small experiments.

    The model stays as it is, bit for bit: its weights, optimizer, history and all random states.

    Args:
        model: a compiled model.
        history: what `fit` returned, or its `.history`; `None` or an empty dict before training.
        x, y: what it was trained on, as in `fit`; with `validation_split`, all of it.
        validation: (x, y) that it was validated on.
        experiments: whether copies of the model are trained for some steps, to try other rates and widths.
        seconds: no experiment begins after experiments of so many seconds.
        groups: a label a sample of x for what belongs together, such as patients; or (labels of x, labels of validation).

    Returns:
        An `Examination`: findings, the most urgent first. `print` shows it, `.plot(path)` draws it, `.to_frame()` is a table.

    Raises:
        ValueError: where the model is not compiled, or the samples are of another size than its inputs.
        TypeError: where x is no array, but gives batches.

    >>> import kerata, numpy as np
    >>> x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    >>> model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    >>> model.compile("adam", "binary_crossentropy")
    >>> history = model.fit(x, x[:, 0] > 0, epochs=2, verbose=0)
    >>> kerata.diagnosis.examine(model, history, x, x[:, 0] > 0, experiments=False)[0].kind
    'no_probabilities'
    """
    began = time.perf_counter()
    compilation_of(model, "examine")
    with seeded_wholly(0), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        case = make_case(model, history, x, y, validation, groups)
        examined = look_at(case, seconds if experiments else 0.0)
    examined.seconds = time.perf_counter() - began
    return examined


def make_case(
    model: Model,
    history: Curves | HasHistory | None,
    x: Data,
    y: Data | None,
    validation: Sequence[Data] | None,
    groups: Data | None,
) -> Case:
    """All that is looked at, in one form."""
    if is_batches(x):
        raise TypeError(
            message(
                "examine",
                "the data must be arrays",
                {"x": type(x).__name__},
                "Give some batches as arrays: x, y = next(iter(data))",
            )
        )
    given: dict[str, object] = dict(getattr(history, "given", None) or {})
    params: dict[str, object] = dict(getattr(history, "params", None) or {})
    samples = Samples(standardize_arrays(through_host(model, x), "x"), standardize_arrays(y, "y"))
    held: Part | None = None
    split = float(given.get("validation_split") or 0.0) if validation is None else 0.0  # type: ignore[arg-type]
    ours, theirs = group_labels(groups)
    if validation is not None:
        other = Samples(standardize_arrays(through_host(model, validation[0]), "x"), standardize_arrays(validation[1], "y"))
        held = part_of(other, theirs)
    elif split or is_sorted(samples, history):
        split = split or USUAL_SPLIT
        whole = samples
        samples, rest = split_validation(whole, split, "examine")
        theirs, ours = (None, None) if ours is None else (ours[samples.size :], ours[: samples.size])
        held = part_of(rest, theirs)
    train = part_of(samples, ours)
    if not model.built:
        build_for(model, samples.slice(0, min(32, samples.size)).tree, "examine")
    for name, part in (("x", train), ("validation", held)):
        if part is not None:
            check_inputs(model, part, name)
    steps = params.get("steps")
    size = given.get("batch_size") or (-(-train.size // int(steps)) if steps else 32)  # type: ignore[call-overload]
    case = Case(model, curves_of(history) if history is not None else {}, train, held, batch_size=int(size))  # type: ignore[call-overload]
    case.split, case.epochs = split, int(params.get("epochs") or 0)  # type: ignore[call-overload]
    case.bad_step = int(getattr(history, "bad_step", None) or 0)
    case.shuffled = bool(given.get("shuffle", True))
    case.weighted = bool(given.get("weighted", False))
    return case


def check_inputs(model: Model, part: Part, name: str) -> None:
    """Refuses inputs of other sizes than the model takes, where it says what it takes."""
    if type(model).call not in (Model.call, Sequential.call) or begins_on_host(model):
        return
    wanted = dict(zip(model.input_names, (tensor.shape for tensor in model.inputs), strict=True))
    x = part.x
    if isinstance(x, dict):
        if set(x) != set(wanted):
            return
        given = [np.asarray(x[name]) for name in wanted]
    else:
        given = part.inputs
    if len(given) != len(wanted):
        expected = f"the model takes {len(wanted)} inputs, {', '.join(wanted)}"
        raise ValueError(message("examine", expected, {name: f"{len(given)} arrays"}, "Give the data that it was trained on"))
    for array, (input_name, shape) in zip(given, wanted.items(), strict=True):
        if not fits_input(array.shape, tuple(shape), isinstance(model, Sequential)):
            expected = f"each sample of the input {input_name!r} must have shape {tuple(shape[1:])}"
            fix = "Give the data that the model was trained on, prepared alike"
            raise ValueError(message("examine", expected, {name: f"samples of shape {array.shape[1:]}"}, fix))


def fits_input(given: tuple[int, ...], wanted: tuple[int | None, ...], widens: bool) -> bool:
    """Whether samples have the sizes of an input, but for axes of size 1 at the end.

    Args:
        given, wanted: shapes with the axis of samples; `None` for any size.
        widens: whether sizes between the first and the last axis may be others, as convolutions allow.

    >>> fits_input((8, 2), (None, 4), False), fits_input((8, 4), (None, 4, 1), False), fits_input((8,), (None, 1), False)
    (False, True, True)
    """
    length = max(len(given), len(wanted))
    pairs = list(zip(given + (1,) * (length - len(given)), wanted + (1,) * (length - len(wanted)), strict=True))[1:]
    fits = [size is None or each == size for each, size in pairs]
    if widens and len(given) == len(wanted) > 2:
        return fits[-1]
    return all(fits)


def is_sorted(samples: Samples, history: Curves | HasHistory | None) -> bool:
    """Whether there was validation on an unknown part of data whose classes are sorted, so that it was one class at the "
    "end."""
    if history is None or "val_loss" not in curves_of(history) or getattr(history, "given", None):
        return False
    target = Part(cast("Tree", samples.x), cast("Tree", samples.y)).target
    labels = None if target is None else labels_of(target)
    return (
        labels is not None
        and 1 < len(np.unique(labels)) <= 100
        and bool((np.diff(labels) >= 0).all() or (np.diff(labels) <= 0).all())
    )


def part_of(samples: Samples, groups: HostArray | None) -> Part:
    """Samples as a part of the data."""
    return Part(cast("Tree", samples.x), cast("Tree", samples.y), groups)


def group_labels(groups: Data | None) -> tuple[HostArray | None, HostArray | None]:
    """Labels of the training samples, and of the validation samples where these are apart."""
    if groups is None:
        return None, None
    if isinstance(groups, tuple) and len(groups) == 2:
        return np.asarray(groups[0]), np.asarray(groups[1])
    return np.asarray(groups), None


def look_at(case: Case, seconds: float) -> Examination:
    """Everything in order: what costs nothing first."""
    findings: list[Finding] = [*check_pairs(case), *check_data(case), *check_parts(case), *check_structure(case)]
    scores, tried = Scores("accuracy" if case.is_classes else "R2", base=base_loss(case)), Tried()
    now = first = None
    hopeless = any(finding.kind in ("missing_values",) for finding in findings)
    if case.train is not None and not hopeless:
        twin = functools.cache(lambda: fresh(case.model))
        began = time.perf_counter()
        with case.leaving_out("the look into the layers"):
            now, first = look_inside(case, twin)
        case.seconds_of_look = time.perf_counter() - began
        if now is not None and first is not None:
            findings += check_signals(case, now, first)
        with case.leaving_out("the scores"):
            measure(case, scores, twin)
        if now is not None and first is not None:
            findings += check_sequences(case, now, first, scores)
        findings += [*say_rare(case), *check_noise(case), *check_coding(case)]
    certain = any(finding.severity == "certain" and finding.weight >= 8 for finding in findings)
    if seconds > 0 and not hopeless and not certain and case.train is not None and case.train.y is not None:
        tried = try_out(case, scores, Clock(seconds))
    findings += check_curves(case, scores, tried)
    ranked = rank(case, findings, scores, tried)
    notes = [*case.notes, *tried.notes]
    return Examination(ranked, notes, 0.0, panels_of(case, scores, tried, now, first))


def look_inside(case: Case, twin: Callable[[], Model]) -> tuple[Signals | None, Signals | None]:
    """Signals with the weights as they are, and with first weights."""
    assert case.train is not None
    count = affordable(3 * case.work, LOOK, MOST_LOOKED)
    if not fits(case, count, LEAST_LOOKED, "the look into the layers") or not twin().built:
        return None, None
    look = Look(twin(), case.some(case.train, count))
    values = [np.asarray(variable.numpy()) for variable in case.model.variables]
    return look(values), look([np.asarray(variable.numpy()) for variable in twin().variables], twice=False)


def fits(case: Case, count: int, least: int, what: str) -> bool:
    """Whether there is time for enough samples; notes what is left out."""
    if count < least:
        case.notes.append(f"left out for want of time: {what} (a sample takes {case.work:.1g} multiplications)")
    return count >= least


def measure(case: Case, scores: Scores, twin: Callable[[], Model]) -> None:
    """The scores of the network as it is, and of simple models."""
    assert case.train is not None
    count = affordable(case.work, SCORES / 2, MOST_SCORED)
    if fits(case, count, LEAST_SCORED, "predictions, so scores are those of the curves"):
        scores.asked = min(count, *(part.size for part in (case.train, case.held) if part is not None))
        predictions = Predictions(twin(), [v.numpy() for v in case.model.variables], case.fixed or min(CHUNK, count))
        for name, part in (("train", case.train), ("held", case.held)):
            if part is not None and part.target is not None:
                note_score(case, scores, predictions, name, part.sample(count, int(name == "held")))
    else:
        scores.train, scores.held = (last_of(case, prefix) for prefix in ("", "val_"))
    compare(case, scores)


def last_of(case: Case, prefix: str) -> float:
    """The accuracy of the last epoch."""
    curves = [case.curve(f"{prefix}{name}") for name in ("accuracy", "acc", "binary_accuracy")]
    return next((float(curve[-1]) for curve in curves if len(curve)), np.nan) if case.is_classes else np.nan


def note_score(case: Case, scores: Scores, predictions: Predictions, name: str, part: Part) -> None:
    """The score and the loss of one part."""
    outputs = predictions.outputs(part)
    leaves = jax.tree.leaves(outputs)
    if len(leaves) != 1:
        return
    one = np.asarray(leaves[0])
    setattr(scores, name, score(case, part, one))
    try:
        value = predictions.loss(part.y, outputs)
    except (ValueError, TypeError):
        value = np.nan
    if name == "train":
        scores.loss = value
    else:
        scores.held_loss = value + penalty_now(case)
    case.predictions[name] = (part, one)


def say_rare(case: Case) -> Iterable[Finding]:
    """A rare class, on validation samples where there are such of it, else on training samples."""
    for name, words in (("held", "validation"), ("train", "training")):
        if not case.is_before and name in case.predictions and case.is_classes:
            part, outputs = case.predictions[name]
            said = list(say_unbalanced(case, part, outputs, words))
            if said:
                return said
    return []


def try_out(case: Case, scores: Scores, clock: Clock) -> Tried:
    """The experiments that may settle a question of this case."""
    laboratory = Laboratory(case, clock)
    loss = case.curve("loss")
    run = run_of(case, scores)
    if not len(loss):
        return laboratory.tried
    wrong = not np.isfinite(loss).all()
    low = case.rate is not None and case.rate < usual_rates(case)[0]
    # What is likelier goes first: time may not reach for all.
    laboratory.rates((1.0, 0.1, 0.01) if wrong else (1.0, 10.0, 0.1) if low else (1.0, 0.1, 10.0))
    if wrong and laboratory.tried.rates:
        look_before_nan(laboratory)
    heart = not wrong and run.progress < 0.3 and not laboratory.case.fixed
    if heart and run.progress < 0.05:
        laboratory.attempt("ten samples by heart", laboratory.few)
    stuck = not wrong and run.known and run.progress < 0.1
    if stuck and not min((laboratory.tried.end(f) for f in (0.1, 10.0)), default=np.inf) < 0.9 * abs(run.base):
        laboratory.rates((0.01, 100.0))
    restrained = any(float(layer.rate or 0) > 0 for layer in case.dropouts) or penalty_now(case) > 0
    if not wrong and restrained and run.progress < 0.7:
        laboratory.attempt("without dropout and penalties", laboratory.free)
    behind = np.isfinite(scores.train) and np.isfinite(scores.reference) and scores.train < scores.reference
    if not wrong and behind:
        laboratory.attempt("twice the units", laboratory.wide)
    norms = any(isinstance(layer, BatchNormalization) and layer.trainable for layer in case.model.layers)
    if not wrong and norms and (behind or run.progress < 0.5):
        laboratory.attempt("without a normalization", laboratory.bare)
    if not wrong and nothing_predicts(scores):
        laboratory.attempt("targets in another order", laboratory.shuffled)
    if heart and run.progress >= 0.05:
        laboratory.attempt("ten samples by heart", laboratory.few)
    return laboratory.tried


def look_before_nan(laboratory: Laboratory) -> None:
    """Is a layer to blame, whatever the rate? With the rate itself, and with the lowest where that did not help."""
    tried, lowest = laboratory.tried, min(laboratory.tried.rates)
    laboratory.attempt("the step before NaN", lambda: laboratory.before_nan(1.0))
    if tried.before is not None and is_layers_fault(tried.before, tried.largest):
        return
    if not tried.is_finite(lowest):
        laboratory.attempt("the step before NaN, at a lower rate", lambda: laboratory.before_nan(lowest))
    else:
        tried.nan_step = 0


def panels_of(case: Case, scores: Scores, tried: Tried, now: Signals | None, first: Signals | None) -> list[Panel]:
    """The evidence as pictures."""
    panels: list[Panel] = []
    loss, held = case.curve("loss"), case.curve("val_loss")
    if len(loss):
        panels.append(
            Panel("loss", "lines", {"training": loss.tolist(), **({"validation": held.tolist()} if len(held) else {})})
        )
    accuracy, held = case.curve("accuracy"), case.curve("val_accuracy")
    if len(accuracy):
        series = {"training": accuracy.tolist(), **({"validation": held.tolist()} if len(held) else {})}
        panels.append(Panel("accuracy", "lines", series))
    known = {"network": scores.own, "constant": scores.constant, "linear": scores.linear, "neighbours": scores.near}
    known = {name: value for name, value in known.items() if np.isfinite(value)}
    if len(known) > 1:
        values = [max(value, -0.2) for value in known.values()]
        panels.append(Panel(f"{scores.name} on new samples", "bars", {scores.name: values}, list(known)))
    if tried.rates:
        curves = {f"{factor:g} times the rate": curve.tolist() for factor, curve in sorted(tried.rates.items())}
        panels.append(Panel("trials: training loss", "lines", curves, log=all(np.min(c) > 0 for c in tried.rates.values())))
    if now is not None and first is not None and len(now.gradients) > 1:
        names = list(now.gradients)[:8]
        series = {"now": [now.gradients[n] for n in names], "at the start": [first.gradients[n] for n in names]}
        panels.append(Panel("gradients by layer", "bars", series, names, log=True))
    ours, theirs = case.train_labels, case.held_labels
    if ours is not None and len(np.unique(ours)) <= 10:
        values = np.unique(ours if theirs is None else np.concatenate([ours, theirs]))
        series = {"training": [float((ours == v).mean()) for v in values]}
        if theirs is not None:
            series["validation"] = [float((theirs == v).mean()) for v in values]
        panels.append(Panel("share of each class", "bars", series, [str(v) for v in values]))
    return panels
