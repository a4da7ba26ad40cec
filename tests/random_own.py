"""What a user would write: functions and classes for library `k`, by name, for random models.

Each is made once for a library, so that two layers of a model share a class as they do in a program.
"""

import functools
from collections.abc import Callable
from typing import Any

FUNCTIONS: dict[str, Callable[[Any], Any]] = {}
CLASSES: dict[str, Callable[[Any], type]] = {}


def function(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Enters a maker of a function; its name is the maker's."""

    @functools.cache
    def once(k: Any) -> Any:
        made = make(k)
        made.__name__ = made.__qualname__ = make.__name__
        return made

    FUNCTIONS[make.__name__] = once
    return once


def own(make: Callable[[Any], type]) -> Callable[[Any], type]:
    """Enters a maker of a class; its name is the class's."""
    once = functools.cache(make)
    CLASSES[make.__name__] = once
    return once


def custom_objects(k: Any) -> dict[str, Any]:
    """All of it, as loading takes it."""
    return {name: make(k) for name, make in (FUNCTIONS | CLASSES).items()}


# --- Functions


@function
def double(k):
    return lambda x: 2.0 * x


@function
def centered(k):
    return lambda x: x - k.ops.mean(x, axis=-1, keepdims=True)


@function
def squared_error(k):
    return lambda y, p: k.ops.mean(k.ops.square(k.ops.cast(y, p.dtype) - p), axis=-1)


@function
def relative_error(k):
    return lambda y, p: k.ops.abs(y - p) / (1.0 + k.ops.mean(k.ops.abs(y - p)))


@function
def largest_error(k):
    return lambda y, p: k.ops.max(k.ops.abs(y - p))


@function
def scaled_tanh(k):
    return lambda x: 1.5 * k.ops.tanh(x)


@function
def small_squares(k):
    return lambda w: 0.03 * k.ops.sum(k.ops.square(w))


@function
def at_most_one(k):
    return lambda w: k.ops.clip(w, -1.0, 1.0)


@function
def halves(k):
    return lambda shape, dtype=None: 0.5 * k.ops.ones(shape, dtype)


@function
def slower(k):
    return lambda epoch, rate: rate * 0.5 if epoch else rate


@function
def by_epoch(k):
    return lambda epoch: 0.02 / (epoch + 1)


# --- Layers


@own
def Scale(k):
    class Scale(k.layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor", regularizer="l2")

        def call(self, inputs):
            return inputs * self.factor

    return Scale


@own
def Centered(k):
    class Centered(k.layers.Layer):
        """Subtracts the mean of the batch."""

        def call(self, inputs):
            return inputs - k.ops.mean(inputs, axis=0, keepdims=True)

    return Centered


@own
def Counter(k):
    class Counter(k.layers.Layer):
        """Adds a penalty and counts its calls."""

        def build(self, input_shape):
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

        def call(self, inputs, training=False):
            self.add_loss(0.01 * k.ops.sum(k.ops.square(inputs)))
            if training:
                self.calls.assign(self.calls + 1.0)
            return inputs + 0.1 * k.ops.tanh(k.ops.cast(self.calls, inputs.dtype))

    return Counter


@own
def Follower(k):
    class Follower(k.layers.Layer):
        """Keeps a moving mean of what it saw in training, and subtracts it."""

        def build(self, input_shape):
            self.seen = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False, name="seen")

        def call(self, inputs, training=None):
            if training:
                mean = k.ops.mean(inputs, axis=tuple(range(len(inputs.shape) - 1)))
                self.seen.assign(0.8 * self.seen + 0.2 * k.ops.cast(mean, self.seen.dtype))
            return inputs - k.ops.cast(self.seen, inputs.dtype)

    return Follower


@own
def Block(k):
    class Block(k.layers.Layer):
        """Two layers and a sum."""

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.inner = k.layers.Dense(units, activation="tanh")
            self.outer = k.layers.Dense(units)
            self.norm = k.layers.BatchNormalization()

        def build(self, input_shape):
            self.inner.build(input_shape)
            self.outer.build((*input_shape[:-1], self.units))
            self.norm.build((*input_shape[:-1], self.units))

        def call(self, inputs, training=None):
            x = self.inner(inputs)
            return self.norm(x + self.outer(x), training=training)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return Block


@own
def Tower(k):
    class Tower(k.layers.Layer):
        """A list and a dict of layers, built by their first call."""

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.steps = [k.layers.Dense(units, activation="relu"), k.layers.LayerNormalization()]
            self.heads = {"one": k.layers.Dense(units), "two": k.layers.Dense(units, activation="sigmoid")}

        def call(self, inputs):
            for step in self.steps:
                inputs = step(inputs)
            return self.heads["one"](inputs) * self.heads["two"](inputs)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return Tower


@own
def MaskedMean(k):
    class MaskedMean(k.layers.Layer):
        """The mean over the steps that a mask leaves; beyond it there is no mask."""

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.supports_masking = True

        def call(self, inputs, mask=None):
            if mask is None:
                return k.ops.mean(inputs, axis=1)
            kept = k.ops.expand_dims(k.ops.cast(mask, inputs.dtype), -1)
            return k.ops.sum(inputs * kept, axis=1) / (k.ops.sum(kept, axis=1) + 0.5)

        def compute_mask(self, inputs, mask=None):
            return None

    return MaskedMean


@own
def Marker(k):
    class Marker(k.layers.Layer):
        """Makes a mask: steps whose first feature is above a bound are there."""

        def call(self, inputs):
            return inputs * 1.0

        def compute_mask(self, inputs, mask=None):
            found = inputs[..., 0] > -0.6
            return found if mask is None else k.ops.logical_and(found, mask)

    return Marker


@own
def Halved(k):
    class Halved(k.layers.Layer):
        """Gives two tensors, and says their shapes itself."""

        def call(self, inputs):
            return k.ops.tanh(inputs), inputs * 0.5

        def compute_output_shape(self, input_shape):
            return input_shape, input_shape

    return Halved


@own
def Around(k):
    class Around(k.layers.Wrapper):
        """A layer, and what it was given."""

        def call(self, inputs, training=None):
            return self.layer(inputs) + k.ops.mean(inputs, axis=-1, keepdims=True)

    return Around


@own
def Leaky(k):
    class Leaky(k.layers.Layer):
        """A cell: a leaky sum of what came in."""

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = self.state_size = self.output_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="kernel")
            self.leak = self.add_weight(shape=(self.units,), initializer="zeros", name="leak")

        def call(self, inputs, states, training=None):
            kept = k.ops.sigmoid(self.leak) * states[0]
            new = kept + k.ops.tanh(k.ops.matmul(inputs, self.kernel))
            return new, [new]

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    return Leaky


# --- Losses, measures, parts of a compile


@own
def Pinball(k):
    class Pinball(k.losses.Loss):
        def __init__(self, quantile=0.3, name="pinball", **kwargs):
            super().__init__(name=name, **kwargs)
            self.quantile = quantile

        def call(self, y_true, y_pred):
            off = k.ops.cast(y_true, y_pred.dtype) - y_pred
            return k.ops.mean(k.ops.maximum(self.quantile * off, (self.quantile - 1.0) * off), axis=-1)

        def get_config(self):
            return {**super().get_config(), "quantile": self.quantile}

    return Pinball


@own
def Ranked(k):
    class Ranked(k.losses.Loss):
        """Couples the samples of a batch."""

        def call(self, y_true, y_pred):
            off = k.ops.reshape(k.ops.cast(y_true, y_pred.dtype) - y_pred, (-1,))
            return k.ops.softplus(k.ops.max(off) - k.ops.mean(off)) + k.ops.mean(k.ops.square(off))

    return Ranked


@own
def Largest(k):
    class Largest(k.metrics.Metric):
        """The largest error that was seen."""

        def __init__(self, name="largest", **kwargs):
            super().__init__(name=name, **kwargs)
            self.found = self.add_variable(shape=(), initializer="zeros", name="found")

        def update_state(self, y_true, y_pred, sample_weight=None):
            off = k.ops.max(k.ops.abs(k.ops.cast(y_true, "float32") - k.ops.cast(y_pred, "float32")))
            self.found.assign(k.ops.maximum(self.found, off))

        def result(self):
            return 1.0 * self.found

    return Largest


@own
def Spread(k):
    class Spread(k.metrics.Metric):
        """Mean and spread of predictions, as a dict."""

        def __init__(self, name="spread", **kwargs):
            super().__init__(name=name, **kwargs)
            self.count = self.add_weight(shape=(), initializer="zeros", name="count")
            self.sums = self.add_weight(shape=(2,), initializer="zeros", name="sums")

        def update_state(self, y_true, y_pred, sample_weight=None):
            p = k.ops.cast(y_pred, "float32")
            self.count.assign(self.count + float(1) * k.ops.cast(k.ops.size(p), "float32"))
            self.sums.assign(self.sums + k.ops.stack([k.ops.sum(p), k.ops.sum(k.ops.square(p))]))

        def result(self):
            mean = self.sums[0] / k.ops.maximum(self.count, 1.0)
            return {"mean": mean, "square": self.sums[1] / k.ops.maximum(self.count, 1.0) - mean**2}

    return Spread


@own
def Plain(k):
    class Plain(k.optimizers.Optimizer):
        """Gradient descent with a kept sum, in Keras's form."""

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.kept = [self.add_variable_from_reference(v, name="kept") for v in variables]

        def update_step(self, gradient, variable, learning_rate):
            rate = k.ops.cast(learning_rate, variable.dtype)
            kept = self.kept[self._get_variable_index(variable)]
            self.assign(kept, 0.5 * kept + k.ops.cast(gradient, variable.dtype))
            self.assign_sub(variable, rate * kept)

    return Plain


@own
def Steps(k):
    class Steps(k.optimizers.schedules.LearningRateSchedule):
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, step):
            return self.rate / (1.0 + k.ops.floor(k.ops.cast(step, "float32") / 3.0))

        def get_config(self):
            return {"rate": self.rate}

    return Steps


@own
def Ridge(k):
    class Ridge(k.regularizers.Regularizer):
        def __init__(self, strength):
            self.strength = strength

        def __call__(self, x):
            return self.strength * k.ops.sum(k.ops.abs(k.ops.diff(k.ops.reshape(x, (-1,)))))

        def get_config(self):
            return {"strength": self.strength}

    return Ridge


@own
def Shrunk(k):
    class Shrunk(k.constraints.Constraint):
        def __call__(self, w):
            return w / (1.0 + 0.01 * k.ops.max(k.ops.abs(w)))

    return Shrunk


@own
def Stripes(k):
    class Stripes(k.initializers.Initializer):
        def __call__(self, shape, dtype=None):
            return k.ops.ones(shape, dtype) * 0.3

    return Stripes


# --- Models


def first(outputs: Any) -> Any:
    while isinstance(outputs, (list, tuple, dict)):
        # JAX puts the names of a dict into order.
        outputs = outputs[min(outputs)] if isinstance(outputs, dict) else outputs[0]
    return outputs


@own
def Penalized(k):
    class Penalized(k.Model):
        """Adds to the loss what was predicted."""

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = super().compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
            return loss + k.ops.cast(0.1 * k.ops.mean(k.ops.square(first(y_pred))), loss.dtype)

    return Penalized


@own
def Watched(k):
    class Watched(k.Model):
        """Adds a measure to the others."""

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            found = super().compute_metrics(x, y, y_pred, sample_weight)
            return {**found, "level": k.ops.mean(first(y_pred))}

    return Watched


@own
def Careful(k):
    class Careful(k.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return 0.5 * super().compute_loss(x, y, y_pred, sample_weight, training=training)

    return Careful
