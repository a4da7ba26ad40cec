"""`from keras import backend as K` of the eras: today's functions, and those that differ or are gone."""

import builtins
import contextlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata import backend, ops
from kerata.base.checks import message
from kerata.engine.random import make_key
from kerata.engine.scope import Scope
from kerata.engine.symbolic import Node, Operation, SymbolicTensor, flatten, run_nodes, sort_nodes
from kerata.engine.variable import Variable
from kerata.layers import InputLayer
from kerata.layers.phase import in_phase, training_now
from kerata.legacy.shapes import shape as shape_of
from kerata.legacy.shapes import taking_sizes
from kerata.models.graph import Graph

FORMS = {"th": "channels_first", "tf": "channels_last", "default": None}
_phase: dict[str, Any] = {"set": None}


def learning_phase() -> Any:
    """1 while the layer that asks is called in training, 0 elsewhere, or what `set_learning_phase` set."""
    if _phase["set"] is not None:
        return _phase["set"]
    return PHASE


class Phase:
    """The learning phase among the inputs of a `K.function`, and as a number where a layer asks for it."""

    name = "keras_learning_phase"

    def __bool__(self) -> bool:
        return bool(training_now())

    def __int__(self) -> int:
        return int(bool(self))

    __index__ = __int__

    def __eq__(self, other: Any) -> Any:
        return other is self or int(self) == other

    def __hash__(self) -> int:
        return id(self)


PHASE = Phase()


def set_learning_phase(value: int) -> None:
    """Fixes the learning phase: 0 for use, 1 for training."""
    if value not in (0, 1):
        raise ValueError(message("K.set_learning_phase", "the phase is 0 or 1", {"value": value}))
    _phase["set"] = value


def clear_session() -> None:
    _phase["set"] = None
    backend.clear_session()


def in_train_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """x in training, alt otherwise; values or functions without arguments."""
    if training is None or isinstance(training, Phase):
        training = bool(learning_phase())
    if is_symbolic(training) or (hasattr(training, "dtype") and not isinstance(training, np.generic)):
        return backend.switch(training, x, alt)
    chosen = x if training else alt
    return chosen() if callable(chosen) else chosen


def in_test_phase(x: Any, alt: Any, training: Any = None) -> Any:
    """x outside of training, alt in training."""
    return in_train_phase(alt, x, training)


def function(inputs: Any, outputs: Any, updates: Any = None, **kwargs: Any) -> Any:
    """A function from symbolic inputs, the learning phase among them, to symbolic outputs, on arrays."""
    given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    phases = [place for place, one in enumerate(given) if isinstance(one, (Phase, int))]
    tensors = [one for place, one in enumerate(given) if place not in phases]
    run = compiled(tensors, outputs, pairs_of(updates))

    def call(values: Any) -> Any:
        values = list(values) if isinstance(values, (list, tuple)) else [values]
        training = any(bool(np.all(values[place])) for place in phases if place < len(values))
        return run([value for place, value in enumerate(values) if place not in phases], training)

    return call


def pairs_of(updates: Any) -> list[tuple[Variable, Any]]:
    """(variable, symbolic new value) of each update."""
    pairs = list(updates or ())
    if not all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in pairs):
        raise NotImplementedError(
            message("K.function", "`updates` must be pairs of a variable and its new value", {"updates": updates})
        )
    return [(pair[0], pair[1]) for pair in pairs]


def compiled(inputs: list[Any], outputs: Any, updates: list[tuple[Variable, Any]]) -> Any:
    """The function of arrays from symbolic inputs to symbolic outputs, as one program for each kind of inputs."""
    single = not isinstance(outputs, (list, tuple))
    wanted: list[Any] = [*outputs] if isinstance(outputs, (list, tuple)) else [outputs]
    symbolic = [one for one in (*wanted, *(new for _, new in updates)) if isinstance(one, SymbolicTensor)]
    graph = Graph(inputs, symbolic, "K.function") if symbolic else None
    variables = variables_of(graph) if graph is not None else []

    def run(values: list[Any], key: Any, arrays: list[Any], training: bool) -> Any:
        with Scope(variables, values, key=key) as scope, in_phase(training):
            found = graph.run(list(arrays)) if graph is not None else []
            return flatten(found), scope.read(variables)

    program = jax.jit(run, static_argnums=3)

    def call(arrays: list[Any], training: bool) -> Any:
        arrays = [jnp.asarray(array, tensor.dtype) for array, tensor in zip(arrays, inputs, strict=True)]
        values = [variable.value for variable in variables]
        found, after = program(values, make_key(), arrays, training)
        for variable, old, new in zip(variables, values, after, strict=True):
            if training and new is not old:
                variable.assign(new)
        rest = iter(found)
        results = [np.asarray(next(rest)) if isinstance(one, SymbolicTensor) else backend.get_value(one) for one in wanted]
        for variable, new in updates:
            variable.assign(next(rest) if isinstance(new, SymbolicTensor) else new)
        return results[0] if single else results

    return call


def variables_of(graph: Graph) -> list[Variable]:
    """The variables of all layers of a graph."""
    found: dict[int, Variable] = {}
    for operation in graph.operations:
        for variable in getattr(operation, "variables", ()):
            found[id(variable)] = variable
    return list(found.values())


def roots_of(tensor: SymbolicTensor) -> list[SymbolicTensor]:
    """The inputs that a symbolic tensor is computed from."""
    found: dict[int, SymbolicTensor] = {}
    seen: set[int] = set()
    pending = [tensor]
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        operation, index, _ = one.history
        if isinstance(operation, InputLayer):
            found[id(one)] = one
        else:
            pending.extend(operation.inbound_nodes[index].input_tensors)
    return list(found.values())


def gradients(loss: Any, variables: Any) -> list[Any]:
    """Symbolic gradients of the sum of a symbolic loss to symbolic tensors or weights, for use in `K.function`."""
    wanted = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    loss = loss[0] if isinstance(loss, (list, tuple)) else loss
    if not isinstance(loss, SymbolicTensor):
        raise TypeError(message("K.gradients", "the loss must be computed from a model's inputs", {"loss": loss}))
    return [gradient(loss, one) for one in wanted]


def gradient(loss: SymbolicTensor, wanted: Any) -> SymbolicTensor:
    roots = roots_of(loss)
    if isinstance(wanted, Variable):

        def compute(*values: Any) -> Any:
            def total(value: Any) -> Any:
                with Scope([wanted], [value]):
                    known = dict(zip(map(id, roots), values, strict=True))
                    return jnp.sum(run_nodes(nodes, known)[id(loss)])

            return jax.grad(total)(wanted.value)

        nodes = sort_nodes(roots, [loss], "K.gradients")
        shape, dtype = wanted.shape, wanted.dtype
    else:
        before = sort_nodes(roots, [wanted], "K.gradients")
        nodes = sort_nodes([*roots, wanted], [loss], "K.gradients")

        def compute(*values: Any) -> Any:
            known = dict(zip(map(id, roots), values, strict=True))
            there = run_nodes(before, dict(known))[id(wanted)]

            def total(value: Any) -> Any:
                return jnp.sum(run_nodes(nodes, {**known, id(wanted): value})[id(loss)])

            return jax.grad(total)(there)

        shape, dtype = wanted.shape, wanted.dtype
    output = SymbolicTensor(shape, dtype)
    Node(Operation(compute, name=None), tuple(roots), {}, output)
    return output


def update(x: Variable, new_x: Any) -> Any:
    """Gives a variable a new value; of a symbolic one, the pair for the `updates` of a function."""
    return (x, new_x) if isinstance(new_x, SymbolicTensor) else backend.update(x, new_x)


def update_add(x: Variable, increment: Any) -> Any:
    return (x, x.value + increment) if isinstance(increment, SymbolicTensor) else backend.update_add(x, increment)


def update_sub(x: Variable, decrement: Any) -> Any:
    return (x, x.value - decrement) if isinstance(decrement, SymbolicTensor) else backend.update_sub(x, decrement)


def softmax(x: Any, axis: int = -1) -> Any:
    return backend.softmax(x, axis)


def is_symbolic(x: Any) -> bool:
    return isinstance(x, SymbolicTensor)


def is_placeholder(x: Any) -> bool:
    return is_symbolic(x)


def is_tensor(x: Any) -> bool:
    return isinstance(x, (SymbolicTensor, Variable, jax.Array))


def is_variable(x: Any) -> bool:
    return isinstance(x, Variable)


def batch_flatten(x: Any) -> Any:
    return backend.batch_flatten(x)


def resize_images(X: Any, height_factor: int, width_factor: int, dim_ordering: Any, interpolation: str = "nearest") -> Any:
    form = {"th": "channels_first", "tf": "channels_last", "default": None}.get(dim_ordering, dim_ordering)
    return backend.resize_images(X, height_factor, width_factor, form, interpolation)


def categorical_crossentropy_1(output: Any, target: Any, from_logits: bool = False) -> Any:
    """Keras 1 took the prediction first."""
    return backend.categorical_crossentropy(target, output, from_logits)


def sparse_categorical_crossentropy_1(output: Any, target: Any, from_logits: bool = False) -> Any:
    return backend.sparse_categorical_crossentropy(target, output, from_logits)


def binary_crossentropy_1(output: Any, target: Any, from_logits: bool = False) -> Any:
    return backend.binary_crossentropy(target, output, from_logits)


def backend_name() -> str:
    """Programs ask which backend there is: the one whose order of axes they then take."""
    return "tensorflow"


class Session:
    """What stands for a session: there is none, and programs that only configure one go on."""

    def __init__(self, *args: Any, **kwargs: Any):
        self.graph = None

    def run(self, fetches: Any, feed_dict: Any = None) -> Any:
        if feed_dict is None and not isinstance(fetches, (SymbolicTensor,)):
            return jax.tree.map(lambda x: x.numpy() if hasattr(x, "numpy") else x, fetches)
        raise NotImplementedError(
            message("Session.run", "there are no sessions", None, "Make a function: K.function(inputs, outputs), and call it")
        )

    def as_default(self) -> "Session":
        return self

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *exc: Any) -> None:
        pass

    def close(self) -> None:
        pass


def get_session() -> Session:
    return Session()


def set_session(session: Any) -> None:
    """Nothing: there are no sessions."""


def manual_variable_initialization(value: bool) -> None:
    """Nothing: variables have values from the start."""


def is_keras_tensor(x: Any) -> bool:
    return is_symbolic(x)


def get_variable_shape(x: Any) -> Any:
    return tuple(x.shape)


def print_tensor(x: Any, message: str = "") -> Any:
    """x, which is printed each time that it is computed."""
    jax.debug.print(message + "{x}", x=x)
    return x


def identity(x: Any, name: Any = None) -> Any:
    return x


def arange(start: Any, stop: Any = None, step: int = 1, dtype: str = "int32") -> Any:
    return backend.arange(start, stop, step, dtype)


def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> Any:
    raise NotImplementedError(
        message("K.ctc_label_dense_to_sparse", "there are no sparse tensors", None, "Use K.ctc_batch_cost")
    )


def local_conv1d(inputs: Any, kernel: Any, kernel_size: Any, strides: Any, data_format: Any = None) -> Any:
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
    return ops.conv_transpose(x, kernel, strides, padding, None, data_format, dilation_rate)


def conv3d_transpose(x, kernel, output_shape, strides=(1, 1, 1), padding="valid", data_format=None):
    return ops.conv_transpose(x, kernel, strides, padding, None, data_format)


def deconv2d(x, kernel, output_shape, strides=(1, 1), border_mode="valid", dim_ordering="default", **kwargs):
    """Keras 1's name of `conv2d_transpose`."""
    return conv2d_transpose(x, kernel, output_shape, strides, border_mode, FORMS[dim_ordering])


def atrous_conv2d(x, kernel, rate, border_mode="valid", dim_ordering="default", **kwargs):
    return ops.conv(x, kernel, 1, border_mode, FORMS[dim_ordering], rate)


def conv2d_1(x, kernel, strides=(1, 1), border_mode="valid", dim_ordering="default", filter_dilation=(1, 1), **kwargs):
    """`conv2d` with the arguments of Keras 1."""
    return ops.conv(x, kernel, strides, border_mode, FORMS[dim_ordering], filter_dilation)


def pool2d_1(x, pool_size, strides=(1, 1), border_mode="valid", dim_ordering="default", pool_mode="max"):
    return backend.pool2d(x, pool_size, strides, border_mode, FORMS[dim_ordering], pool_mode)


def separable_conv1d(x, depthwise_kernel, pointwise_kernel, strides=1, padding="valid", data_format=None, dilation_rate=1):
    return ops.separable_conv(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


def spatial_2d_padding_1(x, padding=(1, 1), dim_ordering="default"):
    return backend.spatial_2d_padding(x, tuple((n, n) for n in padding), FORMS[dim_ordering])


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
    """(list of labels, filled up with -1; minus the logarithm of their probabilities)."""
    y_pred = jnp.log(jnp.asarray(y_pred) + backend.epsilon())
    strategy = "greedy" if greedy else "beam_search"
    labels, scores = ops.ctc_decode(
        y_pred,
        jnp.asarray(input_length),
        strategy=strategy,
        beam_width=beam_width,
        top_paths=top_paths,
        merge_repeated=True if greedy else merge_repeated,
        mask_index=y_pred.shape[-1] - 1,
    )
    return list(labels), scores


def size(x: Any, name: Any = None) -> Any:
    return int(np.prod(x.shape))


def slice(x: Any, start: Any, size: Any) -> Any:
    """A part of an array: from `start` on, `size` long along each axis; -1 means to the end."""
    ends = [None if n == -1 else a + n for a, n in zip(start, size, strict=True)]
    return x[tuple(builtins.slice(a, b) for a, b in zip(start, ends, strict=True))]


def control_dependencies(control_inputs: Any) -> Any:
    return contextlib.nullcontext()


def eager(function: Any) -> Any:
    return function


symbolic = eager


def get_graph() -> None:
    """Nothing: there is no graph of a session."""


def reset_uids() -> None:
    """Starts counting names anew."""


def normalize_data_format(value: Any) -> str:
    return backend.image_data_format() if value is None else str(value).lower()


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
OWN |= {name: taking_sizes(OWN.get(name) or getattr(backend, name)) for name in SIZED if hasattr(backend, name)}


def maker(era: str, name: str) -> Any:
    """A function of K in an era."""
    if era == "keras1" and f"{name}_1" in OWN:
        return OWN[f"{name}_1"]
    if name == "backend":
        return backend_name
    if name == "image_dim_ordering" and era == "tfkeras2":
        raise AttributeError(message("K", "image_dim_ordering() is of Keras 1", None, "Use K.image_data_format()"))
    return OWN[name] if name in OWN else getattr(backend, name)


def names(era: str) -> list[str]:
    """All functions of K."""
    public = [name for name in vars(backend) if not name.startswith("_")]
    own = [name for name in OWN if not name.endswith("_1") and name not in ("maker", "names", "backend_name")]
    return sorted({*public, *own})
