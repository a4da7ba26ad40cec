"""Texts of programs that JAX keeps (`kernels/lowerings.py`)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src.interpreters import mlir

from kerata import layers, models, ops, optimizers
from kerata.kernels.lowerings import MOST, forget_lowerings, live_lowerings

# Each of another size, which compiles three operations or more: together more than may be kept.
BATCHES = 30


@pytest.fixture(autouse=True)
def texts_as_users_have_them(monkeypatch):
    monkeypatch.setattr(mlir, "make_ir_context", getattr(mlir.make_ir_context, "__wrapped__", mlir.make_ir_context))


def operate(sizes):
    """An operation outside of a program for each size; how many programs JAX compiled for it."""
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **more: compiled.append(event) if event == "/jax/core/compile/backend_compile_duration" else None
    )
    try:
        for size in sizes:
            jnp.cosh(np.ones((3, size), np.float32)).block_until_ready()
    finally:
        jax.monitoring.clear_event_listeners()
    return len(compiled)


def test_what_was_compiled_stays_when_its_text_is_forgotten():
    forget_lowerings(0)
    before = live_lowerings()
    assert operate(range(1001, 1011)) == 10
    assert live_lowerings() >= before + 10
    forget_lowerings(0)
    assert live_lowerings() <= before
    assert operate(range(1001, 1011)) == 0


def test_few_are_kept_as_they_are():
    forget_lowerings(0)
    operate(range(1011, 1015))
    kept = live_lowerings()
    forget_lowerings()
    assert live_lowerings() == kept >= 4


def test_training_as_python_does_not_gather_them():
    sizes = []

    def growing(y_true, y_pred):
        sizes.append(1 + int(y_true[0, 0]))
        return ops.mean(ops.square(y_true - y_pred) * jnp.mean(jnp.sinh(jnp.ones((sizes[-1], 7))), axis=0)[:1])

    model = models.Sequential([layers.Dense(1)])
    model.compile(optimizers.SGD(1e-6), growing, run_eagerly=True)
    x = np.arange(BATCHES, dtype=np.float32).reshape(-1, 1)
    model.fit(x, x, batch_size=1, shuffle=False, verbose=0)
    assert len(set(sizes)) == len(x)
    assert live_lowerings() <= MOST + 10


def test_predicting_as_python_does_not_gather_them():
    class Growing(layers.Layer):
        def call(self, x):
            return x if isinstance(x, jax.core.Tracer) else x + jnp.sum(jnp.tanh(jnp.ones((1 + int(x[0, 0]), 9)))) * 0

    model = models.Sequential([layers.Input((1,)), Growing()])
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.arange(BATCHES, dtype=np.float32).reshape(-1, 1)
    np.testing.assert_array_equal(model.predict(x, batch_size=1, verbose=0), x)
    assert live_lowerings() <= MOST + 10
