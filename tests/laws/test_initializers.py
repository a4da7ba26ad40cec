"""Initializers: real Keras's distributions and configs, and what holds for every one of them."""

import keras
import numpy as np
import pytest
from scipy import stats

import kerata
from kerata import initializers

FANS = ("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal")
RANDOM = [
    ("RandomNormal", {}),
    ("RandomNormal", {"mean": 1.0, "stddev": 0.3}),
    ("RandomUniform", {}),
    ("RandomUniform", {"minval": -1.0, "maxval": 3.0}),
    ("TruncatedNormal", {"mean": -1.0, "stddev": 0.5}),
    *((name, {}) for name in FANS),
    ("HeNormal", {"input_axes": [0], "output_axes": [1, 2]}),
    ("VarianceScaling", {}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "uniform"}),
    ("VarianceScaling", {"mode": "fan_avg", "distribution": "untruncated_normal"}),
    ("VarianceScaling", {"distribution": "normal"}),
    ("Orthogonal", {"gain": 2.0}),
]
FIXED = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {"value": 2.5}),
    ("Identity", {"gain": 3.0}),
    ("STFT", {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True}),
    ("STFT", {}),
    ("STFT", {"window": None}),
]
SHAPE = (20, 30, 40)


@pytest.mark.parametrize("name, arguments", RANDOM)
def test_distribution_equals_keras(name, arguments):
    ours = getattr(initializers, name)(seed=1, **arguments)(SHAPE)
    theirs = np.asarray(getattr(keras.initializers, name)(seed=2, **arguments)(SHAPE))
    assert isinstance(ours, np.ndarray) and ours.dtype == np.float32 and ours.shape == SHAPE
    scale = theirs.std()
    assert abs(ours.mean() - theirs.mean()) < 0.03 * scale
    assert abs(ours.std() - scale) < 0.02 * scale
    unbounded = name in ("RandomNormal", "Orthogonal") or arguments.get("distribution") == "untruncated_normal"
    if not unbounded:
        assert abs(ours.max() - theirs.max()) < 0.1 * scale and abs(ours.min() - theirs.min()) < 0.1 * scale
    assert stats.ks_2samp(ours.ravel(), theirs.ravel()).pvalue > 1e-3


@pytest.mark.parametrize("name, arguments", FIXED)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_values_equal_keras(name, arguments, dtype):
    shape = (8, 1, 5) if name == "STFT" else (3, 4)
    ours = getattr(initializers, name)(**arguments)(shape, dtype)
    theirs = np.asarray(getattr(keras.initializers, name)(**arguments)(shape, dtype))
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, atol=1e-6 if dtype == "float32" else 1e-2)


@pytest.mark.parametrize("name, arguments", RANDOM + FIXED)
def test_config_equals_keras_and_is_read_by_both(name, arguments):
    seed = {"seed": 3} if (name, arguments) in RANDOM else {}
    ours, theirs = (getattr(r, name)(**arguments, **seed) for r in (initializers, keras.initializers))
    written = initializers.serialize(ours)
    if arguments.get("distribution") == "normal":
        arguments = {**arguments, "distribution": "truncated_normal"}
        theirs = getattr(keras.initializers, name)(**arguments, **seed)
    expected = keras.initializers.serialize(theirs)
    if name == "Identity":
        expected["config"] = {"gain": 3.0}  # which Keras forgets
    assert written == expected
    again = initializers.deserialize(written)
    assert initializers.serialize(again) == written
    read = keras.initializers.deserialize(written)
    assert type(read).__name__ == name and getattr(read, "gain", None) == getattr(ours, "gain", None)
    shape = (4, 1, 3)[: 2 if name == "Identity" else 3]
    np.testing.assert_array_equal(again(shape), ours(shape))
    np.testing.assert_array_equal(ours.clone()(shape), ours(shape))


@pytest.mark.parametrize("name, arguments", RANDOM)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", "float64"])
def test_seeds_and_types(name, arguments, dtype):
    make = getattr(initializers, name)
    fixed, free = make(seed=7, **arguments), make(**arguments)
    assert fixed((5, 4, 3), dtype).dtype.name == dtype
    np.testing.assert_array_equal(fixed((5, 4, 3), dtype), fixed((5, 4, 3), dtype))
    np.testing.assert_array_equal(free((5, 4, 3)), free((5, 4, 3)))
    assert (free((5, 4, 3)) != make(**arguments)((5, 4, 3))).any()
    kerata.utils.set_random_seed(5)
    first = [make(**arguments)((5, 4, 3)) for _ in range(2)]
    kerata.utils.set_random_seed(5)
    np.testing.assert_array_equal(first, [make(**arguments)((5, 4, 3)) for _ in range(2)])
    ones, twos = (make(seed=kerata.random.SeedGenerator(1), **arguments) for _ in range(2))
    sequence = [ones((5, 4, 3)) for _ in range(2)]
    assert (sequence[0] != sequence[1]).any()
    np.testing.assert_array_equal(sequence, [twos((5, 4, 3)) for _ in range(2)])


def test_a_seed_generator_survives_a_config():
    written = initializers.serialize(initializers.HeNormal(kerata.random.SeedGenerator(4)))
    assert initializers.deserialize(written)((2, 2)).shape == (2, 2)
    assert written["config"]["seed"]["class_name"] == "SeedGenerator"


def test_a_large_matrix_has_no_repeated_block():
    values = initializers.RandomNormal(seed=1)((512, 1024))
    assert len(np.unique(values)) > 0.9 * values.size


@pytest.mark.parametrize("shape", [(6, 6), (10, 4), (4, 10), (2, 3, 4)])
def test_orthogonal(shape):
    q = initializers.Orthogonal()(shape).reshape(-1, shape[-1])
    product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)


OLD = {
    "normal": "RandomNormal",
    "uniform": "RandomUniform",
    "zero": "Zeros",
    "one": "Ones",
    "zeros": "Zeros",
    "glorot_uniform": "GlorotUniform",
    "he_normal": "HeNormal",
    "lecun_uniform": "LecunUniform",
    "IdentityInitializer": "Identity",
    "OrthogonalInitializer": "Orthogonal",
    "random_normal": "RandomNormal",
    "truncated_normal": "TruncatedNormal",
    "variance_scaling": "VarianceScaling",
    "stft": "STFT",
}


@pytest.mark.parametrize("spelling", OLD)
def test_spellings(spelling):
    assert type(initializers.get(spelling)).__name__ == OLD[spelling]
    if hasattr(keras.initializers, spelling):
        assert getattr(keras.initializers, spelling).__name__ == getattr(initializers, spelling).__name__


def test_own_initializers():
    def ramp(shape, dtype=None):
        return np.arange(np.prod(shape), dtype=dtype).reshape(shape)

    def old(shape):
        return np.full(shape, 2.0)

    assert initializers.get(ramp) is ramp
    assert initializers.get(old)((2, 2), dtype="float16").dtype == "float16"
    assert initializers.get(np.array([1, 2]))((2,)).tolist() == [1.0, 2.0]
    assert initializers.get(None) is None
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    layer = kerata.layers.Dense(2, kernel_initializer=old, bias_initializer=np.array([5.0, 6.0]))
    layer.build((None, 3))
    assert layer.kernel.numpy().tolist() == [[2.0, 2.0]] * 3 and layer.bias.numpy().tolist() == [5.0, 6.0]


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: initializers.get("glorot_uniforn"), ValueError, "Did you mean 'glorot_uniform'"),
        (lambda: initializers.RandomNormal(seed="one"), ValueError, "`seed` must be an integer.*seed='one'"),
        (lambda: initializers.VarianceScaling(scale=0), ValueError, "`scale` must be a number above 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), ValueError, "`mode` must be one of.*mode='fan'"),
        (lambda: initializers.HeNormal(sed=1), TypeError, "unknown argument `sed`.*Did you mean 'seed'"),
        (lambda: initializers.Identity()((3,)), ValueError, "two dimensions.*shape=\\(3,\\)"),
        (lambda: initializers.Orthogonal()((3,)), ValueError, "at least two dimensions"),
        (lambda: initializers.Zeros()((None, 3)), ValueError, "known whole numbers"),
        (lambda: initializers.STFT(window="box car"), ValueError, "window"),
        (lambda: initializers.get(np.ones(3))((2,)), ValueError, "weight of shape \\(3,\\)"),
        (lambda: initializers.get(3), TypeError, "must be a name"),
        (lambda: initializers.Initializer()((2,)), NotImplementedError, "must define `__call__"),
    ],
)
def test_messages(call, error, text):
    with pytest.raises(error, match=text):
        call()
