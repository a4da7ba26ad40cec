"""What IMDB and Reuters share: texts as lists of word ranks, marked, shifted and cut to a vocabulary."""

import itertools
import json

import numpy as np

from kerata.base.checks import message
from kerata.base.files import get_file
from kerata.datasets.origins import KERAS_STORE


def mark_and_shift(texts: np.ndarray, start_char: int | None, index_from: int | None) -> list[list[int]]:
    """Every rank plus `index_from`, after `start_char` if there is one; as in Keras, 0 or None shifts nothing."""
    shift = index_from or 0
    start = [] if start_char is None else [start_char]
    return [start + [word + shift for word in text] for text in texts]


def keep_short(
    owner: str, texts: list[list[int]], labels: np.ndarray, maxlen: int | None
) -> tuple[list[list[int]], np.ndarray]:
    """The texts of fewer than `maxlen` words, and their labels; all if there is no `maxlen`."""
    if not maxlen:
        return texts, labels
    keep = np.array([len(text) < maxlen for text in texts], dtype=bool)
    if not keep.any():
        shortest = min(map(len, texts), default=0)
        expected = f"`maxlen` must be more than the shortest text's length, {shortest}"
        raise ValueError(message(owner, expected, {"maxlen": maxlen}))
    return list(itertools.compress(texts, keep)), labels[keep]


def cut_vocabulary(texts: list[list[int]], num_words: int | None, skip_top: int, oov_char: int | None) -> list[list[int]]:
    """Words outside `skip_top <= word < num_words` become `oov_char`, or disappear if that is None.

    Without `num_words` the limit is the largest index itself, which is therefore cut, as in Keras.
    """
    limit = num_words or max(max(text, default=0) for text in texts)
    if oov_char is None:
        return [[word for word in text if skip_top <= word < limit] for text in texts]
    return [[word if skip_top <= word < limit else oov_char for word in text] for text in texts]


def make_object_array(texts: list[list[int]]) -> np.ndarray:
    """(texts,) of lists; `np.array` would make a matrix of texts that happen to be of one length."""
    array = np.empty(len(texts), dtype=object)
    for place, text in enumerate(texts):
        array[place] = text
    return array


def load_json(path: str, name: str, file_hash: str) -> dict[str, int]:
    """The rank of each word."""
    with open(get_file(path, f"{KERAS_STORE}/{name}", file_hash=file_hash), encoding="utf-8") as stream:
        return json.load(stream)
