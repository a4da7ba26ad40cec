"""Layers that bring data into a network's form against real Keras: outputs, shapes, dtypes, configs."""

import keras
import numpy as np
import pytest

import kerata

RNG = np.random.default_rng(0)
TABLE = RNG.normal(0.0, 2.0, (6, 4)).astype("float32")
COLOURS = RNG.random((2, 7, 8, 3), np.float32)
BYTES = RNG.integers(0, 256, (2, 6, 9, 3)).astype("uint8")
# What is no whole number is no category; only where categories are put together Keras leaves out what stands after the point.
PARTS = np.array([[-1.5, -0.3, 0.2, 1.0], [0.0, 2.0, 2.7, 3.0]], "float32")
WORDS = np.array([[0, 3, 3], [4, 1, 0]])
SOUND = np.sin(np.cumsum(np.random.default_rng(1).random((2, 320)), 1)).astype("float32")
CASES = [
    ("Rescaling", {"scale": 1 / 127.5, "offset": -1}, BYTES),
    ("Rescaling", {"scale": [1.0, 2.0, 3.0], "offset": (0.5, 0.0, 1.0)}, COLOURS),
    ("Rescaling", {"scale": 2, "dtype": "mixed_float16"}, TABLE),
    ("Resizing", {"height": 4, "width": 5}, COLOURS),
    ("Resizing", {"height": 11, "width": 5, "interpolation": "bicubic", "antialias": True}, COLOURS),
    ("Resizing", {"height": 5, "width": 5, "interpolation": "nearest"}, BYTES),
    ("Resizing", {"height": 5, "width": 5}, BYTES),
    ("Resizing", {"height": 5, "width": 5, "crop_to_aspect_ratio": True}, COLOURS),
    ("Resizing", {"height": 5, "width": 5, "pad_to_aspect_ratio": True, "fill_value": 0.5}, COLOURS),
    ("Resizing", {"height": 5, "width": 4, "data_format": "channels_first"}, COLOURS),
    ("Resizing", {"height": 5, "width": 4}, COLOURS[0]),
    ("CenterCrop", {"height": 4, "width": 5}, COLOURS),
    ("CenterCrop", {"height": 4, "width": 5}, BYTES),
    ("CenterCrop", {"height": 4, "width": 12}, COLOURS),
    ("CenterCrop", {"height": 9, "width": 12}, COLOURS[0]),
    ("CenterCrop", {"height": 4, "width": 2, "data_format": "channels_first"}, COLOURS),
    ("CategoryEncoding", {"num_tokens": 5}, WORDS),
    ("CategoryEncoding", {"num_tokens": 5, "output_mode": "binary"}, WORDS),
    ("CategoryEncoding", {"num_tokens": 5, "output_mode": "count"}, WORDS),
    ("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, WORDS),
    ("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, WORDS[:, :1]),
    ("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, WORDS[0]),
    ("CategoryEncoding", {"num_tokens": 5}, WORDS[0]),
    ("CategoryEncoding", {"num_tokens": 3}, PARTS),
    ("Discretization", {"bin_boundaries": [-1.0, 0.0, 1.5]}, TABLE),
    ("Discretization", {"bin_boundaries": [-1, 0], "output_mode": "one_hot"}, TABLE),
    ("Discretization", {"bin_boundaries": [-1, 0], "output_mode": "multi_hot"}, TABLE),
    ("Discretization", {"bin_boundaries": [-1, 0], "output_mode": "count", "dtype": "float16"}, TABLE),
    ("MelSpectrogram", {"fft_length": 64, "sequence_stride": 32, "num_mel_bins": 6}, SOUND),
    ("MelSpectrogram", {"fft_length": 64, "sequence_stride": 20, "sequence_length": 48, "power_to_db": False}, SOUND[0]),
    ("MelSpectrogram", {"fft_length": 128, "window": "hamming", "mag_exp": 1.0, "top_db": 20.0, "max_freq": 3000}, SOUND),
]
every_case = pytest.mark.parametrize(("name", "arguments", "data"), CASES)


def pair(name, arguments):
    return [getattr(library.layers, name)(**arguments, name="layer") for library in (kerata, keras)]


@every_case
def test_equals_keras(name, arguments, data):
    mine, theirs = pair(name, arguments)
    ours, right = mine(data), np.asarray(theirs(data))
    assert ours.dtype == right.dtype
    np.testing.assert_allclose(np.asarray(ours, "float64"), right.astype("float64"), rtol=1e-5, atol=1e-5)
    assert mine.compute_output_shape((None, *data.shape[1:])) == tuple(theirs.compute_output_shape((None, *data.shape[1:])))


@every_case
def test_configs_equal_keras(name, arguments, data):
    mine, theirs = (kerata.saving.serialize_keras_object(layer.get_config()) for layer in pair(name, arguments))
    if name == "Discretization":  # Keras does not write the policy as an object.
        mine.pop("dtype"), theirs.pop("dtype")
    assert mine == theirs
    assert (
        getattr(kerata.layers, name).from_config(mine).get_config()
        == getattr(kerata.layers, name).from_config(theirs).get_config()
    )


@pytest.mark.parametrize("epsilon", [0.01, 0.2])
@pytest.mark.parametrize("sizes", [(40,), (7, 250, 1)])
def test_quantiles_are_those_of_keras(sizes, epsilon):
    batches = [RNG.normal(3.0, 2.0, (size, 2)).astype("float32") for size in sizes]
    mine, theirs = pair("Discretization", {"num_bins": 4, "epsilon": epsilon})
    mine.adapt(iter(batches))
    theirs.reset_state()
    for batch in batches:
        theirs.update_state(batch)
    theirs.finalize_state()
    np.testing.assert_allclose(mine.bin_boundaries, theirs.bin_boundaries, rtol=1e-6)
    again = kerata.layers.Discretization.from_config(mine.get_config())
    assert again.bin_boundaries == mine.bin_boundaries and again.num_bins == 4


def test_a_count_may_have_weights():
    mine, theirs = pair("CategoryEncoding", {"num_tokens": 5, "output_mode": "count"})
    weights = np.array([[0.1, 0.2, 0.3], [1.0, 2.0, 3.0]], "float32")
    np.testing.assert_allclose(mine(WORDS, count_weights=weights), theirs(WORDS, count_weights=weights), rtol=1e-6)


def test_a_network_from_bytes_and_numbers_to_a_file(tmp_path):
    """Trained, saved, loaded by both libraries, the same predictions."""
    picture, table = kerata.Input((6, 9, 3), dtype="uint8", name="picture"), kerata.Input((4,), name="table")
    x = kerata.layers.Rescaling(1 / 255)(kerata.layers.CenterCrop(4, 4)(kerata.layers.Resizing(5, 6)(picture)))
    ranges = kerata.layers.Discretization(num_bins=3, output_mode="one_hot")
    ranges.adapt(TABLE)
    both = kerata.layers.Concatenate()([kerata.layers.Flatten()(x), kerata.layers.Flatten()(ranges(table))])
    model = kerata.Model([picture, table], kerata.layers.Dense(1)(both))
    model.compile("sgd", "mse")
    model.fit([BYTES, TABLE[:2]], np.ones((2, 1)), epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    right = model.predict([BYTES, TABLE[:2]], verbose=0)
    for library in (kerata, keras):
        again = library.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_allclose(again.predict([BYTES, TABLE[:2]], verbose=0), right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: kerata.layers.Rescaling("a"), "`scale` must be a number"),
        (lambda: kerata.layers.Resizing(0, 3), "`height` must be a positive integer"),
        (lambda: kerata.layers.Resizing(3, 3, "cubic"), "interpolation"),
        (lambda: kerata.layers.Resizing(3, 3, fill_mode="reflect"), "fill_mode"),
        (lambda: kerata.layers.Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True), "only one of"),
        (lambda: kerata.layers.CenterCrop(3, 3)(np.ones((3, 3))), "must have three axes"),
        (lambda: kerata.layers.CategoryEncoding(), "`num_tokens` must be set"),
        (lambda: kerata.layers.CategoryEncoding(3, "int"), "output_mode"),
        (lambda: kerata.layers.CategoryEncoding(3)(WORDS, count_weights=WORDS), '`output_mode="count"` alone'),
        (lambda: kerata.layers.Discretization(), "one of `bin_boundaries` and `num_bins`"),
        (lambda: kerata.layers.Discretization([2.0, 1.0]), "must be ascending"),
        (lambda: kerata.layers.Discretization(num_bins=3)(TABLE), r"`adapt\(\)` must be called"),
        (lambda: kerata.layers.Discretization([1.0]).adapt(TABLE), "with `num_bins`"),
        (lambda: kerata.layers.Discretization(num_bins=3).adapt(np.array([np.nan])), "finite numbers"),
    ],
)
def test_what_is_wrong_is_said(make, words):
    with pytest.raises((ValueError, TypeError), match=words):
        make()


def test_pipelines_equal_keras():
    mine, theirs = (
        library.layers.Pipeline(
            [library.layers.CenterCrop(4, 5, name="cut"), library.layers.Rescaling(0.5, name="half")], name="both"
        )
        for library in (kerata, keras)
    )
    np.testing.assert_allclose(mine(COLOURS, training=False), theirs(COLOURS, training=False), rtol=1e-6)
    again = kerata.layers.Pipeline.from_config(mine.get_config())
    assert [layer.name for layer in again.layers][:2] == [layer.name for layer in theirs.layers][:2] == ["cut", "half"]
    assert set(mine.get_config()) == set(theirs.get_config())
    inputs = kerata.Input((7, 8, 3))
    model = kerata.Model(inputs, mine(inputs))
    np.testing.assert_allclose(model.predict(COLOURS, verbose=0), mine(COLOURS, training=False), rtol=1e-6)
    with pytest.raises(TypeError, match="`layers` must be layers"):
        kerata.layers.Pipeline([kerata.layers.CenterCrop(4, 5), "half"])
