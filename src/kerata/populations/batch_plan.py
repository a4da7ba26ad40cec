"""Batch plans: what the programs of a shard take beside its state, as long as the same members are in it."""

import numpy as np

from kerata.engine.random import epoch_orders
from kerata.populations.group import Group
from kerata.populations.member import Member

# Epochs that are shuffled ahead, and their samples in all: a call of NumPy costs as much as shuffling twenty members.
EPOCHS_AHEAD = 8
SAMPLES_AHEAD = 2**18


class BatchPlan:
    """The members of a shard.

    Args:
        group: what they have in common.
        members: one for each slot; those without a member of their own repeat another.
        own: whether each has an order and a key of its own.
    """

    def __init__(self, group: Group, members: list[Member], own: bool):
        self.group, self.members = group, members
        self.who = members if own else members[:1]
        self.keys = np.stack([member.key for member in self.who])
        self.sizes = np.array([member.size for member in self.who], np.int32)
        self.largest = max(member.size for member in members)
        self.starts = np.array([member.epoch for member in self.who], np.uint64)
        self.seeds = np.array([member.order_seed for member in self.who], np.uint64)
        self.left = max(member.epochs - member.epoch for member in members)
        # Epochs since these members are together, and the orders of some from `first` on.
        self.age, self.first = 0, 0
        self.ahead: np.ndarray | None = None
        self.weights = self._weights() if group.weighs else None
        self.held = self._held_orders() if group.validates and group.held_data is None else None

    def _weights(self) -> np.ndarray:
        """The weight of each sample for each member, float32 of shape (members, rows), as long as the data."""
        weights = [np.asarray(member.weight) for member in self.members]
        return np.stack([np.pad(weight, (0, self.group.data.rows - len(weight))) for weight in weights])

    def numbers(self) -> np.ndarray:
        """Hyperparameters, which callbacks may have changed: float32 of shape (members, numbers)."""
        return np.array([member.numbers for member in self.members])

    def prepare(self) -> None:
        """Shuffles for the present epoch and some more, where that is not done yet."""
        if self.ahead is not None and self.first <= self.age < self.first + len(self.ahead):
            return
        group, count = self.group, len(self.who)
        # Members that leave take the orders of all with them: the longer these are together,
        # the further they look ahead.
        epochs = max(1, min(EPOCHS_AHEAD, self.age + 1, SAMPLES_AHEAD // (count * group.capacity), self.left - self.age))
        self.first = self.age
        self.ahead = np.zeros((epochs, count, 1, group.capacity), np.int32)
        numbers = self.starts + np.arange(self.age, self.age + epochs, dtype=np.uint64)[:, None]
        for size in set(self.sizes.tolist()):
            some = np.flatnonzero(self.sizes == size)
            orders = np.arange(size, dtype=np.int32)
            if group.shuffle:
                wanted = numbers[:, some]
                seeds = np.broadcast_to(self.seeds[some], wanted.shape)
                orders = epoch_orders(seeds.ravel(), wanted.ravel(), size).reshape(*wanted.shape, size)
            if group.selects:
                every = np.arange(size, dtype=np.int32)
                rows = np.stack([every if self.who[i].rows is None else self.who[i].rows for i in some])  # type: ignore[misc]
                orders = np.take_along_axis(rows[None], np.broadcast_to(orders, (epochs, *rows.shape)), 2)
            self.ahead[:, some, 0, :size] = orders
            # What fills the last batch up are copies of its own samples.
            self.ahead[:, some, 0, size:] = orders[..., -1:]

    def orders(self) -> np.ndarray:
        """The samples of each member's epoch in the order in which `fit` would take them: int32 (members, 1, capacity)."""
        self.prepare()
        assert self.ahead is not None
        return self.ahead[self.age - self.first]

    def _held_orders(self) -> tuple[np.ndarray, np.ndarray]:
        """The samples that each member is validated on, int32 (members, 1, capacity), and their numbers."""
        sizes = np.array([0 if member.held is None else len(member.held) for member in self.who], np.int32)
        orders = np.zeros((len(self.who), 1, self.group.held_capacity), np.int32)
        for member, order, size in zip(self.who, orders, sizes, strict=True):
            if member.held is not None:
                order[0, :size], order[0, size:] = member.held, member.held[-1]
        return orders, sizes
