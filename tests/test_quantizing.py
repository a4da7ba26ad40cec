"""What models with weights of few bits do beyond Keras's numbers: programs, filters, policies, what is refused."""

import numpy as np
import pytest

import kerata
from kerata import dtype_policies, layers, quantizers


def make_model():
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(8, "relu", name="first"), layers.Dense(1, name="last")])
    model.compile("adam", "mse")
    return model


def test_a_model_that_was_used_before_computes_with_levels():
    x = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    model = make_model()
    model.fit(x, x[:, :1], epochs=1, verbose=0)
    before = model.predict(x, verbose=0)
    floats = model.layers[0].kernel.numpy()
    model.quantize("int4")
    after = model.predict(x, verbose=0)
    assert 0 < np.abs(after - before).max() < 1
    np.testing.assert_allclose(model(x), after, rtol=1e-5, atol=1e-6)
    # The public weight is what levels stand for, not the levels.
    np.testing.assert_allclose(model.layers[0].kernel, floats, atol=np.abs(floats).max() / 7)
    levels = model.layers[0].stored_weight.numpy()
    model.fit(x, x[:, :1], epochs=2, verbose=0)
    np.testing.assert_array_equal(model.layers[0].stored_weight.numpy(), levels)


def test_some_layers_are_left_as_they_are():
    for filters in ("las", ["^last$"], lambda layer: layer.name == "last"):
        model = make_model()
        model.quantize("int8", filters=filters)
        assert [layer.quantization_mode for layer in model.layers] == [None, "int8"]
    with pytest.raises(ValueError, match="The `filters` argument must be"):
        make_model().quantize("int8", filters=3)


def test_layers_that_cannot_are_named():
    model = kerata.Sequential([kerata.Input((4, 2)), layers.Conv1D(2, 2, name="edges"), layers.Flatten(), layers.Dense(1)])
    with pytest.warns(UserWarning, match=r"Conv1D \(edges\): it cannot be quantized"):
        model.quantize("int8")
    assert model.layers[-1].quantization_mode == "int8"


def test_adapters_on_levels_in_cross_validation():
    x = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
    model = make_model()
    model.quantize("int8")
    model.layers[0].enable_lora(2)
    model.compile("adam", "mse")
    result = model.cross_validate(x, x[:, :1], cv=2, epochs=1, batch_size=5, initial_weights="keep")
    for trained in result.models:
        np.testing.assert_array_equal(trained.layers[0].stored_weight.numpy(), model.layers[0].stored_weight.numpy())
        assert trained.layers[0].lora_kernel_b.numpy().any()


def test_files_of_earlier_versions_cannot_say_it(tmp_path):
    given = make_model()
    given.quantize("int8")
    built = kerata.Sequential([kerata.Input((4,)), layers.Dense(2, dtype="int8_from_float32")])
    for model in (given, built):
        with pytest.raises(ValueError, match=r"weights of few bits|`tf.keras` does not have"):
            model.save(tmp_path / "model.h5")


def test_what_is_refused_changes_nothing():
    layer = layers.Dense(2)
    with pytest.raises(ValueError, match="isn't yet built"):
        layer.quantize("int8")
    layer.build((None, 3))
    for mode, config, says in (
        ("int3", None, "`mode` must be one of"),
        (None, None, "either `mode` or `config`"),
        ("int4", quantizers.Int8QuantizationConfig(), "Contradictory arguments"),
        ("gptq", None, "needs a `GPTQConfig`"),
        ("int8", 3, "must be an instance of `QuantizationConfig`"),
    ):
        with pytest.raises((ValueError, TypeError), match=says):
            layer.quantize(mode, config=config)
    assert layer.quantization_mode is None and layer.kernel.dtype == "float32"
    layer.quantize("int8")
    with pytest.raises(ValueError, match="already quantized"):
        layer.quantize("int8")
    half = layers.Dense(2, dtype="float16")
    half.build((None, 3))
    with pytest.raises(ValueError, match="doesn't work well with float16"):
        half.quantize("int8")
    table = layers.Embedding(3, 2)
    table.build()
    with pytest.raises(NotImplementedError, match="Invalid quantization mode"):
        table.quantize("float8")

    class Own(layers.Dense):
        pass

    own = Own(2)
    own.build((None, 3))
    with pytest.raises(NotImplementedError, match="type_check=False"):
        own.quantize("int8")
    own.quantize("int8", type_check=False)
    with pytest.raises(ValueError, match="does not support custom quantizers"):
        quantizers.Int4QuantizationConfig(activation_quantizer=quantizers.AbsMaxQuantizer())


def test_policies_by_path_and_by_assignment():
    policies = dtype_policies.DTypePolicyMap("float32", {"dense_a": "int8_from_float32"})
    a, b = layers.Dense(2, dtype=policies, name="dense_a"), layers.Dense(2, dtype=policies, name="dense_b")
    for layer in (a, b):
        layer.build((None, 3))
    assert (a.quantization_mode, b.quantization_mode) == ("int8", None)
    assert dtype_policies.deserialize(dtype_policies.serialize(policies)) == policies
    b = layers.Dense(2)
    b.build((None, 3))
    b.dtype_policy = "int4/2_from_float32"
    assert b.is_quantized and b.dtype_policy.block_size == 2
    for wrong in ("int4/x_from_float32", "gptq/5/8_from_float32", "awq/4_from_float32"):
        with pytest.raises(ValueError, match=r"Invalid|integer"):
            dtype_policies.get(wrong)
