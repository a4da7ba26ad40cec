"""Models: layers that can be trained, saved and described."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Self

import jax

from kerata.base.checks import did_you_mean, message
from kerata.base.registry import builtin
from kerata.base.serialization import describing, deserialize_keras_object
from kerata.base.types import PartialShape, is_list_or_tuple
from kerata.engine.module import Look, shown
from kerata.engine.naming import auto_name, name_scope
from kerata.engine.scope import in_scope, note, noted
from kerata.engine.symbolic import SymbolicTensor, Tensors, flatten, has_symbolic, infer
from kerata.layers.layer import Layer
from kerata.layers.phase import contexts
from kerata.layers.signatures import ShapeTree
from kerata.models.exported import Exported
from kerata.models.graph import Graph, note_given_masks
from kerata.models.graph_config import graph_config, graph_of_config
from kerata.models.quantized import Quantized
from kerata.models.saveable import Saveable
from kerata.models.state import read_state, write_state
from kerata.models.summary import print_summary
from kerata.models.tries import Tries
from kerata.training.trainer import Trainer


@builtin("models")
class Model(Saveable, Exported, Tries, Quantized, Trainer, Layer):
    """A layer with `compile`, `fit`, `evaluate`, `predict` and `save`.

    Made from a graph, `Model(inputs, outputs)`, or by subclassing with a `call` of your own.

    Args:
        inputs, outputs: symbolic tensors, alone or in lists, tuples or dicts.
        name: the model's name.

    >>> import kerata
    >>> x = kerata.Input(shape=(4,))
    >>> model = kerata.Model(x, kerata.layers.Dense(2)(x))
    >>> model.count_params()
    10
    """

    # Files hold the layers of a graph under `layers`, whatever other attributes hold them.
    _bookkeeping = {"_graph": Look.PROGRAM, "_graph_layers": Look.PARTS | Look.PROGRAM, "_layers": Look.PARTS | Look.PROGRAM}
    _unsaved = frozenset({"inputs", "outputs"})
    # Whether `layers` of a graph also lists those that are attributes beside it.
    _lists_attributes = False

    def __init__(
        self,
        inputs: "Tensors | None" = None,
        outputs: "Tensors | None" = None,
        name: str | None = None,
        trainable: bool = True,
        **kwargs: Any,
    ):
        if (inputs is None) != (outputs is None):
            raise ValueError(
                message(
                    type(self).__name__,
                    "a functional model needs `inputs` and `outputs`",
                    {"inputs": inputs, "outputs": outputs},
                    "Say `super().__init__()`" if inputs is self else "",
                )
            )
        if name is None and inputs is not None and type(self) is Model:
            name = auto_name("functional")
        super().__init__(name=name, trainable=trainable, **kwargs)
        self._start_trainer()
        self._graph: Graph | None = None
        if inputs is not None and outputs is not None:
            self._graph = Graph(inputs, outputs, self)
            self._graph_layers = self._graph.layers
            self.built = True
            if type(self) is Model:
                self.__class__ = Functional
            if not trainable:
                self.trainable = False

    # The graph

    @shown
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic inputs of a model made from a graph."""
        return self._need_graph("inputs").inputs

    @shown
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic outputs of a model made from a graph."""
        return self._need_graph("outputs").outputs

    @property
    def input(self) -> Any:
        return self._need_graph("input").inputs_tree

    @property
    def output(self) -> Any:
        return self._need_graph("output").outputs_tree

    @shown
    def input_shape(self) -> PartialShape | list[PartialShape]:
        """Shapes of the inputs, the batch first: one, or a flat list of several, whatever form the inputs have."""
        return one_or_all([tensor.shape for tensor in self.inputs])

    @shown
    def output_shape(self) -> PartialShape | list[PartialShape]:
        """Shapes of the outputs, the batch first: one, or a flat list of several, whatever form the outputs have."""
        return one_or_all([tensor.shape for tensor in self.outputs])

    @shown
    def input_names(self) -> list[str]:
        return self._need_graph("input_names").input_names

    @shown
    def output_names(self) -> list[str]:
        return self._need_graph("output_names").output_names

    def _need_graph(self, what: str) -> Graph:
        if self._graph is None:
            raise AttributeError(
                message(
                    self,
                    f"`{what}` exists for models that know their inputs",
                    fix="Give an Input(shape=...), or call build(input_shape)",
                )
            )
        return self._graph

    @shown
    def operations(self) -> list[Any]:
        """The inputs, layers and operations of the graph."""
        return list(self._need_graph("operations").operations)

    @property
    def layers(self) -> list[Layer]:  # type: ignore[override]
        """The layers that the model holds itself; of a graph those in it, and none that are attributes beside it."""
        held = None if self._lists_attributes else self.__dict__.get("_graph_layers")
        return list(self._sublayers()) if held is None else [layer for layer in held if isinstance(layer, Layer)]

    @layers.setter
    def layers(self, value: object) -> None:
        raise AttributeError(
            message(
                self,
                "`Model.layers` attribute is reserved: it lists the layers, and cannot be set",
                fix="Use `add()` and `pop()`"
                if hasattr(self, "add")
                else "Keep them under another name, e.g. self.blocks = [...]",
            )
        )

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or its place."""
        if (name is None) == (index is None):
            raise ValueError(message(self, "get_layer() takes a name or an index", {"name": name, "index": index}))
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(message(self, f"there are {len(self.layers)} layers", {"index": index}))
            return self.layers[index]
        held = list(self._sublayers())
        for layer in held:
            if layer.name == name:
                return layer
        names = [layer.name for layer in held]
        raise ValueError(message(self, "there is no layer of that name", {"name": name}, did_you_mean(name, names)))

    @property
    def _has_call(self) -> bool:
        return self._graph is not None or type(self).call is not Model.call

    def call(self, inputs: Any, training: bool | None = None, mask: object = None) -> Any:
        """Runs the graph; a subclass defines its own."""
        if self._graph is None:
            raise NotImplementedError(message(self, "a subclass of Model must define `call(self, inputs)`"))
        given = self._match_inputs(inputs)
        note_given_masks(given, mask)
        return only_one(self._graph.run(given))

    def _match_inputs(self, inputs: Tensors) -> list[Any]:
        """A flat list of inputs as the graph wants them."""
        return self._need_graph("inputs").match_inputs(inputs, self)

    def compute_output_spec(self, *args: object, **kwargs: object) -> Any:
        """Symbolic outputs; a graph knows them already, of its own shapes and of those that leave open what it fixes."""
        if self._graph is not None and args:
            given = self._graph.match_inputs(args[0], self)
            starts = self._graph.starts(args[0])
            known = all(_is_open(g.shape, t.shape) for g, t in zip(given, starts, strict=True) if g is not None)
            if known and all(noted(leaf, "mask") is None for leaf in flatten(args[0])):
                return jax.tree.map(_twin, self._graph.outputs_tree)
            made = super().compute_output_spec(*args, **kwargs)
            return self._graph.pack(flatten(made)) if type(self).call is Model.call else made
        return super().compute_output_spec(*args, **kwargs)

    def _shapes_as_given(self, shapes: object) -> object:
        """The shapes of the outputs in the form in which the outputs were given."""
        form = self._graph.outputs_tree if self._graph is not None and type(self).call is Model.call else None
        if not isinstance(form, (list, tuple)) or len(form) != 1:
            return shapes
        return [shapes] if isinstance(form, list) else (shapes,)

    def build(self, input_shape: "ShapeTree | None" = None) -> None:
        """Creates the weights by tracing `call` on the shapes of a batch, `(None, 784)`, or a list or dict of such."""
        if self.built and self._graph is not None:
            return
        if input_shape is None:
            raise ValueError(message(self, "`input_shape` is needed to build"))
        self._build_by_tracing(_symbolic_inputs(input_shape))

    def _build_by_tracing(self, inputs: Tensors) -> Tensors:
        """Traces the whole model once on shapes: that builds every layer. Returns the outputs' shapes."""
        if not has_symbolic(inputs):
            raise ValueError(message(self, "an input to build for is needed", {"inputs": inputs}))
        if not self._built_shapes:
            # A file says for which shapes a subclass was built, so that it can be built again.
            self._built_shapes = self._shapes_of_call((inputs,), {})
        if has_own_build(self) and not self.built and not getattr(self, "_building", False):
            # A subclass makes weights of its own there.
            self._maybe_build((inputs,), {})
        with name_scope(self.name):
            # Not what a subclass says of shapes alone, which would build none of its layers.
            return infer(self._call_concrete_of, inputs)

    def _convert_inputs(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        args, kwargs = super()._convert_inputs(args, kwargs)
        if self._graph is None and not contexts() and not in_scope() and not has_symbolic(args):
            # As in `fit` and `predict`, whose programs are given dicts of data in the order of sorted keys.
            args = jax.tree.map(lambda leaf: leaf, args)
        return args, kwargs

    def _maybe_build(self, args: tuple, kwargs: dict[str, Any]) -> None:
        if self.built:
            return
        if not has_own_build(self):
            self._built_shapes = self._shapes_of_call(args, kwargs)
            self.built = True
            return
        super()._maybe_build(args, kwargs)

    # Values

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """The values of all variables as nested dicts, by the parts of their paths.

        Args:
            value_format: `"backend_tensor"` for JAX's arrays, `"numpy_array"` for NumPy's.

        >>> import kerata
        >>> model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1, name="last")], name="m")
        >>> sorted(model.get_state_tree()["trainable_variables"]["m"]["last"])
        ['bias', 'kernel']
        """
        return read_state(self, value_format)

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Sets the variables that a tree in the form of `get_state_tree` names; the others stay."""
        write_state(self, state_tree)

    # Description

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[..., Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Prints a table of the layers: name, output shape, parameters."""
        print_summary(self, line_length, print_fn, expand_nested, show_trainable, layer_range)

    def get_config(self) -> dict[str, Any]:
        """The model as plain data."""
        if self._graph is not None and _takes_graph(type(self)):
            return graph_config(self)
        return super().get_config()

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """A model from what `get_config` gave."""
        if {"layers", "input_layers", "output_layers"} <= set(config):
            return graph_of_config(Functional if cls is Model else cls, config, custom_objects)
        with describing(f"{cls.__name__}.from_config", config):
            return cls(**{name: deserialize_keras_object(value, custom_objects) for name, value in config.items()})


@builtin("models")
class Functional(Model):
    """What `Model(inputs, outputs)` makes: a model that is a graph of layers."""


def has_own_build(model: Model) -> bool:
    """Whether a class of a model says itself how it is built; one that `passes_on` does something beside that."""
    makers = (cls for cls in type(model).__mro__ if "build" in vars(cls))
    return next(cls for cls in makers if not getattr(vars(cls)["build"], "passes_on", False)) is not Model


def _takes_graph(cls: type) -> bool:
    """Whether a class is made as `cls(inputs=..., outputs=..., ...)`: Model's own constructor, or one that passes all on."""
    kinds = {p.kind for p in inspect.signature(cls.__init__).parameters.values()}
    passes = inspect.Parameter.VAR_POSITIONAL in kinds and inspect.Parameter.VAR_KEYWORD in kinds
    return passes or inspect.unwrap(cls.__init__) is inspect.unwrap(Model.__init__)


def _is_open(given: PartialShape, own: PartialShape) -> bool:
    """Whether a shape is a graph's own, but for sizes that it leaves open, of other axes than that of samples."""
    sizes = zip(given[1:], own[1:], strict=True) if len(given) == len(own) else ()
    return given[:1] == own[:1] and len(given) == len(own) and all(size in (None, fixed) for size, fixed in sizes)


def _twin(tensor: SymbolicTensor) -> SymbolicTensor:
    """A fresh tensor like one of the graph's, with its mask."""
    twin = SymbolicTensor(tensor.shape, tensor.dtype)
    if (mask := noted(tensor, "mask")) is not None:
        note(twin, "mask", mask)
    return twin


def _symbolic_inputs(shape: Any) -> Tensors:
    if isinstance(shape, dict):
        return {key: _symbolic_inputs(value) for key, value in shape.items()}
    if isinstance(shape, (list, tuple)) and shape and isinstance(shape[0], (list, tuple, dict)):
        return [_symbolic_inputs(item) for item in shape]
    return SymbolicTensor((None, *shape[1:]))


def only_one(outputs: object) -> object:
    """The only one of a list: on arrays, a model that was made with a list of one output gives an array, as in Keras."""
    if is_list_or_tuple(outputs) and len(outputs) == 1 and not isinstance(outputs[0], SymbolicTensor):
        return outputs[0]
    return outputs


def one_or_all(shapes: list[PartialShape]) -> PartialShape | list[PartialShape]:
    return shapes[0] if len(shapes) == 1 else shapes


def graph_of(layer: Layer) -> Graph | None:
    """The graph of a functional model; `None` for other layers."""
    return layer._graph if isinstance(layer, Model) else None
