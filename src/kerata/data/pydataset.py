"""Data sets that give batch by batch by number."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from kerata.base.checks import message
from kerata.engine.types import HostArray


@dataclass(frozen=True)
class FixedRows:
    """The samples behind numbered batches, where a sample is the same whenever it is read.

    Attributes:
        size: the number of samples.
        of_batch: number of a batch -> numbers of its samples; what else asking for the batch would do is done.
        read: numbers of samples -> their batch, and nothing else: no draw is taken.
    """

    size: int
    of_batch: Callable[[int], HostArray]
    read: Callable[[HostArray], Any]


class PyDataset:
    """Batches by number, for data that does not fit in memory: define `__len__` and `__getitem__`.

    `fit` draws the order of the batches anew each epoch, unless `shuffle=False`. With `steps_per_epoch` an epoch is
    that many batches, and the next goes on where it ended; `on_epoch_begin` and `on_epoch_end` stand around each pass
    through all batches.

    Args:
        workers, use_multiprocessing, max_queue_size: accepted for Keras's sake; one thread reads ahead.

    >>> import kerata, numpy as np
    >>> class Squares(kerata.utils.PyDataset):
    ...     def __len__(self):
    ...         return 10
    ...     def __getitem__(self, index):
    ...         x = np.random.default_rng(index).standard_normal((32, 1))
    ...         return x, x ** 2
    >>> Squares().num_batches
    10
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __getitem__(self, index: int) -> object:
        """Batch number `index`: (inputs, targets) or (inputs, targets, weights)."""
        raise NotImplementedError(message(type(self).__name__, "`__getitem__(index)` must give batch number `index`"))

    def __iter__(self) -> Iterator[Any]:
        """The batches in order, once; without an end where there is none."""
        try:
            count = self.num_batches
        except NotImplementedError:
            count = None
        index = 0
        while count is None or index < count:
            yield self[index]
            index += 1

    @property
    def num_batches(self) -> int | None:
        """The number of batches: `__len__`, or `None` where a subclass says that they never end."""
        length = getattr(self, "__len__", None)
        if length is None:
            raise NotImplementedError("PyDataset: `__len__` or `num_batches` must be defined. Received: neither.")
        return length()

    def _peek(self) -> object:
        """A batch to look at before training."""
        return self[0]

    def _fixed_rows(self) -> FixedRows | None:
        """The samples, where they are known to be the same in every epoch."""
        return None

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset
