"""The builder of a search as it is called: no two trials share a part, and what gets no name is called alike in each."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from kerata.base.checks import message
from kerata.engine.naming import NamedTwice, measures_anew, name_counts, names_from
from kerata.engine.variable import Variable
from kerata.models.copying import copy_as_it_is, is_given
from kerata.models.model import Model
from kerata.search.space import HyperParameters


class Builder:
    """Calls a builder for the model of some values.

    Layers without a name are called as the next ones after those that there were before the search, so that the outputs of all
    trials have the same names, and metrics and losses as the first of the process. A builder that keeps a layer for the next
    trial meets its name there: then the names of layers go on.

    Args:
        build: the user's function of `hp`.
    """

    def __init__(self, build: "Callable[[HyperParameters], Model] | Builder"):
        self.build: Callable[[HyperParameters], Model] = build.build if isinstance(build, Builder) else build
        # What is counted from, and where that does not do, from what there is.
        self.ways: list[dict[str, int] | None] = build.ways if isinstance(build, Builder) else [name_counts(), None]

    def __call__(self, hp: HyperParameters) -> Model:
        while True:
            try:
                with self._names():
                    return check_model(build_apart(self.build, hp))
            except NamedTwice:
                if len(self.ways) == 1:
                    raise
                del self.ways[0]

    def _names(self) -> AbstractContextManager[None]:
        way = self.ways[0]
        return nullcontext() if way is None else names_from(way)


def build_apart(build: Callable[..., object], *given: object) -> object:
    """What a builder returns; what its models measure has the same names each time.

    A part that was there before, such as a base that all trials build on, is copied as it stands: no trial, fold or refit may
    train it for the others.
    """
    since = Variable(0.0, trainable=False, name="since").number
    with measures_anew():
        model = build(*given)
    if not isinstance(model, Model) or not model.compiled or all(variable.number >= since for variable in model.variables):
        return model
    twin = copy_as_it_is(model)
    for old, new in zip(model.variables, twin.variables, strict=True):
        new.assigned = is_given(old, model)
    return twin


def check_model(model: object) -> Model:
    """What a builder returned, if it is a compiled model."""
    if not isinstance(model, Model) or not model.compiled:
        raise TypeError(
            message(
                "build",
                "the builder must return a compiled model",
                {"returned": model},
                "Call model.compile(...) and return the model",
            )
        )
    return model
