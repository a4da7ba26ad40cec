"""IMDB: 50,000 film reviews as lists of word ranks, half of them positive."""

import inspect

import numpy as np

from kerata.base.checks import did_you_mean, message
from kerata.base.files import get_file
from kerata.datasets.origins import KERAS_STORE, Pair
from kerata.datasets.pickles import load_npz
from kerata.datasets.texts import cut_vocabulary, keep_short, load_json, make_object_array, mark_and_shift

FILE_HASH = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f"
WORD_INDEX_HASH = "bfafd718b763782e994055a2d397834f"


def load_data(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
    **kwargs: object,
) -> tuple[Pair, Pair]:
    """IMDB as `(x_train, y_train), (x_test, y_test)`, downloaded once (17 MB), checked, and read without unpickling.

    A word's number is its rank by frequency plus `index_from`; 0 is left for padding.

    Args:
        path: name of the file in the cache's `datasets` folder.
        num_words: words from this number on become `oov_char`; all are kept if None.
        skip_top: words below this number become `oov_char`.
        maxlen: reviews of this length or longer are left out, the start mark counted.
        seed: of the order of the reviews.
        start_char: begins every review; no mark if None.
        oov_char: stands for the words cut out; they disappear if None.
        index_from: added to each word's rank.

    Shapes: x: (25000,) and (25000,), objects: lists of integers. y: (25000,) and (25000,), int64, 1 if positive.

    Source: Maas et al. (2011), https://ai.stanford.edu/~amaas/data/sentiment.

    >>> import kerata.datasets.imdb
    >>> (x_train, y_train), _ = kerata.datasets.imdb.load_data(num_words=10000)  # doctest: +SKIP
    >>> x_train.shape, max(max(text) for text in x_train)  # doctest: +SKIP
    ((25000,), 9999)
    """
    if kwargs:
        name = next(iter(kwargs))
        fix = (
            "`nb_words` is `num_words` now"
            if name == "nb_words"
            else did_you_mean(name, inspect.signature(load_data).parameters)
        )
        raise TypeError(message("imdb.load_data", "every keyword must be one of its arguments", kwargs, fix))
    f = load_npz(get_file(path, f"{KERAS_STORE}/imdb.npz", file_hash=FILE_HASH), known=True)
    random = np.random.RandomState(seed)
    parts = []
    for part in ("train", "test"):
        x, y = f[f"x_{part}"], f[f"y_{part}"]
        # The test set's order continues the training set's stream of random numbers.
        order = np.arange(len(x))
        random.shuffle(order)
        texts = mark_and_shift(x[order], start_char, index_from)
        parts.append(keep_short("imdb.load_data", texts, y[order], maxlen))
    (x_train, y_train), (x_test, y_test) = parts
    texts = cut_vocabulary(x_train + x_test, num_words, skip_top, oov_char)
    cut = len(x_train)
    return (make_object_array(texts[:cut]), y_train), (make_object_array(texts[cut:]), y_test)


def get_word_index(path: str = "imdb_word_index.json") -> dict[str, int]:
    """The rank of each of the 88,584 words; `load_data` returns rank + `index_from`.

    Args:
        path: name of the file in the cache's `datasets` folder.

    >>> import kerata.datasets.imdb
    >>> kerata.datasets.imdb.get_word_index()["the"]  # doctest: +SKIP
    1
    """
    return load_json(path, "imdb_word_index.json", WORD_INDEX_HASH)
