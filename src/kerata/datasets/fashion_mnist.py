"""Fashion-MNIST: 28x28 grey pictures of clothes in ten kinds, 60,000 to train on and 10,000 to test with."""

import functools
import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from kerata.base.archives import CHUNK_BYTES, open_gzip
from kerata.base.files import fetch_file
from kerata.datasets.origins import KERAS_STORE, Pair

# MD5 of the unpacked files, as published. MNIST's own files have the same names, so a mirror may hold the wrong ones.
CONTENT_HASHES = {
    "train-images-idx3-ubyte.gz": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "train-labels-idx1-ubyte.gz": "9018921c3c673c538a1fc5bad174d6f9",
    "t10k-images-idx3-ubyte.gz": "8181f5470baa50b63fa0f6fddb340f0a",
    "t10k-labels-idx1-ubyte.gz": "15d484375f8d13e6eb1aabb0c3f46965",
}


def load_data() -> tuple[Pair, Pair]:
    """Fashion-MNIST as `(x_train, y_train), (x_test, y_test)`, downloaded once (31 MB) and checked.

    Labels: 0 T-shirt/top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal, 6 shirt, 7 sneaker, 8 bag, 9 ankle boot.

    Shapes: x: (60000, 28, 28) and (10000, 28, 28), uint8 from 0 to 255. y: (60000,) and (10000,), uint8 from 0 to 9.

    Source: Xiao, Rasul, Vollgraf (2017), https://github.com/zalandoresearch/fashion-mnist, under the MIT licence.

    >>> import kerata.datasets.fashion_mnist
    >>> (x_train, y_train), _ = kerata.datasets.fashion_mnist.load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    return (load_images("train"), load_labels("train")), (load_images("t10k"), load_labels("t10k"))


def load_images(part: str) -> np.ndarray:
    """(images, 28, 28): after 16 bytes of header, one byte a pixel."""
    return np.frombuffer(read_unpacked(f"{part}-images-idx3-ubyte.gz"), np.uint8, offset=16).reshape(-1, 28, 28).copy()


def load_labels(part: str) -> np.ndarray:
    """(images,): after 8 bytes of header, one byte a label."""
    return np.frombuffer(read_unpacked(f"{part}-labels-idx1-ubyte.gz"), np.uint8, offset=8).copy()


def read_unpacked(name: str) -> bytes:
    """The bytes of one of the four files."""
    verify = functools.partial(describe_wrong_content, expected=CONTENT_HASHES[name])
    with gzip.open(fetch_file(name, f"{KERAS_STORE}/{name}", verify, "datasets/fashion-mnist")) as stream:
        return stream.read()


def describe_wrong_content(path: Path, expected: str) -> str:
    """What is wrong with a packed file; an empty string if it is right."""
    try:
        digest = hashlib.md5()
        with open_gzip(path, path.name) as stream:
            while block := stream.read(CHUNK_BYTES):
                digest.update(block)
        found = digest.hexdigest()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        return f"it cannot be unpacked: {error}"
    return "" if found == expected else f"the md5 of its content is {found}, expected {expected}"
