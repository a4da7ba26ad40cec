"""The names that weights had: `dense/kernel:0`, and `dense_1_W:0` in Keras 1. Programs choose weights by them."""

import re

from kerata.engine.naming import current_path
from kerata.engine.structure import is_ours
from kerata.engine.variable import Variable
from kerata.layers import RNN, TimeDistributed
from kerata.layers.layer import Layer
from kerata.layers.separable_convolution import Depthwise

# The words of Keras 1.
WORDS = {
    "kernel": "W",
    "bias": "b",
    "recurrent_kernel": "U",
    "embeddings": "W",
    "moving_mean": "running_mean",
    "moving_variance": "running_std",
    "alpha": "alphas",
}


def name_weights(layer: Layer) -> None:
    """Gives the weights of a layer that was just built, and of what stands in it, the names of its era."""
    era: str = layer._era  # type: ignore[attr-defined]
    within = layer._flatten_layers()
    hidden = hidden_parts(within, era)
    loops = {id(one.cell): one for one in within if isinstance(one, RNN)}
    for one in within:
        for variable in one._own_variables():
            if variable.name == "seed_generator_state" or (":" in variable.name and (era == "keras1" or not hidden)):
                continue
            if era == "keras1":
                variable.name = name_of_keras1(loops.get(id(one), one).name, variable.name)
            else:
                is_depthwise = isinstance(one, Depthwise) and variable.path.endswith("/kernel")
                path = variable.path.removesuffix("kernel") + "depthwise_kernel" if is_depthwise else variable.path
                variable.name = name_of_path(path, hidden)


def named_alone(layer: Layer, variable: Variable) -> Variable:
    """A weight that a layer of a program's own makes in its constructor: no name stood before its own."""
    era: str = layer._era  # type: ignore[attr-defined]
    if era != "keras1" and not layer.built and not is_ours(type(layer)) and not current_path() and not is_building(layer):
        variable.name = name_of_path(variable.path.rpartition("/")[2], set())
    return variable


def is_building(layer: Layer) -> bool:
    return "_building" in vars(layer)


def name_built_alone(layer: Layer) -> None:
    """The weights of a layer whose `build` a program calls itself, outside of any call, had not its name before their own."""
    if layer._era == "keras1" or current_path() or hasattr(layer, "fit"):  # type: ignore[attr-defined]
        return
    known = [variable for variable in layer.weights if ":" not in variable.name]
    name_weights(layer)
    for variable in known:
        variable.name = variable.name.removeprefix(f"{layer.name}/")


def name_of_keras1(layer: str, word: str) -> str:
    """A name as Keras 1 gave it; layers of a program's own wrote that of the layer themselves.

    >>> name_of_keras1("dense_1", "kernel"), name_of_keras1("own_1", "own_1_W")
    ('dense_1_W:0', 'own_1_W:0')
    """
    word = WORDS.get(word, word)
    return f"{word if word.startswith(layer) else f'{layer}_{word}'}:0"


def hidden_parts(within: list[Layer], era: str) -> set[tuple[str, str]]:
    """Layers whose names did not stand in those of weights: each with the layer that it is in."""
    found = {(one.name, one.layer.name) for one in within if isinstance(one, TimeDistributed)}
    if era != "tfkeras2":
        found |= {(one.name, one.cell.name) for one in within if isinstance(one, RNN)}  # type: ignore[attr-defined]
    return found


def name_of_path(path: str, hidden: set[tuple[str, str]]) -> str:
    """A name as TensorFlow gave it.

    >>> name_of_path("lstm_1/lstm_cell/kernel", {("lstm_1", "lstm_cell")}), name_of_path("own/variable", set())
    ('lstm_1/kernel:0', 'own/Variable:0')
    """
    *above, word = path.split("/")
    kept = [part for before, part in zip(["", *above], above, strict=False) if (before, part) not in hidden]
    return "/".join([*kept, re.sub(r"^variable(_\d+)?$", "Variable", word)]) + ":0"


class Naming:
    """A layer whose weights get names when a program builds it alone."""

    def _after_build(self) -> None:
        name_built_alone(self)  # type: ignore[arg-type]
        super()._after_build()  # type: ignore[misc]
