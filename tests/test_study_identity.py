"""What a study is: another script, or other data, does not go on with it, and is told what differs."""

import json

import numpy as np
import pytest

import kerata
from kerata import callbacks, layers, search

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3000, 2)).astype("float32")
Y = X[:, :1]


def script(units=3, loss="mse", optimizer="SGD", activation=None, **options):
    def build(hp):
        model = kerata.Sequential([kerata.Input((2,)), layers.Dense(units, activation), layers.Dense(1)])
        model.compile(getattr(kerata.optimizers, optimizer)(hp.float("rate", 0.001, 0.01)), loss)
        return model

    given = {"trials": 1, "sampler": "random", "epochs": 1, "batch_size": 1000, "objective": "loss", "verbose": 0, "name": "s"}
    x, y = options.pop("data", (X, Y))
    return search.run(build, x, y, **{**given, **options})


def twice(y, p):
    return kerata.ops.mean(2 * (y - p) ** 2, -1)


def changed_between():
    x = X.copy()
    x[1001, 1] += 1
    return x, Y


OTHER = {
    "units": ({"units": 4}, "layer 1"),
    "activation": ({"activation": lambda v: v * 2}, "layer 1"),
    "loss": ({"loss": "mae"}, "'mae'"),
    "own loss": ({"loss": twice}, "twice"),
    "optimizer": ({"optimizer": "Adam"}, "Adam"),
    "class weights": ({"class_weight": {0: 2.0}}, "class_weight"),
    "callbacks": ({"callbacks": [callbacks.EarlyStopping("loss", patience=7)]}, "patience=7"),
    "order": ({"shuffle": False}, "shuffle"),
    "one number of the data": ({"data": changed_between()}, "data differs"),
}


@pytest.mark.parametrize("case", OTHER, ids=str)
def test_another_script_is_refused_with_what_changed(tmp_path, case):
    script(storage=tmp_path / "s.db")
    change, words = OTHER[case]
    with pytest.raises(ValueError, match=f"another study.*{words}"):
        script(storage=tmp_path / "s.db", **change)
    assert len(script(storage=tmp_path / "s.db", trials=2).trials) == 2, "the same script goes on"


def test_a_study_that_noted_less_goes_on(tmp_path):
    study = script(storage=tmp_path / "s.db")
    database = study._database
    with database.transaction() as connection:
        card = database._attribute(connection, "kerata:study")
        del card["training"]
        del card["data"]["samples"]["whole"]
        database._set_attribute(connection, "kerata:study", json.loads(json.dumps(card)))
    study.close()
    assert len(script(storage=tmp_path / "s.db", trials=2).trials) == 2


def test_the_same_function_has_the_same_fingerprint():
    def make(number):
        return lambda v: v * number

    from_here = search.fingerprint.describe
    assert from_here(make(2)) == from_here(make(2)) != from_here(make(3))


def test_a_refit_is_trained_as_the_search_was():
    seen = []

    class Look(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(dict(logs))

        def __deepcopy__(self, memo):
            return self

    labels = (X[:, 0] > 0).astype("int32")
    calls = [Look(), callbacks.EarlyStopping("val_loss")]
    study = script(
        data=(X, labels),
        cv=2,
        objective="val_loss",
        class_weight={0: 5.0, 1: 0.0},
        callbacks=calls,
        shuffle=False,
        storage=None,
        epochs=2,
    )
    seen.clear()
    model = study.best.model
    kerata.utils.set_random_seed(0)
    other = study._build(search.HyperParameters(search.space.Recorded(study.best.params)))
    history = other.fit(
        X,
        labels,
        epochs=len(model.history.epoch),
        batch_size=1000,
        seed=0,
        shuffle=False,
        verbose=0,
        class_weight={0: 5.0, 1: 0.0},
    )
    assert [logs["loss"] for logs in seen] == pytest.approx(history.history["loss"], rel=1e-5)


def test_a_refit_of_a_loaded_study_is_trained_as_the_search_was(tmp_path):
    labels = (X[:, 0] > 0).astype("int32")
    calls = [callbacks.LearningRateScheduler(lambda epoch, rate: rate), callbacks.EarlyStopping("val_loss")]
    given = {"data": (X, labels), "class_weight": {0: 5.0, 1: 0.0}, "shuffle": False, "epochs": 2, "validation_split": 0.1}
    study = script(callbacks=calls, storage=tmp_path / "s.db", **given)
    expected = study.best.refit(X, labels).history.history["loss"]
    loaded = search.load_study(tmp_path / "s.db", build=study._build).best
    with pytest.raises(ValueError, match=r"cannot hold the callbacks.*LearningRateScheduler"):
        loaded.refit(X, labels)
    assert loaded.refit(X, labels, callbacks=[]).history.history["loss"] == pytest.approx(expected, rel=1e-5)
    other = loaded.refit(X, labels, callbacks=[], class_weight={0: 1.0, 1: 1.0}).history.history["loss"]
    assert other != pytest.approx(expected, rel=1e-2)
    script(storage=tmp_path / "t.db", callbacks=[callbacks.EarlyStopping("val_loss")], **given)
    search.load_study(tmp_path / "t.db", build=study._build).best.refit(X, labels)


ALPHA = {"by": 1.0}
BEND = np.ones(2, "float32")
INNER = kerata.losses.Huber(1.0)


class Settings:
    def __init__(self, delta):
        self._delta = delta


SETTINGS = Settings(1.0)


def helper(value):
    return value * value


def named(y, p, *, by=1.0):
    return kerata.ops.mean(by * (y - p) ** 2, -1)


def own_loss(what):
    """A loss that takes something from around it."""
    table = BEND

    def dict_loss(y, p):
        return ALPHA["by"] * named(y, p)

    def array_loss(y, p):
        return BEND[0] * named(y, p)

    def held_loss(y, p):
        return table[0] * named(y, p)

    def inner_loss(y, p):
        return INNER(y, p)

    def settings_loss(y, p):
        return SETTINGS._delta * named(y, p)

    def helped_loss(y, p):
        return kerata.ops.mean(helper(y - p), -1)

    def set_loss(y, p):
        return named(y, p) * (2.0 if 3 in {1, 2} else 1.0)

    def keyword_loss(y, p):
        return named(y, p)

    return locals()[what]


class OwnLoss(kerata.losses.Loss):
    def __init__(self, by=1.0):
        super().__init__()
        self._by = by

    def call(self, y, p):
        return self._by * named(y, p)


class OwnLayer(layers.Layer):
    gain = 1.0

    def __init__(self, by=1.0):
        super().__init__()
        self._by = by

    def call(self, x):
        return x * self._by * self.gain

    @property
    def bend(self):
        return ALPHA["by"]


class OwnCallback(callbacks.Callback):
    def __init__(self, last):
        super().__init__()
        self._last = last


def other_code(x):
    return x * x * 1.0


AROUND = {
    "a dict": ("dict_loss", "ALPHA", {"by": 2.0}),
    "an array": ("array_loss", "BEND", np.full(2, 2.0, "float32")),
    "an array of the closure": ("held_loss", "BEND", np.full(2, 2.0, "float32")),
    "a loss": ("inner_loss", "INNER", kerata.losses.Huber(2.0)),
    "an object": ("settings_loss", "SETTINGS", Settings(2.0)),
    "a function": ("helped_loss", "helper", other_code),
}


@pytest.mark.parametrize("case", AROUND, ids=str)
def test_what_a_function_takes_from_around_it_counts(monkeypatch, case):
    loss, name, value = AROUND[case]
    before = search.fingerprint.describe(own_loss(loss))
    assert search.fingerprint.describe(own_loss(loss)) == before
    monkeypatch.setitem(globals(), name, value)
    assert search.fingerprint.describe(own_loss(loss)) != before


def test_defaults_by_name_and_constants_of_sets_count(monkeypatch):
    before = search.fingerprint.describe(own_loss("keyword_loss"))
    monkeypatch.setattr(named, "__kwdefaults__", {"by": 2.0})
    assert search.fingerprint.describe(own_loss("keyword_loss")) != before
    loss = own_loss("set_loss")
    before = search.fingerprint.describe(loss)
    code = loss.__code__
    other = [frozenset({1, 3}) if isinstance(each, frozenset) else each for each in code.co_consts]
    loss.__code__ = code.replace(co_consts=tuple(other))
    assert search.fingerprint.describe(loss) != before


def test_what_a_function_says_of_itself_does_not_count():
    def make(text):
        scope = {}
        exec(f"def loss(y, p):\n    {text!r}\n    # {text}\n    return y - p\n", scope)
        return scope["loss"]

    assert search.fingerprint.describe(make("One.")) == search.fingerprint.describe(make("Two."))


def test_weights_of_a_model_that_a_loss_asks_count():
    teacher = kerata.Sequential([kerata.Input((1,)), layers.Dense(1)])

    def taught(y, p):
        return kerata.ops.mean((teacher(y) - p) ** 2, -1)

    found = []
    for number in (1.0, 1.0, 2.0):
        teacher.set_weights([np.full((1, 1), number), np.zeros(1)])
        found.append(search.fingerprint.describe(taught))
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("make", [OwnLoss, OwnLayer], ids=str)
def test_what_own_objects_were_told_counts(monkeypatch, make):
    describe = search.fingerprint.describe
    assert describe(make(1.0)) == describe(make(1.0)) != describe(make(2.0))
    before = describe(OwnLayer())
    monkeypatch.setattr(OwnLayer, "gain", 2.0)
    assert describe(OwnLayer()) != before


def test_callbacks_count_where_they_can_change_a_score():
    describe = search.fingerprint.describe_callbacks
    assert describe([OwnCallback(1)]) != describe([OwnCallback(2)])
    stop, loud = (callbacks.EarlyStopping(verbose=verbose) for verbose in (0, 1))
    assert describe([callbacks.CSVLogger("a.csv"), stop]) == describe([loud, callbacks.CSVLogger("b.csv")]) != describe([])
    assert describe([callbacks.CSVLogger("a.csv")]) == describe(None)
    seen = []
    look = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    before = describe([look])
    seen.append(1)
    assert describe([look]) == before


def functional(times=2.0, left=False, trainable=True, dtype=None, weights=None):
    def build(hp):
        start = kerata.Input((2,))
        first = layers.Dense(2, trainable=trainable, dtype=dtype)
        one = first(start)
        two = layers.Dense(2)(one) * times
        model = kerata.Model(start, layers.Dense(1)(layers.Add()([start if left else one, two])))
        if weights is not None:
            first.set_weights([np.full((2, 2), weights), np.zeros(2)])
        model.compile(kerata.optimizers.SGD(hp.float("rate", 0.001, 0.01)), "mse")
        return model

    return build


CONNECTED = {
    "an operation": ({"times": 3.0}, "calls of layers"),
    "another tensor": ({"left": True}, "calls of layers"),
    "frozen": ({"trainable": False}, r"layer 2 \(Dense\).*trainable=False"),
    "precision": ({"dtype": "mixed_bfloat16"}, "dtype=mixed_bfloat16"),
    "weights": ({"weights": 2.0}, "weights that were set"),
}


@pytest.mark.parametrize("case", CONNECTED, ids=str)
def test_how_layers_are_put_together_counts(tmp_path, case):
    change, words = CONNECTED[case]
    given = {"trials": 1, "sampler": "random", "epochs": 1, "batch_size": 1000, "objective": "loss", "verbose": 0, "name": "s"}
    given["storage"] = tmp_path / "s.db"
    first = {"weights": 1.0} if case == "weights" else {}
    search.run(functional(**first), X, Y, **given)
    search.run(functional(**first), X, Y, **given)
    with pytest.raises(ValueError, match=f"another study.*{words}"):
        search.run(functional(**{**first, **change}), X, Y, **given)


def test_the_message_says_what_differs_in_a_layer(tmp_path):
    script(storage=tmp_path / "s.db")
    with pytest.raises(ValueError, match=r"there=.*units=3.*now=.*units=4") as caught:
        script(storage=tmp_path / "s.db", units=4)
    assert "initializer" not in str(caught.value)


def test_a_builder_that_changed_elsewhere_is_warned_of(tmp_path):
    def make(last):
        def build(hp):
            model = kerata.Sequential([kerata.Input((2,)), layers.Dense(last if hp.choice("wide", [False, True]) else 1)])
            model.compile(kerata.optimizers.SGD(hp.float("rate", 0.001, 0.01)), "mse")
            return model

        return build

    given = {"trials": 1, "sampler": "random", "epochs": 1, "objective": "loss", "verbose": 0, "storage": tmp_path / "s.db"}
    search.run(make(1), X, Y, **given, name="s")
    search.run(make(1), X, Y, **given, name="s")
    with pytest.warns(UserWarning, match="the builder's code has changed"):
        search.run(make(2), X, Y, **given, name="s")
