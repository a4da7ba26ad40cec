"""Scaling of the loss, so that gradients in float16 do not vanish."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import KindError, check_positive_int, message
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine.naming import name_scope
from kerata.engine.types import Array
from kerata.engine.variable import Variable
from kerata.optimizers.optimizer import SHARED, Optimizer
from kerata.optimizers.rates import Rate


@builtin("optimizers", "lossscaleoptimizer", "loss_scale_optimizer")
class LossScaleOptimizer(Optimizer):
    """The inner optimizer's step with gradients / scale, where the loss was multiplied by the scale.

    A step with an infinite or undefined gradient is left out, and halves the scale; `dynamic_growth_steps`
    good ones in a row double it.

    Args:
        inner_optimizer: the optimizer.
        initial_scale: the first scale; too large is soon mended.
        dynamic_growth_steps: good steps until the scale doubles.
        name: a name.

    >>> import kerata
    >>> w = kerata.Variable(1.0)
    >>> optimizer = kerata.optimizers.LossScaleOptimizer(kerata.optimizers.SGD(0.1), initial_scale=8.0)
    >>> optimizer.apply([16.0], [w])
    >>> round(float(w), 4)
    0.8
    """

    def __init__(self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None, **kwargs):
        if not isinstance(inner_optimizer, Optimizer):
            raise KindError(
                message("LossScaleOptimizer", "`inner_optimizer` must be an optimizer", {"inner_optimizer": inner_optimizer})
            )
        # Older files hold the arguments of all optimizers, at values that mean nothing.
        unset = {n: value for n, value in kwargs.items() if n not in SHARED or value not in (None, False, 0.99)}
        if unset.pop("dynamic", True) is not True:
            raise ValueError(
                message(
                    "LossScaleOptimizer",
                    "the scale is always dynamic",
                    kwargs,
                    "For a constant scale, set `loss_scale_factor` of the optimizer itself",
                )
            )
        if unset:
            raise ValueError(
                message(
                    "LossScaleOptimizer",
                    f"takes no arguments: {', '.join(f'`{n}`' for n in unset)}",
                    unset,
                    "Set them on the `inner_optimizer`",
                )
            )
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.inner_optimizer.loss_scale_factor = None
        self.initial_scale = float(initial_scale)
        self.dynamic_growth_steps = check_positive_int(self, "dynamic_growth_steps", dynamic_growth_steps)
        with name_scope(self.name):
            # Keras keeps a learning rate that nobody reads; files hold it.
            self._unused_rate = Variable(np.float32(0.0), trainable=False, name="learning_rate")
            self.step_counter = Variable(np.int32(0), trainable=False, name="step_counter")
            self.dynamic_scale = Variable(np.float32(self.initial_scale), trainable=False, name="dynamic_scale")

    @property
    def learning_rate(self) -> Rate:  # type: ignore[override]
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        if "inner_optimizer" in self.__dict__:
            self.inner_optimizer.learning_rate = value

    @property
    def steps(self) -> Variable:
        return self.inner_optimizer.steps

    @property
    def iterations(self) -> Variable | Array:
        """The number of good steps so far."""
        return self.inner_optimizer.iterations

    @property
    def built(self) -> bool:
        return self.inner_optimizer.built

    def build(self, variables: Sequence[Variable] = (), var_list: Sequence[Variable] = ()) -> None:
        variables = variables or var_list
        self.inner_optimizer.build(variables)
        self.optimizer_state.parameters = list(variables)
        self.optimizer_state.built_by_user = True

    def state_variables(self, variables: Sequence[Variable]) -> list[Variable]:
        # Who has a `build` of a person's own is built once.
        inner = self.inner_optimizer.state_variables(variables)
        self.optimizer_state.parameters = list(variables)
        self.optimizer_state.built_by_user = False
        return [*self._own_state, *inner]

    def _slots_for(self, variables: Sequence[Variable]) -> list[Variable]:
        return [*self._own_state, *self.inner_optimizer._slots_for(variables)]

    @property
    def _own_state(self) -> list[Variable]:
        return [self._iterations, self.step_counter, self.dynamic_scale]

    @property
    def variables(self) -> list[Any]:
        scale = [self.step_counter, self.dynamic_scale] if self.built else []
        return [self._iterations, self._unused_rate, *scale, *self.inner_optimizer.variables]

    def update(
        self, variables: Sequence[Variable], params: Sequence[Any], grads: Sequence[Any], state: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """The inner optimizer's step where all gradients are finite, and the next scale."""
        own, good, scale, *inner = state
        finite = self.check_finite(grads)
        unscaled = [
            g if g is None or v.overwrite_with_gradient else g / scale.astype(g.dtype)
            for v, g in zip(variables, grads, strict=True)
        ]
        before = list(params), inner
        after, inner = jax.lax.cond(
            finite, lambda: self.inner_optimizer.update(variables, params, unscaled, inner), lambda: before
        )
        grows = good == self.dynamic_growth_steps - 1
        scale = jnp.where(finite, jnp.where(grows, scale * 2.0, scale), scale * 0.5)
        good = jnp.where(finite & ~grows, good + 1, 0)
        return after, [own, good, scale, *inner]

    def check_finite(self, grads: Sequence[Any]) -> Array:
        """Whether all gradients are finite; those that are `None` are."""
        known = [jnp.all(jnp.isfinite(g)) for g in grads if g is not None]
        return jnp.all(jnp.stack(known)) if known else jnp.bool_(True)

    def scale_loss(self, loss: Array) -> Array:
        """The loss times the present scale."""
        return loss * self.dynamic_scale.value.astype(jnp.asarray(loss).dtype)

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Self:
        inner = deserialize_keras_object(config["inner_optimizer"], custom_objects)
        return cls(inner, **{name: value for name, value in config.items() if name != "inner_optimizer"})
