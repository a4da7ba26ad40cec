"""What Keras 2.3.1's own tests ask of names that programs seldom use: phases of tensors, types, groups of HDF5, callbacks."""

import importlib
import io

import h5py
import numpy as np
import pytest

from kerata.engine.variable import Variable
from kerata.legacy import keras2
from kerata.legacy.tensorflow.layers import in_use

L, K, U, Model, Sequential = keras2.layers, keras2.backend, keras2.utils, keras2.models.Model, keras2.models.Sequential


@pytest.fixture(autouse=True)
def no_phase():
    yield
    K.clear_session()


def layer_of(x, make):
    return make()(x)


@pytest.mark.parametrize(
    ("make", "uses"),
    [
        (lambda: L.Dense(2), False),
        (lambda: L.Dropout(0.5), True),
        (lambda: L.BatchNormalization(), True),
        (lambda: L.LSTM(2), False),
        (lambda: L.LSTM(2, dropout=0.2), True),
        (lambda: L.Bidirectional(L.LSTM(2, recurrent_dropout=0.2)), True),
        (lambda: L.Lambda(lambda x: K.in_train_phase(x + 1.0, x)), True),
    ],
    ids=["dense", "dropout", "norm", "lstm", "lstm-dropout", "both-ways", "lambda"],
)
def test_tensors_say_whether_they_are_others_in_training(make, uses):
    x = L.Input((3, 4))
    y = layer_of(x, make)
    assert y._uses_learning_phase is uses
    assert L.Flatten()(y)._uses_learning_phase is uses
    model = Model(x, y)
    assert model.uses_learning_phase is uses
    assert model(L.Input((3, 4)))._uses_learning_phase is uses


def test_a_phase_that_is_given_is_no_phase_to_ask_for():
    x = L.Input((3,))
    model = Model(x, L.Dropout(0.5)(x, training=True))
    assert not model.uses_learning_phase
    assert not Model.from_config(model.get_config()).uses_learning_phase


def test_old_names_of_programs_are_asked_for_and_do_nothing():
    model = Sequential([L.Dense(1, input_shape=(2,), kernel_initializer="ones")])
    model.compile("sgd", "mse")
    for name in ("train", "test", "predict"):
        assert getattr(model, f"_make_{name}_function")() is None
    assert model.predict(np.ones((1, 2))).tolist() == [[2.0]]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_types_have_names(dtype):
    variable = K.variable([[1.0, 2.0]], dtype=dtype)
    assert (variable.dtype, variable.dtype.name, variable.dtype.base_dtype) == (dtype, dtype, dtype)
    assert variable.dtype.as_numpy_dtype is np.dtype(dtype).type
    assert isinstance(variable, Variable)
    assert K.eval(K.map_fn(lambda row: row * 2, variable)).tolist() == [[2.0, 4.0]]
    assert K.eval(K.square(variable)).dtype == dtype


def test_a_placeholder_is_no_tensor_of_a_layer():
    given = K.placeholder((2, 3))
    assert not K.is_keras_tensor(given)
    assert K.is_placeholder(given)
    assert K.is_keras_tensor(L.Input((3,)))
    assert not K.is_placeholder(L.Input((3,)))
    assert K.function([given], [given * 2])([np.ones((2, 3))])[0].sum() == 12.0


@pytest.mark.parametrize("tensors", [False, True], ids=["arrays", "tensors"])
def test_a_layer_that_is_called_on_numbers_has_the_losses_of_that_call(tensors):
    before, in_use[0] = in_use[0], tensors
    try:
        layer = L.Dense(2, kernel_initializer="ones", activity_regularizer="l2")
        x = K.variable(np.ones((4, 3)))
        for _ in range(2):
            layer(x)
            # 0.01 times the sum of 3 squared over 4 rows of 2.
            assert [float(one) for one in layer.get_losses_for(x)] == pytest.approx([0.01 * 8 * 9])
    finally:
        in_use[0] = before


def test_masks_of_numbers_for_symbolic_inputs():
    layer = L.Concatenate(axis=1)
    inputs = [L.Input((4, 5)), L.Input((2, 5))]
    masks = [np.ones((3, 4), bool), np.zeros((3, 2), bool)]
    found = np.asarray(layer.compute_mask(inputs, masks))
    assert found.tolist() == [[True] * 4 + [False] * 2] * 3
    assert layer.compute_mask(inputs, [None, None]) is None


def test_weights_of_samples_in_a_tuple_are_refused():
    model = Sequential([L.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="sample_weight must be an array, or a list or dict"):
        model.train_on_batch(np.ones((2, 2)), np.ones((2, 1)), sample_weight=(1.0, 2.0))


def test_a_rate_under_its_old_name_alone_is_lowered():
    class Optimizer:
        lr = K.variable(1.0)

    class Holder:
        optimizer = Optimizer()

    callback = keras2.callbacks.ReduceLROnPlateau(patience=2)
    callback.set_model(Holder())
    rates = []
    for epoch, loss in enumerate([0.086, 0.1096, 0.104]):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        rates.append(float(K.get_value(Holder.optimizer.lr)))
    assert rates == pytest.approx([1.0, 1.0, 0.1])
    with pytest.warns(UserWarning, match="`epsilon` argument is deprecated"):
        assert keras2.callbacks.ReduceLROnPlateau(epsilon=1e-13).min_delta == 1e-13


def test_curves_of_auc_have_names():
    curve, way = U.metrics_utils.AUCCurve, U.metrics_utils.AUCSummationMethod
    metric = keras2.metrics.AUC(num_thresholds=3, curve=curve.PR, summation_method=way.MAJORING)
    again = keras2.metrics.AUC.from_config(metric.get_config())
    assert (again.curve, again.summation_method) == (curve.PR, way.MAJORING) == ("PR", "majoring")


# HDF5 as a dict


@pytest.mark.parametrize("kind", ["file", "dict"])
def test_groups_and_arrays_of_a_dict(tmp_path, kind):
    place = tmp_path / "model.h5" if kind == "file" else {}
    array = np.arange(24.0).reshape(2, 3, 4)
    with U.H5Dict(place, mode="w") as made:
        made["x"] = "text"
        made["names"] = [b"kernel", b"bias"]
        made["outer"]["inner"]["array"] = array
        assert made.get("nothing", 3) == 3
    read = U.H5Dict(place, mode="r")
    assert (read["x"], read["names"], "outer" in read) == ("text", [b"kernel", b"bias"], True)
    assert np.array_equal(read["outer"]["inner"]["array"], array)
    assert list(read["outer"]) == ["inner"]
    with pytest.raises(ValueError, match="read alone"):
        read["other"]
    with pytest.raises(ValueError, match="opened for reading"):
        read["x"] = 1
    read.close()
    with pytest.raises(TypeError, match="a file, an HDF5 group or a dict"):
        U.H5Dict(3)


def test_long_lists_are_cut_into_pieces(tmp_path):
    names = [f"layer_{number:05d}" for number in range(9000)]
    with U.H5Dict(str(tmp_path / "model.h5"), mode="w") as made:
        made["names"] = names
        with pytest.raises(KeyError, match="already"):
            made["group"], made["group"] = made["group"], np.ones(2)
    with U.H5Dict(tmp_path / "model.h5", mode="r") as read:
        assert read["names"] == names
        assert "names0" in read.data.attrs


def test_hdf5_in_a_stream_of_bytes():
    stream = io.BytesIO()
    U.io_utils.save_to_binary_h5py(lambda file: file.create_dataset("data", data=np.arange(3)), stream)
    stream.seek(0)
    assert U.io_utils.load_from_binary_h5py(lambda file: file["data"][:].tolist(), stream) == [0, 1, 2]
    with h5py.File(io.BytesIO(stream.getvalue()), "r") as file:
        assert list(file) == ["data"]


def test_a_masking_of_a_programs_own_among_tensors():
    class Own(L.Masking):
        def compute_mask(self, inputs, mask=None):
            return K.any(K.not_equal(inputs, 0.0), axis=[2, 3])

    before, in_use[0] = in_use[0], True
    try:
        data = np.ones((1, 3, 2, 2), "float32")
        data[0, 1] = 0.0
        assert Own()(K.variable(data)).shape.as_list() == [1, 3, 2, 2]
        x = L.Input((3, 2, 2))
        y = L.TimeDistributed(L.Flatten())(Own()(x))
        total = L.SimpleRNN(1, kernel_initializer="ones", recurrent_initializer="ones", activation="linear")(y)
        assert Model(x, total).predict(data).tolist() == [[8.0]]
    finally:
        in_use[0] = before


def test_compile_refuses_what_does_not_fit_the_outputs():
    x = L.Input((2,))
    model = Model(x, [L.Dense(1, name="a")(x), L.Dense(1, name="b")(x)])
    for arguments in (
        {"loss": ["mse", "mae", "mape"]},
        {"loss": []},
        {"loss": "mse", "loss_weights": {"c": 0.5}},
        {"loss": "mse", "loss_weights": [0.5]},
        {"loss": "mse", "sample_weight_mode": {"c": "temporal"}},
        {"loss": "mse", "sample_weight_mode": ["temporal"]},
        {"loss": "mse", "sample_weight_mode": {"a": "temporal"}},
    ):
        with pytest.raises(ValueError, match=r"`\w+` must (have an entry for each of|name) .*outputs"):
            model.compile("sgd", **arguments)
    with pytest.raises(TypeError, match="`loss_weights` must be a list or a dict"):
        model.compile("sgd", "mse", loss_weights=(0.5, 0.5))
    model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 0.5])


def test_one_input_is_not_merged():
    with pytest.raises(ValueError, match="at least 2 inputs"):
        L.Concatenate(axis=1)([L.Input((4, 5))])
    with pytest.raises(ValueError, match="at least 2 inputs"):
        L.Add()([L.Input((4, 5))])


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_own_measures_get_targets_as_columns_also_from_files(era, tmp_path):
    lib = getattr(importlib.import_module("kerata.legacy"), era)
    seen = []

    def overlap(y_true, y_pred):
        seen.append((tuple(y_true.shape), str(y_true.dtype)))
        return lib.backend.sum(y_true * y_pred)

    model = lib.models.Sequential([lib.layers.Dense(1, input_dim=3)])
    model.compile("sgd", "mse", metrics=[overlap])
    rng = np.random.default_rng(0)
    x, y = rng.random((20, 3)), rng.integers(0, 2, 20)
    expected = (y[:, None] * model.predict(x)).sum()
    np.testing.assert_allclose(model.evaluate(x, y, batch_size=20, verbose=0)[1], expected, rtol=1e-5)
    assert seen[0] == ((20, 1), "float32")
    model.save(str(tmp_path / "model.h5"))
    read = lib.models.load_model(str(tmp_path / "model.h5"), custom_objects={"overlap": overlap})
    np.testing.assert_allclose(read.evaluate(x, y, batch_size=20, verbose=0)[1], expected, rtol=1e-5)


def test_a_file_knows_a_programs_own_loss_after_it_was_read(tmp_path):
    from kerata.legacy import keras2

    def own_loss(y_true, y_pred):
        return keras2.backend.mean(keras2.backend.square(y_true - y_pred), axis=-1)

    model = keras2.models.Sequential([keras2.layers.Dense(1, input_dim=3)])
    model.compile("sgd", own_loss)
    x, y = np.ones((8, 3)), np.arange(8.0)
    before = model.evaluate(x, y, verbose=0)
    model.save(str(tmp_path / "model.h5"))
    read = keras2.models.load_model(str(tmp_path / "model.h5"), custom_objects={"own_loss": own_loss})
    np.testing.assert_allclose(read.evaluate(x, y, verbose=0), before, rtol=1e-6)


def test_all_names_of_a_module_and_the_input_of_an_input_layer():
    from kerata.legacy import keras2

    for module in (keras2.layers, keras2.models, keras2.callbacks, keras2.optimizers):
        assert all(name.isidentifier() for name in module.__all__)
    x = keras2.layers.Input((3,))
    model = keras2.models.Model(x, keras2.layers.Dense(2)(x))
    assert model.layers[0].input is model.layers[0].output


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_a_record_tells_the_rate_by_its_old_name(era):
    lib = getattr(importlib.import_module("kerata.legacy"), era)
    model = lib.models.Sequential([lib.layers.Dense(1, input_dim=3)])
    model.compile("sgd", "mse")
    scheduler = lib.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))
    record = model.fit(np.ones((8, 3)), np.ones(8), epochs=2, verbose=0, callbacks=[scheduler]).history
    np.testing.assert_allclose(record["lr"], [0.1, 0.05], rtol=1e-6)
    assert list(record) == ["loss", "lr"] and record["learning_rate"] is record["lr"]
    reduce = lib.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=100.0)
    seen = []
    tell = lib.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(list(logs)))
    record = model.fit(np.ones((8, 3)), np.ones(8), epochs=3, verbose=0, callbacks=[reduce, tell]).history
    # Each epoch tells the rate that it had.
    np.testing.assert_allclose(record["lr"], [0.05, 0.05, 0.025], rtol=1e-6)
    assert seen == [["loss", "lr"]] * 3


def test_programs_walk_through_a_graph_by_the_calls_of_layers():
    """`layer._inbound_nodes[0].inbound_layers`, as programs that drew graphs did."""
    x = L.Input((3,), name="x")
    first, second = L.Dense(2, name="first"), L.Dense(4, name="second")
    Model(x, second(first(x)))
    (node,) = second._inbound_nodes
    assert (node.outbound_layer, node.inbound_layers) == (second, [first])
    assert (node.node_indices, node.tensor_indices) == ([0], [0])
    assert (node.input_shapes, node.output_shapes) == ([(None, 2)], [(None, 4)])
    assert node.input_masks == node.output_masks == [None]
    before = node.inbound_layers[0]._inbound_nodes[0].inbound_layers[0]
    assert (before.name, before._inbound_nodes[0].inbound_layers, before._inbound_nodes[0].input_shapes) == (
        "x",
        [],
        [(None, 3)],
    )
