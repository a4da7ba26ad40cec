"""What holds for every activation, regularizer and constraint, and for functions of arrays in models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kerata
from kerata import activations, constraints, layers, ops, regularizers
from kerata.base.registry import names
from kerata.engine.scope import Scope, noted

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6)).astype("float32")
ACTIVATIONS = sorted(set(names("activations")) - {"threshold"})
STRENGTHS = [
    (regularizers.L1(0.1), "l1"),
    (regularizers.L2(0.1), "l2"),
    (regularizers.L1L2(0.1, 0.2), "l1"),
    (regularizers.L1L2(0.1, 0.2), "l2"),
    (regularizers.OrthogonalRegularizer(0.1), "factor"),
    (constraints.MaxNorm(0.5), "max_value"),
    (constraints.MinMaxNorm(0.1, 0.6, 0.5), "min_value"),
    (constraints.MinMaxNorm(0.1, 0.6, 0.5), "max_value"),
    (constraints.MinMaxNorm(0.1, 0.6, 0.5), "rate"),
]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_keeps_type_and_is_found_by_every_form(name):
    function = activations.get(name)
    for dtype in ("float16", "bfloat16", "float32"):
        assert function(jnp.asarray(X, dtype)).dtype == dtype
    if name not in ("glu", "softmax", "log_softmax", "sparsemax"):
        np.testing.assert_allclose(jax.vmap(jax.vmap(function))(X), function(X), rtol=1e-6, atol=1e-6)
    assert activations.get(function) is function
    assert activations.deserialize(activations.serialize(function)) is function
    written = {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
    assert activations.get(written) is function
    gradient = jax.grad(lambda x: jnp.sum(jnp.square(function(x))))(jnp.concatenate([jnp.asarray(X), 0 * X[:1]]))
    assert np.isfinite(gradient).all()
    assert layers.Activation(name)(X).shape == function(X).shape


def test_activations_of_other_kinds():
    def own(x):
        return x * 2

    assert activations.get(None) is activations.linear and activations.get(own) is own
    assert activations.serialize(own)["config"] == "own"
    leaky = layers.LeakyReLU(negative_slope=0.5)
    assert activations.get(leaky) is leaky
    assert activations.serialize(leaky)["class_name"] == "LeakyReLU"
    np.testing.assert_allclose(activations.deserialize(activations.serialize(leaky))(X), leaky(X))
    assert activations.deserialize("own", custom_objects={"own": own}) is own
    with pytest.raises(ValueError, match="Did you mean 'sigmoid'"):
        activations.get("sigmiod")
    with pytest.raises(TypeError, match="must be a name, a config, a function"):
        activations.get(3)


@pytest.mark.parametrize("function, kind", [(ops.softmax, "softmax"), (ops.sigmoid, "sigmoid")])
def test_probabilities_remember_their_logits(function, kind):
    def program(x):
        with Scope():
            y = function(x)
            found = noted(y, "logits")
            assert found is not None and found[0] == kind
            return found[1]

    np.testing.assert_array_equal(jax.jit(program)(X), X)
    x = jnp.asarray(X)
    assert noted(function(x), "logits") is None or (noted(y := function(x), "logits")[1] is x and y is not None)


def test_softmax_over_another_axis_is_not_taken_for_probabilities_of_classes():
    with Scope():
        assert noted(ops.softmax(jnp.asarray(X), axis=0), "logits") is None
        assert noted(ops.softmax(jnp.asarray(X), axis=1), "logits") is not None


@pytest.mark.parametrize("owner, name", STRENGTHS, ids=lambda v: v if isinstance(v, str) else type(v).__name__)
def test_strengths_are_values_of_a_program(owner, name):
    values = jnp.asarray([0.05, 0.3, 0.9])

    def program(value):
        with Scope(hypers={(id(owner), name): value}):
            return owner(jnp.asarray(X))

    together = jax.vmap(program)(values)
    before = getattr(owner, name)
    for value, one in zip(values, together, strict=True):
        setattr(owner, name, float(value))
        np.testing.assert_allclose(one, owner(X), rtol=1e-5, atol=1e-6)
    setattr(owner, name, before)
    assert len({np.asarray(one).tobytes() for one in together}) > 1


def test_constraints_do_what_they_say():
    norms = lambda w: np.linalg.norm(w, axis=0)  # noqa: E731
    assert (norms(constraints.MaxNorm(0.5)(X)) <= 0.5 + 1e-5).all()
    np.testing.assert_allclose(norms(constraints.UnitNorm()(X)), 1, rtol=1e-5)
    assert (np.asarray(constraints.NonNeg()(X)) >= 0).all()
    limited = norms(constraints.MinMaxNorm(1.0, 1.5)(X))
    assert (limited > 1 - 1e-5).all() and (limited < 1.5 + 1e-5).all()
    for constraint in (constraints.MaxNorm(), constraints.UnitNorm(), constraints.MinMaxNorm()):
        assert np.isfinite(constraint(np.zeros((3, 2), "float32"))).all()
        assert constraint(jnp.asarray(X, "bfloat16")).dtype == "bfloat16"


OWN = {"regularizers": regularizers, "constraints": constraints}


@pytest.mark.parametrize("room", OWN)
def test_own_ones(room):
    def own(x):
        return 0.5 * jnp.sum(x) if room == "regularizers" else x * 0.5

    base = {"regularizers": regularizers.Regularizer, "constraints": constraints.Constraint}[room]

    class Own(base):
        def __init__(self, factor=2.0):
            self.factor = factor

        def __call__(self, x):
            return self.factor * own(x)

    get, serialize, deserialize = OWN[room].get, OWN[room].serialize, OWN[room].deserialize
    assert get(own) is own and get(None) is None and isinstance(get(Own), Own)
    again = deserialize(serialize(Own(3.0)), custom_objects={"Own": Own})
    assert again.factor == 3.0
    keyword = "kernel_regularizer" if room == "regularizers" else "kernel_constraint"
    layer = layers.Dense(2, **{keyword: Own(3.0)})
    layer.build((None, 3))
    if room == "regularizers":
        np.testing.assert_allclose(layer.losses[0], 1.5 * layer.kernel.numpy().sum(), rtol=1e-5)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda: regularizers.L2(-1.0), ValueError, "`l2` must be a number of at least 0"),
        (lambda: regularizers.L1("much"), TypeError, "`l1` must be a number.*l1='much'"),
        (lambda: regularizers.L2(float("inf")), ValueError, "finite"),
        (lambda: regularizers.OrthogonalRegularizer(mode="diagonal"), ValueError, "`mode` must be one of 'rows', 'columns'"),
        (lambda: regularizers.OrthogonalRegularizer()(np.ones(3)), ValueError, "must be a matrix"),
        (lambda: regularizers.get("l3"), ValueError, "Known: L1, L1L2"),
        (lambda: regularizers.get(0.01), TypeError, "must be a name"),
        (lambda: constraints.MaxNorm(-1), ValueError, "`max_value`"),
        (lambda: constraints.MinMaxNorm(rate=2), ValueError, "`rate` must be a number between"),
        (lambda: constraints.get("maxnrm"), ValueError, "Did you mean 'maxnorm'"),
        (lambda: ops.conv(np.ones((1, 4, 4, 3)), np.ones((2, 2, 2, 4))), ValueError, "the kernel must have shape"),
        (lambda: ops.convert_to_tensor(X, sparse=True), ValueError, "sparse tensors are not supported"),
        (lambda: ops.one_hot([1], 2, sparse=True), ValueError, "sparse tensors"),
        (
            lambda: ops.max_pool(np.ones((1, 4, 4, 3)), 2, padding="full"),
            ValueError,
            "`padding` must be one of 'valid', 'same'",
        ),
        (lambda: ops.cholesky(-np.eye(2)), ValueError, "positive definite"),
        (lambda: ops.rearrange(X, "a b -> b c"), ValueError, "same axes"),
        (lambda: ops.rearrange(X, "(a c) b -> b a c", c=3), ValueError, "cannot be divided"),
        (lambda: ops.scan(lambda c, x: (c, x), 0.0, X, unroll=0), ValueError, "`unroll`"),
        (lambda: ops.pad(X, 1, mode="reflect", constant_values=1.0), ValueError, "mode"),
        (lambda: ops.image.resize(X, (2, 2)), ValueError, "three axes"),
        (
            lambda: ops.image.crop_images(np.ones((4, 4, 1)), top_cropping=1, target_height=4, left_cropping=0, target_width=2),
            ValueError,
            "inside the picture",
        ),
        (lambda: kerata.utils.to_categorical([0, 3], 3), ValueError, "integers from 0 to 2"),
        (lambda: kerata.utils.to_categorical([-1, 1]), ValueError, "integers from 0 to 1"),
    ],
)
def test_messages(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_variables_are_arrays():
    v = kerata.Variable(X)
    for found in (
        ops.add(v, v),
        ops.sum(v),
        ops.relu(v),
        ops.concatenate([v, v]),
        ops.where(X > 0, v, 0),
        ops.cast(v, "int32"),
        ops.shape(v),
        ops.convert_to_numpy(v),
        ops.matmul(v, np.ones((6, 1))),
        regularizers.L2()(v),
    ):
        assert not isinstance(found, kerata.Variable)
    np.testing.assert_array_equal(ops.stop_gradient(v), X)

    @ops.custom_gradient
    def scaled(x):
        return x * 2, lambda upstream: upstream * 5

    np.testing.assert_array_equal(scaled(v), 2 * X)
    assert jax.grad(lambda x: scaled(x).sum())(jnp.asarray(X))[0, 0] == 5


def test_functions_in_a_model():
    inputs = kerata.Input((6,))
    mean, variance = ops.moments(inputs, axes=[1], keepdims=True)
    y = ops.tanh((inputs - mean) / ops.sqrt(variance + 1e-3))
    y = ops.concatenate([y, ops.one_hot(ops.argmax(inputs, axis=-1), 6), 2.0 * inputs[:, :2]], axis=-1)
    model = kerata.Model(inputs, ops.softmax(y))
    assert model.output.shape == (None, 14)
    plain = np.tanh((X - X.mean(1, keepdims=True)) / np.sqrt(X.var(1, keepdims=True) + 1e-3))
    plain = np.concatenate([plain, np.eye(6)[X.argmax(1)], 2 * X[:, :2]], axis=1)
    np.testing.assert_allclose(model(X), np.exp(plain) / np.exp(plain).sum(1, keepdims=True), rtol=1e-5)


def test_functions_of_arrays_run_on_stretched_pictures_as_on_the_plain_form():
    from kerata.kernels.compiler import kernel_form

    x, kernel = RNG.normal(size=(2, 5, 6, 4)).astype("float32"), RNG.normal(size=(3, 2, 3, 4)).astype("float32")
    for strides, padding, dilation in ((1, "valid", 1), (2, "same", 1), (3, "same", 1), (1, "same", 2), (2, "valid", 1)):
        found = []
        for form in ("fast", "plain"):
            with kernel_form(form):
                found.append(ops.conv_transpose(x, kernel, strides, padding, dilation_rate=dilation))
        np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-4)
