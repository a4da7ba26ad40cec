"""`LossScaleOptimizer` of `tf.keras`, as programs used it: the scale is theirs to apply. The numbers follow by hand."""

import numpy as np
import pytest

from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
precision, SGD = tfkeras2.mixed_precision, tfkeras2.optimizers.SGD


def test_a_step_scales_the_loss_and_takes_unscaled_gradients():
    optimizer = precision.LossScaleOptimizer(SGD(0.5), initial_scale=8.0, dynamic_growth_steps=2)
    weight = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        scaled = optimizer.get_scaled_loss(weight**2)
    assert float(scaled) == 4.0 * 8
    gradients = tape.gradient(scaled, [weight])
    assert float(gradients[0]) == 4.0 * 8
    unscaled = optimizer.get_unscaled_gradients([*gradients, None])
    assert float(unscaled[0]) == 4.0
    assert unscaled[1] is None
    optimizer.apply_gradients(zip(unscaled[:1], [weight], strict=True))
    assert (float(weight), float(optimizer.loss_scale), int(optimizer.dynamic_counter)) == (0.0, 8.0, 1)
    # The second good step doubles the scale; d(w^2 + w) = 1 at 0.
    optimizer.minimize(lambda: weight**2 + weight, [weight])
    assert (float(weight), float(optimizer.loss_scale)) == (-0.5, 16.0)
    optimizer.apply_gradients([(tf.constant(np.inf), weight)])
    assert (float(weight), float(optimizer.loss_scale)) == (-0.5, 8.0)
    assert optimizer.get_scaled_loss(lambda: tf.constant(2.0))() == 16.0


@pytest.mark.parametrize("made", ["by name", "in its place", "experimental"])
def test_a_scale_that_stays_lets_all_steps_pass(made):
    forms = {
        "by name": lambda: precision.LossScaleOptimizer(SGD(0.5), dynamic=False, initial_scale=4.0),
        "in its place": lambda: precision.LossScaleOptimizer(SGD(0.5), False, 4.0),
        "experimental": lambda: precision.experimental.LossScaleOptimizer(SGD(0.5), 4.0),
    }
    optimizer, weight = forms[made](), tf.Variable(3.0)
    optimizer.minimize(lambda: weight**2, [weight])
    assert (float(weight), float(optimizer.loss_scale), optimizer.dynamic_counter) == (0.0, 4.0, None)
    optimizer.apply_gradients([(tf.constant(np.inf), weight)])
    assert (float(weight), float(optimizer.loss_scale)) == (-np.inf, 4.0)
    assert optimizer.get_config()["dynamic"] is False


def test_arguments_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="`initial_scale` must be a number where `dynamic` is False"):
        precision.LossScaleOptimizer(SGD(0.5), dynamic=False)
    with pytest.raises(ValueError, match="`dynamic_growth_steps` has a meaning only"):
        precision.LossScaleOptimizer(SGD(0.5), dynamic=False, initial_scale=2.0, dynamic_growth_steps=3)


def test_what_compile_puts_around_the_optimizer_has_the_methods():
    class Line(tfkeras2.Model):
        def __init__(self):
            super().__init__()
            self.dense = tfkeras2.layers.Dense(1, kernel_initializer="ones")

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((tf.cast(self(x, training=True), tf.float32) - y) ** 2)
                scaled = self.optimizer.get_scaled_loss(loss)
            gradients = self.optimizer.get_unscaled_gradients(tape.gradient(scaled, self.trainable_variables))
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss}

    precision.set_global_policy("mixed_float16")
    try:
        model = Line()
    finally:
        precision.set_global_policy("float32")
    model.compile(SGD(0.25))
    history = model.fit(np.ones((4, 1), "float32"), np.zeros((4, 1), "float32"), epochs=2, batch_size=4, verbose=0)
    # 2 * 32768 is infinite in 16 bits: the first step is left out and halves the scale, the second goes down by 0.25 * 2.
    assert history.history["loss"] == [1.0, 1.0]
    assert [weight.item() for weight in model.get_weights()] == [0.5, -0.5]
    assert float(model.optimizer.loss_scale) == 2.0**14
