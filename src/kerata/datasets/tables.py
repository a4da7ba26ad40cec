"""What the two housing tables share: shuffle by a seed, then split."""

import numpy as np

from kerata.base.checks import message
from kerata.base.files import get_file
from kerata.datasets.origins import KERAS_STORE, Pair
from kerata.datasets.pickles import load_npz


def load_table(path: str, name: str, file_hash: str) -> Pair:
    """x: (samples, features), y: (samples,)."""
    f = load_npz(get_file(path, f"{KERAS_STORE}/{name}", file_hash=file_hash), known=True)
    return f["x"], f["y"]


def check_test_split(owner: str, test_split: float) -> float:
    """A part of the whole, less than all of it."""
    if not 0 <= test_split < 1:
        expected = "`test_split` must be at least 0 and less than 1"
        raise ValueError(message(owner, expected, {"test_split": test_split}))
    return test_split


def shuffle_and_split(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> tuple[Pair, Pair]:
    """The order that Keras gives for the seed, then the first part to train on and the rest to test with."""
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
