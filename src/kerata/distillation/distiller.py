"""A model that trains a student by a teacher."""

import warnings
from collections.abc import Sequence
from numbers import Real
from typing import Any, Self, cast

import jax
import jax.numpy as jnp

from kerata.base.checks import KindError, message
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.distillation.terms import DistillationLoss, Losses, read_losses, summed
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import Array, Tree
from kerata.metrics.reduction import Mean
from kerata.models.model import Model
from kerata.optimizers.optimizer import Optimizer

OUTPUTS = "final_output"


@builtin("distillation")
class Distiller(Model):
    """Trains a student on labels and on what a frozen teacher says: w loss(y, student) + (1 - w) sum of distillation losses.

    As a layer or in `predict` it is the student, which is there by itself as `distiller.student`.

    Args:
        teacher: a trained model; it is frozen.
        student: the model to train, of the same inputs and outputs.
        distillation_losses: one, or a list: `LogitsDistillation`, `FeatureDistillation`, or of a class of your own.
        distillation_loss_weights: a number for each; 1 without it.
        student_loss_weight: w, between 0 and 1.

    >>> import kerata, numpy as np
    >>> teacher, student = (
    ...     kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(n, "relu"), kerata.layers.Dense(3)]) for n in (32, 4)
    ... )
    >>> distiller = Distiller(teacher, student, kerata.distillation.LogitsDistillation(temperature=2.0))
    >>> distiller.compile("adam", kerata.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> history = distiller.fit(np.ones((8, 4)), np.zeros(8), epochs=2, verbose=0)
    >>> sorted(history.history)
    ['distillation_loss', 'loss', 'student_loss', 'total_loss']
    """

    # `compute_loss` takes the place of the compiled losses, as one of a user's own would.
    own_steps = frozenset({"compute_loss"})

    def __init__(
        self,
        teacher: Model,
        student: Model,
        distillation_losses: DistillationLoss | Sequence[DistillationLoss],
        distillation_loss_weights: Sequence[float] | None = None,
        student_loss_weight: float = 0.5,
        name: str | None = "distiller",
        **kwargs: object,
    ):
        super().__init__(name=name, **cast("dict[str, Any]", kwargs))
        check_models(teacher, student)
        if not isinstance(student_loss_weight, Real) or isinstance(student_loss_weight, bool):
            given = {"student_loss_weight": student_loss_weight}
            raise KindError(message("Distiller", "student_loss_weight must be a number", given))
        if not 0 <= student_loss_weight <= 1:
            given = {"student_loss_weight": student_loss_weight}
            raise ValueError(message("Distiller", "student_loss_weight must be between 0.0 and 1.0", given))
        self.teacher, self.student = teacher, student
        self.student_loss_weight = student_loss_weight
        self.distillation_losses, self.distillation_loss_weights = read_terms(distillation_losses, distillation_loss_weights)
        for term in self.distillation_losses:
            term.validate_model_compatibility(teacher, student)
        self._teacher_feature_extractor = extractor(teacher, [t.teacher_layer_name for t in self.distillation_losses])
        self._student_feature_extractor = extractor(student, [t.student_layer_name for t in self.distillation_losses])
        self.teacher.trainable = False
        self.student_loss_tracker = Mean(name="student_loss")
        self.distillation_loss_tracker = Mean(name="distillation_loss")
        self.total_loss_tracker = Mean(name="total_loss")

    def compile(
        self,
        optimizer: str | dict[str, Any] | Optimizer = "adam",
        loss: Losses = None,
        metrics: Sequence[Any] | None = None,
        **kwargs: object,
    ) -> None:
        """Says how the student is trained.

        Args:
            optimizer: of the student.
            loss: of the student's outputs and the labels: a loss, its name, or several in the structure of the outputs.
            metrics: list of metrics.
            **kwargs: as of `Model.compile`.
        """
        if loss is None:
            raise ValueError(message("Distiller", "'loss' cannot be `None`", fix="Give the student's loss, e.g. loss='mse'"))
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise KindError(message("Distiller", "metrics must be a list or tuple", {"metrics": metrics}))
        self._student_loss = read_losses("Distiller", loss)
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **cast("dict[str, Any]", kwargs))

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` was given as plain data."""
        config = super().get_compile_config()
        return config and {**config, "loss": serialize_keras_object(self._student_loss)}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model with what `get_compile_config` gave; Keras's files do not say the student's loss."""
        if config.get("loss") is None:
            expected = "the file does not say the student's loss, so the model is not compiled"
            warnings.warn(message(self, expected, fix="Compile it: distiller.compile(optimizer, loss)"), stacklevel=2)
            return
        super().compile_from_config(config)

    def call(self, inputs: Tree, training: bool | None = None, **kwargs: object) -> Tree:
        """The student's outputs."""
        return self.student(inputs, training=training, **kwargs)

    def compute_loss(
        self, x: Tree = None, y: Tree = None, y_pred: Tree = None, sample_weight: Tree = None, training: bool = True
    ) -> Array:
        """The student's loss and the distillation losses of a batch, weighed; samples have no weights.

        Args:
            x: inputs.
            y: labels.
            y_pred: the student's outputs; they are computed if they are not given.
            sample_weight: is not used.
            training: whether dropout and the like are on.
        """
        if y_pred is None:
            y_pred = self(x, training=training)
        weight = self.student_loss_weight
        taught = told = jnp.zeros(())
        if weight > 0 and y is not None:
            taught = summed(self._student_loss, lambda loss, true, found: jnp.mean(loss(true, found)), y, y_pred)
        if weight < 1:
            told = self._distillation_loss(x, y_pred, training)
        total = weight * taught + (1 - weight) * told
        self.student_loss_tracker.update_state(jax.lax.stop_gradient(taught))
        self.distillation_loss_tracker.update_state(jax.lax.stop_gradient(told))
        self.total_loss_tracker.update_state(jax.lax.stop_gradient(total))
        return total

    def _distillation_loss(self, x: Tree, y_pred: Tree, training: bool) -> Array:
        """The distillation losses, weighed; both models run once, whatever the number of layers that are compared."""
        teacher = features(self._teacher_feature_extractor, x, False) or {OUTPUTS: self.teacher(x, training=False)}
        teacher = jax.lax.stop_gradient(teacher)
        student = features(self._student_feature_extractor, x, training) or {OUTPUTS: y_pred}
        total = jnp.zeros(())
        for term, weight in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
            if term.teacher_layer_name is None:
                pair = teacher[OUTPUTS], y_pred
            else:
                pair = teacher[term.teacher_layer_name], student[term.student_layer_name or OUTPUTS]
            term.validate_outputs(*pair)
            value = jnp.asarray(term.compute_loss(*pair))
            if value.ndim:
                expected = f"{type(term).__name__} returned a non-scalar loss: compute_loss must return a scalar"
                raise ValueError(message("Distiller", expected, {"shape": value.shape}))
            total = total + weight * value
        return total

    def reset_metrics(self) -> None:
        """Begins all measures anew."""
        super().reset_metrics()
        for tracker in (self.student_loss_tracker, self.distillation_loss_tracker, self.total_loss_tracker):
            tracker.reset_state()

    def get_config(self) -> dict[str, Any]:
        """The models, losses and weights as plain data."""
        base = {"name": self.name, "trainable": self.trainable, "dtype": serialize_keras_object(self.dtype_policy)}
        return {
            **base,
            "teacher": serialize_keras_object(self.teacher),
            "student": serialize_keras_object(self.student),
            "distillation_losses": [serialize_keras_object(term) for term in self.distillation_losses],
            "distillation_loss_weights": list(self.distillation_loss_weights),
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        """The model that a config describes."""
        return cls(**{key: deserialize_keras_object(value, custom_objects) for key, value in config.items()})


def read_terms(
    given: DistillationLoss | Sequence[DistillationLoss] | None, weights: Sequence[float] | None
) -> tuple[list[DistillationLoss], list[float]]:
    """Distillation losses in a list, and as many weights."""
    if given is None:
        fix = "Give a LogitsDistillation, a FeatureDistillation, or a list of such"
        raise ValueError(message("Distiller", "'distillation_losses' cannot be `None`", fix=fix))
    if not isinstance(given, (list, tuple)):
        return [cast(DistillationLoss, given)], [1.0]
    if weights is not None and len(weights) != len(given):
        expected = "there must be a number in distillation_loss_weights for each of distillation_losses"
        raise ValueError(message("Distiller", expected, {"weights": len(weights), "losses": len(given)}))
    return list(given), [1.0] * len(given) if weights is None else list(weights)


def check_models(teacher: Model, student: Model) -> None:
    """Refuses what is no model, and models of other inputs or outputs."""
    for role, model in (("Teacher", teacher), ("Student", student)):
        if not isinstance(model, Model):
            raise KindError(message("Distiller", f"{role} must be a kerata.Model", {role.lower(): model}))
    if teacher._graph is None or student._graph is None:
        return
    for what in ("inputs", "outputs"):
        ours, theirs = getattr(teacher, what), getattr(student, what)
        if len(ours) != len(theirs) or not all(map(is_alike, ours, theirs)):
            shown = {"teacher": [(t.shape, t.dtype) for t in ours], "student": [(t.shape, t.dtype) for t in theirs]}
            raise ValueError(message("Distiller", f"teacher and student must have {what} of the same shapes and types", shown))


def is_alike(one: SymbolicTensor, other: SymbolicTensor) -> bool:
    sizes = zip(one.shape, other.shape, strict=False)
    fits = len(one.shape) == len(other.shape) and all(a is None or b is None or a == b for a, b in sizes)
    return fits and one.dtype == other.dtype


def extractor(model: Model, names: Sequence[str | None]) -> Model | None:
    """A model that gives the outputs of some layers beside its own; `None` where no layer is named."""
    named = list(dict.fromkeys(name for name in names if name))
    if not named:
        return None
    if model._graph is None:
        raise ValueError(message(model, "layers are found by name in functional and sequential models"))
    outputs = {OUTPUTS: model.output, **{name: model.get_layer(name=name).output for name in named}}
    return Model(model.inputs, outputs, name=f"{model.name}_multi_feature_extractor")


def features(model: Model | None, x: Tree, training: bool) -> dict[str, Any]:
    """What an extractor gives; nothing without one."""
    if model is None:
        return {}
    leaves = jax.tree.leaves(x)
    return model(leaves[0] if len(leaves) == 1 else leaves, training=training)
