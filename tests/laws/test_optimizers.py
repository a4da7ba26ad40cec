"""Laws that every optimizer keeps: one table of instances, many small laws.

A new optimizer gets a row: its name.
"""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kerata
from kerata import layers, optimizers
from kerata.base.registry import names
from kerata.engine import program
from kerata.engine.scope import Scope
from kerata.models import clone_model
from kerata.populations import fit_many

RNG = np.random.default_rng(0)
GRADS = RNG.normal(size=(8, 3, 4)).astype("float32")
START = RNG.normal(size=(3, 4)).astype("float32")
X, Y = RNG.normal(size=(27, 6)).astype("float32"), RNG.integers(0, 2, 27)
SHARED = {
    "name",
    "learning_rate",
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
}
# What stands around another optimizer, or around a rule of optax.
OTHERS = {"LossScaleOptimizer", "MultiOptimizer", "OptaxOptimizer", "OptimizerMap"}
ROWS = [
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ClassicAdagrad",
    "ClassicNadam",
    "ClassicRMSprop",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "RAdam",
    "RMSprop",
    "SGD",
    "ScheduleFreeAdamW",
]
every_optimizer = pytest.mark.parametrize("name", ROWS)


def step_function(optimizer, variables, names):
    """(params, state, values of the named hyperparameters, grads) -> (params, state), for `jit` and `vmap`."""

    def step(params, state, hypers, grads):
        with Scope((), (), {(id(optimizer), name): value for name, value in zip(names, hypers, strict=True)}):
            return optimizer.update(variables, params, grads, state)

    return step


def test_every_optimizer_has_a_row():
    found = [getattr(optimizers, name, None) for name in names("optimizers")]
    assert {kind.__name__ for kind in found if isinstance(kind, type)} - OTHERS == set(ROWS)


@pytest.mark.parametrize("name", [*ROWS, *[n.lower() for n in ROWS], "SGD", "rms_prop", "ADAM"])
def test_by_name(name):
    assert type(optimizers.get(name)).__name__.lower() == name.lower().replace("_", "")


@every_optimizer
def test_config_round_trip(name):
    optimizer = getattr(optimizers, name)(0.5)
    config = optimizer.get_config()
    assert not SHARED - set(config)
    assert type(config["learning_rate"]) is float
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == config


@every_optimizer
def test_state_is_made_without_a_device(name):
    optimizer = getattr(optimizers, name)(use_ema=True)
    variables = [kerata.Variable(START), kerata.Variable(START[0])]
    with jax.checking_leaks(), jax.log_compiles(False):
        slots = optimizer.state_variables(variables)
    assert len(slots) > 2
    assert all(isinstance(slot.peek(), np.ndarray) for slot in slots)
    assert [id(s) for s in optimizer.state_variables(variables)] == [id(s) for s in slots]


@every_optimizer
def test_vmap_equals_a_loop(name):
    hypers = ("learning_rate", "weight_decay", "global_clipnorm")
    optimizer = getattr(optimizers, name)(0.1, weight_decay=0.1, global_clipnorm=1.0)
    variables = [kerata.Variable(START, name="kernel"), kerata.Variable(START[0], name="bias")]
    state = [jnp.asarray(s.peek()) for s in optimizer.state_variables(variables)]
    step = step_function(optimizer, variables, hypers)
    values = jnp.array([[0.1, 0.1, 1.0], [0.01, 0.5, 2.0], [0.3, 0.0, 0.1]])
    params = [jnp.stack([p, 2 * p, 3 * p]) for p in (START, START[0])]
    states = [jnp.stack([s] * 3) for s in state]

    def run(params, state, hypers):
        for grad in GRADS[:3]:
            params, state = step(params, state, hypers, [jnp.asarray(grad), jnp.asarray(grad[0])])
        return params, state

    together = jax.jit(jax.vmap(run))(params, states, values)
    for member in range(3):
        alone = jax.jit(run)([p[member] for p in params], state, values[member])
        for a, b in zip(jax.tree.leaves(alone), jax.tree.leaves(together), strict=True):
            np.testing.assert_allclose(b[member], a, rtol=2e-5, atol=1e-6)
    assert not np.allclose(together[0][0][0] * 2, together[0][0][1], atol=1e-3)


@every_optimizer
def test_half_precision_stays(name):
    optimizer = getattr(optimizers, name)(0.1, clipnorm=1.0)
    variables = [kerata.Variable(START, dtype="bfloat16", name="kernel")]
    slots = optimizer.state_variables(variables)
    step = jax.jit(step_function(optimizer, variables, ("learning_rate",)))
    state = [s.value for s in slots]
    params, after = step([variables[0].value], state, [jnp.float32(0.1)], [jnp.asarray(GRADS[0], jnp.bfloat16)])
    assert params[0].dtype == jnp.bfloat16
    assert [s.dtype for s in after] == [s.dtype for s in state]
    assert np.isfinite(np.asarray(params[0], np.float32)).all()


@every_optimizer
def test_pickle_and_deepcopy_keep_the_state(name):
    variable = kerata.Variable(START, name="kernel")
    optimizer = getattr(optimizers, name)(0.1)
    optimizer.apply([GRADS[0]], [variable])
    both = (optimizer, variable)
    for twin_optimizer, twin in (copy.deepcopy(both), pickle.loads(pickle.dumps(both))):
        for a, b in zip(optimizer.variables, twin_optimizer.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())
        twin_optimizer.apply([GRADS[1]], [twin])
        assert int(twin_optimizer.iterations) == 2
        assert len(twin_optimizer.variables) == len(optimizer.variables)
    optimizer.apply([GRADS[1]], [variable])
    np.testing.assert_array_equal(twin.numpy(), variable.numpy())


@every_optimizer
def test_jit_equals_eager(name):
    """Three steps one by one, by `apply`, and in a program of one's own; and the state begins anew with each optimizer."""
    variables = [kerata.Variable(START, name="kernel"), kerata.Variable(START[0], name="bias")]
    optimizer, twin = (getattr(optimizers, name)(0.1, clipnorm=1.0) for _ in range(2))
    state = [jnp.asarray(s.peek()) for s in twin.state_variables(variables)]
    params, step = [jnp.asarray(START), jnp.asarray(START[0])], step_function(twin, variables, ())
    compiled = jax.jit(step)
    plain = step(params, state, (), [jnp.asarray(GRADS[0]), jnp.asarray(GRADS[0, 0])])
    for i, grad in enumerate(GRADS[:3]):
        params, state = compiled(params, state, (), [jnp.asarray(grad), jnp.asarray(grad[0])])
        optimizer.apply([grad, grad[0]], variables)
        for a, b in zip(params, variables, strict=True):
            np.testing.assert_allclose(b.numpy(), a, rtol=2e-5, atol=1e-6)
        if i == 0:
            for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves((params, state)), strict=True):
                np.testing.assert_allclose(b, a, rtol=2e-5, atol=1e-6)
    assert compiled._cache_size() == 1


@every_optimizer
def test_gradients_of_any_size_leave_weights_finite(name):
    """None at all, some that are 0 in a row or a column, tiny and huge ones."""
    optimizer = getattr(optimizers, name)(0.1)
    variables = [kerata.Variable(START, name="kernel")]
    start = [jnp.asarray(s.peek()) for s in optimizer.state_variables(variables)]
    step = jax.jit(step_function(optimizer, variables, ()))
    thin = GRADS[0] * (np.arange(4) > 0) * (np.arange(3) > 0)[:, None]
    for grad in (np.zeros_like(START), thin, 1e-20 * GRADS[0], 1e15 * GRADS[0]):
        params, state = [jnp.asarray(START)], start
        for _ in range(3):
            params, state = step(params, state, (), [jnp.asarray(grad, "float32")])
        assert np.isfinite(params[0]).all(), grad


def make(name):
    kerata.utils.set_random_seed(3)
    model = kerata.Sequential([kerata.Input((6,)), layers.Dense(5, activation="tanh"), layers.Dense(1, activation="sigmoid")])
    model.compile(getattr(optimizers, name)(0.05), "binary_crossentropy")
    return model


def assert_same(model, other):
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@every_optimizer
def test_training_goes_on_from_a_file(name, tmp_path):
    """What was written after an epoch and read goes on as what was not, with the same program."""
    model, fitting = make(name), {"batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(X, Y, **fitting)
    model.save(tmp_path / "m.keras")
    before = dict(program.counts)
    again = kerata.models.load_model(tmp_path / "m.keras")
    assert_same(again, model)
    again.fit(X, Y, **fitting)
    fresh = clone_model(model)
    model.fit(X, Y, **fitting)
    assert program.counts["compiled"] == before["compiled"]
    assert_same(again, model)
    assert int(again.optimizer.iterations) == int(model.optimizer.iterations) == 8
    assert not np.allclose(fresh.get_weights()[0], model.get_weights()[0], atol=1e-6)


@every_optimizer
def test_a_member_of_a_population_ends_as_alone(name):
    model, fitting = make(name), {"epochs": 2, "batch_size": 8, "verbose": 0}
    many = fit_many(model, X, Y, seeds=[8, 3], turns=False, **fitting)
    model.fit(X, Y, seed=3, **fitting)
    assert_same(many[1].model, model)
