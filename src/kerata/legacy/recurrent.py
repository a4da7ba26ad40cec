"""`Recurrent` of Keras 1 and 2.0: a base for recurrent layers of a user's own, written as one `step`."""

from typing import Any

import jax.numpy as jnp

from kerata import backend, layers
from kerata.engine.types import Array
from kerata.legacy.layers import OldLayer
from kerata.legacy.phases import in_train_phase


def time_distributed_dense(
    x,
    w,
    b=None,
    dropout: float | None = None,
    input_dim: int | None = None,
    output_dim: int | None = None,
    timesteps: int | None = None,
    training: bool | None = None,
):
    """x w + b at each step of (batch, steps, features); with `dropout`, what is left out is the same at all steps."""
    if dropout is not None and 0.0 < dropout < 1.0:
        dropped = backend.dropout(x, dropout, (None, 1, None))
        x = in_train_phase(dropped, x) if training is None else in_train_phase(dropped, x, training)
    found = backend.dot(x, w)
    return found if b is None else found + b


class Recurrent(OldLayer, layers.Layer):
    """Runs `step(x, states)`, which gives (output, new states), over the steps of (batch, steps, features).

    A subclass defines `build` and `step`; it may define `get_initial_states`, `get_constants` and `preprocess_input`.

    Args:
        return_sequences: whether to give the outputs of all steps, and not of the last alone.
        go_backwards: whether to begin with the last step.
        input_dim, input_length: the input's shape.
        stateful, unroll, consume_less, implementation: taken as then; states do not stay from batch to batch.
    """

    def __init__(
        self,
        weights=None,
        return_sequences=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        consume_less="gpu",
        input_dim=None,
        input_length=None,
        implementation=0,
        return_state=False,
        **kwargs,
    ):
        if input_dim is not None and "input_shape" not in kwargs:
            kwargs["input_shape"] = (input_length, input_dim)
        kwargs.pop("input_dtype", None)
        super().__init__(**kwargs)
        self.return_sequences, self.go_backwards, self.stateful = return_sequences, go_backwards, stateful
        self.unroll, self.consume_less, self.implementation = unroll, consume_less, implementation
        self.return_state, self.input_dim, self.input_length = return_state, input_dim, input_length
        self._initial_weights = weights
        self.supports_masking = True
        self.input_spec = layers.InputSpec(ndim=3)

    def step(self, x: Array, states: list[Array]) -> tuple[Array, list[Array]]:
        """(output, new states) of one step."""
        raise NotImplementedError(f"{type(self).__name__} must define step(x, states)")

    def get_initial_states(self, inputs: Array) -> list[Any]:
        """Zeros (batch, output_dim), one for each state."""
        size = getattr(self, "output_dim", None) or self.units  # type: ignore[attr-defined]
        count = len(self.states) if isinstance(getattr(self, "states", None), list) else 1
        return [jnp.zeros((inputs.shape[0], size), inputs.dtype) for _ in range(count)]

    get_initial_state = get_initial_states

    def get_constants(self, inputs: Array, training: bool | None = None) -> list[Any]:
        """Arrays that each step gets behind the states."""
        return []

    def preprocess_input(self, inputs: Array, training: bool | None = None) -> Array:
        """What is done with all steps at once."""
        return inputs

    def call(self, x: Array, mask: Array | None = None) -> Array:
        states = self.get_initial_states(x)
        last, outputs, _ = backend.rnn(
            self.step,
            self.preprocess_input(x),
            states,
            go_backwards=self.go_backwards,
            mask=mask,
            constants=self.get_constants(x),
        )
        return outputs if self.return_sequences else last

    def compute_mask(self, inputs: Array, mask: Array | None = None) -> Array | None:
        return mask if self.return_sequences else None


class Recurrent1(Recurrent):
    """`Recurrent` in Keras 1."""

    _era = "keras1"


class Recurrent2(Recurrent):
    """`Recurrent` in Keras 2."""

    _era = "keras2"
