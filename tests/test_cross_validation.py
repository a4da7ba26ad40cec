"""Cross-validation gives what a plain loop over the folds gives."""

import numpy as np
import pytest
from sklearn import model_selection

import kerata
from kerata import callbacks, layers
from kerata.models import clone_model
from kerata.models.copying import copy_model, fresh_model
from kerata.search import cross_validate
from quickly import slow


def data(samples=53):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(samples, 5)).astype("float32")
    return x, (x[:, 0] + rng.normal(size=samples) * 0.3 > 0).astype("int32")


def make():
    model = kerata.Sequential(
        [kerata.Input((5,)), layers.Dense(4, activation="relu"), layers.Dropout(0.1), layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def loop(model, x, y, folds, seed=0, **arguments):
    """The measures and predictions of a plain loop."""
    scores, predictions = [], np.full((len(x), 1), np.nan, "float32")
    for index, (rows, held) in enumerate(folds):
        kerata.utils.set_random_seed(seed + index)
        twin = clone_model(model)
        stop = [callbacks.EarlyStopping(patience=1, restore_best_weights=True)] if arguments.get("stop") else []
        twin.fit(
            x[rows],
            y[rows],
            validation_data=(x[held], y[held]),
            seed=seed + index,
            verbose=0,
            callbacks=stop,
            epochs=arguments["epochs"],
            batch_size=8,
        )
        scores.append(twin.evaluate(x[held], y[held], verbose=0, return_dict=True))
        predictions[held] = twin.predict(x[held], verbose=0)
    return scores, predictions


@pytest.mark.parametrize("stop", [False, True], ids=["to the end", "early stopping"])
def test_scores_and_predictions_are_those_of_a_plain_loop(stop):
    x, y = data()
    model = make()
    calls = callbacks.EarlyStopping(patience=1, restore_best_weights=True) if stop else None
    result = cross_validate(model, x, y, cv=4, epochs=6, batch_size=8, seed=10, callbacks=calls)
    folds = list(model_selection.StratifiedKFold(4, shuffle=True, random_state=10).split(x, y))
    for (rows, held), (a, b) in zip(result.folds, folds, strict=True):
        assert (rows == a).all() and (held == b).all()
    scores, predictions = loop(model, x, y, folds, seed=10, epochs=6, stop=stop)
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(result.scores[name], [score[name] for score in scores], rtol=1e-5)
    np.testing.assert_allclose(result.predictions, predictions, rtol=1e-4, atol=1e-6)
    assert result.mean["loss"] == pytest.approx(np.mean([score["loss"] for score in scores]))


def test_repeats_split_anew():
    x, y = data()
    result = cross_validate(make(), x, y, cv=3, repeats=2, epochs=1)
    assert len(result.folds) == 6 and "2 repeats" in repr(result)
    assert not np.array_equal(result.folds[0][1], result.folds[3][1])
    assert np.isfinite(result.predictions).all()
    assert list(result.table()["held"]) == [len(held) for _, held in result.folds]


GROUPS = np.arange(53) // 6
SPLITS = {
    "kfold": {"cv": 4, "split": "kfold"},
    "stratified": {"cv": 4, "split": "stratified"},
    "group": {"cv": 3, "groups": GROUPS},
    "time": {"cv": 3, "split": "time"},
    "splitter": {"cv": model_selection.ShuffleSplit(3, test_size=0.2, random_state=1)},
    "repeated splitter": {"cv": model_selection.RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)},
    "list": {"cv": [(np.arange(40), np.arange(40, 53))]},
    "masks": {"cv": [(np.arange(53) < 40, np.arange(53) >= 40)]},
}


@pytest.mark.parametrize("case", SPLITS, ids=str)
def test_each_kind_of_split(case):
    x, y = data()
    result = cross_validate(make(), x, y, epochs=1, **SPLITS[case])
    for rows, held in result.folds:
        assert not np.isin(held, rows).any()
        if case == "group":
            assert not np.isin(GROUPS[held], GROUPS[rows]).any()
        if case == "time":
            assert rows.max() < held.min()
        if case == "stratified":
            assert abs(y[held].mean() - y.mean()) < 0.1
    if case == "time":
        assert np.isnan(result.predictions[:5]).all()


class Center(layers.Layer):
    """Subtracts the mean of what it was adapted to."""

    def build(self, input_shape):
        self.mean = self.add_weight(shape=input_shape[1:], initializer="zeros", trainable=False, name="mean")

    def adapt(self, data):
        self.mean.assign(np.asarray(data).mean(0))

    def call(self, x):
        return x - self.mean


def test_layers_adapt_to_the_samples_of_their_fold():
    x, y = data()
    model = kerata.Sequential([kerata.Input((5,)), Center(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.layers[0].adapt(x)
    result = cross_validate(model, x, y, cv=3, epochs=1)
    for (rows, _), fold in zip(result.folds, result.models, strict=True):
        np.testing.assert_allclose(fold.layers[0].get_weights()[0], x[rows].mean(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("adapted", [False, True])
def test_normalization_is_measured_in_each_fold(adapted):
    x, y = data()
    model = kerata.Sequential(
        [kerata.Input((5,)), layers.Normalization(), layers.Dense(3, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy")
    if adapted:
        model.layers[0].adapt(x)
    result = cross_validate(model, x * 100, y, cv=3, epochs=2, batch_size=8, seed=4)
    for index, (rows, held) in enumerate(result.folds):
        kerata.utils.set_random_seed(4 + index)
        twin = clone_model(model)
        twin.layers[0].adapt(100 * x[rows])
        twin.fit(100 * x[rows], y[rows], epochs=2, batch_size=8, seed=4 + index, verbose=0)
        assert result.scores["loss"][index] == pytest.approx(twin.evaluate(100 * x[held], y[held], verbose=0), rel=1e-5)


def test_several_outputs():
    x, _ = data()
    inputs = kerata.Input((5,))
    hidden = layers.Dense(3)(inputs)
    model = kerata.Model(inputs, {"a": layers.Dense(1, name="a")(hidden), "b": layers.Dense(2, name="b")(hidden)})
    model.compile("sgd", {"a": "mse", "b": "mae"})
    result = cross_validate(model, x, {"a": x[:, :1], "b": x[:, :2]}, cv=3, epochs=1)
    assert result.predictions["b"].shape == (53, 2) and set(result.scores) == {"loss", "a_loss", "b_loss"}


X, Y = data()
RARE = np.r_[np.zeros(51, int), [1, 1]]
BAD = {
    "one fold": ({"cv": 1}, "from 2"),
    "too many": ({"cv": 54, "split": "kfold"}, "number of samples"),
    "not a splitter": ({"cv": "five"}, "number of folds"),
    "rare class": ({"cv": 3, "y": RARE}, "each class needs a sample for every fold"),
    "fold without a class": ({"cv": [(np.arange(40), np.arange(40, 53))], "y": RARE}, "fold 1 holds out classes"),
    "overlap": ({"cv": [(np.arange(40), np.arange(30, 53))]}, "as well"),
    "empty fold": ({"cv": [(np.arange(40), [])]}, "fold 1"),
    "regression": ({"cv": 3, "split": "stratified", "y": np.linspace(0, 1, 53)}, "need classes"),
    "no groups": ({"cv": 3, "split": "group"}, "groups"),
    "time again": ({"cv": 3, "split": "time", "repeats": 2}, "one order"),
    "wrong kind": ({"cv": 3, "split": "stratifed"}, "stratified"),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_folds_that_cannot_be(case):
    arguments, words = BAD[case]
    y = arguments.pop("y") if "y" in arguments else Y
    with pytest.raises((ValueError, TypeError), match=words):
        cross_validate(make(), X, y, epochs=1, **arguments)


def test_folds_begin_with_the_weights_of_a_model_that_is_put_together_anew():
    """Whatever the order of its layers in the graph is."""

    def build():
        inputs = kerata.Input((3,))
        skip = kerata.layers.Dense(4)(inputs)
        first = kerata.layers.Dense(4)(inputs)
        outputs = kerata.layers.Add()([kerata.layers.Dense(4)(first), skip])
        model = kerata.Model(inputs, outputs)
        model.compile(kerata.optimizers.SGD(0.0), "mse")
        return model

    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    folds = build().cross_validate(x, np.ones((8, 4)), cv=[(np.r_[:6], np.r_[6:8])], seed=5)
    kerata.utils.set_random_seed(5)
    for a, b in zip(folds.models[0].get_weights(), build().get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "recurrent",
    [
        lambda: layers.GRU(3, dropout=0.2),
        lambda: layers.RNN(layers.StackedRNNCells([layers.SimpleRNNCell(2), layers.LSTMCell(3)]), return_sequences=True),
    ],
)
@pytest.mark.parametrize("loss", ["mse", lambda y_true, y_pred: kerata.ops.square(y_true - y_pred)])
def test_both_directions_begin_with_the_weights_of_a_model_that_is_put_together_anew(recurrent, loss):
    def build():
        model = kerata.Sequential([kerata.Input((5, 3)), layers.Dense(2), layers.Bidirectional(recurrent()), layers.Dense(1)])
        model.compile("adam", loss)
        return model

    kerata.utils.set_random_seed(3)
    wanted, model = build().get_weights(), build()
    for again in (fresh_model, copy_model):
        kerata.utils.set_random_seed(3)
        for mine, right in zip(again(model).get_weights(), wanted, strict=True):
            np.testing.assert_array_equal(mine, right)


def test_a_model_of_mixed_precision_after_the_policy_was_set_back():
    kerata.config.set_dtype_policy("mixed_float16")
    try:
        model = kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(2)])
        model.compile("sgd", "mse")
    finally:
        kerata.config.set_dtype_policy("float32")
    x = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
    found = model.cross_validate(x, x[:, :2], cv=3, epochs=2)
    assert np.isfinite(found.mean["loss"])
    assert all(isinstance(one.optimizer, kerata.optimizers.LossScaleOptimizer) for one in found.models)


class Anchored(kerata.optimizers.Optimizer):
    """Is drawn back to the weights that it was built for."""

    def build(self, variables):
        super().build(variables)
        self.anchors = self.add_optimizer_variables(variables, "anchor")
        for anchor, variable in zip(self.anchors, variables, strict=True):
            anchor.assign(variable.value)

    def update_step(self, gradient, variable, learning_rate):
        anchor = self.anchors[self._get_variable_index(variable)]
        self.assign_sub(variable, learning_rate * (gradient + variable - anchor))


def averaging():
    return kerata.optimizers.ScheduleFreeAdamW(0.1)


OPTIMIZERS = {
    "averaging": averaging,
    "scaled": lambda: kerata.optimizers.LossScaleOptimizer(averaging()),
    "own, scaled": lambda: kerata.optimizers.LossScaleOptimizer(Anchored(0.1)),
    "several": lambda: kerata.optimizers.MultiOptimizer(kerata.optimizers.OptimizerMap(averaging(), {".*bias": Anchored(0.1)})),
    "own": lambda: Anchored(0.1),
}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        *((name, "graph") for name in OPTIMIZERS),
        ("own", "class"),
        *(slow(name, "class") for name in OPTIMIZERS if name != "own"),
    ],
)
def test_optimizers_that_begin_with_the_weights_see_those_that_were_set(name, form):
    x, y = np.random.default_rng(0).normal(size=(2, 18, 3)).astype("float32")
    folds = [(np.arange(12), np.arange(12, 18)), (np.arange(6, 18), np.arange(6))]

    class Net(kerata.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs)

    def build():
        model = Net() if form == "class" else kerata.Sequential([kerata.Input((3,)), layers.Dense(3)])
        model(x[:1])
        model.compile(OPTIMIZERS[name](), "mse")
        model.set_weights([np.full((3, 3), 0.5), np.full(3, 0.25)])
        return model

    found = cross_validate(build(), x, y, cv=folds, epochs=2, batch_size=4, seed=3)
    for index, (rows, _) in enumerate(folds):
        wanted = build().fit(x[rows], y[rows], epochs=2, batch_size=4, seed=3 + index, verbose=0).history["loss"]
        np.testing.assert_allclose(found.histories[index]["loss"], wanted, rtol=1e-5)
