"""Dense layers, and the layers that pass their input on: Identity, Lambda, Masking."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from kerata import activations, constraints, initializers, regularizers
from kerata.base.checks import KindError, check_positive_int, message
from kerata.base.registry import builtin, fact, home_of
from kerata.base.serialization import deserialize_keras_object, keeps_functions, serialize_keras_object
from kerata.base.types import Owner, PartialShape, Plain
from kerata.engine.symbolic import SymbolicTensor, infer, map_structure
from kerata.kernels.products import product
from kerata.layers.layer import InputSpec, Layer


class KeepsType(Layer):
    """A layer whose output has the input's type, and the input's shape unless `compute_output_shape` says otherwise."""

    mixes_samples = False

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(inputs, SymbolicTensor):
            return super().compute_output_spec(inputs, *args, **kwargs)
        dtype = self.compute_dtype if self.autocast and "float" in inputs.dtype else inputs.dtype
        return SymbolicTensor(self.compute_output_shape(inputs.shape), dtype)


def mixes_samples(activation: object) -> bool:
    """Whether an activation may let samples influence each other: a user's own function may, a built-in one not."""
    if isinstance(activation, Layer):
        return activation.mixes_samples
    return home_of(activation) is None


def keeps_samples_first(equation: str) -> bool:
    """Whether the axis of samples comes first in an equation's inputs and output, and in the kernel not at all.

    >>> keeps_samples_first("abc,cd->abd"), keeps_samples_first("abc,cd->bad"), keeps_samples_first("...x,xy->...y")
    (True, False, True)
    """
    inputs, _, output = equation.replace(" ", "").partition("->")
    first, _, kernel = inputs.partition(",")
    return first[:1] == output[:1] != "" and (first[:1] == "." or first[:1] not in kernel)


def check_unsupported(layer: Layer, **arguments: object) -> None:
    """Raises `NotImplementedError` for an argument of Keras that is set and that Kerata does not have."""
    for name, value in arguments.items():
        if value is not None:
            raise NotImplementedError(message(layer, f"`{name}` is not there yet", {name: value}, "Leave it out"))


@builtin("layers")
class Dense(Layer):
    """outputs = activation(inputs @ kernel + bias).

    Every output unit sees every input feature. For sequences and pictures it acts on the last axis alone, with the same
    kernel at each place.

    Args:
        units: number of output features.
        activation: a name, a function or a layer; none by default.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: how the weights begin.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on weights and output.
        kernel_constraint, bias_constraint: what the weights are projected onto after an update.
        lora_rank, lora_alpha: rank and scale of a low-rank update that is trained in place of the kernel.
        quantization_config: not supported; `None`.

    Shapes: (batch, ..., features) to (batch, ..., units).

    >>> import kerata, numpy as np
    >>> kerata.layers.Dense(3, activation="relu")(np.ones((2, 5), "float32")).shape
    (2, 3)
    """

    mixes_samples = False
    features_argument = "units"

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = check_positive_int(self, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        check_unsupported(self, lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config)
        self.lora_rank, self.lora_alpha, self.quantization_config = lora_rank, lora_alpha, quantization_config
        self.mixes_samples = mixes_samples(self.activation)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    @property
    def keeps_zeros(self) -> bool:  # type: ignore[override]
        return fact(self.activation, "keeps_zeros", False)

    def build(self, input_shape):
        features = check_features(self, input_shape)
        self.kernel = self.add_weight(
            (features, self.units),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, inputs):
        # As one matrix: inside a loop, XLA runs the kernel's gradient of a product with more axes slowly on a CPU.
        flat = jnp.reshape(inputs, (-1, inputs.shape[-1])) if inputs.ndim > 2 else inputs
        x = product(flat, self.kernel.value)  # (batch * ..., units)
        x = jnp.reshape(x, (*inputs.shape[:-1], self.units)) if inputs.ndim > 2 else x
        if self.bias is not None:
            x = x + self.bias.value
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        config = super().get_config()
        for name in ("activity_regularizer", "lora_rank", "lora_alpha"):
            if config.get(name, "") is None:
                del config[name]
        return config


def check_features(layer: Layer, input_shape: PartialShape) -> int:
    """The size of the last axis, which weights depend on, so it must be known."""
    features = input_shape[-1] if input_shape else None
    if features is None:
        raise ValueError(
            message(
                layer,
                "the last axis of the input must have a known size",
                {"input_shape": input_shape},
                "Give it in Input(shape=...), or call it on data",
            )
        )
    return int(features)


@builtin("layers")
class EinsumDense(Layer):
    """outputs = activation(einsum(equation, inputs, kernel) + bias).

    A dense layer over any axes: `"ab,bc->ac"` is `Dense`, `"abc,cd->abd"` is `Dense` on a sequence. An ellipsis stands
    for axes that the kernel does not touch.

    Args:
        equation: what to sum over, the inputs first, e.g. `"...x,xy->...y"`.
        output_shape: the sizes of the output's axes without the batch axis and those of the ellipsis; `None` for an
            unknown one.
        activation: a name, a function or a layer; none by default.
        bias_axes: the letters of the output that the bias runs over; no bias by default.
        kernel_initializer, bias_initializer: how the weights begin.
        kernel_regularizer, bias_regularizer: penalties on the weights.
        kernel_constraint, bias_constraint: what the weights are projected onto after an update.
        lora_rank, lora_alpha, gptq_unpacked_column_size, quantization_config: not supported; `None`.

    Shapes: as the equation says.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")
    >>> layer(np.ones((2, 5, 3), "float32")).shape
    (2, 5, 64)
    """

    mixes_samples = False
    _unsaved = frozenset({"output_shape", "lora_rank", "lora_alpha", "gptq_unpacked_column_size"})

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        gptq_unpacked_column_size=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        check_unsupported(self, lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config)
        self.quantization_config = quantization_config
        self.mixes_samples = mixes_samples(self.activation) or not keeps_samples_first(equation)
        self._shapes = EinsumShapes(self, equation, bias_axes, self.partial_output_shape)

    def build(self, input_shape):
        kernel_shape, bias_shape = self._shapes.weights(input_shape)
        self.kernel = self.add_weight(
            kernel_shape,
            orient(self.kernel_initializer, *self._shapes.kernel_axes()),
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if bias_shape is not None:
            self.bias = self.add_weight(
                bias_shape,
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(ndim=len(input_shape))

    def call(self, inputs):
        x = jnp.einsum(self.equation, inputs, self.kernel.value)
        if self.bias is not None:
            x = x + self.bias.value
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape):
        return self._shapes.output(input_shape)

    def get_config(self):
        config = {**super().get_config(), "output_shape": self.partial_output_shape}
        return {**config, "activity_regularizer": serialize_keras_object(self.activity_regularizer)}


def orient(initializer: Any, inputs: list[int], outputs: list[int]) -> Any:
    """An initializer that counts fan-in and fan-out over these axes of the weight, if it counts them and has no own."""
    if getattr(initializer, "input_axes", 0) is not None or initializer.output_axes is not None:
        return initializer
    return type(initializer).from_config({**initializer.get_config(), "input_axes": inputs, "output_axes": outputs})


class EinsumShapes:
    """The shapes of kernel, bias and output that an equation and an input's shape imply.

    Args:
        owner: the layer, for messages.
        equation, bias_axes, output_shape: as in `EinsumDense`.
    """

    def __init__(self, owner: Owner, equation: str, bias_axes: str | None, output_shape: tuple[int | None, ...]):
        found = re.fullmatch(
            r"(\.{3})?([a-zA-Z]+)(\.{3})?,([a-zA-Z]+)->(\.{3})?([a-zA-Z]+)(\.{3})?", str(equation).replace(" ", "")
        )
        if found is None or (found[1], found[3]) != (found[5], found[7]) or (found[1] and found[3]):
            raise ValueError(
                message(
                    owner, "`equation` must have the form 'X,Y->Z', '...X,Y->...Z' or 'X...,Y->Z...'", {"equation": equation}
                )
            )
        self.owner, self.equation, self.bias_axes, self.output_shape = owner, equation, bias_axes, output_shape
        self.inputs, self.kernel, self.outputs = found[2], found[4], found[6]
        self.left, self.right = bool(found[1]), bool(found[3])
        for letters, where, known in (
            (self.outputs, "input or kernel", self.inputs + self.kernel),
            (self.kernel, "input or output", self.inputs + self.outputs),
            (bias_axes or "", "output", self.outputs),
        ):
            for letter in letters:
                if letter not in known:
                    raise ValueError(
                        message(
                            owner,
                            f"the axis {letter!r} has no counterpart in the {where}",
                            {"equation": equation, "bias_axes": bias_axes},
                        )
                    )

    def output(self, input_shape: Any) -> tuple[int | None, ...]:
        """The shape of the output, with the batch axis."""
        extra = len(input_shape) - len(self.inputs)
        if extra < 0 or (extra > 0 and not (self.left or self.right)):
            raise ValueError(
                message(
                    self.owner,
                    f"the input must have the {len(self.inputs)} axes of the equation",
                    {"equation": self.equation, "input_shape": tuple(input_shape)},
                )
            )
        middle = tuple(input_shape[1:extra]) if self.left else ()
        end = tuple(input_shape[len(self.inputs) :]) if self.right else ()
        shape = (input_shape[0], *middle, *self.output_shape, *end)
        if len(shape) != len(self.outputs) + extra:
            raise ValueError(
                message(
                    self.owner,
                    "`output_shape` must have a size for each axis but the batch's",
                    {"equation": self.equation, "output_shape": self.output_shape},
                )
            )
        known = self._letters(self.inputs, input_shape)
        letters = dict(enumerate(self.outputs, extra if self.left else 0))
        return tuple(known.get(letters.get(axis, "")) if size is None else size for axis, size in enumerate(shape))

    def _letters(self, letters: str, shape: PartialShape) -> dict[str, int | None]:
        """The sizes of the letters that stand for axes of a shape."""
        return dict(zip(letters, shape[len(shape) - len(letters) if self.left else 0 :], strict=False))

    def sizes(self, input_shape: PartialShape) -> tuple[dict[str, int | None], dict[str, int | None]]:
        """The sizes of the letters of the input and of the output."""
        of_input = self._letters(self.inputs, input_shape)
        of_output = self._letters(self.outputs, self.output(input_shape))
        for letter, size in of_input.items():
            if of_output.get(letter) not in (None, size):
                raise ValueError(
                    message(
                        self.owner,
                        f"the axis {letter!r} must have one size in input and output",
                        {"input_shape": tuple(input_shape), "output_shape": self.output_shape},
                    )
                )
        return of_input, of_output

    def weights(self, input_shape: PartialShape) -> tuple[tuple[int | None, ...], tuple[int | None, ...] | None]:
        """The shapes of kernel and bias."""
        of_input, of_output = self.sizes(input_shape)
        kernel = tuple(of_output[x] if x in of_output else of_input[x] for x in self.kernel)
        if None in kernel:
            raise ValueError(
                message(
                    self.owner,
                    "the axes of the kernel must have known sizes",
                    {"equation": self.equation, "kernel": kernel, "input_shape": tuple(input_shape)},
                )
            )
        if self.bias_axes is None:
            return kernel, None
        first = min(self.outputs.index(letter) for letter in self.bias_axes)
        bias = tuple(of_output[x] if x in self.bias_axes else 1 for x in self.outputs[first:])
        return kernel, bias + (1,) * (len(input_shape) - len(self.inputs) if self.right else 0)

    def kernel_axes(self) -> tuple[list[int], list[int]]:
        """The kernel's axes that are summed over, and those that the output keeps."""
        outputs = [axis for axis, letter in enumerate(self.kernel) if letter in self.outputs]
        return [axis for axis in range(len(self.kernel)) if axis not in outputs], outputs


@builtin("layers")
class Identity(KeepsType):
    """outputs = inputs.

    >>> import kerata, numpy as np
    >>> kerata.layers.Identity()(np.ones((2, 3), "float32")).shape
    (2, 3)
    """

    keeps_zeros = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return inputs

    def compute_output_spec(self, inputs, *args, **kwargs):
        return map_structure(super().compute_output_spec, inputs)


@builtin("layers")
class Lambda(Layer):
    """outputs = function(inputs, **arguments).

    For a formula within a model. A layer of your own is as short, can have weights and can be saved; a Python lambda
    cannot be saved, a function with `@kerata.saving.register_keras_serializable()` can.

    Args:
        function: takes the inputs, and `mask` and `training` if it names them.
        output_shape: the output's shape without the batch axis, or a function of the input's shape; found by tracing if
            not given.
        mask: the output's mask, or a function of (inputs, mask) that gives it.
        arguments: a dict of further arguments.

    >>> import kerata, numpy as np
    >>> kerata.layers.Lambda(lambda x: x ** 2)(np.array([3.0], "float32")).tolist()
    [9.0]
    """

    replaces_missing = True
    _unsaved = frozenset({"function", "output_shape", "mask"})

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise KindError(message(self, "`function` must be a function", {"function": function}))
        self.function = function
        self.mask = mask
        self.arguments = arguments or {}
        self._output_shape = output_shape
        self.supports_masking = mask is not None
        parameters = _parameter_names(function)
        self._extra = tuple(name for name in ("mask", "training") if name in parameters)

    def call(self, inputs, mask=None, training=None):
        known = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{name: known[name] for name in self._extra})

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape):
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        first = input_shape[0]
        return (first[0] if isinstance(first, (list, tuple)) else first, *self._output_shape)

    def compute_output_spec(self, *args, **kwargs):
        if self._output_shape is None:
            return infer(self._call_concrete_of, *args, **kwargs)
        return super().compute_output_spec(*args, **kwargs)

    def get_config(self):
        config = {**super().get_config(), "function": self._serialize(self.function)}
        for name, value in (("output_shape", self._output_shape), ("mask", self.mask)):
            if value is not None:
                config[name] = self._serialize(value)
        return config

    def _serialize(self, value: object) -> Plain:
        if getattr(value, "__name__", "") == "<lambda>" and not keeps_functions():
            raise ValueError(
                message(
                    self,
                    "a Python lambda cannot be written to a file or copied by its config",
                    {"function": value},
                    "Use a named function with @kerata.saving.register_keras_serializable(), or a layer of your own",
                )
            )
        return serialize_keras_object(value)


def _parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except ValueError:  # functions of C have no signature
        return ()


@builtin("layers")
class Masking(KeepsType):
    """Marks the steps of a sequence whose features all equal `mask_value`; later layers leave them out.

    For sequences of different lengths that were filled up: recurrent layers skip the marked steps, losses and metrics
    do not count them. The marked steps become 0.

    Args:
        mask_value: the number that stands for nothing.

    Shapes: the output has the shape of the input, (batch, steps, ...).

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.Masking(mask_value=-1.0)
    >>> layer.compute_mask(np.array([[[2.0], [-1.0]]])).tolist()
    [[True, False]]
    """

    makes_mask = replaces_missing = True

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = deserialize_keras_object(mask_value) if isinstance(mask_value, dict) else mask_value
        self.supports_masking = True

    def compute_mask(self, inputs, mask=None):
        return jnp.any(jnp.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        return jnp.where(jnp.any(jnp.not_equal(inputs, self.mask_value), axis=-1, keepdims=True), inputs, 0)
