"""Functions of tensors as parts of graphs, one row a function: files of Kerata and of real Keras, which read each other's."""

import json

import keras
import numpy as np
import pytest

import kerata

RNG = np.random.default_rng(0)
DATA = {
    "x": RNG.random((4, 6)).astype("float32"),
    "z": RNG.random((4, 6)).astype("float32"),
    "v": RNG.random((6,)).astype("float32"),
    "ids": RNG.integers(0, 4, (4,)).astype("int32"),
    "words": RNG.integers(0, 4, (4, 5)).astype("int32"),
    "sound": RNG.random((4, 64)).astype("float32"),
    "steps": RNG.random((4, 12, 6)).astype("float32"),
    "square": (3 * np.eye(4) + RNG.random((4, 4, 4))).astype("float32"),
    "p": RNG.random((4, 8, 8, 3)).astype("float32"),
    "q": RNG.random((4, 8, 8, 3)).astype("float32"),
    "volume": RNG.random((4, 6, 6, 6, 2)).astype("float32"),
}
TURN = np.array([1, 0.1, 0, 0, 1, 0.2, 0, 0], "float32")
CORNERS = [np.array([c] * 4, "float32") for c in ([[0, 0], [0, 7], [7, 0], [7, 7]], [[1, 1], [1, 6], [6, 0], [7, 7]])]
LENGTHS = [np.full(4, n, "int32") for n in (2, 5, 12)]


def double(x):
    return 2 * x


def add(x, y):
    return x + y


def step(carry, x):
    return carry + x, carry * x


# Each takes the library and symbolic tensors by their names.
CASES = {
    "allclose": lambda k, x, z: k.ops.allclose(x, z),
    "array": lambda k, ids: k.ops.array(ids, dtype="float32"),
    "view": lambda k, x: k.ops.view(x, dtype="int32"),
    "bincount": lambda k, ids: k.ops.bincount(ids, minlength=6),
    "full": lambda k, x: k.ops.full((3, 2), k.ops.sum(x)),
    "linspace": lambda k, x, z: k.ops.linspace(x, z, 5),
    "logspace": lambda k, x, z: k.ops.logspace(x, z, 5, base=2),
    "geomspace": lambda k, x: k.ops.geomspace(x + 1, x + 2, 5),
    "isin": lambda k, words, ids: k.ops.isin(words, ids, invert=True),
    "isclose": lambda k, x, z: k.ops.isclose(x, z, atol=0.1),
    "meshgrid": lambda k, x: k.ops.meshgrid(x[0], x[1], indexing="ij"),
    "size": lambda k, x: k.ops.size(x),
    "unravel_index": lambda k, ids: k.ops.unravel_index(ids, (2, 3)),
    "searchsorted": lambda k, v, x: k.ops.searchsorted(k.ops.sort(v), x[:, 0], side="right"),
    "trapezoid": lambda k, x: k.ops.trapezoid(x, dx=0.5, axis=0),
    "rot90": lambda k, x: k.ops.transpose(k.ops.rot90(x)),
    "batch_normalization": lambda k, steps, v: k.ops.batch_normalization(steps, v, v, axis=-1, scale=v, epsilon=0.01),
    "layer_normalization": lambda k, steps, v: k.ops.layer_normalization(steps, v, v, axis=-1, epsilon=0.01),
    "layer_normalization, bare": lambda k, steps: k.ops.layer_normalization(steps),
    "rms_normalization": lambda k, steps, v: k.ops.rms_normalization(steps, v),
    "ctc_loss": lambda k, words: k.ops.ctc_loss(words % 4 + 1, k.ops.one_hot(words, 5) * 1.0, *LENGTHS[:2]),
    "ctc_decode": lambda k, steps: k.ops.ctc_decode(steps, LENGTHS[2]),
    "psnr": lambda k, p, q: k.ops.psnr(p, q, 1.0),
    "polar": lambda k, x, z: k.ops.view_as_real(k.ops.polar(x, z)),
    "svd": lambda k, square: k.ops.svd(square, compute_uv=False),
    "cdist": lambda k, x, z: k.ops.cdist(x, z),
    "fft": lambda k, x, z: k.ops.fft((x, z)),
    "fft2": lambda k, x, z: k.ops.fft2((x, z)),
    "ifft2": lambda k, x, z: k.ops.ifft2((x, z)),
    "rfft": lambda k, sound: k.ops.rfft(sound, 32),
    "irfft": lambda k, x, z: k.ops.irfft((x, z), fft_length=8),
    "stft": lambda k, sound: k.ops.stft(sound, 16, 8, 32, window=None, center=False),
    "istft": lambda k, sound: k.ops.istft(k.ops.stft(sound, 16, 8, 16), 16, 8, 16),
    "rgb_to_grayscale": lambda k, p: k.ops.image.rgb_to_grayscale(p),
    "rgb_to_hsv": lambda k, p: k.ops.image.rgb_to_hsv(p),
    "hsv_to_rgb": lambda k, p: k.ops.image.hsv_to_rgb(p),
    "resize": lambda k, p: k.ops.image.resize(p, (5, 6), antialias=True),
    "affine_transform": lambda k, p: k.ops.image.affine_transform(p, np.stack([TURN] * 4), fill_mode="wrap"),
    "extract_patches": lambda k, p: k.ops.image.extract_patches(p, 3, strides=1, padding="same"),
    "extract_patches of volumes": lambda k, volume: k.ops.image.extract_patches(volume, (2, 2, 2)),
    "extract_patches_3d": lambda k, volume: k.ops.image.extract_patches_3d(volume, 2),
    "map_coordinates": lambda k, x, steps: k.ops.image.map_coordinates(x, steps[:2, 0], 0, "nearest"),
    "pad_images": lambda k, p: k.ops.image.pad_images(p, 1, 2, target_height=12, target_width=12),
    "crop_images": lambda k, p: k.ops.image.crop_images(p, 1, 1, 2, 2),
    "perspective_transform": lambda k, p: k.ops.image.perspective_transform(p, *CORNERS),
    "gaussian_blur": lambda k, p: k.ops.image.gaussian_blur(p, data_format="channels_last"),
    "scale_and_translate": lambda k, p: k.ops.image.scale_and_translate(p, (4, 5, 6, 3), TURN[:2], TURN[:2], (1, 2), "linear"),
    "sobel_edges": lambda k, p: k.ops.image.sobel_edges(p),
    "ssim": lambda k, p, q: k.ops.image.ssim(p, q, filter_size=5),
    "map": lambda k, x: k.ops.map(double, x),
    "scan": lambda k, x: k.ops.scan(step, init=x[0], xs=x, reverse=True),
    "associative_scan": lambda k, x: k.ops.associative_scan(add, x, axis=1),
    "switch": lambda k, x: k.ops.switch(1, [double, double], x),
    "scatter": lambda k, ids, x: k.ops.scatter(ids[:, None], x, (7, 6)),
    "scatter_update": lambda k, x: k.ops.scatter_update(x, [[0], [2]], DATA["z"][:2], reduction="add"),
    "convert_to_tensor": lambda k, ids: k.ops.convert_to_tensor(ids, dtype="float32"),
    "rearrange": lambda k, steps: k.ops.rearrange(steps, "b (h c) w -> b h (c w)", c=3),
    "activations.relu": lambda k, x: k.activations.relu(x, 0.1, max_value=0.5, threshold=0.1),
    "activations.exponential": lambda k, x: k.activations.exponential(x),
    "activations.linear": lambda k, x: k.activations.linear(x) + 1.0,
}


def build(library, case):
    names = case.__code__.co_varnames[1 : case.__code__.co_argcount]
    inputs = [library.Input(batch_shape=DATA[name].shape, dtype=str(DATA[name].dtype), name=name) for name in names]
    return library.Model(inputs, case(library, *inputs)), [DATA[name] for name in names]


def outputs(model, data):
    return [np.asarray(one) for one in keras.tree.flatten(model(data))]


@pytest.mark.parametrize("name", CASES)
def test_functions_in_files(name, tmp_path):
    functions = {function.__name__: function for function in (double, add, step)}
    (mine, data), (theirs, _) = build(kerata, CASES[name]), build(keras, CASES[name])
    mine.save(tmp_path / "mine.keras")
    theirs.save(tmp_path / "theirs.keras")
    expected = outputs(theirs, data)
    plain = json.loads(mine.to_json())["config"]
    for model in (
        mine,
        kerata.Model.from_config(plain, functions),
        kerata.models.load_model(tmp_path / "theirs.keras", functions),
        keras.models.load_model(tmp_path / "mine.keras", functions),
    ):
        for a, b in zip(outputs(model, data), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
