"""Models of several widths in one program: what each gives is what it gives alone."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.base import registry
from kerata.data.sources import standardize_source
from kerata.engine import program
from kerata.populations import buckets
from kerata.populations.buckets import Cluster, Shape, free_layers, merged
from kerata.populations.objective import Objective
from kerata.search.runner import Job, Runner

RNG = np.random.default_rng(3)
X = RNG.normal(size=(46, 5)).astype("float32")
Y = (X.sum(1, keepdims=True) + RNG.normal(size=(46, 1)) > 0).astype("float32")
FOLDS = [(np.arange(0, 30), np.arange(30, 46)), (np.arange(15, 46), np.arange(0, 15))]
OPTIMIZERS = sorted(
    {
        optimizer.__name__
        for name in registry.names("optimizers")
        if isinstance(optimizer := registry.find_builtin("optimizers", name), type) and getattr(optimizer, "keeps_zeros", False)
    }
)


@pytest.fixture(autouse=True)
def _one_bucket(monkeypatch):
    """Compiling counts for so much that all widths go into one bucket."""
    monkeypatch.setattr(buckets, "BUCKET_SECONDS", 1e6)


def network(first, second, activation="relu", optimizer="adam", normalize=False, penalty=None, functional=False, rate=None):
    def parts():
        yield layers.Dense(first, activation=None if normalize else activation, kernel_regularizer=penalty)
        if normalize:
            yield layers.BatchNormalization(gamma_regularizer=penalty)
            yield layers.Activation(activation)
        if rate is not None:
            yield layers.Dropout(rate)
        yield layers.Dense(second, activation=activation, activity_regularizer=penalty)
        if rate is not None:
            yield layers.Dropout(rate / 2)
        yield layers.Dense(1, activation="sigmoid")

    if functional:
        x = inputs = kerata.Input((5,))
        for layer in parts():
            x = layer(x)
        model = kerata.Model(inputs, x)
    else:
        model = kerata.Sequential([kerata.Input((5,)), *parts()])
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def train(builders, epochs=3, **given):
    """The outcomes of some models, with the weights that their folds ended with, and their shards' states."""
    runner = Runner(
        standardize_source(X, Y, owner="test"),
        folds=FOLDS,
        objective=Objective("val_loss", "min"),
        epochs=epochs,
        batch_size=8,
        seed=4,
        **given,
    )
    kept = {}

    def keep(outcome):
        kept[outcome.number] = outcome, [(m.padding, m.state) for m in outcome.members], outcome.models()

    runner.run([Job(number, build()) for number, build in enumerate(builders)], on_outcome=keep)
    return kept, runner


def alone(build, epochs=3):
    """The curves of a plain loop over the folds."""
    curves = []
    for index, (rows, held) in enumerate(FOLDS):
        kerata.utils.set_random_seed(4 + index)
        model = build()
        history = model.fit(
            X[rows], Y[rows], batch_size=8, epochs=epochs, validation_data=(X[held], Y[held]), seed=4 + index, verbose=0
        )
        curves.append(history.history)
    return curves


def check_same(outcome, curves):
    for mine, theirs in zip(outcome.histories, curves, strict=True):
        for name, values in theirs.items():
            np.testing.assert_allclose(mine[name], values, rtol=2e-5, atol=2e-6, err_msg=name)


def check_zeros(padding, state):
    """What fills a state's weights up is 0, to the last bit."""
    for role in ("trainable", "others"):
        for array, shape in zip(state[role], padding.shapes[role], strict=True):
            rest = np.array(array)
            rest[tuple(slice(size) for size in shape)] = 0
            assert not rest.any()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_that_keeps_zeros_trains_a_narrow_model_in_a_wide_one(optimizer):
    builds = [functools.partial(network, *w, optimizer=optimizer, penalty="l2") for w in ((3, 9), (12, 4))]
    kept, _ = train(builds)
    outcome, states, models = kept[0]
    assert all(padding is not None for padding, _ in states)
    check_same(outcome, alone(builds[0]))
    for padding, state in states:
        check_zeros(padding, state)
    assert [w.shape for w in models[0].get_weights()] == [(5, 3), (3,), (3, 9), (9,), (9, 1), (1,)]


CASES = {
    "batch normalization": {"normalize": True, "activation": "tanh", "penalty": "l2"},
    "dropout": {"rate": 0.4, "normalize": True},
    "functional": {"functional": True, "activation": "gelu"},
    "clipped": {"optimizer": kerata.optimizers.SGD(0.5, momentum=0.9, nesterov=True, global_clipnorm=0.1)},
    "decay and averages": {"optimizer": kerata.optimizers.AdamW(0.02, weight_decay=0.1, use_ema=True), "activation": "elu"},
    "a schedule": {
        "optimizer": kerata.optimizers.RMSprop(kerata.optimizers.schedules.ExponentialDecay(0.05, 3, 0.5), centered=True)
    },
}


@pytest.mark.parametrize("case", CASES)
def test_a_bucket_gives_what_a_loop_gives(case):
    def build(widths):
        given = dict(CASES[case])
        if "optimizer" in given:
            given["optimizer"] = kerata.optimizers.get(kerata.optimizers.serialize(given["optimizer"]))
        return network(*widths, **given)

    builds = [functools.partial(build, widths) for widths in ((7, 2), (2, 9), (7, 3))]
    kept, runner = train(builds)
    assert [len(made) for made in runner.buckets.groups.values()] == [1]
    for number, build in enumerate(builds):
        outcome, states, models = kept[number]
        check_same(outcome, alone(build))
        check_zeros(*states[1])
        held = FOLDS[0][1]
        score = models[0].evaluate(X[held], Y[held], verbose=0)[0]
        assert score == pytest.approx(outcome.scores[0], rel=1e-5)


def random_build(seed):
    """A function from a generator of widths to a model of one random architecture."""
    depth = int(np.random.default_rng(seed).integers(1, 4))

    def build(widths):
        rng = np.random.default_rng(seed)
        rng.integers(1, 4)
        stack: list[Any] = [kerata.Input((5,))]
        for _ in range(depth):
            activation = str(rng.choice(["relu", "tanh", "gelu", "selu", "silu", "softsign", "leaky_relu", "mish", "linear"]))
            penalty = [None, "l2"][rng.integers(2)]
            bias, late, wide = rng.random(3) < 0.5
            stack += [layers.Dense(next(widths), None if late else activation, use_bias=bias, kernel_regularizer=penalty)]
            stack += [layers.BatchNormalization(scale=bool(rng.random() < 0.5))] if wide else []
            stack += [layers.Activation(activation)] if late else []
            stack += [layers.Dropout(0.3)] if rng.random() < 0.5 else []
        model = kerata.Sequential([*stack, layers.Dense(1, activation="sigmoid")])
        optimizer = registry.find_builtin("optimizers", str(rng.choice(OPTIMIZERS)))
        model.compile(optimizer(0.01, global_clipnorm=0.5), "binary_crossentropy", metrics=["accuracy"])
        return model

    return build


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_models_of_random_widths(seed):
    make, rng = random_build(seed), np.random.default_rng(100 + seed)
    builds = [functools.partial(lambda w: make(iter(w)), rng.integers(1, 24, 3).tolist()) for _ in range(2)]
    kept, runner = train(builds)
    assert [len(made) for made in runner.buckets.groups.values()] == [1]
    for number, build in enumerate(builds):
        check_same(kept[number][0], alone(build))
        check_zeros(*kept[number][1][0])


def test_layers_that_adapt_to_each_fold(monkeypatch):
    def build(n):
        scale = layers.Normalization()
        scale.adapt(X)
        model = kerata.Sequential([kerata.Input((5,)), scale, layers.Dense(n, activation="relu"), layers.Dense(1)])
        model.compile("adam", "mse")
        return model

    builds = [functools.partial(build, n) for n in (3, 12)]
    together, runner = train(builds)
    assert [len(made) for made in runner.buckets.groups.values()] == [1]
    monkeypatch.setattr(buckets, "BUCKET_SECONDS", 0.0)
    apart, runner = train(builds)
    assert not any(runner.buckets.groups.values())
    for number in together:
        check_same(together[number][0], apart[number][0].histories)


def test_widths_of_a_later_call_find_the_bucket_of_an_earlier_one():
    _, runner = train([functools.partial(network, 3, 9), functools.partial(network, 12, 4)])
    before = program.counts["compiled"]
    (outcome,) = runner.run([Job(7, network(5, 5))])
    assert program.counts["compiled"] == before
    check_same(outcome, alone(functools.partial(network, 5, 5)))


def test_much_work_is_compiled_thoroughly(monkeypatch):
    asked, obtain = [], program.obtain

    def note(name, *args, **given):
        if name.startswith("many"):
            asked.append(("train" in name, given["brief"]))
        return obtain(name, *args, **given)

    monkeypatch.setattr(program, "obtain", note)
    builds = [functools.partial(network, 3, 9), functools.partial(network, 12, 4)]
    _, runner = train(builds)
    assert set(asked) == {(True, True), (False, True)}
    asked.clear()
    # The next trials are more work: the bucket's training is compiled again, its validation stays.
    monkeypatch.setattr(buckets, "THOROUGH_SECONDS", 0.0)
    (outcome,) = runner.run([Job(7, network(5, 5))])
    assert set(asked) == {(True, False)}
    check_same(outcome, alone(functools.partial(network, 5, 5)))


def test_callbacks_see_the_narrow_model():
    seen = []

    class Look(kerata.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            weights = self.model.get_weights()
            seen.append(([w.shape for w in weights], self.model.count_params()))
            self.model.set_weights([np.zeros_like(w) for w in weights])

    kept, _ = train([functools.partial(network, 3, 9), functools.partial(network, 12, 4)], 2, callbacks=lambda i: [Look()])
    assert ([(5, 3), (3,), (3, 9), (9,), (9, 1), (1,)], 64) in seen
    for padding, state in kept[0][1]:
        check_zeros(padding, state)
        assert not any(array.any() for array in state["trainable"])


def test_what_is_not_finite_is_trained_again_in_a_program_of_its_own():
    diverging = functools.partial(network, 3, 9, optimizer=kerata.optimizers.SGD(1e30), activation=None)
    kept, _ = train([diverging, functools.partial(network, 12, 4, optimizer="sgd", activation=None)])
    outcome, states, _ = kept[0]
    assert outcome.state == "failed" and "NaN or infinite at step" in outcome.error
    assert states[0][0] is None
    assert kept[1][0].state == "complete" and kept[1][1][0][0] is not None


def plain(*stack, optimizer="adam"):
    model = kerata.Sequential([kerata.Input((5,)), *stack, layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


@pytest.mark.parametrize(
    "build",
    [
        lambda n: plain(layers.Dense(n, activation="sigmoid")),
        lambda n: plain(layers.Dense(n, activation="relu"), layers.Dropout(0.2, noise_shape=(None, 1))),
        lambda n: plain(layers.Dense(n, activation="relu"), layers.GaussianDropout(0.2)),
        lambda n: plain(layers.Dense(n), layers.LayerNormalization()),
        lambda n: plain(layers.Dense(n), layers.BatchNormalization(epsilon=0.0)),
        lambda n: plain(layers.Dense(n, kernel_constraint="max_norm")),
        lambda n: plain(layers.Dense(n, kernel_regularizer=kerata.regularizers.L1(0.01))),
        lambda n: plain(layers.Dense(n, bias_regularizer=kerata.regularizers.L1L2(0.01, 0.01))),
        lambda n: plain(layers.Dense(n, activity_regularizer="l1")),
        lambda n: plain(layers.Dense(n, kernel_regularizer="orthogonal_regularizer")),
        lambda n: plain(layers.Dense(n), optimizer="adafactor"),
        lambda n: plain(layers.Dense(n, activation=lambda x: x)),
        lambda n: plain(layers.Dense(n), layers.ReLU(threshold=0.5)),
    ],
)
def test_what_is_not_known_to_be_exact_keeps_its_structure(build):
    kept, runner = train([lambda: build(3), lambda: build(5)], 1)
    assert not any(runner.buckets.groups.values()) and all(padding is None for padding, _ in kept[0][1])


def test_weights_left_out_of_decay_are_no_part_of_a_config():
    def build(n):
        optimizer = kerata.optimizers.AdamW(0.01, weight_decay=0.1)
        model = plain(layers.Dense(n), optimizer=optimizer)
        optimizer.exclude_from_weight_decay([model.layers[0].kernel])
        return model

    _, runner = train([lambda: build(3), lambda: build(5)], 1)
    assert not any(runner.buckets.groups.values())


def test_the_last_widths_and_those_before_what_mixes_features_are_not_free():
    model = plain(layers.Dense(3), layers.Dense(4), layers.LayerNormalization(), layers.Dense(2, activation="relu"))
    assert [layer.units for layer in free_layers(model)] == [3, 2]


@pytest.mark.parametrize("name", registry.names("activations"))
def test_activations_that_keep_zeros(name):
    function = registry.find_builtin("activations", name)
    if not isinstance(function, type) and registry.fact(function, "keeps_zeros"):
        value, slope = jax.value_and_grad(lambda x: jnp.sum(function(x)))(jnp.zeros(3))
        assert float(value) == 0 and np.isfinite(np.asarray(slope)).all()


@pytest.mark.parametrize(
    "penalty", [kerata.regularizers.L1(0.1), kerata.regularizers.L2(0.1), kerata.regularizers.L1L2(0.1, 0.1)]
)
def test_penalties_that_keep_zeros(penalty):
    value, slope = jax.value_and_grad(penalty)(jnp.zeros(3))
    assert float(value) == 0 and bool(np.all(np.asarray(slope) == 0)) == penalty.keeps_zeros


def test_clusters_join_where_that_saves_time(monkeypatch):
    monkeypatch.setattr(buckets, "BUCKET_SECONDS", 1.0)
    shape = Shape("s", (1,), [((-1, 5), (0, 0)), ((0, 0), (0, 0))])
    few = [Cluster(shape, (w,), [w], 1000) for w in (10, 20, 30, 128)]
    assert sorted(c.widths for c in merged(few, 32)) == [(128,)]
    many = [Cluster(shape, (w,), [w], 10**6) for w in (10, 20, 30, 128)]
    assert few[-1].is_brief(32) and not many[-1].is_brief(32)
    assert len(merged(many, 32)) == 4
    there = Cluster(shape, (32,), made=True)
    (joined,) = merged([Cluster(shape, (30,), [30], 10**4), there], 32)
    assert joined.made and joined.widths == (32,) and joined.parts == [30]
