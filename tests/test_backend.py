"""`kerata.backend`, `kerata.random` and `kerata.config`: the functions around the functions."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras.src.legacy import backend as legacy  # the functions of K of TensorFlow's days, for their names
from scipy import stats

import kerata
from kerata import backend as K
from kerata.engine.scope import Scope

RNG = np.random.default_rng(0)
X, Y = (RNG.normal(size=(3, 4)).astype("float32") for _ in range(2))
UNSUPPORTED = {
    "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
    "conv2d_transpose",
    "ctc_decode",
    "ctc_label_dense_to_sparse",
    "gradients",
}


def test_the_names_of_k_are_there():
    public = {name for name, value in vars(legacy).items() if getattr(value, "__module__", "") == legacy.__name__}
    missing = {name for name in public if not name.startswith("_") and not hasattr(K, name)}
    assert missing == UNSUPPORTED
    new = {name for name in dir(keras.backend) if not name.startswith("_")}
    assert not {name for name in new if not hasattr(K, name)}


A, B = RNG.normal(size=(2, 3, 4)).astype("float32"), RNG.normal(size=(2, 4, 5)).astype("float32")
IMAGES = RNG.normal(size=(2, 4, 4, 3)).astype("float32")
CASES = [
    (lambda: K.mean(X, axis=0), X.mean(0)),
    (lambda: K.sum(X, axis=1, keepdims=True), X.sum(1, keepdims=True)),
    (lambda: K.mean(X > 0), (X > 0).mean()),
    (lambda: K.argmax(X), X.argmax(-1)),
    (lambda: K.clip(X, -0.5, 0.5), X.clip(-0.5, 0.5)),
    (lambda: K.pow(X, 2), X**2),
    (lambda: K.tanh(X), np.tanh(X)),
    (lambda: K.square(X), X**2),
    (lambda: K.abs(X), abs(X)),
    (lambda: K.any(X > 1), True),
    (lambda: K.all(X > 1), False),
    (lambda: K.flatten(X), X.ravel()),
    (lambda: K.batch_flatten(A), A.reshape(2, 12)),
    (lambda: K.repeat(X, 2), np.stack([X, X], 1)),
    (lambda: K.reverse(X, 1), X[:, ::-1]),
    (lambda: K.repeat_elements(X, 2, 1), X.repeat(2, 1)),
    (lambda: K.gather(X, [2, 0]), X[[2, 0]]),
    (lambda: K.permute_dimensions(A, (0, 2, 1)), A.swapaxes(1, 2)),
    (lambda: K.concatenate([X, Y]), np.concatenate([X, Y], -1)),
    (lambda: K.expand_dims(X), X[..., None]),
    (lambda: K.dot(X, Y.T), X @ Y.T),
    (lambda: K.batch_dot(A, B), A @ B),
    (lambda: K.batch_dot(X, Y, axes=1), (X * Y).sum(1, keepdims=True)),
    (lambda: K.batch_dot(A, B, axes=(2, 1)), A @ B),
    (lambda: K.l2_normalize(X, axis=1), X / np.linalg.norm(X, axis=1, keepdims=True)),
    (lambda: K.hard_sigmoid(X * 3), np.clip(X * 0.6 + 0.5, 0, 1)),
    (lambda: K.relu(X, alpha=0.1), np.where(X > 0, X, 0.1 * X)),
    (lambda: K.one_hot([1, 0], 3), [[0, 1, 0], [1, 0, 0]]),
    (lambda: K.arange(3), [0, 1, 2]),
    (lambda: K.bias_add(IMAGES, X[0, :3]), IMAGES + X[0, :3]),
    (lambda: K.bias_add(IMAGES, X[0], "channels_first"), IMAGES + X[0, :, None, None]),
    (lambda: K.temporal_padding(A, (1, 2)), np.pad(A, ((0, 0), (1, 2), (0, 0)))),
    (lambda: K.spatial_2d_padding(IMAGES).shape, (2, 6, 6, 3)),
    (lambda: K.resize_images(IMAGES, 2, 3, "channels_last"), IMAGES.repeat(2, 1).repeat(3, 2)),
    (lambda: K.pool2d(IMAGES, (2, 2), (2, 2)).shape, (2, 2, 2, 3)),
    (lambda: K.conv1d(A, np.ones((2, 4, 1), "float32"), padding="causal")[:, 0, 0], A[:, 0].sum(-1)),
    (lambda: K.switch(True, X, Y), X),
    (lambda: K.switch(X[:, 0] > 0, X, Y), np.where(X[:, :1] > 0, X, Y)),
    (lambda: K.foldl(lambda a, b: a + b, X), X.sum(0)),
    (lambda: K.cumsum(X), X.cumsum(0)),
    (lambda: K.foldr(lambda a, b: 2 * a + b, X, 0.0 * X[0]), X[0] + 2 * X[1] + 4 * X[2]),
    (lambda: K.map_fn(lambda r: r.sum(), X), X.sum(1)),
    (lambda: K.get_value(K.variable([1.0, 2.0])), [1.0, 2.0]),
    (lambda: K.int_shape(X), (3, 4)),
    (lambda: K.ndim(X), 2),
    (lambda: K.count_params(K.ones((2, 3))), 6),
    (lambda: K.constant(2.0, shape=(2,)), [2.0, 2.0]),
    (lambda: K.eye(2), np.eye(2)),
    (lambda: K.logsumexp(X), np.log(np.exp(X).sum())),
    (lambda: K.in_train_phase(lambda: 1, 2, training=False), 2),
    (lambda: K.moving_average_update(K.variable(1.0), 3.0, 0.5), 2.0),
]


@pytest.mark.parametrize("found, expected", CASES)
def test_functions_of_k(found, expected):
    np.testing.assert_allclose(np.asarray(found()), np.asarray(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "arguments", [{}, {"go_backwards": True}, {"mask": True}, {"mask": True, "zero_output_for_mask": True}]
)
def test_rnn_equals_a_loop(arguments):
    x, w = A, RNG.normal(size=(4, 4)).astype("float32")
    mask = np.array([[1, 1, 0], [1, 0, 1]], bool) if arguments.get("mask") else None
    last, outputs, states = K.rnn(
        lambda i, s: ((h := jnp.tanh(i + s[0] @ s[1])), [h]),
        x,
        [jnp.zeros((2, 4))],
        constants=[w],
        **{**arguments, "mask": mask},
    )
    h, previous, expected = np.zeros((2, 4)), np.zeros((2, 4)), []
    for t in range(3)[:: -1 if arguments.get("go_backwards") else 1]:
        keep = np.ones((2, 1), bool) if mask is None else mask[:, t, None]
        new = np.tanh(x[:, t] + h @ w)
        blank = np.zeros_like(new) if arguments.get("zero_output_for_mask") else previous
        h, previous = np.where(keep, new, h), np.where(keep, new, blank)
        expected.append(previous)
    np.testing.assert_allclose(outputs, np.stack(expected, 1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last, previous, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(states[0], h, rtol=1e-4, atol=1e-5)


def test_variables_and_functions():
    v = K.variable([1.0, 2.0])
    K.set_value(v, [3.0, 4.0])
    K.update_add(v, 1.0)
    assert K.get_value(v).tolist() == [4.0, 5.0]
    K.batch_set_value([(v, [0.0, 0.0])])
    assert K.batch_get_value([v])[0].tolist() == [0.0, 0.0]
    inputs = kerata.Input((4,))
    middle = kerata.layers.Dense(3)(inputs)
    run = K.function([inputs], [middle, middle * 2])
    one, two = run([X])
    np.testing.assert_allclose(two, 2 * one, rtol=1e-6)
    assert K.is_keras_tensor(middle) and not K.is_keras_tensor(X)
    assert K.result_type("int32", "float16") == keras.backend.result_type("int32", "float16")
    assert K.get_uid("name") + 1 == K.get_uid("name")


@pytest.mark.parametrize(
    "name, text", [("gradients", "jax.grad"), ("learning_phase", "training"), ("tahn", "Did you mean 'tanh'")]
)
def test_what_is_missing_says_what_to_take(name, text):
    with pytest.raises(AttributeError, match=text):
        getattr(K, name)


def test_settings_that_are_missing_say_what_to_do():
    with pytest.raises(AttributeError, match="load_weights"):
        kerata.config.enable_unsafe_deserialization()
    with pytest.raises(AttributeError, match="Did you mean 'set_floatx'"):
        kerata.config.set_flotx("float16")


def test_missing_function_of_ops():
    with pytest.raises(AttributeError, match="Did you mean 'concatenate'"):
        kerata.ops.concatenat  # noqa: B018


DRAWS = [
    ("normal", ((4000,),), {"mean": 1.0, "stddev": 2.0}),
    ("uniform", ((4000,),), {"minval": -1.0, "maxval": 3.0}),
    ("truncated_normal", ((4000,),), {"stddev": 0.5}),
    ("gamma", ((4000,), 2.5), {}),
    ("beta", ((4000,), 2.0, 3.0), {}),
    ("binomial", ((4000,), 10.0, 0.3), {}),
    ("randint", ((4000,), -3, 8), {}),
    ("categorical", (np.tile(np.log([[0.1, 0.2, 0.7]]), (2, 1)).astype("float32"), 4000), {}),
]


@pytest.mark.parametrize("name, args, kwargs", DRAWS)
def test_draws_have_the_distribution_of_keras(name, args, kwargs):
    ours = np.asarray(getattr(kerata.random, name)(*args, seed=1, **kwargs))
    theirs = np.asarray(getattr(keras.random, name)(*args, seed=2, **kwargs))
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    assert stats.ks_2samp(ours.ravel(), theirs.ravel()).pvalue > 1e-3
    assert abs(ours.min() - theirs.min()) <= 0.3 * theirs.std() + (name in ("normal", "gamma"))


@pytest.mark.parametrize("name, args, kwargs", DRAWS)
def test_seeds_of_draws(name, args, kwargs):
    draw = getattr(kerata.random, name)
    np.testing.assert_array_equal(draw(*args, seed=3, **kwargs), draw(*args, seed=3, **kwargs))
    generator = kerata.random.SeedGenerator(3)
    first, second = draw(*args, seed=generator, **kwargs), draw(*args, seed=generator, **kwargs)
    assert (np.asarray(first) != np.asarray(second)).any()
    np.testing.assert_array_equal(draw(*args, seed=kerata.random.SeedGenerator(3), **kwargs), first)
    assert (np.asarray(draw(*args, **kwargs)) != np.asarray(draw(*args, **kwargs))).any()


def test_draws_inside_a_program_follow_its_key():
    @jax.jit
    def program(key):
        with Scope(key=key):
            return kerata.random.normal((50,)), kerata.random.normal((50,))

    one, other = program(jnp.array([1, 2], "uint32")), program(jnp.array([1, 3], "uint32"))
    assert (one[0] != one[1]).any() and (one[0] != other[0]).any()
    np.testing.assert_array_equal(one[0], program(jnp.array([1, 2], "uint32"))[0])


def test_shuffle_and_dropout():
    x = np.arange(40).reshape(10, 4).astype("float32")
    mixed = np.asarray(kerata.random.shuffle(x, seed=1))
    assert (mixed != x).any() and sorted(mixed.tolist()) == x.tolist()
    assert sorted(np.asarray(kerata.random.shuffle(x, axis=1, seed=1)).T.tolist()) == x.T.tolist()
    dropped = np.asarray(kerata.random.dropout(np.ones((100, 50), "float32"), 0.25, noise_shape=(100, 1)))
    assert set(dropped.ravel()) == {np.float32(0), np.float32(4 / 3)} and (dropped == dropped[:, :1]).all()


def test_settings():
    before = kerata.config.floatx(), kerata.config.epsilon(), kerata.config.image_data_format()
    try:
        K.set_floatx("float16")
        K.set_epsilon(1e-3)
        K.set_image_dim_ordering("th")
        assert kerata.ops.zeros((2,)).dtype == "float16" and kerata.initializers.Ones()((2,)).dtype == "float16"
        assert kerata.config.epsilon() == 1e-3 and K.image_data_format() == "channels_first"
    finally:
        K.set_floatx(before[0]), K.set_epsilon(before[1]), K.set_image_data_format(before[2])
    kerata.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert kerata.config.dtype_policy().compute_dtype == "bfloat16"
    finally:
        kerata.config.set_dtype_policy("float32")
    assert kerata.config.backend() == "jax"
    with pytest.raises(ValueError, match=r"JAX only.*backend='torch'"):
        kerata.config.set_backend("torch")
