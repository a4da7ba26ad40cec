"""What curves, scores and experiments say together: the rate, the length, fitting too little or too much."""

from collections.abc import Iterator

import numpy as np

from kerata.diagnosis.judgement.case import Case
from kerata.diagnosis.judgement.experiments import Tried
from kerata.diagnosis.judgement.finding import Finding, found
from kerata.diagnosis.judgement.fitting import GOODFELLOW, check_few, check_fit, check_targets
from kerata.diagnosis.judgement.measures import Scores
from kerata.diagnosis.judgement.runs import Run, rate_words, rates_for_batch, run_of, usual_rates
from kerata.diagnosis.judgement.signals import GOODFELLOW_NUMBERS, first_not_finite, size_before

BENGIO = "Bengio, Practical Recommendations for Gradient-Based Training, 2012"
NOTES = "Chollet, Deep Learning with Python, 5.3: fitting first, then generalizing"
PRECHELT = "Prechelt, Early Stopping, But When?, 1998"


def check_curves(case: Case, scores: Scores, tried: Tried) -> Iterator[Finding]:
    """Findings about the course of the training."""
    loss = case.curve("loss")
    if not len(loss):
        return
    bad = np.flatnonzero(~np.isfinite(loss))
    if bad.size:
        yield say_not_finite(case, int(bad[0]) + 1, tried)
        return
    run = run_of(case, scores)
    yield from check_targets(case, run)
    yield from check_few(case, run, tried)
    rates = list(check_rate(case, run, scores, tried))
    yield from rates
    if not rates:
        yield from check_length(case, run, scores, tried)
        yield from check_fit(case, run, scores, tried)
    yield from check_overfitting(case, run, scores)
    yield from check_baseline(case, run, scores)


def say_not_finite(case: Case, epoch: int, tried: Tried) -> Finding:
    """The loss is NaN: from steps that were too large, or from what a layer or the loss computes."""
    where = "The loss became NaN or infinite in epoch {epoch}" + (" (step {step} of the run)" if case.bad_step else "")
    if tried.nan_step:
        return say_bad_layer(case, epoch, where, tried)
    itself, tenth, hundredth = (tried.is_finite(factor) for factor in (1.0, 0.1, 0.01))
    shown = " A trial with a {part} of it stayed finite." if tenth or hundredth else ""
    if itself:
        shown = " A trial with the same rate and other first weights stayed finite, so it hangs on chance."
    less, word = (10, "ten-fold") if tenth or not hundredth else (100, "a hundred-fold")
    return found(
        "diverged",
        "certain",
        where
        + (", with {rate}." if itself else ", with {rate}: the steps were too large.")
        + shown
        + f" Lower the learning rate {word}, scale the inputs, or clip gradients with clipnorm.",
        f"kerata.optimizers.{type(case.model.optimizer).__name__}({(case.rate or 0.01) / less:g}, clipnorm=1.0)",
        BENGIO,
        7.0,
        epoch=epoch,
        step=case.bad_step,
        rate=rate_words(case),
        part="tenth" if tenth else "hundredth",
    )


def say_bad_layer(case: Case, epoch: int, where: str, tried: Tried) -> Finding:
    """The loss is NaN with any rate: the layer with which that begins, as far as it is seen just before."""
    kind, name = ("loss", "") if tried.before is None else first_not_finite(tried.before)
    size = size_before(tried.before, name) if tried.before is not None and kind == "layer" else 0.0
    text = {
        "layer": "{name} is the first layer to give NaN or infinite numbers, of inputs of size {size:.2g}. Look there",
        "slope": "what follows {name} has an infinite slope then. Look there",
        "loss": "all layers give numbers just before. Look in the loss, and in own layers,",
    }[kind]
    again = "in a trial" if tried.nan_factor == 1 else "at {factor:g} of the rate"
    return found(
        "layer_gives_nan" if kind != "loss" else "diverged",
        "certain",
        where
        + f", {again} in step {{trial}}; the rate is not to blame: "
        + text
        + " for a logarithm, root or quotient of what may be {zero} or negative.",
        "ops.log(ops.maximum(x, 1e-6)); ops.sqrt(x + 1e-6); a / (b + 1e-6)",
        GOODFELLOW_NUMBERS,
        9.8,
        epoch=epoch,
        step=case.bad_step,
        factor=tried.nan_factor,
        trial=tried.nan_step,
        name=name,
        size=size,
        zero=0,
    )


def check_rate(case: Case, run: Run, scores: Scores, tried: Tried) -> Iterator[Finding]:
    """A rate that is too high or too low, from the curve and from what a tenth and ten times of it did."""
    low, high = rates_for_batch(case)
    base = abs(run.base)
    lower = min((f for f in tried.rates if f < 1), key=tried.end, default=None)
    higher = min((f for f in tried.rates if f > 1), key=tried.end, default=None)
    one = tried.end(1.0)
    rising = run.epochs >= 2 and run.end > 1.1 * float(run.loss.min()) + 0.05 * base and run.end > 0.5 * base
    bouncing = run.noise > 0.06 and run.end > 0.05 * base
    # What still falls may have begun there.
    above = run.known and run.end > 1.15 * base and run.epochs >= 3 and run.fall < 0.01
    stuck = run.known and abs(run.progress) < 0.03
    gain = (
        (one - tried.end(lower)) / max(base, 1e-12)
        if lower is not None and np.isfinite(one)
        else np.inf
        if lower is not None and np.isfinite(tried.end(lower))
        else 0.0
    )
    high_rate = case.rate is not None and case.rate > high
    # So far above all that is usual that a longer run settles by averaging over its jumps, above where it could be.
    extreme, settled = case.rate is not None and case.rate > 10 * high, run.fall < 0.005
    confirmed = gain > 0.15 or (gain > 0.05 and high_rate)
    helped = higher is not None and np.isfinite(one) and tried.end(higher) < one - 0.1 * base and tried.end(higher) < 0.85 * one
    # Hardly anything moves, and it moves as much more as the rate is higher.
    begin = max((float(curve[0]) for curve in tried.rates.values() if len(curve)), default=np.nan)
    crept = higher is not None and begin - one < 0.01 * base and begin - tried.end(higher) > 3 * max(begin - one, 1e-4 * base)
    # So far below all that is usual that a trial of a few steps shows nothing yet.
    hopeless = not tried.rates or (case.rate is not None and case.rate < low / 30 and run.progress < 0.1)
    if (rising or bouncing or above) and (confirmed or not tried.rates or (high_rate and gain > 0)):
        yield say_too_high(case, run, tried, lower, one, "rising" if rising else "above" if above else "bouncing")
    elif case.went_on or began_trained(case, run, tried):
        # Trials begin with first weights, and say nothing of a run that went on from trained ones.
        return
    elif (
        confirmed
        and run.progress < 0.9
        and (stuck or run.progress < 0.6 or gain > 0.3)
        and (run.end > one - 0.5 * gain * base or (lower is not None and tried.end(lower) < run.end) or (extreme and settled))
    ):
        yield say_too_high(case, run, tried, lower, one, "stuck" if stuck else "high")
    elif stuck and high_rate and case.rate is not None and case.rate > 5 * high and not tried.rates:
        yield say_too_high(case, run, tried, None, one, "stuck")
    elif (
        case.rate is not None and case.rate < low / 3 and run.progress < 0.9 and (helped or crept or hopeless) and not rising
    ) or (helped and run.progress < 0.5 and run.epochs >= 15 and case.rate is not None and case.rate <= 2 * low):
        yield say_too_low(case, run, tried, higher if helped or crept else None, one)


def began_trained(case: Case, run: Run, tried: Tried) -> bool:
    """Whether a run was far ahead from its first epoch on of a trial with the same rate, samples and steps."""
    one, size = tried.rates.get(1.0), case.train.size if case.train is not None else 0
    alike = one is not None and len(one) > 0 and tried.size == size
    return bool(
        alike and one is not None and np.isfinite(one[0]) and run.loss[0] < 0.6 * one[0] and run.loss[0] < 0.8 * run.base
    )


def say_too_high(case: Case, run: Run, tried: Tried, lower: float | None, one: float, how: str) -> Finding:
    """A rate that is too high."""
    what = {
        "rising": "The training loss rose from its lowest, {lowest:.3g}, to {end:.3g}",
        "above": "The training loss ended at {end:.3g}, above what a constant prediction gives ({base:.3g})",
        "bouncing": "The training loss jumps up and down, by {jump:.3g} an epoch of late",
        "stuck": "The training loss is stuck at {end:.3g}, what a constant prediction gives",
        "high": "The training loss ended at {end:.3g}",
    }[how]
    tiny = case.batch_size <= 2 and (case.rate or 0) <= usual_rates(case)[1]
    what = "With batches of {batch} each step follows a sample or two. " + what if tiny else what
    tested = ""
    if lower is not None:
        tested = " A trial of {epochs} epochs ended at {lower:.3g} with {factor:g} times the rate" + (
            ", at {one:.3g} with the rate itself." if np.isfinite(one) else "."
        )
    return found(
        "batch_too_small" if tiny else "rate_too_high",
        "serious",
        what + ": the learning rate is too high, {rate}." + tested + " Try a tenth of it.",
        f"kerata.optimizers.{type(case.model.optimizer).__name__}({(case.rate or 0.1) * (lower or 0.1):g})",
        BENGIO,
        5.8 if how in ("rising", "above", "stuck") else 5.6,
        lowest=float(run.loss.min()),
        base=run.base if how == "above" else 0.0,
        end=float(run.loss[-1]) if how == "rising" else run.end,
        jump=run.noise * abs(run.base),
        batch=case.batch_size,
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
        + " Try {factor:g} times as much.",
        f"kerata.optimizers.{type(case.model.optimizer).__name__}({(case.rate or 1e-4) * (higher or 10):g})",
        BENGIO,
        5.5,
        begin=float(run.loss[0]),
        end=float(run.loss[-1]),
        run=run.epochs,
        rate=rate_words(case),
        epochs=tried.epochs,
        higher=tried.end(higher) if higher is not None else 0.0,
        factor=higher or 10.0,
        one=one if np.isfinite(one) else -1.0,
    )


def is_behind(run: Run, scores: Scores) -> bool:
    """Whether much is left to learn. Of a hard task much of the loss stays; better than simple models is not behind there."""
    known = bool(np.isfinite(scores.own) and np.isfinite(scores.reference))
    if run.progress < (0.3 if known and scores.own > scores.reference else 0.5):
        return True
    return known and bool(scores.own < scores.reference - 0.5 * scores.noise)


def check_length(case: Case, run: Run, scores: Scores, tried: Tried) -> Iterator[Finding]:
    """Too few epochs, or stopped before the end."""
    watched = run.held if len(run.held) else run.loss
    count = max(1, run.epochs // 5)
    falls = run.epochs < 2 or (
        float(watched[-count:].mean()) < float(watched[: -count or None][-count:].mean())
        and float(watched[-count:].min()) <= float(watched.min()) + 1e-12
    )
    still = run.epochs < 2 or (falls and run.tail > 0.02)
    behind = is_behind(run, scores)
    stopped = 0 < run.epochs < case.epochs
    quick = run.fall > 0.02 and run.tail > 0.02
    if still and quick and stopped and (behind or run.tail > 0.05 or is_steep(case, run)):
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
    elif falls and few_steps(case, run) and ((still and quick) or behind):
        yield say_too_large(case, run)
    elif still and quick:
        mild = run.tail > 0.1 and run.progress < 0.8
        yield found(
            "too_few_epochs",
            "serious" if behind else "mild" if mild else "hint",
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


def is_steep(case: Case, run: Run) -> bool:
    """Whether a run that ended after few of its epochs was still on a steep part of its curves."""
    watched = run.held if len(run.held) else run.loss
    last = float(watched[-2] / watched[-1]) if len(watched) > 1 and watched[-1] > 0 else 1.0
    return run.epochs <= 0.3 * case.epochs and run.fall > 0.08 and last > 1.05


def few_steps(case: Case, run: Run) -> bool:
    """Whether an epoch is a step or two because the batches are large, not because the data is small."""
    size = case.train.size if case.train is not None else 0
    steps = -(-size // case.batch_size) * run.epochs
    return size >= 4 * 64 and case.batch_size >= 0.4 * size and run.epochs >= 5 and steps <= 500


def say_too_large(case: Case, run: Run) -> Finding:
    """Batches so large that there are hardly any steps."""
    size = case.train.size if case.train is not None else 0
    each = -(-size // case.batch_size)
    return found(
        "batch_too_large",
        "serious",
        "The batches are too large: {batch} of {size} samples, so an epoch has {each} steps and the whole run {steps}, and "
        "the loss "
        "still falls by {fall:.0%} an epoch. Use batches of {right}; a larger rate helps as well.",
        "model.fit(x, y, batch_size=32)",
        BENGIO,
        4.0,
        batch=case.batch_size,
        size=size,
        each=each,
        steps=each * run.epochs,
        fall=run.fall,
        right=32,
    )


def stopped_at_once(case: Case, run: Run, scores: Scores) -> bool:
    """Whether a run ended after few of its epochs with little learned."""
    worse = np.isfinite(scores.own) and np.isfinite(scores.reference) and scores.own < scores.reference - scores.noise
    return run.epochs <= 0.3 * case.epochs and bool(worse) and run.progress < 0.6


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
    if not np.isfinite(scores.own) or not np.isfinite(scores.constant):
        return
    nothing = run.known and run.progress < 0.02
    if scores.size < 20 and not nothing:
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
    if scores.own <= scores.constant + 0.01 and (
        nothing or better[0] > scores.constant + 0.25 * scores.noise or scores.name == "R2"
    ):
        what = "always saying the largest class" if scores.name == "accuracy" else "always saying the mean"
        yield found(
            "baseline_not_beaten",
            "serious",
            "The network is not better than {what}: {own:.2f} in {name} against {constant:.2f}"
            + (", and a {simple} reaches {best:.2f}" if better[0] > scores.constant else "")
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
