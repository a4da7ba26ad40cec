"""GPTQ and AWQ: held against Keras's own functions on the same inputs, in models, in files."""

import keras
import numpy as np
import pytest
from keras.src.quantizers.awq import AWQ
from keras.src.quantizers.gptq import GPTQ

import kerata
from kerata import layers, quantizers
from kerata.models import calibrating
from kerata.quantizers import calibration

DRAWS = np.random.RandomState(0)
X = [DRAWS.normal(size=(3, 6)).astype("float32") * [1, 5, 0.1, 1, 2, 1] for _ in range(2)]
KERNEL = DRAWS.normal(size=(6, 3)).astype("float32")
GPTQ_CASES = [
    {"group_size": 4},
    {"group_size": -1, "weight_bits": 8, "symmetric": True},
    {"group_size": 2, "activation_order": True, "weight_bits": 3, "hessian_damping": 0.1},
]
AWQ_CASES = [{"group_size": 4}, {"group_size": -1, "num_grid_points": 5}]


def quantized_by_keras(mode, options):
    """A layer of Keras that has seen the inputs. `model.quantize` of Keras 3.15.1 shows its layers none."""
    layer = keras.layers.Dense(3)
    layer.build((None, 6))
    layer.set_weights([KERNEL, np.ones(3, "float32")])
    kind = keras.quantizers.GPTQConfig if mode == "gptq" else keras.quantizers.AWQConfig
    config = kind([], None, **options)
    layer.quantize(mode, config=config)
    found = GPTQ(layer, config) if mode == "gptq" else AWQ(layer, config)
    for x in X:
        (found.update_hessian_with_batch if mode == "gptq" else found.update_activation_magnitudes)(x)
    (found.quantize_and_correct_layer if mode == "gptq" else found.quantize_layer)()
    return layer


def quantized_here(mode, options):
    layer = layers.Dense(3)
    layer.build((None, 6))
    layer.set_weights([KERNEL, np.ones(3, "float32")])
    config = (quantizers.GPTQConfig if mode == "gptq" else quantizers.AWQConfig)([], None, **options)
    seen = (calibration.Moments if mode == "gptq" else calibration.Magnitudes)(6)
    with calibrating.watching([layer], [seen.see]):
        for x in X:
            layer(x)
    layer.take_found(calibrating.find(layer.full_weight(), seen, config), config)
    return layer


@pytest.mark.parametrize(
    ("mode", "options"), [("gptq", one) for one in GPTQ_CASES] + [("awq", one) for one in AWQ_CASES], ids=str
)
def test_equals_keras_on_the_same_inputs(mode, options):
    ours, theirs = quantized_here(mode, options), quantized_by_keras(mode, options)
    assert ours.dtype_policy.name == theirs.dtype_policy.name
    for name in ("quantized_kernel", "kernel_scale", "kernel_zero", "g_idx", *(["awq_scales"] if mode == "awq" else [])):
        one, two = np.asarray(getattr(ours, name)), np.asarray(getattr(theirs, name))
        assert one.dtype == two.dtype and one.shape == two.shape
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ours(X[0]), theirs(X[0]), rtol=1e-4, atol=1e-4)
    assert ours.file_variables()[0].name == "bias"


class Block(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = layers.LayerNormalization()
        self.query = layers.EinsumDense("abc,cde->abde", (None, 2, 4), bias_axes="de", name="query")
        self.back = layers.EinsumDense("abde,dec->abc", (None, 8), name="back")
        self.up, self.down = layers.Dense(12, "relu", name="up"), layers.Dense(8, name="down")

    def build(self, input_shape):
        self.norm.build(input_shape)
        self.query.build(input_shape)
        self.back.build((*input_shape[:-1], 2, 4))
        self.up.build(input_shape)
        self.down.build((*input_shape[:-1], 12))

    def call(self, x):
        x = x + self.back(self.query(self.norm(x)))
        return x + self.down(self.up(x))


WORDS = [np.random.RandomState(n).randint(0, 20, 30) for n in range(4)]


@kerata.saving.register_keras_serializable("calibrating")
class Language(kerata.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embedding = layers.Embedding(20, 8)
        self.blocks = [Block(name="one"), Block(name="two")]
        self.head = layers.Dense(3, name="head")

    def call(self, x):
        x = self.embedding(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)

    def get_quantization_layer_structure(self, mode=None):
        return {"pre_block_layers": [self.embedding], "sequential_blocks": self.blocks}


def language():
    kerata.utils.set_random_seed(1)
    model = Language()
    model(np.ones((1, 4), "int32"))
    return model


@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_a_model_block_by_block(tmp_path, mode):
    x = np.stack(WORDS)[:, :7]
    model = language()
    before = np.asarray(model(x))
    kind = quantizers.GPTQConfig if mode == "gptq" else quantizers.AWQConfig
    config = kind(WORDS, None, num_samples=6, sequence_length=8, group_size=4)
    model.quantize(mode, config=config)
    policies = {layer.name: layer.dtype_policy.name for layer in model._flatten_layers() if not layer._flatten_layers()[1:]}
    assert {policies[name] for name in ("query", "back", "up", "down")} == {f"{mode}/4/4_from_float32"}
    assert policies["head"] == policies["embedding"] == "float32"
    after = np.asarray(model(x))
    assert 0 < np.abs(after - before).max() < 0.5 * np.abs(before).max()
    np.testing.assert_allclose(model.predict(x, verbose=0), after, rtol=1e-4, atol=1e-5)
    model.save_weights(tmp_path / "m.weights.h5")
    again = language()
    again.quantize(mode, config=config)
    again.blocks[0].up.kernel_scale.assign(np.ones((12, 2), "float32"))
    again.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(again(x), after, rtol=1e-5, atol=1e-6)
    with pytest.raises(NotImplementedError, match="adapters go with no mode"):
        model.blocks[0].up.enable_lora(2)
    with pytest.raises(ValueError, match="already quantized"):
        model.quantize(mode, config=config)


@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_a_layer_that_is_ready_computes_with_its_floats(mode):
    kind, name = (quantizers.GPTQConfig if mode == "gptq" else quantizers.AWQConfig), f"is_{mode}_calibrated"
    ready, done = layers.Dense(3), quantized_here(mode, {"group_size": 4})
    ready.build((None, 6))
    before = np.asarray(ready(X[0]))
    ready.quantize(config=kind(None, None, group_size=4))
    theirs = keras.layers.Dense(3)
    theirs.build((None, 6))
    theirs.quantize(mode, config=getattr(keras.quantizers, kind.__name__)(None, None, group_size=4))
    assert ready.dtype_policy.name == theirs.dtype_policy.name and ready.get_config().keys() == theirs.get_config().keys()
    assert getattr(ready, name) is getattr(theirs, name) is False and getattr(done, name) is True
    assert ready.quantized_kernel.shape == theirs.quantized_kernel.shape and not hasattr(layers.Dense(3), "quantized_kernel")
    np.testing.assert_array_equal(ready(X[0]), before)
    np.testing.assert_array_equal(ready.kernel, ready.get_weights()[0])
    with pytest.raises(ValueError, match="its weight is not rounded yet"):
        ready.save_own_variables({})
    with pytest.raises(NotImplementedError, match="adapters go with no mode"):
        ready.enable_lora(2)
    store = {}
    done.save_own_variables(store)
    ready.load_own_variables(store)
    assert getattr(ready, name) is True and [w.name for w in ready.weights] == [w.name for w in done.weights]
    np.testing.assert_array_equal(ready(X[0]), done(X[0]))
    with pytest.raises(ValueError, match="are gone"):
        setattr(ready, name, False)
    with pytest.raises(AttributeError, match="not quantized by mode"):
        getattr(ready, "is_awq_calibrated" if mode == "gptq" else "is_gptq_calibrated")


def test_a_model_rounds_layers_that_were_made_ready():
    model, other = language(), language()
    config = quantizers.GPTQConfig(WORDS, None, num_samples=4, sequence_length=7, group_size=4)
    model.blocks[0].up.quantize("gptq", config=quantizers.GPTQConfig(None, None, group_size=-1))
    for one in (model, other):
        one.quantize(config=config, filters="up")
    np.testing.assert_array_equal(model.blocks[0].up.quantized_kernel, other.blocks[0].up.quantized_kernel)
    assert model.blocks[0].up.kernel_scale.shape == (12, 2) and len(model.weights) == len(other.weights)


def test_gptq_loses_less_than_rounding():
    weight, seen = np.random.RandomState(3).normal(size=(200, 5)).astype("float32"), calibration.Moments(200)
    x = np.random.RandomState(4).normal(size=(300, 200)) @ (np.eye(200) + np.random.RandomState(5).normal(size=(200, 200)) / 50)
    seen.see(kerata.ops.convert_to_tensor(x, "float32"))
    errors = []
    for moments in (seen, calibration.Moments(200)):
        found = calibration.find_by_gptq(
            kerata.ops.convert_to_tensor(weight), moments, quantizers.GPTQConfig([], None, group_size=-1)
        )
        restored = (found.levels - found.zero.astype("float32")) * found.scale
        errors.append(np.square(x @ (restored.T - weight)).mean())
    assert found.scale.shape == (5, 1) and errors[0] < 0.95 * errors[1]


def test_keras_reads_files_of_layers_and_has_the_same_configs(tmp_path):
    ours = kerata.Sequential([kerata.Input((6,)), layers.Dense(3, dtype="gptq/4/4_from_float32", name="d")])
    made = quantized_here("gptq", {"group_size": 4})
    for name in ("quantized_kernel", "kernel_scale", "kernel_zero", "g_idx", "bias"):
        getattr(ours.layers[0], name).assign(np.asarray(getattr(made, name)))
    ours.save(tmp_path / "ours.keras")
    loaded = keras.models.load_model(tmp_path / "ours.keras")
    np.testing.assert_allclose(loaded.predict(X[0], verbose=0), ours.predict(X[0], verbose=0), rtol=1e-5)
    for kind in ("GPTQConfig", "AWQConfig"):
        one, two = (getattr(library.quantizers, kind)(None, None, group_size=7) for library in (kerata, keras))
        assert one.get_config() == two.get_config() and one.mode == two.mode
        assert one.dtype_policy_string() == two.dtype_policy_string()
        assert type(one).from_config(one.get_config()).group_size == 7


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: quantizers.GPTQConfig([], None, weight_bits=5), "one of 2, 3, 4, 8"),
        (lambda: quantizers.AWQConfig([], None, weight_bits=8), "one of 4"),
        (lambda: quantizers.GPTQConfig([], None, group_size=0), "positive integer"),
        (lambda: quantizers.GPTQConfig([], None, hessian_damping=2), "between 0 and 1"),
        (lambda: language().quantize("gptq", config=quantizers.GPTQConfig([], None)), "must not be empty"),
        (lambda: language().quantize("awq", config=quantizers.AWQConfig("text", None)), "must give texts or arrays"),
        (lambda: language().quantize("awq", config=quantizers.AWQConfig(["text"], None)), "needs a `tokenizer`"),
        (
            lambda: kerata.Sequential([kerata.Input((2,)), layers.Dense(1)]).quantize(
                config=quantizers.GPTQConfig(WORDS, None)
            ),
            "needs a dict with 'pre_block_layers'",
        ),
        (lambda: quantized_here("awq", {}).quantize("gptq", config=quantizers.GPTQConfig(WORDS, None)), "already quantized"),
    ],
)
def test_messages(call, text):
    with pytest.raises((ValueError, TypeError), match=text):
        call()
