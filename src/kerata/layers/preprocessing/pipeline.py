"""Layers one after the other, as one layer."""

from kerata.base.checks import KindError, message
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine.scope import noted
from kerata.layers.layer import Layer
from kerata.layers.signatures import call_parameters


@builtin("layers")
class Pipeline(Layer):
    """outputs = layers[-1](... layers[0](inputs)): layers that prepare data, as one.

    It takes what its layers take: arrays, or a dict of pictures and what belongs to them. It has no shapes of its own to build.

    Args:
        layers: a list of layers.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.Pipeline([kerata.layers.Rescaling(0.5), kerata.layers.CenterCrop(1, 2)])
    >>> layer(np.ones((1, 3, 4, 1), "float32")).ravel().tolist()
    [0.5, 0.5]
    """

    def __init__(self, layers, name=None):
        super().__init__(name=name)
        for layer in layers:
            if not isinstance(layer, Layer):
                raise KindError(message(self, "`layers` must be layers", {"layer": layer}))
        self.steps = list(layers)
        self.mixes_samples = any(layer.mixes_samples for layer in self.steps)
        self.sees_batch = any(layer.sees_batch for layer in self.steps)
        self.takes_indices = bool(self.steps) and self.steps[0].takes_indices
        # Each layer converts what it is given itself.
        self.autocast = False

    @property
    def layers(self) -> list[Layer]:
        return self.steps

    def call(self, inputs, training=True, mask=None):
        for layer in self.steps:
            known = call_parameters(type(layer))
            given = {} if mask is None or "mask" not in known else {"mask": mask}
            if "training" in known and training is not None:
                given["training"] = training
            inputs = layer(inputs, **given)
            mask = None if isinstance(inputs, (dict, list, tuple)) else noted(inputs, "mask")
        return inputs

    def get_config(self):
        return {"layers": [serialize_keras_object(layer) for layer in self.steps], "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        layers = config.pop("layers", None)
        if not isinstance(layers, (list, tuple)):
            raise ValueError(message("Pipeline", "a config must have a list of `layers`", {"layers": layers}))
        return cls([deserialize_keras_object(layer, custom_objects) for layer in layers], **config)
