"""What is particular to optimizers: values of programs, state of subsets, names, other people's rules, messages."""

import re

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest

import kerata
from kerata import optimizers
from kerata.engine import program
from kerata.engine.scope import Scope
from kerata.engine.structure import structure_of

RNG = np.random.default_rng(0)
GRADS = RNG.normal(size=(8, 3, 4)).astype("float32")
START = RNG.normal(size=(3, 4)).astype("float32")


def descend(optimizer, grads=GRADS, start=START):
    """The weights after a step for each gradient, made one by one."""
    variable = kerata.Variable(start, name="kernel")
    for grad in grads:
        optimizer.apply([grad], [variable])
    return variable.numpy()


def step_function(optimizer, variables, names):
    """(params, state, values of the named hyperparameters, grads) -> (params, state), for `jit` and `vmap`."""

    def step(params, state, hypers, grads):
        with Scope((), (), {(id(optimizer), name): value for name, value in zip(names, hypers, strict=True)}):
            return optimizer.update(variables, params, grads, state)

    return step


# Hyperparameters are values


def test_changing_numbers_compiles_nothing():
    program.forget_programs()
    optimizer = optimizers.Adam(0.1, weight_decay=0.1, clipnorm=1.0)
    variable = kerata.Variable(START, name="kernel")
    optimizer.apply([GRADS[0]], [variable])
    before = dict(program.counts)
    new = {"learning_rate": 0.2, "beta_1": 0.5, "weight_decay": 0.0, "clipnorm": 3, "epsilon": 0.1}
    for name, value in new.items():
        setattr(optimizer, name, value)
        optimizer.apply([GRADS[1]], [variable])
    other = kerata.Variable(START, name="other")
    optimizers.Adam(0.3, weight_decay=0.2, clipnorm=0.5).apply([GRADS[0]], [other])
    assert program.counts == before
    expected = descend(optimizers.Adam(0.3, weight_decay=0.2, clipnorm=0.5), GRADS[:1])
    np.testing.assert_array_equal(other.numpy(), expected)


def test_structure_tells_rules_apart():
    def structure(**arguments):
        return structure_of(optimizers.SGD(**arguments))

    assert structure() == structure(learning_rate=0.5, ema_momentum=0.5)
    different = [
        structure(),
        structure(momentum=0.9),
        structure(momentum=0.9, nesterov=True),
        structure(clipnorm=1.0),
        structure(weight_decay=0.1),
        structure(use_ema=True),
        structure(gradient_accumulation_steps=2),
        structure(decay=0.1),
        structure(loss_scale_factor=2.0),
        structure(learning_rate=optimizers.schedules.CosineDecay(0.1, 10)),
        structure(learning_rate=optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)),
    ]
    assert len(set(different)) == len(different)
    named = optimizers.SGD(weight_decay=0.1)
    named.exclude_from_weight_decay(var_names=["bias"])
    assert structure_of(named) is None, "names decide, and no structure holds names"


def test_numbers_of_a_schedule_are_values():
    program.forget_programs()
    first = descend(optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)), GRADS[:3])
    before = dict(program.counts)
    second = descend(optimizers.SGD(optimizers.schedules.ExponentialDecay(0.2, 3, 0.7)), GRADS[:3])
    assert program.counts == before
    rates = [0.2 * 0.7 ** (t / 3) for t in range(3)]
    expected = START - sum(r * g for r, g in zip(rates, GRADS, strict=False))
    np.testing.assert_allclose(second, expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(first, second)


def test_momentum_of_zero_has_no_slot_until_it_is_wanted():
    optimizer = optimizers.SGD(0.1)
    variable = kerata.Variable(START, name="kernel")
    optimizer.apply([GRADS[0]], [variable])
    assert len(optimizer.variables) == 2
    optimizer.momentum = 0.9
    for grad in GRADS[1:3]:
        optimizer.apply([grad], [variable])
    assert len(optimizer.variables) == 3
    expected = START - 0.1 * (GRADS[0] + 1.9 * GRADS[1] + GRADS[2])
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5, atol=1e-6)
    searched = optimizers.RMSprop(0.1)
    searched.has_momentum = True
    np.testing.assert_allclose(descend(searched), descend(optimizers.RMSprop(0.1)), rtol=1e-5, atol=1e-6)


def test_complement_is_exact_for_traced_rates():
    from kerata.optimizers.parts import complement

    for rate in (0.9, 0.99, 0.999, 0.9999, 0.95, 0.5, 0.1, 0.0, 1.0, 0.98765):
        traced = float(jax.jit(complement)(jnp.float32(rate)))
        assert traced == pytest.approx(1 - rate, rel=1e-6, abs=1e-12), rate


def test_adam_stays_a_handful_of_operations():
    """What a step costs is the number of its kernels: three a variable, and one for the numbers of the step."""
    optimizer = optimizers.Adam(0.1)
    variables = [kerata.Variable(np.ones((5, 3), "float32") * i, name=f"w{i}") for i in range(4)]
    state = [jnp.asarray(s.peek()) for s in optimizer.state_variables(variables)]
    names = ("learning_rate", "beta_1", "beta_2", "epsilon")
    step = step_function(optimizer, variables, names)

    def loop(params, state, hypers):
        def body(_, carry):
            return tuple(map(list, step(*carry, list(hypers), [p * 2.0 for p in carry[0]])))

        return jax.lax.fori_loop(0, 10, body, (params, state))

    text = jax.jit(loop).lower([v.value for v in variables], state, jnp.ones(4)).compile().as_text()
    body = text[text.index("%" + re.search(r"body=%?([\w.\-]+)", text)[1] + " ") :]
    body = body[: body.index("\n}")]
    kernels = len(re.findall(r" fusion\(| (?:power|divide|sqrt|multiply|add)\(", body))
    assert kernels <= 3 * 4 + 4, body


# The learning rate


def test_learning_rate_reads_and_sets():
    optimizer = optimizers.Adam(lr=0.25)
    assert optimizer.learning_rate == optimizer.lr == 0.25
    optimizer.learning_rate = 0.5
    assert float(optimizer.lr) == 0.5
    optimizer.learning_rate.assign(0.125)
    assert optimizer.learning_rate.numpy() == np.float32(0.125)
    optimizer.lr = np.float32(2.0)
    assert optimizer.get_config()["learning_rate"] == 2.0
    rate = optimizer.variables[1]
    assert (rate.name, rate.shape, rate.path) == ("learning_rate", (), f"{optimizer.name}/learning_rate")
    rate.assign(np.float32(0.001))
    assert optimizer.learning_rate == 0.001


def test_learning_rate_of_a_schedule():
    optimizer = optimizers.SGD(optimizers.schedules.InverseTimeDecay(1.0, 1, 1.0))
    assert optimizer.learning_rate == 1.0
    descend(optimizer, GRADS[:3])
    assert optimizer.learning_rate == 0.25
    assert len(optimizer.variables) == 1, "as in Keras, a schedule is no variable"
    with pytest.raises(TypeError, match=r"created with a `LearningRateSchedule`.*learning_rate=0\.5"):
        optimizer.learning_rate = 0.5
    optimizer.learning_rate = optimizers.schedules.CosineDecay(0.5, 10)
    assert optimizer.learning_rate == pytest.approx(0.5 * (1 + np.cos(np.pi * 0.3)) / 2)


def test_own_schedules():
    class Halving(optimizers.schedules.LearningRateSchedule):
        def __init__(self, first):
            self.first = first

        def __call__(self, step):
            return self.first * 0.5**step

    expected = START - 0.4 * GRADS[0] - 0.2 * GRADS[1]
    for rate in (Halving(0.4), lambda step: 0.4 * 0.5**step, optax.exponential_decay(0.4, 1, 0.5)):
        np.testing.assert_allclose(descend(optimizers.SGD(rate), GRADS[:2]), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(descend(optimizers.SGD(lambda: 0.3), GRADS[:1]), START - 0.3 * GRADS[0], rtol=1e-5)
    assert Halving(0.4).get_config() == {"first": 0.4}
    config = optimizers.serialize(optimizers.SGD(Halving(0.4)))
    with kerata.saving.custom_object_scope({"Halving": Halving}):
        assert optimizers.deserialize(config).learning_rate == pytest.approx(0.4)
    with pytest.raises(NotImplementedError, match="__call__"):
        optimizers.schedules.LearningRateSchedule()(0)


def test_decay_of_keras_1_and_2():
    optimizer = optimizers.SGD(lr=0.1, decay=0.5)
    rates = [0.1 / (1 + 0.5 * t) for t in range(4)]
    expected = START - sum(r * g for r, g in zip(rates, GRADS, strict=False))
    np.testing.assert_allclose(descend(optimizer, GRADS[:4]), expected, rtol=1e-5, atol=1e-6)
    assert optimizer.learning_rate == 0.1
    assert optimizers.SGD.from_config(optimizer.get_config()).decay == 0.5
    assert "decay" not in optimizers.SGD().get_config()


# State of subsets


def test_freezing_and_unfreezing_keeps_momenta():
    a, b = kerata.Variable(START, name="kernel"), kerata.Variable(START[0], name="bias")
    optimizer = optimizers.Adam(0.1, use_ema=True, gradient_accumulation_steps=2)
    optimizer.apply([GRADS[0], GRADS[0][0]], [a, b])
    both = {id(s): s.numpy() for s in optimizer.state_variables([a, b])}
    only = optimizer.state_variables([b])
    assert {id(s) for s in only} < set(both)
    assert len(only) == 5
    assert all("bias" in s.path for s in only[1:])
    for slot in optimizer.state_variables([b, a]):
        np.testing.assert_array_equal(slot.numpy(), both[id(slot)])


def test_state_follows_the_order_of_the_variables():
    a, b = kerata.Variable(START, name="same"), kerata.Variable(START, name="same")
    optimizer = optimizers.Adam(0.1)
    there, back = optimizer.state_variables([a, b]), optimizer.state_variables([b, a])
    assert [id(s) for s in back] == [id(there[i]) for i in (0, 3, 4, 1, 2)]


def test_no_gradient_leaves_weight_and_state():
    a, b = kerata.Variable(START, name="a"), kerata.Variable(START, name="b")
    optimizer = optimizers.Adam(0.1, weight_decay=0.1)
    optimizer.build([a, b])
    with pytest.warns(UserWarning, match=r"no gradient.*variables=\['b'\]"):
        optimizer.apply([GRADS[0], None], [a, b])
    assert not np.array_equal(a.numpy(), START)
    np.testing.assert_array_equal(b.numpy(), START)
    moved = {s.name: bool(s.numpy().any()) for s in optimizer.variables[2:]}
    assert moved == {"a_momentum": True, "a_velocity": True, "b_momentum": False, "b_velocity": False}


def test_averages_are_taken_over_at_the_end():
    variable = kerata.Variable(START, name="kernel")
    optimizer = optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    optimizer.apply([GRADS[0]], [variable])
    first = variable.numpy()
    optimizer.apply([GRADS[1]], [variable])
    last = variable.numpy()
    optimizer.finalize_variable_values([variable])
    np.testing.assert_allclose(variable.numpy(), (first + last) / 2, rtol=1e-6)


# Other people's rules


@pytest.mark.parametrize(
    "rule",
    [
        optax.sgd(0.1, momentum=0.9),
        optax.adam(0.1),
        optax.adabelief(0.1),
        optax.lion(0.01),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(optax.cosine_decay_schedule(0.1, 10))),
        optax.rmsprop(0.1),
        optax.contrib.schedule_free_adamw(0.1),
        optax.inject_hyperparams(optax.adam)(learning_rate=0.1),
        optax.masked(optax.sgd(0.1), lambda params: {path: "kernel" in path for path in params}),
        optax.multi_transform(
            {"matrix": optax.adam(0.1), "rest": optax.sgd(0.1)},
            lambda params: {path: "matrix" if "kernel" in path else "rest" for path in params},
        ),
    ],
)
def test_optax_rules(rule):
    a, b = kerata.Variable(START, name="kernel"), kerata.Variable(START[0], name="bias")
    optimizer = optimizers.get(rule)
    params = {"kernel": jnp.asarray(START), "bias": jnp.asarray(START[0])}
    state = rule.init(params)
    for grad in GRADS[:4]:
        optimizer.apply([grad, grad[0]], [a, b])
        updates, state = rule.update({"kernel": jnp.asarray(grad), "bias": jnp.asarray(grad[0])}, state, params)
        params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(a.numpy(), params["kernel"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(b.numpy(), params["bias"], rtol=1e-5, atol=1e-6)
    assert len(optimizer.variables) == 2 + len(jax.tree.leaves(state))


def test_optax_rule_of_a_subset_keeps_its_state():
    a, b = kerata.Variable(START, name="a"), kerata.Variable(START, name="b")
    optimizer = optimizers.OptaxOptimizer(optax.adam(0.1), clipnorm=1.0, weight_decay=0.1)
    slots = optimizer.state_variables([a, b])
    assert all(isinstance(s.peek(), np.ndarray) for s in slots), "constants are made on the host"
    some = optimizer.state_variables([b])
    assert {id(s) for s in some} < {id(s) for s in slots}
    assert len(some) == 4
    with pytest.raises(NotImplementedError, match="pair of functions"):
        optimizer.get_config()


def own_optimizer(library):
    class Own(library.optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, momentum=0.9, **kwargs):
            super().__init__(learning_rate=learning_rate, **kwargs)
            self.momentum = momentum

        def build(self, variables):
            if self.built:
                return
            super().build(variables)
            self.speeds, self.tops = self.add_optimizer_variables(variables, ["speed", "top"], ["zeros", "ones"])
            self.count = self.add_variable((), name="count")

        def update_step(self, gradient, variable, learning_rate):
            index = self._get_variable_index(variable)
            speed, top = self.speeds[index], self.tops[index]
            self.assign(speed, library.ops.add(speed * self.momentum, gradient))
            self.assign(top, library.ops.maximum(top, library.ops.abs(speed)))
            self.assign_add(self.count, 1.0)
            self.assign_sub(variable, learning_rate * speed / top)

        def get_config(self):
            return {**super().get_config(), "momentum": self.momentum}

    return Own


@pytest.mark.parametrize("arguments", [{}, {"use_ema": True, "clipnorm": 1.0}, {"gradient_accumulation_steps": 2}])
def test_optimizers_written_by_update_step(arguments):
    results = []
    for library in (kerata, keras):
        variables = [library.Variable(START, name="kernel"), library.Variable(START[0], name="bias")]
        optimizer = own_optimizer(library)(0.05, **arguments)
        optimizer.build(variables)
        params, state = [v.value for v in variables], [jnp.asarray(v.numpy()) for v in optimizer.variables]
        for grad in GRADS[:4]:
            params, state = optimizer.stateless_apply(state, [jnp.asarray(grad), jnp.asarray(grad[0])], params)
        results.append([np.asarray(value) for value in (*params, *state)])
        assert type(optimizer).from_config(optimizer.get_config()).momentum == 0.9
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_an_own_build_cannot_grow():
    optimizer = own_optimizer(kerata)()
    a, b = kerata.Variable(START, name="a"), kerata.Variable(START, name="b")
    optimizer.apply([GRADS[0]], [a])
    with pytest.raises(ValueError, match=r"was built for.*variables=\['b'\].*new optimizer"):
        optimizer.apply([GRADS[0]], [b])


# Names and messages


def test_by_other_forms():
    adam = optimizers.Adam(0.5)
    assert optimizers.get(adam) is adam
    assert optimizers.get(None) is None
    assert type(optimizers.get(optimizers.Nadam)) is optimizers.Nadam
    assert optimizers.get({"class_name": "adam", "config": {"learning_rate": 0.5}}).learning_rate == 0.5
    assert optimizers.get({"class_name": "SGD", "config": {"lr": 0.5, "decay": 0.25, "momentum": 0.5}}).decay == 0.25
    theirs = keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.5, 10), momentum=0.5)
    ours = optimizers.get(theirs)
    assert ours.get_config() == theirs.get_config()


def without_gradients(optimizer):
    variable = kerata.Variable(START)
    optimizer.build([variable])
    return optimizer.stateless_apply(optimizer.variables, [], [variable.value])


MESSAGES = [
    (lambda: optimizers.get("adm"), ValueError, r"unknown optimizer.*optimizer='adm'.*[Dd]id you mean 'adam'"),
    (lambda: optimizers.get(3), TypeError, "a name, a config.*optimizer=3"),
    (lambda: optimizers.get({"config": {}}), ValueError, "class_name"),
    (lambda: optimizers.Adam(learning_rat=0.1), TypeError, r"Adam: unknown argument `learning_rat`.*'learning_rate'"),
    (lambda: optimizers.Adam("fast"), TypeError, r"`learning_rate` must be.*learning_rate='fast'"),
    (lambda: optimizers.Adam(-0.1), ValueError, r"`learning_rate` must be a number of at least 0.*-0.1"),
    (lambda: optimizers.Adam([0.1, 0.2]), TypeError, "`learning_rate` must be"),
    (lambda: optimizers.Adam(beta_1=1.5), ValueError, r"`beta_1` must be a number between 0.0 and 1.0"),
    (lambda: optimizers.SGD(momentum=-1), ValueError, "`momentum`"),
    (lambda: optimizers.Adam(clipnorm=1, clipvalue=1), ValueError, r"Only one of.*clipnorm=1, clipvalue=1"),
    (lambda: optimizers.Adam(gradient_accumulation_steps=1), ValueError, "at least 2.*=1"),
    (lambda: optimizers.Adam(use_ema=True, ema_momentum=2.0), ValueError, "ema_momentum"),
    (lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=-1), ValueError, "ema_overwrite_frequency"),
    (lambda: optimizers.AdamW(weight_decay=None), ValueError, "Argument `weight_decay` must be a float"),
    (lambda: optimizers.Lion(beta_1=0.0), ValueError, "`beta_1` must be greater than 0"),
    (lambda: optimizers.Ftrl(learning_rate_power=0.5), ValueError, "learning_rate_power"),
    (lambda: optimizers.Adagrad(initial_accumulator_value=-1), ValueError, "initial_accumulator_value"),
    (lambda: optimizers.LossScaleOptimizer("adam"), TypeError, "`inner_optimizer` must be an optimizer"),
    (lambda: optimizers.LossScaleOptimizer(optimizers.Adam(), clipnorm=1.0), ValueError, "`inner_optimizer`"),
    (lambda: optimizers.OptaxOptimizer(3), TypeError, "optax"),
    (lambda: optimizers.Optimizer().apply([GRADS[0]], [kerata.Variable(START)]), NotImplementedError, "transform"),
    (lambda: optimizers.Adam().apply([GRADS[0]]), ValueError, "not built"),
    (lambda: optimizers.Adam().apply([GRADS[0]], []), ValueError, "one gradient for each"),
    (lambda: optimizers.Adam().apply([None], [kerata.Variable(START, name="w")]), ValueError, r"No gradients.*'w'"),
    (lambda: optimizers.Adam().apply([GRADS[0]], [kerata.Variable(START[0], name="w")]), ValueError, r"of w must have.*\(4,\)"),
    (lambda: optimizers.Adam().stateless_apply([], [], []), ValueError, "not built"),
    (lambda: without_gradients(optimizers.SGD()), ValueError, r"for each of 1 variables\. Received: grads=0"),
    (lambda: optimizers.schedules.CosineDecay(0.1, 0), ValueError, "`decay_steps` must be greater than 0"),
    (lambda: optimizers.schedules.PiecewiseConstantDecay([1, 2], [1.0]), ValueError, "one element more"),
]


@pytest.mark.parametrize("case", MESSAGES, ids=lambda case: case[2][:30])
def test_messages(case):
    call, error, text = case
    with pytest.raises(error, match=text):
        call()


def test_exclusion_comes_before_building():
    optimizer = optimizers.AdamW()
    optimizer.build([kerata.Variable(START)])
    with pytest.raises(ValueError, match="before the optimizer is built"):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


def test_a_file_from_before_the_first_step_begins_anew(tmp_path):
    """An optimizer has no slots before it is used, and a model that was never trained is read without a word."""
    model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    model.compile(optimizers.Adam(0.25), "mse")
    model.save(tmp_path / "m.keras")
    again = kerata.saving.load_model(tmp_path / "m.keras")
    assert again.optimizer.learning_rate == 0.25 and int(again.optimizer.iterations) == 0
    again.optimizer.learning_rate = 0.5
    again.load_weights(tmp_path / "m.keras")
    assert again.optimizer.built and not any(v.numpy().any() for v in again.optimizer.variables[2:])
    with pytest.warns(UserWarning, match="not read: it has 6 variables, the file has 2"):
        again.optimizer.load_own_variables({"0": np.int32(7), "1": np.float32(0.5)})


def test_a_file_that_does_not_fit_is_not_read():
    optimizer = optimizers.Adam(0.1)
    with pytest.warns(UserWarning, match="not read: it has 2 variables, the file has 1"):
        optimizer.load_own_variables({"0": np.int32(7)})
    assert int(optimizer.iterations) == 0


def test_adafactor_stays_finite_where_a_row_and_a_column_get_no_gradient():
    kerata.utils.set_random_seed(1)
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32") * np.array([1, 1, 1e-16, 0], "float32")
    model = kerata.Sequential(
        [kerata.Input((4,)), kerata.layers.Dense(3, activation="relu", bias_initializer=dead), kerata.layers.Dense(1)]
    )
    model.compile(kerata.optimizers.Adafactor(0.01), "mse")
    history = model.fit(x, x[:, 0], epochs=3, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def dead(shape, dtype=None):
    """A bias under which the last unit never wakes."""
    return np.array([0.0, 0.0, -1e6], "float32")


def test_muon_shows_its_parts():
    x = np.array([[3.0, 0.0], [0.0, 0.5], [0.0, 0.0]], "float32")
    near = np.asarray(optimizers.Muon().zeropower_via_newtonschulz5(x, 10))
    np.testing.assert_allclose(near, np.eye(3, 2), atol=0.35)
    assert optimizers.Muon(rms_rate=0.5).lr_adjust(np.ones((9, 4)))[0, 0] == 1.5
    assert optimizers.Muon(rms_rate=None).lr_adjust(x) is x


class Halved(optimizers.Adam):
    """A rule of Keras's style on top of one of Kerata's."""

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient / 2, variable, learning_rate)


def test_a_step_of_ones_own_can_call_the_one_above():
    ours, plain = kerata.Variable([1.0, 2.0]), kerata.Variable([1.0, 2.0])
    mine, theirs = Halved(0.1, weight_decay=0.01), optimizers.Adam(0.1, weight_decay=0.01)
    for gradient in ([1.0, -3.0], [0.5, 0.25], [-4.0, 1.0]):
        mine.apply([np.array(gradient)], [ours])
        theirs.apply([np.array(gradient) / 2], [plain])
    np.testing.assert_allclose(ours.numpy(), plain.numpy(), rtol=1e-6)
    assert len(mine.variables) == len(theirs.variables)
    model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1, kernel_initializer="ones")])
    model.compile(Halved(0.1), "mse")
    model.fit(np.ones((4, 2)), np.zeros((4, 1)), epochs=2, verbose=0)
    assert model.get_weights()[0][0, 0] == pytest.approx(0.8, abs=1e-3)


def test_update_step_by_hand_is_one_step():
    by_hand, applied = kerata.Variable([[1.0, 2.0], [3.0, 4.0]]), kerata.Variable([[1.0, 2.0], [3.0, 4.0]])
    gradient = np.array([[1.0, 6.0], [7.0, 2.0]], "float32")
    for optimizer in (optimizers.Muon(0.5, weight_decay=None), optimizers.RMSprop(0.5), optimizers.Adamax(0.5)):
        twin = type(optimizer).from_config(optimizer.get_config())
        optimizer.build([by_hand])
        optimizer.update_step(gradient, by_hand, 0.5)
        twin.apply([gradient], [applied])
        np.testing.assert_allclose(by_hand.numpy(), applied.numpy(), rtol=1e-5)


def trained_by_own_apply(library, rule, path, **arguments):
    """Losses and weights of a fit whose optimizer changes the gradients on their way, and those of steps by hand behind it."""

    def apply(self, grads, trainable_variables=None):
        super(own, self).apply([3 * g - library.ops.mean(g) for g in grads], trainable_variables)

    own = type("Own", (getattr(library.optimizers, rule),), {"apply": apply})
    units = library.layers.Dense(4, kernel_constraint="unit_norm")
    model = library.Sequential([library.Input((3,)), units, library.layers.Dense(2)])
    if library is keras:
        model.save_weights(path)
    model.load_weights(path)
    model.compile(own(**arguments), "mse")
    x, y = GRADS[:, :, 0], GRADS[:, 1:, 1]
    losses = model.fit(x, y, epochs=3, batch_size=3, shuffle=False, verbose=0).history["loss"]
    loose = library.Variable(START)
    own(**arguments).apply([library.ops.ones((3, 4))], [loose])
    return [losses, *model.get_weights(), np.asarray(loose), np.asarray(model.optimizer.iterations)]


@pytest.mark.parametrize(
    ("rule", "arguments"),
    [
        ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
        ("Adam", {"learning_rate": 0.01, "clipnorm": 0.5, "weight_decay": 0.01}),
        ("RMSprop", {"learning_rate": 0.01, "use_ema": True, "ema_momentum": 0.5}),
        ("SGD", {"learning_rate": 0.1, "gradient_accumulation_steps": 2}),
    ],
)
def test_an_apply_of_ones_own_is_what_fit_calls(rule, arguments, tmp_path):
    path = tmp_path / "first.weights.h5"
    theirs = trained_by_own_apply(keras, rule, path, **arguments)
    for ours, expected in zip(trained_by_own_apply(kerata, rule, path, **arguments), theirs, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_ftrl_gives_small_weights_in_place_of_large_ones_without_rounding_them_away():
    """The first step forgets what weights were: w + (new - w) had an error of half the new weight."""
    grads = 1e-5 * GRADS[0]
    new = descend(optimizers.Ftrl(0.003), [grads])
    np.testing.assert_allclose(new, -grads / (np.sqrt(0.1) / 0.003), rtol=1e-5)
    other = keras.Variable(START)
    keras.optimizers.Ftrl(0.003).apply([grads], [other])
    np.testing.assert_allclose(new, other, rtol=1e-6)
