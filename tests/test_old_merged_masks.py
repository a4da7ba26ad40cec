"""Masks behind layers that merge, before Keras 3: what is masked in one input stays so. Numbers of `tf_keras` 2.21."""

import numpy as np
import pytest

from kerata import Input, Model, layers
from kerata.legacy import keras1, keras2, tfkeras2

X = np.random.RandomState(0).randn(2, 5, 4).astype("float32")
X[0, 3:] = X[1, :1] = X[1, 4:] = 0
OTHER = np.abs(X[::-1])
MASKS = (X != 0).any(-1), (OTHER != 0).any(-1)
NAMES = ["Add", "Multiply", "Average", "Maximum", "Concatenate"]


def averaged(era, merged, both):
    """The mean over the steps that count, of a model of two inputs."""
    old = era.layers
    inputs = [era.Input(shape=(5, 4)) for _ in range(2)]
    first = old.Masking()(inputs[0])
    second = old.Masking()(inputs[1]) if both else inputs[1]
    # A layer of steps that hands the mask on, and one that counts by it.
    model = era.Model(inputs, old.GlobalAveragePooling1D()(merged([first, second])))
    return model.predict([X, OTHER], verbose=0)


def wanted(whole, both):
    kept = MASKS[0] & MASKS[1] if both else MASKS[0]
    return (whole * kept[..., None]).sum(1) / kept.sum(1, keepdims=True)


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("era", [keras2, tfkeras2], ids=["keras2", "tfkeras2"])
def test_a_step_counts_where_no_input_is_masked(era, name, both):
    whole = np.asarray(getattr(layers, name)()([X, OTHER]))
    np.testing.assert_allclose(averaged(era, getattr(era.layers, name)(), both), wanted(whole, both), rtol=1e-5)


def test_today_a_step_counts_where_one_input_has_it():
    inputs = [Input((5, 4)) for _ in range(2)]
    masked = [layers.Masking()(one) for one in inputs]
    model = Model(inputs, layers.GlobalAveragePooling1D()(layers.Add()(masked)))
    kept = MASKS[0] | MASKS[1]
    found = ((X + OTHER) * kept[..., None]).sum(1) / kept.sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict([X, OTHER], verbose=0), found, rtol=1e-5)


@pytest.mark.parametrize("mode", ["sum", "concat"])
def test_the_merge_of_keras_1(mode):
    inputs = [keras1.layers.Input((5, 4)) for _ in range(2)]
    masked = [keras1.layers.Masking()(one) for one in inputs]
    states = keras1.layers.LSTM(3)(keras1.layers.merge(masked, mode=mode))
    model = keras1.models.Model(inputs, states)
    found = model.predict([X, OTHER])
    # Steps that are masked in one input do not reach the states.
    changed = X.copy()
    changed[~MASKS[1]] += 5 * (X[~MASKS[1]] != 0)
    np.testing.assert_allclose(model.predict([changed, OTHER]), found, rtol=1e-5)
