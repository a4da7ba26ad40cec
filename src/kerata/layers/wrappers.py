"""Layers around other layers: `Bidirectional`, `TimeDistributed`."""

from typing import Any, cast

import jax
import jax.numpy as jnp

from kerata.base.checks import KindError, check_choice, message
from kerata.base.registry import builtin
from kerata.base.serialization import by_reference, deserialize_keras_object, serialize_keras_object, sharing
from kerata.base.types import PartialShape
from kerata.engine.guesses import FOLDED, TRIALS
from kerata.engine.structure import is_ours
from kerata.engine.types import Array
from kerata.layers.layer import Layer, SkipOutputShape
from kerata.layers.recurrent import RNN
from kerata.layers.signatures import ShapeTree, call_parameters

MERGES = ("concat", "sum", "ave", "mul", None)


class Wrapper(Layer):
    """What layers around one other layer have in common.

    Args:
        layer: the layer inside.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise KindError(
                message(
                    type(self).__name__,
                    "Layer supplied to Wrapper isn't a supported layer type",
                    {"layer": layer},
                    "Give an instance of a layer",
                )
            )
        super().__init__(**kwargs)
        self.layer = layer
        self.mixes_samples = layer.mixes_samples

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)

    def get_config(self):
        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(deserialize_keras_object(config.pop("layer"), custom_objects), **config)


@builtin("layers")
class TimeDistributed(Wrapper, SkipOutputShape):
    """y[t] = layer(x[t]): the same layer at every step of a sequence.

    A layer that sees all samples of a batch together, as batch normalization does, sees those of one step at a time.

    Args:
        layer: a layer for one step.

    Shapes: (batch, steps, ...) to (batch, steps, ...).

    >>> import kerata, numpy as np
    >>> kerata.layers.TimeDistributed(kerata.layers.Conv2D(2, 3))(np.ones((1, 4, 6, 6, 3), "float32")).shape
    (1, 4, 4, 4, 2)
    """

    def __init__(self, layer, **kwargs):
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(
                message(self, "the input must have an axis of steps: (batch, steps, ...)", {"input_shape": input_shape})
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs, training=None, mask=None):
        if mask is not None and mask.shape[:2] != inputs.shape[:2]:
            raise ValueError(
                message(
                    self,
                    "The `mask` passed to the `TimeDistributed` layer has a shape that is not that of "
                    "the samples and steps of the inputs",
                    {"mask": mask.shape, "inputs": inputs.shape},
                )
            )
        batch, steps = inputs.shape[:2]
        if self._goes_step_by_step(training) and steps not in TRIALS + FOLDED:
            made = [self._one(inputs[:, t], None if mask is None else mask[:, t], training) for t in range(steps)]
            return jax.tree.map(lambda *ys: jnp.stack(ys, 1), *made)
        # All steps of all samples as one batch.
        folded = None if mask is None else mask.reshape(batch * steps, *mask.shape[2:])
        flat = self._one(inputs.reshape(batch * steps, *inputs.shape[2:]), folded, training)
        return jax.tree.map(lambda y: y.reshape(batch, steps, *y.shape[1:]), flat)

    def _one(self, x: Array, mask: Array | None, training: bool | None) -> Array:
        """The layer on one step of all samples, x (batch, ...), mask (batch, ...) or `None`."""
        if mask is None or "mask" not in call_parameters(type(self.layer)):
            return self.layer(x, training=training)
        # A mask of whole steps has nothing to say to a layer that looks for a mask within a step.
        if is_ours(type(self.layer)) and mask.ndim == 1 and x.ndim > 2:
            return self.layer(x, training=training)
        return self.layer(x, training=training, mask=mask)

    def _goes_step_by_step(self, training: bool | None) -> bool:
        """Whether the layer sees the samples of a step together, or changes from step to step: so does Keras call it."""
        for layer in self.layer._flatten_layers():
            if layer.mixes_samples is True or not is_ours(type(layer)):
                return True
            if training and layer.trainable and any(not v.trainable for v in layer._weights):
                return True
        return False

    def compute_mask(self, inputs, mask=None):
        # Of a mask within the steps, what is left is whether there is anything in a step, once the steps are one thing each.
        if mask is None or mask.ndim == 2 or self.compute_output_shape(inputs.shape)[: mask.ndim] == tuple(mask.shape):
            return mask
        return jnp.any(mask, axis=tuple(range(2, mask.ndim)))

    def compute_output_shape(self, input_shape):
        below = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return (input_shape[0], input_shape[1], *below[1:])


@builtin("layers")
class Bidirectional(Layer, SkipOutputShape):
    """y = merge(layer(x), layer'(x backwards)): each step sees what came before and what comes after.

    Args:
        layer: a recurrent layer; both directions are copies of it.
        merge_mode: "concat", "sum", "ave", "mul", or `None` for both outputs apart.
        weights: not supported; use `set_weights`.
        backward_layer: another layer for the way back, with `go_backwards=True`.

    Shapes: those of the layer inside, twice as wide with "concat".

    Source: Schuster and Paliwal, 1997.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.Bidirectional(kerata.layers.LSTM(4, return_sequences=True))
    >>> layer(np.ones((2, 5, 3), "float32")).shape
    (2, 5, 8)
    """

    def __init__(self, layer: Layer, merge_mode="concat", weights=None, backward_layer: Layer | None = None, **kwargs):
        if not isinstance(layer, Layer) or not hasattr(layer, "go_backwards"):
            raise KindError(message("Bidirectional", "`layer` must be a recurrent layer", {"layer": layer}))
        recurrent = cast(RNN, layer)
        super().__init__(**kwargs)
        if weights is not None:
            raise NotImplementedError(message(self, "`weights` is not there", fix="Call set_weights() on the built layer"))
        self.merge_mode = check_choice(self, "merge_mode", merge_mode, MERGES)
        self.forward_layer = _copy(layer, "forward_", go_backwards=recurrent.go_backwards)
        if backward_layer is None:
            backward_layer = _copy(layer, "backward_", go_backwards=not recurrent.go_backwards)
        self.backward_layer = cast(RNN, backward_layer)
        self._check_pair()
        self.stateful, self.return_state = recurrent.stateful, recurrent.return_state
        self.return_sequences = recurrent.return_sequences
        for one in (self.forward_layer, self.backward_layer):
            # The outputs of both directions are merged, so a masked step must give nothing in either.
            one.zero_output_for_mask = one.return_sequences
        self.supports_masking = True
        self.input_spec = layer.input_spec
        self.mixes_samples = layer.mixes_samples

    def _check_pair(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                message(
                    self,
                    "the two layers must run in different directions",
                    {"go_backwards": (forward.go_backwards, backward.go_backwards)},
                )
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise ValueError(
                    message(
                        self,
                        f"both layers must have the same `{name}`",
                        {name: (getattr(forward, name), getattr(backward, name))},
                    )
                )

    def build(self, sequences_shape, initial_state_shape=None):
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)

    def call(self, sequences, initial_state=None, mask=None, training=None):
        halves: tuple[Any, Any] = (None, None)
        if initial_state is not None:
            half = len(initial_state) // 2
            halves = (list(initial_state[:half]), list(initial_state[half:]))
        y = self.forward_layer(sequences, initial_state=halves[0], mask=mask, training=training)
        z = self.backward_layer(sequences, initial_state=halves[1], mask=mask, training=training)
        states: tuple = ()
        if self.return_state:
            (y, *of_y), (z, *of_z) = y, z
            states = (*of_y, *of_z)
        if self.return_sequences:
            z = jnp.flip(z, 1)
        output = self._merge(y, z)
        if self.return_state:
            return (*output, *states) if self.merge_mode is None else (output, *states)
        return output

    def _merge(self, y: Array, z: Array) -> Array | tuple[Array, Array]:
        if self.merge_mode == "concat":
            return jnp.concatenate([y, z], -1)
        if self.merge_mode == "sum":
            return y + z
        if self.merge_mode == "ave":
            return (y + z) / 2
        return y * z if self.merge_mode == "mul" else (y, z)

    def compute_output_shape(self, sequences_shape: PartialShape, initial_state_shape: "ShapeTree | None" = None) -> ShapeTree:
        return super().compute_output_shape(sequences_shape)

    def compute_mask(self, _: object, mask: Array | None = None) -> object:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        mask = mask if self.return_sequences else None
        masks = [mask] if self.merge_mode is not None else [mask, mask]
        if self.return_state:
            return masks + [None] * (2 * len(self.forward_layer.state_size))
        return masks if self.merge_mode is None else mask

    @property
    def states(self) -> tuple[Any, ...] | None:
        """The kept states of both layers, of stateful ones; else `None`."""
        kept = [getattr(layer, "states", None) for layer in (self.forward_layer, self.backward_layer)]
        return tuple(state for states in kept for state in states or ()) if all(kept) else None

    def reset_state(self) -> None:
        """Sets the kept states of both layers to zero."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def get_config(self):
        config = {**super().get_config(), "merge_mode": self.merge_mode}
        config.pop("weights", None)
        config["layer"] = serialize_keras_object(self.forward_layer)
        config["backward_layer"] = serialize_keras_object(self.backward_layer)
        return config

    @property
    def layer(self) -> Layer:
        return self.forward_layer

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        layer = deserialize_keras_object(_unbuilt(config.pop("layer")), custom_objects)
        backward = config.pop("backward_layer", None)
        if backward is not None:
            backward = deserialize_keras_object(_unbuilt(backward), custom_objects)
        return cls(layer, backward_layer=backward, **config)


def _unbuilt(config):
    """A layer's config without the shapes that it and its cells were built for: they would draw weights, and a copy again."""
    if isinstance(config, list):
        return [_unbuilt(part) for part in config]
    if not isinstance(config, dict):
        return config
    return {name: _unbuilt(part) for name, part in config.items() if name != "build_config" or "class_name" not in config}


def _copy(layer: Layer, prefix: str, go_backwards: bool) -> RNN:
    """A layer of the same configuration, with weights of its own."""
    # A copy is another object, also where a file is read in which an object that occurs twice has a number.
    # Classes and functions of a user's own are the same ones, and need no name.
    own: list[object] = []
    with sharing(), by_reference(own):
        config = serialize_keras_object(layer)
    config["config"]["name"] = prefix + layer.name.removeprefix(prefix)
    config["config"]["go_backwards"] = go_backwards
    if hasattr(layer, "use_cudnn"):
        config["config"]["use_cudnn"] = layer.use_cudnn  # type: ignore[attr-defined]
    with sharing(), by_reference(own):
        return deserialize_keras_object(_unbuilt(config))
