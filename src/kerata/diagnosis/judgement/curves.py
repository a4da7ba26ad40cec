"""What curves, scores and experiments say together: the rate, the length, fitting too little or too much."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kerata.diagnosis.judgement.case import Case
from kerata.diagnosis.judgement.experiments import Tried, end_of
from kerata.diagnosis.judgement.finding import Finding, found
from kerata.diagnosis.judgement.measures import Scores
from kerata.diagnosis.judgement.structure import penalty_of, rate_of
from kerata.diagnosis.reading import typical_jump
from kerata.engine.types import HostArray

BENGIO = "Bengio, Practical Recommendations for Gradient-Based Training, 2012"
GOODFELLOW = "Goodfellow, Bengio, Courville, Deep Learning, 11.4: choosing hyperparameters"
NOTES = "Chollet, Deep Learning with Python, 5.3: fitting first, then generalizing"
PRECHELT = "Prechelt, Early Stopping, But When?, 1998"
ZHANG = "Zhang et al., Understanding Deep Learning Requires Rethinking Generalization, 2017"
# Rates that are usual for an optimizer.
USUAL = {
    "SGD": (0.003, 0.3),
    "Adadelta": (0.1, 1.0),
    "Adagrad": (0.003, 0.1),
    "Lion": (3e-5, 1e-3),
    "Ftrl": (0.001, 0.1),
    "Adafactor": (0.001, 0.1),
    "Lamb": (5e-4, 0.02),
}
ADAPTIVE = (2e-4, 0.01)


@dataclass
class Run:
    """Curves with what follows from them.

    Attributes:
        loss, held: the losses by epoch; `held` is empty without validation.
        base: the loss of the best constant prediction, else the first loss.
        end: where the training loss ended.
        progress: the share of `base` that is gone at the end.
        noise: the typical jump between epochs in the later half, as a share of `base`.
        tail: the share of `base` that the last fifth of the epochs brought.
    """

    loss: HostArray
    held: HostArray
    base: float
    known: bool

    @property
    def epochs(self) -> int:
        return len(self.loss)

    @property
    def end(self) -> float:
        return float(self.loss[-max(1, self.epochs // 10) :].mean())

    @property
    def progress(self) -> float:
        return (self.base - self.end) / max(abs(self.base), 1e-12)

    @property
    def noise(self) -> float:
        return typical_jump(self.loss) / max(abs(self.base), 1e-12)

    @property
    def tail(self) -> float:
        count = max(1, self.epochs // 5)
        before = self.loss[-2 * count : -count] if self.epochs >= 2 * count + 1 else self.loss[:1]
        return float((before.mean() - self.loss[-count:].mean()) / max(abs(self.base), 1e-12))

    @property
    def fall(self) -> float:
        """By which share of itself the loss fell an epoch, of late."""
        count = max(2, self.epochs // 5)
        late = np.maximum(self.loss[-count - 1 :], 1e-12)
        return float(1 - (late[-1] / late[0]) ** (1 / max(len(late) - 1, 1)))


def run_of(case: Case, scores: Scores) -> Run:
    """The curves of a case."""
    loss, held = case.curve("loss"), case.curve("val_loss")
    penalty = penalty_now(case)
    known = bool(np.isfinite(scores.base))
    base = scores.base if known else float(loss[0]) if len(loss) else np.nan
    fits = len(held) == len(loss)
    return Run(
        loss - penalty if known and len(loss) and (loss > penalty).all() else loss, held if fits else np.zeros(0), base, known
    )


def penalty_now(case: Case) -> float:
    """What L1 and L2 add to the loss."""
    return float(sum(float(np.sum(np.asarray(each))) for each in case.model.losses)) if case.model.built else 0.0


def rate_words(case: Case) -> str:
    """The learning rate with its optimizer."""
    name = type(case.model.optimizer).__name__
    return name if case.rate is None else f"{name}({case.rate:g})"


def usual_rates(case: Case) -> tuple[float, float]:
    """The range of rates that is usual for the optimizer."""
    return USUAL.get(type(case.model.optimizer).__name__, ADAPTIVE)


def check_curves(case: Case, scores: Scores, tried: Tried) -> Iterator[Finding]:
    """Findings about the course of the training."""
    loss = case.curve("loss")
    if not len(loss):
        return
    bad = np.flatnonzero(~np.isfinite(loss))
    if bad.size:
        yield say_not_finite(case, int(bad[0]) + 1)
        return
    run = run_of(case, scores)
    rates = list(check_rate(case, run, scores, tried))
    yield from rates
    if not rates:
        yield from check_length(case, run, scores, tried)
        yield from check_fit(case, run, scores, tried)
    yield from check_overfitting(case, run, scores)
    yield from check_baseline(case, run, scores)


def say_not_finite(case: Case, epoch: int) -> Finding:
    """The loss is NaN."""
    return found(
        "diverged",
        "certain",
        "The loss became NaN or infinite in epoch {epoch}, with {rate}: the steps were too large. Lower the learning rate "
        "ten-fold, scale "
        "the inputs, or clip gradients with clipnorm.",
        f"kerata.optimizers.{type(case.model.optimizer).__name__}({(case.rate or 0.01) / 10:g}, clipnorm=1.0)",
        BENGIO,
        7.0,
        epoch=epoch,
        rate=rate_words(case),
    )


def check_rate(case: Case, run: Run, scores: Scores, tried: Tried) -> Iterator[Finding]:
    """A rate that is too high or too low, from the curve and from what a tenth and ten times of it did."""
    low, high = usual_rates(case)
    base = abs(run.base)
    lower = min((f for f in tried.rates if f < 1), key=tried.end, default=None)
    higher = min((f for f in tried.rates if f > 1), key=tried.end, default=None)
    one = tried.end(1.0)
    rising = run.epochs >= 2 and run.end > 1.1 * float(run.loss.min()) + 0.05 * base and run.end > 0.5 * base
    bouncing = run.noise > 0.06 and run.end > 0.05 * base
    above = run.known and run.end > 1.15 * base and run.epochs >= 3
    stuck = run.known and abs(run.progress) < 0.03
    gain = (
        (one - tried.end(lower)) / max(base, 1e-12)
        if lower is not None and np.isfinite(one)
        else np.inf
        if lower is not None and np.isfinite(tried.end(lower))
        else 0.0
    )
    high_rate = case.rate is not None and case.rate > high
    confirmed = gain > 0.15 or (gain > 0.05 and high_rate)
    helped = higher is not None and np.isfinite(one) and tried.end(higher) < one - 0.1 * base and tried.end(higher) < 0.85 * one
    if (rising or bouncing or above) and (confirmed or not tried.rates or (high_rate and gain > 0)):
        yield say_too_high(case, run, tried, lower, one, "rising" if rising or above else "bouncing")
    elif confirmed and run.progress < 0.9 and (stuck or run.progress < 0.6 or gain > 0.3) and run.end > one - 0.5 * gain * base:
        yield say_too_high(case, run, tried, lower, one, "stuck" if stuck else "high")
    elif stuck and high_rate and case.rate is not None and case.rate > 5 * high and not tried.rates:
        yield say_too_high(case, run, tried, None, one, "stuck")
    elif (
        case.rate is not None and case.rate < low / 3 and run.progress < 0.9 and (helped or not tried.rates) and not rising
    ) or (helped and run.progress < 0.5 and run.epochs >= 15 and case.rate is not None and case.rate <= 2 * low):
        yield say_too_low(case, run, tried, higher, one)


def say_too_high(case: Case, run: Run, tried: Tried, lower: float | None, one: float, how: str) -> Finding:
    """A rate that is too high."""
    what = {
        "rising": "The training loss rose from its lowest, {lowest:.3g}, to {end:.3g}",
        "bouncing": "The training loss jumps up and down, by {jump:.3g} an epoch of late",
        "stuck": "The training loss is stuck at {end:.3g}, what a constant prediction gives",
        "high": "The training loss ended at {end:.3g}",
    }[how]
    tested = ""
    if lower is not None:
        tested = " A trial of {epochs} epochs ended at {lower:.3g} with {factor:g} times the rate" + (
            ", at {one:.3g} with the rate itself." if np.isfinite(one) else "."
        )
    return found(
        "rate_too_high",
        "serious",
        what + ": the learning rate is too high, {rate}." + tested + " Try a tenth of it.",
        f"kerata.optimizers.{type(case.model.optimizer).__name__}({(case.rate or 0.1) * (lower or 0.1):g})",
        BENGIO,
        5.8 if how in ("rising", "stuck") else 5.6,
        lowest=float(run.loss.min()),
        end=float(run.loss[-1]) if how == "rising" else run.end,
        jump=run.noise * abs(run.base),
        rate=rate_words(case),
        epochs=tried.epochs,
        lower=tried.end(lower) if lower is not None else 0.0,
        factor=lower or 0.0,
        one=one if np.isfinite(one) else -1.0,
    )


def say_too_low(case: Case, run: Run, tried: Tried, higher: float | None, one: float) -> Finding:
    """A rate that is too low."""
    tested = (
        " A trial of {epochs} epochs ended at {higher:.3g} with {factor:g} times the rate, at {one:.3g} with the rate itself."
        if higher
        else ""
    )
    return found(
        "rate_too_low",
        "serious",
        "The training loss only went from {begin:.3g} to {end:.3g} in {run} epochs: the learning rate is too low, {rate}."
        + tested
        + " Try ten times as much.",
        f"kerata.optimizers.{type(case.model.optimizer).__name__}({(case.rate or 1e-4) * (higher or 10):g})",
        BENGIO,
        5.5,
        begin=float(run.loss[0]),
        end=float(run.loss[-1]),
        run=run.epochs,
        rate=rate_words(case),
        epochs=tried.epochs,
        higher=tried.end(higher) if higher is not None else 0.0,
        factor=higher or 0.0,
        one=one if np.isfinite(one) else -1.0,
    )


def check_length(case: Case, run: Run, scores: Scores, tried: Tried) -> Iterator[Finding]:
    """Too few epochs, or stopped before the end."""
    watched = run.held if len(run.held) else run.loss
    count = max(1, run.epochs // 5)
    if run.epochs < 2:
        still = True
    else:
        still = float(watched[-count:].mean()) < float(watched[: -count or None][-count:].mean()) and run.tail > 0.02
        still = still and float(watched[-count:].min()) <= float(watched.min()) + 1e-12
    behind = run.progress < 0.5 or (
        np.isfinite(scores.own) and np.isfinite(scores.reference) and scores.own < scores.reference - 0.5 * scores.noise
    )
    stopped = 0 < run.epochs < case.epochs
    quick = run.fall > 0.02 and run.tail > 0.02
    if still and quick and stopped and (behind or run.tail > 0.05):
        yield found(
            "stopped_too_early",
            "serious",
            "Training was stopped in epoch {run} of {asked} while the loss still fell, by {fall:.0%} an epoch: the "
            "patience is too "
            "short for curves that jump. Let EarlyStopping wait longer.",
            "kerata.callbacks.EarlyStopping(patience=10, restore_best_weights=True)",
            PRECHELT,
            5.0,
            run=run.epochs,
            asked=case.epochs,
            fall=run.fall,
        )
    elif still and quick and (behind or (run.tail > 0.1 and run.progress < 0.8)):
        yield found(
            "too_few_epochs",
            "serious" if behind else "mild",
            "The loss is still falling, by {fall:.0%} an epoch of late ({end:.3g} after {run} epochs): train for more "
            "epochs before changing "
            "anything else.",
            f"model.fit(x, y, epochs={max(10, 3 * run.epochs)})",
            NOTES,
            3.5,
            fall=run.fall,
            end=float(run.loss[-1]),
            run=run.epochs,
        )
    elif stopped and stopped_at_once(case, run, scores):
        yield found(
            "stopped_too_early",
            "serious",
            "Training was stopped in epoch {run} of {asked}, before it had begun: the network scores {own:.2f} in {name}, "
            "simple models "
            "{reference:.2f}. Let EarlyStopping wait longer.",
            "kerata.callbacks.EarlyStopping(patience=10, restore_best_weights=True)",
            PRECHELT,
            5.0,
            run=run.epochs,
            asked=case.epochs,
            own=scores.own,
            name=scores.name,
            reference=scores.reference,
        )


def stopped_at_once(case: Case, run: Run, scores: Scores) -> bool:
    """Whether a run ended after few of its epochs with little learned."""
    worse = np.isfinite(scores.own) and np.isfinite(scores.reference) and scores.own < scores.reference - scores.noise
    return run.epochs <= 0.3 * case.epochs and bool(worse) and run.progress < 0.6


def check_fit(case: Case, run: Run, scores: Scores, tried: Tried) -> Iterator[Finding]:
    """A training loss that does not come down: for want of units, of steps that work, or of anything to learn."""
    length = run.fall > 0.02 and run.tail > 0.02
    if length:
        return
    restrained = list(check_restraint(case, run, scores, tried))
    yield from restrained
    if restrained:
        return
    yield from check_labels(case, run, scores, tried)
    short = (
        np.isfinite(scores.train)
        and np.isfinite(scores.reference)
        and scores.train < scores.reference - max(scores.noise, 0.04)
    )
    if short:
        yield say_underfitting(case, run, scores, tried)


def say_underfitting(case: Case, run: Run, scores: Scores, tried: Tried) -> Finding:
    """A network that does not fit its own training data: for want of units, or because the steps do not work."""
    linear = is_linear(case)
    wider = end_of(tried.wide) < tried.end(1.0) - 0.08 * abs(run.base) if tried.wide is not None else False
    if linear and scores.near > scores.linear + 0.05:
        return found(
            "underfitting_capacity",
            "serious",
            "The model has no hidden layer with an activation, so it is linear: it scores {train:.2f} in {name} on its own "
            "training data, "
            "while the nearest neighbours reach {near:.2f} on new samples. Add a hidden layer.",
            "layers.Dense(32, activation='relu')  # before the last layer",
            GOODFELLOW,
            5.0,
            train=scores.train,
            name=scores.name,
            near=scores.near,
        )
    if wider or units_of(case) <= 4:
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


def check_labels(case: Case, run: Run, scores: Scores, tried: Tried) -> Iterator[Finding]:
    """Targets that nothing can be learned of."""
    if not np.isfinite(scores.reference) or not np.isfinite(scores.held) or scores.size < 40:
        return
    slack = scores.noise
    hopeless = max(scores.linear, scores.near, scores.held) < scores.constant + slack
    balanced = scores.name == "R2" or scores.constant < 0.75
    if hopeless and balanced:
        yield found(
            "labels_unrelated",
            "serious",
            "Nothing predicts new samples better than a constant ({constant:.2f} in {name}): the network {held:.2f}, a "
            "linear model "
            "{linear:.2f}, nearest neighbours {near:.2f}. Inputs and targets may not belong together: are they shuffled "
            "alike?",
            "print(x[:5], y[:5])  # do rows and labels belong together?",
            ZHANG,
            5.6,
            constant=scores.constant,
            name=scores.name,
            held=scores.held,
            linear=scores.linear,
            near=scores.near,
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


def check_overfitting(case: Case, run: Run, scores: Scores) -> Iterator[Finding]:
    """A validation loss that turned, or scores far apart."""
    if not len(run.held) or not np.isfinite(run.held).all():
        return
    best = int(run.held.argmin())
    lowest, end = float(run.held[best]), float(run.held[-max(1, run.epochs // 10) :].mean())
    restored = np.isfinite(scores.held_loss) and scores.held_loss < lowest + 0.3 * (end - lowest)
    rise = (end - lowest) / max(lowest, 1e-12)
    against = (end - lowest) / max(abs(run.base), 1e-12)
    later = run.epochs - 1 - best
    if later >= 2 and rise > 0.12 and against > 0.03 and run.end < float(run.loss[best]) and not restored:
        yield found(
            "overfitting",
            "serious" if rise > 0.3 else "mild",
            "Overfitting since epoch {best}: the validation loss has risen from {lowest:.3g} to {end:.3g} ({rise:.0%}) "
            "while the training loss "
            "fell from {then:.3g} to {now:.3g}. Stop there, or use dropout, L2, fewer units or more data.",
            "kerata.callbacks.EarlyStopping(patience=3, restore_best_weights=True)",
            PRECHELT,
            4.0 if rise > 0.3 else 3.0,
            best=best + 1,
            lowest=lowest,
            end=end,
            rise=rise,
            then=float(run.loss[best]),
            now=float(run.loss[-1]),
        )
    elif (
        np.isfinite(scores.held)
        and scores.train - scores.held > max(0.2, 2 * scores.noise)
        and end > 2 * max(run.end, 1e-12)
        and run.progress > 0.5
        and scores.held > scores.constant + 0.02
    ):
        yield found(
            "overfitting",
            "mild",
            "Overfitting: the network scores {train:.2f} in {name} on training samples and {held:.2f} on new ones, and the "
            "losses are {now:.3g} and "
            "{end:.3g}. Use dropout, L2, fewer units or more data.",
            "layers.Dropout(0.3)",
            GOODFELLOW,
            3.0,
            train=scores.train,
            held=scores.held,
            name=scores.name,
            now=run.end,
            end=end,
        )


def check_baseline(case: Case, run: Run, scores: Scores) -> Iterator[Finding]:
    """A network that does no better than a simple model."""
    if not np.isfinite(scores.own) or not np.isfinite(scores.constant) or scores.size < 20:
        return
    better = (
        max(
            (score, name)
            for score, name in ((scores.linear, "linear model"), (scores.near, "vote of nearest neighbours"))
            if np.isfinite(score)
        )
        if np.isfinite(scores.linear)
        else (np.nan, "")
    )
    if scores.own <= scores.constant + 0.01 and (better[0] > scores.constant + 0.25 * scores.noise or scores.name == "R2"):
        what = "always saying the largest class" if scores.name == "accuracy" else "always saying the mean"
        yield found(
            "baseline_not_beaten",
            "serious",
            "The network is not better than {what}: {own:.2f} in {name} against {constant:.2f}"
            + (", and a {simple} reaches {best:.2f}" if better[1] else "")
            + ". It has learned nothing of use yet.",
            "model.lr_find(x, y)  # then scale the inputs, and train longer",
            NOTES,
            3.0,
            what=what,
            own=scores.own,
            name=scores.name,
            constant=scores.constant,
            simple=better[1],
            best=better[0] if better[1] else 0.0,
        )
    elif np.isfinite(better[0]) and scores.own < better[0] - 1.2 * scores.noise:
        yield found(
            "baseline_not_beaten",
            "serious" if scores.own < better[0] - 2 * scores.noise else "mild",
            "A {simple} is better than the network: {best:.2f} in {name} on new samples against {own:.2f}. Whatever is "
            "wrong, the data holds more than "
            "the network has learned.",
            "model.lr_find(x, y)  # then train longer",
            NOTES,
            2.5,
            simple=better[1],
            best=better[0],
            name=scores.name,
            own=scores.own,
        )
