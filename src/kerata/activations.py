"""Activations: functions that layers apply to their outputs, by name, as functions, or as layers."""

import types
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kerata.base import registry
from kerata.base.absent import explain
from kerata.base.registry import builtin
from kerata.base.serialization import resolve, serialize_keras_object, serialize_named
from kerata.base.types import Plain
from kerata.engine.symbolic import traceable
from kerata.kernels.maxima import within
from kerata.ops import activations as ops
from kerata.ops.activations import celu as celu
from kerata.ops.activations import elu as elu
from kerata.ops.activations import glu as glu
from kerata.ops.activations import hard_shrink as hard_shrink
from kerata.ops.activations import hard_sigmoid as hard_sigmoid
from kerata.ops.activations import hard_silu as hard_silu
from kerata.ops.activations import hard_swish as hard_swish
from kerata.ops.activations import hard_tanh as hard_tanh
from kerata.ops.activations import leaky_relu as leaky_relu
from kerata.ops.activations import log_sigmoid as log_sigmoid
from kerata.ops.activations import log_softmax as log_softmax
from kerata.ops.activations import mish as mish
from kerata.ops.activations import relu6 as relu6
from kerata.ops.activations import selu as selu
from kerata.ops.activations import sigmoid as sigmoid
from kerata.ops.activations import silu as silu
from kerata.ops.activations import soft_shrink as soft_shrink
from kerata.ops.activations import softmax as softmax
from kerata.ops.activations import softplus as softplus
from kerata.ops.activations import softsign as softsign
from kerata.ops.activations import sparse_plus as sparse_plus
from kerata.ops.activations import sparse_sigmoid as sparse_sigmoid
from kerata.ops.activations import sparsemax as sparsemax
from kerata.ops.activations import squareplus as squareplus
from kerata.ops.activations import swish as swish
from kerata.ops.activations import tanh as tanh
from kerata.ops.activations import tanh_shrink as tanh_shrink
from kerata.ops.activations import threshold as threshold
from kerata.ops.forms import op, tell_translation
from kerata.ops.numpy import exp

# Whether 0 stays 0, with a finite slope there: features that are not there stay so.
for _function, _keeps, *_aliases in (
    (celu, True),
    (elu, True),
    (glu, False),
    (hard_shrink, True),
    (hard_sigmoid, False),
    (hard_silu, True, "hard_swish"),
    (hard_tanh, True),
    (leaky_relu, True),
    (log_sigmoid, False),
    (log_softmax, False),
    (mish, True),
    (relu6, True),
    (selu, True),
    (sigmoid, False),
    (silu, True, "swish"),
    (soft_shrink, True),
    (softmax, False),
    (softplus, False),
    (softsign, True),
    (sparse_plus, False),
    (sparse_sigmoid, False),
    (sparsemax, False),
    (squareplus, False),
    (tanh, True),
    (tanh_shrink, True),
    (threshold, False),
):
    builtin("activations", *_aliases, keeps_zeros=_keeps)(_function)


@builtin("activations", keeps_zeros=True)
def linear(x):
    """x.

    >>> import kerata
    >>> kerata.activations.get(None) is kerata.activations.linear
    True
    """
    return x


@builtin("activations", keeps_zeros=True)
@op(keeps_nan=True, written="ReLU")
def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """min(x, max_value) where x > threshold, negative_slope * (x - threshold) elsewhere; max(x, 0) by default.

    Args:
        negative_slope: the slope below the threshold.
        max_value: the largest output, or `None`.
        threshold: where the output leaves the lower line.

    >>> import kerata, numpy as np
    >>> kerata.activations.relu(np.array([-2.0, 1.0, 9.0]), negative_slope=0.5, max_value=6.0).tolist()
    [-1.0, 1.0, 6.0]
    """
    x = jnp.asarray(x)
    if _is(threshold, 0) and max_value is None:
        return jax.nn.relu(x) if _is(negative_slope, 0) else jax.nn.leaky_relu(x, negative_slope)
    if _is(threshold, 0) and _is(negative_slope, 0) and _is(max_value, 6):
        return jax.nn.relu6(x)
    above = x if max_value is None else within(x, 0, max_value)
    return jnp.where(x > threshold, above, negative_slope * (x - threshold)).astype(x.dtype)


# Without settings, the plain one: files of all eras have it.
tell_translation(relu, lambda args, kwargs: (ops.relu, args, kwargs) if len(args) + len(kwargs) == 1 else None)


def _is(value: object, number: float) -> bool:
    """Whether a value is known to be this number; one that is traced is not."""
    return isinstance(value, (int, float)) and value == number


@builtin("activations", keeps_zeros=True)
@op()
def gelu(x, approximate=False):
    """x * P(N(0, 1) <= x), or its approximation by tanh.

    Args:
        approximate: whether to approximate; `kerata.ops.gelu` does unless told otherwise.

    Source: Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    >>> import kerata
    >>> round(float(kerata.activations.gelu(1.0)), 4)
    0.8413
    """
    return ops.gelu(x, approximate)


@builtin("activations")
@traceable
def exponential(x):
    """exp(x).

    >>> import kerata
    >>> float(kerata.activations.exponential(0.0))
    1.0
    """
    return jnp.exp(jnp.asarray(x))


tell_translation(exponential, lambda args, kwargs: (exp, args, kwargs))


@builtin("activations")
@traceable
def legacy_hard_sigmoid(x):
    """max(0, min(1, 0.2 x + 0.5)), the hard sigmoid of Keras 1 and 2; that of today has the slope 1 / 6.

    >>> import kerata
    >>> round(float(kerata.activations.legacy_hard_sigmoid(1.0)), 4)
    0.7
    """
    return within(0.2 * jnp.asarray(x) + 0.5, 0.0, 1.0)


def get(identifier: object) -> Callable[..., Any]:
    """The activation that a name, config, function or layer stands for; `None` stands for `linear`.

    >>> get("relu") is relu
    True
    """
    return linear if identifier is None else resolve("activations", identifier, "activations.get", "identifier")


def serialize(activation: object) -> Plain:
    """The bare name of a built-in activation; everything else as plain data in Keras's form.

    >>> serialize(relu)
    'relu'
    """
    if isinstance(activation, types.FunctionType):
        return serialize_named("activations", activation)
    return serialize_keras_object(activation)


def deserialize(config: object, custom_objects: dict[str, Any] | None = None) -> Callable[..., Any]:
    """The activation that `serialize` wrote, or that a name stands for."""
    with registry.CustomObjectScope(custom_objects or {}):
        return get(config)


__getattr__ = explain("kerata.activations")
