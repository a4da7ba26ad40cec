"""Samples of classes, for losses of many classes: drawn by their shares, in programs as well."""

import jax
import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow import candidates
from kerata.legacy.tensorflow.names import build

MODULES = build("tfkeras2")
tf = MODULES[""]
SHARES = np.array([0.5, 0.3, 0.15, 0.05])


def many(draw, rounds=4000):
    """(how often each pair comes, how many draws a sample takes) of samples of two different classes."""
    pairs, tries = np.zeros((4, 4)), 0.0
    for number in range(rounds):
        (first, second), took = draw(number)
        pairs[int(first), int(second)] += 1
        tries += float(took)
    return pairs / rounds, tries / rounds


def test_samples_without_repeats_are_those_of_drawing_anew():
    """The chance of (i, j) is p_i p_j / (1 - p_i); draws that a sample takes are 1 + the mean of 1 / (1 - p_i)."""
    stream = np.random.default_rng(0)
    on_host = many(lambda _: candidates.draw(SHARES, 2, True, stream))
    keys = np.random.default_rng(1).integers(2**32, size=(4000, 2), dtype=np.uint32)
    compiled = jax.jit(
        lambda keys: jax.lax.map(lambda key: candidates.draw_in_program(jax.numpy.asarray(SHARES), 2, True, key), keys)
    )
    classes, tries = compiled(keys)
    in_program = many(lambda number: (classes[number], tries[number]))
    wanted = SHARES[:, None] * SHARES / (1 - SHARES[:, None])
    np.fill_diagonal(wanted, 0)
    mean = 1 + np.sum(SHARES / (1 - SHARES))
    for pairs, took in (on_host, in_program):
        np.testing.assert_allclose(pairs, wanted, atol=0.03)
        np.testing.assert_allclose(took, mean, rtol=0.03)


def test_frequent_classes_are_drawn_more_often():
    true = tf.constant([[0]], tf.int64)
    found = tf.random.log_uniform_candidate_sampler(true, 1, 20000, False, 5, seed=3)
    shares = np.bincount(found.sampled_candidates.numpy(), minlength=5) / 20000
    np.testing.assert_allclose(shares, np.log((np.arange(5) + 2) / (np.arange(5) + 1)) / np.log(6), atol=0.02)
    # A seed's draws go on, and begin anew with none.
    again = tf.random.log_uniform_candidate_sampler(true, 1, 20000, False, 5, seed=3)
    assert (again.sampled_candidates.numpy() != found.sampled_candidates.numpy()).any()


@pytest.mark.parametrize("loss_name", ["nce_loss", "sampled_softmax_loss"])
def test_a_model_learns_by_samples(loss_name):
    """Its loss is drawn anew in each step of the compiled program; each class is told from the others."""

    class Sampled(keras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(name="w", shape=(30, 8))
            self.b = self.add_weight(name="b", shape=(30,), initializer="zeros")

        def call(self, inputs):
            vectors, labels = inputs
            loss = getattr(tf.nn, loss_name)(
                weights=self.w, biases=self.b, labels=labels, inputs=vectors, num_sampled=5, num_classes=30
            )
            self.add_loss(tf.reduce_mean(loss))
            return tf.matmul(vectors, self.w, transpose_b=True) + self.b

    word, label = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="int32")
    vector = keras.layers.Flatten()(keras.layers.Embedding(30, 8)(word))
    model = keras.Model([word, label], Sampled()([vector, label]))
    model.compile(keras.optimizers.Adam(0.05))
    x = np.tile(np.arange(30), 20)[:, None]
    history = model.fit([x, (x * 7) % 30], epochs=12, batch_size=60, verbose=0)
    assert history.history["loss"][-1] < 0.5 * history.history["loss"][0]
    said = model.predict([x[:30], x[:30]], verbose=0).argmax(-1)
    # Noise is told from classes more slowly than classes from each other.
    assert (said == (np.arange(30) * 7) % 30).mean() > {"nce_loss": 0.1, "sampled_softmax_loss": 0.8}[loss_name]
