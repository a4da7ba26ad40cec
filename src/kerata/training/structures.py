"""Losses for whole structures of outputs, and for their parts at once.

Beside a loss for each output, `compile` takes a function of a person's own for several of them together, which sees targets
and predictions in the structure of the outputs: `loss={"a": joint}` where the output `"a"` is a tuple, or
`loss=[joint, {"a": "mse", "b": "mae"}]`, a list of losses for the same outputs. As in Keras, a list that is of the kind of the
outputs' is one of a loss for each, and in its place a list of several is for one output: `["mse", ["mse", "mae"]]`.
"""

# JAX says nothing of the leaves of trees.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

from dataclasses import dataclass
from itertools import zip_longest
from typing import cast

import jax

from kerata.base.checks import message
from kerata.base.types import is_list_or_tuple, like_sequence
from kerata.engine.structure import is_ours
from kerata.losses.loss import Loss
from kerata.training.identifiers import is_loss, is_number
from kerata.training.outputs import Outputs


@dataclass
class Part:
    """A loss, and the outputs that it is for.

    Args:
        loss: what a person gave for a loss.
        weight: its factor in the total; `None` for none.
        places: the place of an output, or a structure of such.
        name: its name in logs.
    """

    loss: object
    weight: float | None
    places: object
    name: str


def structured_parts(outputs: Outputs, loss: object, loss_weights: object) -> list[Part] | None:
    """The losses and what they are for, where one is for several outputs together or a list is for the same ones.

    `None` where there is a loss for each output alone, or one for each of all.

    >>> found = structured_parts(Outputs({"a": 0.0, "b": 0.0}), [max, {"b": "mse"}], [1.0, 0.5])
    >>> [(part.name, part.weight, part.places) for part in found]
    [('a_b', 1.0, {'a': 0, 'b': 1}), ('b', 0.5, 1)]
    """
    if isinstance(outputs.places, int) or not _is_structured(loss, outputs.places):
        return None
    found: list[Part] = []
    _collect(_paired(loss, loss_weights), outputs.places, (), outputs, found)
    return found


def _paired(loss: object, loss_weights: object) -> object:
    """The structure of losses with a `Part` for each, which has its weight."""
    leaves, structure = jax.tree.flatten(loss, is_leaf=is_loss)
    weights: list[float | None] = [None] * len(leaves)
    if loss_weights is not None:
        weights = jax.tree.leaves(loss_weights, is_leaf=is_number)
        if len(weights) != len(leaves):
            raise ValueError(
                message(
                    "compile",
                    f"`loss_weights` must have a number for each of the {len(leaves)} losses",
                    {"loss_weights": loss_weights},
                    "Give them in the structure of `loss`",
                )
            )
    pairs = [Part(one, weight, None, "") for one, weight in zip(leaves, weights, strict=True)]
    return jax.tree.unflatten(structure, pairs)


def _is_structured(value: object, places: object) -> bool:
    """Whether somewhere a loss stands for a structure of outputs, or a list for the same outputs."""
    if is_loss(value):
        return False
    if isinstance(places, int):
        return is_list_or_tuple(value) and len(value) > 1
    if isinstance(value, dict) and isinstance(places, dict):
        below = [(item, places[key]) for key, item in value.items() if key in places]
        return any(_is_structured(item, inner) or (_is_own(item) and not isinstance(inner, int)) for item, inner in below)
    if is_list_or_tuple(value):
        if _is_alternatives(value, places):
            return True
        return is_list_or_tuple(places) and len(value) == len(places) and any(map(_is_structured, value, places))
    return False


def _is_alternatives(values: list[object] | tuple[object, ...], places: object) -> bool:
    """Whether a list holds losses for the same outputs, and not one for each: an item has the structure of all of these."""
    if isinstance(places, int):
        return True
    if _is_one_for_each(values, places):
        return False
    inside = list(cast("dict[str, object]", places).values() if isinstance(places, dict) else cast("list[object]", places))

    def is_for_all(item: object) -> bool:
        if isinstance(item, Part) or is_loss(item):
            return False
        if isinstance(item, dict):
            return isinstance(places, dict) and all(key in places for key in item)
        # Files hold tuples as lists. A list of several losses is for no single output.
        return is_list_or_tuple(places) and is_list_or_tuple(item) and len(item) == len(inside) > 1

    def stands_alone(index: int) -> bool:
        return index >= len(inside) or isinstance(inside[index], int)

    return any(is_for_all(item) and stands_alone(index) for index, item in enumerate(values))


def _is_one_for_each(values: list[object] | tuple[object, ...], places: object) -> bool:
    """Whether a list is of the kind and the length of that of the outputs."""
    return is_list_or_tuple(places) and isinstance(places, type(values)) and len(values) == len(places)


def written(loss: object, loss_weights: object, places: object) -> tuple[object, object]:
    """Losses and their weights in structures that mean the same where tuples have become lists, as in files.

    A list of losses for the same outputs gets one more place, so that it is none of a loss for each.

    >>> written(["mse", ("mse", "mae")], None, (0, 1))
    (['mse', ('mse', 'mae'), None], None)
    """
    if isinstance(places, int) or not _is_structured(loss, places):
        return loss, loss_weights
    parts = _without_kinds(_paired(loss, loss_weights), places)
    return _picked(parts, loss, "loss"), None if loss_weights is None else _picked(parts, loss, "weight")


def _picked(parts: object, like: object, name: str) -> object:
    """An attribute of each part, with the keys in the order of another structure."""
    if isinstance(parts, Part):
        return getattr(parts, name)
    if isinstance(parts, dict):
        return {key: _picked(parts[key], inner, name) for key, inner in cast("dict[str, object]", like).items()}
    if not is_list_or_tuple(parts):
        return None
    return like_sequence(parts, [_picked(*pair, name) for pair in zip_longest(parts, cast("list[object]", like))])


def _without_kinds(value: object, places: object) -> object:
    if isinstance(value, dict) and isinstance(places, dict):
        return {key: _without_kinds(item, places[key]) if key in places else item for key, item in value.items()}
    if not is_list_or_tuple(value):
        return value
    if not _is_alternatives(value, places):
        fits = is_list_or_tuple(places) and len(value) == len(places)
        return like_sequence(value, map(_without_kinds, value, cast("list[object]", places))) if fits else value
    found = [_without_kinds(item, places) for item in value]
    return [*found, None] if is_list_or_tuple(places) and len(found) == len(places) else found


def _is_own(loss: object) -> bool:
    """Whether a loss is a person's own, which may look at several outputs together."""
    return callable(loss) and not is_ours(type(loss) if isinstance(loss, Loss) else loss)


def _collect(value: object, places: object, path: tuple[object, ...], outputs: Outputs, found: list[Part]) -> None:
    if isinstance(value, Part):
        if value.loss is None:
            return
        if isinstance(places, int) or _is_own(value.loss):
            found.append(Part(value.loss, value.weight, places, _name(places, path, outputs)))
            return
        for place in jax.tree.leaves(places):
            found.append(Part(value.loss, value.weight, place, outputs.names[place]))
    elif value is not None and isinstance(value, dict) and isinstance(places, dict) and all(key in places for key in value):
        for key, item in value.items():
            _collect(item, places[key], (*path, key), outputs, found)
    elif is_list_or_tuple(value) and _is_alternatives(value, places):
        for item in value:
            _collect(item, places, path, outputs, found)
    elif is_list_or_tuple(value) and is_list_or_tuple(places) and len(value) == len(places):
        for index, (item, inner) in enumerate(zip(value, places, strict=True)):
            _collect(item, inner, (*path, index), outputs, found)
    else:
        given = jax.tree.map(lambda part: part.loss, value)
        raise ValueError(
            message("loss", f"losses must be in the structure of the outputs; {outputs.described}", {"loss": given})
        )


def _name(places: object, path: tuple[object, ...], outputs: Outputs) -> str:
    """The name in logs: an output's own, the path to a structure, or the names of all outputs."""
    if isinstance(places, int):
        return outputs.names[places]
    if path:
        return "/".join(map(str, path))
    return "_".join(places if isinstance(places, dict) else (outputs.names[place] for place in jax.tree.leaves(places)))
