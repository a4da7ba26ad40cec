"""Bad input: one clear error, before anything is compiled or changed."""

import itertools

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import kerata
from kerata.engine import program
from kerata.training.targets import check_finite

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 6)).astype("float32")
LABELS = RNG.integers(0, 3, 40)
Y = np.eye(3, dtype="float32")[LABELS]
NUMBERS = X[:, :1]
L = kerata.layers


def classifier(loss="sparse_categorical_crossentropy", units=3, activation="softmax", **options):
    model = kerata.Sequential([kerata.Input((6,), name="pixels"), L.Dense(units, activation=activation, name="out")])
    model.compile("adam", loss, **options)
    return model


def regressor(loss="mse", **options):
    return classifier(loss, 1, None, **options)


def two_inputs():
    a, b = kerata.Input((6,), name="a"), kerata.Input((2,), name="b")
    model = kerata.Model([a, b], L.Dense(1)(L.concatenate([a, b])))
    model.compile("adam", "mse")
    return model


def two_outputs(loss_weights=None):
    x = kerata.Input((6,))
    model = kerata.Model(x, {"digit": L.Dense(3, activation="softmax")(x), "size": L.Dense(1)(x)})
    model.compile("adam", {"digit": "sparse_categorical_crossentropy", "size": "mse"}, loss_weights)
    return model


def pictures():
    model = kerata.Sequential([kerata.Input((8, 8, 1)), L.Flatten(), L.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def fresh():
    """A model that learns its shapes from the data."""
    model = kerata.Sequential([L.Dense(4), L.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def words(deferred=False):
    first = [] if deferred else [kerata.Input((3,), dtype="int32")]
    model = kerata.Sequential([*first, L.Embedding(5, 2, name="words"), L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse")
    return model


def uncompiled():
    return kerata.Sequential([kerata.Input((6,)), L.Dense(1)])


def without_optimizer():
    model = uncompiled()
    model.compile(None, "mse")
    return model


def put(array, place, value):
    array = np.array(array, "float32")
    array[place] = value
    return array


def generate(*batches, error=None):
    yield from batches
    if error is not None:
        raise error


class Endless(kerata.utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return X, NUMBERS


class Samples:
    """Looks like torch's Dataset, which gives sample by sample."""

    def __len__(self):
        return 40

    def __getitem__(self, index):
        return X[index], NUMBERS[index]


TorchDataset = type("Dataset", (Samples,), {"__module__": "torch.utils.data.dataset"})

NAN = float("nan")
# (case, model, what is done with it, the error, parts of its message)
FIT = {
    # Shapes
    "width": (classifier, (X[:, :5], LABELS), {}, ValueError, ["pixels", "5)", "(None, 6)", "(6,)"]),
    "one sample": (classifier, (X[0], LABELS[:1]), {}, ValueError, ["samples", "6", "1"]),
    "flat pictures": (pictures, (X.repeat(11, 1)[:, :64], LABELS), {}, ValueError, ["(None, 8, 8, 1)", "Reshape"]),
    "inputs missing": (two_inputs, (X, NUMBERS), {}, ValueError, ["2 input(s): a, b", "inputs=1"]),
    "inputs misnamed": (two_inputs, ({"a": X, "c": X[:, :2]}, NUMBERS), {}, ValueError, ["inputs named a, b", "missing=['b']"]),
    "inputs swapped": (two_inputs, ([X[:, :2], X], NUMBERS), {}, ValueError, ["'a'", "(None, 6)"]),
    "samples in a list": (classifier, (list(X), LABELS), {}, ValueError, ["samples", "numpy.stack"]),
    "mse shape": (regressor, (X, X), {}, ValueError, ["y (out)", "(None, 1)", "(40, 6)"]),
    "one-hot for sparse": (classifier, (X, Y), {}, ValueError, ["integers", "categorical_crossentropy"]),
    "labels for one-hot": (
        lambda: classifier("categorical_crossentropy"),
        (X, LABELS),
        {},
        ValueError,
        ["one-hot", "sparse_categorical_crossentropy"],
    ),
    "too many classes": (
        lambda: classifier("categorical_crossentropy"),
        (X, np.eye(40)[:, :5]),
        {},
        ValueError,
        ["one-hot", "(40, 5)"],
    ),
    # Ranges
    "labels from 1": (classifier, (X, LABELS + 1), {}, ValueError, ["lowest=1, highest=3", "subtract 1"]),
    "label too large, late": (classifier, (X, put(LABELS, 39, 7)), {}, ValueError, ["highest=7", "needs 8 units"]),
    "label negative": (classifier, (X, put(LABELS, 39, -1)), {}, ValueError, ["lowest=-1", "from 0"]),
    "label fraction": (classifier, (X, put(LABELS, 39, 0.5)), {}, ValueError, ["whole numbers"]),
    "one unit, labels": (
        lambda: classifier(units=1, activation=None),
        (X, LABELS % 2),
        {},
        ValueError,
        ["binary_crossentropy"],
    ),
    "binary -1": (
        lambda: regressor("binary_crossentropy"),
        (X, np.sign(NUMBERS)),
        {},
        ValueError,
        ["between 0 and 1", "hinge"],
    ),
    "binary 2": (lambda: regressor("binary_crossentropy"), (X, put(NUMBERS > 0, 39, 2)), {}, ValueError, ["highest=2"]),
    "binary for three": (lambda: classifier("binary_crossentropy"), (X, LABELS % 2), {}, ValueError, ["sparse_categorical"]),
    "word too large": (
        words,
        (LABELS[:39].reshape(13, 3) + 7, NUMBERS[:13]),
        {},
        ValueError,
        ["Embedding (words", "input_dim - 1 = 4", "highest=9", "input_dim=10"],
    ),
    "word too large, deferred": (
        lambda: words(True),
        (LABELS[:39].reshape(13, 3) + 7, NUMBERS[:13]),
        {},
        ValueError,
        ["highest=9"],
    ),
    "word negative": (words, (LABELS[:39].reshape(13, 3) - 1, NUMBERS[:13]), {}, ValueError, ["lowest=-1", "from 0"]),
    # Lengths and emptiness
    "lengths": (classifier, (X, LABELS[:30]), {}, ValueError, ["same number of samples", "'x': 40", "'y': 30"]),
    "lengths of inputs": (two_inputs, ([X, X[:30, :2]], NUMBERS), {}, ValueError, ["x[0]", "x[1]", "30"]),
    "lengths of weights": (classifier, (X, LABELS), {"sample_weight": np.ones(39)}, ValueError, ["'sample_weight': 39"]),
    "empty": (classifier, (X[:0], LABELS[:0]), {}, ValueError, ["at least one sample"]),
    "nothing": (classifier, (None, LABELS), {}, ValueError, ["there is no data"]),
    "no targets": (classifier, (X,), {}, ValueError, ["'out'", "needs targets"]),
    "empty lists": (classifier, ([], []), {}, ValueError, ["at least one sample"]),
    "number": (classifier, (3, 1), {}, ValueError, ["one row a sample"]),
    # Kinds
    "objects": (classifier, (np.array([object()] * 40), LABELS), {}, TypeError, ["`x` must hold numbers"]),
    "ragged": (classifier, ([[1.0, 2.0], [1.0]], [0, 1]), {}, ValueError, ["rows of different lengths", "Pad"]),
    "ragged arrays": (
        classifier,
        (np.array([[1.0], [1.0, 2.0]], dtype=object), [0, 1]),
        {},
        TypeError,
        ["Python objects", "pad lists"],
    ),
    "text": (
        classifier,
        (np.array([["a"] * 6] * 40), LABELS),
        {},
        TypeError,
        ["`x` must hold numbers", "Turn text into numbers"],
    ),
    "text labels": (classifier, (X, ["cat"] * 40), {}, TypeError, ["`y` must hold numbers"]),
    "frame": (classifier, (pd.DataFrame(X).assign(colour="red"), LABELS), {}, TypeError, ["colour=", "get_dummies"]),
    "dates": (classifier, (np.zeros((40, 6), "datetime64[s]"), LABELS), {}, TypeError, ["dates"]),
    "a path": (classifier, ("data.csv", LABELS), {}, TypeError, ["`x` must hold numbers"]),
    "a function": (classifier, (generate,), {}, TypeError, ["Call it"]),
    # Numbers
    "nan": (classifier, (put(X, (7, 4), NAN), LABELS), {}, ValueError, ["`x`", "nan in row 7, column 4", "1 of 240"]),
    "nan, late": (classifier, (put(X, (39, 0), NAN), LABELS), {}, ValueError, ["row 39, column 0"]),
    "infinite": (
        classifier,
        (put(X, (7, 4), np.inf), LABELS),
        {},
        ValueError,
        ["inf in row 7, column 4", "Drop those samples"],
    ),
    "nan jax": (classifier, (jnp.asarray(put(X, (7, 4), NAN)), LABELS), {}, ValueError, ["row 7, column 4"]),
    "nan by name": (
        two_inputs,
        ({"a": X, "b": put(X[:, :2], (3, 1), NAN)}, NUMBERS),
        {},
        ValueError,
        ["x['b']", "row 3, column 1"],
    ),
    "nan pictures": (
        pictures,
        (put(np.zeros((40, 8, 8, 1)), (5, 1, 2, 0), NAN), LABELS),
        {},
        ValueError,
        ["row 5 at (1, 2, 0)"],
    ),
    "nan targets": (regressor, (X, put(NUMBERS, 39, NAN)), {}, ValueError, ["y (out)", "row 39"]),
    "nan labels": (classifier, (X, put(LABELS, 39, NAN)), {}, ValueError, ["y (out)", "row 39"]),
    "nan weights": (
        classifier,
        (X, LABELS),
        {"sample_weight": put(np.ones(40), 9, NAN)},
        ValueError,
        ["`sample_weight`", "row 9"],
    ),
    "nan in the first batch": (classifier, (generate((put(X, (7, 4), NAN), LABELS)),), {}, ValueError, ["row 7, column 4"]),
    "nan in a deferred model": (fresh, (put(X, (7, 4), NAN), LABELS), {}, ValueError, ["row 7, column 4"]),
    "nan in a frame": (classifier, (pd.DataFrame(put(X, (7, 4), NAN)), LABELS), {}, ValueError, ["row 7, column 4", "fillna"]),
    # Arguments of fit
    "uncompiled": (uncompiled, (X, NUMBERS), {}, ValueError, ["must be compiled before fit()", "model.compile("]),
    "no optimizer": (without_optimizer, (X, NUMBERS), {}, ValueError, ["training needs an optimizer", "optimizer=None"]),
    "batch size 0": (classifier, (X, LABELS), {"batch_size": 0}, ValueError, ["`batch_size`", "batch_size=0"]),
    "batch size text": (classifier, (X, LABELS), {"batch_size": "32"}, TypeError, ["`batch_size`"]),
    "epochs": (classifier, (X, LABELS), {"epochs": -1}, ValueError, ["`epochs`"]),
    "split": (classifier, (X, LABELS), {"validation_split": 1.5}, ValueError, ["between 0 and 1", "1.5"]),
    "split leaves nothing": (
        classifier,
        (X, LABELS),
        {"validation_split": 0.999},
        ValueError,
        ["without samples", "samples=40"],
    ),
    "split of a generator": (
        classifier,
        (generate((X, LABELS)),),
        {"validation_split": 0.1},
        ValueError,
        ["needs arrays", "validation_data"],
    ),
    "validation width": (classifier, (X, LABELS), {"validation_data": (X[:, :5], LABELS)}, ValueError, ["5)", "(None, 6)"]),
    "validation labels": (classifier, (X, LABELS), {"validation_data": (X, LABELS + 9)}, ValueError, ["highest=11"]),
    "validation nan": (
        classifier,
        (X, LABELS),
        {"validation_data": (put(X, (7, 4), NAN), LABELS)},
        ValueError,
        ["row 7, column 4"],
    ),
    "validation alone": (classifier, (X, LABELS), {"validation_data": X}, ValueError, ["validation_data=(x_val, y_val)"]),
    "class weights list": (classifier, (X, LABELS), {"class_weight": [1, 2]}, TypeError, ["dict of class number"]),
    "class weights text": (classifier, (X, LABELS), {"class_weight": {"cat": 2}}, TypeError, ["dict of class number"]),
    "two weights": (classifier, (X, LABELS), {"class_weight": {0: 2}, "sample_weight": np.ones(40)}, ValueError, ["together"]),
    "class weights of two": (
        two_outputs,
        (X, {"digit": LABELS, "size": NUMBERS}),
        {"class_weight": {0: 2}},
        ValueError,
        ["one array"],
    ),
    "a callback's class": (
        classifier,
        (X, LABELS),
        {"callbacks": [kerata.callbacks.EarlyStopping]},
        TypeError,
        ["EarlyStopping()"],
    ),
    "no callback": (classifier, (X, LABELS), {"callbacks": ["early"]}, TypeError, ["each must be a Callback"]),
    "unknown argument": (classifier, (X, LABELS), {"epoch": 3}, TypeError, ["epoch"]),
    # Outputs
    "targets of two": (two_outputs, (X, LABELS), {}, ValueError, ["digit", "size"]),
    "target misnamed": (
        two_outputs,
        (X, {"digits": LABELS, "size": NUMBERS}),
        {},
        ValueError,
        ["'digits' names no output", "'digit'"],
    ),
    "target missing": (two_outputs, (X, {"digit": LABELS}), {}, ValueError, ["'size'", "needs targets"]),
    "labels of one output": (
        two_outputs,
        (X, {"digit": LABELS + 5, "size": NUMBERS}),
        {},
        ValueError,
        ["y (digit)", "highest=7"],
    ),
    # Batches
    "empty generator": (classifier, (generate(),), {}, ValueError, ["at least one batch"]),
    "generator and targets": (classifier, (generate((X, LABELS)), LABELS), {}, ValueError, ["`y` must be None"]),
    "four parts": (classifier, (generate((X, LABELS, LABELS, LABELS)),), {}, ValueError, ["(x, y, sample_weight)", "parts=4"]),
    "batch lengths": (classifier, (generate((X, LABELS[:5])),), {}, ValueError, ["same number of samples"]),
    "batch labels": (classifier, (generate((X, LABELS + 9)),), {}, ValueError, ["highest=11"]),
    "batch width": (classifier, (generate((X[:, :5], LABELS)),), {}, ValueError, ["(None, 6)"]),
    "raises at once": (classifier, (generate(error=OSError("no such disk")),), {}, OSError, ["no such disk"]),
    "never ends": (regressor, (Endless(),), {}, ValueError, ["`steps_per_epoch` is needed"]),
    "samples of torch": (regressor, (TorchDataset(),), {}, TypeError, ["DataLoader"]),
}


def state_of(model):
    optimizer = map(np.array, model.optimizer.variables) if model.compiled and model.optimizer is not None else []
    return [np.array(weight) for weight in model.get_weights()], list(optimizer)


def assert_untouched(model, before, counts):
    assert program.counts == counts
    weights, optimizer = state_of(model)
    # A model that learns its shapes from the data may have got its weights.
    for old, new in zip((*before[0], *before[1]), (*weights[: len(before[0])], *optimizer), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("case", FIT)
def test_fit(case):
    make, data, options, error, parts = FIT[case]
    model = make()
    before, counts = state_of(model), dict(program.counts)
    with pytest.raises(error) as caught:
        model.fit(*data, **{"epochs": 2, "verbose": 0, **options})
    text = str(caught.value)
    for part in parts:
        assert part in text, text
    if error in (ValueError, TypeError) and case != "unknown argument":
        assert ": " in text and text.rstrip().endswith((".", "?")), text
    assert_untouched(model, before, counts)


OTHER = {
    "evaluate width": (classifier, lambda m: m.evaluate(X[:, :5], LABELS), ValueError, ["5)", "(None, 6)"]),
    "evaluate labels": (classifier, lambda m: m.evaluate(X, LABELS + 1), ValueError, ["subtract 1"]),
    "evaluate nan": (classifier, lambda m: m.evaluate(put(X, (7, 4), NAN), LABELS), ValueError, ["row 7, column 4"]),
    "evaluate uncompiled": (uncompiled, lambda m: m.evaluate(X, NUMBERS), ValueError, ["before evaluate()"]),
    "evaluate lengths": (classifier, lambda m: m.evaluate(X, LABELS[:3]), ValueError, ["'y': 3"]),
    "train_on_batch": (classifier, lambda m: m.train_on_batch(X, LABELS + 1), ValueError, ["subtract 1"]),
    "train_on_batch uncompiled": (uncompiled, lambda m: m.train_on_batch(X, NUMBERS), ValueError, ["before train_on_batch()"]),
    "train_on_batch generator": (regressor, lambda m: m.train_on_batch(generate((X, NUMBERS))), TypeError, ["must be arrays"]),
    "test_on_batch": (classifier, lambda m: m.test_on_batch(X[:, :2], LABELS), ValueError, ["2)", "(None, 6)"]),
    "predict width": (classifier, lambda m: m.predict(X[:, :5]), ValueError, ["pixels", "5)", "(None, 6)"]),
    "predict empty": (classifier, lambda m: m.predict(X[:0]), ValueError, ["at least one sample"]),
    "predict nothing": (classifier, lambda m: m.predict(None), ValueError, ["there is no data"]),
    "predict text": (classifier, lambda m: m.predict(np.array([["a"] * 6])), TypeError, ["must hold numbers"]),
    "predict batch size": (classifier, lambda m: m.predict(X, batch_size=0), ValueError, ["`batch_size`"]),
    "unbuilt weights": (fresh, lambda m: m.summary and m.save_weights("never.weights.h5"), ValueError, ["build"]),
}


@pytest.mark.parametrize("case", OTHER)
def test_other_methods(case):
    make, act, error, parts = OTHER[case]
    model = make()
    before, counts = state_of(model), dict(program.counts)
    with pytest.raises(error) as caught:
        act(model)
    for part in parts:
        assert part in str(caught.value), caught.value
    # A prediction is traced before its shapes are known to be wrong.
    counts["traced"] = program.counts["traced"] if "predict" in case else counts["traced"]
    assert_untouched(model, before, counts)


def compiled(**options):
    return lambda: uncompiled().compile(**{"optimizer": "adam", "loss": "mse", **options})


NAMES = {
    "loss": (compiled(loss="mean_square_error"), ["`loss`", "mean_square_error", "Did you mean 'mean_squared_error'"]),
    "metric": (compiled(metrics=["acuracy"]), ["metrics", "acuracy", "Did you mean"]),
    "optimizer": (compiled(optimizer="adamm"), ["optimizer", "adamm", "Did you mean 'adam'"]),
    "activation": (lambda: L.Dense(3, activation="rellu"), ["activation", "rellu", "Did you mean 'relu'"]),
    "initializer": (lambda: L.Dense(3, kernel_initializer="glorot"), ["initializer", "'glorot'", "Did you mean 'glorot_n"]),
    "regularizer": (lambda: L.Dense(3, kernel_regularizer="l3"), ["regularizer", "'l3'", "Known: "]),
    "constraint": (lambda: L.Dense(3, kernel_constraint="max_nrm"), ["constraint", "'max_nrm'", "Did you mean 'max_norm'"]),
    "layer argument": (lambda: L.Dense(3, activaton="relu"), ["Dense", "activaton", "activation"]),
    "layer without units": (lambda: L.Dense(), ["Dense", "units"]),
    "units": (lambda: L.Dense(-3), ["`units`", "units=-3"]),
    "units text": (lambda: L.Dense("3"), ["`units`", "'3'"]),
    "rate": (lambda: L.Dropout(1.5), ["`rate`", "1.5"]),
    "padding": (lambda: L.Conv2D(3, 3, padding="some"), ["`padding`", "'some'"]),
    "kernel": (lambda: L.Conv2D(3, (3, 3, 3)), ["`kernel_size`", "(3, 3, 3)"]),
    "optimizer argument": (lambda: kerata.optimizers.Adam(learning_rte=0.1), ["Adam", "learning_rte", "learning_rate"]),
    "learning rate": (lambda: kerata.optimizers.SGD("fast"), ["learning_rate", "fast"]),
    "model without layers": (lambda: kerata.Sequential(["dense"]), ["Sequential", "dense"]),
    "a layer's class": (lambda: kerata.Sequential([L.Dense]), ["Dense"]),
    "loss weights": (lambda: two_outputs({"digits": 2.0}), ["loss_weights", "'digits' names no output", "Did you mean"]),
    "loss of no output": (lambda: two_outputs().compile("adam", {"digits": "mse"}), ["digits", "digit"]),
}


@pytest.mark.parametrize("case", NAMES)
def test_names_and_arguments(case):
    act, parts = NAMES[case]
    counts = dict(program.counts)
    with pytest.raises((ValueError, TypeError)) as caught:
        act()
    for part in parts:
        assert part in str(caught.value), caught.value
    assert program.counts == counts


# What follows an error


def test_after_an_error_the_right_data_train():
    model = classifier("crossentropy", metrics=["accuracy"])
    with pytest.raises(ValueError, match="below the number of classes"):
        model.fit(X, LABELS + 5, verbose=0)
    with pytest.raises(ValueError, match="row 0"):
        model.fit(X, put(Y, (0, 0), NAN), verbose=0)
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert set(history) == {"loss", "accuracy"} and np.isfinite(history["loss"]).all()
    assert model.evaluate(X, Y, verbose=0)[0] < 5


def test_a_generator_that_raises_leaves_a_model_that_trains():
    model = regressor()
    batches = generate(*[(X, NUMBERS)] * 3, error=OSError("the disk is gone"))
    with pytest.raises(OSError, match="the disk is gone"):
        model.fit(batches, steps_per_epoch=9, verbose=0)
    assert np.isfinite(model.predict(X, verbose=0)).all()
    assert len(model.fit(X, NUMBERS, epochs=2, verbose=0).epoch) == 2


def test_a_batch_that_goes_wrong_later_names_what_is_wrong():
    model = regressor()
    with pytest.raises(ValueError, match="same number of samples"):
        model.fit(generate((X, NUMBERS), (X, NUMBERS[:3])), steps_per_epoch=5, verbose=0)
    assert np.isfinite(model.predict(X, verbose=0)).all()


# What is not bad


def test_missing_values_pass_where_a_user_knows_what_to_do():
    filled = kerata.Sequential([kerata.Input((6,)), L.Lambda(lambda x: jnp.where(jnp.isnan(x), 0.0, x)), L.Dense(1)])
    filled.compile("adam", "mse")
    assert np.isfinite(filled.fit(put(X, (7, 4), NAN), NUMBERS, verbose=0).history["loss"]).all()

    def masked(y_true, y_pred):
        known = ~jnp.isnan(y_true)
        return jnp.sum(jnp.where(known, jnp.square(jnp.where(known, y_true, 0.0) - y_pred), 0.0), -1)

    assert np.isfinite(regressor(masked).fit(X, put(NUMBERS, 3, NAN), verbose=0).history["loss"]).all()


def test_large_numbers_are_not_taken_for_infinite():
    check_finite("fit", "x", np.full((40, 6), 2e38, "float32"))
    check_finite("fit", "x", np.full((40, 6), 60000, "float16"))


def test_a_model_that_is_not_compiled_predicts():
    assert uncompiled().predict(X, verbose=0).shape == (40, 1)


@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], LABELS.astype("float32"), LABELS.tolist(), pd.Series(LABELS)])
def test_forms_of_labels(labels):
    classifier().fit(X, labels, verbose=0)


def test_steps_for_data_that_never_ends():
    assert len(regressor().fit(Endless(), steps_per_epoch=2, verbose=0).epoch) == 1
    assert regressor().fit(itertools.repeat((X, NUMBERS)), steps_per_epoch=2, verbose=0).params["steps"] == 2


@pytest.mark.parametrize("weight", [float("nan"), None, "a"])
def test_weights_of_classes_are_finite_numbers(weight):
    model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="the weights of `class_weight` must be finite numbers"):
        model.fit(np.ones((2, 1)), np.array([0, 1]), class_weight={0: weight}, verbose=0)


def test_records_are_no_numbers():
    model = kerata.Sequential([kerata.Input((1,)), kerata.layers.Dense(1)])
    with pytest.raises(TypeError, match="must hold numbers, not records"):
        model.predict(np.zeros(3, dtype=[("a", "f4"), ("b", "i4")]), verbose=0)


PICTURES = kerata.Sequential([kerata.Input((4, 4, 3)), kerata.layers.Flatten(), kerata.layers.Dense(2)])


@pytest.mark.parametrize(
    "call, hint",
    [
        pytest.param(lambda: PICTURES(np.ones((4, 4, 3))), "One sample needs an axis of samples in front", id="one sample"),
        pytest.param(lambda: PICTURES.predict(np.ones((4, 4, 3)), verbose=0), r"x\[None\]", id="one sample to predict"),
        pytest.param(
            lambda: kerata.layers.Conv2D(2, 3)(np.ones((8, 8, 3))), r"x\[None\] has shape \(1, 8, 8, 3\)", id="one picture"
        ),
        pytest.param(
            lambda: kerata.layers.Conv2D(2, 3)(np.ones((2, 8, 8))), r"x\[\.\.\., None\] has shape \(2, 8, 8, 1\)", id="grey"
        ),
        pytest.param(lambda: kerata.layers.Dense(2)(np.array([["a", "b"]])), "Turn text into numbers first", id="texts"),
    ],
)
def test_what_lacks_an_axis_or_is_no_number_is_named(call, hint):
    with pytest.raises((TypeError, ValueError), match=hint):
        call()


def test_values_for_a_call_without_state_have_the_shapes_of_variables():
    model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(4), kerata.layers.BatchNormalization()])
    trained, frozen = ([v.value for v in some] for some in (model.trainable_variables, model.non_trainable_variables))
    with pytest.raises(ValueError, match=r"Received: variable='sequential.*/dense.*/kernel', shape=\(3, 4\), value=\(4,\)"):
        model.stateless_call(trained[::-1], frozen, np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"4 trainable and 2 non-trainable values\. Received: given=\(5, 1\)"):
        model.stateless_call(trained + frozen[:1], frozen[1:], np.ones((2, 3)))


@pytest.mark.parametrize("make", [lambda: kerata.layers.Dense(2), lambda: kerata.Sequential([kerata.layers.Dense(2)])])
def test_weights_are_not_counted_before_there_are_any(make):
    with pytest.raises(ValueError, match="needs a layer that is built"):
        make().count_params()


@pytest.mark.parametrize(
    "make",
    [
        lambda: kerata.optimizers.SGD(10**400),
        lambda: kerata.optimizers.get({"class_name": "SGD", "config": {"learning_rate": 10**400}}),
        lambda: kerata.regularizers.L2(10**400),
        lambda: kerata.initializers.RandomNormal(10**400),
    ],
    ids=["rate", "rate of a config", "penalty", "mean"],
)
def test_a_whole_number_that_no_float_holds_is_named(make):
    with pytest.raises(ValueError, match="must be a number that a float holds"):
        make()


@pytest.mark.parametrize(
    ("labels", "fix"),
    [
        (LABELS, "For classes from 0 to 2 use sparse_categorical_crossentropy and 3 outputs."),
        (LABELS % 2 + 1, "The labels start at 1: subtract 1."),
        (LABELS % 2 * 2 - 1, "Map -1 and 1 to 0 and 1, or use hinge."),
        (LABELS * 0.7, "Map the two classes to 0 and 1; for numbers that are measured use mse."),
    ],
)
def test_labels_of_a_binary_loss_say_what_to_do(labels, fix):
    with pytest.raises(ValueError, match=fix):
        classifier("binary_crossentropy", 1, "sigmoid").fit(X, labels, verbose=0)


def test_bytes_of_pictures_as_targets_of_a_binary_loss():
    model = kerata.Sequential([kerata.Input((4, 4, 1)), L.Conv2D(1, 1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    images = RNG.integers(0, 256, (8, 4, 4, 1))
    with pytest.raises(ValueError, match="Divide pictures by 255"):
        model.fit(images / 255, images, verbose=0)


@pytest.mark.parametrize("given", [(X[:, :2], LABELS), (X[:5], LABELS), (X * np.nan, LABELS), (X, LABELS + 9)])
def test_an_error_in_data_to_validate_on_says_so(given):
    with pytest.raises(ValueError) as error:
        classifier().fit(X, LABELS, validation_data=given, verbose=0)
    assert error.value.__notes__ == ["It came up in `validation_data`."]


def test_an_error_in_samples_held_out_says_so():
    with pytest.raises(ValueError) as error:
        classifier().fit(np.where(np.arange(40)[:, None] < 36, X, np.nan), LABELS, validation_split=0.1, verbose=0)
    assert error.value.__notes__ == ["It came up in the samples held out to validate on."]


def test_a_table_for_named_inputs_says_how():
    inputs = {name: kerata.Input((1,), name=name) for name in "ab"}
    model = kerata.Model(inputs, L.Dense(1)(L.concatenate(list(inputs.values()))))
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match=r"Give a dict of arrays by these names; dict\(frame\)"):
        model.fit(pd.DataFrame(X[:, :2], columns=["a", "b"]), NUMBERS, verbose=0)
