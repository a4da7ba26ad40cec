"""How data reaches the programs: whole on the device, or in chunks of some batches from a thread."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import functools
import mmap
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kerata.data.samples import Samples
from kerata.data.sources import Batches, repeat_samples
from kerata.engine.placement import HERE, Placement
from kerata.engine.types import AnyArray, Array, Tree
from kerata.training import exits
from kerata.training.findings import StepFindings
from kerata.training.orders import Orders
from kerata.training.plan import Batch
from kerata.training.prepare import Prepared

# Room for data comes in a few sizes, so that any number of samples runs the same few programs: a small one and a large one,
# then eighths of powers of two. Memory that is never written costs nothing on a CPU, and is not sent to another device.
PADDED_BYTES = 64 * 2**20
# Seconds for a thread that reads to end, once nobody wants what it reads.
SOON = 0.5
MOST_BYTES = 2**30
# From half a MiB on, XLA for CPU gathers the rows of a batch in two threads, which costs a small batch more than the gathering.
SMALL_BYTES = {"cpu": 15 * 2**15}
SENT_BYTES = 8 * 2**20
# A chunk of stacked batches: enough to hide a call's cost, little enough to come soon.
CHUNK_BYTES = 32 * 2**20
CHUNK_BATCHES = 32
UNLIMITED = np.int32(2**31 - 1)
# Batches an epoch up to which data stays on the host for the first of them.
FEW_STEPS = 4
# Epochs that one call may run, and the samples of epochs whose orders are made ahead: more would save nothing.
MOST_EPOCHS = 64
ORDER_NUMBERS = 2**20
# Where XLA's arrays begin on a CPU, and the size from which it pays to put data there.
ALIGNMENT = 64
COPIED_BYTES = 4 * 2**20
# Memory of which little is written is asked for page by page from here on.
SPARSE_BYTES = 2**20
# To a device with memory of its own, arrays with room for more go in pieces of at most this size.
PIECE_BYTES = 16 * 2**20


class Chunk(NamedTuple):
    """A part of an epoch that one program can run: `count` batches of `batch_size` samples, from sample `offset` on.

    The feed has room for `epochs` epochs, of which this is number `number`.
    """

    feed: dict[str, Any]
    kind: str
    batch_size: int
    offset: int
    count: int  # pyright: ignore[reportIncompatibleMethodOverride], nobody counts the fields
    samples: int
    masked: bool
    number: int = 0
    epochs: int = 1

    def shapes(self) -> Tree:
        """The shapes of one batch."""
        return jax.tree.map(lambda a: jax.ShapeDtypeStruct((self.batch_size, *a.shape[1:]), a.dtype), self.feed["data"])


def bucket(size: int, multiple: int) -> int:
    """A size at most an eighth larger, of which there are few; a multiple of the batch size.

    >>> bucket(315, 28), bucket(316, 28)
    (336, 336)
    """
    grain = max(multiple, 2 ** max(0, size.bit_length() - 4))
    return -(-size // grain) * grain if grain == multiple else -(-(-(-size // grain) * grain) // multiple) * multiple


def padded_batch(size: int, batch_size: int) -> tuple[int, int]:
    """(samples a batch, how many there are in the last one) where the last batch is filled up.

    A batch that is larger than the data is filled up no further than to one of a few sizes. Where nothing has to be filled
    up, the second is one less than the first.

    >>> padded_batch(100, 32), padded_batch(5, 32), padded_batch(64, 32)
    ((32, 4), (8, 5), (32, 31))
    """
    rows = min(batch_size, 1 << (size - 1).bit_length())
    return rows, size % rows or max(rows - 1, 1)


def room_for(rows: int, tree: Tree, gathered: bool, known: int = 0, platform: str = "cpu") -> int:
    """Rows of memory for a number of samples, of which there are few: 2,048 and 262,144 for tables of 34 columns, say.

    Args:
        rows: the number of samples, and what fills the last batch up.
        tree: at least one of them, for its size.
        gathered: whether batches are gathered in an order; slices of the data are as cheap whatever its size.
        known: what this gave before, where a program was compiled for it.
        platform: of the device.
    """
    sizes = [leaf.nbytes // leaf.shape[0] for leaf in jax.tree.leaves(tree)]
    sample, array = max(1, sum(sizes)), max(1, *sizes)
    small = _power_of_two(SMALL_BYTES.get(platform, SENT_BYTES) // array)
    large = _power_of_two(PADDED_BYTES // sample)
    for room in (small, large) if gathered and known != large else (large,):
        if rows <= room:
            return room
    if rows * sample > MOST_BYTES:
        return rows
    grain = 2 ** max(0, rows.bit_length() - 4)
    return -(-rows // grain) * grain


def _power_of_two(number: int) -> int:
    """The largest that is not above a number, at least 1."""
    return 1 << max(0, number.bit_length() - 1)


class DeviceFeed:
    """Samples that are put on the device once, and gathered there batch by batch.

    Args:
        samples: the data.
        batch_size: samples a step.
        masked: whether the last, smaller batch is padded; otherwise it is a chunk of its own size.
        findings: what is known of models of this structure: for how many rows a program was compiled.
        placement: where the samples live.
        orders: of the samples in the epochs, where each has one of its own.
    """

    def __init__(
        self,
        samples: Samples,
        batch_size: int,
        masked: bool,
        findings: StepFindings | None = None,
        placement: Placement = HERE,
        orders: Orders | None = None,
    ):
        self.size, self.masked, self.placement = samples.size, masked, placement
        self.orders, self.shuffled = orders, orders is not None
        self.batch_size = padded_batch(self.size, batch_size)[0] if masked else min(batch_size, self.size)
        self.filled = self.steps * self.batch_size
        findings = StepFindings() if findings is None else findings
        self.capacity = room_for(self.filled, samples.tree, self.shuffled, findings.room, placement.platform)
        if self.shuffled:
            findings.room = max(self.capacity, findings.room)
        written = self.size if self.shuffled else self.filled
        # One call reads the data of a few batches as it is; putting an array on a device takes longer than to train on it.
        self.waits = placement.platform == "cpu" and self.steps <= FEW_STEPS
        self.data = put_rows(samples.tree, self.capacity, written, placement, self.waits)
        # All epochs' orders in one row of numbers: its length is the same for any number of samples.
        self.numbers = max(ORDER_NUMBERS, self.filled)
        self.room = MOST_EPOCHS
        self.first: int | None = None
        self.feed: dict[str, Any] = {}

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-self.size // self.batch_size)

    def chunks(self, epoch: int, last: int) -> Iterator[Chunk]:
        """The parts of an epoch, in an order of its own; orders up to epoch `last` are made ahead."""
        if self.waits and self.first is not None:
            self.waits, self.data = False, self.placement.put_samples(self.data)
            self.feed = self.feed and {**self.feed, "data": self.data}
        if self.first is None or not self.first <= epoch < self.first + self.ahead:
            self.first, self.feed = epoch, self._make_feed(epoch, last)
        kind, number = "shuffled" if self.shuffled else "ordered", epoch - self.first
        if self.masked:
            yield Chunk(self.feed, kind, self.batch_size, 0, self.steps, self.size, True, number, self.room)
            return
        full, rest = divmod(self.size, self.batch_size)
        if full:
            yield Chunk(self.feed, kind, self.batch_size, 0, full, self.size, False, number, self.room)
        if rest:
            yield Chunk(self.feed, kind, rest, full * self.batch_size, 1, self.size, False, number, self.room)

    @property
    def ahead(self) -> int:
        """The most epochs whose orders are made ahead, and that one call may run."""
        return min(self.room, self.numbers // self.filled) if self.shuffled else self.room

    def _make_feed(self, epoch: int, last: int) -> dict[str, Any]:
        if self.orders is None:
            return {"data": self.data}
        count = min(self.ahead, last - epoch)
        written = count * self.filled
        sends = self.placement.platform != "cpu"
        numbers = empty(written if sends else self.numbers, np.empty(0, np.int32), written)
        orders = numbers[:written].reshape(count, self.filled)
        orders[:, : self.size] = self.orders.rows(epoch, count, self.size)
        # What fills the last batch up are copies of one of its own samples: as harmless as that, whatever a layer makes of it.
        orders[:, self.size :] = orders[:, self.size - 1 : self.size]
        if sends:
            order = send_rows(numbers, self.numbers, written, self.placement)
        else:
            order = numbers if self.waits else self.placement.put_whole(numbers)
        return {"data": self.data, "order": order, "stride": np.int32(self.filled)}

    @property
    def is_whole(self) -> bool:
        """Whether an epoch is one chunk, so that a program can run several epochs at once."""
        return self.masked or self.size % self.batch_size == 0


def pad_rows(array: AnyArray, rows: int, written: int | None = None) -> AnyArray:
    """The array with copies of its last row added; where it is large, in memory that a CPU's programs read as it is.

    Args:
        array: at least one row.
        rows: rows of the result.
        written: how many of them are written; what stands in the others is not defined. All by default.

    >>> pad_rows(np.array([[1], [2]]), 4).ravel()
    array([1, 2, 2, 2])
    """
    size = array.shape[0]
    if isinstance(array, jax.Array):
        if not all(device.platform == "cpu" for device in array.devices()):
            return array if rows <= size else jnp.pad(array, [(0, rows - size)] + [(0, 0)] * (array.ndim - 1), mode="edge")
        array = np.asarray(array)
    if rows <= size and (array.nbytes < COPIED_BYTES or array.ctypes.data % ALIGNMENT == 0):
        return array
    written = rows if written is None else written
    padded = empty(max(rows, size), array, max(written, size))
    padded[:size] = array
    padded[size:written] = array[-1:]
    return padded


def put_rows(tree: Tree, rows: int, written: int, placement: Placement, waits: bool = False) -> Tree:
    """Samples on their device, with room for more.

    Args:
        tree: arrays of at least one sample.
        rows: samples there is room for.
        written: how many of them are written, beyond those that are there with copies of the last one.
        placement: where they go.
        waits: whether they stay on the host, for a program that takes them once.
    """
    if placement.platform == "cpu":
        padded = jax.tree.map(lambda a: pad_rows(a, rows, written), tree)
        return padded if waits else placement.put_samples(padded)
    return jax.tree.map(lambda a: send_rows(a, rows, written, placement), tree)


def send_rows(array: AnyArray, rows: int, written: int, placement: Placement) -> AnyArray:
    """As `pad_rows`, on a device with memory of its own: what is not written is not sent either.

    It goes there in pieces of few sizes, so that any number of samples runs the same few small programs.

    >>> send_rows(np.array([[1], [2], [3]]), 8, 3, HERE).shape
    (8, 1)
    """
    size = array.shape[0]
    if isinstance(array, jax.Array) or rows <= size:
        return placement.put_samples(pad_rows(array, rows, written))
    most = _power_of_two(max(1, PIECE_BYTES * size // max(1, array.nbytes)))
    room: AnyArray | None = None
    for start in range(0, written, most):
        length = min(most, 1 << (written - start - 1).bit_length(), rows - start)
        part = array[min(start, size - 1) : start + length]
        piece = placement.put_samples(part if len(part) == length else pad_rows(part, length))
        room = _make_room(piece, rows) if room is None else _fill_room(room, piece, start)
    assert room is not None, "at least one row is written"
    return room


@functools.partial(jax.jit, static_argnums=1)
def _make_room(piece: Array, rows: int) -> Array:
    return jnp.pad(piece, [(0, rows - piece.shape[0])] + [(0, 0)] * (piece.ndim - 1))


@functools.partial(jax.jit, donate_argnums=0)
def _fill_room(room: Array, piece: Array, start: Array) -> Array:
    return jax.lax.dynamic_update_slice_in_dim(room, piece, start, 0)


def empty(rows: int, like: np.ndarray, written: int) -> np.ndarray:
    """Memory for rows of an array, at an address that XLA takes without copying it.

    NumPy asks for large pages where it takes much memory; JAX does not, and needs four times as long to fill its copy. Where
    few of the rows will be written, pages are small, and those that are not written are never there.

    >>> empty(3, np.ones((2, 5)), 3).shape
    (3, 5)
    """
    shape = (rows, *like.shape[1:])
    size = int(np.prod(shape)) * like.dtype.itemsize
    if size >= SPARSE_BYTES and 4 * written <= rows:
        pages = mmap.mmap(-1, size)
        if hasattr(mmap, "MADV_NOHUGEPAGE"):
            pages.madvise(mmap.MADV_NOHUGEPAGE)
        return np.frombuffer(pages, np.uint8, size).view(like.dtype).reshape(shape)
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(like.dtype).reshape(shape)


class StreamFeed:
    """Batches from an iterator, joined to chunks by a thread that runs ahead.

    Args:
        batches: the source.
        limit: batches an epoch, where the source does not end by itself.
        masked: whether a smaller batch may be padded to the usual size.
        stacking: whether batches are stacked at all; not where callbacks want each one as it comes.
        placement: where the chunks live.
    """

    def __init__(self, batches: Batches, limit: int | None, masked: bool, stacking: bool = True, placement: Placement = HERE):
        self.batches, self.masked, self.stacking, self.placement = batches, masked, stacking, placement
        self.steps = limit if limit is not None else batches.length
        self.usual: int | None = None

    is_whole = False
    ahead = 1

    def chunks(self, epoch: int, last: int) -> Iterator[Chunk]:
        """The parts of one epoch as they come."""
        source = self.batches.start(epoch)
        ready: queue.Queue[Any] = queue.Queue(maxsize=2)
        stopped = threading.Event()

        def put(item: object) -> bool:
            while not stopped.is_set():
                try:
                    ready.put(item, timeout=0.1)
                    return True
                except queue.Full:
                    continue
            return False

        patience: float | None = None

        def take() -> Chunk | BaseException | None:
            nonlocal patience
            try:
                with exits.idle():
                    return ready.get()
            except BaseException:
                # Whoever ends the wait for a batch is not kept waiting for it.
                patience = SOON
                raise

        def work() -> None:
            try:
                for chunk in exits.each(self._stack(source)):
                    if not put(chunk):
                        return
                put(None)
            except BaseException as error:
                put(error)

        # Iterators that cannot be told to stop are read by this thread alone, and only as far as the epoch goes.
        worker = threading.Thread(target=work, name="kerata-feed", daemon=True)
        worker.start()
        try:
            while (item := take()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopped.set()
            worker.join(patience)
        self.batches.finish()

    def _stack(self, source: Iterator[Any]) -> Iterator[Chunk]:
        group: list[Any] = []
        shape: object = None
        taken = 0
        while self.steps is None or taken < self.steps:
            try:
                batch = next(source)
            except StopIteration:
                break
            taken += 1
            size = jax.tree.leaves(batch)[0].shape[0]
            self.usual = max(size, self.usual or 0)
            found = jax.tree.structure(batch), [(a.shape, a.dtype) for a in jax.tree.leaves(batch)]
            if group and (found != shape or len(group) >= self._room(group[0])):
                yield self._chunk(group)
                group = []
            group.append(batch)
            shape = found
        if group:
            yield self._chunk(group)
        if self.steps is not None and taken < self.steps:
            yield Chunk({}, "ended", 0, 0, taken, 0, False)

    def _room(self, batch: Batch) -> int:
        if not self.stacking:
            return 1
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(batch))
        return max(1, min(CHUNK_BATCHES, CHUNK_BYTES // max(size, 1)))

    def _chunk(self, group: list[Any]) -> Chunk:
        size = jax.tree.leaves(group[0])[0].shape[0]
        usual = self.usual or size
        count, samples, masked = len(group), int(UNLIMITED), self.masked
        if self.masked and size < usual and count == 1:
            group = [jax.tree.map(lambda a: pad_rows(a, usual), group[0])]
            samples, size = size, usual
        # Always room for the same number of samples, and as much as where all of them are there: so the same program runs.
        rows = room_for(self._room(group[0]) * size, group[0], gathered=False)
        here = rows if self.placement.platform == "cpu" else count * size
        data = jax.tree.map(lambda *leaves: _join(here, leaves), *group)
        data = put_rows(data, rows, count * size, self.placement)
        return Chunk({"data": data}, "ordered", size, 0, count, samples, masked, 0, MOST_EPOCHS)


def _join(rows: int, leaves: Sequence[AnyArray]) -> np.ndarray:
    """Arrays one behind the other in memory for a number of rows; what stands in the rest is not defined."""
    arrays = [np.asarray(leaf) for leaf in leaves]
    written = sum(map(len, arrays))
    joined = empty(rows, arrays[0], written)
    np.concatenate(arrays, out=joined[:written])
    return joined


def make_feed(
    prepared: Prepared,
    source: Samples | Batches,
    batch: Batch,
    batch_size: int,
    orders: Orders | None = None,
    steps: int | None = None,
    stacking: bool = True,
) -> DeviceFeed | StreamFeed:
    """The feed of a run.

    Args:
        prepared: the model.
        source: the data.
        batch: some of it, for its shapes.
        batch_size: samples a step.
        orders: of the samples in the epochs, where each has one of its own.
        steps: batches an epoch, where a person said it.
        stacking: as of `StreamFeed`.
    """
    plan = prepared.plan
    if isinstance(source, Samples) and not plan.training and steps is not None:
        # The same samples each time; no more than there are.
        source, steps = source.slice(0, min(source.size, steps * batch_size)), None
    whole = isinstance(source, Samples) and (steps is None or steps == -(-source.size // batch_size))
    rows, there = padded_batch(source.size, batch_size) if isinstance(source, Samples) and whole else (batch_size, None)
    masked = prepared.may_pad(batch, rows, there)
    if isinstance(source, Samples):
        if whole:
            return DeviceFeed(source, batch_size, masked, plan.findings, prepared.placement, orders)
        assert steps is not None
        source = repeat_samples(source, batch_size, None if orders is None else orders.shuffler(), steps)
    return StreamFeed(source, steps, masked, stacking, prepared.placement)


def first_batch(source: Samples | Batches, batch_size: int) -> tuple[Any, Any]:
    """One batch for its shapes, and the source with that batch still in it."""
    if isinstance(source, Samples):
        return source.slice(0, min(batch_size, source.size)).tree, source
    if source.peek is not None:
        return source.peek(), source
    iterator = source.start(0)
    try:
        batch = next(iterator)
    except StopIteration:
        raise ValueError("data: the source of batches must give at least one batch. Received: none.") from None
    pending: list[Any] = [batch]

    def start(epoch: int) -> Iterator[Any]:
        if pending:
            yield pending.pop()
            yield from iterator
        else:
            yield from source.start(epoch)

    if source.endless:
        shared = start(0)
        return batch, Batches(lambda epoch: shared, source.length, True, source.finish)
    return batch, Batches(start, source.length, False, source.finish)
