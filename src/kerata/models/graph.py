"""Functional models: a graph of layers between symbolic inputs and outputs."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import did_you_mean, message
from kerata.base.types import Owner
from kerata.data.border import Border
from kerata.engine.dicts import in_order
from kerata.engine.naming import NamedTwice, auto_name
from kerata.engine.scope import current_scope, note, noted
from kerata.engine.symbolic import Caller, Node, Operation, PartNode, SymbolicTensor, Tensors, flatten, run_nodes, sort_nodes
from kerata.engine.types import HostArray
from kerata.engine.variable import standardize_dtype
from kerata.layers.input import InputLayer
from kerata.layers.layer import Layer
from kerata.models.order import order_operations


class Graph:
    """The layers between inputs and outputs, in an order in which they can run.

    Args:
        inputs, outputs: symbolic tensors, alone or in lists, tuples or dicts.
        owner: the model, for messages.
        beside: tensors that are computed too, and not given back: what a term of the loss is made of.
    """

    def __init__(self, inputs: Tensors, outputs: Tensors, owner: Owner, beside: Sequence[SymbolicTensor] = ()):
        for name, tree in (("inputs", inputs), ("outputs", outputs)):
            wrong = [leaf for leaf in flatten(tree) if not isinstance(leaf, SymbolicTensor)]
            if wrong or not flatten(tree):
                raise ValueError(
                    message(
                        owner,
                        f"All `{name}` values must be KerasTensors, made by Input() and layers",
                        {name: wrong[0] if wrong else tree},
                    )
                )
        self.inputs_tree, self.outputs_tree = inputs, outputs
        self.inputs: list[SymbolicTensor] = flatten(inputs)
        self.outputs: list[SymbolicTensor] = flatten(outputs)
        self.beside = list(beside)
        # A model cut out of a larger one begins at tensors that some layer made, which is not part of it.
        self.cuts: dict[int, InputLayer] = {
            id(t): InputLayer(batch_shape=t.shape, dtype=t.dtype, name=t.name)
            for t in self.inputs
            if not isinstance(maker_of(t), InputLayer)
        }
        self.nodes: list[Node] = sort_nodes(self.inputs, self.outputs, owner)
        self.running = sort_nodes(self.inputs, [*self.outputs, *self.beside], owner) if self.beside else self.nodes
        # A model within this one that begins on the host runs in two halves.
        self.steps = [part for node in self.running for part in in_halves(node)]
        self._cut(owner)
        counts = getattr(type(owner), "counts_masks", True)
        self.operations = order_operations(self.nodes, self.inputs, self.outputs, self._source, counts)
        self.warned = False
        if not counts:
            self._yield_names()
        self._check_names(owner)

    def _yield_names(self) -> None:
        """Calls functions otherwise that are called as a layer: `x + y` was no `add` before Keras 3, and layers count alone."""
        taken = {operation.name for operation in self.operations if type(operation) is not Operation}
        for operation in self.operations:
            if type(operation) is Operation and operation.name in taken:
                operation.name = auto_name(f"tf.{operation.name}")

    def _check_names(self, owner: Owner) -> None:
        """Refuses two operations of one name: a file could not tell them apart."""
        names = [operation.name for operation in self.operations]
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            count = names.count(twice[0])
            expected = f'the name "{twice[0]}" is used {count} times in the model. All operation names should be unique'
            raise NamedTwice(
                message(owner, expected, {"used more than once": twice}, "Give each a name of its own, e.g. Dense(2, name=...)")
            )

    def _source(self, tensor: SymbolicTensor) -> Caller:
        """The input of the model at which a tensor stands."""
        return self.cuts[id(tensor)] if id(tensor) in self.cuts else tensor.history[0]

    def _cut(self, owner: Owner) -> None:
        """Parts what runs on the host from what the program runs; the tensors between them are the border."""
        self.on_host = self._host_nodes()
        self.is_cut = bool(self.on_host)
        known = {id(node) for node in self.on_host}
        self.in_program = [node for node in self.steps if id(node) not in known]
        made = {id(tensor) for node in self.in_program for tensor in node.output_tensors}
        for node in self.on_host:
            if any(id(tensor) in made for tensor in node.input_tensors):
                expected = "the layer runs on the host, and stands behind one that the program runs"
                raise ValueError(message(node.operation, expected, fix="Let it take an input of the model"))
        needed = [tensor for node in self.in_program for tensor in node.input_tensors if id(tensor) not in made]
        needed += [tensor for tensor in self.outputs if id(tensor) not in made]
        self.border = list({id(tensor): tensor for tensor in needed}.values()) if self.is_cut else self.inputs
        if texts := [tensor.name for tensor in needed if tensor.dtype == "string"]:
            expected = "texts go into the program, which knows numbers alone"
            fix = "Let a StringLookup or TextVectorization of a functional model take them, not in a layer of your own"
            raise ValueError(message(owner, expected, {"tensors": texts}, fix))

    def _host_nodes(self) -> list[Node]:
        """What runs on the host: the layers that say so, and those before them that change nothing but each sample."""
        makers = {id(tensor): node for node in self.steps for tensor in node.output_tensors}
        found: dict[int, Node] = {}
        pending = [node for node in self.steps if getattr(node.operation, "runs_on_host", False)]
        while pending:
            node = pending.pop()
            found[id(node)] = node
            before = [makers[id(tensor)] for tensor in node.input_tensors if id(tensor) in makers]
            pending += [one for one in before if id(one) not in found and _goes_along(one)]
        return [node for node in self.steps if id(node) in found]

    def starts(self, inputs: object) -> list[SymbolicTensor]:
        """The tensors that given inputs stand for."""
        return self.border if isinstance(inputs, Border) else self.inputs

    def compute_on_host(self, inputs: object, owner: Owner) -> Border:
        """What the layers on the host make of inputs, at the border."""
        values = {id(tensor): value for tensor, value in zip(self.inputs, self.matched(inputs, owner, as_texts), strict=True)}
        run_nodes(self.on_host, values, _call_on_host)
        return Border([values[id(tensor)] for tensor in self.border])

    @property
    def layers(self) -> list[Any]:
        return [op for op in self.operations if isinstance(op, (Layer, Operation))]

    def run(self, inputs: list[Any], call: Callable[..., Any] | None = None) -> Any:
        """Outputs in their structure for a flat list of inputs, or of what stands at the border; `call` as in `run_nodes`."""
        at_border = self.is_cut and len(inputs) == len(self.border) and isinstance(inputs, AtBorder)
        starts, nodes = (self.border, self.in_program) if at_border else (self.inputs, self.running)
        values = {id(tensor): value for tensor, value in zip(starts, inputs, strict=True)}
        run_nodes(nodes, values, call)
        if self.beside and (scope := current_scope()) is not None:
            scope.beside.update((id(tensor), values[id(tensor)]) for tensor in self.beside)
        leaves = [values[id(tensor)] for tensor in self.outputs]
        return self.pack(leaves)

    def pack(self, leaves: list[Any]) -> Any:
        """Values of the outputs in their structure, the keys of dicts in their own order."""
        return in_order(jax.tree.unflatten(jax.tree.structure(self.outputs_tree), leaves), self.outputs_tree)

    @property
    def input_names(self) -> list[str]:
        if isinstance(self.inputs_tree, dict):
            return [str(key) for key in sorted(self.inputs_tree)]
        return [tensor.name for tensor in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """Keys of a dict of outputs, else the names of the layers that made them."""
        if isinstance(self.outputs_tree, dict):
            return [str(key) for key in sorted(self.outputs_tree)]
        return self.names_of_makers

    @property
    def names_of_makers(self) -> list[str]:
        """The names of the layers that made the outputs, each its own."""
        names: list[str] = []
        for tensor in self.outputs:
            base = name = tensor.history[0].name
            count = 1
            while name in names:
                name, count = f"{base}_{count}", count + 1
            names.append(name)
        return names

    def match_inputs(self, inputs: object, owner: Owner) -> list[Any]:
        """A flat list of arrays for what a caller passes: one array, a list, a tuple or a dict by names; or a border."""
        if isinstance(inputs, Border):
            return AtBorder(fit_input(value, tensor, owner) for value, tensor in zip(inputs.values, self.border, strict=True))
        return self.matched(inputs, owner, fit_input)

    def matched(self, inputs: object, owner: Owner, fit: Callable[[Any, SymbolicTensor, Any], Any]) -> list[Any]:
        """A flat list of what `fit(value, tensor, owner)` makes of what a caller passes."""
        if isinstance(inputs, dict):
            flat = self._match_by_name(inputs, owner)
        elif isinstance(inputs, (list, tuple)) and not (len(self.inputs) == 1 and _is_data(inputs)):
            if isinstance(self.inputs_tree, dict):
                self._check_order(inputs, owner)
            flat = flatten(inputs)
        else:
            flat = [inputs]
        if len(flat) != len(self.inputs):
            named = isinstance(self.inputs_tree, dict)
            what = "named input(s) with keys" if named else "input(s):"
            fix = "Give a dict of arrays by these names; dict(frame) is one of a table's columns" if named else ""
            expected = f"it expects {len(self.inputs)} {what} {', '.join(self.input_names)}"
            raise ValueError(message(owner, expected, {"inputs": len(flat)}, fix))
        return [fit(value, tensor, owner) for value, tensor in zip(flat, self.inputs, strict=True)]

    def _warn(self, owner: Owner, received: object, fix: str) -> None:
        """Says once for a model that inputs have another structure than it has."""
        if not self.warned:
            self.warned = True
            expected = "The structure of `inputs` doesn't match the expected structure"
            names = jax.tree.map(lambda tensor: tensor.name, self.inputs_tree)
            warnings.warn(f"{expected}: {message(owner, f'inputs are {names}', {'inputs': received}, fix)}", stacklevel=3)

    def _check_order(self, inputs: Sequence[object], owner: Owner) -> None:
        """Refuses a list for a dict of inputs, unless the dict's own order is the one in which its parts are numbered."""
        names: list[Any] = list(self.inputs_tree)
        if names != sorted(names):
            expected = (
                "The structure of `inputs` doesn't match the expected structure. A list cannot say which input is "
                f"which: the model takes a dict of {', '.join(names)}"
            )
            given = f"{type(inputs).__name__} of {len(inputs)}"
            raise ValueError(message(owner, expected, {"inputs": given}, "Give a dict"))
        self._warn(owner, f"{type(inputs).__name__} of {len(inputs)}", "It is taken in the order of the names")

    def _match_by_name(self, inputs: dict[str, Any], owner: Owner) -> list[Any]:
        if isinstance(self.inputs_tree, dict) and all(key in inputs for key in self.inputs_tree):
            if unknown := [key for key in inputs if key not in self.inputs_tree]:
                self._warn(owner, sorted(map(str, inputs)), f"{', '.join(map(str, unknown))} is left out")
            return self._match_tree(self.inputs_tree, inputs, owner)
        names = [tensor.name for tensor in self.inputs]
        if all(name in inputs for name in names):
            return [inputs[name] for name in names]
        known = self.input_names
        missing = [name for name in known if name not in inputs]
        unknown = next((name for name in inputs if name not in known), None)
        raise ValueError(
            message(
                owner,
                f"expected inputs named {', '.join(known)}",
                {"missing": missing, "given": sorted(map(str, inputs))},
                "" if unknown is None else did_you_mean(unknown, missing),
            )
        )

    def _match_tree(self, expected: Tensors, given: object, owner: Owner) -> list[Any]:
        """The leaves of what is given in the places of a nested structure of inputs."""
        if isinstance(expected, dict) and isinstance(given, dict) and set(expected) <= set(given):
            return [leaf for key in sorted(expected) for leaf in self._match_tree(expected[key], given[key], owner)]
        if isinstance(expected, (list, tuple)) and isinstance(given, (list, tuple)) and len(expected) == len(given):
            return [leaf for e, g in zip(expected, given, strict=True) for leaf in self._match_tree(e, g, owner)]
        if isinstance(expected, SymbolicTensor) and not isinstance(given, dict):
            return [given]
        names = jax.tree.map(lambda tensor: tensor.name, self.inputs_tree)
        raise ValueError(message(owner, f"inputs must have the structure {names}", {"inputs": given}))


def maker_of(tensor: SymbolicTensor) -> Caller | None:
    """The operation that made a tensor; `None` of one that a user has made by itself, `KerasTensor((None, 3))`."""
    history = getattr(tensor, "history", None)
    return None if history is None else history[0]


# Functions that may stand before a layer on the host, by module and name, on arrays of NumPy.
IN_NUMPY: dict[tuple[str | None, str | None], Callable[..., Any]] = {
    ("kerata.engine.symbolic", "get_item"): lambda x, index: np.asarray(x)[index],
    ("kerata.ops.arrays", "expand_dims"): lambda x, axis: np.expand_dims(x, axis),
    ("kerata.ops.arrays", "squeeze"): lambda x, axis=None: np.squeeze(x, tuple(axis) if isinstance(axis, list) else axis),
    ("kerata.ops.core", "cast"): lambda x, dtype: np.asarray(x).astype(standardize_dtype(dtype)),
}


def _goes_along(node: Node) -> bool:
    """Whether a call may run on the host for a layer behind it: nothing in it is trained, and no sample sees another."""
    operation = node.operation
    if isinstance(operation, Operation):
        name = getattr(operation.function, "__name__", None)
        if name == "get_item":
            index = node.args[1]
            return (index[0] if isinstance(index, tuple) and index else index) == slice(None)
        return name in ("cast", "expand_dims", "squeeze") and node.output_tensors[0].shape[:1] == (None,)
    return isinstance(operation, Layer) and not operation.mixes_samples and not operation.trainable_weights


class HostHalf:
    """What a model within another computes on the host.

    Args:
        model: its graph is cut.
    """

    runs_on_host = True

    def __init__(self, model: Layer, graph: Graph):
        self.model, self.graph, self.name = model, graph, model.name
        self.inbound_nodes: list[Node] = []

    def call(self, *args: object, **_: object) -> list[Any]:
        """The values at the border for inputs that are arrays of NumPy."""
        return self.graph.compute_on_host(args[0], self.model).values

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self.call(*args, **kwargs)


class ProgramHalf(HostHalf):
    """What it makes of the values at its border."""

    runs_on_host = False

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self.model(Border(cast(list[Any], args[0])), *args[1:], **kwargs)


def in_halves(node: Node) -> list[Node]:
    """A node, or what a model that begins on the host computes there and in the program, where the node is a call of one."""
    model = node.operation
    graph = getattr(model, "_graph", None)
    if not isinstance(model, Layer) or not isinstance(graph, Graph) or not graph.is_cut:
        return [node]
    between = [SymbolicTensor(tensor.shape, tensor.dtype) for tensor in graph.border]
    return [
        PartNode(HostHalf(model, graph), node.args[:1], {}, between),
        PartNode(ProgramHalf(model, graph), (between, *node.args[1:]), node.kwargs, node.outputs),
    ]


def _call_on_host(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    if getattr(layer, "runs_on_host", False):
        return layer.call(*args, **kwargs)
    function = getattr(layer, "function", None)
    place = (getattr(function, "__module__", None), getattr(function, "__name__", None))
    if place in IN_NUMPY:
        # Numbers of 64 bits stay whole: they may be keys of a look-up.
        return IN_NUMPY[place](*args, **kwargs)
    return jax.tree.map(np.asarray, layer(*args, **kwargs))


def _is_data(value: object) -> bool:
    """Whether nested lists hold numbers or texts, so that they stand for one array."""
    leaves = jax.tree.leaves(value)
    return bool(leaves) and all(isinstance(leaf, (int, float, str, bytes)) for leaf in leaves)


class AtBorder(list[Any]):
    """Values at the border of a graph, in its order."""


def as_texts(value: object, tensor: SymbolicTensor, owner: Owner) -> HostArray:
    """An input for layers on the host: an array of NumPy with the axes that the graph expects."""
    value = np.asarray(value)
    rank = len(fit_rank(value.shape, tensor.shape))
    if rank != value.ndim:
        value = value[..., 0] if rank < value.ndim else value[..., None]
    check_shape(value.shape, tensor, owner)
    return value


def fit_input(value: Any, tensor: SymbolicTensor, owner: Owner) -> object:
    """An input in the shape and type that the graph expects, or a `ValueError` that says what differs.

    A missing or superfluous last axis of size 1 is added or removed, as in Keras.
    """
    if value is None:
        if not getattr(maker_of(tensor), "optional", False):
            raise ValueError(
                message(
                    owner,
                    f"the input '{tensor.name}' is not optional",
                    {"inputs": None},
                    "Give an array for it, or make the input with Input(..., optional=True)",
                )
            )
        return value
    if isinstance(value, SymbolicTensor):
        fitting = SymbolicTensor(fit_rank(value.shape, tensor.shape), value.dtype, name=value.name)
        check_shape(fitting.shape, tensor, owner)
        return fitting
    if not hasattr(value, "dtype"):
        value = np.asarray(value)
    mask = noted(value, "mask")
    rank = len(fit_rank(tuple(value.shape), tensor.shape))
    if rank != value.ndim:
        value = value[..., 0] if rank < value.ndim else value[..., None]
    check_shape(tuple(value.shape), tensor, owner)
    kind = getattr(value.dtype, "kind", "")
    if kind == "c" and "complex" not in tensor.dtype:
        fix = "Give its real and imaginary parts as features, or make the input with Input(..., dtype='complex64')"
        raise TypeError(message(owner, f"the input '{tensor.name}' takes real numbers", {"dtype": str(value.dtype)}, fix))
    if kind not in "OUS":
        converted = jnp.asarray(value, dtype=jax.dtypes.canonicalize_dtype(tensor.dtype))
        if mask is not None and converted is not value:
            note(converted, "mask", mask)
        return converted
    return value


def note_given_masks(inputs: object, mask: object) -> None:
    """Notes the masks that a caller gave beside the inputs, where the inputs have none."""
    if mask is None:
        return
    masks = flatten(mask) if isinstance(mask, (list, tuple, dict)) else [mask]
    for value, one in zip(flatten(inputs), masks, strict=False):
        if value is not None and one is not None and noted(value, "mask") is None:
            note(value, "mask", one)


def fit_rank(shape: tuple, expected: tuple) -> tuple:
    """The shape with a last axis of size 1 added or removed, where that gives the expected number of axes."""
    if len(shape) == len(expected) + 1 and shape[-1] == 1:
        return shape[:-1]
    return (*shape, 1) if len(shape) == len(expected) - 1 and expected[-1] == 1 else shape


def check_shape(shape: tuple, tensor: SymbolicTensor, owner: Owner) -> None:
    expected = tensor.shape
    fits = len(shape) == len(expected) and all(
        e is None or s is None or e == s for s, e in zip(shape[1:], expected[1:], strict=True)
    )
    if not fits:
        fix = f"Reshape the data: each sample must have shape {expected[1:]}"
        if len(shape) == len(expected) - 1 and all(e in (s, None) for s, e in zip(shape, expected[1:], strict=True)):
            fix = "One sample needs an axis of samples in front: x[None], or numpy.expand_dims(x, 0)"
        elif len(expected) > 2 and len(shape) == len(expected) - 1 and shape[1:] in (expected[2:], tuple(expected[2:])):
            fix = f"A model's input is given without the number of samples: Input(shape={shape[1:]})"
        raise ValueError(
            message(
                owner,
                f"input '{tensor.name}' is incompatible with the model: "
                f"expected shape={(None, *expected[1:])}, found shape={shape}",
                fix=fix,
            )
        )


class HasGraph(Protocol):
    """A model."""

    @property
    def _graph(self) -> Graph | None: ...


def graph_of(model: HasGraph) -> Graph | None:
    """The graph of a model; `None` where it has none, or none yet."""
    return model._graph


def input_tensor_of(layer: Layer) -> SymbolicTensor | None:
    """A fresh input tensor for a layer that knows its input's shape."""
    batch_shape = getattr(layer, "_batch_shape", None)
    if isinstance(layer, InputLayer):
        return layer.tensor
    if batch_shape is None:
        return None
    dtype = "float32" if layer.takes_indices else layer.compute_dtype
    return InputLayer(batch_shape=batch_shape, dtype=dtype).tensor
