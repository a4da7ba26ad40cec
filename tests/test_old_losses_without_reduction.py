"""Losses of `tf.keras` without a reduction: trained on the sum of their values, shown as their mean.

The numbers are those of `tf_keras` 2.21. In means over batches that differ in size, a batch counts with the square of its size.
"""

import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras

X = np.arange(12, dtype="float32").reshape(6, 2) / 10
Y = np.arange(6, dtype="float32")[:, None] / 5


def unreduced(name="MeanSquaredError", **settings):
    return getattr(keras.losses, name)(reduction="none", **settings)


def model_of(outputs=1):
    inputs = keras.Input((2,))
    dense = [keras.layers.Dense(1, name=name)(inputs) for name in "ab"[:outputs]]
    model = keras.Model(inputs, dense if outputs > 1 else dense[0])
    model.set_weights([np.array([[0.5], [-0.25]], "float32"), np.zeros(1, "float32")] * outputs)
    return model


CASES = {
    "alone": (unreduced(), {}, [0.0922012, 0.0576386], [0.748894, 0.022529, 0.236345], 0.0255373),
    "weighed": (
        unreduced(),
        {"sample_weight": np.array([1, 2, 0.5, 1, 3, 1], "float32")},
        [0.1025478, 0.1718336],
        [0.857723, 0.133856, 0.261326],
        0.0735427,
    ),
    "steps": (unreduced(), {"steps_per_epoch": 2}, [0.0922012, 0.0576386], [0.748894, 0.022529, 0.236345], 0.0255373),
    "two classes": (
        unreduced("BinaryCrossentropy", from_logits=True),
        {},
        [0.6839908, 0.6776223],
        [0.619592, -0.133189, -0.027809],
        0.6639951,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_training_on_the_sum(case):
    loss, arguments, losses, weights, score = CASES[case]
    model = model_of()
    model.compile(keras.optimizers.SGD(0.1), loss)
    history = model.fit(X, Y, epochs=2, batch_size=4, shuffle=False, verbose=0, **arguments).history
    assert history["loss"] == pytest.approx(losses, abs=2e-6)
    assert np.concatenate([w.ravel() for w in model.get_weights()]) == pytest.approx(weights, abs=2e-6)
    assert model.evaluate(X, Y, batch_size=4, verbose=0) == pytest.approx(score, abs=2e-6)
    assert model.loss is loss


def test_several_outputs():
    model = model_of(2)
    model.compile(keras.optimizers.SGD(0.1), [unreduced(), unreduced("MeanAbsoluteError")])
    history = model.fit(X, [Y, Y * 2], epochs=2, batch_size=4, shuffle=False, verbose=0).history
    expected = {"loss": [0.7186012, 0.4200386], "a_loss": [0.0922012, 0.0576386], "b_loss": [0.6264, 0.3624]}
    assert list(history) == list(expected)
    for name, values in expected.items():
        assert history[name] == pytest.approx(values, abs=2e-6)


def test_what_steps_ask_for_is_not_one_number():
    class Own(keras.Sequential):
        def train_step(self, data):
            return {"loss": self.compiled_loss(data[1], self(data[0], training=True))}

    model = Own([keras.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", unreduced())
    with pytest.raises(NotImplementedError, match="this loss has no reduction"):
        model.fit(X, Y, verbose=0)
