"""Random programs of `tf.keras`: own layers and models in all forms of `call`, trained in all ways.

A seed gives the same program wherever it runs; `tf` and `keras` are TensorFlow's or Kerata's.
"""

import numpy as np


class Choices:
    """Draws that a program is made by."""

    def __init__(self, seed):
        self.random = np.random.RandomState(seed)

    def pick(self, *these):
        return these[self.random.randint(len(these))]

    def often(self, share=0.5):
        return self.random.rand() < share


def own_layers(tf, keras):
    """Classes of layers of a person's own, each with another form of `call`."""
    layers, K = keras.layers, keras.backend

    class Plain(layers.Layer):
        def __init__(self, draw, units):
            super().__init__()
            self.norm = layers.BatchNormalization(momentum=0.8) if draw.often(0.4) else None
            penalty = draw.pick(None, "l2", keras.regularizers.L1(0.01))
            self.dense = layers.Dense(units, activation=draw.pick(None, "tanh"), kernel_regularizer=penalty)
            self.units, self.adds, self.scales = units, draw.often(0.3), draw.often()
            self.rule = draw.pick(None, "non_neg", keras.constraints.MaxNorm(1.0))
            self.supports_masking = draw.often(0.6)
            self.factor = tf.Variable(1.1, trainable=draw.often(0.7)) if draw.often(0.4) else None

        def build(self, input_shape):
            if self.scales:
                self.w = self.add_weight(name="w", shape=(self.units,), initializer="ones", constraint=self.rule)
            super().build(input_shape)

        def body(self, x):
            y = self.dense(x)
            y = y if self.norm is None else self.norm(y)
            y = y * self.w if self.scales else y
            y = y if self.factor is None else y * self.factor
            if self.adds:
                self.add_loss(0.01 * tf.reduce_mean(tf.square(y)))
            return y

        def call(self, x):
            return self.body(x)

    class InTraining(Plain):
        def call(self, x, training=None):
            return self.body(x) * 1.1 if training else self.body(x)

    class ByPhase(Plain):
        def call(self, x):
            y = self.body(x)
            return K.in_train_phase(y * 1.1, y)

    class WithMask(Plain):
        def call(self, x, mask=None, training=False):
            y = self.body(x)
            y = y if mask is None else y * tf.expand_dims(tf.cast(mask, y.dtype), -1)
            return y - 0.01 if training else y

    class AnyArguments(Plain):
        def call(self, x, **kwargs):
            return self.body(x) * 1.2 if kwargs.get("training") else self.body(x)

    class AroundAChain(Plain):
        def __init__(self, draw, units):
            super().__init__(draw, units)
            self.inner = keras.Sequential([layers.Dense(units), layers.BatchNormalization(), layers.Activation("tanh")])

        def call(self, x, training=None):
            return self.body(self.inner(x, training=training))

    return [Plain, InTraining, ByPhase, WithMask, AnyArguments, AroundAChain]


def own_models(tf, keras):
    """Classes of models of a person's own."""

    class Deaf(keras.Model):
        def __init__(self, parts, draw):
            super().__init__()
            self.factor = tf.Variable(1.05) if draw.often(0.4) else None
            self.adds = draw.often(0.25)
            if draw.often():
                self.parts = parts
            else:
                self.first, self.between, self.last = parts[0], tuple(parts[1:-1]), parts[-1]
                self.parts = None

        def body(self, x):
            parts = [self.first, *self.between, self.last] if self.parts is None else list(self.parts)
            for part in parts[:-1]:
                x = part(x)
            x = x if self.factor is None else x * self.factor
            if self.adds:
                self.add_loss(0.01 * tf.reduce_sum(x**2))
            return parts[-1](x)

        def call(self, x):
            return self.body(x)

    class Hearing(Deaf):
        def call(self, x, training=None):
            return self.body(x)

    class Masked(Deaf):
        def call(self, x, training=None, mask=None):
            return self.body(x)

    return [Deaf, Hearing, Masked]


def with_own_step(tf, base, draw):
    """A class of models with a `train_step` of its own."""
    form = draw.pick("compiled", "by hand", "clipped", "by way of the base")

    class Stepping(base):
        def train_step(self, data):
            if form == "by way of the base":
                return super().train_step(data)
            x, y = data
            with tf.GradientTape() as tape:
                given = self(x, training=True)
                if form == "compiled":
                    loss = self.compiled_loss(y, given, regularization_losses=self.losses)
                else:
                    loss = tf.reduce_mean(tf.square(y - given)) + (tf.add_n(self.losses) if self.losses else 0.0)
            weights = self.trainable_variables
            gradients = tape.gradient(loss, weights)
            if form == "clipped":
                gradients = [tf.clip_by_norm(gradient, 0.5) for gradient in gradients]
            self.optimizer.apply_gradients(zip(gradients, weights))
            self.compiled_metrics.update_state(y, given)
            return {"zeta": loss, **{one.name: one.result() for one in self.metrics if one.name != "loss"}}

    return Stepping


def optimizer(keras, draw):
    rules, schedules = keras.optimizers, keras.optimizers.schedules
    rate = draw.pick(
        0.01, 0.05, schedules.ExponentialDecay(0.05, 3, 0.7), schedules.PiecewiseConstantDecay([2, 5], [0.05, 0.02, 0.01])
    )
    averages = {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3}
    beside = draw.pick({}, {}, {"clipnorm": 0.3}, {"clipvalue": 0.1}, {"global_clipnorm": 0.5}, averages)
    return draw.pick(
        lambda: rules.SGD(rate, momentum=0.9, nesterov=draw.often(), **beside),
        lambda: rules.Adam(rate, amsgrad=draw.often(), epsilon=1e-3, **beside),
        lambda: rules.RMSprop(rate, momentum=0.5, epsilon=1e-3, **beside),
        lambda: rules.Adagrad(rate, **beside),
        lambda: rules.Adadelta(rate, **beside),
        lambda: rules.AdamW(rate, weight_decay=0.02, epsilon=1e-3, **beside),
    )()


def body_of(tf, keras, draw):
    """(data, layers) of one kind."""
    layers, own = keras.layers, own_layers(tf, keras)
    count, random, units = draw.pick(7, 8, 10), draw.random, draw.pick(2, 3, 4)
    kind = draw.pick("rows", "steps", "pictures")
    if kind == "rows":
        chain = [draw.pick(layers.Dense(3, activation="relu"), layers.BatchNormalization(), layers.PReLU()) for _ in range(2)]
        return random.normal(size=(count, 4)), [*chain, draw.pick(*own)(draw, units)]
    if kind == "steps":
        x = random.normal(size=(count, 5, 3))
        x[::2, 3:] = 0
        middle = draw.pick(
            lambda: layers.LSTM(units, return_sequences=True),
            lambda: layers.Bidirectional(layers.GRU(units, return_sequences=True), merge_mode=draw.pick("concat", "sum")),
            lambda: layers.Conv1D(units, 2, padding="causal"),
            lambda: layers.RNN([layers.LSTMCell(units), layers.GRUCell(units)], return_sequences=True),
            lambda: layers.LayerNormalization(),
            lambda: draw.pick(*own)(draw, units),
        )()
        end = draw.pick(layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D, lambda: layers.LSTM(3))()
        return x, [*([layers.Masking()] if draw.often() else []), middle, draw.pick(*own)(draw, units), end]
    chain = draw.pick(
        layers.Conv2D(units, 3, padding="same", activation="relu"),
        layers.DepthwiseConv2D(2, padding="same"),
        layers.MaxPooling2D(2, padding="same", strides=1),
        layers.BatchNormalization(),
    )
    end = draw.pick(layers.Flatten(), layers.GlobalAveragePooling2D())
    return random.normal(size=(count, 6, 6, 2)), [chain, draw.pick(*own)(draw, units), end]


def model_of(tf, keras, draw, shape, parts):
    """A model of some layers, in some form."""
    stepping = draw.often(0.35)
    form = draw.pick("functional", "chain", "own", "own", "nested", "own in a graph")
    if form == "chain":
        base = with_own_step(tf, keras.Sequential, draw) if stepping else keras.Sequential
        return base(parts)
    if form == "own":
        base = draw.pick(*own_models(tf, keras))
        return (with_own_step(tf, base, draw) if stepping else base)(parts, draw)
    given = now = keras.Input(shape)
    cut = len(parts) if form == "functional" else len(parts) - 2
    for part in parts[:cut]:
        now = part(now)
    if form == "nested":
        inner = last = keras.Input(now.shape[1:])
        for part in parts[cut:]:
            last = part(last)
        now = keras.Model(inner, last)(now)
    elif form == "own in a graph":
        now = draw.pick(*own_models(tf, keras))(parts[cut:], draw)(now)
    base = with_own_step(tf, keras.Model, draw) if stepping else keras.Model
    return base(given, now)


def numbers(value):
    """What a program gave, as plain data of a few digits."""
    if isinstance(value, dict):
        return {name: numbers(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [numbers(one) for one in value]
    array = np.asarray(value, np.float64)
    return [float(f"{one:.6g}") for one in array.ravel()[:12]] if array.ndim else float(f"{float(array):.6g}")


def program(tf, keras, seed):
    """Makes, trains and asks one model."""
    draw = Choices(seed)
    x, parts = body_of(tf, keras, draw)
    x = x.astype("float32")
    goal = draw.pick("numbers", "yes or no", "classes")
    y = {
        "numbers": draw.random.normal(size=(len(x), 2)).astype("float32"),
        "yes or no": draw.random.randint(0, 2, (len(x), 1)).astype("float32"),
        "classes": np.eye(3, dtype="float32")[draw.random.randint(0, 3, len(x))],
    }[goal]
    parts.append(keras.layers.Dense(y.shape[1], {"numbers": None, "yes or no": "sigmoid", "classes": "softmax"}[goal]))
    model = model_of(tf, keras, draw, x.shape[1:], parts)
    first = model(x)
    values = [
        draw.random.uniform(-0.5, 0.5, w.shape) if w.ndim > 1 else draw.random.uniform(0.7, 1.2, w.shape)
        for w in model.get_weights()
    ]
    model.set_weights(values)
    losses = {
        "numbers": ["mse", "mae", keras.losses.Huber(0.5), keras.losses.MeanSquaredError(reduction="sum")],
        "yes or no": ["binary_crossentropy", "hinge", keras.losses.BinaryCrossentropy(label_smoothing=0.1)],
        "classes": ["categorical_crossentropy", "kl_divergence", keras.losses.CategoricalCrossentropy(label_smoothing=0.2)],
    }[goal]
    loss = draw.pick(*losses)
    model.compile(optimizer(keras, draw), loss, metrics=draw.pick([], ["mae"], ["accuracy"]))
    found = {"shapes": [list(w.shape) for w in model.get_weights()], "trained": len(model.trainable_weights)}
    found["first"], found["before"] = list(np.shape(first)), numbers(model(x))
    found["trained by"] = trained(tf, keras, draw, model, x, y, loss)
    found["scores"] = numbers(model.evaluate(x, y, batch_size=3, verbose=0, return_dict=True))
    found["after"] = numbers(model.predict(x, batch_size=3, verbose=0))
    found["sums"] = numbers([w.sum() for w in model.get_weights()])
    return found


def trained(tf, keras, draw, model, x, y, loss):
    """What training in some way tells."""
    way = draw.pick("fit", "fit", "batches", "tape")
    if way == "fit":
        beside = {"validation_data": (x[:5], y[:5])} if draw.often(0.3) else {}
        if draw.often(0.3):
            data = tf.data.Dataset.from_tensor_slices((x, y)).batch(3)
            history = model.fit(data, epochs=3, verbose=0, shuffle=False, **beside)
        else:
            history = model.fit(x, y, batch_size=draw.pick(3, 4, len(x)), epochs=3, verbose=0, shuffle=False, **beside)
        return numbers(history.history)
    if way == "batches":
        return numbers([model.train_on_batch(x, y, return_dict=True) for _ in range(3)])
    function = keras.losses.get(loss) if isinstance(loss, str) else loss

    def step(x, y):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(function(y, model(x, training=True))) + (tf.add_n(model.losses) if model.losses else 0.0)
        weights = model.trainable_variables
        model.optimizer.apply_gradients(zip(tape.gradient(value, weights), weights))
        return value

    step = tf.function(step) if draw.often() else step
    return numbers([step(tf.constant(x), tf.constant(y)) for _ in range(3)])
