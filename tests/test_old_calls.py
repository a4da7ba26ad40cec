"""What layers of Keras 1 and 2 say of their calls: losses, updates, the learning phase, states, constants, functions."""

import numpy as np
import pytest

from kerata import layers as modern
from kerata.legacy import keras1, keras2, tfkeras2
from kerata.models import Model as Functional

L, K, Model, Sequential = keras2.layers, keras2.backend, keras2.models.Model, keras2.models.Sequential
DATA = np.random.default_rng(0).normal(5.0, 10.0, (20, 3)).astype("float32")
NORMED = (DATA - DATA.mean(0)) / np.sqrt(DATA.var(0) + 1e-3)


@pytest.fixture(autouse=True)
def no_phase():
    yield
    K.clear_session()


def test_losses_of_calls_are_symbolic_and_count():
    shared = L.Dense(2, kernel_regularizer="l1", activity_regularizer="l1")
    a, b = L.Input((3,)), L.Input((3,))
    model = Model([a, b], L.average([shared(a), shared(b)]))
    model.add_loss(K.mean(model.output))
    assert len(model.losses) == 4
    assert len(model.get_losses_for(None)) == 1
    assert len(model.get_losses_for([a])) == 2
    found = K.function([a, b], model.losses[1:3])([DATA, 2 * DATA])
    expected = [0.01 * np.abs(x @ shared.get_weights()[0]).sum() for x in (DATA, 2 * DATA)]
    assert np.allclose(found, expected, rtol=1e-4)


def test_losses_added_to_a_layer_from_outside_are_trained_on():
    dense = L.Dense(1, use_bias=False, input_dim=3, kernel_initializer="ones")
    dense.add_loss(lambda: K.sum(K.square(dense.kernel)))
    dense.add_loss(5)
    model = Sequential([dense])
    model.compile("sgd", "mse")
    assert model.evaluate(np.zeros((2, 3)), np.zeros((2, 1)), verbose=0) == pytest.approx(8.0)
    assert model.evaluate(np.zeros((2, 3)), np.zeros((2, 1)), verbose=0) == pytest.approx(8.0)
    with pytest.raises(TypeError, match=r"add_loss\(lambda: ...\)"):
        dense.add_loss(K.sum(dense.kernel))


def test_updates_are_pairs_that_a_function_takes():
    norm = L.BatchNormalization(input_shape=(3,), momentum=0.5)
    model = Sequential([norm])
    assert [variable.name.partition("/")[2] for variable, _ in model.updates] == ["moving_mean:0", "moving_variance:0"]
    K.function([model.input], [model.output], updates=model.updates)([DATA])
    assert np.allclose(norm.get_weights()[2], 0.5 * DATA.mean(0), rtol=1e-4)
    norm.trainable = False
    assert not model.updates
    dense = L.Dense(1)
    dense.add_update(0, inputs=model.input)
    dense.add_update(1)
    assert dense.get_updates_for(model.input) == [0]
    assert dense.get_updates_for(None) == [1]


@pytest.mark.parametrize("phase", [0, 1])
def test_a_phase_that_is_fixed_stays_in_the_models_made_then(phase):
    K.set_learning_phase(phase)
    fixed = Sequential([L.BatchNormalization(input_shape=(3,))])
    K.clear_session()
    free = Sequential([L.BatchNormalization(input_shape=(3,))])
    expected = NORMED if phase else DATA / np.sqrt(1.001)
    assert np.allclose(fixed.predict(DATA), expected, atol=1e-4)
    assert np.allclose(free.predict(DATA), DATA / np.sqrt(1.001), atol=1e-4)
    fixed.compile("sgd", "mse")
    fixed.train_on_batch(DATA, DATA)
    moved = not np.allclose(fixed.get_weights()[2], 0)
    assert moved == bool(phase)


def test_statistics_of_a_batch_that_is_not_full():
    x = modern.Input((3,))
    inner = Functional(x, modern.BatchNormalization()(x, training=True))
    y = modern.Input((3,))
    for model in (inner, Functional(y, inner(y))):
        assert np.allclose(model.predict(DATA, verbose=0), NORMED, atol=1e-4)
    old = keras1.models.Sequential([keras1.layers.BatchNormalization(mode=2, input_shape=(3,), epsilon=1e-3)])
    assert np.allclose(old.predict(DATA), NORMED, atol=1e-4)


def test_functions_stay_in_configs():
    model = Sequential([L.Lambda(lambda x: x * 2 + 1, input_shape=(3,))])
    for twin in (Sequential.from_config(model.get_config()), keras2.models.clone_model(model)):
        assert type(twin) is Sequential
        assert type(twin.layers[0]) is L.Lambda
        assert np.allclose(twin.predict(DATA), 2 * DATA + 1)
    outer = Model(model.inputs, model(model.inputs))
    assert np.allclose(Model.from_config(outer.get_config()).predict(DATA), 2 * DATA + 1)


class CellWithConstants(L.Layer):
    """h' = x + h + constant."""

    def __init__(self, units, **kwargs):
        self.units = self.state_size = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        assert isinstance(input_shape, list)
        self.kernel = self.add_weight(shape=(input_shape[1][-1], self.units), initializer="ones", name="kernel")
        self.built = True

    def call(self, inputs, states, constants):
        output = inputs + states[0] + K.dot(constants[0], self.kernel)
        return output, [output]

    def get_config(self):
        return {"units": self.units, **super().get_config()}


def test_constants_go_to_each_step():
    x, c, s = L.Input((4, 2)), L.Input((3,)), L.Input((2,))
    data = [np.resize(DATA, (2, 4, 2)), DATA[:2], DATA[:2, :2]]
    expected = data[0].sum(1) + 4 * data[1].sum(1, keepdims=True) + data[2]
    rnn = L.RNN(CellWithConstants(2))
    assert np.allclose(
        Model([x, c, s], rnn(x, initial_state=s, constants=c)).predict([data[0], *data[1:]]), expected, rtol=1e-4
    )
    with keras2.utils.CustomObjectScope({"CellWithConstants": CellWithConstants}):
        twin = L.RNN.from_config(rnn.get_config())
        both = L.Bidirectional.from_config(L.Bidirectional(L.RNN(CellWithConstants(2))).get_config())
    assert type(both.backward_layer) is L.RNN
    assert np.allclose(Model([x, s, c], twin([x, s, c])).predict([data[0], data[2], data[1]]), expected, rtol=1e-4)
    found = Model([x, c], both(x, constants=c)).predict(data[:2])
    assert np.allclose(found, np.tile(expected - data[2], 2), rtol=1e-4)


def test_states_of_stacked_cells_are_one_list():
    rnn = L.RNN([L.LSTMCell(3), L.GRUCell(2)], return_state=True)
    x = L.Input((5, 4))
    shapes = [(None, 2), (None, 3), (None, 3), (None, 2)]
    assert rnn.compute_output_shape((None, 5, 4)) == shapes
    outputs = rnn(x)
    assert isinstance(outputs, list)
    assert [K.int_shape(one) for one in outputs] == shapes
    assert [K.int_shape(one) for one in L.LSTM(3).get_initial_state(x)] == [(None, 3)] * 2
    gru = L.GRU(2, recurrent_initializer="identity")
    gru.build((None, 5, 4))
    assert np.array_equal(gru.get_weights()[1], np.tile(np.eye(2), 3))
    assert gru.get_config()["recurrent_initializer"]["class_name"] == "Identity"
    lstm = L.LSTM(2)
    lstm(x, initial_state=[L.Input((2,)), L.Input((2,))])
    assert len(lstm.input) == 3


def test_weights_of_classes_for_each_output():
    x = L.Input((2,))
    ones = {"kernel_initializer": "ones", "use_bias": False}
    model = Model(x, [L.Dense(1, name="a", **ones)(x), L.Dense(1, name="b", **ones)(x)])
    model.compile("sgd", "mse")
    data, y = np.ones((4, 2)), np.array([0, 1, 1, 0])
    weights = {"a": {0: 2.0, 1: 3.0}, "b": {0: 0.5, 1: 1.0}}
    expected = [np.mean([w[c] * (2 - c) ** 2 for c in y]) for w in (weights["a"], weights["b"])]
    assert np.allclose(model.train_on_batch(data, [y, y], class_weight=weights)[1:], expected)
    model.set_weights([np.ones((2, 1))] * 2)
    batches = iter([(data, [y, y])] * 2)
    history = model.fit_generator(batches, steps_per_epoch=1, class_weight=weights, verbose=0).history
    assert np.allclose([history["a_loss"], history["b_loss"]], np.array(expected)[:, None])
    with pytest.raises(ValueError, match="each class that is there"):
        model.train_on_batch(data, [y, y], class_weight={"a": {0: 1.0}, "b": {0: 1.0, 1: 1.0}})


def test_a_model_that_is_not_compiled():
    with pytest.raises(RuntimeError, match="must be compiled"):
        Sequential([L.Dense(1, input_dim=1)]).fit(np.ones((2, 1)), np.ones((2, 1)))


@pytest.mark.parametrize("era", [keras1, keras2, tfkeras2], ids=["keras1", "keras2", "tfkeras2"])
def test_a_list_of_one_output_is_one_output(era):
    x = era.layers.Input(shape=(3,))
    model = era.models.Model([x], [era.layers.Dense(2)(x)])
    assert model.predict(DATA).shape == (20, 2)
    assert tuple(model(era.layers.Input(shape=(3,))).shape) == (None, 2)
    assert model.output is model.outputs[0]
    assert len(era.models.Sequential([era.layers.Dense(1, input_shape=(3,))]).layers) == 1


def test_measures_added_from_outside():
    x = L.Input((3,))
    model = Model(x, L.Dense(1, kernel_initializer="ones", use_bias=False)(x))
    model.add_metric(K.sum(model.output), name="total")
    model.add_metric(keras2.metrics.Mean(name="middle")(model.output))
    model.compile("sgd", "mse", metrics=["mae"])
    data, y = np.ones((4, 3)), np.full((4, 1), 2.0)
    assert model.metrics_names == ["loss", "mae", "total", "middle"]
    assert np.allclose(model.evaluate(data, y, batch_size=2, verbose=0), [1.0, 1.0, 6.0, 3.0])
    assert len(model.layers) == 2


def test_masks_of_symbolic_tensors():
    x = L.Input((3, 2))
    masking = L.Masking(0.5)
    mask = masking.compute_mask(x)
    values = np.array([[[0.5, 0.5], [0.5, 1.0], [0.0, 0.0]]])
    assert K.function([x], [mask])([values])[0].tolist() == [[False, True, True]]
    assert L.LSTM(2).compute_mask(x, mask) is None

    class OfPictures(L.Masking):
        def compute_mask(self, inputs, mask=None):
            return K.any(K.not_equal(inputs, self.mask_value), axis=[2, 3])

    assert np.allclose(Sequential([OfPictures(input_shape=(2, 2, 1))]).predict(np.ones((1, 2, 2, 1))), 1)


class Watched:
    """A model of which only the weights are known."""

    stop_training, weights = False, 0

    def get_weights(self):
        return self.weights

    def set_weights(self, weights):
        self.weights = weights


@pytest.mark.parametrize(
    ("options", "values", "epochs", "weights"),
    [
        ({"monitor": "val_acc", "baseline": 0.75}, [0.55, 0.74, 0.81, 0.81], 2, 1),
        ({"monitor": "val_acc", "baseline": 0.75}, [0.55, 0.76, 0.81, 0.81], 4, 3),
        ({"monitor": "val_loss", "restore_best_weights": True}, [0.3, 0.1, 0.2, 0.4, 0.5], 4, 1),
        ({"monitor": "val_loss", "restore_best_weights": True}, [0.3, 0.1, 0.2], 3, 2),
    ],
)
def test_early_stopping_as_it_was(options, values, epochs, weights):
    stopper, model = keras2.callbacks.EarlyStopping(patience=2, **options), Watched()
    stopper.model = model
    stopper.on_train_begin()
    for epoch, value in enumerate(values):
        model.weights = epoch
        stopper.on_epoch_end(epoch, {options["monitor"]: value})
        if model.stop_training:
            break
    stopper.on_train_end()
    assert (epoch + 1, model.weights) == (epochs, weights)


@pytest.mark.parametrize("era", [keras1, keras2, tfkeras2], ids=["keras1", "keras2", "tfkeras2"])
def test_what_is_trained_is_settled_by_compile(era):
    ones = {"input_shape": (2,)}
    judge = era.models.Sequential([era.layers.Dense(1, **ones)])
    judge.compile("sgd", "mse")
    judge.trainable = False
    noise = era.layers.Input(shape=(3,))
    both = era.models.Model(noise, judge(era.layers.Dense(2)(noise)))
    both.compile("sgd", "mse")

    def moves(model, size):
        before = judge.get_weights()[0].copy()
        model.train_on_batch(np.ones((4, size)), np.full((4, 1), 9.0))
        return not np.array_equal(before, judge.get_weights()[0])

    assert not moves(both, 3)
    said = "Discrepancy between trainable weights"
    with pytest.warns(UserWarning, match=said):
        assert moves(judge, 2)
    assert not judge.trainable
    assert not judge.layers[0].trainable
    with pytest.warns(UserWarning, match=said):
        judge.fit(np.ones((4, 2)), np.full((4, 1), 9.0), verbose=0)
    judge.compile("sgd", "mse")
    assert not moves(judge, 2)


def test_inputs_that_hold_their_numbers():
    x = L.Input((3,))
    model = Model(x, L.Dense(1, use_bias=False)(x))
    twin = keras2.models.clone_model(model, K.variable(DATA))
    twin.set_weights(model.get_weights())
    twin.compile("sgd", "mse")
    model.compile("sgd", "mse")
    y = DATA[:, :1]
    assert twin.predict(None, steps=2).shape == (40, 1)
    assert twin.train_on_batch(None, y) == pytest.approx(model.train_on_batch(DATA, y))
    assert np.allclose(twin.get_weights()[0], model.get_weights()[0])


def test_square_roots_of_what_is_below_zero():
    assert K.get_value(K.sqrt(K.variable([-1e-9, 4.0]))).tolist() == [0.0, 2.0]


def test_masks_of_layers_within_time_distributed():
    words = np.array([[[1, 2, 0], [3, 0, 0]]])
    embedding, inner = L.Embedding(5, 2, mask_zero=True), L.SimpleRNN(2)
    model = Sequential([L.TimeDistributed(embedding, input_shape=(2, 3)), L.TimeDistributed(inner)])
    found = model.predict(words)
    one = Sequential([L.Embedding(5, 2, mask_zero=True, input_shape=(None,)), L.SimpleRNN(2)])
    one.set_weights(model.get_weights())
    expected = [one.predict(words[:, 0, :2]), one.predict(words[:, 1, :1])]
    assert np.allclose(found, np.stack(expected, 1), atol=1e-6)
    twin = Sequential.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    assert np.allclose(twin.predict(words), found)
    mask = model.layers[0].compute_mask(model.input)
    assert K.function([model.input], [mask])([words])[0].tolist() == (words > 0).tolist()
