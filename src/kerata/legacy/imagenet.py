"""`keras.applications.imagenet_utils`: how pictures are put into the ranges that networks trained on ImageNet want."""

import numpy as np

from kerata import config
from kerata.data import imagenet
from kerata.data.imagenet import decode_predictions as decode_predictions

ORDERS = {"th": "channels_first", "tf": "channels_last"}


def preprocess_input(x, data_format=None, mode="caffe", dim_ordering=None, **kwargs):
    """Pictures of values from 0 to 255 in the range of a family of networks.

    Args:
        x: (rows, columns, 3) or (batch, rows, columns, 3), or with the channels first; arrays of floats are changed in place.
        data_format: the order of axes.
        mode: `"caffe"`: blue, green, red, without their means; `"tf"`: from -1 to 1; `"torch"`: without means, by deviations.

    >>> preprocess_input(np.full((1, 1, 3), 255.0), mode="tf").tolist()
    [[[1.0, 1.0, 1.0]]]
    """
    form = ORDERS.get(str(dim_ordering), data_format) or config.image_data_format()
    found = imagenet.preprocess_input(x, form, mode)
    if not isinstance(x, np.ndarray) or not np.issubdtype(x.dtype, np.floating):
        return found
    # As then: what was given holds the result, in the order of channels that it had, and what comes back shares its memory.
    axis = -3 if form == "channels_first" else -1
    x[...] = np.flip(found, axis) if mode == "caffe" else found
    return np.flip(x, axis) if mode == "caffe" else x
