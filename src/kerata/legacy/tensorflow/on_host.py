"""Functions of texts in the graph of a model: they run on the host, as the layers of texts behind them do."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer

from kerata.base.checks import message
from kerata.engine.naming import auto_name
from kerata.engine.symbolic import SymbolicTensor, has_symbolic
from kerata.layers.preprocessing.host import HostLayer
from kerata.legacy.tensorflow.calls import Function
from kerata.legacy.tensorflow.tensor import Tensor, dtype_of, plain, texts
from kerata.legacy.tensorflow.types import as_dtype

# Two sizes that nothing else is likely to have: where a shape follows the one, it is not known.
SIZES = (1009, 1013)


class OnHost(HostLayer):
    """A function of TensorFlow's on texts, as a node of a graph.

    Args:
        title: its name, as in `tf.title`.
        function: which.
    """

    def __init__(self, title: str, function: Callable[..., Any]):
        super().__init__(name=auto_name(f"tf.{title}"))
        self.title, self.function = title, function

    def call(self, *values: object, **named: object) -> object:
        return plain(self.function(*jax.tree.map(shown, list(values)), **named))

    def compute_output_spec(self, *values: object, **named: object) -> object:
        first, second = (self._tried(values, size, named) for size in SIZES)
        shapes = [one.shape for one in second]
        specs = [
            SymbolicTensor([n if n == m else None for n, m in zip(leaf.shape, shape, strict=True)], dtype_of(leaf).name)
            for leaf, shape in zip(first, shapes, strict=True)
        ]
        return specs if isinstance(first, list) else specs[0]

    def _tried(self, values: Sequence[object], size: int, named: dict[str, Any]) -> Sequence[Tensor]:
        """What the function gives for empty texts, and zeros, of the shapes that the inputs have: a list, or one in a tuple."""

        def example(value: object) -> object:
            if not isinstance(value, SymbolicTensor):
                return value
            shape = tuple(size if n is None else n for n in value.shape)
            is_text = value.dtype == "string"
            return Tensor(np.full(shape, b"", object) if is_text else np.zeros(shape, as_dtype(value.dtype).dtype))

        found = self.function(*jax.tree.map(example, list(values)), **named)
        found = found if isinstance(found, list) else (found,)
        if not all(isinstance(one, Tensor) for one in found):
            raise NotImplementedError(
                message(f"tf.{self.title}", "in the graph of a model it must give tensors", {"it": found})
            )
        return found

    def get_config(self) -> dict[str, Any]:
        """Raises: files have no word for it."""
        expected = f"tf.{self.title} of texts stands in the graph, for which files have no word"
        fix = "Change the data (dataset.map) in place of the model, and save_weights() of what is there"
        raise NotImplementedError(message(self, expected, None, fix))


def holds_texts(tree: object) -> bool:
    """Whether there are texts among tensors and arrays, of which none is symbolic."""
    return not has_symbolic(tree) and any(
        np.asarray(leaf).dtype.kind in "OSU" for leaf in jax.tree.leaves(plain(tree)) if not isinstance(leaf, Tracer)
    )


def shown(value: object) -> object:
    """A tensor for an array, as the function takes it."""
    return Tensor(texts(value)) if isinstance(value, np.ndarray) else value


def node_of(function: Function, values: list[Any]) -> object:
    """The node of a function of texts."""
    return OnHost(function.title, function)(*values)


def in_graphs(title: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A function on texts that takes symbolic tensors as well, as its first arguments."""

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        if not has_symbolic((args, kwargs)):
            return function(*args, **kwargs)
        # What is given by its name may be what the graph takes.
        bound = inspect.signature(function).bind(*args, **kwargs)
        return OnHost(title, function)(*bound.args, **bound.kwargs)

    return call
