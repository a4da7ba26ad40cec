"""SavedModel folders and checkpoints of `tf.keras`, recorded by tools/record_saved_models.py: read without TensorFlow."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.legacy import tfkeras2
from kerata.saving import FileError

RECORDED = Path(__file__).with_name("saved_models.tar.gz")
MODELS = ("sequential", "functional", "pictures", "attention", "branches", "own")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All folders and checkpoints."""
    goal = tmp_path_factory.mktemp("saved_models")
    with tarfile.open(RECORDED) as archive:
        archive.extractall(goal, filter="data")
    return goal


@pytest.fixture(scope="module")
def expected(folder):
    with np.load(folder / "expected.npz") as numbers:
        return dict(numbers)


class Own(kerata.Model):
    """As the program that was saved had it."""

    def __init__(self):
        super().__init__()
        self.first = layers.Dense(3, activation="tanh")
        self.blocks = [layers.Dense(3, use_bias=False), layers.BatchNormalization()]
        self.heads = {"a": layers.Dense(2), "b": layers.Dense(2)}
        self.scale = self.add_weight(name="scale", shape=(2,), initializer="ones")
        self.tracker = kerata.metrics.Mean(name="tracker")

    def call(self, x, training=None):
        x = self.first(x)
        x = self.blocks[1](self.blocks[0](x), training=training)
        return self.scale * (self.heads["a"](x) - self.heads["b"](x))


def load(folder, name):
    return kerata.models.load_model(folder / name, custom_objects={"Own": Own} if name == "own" else None)


def several(expected, start):
    """The arrays whose names begin so, in order."""
    return [expected[key] for key in sorted(expected) if key.startswith(start) and key[len(start) :].isdigit()]


def compare(found, wanted):
    for one, other in zip(found if isinstance(found, list) else [found], wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def inputs_of(expected, name):
    found = several(expected, f"{name}.x")
    return found if len(found) > 1 else found[0]


@pytest.mark.parametrize("name", MODELS)
def test_a_folder_loads_and_goes_on(folder, expected, name):
    model, x = load(folder, name), inputs_of(expected, name)
    compare(model.predict(x, verbose=0), several(expected, f"{name}.y"))
    if f"{name}.target" in expected:
        # The state of the optimizer shows in the next step.
        model.train_on_batch(x, expected[f"{name}.target"])
        compare(model.predict(x, verbose=0), several(expected, f"{name}.next"))


@pytest.mark.parametrize("name", MODELS)
def test_a_checkpoint_is_the_model(folder, expected, name):
    model, x = load(folder, name), inputs_of(expected, name)
    for variable in [*model.weights, *(model.optimizer.variables[2:] if model.optimizer else [])]:
        variable.assign(np.zeros(variable.shape, variable.dtype))
    if model.optimizer:
        model.optimizer.learning_rate = 123.0
    model.load_weights(folder / "checkpoints" / name)
    compare(model.predict(x, verbose=0), several(expected, f"{name}.y"))
    if model.optimizer:
        model.train_on_batch(x, expected[f"{name}.target"])
        compare(model.predict(x, verbose=0), several(expected, f"{name}.next"))
    by_index = load(folder, name)
    by_index.load_weights(f"{folder}/checkpoints/{name}.index")
    np.testing.assert_array_equal(by_index.get_weights()[0], load(folder, name).get_weights()[0])


def test_layers_are_found_by_their_places_in_a_model_of_a_program(folder, expected):
    x, z = kerata.Input((3,)), kerata.Input((3,))
    late, early, deep = layers.Dense(3), layers.Dense(3), layers.Dense(3)
    a = early(x)
    model = kerata.Model([x, z], [layers.Dense(3)(late(z)), deep(a), layers.Add()([a, late(a)])])
    model.load_weights(folder / "checkpoints" / "branches")
    compare(model.predict(inputs_of(expected, "branches"), verbose=0), several(expected, "branches.y"))


def test_a_folder_of_the_first_versions_has_its_descriptions_elsewhere(folder, expected):
    model = load(folder, "older")
    compare(model.predict(inputs_of(expected, "sequential"), verbose=0), several(expected, "sequential.y"))


def test_the_folder_of_a_model_holds_its_weights(folder, expected):
    model = load(folder, "sequential")
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    for path in (folder / "sequential", folder / "sequential" / "variables" / "variables"):
        model.load_weights(path)
        compare(model.predict(inputs_of(expected, "sequential"), verbose=0), several(expected, "sequential.y"))


def test_a_program_of_the_time_loads_its_checkpoint(folder, expected):
    keras = tfkeras2
    model = keras.models.Sequential(
        [
            keras.layers.Dense(4, "relu", input_shape=(3,)),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(2),
        ]
    )
    model.load_weights(str(folder / "checkpoints" / "sequential"))
    compare(model.predict(inputs_of(expected, "sequential"), verbose=0), several(expected, "sequential.y"))
    found = keras.models.load_model(str(folder / "sequential"))
    compare(found.predict(inputs_of(expected, "sequential"), verbose=0), several(expected, "sequential.y"))


def test_what_a_folder_needs_is_said(folder):
    with pytest.raises(FileError, match=r"'Own'.*custom_objects"):
        kerata.models.load_model(folder / "own")
    with pytest.raises(FileError, match=r"a program and no layers of Keras.*serving_default.*w \(2, 2\).*build the model"):
        kerata.models.load_model(folder / "program")


def test_weights_of_another_model_are_refused(folder):
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(4), layers.BatchNormalization(), layers.Dense(3)])
    before = model.get_weights()
    with pytest.raises(FileError, match=r"sequential.*must match.*\(4, 3\)"):
        model.load_weights(folder / "checkpoints" / "sequential")
    with pytest.raises(FileError, match="layers with weights"):
        kerata.Sequential([kerata.Input((3,)), layers.Dense(4)]).load_weights(folder / "checkpoints" / "sequential")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.warns(UserWarning, match="stays as it is"):
        model.load_weights(folder / "checkpoints" / "sequential", skip_mismatch=True)
    np.testing.assert_array_equal(model.get_weights()[0], load(folder, "sequential").get_weights()[0])
    with pytest.raises(NotImplementedError, match="by structure"):
        model.load_weights(folder / "checkpoints" / "sequential", by_name=True)


def test_a_layer_without_weights_may_have_come_or_gone(folder, expected):
    model = kerata.Sequential(
        [kerata.Input((3,)), layers.Dense(4, "relu"), layers.BatchNormalization(), layers.Dense(2), layers.Identity()]
    )
    model.add(layers.Identity())
    model.load_weights(folder / "checkpoints" / "sequential")
    compare(model.predict(inputs_of(expected, "sequential"), verbose=0), several(expected, "sequential.y"))
