"""A graph of operations as a function: what a functional model is, without training and saving."""

from typing import Any

import jax

from kerata.base.checks import message
from kerata.engine.symbolic import Node, Operation, SymbolicTensor, Tensors
from kerata.layers.signatures import ShapeTree
from kerata.models.graph import Graph


class Function(Operation):
    """The operations between symbolic inputs and outputs, as one function of arrays or symbolic tensors.

    Args:
        inputs, outputs: symbolic tensors, alone or in lists, tuples or dicts.
        name: a name.

    >>> import kerata, numpy as np
    >>> x = kerata.Input((3,))
    >>> double = Function(x, kerata.ops.sum(2 * x, axis=1))
    >>> double(np.ones((1, 3), "float32")).tolist()
    [6.0]
    """

    def __init__(self, inputs: Tensors, outputs: Tensors, name: str | None = None):
        super().__init__(name=name)
        self._graph = Graph(inputs, outputs, f"{type(self).__name__} ({self.name})")

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic inputs, in one list."""
        return self._graph.inputs

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic outputs, in one list."""
        return self._graph.outputs

    @property
    def input(self) -> Tensors:
        """The symbolic inputs, in the form in which they were given."""
        return self._graph.inputs_tree

    @property
    def output(self) -> Tensors:
        """The symbolic outputs, in the form in which they were given."""
        return self._graph.outputs_tree

    @property
    def operations(self) -> list[Any]:
        """The inputs, layers and operations of the graph."""
        return list(self._graph.operations)

    @property
    def nodes(self) -> list[Node]:
        """The calls of the graph, in an order in which they can run."""
        return list(self._graph.nodes)

    def call(self, inputs: object) -> object:
        """The outputs for some inputs."""
        owner = f"Function ({self.name})"
        values = self._graph.match_inputs(inputs, owner)
        # Of a model the first axis counts samples, whose number may be any.
        for value, tensor in zip(values, self.inputs, strict=False):
            first = tensor.shape[:1]
            if value is not None and first != (None,) and first != tuple(value.shape[:1]):
                expected = f"the input '{tensor.name}' must have the shape {tensor.shape}"
                raise ValueError(message(owner, expected, {"shape": tuple(value.shape)}))
        return self._graph.run(values)

    def compute_output_shape(self, input_shape: ShapeTree) -> object:
        """The shapes of the outputs for shapes of inputs."""
        is_shape = lambda one: isinstance(one, (list, tuple)) and all(d is None or isinstance(d, int) for d in one)  # noqa: E731
        kinds = iter(tensor.dtype for tensor in self.inputs)
        given = jax.tree.map(lambda shape: SymbolicTensor(tuple(shape), next(kinds)), input_shape, is_leaf=is_shape)
        return jax.tree.map(lambda tensor: tensor.shape, self.compute_output_spec(given))
