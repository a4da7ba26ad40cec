"""Files in a folder with a folder for each class: lists, labels, orders and parts, as Keras makes them of a seed."""

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from kerata.base.checks import KindError, check_choice, message
from kerata.base.display import say
from kerata.base.refusals import MissingFile
from kerata.base.types import PathLike
from kerata.data.elements import ArraySpec
from kerata.data.reading import files_below, in_threads, without_strangers
from kerata.data.shuffling import pair_of, shuffled

LABEL_MODES = ("int", "categorical", "binary", None)
SUBSETS = ("training", "validation", "both", None)
FORMATS = ("tf", "grain")
SEEDS = 10**6
# In an order that is drawn anew for each pass, the buffer has room for as many batches, or elements.
BUFFERED_BATCHES, BUFFERED = 8, 1024


@dataclasses.dataclass
class Listing:
    """Files and their labels.

    Args:
        paths: of the files, in the order in which they are read.
        labels: numbers of classes, int32; `None` where there are none.
        class_names: in the order of their numbers.
    """

    paths: list[str]
    labels: np.ndarray | None
    class_names: list[str] | None

    def rows(self, chosen: slice | np.ndarray) -> "Listing":
        """Some of the files: a slice of their numbers, or their numbers in another order."""
        numbers = np.arange(len(self.paths))[chosen]
        labels = None if self.labels is None else self.labels[numbers]
        return Listing([self.paths[number] for number in numbers], labels, self.class_names)

    def targets(self, mode: str, numbers: np.ndarray) -> np.ndarray:
        """The labels of some files as a model takes them: (files,), (files, classes) or (files, 1)."""
        assert self.labels is not None
        labels = self.labels[numbers]
        if mode == "binary":
            return labels.astype(np.float32)[:, None]
        if mode == "categorical":
            return (labels[:, None] == np.arange(len(self.class_names or ()))).astype(np.float32)
        return labels

    def target_spec(self, mode: str) -> ArraySpec:
        """What the target of a file is."""
        shape = {"int": (), "binary": (1,), "categorical": (len(self.class_names or ()),)}[mode]
        return ArraySpec(shape, np.dtype("int32" if mode == "int" else "float32"))


@dataclasses.dataclass
class Wanted:
    """Which files of a folder are wanted: the arguments that all functions for folders share.

    Args:
        owner: the function.
        kind: what its files are, for messages.
        endings: of their names, in lower case.
        directory, labels, label_mode, class_names, shuffle, seed, validation_split, subset, follow_links, verbose: as of
            `image_dataset_from_directory`.
        looks_at_files: whether files that are no pictures are left out, with a warning.
    """

    owner: str
    kind: str
    endings: tuple[str, ...]
    directory: PathLike
    labels: str | Sequence[int] | np.ndarray | None
    label_mode: str | None
    class_names: Sequence[str] | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool
    looks_at_files: bool = False

    def __post_init__(self) -> None:
        self._check()
        if self.labels is None or self.label_mode is None:
            self.labels = self.label_mode = None
        if self.seed is None:
            self.seed = int(np.random.randint(SEEDS))
        self.directory = os.fspath(self.directory)

    def _check(self) -> None:
        owner, labels, names = self.owner, self.labels, self.class_names
        check_choice(owner, "label_mode", self.label_mode, LABEL_MODES)
        given = not (labels is None or (isinstance(labels, str) and labels == "inferred"))
        if given and not isinstance(labels, (list, tuple, np.ndarray)):
            fix = 'labels="inferred" takes the names of folders, labels=None gives none'
            raise ValueError(message(owner, "`labels` must be a list of whole numbers", {"labels": labels}, fix))
        if names is not None and (given or labels is None):
            raise ValueError(
                message(
                    owner, '`class_names` can only be given with labels="inferred"', {"labels": labels, "class_names": names}
                )
            )
        share, subset = self.validation_split, self.subset
        if share and not 0 < share < 1:
            raise ValueError(message(owner, "`validation_split` must be between 0 and 1", {"validation_split": share}))
        check_choice(owner, "subset", subset, SUBSETS)
        if bool(share) != bool(subset):
            received = {"validation_split": share, "subset": subset}
            raise ValueError(message(owner, "`validation_split` and `subset` must be given together", received))
        if share and self.shuffle and self.seed is None:
            fix = "Give the same `seed` for both subsets, so that they have no file in common"
            raise ValueError(message(owner, "`seed` is needed where shuffled files are split", {"seed": None}, fix))

    def listings(self) -> list[Listing]:
        """The wanted files: one listing, or with `subset="both"` two."""
        found = self._listing()
        if self.label_mode == "binary" and len(found.class_names or ()) != 2:
            received = {"class_names": found.class_names}
            raise ValueError(message(self.owner, 'label_mode="binary" needs two classes', received))
        if self.shuffle:
            # Of the numbers, not of the paths: the draws are the same.
            order = np.arange(len(found.paths))
            np.random.RandomState(self.seed).shuffle(order)
            found = found.rows(order)
        wanted = ("training", "validation") if self.subset == "both" else (self.subset,)
        return [self._part(found, subset) for subset in wanted]

    def _part(self, found: Listing, subset: str | None) -> Listing:
        if subset is None:
            return found
        count = len(found.paths)
        held_out = int((self.validation_split or 0) * count)
        number = held_out if subset == "validation" else count - held_out
        if not number or not held_out:
            received = {"validation_split": self.validation_split, "files": count}
            raise ValueError(message(self.owner, f"there must be a file for {subset}", received))
        if self.verbose:
            say(f"Using {number} files for {subset}.")
        return found.rows(slice(count - held_out, None) if subset == "validation" else slice(0, count - held_out))

    def _listing(self) -> Listing:
        """All files, in the order of the alphabet."""
        inferred = isinstance(self.labels, str)
        names = self._folders() if inferred else [""]
        parts = in_threads(self._files_of, names)
        paths = [path for part in parts for path in part]
        labels: np.ndarray | None = None
        class_names: list[str] | None = None
        if inferred:
            labels, class_names = np.repeat(np.arange(len(names), dtype=np.int32), [len(part) for part in parts]), names
        elif self.labels is not None:
            labels, class_names = self._given_labels(len(paths))
        found = Listing(paths, labels, class_names)
        if self.looks_at_files and not all(good := without_strangers(paths, self.owner)):
            found = found.rows(np.flatnonzero(good))
        if not found.paths:
            received = {"directory": self.directory, "endings": self.endings}
            raise ValueError(message(self.owner, f"there must be {self.kind} in the folder", received))
        if self.verbose:
            say(f"Found {len(found.paths)} files" + (f" belonging to {len(class_names)} classes." if class_names else "."))
        return found

    def _folders(self) -> list[str]:
        """The names of the classes."""
        owner, directory = self.owner, self.directory
        if not os.path.isdir(directory):
            raise MissingFile(message(owner, "there is no such folder", {"directory": directory}))
        there = sorted(one.name for one in os.scandir(directory) if one.is_dir() and not one.name.startswith("."))
        if self.class_names is not None:
            if not set(self.class_names) <= set(there):
                received = {"class_names": self.class_names, "folders": there}
                raise ValueError(message(owner, "`class_names` must be names of folders", received))
            return list(self.class_names)
        if not there:
            raise ValueError(
                message(
                    owner,
                    "the folder must have a folder for each class",
                    {"directory": directory},
                    f"For {self.kind} without classes give labels=None",
                )
            )
        return there

    def _files_of(self, name: str) -> list[str]:
        folder = os.path.join(self.directory, name)
        if not os.path.isdir(folder):
            raise MissingFile(message(self.owner, "there is no such folder", {"directory": folder}))
        return [os.path.join(root, file) for root, file in files_below(folder, self.endings, self.follow_links)]

    def _given_labels(self, count: int) -> tuple[np.ndarray, list[str]]:
        labels = np.asarray(self.labels)
        if labels.dtype.kind not in "iub":
            raise KindError(message(self.owner, "`labels` must be whole numbers", {"labels": self.labels}))
        if labels.shape != (count,):
            received = {"labels": labels.shape, "files": count}
            raise ValueError(message(self.owner, "`labels` must have one label for each file", received))
        names = np.unique(labels)
        if self.label_mode != "int" and (labels.min() < 0 or labels.max() >= len(names)):
            expected = f"`labels` of {len(names)} classes must be below {len(names)} for label_mode={self.label_mode!r}"
            raise ValueError(message(self.owner, expected, {"labels": names.tolist()}))
        return labels.astype(np.int32), [str(label) for label in names]


def buffer_of(batch_size: int | None) -> int:
    """The room of the buffer that orders are drawn from."""
    return BUFFERED if batch_size is None else batch_size * BUFFERED_BATCHES


def order_of(count: int, seed: int | None, buffer: int, is_fixed: bool, passes: Iterator[int]) -> Iterable[int]:
    """The numbers of files in the order of the next pass.

    Args:
        count: how many files there are.
        seed: of the orders; `None` for the order of the files.
        buffer: the room of the buffer that they are drawn from.
        is_fixed: whether all passes have one order, drawn over all files.
        passes: counts the passes.
    """
    if seed is None:
        return range(count)
    if is_fixed:
        return np.random.RandomState(seed).permutation(count).tolist()
    return shuffled(range(count), buffer, pair_of(seed), next(passes))
