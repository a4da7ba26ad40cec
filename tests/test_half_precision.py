"""Training in float16: the loss is scaled by itself, and steps that overflow are left out, as in Keras."""

import keras
import numpy as np
import pytest

import kerata
from kerata.search import fit_many

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X[:, :1] * 2


@pytest.fixture(autouse=True)
def policy():
    for library in (kerata, keras):
        library.config.set_dtype_policy("mixed_float16")
    yield
    for library in (kerata, keras):
        library.config.set_dtype_policy("float32")


def model_of(library, optimizer="adam", **kwargs):
    model = library.Sequential(
        [
            library.Input((3,)),
            library.layers.Dense(2, kernel_initializer="ones", activation="tanh"),
            library.layers.Dense(1, kernel_initializer="ones", dtype="float32"),
        ]
    )
    model.compile(optimizer, "mse", **kwargs)
    return model


def run(library, scale, optimizer, **kwargs):
    model = model_of(library, optimizer, **kwargs)
    history = model.fit(scale * X, scale * Y, epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"]
    return history, model


@pytest.mark.parametrize(("scale", "auto"), [(1.0, True), (1.0, False), (3000.0, True)])
def test_steps_equal_keras(scale, auto):
    (ours, mine), (theirs, other) = (run(library, scale, "adam", auto_scale_loss=auto) for library in (kerata, keras))
    assert type(mine.optimizer).__name__ == type(other.optimizer).__name__ == ("LossScaleOptimizer" if auto else "Adam")
    np.testing.assert_allclose(ours, theirs, rtol=2e-3)
    assert int(mine.optimizer.iterations) == int(other.optimizer.iterations)
    if auto:
        assert float(mine.optimizer.dynamic_scale) == float(np.asarray(other.optimizer.dynamic_scale))
    np.testing.assert_allclose(mine.get_weights()[0], other.get_weights()[0], rtol=2e-3)


def test_an_overflow_changes_nothing_but_the_scale():
    model = model_of(kerata)
    before = model.get_weights()
    with pytest.warns(UserWarning, match="the loss became NaN or infinite at step 1"):
        model.train_on_batch(1e6 * X, 1e6 * Y)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(model.optimizer.dynamic_scale) == 2.0**14


def test_an_optimizer_that_scales_already_is_taken_as_it_is():
    given = kerata.optimizers.LossScaleOptimizer(kerata.optimizers.SGD(), initial_scale=4.0)
    assert model_of(kerata, given).optimizer is given
    kerata.config.set_dtype_policy("float32")
    assert type(model_of(kerata).optimizer).__name__ == "Adam"


@pytest.mark.parametrize(("writer", "reader"), [(kerata, keras), (keras, kerata), (kerata, kerata)])
def test_files(writer, reader, tmp_path):
    _, model = run(writer, 1.0, "adam")
    model.save(tmp_path / "m.keras")
    back = reader.saving.load_model(tmp_path / "m.keras")
    assert type(back.optimizer).__name__ == "LossScaleOptimizer"
    assert int(np.asarray(back.optimizer.iterations)) == int(np.asarray(model.optimizer.iterations)) > 0
    assert float(np.asarray(back.optimizer.dynamic_scale)) == float(np.asarray(model.optimizer.dynamic_scale))
    assert back.get_compile_config()["optimizer"]["class_name"] == "Adam"


def test_rates_are_found_where_the_loss_is_scaled():
    x = np.random.default_rng(0).normal(size=(48, 3)).astype("float32")
    found = []
    for wrap in (lambda inner: inner, kerata.optimizers.LossScaleOptimizer):
        model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
        model.compile(wrap(kerata.optimizers.SGD(0.01)), "mse")
        found.append(model.lr_find(x, x.sum(1), low=1e-3, high=0.1, points=3, epochs=2, repeats=1))
    np.testing.assert_allclose(found[0].curves, found[1].curves, rtol=1e-5)


def test_populations_vary_the_rate_of_what_does_the_steps():
    model = model_of(kerata)
    rates = [1e-3, 1e-2]
    many = fit_many(model, X, Y, seeds=[1, 2], vary={"learning_rate": rates}, epochs=2, batch_size=4)
    for seed, rate, member in zip([1, 2], rates, many, strict=True):
        kerata.utils.set_random_seed(seed)
        alone = kerata.models.clone_model(model)
        alone.optimizer.learning_rate = rate
        history = alone.fit(X, Y, epochs=2, batch_size=4, seed=seed, verbose=0).history["loss"]
        np.testing.assert_allclose(member.history.history["loss"], history, rtol=1e-3)
