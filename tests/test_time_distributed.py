"""TimeDistributed beside what its steps say of it alone."""

import numpy as np

import kerata

X = np.random.default_rng(0).standard_normal((4, 5, 3)).astype(np.float32)


def test_a_penalty_on_the_steps_outputs_counts():
    inner = kerata.layers.Dense(2, activity_regularizer=kerata.regularizers.L2(0.5))
    steps = kerata.layers.TimeDistributed(inner)
    y = np.asarray(steps(X))
    np.testing.assert_allclose(float(steps.losses[0]), 0.5 * np.sum(y**2) / 20, rtol=1e-5)


def test_a_layer_of_a_users_own_sees_one_step_at_a_time():
    class Centered(kerata.layers.Layer):
        def call(self, inputs):
            return inputs - kerata.ops.mean(inputs, axis=0, keepdims=True)

    y = np.asarray(kerata.layers.TimeDistributed(Centered())(X))
    np.testing.assert_allclose(y, X - X.mean(0, keepdims=True), rtol=1e-5, atol=1e-6)
