"""Optimizers that programs of Keras 1 and 2 wrote themselves, by `get_updates`."""

import numpy as np
import pytest

import kerata
from kerata import legacy
from kerata.legacy import keras1, keras2, tfkeras2

X = np.random.RandomState(0).randn(40, 3).astype("float32")
Y = X[:, :1] * 2 - 1
START = [np.random.RandomState(1).randn(3, 1).astype("float32"), np.zeros(1, "float32")]


def adam_of(keras):
    """Adam with a decay of weights, as programs wrote it."""
    K, interfaces = keras.backend, keras.legacy.interfaces

    class AdamW(keras.optimizers.Optimizer):
        def __init__(self, lr=0.001, weight_decay=0.01, decay=0.0, **kwargs):
            super().__init__(**kwargs)
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr, self.decay = K.variable(lr, name="lr"), K.variable(decay, name="decay")
            self.beta, self.wd = K.variable(0.9), K.variable(weight_decay)
            self.initial_decay = decay

        @interfaces.legacy_get_updates_support
        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            self.updates = [K.update_add(self.iterations, 1)]
            lr = self.lr
            if self.initial_decay > 0:
                lr *= 1.0 / (1.0 + self.decay * K.cast(self.iterations, K.dtype(self.decay)))
            t = K.cast(self.iterations, K.floatx()) + 1
            lr_t = lr * (K.sqrt(1.0 - K.pow(0.999, t)) / (1.0 - K.pow(self.beta, t)))
            ms, vs = ([K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params] for _ in range(2))
            self.weights = [self.iterations, *ms, *vs]
            for p, g, m, v in zip(params, grads, ms, vs, strict=True):
                m_t, v_t = self.beta * m + (1.0 - self.beta) * g, 0.999 * v + 0.001 * K.square(g)
                self.updates += [K.update(m, m_t), K.update(v, v_t)]
                p_t = p - lr_t * m_t / (K.sqrt(v_t) + 1e-8) - lr * self.wd * p
                self.updates.append(K.update(p, p.constraint(p_t) if getattr(p, "constraint", None) else p_t))
            return self.updates

    return AdamW


def by_hand(epochs, rate, decay, clip=None):
    """(losses of the epochs, weights) of the same on batches of ten."""
    ps, said, t = [w.astype("float64") for w in START], [], 0
    m, v = ([0.0 * p for p in ps] for _ in range(2))
    for _ in range(epochs):
        total = []
        for i in range(0, 40, 10):
            d = X[i : i + 10] @ ps[0] + ps[1] - Y[i : i + 10]
            total.append((d**2).mean())
            gs = [2 * X[i : i + 10].T @ d / 10, 2 * d.mean(0)]
            if clip is not None:
                norm = np.sqrt(sum((g**2).sum() for g in gs))
                gs = [g * clip / max(norm, clip) for g in gs]
            lr, t = rate / (1 + decay * t), t + 1
            for k, g in enumerate(gs):
                m[k], v[k] = 0.9 * m[k] + 0.1 * g, 0.999 * v[k] + 0.001 * g**2
                step = lr * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m[k] / (np.sqrt(v[k]) + 1e-8)
                ps[k] = ps[k] - step - lr * 0.01 * ps[k]
        said.append(np.mean(total))
    return said, ps


@pytest.mark.parametrize(
    ("keras", "clip"), [(keras1, None), (keras2, None), (keras2, 0.5)], ids=["keras1", "keras2", "clipped"]
)
def test_an_optimizer_of_a_programs_own_trains_by_its_updates(keras, clip):
    model = keras.models.Sequential([keras.layers.Dense(1, input_dim=3)])
    model.set_weights(START)
    model.compile(adam_of(keras)(lr=0.05, decay=0.1, **({} if clip is None else {"clipnorm": clip})), "mse")
    arguments = {"nb_epoch" if keras is keras1 else "epochs": 3}
    history = model.fit(X, Y, batch_size=10, shuffle=False, verbose=0, **arguments).history
    losses, weights = by_hand(3, 0.05, 0.1, clip)
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-5)
    for mine, right in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-4, atol=1e-6)
    K = keras.backend
    assert int(K.get_value(model.optimizer.iterations)) == 12
    # A rate that is set counts from the next batch on.
    K.set_value(model.optimizer.lr, 0.0)
    before = model.get_weights()[0]
    model.train_on_batch(X[:10], Y[:10])
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_an_own_optimizer_may_wait_for_several_batches_and_its_config_is_its_own():
    K = keras2.backend

    class Waiting(keras2.optimizers.SGD):
        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            now = K.cast(K.equal((self.iterations + 1) % 2, 0), K.floatx())
            sums = [K.zeros(K.int_shape(p)) for p in params]
            pairs = [(self.iterations, self.iterations + 1)]
            for p, g, s in zip(params, grads, sums, strict=True):
                pairs.append((s, (1 - now) * (s + g)))
                pairs.append((p, p - now * self.lr * (s + g) / 2))
            return pairs

        def get_config(self):
            return {**super().get_config(), "lr": float(K.get_value(self.lr))}

    models = [keras2.models.Sequential([keras2.layers.Dense(1, input_dim=3)]) for _ in range(2)]
    for model, optimizer, size in zip(models, (Waiting(lr=0.1), keras2.optimizers.SGD(lr=0.1)), (10, 20), strict=True):
        model.set_weights(START)
        model.compile(optimizer, "mse")
        model.fit(X, Y, batch_size=size, epochs=2, shuffle=False, verbose=0)
    for mine, right in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-5)
    assert models[0].optimizer.get_config() == {"lr": pytest.approx(0.1)}


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
@pytest.mark.parametrize("base", ["SGD", "Optimizer"])
def test_h5_files_hold_own_optimizers_by_their_class_and_config(era, base, tmp_path):
    keras = getattr(kerata.legacy, era)
    K = keras.backend

    class Slower(keras.optimizers.SGD):
        def __init__(self, factor=1.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    class Plain(keras.optimizers.Optimizer):
        def __init__(self, lr=0.1, factor=1.0, **kwargs):
            super().__init__(**({"name": "plain", **kwargs} if era == "tfkeras2" else kwargs))
            self.lr, self.factor = K.variable(lr, name="lr"), factor

        def get_updates(self, loss, params):
            gradients = self.get_gradients(loss, params)
            self.updates = [K.update(p, p - self.lr * g) for p, g in zip(params, gradients, strict=True)]
            return self.updates

        def get_config(self):
            return {**super().get_config(), "lr": float(K.get_value(self.lr)), "factor": self.factor}

    own = Slower if base == "SGD" else Plain
    model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(3,))])
    model.compile(own(lr=0.05, factor=3.0), "mse")
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(tmp_path / "model.h5")
    again = keras.models.load_model(tmp_path / "model.h5", custom_objects={own.__name__: own})
    assert type(again.optimizer) is own
    assert again.optimizer.factor == 3.0
    assert K.get_value(again.optimizer.lr) == pytest.approx(0.05)
    before = again.predict(X)
    again.fit(X, Y, batch_size=len(X), epochs=1, verbose=0)
    # One step down the mean of squares, by hand.
    kernel, _ = model.get_weights()
    expected = kernel - 0.05 * 2 * X.T @ (before - Y) / len(X)
    np.testing.assert_allclose(again.get_weights()[0], expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=own.__name__):
        keras.models.load_model(tmp_path / "model.h5")


@pytest.mark.parametrize("era", ["keras1", "keras2", "tfkeras2"])
@pytest.mark.parametrize("how", ["get_updates", "momentum"])
def test_h5_files_keep_the_state_of_own_optimizers(era, how, tmp_path):
    keras = getattr(kerata.legacy, era)
    K = keras.backend

    class Heavy(keras.optimizers.SGD):
        if how == "get_updates":

            def get_updates(self, *args):
                params = args[0] if era == "keras1" and len(args) == 3 else args[1]
                grads = self.get_gradients(None, params)
                moments = [K.zeros(K.int_shape(p)) for p in params]
                squares = [K.zeros(K.int_shape(p)) for p in params]
                # Files have them in this order.
                self.weights = [self.iterations, *squares, *moments]
                self.updates = [K.update_add(self.iterations, 1)]
                for p, g, m, s in zip(params, grads, moments, squares, strict=True):
                    self.updates += [
                        K.update(m, 0.9 * m - 0.1 * g),
                        K.update(s, s + K.square(g)),
                        K.update(p, p + 0.9 * m - 0.1 * g),
                    ]
                return self.updates

    given = {"lr": 0.1} if how == "get_updates" else {"lr": 0.1, "momentum": 0.9}
    model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(3,))])
    model.compile(Heavy(**given), "mse")
    epochs = {"nb_epoch" if era == "keras1" else "epochs": 1, "verbose": 0, "shuffle": False, "batch_size": 5}
    model.fit(X, Y, **epochs)
    model.save(tmp_path / "model.h5")
    again = keras.models.load_model(tmp_path / "model.h5", custom_objects={"Heavy": Heavy})
    state = again.optimizer.get_weights()
    assert state[0] == 8 and len(state) == (5 if how == "get_updates" else 3)
    for mine, right in zip(state, model.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, right)
    if how == "get_updates":
        assert all((square >= 0).all() for square in state[1:3])
    for one in (model, again):
        one.fit(X, Y, **epochs)
    for mine, right in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-6)


def test_h5_files_without_the_state_of_an_own_optimizer_begin_anew(tmp_path):
    import h5py

    class Own(keras2.optimizers.SGD):
        pass

    model = keras2.models.Sequential([keras2.layers.Dense(1, input_shape=(3,))])
    model.compile(Own(lr=0.1, momentum=0.9), "mse")
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        file["optimizer_weights"].attrs["weight_names"] = file["optimizer_weights"].attrs["weight_names"][:1]
    with pytest.warns(UserWarning, match="does not fit and is left out, training begins anew"):
        again = keras2.models.load_model(tmp_path / "model.h5", custom_objects={"Own": Own})
    assert all((array == 0).all() for array in again.optimizer.get_weights()[1:])


def test_h5_files_leave_out_optimizers_of_tensorflow_1(tmp_path):
    from kerata.legacy import train

    model = keras2.models.Sequential([keras2.layers.Dense(1, input_shape=(3,))])
    model.compile(train.AdadeltaOptimizer(1.0), "mse")
    model.fit(X, Y, verbose=0)
    with pytest.warns(UserWarning, match="the optimizer is left out"):
        model.save(tmp_path / "model.h5")
    again = keras2.models.load_model(tmp_path / "model.h5")
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize(
    ("name", "every", "validation", "kernel"),
    [
        ("SGD", 3, [0.00992, 0.00889, 0.00796], [1.0025214, 1.000839]),
        ("SGD", None, [0.00573, 0.00301, 0.00161], [1.0008162, 0.9978243]),
        ("Adam", 3, [0.00634, 0.00294, 0.00128], [1.0163306, 1.0076905]),
        ("Adam", 100, [0.00591, 0.00529, 0.00178], [1.0075798, 0.99918836]),
    ],
)
def test_averages_of_tf_keras_begin_with_the_weights_before_training(name, every, validation, kernel):
    """The numbers of `tf_keras` 2.21; Keras 3 begins with the weights behind the first step."""
    x = np.linspace(-1, 1, 20).reshape(10, 2).astype("float32")
    y = x[:, :1] * 2
    model = tfkeras2.models.Sequential([tfkeras2.layers.Dense(1, kernel_initializer="ones", input_shape=(2,))])
    rule = getattr(tfkeras2.optimizers, name)(0.05, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=every)
    model.compile(rule, "mse")
    found = model.fit(x, y, batch_size=4, epochs=3, verbose=0, shuffle=False, validation_data=(x, y)).history
    np.testing.assert_allclose(found["val_loss"], validation, atol=6e-6)
    np.testing.assert_allclose(np.ravel(model.get_weights()[0]), kernel, rtol=1e-5)


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
@pytest.mark.parametrize(
    "name, shapes",
    [
        ("Adam", [(2, 3), (3,), (2, 3), (3,)]),
        ("Adamax", [(2, 3), (3,), (2, 3), (3,)]),
        ("Adadelta", [(2, 3), (3,), (2, 3), (3,)]),
        ("Nadam", [(), (2, 3), (3,), (2, 3), (3,)]),
        ("Ftrl", [(2, 3), (2, 3), (3,), (3,)]),
    ],
)
def test_weights_are_listed_slot_by_slot(era, name, shapes):
    """`[iterations] + ms + vs` in Keras 2.3.1, and so in `tf.keras` 2.21; those of Ftrl stand in pairs."""
    keras = getattr(legacy, era)
    if era == "keras2" and name == "Ftrl":
        pytest.skip("Keras 2 had none")
    kinds = keras.optimizers if era == "keras2" else keras.optimizers.legacy
    model = keras.models.Sequential([keras.layers.Dense(3, input_shape=(2,))])
    model.compile(getattr(kinds, name)(), "mse")
    model.train_on_batch(np.ones((4, 2)), np.ones((4, 3)))
    held = model.optimizer.get_weights()
    assert [array.shape for array in held] == [(), *shapes]
    model.optimizer.set_weights([2 * array for array in held])
    np.testing.assert_allclose(model.optimizer.get_weights()[-1], 2 * held[-1])
    assert model.optimizer.iterations == 2
    with pytest.raises(ValueError, match=rf"set_weights\(\) needs {len(held)} arrays"):
        model.optimizer.set_weights(held[1:])


def test_variables_of_an_optimizer_may_be_called():
    model = legacy.tfkeras2.Sequential([legacy.tfkeras2.layers.Dense(3, input_shape=(2,))])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((4, 2)), np.ones((4, 3)))
    assert [tuple(one.shape) for one in model.optimizer.variables()] == [(), (2, 3), (2, 3), (3,), (3,)]


def test_no_gradients_are_no_step():
    """`apply_gradients([])` of `tf_keras` 2.21 gives the count of steps as it was."""
    optimizer = legacy.tfkeras2.optimizers.Adam()
    assert int(optimizer.apply_gradients([])) == 0 and int(optimizer.iterations) == 0
