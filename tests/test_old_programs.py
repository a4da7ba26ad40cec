"""What programs of Keras 1 and 2 did with models from outside: terms of the loss, inputs of unequal length."""

import functools
import tarfile
from pathlib import Path

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kerata as modern
from kerata import optimizers
from kerata.legacy import keras1, keras2, tfkeras2
from kerata.legacy.tensorflow.types import TensorShape

RNG = np.random.RandomState(1)
X = np.random.RandomState(0).randn(50, 3).astype("float32")


def autoencoder(keras):
    """(the model, its input, its code)"""
    x = keras.layers.Input(shape=(3,))
    code = keras.layers.Dense(2)(x)
    return keras.models.Model(x, keras.layers.Dense(3)(code)), x, code


def trained(weights, loss, epochs, rate=0.1, batch=20, alike=False):
    """(losses of the epochs, the weights) of plain gradient descent; batches of any size count alike, or as their samples."""
    weights, said = [jnp.asarray(w) for w in weights], []
    for _ in range(epochs):
        total = seen = 0.0
        for begin in range(0, len(X), batch):
            rows = X[begin : begin + batch]
            value, slopes = jax.value_and_grad(loss)(weights, rows)
            share = 1 if alike else len(rows)
            total, seen = total + float(value) * share, seen + share
            weights = [w - rate * slope for w, slope in zip(weights, slopes, strict=True)]
        said.append(total / seen)
    return said, weights


@pytest.mark.parametrize("keras", [keras2, tfkeras2], ids=["keras2", "tfkeras2"])
def test_a_model_is_trained_on_symbolic_losses_alone(keras):
    model, x, code = autoencoder(keras)
    mse = keras.losses.mean_squared_error(x, model.output)
    assert mse.shape == (None,)
    model.add_loss(keras.backend.mean(mse + 0.1 * keras.backend.sum(keras.backend.square(code), axis=-1)))
    model.compile(optimizer=keras.optimizers.SGD(0.1))

    def loss(w, rows):
        code = rows @ w[0] + w[1]
        return jnp.mean(jnp.mean((rows - code @ w[2] - w[3]) ** 2, -1) + 0.1 * jnp.sum(code**2, -1))

    expected, weights = trained(model.get_weights(), loss, 2, alike=keras is tfkeras2)
    history = model.fit(X, epochs=2, batch_size=20, verbose=0, shuffle=False).history
    # The last batch has ten samples: rows that fill it up would count in a mean over the batch.
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    for mine, right in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-4, atol=1e-6)
    found = model.evaluate(X, batch_size=50, verbose=0)
    np.testing.assert_allclose(found, float(loss(model.get_weights(), X)), rtol=1e-5)
    assert len(model.layers) == 3 and model.predict(X).shape == (50, 3)


def test_a_loss_is_added_to_the_one_that_is_compiled_and_may_be_a_function_of_weights():
    model, _, code = autoencoder(keras2)
    kernel = model.layers[1].kernel
    model.add_loss(lambda: 0.5 * keras2.backend.sum(keras2.backend.square(kernel)))
    model.add_loss(keras2.backend.mean(code), inputs=True)
    model.compile(keras2.optimizers.SGD(0.1), "mse")

    def loss(w, rows):
        code = rows @ w[0] + w[1]
        return jnp.mean((rows - code @ w[2] - w[3]) ** 2) + 0.5 * jnp.sum(w[0] ** 2) + jnp.mean(code)

    expected, _ = trained(model.get_weights(), loss, 2)
    history = model.fit(X, X, epochs=2, batch_size=20, verbose=0, shuffle=False).history
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)


def test_what_no_input_leads_to_is_no_loss():
    model, _, code = autoencoder(keras2)
    with pytest.raises(TypeError, match="add_loss"):
        model.add_loss(keras2.backend.sum(model.layers[1].kernel))
    other = keras2.layers.Dense(1)(code)
    with pytest.raises(ValueError, match="whose weights are not the model's"):
        model.add_loss(keras2.backend.mean(other))
    with pytest.raises(ValueError, match="connected"):
        model.add_loss(keras2.backend.mean(keras2.layers.Input(shape=(3,))))
    model.compile("sgd", "mse")
    assert model.evaluate(X, X, verbose=0) == pytest.approx(float(np.mean((model.predict(X) - X) ** 2)), rel=1e-5)


def test_samples_beyond_those_of_the_first_input_are_left_out_of_a_prediction():
    a, b = keras2.layers.Input(shape=(2,)), keras2.layers.Input(shape=(2,))
    model = keras2.models.Model([a, b], keras2.layers.add([a, b]))
    first, second = np.ones((3, 2), "float32"), np.arange(10, dtype="float32").reshape(5, 2)
    np.testing.assert_array_equal(model.predict([first, second]), first + second[:3])


def test_keras_1_too_adds_losses():
    x = keras1.layers.Input(shape=(3,))
    model = keras1.models.Model(input=x, output=keras1.layers.Dense(3)(x))
    model.add_loss(keras1.backend.mean(keras1.backend.square(model.output)))
    model.compile("sgd", "mse")
    found = model.evaluate(X, X, verbose=0)
    y = model.predict(X)
    assert found == pytest.approx(float(np.mean((y - X) ** 2) + np.mean(y**2)), rel=1e-5)


def test_sizes_of_symbolic_tensors_are_known_when_the_function_runs():
    K = keras2.backend
    x = keras2.layers.Input(shape=(None, 3))
    sizes = K.shape(x)
    assert (len(sizes), sizes[2], sizes[1].shape) == (3, 3, ())
    outputs = [
        K.prod(K.cast(sizes, "float32")),
        K.reshape(x, (sizes[0], -1)),
        K.zeros((sizes[0], 2)),
        sizes[0] * sizes[1],
        K.random_normal(shape=(sizes[0], sizes[1], 7)),
        K.reshape(x, sizes),
    ]
    found = K.function([x], outputs)([np.ones((2, 4, 3))])
    assert (found[0], found[3]) == (24.0, 8) and [np.shape(f) for f in found[1:3]] == [(2, 12), (2, 2)]
    assert found[4].shape == (2, 4, 7) and found[5].shape == (2, 4, 3)
    assert tuple(K.shape(np.zeros((2, 5)))) == (2, 5)


def translator(keras):
    """A functional model with states that a layer begins with, the hard sigmoid of then, and a model within."""
    source, target = keras.layers.Input(shape=(None, 3)), keras.layers.Input(shape=(None, 3))
    _, h, c = keras.layers.LSTM(4, return_state=True, recurrent_activation="hard_sigmoid")(source)
    y = keras.layers.LSTM(4, return_sequences=True)(target, initial_state=[h, c])
    inner = keras.layers.Input(shape=(None, 4))
    head = keras.models.Model(inner, keras.layers.Dense(2)(inner))
    return keras.models.Model([source, target], head(y))


def test_whole_models_are_written_for_the_readers_of_then_with_a_word_about_keras_3(tmp_path):
    model = translator(keras2)
    model.compile(optimizers.Lamb(), "mse")
    steps = np.random.RandomState(1).rand(5, 4, 3).astype("float32")
    expected = model.predict([steps, steps])
    with pytest.warns(UserWarning) as said:
        model.save(tmp_path / "m.h5")
    words = ["another slope", "begins with", "within a model", "optimizer is left out"]
    assert [sum(word in str(one.message) for one in said) for word in words] == [1, 1, 1, 1]
    again = keras2.models.load_model(tmp_path / "m.h5")
    np.testing.assert_allclose(again.predict([steps, steps]), expected, rtol=1e-6)
    assert not again.compiled


def test_a_model_within_another_takes_what_its_layers_take():
    layers, K = keras2.layers, keras2.backend
    stack = keras2.models.Sequential([layers.Dense(18, input_dim=5), layers.Reshape((3, 3, 2))])
    with pytest.raises(ValueError, match="incompatible with the model"):
        stack.predict(np.ones((2, 1, 5)))
    x = layers.Input(shape=(1, 5))
    y = stack(x)
    assert y.shape == (None, 3, 3, 2)
    expected = stack.predict(np.ones((2, 5)))
    np.testing.assert_allclose(keras2.models.Model(x, y).predict(np.ones((2, 1, 5))), expected, rtol=1e-6)
    np.testing.assert_allclose(K.function([x], [y])([np.ones((2, 1, 5))])[0], expected, rtol=1e-6)


@pytest.mark.parametrize("keras", [keras1, keras2], ids=["keras1", "keras2"])
def test_states_that_are_kept_are_reset(keras):
    layer = keras.layers.LSTM(2, stateful=True, batch_input_shape=(1, 3, 1))
    model = keras.models.Sequential([layer, keras.layers.Dense(1)])
    x = np.ones((1, 3, 1), "float32")
    first, second = model.predict(x), model.predict(x)
    assert not np.allclose(first, second)
    model.reset_states()
    np.testing.assert_allclose(model.predict(x), first, rtol=1e-6)
    layer.reset_states(states=[np.ones((1, 2)), np.zeros((1, 2))])
    np.testing.assert_array_equal(layer.states[0].numpy(), np.ones((1, 2)))
    assert not hasattr(model.layers[1], "reset_states")


def look_inside(keras, nested):
    """(model, loss) whose loss looks at the code of the model, by itself or through another function."""
    K = keras.backend
    model, _, code = autoencoder(keras)

    def penalty():
        return 0.1 * K.sum(K.square(code), axis=-1)

    def direct(y_true, y_pred):
        return K.mean(K.square(y_true - y_pred), axis=-1) + 0.1 * K.sum(K.square(code), axis=-1)

    def through(y_true, y_pred):
        return K.mean(K.square(y_true - y_pred), axis=-1) + penalty()

    return model, through if nested else direct


@pytest.mark.parametrize("keras", [keras1, keras2, tfkeras2], ids=["keras1", "keras2", "tfkeras2"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_loss_may_look_at_tensors_within_the_model(keras, nested):
    model, loss = look_inside(keras, nested)
    model.compile(loss=loss, optimizer=keras.optimizers.SGD(0.1), metrics=["mae"])

    def expected_loss(w, rows):
        code = rows @ w[0] + w[1]
        return jnp.mean(jnp.mean((rows - code @ w[2] - w[3]) ** 2, -1) + 0.1 * jnp.sum(code**2, -1))

    expected, _ = trained(model.get_weights(), expected_loss, 2)
    epochs = {"nb_epoch" if keras is keras1 else "epochs": 2}
    history = model.fit(X, X, batch_size=20, verbose=0, shuffle=False, **epochs).history
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)
    np.testing.assert_allclose(model.evaluate(X, X, verbose=0)[0], expected_loss(model.get_weights(), X), rtol=1e-5)


def test_all_layers_take_the_shape_of_their_input():
    layer = keras2.layers.SpatialDropout1D(0.5, input_shape=(4, 3), trainable=False)
    model = keras2.models.Sequential([layer])
    assert model.input_shape == (None, 4, 3) and not layer.trainable


@pytest.mark.parametrize("keras", [keras1, keras2, tfkeras2, modern])
def test_trainable_may_be_a_number(keras):
    frozen, free = (keras.layers.Dense(2, trainable=number) for number in (0, 1))
    assert frozen.trainable is False and free.trainable is True
    with pytest.raises(ValueError, match="`trainable` is expected to be a boolean"):
        keras.layers.Dense(2, trainable="no")


def test_branches_that_merge_twice_have_their_input_once():
    layers, models = keras1.layers, keras1.models
    first, second, third = (models.Sequential([layers.Dense(2, input_dim=size)]) for size in (3, 4, 5))
    inner = models.Sequential([layers.Merge([first, second], mode="sum")])
    outer = models.Sequential([layers.Merge([inner, third], mode="mul")])
    whole = models.Sequential([layers.Merge([outer, second], mode="concat"), layers.Dense(1)])
    whole.compile("sgd", "mse")
    a, b, c = (np.ones((6, size), "float32") for size in (3, 4, 5))
    assert whole.predict([a, b, c]).shape == (6, 1)
    whole.fit([a, b, c], np.ones((6, 1)), nb_epoch=1, verbose=0)


def branched():
    """A compiled chain that begins with two branches, of which the second is longer: a graph has its first layer in front."""
    layers, models = keras1.layers, keras1.models
    left = models.Sequential([layers.Dense(3, input_dim=3)])
    right = models.Sequential([layers.Dense(3, input_dim=3), layers.Dense(3)])
    model = models.Sequential([layers.Merge([left, right], mode="concat"), layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def test_files_of_a_chain_that_begins_with_branches(tmp_path):
    model, y = branched(), X[:, :1]
    whole, weights = str(tmp_path / "whole.h5"), str(tmp_path / "weights.h5")
    model.fit(
        [X, X],
        y,
        nb_epoch=2,
        verbose=0,
        callbacks=[keras1.callbacks.ModelCheckpoint(whole), keras1.callbacks.ModelCheckpoint(weights, save_weights_only=True)],
    )
    expected, loaded = model.predict([X, 2 * X]), keras1.models.load_model(whole)
    read = keras1.models.model_from_json(model.to_json())
    read.load_weights(weights)
    others = [branched(), branched()]
    for other, path in zip(others, (whole, weights), strict=True):
        other.load_weights(path)
    for one in (loaded, read, *others):
        np.testing.assert_allclose(one.predict([X, 2 * X]), expected, rtol=1e-5, atol=1e-6)
    # With the state of the optimizer, training goes on as it would have.
    for one in (model, loaded):
        one.train_on_batch([X, 2 * X], y)
    np.testing.assert_allclose(loaded.predict([X, X]), model.predict([X, X]), rtol=1e-4, atol=1e-5)
    with pytest.raises(NotImplementedError, match="begins with Merge"):
        model.save(str(tmp_path / "whole.keras"))


def test_a_file_of_keras_1_lists_the_layers_of_branches(tmp_path):
    model = branched()
    numbers = [RNG.normal(size=w.shape).astype("float32") for w in model.get_weights()]
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["layer_names"] = [f"dense_{n}".encode() for n in range(91, 95)]
        for index in range(4):
            group = file.create_group(f"dense_{91 + index}")
            group.attrs["weight_names"] = [b"W", b"b"]
            group["W"], group["b"] = numbers[2 * index : 2 * index + 2]
    model.load_weights(str(tmp_path / "old.h5"))
    for found, right in zip(model.get_weights(), numbers, strict=True):
        np.testing.assert_array_equal(found, right)


@pytest.mark.parametrize("keras", [keras1, keras2], ids=["keras1", "keras2"])
def test_a_callback_may_prepare_what_a_generator_gives(keras):
    class Source(keras.callbacks.Callback):
        begun = 0

        def on_train_begin(self, logs=None):
            self.begun += 1
            self.rows = X

        def batches(self):
            while True:
                yield self.rows[:10], self.rows[:10]

    model, source = keras.models.Sequential([keras.layers.Dense(3, input_dim=3)]), Source()
    model.compile("sgd", "mse")
    told = {"samples_per_epoch": 20, "nb_epoch": 1} if keras is keras1 else {"steps_per_epoch": 2, "epochs": 1}
    for times in (1, 2):
        if keras is keras1:
            # Keras 1 read the size of a batch first.
            source.rows = X
        model.fit_generator(source.batches(), callbacks=[source], verbose=0, **told)
        assert source.begun == times


@pytest.mark.parametrize("keras", [keras2, tfkeras2], ids=["keras2", "tfkeras2"])
def test_what_gives_pictures_says_how_many_batches_an_epoch_has(keras):
    """It is an iterator as well, and as such would never end."""

    class Counted(keras.callbacks.Callback):
        batches, steps = (), None

        def on_train_begin(self, logs=None):
            self.steps = self.params["steps"]

        def on_batch_end(self, batch, logs=None):
            self.batches += (batch,)

    flow = functools.partial(keras.preprocessing.image.ImageDataGenerator(horizontal_flip=True).flow, np.ones((10, 4, 4, 1)))
    model, counted = keras.models.Sequential([keras.layers.Flatten(input_shape=(4, 4, 1)), keras.layers.Dense(1)]), Counted()
    model.compile("sgd", "mse")
    validation = flow(np.ones((10, 1)), batch_size=3)
    history = model.fit_generator(
        flow(np.ones((10, 1)), batch_size=4), epochs=2, validation_data=validation, callbacks=[counted], verbose=0, workers=4
    )
    assert counted.batches == (0, 1, 2) * 2 and counted.steps == 3 and len(history.history["val_loss"]) == 2


def test_states_to_begin_with_may_stand_behind_the_input():
    layer = keras2.layers.LSTM(2)
    x, h, c = keras2.layers.Input(shape=(3, 4)), keras2.layers.Input(shape=(2,)), keras2.layers.Input(shape=(2,))
    steps, ones = np.ones((5, 3, 4), "float32"), np.ones((5, 2), "float32")
    together = keras2.models.Model([x, h, c], layer([x, h, c])).predict([steps, ones, ones])
    np.testing.assert_allclose(together, np.asarray(layer(steps, initial_state=[ones, ones])), rtol=1e-6)
    assert not np.allclose(together, np.asarray(layer(steps)))


def test_an_archive_is_unpacked_beside_the_file_that_is_given_back(tmp_path):
    (tmp_path / "poem.txt").write_text("roses are red")
    with tarfile.open(tmp_path / "poems.tgz", "w:gz") as archive:
        archive.add(tmp_path / "poem.txt", "poem.txt")
    origin = (tmp_path / "poems.tgz").as_uri()
    found = keras2.utils.get_file("poems.tgz", origin, untar=True, cache_dir=str(tmp_path / "cache"))
    assert Path(found) == tmp_path / "cache" / "datasets" / "poems.tgz"
    assert Path(found).with_name("poem.txt").read_text() == "roses are red"
    again = keras2.utils.get_file("poems.tgz", origin, extract=True, cache_dir=str(tmp_path / "other"))
    assert Path(again).is_file() and Path(again).with_name("poem.txt").is_file()


def test_a_dict_of_inputs_may_hold_more():
    x = keras2.layers.Input(shape=(3,), name="rows")
    model = keras2.models.Model(x, keras2.layers.Dense(1, name="d")(x))
    model.compile("sgd", "mse")
    data = {"rows": X[:8], "titles": np.array(["a"] * 8)}
    expected = model.predict(X[:8])
    np.testing.assert_allclose(model.predict(data), expected, rtol=1e-6)
    model.fit(data, np.ones((8, 1)), epochs=1, verbose=0, validation_data=(data, np.ones((8, 1))))
    model.fit_generator(iter([(data, {"d": np.ones((8, 1))})] * 3), steps_per_epoch=3, epochs=1, verbose=0)


@pytest.mark.parametrize("keras", [keras2, tfkeras2], ids=["keras2", "tfkeras2"])
def test_a_layer_measures_what_it_computes(keras):
    class Measuring(keras.layers.Layer):
        def call(self, x):
            self.add_metric(keras.backend.sum(x), name="total", aggregation="mean")
            return 2 * x

    model = keras.models.Sequential([Measuring(input_shape=(3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(np.ones((5, 3)), np.ones((5, 1)), epochs=2, batch_size=2, verbose=0).history
    # Batches of 2, 2 and 1 samples: no row that fills up the last one counts.
    np.testing.assert_allclose(history["total"], [5.0, 5.0])
    assert model.metrics_names == ["loss", "mae", "total"]
    assert model.evaluate(np.ones((4, 3)), np.ones((4, 1)), verbose=0)[2] == 12.0


def test_an_architecture_goes_through_yaml_and_callbacks_know_the_steps():
    model = keras2.models.Sequential([keras2.layers.Dense(2, input_dim=3, activation="tanh")])
    again = keras2.models.model_from_yaml(model.to_yaml())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    callback = keras2.callbacks.Callback()
    model.compile("sgd", "mse")
    model.fit(X, np.ones((50, 2)), batch_size=20, epochs=1, verbose=0, callbacks=[callback])
    assert (callback.params["steps"], callback.params["samples"]) == (None, 50)


def deep(keras, other=False):
    """A model with a recurrence, a normalization and a model within, whose last layer may have another name."""
    layers = keras.layers
    inner = layers.Input(shape=(4,))
    head = keras.models.Model(inner, layers.Dense(3, name="inside")(inner), name="head")
    x = layers.Input(shape=(5, 2))
    y = layers.BatchNormalization(name="norm")(layers.LSTM(4, name="lstm")(x))
    return keras.models.Model(x, layers.Dense(2, name="new" if other else "old")(head(y)))


@pytest.mark.parametrize("keras", [keras1, keras2, tfkeras2], ids=["keras1", "keras2", "tfkeras2"])
def test_weights_go_by_order_and_by_name(keras, tmp_path):
    first, again, other = deep(keras), deep(keras), deep(keras, other=True)
    rng = np.random.RandomState(0)
    first.set_weights([rng.rand(*w.shape).astype("float32") for w in first.get_weights()])
    first.save_weights(str(tmp_path / "w.h5"))
    again.load_weights(str(tmp_path / "w.h5"))
    for mine, theirs in zip(again.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    before = other.get_layer("new").get_weights()
    other.load_weights(str(tmp_path / "w.h5"), by_name=True)
    for name in ("lstm", "norm", "head"):
        for mine, theirs in zip(other.get_layer(name).get_weights(), first.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(other.get_layer("new").get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    if keras is not keras1:
        checkpoint = keras.callbacks.ModelCheckpoint(str(tmp_path / "best.hdf5"), monitor="loss", save_weights_only=True)
        first.compile("sgd", "mse")
        first.fit(np.ones((4, 5, 2)), np.ones((4, 2)), epochs=1, verbose=0, callbacks=[checkpoint])
        again.load_weights(str(tmp_path / "best.hdf5"), by_name=True)
        np.testing.assert_array_equal(again.get_layer("old").get_weights()[0], first.get_layer("old").get_weights()[0])


@pytest.mark.parametrize("keras", [keras1, keras2, tfkeras2], ids=["keras1", "keras2", "tfkeras2"])
def test_a_compiled_model_is_cloned(keras):
    model = keras.models.Sequential([keras.layers.Dense(2, input_shape=(3,))])
    model.compile("sgd", "mse", metrics=["accuracy"])
    clone = modern.models.clone_model(model)
    assert type(clone) is type(model)
    arguments = {"nb_epoch" if keras is keras1 else "epochs": 1, "verbose": 0}
    assert list(clone.fit(X, X[:, :2], **arguments).history) == list(model.fit(X, X[:, :2], **arguments).history)


def test_terms_of_the_loss_are_known_after_a_call_and_are_no_layers():
    model, _, code = autoencoder(keras2)
    model.add_loss(keras2.backend.mean(keras2.backend.square(code)))
    model(X)
    expected = np.mean((X @ model.layers[1].get_weights()[0]) ** 2)
    np.testing.assert_allclose([float(one) for one in model.losses], [expected], rtol=1e-5)
    assert len(model.layers) == 3


@pytest.mark.parametrize("keras", [keras2, tfkeras2], ids=["keras2", "tfkeras2"])
def test_a_loss_may_be_one_number_that_a_layer_gives_for_all_samples(keras):
    class Distance(keras.layers.Layer):
        def call(self, inputs):
            loss = keras.backend.sum(keras.backend.square(inputs[0] - inputs[1]))
            self.add_loss(loss)
            return loss

    a, b = keras.layers.Input(shape=(3,)), keras.layers.Input(shape=(3,))
    dense = keras.layers.Dense(2)
    model = keras.models.Model([a, b], Distance()([dense(a), dense(b)]))
    model.compile(loss=None, optimizer=keras.optimizers.SGD(0.0))
    other = X[::-1].copy()
    expected = [
        np.sum(((x - z) @ dense.get_weights()[0]) ** 2) for x, z in ((X[i : i + 20], other[i : i + 20]) for i in (0, 20, 40))
    ]
    history = model.fit([X, other], None, epochs=1, batch_size=20, verbose=0, shuffle=False).history
    mean = np.mean(expected) if keras is tfkeras2 else np.average(expected, weights=[20, 20, 10])
    np.testing.assert_allclose(history["loss"], [mean], rtol=1e-5)
    found = model.train_on_batch([X[:20], other[:20]], None)
    np.testing.assert_allclose(found, expected[0], rtol=1e-5)


def test_shapes_are_tuples_in_keras_2_and_those_of_tensorflow_in_tf_keras():
    for keras, kind in ((keras2, tuple), (tfkeras2, TensorShape)):
        seen = []

        class Twice(keras.layers.Layer):
            def build(self, input_shape, seen=seen):
                seen.append(type(input_shape[0]))
                super().build(input_shape)

            def call(self, inputs):
                return inputs[0] + inputs[1]

        x = keras.layers.Input(shape=(3,))
        Twice()([x, x])
        assert seen == [kind]
