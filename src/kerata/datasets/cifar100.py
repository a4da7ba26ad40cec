"""CIFAR-100: 32x32 colour pictures in a hundred classes, 50,000 to train on and 10,000 to test with."""

import numpy as np

from kerata.base.checks import check_choice
from kerata.datasets.cifar import arrange, fetch_batches, load_batch
from kerata.datasets.origins import Pair

FILE_HASH = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(label_mode: str = "fine") -> tuple[Pair, Pair]:
    """CIFAR-100 as `(x_train, y_train), (x_test, y_test)`, downloaded once (169 MB) and checked.

    Args:
        label_mode: `"fine"` for the 100 classes, `"coarse"` for the 20 groups that they fall into.

    Shapes: x: (50000, 32, 32, 3) and (10000, 32, 32, 3), uint8 from 0 to 255; (images, 3, 32, 32) if the configured
    layout is `"channels_first"`. y: (50000, 1) and (10000, 1), int64.

    Source: Krizhevsky (2009), https://www.cs.toronto.edu/~kriz/cifar.html.

    >>> import kerata.datasets.cifar100
    >>> (x_train, y_train), _ = kerata.datasets.cifar100.load_data("coarse")  # doctest: +SKIP
    >>> x_train.shape, int(y_train.max())  # doctest: +SKIP
    ((50000, 32, 32, 3), 19)
    """
    check_choice("cifar100.load_data", "label_mode", label_mode, ("fine", "coarse"))
    folder = fetch_batches("cifar-100-python.tar.gz", "cifar-100-python", FILE_HASH)
    parts = []
    for part in ("train", "test"):
        images, labels = load_batch(folder / part, f"{label_mode}_labels")
        parts.append((arrange(images), np.asarray(labels, np.int64).reshape(-1, 1)))
    return parts[0], parts[1]
