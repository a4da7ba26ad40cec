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
# Losses that expect probabilities, as `compile` is given them by name, and the activation that gives these.
EXPECTED = {
    "binary_crossentropy": "sigmoid",
    "categorical_crossentropy": "softmax",
    "sparse_categorical_crossentropy": "softmax",
}
# Activations whose numbers are no probabilities.
UNBOUNDED = ("linear", "relu", "tanh", "elu", "selu", "gelu", "silu", "leaky_relu", "softplus")
# Targets outside of what can be reached by less than this share are rounding, or noise.
SHARE = 0.01


def certain_faults(model: TrainedModel, y: Data | None) -> Iterator[str]:
    """Sentences about what no training can mend.

    Args:
        model: a compiled model; nothing is said of one that is not built yet, or has several outputs.
        y: targets as `fit` takes them.
    """
    last, activation, units = output_of(model)
    yield from unfit_pairs(model, last, activation, units)
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


def output_of(model: TrainedModel) -> tuple[object, str, int | None]:
    """The layer of the one output, the name of its activation and its units; nothing where these are not known."""
    layers = list(model.layers) if model.built else []
    last = layers[-1] if layers else None
    # In a subclassed model the last layer need not give the output.
    if last is None or getattr(model, "output_names", None) != [last.name]:
        return None, "", None
    function = getattr(last, "activation", None)
    units = getattr(last, "units", None)
    return last, "linear" if function is None and units is not None else getattr(function, "__name__", ""), units


def unfit_pairs(model: TrainedModel, last: object, activation: str, units: int | None) -> Iterator[str]:
    """Sentences about a loss, given by its name, that does not go with the one output's activation.

    >>> import kerata
    >>> model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(3)])
    >>> model.compile("adam", "categorical_crossentropy")
    >>> next(certain_faults(model, None)).partition(".")[0]
    "the loss categorical_crossentropy expects probabilities, but the output's activation is linear"
    """
    loss = getattr(model, "loss", None)
    if not isinstance(loss, str) or loss not in EXPECTED or units is None:
        return
    if activation in UNBOUNDED:
        right = EXPECTED[loss]
        yield (
            f"the loss {loss} expects probabilities, but the output's activation is {activation}. "
            f'Use activation="{right}" in the last layer, or a loss with from_logits=True.'
        )
    elif activation == "softmax" and loss == "binary_crossentropy" and units > 1:
        yield (
            f"the output is a softmax over {units} classes, but binary_crossentropy judges each class alone. "
            'Use loss="categorical_crossentropy".'
        )


def is_distance(loss: object) -> bool:
    """Whether a loss, as `compile` was given it, is a distance between numbers."""
    return (loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)) in DISTANCES
