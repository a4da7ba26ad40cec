"""Layers that hash: the numbers are TensorFlow's, as Keras's documentation and FarmHash itself give them."""

import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.base.hashing import fingerprint

LETTERS = [["A"], ["B"], ["C"], ["D"], ["E"]]
# Made by the `farmhash` package of the texts b"0123456789" * n, cut to some length: one of each branch of the function.
FINGERPRINTS = [
    (0, 11160318154034397263),
    (1, 15198969275252572735),
    (3, 8347415407982900060),
    (4, 9483116683405768327),
    (7, 2092326130583504517),
    (8, 7926118692302350582),
    (16, 8258739028554035106),
    (17, 6151968438873677206),
    (32, 7236474711389311692),
    (33, 13079378048284150165),
    (64, 11636146988777055769),
    (65, 3297966005566417389),
    (128, 15492645990711162043),
    (129, 11740559919535839079),
    (200, 9663085027203515285),
    (300, 13765960673534097603),
]


@pytest.mark.parametrize(("length", "number"), FINGERPRINTS)
def test_fingerprints_are_those_of_farmhash(length, number):
    assert fingerprint((b"0123456789" * 30)[:length]) == number


@pytest.mark.parametrize(
    ("arguments", "data", "numbers"),
    [
        ({}, LETTERS, [1, 0, 1, 1, 2]),
        ({"mask_value": ""}, [["A"], ["B"], [""], ["C"], ["D"]], [1, 1, 0, 2, 2]),
        ({"salt": (133, 137)}, LETTERS, [1, 2, 1, 0, 2]),
        ({"salt": 133}, LETTERS, [0, 0, 2, 1, 0]),
    ],
)
def test_numbers_are_those_of_the_documentation(arguments, data, numbers):
    layer = layers.Hashing(3, **arguments)
    found = layer(data)
    assert found.dtype == "int32" and found.tolist() == [[n] for n in numbers]
    again = layers.Hashing.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and again(data).tolist() == found.tolist()
    hot = layers.Hashing(3, output_mode="one_hot", **arguments)(data)
    assert hot.tolist() == np.eye(3)[numbers].tolist()
    counts = layers.Hashing(3, output_mode="count", **arguments)(np.array(data)[:4].reshape(2, 2))
    assert counts.tolist() == [np.bincount(numbers[i : i + 2], minlength=3).tolist() for i in (0, 2)]


def test_whole_numbers_are_hashed_by_their_digits():
    assert layers.Hashing(7)([12, -3]).tolist() == layers.Hashing(7)(["12", "-3"]).tolist()
    assert layers.Hashing(7)([12.9]).tolist() == layers.Hashing(7)(["12"]).tolist()


def test_features_are_crossed_as_in_the_documentation():
    data = [np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])]
    layer = layers.HashedCrossing(5)
    assert layer(data).tolist() == [1, 4, 1, 1, 3]
    assert layers.HashedCrossing.from_config(layer.get_config()).get_config() == layer.get_config()
    assert layers.HashedCrossing(5, output_mode="one_hot")(data).argmax(1).tolist() == [1, 4, 1, 1, 3]


def test_unknown_words_share_several_numbers():
    words = layers.StringLookup(vocabulary=["a"], num_oov_indices=3)
    assert words([["a", "A", "B", "E"]]).tolist() == [[3, 1, 0, 2]]
    salted = layers.StringLookup(vocabulary=["a"], num_oov_indices=3, salt=(133, 137))
    assert salted([["a", "A", "B", "D"]]).tolist() == [[3, 1, 2, 0]]
    assert salted.get_config()["salt"] == [133, 137]
    numbers = layers.IntegerLookup(vocabulary=[5], num_oov_indices=3, oov_method="farmhash")
    assert numbers([[5, 12, 30]]).tolist()[0][1:] == layers.Hashing(3)([12, 30]).tolist()


def test_a_model_takes_texts_and_is_saved(tmp_path):
    name, number = kerata.Input((1,), dtype="string"), kerata.Input((1,), dtype="int32")
    crossed = layers.HashedCrossing(8, output_mode="one_hot")([name, number])
    both = layers.Concatenate()([crossed, layers.Hashing(4, output_mode="one_hot")(name)])
    model = kerata.Model([name, number], layers.Dense(1)(both))
    model.compile("sgd", "mse")
    x = [np.array(LETTERS), np.arange(5)[:, None]]
    model.fit(x, np.ones((5, 1)), epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    again = kerata.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))
