"""Models of the eras: `fit` and its kin with their arguments of then, generators, classes and probabilities."""

import json
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np

from kerata import models as modern
from kerata.base.checks import message
from kerata.base.serialization import keeping_functions, says_today, serialize_keras_object
from kerata.base.types import PathLike
from kerata.callbacks import History
from kerata.callbacks.callback import flatten_callbacks
from kerata.data.sources import is_generator
from kerata.dialects import find_row, translate_arguments
from kerata.engine.module import Look, shown
from kerata.engine.naming import without_names
from kerata.engine.scope import in_scope
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import HostArray
from kerata.layers import Layer
from kerata.layers.phase import contexts
from kerata.legacy.added import AddLoss, AddMetric, add_symbolic_losses, compute_beside
from kerata.legacy.branches import Several, begins_with_branches, flattened, in_graph, inputs_of
from kerata.legacy.configs import is_of_then, numbering
from kerata.legacy.crossentropy import FUNCTIONS, measure_of_then, of_then
from kerata.legacy.files import LoadStatus, await_weights, has_all_weights, load_weights, save_model, save_weights
from kerata.legacy.freezing import Trained, as_compiled
from kerata.legacy.functions import roots_of
from kerata.legacy.graph import depends_on_phase
from kerata.legacy.history import LogsInOrder, OldHistory
from kerata.legacy.inputs import read_targets, with_held_inputs, with_held_targets
from kerata.legacy.layers import OldLayer, descriptions
from kerata.legacy.measures import compile_arguments, given_loss, of_columns, of_targets, on_tensors, spread
from kerata.legacy.metrics import COUNTING_ELEMENTS, Measured
from kerata.legacy.scaling import with_its_methods
from kerata.legacy.scores import Scores, Scoring, drop_none
from kerata.legacy.step_functions import StepFunctions
from kerata.legacy.telling import begin_before_reading, rows_of, tell, with_batch_logs
from kerata.legacy.tensorflow.models import FlowingModel
from kerata.legacy.totals import Showing
from kerata.legacy.weights import spread_class_weights
from kerata.models.graph import Graph
from kerata.training.compilation import output_names_of

# What the methods of Keras 2 took that means nothing today: how many threads or processes read the data.
IGNORED = ("workers", "use_multiprocessing", "max_queue_size", "max_q_size", "nb_worker", "pickle_safe")
MEASURES = ("metrics", "weighted_metrics")


class OldModel(Scoring, Showing, StepFunctions, FlowingModel, OldLayer):
    """What a model of Keras 1, Keras 2 and tf.keras could do."""

    # Terms of the loss are computed beside the outputs: they are no part of what files hold, and the graph has them already.
    _bookkeeping = {
        **dict.fromkeys(
            (
                "_other_shapes",
                "_trained_at_compile",
                "_averages_stay",
                "_held_out",
                "_shown_totals",
                "_targets",
                "_kept_measures",
                "_step_functions",
            ),
            Look.NOBODY,
        ),
        "_terms": Look.PARTS,
    }

    # (era, room, a loss or measure of today) -> as the era computed it.
    _of_era: Callable[[str, str, object], object] = staticmethod(lambda era, kind, found: found)
    # Whether a summary counts what the optimizer keeps.
    counts_optimizer = False
    takes_whole = "sets"
    _lists_attributes = True
    # Until Keras 3, the operations that make masks stood in no graph.
    counts_masks = False
    # Until Keras 3, `compile` began anew.
    __compiles_on__ = False
    measures_where_targets_are = True
    input_shape = modern.Model.input_shape
    output_shape = modern.Model.output_shape

    @shown
    def layers(self) -> list[Any]:
        """The layers of the model."""
        return [layer for layer in super().layers if not isinstance(layer, AddLoss)]  # type: ignore[misc]

    def _begin_spelled(self, arguments: dict[str, Any], given: dict[str, Any]) -> None:
        super()._begin_spelled(arguments, given)
        if self._era in ("keras2", "keras22"):
            # Names of Keras 1, which Keras 2 took as well.
            for former in {"input", "output"} & set(arguments):
                arguments[f"{former}s"] = arguments.pop(former)
        for name in {"inputs", "outputs"} & set(arguments):
            arguments[name] = self._alone(arguments[name])

    def _take_positional(self, args: tuple, arguments: dict[str, Any]) -> tuple:
        if len(args) == 1 and args[0] is self and self._era == "tfkeras2":
            # `super().__init__(self)`, as it stands in many a program of TensorFlow's, meant nothing.
            return ()
        return (*(self._alone(one) for one in args[:2]), *args[2:])

    def _alone(self, tensors):
        """The only one of a list: a model of one output gave an array, and no list of one."""
        return tensors[0] if isinstance(tensors, (list, tuple)) and len(tensors) == 1 else tensors

    # As a layer of another model, on tensors of another shape than its input's: the layers decide what they take

    def compute_output_spec(self, *args: object, **kwargs: object) -> object:
        graph = self._graph  # type: ignore[attr-defined]
        one = args[0] if len(args) == 1 and isinstance(args[0], SymbolicTensor) else None
        if one is None or graph is None or len(graph.inputs) != 1 or fits(one.shape, graph.inputs[0].shape):
            return super().compute_output_spec(*args, **kwargs)  # type: ignore[misc]
        self.__dict__.setdefault("_other_shapes", []).append(tuple(one.shape))
        return Layer.compute_output_spec(self, *args, **kwargs)  # type: ignore[arg-type]

    def _match_inputs(self, inputs: object) -> list[Any]:
        shape = getattr(inputs, "shape", None)
        if shape is not None and getattr(self, "_shape_of_data", False) and self._era == "tfkeras2":
            known = self._input.shape  # type: ignore[attr-defined]
            if len(shape) != len(known) and not fits(shape, known):
                return [inputs]
        if shape is not None and any(fits(shape, other) for other in self.__dict__.get("_other_shapes", ())):
            return [inputs]
        return super()._match_inputs(inputs)  # type: ignore[misc]

    # Training

    def compile(self, *args: object, **kwargs: object) -> None:
        """Sets how the model is trained; the measures have the names that they had then."""
        self._check_constructed()  # type: ignore[attr-defined]
        vars(self).pop("_step_functions", None)
        self._take_added_losses()
        self._targets = read_targets(self, kwargs.get("target_tensors"))
        super().compile(**compile_arguments(self._era, self, args, kwargs))  # type: ignore[misc]
        # A step of the program's own calls it on its tensors.
        self.loss = given_loss(self._era, args, kwargs)
        with_its_methods(self._era, self.optimizer)
        self._settle()

    def _settle(self) -> None:
        """What holds from one call of `compile` to the next."""
        self._trained_at_compile, self._averages_stay = Trained(self._flatten_layers()), {}  # type: ignore[attr-defined]
        made = self._compilation  # type: ignore[attr-defined]
        if made is not None:
            made.counts_elements = made.measures.counts_elements = self._era in COUNTING_ELEMENTS
            made.crossentropies = made.measures.crossentropies = FUNCTIONS.get(self._era, {})
        if made is not None and self._era != "tfkeras2":
            made.sees_masks = made.measures.sees_masks = self._era != "keras1"
            made.counting = made.objective.counting = made.measures.counting = "all" if self._era == "keras2" else "weighted"

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model with what `get_compile_config` gave, which is in today's words."""
        if type(self).compile is OldModel.compile:
            self._compile_from_config(config, super().compile)  # type: ignore[misc]
            self._adopted()
        else:
            super().compile_from_config(config)  # type: ignore[misc]
        self._settle()

    def _adopted(self) -> None:
        """What a model of today was compiled with, as the same names stood for it in the era."""
        made = self._compilation  # type: ignore[attr-defined]
        if made is not None:
            era, given = self._era, made.arguments

            def measure(one: object) -> object:
                return of_columns(on_tensors(self._of_era(era, "metrics", measure_of_then(era, one))))

            def loss(one: object) -> object:
                return of_targets(era, on_tensors(self._of_era(era, "losses", of_then(era, one))))

            measures = {name: spread(given[name], measure) for name in MEASURES}
            made.arguments = {**given, **measures, "loss": spread(given["loss"], loss)}
            made.renew(output_names_of(self))  # type: ignore[arg-type]
            with_its_methods(self._era, self.optimizer)

    def summary(self, *args, **kwargs) -> None:
        """Prints the layers, their shapes and how many numbers they hold."""
        state: Trained | None = self.__dict__.get("_trained_at_compile")
        if state is not None:
            state.warn(self)
        super().summary(*args, **kwargs)  # type: ignore[misc]

    def _take_added_losses(self) -> None:
        """Terms that programs added to layers of the model, from outside of any call, become terms of its own."""
        graph = self._graph  # type: ignore[attr-defined]
        if graph is None:
            return
        known = {id(tensor) for tensor in graph.inputs}
        for layer in self._flatten_layers():  # type: ignore[attr-defined]
            entries = layer.__dict__.get("_added_losses") or []
            taken = [
                (inputs, term)
                for inputs, term in entries
                if not isinstance(term, SymbolicTensor) or all(id(root) in known for root in roots_of(term))
            ]
            if taken:
                add_symbolic_losses(self, [plain(term) for _, term in taken])
                layer._added_losses = [entry for entry in entries if not any(entry is one for one in taken)]

    def _translated(self, method: str, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        row = find_row(self._era, "models", method)
        assert row is not None
        arguments = translate_arguments(row, args, kwargs)[1]
        for name in IGNORED:
            arguments.pop(name, None)
        for name in {"x", "validation_data"} & set(arguments):
            arguments[name] = only_inputs(self, arguments[name])
        if self._era != "tfkeras2" and isinstance(weight := arguments.get("sample_weight"), tuple):
            raise TypeError(
                message(self, "sample_weight must be an array, or a list or dict of them", {"sample_weight": weight})
            )
        return spread_class_weights(self, with_held_targets(self, with_held_inputs(self, arguments)))

    @shown
    def validation_data(self) -> list[Any] | None:
        """What the last run validated on; callbacks of Keras 1 looked for it here."""
        held = self.__dict__.get("_held_out")
        return None if held is None else held()

    def fit(self, *args: object, **kwargs: object) -> History:
        """Trains the model."""
        if kwargs.pop("show_accuracy", False):
            self._show_accuracy()
        if "nb_epoch" in kwargs and self._era != "keras1":
            kwargs["epochs"] = kwargs.pop("nb_epoch")
        arguments = self._translated("fit", args, kwargs)
        return self._fit(arguments)

    def _fit(self, arguments: dict[str, Any], per_epoch: int | None = None) -> History:
        callbacks = list(flatten_callbacks(arguments.pop("callbacks", None)))
        tell(self, callbacks, arguments, per_epoch)
        callbacks = with_batch_logs(self, callbacks, arguments)
        if is_generator(arguments.get("x")):
            begin_before_reading(self, callbacks)
        if not any(isinstance(callback, OldHistory) for callback in callbacks):
            callbacks.append(OldHistory())
        callbacks.insert(0, LogsInOrder(self))
        self._start_function("train_function")
        with as_compiled(self):
            return super().fit(callbacks=callbacks, **arguments)  # type: ignore[misc]

    def _show_accuracy(self) -> None:
        """`show_accuracy=True` of the first versions was what `metrics=["accuracy"]` is."""
        made = self._compilation  # type: ignore[attr-defined]
        known = {} if made is None else made.arguments
        if not known.get("metrics"):
            self.compile(known.get("optimizer"), known.get("loss"), metrics=["accuracy"])

    def fit_generator(self, *args: object, **kwargs: object) -> History:
        """Trains the model on batches of a generator."""
        arguments = self._translated("fit_generator", args, kwargs)
        samples = None
        if self._era == "keras1":
            # An epoch was a number of samples; so many batches as hold them.
            source, size = measured(arguments["x"])
            arguments["x"], samples = source, arguments["steps_per_epoch"]
            arguments["steps_per_epoch"] = math.ceil(samples / size)
            held_out = arguments.get("validation_data")
            if arguments.get("validation_steps") is not None and is_source(held_out):
                source, size = measured(held_out)
                arguments["validation_data"] = source
                arguments["validation_steps"] = math.ceil(arguments["validation_steps"] / size)
            elif not is_source(held_out):
                arguments.pop("validation_steps", None)
        elif not is_source(arguments.get("validation_data")):
            arguments.pop("validation_steps", None)
        return self._fit(drop_none(arguments), samples)

    def evaluate(self, *args: object, **kwargs: object) -> Scores | dict[str, Any]:
        """The loss and all measures on some data."""
        kwargs.pop("show_accuracy", None)
        return self._evaluate(self._translated("evaluate", args, kwargs))

    def evaluate_generator(self, *args: object, **kwargs: object) -> Scores | dict[str, Any]:
        """The loss and all measures on batches of a generator."""
        arguments = self._translated("evaluate_generator", args, kwargs)
        if self._era == "keras1":
            arguments["x"], size = measured(arguments["x"])
            arguments["steps"] = math.ceil(arguments["steps"] / size)
        return self._evaluate({"verbose": 0, **arguments})

    def predict(self, *args: object, **kwargs: object) -> Any:
        """The outputs for some inputs."""
        arguments = self._translated("predict", args, kwargs)
        self._start_function("predict_function")
        if self._era != "tfkeras2":
            arguments["x"] = as_long_as_first(arguments["x"])
            if getattr(arguments["x"], "shape", (1,))[:1] == (0,) and isinstance(self.output_shape, tuple):
                return np.zeros((0, *self.output_shape[1:]), "float32")
        found = super().predict(**drop_none(arguments))  # type: ignore[misc]
        graph = getattr(self, "_graph", None)
        if isinstance(found, dict) and graph is not None and set(found) == set(graph.outputs_tree):
            # A compiled program gives dicts in the order of their keys.
            return {name: found[name] for name in graph.outputs_tree}
        return found

    def predict_generator(self, *args: object, **kwargs: object) -> object:
        """The outputs for batches of a generator."""
        arguments = self._translated("predict_generator", args, kwargs)
        if self._era == "keras1":
            arguments["x"], size = measured(arguments["x"])
            arguments["steps"] = math.ceil(arguments["steps"] / size)
        return super().predict(**{"verbose": 0, **drop_none(arguments)})  # type: ignore[misc]

    def predict_proba(self, x: object, batch_size: int | None = None, verbose: int = 0) -> HostArray:
        """Probabilities of classes: what `predict` gives."""
        probabilities = self.predict(x, batch_size=batch_size, verbose=verbose)
        if probabilities.min() < 0.0 or probabilities.max() > 1.0:
            warnings.warn(
                message(self, "predict_proba() gave numbers below 0 or above 1: the last layer gives no probabilities"),
                stacklevel=2,
            )
        return probabilities

    def predict_classes(self, x: object, batch_size: int | None = None, verbose: int = 0) -> HostArray:
        """The number of the most probable class; of one output, whether it is above a half."""
        probabilities = self.predict(x, batch_size=batch_size, verbose=verbose)
        if probabilities.shape[-1] > 1:
            return probabilities.argmax(axis=-1)
        return (probabilities > 0.5).astype("int32")

    def add_loss(self, losses: object, inputs: object = None, **kwargs: object) -> None:
        """A term of the loss: a symbolic tensor that the inputs lead to, or, from within `call`, a number."""
        terms = [plain(one) for one in (losses if isinstance(losses, (list, tuple)) else [losses])]
        outside = not contexts() and not in_scope()
        symbolic = [term for term in terms if isinstance(term, SymbolicTensor) or (outside and callable(term))]
        if symbolic:
            add_symbolic_losses(self, symbolic)
        rest = [term for term in terms if not any(term is one for one in symbolic)]
        if rest and outside:
            expected = "add_loss() takes symbolic tensors that the model's inputs lead to, and functions without arguments"
            raise TypeError(message(self, expected, {"losses": rest[0]}, "Of weights: add_loss(lambda: ...)"))
        if rest:
            super().add_loss(rest)

    def add_metric(self, value, name: str | None = None, aggregation: str | None = "mean", **kwargs: object) -> None:
        """A measure: of a symbolic tensor that the inputs lead to, or, from within `call`, of a number."""
        if isinstance(value, Measured):
            compute_beside(self, [AddMetric(value.metric.name, value.metric)], [value.tensor])
            return
        if not isinstance(value, SymbolicTensor):
            super().add_metric(value, name, aggregation or "mean")
            return
        if name is None:
            raise ValueError(message(self, "a measure that is added needs a name", {"value": value}, "add_metric(x, name='x')"))
        compute_beside(self, [AddMetric(name)], [value])

    @property
    def uses_learning_phase(self) -> bool:
        """Whether the model computes something else in training."""
        graph = self._graph  # type: ignore[attr-defined]
        return graph is not None and any(depends_on_phase(node) for node in graph.running)

    def reset_states(self) -> None:
        """Sets the kept states of all layers to zero."""
        for layer in self._flatten_layers():  # type: ignore[attr-defined]
            if layer is not self and getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
                layer.reset_state()

    def get_config(self):
        """What the model is made of, in the era's words, but for functions that have no name; they stay what they are.

        That of a Sequential was a list in Keras 1.
        """
        with keeping_functions():
            config = super().get_config()  # type: ignore[misc]
        kind = kind_of(self)
        return config if says_today() or not kind else descriptions.words_of_model(self, config, kind)

    @classmethod
    def from_config(cls, config, custom_objects: dict[str, Any] | None = None):
        """A model of a config, in the era's words or in those of today."""
        kind = "Sequential" if issubclass(cls, modern.Sequential) else "Model"
        if not is_of_then(config) or "_stands_for" not in cls.__dict__:
            return super().from_config(config, custom_objects)
        found = descriptions.revived(cls._era, {"class_name": kind, "config": config}, custom_objects)
        return cls._adopt(cls._era, found)

    # Files

    def to_json(self, **kwargs) -> str:
        """The architecture as JSON, in the era's words."""
        kind = kind_of(self)
        if begins_with_branches(self):
            # What begins with branches has no description today; what no file may hold is refused all the same.
            written = json.dumps(serialize_keras_object(self.layers))
        else:
            written = super().to_json(**kwargs)  # type: ignore[misc]
        with numbering():
            config = self.get_config() if kind else None
        return descriptions.json_of_then(self, config, kind, **kwargs) if is_of_then(config) else written

    def to_yaml(self, **kwargs: object) -> str:
        """The architecture as plain data in YAML."""
        import yaml

        return yaml.safe_dump(json.loads(self.to_json()), sort_keys=False)  # type: ignore[attr-defined]

    def save_weights(
        self, filepath: PathLike, overwrite: bool = True, save_format: str | None = None, options: object = None
    ) -> None:
        """Writes the weights as HDF5 or, in `tf.keras`, under a name that is not one of HDF5 as a checkpoint."""
        save_weights(cast(modern.Model, self), filepath, overwrite, save_format)

    def load_weights(
        self, filepath: PathLike, by_name: bool = False, skip_mismatch: bool = False, reshape: bool = False, **kwargs: object
    ) -> LoadStatus:
        """Reads the weights of a file; a model of `tf.keras` that has none yet gets them before it is first used."""
        self.__dict__.pop("_awaited", None)
        if self.built or by_name or has_all_weights(self):  # type: ignore[has-type]
            load_weights(cast(modern.Model, self), filepath, by_name, skip_mismatch, reshape)
        else:
            await_weights(cast(modern.Model, self), filepath, by_name, skip_mismatch)
        return LoadStatus(self)

    def save(
        self,
        filepath: PathLike,
        overwrite: bool = True,
        include_optimizer: bool = True,
        save_format: str | None = None,
        **kwargs: object,
    ) -> None:
        """Writes the whole model: a file of HDF5, one of Keras 3, or a SavedModel folder."""
        save_model(cast(modern.Model, self), filepath, overwrite, include_optimizer, save_format)


def kind_of(model: object) -> str:
    """`"Sequential"` or `"Functional"` where eras have words for a model; "" for one of a class of a program's own."""
    if "_stands_for" not in vars(type(model)):
        return ""
    if isinstance(model, OldSequential):
        return "Sequential"
    return "" if getattr(model, "_graph", None) is None else "Functional"


class OldSequential(OldModel):
    """`Sequential` of Keras 1, Keras 2 and tf.keras."""

    def _take_positional(self, args: tuple, arguments: dict[str, Any]) -> tuple:
        if len(args) == 2:
            # The name stood second.
            arguments["name"] = args[1]
        return args[:1] if len(args) == 2 else args

    def _alone(self, tensors):
        return tensors

    def _names_of_layers(self) -> AbstractContextManager[object]:
        return without_names()

    def add(self, layer: Layer, rebuild: bool = True) -> None:
        """Adds a layer at the end; `Merge([first, second])` as the first one makes a model of several inputs."""
        branches = getattr(layer, "_branches", None)
        if branches is not None and not self._layers:  # type: ignore[attr-defined]
            self._begin_with(layer, branches)
            return
        super().add(layer)  # type: ignore[misc]

    def keep_input_shape(self) -> None:
        """The first layer knows the shape of its inputs: in configs it stood there, so that other models begin with it."""
        tensor = self.__dict__.get("_input")
        for first in self._layers[:1]:  # type: ignore[attr-defined]
            if isinstance(tensor, SymbolicTensor) and not hasattr(first, "_graph") and first._batch_shape is None:
                first._batch_shape = tuple(tensor.shape)

    def _begin_with(self, layer: Layer, branches: list[Any]) -> None:
        # A branch that several models share has its input once.
        inputs = list({id(tensor): tensor for branch in branches for tensor in inputs_of(branch)}.values())
        outputs = layer.output
        self._layers.append(layer)  # type: ignore[attr-defined]
        self._input = Several(inputs)
        self._tail, self._whole = outputs, None
        self.built = True

    @shown
    def flattened_layers(self) -> list[Any]:
        """The layers as files of Keras 1 list them."""
        return flattened(self)

    @shown
    def layers_in_files(self) -> list[Any]:
        """The layers as files of today list them."""
        return in_graph(self)

    @property
    def _graph(self) -> Graph | None:
        several = self.__dict__.get("_input")
        if isinstance(several, Several):
            if self._whole is None and self._tail is not None:
                self._whole = Graph(several.tensors, self._tail, self)
            return self._whole
        return modern.Sequential._graph.fget(self)  # type: ignore[attr-defined]

    @_graph.setter
    def _graph(self, value: None) -> None:
        self._tail, self._whole = None, value

    def get_config(self):
        if begins_with_branches(self):
            if not says_today() and (found := descriptions.words_of_branches(self)) is not None:
                return found
            raise NotImplementedError(
                message(self, "a model that begins with Merge cannot be described", None, "Make it of Input, merge and Model")
            )
        return super().get_config()  # type: ignore[misc]

    def call(self, inputs: object, training: bool | None = None, mask: object = None) -> object:
        whole = self.__dict__.get("_whole")
        if begins_with_branches(self) or (whole is not None and whole.beside):
            graph = self._graph
            assert graph is not None
            return graph.run(graph.match_inputs(inputs, self))
        return super().call(inputs, training, mask)  # type: ignore[misc]


def plain(loss: object) -> object:
    """A term of the loss; a number of Python's own as a function that gives it."""
    return (lambda: loss) if isinstance(loss, (int, float)) else loss


def fits(shape: Iterable[int | None], expected: Iterable[int | None]) -> bool:
    """Whether the sizes of a sample are those that are expected; an axis of size 1 at the end does not count.

    >>> fits((None, 1, 100), (None, 100)), fits((8, 28, 28, 1), (None, 28, 28))
    (False, True)
    """
    known, sizes = (list(one)[1:] for one in (expected, shape))
    if len(sizes) == len(known) + 1 and sizes[-1] == 1:
        sizes.pop()
    elif len(sizes) == len(known) - 1 and known[-1] == 1:
        sizes.append(1)
    return len(sizes) == len(known) and all(None in (a, b) or a == b for a, b in zip(sizes, known, strict=True))


def only_inputs(model: object, data) -> object:
    """Data without what no input of the model is called: then a dict could hold more."""
    graph = getattr(model, "_graph", None)
    if graph is None:
        return data
    names = set(graph.input_names)

    def known(inputs: object) -> object:
        if isinstance(inputs, dict) and names < set(inputs):
            return {name: value for name, value in inputs.items() if name in names}
        return inputs

    if is_generator(data):
        return ((known(batch[0]), *batch[1:]) if isinstance(batch, tuple) and batch else known(batch) for batch in data)
    return (known(data[0]), *data[1:]) if isinstance(data, tuple) and data else known(data)


def as_long_as_first(x: object) -> object:
    """Several inputs as Keras 1 and 2 predicted on them: so many samples as the first one has.

    >>> [len(one) for one in as_long_as_first([np.zeros((2, 1)), np.zeros((5, 1))])]
    [2, 2]
    """
    if not isinstance(x, (list, tuple)) or not all(hasattr(one, "shape") and len(one.shape) for one in x):
        return x
    return [one[: len(x[0])] for one in x]


def is_source(data: object) -> bool:
    """Whether data come in batches."""
    return (
        data is not None and not isinstance(data, (tuple, list)) and (hasattr(data, "__next__") or hasattr(data, "__getitem__"))
    )


def measured(generator: Any) -> tuple[Any, int]:
    """(the same batches, samples in the first one): Keras 1 counted samples, and took batches until there were enough."""
    if hasattr(generator, "__getitem__"):
        return generator, rows_of(generator[0])
    if not hasattr(generator, "__next__"):
        generator = iter(generator)
    first = next(generator)

    def batches() -> Iterator[Any]:
        yield first
        yield from generator

    return batches(), rows_of(first)
