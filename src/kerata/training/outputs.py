"""Which output an argument of `compile` or `fit` is for.

A loss, metric, weight or target goes to the output that it names: by the key of a dict of outputs, by the name of the
layer that makes it, or by its place in a list. A list for a dict of outputs is in the order of sorted keys, which is
that of `model.outputs`.
"""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import jax

from kerata.base.checks import did_you_mean, message
from kerata.base.types import is_list_or_tuple
from kerata.engine.symbolic import AnyTree

# Whether something is a value and not a structure of values, where there are several outputs and where there is one.
Tests: TypeAlias = tuple[Callable[[Any], bool], Callable[[Any], bool]]


class Missing:
    """What stands for an output to which nothing was given."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = Missing()


class Field(str):
    """The name of a field of a named tuple."""


class OutputNames(list[str]):
    """Names of the layers that make the outputs of a model, in order.

    Args:
        layers: these names.
        keys: what a dict of losses may name: the keys of a dict of outputs, else these names.
    """

    def __init__(self, layers: Iterable[str], keys: Sequence[str]):
        super().__init__(layers)
        self.keys = list(keys)


class Outputs:
    """The outputs of a model: their structure, their names, and the distribution of arguments over them.

    Args:
        tree: predictions, symbolic or not, alone or in lists, tuples and dicts.
        names: names of the layers that make them, in order, where there are any.

    >>> outputs = Outputs({"a": 0.0, "b": 0.0}, None)
    >>> outputs.spread({"b": "mse"}, "loss", lambda value: isinstance(value, str))
    [nothing, 'mse']
    """

    def __init__(self, tree: AnyTree, names: Sequence[str] | None = None):
        found = jax.tree_util.tree_flatten_with_path(tree)[0]
        self.count = len(found)
        self.is_single = self.count == 1 and not found[0][0]
        self.is_flat = all(len(path) <= 1 for path, _ in found)
        self.places = jax.tree.unflatten(jax.tree.structure(tree), range(self.count))
        self.paths = [tuple(_plain_key(key) for key in path) for path, _ in found]
        given = list(names) if names is not None and len(names) == self.count else None
        self.layer_names: list[str | None] = list(given) if given else [None] * self.count
        self.names = [self._name(index) for index in range(self.count)]

    def _name(self, index: int) -> str:
        """The name in logs: the path through dicts, an index or the name of a tuple's field replaced by the layer's name."""
        path, layer = self.paths[index], self.layer_names[index]
        if path and isinstance(path[-1], str) and not (layer and isinstance(path[-1], Field)):
            return "/".join(map(str, path))
        return "/".join([*map(str, path[:-1]), layer or f"output_{index + 1}"])

    def is_named(self, index: int) -> bool:
        """Whether an output has a name: a key of a dict, or that of its layer."""
        path = self.paths[index]
        return bool(path and isinstance(path[-1], str)) or self.layer_names[index] is not None

    def find(self, name: object) -> int | None:
        """The place of the output of a name."""
        for names in (self.names, self.layer_names):
            if name in names:
                return list[object](names).index(name)
        return None

    def spread(
        self,
        value: object,
        owner: str,
        is_leaf: Callable[[Any], bool],
        everywhere: bool = False,
        only: Sequence[int] | None = None,
        at_output: Callable[[Any], bool] | None = None,
    ) -> list[Any]:
        """One value for each output, `MISSING` for those that were given none.

        Args:
            value: a value, or a list, tuple or dict of values.
            owner: the argument's name, for messages.
            is_leaf: whether something is a value and not a structure of values.
            everywhere: whether a single value is for all outputs.
            only: the outputs that a shorter list, or a single value, is for.
            at_output: whether something is a value where only one output is left; `is_leaf` by default.
        """
        found: list[Any] = [MISSING] * self.count
        if only is not None and 0 < len(only) < self.count:
            if is_leaf(value) and len(only) == 1:
                found[only[0]] = value
                return found
            if is_list_or_tuple(value) and len(value) == len(only) != len(self.places) and all(map(is_leaf, value)):
                for place, item in zip(only, value, strict=True):
                    found[place] = item
                return found
        self._spread(value, self.places, found, owner, (is_leaf, at_output or is_leaf), everywhere)
        return found

    def _spread(self, value: object, places: object, found: list[Any], owner: str, tests: Tests, everywhere: bool) -> None:
        is_leaf, at_output = tests
        if isinstance(places, int):
            found[places] = self._unwrap(value, places, owner, at_output)
            return
        below = jax.tree.leaves(places)
        if is_leaf(value):
            if value is not None and not everywhere and len(below) > 1:
                raise self._error(owner, f"one value was given for {len(below)} outputs", value)
            for place in below:
                found[place] = value
        elif isinstance(value, dict):
            for key, item in value.items():
                inner = places.get(key, MISSING) if isinstance(places, dict) else MISSING
                if inner is MISSING:
                    inner = self.find(key)
                    if inner is None or inner not in below:
                        raise self._unknown(owner, key, value)
                self._spread(item, inner, found, owner, tests, everywhere)
        elif is_list_or_tuple(value):
            inside = list(places) if is_list_or_tuple(places) else below
            if len(value) != len(inside):
                inside = below
            if len(value) != len(inside):
                raise self._error(owner, f"a list must have {len(inside)} items, one for each output", value)
            for inner, item in zip(inside, value, strict=True):
                self._spread(item, inner, found, owner, tests, everywhere)
        else:
            raise self._error(owner, "expected a value for each output, or a list or dict of such", value)

    def _unwrap(self, value: object, place: int, owner: str, is_leaf: Callable[[Any], bool]) -> object:
        """The one value for an output: alone, in a list of one, or under the output's name."""
        while not is_leaf(value):
            if isinstance(value, dict):
                names = {self.layer_names[place], self.names[place]}
                wrong = [key for key in value if key not in names]
                if len(value) != 1 or (wrong and self.layer_names[place] is not None):
                    raise self._unknown(owner, wrong[0] if wrong else None, value)
                value = next(iter(value.values()))
            elif is_list_or_tuple(value) and len(value) == 1:
                value = value[0]
            else:
                raise self._error(owner, f"expected one value for the output {self.names[place]!r}", value)
        return value

    def _unknown(self, owner: str, key: object, value: object) -> ValueError:
        known = [*(name for name in self.layer_names if name), *self.names]
        return ValueError(
            message(owner, f"{key!r} names no output; {self.described}", {owner: value}, did_you_mean(key, known))
        )

    def _error(self, owner: str, expected: str, value: object) -> ValueError:
        return ValueError(message(owner, f"{expected}; {self.described}", {owner: value}))

    @property
    def described(self) -> str:
        """The outputs as a message names them."""
        return ("there is the output " if self.count == 1 else "there are the outputs ") + ", ".join(map(repr, self.names))


def _plain_key(key: object) -> object:
    for attribute in ("key", "idx"):
        if hasattr(key, attribute):
            return getattr(key, attribute)
    field = getattr(key, "name", None)
    return str(key) if field is None else Field(field)


def free_name(prefix: str, name: str, weighted: bool, taken: dict[str, int]) -> str:
    """A name in logs, told apart from earlier ones as Keras does."""
    full = prefix + name
    if full in taken and weighted:
        full = f"{prefix}weighted_{name}"
    if full in taken:
        taken[full] += 1
        return f"{full}_{taken[full] - 1}"
    taken[full] = 1
    return full
