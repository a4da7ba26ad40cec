"""`.h5` files that Kerata writes, and what is said of files without loading them."""

import json

import h5py
import keras
import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.cli.main import main
from kerata.legacy import keras2
from kerata.saving.inspecting import inspect_file


def one_or_all(values):
    return values if len(values) > 1 else values[0]


def as_list(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def pictures():
    parts = [layers.Conv2D(2, 3), layers.BatchNormalization(), layers.SeparableConv2D(2, 2), layers.LeakyReLU(0.1)]
    parts += [layers.MaxPooling2D(2), layers.Flatten(), layers.Dropout(0.2), layers.Dense(2, kernel_regularizer="l2")]
    return kerata.Sequential([kerata.Input((7, 7, 2)), *parts])


def sequences():
    x = kerata.Input((5, 3))
    y = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(x)
    y = layers.TimeDistributed(layers.Dense(3, activation="tanh"))(layers.Masking()(y))
    return kerata.Model(x, layers.Dense(1)(layers.GRU(2)(y)))


def nested():
    """A chain within a graph, called twice."""
    chain = kerata.Sequential([kerata.Input((3,)), layers.Dense(3), layers.BatchNormalization()], name="chain")
    a, b = kerata.Input((3,), name="a"), kerata.Input((3,), name="b")
    return kerata.Model([a, b], [layers.Add()([chain(a), chain(b), a]), layers.Dense(1)(chain(b))])


@pytest.mark.parametrize("build", [pictures, sequences, nested])
def test_h5_files_are_read_by_keras_and_by_kerata(tmp_path, build):
    model, path = build(), tmp_path / "m.h5"
    inputs = [np.random.default_rng(n).normal(size=(2, *t.shape[1:])).astype("float32") for n, t in enumerate(model.inputs)]
    targets = [np.ones((2, *t.shape[1:]), "float32") for t in model.outputs]
    model.compile("adam", "mse")
    model.fit(one_or_all(inputs), one_or_all(targets), verbose=0)
    expected = as_list(model.predict(one_or_all(inputs), verbose=0))
    model.save(path)
    again, theirs = kerata.models.load_model(path), keras.models.load_model(path)
    for found in (again.predict(one_or_all(inputs), verbose=0), theirs.predict(one_or_all(inputs), verbose=0)):
        for one, other in zip(as_list(found), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert int(again.optimizer.iterations.numpy()) == 1
    for one, other in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda x: layers.Dense(2, activation="hard_sigmoid")(x), "other slopes"),
        (lambda x: x * 2.0, "operations on tensors"),
        (lambda x: layers.GRU(2)(layers.Reshape((1, 3))(x), initial_state=layers.Dense(2)(x)), "calls with further arguments"),
        (lambda x: kerata.Model(inner := kerata.Input((3,)), layers.Dense(2)(inner))(x), "functional models within"),
        (lambda x: layers.LayerNormalization(rms_scaling=True)(x), "`tf.keras` does not have"),
    ],
)
def test_what_an_h5_file_cannot_hold_is_refused_before_anything_is_written(tmp_path, make, text):
    x = kerata.Input((3,))
    (tmp_path / "m.h5").write_bytes(b"before")
    with pytest.raises(ValueError, match=text):
        kerata.Model(x, make(x)).save(tmp_path / "m.h5")
    assert (tmp_path / "m.h5").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["m.h5"]


def test_optimizers_that_not_all_readers_know_are_left_out_on_demand(tmp_path):
    model = pictures()
    model.compile(kerata.optimizers.AdamW(0.01), "mse")
    with pytest.raises(ValueError, match=r"optimizer='AdamW'.*include_optimizer=False"):
        model.save(tmp_path / "m.h5")
    model.save(tmp_path / "m.h5", include_optimizer=False)
    assert not kerata.models.load_model(tmp_path / "m.h5").compiled


def test_a_class_of_a_package_beside_keras_is_found_under_its_registered_name(tmp_path):
    @kerata.saving.register_keras_serializable("keras_shop")
    class Halving(layers.Layer):
        def call(self, x):
            return x / 2

    Halving.__module__ = "keras_shop.layers"
    kerata.Sequential([kerata.Input((2,)), Halving()]).save(tmp_path / "m.h5")
    assert kerata.saving.load_model(tmp_path / "m.h5").predict(np.ones((1, 2)), verbose=0).tolist() == [[0.5, 0.5]]


def test_many_names_are_split(tmp_path):
    name = "n" * 200
    model = kerata.Sequential([kerata.Input((2,)), *[layers.Dense(2, name=f"{name}{n}") for n in range(330)]])
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5") as file:
        assert "layer_names1" in file["model_weights"].attrs
    again = kerata.models.load_model(tmp_path / "m.h5")
    for one, other in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_files_are_explained_without_being_loaded(tmp_path, capsys):
    model = pictures()
    model.compile("adam", "mse")
    model.save(tmp_path / "m.h5")
    model.save(tmp_path / "m.keras")
    (tmp_path / "m.json").write_text(model.to_json())
    for name, words in (
        ("m.h5", ("tf.keras 2.15.0", "1 SeparableConv2D", "kernel:0 3x3x2x2", "compiled with Adam, loss mean_squared_error")),
        ("m.keras", ("Keras 3", "1 BatchNormalization", "model.weights.h5", "compiled with Adam")),
        ("m.json", ("without weights", "1 Dropout")),
    ):
        assert main(["inspect", str(tmp_path / name)]) == 0
        said = capsys.readouterr().out
        for word in words:
            assert word in said, said
    assert main(["inspect", str(tmp_path / "none.h5")]) == 1
    assert "no such file" in capsys.readouterr().err
    plain = {"class_name": "Sequential", "config": [{"class_name": "Theirs", "config": {"name": "t"}}]}
    (tmp_path / "own.json").write_text(json.dumps(plain))
    assert "only its author has: Theirs" in inspect_file(tmp_path / "own.json")


def test_calls_for_training_or_not_stay_so_in_h5_files(tmp_path):
    """`base(x, training=False)`: fine-tuning that goes on from the file drops nothing, and moves no averages."""
    from kerata.legacy import tfkeras2

    layers = tfkeras2.layers
    x = tfkeras2.Input((6,))
    hidden = layers.BatchNormalization(name="norm")(layers.Dense(6)(x), training=False)
    model = tfkeras2.Model(x, layers.Dense(2)(layers.Dropout(0.9)(hidden, training=False)))
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    data = rng.normal(size=(6, 6)).astype("float32"), rng.normal(size=(6, 2)).astype("float32")
    model.train_on_batch(*data)
    model.save(tmp_path / "model.h5")
    predicted, loss = model.predict(data[0], verbose=0), model.train_on_batch(*data)
    for reader in (kerata, tfkeras2, keras):
        again = reader.models.load_model(tmp_path / "model.h5")
        np.testing.assert_allclose(np.asarray(again.predict(data[0], verbose=0)), predicted, rtol=1e-5, atol=1e-6)
        if reader is not keras:
            # Keras 3 does not train a model of an '.h5' file.
            assert again.train_on_batch(*data) == pytest.approx(loss, rel=1e-5)
            np.testing.assert_array_equal(again.get_layer("norm").get_weights()[2], np.zeros(6))


def test_tensors_beside_the_first_stand_in_h5_files(tmp_path):
    from kerata.legacy import tfkeras2

    x = tfkeras2.Input((3, 4))
    attended = tfkeras2.layers.MultiHeadAttention(2, 3)(x, x * 2.0, key=x)
    model = tfkeras2.Model(x, attended)
    with pytest.warns(UserWarning, match="Keras 3 does not read"):
        model.save(tmp_path / "model.h5")
    data = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    again = kerata.models.load_model(tmp_path / "model.h5")
    np.testing.assert_allclose(again.predict(data, verbose=0), model.predict(data, verbose=0), rtol=1e-5, atol=1e-6)


STATES = {
    "SGD": {"momentum": 0.9},
    "RMSprop": {"momentum": 0.5, "centered": True},
    "Adagrad": {},
    "Adadelta": {},
    "Adam": {"amsgrad": True},
    "Adamax": {},
    "Nadam": {},
}


@pytest.mark.parametrize("name", list(STATES))
def test_h5_files_keep_the_state_of_every_optimizer_that_they_may_hold(name, tmp_path):
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(2), layers.Dense(1)])
    model.compile(getattr(kerata.optimizers, name)(0.1, **STATES[name]), "mse")
    rng = np.random.default_rng(0)
    model.fit(rng.normal(size=(8, 3)), rng.normal(size=(8, 1)), verbose=0)
    model.save(tmp_path / "model.h5")
    again = kerata.models.load_model(tmp_path / "model.h5")
    mine, right = again.optimizer.variables, model.optimizer.variables
    assert len(right) > 2 and any(np.any(one.numpy()) for one in right[2:])
    for one, other in zip(mine, right, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_weights_of_another_shape_are_taken_on_demand(tmp_path):
    from kerata.legacy import keras2

    L = keras2.layers
    dense = keras2.models.Sequential([L.Flatten(input_shape=(1, 1, 2)), L.Dense(3, name="last")])
    dense.save_weights(tmp_path / "w.h5")
    pictures = keras2.models.Sequential([L.Conv2D(3, 1, name="last", input_shape=(1, 1, 2))])
    with pytest.raises(ValueError, match="must have shape"):
        pictures.load_weights(tmp_path / "w.h5", by_name=True)
    x = np.random.default_rng(0).normal(size=(2, 1, 1, 2)).astype("float32")
    for by_name in (True, False):
        pictures.set_weights([np.zeros((1, 1, 2, 3)), np.zeros(3)])
        pictures.load_weights(tmp_path / "w.h5", by_name=by_name, reshape=True)
        np.testing.assert_allclose(pictures.predict(x)[:, 0, 0], dense.predict(x), rtol=1e-6)


def test_warnings_of_files_and_frozen_layers_are_at_the_line_of_the_program(tmp_path):
    inner = keras2.models.Sequential([keras2.layers.Dense(1, input_shape=(3,))])
    inner.compile("sgd", "mse")
    begin = keras2.layers.Input(shape=(3,))
    outer = keras2.models.Model(begin, keras2.layers.Lambda(lambda t: 0.125 * t)(inner(begin)))
    inner.trainable = False
    with pytest.warns(UserWarning) as told:
        inner.train_on_batch(np.ones((2, 3)), np.ones((2, 1)))
        outer.save(str(tmp_path / "model.h5"))
    assert len(told) >= 2 and {one.filename for one in told} == {__file__}
