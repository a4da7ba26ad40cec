"""Models of a user's own class against the same in real Keras."""

import keras
import numpy as np
import pytest

import kerata

X = np.random.default_rng(0).standard_normal((6, 2)).astype(np.float32)
Y = [X[:, :1], X[:, 1:]]


def two_outputs(k):
    class Two(k.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = k.layers.Dense(1), k.layers.Dense(1)

        def call(self, inputs):
            return self.first(inputs), self.second(inputs)

    return Two()


@pytest.mark.parametrize("losses", [["mse", "mae"], ["mse", "huber"]])
def test_outputs_without_names_have_their_losses_names_in_logs(losses):
    found = []
    for k in (kerata, keras):
        model = two_outputs(k)
        model.compile("sgd", losses)
        found.append(list(model.fit(X, Y, verbose=0).history))
    assert found[0] == found[1]


def test_outputs_without_names_and_with_one_loss_are_numbered():
    model = two_outputs(kerata)
    model.compile("sgd", "mse")
    assert list(model.fit(X, Y, verbose=0).history) == ["loss", "output_1_loss", "output_2_loss"]
