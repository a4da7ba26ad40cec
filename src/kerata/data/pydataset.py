"""Data sets that give batch by batch by number."""

from typing import Any


class PyDataset:
    """Batches by number, for data that does not fit in memory: define `__len__` and `__getitem__`.

    `fit` draws the order of the batches anew each epoch, unless `shuffle=False`.

    Args:
        workers, use_multiprocessing, max_queue_size: accepted for Keras's sake; one thread reads ahead.

    >>> import kerata, numpy as np
    >>> class Squares(kerata.utils.PyDataset):
    ...     def __len__(self):
    ...         return 10
    ...     def __getitem__(self, index):
    ...         x = np.random.default_rng(index).standard_normal((32, 1))
    ...         return x, x ** 2
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10):
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Batch number `index`: (inputs, targets) or (inputs, targets, weights)."""
        raise NotImplementedError

    def __len__(self) -> int:
        """The number of batches."""
        return self.num_batches

    @property
    def num_batches(self) -> int:
        """The number of batches, where `__len__` is not defined."""
        raise NotImplementedError

    def on_epoch_begin(self) -> None:
        """Called before each epoch."""

    def on_epoch_end(self) -> None:
        """Called after each epoch."""


Sequence = PyDataset
