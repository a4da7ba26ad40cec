"""What a frozen part makes of each sample is computed once: with the numbers of every epoch anew, or not at all."""

import contextlib
import io

import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.training import once

RNG = np.random.default_rng(0)
X = RNG.normal(size=(37, 12, 12, 3)).astype("float32")
Y = RNG.integers(0, 3, 37)
V = RNG.normal(size=(19, 12, 12, 3)).astype("float32")
W = RNG.integers(0, 3, 19)


@pytest.fixture(autouse=True)
def however_small(monkeypatch):
    monkeypatch.setattr(once, "LEAST_FLOPS", 1.0)


def base(dropout=0.0, shape=(12, 12, 3), trainable=False):
    inputs = kerata.Input(shape)
    h = layers.Conv2D(4, 3, activation="relu", name="low")(inputs)
    h = layers.BatchNormalization(name="norm")(h)
    h = layers.Dropout(dropout)(h) if dropout else h
    h = layers.Conv2D(5, 3, padding="same", name="high")(h)
    model = kerata.Model(inputs, layers.GlobalAveragePooling2D()(h), name="base")
    model.trainable = trainable
    return model


def head(h):
    h = layers.Dropout(0.2)(layers.Dense(6, "tanh", kernel_regularizer="l2")(h))
    return layers.Dense(3, "softmax")(layers.BatchNormalization()(h))


def plain():
    inputs = kerata.Input((12, 12, 3))
    return kerata.Model(inputs, head(base()(inputs))), X, V


def inference_asked_for():
    inputs = kerata.Input((12, 12, 3))
    return kerata.Model(inputs, head(base(0.3)(inputs, training=False))), X, V


def inline():
    below = base()
    return kerata.Model(below.input, head(below.output)), X, V


def first_layers_frozen():
    below = base(trainable=True)
    for layer in below.layers[:3]:
        layer.trainable = False
    return kerata.Sequential([below, layers.Dense(3, "softmax")]), X, V


def dropout_within():
    """The draws change: only what comes before is the same in each epoch."""
    return kerata.Sequential([base(0.3), layers.Dense(3, "softmax")]), X, V


def subclass():
    class Own(kerata.Model):
        def __init__(self):
            super().__init__()
            self.below, self.above = base(), layers.Dense(3, "softmax")

        def call(self, x, training=False):
            return self.above(self.below(x / 2.0, training=training))

    return Own(), X, V


def twice_with_more_inputs():
    """One base for two inputs, and a third that goes by it."""
    a, b, c = kerata.Input((12, 12, 3), name="a"), kerata.Input((12, 12, 3), name="b"), kerata.Input((4,), name="c")
    below = base()
    outputs = head(layers.Concatenate()([below(a), below(b), layers.Dense(2)(c)]))
    more = X[:, 0, :4, 0]
    return kerata.Model([a, b, c], outputs), [X, X[::-1].copy(), more], [V, V + 1, more[:19]]


def masked_words():
    numbers = kerata.Input((7,), dtype="int32")
    below = kerata.Sequential([layers.Embedding(9, 5, mask_zero=True), layers.Dense(4, "relu")])
    below.trainable = False
    h = layers.GlobalAveragePooling1D()(below(numbers))
    words = np.random.default_rng(1).integers(0, 9, (37, 7))
    words[:, 0] = 1
    return kerata.Model(numbers, layers.Dense(3, "softmax")(h)), words, words[:19]


def recurrent():
    below = kerata.Sequential([layers.Reshape((12, 36)), layers.LSTM(5, return_sequences=True), layers.Dense(4)])
    below.trainable = False
    return kerata.Sequential([below, layers.LSTM(3), layers.Dense(3, "softmax")]), X, V


def normalized():
    """Statistics that `adapt` has set are no part of what is trained."""
    scale = layers.Normalization()
    scale.adapt(X)
    return kerata.Sequential([kerata.Input((12, 12, 3)), scale, base(), layers.Dense(3, "softmax")]), X, V


CASES = [
    plain, inference_asked_for, inline, normalized, first_layers_frozen, dropout_within, subclass, twice_with_more_inputs,
    masked_words, recurrent,
]  # fmt: skip


def trained(build, cache, *, policy="float32", split=False, **arguments):
    kerata.utils.set_random_seed(2)
    kerata.config.set_dtype_policy(policy)
    try:
        model, x, v = build()
    finally:
        kerata.config.set_dtype_policy("float32")
    model.compile(kerata.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    given = {"validation_split": 0.3} if split else {"validation_data": (v, W)}
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        history = model.fit(
            x, Y, **{"epochs": 3, "batch_size": 8, "verbose": 2, "seed": 5, "cache_frozen": cache, **given, **arguments}
        )
    return model, history.history, "computed once" in said.getvalue()


def compare(build, **arguments):
    model, history, said = trained(build, True, **arguments)
    other, expected, never = trained(build, False, **arguments)
    assert said and not never
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=2e-5, atol=2e-6, err_msg=name)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    return model


@pytest.mark.parametrize("build", CASES)
def test_numbers_are_those_of_every_epoch_anew(build):
    compare(build)


@pytest.mark.parametrize(
    "arguments",
    [
        {"shuffle": False}, {"split": True}, {"class_weight": {0: 2.0}}, {"sample_weight": np.linspace(0, 2, 37)},
        {"batch_size": 64}, {"policy": "mixed_bfloat16"}, {"policy": "mixed_float16"},
    ],
    ids=str,
)  # fmt: skip
def test_however_it_is_trained(arguments):
    compare(plain, **arguments)


def test_a_loss_of_the_batch_has_no_filled_up_rows():
    def contrast(y_true, y_pred):
        return kerata.ops.mean(kerata.ops.square(y_pred - kerata.ops.mean(y_pred, axis=0))) + kerata.ops.mean(y_pred[:, 0])

    def run(cache):
        kerata.utils.set_random_seed(2)
        model = plain()[0]
        model.compile("sgd", contrast)
        return model.fit(X, Y, epochs=3, batch_size=8, verbose=0, seed=5, cache_frozen=cache).history["loss"]

    np.testing.assert_allclose(run(True), run(False), rtol=1e-5)


def nothing_frozen():
    return kerata.Sequential([base(trainable=True), layers.Dense(3, "softmax")]), X, V


def augmented():
    return kerata.Sequential([layers.RandomFlip(), base(), layers.Dense(3, "softmax")]), X, V


def statistics_of_the_batch():
    """A normalization that is trained stands before what is frozen."""
    return kerata.Sequential([layers.BatchNormalization(), base(), layers.Dense(3, "softmax")]), X, V


@pytest.mark.parametrize("build", [nothing_frozen, augmented, statistics_of_the_batch])
def test_not_where_it_changes_from_epoch_to_epoch(build):
    assert not trained(build, True)[2]


@pytest.mark.parametrize("arguments", [{"epochs": 1}, {"steps_per_epoch": 3}, {"initial_epoch": 2}], ids=str)
def test_not_where_nothing_is_spared(arguments):
    assert not trained(plain, True, **arguments)[2]


def test_not_for_little_work(monkeypatch):
    monkeypatch.undo()
    assert not trained(plain, True)[2]


class Disturbing(kerata.callbacks.Callback):
    """Changes a weight that nobody trains."""

    def on_epoch_end(self, epoch, logs=None):
        layer = self.model.layers[1].get_layer("low")
        layer.set_weights([w + 0.1 for w in layer.get_weights()])


def test_a_frozen_weight_that_is_changed_is_noticed():
    compare(plain, callbacks=[Disturbing()])


def test_a_number_of_a_frozen_layer_that_is_changed_is_noticed():
    def build():
        inputs = kerata.Input((12, 12, 3))
        h = layers.ActivityRegularization(0.1)(base()(inputs))
        h = layers.LeakyReLU(0.1, name="leaky")(h)
        return kerata.Model(inputs, head(h)), X, V

    class Changing(kerata.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.get_layer("leaky").negative_slope = 0.5

    compare(build, callbacks=[Changing()])


def test_data_that_a_layer_is_adapted_to_anew_are_noticed():
    def run(cache):
        kerata.utils.set_random_seed(2)
        model = normalized()[0]
        model.compile("sgd", "sparse_categorical_crossentropy")
        again = kerata.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: model.layers[0].adapt((2 + epoch) * X))
        return model.fit(X, Y, epochs=4, batch_size=8, verbose=0, cache_frozen=cache, callbacks=[again]).history["loss"]

    np.testing.assert_allclose(run(True), run(False), rtol=1e-5)


def test_files_hold_all_weights(tmp_path):
    path = tmp_path / "m.keras"
    model = compare(plain, callbacks=[kerata.callbacks.ModelCheckpoint(path)])
    other = kerata.saving.load_model(path)
    np.testing.assert_allclose(other.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)


def test_a_second_fit_and_a_thawed_base():
    def run(cache):
        model = trained(plain, cache)[0]
        model.fit(X, Y, epochs=2, verbose=0, seed=1, cache_frozen=cache)
        model.layers[1].trainable = True
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model.fit(X, Y, epochs=2, verbose=0, seed=1, cache_frozen=cache).history["loss"]

    np.testing.assert_allclose(run(True), run(False), rtol=1e-5)


# Numbered batches of pictures


def generated(cache, *, steps=None, augment=None, batch_size=8, **arguments):
    """Trains on pictures of a generator, whose orders NumPy draws."""
    kerata.utils.set_random_seed(2)
    np.random.seed(3)
    generator = kerata.preprocessing.image.ImageDataGenerator(rescale=0.5, **(augment or {}))
    pictures, held_out = generator.flow(X, Y, batch_size=batch_size, shuffle=True), generator.flow(V, W, batch_size=batch_size)
    model = plain()[0]
    model.compile(kerata.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        history = model.fit(
            pictures,
            epochs=4,
            steps_per_epoch=steps,
            validation_data=held_out,
            seed=5,
            verbose=2,
            cache_frozen=cache,
            **arguments,
        )
    return history.history, model.get_weights(), "computed once" in said.getvalue(), np.random.random()


@pytest.mark.parametrize(
    "arguments", [{}, {"steps": 3}, {"steps": 7}, {"shuffle": False}, {"batch_size": 64}, {"class_weight": {0: 3.0}}], ids=str
)
def test_pictures_of_a_generator(arguments):
    history, weights, said, drawn = generated(True, **arguments)
    expected, others, never, also = generated(False, **arguments)
    # NumPy was asked for the same draws.
    assert said and not never and drawn == also
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=2e-5, atol=2e-6, err_msg=name)
    for a, b in zip(weights, others, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("augment", [{"horizontal_flip": True}, {"preprocessing_function": lambda x: x}, {"zoom_range": 0.1}])
def test_not_of_pictures_that_may_change(augment):
    assert not generated(True, augment=augment)[2]


def test_files_that_cannot_be_read_are_left_out_as_ever(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(6):
            kerata.utils.save_img(tmp_path / label / f"{number}.png", X[number] * 20 + 100, scale=False)
    whole = (tmp_path / "a" / "3.png").read_bytes()
    (tmp_path / "a" / "3.png").write_bytes(whole[: len(whole) // 2])

    def run(cache):
        kerata.utils.set_random_seed(2)
        np.random.seed(3)
        generator = kerata.preprocessing.image.ImageDataGenerator(rescale=1 / 255)
        pictures = generator.flow_from_directory(tmp_path, (12, 12), batch_size=4, class_mode="sparse")
        model = plain()[0]
        model.compile("adam", "sparse_categorical_crossentropy")
        with pytest.warns(UserWarning, match="3.png"):
            return model.fit(pictures, epochs=3, verbose=0, seed=1, cache_frozen=cache).history["loss"]

    np.testing.assert_allclose(run(True), run(False), rtol=1e-5)
