"""Seeds give what they give in Keras on JAX: initial weights, orders of samples, draws outside of training."""

import random

import jax
import keras
import numpy as np
import pytest

import kerata
from kerata.engine.seeds import Law, obey
from kerata.kernels import threefry

WITHOUT_INPUT = [
    ("Dense", (3,), {}, (2, 4)),
    ("Dense", (3,), {"kernel_initializer": "he_normal", "bias_initializer": "random_normal"}, (2, 4)),
    ("Dense", (4,), {"kernel_initializer": "orthogonal"}, (2, 3)),
    ("Dense", (3,), {"lora_rank": 2}, (2, 4)),
    ("EinsumDense", ("ab,bc->ac", 3), {}, (2, 4)),
    ("Embedding", (9, 3), {}, (2, 4)),
    ("Conv2D", (3, 2), {}, (2, 4, 4, 3)),
    ("DepthwiseConv2D", (2,), {}, (2, 4, 4, 3)),
    ("SeparableConv1D", (3, 2), {}, (2, 4, 3)),
    ("Conv2DTranspose", (3, 2), {}, (2, 4, 4, 3)),
    ("SimpleRNN", (3,), {}, (2, 4, 5)),
    ("GRU", (3,), {"dropout": 0.1}, (2, 4, 5)),
    ("LSTM", (3,), {}, (2, 4, 5)),
    ("ConvLSTM1D", (2, 2), {}, (1, 3, 4, 2)),
    ("PReLU", ("uniform",), {}, (2, 4)),
    ("Dropout", (0.5,), {}, (2, 4)),
    ("Dropout", (0.0,), {}, (2, 4)),
    ("GaussianNoise", (0.1,), {}, (2, 4)),
    ("RandomCrop", (2, 2), {}, (1, 4, 4, 3)),
    ("RandomFlip", (), {}, (1, 4, 4, 3)),
]
WITH_LAYERS = {
    "both directions": (lambda k: k.layers.Bidirectional(k.layers.LSTM(3)), (2, 4, 5)),
    "stacked cells": (lambda k: k.layers.RNN([k.layers.LSTMCell(3), k.layers.SimpleRNNCell(2)]), (2, 4, 5)),
    "each step": (lambda k: k.layers.TimeDistributed(k.layers.Dense(3)), (2, 4, 5)),
    "spectral": (lambda k: k.layers.SpectralNormalization(k.layers.Dense(3)), (2, 4)),
    "a model": (
        lambda k: k.Sequential(
            [k.layers.Embedding(9, 4), k.layers.GRU(3, return_sequences=True), k.layers.Dropout(0.2), k.layers.LSTM(2)]
        ),
        (2, 4),
    ),
}
CASES = {
    f"{name} {number}": (lambda k, name=name, args=args, kwargs=kwargs: getattr(k.layers, name)(*args, **kwargs), shape)
    for number, (name, args, kwargs, shape) in enumerate(WITHOUT_INPUT)
} | WITH_LAYERS


def built(library, make, shape):
    library.utils.set_random_seed(7)
    layer = make(library)
    layer(np.ones(shape, "float32"))
    return [np.asarray(w) for w in layer.weights], random.random()


@pytest.mark.parametrize("case", CASES)
def test_layers_begin_with_the_weights_of_keras(case):
    (mine, after), (theirs, after_theirs) = (built(library, *CASES[case]) for library in (kerata, keras))
    assert len(mine) == len(theirs)
    for one, other in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)
    # As many seeds were taken, so what is made afterwards is the same too.
    assert after == after_theirs


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention"])
def test_attention_begins_with_the_weights_of_keras(kind):
    found = []
    for library in (kerata, keras):
        library.utils.set_random_seed(7)
        layer = getattr(library.layers, kind)(*((2, 3) if kind == "MultiHeadAttention" else (3, 2, 1)))
        layer(*[np.ones((2, 4, 5), "float32")] * 2)
        found.append([np.asarray(w) for w in layer.weights])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-6)
    # Queries, keys and values do not begin alike.
    assert not np.allclose(found[0][0], found[0][2]) or found[0][0].shape != found[0][2].shape


NAMES = "GlorotUniform GlorotNormal HeNormal HeUniform LecunNormal LecunUniform Orthogonal RandomNormal TruncatedNormal"


@pytest.mark.parametrize("name", [*NAMES.split(), "RandomUniform", "VarianceScaling"])
def test_initializers_with_a_seed(name):
    mine, theirs = (getattr(library.initializers, name)(seed=42)((5, 3)) for library in (kerata, keras))
    np.testing.assert_allclose(mine, np.asarray(theirs), rtol=2e-5, atol=1e-6)


def test_a_shared_initializer_gives_the_same_numbers_again():
    one = kerata.initializers.HeNormal()
    np.testing.assert_array_equal(one((3, 2)), one((3, 2)))
    assert (kerata.initializers.HeNormal()((3, 2)) != kerata.initializers.HeNormal()((3, 2))).any()


@pytest.mark.parametrize(
    "draw",
    [
        lambda r, seed: r.normal((3, 2), 1.0, 2.0, seed=seed),
        lambda r, seed: r.uniform((5,), -1.0, 3.0, seed=seed),
        lambda r, seed: r.truncated_normal((5,), seed=seed),
        lambda r, seed: r.randint((5,), 0, 10, seed=seed),
        lambda r, seed: r.categorical(np.log([[0.2, 0.3, 0.5]]), 6, seed=seed),
        lambda r, seed: r.dropout(np.ones((8,), "float32"), 0.5, seed=seed),
        lambda r, seed: r.gamma((3,), 2.0, seed=seed),
        lambda r, seed: r.beta((3,), 2.0, 3.0, seed=seed),
        lambda r, seed: r.binomial((3,), 10.0, 0.3, seed=seed),
        lambda r, seed: r.shuffle(np.arange(7), seed=seed),
    ],
)
def test_draws(draw):
    found = []
    for library in (kerata, keras):
        library.utils.set_random_seed(3)
        generator = library.random.SeedGenerator(4)
        seeds = [None, None, 5, 5, generator, generator, library.random.SeedGenerator()]
        found.append([np.asarray(draw(library.random, seed)) for seed in seeds])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_dropout_outside_of_training_programs():
    mine, theirs = (library.layers.Dropout(0.5, seed=3) for library in (kerata, keras))
    for _ in range(2):
        x = np.ones((4, 5), "float32")
        np.testing.assert_array_equal(mine(x, training=True), np.asarray(theirs(x, training=True)))


X = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
Y = X @ np.array([[1.0], [2.0], [-1.0], [0.5]], "float32")


def histories(fit):
    found = []
    for library in (kerata, keras):
        library.utils.set_random_seed(5)
        model = library.Sequential([library.Input((4,)), library.layers.Dense(3, "tanh"), library.layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mae"])
        found.append(fit(library, model) + [np.random.rand()])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)


class Third:
    """Stops after three epochs."""

    def __new__(cls, library):
        class Stop(library.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.stop_training = epoch == 2

        return Stop()


FITS = {
    "epochs": lambda k, m: m.fit(X, Y, epochs=5, batch_size=8, verbose=0).history["loss"],
    "two fits": lambda k, m: [one for _ in range(2) for one in m.fit(X, Y, epochs=2, batch_size=8, verbose=0).history["loss"]],
    "compiled again": lambda k, m: [
        one
        for _ in range(2)
        for one in [m.compile("sgd", "mse"), *m.fit(X, Y, epochs=2, batch_size=8, verbose=0).history["loss"]][1:]
    ],
    "evaluated before": lambda k, m: [
        m.evaluate(X, Y, verbose=0)[0],
        *m.fit(X, Y, epochs=3, batch_size=8, verbose=0).history["loss"],
    ],
    "a split": lambda k, m: m.fit(X, Y, epochs=3, batch_size=8, validation_split=0.2, verbose=0).history["val_loss"],
    "stopped": lambda k, m: m.fit(X, Y, epochs=9, batch_size=8, verbose=0, callbacks=[Third(k)]).history["loss"],
    "early stopping": lambda k, m: m.fit(
        X, Y, epochs=40, batch_size=8, verbose=0, callbacks=[k.callbacks.EarlyStopping("loss", min_delta=0.3)]
    ).history["loss"],
    "not shuffled": lambda k, m: m.fit(X, Y, epochs=3, batch_size=8, verbose=0, shuffle=False).history["loss"],
    "first epoch": lambda k, m: m.fit(X, Y, epochs=5, initial_epoch=2, batch_size=8, verbose=0).history["loss"],
    "numbered batches": lambda k, m: m.fit(numbered(k), epochs=3, verbose=0).history["loss"],
    "a sample of weights": lambda k, m: m.fit(
        X, Y, epochs=3, batch_size=8, verbose=0, sample_weight=np.linspace(0, 1, 50)
    ).history["loss"],
}


def numbered(library):
    class Batches(library.utils.PyDataset):
        def __init__(self):
            super().__init__()

        def __len__(self):
            return 5

        def __getitem__(self, place):
            return X[place * 10 : place * 10 + 10], Y[place * 10 : place * 10 + 10]

    return Batches()


@pytest.mark.parametrize("fit", FITS)
def test_fit_is_that_of_keras_to_the_end(fit):
    """With the numbers of NumPy that come after it."""
    histories(FITS[fit])


def test_a_seed_of_its_own_leaves_numpy_alone():
    model = kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    np.random.seed(3)
    first = np.random.rand()
    np.random.seed(3)
    model.fit(X, Y, epochs=3, verbose=0, seed=1)
    assert np.random.rand() == first


def test_a_run_that_is_taken_up_goes_on_in_its_order(tmp_path):
    def run(epochs):
        kerata.utils.set_random_seed(5)
        model = kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(1)])
        model.compile("sgd", "mse")
        back = kerata.callbacks.BackupAndRestore(tmp_path / "backup", delete_checkpoint=False)
        return model.fit(X, Y, epochs=epochs, batch_size=8, verbose=0, callbacks=[back]).history["loss"]

    first = run(2)
    rest = run(5)
    kerata.utils.set_random_seed(5)
    model = kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    whole = model.fit(X, Y, epochs=5, batch_size=8, verbose=0).history["loss"]
    np.testing.assert_allclose(first + rest[-3:], whole, rtol=1e-5)


def test_keys_of_any_size():
    for key in ((1, 0), (2**32 - 1, 2**32 - 1), (0, 0)):
        wanted = jax.random.normal(jax.random.wrap_key_data(np.array(key, np.uint32)), (3, 70_000))
        found = threefry.normal(key, (3, 70_000), 0.0, 1.0, np.dtype("float32"))
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)


def test_another_law():
    class Fixed(Law):
        def default_key(self):
            return 42, 0

    obey(Fixed())
    try:
        found = kerata.initializers.GlorotUniform()((3, 2))
    finally:
        obey(Law())
    np.testing.assert_array_equal(found, kerata.initializers.GlorotUniform(seed=42)((3, 2)))
