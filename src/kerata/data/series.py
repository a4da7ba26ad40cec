"""Windows of a series, batch by batch."""

import numpy as np

from kerata.base.checks import check_choice, check_positive_int, message
from kerata.data.pydataset import PyDataset


class Windows(PyDataset):
    """Windows of a series and what follows them; `timeseries_dataset_from_array` makes it.

    Args:
        data: (steps, ...); targets: (steps, ...) or `None`.
        starts: the first step of each window.
        length, rate: how many steps a window has, and how far apart they are.
        batch_size: windows a batch; `None` gives window by window, without an axis of samples.
    """

    def __init__(
        self, data: np.ndarray, targets: np.ndarray | None, starts: np.ndarray, length: int, rate: int, batch_size: int | None
    ):
        super().__init__()
        self.data, self.targets, self.starts = data, targets, starts
        self.steps, self.batch_size = rate * np.arange(length), batch_size

    def __len__(self) -> int:
        return -(-len(self.starts) // (self.batch_size or 1))

    def __getitem__(self, index: int) -> object:
        size = self.batch_size or 1
        if not 0 <= index < len(self):
            raise IndexError(message("Windows", f"there are {len(self)} batches", {"index": index}))
        starts = self.starts[index * size : (index + 1) * size]
        x = self.data[starts[:, None] + self.steps]
        y = None if self.targets is None else self.targets[starts]
        if self.batch_size is None:
            x, y = x[0], None if y is None else y[0]
        return x if y is None else (x, y)


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
) -> Windows:
    """Windows of a series, and the target of each: what stands in `targets` at a window's first step.

    Args:
        data: the series, (steps, ...).
        targets: one for each window, or `None`; those of a forecast `n` steps ahead are `data[n:]`.
        sequence_length: steps in a window.
        sequence_stride: steps from the start of a window to that of the next.
        sampling_rate: steps from one to the next within a window.
        batch_size: windows a batch; `None` for one at a time, without an axis of samples.
        shuffle: whether the windows come in random order, the same in each epoch; `fit` draws an order of the batches itself.
        seed: of that order.
        start_index, end_index: steps before and from which nothing is taken.
        format: `"tf"` or `"grain"`, of which Keras makes one or the other; here both are the same windows.

    Shapes: batches of (batch, sequence_length, ...) and targets (batch, ...), as a `PyDataset`.

    >>> import kerata, numpy as np
    >>> windows = kerata.utils.timeseries_dataset_from_array(np.arange(6), np.arange(6)[3:], sequence_length=3)
    >>> for x, y in windows:
    ...     print(x.tolist(), y.tolist())
    [[0, 1, 2], [1, 2, 3], [2, 3, 4]] [3, 4, 5]
    """
    owner = "timeseries_dataset_from_array"
    check_choice(owner, "format", format, ("tf", "grain"))
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
        if given >= last - first:
            raise ValueError(
                message(owner, f"`{name}` must be below the number of steps", {name: given, "steps": last - first})
            )
    ends = last - first - (length - 1) * rate
    if targets is not None:
        targets = np.asarray(targets)[first:]
        ends = min(ends, len(targets))
    starts = np.arange(0, max(ends, 0), stride)
    if shuffle:
        np.random.RandomState(seed).shuffle(starts)
    return Windows(data[first:last], targets, starts, length, rate, size)
