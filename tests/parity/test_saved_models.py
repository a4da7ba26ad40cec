"""Files of Kerata open in real Keras 3, and the other way round, with equal predictions and equal training after it."""

import io
import json
import zipfile

import h5py
import jax
import keras
import numpy as np
import pytest

import kerata

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 4)).astype("float32")
Y = RNG.normal(size=(8, 2)).astype("float32")
PICTURES = RNG.normal(size=(3, 8, 8, 2)).astype("float32")
SERIES = RNG.normal(size=(3, 5, 4)).astype("float32")


def sequential(k):
    L = k.layers
    return k.Sequential([k.Input((4,)), L.Dense(3, "relu", kernel_regularizer="l2"), L.Dropout(0.5), L.Dense(2, "softmax")])


def convolutional(k):
    L = k.layers
    return k.Sequential(
        [
            k.Input((8, 8, 2)),
            L.Conv2D(3, 3, padding="same", activation="relu"),
            L.BatchNormalization(),
            L.MaxPooling2D(),
            L.Flatten(),
            L.Dense(2),
        ]
    )


def ends_as_dicts(k):
    L = k.layers
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = L.Dense(4, activation="tanh")
    return k.Model({"a": a, "b": b}, {"sum": L.Add()([shared(a), shared(b)]), "both": L.Concatenate()([shared(b), a])})


def ends_as_lists(k):
    a, b = k.Input((4,)), k.Input((4,))
    return k.Model([a, b], [k.layers.Dense(2)(a), k.layers.Subtract()([a, b])])


def one_list(k):
    a = k.Input((4,))
    return k.Model([a], [k.layers.Dense(2)(a)])


def operations(k):
    ops = k.ops
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    x = (a + b) * 2.0 - b / 3.0
    x = ops.concatenate([x, a[:, 1:3], -b[:, :1]], axis=-1)
    x = ops.reshape(x, (-1, 7, 1)) @ ops.ones((1, 2))
    x = ops.transpose(x, (0, 2, 1))
    scaled = ops.sum(x, axis=(1, 2), keepdims=True)[:, 0] + 1.0 * ops.mean(ops.square(x), axis=1)
    return k.Model([a, b], [scaled, 2.0 - ops.maximum(a, 0.1), ops.absolute(x), ops.einsum("bi,bj->bij", a, b), ops.softmax(b)])


def nested(k):
    L = k.layers
    inner_input = k.Input((4,))
    inner = k.Model(inner_input, L.Dense(4, "tanh")(inner_input))
    chain = k.Sequential([k.Input((4,)), L.Dense(4), L.BatchNormalization()])
    a = k.Input((4,))
    return k.Model(a, [inner(chain(a)), inner(a), chain(inner(a))])


def ending_in_nested(k):
    inner_input = k.Input((4,))
    inner = k.Model(inner_input, [k.layers.Dense(3)(inner_input), k.layers.Dense(2)(inner_input)])
    a = k.Input((4,))
    first, second = inner(k.layers.Dense(4)(a))
    return k.Model(a, [second, first])


def attention(k):
    L = k.layers
    a = k.Input((5, 4))
    x = L.MultiHeadAttention(2, 3, dropout=0.1)(a, a, use_causal_mask=True)
    return k.Model(a, L.LayerNormalization()(x + a))


def embedding(k):
    L = k.layers
    return k.Sequential([k.Input((5,), dtype="int32"), L.Embedding(7, 3), L.GlobalAveragePooling1D(), L.Dense(1)])


def recurrent(k):
    L = k.layers
    return k.Sequential(
        [
            k.Input((5, 4)),
            L.Bidirectional(L.LSTM(3, return_sequences=True, dropout=0.1)),
            L.GRU(3, return_sequences=True),
            L.TimeDistributed(L.Dense(2)),
            L.SimpleRNN(2),
        ]
    )


def stacked_cells(k):
    L = k.layers
    return k.Sequential([k.Input((5, 4)), L.RNN([L.LSTMCell(3), L.GRUCell(2)])])


def bidirectional_pair(k):
    L = k.layers
    a = k.Input((5, 4))
    sequence, *states = L.LSTM(3, return_sequences=True, return_state=True)(a)
    return k.Model(a, L.LSTM(3)(sequence, initial_state=states))


def subclassed(k):
    L = k.layers

    class Parts(k.Model):
        def __init__(self, units=3, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.proj, self.alpha = L.Dense(units), L.Dense(2)
            self.blocks = [L.Dense(units), [L.Dense(units), L.Dense(units)]]
            self.table = {"x": L.Dense(units), "y": L.LayerNormalization()}
            self._private = L.Dense(units)

        def call(self, x):
            for layer in (self.proj, self.blocks[0], *self.blocks[1], *self.table.values(), self._private):
                x = layer(x)
            return self.alpha(x)

        def get_config(self):
            return {**super().get_config(), "units": self.units}

    cls = k.saving.register_keras_serializable("parts")(Parts)
    model = cls(4)
    model(X)
    return model


def own_layer(k):
    class Scale(k.layers.Layer):
        def __init__(self, start=1.0, **kwargs):
            super().__init__(**kwargs)
            self.start = start

        def build(self, input_shape):
            self.inner = k.layers.Dense(int(input_shape[-1]))
            self.inner.build(input_shape)
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
            self.shift = self.add_weight(shape=(1,), initializer="zeros", trainable=False, name="shift")

        def call(self, x):
            return self.inner(x) * self.scale + self.shift

        def get_config(self):
            return {**super().get_config(), "start": self.start}

    cls = k.saving.register_keras_serializable("layers_of_mine")(Scale)
    return k.Sequential([k.Input((4,)), cls(2.0), k.layers.Dense(2)])


MODELS = [
    (sequential, X),
    (convolutional, PICTURES),
    (ends_as_dicts, {"a": X, "b": X + 1}),
    (ends_as_lists, [X, X + 1]),
    (one_list, X),
    (operations, [X, X + 1]),
    (nested, X),
    (ending_in_nested, X),
    (attention, SERIES),
    (embedding, RNG.integers(0, 7, (3, 5)).astype("int32")),
    (recurrent, SERIES),
    (stacked_cells, SERIES),
    (bidirectional_pair, SERIES),
    (subclassed, X),
    (own_layer, X),
]
IDS = [build.__name__ for build, _ in MODELS]
WAYS = [(keras, kerata), (kerata, keras), (kerata, kerata)]
WAY_IDS = ["keras-kerata", "kerata-keras", "kerata-kerata"]


def randomize(model):
    """Weights that tell every variable from every other; positive, because some are variances."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 1.0, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def outputs_of(model, x):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(model(x))]


def assert_same(first, second, x, tolerance=1e-5):
    for a, b in zip(outputs_of(first, x), outputs_of(second, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("writer", "reader"), WAYS, ids=WAY_IDS)
@pytest.mark.parametrize(("build", "x"), MODELS, ids=IDS)
def test_models_open_elsewhere(build, x, writer, reader, tmp_path):
    build(reader)  # a user's own classes are registered in both
    model = randomize(build(writer))
    model.save(tmp_path / "m.keras")
    assert_same(model, reader.saving.load_model(tmp_path / "m.keras"), x)


@pytest.mark.parametrize(("writer", "reader"), WAYS[:2], ids=WAY_IDS[:2])
@pytest.mark.parametrize(("build", "x"), MODELS, ids=IDS)
def test_weights_open_elsewhere(build, x, writer, reader, tmp_path):
    model, other = randomize(build(writer)), build(reader)
    model.save_weights(tmp_path / "m.weights.h5")
    other.load_weights(tmp_path / "m.weights.h5")
    assert_same(model, other, x)


def paths_of(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        stream = io.BytesIO(archive.read("model.weights.h5"))
    found = {}
    with h5py.File(stream) as file:
        file.visititems(lambda name, item: found.update({name: getattr(item, "shape", None)}))
    return found


@pytest.mark.parametrize(("build", "x"), MODELS, ids=IDS)
def test_weights_have_the_same_paths(build, x, tmp_path):
    found = []
    for library in (keras, kerata):
        build(library).save(tmp_path / "m.keras")
        found.append(paths_of(tmp_path / "m.keras"))
    assert found[0] == found[1]


def simplify(value):
    """A config without what differs by nature: names, Keras's numbers of shared objects, masks that are not there."""
    if isinstance(value, list):
        return [simplify(item) for item in value]
    if not isinstance(value, dict):
        return value
    dropped = {"shared_object_id", "quantization_config", "optional"}
    return {key: simplify(item) for key, item in value.items() if key not in dropped and not (key == "mask" and item is None)}


def graph_of(model):
    """The wiring of a functional model, with the inputs, whose order has no meaning, by name."""
    config = simplify(json.loads(model.to_json()))["config"]
    layers = {
        layer["name"]: {key: layer[key] for key in ("module", "class_name", "registered_name", "inbound_nodes")}
        for layer in config["layers"]
    }
    return layers, config["input_layers"], config["output_layers"]


@pytest.mark.parametrize("build", [ends_as_dicts, ends_as_lists, one_list, operations, nested, ending_in_nested, attention])
def test_graphs_are_written_alike(build):
    keras.utils.clear_session()
    expected, found = graph_of(build(keras)), graph_of(build(kerata))
    assert expected[1:] == found[1:]
    assert expected[0] == found[0]


def test_operations_match_the_classes_of_keras():
    import importlib
    import inspect

    from kerata.saving.operations import FORMS

    stars = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

    for form in FORMS.values():
        cls = getattr(importlib.import_module(form.module), form.class_name)
        theirs, ours = inspect.signature(cls.call).parameters, inspect.signature(form.function).parameters
        called = [name for name, one in theirs.items() if name != "self" and one.kind not in stars]
        taken = inspect.signature(cls.__init__).parameters
        settings = {name for name, one in taken.items() if name not in ("self", "name") and one.kind not in stars}
        if form.called is not None:
            assert list(form.called) == called, form.name
            more = [any(one.kind == star for one in theirs.values()) for star in stars]
            assert [form.takes_more, form.takes_names] == more, form.name
            rest = {name for name, one in ours.items() if name not in called and one.kind not in stars}
            # An argument that is deprecated may have no name of its own here.
            assert rest | (settings & {"rms_scaling"}) == settings, form.name


OPTIMIZERS = ["SGD", "RMSprop", "Adam", "AdamW", "Adagrad", "Adadelta", "Adamax", "Nadam"]


def compiled(k, optimizer):
    model = randomize(k.Sequential([k.Input((4,)), k.layers.Dense(3, "tanh"), k.layers.Dense(2)]))
    arguments = {"momentum": 0.9} if optimizer == "SGD" else {}
    chosen = getattr(k.optimizers, optimizer)(learning_rate=0.05, **arguments)
    model.compile(chosen, loss=k.losses.LogCosh(name="curve"), metrics=["mae", k.metrics.MeanSquaredError(name="square")])
    return model


@pytest.mark.parametrize(("writer", "reader"), WAYS, ids=WAY_IDS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_goes_on_elsewhere(optimizer, writer, reader, tmp_path):
    model = compiled(writer, optimizer)
    model.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0)
    model.save(tmp_path / "m.keras")
    other = reader.saving.load_model(tmp_path / "m.keras")
    histories = [m.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0).history for m in (model, other)]
    assert sorted(histories[0]) == sorted(histories[1])
    for name in histories[0]:
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-4)
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("writer", "reader"), WAYS[:2], ids=WAY_IDS[:2])
def test_schedules_and_several_outputs_open_elsewhere(writer, reader, tmp_path):
    model = ends_as_dicts(writer)
    schedule = writer.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    model.compile(
        writer.optimizers.Adam(schedule),
        loss={"sum": "mse", "both": "mae"},
        loss_weights={"sum": 2.0, "both": 1.0},
        metrics={"both": ["mse"]},
    )
    targets = {"sum": np.ones((8, 4), "float32"), "both": np.zeros((8, 8), "float32")}
    model.fit({"a": X, "b": X}, targets, verbose=0, shuffle=False)
    model.save(tmp_path / "m.keras")
    other = reader.saving.load_model(tmp_path / "m.keras")
    histories = [m.fit({"a": X, "b": X}, targets, verbose=0, shuffle=False).history for m in (model, other)]
    assert sorted(histories[0]) == sorted(histories[1])
    np.testing.assert_allclose(histories[0]["loss"], histories[1]["loss"], rtol=1e-4)
