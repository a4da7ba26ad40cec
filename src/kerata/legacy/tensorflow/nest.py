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


def is_nested(structure: object) -> bool:
    """Whether it is a list, tuple or dict."""
    return isinstance(structure, (list, tuple, dict))


def assert_same_structure(nest1: object, nest2: object, check_types: bool = True, expand_composites: bool = False) -> None:
    """Raises where two structures are not alike: a `ValueError`, and of other kinds a `TypeError`."""
    text = f"The two structures don't have the same nested structure.\n\nFirst structure: {nest1}\n\nSecond structure: {nest2}"
    if is_nested(nest1) != is_nested(nest2) or (is_nested(nest1) and len(nest1) != len(nest2)):  # type: ignore[arg-type]
        raise ValueError(text)
    if not is_nested(nest1):
        return
    if check_types and type(nest1) is not type(nest2):
        raise TypeError(text)
    if isinstance(nest1, dict) and isinstance(nest2, dict):
        if set(nest1) != set(nest2):
            raise ValueError(text)
        pairs = [(nest1[key], nest2[key]) for key in nest1]
    else:
        pairs = list(zip(list(nest1), list(nest2), strict=True))  # type: ignore[call-overload]
    for one, other in pairs:
        assert_same_structure(one, other, check_types, expand_composites)
