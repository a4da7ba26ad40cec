"""Functions of JAX as layers: real Keras's numbers, weights, states, keys, files; modules of Flax by a stand-in."""

import sys
import types

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import kerata

X = np.random.default_rng(0).normal(size=(21, 4)).astype("float32")
Y = X[:, :2]
PARAMS = {"w": X[:4, :2] * 0.3, "b": [np.zeros(2, "float32")]}
STATE = {"count": np.zeros((), "int32"), "mean": np.zeros(2, "float32")}


@kerata.saving.register_keras_serializable("test")
def centred(params, state, inputs, training):
    y = inputs @ params["w"] + params["b"][0]
    if training:
        state = {"count": state["count"] + 1, "mean": state["mean"] * 0.9 + y.mean(0) * 0.1}
    return y - state["mean"], state


@kerata.saving.register_keras_serializable("test")
def begin(rng, inputs):
    assert inputs.shape == (1, 4) and rng.shape == (2,)
    return {"w": jax.random.normal(rng, (4, 2)), "b": [jnp.zeros(2)]}, jax.tree.map(jnp.asarray, STATE)


def model_of(layer, k=kerata):
    model = k.Sequential([k.Input((4,)), layer])
    model.compile(k.optimizers.SGD(0.1), "mse")
    return model


def test_numbers_are_those_of_keras():
    ends = []
    for k in (keras, kerata):
        model = model_of(k.layers.JaxLayer(centred, params=PARAMS, state=STATE), k)
        losses = model.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0).history["loss"]
        ends.append((losses, model.evaluate(X, Y, verbose=0), model.get_weights(), model.predict(X, verbose=0)))
        assert len(model.trainable_weights) == len(model.non_trainable_weights) == 2
        assert int(np.asarray(model.layers[0].state["count"])) == 9
    for theirs, ours in zip(*map(jax.tree.leaves, ends), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_weights_are_made_when_the_layer_is_built(tmp_path):
    kerata.utils.set_random_seed(1)
    model = model_of(kerata.layers.JaxLayer(centred, begin))
    first = model.get_weights()
    model.fit(X, Y, epochs=2, verbose=0)
    assert np.abs(first[1] - model.get_weights()[1]).max() > 0
    model.save(tmp_path / "m.keras")
    again = kerata.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    assert again.layers[0].call_fn is centred and set(again.layers[0].params) == {"w", "b"}
    kerata.utils.set_random_seed(1)
    np.testing.assert_array_equal(model_of(kerata.layers.JaxLayer(centred, begin)).get_weights()[1], first[1])


def test_keys_come_in_training_alone():
    def dropped(params, rng, inputs, training):
        assert (rng is not None) is training
        y = inputs @ params
        return jnp.where(jax.random.bernoulli(rng, 0.5, y.shape), y * 2, 0) if training else y

    layer = kerata.layers.JaxLayer(dropped, params=np.ones((4, 2)), seed=1)
    one, other = (np.asarray(layer(X, training=True)) for _ in range(2))
    assert (one == 0).any() and (one != other).any() and not (np.asarray(layer(X)) == 0).any()
    assert np.isfinite(model_of(layer).fit(X, Y, epochs=2, batch_size=8, verbose=0).history["loss"]).all()


def test_a_function_without_weights_and_frozen_ones():
    doubled = kerata.layers.JaxLayer(lambda inputs: inputs * 2)
    np.testing.assert_array_equal(doubled(X), X * 2)
    layer = kerata.layers.JaxLayer(centred, params=PARAMS, state=STATE)
    layer.trainable = False
    model = kerata.Sequential([kerata.Input((4,)), layer, kerata.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(layer.params["w"], PARAMS["w"])


def shorter(params, state, inputs):
    return inputs, {}


@pytest.mark.parametrize(
    ("use", "text"),
    [
        (lambda: kerata.layers.JaxLayer(centred), "cannot all be `None`"),
        (lambda: kerata.layers.JaxLayer(lambda params: params), "Missing required argument in `call_fn`: `inputs`"),
        (lambda: kerata.layers.JaxLayer(lambda inputs, mask: inputs), "Unsupported argument in `call_fn`: `mask`"),
        (
            lambda: kerata.layers.JaxLayer(shorter, params=PARAMS, state=STATE)(X),
            "must have the structure of the one that it got",
        ),
    ],
)
def test_what_is_no_layer_says_why(use, text):
    with pytest.raises(ValueError, match=text):
        use()


# Flax


class Module:
    """What a module of `flax.linen` does, as far as a layer asks for it."""

    def __call__(self, inputs, training):
        raise AssertionError("a module is called by apply()")

    def init(self, rngs, inputs, method=None, training=True):
        assert set(rngs) == {"params", "dropout"}
        return {"params": {"w": jnp.full((inputs.shape[-1], 2), 0.5)}, "batch_stats": {"mean": jnp.zeros(2)}}

    def apply(self, variables, inputs, rngs=None, method=None, mutable=None, training=False):
        assert mutable == ["params"] and set(rngs) == ({"dropout"} if training else set())
        y = inputs @ variables["params"]["w"]
        mean = variables["batch_stats"]["mean"]
        return y - mean, {"batch_stats": {"mean": mean * 0.9 + y.mean(0) * 0.1 if training else mean}}


def test_a_module_of_flax(monkeypatch):
    linen = types.ModuleType("flax.linen")
    linen.DenyList = list
    monkeypatch.setitem(sys.modules, "flax", types.ModuleType("flax"))
    monkeypatch.setitem(sys.modules, "flax.linen", linen)
    model = model_of(kerata.layers.FlaxLayer(Module()))
    losses = model.fit(X, Y, epochs=3, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0] and len(model.trainable_weights) == len(model.non_trainable_weights) == 1
    assert np.abs(model.non_trainable_weights[0].numpy()).max() > 0
    held = {"params": {"w": np.ones((4, 2))}, "batch_stats": {"mean": np.zeros(2)}}
    np.testing.assert_allclose(
        kerata.layers.FlaxLayer(Module(), variables=held)(X), X.sum(1, keepdims=True) * [1, 1], rtol=1e-5
    )


def test_flax_is_asked_for(monkeypatch):
    monkeypatch.setitem(sys.modules, "flax", None)
    with pytest.raises(ImportError, match=r"FlaxLayer: Flax is needed\. Install it: pip install flax"):
        kerata.layers.FlaxLayer(Module())
