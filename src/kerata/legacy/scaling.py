"""`LossScaleOptimizer` of `tf.keras`, whose loss and gradients a program scales by itself."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import jax.numpy as jnp

from kerata import optimizers
from kerata.base.checks import message
from kerata.engine.scope import probe_of
from kerata.engine.types import Array, Scalar
from kerata.engine.variable import Variable
from kerata.legacy.once import once
from kerata.legacy.optimizers import BEFORE_2_11, NAMES, OldOptimizer, optimizer_of_then
from kerata.legacy.optimizers import optimizer as optimizer_of
from kerata.legacy.spelling import spell
from kerata.legacy.tensorflow.by_place import TableGradient, scaled
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.layers import as_tensors, followed, narrowed
from kerata.legacy.tensorflow.models import recorded
from kerata.legacy.tensorflow.tape import GradientTape
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.training.probes import knowing

# Its arguments in the order of then.
ARGUMENTS = ("inner_optimizer", "dynamic", "initial_scale", "dynamic_growth_steps")


class ScalesLoss(OldOptimizer):
    """What it could do: `get_scaled_loss`, `get_unscaled_gradients`, and a scale that stays.

    In a program of its own gradients come unscaled, while `fit` gives `update` the scaled ones.
    """

    # Whether the scale follows the gradients. A scale that stays lets all steps pass.
    dynamic = True

    def _begin_spelled(self, arguments: dict[str, Any], given: dict[str, Any]) -> None:
        dynamic = arguments.pop("dynamic", True)
        # That of `mixed_precision.experimental` took a number or "dynamic" there.
        scale = arguments.pop("loss_scale", dynamic if not isinstance(dynamic, bool) else "dynamic")
        dynamic = dynamic is not False and scale == "dynamic"
        if scale != "dynamic":
            arguments["initial_scale"] = scale
        if "optimizer" in arguments:
            arguments["inner_optimizer"] = arguments.pop("optimizer")
        if not dynamic:
            if arguments.get("initial_scale") is None:
                expected = "`initial_scale` must be a number where `dynamic` is False: the scale stays what it is"
                raise ValueError(message("LossScaleOptimizer", expected, given))
            if arguments.get("dynamic_growth_steps") is not None:
                expected = "`dynamic_growth_steps` has a meaning only where `dynamic` is True"
                raise ValueError(message("LossScaleOptimizer", expected, given))
            self.__dict__["dynamic"] = False
        for name in ("initial_scale", "dynamic_growth_steps"):
            if arguments.get(name, 0) is None:
                del arguments[name]

    @property
    def loss_scale(self) -> object:
        """The present scale, a tensor."""
        return as_tensors(self.dynamic_scale.value)  # type: ignore[attr-defined]

    @property
    def dynamic_counter(self) -> Variable | None:
        """The number of finite steps since the scale has changed; `None` where it stays."""
        return self.step_counter if self.dynamic else None  # type: ignore[attr-defined]

    def get_scaled_loss(self, loss: object) -> object:
        """The loss times the scale: of a function, a function."""
        if callable(loss) and not isinstance(loss, Tensor):
            return lambda: self.get_scaled_loss(loss())
        return followed(self.scale_loss)(convert(loss))  # type: ignore[attr-defined]

    def get_unscaled_gradients(self, grads: Iterable[object]) -> list[object]:
        """Gradients of a scaled loss over the scale; `None` stays."""

        def divide(gradient: Array) -> Array:
            return gradient / self.dynamic_scale.value.astype(gradient.dtype)  # type: ignore[attr-defined]

        def divided(gradient: object) -> object:
            if isinstance(gradient, TableGradient):
                return scaled(gradient, convert(1.0 / self.dynamic_scale.value))  # type: ignore[attr-defined]
            return followed(divide)(gradient)

        return [None if gradient is None else divided(gradient) for gradient in grads]

    # What it asks of the gradients of tables is what the inner optimizer asks, of gradients of the scaled loss.

    @property
    def _bounds(self) -> tuple[Scalar | None, Scalar | None, Scalar | None]:
        return self.inner_optimizer._bounds  # type: ignore[attr-defined]

    def _clip(self, gradients: dict[Variable, Any]) -> dict[Variable, Any]:
        return gradients

    def probed(self, variables: Sequence[Variable]) -> list[Variable]:
        return self.inner_optimizer.probed(variables)  # type: ignore[attr-defined]

    def probe(self, variable: Variable) -> tuple[Array, Array | None]:
        limit, rows = self.inner_optimizer.probe(variable)  # type: ignore[attr-defined]
        return limit * self.dynamic_scale.value, rows  # type: ignore[attr-defined]

    @property
    def keeps_unread_rows(self) -> bool:  # type: ignore[override]
        return self.inner_optimizer.keeps_unread_rows  # type: ignore[attr-defined]

    def _asked(self, pairs: Sequence[tuple[object, Variable]]) -> dict[int, tuple[Array | None, Array | None]]:
        scale = jnp.square(self.dynamic_scale.value)  # type: ignore[attr-defined]
        found = super()._asked(pairs)
        return {key: (None if squares is None else squares * scale, rows) for key, (squares, rows) in found.items()}

    def _compute_gradients(
        self,
        loss: object,
        var_list: Iterable[Variable] | Callable[[], Iterable[Variable]],
        grad_loss: object = None,
        tape: GradientTape | None = None,
    ) -> list[tuple[object, Variable]]:
        """(gradient, variable) pairs of a loss, computed of the scaled one."""
        value, tape, variables = recorded(loss, var_list, tape)
        start = convert(jnp.ones(value.shape, value.dtype.name) if grad_loss is None else grad_loss)
        gradients = tape.gradient(value, variables, self.get_scaled_loss(start))
        return list(zip(self.get_unscaled_gradients(gradients), variables, strict=True))

    def apply(self, grads: Iterable[object], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Updates variables by unscaled gradients."""
        scale = self.dynamic_scale.value  # type: ignore[attr-defined]
        scaled = [None if g is None else jnp.asarray(g) * scale.astype(jnp.asarray(g).dtype) for g in narrowed(list(grads))]
        super().apply(scaled, trainable_variables)

    def update(
        self, variables: Sequence[Variable], params: Sequence[Any], grads: Sequence[Any], state: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        scale = jnp.square(state[2])
        known = {id(v): probe for v in variables if (probe := probe_of(v)) is not None}
        found: dict[int, tuple[Array | None, Array | None]] = {
            key: (None if one.squares is None else one.squares / scale, one.rows) for key, one in known.items()
        }
        with knowing(found):
            after, new = super().update(variables, params, grads, state)  # type: ignore[misc]
        return (after, new) if self.dynamic else (after, [new[0], state[1], state[2], *new[3:]])

    def check_finite(self, grads: Sequence[Any]) -> Array:
        """Whether the step is done."""
        return super().check_finite(grads) if self.dynamic else jnp.bool_(True)  # type: ignore[misc]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | ({} if self.dynamic else {"dynamic": False})

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "ScalesLoss":
        inner = optimizers.deserialize(config["inner_optimizer"], custom_objects)
        return cast("Callable[..., ScalesLoss]", cls)(
            inner, **{name: value for name, value in config.items() if name != "inner_optimizer"}
        )


@once
def loss_scale_optimizer(era: str, name: str) -> type:
    """`LossScaleOptimizer` of an era."""
    thin = spell(era, name, optimizers.LossScaleOptimizer, None, ScalesLoss)
    constructor: Callable[..., None] = thin.__init__

    @functools.wraps(constructor)
    def __init__(self: object, *args: object, **kwargs: object) -> None:
        constructor(self, **dict(zip(ARGUMENTS, args, strict=False)), **kwargs)

    thin.__init__ = __init__
    return thin


def with_its_methods(era: str, optimizer: object) -> None:
    """Gives an optimizer of today that `compile` or a file brought, and one inside it, the class and methods of its time."""
    if era == "tfkeras2" and type(optimizer) is optimizers.LossScaleOptimizer:
        with_its_methods(era, optimizer.inner_optimizer)
        optimizer.__class__ = loss_scale_optimizer(era, "LossScaleOptimizer")
    elif (thin := classes_of(era).get(type(optimizer))) is not None:
        optimizer.__class__ = thin


@functools.cache
def classes_of(era: str) -> dict[type, type]:
    """Class of today -> what stands for it in an era."""
    names = NAMES if era != "tfkeras2" else (*NAMES, "AdamW", "Adafactor", "Ftrl", "Lion")
    found = [optimizer_of_then(era, name) for name in BEFORE_2_11 if era == "tfkeras2"]
    found += [optimizer_of(era, name) for name in names]
    return {vars(thin)["_stands_for"]: thin for thin in found if isinstance(thin, type) and "_stands_for" in vars(thin)}
