"""Layers of one model: their names, and what an addition that fails leaves behind."""

import gc
import time

import numpy as np
import pytest

import kerata


def test_two_layers_of_one_name_are_refused():
    i = kerata.Input((2,), name="i")
    twice = kerata.layers.Dense(2, name="d")(kerata.layers.Dense(2, name="d")(i))
    with pytest.raises(ValueError, match=r'the name "d" is used 2 times.*used more than once=\[.d.\]'):
        kerata.Model(i, twice)
    with pytest.raises(ValueError, match=r"used more than once=\['i'\]"):
        kerata.Model(i, kerata.layers.Dense(2, name="i")(i))
    with pytest.raises(ValueError, match="unique names"):
        kerata.Sequential([kerata.Input((2,), name="d"), kerata.layers.Dense(2, name="d")])


def test_a_shared_layer_has_one_name():
    i, layer = kerata.Input((2,)), kerata.layers.Dense(2, name="d")
    assert len(kerata.Model(i, layer(layer(i))).layers) == 2


def test_an_addition_that_fails_leaves_the_model_as_it_was():
    model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(3)])
    same = kerata.layers.Dense(2, name=model.layers[0].name)
    for layer, text in ((kerata.layers.Conv2D(2, 3), "4 dimensions"), (same, "names")):
        with pytest.raises(ValueError, match=text):
            model.add(layer)
    assert len(model.layers) == 1 and model.output_shape == (None, 3)
    model.add(kerata.layers.Dense(4))
    assert model.predict(np.ones((2, 2)), verbose=0).shape == (2, 4)
    assert len(kerata.models.clone_model(model).layers) == 2
    model.pop()
    assert model.output_shape == (None, 3)


def test_a_first_layer_that_fails_leaves_no_input():
    class Broken(kerata.layers.Layer):
        def call(self, x):
            raise ValueError("broken")

    model = kerata.Sequential()
    with pytest.raises(ValueError, match="broken"):
        model.add(Broken(input_shape=(2,)))
    model.add(kerata.layers.Dense(2, input_shape=(5,)))
    assert model.input_shape == (None, 5)


def test_a_long_model_is_built_in_the_time_of_its_layers():
    def seconds(count):
        # What other tests have left is not looked through meanwhile.
        gc.disable()
        began = time.process_time()
        model = kerata.Sequential([kerata.Input((2,)), *[kerata.layers.Dense(2) for _ in range(count)]])
        spent = time.process_time() - began
        gc.enable()
        assert model.output_shape == (None, 2)
        return spent

    seconds(100)
    assert seconds(800) < 16 * max(seconds(200), 0.05)
