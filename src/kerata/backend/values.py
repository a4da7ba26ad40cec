"""Variables and values: making, reading and setting them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata import ops
from kerata import random as draws
from kerata.base.checks import message
from kerata.config import floatx
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.variable import Variable, standardize_dtype
from kerata.layers import Input
from kerata.models import Model
from kerata.ops.core import cast, shape


def variable(value, dtype=None, name=None, constraint=None):
    """A variable that holds a value."""
    return Variable(np.asarray(value), dtype=standardize_dtype(dtype), name=name, constraint=constraint)


def constant(value, dtype=None, shape=None, name=None):
    """An array that holds a value."""
    array = jnp.asarray(value, standardize_dtype(dtype))
    return array if shape is None else jnp.broadcast_to(array, shape)


def placeholder(shape=None, ndim=None, dtype=None, sparse=False, name=None):
    """An input of a model, by its shape with the batch."""
    return Input(batch_shape=(None,) * (ndim or 0) if shape is None else tuple(shape), dtype=dtype, name=name)


def function(inputs, outputs, updates=None, name=None):
    """A function from symbolic inputs to symbolic outputs, on arrays: a part of a model, run by itself.

    >>> import kerata
    >>> x = kerata.Input((2,))
    >>> double = kerata.backend.function([x], [x * 2.0])
    >>> double([np.ones((1, 2), "float32")])[0].tolist()
    [[2.0, 2.0]]
    """
    if updates:
        raise NotImplementedError(
            message(
                "K.function", "`updates` are not supported", {"updates": updates}, "Define a train_step in a Model of your own"
            )
        )
    inputs, single = list(inputs), isinstance(outputs, SymbolicTensor)
    model = Model(inputs, [outputs] if single else list(outputs))

    def call(values: object) -> object:
        values = values if isinstance(values, (list, tuple)) else [values]
        found = model([jnp.asarray(v, t.dtype) for v, t in zip(values, inputs, strict=True)])
        # Programs write into what they get.
        arrays = [np.array(array) for array in jax.tree.leaves(found)]
        return arrays[0] if single else arrays

    return call


def get_value(x):
    """The value of a variable, array or hyperparameter, as NumPy has it."""
    return x.numpy() if hasattr(x, "numpy") else np.array(x)


def set_value(x, value):
    """Gives a variable or hyperparameter (`model.optimizer.lr`) a new value."""
    x.assign(np.asarray(value))


def batch_get_value(tensors):
    """The values of several variables."""
    return [get_value(x) for x in tensors]


def batch_set_value(tuples):
    """Gives several variables new values, from pairs (variable, value)."""
    for x, value in tuples:
        set_value(x, value)


def update(x, new_x):
    """Gives a variable a new value."""
    x.assign(new_x)
    return x


def update_add(x, increment):
    """Adds to a variable."""
    return update(x, x.value + increment)


def update_sub(x, decrement):
    """Subtracts from a variable."""
    return update(x, x.value - decrement)


def moving_average_update(x, value, momentum):
    """x = x * momentum + value * (1 - momentum)."""
    return update(x, x.value * momentum + value * (1.0 - momentum))


def eval(x):
    """The numbers of an array or variable."""
    return get_value(x)


def int_shape(x):
    """The sizes of the axes, `None` where they are open."""
    return shape(x)


def count_params(x):
    """How many numbers a variable holds."""
    sizes: Any = shape(x)
    return int(np.prod(sizes))


def is_sparse(tensor):
    """Always `False`: there are no sparse tensors."""
    return False


def to_dense(tensor):
    """The tensor, which is dense."""
    return tensor


def cast_to_floatx(x):
    """x as the default float type."""
    return np.asarray(x, floatx()) if isinstance(x, (np.ndarray, list, tuple, float, int)) else cast(x, floatx())


def zeros(shape, dtype=None, name=None):
    """A variable of zeros."""
    return variable(np.zeros(shape), dtype, name)


def ones(shape, dtype=None, name=None):
    """A variable of ones."""
    return variable(np.ones(shape), dtype, name)


def eye(size, dtype=None, name=None):
    """A variable that holds the identity matrix."""
    return variable(np.eye(*size) if isinstance(size, (list, tuple)) else np.eye(size), dtype, name)


def zeros_like(x, dtype=None, name=None):
    """Zeros in the shape of x."""
    return ops.zeros_like(x, dtype)


def ones_like(x, dtype=None, name=None):
    """Ones in the shape of x."""
    return ops.ones_like(x, dtype)


def random_normal_variable(shape, mean, scale, dtype=None, name=None, seed=None):
    """A variable of normal numbers."""
    return variable(draws.normal(shape, mean, scale, dtype, seed), dtype, name)


def random_uniform_variable(shape, low, high, dtype=None, name=None, seed=None):
    """A variable of uniform numbers."""
    return variable(draws.uniform(shape, low, high, dtype, seed), dtype, name)
