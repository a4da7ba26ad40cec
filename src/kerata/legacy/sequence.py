"""`keras.preprocessing.sequence`: sequences of one length, pairs of words, windows of a series."""

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerata import utils
from kerata.data.pydataset import PyDataset
from kerata.engine.types import HostArray


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: str = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float = 0.0,
) -> HostArray:
    """Sequences as rows of one array: short ones are filled up, long ones cut.

    >>> pad_sequences([[1], [2, 3]]).tolist()
    [[0, 1], [2, 3]]
    """
    return utils.pad_sequences(sequences, None if maxlen is None else int(maxlen), dtype, padding, truncating, value)


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> HostArray:
    """The probability of keeping the word of each rank, by Zipf's law, so that frequent words do not drown the others."""
    gamma = 0.577
    rank = np.arange(size, dtype="float64")
    rank[0] = 1
    inverse = rank * (np.log(rank) + gamma) + 0.5 - 1.0 / (12.0 * rank)
    factor = sampling_factor * inverse
    return np.minimum(1.0, factor / np.sqrt(factor))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: HostArray | None = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Pairs of words with 1 where both stand near each other, and pairs drawn at random with 0."""
    couples, labels = [], []
    for place, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        for other in range(max(0, place - window_size), min(len(sequence), place + window_size + 1)):
            if other != place and sequence[other]:
                couples.append([word, sequence[other]])
                labels.append([0, 1] if categorical else 1)
    if negative_samples > 0:
        words = [couple[0] for couple in couples]
        random.shuffle(words)
        count = int(len(labels) * negative_samples)
        couples += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [[1, 0] if categorical else 0] * count
    if shuffle:
        seed = random.randint(0, 10**6) if seed is None else seed
        for values in (couples, labels):
            random.seed(seed)
            random.shuffle(values)
    return couples, labels


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a series, each with the target behind it.

    Args:
        data, targets: the series, and what belongs to each of its steps.
        length: steps of a window, before thinning out.
        sampling_rate: every how many steps of a window are taken.
        stride: steps from one window to the next.
        start_index, end_index: the part of the series that is used.
        shuffle: whether windows are drawn at random.
        reverse: whether windows run backwards.
        batch_size: windows of a batch.

    >>> windows = TimeseriesGenerator(np.arange(6), np.arange(6), length=2, batch_size=3)
    >>> x, y = windows[0]
    >>> x.tolist(), y.tolist()
    ([[0, 1], [1, 2], [2, 3]], [2, 3, 4])
    """

    def __init__(
        self,
        data,
        targets,
        length,
        sampling_rate=1,
        stride=1,
        start_index=0,
        end_index=None,
        shuffle=False,
        reverse=False,
        batch_size=128,
    ):
        super().__init__()
        if len(data) != len(targets):
            raise ValueError(f"TimeseriesGenerator: as many targets as data. Received: {len(data)} and {len(targets)}.")
        self.data, self.targets, self.length = data, targets, length
        self.sampling_rate, self.stride, self.batch_size = sampling_rate, stride, batch_size
        self.start_index, self.end_index = start_index + length, len(data) - 1 if end_index is None else end_index
        self.shuffle, self.reverse = shuffle, reverse
        if self.start_index > self.end_index:
            said = f"`start_index+length={self.start_index} > end_index={self.end_index}` is disallowed"
            raise ValueError(f"TimeseriesGenerator: {said}: the windows are longer than the series.")

    def __len__(self) -> int:
        return (self.end_index - self.start_index + self.batch_size * self.stride) // (self.batch_size * self.stride)

    def __getitem__(self, index: int) -> tuple[HostArray, HostArray]:
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            rows = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        samples = np.array([self.data[row - self.length : row : self.sampling_rate] for row in rows])
        targets = np.array([self.targets[row] for row in rows])
        return (samples[:, ::-1, ...] if self.reverse else samples), targets
