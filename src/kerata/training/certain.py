"""What is certain before the first step: outputs that cannot say what the targets ask for."""

from collections.abc import Iterator

import numpy as np

from kerata.data.samples import Data
from kerata.training.trained import TrainedModel

# What an output can reach, by the name of its activation.
REACH = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, np.inf),
    "softplus": (0.0, np.inf),
    "exponential": (0.0, np.inf),
    "relu6": (0.0, 6.0),
}
# Losses that compare numbers with numbers.
DISTANCES = (
    "mse",
    "mae",
    "mean_squared_error",
    "mean_absolute_error",
    "MeanSquaredError",
    "MeanAbsoluteError",
    "Huber",
    "huber",
)
# Targets outside of what can be reached by less than this share are rounding, or noise.
SHARE = 0.01


def certain_faults(model: TrainedModel, y: Data | None) -> Iterator[str]:
    """Sentences about what no training can mend.

    Args:
        model: a compiled model; nothing is said of one that is not built yet, or has several outputs.
        y: targets as `fit` takes them.

    >>> import kerata
    >>> model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1, activation="softmax")])
    >>> next(certain_faults(model, None))
    'the output is a softmax of 1 unit, which is always 1, so nothing can be learned. Use activation="sigmoid".'
    """
    layers = model.layers if model.built else []
    last = layers[-1] if layers else None
    activation = getattr(getattr(last, "activation", None), "__name__", "")
    units = getattr(last, "units", None)
    if activation == "softmax" and units == 1:
        yield 'the output is a softmax of 1 unit, which is always 1, so nothing can be learned. Use activation="sigmoid".'
    if activation not in REACH or y is None or not is_distance(getattr(model, "loss", None)):
        return
    targets = np.asarray(y) if hasattr(y, "__array__") else np.zeros(0)
    if targets.dtype.kind not in "fiu" or not targets.size:
        return
    low, high = REACH[activation]
    outside = float(((targets < low) | (targets > high)).mean())
    if outside >= SHARE:
        text = f"{low:g} and up" if np.isinf(high) else f"{low:g} to {high:g}"
        yield (
            f"the output's {activation} gives {text}, and {outside:.0%} of the targets (from {targets.min():.3g} to "
            f"{targets.max():.3g}) lie outside. Use no activation in the last layer, or scale the targets."
        )


def is_distance(loss: object) -> bool:
    """Whether a loss, as `compile` was given it, is a distance between numbers."""
    return (loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)) in DISTANCES
