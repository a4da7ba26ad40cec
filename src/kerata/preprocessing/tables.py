"""Batches of the pictures that a table of pandas names."""

import os
import warnings
from typing import Any

import numpy as np

from kerata.base.checks import KindError, check_choice, message
from kerata.base.config import floatx
from kerata.base.display import say
from kerata.engine.types import HostArray
from kerata.preprocessing.iterators import BatchFromFilesMixin

WITHOUT_CLASSES = ("input", "multi_output", "raw", None)


class DataFrameIterator(BatchFromFilesMixin):
    """Batches of the pictures that a column of a table names.

    Args:
        dataframe: of pandas.
        directory: the folder that the names are in; `None` where they are paths.
        image_data_generator: what changes the pictures, or `None`.
        x_col: the column with the names.
        y_col: the column with the targets, or a list of columns.
        weight_col: the column with weights, or `None`.
        target_size, color_mode, batch_size, shuffle, seed, data_format, save_to_dir, save_prefix, save_format, interpolation,
            keep_aspect_ratio, dtype, cache, decode, bad_files: as of `DirectoryIterator`.
        classes: names of classes, in the order of their numbers; all by default, in the alphabet's.
        class_mode: `"categorical"` (names, or lists of names), `"binary"`, `"sparse"`, `"raw"` (the columns as they are),
            `"multi_output"` (a target for each column), `"input"` or `None`.
        subset: `"training"` or `"validation"`: the first `validation_split` of the rows are for validation.
        validate_filenames: whether rows without a file are left out.
    """

    allowed_class_modes = frozenset({"binary", "categorical", "input", "multi_output", "raw", "sparse", None})

    def __init__(
        self,
        dataframe,
        directory=None,
        image_data_generator=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format="channels_last",
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        dtype="float32",
        validate_filenames=True,
        cache="auto",
        decode="exact",
        bad_files=None,
        **kwargs,
    ):
        saving, resizing = (save_to_dir, save_prefix, save_format), (interpolation, keep_aspect_ratio)
        self.set_processing_attrs(image_data_generator, target_size, color_mode, data_format, *saving, subset, *resizing)
        self.directory, self.dtype = os.fspath(directory or ""), dtype or floatx()
        self.class_mode = check_choice("DataFrameIterator", "class_mode", class_mode, tuple(self.allowed_class_modes))
        table = dataframe.copy()
        self._check_params(table, x_col, y_col, weight_col, classes)
        if validate_filenames:
            table = self._filter_valid_filepaths(table, x_col)
        if class_mode not in WITHOUT_CLASSES:
            table, names = filter_classes(table, y_col, classes)
            self.class_indices = {name: number for number, name in enumerate(names)}
        if self.split:
            table = table.iloc[int(self.split[0] * len(table)) : int(self.split[1] * len(table)), :]
        if class_mode not in WITHOUT_CLASSES:
            self.classes = [self._number_of(label) for label in table[y_col]]
        self.filenames = table[x_col].tolist()
        self._sample_weight = table[weight_col].values if weight_col else None
        if class_mode == "multi_output":
            self._targets = [np.array(table[column].tolist()) for column in y_col]
        elif class_mode == "raw":
            self._targets = table[y_col].values
        self.samples = len(self.filenames)
        kind = "validated" if validate_filenames else "non-validated"
        ending = "" if class_mode in WITHOUT_CLASSES else f" belonging to {len(self.class_indices)} classes"
        say(f"Found {self.samples} {kind} image filenames{ending}.")
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        self._set_reader(shuffle, cache, decode, bad_files)
        super().__init__(self.samples, batch_size, shuffle, seed, **kwargs)

    def _check_params(self, table, x_col, y_col, weight_col, classes) -> None:
        mode = self.class_mode
        if mode == "multi_output" and not isinstance(y_col, list):
            raise KindError(message("DataFrameIterator", '`y_col` must be a list for "multi_output"', {"y_col": y_col}))
        kinds = {"binary": (str,), "sparse": (str,), "categorical": (str, list, tuple)}.get(str(mode))
        # A tuple is a name of a table with several levels of names.
        several = np.ndim(y_col) == 1 and not isinstance(y_col, tuple)
        if kinds and several:
            expected = f"`y_col` must be one column for class_mode={mode!r}"
            fix = "Several columns of numbers are class_mode='raw' or 'multi_output'"
            raise KindError(message("DataFrameIterator", expected, {"y_col": y_col}, fix))
        targets = [] if mode in ("input", None) else list(y_col) if several else [y_col]
        for name, column in (("x_col", x_col), *(("y_col", one) for one in targets), ("weight_col", weight_col)):
            if column is not None or name == "y_col":
                check_choice("DataFrameIterator", name, column, table.columns)
        for column, allowed in ((x_col, (str,)), (y_col, kinds)):
            if allowed and not all(isinstance(value, allowed) for value in table[column]):
                said = " or ".join(kind.__name__ for kind in allowed)
                expected = f"the values of column {column!r} must be of type {said} for class_mode={mode!r}"
                raise KindError(message("DataFrameIterator", expected, {"column": list(table[column])[:5]}))
        if mode == "binary":
            names = set(classes or table[y_col])
            if len(names) != 2:
                raise ValueError(message("DataFrameIterator", '"binary" needs two classes', {"classes": sorted(names)}))
        if classes and mode in WITHOUT_CLASSES:
            warnings.warn(f"DataFrameIterator: `classes` has no use with class_mode={mode!r}.", stacklevel=4)
        if weight_col and not np.issubdtype(table[weight_col].dtype.type, np.number):
            raise KindError(message("DataFrameIterator", "weights must be numbers", {"weight_col": weight_col}))

    def _filter_valid_filepaths(self, table, x_col) -> Any:
        """The rows whose file is there."""
        paths = [os.path.join(self.directory, name) for name in table[x_col]]
        good = np.array([p.lower().endswith(self.white_list_formats) and os.path.isfile(p) for p in paths], bool)
        if not good.all():
            named = [path for path, one in zip(paths, good, strict=True) if not one][:5]
            text = f"DataFrameIterator: {int((~good).sum())} rows without a picture are left out: {', '.join(named)}."
            warnings.warn(text, stacklevel=4)
        return table[good]

    def _number_of(self, label) -> int | list[int]:
        return [self.class_indices[one] for one in label] if isinstance(label, (list, tuple)) else self.class_indices[label]

    @property
    def labels(self) -> HostArray | list[Any]:
        """The targets: numbers of classes, or columns of the table."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes


def filter_classes(table, y_col, classes) -> tuple[Any, list[str]]:
    """(the rows of some classes, the classes): all, in the order of the alphabet, where none are given."""
    if not classes:
        found: set[str] = set()
        for label in table[y_col]:
            found.update(label if isinstance(label, (list, tuple)) else [label])
        return table, sorted(found)
    names = list(dict.fromkeys(classes))

    def kept(label) -> object:
        if isinstance(label, (list, tuple)):
            return [one for one in label if one in names] or None
        return label if label in names else None

    table = table.copy()
    table[y_col] = [kept(label) for label in table[y_col]]
    return table.dropna(subset=[y_col]), names
