"""What a step of a user's own gets of data that comes in batches: the tuple that the data gave, in prediction too."""

import numpy as np
import pytest

import kerata
from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names

Dataset = names.build("tfkeras2")[""].data.Dataset
X, Y = np.arange(8, dtype="float32").reshape(4, 2), np.ones((4, 1), "float32")


class Numbered(kerata.utils.PyDataset):
    def __init__(self, *parts, alone=False):
        super().__init__()
        self.parts = parts[0] if alone else parts

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.parts


def endless(*parts):
    while True:
        yield parts


# What gives the batches, and what a step gets: of tf_keras 2.21, and of Keras 3.15 on JAX. 1 stands for x alone.
SOURCES = {
    "set of x": (lambda: Dataset.from_tensor_slices(X).batch(2), 1, 1),
    "set of (x,)": (lambda: Dataset.from_tensor_slices((X,)).batch(2), (1,), (1,)),
    "set of (x, y)": (lambda: Dataset.from_tensor_slices((X, Y)).batch(2), (1, 1), (1, 1)),
    "numbered (x,)": (lambda: Numbered(X), 1, (1,)),
    "numbered x": (lambda: Numbered(X, alone=True), 1, (1,)),
    "numbered (x, y)": (lambda: Numbered(X, Y), (1, 1), (1, 1)),
    "generator of (x,)": (lambda: endless(X), 1, (1,)),
    "generator of (x, y)": (lambda: endless(X, Y), (1, 1), (1, 1)),
    "array": (lambda: X, 1, 1),
}


def form(data):
    return tuple(1 for _ in data) if isinstance(data, tuple) else 1


class OfThen(tfkeras2.Model):
    def __init__(self):
        super().__init__()
        self.seen, self.dense = [], tfkeras2.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, data):
        self.seen.append(form(data))
        return {"loss": tfkeras2.backend.mean(self(data[0] if isinstance(data, tuple) else data))}

    test_step = train_step

    def predict_step(self, data):
        self.seen.append(form(data))
        return self(data[0] if isinstance(data, tuple) else data)


class OfToday(kerata.Model):
    def __init__(self):
        super().__init__()
        self.seen, self.dense = [], kerata.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return kerata.ops.mean(y_pred)

    def train_step(self, state, data):
        self.seen.append(form(data))
        return super().train_step(state, data)

    def test_step(self, state, data):
        self.seen.append(form(data))
        return super().test_step(state, data)

    def predict_step(self, state, data):
        self.seen.append(form(data))
        return super().predict_step(state, data)


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", [OfThen, OfToday])
def test_a_step_gets_the_tuple_that_the_data_gave(kind, source, method):
    make, *expected = SOURCES[source]
    model = kind()
    model.compile("sgd")
    steps = {"steps_per_epoch" if method == "fit" else "steps": 1} if source.startswith("generator") else {}
    found = getattr(model, method)(make(), verbose=0, **steps)
    assert set(model.seen) == {expected[kind is OfToday]}
    if method == "predict":
        np.testing.assert_allclose(found, X @ model.get_weights()[0] + model.get_weights()[1], rtol=1e-5)


def test_steps_that_are_built_in_go_on_beside_one_of_a_programs_own():
    class Mixed(OfThen):
        test_step = tfkeras2.Model.test_step
        predict_step = tfkeras2.Model.predict_step

    model = Mixed()
    model.compile("sgd", "mse")
    model.fit(Dataset.from_tensor_slices((X,)).batch(2), verbose=0)
    assert model.seen[-1] == (1,)
    assert np.isfinite(model.evaluate(Dataset.from_tensor_slices((X, Y)).batch(2), verbose=0))
    assert model.predict(Dataset.from_tensor_slices((X,)).batch(2), verbose=0).shape == (4, 1)


def test_a_step_of_prediction_may_call_the_model_on_what_is_in_a_dict():
    class OfDict(OfThen):
        def predict_step(self, data):
            return self(data["x"])

    model = OfDict()
    assert model.predict({"x": X}, verbose=0).shape == (4, 1)
