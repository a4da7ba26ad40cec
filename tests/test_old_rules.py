"""Optimizers that programs of `tf.keras` wrote themselves.

Numbers are those of `tf_keras` 2.21, which `python tests/rule_cases.py` prints where it is installed.
"""

import types

import numpy as np
import pytest

import rule_cases
from kerata import search
from kerata.legacy import keras1, keras2, tfkeras2
from kerata.legacy.tensorflow.names import build
from quickly import slow

TF = types.SimpleNamespace(**vars(build("tfkeras2")[""]), keras=tfkeras2)
NUMBERS = {
    "rule": [[3.969783, 1.310672], [1.075756, -1.348448, 0.605232, 0.067588], [0.486, -1.46275]],
    "rule with decay": [[4.109478, 1.967254], [0.815475, -0.905361, 0.464037, -0.067914], [0.54, -1.520909]],
    "rule with a schedule": [[3.716115, 2.084157], [0.595055, -0.722961, 0.341876, -0.060936], [0.388185, -1.332204]],
    "rule, clipped": [[4.52264, 2.232771], [0.812428, -1.072991, 0.182012, -0.118123], [0.874557, -1.749113]],
    "wrapper": [[4.372907, 2.436704], [0.731921, -0.700363, 0.316828, -0.063866], [0.743, -1.731375]],
    "wrapper of a built-in rule": [[4.630144, 3.163709], [0.612846, -0.43027, 0.219971, -0.084534], [0.800697, -1.800289]],
    "gradients changed": [[2.301769, 1.856267], [0.358595, -0.87239, 0.713794, 0.1], [0.062, -0.124]],
    "gradients changed before they are applied": [
        [4.200945, 1.789218],
        [0.952246, -1.038197, 0.512129, -0.06754],
        [0.700662, -1.700281],
    ],
    "a step halved": [[4.708428, 3.274703], [0.615959, -0.429588, 0.226695, -0.096682], [0.850312, -1.850137]],
    "transformers": [[1.673896, 0.01117], [1.017427, -1.986718, 0.490995, 0.285014], [0.216, -0.432]],
    "later form": [[4.605156, 2.986952], [0.8, -0.5, 0.3, -0.1], [0.85, -1.85]],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_rules_of_a_program(name):
    found = rule_cases.ran(TF, rule_cases.cases(TF)[name])
    for mine, right in zip(found, NUMBERS[name], strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-4, atol=2e-5)


def network(optimizer):
    model = tfkeras2.Sequential([tfkeras2.layers.Dense(1, input_shape=(3,), name="d")])
    model.set_weights(rule_cases.START)
    model.compile(optimizer, "mse")
    return model


def fitted(model, epochs=1):
    return model.fit(rule_cases.X, rule_cases.Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history["loss"]


def test_state_of_a_rule_is_in_files(tmp_path):
    kind = rule_cases.momentum_of(TF)
    model = network(kind(0.1, momentum=0.5, clipvalue=0.7))
    fitted(model)
    assert model.optimizer.get_config() == {
        **{"name": "Momentum", "learning_rate": 0.1, "decay": 0.0, "momentum": 0.5, "weight_decay": 0.0, "clipvalue": 0.7}
    }
    names = ["Momentum/iter:0", "Momentum/d/kernel/m:0", "Momentum/d/bias/m:0", "Momentum/d/kernel/largest:0"]
    assert [one.name for one in model.optimizer.weights][:4] == names
    assert model.optimizer.iterations.numpy() == 6 and len(model.optimizer.get_weights()) == 5
    model.save(tmp_path / "model.h5")
    again = tfkeras2.models.load_model(tmp_path / "model.h5", custom_objects={"Momentum": kind})
    np.testing.assert_allclose(fitted(again), fitted(model), rtol=1e-6)


def test_numbers_of_a_rule_are_set_between_fits():
    K = tfkeras2.backend
    model = network(rule_cases.momentum_of(TF)(0.1))
    fitted(model)
    K.set_value(model.optimizer.lr, 0.0)
    before = model.get_weights()
    fitted(model)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    model.optimizer.momentum = 0.25
    assert model.optimizer.momentum.numpy() == np.float32(0.25)
    wrapped = rule_cases.lookahead_of(TF)("adam")
    wrapped.learning_rate = 0.5
    assert float(wrapped.learning_rate) == float(wrapped._optimizer.learning_rate) == 0.5


def test_a_number_called_weight_decay_counts_once():
    """The rule itself makes something of it."""
    K = tfkeras2.backend

    class Decaying(tfkeras2.optimizers.Optimizer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.weight_decay = K.variable(0.5, name="weight_decay")

        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            return [K.update(p, p - 0.1 * g - 0.1 * self.weight_decay * p) for p, g in zip(params, grads, strict=True)]

    model = network(Decaying())
    model.train_on_batch(np.zeros((4, 3), "float32"), np.zeros((4, 1), "float32"))
    np.testing.assert_allclose(model.get_weights()[0], 0.95 * rule_cases.START[0], rtol=1e-6)


RULES = ["SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "Nadam"]
# Each rule in an era, and one rule in each.
OF_ERAS = [
    (era, name) if name == "SGD" or era is tfkeras2 else slow(era, name) for era in (keras1, keras2, tfkeras2) for name in RULES
]


@pytest.mark.parametrize(("keras", "name"), OF_ERAS, ids=lambda one: getattr(one, "__name__", one))
def test_built_in_rules_stay_those_of_today(keras, name):
    """A rule that takes one weight after the other is for programs' own: it knows the weights that it was built for alone."""
    optimizer = getattr(keras.optimizers, name)()
    assert not optimizer._is_stepwise
    model = keras.models.Sequential([keras.layers.Dense(2, input_shape=(3,)), keras.layers.Dense(1)])
    model.layers[0].trainable = False
    for _ in range(2):
        model.compile(optimizer, "mse")
        model.train_on_batch(rule_cases.X[:8], rule_cases.Y[:8])
        model.layers[0].trainable = True
    assert all(np.isfinite(w).all() for w in model.get_weights())


class Momentum(keras2.optimizers.Optimizer):
    """In the form of Keras 2, which makes what it keeps in `get_updates`."""

    def __init__(self, lr=0.05, **kwargs):
        super().__init__(**kwargs)
        self.lr = keras2.backend.variable(lr)

    def get_updates(self, loss, params):
        k = keras2.backend
        kept = [k.zeros(k.int_shape(one)) for one in params]
        self.updates = []
        for param, gradient, one in zip(params, self.get_gradients(loss, params), kept, strict=True):
            moved = 0.9 * one - self.lr * gradient
            self.updates += [k.update(one, moved), k.update(param, param + moved)]
        return self.updates


@pytest.mark.parametrize("name", ["rule, clipped", "wrapper", "wrapper of a built-in rule", "later form", "get_updates"])
def test_folds_are_trained_with_such_rules_side_by_side(name):
    """Each fold begins with a state of its own; the second one's was left out."""
    keras = keras2 if name == "get_updates" else tfkeras2
    model = keras.models.Sequential([keras.layers.Dense(3, input_shape=(4,)), keras.layers.Dropout(0.2), keras.layers.Dense(1)])
    model.compile(Momentum() if name == "get_updates" else rule_cases.cases(TF)[name](), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(23, 4)).astype("float32"), rng.normal(size=(23, 1)).astype("float32")
    scores = [
        search.cross_validate(model, x, y, cv=3, epochs=2, batch_size=4, seed=1, turns=turns).scores["loss"]
        for turns in (False, True)
    ]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4)
    assert len(set(np.round(scores[0], 4))) == 3
