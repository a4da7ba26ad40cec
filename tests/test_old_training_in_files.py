"""What files of `tf.keras` keep of training: the state of optimizers, and losses that are described as objects.

The losses are those of `tf_keras` 2.21, where a model that was saved and loaded goes on as one that was not.
"""

import json

import h5py
import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.saving.legacy import zips

R = np.random.RandomState(0)
X, Y = R.normal(size=(8, 3)).astype("float32"), R.rand(8, 2).astype("float32")
SHARED = {"weight_decay": None, "clipnorm": None, "global_clipnorm": None, "clipvalue": None, "use_ema": False}
SHARED |= {"ema_momentum": 0.99, "ema_overwrite_frequency": None, "jit_compile": False, "is_legacy_optimizer": False}
DECAY = {"initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5, "staircase": False, "name": None}
SCHEDULE = {"module": "keras.optimizers.schedules", "class_name": "ExponentialDecay", "config": DECAY, "registered_name": None}
# Name, config, slots in the file's words, and the losses of two epochs after two epochs and a file.
CASES = {
    "schedule": ("SGD", {"learning_rate": SCHEDULE, "momentum": 0.0, "nesterov": False}, {"m": None}, [0.448002, 0.360285]),
    "lion": ("Lion", {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99}, {"m": "momentum"}, [2.080335, 2.046946]),
    "averages": (
        "Adam",
        {"learning_rate": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7, "use_ema": True, "ema_momentum": 0.5},
        {"average": "average", "m": "momentum", "v": "velocity"},
        [1.653593, 1.424954],
    ),
}
MADE = {
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "lion": lambda: keras.optimizers.Lion(0.001),
    "averages": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.5),
}


def trained(optimizer):
    third = keras.initializers.Constant(0.3)
    layers = [
        keras.layers.Dense(3, activation="tanh", kernel_initializer=third),
        keras.layers.Dense(2, kernel_initializer="ones"),
    ]
    model = keras.Sequential([keras.Input((3,)), *layers])
    model.compile(optimizer, "mse")
    model.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize("case", CASES)
def test_training_goes_on_from_a_file(tmp_path, case):
    kind, config, slots, losses = CASES[case]
    model, path = trained(MADE[case]()), str(tmp_path / "model.h5")
    model.save(path, include_optimizer=False)
    table = model.optimizer.optimizer_state.table
    with h5py.File(path, "a") as file:
        described = {"class_name": f"Custom>{kind}", "config": SHARED | {"name": kind} | config}
        rest = {"loss": "mse", "metrics": None, "weighted_metrics": None, "loss_weights": None}
        file.attrs["training_config"] = json.dumps(rest | {"optimizer_config": described})
        group = file.create_group("optimizer_weights")
        group["iteration:0"] = np.int64(4)
        names = ["iteration:0"]
        for variable in model.trainable_variables:
            for word, slot in slots.items():
                name = f"{kind}/{word}/{variable.name}"
                kept = np.zeros(variable.shape, "float32") if slot is None else table[variable][slot].numpy()
                group[name] = kept
                names.append(name)
        group.attrs["weight_names"] = np.array([name.encode() for name in names])
    loaded = keras.models.load_model(path)
    assert int(loaded.optimizer.iterations) == 4
    history = loaded.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], losses, atol=2e-5)


class Entry(dict):
    """Arrays by number, as files of the form of `.keras` have them."""

    def shape_of(self, name):
        return self[name].shape


def test_an_sgd_without_momentum_takes_its_steps_from_keras_files():
    model = trained(keras.optimizers.SGD(0.1))
    kept = [np.int64(9), *(np.zeros(v.shape, "float32") for v in model.trainable_variables)]
    zips.restore_old_optimizer(model.optimizer, Entry({str(n): np.asarray(one) for n, one in enumerate(kept)}), "x.keras")
    assert int(model.optimizer.iterations) == 9


T = np.random.RandomState(0)
X2, Y2 = T.normal(size=(8, 3)).astype("float32"), (T.rand(8, 2).astype("float32") * 1.4 - 0.2).astype("float32")
LOSSES = {
    "sum to other than 1": (lambda: keras.losses.CategoricalCrossentropy(from_logits=True), None, [0.6628, 0.65798]),
    "beside 0 and 1": (lambda: keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2), None, [0.7729, 0.76249]),
    "focal": (lambda: keras.losses.BinaryFocalCrossentropy(), "sigmoid", [0.23894, 0.22722]),
    "no reduction": (lambda: keras.losses.MeanSquaredError(reduction="none"), None, [0.25144, 0.14655]),
}


@pytest.mark.parametrize(
    ("case", "name"), [*((case, "model.h5") for case in LOSSES), ("no reduction", "model.keras"), ("no reduction", "model")]
)
def test_losses_of_files_are_those_of_then(tmp_path, case, name):
    loss, activation, losses = LOSSES[case]
    third = keras.initializers.Constant(0.3)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation=activation, kernel_initializer=third)])
    model.compile(keras.optimizers.SGD(0.1), loss(), metrics=["mae"])
    model.fit(X2, Y2, batch_size=4, shuffle=False, verbose=0)
    model.save(str(tmp_path / name))
    loaded = keras.models.load_model(str(tmp_path / name))
    history = loaded.fit(X2, Y2, epochs=2, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(history.history["loss"], losses, atol=2e-5)


def own_loss(y, p):
    return keras.backend.mean(keras.backend.abs(y - p) ** 1.5, axis=-1)


def test_own_losses_and_measures_of_files_get_columns(tmp_path):
    y = np.random.RandomState(0)
    x, y = y.normal(size=(8, 3)).astype("float32"), y.rand(8).astype("float32")
    third = keras.initializers.Constant(0.3)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer=third)])
    model.compile(keras.optimizers.SGD(0.1), own_loss, metrics=[keras.metrics.BinaryCrossentropy()])
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    model.save(str(tmp_path / "model.h5"))
    loaded = keras.models.load_model(str(tmp_path / "model.h5"), custom_objects={"own_loss": own_loss})
    found = loaded.fit(x, y, batch_size=4, shuffle=False, verbose=0).history
    np.testing.assert_allclose([found["loss"][0], found["binary_crossentropy"][0]], [0.40431, 2.62816], atol=2e-5)


@keras.utils.register_keras_serializable("pkg_of_files")
class Times(keras.layers.Layer):
    def __init__(self, k=2.0, **kwargs):
        super().__init__(**kwargs)
        self.k = k

    def call(self, x):
        return x * self.k

    def get_config(self):
        return {**super().get_config(), "k": self.k}


def test_keras_files_name_the_package_of_a_registered_class():
    """As `tf_keras` 2.21 writes it: without a module, and with the package in `registered_name` alone."""
    shape = {"batch_input_shape": [None, 3], "dtype": "float32", "sparse": False, "ragged": False, "name": "i"}
    inputs = {"module": "keras.layers", "class_name": "InputLayer", "config": shape, "registered_name": None}
    config = {"name": "times", "trainable": True, "dtype": "float32", "k": 3.0}
    own = {"module": None, "class_name": "Times", "config": config, "registered_name": "pkg_of_files>Times"}
    plain = {"class_name": "Sequential", "config": {"name": "s", "layers": [inputs, own]}, "module": "keras"}
    found = zips.modernize({**plain, "registered_name": None}, "2.21.0", "x.keras")
    assert found["config"]["layers"][-1]["registered_name"] == "pkg_of_files>Times"
