"""What Keras 3.15.1's own tests asked for, held against Keras, and the shim that they run through."""

import importlib
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import kerata

TOOLS = Path(__file__).resolve().parents[1] / "tools"
PUBLIC = sorted(path.parent.name for path in Path(keras.__file__).parent.glob("[a-z]*/__init__.py"))


def test_every_module_of_keras_3_can_be_imported_by_its_name():
    known = [name for name in PUBLIC if name not in ("src", "legacy", "distribution")]
    assert len(known) > 20
    lines = "\n".join(f"import keras.{name}" for name in known)
    code = f"import kerata\nkerata.install_as_keras('keras3')\n{lines}\nassert keras.tree.flatten([1, [2]]) == [1, 2]"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_shim_finds_public_names_behind_names_of_the_source(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    source = importlib.import_module("shim_of_keras3").Source(Path(keras.__file__).parents[1])
    counting = importlib.import_module("counting")
    assert source.resolve("keras.src.layers.core.dense", "Dense") is kerata.layers.Dense
    assert source.resolve("keras.src.backend", "Variable") is kerata.Variable
    assert source.resolve("keras.src.ops.numpy", "mean") is kerata.ops.mean
    # A class of the inside is made of the public function.
    mean = source.resolve("keras.src.ops.numpy", "Mean")(axis=1)
    np.testing.assert_array_equal(mean(np.array([[1.0, 3.0]])), [2.0])
    asked = source.resolve("keras.src.layers.preprocessing.index_lookup", "IndexLookup")
    with pytest.raises(counting.Private, match=r"index_lookup\.IndexLookup"):
        asked(3)


def test_a_layer_that_was_built_without_a_shape_comes_back_from_a_file(tmp_path):
    mine, theirs = kerata.layers.Embedding(5, 3), keras.layers.Embedding(5, 3)
    mine.build()
    theirs.build()
    assert mine.get_build_config() == theirs.get_build_config() == {"shapes_dict": {}}
    mine.quantize("int8")
    model = kerata.Sequential([mine])
    model.save(tmp_path / "model.keras")  # No warning: the file holds the layer's weights.
    x = np.array([[0, 4, 2]])
    np.testing.assert_array_equal(kerata.saving.load_model(tmp_path / "model.keras").predict(x), mine(x))
    assert kerata.layers.ReLU().get_build_config() is None


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_the_shape_of_discretization_is_known_before_adapt(mode):
    for shape in [(None, 4, 2), (None, 5, 1), (None, 1), (None,), (), (3,)]:
        found = kerata.layers.Discretization(num_bins=4, output_mode=mode).compute_output_shape(shape)
        assert found == keras.layers.Discretization(num_bins=4, output_mode=mode).compute_output_shape(shape), shape


def test_one_picture_and_its_boxes_are_transformed_without_a_batch_axis():
    image = np.random.default_rng(0).random((10, 8, 3)).astype("float32")
    drawn = {"flips": np.array([[True]]), "input_shape": image.shape}
    boxes = {"boxes": np.array([[2, 1, 4, 3], [6, 4, 8, 6]], "float32"), "labels": np.array([[1, 2]])}
    found = {}
    for library in (kerata, keras):
        layer = library.layers.RandomFlip("horizontal", bounding_box_format="xyxy", data_format="channels_last")
        found[library] = layer.transform_images(image, drawn), layer.transform_bounding_boxes(boxes, drawn)
    for mine, theirs in zip(found[kerata][1].values(), found[keras][1].values(), strict=True):
        np.testing.assert_allclose(mine, theirs)
    np.testing.assert_array_equal(found[kerata][0], found[keras][0])
    drawn = {"apply_transform": np.array([True]), "distortion_factor": np.float32(0.9), "seed": 42}
    assert kerata.layers.RandomElasticTransform().transform_images(image, drawn).shape == image.shape
    mix = {"mix_weight": 0.2, "permutation_order": [1, 0]}
    two = np.stack([image, 1 - image])
    mixed = kerata.layers.MixUp().transform_images(two, mix)
    np.testing.assert_allclose(mixed, 0.2 * two + 0.8 * two[::-1], rtol=1e-5)


def test_a_model_is_called_on_a_list_of_texts():
    words = kerata.layers.TextVectorization(output_sequence_length=3)
    words.adapt(["a good film", "a bad film"])
    texts = ["a film", "good"]
    for shape in ((), (1,)):
        model = kerata.Sequential([kerata.Input(shape, dtype="string"), words, kerata.layers.Embedding(9, 2)])
        expected = model(np.array(texts))
        np.testing.assert_array_equal(model(texts), expected)
        np.testing.assert_array_equal(model([[text] for text in texts]), expected)
        np.testing.assert_array_equal(model.predict(texts), expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: kerata.random.categorical(np.ones(5), 5), r"random\.categorical: `logits` must have the axes"),
        (lambda: kerata.random.randint((2,), 0, 3, dtype="float32"), r"random\.randint: `dtype` must be an integer type"),
        (lambda: kerata.random.SeedGenerator(sed=3), "SeedGenerator: Unrecognized keyword arguments"),
        (lambda: kerata.config.set_dtype_policy(None), "set_dtype_policy: Invalid `policy` argument"),
        (lambda: kerata.ops.stft(np.ones(64, "float32"), 8, -4, 8), "stft: `sequence_stride` must be a positive integer"),
        (lambda: kerata.ops.istft((np.ones((3, 5)),) * 2, 8, 0, 8), "istft: `sequence_stride` must be a positive integer"),
        (lambda: kerata.ops.depth_to_space(np.ones((1, 2, 2, 4)), 1), "`block_size` must be an integer of at least 2"),
        (lambda: kerata.ops.space_to_depth(np.ones((1, 2, 2, 4)), 0), "`block_size` must be an integer of at least 2"),
        (lambda: kerata.layers.Dense(2, trainable="yes"), "`trainable` is expected to be a boolean"),
    ],
    ids=["categorical", "randint", "generator", "policy", "stft", "istft", "to space", "to depth", "trainable"],
)
def test_what_is_wrong_is_said(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_policies_without_a_name_follow_the_setting():
    kerata.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert kerata.DTypePolicy().name == "mixed_bfloat16"
        policies = kerata.dtype_policies.DTypePolicyMap()
        policies["a"] = kerata.DTypePolicy("float16")
        policies["b"] = kerata.dtype_policies.QuantizedDTypePolicy("int8", "float32")
        theirs = keras.dtype_policies.DTypePolicyMap()
        theirs["a"] = keras.dtype_policies.DTypePolicy("float16")
        theirs["b"] = keras.dtype_policies.QuantizedDTypePolicy("int8", "float32")
        parts = [
            {path: plain["config"] for path, plain in each.get_config()["policy_map"].items()} for each in (policies, theirs)
        ]
        assert parts[0] == parts[1]
        again = kerata.dtype_policies.DTypePolicyMap.from_config(policies.get_config())
        assert (again["a"].name, again["b"].name) == ("mixed_bfloat16", "int8_from_mixed_bfloat16")
    finally:
        kerata.config.set_dtype_policy("float32")


def test_an_axis_without_a_size_is_taken_apart_by_num():
    parts = kerata.ops.unstack(kerata.KerasTensor((2, None, 4)), num=3, axis=1)
    assert [part.shape for part in parts] == [(2, 4)] * 3


def test_a_function_begins_at_tensors_that_no_input_made():
    first, second = kerata.KerasTensor((2, 3)), kerata.KerasTensor((2, 3))
    total = kerata.ops.add(first, second)
    function = kerata.Function([first, second], [total * 3, total**2])
    found = function([np.ones((2, 3)), np.ones((2, 3))])
    np.testing.assert_array_equal(found[0], np.full((2, 3), 6.0))
    np.testing.assert_array_equal(found[1], np.full((2, 3), 4.0))
    with pytest.raises(ValueError, match="every output must be computed from `inputs`"):
        kerata.Function(first, total)


@pytest.mark.parametrize("name", ["hypot", "nextafter", "logaddexp", "arctan2", "average"])
def test_a_half_beside_an_integer_stays_a_half(name):
    for first, second in (("bfloat16", "int16"), ("bool", "float16"), ("int8", "int32")):
        x1, x2 = np.ones(2, first if first != "bfloat16" else "float32"), np.ones(2, second)
        found = []
        for library in (kerata, keras):
            a, b = library.ops.cast(x1, first), library.ops.cast(x2, second)
            call = getattr(library.ops, name)
            found.append(str((call(a, weights=b) if name == "average" else call(a, b)).dtype))
        assert found[0] == found[1], (first, second)


def test_weights_that_a_layer_gets_later_stand_where_it_was_built():
    def paths(library):
        class Outer(library.Model):
            def __init__(self):
                super().__init__(name="outer")
                self.dense = library.layers.Dense(4, name="inner")

            def build(self, input_shape):
                self.dense.build(input_shape)

        model = Outer()
        model.build((None, 8))
        model.dense.enable_lora(2)
        adapted = [variable.path for variable in model.dense.weights]
        model.dense.quantize("int8")
        return adapted, {variable.path for variable in model.dense.weights}

    ours, theirs = paths(kerata), paths(keras)
    assert sorted(ours[0]) == sorted(theirs[0])
    assert ours[1] == theirs[1]
    assert "outer/inner/lora_kernel_a" in ours[1]
