"""`tf.io.serialize_tensor` and `tf.io.parse_tensor`: a tensor as bytes, which are TensorFlow's (a `TensorProto`)."""

import math
from collections.abc import Iterator

import numpy as np

from kerata.base.limits import take_bytes
from kerata.base.refusals import FileError
from kerata.base.types import DTypeLike
from kerata.engine.types import TensorLike
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.examples import Text, bytes_of_text
from kerata.legacy.tensorflow.io import text
from kerata.legacy.tensorflow.strings import objects
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import DType, as_dtype, string
from kerata.saving.legacy.wire import Field, bytes_of, field, number_of, read_fields, read_varint, signed

OWNER = "tf.io.parse_tensor"
# The numbers of types in the format.
_TYPES = """
float32:1 float64:2 int32:3 uint8:4 int16:5 int8:6 string:7 complex64:8 int64:9 bool:10 bfloat16:14 uint16:17 complex128:18
float16:19 uint32:22 uint64:23
"""
TYPES = {name: int(number) for name, _, number in (one.partition(":") for one in _TYPES.split())}
NAMES = {number: name for name, number in TYPES.items()}
# Fields of a message: type, sizes, all numbers as bytes; texts; numbers one by one, by how they are written.
KIND, SHAPE, CONTENT, TEXTS = 1, 2, 4, 8
FLOATS = {5: "<f4", 6: "<f8", 9: "<c8", 12: "<c16"}
WHOLE = (7, 10, 11, 13, 16, 17)
# Fields of whole numbers that stand for the bits of floats.
BITS = 13


def serialize_tensor(tensor: TensorLike, name: str | None = None) -> Tensor:
    """The bytes of a tensor, as a text."""
    given = convert(tensor)
    sizes = b"".join(field(2, b"" if size == 0 else field(1, size)) for size in given.shape)
    data = field(KIND, TYPES[given.dtype.name]) + field(SHAPE, sizes)
    array = np.asarray(given.numpy(), given.dtype.dtype)
    if given.dtype == string:
        return text(data + b"".join(field(TEXTS, one) for one in array.ravel().tolist()))
    content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    return text(data + (field(CONTENT, content) if content else b""))


def parse_tensor(serialized: Text, out_type: DTypeLike, name: str | None = None) -> Tensor:
    """The tensor of such bytes."""
    wanted = as_dtype(out_type)
    try:
        return read_tensor(bytes_of_text(serialized), wanted)
    except FileError as error:
        raise InvalidArgumentError(f"Could not parse `serialized` as TensorProto: {error}") from error


def read_tensor(data: bytes, wanted: DType) -> Tensor:
    fields = list(read_fields(data, OWNER))
    number = next((number_of(one, OWNER) for one in fields if one.number == KIND), 0)
    if NAMES.get(number) != wanted.name:
        raise InvalidArgumentError(
            f"Type mismatch between parsed tensor ({NAMES.get(number, number)}) and dtype ({wanted.name})"
        )
    shape = tuple(size for one in fields if one.number == SHAPE for size in read_sizes(bytes_of(one, OWNER)))
    count = math.prod(shape)
    take_bytes(count * wanted.dtype.itemsize)
    content = next((bytes_of(one, OWNER) for one in fields if one.number == CONTENT), None)
    if wanted == string:
        found = objects([bytes(bytes_of(one, OWNER)) for one in fields if one.number == TEXTS])
    elif content is not None:
        if len(content) != count * wanted.dtype.itemsize:
            raise InvalidArgumentError(f"{OWNER}: {len(content)} bytes are no {wanted.name} of shape {list(shape)}")
        found = np.frombuffer(content, wanted.dtype.newbyteorder("<")).astype(wanted.dtype)
    else:
        found = read_numbers(fields, wanted)
    # A number that is not written is the one before it.
    if len(found) > count or (count and wanted == string and len(found) not in (1, count)):
        raise InvalidArgumentError(f"{OWNER}: {len(found)} values are no tensor of shape {list(shape)}")
    last = found[-1:] if len(found) else np.array([b"" if wanted == string else 0], wanted.dtype)
    return Tensor(np.concatenate([found, np.repeat(last, count - len(found))]).reshape(shape), wanted)


def read_sizes(data: memoryview) -> Iterator[int]:
    """The sizes of the axes."""
    for one in read_fields(data, OWNER):
        if one.number == 2:
            sizes = [signed(number_of(part, OWNER)) for part in read_fields(bytes_of(one, OWNER), OWNER) if part.number == 1]
            size = sizes[0] if sizes else 0
            if size < 0:
                raise InvalidArgumentError(f"{OWNER}: a size in it is {size}")
            yield size
        elif one.number == 3:
            raise InvalidArgumentError(f"{OWNER}: the number of its axes is not known")


def read_numbers(fields: list[Field], wanted: DType) -> np.ndarray:
    """Numbers that are written one by one."""
    found: list[np.ndarray] = []
    for one in fields:
        if one.number in FLOATS:
            kind = np.dtype(FLOATS[one.number])
            data = one.value.to_bytes(kind.itemsize, "little") if isinstance(one.value, int) else bytes(one.value)
            found.append(np.frombuffer(data, kind).astype(wanted.dtype))
        elif one.number in WHOLE:
            numbers = [one.value] if isinstance(one.value, int) else list(varints(one.value))
            if one.number == BITS:
                found.append(np.array(numbers, np.uint16).view(wanted.dtype))
            else:
                whole = numbers if wanted.is_unsigned else [signed(number) for number in numbers]
                found.append(np.array(whole, object).astype(wanted.dtype))
    return np.concatenate(found) if found else np.zeros(0, wanted.dtype)


def varints(data: memoryview) -> Iterator[int]:
    place = 0
    while place < len(data):
        value, place = read_varint(data, place, OWNER)
        yield value
