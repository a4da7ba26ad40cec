"""Utilities under Keras's names: data sets in two parts, graphs, objects as Keras 2 described them."""

import keras
import numpy as np
import pytest

import kerata

X = np.arange(20, dtype="float32").reshape(10, 2)
Y = np.arange(10, dtype="float32")


def listed(dataset):
    return [tuple(np.asarray(part).tolist() for part in one) for one in dataset]


@pytest.mark.parametrize(
    ("sizes", "counts"), [((0.75, None), (8, 2)), ((None, 3), (7, 3)), ((4, 2), (4, 2)), ((0.5, 0.3), (5, 3))], ids=str
)
def test_sizes_of_both_parts(sizes, counts):
    left, right = kerata.utils.split_dataset((X, Y), *sizes)
    assert (len(left), len(right)) == counts
    assert listed(left)[0] == ([0.0, 1.0], 0.0) and listed(right)[-1] == ([18.0, 19.0], 9.0)


def test_shuffled_parts_hold_all_samples():
    left, right = kerata.utils.split_dataset((X, Y), left_size=0.6, shuffle=True, seed=3)
    again, _ = kerata.utils.split_dataset((X, Y), left_size=0.6, shuffle=True, seed=3)
    assert listed(left) == listed(again) and sorted(listed(left) + listed(right)) == listed(zip(X, Y, strict=True))
    assert listed(left) != listed(zip(X[:6], Y[:6], strict=True))


def test_batches_stay_batches_and_train():
    left, right = kerata.utils.split_dataset({"x": X, "y": Y}, right_size=0.2)
    assert sorted(next(iter(left))) == ["x", "y"] and len(right) == 2
    whole, _ = kerata.utils.split_dataset((X, Y), left_size=9)
    first, rest = kerata.utils.split_dataset(whole.batch(4), left_size=6)
    assert [len(x) for x, _ in first] == [4, 2] and [len(x) for x, _ in rest] == [3]
    model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert len(model.fit(first, epochs=2, verbose=0).epoch) == 2


def test_samples_by_number():
    class Squares:
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return index * index

    left, right = kerata.utils.split_dataset(Squares(), left_size=3)
    assert list(left) == [0, 1, 4] and list(right) == [9]


@pytest.mark.parametrize(
    ("data", "sizes", "error", "text"),
    [
        (X, (), ValueError, "`left_size` or `right_size` must be given"),
        (X, (1.5,), ValueError, "a share of at most 1"),
        (X, (0.8, 0.5), ValueError, "no more than the 10"),
        (X, ("half",), TypeError, "must be a share or a number"),
        ((X, Y[:3]), (2,), ValueError, "the same number of samples"),
        (iter(X), (2,), TypeError, "give samples by number"),
    ],
    ids=["no size", "share above 1", "more than all", "a word", "sizes that differ", "iterator"],
)
def test_messages(data, sizes, error, text):
    with pytest.raises(error, match=text):
        kerata.utils.split_dataset(data, *sizes)


def branched(lib):
    a, b = lib.Input((2,), name="a"), lib.Input((2,), name="b")
    shared = lib.layers.Dense(3, name="shared")
    both = lib.layers.Concatenate(name="both")([shared(a), shared(b)])
    return lib.Model([a, b], lib.layers.Dense(1, name="last")(both))


def test_inputs_of_a_tensor():
    model = branched(kerata)
    assert [t.name for t in kerata.utils.get_source_inputs(model.output)] == ["a", "b"]
    assert [t.name for t in keras.utils.get_source_inputs(branched(keras).output)] == ["a", "b"]
    with pytest.raises(TypeError, match="symbolic tensor"):
        kerata.utils.get_source_inputs(X)


def test_a_model_for_graphviz(tmp_path):
    dot = kerata.utils.model_to_dot(branched(kerata), show_shapes=True, rankdir="LR")
    assert dot.startswith("digraph G {\nrankdir=LR;") and '"shared" -> "both";' in dot and '"both" -> "last";' in dot
    assert "last (Dense)\\n(None, 1)" in dot
    dot.write(tmp_path / "model.dot")
    assert (tmp_path / "model.dot").read_text() == dot.to_string()
    x = kerata.Input((2,), name="x")
    inner = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(2, name="deep")], name="inner")
    nested = kerata.utils.model_to_dot(kerata.Model(x, inner(x)), expand_nested=True, subgraph=True)
    assert nested.startswith("subgraph") and 'subgraph "cluster_inner"' in nested and '"inner/deep"' in nested


def test_objects_as_keras_2_described_them():
    for room in (kerata.utils.legacy, kerata.legacy.saving):
        described = room.serialize_keras_object(kerata.regularizers.L2(0.5))
        assert described == {"class_name": "L2", "config": {"l2": 0.5}}
        assert room.deserialize_keras_object(described, vars(kerata.regularizers)).l2 == 0.5
        assert room.deserialize_keras_object("relu", vars(kerata.activations)) is kerata.activations.relu
        assert room.deserialize_keras_object("mine", custom_objects={"mine": test_messages}) is test_messages
        with pytest.raises(ValueError, match=r"no loss of that name.*Did you mean 'mine'"):
            room.deserialize_keras_object("mone", custom_objects={"mine": 1}, printable_module_name="loss")
