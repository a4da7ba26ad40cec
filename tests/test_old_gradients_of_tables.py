"""Gradients of tables of `tf.keras`: bounded place by place before the places of one row are added.

The rows of tables after three epochs, or steps, are those of `tf_keras` 2.21.
"""

import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
layers, optimizers = keras.layers, keras.optimizers
IDS = np.array([[0, 1, 1], [2, 1, 0], [3, 3, 3], [0, 0, 1]])
Y = np.float32([[0], [3], [6], [9]])
READING = {
    "embedding": None,
    "gather": lambda table, rows: tf.gather(table, rows),
    "lookup": lambda table, rows: tf.nn.embedding_lookup(table, rows),
    "K": lambda table, rows: keras.backend.gather(table, rows),
}


class Own(layers.Layer):
    def __init__(self, read):
        super().__init__()
        self.read = read

    def build(self, shape):
        self.table = self.add_weight(name="table", shape=(5, 2), initializer="ones")

    def call(self, rows):
        return self.read(self.table, rows)


class ByTape(keras.models.Sequential):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compiled_loss(y, self(x, training=True))
        found = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(found, self.trainable_variables, strict=True))
        return {"loss": loss}


def network(kind, reading):
    read = READING[reading]
    first = layers.Embedding(5, 2, embeddings_initializer="ones") if read is None else Own(read)
    rest = [layers.GlobalAveragePooling1D(), layers.Dense(1, kernel_initializer="ones")]
    return kind([layers.InputLayer((3,), dtype="int32"), first, *rest])


def table(model):
    return model.get_weights()[0][:, 0]


RULES = {
    "value": (lambda: optimizers.SGD(0.1, clipvalue=0.5), [1.2013, 0.90684, 1.0457, 1.45]),
    "norm": (lambda: optimizers.Adam(0.1, clipnorm=0.5), [1.1414, 0.86403, 1.3349, 1.4517]),
    "norm of all, of then": (lambda: optimizers.legacy.RMSprop(0.1, global_clipnorm=0.5), [1.0681, 0.65206, 0.89665, 1.5996]),
    "rows of then": (lambda: optimizers.legacy.SGD(0.1, momentum=0.9), [3.2877, -2.3494, 0.24831, 0.89377]),
}


@pytest.mark.parametrize("reading", READING)
@pytest.mark.parametrize("rule", RULES)
def test_fit_and_steps_bound_each_place(rule, reading):
    optimizer, expected = RULES[rule]
    kinds = (keras.models.Sequential, ByTape) if reading in ("embedding", "gather") else (keras.models.Sequential,)
    for kind in kinds:
        model = network(kind, reading)
        model.compile(optimizer(), "mse")
        model.fit(IDS, Y, epochs=3, shuffle=False, verbose=0, batch_size=3)
        np.testing.assert_allclose(table(model), [*expected, 1], rtol=1e-4)


BY_HAND = {
    "value": [1.135, 0.954998, 1.045, 1.27],
    "norm": [1.05621, 1.01612, 1.00405, 1.05203],
    "all": [1.02124, 1.00627, 1.00157, 1.01965],
}


@pytest.mark.parametrize("reading", ["embedding", "gather"])
def test_loops_by_hand_bound_each_place(reading):
    clips = {
        "value": lambda found: [tf.clip_by_value(one, -0.3, 0.3) for one in found],
        "norm": lambda found: [tf.clip_by_norm(one, 0.3) for one in found],
        "all": lambda found: tf.clip_by_global_norm(found, 0.3)[0],
    }
    for name, clip in clips.items():
        model, optimizer = network(keras.models.Sequential, reading), optimizers.SGD(0.1)
        for _ in range(3):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(IDS) - Y) ** 2)
            found = clip(tape.gradient(loss, model.trainable_variables))
            optimizer.apply_gradients(zip(found, model.trainable_variables, strict=True))
        np.testing.assert_allclose(table(model), [*BY_HAND[name], 1], rtol=1e-4)


SCALED = {"clipvalue": [1.22489, 0.958982, 1.45], "clipnorm": [1.09261, 1.02518, 1.0859]}


@pytest.mark.parametrize("bound", SCALED)
def test_scales_of_losses_change_no_bound(bound):
    for by_hand in (False, True):
        model = network(keras.models.Sequential, "embedding")
        optimizer = keras.mixed_precision.LossScaleOptimizer(optimizers.SGD(0.1, **{bound: 0.5}))
        model.compile(optimizer, "mse")
        if not by_hand:
            model.fit(IDS, Y, epochs=3, shuffle=False, verbose=0)
        for _ in range(3 * by_hand):
            with tf.GradientTape() as tape:
                loss = optimizer.get_scaled_loss(tf.reduce_mean((model(IDS) - Y) ** 2))
            found = optimizer.get_unscaled_gradients(tape.gradient(loss, model.trainable_variables))
            optimizer.apply_gradients(zip(found, model.trainable_variables, strict=True))
        weights = model.get_weights()[0]
        np.testing.assert_allclose([weights[0, 0], weights[1, 1], weights[3, 0]], SCALED[bound], rtol=1e-5)
