"""What programs of old eras are told of common mistakes: which file, which argument, which layer, and what to write instead."""

import contextlib

import numpy as np
import pytest

import kerata
from kerata.engine.symbolic import SymbolicTensor
from kerata.legacy import keras1, keras2
from kerata.legacy import tfkeras2 as keras
from kerata.legacy.symbols import answer_as

X = np.ones((4, 3), "float32")
layers = keras.layers


def dense(tree=keras):
    model = tree.models.Sequential([tree.layers.Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("name", ["cp.ckpt", "nope", "nope.h5", "nope.weights.h5", "nope.index"])
@pytest.mark.parametrize("tree", [keras1, keras2, keras])
def test_weights_that_are_not_there(tree, name, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"there is no such file\. Received: filepath='.*{name}'"):
        dense(tree).load_weights(str(tmp_path / name))
    with pytest.raises(FileNotFoundError, match=r"there is no such file, nor its folder '.*training_1'"):
        dense(tree).load_weights(str(tmp_path / "training_1" / name))


@pytest.mark.parametrize("name", ["nope.h5", "nope.hdf5", "nope.keras", "nope"])
@pytest.mark.parametrize("tree", [keras2, keras, kerata])
def test_models_that_are_not_there(tree, name, tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"there is no such file\. Received: filepath='.*{name}'\.$"):
        tree.models.load_model(str(tmp_path / name))


def test_checkpoints_of_today_that_are_not_there(tmp_path):
    model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    for name in ("cp.ckpt", "nope"):
        with pytest.raises(FileNotFoundError, match="there is no such file"):
            model.load_weights(tmp_path / name)


def test_folders_of_pictures_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"flow_from_directory: there is no such folder\. Received: directory='.*nope'"):
        keras.preprocessing.image.ImageDataGenerator().flow_from_directory(str(tmp_path / "nope"))


@pytest.mark.parametrize("given", [np.array([1.0, 2.0]), [1.0, 2.0]])
def test_weights_of_classes_are_a_dict(given):
    with pytest.raises(TypeError, match=r"`class_weight` must be a dict .* dict\(enumerate\(weights\)\)"):
        dense().fit(X, X[:, :1], class_weight=given, verbose=0)
    model = kerata.Sequential([kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"`class_weight` must be a dict .* dict\(enumerate\(weights\)\)"):
        model.fit(X, X[:, :1], class_weight=given, verbose=0)


@pytest.mark.parametrize("tree", [keras2, keras, kerata])
@pytest.mark.parametrize("between", [[], ["Dropout"]])
def test_a_recurrent_layer_before_gives_its_last_step_alone(tree, between):
    with pytest.raises(ValueError, match=r"^GRU \(two\): .* Give LSTM \(one\), which is before it, return_sequences=True"):
        x = tree.layers.LSTM(2, name="one")(tree.layers.Input((4, 3)))
        for name in between:
            x = getattr(tree.layers, name)(0.5)(x)
        tree.layers.GRU(2, name="two")(x)
    with pytest.raises(ValueError, match="Add an axis"):
        tree.layers.GRU(2, name="two")(tree.layers.Dense(3)(tree.layers.Input((3,))))


@pytest.mark.parametrize("tree", [keras2, keras, kerata])
def test_constructors_that_call_no_other(tree):
    class Own(tree.layers.Layer):
        def __init__(self):
            self.units = 3

        def call(self, x):
            return x

    class Whole(tree.models.Model):
        def __init__(self):
            self.units = 3

        def call(self, x):
            return x

    for call in (
        lambda: Own()(X),
        lambda: Own()(tree.layers.Input((3,))),
        lambda: tree.models.Sequential([Own()]),
        lambda: Whole()(X),
        lambda: Whole().compile("sgd", "mse"),
        lambda: Whole().fit(X, X),
        lambda: Whole().predict(X),
        lambda: Whole().summary(),
    ):
        with pytest.raises((RuntimeError, AttributeError), match=r"must call `super\(\).__init__\(\)` before anything else"):
            call()


@contextlib.contextmanager
def answering(era):
    answer_as(era)
    try:
        yield
    finally:
        answer_as("keras3")


@pytest.mark.parametrize(
    ("era", "numbers", "condition", "loop"),
    [
        ("tfkeras2", "tf.math", "tf.where", "tf.split"),
        ("keras2", "K.log", "K.switch", "Lambda"),
        ("keras1", "K.log", "K.switch", "Lambda"),
        ("keras3", "kerata.ops", "kerata.ops.where", "kerata.ops.split"),
    ],
)
def test_symbolic_tensors_name_the_functions_of_the_era(era, numbers, condition, loop):
    with answering(era):
        x = SymbolicTensor((None, 3))
        with pytest.raises(TypeError, match=f"has no numbers.* Use .*{numbers}"):
            np.log(x)
        with pytest.raises(TypeError, match=f"neither true nor false.* Use .*{condition}"):
            bool(x)
        with pytest.raises(TypeError, match=f"cannot be iterated over.*{loop}"):
            list(x)


def test_the_graph_of_the_first_keras_says_what_to_write():
    with pytest.raises(AttributeError, match=r"keras.models has no 'Graph', which it had then .* Model\(input=x, output=y\)"):
        keras1.models.Graph  # noqa: B018


@pytest.mark.parametrize(("tree", "epoch"), [(keras, "Epoch 1:"), (keras2, "Epoch 00001:")])
def test_checkpoints_say_which_epoch_as_then(tree, epoch, tmp_path, capsys):
    path = str(tmp_path / "w.h5")
    watched = tree.callbacks.ModelCheckpoint(path, "loss", verbose=1, save_best_only=True)
    plain = tree.callbacks.ModelCheckpoint(path, verbose=1)
    dense(tree).fit(X, X[:, :1], epochs=1, verbose=0, callbacks=[watched, plain])
    improved, saved = [line for line in capsys.readouterr().out.splitlines() if line]
    assert improved.startswith(f"{epoch} loss improved from inf to ") and saved == f"{epoch} saving model to {path}"
