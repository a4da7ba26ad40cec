"""Files of events, as TensorBoard reads them: numbers, histograms, pictures, texts and graphs, each with its step.

A file is a row of TensorFlow's records, and each record a message of protocol buffers, written by hand.
"""

import itertools
import os
import socket
import struct
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from kerata.base.checks import message
from kerata.base.crc32c import crc32c, mask

# Kinds of fields in a message.
VARINT, DOUBLE, BYTES, FLOAT = 0, 1, 2, 5
STRING_TYPE = 7
BUCKETS = 30
_numbers = itertools.count()


def varint(value: int) -> bytes:
    """A whole number, seven bits a byte.

    >>> varint(300).hex()
    'ac02'
    """
    value &= 2**64 - 1
    found = bytearray()
    while value >= 128:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def field(number: int, value: int | float | str | bytes) -> bytes:
    """A field of a message: a number, a text, or bytes, which may be a message of their own."""
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | DOUBLE) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | BYTES) + varint(len(data)) + data


def packed(number: int, values: Iterable[float]) -> bytes:
    """A field of many numbers."""
    return field(number, np.asarray(list(values), "<f8").tobytes())


class EventWriter:
    """Writes a file of events into a folder, which TensorBoard shows as one run.

    Args:
        folder: the folder; it is made.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> writer = EventWriter(folder)
    >>> writer.scalar("loss", 0.5, step=1)
    >>> writer.close()
    >>> [name.startswith("events.out.tfevents.") for name in os.listdir(folder)]
    [True]
    """

    def __init__(self, folder: str | os.PathLike[str]):
        Path(folder).mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}.v2"
        self.path = Path(folder) / name
        self._file = open(self.path, "wb")  # noqa: SIM115, it is open as long as the run
        self._event(field(3, "brain.Event:2"))

    def scalar(self, name: str, data: ArrayLike, step: int = 0) -> None:
        """A number."""
        value = np.asarray(data)
        if value.size != 1:
            raise ValueError(message("EventWriter.scalar", "`data` must be one number", {"name": name, "shape": value.shape}))
        number = struct.pack("<f", float(value.reshape(())))
        self._summary(name, varint(2 << 3 | FLOAT) + number, step)

    def histogram(self, name: str, data: ArrayLike, step: int = 0, buckets: int = BUCKETS) -> None:
        """How numbers are spread; those that are not finite are left out."""
        values = np.asarray(data, "float64").ravel()
        values = values[np.isfinite(values)]
        counts, edges = np.histogram(values, buckets) if values.size else (np.zeros(1), np.array([0.0, 0.0]))
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
        moments = (low, high, float(values.size), float(values.sum()), float(np.square(values).sum()))
        fields = b"".join(field(place, value) for place, value in enumerate(moments, 1))
        self._summary(name, field(5, fields + packed(6, edges[1:]) + packed(7, counts)), step)

    def image(self, name: str, data: ArrayLike, step: int = 0, max_outputs: int = 3) -> None:
        """Pictures (number, height, width, channels), bytes or numbers in [0, 1]."""
        pictures = np.asarray(data)
        if pictures.ndim != 4 or pictures.shape[-1] not in (1, 3, 4):
            text = "`data` must have the shape (pictures, height, width, 1, 3 or 4 channels)"
            raise ValueError(message("EventWriter.image", text, {"name": name, "shape": pictures.shape}))
        if pictures.dtype != np.uint8:
            pictures = np.round(255 * np.clip(np.nan_to_num(pictures.astype("float32")), 0, 1)).astype("uint8")
        for place, picture in enumerate(pictures[:max_outputs]):
            height, width, channels = picture.shape
            shown = field(1, height) + field(2, width) + field(3, channels) + field(4, png(picture))
            self._summary(f"{name}/{place}" if len(pictures) > 1 else name, field(4, shown), step)

    def text(self, name: str, data: str | Sequence[str], step: int = 0) -> None:
        """A text, which may be Markdown, or several."""
        self._summary(name, self._strings([data] if isinstance(data, str) else data, "text"), step)

    def audio(self, name: str, data: bytes, rate: int, shape: tuple[int, int], step: int = 0) -> None:
        """A sound: the bytes of a WAV file, samples a second, and the number of samples and of channels."""
        speed = varint(1 << 3 | FLOAT) + struct.pack("<f", float(rate))
        sound = speed + field(2, shape[1]) + field(3, shape[0]) + field(4, data) + field(5, "audio/wav")
        self._summary(name, field(6, sound), step)

    def config(self, name: str, data: str, step: int = 0) -> None:
        """A model's description as JSON, of which TensorBoard draws the layers."""
        self._summary(name, self._strings([data], "graph_keras_model"), step)

    def graph(self, nodes: Sequence[tuple[str, str, Sequence[str]]]) -> None:
        """A graph of nodes: (name, kind, names of the nodes that it takes)."""
        found = b""
        for name, kind, inputs in nodes:
            found += field(1, field(1, name) + field(2, kind) + b"".join(field(3, one) for one in inputs))
        self._event(field(4, found))
        self.flush()

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    @staticmethod
    def _strings(texts: Sequence[str], plugin: str) -> bytes:
        """A list of texts, and the plugin that shows it."""
        shape = field(2, field(2, field(1, len(texts)))) if plugin == "text" else field(2, b"")
        tensor = field(1, STRING_TYPE) + shape + b"".join(field(8, text) for text in texts)
        return field(9, field(1, field(1, plugin) + field(2, "1"))) + field(8, tensor)

    def _summary(self, name: str, value: bytes, step: int) -> None:
        self._event(field(2, int(step)) + field(5, field(1, field(1, name) + value)))

    def _event(self, content: bytes) -> None:
        data = field(1, time.time()) + content
        head = struct.pack("<Q", len(data))
        self._file.write(head + struct.pack("<I", mask(crc32c(head))) + data + struct.pack("<I", mask(crc32c(data))))


def png(picture: np.ndarray) -> bytes:
    """A picture (height, width, channels) of bytes as a PNG file.

    >>> png(np.zeros((2, 2, 1), "uint8"))[1:4]
    b'PNG'
    """
    height, width, channels = picture.shape
    kind = {1: 0, 3: 2, 4: 6}[channels]
    # Each row begins with the number of a filter; 0 is none.
    rows = np.concatenate([np.zeros((height, 1), "uint8"), picture.reshape(height, width * channels)], axis=1)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0),
        b"IDAT": zlib.compress(rows.tobytes()),
        b"IEND": b"",
    }
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + body
