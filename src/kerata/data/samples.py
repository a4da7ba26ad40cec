"""Data in memory: samples in arrays, alone or in lists and dicts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import jax
import numpy as np

from kerata.base import config
from kerata.base.checks import KindError, message
from kerata.base.types import like_sequence
from kerata.data.border import Border
from kerata.engine.placement import HERE
from kerata.engine.types import AnyArray, HasArray, Tree


class Column(Protocol):
    """A column of a frame of pandas."""

    name: object
    dtype: object

    def to_numpy(self, dtype: object = ..., *, na_value: object = ...) -> np.ndarray: ...


class Frame(Column, Protocol):
    """A frame of pandas, or a column alone."""

    def items(self) -> Iterable[tuple[object, Column]]: ...


class HasBatches(Protocol):
    """Batches by number: a `PyDataset`, a `DataLoader`'s data set."""

    def __getitem__(self, index: int, /) -> object: ...
    def __len__(self) -> int: ...


# What `fit` takes for data: arrays, frames, lists and dicts of these, and what gives batches.
Data: TypeAlias = HasArray | Mapping[str, Any] | Iterable[Any] | HasBatches
# Weights of classes: by number or by name, or such a dict for each output.
ClassWeight: TypeAlias = Mapping[Any, Any]
# For arrays by name (`x`, `y[0]`), whether they held whole numbers of 64 bits, which programs hold in 32.
Wide: TypeAlias = dict[str, bool]


@dataclass(frozen=True)
class Reading:
    """What a model asks of its data beside the numbers.

    Attributes:
        wide: takes whether arrays held whole numbers of 64 bits; `None` where nobody asks.
        uneven: whether the arrays of a batch may differ in length, as a step of a user's own may take them.
        whole: whether such a step gets a tuple of one part, or in prediction of any number, as the data gives it: `"sets"`
            where batches are elements of a data set in the form of `tf.data`, `"all"` wherever they come from.
    """

    wide: Wide | None = None
    uneven: bool = False
    whole: Literal["", "sets", "all"] = ""


@jax.tree_util.register_pytree_node_class
class Uneven:
    """The inputs of a batch whose arrays differ in length: one sample, so that all of it has one row."""

    def __init__(self, x: object):
        self.x = x

    @staticmethod
    def closed(x: object, y: object, sample_weight: object) -> tuple[Any, Any, Any]:
        """A batch as one sample: its arrays with a first axis of size 1."""
        x, y, sample_weight = jax.tree.map(lambda a: np.asarray(a)[None], (x, y, sample_weight))
        return Uneven(x), y, sample_weight

    @staticmethod
    def opened(batch: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        """The batch behind such a sample; any other batch as it is."""
        x, y, sample_weight = batch
        return jax.tree.map(lambda a: a[0], (x.x, y, sample_weight)) if isinstance(x, Uneven) else batch

    def tree_flatten(self) -> tuple[list[Any], None]:
        return [self.x], None

    @classmethod
    def tree_unflatten(cls, _: None, parts: list[Any]) -> "Uneven":
        return cls(parts[0])


@jax.tree_util.register_pytree_node_class
class Whole:
    """A batch in place of its inputs: all that the data gave, as a tuple that a step of a user's own gets."""

    def __init__(self, parts: Iterable[Any]):
        self.parts = tuple(parts)

    @staticmethod
    def inputs(x: Tree) -> Tree:
        """The inputs in it; anything else as it is."""
        return x.parts[0] if isinstance(x, Whole) else x

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        return self.parts, None

    @classmethod
    def tree_unflatten(cls, _: None, parts: Iterable[Any]) -> "Whole":
        return cls(parts)


class Samples:
    """Inputs, targets and weights of n samples, each a tree of NumPy or JAX arrays with n rows.

    Args:
        x, y, sample_weight: trees of arrays; `None` where there is none.
    """

    def __init__(self, x: Data, y: Data | None = None, sample_weight: Data | None = None):
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.size = check_lengths(x=x, y=y, sample_weight=sample_weight)

    @property
    def tree(self) -> tuple[Any, Any, Any]:
        return self.x, self.y, self.sample_weight

    def slice(self, start: int, stop: int) -> "Samples":
        """Rows from `start` to `stop`."""
        return Samples(*jax.tree.map(lambda a: a[start:stop], self.tree))

    @property
    def nbytes(self) -> int:
        return sum(leaf.nbytes for leaf in jax.tree.leaves(self.tree))


def check_lengths(**trees: object) -> int:
    """The common number of rows of all arrays, or a `ValueError` that lists them."""
    rows = [np.shape(leaf)[:1] for leaf in jax.tree.leaves(list(trees.values()))]
    if not rows or not rows[0] or not rows[0][0] or rows.count(rows[0]) < len(rows):
        raise wrong_lengths(trees)
    return rows[0][0]


def wrong_lengths(trees: Mapping[str, object]) -> ValueError:
    """The error for arrays whose numbers of rows differ, or that have none."""
    sizes: dict[str, int] = {}
    for name, tree in trees.items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            if np.ndim(leaf) == 0:
                return KindError(
                    message(
                        "data",
                        f"`{name}` must hold one row a sample",
                        {name: leaf},
                        "Give an array whose first axis counts the samples; one of one sample has a first axis of size 1",
                    )
                )
            sizes[name + jax.tree_util.keystr(path)] = leaf.shape[0]
    if len(set(sizes.values())) > 1:
        fix = "A list is one array for each input; make one array of a list of samples with numpy.stack"
        return ValueError(
            message(
                "data",
                "all arrays must have the same number of samples",
                {"samples": sizes},
                fix if any("[" in name for name in sizes) else "Cut both from the same rows",
            )
        )
    return ValueError(
        message(
            "data",
            "there must be at least one sample",
            {"samples": sizes or None},
            "Look at how the data was selected: it is empty",
        )
    )


def standardize_arrays(tree: object, name: str, wide: Wide | None = None) -> Any:
    """A tree of arrays: frames and lists of numbers as arrays, floats as `floatx()`, 64-bit integers as 32-bit.

    Raises `TypeError` for objects, text where numbers are needed, and ragged lists.

    Args:
        tree: the data.
        name: of the argument, for messages.
        wide: takes for each array, by its name, whether it held whole numbers of 64 bits.
    """
    if tree is None:
        return None
    if isinstance(tree, Border):
        return Border([standardize_array(value, f"{name}[{place}]", wide) for place, value in enumerate(tree.values)])
    if isinstance(tree, dict):
        return {key: standardize_arrays(value, f"{name}[{key!r}]", wide) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)) and tree and not _is_plain(tree):
        return like_sequence(tree, [standardize_arrays(value, f"{name}[{index}]", wide) for index, value in enumerate(tree)])
    return standardize_array(tree, name, wide)


def _is_plain(value: object) -> bool:
    """Whether nested lists hold numbers only, so that they stand for one array."""
    while isinstance(value, (list, tuple)):
        # Nothing may be given for one output, and an array for the next.
        given = [item for item in value if item is not None]
        if not given:
            return not value
        value = given[0]
    return not isinstance(value, dict) and getattr(value, "shape", ()) == ()


def standardize_array(value: Any, name: str, wide: Wide | None = None) -> AnyArray:
    """An array of a type that programs have: see `standardize_arrays`."""
    if hasattr(value, "iloc"):
        value = read_frame(value, name)
    elif hasattr(value, "to_numpy"):
        value = value.to_numpy()
    elif hasattr(value, "toarray"):  # sparse matrices of SciPy
        value = value.toarray()
    elif hasattr(value, "detach"):  # torch tensors
        value = value.detach().cpu().numpy()
    elif hasattr(value, "numpy") and not isinstance(value, (np.ndarray, jax.Array)):
        value = value.numpy()
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            raise ValueError(
                message(
                    "data",
                    f"`{name}` holds masked values, and a model knows no mask of its data's own",
                    {"masked": f"{np.ma.count_masked(value)} of {value.size}"},
                    "Fill them, e.g. array.filled(0), or leave those samples out",
                )
            )
        value = value.data
    if isinstance(value, jax.Array):
        value = HERE.bring(value)
    else:
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise ValueError(
                message(
                    "data",
                    f"`{name}` must be an array, and rows of different lengths are not one",
                    {"error": str(error)},
                    "Pad sequences to one length first",
                )
            ) from None
    kind = value.dtype.kind
    if kind == "O":
        value = _from_objects(value, name)
        kind = value.dtype.kind
    _check_numbers(value, name)
    if wide is not None:
        wide[name] = kind == "i" and value.dtype.itemsize == 8
    if kind == "f" and value.dtype != config.floatx():
        return value.astype(config.floatx())
    if kind in "iu" and value.dtype.itemsize == 8:
        narrow = np.int32 if kind == "i" else np.uint32
        limits = np.iinfo(narrow)
        if value.size and (value.max() > limits.max or value.min() < limits.min):
            return value.astype(config.floatx())
        return value.astype(narrow)
    return value


def _check_numbers(value: AnyArray, name: str) -> None:
    """Refuses text, dates and records."""
    if value.dtype.kind in "US":
        fix = "Turn text into numbers first, e.g. with numpy.unique(values, return_inverse=True) or pandas.get_dummies"
        raise TypeError(message("data", f"`{name}` must hold numbers", {name: value}, fix))
    if value.dtype.kind in "Mm":
        fix = "Take what matters of them, e.g. the month, or days: (dates - dates[0]) / numpy.timedelta64(1, 'D')"
        raise TypeError(message("data", f"`{name}` must hold numbers, not dates", {name: value}, fix))
    if value.dtype.names:
        fix = "Take its fields as columns, e.g. with numpy.lib.recfunctions.structured_to_unstructured"
        raise TypeError(message("data", f"`{name}` must hold numbers, not records", {name: value}, fix))


def read_frame(frame: Frame, name: str) -> np.ndarray:
    """A pandas frame or series as an array of numbers; a `TypeError` that names the columns that hold something else."""
    columns = frame.items() if hasattr(frame, "columns") else [(frame.name, frame)]
    if wrong := {str(label): str(column.dtype) for label, column in columns if not _is_numeric(column)}:
        raise TypeError(
            message(
                "data",
                f"`{name}` must hold numbers in every column",
                wrong,
                "Turn text, categories and dates into numbers first, e.g. with pandas.get_dummies or "
                "column.astype('category').cat.codes, or leave those columns out",
            )
        )
    values = frame.to_numpy()
    return values if values.dtype != object else frame.to_numpy(dtype=config.floatx(), na_value=np.nan)


def _is_numeric(column: Column) -> bool:
    values = column.to_numpy()
    if values.dtype != object:
        return values.dtype.kind in "biufc"
    try:
        column.to_numpy(dtype=config.floatx(), na_value=np.nan)
    except (TypeError, ValueError):
        return False
    return True


def _from_objects(value: np.ndarray, name: str) -> np.ndarray:
    """Frames with mixed columns give arrays of Python numbers; everything else is not numeric."""
    try:
        return value.astype(config.floatx())
    except (TypeError, ValueError):
        example = next((item for item in value.ravel() if not isinstance(item, (int, float))), None)
        raise TypeError(
            message(
                "data",
                f"`{name}` must hold numbers, but it holds Python objects",
                {"dtype": value.dtype, "for example": example},
                "Turn columns of text into numbers first; pad lists to one length",
            )
        ) from None
