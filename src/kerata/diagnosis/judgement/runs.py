"""Curves, with what follows from them: where they end, how much they jump, whether they still fall."""

from dataclasses import dataclass

import numpy as np

from kerata.diagnosis.judgement.case import Case
from kerata.diagnosis.judgement.measures import Scores
from kerata.diagnosis.reading import typical_jump
from kerata.engine.types import HostArray
from kerata.optimizers import SGD

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
    """The range of rates that is usual for the optimizer, with batches of 32 and more."""
    return USUAL.get(type(case.model.optimizer).__name__, ADAPTIVE)


def rates_for_batch(case: Case) -> tuple[float, float]:
    """The range of rates that is usual with batches as small as these: plain steps must shrink with the batch, adaptive ones
    with its root."""
    low, high = usual_rates(case)
    share = min(1.0, case.batch_size / 32)
    factor = share if isinstance(case.model.optimizer, SGD) else share**0.5
    return low * factor, high * factor
