"""Recurrent layers whose states are pictures: convolutions in place of products."""

from typing import Any

import jax
import jax.numpy as jnp

from kerata import activations
from kerata.base.checks import check_choice, check_positive_int, message, standardize_tuple
from kerata.base.config import standardize_data_format
from kerata.base.registry import builtin
from kerata.engine.hyper import is_absent
from kerata.engine.types import Array, Scalar
from kerata.kernels.random import dropout as drop
from kerata.layers.layer import InputSpec
from kerata.layers.recurrent import ClassicRNN
from kerata.layers.recurrent_cells import Cell, LSTMCell, as_states, like_states
from kerata.ops.windows import conv

# What a layer takes for its cell, in the order of the cell's arguments.
OF_CELL = (
    "filters",
    "kernel_size",
    "strides",
    "padding",
    "data_format",
    "dilation_rate",
    "activation",
    "recurrent_activation",
    "use_bias",
    "kernel_initializer",
    "recurrent_initializer",
    "bias_initializer",
    "unit_forget_bias",
    "kernel_regularizer",
    "recurrent_regularizer",
    "bias_regularizer",
    "kernel_constraint",
    "recurrent_constraint",
    "bias_constraint",
    "dropout",
    "recurrent_dropout",
    "seed",
)


class ConvLSTMCell(Cell):
    """`LSTMCell` with x * W and h * U, convolutions; the one over h keeps the size.

    Args: as in `ConvLSTM2D`; `rank` is the number of axes of a picture.

    Shapes: (batch, *picture, channels) and two states (batch, *new picture, filters) to the states' shape.
    """

    gates = 4
    seeds_first = True

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.rank, self.filters = rank, check_positive_int(self, "filters", filters)
        self.take_arguments(
            self.filters,
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
        )
        self.kernel_size = standardize_tuple(self, "kernel_size", kernel_size, rank)
        self.strides = standardize_tuple(self, "strides", strides, rank)
        self.padding = check_choice(self, "padding", str(padding).lower(), ("valid", "same"))
        self.data_format = standardize_data_format(data_format)
        self.dilation_rate = standardize_tuple(self, "dilation_rate", dilation_rate, rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            received = {"strides": self.strides, "dilation_rate": self.dilation_rate}
            raise ValueError(message(self, "one of `strides` and `dilation_rate` must be 1", received))
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)
        # As Keras has it: the sizes are those of pictures, and known when the layer is built.
        self.state_size = -1

    first_bias = LSTMCell.first_bias

    def build(self, input_shape):
        channels = 1 if self.data_format == "channels_first" else len(input_shape) - 1
        if None in input_shape[1:]:
            raise ValueError(
                message(
                    self,
                    "the pictures of a sequence must have a known size",
                    {"input_shape": tuple(input_shape)},
                    "Say it in Input(shape=(steps, height, width, channels))",
                )
            )
        self.picture = tuple(input_shape[1:])
        for name, start, size in (
            ("", self.kernel_initializer, input_shape[channels]),
            ("recurrent_", self.recurrent_initializer, self.filters),
        ):
            kernel = self.add_weight(
                (*self.kernel_size, size, 4 * self.filters),
                start,
                name=f"{name}kernel",
                regularizer=self.recurrent_regularizer if name else self.kernel_regularizer,
                constraint=self.recurrent_constraint if name else self.kernel_constraint,
            )
            setattr(self, f"{name}kernel", kernel)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                self.bias_shape(),
                self.first_bias(),
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """States of zeros: (batch, *new picture, filters) each."""
        given = jax.ShapeDtypeStruct((batch_size or 1, *self.picture), self.compute_dtype)
        made = jax.eval_shape(lambda x: self._convolve(x, jnp.zeros(self.kernel.shape, x.dtype)), given).shape
        channels = 1 if self.data_format == "channels_first" else len(made) - 1
        shape = [self.filters if axis == channels else size for axis, size in enumerate(made)]
        return [jnp.zeros(shape, self.compute_dtype) for _ in range(2)]

    def _convolve(self, x: Array, kernel: Array) -> Array:
        return conv(x, kernel, self.strides, self.padding, self.data_format, self.dilation_rate)

    def _mask(self, rate: Scalar, inputs: Array, size: int) -> Array | None:
        """Pixels of their own, where the other cells drop features."""
        return None if is_absent(rate) else drop(self.seed_generator.key(), rate, jnp.ones(inputs.shape, inputs.dtype))

    def recurrent_mask(self, inputs: Array, training: bool) -> Array | None:
        return self._mask(self.recurrent_dropout, inputs, self.filters) if training else None

    def call(self, inputs, states, training=False):
        h, c = as_states(states)
        mask, recurrent = self.input_mask(inputs, training), self.recurrent_mask(h, training)
        inputs, dropped = inputs if mask is None else inputs * mask, h if recurrent is None else h * recurrent
        x = self._convolve(inputs, self.kernel.value)
        channels = 1 if self.data_format == "channels_first" else x.ndim - 1
        if self.bias is not None:
            x = x + self.bias.value.reshape([-1 if axis == channels else 1 for axis in range(x.ndim)])
        z = x + conv(dropped, self.recurrent_kernel.value, 1, "same", self.data_format)
        i, f, g, o = jnp.split(z, 4, channels)
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(g)
        h = gate(o) * self.activation(c)
        return h, like_states(states, [h, c])


class ConvLSTM(ClassicRNN):
    """What `ConvLSTM1D`, `ConvLSTM2D` and `ConvLSTM3D` have in common."""

    _of_cell = OF_CELL
    rank = 2

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        given = locals()
        cell = ConvLSTMCell(self.rank, *(given[name] for name in OF_CELL), dtype=kwargs.get("dtype"), name="conv_lstm_cell")
        super().__init__(
            cell, return_sequences, return_state, go_backwards, stateful, activity_regularizer=activity_regularizer, **kwargs
        )
        self.input_spec = InputSpec(ndim=self.rank + 3)

    @property
    def state_size(self) -> list[Any]:
        return [self.cell.state_size] * 2

    def kernel_knows(self, activation: str) -> bool:
        return False

    def get_config(self):
        return {**super().get_config(), "unroll": self.unroll}


@builtin("layers")
class ConvLSTM1D(ConvLSTM):
    """`ConvLSTM2D` for sequences of lines.

    Args: as in `ConvLSTM2D`.

    Shapes: (batch, steps, length, channels) to (batch, new length, filters), or (batch, steps, new length, filters) with
        `return_sequences`; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.ConvLSTM1D(4, 3)(np.ones((2, 5, 8, 1), "float32")).shape
    (2, 6, 4)
    """

    rank = 1


@builtin("layers")
class ConvLSTM2D(ConvLSTM):
    """`LSTM` for sequences of pictures: i, f, o = recurrent_activation(.), g = activation(.) of x * W + h * U + b.

    For what moves: the next picture of a film, rain on a map.

    Args:
        filters: channels of the states and of the output.
        kernel_size: of both windows, in pixels; an integer for all directions.
        strides, padding, data_format, dilation_rate: of the convolution over x, as in `Conv2D`; "valid" or "same".
        activation, recurrent_activation: of what is remembered and of the gates.
        use_bias, kernel_initializer, recurrent_initializer, bias_initializer, kernel_regularizer, recurrent_regularizer,
        bias_regularizer, activity_regularizer, kernel_constraint, recurrent_constraint, bias_constraint: as in `LSTM`.
        unit_forget_bias: whether the forget gate begins at 1.
        dropout, recurrent_dropout: rates for x and for h, pixel by pixel; the masks are constant over a sequence.
        seed: for a stream of random numbers of its own.
        return_sequences, return_state, go_backwards, stateful: as in `RNN`.

    Shapes: (batch, steps, height, width, channels) to (batch, new height, new width, filters), or with steps before them with
        `return_sequences`; likewise channels first. The states are h and c.

    Source: Shi et al., 2015. Keras drops different pixels for each gate.

    >>> import kerata, numpy as np
    >>> kerata.layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True)(np.ones((2, 5, 8, 6, 1), "float32")).shape
    (2, 5, 8, 6, 4)
    """

    rank = 2


@builtin("layers")
class ConvLSTM3D(ConvLSTM):
    """`ConvLSTM2D` for sequences of volumes.

    Args: as in `ConvLSTM2D`.

    Shapes: (batch, steps, depth, height, width, channels) to (batch, new depth, new height, new width, filters), or with steps
        before them with `return_sequences`; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.ConvLSTM3D(2, 2)(np.ones((1, 2, 3, 3, 3, 1), "float32")).shape
    (1, 2, 2, 2, 2)
    """

    rank = 3
