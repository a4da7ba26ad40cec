"""One step of training, evaluation and prediction as methods, in the form that Keras 3 has on JAX.

A model of a user's own overrides one of them, and calls the rest by `super()`. Where nobody does, programs repeat a
`training.steps.BuiltInStep`, which does the same and leaves padded rows out.
"""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import contextlib
import functools
import inspect
import warnings
from collections.abc import Generator, Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp

from kerata.base.checks import describe_owner, message
from kerata.base.types import Owner
from kerata.data.samples import Reading, Whole
from kerata.engine.mistakes import Blame
from kerata.engine.scope import Scope, current_scope, note, noted, stack
from kerata.engine.structure import is_ours
from kerata.engine.types import Array, Tree
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer
from kerata.layers.signatures import call_parameters
from kerata.losses.loss import as_values
from kerata.metrics.metric import Metric, named_results
from kerata.optimizers import Optimizer
from kerata.training.objectives import CompiledLoss, CompiledMetrics
from kerata.training.probes import derive, knowing
from kerata.training.trained import TrainedModel

# What a user's class may define so that a step is no longer the built-in one.
HOOKS = ("compute_metrics", "get_metrics_result", "stateless_compute_loss", "compute_loss_and_updates", "metrics")


def count_samples(*trees: Tree) -> int:
    """The samples of a batch, by the first array that has any: a loss may be one number for all of them.

    >>> count_samples(jnp.float32(1), [jnp.zeros((4, 2))])
    4
    """
    return next((leaf.shape[0] for leaf in jax.tree.leaves(trees) if jnp.ndim(leaf)), 1)


def overrides(model: object, name: str) -> bool:
    """Whether a user's class, or one of ours that says so by `own_steps`, defines a method of the trainer itself."""
    for cls in type(model).__mro__:
        if name in cls.__dict__:
            return not is_ours(cls) or name in cls.__dict__.get("own_steps", ())
    return False


def compute_own_loss(model: "StepMethods", x: object, y: object, y_pred: object) -> Array:
    """What a user's own `compute_loss` makes of a batch in inference."""
    return model._compute_loss(cast(Tree, x), cast(Tree, y), cast(Tree, y_pred), training=False)


def refuse_own_function(model: object, kind: str) -> None:
    """Raises where a model makes the function of a step itself: nothing would call it.

    Args:
        model: the model.
        kind: `"train"`, `"test"` or `"predict"`.
    """
    if overrides(model, f"make_{kind}_function"):
        expected = f"make_{kind}_function() of its own is not called, for batches and their loop are compiled as one program"
        raise NotImplementedError(message(model, expected, None, f"Override {kind}_step() in its place"))


def has_own_step(model: object, training: bool) -> bool:
    """Whether a step of training or evaluation goes through methods of a user's own."""
    if overrides(model, "train_step" if training else "test_step"):
        return True
    # What only the model's own training calls may take other arguments.
    hooks = HOOKS if training or not overrides(model, "train_step") else [h for h in HOOKS if h != "compute_loss_and_updates"]
    return any(overrides(model, name) for name in hooks)


def takes_training(model: TrainedModel) -> bool:
    """Whether a model is told that it is trained: without `training` in its `call` it is not, as in Keras 3."""
    return model.tells_layers or "training" in call_parameters(type(model))


def warn_of_inference(model: TrainedModel) -> None:
    """Says which layers do not do in training what they are there for, as the model does not tell them."""
    idle = [] if takes_training(model) else [one for one in model._flatten_layers(include_self=False) if acts_in_training(one)]
    if idle:
        text = message(
            model,
            "call() has no argument `training`, so `fit` runs some layers as in inference, as Keras does",
            {"layers": [layer.name for layer in idle]},
            "Write call(self, inputs, training=None)",
        )
        warnings.warn(text, stacklevel=2)


def acts_in_training(layer: Layer) -> bool:
    """Whether a layer does something else in training: drops, adds noise, takes in what it sees."""
    if "training" not in call_parameters(type(layer)):
        return False
    learns = layer.trainable and any(not v.trainable for v in layer._weights)
    return learns or any(
        getattr(layer, name, 0) > 0
        for name in ("rate", "stddev", "dropout", "recurrent_dropout")
        if isinstance(getattr(layer, name, None), (int, float))
    )


def check_form(model: object, name: str) -> None:
    """Raises for a step that takes data alone: such a step computes its gradients in TensorFlow's or torch's way."""
    if not overrides(model, name):
        return
    try:
        inspect.signature(getattr(model, name)).bind((), ())
    except TypeError:
        gives = {"train_step": "logs, state", "test_step": "logs, state", "predict_step": "outputs, non_trainable_variables"}
        raise NotImplementedError(
            message(
                model,
                f"`{name}` must have the form that Keras 3 has on JAX",
                {name: f"{name}{inspect.signature(getattr(model, name))}"},
                f"Define {name}(self, state, data), which gives ({gives[name]})",
            )
        ) from None


def unpack_x_y_sample_weight(data: Tree) -> tuple[Any, Any, Any]:
    """(x, y, sample_weight) of what a step gets: x alone, or a tuple of one to three parts.

    >>> unpack_x_y_sample_weight(("x", "y"))
    ('x', 'y', None)
    """
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 0 < len(data) <= 3:
        raise ValueError(message("data", "a batch must be x, (x, y) or (x, y, sample_weight)", {"parts": len(data)}))
    return (*data, None, None)[:3]  # type: ignore[return-value]


def pack_x_y_sample_weight(x: Tree, y: Tree = None, sample_weight: Tree = None) -> Tree:
    """What a user's own step gets of a batch: x alone, or (x, y), or (x, y, sample_weight).

    >>> pack_x_y_sample_weight("x", "y")
    ('x', 'y')
    """
    if isinstance(x, Whole):
        return x.parts
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def reading_of(model: TrainedModel) -> Reading:
    """What a model asks of data that it is trained or evaluated on."""
    own = any(overrides(model, name) for name in ("train_step", "test_step"))
    return Reading(model.__wide__, has_own_step(model, True) or has_own_step(model, False), model.takes_whole if own else "")


def note_wide(model: TrainedModel, x: Tree, y: Tree = None, sample_weight: Tree = None) -> None:
    """Notes which arrays of a batch in a program had 64 bits, where a model's code tells types apart."""
    wide = model.__wide__
    if not wide or not any(wide.values()):
        return
    for name, part in {"x": x, "y": y, "sample_weight": sample_weight}.items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(part):
            if wide.get(name + jax.tree_util.keystr(path)):
                note(leaf, "wide", True)


class StepMethods(TrainedModel):
    """What a step does, method by method."""

    # The loss

    def compute_loss(
        self, x: Tree = None, y: Tree = None, y_pred: Tree = None, sample_weight: Tree = None, training: bool = True
    ) -> Array:
        """The number that training lowers: what `compile` was given as loss, and what layers added.

        A model of your own may override it, and use or ignore what `super().compute_loss(...)` gives.
        """
        made = self._compilation
        total, parts = (0.0, {}) if made is None else made.objective(y, y_pred, sample_weight)
        for tracker in [] if made is None else made.trackers[1:]:
            name = tracker.name.removesuffix("_loss")
            if made is not None and name in parts and is_carried(tracker.variables):
                samples = made.objective.weigh(count_samples(y_pred, x))
                tracker.update_state(jax.lax.stop_gradient(parts[name]), sample_weight=samples)
        for loss in self.losses:
            total = total + jnp.sum(jnp.asarray(loss, jnp.float32))
        return jnp.asarray(total, jnp.float32)

    # Keras's name, as all that begin with an underscore here: a user's own step may call it.
    def _compute_loss(
        self, x: Tree = None, y: Tree = None, y_pred: Tree = None, sample_weight: Tree = None, training: bool = True
    ) -> Array:
        """`compute_loss`, also where a user's own takes no `training`."""
        known = inspect.signature(self.compute_loss).parameters
        takes = "training" in known or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values())
        names = {"x": x, "y": y, "y_pred": y_pred, "sample_weight": sample_weight}
        owner = f"compute_loss() of {describe_owner(self)}"
        with Blame(owner, y=y, y_pred=y_pred):
            loss = self.compute_loss(**names, **({"training": training} if takes else {}))
        return as_values(loss, jnp.float32, owner)

    def __told_loss__(self, loss: Array) -> Array:
        """What the logs tell of a loss that `compute_loss` has given."""
        return loss

    def __weigh__(self, samples: Array) -> Array:
        """With how much a batch of so many samples counts in the mean of the losses of batches."""
        made = self._compilation
        return samples if made is None else made.objective.weigh(samples)

    def stateless_compute_loss(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: Tree = None,
        y: Tree = None,
        y_pred: Tree = None,
        sample_weight: Tree = None,
        training: bool = True,
    ) -> tuple[Array, tuple[list[Array], list[Array], list[Array]]]:
        """`compute_loss` as a pure function: (loss, (trainable, non-trainable, metrics' values))."""
        frozen, measured = self.non_trainable_variables, self.metrics_variables
        scope = inner_scope(
            [*self.trainable_variables, *frozen, *measured],
            [*trainable_variables, *non_trainable_variables, *metrics_variables],
        )
        with scope:
            loss = self._compute_loss(x, y, y_pred, sample_weight=sample_weight, training=training)
        return loss, (list(trainable_variables), scope.read(frozen), scope.read(measured))

    def compute_loss_and_updates(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        metrics_variables: Sequence[Any],
        x: Tree,
        y: Tree,
        sample_weight: Tree,
        training: bool = False,
        optimizer_variables: Sequence[Any] | None = None,
    ) -> tuple[Array, tuple[Any, ...]]:
        """A function to differentiate: (loss, (loss before it was scaled, predictions, non-trainable, metrics' values))."""
        # Layers may hold measures, which take in what is computed.
        held = self.metrics_variables  # type: ignore[attr-defined]
        with carrying(held, metrics_variables) as scope:
            y_pred, frozen, added = self.stateless_call(  # type: ignore[attr-defined]
                trainable_variables,
                non_trainable_variables,
                x,
                return_losses=True,
                **({"training": training} if takes_training(self) else {}),
            )
        metrics_variables = scope.read(held)
        with handing_over(self, added):
            loss, (_, frozen, measured) = self.stateless_compute_loss(
                trainable_variables,
                frozen,
                metrics_variables,
                x=x,
                y=y,
                y_pred=y_pred,
                sample_weight=sample_weight,
                training=training,
            )
        scaled = loss
        if training and self.optimizer is not None and optimizer_variables is not None:
            with with_slots(self.optimizer, optimizer_variables):
                scaled = self.optimizer.scale_loss(loss)
        return scaled, (self.__told_loss__(loss), y_pred, frozen, measured)

    # Measures

    def compute_metrics(self, x: Tree, y: Tree, y_pred: Tree, sample_weight: Tree = None) -> dict[str, Any]:
        """Takes a batch into the metrics of `compile`; gives all measures so far."""
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """The measures so far, by name."""
        found: dict[str, Any] = {}
        for metric in self.metrics:
            found.update(named_results(metric))
        return found

    @property
    def _loss_tracker(self) -> Metric | None:
        return self._compilation.trackers[0] if self._compilation is not None else None

    @property
    def _compile_loss(self) -> CompiledLoss | None:
        made = self._compilation
        return made.objective if made is not None and made.objective.is_given else None

    @property
    def _compile_metrics(self) -> CompiledMetrics | None:
        made = self._compilation
        return made.measures if made is not None and made.measures.is_given else None

    def _update_metrics_variables(
        self, metrics_variables: Sequence[Any], unscaled_loss: Array, x: Tree, y: Tree, y_pred: Tree, sample_weight: Tree
    ) -> tuple[dict[str, Any], list[Any]]:
        """The logs and the metrics' values after one more batch."""
        variables = self.metrics_variables
        scope = inner_scope(variables, metrics_variables)
        with scope:
            made, tracker = self._compilation, self._loss_tracker
            assert made is not None and tracker is not None, "only a compiled model has steps"
            samples = self.__weigh__(jnp.float32(count_samples(x)))
            tracker.update_state(jax.lax.stop_gradient(unscaled_loss), sample_weight=samples)
            logs = self.compute_metrics(x, y, y_pred, sample_weight)
        return logs, scope.read(variables)

    # Steps

    def train_step(self, state: tuple[Any, ...], data: Tree) -> tuple[dict[str, Any], Any]:
        """One step of training as a pure function.

        Args:
            state: values of the trainable, the non-trainable, the optimizer's and the metrics' variables: four lists.
            data: x, (x, y) or (x, y, sample_weight).

        Returns:
            (logs, state).
        """
        trainable, frozen, slots, measured = state
        x, y, weight = unpack_x_y_sample_weight(data)
        kinds: list[Any] = []

        def objective(trainable: list[Array]) -> tuple[Array, Any]:
            loss, aux = self.compute_loss_and_updates(
                trainable, frozen, measured, x, y, weight, training=True, optimizer_variables=slots
            )
            facts, kinds[:] = read_facts(aux[1])
            return loss, (aux, facts)

        probed = self.optimizer.probed(self.trainable_variables)
        holding = functools.partial(with_slots, self.optimizer, slots)
        (aux, facts), grads, asked = derive(self.optimizer, probed, objective, list(trainable), holding)
        loss, y_pred, frozen, measured = aux
        with knowing(asked):
            trainable, slots = self.optimizer.stateless_apply(slots, grads, trainable)
        note_facts(y_pred, facts, kinds)
        logs, measured = self._update_metrics_variables(measured, loss, x, y, y_pred, weight)
        return logs, (trainable, frozen, slots, measured)

    def test_step(self, state: tuple[Any, ...], data: Tree) -> tuple[dict[str, Any], Any]:
        """One step of evaluation as a pure function.

        Args:
            state: values of the trainable, the non-trainable and the metrics' variables: three lists.
            data: x, (x, y) or (x, y, sample_weight).

        Returns:
            (logs, state).
        """
        trainable, frozen, measured = state
        x, y, weight = unpack_x_y_sample_weight(data)
        _, aux = self.compute_loss_and_updates(trainable, frozen, measured, x, y, weight, training=False)
        loss, y_pred, frozen, measured = aux
        logs, measured = self._update_metrics_variables(measured, loss, x, y, y_pred, weight)
        return logs, (trainable, frozen, measured)

    def predict_step(self, state: tuple[Any, ...], data: Tree) -> tuple[Any, Any]:
        """One step of prediction as a pure function.

        Args:
            state: values of the trainable and the non-trainable variables: two lists.
            data: x, or a tuple that begins with it.

        Returns:
            (outputs, values of the non-trainable variables).
        """
        trainable, frozen = state
        return self.stateless_call(trainable, frozen, unpack_x_y_sample_weight(data)[0], training=False)  # type: ignore[attr-defined]

    def make_train_function(self, force: bool = False) -> None:
        """Nothing: programs are made anew where a model has changed. There for code that asks for it."""

    def make_test_function(self, force: bool = False) -> None:
        """Nothing, as `make_train_function`."""

    def make_predict_function(self, force: bool = False) -> None:
        """Nothing, as `make_train_function`."""


def with_slots(optimizer: Optimizer, values: Sequence[Any]) -> Scope:
    """A scope in which an optimizer's variables have some values."""
    pairs = [(v, a) for v, a in zip(optimizer.variables, values, strict=False) if isinstance(v, Variable)]
    return inner_scope([v for v, _ in pairs], [a for _, a in pairs])


def inner_scope(variables: Sequence[Variable], values: Sequence[Any]) -> Scope:
    """A scope that gives some variables values, and has hyperparameters and key of the scope around it."""
    outer = current_scope()
    plain = [v.value if isinstance(v, Variable) else v for v in values]
    return Scope(variables, plain, outer.hypers if outer else None, outer.key if outer else None)


@contextlib.contextmanager
def carrying(variables: Sequence[Variable], values: Sequence[Any]) -> Generator[Scope]:
    """Within the block variables have some values, which may be changed; all else is as in the scope around it."""
    outer = current_scope()
    plain = [v.value if isinstance(v, Variable) else v for v in values]
    scope = Scope(variables, plain, outer.hypers, outer.key, outer.valid) if outer else Scope(variables, plain)
    scope.draws = outer.draws if outer else 0
    with scope:
        yield scope
    if outer is not None:
        outer.draws = scope.draws
        outer.notes.update(scope.notes)


def is_carried(variables: Sequence[Variable]) -> bool:
    """Whether variables may be changed here: outside of programs, or where the function being traced carries them."""
    scopes = stack()
    return not scopes or all(any(id(v) in scope.values and scope.is_here for scope in scopes) for v in variables)


@contextlib.contextmanager
def handing_over(model: TrainedModel, losses: list[Any]) -> Generator[None]:
    """`model.losses` is a given list within the block: those of a call that has ended."""
    model.__dict__["_handed_losses"] = losses
    try:
        yield
    finally:
        del model.__dict__["_handed_losses"]


def read_facts(outputs: Tree) -> tuple[list[Any], list[Any]]:
    """What is noted of each output: (mask, logits) arrays, and the kind of function that the logits went through."""
    logits = [noted(leaf, "logits") for leaf in jax.tree.leaves(outputs)]
    masks = [noted(leaf, "mask") for leaf in jax.tree.leaves(outputs)]
    arrays = [(mask, None if pair is None else pair[1]) for mask, pair in zip(masks, logits, strict=True)]
    return arrays, [None if pair is None else pair[0] for pair in logits]


def note_facts(outputs: Tree, arrays: list[Any], kinds: list[Any]) -> None:
    """Notes again what `read_facts` found, on the outputs as another scope sees them."""
    for leaf, (mask, logits), kind in zip(jax.tree.leaves(outputs), arrays, kinds, strict=True):
        if mask is not None:
            note(leaf, "mask", mask)
        if kind is not None:
            note(leaf, "logits", (kind, logits))


def flatten_logs(model: Owner, logs: object) -> dict[str, Any]:
    """The values of logs by name; a dict in the logs adds its own, as in Keras."""
    if not isinstance(logs, dict):
        raise TypeError(
            message(model, "a step must give (logs, state), and logs must be a dict of names to numbers", {"logs": logs})
        )
    flat: dict[str, Any] = {}
    for name, value in logs.items():
        flat.update(flatten_logs(model, value) if isinstance(value, dict) else {name: jnp.asarray(value, jnp.float32)})
    return flat
