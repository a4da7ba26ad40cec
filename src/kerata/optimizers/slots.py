"""Where an optimizer's state is kept: a variable for each slot of each parameter.

A transformation sees its parameters as a dict from paths to arrays. A leaf of its state belongs to a
parameter where that parameter's path is among the leaf's keys, and to all of them otherwise; so the state of
any subset of the parameters can be put together again, and freezing and unfreezing layers keeps what was
there.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import jax

from kerata.engine.types import AnyArray, Tree
from kerata.engine.variable import Variable

# (name of the slot, the parameter that it belongs to or None)
Key = tuple[str, Variable | None]


class Place(str):
    """A parameter's path, which knows the variable."""

    variable: Variable


def tree_of(variables: Sequence[Variable], values: Iterable[Any], kind: type[dict] = OrderedDict) -> dict[str, Any]:
    """The dict from paths to values that a transformation gets.

    An `OrderedDict` keeps the order of the variables, so that programs do not depend on names; a person's own functions
    of the parameters may need a plain `dict`, whose leaves are in the order of the paths.
    """
    tree = kind()
    for variable, value in zip(variables, values, strict=True):
        path = variable.path
        place = Place(path if path not in tree else f"{path}:{len(tree)}")
        place.variable = variable
        tree[place] = value
    return tree


def flatten(tree: Tree) -> tuple[list[Key], list[Any], Any]:
    """Keys and values of a state's leaves, and its structure."""
    leaves, treedef = jax.tree_util.tree_flatten_with_path(tree)
    return [key_of(path) for path, _ in leaves], [leaf for _, leaf in leaves], treedef


def key_of(path: Sequence[Any]) -> Key:
    """The slot's name and the variable of a leaf's path."""
    names, variable = [], None
    for entry in path:
        name = getattr(entry, "key", getattr(entry, "name", getattr(entry, "idx", entry)))
        if isinstance(name, Place):
            variable = name.variable
        else:
            names.append(str(name))
    return "/".join(names), variable


def arrange(keys: Sequence[Key], variables: Sequence[Variable], groups: Sequence[Sequence[str]]) -> list[Key]:
    """The keys in Keras's order: group by group, in a group by variable; other names are groups of their own."""
    known = set(keys)
    grouped = {name for group in groups for name in group}
    others = [(name,) for name in dict.fromkeys(name for name, _ in keys) if name not in grouped]
    found = [(name, v) for group in (*groups, *others) for v in (*variables, None) for name in group]
    return [key for key in found if key in known]


class Slots:
    """The variables of an optimizer's state, and the parameters that it works on now."""

    def __init__(self) -> None:
        self.table: dict[Variable | None, dict[str, Variable]] = {}
        self.parameters: list[Variable] = []
        self.slots: list[Variable] = []
        self.built = False
        # Whether a user has called `build`: a step of a user's own may be about these parameters alone.
        self.built_by_user = False
        # What an optimizer written by `update_step` made by `add_variable`.
        self.own: dict[Key, Variable] = {}

    def find(self, key: Key) -> Variable | None:
        name, variable = key
        return self.table.get(variable, {}).get(name)

    def add(self, key: Key, value: AnyArray) -> Variable:
        """A new variable that begins with a value."""
        name, variable = key
        label = name.replace("/", "_")
        if variable is not None:
            label = f"{variable.path.replace('/', '_')}_{label}"
        slot = Variable(value, dtype=value.dtype, trainable=False, name=label)
        self.table.setdefault(variable, {})[name] = slot
        return slot
