"""Pictures as networks that were trained on ImageNet take them, and the words for what these give."""

import functools
import json
from typing import Any

import numpy as np

from kerata import ops
from kerata.base.checks import check_choice, message
from kerata.base.config import floatx, standardize_data_format
from kerata.base.files import get_file
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import AnyArray, TensorLike

CLASSES = 1000
NAMES = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
NAMES_CHECKSUM = "c2c37ea517e94d9795004a39431a14cb"
# Means and deviations of ImageNet's channels: red, green, blue in parts of 1; blue, green, red of 255.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MEAN_OF_255 = (103.939, 116.779, 123.68)


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Pictures of 0 to 255 as a network was trained on them.

    Args:
        x: array or symbolic tensor, red, green and blue, one picture or a batch. It stays as it is.
        data_format: "channels_last" or "channels_first"; the configured one if not given.
        mode: "caffe" (blue, green, red, less the mean of ImageNet), "tf" (-1 to 1), "torch" (0 to 1, less the mean of
            ImageNet, over its deviation).

    Source: the networks' own training.

    >>> import numpy as np
    >>> preprocess_input(np.full((1, 2, 2, 3), 255.0), mode="tf")[0, 0, 0]
    array([1., 1., 1.])
    """
    check_choice("preprocess_input", "mode", mode, ("caffe", "tf", "torch"))
    axis = -3 if standardize_data_format(data_format) == "channels_first" else -1
    x = x if hasattr(x, "dtype") else np.asarray(x)
    if len(x.shape) < 3 or x.shape[axis] not in (3, None):
        raise ValueError(message("preprocess_input", "pictures must have three channels", {"shape": tuple(x.shape)}))
    if "float" not in str(x.dtype):
        x = x.astype(floatx()) if isinstance(x, np.ndarray) else ops.cast(x, floatx())
    if mode == "tf":
        return x / 127.5 - 1.0
    if mode == "torch":
        return (x / 255.0 - _along(MEAN, x, axis)) / _along(DEVIATION, x, axis)
    turned = x[..., ::-1, :, :] if axis == -3 else x[..., ::-1]
    return turned - _along(MEAN_OF_255, x, axis)


def _along(numbers: tuple[float, ...], x: np.ndarray | SymbolicTensor, axis: int) -> AnyArray:
    """A number for each channel, of the type of the pictures."""
    shape = (3, 1, 1) if axis == -3 else (3,)
    made = np.asarray(numbers, "float64" if str(x.dtype) == "float64" else "float32").reshape(shape)
    return made if isinstance(x, np.ndarray) else ops.cast(ops.convert_to_tensor(made), x.dtype)


@functools.cache
def class_names() -> list[tuple[str, str]]:
    """(number in WordNet, name) of the 1,000 classes."""
    path = get_file("imagenet_class_index.json", NAMES, cache_subdir="models", file_hash=NAMES_CHECKSUM)
    with open(path, encoding="utf-8") as file:
        found = json.load(file)
    return [(str(found[str(n)][0]), str(found[str(n)][1])) for n in range(CLASSES)]


def decode_predictions(preds: TensorLike, top: int = 5) -> list[list[tuple[str, str, Any]]]:
    """The most probable classes of ImageNet.

    Args:
        preds: what a network with its top gave, (samples, 1000).
        top: how many classes for each sample.

    Returns:
        For each sample a list of (number in WordNet, name, score), best first.
    """
    scores = np.asarray(preds)
    if scores.ndim != 2 or scores.shape[1] != CLASSES:
        expected = f"it takes the predictions of a network with its top, (samples, {CLASSES})"
        raise ValueError(message("decode_predictions", expected, {"shape": scores.shape}))
    names = class_names()
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return [[(*names[n], row[n]) for n in order] for row, order in zip(scores, best, strict=True)]
