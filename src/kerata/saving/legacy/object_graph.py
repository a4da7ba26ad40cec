"""The objects of a checkpoint of TensorFlow: which holds which under which name, and which are arrays."""

from typing import NamedTuple

from kerata.base.checks import message
from kerata.base.limits import take_bytes
from kerata.base.refusals import FileError
from kerata.saving.legacy.wire import bytes_of, number_of, read_fields, text_of

NODE_BYTES, CHILD_BYTES = 600, 300
VALUE = "VARIABLE_VALUE"


class Slot(NamedTuple):
    """What an optimizer kept of a weight: the node of the weight, the slot's name, the node of its array."""

    weight: int
    name: str
    array: int


class Node(NamedTuple):
    """An object of a checkpoint.

    Args:
        children: the numbers of the objects that it holds, by name.
        name, key: of an array: how the program called it, and its name in the index; else empty.
        others: what else it keeps, by name.
        slots: of an optimizer.
    """

    children: dict[str, int]
    name: str
    key: str
    others: list[str]
    slots: list[Slot]


def read_graph(data: memoryview, owner: str) -> list[Node]:
    """The objects; the first one is the model."""
    nodes = [read_node(bytes_of(field, owner), owner) for field in read_fields(data, owner) if field.number == 1]
    count = len(nodes)
    for node in nodes:
        numbers = [*node.children.values(), *(n for slot in node.slots for n in (slot.weight, slot.array))]
        if any(number >= count for number in numbers):
            raise FileError(message(owner, "the file is damaged: an object that it names is not there", {"objects": count}))
    return nodes


def read_node(data: memoryview, owner: str) -> Node:
    take_bytes(NODE_BYTES)
    children: dict[str, int] = {}
    others: list[str] = []
    slots: list[Slot] = []
    name = key = ""
    for field in read_fields(data, owner):
        if field.number not in (1, 2, 3):
            continue
        take_bytes(CHILD_BYTES)
        inner = bytes_of(field, owner)
        if field.number == 1:
            numbers, texts = read_parts(inner, owner)
            children[texts.get(2, "")] = numbers.get(1, 0)
        elif field.number == 2:
            _, texts = read_parts(inner, owner)
            if texts.get(1) == VALUE:
                name, key = texts.get(2, ""), texts.get(3, "")
            else:
                others.append(texts.get(1, ""))
        else:
            numbers, texts = read_parts(inner, owner)
            slots.append(Slot(numbers.get(1, 0), texts.get(2, ""), numbers.get(3, 0)))
    return Node(children, name, key, others, slots)


def read_parts(data: memoryview, owner: str) -> tuple[dict[int, int], dict[int, str]]:
    """The numbers and the texts of a small message, by the numbers of their fields."""
    numbers: dict[int, int] = {}
    texts: dict[int, str] = {}
    for field in read_fields(data, owner):
        if isinstance(field.value, int):
            numbers[field.number] = number_of(field, owner)
        elif field.number <= 3:
            texts[field.number] = text_of(field, owner)
    return numbers, texts
