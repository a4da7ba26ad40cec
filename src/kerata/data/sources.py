"""What `fit` accepts as data, in two forms: samples in memory, or batches that come one after the other."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from kerata.base.checks import check_positive_int, message
from kerata.data.samples import Samples, standardize_arrays


class Batches:
    """Batches that come one after the other: from a generator, a data set object, or any iterable.

    Args:
        start: gives an iterator over (x, y, sample_weight) for an epoch, counted from 0.
        length: the number of batches an epoch, where it is known.
        endless: whether the iterator goes on from epoch to epoch.
        finish: called after each epoch.
    """

    def __init__(self, start: Callable[[int], Iterator[Any]], length: int | None, endless: bool = False,
                 finish: Callable[[], None] | None = None):  # fmt: skip
        self.start, self.length, self.endless = start, length, endless
        self.finish = finish or (lambda: None)


def standardize_source(x: Any, y: Any = None, sample_weight: Any = None, class_weight: dict[int, float] | None = None,
                       batch_size: int | None = None, owner: str = "fit") -> Samples | Batches:  # fmt: skip
    """Arrays, frames, lists and dicts as `Samples`; generators, data sets and loaders as `Batches`."""
    if x is None:
        raise ValueError(message(owner, "there is no data", {"x": x}))
    if is_batches(x):
        return standardize_batches(x, y, sample_weight, class_weight, owner)
    x, y = standardize_arrays(x, "x"), standardize_arrays(y, "y")
    sample_weight = standardize_arrays(sample_weight, "sample_weight")
    samples = Samples(x, y, sample_weight)
    if class_weight is not None:
        samples = Samples(x, y, weigh_classes(y, class_weight, sample_weight, owner))
    return samples


def is_batches(x: Any) -> bool:
    """Whether data comes in batches rather than as arrays."""
    if hasattr(x, "shape") or isinstance(x, (list, tuple, dict, str)) or hasattr(x, "iloc"):
        return False
    return hasattr(x, "__next__") or hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def standardize_batches(x: Any, y: Any, sample_weight: Any, class_weight: Any, owner: str) -> Batches:
    """Any source of batches: its items are x, (x, y) or (x, y, sample_weight)."""
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(message(owner, f"`{name}` must be None where x gives batches", {name: value},
                                     "Let x give (inputs, targets, weights)"))

    def tidy(items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            yield standardize_batch(item, class_weight, owner)

    if hasattr(x, "__next__"):
        shared = tidy(iter(x))
        return Batches(lambda epoch: shared, None, endless=True)
    length = len(x) if hasattr(x, "__len__") else None
    if hasattr(x, "__getitem__") and length is not None and not hasattr(x, "__iter__"):
        return Batches(lambda epoch: tidy(x[i] for i in range(length)), length, finish=getattr(x, "on_epoch_end", None))
    return Batches(lambda epoch: tidy(iter(x)), length)


def standardize_batch(item: Any, class_weight: Any = None, owner: str = "fit") -> tuple[Any, Any, Any]:
    """One batch as (x, y, sample_weight)."""
    if not isinstance(item, (tuple, list)) or (isinstance(item, list) and len(item) > 3):
        item = (item,)
    if len(item) > 3:
        raise ValueError(message(owner, "a batch must be x, (x, y) or (x, y, sample_weight)", {"parts": len(item)}))
    x, y, weight = (*item, None, None)[:3]
    samples = standardize_source_arrays(x, y, weight)
    if class_weight is not None:
        return samples.x, samples.y, weigh_classes(samples.y, class_weight, samples.sample_weight, owner)
    return samples.tree


def standardize_source_arrays(x: Any, y: Any, weight: Any) -> Samples:
    return Samples(standardize_arrays(x, "x"), standardize_arrays(y, "y"), standardize_arrays(weight, "sample_weight"))


def weigh_classes(y: Any, class_weight: dict[int, float], sample_weight: Any, owner: str) -> Any:
    """One weight a sample from the weight of its class, float32 of shape (samples,)."""
    if not isinstance(class_weight, dict):
        raise TypeError(message(owner, "`class_weight` must be a dict of class to weight", {"class_weight": class_weight}))
    if sample_weight is not None:
        raise ValueError(message(owner, "`class_weight` and `sample_weight` cannot be given together"))
    if y is None or isinstance(y, (list, tuple, dict)):
        raise ValueError(message(owner, "`class_weight` needs one array of targets", {"y": type(y).__name__}))
    labels = np.asarray(y)
    labels = labels.argmax(-1) if labels.ndim > 1 and labels.shape[-1] > 1 else labels.reshape(-1)
    labels = np.round(labels).astype(np.int64)
    weights = np.ones(int(max(labels.max(), *class_weight)) + 1, np.float32)
    for label, weight in class_weight.items():
        weights[int(label)] = weight
    return weights[labels]


def split_validation(samples: Samples, fraction: float, owner: str = "fit") -> tuple[Samples, Samples]:
    """The first part to train on, and the last `fraction` of the samples, unshuffled, to validate on."""
    if not 0.0 < fraction < 1.0:
        raise ValueError(message(owner, "`validation_split` must be between 0 and 1", {"validation_split": fraction}))
    border = int(np.floor(samples.size * (1.0 - fraction)))
    if border == 0 or border == samples.size:
        raise ValueError(message(owner, "`validation_split` leaves one part without samples",
                                 {"validation_split": fraction, "samples": samples.size}))
    return samples.slice(0, border), samples.slice(border, samples.size)


def repeat_samples(samples: Samples, batch_size: int, shuffle: bool, stream: Any) -> Batches:
    """Samples in memory as batches that go on from epoch to epoch, for `steps_per_epoch`."""

    def go() -> Iterator[Any]:
        for _ in itertools.count():
            order = stream.permutation(samples.size) if shuffle else np.arange(samples.size)
            for first in range(0, samples.size, batch_size):
                rows = order[first : first + batch_size]
                yield jax.tree.map(lambda a, rows=rows: np.asarray(a)[rows], samples.tree)

    shared = go()
    return Batches(lambda epoch: shared, None, endless=True)
