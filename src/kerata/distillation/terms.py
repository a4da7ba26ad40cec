"""What a student loses for not being like its teacher."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeAlias

import jax
import jax.numpy as jnp

from kerata.base.checks import KindError, message
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine.types import Array, Tree
from kerata.losses.loss import get
from kerata.losses.regression import KLDivergence, kl_divergence
from kerata.models.model import Model

# A loss, or the name of one, in the structure of the outputs; `None` where an output does not count.
Losses: TypeAlias = "str | Callable[..., Any] | Sequence[Losses] | Mapping[str, Losses] | None"


def is_loss(leaf: object) -> bool:
    return leaf is None or not isinstance(leaf, (list, tuple, dict))


def read_losses(owner: str, loss: Losses) -> Losses:
    """Losses by name as functions, in their structure; at least one must be there."""
    found = jax.tree.map(lambda leaf: None if leaf is None else get(leaf), loss, is_leaf=is_loss)
    if not jax.tree.leaves(found):
        raise ValueError(message(owner, "`loss` must hold at least one loss that is not None", {"loss": loss}))
    return found


def summed(losses: Losses, function: Callable[..., Array], *trees: Tree) -> Array:
    """The sum over outputs of what a function gives of their loss and their values."""
    leaves, form = jax.tree.flatten(losses, is_leaf=is_loss)
    parts = [form.flatten_up_to(tree) for tree in trees]
    values = [function(loss, *rest) for loss, *rest in zip(leaves, *parts, strict=True) if loss is not None]
    return jnp.sum(jnp.stack(values))


class DistillationLoss:
    """A loss between the outputs of a teacher and of a student; derive from it and define `compute_loss`.

    A class of your own that is to be saved needs `get_config`, and `@kerata.saving.register_keras_serializable()`.

    >>> class Apart(DistillationLoss):
    ...     def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
    ...         return jnp.mean(jnp.abs(teacher_outputs - student_outputs))
    >>> float(Apart().compute_loss(jnp.ones((2, 3)), jnp.zeros((2, 3))))
    1.0
    """

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def compute_loss(self, teacher_outputs: Tree, student_outputs: Tree, **kwargs: object) -> Array:
        """The loss of a batch, one number.

        Args:
            teacher_outputs, student_outputs: arrays, alone or in lists, tuples or dicts.
        """
        raise NotImplementedError(message(type(self).__name__, "a distillation loss must define compute_loss()"))

    def validate_outputs(self, teacher_outputs: Tree, student_outputs: Tree) -> None:
        """Refuses outputs that cannot be compared."""
        one, other = jax.tree.structure(teacher_outputs), jax.tree.structure(student_outputs)
        if one != other:
            expected = "teacher and student must give outputs of the same structure"
            raise ValueError(message(type(self).__name__, expected, {"teacher": one, "student": other}))

    def validate_model_compatibility(self, teacher: Model, student: Model) -> None:
        """Refuses models that the loss cannot compare."""


@builtin("distillation")
class FeatureDistillation(DistillationLoss):
    """The mean of a loss between what two layers give: loss(teacher's features, student's features).

    A student that is like its teacher within learns more than one that only ends as it does.

    Args:
        loss: a loss, its name, or several in the structure of the features; `None` for those that do not count.
        teacher_layer_name, student_layer_name: names of layers of functional or sequential models; the outputs if `None`.

    Source: Romero et al., "FitNets" (2015).

    >>> term = FeatureDistillation("mse", teacher_layer_name="body", student_layer_name="body")
    >>> float(term.compute_loss(jnp.ones((2, 3)), jnp.zeros((2, 3))))
    1.0
    """

    def __init__(self, loss: Losses = "mse", teacher_layer_name: str | None = None, student_layer_name: str | None = None):
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name
        self.loss = read_losses("FeatureDistillation", loss)

    def validate_model_compatibility(self, teacher: Model, student: Model) -> None:
        names = {"teacher": (teacher, self.teacher_layer_name), "student": (student, self.student_layer_name)}
        if any(name is not None for _, name in names.values()):
            subclassed = [role for role, (model, _) in names.items() if model._graph is None]
            if subclassed:
                expected = (
                    f"layers are found by name in functional and sequential models, and the {' and '.join(subclassed)} is none"
                )
                fix = "Leave the names out, or take LogitsDistillation"
                raise ValueError(message("FeatureDistillation", expected, {role: names[role][0] for role in subclassed}, fix))
        for role, (model, name) in names.items():
            if name is not None:
                try:
                    model.get_layer(name=name)
                except ValueError as error:
                    raise ValueError(f"In {role} model: {error}") from None

    def validate_outputs(self, teacher_outputs: Tree, student_outputs: Tree) -> None:
        super().validate_outputs(teacher_outputs, student_outputs)
        one, other = jax.tree.structure(self.loss, is_leaf=is_loss), jax.tree.structure(teacher_outputs)
        if one != other:
            expected = "Loss structure mismatch: `loss` must have the structure of the features"
            raise ValueError(message("FeatureDistillation", expected, {"loss": one, "features": other}))

    def compute_loss(self, teacher_outputs: Tree, student_outputs: Tree, **kwargs: object) -> Array:
        """The mean of each loss, summed over the features."""
        return summed(self.loss, lambda loss, one, other: jnp.mean(loss(one, other)), teacher_outputs, student_outputs)

    def get_config(self) -> dict[str, Any]:
        """The arguments as plain data."""
        layers = {"teacher_layer_name": self.teacher_layer_name, "student_layer_name": self.student_layer_name}
        return {"loss": serialize_keras_object(self.loss), **layers}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The loss that a config describes."""
        return cls(**{**config, "loss": deserialize_keras_object(config["loss"])})


@builtin("distillation")
class LogitsDistillation(DistillationLoss):
    """The mean of a loss between logits that are divided by a temperature: loss(teacher / T, student / T).

    A Kullback-Leibler divergence compares probabilities, softmax(teacher / T) and softmax(student / T), and counts T^2 times,
    so that its gradient is as large at any temperature. A high one shows what the teacher takes for nearly right.

    Args:
        temperature: a number above 0.
        loss: a loss, its name, or several in the structure of the outputs; `None` for outputs that do not count.

    Source: Hinton et al., "Distilling the Knowledge in a Neural Network" (2015). Keras forgets the softmax and T^2 where the
    divergence is given by name.

    >>> logits = jnp.array([[2.0, 0.0, -1.0]])
    >>> float(LogitsDistillation(3.0).compute_loss(logits, logits))
    0.0
    """

    def __init__(self, temperature: float = 3.0, loss: Losses = "kl_divergence"):
        if not isinstance(temperature, (int, float)) or isinstance(temperature, bool):
            raise KindError(message("LogitsDistillation", "temperature must be a number", {"temperature": temperature}))
        if temperature <= 0:
            raise ValueError(message("LogitsDistillation", "temperature must be positive", {"temperature": temperature}))
        self.temperature = temperature
        self.loss = read_losses("LogitsDistillation", loss)

    def compute_loss(self, teacher_outputs: Tree, student_outputs: Tree, **kwargs: object) -> Array:
        """The mean of each loss, summed over the outputs."""

        def term(loss: Callable[..., Array], teacher: Array, student: Array) -> Array:
            one, other = teacher / self.temperature, student / self.temperature
            if loss is kl_divergence or isinstance(loss, KLDivergence):
                return jnp.mean(loss(jax.nn.softmax(one, -1), jax.nn.softmax(other, -1))) * self.temperature**2
            return jnp.mean(loss(one, other))

        return summed(self.loss, term, teacher_outputs, student_outputs)

    def get_config(self) -> dict[str, Any]:
        """The arguments as plain data."""
        return {"temperature": self.temperature, "loss": serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The loss that a config describes."""
        return cls(**{**config, "loss": deserialize_keras_object(config["loss"])})
