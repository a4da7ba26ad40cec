"""Large programs that make few small steps are compiled briefly; convolutions of long runs are of oneDNN; nothing else is."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kerata
from kerata.engine import effort, program
from kerata.kernels import library

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 6)).astype("float32"), RNG.normal(size=(20, 1)).astype("float32")


@pytest.fixture
def asked(monkeypatch):
    """Whether each program was compiled briefly; programs from a hundred lines on are large."""
    found = []
    options = program.compiler_options

    def noted(platform, many, brief):
        found.append(brief)
        return options(platform, many, brief)

    monkeypatch.setattr(effort, "LARGE", 100)
    monkeypatch.setattr(program, "compiler_options", noted)
    program.forget_programs()
    return found


def model_of(*more, units=5):
    kerata.utils.set_random_seed(1)
    stack = [kerata.Input((6,)), kerata.layers.Dense(units, "tanh"), *more, kerata.layers.Dense(1)]
    model = kerata.Sequential(stack)
    model.compile("adam", "mse")
    return model


def fit(model, epochs, batch_size=10):
    return model.fit(X, Y, batch_size=batch_size, epochs=epochs, shuffle=False, verbose=0).history["loss"]


def test_few_steps_and_many(asked):
    few = fit(model_of(), 3)
    assert asked == [True]
    many = fit(model_of(), 300)
    assert asked == [True, False]
    np.testing.assert_allclose(few, many[:3], rtol=1e-5)
    # Of both there is a program now, for the same model and for others.
    model = model_of()
    assert fit(model, 3) == few and fit(model_of(), 300) == many
    fit(model, 300)
    assert asked == [True, False]


def test_which_program_it_is_does_not_depend_on_what_ran_before(asked):
    fit(model_of(), 300)
    fit(model_of(), 3)
    assert asked == [False, True]
    model = model_of()
    model.evaluate(X, Y, verbose=0)
    model.train_on_batch(X, Y)
    assert asked == [False, True, False, False]


def test_small_programs_are_traced_and_compiled_once(asked, monkeypatch):
    monkeypatch.setattr(effort, "LARGE", 100_000)
    before = dict(program.counts)
    model = model_of()
    fit(model, 3), fit(model, 300), fit(model_of(), 300), fit(model_of(), 3)
    assert asked == [False] and program.counts["traced"] == before["traced"] + 1


class Compared(kerata.layers.Layer):
    def call(self, x):
        return jnp.maximum(x, 0.0)


class Chosen(kerata.layers.Layer):
    def call(self, x):
        return kerata.ops.maximum(x, 0.0)


def test_own_code_that_compares_with_a_maximum_is_compiled_thoroughly(asked):
    fit(model_of(Compared()), 3)
    assert asked == [False]
    fit(model_of(Chosen(), kerata.layers.GaussianNoise(0.0)), 3)
    assert asked == [False, True]


def test_measures_are_no_reason_for_thoroughness(asked):
    model = model_of(kerata.layers.LayerNormalization())
    # Held to zero and one, as accuracies and areas want targets.
    model.compile("adam", "mse", metrics=["binary_accuracy", "accuracy", kerata.metrics.AUC(), "mae", "cosine_similarity"])
    model.fit(np.abs(X), (Y > 0).astype("float32"), batch_size=10, epochs=3, verbose=0)
    assert asked == [True]


def test_much_work_is_compiled_thoroughly(asked):
    fit(model_of(kerata.layers.Dense(3000), kerata.layers.Dense(300), units=300), 3)
    assert asked == [False]


PICTURES, LABELS = RNG.random((50, 8, 8, 3), dtype="float32"), RNG.integers(0, 4, 50)
RUN = """
import os, numpy as np, kerata
from kerata import layers
from kerata.engine import effort
effort.LITTLE, effort.LONG = 1e5, float(os.environ["LONG"])
x, y = np.random.default_rng(0).random((50, 8, 8, 3), dtype="float32"), np.arange(50) % 4
model = kerata.Sequential([kerata.Input((8, 8, 3)), layers.Conv2D(64, 3, padding="same"), layers.Flatten(), layers.Dense(4)])
model.compile("sgd", kerata.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit(x, y, batch_size=25, epochs=2, verbose=0)
print(*{facts.way for facts in kerata.engine.program._facts.values()})
"""


def network():
    kerata.utils.set_random_seed(1)
    layers = kerata.layers
    stack = [layers.Conv2D(32, 3, padding="same"), layers.BatchNormalization(), layers.ReLU(), layers.Conv2D(48, 1, strides=2)]
    stack += [layers.Conv2D(16, 3, dilation_rate=2, padding="same"), layers.Dropout(0.2), layers.Flatten(), layers.Dense(4)]
    model = kerata.Sequential([kerata.Input((8, 8, 3)), *stack])
    model.compile("sgd", kerata.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def fit_network(model, epochs=2):
    return model.fit(PICTURES, LABELS, batch_size=20, epochs=epochs, verbose=0).history["loss"]


def ways():
    return sorted(facts.way for facts in program._facts.values())


@pytest.mark.skipif(not library.is_there("cpu"), reason="this jaxlib is not known to hold oneDNN")
class TestLongRuns:
    @pytest.fixture(autouse=True)
    def large_steps(self, asked, monkeypatch):
        """Steps of this size count as such; runs are long from 20 of them on."""
        program._facts.clear()
        monkeypatch.setattr(effort, "LITTLE", 1e5)
        jaxpr = jax.make_jaxpr(lambda x: network()(x))(PICTURES[:20]).jaxpr
        monkeypatch.setattr(effort, "LONG", 20 * 3 * effort.convolved(jaxpr, "cpu"))

    def test_their_convolutions_are_of_the_library(self):
        short = fit_network(network())
        assert ways() == ["plain"]
        model = network()
        long = fit_network(model, 20)
        assert ways() == ["by library", "plain"]
        np.testing.assert_allclose(short, long[:2], rtol=1e-5)
        # Of both there is a program now, for the same model and for others.
        before = dict(program.counts)
        fit_network(model), fit_network(network(), 20), fit_network(network())
        assert program.counts == before

    def test_whatever_ran_before(self):
        assert fit_network(network(), 20)[:2] == pytest.approx(fit_network(network()), rel=1e-5)
        assert ways() == ["by library", "plain"]

    def test_runs_that_may_end_early_are_as_long_as_they_are_told(self):
        stop = kerata.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 1))
        model = network()
        model.fit(PICTURES, LABELS, batch_size=20, epochs=20, verbose=0, callbacks=[stop])
        assert ways() == ["by library"]

    def test_runs_of_which_nothing_is_known_are_plain(self):
        model = network()
        model.train_on_batch(PICTURES[:20], LABELS[:20])
        model.predict(PICTURES, verbose=0)
        model.evaluate(PICTURES, LABELS, verbose=0)
        assert set(ways()) == {"plain"}


@pytest.mark.skipif(not library.is_there("cpu"), reason="this jaxlib is not known to hold oneDNN")
def test_programs_with_the_library_are_not_written_to_disk(tmp_path):
    def run(long):
        given = {"JAX_COMPILATION_CACHE_DIR": str(tmp_path), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        environment = {**os.environ, **given, "LONG": long}
        command = [sys.executable, "-W", "error", "-c", RUN]
        way = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()
        return way, any("advance" in path.name for path in tmp_path.iterdir())

    assert run("1e6") == ("by library", False)
    assert run("1e15") == ("plain", True)


def test_what_a_step_costs():
    def traced(function, *shapes):
        return jax.make_jaxpr(function)(*[jnp.zeros(shape) for shape in shapes]).jaxpr

    product = 2 * 3 * 4 * 5
    assert effort.work_of(traced(lambda a, b: a @ b, (3, 4), (4, 5))) == product + 15

    def repeated(a, b):
        return jax.lax.scan(lambda c, _: (c @ b, None), a, length=7)[0]

    assert effort.work_of(traced(repeated, (3, 4), (4, 4))) == 7 * (2 * 3 * 4 * 4 + 12)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: jnp.sum(jnp.maximum(x, 0.5)), True),
        (lambda x: jnp.sum(jnp.max(x, axis=0)), True),
        (lambda x: jnp.sum(jnp.clip(x, 0, 1) * x), True),
        (lambda x: jnp.sum(kerata.ops.maximum(x, 0.5)), False),
        (lambda x: jnp.sum(kerata.ops.max(x, axis=0)), False),
        (lambda x: jnp.sum(kerata.ops.clip(x, 0, 1) * x), False),
        (lambda x: jnp.sum(jnp.where(x == 0.0, 1.0, x)), False),
        (lambda x: jnp.sum(jnp.where(jnp.isnan(x), 1.0, x)), False),
        (lambda x: jax.nn.logsumexp(x), False),
        (lambda x: jnp.sum(jnp.where(x * 2.0 == (x > 0.5).astype("float32"), 1.0, x)), False),
        (lambda x: jnp.sum(jnp.where(x * 2.0 == jax.lax.round(x)[:, :1], 1.0, x)), False),
        (lambda x: jnp.sum(jnp.where(x * 2.0 == x + 1.0, 1.0, x)), True),
        (lambda x: jnp.sum(jax.lax.scan(lambda c, r: (jnp.maximum(c, r), None), x[0], x)[0]), True),
    ],
)
def test_what_compares(function, expected):
    assert effort.compares(jax.make_jaxpr(jax.grad(function))(jnp.ones((2, 3))).jaxpr) is expected
