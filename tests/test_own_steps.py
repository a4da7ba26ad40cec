"""Steps, losses and measures of a user's own, in the forms of Keras 3 on JAX: the same numbers as in Keras."""

import jax
import keras
import numpy as np
import pytest

import kerata

X = np.random.default_rng(0).normal(size=(10, 3)).astype("float32")
Y = X[:, :1] * 2


def base(library):
    class Base(library.Model):
        def __init__(self):
            super().__init__()
            self.dense = library.layers.Dense(1, kernel_initializer="ones")

        def call(self, x, training=None):
            return self.dense(x)

    return Base


def documented(library):
    """The example of Keras's guide to customizing `fit()` with JAX."""

    class Custom(base(library)):
        def compute_loss_and_updates(self, trainable, frozen, x, y, training=False):
            y_pred, frozen = self.stateless_call(trainable, frozen, x, training=training)
            return self.compute_loss(x, y, y_pred), (y_pred, frozen)

        def measure(self, measured, loss, y, y_pred):
            new, logs = [], {}
            for metric in self.metrics:
                values = measured[len(new) : len(new) + len(metric.variables)]
                if metric.name == "loss":
                    values = metric.stateless_update_state(values, loss)
                else:
                    values = metric.stateless_update_state(values, y, y_pred)
                logs[metric.name] = metric.stateless_result(values)
                new += values
            return logs, new

        def train_step(self, state, data):
            trainable, frozen, slots, measured = state
            x, y = data
            grad = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
            (loss, (y_pred, frozen)), grads = grad(trainable, frozen, x, y, training=True)
            trainable, slots = self.optimizer.stateless_apply(slots, grads, trainable)
            logs, measured = self.measure(measured, loss, y, y_pred)
            return logs, (trainable, frozen, slots, measured)

        def test_step(self, state, data):
            x, y = data
            trainable, frozen, measured = state
            y_pred, frozen = self.stateless_call(trainable, frozen, x, training=False)
            loss = self.compute_loss(x, y, y_pred)
            logs, measured = self.measure(measured, loss, y, y_pred)
            return logs, (trainable, frozen, measured)

    return Custom


def by_super(library):
    class Custom(base(library)):
        def train_step(self, state, data):
            logs, state = super().train_step(state, data)
            logs["extra"] = logs["loss"] * 2
            return logs, state

        def test_step(self, state, data):
            logs, state = super().test_step(state, data)
            logs["extra"] = logs["loss"] * 3
            return logs, state

    return Custom


def own_loss(library):
    class Custom(base(library)):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return super().compute_loss(x, y, y_pred, sample_weight) * 2 + 1

    return Custom


def own_loss_and_tracker(library):
    class Custom(base(library)):
        def __init__(self):
            super().__init__()
            self.tracker = library.metrics.Mean(name="tenfold")

        def compute_loss(self, x, y, y_pred, sample_weight):
            loss = library.ops.mean((y_pred - y) ** 2)
            self.tracker.update_state(loss * 10)
            return loss

        @property
        def metrics(self):
            return [self.tracker]

    return Custom


def own_metrics(library):
    class Custom(base(library)):
        def __init__(self):
            super().__init__()
            self.level = library.metrics.Mean(name="level")

        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            found = super().compute_metrics(x, y, y_pred, sample_weight)
            self.level.update_state(y_pred)
            return {**found, "level": self.level.result(), "last": library.ops.sum(y)}

    return Custom


def own_evaluation(library):
    class Custom(base(library)):
        def test_step(self, state, data):
            trainable, frozen, measured = state
            y_pred, frozen = self.stateless_call(trainable, frozen, data[0], training=False)
            return {"level": library.ops.mean(y_pred)}, (trainable, frozen, measured)

    return Custom


def own_training(library):
    class Custom(base(library)):
        def train_step(self, state, data):
            logs, state = super().train_step(state, data)
            return {"loss": logs["loss"] * 0 + 7.0}, state

    return Custom


def summary_of(library, make, metrics):
    model = make(library)()
    model.compile(library.optimizers.SGD(0.1), "mse", metrics=metrics)
    history = model.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0, validation_data=(X, Y)).history
    return history, model.evaluate(X, Y, batch_size=5, verbose=0, return_dict=True), model.metrics_names, model.get_weights()


def flat(logs):
    leaves = jax.tree_util.tree_leaves_with_path(logs)
    return {jax.tree_util.keystr(path): float(np.asarray(leaf)) for path, leaf in leaves}


MODELS = [documented, by_super, own_loss, own_loss_and_tracker, own_metrics, own_evaluation, own_training]


@pytest.mark.parametrize("metrics", [None, ["mae", "mse"]])
@pytest.mark.parametrize("make", MODELS)
def test_numbers_equal_keras(make, metrics):
    ours, theirs = (summary_of(library, make, metrics) for library in (kerata, keras))
    assert ours[2] == theirs[2]
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        mine, other = flat(mine), flat(other)
        assert set(mine) == set(other)
        for name, value in other.items():
            assert mine[name] == pytest.approx(value, rel=1e-4, abs=1e-5), name
    for mine, other in zip(ours[3], theirs[3], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("library", [kerata, keras])
def test_a_predict_step(library):
    class Custom(base(library)):
        def predict_step(self, state, data):
            outputs, frozen = super().predict_step(state, data)
            return outputs + 100, frozen

    plain, own = base(library)(), Custom()
    np.testing.assert_allclose(own.predict(X, batch_size=4, verbose=0), plain.predict(X, verbose=0) + 100, rtol=1e-6)


def test_what_a_step_gets():
    seen = {}

    class Custom(base(kerata)):
        def train_step(self, state, data):
            seen["train"] = jax.tree.map(lambda a: a.shape, data)
            return super().train_step(state, data)

        def test_step(self, state, data):
            seen["test"] = jax.tree.map(lambda a: a.shape, data)
            return super().test_step(state, data)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return kerata.ops.mean(y_pred)

    model = Custom()
    model.compile("sgd")
    model.fit(X, batch_size=5, verbose=0)
    assert seen["train"] == (5, 3)
    model.fit(X, Y, batch_size=5, verbose=0)
    assert seen["train"] == ((5, 3), (5, 1))
    model.fit(X, Y, sample_weight=np.ones(10), batch_size=5, verbose=0)
    assert seen["train"] == ((5, 3), (5, 1), (5,))
    model.evaluate(X, Y, verbose=0)
    assert seen["test"] == ((10, 3), (10, 1))


def test_measures_are_there_as_soon_as_the_model_is_compiled():
    def named(library, metrics):
        model = base(library)()
        model.compile("sgd", "mse", metrics=metrics)
        before = model.metrics_names, len(model.metrics_variables)
        model.fit(X, Y, verbose=0)
        return before, model.metrics_names, [v.shape for v in model.metrics_variables], sorted(model.get_metrics_result())

    for metrics in (None, ["mae"]):
        assert named(kerata, metrics) == named(keras, metrics)


def test_methods_called_outside_of_a_program():
    found = []
    for library in (kerata, keras):
        model = base(library)()
        y_pred = model(X)
        model.compile("sgd", "mse", metrics=["mae"])
        loss = model.compute_loss(X, Y, y_pred)
        pure, _ = model.stateless_compute_loss(
            model.trainable_variables, model.non_trainable_variables, model.metrics_variables, x=X, y=Y, y_pred=y_pred
        )
        found.append((float(loss), float(pure), float(model.compute_metrics(X, Y, y_pred)["mae"])))
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_losses_of_several_outputs_and_of_layers_come_through_super():
    def run(library):
        class Penalty(library.layers.Layer):
            def call(self, x):
                self.add_loss(0.1 * library.ops.sum(x**2))
                return x

        class Custom(library.Model):
            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
                return super().compute_loss(x, y, y_pred, sample_weight) * 2

        i = library.Input((3,))
        hidden = Penalty()(library.layers.Dense(2, kernel_initializer="ones", kernel_regularizer="l2")(i))
        heads = [library.layers.Dense(1, kernel_initializer="ones", name=name)(hidden) for name in "pq"]
        model = Custom(i, heads)
        model.compile(library.optimizers.SGD(0.01), "mse")
        return model.fit(X, [Y, 2 * Y], epochs=2, batch_size=5, shuffle=False, verbose=0).history

    ours, theirs = run(kerata), run(keras)
    assert set(ours) == set(theirs)
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-4)


def test_what_a_step_assigns_is_kept():
    class Custom(base(kerata)):
        def __init__(self):
            super().__init__()
            self.seen = self.add_weight((), "zeros", trainable=False, name="seen")

        def train_step(self, state, data):
            self.seen.assign_add(1.0)
            return super().train_step(state, data)

    model = Custom()
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=5, epochs=3, verbose=0)
    # `super().train_step` gives the value back that it got, so what was assigned counts.
    assert float(model.seen) == 6


def test_a_step_in_the_form_of_tensorflow_is_refused():
    class Custom(base(kerata)):
        def train_step(self, data):
            return {}

    model = Custom()
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match=r"form that Keras 3 has on JAX.*Define train_step\(self, state, data\)"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("logs", [None, 3.0])
def test_logs_that_are_no_dict(logs):
    class Custom(base(kerata)):
        def train_step(self, state, data):
            return logs, state

    model = Custom()
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match="logs must be a dict"):
        model.fit(X, Y, verbose=0)


def test_own_training_is_evaluated_with_the_loss_of_compile():
    class Custom(base(kerata)):
        def train_step(self, state, data):
            return {"done": 1.0}, state

    model = Custom()
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(X, Y, verbose=0, validation_data=(X, Y)).history
    assert set(history) == {"done", "val_loss", "val_mae"}
    expected = np.mean((np.sum(X, 1, keepdims=True) - Y) ** 2)
    assert model.evaluate(X, Y, verbose=0)[0] == pytest.approx(expected, rel=1e-5)


# No loss


def test_fit_without_a_loss_is_refused():
    model = base(kerata)()
    model.compile("sgd")
    with pytest.raises(ValueError, match=r"fit: there is no loss to train on.*Give compile\(loss=...\)"):
        model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="there is no loss to train on"):
        model.train_on_batch(X, Y)
    model.compile("sgd", metrics=["mae"])
    assert model.evaluate(X, Y, verbose=0)[0] == 0


def test_a_loss_that_a_layer_adds_is_enough():
    class Penalty(kerata.layers.Layer):
        def call(self, x):
            self.add_loss(kerata.ops.sum(x**2))
            return x

    model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1), Penalty()])
    model.compile("sgd")
    losses = model.fit(X, epochs=3, verbose=0).history["loss"]
    assert losses[2] < losses[0]


def test_several_measures_as_a_list_come_in_the_order_of_keras():
    def values(library):
        i = library.Input((3,))
        model = library.Model(i, [library.layers.Dense(1, kernel_initializer="ones", name=name)(i) for name in ("q", "p")])
        model.compile("sgd", "mse", metrics=[["mae"], ["mape"]])
        return model.evaluate(X, [Y, 3 * Y], verbose=0)

    np.testing.assert_allclose(values(kerata), values(keras), rtol=1e-4)


@pytest.mark.parametrize("way", ["fit_many", "cross_validate"])
def test_many_models_without_a_loss_are_refused(way):
    model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])
    model.compile("sgd")
    with pytest.raises(ValueError, match="there is no loss to train on"):
        if way == "fit_many":
            kerata.search.fit_many(model, X, Y, copies=2)
        else:
            model.cross_validate(X, Y, cv=2)


def test_what_a_user_gives_may_be_a_variable():
    class Layer(kerata.layers.Layer):
        def build(self, shape):
            self.factor = self.add_weight((), "ones", name="factor")

        def call(self, x):
            self.add_loss(self.factor)
            return x * self.factor

    class Custom(base(kerata)):
        def __init__(self):
            super().__init__()
            self.steps = kerata.metrics.Sum(name="steps")

        def train_step(self, state, data):
            logs, state = super().train_step(state, data)
            self.steps.update_state(1.0)
            return {**logs, "steps": self.steps.total}, state

    model = kerata.Sequential([kerata.Input((3,)), Layer()])
    model.compile(kerata.optimizers.SGD(0.1))
    np.testing.assert_allclose(model.fit(X, epochs=3, batch_size=10, verbose=0).history["loss"], [1.0, 0.9, 0.8], rtol=1e-5)
    model = Custom()
    model.compile("sgd", "mse")
    assert model.fit(X, Y, batch_size=5, epochs=2, verbose=0).history["steps"] == [2, 2]


def test_a_loss_of_ones_own_trains_many_models_side_by_side():
    model = own_loss(kerata)()
    model(X)
    model.compile(kerata.optimizers.SGD(0.1), "mse")
    many = kerata.search.fit_many(model, X, Y, seeds=[1, 2], epochs=2, batch_size=5)
    for seed, member in zip([1, 2], many, strict=True):
        kerata.utils.set_random_seed(seed)
        alone = own_loss(kerata)()
        alone(X)
        alone.compile(kerata.optimizers.SGD(0.1), "mse")
        history = alone.fit(X, Y, epochs=2, batch_size=5, seed=seed, verbose=0).history["loss"]
        np.testing.assert_allclose(member.history.history["loss"], history, rtol=1e-5)


def test_a_step_of_ones_own_is_trained_one_by_one():
    model = own_metrics(kerata)()
    model.compile("sgd", "mse")
    many = kerata.search.fit_many(model, X, Y, copies=2, epochs=2)
    assert many.notes[0]["turns"] and many.notes[0]["why"] == "the model has a step of its own"
    assert all(len(curve) == 2 and np.isfinite(curve).all() for history in many.histories for curve in history.values())


def test_an_optimizer_that_was_built_for_some_weights_keeps_to_them():
    """A step that trains one part alone, and an optimizer that knows no other, as in Keras."""
    ends = []
    for library in (kerata, keras):

        class Halves(library.Model):
            def __init__(self, layers):
                super().__init__()
                self.first, self.second = (layers.Dense(size, kernel_initializer="ones") for size in (2, 1))
                self.first.build((None, 3))
                self.second.build((None, 2))
                self.built = True

            def call(self, x):
                return self.second(self.first(x))

            def train_step(self, state, data, ops=library.ops):
                trainable, frozen, slots, measures = state
                known = len(self.first.trainable_variables)

                def loss_of(weights):
                    outputs, _ = self.stateless_call(weights + trainable[known:], frozen, data)
                    return ops.mean(outputs**2)

                loss, gradients = jax.value_and_grad(loss_of)(trainable[:known])
                weights, slots = self.optimizer.stateless_apply(slots, gradients, trainable[:known])
                return {"loss": loss}, (weights + trainable[known:], frozen, slots, measures)

        model = Halves(library.layers)
        optimizer = library.optimizers.Adam(0.1)
        optimizer.build(model.first.trainable_variables)
        model.compile(optimizer)
        model.fit(np.ones((8, 3), "float32"), epochs=3, verbose=0)
        assert len(optimizer.variables) == 2 + 2 * 2
        ends.append(model.get_weights())
    for ours, theirs in zip(*ends, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_inputs_alone_may_be_validated():
    class Repeats(kerata.Model):
        def __init__(self):
            super().__init__()
            self.dense = kerata.layers.Dense(3)

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return kerata.ops.mean((y_pred - x) ** 2)

    x = np.random.default_rng(0).normal(size=(10, 3)).astype("float32")
    model = Repeats()
    model.compile("sgd")
    history = model.fit(x, validation_data=(x,), verbose=0).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(x, verbose=0), rel=1e-5)


def of_two_parts(library):
    """A model without `call`, whose step calls its parts, as the published examples of adversarial networks."""

    class Pair(library.Model):
        def __init__(self):
            super().__init__()
            self.one, self.other = (library.Sequential([library.Input((3,)), library.layers.Dense(1)]) for _ in range(2))
            for w in self.one.weights + self.other.weights:
                w.assign(np.linspace(-0.5, 1, int(np.prod(w.shape))).reshape(w.shape))
            self.built = True

        def compile(self, rate):
            super().compile()
            self.rate, self.distance = rate, library.metrics.Mean(name="distance")

        @property
        def metrics(self):
            return [self.distance]

        def train_step(self, state, data):
            trainable, frozen, slots, measured = state
            x, y = data if isinstance(data, tuple) and len(data) == 2 else (data[0] if isinstance(data, tuple) else data, 0.0)
            n = len(self.one.trainable_variables)

            def loss(trainable):
                a, _ = self.one.stateless_call(trainable[:n], [], x)
                b, _ = self.other.stateless_call(trainable[n:], [], x)
                return library.ops.mean((a - 3 * b + y) ** 2)

            value, grads = jax.value_and_grad(loss)(trainable)
            trainable = [v - self.rate * g for v, g in zip(trainable, grads, strict=True)]
            measured = self.distance.stateless_update_state(measured, value)
            return {"distance": self.distance.stateless_result(measured)}, (trainable, frozen, slots, measured)

    return Pair()


@pytest.mark.parametrize("data", [(X,), (X, Y)], ids=["x", "x and y"])
def test_a_model_whose_step_calls_its_parts_needs_no_call(data):
    histories, weights = [], []
    for library in (kerata, keras):
        model = of_two_parts(library)
        model.compile(0.1)
        histories.append(model.fit(*data, epochs=2, batch_size=4, shuffle=False, verbose=0).history["distance"])
        weights.append([np.asarray(w) for w in model.get_weights()])
    np.testing.assert_allclose(*histories, rtol=1e-5)
    for mine, other in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)


def test_a_model_without_call_and_without_a_step_of_its_own_says_what_is_missing():
    class Empty(kerata.Model):
        def __init__(self):
            super().__init__()
            self.part = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(1)])

    model = Empty()
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match=r"must define `call\(self, inputs\)`"):
        model.fit(X, Y, verbose=0)


def test_a_loop_of_ones_own_may_be_given_variables_as_they_are():
    """The example of Keras's guide to loops from scratch with JAX: all of the state goes through `jax.jit` as variables."""
    losses, weights = [], []
    for library in (kerata, keras):
        model = library.Sequential([library.Input((3,)), library.layers.BatchNormalization(), library.layers.Dense(2)])
        model.layers[-1].set_weights([np.linspace(-1, 1, 6).reshape(3, 2), np.zeros(2)])
        optimizer, loss_of = library.optimizers.Adam(0.01), library.losses.MeanSquaredError()
        optimizer.build(model.trainable_variables)
        state = model.trainable_variables, model.non_trainable_variables, optimizer.variables
        if library is keras:  # whose variables JAX does not take any more
            state = tuple([v.value for v in part] for part in state)

        @jax.jit
        def step(state, x, y, model=model, optimizer=optimizer, loss_of=loss_of):
            trained, frozen, slots = state

            def loss(trained, frozen):
                y_pred, frozen = model.stateless_call(trained, frozen, x, training=True)
                return loss_of(y, y_pred), frozen

            (value, frozen), grads = jax.value_and_grad(loss, has_aux=True)(trained, frozen)
            trained, slots = optimizer.stateless_apply(slots, grads, trained)
            return value, (trained, frozen, slots)

        for _ in range(3):
            value, state = step(state, X, Y)
            losses.append(float(value))
        for variable, new in zip(optimizer.variables, state[2], strict=True):
            variable.assign(new)
        assert int(optimizer.iterations) == 3 and float(optimizer.learning_rate) == pytest.approx(0.01)
        weights.append([np.asarray(v) for part in state for v in part])
    np.testing.assert_allclose(losses[:3], losses[3:], rtol=1e-5)
    for mine, other in zip(*weights, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-6)


def test_compute_loss_makes_one_number_of_a_loss_without_reduction():
    x, y = np.arange(12, dtype="float32").reshape(6, 2) / 10, np.arange(6, dtype="float32")[:, None] / 5
    found = []
    for library in (keras, kerata):

        class Masked(library.Sequential):
            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True, library=library):
                values = self.loss(y, y_pred)
                mask = library.ops.cast(y[:, 0] > 0.3, values.dtype)
                return library.ops.sum(values * mask) / library.ops.sum(mask)

        model = Masked([library.layers.Dense(1)])
        model(x)
        model.set_weights([np.array([[0.5], [-0.25]], "float32"), np.zeros(1, "float32")])
        model.compile(library.optimizers.SGD(0.1), library.losses.MeanSquaredError(reduction="none"))
        history = model.fit(x, y, epochs=2, batch_size=3, shuffle=False, verbose=0).history["loss"]
        found.append([*history, *np.concatenate(model.get_weights(), None)])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)


@pytest.mark.parametrize("how", ["built", "build"])
def test_what_is_built_is_not_called_for_a_step_of_ones_own(how):
    """A generator is called with what it makes pictures of, and trained with pictures."""

    def run(library):
        class Generating(library.Model):
            def __init__(self):
                super().__init__()
                self.dense, self.seen = library.layers.Dense(4), library.metrics.Mean(name="seen")
                if how == "built":
                    self.dense.build((None, 3))
                    self.built = True

            metrics = property(lambda self: [self.seen])

            def call(self, noise):
                return self.dense(noise)

            def train_step(self, state, data):
                measured = self.seen.stateless_update_state(state[3], data[0].sum())
                return {"seen": self.seen.stateless_result(measured)}, (*state[:3], measured)

            def test_step(self, state, data):
                measured = self.seen.stateless_update_state(state[2], data[0].max())
                return {"seen": self.seen.stateless_result(measured)}, (*state[:2], measured)

        model = Generating()
        if how == "build":
            model.build((None, 3))
        model.compile("adam")
        pictures = np.arange(32, dtype="float32").reshape(8, 2, 2)
        history = model.fit(pictures, batch_size=4, epochs=2, shuffle=False, verbose=0).history
        return history, model.evaluate(pictures, batch_size=4, verbose=0, return_dict=True)

    ours, theirs = run(kerata), run(keras)
    assert ours[0]["seen"] == pytest.approx(theirs[0]["seen"]) and ours[1] == pytest.approx(theirs[1])
