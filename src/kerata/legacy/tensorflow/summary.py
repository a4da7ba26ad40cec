"""`tf.summary`: numbers for TensorBoard, written by tensorboardX."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, SupportsInt

import numpy as np

from kerata.base.blocks import ambient
from kerata.base.checks import message
from kerata.base.types import PathLike
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.tape import needs_python

_local = ambient()


class Writer:
    """A writer of event files.

    Args:
        logdir: the folder.
    """

    def __init__(self, logdir: PathLike):
        try:
            import tensorboardX  # type: ignore[import-not-found]
        except ImportError:
            raise ImportError(
                message(
                    "tf.summary",
                    "event files are written by tensorboardX, which is not there",
                    None,
                    "pip install tensorboardX",
                )
            ) from None
        self.events = tensorboardX.SummaryWriter(str(logdir))

    @contextlib.contextmanager
    def as_default(self, step: object = None) -> Iterator["Writer"]:
        """Within the block numbers go to this writer."""
        before = getattr(_local, "writer", None)
        _local.writer = self
        try:
            yield self
        finally:
            _local.writer = before

    def flush(self) -> None:
        self.events.flush()

    def close(self) -> None:
        self.events.close()


def to_writer(method: str) -> Callable[..., bool]:
    """A function that gives a number, picture or text to the writer of the block, if there is one."""

    def call(name: str, data: object, step: SupportsInt | None = None, **kwargs: object) -> bool:
        writer = getattr(_local, "writer", None)
        needs_python("tf.summary")
        if writer is None:
            return False
        values = data if isinstance(data, str) else np.asarray(convert(data).numpy())
        options = {"dataformats": "NHWC"} if method == "add_images" else {}
        getattr(writer.events, method)(name, values, None if step is None else int(step), **options)
        return True

    return call


NAMES: dict[str, Any] = {
    "create_file_writer": lambda logdir, *args, **kwargs: Writer(logdir),
    "SummaryWriter": Writer,
    "scalar": to_writer("add_scalar"),
    "histogram": to_writer("add_histogram"),
    "image": to_writer("add_images"),
    "text": to_writer("add_text"),
    "trace_on": lambda *args, **kwargs: None,
    "trace_export": lambda *args, **kwargs: None,
}
