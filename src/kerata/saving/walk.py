"""Which objects of a model hold state, and under which path Keras 3 keeps each: `layers/bidirectional/forward_layer`.

A path is made of attributes; inside of lists and dicts, of class names with counters, because names of layers may
differ between two instances of a model. An object found in two places is kept under the first.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from kerata.base import registry
from kerata.base.interrupts import hand_on
from kerata.engine.module import Look, Module
from kerata.engine.structure import is_ours
from kerata.layers.layer import Layer


class Place(NamedTuple):
    """One path to an object: the object, and the ids of those that it is part of."""

    path: str
    thing: Any
    above: tuple[int, ...]


def walk(root: object, skip: Callable[[Any], bool]) -> Iterator[Place]:
    """The places of everything that holds state, in the order in which Keras visits them.

    An object has several paths where several attributes lead to it: a file holds it under one of them, usually the
    first. Objects for which `skip` is true by then, and what is below them, are left out.
    """
    yield from _walk(Place("", root, ()), skip)


def _walk(place: Place, skip: Callable[[Any], bool]) -> Iterator[Place]:
    if skip(place.thing):
        return
    yield place
    above = (*place.above, id(place.thing))
    for name, value in _children(place.thing):
        yield from _walk_value(Place(f"{place.path}/{name}" if place.path else name, value, above), skip)


def _walk_value(place: Place, skip: Callable[[Any], bool]) -> Iterator[Place]:
    if id(place.thing) in place.above:
        return
    if holds_state(place.thing):
        yield from _walk(place, skip)
    elif isinstance(place.thing, (list, tuple, dict)):
        yield from _walk_container(place, skip)


def _walk_container(place: Place, skip: Callable[[Any], bool]) -> Iterator[Place]:
    container, above = place.thing, (*place.above, id(place.thing))
    used: dict[str, int] = {}
    for item in container.values() if isinstance(container, dict) else container:
        if holds_state(item):
            base = registry.snake(_class_name(item))
        elif isinstance(item, (list, tuple, dict)):
            base = "container"
        else:
            continue
        count = used.get(base, -1) + 1
        used[base] = count
        name = base if count == 0 else f"{base}_{count}"
        yield from _walk_value(Place(f"{place.path}/{name}", item, above), skip)


def _class_name(item: object) -> str:
    """The class of an object as paths spell it: what an era's `Model` makes of a graph is a `Functional`."""
    is_graph = _is_model(item) and getattr(item, "_graph", None) is not None
    name = type(item).__name__
    return "Functional" if is_graph and name == "Model" and is_ours(type(item)) else name


def holds_state(value: object) -> bool:
    """Whether files may hold something for an object: layers, optimizers, and a user's own objects that say so."""
    return isinstance(value, Layer) or (hasattr(value, "save_own_variables") and not isinstance(value, type))


def _children(thing: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of the attributes to look into, Keras's own names, public ones first."""
    found = dict(_attributes(thing))
    if _is_model(thing):
        found["optimizer"] = thing.optimizer
        if thing._graph is None:
            found["layers"] = thing.layers
        else:
            # What the graph holds takes precedence over other attributes of a subclass.
            yield "layers", layers_of_graph(thing)
    for name in sorted(found, key=lambda name: f"~{name}" if name.startswith("_") else name):
        yield name, found[name]


def layers_of_graph(model: Layer) -> list[Layer]:
    """The layers of a graph in Keras's order; a sequential model's without its input."""
    held = model.__dict__.get("_graph_layers")
    return model.layers if held is None else [layer for layer in held if isinstance(layer, Layer)]


def _attributes(thing: object) -> Iterator[tuple[str, Any]]:
    hidden = type(thing)._hidden[Look.FILES] if isinstance(thing, Module) else frozenset()
    spelled = thing.shown_as if isinstance(thing, Layer) else {}
    for name, value in vars(thing).items() if hasattr(thing, "__dict__") else ():
        if name not in hidden:
            yield spelled.get(name, name), value
            if name in spelled:  # as files of `tf.keras` have it
                yield name, value
    for cls in type(thing).__mro__:
        if cls is object or cls.__module__.partition(".")[0] == "kerata":
            continue
        for name, value in vars(cls).items():
            if isinstance(value, property) and name not in hidden and not hasattr(Layer, name):
                yield name, _read_property(thing, name)


def _read_property(thing: object, name: str) -> object:
    # A user's property may raise for reasons of its own; it holds nothing that a file needs then.
    try:
        return getattr(thing, name)
    except Exception as error:
        hand_on(error)
        return None


def _is_model(thing: object) -> bool:
    return isinstance(thing, Module) and hasattr(type(thing), "compile") and hasattr(thing, "_graph")
