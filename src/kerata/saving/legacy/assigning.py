"""Gives the layers of a model the arrays of an old file: all of them, or none."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kerata.base.checks import message
from kerata.base.refusals import FileError
from kerata.base.registry import home_of
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer
from kerata.saving.legacy.form import KERAS1, LayerArrays, Source, Weights
from kerata.saving.legacy.layouts import arrange, check_names, check_shapes, count_of
from kerata.saving.legacy.types import SavedModel

FIX = "Use the model that the file was written from, by_name=True, or skip_mismatch=True to take what fits"


def assign(
    model: SavedModel,
    weights: Weights,
    owner: str,
    by_name: bool = False,
    skip_mismatch: bool = False,
    skipped: Iterable[Any] = (),
    reshape: bool = False,
) -> None:
    """Gives a model's layers their arrays.

    Args:
        model: a built model.
        weights: of a file, of which nothing is read yet.
        owner: how the file is called in messages.
        by_name: whether layers are found by their names alone; else by their order.
        skip_mismatch: take what fits and leave the rest with a warning.
        skipped: layers that stay as they are.
        reshape: whether an array of another shape is taken where it has as many numbers.
    """
    pairs: list[tuple[Any, Source]] = []
    failed: list[str] = []
    left = {id(layer) for layer in skipped}
    for layer, arrays in match(model, weights, owner, by_name or skip_mismatch):
        if id(layer) in left:
            continue
        try:
            pairs += pair(layer, arrays, weights, f"{owner}, layer {layer.name}", reshape)
        except FileError as error:
            if not skip_mismatch:
                raise
            pairs += pair_what_fits(layer, arrays, weights, owner)
            failed.append(str(error))
    if weights.own and not by_name:
        own = own_variables(model)
        if len(own) == len(weights.own):
            check_shapes(own, weights.own, owner)
            pairs += list(zip(own, weights.own, strict=True))
    if failed:
        warnings.warn(
            f"{owner}: {len(failed)} layer(s) do not match; their weights of other shapes stay as they are:\n  "
            + "\n  ".join(failed[:8]),
            stacklevel=4,
        )
    take(pairs)
    tell(model)


def take(pairs: Sequence[tuple[Any, Source]]) -> None:
    """Gives variables the numbers of arrays; where one cannot be read, all are as before."""
    before = [(variable, variable.peek(), variable.exposed) for variable, _ in pairs if isinstance(variable, Variable)]
    try:
        for variable, array in pairs:
            variable.store(array.read())
    except BaseException:
        for variable, value, exposed in before:
            variable._value, variable.exposed = value, exposed
        raise


def tell(model: SavedModel) -> None:
    """Lets layers know that they have values which do more with them than keep them."""
    for holding in model._holdings().values():
        layer, own = holding.layer, holding.layer._own_variables()
        if own and type(layer).load_own_variables is not Layer.load_own_variables and home_of(type(layer)) is not None:
            layer.load_own_variables({str(index): variable.numpy() for index, variable in enumerate(own)})


def own_variables(model: SavedModel) -> list[Any]:
    """The weights that a model holds itself, beside those of its layers."""
    below = {id(variable) for layer in model.layers for variable in layer.weights}
    return [variable for variable in model.weights if id(variable) not in below]


def match(model: SavedModel, weights: Weights, owner: str, by_name: bool) -> list[tuple[Any, list[Source]]]:
    """The layers of a model with weights, each with its arrays."""
    held = [entry for entry in weights.layers if entry.arrays]
    # Of branches that a chain begins with, files list the layers: those of Keras 1 branch by branch.
    listing = "flattened_layers" if weights.era == KERAS1 else "layers_in_files"
    lists = [[layer for layer in listed if layer.weights] for listed in (model.layers, getattr(model, listing, model.layers))]
    for layers in lists:
        named = {layer.name: layer for layer in layers}
        if len(named) == len(layers) and set(named) == {entry.layer for entry in held}:
            return [(named[name], arrays) for name, arrays in held]
    if by_name:
        named = {layer.name: layer for layers in lists for layer in layers}
        return [(named[name], arrays) for name, arrays in held if name in named]
    for layers in lists:
        if len(layers) == len(held):
            return [(layer, arrays) for layer, (_, arrays) in zip(layers, held, strict=True)]
    raise FileError(
        message(
            owner,
            f"the file must match the model, which has {len(lists[0])} layers with weights",
            {"layers in the file": len(held), "they are": describe(held)},
            FIX,
        )
    )


def describe(held: Sequence[LayerArrays]) -> str:
    names = [entry.layer for entry in held]
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def pair(layer: Layer, arrays: list[Source], weights: Weights, owner: str, reshape: bool = False) -> list[tuple[Any, Source]]:
    """The weights of a layer, or of all within it, each with its array. Shapes are held against each other."""
    first: FileError | None = None
    for parts in orders(layer):
        try:
            variables, found = pair_parts(parts, arrays, weights, owner)
            if reshape:
                found = [array.reshape(*variable.shape) for variable, array in zip(variables, found, strict=True)]
            check_shapes(variables, found, owner)
        except FileError as error:
            first = first or error
            continue
        if check_names(variables, found):
            return list(zip(variables, found, strict=True))
    raise first or FileError(
        message(
            owner, "the names of the arrays must fit those of the weights", {"arrays": [array.name for array in arrays]}, FIX
        )
    )


def pair_what_fits(layer: Layer, arrays: list[Source], weights: Weights, owner: str) -> list[tuple[Any, Source]]:
    """The weights of a layer whose arrays have their shapes, such as a bias beside a kernel of another size.

    As in every Keras, none are taken where the file holds more of them or fewer.
    """
    for parts in orders(layer):
        try:
            variables, found = pair_parts(parts, arrays, weights, owner)
        except FileError:
            continue
        if check_names(variables, found):
            both = zip(variables, found, strict=True)
            return [(variable, array) for variable, array in both if tuple(variable.shape) == array.shape]
    return []


Part = tuple[Any, list[Any]]


def orders(layer: Layer) -> list[list[Part]]:
    """The orders in which a file may hold the weights of a layer: what is trained comes first, as it was then.

    A layer that is frozen in the model may have been trained when the file was written, or the other way round.
    """
    held = layer._holdings()
    owners = [(holding.layer, variable) for holding in held.values() for variable in holding.variables]
    by_variable = {id(variable): (owner, variable) for owner, variable in reversed(owners)}
    now = [by_variable[id(variable)] for variable in (*layer.trainable_weights, *layer.non_trainable_weights)]
    made = split(owners, lambda variable: variable.made_trainable)
    return [gather(now), gather(made), gather(owners)]


def split(owners: list[tuple[Any, Any]], is_first: Callable[[Variable], bool]) -> list[tuple[Any, Any]]:
    return [pair for pair in owners if is_first(pair[1])] + [pair for pair in owners if not is_first(pair[1])]


def gather(owners: list[tuple[Any, Any]]) -> list[Part]:
    """Neighbours of one layer together."""
    parts: list[Part] = []
    seen: set[int] = set()
    for owner, variable in owners:
        if id(variable) in seen:
            continue
        seen.add(id(variable))
        if parts and parts[-1][0] is owner:
            parts[-1][1].append(variable)
        else:
            parts.append((owner, [variable]))
    return parts


def pair_parts(parts: list[Part], arrays: list[Source], weights: Weights, owner: str) -> tuple[list[Any], list[Source]]:
    """All variables, and for each its array."""
    variables: list[Any] = []
    found: list[Source] = []
    rest = list(arrays)
    for layer, own in parts:
        count = count_of(layer, own, rest)
        arranged = arrange(layer, own, rest[:count], weights)
        if len(arranged) != len(own):
            break
        variables += own
        found += arranged
        rest = rest[count:]
    expected = sum(len(own) for _, own in parts)
    if rest or len(found) != expected:
        raise FileError(
            message(
                owner,
                f"the file must match the model, in which this layer has {expected} weights",
                {"arrays": len(arrays), "they are": [array.name for array in arrays[:6]]},
                FIX,
            )
        )
    return variables, found
