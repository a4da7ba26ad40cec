"""Cells: one step of a recurrent layer, `call(inputs, states) -> output, new states`."""

import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from kerata import activations, constraints, initializers, regularizers
from kerata.base.checks import check_positive_int, message
from kerata.base.limits import CALL, take_work
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.base.types import DTypeLike, Shape
from kerata.engine.hyper import Hyperparameter, is_absent
from kerata.engine.module import Look
from kerata.engine.random import SeedGenerator
from kerata.engine.scope import in_scope
from kerata.engine.types import Array, HostArray, Initializer, Scalar
from kerata.kernels.random import dropout as drop
from kerata.layers.layer import Layer

# Of a state, without the batch: one number of units, or several axes.
Size: TypeAlias = int | Shape


class AnyCell(Protocol):
    """What a recurrent layer asks of any cell; it may have `output_size` and `get_initial_state` as well."""

    call: Callable[..., Any]

    @property
    def state_size(self) -> "Size | list[Size] | tuple[Size, ...]": ...


class Cell(Layer):
    """What the three classic cells have in common: an input kernel, a recurrent kernel and a bias, gates side by side.

    The rates of dropout are hyperparameters: masks are constant over the steps of a sequence.
    """

    _bookkeeping = {"_masks": Look.NOBODY}
    gates = 1
    # Whether the generator of its draws takes its seed before the initializers take theirs.
    seeds_first = False
    mixes_samples = False
    dropout = Hyperparameter(low=0.0, high=1.0, zero_is_absent=True)
    recurrent_dropout = Hyperparameter(low=0.0, high=1.0, zero_is_absent=True)

    def take_arguments(
        self,
        units,
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
    ) -> None:
        """Checks and keeps the arguments that all cells share."""
        self.units = check_positive_int(self, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = bool(use_bias)
        if self.seeds_first:
            self.seed_generator = SeedGenerator(seed)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.seed = seed
        if not self.seeds_first:
            self.seed_generator = SeedGenerator(seed)
        self.state_size: int | list[int] = self.units
        self.output_size = self.units

    def bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    def first_bias(self) -> Initializer:
        return self.bias_initializer

    def build(self, input_shape):
        width = self.gates * self.units
        self.kernel = self.add_weight(
            (input_shape[-1], width),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, width),
            self.recurrent_initializer,
            name="recurrent_kernel",
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
        )
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
        """States of zeros: (batch, units) each."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [jnp.zeros((batch_size, size), self.compute_dtype) for size in sizes]

    def get_dropout_mask(self, step_input: Array) -> Array | None:
        """The mask for the features of the inputs of a loop of one's own: the same until `reset_dropout_mask`; or `None`."""
        return self._keep("input", lambda: self.input_mask(step_input, True))

    def get_recurrent_dropout_mask(self, step_input: Array) -> Array | None:
        """The mask for the units of the state: the same until `reset_recurrent_dropout_mask`; or `None`."""
        return self._keep("state", lambda: self.recurrent_mask(step_input, True))

    def reset_dropout_mask(self) -> None:
        """Has the next `get_dropout_mask` draw anew."""
        self._kept_masks.pop("input", None)

    def reset_recurrent_dropout_mask(self) -> None:
        """Has the next `get_recurrent_dropout_mask` draw anew."""
        self._kept_masks.pop("state", None)

    @property
    def _kept_masks(self) -> dict[str, Array | None]:
        return self.__dict__.setdefault("_masks", {})

    def _keep(self, what: str, draw: Callable[[], Array | None]) -> Array | None:
        # What is drawn in a program is worth nothing after it.
        if in_scope():
            return draw()
        if self._kept_masks.get(what) is None:
            self._kept_masks[what] = draw()
        return self._kept_masks[what]

    def input_mask(self, inputs: Array, training: bool) -> Array | None:
        """A mask for the features of the inputs, (batch, features), scaled so that the mean stays; or `None`."""
        return self._mask(self.dropout, inputs, inputs.shape[-1]) if training else None

    def recurrent_mask(self, inputs: Array, training: bool) -> Array | None:
        """A mask for the units of the state, (batch, units); or `None`."""
        return self._mask(self.recurrent_dropout, inputs, self.units) if training else None

    def _mask(self, rate: Scalar, inputs: Array, size: int) -> Array | None:
        if is_absent(rate):
            return None
        return drop(self.seed_generator.key(), rate, jnp.ones((inputs.shape[0], size), inputs.dtype))

    def project(self, inputs: Array, h: Array, training: bool) -> tuple[Any, Any]:
        """Inputs and state after their dropout."""
        mask, recurrent = self.input_mask(inputs, training), self.recurrent_mask(inputs, training)
        return inputs if mask is None else inputs * mask, h if recurrent is None else h * recurrent


@builtin("layers")
class SimpleRNNCell(Cell):
    """h' = activation(x W + h U + b).

    Args:
        units: size of the state and of the output.
        activation: a name, a function or a layer.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: how the weights begin.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: what the weights are projected onto after an update.
        dropout, recurrent_dropout: rates for the inputs and for the state.
        seed: for a stream of random numbers of its own.

    Shapes: (batch, features) and a state (batch, units) to the same shapes.

    >>> import kerata, numpy as np
    >>> output, states = kerata.layers.SimpleRNNCell(3)(np.ones((2, 4), "float32"), [np.zeros((2, 3), "float32")])
    >>> output.shape
    (2, 3)
    """

    seeds_first = True

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
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
        self.take_arguments(
            units,
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

    def call(self, sequence, states, training=False):
        (h,) = as_states(states)
        inputs, dropped = self.project(sequence, h, training)
        z = inputs @ self.kernel.value + dropped @ self.recurrent_kernel.value
        z = z if self.bias is None else z + self.bias.value
        h = z if self.activation is None else self.activation(z)
        return h, like_states(states, [h])


@builtin("layers")
class LSTMCell(Cell):
    """i, f, o = recurrent_activation(.), g = activation(.) of x W + h U + b;  c' = f c + i g;  h' = o activation(c').

    Args: as in `SimpleRNNCell`; `recurrent_activation` is the gates', `unit_forget_bias` begins the forget gate at 1.

    Shapes: (batch, features) and states [h, c] (batch, units) each, to the same shapes.

    Source: Hochreiter and Schmidhuber, 1997.

    >>> import kerata, numpy as np
    >>> zeros = np.zeros((2, 3), "float32")
    >>> output, (h, c) = kerata.layers.LSTMCell(3)(np.ones((2, 4), "float32"), [zeros, zeros])
    >>> c.shape
    (2, 3)
    """

    gates = 4

    def __init__(
        self,
        units,
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
        # Keras's two implementations differ in the order of operations only.
        kwargs.pop("implementation", None)
        super().__init__(**kwargs)
        self.take_arguments(
            units,
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
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = bool(unit_forget_bias)
        self.state_size = [self.units, self.units]

    def first_bias(self) -> Initializer:
        if not self.unit_forget_bias:
            return self.bias_initializer
        start, units = self.bias_initializer, self.units

        def forget_less(shape: Shape, dtype: DTypeLike | None = None) -> HostArray:
            values = np.array(start(shape, dtype=dtype))
            values[units : 2 * units] = 1.0
            return values

        return forget_less

    def call(self, inputs, states, training=False):
        h, c = as_states(states)
        inputs, dropped = self.project(inputs, h, training)
        z = inputs @ self.kernel.value + dropped @ self.recurrent_kernel.value
        i, f, g, o = jnp.split(z if self.bias is None else z + self.bias.value, 4, -1)
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(g)
        h = gate(o) * self.activation(c)
        return h, like_states(states, [h, c])


@builtin("layers")
class GRUCell(Cell):
    """z, r = recurrent_activation(x W + h U + b);  g = activation(x W + b + r (h U + b'));  h' = z h + (1 - z) g.

    Args: as in `LSTMCell`; with `reset_after=False` the reset comes before the product, g = activation(x W + b + (r h) U).

    Shapes: (batch, features) and a state (batch, units) to the same shapes.

    Source: Cho et al., 2014.

    >>> import kerata, numpy as np
    >>> output, states = kerata.layers.GRUCell(3)(np.ones((2, 4), "float32"), [np.zeros((2, 3), "float32")])
    >>> output.shape
    (2, 3)
    """

    gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        **kwargs,
    ):
        kwargs.pop("implementation", None)
        super().__init__(**kwargs)
        self.take_arguments(
            units,
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
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = bool(reset_after)

    def bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def call(self, inputs, states, training=False):
        (h,) = as_states(states)
        inputs, dropped = self.project(inputs, h, training)
        bias = None if self.bias is None else self.bias.value
        x = inputs @ self.kernel.value
        if bias is not None:
            x = x + (bias[0] if self.reset_after else bias)
        xz, xr, xg = jnp.split(x, 3, -1)
        kernel, gate, n = self.recurrent_kernel.value, self.recurrent_activation, self.units
        if self.reset_after:
            inner = dropped @ kernel
            hz, hr, hg = jnp.split(inner if bias is None else inner + bias[1], 3, -1)
            z, r = gate(xz + hz), gate(xr + hr)
            g = self.activation(xg + r * hg)
        else:
            hz, hr = jnp.split(dropped @ kernel[:, : 2 * n], 2, -1)
            z, r = gate(xz + hz), gate(xr + hr)
            g = self.activation(xg + (r * dropped) @ kernel[:, 2 * n :])
        h = z * h + (1 - z) * g
        return h, like_states(states, [h])


def as_states(states: object) -> list[Any]:
    """States as a list; a single state may come alone."""
    return list(states) if isinstance(states, (list, tuple)) else [states]


def like_states(given: object, states: list[Any]) -> list[Any]:
    """States in the form in which they came."""
    return states if isinstance(given, (list, tuple)) else states[0]


@builtin("layers")
class StackedRNNCells(Layer):
    """Cells on top of each other as one cell: each one's output is the next one's input.

    Args:
        cells: the cells, the first one nearest to the input.

    Shapes: (batch, features) and a list of each cell's states, to the last cell's output and the new states.

    >>> import kerata
    >>> cell = kerata.layers.StackedRNNCells([kerata.layers.LSTMCell(3), kerata.layers.GRUCell(2)])
    >>> cell.state_size
    [[3, 3], 2]
    """

    mixes_samples = False

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        # Cells within cells are traced one after the other, some milliseconds each.
        take_work(3 * CALL * len(cells), cells=len(cells))
        for cell in cells:
            if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
                raise ValueError(message(self, "each cell must have `call` and `state_size`", {"cell": cell}))
        self.cells: list[AnyCell] = list(cells)

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Size:
        return output_size_of(self.cells[-1])

    def build(self, input_shape):
        shape = tuple(input_shape)
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(shape)
            shape = (shape[0], output_size_of(cell))

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The initial states of all cells."""
        return [alone_or_list(initial_state_of(cell, batch_size, self.compute_dtype)) for cell in self.cells]

    def call(self, inputs, states, training=False, **kwargs):
        new_states = []
        for cell, state in zip(self.cells, states, strict=True):
            # A cell of a user's own takes its states as a list, even where it has but one.
            inputs, new = run_cell(cell, inputs, list(state) if isinstance(state, (list, tuple)) else [state], training)
            new_states.append(alone_or_list(new))
        return inputs, new_states

    def get_config(self):
        return {**super().get_config(), "cells": [serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        cells = [deserialize_keras_object(cell, custom_objects=custom_objects) for cell in config.pop("cells")]
        return cls(cells, **config)


def alone_or_list(states: list[Any]) -> object:
    """A cell's states as a stack of cells shows them: a list, or the only one."""
    return states[0] if len(states) == 1 else states


def output_size_of(cell: AnyCell) -> Size:
    """The size of a cell's output: its `output_size`, else that of its first state."""
    size: Size | None = getattr(cell, "output_size", None)
    if size is None:
        sizes = cell.state_size
        size = sizes[0] if isinstance(sizes, (list, tuple)) else sizes
    return size


def initial_state_of(cell: AnyCell, batch_size: int | None, dtype: DTypeLike) -> list[Any]:
    """A cell's own initial state, or zeros of its `state_size`."""
    begin: Callable[..., Any] | None = getattr(cell, "get_initial_state", None)
    if begin is not None:
        taken = inspect.signature(begin).parameters
        # A cell of a person's own may ask for what `tf.keras` gave it beside.
        beside = {name: value for name, value in (("inputs", None), ("dtype", dtype)) if name in taken}
        state = jax.tree.map(jnp.asarray, begin(batch_size=batch_size, **beside))
        return list(state) if isinstance(state, (list, tuple)) else [state]
    sizes = cell.state_size if isinstance(cell.state_size, (list, tuple)) else [cell.state_size]
    return [jnp.zeros((batch_size, *((size,) if isinstance(size, int) else size)), dtype) for size in sizes]


def run_cell(cell: AnyCell, inputs: Array, states: list[Array], training: bool) -> tuple[Any, Any]:
    """One step of any cell, a person's own included: the output, and the new states as a list."""
    given = states
    if isinstance(cell, Layer):
        output, new = cell(inputs, given, training=training)
    else:
        step: Callable[..., Any] = cell if callable(cell) else cell.call
        output, new = step(inputs, given)
    return output, list(new) if isinstance(new, (list, tuple)) else [new]
