"""Masks reach losses and metrics in whole runs."""

import keras
import numpy as np
import pytest

import kerata

WORDS = np.array([[3, 1, 4, 0, 0], [1, 5, 0, 0, 0], [2, 6, 5, 3, 0], [5, 0, 0, 0, 0]])
TARGETS = np.random.default_rng(0).standard_normal((4, 5, 1)).astype(np.float32)


def test_masked_steps_count_neither_in_the_loss_nor_in_the_metrics():
    models = []
    for k in (kerata, keras):
        model = k.Sequential([k.Input((5,)), k.layers.Embedding(8, 3, mask_zero=True), k.layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
        models.append(model)
    ours, theirs = models
    ours.set_weights(theirs.get_weights())
    histories = [m.fit(WORDS, TARGETS, batch_size=3, epochs=2, shuffle=False, verbose=0).history for m in models]
    # In training, Keras on JAX loses the mask on its way to the metrics; in evaluation it does not.
    assert histories[0]["loss"] == pytest.approx(histories[1]["loss"], rel=1e-4)
    np.testing.assert_allclose(ours.evaluate(WORDS, TARGETS, verbose=0), theirs.evaluate(WORDS, TARGETS, verbose=0), rtol=1e-4)
    # The same data once more, as one batch at a rate of 0: what training measures is what evaluation measures.
    ours.optimizer.learning_rate = 0.0
    trained = ours.fit(WORDS, TARGETS, batch_size=4, verbose=0).history
    evaluated = ours.evaluate(WORDS, TARGETS, verbose=0, return_dict=True)
    assert {name: values[0] for name, values in trained.items()} == pytest.approx(evaluated, rel=1e-5)


@pytest.mark.parametrize("steps", [2, 3])
def test_loss_scaling_and_accumulation_equal_keras(steps):
    x, y = np.random.default_rng(1).standard_normal((2, 24, 3)).astype(np.float32)
    runs = []
    for k in (kerata, keras):
        model = k.Sequential([k.Input((3,)), k.layers.Dense(3)])
        model.set_weights([np.full((3, 3), 0.1, np.float32), np.zeros(3, np.float32)])
        model.compile(k.optimizers.Adam(0.1, loss_scale_factor=64.0, gradient_accumulation_steps=steps), "mse")
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        runs.append(model.get_weights()[0])
    np.testing.assert_allclose(*runs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_a_reversible_embedding_masks_words_and_no_vectors_on_their_way_back(dtype):
    """What tells them apart is the way, not whether the numbers of words stand as floats."""
    words = np.array([[1, 4, 0], [2, 0, 3], [3, 2, 1]], dtype)
    results = []
    for k in (kerata, keras):
        table = k.layers.ReversibleEmbedding(5, 3, mask_zero=True)
        inputs = k.Input((3,), dtype=dtype)
        vectors = table(inputs)
        back = table(k.layers.Dense(3)(vectors), reverse=True)
        model = k.Model(inputs, [k.layers.LSTM(2)(vectors), k.layers.LSTM(2)(back)])
        model.set_weights([np.cos(np.arange(w.size)).reshape(w.shape) for w in model.get_weights()])
        results.append(model.predict(words, verbose=0))
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
