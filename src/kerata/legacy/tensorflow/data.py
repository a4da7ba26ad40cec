"""`tf.data.Dataset`: elements that come one after the other, made anew in each pass.

An element is a structure of NumPy's arrays. The function of a `map` gets tensors.
"""

import builtins
import glob as globbing
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.engine.random import host_stream
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.elements import (
    TensorSpec,
    arrange,
    as_columns,
    as_element,
    as_row,
    as_tensors,
    batches,
    fit_to_spec,
    groups,
    leaves,
    listed,
    map_leaves,
    pad,
    spec_of,
    spread,
    stack,
)
from kerata.legacy.tensorflow.errors import InvalidArgumentError, OutOfRangeError
from kerata.legacy.tensorflow.tensor import Tensor, plain
from kerata.legacy.tensorflow.tracing import Traced
from kerata.legacy.tensorflow.types import as_dtype, int64

AUTOTUNE = -1
INFINITE, UNKNOWN = -1, -2


class Dataset:
    """Elements one after the other.

    Args:
        start: gives an iterator over structures of arrays.
        size: how many; `INFINITE`, or `UNKNOWN`.
        spec: what the elements are, where that is not read off the first one.
    """

    def __init__(self, start: Callable[[], Iterator[Any]], size: int = UNKNOWN, spec: Any = None):
        self._start, self._size, self._spec = start, size, spec
        self._describe: Callable[[], Any] | None = None

    # Sources

    @staticmethod
    def from_tensor_slices(tensors: Any, name: Any = None) -> "Dataset":
        """An element for each row of some arrays."""
        columns = as_columns(tensors)
        found = leaves(columns)
        if any(not np.ndim(one) and not hasattr(one, "is_ragged") for one in found):
            raise ValueError("Unbatching a tensor is only supported for rank >= 1")
        sizes = {len(one) for one in found}
        if len(sizes) > 1:
            raise ValueError(f"Dimensions {min(sizes)} and {max(sizes)} are not compatible")
        size = sizes.pop()

        def start() -> Iterator[Any]:
            for row in builtins.range(size):
                yield map_leaves(lambda one, row=row: as_row(one, row), columns)

        spec = map_leaves(lambda one: TensorSpec(one.shape[1:], one.dtype), columns)
        return Dataset(start, size, spec)

    @staticmethod
    def from_tensors(tensors: Any, name: Any = None) -> "Dataset":
        """One element."""
        element = as_columns(tensors)
        return Dataset(lambda: iter([element]), 1, spec_of(element))

    @staticmethod
    def from_generator(
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: Any = None,
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
    def range(*args: Any, **kwargs: Any) -> "Dataset":
        """Whole numbers, as Python's `range` gives them."""
        kind = as_dtype(kwargs.get("output_type") or int64).dtype
        numbers = builtins.range(*[int(one) for one in args])
        return Dataset(lambda: (np.asarray(n, kind) for n in numbers), len(numbers), TensorSpec((), kind))

    @staticmethod
    def list_files(file_pattern: Any, shuffle: Any = None, seed: Any = None, name: Any = None) -> "Dataset":
        """The paths that match a pattern, or several; in another order in each pass, unless `shuffle=False`."""
        patterns = convert(file_pattern).numpy()
        patterns = [patterns] if isinstance(patterns, bytes) else list(np.ravel(patterns))
        found = sorted(path for pattern in patterns for path in globbing.glob(pattern.decode()))
        if not found:
            raise InvalidArgumentError(f"No files matched pattern: {', '.join(one.decode() for one in patterns)}")
        made = Dataset.from_tensor_slices(found)
        return made if shuffle is False else made.shuffle(len(found), seed)

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: Any = None) -> "Dataset":
        """Tuples of the elements of several data sets, as long as the shortest."""
        tree = datasets if datasets is not None else args[0] if len(args) == 1 else args
        tree = tuple(tree) if isinstance(tree, list) else tree
        parts = leaves(tree)
        known = [part._size for part in parts if part._size != INFINITE]
        size = INFINITE if not known else UNKNOWN if UNKNOWN in known else min(known)

        def start() -> Iterator[Any]:
            for row in builtins.zip(*[part._start() for part in parts], strict=False):
                yield arrange(tree, row)

        return Dataset(start, size)

    @staticmethod
    def choose_from_datasets(datasets: Any, choice_dataset: Any, stop_on_empty_dataset: bool = True) -> "Dataset":
        """Elements of several data sets, in the order that another one says."""

        def start() -> Iterator[Any]:
            running = [one._start() for one in datasets]
            for number in choice_dataset._start():
                try:
                    yield next(running[int(number)])
                except StopIteration:
                    if stop_on_empty_dataset:
                        return

        return Dataset(start)

    @staticmethod
    def sample_from_datasets(
        datasets: Any, weights: Any = None, seed: Any = None, stop_on_empty_dataset: bool = False
    ) -> "Dataset":
        """Elements of several data sets, drawn at random."""
        shares = np.ones(len(datasets)) if weights is None else np.asarray(plain(weights), float)

        def start() -> Iterator[Any]:
            running, alive = [one._start() for one in datasets], shares / shares.sum()
            stream = np.random.default_rng(seed if seed is not None else int(host_stream().integers(2**31)))
            while alive.sum() > 0:
                number = int(stream.choice(len(running), p=alive / alive.sum()))
                try:
                    yield next(running[number])
                except StopIteration:
                    if stop_on_empty_dataset:
                        return
                    alive[number] = 0

        return Dataset(start)

    # Element by element

    def map(
        self, map_func: Callable[..., Any], num_parallel_calls: Any = None, deterministic: Any = None, name: Any = None
    ) -> "Dataset":
        """A function of each element."""
        traced = Traced(map_func)

        def start() -> Iterator[Any]:
            for element in self._start():
                yield as_element(traced(*spread(element)))

        return Dataset(start, self._size)

    def filter(self, predicate: Callable[..., Any], name: Any = None) -> "Dataset":
        """The elements of which a function holds."""
        traced = Traced(predicate)

        def start() -> Iterator[Any]:
            return (element for element in self._start() if bool(traced(*spread(element))))

        return Dataset(start, UNKNOWN if self._size != INFINITE else INFINITE, self._spec)

    def flat_map(self, map_func: Callable[..., Any], name: Any = None) -> "Dataset":
        """The elements of the data sets that a function gives, one data set after the other."""

        def start() -> Iterator[Any]:
            for element in self._start():
                yield from as_dataset(map_func(*spread(element)))._start()

        return Dataset(start, UNKNOWN)

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: Any = None,
        block_length: Any = None,
        num_parallel_calls: Any = None,
        deterministic: Any = None,
        name: Any = None,
    ) -> "Dataset":
        """The elements of the data sets that a function gives, in turns."""
        cycle, block = (cycle_length if cycle_length and cycle_length > 0 else 8), block_length or 1

        def start() -> Iterator[Any]:
            source = self._start()
            running: deque = deque()
            for element in itertools.islice(source, cycle):
                running.append(as_dataset(map_func(*spread(element)))._start())
            while running:
                one = running.popleft()
                given = list(itertools.islice(one, block))
                yield from given
                if len(given) == block:
                    running.append(one)
                else:
                    for element in itertools.islice(source, 1):
                        running.append(as_dataset(map_func(*spread(element)))._start())

        return Dataset(start, UNKNOWN)

    def enumerate(self, start: int = 0, name: Any = None) -> "Dataset":
        """(number, element)."""
        first = int(start)
        return Dataset(
            lambda: ((np.asarray(n, np.int64), one) for n, one in builtins.enumerate(self._start(), first)), self._size
        )

    def scan(self, initial_state: Any, scan_func: Callable[..., Any], name: Any = None) -> "Dataset":
        """What a function (state, element) -> (state, output) gives."""

        def start() -> Iterator[Any]:
            state = as_element(initial_state)
            for element in self._start():
                state, output = scan_func(as_tensors(state), as_tensors(element))
                state = as_element(state)
                yield as_element(output)

        return Dataset(start, self._size)

    def take_while(self, predicate: Callable[..., Any], name: Any = None) -> "Dataset":
        """The elements before the first of which a function does not hold."""
        return Dataset(
            lambda: itertools.takewhile(lambda one: bool(predicate(*spread(one))), self._start()), UNKNOWN, self._spec
        )

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any], name: Any = None) -> Any:
        """The last state of (state, element) -> state."""
        state = as_tensors(as_element(initial_state))
        for element in self._start():
            state = as_tensors(as_element(reduce_func(state, as_tensors(element))))
        return state

    def apply(self, transformation_func: Callable[["Dataset"], Any]) -> Any:
        """A function of the data set."""
        return transformation_func(self)

    # Batches

    def batch(
        self,
        batch_size: Any,
        drop_remainder: bool = False,
        num_parallel_calls: Any = None,
        deterministic: Any = None,
        name: Any = None,
    ) -> "Dataset":
        """Elements in groups, stacked."""
        count, size = int(batch_size), batches(self._size, int(batch_size), drop_remainder)
        made = Dataset(lambda: (stack(group) for group in groups(self._start(), count, drop_remainder)), size)
        made._describe = lambda: map_leaves(lambda one: one.batched(count if drop_remainder else None), self.element_spec)
        return made

    def padded_batch(
        self,
        batch_size: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: Any = None,
    ) -> "Dataset":
        """Elements in groups, filled up to the longest of each, or to given shapes, and stacked."""
        count = int(batch_size)

        def start() -> Iterator[Any]:
            for group in groups(self._start(), count, drop_remainder):
                yield pad(group, padded_shapes, padding_values)

        return Dataset(start, batches(self._size, count, drop_remainder))

    def ragged_batch(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(message("Dataset.ragged_batch", "there are no ragged tensors", None, "Use padded_batch"))

    def unbatch(self, name: Any = None) -> "Dataset":
        """An element for each row of the elements."""

        def start() -> Iterator[Any]:
            for element in self._start():
                for row in builtins.range(len(leaves(element)[0])):
                    yield map_leaves(lambda one, row=row: as_row(one, row), element)

        return Dataset(start, UNKNOWN if self._size != INFINITE else INFINITE)

    def window(
        self, size: Any, shift: Any = None, stride: Any = 1, drop_remainder: bool = False, name: Any = None
    ) -> "Dataset":
        """Data sets of elements that follow each other, one every `shift` elements."""
        size, stride = int(size), int(stride)
        shift = size if shift is None else int(shift)
        span = (size - 1) * stride + 1

        def start() -> Iterator[Any]:
            held: list[Any] = []
            source, skip = self._start(), 0
            for element in source:
                if skip:
                    skip -= 1
                    continue
                held.append(element)
                if len(held) == span:
                    yield nested(held[::stride])
                    skip = max(shift - span, 0)
                    held = held[shift:]
            while held and not drop_remainder:
                yield nested(held[::stride])
                held = held[shift:]

        return Dataset(start, UNKNOWN)

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Any,
        bucket_batch_sizes: Any,
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: Any = None,
    ) -> "Dataset":
        """Batches of elements of about one length."""

        def start() -> Iterator[Any]:
            held: list[list[Any]] = [[] for _ in bucket_batch_sizes]
            for element in self._start():
                place = int(np.searchsorted(bucket_boundaries, int(element_length_func(*spread(element))), side="right"))
                held[place].append(element)
                if len(held[place]) == bucket_batch_sizes[place]:
                    yield pad(held[place], padded_shapes, padding_values)
                    held[place] = []
            for group in held:
                if group and not drop_remainder:
                    yield pad(group, padded_shapes, padding_values)

        return Dataset(start, UNKNOWN)

    # The whole

    def shuffle(self, buffer_size: Any, seed: Any = None, reshuffle_each_iteration: Any = None, name: Any = None) -> "Dataset":
        """Elements in a random order: each is drawn from as many as the buffer holds."""
        count = max(int(buffer_size), 1)
        fixed = [int(host_stream().integers(2**31)) if seed is None else int(seed)]
        passes = itertools.count()

        def start() -> Iterator[Any]:
            number = next(passes) if reshuffle_each_iteration is not False else 0
            stream = np.random.default_rng([fixed[0], number])
            held: list[Any] = []
            for element in self._start():
                if len(held) < count:
                    held.append(element)
                    continue
                place = int(stream.integers(count))
                yield held[place]
                held[place] = element
            for place in stream.permutation(len(held)):
                yield held[place]

        return Dataset(start, self._size, self._spec)

    def repeat(self, count: Any = None, name: Any = None) -> "Dataset":
        """The elements several times over, or without end."""
        times = -1 if count is None else int(count)

        def start() -> Iterator[Any]:
            for _ in itertools.count() if times < 0 else builtins.range(times):
                given = 0
                for element in self._start():
                    given += 1
                    yield element
                if not given:
                    return

        size = self._size * times if self._size >= 0 and times >= 0 else INFINITE if times < 0 else self._size
        return Dataset(start, 0 if self._size == 0 else size, self._spec)

    def take(self, count: Any, name: Any = None) -> "Dataset":
        """The first elements."""
        count = int(count)
        if count < 0:
            return Dataset(self._start, self._size, self._spec)
        size = count if self._size == INFINITE else min(self._size, count) if self._size >= 0 else UNKNOWN
        return Dataset(lambda: itertools.islice(self._start(), count), size, self._spec)

    def skip(self, count: Any, name: Any = None) -> "Dataset":
        """All but the first elements."""
        count = int(count)
        size = max(self._size - count, 0) if self._size >= 0 else self._size
        return Dataset(lambda: itertools.islice(self._start(), count, None), size, self._spec)

    def shard(self, num_shards: Any, index: Any, name: Any = None) -> "Dataset":
        """Every n-th element."""
        count, first = int(num_shards), int(index)
        size = len(builtins.range(first, self._size, count)) if self._size >= 0 else self._size
        return Dataset(lambda: itertools.islice(self._start(), first, None, count), size, self._spec)

    def concatenate(self, dataset: "Dataset", name: Any = None) -> "Dataset":
        """The elements, and then those of another data set."""
        sizes = (self._size, dataset._size)
        size = INFINITE if INFINITE in sizes else UNKNOWN if UNKNOWN in sizes else sum(sizes)
        return Dataset(lambda: itertools.chain(self._start(), dataset._start()), size, self._spec)

    def cache(self, filename: Any = "", name: Any = None) -> "Dataset":
        """Keeps the elements of the first whole pass in memory."""
        held: list[Any] = []
        whole = [False]

        def start() -> Iterator[Any]:
            if whole[0]:
                yield from held
                return
            found = []
            for element in self._start():
                found.append(element)
                yield element
            held[:], whole[0] = found, True

        return Dataset(start, self._size, self._spec)

    def prefetch(self, buffer_size: Any, name: Any = None) -> "Dataset":
        """The data set as it is: `fit` reads ahead in any case."""
        return Dataset(self._start, self._size, self._spec)

    def with_options(self, options: Any, name: Any = None) -> "Dataset":
        """The data set as it is."""
        return Dataset(self._start, self._size, self._spec)

    def options(self) -> Any:
        return Options()

    def rejection_resample(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(message("Dataset", "there is no rejection_resample", None, "Use sample_from_datasets"))

    # Reading

    @property
    def element_spec(self) -> Any:
        """The shapes and types of the elements; of batches, as those of the first one."""
        if self._spec is None and self._describe is not None:
            self._spec = self._describe()
        if self._spec is None:
            first = next(self._start(), None)
            if first is None:
                raise ValueError("element_spec: the data set is empty")
            self._spec = spec_of(first)
        return self._spec

    def cardinality(self, name: Any = None) -> Tensor:
        """The number of elements; -1 without end, -2 where it is not known."""
        return Tensor(np.asarray(self._size, np.int64))

    def __len__(self) -> int:
        if self._size == INFINITE:
            raise TypeError("The dataset is infinite.")
        if self._size == UNKNOWN:
            raise TypeError("The dataset length is unknown.")
        return self._size

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return DatasetIterator(self._start())

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements as NumPy's arrays."""
        return (
            map_leaves(lambda one: one[()] if isinstance(one, np.ndarray) and not one.ndim else one, e) for e in self._start()
        )

    def get_single_element(self, name: Any = None) -> Any:
        """The only element."""
        found = list(itertools.islice(self, 2))
        if len(found) != 1:
            raise InvalidArgumentError(f"Dataset had {'no' if not found else 'more than one'} element.")
        return found[0]

    def make_one_shot_iterator(self) -> Any:
        return iter(self)

    def __repr__(self) -> str:
        shown = "" if self._spec is None else f" element_spec={self._spec!r}"
        return f"<Dataset{shown}>"


class DatasetIterator:
    """An iterator over the elements, as tensors."""

    def __init__(self, source: Iterator[Any]):
        self._source = source

    def __iter__(self) -> "DatasetIterator":
        return self

    def __next__(self) -> Any:
        return as_tensors(next(self._source))

    def get_next(self) -> Any:
        """The next element."""
        try:
            return next(self)
        except StopIteration:
            raise OutOfRangeError("End of sequence") from None

    next = __next__


def as_dataset(value: Any) -> Dataset:
    if not isinstance(value, Dataset):
        raise TypeError(f"`map_func` must return a `Dataset` object. Got {type(value)}")
    return value


def nested(elements: list[Any]) -> Any:
    """A window: for each part of the elements a data set."""
    spec = spec_of(elements[0])

    def part(number: int) -> Dataset:
        column = [leaves(one)[number] for one in elements]
        return Dataset(lambda: iter(column), len(column), leaves(spec)[number])

    numbers = itertools.count()
    return map_leaves(lambda _: part(next(numbers)), elements[0])


class Options:
    """Settings of TensorFlow's reading, which mean nothing here."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = Options()
        self.__dict__[name] = found
        return found
