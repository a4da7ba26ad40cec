"""Checkpoints that `save_weights` of `tf.keras` writes. Names, places and losses are those of `tf_keras` 2.21."""

import os

import numpy as np
import pytest

from kerata.legacy import keras2
from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow.names import build
from kerata.saving.legacy.checkpoints import Checkpoint
from kerata.saving.legacy.writing_checkpoints import Objects, checkpoint_of

L, tf = keras.layers, build("tfkeras2")[""]
X, Y = np.ones((4, 6, 4), "float32"), np.ones((4, 1), "float32")
# The arrays of the checkpoint of `nested`, each with the name that the program gave it.
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
INNER = "layer_with_weights-1/layer/layer_with_weights-"
KEYS = {
    "layer_with_weights-0/cell/kernel": "lstm/lstm_cell/kernel",
    "layer_with_weights-0/cell/recurrent_kernel": "lstm/lstm_cell/recurrent_kernel",
    "layer_with_weights-0/cell/bias": "lstm/lstm_cell/bias",
    f"{INNER}0/kernel": "id/kernel",
    f"{INNER}0/bias": "id/bias",
    f"{INNER}1/gamma": "bn/gamma",
    f"{INNER}1/beta": "bn/beta",
    f"{INNER}1/moving_mean": "bn/moving_mean",
    f"{INNER}1/moving_variance": "bn/moving_variance",
    "layer_with_weights-2/kernel": "end/kernel",
    "layer_with_weights-2/bias": "end/bias",
}
TRAINED = [name for name in KEYS.values() if "moving" not in name]


def nested(optimizer="adam"):
    x, a = L.Input((6, 4)), L.Input((4,))
    inner = keras.Model(a, L.BatchNormalization(name="bn")(L.Dense(4, name="id")(a)), name="inner")
    hidden = L.LSTM(4, return_sequences=True, name="lstm")(x)
    model = keras.Model(x, L.Dense(1, name="end")(L.Flatten()(L.TimeDistributed(inner)(hidden))))
    model.compile(optimizer, "mse")
    return model


def test_arrays_stand_where_tf_keras_looks_for_them(tmp_path):
    model = nested()
    model.fit(X, Y, verbose=0)
    model.save_weights(str(tmp_path / "m"))
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "m.data-00000-of-00001", "m.index"]
    assert (tmp_path / "checkpoint").read_text() == 'model_checkpoint_path: "m"\nall_model_checkpoint_paths: "m"\n'
    with Checkpoint(tmp_path / "m", "m") as found:
        named = {node.key.removesuffix(VALUE): node.name for node in found.graph() if node.key}
        assert found.source(f"optimizer/_iterations{VALUE}", "steps").read().dtype == np.int64
        rate = found.source(f"optimizer/_learning_rate{VALUE}", "rate").read()
    assert rate.dtype == np.float32 and rate == np.float32(0.001)
    assert {key: name for key, name in named.items() if not key.startswith("optimizer/")} == KEYS
    # The state of Adam, by places: m and v of each weight.
    slots = [f"Adam/{slot}/{name}" for name in TRAINED for slot in ("m", "v")]
    assert [named[f"optimizer/_variables/{place + 1}"] for place in range(len(slots))] == slots
    assert len(named) == len(KEYS) + len(slots) + 2


# After an epoch, a file, and an epoch: the losses of one more as before, and of one at twice the rate.
RIGHT = {
    "SGD": ({"momentum": 0.9}, [2.10381, 1.34719]),
    "RMSprop": ({"momentum": 0.5, "centered": True}, [0.66831, 0.15388]),
    "Adam": ({"amsgrad": True}, [2.92420, 1.69464]),
    "Adagrad": ({"learning_rate": 0.1}, [0.18400, 0.12756]),
    "Adadelta": ({"learning_rate": 1.0}, [4.52471, 4.33873]),
    "Adamax": ({}, [2.97965, 1.88770]),
    "Ftrl": ({"learning_rate": 0.1}, [0.11641, 0.16267]),
    "AdamW": ({}, [2.92254, 1.69264]),
}
R = np.random.RandomState(0)
A, B = R.rand(16, 6, 4).astype("float32"), R.rand(16, 1).astype("float32")


class Scale(L.Layer):
    def build(self, shape):
        self.s = self.add_weight(name="s", shape=(), initializer="ones")
        self.k = self.add_weight(name="k", shape=(shape[-1],), initializer="ones")
        self.b = self.add_weight(name="b", shape=(), initializer="zeros")
        super().build(shape)

    def call(self, inputs):
        return inputs * self.s * self.k + self.b


def scaled(kind, config):
    x = L.Input((6, 4))
    model = keras.Model(x, L.Dense(1, name="end")(L.Flatten()(Scale(name="sc")(L.Dense(4, name="d")(x)))))
    r = np.random.RandomState(1)
    model.set_weights([np.asarray(r.rand(*w.shape), "float32") * 0.3 + 0.1 for w in model.get_weights()])
    model.compile(getattr(keras.optimizers, kind)(**{"learning_rate": 0.01, **config}), "mse")
    return model


def losses(model):
    first = model.fit(A, B, batch_size=8, shuffle=False, verbose=0).history["loss"]
    model.optimizer.learning_rate = 0.02
    return first + model.fit(A, B, batch_size=8, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize("kind", list(RIGHT))
def test_training_goes_on_from_a_checkpoint(kind, tmp_path):
    config, right = RIGHT[kind]
    model = scaled(kind, config)
    model.fit(A, B, batch_size=8, shuffle=False, verbose=0)
    model.save_weights(tmp_path / "w.ckpt")
    again = scaled(kind, config)
    again.load_weights(tmp_path / "w.ckpt").assert_consumed()
    np.testing.assert_allclose(losses(again), right, rtol=5e-5)


def test_the_product_of_nadam_is_read_from_a_checkpoint(tmp_path):
    model = nadam()
    model.fit(A, B, batch_size=8, shuffle=False, verbose=0)
    model.save_weights(tmp_path / "w")
    again = nadam()
    again.load_weights(tmp_path / "w")
    np.testing.assert_allclose(losses(again), [3.15753, 2.24128], rtol=5e-5)


def nadam():
    model = scaled("Adam", {})
    model.compile(keras.optimizers.legacy.Nadam(0.01), "mse")
    return model


def test_a_schedule_goes_on_from_a_checkpoint(tmp_path):
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
    models = [constant(2.0), constant(1.0)]
    for model in models:
        model.compile(keras.optimizers.SGD(schedule), "mse")
    models[0].fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, batch_size=2)
    models[0].save_weights(tmp_path / "w")
    with Checkpoint(tmp_path / "w", "w") as found:
        # The rate is one that is computed.
        assert found.has(f"optimizer/_current_learning_rate{VALUE}") and not found.has(f"optimizer/_learning_rate{VALUE}")
        # Momenta that SGD does not need, and `tf.keras` keeps.
        np.testing.assert_array_equal(found.source(f"optimizer/_variables/1{VALUE}", "m").read(), np.zeros((2, 1)))
    models[1].load_weights(tmp_path / "w")
    assert int(models[1].optimizer.iterations.numpy()) == 2


def test_no_places_are_said_of_layers_which_are_others_in_tf_keras(tmp_path):
    x = L.Input((3,))
    model = keras.Model(x, L.Dense(1)(L.Dense(3)(x) * 2.0 + x))
    model.compile("sgd", "mse")
    model.save_weights(tmp_path / "w")
    with Checkpoint(tmp_path / "w", "w") as found:
        graph = found.graph()
    assert list(graph[0].children) == ["layer_with_weights-0", "layer_with_weights-1", "optimizer"]
    # What an optimizer holds before it is used.
    assert sorted(graph[graph[0].children["optimizer"]].children) == ["_iterations", "_learning_rate", "_variables"]
    before = model.get_weights()
    model.set_weights([0 * w for w in before])
    model.load_weights(tmp_path / "w")
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_layers_of_a_sequential_are_said_by_places_too(tmp_path):
    model = keras.Sequential([L.Dense(2, input_shape=(3,)), L.Dropout(0.2), L.Dense(1)])
    model.save_weights(tmp_path / "w")
    with Checkpoint(tmp_path / "w", "w") as found:
        children = found.graph()[0].children
    assert set(children) == {"layer-0", "layer-1", "layer-2", "layer_with_weights-0", "layer_with_weights-1"}
    assert children["layer-0"] == children["layer_with_weights-0"] and children["layer-2"] == children["layer_with_weights-1"]


def constant(value, namespace=keras):
    model = namespace.models.Sequential([namespace.layers.Dense(1, input_shape=(2,), use_bias=False)])
    model.set_weights([np.full((2, 1), value)])
    return model


def test_what_was_written_last_is_read(tmp_path):
    constant(1.0).save_weights(tmp_path / "w.ckpt")
    model = constant(2.0)
    model.save_weights(tmp_path / "w.ckpt")
    # One file of HDF5, as Keras without TensorFlow wrote under any name, beside the older checkpoint.
    constant(3.0, keras2).save_weights(tmp_path / "w.ckpt")
    index = os.stat(tmp_path / "w.ckpt.index").st_mtime_ns
    for nanoseconds, right in [(1, 3.0), (-1, 2.0)]:
        os.utime(tmp_path / "w.ckpt", ns=(index + nanoseconds, index + nanoseconds))
        model.load_weights(tmp_path / "w.ckpt")
        np.testing.assert_array_equal(model.get_weights()[0], np.full((2, 1), right))


def test_the_file_checkpoint_says_which_is_the_newest(tmp_path):
    assert tf.train.latest_checkpoint(str(tmp_path)) is None
    for epoch in (2, 1):
        constant(epoch).save_weights(str(tmp_path / "sub" / f'cp"{epoch}'))
    folder = str(tmp_path / "sub")
    os.utime(tmp_path / "sub" / 'cp"2.index')
    assert tf.train.latest_checkpoint(folder) == os.path.join(folder, 'cp"1')
    os.remove(tmp_path / "sub" / "checkpoint")
    assert tf.train.latest_checkpoint(folder) == os.path.join(folder, 'cp"2')


def test_a_name_or_an_argument_says_the_form(tmp_path):
    model = constant(2.0)
    model.save_weights(tmp_path / "a", save_format="h5")
    model.save_weights(tmp_path / "b.hdf5")
    model.save_weights(tmp_path / "c.keras")
    assert sorted(os.listdir(tmp_path)) == ["a", "b.hdf5", "c.keras"]
    with pytest.raises(ValueError, match=r"no name that ends in '\.h5'"):
        model.save_weights(tmp_path / "d.h5", save_format="tf")
    with pytest.raises(ValueError, match="must be 'tf' or 'h5'"):
        model.save_weights(tmp_path / "d", save_format="zip")
    model.save_weights(tmp_path / "e", save_format="TF")
    with pytest.raises(FileExistsError, match=r"e\.index"):
        model.save_weights(tmp_path / "e", overwrite=False)


def test_a_model_that_is_built_has_the_weights_of_the_checkpoint_that_was_named_before(tmp_path):
    """As variables of TensorFlow take their values when they are made: by `build`, and not by the first call alone."""

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.end = L.Dense(2)

        def call(self, x):
            return self.end(x)

    for kind in (Net, lambda: keras.Sequential([L.Dense(2)])):
        written, read = kind(), kind()
        written.build((None, 3))
        written.save_weights(tmp_path / "weights")
        status = read.load_weights(tmp_path / "weights")
        read.build((None, 3))
        status.assert_consumed()
        for mine, right in zip(read.get_weights(), written.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, right)


class Pair(keras.Model):
    """Two networks that a step of its own brings together: it is never called."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second

    def call(self, x):
        return self.second(self.first(x))


def network(value):
    made = keras.Sequential([L.Dense(2, input_shape=(3,))])
    made.set_weights([np.full(w.shape, value, "float32") for w in made.get_weights()])
    return made


@pytest.mark.parametrize("name", ["pair", "pair.h5"])
def test_a_model_that_was_never_called_keeps_the_weights_of_its_parts(name, tmp_path):
    first, second = network(1.0), network(2.0)
    Pair(first, second).save_weights(tmp_path / name)
    first.set_weights([np.zeros_like(w) for w in first.get_weights()])
    status = Pair(first, second).load_weights(tmp_path / name)
    assert first.get_weights()[0][0, 0] == 1
    status.assert_consumed()


def test_parts_that_are_built_have_the_weights_of_a_checkpoint_at_once(tmp_path):
    first, second = network(1.0), L.Dense(2)
    Pair(first, second).save_weights(tmp_path / "pair")
    first.set_weights([np.zeros_like(w) for w in first.get_weights()])
    status = Pair(first, L.Dense(2)).load_weights(tmp_path / "pair")
    assert first.get_weights()[0][0, 0] == 1
    with pytest.raises(AssertionError, match="once the model is called"):
        status.assert_consumed()


def test_a_model_without_any_weights_is_refused(tmp_path):
    class Own(Pair):
        def build(self, shape):
            super().build(shape)

    for model in (Pair(L.Dense(2), L.Dense(2)), Own(network(1.0), network(1.0))):
        for name in ("pair", "pair.h5"):
            with pytest.raises(ValueError, match="no weights yet"):
                model.save_weights(tmp_path / name)


def test_what_other_optimizers_kept_is_said_to_be_left_out(tmp_path):
    """A checkpoint of TensorFlow has it, under the name of the attribute."""
    model = Pair(network(1.0), network(2.0))
    model.first_optimizer, model.second_optimizer = (keras.optimizers.Adam() for _ in range(2))
    with pytest.warns(UserWarning, match="not that of first_optimizer, second_optimizer, which begins anew"):
        model.save_weights(tmp_path / "pair")
    model.compile("sgd", "mse")
    del model.first_optimizer, model.second_optimizer
    model.save_weights(tmp_path / "pair")


@pytest.mark.parametrize("rule", [keras.optimizers.Adam, keras.optimizers.legacy.Adam])
def test_a_checkpoint_with_other_optimizers_is_read(rule, tmp_path):
    """As TensorFlow writes those that a model holds beside its own."""
    model = network(1.0)
    model.compile(rule(), "mse")
    model.fit(X[:, 0, :3], X[:, 0, :2], verbose=0)
    objects = Objects(model)
    objects.add_optimizer(model)
    objects.kept[0].children["first_optimizer"] = objects.kept[0].children.pop("optimizer")
    objects.find_paths()
    for end, content in zip((".index", ".data-00000-of-00001"), checkpoint_of(objects), strict=True):
        (tmp_path / f"pair{end}").write_bytes(content)
    other = network(2.0)
    with pytest.warns(UserWarning, match="the state of first_optimizer is left out"):
        other.load_weights(tmp_path / "pair")
    for mine, right in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, right)
