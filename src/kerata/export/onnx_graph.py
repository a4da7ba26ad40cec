"""A graph of ONNX operators while it is made: nodes, tensors by name, and graphs within nodes."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from kerata.engine.types import HostArray

# Constants up to this size are kept once, however often they are used.
SHARED_BYTES = 4096

Attribute: TypeAlias = "int | float | str | list[int] | np.dtype | Graph"


@dataclass(frozen=True)
class Port:
    """What goes into a graph, or comes out of it: `None` stands for a size that is not said."""

    name: str
    dtype: np.dtype
    shape: tuple[int | str | None, ...] | None = None


@dataclass
class Node:
    kind: str
    inputs: list[str]
    outputs: list[str]
    name: str
    attributes: dict[str, Attribute] = field(default_factory=dict)


class Graph:
    """Nodes in an order in which they can run.

    Args:
        outer: the graph with the node that this one stands in, whose tensors can be used here too.

    >>> graph = Graph()
    >>> graph.add("Add", "x", graph.constant(np.float32(1)), scope="dense")
    'dense/Add'
    >>> graph.add("Exp", "dense/Add")
    'Exp'
    """

    def __init__(self, outer: "Graph | None" = None):
        self.outer = outer
        self.root: Graph = self if outer is None else outer.root
        self.nodes: list[Node] = []
        self.inputs: list[Port] = []
        self.outputs: list[Port] = []
        # Tensors that stand for others here, such as a shape that a size belongs to.
        self.known: dict[object, str] = {}
        if outer is None:
            self.constants: dict[str, HostArray] = {}
            self.taken: Counter[str] = Counter()

    def fresh(self, name: str) -> str:
        """A name that no tensor has yet."""
        taken = self.root.taken
        found = name
        while taken[found]:
            found = f"{name}_{taken[name]}"
            taken[name] += 1
        taken[found] += 1
        return found

    def add(self, kind: str, *inputs: str, scope: str = "", **attributes: Attribute) -> str:
        """Adds a node with one output; returns the output's name."""
        return self.add_many(kind, 1, *inputs, scope=scope, **attributes)[0]

    def add_many(self, kind: str, count: int, *inputs: str, scope: str = "", **attributes: Attribute) -> list[str]:
        """Adds a node with several outputs; returns their names."""
        name = self.fresh(f"{scope}/{kind}" if scope else kind)
        outputs = [name] if count == 1 else [self.fresh(f"{name}_out{place}") for place in range(count)]
        self.nodes.append(Node(kind, list(inputs), outputs, name, attributes))
        return outputs

    def alias(self, tensor: str, name: str) -> str:
        """Another name for a tensor."""
        node = self.fresh(f"{name}/Identity")
        self.nodes.append(Node("Identity", [tensor], [self.fresh(name)], node))
        return self.nodes[-1].outputs[0]

    def constant(self, value: HostArray | np.generic | int, name: str = "constant") -> str:
        """The name of a tensor whose numbers are in the file."""
        array, root = np.asarray(value), self.root
        key = (array.shape, array.dtype.str, array.tobytes()) if array.nbytes <= SHARED_BYTES else None
        if key is not None and key in root.known:
            return root.known[key]
        found = self.fresh(name)
        root.constants[found] = array
        if key is not None:
            root.known[key] = found
        return found

    def used(self) -> set[str]:
        """Names of all tensors that nodes of this graph and of those within take, and of its outputs."""
        names = {port.name for port in self.outputs}
        for node in self.nodes:
            names.update(node.inputs)
            for value in node.attributes.values():
                if isinstance(value, Graph):
                    names |= value.used()
        return names

    def prune(self) -> None:
        """Leaves out what nothing needs."""
        needed = {port.name for port in self.outputs}
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if needed & set(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
                for value in node.attributes.values():
                    if isinstance(value, Graph):
                        value.prune()
                        needed |= value.used()
        self.nodes = kept[::-1]
        if self is self.root:
            self.constants = {name: value for name, value in self.constants.items() if name in needed}
