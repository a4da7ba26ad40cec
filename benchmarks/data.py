"""The data of the works, as small `.npz` files that every worker reads: real where it is at hand, else synthetic.

The driver prepares them once a run in a temporary folder, so that decoding is never timed and no worker needs pillow.
"""

import csv
import importlib
import io
import tarfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.works import APPLICATIONS

SOURCES = {
    "tabular": "tabular/ionosphere.csv",
    "pima": "tabular/pima-indians-diabetes.csv",
    "phoneme": "tabular/phoneme.csv",
    "mnist": "mnist.npz",
    "cifar": "cifar10-jpg.tar.gz",
    "reviews": "imdb_small.npz",
    "photos": "cifar10-jpg.tar.gz",
    "many-photos": "cifar10-jpg.tar.gz",
    "cifar-files": "cifar10-jpg.tar.gz",
}
OF_NET = {
    "tabular": "tabular",
    "pima": "pima",
    "phoneme": "phoneme",
    "mlp": "mnist",
    "mlp-dropout": "mnist",
    "cnn": "mnist",
    "cnn-bn": "cifar",
    "frozen": "cifar",
    "frozen-augmented": "cifar",
    **dict.fromkeys(APPLICATIONS, "cifar"),
    "lstm": "reviews",
    "transformer": "reviews",
    "photos": "photos",
    "many-photos": "many-photos",
    "cifar-files": "cifar-files",
    "texts": "texts",
}
VOCABULARY = 5_000
STEPS = {"lstm": 80, "transformer": 64}
# Of the texts: how many words there are, how many are known, and how many of each text are looked at.
WORDS, KNOWN_WORDS, TEXT_STEPS = 30_000, 20_000, 200


def prepare(names: set[str], source: Path, target: Path) -> dict[str, str]:
    """Write `<name>.npz` (x, y) for each name; say for each where it came from."""
    origin = {}
    for name in sorted(names):
        if name == "texts":
            x, y = write_texts()
            np.savez(target / "texts.npz", x=x, y=y)
            origin[name] = "synthetic"
            continue
        path = source / SOURCES[name]
        if name in ("photos", "many-photos", "cifar-files"):
            # Files in folders are what is measured there.
            origin[name] = importlib.import_module("benchmarks.pictures").WRITERS[name](path, target)
            continue
        if path.exists():
            x, y = READERS[name](path)
            origin[name] = path.name
        else:
            x, y = synthesize(name)
            origin[name] = f"synthetic data of the same shape ({path.name} is not in the data folder)"
        order = np.random.default_rng(0).permutation(len(x))
        np.savez(target / f"{name}.npz", x=x[order], y=y[order])
    return origin


def load(net: str, samples: int, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and integer labels as a network takes them: images in [0, 1], token ids as int32."""
    with np.load(folder / f"{OF_NET[net]}.npz", allow_pickle=False) as file:
        x, y = file["x"][:samples], file["y"][:samples].astype(np.int32)
    if net == "texts":
        return x.astype(str).astype(object), y  # (samples,) of texts
    if net in STEPS:
        return np.ascontiguousarray(x[:, -STEPS[net] :]), y  # (samples, steps)
    if net in ("tabular", "pima", "phoneme"):
        return x, y  # (samples, 34), (samples, 8) or (samples, 5)
    x = x.astype(np.float32) / 255
    if net.startswith("frozen") or net in APPLICATIONS:
        x = x.repeat(5, 1).repeat(5, 2)
    if net.startswith("mlp"):
        return x.reshape(len(x), 784), y
    return (x[..., None] if net == "cnn" else x), y  # (samples, height, width, channels)


def read_tabular(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    return np.array([row[:-1] for row in rows], np.float32), np.array([row[-1] in ("g", "1") for row in rows], np.int32)


def read_mnist(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return file["x_train"], file["y_train"]


def read_cifar(path: Path, per_class: int = 200) -> tuple[np.ndarray, np.ndarray]:
    from PIL import Image

    images, names = [], []
    with tarfile.open(path) as archive:
        for member in archive:
            parts = Path(member.name).parts
            if parts[0] != "train" or len(parts) != 3 or names.count(parts[1]) == per_class:
                continue
            content = archive.extractfile(member)
            if content is not None:
                images.append(np.asarray(Image.open(io.BytesIO(content.read())).convert("RGB")))
                names.append(parts[1])
    return np.stack(images), np.unique(names, return_inverse=True)[1]


def read_reviews(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The last 80 words of each review, padded in front with 0; ranks beyond the vocabulary become 2."""
    with np.load(path, allow_pickle=False) as file:
        tokens, offsets, labels = file["train_tokens"], file["train_offsets"], file["train_labels"]
    x = np.zeros((len(labels), 80), np.int32)
    for row, (start, stop) in enumerate(pairwise(offsets)):
        words = tokens[start:stop][-80:]
        x[row, 80 - len(words) :] = np.where(words < VOCABULARY, words, 2)
    return x, labels


def write_texts(count: int = 25_000) -> tuple[np.ndarray, np.ndarray]:
    """Texts of 100 to 300 words, some of them capitals and with points, whose label a fixed weight of each word decides."""
    rng = np.random.default_rng(11)
    words = np.array([f"w{number}" for number in range(WORDS)])
    lengths = rng.integers(100, 301, count)
    numbers = np.minimum(rng.zipf(1.3, lengths.sum()), WORDS) - 1
    starts = np.cumsum(lengths)[:-1]
    texts = [". ".join(" ".join(part).capitalize().split(" w7 ")) + "." for part in np.split(words[numbers], starts)]
    scores = np.add.reduceat(rng.normal(size=WORDS)[numbers], np.r_[0, starts])
    return np.array([text.encode() for text in texts]), (scores > np.median(scores)).astype(np.int32)


READERS = {
    "tabular": read_tabular,
    "pima": read_tabular,
    "phoneme": read_tabular,
    "mnist": read_mnist,
    "cifar": read_cifar,
    "reviews": read_reviews,
}


def synthesize(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Random inputs with the labels of a fixed random linear teacher, so that a loss can fall."""
    rng = np.random.default_rng(7)
    shape = {
        "tabular": (351, 34),
        "pima": (768, 8),
        "phoneme": (5_404, 5),
        "mnist": (60_000, 28, 28),
        "cifar": (2_000, 32, 32, 3),
        "reviews": (5_000, 80),
    }[name]
    classes = 10 if name in ("mnist", "cifar") else 1
    if name in ("tabular", "pima", "phoneme"):
        x = rng.uniform(-1, 1, shape).astype(np.float32)
        features = x
    elif name == "reviews":
        x = np.minimum(rng.zipf(1.3, shape), VOCABULARY - 1).astype(np.int32)
        features = rng.normal(size=VOCABULARY)[x].astype(np.float32)
    else:
        x = rng.integers(0, 256, shape, dtype=np.uint8)
        features = x.reshape(len(x), -1).astype(np.float32) / 255 - 0.5
    scores = features @ rng.normal(size=(features.shape[1], classes)).astype(np.float32)
    return x, scores.argmax(1) if classes > 1 else (scores[:, 0] > 0).astype(np.int32)
