"""Element-wise nonlinearities and their normalized relatives, as functions of arrays and of symbolic tensors.

`kerata.activations` gives them their names as activations.
"""

# JAX leaves some arguments of its functions without a type.
# pyright: reportUnknownMemberType=false

import jax
import jax.numpy as jnp

from kerata.base.checks import message
from kerata.base.types import PartialShape
from kerata.engine.homes import warn_user
from kerata.engine.scope import note
from kerata.engine.symbolic import is_first_look, traceable
from kerata.engine.types import Array, TensorLike
from kerata.kernels.maxima import larger, smaller, within
from kerata.ops.forms import Axes, as_array, as_axes, as_float, op


@op(keeps_nan=True)
def relu(x: TensorLike) -> Array:
    """max(x, 0).

    >>> import kerata, numpy as np
    >>> kerata.ops.relu(np.array([-1.0, 2.0])).tolist()
    [0.0, 2.0]
    """
    return jax.nn.relu(as_array(x))


@op()
def relu6(x: TensorLike) -> Array:
    """min(max(x, 0), 6)."""
    return jax.nn.relu6(as_array(x))


@op()
def leaky_relu(x: TensorLike, negative_slope: float = 0.2) -> Array:
    """x where x >= 0, negative_slope * x elsewhere."""
    return jax.nn.leaky_relu(as_array(x), negative_slope)


@op()
def elu(x: TensorLike, alpha: float = 1.0) -> Array:
    """x where x > 0, alpha * (exp(x) - 1) elsewhere. Source: Clevert et al., 2015."""
    return jax.nn.elu(as_array(x), alpha)


@op()
def selu(x: TensorLike) -> Array:
    """1.0507 * elu(x, 1.6733): keeps mean 0 and variance 1. Source: Klambauer et al., 2017."""
    return jax.nn.selu(as_array(x))


@op()
def celu(x: TensorLike, alpha: float = 1.0) -> Array:
    """max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0). Source: Barron, 2017."""
    x = as_array(x)
    return larger(x, 0.0) + alpha * jnp.expm1(smaller(x, 0.0) / alpha)


@op()
def gelu(x: TensorLike, approximate: bool = True) -> Array:
    """x * P(N(0, 1) <= x), or its approximation by tanh. Source: Hendrycks and Gimpel, 2016."""
    return jax.nn.gelu(as_array(x), approximate)


@op()
def silu(x: TensorLike) -> Array:
    """x * sigmoid(x), also called swish. Source: Ramachandran et al., 2017."""
    return jax.nn.silu(as_array(x))


@op()
def hard_silu(x: TensorLike) -> Array:
    """x * hard_sigmoid(x). Source: Howard et al., 2019."""
    return jax.nn.hard_silu(as_array(x))


@traceable
def mish(x: TensorLike) -> Array:
    """x * tanh(softplus(x)). Source: Misra, 2019."""
    return jax.nn.mish(as_array(x))


@op()
def glu(x: TensorLike, axis: int = -1) -> Array:
    """a * sigmoid(b), where a and b are the halves of x along `axis`. Source: Dauphin et al., 2016."""
    return jax.nn.glu(as_array(x), axis)


@op(keeps_nan=True)
def sigmoid(x: TensorLike) -> Array:
    """1 / (1 + exp(-x)). Cross-entropies find x again and are computed from it.

    >>> import kerata
    >>> float(kerata.ops.sigmoid(0.0))
    0.5
    """
    x = as_float(as_array(x))
    y = jax.nn.sigmoid(x)
    note(y, "logits", ("sigmoid", x))
    return y


@op()
def hard_sigmoid(x: TensorLike) -> Array:
    """clip(x / 6 + 1 / 2, 0, 1)."""
    return jax.nn.hard_sigmoid(as_array(x))


@op()
def log_sigmoid(x: TensorLike) -> Array:
    """log(sigmoid(x))."""
    return jax.nn.log_sigmoid(as_array(x))


@op()
def sparse_sigmoid(x: TensorLike) -> Array:
    """clip((x + 1) / 2, 0, 1). Source: Blondel et al., 2019."""
    return 0.5 * within(as_array(x) + 1.0, 0.0, 2.0)


@op()
def softplus(x: TensorLike) -> Array:
    """log(1 + exp(x))."""
    return jax.nn.softplus(as_array(x))


@op()
def sparse_plus(x: TensorLike) -> Array:
    """0 where x <= -1, (x + 1)^2 / 4 between, x where x >= 1."""
    return jax.nn.sparse_plus(as_array(x))


@op()
def squareplus(x: TensorLike, b: float = 4) -> Array:
    """(x + sqrt(x^2 + b)) / 2. Source: Barron, 2021."""
    return jax.nn.squareplus(as_array(x), b)


@op()
def softsign(x: TensorLike) -> Array:
    """x / (1 + |x|)."""
    return jax.nn.soft_sign(as_array(x))


@op(keeps_nan=True)
def tanh(x: TensorLike) -> Array:
    """(exp(x) - exp(-x)) / (exp(x) + exp(-x))."""
    return jnp.tanh(as_array(x))


@op()
def hard_tanh(x: TensorLike) -> Array:
    """clip(x, -1, 1)."""
    return jax.nn.hard_tanh(as_array(x))


@op()
def tanh_shrink(x: TensorLike) -> Array:
    """x - tanh(x)."""
    x = as_array(x)
    return x - jnp.tanh(x)


@op()
def hard_shrink(x: TensorLike, threshold: float = 0.5) -> Array:
    """x where |x| > threshold, 0 elsewhere."""
    x = as_array(x)
    return jnp.where(jnp.abs(x) > threshold, x, 0)


@op()
def soft_shrink(x: TensorLike, threshold: float = 0.5) -> Array:
    """x moved towards 0 by `threshold`, and 0 where it is nearer."""
    x = as_array(x)
    return jnp.where(x > threshold, x - threshold, jnp.where(x < -threshold, x + threshold, 0))


@op()
def threshold(x: TensorLike, threshold: float, default_value: TensorLike) -> Array:
    """x where x > threshold, default_value elsewhere."""
    x = as_array(x)
    return jnp.where(x > threshold, x, jnp.asarray(default_value, x.dtype))


@op(keeps_nan=True)
def softmax(x: TensorLike, axis: Axes = -1) -> Array:
    """exp(x) / sum(exp(x)) along `axis`, an integer, several, or `None` for all. Cross-entropies find x again.

    >>> import kerata, numpy as np
    >>> kerata.ops.softmax(np.array([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    x = as_float(as_array(x))
    if is_first_look():
        look_at_softmax(x.shape, axis)
    y = jax.nn.softmax(x, axis=as_axes(axis))
    if axis in (-1, x.ndim - 1):
        note(y, "logits", ("softmax", x))
    return y


def look_at_softmax(shape: PartialShape, axis: Axes = -1) -> None:
    """Warns of a softmax over one number."""
    if isinstance(axis, int) and -len(shape) <= axis < len(shape) and shape[axis] == 1:
        expected = f"a softmax over one number is always 1, so nothing can be learned; axis {axis} has size 1"
        warn_user(message("softmax", expected, fix="For one probability, use a sigmoid"))


@op()
def log_softmax(x: TensorLike, axis: Axes = -1) -> Array:
    """log(softmax(x)) along `axis`."""
    return jax.nn.log_softmax(as_array(x), axis=as_axes(axis))


@op()
def sparsemax(x: TensorLike, axis: int = -1) -> Array:
    """max(x - t, 0) with t such that the sum along `axis` is 1: a softmax with zeros.

    Source: Martins and Astudillo, "From softmax to sparsemax", 2016. Keras 3.15 sums partial sums for t, so that its
    rows do not sum to 1.
    """
    x = as_array(x)
    down = jnp.flip(jnp.sort(x, axis=axis), axis)
    total = jnp.cumsum(down, axis=axis)
    count = jnp.arange(1, x.shape[axis] + 1).reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
    inside = 1 + count * down > total
    size = jnp.sum(inside, axis=axis, keepdims=True)
    return larger(x - (jnp.sum(jnp.where(inside, down, 0), axis=axis, keepdims=True) - 1) / size, 0)


swish, hard_swish = silu, hard_silu
