"""MNIST: 28x28 grey pictures of handwritten digits, 60,000 to train on and 10,000 to test with."""

import hashlib
from importlib import resources
from pathlib import Path

import numpy as np

from kerata.base.files import describe_wrong_hash, fetch_file, standardize_name
from kerata.datasets.origins import KERAS_STORE, Pair
from kerata.datasets.pickles import load_npz

FILE_HASH = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
# Of the arrays' bytes: a copy of MNIST that somebody packed anew has other bytes as a file, and the same pictures.
CONTENT_HASH = "52cd6c10ae77107af32269dd9d10ca19c1b749e83235a0c75e2f0729ebeaf141"
NAMES = ("x_train", "y_train", "x_test", "y_test")


def load_data(path: str = "mnist.npz") -> tuple[Pair, Pair]:
    """MNIST as `(x_train, y_train), (x_test, y_test)`, downloaded once (11 MB) and checked.

    Args:
        path: name of the file in the cache's `datasets` folder.

    Shapes: x: (60000, 28, 28) and (10000, 28, 28), uint8 from 0 to 255. y: (60000,) and (10000,), uint8 from 0 to 9.

    Source: LeCun, Cortes, Burges, https://yann.lecun.com/exdb/mnist, under CC BY-SA 3.0. Beyond Keras, another
    packing of the same arrays is accepted, e.g. from a mirror.

    >>> import kerata.datasets.mnist
    >>> (x_train, y_train), _ = kerata.datasets.mnist.load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    origin = f"{KERAS_STORE}/mnist.npz"
    f = load_npz(fetch_file(standardize_name(path, origin), origin, describe_wrong_content), known=True)
    return (f["x_train"], f["y_train"]), (f["x_test"], f["y_test"])


def load_subset() -> tuple[Pair, Pair]:
    """A balanced excerpt of MNIST that comes with the package: no network, 12 ms.

    500 training and 100 test images of each digit, evenly spaced over the originals and in their order.

    Shapes: x: (5000, 28, 28) and (1000, 28, 28), uint8 from 0 to 255. y: (5000,) and (1000,), uint8 from 0 to 9.

    >>> import kerata.datasets.mnist
    >>> (x_train, y_train), (x_test, y_test) = kerata.datasets.mnist.load_subset()
    >>> x_train.shape, y_test.shape, y_train[:5].tolist()
    ((5000, 28, 28), (1000,), [5, 0, 4, 1, 9])
    """
    asset = resources.files("kerata.datasets").joinpath("assets", "mnist_subset.npz")
    with asset.open("rb") as stream, np.load(stream, allow_pickle=False) as f:
        return (f["x_train"], f["y_train"]), (f["x_test"], f["y_test"])


def describe_wrong_content(path: Path) -> str:
    """What is wrong with the file; an empty string for Keras's file and for any other packing of the same arrays."""
    problem = describe_wrong_hash(path, FILE_HASH)
    if not problem:
        return ""
    try:
        f = load_npz(path)
        content = hash_arrays([f[name] for name in NAMES])
    except (OSError, ValueError, KeyError):
        return problem
    return "" if content == CONTENT_HASH else problem


def hash_arrays(arrays: list[np.ndarray]) -> str:
    """SHA-256 of dtypes, shapes and elements."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
