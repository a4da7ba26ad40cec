"""What models of the eras show of the functions that train them; by the source of Keras 2.3.1 and of tf_keras 2.21."""

import numpy as np
import pytest

import kerata
from kerata.legacy import keras1, keras2, keras22, tfkeras2

X = np.arange(30, dtype="float32").reshape(10, 3) / 30
Y = X[:, :1]
ERAS = {"keras1": keras1, "keras22": keras22, "keras2": keras2, "tfkeras2": tfkeras2}


def dense(tree, **kwargs):
    model = tree.models.Sequential([tree.layers.Dense(1, input_shape=(3,), **kwargs)])
    model.compile(tree.optimizers.SGD(0.1), "mse")
    return model


@pytest.mark.parametrize("era", list(ERAS))
def test_the_function_of_a_step_is_there_after_the_first_fit(era):
    model = dense(ERAS[era])
    assert model.train_function is None and model.test_function is None and model.predict_function is None
    model.fit(X, Y, verbose=0)
    assert callable(model.train_function) and model.test_function is None
    model.evaluate(X, Y, verbose=0)
    model.predict(X)
    assert callable(model.test_function) and callable(model.predict_function)
    # What forces programs of then to make it anew.
    model.train_function = None
    assert model.train_function is None
    model.compile("sgd", "mse")
    assert model.test_function is None


@pytest.mark.parametrize("era", ["keras1", "keras22", "keras2"])
def test_it_takes_inputs_targets_weights_and_the_phase(era):
    model = dense(ERAS[era])
    model._make_train_function()
    model._make_test_function()
    model._make_predict_function()
    kernel, bias = model.get_weights()
    error = (X @ kernel + bias - Y).astype("float64")
    weights = np.arange(1.0, 11.0)
    np.testing.assert_allclose(model.test_function([X, Y, weights, 0.0]), [(error[:, 0] ** 2 * weights).mean()], rtol=1e-5)
    np.testing.assert_allclose(model.predict_function([X, 0.0])[0], X @ kernel + bias, rtol=1e-5)
    np.testing.assert_allclose(model.train_function([X, Y, np.ones(10), 1.0]), [(error**2).mean()], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], kernel - 0.1 * 2 * X.T @ error / 10, rtol=1e-4)


def test_it_takes_an_iterator_in_tf_keras():
    model = dense(tfkeras2, kernel_initializer="ones")
    model._make_test_function()
    np.testing.assert_allclose(model.test_function(iter([(X, Y)]))["loss"], 1.3300000429153442, rtol=1e-5)


def test_the_weights_that_are_trained_are_those_of_compile():
    model = dense(keras22)
    assert [w.shape for w in model._collected_trainable_weights] == [(3, 1), (1,)]
    model.layers[0].trainable = False
    assert len(model._collected_trainable_weights) == 2
    with pytest.warns(UserWarning, match="Discrepancy"):
        model._check_trainable_weights_consistency()
    model.compile("sgd", "mse")
    assert model._collected_trainable_weights == []


@pytest.mark.parametrize("era", list(ERAS))
def test_it_cannot_be_replaced_and_says_so(era):
    """`Lookahead.inject(model)` of the time puts a function of its own there; `fit` would pass it over."""
    model = dense(ERAS[era])
    model.train_function = held = lambda inputs: [0.0]
    model._make_train_function()
    assert model.train_function is held
    for call in (model.fit, model.train_on_batch):
        with pytest.raises(NotImplementedError, match=r"`train_function` cannot be replaced.*on_batch_end"):
            call(X, Y)
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)
    assert not hasattr(model, "metrics_tensors")
    with pytest.raises(AttributeError, match=r"`metrics_updates`.*on_batch_end"):
        model.metrics_updates  # noqa: B018


@pytest.mark.parametrize("tree", [tfkeras2, kerata])
def test_functions_of_its_own_are_refused(tree):
    class Own(tree.models.Sequential):
        def make_train_function(self, force=False):
            return lambda iterator: {"loss": 7.0}

        def make_predict_function(self, force=False):
            return lambda iterator: next(iterator)

    model = Own([tree.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match=r"make_train_function\(\) of its own .* train_step\(\)"):
        model.fit(X, Y, verbose=0)
    with pytest.raises(NotImplementedError, match=r"make_predict_function\(\) of its own .* predict_step\(\)"):
        model.predict(X, verbose=0)
    model.evaluate(X, Y, verbose=0)
