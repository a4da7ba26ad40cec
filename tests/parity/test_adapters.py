"""Adapters (LoRA) against real Keras: the same predictions, losses and weights, and files that both read."""

import keras
import numpy as np
import pytest

import kerata
from kerata.base.checks import message

# Name: (the layer, the shape of an input, the largest index where it takes whole numbers).
LAYERS = {
    "Dense": (lambda lib: lib.layers.Dense(5, activation="tanh"), (4,), None),
    "Dense, sequences": (lambda lib: lib.layers.Dense(5, kernel_regularizer="l2"), (3, 4), None),
    "EinsumDense": (lambda lib: lib.layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"), (3, 4), None),
    "EinsumDense, kernel turned": (lambda lib: lib.layers.EinsumDense("abc,dc->abd", (None, 6)), (3, 4), None),
    "Embedding": (lambda lib: lib.layers.Embedding(10, 4), (3,), 10),
    "Conv1D, groups": (lambda lib: lib.layers.Conv1D(4, 3, groups=2), (6, 4), None),
    "Conv2D": (lambda lib: lib.layers.Conv2D(4, 3), (6, 6, 2), None),
}


def make(name):
    """The model of Keras and ours, with adapters and the same weights, and some samples."""
    layer, shape, largest = LAYERS[name]
    rng = np.random.default_rng(0)
    models = []
    for lib in (keras, kerata):
        models.append(lib.Sequential([lib.Input(shape, dtype="int32" if largest else "float32"), layer(lib)]))
        models[-1].layers[0].enable_lora(2, lora_alpha=3.0)
    theirs, ours = models
    assert [w.shape for w in theirs.weights] == [w.shape for w in ours.weights]
    weights = [rng.normal(size=w.shape).astype("float32") for w in theirs.weights]
    for model in models:
        model.set_weights(weights)
    x = rng.integers(0, largest, (10, *shape)) if largest else rng.normal(size=(10, *shape)).astype("float32")
    return theirs, ours, x


@pytest.mark.parametrize("name", LAYERS)
def test_numbers_and_files_are_those_of_keras(name, tmp_path):
    theirs, ours, x = make(name)
    expected = theirs.predict(x, verbose=0)
    np.testing.assert_allclose(ours.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
    y = np.random.default_rng(1).normal(size=expected.shape).astype("float32")
    losses = []
    for lib, model in ((keras, theirs), (kerata, ours)):
        model.compile(lib.optimizers.Adam(0.01), "mse")
        losses.append(model.fit(x, y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)
    expected = theirs.predict(x, verbose=0)
    for model, file, reader in ((theirs, "theirs.keras", kerata), (ours, "ours.keras", keras)):
        model.save(tmp_path / file)
        read = reader.models.load_model(tmp_path / file)
        # Keras's Dense and Embedding forget the strength, which means nothing for the merged weight.
        assert read.layers[0].lora_enabled and (reader is keras or read.layers[0].lora_alpha == 3.0)
        np.testing.assert_allclose(read.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_weights_of_a_file_come_merged(tmp_path):
    _, ours, x = make("Dense")
    expected = ours.predict(x, verbose=0)
    ours.save_weights(tmp_path / "ours.weights.h5")
    for lib in (keras, kerata):
        plain = lib.Sequential([lib.Input((4,)), lib.layers.Dense(5, activation="tanh")])
        plain.load_weights(tmp_path / "ours.weights.h5")
        np.testing.assert_allclose(plain.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)
    ours.load_weights(tmp_path / "ours.weights.h5")
    np.testing.assert_allclose(ours.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)
    assert not ours.layers[0].lora_kernel_b.numpy().any()


def test_only_adapters_train_and_a_model_begins_as_it_was():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 4)).astype("float32"), rng.normal(size=(40, 1)).astype("float32")
    model = kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(8, "relu"), kerata.layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, y, epochs=1, verbose=0)
    before = model.predict(x, verbose=0)
    first = model.layers[0]
    kernel = first.kernel.numpy()
    first.enable_lora(2)
    np.testing.assert_allclose(model.predict(x, verbose=0), before, rtol=1e-6)
    assert [w.name for w in model.trainable_weights] == ["bias", "lora_kernel_a", "lora_kernel_b", "kernel", "bias"]
    model.compile("adam", "mse")
    losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and model.evaluate(x, y, verbose=0) < losses[0]
    np.testing.assert_array_equal(first.stored_weight.numpy(), kernel)
    assert first.lora_kernel_b.numpy().any() and np.abs(np.asarray(first.kernel) - kernel).max() > 0
    result = model.cross_validate(x, y, cv=2, epochs=1, batch_size=8)
    assert len(result.models) == 2 and result.models[0].layers[0].lora_enabled


def test_adapters_that_come_from_a_file_go_on_learning(tmp_path):
    kerata.utils.set_random_seed(2)
    x, y = np.ones((8, 4), "float32"), np.full((8, 1), 3.0, "float32")
    model = kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(1, use_bias=False, lora_rank=2)])
    model.compile("sgd", "mse")
    model.fit(x, y, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = kerata.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-5)
    losses = again.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_one_program_trains_adapters(tmp_path):
    def make_model(rank):
        kerata.utils.set_random_seed(1)
        model = kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(1, lora_rank=rank)])
        model.compile("sgd", "mse")
        return model

    x, y = np.ones((8, 4), "float32"), np.zeros((8, 1), "float32")
    whole = make_model(2)
    whole.fit(x, y, epochs=4, batch_size=4, shuffle=False, verbose=0)
    stepwise = make_model(2)
    for _ in range(8):
        stepwise.train_on_batch(x[:4], y[:4])
    for one, other in zip(whole.get_weights(), stepwise.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_what_is_refused():
    layer = kerata.layers.Dense(2)
    with pytest.raises(ValueError, match="needs a layer that is built"):
        layer.enable_lora(2)
    layer.build((None, 3))
    with pytest.raises(ValueError, match="`rank` must be"):
        layer.enable_lora(0)
    layer.enable_lora(2)
    with pytest.raises(ValueError, match="has an adapter already"):
        layer.enable_lora(2)
    held = kerata.layers.Conv1D(2, 1, kernel_constraint="non_neg")
    held.build((None, 3, 2))
    with pytest.raises(ValueError, match="goes with no constraint"):
        held.enable_lora(2)
    assert len(held.weights) == 2 and message(held, "x")
    with pytest.raises(AttributeError, match="before it is built"):
        kerata.layers.Embedding(3, 2).embeddings  # noqa: B018
