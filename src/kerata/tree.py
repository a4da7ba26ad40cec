"""Nested structures: lists, tuples, named tuples, deques and dicts, and what else they hold is a leaf, `None` too.

Dicts are gone through in the order of their sorted keys, and come back in their own.

>>> map_structure(lambda x: 10 * x, {"b": [1, 2], "a": 3})
{'b': [10, 20], 'a': 30}
"""

import collections
from collections.abc import Callable, Sequence
from typing import Any

from kerata.base.checks import message

Path = tuple[Any, ...]


class MAP_TO_NONE:
    """What a function of `traverse` gives where `None` is to stand."""


def is_nested(structure: object) -> bool:
    """Whether something is a list, a tuple, a deque or a dict.

    >>> is_nested([]), is_nested("text"), is_nested(None)
    (True, False, False)
    """
    return isinstance(structure, (list, tuple, dict, collections.deque))


def _keys(structure) -> list[Any]:
    if not isinstance(structure, dict):
        return list(range(len(structure)))
    if isinstance(structure, collections.OrderedDict):
        return list(structure)
    try:
        return sorted(structure)
    except TypeError:
        return sorted(structure, key=lambda key: (type(key).__name__, str(key)))


def _rebuild(structure, keys: Sequence[Any], values: Sequence[Any]):
    """A structure like another, with other values."""
    if isinstance(structure, dict):
        of = dict(zip(keys, values, strict=True))
        items = [(key, of[key]) for key in structure]
        if isinstance(structure, collections.defaultdict):
            return type(structure)(structure.default_factory, items)
        return type(structure)(items)
    if isinstance(structure, collections.deque):
        return collections.deque(values, structure.maxlen)
    return type(structure)(*values) if hasattr(structure, "_fields") else type(structure)(values)


def flatten_with_path(structure) -> list[tuple[Path, Any]]:
    """(path, leaf) of all leaves; a path holds keys and places.

    >>> flatten_with_path({"b": [1, 2], "a": 3})
    [(('a',), 3), (('b', 0), 1), (('b', 1), 2)]
    """
    if not is_nested(structure):
        return [((), structure)]
    return [((key, *path), leaf) for key in _keys(structure) for path, leaf in flatten_with_path(structure[key])]


def flatten(structure) -> list[Any]:
    """The leaves."""
    return [leaf for _, leaf in flatten_with_path(structure)]


def _kind(structure) -> tuple[Any, ...]:
    """What two nested things must share to be of one structure. Kinds of dicts are one kind."""
    if isinstance(structure, dict):
        return (dict, *_keys(dict(structure)))
    return (type(structure), len(structure))


def _different(a: object, b: object) -> ValueError:
    return ValueError(message("tree", "the structures must be the same", {"a": a, "b": b}))


def map_structure(func: Callable[..., Any], *structures, none_is_leaf: bool = True):
    """The structure of what a function gives of the leaves of one or several structures.

    Args:
        func: takes a leaf of each structure.
        structures: of the same structure.
        none_is_leaf: whether the function gets `None` too; else it stays.
    """
    if not structures:
        raise ValueError(message("map_structure", "there must be at least one structure"))
    first = structures[0]
    if not is_nested(first):
        for other in structures[1:]:
            if is_nested(other):
                raise _different(first, other)
        return None if first is None and not none_is_leaf else func(*structures)
    for other in structures[1:]:
        if not is_nested(other) or _kind(other) != _kind(first):
            raise _different(first, other)
    keys = _keys(first)
    parts = [[structure[key] for structure in structures] for key in keys]
    return _rebuild(first, keys, [map_structure(func, *part, none_is_leaf=none_is_leaf) for part in parts])


def map_structure_up_to(shallow_structure, func: Callable[..., Any], *structures):
    """As `map_structure`, of structures that may go on below the leaves of a shallow one.

    >>> map_structure_up_to([1, 2], len, [[3, 4], [5]])
    [2, 1]
    """
    if not structures:
        raise ValueError(message("map_structure_up_to", "there must be at least one structure"))
    if not is_nested(shallow_structure):
        return func(*structures)
    for other in structures:
        if not is_nested(other) or _kind(other) != _kind(shallow_structure):
            raise _different(shallow_structure, other)
    keys = _keys(shallow_structure)
    values = [map_structure_up_to(shallow_structure[key], func, *(s[key] for s in structures)) for key in keys]
    return _rebuild(shallow_structure, keys, values)


def traverse(func: Callable[[Any], Any], structure, top_down: bool = True):
    """Gives each part of a structure to a function, from above or from below; what it gives stands in the part's place.

    Args:
        func: gives `None` to go on within the part (from above) or to leave it (from below), and `MAP_TO_NONE` for `None`.
    """

    def below(part):
        if not is_nested(part):
            return part
        keys = _keys(part)
        return _rebuild(part, keys, [traverse(func, part[key], top_down) for key in keys])

    part = structure if top_down else below(structure)
    found = func(part)
    if found is None:
        return below(structure) if top_down else part
    return None if found is MAP_TO_NONE else found


def assert_same_structure(a, b, check_types: bool | None = None) -> None:
    """Raises `ValueError` unless two structures are the same but for their leaves.

    Args:
        check_types: ignored, as in Keras.
    """
    map_structure(lambda *_: None, a, b)


def assert_same_paths(a, b) -> None:
    """Raises `ValueError` unless two structures have leaves at the same paths, whatever holds them."""
    of_a, of_b = ({path for path, _ in flatten_with_path(structure)} for structure in (a, b))
    if of_a != of_b:
        text = "the structures must have the same paths"
        raise ValueError(message("tree", text, {"in a alone": sorted(of_a - of_b), "in b alone": sorted(of_b - of_a)}))


def pack_sequence_as(structure, flat_sequence: Sequence[Any]):
    """A structure like another, with the leaves of a list.

    >>> pack_sequence_as({"b": [0, 0], "a": 0}, [1, 2, 3])
    {'b': [2, 3], 'a': 1}
    """
    expected, given = len(flatten(structure)), list(flat_sequence)
    if len(given) != expected:
        text = f"there must be {expected} leaves"
        raise ValueError(message("pack_sequence_as", text, {"flat_sequence": len(given)}))
    leaves = iter(given)

    def pack(part):
        if not is_nested(part):
            return next(leaves)
        keys = _keys(part)
        return _rebuild(part, keys, [pack(part[key]) for key in keys])

    return pack(structure)


def lists_to_tuples(structure):
    """The structure with tuples in place of lists."""
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure):
    """As `map_structure`, where lists and tuples of sizes are the leaves.

    >>> map_shape_structure(len, {"a": (None, 3), "b": [(2,), (2, 3)]})
    {'a': 2, 'b': [1, 2]}
    """

    def is_shape(part) -> bool:
        return isinstance(part, (list, tuple)) and all(size is None or isinstance(size, int) for size in part)

    if is_shape(structure) or not is_nested(structure):
        return func(structure)
    keys = _keys(structure)
    return _rebuild(structure, keys, [map_shape_structure(func, structure[key]) for key in keys])
