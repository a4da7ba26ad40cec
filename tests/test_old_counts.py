"""What layers and optimizers keep, and the sign of measures that are looked up: `tf_keras` 2.21 and Keras 2.3.1."""

import numpy as np
import pytest

from kerata import legacy

A, B = np.float32([[1, 0], [1, 1]]), np.float32([[1, 0.1], [1, 2]])
COSINES = np.float32([0.995, 0.9487])


@pytest.mark.parametrize("shape, axis, count", [((70, 3), -1, 70), ((6, 3), -1, 6), ((70,), None, 70), ((4, 5, 2), -1, 20)])
def test_normalization_counts_what_it_has_seen(shape, axis, count):
    layer = legacy.tfkeras2.layers.Normalization(axis=axis)
    data = np.linspace(0.0, 1.0, int(np.prod(shape)), dtype="float32").reshape(shape)
    layer.adapt(data, batch_size=7)
    assert layer.get_weights()[-1] == count
    layer.adapt(data)
    assert layer.get_weights()[-1] == count


@pytest.mark.parametrize(
    "era, name, expected",
    [
        ("keras1", "cosine", -COSINES / 2),
        ("keras1", "cosine_proximity", -COSINES / 2),
        ("keras22", "cosine", -COSINES),
        ("keras22", "cosine_proximity", -COSINES),
        ("keras2", "cosine", COSINES),
        ("keras2", "cosine_proximity", COSINES),
        ("keras2", "cosine_similarity", COSINES),
        ("tfkeras2", "cosine_proximity", COSINES),
        ("tfkeras2", "cosine_similarity", COSINES),
    ],
)
def test_cosines_that_are_looked_up(era, name, expected):
    """Before 2.3 the measure was the loss, in Keras 1 divided by the number of outputs."""
    room = getattr(legacy, era).metrics
    for find in (room.get, *([room.deserialize] if era != "keras1" else [])):
        np.testing.assert_allclose(np.asarray(find(name)(A, B)), expected, rtol=1e-3)


@pytest.mark.parametrize("era", ["keras22", "keras2", "tfkeras2"])
def test_states_of_adam_with_a_number_more_for_each_weight(era):
    """`self.weights = [self.iterations] + ms + vs + vhats` of Keras 2.3.1, where `vhats` are `K.zeros(1)` without `amsgrad`."""
    keras = getattr(legacy, era)
    model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,), weights=[np.ones((2, 1)), np.zeros(1)])])
    rule = keras.optimizers.legacy.Adam(0.1) if era == "tfkeras2" else keras.optimizers.Adam(0.1)
    model.compile(rule, "mse")
    model.train_on_batch(A, B[:, :1])
    m, v = [np.full((2, 1), 0.5), np.full(1, 0.25)], [np.full((2, 1), 2.0), np.full(1, 3.0)]
    model.optimizer.set_weights([np.array(4), *m, *v, np.zeros(1), np.zeros(1)])
    found = model.optimizer.get_weights()
    for value, expected in zip(found, [4, *m, *v], strict=False):
        np.testing.assert_allclose(value, expected)
    with pytest.raises(ValueError, match="arrays"):
        model.optimizer.set_weights([np.array(4), *m])


def own_layer(keras):
    class Own(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.scale = self.add_weight(name="scale", shape=(3,), initializer="ones")

        def build(self, input_shape):
            self.offset = self.add_weight(name="off", shape=(3,), initializer="zeros")
            super().build(input_shape)

        def call(self, inputs):
            return inputs * self.scale + self.offset

    return Own


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_names_of_weights_that_are_made_outside_of_calls(era):
    """`K.variable(name=...)` of Keras 2.3.1 and `add_weight` of `tf_keras` put nothing before a name; calls open a scope."""
    keras = getattr(legacy, era)
    Own = own_layer(keras)
    layer = Own(name="first")
    assert [w.name for w in layer.weights] == ["scale:0"]
    begin = keras.layers.Input((3,))
    keras.models.Model(begin, layer(begin))
    assert [w.name for w in layer.weights] == ["scale:0", "first/off:0"]
    alone = Own(name="second")
    alone.build((None, 3))
    assert [w.name for w in alone.weights] == ["scale:0", "off:0"]
    dense = keras.layers.Dense(2, name="third")
    dense.build((None, 3))
    assert [w.name for w in dense.weights] == ["kernel:0", "bias:0"]
    dense(begin)
    assert [w.name for w in dense.weights] == ["kernel:0", "bias:0"]
    called = keras.layers.Dense(2, name="fourth")
    called(begin)
    assert [w.name for w in called.weights] == ["fourth/kernel:0", "fourth/bias:0"]


@pytest.mark.parametrize(
    "make, names",
    [
        (lambda L: L.LSTM(2, name="q"), ["lstm_cell/kernel:0", "lstm_cell/recurrent_kernel:0", "lstm_cell/bias:0"]),
        (lambda L: L.TimeDistributed(L.Dense(2, name="g"), name="q"), ["kernel:0", "bias:0"]),
    ],
)
def test_names_of_weights_within_layers_that_are_built_alone(make, names):
    layer = make(legacy.tfkeras2.layers)
    layer.build((None, 4, 3))
    assert [w.name for w in layer.weights] == names


def test_files_hold_weights_of_one_name(tmp_path):
    keras = legacy.tfkeras2
    Own = own_layer(keras)

    class Outer(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.a, self.b = Own(name="a"), Own(name="b")

        def call(self, inputs):
            return self.b(self.a(inputs))

    def model():
        begin = keras.layers.Input((3,))
        return keras.models.Model(begin, Outer()(begin))

    first, second = model(), model()
    first.set_weights([np.full(w.shape, float(i)) for i, w in enumerate(first.get_weights())])
    for name in ("w.h5", "ckpt"):
        first.save_weights(str(tmp_path / name))
        second.set_weights([np.full(w.shape, 9.0) for w in second.get_weights()])
        second.load_weights(str(tmp_path / name))
        assert [w[0] for w in second.get_weights()] == [0.0, 1.0, 2.0, 3.0]
