"""Layers that learn from data before training, wherever they stand: each fold has them learn from its own part."""

import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.search import cross_validate, run

RNG = np.random.default_rng(0)
X = RNG.normal(50.0, 10.0, (60, 4)).astype("float32")
Y = (X[:, 0] > 50).astype("float32")


def head(x):
    return layers.Dense(1, activation="sigmoid")(x)


def scale(x, name=None):
    layer = layers.Normalization(name=name)
    layer.adapt(x)
    return layer


class Scaled(kerata.Model):
    def __init__(self):
        super().__init__()
        self.scale, self.out = scale(X), layers.Dense(1, activation="sigmoid")

    def call(self, x):
        return self.out(self.scale(x))


class Scaling(layers.Layer):
    def __init__(self):
        super().__init__()
        self.scale = scale(X)

    def call(self, x):
        return self.scale(x)


def within_a_chain():
    inner = kerata.Sequential([kerata.Input((4,)), scale(X)])
    return kerata.Sequential([kerata.Input((4,)), inner, layers.Dense(1, activation="sigmoid")])


def within_a_graph():
    inputs, outer = kerata.Input((4,)), kerata.Input((4,))
    inner = kerata.Model(inputs, scale(2 * X + 2)(inputs * 2.0))
    return kerata.Model(outer, head(inner(outer + 1.0)))


def within_a_layer():
    return kerata.Sequential([kerata.Input((4,)), Scaling(), layers.Dense(1, activation="sigmoid")])


def one_behind_the_other():
    inputs = kerata.Input((4,))
    return kerata.Model(inputs, head(scale(X, "second")(scale(X, "first")(inputs) ** 2)))


def in_steps():
    inputs = kerata.Input((4, 1))
    x = layers.TimeDistributed(scale(X[..., None][:, 0]))(inputs)
    return kerata.Model(inputs, head(layers.Flatten()(x)))


# A model, and what its layer (the last of them) should see of some rows.
PLACES = {
    "chain": (within_a_chain, lambda x: x),
    "graph": (within_a_graph, lambda x: 2 * (x + 1)),
    "model of one's own": (Scaled, lambda x: x),
    "layer of one's own": (within_a_layer, lambda x: x),
    "one behind the other": (one_behind_the_other, lambda x: ((x - x.mean(0)) / x.std(0)) ** 2),
    "in steps": (in_steps, lambda x: x.reshape(-1, 1)),
}


def learned(model):
    found = [layer for layer in model._flatten_layers() if isinstance(layer, layers.Normalization)]
    return np.ravel(found[-1].mean), np.ravel(found[-1].variance)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", ["cross_validate", "run"])
def test_each_fold_adapts(place, way):
    make, seen = PLACES[place]

    def build(hp):
        model = make()
        model.compile(kerata.optimizers.SGD(hp.float("rate", 0.01, 0.1) if hp else 0.01), "binary_crossentropy")
        return model

    x = X[..., None] if place == "in steps" else X
    folds = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    if way == "run":
        models = run(build, x, Y, cv=folds, trials=1, epochs=1, storage=None, verbose=0).best.models
    else:
        models = cross_validate(build(None), x, Y, cv=folds, epochs=1).models
    for (rows, _), model in zip(folds, models, strict=True):
        wanted = seen(X[rows].astype("float64"))
        mean, variance = learned(model)
        np.testing.assert_allclose(mean, wanted.mean(0), rtol=1e-4)
        np.testing.assert_allclose(variance, wanted.var(0), rtol=1e-3)


def named(texts):
    """A model of two inputs that are normalized, with a third of texts beside them or not."""
    a, b = kerata.Input((1,), name="z"), kerata.Input((1,), name="b")
    given, parts = [a, b], [scale(X[:, :1], "of_z")(a), scale(X[:, 1:2], "of_b")(b)]
    if texts:
        given.insert(0, kerata.Input((1,), name="c", dtype="string"))
        parts.insert(1, layers.StringLookup(vocabulary=["u", "v"], output_mode="one_hot")(given[0]))
    model = kerata.Model(given, head(layers.Concatenate()(parts)))
    model.compile("sgd", "binary_crossentropy")
    return model


@pytest.mark.parametrize("texts", [False, True])
def test_inputs_by_name_are_told_apart(texts):
    data = {"z": X[:, :1], "b": -X[:, 1:2]} | ({"c": RNG.choice(["u", "v"], (60, 1))} if texts else {})
    result = cross_validate(named(texts), data, Y, cv=3, epochs=1)
    for (rows, _), model in zip(result.folds, result.models, strict=True):
        for key in ("z", "b"):
            np.testing.assert_allclose(np.ravel(model.get_layer(f"of_{key}").mean), data[key][rows].mean(), rtol=1e-5)


def test_what_was_loaded_is_kept(tmp_path):
    model = kerata.Sequential([kerata.Input((4,)), scale(X + 7), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    model.save(tmp_path / "m.keras")
    loaded = kerata.saving.load_model(tmp_path / "m.keras")
    for fold in cross_validate(loaded, X, Y, cv=2, epochs=1).models:
        np.testing.assert_allclose(learned(fold)[0], (X + 7).mean(0), rtol=1e-5)


def test_a_clone_takes_weights_that_say_nothing():
    base = kerata.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg")
    x = RNG.uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    twin = kerata.models.clone_model(base)
    assert twin.predict(x, verbose=0).shape == (2, 1280)
    twin.set_weights(base.get_weights())
    np.testing.assert_allclose(twin.predict(x, verbose=0), base.predict(x, verbose=0), rtol=1e-5, atol=1e-6)


def test_a_clone_of_what_was_adapted_must_adapt():
    model = kerata.Sequential([kerata.Input((4,)), scale(X)])
    with pytest.raises(ValueError, match=r"`adapt\(\)` must be called"):
        kerata.models.clone_model(model).predict(X, verbose=0)
