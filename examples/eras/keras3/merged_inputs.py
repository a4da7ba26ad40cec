"""Two inputs, merge layers and layers of one's own, as one writes them today: `python merged_inputs.py`."""

import numpy as np

from kerata import ops
from kerata.layers import Dense, Input, Layer, add, concatenate
from kerata.models import Model


class Maxout(Layer):
    """The largest of several dense layers."""

    def __init__(self, units, pieces, **kwargs):
        super().__init__(**kwargs)
        self.units, self.pieces = units, pieces

    def build(self, input_shape):
        self.kernel = self.add_weight(name="W", shape=(self.pieces, input_shape[-1], self.units), initializer="glorot_uniform")
        self.bias = self.add_weight(name="b", shape=(self.pieces, self.units), initializer="zeros")
        super().build(input_shape)

    def call(self, inputs):
        return ops.max(ops.dot(inputs, self.kernel) + self.bias, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)


class Scale(Layer):
    """A factor for each feature, which is learned."""

    def build(self, input_shape):
        self.factor = self.add_weight(name="factor", shape=(input_shape[-1],), initializer="ones", trainable=True)
        super().build(input_shape)

    def call(self, inputs):
        return ops.tanh(inputs * self.factor)

    def compute_output_shape(self, input_shape):
        return input_shape


def build():
    a, b = Input(shape=(16,)), Input(shape=(8,))
    left = Dense(12, activation="softsign")(a)
    right = Scale()(Maxout(12, 3)(b))
    both = add([left, right])
    joined = concatenate([both, left])
    output = Dense(1, activation="sigmoid")(joined)
    model = Model(inputs=[a, b], outputs=output)
    model.compile(optimizer="sgd", loss="mean_squared_error", metrics=["mae"])
    return model


if __name__ == "__main__":
    rng = np.random.RandomState(0)
    a, b = rng.normal(size=(500, 16)), rng.normal(size=(500, 8))
    y = (a[:, 0] + np.abs(b[:, 0]) > 0.5).astype("float32")[:, None]
    model = build()
    model.fit([a, b], y, batch_size=32, epochs=5, verbose=2)
