"""Settings of the whole library: limits of runs, where messages go, tracebacks; arguments that follow from them."""

import logging

import jax
import keras
import numpy as np
import pytest

import kerata

X = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
Y = X[:, :1]


def make():
    model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.fixture(autouse=True)
def restored():
    yield
    kerata.config.set_max_epochs(None)
    kerata.config.set_max_steps_per_epoch(None)
    kerata.config.enable_interactive_logging()
    kerata.config.enable_flash_attention()
    kerata.config.enable_traceback_filtering()


def test_epochs_and_steps_are_limited():
    kerata.config.set_max_epochs(2)
    kerata.config.set_max_steps_per_epoch(1)
    assert kerata.config.max_epochs() == 2 and kerata.config.max_steps_per_epoch() == 1
    model = make()
    with pytest.warns(UserWarning, match="Limiting") as warned:
        history = model.fit(X, Y, batch_size=4, epochs=5, verbose=0)
    assert len(history.epoch) == 2 and int(model.optimizer.iterations) == 2 and len(warned) == 2
    with pytest.warns(UserWarning, match="Limiting steps_per_epoch to 1"):
        assert model.predict(X, batch_size=4, verbose=0).shape == (4, 1)
    with pytest.warns(UserWarning, match="Limiting steps_per_epoch to 1"):
        limited = model.evaluate(X, Y, batch_size=4, verbose=0)
    np.testing.assert_allclose(limited, model.evaluate(X[:4], Y[:4], verbose=0), rtol=1e-6)


def test_limits_come_from_the_environment(monkeypatch):
    from kerata.base import config

    monkeypatch.setenv("KERAS_MAX_EPOCHS", "3")
    monkeypatch.delitem(config._settings, "max_epochs", raising=False)
    assert kerata.config.max_epochs() == 3


def test_messages_go_to_a_logger(capsys, caplog):
    model = make()
    kerata.config.disable_interactive_logging()
    assert not kerata.config.is_interactive_logging_enabled()
    with caplog.at_level(logging.INFO, "kerata"):
        model.fit(X, Y, verbose=1)
        model.summary()
    assert capsys.readouterr().out == ""
    assert "Epoch 1/1" in caplog.text and "Total params" in caplog.text
    kerata.utils.enable_interactive_logging()
    model.fit(X, Y, verbose=2)
    assert "Epoch 1/1" in capsys.readouterr().out


def test_switches():
    assert kerata.config.is_flash_attention_enabled() is None is keras.config.is_flash_attention_enabled()
    kerata.config.disable_flash_attention()
    assert kerata.config.is_flash_attention_enabled() is False
    assert kerata.config.is_traceback_filtering_enabled()
    kerata.config.disable_traceback_filtering()
    assert not kerata.config.is_traceback_filtering_enabled() and jax.config.jax_traceback_filtering == "off"
    assert kerata.config.is_nnx_enabled() is False


def test_capped_attention():
    query, key, value = np.random.default_rng(1).normal(size=(3, 2, 5, 4, 8)).astype("float32")
    loose = kerata.ops.dot_product_attention(query, key, value, is_causal=True, attn_logits_soft_cap=1e4)
    plain = keras.ops.dot_product_attention(query, key, value, is_causal=True)
    np.testing.assert_allclose(loose, plain, rtol=2e-4, atol=1e-5)
    logits = 2.0 * np.tanh(np.einsum("btnh,bsnh->bnts", query, key) / 8**0.5 / 2.0)
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    capped = kerata.ops.dot_product_attention(query, key, value, attn_logits_soft_cap=2.0)
    np.testing.assert_allclose(capped, np.einsum("bnts,bsnh->btnh", weights, value), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("clipping", [None, {"rmin": 0.9, "rmax": 1.1, "dmax": 0.1}])
def test_renormalized_batches(clipping):
    options = {"renorm": True, "renorm_clipping": clipping, "momentum": 0.7, "renorm_momentum": 0.6}
    ours, theirs = kerata.layers.BatchNormalization(**options), keras.layers.BatchNormalization(**options)
    for scale in (1.0, 3.0, 0.5):
        x = X * scale + scale
        np.testing.assert_allclose(ours(x, training=True), theirs(x, training=True), rtol=1e-4, atol=1e-5)
    assert [v.name for v in ours.weights] == [v.name for v in theirs.weights]
    for mine, their in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_allclose(mine.numpy(), np.asarray(their.value), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours(X), theirs(X), rtol=1e-4, atol=1e-5)
    assert ours.get_config()["renorm_clipping"] == theirs.get_config()["renorm_clipping"]


def test_wrong_bounds_of_renormalization():
    with pytest.raises(ValueError, match="rmax"):
        kerata.layers.BatchNormalization(renorm=True, renorm_clipping={"other": 1})


def test_a_list_of_callbacks_completes_itself():
    every = kerata.callbacks.CallbackList([], add_history=True, add_progbar=True, model=make(), epochs=1, steps=1, verbose=0)
    assert [type(c).__name__ for c in every] == ["History", "ProgbarLogger"]
    every.on_train_begin()
    every.on_epoch_begin(epoch=0)
    every.on_epoch_end(epoch=0, logs={"loss": 1.0})
    assert every.callbacks[0].history == {"loss": [1.0]}


def test_variables_of_an_optimizer_by_either_name():
    weight = kerata.Variable([1.0])
    for name in ("variables", "var_list"):
        optimizer = kerata.optimizers.Adam()
        optimizer.build(**{name: [weight]})
        assert len(optimizer.variables) == 4
