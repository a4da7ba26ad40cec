"""Rematerialization: the same numbers, less memory."""

import functools

import jax
import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.engine.pure import call_pure, state_of

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X[:, :1]


@functools.cache
def without():
    return trained(None)[:2]


def trained(mode, **more):
    kerata.utils.set_random_seed(1)
    with kerata.RematScope(mode, **more):
        model = kerata.Sequential(
            [
                kerata.Input((4,)),
                layers.Dense(8, activation="tanh", activity_regularizer="l2", name="first"),
                layers.BatchNormalization(),
                layers.Dropout(0.5),
                layers.Dense(1, activation="sigmoid", name="last"),
            ]
        )
    model.compile("adam", "mse")
    history = model.fit(X, Y, epochs=3, batch_size=8, verbose=0, seed=4)
    return history.history["loss"], model.get_weights(), model


@pytest.mark.parametrize(
    "options",
    [
        ("full", {}),
        ("activations", {}),
        ("larger_than", {"output_size_threshold": 20}),
        ("list_of_layers", {"layer_names": ["first"]}),
    ],
    ids=lambda options: options[0],
)
def test_the_numbers_stay(options):
    losses, weights, model = trained(options[0], **options[1])
    plain, plain_weights = without()
    np.testing.assert_allclose(losses, plain, rtol=1e-5)
    for mine, other in zip(weights, plain_weights, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
    assert model.predict(X, verbose=0).shape == (16, 1)


def memory(mode):
    """Bytes that the gradient of a deep network holds beside its arguments."""
    kerata.utils.set_random_seed(1)
    inputs = outputs = kerata.Input((64,))
    for _ in range(6):
        with kerata.RematScope(mode):
            block = Block()
        outputs = block(outputs)
    model = kerata.Model(inputs, outputs)
    x = np.ones((512, 64), "float32")

    def loss(state):
        return call_pure(model, state, x, training=True)[0].sum()

    compiled = jax.jit(jax.grad(loss)).lower(state_of(model)).compile()
    return compiled.memory_analysis().temp_size_in_bytes


class Block(layers.Layer):
    """Computes much that is wider than what it takes and gives."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.wide, self.narrow = layers.Dense(512, activation="gelu"), layers.Dense(64)

    def call(self, x):
        return x + self.narrow(self.wide(x))


def test_memory_is_saved():
    assert memory("full") < 0.6 * memory(None)


def test_what_a_scope_says():
    with kerata.RematScope("full"), kerata.RematScope(None):
        assert layers.Dense(1)._remat is None
    assert layers.Dense(1)._remat is None
    with pytest.raises(ValueError, match="`mode` must be one of"):
        kerata.RematScope("all")


def test_a_call_by_itself():
    layer = layers.Dense(2)
    layer.build((None, 4))
    np.testing.assert_allclose(layer.rematerialized_call(layer.call, X)(X), layer(X), rtol=1e-6)


def test_an_operation_of_ones_own():
    class Scale(kerata.Operation):
        def __init__(self, factor, name=None):
            super().__init__(name=name)
            self.factor = factor

        def call(self, x):
            return self.factor * x

    scale = Scale(3.0)
    x = kerata.Input((4,))
    model = kerata.Model(x, scale(x))
    np.testing.assert_allclose(model.predict(X, verbose=0), 3 * X, rtol=1e-6)
    assert scale.input is x and scale.output.shape == (None, 4) and scale.compute_output_spec(x).shape == (None, 4)
    trained = kerata.Model(x, kerata.layers.Dense(1)(Scale(2.0)(x)))
    trained.compile("sgd", "mse")
    assert np.isfinite(trained.cross_validate(X, X[:, :1], cv=2, epochs=1).scores["loss"]).all()
    assert kerata.Operation("named").name == "named"
    with pytest.raises(NotImplementedError, match="`call`"):
        kerata.Operation("named")(X)


def test_symbolic_tensors_are_reshaped():
    x = kerata.Input((4, 1))
    model = kerata.Model(x, [x.reshape((-1, 2, 2)), x.squeeze(-1)])
    pairs, flat = model.predict(X[..., None], verbose=0)
    assert pairs.shape == (16, 2, 2) and flat.shape == (16, 4)
    with pytest.raises(ValueError, match="dense"):
        kerata.KerasTensor((2,), sparse=True)


def test_a_graph_as_a_function():
    a, b = kerata.Input((4,), name="a"), kerata.Input((4,), name="b")
    dense = layers.Dense(2)
    function = kerata.Function([a, b], {"sum": a + b, "dense": dense(a)}, name="both")
    found = function([X, 2 * X])
    np.testing.assert_allclose(found["sum"], 3 * X, rtol=1e-6)
    np.testing.assert_allclose(found["dense"], dense(X), rtol=1e-6)
    assert function.compute_output_shape([(None, 4), (None, 4)]) == {"sum": (None, 4), "dense": (None, 2)}
    assert [t.name for t in function.inputs] == ["a", "b"] and function.output["sum"].shape == (None, 4)
    assert dense in function.operations and len(function.nodes) == 2
    outputs = function([a, a])
    model = kerata.Model(a, outputs["sum"])
    np.testing.assert_allclose(model.predict(X, verbose=0), 2 * X, rtol=1e-6)
