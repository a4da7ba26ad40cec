"""`tf.data.Dataset`: elements that come one after the other, made anew in each pass.

What data sets do stands in `kerata.data.datasets`; here are the sources of `tf.data`, and elements that are shown as tensors.
"""

import builtins
import glob as globbing
import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import GeneratorType
from typing import Any, SupportsInt

import numpy as np

from kerata.data import datasets
from kerata.data.datasets import INFINITE, UNKNOWN
from kerata.data.elements import arrange, as_row, leaves, map_leaves
from kerata.data.shuffling import choices, draws_of, pair_of
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.elements import (
    RaggedTensorSpec,
    TensorSpec,
    as_columns,
    as_element,
    as_tensors,
    fit_to_spec,
    listed,
    spec_of,
)
from kerata.legacy.tensorflow.errors import InvalidArgumentError, OpError, OutOfRangeError
from kerata.legacy.tensorflow.strings import Ragged, Texts
from kerata.legacy.tensorflow.tape import needs_python
from kerata.legacy.tensorflow.tensor import Tensor, plain
from kerata.legacy.tensorflow.tracing import Traced
from kerata.legacy.tensorflow.types import as_dtype, int64

AUTOTUNE = -1
Options = datasets.Options


class Dataset(datasets.Dataset):
    """Elements one after the other, which programs see as tensors.

    Args:
        start: gives an iterator over structures of arrays.
        size: how many; `INFINITE`, or `UNKNOWN`.
        spec: what the elements are, where that is not read off the first one.
    """

    refusal = InvalidArgumentError
    begins_as_then = True

    @staticmethod
    def showing(data: datasets.Dataset) -> "Dataset":
        """A data set whose elements are shown as tensors."""
        made = Dataset(data._start, data._size)
        made._rows = data._rows
        made._describe = lambda: map_leaves(lambda one: TensorSpec(one.shape, one.dtype), data.element_spec)
        for name in ("class_names", "file_paths"):
            if hasattr(data, name):
                setattr(made, name, getattr(data, name))
        return made

    def _given(self, element: object) -> object:
        return as_tensors(element)

    def _taken(self, value: object) -> object:
        return as_element(value)

    def _function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return Traced(function)

    def map(self, map_func: Callable[..., Any], *args: object, **kwargs: object) -> "Dataset":
        """A function of each element; a list that it gives is a tuple, as in TensorFlow."""

        def function(*parts: object) -> object:
            found = map_func(*parts)
            return tuple(found) if isinstance(found, list) else found

        return super().map(function, *args, **kwargs)  # type: ignore[arg-type]

    def _spec_of(self, element: object) -> object:
        return spec_of(element)

    def _pad(self, group: list[Any], shapes: object, values: object) -> object:
        return super()._pad(group, plain(shapes), plain(values))

    def __iter__(self) -> Iterator[Any]:
        needs_python("it reads data")
        return DatasetIterator(self._start(), self._given)

    def batch(self, batch_size: SupportsInt, drop_remainder: bool = False, *args: object, **kwargs: object) -> "Dataset":
        """Elements in groups, stacked; rows of a ragged tensor become one again."""
        is_uneven = self._spec is not None and any(isinstance(one, RaggedTensorSpec) for one in leaves(self._spec))
        if not is_uneven:
            return super().batch(batch_size, drop_remainder, *args, **kwargs)  # type: ignore[arg-type]
        return self.ragged_batch(batch_size, drop_remainder)

    def ragged_batch(
        self, batch_size: SupportsInt, drop_remainder: bool = False, row_splits_dtype: object = int64, name: str | None = None
    ) -> "Dataset":
        """Elements in groups: numbers stacked, what has axes as the rows of a ragged tensor."""
        count = int(batch_size)

        def join(spec: TensorSpec, *parts: np.ndarray) -> object:
            rows = [part if hasattr(part, "is_ragged") else Tensor(part) for part in parts]
            return Ragged(rows) if isinstance(spec, RaggedTensorSpec) else np.stack(parts)

        def rowed(one: TensorSpec) -> TensorSpec:
            return RaggedTensorSpec((None, *one.shape[1:]), one.dtype, 0) if one.shape.rank else one

        spec = map_leaves(rowed, self.element_spec)

        def start() -> Iterator[Any]:
            return (map_leaves(join, spec, *group) for group in datasets.groups(self._start(), count, drop_remainder))

        made = Dataset(start, datasets.batches(self._size, count, drop_remainder))
        size = count if drop_remainder else None
        made._describe = lambda: map_leaves(lambda one: one.batched(size), spec)
        return made

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> "Dataset":
        """The elements that can be made: those are left out at which an operation raises an error of `tf.errors`."""

        def start() -> Iterator[Any]:
            source = self._start()
            while True:
                try:
                    element = next(source)
                except StopIteration:
                    return
                except OpError as error:
                    if not goes_on(source):
                        error.add_note("ignore_errors() goes on after errors of map() and of tables: set it right behind them.")
                        raise
                    if log_warning:
                        warnings.warn(f"ignore_errors: an element is left out: {error}", stacklevel=2)
                    continue
                yield element

        return self._of_such(start, UNKNOWN if self._size != INFINITE else INFINITE)

    def rebatch(self, batch_size: SupportsInt, drop_remainder: bool = False, name: object = None) -> "Dataset":
        """The same elements in batches of another size."""
        return self.unbatch().batch(batch_size, drop_remainder)

    def unique(self, name: str | None = None) -> "Dataset":
        """The elements that were not there before; they must be single numbers or texts."""

        def start() -> Iterator[Any]:
            seen: set[Any] = set()
            for element in self._start():
                value = np.asarray(element)[()]
                if value not in seen:
                    seen.add(value)
                    yield element

        return self._of_such(start, UNKNOWN)

    def group_by_window(
        self,
        key_func: Callable[..., Any],
        reduce_func: Callable[..., Any],
        window_size: int | None = None,
        window_size_func: Callable[..., Any] | None = None,
        name: str | None = None,
    ) -> "Dataset":
        """What a function (key, data set) makes of so many elements of one key at a time.

        Args:
            key_func: gives the whole number of an element.
            reduce_func: gives the data set that takes the place of some elements.
            window_size, window_size_func: how many these are, or a function of the key that says it.
        """

        def start() -> Iterator[Any]:
            groups: dict[int, list[Any]] = {}
            for element in self._start():
                key = int(key_func(*self._spread(element)))
                size = int(window_size_func(convert(key, int64))) if window_size_func is not None else int(window_size or 1)
                groups.setdefault(key, []).append(element)
                if len(groups[key]) == size:
                    yield from made(key, groups.pop(key))
            for key, group in groups.items():
                yield from made(key, group)

        def made(key: int, group: list[Any]) -> Iterator[Any]:
            return reduce_func(convert(key, int64), Dataset(lambda: iter(group), len(group)))._start()

        return Dataset(start, UNKNOWN)

    # Sources

    @staticmethod
    def counter(start: int = 0, step: int = 1, dtype: object = int64, name: str | None = None) -> "Dataset":
        """start, start + step, ... without end."""
        kind = as_dtype(dtype).dtype
        return Dataset(lambda: (np.asarray(n, kind) for n in itertools.count(int(start), int(step))), INFINITE)

    @staticmethod
    def random(seed: int | None = None, *args: object, **kwargs: object) -> "Dataset":
        """Whole numbers below 2^32 without end, drawn at random; with a seed, the same in each pass."""

        fixed = pair_of(seed)

        def start() -> Iterator[Any]:
            return (np.asarray(number, np.int64) for number in draws_of(fixed, None))

        return Dataset(start, INFINITE, TensorSpec((), int64))

    @staticmethod
    def from_tensor_slices(tensors: object, name: str | None = None) -> "Dataset":
        """An element for each row of some arrays."""
        columns = as_columns(tensors)
        found = leaves(columns)
        if any(not hasattr(one, "is_ragged") and not np.ndim(one) for one in found):
            raise ValueError("Unbatching a tensor is only supported for rank >= 1")
        sizes = {len(one) for one in found}
        if len(sizes) > 1:
            raise ValueError(f"Dimensions {min(sizes)} and {max(sizes)} are not compatible")
        size = sizes.pop()

        def start() -> Iterator[Any]:
            for row in builtins.range(size):
                yield map_leaves(
                    lambda one, row=row: as_element(one[row]) if isinstance(one, Ragged) else as_row(one, row), columns
                )

        def described(one: np.ndarray) -> TensorSpec:
            rows = one.shape[1:]
            return (
                RaggedTensorSpec(rows, one.dtype, len(rows) - 1) if hasattr(one, "is_ragged") else TensorSpec(rows, one.dtype)
            )

        spec = map_leaves(described, columns)
        return Dataset(start, size, spec)

    @staticmethod
    def from_tensors(tensors: object, name: str | None = None) -> "Dataset":
        """One element."""
        element = as_columns(tensors)
        return Dataset(lambda: iter([element]), 1, spec_of(element))

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: object = None,
        output_shapes: object = None,
        args: Iterable[object] | None = None,
        output_signature: object = None,
        name: str | None = None,
    ) -> "Dataset":
        """The elements of a generator, which is begun anew in each pass."""
        if not callable(generator):
            raise TypeError("`generator` must be a Python callable.")
        if output_signature is None and output_types is None:
            raise TypeError("Either output_signature or output_types must be specified")
        spec = output_signature
        if spec is None:
            shapes = (
                map_leaves(lambda one: None, listed(output_types)) if output_shapes is None else listed(output_shapes, True)
            )
            spec = map_leaves(lambda kind, shape: TensorSpec(shape, kind), listed(output_types), shapes)
        spec = tuple(spec) if isinstance(spec, list) else spec

        def start() -> Iterator[Any]:
            for value in generator(*(args or ())):
                value = tuple(value) if isinstance(spec, tuple) and isinstance(value, list) else value
                yield map_leaves(fit_to_spec, spec, value)

        return Dataset(start, UNKNOWN, spec)

    @staticmethod
    def range(*args: SupportsInt, **kwargs: object) -> "Dataset":
        """Whole numbers, as Python's `range` gives them."""
        kind = as_dtype(kwargs.get("output_type") or int64).dtype
        numbers = builtins.range(*[int(one) for one in args])
        return Dataset(lambda: (np.asarray(n, kind) for n in numbers), len(numbers), TensorSpec((), kind))

    @staticmethod
    def list_files(
        file_pattern: Texts, shuffle: bool | None = None, seed: int | None = None, name: str | None = None
    ) -> "Dataset":
        """The paths that match a pattern, or several; in another order in each pass, unless `shuffle=False`."""
        patterns = convert(file_pattern).numpy()
        patterns = [patterns] if isinstance(patterns, bytes) else list(np.ravel(patterns))
        found = sorted(path for pattern in patterns for path in globbing.glob(pattern.decode()))
        if not found:
            raise InvalidArgumentError(f"No files matched pattern: {', '.join(one.decode() for one in patterns)}")
        made = Dataset.from_tensor_slices(found)
        return made if shuffle is False else made.shuffle(len(found), seed)

    @staticmethod
    def zip(*args: object, datasets: object = None, name: str | None = None) -> "Dataset":
        """Tuples of the elements of several data sets, as long as the shortest."""
        tree = datasets if datasets is not None else args[0] if len(args) == 1 else args
        tree = tuple(tree) if isinstance(tree, list) else tree
        parts = leaves(tree)
        known = [part._size for part in parts if part._size != INFINITE]
        size = INFINITE if not known else UNKNOWN if UNKNOWN in known else min(known)

        def start() -> Iterator[Any]:
            return (arrange(tree, row) for row in builtins.zip(*[part._start() for part in parts], strict=False))

        made = Dataset(start, size)
        made._describe = lambda: map_leaves(lambda part: part.element_spec, tree)
        return made

    @staticmethod
    def choose_from_datasets(
        datasets: Sequence["Dataset"], choice_dataset: "Dataset", stop_on_empty_dataset: bool = True
    ) -> "Dataset":
        """Elements of several data sets, in the order that another one says."""

        def given(running: list[Iterator[Any]], numbers: Iterator[Any]) -> Iterator[Any]:
            for number in numbers:
                try:
                    yield next(running[int(number)])
                except StopIteration:
                    if stop_on_empty_dataset:
                        return

        return Dataset(lambda: given([one._start() for one in datasets], choice_dataset._start()))

    @staticmethod
    def sample_from_datasets(
        datasets: Sequence["Dataset"], weights: object = None, seed: int | None = None, stop_on_empty_dataset: bool = False
    ) -> "Dataset":
        """Elements of several data sets, drawn at random; with a seed in the order of TensorFlow."""
        shares = [1.0] * len(datasets) if weights is None else [float(one) for one in np.ravel(plain(weights))]
        if len(shares) != len(datasets):
            raise ValueError(f"`weights` should have the same length as `datasets`: {len(shares)} and {len(datasets)}")
        fixed = pair_of(seed)
        kept = [(one, share) for one, share in builtins.zip(datasets, shares, strict=True) if share > 0]

        def given(running: list[Iterator[Any]]) -> Iterator[Any]:
            left = set(range(len(running)))
            drawn = choices(fixed, [share for _, share in kept])
            while left:
                number = next(drawn)
                try:
                    yield next(running[number])
                except StopIteration:
                    if stop_on_empty_dataset:
                        return
                    left.discard(number)

        return Dataset(lambda: given([one._start() for one, _ in kept]))


def goes_on(source: object) -> bool:
    """Whether an iterator that has raised an error gives all further elements: it was raised by the function of an `Each`."""
    if not isinstance(source, datasets.Each):
        return False
    while isinstance(source, datasets.Each):
        source = source.source
    # Other iterators may have ended, and would not say so.
    return isinstance(source, GeneratorType) and source.gi_frame is not None


class DatasetIterator(datasets.DatasetIterator):
    """An iterator over the elements, as tensors."""

    def __next__(self) -> object:
        needs_python("it reads data")
        return super().__next__()

    next = __next__

    def get_next(self) -> object:
        """The next element."""
        try:
            return next(self)
        except StopIteration:
            raise OutOfRangeError("End of sequence") from None

    def get_next_as_optional(self) -> "Optional":
        """The next element, if there is one."""
        return Optional(list(itertools.islice(self, 1)))


class Optional:
    """`tf.experimental.Optional`: an element, or none.

    Args:
        held: a list of the element, or of nothing.
    """

    def __init__(self, held: list[object]):
        self._held = held

    def has_value(self, name: str | None = None) -> Tensor:
        return Tensor(np.array(bool(self._held)))

    def get_value(self, name: str | None = None) -> object:
        if not self._held:
            raise InvalidArgumentError("Tried to get a value from an empty optional.")
        return self._held[0]


def of_specs(name: str) -> Callable[[Dataset], object]:
    """`tf.compat.v1.data.get_output_shapes` and its kin."""
    return lambda dataset_or_iterator: map_leaves(lambda spec: getattr(spec, name), dataset_or_iterator.element_spec)


SPECS = {"get_output_shapes": of_specs("shape"), "get_output_types": of_specs("dtype")}
