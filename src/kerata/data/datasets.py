"""Data sets in the form of `tf.data`: elements that come one after the other, made anew in each pass.

An element is a structure of NumPy's arrays. What stands beside `tf.keras` is a subclass, whose elements are shown as tensors.
"""

import builtins
import contextlib
import dataclasses
import itertools
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, SupportsInt, TypeVar, cast

import numpy as np

from kerata.base.checks import message
from kerata.data.elements import (
    ArraySpec,
    as_arrays,
    as_given,
    as_row,
    batches,
    common_length,
    common_spec,
    groups,
    leaves,
    made_up,
    map_leaves,
    pad,
    padded_spec,
    shapes_up_to,
    stack,
    twice_as_long,
    unknown_axes,
)
from kerata.data.shuffling import Turns, pair_of, shuffled

T = TypeVar("T")

INFINITE, UNKNOWN = -1, -2


@dataclasses.dataclass(frozen=True)
class PassedRows:
    """The samples behind the batches of a data set, where a sample is the same whenever it is read.

    Attributes:
        size: how many there are.
        first: the numbers of some samples, as many as in a batch.
        passes: the numbers of the samples of each batch, in the order of the next pass.
        read: numbers of samples -> their batch.
        reach: says that the next pass is at least this one.
    """

    size: int
    first: np.ndarray
    passes: Callable[[], Iterator[np.ndarray]]
    read: Callable[[np.ndarray], object]
    reach: Callable[[int], None]


class Dataset:
    """Elements one after the other.

    Args:
        start: gives an iterator over structures of arrays.
        size: how many; `INFINITE`, or `UNKNOWN`.
        spec: what the elements are, where that is not read off the first one.

    >>> data = Dataset(lambda: iter([np.array([n, n + 1]) for n in range(4)]), 4)
    >>> for pair in data.map(lambda x: 10 * x).batch(3):
    ...     print(pair.tolist())
    [[0, 10], [10, 20], [20, 30]]
    [[30, 40]]
    """

    refusal: type[Exception] = ValueError
    class_names: list[str] | None
    file_paths: list[str]
    _rows: PassedRows | None = None
    # Whether it is what shuffle() gives.
    _is_shuffle = False
    # Whether training begins a pass that it does not read, and goes on from epoch to epoch where it is told how many steps.
    begins_as_then = False

    def __init__(self, start: Callable[[], Iterator[Any]], size: int = UNKNOWN, spec: object = None):
        self._start, self._size, self._spec = start, size, spec
        self._describe: Callable[[], Any] | None = None

    # What programs see of elements, and what is made of what they give

    def _like(self, start: Callable[[], Iterator[Any]], size: int = UNKNOWN, spec: object = None) -> Self:
        """A data set of the same class, whatever its constructor takes."""
        made = type(self).__new__(type(self))
        Dataset.__init__(made, start, size, spec)
        return made

    def _through(self, function: Callable[[Iterator[Any]], Iterator[Any]], size: int) -> Self:
        """A data set of what a function makes of the elements; a pass begins when its iterator is made, as in TensorFlow."""
        return self._like(lambda: function(self._start()), size)

    def _given(self, element: object) -> object:
        return as_given(element)

    def _taken(self, value: object) -> object:
        return as_arrays(value)

    def _function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def _spec_of(self, element: object) -> object:
        return map_leaves(lambda one: ArraySpec(one.shape, one.dtype), element)

    def _pad(self, group: list[Any], shapes: object, values: object) -> object:
        return pad(group, shapes, values, self.refusal)

    def _spread(self, element: object) -> tuple[Any, ...]:
        """The arguments of a function of an element: a tuple's parts, else the element."""
        found = self._given(element)
        return found if isinstance(found, tuple) else (found,)

    def _nested(self, elements: list[Any]) -> object:
        """A window: for each part of the elements a data set."""
        spec = self._spec_of(elements[0])

        def part(number: int) -> Self:
            column = [leaves(one)[number] for one in elements]
            return self._like(lambda: iter(column), len(column), leaves(spec)[number])

        numbers = itertools.count()
        return map_leaves(lambda _: part(next(numbers)), elements[0])

    # Element by element

    def map(
        self, map_func: Callable[..., Any], num_parallel_calls: object = None, deterministic: object = None, name: object = None
    ) -> Self:
        """A function of each element."""
        traced = self._function(map_func)
        made = self._like(lambda: Each(lambda one: self._taken(traced(*self._spread(one))), self._start()), self._size)
        made._describe = lambda: self._spec_of_mapped(map_func)
        return made

    def _spec_of_mapped(self, function: Callable[..., Any]) -> object:
        """What a function gives of elements; sizes that are open in them are so in what follows from them."""
        spec = self.element_spec
        element = self._first()
        element = made_up(spec) if element is None else element
        found = self._spec_of(self._taken(function(*self._spread(element))))
        if any(map(unknown_axes, leaves(spec))):
            with contextlib.suppress(Exception):
                longer = twice_as_long(element, spec)
                return common_spec(found, self._spec_of(self._taken(function(*self._spread(longer)))))
        return found

    def _of_such(self, start: Callable[[], Iterator[Any]], size: int = UNKNOWN) -> Self:
        """A data set of elements of the same kind."""
        made = self._like(start, size, self._spec)
        made._describe = lambda: self.element_spec
        return made

    def filter(self, predicate: Callable[..., Any], name: object = None) -> Self:
        """The elements of which a function holds."""
        traced = self._function(predicate)

        def start() -> Iterator[Any]:
            return (element for element in self._start() if bool(traced(*self._spread(element))))

        return self._of_such(start, UNKNOWN if self._size != INFINITE else INFINITE)

    def flat_map(self, map_func: Callable[..., Any], name: object = None) -> Self:
        """The elements of the data sets that a function gives, one data set after the other."""

        def given(source: Iterator[Any]) -> Iterator[Any]:
            for element in source:
                yield from as_dataset(map_func(*self._spread(element)))._start()

        return self._through(given, UNKNOWN)

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: object = None,
        deterministic: object = None,
        name: object = None,
    ) -> Self:
        """The elements of the data sets that a function gives, in turns."""
        cycle, block = (cycle_length if cycle_length and cycle_length > 0 else 8), block_length or 1

        def given(source: Iterator[Any]) -> Iterator[Any]:
            running: deque = deque()
            for element in itertools.islice(source, cycle):
                running.append(as_dataset(map_func(*self._spread(element)))._start())
            while running:
                one = running.popleft()
                elements = list(itertools.islice(one, block))
                yield from elements
                if len(elements) == block:
                    running.append(one)
                else:
                    for element in itertools.islice(source, 1):
                        running.append(as_dataset(map_func(*self._spread(element)))._start())

        return self._through(given, UNKNOWN)

    def enumerate(self, start: int = 0, name: object = None) -> Self:
        """(number, element)."""
        first = int(start)
        made = self._like(
            lambda: ((np.asarray(n, np.int64), one) for n, one in builtins.enumerate(self._start(), first)), self._size
        )
        made._describe = lambda: (self._spec_of(np.asarray(0, np.int64)), self.element_spec)
        return made

    def scan(self, initial_state: object, scan_func: Callable[..., Any], name: object = None) -> Self:
        """What a function (state, element) -> (state, output) gives."""

        def given(source: Iterator[Any]) -> Iterator[Any]:
            state = self._taken(initial_state)
            for element in source:
                state, output = scan_func(self._given(state), self._given(element))
                state = self._taken(state)
                yield self._taken(output)

        return self._through(given, self._size)

    def take_while(self, predicate: Callable[..., Any], name: object = None) -> Self:
        """The elements before the first of which a function does not hold."""
        return self._of_such(lambda: itertools.takewhile(lambda one: bool(predicate(*self._spread(one))), self._start()))

    def reduce(self, initial_state: object, reduce_func: Callable[..., Any], name: object = None) -> object:
        """The last state of (state, element) -> state."""
        state = self._given(self._taken(initial_state))
        for element in self._start():
            state = self._given(self._taken(reduce_func(state, self._given(element))))
        return state

    def apply(self, transformation_func: Callable[["Dataset"], Any]) -> object:
        """A function of the data set."""
        return transformation_func(self)

    # Batches

    def batch(
        self,
        batch_size: SupportsInt,
        drop_remainder: bool = False,
        num_parallel_calls: object = None,
        deterministic: object = None,
        name: object = None,
    ) -> Self:
        """Elements in groups, stacked."""
        count, size = int(batch_size), batches(self._size, int(batch_size), drop_remainder)
        made = self._like(lambda: (stack(group, self.refusal) for group in groups(self._start(), count, drop_remainder)), size)
        made._describe = lambda: map_leaves(lambda one: one.batched(count if drop_remainder else None), self.element_spec)
        return made

    def padded_batch(
        self,
        batch_size: SupportsInt,
        padded_shapes: object = None,
        padding_values: object = None,
        drop_remainder: bool = False,
        name: object = None,
    ) -> Self:
        """Elements in groups, filled up to the longest of each, or to given shapes, and stacked."""
        count = int(batch_size)

        def given(source: Iterator[Any]) -> Iterator[Any]:
            for group in groups(source, count, drop_remainder):
                yield self._pad(group, padded_shapes, padding_values)

        made = self._through(given, batches(self._size, count, drop_remainder))
        made._describe = lambda: padded_spec(self.element_spec, padded_shapes, count if drop_remainder else None)
        return made

    def ragged_batch(self, *args: object, **kwargs: object) -> object:
        raise NotImplementedError(message("Dataset.ragged_batch", "there are no ragged tensors", None, "Use padded_batch"))

    def unbatch(self, name: object = None) -> Self:
        """An element for each row of the elements."""

        def given(source: Iterator[Any]) -> Iterator[Any]:
            for element in source:
                for row in builtins.range(common_length(element)):
                    yield map_leaves(lambda one, row=row: as_row(one, row), element)

        rows = {one.shape[0] for one in leaves(self._spec)} if self._spec is not None and self._size >= 0 else {None}
        count = rows.pop() if len(rows) == 1 else None
        known = UNKNOWN if count is None else self._size * count
        return self._through(given, known if self._size != INFINITE else INFINITE)

    def window(
        self,
        size: SupportsInt,
        shift: SupportsInt | None = None,
        stride: SupportsInt = 1,
        drop_remainder: bool = False,
        name: object = None,
    ) -> Self:
        """Data sets of elements that follow each other, one every `shift` elements."""
        size, stride = int(size), int(stride)
        shift = size if shift is None else int(shift)
        span = (size - 1) * stride + 1

        def given(source: Iterator[Any]) -> Iterator[Any]:
            held: list[Any] = []
            skip = 0
            for element in source:
                if skip:
                    skip -= 1
                    continue
                held.append(element)
                if len(held) == span:
                    yield self._nested(held[::stride])
                    skip = max(shift - span, 0)
                    held = held[shift:]
            while held and not drop_remainder:
                yield self._nested(held[::stride])
                held = held[shift:]

        count = max(self._size - span + shift, 0) // shift if drop_remainder else -(-self._size // shift)
        return self._through(given, count if self._size >= 0 else self._size)

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: object = None,
        padding_values: object = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: object = None,
    ) -> Self:
        """Batches of elements of about one length."""

        def made(held: list[tuple[Any, int]], place: int) -> object:
            group, lengths = [one for one, _ in held], [length for _, length in held]
            if no_padding:
                return stack(group, self.refusal)
            known = shapes_up_to(bucket_boundaries, place, group, lengths, padded_shapes) if pad_to_bucket_boundary else None
            return self._pad(group, padded_shapes if known is None else known, padding_values)

        def given(source: Iterator[Any]) -> Iterator[Any]:
            held: list[list[tuple[Any, int]]] = [[] for _ in bucket_batch_sizes]
            for element in source:
                length = int(element_length_func(*self._spread(element)))
                place = int(np.searchsorted(bucket_boundaries, length, side="right"))
                held[place].append((element, length))
                if len(held[place]) == bucket_batch_sizes[place]:
                    yield made(held[place], place)
                    held[place] = []
            for place, group in enumerate(held):
                if group and not drop_remainder:
                    yield made(group, place)

        return self._through(given, UNKNOWN)

    # The whole

    def shuffle(
        self,
        buffer_size: SupportsInt,
        seed: SupportsInt | None = None,
        reshuffle_each_iteration: bool | None = None,
        name: object = None,
    ) -> Self:
        """Elements in a random order: each is drawn from as many as the buffer holds. With a seed, TensorFlow's orders."""
        count = max(int(buffer_size), 1)
        fixed = pair_of(seed)
        passes = Turns()

        def start() -> Iterator[Any]:
            number = next(passes) if reshuffle_each_iteration is not False else None
            # As in TensorFlow, what is shuffled begins with the first element that is asked for.
            return shuffled(begun_late(self._start), count, fixed, number)

        made = self._of_such(start, self._size)
        made._is_shuffle = True
        return made

    def repeat(self, count: SupportsInt | None = None, name: object = None) -> Self:
        """The elements several times over, or without end."""
        times = -1 if count is None else int(count)
        # TensorFlow begins one pass more than it reads, but where it makes one of shuffle() and repeat(). Orders count passes.
        begins_more = times > 1 and not self._is_shuffle

        def given(source: Iterator[Any]) -> Iterator[Any]:
            for number in itertools.count(1):
                is_last, is_empty = number == times, True
                for element in once_read(source, self._start) if is_last and begins_more else source:
                    is_empty = False
                    yield element
                if is_last or is_empty:
                    return
                source = self._start()

        def start() -> Iterator[Any]:
            return given(self._start()) if times else iter(())

        size = self._size * times if self._size >= 0 and times >= 0 else INFINITE if times < 0 else self._size
        return self._of_such(start, 0 if self._size == 0 else size)

    def take(self, count: SupportsInt, name: object = None) -> Self:
        """The first elements."""
        count = int(count)
        if count < 0:
            return self._of_such(self._start, self._size)
        size = count if self._size == INFINITE else min(self._size, count) if self._size >= 0 else UNKNOWN
        return self._of_such(lambda: itertools.islice(self._start(), count) if count else iter(()), size)

    def skip(self, count: SupportsInt, name: object = None) -> Self:
        """All but the first elements."""
        count = int(count)
        count = count if count >= 0 else sys.maxsize
        size = max(self._size - count, 0) if self._size >= 0 else self._size
        return self._of_such(lambda: itertools.islice(self._start(), count, None), size)

    def shard(self, num_shards: SupportsInt, index: SupportsInt, name: object = None) -> Self:
        """Every n-th element."""
        count, first = int(num_shards), int(index)
        size = len(builtins.range(first, self._size, count)) if self._size >= 0 else self._size
        return self._of_such(lambda: itertools.islice(self._start(), first, None, count), size)

    def concatenate(self, dataset: "Dataset", name: object = None) -> Self:
        """The elements, and then those of another data set."""
        sizes = (self._size, dataset._size)
        size = INFINITE if INFINITE in sizes else UNKNOWN if UNKNOWN in sizes else sum(sizes)
        made = self._like(lambda: itertools.chain(self._start(), begun_late(dataset._start)), size)
        made._describe = lambda: common_spec(self.element_spec, dataset.element_spec)
        return made

    def cache(self, filename: object = "", name: object = None) -> Self:
        """Keeps the elements of the first whole pass in memory."""
        held: list[Any] = []
        whole = [False]

        def given(source: Iterator[Any]) -> Iterator[Any]:
            found = []
            for element in source:
                found.append(element)
                yield element
            held[:], whole[0] = found, True

        def start() -> Iterator[Any]:
            return iter(held) if whole[0] else given(self._start())

        return self._of_such(start, self._size)

    def prefetch(self, buffer_size: SupportsInt, name: object = None) -> Self:
        """The data set as it is: `fit` reads ahead in any case."""
        return self._same()

    def with_options(self, options: object, name: object = None) -> Self:
        """The data set as it is."""
        return self._same()

    def _same(self) -> Self:
        made = self._like(self._start, self._size, self._spec)
        made._describe, made._rows = self._describe, self._rows
        return made

    def options(self) -> object:
        return Options()

    def rejection_resample(self, *args: object, **kwargs: object) -> object:
        raise NotImplementedError(message("Dataset", "there is no rejection_resample", None, "Use sample_from_datasets"))

    # Reading

    def _first(self) -> object:
        """The first element, without a pass that counts; `None` of an empty data set."""
        with Turns.looking():
            return next(self._start(), None)

    @property
    def element_spec(self) -> object:
        """The shapes and types of the elements; of batches, as those of the first one."""
        if self._spec is None and self._describe is not None:
            self._spec = self._describe()
        if self._spec is None:
            first = self._first()
            if first is None:
                raise ValueError("element_spec: the data set is empty")
            self._spec = self._spec_of(first)
        return self._spec

    def cardinality(self, name: object = None) -> SupportsInt:
        """The number of elements; -1 without end, -2 where it is not known."""
        return cast(SupportsInt, self._given(np.asarray(self._size, np.int64)))

    def __len__(self) -> int:
        if self._size == INFINITE:
            raise TypeError("The dataset is infinite.")
        if self._size == UNKNOWN:
            raise TypeError("The dataset length is unknown.")
        return self._size

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return DatasetIterator(self._start(), self._given)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements as NumPy's arrays."""
        return (
            map_leaves(lambda one: one[()] if isinstance(one, np.ndarray) and not one.ndim else one, e) for e in self._start()
        )

    def get_single_element(self, name: object = None) -> object:
        """The only element."""
        found = list(itertools.islice(self, 2))
        if len(found) != 1:
            raise self.refusal(f"Dataset had {'no' if not found else 'more than one'} element.")
        return found[0]

    def make_one_shot_iterator(self) -> object:
        return iter(self)

    def __repr__(self) -> str:
        shown = "" if self._spec is None else f" element_spec={self._spec!r}"
        return f"<Dataset{shown}>"


def once_read(source: Iterator[T], function: Callable[[], object]) -> Iterator[T]:
    """The elements, with a function that is called before the last one is given: TensorFlow reads ahead to the end."""
    for element in source:
        for following in source:
            yield element
            element = following
        function()
        yield element


def begun_late(start: Callable[[], Iterator[T]]) -> Iterator[T]:
    """An iterator that is begun when its first element is asked for."""
    yield from start()


class Each:
    """A function of each element of an iterator, which goes on after an error.

    Args:
        function: it.
        source: the iterator.
    """

    def __init__(self, function: Callable[[Any], Any], source: Iterator[Any]):
        self.function, self.source = function, source

    def __iter__(self) -> "Each":
        return self

    def __next__(self) -> object:
        element = next(self.source)
        try:
            return self.function(element)
        except StopIteration as error:
            # It would be taken for the end of the data set.
            raise RuntimeError("the function of an element raised StopIteration") from error


class DatasetIterator:
    """An iterator over the elements, as a program sees them."""

    def __init__(self, source: Iterator[Any], given: Callable[[Any], Any]):
        self._source, self._given = source, given

    def __iter__(self) -> "DatasetIterator":
        return self

    def __next__(self) -> object:
        return self._given(next(self._source))

    next = __next__


def as_dataset(value: object) -> Dataset:
    if not isinstance(value, Dataset):
        raise TypeError(f"`map_func` must return a `Dataset` object. Got {type(value)}")
    return value


class Options:
    """Settings of TensorFlow's reading, which mean nothing here."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        found = Options()
        self.__dict__[name] = found
        return found
