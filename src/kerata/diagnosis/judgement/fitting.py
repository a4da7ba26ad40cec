"""Underfitting, and why: for want of units, of steps that work, for too much restraint, or for want of anything to learn."""

from collections.abc import Iterator

import numpy as np

from kerata.diagnosis.judgement.case import Case
from kerata.diagnosis.judgement.experiments import Tried, end_of
from kerata.diagnosis.judgement.finding import Finding, found
from kerata.diagnosis.judgement.measures import Scores
from kerata.diagnosis.judgement.runs import Run
from kerata.diagnosis.judgement.structure import IOFFE, penalty_of, rate_of

GOODFELLOW = "Goodfellow, Bengio, Courville, Deep Learning, 11.4: choosing hyperparameters"
KARPATHY = "Karpathy, A Recipe for Training Neural Networks, 2019: overfit one batch"
LECUN = "LeCun et al., Efficient BackProp, 1998, 4.3: normalizing"
# Targets of such a size are far from what first weights give.
LARGE_TARGET = 50.0
# A trial with the right targets that is further by this share of the loss learns something of them.
SOONER = 0.1
# Runs of fewer steps had no time to fit.
FEW_STEPS = 30
# By so much a simple model must be better than a constant before it tells that a network could do more.
MORE = 0.05
ZHANG = "Zhang et al., Understanding Deep Learning Requires Rethinking Generalization, 2017"


def check_fit(case: Case, run: Run, scores: Scores, tried: Tried) -> Iterator[Finding]:
    """A training loss that does not come down: for want of units, of steps that work, or of anything to learn."""
    length = run.fall > 0.02 and run.tail > 0.02
    if length:
        # A loss that falls may be a penalty that does: what is held back much needs no more epochs.
        if held_back(case):
            yield from (finding for finding in check_restraint(case, run, scores, tried) if tried.free is not None)
        # What is learned by heart goes on falling.
        if scores.train > max(scores.constant, scores.held) + 2 * scores.noise:
            yield from check_labels(run, scores, tried)
        return
    restrained = [*check_restraint(case, run, scores, tried), *check_bare(case, run, tried)]
    yield from restrained
    if restrained:
        return
    yield from check_labels(run, scores, tried)
    short = (
        np.isfinite(scores.train)
        and np.isfinite(scores.reference)
        and scores.train < scores.reference - max(scores.noise, 0.04)
    )
    if short and steps_of(case, run) < FEW_STEPS:
        yield say_few_steps(case, run, scores)
    elif short and (shows_more(scores) or units_of(case) > 4):
        yield say_underfitting(case, run, scores, tried)


def shows_more(scores: Scores) -> bool:
    """Whether a simple model finds more in the inputs than a constant does: else none tells that units are wanting."""
    simple = max((score for score in (scores.linear, scores.near) if np.isfinite(score)), default=-np.inf)
    return bool(simple > scores.constant + MORE)


def steps_of(case: Case, run: Run) -> int:
    """How many steps the run made."""
    size = case.train.size if case.train is not None else 0
    return -(-size // case.batch_size) * run.epochs


def say_few_steps(case: Case, run: Run, scores: Scores) -> Finding:
    """A network that had no time to fit."""
    return found(
        "too_few_epochs",
        "serious",
        "The run made {steps} steps in {epochs} epochs, too few to judge anything else: the network scores {train:.2f} in "
        "{name} on its training data, simple models {reference:.2f} on new samples. Train for more epochs.",
        f"model.fit(x, y, epochs={max(10, 3 * run.epochs, -(-100 * run.epochs // max(steps_of(case, run), 1)))})",
        GOODFELLOW,
        4.8,
        steps=steps_of(case, run),
        epochs=run.epochs,
        train=scores.train,
        name=scores.name,
        reference=scores.reference,
    )


def held_back(case: Case) -> bool:
    """Whether a penalty or dropout is far from what is usual."""
    return max(map(penalty_of, case.layers), default=0.0) >= 0.05 or max(map(rate_of, case.dropouts), default=0.0) >= 0.75


def check_few(case: Case, run: Run, tried: Tried) -> Iterator[Finding]:
    """Ten samples that cannot be learned by heart, with rates that are usual: then something is wired wrongly."""
    if tried.few is None or is_linear(case) or units_of(case) <= 4:
        return
    begin, end = tried.few_base, end_of(tried.few)
    if not end > 0.7 * begin:
        return
    yield found(
        "ten_samples_not_learned",
        "serious",
        "A trial could not learn {few} samples by heart: in {epochs} steps the loss came to {end:.3g}, where one answer for "
        "all gives {begin:.3g}. So neither data nor size is to blame but the wiring: does the input reach the output, does "
        "a layer mix samples, does a constraint hold weights?",
        "model.fit(x[:10], y[:10], batch_size=10, epochs=300)  # must come close to 0",
        KARPATHY,
        6.0,
        few=tried.few_count,
        epochs=len(tried.few),
        begin=begin,
        end=end if np.isfinite(end) else -1.0,
    )


def check_targets(case: Case, run: Run) -> Iterator[Finding]:
    """Targets so large that the steps do not get there."""
    target = case.train.target if case.train is not None else None
    if target is None or case.form != "numbers" or not run.known or run.progress > 0.5 or target.dtype.kind not in "fiu":
        return
    typical = float(np.sqrt((target.astype(float) ** 2).mean()))
    if not np.isfinite(typical) or typical < LARGE_TARGET or case.output_activation not in ("linear", None):
        return
    yield found(
        "targets_not_scaled",
        "serious",
        "The targets are large, a typical one is {typical:.3g}, and a new network gives numbers around {zero}: small steps "
        "take very long to get there, and the loss is still {end:.3g} where the mean alone gives {base:.3g}. Scale the "
        "targets, and scale predictions back.",
        "mean, spread = y.mean(0), y.std(0); y = (y - mean) / spread  # predict: p * spread + mean",
        LECUN,
        6.1,
        typical=typical,
        zero=0,
        end=run.end,
        base=run.base,
    )


def say_linear(run: Run, scores: Scores, units: int) -> Finding:
    """A network without a hidden layer: that is too little, or what has the same form can do it."""
    if scores.near > scores.linear + 0.05 and shows_more(scores):
        bare = "no hidden layer, so it" if not units else "hidden layers without activation, so all of it"
        cure = "Add a hidden layer" if not units else "Give them activation='relu'"
        return found(
            "underfitting_capacity",
            "serious",
            f"The model has {bare} is linear: it scores {{train:.2f}} in {{name}} on its own training data, while the nearest "
            f"neighbours reach {{near:.2f}}. {cure}.",
            f"layers.Dense({units or 32}, activation='relu')  # before the last layer",
            GOODFELLOW,
            5.0,
            train=scores.train,
            name=scores.name,
            near=scores.near,
        )
    return found(
        "underfitting_optimization",
        "serious",
        "The network is linear, and scores {train:.2f} in {name} on its own training data where another linear model has "
        "{linear:.2f} on new samples: so it is the training. Train for more epochs, or with a higher rate.",
        f"model.fit(x, y, epochs={max(10, 3 * run.epochs)})",
        GOODFELLOW,
        4.8,
        train=scores.train,
        name=scores.name,
        linear=scores.linear,
    )


def say_underfitting(case: Case, run: Run, scores: Scores, tried: Tried) -> Finding:
    """A network that does not fit its own training data: for want of units, or because the steps do not work."""
    linear = is_linear(case)
    wider = end_of(tried.wide) < tried.end(1.0) - 0.08 * abs(run.base) if tried.wide is not None else False
    if linear and (scores.near > scores.linear + 0.05 or scores.linear > scores.train):
        return say_linear(run, scores, units_of(case))
    if (wider or units_of(case) <= 4) and shows_more(scores):
        more = ", with twice the units a trial ended at a loss of {wide:.3g} instead of {one:.3g}" if wider else ""
        return found(
            "underfitting_capacity",
            "serious",
            "The network is too small: it scores {train:.2f} in {name} on its own training data, simple models "
            "{reference:.2f} on new samples" + more + ". Use more units or layers.",
            "layers.Dense(64, activation='relu')  # twice the units, or one layer more",
            GOODFELLOW,
            5.0,
            train=scores.train,
            name=scores.name,
            reference=scores.reference,
            wide=end_of(tried.wide) if wider else 0.0,
            one=tried.end(1.0) if wider else 0.0,
        )
    return found(
        "underfitting_optimization",
        "serious",
        "The network does not fit its own training data: it scores {train:.2f} in {name} there, simple models "
        "{reference:.2f} on new "
        "samples. It has {units} units, so it is the training: change the rate, the optimizer or the first weights.",
        "model.lr_find(x, y).plot('rates.png')",
        GOODFELLOW,
        4.8,
        train=scores.train,
        name=scores.name,
        reference=scores.reference,
        units=units_of(case),
    )


def check_restraint(case: Case, run: Run, scores: Scores, tried: Tried) -> Iterator[Finding]:
    """Dropout or a penalty that keeps the network from fitting."""
    penalties = [penalty_of(layer) for layer in case.layers if penalty_of(layer) > 0]
    rates = [rate_of(layer) for layer in case.dropouts if rate_of(layer) > 0]
    poor = run.progress < 0.5 or (np.isfinite(scores.reference) and scores.train < scores.reference)
    if not (penalties or rates) or not poor:
        return
    free, one = end_of(tried.free), tried.end(1.0)
    helped = np.isfinite(free) and np.isfinite(one) and free < one - 0.2 * abs(run.base)
    strong = max(penalties, default=0.0) >= 0.05
    if not (helped or (strong and tried.free is None)):
        return
    if max(penalties, default=0.0) >= 0.005 and (not rates or max(penalties) >= 0.03):
        text, kind, line = "an L2 penalty of {strength:g}", "too_much_l2", f"kerata.regularizers.L2({max(penalties) / 100:g})"
        strength = max(penalties)
    elif rates:
        text, kind, line = "dropout of {strength:g}", "too_much_dropout", "layers.Dropout(0.2)"
        strength = max(rates)
    else:
        return
    tested = ": a trial without it ended at a loss of {free:.3g}, one with it at {one:.3g}" if helped else ""
    yield found(
        kind,
        "serious",
        "The network is held back by "
        + text
        + tested
        + ". Underfitting needs less restraint, not more: use a tenth of it, or none.",
        line,
        GOODFELLOW,
        5.2,
        strength=strength,
        free=free if helped else 0.0,
        one=one if helped else 0.0,
    )


def nothing_predicts(scores: Scores) -> bool:
    """Whether neither the network nor simple models are better than a constant, where chance alone would not hide it."""
    if not np.isfinite(scores.reference) or not np.isfinite(scores.held) or scores.size < 40:
        return False
    # A simple model that is better by half of the noise than what the largest class gives has found something.
    bound = np.fmax(scores.constant + scores.noise, scores.largest + scores.noise / 2)
    hopeless = max(scores.linear, scores.near, scores.held) < bound
    return bool(hopeless and (scores.name == "R2" or scores.constant < 0.75))


def check_labels(run: Run, scores: Scores, tried: Tried) -> Iterator[Finding]:
    """Targets that nothing can be learned of."""
    if not nothing_predicts(scores):
        return
    one, mixed = tried.end(1.0), end_of(tried.shuffled)
    known = np.isfinite(one) and np.isfinite(mixed)
    # What is learned sooner than targets of other samples belongs to its samples.
    if known and mixed - one > SOONER * abs(run.base):
        return
    tested = "; with the targets of other samples a trial came as far ({mixed:.3g}, {one:.3g})" if known else ""
    yield found(
        "labels_unrelated",
        "serious",
        "Nothing predicts new samples better than a constant ({constant:.2f} in {name}): network {held:.2f}, linear model "
        "{linear:.2f}, nearest neighbours {near:.2f}" + tested + ". Do inputs and targets belong together, and are they "
        "shuffled alike?",
        "print(x[:5], y[:5])  # do rows and labels belong together?",
        ZHANG,
        5.6,
        constant=scores.constant,
        name=scores.name,
        held=scores.held,
        linear=scores.linear,
        near=scores.near,
        mixed=mixed if known else 0.0,
        one=one if known else 0.0,
    )


def check_bare(case: Case, run: Run, tried: Tried) -> Iterator[Finding]:
    """A normalization without which a trial came much further."""
    one, bare = tried.end(1.0), end_of(tried.bare)
    if not (np.isfinite(one) and np.isfinite(bare) and bare < one - 0.2 * abs(run.base) and bare < 0.7 * one):
        return
    yield found(
        "normalization_hurts",
        "serious",
        "Without the batch normalization {name} a trial ended at a loss of {bare:.3g}, with it at {one:.3g}: it holds the "
        "network back here, with batches of {size}. Take it out, put it elsewhere, or use layer normalization.",
        "layers.LayerNormalization()  # or none",
        IOFFE,
        5.1,
        name=tried.taken_out,
        bare=bare,
        one=one,
        size=case.batch_size,
    )


def is_linear(case: Case) -> bool:
    """Whether no layer bends what goes through it before the last."""
    bends = (
        "relu",
        "tanh",
        "sigmoid",
        "elu",
        "selu",
        "gelu",
        "silu",
        "swish",
        "softplus",
        "leaky_relu",
        "softmax",
        "hard_sigmoid",
        "mish",
        "softsign",
        "exponential",
    )
    for layer in case.layers:
        if layer is case.last:
            continue
        activation = getattr(layer, "activation", None)
        if type(layer).__name__ in ("ReLU", "LeakyReLU", "ELU", "PReLU", "LSTM", "GRU", "SimpleRNN") or (
            "Pooling" in type(layer).__name__ and "Max" in type(layer).__name__
        ):
            return False
        if activation is not None and getattr(activation, "__name__", "") in bends:
            return False
    return all("kernel" in vars(layer) or not layer.weights for layer in case.layers)


def units_of(case: Case) -> int:
    """The units of the widest hidden layer."""
    found_units = [
        int(getattr(layer, "units", 0) or getattr(layer, "filters", 0) or 0) for layer in case.layers if layer is not case.last
    ]
    return max(found_units, default=0)
