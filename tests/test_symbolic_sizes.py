"""Unknown sizes beside known ones: a size that another tensor's must equal is that size."""

import jax
import keras
import numpy as np
import pytest

import kerata


def tensor(k, *shape, dtype="float32"):
    return k.Input(batch_shape=shape, dtype=dtype)


CASES = {
    "samples": lambda k: tensor(k, None, 3) + tensor(k, 2, 3),
    "samples of a constant": lambda k: tensor(k, None, 3) + np.ones((2, 3), "float32"),
    "Add": lambda k: k.layers.Add()([tensor(k, None, 3), tensor(k, 2, 3)]),
    "steps": lambda k: tensor(k, None, None, 3) * tensor(k, None, 4, 3),
    "samples and steps": lambda k: tensor(k, None, None, 3) + tensor(k, 4, None, 3) + tensor(k, None, 5, 3),
    "features": lambda k: k.ops.minimum(tensor(k, None, None), tensor(k, None, 7)),
    "a size that is a trial": lambda k: tensor(k, None, 1009) + tensor(k, None, None),
    "one": lambda k: tensor(k, None, 1, 3) + tensor(k, None, None, 3),
    "where": lambda k: k.ops.where(tensor(k, None, 3) > 0, tensor(k, 2, 3), tensor(k, None, 3)),
    "matmul": lambda k: k.ops.matmul(tensor(k, None, 4, None), tensor(k, None, 3, 5)),
    "einsum": lambda k: k.ops.einsum("abc,acd->abd", tensor(k, None, 4, None), tensor(k, None, 3, 5)),
    "booleans": lambda k: k.ops.logical_and(tensor(k, None, dtype="bool"), tensor(k, 3, dtype="bool")),
    "folded": lambda k: k.ops.reshape(tensor(k, None, None, 4), (-1, 8)),
}


@pytest.mark.parametrize("name", CASES)
def test_shape_equals_keras(name):
    assert CASES[name](kerata).shape == CASES[name](keras).shape


def test_layers_whose_sizes_must_agree():
    x, states = tensor(kerata, None, 5, 3), [tensor(kerata, 2, 4), tensor(kerata, 2, 4)]
    assert kerata.layers.LSTM(4)(x, initial_state=states).shape == (2, 4)
    assert kerata.layers.Attention()([tensor(kerata, None, None, 3), tensor(kerata, 2, 4, 3)]).shape == (2, None, 3)
    assert kerata.ops.concatenate([tensor(kerata, None, None, 3), tensor(kerata, None, 4, 3)], axis=-1).shape == (None, 4, 6)


def test_sizes_that_differ_are_refused_without_made_up_numbers():
    with pytest.raises(TypeError, match=r"incompatible shapes for broadcasting: \(None, 3\), \(None, 2\)"):
        tensor(kerata, None, 3) + tensor(kerata, None, 2)


def test_a_model_runs_with_what_was_inferred():
    a, b = tensor(kerata, None, None, 3), tensor(kerata, None, 4, 3)
    model = kerata.Model([a, b], kerata.layers.Dense(1)(kerata.layers.Flatten()(a + b)))
    assert model.output_shape == (None, 1)
    assert model.predict([np.ones((5, 4, 3)), np.ones((5, 4, 3))], verbose=0).shape == (5, 1)


def causal(x):
    """The mask that the published examples of Transformers make, one for each sample."""
    samples, steps = kerata.ops.shape(x)[:2]
    mask = kerata.ops.cast(kerata.ops.arange(steps)[:, None] >= kerata.ops.arange(steps), "int32")
    times = kerata.ops.concatenate([kerata.ops.expand_dims(samples, -1), kerata.ops.convert_to_tensor([1, 1])], axis=0)
    return kerata.ops.tile(kerata.ops.reshape(mask, (1, steps, steps)), times)


OF_SIZES = {
    "tile": (causal, (3, 4, 4)),
    "prod": (lambda x: kerata.ops.reshape(x, (x.shape[0], kerata.ops.prod(kerata.ops.shape(x)[1:]))), (3, 8)),
    "stack": (lambda x: kerata.ops.reshape(x, kerata.ops.stack([kerata.ops.multiply(x.shape[0], 4), 2])), (12, 2)),
    "zeros": (lambda x: kerata.ops.zeros(kerata.ops.stack([x.shape[0], 5])), (3, 5)),
    "broadcast_to": (lambda x: kerata.ops.broadcast_to(x, kerata.ops.array([2, *x.shape])), (2, 3, 4, 2)),
    "arange": (lambda x: kerata.ops.arange(kerata.ops.maximum(x.shape[1], 1)), (4,)),
    "repeat": (lambda x: kerata.ops.repeat(x, kerata.ops.floor_divide(x.shape[1], 2), axis=0), (6, 4, 2)),
    "random": (lambda x: kerata.random.normal(kerata.ops.stack([x.shape[0], 5]), seed=1), (3, 5)),
}


@pytest.mark.parametrize("name", OF_SIZES)
def test_a_shape_may_be_made_of_what_follows_from_sizes(name):
    function, shape = OF_SIZES[name]
    x = np.arange(24, dtype="float32").reshape(3, 4, 2)
    assert function(x).shape == shape
    np.testing.assert_array_equal(jax.jit(function)(x), function(x))
    assert kerata.layers.Lambda(function)(kerata.Input((4, 2))).shape == tuple(None if n % 3 == 0 else n for n in shape)
