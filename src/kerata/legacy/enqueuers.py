"""Batches read ahead in threads, for programs that train in loops of their own: `OrderedEnqueuer`, `GeneratorEnqueuer`."""

import queue
import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from kerata.data.samples import HasBatches


class HasEpochs(HasBatches, Protocol):
    """A `Sequence`: batches by number, which may change after an epoch."""

    def on_epoch_end(self) -> None: ...


class SequenceEnqueuer:
    """Reads batches in threads, from `start()` to `stop()`, and gives them by `get()`.

    Args:
        sequence: where batches come from.
        use_multiprocessing: taken as then; threads read in any case.
    """

    def __init__(self, sequence: HasBatches | Iterator[Any], use_multiprocessing: bool = False):
        self.sequence, self.use_multiprocessing = sequence, use_multiprocessing
        self.queue: queue.Queue[Any] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def is_running(self) -> bool:
        return self._thread is not None and not self._stopping.is_set()

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Begins to read, at most `max_queue_size` batches ahead."""
        self.queue = queue.Queue(max(1, max_queue_size))
        self._stopping.clear()
        self._thread = threading.Thread(target=self._read, args=(max(1, workers),), daemon=True)
        self._thread.start()

    def stop(self, timeout: float | None = None) -> None:
        """Ends the reading; batches that nobody asked for are forgotten."""
        self._stopping.set()
        while not self.queue.empty():
            self.queue.get_nowait()
        if self._thread is not None:
            self._thread.join(timeout)

    def _put(self, item: object) -> bool:
        """Whether an item found its place before the end came."""
        while not self._stopping.is_set():
            try:
                self.queue.put(item, timeout=0.05)
                return True
            except queue.Full:
                continue
        return False

    def _read(self, workers: int) -> None:
        raise NotImplementedError("a SequenceEnqueuer must say how it reads")

    def get(self) -> Iterator[Any]:
        """The batches, one after the other; an error of the reading is raised here."""
        while self.is_running():
            try:
                item = self.queue.get(timeout=0.05)
            except queue.Empty:
                continue
            if item is None:
                return
            try:
                batch = item.result() if isinstance(item, Future) else item
            except Exception:
                self.stop()
                raise
            if batch is not None:
                yield batch


class OrderedEnqueuer(SequenceEnqueuer):
    """Reads the batches of a `Sequence` in their order, epoch after epoch.

    Args:
        sequence, use_multiprocessing: as of `SequenceEnqueuer`.
        shuffle: whether each epoch has an order of its own.
    """

    sequence: HasEpochs

    def __init__(self, sequence: HasEpochs, use_multiprocessing: bool = False, shuffle: bool = False):
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle
        self._ended = threading.Event()

    def join_end_of_epoch(self) -> None:
        """Waits, 30 seconds at most, until the next epoch is about to be read."""
        self._ended.wait(timeout=30)
        self._ended.clear()

    def _read(self, workers: int) -> None:
        with ThreadPoolExecutor(workers) as pool:
            while not self._stopping.is_set():
                order = list(range(len(self.sequence)))
                if self.shuffle:
                    random.shuffle(order)
                batches = []
                for index in order:
                    batches.append(pool.submit(self.sequence.__getitem__, index))
                    if not self._put(batches[-1]):
                        return
                # The data may change between epochs, so all of this one is read first.
                for batch in batches:
                    batch.exception()
                self.sequence.on_epoch_end()
                self._ended.set()


class GeneratorEnqueuer(SequenceEnqueuer):
    """Reads the batches of a generator, which may end.

    Args:
        sequence: the generator.
        use_multiprocessing, wait_time, random_seed, max_q_size, pickle_safe: taken as then; one thread reads.
    """

    sequence: Iterator[object]

    def __init__(
        self,
        sequence: Iterator[object],
        use_multiprocessing: bool = False,
        wait_time: object = None,
        random_seed: object = None,
        **kwargs: object,
    ):
        super().__init__(sequence, use_multiprocessing)

    def _read(self, workers: int) -> None:
        while not self._stopping.is_set():
            result: Future[Any] = Future()
            try:
                result.set_result(next(self.sequence))
            except StopIteration:
                self._put(None)
                return
            except Exception as error:
                result.set_exception(error)
            if not self._put(result) or result.exception() is not None:
                return
