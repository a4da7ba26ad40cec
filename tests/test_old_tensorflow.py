"""`import tensorflow as tf` of old programs: tensors, tapes, data sets, without TensorFlow.

Expected numbers are those of TensorFlow 2.21 and `tf_keras`, recorded by `tools/tensorflow_numbers.py`.
"""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tensorflow_cases as cases
from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow.names import build


@pytest.fixture(scope="module")
def tf():
    return build("tfkeras2")[""]


NUMBERS = json.loads((Path(__file__).parent / "tensorflow_numbers.json").read_text())


def close(ours, theirs):
    """Whether two cases have the same types, shapes and numbers."""
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(close(*pair) for pair in zip(ours, theirs, strict=True))
    if (ours["dtype"], ours["shape"]) != (theirs["dtype"], theirs["shape"]):
        return False
    if any(isinstance(one, str) for one in theirs["values"]):
        return ours["values"] == theirs["values"]
    return np.allclose(ours["values"], theirs["values"], rtol=2e-5, atol=2e-5, equal_nan=True)


@pytest.fixture(scope="module")
def known(tf):
    return cases.names(tf, np)


@pytest.mark.parametrize("case", cases.CASES.strip().splitlines())
def test_functions_give_what_tensorflow_gave(case, known):
    ours = cases.plain(eval(case, known), np)
    assert close(ours, NUMBERS[case]), f"ours {ours}, TensorFlow {NUMBERS[case]}"


def test_a_tensor_behaves_as_tensorflows(tf):
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert repr(x[0]) == "<tf.Tensor: shape=(2,), dtype=float32, numpy=array([1., 2.], dtype=float32)>"
    assert str(x[0, 0]) == "tf.Tensor(1.0, shape=(), dtype=float32)"
    assert x.shape == (2, 2) and x.shape.as_list() == [2, 2] and x.dtype == tf.float32 and x.dtype == np.float32
    assert isinstance(x.numpy(), np.ndarray) and float(x[1, 1]) == 4.0 and f"{x[0, 1]:.2f}" == "2.00"
    assert [row.numpy().tolist() for row in x] == [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_allclose((2 * x - 1) / x @ x, [[5.5, 8.0], [83 / 12, 31 / 3]], rtol=1e-6)
    assert (np.ones((2, 2), "float32") + x).dtype == tf.float32 and bool(x[0, 0] < 2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of bounds"):
        x[5]


def test_types_are_not_mixed(tf):
    whole, real = tf.constant([1, 2]), tf.constant([1.0, 2.0])
    assert whole.dtype == tf.int32 and (whole + 1).dtype == tf.int32 and (whole / 2).dtype == tf.float64
    with pytest.raises(tf.errors.InvalidArgumentError, match="int32 tensor but is a float32"):
        _ = whole + real
    with pytest.raises(TypeError, match="int32"):
        _ = whole + 1.5
    wide = tf.constant(np.array([0.1, 0.2]))
    assert wide.dtype == tf.float64 and (wide * 3).numpy()[0] == 0.1 * 3
    assert tf.argmax(real).dtype == tf.int64 and tf.cast(1.7, tf.int32).numpy() == 1


def test_gradients_to_tensors_and_variables(tf):
    x, v = tf.constant([1.0, 2.0, 3.0]), tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(x * x * v)
    gradients = tape.gradient(y, [x, v])
    np.testing.assert_allclose(gradients[0], [2.0, 8.0, 18.0])
    np.testing.assert_allclose(gradients[1], [1.0, 4.0, 9.0])
    with pytest.raises(RuntimeError, match="non-persistent"):
        tape.gradient(y, x)
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            cube = x**3
        slope = inner.gradient(cube, x)
    np.testing.assert_allclose(outer.gradient(slope, x), [6.0, 12.0, 18.0])
    with tf.GradientTape(persistent=True) as tape:
        y, z = v[0] ** 2, tf.exp(v[1])
    assert float(tape.gradient(y, v)[0]) == 2.0 and tape.gradient(z, x) is None


def test_a_tensor_that_a_tape_follows_is_not_lost_in_silence(tf):
    import jax.numpy as jnp

    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        with pytest.raises(TypeError, match="no tape can follow"):
            jnp.sum(jnp.asarray(x * x))


def test_a_loop_by_hand_is_that_of_fit(tf):
    draws = np.random.RandomState(0)
    x, y = draws.rand(32, 4).astype("float32"), draws.randint(0, 3, 32)
    models = [keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu"), keras.layers.Dense(3)]) for _ in range(2)]
    models[1].set_weights(models[0].get_weights())
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    models[0].compile(keras.optimizers.SGD(0.1, momentum=0.9), loss_of)
    models[0].fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(16), epochs=2, verbose=0)
    optimizer, model = keras.optimizers.SGD(0.1, momentum=0.9), models[1]
    for _ in range(2):
        for a, b in tf.data.Dataset.from_tensor_slices((x, y)).batch(16):
            with tf.GradientTape() as tape:
                loss = loss_of(b, model(a, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    for one, other in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_what_elements_of_data_sets_are(tf):
    """TensorFlow's answers: the number of rows in a batch is open, and what follows from it."""
    data = tf.data.Dataset.from_tensor_slices((np.zeros((5, 3), "float32"), np.zeros(5, "int32")))
    pairs = data.batch(2)
    cases = {
        (None, 3): [
            pairs,
            pairs.map(lambda x, y: (x * 2, y)),
            pairs.take(1),
            pairs.repeat(),
            data.padded_batch(2),
            pairs.shuffle(2),
        ],
        (2, 3): [data.batch(2, drop_remainder=True), data.batch(2, drop_remainder=True).map(lambda x, y: (x * 2, y))],
        (3,): [data, pairs.unbatch(), pairs.map(lambda x, y: (tf.reduce_sum(x, 0), y))],
        (None, None, 3): [pairs.batch(2)],
    }
    for shape, several in cases.items():
        assert all(one.element_spec[0] == tf.TensorSpec(shape, tf.float32) for one in several)
    both = pairs.concatenate(data.batch(2, drop_remainder=True))
    assert both.element_spec[1] == tf.TensorSpec((None,), tf.int32)


def test_data_sets(tf):
    numbers = tf.data.Dataset.range(10).map(lambda n: n * 2).filter(lambda n: n > 4)
    assert [int(n) for n in numbers] == [6, 8, 10, 12, 14, 16, 18]
    batches = tf.data.Dataset.from_tensor_slices({"a": np.arange(5), "b": np.ones((5, 2), "float32")}).batch(2)
    assert batches.element_spec["b"] == tf.TensorSpec((None, 2), tf.float32) and len(batches) == 3
    assert [len(batch["a"]) for batch in batches.as_numpy_iterator()] == [2, 2, 1]
    shuffled = tf.data.Dataset.range(100).shuffle(10, seed=1)
    first, second = ([int(n) for n in shuffled] for _ in range(2))
    assert sorted(first) == list(range(100)) and first != second and max(n - i for i, n in enumerate(first)) < 10


def test_the_derivative_of_one_output_to_another(tf):
    inputs = keras.Input((6, 6, 1))
    maps = keras.layers.Conv2D(3, 3, activation="relu")(inputs)
    model = keras.Model(inputs, [maps, keras.layers.Dense(4)(keras.layers.GlobalAveragePooling2D()(maps))])
    model.set_weights([np.sin(np.arange(w.size)).reshape(w.shape) * 0.5 for w in model.get_weights()])
    with tf.GradientTape() as tape:
        found, scores = model(np.random.RandomState(0).rand(2, 6, 6, 1).astype("float32"))
        score = scores[:, 1]
    slope = tape.gradient(score, found)
    np.testing.assert_allclose(slope, np.broadcast_to(model.get_weights()[2][:, 1] / 16, slope.shape), rtol=1e-5)


def test_a_step_with_a_tape_is_part_of_fit(tf):
    class Pair(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
            self.second = keras.Sequential([keras.Input((2,)), keras.layers.Dense(4)])
            self.other = keras.optimizers.SGD(0.1, momentum=0.9)

        def train_step(self, data):
            with tf.GradientTape(persistent=True) as tape:
                loss = tf.reduce_mean((self.second(self.first(data)) - data) ** 2)
            for optimizer, part in ((self.optimizer, self.first), (self.other, self.second)):
                gradients = tape.gradient(loss, part.trainable_weights)
                optimizer.apply_gradients(zip(gradients, part.trainable_weights, strict=True))
            return {"loss": loss}

    x = np.random.RandomState(0).rand(8, 4).astype("float32")
    models = [Pair(), Pair()]
    for model in models:
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
        model.set_weights([np.sin(np.arange(w.size)).reshape(w.shape) * 0.3 for w in model.get_weights()])
    history = models[0].fit(x, epochs=4, batch_size=8, verbose=0).history["loss"]
    by_hand = [float(models[1].train_step(tf.constant(x))["loss"]) for _ in range(4)]
    np.testing.assert_allclose(history, by_hand, rtol=1e-5)
    assert int(models[0].other.iterations.numpy()) == 4 and history[3] < history[0]


def test_arrays_beside_tensors_are_those_of_the_call(tf):
    predictions = tf.constant(np.linspace(0, 1, 12000, dtype="float32").reshape(3000, 4))
    for middle in (0.25, 40.0):
        targets = np.zeros((3000, 4), "float32")
        targets[1500] = middle
        expected = ((targets - predictions.numpy()) ** 2).mean(axis=-1)
        np.testing.assert_allclose(keras.losses.mse(targets, predictions).numpy(), expected, rtol=1e-6)
        np.testing.assert_allclose(keras.losses.MeanSquaredError()(targets, predictions).numpy(), expected.mean(), rtol=1e-5)


def test_terms_of_the_loss_beside_the_outputs_are_there_under_a_tape(tf):
    class Own(keras.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(3, 2), initializer="ones", name="w")

        def call(self, x):
            return tf.matmul(x, self.w)

    inputs = keras.layers.Input((3,))
    hidden = Own()(inputs)
    model = keras.models.Model(inputs, {"z": keras.layers.Dense(1)(hidden), "a": hidden})
    model.add_loss(tf.reduce_mean(tf.square(hidden)))
    x = np.arange(6, dtype="float32").reshape(2, 3)
    with tf.GradientTape() as tape:
        outputs = model(tf.constant(x))
        loss = sum(model.losses)
    assert list(outputs) == ["z", "a"]
    made = x @ np.ones((3, 2))
    np.testing.assert_allclose(loss.numpy(), (made**2).mean(), rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, model.trainable_weights[0]).numpy(), 2 * x.T @ made / made.size, rtol=1e-6)


def test_what_tutorials_of_the_time_ask_for(tf):
    batches = tf.data.Dataset.from_tensor_slices((np.arange(6).reshape(3, 2), np.arange(3.0))).padded_batch(2)
    assert [tuple(part.shape.as_list() for part in batch) for batch in batches] == [([2, 2], [2]), ([1, 2], [1])]
    assert isinstance(keras.layers.experimental.preprocessing.RandomFlip("horizontal"), keras.layers.RandomFlip)
    assert keras.Input((1,), dtype=tf.string).dtype == "string"
    windows = keras.preprocessing.timeseries_dataset_from_array(np.arange(20.0).reshape(10, 2), None, 3, batch_size=4)
    pairs = list(windows.map(lambda window: (window[:, :2, :], window[:, 2:, 0])))
    assert [tuple(pair[1].shape) for pair in pairs] == [(4, 1), (4, 1)] and pairs[0][1].numpy().ravel().tolist() == [
        4,
        6,
        8,
        10,
    ]
    mask = keras.layers.Embedding(5, 2, mask_zero=True).compute_mask(tf.constant([[1, 0]]))
    assert mask.numpy().tolist() == [[True, False]]


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_losses_of_tensorflow_1_are_means_of_all(era):
    modules = build(era)
    labels, found = np.float32([[1, 2], [3, 4]]), np.float32([[1, 0], [3, 0]])
    assert float(modules["compat.v1.losses"].mean_squared_error(labels, found)) == 5.0
    assert ("losses" in modules) == (era == "keras2")
    assert modules["compat.v1.image"].resize is modules["image"].resize_images is not modules["image"].resize


def test_gifs_are_all_of_their_frames_or_the_first(tf):
    frames = [Image.fromarray(np.full((2, 3), shade, np.uint8)) for shade in (10, 200)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert tf.io.decode_gif(file.getvalue()).shape == tf.io.decode_image(file.getvalue()).shape == (2, 2, 3, 3)
    first = tf.io.decode_image(file.getvalue(), expand_animations=False).numpy()
    assert first.shape == (2, 3, 3) and (first == 10).all()


def test_a_jpeg_is_read_at_half_its_size_and_floats_are_no_file(tf):
    data = tf.io.encode_jpeg(np.full((8, 12, 3), 90, np.uint8), chroma_downsampling=False)
    assert tf.io.decode_jpeg(data, ratio=2).shape == (4, 6, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="ratio"):
        tf.io.decode_jpeg(data, ratio=3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="uint8"):
        tf.io.encode_png(np.ones((2, 2, 3), np.float32))
