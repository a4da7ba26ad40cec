"""Generators of random numbers: their states are a layer's variables, and no two draws are equal."""

import keras
import numpy as np
import pytest

import kerata

X = np.ones((6, 3), "float32")


def noisy(library):
    class Noise(library.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.generator = library.random.SeedGenerator(7)

        def call(self, x):
            draws = [library.random.normal((2, 1), seed=self.generator) for _ in range(2)]
            return library.ops.concatenate(draws, -1) + 0 * x[:, :1]

    return library.Sequential([library.Input((3,), batch_size=2), Noise()])


def test_draws_differ_within_a_call_and_between_calls():
    model = noisy(kerata)
    first, second = (model.predict(X, batch_size=2, verbose=0) for _ in range(2))
    assert len(np.unique(np.concatenate([first, second]))) == 24
    model.compile("sgd", "mse")
    assert len({model.evaluate(X, X[:, :2], batch_size=2, verbose=0) for _ in range(4)}) == 4
    assert len({model.evaluate(X[:2], X[:2, :2], batch_size=2, verbose=0) for _ in range(4)}) == 4


def test_states_are_variables_that_count_as_in_keras():
    found = []
    for library in (kerata, keras):
        model = noisy(library)
        model.predict(X, batch_size=2, verbose=0)
        model.predict(X, batch_size=2, verbose=0)
        _, frozen = model.stateless_call(model.trainable_variables, model.non_trainable_variables, X[:2])
        state = model.layers[-1].generator.state
        found.append(
            (
                [v.name for v in model.variables],
                [v.name for v in model.non_trainable_variables],
                len(model.weights),
                np.asarray(state).tolist(),
                np.asarray(frozen[0]).tolist(),
            )
        )
    assert found[0] == found[1]


def test_the_order_of_variables_is_that_of_keras():
    def names(library):
        return [
            v.name
            for v in library.Sequential(
                [
                    library.Input((3,)),
                    library.layers.Dense(2),
                    library.layers.Dropout(0.5),
                    library.layers.BatchNormalization(),
                    library.layers.GaussianNoise(0.1),
                    library.layers.Dense(1),
                ]
            ).variables
        ]

    assert names(kerata) == names(keras)


@pytest.mark.parametrize(
    "layer",
    [lambda: kerata.layers.Dropout(0.5), lambda: kerata.layers.LSTM(3, dropout=0.5, recurrent_dropout=0.5)],
    ids=["Dropout", "LSTM"],
)
def test_dropout_that_is_asked_for_in_predictions(layer):
    i = kerata.Input((4, 2))
    model = kerata.Model(i, layer()(i, training=True))
    x = np.ones((50, 4, 2), "float32")
    first, second = (model.predict(x, batch_size=64, verbose=0) for _ in range(2))
    assert (first != second).any()


def test_draws_repeat_under_a_seed():
    def draws():
        kerata.utils.set_random_seed(3)
        i = kerata.Input((4,))
        model = kerata.Model(i, kerata.layers.Dropout(0.5)(i, training=True))
        x = np.ones((8, 4), "float32")
        return [model.predict(x, verbose=0) for _ in range(2)] + [np.asarray(kerata.random.normal((3,)))]

    for a, b in zip(draws(), draws(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_draw_that_names_no_generator_differs_from_call_to_call():
    class Noise(kerata.layers.Layer):
        def call(self, x):
            return x + kerata.random.normal((2, 3))

    model = kerata.Sequential([kerata.Input((3,), batch_size=2), Noise()])
    first, second = (model.predict(X[:2], verbose=0) for _ in range(2))
    assert (first != second).all()


@pytest.mark.parametrize(("writer", "reader"), [(kerata, keras), (keras, kerata)])
def test_files_of_models_with_generators_go_both_ways(writer, reader, tmp_path):
    model = writer.Sequential([writer.Input((3,)), writer.layers.Dense(2), writer.layers.Dropout(0.5, seed=5)])
    model.compile("adam", "mse")
    model.fit(X, X[:, :2], verbose=0)
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    back = reader.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(back.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5)
    back.load_weights(tmp_path / "m.weights.h5")
    # Neither library's files hold the states of generators.
    assert np.asarray(back.variables[-1]).tolist() == [5, 0]
