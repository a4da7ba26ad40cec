"""Python's marshal format, read as plain data: constants, names and instructions of a function, none of which can run.

A code object becomes a `Code`, which is a tuple. Python's own `marshal` would make a real one, and may crash on a hostile text.
"""

import builtins
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

MOST_BYTES, MOST_OBJECTS, MOST_LEVELS = 20_000, 2_000, 8
# Flags of functions that are more than a formula.
STRANGE = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
# How many numbers stand before the instructions of a code object, by the first Python that wrote it so.
COUNTS = {"2": 4, "3.0": 5, "3.8": 6, "3.11": 5}


class Unreadable(ValueError):
    """Bytes that are not in the format."""


class Code(NamedTuple):
    """What a code object holds, as far as it matters here.

    Args:
        form: the layout, a key of `COUNTS`.
        name: of the function.
        arguments: how many it takes.
        instructions: its bytes.
        constants, names, variables: what its instructions refer to by number.
        is_plain: whether it takes no further arguments and keeps nothing of other functions.
    """

    form: str
    name: str
    arguments: int
    instructions: bytes
    constants: tuple
    names: tuple
    variables: tuple
    is_plain: bool


def read_code(data: bytes) -> Code | None:
    """The code object that marshalled bytes hold; `None` where they hold none that is understood."""
    if not 0 < len(data) <= MOST_BYTES:
        return None
    found = []
    for form in COUNTS:
        reader = Reader(data, form)
        try:
            value = reader.object(0)
        except (ValueError, struct.error):
            continue
        if isinstance(value, Code) and reader.place == len(data):
            found.append(value)
    return found[0] if len(found) == 1 else None


class Reader:
    """Reads one text in one layout of code objects.

    Args:
        data: the bytes.
        form: the layout.
    """

    def __init__(self, data: bytes, form: str):
        self.data, self.form, self.place, self.count = data, form, 0, 0
        self.noted: list[Any] = []
        self.interned: list[Any] = []

    def take(self, size: int) -> bytes:
        if size < 0 or self.place + size > len(self.data):
            raise Unreadable("the bytes end too early")
        self.place += size
        return self.data[self.place - size : self.place]

    def number(self, form: str = "<i") -> int:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def object(self, level: int) -> builtins.object:
        """The next object."""
        self.count += 1
        if level > MOST_LEVELS or self.count > MOST_OBJECTS:
            raise Unreadable("too much")
        mark = self.take(1)[0]
        kind, is_noted = chr(mark & 0x7F), bool(mark & 0x80)
        if is_noted:
            # Its number is that of its beginning.
            self.noted.append(None)
            number = len(self.noted) - 1
        value = self.value(kind, level)
        if is_noted:
            self.noted[number] = value
        return value

    def value(self, kind: str, level: int) -> builtins.object:
        if kind in SIMPLE:
            return SIMPLE[kind](self)
        if kind in ")(":
            count = self.take(1)[0] if kind == ")" else self.number()
            if count < 0 or count > MOST_OBJECTS:
                raise Unreadable("too much")
            return tuple(self.object(level + 1) for _ in range(count))
        if kind == "r":
            return self.look(self.noted)
        if kind == "R":
            return self.look(self.interned)
        if kind == "t":
            text = self.take(self.number())
            self.interned.append(text.decode("utf-8"))
            # Python 3 has no such list, and its texts of this kind are texts.
            return self.interned[-1]
        if kind == "c":
            return self.code(level + 1)
        raise Unreadable(kind)

    def look(self, table: list[Any]) -> builtins.object:
        number = self.number()
        if not 0 <= number < len(table) or table[number] is None:
            raise Unreadable("a reference to nothing")
        return table[number]

    def code(self, level: int) -> Code:
        counts = [self.number() for _ in range(COUNTS[self.form])]
        instructions = self.object(level)
        parts: list[Any] = [self.object(level) for _ in range(3)]
        constants, names, variables = parts
        if self.form == "3.11":
            kinds = self.object(level)
            rest = [self.object(level) for _ in range(3)]
            self.number()
            tables = [self.object(level) for _ in range(2)]
            # 32 marks a variable of this function alone.
            closed = not isinstance(kinds, bytes) or any(kind != 32 for kind in kinds)
            good = all(isinstance(text, str) for text in rest) and all(isinstance(table, bytes) for table in tables)
        else:
            outer = [self.object(level) for _ in range(2)]
            rest = [self.object(level) for _ in range(2)]
            self.number()
            table = self.object(level)
            closed = any(outer)
            good = all(isinstance(part, tuple) for part in outer) and isinstance(table, bytes)
            good = good and all(isinstance(text, (str, bytes)) for text in rest)
        tuples = all(isinstance(part, tuple) for part in (constants, names, variables))
        if not good or not tuples or not isinstance(instructions, bytes):
            raise Unreadable("no code object")
        names, variables = (tuple(text_of(name) for name in part) for part in (names, variables))
        # Positional and keyword arguments of any number; generators and coroutines; arguments by keyword alone.
        plain = not closed and not counts[-1] & STRANGE and (self.form == "2" or counts[1 if self.form == "3.0" else 2] == 0)
        called = text_of(rest[1])
        return Code(self.form, called, counts[0], instructions, constants, names, variables, plain)


def text_of(name: object) -> str:
    if isinstance(name, bytes):
        return name.decode("utf-8")
    if not isinstance(name, str):
        raise Unreadable("a name must be a text")
    return name


def read_long(reader: Reader) -> int:
    count = reader.number()
    if abs(count) > 8:
        raise Unreadable("too large a number")
    value = 0
    for place in range(abs(count)):
        value |= reader.number("<H") << (15 * place)
    return value if count >= 0 else -value


SIMPLE: dict[str, Callable[[Reader], Any]] = {
    "N": lambda reader: None,
    "T": lambda reader: True,
    "F": lambda reader: False,
    "i": lambda reader: reader.number(),
    "l": read_long,
    "g": lambda reader: reader.number("<d"),
    "f": lambda reader: float(reader.take(reader.take(1)[0])),
    "s": lambda reader: reader.take(reader.number()),
    "u": lambda reader: reader.take(reader.number()).decode("utf-8"),
    "a": lambda reader: reader.take(reader.number()).decode("ascii"),
    "A": lambda reader: reader.take(reader.number()).decode("ascii"),
    "z": lambda reader: reader.take(reader.take(1)[0]).decode("ascii"),
    "Z": lambda reader: reader.take(reader.take(1)[0]).decode("ascii"),
}
