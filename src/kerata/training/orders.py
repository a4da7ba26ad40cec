"""The orders in which the epochs of a run take their samples."""

from typing import Any

from kerata.data.sources import Shuffler
from kerata.engine.random import epoch_orders, permute, set_state_of_orders, state_of_orders, stream_of
from kerata.engine.types import HostArray


class Orders:
    """Orders that follow from a seed and the number of the epoch.

    >>> sorted(Orders(7).rows(0, 1, 5)[0].tolist())
    [0, 1, 2, 3, 4]
    """

    def __init__(self, seed: int):
        self.seed: int | None = seed

    def rows(self, epoch: int, count: int, size: int) -> HostArray:
        """0, 1, ..., size - 1 in the orders of some epochs: int32 of shape (count, size)."""
        assert self.seed is not None
        return epoch_orders(self.seed, range(epoch, epoch + count), size)

    def shuffler(self) -> Shuffler:
        """What shuffles samples that go on from epoch to epoch."""
        assert self.seed is not None
        return stream_of(self.seed, 1)

    def end(self, epoch: int) -> None:
        """Told where a run has ended."""


class DrawnOrders(Orders):
    """Orders that NumPy's global state gives, one an epoch, as in Keras.

    Those of several epochs are drawn at once. Where a run ends before the last of them, the state is set back to where it
    would be without these.

    Args:
        first: the first epoch of the run. One that takes an earlier run up begins further on, and draws what that has drawn.
        before: orders that are drawn and not used: Keras draws one where it looks at a batch to build a model.
    """

    def __init__(self, first: int, before: int = 0):
        self.seed, self.before = None, before
        self.drawn = self.start = first
        self.size = 0
        self.state: dict[str, Any] = {}

    def rows(self, epoch: int, count: int, size: int) -> HostArray:
        if epoch < self.drawn:
            self.end(epoch)
        permute(epoch - self.drawn + self.before, size)
        self.before = 0
        self.start, self.size, self.state = epoch, size, state_of_orders()
        self.drawn = epoch + count
        return permute(count, size)

    def shuffler(self) -> Shuffler:
        return Drawing(self.before)

    def end(self, epoch: int) -> None:
        if self.state and epoch < self.drawn:
            set_state_of_orders(self.state)
            permute(epoch - self.start, self.size)
            self.drawn = epoch


class Drawing:
    """Shuffles by NumPy's global state.

    Args:
        before: as of `DrawnOrders`.
    """

    def __init__(self, before: int):
        self.before = before

    def permutation(self, size: int, /) -> HostArray:
        before, self.before = self.before, 0
        return permute(1 + before, size)[-1]


def orders_of(key: HostArray, is_seeded: bool, first: int, before: int) -> Orders:
    """The orders of a run: by its key, where that has a seed of its own; `first` and `before` as of `DrawnOrders`."""
    return Orders(int(key[0]) + (int(key[1]) << 32)) if is_seeded else DrawnOrders(first, before)
