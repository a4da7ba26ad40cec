"""Members and arguments of Keras's classes that have no table of their own, against Keras."""

import jax.numpy as jnp
import keras
import numpy as np
import pytest

import kerata

MASK = np.array([[True, True, False]])


@pytest.mark.parametrize(
    "make",
    [
        lambda layers: layers.LSTM(2, return_sequences=True),
        lambda layers: layers.GRU(2, return_state=True, return_sequences=True),
        lambda layers: layers.RNN(layers.SimpleRNNCell(2)),
        lambda layers: layers.Bidirectional(layers.LSTM(2, return_sequences=True), merge_mode=None),
        lambda layers: layers.ConvLSTM1D(2, 1, return_sequences=True, return_state=True),
    ],
    ids=["LSTM", "GRU with states", "RNN", "Bidirectional", "ConvLSTM1D"],
)
def test_masks_of_recurrent_layers_have_keras_s_argument(make):
    found, right = (make(library.layers).compute_mask(_=None, mask=MASK) for library in (kerata, keras))
    one = [None if mask is None else np.asarray(mask).tolist() for mask in kerata.tree.flatten(found)]
    assert one == [None if mask is None else np.asarray(mask).tolist() for mask in keras.tree.flatten(right)]


def test_layers_that_take_training_and_do_nothing_with_it():
    x = np.ones((2, 3), "float32")
    for make in (lambda layers: layers.Dense(2), lambda layers: layers.EinsumDense("ab,bc->ac", 2)):
        ours, theirs = make(kerata.layers), make(keras.layers)
        theirs.build((None, 3))
        ours.build((None, 3))
        ours.set_weights(theirs.get_weights())
        for training in (True, False, None):
            np.testing.assert_allclose(ours(x, training=training), theirs(x, training=training), rtol=1e-6)
        np.testing.assert_allclose(ours.call(jnp.asarray(x), training=True), theirs.call(x, training=True), rtol=1e-6)


@kerata.saving.register_keras_serializable("arguments")
def double(x):
    return 2 * x


def test_configs_with_custom_objects():
    layer = kerata.layers.Lambda(double)
    again = kerata.layers.Lambda.from_config(layer.get_config(), safe_mode=True)
    assert float(again(np.float32(3))) == 6.0
    plain = {
        "name": "mine",
        "function": {"module": "builtins", "class_name": "function", "config": "triple", "registered_name": "function"},
    }
    mine = kerata.layers.Lambda.from_config(plain, custom_objects={"triple": lambda x: 3 * x})
    assert float(mine(np.float32(3))) == 9.0
    theirs = keras.layers.Rescaling(np.array([1.0, 2.0]), np.array([0.5, 0.0]))
    config = keras.saving.serialize_keras_object(theirs)["config"]
    ours = kerata.layers.Rescaling.from_config(config, custom_objects={})
    np.testing.assert_allclose(ours(np.ones((1, 2, 2))), theirs(np.ones((1, 2, 2))))
    policies = {"default_policy": None, "policy_map": {"a": kerata.dtype_policies.DTypePolicy("bfloat16").to_plain()}}
    assert kerata.dtype_policies.DTypePolicyMap.from_config(policies, custom_objects={})["a"].name == "bfloat16"


def test_statistics_that_someone_else_has_set():
    for library in (kerata, keras):
        layer = library.layers.Normalization()
        layer.build((None, 2))
        layer.adapt_mean.assign([0.0, 0.0])
        layer.adapt_variance.assign([1.0, 1.0])
        layer.finalize_state()
        np.testing.assert_allclose(layer(np.array([[1.0, 2.0]], "float32")), [[1.0, 2.0]])


def test_scopes_of_names():
    def paths(library):
        caller, found = object(), []
        with library.name_scope("a"):
            with library.name_scope("b", caller=caller):
                with library.name_scope("b", caller=caller):
                    found.append(library.Variable(0.0, name="v").path)
                with library.name_scope("b", caller=caller, deduplicate=False):
                    found.append(library.Variable(0.0, name="v").path)
                with library.name_scope("x", override_parent="p/q"):
                    found.append(library.Variable(0.0, name="v").path)
                    with library.name_scope("y"):
                        found.append(library.Variable(0.0, name="v").path)
                found.append(library.Variable(0.0, name="v").path)
            with library.name_scope("z", override_parent=""):
                found.append(library.Variable(0.0, name="v").path)
        return found

    assert paths(kerata) == paths(keras)
    for library in (kerata, keras):
        with pytest.raises(ValueError, match="/"):
            library.name_scope("a/b")


def test_penalties_in_a_symbolic_scope():
    for library in (kerata, keras):
        layer = library.layers.Dense(1, kernel_initializer="ones", kernel_regularizer=library.regularizers.L2(1.0))
        layer.build((None, 2))
        found = []
        with library.StatelessScope([(layer.kernel, jnp.full((2, 1), 3.0))]):
            found.append(float(layer.losses[0]))
            with library.SymbolicScope():
                found.append(float(layer.losses[0]))
            found.append(float(layer.losses[0]))
        assert found == [18.0, 18.0, 18.0]


def test_the_rule_of_adadelta_under_keras_s_names():
    results = []
    for library in (kerata, keras):
        optimizer = library.optimizers.Adadelta(0.5)
        variable = library.Variable([1.0, 2.0])
        optimizer.build([variable])
        optimizer.update_step(grad=jnp.array([0.5, -1.0]), variable=variable, learning_rate=jnp.asarray(0.5))
        results.append(np.asarray(variable))
    np.testing.assert_allclose(*results, rtol=1e-6)
    w = kerata.Variable([1.0, 2.0])
    kerata.optimizers.Adadelta(0.5).apply([jnp.array([0.5, -1.0])], [w])
    np.testing.assert_allclose(w, results[1], rtol=1e-6)


def test_windows_in_either_format():
    for format in ("tf", "grain"):
        x, y = next(iter(kerata.utils.timeseries_dataset_from_array(np.arange(6), np.arange(6), 3, format=format)))
        assert np.asarray(x).tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]] and np.asarray(y).tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="'tf', 'grain'"):
        kerata.utils.timeseries_dataset_from_array(np.arange(6), None, 3, format="torch")


def test_pictures_without_colours_take_keras_s_names():
    layer = kerata.layers.RandomGrayscale(1.0)
    x = np.arange(12, dtype="float32").reshape(1, 2, 2, 3)
    drawn = layer.get_random_transformation(images=x, training=True)
    right = keras.layers.RandomGrayscale(1.0).transform_images(x, np.ones((1, 1, 1, 1), bool))
    np.testing.assert_allclose(layer.transform_images(x, drawn), right, rtol=1e-5)
    assert layer.transform_labels(labels=5, transformations=None) == 5
    assert layer.transform_segmentation_masks(segmentation_masks=6, transformations=None) == 6
    found = layer({"images": x, "labels": np.ones(1), "segmentation_masks": np.ones((1, 2, 2, 1))}, training=True)
    np.testing.assert_allclose(found["images"], right, rtol=1e-5)
    for room in ("RandomGrayscale", "Equalization"):
        spec = getattr(kerata.layers, room)().compute_output_spec(inputs=kerata.Input((4, 4, 3)))
        assert spec.shape == (None, 4, 4, 3)


def test_an_operation_without_weights_is_never_quantized():
    for library in (kerata, keras):
        with pytest.raises(NotImplementedError):
            library.Operation().quantized_call(1)
