"""Variables that a program reads and no model holds: whoever sets them, the compiled program follows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kerata
from kerata.engine.program import counts
from kerata.legacy import keras2, tfkeras2
from kerata.legacy.tensorflow.names import build

K = keras2.backend
X = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 2.0]], "float32")
Y = np.zeros((3, 1), "float32")
# The sums of the rows, squared: what an error is for weights of one.
ERROR = np.mean([4.0, 1.0, 4.0])


def summing(tree=keras2, *more):
    dense = tree.layers.Dense(1, kernel_initializer="ones", use_bias=False, input_dim=2)
    return tree.models.Sequential([dense, *more])


class Anneal(keras2.callbacks.Callback):
    """Sets a variable to the number of the epoch, counted from 1."""

    def __init__(self, variable, on="on_epoch_begin"):
        super().__init__()
        self.variable = variable
        setattr(self, on, lambda epoch, logs=None: K.set_value(variable, epoch + 1.0))


def test_a_loss_follows_a_variable_in_all_that_runs_it():
    weight = K.variable(1.0)
    model = summing()
    model.compile(
        keras2.optimizers.SGD(lr=0.0), lambda t, p: K.mean(K.square(p - t), -1) * weight, metrics=[lambda t, p: weight]
    )
    history = model.fit(X, Y, epochs=3, batch_size=2, verbose=0, callbacks=[Anneal(weight)], validation_data=(X, Y)).history
    np.testing.assert_allclose(history["loss"], [ERROR, 2 * ERROR, 3 * ERROR], rtol=1e-6)
    np.testing.assert_allclose(history["val_loss"], history["loss"], rtol=1e-6)
    measure = next(name for name in history if "loss" not in name and "val" not in name)
    assert history[measure] == [1.0, 2.0, 3.0]
    for value in (5.0, 0.5):
        K.set_value(weight, value)
        for found in (model.evaluate(X, Y, verbose=0), model.train_on_batch(X, Y), model.test_on_batch(X, Y)):
            np.testing.assert_allclose(found, [value * ERROR, value], rtol=1e-6)


def test_batches_follow_what_a_callback_sets_between_them():
    weight = K.variable(0.0)
    model = summing()
    model.compile(keras2.optimizers.SGD(lr=0.0), lambda t, p: K.mean(K.square(p - t), -1) * weight)
    history = model.fit(X, Y, batch_size=1, shuffle=False, verbose=0, callbacks=[Anneal(weight, "on_batch_begin")]).history
    np.testing.assert_allclose(history["loss"], [(4 * 1 + 1 * 2 + 4 * 3) / 3], rtol=1e-6)


def test_gradients_follow():
    weight = K.variable(1.0)
    model = summing()
    model.compile(keras2.optimizers.SGD(lr=0.1), lambda t, p: K.sum(p, -1) * weight)
    for value in (1.0, -2.0):
        K.set_value(weight, value)
        model.set_weights([np.ones((2, 1))])
        model.train_on_batch(X, Y)
        np.testing.assert_allclose(model.get_weights()[0], 1 - 0.1 * value * X.mean(0)[:, None], rtol=1e-5)


PARTS = {
    "lambda": lambda v: summing(keras2, keras2.layers.Lambda(lambda x: x * v)),
    "regularizer": lambda v: keras2.models.Sequential(
        [keras2.layers.Dense(1, kernel_initializer="zeros", input_dim=2, kernel_regularizer=lambda w: v * (1 + K.sum(w)))]
    ),
    "layer": lambda v: summing(keras2, own_layer(v)),
}


def own_layer(variable):
    class Scaled(keras2.layers.Layer):
        def call(self, x):
            return x * variables[0]

    variables = [variable]
    return Scaled()


@pytest.mark.parametrize("part", list(PARTS))
def test_parts_of_a_model_follow(part):
    variable = K.variable(1.0)
    model = PARTS[part](variable)
    model.compile("sgd", "mae")
    found = [(K.set_value(variable, value), model.evaluate(X, Y, verbose=0))[1] for value in (1.0, 3.0)]
    np.testing.assert_allclose(found[1], 3 * found[0], rtol=1e-6)
    if part != "regularizer":
        before = [(K.set_value(variable, value), model.predict(X))[1] for value in (1.0, 3.0)]
        np.testing.assert_allclose(before[1], 3 * before[0])


def test_a_function_of_k_follows():
    variable, x = K.variable(1.0), keras2.layers.Input((2,))
    function = K.function([x], [keras2.layers.Lambda(lambda t: t + variable)(x)])
    for value in (1.0, 2.0):
        K.set_value(variable, value)
        np.testing.assert_allclose(function([X])[0], X + value)


def test_numbers_of_python_make_the_program_anew():
    variable = K.variable(1.0)
    model = summing()
    model.compile("sgd", lambda t, p: K.mean(K.square(p - t), -1) * (2.0 if float(variable) > 1.5 else 1.0))
    for value, factor in ((1.0, 1), (2.0, 2), (1.0, 1)):
        K.set_value(variable, value)
        np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), factor * ERROR, rtol=1e-6)


def test_what_a_variable_holds_decides_nothing_about_padded_rows():
    # With 0 a row that only fills the batch up would add nothing.
    variable = K.variable(0.0)
    model = summing()
    model.compile("sgd", lambda t, p: K.sum(K.abs(p - p) + variable))
    for value in (0.0, 1.0):
        K.set_value(variable, value)
        np.testing.assert_allclose(model.evaluate(X, Y, batch_size=2, verbose=0), value * (2 * 2 + 1) / 3, rtol=1e-6)


def test_variables_of_tensorflow_and_of_today_are_followed_too():
    tf = build("tfkeras2")[""]
    theirs, ours = tf.Variable(1.0), kerata.Variable(1.0)
    old = summing(tfkeras2)
    old.compile("sgd", lambda t, p: tf.reduce_mean(tf.square(p - t), -1) * theirs)
    new = summing(kerata)
    new.compile("sgd", lambda t, p: jnp.mean(jnp.square(p - t), -1) * ours)
    for value in (1.0, 4.0):
        theirs.assign(value)
        ours.assign(value)
        np.testing.assert_allclose(old.evaluate(X, Y, verbose=0), value * ERROR, rtol=1e-6)
        np.testing.assert_allclose(new.evaluate(X, Y, verbose=0), value * ERROR, rtol=1e-6)


def test_metrics_of_weights_and_of_the_optimizer_are_those_of_the_step():
    model = summing()
    model.compile(
        keras2.optimizers.SGD(lr=0.1),
        "mse",
        metrics=[lambda t, p: K.sum(model.layers[0].kernel), lambda t, p: model.optimizer.lr],
    )
    before = model.optimizer.iterations
    history = model.fit(X, Y, epochs=3, batch_size=3, verbose=0, callbacks=[Rate()]).history
    norms, rates = ([*history.values()][place] for place in ([i for i, n in enumerate(history) if n.startswith("<lambda>")]))
    w, expected = np.ones((2, 1)), []
    for epoch in range(3):
        w = w - 0.1 / (epoch + 1) * 2 / 3 * X.T @ (X @ w)
        expected.append(w.sum())
    np.testing.assert_allclose(norms, expected, rtol=1e-5)
    np.testing.assert_allclose(rates, [0.1, 0.05, 0.1 / 3], rtol=1e-6)
    assert int(before) == 3


class Rate(keras2.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        K.set_value(self.model.optimizer.lr, 0.1 / (epoch + 1))


def test_it_costs_one_more_trace_and_no_more_programs():
    variable = K.variable(1.0)
    model = summing()
    model.compile("sgd", lambda t, p: K.mean(K.square(p - t), -1) * variable)
    model.train_on_batch(X, Y)
    before = dict(counts)
    for value in (2.0, 3.0):
        K.set_value(variable, value)
        model.train_on_batch(X, Y)
    assert counts == before
    plain = summing()
    plain.compile("sgd", lambda t, p: K.mean(K.square(p - t), -1) * 1.5)
    plain.train_on_batch(X, Y)
    assert counts["traced"] == before["traced"] + 1


def test_what_code_takes_as_numbers_is_followed_too():
    variable = kerata.Variable([1.0, 2.0, 3.0])
    other = summing(kerata)
    model = summing(kerata)
    losses = {
        "numpy": lambda t, p: jnp.mean(jnp.square(p - t), -1) * variable.numpy().sum(),
        "get_weights": lambda t, p: jnp.mean(jnp.square(p - t), -1) * other.get_weights()[0].sum(),
    }
    for name, loss in losses.items():
        model.compile("sgd", loss)
        for value, numbers in ((6.0, [1.0, 2.0, 3.0]), (1.0, [0.5, 0.5, 0.0])):
            variable.assign(numbers)
            other.set_weights([np.full((2, 1), value / 2)])
            np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), value * ERROR, rtol=1e-6, err_msg=name)


def test_only_what_is_wanted_as_a_number_makes_the_program_anew():
    number, factor = kerata.Variable(np.ones((2, 2))), kerata.Variable(0.0)
    model = summing(kerata)
    model.compile(
        kerata.optimizers.SGD(0.0), lambda t, p: jnp.mean(jnp.square(p - t), -1) * (factor + float(number.numpy().sum()))
    )
    setting = kerata.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: factor.assign(float(epoch)))
    model.fit(X, Y, batch_size=3, verbose=0, callbacks=[setting])
    before = counts["traced"]
    history = model.fit(X, Y, epochs=4, batch_size=3, verbose=0, callbacks=[setting]).history
    np.testing.assert_allclose(history["loss"], [ERROR * (4 + epoch) for epoch in range(4)], rtol=1e-6)
    assert counts["traced"] == before


def test_what_a_loss_gives_a_variable_ends_with_the_batch_and_others_may_set_it():
    variable = kerata.Variable(1.0)

    def halving(t, p):
        variable.assign(variable * 0.5)
        return jnp.mean(jnp.square(p - t), -1) * variable

    model = summing(kerata)
    model.compile(kerata.optimizers.SGD(0.0), halving)
    for value in (1.0, 8.0):
        variable.assign(value)
        history = model.fit(X, Y, epochs=2, batch_size=3, verbose=0).history
        np.testing.assert_allclose(history["loss"], [ERROR * value / 2] * 2, rtol=1e-6)
        assert float(variable) == value


def test_many_models_side_by_side_follow():
    variable = kerata.Variable(1.0)
    model = summing(kerata)
    model.compile(kerata.optimizers.SGD(0.1), lambda t, p: jnp.mean(jnp.square(p - t), -1) * variable)
    first = model.lr_find(X, Y).suggestion
    variable.assign(4.0)
    np.testing.assert_allclose(model.lr_find(X, Y).suggestion, first / 4, rtol=0.5)


def test_a_function_that_jax_keeps_says_so():
    variable = kerata.Variable(1.0)
    kept = jax.jit(lambda t, p: jnp.mean(jnp.square(p - t), -1) * variable.value)
    model = summing(kerata)
    model.compile("sgd", kept)
    with pytest.warns(UserWarning, match="it stays what it is now"):
        model.evaluate(X, Y, batch_size=2, verbose=0)


@pytest.mark.parametrize("way", ["set_weights", "an optimizer's", "reset", "assign"])
def test_what_is_set_stays_on_the_host(way):
    """What is set stays on the host until a program takes it over, which then may write where it stands without a copy."""
    model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(3)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((4, 2)), np.ones((4, 3)), verbose=0)
    variables = model.variables
    if way == "set_weights":
        model.set_weights(model.get_weights())
    elif way == "an optimizer's":
        variables = model.optimizer.variables
        model.optimizer.set_weights([variable.numpy() for variable in variables])
    elif way == "assign":
        given = [variable.assign(variable.numpy()) for variable in variables]
        assert all(isinstance(one, jax.Array) for one in given)
    else:
        variables = [variable for metric in model.metrics for variable in metric.variables]
        model.reset_metrics()
    assert [variable.path for variable in variables if not isinstance(getattr(variable, "_value", X), np.ndarray)] == []


def test_what_is_assigned_comes_back():
    variable = kerata.Variable([1.0, 2.0])
    assert variable.assign([3.0, 4.0]).tolist() == [3.0, 4.0]
    assert variable.assign_add([1.0, 1.0]).tolist() == variable.numpy().tolist() == [4.0, 5.0]
