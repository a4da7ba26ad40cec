"""Dense layers, and the layers that pass their input on: Identity, Lambda, Masking."""

import inspect
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from kerata import activations, constraints, initializers, regularizers
from kerata.base.checks import KindError, check_positive_int, message
from kerata.base.functions import MARK, is_function, remember, write_function
from kerata.base.registry import CustomObjectScope, builtin, fact, home_of, is_registered
from kerata.base.serialization import (
    describing,
    deserialize_keras_object,
    keeps_functions,
    refer,
    serialize_keras_object,
    writes_code,
)
from kerata.base.types import PartialShape
from kerata.engine.module import shown
from kerata.engine.symbolic import SymbolicTensor, infer, map_structure
from kerata.engine.types import InitializerLike
from kerata.kernels.products import product
from kerata.kernels.sums import with_bias
from kerata.layers.adapters import weight_in_use
from kerata.layers.calibrated import Calibrated
from kerata.layers.layer import InputSpec, Layer


class KeepsType(Layer):
    """A layer whose output has the input's type, and the input's shape unless `compute_output_shape` says otherwise."""

    mixes_samples = False

    def compute_output_shape(self, input_shape: PartialShape) -> PartialShape:
        return input_shape

    def compute_output_spec(self, inputs: object, *args: object, **kwargs: object) -> object:
        if not isinstance(inputs, SymbolicTensor):
            return super().compute_output_spec(inputs, *args, **kwargs)
        dtype = self.compute_dtype if self.autocast and "float" in inputs.dtype else inputs.dtype
        return SymbolicTensor(self.compute_output_shape(inputs.shape), dtype)


def mixes_samples(activation: object) -> bool:
    """Whether an activation may let samples influence each other: a user's own function may, a built-in one not."""
    if isinstance(activation, Layer):
        return activation.mixes_samples
    return home_of(activation) is None


@builtin("layers")
class Dense(Calibrated):
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
        lora_rank, lora_alpha: rank and strength of an adapter that is trained in place of the kernel, see `enable_lora`.
        quantization_config: how it is quantized, where `dtype` says that it is.

    Shapes: (batch, ..., features) to (batch, ..., units).

    >>> import kerata, numpy as np
    >>> kerata.layers.Dense(3, activation="relu")(np.ones((2, 5), "float32")).shape
    (2, 3)
    """

    mixes_samples = False
    features_argument = "units"
    kernel = shown(weight_in_use)

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer: InitializerLike = "glorot_uniform",
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
        super().__init__(
            activity_regularizer=activity_regularizer,
            lora_rank=lora_rank,
            lora_alpha=lora_alpha,
            quantization_config=quantization_config,
            **kwargs,
        )
        self.units = check_positive_int(self, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.mixes_samples = mixes_samples(self.activation)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    @property
    def keeps_zeros(self) -> bool:  # type: ignore[override]
        return self.lora_rank is None and not self.is_quantized and fact(self.activation, "keeps_zeros", False)

    def build(self, input_shape):
        features = check_features(self, input_shape)
        self.make_adapted((features, self.units), self.kernel_initializer)
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
        self.make_adapters()

    def apply_weight(self, inputs, weight):
        return product(inputs, weight)

    def call(self, inputs, training=None):
        # As one matrix: inside a loop, XLA runs the kernel's gradient of a product with more axes slowly on a CPU.
        flat = jnp.reshape(inputs, (-1, inputs.shape[-1])) if inputs.ndim > 2 else inputs
        x = self.weigh(flat)  # (batch * ..., units)
        x = jnp.reshape(x, (*inputs.shape[:-1], self.units)) if inputs.ndim > 2 else x
        if self.bias is not None:
            x = with_bias(x, self.bias_in_use(self.bias))
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        config = super().get_config()
        if config.get("activity_regularizer", "") is None:
            del config["activity_regularizer"]
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


@builtin("layers", "TFDIdentity")
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

    For a formula within a model. A layer of your own is as short, and can have weights. Of a Python lambda files hold the
    code, as Keras's do; it is never run, but a program finds its own function by it, others pass
    `custom_objects={"lambda_1": function}`. A function with `@kerata.saving.register_keras_serializable()` is found by name.

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
    # Whether files hold the code of functions that have a name, too.
    _writes_code = False

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise KindError(message(self, "`function` must be a function", {"function": function}))
        self.function = function
        # A file that this program has written, or an earlier run of it, holds the code alone.
        for given in (function, output_shape, mask):
            remember(given)
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

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        """A layer from what `get_config` gave.

        Args:
            config: of the layer.
            custom_objects: functions by name that are not registered.
            safe_mode: kept for Keras's sake. Code in a config is never run, whatever it says.
        """
        with describing("Lambda.from_config", config), CustomObjectScope(custom_objects or {}):
            given = {name: deserialize_keras_object(value) for name, value in config.items()}
            if isinstance(shape := given.get("output_shape"), list) and all(isinstance(n, (int, type(None))) for n in shape):
                given["output_shape"] = tuple(shape)
            return cls(**given)

    def get_config(self):
        config = {**super().get_config(), "function": self._serialize(self.function)}
        for name, value in (("output_shape", self._output_shape), ("mask", self.mask)):
            if value is not None:
                config[name] = self._serialize(value)
        return config

    def _serialize(self, value: object) -> object:
        """A function by its name, or by its code; others of Python's objects by the layer's name."""
        if is_function(value):
            nameless = value.__name__ == "<lambda>" or self._writes_code or writes_code()
            if not nameless or home_of(value) is not None or is_registered(value) or keeps_functions():
                return serialize_keras_object(value)
            # `tf.keras` looks there for what the function calls by name.
            place = {"module": value.__module__} if writes_code() else {}
            return refer(value) or {"class_name": MARK, "config": write_function(value) | place}
        if callable(value) and not hasattr(value, "get_config") and not hasattr(value, "__name__") and not keeps_functions():
            named = {"module": "builtins", "class_name": "function", "config": self.name, "registered_name": "function"}
            return refer(value) or named
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
