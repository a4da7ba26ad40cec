"""`K.function` and `K.gradients` of old programs: programs that follow the variables they read."""

import numpy as np
import pytest

import kerata
from kerata.legacy import keras1, keras2, tfkeras2

K, layers = keras2.backend, keras2.layers
X = np.float32([[1.0, 2.0]])


def test_a_function_follows_the_variables_it_reads():
    v, x = K.variable(2.0), K.placeholder(shape=(None, 2))
    run = K.function([x], [x * v, K.sum(x) + v, K.gradients(K.sum(x * x * v), x)[0]])
    np.testing.assert_allclose(run([X])[2], 4 * X)
    K.set_value(v, 5.0)
    times, plus, slope = run([X])
    np.testing.assert_allclose(times, 5 * X)
    assert plus == 8.0
    np.testing.assert_allclose(slope, 10 * X)


def test_gradients_follow_the_training_of_the_model():
    model = keras2.models.Sequential([layers.Dense(3, input_dim=2, activation="tanh"), layers.Dense(1)])
    model.compile("sgd", "mse")
    slope = K.function([model.input], K.gradients(model.output, model.input))
    to_weights = K.function([model.input], K.gradients(model.output, model.trainable_weights))

    def expected():
        w, b, v, _ = model.get_weights()
        inner = 1 - np.tanh(X @ w + b) ** 2
        return (inner * v[:, 0]) @ w.T, X.T @ (inner * v[:, 0])

    for _ in range(2):
        by_input, by_kernel = expected()
        np.testing.assert_allclose(slope([X])[0], by_input, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(to_weights([X])[0], by_kernel, rtol=1e-5, atol=1e-6)
        model.fit(np.tile(X, (8, 1)), np.ones((8, 1)), epochs=3, verbose=0)


def test_gradients_of_several_losses_are_those_of_their_sum():
    x = K.placeholder(shape=(None, 2))
    (slope,) = K.gradients([K.square(x), 3 * x], [x])
    np.testing.assert_allclose(K.function([x], [slope])([X])[0], 2 * X + 3)


def test_a_lambda_takes_gradients_of_what_its_inputs_were_computed_from():
    x = layers.Input(shape=(4, 4, 1))
    pooled = layers.MaxPooling2D()(x)
    where = layers.Lambda(lambda both: K.gradients(K.sum(both[1]), both[0])[0], output_shape=(4, 4, 1))([x, pooled])
    picture = np.random.RandomState(0).rand(2, 4, 4, 1).astype("float32")
    found = keras2.models.Model(x, where).predict(picture)
    blocks = picture.reshape(2, 2, 2, 2, 2)
    expected = (blocks == blocks.max((2, 4), keepdims=True)).reshape(2, 4, 4, 1)
    np.testing.assert_array_equal(found, expected)


def test_a_lambda_computes_with_tensors_that_it_closes_over():
    x = layers.Input(shape=(4,))
    left, right = layers.Dense(3), layers.Dense(3)
    a, b = left(x), right(x)
    model = keras2.models.Model(x, layers.Lambda(lambda t: t + K.square(b))(a))
    ones = np.ones((2, 4), "float32")
    expected = ones @ left.get_weights()[0] + (ones @ right.get_weights()[0]) ** 2
    np.testing.assert_allclose(model.predict(ones), expected, atol=1e-5)
    assert len(model.trainable_weights) == 4
    # What looks at a tensor's shape alone is a layer like others.
    model = keras2.models.Model(x, layers.Lambda(lambda t: t + b.shape[1], name="three")(a))
    assert model.get_layer("three").name == "three"


def test_an_input_may_be_a_value_and_a_constant_has_a_shape():
    held, x = K.variable(np.full((1, 2), 3.0)), K.placeholder(shape=(1, 2))
    fixed = layers.Input(tensor=held, shape=(None,))
    loss = K.sum(x * fixed + K.constant([1, 2], shape=(1, 2)))
    value, slope = K.function([x], [loss, K.gradients(loss, x)[0]])([X])
    assert value == 9.0 + 3.0
    np.testing.assert_array_equal(slope, [[3.0, 3.0]])


def test_updates_are_given_and_numbers_that_follow_nothing_are_told_of():
    w, x = K.variable(1.0), K.placeholder(shape=())
    run = K.function([x], [x + w], updates=[(w, w * x)])
    assert (run([3.0])[0], run([3.0])[0], float(K.get_value(w))) == (4.0, 6.0, 9.0)
    add, take = K.function([x], [x], updates=[K.update_add(w, x)]), K.function([x], [x], updates=[K.update_sub(w, 2 * x)])
    add([1.0]), add([1.0]), take([3.0])
    assert float(K.get_value(w)) == 9.0 + 2.0 - 6.0
    with pytest.warns(UserWarning, match="computed from no input"):
        K.function([x], [x], updates=[(w, w * 2)])


def test_functions_of_k_check_and_count_as_they_did():
    assert (K.get_uid("a"), K.get_uid("a"), K.get_uid("b")) == (1, 2, 1)
    K.reset_uids()
    assert K.get_uid("a") == 1
    assert K.is_keras_tensor(keras2.layers.Input((2,))) and not K.is_keras_tensor(K.placeholder(shape=(2,)))
    assert not K.is_keras_tensor(K.variable(1.0))
    for wrong in (
        lambda: K.is_keras_tensor(np.ones(2)),
        lambda: K.dropout(K.variable(X), level=1.0),
        lambda: K.resize_images(K.variable(np.ones((1, 2, 2, 1))), 2, 2, data_format="middle"),
        lambda: K.resize_volumes(K.variable(np.ones((1, 2, 2, 2, 1))), 2, 2, 2, data_format="middle"),
    ):
        with pytest.raises(ValueError, match=r"must be|is needed"):
            wrong()
    pictures, bias = np.zeros((1, 3, 2, 2), "float32"), np.arange(12, dtype="float32").reshape(2, 2, 3)
    found = K.eval(K.bias_add(K.variable(pictures), K.variable(bias), data_format="channels_first"))
    np.testing.assert_array_equal(found[0], np.arange(12).reshape(3, 2, 2))
    assert K.placeholder(shape=(None, 4))._keras_shape == (None, 4)


def test_the_deviation_of_normal_numbers_was_called_std():
    numbers = keras1.backend.eval(keras1.backend.random_normal((400,), mean=5.0, std=0.1))
    assert abs(numbers.mean() - 5) < 0.05 and 0.07 < numbers.std() < 0.13


@pytest.mark.parametrize("era", ["keras1", "keras22"])
def test_batch_dot_of_more_axes_was_a_product_for_each_place(era):
    K = getattr(kerata.legacy, era).backend
    draws = np.random.default_rng(0)
    # The routing of a capsule layer: (batch, capsules, inputs), (batch, capsules, inputs, size).
    c, u = draws.normal(size=(2, 3, 5)).astype("float32"), draws.normal(size=(2, 3, 5, 4)).astype("float32")
    o = np.einsum("bij,bijk->bik", c, u)
    np.testing.assert_allclose(K.eval(K.batch_dot(K.variable(c), K.variable(u), [2, 2])), o, rtol=1e-4, atol=1e-6)
    a, b = K.placeholder((None, 3, 5)), K.placeholder((None, 3, 5, 4))
    np.testing.assert_allclose(K.function([a, b], [K.batch_dot(a, b, [2, 2])])([c, u])[0], o, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        K.eval(K.batch_dot(K.variable(o), K.variable(u), [2, 3])), np.einsum("bik,bijk->bij", o, u), rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(
        K.eval(K.batch_dot(K.variable(u), K.variable(u), [3, 3])), np.einsum("bijk,bilk->bijl", u, u), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("era", ["keras1", "keras22"])
def test_axis_0_of_a_batch_dot(era):
    K = getattr(kerata.legacy, era).backend
    draws = np.random.default_rng(0)
    columns = [draws.normal(size=(2, 6, 1)).astype("float32") for _ in range(2)]
    # Of three axes it is the one before the last; of two, that of the samples.
    found = K.eval(K.batch_dot(K.variable(columns[0]), K.variable(columns[1]), axes=0))
    np.testing.assert_allclose(found, np.einsum("bik,bil->bkl", *columns), rtol=1e-5)
    rows = [draws.normal(size=(3, 2)).astype("float32") for _ in range(2)]
    found = K.eval(K.batch_dot(K.variable(rows[0]), K.variable(rows[1]), axes=0))
    np.testing.assert_allclose(found, (rows[0] * rows[1]).sum(0)[:, None], rtol=1e-5)


def test_a_cosine_along_axis_0_is_one_number_for_each_pair_of_columns():
    a, b = keras1.layers.Input((6, 1)), keras1.layers.Input((6, 1))
    model = keras1.models.Model(input=[a, b], output=keras1.layers.merge([a, b], mode="cos", dot_axes=0))
    u, v = (np.random.default_rng(seed).normal(size=(2, 6, 1)).astype("float32") for seed in (0, 1))
    expected = (u * v).sum(1) / np.sqrt((u**2).sum(1) * (v**2).sum(1))
    np.testing.assert_allclose(model.predict([u, v]).reshape(2, 1), expected, rtol=1e-5)


def test_batch_dot_of_more_axes_says_what_it_was():
    u = keras2.backend.variable(np.ones((2, 3, 5, 4)))
    with pytest.raises(ValueError, match="axes of one size") as raised:
        keras2.backend.batch_dot(u, u, [2, 1])
    assert "keras22" in raised.value.__notes__[0]


def updates_by_hand(era, loss_first):
    """(the weights after five steps of `get_updates`, those of `train_on_batch`)."""
    keras = getattr(kerata.legacy, era)
    K, x = keras.backend, np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    start = [np.full((3, 2), 0.5, "float32"), np.zeros(2, "float32")]
    found = []
    for by_hand in (True, False):
        model = keras.models.Sequential([keras.layers.Dense(2, input_dim=3)])
        model.set_weights(start)
        optimizer = keras.optimizers.Adam(lr=0.1, decay=0.2)
        if by_hand:
            y = K.placeholder(shape=(None, 2))
            loss = K.mean(K.square(y - model.output))
            weights = model.trainable_weights
            updates = optimizer.get_updates(loss, weights) if loss_first else optimizer.get_updates(weights, [], loss)
            train = K.function([model.input, y], [loss], updates=updates)
            losses = [float(train([x, x[:, :2]])[0]) for _ in range(3)]
            K.set_value(optimizer.lr, 0.01)
            losses += [float(train([x, x[:, :2]])[0]) for _ in range(2)]
        else:
            model.compile(optimizer, "mse")
            losses = [model.train_on_batch(x, x[:, :2]) for _ in range(3)]
            K.set_value(model.optimizer.lr, 0.01)
            losses += [model.train_on_batch(x, x[:, :2]) for _ in range(2)]
        found.append([np.float32(losses), *model.get_weights()])
    return found


@pytest.mark.parametrize(("era", "loss_first"), [("keras1", False), ("keras2", False), ("keras2", True)])
def test_a_function_trains_by_the_updates_of_an_optimizer(era, loss_first):
    for mine, right in zip(*updates_by_hand(era, loss_first), strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-5, atol=1e-6)


def test_gradients_are_clipped_as_the_optimizer_clips():
    x = keras2.layers.Input((2,))
    model = keras2.models.Model(x, keras2.layers.Dense(1, use_bias=False)(x))
    loss = K.sum(model.output)
    for given, expected in (({"clipnorm": 1.0}, X[0] / np.sqrt(5)), ({"clipvalue": 1.5}, [1.0, 1.5]), ({}, X[0])):
        slopes = keras2.optimizers.SGD(**given).get_gradients(loss, model.trainable_weights)
        np.testing.assert_allclose(K.function([x], slopes)([X])[0][:, 0], expected, rtol=1e-6)


def test_programs_write_into_what_a_function_of_k_gives():
    x = keras2.layers.Input((2,))
    found = keras2.backend.function([x], [keras2.layers.Lambda(lambda t: t * 2)(x)])([np.ones((1, 2))])[0]
    found *= 3
    assert found.tolist() == [[6.0, 6.0]]
    value = keras2.backend.eval(keras2.backend.softmax(keras2.backend.variable(np.zeros((1, 2)))))
    value[0] = 1.0
    assert value.tolist() == [[1.0, 1.0]]


def test_mixed_precision_is_a_module_of_tf_keras():
    precision = tfkeras2.mixed_precision
    precision.set_global_policy("mixed_float16")
    try:
        assert precision.global_policy().compute_dtype == "float16"
        assert tfkeras2.layers.Dense(2).compute_dtype == "float16"
    finally:
        precision.experimental.set_policy("float32")
    assert tfkeras2.layers.Dense(2).compute_dtype == "float32"


def test_epsilon_is_added_twice_to_what_no_sigmoid_gave_in_keras_2_3():
    y, p = np.float32([[1, 0, 1, 0]]), np.float32([[1, 1, 1, 0]])
    # As Keras 2.3.1's own tests have it: 15.33 for what is wholly wrong.
    expected = [[0.0, 15.33, 0.0, 0.0]]
    np.testing.assert_allclose(K.eval(K.binary_crossentropy(K.variable(y), K.variable(p))), expected, atol=1e-2)
    losses, metrics = keras2.losses, keras2.metrics
    assert K.eval(losses.BinaryCrossentropy()(K.variable(y), K.variable(p))) == pytest.approx(3.833, abs=1e-3)
    assert K.eval(losses.binary_crossentropy(K.variable(y), K.variable(p)))[0] == pytest.approx(3.833, abs=1e-3)
    assert K.eval(metrics.BinaryCrossentropy()(K.variable(y), K.variable(p))) == pytest.approx(3.833, abs=1e-3)
    # Before, and where a sigmoid gave it, there is no second one.
    older = kerata.legacy.keras22.backend
    found = older.eval(older.binary_crossentropy(older.variable(y), older.variable(p)))
    np.testing.assert_allclose(found, [[0.0, 15.942, 0.0, 0.0]], atol=1e-3)
    x = keras2.layers.Input((1,))
    model = keras2.models.Model(x, keras2.layers.Dense(1, activation="sigmoid", kernel_initializer="ones")(x))
    for loss in ("binary_crossentropy", losses.binary_crossentropy, losses.BinaryCrossentropy()):
        model.compile("sgd", loss)
        assert model.evaluate(np.float32([[20]]), np.float32([[0]]), verbose=0) == pytest.approx(20.0)


# What tf_keras 2.21 gives in `evaluate` for labels 1 and 0 and these predictions, which no sigmoid gave: -log of 2e-7 and of
# 2.38e-7 (1 - 1e-7 in 32 bits is 0.99999988, and graphs of TensorFlow add 1e-7 to 1 first, which is 1.0000001).
WRONG = {0.0: 15.424949, 1.0: 15.249238}


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
@pytest.mark.parametrize("given", ["name", "function", "object"])
def test_compiled_models_have_the_cross_entropy_of_their_time(era, given):
    keras = getattr(kerata.legacy, era)
    losses = {"name": "binary_crossentropy", "function": keras.losses.binary_crossentropy}
    loss = losses[given] if given in losses else keras.losses.BinaryCrossentropy()
    x = keras.layers.Input((1,))
    model = keras.models.Model(x, keras.layers.Activation("relu")(x))
    model.compile("sgd", loss, metrics=["accuracy", "binary_crossentropy"])
    if given == "name":
        assert model.loss == "binary_crossentropy"
    for prediction, label in ((0.0, 1.0), (1.0, 0.0)):
        found = model.evaluate(np.float32([[prediction]]), np.float32([[label]]), verbose=0)
        assert found == pytest.approx([WRONG[prediction], 0.0, WRONG[prediction]], rel=1e-6)


@pytest.mark.parametrize("era", ["keras1", "keras22", "keras2", "tfkeras2"])
def test_labels_of_old_programs_may_lie_beside_0_and_1(era):
    keras = getattr(kerata.legacy, era)
    model = keras.models.Sequential([keras.layers.Dense(1, activation="sigmoid", input_dim=1)])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    kernel = model.get_weights()[0].item()
    x, y = np.float32([[0.5]]), np.float32([[1.2]])
    z = kernel * 0.5
    assert model.evaluate(x, y, verbose=0)[0] == pytest.approx(np.log1p(np.exp(z)) - 1.2 * z, rel=1e-5)
    # The accuracy is that of each output, as wherever this is the loss.
    assert model.loss == "binary_crossentropy"


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_that_cross_entropy_is_todays_in_files_and_comes_back(era, tmp_path):
    keras = getattr(kerata.legacy, era)
    model = keras.models.Sequential([keras.layers.Dense(1, activation="relu", input_shape=(1,), kernel_initializer="ones")])
    model.compile("sgd", "binary_crossentropy")
    x, y = np.float32([[0.0]]), np.float32([[1.0]])
    for name in ("model.h5", "model.keras"):
        model.save(tmp_path / name)
        assert keras.models.load_model(tmp_path / name).evaluate(x, y, verbose=0) == pytest.approx(WRONG[0.0], rel=1e-6)
        assert kerata.models.load_model(tmp_path / name).evaluate(x, y, verbose=0) == pytest.approx(16.118095, rel=1e-6)
