"""The order of measures where outputs have names, beside Keras's: a list is read by place."""

import keras
import numpy as np
import pytest

import kerata
from kerata.legacy import tfkeras2

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(8, 3)).astype("float32"), RNG.normal(size=(8, 2)).astype("float32")
TARGETS = {"z": Y, "a": Y[:, :1] + 5}
LOSSES, METRICS = {"z": "mse", "a": "mae"}, {"z": ["mae", "mape"], "a": ["mse"]}


def build(library, form):
    dense = library.layers.Dense
    if form == "subclass":

        class Both(library.Model):
            def __init__(self):
                super().__init__()
                self.z, self.a = (dense(size, kernel_initializer="ones") for size in (2, 1))

            def call(self, x):
                return {"z": self.z(x), "a": self.a(x)}

        return Both()
    inputs = library.Input((3,))
    outputs = {name: dense(size, kernel_initializer="ones", name=f"of_{name}")(inputs) for name, size in (("z", 2), ("a", 1))}
    return library.Model(inputs, outputs if form == "z first" else dict(reversed(outputs.items())))


@pytest.mark.parametrize("form", ["z first", "a first", "subclass"])
@pytest.mark.parametrize("order", ["za", "az"])
@pytest.mark.parametrize("measured", [None, "za", "az"])
def test_measures_come_in_the_order_of_keras(form, order, measured):
    found = []
    for library in (kerata, keras):
        model = build(library, form)
        metrics = None if measured is None else {name: METRICS[name] for name in measured}
        model.compile("sgd", {name: LOSSES[name] for name in order}, metrics=metrics)
        found.append(model.evaluate(X, TARGETS, verbose=0))
        assert model.test_on_batch(X, TARGETS) == pytest.approx(found[-1], rel=1e-5)
    np.testing.assert_allclose(*found, rtol=1e-5)


def test_what_a_metric_gives_as_a_dict_stands_at_its_name():
    found = []
    for library in (kerata, keras):

        class Spread(library.metrics.Metric):
            def __init__(self, name="spread", library=library, **kwargs):
                super().__init__(name=name, **kwargs)
                self.ops = library.ops
                self.total = self.add_weight(shape=(), initializer="zeros", name="total")

            def update_state(self, y_true, y_pred, sample_weight=None):
                self.total.assign(self.total + self.ops.mean(y_pred))

            def result(self):
                return {"mean": self.total + 0.0, "aa": self.total**2, "zz": self.total**2}

        model = library.Sequential([library.Input((3,)), library.layers.Dense(2, kernel_initializer="ones")])
        model.compile("sgd", "mae", metrics=["mape", Spread()], weighted_metrics=["mse"])
        history = model.fit(X, Y, sample_weight=np.ones(8), validation_data=(X, Y), epochs=2, verbose=0).history
        found.append((list(history), model.evaluate(X, Y, verbose=0)))
    assert found[0][0] == found[1][0]
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-4)


def test_a_called_model_keeps_the_order_of_its_dict():
    inputs = kerata.Input((3,))
    dense = kerata.layers.Dense
    model = kerata.Model(
        inputs, {"z": dense(1)(inputs), "a": [dense(2)(inputs), {"q": dense(1)(inputs), "b": dense(2)(inputs)}]}
    )
    for one in (model, kerata.models.clone_model(model)):
        outputs = one(np.ones((2, 3)))
        assert list(outputs) == ["z", "a"] and list(outputs["a"][1]) == ["q", "b"]
        assert outputs["z"].shape == (2, 1) and outputs["a"][1]["b"].shape == (2, 2)


def test_in_tf_keras_losses_of_named_outputs_have_the_order_of_the_names_and_predictions_that_of_the_model():
    """As `tf_keras` 2.21 tells them: `evaluate` gave a list in the order of the losses."""
    layers = tfkeras2.layers
    begin = layers.Input((2,))
    zero, one = (layers.Dense(1, kernel_initializer=kind, name=kind)(begin) for kind in ("zeros", "ones"))
    model = tfkeras2.Model(begin, {"zeta": zero, "alpha": one})
    model.compile("sgd", {"zeta": "mse", "alpha": "mae"}, metrics={"zeta": ["mae"]})
    x, y = np.ones((2, 2)), {"zeta": np.full((2, 1), 3.0), "alpha": np.zeros((2, 1))}
    assert model.evaluate(x, y, verbose=0) == [11.0, 2.0, 9.0, 3.0]
    assert model.metrics_names == ["loss", "ones_loss", "zeros_loss", "zeros_mae"]
    assert list(model.predict(x, verbose=0)) == ["zeta", "alpha"]
