"""What measures of `tf.keras` and Keras 2.3 are means of: elements, not samples. Numbers of `tf_keras` 2.21."""

import numpy as np
import pytest

from kerata import metrics as today
from kerata.legacy import keras2, tfkeras2

ERAS = pytest.mark.parametrize("keras", [keras2, tfkeras2], ids=["keras2", "tfkeras2"])
A, B = np.arange(12.0).reshape(2, 3, 2), np.ones((2, 3, 2))
C, D = np.zeros((3, 1, 2)), np.full((3, 1, 2), 4.0)


def measured(metric, *calls):
    for args, weights in calls:
        metric.update_state(*args, sample_weight=weights)
    return float(metric.result())


@ERAS
def test_a_mean_of_elements(keras):
    values = [[1.0, 3.0], [2.0, 9.0]]
    assert measured(keras.metrics.Mean(), (([[1.0, 3.0]],), None), (([5.0],), None)) == 3.0
    assert measured(today.Mean(), (([[1.0, 3.0]],), None), (([5.0],), None)) == 3.5
    # Weights of one axis less count for all of a row.
    assert measured(keras.metrics.Mean(), ((values,), [1.0, 3.0]), (([[5.0]],), [2.0])) == pytest.approx(4.7)
    each = ((values,), [[1.0, 3.0], [0.0, 1.0]])
    assert measured(keras.metrics.Mean(), each, (([[5.0]],), [[2.0]])) == pytest.approx(29 / 7)
    # Those of two axes less count for the mean of what a sample has.
    assert measured(keras.metrics.Mean(), ((A,), [1.0, 3.0])) == pytest.approx(A.mean((1, 2)) @ [0.25, 0.75])


@ERAS
@pytest.mark.parametrize(
    "name,plain,rows,each",
    [
        ("MeanAbsoluteError", 4.44444, 5.20833, 4.22222),
        ("MeanSquaredError", 26.77778, 34.875, 25.66667),
        ("RootMeanSquaredError", 5.17473, 5.34634, 5.06623),
    ],
)
def test_measures_of_batches_of_several_lengths(keras, name, plain, rows, each):
    make = getattr(keras.metrics, name)
    given = {
        plain: (None, None),
        rows: ([1.0, 2.0], [1.0, 2.0, 0.0]),
        each: ([[1.0, 2.0, 0.0], [1.0, 1.0, 1.0]], [[1.0], [2.0], [0.0]]),
    }
    for expected, (first, second) in given.items():
        assert measured(make(), ((A, B), first), ((C, D), second)) == pytest.approx(expected, abs=1e-5)


def test_weights_of_a_number_and_of_overlaps():
    assert measured(tfkeras2.metrics.Mean(), (([[1.0, 3.0]],), 2.0), (([5.0],), None)) == pytest.approx((8 + 5) / 5)
    overlap = tfkeras2.metrics.MeanIoU(num_classes=2)
    overlap.update_state([0, 0, 1, 1], [0, 1, 0, 1], sample_weight=[0.3, 0.3, 0.3, 0.1])
    assert float(overlap.result()) == pytest.approx((0.3 / 0.9 + 0.1 / 0.7) / 2)


@ERAS
@pytest.mark.parametrize("masked", [False, True])
def test_a_model_whose_batches_differ_in_length(keras, masked):
    class Batches(keras.utils.Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            x = np.random.RandomState(index).randint(0, 6, (3, (4, 2, 7)[index]))
            return x, (x % 3)[..., None]

    layers = keras.layers
    model = keras.models.Sequential([layers.Embedding(6, 4, mask_zero=masked), layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy", keras.metrics.SparseCategoricalAccuracy("s")])
    data = [Batches()[index] for index in range(3)]
    model.predict(data[0][0], verbose=0)
    model.set_weights([np.random.RandomState(1).normal(size=weight.shape) for weight in model.get_weights()])
    right = [(model.predict(x, verbose=0).argmax(-1) == y[..., 0])[x > 0 if masked else x >= 0] for x, y in data]
    _, by_name, by_class = model.evaluate(Batches(), verbose=0) if keras is tfkeras2 else model.evaluate_generator(Batches())
    assert by_name == pytest.approx(np.concatenate(right).mean(), abs=1e-6)
    assert by_class == pytest.approx(by_name)
    # A last batch that is filled up with rows which do not count.
    x = np.random.RandomState(5).randint(0, 6, (10, 4))
    right = (model.predict(x, verbose=0).argmax(-1) == x % 3)[x > 0 if masked else x >= 0]
    found = model.evaluate(x, (x % 3)[..., None], batch_size=4, verbose=0)
    assert found[1] == found[2] == pytest.approx(right.mean(), abs=1e-6)


def test_a_program_is_that_of_its_own_era():
    """Both have one structure, but for what they count."""
    from kerata import Sequential, layers

    x = np.random.RandomState(0).normal(size=(4, 3, 2)).astype("float32")
    batches = [(x, x), (x[:, :1] * 3, x[:, :1])]

    class Data(today_dataset()):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return batches[index]

    found = {}
    for name, metric in {
        "today": today.MeanAbsoluteError(name="m"),
        "then": tfkeras2.metrics.MeanAbsoluteError(name="m"),
    }.items():
        model = Sequential([layers.Dense(2, kernel_initializer="identity")])
        model.compile("sgd", "mse", metrics=[metric])
        found[name] = model.evaluate(Data(), verbose=0)[1]
    assert found["today"] == pytest.approx(np.abs(x[:, :1] * 2).mean() / 2, rel=1e-5)
    assert found["then"] == pytest.approx(np.abs(x[:, :1] * 2).mean() / 4, rel=1e-5)


def today_dataset():
    from kerata.utils import PyDataset

    return PyDataset
