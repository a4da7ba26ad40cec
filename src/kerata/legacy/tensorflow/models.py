"""Models among tensors: steps of training in TensorFlow's form, and data of tensors."""

import contextlib
import copy
import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

import jax
import jax.numpy as jnp

from kerata.base.checks import message
from kerata.base.types import DTypeLike
from kerata.data.samples import Wide
from kerata.engine.hyper import Hypers
from kerata.engine.module import Look
from kerata.engine.scope import current_scope, in_scope
from kerata.engine.structure import is_ours, structure_of
from kerata.engine.symbolic import SymbolicTensor, has_symbolic, infer
from kerata.engine.types import Array, Initializer, Tree
from kerata.engine.variable import Variable
from kerata.legacy.tensorflow.by_place import TableGradient
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.columns import take_columns
from kerata.legacy.tensorflow.layers import Flowing, as_tensors, followed, narrowed, runs_as_python
from kerata.legacy.tensorflow.on_host import holds_texts
from kerata.legacy.tensorflow.tape import GradientTape, is_traced_whole, tapes
from kerata.legacy.tensorflow.tensor import Tensor, has_tensor, plain, tensors
from kerata.legacy.tensorflow.walks import run_graph
from kerata.losses.loss import reduce_values
from kerata.metrics import Metric
from kerata.models import Sequential as Chain
from kerata.optimizers import Optimizer
from kerata.optimizers.clipping import limit_by_place
from kerata.optimizers.eager import asking
from kerata.training.compilation import Compilation
from kerata.training.host import begins_on_host, through_host
from kerata.training.prepare import of_any_size
from kerata.training.step_methods import flatten_logs, note_wide, pack_x_y_sample_weight, unpack_x_y_sample_weight
from kerata.training.trained import TrainedModel

T = TypeVar("T")

# Shows a metric of today as one of `tf.keras`.
as_of_era: list[Callable[[object], object]] = [lambda metric: metric]
# What a model holds until it has weights for those of a file.
AWAITING = ("_awaited", "_given_early", "_building_whole")
STEPS = ("train_step", "test_step", "predict_step")


class FlowingModel(Flowing):
    """A model that takes tensors, and whose steps may be written as in TensorFlow: `train_step(self, data)`."""

    _bookkeeping = dict.fromkeys(("_steps_alone", "_takes_loss", *AWAITING, "_logged", "_widths", "_told"), Look.NOBODY)
    # What `fit` said reached all layers, also those within a `call` without an argument for it.
    tells_layers = True
    if TYPE_CHECKING:
        # Of models, beside which this class stands.
        _compilation: Compilation
        optimizer: Optimizer
        name: str
        built: bool
        _holdings: Callable[[], dict[int, Any]]

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        for name in STEPS:
            if name in cls.__dict__ and not is_ours(cls) and takes_data_alone(cls.__dict__[name]):
                setattr(cls, name, adapted(cls.__dict__[name], name))

    def call(self, inputs: object, training: bool | None = None, mask: object = None) -> object:
        """Runs the graph; a subclass defines its own."""
        if has_tensor(inputs) and self._graph is not None and runs_as_python(self):  # type: ignore[attr-defined]
            return run_graph(self, inputs)
        return super().call(inputs, training, mask)  # type: ignore[misc]

    def _build_by_tracing(self, inputs: object) -> object:
        # A model whose step does all, such as a pair of networks, may have no call.
        caller = next(cls for cls in type(self).__mro__ if "call" in cls.__dict__)
        if self._graph is None and is_ours(caller) and not is_ours(type(self)) and not isinstance(self, Chain):  # type: ignore[attr-defined]
            return inputs
        self.__dict__["_building_whole"] = True
        try:
            outputs = super()._build_by_tracing(inputs)  # type: ignore[misc]
        except (TypeError, ValueError):
            if not self._steps_take_data():
                raise
            # What its step calls it with may be more than the first part of the data: (anchor, positive, negative).
            outputs = []
        finally:
            del self.__dict__["_building_whole"]
        self._take_awaited()
        return outputs

    def __built_by_step__(self, batch: tuple[Tree, Tree, Tree], method: str) -> bool:
        """Whether a step in TensorFlow's form is there, which is run on shapes then.

        It may call the model with what it makes of the data, such as (nodes, edges) where the data is places of nodes, or
        (source, target[:, :-1]) of a dict.
        """
        name = {"evaluate": "test_step", "predict": "predict_step"}.get(method, "train_step")
        if is_ours(next(cls for cls in type(self).__mro__ if name in cls.__dict__)):
            return False

        def run(data: Tree) -> object:
            return narrowed(getattr(self, name)(tensors(data)))

        try:
            of_any_size(lambda shapes: infer(run, pack_x_y_sample_weight(*cast(Any, shapes))), batch)
        except Exception as error:
            # What is wrong with the step, and not with a call that is never made.
            raise error from None
        self.built = True
        self._take_awaited()
        return True

    def build(self, *args: object, **kwargs: object) -> None:
        """Makes the weights, and gives them what a file that was named before holds."""
        super().build(*args, **kwargs)  # type: ignore[misc]
        if self.weights and not in_scope():  # type: ignore[attr-defined]
            self._take_awaited()

    # Models are built for the types of their data, where no class says how.
    build.passes_on = True  # type: ignore[attr-defined]

    def _steps_take_data(self) -> bool:
        """Whether a step in TensorFlow's form does all, and nothing is left to build."""
        parts = self._flatten_layers(include_self=False)  # type: ignore[attr-defined]
        own = not is_ours(type(self).train_step) and self._graph is None  # type: ignore[attr-defined]
        return own and bool(parts) and all(layer.built for layer in parts) and not self._compilation.objective.is_given

    def __call__(self, *args: object, **kwargs: object) -> Any:
        if "_awaited" in self.__dict__ and args and not in_scope() and not has_symbolic((args, kwargs)):
            # What a file holds must be there before the first numbers come out.
            self._build_by_tracing(
                jax.tree.map(lambda one: SymbolicTensor((None, *one.shape[1:]), one.dtype), narrowed(args[0]))
            )
        model = cast(TrainedModel, self)
        if args and begins_on_host(model) and holds_texts(args[0]) and not runs_as_python(self):
            args = (through_host(model, plain(args[0])), *args[1:])
        return super().__call__(*args, **kwargs)

    def _take_awaited(self) -> None:
        """Reads the weights of a file that was named before the model had any."""
        read = self.__dict__.pop("_awaited", None)
        if read is not None:
            # What a layer that was built alone was given before may have changed since.
            early = [(variable, variable.numpy()) for variable in vars(self).pop("_given_early", {}).values()]
            for layer in self._flatten_layers(include_self=False):  # type: ignore[attr-defined]
                layer.__dict__.pop("_awaits", None)
            self.built = True
            read()
            for variable, value in early:
                variable.assign(value)

    # Steps

    def train_step(self, *given: object) -> object:
        """One step of training: of a state and data as in Keras 3, of data alone as in TensorFlow."""
        return self._step("train_step", given)

    def test_step(self, *given: object) -> object:
        """One step of evaluation, in either form."""
        return self._step("test_step", given)

    def predict_step(self, *given: object) -> object:
        """One step of prediction, in either form."""
        if len(given) == 2:
            self._note_wide(cast(Tree, given[1]))
            return super().predict_step(*given)  # type: ignore[misc]
        data = given[0]
        return self(data[0] if isinstance(data, tuple) else data, training=False)  # type: ignore[operator]

    @property
    def __wide__(self) -> Wide:
        """For the parts of the data last read, whether they held whole numbers of 64 bits."""
        return self.__dict__.setdefault("_widths", {})

    def _note_wide(self, data: Tree) -> None:
        note_wide(cast(TrainedModel, self), *unpack_x_y_sample_weight(data))

    def _names_of_logs(self, step: str) -> list[str]:
        """What a step tells, in its order: that of a program's own step is its own."""
        return vars(self).get("_logged", {}).get(step, list(dict.fromkeys(self.metrics_names)))  # type: ignore[attr-defined]

    def _step(self, name: str, given: tuple) -> object:
        base = getattr(super(), name)
        if len(given) == 2:
            self._note_wide(given[1])
            return base(*given)
        # Before its measures are asked for: the loss is among them from now on.
        self.__dict__["_takes_loss"] = True
        slots = [self.optimizer.variables] if name == "train_step" else []
        lists = [self.trainable_variables, self.non_trainable_variables, *slots, self.metrics_variables]  # type: ignore[attr-defined]
        state = [[v.value for v in variables] for variables in lists]
        logs, after = base(state, narrowed(given[0]))
        for variables, old, new in zip(lists, state, after, strict=True):
            for variable, before, value in zip(variables, old, new, strict=True):
                if isinstance(variable, Variable) and value is not before:
                    variable.assign(value)
        return as_tensors(logs)

    @property
    def variables(self) -> list[Variable]:
        """All variables; with what optimizers keep that a model holds beside its own."""
        found = super().variables  # type: ignore[misc]
        others = other_optimizers(self)
        if others:
            weights = [v for v in self.weights if v.made_trainable]
            for optimizer in others:
                if weights and not in_scope():
                    optimizer.state_variables(weights)
                found = [*found, *[v for v in optimizer.variables if isinstance(v, Variable)]]
        return found

    @property
    def metrics(self) -> list[Any]:
        """All measures; in a step that does without the loss of `compile`, without that."""
        found = super().metrics  # type: ignore[misc]
        if not in_scope():
            return self._one_by_one(found)
        trackers = [] if self._compilation is None else self._compilation.trackers
        rest = [one for one in found if not any(one is tracker for tracker in trackers)]
        if not self.__dict__.get("_steps_alone") or self.__dict__.get("_takes_loss"):
            return [*trackers, *rest]
        return rest

    def _one_by_one(self, found: list[Any]) -> list[Any]:
        """The losses, the measures of `compile` each by itself, and those that layers hold."""
        made = self._compilation
        if made is None:
            return found
        if self._era == "tfkeras2":
            for one in (*made.trackers, *(made.measures.metrics if made.measures.built else ())):
                as_of_era[0](one)
        known = {id(one) for one in (made.measures, *made.trackers)}
        given = (
            made.measures.metrics if made.measures.built else [one for one in made.measures.given if isinstance(one, Metric)]
        )
        return [*made.trackers, *given, *(one for one in found if id(one) not in known)]

    def get_metrics_result(self) -> dict[str, Any]:
        """The measures so far; the loss is among them where a step asked for that of `compile`."""
        found = super().get_metrics_result()  # type: ignore[misc]
        if self.__dict__.get("_steps_alone") and not self.__dict__.get("_takes_loss"):
            trackers = [] if self._compilation is None else self._compilation.trackers
            if not any(one.name == "loss" for one in self.metrics if not any(one is tracker for tracker in trackers)):
                found.pop("loss", None)
        return found

    @property
    def compiled_loss(self) -> Callable[..., Any]:
        """The loss of `compile`, as steps of the time called it: `compiled_loss(y, y_pred)`."""
        return functools.partial(total_loss, self)

    @property
    def compiled_metrics(self) -> "CompiledMeasures":
        """The metrics of `compile`, for `compiled_metrics.update_state(y, y_pred)`."""
        return CompiledMeasures(self)

    def compute_loss(
        self, x: object = None, y: object = None, y_pred: object = None, sample_weight: object = None, training: bool = True
    ):
        """What `compile` was given as loss, and what layers added."""
        if not has_tensor((y, y_pred)):
            found = super().compute_loss(x, y, y_pred, sample_weight, training)  # type: ignore[misc]
            if "_told" in self.__dict__:
                self.__dict__["_told"] = found
            return found
        return total_loss(self, y, y_pred, sample_weight, self.losses)

    def _compute_loss(self, *args: object, **kwargs: object) -> object:
        self.__dict__["_told"] = None
        return super()._compute_loss(*args, **kwargs)  # type: ignore[misc]

    def __told_loss__(self, loss: Array) -> Array:
        """The loss of `compile`, whatever a program's own `compute_loss` makes of it."""
        told = self.__dict__.pop("_told", None)
        return loss if told is None else narrowed(told)

    def __weigh__(self, samples: Array) -> Array:
        """Where `compile` was given no loss, batches of any size count alike in `tf.keras`, unless terms are of samples.

        Source: `LossesContainer.__call__` in `compile_utils.py` of tf_keras 2.21.
        """
        if self._era == "tfkeras2" and not self._compilation.objective.terms:
            by_sample = any(layer.__dict__.get("_adds_by_sample") for layer in self._flatten_layers())  # type: ignore[attr-defined]
            return samples if by_sample else jnp.minimum(samples, 1)
        return super().__weigh__(samples)  # type: ignore[misc]

    def compute_metrics(self, x: object, y: object, y_pred: object, sample_weight: object = None) -> dict[str, Any]:
        """Takes a batch into the metrics of `compile`; gives all measures so far."""
        return super().compute_metrics(narrowed(x), narrowed(y), narrowed(y_pred), narrowed(sample_weight))  # type: ignore[misc]


def takes_data_alone(step: Callable[..., object]) -> bool:
    """Whether a step is written as in TensorFlow."""
    try:
        inspect.signature(step).bind(None, None)
    except TypeError:
        return False
    return True


def adapted(step: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A step of TensorFlow's form in that of a program: what it assigns to variables is what it changes."""

    @functools.wraps(step)
    def call(self: FlowingModel, *given: Any) -> object:
        if len(given) == 1:
            return step(self, given[0])
        state, data = given
        self.__dict__["_steps_alone"] = True
        scope = current_scope()
        made = len(scope.created) if scope is not None else 0
        self._note_wide(data)
        found = step(self, tensors(data))
        if scope is not None and len(scope.created) > made:
            raise RuntimeError(
                message(
                    self,
                    f"{name}() makes variables, which would be gone after the step",
                    {"variables": [v.path for v in scope.created[made:]]},
                    "Make variables, layers and optimizers in __init__(), build() or compile()",
                )
            )
        if isinstance(found, dict):
            # Their order, which programs do not keep.
            self.__dict__.setdefault("_logged", {})[name] = list(flatten_logs(self, narrowed(found)))
        return narrowed(found), (state[1] if name == "predict_step" else state)

    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY),
            inspect.Parameter("given", inspect.Parameter.VAR_POSITIONAL),
        ]
    )
    return call


def other_optimizers(model: FlowingModel) -> list[Optimizer]:
    """Optimizers that a model holds as attributes, beside that of `compile`."""
    own = model.__dict__.get("optimizer")
    return [
        one for one in model.__dict__.values() if isinstance(one, Optimizer) and one is not own and one is not model.optimizer
    ]


def total_loss(
    model: FlowingModel,
    y: object,
    y_pred: object,
    sample_weight: object = None,
    regularization_losses: Iterable[Any] | None = None,
) -> object:
    """The loss of `compile` and those that are added, noted as the model's loss."""
    made = model._compilation
    model.__dict__["_takes_loss"] = True
    if made.objective.is_given and not made.objective.built:
        made.objective.build(narrowed(y), narrowed(y_pred))
    if any(term.loss.adds_up for term in made.objective.terms):
        expected = "compiled_loss() and compute_loss() give one number, and this loss has no reduction"
        raise NotImplementedError(
            message(model, expected, {"loss": made.arguments["loss"]}, "Call the loss itself: self.loss(y, y_pred)")
        )

    def compute(y: Tree, y_pred: Tree, sample_weight: Tree) -> tuple[Array, dict[str, Array]]:
        total, parts = made.objective(y, y_pred, sample_weight)
        return jnp.asarray(total, jnp.float32), parts

    found, parts = followed(compute)(as_tensors(y), as_tensors(y_pred), as_tensors(sample_weight))
    for loss in regularization_losses or ():
        found = found + loss
    samples = model.__weigh__(jax.tree.leaves(narrowed(y_pred))[0].shape[0])
    told = "_told" in model.__dict__
    if told:
        # A step asks for the loss, and takes it into the measures.
        model.__dict__["_told"] = found
    for tracker in made.trackers[1:] if told else made.trackers:
        value = found if tracker is made.trackers[0] else parts.get(tracker.name.removesuffix("_loss"))
        if value is not None:
            tracker.update_state(jax.lax.stop_gradient(narrowed(value)), sample_weight=samples)
    return found


class CompiledMeasures:
    """The metrics of `compile`."""

    def __init__(self, model: FlowingModel):
        self.model = model

    def update_state(self, y_true: object, y_pred: object, sample_weight: object = None) -> None:
        """Takes in one batch."""
        made = self.model._compilation
        if made is not None and made.measures.is_given:
            if not made.measures.built:
                made.measures.build(narrowed(y_true), narrowed(y_pred), made.objective)
            made.measures.update_state(narrowed(y_true), narrowed(y_pred), narrowed(sample_weight))

    @property
    def metrics(self) -> list[Any]:
        made = self.model._compilation
        return [] if made is None else list(made.measures.metrics)


class FlowingOptimizer:
    """An optimizer that takes tensors."""

    def apply_gradients(self, grads_and_vars: Iterable[tuple[object, Variable]], *args: object, **kwargs: object) -> object:
        """Updates variables from (gradient, variable) pairs; those without a gradient stay."""
        given = list(grads_and_vars)
        if not given:
            # Of a model that is frozen: nothing is updated, and no step counted.
            return self.iterations  # type: ignore[attr-defined]
        asked = self._asked(given)
        pairs = [(self._bounded(gradient) if id(v) in asked else narrowed(gradient), v) for gradient, v in given]
        with asking(asked):
            return super().apply_gradients(pairs)  # type: ignore[misc]

    def _asked(self, pairs: Sequence[tuple[object, Variable]]) -> dict[int, tuple[Array | None, Array | None]]:
        """What it wants to know of the gradients of tables, by id."""
        probed = {id(v) for v in self.probed([v for _, v in pairs])}  # type: ignore[attr-defined]
        clips = any(bound is not None for bound in self._bounds)  # type: ignore[attr-defined]
        keeps = self.keeps_unread_rows  # type: ignore[attr-defined]
        return {
            id(v): (narrowed(gradient.squares) if clips else None, narrowed(gradient.rows) if keeps else None)
            for gradient, v in pairs
            if id(v) in probed and isinstance(gradient, TableGradient)
        }

    def _bounded(self, gradient: object) -> object:
        """The gradient of a table, of places whose numbers are no larger than `clipvalue`."""
        norm, value, norm_of_all = self._bounds  # type: ignore[attr-defined]
        if value is None or norm is not None or norm_of_all is not None or not isinstance(gradient, TableGradient):
            return narrowed(gradient)
        return gradient.bounded(limit_by_place(norm, value, norm_of_all))

    def apply(self, grads: Iterable[object], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Updates variables by their gradients."""
        with self._with_rate():
            super().apply(narrowed(list(grads)), trainable_variables)  # type: ignore[misc]

    @contextlib.contextmanager
    def _with_rate(self) -> Iterator[None]:
        """Outside of programs, a schedule of a program's own is asked for its number before: the step is a program then."""
        holder = self.__dict__.get("inner_optimizer", self)
        schedule = holder.__dict__.get("learning_rate")
        if in_scope() or not callable(schedule) or structure_of(schedule) is not None:
            yield
            return
        holder.__dict__["learning_rate"] = holder.learning_rate
        try:
            yield
        finally:
            holder.__dict__["learning_rate"] = schedule

    def minimize(
        self,
        loss: object,
        var_list: Iterable[Variable] | Callable[[], Iterable[Variable]],
        grad_loss: object = None,
        name: str | None = None,
        tape: GradientTape | None = None,
    ) -> object:
        """One step down a loss: a function without arguments, or a tensor with the tape that recorded it."""
        return self.apply_gradients(self._compute_gradients(loss, var_list, grad_loss, tape))

    def _compute_gradients(
        self,
        loss: object,
        var_list: Iterable[Variable] | Callable[[], Iterable[Variable]],
        grad_loss: object = None,
        tape: GradientTape | None = None,
    ) -> list[tuple[object, Variable]]:
        """(gradient, variable) pairs of a loss."""
        value, tape, variables = recorded(loss, var_list, tape)
        return list(zip(tape.gradient(self._transform_loss(value), variables, grad_loss), variables, strict=True))

    def _transform_loss(self, loss: T) -> T:
        return loss


def recorded(
    loss: object, var_list: Iterable[Variable] | Callable[[], Iterable[Variable]], tape: GradientTape | None
) -> tuple[Tensor, GradientTape, list[Variable]]:
    """A loss that `minimize` is given, a function or a tensor, the tape that recorded it, and the variables."""
    if callable(loss) and not isinstance(loss, Tensor):
        with GradientTape() as tape:
            loss = loss()
    elif tape is None:
        raise ValueError("`tape` is required when a `Tensor` loss is passed.")
    return convert(loss), tape, list(var_list() if callable(var_list) else var_list)


def followed_as_it_is(flowing: type, thing: object) -> Callable[..., Any]:
    """The call of a loss or rule on arrays as a function that tapes follow.

    One program serves all things of one structure and the same numbers, whatever becomes of them later. Within a program it is
    the thing itself, whose numbers that program may carry.

    Args:
        flowing: the class among its bases that takes tensors; what stands behind it takes arrays.
        thing: it.
    """
    if in_scope():
        return followed(super(flowing, thing).__call__)  # type: ignore[misc]
    structure = structure_of(thing)
    key = None if structure is None else (structure, tuple(Hypers(("", thing)).vector().tolist()))
    return followed(super(flowing, copy.copy(thing)).__call__, key)  # type: ignore[misc]


class FlowingLoss:
    """A loss that takes tensors, gives tensors then, and is followed by tapes."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        take_columns(cls, "call")

    @property
    def adds_up(self) -> bool:
        """Whether it is trained on the sum of its values: in `tf.keras`, where it has no reduction."""
        return self.reduction in (None, "none") and self._era == "tfkeras2"  # type: ignore[attr-defined]

    @property
    def takes_whole_numbers(self) -> bool:
        """Whether labels stay whole numbers: `tf.keras` gave them so to losses of a program's own."""
        return not is_ours(type(self)) and self._era == "tfkeras2"  # type: ignore[attr-defined]

    def __call__(self, y_true: object, y_pred: object, sample_weight: object = None) -> Any:
        if in_scope() and not has_tensor((y_true, y_pred)):
            return super().__call__(y_true, y_pred, sample_weight)  # type: ignore[misc]
        given = as_tensors((read(y_true), read(y_pred), read(sample_weight)))
        if is_ours(type(self)):
            return followed_as_it_is(FlowingLoss, self)(*given)
        return self._call_own(*given)

    def _call_own(self, y_true: object, y_pred: object, sample_weight: object) -> Tensor:
        values = convert(self.call(y_true, y_pred))  # type: ignore[attr-defined]
        reduce = functools.partial(reduce_values, reduction=self.reduction, owner=self)  # type: ignore[attr-defined]
        return followed(lambda values, weight: reduce(values, sample_weight=weight))(values, sample_weight)


class FlowingRule:
    """A regularizer or constraint that takes tensors, gives tensors then, and is followed by tapes."""

    def __call__(self, x: object) -> object:
        if not is_ours(type(self)) or not (isinstance(x, Tensor) or (tapes() and isinstance(x, Variable))):
            return super().__call__(x)  # type: ignore[misc]
        return followed_as_it_is(FlowingRule, self)(x)


class FlowingMetric:
    """A metric that takes tensors, and gives tensors outside of programs."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        take_columns(cls, "update_state")

    def update_state(self, *args: object, **kwargs: object) -> object:
        """Takes in one batch."""
        return super().update_state(*narrowed(args), **narrowed(kwargs))  # type: ignore[misc]

    def result(self) -> object:
        """The measure so far."""
        found = super().result()  # type: ignore[misc]
        return found if in_scope() and not is_traced_whole() else as_tensors(found)

    def __call__(self, *args: object, **kwargs: object) -> object:
        found = super().__call__(*args, **kwargs)  # type: ignore[misc]
        return found if in_scope() and not is_traced_whole() else as_tensors(found)

    def add_weight(
        self,
        name: object = None,
        shape: object = (),
        aggregation: object = None,
        synchronization: object = None,
        initializer: str | Initializer | None = None,
        dtype: DTypeLike | None = None,
    ) -> Variable:
        """A new variable, 0 by default: the name first, as in TensorFlow, or the shape."""
        if name is not None and not isinstance(name, str):
            name, shape = (shape if isinstance(shape, str) else None), name
        return super().add_weight(shape=shape, initializer=initializer, dtype=dtype, name=name)  # type: ignore[misc]


def read(value: object) -> object:
    """Numbers and lists of numbers as tensors; structures of arrays as they are."""
    if isinstance(value, (list, tuple)) and any(hasattr(one, "shape") for one in value):
        return value
    return convert(value) if isinstance(value, (list, tuple, int, float)) else value
