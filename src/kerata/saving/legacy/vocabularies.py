"""What text layers know, from a SavedModel folder of `tf.keras`: their description leaves it out, and the program holds it.

Of the program nothing is run. A layer's table has a function that fills it; what that function is given beside the table are
two constants, the keys and the values.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from kerata.base.checks import message
from kerata.base.limits import take_bytes, take_work
from kerata.base.refusals import FileError
from kerata.engine.types import HostArray
from kerata.saving.legacy.wire import bytes_of, number_of, read_fields, read_varint, signed, text_of

LOOKUPS = ("StringLookup", "IntegerLookup", "TextVectorization")
# Names of the layer within a TextVectorization that looks words up.
INNER = ("_lookup_layer", "_index_lookup_layer")
TABLE, FILL = "lookup_table", "_initialize"
# Variables of such layers: how rare words are, and how many texts were counted.
COUNTS = frozenset({"idf_weights", "num_documents"})
STRINGS, LONGS = 7, 9
WORD_BYTES = 60


class Program(NamedTuple):
    """The parts of `saved_model.pb` that lead to constants.

    Args:
        graph: the graph of operations.
        objects: the messages of the objects, by number.
        functions: name of a function -> the numbers of the objects that it is given.
    """

    graph: memoryview
    objects: list[memoryview]
    functions: dict[str, list[int]]

    @classmethod
    def read(cls, data: bytes, owner: str) -> "Program":
        for whole in messages(memoryview(data), 2, owner):
            graph = next(messages(whole, 2, owner), memoryview(b""))
            described = next(messages(whole, 7, owner), memoryview(b""))
            objects = list(messages(described, 1, owner))
            take_work(len(objects))
            functions: dict[str, list[int]] = {}
            for entry in messages(described, 2, owner):
                fields = {field.number: bytes_of(field, owner) for field in read_fields(entry, owner)}
                functions[str(fields.get(1, b""), "utf-8", "replace")] = given(fields.get(2, memoryview(b"")), owner)
            return cls(graph, objects, functions)
        return cls(memoryview(b""), [], {})


def messages(data: memoryview, number: int, owner: str) -> Iterator[memoryview]:
    """The messages of one number in a message."""
    return (bytes_of(field, owner) for field in read_fields(data, owner) if field.number == number)


def given(function: memoryview, owner: str) -> list[int]:
    """The numbers of the objects that a function is given."""
    found: list[int] = []
    for field in read_fields(function, owner):
        if field.number == 2:
            found += [field.value] if isinstance(field.value, int) else packed(field.value, owner)
    take_work(len(found))
    return found


def packed(data: memoryview, owner: str) -> list[int]:
    """Numbers one after the other."""
    found, place = [], 0
    take_bytes(8 * len(data))
    while place < len(data):
        number, place = read_varint(data, place, owner)
        found.append(signed(number))
    return found


def children_of(program: Program, number: int, owner: str) -> dict[str, int]:
    """The numbers of the objects that one holds, by name."""
    found: dict[str, int] = {}
    for child in messages(program.objects[number], 1, owner):
        take_work(1)
        texts, numbers = {}, {}
        for field in read_fields(child, owner):
            if isinstance(field.value, int):
                numbers[field.number] = number_of(field, owner)
            else:
                texts[field.number] = text_of(field, owner)
        found[texts.get(2, "")] = numbers.get(1, 0)
    if any(one >= len(program.objects) for one in found.values()):
        raise FileError(message(owner, "the file is damaged: an object that it names is not there"))
    return found


def vocabulary_of(program: Program, number: int, owner: str) -> list[str | int] | None:
    """The words of a layer in their order, without those for masks and for unknown words; `None` where there is no table."""
    if number >= len(program.objects):
        return None
    children = children_of(program, number, owner)
    inner = next((children[name] for name in INNER if name in children), None)
    if inner is not None:
        children = children_of(program, inner, owner)
    if TABLE not in children:
        return None
    table = children[TABLE]
    parts = children_of(program, table, owner)
    if FILL not in parts:
        return None
    names = [
        text_of(field, owner)
        for one in messages(program.objects[parts[FILL]], 6, owner)
        for field in read_fields(one, owner)
        if field.number == 1
    ]
    beside = [one for one in program.functions.get(names[0] if names else "", []) if one != table]
    if len(beside) != 2 or any(one not in range(len(program.objects)) for one in beside):
        return None
    keys, values = (constant(program, one, owner) for one in beside)
    if values is None or keys is None or len(keys) != len(values):
        return None
    if values.dtype == object:  # of a layer that gives words for numbers
        keys, values = values, keys
    words = keys[np.argsort(values, kind="stable")].tolist()
    return [word.decode("utf-8", "replace") if isinstance(word, bytes) else word for word in words]


def constant(program: Program, number: int, owner: str) -> HostArray | None:
    """The numbers or texts of a constant of one axis."""
    names = [
        text_of(field, owner)
        for one in messages(program.objects[number], 9, owner)
        for field in read_fields(one, owner)
        if field.number == 1
    ]
    for node in messages(program.graph, 1, owner):
        take_work(1)
        fields = list(read_fields(node, owner))
        if names and any(field.number == 1 and bytes_of(field, owner) == names[0].encode() for field in fields):
            for entry in (bytes_of(field, owner) for field in fields if field.number == 5):
                for attribute in messages(entry, 2, owner):
                    for tensor in messages(attribute, 8, owner):
                        return array_of(tensor, owner)
    return None


def array_of(tensor: memoryview, owner: str) -> HostArray | None:
    """The array in a message: whole numbers of 64 bits, or texts."""
    kind, content, texts, numbers = 0, None, [], []
    for field in read_fields(tensor, owner):
        if field.number == 1:
            kind = number_of(field, owner)
        elif field.number == 4:
            content = bytes_of(field, owner)
        elif field.number == 8:
            take_bytes(len(bytes_of(field, owner)) + WORD_BYTES)
            texts.append(bytes(bytes_of(field, owner)))
        elif field.number == 10:
            numbers += [signed(field.value)] if isinstance(field.value, int) else packed(field.value, owner)
    if kind == STRINGS:
        found = np.empty(len(texts), object)
        found[:] = texts
        return found
    if kind != LONGS:
        return None
    if content is not None and len(content) % 8 == 0:
        take_bytes(len(content))
        return np.frombuffer(content, "<i8").copy()
    return np.array(numbers, np.int64)


def with_vocabularies(config: object, known: dict[str, dict[str, Any]]) -> object:
    """A description in which layers of these names hold what they know."""
    if isinstance(config, list):
        return [with_vocabularies(one, known) for one in config]
    if not isinstance(config, dict):
        return config
    inner = config.get("config")
    if config.get("class_name") in LOOKUPS and isinstance(inner, dict) and inner.get("vocabulary") is None:
        return {**config, "config": {**inner, **known.get(str(inner.get("name")), {})}}
    return {key: with_vocabularies(value, known) for key, value in config.items()}
