"""Data: what fit takes, in which order, how it is split and weighed."""

import itertools
import types

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

import kerata
from kerata.data.datasets import Dataset
from kerata.data.samples import standardize_arrays
from kerata.data.sources import is_batches, standardize_source
from kerata.engine.random import SORTED, epoch_orders
from kerata.training import feeds

RNG = np.random.default_rng(0)
X = RNG.standard_normal((28, 4)).astype("float32")
Y = (X @ np.array([[1.0], [-1.0], [0.5], [0.0]], "float32")).astype("float32")
LABELS = RNG.integers(0, 3, 28)


def small(library=kerata, units=1, **options):
    model = library.Sequential([library.layers.Input((4,)), library.layers.Dense(units)])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **options})
    return model


def twins(**options):
    """The same model in real Keras and in Kerata."""
    models = [small(keras, **options), small(kerata, **options)]
    models[1].set_weights(models[0].get_weights())
    return models


# Arrays


@pytest.mark.parametrize(
    "value",
    [
        X,
        X.astype("float64"),
        X.tolist(),
        tuple(map(tuple, X.tolist())),
        [list(row) for row in X],
        jnp.asarray(X),
        pd.DataFrame(X),
        scipy.sparse.csr_matrix(X),
        X.astype(object),
    ],
    ids=["numpy", "float64", "lists", "tuples", "numpy numbers", "jax", "frame", "sparse", "objects"],
)
def test_forms_of_one_array(value):
    array = standardize_arrays(value, "x")
    assert array.shape == X.shape and array.dtype == "float32"
    np.testing.assert_array_equal(array, X)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.arange(4), "int32"),
        (np.arange(4, dtype="uint8"), "uint8"),
        ([True, False], "bool"),
        (np.arange(4, dtype="uint64"), "uint32"),
        (np.array([2**40, 1]), "float32"),
        (np.zeros(2, "float16"), "float32"),
        ([np.int64(1), np.int64(2)], "int32"),
        (pd.Series([1, 2]), "int32"),
        (pd.Series([1, None], dtype="Int64"), "float32"),
    ],
)
def test_types(value, dtype):
    assert standardize_arrays(value, "x").dtype == dtype


def test_frames_of_mixed_numbers():
    frame = pd.DataFrame({"count": [1, 2], "share": [0.5, 1.5], "known": [True, False], "class": pd.Categorical([3, 4])})
    np.testing.assert_array_equal(standardize_arrays(frame, "x"), [[1, 0.5, 1, 3], [2, 1.5, 0, 4]])


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(["red", "blue"]),
        pd.Categorical(["red", "blue"]),
        pd.to_datetime(["2020-01-01", "2021-01-01"]),
        pd.Series([[1], [2, 3]]),
        pd.to_timedelta([1, 2]),
    ],
    ids=["text", "categories", "dates", "lists", "durations"],
)
def test_columns_that_are_no_numbers_are_named(column):
    frame = pd.DataFrame({"size": [1.0, 2.0], "thing": column})
    with pytest.raises(TypeError, match=r"`x` must hold numbers in every column. Received: thing=.*pandas.get_dummies"):
        standardize_arrays(frame, "x")


def test_lists_and_dicts_of_inputs():
    two = standardize_source([X, X.tolist()], Y)
    assert [a.shape for a in two.x] == [(28, 4)] * 2 and two.size == 28
    named = standardize_source({"a": X, "b": pd.Series(Y[:, 0])}, Y)
    assert named.x["b"].shape == (28, 1)


@pytest.mark.parametrize(
    ("value", "batches"),
    [
        (X, False),
        ([X, X], False),
        ({"a": X}, False),
        (pd.DataFrame(X), False),
        ((X, Y), False),
        ("text", False),
        (iter([X]), True),
        (map(abs, [X]), True),
        (itertools.repeat((X, Y)), True),
        (types.SimpleNamespace(), False),
    ],
)
def test_what_counts_as_batches(value, batches):
    assert is_batches(value) is batches


# Batches


class Numbered(kerata.utils.PyDataset):
    """Batches of four that keep a record of what was asked for."""

    def __init__(self, batches=7):
        super().__init__(workers=2)
        self.batches, self.asked = batches, []

    def __len__(self):
        return self.batches

    def __getitem__(self, index):
        self.asked.append(index)
        return X[index * 4 : index * 4 + 4], Y[index * 4 : index * 4 + 4]

    def on_epoch_begin(self):
        self.asked.append("begin")

    def on_epoch_end(self):
        self.asked.append("end")


ALL = list(range(7))


def test_hooks_and_order_of_a_data_set():
    data = Numbered()
    small().fit(data, epochs=2, shuffle=False, verbose=0)
    # The first is looked at for its shapes.
    assert data.asked == [0, *["begin", *ALL, "end"] * 2]
    data = Numbered()
    small().evaluate(data, verbose=0)
    assert data.asked == [0, "begin", *ALL, "end"]
    data = Numbered()
    small().predict(data, verbose=0)
    assert data.asked == ["begin", *ALL, "end"]


def orders(seed):
    data = Numbered()
    kerata.utils.set_random_seed(seed)
    small().fit(data, epochs=3, verbose=0)
    found = [data.asked[i + 1 : i + 8] for i, what in enumerate(data.asked) if what == "begin"]
    assert all(sorted(order) == ALL for order in found) and len(found) == 3
    return found


def test_batches_are_shuffled_by_the_run():
    first = orders(1)
    assert first == orders(1) != orders(2)
    assert first[0] != first[1] and ALL not in first


def test_validation_is_never_shuffled():
    data = Numbered()
    small().fit(X, Y, epochs=2, validation_data=data, verbose=0)
    assert data.asked == [0, *["begin", *ALL, "end"] * 2]


@pytest.mark.parametrize("steps", [3, 7, 10])
def test_steps_go_on_where_the_epoch_before_ended(steps):
    data = Numbered()
    model = small()
    model.fit(data, epochs=3, steps_per_epoch=steps, shuffle=False, verbose=0)
    asked = [what for what in data.asked[1:] if isinstance(what, int)]
    assert asked == [number % 7 for number in range(3 * steps)]
    assert int(model.optimizer.iterations.numpy()) == 3 * steps


def test_a_data_set_that_says_its_length_by_num_batches():
    class Counted(Numbered):
        __len__ = None

        @property
        def num_batches(self):
            return 5

    data = Counted()
    small().fit(data, shuffle=False, verbose=0)
    assert data.asked == [0, "begin", *range(5), "end"]


class Loader:
    """Looks like torch's DataLoader: a length, a fresh iterator each time, tensors in lists."""

    def __init__(self, wrap=list):
        self.wrap = wrap

    def __len__(self):
        return 7

    def __iter__(self):
        for first in range(0, 28, 4):
            yield self.wrap([Tensor(X[first : first + 4]), Tensor(Y[first : first + 4])])


class Tensor:
    """Looks like torch's tensor."""

    def __init__(self, value):
        self.value = value

    def detach(self):
        return self

    cpu = detach

    def numpy(self):
        return self.value


class Unsized(Loader):
    """Looks like a data set of TensorFlow or an iterable one of torch: its length cannot be told."""

    def __len__(self):
        raise TypeError("the length is not known")


def as_dicts(batch):
    return {"a": batch[0]}, {"o": batch[1]}


SOURCES = {
    "arrays": lambda: (X, Y),
    "lists": lambda: (X.tolist(), Y.tolist()),
    "frames": lambda: (pd.DataFrame(X), pd.DataFrame(Y)),
    "data set": lambda: (Numbered(), None),
    "loader": lambda: (Loader(), None),
    "tuples": lambda: (Loader(tuple), None),
    "unsized": lambda: (Unsized(), None),
    "generator": lambda: (((X[i : i + 4], Y[i : i + 4]) for i in range(0, 28, 4)), None),
    "map": lambda: (map(lambda i: (X[i : i + 4], Y[i : i + 4]), range(0, 28, 4)), None),  # noqa: C417
    "weights of 1": lambda: (((X[i : i + 4], Y[i : i + 4], np.ones(4)) for i in range(0, 28, 4)), None),
}


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_batches_train_the_same(source):
    model, reference = small(), small()
    reference.set_weights(model.get_weights())
    reference.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    x, y = SOURCES[source]()
    model.fit(x, y, **({"batch_size": 4} if y is not None else {}), shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    x, y = SOURCES[source]()
    assert model.evaluate(x, y, verbose=0) == pytest.approx(reference.evaluate(X, Y, verbose=0), rel=1e-5)
    x, _ = SOURCES[source]()
    np.testing.assert_allclose(model.predict(x, verbose=0), reference.predict(X, verbose=0), rtol=1e-5, atol=1e-7)


def test_a_real_loader_of_torch():
    data = pytest.importorskip("torch.utils.data", reason="torch is no dependency")
    torch = pytest.importorskip("torch", reason="torch is no dependency")
    samples = data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    model = small()
    history = model.fit(data.DataLoader(samples, batch_size=8), epochs=3, verbose=0)
    assert history.params["steps"] == 4 and history.history["loss"][-1] < history.history["loss"][0]
    with pytest.raises(TypeError, match="DataLoader"):
        model.fit(samples, verbose=0)


def test_batches_of_dicts():
    a = kerata.Input((4,), name="a")
    model = kerata.Model({"a": a}, {"o": kerata.layers.Dense(1, name="o")(a)})
    model.compile(kerata.optimizers.SGD(0.1), "mse")
    history = model.fit(Loader(as_dicts), epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert model.predict(({"a": X[:4]},).__iter__(), verbose=0)["o"].shape == (4, 1)


@pytest.mark.filterwarnings("ignore:__array__ implementation")
def test_batches_of_different_sizes():
    model, reference = twins()
    sizes = [10, 10, 5, 3]
    ends = np.cumsum(sizes)
    batches = [(X[end - size : end], Y[end - size : end]) for size, end in zip(sizes, ends, strict=True)]
    for one in (model, reference):
        one.fit((batch for batch in batches), steps_per_epoch=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], reference.get_weights()[0], rtol=1e-5, atol=1e-6)


def endless(start=0):
    for i in itertools.count(start):
        yield X[i % 7 * 4 : i % 7 * 4 + 4], Y[i % 7 * 4 : i % 7 * 4 + 4]


def test_generators_with_steps_in_fit_evaluate_and_predict():
    model = small()
    validation = {"validation_data": endless(), "validation_steps": 3}
    history = model.fit(endless(), steps_per_epoch=5, epochs=2, verbose=0, **validation)
    assert len(history.history["val_loss"]) == 2
    assert model.evaluate(endless(), steps=7, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)
    assert model.predict(endless(), steps=2, verbose=0).shape == (8, 1)


def test_a_generator_is_read_no_further_than_the_run_goes():
    taken = []
    numbers = (taken.append(i) or batch for i, batch in enumerate(endless()))
    small().fit(numbers, steps_per_epoch=3, epochs=2, verbose=0)
    assert taken == list(range(6))


def test_a_generator_that_ends_with_the_epoch_ends_the_run():
    batches = ((X, Y) for _ in range(3))
    model = small()
    with pytest.warns(UserWarning, match="the data ended with the epoch before"):
        history = model.fit(batches, epochs=4, verbose=0)
    assert history.epoch == [0] and len(history.history["loss"]) == 1


def test_validation_data_that_ends_leaves_the_run_alone():
    with pytest.warns(UserWarning, match="test: the data ended with the epoch before"):
        history = small().fit(X, Y, epochs=3, verbose=0, validation_data=iter([(X, Y)]))
    assert len(history.history["loss"]) == 3 and len(history.history["val_loss"]) == 1


# Splits and weights


@pytest.mark.filterwarnings("ignore:__array__ implementation")
@pytest.mark.parametrize(
    "options",
    [
        {"class_weight": {0: 1.0, 1: 3.0}},
        {"sample_weight": np.linspace(0.5, 2, 28)},
        {"validation_split": 0.25},
        {"validation_split": 0.25, "class_weight": {0: 0.5, 2: 4.0}},
        {"validation_split": 0.25, "sample_weight": np.linspace(0.5, 2, 28)},
        {"validation_data": (X[:9], LABELS[:9], np.linspace(0, 1, 9))},
    ],
    ids=["classes", "samples", "split", "split classes", "split samples", "validation weights"],
)
def test_weights_and_splits_are_those_of_keras(options):
    histories = []
    measures = {"weighted_metrics": ["accuracy"], "metrics": ["accuracy"]}
    for model in twins(units=3, loss="sparse_categorical_crossentropy", **measures):
        model.layers[-1].activation = (keras if isinstance(model, keras.Model) else kerata).activations.softmax
        histories.append(model.fit(X, LABELS, epochs=2, batch_size=7, shuffle=False, verbose=0, **options).history)
    assert set(histories[0]) == set(histories[1])
    for name, values in histories[0].items():
        assert histories[1][name] == pytest.approx(values, rel=1e-4), name


def two_outputs(library):
    x = library.Input((4,))
    model = library.Model(x, [library.layers.Dense(1, name="a")(x), library.layers.Dense(1, name="b")(x)])
    model.compile("sgd", {"a": "mse", "b": "mae"}, weighted_metrics={"a": ["mae"]})
    return model


W = np.linspace(0.1, 2, 28).astype("float32")


@pytest.mark.parametrize(
    ("targets", "weights"),
    [
        ([Y, 2 * Y], [W, W[::-1]]),
        ({"a": Y, "b": 2 * Y}, {"a": W, "b": W[::-1]}),
        ({"a": Y, "b": 2 * Y}, [W, W[::-1]]),
        ({"a": Y, "b": 2 * Y}, {"a": W}),
    ],
    ids=["lists", "dicts", "mixed", "one of two"],
)
def test_sample_weights_by_output(targets, weights):
    plain, weighted = two_outputs(kerata), two_outputs(kerata)
    weighted.set_weights(plain.get_weights())
    logs = weighted.evaluate(X, targets, sample_weight=weights, return_dict=True, verbose=0)
    a, b = (np.asarray(p) for p in plain.predict(X, verbose=0))
    expected_a = np.mean(np.square(a - Y)[:, 0] * W)
    expected_b = np.mean(np.abs(b - 2 * Y)[:, 0] * (1 if weights == {"a": W} or len(weights) == 1 else W[::-1]))
    assert logs["a_loss"] == pytest.approx(expected_a, rel=1e-5)
    assert logs["b_loss"] == pytest.approx(expected_b, rel=1e-5)
    assert logs["a_mae"] == pytest.approx(np.average(np.abs(a - Y)[:, 0], weights=W), rel=1e-5)


def test_models_without_targets():
    class Shrinking(kerata.layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(4,), initializer="ones", name="w")

        def call(self, x):
            self.add_loss(jnp.mean(jnp.square(x * self.w)))
            return x * self.w

    x = kerata.Input((4,))
    model = kerata.Model(x, Shrinking()(x))
    model.compile(kerata.optimizers.SGD(0.1))
    for data in (X, iter([X] * 3), [(X,)].__iter__()):
        history = model.fit(data, epochs=1, verbose=0)
    assert history.history["loss"][-1] < np.mean(np.square(X))


def test_split_takes_the_end_unshuffled():
    train, held = kerata.data.sources.split_validation(standardize_source(X, Y), 0.25)
    np.testing.assert_array_equal(train.x, X[:21])
    np.testing.assert_array_equal(held.y, Y[21:])


def test_padding_sequences_as_keras_does():
    lists = [[1], [2, 3], [4, 5, 6], []]
    for options in (
        {},
        {"maxlen": 2},
        {"maxlen": 2, "truncating": "post"},
        {"padding": "post", "value": -1},
        {"dtype": "float32"},
    ):
        mine, theirs = (library.utils.pad_sequences(lists, **options) for library in (kerata, keras))
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype


@pytest.mark.parametrize(("rows", "wanted"), [(3, 3), (3, 5)])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "bool", "bfloat16"])
def test_padded_rows_need_no_second_copy(rows, wanted, dtype):
    array = np.ones((rows, 7), jnp.dtype(dtype))
    array[:-1] = 0
    padded = feeds.pad_rows(array, wanted)
    assert padded.shape == (wanted, 7) and padded.dtype == array.dtype
    assert np.array_equal(padded[:rows], array) and padded[rows:].all()
    assert (padded is array) == (rows == wanted)
    assert rows == wanted or padded.ctypes.data % feeds.ALIGNMENT == 0


def test_large_data_is_copied_once():
    """JAX's own copy of an array that begins elsewhere takes four times as long."""
    memory = np.ones(feeds.COPIED_BYTES // 4 + 17, np.float32)
    start = next(n for n in range(16) if memory[n:].ctypes.data % feeds.ALIGNMENT)
    array = memory[start : start + feeds.COPIED_BYTES // 4].reshape(-1, 16)
    settled = feeds.pad_rows(array, len(array))
    assert settled is not array and np.array_equal(settled, array)
    assert jax.device_put(settled).unsafe_buffer_pointer() == settled.ctypes.data
    assert feeds.pad_rows(settled, len(settled)) is settled


@pytest.mark.parametrize("size", [1, 2, 5, 351, SORTED, SORTED + 1])
def test_orders_of_epochs(size):
    orders = epoch_orders(3, range(6), size)
    assert orders.dtype == np.int32 and (np.sort(orders, 1) == np.arange(size)).all()
    assert size < 100 or len({order.tobytes() for order in orders}) == 6
    assert np.array_equal(orders[4], epoch_orders([3], [4], size)[0])
    assert size < 100 or not np.array_equal(orders[4], epoch_orders([2**63 + 3], [4], size)[0])


def test_every_order_is_as_likely():
    """Chi-squared over all orders of five samples: 119 degrees of freedom, far out with a chance of one in a million."""
    orders = epoch_orders(np.arange(24_000, dtype=np.uint64), np.zeros(24_000), 5)
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 120 and ((counts - 200) ** 2 / 200).sum() < 205
    places = np.bincount(epoch_orders(8, range(20_000), 300)[:, 150], minlength=300)
    assert ((places - 20_000 / 300) ** 2 / (20_000 / 300)).sum() < 430


def test_numbered_batches_can_be_looped_over_once():
    class Five(kerata.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            return index

    class Endless(kerata.utils.PyDataset):
        def __getitem__(self, index):
            return index

    assert list(Five()) == [0, 1, 2, 3, 4]
    assert list(itertools.islice(Endless(), 7)) == list(range(7))


@pytest.mark.parametrize(
    "rows", [lambda x: (x[:2], x), lambda x: (x, x[:1]), lambda x: x[0, 0]], ids=["first", "second", "none"]
)
def test_elements_of_uneven_rows_are_not_taken_apart(rows):
    data = Dataset(lambda: iter([np.zeros((3, 2), "float32")] * 2), 2).map(rows)
    with pytest.raises(ValueError, match="the same number of rows"):
        list(data.unbatch())
