"""The order in which `tf.keras` listed the weights of layers and models.

A layer lists what is trained before the rest, in each of both its own weights before those of the layers in it. A model lists
its layers as they were set, each with all its weights, and its own variables behind them; of a list of layers that it holds,
what is trained comes first.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from kerata.engine.module import Module, held
from kerata.engine.scope import in_scope
from kerata.engine.variable import Variable
from kerata.layers.weights import WeightHolder
from kerata.legacy.tensorflow.variable import adopt
from kerata.models import Sequential


class Listed(NamedTuple):
    """The variables of something: those that are trained, the others, and all of them."""

    trained: list[Variable]
    others: list[Variable]
    every: list[Variable]


class Group(list["Part"]):
    """A list, tuple or dict of layers and variables that is an attribute of a model."""


Part = WeightHolder | Variable | Group
T = TypeVar("T", WeightHolder, Variable)


def listed(layer: WeightHolder, known: dict[int, Listed] | None = None) -> Listed:
    """What a layer lists; a variable that is shared may stand in it twice."""
    known = {} if known is None else known
    if id(layer) not in known:
        # A layer that holds itself, by way of another one, lists nothing anew.
        known[id(layer)] = Listed([], [], [])
        below = list(children(layer))
        own = own_variables(layer, below)
        known[id(layer)] = (of_model if hasattr(type(layer), "fit") else of_layer)(layer, own, below, known)
    return known[id(layer)]


def of_layer(layer: WeightHolder, own: Listed, below: list[Part], known: dict[int, Listed]) -> Listed:
    parts = [listed(each, known) for each in of_kind(WeightHolder, below)]
    if layer.trainable:
        trained = [*own.trained, *(v for part in parts for v in part.trained)]
        others = [*own.others, *(v for part in parts for v in part.others)]
    else:
        trained, others = [], [*own.every, *(v for part in parts for v in part.every)]
    return Listed(trained, others, [*trained, *others])


def of_model(model: WeightHolder, own: Listed, below: list[Part], known: dict[int, Listed]) -> Listed:
    parts = [of_part(each, known) for each in below]
    every = [*(v for part in parts for v in part.every), *own.every]
    trained = [*(v for part in parts for v in part.trained), *own.trained]
    others = [*(v for part in parts for v in part.others), *own.others]
    return Listed(trained, others, every) if model.trainable else Listed([], [*trained, *others], every)


def of_part(part: Part, known: dict[int, Listed]) -> Listed:
    """What stands in the place of an attribute of a model."""
    if isinstance(part, Variable):
        return Listed([], [], [])
    if not isinstance(part, Group):
        return listed(part, known)
    variables = [one for one in part if isinstance(one, Variable)]
    parts = [of_part(one, known) for one in part]
    trained = [*(v for one in parts for v in one.trained), *(v for v in variables if v.made_trainable)]
    others = [*(v for one in parts for v in one.others), *(v for v in variables if not v.made_trainable)]
    return Listed(trained, others, [*trained, *others])


def own_variables(layer: WeightHolder, below: list[Part]) -> Listed:
    """The variables of a layer itself, by its attributes; one that none of them holds stands before those made later."""
    own = list({id(variable): variable for variable in of_kind(Variable, below)}.values())
    shown = {id(variable) for variable in own}
    for variable in layer._weights:
        if id(variable) not in shown:
            later = (place for place, one in enumerate(own) if one.number > variable.number)
            own.insert(next(later, len(own)), variable)
    trained, others = [v for v in own if v.made_trainable], [v for v in own if not v.made_trainable]
    return Listed(trained, others, [*trained, *others])


def children(layer: WeightHolder) -> Iterator[Part]:
    """The layers, variables and groups of such that a layer holds, in the order in which they were set."""
    flat = "_layers" if isinstance(layer, Sequential) else "_graph_layers"
    for name, value in held(layer):
        if name == flat:
            yield from (one for one in value if isinstance(one, WeightHolder))  # type: ignore[attr-defined]
        elif name != "_weights":
            yield from taken(value, set())


def taken(value: object, seen: set[int]) -> Iterator[Part]:
    if isinstance(value, (WeightHolder, Variable)):
        yield value
    elif isinstance(value, (list, tuple, dict)) and id(value) not in seen:
        seen.add(id(value))
        items = in_order(value) if isinstance(value, dict) else value
        group = Group(one for item in items for one in taken(item, seen))
        if group:
            yield group


def in_order(table: dict[Any, Any]) -> list[Any]:
    """The values of a dict by its keys; those that cannot be held against each other as they stand."""
    try:
        return [table[key] for key in sorted(table)]
    except TypeError:
        return list(table.values())


def of_kind(kind: type[T], below: Iterable[Part]) -> Iterator[T]:
    """The layers, or the variables, among the children of a layer, those in groups as well."""
    for one in below:
        if isinstance(one, Group):
            yield from of_kind(kind, one)
        elif isinstance(one, kind):
            yield one


def ranked(variables: list[Variable], order: list[Variable]) -> list[Variable]:
    """Some variables in an order; what that does not name stays behind."""
    places: dict[int, int] = {}
    for place, variable in enumerate(order):
        places.setdefault(id(variable), place)
    return sorted(variables, key=lambda variable: places.get(id(variable), len(places) + len(order)))


# What lists of weights go by.
LISTED = (Module, Variable, list, tuple, dict)


class Listing:
    """The weights of a layer in the order in which its era listed them."""

    _era: str

    def _adopts_weights(self) -> bool:
        """Whether the variables that are listed are to be those of TensorFlow's names."""
        return False

    def _after_build(self) -> None:
        """Gives the weights what a model that this stands in waits for, where the layer is built before the model."""
        super()._after_build()  # type: ignore[misc]
        give = self.__dict__.get("_awaits")
        if give is not None and not in_scope():
            del self.__dict__["_awaits"]
            give(self)

    def __setattr__(self, name: str, value: object) -> None:
        if name in self.__dict__ and isinstance(value, LISTED) and self._era == "tfkeras2":
            # What is set anew comes behind what was set before it.
            del self.__dict__[name]
        super().__setattr__(name, value)

    def _sublayers(self) -> Iterator[Any]:
        return of_kind(WeightHolder, children(self)) if self._era == "tfkeras2" else super()._sublayers()  # type: ignore[arg-type,misc]

    def _as_listed(self, found: list[Variable], kind: str) -> list[Variable]:
        """Weights in the order in which their era listed them."""
        if self._era == "tfkeras2":
            found = ranked(found, getattr(listed(self), kind))  # type: ignore[arg-type]
        return [adopt(v) for v in found] if self._adopts_weights() else found

    @property
    def trainable_weights(self) -> list[Variable]:
        return self._as_listed(super().trainable_weights, "trained")  # type: ignore[misc]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return self._as_listed(super().non_trainable_weights, "others")  # type: ignore[misc]

    @property
    def weights(self) -> list[Variable]:
        return self._as_listed(super().weights, "every")  # type: ignore[misc]

    @property
    def variables(self) -> list[Variable]:
        """The weights, and behind them what is kept beside them."""
        found = super().variables  # type: ignore[misc]
        return ranked(found, self.weights) if self._era == "tfkeras2" else found

    @property
    def non_trainable_variables(self) -> list[Variable]:
        found = super().non_trainable_variables  # type: ignore[misc]
        return ranked(found, self.non_trainable_weights) if self._era == "tfkeras2" else found
