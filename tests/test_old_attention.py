"""Attention of `tf.keras` where nothing may be looked at: all is looked at alike. Numbers of `tf_keras` 2.21."""

import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras

L = keras.layers
IDS = np.array([[1, 2, 0, 0], [3, 4, 5, 6]])
EVENLY = [1.4589, 1.1008, 0.1654, 1.0974, -1.1063, -0.3113]


def with_weights(thing):
    draws = np.random.RandomState(3)
    thing.set_weights([draws.randn(*weight.shape) * 0.5 for weight in thing.get_weights()])
    return thing


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_steps_that_fill_up_see_all_steps(dropout):
    inputs = keras.Input((4,), dtype="int32")
    words = L.Embedding(9, 6, mask_zero=True)(inputs)
    model = with_weights(keras.Model(inputs, L.MultiHeadAttention(2, 3, dropout=dropout)(words, words)))
    found = model.predict(IDS, verbose=0)[0]
    np.testing.assert_allclose(found[2:], [EVENLY, EVENLY], atol=1e-4)
    np.testing.assert_allclose(found[0], [1.3248, 0.7109, 0.3148, 0.6587, -1.2134, -0.6465], atol=1e-4)


def test_scores_and_softmax_where_all_is_masked():
    x = np.random.RandomState(0).rand(2, 4, 6).astype("float32")
    layer = L.MultiHeadAttention(2, 3)
    layer(x, x)
    with_weights(layer)
    output, scores = layer(x, x, attention_mask=np.zeros((2, 4, 4), bool), return_attention_scores=True)
    np.testing.assert_allclose(scores, np.full((2, 2, 4, 4), 0.25))
    np.testing.assert_allclose(np.asarray(output)[0, 0], [0.7754, -1.14, 2.5106, -0.0934, -0.8117, -0.0906], atol=1e-4)
    mask = np.array([[True, False, True], [False, False, False]])
    np.testing.assert_allclose(L.Softmax()(np.zeros((2, 3)), mask=mask), [[0.5, 0, 0.5], [1 / 3] * 3], rtol=1e-6)


def test_a_program_of_today_stays_its_own():
    """Both attentions have one structure, but for this."""
    from kerata import layers

    x = np.random.RandomState(0).rand(2, 4, 6).astype("float32")
    mask = np.zeros((2, 4, 4), bool)
    scores = [
        np.asarray(make(2, 3)(x, x, attention_mask=mask, return_attention_scores=True)[1])
        for make in (L.MultiHeadAttention, layers.MultiHeadAttention, L.MultiHeadAttention)
    ]
    assert [float(one.max()) for one in scores] == [0.25, 0.0, 0.25]
