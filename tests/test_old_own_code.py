"""What programs wrote in losses, layers and functions of their own, as they wrote it."""

import numpy as np
import pytest

from kerata.legacy import keras1, keras2, tfkeras2
from kerata.legacy.tensorflow import names

X = np.random.default_rng(4).normal(size=(4, 3)).astype("float32")


tf = names.build("tfkeras2")[""]


def triplets(y_true, y_pred):
    width = y_pred.shape.as_list()[-1] // 3
    return y_pred.get_shape().as_list()[1] + 0.0 * y_true[:, 0] + y_pred[:, 0] * width


@pytest.mark.parametrize("era", [tfkeras2, keras2], ids=["tfkeras2", "keras2"])
def test_losses_and_measures_get_tensors_that_know_their_shape(era):
    model = era.models.Sequential([era.layers.Dense(3, use_bias=False, input_shape=(3,))])
    model.set_weights([np.eye(3, dtype="float32")])
    model.compile("sgd", triplets, metrics=[triplets])
    wanted = np.mean(3 + X[:, 0])
    np.testing.assert_allclose(model.evaluate(X, np.zeros((4, 3)), verbose=0), [wanted, wanted], rtol=1e-5)


@pytest.mark.parametrize("era", [keras1, keras2], ids=["keras1", "keras2"])
def test_slices_of_shapes_are_computed_with(era):
    K = era.backend
    assert np.asarray(K.shape(X)[:2] * 8).tolist() == [32, 24]
    begin = era.layers.Input(shape=(6, 5, 1))
    scaled = era.layers.Lambda(lambda x: x * K.cast(K.shape(x)[1:3][::-1] * 2, "float32")[0], output_shape=lambda s: s)(begin)
    outputs = K.function([begin], [scaled, K.cast(K.shape(begin)[1:3] * 2, "float32")])([np.ones((1, 6, 5, 1))])
    assert outputs[0].mean() == 10 and outputs[1].tolist() == [12, 10]


def test_largest_numbers_have_names():
    found = tf.nn.top_k(tf.constant([1.0, 3.0, 2.0]), 2)
    assert found.values.numpy().tolist() == [3, 2] and found.indices.numpy().tolist() == [1, 2]
    values, _ = found
    assert values.numpy().tolist() == [3, 2]


def test_compute_output_shape_may_ask_what_call_has_left():
    K = keras2.backend
    # A tensor of the program under the name of an attribute of the layer: they are two.
    globals()["centers"] = keras2.layers.Input(shape=(1,))

    class Centers(keras2.layers.Layer):
        def build(self, input_shape):
            self.centers = self.add_weight(name="centers", shape=(3,), initializer="zeros", trainable=False)
            super().build(input_shape)

        def call(self, x):
            self.add_update((self.centers, self.centers + K.mean(x, axis=0)), x)
            self.result = K.sum(K.square(x - self.centers), axis=1, keepdims=True)
            return self.result

        def compute_output_shape(self, input_shape):
            return K.int_shape(self.result)

    begin = keras2.layers.Input(shape=(3,))
    model = keras2.models.Model(begin, Centers()(begin))
    assert model.output_shape == (None, 1)
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((4, 1)), batch_size=2, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], X[:2].mean(0) + X[2:].mean(0), rtol=1e-5)
    del globals()["centers"]


def test_initializations_of_layers_of_keras_1_give_variables():
    layer = keras1.layers.LSTM(4, init="glorot_uniform", inner_init="one")
    variable = layer.inner_init((2, 3), name="mine")
    assert variable.name == "mine" and keras1.backend.get_value(variable).tolist() == np.ones((2, 3)).tolist()
    assert layer.init.__name__ == "glorot_uniform" and layer.inner_init.__name__ == "one"


@pytest.mark.parametrize("name", ["time_distributed_dense", "_time_distributed_dense"])
def test_a_product_at_each_step(name):
    module = (keras2 if name.startswith("_") else keras1).layers.recurrent
    x, w = np.ones((2, 5, 3), "float32"), np.full((3, 4), 2.0, "float32")
    found = getattr(module, name)(x, w, np.ones(4, "float32"), None, 3, 4, 5)
    np.testing.assert_allclose(found, np.full((2, 5, 4), 7.0))


@pytest.mark.parametrize("era", [keras1, keras2], ids=["keras1", "keras2"])
def test_tied_weights_follow_those_that_they_are_tied_to(era):
    K, first = era.backend, {"keras1": "W", "keras2": "kernel"}[era.layers.Dense._era]

    class Tied(era.layers.Layer):
        def __init__(self, tied, **kwargs):
            self.tied = tied
            super().__init__(**kwargs)

        def build(self, input_shape):
            self.turned = K.transpose(getattr(self.tied, first))
            self.built = True

        def call(self, x):
            return K.dot(x, self.turned)

        def compute_output_shape(self, input_shape):
            return input_shape[0], 3

    encoder = era.layers.Dense(2, input_shape=(3,))
    model = era.models.Sequential([encoder, Tied(encoder)])
    model.compile("sgd", "mse")
    before, bias = (np.array(one) for one in model.get_weights())
    model.train_on_batch(X, X)
    after, moved = model.get_weights()
    error = 2 * (X @ before @ before.T - X) / X.size
    slope = X.T @ error @ before + error.T @ (X @ before)
    np.testing.assert_allclose(after, before - 0.01 * slope, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.predict(X, verbose=0), (X @ after + moved) @ after.T, rtol=1e-4, atol=1e-5)
    assert len(model.weights) == 2 and bias.shape == (2,)


def test_a_step_that_nothing_would_call_is_refused():
    class Own(keras1.layers.LSTM):
        def step(self, x, states):
            return super().step(x, states)

    with pytest.raises(NotImplementedError, match=r"would not call step\(\).*Derive it from keras.layers.Recurrent"):
        Own(4)


def test_tensors_are_written_one_by_one():
    array = tf.TensorArray(dtype=tf.int64, size=0, dynamic_size=True)
    array = array.write(0, tf.constant([2], tf.int64))
    for place in tf.range(2):
        array = array.write(place + 1, array.read(place) + 1)
    found = tf.transpose(array.stack())
    assert found.numpy().tolist() == [[2, 3, 4]] and found.dtype == tf.int64 and int(array.size()) == 3
    assert array.concat().numpy().tolist() == [2, 3, 4]
    v = tf.Variable([1.0, 2.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.TensorArray(tf.float32, 2).unstack(v * v).stack())
    assert tape.gradient(loss, v).numpy().tolist() == [2, 4]
    with pytest.raises(IndexError, match="dynamic_size=True"):
        tf.TensorArray(tf.float32, size=1).write(1, 0.0)
    with pytest.raises(ValueError, match="nothing was written"):
        tf.TensorArray(tf.float32, size=1).read(0)


def test_a_program_that_begins_anew_in_its_folder_keeps_the_checkpoints_that_it_writes(tmp_path):
    for start in (1.0, 5.0):
        v = tf.Variable(start)
        manager = tf.train.CheckpointManager(tf.train.Checkpoint(v=v), str(tmp_path), max_to_keep=2)
        for _ in range(2):
            v.assign_add(1.0)
            manager.save()
    assert len(manager.checkpoints) == 2
    v.assign(0.0)
    manager.checkpoint.restore(manager.latest_checkpoint)
    assert v.numpy() == 7.0


class Doubled(tfkeras2.layers.Layer):
    """Declares another shape than it gives; TensorFlow never asked."""

    def call(self, x):
        return tf.concat([x, 2 * x], axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape[7]


class Places(tfkeras2.layers.Layer):
    def call(self, x):
        return tf.argmax(x, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape[:-1]


def test_outputs_of_own_layers_are_those_of_call_in_tf_keras():
    begin = tfkeras2.layers.Input(shape=(3,))
    model = tfkeras2.models.Model(begin, tfkeras2.layers.Dense(2)(Doubled()(begin)))
    assert model.layers[1].output_shape == (None, 6) and model.predict(X, verbose=0).shape == (4, 2)
    assert "int" in str(Places()(begin).dtype)


@pytest.mark.parametrize("declares", [False, True], ids=["found", "declared"])
@pytest.mark.parametrize("era", [tfkeras2, keras2], ids=["tfkeras2", "keras2"])
def test_own_layers_that_look_around_add_what_they_see_to_the_loss(era, declares):
    K = era.backend
    begin = era.layers.Input(shape=(3,))
    inner = era.layers.Dense(2, kernel_initializer="ones")(begin)

    class Penalty(era.layers.Layer):
        def call(self, x):
            self.add_loss(K.mean(inner), inputs=x)
            return x

        if declares:

            def compute_output_shape(self, input_shape):
                return input_shape

    model = era.models.Model(begin, Penalty()(begin))
    model.compile("sgd", "mse")
    found = model.evaluate(X, X, verbose=0)
    np.testing.assert_allclose(found, X.sum(axis=1).mean(), rtol=1e-5)
    before = model.get_weights()[0]
    model.fit(X, X, batch_size=4, epochs=1, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], before - 0.01 * X.mean(0)[:, None] / 2, rtol=1e-5)


def halved(layer, x):
    layer.c.assign(tf.reduce_mean(x, 0) / 2)
    return x * layer.c


def averaged(layer, x):
    tfkeras2.backend.moving_average_update(layer.c, tfkeras2.backend.mean(x, 0), 0.9)
    return x / (layer.c + 0.001)


def added(layer, x):
    layer.c.assign_add(tf.reduce_mean(x, 0) * 0.1)
    return tf.identity(layer.c) * x


def scattered(layer, x):
    layer.c.scatter_nd_update([[0], [2]], tf.reduce_mean(x, 0)[:2])
    return x * layer.c


def normalized(layer, x):
    layer.c.assign(layer.c / tf.norm(layer.c))
    return x * layer.c


def clipped(layer, x):
    before = x * layer.c
    layer.c.assign(tf.clip_by_value(layer.c, 0.0, 0.5))
    return before * layer.c


@pytest.mark.parametrize("trains", [False, True], ids=["held", "trained"])
@pytest.mark.parametrize("call", [halved, averaged, added, scattered, normalized, clipped], ids=lambda call: call.__name__)
def test_nothing_leads_from_a_variable_to_what_it_was_given(call, trains):
    """`fit` as a tape, which is checked against TensorFlow; a variable that is trained stays what it is given, and goes on."""

    class Giving(tfkeras2.layers.Layer):
        def build(self, shape):
            self.c = self.add_weight(name="c", shape=(3,), initializer="ones", trainable=trains)

        def call(self, x):
            return call(self, x)

    begin = tfkeras2.layers.Input(shape=(3,))
    model = tfkeras2.models.Model(begin, Giving()(tfkeras2.layers.Dense(3, kernel_initializer="ones")(begin)))
    start = model.get_weights()
    model.compile(tfkeras2.optimizers.SGD(0.1), "mse")
    losses = model.fit(X, X, batch_size=2, epochs=2, shuffle=False, verbose=0).history["loss"]
    found = model.get_weights()
    model.set_weights(start)
    optimizer, told = tfkeras2.optimizers.SGD(0.1), []
    for rows in (X[:2], X[2:]) * 2:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(rows, training=True) - rows) ** 2)
        slopes = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(slopes, model.trainable_variables, strict=True))
        told.append(float(loss))
    np.testing.assert_allclose(losses, [np.mean(told[:2]), np.mean(told[2:])], rtol=1e-4)
    for one, other in zip(found, model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
