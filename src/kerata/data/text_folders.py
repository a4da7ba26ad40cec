"""`text_dataset_from_directory` and `audio_dataset_from_directory`: the files of a folder as texts and sounds."""

import functools
import io
import itertools
import wave
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np

from kerata.base.checks import check_choice, check_positive_int, message
from kerata.base.refusals import refusing
from kerata.data.datasets import Dataset
from kerata.data.elements import ArraySpec, alone
from kerata.data.folders import FORMATS, Listing, Wanted, buffer_of, order_of
from kerata.data.reading import ahead, pool, read_bytes

TEXT, SOUND = "text_dataset_from_directory", "audio_dataset_from_directory"
# Files that are read ahead.
AHEAD = 64
# What a number of so many bytes begins at, and its middle.
WIDTHS = {1: 2.0**7, 2: 2.0**15, 3: 2.0**23, 4: 2.0**31}


def text_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    max_length=None,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    format="tf",
    verbose=True,
) -> Dataset | list[Dataset]:
    """The texts of the `.txt` files of a folder, batch by batch, with the methods of `tf.data`.

    The same seed gives Keras's orders and splits.

    Args:
        directory, labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links, verbose: as of
            `image_dataset_from_directory`.
        batch_size: texts a batch; `None` for one by one.
        max_length: bytes of a text that are kept; all by default.
        format: `"tf"` for arrays of `bytes`; `"grain"` for those of `str`, of which `max_length` counts letters, in an order
            that is the same in each pass.

    Shapes: batches of (batch,), and of labels as of `image_dataset_from_directory`. `class_names` is an attribute.

    >>> import kerata, pathlib, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> for name in ("bad", "good"):
    ...     pathlib.Path(folder.name, name).mkdir()
    ...     _ = pathlib.Path(folder.name, name, "1.txt").write_text(f"a {name} film")
    >>> texts = kerata.utils.text_dataset_from_directory(folder.name, shuffle=False)
    Found 2 files belonging to 2 classes.
    >>> for x, y in texts:
    ...     print(x.tolist(), y.tolist())
    [b'a bad film', b'a good film'] [0, 1]
    """
    check_choice(TEXT, "format", format, FORMATS)
    check_positive_int(TEXT, "batch_size", batch_size, optional=True)
    check_positive_int(TEXT, "max_length", max_length, optional=True)
    splitting = (validation_split, subset, follow_links, verbose)
    wanted = Wanted(TEXT, "texts", (".txt",), directory, labels, label_mode, class_names, shuffle, seed, *splitting)

    def read(path: str) -> np.ndarray:
        text: str | bytes = read_bytes(path, TEXT).getvalue()
        with refusing(f"text ({path})"):
            text = io.TextIOWrapper(io.BytesIO(text), "utf-8").read() if format == "grain" else text
        return alone(text[:max_length], object)

    spec = ArraySpec((), np.dtype(object))
    return made_of([batched(one, batch_size) for one in datasets(wanted, read, spec, batch_size, format == "grain")])


def audio_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    sampling_rate=None,
    output_sequence_length=None,
    ragged=False,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    verbose=True,
) -> Dataset | list[Dataset]:
    """The sounds of the `.wav` files of a folder, batch by batch, with the methods of `tf.data`.

    The same seed gives Keras's orders and splits. Keras reads samples of 16 bits alone; 8, 24 and 32 are read here as well.

    Args:
        directory, labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links, verbose: as of
            `image_dataset_from_directory`.
        batch_size: sounds a batch; `None` for one by one.
        sampling_rate: samples a second, to which sounds of another rate are brought (by SciPy's polyphase filter; Keras wants
            `tensorflow_io` for it); as in the file by default.
        output_sequence_length: samples that each sound is cut or filled up to; by default to the longest of its batch.
        ragged: `True` is an error: there are no ragged tensors.

    Shapes: batches of (batch, samples, channels) in float32 from -1 to 1, and of labels as of `image_dataset_from_directory`.
    `class_names` is an attribute.
    """
    check_positive_int(SOUND, "batch_size", batch_size, optional=True)
    check_positive_int(SOUND, "sampling_rate", sampling_rate, optional=True)
    length = check_positive_int(SOUND, "output_sequence_length", output_sequence_length, optional=True)
    if ragged:
        fix = "Leave `ragged` out: sounds are filled up to the longest of their batch; or give batch_size=None"
        raise NotImplementedError(message(SOUND, "there are no ragged tensors", {"ragged": ragged}, fix))
    splitting = (validation_split, subset, follow_links, verbose)
    wanted = Wanted(SOUND, "sounds", (".wav",), directory, labels, label_mode, class_names, shuffle, seed, *splitting)

    def read(path: str) -> np.ndarray:
        return read_sound(path, sampling_rate, length)

    found = datasets(wanted, read, ArraySpec((length, None), np.dtype("float32")), batch_size, False)
    return made_of([batched(one, batch_size, pads=length is None) for one in found])


def read_sound(path: str, rate: int | None = None, length: int | None = None) -> np.ndarray:
    """The samples of a `.wav` file, (samples, channels), from -1 to 1.

    Args:
        path: of the file.
        rate: samples a second; as in the file by default.
        length: samples that it is cut or filled up to.
    """
    data = read_bytes(path, SOUND)
    with refusing(f"sound ({path})"):
        samples, given = samples_of(data)
        if length is not None and (rate is None or rate == given):
            samples = samples[:length]
        if rate is not None and rate != given:
            from scipy.signal import resample_poly

            samples = np.asarray(resample_poly(samples, rate, given, axis=0), np.float32)[:length]
    if length is None or len(samples) == length:
        return samples
    return np.concatenate([samples, np.zeros((length - len(samples), samples.shape[1]), np.float32)])


def samples_of(data: io.BytesIO) -> tuple[np.ndarray, int]:
    """(samples, their number a second) of a `.wav` file."""
    with wave.open(data) as file:
        channels, width, rate, count, *_ = file.getparams()
        taken = np.frombuffer(file.readframes(count), np.uint8)
    taken = taken[: len(taken) // (channels * width) * channels * width]
    if width == 1:
        numbers = taken.astype(np.float32) - WIDTHS[1]
    elif width == 3:
        wide = np.zeros((len(taken) // 3, 4), np.uint8)
        wide[:, 1:] = taken.reshape(-1, 3)
        numbers = (wide.reshape(-1).view("<i4") >> 8).astype(np.float32)
    else:
        numbers = taken.view(f"<i{width}").astype(np.float32)
    return (numbers / np.float32(WIDTHS[width])).reshape(-1, channels), rate


def datasets(
    wanted: Wanted, read: Callable[[str], np.ndarray], spec: ArraySpec, batch_size: int | None, is_fixed: bool
) -> list[Dataset]:
    """The files one by one: a data set, or two.

    Args:
        wanted: which files.
        read: a file.
        spec: what it gives.
        batch_size: of the batches that will be made.
        is_fixed: whether all passes have one order, drawn over all files.
    """
    made = []
    for place, listing in enumerate(wanted.listings()):
        seed = wanted.seed if wanted.shuffle and not place else None
        orders = functools.partial(order_of, len(listing.paths), seed, buffer_of(batch_size), is_fixed, itertools.count())

        # A pass counts when it is begun, whether its files are read or not.
        def start(listing: Listing = listing, orders: Callable[[], Iterable[int]] = orders) -> Iterator[Any]:
            return elements(listing, read, wanted.label_mode, orders())

        mode = wanted.label_mode
        data = Dataset(start, len(listing.paths), spec if mode is None else (spec, listing.target_spec(mode)))
        data.class_names, data.file_paths = listing.class_names, listing.paths
        made.append(data)
    return made


def elements(listing: Listing, read: Callable[[str], np.ndarray], mode: str | None, order: Iterable[int]) -> Iterator[Any]:
    """The files of a pass, read in threads."""

    def begin(job: tuple[int, list[Future[np.ndarray]]]) -> list[Future[np.ndarray]]:
        job[1].append(pool().submit(read, listing.paths[job[0]]))
        return job[1]

    jobs: Iterator[tuple[int, list[Future[np.ndarray]]]] = ((number, []) for number in order)
    for number, work in ahead(begin, jobs, AHEAD):
        found = work[0].result()
        if mode is None:
            yield found
        else:
            yield found, listing.targets(mode, np.array([number]))[0, ...]


def batched(data: Dataset, batch_size: int | None, pads: bool = False) -> Dataset:
    """A data set in batches, with its names."""
    if batch_size is None:
        return data
    made = data.padded_batch(batch_size) if pads else data.batch(batch_size)
    made.class_names, made.file_paths = data.class_names, data.file_paths
    return made


def made_of(found: list[Dataset]) -> Dataset | list[Dataset]:
    return found if len(found) > 1 else found[0]
