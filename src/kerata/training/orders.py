"""The orders in which the epochs of a run take their samples."""

from collections.abc import Callable
from typing import Any

from kerata.data.sources import Shuffler
from kerata.engine.random import epoch_orders, stream_of
from kerata.engine.seeds import law, permute, set_state_of_orders, state_of_orders
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
        self.seed, self.before, self.goes_on = None, before, law().goes_on
        self.drawn = self.start = first
        self.size = 0
        self.state: dict[str, Any] = {}
        # The order of the last epoch that was drawn, and of the last before those that are drawn at once.
        self.last: HostArray | None = None
        self.earlier: HostArray | None = None

    def rows(self, epoch: int, count: int, size: int) -> HostArray:
        if epoch < self.drawn:
            self.end(epoch)
        self._draw(epoch - self.drawn + self.before, size)
        self.before = 0
        self.start, self.size, self.state, self.earlier = epoch, size, state_of_orders(), self.last
        self.drawn = epoch + count
        return self._draw(count, size)

    def _draw(self, count: int, size: int) -> HostArray:
        orders = permute(count, size)
        for row in orders if self.goes_on else ():
            if self.last is not None:
                row[:] = self.last[row]
            self.last = row
        return orders

    def shuffler(self) -> Shuffler:
        return OneByOne(self)

    def end(self, epoch: int) -> None:
        if self.state and epoch < self.drawn:
            set_state_of_orders(self.state)
            self.last = self.earlier
            self._draw(epoch - self.start, self.size)
            self.drawn = epoch


class GivenOrders(Orders):
    """Orders that follow from their numbers.

    Args:
        first: the first epoch of the run.
        give: as what `Law.orders` gives.
    """

    def __init__(self, first: int, give: Callable[[int, int, int], HostArray]):
        self.seed, self.drawn, self.give = None, first, give
        self.first = first

    def rows(self, epoch: int, count: int, size: int) -> HostArray:
        self.drawn = epoch + count
        return self.give(epoch - self.first, count, size)

    def shuffler(self) -> Shuffler:
        return OneByOne(self)


class OneByOne:
    """Shuffles by one order after the other.

    Args:
        orders: the orders.
    """

    def __init__(self, orders: DrawnOrders | GivenOrders):
        self.orders = orders

    def permutation(self, size: int, /) -> HostArray:
        return self.orders.rows(self.orders.drawn, 1, size)[0]


def orders_of(key: HostArray, is_seeded: bool, first: int, before: int) -> Orders:
    """The orders of a run: by its key, where that has a seed of its own; `first` and `before` as of `DrawnOrders`."""
    if is_seeded:
        return Orders(int(key[0]) + (int(key[1]) << 32))
    give = law().orders()
    return DrawnOrders(first, before) if give is None else GivenOrders(first, give)
