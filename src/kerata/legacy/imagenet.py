"""`keras.applications.imagenet_utils`: how pictures are put into the ranges that networks trained on ImageNet want."""

import json

import numpy as np

from kerata import config, ops, utils
from kerata.base.checks import check_choice, message

# Means and deviations of red, green and blue in ImageNet: from 0 to 255 as the first networks had them, else from 0 to 1.
MEANS, SMALL_MEANS, SMALL_DEVIATIONS = (123.68, 116.779, 103.939), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NAMES = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"


def preprocess_input(x, data_format=None, mode="caffe", dim_ordering=None, **kwargs):
    """Pictures of values from 0 to 255 in the range of a family of networks.

    Args:
        x: (rows, columns, 3) or (batch, rows, columns, 3), or with the channels first; arrays of floats are changed in place.
        data_format: the order of axes.
        mode: `"caffe"`: blue, green, red, without their means; `"tf"`: from -1 to 1; `"torch"`: without means, by deviations.

    >>> preprocess_input(np.full((1, 1, 3), 255.0), mode="tf").tolist()
    [[[1.0, 1.0, 1.0]]]
    """
    form = {"th": "channels_first", "tf": "channels_last"}.get(str(dim_ordering), data_format) or config.image_data_format()
    check_choice("preprocess_input", "data_format", form, ("channels_first", "channels_last"))
    check_choice("preprocess_input", "mode", mode, ("caffe", "tf", "torch"))
    axis = -3 if form == "channels_first" else -1
    is_numpy = isinstance(x, np.ndarray)
    if is_numpy and not np.issubdtype(x.dtype, np.floating):
        x = x.astype(config.floatx())
    if not is_numpy:
        return shifted(x, axis, mode)
    # As then: what was given holds the result, in the order of channels that it had, and what comes back shares its memory.
    found = shifted(x, axis, mode)
    x[...] = np.flip(found, axis) if mode == "caffe" else found
    return np.flip(x, axis) if mode == "caffe" else x


def shifted(x, axis: int, mode: str):
    """The numbers in the range of a mode."""
    if mode == "tf":
        return x / 127.5 - 1.0
    means, deviations = (SMALL_MEANS, SMALL_DEVIATIONS) if mode == "torch" else (MEANS, (1.0, 1.0, 1.0))
    shape = (3, 1, 1) if axis == -3 else (3,)
    x = x / 255.0 if mode == "torch" else x
    x = (x - np.reshape(means, shape).astype("float32")) / np.reshape(deviations, shape).astype("float32")
    if mode != "caffe":
        return x
    return np.flip(x, axis) if isinstance(x, np.ndarray) else ops.flip(x, x.ndim + axis)


def decode_predictions(preds, top=5, **kwargs):
    """The names of the `top` likeliest of ImageNet's 1,000 classes: lists of (number, name, probability)."""
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(message("decode_predictions", "predictions must have shape (samples, 1000)", {"preds": preds}))
    path = utils.get_file("imagenet_class_index.json", NAMES, cache_subdir="models")
    with open(path, encoding="utf-8") as file:
        names = json.load(file)
    return [[(*names[str(k)], float(row[k])) for k in np.argsort(-row, kind="stable")[:top]] for row in preds]
