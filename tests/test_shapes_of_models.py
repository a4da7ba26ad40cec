"""`input_shape` and `output_shape`: one shape, or a flat list of shapes, as in Keras."""

import keras
import pytest

import kerata
from kerata import layers


def forms(k):
    """(inputs, outputs) in every form that a model may have them."""
    one, two = k.Input((3,), name="one"), k.Input((4,), name="two")
    first, second = k.layers.Dense(2)(one), k.layers.Dense(5)(two)
    return [
        (one, first),
        ([one], [first]),
        ({"one": one}, {"first": first}),
        ([one, two], [second, first]),
        ({"two": two, "one": one}, {"second": second, "first": first}),
        ([one, {"two": two}], [second, {"first": first}]),
    ]


@pytest.mark.parametrize("number", range(6))
def test_shapes_are_flat_whatever_the_form(number):
    shapes = [(m.input_shape, m.output_shape) for m in (k.Model(*forms(k)[number]) for k in (kerata, keras))]
    assert shapes[0] == shapes[1]


def test_one_output_in_a_dict_has_one_shape():
    start = layers.Input((3,))
    assert kerata.Model({"x": start}, {"y": layers.Dense(2)(start)}).output_shape == (None, 2)
