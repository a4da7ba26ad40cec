"""`tf.nest`: structures of dicts, tuples and lists; dicts go by their sorted keys."""

from collections.abc import Callable, Iterator
from typing import Any

from kerata.data.elements import rebuild


def flatten(structure: object) -> list[Any]:
    """The leaves in order.

    >>> flatten({"b": 1, "a": [2, (3,)]})
    [2, 3, 1]
    """
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (tuple, list)):
        return [leaf for one in structure for leaf in flatten(one)]
    return [structure]


def pack_sequence_as(structure: object, flat_sequence: list[Any]) -> object:
    """A structure with other leaves.

    >>> pack_sequence_as({"b": 0, "a": [0, 0]}, [2, 3, 1])
    {'b': 1, 'a': [2, 3]}
    """
    count = len(flatten(structure))
    if count != len(flat_sequence):
        raise ValueError(f"The structure has {count} leaves, and the flat sequence {len(flat_sequence)}.")
    return _packed(structure, iter(flat_sequence))


def _packed(structure: object, values: Iterator[Any]) -> object:
    if isinstance(structure, dict):
        made = {key: _packed(structure[key], values) for key in sorted(structure)}
        return {key: made[key] for key in structure}
    if isinstance(structure, tuple):
        return rebuild(structure, [_packed(one, values) for one in structure])
    return [_packed(one, values) for one in structure] if isinstance(structure, list) else next(values)


def map_structure(func: Callable[..., Any], *structure: object, **kwargs: object) -> object:
    """What a function gives for the leaves of structures that are alike.

    >>> map_structure(lambda a, b: a + b, {"a": [1, 2]}, {"a": [3, 4]})
    {'a': [4, 6]}
    """
    columns = [flatten(one) for one in structure]
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"The structures have different numbers of leaves: {[len(column) for column in columns]}.")
    return pack_sequence_as(structure[0], [func(*row, **kwargs) for row in zip(*columns, strict=True)])
