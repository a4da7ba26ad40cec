"""`tf.summary`: numbers, pictures, texts and sounds for TensorBoard, in files of events."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, SupportsInt

import numpy as np

from kerata.base.blocks import Within, ambient
from kerata.base.checks import message
from kerata.base.types import PathLike
from kerata.callbacks.events import BUCKETS, EventWriter
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.signals import encode_wav
from kerata.legacy.tensorflow.tape import needs_python

_local = ambient()

Step = SupportsInt | None
Condition = bool | Callable[[], object]


class Writer:
    """A writer of event files.

    Args:
        logdir: the folder; the file is made with the first thing that is written. `None` for a writer that writes nothing.
    """

    def __init__(self, logdir: PathLike | None):
        self.logdir = logdir
        self._events: EventWriter | None = None

    @property
    def events(self) -> EventWriter | None:
        if self._events is None and self.logdir is not None:
            self._events = EventWriter(self.logdir)
        return self._events

    @contextlib.contextmanager
    def as_default(self, step: Step = None) -> Iterator["Writer"]:
        """Within the block numbers go to this writer; they are of this step where they say none."""
        with Within(_local, writer=self, step=get_step() if step is None else step):
            try:
                yield self
            finally:
                self.flush()

    def set_as_default(self, step: Step = None) -> None:
        """From now on numbers go to this writer."""
        _local.writer = self
        if step is not None:
            _local.step = step

    def init(self) -> None:
        """Makes the file."""
        _ = self.events

    def flush(self) -> None:
        if self._events is not None:
            self._events.flush()

    def close(self) -> None:
        if self._events is not None:
            self._events.close()


class FileWriter(Writer):
    """The writer of TensorFlow 1, which is handed summaries.

    Args:
        logdir: the folder.
        graph: left out: there is none.
    """

    def __init__(self, logdir: PathLike, graph: object = None, *args: object, **kwargs: object):
        super().__init__(logdir)

    def add_summary(self, summary: "Summary", global_step: Step = None) -> None:
        """Writes the values of a summary."""
        if not isinstance(summary, Summary):
            fix = "Give tf.Summary(value=[tf.Summary.Value(tag=..., simple_value=...)])"
            raise TypeError(message("FileWriter.add_summary", "`summary` must be a tf.Summary", {"summary": summary}, fix))
        for one in summary.value:
            assert self.events is not None
            self.events.scalar(one.tag, one.simple_value, 0 if global_step is None else int(global_step))

    def add_graph(self, graph: object, *args: object, **kwargs: object) -> None:
        """Nothing: what `TensorBoard(write_graph=True)` draws is the model."""


class Value:
    """A number and its name."""

    def __init__(self, tag: str = "", simple_value: float = 0.0, **_: object):
        self.tag, self.simple_value = tag, simple_value


class Values(list[Value]):
    def add(self, tag: str = "", simple_value: float = 0.0) -> Value:
        """One more, which is filled in by those who asked for it."""
        self.append(Value(tag, simple_value))
        return self[-1]


class Summary:
    """The message of TensorFlow 1 that holds numbers and their names."""

    Value = Value

    def __init__(self, value: Iterable[Value] = ()):
        self.value = Values(value)


def current_writer() -> Writer | None:
    """The writer of the block."""
    return getattr(_local, "writer", None)


def get_step() -> Step:
    """The step of what says none."""
    return getattr(_local, "step", None)


def is_recording() -> bool:
    """Whether what is written now is written anywhere."""
    condition: Condition | None = getattr(_local, "condition", None)
    wanted = True if condition is None else condition() if callable(condition) else condition
    return current_writer() is not None and bool(np.asarray(convert(wanted).numpy()))


def record_if(condition: Condition) -> Within:
    """Within the block things are written only where the condition holds."""
    return Within(_local, condition=condition)


def events_of(name: str, step: Step) -> tuple[EventWriter, int] | None:
    """Where something is written, and its step; `None` where nothing is."""
    needs_python("tf.summary")
    writer = current_writer()
    if writer is None or writer.events is None or not is_recording():
        return None
    found = get_step() if step is None else step
    if found is None:
        fix = "Give step=, or say tf.summary.experimental.set_step(step) before"
        raise ValueError(message("tf.summary", "No step set", {"name": name}, fix))
    # Of a variable, as of what is written, a program has no numbers: then its steps run as Python.
    return writer.events, int(numbers_of(found))


def numbers_of(data: object) -> np.ndarray:
    return np.asarray(convert(data).numpy())


def scalar(name: str, data: object, step: Step = None, description: str | None = None) -> bool:
    """A number."""
    if found := events_of(name, step):
        found[0].scalar(name, numbers_of(data), found[1])
    return found is not None


def histogram(name: str, data: object, step: Step = None, buckets: int | None = None, description: str | None = None) -> bool:
    """How numbers are spread."""
    if found := events_of(name, step):
        found[0].histogram(name, numbers_of(data), found[1], BUCKETS if buckets is None else buckets)
    return found is not None


def image(name: str, data: object, step: Step = None, max_outputs: int = 3, description: str | None = None) -> bool:
    """Pictures (number, height, width, channels), bytes or numbers in [0, 1]."""
    if found := events_of(name, step):
        found[0].image(name, numbers_of(data), found[1], max_outputs)
    return found is not None


def text(name: str, data: object, step: Step = None, description: str | None = None) -> bool:
    """A text, or several."""
    if found := events_of(name, step):
        flat = [data] if isinstance(data, str) else numbers_of(data).ravel().tolist()
        texts = [one.decode() if isinstance(one, bytes) else str(one) for one in flat]
        found[0].text(name, texts[0] if len(texts) == 1 else texts, found[1])
    return found is not None


def audio(
    name: str,
    data: object,
    sample_rate: int,
    step: Step = None,
    max_outputs: int = 3,
    encoding: str | None = None,
    description: str | None = None,
) -> bool:
    """Sounds (number, samples, channels), numbers from -1 to 1."""
    if found := events_of(name, step):
        sounds = numbers_of(data)
        if sounds.ndim != 3:
            expected = "`data` must have the shape (sounds, samples, channels)"
            raise ValueError(message("tf.summary.audio", expected, {"name": name, "shape": sounds.shape}))
        for place, sound in enumerate(sounds[:max_outputs]):
            full = f"{name}/{place}" if len(sounds) > 1 else name
            found[0].audio(full, encode_wav(sound, sample_rate).numpy(), int(sample_rate), sound.shape, found[1])
    return found is not None


def set_step(step: Step) -> None:
    """From now on what says no step is of this one."""
    _local.step = step


def flush(writer: Writer | None = None) -> None:
    """Writes out what a writer has been given, that of the block where none is named."""
    found = current_writer() if writer is None else writer
    if found is not None:
        found.flush()


NAMES: dict[str, Any] = {
    "create_file_writer": lambda logdir, *args, **kwargs: Writer(logdir),
    "create_noop_writer": lambda: Writer(None),
    "SummaryWriter": Writer,
    "FileWriter": FileWriter,
    "Summary": Summary,
    "scalar": scalar,
    "histogram": histogram,
    "image": image,
    "text": text,
    "audio": audio,
    "flush": flush,
    "record_if": record_if,
    "should_record_summaries": is_recording,
    "graph": lambda graph_data: False,
    "trace_on": lambda *args, **kwargs: None,
    "trace_off": lambda *args, **kwargs: None,
    "trace_export": lambda *args, **kwargs: None,
}
EXPERIMENTAL: dict[str, Any] = {"get_step": get_step, "set_step": set_step}
