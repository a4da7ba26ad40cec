"""Maxima have JAX's values and slopes, and keep them in programs that compute what is compared anew."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kerata
from kerata.engine.effort import compares
from kerata.kernels.maxima import larger, largest, smaller, smallest, within

X = np.random.default_rng(0).integers(-2, 3, (3, 4, 5)).astype("float32")
PAIRS = [(largest, jnp.max), (smallest, jnp.min)]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("axis", [None, 1, -1, (0, 2), (1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_values_and_slopes(ours, theirs, axis, keepdims):
    np.testing.assert_array_equal(ours(X, axis, keepdims), theirs(X, axis, keepdims=keepdims))
    weights = np.random.default_rng(1).normal(size=np.shape(theirs(X, axis, keepdims=keepdims))).astype("float32")

    def slope(function):
        return jax.grad(lambda x: jnp.sum(jnp.sin(function(x)) * weights))

    mine, right = (slope(lambda x, f=f: f(x, axis, keepdims=keepdims)) for f in (ours, theirs))
    np.testing.assert_allclose(mine(X), right(X), atol=1e-6)
    np.testing.assert_allclose(jax.jit(mine)(X), right(X), atol=1e-6)
    # Forward, of a slope, and of many at once.
    change = np.cos(np.arange(60, dtype="float32")).reshape(X.shape)
    for f, g in (
        (lambda h: jax.jvp(lambda x: h(x, axis, keepdims=keepdims), (X,), (change,))[1],) * 2,
        (lambda h: jax.grad(lambda x: jnp.sum(slope(lambda z: h(z, axis, keepdims=keepdims))(x) * change))(X),) * 2,
    ):
        np.testing.assert_allclose(f(ours), g(theirs), atol=1e-5)
    if axis != (0, 2):
        stacked = np.stack([X, -X])
        np.testing.assert_allclose(jax.vmap(mine)(stacked), jax.vmap(right)(stacked), atol=1e-6)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_numbers_that_are_no_numbers_and_other_types(ours, theirs):
    for x in (np.array([1.0, np.nan], "float32"), np.array([np.inf, -np.inf]), np.arange(3), np.array([True, False])):
        np.testing.assert_array_equal(ours(jnp.asarray(x)), theirs(jnp.asarray(x)))
    half = jnp.asarray(X, "bfloat16")
    assert ours(half).dtype == jnp.bfloat16 and jax.grad(lambda x: ours(x))(half).dtype == jnp.bfloat16
    assert ours(jnp.arange(3)).dtype == theirs(jnp.arange(3)).dtype


@pytest.mark.parametrize("initial", [None, 0.5, 9.0])
def test_ops_take_an_initial_value(initial):
    given = {} if initial is None else {"initial": initial}
    np.testing.assert_array_equal(kerata.ops.max(X, axis=1, initial=initial), jnp.max(X, axis=1, **given))
    np.testing.assert_array_equal(kerata.ops.min(X, axis=1, initial=initial), jnp.min(X, axis=1, **given))
    mine, right = (jax.grad(lambda x, f=f: jnp.sum(f(x, axis=1, **given)))(X) for f in (kerata.ops.max, jnp.max))
    np.testing.assert_allclose(mine, right)


WAYS = {
    "GlobalMaxPooling2D": lambda h: kerata.layers.GlobalMaxPooling2D()(h),
    "AdaptiveMaxPooling2D": lambda h: kerata.layers.Flatten()(kerata.layers.AdaptiveMaxPooling2D(1)(h)),
    "max": lambda h: kerata.ops.max(h, axis=(1, 2)),
    "amax": lambda h: kerata.ops.amax(h, axis=(1, 2)),
    "min": lambda h: kerata.ops.min(h, axis=(1, 2)),
    "ptp": lambda h: kerata.ops.ptp(h, axis=(1, 2)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("words", [[7, 0, 0], [1, 1, 1]])
def test_slopes_are_not_lost_where_numbers_are_equal(way, words):
    """XLA may compute numbers anew for the comparison with their maximum, with another rounding."""
    inputs = kerata.Input((3,), dtype="int32")
    h = kerata.layers.Embedding(8, 3)(inputs)
    h = kerata.ops.repeat(kerata.ops.expand_dims(h, 2), 3, axis=2)
    model = kerata.Model(inputs, WAYS[way](kerata.layers.GroupNormalization(groups=-1)(h)))
    table = np.random.default_rng(3).normal(size=(8, 3)).astype("float32")
    model.layers[1].set_weights([table])
    x, y = np.array([words]), np.array([[1.0, 2.0, 3.0]], "float32")

    def loss(weights):
        frozen = [v.value for v in model.non_trainable_variables]
        outputs, _ = model.stateless_call(weights, frozen, jnp.asarray(x), training=True)
        return jnp.mean((outputs - y) ** 2)

    slopes = jax.grad(loss)([v.value for v in model.trainable_variables])[0]
    model.compile(kerata.optimizers.SGD(1.0), kerata.losses.MeanSquaredError())
    model.fit(x, y, batch_size=1, verbose=0)
    np.testing.assert_allclose(table - model.layers[1].get_weights()[0], slopes, atol=2e-5)


# Of two arrays

A, B = (np.random.default_rng(seed).integers(-1, 2, (4, 3)).astype("float32") for seed in (1, 2))
OF_TWO = [
    (larger, jnp.maximum, (A, B)),
    (smaller, jnp.minimum, (A, B)),
    (larger, jnp.maximum, (A, B[0])),
    (smaller, jnp.minimum, (A[:, :1], B)),
    (lambda x: larger(x, 0), lambda x: jnp.maximum(x, 0), (A,)),
    (lambda x: within(x, -0.5, 1), lambda x: jnp.clip(x, -0.5, 1), (A,)),
    (lambda x: within(x, None, 0), lambda x: jnp.clip(x, None, 0), (A,)),
    (lambda x, y: within(x, y, None), jnp.clip, (A, B)),
]


@pytest.mark.parametrize("number", range(len(OF_TWO)))
def test_values_and_slopes_of_two(number):
    ours, theirs, given = OF_TWO[number]
    np.testing.assert_array_equal(ours(*given), theirs(*given))
    places = tuple(range(len(given)))
    mine, right = (jax.grad(lambda *x, f=f: jnp.sum(jnp.cos(f(*x)) * 3), places)(*given) for f in (ours, theirs))
    for a, b in zip(mine, right, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("pair", [(larger, jnp.maximum), (smaller, jnp.minimum)])
def test_types_of_two(pair):
    for x, y in [
        (jnp.ones(2, "bfloat16"), 2.0),
        (jnp.ones(2, "int32"), 2.5),
        (jnp.ones(2, "int32"), 2),
        (jnp.ones(2, bool), True),
        (np.float32(1), jnp.ones(2, "float16")),
        (jnp.array([np.nan, 1.0]), 0.5),
    ]:
        ours, theirs = (function(x, y) for function in pair)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_no_activation_and_no_loss_compares_with_a_maximum():
    """Two that XLA computes with different roundings have no slope."""
    known = 0
    for room, before in ((kerata.activations, ()), (kerata.losses, (jnp.ones((2, 3)),))):
        for name, function in vars(room).items():
            if name.startswith("_") or not callable(function) or isinstance(function, type):
                continue
            try:
                traced = jax.make_jaxpr(jax.grad(lambda x, f=function, b=before: jnp.sum(f(*b, x))))(jnp.ones((2, 3)))
            except Exception:
                continue
            known += 1
            assert not compares(traced.jaxpr), name
    assert known > 60


@pytest.mark.parametrize("ours", [larger, smaller, lambda x, y: within(x, 0.0, y)], ids=["larger", "smaller", "within"])
def test_two_numbers_give_way_to_the_type_of_others(ours):
    half = jnp.ones(3, "float16")
    assert (ours(0.5, 1.0) * half).dtype == "float16"
    assert jax.jit(lambda x: ours(x, 1) * half)(0.5).dtype == "float16"
    assert (ours(jnp.float32(0.5), 1.0) * half).dtype == "float32"
    assert str(ours(-0.0, -0.0)) == str(jnp.maximum(-0.0, -0.0)) or ours not in (larger, smaller)
