"""Layers of the eras: what they and a user's own layers could do beside what layers of today can."""

import inspect
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerata import metrics, ops
from kerata.base.checks import message
from kerata.base.importing import Late
from kerata.base.interrupts import hand_on
from kerata.base.serialization import keeping_functions, says_today
from kerata.dialects.values import initializer_of
from kerata.engine.module import Look
from kerata.engine.scope import in_scope
from kerata.engine.standing import any_stand, valued
from kerata.engine.structure import is_ours
from kerata.engine.symbolic import Node, Operation, SymbolicTensor, Tensors, has_symbolic, infer, symbolic_leaves, traceable
from kerata.engine.types import Array, HostArray
from kerata.engine.variable import Variable
from kerata.initializers import Initializer
from kerata.layers import RNN
from kerata.layers.layer import Layer
from kerata.layers.signatures import first_given
from kerata.legacy.added import counted
from kerata.legacy.changes import call_of, counts
from kerata.legacy.closures import call_around, looks_at_tensors
from kerata.legacy.configs import words_of_layer
from kerata.legacy.declared import outputs_of_call
from kerata.legacy.functions import NeedsGraph
from kerata.legacy.graph import Entry, losses_of, outside, relevant, updates_of
from kerata.legacy.initial import function_of
from kerata.legacy.kernels import apart, gates_of, joined, then, today, turns_of
from kerata.legacy.naming import Naming, name_weights, named_alone
from kerata.legacy.phases import fixed_phase
from kerata.legacy.respelling import OfEra
from kerata.legacy.shared import Part
from kerata.legacy.shared import gate as part_of_gate
from kerata.legacy.spelling import Spelled, name_in_era
from kerata.legacy.tensorflow.layers import Flowing, as_tensors, callable_by_own
from kerata.legacy.tensorflow.tensor import Tensor, has_tensor, narrow, plain
from kerata.training.hints import missing_method

if TYPE_CHECKING:
    from kerata.legacy import descriptions
else:
    descriptions = Late("kerata.legacy.descriptions")

# Attributes of layers, by their names in Keras 1 where no row says them.
ATTRIBUTES = {"W": "kernel", "b": "bias", "U": "recurrent_kernel", "gamma_init": "gamma_initializer"}

# Methods on tensors that a subclass of a person's own may call by `super()`.
BY_OWN = ("call", "compute_mask")


def refuse_steps(layer: object) -> None:
    """Raises where a recurrent layer of a program's own changes the step of a built-in one: nothing would call it."""
    if not isinstance(layer, RNN):
        return
    for kind in type(layer).__mro__:
        if is_ours(kind):
            return
        for name in ("step", "get_constants", "preprocess_input"):
            if name in vars(kind):
                expected = f"a recurrent layer computes its steps in its cell, and would not call {name}()"
                fix = (
                    "Derive it from keras.layers.Recurrent, with build() and the whole step(), or give RNN() a cell of your own"
                )
                raise NotImplementedError(message(layer, expected, {"class": kind.__name__}, fix))


# The letters of gates in Keras 1, in the order in which cells hold them.
GATES = {"LSTMCell": "ifco", "GRUCell": "zrh"}


def gate_of(cell: object, name: str) -> object:
    """What a cell holds for one gate, `W_i`, `U_f`, `b_c`; `None` where it has no such gate."""
    kind, _, gate = name.partition("_")
    gates = GATES.get(type(cell).__name__, "")
    if kind not in ("W", "U", "b") or len(gate) != 1 or gate not in gates:
        return None
    return part_of_gate(getattr(cell, ATTRIBUTES[kind]), gates.index(gate), len(gates))


class OldLayer(Naming, Flowing, Spelled):
    """What a layer of Keras 1, Keras 2 and tf.keras could do."""

    _bookkeeping = {
        **dict.fromkeys(
            ("_initial_weights", "_added_losses", "_added_updates", "_calling", "_adds_by_sample", "one_kernel"), Look.NOBODY
        ),
        # Layers of another era make another program.
        "sums_penalties": Look.PROGRAM,
    }

    grows_in_call = True
    # What stands within a frozen layer is frozen, whatever it says itself.
    thaws_within = False
    # Makes layers of today those of an era; the modules of the eras say how.
    _adopt: Callable[..., Any] = staticmethod(lambda era, layer: layer)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None):
        """A layer of a config; what is in it is of the era as well."""
        config = {key: descriptions.revived_parts(cls._era, key, value, custom_objects) for key, value in config.items()}
        given = () if custom_objects is None else (custom_objects,)
        return cls._adopt(cls._era, super().from_config(config, *given))  # type: ignore[misc]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        modern = cls.__dict__.get("_stands_for")
        if modern is not None and not hasattr(modern, "fit"):
            for name in BY_OWN:
                if name not in cls.__dict__ and getattr(modern, name) is not getattr(Layer, name):
                    # What stands between the two classes has its own, which calls that of today.
                    setattr(cls, name, callable_by_own(getattr(cls, name)))
        # Keras 1's name of the method.
        if "get_output_shape_for" in cls.__dict__ and "compute_output_shape" not in cls.__dict__:
            cls.compute_output_shape = cls.__dict__["get_output_shape_for"]  # type: ignore[attr-defined]

    def _begin_spelled(self, arguments: dict[str, Any], given: dict[str, Any]) -> None:
        refuse_steps(self)
        arguments |= {name: of_today(value) for name, value in arguments.items()}
        self._initial_weights = arguments.pop("weights", None)
        if given.get("consume_less") == "gpu":
            self.one_kernel = True
        batch_size, shape = arguments.pop("batch_size", None), arguments.get("input_shape")
        if batch_size is not None and shape is not None:
            arguments["batch_input_shape"] = (batch_size, *arguments.pop("input_shape"))
        for name in ("input_dtype", "dynamic", "_keras_api_names"):
            arguments.pop(name, None)
        arguments["name"] = name_in_era(self._era, type(self), arguments.get("name"))

    def _take_positional(self, args: tuple, arguments: dict[str, Any]) -> tuple:
        return tuple(map(of_today, args))

    def _end_spelled(self, rest: dict[str, Any]) -> None:
        batch_shape, shape = rest.get("batch_input_shape"), rest.get("input_shape")
        if batch_shape is not None or shape is not None:
            self._batch_shape = tuple(batch_shape) if batch_shape is not None else (None, *shape)  # type: ignore[misc]
        self.trainable = rest.get("trainable", True)

    @property
    def activity_regularizer(self):
        """The penalty on the output; standalone Keras summed it over the samples of a batch, `tf.keras` took their mean."""
        return self.__dict__.get("activity_regularizer")

    @activity_regularizer.setter
    def activity_regularizer(self, rule) -> None:
        self.__dict__["activity_regularizer"] = rule
        if rule is not None and self._era != "tfkeras2":
            self.__dict__["sums_penalties"] = True

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, in the era's words; in files, in those of today."""
        config = super().get_config()  # type: ignore[misc]
        return config if says_today() or hasattr(self, "fit") else words_of_layer(self, config)

    def _maybe_build(self, args: tuple, kwargs: dict[str, Any]) -> None:
        is_new = not self.built  # type: ignore[attr-defined]
        super()._maybe_build(args, with_training(self, args, kwargs))  # type: ignore[misc]
        if is_new or any(":" not in variable.name for variable in self._weights):  # type: ignore[attr-defined]
            name_weights(self)  # type: ignore[arg-type]
        initial = self.__dict__.pop("_initial_weights", None)
        if initial is not None:
            self.set_weights(initial if isinstance(initial, (list, tuple)) else [initial])  # type: ignore[attr-defined]

    def _call_symbolic(self, args: tuple, kwargs: dict[str, Any]):
        if any_stand():
            # Within a layer that looks at tensors around it, those have values.
            args, kwargs = valued((args, kwargs))
            if not has_symbolic((args, kwargs)):
                return self(*args, **kwargs)  # type: ignore[operator]
        # A phase that is fixed while a graph is made stays fixed in it.
        if self._era != "tfkeras2" and (phase := fixed_phase()) != self.__dict__.get("_fixed_phase"):
            self._fixed_phase, self.sees_batch = phase, bool(phase)
        try:
            return super()._call_symbolic(args, kwargs)  # type: ignore[misc]
        except Exception as error:
            hand_on(error)
            if is_ours(type(self)) or (found := call_around(self, args, kwargs)) is None:  # type: ignore[arg-type]
                raise
            return found

    def compute_output_spec(self, *args: object, **kwargs: object) -> object:
        """Symbolic outputs: a `compute_output_shape` of a program's own may ask for what `call` has left on the layer."""
        declared = super().compute_output_spec  # type: ignore[misc]
        if is_ours(type(self)) or type(self).compute_output_shape is Layer.compute_output_shape:
            return declared(*args, **kwargs)
        return outputs_of_call(self, self._era, self._call_concrete_of, declared, args, kwargs)  # type: ignore[arg-type]

    def _call_concrete(self, args: tuple, kwargs: dict[str, Any]):
        # What is added to the loss now is of this call.
        before = self.__dict__.get("_calling")
        self.__dict__["_calling"] = True
        try:
            with call_of(self):
                return super()._call_concrete(args, kwargs)  # type: ignore[misc]
        finally:
            if before is None:
                del self.__dict__["_calling"]

    def _resolve_training(self, names, args: tuple, kwargs: dict[str, Any]):
        phase = self.__dict__.get("_fixed_phase")
        found = super()._resolve_training(names, args, kwargs)  # type: ignore[misc]
        if phase is None or kwargs.get("training") is not None or hasattr(self, "_graph"):
            return found
        return phase

    def __getattr__(self, name: str) -> Any:
        """Attributes by the era's names."""
        if not name.startswith("_"):
            argument = None if self._row is None else self._row.argument(name)
            today = argument.new if argument is not None else ATTRIBUTES.get(name, "")
            if name == "W" and self._row is not None and self._row.today == "Embedding":
                today = "embeddings"
            cell = self.__dict__.get("cell")
            if today and today != name and (argument is None or argument.place is None):
                # A recurrent layer's own `kernel` is what computes it.
                holder = cell if cell is not None and today in vars(cell) else self
                return self._as_then(getattr(holder, today))
            if argument is not None and argument.place is not None and today:
                return getattr(self, today)[argument.place]
            # Recurrent layers showed what their cells hold; those of Keras 1 had an array for each gate.
            if cell is not None and name in vars(cell):
                return getattr(cell, name)
            if self._era == "keras1" and (found := gate_of(cell, name)) is not None:
                return found
        raise missing_method(self, name)

    def _as_then(self, found: object) -> object:
        """A weight that Keras 1 held in another form, in that."""
        if self._era == "keras1" and isinstance(found, Initializer):
            return function_of(found)
        turns = turns_of([self]) if self._era == "keras1" and isinstance(found, Variable) else {}  # type: ignore[list-item]
        return Part(found, *turns[id(found)]) if isinstance(found, Variable) and id(found) in turns else found

    def get_weights(self) -> list[HostArray]:
        """Copies of all weights; those of Keras 1 have the form that they had there."""
        if self._era != "keras1":
            return super().get_weights()  # type: ignore[misc]
        layers, weights = self._flatten_layers(), self.weights  # type: ignore[attr-defined]
        return apart(weights, then(weights, turns_of(layers)), gates_of(layers))

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all weights from arrays in the form of `get_weights`."""
        if self._era == "keras1":
            layers, held = self._flatten_layers(), self.weights  # type: ignore[attr-defined]
            weights, turns = joined(held, list(weights), gates_of(layers)), turns_of(layers)
            if turns and len(weights) == len(held):
                weights = today(held, weights, turns)
        super().set_weights(weights)  # type: ignore[misc]

    # Weights of a user's own layer

    def add_weight(self, *args: Any, **kwargs: Any) -> Variable:
        """A new weight: `(shape, initializer, name)` in Keras 1, `(name, shape, dtype, initializer)` in Keras 2."""
        old = self._era == "keras1" or (args and not isinstance(args[0], (str, type(None))))
        names = ("shape", "initializer", "name") if old else ("name", "shape", "dtype", "initializer")
        rest = ("trainable", "regularizer", "constraint")
        names += rest if self._era == "keras1" else (rest[1], rest[0], rest[2])
        arguments = {**dict(zip(names, args, strict=False)), **kwargs}
        for name in ("partitioner", "use_resource", "synchronization", "getter", "experimental_autocast", "aggregation"):
            arguments.pop(name, None)
        if "initializer" in arguments:
            arguments["initializer"] = initializer_of(self._era, arguments["initializer"])
        if arguments.get("trainable") is None:
            arguments["trainable"] = True
        if arguments.get("shape") is not None:
            shape = arguments["shape"]
            arguments["shape"] = tuple(
                None if size is None else int(size) for size in (shape if np.iterable(shape) else (shape,))
            )
        name = arguments.get("name")
        if isinstance(name, str):
            # Keras 1 programs write `name="{}_W".format(self.name)`; names of models held slashes.
            arguments["name"] = name.replace("/", "_")
        return named_alone(self, super().add_weight(**arguments))  # type: ignore[arg-type, misc]

    def add_loss(self, losses: object, inputs: object = None, **kwargs: object) -> None:
        """A term of the loss: from within `call`, or one that `inputs` lead to, or a function of weights."""
        terms = losses if isinstance(losses, (list, tuple)) else [losses]
        if "_building" in self.__dict__ or (outside() and "_calling" not in self.__dict__):
            self._added_losses = [*self.__dict__.get("_added_losses", ()), *((inputs, self._check_term(one)) for one in terms)]
            return
        found = [term() if callable(term) and not hasattr(term, "shape") else term for term in terms]
        # Tensors around the layer have values where they are its inputs too; where they are not yet, this says so.
        found = [term.__jax_array__() if isinstance(term, SymbolicTensor) else term for term in found]
        self._adds_by_sample = any(getattr(term, "shape", ()) for term in found)
        super().add_loss([counted(term) if self._era == "tfkeras2" else term for term in found])  # type: ignore[misc]

    def add_metric(self, value: object, name: str | None = None, aggregation: str = "mean", **kwargs: object) -> None:
        """A measure of what is computed in `call`: its mean over the batches."""
        held = self.__dict__.setdefault("_added_metrics", {})
        known = name or f"{self.name}_metric"  # type: ignore[attr-defined]
        if sum(isinstance(part, metrics.Metric) and part.name == known for part in vars(self).values()) > 1:
            raise ValueError(message(self, "the metrics that are added need names of their own", {"name": known}))
        if known not in held:
            self._added_metrics = {**held, known: metrics.Mean(name=known)}
        # A measure has no slope.
        self._added_metrics[known].update_state(ops.stop_gradient(narrow(value)) if isinstance(value, Tensor) else value)

    def _check_term(self, term):
        if isinstance(term, (int, float, SymbolicTensor)) or (callable(term) and not hasattr(term, "shape")):
            return term
        expected = "add_loss() outside of call() takes symbolic tensors, and functions without arguments"
        raise TypeError(message(self, expected, {"losses": term}, "Of weights: add_loss(lambda: ...)"))

    @property
    def losses(self) -> list[Any]:
        """Terms of the loss: penalties of weights, what programs added, and what each call on symbolic tensors adds."""
        found = super().losses  # type: ignore[misc]
        if self._era == "tfkeras2" or not outside() or any(layer._losses for layer in self._flatten_layers()):  # type: ignore[attr-defined]
            return found
        return [*found, *losses_of(self), *(term for _, term in self._entries("_added_losses"))]

    def _penalized(self) -> list[Variable]:
        # Frozen ones too: their penalties moved nothing, and stood in the loss.
        return self.weights  # type: ignore[attr-defined]

    def get_losses_for(self, inputs) -> list[Any]:
        """The terms of the loss that depend on some inputs, or on none of them."""
        if inputs is not None and not has_symbolic(inputs):
            # Of a call on numbers, what it has added.
            return [loss for layer in self._flatten_layers() for loss in layer._losses]  # type: ignore[attr-defined]
        entries = self._entries("_added_losses")
        added = {id(term) for _, term in entries}
        return relevant([term for term in self.losses if id(term) not in added], entries, inputs)

    @property
    def updates(self) -> list[Any]:
        """Pairs of a variable and its new value for each call on symbolic tensors, and what programs added."""
        return [*updates_of(self), *(update for _, update in self._entries("_added_updates"))]

    def get_updates_for(self, inputs) -> list[Any]:
        """The updates that depend on some inputs, or on none of them."""
        return relevant(updates_of(self), self._entries("_added_updates"), inputs)

    def _entries(self, name: str) -> list[Entry]:
        """What was added from outside, to this layer or one below it."""
        return [entry for layer in self._flatten_layers() for entry in layer.__dict__.get(name, ())]  # type: ignore[attr-defined]

    def add_update(self, updates: object, inputs: object = None) -> None:
        """New values of variables: `K.update` and its kin have given them already; pairs give them here."""
        if outside():
            given = updates if isinstance(updates, list) else [updates]
            self._added_updates = [*self.__dict__.get("_added_updates", ()), *((inputs, one) for one in given)]
            return
        for update in updates if isinstance(updates, list) else [updates]:
            if counts(self) and isinstance(update, tuple) and len(update) == 2 and isinstance(update[0], Variable):
                update[0].assign(update[1])

    @property
    def trainable_weights(self) -> list[Variable]:
        return super().trainable_weights  # type: ignore[misc]

    @trainable_weights.setter
    def trainable_weights(self, variables: list[Variable]) -> None:
        """In Keras 1 a layer named its weights in `build`; other variables that it held were not trained."""
        wanted = {id(variable) for variable in variables}
        for variable in self._own_variables():  # type: ignore[attr-defined]
            variable.trainable = id(variable) in wanted
        held = {id(variable) for variable in self._own_variables()}  # type: ignore[attr-defined]
        self._weights.extend(v for v in variables if id(v) not in held)  # type: ignore[attr-defined]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return super().non_trainable_weights  # type: ignore[misc]

    @non_trainable_weights.setter
    def non_trainable_weights(self, variables: list[Variable]) -> None:
        held = {id(variable) for variable in self._own_variables()}  # type: ignore[attr-defined]
        for variable in variables:
            variable.trainable = False
            if id(variable) not in held:
                self._weights.append(variable)  # type: ignore[attr-defined]

    # The graph

    def get_output_at(self, node_index: int) -> Tensors:
        """The symbolic output of a call, by its number."""
        return self.inbound_nodes[node_index].outputs  # type: ignore[attr-defined]

    def get_input_at(self, node_index: int) -> Tensors:
        """The symbolic input of a call, by its number."""
        node = self.inbound_nodes[node_index]  # type: ignore[attr-defined]
        return first_given(self, node.args, node.kwargs)  # type: ignore[arg-type]

    def get_output_shape_at(self, node_index: int) -> object:
        return shape_of(self.get_output_at(node_index))

    def get_input_shape_at(self, node_index: int) -> object:
        return shape_of(self.get_input_at(node_index))

    def _first_node(self) -> Node:
        if len(self.inbound_nodes) > 1:  # type: ignore[attr-defined]
            text = "it has multiple inbound nodes, so that `input` and `output` may be of any of them"
            raise AttributeError(message(self, text, {"calls": len(self.inbound_nodes)}, "Use get_output_at(index)"))  # type: ignore[attr-defined]
        return super()._first_node()  # type: ignore[misc]

    @property
    def _inbound_nodes(self) -> list[Node]:
        return self.inbound_nodes  # type: ignore[attr-defined]

    @property
    def input_shape(self) -> object:
        """The shape of the symbolic input of the first call."""
        return self.get_input_shape_at(0)

    @property
    def output_shape(self) -> object:
        """The shape of the symbolic output of the first call."""
        return self.get_output_shape_at(0)


def with_training(layer: object, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call; `call(self, inputs, training)` was given the phase by whoever called, and needs none here."""
    names = list(inspect.signature(type(layer).call).parameters.values())[1:]  # type: ignore[attr-defined]
    needs = any(one.name == "training" and one.default is one.empty for one in names[len(args) :])
    return {"training": None, **kwargs} if needs else kwargs


class Symbolic:
    """What a Lambda could do beside: take gradients of symbolic tensors, and compute with others than its inputs."""

    # As files of the time held it, whether the function had a name or not.
    _writes_code = True

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        # Its function got numbers in the type that they had.
        self.autocast = False

    def __call__(self, inputs: object, *args: object, **kwargs: object) -> object:
        if has_symbolic(inputs) and self._takes_gradients(inputs):
            return unpacked(self.function(inputs, **self.arguments))  # type: ignore[attr-defined]
        if has_symbolic(inputs) and self._looks_at_tensors(inputs):
            return unpacked(call_around(self, (inputs, *args), kwargs, self.function))  # type: ignore[arg-type]
        return unpacked(super().__call__(inputs, *args, **kwargs))  # type: ignore[misc]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; a function of Python's stays one, where no file is written."""
        with keeping_functions():
            return super().get_config()  # type: ignore[misc]

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None):
        """A layer of a config; a function that is given by its name must be among `custom_objects`, or entered."""
        kept = {name: value for name, value in config.items() if not name.endswith(("_type", "_mask", "module"))}
        if isinstance(name := kept.get("function"), str):
            kept["function"] = (custom_objects or {}).get(name) or {"class_name": "function", "config": name}
        return super().from_config(kept, custom_objects)  # type: ignore[misc]

    def _looks_at_tensors(self, inputs: object) -> bool:
        """Whether the function computes with symbolic tensors that it was not given, but closes over."""
        if not looks_at_tensors(self.function):  # type: ignore[attr-defined]
            return False
        try:
            # What it refers to may also be a name alone: then it is a layer like others.
            infer(lambda values: self.function(values, **self.arguments), inputs)  # type: ignore[attr-defined]
        except Exception as error:
            hand_on(error)
            return True
        return False

    def _takes_gradients(self, inputs: object) -> bool:
        """Whether the function asks for gradients; what else may be wrong with it, the call will say."""
        if not says(getattr(self.function, "__code__", None), "gradients"):  # type: ignore[attr-defined]
            return False
        try:
            infer(lambda values: self.function(values, **self.arguments), inputs)  # type: ignore[attr-defined]
        except NeedsGraph:
            return True
        except Exception as error:
            hand_on(error)
        return False


class Masked:
    """A layer that makes masks of its own, also of symbolic tensors."""

    def compute_mask(self, inputs, mask=None):
        """The mask of the output: of symbolic tensors a symbolic one, or `None`."""
        base = super().compute_mask  # type: ignore[misc]
        if has_tensor((inputs, mask)):
            return as_tensors(base(plain(inputs), plain(mask)))
        known = all(one is not None for one in mask) if isinstance(mask, (list, tuple)) else mask is not None
        # Masks that are numbers give numbers, whatever the inputs are.
        if not has_symbolic((inputs, mask)) or (known and not has_symbolic(mask)):
            found = base(numbers_for(inputs, mask), mask)
            return found if getattr(self, "_era", "") != "tfkeras2" or in_scope() else as_tensors(found)
        found = infer(base, inputs, mask)
        if symbolic_leaves(found):
            Node(Operation(base, name=None), (inputs, mask), {}, found)
        return found


class Several(Masked):
    """A layer that merges at least two inputs: Keras 1 and 2 refused to merge one."""

    def __call__(self, inputs, *args: object, **kwargs: object) -> object:
        if self._era != "tfkeras2" and isinstance(inputs, (list, tuple)) and len(inputs) < 2:  # type: ignore[attr-defined]
            raise ValueError(message(self, "it must be called on a list of at least 2 inputs", {"inputs": inputs}))
        return super().__call__(inputs, *args, **kwargs)  # type: ignore[misc]


def counts_twice(model: Layer, training: bool | None) -> bool:
    """Whether a call of a model leaves more than outputs: terms of the loss, or other values of what is not trained."""
    for layer in model._flatten_layers():
        changes = training is not False and layer.trainable and any(not v.trainable for v in layer._weights)
        if changes or layer.activity_regularizer is not None or not is_ours(type(layer)):
            return True
    return False


def numbers_for(inputs, mask):
    """Numbers in place of symbolic inputs, of whose shapes alone masks depend; of unknown sizes, those of the masks."""
    if isinstance(inputs, (list, tuple)):
        masks = mask if isinstance(mask, (list, tuple)) else [mask] * len(inputs)
        return [numbers_for(one, own) for one, own in zip(inputs, masks, strict=False)]
    if not isinstance(inputs, SymbolicTensor) or mask is None:
        return inputs
    known = [*np.shape(mask), *[1] * inputs.ndim]
    shape = [known[axis] if size is None else size for axis, size in enumerate(inputs.shape)]
    return np.broadcast_to(np.zeros((), inputs.dtype), shape)


class Passing(Masked):
    """A TimeDistributed that passes on what its layer makes of masks, and gives it all steps as one batch.

    Batch normalization within it sees all steps at once. Where the size of batches was fixed, Keras 1 and 2 went step by step.
    """

    # Today's makes another program.
    _bookkeeping = {"takes_all_steps": Look.PROGRAM}

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        self._adopted()

    layer: Layer

    def build(self, input_shape):
        super().build(input_shape)  # type: ignore[misc]
        self.__dict__["takes_all_steps"] = input_shape[0] is None or self._era == "tfkeras2"  # type: ignore[attr-defined]

    def _goes_step_by_step(self, training: bool | None) -> bool:
        return not self.__dict__["takes_all_steps"] and super()._goes_step_by_step(training)  # type: ignore[misc]

    def _one(self, x: Array, mask: Array | None, training: bool | None) -> Array:
        outputs = super()._one(x, mask, training)  # type: ignore[misc]
        if self._era == "tfkeras2" and getattr(self.layer, "_graph", None) is not None and counts_twice(self.layer, training):  # type: ignore[attr-defined]
            # tf.keras ran a model once more to see its masks: averages moved, and terms of the loss were added, again.
            super()._one(x, mask, training)  # type: ignore[misc]
        return outputs

    def _adopted(self) -> None:
        """Sees whether the layer within makes masks. That is an attribute, so that no program of today's layer is taken."""
        super()._adopted()  # type: ignore[misc]
        self.__dict__["takes_all_steps"] = True
        if getattr(self.layer, "makes_mask", False) and not hasattr(self.layer, "_graph"):
            self.passes_masks = self.makes_mask = True

    def compute_mask(self, inputs, mask=None):
        """The mask of the output: where the layer within makes masks, those of all steps."""
        if not self.__dict__.get("passes_masks"):
            return super().compute_mask(inputs, mask)

        def compute(x, given=None):
            steps = x.shape[:2]
            flat = None if given is None else given.reshape(-1, *given.shape[2:])
            found = self.layer.compute_mask(x.reshape(-1, *x.shape[2:]), flat if flat is not None and flat.ndim > 1 else None)
            return given if found is None else found.reshape(*steps, *found.shape[1:])

        return traceable(compute)(inputs, mask)


def of_today(value: object) -> object:
    """The function of today that one of an era's stands for."""
    return getattr(value, "__kerata__", value) if isinstance(value, (types.FunctionType, OfEra)) else value


def unpacked(outputs: object) -> object:
    """The only one of a list of outputs, as layers gave it."""
    return outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else outputs


def says(code: object, name: str) -> bool:
    """Whether a function's code has a name, its inner functions included.

    >>> says((lambda x: [x.gradients for x in ()]).__code__, "gradients")
    True
    """
    inner = getattr(code, "co_consts", ())
    return name in getattr(code, "co_names", ()) or any(says(part, name) for part in inner if hasattr(part, "co_names"))


def shape_of(tensor) -> object:
    """The shape of a symbolic tensor, or of those in a list."""
    return [shape_of(one) for one in tensor] if isinstance(tensor, (list, tuple)) else tuple(tensor.shape)
