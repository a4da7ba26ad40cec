"""Activations as layers."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from kerata import activations, constraints, initializers, regularizers
from kerata.base.checks import KindError, check_number, message
from kerata.base.registry import builtin, fact
from kerata.engine.hyper import Hyperparameter
from kerata.engine.symbolic import SymbolicTensor
from kerata.layers.core import KeepsType, mixes_samples
from kerata.layers.layer import InputSpec
from kerata.ops.activations import look_at_softmax


@builtin("layers")
class Activation(KeepsType):
    """outputs = activation(inputs).

    Args:
        activation: a name, or a function of one array.

    Shapes: the output has the shape of the input.

    >>> import kerata, numpy as np
    >>> kerata.layers.Activation("relu")(np.array([-1.0, 2.0], "float32")).tolist()
    [0.0, 2.0]
    """

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)
        self.mixes_samples = mixes_samples(self.activation)
        self.supports_masking = True

    @property
    def keeps_zeros(self) -> bool:  # type: ignore[override]
        return fact(self.activation, "keeps_zeros", False)

    def call(self, inputs):
        return inputs if self.activation is None else self.activation(inputs)


@builtin("layers")
class ReLU(KeepsType):
    """outputs = min(x, max_value) where x > threshold, else negative_slope * (x - threshold).

    Args:
        max_value: where the output stops to grow; `None` for nowhere.
        negative_slope: slope below the threshold.
        threshold: the value up to which the input counts as off.

    Shapes: the output has the shape of the input.

    >>> import kerata, numpy as np
    >>> kerata.layers.ReLU(max_value=6.0)(np.array([-1.0, 2.0, 9.0], "float32")).tolist()
    [0.0, 2.0, 6.0]
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        if isinstance(max_value, (int, float)) and max_value < 0:
            raise ValueError(message(self, "max_value of a ReLU layer cannot be a negative value", {"max_value": max_value}))
        for name, value in (("negative_slope", negative_slope), ("threshold", threshold)):
            if value is None or (isinstance(value, (int, float)) and value < 0):
                raise KindError(message(self, f"{name} of a ReLU layer cannot be None or a negative value", {name: value}))
        self.max_value = check_number(self, "max_value", max_value, low=0.0, optional=True)
        self.negative_slope = check_number(self, "negative_slope", negative_slope, low=0.0)
        self.threshold = check_number(self, "threshold", threshold, low=0.0)
        self.supports_masking = True

    @property
    def keeps_zeros(self) -> bool:  # type: ignore[override]
        return self.threshold == 0

    def call(self, inputs):
        return activations.relu(inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold)


@builtin("layers")
class LeakyReLU(KeepsType):
    """outputs = x where x >= 0, else negative_slope * x.

    A unit that is off keeps a small gradient, so it can come back.

    Args:
        negative_slope: slope below 0, at least 0; `alpha` in older Keras.

    Shapes: the output has the shape of the input.

    >>> import kerata, numpy as np
    >>> kerata.layers.LeakyReLU(0.5)(np.array([-2.0, 2.0], "float32")).tolist()
    [-1.0, 2.0]
    """

    negative_slope = Hyperparameter(low=0.0)
    keeps_zeros = True
    # Whether the slope at 0 is that below, as in TensorFlow; in JAX it is 1.
    leaks_at_zero = False
    _facts_of_program = ("leaks_at_zero",)

    def __init__(self, negative_slope=0.3, **kwargs):
        negative_slope = kwargs.pop("alpha", negative_slope)
        super().__init__(**kwargs)
        if negative_slope is None:
            raise KindError(
                message(self, "The negative_slope value of a Leaky ReLU layer cannot be None", {"negative_slope": None})
            )
        self.negative_slope = check_number(self, "negative_slope", negative_slope, low=0.0)
        self.supports_masking = True

    def call(self, inputs):
        above = inputs > 0 if self.leaks_at_zero else inputs >= 0
        return jnp.where(above, inputs, jnp.asarray(self.negative_slope, inputs.dtype) * inputs)


@builtin("layers")
class PReLU(KeepsType):
    """outputs = x where x > 0, else alpha * x, with alpha learned.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: of the slopes.
        shared_axes: axes along which one slope is shared, e.g. `[1, 2]` for one slope a channel of a picture.

    Shapes: the output has the shape of the input.

    Source: He et al., "Delving Deep into Rectifiers", 2015.

    >>> import kerata, numpy as np
    >>> kerata.layers.PReLU("ones")(np.array([[-2.0, 2.0]], "float32")).tolist()
    [[-2.0, 2.0]]
    """

    def __init__(self, alpha_initializer="Zeros", alpha_regularizer=None, alpha_constraint=None, shared_axes=None, **kwargs):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        self.shared_axes = [shared_axes] if isinstance(shared_axes, int) else shared_axes and list(shared_axes)
        self.supports_masking = True

    def build(self, input_shape):
        shared = self.shared_axes or []
        shape = [1 if axis in shared else size for axis, size in enumerate(input_shape)][1:]
        if None in shape:
            raise ValueError(
                message(
                    self,
                    "axes with a slope of their own must have a known size",
                    {"input_shape": tuple(input_shape), "shared_axes": self.shared_axes},
                    "Name the unknown axes in `shared_axes`",
                )
            )
        self.alpha = self.add_weight(
            shape, self.alpha_initializer, name="alpha", regularizer=self.alpha_regularizer, constraint=self.alpha_constraint
        )
        sizes = {axis: size for axis, size in enumerate(input_shape) if axis and axis not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=sizes)

    def call(self, inputs):
        return jax.nn.relu(inputs) - self.alpha.value * jax.nn.relu(-inputs)


@builtin("layers")
class ELU(KeepsType):
    """outputs = x where x > 0, else alpha * (exp(x) - 1).

    Args:
        alpha: minus the limit for small inputs.

    Shapes: the output has the shape of the input.

    Source: Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2015.

    >>> import kerata, numpy as np
    >>> kerata.layers.ELU()(np.array([-100.0, 2.0], "float32")).tolist()
    [-1.0, 2.0]
    """

    alpha = Hyperparameter()
    keeps_zeros = True

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = check_number(self, "alpha", alpha)
        self.supports_masking = True

    def call(self, inputs):
        return jax.nn.elu(inputs, jnp.asarray(self.alpha, inputs.dtype))


@builtin("layers")
class Softmax(KeepsType):
    """outputs = exp(x) / sum(exp(x)) along an axis.

    Args:
        axis: the axis, or a list of axes, over which the outputs sum to 1.

    Shapes: the output has the shape of the input; `mask` broadcasts to it, and what is masked gets 0.

    >>> import kerata, numpy as np
    >>> kerata.layers.Softmax()(np.zeros((1, 4), "float32")).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """

    # Whether outputs are uniform, and not 0, where everything along the axis is masked: as in `tf.keras`.
    spreads_evenly = False

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.mixes_samples = 0 in (axis if isinstance(axis, (list, tuple)) else [axis])
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return self._normalize(inputs)
        if mask.ndim > inputs.ndim or any(m not in (1, n) for m, n in zip(mask.shape[::-1], inputs.shape[::-1], strict=False)):
            raise ValueError(
                message(
                    self,
                    "`mask` must not have more dimensions than the input, and be broadcastable to it",
                    {"input_shape": inputs.shape, "mask_shape": mask.shape},
                )
            )
        keep = mask if mask.dtype == bool else mask > 0.5
        found = self._normalize(jnp.where(keep, inputs, large_negative(inputs.dtype)))
        return found if self.spreads_evenly else jnp.where(keep, found, 0)

    def compute_output_spec(self, inputs, *args, **kwargs):
        axes = self.axis if isinstance(self.axis, (list, tuple)) else [self.axis]
        if isinstance(inputs, SymbolicTensor) and len(axes) == 1:
            look_at_softmax(inputs.shape, axes[0])
        return super().compute_output_spec(inputs, *args, **kwargs)

    def _normalize(self, x):
        if not isinstance(self.axis, (list, tuple)):
            return activations.softmax(x, axis=self.axis)
        axes = tuple(self.axis)
        return activations.softmax(x, axis=axes[0]) if len(axes) == 1 else jax.nn.softmax(x, axis=axes)


def large_negative(dtype) -> float:
    """A logit so small that its exponential is 0, yet finite in the type."""
    return -3e4 if dtype == jnp.float16 else -1e9
