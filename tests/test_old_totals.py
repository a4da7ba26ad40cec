"""What compiled models of Keras 1 and 2 showed of their training: total loss, targets, sample weights, gradients."""

import numpy as np
import pytest

from kerata.legacy import keras1, keras2, keras22, tfkeras2

ERAS = {"keras1": keras1, "keras22": keras22, "keras2": keras2, "tfkeras2": tfkeras2}
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)).astype("float32"), RNG.normal(size=(6, 2)).astype("float32")


@pytest.mark.parametrize("era", list(ERAS))
def test_the_norm_of_the_gradients_of_the_total_loss(era):
    """The recipe of the time; the loss is mean((x @ k + b - y)**2) + 0.01 * sum(k**2)."""
    keras = ERAS[era]
    K, L = keras.backend, keras.layers
    rule = {"W_regularizer" if era == "keras1" else "kernel_regularizer": "l2"}
    model = keras.models.Sequential([L.Dense(2, input_dim=3, **rule)])
    model.compile("sgd", "mse")
    weights = model.trainable_weights
    gradients = model.optimizer.get_gradients(model.total_loss, weights)
    norm = K.sqrt(sum(K.sum(K.square(one)) for one in gradients))
    inputs = model.inputs + model.targets + model.sample_weights + [K.learning_phase()]
    loss, found = K.function(inputs, [model.total_loss, norm])([X, Y, np.ones(6), 0])
    kernel, bias = (np.asarray(w, "float64") for w in model.get_weights())
    error = X @ kernel + bias - Y
    by_hand = 2 / error.size * X.T @ error + 0.02 * kernel, 2 / error.size * error.sum(0)
    np.testing.assert_allclose(loss, (error**2).mean() + 0.01 * (kernel**2).sum(), rtol=1e-5)
    np.testing.assert_allclose(found, np.sqrt(sum((one**2).sum() for one in by_hand)), rtol=1e-5)
    # And as the private lists had it, with weights of samples.
    function = K.function(model._feed_inputs + model._feed_targets + model._feed_sample_weights, [model.total_loss])
    shares = np.arange(1.0, 7.0)
    expected = ((error**2).mean(1) * shares).mean() + 0.01 * (kernel**2).sum()
    np.testing.assert_allclose(function([X, Y, shares])[0], expected, rtol=1e-5)


def test_several_outputs_what_layers_add_and_what_the_phase_changes():
    L, K = keras2.layers, keras2.backend
    x = L.Input((3,))
    hidden = L.Dropout(0.5)(L.Dense(4, activity_regularizer="l2")(x))
    outputs = [L.Dense(2, activation="softmax", name="a")(hidden), L.Dense(1, name="b")(hidden), L.Dense(1, name="c")(hidden)]
    model = keras2.models.Model(x, outputs)
    with pytest.raises(AttributeError, match="total_loss"):
        model.total_loss  # noqa: B018
    losses = {"a": "sparse_categorical_crossentropy", "b": "mae"}
    model.compile("adam", losses, loss_weights={"a": 1.0, "b": 0.5})
    classes, numbers = RNG.integers(0, 2, size=(6, 1)), Y[:, :1]
    assert [None if one is None else one.shape for one in model.targets] == [(None, 1), (None, 1), None]
    assert len(model.sample_weights) == 2
    inputs = model.inputs + model._feed_targets + model.sample_weights + [K.learning_phase()]
    function = K.function(inputs, [model.total_loss])
    data = [X, classes, numbers, np.ones(6), np.ones(6)]
    told = model.evaluate(X, {"a": classes, "b": numbers}, verbose=0)[0]
    np.testing.assert_allclose(function([*data, 0])[0], told, rtol=1e-5)
    assert abs(function([*data, 1])[0] - told) > 1e-4
    first = model.total_loss
    assert model.total_loss is first
    model.compile("adam", losses)
    assert model.total_loss is not first


@pytest.mark.parametrize("era", list(ERAS))
def test_weights_are_not_read_into_a_model_that_has_no_place_for_them(tmp_path, era):
    models, L = ERAS[era].models, ERAS[era].layers
    source = models.Sequential([L.Dense(2, input_dim=3)])
    source.save_weights(str(tmp_path / "w.h5"))
    model = models.Sequential([L.Dense(2)])
    words = r"no weights yet.*input_shape=" if era != "tfkeras2" else r"has not yet.*Call the model on data first, or build it"
    with pytest.raises(ValueError, match=words):
        model.load_weights(str(tmp_path / "w.h5"))
    model = models.Sequential([L.Dense(2, input_shape=(3,))])
    model.load_weights(str(tmp_path / "w.h5"))
    np.testing.assert_allclose(model.predict(X), source.predict(X), rtol=1e-6)


@pytest.mark.parametrize("era", list(ERAS))
def test_a_gradient_to_what_no_loss_depends_on_is_none(era):
    keras = ERAS[era]
    K, L = keras.backend, keras.layers
    x, other = L.Input((3,)), L.Input((3,))
    first, second = L.Dense(2), L.Dense(2)
    loss = K.sum(first(x))
    second(x)
    weights = [first.weights[0], second.weights[0]]
    slope, nothing = K.gradients(loss, weights)
    assert nothing is None and K.gradients(loss, [other, x])[0] is None
    found = K.function([x], [slope])([X])[0]
    np.testing.assert_allclose(found, np.repeat(X.sum(0)[:, None], 2, 1), rtol=1e-5)
    optimizer = keras.optimizers.SGD()
    with pytest.raises(ValueError, match="has `None` for gradient"):
        optimizer.get_gradients(loss, weights)
    # A function of a program's own may read any weight.
    kernel = second.weights[0]
    summed = K.sum(L.Lambda(lambda t: t * K.sum(kernel))(x))
    slope = K.gradients(summed, [kernel])[0]
    np.testing.assert_allclose(K.function([x], [slope])([X])[0], np.full((3, 2), X.sum()), rtol=1e-4)


def test_targets_are_held_by_tensors_or_placeholders():
    K, L = keras2.backend, keras2.layers
    model = keras2.models.Sequential([L.Dense(2, input_shape=(3,), name="dense")])
    held = K.variable(Y)
    for given in (held, [held], {"dense": held}, K.constant(Y)):
        model.compile("sgd", "mse", target_tensors=given)
        by_hand = ((model.predict(X) - Y) ** 2).mean()
        np.testing.assert_allclose(model.evaluate(X, None, batch_size=6, verbose=0), by_hand, rtol=1e-5)
        np.testing.assert_allclose(model.train_on_batch(X, None), by_hand, rtol=1e-5)
        model.fit(X, None, batch_size=6, verbose=0)
    model.compile("sgd", "mse", target_tensors=held)
    # A variable is asked when it is needed.
    K.set_value(held, Y + 1)
    np.testing.assert_allclose(model.test_on_batch(X, None), ((model.predict(X) - Y - 1) ** 2).mean(), rtol=1e-5)
    with pytest.raises(ValueError, match="held by `target_tensors`"):
        model.train_on_batch(X, Y)
    for wrong, kind in ((set(), TypeError), ([held, held], ValueError), ({"other": held}, ValueError)):
        with pytest.raises(kind, match="target_tensors"):
            model.compile("sgd", "mse", target_tensors=wrong)
    given = K.placeholder((None, 2))
    model.compile("sgd", "mse", target_tensors=given)
    assert model.targets[0] is given
    np.testing.assert_allclose(model.test_on_batch(X, Y), ((model.predict(X) - Y) ** 2).mean(), rtol=1e-5)
    x = L.Input((3,))
    both = keras2.models.Model(x, [L.Dense(2, name="a")(x), L.Dense(3, name="b")(x)])
    with pytest.raises(ValueError, match="but you passed a single tensor"):
        both.compile("sgd", "mse", target_tensors=held)
    both.compile("sgd", "mse", target_tensors={"a": K.constant(Y), "b": K.constant(X)})
    a, b = both.predict(X)
    parts = ((a - Y) ** 2).mean(), ((b - X) ** 2).mean()
    np.testing.assert_allclose(both.test_on_batch(X, None), [sum(parts), *parts], rtol=1e-5)
    with pytest.raises(NotImplementedError, match="add_loss"):
        model.compile("sgd", "mse", target_tensors=L.Lambda(lambda t: t[:, :2])(model.input))


def test_states_of_stacked_cells_in_the_other_order():
    """The outputs are those of the usual order; the states are listed from the last cell to the first."""
    K, L = keras2.backend, keras2.layers
    x = L.Input((4, 3))
    cells = [L.GRUCell(2), L.LSTMCell(5)]
    first, other = (
        L.RNN(L.StackedRNNCells(cells, **order), return_state=True) for order in ({}, {"reverse_state_order": True})
    )
    usual, turned = K.function([x], first(x)), K.function([x], other(x))
    data = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    found, expected = turned([data]), usual([data])
    assert [one.shape[1] for one in found] == [5, 5, 5, 2]
    for one, right in zip(found, [expected[0], expected[2], expected[3], expected[1]], strict=True):
        np.testing.assert_allclose(one, right, rtol=1e-5)
    begin = [L.Input((size,)) for size in (5, 5, 2)]
    resumed = K.function([x, *begin], other(x, initial_state=[begin[:2], begin[2]]))([data, *found[1:]])
    np.testing.assert_allclose(resumed[0], turned([np.concatenate([data, data], 1)])[0], rtol=1e-4, atol=1e-6)
    assert other.cell.get_config()["reverse_state_order"] and other.cell.state_size == [[5, 5], 2]
