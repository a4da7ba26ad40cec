"""Batches of pictures: by number, and one after the other without end, in Keras's orders."""

import os
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol

import numpy as np

from kerata.base.checks import check_choice, check_positive_int, message
from kerata.base.config import floatx, standardize_data_format
from kerata.base.display import say
from kerata.base.refusals import MissingFile
from kerata.base.replacing import replace_file
from kerata.base.types import DTypeLike, Owner, PathLike
from kerata.data.pictures import array_to_img
from kerata.data.pydataset import FixedRows, PyDataset
from kerata.data.reading import CHANNELS, PictureReader, files_below, in_threads, reader_of_files, without_strangers
from kerata.engine.types import HostArray

# Pictures that are moved by one call of the compiled program: so many that the call costs nothing, so few that all threads
# have work and what they write stays near.
GROUP = 8
ENDINGS = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")


class NoSuchBatch(IndexError, ValueError):
    """A number of a batch that is not there. Keras raises `ValueError` for it, so programs may catch either."""


class Iterator(PyDataset):
    """Batches of numbered samples.

    A class says how a batch is made of the numbers of its samples, `_get_batches_of_transformed_samples`.

    Args:
        n: samples in all.
        batch_size: samples a batch; the last one may have fewer.
        shuffle: whether each epoch has an order of its own.
        seed: of NumPy's draws: those of batch number k, counted since the iterator was made, begin with `seed + k`.
        kwargs: what `PyDataset` takes.
    """

    white_list_formats = ENDINGS

    def __init__(self, n, batch_size, shuffle, seed, **kwargs):
        super().__init__(**kwargs)
        self.n, self.batch_size = n, check_positive_int(type(self).__name__, "batch_size", batch_size)
        self.shuffle, self.seed = shuffle, seed
        self.batch_index = self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array: np.ndarray | None = None
        self.index_generator = self._flow_index()

    def _set_index_array(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _sow(self) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)

    def __getitem__(self, idx):
        return self._get_batches_of_transformed_samples(self._numbers_of(idx))

    def _numbers_of(self, idx: int) -> np.ndarray:
        """The numbers of the samples of a batch that is asked for."""
        if idx >= len(self):
            raise NoSuchBatch(message(type(self).__name__, f"there are {len(self)} batches", {"index": idx}))
        self._sow()
        self.total_batches_seen += 1
        if self.index_array is None:
            self._set_index_array()
        assert self.index_array is not None
        return self.index_array[self.batch_size * idx : self.batch_size * (idx + 1)]

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def _peek(self) -> object:
        """A batch to look at, after which all is as before: no draw is taken from those that follow."""
        drawn, before = np.random.get_state(), (self.total_batches_seen, self.index_array)
        try:
            return self[0]
        finally:
            np.random.set_state(drawn)
            self.total_batches_seen, self.index_array = before

    def on_epoch_end(self) -> None:
        """Draws a new order."""
        self._set_index_array()

    def reset(self) -> None:
        """Begins with the first batch again."""
        self.batch_index = 0

    def _flow_index(self) -> Generator[np.ndarray]:
        """The numbers of the samples of each batch, without end."""
        self.reset()
        while True:
            self._sow()
            if self.batch_index == 0 or self.index_array is None:
                self._set_index_array()
            first = self.batch_index * self.batch_size % max(self.n, 1)
            self.batch_index = self.batch_index + 1 if self._goes_on(first) else 0
            self.total_batches_seen += 1
            assert self.index_array is not None
            yield self.index_array[first : first + self.batch_size]

    def _goes_on(self, first: int) -> bool:
        """Whether a batch that begins with sample number `first` is not the last one of an epoch."""
        return self.n > first + self.batch_size

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            numbers = next(self.index_generator)
        return self._get_batches_of_transformed_samples(numbers)

    def next(self):
        """The next batch."""
        return self.__next__()

    def _get_batches_of_transformed_samples(self, index_array):
        raise NotImplementedError(
            message(type(self).__name__, "`_get_batches_of_transformed_samples(index_array)` must make a batch")
        )


class ChangesPictures(Protocol):
    """What changes pictures: an `ImageDataGenerator`."""

    @property
    def validation_split(self) -> float: ...
    @property
    def _is_plain(self) -> bool: ...
    @property
    def _repeats(self) -> bool: ...
    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]: ...
    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray: ...
    def standardize(self, x: np.ndarray) -> np.ndarray: ...
    def _finished(self, pictures: np.ndarray, changes: Sequence[dict[str, Any]]) -> np.ndarray: ...


class Pictures(Iterator):
    """Batches of pictures that a generator changes. The base of the public classes."""

    image_data_generator: ChangesPictures | None
    data_format: str
    dtype: DTypeLike
    save_to_dir: PathLike | None
    save_prefix: str
    save_format: str
    # Numbers in the names of saved pictures are drawn below it.
    most_names = 10**7

    def _fixed_rows(self) -> FixedRows | None:
        generator = self.image_data_generator
        mine = type(self).__module__.startswith("kerata.") and not self.save_to_dir
        if not mine or (generator is not None and not generator._repeats):
            return None

        def of_batch(number: int) -> np.ndarray:
            chosen = self._numbers_of(number)
            if generator is not None:
                # NumPy is asked for as many draws as ever.
                for _ in chosen:
                    generator.get_random_transform(self._shape)
            return chosen

        def read(chosen: np.ndarray) -> object:
            drawn = np.random.get_state()
            try:
                return self._get_batches_of_transformed_samples(chosen)
            finally:
                np.random.set_state(drawn)

        return FixedRows(self.n, of_batch, read)

    @property
    def _shape(self) -> tuple[int, ...]:
        """The shape of a picture."""
        raise NotImplementedError

    def _make(self, numbers: np.ndarray, read: Callable[[int], np.ndarray | None], shape: tuple[int, ...]) -> tuple[Any, Any]:
        """(pictures, which are there) of some numbers.

        Args:
            numbers: of the samples.
            read: a picture by number, in `data_format`; `None` where it is left out.
            shape: of a picture.
        """
        made = np.zeros((len(numbers), *shape), self.dtype)
        there = np.ones(len(numbers), bool)
        generator = self.image_data_generator
        if generator is not None and not generator._is_plain:
            self._make_one_by_one(numbers, read, shape, made, there)
            return made, there
        changes = [] if generator is None else [generator.get_random_transform(shape) for _ in numbers]
        size = min(GROUP, self.batch_size)

        def work(first: int) -> None:
            found = {first + place: read(number) for place, number in enumerate(numbers[first : first + size])}
            pictures = {row: picture for row, picture in found.items() if picture is not None}
            there[[row for row in found if row not in pictures]] = False
            if not pictures:
                return
            # The same number each time, so that one program does for all.
            rows = list(pictures)
            filled = rows + rows[-1:] * (size - len(rows))
            stacked = np.stack([pictures[row] for row in filled])
            if generator is not None:
                stacked = generator._finished(stacked, [changes[row] for row in filled])
            made[rows] = as_whole(stacked[: len(rows)], self.dtype)

        in_threads(work, range(0, len(numbers), size))
        return made, there

    def _make_one_by_one(
        self,
        numbers: np.ndarray,
        read: Callable[[int], np.ndarray | None],
        shape: tuple[int, ...],
        made: np.ndarray,
        there: np.ndarray,
    ):
        """Each picture after the last: a person's own code may draw from NumPy as well."""
        generator = self.image_data_generator
        assert generator is not None
        for row, picture in enumerate(in_threads(read, list(numbers))):
            change = generator.get_random_transform(shape)
            if picture is None:
                there[row] = False
                continue
            x = generator.apply_transform(np.array(picture, self.dtype), change)
            made[row] = generator.standardize(x)

    def _save(self, pictures: np.ndarray, numbers: np.ndarray, there: np.ndarray) -> None:
        if not self.save_to_dir:
            return
        for row, number in enumerate(numbers):
            name = f"{self.save_prefix}_{number}_{np.random.randint(self.most_names)}.{self.save_format}"
            path = os.path.join(os.fspath(self.save_to_dir), name)
            if not there[row]:
                continue
            try:
                with replace_file(path, sync=False, tidy=False) as part:
                    array_to_img(pictures[row], self.data_format).save(part)
            except OSError as error:
                error.add_note(f"ImageDataGenerator: a changed picture could not be written to save_to_dir: {path}")
                raise


def as_whole(x: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Numbers as they are, or rounded for a type of whole numbers."""
    return np.rint(x) if np.issubdtype(dtype, np.integer) and np.issubdtype(x.dtype, np.floating) else x


def check_batch(owner: Owner, x: np.ndarray, channel_axis: int, data_format: str) -> None:
    """Raises for what is no batch of pictures, and warns of a number of channels that pictures seldom have."""
    if x.ndim != 4:
        raise ValueError(message(owner, "pictures must have four axes", {"x": x.shape}))
    if x.shape[channel_axis] not in (1, 3, 4):
        received = {"x": x.shape, "data_format": data_format}
        warnings.warn(message(owner, f"1, 3 or 4 channels are usual on axis {channel_axis}", received), stacklevel=3)


class NumpyArrayIterator(Pictures):
    """Batches of the pictures of an array; what `ImageDataGenerator.flow` gives.

    Args:
        x: an array of pictures, or a tuple of one and of others (or a list of them), whose rows go with the pictures.
        y: targets, or `None`.
        image_data_generator: what changes the pictures.
        batch_size, shuffle, seed: of the batches.
        sample_weight: weights, or `None`.
        data_format: `"channels_last"` or `"channels_first"`.
        save_to_dir, save_prefix, save_format: where a copy of each picture is written.
        subset: `"training"` or `"validation"`: the first `validation_split` of the samples are for validation.
        ignore_class_split: whether both subsets may hold other classes.
        dtype: of the batches.
    """

    most_names = 10**4

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        sample_weight=None,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        ignore_class_split=False,
        dtype=None,
        **kwargs,
    ):
        self.dtype, self.data_format = dtype or floatx(), standardize_data_format(data_format)
        x, others = (x[0], x[1]) if isinstance(x, (tuple, list)) else (x, [])
        columns = [np.asarray(one) for one in (others if isinstance(others, list) else [others])]
        targets = None if y is None else np.asarray(y)
        weights = None if sample_weight is None else np.asarray(sample_weight)
        for name, part in (("x[1]", columns), ("y", [targets]), ("sample_weight", [weights])):
            if any(one is not None and len(one) != len(x) for one in part):
                received = {"x": len(x), name: [len(one) for one in part if one is not None]}
                whole = "All of the arrays in `x`" if name == "x[1]" else f"`x` and `{name}`"
                raise ValueError(message("ImageDataGenerator.flow", f"{whole} should have the same length", received))
        if subset is not None:
            rows = self._rows_of(subset, len(x), image_data_generator.validation_split, targets, ignore_class_split)
            x, columns = x[rows], [one[rows] for one in columns]
            targets, weights = (None if one is None else one[rows] for one in (targets, weights))
        self.x, self.x_misc, self.y, self.sample_weight = np.asarray(x, self.dtype), columns, targets, weights
        check_batch("ImageDataGenerator.flow", self.x, 3 if self.data_format == "channels_last" else 1, self.data_format)
        self.image_data_generator = image_data_generator
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        super().__init__(len(self.x), batch_size, shuffle, seed, **kwargs)

    @staticmethod
    def _rows_of(subset: str, count: int, share: float, targets: np.ndarray | None, ignore: bool) -> slice:
        check_choice("ImageDataGenerator.flow", "subset", subset, ("training", "validation"))
        border = int(count * share)
        if targets is not None and not ignore and not np.array_equal(np.unique(targets[:border]), np.unique(targets[border:])):
            raise ValueError(
                message(
                    "ImageDataGenerator.flow",
                    "both subsets must hold the same classes",
                    {"validation_split": share},
                    "Shuffle the arrays first: the split takes the first samples for validation; or ignore_class_split=True",
                )
            )
        return slice(0, border) if subset == "validation" else slice(border, None)

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.x.shape[1:]

    def _get_batches_of_transformed_samples(self, index_array):
        pictures, there = self._make(index_array, self.x.__getitem__, self._shape)
        self._save(pictures, index_array, there)
        inputs = [pictures, *(column[index_array] for column in self.x_misc)] if self.x_misc else pictures
        if self.y is None:
            return inputs
        output = (inputs, self.y[index_array])
        return output if self.sample_weight is None else (*output, self.sample_weight[index_array])


class BatchFromFilesMixin(Pictures):
    """What batches of files have in common."""

    filenames: list[str]
    class_indices: dict[str, int]
    class_mode: str | None
    classes: HostArray | list[Any]
    allowed_class_modes: frozenset[str | None]
    _filepaths: list[str]
    _sample_weight: HostArray | None = None
    reader: PictureReader

    def set_processing_attrs(
        self,
        image_data_generator,
        target_size,
        color_mode,
        data_format,
        save_to_dir,
        save_prefix,
        save_format,
        subset,
        interpolation,
        keep_aspect_ratio,
    ) -> None:
        """Keeps how files become pictures."""
        owner = type(self).__name__
        self.image_data_generator, self.data_format = image_data_generator, standardize_data_format(data_format)
        if not isinstance(target_size, (tuple, list)) or len(target_size) != 2 or not all(size >= 1 for size in target_size):
            raise ValueError(message(owner, "`target_size` must be (height, width)", {"target_size": target_size}))
        self.target_size = (int(target_size[0]), int(target_size[1]))
        self.color_mode = check_choice(owner, "color_mode", color_mode, tuple(CHANNELS))
        channels = (CHANNELS[color_mode],)
        last = self.data_format == "channels_last"
        self.image_shape = self.target_size + channels if last else channels + self.target_size
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self.interpolation, self.keep_aspect_ratio, self.subset = interpolation, keep_aspect_ratio, subset
        self.split: tuple[float, float] | None = None
        if subset is not None:
            check_choice(owner, "subset", subset, ("training", "validation"))
            share = image_data_generator.validation_split
            self.split = (0, share) if subset == "validation" else (share, 1)

    def _set_reader(self, shuffle: bool, cache: bool | str, decode: str, bad_files: str | None) -> None:
        owner = type(self).__name__
        check_choice(owner, "bad_files", bad_files, ("skip", "error", None))
        # Where samples keep their order, rows of predictions belong to file names, and none may be missing.
        skips = bad_files == "skip" or (bad_files is None and bool(shuffle))
        how = (self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio, decode, cache, skips)
        self.reader = reader_of_files(owner, self._filepaths, *how)

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.image_shape

    def _get_batches_of_transformed_samples(self, index_array):
        first = self.data_format == "channels_first"

        def read(number: int) -> np.ndarray | None:
            picture = self.reader.read(number)
            return picture.transpose(2, 0, 1) if first and picture is not None else picture

        pictures, there = self._make(index_array, read, self.image_shape)
        self._save(pictures, index_array, there)
        if not there.all():
            pictures, index_array = pictures[there], index_array[there]
            if not len(index_array):
                raise ValueError(message(type(self).__name__, "no file of a batch can be read", self.reader.unreadable))
        if self.class_mode is None:
            return pictures
        output = (pictures, self._targets_of(index_array, pictures))
        return output if self.sample_weight is None else (*output, self.sample_weight[index_array])

    def _targets_of(self, numbers: np.ndarray, pictures: np.ndarray) -> object:
        if self.class_mode == "input":
            return pictures.copy()
        if self.class_mode == "multi_output":
            return [output[numbers] for output in self.labels]
        if self.class_mode == "raw":
            return self.labels[numbers]
        labels = [self.classes[number] for number in numbers]
        if self.class_mode in ("binary", "sparse"):
            return np.array(labels, self.dtype)
        targets = np.zeros((len(labels), len(self.class_indices)), self.dtype)
        for row, label in enumerate(labels):
            targets[row, label] = 1
        return targets

    @property
    def filepaths(self) -> list[str]:
        """The paths of the files."""
        return self._filepaths

    @property
    def labels(self) -> HostArray | list[Any]:
        """What is known of each picture: numbers of classes, or columns of a table."""
        return self.classes

    @property
    def sample_weight(self) -> HostArray | None:
        """A weight for each picture, or `None`."""
        return self._sample_weight


class DirectoryIterator(BatchFromFilesMixin):
    """Batches of the pictures of a folder, in which each class has a folder of its own.

    Args:
        directory: the folder.
        image_data_generator: what changes the pictures.
        target_size: (height, width) of the pictures.
        color_mode: `"rgb"`, `"rgba"` or `"grayscale"`.
        classes: names of folders, in the order of their numbers; all by default, in the alphabet's.
        class_mode: `"categorical"`, `"binary"`, `"sparse"`, `"input"` (the pictures themselves) or `None`.
        batch_size, shuffle, seed: of the batches.
        data_format: `"channels_last"` or `"channels_first"`.
        save_to_dir, save_prefix, save_format: where a copy of each picture is written.
        follow_links: whether to look into folders that are links.
        subset: `"training"` or `"validation"`: of each class, the first `validation_split` of the files are for validation.
        interpolation: as in `load_img`.
        keep_aspect_ratio: whether to cut pictures rather than distort them.
        dtype: of the batches.
        cache: whether pictures are kept, as bytes, once they were read: `"auto"` for memory, where all take at most 1 GiB and
            a quarter of what is free; `True` for memory; `False`; or the path of a file.
        decode: `"exact"`, or `"fast"` for JPEGs that are decoded at a half, a quarter or an eighth of their size, where that
            is not below `target_size`: the pixels differ a little from the exact ones.
        bad_files: `"skip"` to leave out what cannot be read, with a warning; `"error"`; by default, skipped with
            `shuffle=True` alone.
    """

    allowed_class_modes = frozenset({"categorical", "binary", "sparse", "input", None})

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        dtype=None,
        cache="auto",
        decode="exact",
        bad_files=None,
        **kwargs,
    ):
        saving, resizing = (save_to_dir, save_prefix, save_format), (interpolation, keep_aspect_ratio)
        self.set_processing_attrs(image_data_generator, target_size, color_mode, data_format, *saving, subset, *resizing)
        self.directory, self.dtype = os.fspath(directory), dtype or floatx()
        self.class_mode = check_choice("DirectoryIterator", "class_mode", class_mode, tuple(self.allowed_class_modes))
        if not os.path.isdir(self.directory):
            raise MissingFile(message("flow_from_directory", "there is no such folder", {"directory": self.directory}))
        names = list(classes) if classes else sorted(one.name for one in os.scandir(self.directory) if one.is_dir())
        if not names:
            raise ValueError(
                message(
                    "flow_from_directory",
                    "the folder must have a folder for each class",
                    {"directory": self.directory},
                    'For pictures without classes give classes=["."] and class_mode=None',
                )
            )
        self.num_classes = len(names)
        self.class_indices = {name: number for number, name in enumerate(names)}
        self.filenames, self.classes = self._list_files(names, follow_links)
        self.samples = len(self.filenames)
        say(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        if not self.samples:
            received = {"directory": self.directory, "subset": subset, "endings": self.white_list_formats}
            raise ValueError(message("flow_from_directory", "there must be a picture in the folders of the classes", received))
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        self._set_reader(shuffle, cache, decode, bad_files)
        super().__init__(self.samples, batch_size, shuffle, seed, **kwargs)

    def _list_files(self, names: Sequence[str], follow_links: bool) -> tuple[list[str], np.ndarray]:
        """(paths below the folder, numbers of the classes) of all pictures, or of a subset."""
        found: list[list[str]] = []
        for name in names:
            folder = os.path.join(self.directory, name)
            files = files_below(folder, self.white_list_formats, follow_links)
            found.append([os.path.join(name, os.path.relpath(os.path.join(root, file), folder)) for root, file in files])
        flat = [os.path.join(self.directory, name) for part in found for name in part]
        good = iter(without_strangers(flat, "flow_from_directory"))
        found = [[name for name in part if next(good)] for part in found]
        if self.split:
            first, last = self.split
            found = [part[int(first * len(part)) : int(last * len(part))] for part in found]
        numbers = np.repeat(np.arange(len(names), dtype=np.int32), [len(part) for part in found])
        return [name for part in found for name in part], numbers
