"""Weights of few bits against real Keras: the same levels, predictions and losses, and files that both read."""

import json

import keras
import numpy as np
import pytest

import kerata

# Name: (the layer, the shape of an input, the largest index where it takes whole numbers).
LAYERS = {
    "Dense": (lambda lib: lib.layers.Dense(5, activation="tanh"), (3, 4), None),
    "EinsumDense": (lambda lib: lib.layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"), (3, 4), None),
    "EinsumDense, turned": (lambda lib: lib.layers.EinsumDense("abc,dc->abd", (None, 6)), (3, 4), None),
    "EinsumDense, two axes": (lambda lib: lib.layers.EinsumDense("abcd,cde->abe", (None, 6), bias_axes="e"), (3, 2, 4), None),
    "Embedding": (lambda lib: lib.layers.Embedding(10, 5), (3,), 10),
}
CONFIGS = {
    "int8": lambda lib: "int8",
    "int8, weights alone": lambda lib: lib.quantizers.Int8QuantizationConfig(activation_quantizer=None),
    "int8, quantizers": lambda lib: lib.quantizers.Int8QuantizationConfig(
        lib.quantizers.AbsMaxQuantizer(axis=0, value_range=(-100, 100)), lib.quantizers.AbsMaxQuantizer(value_range=(-90, 90))
    ),
    "int4": lambda lib: "int4",
    "int4, blocks": lambda lib: lib.quantizers.Int4QuantizationConfig(block_size=2),
    "int4, columns": lambda lib: lib.quantizers.Int4QuantizationConfig(block_size=None),
    "int4, inputs too": lambda lib: lib.quantizers.Int4QuantizationConfig(
        activation_quantizer=lib.quantizers.AbsMaxQuantizer(), block_size=None
    ),
    "float8": lambda lib: "float8",
}
CASES = [
    (layer, config)
    for layer in LAYERS
    for config in CONFIGS
    if not (layer == "Embedding" and config in ("float8", "int8, quantizers"))
    if not (layer.startswith("EinsumDense") and config == "int8, quantizers")
]


def quantize(lib, thing, config):
    given = CONFIGS[config](lib)
    thing.quantize(given) if isinstance(given, str) else thing.quantize(config=given)


def make(layer, config, lora=None):
    """The model of Keras and ours, quantized, with the same weights, and some samples."""
    build, shape, largest = LAYERS[layer]
    rng = np.random.default_rng(0)
    models = [
        lib.Sequential([lib.Input(shape, dtype="int32" if largest else "float32"), build(lib)]) for lib in (keras, kerata)
    ]
    weights = [rng.normal(size=w.shape).astype("float32") for w in models[0].weights]
    for lib, model in zip((keras, kerata), models, strict=True):
        model.set_weights(weights)
        quantize(lib, model, config)
        if lora:
            model.layers[0].enable_lora(lora)
    x = rng.integers(0, largest, (10, *shape)) if largest else rng.normal(size=(10, *shape)).astype("float32")
    return *models, x


def describe(model):
    return [(w.name, tuple(w.shape), str(w.dtype), bool(w.trainable)) for w in model.weights]


@pytest.mark.parametrize(("layer", "config"), CASES)
def test_numbers_and_files_are_those_of_keras(layer, config, tmp_path):
    theirs, ours, x = make(layer, config)
    assert describe(ours) == describe(theirs)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine.astype("float32"), np.asarray(other).astype("float32"), rtol=1e-6)
    expected = theirs.predict(x, verbose=0)
    np.testing.assert_allclose(ours.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
    assert json.loads(json.dumps(ours.layers[0].get_config()))["dtype"] == theirs.layers[0].get_config()["dtype"]
    for model, file, reader in ((theirs, "theirs.keras", kerata), (ours, "ours.keras", keras), (ours, "ours.keras", kerata)):
        model.save(tmp_path / file)
        read = reader.models.load_model(tmp_path / file)
        assert read.layers[0].dtype_policy.name == ours.layers[0].dtype_policy.name
        np.testing.assert_allclose(read.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    ours.load_weights(tmp_path / "theirs.weights.h5")
    np.testing.assert_allclose(ours.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "config"),
    [("Dense", "int8"), ("EinsumDense, two axes", "int8"), ("Dense", "int4, blocks"), ("Embedding", "int4")],
)
def test_adapters_beside_packed_weights_train_as_in_keras(layer, config, tmp_path):
    theirs, ours, x = make(layer, config, lora=2)
    assert describe(ours) == describe(theirs)
    rng = np.random.default_rng(2)
    adapters = [w.name.startswith("lora") for w in ours.weights]
    values = [rng.normal(size=v.shape) if new else v for v, new in zip(ours.get_weights(), adapters, strict=True)]
    for model in (theirs, ours):
        model.set_weights(values)
    y = rng.normal(size=theirs.predict(x, verbose=0).shape).astype("float32")
    losses = []
    for lib, model in ((keras, theirs), (kerata, ours)):
        model.compile(lib.optimizers.Adam(0.01), "mse")
        losses.append(model.fit(x, y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    np.testing.assert_allclose(ours.evaluate(x, y, verbose=0), theirs.evaluate(x, y, verbose=0), rtol=1e-5)
    merged = []
    for model, reader in ((theirs, kerata), (ours, keras), (ours, kerata)):
        model.save(tmp_path / "model.keras")
        merged.append(reader.models.load_model(tmp_path / "model.keras").predict(x, verbose=0))
    # The weight and its adapter are quantized anew, by both in the same way.
    np.testing.assert_allclose(merged[0], merged[2], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(merged[1], merged[2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", ["Dense", "EinsumDense"])
def test_floats_of_8_bits_train_as_in_keras(layer):
    theirs, ours, x = make(layer, "float8")
    y = np.random.default_rng(2).normal(size=theirs.predict(x, verbose=0).shape).astype("float32")
    losses = []
    for lib, model in ((keras, theirs), (kerata, ours)):
        model.compile(lib.optimizers.SGD(0.1), "mse")
        losses.append(model.fit(x, y, epochs=3, batch_size=5, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
    assert ours.layers[0].inputs_amax_history.numpy().any()


@pytest.mark.parametrize("tie_weights", [True, False])
@pytest.mark.parametrize("config", ["int8", "int4", "int4, blocks", "int4, inputs too"])
def test_a_table_that_is_read_both_ways(config, tie_weights):
    layers = [lib.layers.ReversibleEmbedding(7, 5, tie_weights, logit_soft_cap=3.0) for lib in (keras, kerata)]
    for layer in layers:
        layer.build((None, 3))
    layers[1].set_weights(layers[0].get_weights())
    for lib, layer in zip((keras, kerata), layers, strict=True):
        quantize(lib, layer, config)
    theirs, ours = layers
    assert describe(ours) == describe(theirs)
    rng = np.random.default_rng(0)
    ids, vectors = rng.integers(0, 7, (2, 3)), rng.normal(size=(2, 3, 5)).astype("float32")
    np.testing.assert_allclose(ours(ids), theirs(ids), rtol=1e-6)
    expected = np.asarray(theirs(vectors, reverse=True))
    np.testing.assert_allclose(ours(vectors, reverse=True), expected, rtol=1e-5, atol=1e-6)
    stores = [{}, {}]
    for layer, store in zip(layers, stores, strict=True):
        layer.save_own_variables(store)
    again = kerata.layers.ReversibleEmbedding.from_config(json.loads(json.dumps(ours.get_config())))
    again.build((None, 3))
    again.load_own_variables({name: np.asarray(value) for name, value in stores[0].items()})
    np.testing.assert_allclose(again(vectors, reverse=True), expected, rtol=1e-5, atol=1e-6)
    assert stores[0].keys() == stores[1].keys()


def test_attention_is_quantized_and_comes_back_from_files(tmp_path):
    models = []
    for lib in (keras, kerata):
        x = lib.Input((3, 8))
        models.append(lib.Model(x, lib.layers.MultiHeadAttention(2, 4, name="attention")(x, x)))
    theirs, ours = models
    ours.set_weights(theirs.get_weights())
    for model in models:
        model.quantize("int8")
    x = np.random.default_rng(0).normal(size=(5, 3, 8)).astype("float32")
    expected = theirs.predict(x, verbose=0)
    np.testing.assert_allclose(ours.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)
    ours.save(tmp_path / "ours.keras")
    for lib in (keras, kerata):  # Keras reads the policies of the parts, which it does not write itself
        read = lib.models.load_model(tmp_path / "ours.keras")
        np.testing.assert_allclose(read.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "policy",
    ["int8_from_float32", "int8_from_mixed_bfloat16", "int4_from_float32", "int4/2_from_float32", "float8_from_float32"],
)
def test_layers_are_built_from_policies(policy):
    theirs, ours = (lib.layers.Dense(3, dtype=policy) for lib in (keras, kerata))
    for layer in (theirs, ours):
        layer.build((None, 4))
    assert sorted(describe(ours)) == sorted(describe(theirs))
    assert ours.compute_dtype == theirs.compute_dtype and ours.quantization_mode == theirs.quantization_mode
    assert (
        ours.variable_serialization_spec[ours.quantization_mode] == theirs.variable_serialization_spec[ours.quantization_mode]
    )
    assert ours.get_config()["dtype"] == theirs.get_config()["dtype"]


def test_a_layer_in_time_distributed_is_near_its_floats():
    """Keras's comes out in another scale."""
    model = kerata.Sequential([kerata.Input((3, 4)), kerata.layers.TimeDistributed(kerata.layers.Dense(5))])
    x = np.random.default_rng(0).standard_normal((6, 3, 4)).astype("float32")
    before = model.predict(x, verbose=0)
    model.quantize("int8")
    np.testing.assert_allclose(model.predict(x, verbose=0), before, atol=0.05)
