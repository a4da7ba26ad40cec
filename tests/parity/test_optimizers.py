"""Every optimizer and schedule gives the weights, the state and the config of real Keras."""

import copy

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

import kerata
from kerata.engine.scope import Scope
from kerata.optimizers.eager import find_hyperparameters

STEPS = 6
SHAPES = {"kernel": (3, 4), "bias": (4,), "conv": (2, 2, 3)}

# Optimizer and arguments, a row a case. A pair as an argument is a schedule and its arguments.
CASES = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"clipvalue": 0.3, "weight_decay": 0.1}),
    ("SGD", {"clipnorm": 0.0}),
    ("SGD", {"momentum": 0.9, "gradient_accumulation_steps": 2}),
    ("RMSprop", {}),
    ("RMSprop", {"rho": 0.8, "momentum": 0.5, "centered": True}),
    ("RMSprop", {"momentum": 0.5, "weight_decay": 0.01, "global_clipnorm": 1.0}),
    ("Adagrad", {}),
    ("Adagrad", {"learning_rate": 0.1, "initial_accumulator_value": 0.5, "clipnorm": 1.0}),
    ("Adadelta", {}),
    ("Adadelta", {"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-4}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    ("Adam", {"weight_decay": 0.1, "clipnorm": 0.5}),
    ("Adam", {"global_clipnorm": 0.5}),
    ("Adam", {"use_ema": True, "ema_momentum": 0.7}),
    ("Adam", {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3}),
    ("Adam", {"gradient_accumulation_steps": 4}),
    ("Adam", {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2, "clipnorm": 1.0}),
    ("Adam", {"loss_scale_factor": 16.0}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.2, "gradient_accumulation_steps": 3}),
    ("Adamax", {}),
    ("Adamax", {"learning_rate": 0.1, "beta_1": 0.8, "beta_2": 0.9}),
    ("Nadam", {}),
    ("Nadam", {"learning_rate": 0.1, "beta_1": 0.8, "gradient_accumulation_steps": 2}),
    ("Ftrl", {}),
    (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "l1_regularization_strength": 0.3,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.05,
            "beta": 0.1,
            "learning_rate_power": -0.7,
        },
    ),
    ("Lion", {}),
    ("Lion", {"learning_rate": 0.01, "beta_1": 0.8, "weight_decay": 0.1}),
    ("Lamb", {}),
    ("Lamb", {"learning_rate": 0.1, "weight_decay": 0.1}),
    ("Adafactor", {}),
    ("Adafactor", {"learning_rate": 0.1, "relative_step": False, "clip_threshold": 0.5}),
    ("Muon", {}),
    ("Muon", {"learning_rate": 0.1, "nesterov": False, "rms_rate": None, "adam_weight_decay": None, "ns_steps": 3}),
    ("Muon", {"exclude_layers": ["kern"], "weight_decay": None, "adam_lr_ratio": 0.5}),
    ("ScheduleFreeAdamW", {}),
    ("ScheduleFreeAdamW", {"warmup_steps": 4, "beta_1": 0.8, "weight_decay": 0.1}),
    ("Adam", {"learning_rate": ("ExponentialDecay", [0.1, 3, 0.5])}),
    ("SGD", {"learning_rate": ("PiecewiseConstantDecay", [[2, 4], [0.3, 0.2, 0.1]]), "weight_decay": 0.1}),
    ("SGD", {"learning_rate": ("CosineDecay", [0.1, 4]), "gradient_accumulation_steps": 2}),
    ("Adafactor", {"learning_rate": ("InverseTimeDecay", [0.1, 2, 0.5])}),
]

SCHEDULES = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [3, 9], "values": [1.0, 0.5, 0.25]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10}),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "end_learning_rate": 0.01, "power": 2.0, "cycle": True},
    ),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.9, "staircase": True}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 15, "alpha": 0.1}),
    ("CosineDecay", {"initial_learning_rate": 0.0, "decay_steps": 15, "warmup_target": 0.2, "warmup_steps": 5}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.0, "m_mul": 0.5, "alpha": 0.1}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 4, "t_mul": 1.5, "m_mul": 0.5}),
]


def label(case):
    name, arguments = case
    return f"{name}-{'-'.join(f'{k}={v}' for k, v in arguments.items())}"


def make(library, name, arguments):
    def read(value):
        schedules = library.optimizers.schedules
        return getattr(schedules, value[0])(*value[1]) if isinstance(value, tuple) else value

    return getattr(library.optimizers, name)(**{k: read(v) for k, v in arguments.items()})


def draw(seed=0):
    """First values of the weights, and a gradient for each in each step."""
    rng = np.random.default_rng(seed)
    start = [rng.normal(size=shape).astype("float32") for shape in SHAPES.values()]
    grads = [[rng.normal(size=shape).astype("float32") for shape in SHAPES.values()] for _ in range(STEPS)]
    return start, grads


def make_variables(library, start):
    return [library.Variable(value, name=name) for name, value in zip(SHAPES, start, strict=True)]


def run_program(optimizer, variables, grads):
    """All steps in one compiled loop, with the hyperparameters as traced values: as `fit` does it."""
    owners = find_hyperparameters(optimizer, variables)
    vector = jnp.asarray([m.__dict__[n] for m, n in owners], jnp.float32)
    slots = optimizer.state_variables(variables)

    def program(params, state, hypers):
        table = {(id(m), n): hypers[i] for i, (m, n) in enumerate(owners)}

        def step(carry, grad):
            with Scope((), (), table):
                return optimizer.update(variables, carry[0], grad, carry[1]), None

        return jax.lax.scan(step, (params, state), [jnp.stack(column) for column in zip(*grads, strict=True)])[0]

    params, state = jax.jit(program)([v.value for v in variables], [s.value for s in slots], vector)
    for variable, value in zip([*variables, *slots], [*params, *state], strict=True):
        variable.assign(value)


def values(variables):
    return [np.array(v.numpy() if hasattr(v, "numpy") else v) for v in variables]


def assert_equal(ours, theirs, rtol=1e-5, atol=1e-6):
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


def run_keras(name, arguments, start, grads):
    weights = make_variables(keras, start)
    optimizer = make(keras, name, arguments)
    for grad in grads:
        optimizer.apply([jnp.asarray(g) for g in grad], weights)
    return weights, optimizer


@pytest.mark.parametrize("case", CASES, ids=label)
def test_weights_and_state(case):
    name, arguments = case
    start, grads = draw()
    theirs, theirs_optimizer = run_keras(name, arguments, start, grads)
    ours, optimizer = make_variables(kerata, start), make(kerata, name, arguments)
    run_program(optimizer, ours, grads)
    assert_equal(values(ours), values(theirs))
    assert not np.array_equal(values(ours)[0], start[0]), "the weights must have moved"
    assert_equal(values(optimizer.variables), values(theirs_optimizer.variables))
    assert int(optimizer.iterations) == int(theirs_optimizer.iterations)
    np.testing.assert_allclose(float(optimizer.learning_rate), float(theirs_optimizer.learning_rate), rtol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=label)
def test_config(case):
    name, arguments = case
    ours, theirs = make(kerata, name, arguments), make(keras, name, arguments)
    config, expected = ours.get_config(), theirs.get_config()
    assert config.keys() == expected.keys()
    for key in config.keys() - {"name", "learning_rate"}:
        assert config[key] == pytest.approx(expected[key]), key
    if isinstance(expected["learning_rate"], dict):
        assert config["learning_rate"] == expected["learning_rate"]
    else:
        assert config["learning_rate"] == pytest.approx(expected["learning_rate"])
    plain = kerata.optimizers.serialize(ours)
    assert plain == {**keras.optimizers.serialize(theirs), "config": config}
    there = type(theirs).from_config(plain["config"]).get_config()
    back = kerata.optimizers.deserialize(keras.optimizers.serialize(theirs)).get_config()
    for key in config.keys() - {"learning_rate"}:
        assert there[key] == pytest.approx(config[key]) if key != "name" else there[key] == config[key]
        assert back[key] == pytest.approx(expected[key]) if key != "name" else back[key] == expected[key]


@pytest.mark.parametrize("case", [CASES[i] for i in (0, 2, 7, 14, 20, 26, 34, 38)], ids=label)
def test_state_goes_to_keras_and_back(case):
    name, arguments = case
    start, grads = draw()
    theirs, theirs_optimizer = run_keras(name, arguments, start, grads)
    store = {}
    theirs_optimizer.save_own_variables(store)
    ours, optimizer = make_variables(kerata, values(theirs)), make(kerata, name, arguments)
    optimizer.build(ours)
    optimizer.load_own_variables(store)
    again = {}
    optimizer.save_own_variables(again)
    assert list(again) == list(store)
    for key, value in store.items():
        np.testing.assert_allclose(again[key], value, rtol=1e-7)
    more = draw(1)[1]
    run_program(optimizer, ours, more)
    for grad in more:
        theirs_optimizer.apply([jnp.asarray(g) for g in grad], theirs)
    assert_equal(values(ours), values(theirs))


@pytest.mark.parametrize("case", [CASES[i] for i in (1, 13, 20, 26)], ids=label)
def test_apply_by_hand(case):
    name, arguments = case
    start, grads = draw()
    theirs, theirs_optimizer = run_keras(name, arguments, start, grads)
    ours, optimizer = make_variables(kerata, start), make(kerata, name, arguments)
    for grad in grads:
        optimizer.apply_gradients(zip(grad, ours, strict=True))
    assert_equal(values(ours), values(theirs))
    assert_equal(values(optimizer.variables), values(theirs_optimizer.variables))


@pytest.mark.parametrize("case", [CASES[i] for i in (1, 13, 41)], ids=label)
def test_stateless_apply(case):
    name, arguments = case
    start, grads = draw()
    results = []
    for library in (kerata, keras):
        variables, optimizer = make_variables(library, start), make(library, name, arguments)
        optimizer.build(variables)
        params, state = list(map(jnp.asarray, start)), [jnp.asarray(v.numpy()) for v in optimizer.variables]
        for grad in grads[:3]:
            params, state = optimizer.stateless_apply(state, [jnp.asarray(g) for g in grad], params)
        assert_equal(values(variables), start)
        results.append(values([*params, *state]))
    assert_equal(*results)


def test_constraints_come_last():
    start, grads = draw()
    weights = []
    for library in (kerata, keras):
        variable = library.Variable(start[0], name="kernel")
        variable.constraint = library.constraints.NonNeg()
        optimizer = library.optimizers.SGD(0.5, use_ema=True)
        for grad in grads:
            optimizer.apply([jnp.asarray(grad[0])], [variable])
        weights.append(values([variable, *optimizer.variables]))
    assert_equal(*weights)
    assert weights[0][0].min() == 0.0


def test_excluded_from_weight_decay():
    start, grads = draw()
    weights = []
    for library in (kerata, keras):
        variables = make_variables(library, start)
        optimizer = library.optimizers.AdamW(0.1, weight_decay=0.5)
        optimizer.exclude_from_weight_decay(var_list=[variables[2]], var_names=["bias"])
        for grad in grads:
            optimizer.apply([jnp.asarray(g) for g in grad], variables)
        weights.append(values(variables))
    assert_equal(*weights)


def test_overwrite_with_gradient():
    for steps in (None, 2):
        results = []
        for library in (kerata, keras):
            start, grads = draw()
            variables = make_variables(library, start)
            variables[1].overwrite_with_gradient = True
            optimizer = library.optimizers.Adam(0.1, gradient_accumulation_steps=steps)
            for grad in grads[:3]:
                optimizer.apply([jnp.asarray(g) for g in grad], variables)
            results.append(values([*variables, *optimizer.variables]))
        assert_equal(*results)


def test_loss_scale():
    start, grads = draw()
    grads[2][0] = np.full_like(grads[2][0], np.inf)
    results = []
    for library in (kerata, keras):
        variables = make_variables(library, start)
        optimizer = library.optimizers.LossScaleOptimizer(
            library.optimizers.Adam(0.1), initial_scale=8.0, dynamic_growth_steps=2
        )
        optimizer.build(variables)
        params, state = list(map(jnp.asarray, start)), [jnp.asarray(v.numpy()) for v in optimizer.variables]
        for grad in grads:
            params, state = optimizer.stateless_apply(state, [jnp.asarray(g) for g in grad], params)
        results.append(values([*params, *state]))
        for variable, value in zip(optimizer.variables, state, strict=True):
            variable.assign(value)
        assert float(optimizer.scale_loss(1.0)) == float(state[3]) != 8.0
    assert_equal(*results)
    config = kerata.optimizers.serialize(kerata.optimizers.LossScaleOptimizer(kerata.optimizers.Adam(0.1, name="a")))
    assert keras.optimizers.deserialize(copy.deepcopy(config)).inner_optimizer.name == "a"
    assert kerata.optimizers.deserialize(config).get_config() == config["config"]


@pytest.mark.parametrize("case", SCHEDULES, ids=label)
def test_schedules(case):
    name, arguments = case
    ours = getattr(kerata.optimizers.schedules, name)(**arguments)
    theirs = getattr(keras.optimizers.schedules, name)(**arguments)
    compiled = jax.jit(ours)
    for step in [*range(12), 19, 31]:
        expected = float(theirs(jnp.int32(step)))
        assert float(ours(step)) == pytest.approx(expected, rel=1e-5, abs=1e-7), step
        assert float(compiled(step)) == pytest.approx(expected, rel=1e-4, abs=1e-6), step
    assert kerata.optimizers.schedules.serialize(ours) == keras.optimizers.schedules.serialize(theirs)
    config = keras.optimizers.schedules.serialize(theirs)
    assert kerata.optimizers.schedules.deserialize(config).get_config() == ours.get_config()


def radam(start, grads, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Algorithm 2 of Liu et al. in float64."""
    w, m, v = np.float64(start), 0.0, 0.0
    last = 2 / (1 - beta_2) - 1
    for t, g in enumerate(np.float64(grads), 1):
        m, v = beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2
        mean, rho = m / (1 - beta_1**t), last - 2 * t * beta_2**t / (1 - beta_2**t)
        if rho >= 5:
            r = np.sqrt((rho - 4) * (rho - 2) * last / ((last - 4) * (last - 2) * rho))
            mean = r * mean / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        w = w - rate * mean
    return w


def test_radam():
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=5).astype("float32"), rng.normal(size=(30, 5)).astype("float32")
    variable = kerata.Variable(start)
    optimizer = kerata.optimizers.RAdam(0.05)
    run_program(optimizer, [variable], grads[:, None])
    np.testing.assert_allclose(variable.numpy(), radam(start, grads, 0.05), rtol=1e-5, atol=1e-6)
    rule = optax.radam(0.05, eps=1e-7)
    params, state = jnp.asarray(start), rule.init(jnp.asarray(start))
    for g in grads:
        updates, state = rule.update(jnp.asarray(g), state)
        params = params + updates
    np.testing.assert_allclose(variable.numpy(), params, rtol=1e-3)
