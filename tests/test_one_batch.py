"""`train_on_batch`, `test_on_batch` and `fit` again and again: what was prepared serves the next call, and nothing stale does.

Each case calls two models of one beginning in turns; one of them prepares everything anew in each call.
"""

import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.training import kept
from kerata.training import prepare as prepare_module

STREAM = np.random.default_rng(0)
X, Y = STREAM.normal(size=(40, 6)).astype("float32"), STREAM.integers(0, 3, 40)


@pytest.fixture
def built(monkeypatch):
    """How many batches came that something had to be prepared for."""
    made = []
    prepare = prepare_module.build_for
    monkeypatch.setattr(kept, "build_for", lambda *args: (made.append(1), prepare(*args))[1])
    return made


def network(dropout=0.3):
    i = kerata.Input((6,))
    h = layers.BatchNormalization()(layers.Dense(8, activation="relu", kernel_regularizer="l2", name="hidden")(i))
    model = kerata.Model(i, layers.Dense(3, name="out")(layers.Dropout(dropout, name="dropout", seed=1)(h)))
    loss = kerata.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kerata.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


def twins(make):
    kerata.utils.set_random_seed(3)
    first = make()
    kerata.utils.set_random_seed(3)
    return first, make()


def both(pair, call):
    """The same call of both, the second of which knows nothing."""
    first, second = pair
    second._compilation.kept.clear()
    found = []
    for model in (first, second):
        kerata.utils.set_random_seed(7)
        found.append(call(model))
    np.testing.assert_array_equal(found[0], found[1])
    return found[0]


def train(rows, **how):
    return lambda model: model.train_on_batch(X[rows], Y[rows], **how)


def measure(rows, **how):
    return lambda model: model.test_on_batch(X[rows], Y[rows], **how)


def fit(rows, **how):
    def call(model):
        history = model.fit(X[rows], Y[rows], epochs=2, verbose=0, **how).history
        return [value for values in history.values() for value in values]

    return call


def rows(number, size=8):
    return slice(number * size, number * size + size)


def test_batches_of_one_form_are_prepared_for_twice(built):
    pair = twins(network)
    for n in range(5):
        both(pair, train(rows(n)))
        both(pair, measure(rows(n)))
        both(pair, fit(rows(n)))
    # The first model for its first two batches of each kind, the other for each.
    assert len(built) == 3 * 2 + 3 * 5
    for one, other in zip(pair[0].get_weights(), pair[1].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def halve_the_rate(model):
    model.optimizer.learning_rate = float(model.optimizer.learning_rate) / 2


def schedule(model):
    model.optimizer.learning_rate = kerata.optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)


def other_optimizer(model):
    model.optimizer = kerata.optimizers.SGD(0.1)


def freeze(model):
    model.get_layer("hidden").trainable = False


def freeze_and_thaw(model):
    model.trainable = not model.trainable


def more_dropout(model):
    model.get_layer("dropout").rate = 0.9


def other_weights(model):
    model.set_weights([w * 0.5 for w in model.get_weights()])


def other_activation(model):
    model.get_layer("hidden").activation = kerata.activations.tanh


def other_penalty(model):
    model.get_layer("hidden").kernel.regularizer = kerata.regularizers.L1(0.1)


def no_penalty(model):
    model.get_layer("hidden").kernel.regularizer = None


def bound(model):
    model.get_layer("out").kernel.constraint = kerata.constraints.MaxNorm(0.1)


def compiled_anew(model):
    model.compile("sgd", "sparse_categorical_crossentropy")


def trained_in_between(model):
    model.fit(X, Y, epochs=1, verbose=0, shuffle=False)


def a_layer_adds(model):
    model.get_layer("hidden").activity_regularizer = kerata.regularizers.L2(0.1)


def freeze_all_but_what_is_thawed_by_name(model):
    model.get_layer("hidden").trainable = True
    model.trainable = False
    model.get_layer("out").trainable = True
    model._trainable = True


CHANGES = [
    freeze_all_but_what_is_thawed_by_name,
    halve_the_rate,
    schedule,
    other_optimizer,
    freeze,
    freeze_and_thaw,
    more_dropout,
    other_weights,
    other_activation,
    other_penalty,
    no_penalty,
    bound,
    compiled_anew,
    trained_in_between,
    a_layer_adds,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_changes_between_batches_hold_from_the_next_one_on(change):
    pair = twins(network)
    for _ in range(3):
        both(pair, train(rows(0)))
        both(pair, measure(rows(1)))
        both(pair, fit(rows(2, 12)))
    for model in pair:
        kerata.utils.set_random_seed(7)
        change(model)
    for n in range(3):
        both(pair, train(rows(n)))
        both(pair, measure(rows(n)))
        both(pair, fit(rows(n, 12)))
    for one, other in zip(pair[0].get_weights(), pair[1].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_of_samples_and_classes_and_other_sizes():
    pair, weights = twins(network), STREAM.uniform(size=8).astype("float32")
    for n in range(4):
        both(pair, train(rows(n), sample_weight=weights * n))
        both(pair, train(rows(n), class_weight={0: 1.0, 1: 2.0, 2: n}))
        both(pair, train(rows(n)))
        both(pair, train(rows(n, 5)))
        both(pair, measure(rows(n, 3), sample_weight=weights[:3]))
    kinds = {type(one).__name__ for one in pair[0]._compilation.kept.values()}
    assert kinds == {"Kept"}


def test_a_callers_array_is_neither_kept_nor_written_to():
    model = network()
    x, y = X[:8].copy(), Y[:8].copy()
    losses = []
    for n in range(4):
        x[:] = X[:8] * (n + 1)
        losses.append(model.test_on_batch(x, y)[0])
        np.testing.assert_array_equal(x, X[:8] * (n + 1))
    assert len(set(losses)) == 4
    again = model.test_on_batch(X[:8], y)
    assert again[0] == losses[0]


def test_wrong_numbers_are_refused_each_time():
    model, x = network(), X[:8].copy()
    for _ in range(3):
        model.train_on_batch(x, Y[:8])
    x[3, 2] = np.nan
    with pytest.raises(ValueError, match="finite numbers"):
        model.train_on_batch(x, Y[:8])
    with pytest.raises(ValueError, match="7"):
        model.train_on_batch(X[:8], np.full(8, 7))
    embedding = kerata.Sequential([layers.Embedding(5, 2), layers.Flatten(), layers.Dense(1)])
    embedding.compile("sgd", "mse")
    for _ in range(3):
        embedding.train_on_batch(np.array([[1, 2]]), np.array([[1.0]]))
    with pytest.raises(ValueError, match="input_dim"):
        embedding.train_on_batch(np.array([[1, 5]]), np.array([[1.0]]))


def competing():
    """Two networks of which each is trained while the other stands still."""
    maker = kerata.Sequential([kerata.Input((2,)), layers.Dense(6)])
    judge = kerata.Sequential(
        [kerata.Input((6,)), layers.Dense(4, activation="relu"), layers.Dropout(0.2, seed=3), layers.Dense(1)]
    )
    judge.compile(kerata.optimizers.Adam(0.01), kerata.losses.BinaryCrossentropy(from_logits=True))
    judge.trainable = False
    both_of_them = kerata.Sequential([kerata.Input((2,)), maker, judge])
    both_of_them.compile(kerata.optimizers.Adam(0.01), kerata.losses.BinaryCrossentropy(from_logits=True))
    return maker, judge, both_of_them


def test_networks_that_compete():
    noise, found = STREAM.normal(size=(8, 2)).astype("float32"), []
    for forgets in (False, True):
        kerata.utils.set_random_seed(3)
        maker, judge, whole = competing()
        for n in range(5):
            if forgets:
                judge._compilation.kept.clear()
                whole._compilation.kept.clear()
            kerata.utils.set_random_seed(n)
            judge.trainable = True
            found.append(judge.train_on_batch(X[rows(n)], np.ones((8, 1))))
            found.append(judge.train_on_batch(maker.predict(noise, verbose=0), np.zeros((8, 1))))
            judge.trainable = False
            found.append(whole.train_on_batch(noise, np.ones((8, 1))))
        found += [w.sum() for w in judge.get_weights() + maker.get_weights()]
    np.testing.assert_array_equal(found[: len(found) // 2], found[len(found) // 2 :])


class Own(kerata.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.scale = layers.Dense(3), 1.0

    def call(self, x):
        return self.dense(x) * self.scale


def own():
    model = Own()
    model.compile(kerata.optimizers.SGD(0.1), kerata.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def test_a_model_of_ones_own():
    pair = twins(own)
    for n in range(4):
        both(pair, train(rows(n)))
        both(pair, measure(rows(n)))


def test_a_state_from_batch_to_batch():
    def step(model):
        return [model.train_on_batch(np.ones((2, 4, 1)), np.ones((2, 1)))]

    pair = twins(
        lambda: kerata.Sequential([kerata.Input(batch_shape=(2, 4, 1)), layers.LSTM(3, stateful=True), layers.Dense(1)])
    )
    for model in pair:
        model.compile("adam", "mse")
    for _ in range(4):
        both(pair, step)
    for model in pair:
        model.layers[0].reset_state()
    both(pair, step)


def test_layers_that_come_later():
    model = kerata.Sequential([kerata.Input((6,)), layers.Dense(3)])
    model.compile("sgd", kerata.losses.SparseCategoricalCrossentropy(from_logits=True))
    for _ in range(3):
        model.train_on_batch(X[:8], Y[:8])
    model.add(layers.Dense(3, kernel_initializer="zeros"))
    model.compile("sgd", kerata.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert np.isclose(model.test_on_batch(X[:8], Y[:8]), np.log(3))


def test_other_arrays_than_numpys_are_taken_as_before():
    pair = twins(network)
    for n in range(3):
        both(pair, lambda model, n=n: model.train_on_batch(kerata.ops.convert_to_tensor(X[rows(n)]), Y[rows(n)]))
    assert not any(type(one).__name__ == "Kept" for one in pair[0]._compilation.kept.values())
