"""Whatever `fit` takes, a search takes: models with parts of a user's own score what a plain loop of `fit` scores."""

import functools
import random

import jax.numpy as jnp
import numpy as np
import pytest

import kerata
from kerata import callbacks, layers, search
from kerata.search.space import Recorded

RNG = np.random.default_rng(0)
X = RNG.normal(size=(44, 4)).astype("float32")
Y = (X[:, :1] + 0.3 * RNG.normal(size=(44, 1))).astype("float32")
FOLDS = [(np.r_[0:29], np.r_[29:44]), (np.r_[15:44], np.r_[0:15])]


# None of these is registered, and several are called alike.


def from_numpy(shape, dtype=None):
    return (0.3 * np.random.normal(size=shape)).astype(dtype or "float32")


def from_kerata(shape, dtype=None):
    return 0.3 * kerata.random.normal(shape, dtype=dtype)


class Ramp(kerata.initializers.Initializer):
    def __init__(self, high):
        self.top = high

    def __call__(self, shape, dtype=None):
        return np.linspace(0.0, self.top, int(np.prod(shape)), dtype="float32").reshape(shape)


def error_of(power):
    def f1(y, p):
        return jnp.mean(jnp.abs(y - p) ** power, -1)

    return f1


class Huberish(kerata.losses.Loss):
    def __init__(self, delta, *unused):
        super().__init__(name="huberish")
        self.delta = delta

    def call(self, y, p):
        return jnp.mean(jnp.where(jnp.abs(y - p) < self.delta, (y - p) ** 2, jnp.abs(y - p)), -1)


class Largest(kerata.metrics.Metric):
    def __init__(self):
        super().__init__(name="largest")
        self.top = self.add_variable((), "zeros", name="top")

    def update_state(self, y, p, sample_weight=None):
        self.top.assign(jnp.maximum(self.top.value, jnp.max(jnp.abs(y - p))))

    def result(self):
        return self.top.value

    def reset_state(self):
        self.top.assign(0.0)


class Bend(layers.Layer):
    """A layer that holds a function, and whose config leaves it out."""

    def __init__(self, bend, *shifts, **kwargs):
        super().__init__(**kwargs)
        self.bend, self.shifts = bend, shifts

    def build(self, shape):
        self.w = self.add_weight((shape[-1],), initializer=from_numpy, name="w")
        self.seen = self.add_weight((shape[-1],), initializer="zeros", trainable=False, name="seen")

    def call(self, x, training=False):
        if training:
            self.seen.assign(0.9 * self.seen.value + 0.1 * x[0])
        return self.bend(x * (1 + self.w)) + sum(self.shifts)

    def get_config(self):
        return super().get_config()


class Pair(kerata.Model):
    """A model that reaches one of its layers by a closure."""

    def __init__(self, inside):
        super().__init__()
        hidden = layers.Dense(3, activation=lambda v: v / (1 + jnp.abs(v)))
        self.hidden, self.reach = hidden, lambda x: hidden(x)
        self.inside, self.last = inside, layers.Dense(1)

    def call(self, x, training=False):
        return self.last(self.inside(self.reach(x), training=training))


class Heavy(kerata.optimizers.Optimizer):
    def __init__(self, rate, drag):
        super().__init__(rate)
        self.drag = drag

    def build(self, variables):
        super().build(variables)
        self.speeds = self.add_optimizer_variables(variables, "speed")

    def update_step(self, gradient, variable, learning_rate):
        speed = self.speeds[self._get_variable_index(variable)]
        self.assign(speed, self.drag * speed - learning_rate * gradient)
        self.assign_add(variable, speed)


class Slower(kerata.optimizers.schedules.LearningRateSchedule):
    def __init__(self, first):
        self.first = first

    def __call__(self, step):
        return self.first / (1.0 + 0.1 * step)


class Stepped(kerata.Model):
    """A model with a step of its own."""

    def __init__(self, inside):
        super().__init__()
        self.inside, self.last = inside, layers.Dense(1)

    def call(self, x, training=False):
        return self.last(self.inside(x, training=training))

    def train_step(self, state, data):
        logs, state = super().train_step(state, data)
        return {**logs, "twice": 2 * logs["loss"]}, state


class Counted(callbacks.Callback):
    """Halves the rate in the middle of an epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            self.model.optimizer.learning_rate = 0.5 * self.model.optimizer.learning_rate


INITIALIZERS = [from_numpy, from_kerata, lambda shape, dtype=None: np.full(shape, 0.2, "float32"), Ramp(0.5), "he_normal"]
LOSSES = [error_of(2), error_of(1.5), lambda y, p: jnp.mean(jnp.log(jnp.cosh(y - p)), -1), Huberish(0.7, 1), "mse"]
METRICS = [[error_of(1)], [Largest()], [lambda y, p: jnp.mean(y * p, -1), "mae"], []]
OPTIMIZERS = [
    lambda: Heavy(0.02, 0.5),
    lambda: kerata.optimizers.SGD(Slower(0.03)),
    lambda: kerata.optimizers.Adam(lambda: 0.02),
    lambda: kerata.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.7),
    lambda: "adam",
]
SHAPES = ["sequential", "functional", "subclass", "stepped"]


def drawn(number):
    """A builder of the number-th model, and the callbacks to train it with."""
    draw = random.Random(number)
    init, loss, metrics, optimizer = (draw.choice(some) for some in (INITIALIZERS, LOSSES, METRICS, OPTIMIZERS))
    shape = SHAPES[number % len(SHAPES)]
    calls = [Counted()] if number % 5 == 3 and optimizer is OPTIMIZERS[0] else []

    def build(rate=0.2):
        if shape in ("subclass", "stepped"):
            model = (Pair if shape == "subclass" else Stepped)(Bend(jnp.tanh, 0.1, 0.2))
            model.build((None, 4))
            model.compile(optimizer(), loss, metrics=metrics)
            return model
        first = layers.Dense(
            3,
            kernel_initializer=init,
            kernel_regularizer=lambda w: 0.01 * jnp.sum(w**2),
            bias_constraint=lambda b: jnp.clip(b, -0.1, 0.1),
        )
        middle = [layers.Lambda(lambda x: 1.5 * x), layers.Dropout(rate), Bend(jnp.tanh, 0.1, 0.2)]
        if shape == "sequential":
            model = kerata.Sequential([kerata.Input((4,)), first, *middle, layers.Dense(1)])
        else:
            given = kerata.Input((4,))
            value = first(given)
            for layer in middle:
                value = layer(value)
            value = layers.Dense(1)(value) + kerata.ops.matmul(given, first.kernel)[:, :1]
            model = kerata.Model(given, value)
        model.compile(optimizer(), loss, metrics=metrics)
        return model

    return build, calls


def loop(build, calls, seed, **arguments):
    """What `fit` gives for each fold, with the models."""
    found = []
    for index, (rows, held) in enumerate(FOLDS):
        kerata.utils.set_random_seed(seed + index)
        model = build()
        history = model.fit(
            X[rows],
            Y[rows],
            validation_data=(X[held], Y[held]),
            seed=seed + index,
            batch_size=8,
            verbose=0,
            callbacks=[type(call)() for call in calls],
            **arguments,
        )
        found.append((model, history.history))
    return found


@pytest.mark.parametrize("number", range(12))
def test_folds_score_what_a_plain_loop_scores(number):
    build, calls = drawn(number)
    kerata.utils.set_random_seed(99)
    model = build()
    before = [w.numpy() for w in model.weights]
    result = model.cross_validate(X, Y, cv=FOLDS, epochs=2, batch_size=8, seed=5, callbacks=calls)
    assert all((a == w.numpy()).all() for a, w in zip(before, model.weights, strict=True)), "the model itself stays"
    assert ("of its own" in result.way or "hooks for batches" in result.way) == (SHAPES[number % 4] == "stepped" or bool(calls))
    for index, (other, history) in enumerate(loop(build, calls, 5, epochs=2)):
        held = FOLDS[index][1]
        for name, curve in history.items():
            np.testing.assert_allclose(result.histories[index][name], curve, rtol=1e-5, atol=1e-6, err_msg=name)
        for name, value in other.evaluate(X[held], Y[held], verbose=0, return_dict=True).items():
            np.testing.assert_allclose(result.scores[name][index], value, rtol=1e-5, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(result.predictions[held], other.predict(X[held], verbose=0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(
            result.models[index].predict(X[held], verbose=0), other.predict(X[held], verbose=0), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("number", range(4, 10))
@pytest.mark.parametrize("turns", [None, True], ids=["side by side", "in turns"])
def test_trials_score_what_a_plain_loop_scores(number, turns):
    build, calls = drawn(number)
    study = search.run(
        lambda hp: build(hp.choice("rate", [0.1, 0.4])),
        X,
        Y,
        sampler="grid",
        cv=FOLDS,
        epochs=2,
        batch_size=8,
        seed=3,
        callbacks=calls,
        storage=None,
        verbose=0,
        turns=turns,
    )
    assert [trial.error for trial in study.trials] == [None, None]
    for trial in study.trials:
        for index, (_, history) in enumerate(loop(functools.partial(build, trial.params["rate"]), calls, 3, epochs=2)):
            assert trial.scores[index] == pytest.approx(min(history["val_loss"]), rel=1e-5)
            np.testing.assert_allclose(trial.histories[index]["loss"], history["loss"], rtol=1e-5)
    for model, (_, held), score in zip(study.best.models, FOLDS, study.best.trial.scores, strict=True):
        assert model.evaluate(X[held], Y[held], verbose=0, return_dict=True)["loss"] == pytest.approx(score, rel=1e-4)


@pytest.mark.parametrize("loss", [error_of(1), lambda y, p: jnp.mean((y - p) ** 2, -1)], ids=["named", "lambda"])
def test_models_come_back_from_files_that_cannot_tell_all_of_them(tmp_path, loss):

    def build(hp):
        model = kerata.Sequential([kerata.Input((4,)), Bend(jnp.tanh), layers.Lambda(lambda x: 2 * x), layers.Dense(1)])
        model.compile(kerata.optimizers.SGD(hp.float("rate", 0.001, 0.1)), loss)
        return model

    study = search.run(
        build, X, Y, trials=2, sampler="random", validation_data=(X, Y), epochs=1, storage=tmp_path / "s.db", verbose=0
    )
    for one in (study, search.load_study(tmp_path / "s.db", build=build)):
        assert one.best.model.evaluate(X, Y, verbose=0) == pytest.approx(study.best.score, rel=1e-5)
    with pytest.raises((TypeError, ValueError), match=r"Give the builder|not known"):
        search.load_study(tmp_path / "s.db").best.model  # noqa: B018


def test_a_list_of_models_with_steps_of_their_own_is_trained_in_place():
    def make():
        model = Stepped(Bend(jnp.tanh))
        model.build((None, 4))
        model.compile("sgd", "mse")
        return model

    kerata.utils.set_random_seed(1)
    models = [make(), make()]
    kerata.utils.set_random_seed(1)
    others = [make(), make()]
    many = search.fit_many(models, X, Y, seeds=[1, 2], epochs=2)
    for model, other, seed, history in zip(models, others, (1, 2), many.histories, strict=True):
        assert other.fit(X, Y, epochs=2, seed=seed, verbose=0).history == history
        np.testing.assert_array_equal(model.predict(X, verbose=0), other.predict(X, verbose=0))


class Both(kerata.metrics.Metric):
    """A measure of two numbers."""

    def __init__(self):
        super().__init__(name="both")
        self.sums = self.add_variable((2,), "zeros")

    def update_state(self, y, p, sample_weight=None):
        self.sums.assign(self.sums.value + jnp.stack([jnp.sum(y), jnp.sum(p)]))

    def result(self):
        return self.sums.value

    def reset_state(self):
        self.sums.assign(jnp.zeros(2))


def test_measures_of_several_numbers():
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=[Both()])
    result = model.cross_validate(X, Y, cv=FOLDS, epochs=1)
    assert result.scores["both"].shape == (2, 2) and result.mean["both"].shape == (2,)
    for (_, held), score in zip(FOLDS, result.scores["both"], strict=True):
        assert score[0] == pytest.approx(Y[held].sum(), rel=1e-4)


class Sum(callbacks.Callback):
    """What the model says after each epoch."""

    def __init__(self, sums):
        super().__init__()
        self.sums = sums

    def on_epoch_end(self, epoch, logs=None):
        self.sums.append(float(np.sum(self.model.predict(X, verbose=0))))


def test_callbacks_may_ask_the_model():
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    found = [[], []]
    model.cross_validate(X, Y, cv=FOLDS, epochs=2, callbacks=lambda index: [Sum(found[index])])
    for index, (rows, _) in enumerate(FOLDS):
        kerata.utils.set_random_seed(index)
        other, sums = kerata.Sequential([kerata.Input((4,)), layers.Dense(1)]), []
        other.compile("sgd", "mse")
        other.fit(X[rows], Y[rows], epochs=2, seed=index, verbose=0, callbacks=[Sum(sums)])
        np.testing.assert_allclose(found[index], sums, rtol=1e-4)


class Halved(kerata.callbacks.Callback):
    """Measures with half of the weights."""

    def on_test_begin(self, logs=None):
        self.kept = self.model.get_weights()
        self.model.set_weights([w / 2 for w in self.kept])

    def on_test_end(self, logs=None):
        self.model.set_weights(self.kept)


@pytest.mark.parametrize("make", [Halved, lambda: kerata.callbacks.SwapEMAWeights(swap_on_epoch=True)], ids=["own", "averages"])
def test_callbacks_around_evaluations(make):
    def build(hp=None):
        model = kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(3, "tanh"), kerata.layers.Dense(1)])
        model.compile(kerata.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8), "mse")
        return model

    kerata.utils.set_random_seed(3)
    model = build()
    rows, held = FOLDS[0]
    given = {"epochs": 3, "batch_size": 8}
    right = model.fit(
        X[rows], Y[rows], validation_data=(X[held], Y[held]), seed=3, verbose=0, callbacks=[make()], **given
    ).history
    result = search.cross_validate(build(), X, Y, cv=FOLDS, seed=3, callbacks=[make()], **given)
    for ours, one in zip(result.models[0].get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, one, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(result.scores["loss"][0], model.evaluate(X[held], Y[held], verbose=0), rtol=1e-4)
    np.testing.assert_allclose(result.histories[0]["val_loss"], right["val_loss"], rtol=1e-5)
    study = search.run(
        build, X, Y, cv=FOLDS, seed=3, callbacks=[make()], trials=1, sampler="random", storage=None, verbose=0, **given
    )
    np.testing.assert_allclose(study.trials[0].histories[0]["val_loss"], right["val_loss"], rtol=1e-5)


def unnamed(hp=None):
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(1, activation="sigmoid")])
    rate = hp.float("rate", 0.01, 0.1) if hp else 0.01
    measures = [kerata.metrics.AUC(), kerata.metrics.AUC(), kerata.losses.Poisson()]
    model.compile(kerata.optimizers.SGD(rate), "binary_crossentropy", metrics=measures)
    return model


@pytest.mark.parametrize("turns", [True, False])
def test_measures_without_a_name_have_one_name_in_all_trials(turns):
    unnamed()
    given = {"cv": FOLDS, "epochs": 2, "objective": "val_auc", "storage": None, "verbose": 0, "turns": turns}
    study = search.run(unnamed, X, (Y > 0).astype("float32"), trials=3, **given)
    names = {tuple(history) for trial in study.trials for history in trial.histories}
    measures = ["auc", "auc_1", "loss", "poisson"]
    assert names == {(*measures, *[f"val_{name}" for name in measures])}
    assert sorted(study.best.refit().history.history) == measures
    assert len({trial.histories[0]["loss"][-1] for trial in study.trials}) > 1


def test_measures_without_a_name_have_one_name_in_all_variants():
    unnamed()
    given = {"variants": {"a": unnamed, "b": unnamed}, "objective": "val_auc", "epochs": 1}
    found = search.compare(None, X, (Y > 0).astype("float32"), **given)
    assert list(found.histories["a"][0]) == list(found.histories["b"][0])
    assert (found.scores["a"] == found.scores["b"]).all()


@pytest.mark.parametrize("given", [X, {"x": X}, (X, Y, Y, Y), 0.2, iter([(X, Y)])], ids=["x", "dict", "4", "share", "batches"])
def test_what_is_no_validation_data_is_refused(given):
    model = unnamed()
    for call in (
        lambda: search.run(unnamed, X, Y, trials=1, validation_data=given, storage=None, verbose=0),
        lambda: search.compare(model, X, Y, optimizers=["sgd"], validation_data=given),
        lambda: search.fit_many(model, X, Y, copies=2, validation_data=given),
    ):
        with pytest.raises(ValueError, match=r"`validation_data` must be \(x, y\)"):
            call()


class Asking(callbacks.Callback):
    pass


def asking(hook):
    return type("Asking", (Asking,), {"on_epoch_end": hook})()


def freed(self, epoch, logs=None):
    self.model.layers[0].kernel.assign(0.5 * self.model.layers[0].kernel)


def assigned_rate(self, epoch, logs=None):
    self.model.optimizer.learning_rate.assign(0.01)


def old_rate(self, epoch, logs=None):
    kerata.backend.set_value(self.model.optimizer.lr, 0.5 * kerata.backend.get_value(self.model.optimizer.lr))


def handed_on(self, epoch, logs=None):
    model = self.model
    for variable in model.trainable_variables:
        variable.assign(0.9 * variable)


def counted(self, epoch, logs=None):
    logs["steps"] = float(self.model.optimizer.iterations)


def rated(self, epoch, logs=None):
    self.model.optimizer.learning_rate = 0.5 * float(self.model.optimizer.learning_rate)


def entered(self, epoch, logs=None):
    logs["val_twice"] = 2 * logs["val_loss"]


@pytest.mark.parametrize("hook", [freed, assigned_rate, old_rate, handed_on, counted, rated, entered])
def test_what_callbacks_ask_of_their_model(hook):
    def build(hp=None):
        model = kerata.Sequential([kerata.Input((4,)), layers.Dense(3, activation="tanh"), layers.Dense(1)])
        model.compile(kerata.optimizers.SGD(0.1), "mse")
        return model

    goal = {"objective": "val_twice", "direction": "min"} if hook is entered else {}
    arguments = {"cv": FOLDS, "epochs": 3, "seed": 3, "callbacks": [asking(hook)]}
    study = search.run(build, X, Y, trials=1, storage=None, verbose=0, **goal, **arguments)
    result = build().cross_validate(X, Y, **arguments)
    assert ("all of the model" in result.way) == (hook not in (rated, entered))
    for index, (rows, held) in enumerate(FOLDS):
        kerata.utils.set_random_seed(3 + index)
        model, fold = build(), (X[held], Y[held])
        alone = model.fit(X[rows], Y[rows], epochs=3, validation_data=fold, seed=3 + index, verbose=0, callbacks=[asking(hook)])
        for history in (study.trials[0].histories[index], result.histories[index]):
            assert history.keys() == alone.history.keys()
            for name, curve in alone.history.items():
                np.testing.assert_allclose(history[name], curve, rtol=1e-4, atol=1e-6)


def test_a_function_that_makes_callbacks_takes_a_number():
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="callbacks=lambda i:"):
        model.cross_validate(X, Y, callbacks=lambda: [])


class Same(layers.Layer):
    def call(self, x):
        return 1.0 * x


def test_a_base_of_all_trials_is_trained_by_none_for_the_others():
    base = kerata.Sequential([kerata.Input((4,)), layers.Dense(5, activation="relu"), layers.BatchNormalization()])
    first = kerata.Sequential([base, layers.Dense(1)])
    first.compile("sgd", "mse")
    first.fit(X, Y, verbose=0)
    before = base.get_weights()

    def build(hp):
        model = kerata.Sequential([base, Same(), layers.Dense(1)])
        model.compile(kerata.optimizers.SGD(hp.choice("rate", [0.1, 0.05])), "mse")
        return model

    study = search.run(build, X, Y, cv=FOLDS, sampler="grid", epochs=2, seed=3, storage=None, verbose=0)
    for trial in study.trials:
        for index, (rows, held) in enumerate(FOLDS):
            base.set_weights(before)
            kerata.utils.set_random_seed(3 + index)
            model = build(search.HyperParameters(Recorded(trial.params)))
            history = model.fit(X[rows], Y[rows], epochs=2, validation_data=(X[held], Y[held]), seed=3 + index, verbose=0)
            np.testing.assert_allclose(trial.histories[index]["val_loss"], history.history["val_loss"], rtol=1e-4)
    base.set_weights(before)
    models = study.best.models
    scores = [model.evaluate(X[held], Y[held], verbose=0) for model, (_, held) in zip(models, FOLDS, strict=True)]
    np.testing.assert_allclose(scores, study.best.trial.scores, rtol=1e-4)
    assert study.best.refit().layers[0] is not base
    for now, old in zip(base.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, old)
