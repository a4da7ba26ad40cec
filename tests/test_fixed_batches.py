"""Models whose batches have one size: what states are kept, and that no row is added."""

import numpy as np
import pytest

import kerata
from kerata import layers

X = np.random.default_rng(0).normal(size=(9, 2, 2)).astype("float32")


def stateful(kind=layers.LSTM):
    layer = kind(2, return_sequences=True, stateful=True)
    return kerata.Sequential([kerata.Input((2, 2), batch_size=3), layer])


def by_hand(model, x):
    """Batch by batch, the states handed on."""
    free = layers.LSTM(2, return_sequences=True, return_state=True)
    free.build((3, 2, 2))
    free.set_weights(model.get_weights())
    outputs, states = [], None
    for start in range(0, len(x), 3):
        output, *states = free(x[start : start + 3], initial_state=states)
        outputs.append(np.asarray(output))
    return np.concatenate(outputs)


def test_states_go_from_batch_to_batch_in_every_method():
    model = stateful()
    np.testing.assert_allclose(model.predict(X, batch_size=3, verbose=0), by_hand(model, X), atol=1e-6)
    model.layers[0].reset_state()
    np.testing.assert_allclose(
        [model.predict_on_batch(X[i : i + 3]) for i in (0, 3, 6)], by_hand(model, X).reshape(3, 3, 2, 2), atol=1e-6
    )
    model.compile(kerata.optimizers.SGD(0.0), "mse")
    right = np.mean((by_hand(model, X) - X) ** 2)
    for measure in (
        lambda: model.evaluate(X, X, batch_size=3, verbose=0),
        lambda: model.fit(X, X, batch_size=3, shuffle=False, verbose=0).history["loss"][0],
        lambda: np.mean([model.test_on_batch(X[i : i + 3], X[i : i + 3]) for i in (0, 3, 6)]),
        lambda: np.mean([model.train_on_batch(X[i : i + 3], X[i : i + 3]) for i in (0, 3, 6)]),
    ):
        model.layers[0].reset_state()
        assert measure() == pytest.approx(right, rel=1e-5)


@pytest.mark.parametrize("size", [3, 5])
def test_a_batch_of_a_fixed_size_gets_no_more_rows(size):
    start = kerata.Input((2,), batch_size=size)
    model = kerata.Model(start, kerata.ops.reshape(start, (size, 2)) + kerata.ops.arange(size, dtype="float32")[:, None])
    right = X[:size, 0] + np.arange(size)[:, None]
    np.testing.assert_allclose(model.predict_on_batch(X[:size, 0]), right, rtol=1e-6)
    np.testing.assert_allclose(model.predict(X[:size, 0], verbose=0), right, rtol=1e-6)
