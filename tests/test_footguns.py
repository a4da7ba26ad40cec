"""Surprises of compiled programs: what a person would expect, and that it is so."""

import functools

import jax
import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.engine.hyper import Hyperparameter

X = np.random.default_rng(0).normal(size=(10, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def make(*parts, loss="mse", **arguments):
    """A model of three features that predicts 0 at first."""
    model = kerata.Sequential([kerata.Input((3,)), *parts, layers.Dense(1, kernel_initializer="zeros")])
    model.compile(arguments.pop("optimizer", "sgd"), loss, **arguments)
    return model


def squares_about(center):
    return lambda y_true, y_pred: (y_pred - center) ** 2


LOSSES = {
    "mse": np.mean(Y**2),
    "mae": np.mean(np.abs(Y)),
    squares_about(1.0): 1.0,
    squares_about(2.0): 4.0,
    kerata.losses.Huber(delta=0.5): np.mean(np.where(np.abs(Y) < 0.5, Y**2 / 2, 0.5 * np.abs(Y) - 0.125)),
}


@pytest.mark.parametrize("run", ["fit", "evaluate", "train_on_batch"])
def test_models_that_differ_in_the_loss_alone_share_no_program(run):
    """Programs are found again by structure, and the loss is part of it; so is what a loss of one's own closes over."""
    actions = {
        "fit": lambda m: m.fit(X, Y, verbose=0).history["loss"][0],
        "evaluate": lambda m: m.evaluate(X, Y, verbose=0),
        "train_on_batch": lambda m: m.train_on_batch(X, Y),
    }
    for loss, expected in LOSSES.items():
        np.testing.assert_allclose(actions[run](make(loss=loss)), expected, rtol=1e-5)


class Own(layers.Layer):
    """A layer of a user's own: `function(self, inputs)`, with one weight that training leaves alone."""

    def __init__(self, function, **arguments):
        super().__init__(**arguments)
        self.function, self.python_calls, self.factor = function, 0, 1.0

    def build(self, input_shape):
        self.seen = self.add_weight((), "zeros", trainable=False, name="seen")

    def call(self, inputs):
        self.python_calls += 1
        return self.function(self, inputs)


def fit(model, **arguments):
    return model.fit(X, Y, **{"verbose": 0, "batch_size": 4, "shuffle": False, **arguments})


# What a program holds, and what it reads anew


def test_python_runs_once_and_variables_run_every_time():
    """A counter of Python counts how often the layer was traced; a weight counts batches, in inference as well."""

    def count(self, x):
        self.seen.assign_add(1.0)
        return x

    layer = Own(count)
    model = make(layer)
    fit(model, epochs=5)
    assert float(layer.seen) == 15
    traced = layer.python_calls
    fit(model, epochs=5)
    assert float(layer.seen) == 30 and layer.python_calls == traced < 15
    model.evaluate(X, Y, batch_size=4, verbose=0)
    assert float(layer.seen) == 33
    model.predict(X, batch_size=4, verbose=0)
    assert float(layer.seen) == 36


def test_random_numbers_of_numpy_are_drawn_once_and_ours_in_every_step():
    """`numpy.random` inside of `call` is a constant of the program."""
    batch = np.ones((2, 3), "float32")
    frozen = make(Own(lambda self, x: x + np.random.rand()))
    frozen.layers[-1].set_weights([np.ones((3, 1)), np.zeros(1)])
    np.testing.assert_array_equal(frozen.predict(batch, verbose=0), frozen.predict(batch, verbose=0))
    dropped = make(layers.Dropout(0.5), optimizer=kerata.optimizers.SGD(0.0))
    dropped.layers[-1].set_weights([np.ones((3, 1)), np.zeros(1)])
    assert len({dropped.train_on_batch(X, Y) for _ in range(5)}) == 5


def test_a_plain_attribute_is_a_constant_until_compile():
    """As in Keras on JAX. What should be changed between runs is a weight or a hyperparameter."""
    layer = Own(lambda self, x: x * self.factor)
    model = make(layer)
    model.layers[-1].set_weights([np.ones((3, 1)), np.zeros(1)])
    assert model.evaluate(X, Y, verbose=0) < 1e-6
    layer.factor = 0.0
    assert model.evaluate(X, Y, verbose=0) < 1e-6
    model.compile("sgd", "mse")
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), np.mean(Y**2), rtol=1e-5)


def test_data_changed_in_place_is_seen():
    x = X.copy()
    model = make()
    model.fit(x, Y, verbose=0)
    x[:] = 0.0
    before = model.get_weights()[0]
    model.fit(x, Y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before)
    assert not np.array_equal(before, np.zeros((3, 1)))


def test_weights_set_between_runs_are_used():
    model = make(optimizer=kerata.optimizers.SGD(0.0))
    fit(model), model.evaluate(X, Y, verbose=0), model.predict(X, verbose=0)
    model.layers[-1].set_weights([np.ones((3, 1)), np.zeros(1)])
    assert model.evaluate(X, Y, verbose=0) < 1e-6 and fit(model).history["loss"][0] < 1e-6
    np.testing.assert_allclose(model.predict(X, verbose=0), Y, rtol=1e-4, atol=1e-5)


def test_freezing_between_runs_needs_no_compile():
    model = make(layers.Dense(2))
    fit(model)
    model.layers[0].trainable = False
    before = model.layers[0].get_weights()
    fit(model)
    np.testing.assert_array_equal(model.layers[0].get_weights()[0], before[0])


def test_a_layer_added_after_predict_is_there():
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(4)])
    assert model.predict(X, verbose=0).shape == (10, 4)
    model.add(layers.Dense(2))
    assert model.predict(X, verbose=0).shape == (10, 2)


def test_models_of_one_structure_keep_their_weights_apart():
    """They run one program, on weights of their own."""
    first, second = make(), make()
    fit(first, epochs=3)
    np.testing.assert_array_equal(second.get_weights()[0], np.zeros((3, 1)))


# What a person holds


def test_arrays_taken_before_training_stay_readable():
    """A program takes the memory of the weights over, but not of those that someone has looked at."""
    model = make(layers.Dense(2, kernel_initializer="ones"))
    kernel, copies = model.layers[0].kernel.value, model.get_weights()
    for _ in range(3):
        fit(model)
    assert float(kernel.sum()) == 6.0 and float(copies[0].sum()) == 6.0
    assert not np.array_equal(model.layers[0].kernel.numpy(), np.asarray(kernel))


def test_logs_and_history_are_plain_numbers():
    """They can be written to a file at once, and hold no memory of the device."""
    kinds = []
    watcher = kerata.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: kinds.append(type(logs["loss"])))
    history = fit(make(), callbacks=[watcher]).history
    assert set(kinds) == {float} and type(history["loss"][0]) is float


def test_a_callback_sees_and_sets_the_weights_of_its_batch():
    seen = []

    class Watch(kerata.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.get_weights()[0].copy())
            if batch == 1:
                self.model.set_weights([np.ones((3, 1)), np.zeros(1)])
                self.model.optimizer.learning_rate = 0.0

    model = make()
    fit(model, callbacks=[Watch()])
    assert not np.array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[2], np.ones((3, 1)))


# Numbers


def test_rows_that_fill_the_last_batch_up_reach_no_gradient():
    """sqrt has an infinite slope at 0, and 0 times infinity is NaN: filled rows must be like real ones."""
    inputs = kerata.Input((3,))
    hidden = kerata.ops.sqrt(layers.Dense(4, activation="relu", kernel_initializer="ones")(kerata.ops.absolute(inputs)))
    model = kerata.Model(inputs, layers.Dense(1)(hidden))
    model.compile("sgd", "mse")
    fit(model, epochs=2)
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_a_smaller_last_batch_counts_by_its_samples():
    errors = (Y**2).ravel()
    np.testing.assert_allclose(make().evaluate(X, Y, batch_size=7, verbose=0), errors.mean(), rtol=1e-5)
    np.testing.assert_allclose(make().evaluate(X, Y, batch_size=64, verbose=0), errors.mean(), rtol=1e-5)


def test_double_precision_comes_out_single():
    """Arrays of float64 are computed in `floatx()`, in `predict` and in a direct call."""
    model = make()
    assert model.predict(X.astype("float64"), verbose=0).dtype == model(X.astype("float64")).dtype == np.float32


def test_numbers_of_python_keep_half_precision_half():
    layer = Own(lambda self, x: x * 2.0 + np.pi, dtype="mixed_bfloat16")
    assert layer(X).dtype == "bfloat16"


def test_losses_that_ignore_the_targets_or_the_predictions():
    np.testing.assert_allclose(make(loss=lambda y_true, y_pred: y_true * 0.0 + 3.0).evaluate(X, Y, verbose=0), 3.0)
    model = make(loss=lambda y_true, y_pred: y_true**2)
    before = model.get_weights()
    fit(model)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


# What cannot be


def assign_in_a_loop(self, x):
    def step(carry, _):
        self.seen.assign_add(1.0)
        return carry, None

    return jax.lax.scan(step, x, None, length=3)[0]


def keep_what_is_traced(self, x):
    self.kept = x
    return x


REFUSED = [
    (lambda self, x: x * self.seen.numpy(), RuntimeError, r"Variable \(.*seen\): inside a program a variable has no numbers"),
    (assign_in_a_loop, RuntimeError, r"Variable \(.*seen\): a variable cannot be changed from inside a loop.*Carry its value"),
    (lambda self, x: x if x.sum() > 0 else -x, jax.errors.TracerBoolConversionError, r"Own \(mine\)"),
    (lambda self, x: np.tanh(x), jax.errors.TracerArrayConversionError, r"Own \(mine\)"),
    (lambda self, x: x[x > 0], jax.errors.NonConcreteBooleanIndexError, r"Own \(mine\)"),
    (lambda self, x: x + np.ones(4), (TypeError, ValueError), r"(?s)ncompatible shapes.*Own \(mine\).*\(None, 3\)"),
]


@pytest.mark.parametrize(("function", "kind", "text"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
def test_what_cannot_be_compiled_is_refused_and_the_layer_is_named(function, kind, text):
    with pytest.raises(kind, match=text):
        fit(make(Own(function, name="mine")))


def test_what_a_layer_kept_of_a_program_says_so():
    layer = Own(keep_what_is_traced)
    fit(make(layer))
    with pytest.raises(jax.errors.UnexpectedTracerError, match="escape"):
        np.asarray(layer.kept + 1)


def test_a_hyperparameter_that_is_a_value_is_no_condition():
    class Switch(layers.Layer):
        rate = Hyperparameter(low=0.0)

        def __init__(self, rate, **arguments):
            super().__init__(**arguments)
            self.rate = rate

        def call(self, inputs):
            return inputs if self.rate > 0 else -inputs

    with pytest.raises(jax.errors.TracerBoolConversionError, match=r"Switch \(switch\)"):
        fit(make(Switch(0.5)))


def test_decorated_functions_are_not_what_they_decorate():
    """A decorator hands on the name of the function inside, which says nothing of what it does."""

    def scaled(factor, function):
        @functools.wraps(function)
        def call(*arguments):
            return factor * function(*arguments)

        return call

    for factor in (1.0, 10.0):
        for function in (kerata.activations.relu, jax.nn.silu, jax.vmap(jax.nn.relu)):
            layer = kerata.layers.Dense(1, activation=scaled(factor, function), kernel_initializer="ones")
            model = kerata.Sequential([kerata.Input((3,)), layer])
            x = np.ones((1, 3), "float32")
            expected = factor * function(np.full((1, 1), 3.0, "float32"))
            np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
        model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Identity()])
        model.compile("sgd", scaled(factor, kerata.losses.mean_absolute_error))
        assert model.evaluate(np.ones((2, 1)), np.zeros((2, 1)), verbose=0) == factor
