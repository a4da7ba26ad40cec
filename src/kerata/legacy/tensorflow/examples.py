"""`tf.train.Example`: named lists of texts or numbers in one record, written and read as TensorFlow writes them."""

import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kerata.base.checks import message
from kerata.base.crc32c import crc32c, mask
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.io import path_of
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import DType, as_dtype, float32, int64, string
from kerata.saving.legacy.wire import Field, bytes_of, number_of, read_fields, read_varint, signed, text_of

OWNER = "tf.train.Example"
# Fields of a Feature, by the type of what it lists.
LISTS = {string: 1, float32: 2, int64: 3}


def varint(value: int) -> bytes:
    found = bytearray()
    value %= 2**64
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def field(number: int, data: bytes) -> bytes:
    """A field of bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


class BytesList:
    """Some texts."""

    dtype = string

    def __init__(self, value: Iterable[Any] = ()):
        self.value = [one.numpy() if hasattr(one, "numpy") else one for one in value]

    def encode(self) -> bytes:
        for one in self.value:
            if not isinstance(one, (bytes, bytearray)):
                raise TypeError(message("tf.train.BytesList", "bytes were expected", {"value": one}, "Give text.encode()"))
        return b"".join(field(1, bytes(one)) for one in self.value)


class FloatList:
    """Some numbers, in 32 bits."""

    dtype = float32

    def __init__(self, value: Iterable[Any] = ()):
        self.value = [float(one) for one in value]

    def encode(self) -> bytes:
        return field(1, struct.pack(f"<{len(self.value)}f", *self.value)) if self.value else b""


class Int64List:
    """Some whole numbers."""

    dtype = int64

    def __init__(self, value: Iterable[Any] = ()):
        self.value = [int(one) for one in value]

    def encode(self) -> bytes:
        return field(1, b"".join(varint(one) for one in self.value)) if self.value else b""


Text = bytes | Tensor


def bytes_of_text(text: Text) -> bytes:
    """The bytes of a text, or of a tensor that is one."""
    return text.numpy() if isinstance(text, Tensor) else text


List = BytesList | FloatList | Int64List


class Feature:
    """One list."""

    def __init__(
        self, bytes_list: BytesList | None = None, float_list: FloatList | None = None, int64_list: Int64List | None = None
    ):
        self.bytes_list, self.float_list, self.int64_list = (
            bytes_list or BytesList(),
            float_list or FloatList(),
            int64_list or Int64List(),
        )
        given = [one for one in (bytes_list, float_list, int64_list) if one is not None]
        if len(given) > 1:
            raise ValueError(message("tf.train.Feature", "one list was expected", {"lists": len(given)}))
        self.held: List | None = given[0] if given else None

    def WhichOneof(self, name: str) -> str | None:
        """The name of the list that it holds."""
        return next((n for n in ("bytes_list", "float_list", "int64_list") if getattr(self, n) is self.held), None)

    def encode(self) -> bytes:
        return b"" if self.held is None else field(LISTS[self.held.dtype], self.held.encode())


class Features:
    """Features by name."""

    def __init__(self, feature: Mapping[str, Feature] | None = None):
        self.feature = dict(feature or {})

    def encode(self) -> bytes:
        return b"".join(
            field(1, field(1, name.encode()) + field(2, self.feature[name].encode())) for name in sorted(self.feature)
        )


class Example:
    """Features by name, as one record.

    >>> example = Example(Features({"a": Feature(int64_list=Int64List([1, -2]))}))
    >>> Example.FromString(example.SerializeToString()).features.feature["a"].int64_list.value
    [1, -2]
    """

    def __init__(self, features: Features | None = None):
        self.features = features or Features()

    def SerializeToString(self) -> bytes:
        """The bytes of a record."""
        return field(1, self.features.encode())

    def ParseFromString(self, data: bytes) -> None:
        """Reads the bytes of a record."""
        self.features = Features(dict(read_example(data)))

    @classmethod
    def FromString(cls, data: Text) -> "Example":
        """The example in the bytes of a record."""
        made = cls()
        made.ParseFromString(bytes_of_text(data))
        return made


def read_example(data: bytes) -> Iterator[tuple[str, Feature]]:
    """(name, feature) of what a record holds."""
    for features in messages(data, 1):
        for entry in messages(features, 1):
            parts = {one.number: one for one in read_fields(entry, OWNER)}
            if 1 in parts:
                yield text_of(parts[1], OWNER), read_feature(bytes_of(parts[2], OWNER) if 2 in parts else memoryview(b""))


def messages(data: bytes | memoryview, number: int) -> Iterator[memoryview]:
    return (bytes_of(one, OWNER) for one in read_fields(data, OWNER) if one.number == number)


def read_feature(data: memoryview) -> Feature:
    for one in read_fields(data, OWNER):
        fields = [inner for inner in read_fields(bytes_of(one, OWNER), OWNER) if inner.number == 1]
        if one.number == 1:
            return Feature(bytes_list=BytesList(bytes(bytes_of(inner, OWNER)) for inner in fields))
        if one.number == 2:
            return Feature(float_list=FloatList(number for inner in fields for number in read_floats(inner)))
        if one.number == 3:
            return Feature(int64_list=Int64List(number for inner in fields for number in read_whole(inner)))
    return Feature()


def read_floats(one: Field) -> list[float]:
    """Numbers that stand together, or one alone."""
    data = struct.pack("<I", one.value) if isinstance(one.value, int) else bytes(one.value)
    if len(data) % 4:
        raise InvalidArgumentError(message(OWNER, "a list of numbers in it is cut off"))
    return np.frombuffer(data, "<f4").tolist()


def read_whole(one: Field) -> list[int]:
    """Whole numbers that stand together, or one alone."""
    if isinstance(one.value, int):
        return [signed(number_of(one, OWNER))]
    found, place = [], 0
    while place < len(one.value):
        value, place = read_varint(one.value, place, OWNER)
        found.append(signed(value))
    return found


# Reading into tensors


class FixedLenFeature(NamedTuple):
    """A feature of so many numbers in each record; `default_value` stands where one has none."""

    shape: object
    dtype: object
    default_value: object = None


def parse_single_example(
    serialized: Text, features: Mapping[str, FixedLenFeature], example_names: object = None, name: str | None = None
) -> dict[str, Any]:
    """The tensors of a record, by name."""
    data = bytes_of_text(serialized)
    return {key: convert(value, dtype) for key, (value, dtype) in read_values(data, features).items()}


def parse_example(
    serialized: Text | Sequence[Text],
    features: Mapping[str, FixedLenFeature],
    example_names: object = None,
    name: str | None = None,
) -> dict[str, Any]:
    """The tensors of some records, by name, one below the other."""
    records = [read_values(one, features) for one in np.ravel(convert(serialized).numpy())]
    return {key: convert(np.stack([one[key][0] for one in records]), records[0][key][1]) for key in features} if records else {}


def read_values(data: bytes, features: Mapping[str, FixedLenFeature]) -> dict[str, tuple[np.ndarray, DType]]:
    """The array and the type of each feature that is asked for."""
    held = dict(read_example(data))
    return {key: (read_value(key, wanted, held.get(key)), as_dtype(wanted.dtype)) for key, wanted in features.items()}


def read_value(key: str, wanted: FixedLenFeature, feature: Feature | None) -> np.ndarray:
    if not isinstance(wanted, FixedLenFeature):
        fix = "Use tf.io.FixedLenFeature(shape, dtype)"
        raise NotImplementedError(message("tf.io.parse_example", "features of any length are not there", {key: wanted}, fix))
    dtype, shape = as_dtype(wanted.dtype), tuple(np.asarray(wanted.shape, int).ravel().tolist())
    kind = object if dtype == string else dtype.dtype
    values = None if feature is None or feature.held is None else feature.held
    if values is None or not values.value:
        if wanted.default_value is None:
            raise InvalidArgumentError(f"Feature: {key} (data type: {dtype.name}) is required but could not be found.")
        default = np.asarray(wanted.default_value, kind)
        return np.broadcast_to(default, shape).copy() if default.size == 1 else default.reshape(shape)
    if values.dtype != dtype:
        raise InvalidArgumentError(f"Key: {key}. Data types don't match. Expected type: {dtype.name}, got {values.dtype.name}")
    array = np.empty(len(values.value), kind)
    array[:] = values.value
    if array.size != int(np.prod(shape)):
        raise InvalidArgumentError(
            f"Key: {key}. Number of {dtype.name} values != expected. Values size: {array.size} but output shape: {list(shape)}"
        )
    return array.reshape(shape)


class TFRecordWriter:
    """Writes records to a file.

    Args:
        path: of the file.
    """

    def __init__(self, path: str | os.PathLike | Tensor, options: object = None):
        if options:
            raise NotImplementedError(message("tf.io.TFRecordWriter", "compressed files are not written", {"options": options}))
        self.stream = open(path_of(path), "wb")  # noqa: SIM115, it is closed by whoever writes

    def write(self, record: Text) -> None:
        """Writes one record."""
        data = bytes_of_text(record)
        length = struct.pack("<Q", len(data))
        for part in (length, data):
            self.stream.write(part + struct.pack("<I", mask(crc32c(part))))

    def flush(self) -> None:
        self.stream.flush()

    def close(self) -> None:
        self.stream.close()

    def __enter__(self) -> "TFRecordWriter":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


KINDS = (BytesList, FloatList, Int64List, Feature, Features, Example)
READING: dict[str, Any] = {
    "FixedLenFeature": FixedLenFeature,
    "parse_single_example": parse_single_example,
    "parse_example": parse_example,
    "TFRecordWriter": TFRecordWriter,
}
