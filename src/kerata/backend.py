"""`from keras import backend as K`: Keras 3's `keras.backend`, and the functions of K that older programs call.

New programs take `kerata.ops`, `kerata.config` and `kerata.random`.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerata import activations, ops
from kerata import random as draws
from kerata.base.checks import check_choice, did_you_mean, message
from kerata.base.config import standardize_data_format
from kerata.config import backend as backend
from kerata.config import epsilon as epsilon
from kerata.config import floatx as floatx
from kerata.config import image_data_format as image_data_format
from kerata.config import set_epsilon as set_epsilon
from kerata.config import set_floatx as set_floatx
from kerata.config import set_image_data_format as set_image_data_format
from kerata.engine.session import clear_session as clear_session
from kerata.engine.symbolic import SymbolicTensor, is_symbolic, traceable
from kerata.engine.variable import Variable
from kerata.engine.variable import name_scope as name_scope
from kerata.engine.variable import standardize_dtype as standardize_dtype
from kerata.layers import Input
from kerata.models import Model
from kerata.ops.activations import elu as elu
from kerata.ops.activations import sigmoid as sigmoid
from kerata.ops.activations import softmax as softmax
from kerata.ops.activations import softplus as softplus
from kerata.ops.activations import softsign as softsign
from kerata.ops.activations import tanh as tanh
from kerata.ops.core import cast as cast
from kerata.ops.core import dtype as dtype
from kerata.ops.core import shape as shape
from kerata.ops.core import stop_gradient as stop_gradient
from kerata.ops.linalg import norm as norm
from kerata.ops.math import logsumexp as logsumexp
from kerata.ops.nn import binary_crossentropy as binary_crossentropy
from kerata.ops.nn import categorical_crossentropy as categorical_crossentropy
from kerata.ops.nn import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from kerata.ops.numpy import abs as abs
from kerata.ops.numpy import cos as cos
from kerata.ops.numpy import dot as dot
from kerata.ops.numpy import exp as exp
from kerata.ops.numpy import log as log
from kerata.ops.numpy import max as max
from kerata.ops.numpy import min as min
from kerata.ops.numpy import ndim as ndim
from kerata.ops.numpy import prod as prod
from kerata.ops.numpy import reshape as reshape
from kerata.ops.numpy import round as round
from kerata.ops.numpy import sign as sign
from kerata.ops.numpy import sin as sin
from kerata.ops.numpy import sqrt as sqrt
from kerata.ops.numpy import square as square
from kerata.ops.numpy import squeeze as squeeze
from kerata.ops.numpy import stack as stack
from kerata.ops.numpy import std as std
from kerata.ops.numpy import sum as sum
from kerata.ops.numpy import transpose as transpose
from kerata.ops.numpy import var as var
from kerata.random import truncated_normal as truncated_normal

# Keras 3's own.

_uids: dict[str, int] = defaultdict(int)


def is_keras_tensor(x):
    """Whether x is a symbolic tensor.

    >>> import kerata
    >>> kerata.backend.is_keras_tensor(kerata.Input((2,)))
    True
    """
    return is_symbolic(x)


def is_float_dtype(dtype):
    """Whether a type holds floats."""
    return jnp.issubdtype(jnp.dtype(standardize_dtype(dtype)), jnp.floating)


def is_int_dtype(dtype):
    """Whether a type holds whole numbers."""
    return jnp.issubdtype(jnp.dtype(standardize_dtype(dtype)), jnp.integer)


def result_type(*dtypes):
    """The type of a computation with arrays of some types.

    >>> result_type("int32", "bfloat16")
    'bfloat16'
    """
    return jnp.result_type(*[d if d in (int, float, bool) else standardize_dtype(d) for d in dtypes or (None,)]).name


def get_uid(prefix=""):
    """1, 2, 3, ... for each prefix."""
    _uids[prefix] += 1
    return _uids[prefix]


# Variables and values.


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

    def call(values: Any) -> Any:
        values = values if isinstance(values, (list, tuple)) else [values]
        found = model([jnp.asarray(v, t.dtype) for v, t in zip(values, inputs, strict=True)])
        arrays = [np.asarray(array) for array in jax.tree.leaves(found)]
        return arrays[0] if single else arrays

    return call


def get_value(x):
    """The value of a variable, array or hyperparameter, as NumPy has it."""
    return x.numpy() if hasattr(x, "numpy") else np.asarray(x)


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
    return int(np.prod(shape(x)))


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


# Where K's names, arguments or defaults differ from those of `ops`.


def all(x, axis=None, keepdims=False):
    """Whether all are true."""
    return ops.all(ops.cast(x, "bool"), axis, keepdims)


def any(x, axis=None, keepdims=False):
    """Whether any is true."""
    return ops.any(ops.cast(x, "bool"), axis, keepdims)


def mean(x, axis=None, keepdims=False):
    """The mean, as a float."""
    return ops.mean(x, axis, keepdims)


def argmax(x, axis=-1):
    """The index of the first of the largest."""
    return ops.argmax(x, axis)


def argmin(x, axis=-1):
    """The index of the first of the smallest."""
    return ops.argmin(x, axis)


def arange(start, stop=None, step=1, dtype="int32"):
    """start, start + step, ... below stop."""
    return ops.arange(start, stop, step, dtype)


def pow(x, a):
    """x^a."""
    return ops.power(x, a)


def clip(x, min_value, max_value):
    """min(max(x, min_value), max_value)."""
    return ops.clip(x, min_value, max_value)


def cumsum(x, axis=0):
    """The sums of the first 1, 2, ... along `axis`."""
    return ops.cumsum(x, axis)


def cumprod(x, axis=0):
    """The products of the first 1, 2, ... along `axis`."""
    return ops.cumprod(x, axis)


def equal(x, y):
    """x == y."""
    return ops.equal(x, y)


def not_equal(x, y):
    """x != y."""
    return ops.not_equal(x, y)


def greater(x, y):
    """x > y."""
    return ops.greater(x, y)


def greater_equal(x, y):
    """x >= y."""
    return ops.greater_equal(x, y)


def less(x, y):
    """x < y."""
    return ops.less(x, y)


def less_equal(x, y):
    """x <= y."""
    return ops.less_equal(x, y)


def maximum(x, y):
    """The larger one."""
    return ops.maximum(x, y)


def minimum(x, y):
    """The smaller one."""
    return ops.minimum(x, y)


def concatenate(tensors, axis=-1):
    """Arrays one after the other along an axis."""
    return ops.concatenate(tensors, axis)


def expand_dims(x, axis=-1):
    """x with a new axis of size 1."""
    return ops.expand_dims(x, axis)


def permute_dimensions(x, pattern):
    """x with its axes in another order."""
    return ops.transpose(x, pattern)


def reverse(x, axes):
    """x with the order along axes reversed."""
    return ops.flip(x, tuple(axes) if isinstance(axes, (list, tuple)) else axes)


def flatten(x):
    """x as one row."""
    return ops.reshape(x, (-1,))


def batch_flatten(x):
    """Each sample as one row."""
    return ops.reshape(x, (-1, int(np.prod(shape(x)[1:]))))


def repeat(x, n):
    """(batch, size) to (batch, n, size)."""
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x, rep, axis):
    """Each slice along an axis `rep` times in a row."""
    return ops.repeat(x, rep, axis)


def tile(x, n):
    """x laid side by side n times."""
    return ops.tile(x, n)


def gather(reference, indices):
    """The rows at indices."""
    return ops.take(reference, indices, axis=0)


def one_hot(indices, num_classes):
    """1 at the index, 0 elsewhere."""
    return ops.one_hot(indices, num_classes)


def in_top_k(predictions, targets, k):
    """Whether fewer than k predictions of a row are above that of its target."""
    return ops.in_top_k(targets, predictions, k)


def l2_normalize(x, axis=None):
    """x / |x| along `axis`."""
    return ops.normalize(x, axis=axis if axis is not None else tuple(range(ndim(x))), epsilon=1e-6)


def relu(x, alpha=0.0, max_value=None, threshold=0.0):
    """min(x, max_value) where x > threshold, alpha * (x - threshold) elsewhere."""
    return activations.relu(x, alpha, max_value, threshold)


def hard_sigmoid(x):
    """clip(0.2 x + 0.5, 0, 1), K's own slope; `activations.hard_sigmoid` has 1 / 6."""
    return ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0)


def dropout(x, level, noise_shape=None, seed=None):
    """x * mask / (1 - level)."""
    return draws.dropout(x, level, noise_shape, seed)


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal numbers."""
    return draws.normal(shape, mean, stddev, dtype, seed)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Uniform numbers."""
    return draws.uniform(shape, minval, maxval, dtype, seed)


def random_bernoulli(shape, p=0.0, dtype=None, seed=None):
    """1 with probability p, else 0."""
    return ops.cast(draws.uniform(shape, seed=seed) < p, dtype or floatx())


random_binomial = random_bernoulli


@traceable
def batch_dot(x, y, axes=None):
    """For each sample the sum of products over one axis of x and one of y.

    >>> import kerata
    >>> kerata.backend.batch_dot(np.ones((2, 3)), np.ones((2, 3)), axes=1).shape
    (2, 1)
    """
    x, y = jnp.asarray(x), jnp.asarray(y)
    if axes is None:
        axes = (x.ndim - 1, y.ndim - 1 if y.ndim == 2 else y.ndim - 2)
    first, second = (axes, axes) if isinstance(axes, int) else axes
    pair = (first % x.ndim - 1, second % y.ndim - 1)
    if pair[0] < 0 or pair[1] < 0 or x.shape[pair[0] + 1] != y.shape[pair[1] + 1]:
        raise ValueError(
            message(
                "batch_dot", "`axes` must be axes of one size and not the batch", {"x": x.shape, "y": y.shape, "axes": axes}
            )
        )
    products = jax.vmap(lambda a, b: jnp.tensordot(a, b, ((pair[0],), (pair[1],))))(x, y)
    return products[:, None] if products.ndim == 1 else products


def bias_add(x, bias, data_format=None):
    """x + bias, one number for each channel (or a bias in the shape of a sample)."""
    bias = jnp.asarray(bias)
    if standardize_data_format(data_format) == "channels_first" and ndim(x) > 2:
        bias = bias.reshape(-1, *(1,) * (ndim(x) - 2)) if bias.ndim == 1 else jnp.moveaxis(bias, -1, 0)
    return ops.add(x, bias)


def batch_normalization(x, mean, var, beta, gamma, axis=-1, epsilon=1e-3):
    """(x - mean) / sqrt(var + epsilon) * gamma + beta."""
    return ops.batch_normalization(
        x,
        jnp.ravel(jnp.asarray(mean)),
        jnp.ravel(jnp.asarray(var)),
        axis,
        None if beta is None else jnp.ravel(jnp.asarray(beta)),
        None if gamma is None else jnp.ravel(jnp.asarray(gamma)),
        epsilon,
    )


# Windows.


def conv1d(x, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    """A convolution of sequences; `"causal"` padding looks back only."""
    if padding == "causal":
        before = (shape(kernel)[0] - 1) * dilation_rate
        last = standardize_data_format(data_format) == "channels_last"
        x, padding = ops.pad(x, ((0, 0), (before, 0), (0, 0)) if last else ((0, 0), (0, 0), (before, 0))), "valid"
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv2d(x, kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """A convolution of pictures."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def conv3d(x, kernel, strides=(1, 1, 1), padding="valid", data_format=None, dilation_rate=(1, 1, 1)):
    """A convolution of volumes."""
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def depthwise_conv2d(x, depthwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """A convolution of each channel by itself."""
    return ops.depthwise_conv(x, depthwise_kernel, strides, padding, data_format, dilation_rate)


def separable_conv2d(
    x, depthwise_kernel, pointwise_kernel, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)
):
    """A depthwise convolution and one of single pixels."""
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


def pool2d(x, pool_size, strides=(1, 1), padding="valid", data_format=None, pool_mode="max"):
    """The largest number (`"max"`) or the mean (`"avg"`) under each window."""
    pool = {"max": ops.max_pool, "avg": ops.average_pool}[check_choice("pool", "pool_mode", pool_mode, ("max", "avg"))]
    return pool(x, pool_size, strides, padding, data_format)


def pool3d(x, pool_size, strides=(1, 1, 1), padding="valid", data_format=None, pool_mode="max"):
    """`pool2d` for volumes."""
    return pool2d(x, pool_size, strides, padding, data_format, pool_mode)


def temporal_padding(x, padding=(1, 1)):
    """Zeros before and after each sequence."""
    return ops.pad(x, ((0, 0), tuple(padding), (0, 0)))


def spatial_2d_padding(x, padding=((1, 1), (1, 1)), data_format=None):
    """Zeros around each picture."""
    last = standardize_data_format(data_format) == "channels_last"
    return ops.pad(x, ((0, 0), *padding, (0, 0)) if last else ((0, 0), (0, 0), *padding))


def spatial_3d_padding(x, padding=((1, 1), (1, 1), (1, 1)), data_format=None):
    """Zeros around each volume."""
    return spatial_2d_padding(x, padding, data_format)


def resize_images(x, height_factor, width_factor, data_format, interpolation="nearest"):
    """Pictures enlarged by whole factors."""
    rows, columns = (1, 2) if data_format == "channels_last" else (2, 3)
    if interpolation == "nearest":
        return ops.repeat(ops.repeat(x, height_factor, axis=rows), width_factor, axis=columns)
    size = (shape(x)[rows] * height_factor, shape(x)[columns] * width_factor)
    return ops.image.resize(x, size, interpolation, data_format=data_format)


def resize_volumes(x, depth_factor, height_factor, width_factor, data_format):
    """Volumes enlarged by whole factors."""
    first = 1 if data_format == "channels_last" else 2
    for axis, factor in enumerate((depth_factor, height_factor, width_factor), first):
        x = ops.repeat(x, factor, axis=axis)
    return x


# Control flow.


def switch(condition, then_expression, else_expression):
    """One of two values or functions without arguments; a condition with axes chooses for each of its elements."""
    both = [value if callable(value) else (lambda value=value: value) for value in (then_expression, else_expression)]
    if not ndim(condition):
        return ops.cond(ops.cast(condition, "bool"), *both)
    then, otherwise = (jnp.asarray(value()) for value in both)
    condition = jnp.asarray(condition).astype(bool)
    return jnp.where(condition.reshape(condition.shape + (1,) * (then.ndim - condition.ndim)), then, otherwise)


def in_train_phase(x, alt, training=None):
    """x in training, alt otherwise; values or functions without arguments."""
    if training is None:
        raise ValueError(
            message(
                "in_train_phase",
                "`training` must be given: there is no global learning phase",
                None,
                "Give your layer's call() a `training` argument and pass it on",
            )
        )
    chosen = x if training else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x, alt, training=None):
    """x outside of training, alt in training."""
    return in_train_phase(alt, x, training)


def map_fn(fn, elems, name=None, dtype=None):
    """fn of each slice along the first axis."""
    return ops.map(fn, elems)


def foldl(fn, elems, initializer=None, name=None):
    """fn(... fn(fn(initial, first), second) ..., last)."""
    elems = jnp.asarray(elems)
    start, rest = (elems[0], elems[1:]) if initializer is None else (initializer, elems)
    return lax.scan(lambda carry, x: (fn(carry, x), None), start, rest)[0]


def foldr(fn, elems, initializer=None, name=None):
    """`foldl` from the last to the first."""
    return foldl(fn, jnp.flip(jnp.asarray(elems), 0), initializer)


def rnn(
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards=False,
    mask=None,
    constants=None,
    unroll=False,
    input_length=None,
    time_major=False,
    zero_output_for_mask=False,
    return_all_outputs=True,
):
    """(last output, outputs, last states) of a step (input, states) -> (output, new states) run over time.

    Args:
        inputs: (batch, time, ...).
        mask: (batch, time): where it is false, the states stay and the output is the previous one (or zero).
        constants: arrays given to each step behind the states.
        time_major: whether time is the first axis.
    """
    x = jnp.asarray(inputs) if time_major else jnp.swapaxes(jnp.asarray(inputs), 0, 1)  # (time, batch, ...)
    keep = jnp.ones(x.shape[:2], bool)
    if mask is not None:
        mask = jnp.asarray(mask).astype(bool)
        mask = mask[..., 0] if mask.ndim == 3 else mask
        keep = mask if time_major else mask.T
    behind = tuple(constants or ())
    states = tuple(jnp.asarray(state) for state in initial_states)
    empty = jax.eval_shape(lambda: step_function(x[0], states + behind)[0])

    def step(carry: tuple, now: tuple) -> tuple:
        states, previous = carry
        here, kept = now
        output, new = step_function(here, states + behind)
        output = jnp.where(_fit(kept, output), output, jnp.zeros_like(output) if zero_output_for_mask else previous)
        new = tuple(jnp.where(_fit(kept, n), n, old) for n, old in zip(new, states, strict=True))
        return (new, output), output

    start = (states, jnp.zeros(empty.shape, empty.dtype))
    (states, last), outputs = lax.scan(step, start, (x, keep), reverse=go_backwards)
    outputs = jnp.flip(outputs, 0) if go_backwards else outputs
    outputs = outputs if return_all_outputs else last[None]
    return last, outputs if time_major else jnp.swapaxes(outputs, 0, 1), list(states)


def _fit(mask: Any, array: Any) -> Any:
    return mask.reshape(mask.shape + (1,) * (array.ndim - mask.ndim))


def ctc_batch_cost(y_true, y_pred, input_length, label_length):
    """`ops.ctc_loss` of probabilities whose last class stands for no label: (batch, 1)."""
    y_pred = jnp.asarray(y_pred)
    lengths = [jnp.ravel(jnp.asarray(length)) for length in (label_length, input_length)]
    return ops.ctc_loss(y_true, jnp.log(y_pred + epsilon()), *lengths, mask_index=y_pred.shape[-1] - 1)[:, None]


# Keras 1's names of the layouts of pictures.


def image_dim_ordering():
    """`"tf"` for channels last, `"th"` for channels first."""
    return "tf" if image_data_format() == "channels_last" else "th"


def set_image_dim_ordering(dim_ordering):
    """Sets the layout of pictures by Keras 1's names."""
    check_choice("set_image_dim_ordering", "dim_ordering", dim_ordering, ("tf", "th"))
    set_image_data_format("channels_last" if dim_ordering == "tf" else "channels_first")


# What cannot be had, and what to take instead.
INSTEAD = {
    "gradients": "Use jax.grad of a function of arrays",
    "learning_phase": "Give your layer's call() a `training` argument, or call the model with training=True or False",
    "set_learning_phase": "Call the model with training=True or False",
    "get_session": "There are no sessions: call models and functions on arrays",
    "set_session": "There are no sessions: call models and functions on arrays",
    "tensorflow_backend": "Kerata computes with JAX",
}


def __getattr__(name: str) -> Any:
    known = [n for n in globals() if not n.startswith("_")]
    raise AttributeError(f"kerata.backend has no {name!r}. {INSTEAD.get(name) or did_you_mean(name, known)}".strip())
