"""Optimizers in the files of `tf.keras`: as TensorFlow kept them up to 2.10, and since.

The losses are those of `tf_keras` 2.21 for two epochs after two epochs; the names of arrays are those of its files.
"""

import json

import h5py
import numpy as np
import pytest

import kerata
from kerata.legacy import tfkeras2 as keras
from kerata.saving.legacy.checkpoints import Checkpoint

R = np.random.RandomState(0)
X, Y = R.normal(size=(8, 3)).astype("float32"), R.rand(8, 2).astype("float32")
legacy, since = keras.optimizers.legacy, keras.optimizers
WEIGHTS = ("a/kernel", "a/bias", "b/kernel", "b/bias")


def each(form, *words):
    """The names of the arrays of some slots, weight by weight."""
    return [form.format(weight=weight, word=word) for weight in WEIGHTS for word in words]


CASES = {
    "Ftrl": (lambda: since.Ftrl(0.01), [0.28105, 0.27318]),
    "Lion": (lambda: since.Lion(0.01), [0.30482, 0.25948]),
    "AdamW": (lambda: since.AdamW(0.01), [0.30896, 0.27288]),
    "Adafactor": (lambda: since.Adafactor(0.01), [0.38046, 0.37018]),
    "averages": (lambda: since.Adam(0.01, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3), [0.33566, 0.31029]),
    "decay of weights": (lambda: since.SGD(0.01, weight_decay=0.1), [0.38261, 0.37211]),
    "Adam of then": (lambda: legacy.Adam(0.01), [0.30907, 0.273]),
    "Nadam of then": (lambda: legacy.Nadam(0.01), [0.32634, 0.29748]),
    "RMSprop of then": (lambda: legacy.RMSprop(0.01), [0.23992, 0.20767]),
    "RMSprop": (lambda: since.RMSprop(0.01), [0.24, 0.20774]),
    "Ftrl of then": (lambda: legacy.Ftrl(0.01), [0.28105, 0.27318]),
    "SGD of then": (lambda: legacy.SGD(0.01, momentum=0.9, decay=0.1), [0.36114, 0.33078]),
}
ARRAYS = {
    "Ftrl": ["Ftrl/iter:0", *each("Ftrl/{weight}/{word}:0", "accumulator", "linear")],
    "AdamW": ["iteration:0", *each("AdamW/{word}/{weight}:0", "m", "v")],
    "Nadam of then": [
        *("Nadam/iter:0", "Nadam/momentum_cache:0"),
        *each("Nadam/{weight}/{word}:0", "m"),
        *each("Nadam/{weight}/{word}:0", "v"),
    ],
    "averages": ["iteration:0", *each("Adam/{word}/{weight}:0", "average"), *each("Adam/{word}/{weight}:0", "m", "v")],
    "decay of weights": ["iteration:0", *each("SGD/{word}/{weight}:0", "m")],
}


def build():
    third = keras.initializers.Constant(0.3)
    first = keras.layers.Dense(4, "tanh", input_shape=(3,), kernel_initializer=third, name="a")
    return keras.models.Sequential([first, keras.layers.Dense(2, kernel_initializer=third, name="b")])


def fit(model):
    return model.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0).history["loss"]


@pytest.mark.filterwarnings("ignore:.*Keras 3 reads th")
@pytest.mark.parametrize("case", CASES)
def test_training_goes_on_from_files(case, tmp_path):
    optimizer, expected = CASES[case]
    model = build()
    model.compile(optimizer(), "mse")
    fit(model)
    model.save(tmp_path / "model.h5")
    model.save(tmp_path / "folder")
    model.save_weights(tmp_path / "ckpt")
    other = build()
    other.compile(optimizer(), "mse")
    other.load_weights(tmp_path / "ckpt")
    for one in (keras.models.load_model(tmp_path / "model.h5"), keras.models.load_model(tmp_path / "folder"), other):
        np.testing.assert_allclose(fit(one), expected, rtol=4e-5)
    if case in ARRAYS:
        with h5py.File(tmp_path / "model.h5") as file:
            names = [name.decode() for name in file["optimizer_weights"].attrs["weight_names"]]
        assert [name.replace("sequential/", "") for name in names] == ARRAYS[case]


def test_checkpoints_keep_optimizers_of_then_beside_the_weights(tmp_path):
    model = build()
    model.compile(legacy.Nadam(0.01), "mse")
    model.fit(X, Y, verbose=0)
    model.save_weights(tmp_path / "ckpt")
    kept = [f"layer_with_weights-{n}/{name}" for n in (0, 1) for name in ("bias", "kernel")]
    slots = ("", "/.OPTIMIZER_SLOT/optimizer/m", "/.OPTIMIZER_SLOT/optimizer/v")
    expected = [f"{name}{slot}" for name in kept for slot in slots]
    expected += [f"optimizer/{n}" for n in ("beta_1", "beta_2", "decay", "iter", "learning_rate", "momentum_cache")]
    with Checkpoint(tmp_path / "ckpt", "ckpt") as checkpoint:
        found = [name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE") for name, _ in checkpoint.describe()]
        known = [(slot.weight, slot.name) for node in checkpoint.graph() for slot in node.slots]
    assert sorted(found) == sorted(expected)
    assert len(known) == 8


@pytest.mark.parametrize("name", ["RMSprop", "Adagrad", "Nadam"])
def test_files_say_whose_rule_an_optimizer_has(name, tmp_path):
    """Those of TensorFlow up to 2.10, and of `optimizers.legacy`, lack the argument that later ones have."""
    config = {"name": name, "learning_rate": 0.25} | ({"decay": 0.004} if name == "Nadam" else {})
    for more, kind in ({}, f"Classic{name}"), ({"is_legacy_optimizer": False}, name):
        model = build()
        model.compile("sgd", "mse")
        model.save(tmp_path / "model.h5")
        with h5py.File(tmp_path / "model.h5", "a") as file:
            training = json.loads(file.attrs["training_config"])
            training["optimizer_config"] = {"class_name": name, "config": {**config, **more}}
            if more:
                training["optimizer_config"]["config"].pop("decay", None)
            file.attrs["training_config"] = json.dumps(training)
        optimizer = kerata.models.load_model(tmp_path / "model.h5").optimizer
        assert type(optimizer).__name__ == kind and float(optimizer.learning_rate) == 0.25
        assert getattr(optimizer, "schedule_decay", 0.004) == 0.004
