"""Objects of the eras beside layers: optimizers, constraints, initializers, metrics and losses as plain data and back."""

import io

import h5py
import numpy as np
import pytest

from kerata import losses as modern_losses
from kerata.legacy import keras1, keras2, tfkeras2


def test_optimizers_as_plain_data_are_called_as_they_were():
    optimizers = keras2.optimizers
    config = optimizers.serialize(optimizers.RMSprop(lr=0.1, clipnorm=1.0))
    assert config["class_name"] == "RMSprop"
    again = optimizers.deserialize(config)
    assert type(again) is optimizers.RMSprop
    assert again.get_config() == config["config"]
    assert type(optimizers.deserialize({"class_name": "sgd", "config": {"lr": 0.5}})) is optimizers.SGD


@pytest.mark.parametrize("name", ["max_norm", "non_neg", "unit_norm", "min_max_norm"])
def test_constraints_come_back_as_those_of_the_era(name):
    constraints = keras2.constraints
    kind = type(getattr(constraints, name)())
    assert type(constraints.get(name)) is kind
    assert type(constraints.deserialize(constraints.serialize(constraints.get(name)))) is kind


def test_an_initializer_with_a_seed_draws_anew():
    first, second = (keras2.initializers.normal(seed=7) for _ in range(2))
    one, two = first((4,)), first((4,))
    assert np.abs(one - two).min() > 0
    assert np.array_equal(one, second((4,)))
    assert keras2.initializers.normal is keras2.initializers.RandomNormal


def test_metrics_have_weights_and_shapes_of_then():
    metrics = keras2.metrics
    mean = metrics.Mean("a")
    assert mean.stateful
    assert len(mean.weights) == 2

    class Largest(metrics.Metric):
        def __init__(self):
            super().__init__("largest")
            self.found = self.add_weight("found", initializer="zeros")

    assert Largest().found.name == "found"
    y = np.array([[1, 0, 1, 1]], "float32")
    assert np.asarray(metrics.binary_accuracy(y, y * 0.9)).shape == (1,)
    labels = np.zeros((2, 3, 1))
    assert metrics.sparse_categorical_accuracy(labels, np.ones((2, 3, 1, 5))).shape == (2, 3, 1)


class Mixed:
    """A loss that has a config, and nothing to read it with."""

    def __init__(self, share):
        self.share = share

    def __call__(self, y_true, y_pred, sample_weight=None):
        return self.share * modern_losses.mse(y_true, y_pred)

    def get_config(self):
        return {"share": self.share}


def test_a_loss_of_a_class_without_from_config(tmp_path):
    losses, models, layers = keras2.losses, keras2.models, keras2.layers
    with keras2.utils.CustomObjectScope({"Mixed": Mixed}):
        again = losses.deserialize(losses.serialize(Mixed(0.3)))
        assert again.share == 0.3
        model = models.Sequential([layers.Dense(1, input_dim=2)])
        model.compile("sgd", Mixed(0.3))
        model.train_on_batch(np.ones((2, 2)), np.ones((2, 1)))
        model.save(tmp_path / "m.h5")
        found = models.load_model(tmp_path / "m.h5")
    assert found.loss.share == 0.3
    assert losses.serialize(losses.mean_squared_error) == "mean_squared_error"


def test_log_cosh_of_whole_numbers():
    error = np.array([[-3, 1, 4]])
    assert np.allclose(modern_losses.log_cosh(np.zeros_like(error), error), np.log(np.cosh(error)).mean(), rtol=1e-5)


def test_utilities_of_shapes_and_files(tmp_path):
    utils = keras2.utils
    assert utils.conv_utils.deconv_length(32, 1, 5, "full", None) == 28
    with pytest.raises(AssertionError, match="padding"):
        utils.conv_utils.conv_output_length(32, 5, "diagonal", 2)
    with pytest.raises(ValueError, match="axes"):
        utils.conv_utils.convert_kernel(np.zeros((2, 3)))
    dense = keras2.layers.Dense(1, input_dim=12)
    keras2.models.Sequential([dense])
    kernel = dense.get_weights()[0]
    utils.layer_utils.convert_dense_weights_data_format(dense, (2, 1, 6), "channels_first")
    assert np.array_equal(dense.get_weights()[0], kernel.reshape(1, 6, 2).transpose(2, 0, 1).reshape(12, 1))
    utils.layer_utils.convert_dense_weights_data_format(dense, (1, 6, 2), "channels_last")
    assert np.array_equal(dense.get_weights()[0], kernel)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(5)
    rows = utils.io_utils.HDF5Matrix(path, "x", 0, 3)
    for key, kind in ((3, IndexError), ([2, 3], IndexError), (slice(3, 4), IndexError), (None, TypeError)):
        with pytest.raises(kind):
            rows[key]
    assert rows[[2, 0]].tolist() == [2, 0]


def test_models_in_files_that_are_open(tmp_path):
    models, layers = keras2.models, keras2.layers
    values = np.arange(6.0).reshape(3, 2)
    start = keras2.initializers.Constant(values)
    model = models.Sequential([layers.Dense(2, kernel_initializer=start, input_dim=3)])
    stream = io.BytesIO()
    model.save(stream)
    stream.seek(0)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        models.save_model(model, file.create_group("model"))
        models.save_model(model, file["model"])
        found = [models.load_model(stream), models.load_model(file["model"])]
    for twin in found:
        assert np.array_equal(twin.get_weights()[0], values)
        assert np.array_equal(models.clone_model(twin).get_weights()[0], values)


def test_pictures_are_checked_as_they_were():
    image = keras2.preprocessing.image
    with pytest.raises(ValueError, match="validation_split"):
        image.ImageDataGenerator(validation_split=5)
    with pytest.warns(UserWarning, match="featurewise_center"):
        generator = image.ImageDataGenerator(rotation_range=9, zoom_range=0.2, zca_whitening=True)
    pictures = np.random.default_rng(0).random((4, 3, 3, 1))
    change = generator.get_random_transform((3, 3, 1), 1)
    assert change["zx"] != 1
    assert change["channel_shift_intensity"] is None
    generator.fit(pictures)
    assert np.allclose(generator.standardize(pictures.copy())[1], generator.standardize(pictures[1].copy()))
    batches = generator.flow(pictures, np.arange(4), batch_size=2)
    for wrong in (lambda: generator.flow(pictures, np.arange(5)), lambda: generator.flow((pictures, np.arange(3)))):
        with pytest.raises(ValueError, match="same length"):
            wrong()
    with pytest.raises(ValueError, match="there are 2 batches"):
        batches[2]


def test_pictures_for_networks_of_imagenet():
    prepare = keras2.applications.imagenet_utils.preprocess_input
    pictures = np.random.default_rng(0).uniform(0, 255, (2, 3, 4, 3))
    blue_first = prepare(pictures.copy())
    assert np.allclose(blue_first[..., 0], pictures[..., 2] - 103.939)
    turned = prepare(pictures.transpose(0, 3, 1, 2).copy(), "channels_first")
    assert np.allclose(turned.transpose(0, 2, 3, 1), blue_first)
    changed = pictures.copy()
    assert np.array_equal(prepare(changed, mode="torch"), changed)
    model = keras2.models.Sequential([keras2.layers.Lambda(prepare, input_shape=(3, 4, 3))])
    assert np.allclose(model.predict(pictures), blue_first, atol=1e-3)


@pytest.mark.parametrize("keras", [keras1, keras2, tfkeras2], ids=["keras1", "keras2", "tfkeras2"])
def test_networks_of_imagenet_are_of_the_era(keras):
    base = keras.applications.vgg16.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    kinds = {type(layer).__module__ for layer in base.layers[1:]} | {type(base).__module__}
    assert kinds == {type(keras.layers.Dense(1)).__module__}
    for layer in base.layers:
        layer.trainable = False
    model = keras.models.Sequential([base, keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy")
    before = base.get_weights()
    epochs = {"nb_epoch" if keras is keras1 else "epochs": 1, "verbose": 0}
    model.fit(np.random.default_rng(0).uniform(0, 255, (6, 32, 32, 3)), np.eye(2)[[0, 1] * 3], batch_size=4, **epochs)
    assert len(model.trainable_weights) == 2
    assert all(np.array_equal(*pair) for pair in zip(before, base.get_weights(), strict=True))
    assert model.layers[-1].output_shape == (None, 2)
    assert hasattr(keras.applications, "EfficientNetB0") == (keras is tfkeras2)
    assert keras.applications.xception.preprocess_input(np.full((1, 2, 2, 3), 255.0)).max() == 1


@pytest.mark.parametrize("keras", [keras1, keras2], ids=["keras1", "keras2"])
def test_resnet50_of_then(keras):
    size = 197 if keras is keras1 else 64
    model = keras.applications.resnet50.ResNet50(weights=None, include_top=False, input_shape=(size, size, 3))
    names = [layer.name for layer in model.layers]
    assert len([n for n in names if n.startswith("res")]) == 52 and "bn5c_branch2c" in names
    # The layers with weights stand in the order in which files hold them.
    weighted = [layer.name for layer in model.layers if layer.weights]
    assert weighted[:4] == ["conv1", "bn_conv1", "res2a_branch2a", "bn2a_branch2a"]
    assert model.get_layer("bn4f_branch2b").epsilon == 1e-3
    assert model.output_shape == ((None, 1, 1, 2048) if keras is keras1 else (None, 2, 2, 2048))
    assert ("pool1_pad" in names) == (keras is not keras1)
    # Layers without a name of their own count from 1.
    assert [n for n in names if n.startswith("activation")] == [f"activation_{n}" for n in range(1, 50)]
    assert names[0] == "input_1"
    top = keras.applications.ResNet50(weights=None, classes=3)
    assert top.layers[-1].name == "fc1000" and top.output_shape == (None, 3)


def test_beams_of_ctc():
    K = keras2.backend
    # The likeliest single path is no label twice, 0.36; label 0 is likelier over all its paths, 0.64.
    chances = np.array([[[0.4, 0.0, 0.6], [0.4, 0.0, 0.6], [1.0, 0.0, 0.0]]])
    labels, scores = K.ctc_decode(chances, [2], greedy=False, beam_width=4, top_paths=2)
    assert [one.tolist() for one in labels] == [[[0]], [[]]]
    assert np.allclose(np.exp(scores), [[0.64, 0.36]], atol=1e-4)
    greedy, _ = K.ctc_decode(chances, [2])
    assert np.asarray(greedy[0]).tolist() == [[]]
