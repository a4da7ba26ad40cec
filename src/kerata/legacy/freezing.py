"""Which weights are trained was settled by `compile`: what a program froze or freed afterwards waited for the next one.

Programs of adversarial networks count on it. They compile the discriminator, freeze it, and put it into the model that trains
the generator.
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from kerata.base.checks import message
from kerata.engine.homes import warn_user


class Trained:
    """Which layers of a model are trained at some time, and which of their variables."""

    def __init__(self, layers: Iterable[Any]):
        self.layers = [(layer, layer._trainable) for layer in layers]
        self.variables = {id(v): v.trainable for layer, _ in self.layers for v in layer._own_variables()}
        self.text = ""

    def changed(self) -> list[Any]:
        """The layers that are no longer as they were."""
        return [layer for layer, trained in self.layers if layer._trainable is not trained]

    def restore(self) -> None:
        """Makes layers again what they were."""
        for layer, trained in self.layers:
            if layer._trainable is not trained:
                layer._trainable = trained
                for variable in layer._own_variables():
                    variable.trainable = self.variables.get(id(variable), trained and variable.made_trainable)

    def warn(self, model) -> list[Any]:
        """The layers that were frozen or freed since; a warning where there are some."""
        found = self.changed()
        if found and not self.text:
            expected = "Discrepancy between trainable weights and collected trainable weights: what was frozen or freed since "
            expected += "compile() has no effect yet"
            names = [layer.name for layer in found][:5]
            self.text = message(model, expected, {"layers": names}, "Call compile() where it is to have one")
        if found:
            warn_user(self.text)
        return found


@contextlib.contextmanager
def as_compiled(model) -> Iterator[None]:
    """Within the block the layers of a model are trained, or not, as they were when it was compiled."""
    state: Trained | None = model.__dict__.get("_trained_at_compile")
    averaging = [layer for layer in model._flatten_layers() if hasattr(layer, "changes_frozen")]
    # Which averages move was settled when the function of a step was made, in the first of them.
    stay: dict[int, bool] = vars(model).setdefault("_averages_stay", {})
    for layer in averaging:
        layer.__dict__["averages_stay"] = stay.setdefault(id(layer), not layer._trainable)
    changed = [] if state is None else state.warn(model)
    now = Trained(changed)
    if state is not None and changed:
        state.restore()
    try:
        yield
    finally:
        now.restore()
        for layer in averaging:
            layer.__dict__.pop("averages_stay", None)
