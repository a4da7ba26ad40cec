"""A data set in two parts."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import jax
import numpy as np

from kerata.base.checks import KindError, message
from kerata.data.datasets import Dataset


def split_dataset(
    dataset: object,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """The first and the last samples of a data set, as two data sets of samples, or of batches where it holds batches.

    Args:
        dataset: an array, a list, tuple or dict of arrays with as many samples each, a data set, or anything else with a length
            that gives samples by number, such as a data set of torch.
        left_size, right_size: a share of the samples, or their number; what is not given is the rest.
        shuffle: whether samples are shuffled first.
        seed: of the shuffling.
        preferred_backend: taken for Keras's sake; what comes back is read by `fit` and by loops alike.

    >>> left, right = split_dataset(np.arange(10), left_size=0.8)
    >>> len(left), [int(one) for one in right]
    (8, [8, 9])
    """
    samples, batch_size = _samples_of(dataset)
    count = len(samples)
    left, right = _sizes(left_size, right_size, count)
    order = list(range(count))
    if shuffle:
        # The order that Keras's samples have with the same seed.
        random.Random(random.randint(0, 10**6) if seed is None else seed).shuffle(order)
    chosen = order[:left], order[count - right :]
    halves = [Dataset(_reader(samples, rows), len(rows)) for rows in chosen]
    first, second = halves if batch_size is None else [half.batch(batch_size) for half in halves]
    return first, second


def _reader(samples: Sequence[Any], rows: Sequence[int]) -> Callable[[], Iterator[Any]]:
    return lambda: (samples[row] for row in rows)


def _samples_of(dataset: object) -> tuple[Sequence[Any], int | None]:
    """Samples by their numbers, and the size of batches where the data set holds such."""
    if isinstance(dataset, Dataset):
        elements = list(dataset.as_numpy_iterator())
        specs = jax.tree.leaves(dataset.element_spec, is_leaf=lambda one: hasattr(one, "shape"))
        if elements and all(spec.shape[:1] == (None,) for spec in specs):
            batches = [_rows_of(element) for element in elements]
            return [sample for batch in batches for sample in batch], len(batches[0])
        return elements, None
    if isinstance(dataset, (np.ndarray, jax.Array, dict)):
        return _rows_of(dataset), None
    if isinstance(dataset, (list, tuple)):
        return _rows_of(tuple(dataset)), None
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        return cast(Sequence[Any], dataset), None
    text = "`dataset` must be arrays, a data set, or give samples by number"
    raise KindError(message("split_dataset", text, {"dataset": dataset}))


def _rows_of(tree: object) -> list[Any]:
    """The samples of arrays side by side."""
    arrays = jax.tree.map(np.asarray, tree)
    leaves = jax.tree.leaves(arrays)
    sizes = {leaf.shape[0] if leaf.ndim else 0 for leaf in leaves}
    if len(sizes) != 1 or sizes == {0}:
        shapes = [leaf.shape for leaf in leaves]
        raise ValueError(
            message("split_dataset", "all arrays must have the same number of samples, at least 1", {"shapes": shapes})
        )
    return [jax.tree.map(lambda leaf, r=row: leaf[r], arrays) for row in range(sizes.pop())]


def _sizes(left: float | int | None, right: float | int | None, count: int) -> tuple[int, int]:
    """The numbers of samples of both parts."""
    given = {"left_size": left, "right_size": right}
    if left is None and right is None:
        raise ValueError(message("split_dataset", "`left_size` or `right_size` must be given", given))
    for name, size in given.items():
        if size is not None and (isinstance(size, bool) or not isinstance(size, (int, float))):
            raise KindError(message("split_dataset", f"`{name}` must be a share or a number of samples", given))
        if size is not None and not 0 < size <= (1 if isinstance(size, float) else count):
            most = f"a share of at most 1, or a number of samples of at most {count}"
            raise ValueError(message("split_dataset", f"`{name}` must be {most}, and more than 0", given))
    numbers = [None if s is None else round(s * count) if isinstance(s, float) else s for s in (left, right)]
    first, second = numbers
    first = count - second if first is None and second is not None else first or 0
    second = count - first if second is None else second
    if first + second > count or first < 1 or second < 1:
        text = f"both parts must have samples, and no more than the {count} that there are"
        raise ValueError(message("split_dataset", text, given))
    return first, second
