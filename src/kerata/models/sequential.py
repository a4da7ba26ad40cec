"""Sequential models: one layer after the other."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

from kerata.base.checks import KindError, message
from kerata.base.registry import builtin
from kerata.base.serialization import describing, deserialize_keras_object, serialize_keras_object
from kerata.base.types import PartialShape
from kerata.data.border import Border
from kerata.engine.module import Look
from kerata.engine.naming import NamedTwice, count_name, open_name
from kerata.engine.symbolic import SymbolicTensor, Tensors, flatten
from kerata.layers.input import InputLayer
from kerata.layers.layer import Layer
from kerata.layers.signatures import ShapeTree
from kerata.models.graph import Graph, input_tensor_of, note_given_masks
from kerata.models.model import Model, only_one
from kerata.training.compilation import forget_plans


@builtin("models")
class Sequential(Model):
    """Layers one after the other, each with one input and one output.

    Args:
        layers: the layers; more come with `add`.
        trainable: whether the optimizer may change the weights.
        name: the model's name.

    >>> import kerata
    >>> model = kerata.Sequential([kerata.layers.Dense(8, activation="relu", input_shape=(4,)), kerata.layers.Dense(1)])
    >>> model.output_shape
    (None, 1)
    """

    def __init__(self, layers: Sequence[Layer] | None = None, trainable: bool = True, name: str | None = None):
        self._layers: list[Layer] = []
        self._input: SymbolicTensor | None = None
        if isinstance(layers, Layer) or not isinstance(trainable, (bool, int)):
            raise KindError(
                message(
                    type(self).__name__,
                    "`layers` must be a list of layers",
                    {"layers": layers},
                    "Write Sequential([first, second])",
                )
            )
        super().__init__(trainable=trainable, name=name)
        self._add_all(layers or ())
        self._count_graph()
        if not trainable:
            self.trainable = False

    feeds_first_layer = True
    # The layers say what the graph is, which is made when it is needed.
    _bookkeeping = {"_input": Look.PROGRAM, "_tail": Look.NOBODY, "_whole": Look.NOBODY}
    # Whether the layers run without a graph, on inputs that one symbolic tensor cannot stand for.
    _graphless = False
    # Whether the shape of its input was read off data or told to `build`, and no layer names one.
    _shape_of_data = False

    @property
    def _graph(self) -> Graph | None:  # type: ignore[override]
        """The layers as a graph; made when it is asked for, since a long model is built layer by layer."""
        if self._whole is None and self._tail is not None:
            assert self._input is not None
            self._whole = Graph(self._input, self._tail, self)
        return self._whole

    @_graph.setter
    def _graph(self, value: None) -> None:
        # What the layers give so far, and the graph that was made of it.
        self._tail: Tensors | None = None
        self._whole: Graph | None = value

    def add(self, layer: Layer, rebuild: bool = True) -> None:
        """Adds a layer at the end."""
        self._add(layer, {other.name for other in self._layers})
        self._count_graph()

    def _count_graph(self) -> None:
        """In Keras the layers are a nameless functional model within, a new one whenever they change: names go on from it."""
        if self._tail is not None:
            count_name("functional")

    def _add_all(self, layers: Iterable[Any]) -> None:
        """Adds layers; their names are gathered once."""
        taken: set[str] = set()
        for layer in layers:
            if type(self).add is Sequential.add:
                self._add(layer, taken)
            else:
                self.add(layer)

    def _add(self, layer: Layer, taken: set[str]) -> None:
        """Adds a layer, and its name to those of the layers so far."""
        if isinstance(layer, SymbolicTensor) and isinstance(layer.history[0], InputLayer):
            layer = layer.history[0]
        if not isinstance(layer, Layer):
            if callable(layer) and not isinstance(layer, type):
                raise KindError(
                    message(self, "Only instances of Layer can be added", {"layer": layer}, "Wrap a function: Lambda(function)")
                )
            raise KindError(
                message(
                    self,
                    "Only instances of Layer can be added",
                    {"layer": layer},
                    "Add an instance, e.g. Dense(10)" if isinstance(layer, type) else "",
                )
            )
        layer._check_constructed()
        if layer.name in taken or (self._input is not None and layer.name == self._input.history[0].name):
            raise NamedTwice(message(self, "all layers should have unique names", {"name": layer.name}))
        if isinstance(layer, InputLayer):
            if self._input is not None:
                raise ValueError(
                    message(
                        self,
                        "the model has already been configured with an input",
                        {"input": self._input.shape, "layer": layer.name},
                    )
                )
            if self._layers:
                raise ValueError(message(self, "an input must come first", {"layers so far": len(self._layers)}))
            self._input = layer.tensor
            return
        before = self._input
        if self._input is None and not self._layers:
            self._input = _input_of_first(layer)
        self._layers.append(layer)
        try:
            self._extend()
        except BaseException:
            self._layers.pop()
            self._input = before
            raise
        taken.add(layer.name)
        forget_plans(self)

    def pop(self, rebuild: bool = True) -> Layer:
        """Takes the last layer away."""
        if not self._layers:
            raise ValueError(message(self, "there is no layer to take away"))
        layer = self._layers.pop()
        forget_plans(self)
        if self._tail is not None:
            layer.inbound_nodes.pop()
            self._graph = None
            if self._layers:
                self._tail = cast(Tensors, self._layers[-1].inbound_nodes[-1].outputs)
                self._count_graph()
            else:
                self.built = False
        return layer

    def _extend(self) -> None:
        """Calls the layers that have not been called yet, once the input is known."""
        if self._input is None:
            return
        with self._names_of_layers():
            if self._tail is None:
                tensor = self._input
                for layer in self._layers:
                    tensor = layer(tensor)
            else:
                tensor = self._layers[-1](self._tail)
        self._tail, self._whole = tensor, None
        self.built = True

    def _names_of_layers(self) -> AbstractContextManager[object]:
        """What the paths of its layers' weights begin with."""
        return open_name(self.name)

    def build(self, input_shape: "ShapeTree | None" = None) -> None:
        """Creates all weights for a batch's shape, `(None, 784)`."""
        if self._graph is not None and self._input is not None and input_shape is not None:
            self._check_built_shape(input_shape, self._input.shape)
        if self._graph is not None or not self._layers:
            return
        if input_shape is None:
            raise ValueError(message(self, "`input_shape` is needed", fix="Give the first layer input_shape=(...)"))
        nested = isinstance(input_shape, (list, tuple)) and input_shape and isinstance(input_shape[0], (list, tuple, dict))
        if nested or isinstance(input_shape, dict):
            self._run_without_graph()
            return
        first = self._layers[0]
        dtype = getattr(first, "host_type", "float32" if first.takes_indices else first.compute_dtype)
        # Batches differ in size, whatever the first one had, unless a layer keeps its state from batch to batch.
        stateful = any(getattr(layer, "stateful", False) for layer in self._flatten_layers(include_self=False))
        batch_shape = tuple(input_shape) if stateful else (None, *input_shape[1:])
        self._input = InputLayer(batch_shape=batch_shape, dtype=dtype).tensor
        self._shape_of_data = True
        try:
            self._extend()
            self._count_graph()
        except NotImplementedError:
            # A layer of a user's own that says no shape of its output.
            self._input = self._graph = None
            self._run_without_graph()

    def _match_inputs(self, inputs: Tensors) -> list[Any]:
        """The input as the graph wants it. Where its sizes differ and the layers do not mind, they are no longer known."""
        shape = getattr(inputs, "shape", None)
        known: tuple = () if self._input is None else self._input.shape
        if shape is not None and len(shape) == len(known) > 0 and self._graph is not None:
            fits = [m is None or n is None or m == n for m, n in zip(shape[1:], known[1:], strict=True)]
            if not all(fits):
                wide = [size if fit else None for size, fit in zip(known[1:], fits, strict=True)]
                self._widen((known[0], *shape[1:]), (known[0], *wide))
        return super()._match_inputs(inputs)

    def _widen(self, given: tuple, wide: tuple) -> None:
        """Takes `wide` as the input's shape, if all layers take inputs of the shape `given`."""
        assert self._input is not None
        before = self._input, self._tail, self._whole
        nodes = [len(layer.inbound_nodes) for layer in self._layers]
        old = self._input
        try:
            for shape in (given, wide):
                self._forget_calls(nodes)
                self._input = InputLayer(batch_shape=shape, dtype=old.dtype, name=old.history[0].name).tensor
                self._graph = None
                self._extend()
        except (ValueError, TypeError):
            # What differs is said of the model's input.
            self._input, self._tail, self._whole = before
            self._forget_calls(nodes)

    def _forget_calls(self, counts: list[int]) -> None:
        for layer, count in zip(self._layers, counts, strict=True):
            del layer.inbound_nodes[count:]

    def _run_without_graph(self) -> None:
        """For inputs in lists or dicts, and layers without shapes: the layers run one after the other on what there is."""
        self._graphless = self.built = True

    def _check_built_shape(self, given: ShapeTree, built: PartialShape) -> None:
        if not isinstance(given, (list, tuple)):
            return
        fits = len(given) == len(built) and all(None in (m, n) or m == n for m, n in zip(given[1:], built[1:], strict=True))
        if not fits:
            raise ValueError(
                message(
                    self, f"the model has already been configured for inputs of shape {built}", {"input_shape": tuple(given)}
                )
            )

    def _build_by_tracing(self, inputs: Tensors) -> Tensors:
        """Builds for symbolic inputs; returns the symbolic outputs."""
        leaves = flatten(inputs)
        if self._graphless or len(leaves) != 1:
            self._run_without_graph()
            return Layer.compute_output_spec(self, inputs)
        self.build(leaves[0].shape)
        if self._graph is None:
            raise ValueError(message(self, "the model has no layers yet", fix="Add one with model.add(...)"))
        return self._graph.outputs_tree

    @Model.layers.getter
    def layers(self) -> list[Layer]:
        """The layers, without the input."""
        return list(self._layers)

    def call(self, inputs: Any, training: bool | None = None, mask: object = None) -> object:
        if self._graphless:
            value = inputs
        elif self._graph is None:
            raise ValueError(message(self, "the model has no layers yet", fix="Add one with model.add(...)"))
        else:
            given = self._match_inputs(inputs)
            if isinstance(inputs, Border):
                # What layers on the host have done already is not done again.
                note_given_masks(given, mask)
                return only_one(self._graph.run(given))
            (value,) = given
        note_given_masks(value, mask)
        for layer in self._layers:
            value = layer(value)
        return value

    def get_config(self) -> dict[str, Any]:
        layers = [serialize_keras_object(layer) for layer in self._layers]
        if self._input is not None:
            layers.insert(0, serialize_keras_object(self._input.history[0]))
        config = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype_policy.to_plain(), "layers": layers}
        if self._input is not None:
            config["build_input_shape"] = self._input.shape
        return config

    def get_build_config(self) -> dict[str, Any] | None:
        return None if self._input is None else {"input_shape": self._input.shape}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "Sequential":
        with describing("Sequential.from_config", config):
            return cls._of_config(config, custom_objects)

    @classmethod
    def _of_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None) -> "Sequential":
        if not isinstance(config["layers"], list):
            raise ValueError(message("Sequential.from_config", "`layers` must be a list", {"layers": config["layers"]}))
        model = cls(name=config.get("name"))
        model._add_all(deserialize_keras_object(layer, custom_objects=custom_objects) for layer in config["layers"])
        shape = config.get("build_input_shape")
        if model._graph is None and shape and model._layers:
            model.build(tuple(shape))
        model._restore_trainable(bool(config.get("trainable", True)))
        return model


def _input_of_first(layer: Layer) -> SymbolicTensor | None:
    graph = getattr(layer, "_graph", None)
    if graph is not None and len(graph.inputs) == 1:
        tensor = graph.inputs[0]
        return InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype).tensor
    return input_tensor_of(layer)
