"""`from keras import backend as K` of the eras: today's functions, and those that differ or are gone."""

import builtins
import contextlib
import functools
import importlib
import types
from collections.abc import Callable, Sequence
from typing import NoReturn, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kerata import backend, ops
from kerata.base.checks import check_choice, message
from kerata.base.types import DTypeLike, PartialShape, ShapeLike
from kerata.engine.symbolic import SymbolicTensor, traceable
from kerata.engine.types import Array, Described, HasArray, HostArray, TensorLike, WeightFunction
from kerata.engine.variable import Variable
from kerata.kernels.maxima import first_larger, first_smaller, first_within, magnitude
from kerata.layers.retired import enlarge
from kerata.legacy.changes import CHANGES, where_it_counts
from kerata.legacy.crossentropy import OF_BACKEND
from kerata.legacy.enlarging import ERAS, enlarge_to
from kerata.legacy.functions import function, gradients
from kerata.legacy.graphs import get_session, set_session
from kerata.legacy.loops import calling
from kerata.legacy.own_updates import keeping
from kerata.legacy.phases import (
    forget_phase,
    in_test_phase,
    in_train_phase,
    learning_phase,
    learning_phase_scope,
    set_learning_phase,
)
from kerata.legacy.shared import TURNS, following
from kerata.legacy.tensorflow.decoding import search
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.layers import followed, in_use
from kerata.legacy.tensorflow.reductions import of_nothing
from kerata.legacy.tensorflow.sizes import shape as shape_of
from kerata.legacy.tensorflow.sizes import taking_sizes
from kerata.legacy.tensorflow.tape import tapes
from kerata.legacy.tensorflow.tensor import has_tensor
from kerata.legacy.written import as_operation, multiplying, switching

T = TypeVar("T")


class TypeName(str):
    """The name of a type of elements, with what programs ask of TensorFlow's types.

    >>> TypeName("float32").name, TypeName("float32").base_dtype == "float32"
    ('float32', True)
    """

    __slots__ = ()

    @property
    def name(self) -> str:
        return str(self)

    @property
    def base_dtype(self) -> "TypeName":
        return self

    @property
    def as_numpy_dtype(self) -> type[np.generic]:
        return jnp.dtype(str(self)).type


class OldVariable(Variable):
    """What `K.variable` gave: its type has a name."""

    @property
    def dtype(self) -> TypeName:
        return TypeName(super().dtype)


# As any variable, it comes back as an array.
jax.tree_util.register_pytree_node(OldVariable, lambda variable: ((variable.value,), None), lambda _, children: children[0])  # type: ignore[arg-type]


def variable(
    value: TensorLike, dtype: DTypeLike | None = None, name: str | None = None, constraint: WeightFunction | None = None
) -> Variable:
    """A variable that holds a value."""
    found = backend.variable(value, dtype, name, constraint)
    found.__class__ = OldVariable
    return found


def placeholder(
    shape: ShapeLike | None = None,
    ndim: int | None = None,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
    name: str | None = None,
) -> SymbolicTensor:
    """What a function of `K.function` is given; no layer has made it, but a model may begin there."""
    found = backend.placeholder(shape, ndim, dtype, sparse, name)
    found.is_placeholder = True  # type: ignore[attr-defined]
    return found


FORMS = {"th": "channels_first", "tf": "channels_last", "default": None}


def clear_session() -> None:
    forget_phase()
    backend.clear_session()


def softmax(x: TensorLike, axis: int = -1) -> Array | SymbolicTensor:
    return backend.softmax(x, axis)


def is_symbolic(x: object) -> bool:
    return isinstance(x, SymbolicTensor)


def is_placeholder(x: object) -> bool:
    return is_symbolic(x) and hasattr(x, "is_placeholder")


def is_tensor(x: object) -> bool:
    return isinstance(x, (SymbolicTensor, Variable, jax.Array))


def is_variable(x: object) -> bool:
    return isinstance(x, Variable)


@traceable
def abs(x):
    """The absolute value, whose slope at 0 is 0, as in TensorFlow."""
    return magnitude(x)


@traceable
def maximum(x, y):
    """The larger of two numbers; where they are equal, the first has the slope, as in TensorFlow."""
    return first_larger(jnp.asarray(x), jnp.asarray(y) if hasattr(y, "shape") else y)


@traceable
def minimum(x, y):
    """The smaller of two numbers; where they are equal, the first has the slope, as in TensorFlow."""
    return first_smaller(jnp.asarray(x), jnp.asarray(y) if hasattr(y, "shape") else y)


@traceable
def clip(x, min_value, max_value):
    """x within two bounds, which are within themselves: their slope is 1, as in TensorFlow."""
    if isinstance(min_value, (int, float)) and isinstance(max_value, (int, float)) and max_value < min_value:
        max_value = min_value
    x = jnp.asarray(x)
    return first_within(x, *(None if one is None else jnp.asarray(one, x.dtype) for one in (min_value, max_value)))


def sqrt(x):
    """The square root; 0 of what is below 0, as rounding may make it.

    >>> sqrt(np.array([-1.0, 4.0], "float32")).tolist()
    [0.0, 2.0]
    """
    return ops.sqrt(maximum(x, 0.0))


def batch_flatten(x: TensorLike) -> Array | SymbolicTensor:
    return backend.batch_flatten(x)


def resize_images_2(X, height_factor, width_factor, data_format=None, interpolation="nearest"):
    """Pictures enlarged by whole factors, before TensorFlow 2."""
    if interpolation != "bilinear":
        return resize_images(X, height_factor, width_factor, data_format, interpolation)
    return enlarge(X, (height_factor, width_factor), 1 if normalize_data_format(data_format) == "channels_last" else 2)


def resize_images(X, height_factor, width_factor, data_format=None, interpolation="nearest", dim_ordering=None):
    """Pictures so many times as high and wide."""
    form = str(dim_ordering or data_format or "default")
    return backend.resize_images(X, height_factor, width_factor, normalize_data_format(FORMS.get(form, form)), interpolation)


def resize_volumes(X, depth_factor, height_factor, width_factor, data_format=None, dim_ordering=None):
    """Volumes so many times as deep, high and wide."""
    form = str(dim_ordering or data_format or "default")
    return backend.resize_volumes(X, depth_factor, height_factor, width_factor, normalize_data_format(FORMS.get(form, form)))


def reshape(x, shape):
    """The same numbers in another shape."""
    return backend.reshape(x, shape)


def batch_dot(x, y, axes=None):
    """For each sample the sum of products over one axis of x and one of y."""
    try:
        return backend.batch_dot(x, y, axes)
    except ValueError as error:
        error.add_note("Before 2.3, of more than three axes, it was a product for each place: kerata run --dialect keras22")
        raise


@traceable
def batch_dot_1(x, y, axes=None):
    """Before 2.3: where there are more axes than the batch and those of a product, a product for each place along them."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    pair = (x.ndim - 1, y.ndim - 2) if axes is None else (axes, axes) if isinstance(axes, int) else tuple(axes)
    if max(x.ndim, y.ndim) < 4 and (axes is None or 0 not in pair):
        return backend.batch_dot(x, y, axes)
    axes = pair
    if max(x.ndim, y.ndim) < 3:
        # Of two matrices, axis 0 was that of the samples.
        return jnp.sum(x * y if axes[0] == axes[1] else x.T * y, axes[1])[:, None]
    fewer, most = x.ndim - y.ndim, max(x.ndim, y.ndim)
    x, y = (jnp.reshape(one, (*one.shape, *[1] * (most - one.ndim))) for one in (x, y))
    x = x if axes[0] == most - 1 else jnp.swapaxes(x, -1, -2)
    y = jnp.swapaxes(y, -1, -2) if axes[1] == most - 1 else y
    product = jnp.matmul(x, y)
    if not fewer:
        return product
    # Where the axes of size 1 stand that one of them got.
    first = 2 * most - fewer - 3 if fewer > 0 else most + fewer - 1
    return jnp.squeeze(product, tuple(range(first, first + max(fewer, -fewer))))


def of_tables(gather: Callable[..., object]) -> Callable[..., object]:
    """`K.gather`, whose rows of a variable are those of `tf.gather`."""

    @functools.wraps(gather)
    def call(reference, indices):
        return (TABLE["gather"] if isinstance(reference, Variable) else gather)(reference, indices)

    return call


def backend_name() -> str:
    """Programs ask which backend there is: the one whose order of axes they then take."""
    return "tensorflow"


def manual_variable_initialization(value: bool) -> None:
    """Nothing: variables have values from the start."""


def is_keras_tensor(x: object) -> bool:
    """Whether a layer, or an Input, has made a symbolic tensor; what is no tensor at all is refused."""
    if not is_tensor(x):
        raise ValueError(message("K.is_keras_tensor", "a tensor or a variable is needed", {"x": x}))
    return is_symbolic(x) and not hasattr(x, "is_placeholder")


def dropout(x, level, noise_shape=None, seed=None):
    """x with the share `level` of its elements left out, the others larger."""
    if isinstance(level, (int, float)) and not 0.0 <= level < 1.0:
        raise ValueError(message("K.dropout", "`level` must be from 0 up to, and not, 1", {"level": level}))
    return backend.dropout(x, level, noise_shape, seed)


def bias_add(x, bias, data_format=None):
    """x + bias; one of several axes is given in the order of a picture with its channels last."""
    form = normalize_data_format(data_format)
    if form == "channels_first" and bias.ndim == x.ndim - 1 > 1:
        # The numbers in their order, as Keras 2 took them.
        bias = jnp.reshape(jnp.asarray(bias), (1, bias.shape[-1], *bias.shape[:-1]))
        return x + bias
    return backend.bias_add(x, bias, form)


def dtype(x: TensorLike) -> str:
    """The type of a tensor; of a number of Python's, such as a rate, that of floats."""
    return backend.floatx() if isinstance(x, (int, float)) else backend.dtype(x)


def get_variable_shape(x: Described) -> PartialShape:
    return tuple(x.shape)


def print_tensor(x: T, message: str = "") -> T:
    """x, which is printed each time that it is computed."""
    jax.debug.print(message + "{x}", x=x)
    return x


def identity(x: T, name: str | None = None) -> T:
    return x


def constant(
    value: TensorLike, dtype: DTypeLike | None = None, shape: ShapeLike | None = None, name: str | None = None
) -> Array:
    """An array of a value; with a `shape`, of so many copies of one number, or of the numbers of a list in that shape.

    >>> constant([1, 2, 3, 4], shape=(2, 2)).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    array = backend.constant(value, dtype)
    if shape is None:
        return array
    return jnp.reshape(array, shape) if array.size == np.prod(shape) else jnp.broadcast_to(array, shape)


def arange(start: int, stop: int | None = None, step: int = 1, dtype: str = "int32") -> Array | SymbolicTensor:
    return backend.arange(start, stop, step, dtype)


def ctc_label_dense_to_sparse(labels: TensorLike, label_lengths: TensorLike) -> NoReturn:
    raise NotImplementedError(
        message("K.ctc_label_dense_to_sparse", "there are no sparse tensors", None, "Use K.ctc_batch_cost")
    )


def local_conv1d(
    inputs: HasArray,
    kernel: HostArray | Array,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    data_format: str | None = None,
) -> Array:
    """A convolution whose kernel (places, window x channels, filters) is another one at each step."""
    stride, size = strides[0], kernel_size[0]
    steps = jnp.arange(kernel.shape[0])[:, None] * stride + jnp.arange(size)
    windows = jnp.take(jnp.asarray(inputs), steps, axis=1)
    return jnp.einsum("bpw,pwf->bpf", windows.reshape(windows.shape[0], kernel.shape[0], -1), jnp.asarray(kernel))


def local_conv2d(inputs, kernel, kernel_size, strides, output_shape, data_format=None):
    """A convolution whose kernel (places, window x channels, filters) is another one at each place."""
    x = jnp.asarray(inputs)
    first = (data_format or backend.image_data_format()) == "channels_first"
    x = jnp.moveaxis(x, 1, -1) if first else x
    for axis, (places, size, stride) in enumerate(zip(output_shape, kernel_size, strides, strict=True)):
        x = jnp.take(x, jnp.arange(places)[:, None] * stride + jnp.arange(size), axis=1 + 2 * axis)
    x = jnp.transpose(x, (0, 1, 3, 2, 4, 5))
    kernel = jnp.asarray(kernel)
    y = jnp.einsum("bpw,pwf->bpf", x.reshape(len(x), kernel.shape[0], -1), kernel)
    y = y.reshape(len(x), *output_shape, kernel.shape[-1])
    return jnp.moveaxis(y, -1, 1) if first else y


def conv2d_transpose(x, kernel, output_shape, strides=(1, 1), padding="valid", data_format=None, dilation_rate=(1, 1)):
    """The gradient of a convolution, as a convolution."""
    return enlarge_to(x, kernel, output_shape, strides, padding, data_format, dilation_rate)


def conv3d_transpose(x, kernel, output_shape, strides=(1, 1, 1), padding="valid", data_format=None):
    return enlarge_to(x, kernel, output_shape, strides, padding, data_format)


def deconv2d(x, kernel, output_shape, strides=(1, 1), padding="valid", data_format=None):
    """Keras 1's name of `conv2d_transpose`."""
    return conv2d_transpose(x, kernel, output_shape, strides, padding, data_format)


def atrous_conv2d(x, kernel, rate=1, padding="valid", data_format=None):
    return ops.conv(x, kernel, 1, padding, data_format, rate)


def separable_conv1d(x, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


def random_normal_1(shape, mean=0.0, std=1.0, dtype=None, seed=None):
    """Normal numbers; Keras 1 called their deviation `std`."""
    return backend.random_normal(shape, mean, std, dtype, seed)


def spatial_2d_padding_1(x, padding=(1, 1), dim_ordering="default"):
    return backend.spatial_2d_padding(x, tuple((n, n) for n in padding), FORMS[dim_ordering])


def spatial_3d_padding_1(x, padding=(1, 1, 1), data_format=None):
    return backend.spatial_3d_padding(x, tuple((n, n) for n in padding), data_format)


def temporal_padding_1(x, padding=1):
    return backend.temporal_padding(x, (padding, padding))


def asymmetric_temporal_padding(x, left_pad=1, right_pad=1):
    return backend.temporal_padding(x, (left_pad, right_pad))


def asymmetric_spatial_2d_padding(x, top_pad=1, bottom_pad=1, left_pad=1, right_pad=1, dim_ordering="default"):
    return backend.spatial_2d_padding(x, ((top_pad, bottom_pad), (left_pad, right_pad)), FORMS[dim_ordering])


def lesser(x, y):
    return backend.less(x, y)


def lesser_equal(x, y):
    return backend.less_equal(x, y)


def normalize_batch_in_training(x, gamma, beta, reduction_axes, epsilon=1e-3):
    """(x normalized by its own mean and variance, the mean, the variance)."""
    x = jnp.asarray(x)
    mean, variance = (f(x, axis=tuple(reduction_axes), keepdims=True) for f in (jnp.mean, jnp.var))
    normed = (x - mean) / jnp.sqrt(variance + epsilon)
    shape = [1 if axis in reduction_axes else size for axis, size in enumerate(x.shape)]
    for part, join in ((gamma, jnp.multiply), (beta, jnp.add)):
        if part is not None:
            normed = join(normed, jnp.reshape(jnp.asarray(part), shape))
    return normed, jnp.squeeze(mean), jnp.squeeze(variance)


def ctc_decode(y_pred, input_length, greedy=True, beam_width=100, top_paths=1, merge_repeated=False):
    """(list of labels, filled up with -1; minus the logarithm of their probabilities, or with beams that logarithm)."""
    if not greedy:
        if is_symbolic(y_pred) or isinstance(y_pred, Tracer):
            fix = "Decode what predict() gave"
            raise NotImplementedError(message("K.ctc_decode", "beams are searched in numbers alone", {"y_pred": y_pred}, fix))
        logits = np.log(np.asarray(y_pred, "float32") + backend.epsilon())
        return search(logits, np.asarray(input_length, int).ravel(), beam_width, top_paths, merge_repeated)
    y_pred = jnp.log(jnp.asarray(y_pred) + backend.epsilon())
    mask = y_pred.shape[-1] - 1
    labels, scores = ops.ctc_decode(y_pred, jnp.asarray(input_length), strategy="greedy", merge_repeated=True, mask_index=mask)
    return [without_filling(one) for one in labels], scores


_decode = followed(ctc_decode)


def _decode_of_tf(y_pred, input_length, greedy=True, beam_width=100, top_paths=1):
    """`ctc_decode` of `tf.keras`: labels are whole numbers of 64 bits, as many as there are steps, filled up with -1."""
    labels, scores = _decode(y_pred, input_length, greedy, beam_width, top_paths)
    steps = y_pred.shape[1]
    filled = [TABLE["pad"](one, [[0, 0], [0, steps - one.shape[1]]], constant_values=-1) for one in labels]
    return [TABLE["cast"](one, "int64") for one in filled], scores


def without_filling(labels):
    """Decoded labels without the columns at the end in which there is none; where they are numbers already."""
    if isinstance(labels, Tracer):
        return labels
    used = np.flatnonzero((np.asarray(labels) >= 0).any(axis=0))
    return labels[:, : used[-1] + 1 if len(used) else 0]


def size(x: Described, name: str | None = None) -> int:
    return int(np.prod(x.shape))


def slice(x: Array, start: Sequence[int], size: Sequence[int]) -> Array:
    """A part of an array: from `start` on, `size` long along each axis; -1 means to the end."""
    ends = [None if n == -1 else a + n for a, n in zip(start, size, strict=True)]
    return x[tuple(builtins.slice(a, b) for a, b in zip(start, ends, strict=True))]


def control_dependencies(control_inputs: object) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def eager(function: T) -> T:
    return function


symbolic = eager


def get_graph() -> None:
    """Nothing: there is no graph of a session."""


_uids: dict[str, int] = {}


def get_uid(prefix: str = "") -> int:
    """1, 2, 3, ... for each prefix."""
    _uids[prefix] = _uids.get(prefix, 0) + 1
    return _uids[prefix]


def reset_uids() -> None:
    """Starts counting anew."""
    _uids.clear()


def normalize_data_format(value: str | None) -> str:
    form = backend.image_data_format() if value is None else str(value).lower()
    return check_choice("normalize_data_format", "data_format", form, ("channels_first", "channels_last"))


# What takes a shape takes symbolic sizes in it.
SIZED = ("reshape", "zeros", "ones", "random_normal", "random_uniform", "random_binomial", "truncated_normal", "tile", "arange")
OWN = {
    name: value
    for name, value in list(globals().items())
    if not name.startswith("_")
    and callable(value)
    and getattr(value, "__module__", "") == __name__
    and not isinstance(value, type)
}
OWN["shape"] = shape_of
OWN |= {"get_session": get_session, "set_session": set_session}
for _taken in (function, gradients, in_test_phase, in_train_phase, learning_phase, learning_phase_scope, set_learning_phase):
    OWN[_taken.__name__] = _taken
OWN |= {name: taking_sizes(OWN.get(name) or getattr(backend, name)) for name in SIZED if hasattr(backend, name)}


# What optimizers of a program's own make and change.
OWN |= {name: keeping(OWN[name]) for name in ("variable", "zeros", "ones")}
OWN |= CHANGES

OWN |= {"switch": switching(backend.switch), "max": of_nothing(ops.max, -1), "min": of_nothing(ops.min, 1)}
for _function, _operation in ((maximum, ops.maximum), (minimum, ops.minimum), (clip, ops.clip), (abs, ops.absolute)):
    as_operation(_function, _operation)

# Functions that look at tensors, and give none.
LOOKING = frozenset({"get_value", "eval", "int_shape", "shape", "ndim", "dtype", "is_tensor", "is_keras_tensor", "is_variable"})
# Functions that call those of a program's own.
CALLING = ("rnn", "map_fn", "foldl", "foldr", "switch")
LOOKING |= {
    "in_train_phase",
    "in_test_phase",
    "learning_phase_scope",
    "function",
    "gradients",
    *CHANGES,
    "set_value",
    "batch_set_value",
    "batch_get_value",
    "count_params",
    "backend",
    "cast_to_floatx",
}


def maker(era: str, name: str) -> object:
    """A function of K in an era, or what its module had imported."""
    if era == "tfkeras2" and name in ("variable", "placeholder"):
        return followed(getattr(backend, name))
    if (era == "keras1" and f"{name}_1" in OWN) or (era == "keras22" and name == "batch_dot"):
        return of_tensors(OWN[f"{name}_1"])
    if era == "tfkeras2" and name == "ctc_decode":
        return _decode_of_tf
    if era == "tfkeras2" and name == "batch_dot":
        return followed(multiplying(batch_dot))
    if name == "resize_images" and era in ERAS:
        return of_tensors(resize_images_2)
    if name == "backend":
        return backend_name
    if name in OF_BACKEND[era]:
        return followed(OF_BACKEND[era][name]) if era == "tfkeras2" else of_tensors(OF_BACKEND[era][name])
    if name == "np":
        return np
    if name in ("tf", "control_flow_ops"):
        tensorflow = importlib.import_module("tensorflow")
        return tensorflow if name == "tf" else types.SimpleNamespace(while_loop=tensorflow.while_loop, cond=tensorflow.cond)
    if name == "image_dim_ordering" and era == "tfkeras2":
        raise AttributeError(message("K", "image_dim_ordering() is of Keras 1", None, "Use K.image_data_format()"))
    found = OWN[name] if name in OWN else getattr(backend, name)
    if name == "function" and era == "tfkeras2":
        return functools.partial(function, changes_layers=True)
    if name in CHANGES and era != "tfkeras2":
        return where_it_counts(CHANGES[name])
    if name in LOOKING or isinstance(found, type):
        return found
    if era != "tfkeras2" and name in TURNS:
        return of_tensors(following(name, found))
    if name in CALLING:
        return calling(name, followed(found) if era == "tfkeras2" else of_tensors(found))
    if name == "gather" and era == "tfkeras2":
        return of_tables(followed(found))
    return followed(found) if era == "tfkeras2" else of_tensors(found)


def of_tensors(function: Callable[..., object]) -> Callable[..., object]:
    """A function of arrays that gives tensors for tensors: in programs of Keras 1 and 2 that use TensorFlow beside."""
    follow = followed(function)

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        return (follow if in_use[0] and (tapes() or has_tensor(args) or has_tensor(kwargs)) else function)(*args, **kwargs)

    return call


def names(era: str) -> list[str]:
    """All functions of K."""
    public = [name for name in vars(backend) if not name.startswith("_")]
    own = [
        name for name in (*OWN, *OF_BACKEND[era]) if not name.endswith("_1") and name not in ("maker", "names", "backend_name")
    ]
    # What the module of the backend had imported itself.
    imported = () if era == "tfkeras2" else ("tf", "np", "control_flow_ops")
    return sorted({*public, *own, *imported})
