"""Several optimizers in one, held to Keras's."""

import keras
import numpy as np
import pytest

import kerata

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X[:, :1]


def make(lib, weights=None, scale=None):
    model = lib.Sequential([lib.Input((3,)), lib.layers.Dense(4, name="encoder"), lib.layers.Dense(1, name="head")])
    if weights is not None:
        model.set_weights(weights)
    which = lib.optimizers.OptimizerMap(lib.optimizers.SGD(0.1, momentum=0.9), {".*encoder/.*": lib.optimizers.Adam(0.01)})
    model.compile(lib.optimizers.MultiOptimizer(which, loss_scale_factor=scale), "mse")
    return model


@pytest.mark.parametrize("scale", [None, 8.0])
def test_training_is_that_of_keras(scale):
    ours = make(kerata, scale=scale)
    theirs = make(keras, ours.get_weights(), scale)
    for model in (ours, theirs):
        model.fit(X, Y, epochs=4, batch_size=8, shuffle=False, verbose=0)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)
    assert int(ours.optimizer.iterations) == 8
    for mine, other in zip(ours.optimizer.variables, theirs.optimizer.variables, strict=True):
        np.testing.assert_allclose(mine.numpy(), np.asarray(other.value), rtol=1e-4, atol=1e-6)


def test_a_saved_model_goes_on(tmp_path):
    model = make(kerata)
    model.fit(X, Y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = kerata.saving.load_model(tmp_path / "m.keras")
    for one in (model, loaded):
        one.fit(X, Y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    for mine, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_a_function_says_which():
    fast, slow = kerata.optimizers.SGD(1.0), kerata.optimizers.SGD(0.5)
    both = kerata.optimizers.MultiOptimizer(lambda variable: fast if "a" in variable.name else slow)
    weights = [kerata.Variable([1.0], name="a"), kerata.Variable([1.0], name="b")]
    both.apply([[1.0], [1.0]], weights)
    assert [float(w.numpy()[0]) for w in weights] == [0.0, 0.5]
    assert both.optimizers == [fast, slow]
    with pytest.raises(AttributeError, match="no learning rate of its own"):
        both.learning_rate = 0.1
    with pytest.raises(AttributeError, match="no learning rate of its own"):
        both.learning_rate  # noqa: B018


def test_messages():
    optimizers = kerata.optimizers
    which = optimizers.OptimizerMap(optimizers.SGD(), {"a.*": optimizers.Adam(), ".*b": optimizers.Adam()})
    with pytest.raises(ValueError, match="only one entry may match"):
        which["ab"]
    with pytest.raises(ValueError, match="there is an entry"):
        which["a.*"] = optimizers.SGD()
    with pytest.raises(TypeError, match="must be an optimizer"):
        optimizers.OptimizerMap("sgd")
    with pytest.raises(TypeError, match="neither a LossScaleOptimizer"):
        which["c"] = optimizers.LossScaleOptimizer(optimizers.SGD())
    with pytest.raises(TypeError, match="`optimizer_map` must be"):
        optimizers.MultiOptimizer({"a": optimizers.SGD()})
    del which["a.*"]
    assert len(which) == 1 and list(which) == [".*b"]


def test_optimizers_of_tensorflow_2():
    assert kerata.optimizers.legacy.Adam(lr=0.1, decay=0.5).learning_rate == pytest.approx(0.1)


def test_callbacks_set_the_rates_of_all_optimizers():
    def rates(lib):
        model = make(lib)
        slower = lib.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)
        plateau = lib.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=100.0, min_lr=0.003)
        logs = {}
        for callback in (slower, plateau):
            callback.set_model(model)
        plateau.on_train_begin()
        slower.on_epoch_begin(0)
        for epoch in range(3):
            logs = {"loss": 1.0}
            slower.on_epoch_end(epoch, logs)
            plateau.on_epoch_end(epoch, logs)
        rates_left = sorted(float(np.asarray(one.learning_rate)) for one in model.optimizer.optimizers)
        return sorted(value for name, value in logs.items() if name.startswith("learning_rate_")), rates_left

    ours, theirs = rates(kerata), rates(keras)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other)
    assert ours[1] == pytest.approx([0.003, 0.0125])
