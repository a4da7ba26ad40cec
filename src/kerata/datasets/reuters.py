"""Reuters: 11,228 newswires as lists of word ranks, in 46 topics."""

import numpy as np

from kerata.base.files import get_file
from kerata.datasets.origins import KERAS_STORE, Pair
from kerata.datasets.pickles import load_npz
from kerata.datasets.tables import check_test_split
from kerata.datasets.texts import cut_vocabulary, keep_short, load_json, make_object_array, mark_and_shift

FILE_HASH = "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916"
WORD_INDEX_HASH = "4d44cc38712099c9e383dc6e5f11a921"
# fmt: off
LABEL_NAMES = (
    "cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply", "coffee", "sugar",
    "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi", "money-fx", "interest", "gnp",
    "meal-feed", "alum", "oilseed", "gold", "tin", "strategic-metal", "livestock", "retail", "ipi", "iron-steel",
    "rubber", "heat", "jobs", "lei", "bop", "zinc", "orange", "pet-chem", "dlr", "gas", "silver", "wpi", "hog",
    "lead",
)
# fmt: on


def load_data(
    path: str = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> tuple[Pair, Pair]:
    """Reuters as `(x_train, y_train), (x_test, y_test)`, downloaded once (2 MB), checked, and read without unpickling.

    A word's number is its rank by frequency plus `index_from`; 0 is left for padding.

    Args:
        path: name of the file in the cache's `datasets` folder.
        num_words: words from this number on become `oov_char`; all are kept if None.
        skip_top: words below this number become `oov_char`.
        maxlen: newswires of this length or longer are left out, the start mark counted.
        test_split: part of the newswires that the test set gets, from 0 to less than 1.
        seed: of the order of the newswires before the split.
        start_char: begins every newswire; no mark if None.
        oov_char: stands for the words cut out; they disappear if None.
        index_from: added to each word's rank.

    Shapes: x: (8982,) and (2246,), objects: lists of integers. y: (8982,) and (2246,), int64 from 0 to 45.

    Source: Reuters-21578, as Keras packed it.

    >>> import kerata.datasets.reuters
    >>> (x_train, y_train), _ = kerata.datasets.reuters.load_data(num_words=1000)  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (8982,)
    """
    check_test_split("reuters.load_data", test_split)
    f = load_npz(get_file(path, f"{KERAS_STORE}/reuters.npz", file_hash=FILE_HASH), known=True)
    order = np.arange(len(f["x"]))
    np.random.RandomState(seed).shuffle(order)
    texts = mark_and_shift(f["x"][order], start_char, index_from)
    texts, labels = keep_short("reuters.load_data", texts, f["y"][order], maxlen)
    texts = cut_vocabulary(texts, num_words, skip_top, oov_char)
    cut = int(len(texts) * (1 - test_split))
    return (make_object_array(texts[:cut]), labels[:cut]), (make_object_array(texts[cut:]), labels[cut:])


def get_word_index(path: str = "reuters_word_index.json") -> dict[str, int]:
    """The rank of each of the 30,979 words; `load_data` returns rank + `index_from`.

    Args:
        path: name of the file in the cache's `datasets` folder.

    >>> import kerata.datasets.reuters
    >>> kerata.datasets.reuters.get_word_index()["the"]  # doctest: +SKIP
    1
    """
    return load_json(path, "reuters_word_index.json", WORD_INDEX_HASH)


def get_label_names() -> tuple[str, ...]:
    """The 46 topics, in the order of the labels.

    >>> import kerata.datasets.reuters
    >>> kerata.datasets.reuters.get_label_names()[:4]
    ('cocoa', 'grain', 'veg-oil', 'earn')
    """
    return LABEL_NAMES
