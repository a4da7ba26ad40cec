"""Arrays that files keep by the paths of attributes, as checkpoints of TensorFlow do, given to the variables at those paths.

The tree of a model and that of a file are gone through side by side: an array belongs to the variable that the same attributes
lead to. Layers of a graph are found by their names where the file says them, else by their places.
"""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np

from kerata.base.checks import message
from kerata.base.refusals import FileError
from kerata.engine.module import Module, parts
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer
from kerata.optimizers.nadam import Nadam
from kerata.optimizers.optimizer import Optimizer
from kerata.saving.legacy.assigning import take, tell
from kerata.saving.legacy.form import Source, Tree
from kerata.saving.legacy.layouts import check_shapes
from kerata.saving.legacy.object_graph import Node
from kerata.saving.legacy.optimizer_state import keeps_nothing, names_of
from kerata.saving.legacy.optimizer_words import holds
from kerata.saving.legacy.types import SavedModel
from kerata.saving.legacy.vocabularies import COUNTS, TABLE

# What tf.keras keeps beside the parts that a program gave an object; nothing below is a weight that stands nowhere else.
BESIDE = frozenset(
    {
        "call_and_return_all_conditional_losses",
        "call_and_return_conditional_losses",
        "keras_api",
        "loss",
        "non_trainable_variables",
        "optimizer",
        "regularization_losses",
        "save_counter",
        "signatures",
        "states",
        "trainable_variables",
        "variables",
        "_random_generator",
    }
)
# What attributes of layers are called in tf.keras, where that is not what weights are called today.
SPELLED = {"kernel": "depthwise_kernel"}
FIX = "Use the model that the file was written from, or skip_mismatch=True to take what fits"
PLACE, WEIGHTED = "layer-", "layer_with_weights-"
# The attribute in which a layer lists its weights, beside those that hold one.
LISTED = "_weights"
STEPS, RATES = ("_iterations", "iter"), ("_learning_rate", "learning_rate")


def places_of(thing: object, variable: Variable) -> Iterator[str]:
    """The paths of attributes, lists and dicts included, at which an object holds a variable."""
    for name, value in vars(thing).items():
        if name != LISTED:
            yield from (path for path, one in within(name, value) if one is variable)


def within(path: str, value: object) -> Iterator[tuple[str, object]]:
    """(path, thing) of what an attribute holds, in lists and dicts as well."""
    if isinstance(value, (list, tuple)):
        for place, one in enumerate(value):
            yield from within(f"{path}/{place}", one)
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from within(f"{path}/{key}", one)
    else:
        yield path, value


class Pairing:
    """Finds the array of each variable of a model.

    Args:
        model: a built model.
        tree: of the file.
        owner: how the file is called in messages.
    """

    def __init__(self, model: SavedModel, tree: Tree, owner: str):
        self.model, self.tree, self.owner = model, tree, owner
        # The number of the array of each variable, and the variables by those.
        self.numbers: dict[int, int] = {}
        self.variables: dict[int, Any] = {}
        self.measures: set[int] = set()
        self.seen: set[tuple[int, int]] = set()

    def visit(self, thing: Module, number: int) -> None:
        """Pairs what an object of the model and an object of the file hold under the same names."""
        if (id(thing), number) in self.seen:
            return
        self.seen.add((id(thing), number))
        for value in vars(thing).values():
            # A measure of a user's own model: a file keeps its sums, which nobody goes on with.
            if hasattr(value, "update_state") and hasattr(value, "result"):
                self.measures |= {self.tree.nodes[number].children[n] for n in self.names_of(thing, value, number)}
        for path, part in self.parts_of(thing, number):
            found = self.follow(number, path)
            if isinstance(part, Variable):
                if found is None or not self.tree.nodes[found].key:
                    found = self.find_weight(number, part.path.rpartition("/")[2])
                if found is None or not self.tree.nodes[found].key:
                    places = (self.follow(number, place) for place in places_of(thing, part))
                    found = next((one for one in places if one is not None), None)
                if found is not None and self.tree.nodes[found].key:
                    self.note(part, found)
            elif found is not None:
                self.visit(part, found)

    def find_weight(self, number: int, name: str) -> int | None:
        """The array of an object under the name of a weight."""
        children = self.tree.nodes[number].children
        return children.get(name, children.get(SPELLED.get(name, "")))

    def names_of(self, thing: Module, value: object, number: int) -> list[str]:
        return [name for name in self.tree.nodes[number].children if vars(thing).get(name) is value]

    def note(self, variable: Variable, number: int) -> None:
        if self.numbers.setdefault(id(variable), number) != number:
            text = "the file must match the model: two arrays of it belong to one weight"
            raise FileError(message(self.owner, text, {"weight": variable.path}, FIX))
        self.variables[number] = variable

    def follow(self, number: int, path: str) -> int | None:
        """The object that a path of attributes leads to."""
        found: int | None = number
        for name in path.split("/"):
            found = self.tree.nodes[found].children.get(name) if found is not None else None
        return found

    def parts_of(self, thing: Module, number: int) -> Iterator[tuple[str, Variable | Module]]:
        """(path in the file, part) of what an object holds."""
        if isinstance(thing, Layer) and getattr(thing, "_graph", None) is not None:
            yield from self.layers_of(thing, number)
        for path, part in parts(thing):
            if isinstance(part, (Variable, Layer)):
                yield path, part

    def layers_of(self, model: Layer, number: int) -> Iterator[tuple[str, Layer]]:
        """(name in the file, layer) of the layers of a graph."""
        children = self.tree.nodes[number].children
        placed = {name: child for name, child in children.items() if name.startswith(PLACE)}
        named = {layer.name: layer for layer in model.layers}
        said = {name: self.tree.names.get(child) for name, child in placed.items()}
        if placed and all(name in named for name in said.values()) and len(set(said.values())) == len(placed):
            yield from ((name, named[str(layer)]) for name, layer in said.items())
            return
        held = [layer for layer in model.layers if layer.weights]
        known = [name for name in said.values() if name in named]
        if placed and len(set(known)) == len(known) and {layer.name for layer in held} <= set(known):
            # Operations on tensors have other names here and there.
            yield from ((name, named[layer]) for name, layer in said.items() if layer in named)
            return
        count = sum(name.startswith(WEIGHTED) for name in children)
        # Operations on tensors have other places here and there.
        if len(placed) == len(model.layers) and count != len(held):
            yield from ((f"{PLACE}{place}", layer) for place, layer in enumerate(model.layers))
            return
        if count != len(held):
            raise FileError(
                message(
                    self.owner,
                    f"the file must match the model, in which {model.name} has {len(held)} layers with weights",
                    {"layers with weights in the file": count},
                    FIX,
                )
            )
        yield from ((f"{WEIGHTED}{place}", layer) for place, layer in enumerate(held))

    def left(self) -> list[str]:
        """The names of the arrays of the file that belong to no variable."""
        found: list[str] = []
        pending, seen = [0], {0, *self.measures}
        while pending:
            node = self.tree.nodes[(number := pending.pop())]
            if node.key and number not in self.variables:
                found.append(node.name or node.key)
            for name, child in node.children.items():
                counts = name in COUNTS and TABLE in node.children  # of a layer that looks words up, which has them already
                if name not in BESIDE and child not in seen and not counts and not is_optimizer(self.tree.nodes[child]):
                    seen.add(child)
                    pending.append(child)
        return found


def is_optimizer(node: Node) -> bool:
    """Whether an object is an optimizer, as of 2.11 or as before; a model may hold others than its own."""
    return {"_iterations", "_variables"} <= set(node.children) or {"iter", "learning_rate"} <= set(node.children)


def assign_tree(model: SavedModel, tree: Tree, owner: str, skip_mismatch: bool = False, skipped: Iterable[Any] = ()) -> Pairing:
    """Gives a model's variables the arrays of a file, all of them or none.

    Args:
        model: a built model.
        tree: of the file, of which no array is read yet.
        owner: how the file is called in messages.
        skip_mismatch: take what fits and leave the rest with a warning.
        skipped: layers that stay as they are.
    """
    pairing = Pairing(model, tree, owner)
    pairing.visit(cast(Module, model), 0)
    left = {id(variable) for layer in skipped for variable in getattr(layer, "weights", ())}
    wanted = [variable for variable in model.weights if id(variable) not in left]
    missing = [variable.path for variable in wanted if id(variable) not in pairing.numbers]
    failed = [f"the file has no array for {', '.join(missing[:4])}, {len(missing)} in all"] if missing else []
    if unused := pairing.left():
        failed.append(f"the model has no weight for {', '.join(sorted(unused)[:4])}, {len(unused)} in all")
    pairs: list[tuple[Any, Source]] = []
    for variable in wanted:
        if id(variable) in pairing.numbers:
            array = tree.array(pairing.numbers[id(variable)])
            try:
                check_shapes([variable], [array], owner)
            except FileError as error:
                failed.append(str(error))
                continue
            pairs.append((variable, array))
    if failed and not skip_mismatch:
        raise FileError(message(owner, f"the file must match the model: {'; '.join(failed[:4])}", None, FIX))
    if failed:
        warnings.warn(f"{owner}: what does not match stays as it is:\n  " + "\n  ".join(failed[:8]), stacklevel=4)
    take(pairs)
    tell(model)
    return pairing


def assign_part(model: SavedModel, variables: Iterable[Variable], tree: Tree, owner: str) -> None:
    """Gives those variables of a model, which may have others later, the arrays of a file; what it has not stays as it is."""
    pairing = Pairing(model, tree, owner)
    pairing.visit(cast(Module, model), 0)
    wanted = [variable for variable in variables if id(variable) in pairing.numbers]
    arrays = [tree.array(pairing.numbers[id(variable)]) for variable in wanted]
    check_shapes(wanted, arrays, owner)
    take(list(zip(wanted, arrays, strict=True)))


# What an optimizer kept


def restore_tree(optimizer: Optimizer, pairing: Pairing, owner: str, with_rate: bool = False) -> None:
    """Gives an optimizer the state of the file. Where it does not fit, a warning says that it begins anew.

    Args:
        optimizer: of the model, which has its variables.
        pairing: which array is which weight's.
        owner: how the file is called in messages.
        with_rate: whether the learning rate is in the file alone.
    """
    number = pairing.tree.nodes[0].children.get("optimizer")
    if number is None:
        return
    try:
        pairs = pair_steps(optimizer, number, pairing) + pair_slots(optimizer, number, pairing, owner)
        for variable, array in pairs:
            check_shapes([variable], [array], owner)
        rate = read_rate(optimizer, number, pairing) if with_rate else None
    except FileError as error:
        warnings.warn(
            f"{owner}: the state of the optimizer does not fit and is left out, training begins anew: {error}", stacklevel=4
        )
        return
    take(pairs)
    if rate is not None:
        optimizer.learning_rate = rate


def pair_steps(optimizer: Optimizer, number: int, pairing: Pairing) -> list[tuple[Any, Source]]:
    """The number of the steps that were taken, and what follows from it."""
    children = pairing.tree.nodes[number].children
    found = next((children[name] for name in STEPS if name in children), None)
    if found is None or not pairing.tree.nodes[found].key:
        return []
    array = pairing.tree.array(found)
    pairs: list[tuple[Any, Source]] = [
        (optimizer.steps, array.change(array.shape, lambda value: np.asarray(value).astype("int32")))
    ]
    if isinstance(optimizer, Nadam):
        pairs.append((optimizer.optimizer_state.table[None]["product"], array.change((), optimizer.product_after)))
    return pairs


def read_rate(optimizer: Optimizer, number: int, pairing: Pairing) -> float | None:
    """The learning rate of the file, where it is a number there and here."""
    children = pairing.tree.nodes[number].children
    found = next((children[name] for name in RATES if name in children), None)
    if found is None or not pairing.tree.nodes[found].key or not isinstance(optimizer.get_config().get("learning_rate"), float):
        return None
    array = pairing.tree.array(found)
    return float(array.read()) if array.shape == () else None


def pair_slots(optimizer: Optimizer, number: int, pairing: Pairing, owner: str) -> list[tuple[Any, Source]]:
    """What the optimizer keeps of each weight, each with its array."""
    if keeps_nothing(optimizer):
        return []
    known = names_of(optimizer)
    node = pairing.tree.nodes[number]
    kept = [(pairing.variables.get(slot.weight), slot.name, slot.array) for slot in node.slots]
    kept = kept or [*named_slots(number, pairing, known)]
    table = optimizer.optimizer_state.table
    pairs: list[tuple[Any, Source]] = []
    for variable, name, array in kept:
        slots = table.get(variable) if variable is not None else None
        slot = (slots or {}).get(known.get(name, ""))
        if slot is None:
            raise misfit(owner, optimizer, pairing.tree.nodes[array].name)
        pairs.append((slot, pairing.tree.array(array)))
    expected = sum(
        holds(optimizer, tuple(variable.shape), name)
        for variable, slots in table.items()
        if variable is not None
        for name in slots
    )
    if kept and len({id(slot) for slot, _ in pairs}) != expected:
        raise misfit(owner, optimizer, f"{len(pairs)} arrays instead of {expected}")
    return pairs


def named_slots(number: int, pairing: Pairing, known: dict[str, str]) -> Iterator[tuple[Any, str, int]]:
    """(weight, slot, number of the array) of the state that stands in one list, as `Adam/m/dense/kernel`."""
    nodes = pairing.tree.nodes
    held = nodes[number].children.get("_variables")
    order = sorted((int(name), child) for name, child in nodes[held].children.items() if name.isdigit()) if held else []
    beside = {nodes[number].children.get(name) for name in (*STEPS, *RATES)}
    # Weights of one name are in one order here and there.
    named: dict[str, list[Any]] = {}
    for variable in pairing.model.trainable_weights:
        if id(variable) in pairing.numbers:
            named.setdefault(nodes[pairing.numbers[id(variable)]].name, []).append(variable)
    used: dict[tuple[str, str], int] = {}
    for _, child in order:
        if child in beside:
            continue
        words = nodes[child].name.partition(":")[0].split("/")
        slot, weight = (words[1], "/".join(words[2:])) if len(words) > 2 and words[1] in known else ("", "")
        place = used.get((slot, weight), 0)
        used[slot, weight] = place + 1
        found = named.get(weight, [])
        yield (found[place] if place < len(found) else None), slot, child


def misfit(owner: str, optimizer: Optimizer, what: str) -> FileError:
    return FileError(message(owner, f"the file must hold the state of {type(optimizer).__name__}", {"state": what}))
