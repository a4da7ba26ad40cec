"""The one form in which every old file ends: a description in Keras 3's form, and the arrays that belong to it.

An array is a `Source`: its shape is known, and its numbers are read when they are asked for. So what a file holds is held
against the model before anything of it is read.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from kerata.saving.legacy.object_graph import Node

# The eras, as the tables of `kerata.dialects` call them.
KERAS1, KERAS2, TFKERAS2, KERAS3 = "keras1", "keras2", "tfkeras2", "keras3"


class Source:
    """An array of a file.

    Args:
        name: how the file calls it.
        shape: its shape.
        read: gives its numbers.
    """

    __slots__ = ("_read", "name", "shape")

    def __init__(self, name: str, shape: Sequence[int], read: Callable[[], np.ndarray]):
        self.name, self.shape, self._read = name, tuple(shape), read

    def read(self) -> np.ndarray:
        return self._read()

    def change(self, shape: Sequence[int], function: Callable[[np.ndarray], np.ndarray]) -> "Source":
        """The array that a function makes of this one, which has the shape that is said."""
        return Source(self.name, shape, lambda: function(self.read()))

    def transpose(self, *axes: int) -> "Source":
        """The array with its axes in another order."""
        return self.change([self.shape[axis] for axis in axes], lambda array: array.transpose(axes))

    def reshape(self, *shape: int) -> "Source":
        """The same numbers in another shape, if there are as many."""
        return self.change(shape, lambda array: array.reshape(shape)) if math.prod(shape) == math.prod(self.shape) else self

    def flip(self, count: int) -> "Source":
        """The array turned round along its first axes."""
        return self.change(self.shape, lambda array: np.flip(array, tuple(range(count))))


def join(parts: Sequence[Source]) -> Source:
    """Arrays side by side along their last axis."""
    shape = (*parts[0].shape[:-1], sum(part.shape[-1] for part in parts)) if all(part.shape for part in parts) else ()
    return Source(parts[0].name, shape, lambda: np.concatenate([part.read() for part in parts], axis=-1))


class LayerArrays(NamedTuple):
    """The arrays of one layer of the model, in the order of the file."""

    layer: str
    arrays: list[Source]


class Weights(NamedTuple):
    """The weights of a file.

    Args:
        era: whose layouts they have.
        backend: "theano", "tensorflow", "cntk", ... or "".
        layers: the arrays of each layer, those of layers without any included.
        own: the arrays that belong to the model itself.
    """

    era: str
    backend: str
    layers: list[LayerArrays]
    own: list[Source]


class Tree(NamedTuple):
    """The arrays of a file by the objects that hold them.

    Args:
        nodes: the objects; the first one is the model.
        names: what layers are called, by their numbers, where the file says it.
        source: gives an array by its key and its name.
    """

    nodes: list[Node]
    names: dict[int, str]
    source: Callable[[str, str], Source]

    def array(self, number: int) -> Source:
        node = self.nodes[number]
        return self.source(node.key, node.name or node.key)


class OldModel(NamedTuple):
    """A whole model of an old file.

    Args:
        era, version: who wrote it.
        config: a description in Keras 3's form.
        weights: its weights.
        compiling: what `compile` was given, in Keras 3's form, or `None`.
        optimizer: the state of the optimizer, in the order of the file.
        notes: what a reader should be told.
        tree: the arrays of files that keep them by paths of attributes; `weights` and `optimizer` are empty then.
    """

    era: str
    version: str
    config: dict[str, Any]
    weights: Weights | None
    compiling: dict[str, Any] | None
    optimizer: list[Source]
    notes: list[str]
    tree: Tree | None = None


def era_of_version(version: str, backend: str = "") -> str:
    """The era of a file by the version of Keras that it names.

    >>> era_of_version("1.2.1"), era_of_version("2.2.4"), era_of_version("2.2.4-tf"), era_of_version("2.11.0")
    ('keras1', 'keras2', 'tfkeras2', 'tfkeras2')
    """
    if version[:1] in ("", "0", "1"):
        return KERAS1
    if version[:1] != "2":
        return KERAS3
    numbers = version.split("-")[0].split(".")
    minor = int(numbers[1]) if len(numbers) > 1 and numbers[1].isdigit() else 0
    # Keras 2.4 and later are tf.keras under another name.
    return TFKERAS2 if version.endswith("-tf") or minor >= 4 else KERAS2
