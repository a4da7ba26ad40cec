"""The builder of a search as it is called: what gets no name is called alike in each trial."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from kerata.base.checks import message
from kerata.engine.naming import NamedTwice, measures_anew, name_counts, names_from
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
                with measures_anew(), self._names():
                    return check_model(self.build(hp))
            except NamedTwice:
                if len(self.ways) == 1:
                    raise
                del self.ways[0]

    def _names(self) -> AbstractContextManager[None]:
        way = self.ways[0]
        return nullcontext() if way is None else names_from(way)


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
