"""What `fit` accepts as data, in two forms: samples in memory, or batches that come one after the other."""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Protocol, cast

import jax
import numpy as np

from kerata.base.checks import message
from kerata.data.datasets import Dataset, PassedRows
from kerata.data.pydataset import PyDataset
from kerata.data.samples import ClassWeight, Data, Reading, Samples, Uneven, Whole, standardize_arrays
from kerata.data.texts import as_columns, standardize_inputs
from kerata.engine.random import stream_of
from kerata.engine.types import HostArray

KINDS_OF_NUMBERS: tuple[type[Any], ...] = (Real, np.number)


class Shuffler(Protocol):
    """Gives 0, 1, ..., size - 1 in one order after the other."""

    def permutation(self, size: int, /) -> HostArray: ...


class Order:
    """The order of numbered batches: as they are numbered, or drawn anew for each epoch, by a seed or by Python's `random`."""

    def __init__(self) -> None:
        self.seed: int | None = None
        self.shuffled, self.before = False, 0

    def shuffle(self, seed: int | None, before: int = 0) -> None:
        """Lets each epoch have an order of its own from here on; without a seed, so many are drawn and not used."""
        self.seed, self.shuffled, self.before = seed, True, before

    def numbers(self, epoch: int, length: int | None) -> Iterable[int]:
        """The numbers of an epoch; without a length they go on."""
        if length is None:
            return itertools.count()
        if self.seed is not None:
            return stream_of(self.seed, epoch).permutation(length).tolist()
        numbers = list(range(length))
        for _ in range(self.before if self.shuffled else 0):
            random.shuffle(numbers[:])
        self.before = 0
        if self.shuffled:
            random.shuffle(numbers)
        return numbers


class Batches:
    """Batches that come one after the other: from a generator, a data set object, or any iterable.

    Args:
        start: gives an iterator over (x, y, sample_weight) for an epoch, counted from 0.
        length: the number of batches an epoch, where it is known.
        endless: whether the iterator goes on from epoch to epoch.
        finish: called after each epoch.
        peek: gives a batch to look at, where that takes nothing away from the first epoch.
        order: the order of the batches, where they are numbered.
        rows: the samples behind them, where these are the same in every epoch.
        go_on: gives an iterator for all epochs together, which ends where the data ends, for `steps_per_epoch`; without one
            they begin again.
    """

    def __init__(
        self,
        start: Callable[[int], Iterator[Any]],
        length: int | None,
        endless: bool = False,
        finish: Callable[[], None] | None = None,
        peek: Callable[[], Any] | None = None,
        order: Order | None = None,
        rows: "Rows | None" = None,
        go_on: Callable[[], Iterator[Any]] | None = None,
    ):
        self.start, self.length, self.endless = start, length, endless
        self.finish = finish or (lambda: None)
        self.peek, self.order, self.rows, self.go_on = peek, order, rows, go_on

    def of_steps(self, steps: int | None) -> "Batches":
        """The same for passes of so many batches, where these may begin otherwise than passes to the end."""
        go_on = self.go_on
        if steps is None or steps == self.length or go_on is None:
            return self
        return Batches(lambda epoch: go_on(), self.length, self.endless, self.finish, self.peek, self.order, self.rows)


@dataclass(frozen=True)
class Rows:
    """The samples behind batches.

    Attributes:
        size: how many there are.
        numbers: batches of their numbers, in place of the samples and in the same order.
        read: numbers -> (x, y, sample_weight).
    """

    size: int
    numbers: Batches
    read: Callable[[HostArray], Any]


def standardize_source(
    x: Data | None,
    y: Data | None = None,
    sample_weight: Data | None = None,
    class_weight: ClassWeight | None = None,
    batch_size: int | None = None,
    owner: str = "fit",
    reading: Reading | None = None,
    texts: bool = False,
) -> Samples | Batches:
    """Arrays, frames, lists and dicts as `Samples`; generators, data sets and loaders as `Batches`.

    `reading` is what a model asks of it. With `texts` there may be such among the inputs.
    """
    if x is None:
        raise ValueError(message(owner, "there is no data", {"x": x}, "Give arrays, or something that gives batches"))
    if is_batches(x):
        return standardize_batches(x, y, sample_weight, class_weight, owner, reading)
    if callable(x) and not hasattr(x, "shape"):
        raise TypeError(
            message(
                owner,
                "`x` must be data, and it is a function",
                {"x": x},
                "Call it: a generator function gives batches only when it is called",
            )
        )
    wide = None if reading is None else reading.wide
    given = as_columns(x)
    inputs = standardize_inputs(given, "x", wide) if texts else standardize_arrays(given, "x", wide)
    targets = standardize_arrays(as_columns(y), "y", wide)
    weights = standardize_arrays(sample_weight, "sample_weight", wide)
    samples = Samples(inputs, targets, weights)
    if class_weight is not None:
        samples = Samples(inputs, targets, weigh_classes(targets, class_weight, weights, owner))
    return samples


def standardize_training(
    x: Data,
    y: Data | None,
    sample_weight: Data | None,
    class_weight: ClassWeight | None,
    validation_split: float,
    owner: str = "fit",
    reading: Reading | None = None,
) -> tuple[Samples | Batches, Samples | None]:
    """The data to train on, and what is split off for validation. Weights of classes are for training alone."""
    if not validation_split:
        return standardize_source(x, y, sample_weight, class_weight, owner=owner, reading=reading), None
    source = standardize_source(x, y, sample_weight, owner=owner, reading=reading)
    if not isinstance(source, Samples):
        raise ValueError(message(owner, "`validation_split` needs arrays", {"x": type(x).__name__}, "Give validation_data"))
    train, held_out = split_validation(source, validation_split, owner)
    if class_weight is not None:
        train = Samples(train.x, train.y, weigh_classes(train.y, class_weight, train.sample_weight, owner))
    return train, held_out


def is_batches(x: object) -> bool:
    """Whether data comes in batches rather than as arrays."""
    if hasattr(x, "shape") or isinstance(x, (list, tuple, dict, str, type)) or hasattr(x, "iloc"):
        return False
    numbered = isinstance(x, PyDataset) or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))
    return numbered or hasattr(x, "__next__") or hasattr(x, "__iter__")


def is_generator(x: object) -> bool:
    """Whether batches come one after the other from what does not say how many there are; a `PyDataset` always does."""
    return hasattr(x, "__next__") and not isinstance(x, PyDataset)


def check_batches(x: object, beside: dict[str, Data | None], owner: str) -> None:
    """Raises where a source of batches gives single samples, or something stands beside it."""
    for name, value in beside.items():
        if value is not None:
            raise ValueError(
                message(
                    owner,
                    f"`{name}` must be None where x gives batches",
                    {name: value},
                    "Let x give (inputs, targets, weights)",
                )
            )
    if is_torch_dataset(x):
        raise TypeError(
            message(
                owner,
                "`x` gives samples one by one, and batches are needed",
                {"x": type(x).__name__},
                "Wrap it: torch.utils.data.DataLoader(x, batch_size=32, shuffle=True)",
            )
        )


def standardize_batches(
    x: Any,
    y: Data | None,
    sample_weight: Data | None,
    class_weight: ClassWeight | None,
    owner: str,
    reading: Reading | None = None,
) -> Batches:
    """Any source of batches: its items are x, (x, y) or (x, y, sample_weight)."""
    check_batches(x, {"y": y, "sample_weight": sample_weight}, owner)

    hand_on = as_given(x, owner, reading)

    def tidied(item: object) -> tuple[Any, Any, Any]:
        return hand_on(item, standardize_batch(item, class_weight, owner, reading))

    def tidy(items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            yield tidied(item)

    if is_generator(x):
        shared = tidy(x)
        return Batches(lambda epoch: shared, None, endless=True)
    length = length_of(x)
    if length == 0:
        raise ValueError(message(owner, "the data must give at least one batch", {"batches": 0}))
    if isinstance(x, PyDataset) or not hasattr(x, "__iter__"):
        order, begin, finish = Order(), getattr(x, "on_epoch_begin", None), getattr(x, "on_epoch_end", None)

        def begun(batch: Callable[[int], Any]) -> Callable[[int], Iterator[Any]]:
            def start(epoch: int) -> Iterator[Any]:
                if begin is not None:
                    begin()
                return (batch(number) for number in order.numbers(epoch, length))

            return start

        fixed, rows = x._fixed_rows() if isinstance(x, PyDataset) else None, None
        if fixed is not None:
            read = fixed.read
            numbers = Batches(begun(fixed.of_batch), length, finish=finish, order=order)
            rows = Rows(fixed.size, numbers, lambda chosen: tidied(read(chosen)))
        return Batches(
            begun(lambda number: tidied(x[number])),
            length,
            finish=finish,
            order=order,
            rows=rows,
            peek=lambda: tidied(x._peek() if isinstance(x, PyDataset) else x[0]),
        )
    begin, go_on = (lambda: tidy(x)), None
    if isinstance(x, Dataset) and x.begins_as_then:
        begin, go_on = begun_as_then(x, tidy, owner), begin
    if isinstance(x, Dataset) and x._rows is not None:
        return passed_batches(x._rows, begin, length, tidied, go_on)
    return Batches(lambda epoch: begin(), length, go_on=go_on)


def as_given(x: object, owner: str, reading: Reading | None) -> Callable[[object, tuple[Any, Any, Any]], tuple[Any, Any, Any]]:
    """Makes of a batch of x that was read a `Whole`, where a step of a user's own gets its tuple."""
    if reading is None or not reading.whole:
        return lambda item, found: found
    is_set, is_numbered = isinstance(x, Dataset), isinstance(x, PyDataset)
    # Where there was no data set, `tf.keras` took what is alone out of its tuple.
    least, most = 2 if reading.whole == "sets" and not is_set else 1, 3 if owner == "predict" else 1

    def hand_on(item: object, found: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        is_tuple = isinstance(item, tuple) or (not is_set and isinstance(item, list) and len(item) <= 3)
        if not (is_tuple or is_numbered) or isinstance(found[0], Uneven):
            return found
        parts = found[: len(cast(tuple[object, ...], item)) if is_tuple else 1]
        return (Whole(parts), None, None) if least <= len(parts) <= most else found

    return hand_on


def begun_as_then(x: Dataset, tidy: Callable[[Iterable[Any]], Iterator[Any]], owner: str) -> Callable[[], Iterator[Any]]:
    """Begins passes as `tf.keras` did: `fit` its first one twice, all else each one; orders count them."""
    begun: list[Iterator[Any]] = []

    def begin() -> Iterator[Any]:
        if owner != "fit" or not begun:
            begun[:] = [iter(x)]
        return tidy(x)

    return begin


def passed_batches(
    found: PassedRows,
    begin: Callable[[], Iterator[Any]],
    length: int | None,
    tidied: Callable[[Any], tuple[Any, Any, Any]],
    go_on: Callable[[], Iterator[Any]] | None = None,
) -> Batches:
    """The batches of a data set that knows the samples behind them; each epoch has the order of the pass of its number."""

    def of_pass(start: Callable[[], Iterator[Any]]) -> Callable[[int], Iterator[Any]]:
        def reached(epoch: int) -> Iterator[Any]:
            found.reach(epoch)
            return start()

        return reached

    def read(chosen: HostArray) -> tuple[Any, Any, Any]:
        return tidied(found.read(chosen))

    rows = Rows(found.size, Batches(of_pass(found.passes), length), read)
    return Batches(of_pass(begin), length, rows=rows, peek=lambda: read(found.first), go_on=go_on)


def length_of(x: Any) -> int | None:
    """The number of batches; `None` where there is no saying."""
    if isinstance(x, PyDataset):
        return x.num_batches
    try:
        return len(x)
    except TypeError:  # no __len__, or one that says that the data has no length
        return None


def check_endless(source: Samples | Batches, steps: int | None, owner: str, argument: str) -> None:
    """Raises for data that never ends, where nobody said how many batches make an epoch."""
    never_ends = isinstance(source, Batches) and source.order is not None and source.length is None
    if never_ends and steps is None:
        raise ValueError(message(owner, f"`{argument}` is needed for data that never ends", {argument: None}))


def is_torch_dataset(x: object) -> bool:
    """Whether x is torch's `Dataset`, which gives samples, and not its `DataLoader`."""
    kinds = [(cls.__module__.split(".")[0], cls.__name__) for cls in type(x).__mro__]
    return ("torch", "Dataset") in kinds


def standardize_batch(
    item: object, class_weight: ClassWeight | None = None, owner: str = "fit", reading: Reading | None = None
) -> tuple[Any, Any, Any]:
    """One batch as (x, y, sample_weight)."""
    if item is None or (isinstance(item, dict) and set(item) == {"x", "y"}):
        raise ValueError(
            message(
                owner,
                "a batch must be x, (x, y) or (x, y, sample_weight)",
                {"batch": item},
                "" if item is None else "Give a tuple: (x, y)",
            )
        )
    if not isinstance(item, (tuple, list)) or (isinstance(item, list) and len(item) > 3):
        item = (item,)
    if not 0 < len(item) <= 3:
        raise ValueError(message(owner, "a batch must be x, (x, y) or (x, y, sample_weight)", {"parts": len(item)}))
    x, y, weight = (*item, None, None)[:3]
    parts = {"x": x, "y": y, "sample_weight": weight}
    wide = None if reading is None else reading.wide
    arrays = [standardize_arrays(part, name, wide) for name, part in parts.items()]
    try:
        samples = Samples(*arrays)
    except ValueError as error:
        if reading is not None and reading.uneven and is_uneven(arrays) and class_weight is None:
            return Uneven.closed(*arrays)
        error.add_note("It came up in a batch that x gave: inputs and targets of several samples each, with the samples first.")
        raise
    if class_weight is not None:
        return samples.x, samples.y, weigh_classes(samples.y, class_weight, samples.sample_weight, owner)
    return samples.tree


def is_uneven(arrays: list[Any]) -> bool:
    """Whether the arrays of a batch have rows, and not all of them as many."""
    return len({np.shape(leaf)[:1] for leaf in jax.tree.leaves(arrays)} - {(), (0,)}) > 1


class BesideSamples(dict):
    """Weights of classes that are multiplied by those of samples, where these are given as well: until Keras 3."""


def weigh_classes(y: object, class_weight: object, sample_weight: Data | None, owner: str) -> HostArray | None:
    """One weight a sample from the weight of its class, 1 where the class has none: float32 of shape (samples,)."""
    if not isinstance(class_weight, dict) or not all(map(_is_class, class_weight)):
        raise TypeError(
            message(
                owner,
                "`class_weight` must be a dict of class number to weight",
                {"class_weight": class_weight},
                "" if isinstance(class_weight, dict) else "Of weights in the order of the classes: dict(enumerate(weights))",
            )
        )
    if not all(isinstance(weight, KINDS_OF_NUMBERS) and np.isfinite(weight) for weight in class_weight.values()):
        raise ValueError(message(owner, "the weights of `class_weight` must be finite numbers", {"class_weight": class_weight}))
    if sample_weight is not None and not isinstance(class_weight, BesideSamples):
        raise ValueError(
            message(
                owner,
                "`class_weight` and `sample_weight` cannot be given together",
                {"class_weight": class_weight, "sample_weight": sample_weight},
                "Multiply the weights of the classes into `sample_weight`",
            )
        )
    if y is None or isinstance(y, (list, tuple, dict)):
        raise ValueError(message(owner, "`class_weight` needs one array of targets", {"y": type(y).__name__}))
    labels = np.asarray(y)
    labels = labels.argmax(-1) if labels.ndim > 1 and labels.shape[-1] > 1 else labels.reshape(-1)
    labels = np.round(labels.astype(np.float64))
    weights = np.ones(len(labels), np.float32)
    for label, weight in class_weight.items():
        weights[labels == float(label)] = weight
    if sample_weight is None:
        return weights
    of_samples = np.asarray(jax.tree.leaves(sample_weight)[0], np.float32)
    return of_samples * weights.reshape(-1, *[1] * (of_samples.ndim - 1))


def _is_class(key: object) -> bool:
    """Whether something numbers a class: 1, `np.int64(1)`, 1.0."""
    if isinstance(key, (bool, np.bool_)):
        return True
    return isinstance(key, (int, float, np.integer, np.floating)) and float(key).is_integer()


def split_validation(samples: Samples, fraction: float, owner: str = "fit") -> tuple[Samples, Samples]:
    """The first part to train on, and the last `fraction` of the samples, unshuffled, to validate on."""
    if not isinstance(fraction, Real) or not 0.0 < fraction < 1.0:
        raise ValueError(message(owner, "`validation_split` must be between 0 and 1", {"validation_split": fraction}))
    border = int(np.floor(samples.size * (1.0 - fraction)))
    if border == 0 or border == samples.size:
        raise ValueError(
            message(
                owner,
                "`validation_split` leaves one part without samples",
                {"validation_split": fraction, "samples": samples.size},
            )
        )
    return samples.slice(0, border), samples.slice(border, samples.size)


def going_on(go: Callable[[int], Iterator[Any]], steps: int) -> Callable[[int], Iterator[Any]]:
    """`start` of batches that go on from epoch to epoch: `go(number)` begins with that batch, where the first epoch begins."""
    shared: list[Iterator[Any]] = []

    def start(epoch: int) -> Iterator[Any]:
        if not shared:
            shared.append(go(epoch * steps))
        return shared[0]

    return start


def repeat_samples(samples: Samples, batch_size: int, shuffler: Shuffler | None, steps: int) -> Batches:
    """Samples in memory as batches that go on from epoch to epoch, for `steps_per_epoch`."""
    length = -(-samples.size // batch_size)

    def go(number: int) -> Iterator[Any]:
        for turn in itertools.count():
            order = np.arange(samples.size) if shuffler is None else shuffler.permutation(samples.size)
            for place in range(max(number - turn * length, 0), length):
                rows = order[place * batch_size : (place + 1) * batch_size]
                yield jax.tree.map(lambda a, rows=rows: np.asarray(a)[rows], samples.tree)

    return Batches(going_on(go, steps), None, endless=True)


def repeat_batches(source: Batches, steps: int) -> Batches:
    """Batches that go on from epoch to epoch, for `steps_per_epoch`: again from the start, unless they say how."""
    if source.endless:
        return source
    if source.go_on is not None:
        shared = source.go_on()
        return Batches(lambda epoch: shared, None, endless=True)

    def go(number: int) -> Iterator[Any]:
        # Only of numbered batches is it known what came before.
        first, skipped = divmod(number, source.length) if source.order is not None and source.length else (0, 0)
        for turn in itertools.count(first):
            given = 0
            for batch in itertools.islice(source.start(turn), skipped, None):
                given += 1
                yield batch
            source.finish()
            skipped = 0
            if not given:
                return

    rows = source.rows
    rows = None if rows is None else replace(rows, numbers=repeat_batches(rows.numbers, steps))
    return Batches(going_on(go, steps), None, endless=True, peek=source.peek, order=source.order, rows=rows)
