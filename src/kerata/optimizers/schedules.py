"""Learning rates that follow the number of the step."""

import math
from typing import Any

import jax.numpy as jnp

from kerata.base.checks import message
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine.hyper import Hyperparameter
from kerata.engine.module import Module
from kerata.engine.types import Array, Scalar


class LearningRateSchedule(Module):
    """A function from the step, an integer from 0, to the learning rate.

    One of your own defines `__call__`, and `get_config` if it is to be saved and its constructor keeps its
    arguments under other names.

    >>> import kerata
    >>> class Halving(kerata.optimizers.schedules.LearningRateSchedule):
    ...     def __call__(self, step):
    ...         return 0.1 * 0.5**step
    >>> optimizer = kerata.optimizers.SGD(learning_rate=Halving())
    """

    def __call__(self, step: Array) -> Array:
        raise NotImplementedError(message(self, "a schedule must define `__call__(self, step)`"))

    def _float(self, step: Array) -> Array:
        return jnp.asarray(step).astype(jnp.float32)


class _Named(LearningRateSchedule):
    """A built-in schedule: numbers of steps are written into configs as whole numbers, as they were given."""

    name: str | None

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = {name: _plain(value) for name, value in super().get_config().items()}
        for name in config:
            if name.endswith("_steps") and float(config[name]).is_integer():
                config[name] = int(config[name])
        return config

    def _check_steps(self, *names: str) -> None:
        for name in names:
            if not getattr(self, name) > 0:
                raise ValueError(message(self, f"`{name}` must be greater than 0", {name: getattr(self, name)}))


def _plain(value: object) -> object:
    return float(value) if isinstance(value, float) else value


@builtin("schedules")
class ExponentialDecay(_Named):
    """rate = initial_learning_rate * decay_rate ** (step / decay_steps).

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: steps in which the rate falls by the factor `decay_rate`.
        decay_rate: that factor.
        staircase: whether the rate falls in steps, at whole multiples of `decay_steps`.
        name: a name.

    >>> import kerata
    >>> float(kerata.optimizers.schedules.ExponentialDecay(1.0, decay_steps=10, decay_rate=0.5)(20))
    0.25
    """

    initial_learning_rate = Hyperparameter(low=0.0)
    decay_steps = Hyperparameter()
    decay_rate = Hyperparameter()

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name
        self._check_steps("decay_steps")

    def __call__(self, step: Array) -> Array:
        part = self._float(step) / self.decay_steps
        if self.staircase:
            part = jnp.floor(part)
        return self.initial_learning_rate * jnp.power(self.decay_rate, part)


@builtin("schedules")
class PiecewiseConstantDecay(_Named):
    """rate = values[i], where i is the number of boundaries that the step has passed.

    Args:
        boundaries: steps, rising; the step that equals one still belongs to what is before it.
        values: rates, one more than boundaries.
        name: a name.

    >>> import kerata
    >>> schedule = kerata.optimizers.schedules.PiecewiseConstantDecay([100, 200], [1.0, 0.5, 0.25])
    >>> float(schedule(100)), float(schedule(101)), float(schedule(1000))
    (1.0, 0.5, 0.25)
    """

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        self.boundaries, self.values = list(boundaries), list(values)
        self.name = name
        if len(self.boundaries) != len(self.values) - 1:
            raise ValueError(
                message(
                    self, "`values` must have one element more than `boundaries`", {"boundaries": boundaries, "values": values}
                )
            )

    def __call__(self, step: Array) -> Array:
        passed = jnp.sum(jnp.asarray(step) > jnp.asarray(self.boundaries))
        return jnp.asarray(self.values, jnp.float32)[passed]


@builtin("schedules")
class PolynomialDecay(_Named):
    """rate = (initial_learning_rate - end_learning_rate) * (1 - step / decay_steps) ** power + end_learning_rate.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: steps until `end_learning_rate` is reached.
        end_learning_rate: the last rate.
        power: 1 for a straight line.
        cycle: whether to begin anew, with a period that grows by `decay_steps`, after the end is reached.
        name: a name.

    >>> import kerata
    >>> float(kerata.optimizers.schedules.PolynomialDecay(1.0, decay_steps=10, end_learning_rate=0.0)(5))
    0.5
    """

    initial_learning_rate = Hyperparameter(low=0.0)
    decay_steps = Hyperparameter()
    end_learning_rate = Hyperparameter(low=0.0)
    power = Hyperparameter()

    def __init__(
        self, initial_learning_rate, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False, name="PolynomialDecay"
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name
        self._check_steps("decay_steps")

    def __call__(self, step: Array) -> Array:
        step, steps = self._float(step), self.decay_steps
        if self.cycle:
            steps = steps * jnp.where(step == 0, 1.0, jnp.ceil(step / steps))
        else:
            step = jnp.minimum(step, steps)
        span = self.initial_learning_rate - self.end_learning_rate
        return span * jnp.power(1.0 - step / steps, self.power) + self.end_learning_rate


@builtin("schedules")
class InverseTimeDecay(_Named):
    """rate = initial_learning_rate / (1 + decay_rate * step / decay_steps).

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: steps in which the denominator grows by `decay_rate`.
        decay_rate: that growth.
        staircase: whether the rate falls in steps, at whole multiples of `decay_steps`.
        name: a name.

    >>> import kerata
    >>> float(kerata.optimizers.schedules.InverseTimeDecay(1.0, decay_steps=10, decay_rate=1.0)(10))
    0.5
    """

    initial_learning_rate = Hyperparameter(low=0.0)
    decay_steps = Hyperparameter()
    decay_rate = Hyperparameter()

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name
        self._check_steps("decay_steps")

    def __call__(self, step: Array) -> Array:
        part = self._float(step) / self.decay_steps
        if self.staircase:
            part = jnp.floor(part)
        return self.initial_learning_rate / (1.0 + self.decay_rate * part)


@builtin("schedules")
class CosineDecay(_Named):
    """rate = peak * ((1 - alpha) * (1 + cos(pi * step / decay_steps)) / 2 + alpha), after a warmup if one is asked for.

    Args:
        initial_learning_rate: the rate at step 0.
        decay_steps: steps of the fall, not counting the warmup.
        alpha: the last rate as a fraction of the peak.
        name: a name.
        warmup_target: the peak, reached in `warmup_steps`; without it the peak is `initial_learning_rate`.
        warmup_steps: steps of the rise.

    Source: Loshchilov and Hutter, SGDR, 2016, https://arxiv.org/abs/1608.03983.

    >>> import kerata
    >>> round(float(kerata.optimizers.schedules.CosineDecay(1.0, decay_steps=10)(5)), 6)
    0.5
    """

    initial_learning_rate = Hyperparameter(low=0.0)
    decay_steps = Hyperparameter()
    alpha = Hyperparameter()
    warmup_target = Hyperparameter(low=0.0)
    warmup_steps = Hyperparameter(low=0.0)

    def __init__(self, initial_learning_rate, decay_steps, alpha=0.0, name="CosineDecay", warmup_target=None, warmup_steps=0):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = decay_steps
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps
        self._check_steps("decay_steps")

    def __call__(self, step: Array) -> Array:
        step = self._float(step)
        if self.warmup_target is None:
            return self._fall(step, self.initial_learning_rate)
        risen = step / jnp.maximum(self.warmup_steps, 1.0)
        rise = (self.warmup_target - self.initial_learning_rate) * risen + self.initial_learning_rate
        return jnp.where(step < self.warmup_steps, rise, self._fall(step - self.warmup_steps, self.warmup_target))

    def _fall(self, step: Array, peak: Scalar) -> Array:
        cosine = 0.5 * (1.0 + jnp.cos(math.pi * (jnp.minimum(step, self.decay_steps) / self.decay_steps)))
        return peak * ((1.0 - self.alpha) * cosine + self.alpha)


@builtin("schedules")
class CosineDecayRestarts(_Named):
    """Cosine decay in periods, each `t_mul` times as long as the one before it and beginning at `m_mul` times its rate.

    Args:
        initial_learning_rate: the rate at step 0.
        first_decay_steps: steps of the first period.
        t_mul: growth of the period's length.
        m_mul: factor on the period's first rate.
        alpha: the lowest rate as a fraction of `initial_learning_rate`.
        name: a name.

    Source: Loshchilov and Hutter, SGDR, 2016, https://arxiv.org/abs/1608.03983.

    >>> import kerata
    >>> float(kerata.optimizers.schedules.CosineDecayRestarts(1.0, first_decay_steps=10)(10))
    1.0
    """

    initial_learning_rate = Hyperparameter(low=0.0)
    first_decay_steps = Hyperparameter()
    t_mul = Hyperparameter()
    m_mul = Hyperparameter()
    alpha = Hyperparameter()

    def __init__(self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = first_decay_steps
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name
        self._check_steps("first_decay_steps")

    def __call__(self, step: Array) -> Array:
        done = self._float(step) / self.first_decay_steps
        growth = jnp.asarray(self.t_mul, jnp.float32)
        constant = growth == 1.0
        # Periods of equal length, kept apart because the geometric sum below divides by 1 - growth.
        safe = jnp.where(constant, 2.0, growth)
        restarts = jnp.floor(jnp.log(1.0 - done * (1.0 - safe)) / jnp.log(safe))
        begun = (1.0 - safe**restarts) / (1.0 - safe)
        period = jnp.where(constant, jnp.floor(done), restarts)
        part = jnp.where(constant, done - jnp.floor(done), (done - begun) / safe**restarts)
        cosine = 0.5 * jnp.power(self.m_mul, period) * (1.0 + jnp.cos(math.pi * part))
        return self.initial_learning_rate * ((1.0 - self.alpha) * cosine + self.alpha)


def serialize(learning_rate_schedule: object) -> dict[str, Any]:
    """A schedule as plain data."""
    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> LearningRateSchedule:
    """A schedule from plain data."""
    return deserialize_keras_object({"module": "keras.optimizers.schedules", **config}, custom_objects)
