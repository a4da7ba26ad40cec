"""`tf.keras.optimizers.legacy`: the rules that `tf.keras` had up to TensorFlow 2.10.

Losses of three epochs and the first weights after them are those of tf_keras 2.21.
"""

import numpy as np
import pytest

import kerata
from kerata.legacy import tfkeras2 as keras

legacy = keras.optimizers.legacy

VALUES = {
    ("RMSprop", (("learning_rate", 0.01),)): ([0.12664, 0.07029, 0.05682], [0.1457, 0.1420, 0.2161, -0.0331]),
    ("RMSprop", (("learning_rate", 0.01), ("epsilon", 1e-2))): ([0.12876, 0.07289, 0.05803], [0.1403, 0.1656, 0.2076, -0.0063]),
    ("RMSprop", (("learning_rate", 0.01), ("centered", True))): (
        [0.12484, 0.06742, 0.05562],
        [0.1490, 0.1408, 0.2238, -0.0343],
    ),
    ("Adagrad", (("learning_rate", 0.1), ("initial_accumulator_value", 0.0), ("epsilon", 1e-2))): (
        [0.10172, 0.05760, 0.05563],
        [0.1500, 0.1058, 0.2499, -0.0594],
    ),
    ("Nadam", (("learning_rate", 0.01),)): ([0.15270, 0.11211, 0.08300], [0.1191, 0.1555, 0.1781, -0.0180]),
    ("Nadam", (("learning_rate", 0.01), ("beta_1", 0.8))): ([0.15159, 0.10697, 0.07701], [0.1252, 0.1524, 0.1852, -0.0215]),
}


def train(optimizer):
    """The losses, and the first four weights after them."""
    model = keras.models.Sequential([keras.layers.Dense(2, input_shape=(3,)), keras.layers.Dense(1)])
    rng = np.random.RandomState(0)
    model.set_weights([rng.rand(*w.shape) - 0.5 for w in model.get_weights()])
    model.compile(optimizer, "mse")
    x, y = rng.rand(32, 3), rng.rand(32, 1)
    losses = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0).history["loss"]
    return losses, model.get_weights()[0].ravel()[:4]


@pytest.mark.parametrize(("name", "given"), VALUES)
def test_rules_up_to_tensorflow_2_10(name, given):
    losses, weights = train(getattr(legacy, name)(**dict(given)))
    np.testing.assert_allclose(losses, VALUES[name, given][0], atol=6e-6)
    np.testing.assert_allclose(weights, VALUES[name, given][1], atol=6e-5)


@pytest.mark.parametrize("name", ["RMSprop", "Adagrad"])
def test_their_rules_with_momentum_and_without_an_epsilon_are_those_of_today(name):
    given = {"learning_rate": 0.01, "epsilon": 1e-2, "momentum": 0.5} if name == "RMSprop" else {"epsilon": 1e-12}
    then, today = (train(getattr(room, name)(**given)) for room in (legacy, keras.optimizers))
    np.testing.assert_allclose(then[1], today[1], rtol=1e-6)


def test_they_are_classes_of_their_own():
    for name in ("Adam", "SGD", "Nadam", "Ftrl"):
        assert getattr(legacy, name) is not getattr(keras.optimizers, name)
        assert issubclass(getattr(legacy, name), legacy.Optimizer)


def test_h5_names_them_as_they_were(tmp_path):
    model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    model.compile(legacy.Nadam(0.01), "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    with pytest.warns(UserWarning, match="Keras 3 reads the optimizer as Nadam, whose rule differs a little"):
        model.save(tmp_path / "model.h5")
    again = keras.models.load_model(tmp_path / "model.h5")
    assert isinstance(again.optimizer, legacy.Nadam) and int(again.optimizer.iterations) == 1
    ours, read = ([a for a in one.optimizer.get_weights() if np.ndim(a)] for one in (model, again))
    assert len(ours) == len(read) == 4 and all(np.array_equal(*pair) for pair in zip(ours, read, strict=True))


@pytest.mark.parametrize("era", ["keras1", "keras2", "tfkeras2"])
def test_the_optimizer_of_a_file_is_one_of_the_era(tmp_path, era):
    of_era = getattr(kerata.legacy, era)
    model = of_era.models.Sequential([of_era.layers.Dense(1, input_shape=(2,))])
    model.compile(of_era.optimizers.Adam(0.01), "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    model.save(tmp_path / "model.h5")
    again = of_era.models.load_model(tmp_path / "model.h5")
    assert isinstance(again.optimizer, of_era.optimizers.Adam)
    assert of_era.backend.get_value(again.optimizer.lr) == pytest.approx(0.01)
    ours, read = (one.optimizer.get_weights() for one in (model, again))
    assert len(ours) == len(read) == 5 and all(np.array_equal(*pair) for pair in zip(ours, read, strict=True))
