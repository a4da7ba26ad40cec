"""`image_dataset_from_directory`: the pictures of a folder, read in threads, kept where they fit."""

import functools
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from kerata.base.checks import KindError, check_choice, check_positive_int, message, standardize_tuple
from kerata.base.config import standardize_data_format
from kerata.base.types import PathLike, ShapeLike
from kerata.data.datasets import Dataset, PassedRows
from kerata.data.elements import ArraySpec, groups
from kerata.data.folders import FORMATS, Listing, Wanted, buffer_of, order_of
from kerata.data.pictures import pillow
from kerata.data.pixels import Corners, finished, read_pixels
from kerata.data.reading import CHANNELS, PictureReader, ahead, pool
from kerata.data.resizing import METHODS
from kerata.data.shuffling import Turns

NAME = "image_dataset_from_directory"
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
# Pictures that a thread reads in one go, batches that are read ahead, and files that are looked at before it is settled
# whether pictures are kept as bytes.
GROUP, AHEAD, LOOKED_AT = 8, 3, 8


def image_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    color_mode="rgb",
    batch_size=32,
    image_size=(256, 256),
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    interpolation="bilinear",
    follow_links=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    data_format=None,
    format="tf",
    verbose=True,
    cache="auto",
    decode="exact",
    bad_files=None,
) -> Dataset | list[Dataset]:
    """The pictures of a folder, batch by batch: what `fit`, `evaluate` and `predict` take, with the methods of `tf.data`.

    The same seed gives Keras's orders, splits and sizes. Files are read in threads, ahead of whoever takes the batches. An
    orientation that a camera has noted in a file is not applied, as in Keras; of moving pictures the first is taken.

    Args:
        directory: the folder.
        labels: `"inferred"` from the names of the folders in it, `None`, or a whole number for each file, in the order of the
            alphabet.
        label_mode: `"int"`, `"categorical"` (a vector of 0 and 1), `"binary"` (0.0 or 1.0) or `None`.
        class_names: the names of folders, in the order of their numbers; all of them by default, in the alphabet's.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        batch_size: pictures a batch; `None` for one by one, without an axis that counts them.
        image_size: (height, width), or one number for both.
        shuffle: whether each pass has another order; else that of the alphabet.
        seed: of the orders.
        validation_split: the share of the files that `subset="validation"` takes.
        subset: `"training"`, `"validation"`, or `"both"` for a list of the two.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"area"`, `"lanczos3"`, `"lanczos5"`, `"gaussian"` or
            `"mitchellcubic"`.
        follow_links: whether to look into folders that are links.
        crop_to_aspect_ratio, pad_to_aspect_ratio: whether sides are cut off, or filled up with 0, rather than the picture
            distorted.
        data_format: `"channels_last"` or `"channels_first"`.
        format: `"tf"`; or `"grain"` for an order that is drawn over all files, and the same in each pass (another one than
            Grain's).
        verbose: whether to say how many files there are.
        cache: whether pictures are kept once they were read: `"auto"` for memory, where all take at most 1 GiB and a quarter of
            what is free; `True` for memory; `False`; or the path of a file (that of `subset="both"` and validation ends in
            `.validation`).
        decode: `"exact"`, or `"fast"` for JPEGs that are decoded at a half, a quarter or an eighth of their size, where that is
            not below `image_size`, and for pictures that are rounded to bytes.
        bad_files: `"skip"` to leave out what cannot be read, with a warning; `"error"`; by default, skipped with
            `shuffle=True` alone.

    Shapes: batches of (batch, height, width, channels) in float32 (bytes for `"nearest"`), and of labels: (batch,) in int32,
    (batch, classes) or (batch, 1) in float32. `class_names` and `file_paths` are attributes of what is returned; the paths are
    in the order before the shuffling of each pass.

    >>> import kerata, numpy as np, pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> for name in ("cat", "dog"):
    ...     pathlib.Path(folder.name, name).mkdir()
    ...     kerata.utils.save_img(f"{folder.name}/{name}/1.png", np.zeros((8, 9, 3)))
    >>> pictures = kerata.utils.image_dataset_from_directory(folder.name, image_size=(4, 5))
    Found 2 files belonging to 2 classes.
    >>> [(x.shape, y.shape) for x, y in pictures], pictures.class_names
    ([((2, 4, 5, 3), (2,))], ['cat', 'dog'])
    """
    how = Reading(color_mode, image_size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio, data_format, decode)
    check_choice(NAME, "format", format, FORMATS)
    check_choice(NAME, "bad_files", bad_files, ("skip", "error", None))
    size = check_positive_int(NAME, "batch_size", batch_size, optional=True)
    splitting = (validation_split, subset, follow_links, verbose)
    wanted = Wanted(NAME, "pictures", ENDINGS, directory, labels, label_mode, class_names, shuffle, seed, *splitting, True)
    made = []
    for place, listing in enumerate(wanted.listings()):
        path = f"{os.fspath(cache)}.validation" if place and not isinstance(cache, bool) and cache != "auto" else cache
        skips = bad_files == "skip" or (bad_files is None and bool(shuffle))
        # What is read for validation has one order.
        seeds = wanted.seed if shuffle and not place else None
        files = PictureFiles(listing, how, wanted.label_mode, size, seeds, format == "grain", path, skips)
        made.append(as_dataset(files))
    return made if len(made) > 1 else made[0]


class Reading:
    """How files become pictures: the arguments of `image_dataset_from_directory` that say so."""

    def __init__(
        self,
        color_mode: str,
        image_size: ShapeLike,
        interpolation: str,
        crop: bool,
        pad: bool,
        data_format: str | None,
        decode: str,
    ):
        self.channels = CHANNELS[check_choice(NAME, "color_mode", color_mode, tuple(CHANNELS))]
        height, width = standardize_tuple(NAME, "image_size", image_size, 2)
        self.size = (height, width)
        if not isinstance(interpolation, str):
            raise KindError(message(NAME, "`interpolation` must be a name", {"interpolation": interpolation}))
        self.method = check_choice(NAME, "interpolation", interpolation.lower(), METHODS)
        if crop and pad:
            received = {"crop_to_aspect_ratio": crop, "pad_to_aspect_ratio": pad}
            raise ValueError(
                message(NAME, "only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True", received)
            )
        self.crop, self.pad = bool(crop), bool(pad)
        self.is_first = standardize_data_format(data_format) == "channels_first"
        self.is_fast = check_choice(NAME, "decode", decode, ("exact", "fast")) == "fast"

    def read(self, path: str, out: np.ndarray | None = None) -> np.ndarray:
        """The picture of a file: (height, width, channels), in `out` or elsewhere as `read_pixels` says."""
        return read_pixels(path, self.channels, self.size, self.method, self.crop, self.pad, self.is_fast, out)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a picture, channels last."""
        return (*self.size, self.channels)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a batch."""
        # As in TensorFlow, where what takes pixels from a picture does not change their type.
        return np.dtype("uint8" if self.method == "nearest" else "float32")

    def kept_as(self, paths: list[str]) -> np.dtype[Any]:
        """The type that holds a picture without loss: bytes, where nothing is computed."""
        if self.is_fast or self.method == "nearest" or all(size_of(path) == self.size for path in paths[:LOOKED_AT]):
            return np.dtype("uint8")
        return np.dtype("float32")


def size_of(path: str) -> tuple[int, int] | None:
    """(height, width) of the picture of a file, as its first bytes say."""
    try:
        with pillow(NAME).open(path) as picture:
            return picture.height, picture.width
    except OSError:
        return None


class PictureFiles:
    """The pictures of some files, and their labels, in batches or one by one.

    Args:
        listing: the files.
        how: they become pictures.
        label_mode: of the labels; `None` where there are none.
        batch_size: pictures a batch, or `None`.
        seed: of the orders; `None` for the order of the files.
        is_fixed: whether all passes have one order, drawn over all files.
        cache, skips: as of `PictureReader`.
    """

    def __init__(
        self,
        listing: Listing,
        how: Reading,
        label_mode: str | None,
        batch_size: int | None,
        seed: int | None,
        is_fixed: bool,
        cache: bool | PathLike,
        skips: bool,
    ):
        self.listing, self.how, self.label_mode, self.batch_size = listing, how, label_mode, batch_size
        self.seed, self.is_fixed, self.count = seed, is_fixed, Turns()
        self.group = min(batch_size or GROUP, GROUP)
        paths = listing.paths
        self.reader = PictureReader(paths, how.read, how.shape, how.kept_as(paths), cache, skips, NAME)

    def order(self) -> Iterable[int]:
        """The numbers of the files, in the order of the next pass."""
        buffer = buffer_of(self.batch_size)
        return order_of(len(self.listing.paths), self.seed, buffer, self.is_fixed, self.count)

    def passes(self) -> Iterator[np.ndarray]:
        """The numbers of the files of each batch, in the order of the next pass."""
        return (np.array(numbers) for numbers in groups(self.order(), self.batch_size or GROUP))

    def batches(self) -> Iterator[Any]:
        """The batches of a pass, which counts from now on, whether they are read or not."""
        return self._batches_of(self.passes())

    def _batches_of(self, passes: Iterator[np.ndarray]) -> Iterator[Any]:
        jobs = (Job(numbers, self.how, self.group) for numbers in passes)
        for job in ahead(functools.partial(Job.begin, reader=self.reader), jobs, AHEAD):
            if job.there.any():
                yield self._batch_of(job)

    def read(self, numbers: np.ndarray) -> object:
        """The batch of some files."""
        job = Job(numbers, self.how, self.group)
        for work in job.begin(self.reader):
            work.result()
        return self._batch_of(job)

    def _batch_of(self, job: "Job") -> object:
        pictures, numbers = job.result()
        return pictures if self.label_mode is None else (pictures, self.listing.targets(self.label_mode, numbers))

    def pictures(self) -> Iterator[Any]:
        """The pictures of a pass, one by one."""
        return self._pictures_of(self.batches())

    def _pictures_of(self, batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            if self.label_mode is None:
                yield from batch
            else:
                yield from ((x, np.asarray(y)) for x, y in zip(*batch, strict=True))

    @property
    def spec(self) -> ArraySpec | tuple[ArraySpec, ...]:
        """What an element is."""
        shape = self.how.shape
        spec = ArraySpec((shape[2], *shape[:2]) if self.how.is_first else shape, self.how.dtype)
        found = spec if self.label_mode is None else (spec, self.listing.target_spec(self.label_mode))
        if self.batch_size is None:
            return found
        return found.batched(None) if isinstance(found, ArraySpec) else tuple(one.batched(None) for one in found)


class Job:
    """A batch of pictures in the making.

    Args:
        numbers: of the files.
        how: they become pictures.
        group: how many pictures at most are computed at once.
    """

    def __init__(self, numbers: np.ndarray, how: Reading, group: int):
        self.numbers, self.how, self.group = numbers, how, group
        height, width, channels = how.shape
        shape = (channels, height, width) if how.is_first else how.shape
        self.made, self.there = np.empty((len(numbers), *shape), how.dtype), np.ones(len(numbers), bool)
        # The same memory, channels last.
        self.rows = self.made.transpose(0, 2, 3, 1) if how.is_first else self.made

    def begin(self, reader: PictureReader) -> list[Any]:
        """Has threads read the files."""
        return [pool().submit(self._read, reader, first) for first in range(0, len(self.numbers), GROUP)]

    def _read(self, reader: PictureReader, first: int) -> None:
        waiting: list[tuple[int, int, Corners]] = []
        for row, number in enumerate(self.numbers[first : first + GROUP].tolist(), first):
            place = self.rows[row]
            picture = reader.read(number, place)
            if picture is None:
                self.there[row] = False
            elif isinstance(picture, Corners):
                waiting.append((row, number, picture))
            elif picture is not place:
                place[...] = picture
        if waiting:
            made = finished([corners for _, _, corners in waiting], self.group, self.how.is_fast)
            for (row, number, _), picture in zip(waiting, made, strict=False):
                self.rows[row] = picture.reshape(self.how.shape)
                reader.kept.put(number, picture.reshape(self.how.shape))

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """(pictures, numbers of their files), without those that could not be read."""
        if self.there.all():
            return self.made, self.numbers
        return self.made[self.there], self.numbers[self.there]


def as_dataset(files: PictureFiles) -> Dataset:
    """A data set of the pictures of some files."""
    count = len(files.listing.paths)
    if files.batch_size is None:
        data = Dataset(files.pictures, count, files.spec)
    else:
        data = Dataset(files.batches, -(-count // files.batch_size), files.spec)
        data._rows = PassedRows(count, np.arange(min(count, files.batch_size)), files.passes, files.read, files.count.reach)
    data.class_names, data.file_paths = files.listing.class_names, files.listing.paths
    return data
