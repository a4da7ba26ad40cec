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
