"""Validation data of many models."""

from typing import Any

from kerata.base.checks import message
from kerata.data.samples import Samples
from kerata.data.sources import standardize_source
from kerata.models.model import Model
from kerata.training.host import through_host


def read_validation(owner: str, data: Any, model: Model | None = None) -> Samples:
    """What many models are validated on: (x, y) or (x, y, sample_weight) of arrays.

    Args:
        owner: who asks.
        data: what was given.
        model: the model whose layers of the host the data goes through; `None` where there are several.
    """
    expected = "`validation_data` must be (x, y) or (x, y, sample_weight), of arrays"
    fix = "Write validation_data=(x_val, y_val)"
    # A source of batches, an array or a dict could be unpacked as well, into things of another meaning.
    if not isinstance(data, (tuple, list)) or len(data) not in (1, 2, 3):
        fix = "For a share of x and y write validation_split" if isinstance(data, float) else fix
        raise ValueError(message(owner, expected, {"validation_data": data}, fix))
    inputs, *rest = data
    held = standardize_source(
        inputs if model is None else through_host(model, inputs), *rest, owner="validation_data", texts=model is None
    )
    if not isinstance(held, Samples):
        raise TypeError(message(owner, expected, {"validation_data": type(inputs).__name__}, fix))
    return held
