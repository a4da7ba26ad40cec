"""Recurrent layers: a cell, run over the steps of a sequence."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kerata.base.checks import message
from kerata.base.registry import builtin, home_of
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.base.types import PartialShape
from kerata.engine.module import Look
from kerata.engine.types import Array
from kerata.engine.variable import Variable
from kerata.kernels import recurrence
from kerata.kernels.typed import is_traced, scan, scan_in_python
from kerata.layers.layer import InputSpec, Layer, SkipOutputShape
from kerata.layers.pieces import is_python
from kerata.layers.recurrent_cells import (
    AnyCell,
    Cell,
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
    initial_state_of,
    run_cell,
)
from kerata.layers.signatures import ShapeTree

# Slopes of the piecewise linear sigmoid that the kernels know.
HARD_SIGMOID_SLOPES = {"hard_sigmoid": 1.0 / 6.0, "legacy_hard_sigmoid": 0.2}


@builtin("layers")
class RNN(Layer, SkipOutputShape):
    """Runs a cell over a sequence: h[t] = cell(x[t], h[t - 1]).

    Args:
        cell: a cell or a list of cells; anything with `call(inputs, states)` and `state_size`.
        return_sequences: the outputs of all steps, not the last alone.
        return_state: the last states beside the output.
        go_backwards: time runs from the last step to the first.
        stateful: a batch begins with the states with which the last one ended; the batch size must be fixed.
        unroll: accepted for Keras's sake; the loop is compiled in either case.
        zero_output_for_mask: the output of a masked step is 0, not the last output.

    Shapes: (batch, steps, features) to (batch, units), or (batch, steps, units) with `return_sequences`. A mask has shape
        (batch, steps); a masked step keeps the states.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.RNN([kerata.layers.LSTMCell(3), kerata.layers.GRUCell(2)], return_sequences=True)
    >>> layer(np.ones((1, 5, 4), "float32")).shape
    (1, 5, 2)
    """

    mixes_samples = False
    loops = True

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "call") or not hasattr(cell, "state_size"):
            raise ValueError(message("RNN", "`cell` must have `call(inputs, states)` and `state_size`", {"cell": cell}))
        super().__init__(**kwargs)
        self.cell: AnyCell = cell
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful = bool(go_backwards), bool(stateful)
        self.unroll, self.zero_output_for_mask = bool(unroll), bool(zero_output_for_mask)
        self.supports_masking = True
        self.states: list[Any] | None = None
        self.mixes_samples = home_of(type(cell)) is None

    _bookkeeping = {"states": Look.PROGRAM}

    def _kept_state(self) -> list[Variable]:
        return jax.tree.leaves(self.states, is_leaf=lambda v: isinstance(v, Variable))

    @property
    def state_size(self) -> list[Any]:
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    def build(self, sequences_shape, initial_state_shape=None):
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if self.stateful and self.states is None:
            if sequences_shape[0] is None:
                raise ValueError(
                    message(
                        self,
                        "a stateful layer needs a fixed batch size",
                        {"shape": sequences_shape},
                        "Give Input(batch_shape=(batch, steps, features))",
                    )
                )
            zeros = jax.eval_shape(lambda: self.get_initial_state(sequences_shape[0]))
            self.states = jax.tree.map(lambda s: Variable(np.zeros(s.shape, s.dtype), trainable=False, name="rnn_state"), zeros)

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The states with which a sequence begins."""
        return initial_state_of(self.cell, batch_size, self.compute_dtype)

    def reset_state(self) -> None:
        """Sets the kept states of a stateful layer to zero."""
        for variable in self._kept_state():
            variable.store(np.zeros(variable.shape, variable.dtype))

    reset_states = reset_state

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        mask = None if mask is None else _fit_mask(self, mask, jax.tree.leaves(sequences)[0].shape)
        states = self._first_states(sequences, initial_state)
        last, outputs, states = self.inner_loop(sequences, states, mask, training)
        if self.stateful:
            for variable, value in zip(self._kept_state(), jax.tree.leaves(states), strict=True):
                variable.store(lax.stop_gradient(value))
        output = (outputs if self.return_sequences else last).astype(self.compute_dtype)
        return (output, *states) if self.return_state else output

    def _first_states(self, sequences: Array, initial_state: list[Array] | None) -> list[Any]:
        if initial_state is None and self.stateful:
            initial_state = self.states
        if initial_state is None:
            return self.get_initial_state(sequences.shape[0])
        given = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        if len(given) != len(self.state_size):
            raise ValueError(message(self, f"`initial_state` must hold {len(self.state_size)} states", {"states": len(given)}))
        # To JAX a variable is a tree with its value as the leaf.
        given = jax.tree.map(lambda state: jnp.asarray(state, self.compute_dtype), given)
        if isinstance(self.cell, StackedRNNCells):
            form = jax.tree.structure(jax.eval_shape(lambda: self.get_initial_state(sequences.shape[0])))
            given = jax.tree.unflatten(form, jax.tree.leaves(given))
        states = jax.tree.leaves(given)[0].shape
        if states[0] != sequences.shape[0]:
            size = states[0]
            fix = f"Of a stateful layer give batch_size={size}, and {size}, {2 * size}, {3 * size}, ... samples"
            expected = "the states and the sequences must have the same batch size"
            raise ValueError(
                message(self, expected, {"states": states, "sequences": sequences.shape}, fix if self.stateful else "")
            )
        return given

    def inner_loop(
        self, sequences: Array, initial_state: list[Any], mask: Array | None, training: bool = False
    ) -> tuple[Any, Any, list[Any]]:
        """The last output (batch, units), outputs of all steps (batch, steps, units), the last states."""
        outputs, last, states = self.run(sequences, initial_state, mask, training)
        return last, outputs, states

    def run(self, sequences: Array, states: list[Any], mask: Array | None, training: bool) -> tuple[Any, Any, list[Any]]:
        """Outputs of all steps (batch, steps, units), the last output (batch, units), the last states."""
        steps = jnp.swapaxes(sequences, 0, 1)  # (steps, batch, ...)
        masks = None if mask is None else jnp.swapaxes(mask.astype(bool), 0, 1)
        first = jax.eval_shape(lambda s, x: run_cell(self.cell, x, s, training)[0], states, steps[0])
        before = jnp.zeros(first.shape, first.dtype)

        def step(carry: tuple[Any, Array], given: tuple[Array, Array | None]) -> tuple[tuple[Any, Array], Array]:
            states, before = carry
            x, keep = given
            output, new = run_cell(self.cell, x, states, training)
            new = jax.tree.map(lambda n, s: n.astype(s.dtype), new, states)
            if keep is not None:
                rest = jnp.zeros_like(output) if self.zero_output_for_mask else before
                output = jnp.where(_beside(keep, output), output, rest)
                new = jax.tree.map(lambda n, s: jnp.where(_beside(keep, n), n, s), new, states)
            return (new, output), output

        # Code of a user's own may want numbers, and JAX would compile the loop in each call.
        over_steps = scan_in_python if is_python() and not is_traced() else scan
        (states, last), outputs = over_steps(step, (states, before), (steps, masks), reverse=self.go_backwards)
        if self.go_backwards:
            outputs = jnp.flip(outputs, 0)
        return jnp.swapaxes(outputs, 0, 1), last, states

    def compute_output_shape(self, sequences_shape: PartialShape, initial_state_shape: "ShapeTree | None" = None) -> ShapeTree:
        return super().compute_output_shape(sequences_shape)

    def compute_mask(self, _: object, mask: Array | None = None) -> object:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        mask = mask if self.return_sequences else None
        return [mask, *[None] * len(self.state_size)] if self.return_state else mask

    def get_config(self):
        config = super().get_config()
        config["cell"] = serialize_keras_object(self.cell)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        cell = config.pop("cell", None)
        return cls(**config) if cell is None else cls(deserialize_keras_object(cell, custom_objects), **config)


def _fit_mask(layer: Layer, mask: Array, shape: tuple[int, ...]) -> Array:
    """A mask of shape (batch, steps); one of (batch, steps, 1) loses its last axis."""
    if mask.ndim == 3 and mask.shape[-1] == 1:
        mask = mask[..., 0]
    if mask.ndim != 2 or mask.shape[1] != shape[1] or mask.shape[0] not in (1, shape[0]):
        received = {"mask.shape": mask.shape, "input_shape": shape}
        raise ValueError(message(layer, f"the mask must have shape (batch, steps), here {shape[:2]}", received))
    return mask


def _beside(mask: Array, value: Array) -> Array:
    """A mask (batch,) as (batch, 1, ...) beside a value (batch, ...)."""
    return mask.reshape(mask.shape + (1,) * (value.ndim - 1))


class ClassicRNN(RNN):
    """What `SimpleRNN`, `LSTM` and `GRU` have in common: the cell's arguments are their own, and a fast kernel."""

    cell: Cell
    _of_cell: tuple[str, ...] = (
        "units",
        "activation",
        "use_bias",
        "kernel_initializer",
        "recurrent_initializer",
        "bias_initializer",
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

    def __init__(
        self, cell: Cell, return_sequences=False, return_state=False, go_backwards=False, stateful=False, unroll=False, **kwargs
    ):
        # Keras's two implementations differ in the order of operations only.
        kwargs.pop("implementation", None)
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, unroll, **kwargs)
        self.input_spec = InputSpec(ndim=3)
        self.mixes_samples = False

    def __getattr__(self, name: str) -> Any:
        if name in type(self)._of_cell and "cell" in self.__dict__:
            return getattr(self.cell, name)
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("dropout", "recurrent_dropout") and "cell" in self.__dict__:
            setattr(self.cell, name, value)
        else:
            super().__setattr__(name, value)

    def run(self, sequences: Array, states: list[Any], mask: Array | None, training: bool) -> tuple[Any, Any, list[Any]]:
        """As in `RNN`, by the kernel where it knows the activations."""
        activation, slope = name_of(self.cell.activation), slope_of(getattr(self.cell, "recurrent_activation", None))
        if not self.kernel_knows(activation) or slope is False:
            return super().run(sequences, states, mask, training)
        dropped = self.cell.input_mask(sequences, training)
        if dropped is not None:
            sequences = sequences * dropped[:, None]
        options = {
            "mask": mask,
            "recurrent_scale": self.cell.recurrent_mask(sequences, training),
            "reverse": self.go_backwards,
            "sequences": self.return_sequences,
            "zero_masked": self.zero_output_for_mask,
        }
        weights = (
            self.cell.kernel.value,
            self.cell.recurrent_kernel.value,
            None if self.cell.bias is None else self.cell.bias.value,
        )
        if slope is not None:
            options["gate_slope"] = slope
        outputs, *last_states = self.kernel(sequences, states, weights, options)
        return outputs, outputs, last_states

    def kernel_knows(self, activation: str) -> bool:
        return activation == "tanh"

    def kernel(self, sequences: Array, states: list[Any], weights: tuple, options: dict[str, Any]) -> tuple:
        """(outputs, *last states) by the kernel of `kernels.recurrence`."""
        raise NotImplementedError

    def get_config(self):
        config = super().get_config()
        del config["cell"]
        if "zero_output_for_mask" not in config:
            config["zero_output_for_mask"] = self.zero_output_for_mask
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def name_of(activation: object) -> str:
    home = home_of(activation)
    return home[1] if home else ""


def slope_of(activation: object) -> float | None:
    """The slope of a hard sigmoid, `None` for the sigmoid (and for a cell without gates), `False` for all others."""
    if activation is None or name_of(activation) == "sigmoid":
        return None
    return HARD_SIGMOID_SLOPES.get(name_of(activation), False)


@builtin("layers")
class SimpleRNN(ClassicRNN):
    """h[t] = activation(x[t] W + h[t - 1] U + b).

    Args:
        units: size of the state and of the output.
        activation: a name, a function or a layer.
        use_bias, kernel_initializer, recurrent_initializer, bias_initializer, kernel_regularizer, recurrent_regularizer,
        bias_regularizer, activity_regularizer, kernel_constraint, recurrent_constraint, bias_constraint: as in `Dense`,
        the recurrent ones for U.
        dropout, recurrent_dropout: rates for x and for h; the masks are constant over a sequence.
        return_sequences, return_state, go_backwards, stateful, unroll: as in `RNN`.
        seed: for a stream of random numbers of its own.

    Shapes: (batch, steps, features) to (batch, units), or (batch, steps, units) with `return_sequences`.

    >>> import kerata, numpy as np
    >>> kerata.layers.SimpleRNN(4)(np.ones((2, 5, 3), "float32")).shape
    (2, 4)
    """

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        cell = SimpleRNNCell(
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
            dtype=kwargs.get("dtype"),
            name="simple_rnn_cell",
        )
        super().__init__(
            cell,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )

    def kernel_knows(self, activation: str) -> bool:
        return activation in ("tanh", "relu", "linear")

    def kernel(self, sequences, states, weights, options):
        return recurrence.simple_rnn(sequences, *states, *weights, activation=name_of(self.cell.activation), **options)


@builtin("layers")
class LSTM(ClassicRNN):
    """i, f, o = recurrent_activation(.), g = activation(.) of x W + h U + b;  c = f c + i g;  h = o activation(c).

    A memory that is added to, not overwritten, so that gradients reach back over many steps.

    Args: as in `SimpleRNN`; `recurrent_activation` is the gates', `unit_forget_bias` begins the forget gate at 1.
        `use_cudnn` is accepted for Keras's sake.

    Shapes: (batch, steps, features) to (batch, units), or (batch, steps, units) with `return_sequences`; the states are
        h and c, (batch, units) each.

    Source: Hochreiter and Schmidhuber, 1997.

    >>> import kerata, numpy as np
    >>> output, h, c = kerata.layers.LSTM(4, return_sequences=True, return_state=True)(np.ones((2, 5, 3), "float32"))
    >>> output.shape, c.shape
    ((2, 5, 4), (2, 4))
    """

    _of_cell = (*ClassicRNN._of_cell, "recurrent_activation", "unit_forget_bias")

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
        unroll=False,
        use_cudnn="auto",
        **kwargs,
    ):
        cell = LSTMCell(
            units,
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            unit_forget_bias,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            dtype=kwargs.get("dtype"),
            name="lstm_cell",
        )
        super().__init__(
            cell,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn

    def kernel(self, sequences, states, weights, options):
        return recurrence.lstm(sequences, *states, *weights, **options)

    def get_config(self):
        config = super().get_config()
        config.pop("use_cudnn", None)
        return config


@builtin("layers")
class GRU(ClassicRNN):
    """z, r = recurrent_activation(.);  g = activation(x W + b + r (h U + b'));  h = z h + (1 - z) g.

    Args: as in `LSTM`; with `reset_after=False`, as in Keras 1 and 2, the reset comes before the product:
        g = activation(x W + b + (r h) U).

    Shapes: (batch, steps, features) to (batch, units), or (batch, steps, units) with `return_sequences`.

    Source: Cho et al., 2014.

    >>> import kerata, numpy as np
    >>> kerata.layers.GRU(4, reset_after=False)(np.ones((2, 5, 3), "float32")).shape
    (2, 4)
    """

    _of_cell = (*ClassicRNN._of_cell, "recurrent_activation", "reset_after")

    cell: GRUCell

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
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        cell = GRUCell(
            units,
            activation,
            recurrent_activation,
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
            reset_after,
            seed,
            dtype=kwargs.get("dtype"),
            name="gru_cell",
        )
        super().__init__(
            cell,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.use_cudnn = use_cudnn

    def kernel(self, sequences, states, weights, options):
        return recurrence.gru(sequences, *states, *weights, reset_after=self.cell.reset_after, **options)

    def get_config(self):
        config = super().get_config()
        config.pop("use_cudnn", None)
        return config
