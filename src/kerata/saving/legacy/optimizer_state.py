"""What an optimizer kept of each weight, in old files, for the optimizer of today."""

import itertools
import warnings
from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.base.refusals import FileError
from kerata.base.registry import home_of
from kerata.optimizers import Nadam, Optimizer
from kerata.optimizers.rates import RateVariable
from kerata.saving.legacy.assigning import match, pair, take
from kerata.saving.legacy.form import KERAS1, KERAS2, KERAS3, LayerArrays, OldModel, Source
from kerata.saving.legacy.optimizer_words import FACTORS, holds, kind_of
from kerata.saving.legacy.types import SavedModel

# The names of slots in old files, and those of today: by the class of today, in the order of the files of Keras 1 and 2.
ORDERED = {
    "SGD": ("momentum",),
    "RMSprop": ("velocity",),
    "ClassicRMSprop": ("velocity",),
    "Adagrad": ("accumulator",),
    "ClassicAdagrad": ("accumulator",),
    "Adadelta": ("accumulated_grad", "accumulated_delta_var"),
    "Adam": ("momentum", "velocity", "velocity_hat"),
    "Adamax": ("momentum", "norm"),
    "Nadam": ("momentum", "velocity"),
    "ClassicNadam": ("momentum", "velocity"),
}
# Those whose files need not hold the number of steps.
MAYBE_NO_STEPS = ("RMSprop", "ClassicRMSprop", "Adagrad", "ClassicAdagrad", "Adadelta")
NAMED = {
    "Adam": {"m": "momentum", "v": "velocity", "vhat": "velocity_hat"},
    "AdamW": {"m": "momentum", "v": "velocity", "vhat": "velocity_hat"},
    "Nadam": {"m": "momentum", "v": "velocity"},
    "Lion": {"m": "momentum"},
    "SGD": {"momentum": "momentum", "m": "momentum"},
    "RMSprop": {
        "rms": "velocity",
        "velocity": "velocity",
        "mg": "average_gradient",
        "average_gradient": "average_gradient",
        "momentum": "momentum",
    },
    "Adagrad": {"accumulator": "accumulator"},
    "Adadelta": {
        "accum_grad": "accumulated_grad",
        "accumulated_grad": "accumulated_grad",
        "accum_var": "accumulated_delta_var",
        "accumulated_delta_var": "accumulated_delta_var",
    },
    "Adamax": {"m": "momentum", "v": "norm", "u": "norm"},
    "Ftrl": {"accumulator": "accumulator", "linear": "linear"},
    "Adafactor": {"r": "r", "c": "c", "v": "velocity"},
}


# Whatever its rule, where it keeps averages of the weights.
AVERAGES = {"average": "average"}


def names_of(optimizer: Optimizer) -> dict[str, str]:
    """The names of an optimizer's slots in the files of `tf.keras`, and those of today; of one that is not known, none."""
    known = NAMED.get(kind_of(optimizer), {})
    return known | AVERAGES if known and optimizer.use_ema else known


def keeps_nothing(optimizer: Optimizer) -> bool:
    """Whether it is an `SGD` without momentum, for which `tf.keras` kept momenta all the same."""
    table = optimizer.optimizer_state.table
    return type(optimizer).__name__ == "SGD" and not any(slots for variable, slots in table.items() if variable is not None)


def restore_optimizer(model: SavedModel, old: OldModel, owner: str) -> None:
    """Gives a compiled model's optimizer the state of the file. Where it does not fit, a warning says that it begins anew."""
    try:
        pairs = pair_state(model, old, owner)
    except FileError as error:
        warnings.warn(
            f"{owner}: the state of the optimizer does not fit and is left out, training begins anew: {error}", stacklevel=4
        )
        return
    take(pairs)


def pair_state(model: SavedModel, old: OldModel, owner: str) -> list[tuple[Any, Source]]:
    """The variables of the optimizer, each with its array."""
    optimizer, arrays = model.optimizer, list(old.optimizer)
    if home_of(type(optimizer)) is None:
        optimizer.state_variables(model.trainable_variables)
        return pair_own(optimizer, arrays, owner)
    if old.era == KERAS3:
        if len(arrays) != len(optimizer.variables):
            raise misfit(owner, optimizer, arrays)
        pairs = list(zip(optimizer.variables, arrays, strict=True))
        return check(pairs, owner)
    assert old.weights is not None
    places = trained_places(model, old, owner)
    if old.era in (KERAS1, KERAS2):
        scalars, arrays = split_by_order(optimizer, arrays, len(places))
        slots = {name: (group, places) for name, group in by_order(optimizer, arrays, len(places), owner).items()}
    else:
        scalars, arrays = split_by_name(optimizer, arrays)
        shapes = [old.weights.layers[number].arrays[index].shape for number, index in places]
        slots = by_name(optimizer, arrays, dict(zip(places, shapes, strict=True)), owner)
    ways = (pair_slot, pair_factors)
    pairs = [
        pair
        for name, (group, spots) in slots.items()
        for pair in ways[name in FACTORS](model, old, name, dict(zip(spots, group, strict=True)), owner)
    ]
    if scalars:
        first = scalars[0]
        pairs.append((optimizer.steps, first.change((), lambda array: np.asarray(array).astype("int32"))))
        if isinstance(optimizer, Nadam):
            pairs.append((optimizer.optimizer_state.table[None]["product"], first.change((), optimizer.product_after)))
    return check(pairs, owner)


def own_state(optimizer: Optimizer) -> list[Any]:
    """What an optimizer of a program's own keeps, in the order in which it lists it: first the number of steps."""
    held = list(getattr(optimizer, "weights", optimizer.variables))
    return [variable for variable in held if not isinstance(variable, RateVariable)]


def pair_own(optimizer: Optimizer, arrays: list[Source], owner: str) -> list[tuple[Any, Source]]:
    """The variables of an optimizer of a program's own, each with its array."""
    held = own_state(optimizer)
    if len(held) != len(arrays):
        raise misfit(owner, optimizer, arrays)
    return check(list(zip(held, arrays, strict=True)), owner)


def check(pairs: list[tuple[Any, Source]], owner: str) -> list[tuple[Any, Source]]:
    for variable, array in pairs:
        if tuple(variable.shape) != array.shape:
            raise FileError(
                message(
                    owner,
                    f"the state {variable.path} must have shape {tuple(variable.shape)}",
                    {"array": array.name, "shape": array.shape},
                )
            )
    return pairs


def misfit(owner: str, optimizer: Optimizer, arrays: list[Source]) -> FileError:
    return FileError(message(owner, f"the file must hold the state of {type(optimizer).__name__}", {"arrays": len(arrays)}))


Spot = tuple[int, int]


def trained_places(model: SavedModel, old: OldModel, owner: str) -> list[Spot]:
    """Where in the file's weights those are that were trained, (layer, array), in the order of the optimizer."""
    assert old.weights is not None
    places: list[Spot] = []
    by_layer = {id(entry.arrays): number for number, entry in enumerate(old.weights.layers)}
    found: dict[int, int] = {}
    for layer, arrays in match(model, old.weights, owner, False):
        trained = {id(v) for v in layer.trainable_weights}
        frozen = sum(id(v) not in trained for v in layer.weights)
        found[by_layer[id(arrays)]] = len(arrays) - frozen if trained else 0
    for number in sorted(found):
        places += [(number, index) for index in range(found[number])]
    if old.era == KERAS1:
        # Keras 1 sorted the weights by their names.
        places.sort(key=lambda spot: old.weights.layers[spot[0]].arrays[spot[1]].name)  # type: ignore[union-attr]
    return places


def split_by_order(optimizer: Optimizer, arrays: list[Source], count: int) -> tuple[list[Source], list[Source]]:
    """What an optimizer kept of itself, numbers that come first, and what it kept of the weights, which may be numbers too."""
    kind = type(optimizer).__name__
    first = sum(1 for _ in itertools.takewhile(lambda array: array.shape == (), arrays))
    # The number of steps, and Nadam's product. Some kinds kept neither in the files of some releases.
    for own in range(0 if kind in MAYBE_NO_STEPS else 1, min(first, 2) + 1):
        slots, rest = divmod(len(arrays) - own, max(count, 1))
        if not rest and slots <= len(ORDERED.get(kind, ())):
            return arrays[:own], arrays[own:]
    return arrays[:first], arrays[first:]


def split_by_name(optimizer: Optimizer, arrays: list[Source]) -> tuple[list[Source], list[Source]]:
    """The numbers that an optimizer kept of itself, and what it kept of the weights, which may be numbers too."""
    known = names_of(optimizer)
    own = [array for array in arrays if array.shape == () and slot_word(array, known) not in known]
    ids = {id(array) for array in own}
    return own, [array for array in arrays if id(array) not in ids]


def slot_word(array: Source, known: dict[str, str]) -> str:
    """The word that says the slot in `Adam/dense/kernel/m:0` or `Adam/m/dense/kernel:0`."""
    words = array.name.partition(":")[0].split("/")
    # The newer form has the slot behind the optimizer's name, the older one at the end.
    return words[1] if len(words) > 2 and words[1] in known else words[-1].rstrip("0123456789").rstrip("_")


def by_order(optimizer: Optimizer, arrays: list[Source], count: int, owner: str) -> dict[str, list[Source]]:
    """Slot -> its arrays, for files that keep one slot of all weights after the other."""
    names = ORDERED.get(type(optimizer).__name__)
    # Adam without its variant kept an array of one number for each weight.
    if names is None or count == 0 or len(arrays) % count or len(arrays) // count > len(names):
        raise misfit(owner, optimizer, arrays)
    groups = [arrays[start : start + count] for start in range(0, len(arrays), count)]
    slots = dict(zip(names, groups, strict=False))
    if "velocity_hat" in slots and not getattr(optimizer, "amsgrad", False):
        del slots["velocity_hat"]
    return slots


def by_name(
    optimizer: Optimizer, arrays: list[Source], shapes: dict[Spot, tuple[int, ...]], owner: str
) -> dict[str, tuple[list[Source], list[Spot]]]:
    """Slot -> its arrays and the places of their weights, by names: `Adam/dense/kernel/m:0`, or `Adam/m/dense/kernel:0`."""
    known = names_of(optimizer)
    if not known:
        raise misfit(owner, optimizer, arrays)
    slots: dict[str, list[Source]] = {}
    for array in arrays:
        word = slot_word(array, known)
        if word not in known:
            raise misfit(owner, optimizer, arrays)
        slots.setdefault(known[word], []).append(array)
    spots = {name: [spot for spot, shape in shapes.items() if holds(optimizer, shape, name)] for name in slots}
    if any(len(group) != len(spots[name]) for name, group in slots.items()):
        raise misfit(owner, optimizer, arrays)
    return {} if keeps_nothing(optimizer) else {name: (group, spots[name]) for name, group in slots.items()}


def pair_slot(model: SavedModel, old: OldModel, name: str, group: dict[Spot, Source], owner: str) -> list[tuple[Any, Source]]:
    """The variables of one slot, each with its array: the arrays take the way that those of the weights took."""
    assert old.weights is not None
    layers = [
        LayerArrays(entry.layer, [group.get((number, index), array) for index, array in enumerate(entry.arrays)])
        for number, entry in enumerate(old.weights.layers)
    ]
    weights = old.weights._replace(layers=layers)
    wanted = {id(array) for array in group.values()}
    pairs = []
    table = model.optimizer.optimizer_state.table
    for layer, arrays in match(model, weights, owner, False):
        if not any(id(array) in wanted for array in arrays):
            continue
        trained = {id(v) for v in layer.trainable_weights}
        for variable, array in pair(layer, arrays, weights, f"{owner}, layer {layer.name}"):
            if id(variable) in trained:
                slot = table.get(variable, {}).get(name)
                if slot is None:
                    raise FileError(message(owner, "the optimizer has no such state", {"state": name, "weight": variable.path}))
                pairs.append((slot, array))
    return pairs


def pair_factors(
    model: SavedModel, old: OldModel, name: str, group: dict[Spot, Source], owner: str
) -> list[tuple[Any, Source]]:
    """The same for a slot of Adafactor, whose arrays have other shapes than the weights."""
    assert old.weights is not None
    table = model.optimizer.optimizer_state.table
    by_weight = {id(old.weights.layers[number].arrays[index]): array for (number, index), array in group.items()}
    pairs = [
        (table[variable][name], by_weight[id(weight)])
        for layer, arrays in match(model, old.weights, owner, False)
        for variable, weight in pair(layer, arrays, old.weights, f"{owner}, layer {layer.name}")
        if id(weight) in by_weight
    ]
    if len(pairs) != len(group):
        raise misfit(owner, model.optimizer, list(group.values()))
    return pairs
