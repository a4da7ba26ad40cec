"""Batches read ahead for loops of a program's own."""

import numpy as np
import pytest

from kerata.legacy import keras2

utils = keras2.utils


class Numbers(utils.Sequence):
    def __init__(self, faulty=-1):
        super().__init__()
        self.faulty, self.epochs = faulty, 0

    def __len__(self):
        return 7

    def __getitem__(self, index):
        if index == self.faulty:
            raise IndexError(f"{index} is not there")
        return np.full((2,), 10 * self.epochs + index)

    def on_epoch_end(self):
        self.epochs += 1


def test_a_sequence_is_read_in_its_order_epoch_after_epoch():
    enqueuer = utils.OrderedEnqueuer(Numbers())
    enqueuer.start(workers=3, max_queue_size=4)
    batches = enqueuer.get()
    assert [int(next(batches)[0]) for _ in range(16)] == [*range(7), *range(10, 17), 20, 21]
    assert enqueuer.is_running()
    enqueuer.stop()
    assert not enqueuer.is_running() and list(batches) == []


def test_a_shuffled_epoch_has_every_batch_once():
    enqueuer = utils.OrderedEnqueuer(Numbers(), shuffle=True)
    enqueuer.start(3, 4)
    batches = enqueuer.get()
    assert sorted(int(next(batches)[0]) for _ in range(7)) == list(range(7))
    enqueuer.stop()


def test_a_generator_is_read_to_its_end():
    enqueuer = utils.GeneratorEnqueuer(iter(range(1, 30)), use_multiprocessing=False)
    enqueuer.start(max_queue_size=3)
    assert list(enqueuer.get()) == list(range(1, 30))
    enqueuer.stop()


def test_errors_of_the_reading_are_raised_where_the_batch_is_asked_for():
    def broken():
        yield 1
        raise IndexError("3 is not there")

    for enqueuer, good in ((utils.OrderedEnqueuer(Numbers(faulty=3)), 3), (utils.GeneratorEnqueuer(broken()), 1)):
        enqueuer.start(2, 3)
        batches = enqueuer.get()
        for _ in range(good):
            next(batches)
        with pytest.raises(IndexError, match="3 is not there"):
            next(batches)
        assert not enqueuer.is_running()
