"""`tf.train.Example`: named lists of texts or numbers in one record, written and read as TensorFlow writes them."""

import gzip
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from kerata.base.checks import message
from kerata.base.crc32c import crc32c, mask
from kerata.base.refusals import FileError
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.io import path_of, records_of
from kerata.legacy.tensorflow.sparse import SparseTensor, of_rows
from kerata.legacy.tensorflow.strings import Ragged
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import as_dtype, float32, int64, string
from kerata.saving.legacy.wire import Field, bytes_of, field, number_of, read_fields, read_varint, signed, text_of, varint

OWNER = "tf.train.Example"
# Fields of a Feature, by the type of what it lists.
LISTS = {string: 1, float32: 2, int64: 3}


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


class FixedLenSequenceFeature(NamedTuple):
    """A feature of any number of rows of a shape; in a batch, shorter ones are filled up with `default_value`, or with 0."""

    shape: object
    dtype: object
    allow_missing: bool = False
    default_value: object = None


class VarLenFeature(NamedTuple):
    """A feature of any number of numbers: a sparse tensor."""

    dtype: object


class RaggedFeature(NamedTuple):
    """A feature of any number of numbers: a row of a ragged tensor."""

    dtype: object
    value_key: str | None = None
    partitions: tuple[object, ...] = ()


Wanted = FixedLenFeature | FixedLenSequenceFeature | VarLenFeature | RaggedFeature


def parse_single_example(
    serialized: Text, features: Mapping[str, Wanted], example_names: object = None, name: str | None = None
) -> dict[str, Any]:
    """The tensors of a record, by name."""
    (record,) = read_records([bytes_of_text(serialized)], features)
    return of_one(record, features)


def read_record(held: Mapping[str, Feature], features: Mapping[str, Wanted]) -> dict[str, Any]:
    """The tensors of features by name."""
    check_kinds(features)
    return of_one({key: read_value(key, wanted, held.get(key)) for key, wanted in features.items()}, features)


def of_one(record: dict[str, np.ndarray], features: Mapping[str, Wanted]) -> dict[str, Any]:
    found = {key: gathered([record[key]], wanted) for key, wanted in features.items()}
    return {key: without_rows(one) if isinstance(one, SparseTensor) else one[0] for key, one in found.items()}


def without_rows(sparse: SparseTensor) -> SparseTensor:
    """The only row of a sparse tensor."""
    return SparseTensor(sparse.indices.numpy()[:, 1:], sparse.values, sparse.dense_shape.numpy()[1:])


def parse_example(
    serialized: Text | Sequence[Text], features: Mapping[str, Wanted], example_names: object = None, name: str | None = None
) -> dict[str, Any]:
    """The tensors of some records, by name, one below the other."""
    records = read_records(np.ravel(convert(serialized).numpy()).tolist(), features)
    return {key: gathered([one[key] for one in records], wanted) for key, wanted in features.items()}


def read_records(texts: Iterable[bytes], features: Mapping[str, Wanted]) -> list[dict[str, np.ndarray]]:
    """Of each record the arrays of the features that are asked for."""
    check_kinds(features)
    found = []
    for data in texts:
        try:
            held = dict(read_example(data))
        except FileError as error:
            raise InvalidArgumentError(f"Could not parse example input: {error}") from error
        found.append({key: read_value(key, wanted, held.get(key)) for key, wanted in features.items()})
    return found


def check_kinds(features: Mapping[str, Wanted]) -> None:
    for key, wanted in features.items():
        if not isinstance(wanted, (FixedLenFeature, FixedLenSequenceFeature, VarLenFeature, RaggedFeature)):
            fix = "Use tf.io.FixedLenFeature, FixedLenSequenceFeature, VarLenFeature or RaggedFeature"
            raise NotImplementedError(message("tf.io.parse_example", "such a feature is not there", {key: wanted}, fix))
        if isinstance(wanted, RaggedFeature) and (wanted.partitions or wanted.value_key not in (None, key)):
            expected = "a RaggedFeature has no `partitions` here, and the name of its values"
            raise NotImplementedError(message("tf.io.parse_example", expected, {key: wanted}, "Use VarLenFeature"))


def gathered(rows: list[np.ndarray], wanted: Wanted) -> Tensor | SparseTensor | Ragged:
    """The values of a feature in some records, as one tensor."""
    kind = as_dtype(wanted.dtype)
    if isinstance(wanted, RaggedFeature):
        return Ragged([Tensor(row, kind) for row in rows], kind)
    if isinstance(wanted, VarLenFeature):
        return of_rows(rows, kind)
    if isinstance(wanted, FixedLenSequenceFeature):
        longest = max(map(len, rows), default=0)
        fill = wanted.default_value if wanted.default_value is not None else b"" if kind == string else 0
        made = np.full((len(rows), longest, *shape_of(wanted)), convert(fill).numpy(), kind.dtype)
        for place, row in zip(made, rows, strict=True):
            place[: len(row)] = row
        return Tensor(made, kind)
    return Tensor(np.stack(rows) if rows else np.zeros((0, *shape_of(wanted)), kind.dtype), kind)


def shape_of(wanted: FixedLenFeature | FixedLenSequenceFeature) -> tuple[int, ...]:
    return tuple(np.asarray(wanted.shape, int).ravel().tolist())


def read_value(key: str, wanted: Wanted, feature: Feature | None) -> np.ndarray:
    """The array of a feature in a record."""
    dtype = as_dtype(wanted.dtype)
    values = None if feature is None or feature.held is None or not feature.held.value else feature.held
    if values is not None and values.dtype != dtype:
        raise InvalidArgumentError(f"Key: {key}. Data types don't match. Expected type: {dtype.name}, got {values.dtype.name}")
    array = np.empty(0 if values is None else len(values.value), dtype.dtype)
    array[:] = [] if values is None else values.value
    if isinstance(wanted, (VarLenFeature, RaggedFeature)):
        return array
    shape = shape_of(wanted)
    size = int(np.prod(shape))
    if isinstance(wanted, FixedLenSequenceFeature):
        if not wanted.allow_missing:
            raise ValueError(
                f"Unsupported: FixedLenSequenceFeature requires allow_missing to be True. Received: {key}: {wanted}"
            )
        if array.size % max(size, 1):
            raise InvalidArgumentError(
                f"Key: {key}. Number of {dtype.name} values is no multiple of stride length. Saw {array.size} values, and the "
                f"output shape is: {list(shape)}"
            )
        return array.reshape(-1, *shape)
    if values is None:
        if wanted.default_value is None:
            raise InvalidArgumentError(f"Feature: {key} (data type: {dtype.name}) is required but could not be found.")
        default = np.asarray(convert(wanted.default_value).numpy()).astype(dtype.dtype)
        return np.broadcast_to(default, shape).copy() if default.size == 1 else default.reshape(shape)
    if array.size != size:
        raise InvalidArgumentError(
            f"Key: {key}. Number of {dtype.name} values != expected. Values size: {array.size} but output shape: {list(shape)}"
        )
    return array.reshape(shape)


# Writing


class TFRecordCompressionType:
    """How TensorFlow 1 said whether files are compressed."""

    NONE, ZLIB, GZIP = 0, 1, 2


COMPRESSIONS = {None: "", "": "", "ZLIB": "ZLIB", "GZIP": "GZIP", 0: "", 1: "ZLIB", 2: "GZIP"}


class TFRecordOptions:
    """Whether a file of records is compressed.

    Args:
        compression_type: `"GZIP"`, `"ZLIB"`, or none.
        compression_level: from 0 to 9; -1 for that of zlib. The other arguments change nothing in what is read back.
    """

    def __init__(
        self,
        compression_type: object = None,
        flush_mode: object = None,
        input_buffer_size: object = None,
        output_buffer_size: object = None,
        window_bits: object = None,
        compression_level: int | None = None,
        compression_method: object = None,
        mem_level: object = None,
        compression_strategy: object = None,
    ):
        if compression_type not in COMPRESSIONS:
            expected = "`compression_type` is 'GZIP', 'ZLIB' or None"
            raise ValueError(message("tf.io.TFRecordOptions", expected, {"compression_type": compression_type}))
        self.compression_type = COMPRESSIONS[compression_type]  # type: ignore[index]
        self.compression_level = -1 if compression_level is None else int(compression_level)


class Deflated:
    """A file that is written through zlib."""

    def __init__(self, path: str, level: int):
        self.file, self.packer = open(path, "wb"), zlib.compressobj(level)  # noqa: SIM115, closed by `close`

    def write(self, data: bytes) -> None:
        self.file.write(self.packer.compress(data))

    def flush(self) -> None:
        self.file.write(self.packer.flush(zlib.Z_SYNC_FLUSH))
        self.file.flush()

    def close(self) -> None:
        if not self.file.closed:
            self.file.write(self.packer.flush())
            self.file.close()


class TFRecordWriter:
    """Writes records to a file.

    Args:
        path: of the file.
        options: `"GZIP"`, `"ZLIB"` or `TFRecordOptions`, where it is to be compressed.
    """

    stream: "IO[bytes] | gzip.GzipFile | Deflated"

    def __init__(self, path: str | os.PathLike | Tensor, options: object = None):
        options = options if isinstance(options, TFRecordOptions) else TFRecordOptions(options)
        where, level = path_of(path), options.compression_level
        if options.compression_type == "GZIP":
            self.stream = gzip.open(where, "wb", 9 if level < 0 else level)  # noqa: SIM115, as below
        elif options.compression_type == "ZLIB":
            self.stream = Deflated(where, level)
        else:
            self.stream = open(where, "wb")  # noqa: SIM115, it is closed by whoever writes

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


def tf_record_iterator(path: str | os.PathLike | Tensor, options: object = None) -> Iterator[bytes]:
    """The records of a file."""
    options = options if isinstance(options, TFRecordOptions) else TFRecordOptions(options)
    return records_of(path_of(path), options.compression_type)


KINDS = (BytesList, FloatList, Int64List, Feature, Features, Example)
READING: dict[str, Any] = {
    "FixedLenFeature": FixedLenFeature,
    "FixedLenSequenceFeature": FixedLenSequenceFeature,
    "VarLenFeature": VarLenFeature,
    "RaggedFeature": RaggedFeature,
    "parse_single_example": parse_single_example,
    "parse_example": parse_example,
    "TFRecordWriter": TFRecordWriter,
    "TFRecordOptions": TFRecordOptions,
}
# What TensorFlow 1 called `python_io`.
PYTHON_IO: dict[str, Any] = {
    "TFRecordWriter": TFRecordWriter,
    "TFRecordOptions": TFRecordOptions,
    "TFRecordCompressionType": TFRecordCompressionType,
    "tf_record_iterator": tf_record_iterator,
}
