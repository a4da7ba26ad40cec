"""Two inputs, a merge and a layer of one's own, as one wrote them in Keras 1: `kerata run merged_inputs.py`."""

import numpy as np
from keras import backend as K
from keras import initializations
from keras.engine.topology import Layer
from keras.layers import Dense, Input, MaxoutDense, merge
from keras.models import Model


class Scale(Layer):
    """A factor for each feature, which is learned."""

    def build(self, input_shape):
        self.factor = initializations.one((input_shape[1],), name="{}_factor".format(self.name))
        self.trainable_weights = [self.factor]

    def call(self, x, mask=None):
        return K.tanh(x * self.factor)

    def get_output_shape_for(self, input_shape):
        return input_shape


def build():
    a, b = Input(shape=(16,)), Input(shape=(8,))
    left = Dense(12, activation="softsign")(a)
    right = Scale()(MaxoutDense(12, nb_feature=3)(b))
    both = merge([left, right], mode="sum")
    joined = merge([both, left], mode="concat")
    output = Dense(1, activation="sigmoid")(joined)
    model = Model(input=[a, b], output=output)
    model.compile(optimizer="sgd", loss="mean_squared_error", metrics=["mae"])
    return model


if __name__ == "__main__":
    rng = np.random.RandomState(0)
    a, b = rng.normal(size=(500, 16)), rng.normal(size=(500, 8))
    y = (a[:, 0] + np.abs(b[:, 0]) > 0.5).astype("float32")[:, None]
    model = build()
    model.fit([a, b], y, batch_size=32, nb_epoch=5, verbose=2)
