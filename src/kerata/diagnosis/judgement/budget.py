"""How much an examination may compute: what a sample costs, and how many samples that leaves."""

import math
from collections.abc import Iterable

from kerata.layers import Embedding, Layer
from kerata.layers.recurrent import RNN

# Multiplications of the look into the layers, with gradients, and of the scores: a second or less on two cores.
LOOK, SCORES = 4e9, 1.6e10
# Samples that a look takes; fewer than the least say nothing of units that are rarely active.
MOST_LOOKED, LEAST_LOOKED = 128, 16
# Samples that scores are measured on, of training and of validation each; of fewer than the least, the curves say as much.
MOST_SCORED, LEAST_SCORED = 1000, 100


def work_of(layers: Iterable[Layer]) -> float:
    """About how many multiplications a sample takes on its way through some layers.

    >>> import kerata
    >>> convolution = kerata.layers.Conv2D(8, 3)
    >>> _ = convolution(kerata.Input((12, 12, 1)))
    >>> work_of([convolution])  # 3 * 3 * 1 * 8 weights at 10 * 10 places
    7200.0
    """
    total = 0.0
    for layer in layers:
        if getattr(layer, "layers", None) or isinstance(layer, Embedding):
            continue
        weights = sum(math.prod(weight.shape) for weight in layer.weights if len(weight.shape) > 1)
        total += float(weights) * places_of(layer)
    return total


def places_of(layer: Layer) -> int:
    """At how many places of a sample a layer's weights are used: pixels, time steps; 1 where that is not known."""
    try:
        shape = (layer.input if isinstance(layer, RNN) else layer.output).shape
    except (AttributeError, ValueError, RuntimeError):
        return 1
    inner = shape[1:2] if isinstance(layer, RNN) else shape[1:-1]
    return math.prod(size for size in inner if isinstance(size, int))


def affordable(work: float, limit: float, most: int) -> int:
    """How many samples of so much work a limit allows.

    >>> affordable(1e9, 4e10, 128), affordable(10.0, 4e10, 128)
    (40, 128)
    """
    return most if work * most <= limit else int(limit / work)
