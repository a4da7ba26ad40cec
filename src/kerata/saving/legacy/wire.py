"""Messages of protocol buffers, read by hand: fields by their numbers, nothing outside of the bytes that are there."""

from collections.abc import Iterator
from typing import NamedTuple

from kerata.base.checks import message
from kerata.base.limits import take_bytes
from kerata.base.refusals import FileError

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
# A number takes seven bits a byte.
MOST_VARINT_BYTES = 10
# What a field takes while it is looked at: the tuple, and a view of its bytes.
FIELD_BYTES = 200


class Field(NamedTuple):
    """A field of a message: its number, and an unsigned number or a view of its bytes."""

    number: int
    value: "int | memoryview"


def read_varint(data: bytes | memoryview, place: int, owner: str) -> tuple[int, int]:
    """The number at a place, and the place behind it.

    >>> read_varint(bytes([0xAC, 0x02]), 0, "x")
    (300, 2)
    """
    value = 0
    for count in range(MOST_VARINT_BYTES):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 127) << (7 * count)
        if byte < 128:
            return value & (2**64 - 1), place
    raise damaged(owner, "a number in it has no end")


def damaged(owner: str, what: str) -> FileError:
    return FileError(message(owner, f"the file is damaged: {what}"))


def read_fields(data: bytes | memoryview, owner: str) -> Iterator[Field]:
    """The fields of a message, in their order.

    >>> number, text = read_fields(bytes([8, 5, 18, 1, 120]), "x")
    >>> number, text.number, bytes(text.value)
    (Field(number=1, value=5), 2, b'x')
    """
    view, place = memoryview(data), 0
    while place < len(view):
        key, place = read_varint(view, place, owner)
        kind = key & 7
        if kind == VARINT:
            value, place = read_varint(view, place, owner)
            yield Field(key >> 3, value)
            continue
        if kind == BYTES:
            size, place = read_varint(view, place, owner)
        else:
            size = {EIGHT_BYTES: 8, FOUR_BYTES: 4}.get(kind, -1)
        if size < 0 or size > len(view) - place:
            raise damaged(owner, "a field in it is no field, or longer than what is there")
        part = view[place : place + size]
        place += size
        yield Field(key >> 3, part if kind == BYTES else int.from_bytes(part, "little"))


def number_of(field: Field, owner: str) -> int:
    """A field that is a number."""
    if not isinstance(field.value, int):
        raise damaged(owner, "a field in it is no number")
    return field.value


def signed(value: int) -> int:
    """A number that may be negative.

    >>> signed(2**64 - 1), signed(3)
    (-1, 3)
    """
    return value - 2**64 if value >= 2**63 else value


def bytes_of(field: Field, owner: str) -> memoryview:
    """A field that is bytes, or a message of its own."""
    if isinstance(field.value, int):
        raise damaged(owner, "a field in it is a number instead of bytes")
    return field.value


def text_of(field: Field, owner: str) -> str:
    """A field that is a text, counted."""
    view = bytes_of(field, owner)
    take_bytes(2 * len(view) + FIELD_BYTES)
    try:
        return str(view, "utf-8")
    except UnicodeDecodeError:
        raise damaged(owner, "a text in it is no text") from None


# Writing


def varint(value: int) -> bytes:
    """A number, seven bits a byte.

    >>> varint(300).hex(), varint(-1).hex()
    ('ac02', 'ffffffffffffffffff01')
    """
    found = bytearray()
    value %= 2**64
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def field(number: int, value: bytes | str | int) -> bytes:
    """A field: a number, a text, or bytes such as a message of its own.

    >>> field(1, 5).hex(), field(2, "x").hex()
    ('0805', '120178')
    """
    if isinstance(value, int):
        return varint(number << 3 | VARINT) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | BYTES) + varint(len(data)) + data
