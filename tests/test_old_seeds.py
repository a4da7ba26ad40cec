"""Seeds give the numbers of TensorFlow: those that TensorFlow 2.21 and `tf_keras` 2.21 printed, and a book."""

import random

import jax.numpy as jnp
import numpy as np
import pytest

import kerata
from kerata.engine.seeds import Law, law, obey
from kerata.kernels import philox
from kerata.legacy import install_as_keras, keras1, keras2, tfkeras2
from kerata.legacy.installing import uninstall
from kerata.legacy.seeding import OfKeras1, OfKeras23
from kerata.legacy.tensorflow import seeds
from kerata.legacy.tensorflow.names import build

tf, keras = build("tfkeras2")[""], tfkeras2
tf.image = build("tfkeras2")["image"]


@pytest.fixture(autouse=True)
def of_tensorflow():
    before = seeds.SEEDS.begun, seeds.SEEDS.of_keras
    seeds.SEEDS.begun = seeds.SEEDS.of_keras = None
    obey(seeds.OfKeras2())
    yield
    obey(Law())
    seeds.SEEDS.begun, seeds.SEEDS.of_keras = before


def holds(value, text):
    wanted = [float(word) for word in text.split()]
    np.testing.assert_allclose(np.asarray(value, float).ravel()[: len(wanted)], wanted, rtol=2e-5, atol=2e-6)


def test_operations_that_are_done_at_once():
    tf.random.set_seed(7)
    holds(tf.random.uniform([2], seed=1), "0.460375 0.928518")
    # The next with the same seeds goes on, whatever its shape.
    holds(tf.random.uniform([3], seed=1), "0.740752 0.292138 0.447567")
    holds(tf.random.uniform([2], seed=2), "0.280009 0.686867")
    holds(tf.random.normal([2], seed=1), "-0.540805 1.12203")
    holds(tf.random.normal([4], 2.0, 3.0, seed=1), "4.24315 1.39183 -1.40775 0.309447")
    holds(tf.random.uniform([5], -3, 9, tf.int32, seed=1), "-3 0 8 -3 4")
    holds(tf.random.uniform([5], -3, 9, tf.int64, seed=1), "-3 8 4 5 7")
    holds(tf.random.uniform([3], maxval=100000000000, dtype=tf.int64), "1.6025e+10 7.67186e+09 5.17814e+10")
    tf.random.set_seed(7)
    holds(tf.random.uniform([2], seed=1), "0.460375 0.928518")
    holds(tf.random.uniform([1])[:0], "")


def test_each_operation_has_a_seed_of_its_own():
    tf.random.set_seed(42)
    holds(tf.random.uniform((3,)), "0.6645621 0.44100678 0.3528825")
    holds(tf.random.normal((3,)), "0.0842246 -0.860904 0.378123")
    holds(tf.random.uniform((3,), seed=5), "0.0262107 0.43447 0.266865")
    holds(tf.random.uniform((5,), maxval=10, dtype=tf.int32), "4 2 7 4 3")
    holds(tf.random.truncated_normal((5,)), "0.656487 -0.413052 0.339975 -1.00563 1.68905")
    holds(tf.random.shuffle(tf.range(6)), "3 1 4 0 5 2")


def test_orders_and_dropout():
    tf.random.set_seed(1)
    for _ in range(4):
        seeds.SEEDS.draw_seed()
    holds(tf.random.shuffle(tf.range(6)), "2 5 1 4 0 3")
    tf.random.set_seed(1)
    one, two = (tf.random.shuffle(tf.reshape(tf.range(14), (7, 2)), seed=3).numpy() for _ in range(2))
    assert (one[:, 1] - one[:, 0] == 1).all() and (one != two).any()
    kept = tf.nn.dropout(tf.ones((3, 40)), 0.25, noise_shape=(3, 1)).numpy()
    assert {len(set(row)) for row in kept.tolist()} == {1}
    tf.random.set_seed(3)
    wanted = tf.random.uniform((50,), seed=2).numpy() >= 0.25
    tf.random.set_seed(3)
    np.testing.assert_array_equal(tf.nn.dropout(tf.ones(50), 0.25, seed=2).numpy() > 0, wanted)


def test_without_a_seed_for_all():
    first = tf.random.uniform((3,), seed=1).numpy()
    assert (tf.random.uniform((3,), seed=1).numpy() != first).any()
    assert (tf.random.uniform((8,)).numpy() != tf.random.uniform((8,)).numpy()).any()
    np.testing.assert_array_equal(first, philox.units(philox.from_seeds(87654321, 1), 3))


def test_generators():
    g = tf.random.Generator.from_seed(5)
    holds(g.normal([3]), "1.02785 0.279741 -0.0134792")
    holds(g.uniform([3]), "0.156138 0.835294 0.164765")
    holds(g.truncated_normal([3]), "-0.53566 -0.498109 -1.25514")
    holds(g.uniform([4], 0, 10, tf.int32), "0 2 2 9")
    holds(g.normal([2, 2], 1.0, 2.0), "-0.156221 0.142021 -2.19524 2.28667")
    g.skip(3)
    holds(g.normal([3]), "0.899468 0.68058 -0.801824")
    g.reset_from_seed(5)
    holds(g.normal([3]), "1.02785 0.279741 -0.0134792")


def test_operations_without_state():
    r = tf.random
    holds(r.stateless_uniform([4], [3, 4]), "0.243287 0.983506 0.220417 0.46792")
    holds(r.stateless_uniform([4], [3, 4], 0, 50, tf.int32), "13 47 12 49")
    holds(r.stateless_uniform([4], [3, 4], 0, 50, tf.int64), "25 16 21 44")
    holds(r.stateless_uniform([3], [1, 2], dtype=tf.float64), "0.752484 0.969786 0.175922")
    holds(r.stateless_normal([2, 2], [3, 4], 1.0, 2.0), "0.652132 4.34471 1.69634 -2.40778")
    found = "-1.78029 -0.308329 -0.310646 -0.383728 -0.629376 0.258755 0.587243 1.22024"
    holds(r.stateless_truncated_normal([9], [3, -4]), found)
    holds(r.stateless_uniform([2], tf.constant([2**40, 7], tf.int64)), "0.430842 0.70575")
    holds(r.split([1, 2], 3), "1105990000 1738050000 -335576000 370444000 10670200 -246211000")
    holds(r.fold_in([1, 2], 3), "1105990000 3")


def test_many_numbers_are_those_of_few():
    state = philox.from_pair(3, 4)
    for draw in (philox.units, philox.normals, philox.nears):
        np.testing.assert_array_equal(draw(state, 100_001)[:999], draw(state, 999))
    assert abs(philox.nears(state, 100_001)).max() < 2


def test_weights_after_set_random_seed():
    keras.utils.set_random_seed(42)
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(4,)), keras.layers.Dense(2)])
    holds(model.get_weights()[0], "0.663237 0.30113 -0.261617 0.833219 -0.781279 0.282065")
    holds(model.get_weights()[2], "1.04978 -0.0393969 0.582991 0.532107 0.69232 -0.835433")
    x = np.random.RandomState(0).rand(64, 4).astype("float32")
    keras.utils.set_random_seed(42)
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    one = model.fit(x, x[:, :2], epochs=2, batch_size=8, verbose=0).history["loss"]
    # Each `fit` begins with the same order, in whichever state NumPy's numbers are.
    keras.utils.set_random_seed(42)
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(4,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    np.random.seed(9)
    assert model.fit(x, x[:, :2], epochs=2, batch_size=8, verbose=0).history["loss"] == one


@pytest.mark.parametrize(
    ("make", "shape", "sums"),
    [
        (lambda L: L.Dense(3), (2, 4), "1.9875 0"),
        (lambda L: L.SeparableConv2D(3, 2), (2, 5, 5, 4), "-0.3903 0.71184 0"),
        (lambda L: L.LSTM(3), (2, 4, 5), "-3.8146 -0.34005 3"),
        (lambda L: L.Bidirectional(L.LSTM(3)), (2, 4, 5), "-3.8146 -0.34005 3 0.039639 1.6386 3"),
        (lambda L: L.Embedding(5, 3), (2, 4), "0.010371"),
    ],
)
def test_layers_take_their_seeds_as_they_are_built(make, shape, sums):
    keras.utils.set_random_seed(7)
    layer = make(keras.layers)
    layer(np.ones(shape, "float32"))
    holds([np.asarray(w).astype("float64").sum() for w in layer.weights], sums)


def test_attention_counts_its_axes_as_it_did():
    keras.utils.set_random_seed(7)
    layer = keras.layers.MultiHeadAttention(2, 3)
    layer(np.ones((2, 4, 5), "float32"), np.ones((2, 4, 5), "float32"))
    holds([np.asarray(w).astype("float64").sum() for w in layer.weights[::2]], "-0.82455 0.15442 -0.17408 -0.88685")


def test_weights_of_a_book():
    """Chapter 10 of Géron's second edition, whose programs call `tf.random.set_seed` alone."""
    keras.backend.clear_session()
    np.random.seed(42)
    tf.random.set_seed(42)
    model = keras.models.Sequential()
    model.add(keras.layers.Flatten(input_shape=[28, 28]))
    model.add(keras.layers.Dense(300, activation="relu"))
    found = model.layers[1].get_weights()[0]
    np.testing.assert_allclose(found[0, :3], [0.02448617, -0.00877795, -0.02189048], atol=5e-9)
    np.testing.assert_allclose(found[0, -3:], [-0.02766046, 0.03859074, -0.06889391], atol=5e-9)


def test_orders_of_fit():
    tf.random.set_seed(1)
    wanted = [[2, 4, 0, 8, 9, 1, 5, 6, 3, 7], [9, 4, 3, 5, 1, 0, 7, 2, 8, 6]]
    assert seeds.orders_of_fit(0, 2, 10).tolist() == wanted
    assert seeds.orders_of_fit(1, 1, 10).tolist() == wanted[1:]
    tf.random.set_seed(42)
    assert seeds.orders_of_fit(0, 1, 10).tolist() == [[3, 8, 7, 5, 2, 0, 1, 6, 9, 4]]
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(1,), kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(1.0), "mae", metrics=[])
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(float(self.model.get_weights()[0][0, 0]))

    x = np.arange(10.0)[:, None] + 1
    model.fit(x, 1000 * np.ones_like(x), epochs=1, batch_size=1, verbose=0, callbacks=[Watch()])
    # Each step adds its sample.
    np.testing.assert_allclose(np.diff([0.0, *seen]), np.array([3, 8, 7, 5, 2, 0, 1, 6, 9, 4]) + 1.0, rtol=1e-5)


def test_draws_in_functions_and_programs_are_those_of_kerata():
    @tf.function
    def draw():
        return tf.random.uniform((3,), seed=1)

    tf.random.set_seed(7)
    one = draw().numpy()
    tf.random.set_seed(7)
    np.testing.assert_array_equal(draw().numpy(), one)
    holds(tf.random.uniform([2], seed=1), "0.460375 0.928518")


def test_members_of_a_population_are_drawn_by_their_own_seeds():
    keras.utils.set_random_seed(1)
    x = np.random.RandomState(0).rand(24, 3).astype("float32")
    model = keras.Sequential([keras.layers.Dense(3, input_shape=(3,)), keras.layers.Dropout(0.1), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    # Importing scikit-learn draws from Python's numbers.
    model.cross_validate(x, x[:, :1], cv=3, epochs=1)
    state = random.getstate()
    found = [model.cross_validate(x, x[:, :1], cv=3, epochs=2).scores["loss"] for _ in range(2)]
    np.testing.assert_array_equal(found[0], found[1])
    assert random.getstate() == state
    weights = [m.get_weights()[0] for m in model.cross_validate(x, x[:, :1], cv=2, epochs=1).models]
    assert (weights[0] != weights[1]).any()


def test_an_initializer_of_keras_2_draws_anew_each_time():
    obey(Law())
    one = keras2.initializers.glorot_uniform()
    assert (np.asarray(one((3, 2))) != np.asarray(one((3, 2)))).any()


def test_keras_2_on_tensorflow_1():
    """`numpy.random.seed` gives each operation a seed; TensorFlow 2.21 draws such numbers in a session."""
    obey(OfKeras23())
    np.random.seed(7)
    model = keras2.models.Sequential()
    model.add(keras2.layers.Dense(12, input_dim=8, kernel_initializer="uniform"))
    model.add(keras2.layers.Dense(8, kernel_initializer="uniform"))
    model.add(keras2.layers.Dense(2, kernel_initializer=keras2.initializers.RandomUniform()))
    model.add(keras2.layers.Dense(3, kernel_initializer="uniform"))
    np.random.seed(7)
    for kernel in model.get_weights()[::2]:
        drawn = philox.units(philox.from_seeds(87654321, np.random.randint(10_000_000)), kernel.size)
        np.testing.assert_allclose(kernel.ravel(), drawn * 0.1 - 0.05, atol=1e-7)
    # What a session of TensorFlow 1 gave for `random_uniform((3,), -1, 1, seed=5)`, and the same of a normal distribution.
    holds(law().numbers.uniform((5, 0), (3,), -1.0, 1.0, np.dtype("float32")), "-0.22337747 0.32736564 -0.6161785")
    holds(law().numbers.truncated((5, 0), (3,), 0.0, 1.0, np.dtype("float32")), "-1.1780828 -0.7099414 -1.748158")
    tf.random.set_seed(42)
    holds(law().numbers.uniform((5, 0), (3,), -1.0, 1.0, np.dtype("float32")), "-0.94757867 -0.1310606 -0.46626925")
    one, two = (keras2.initializers.Orthogonal()((4, 3)) for _ in range(2))
    assert (one != two).any()
    np.testing.assert_allclose(one.T @ one, np.eye(3), atol=1e-5)


def test_keras_1_on_theano():
    obey(OfKeras1())
    np.random.seed(7)
    model = keras1.models.Sequential()
    model.add(keras1.layers.Dense(12, input_dim=8, init="uniform"))
    model.add(keras1.layers.Dense(8, init="glorot_uniform"))
    np.random.seed(7)
    limit = np.sqrt(6 / 20)
    for kernel, most in zip(model.get_weights()[::2], (0.05, limit), strict=True):
        np.testing.assert_allclose(kernel, np.random.uniform(-most, most, kernel.shape), atol=1e-7)


def test_dropouts_of_then_took_a_number():
    obey(OfKeras23())
    np.random.seed(7)
    model = keras2.models.Sequential([keras2.layers.Dense(3, input_dim=8)])
    for layer in (keras2.layers.Dropout(0.5), keras2.layers.Dropout(0.0), keras2.layers.GaussianNoise(0.1)):
        model.add(layer)
    model.add(keras2.layers.Dropout(0.5, seed=3))
    model.add(keras2.layers.Dense(2, kernel_initializer="uniform"))
    np.random.seed(7)
    seed = np.random.randint(10_000_000, size=4)[-1]
    np.testing.assert_allclose(
        model.get_weights()[2].ravel(), philox.units(philox.from_seeds(87654321, int(seed)), 6) * 0.1 - 0.05, atol=1e-7
    )


@pytest.mark.parametrize("era", [keras1, keras2])
def test_their_fits_shuffle_what_they_have_shuffled(era):
    obey(OfKeras1() if era is keras1 else OfKeras23())
    model = era.models.Sequential(
        [era.layers.Dense(1, input_dim=1, **{"init" if era is keras1 else "kernel_initializer": "zero"})]
    )
    model.compile(era.optimizers.SGD(lr=1.0), "mae")
    seen = []

    class Watch(era.callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            seen.append(float(self.model.get_weights()[0][0, 0]))

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                self.model.stop_training = True

    x = np.arange(10.0)[:, None] + 1
    np.random.seed(3)
    epochs = {"nb_epoch" if era is keras1 else "epochs": 9}
    model.fit(x, 1e5 * np.ones_like(x), batch_size=1, verbose=0, callbacks=[Watch()], **epochs)
    after = np.random.rand()
    np.random.seed(3)
    order, wanted = np.arange(10), []
    for _ in range(3):
        np.random.shuffle(order)
        wanted += order.tolist()
    np.testing.assert_allclose(np.diff([0.0, *seen]), np.array(wanted) + 1.0, rtol=1e-4)
    assert np.random.rand() == after


def test_an_era_brings_its_law():
    try:
        install_as_keras("tfkeras2")
        assert isinstance(law(), seeds.OfKeras2)
        install_as_keras("keras2")
        assert type(law()) is OfKeras23
        install_as_keras("keras1")
        assert type(law()) is OfKeras1
        install_as_keras("keras3")
        import tensorflow

        assert type(law()) is seeds.OfKeras3 and tensorflow is not None
    finally:
        uninstall()
    assert type(law()) is Law


def test_keras_3_on_tensorflow():
    """Numbers of Keras 3.15 on TensorFlow 2.21."""
    obey(seeds.OfKeras3())
    kerata.utils.set_random_seed(1)
    holds(kerata.random.normal((3,), seed=5), "-2.05538 1.15819 0.191609")
    holds(kerata.initializers.GlorotUniform(seed=1)((2, 3)), "0.829226 -0.0876789 0.219727 -0.235307")
    orders = law().orders()
    assert orders(0, 2, 10).tolist() == [[2, 4, 0, 8, 9, 1, 5, 6, 3, 7]] * 2


def test_data_sets_follow_the_seed_of_all():
    tf.random.set_seed(42)
    data = build("tfkeras2")["data"].Dataset

    def seen(given):
        return [int(one) for one in given]

    first = data.range(10).shuffle(5)
    assert seen(first) == [0, 1, 2, 3, 4, 7, 8, 5, 9, 6] and seen(first) == [3, 2, 6, 1, 8, 7, 4, 9, 0, 5]
    # It has taken the seed of one operation.
    holds(tf.random.uniform([2]), "0.6878912448883057 0.48447883129119873")
    assert seen(data.range(10).shuffle(5, seed=3)) == [1, 4, 3, 2, 5, 6, 9, 8, 0, 7]
    assert seen(data.range(10).shuffle(5, reshuffle_each_iteration=False)) == [4, 3, 0, 7, 1, 2, 6, 5, 8, 9]
    assert seen(data.random(seed=4).take(3)) == [671160593, 3187425363, 328799123]


def test_pictures_changed_at_random():
    picture = tf.reshape(tf.range(48.0), (4, 4, 3))
    holds(tf.image.stateless_random_brightness(tf.ones((2, 2, 3)), 0.5, seed=(1, 2)), "1.34406 1.34406")
    holds(tf.image.stateless_random_crop(picture, (2, 2, 3), seed=(1, 2)), "18 19 20 21 22 23 30 31")
    tf.random.set_seed(2)
    first = tf.image.random_crop(picture, (2, 2, 3), seed=1).numpy()
    tf.random.set_seed(2)
    np.testing.assert_array_equal(tf.image.random_crop(picture, (2, 2, 3), seed=1).numpy(), first)
    assert jnp.asarray(first).shape == (2, 2, 3)
