"""Pictures from files: read in threads, kept where they fit, and files that cannot be read named."""

import functools
import io
import itertools
import math
import os
import stat
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from kerata.base.checks import check_choice, message
from kerata.base.display import say
from kerata.base.refusals import FileError, MissingFile, refusing
from kerata.base.types import DTypeLike, PathLike
from kerata.data.jpegs import decode_jpeg, nearest_pixels
from kerata.data.pictures import METHODS, MODES, _resized, box_of, opened, pillow

T = TypeVar("T")
R = TypeVar("R")

# What `cache="auto"` takes at most, and which part of the memory that is free.
KEPT_BYTES, KEPT_PART = 2**30, 4
# Less than this is not worth a word.
SAID_BYTES = 10**7
# How the files of the usual formats begin.
BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*", b"P5", b"P6", b"RIFF")
NAMED = 5
# Files that are opened before it is known whether they are near, and the seconds that a near one takes at most.
TRIED, QUICK = 256, 5e-5
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}


@functools.cache
def pool() -> ThreadPoolExecutor:
    """The threads that read: Pillow decodes, and compiled programs run, without holding up the others."""
    return ThreadPoolExecutor(cores(), "kerata-pictures")


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """The function of each item, in order."""
    if len(items) < 2 or threading.current_thread().name.startswith("kerata-pictures"):
        return [function(item) for item in items]
    return list(pool().map(function, items))


def ahead(function: Callable[[T], list[Future[Any]]], items: Iterable[T], count: int) -> Iterator[T]:
    """Items whose work is done, in order.

    Args:
        function: begins the work of an item, in threads.
        items: what is worked on.
        count: of how many items the work is begun before the first is given.
    """
    source, begun = iter(items), deque[tuple[T, list[Future[Any]]]]()
    try:
        while True:
            begun.extend((item, function(item)) for item in itertools.islice(source, count - len(begun)))
            if not begun:
                return
            item, work = begun[0]
            for one in work:
                one.result()
            begun.popleft()
            yield item
    finally:
        for _, work in begun:
            for one in work:
                one.cancel()


def read_array(
    path: str,
    color_mode: str,
    size: tuple[int, int] | None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    fast: bool = False,
) -> np.ndarray:
    """The numbers of a picture, (height, width, channels); bytes but for gray in more than 8 bits.

    Args:
        path: of the file.
        color_mode, size, interpolation, keep_aspect_ratio: as in `load_img`.
        fast: whether a JPEG may be decoded at a part of its size, if that is not below `size`.
    """
    with refusing(f"picture ({path})"):
        data, least = read_bytes(path), size if fast and size else None
        is_taken = color_mode == "rgb" and (size is None or interpolation == "nearest")
        if is_taken and (jpeg := decode_jpeg(data.getvalue(), least, size is not None)) is not None:
            if size is None or jpeg.shape[:2] == size:
                return jpeg if size is None else jpeg.copy()
            return nearest_pixels(jpeg, size, box_of(jpeg.shape[:2], size, keep_aspect_ratio))
        picture = opened(data, color_mode, least)
        array = np.asarray(picture if size is None else _resized(picture, size, interpolation, keep_aspect_ratio))
    return array[..., None] if array.ndim == 2 else array


def read_bytes(path: str, owner: str = "pictures") -> io.BytesIO:
    try:
        # Without a buffer of Python's, which costs a third more for files as small as pictures.
        with open(path, "rb", 0) as file:
            return io.BytesIO(file.readall())
    except FileNotFoundError:
        raise MissingFile(message(owner, "there is no such file (any more)", {"path": path})) from None


class Kept:
    """Arrays that were made once, by number.

    Args:
        count: how many there may be.
        sample: one of them, for its shape and type.
        where: `"auto"` for memory where they take at most a quarter of what is free, and 1 GiB; `True` for memory; `False`
            for nowhere; or the path of a file.
        name: who says so.
    """

    def __init__(self, count: int, shape: tuple[int, ...], dtype: DTypeLike, where: bool | str, name: str):
        size = count * math.prod(shape) * np.dtype(dtype).itemsize
        self.rows: np.ndarray | None = None
        self.there = np.zeros(count, bool)
        if where is False or not count:
            return
        if where == "auto":
            limit = min(KEPT_BYTES, free_memory() // KEPT_PART)
            if size > limit:
                say(f"kerata: {name}: {count} pictures would take {_in_mb(size)} of memory, so each epoch reads the files.")
                return
            if size > SAID_BYTES:
                say(f"kerata: {name}: {count} pictures, once read, are kept in memory ({_in_mb(size)}; cache=False: not).")
        # Memory that nobody writes to is not taken.
        if isinstance(where, str) and where != "auto":
            self.rows = rows_of_file(where, np.dtype(dtype), (count, *shape), name)
        else:
            self.rows = np.empty((count, *shape), dtype)

    def get(self, number: int) -> np.ndarray | None:
        """An array, if it is there."""
        return self.rows[number] if self.rows is not None and self.there[number] else None

    def put(self, number: int, array: np.ndarray) -> None:
        """Keeps an array; one of another shape or type is not kept."""
        rows = self.rows
        if rows is not None and array.shape == rows.shape[1:] and array.dtype == rows.dtype:
            rows[number] = array
            self.there[number] = True


def rows_of_file(path: str, dtype: np.dtype[Any], shape: tuple[int, ...], name: str) -> np.ndarray:
    """An array that lies in a new file, which has all of its room: a disk that fills later would end the process."""
    is_new = not os.path.exists(path)
    try:
        rows = np.lib.format.open_memmap(path, "w+", dtype, shape)
        if hasattr(os, "posix_fallocate"):
            with open(path, "rb+") as file:
                os.posix_fallocate(file.fileno(), 0, os.path.getsize(path))
    except OSError as error:
        if is_new:
            Path(path).unlink(missing_ok=True)
        error.add_note(f"{name}: pictures could not be kept in cache={path!r}; cache=False keeps none.")
        raise
    return rows


def _in_mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"


def free_memory() -> int:
    """Bytes of memory that can still be taken."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return KEPT_BYTES * KEPT_PART


class PictureReader:
    """The pictures of some files, by number.

    Args:
        paths: of the files.
        make: the array of a path, which may be the second argument's.
        shape, dtype: of an array.
        cache: where arrays are kept: `"auto"`, `True`, `False` or the path of a file, as `Kept` takes it.
        skips: whether files that cannot be read are left out, with a warning; else they are an error.
        name: who reads.
    """

    def __init__(
        self,
        paths: Sequence[str],
        make: Callable[[str, np.ndarray | None], np.ndarray],
        shape: tuple[int, ...],
        dtype: DTypeLike,
        cache: bool | PathLike,
        skips: bool,
        name: str,
    ):
        if not (isinstance(cache, (bool, str)) or hasattr(cache, "__fspath__")):
            raise ValueError(message(name, '`cache` must be "auto", True, False or a path', {"cache": cache}))
        self.paths, self.make, self.skips, self.name = paths, make, skips, name
        self.kept = Kept(len(paths), shape, dtype, cache if isinstance(cache, bool) else os.fspath(cache), name)
        self.unreadable: dict[str, str] = {}

    def read(self, number: int, out: np.ndarray | None = None) -> np.ndarray | None:
        """The array of a picture; `None` for a file that cannot be read and is left out.

        Args:
            out: where the picture is wanted. It may be there afterwards, or in another array until this thread reads the next.
        """
        if (kept := self.kept.get(number)) is not None:
            return kept
        try:
            made = self.make(self.paths[number], out)
        except (FileError, OSError) as error:
            if not self.skips:
                error.add_note('With bad_files="skip" such files are left out, and counted.')
                raise
            self._leave_out(self.paths[number], error)
            return None
        self.kept.put(number, made)
        return made

    def _leave_out(self, path: str, error: Exception) -> None:
        if path in self.unreadable:
            return
        self.unreadable[path] = str(error)
        count = len(self.unreadable)
        if count <= NAMED or count % 100 == 0:
            text = f"{self.name}: a file that cannot be read is left out, the {count}. so far: {path} ({error})"
            warnings.warn(text, stacklevel=2)


def without_strangers(paths: Sequence[str], owner: str) -> list[bool]:
    """Which files are pictures, by how they begin; a warning names those that are not."""
    began = time.perf_counter()
    found = [is_picture(path) for path in paths[:TRIED]]
    if time.perf_counter() - began < QUICK * TRIED:
        found += [is_picture(path) for path in paths[TRIED:]]
    else:
        # Files that are far away are waited for together. Threads that only hold each other up take twice as long.
        parts = [paths[first : first + TRIED] for first in range(TRIED, len(paths), TRIED)]
        found += itertools.chain(*in_threads(lambda part: [is_picture(path) for path in part], parts))
    strangers = [path for path, one in zip(paths, found, strict=True) if not one]
    if strangers:
        named = ", ".join(strangers[:NAMED]) + (", ..." if len(strangers) > NAMED else "")
        warnings.warn(
            f"{owner}: {len(strangers)} of {len(paths)} files are no pictures, whatever their names say, and are left out: "
            + named,
            stacklevel=3,
        )
    return found


def is_picture(path: str) -> bool:
    """Whether a file begins as a picture does."""
    try:
        # A pipe would be waited for. Thousands of files are opened: Python's own objects would take three times as long.
        number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            if not stat.S_ISREG(os.fstat(number).st_mode):
                return False
            if os.read(number, 16).startswith(BEGINNINGS):
                return True
        finally:
            os.close(number)
        with pillow("pictures").open(path):
            return True
    except OSError:
        return False


def reader_of_files(
    owner: str,
    paths: Sequence[str],
    color_mode: str,
    size: tuple[int, int],
    interpolation: str,
    keep_aspect_ratio: bool,
    decode: str,
    cache: bool | str,
    skips: bool,
) -> PictureReader:
    """A reader of pictures as `load_img` gives them."""
    check_choice(owner, "color_mode", color_mode, tuple(MODES))
    check_choice(owner, "interpolation", interpolation, METHODS)
    check_choice(owner, "decode", decode, ("exact", "fast"))

    def make(path: str, out: np.ndarray | None) -> np.ndarray:
        return read_array(path, color_mode, size, interpolation, keep_aspect_ratio, decode == "fast")

    return PictureReader(paths, make, (*size, CHANNELS[color_mode]), np.uint8, cache, skips, owner)


def files_below(folder: str, endings: tuple[str, ...], follow_links: bool = False) -> Iterable[tuple[str, str]]:
    """(folder, name) of the files with some endings, in the order of their paths."""
    for root, _, names in sorted(os.walk(folder, followlinks=follow_links), key=lambda found: found[0]):
        for name in sorted(names):
            if name.lower().endswith(endings):
                yield root, name
