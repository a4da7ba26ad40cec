"""CIFAR-10: 32x32 colour pictures in ten classes, 50,000 to train on and 10,000 to test with."""

import numpy as np

from kerata.datasets.cifar import arrange, fetch_batches, load_batch
from kerata.datasets.origins import Pair

FILE_HASH = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


def load_data() -> tuple[Pair, Pair]:
    """CIFAR-10 as `(x_train, y_train), (x_test, y_test)`, downloaded once (170 MB) and checked.

    Labels: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck.

    Shapes: x: (50000, 32, 32, 3) and (10000, 32, 32, 3), uint8 from 0 to 255; (images, 3, 32, 32) if the configured
    layout is `"channels_first"`. y: (50000, 1) and (10000, 1), uint8.

    Source: Krizhevsky (2009), https://www.cs.toronto.edu/~kriz/cifar.html.

    >>> import kerata.datasets.cifar10
    >>> (x_train, y_train), _ = kerata.datasets.cifar10.load_data()  # doctest: +SKIP
    >>> x_train.shape, y_train.shape  # doctest: +SKIP
    ((50000, 32, 32, 3), (50000, 1))
    """
    folder = fetch_batches("cifar-10-python.tar.gz", "cifar-10-batches-py", FILE_HASH)
    batches = [load_batch(folder / f"data_batch_{i}", "labels") for i in range(1, 6)]
    x_train = arrange(np.concatenate([images for images, _ in batches]))
    y_train = np.concatenate([labels for _, labels in batches])
    images, y_test = load_batch(folder / "test_batch", "labels")
    return (x_train, column(y_train)), (arrange(images), column(y_test))


def column(labels: np.ndarray | list[int]) -> np.ndarray:
    """(images, 1) uint8."""
    return np.asarray(labels, np.uint8).reshape(-1, 1)
