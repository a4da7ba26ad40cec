"""Windows of a series, batch by batch."""

from collections.abc import Iterator

import numpy as np

from kerata.base.checks import check_choice, check_positive_int, message
from kerata.data.datasets import Dataset, PassedRows
from kerata.data.elements import ArraySpec, groups
from kerata.data.folders import FORMATS, SEEDS, buffer_of
from kerata.data.shuffling import Turns, pair_of, shuffled


class Windows:
    """Windows of a series and what follows them.

    Args:
        data: (steps, ...); targets: (steps, ...) or `None`.
        starts: the first step of each window.
        steps: those of a window, counted from its first.
        batch_size: windows a batch; `None` gives window by window, without an axis of samples.
        seed: of orders that are drawn anew for each pass; `None` for the order of `starts`.
    """

    def __init__(
        self,
        data: np.ndarray,
        targets: np.ndarray | None,
        starts: np.ndarray,
        steps: np.ndarray,
        batch_size: int | None,
        seed: int | None,
    ):
        self.data, self.targets, self.starts, self.steps = data, targets, starts, steps
        self.batch_size, self.seed, self.count = batch_size, seed, Turns()

    def read(self, numbers: np.ndarray) -> object:
        """The batch of some windows."""
        starts = self.starts[numbers]
        x = self.data[starts[:, None] + self.steps]
        return x if self.targets is None else (x, self.targets[starts])

    def order(self) -> Iterator[int]:
        """The numbers of the windows, in the order of the next pass."""
        numbers = range(len(self.starts))
        return (
            iter(numbers)
            if self.seed is None
            else shuffled(numbers, buffer_of(self.batch_size), pair_of(self.seed), next(self.count))
        )

    def passes(self) -> Iterator[np.ndarray]:
        """The numbers of the windows of each batch, in the order of the next pass."""
        return (np.array(numbers) for numbers in groups(self.order(), self.batch_size or 1))

    def elements(self) -> Iterator[object]:
        """The batches of a pass, or its windows; it counts from now on, whether they are read or not."""
        return self._elements_of(self.passes())

    def _elements_of(self, passes: Iterator[np.ndarray]) -> Iterator[object]:
        for numbers in passes:
            found = self.read(numbers)
            if self.batch_size is not None:
                yield found
            else:
                yield tuple(np.asarray(part[0]) for part in found) if isinstance(found, tuple) else np.asarray(found)[0]

    def as_dataset(self) -> Dataset:
        """The data set of the batches, or of the windows."""
        count = len(self.starts)
        spec = ArraySpec((len(self.steps), *self.data.shape[1:]), self.data.dtype)
        specs = (spec,) if self.targets is None else (spec, ArraySpec(self.targets.shape[1:], self.targets.dtype))
        if self.batch_size is None:
            return Dataset(self.elements, count, specs if len(specs) > 1 else specs[0])
        batched = tuple(one.batched(None) for one in specs)
        data = Dataset(self.elements, -(-count // self.batch_size), batched if len(specs) > 1 else batched[0])
        data._rows = PassedRows(count, np.arange(min(count, self.batch_size)), self.passes, self.read, self.count.reach)
        return data


def timeseries_dataset_from_array(
    data,
    targets,
    sequence_length,
    sequence_stride=1,
    sampling_rate=1,
    batch_size=128,
    shuffle=False,
    seed=None,
    start_index=None,
    end_index=None,
    format="tf",
) -> Dataset:
    """Windows of a series, and the target of each: what stands in `targets` at a window's first step.

    With the methods of `tf.data`. The same seed gives Keras's orders.

    Args:
        data: the series, (steps, ...).
        targets: one for each window, or `None`; those of a forecast `n` steps ahead are `data[n:]`.
        sequence_length: steps in a window.
        sequence_stride: steps from the start of a window to that of the next.
        sampling_rate: steps from one to the next within a window.
        batch_size: windows a batch; `None` for one at a time, without an axis of samples.
        shuffle: whether the windows come in random order, another one in each pass.
        seed: of these orders.
        start_index, end_index: steps before and from which nothing is taken.
        format: `"tf"`; with `"grain"` the random order is the same in each pass.

    Shapes: batches of (batch, sequence_length, ...) and targets (batch, ...).

    >>> import kerata, numpy as np
    >>> windows = kerata.utils.timeseries_dataset_from_array(np.arange(6), np.arange(6)[3:], sequence_length=3)
    >>> for x, y in windows:
    ...     print(x.tolist(), y.tolist())
    [[0, 1, 2], [1, 2, 3], [2, 3, 4]] [3, 4, 5]
    """
    owner = "timeseries_dataset_from_array"
    check_choice(owner, "format", format, FORMATS)
    length = check_positive_int(owner, "sequence_length", sequence_length)
    stride = check_positive_int(owner, "sequence_stride", sequence_stride)
    rate = check_positive_int(owner, "sampling_rate", sampling_rate)
    size = check_positive_int(owner, "batch_size", batch_size, optional=True)
    data = np.asarray(data)
    first, last = start_index or 0, len(data) if end_index is None else end_index
    if not 0 <= first < len(data) or not first < last <= len(data):
        received = {"start_index": start_index, "end_index": end_index, "steps": len(data)}
        raise ValueError(message(owner, "`start_index` and `end_index` must be steps of the data, in this order", received))
    for name, given in (("sequence_length", length), ("sequence_stride", stride), ("sampling_rate", rate)):
        # A sequence may be all of the data.
        if given >= last - first + (name == "sequence_length"):
            raise ValueError(
                message(owner, f"`{name}` must be below the number of steps", {name: given, "steps": last - first})
            )
    ends = last - first - (length - 1) * rate
    if targets is not None:
        targets = np.asarray(targets)[first:]
        ends = min(ends, len(targets))
    starts = np.arange(0, max(ends, 0), stride)
    if shuffle:
        seed = int(np.random.randint(SEEDS)) if seed is None else seed
        np.random.RandomState(seed).shuffle(starts)
    anew = seed if shuffle and format == "tf" else None
    return Windows(data[first:last], targets, starts, rate * np.arange(length), size, anew).as_dataset()
