"""The data of the known cases: real, read once, drawn in one order, scaled where a case does not say otherwise."""

import csv
import functools
import io
import os
import tarfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("KERATA_BENCH_DATA", ROOT.parent / "shared" / "data"))
CATEGORICAL = ("workclass", "education", "marital", "occupation", "relationship", "race", "sex", "country")


@functools.cache
def table(name: str) -> np.ndarray:
    """A table of numbers, its rows in one random order; text labels become class numbers."""
    with open(FOLDER / "tabular" / f"{name}.csv", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    columns = []
    for column in zip(*rows, strict=True):
        texts = [value.strip().strip("'") for value in column]
        try:
            columns.append([float(text) for text in texts])
        except ValueError:
            known = sorted(set(texts))
            columns.append([float(known.index(text)) for text in texts])
    values = np.array(columns).T
    return values[np.random.default_rng(0).permutation(len(values))]


def standard(x: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and spread 1."""
    return ((x - x.mean(0)) / np.maximum(x.std(0), 1e-9)).astype("float32")


def classes(name: str, most: int | None = None, scaled: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and class numbers from 0 of a table."""
    values = table(name)[:most]
    x, labels = values[:, :-1], values[:, -1]
    y = np.unique(labels, return_inverse=True)[1].astype("int32")
    return (standard(x) if scaled else x.astype("float32")), y


def numbers(name: str, most: int | None = None, scaled: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of a regression; scaled targets have spread 1."""
    values = table(name)[:most]
    x, y = values[:, :-1], values[:, -1].astype("float32")
    return (standard(x), (y - y.mean()) / y.std()) if scaled else (x.astype("float32"), y)


@functools.cache
def adult(most: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Numbers and one-hot categories of the census, scaled."""
    with open(FOLDER / "tabular" / "adult-train.csv", newline="") as file:
        rows = [[value.strip() for value in row] for row in csv.reader(file) if len(row) == 15]
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:most]]
    columns = []
    for place in range(14):
        column = [row[place] for row in rows]
        if place in (0, 2, 4, 10, 11, 12):
            values = np.array(column, float)
            values = np.log1p(values) if place in (2, 10, 11) else values
            columns.append(standard(values[:, None]))
        elif place != 3:
            known = sorted(set(column))[:20]
            columns.append(np.array([[float(value == each) for each in known] for value in column]))
    return np.concatenate(columns, 1).astype("float32"), np.array([">50K" in row[14] for row in rows], "int32")


@functools.cache
def digits(count: int = 1500, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of digits from 0 to 1, of shape (count, 28, 28, 1), and what they are."""
    with np.load(FOLDER / "mnist.npz") as file:
        x, y = file["x_train"][start : start + count], file["y_train"][start : start + count]
    return (x[..., None] / 255).astype("float32"), y.astype("int32")


def flat(count: int = 1500, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Digits as vectors."""
    x, y = digits(count, start)
    return x.reshape(len(x), -1), y


@functools.cache
def photos(each: int = 60, names: tuple[str, ...] = ("airplane", "frog", "ship", "truck")) -> tuple[np.ndarray, np.ndarray]:
    """Small photographs from 0 to 1, so many of each class."""
    from PIL import Image

    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    with tarfile.open(FOLDER / "cifar10-jpg.tar.gz") as archive:
        for entry in archive:
            parts = entry.name.split("/")
            name = parts[-2] if len(parts) > 2 else ""
            if "train" in parts and name in found and len(found[name]) < each and entry.isfile():
                found[name].append(np.asarray(Image.open(io.BytesIO(archive.extractfile(entry).read())).convert("RGB")))
                if all(len(some) == each for some in found.values()):
                    break
    x = np.concatenate([np.stack(found[name]) for name in names]).astype("float32") / 255
    y = np.repeat(np.arange(len(names)), each).astype("int32")
    order = np.random.default_rng(0).permutation(len(x))
    return x[order], y[order]


@functools.cache
def reviews(count: int = 600, length: int = 60, words: int = 2000, padding: str = "pre") -> tuple[np.ndarray, np.ndarray]:
    """Film reviews as numbers of words, the first `length` of each, filled up with 0."""
    with np.load(FOLDER / "imdb_small.npz") as file:
        tokens, offsets, labels = file["train_tokens"], file["train_offsets"], file["train_labels"]
    order = np.random.default_rng(0).permutation(len(labels))[:count]
    x = np.zeros((count, length), "int32")
    for row, number in enumerate(order):
        some = tokens[offsets[number] : offsets[number + 1]][:length].astype("int64")
        some = np.where(some < words, some, 2)
        if padding == "pre":
            x[row, length - len(some) :] = some
        else:
            x[row, : len(some)] = some
    return x, labels[order].astype("int32")


@functools.cache
def short_reviews(count: int = 600, length: int = 60, words: int = 2000, most: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """The beginnings of reviews, from 5 to `most` words long, with zeros behind them."""
    x, y = reviews(count, length, words)
    lengths = np.random.default_rng(1).integers(5, most + 1, count)
    return np.where(np.arange(length) < lengths[:, None], x, 0).astype("int32"), y


@functools.cache
def letters(count: int = 1500, length: int = 20) -> tuple[np.ndarray, np.ndarray, int]:
    """Windows of a text as numbers of letters, the letter that follows, and how many letters there are."""
    text = (FOLDER / "republic.txt").read_text(encoding="utf-8").lower()[5000:60000]
    known = {letter: i for i, letter in enumerate(sorted(set(text)))}
    numbers = np.array([known[letter] for letter in text], "int32")
    starts = np.random.default_rng(0).choice(len(numbers) - length - 1, count, replace=False)
    x = np.stack([numbers[s : s + length] for s in starts])
    return x, numbers[starts + length], len(known)


@functools.cache
def passengers(length: int = 12, changes: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Windows of a monthly series and the month that follows: of changes of the logarithm, or of thousands of passengers."""
    with open(FOLDER / "tabular" / "airline-passengers.csv", newline="") as file:
        values = np.array([float(row[1]) for row in list(csv.reader(file))[1:] if len(row) == 2])
    series = np.diff(np.log(values)) * 10 if changes else values
    x = np.stack([series[i : i + length] for i in range(len(series) - length)])
    return x[..., None].astype("float32"), series[length:].astype("float32")
