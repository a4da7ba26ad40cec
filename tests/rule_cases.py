"""Optimizers of a program's own, as programs of `tf.keras` wrote them, made of a module `tensorflow`: ours or the real one."""

import numpy as np

X = np.random.RandomState(0).randn(48, 3).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype("float32")
START = [np.array([[0.3], [0.1], [-0.2]], "float32"), np.array([0.1], "float32")]


def momentum_of(tf):
    """A rule by `_resource_apply_dense`, with slots, numbers, and what `_prepare_local` looks up."""

    class Momentum(tf.keras.optimizers.legacy.Optimizer):
        def __init__(self, learning_rate=0.1, momentum=0.9, weight_decay=0.0, name="Momentum", **kwargs):
            super().__init__(name, **kwargs)
            self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
            self._set_hyper("decay", self._initial_decay)
            self._set_hyper("momentum", momentum)
            self._set_hyper("weight_decay", weight_decay)

        def _create_slots(self, var_list):
            for var in var_list:
                self.add_slot(var, "m")
            for var in var_list:
                self.add_slot(var, "largest", initializer="ones")

        def _prepare_local(self, var_device, var_dtype, apply_state):
            super()._prepare_local(var_device, var_dtype, apply_state)
            apply_state[(var_device, var_dtype)]["kept"] = tf.identity(self._get_hyper("momentum", var_dtype))

        def _resource_apply_dense(self, grad, var, apply_state=None):
            device, dtype = var.device, var.dtype.base_dtype
            coefficients = (apply_state or {}).get((device, dtype)) or self._fallback_apply_state(device, dtype)
            m, largest = self.get_slot(var, "m"), self.get_slot(var, "largest")
            step = tf.cast(self.iterations + 1, dtype)
            grad += self._get_hyper("weight_decay", dtype) * var
            m_t = m.assign(coefficients["kept"] * m + grad, use_locking=self._use_locking)
            largest_t = largest.assign(tf.maximum(largest, tf.abs(grad)))
            moved = coefficients["lr_t"] * m_t / largest_t * tf.where(step > 3.0, 0.5, 1.0)
            return tf.group(var.assign_sub(moved, use_locking=self._use_locking), m_t, largest_t)

        def _resource_apply_sparse(self, grad, var, indices):
            raise NotImplementedError

        def get_config(self):
            names = ("learning_rate", "decay", "momentum", "weight_decay")
            return {**super().get_config(), **{name: self._serialize_hyperparameter(name) for name in names}}

    return Momentum


def lookahead_of(tf):
    """A wrapper, whose rate is that of what it wraps."""

    class Lookahead(tf.keras.optimizers.legacy.Optimizer):
        def __init__(self, optimizer, sync_period=3, name="Lookahead", **kwargs):
            super().__init__(name, **kwargs)
            self._optimizer = tf.keras.optimizers.get(optimizer)
            self._set_hyper("sync_period", sync_period)

        def _create_slots(self, var_list):
            self._optimizer._create_slots(var_list=var_list)
            for var in var_list:
                self.add_slot(var, "slow", initializer=var)

        def _create_hypers(self):
            self._optimizer._create_hypers()

        def _prepare(self, var_list):
            return self._optimizer._prepare(var_list=var_list)

        def apply_gradients(self, grads_and_vars, name=None, **kwargs):
            self._optimizer._iterations = self.iterations
            return super().apply_gradients(grads_and_vars, name, **kwargs)

        def _resource_apply_dense(self, grad, var):
            with tf.control_dependencies([self._optimizer._resource_apply_dense(grad, var)]):
                slow, step = self.get_slot(var, "slow"), tf.cast(self.iterations + 1, tf.int64)
                now = tf.equal(step % self._get_hyper("sync_period", tf.int64), 0)
                back = slow + 0.5 * (var - slow)
                return tf.group(slow.assign(tf.where(now, back, slow)), var.assign(tf.where(now, back, var)))

        @property
        def learning_rate(self):
            return self._optimizer._get_hyper("learning_rate")

        @learning_rate.setter
        def learning_rate(self, learning_rate):
            self._optimizer._set_hyper("learning_rate", learning_rate)

    return Lookahead


def changed_gradients_of(tf):
    """Built-in rules, whose gradients are changed on the way."""

    class Centred(tf.keras.optimizers.legacy.SGD):
        def _compute_gradients(self, loss, var_list, grad_loss=None, tape=None):
            pairs = super()._compute_gradients(loss, var_list, grad_loss, tape=tape)
            return [(g - tf.reduce_mean(g), v) for g, v in pairs]

    class Signed(tf.keras.optimizers.legacy.Adam):
        def apply_gradients(self, grads_and_vars, name=None, **kwargs):
            pairs = [(tf.sign(g) * tf.sqrt(tf.abs(g)), v) for g, v in grads_and_vars]
            return super().apply_gradients(pairs, name=name, **kwargs)

    class Halved(tf.keras.optimizers.legacy.Adam):
        def _resource_apply_dense(self, grad, var, apply_state=None):
            before = tf.identity(var)
            super()._resource_apply_dense(grad, var, apply_state)
            return var.assign(before + 0.5 * (var - before))

    return Centred, Signed, Halved


def later_form_of(tf):
    """The form of `tf.keras` 2.11: `build(var_list)`, `update_step(gradient, variable)`."""

    class Lion(tf.keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.01, beta=0.9, name="Lion", **kwargs):
            super().__init__(name=name, **kwargs)
            self._learning_rate = self._build_learning_rate(learning_rate)
            self.beta = beta

        def build(self, var_list):
            super().build(var_list)
            if hasattr(self, "_built") and self._built:
                return
            self.momentums = [self.add_variable_from_reference(model_variable=var, variable_name="m") for var in var_list]
            self._built = True

        def update_step(self, gradient, variable):
            rate = tf.cast(self.learning_rate, variable.dtype)
            m = self.momentums[self._index_dict[self._var_key(variable)]]
            variable.assign_sub(rate * tf.sign(self.beta * m + (1.0 - self.beta) * gradient))
            m.assign(0.99 * m + 0.01 * gradient)

    return Lion


def cases(tf):
    """Name -> makes an optimizer."""
    momentum, lookahead, lion = momentum_of(tf), lookahead_of(tf), later_form_of(tf)
    centred, signed, halved = changed_gradients_of(tf)
    schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.2, 5, 0.5)
    legacy = tf.keras.optimizers.legacy
    return {
        "rule": lambda: momentum(0.1),
        "rule with decay": lambda: momentum(lr=0.1, decay=0.1, weight_decay=0.05),
        "rule with a schedule": lambda: momentum(schedule, momentum=0.5),
        "rule, clipped": lambda: momentum(0.1, clipnorm=0.5),
        "wrapper": lambda: lookahead(momentum(0.1)),
        "wrapper of a built-in rule": lambda: lookahead(legacy.Adam(0.1), sync_period=2),
        "gradients changed": lambda: centred(0.1, momentum=0.9),
        "gradients changed before they are applied": lambda: signed(0.1),
        "a step halved": lambda: halved(0.1),
        "transformers": lambda: legacy.SGD(0.1, gradient_transformers=[lambda pairs: [(2.0 * g, v) for g, v in pairs]]),
        "later form": lambda: lion(0.05),
    }


def ran(tf, make):
    """(losses of two epochs, weights after them, weights after three steps by hand)."""
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(3,))])
    model.set_weights(START)
    model.compile(make(), "mse")
    history = model.fit(X, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    optimizer, variable = make(), tf.Variable([1.0, -2.0])
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(variable**2)
        optimizer.apply_gradients(zip(tape.gradient(loss, [variable]), [variable]))
    found = [history.history["loss"], np.concatenate([w.ravel() for w in model.get_weights()]), variable.numpy()]
    return [[round(float(one), 6) for one in row] for row in found]


if __name__ == "__main__":
    import tensorflow

    for name, make in cases(tensorflow).items():
        print(f"    {name!r}: {ran(tensorflow, make)},")
