"""A student trained by a teacher: the losses of real Keras, files, one program."""

import keras
import numpy as np
import pytest

import kerata
from kerata.distillation import DistillationLoss, Distiller, FeatureDistillation, LogitsDistillation
from quickly import slow

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(21, 4)).astype("float32"), RNG.integers(0, 3, 21)
WEIGHTS = {}


def network(k, units, name, out=3):
    x = k.Input((4,), name=f"{name}_in")
    middle = k.layers.Dense(5, "tanh", name="middle")(k.layers.Dense(units, "relu", name="body")(x))
    model = k.Model(x, k.layers.Dense(out, name="out")(middle), name=name)
    known = WEIGHTS.setdefault((name, units, out), [RNG.normal(size=w.shape) * 0.5 for w in model.get_weights()])
    model.set_weights(known)
    return model


def distiller(k, terms, compiled=True, **how):
    made = k.distillation.Distiller(network(k, 16, "teacher"), network(k, 6, "student"), terms, **how)
    if compiled:
        loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
        made.compile(k.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return made


def divergence(k, temperature=2.0):
    return k.distillation.LogitsDistillation(temperature, loss=k.losses.KLDivergence())


def several(k):
    feature = k.distillation.FeatureDistillation
    return [divergence(k, 4.0), feature("cosine_similarity", "middle", "middle"), feature("mae")]


@pytest.mark.parametrize(
    ("terms", "how"),
    [
        (divergence, {}),
        slow(lambda k: k.distillation.LogitsDistillation(loss="mse"), {"student_loss_weight": 0.0}),
        (several, {"distillation_loss_weights": [1.0, 0.5, 2.0], "student_loss_weight": 0.3}),
    ],
    ids=["divergence", "teacher alone", "several"],
)
def test_losses_are_those_of_keras(terms, how):
    histories = []
    for k in (keras, kerata):
        model = distiller(k, terms(k), **how)
        before = model.teacher.get_weights()
        history = model.fit(X, Y, epochs=3, batch_size=8, shuffle=False, verbose=0).history
        evaluated = model.evaluate(X, Y, batch_size=8, verbose=0, return_dict=True)
        history["evaluated"] = [evaluated[name] for name in sorted(evaluated)]
        histories.append(history)
        for old, new in zip(before, model.teacher.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    theirs, ours = histories
    assert list(theirs) == list(ours)
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-4, atol=1e-6, err_msg=name)


def test_the_divergence_by_name_is_that_of_probabilities():
    one, other = RNG.normal(size=(2, 5, 3)).astype("float32")
    found = LogitsDistillation(2.0).compute_loss(one, other)
    np.testing.assert_allclose(found, divergence(keras).compute_loss(one, other), rtol=1e-5)


def test_it_is_one_program_of_a_built_in_step():
    from kerata.training.kept import prepare

    model = distiller(kerata, several(kerata))
    made = prepare(model, (X[:8], Y[:8], None), "fit")
    assert type(made.plan.step).__name__ == "BuiltInStep" and made.structure is not None


@pytest.mark.parametrize("reader", [kerata, keras], ids=["kerata", "keras"])
def test_files(reader, tmp_path):
    model = distiller(kerata, several(kerata), distillation_loss_weights=[1.0, 0.5, 2.0])
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    again = reader.models.load_model(tmp_path / "m.keras", **({} if reader is kerata else {"compile": False}))
    for ours, theirs in ((model, again), (model.teacher, again.teacher), (model.student, again.student)):
        np.testing.assert_allclose(ours.predict(X, verbose=0), theirs.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    if reader is kerata:
        np.testing.assert_allclose(again.evaluate(X, Y, verbose=0), model.evaluate(X, Y, verbose=0), rtol=1e-5)
        assert not again.teacher.trainable and again.fit(X, Y, verbose=0).history["loss"][0] > 0


def test_a_file_of_keras_says_no_loss(tmp_path):
    model = distiller(keras, divergence(keras))
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="does not say the student's loss"):
        again = kerata.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    assert not again.compiled


class Apart(DistillationLoss):
    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        return kerata.ops.mean(kerata.ops.abs(teacher_outputs - student_outputs))


class Unreduced(DistillationLoss):
    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        return teacher_outputs - student_outputs


def test_a_loss_of_ones_own_and_models_of_subclasses():
    class Net(kerata.Model):
        def __init__(self, units):
            super().__init__()
            self.parts = [kerata.layers.Dense(units, "relu"), kerata.layers.Dense(3)]

        def call(self, x):
            for part in self.parts:
                x = part(x)
            return x

    model = Distiller(Net(8), Net(2), Apart(), student_loss_weight=0.1)
    model.compile("adam", "mse")
    losses = model.fit(X, X[:, :3], epochs=15, batch_size=8, verbose=0).history["distillation_loss"]
    assert losses[-1] < losses[0]
    with pytest.raises(ValueError, match=r"layers are found by name in functional and sequential models.*teacher and student"):
        Distiller(Net(8), Net(2), FeatureDistillation("mse", "a", "b"))


def test_several_outputs_of_which_one_does_not_count():
    def net():
        x = kerata.Input((4,))
        return kerata.Model(x, [kerata.layers.Dense(2)(x), kerata.layers.Dense(3)(x)])

    model = Distiller(net(), net(), LogitsDistillation(loss=["mse", None]), student_loss_weight=0.0)
    model.compile("sgd", ["mse", "mse"])
    found = model.evaluate(X, [X[:, :2], X[:, :3]], verbose=0, return_dict=True)
    one, other = (part.predict(X, verbose=0)[0] / 3.0 for part in (model.teacher, model.student))
    assert found["loss"] == pytest.approx(np.mean((one - other) ** 2), rel=1e-5)


@pytest.mark.parametrize(
    ("use", "kind", "text"),
    [
        (lambda: distiller(kerata, None), ValueError, "'distillation_losses' cannot be `None`"),
        (lambda: distiller(kerata, LogitsDistillation(), student_loss_weight=1.5), ValueError, r"between 0.0 and 1.0.*1\.5"),
        (lambda: distiller(kerata, LogitsDistillation(), student_loss_weight="a"), TypeError, "must be a number"),
        (
            lambda: distiller(kerata, [LogitsDistillation()], distillation_loss_weights=[1, 2]),
            ValueError,
            "weights=2, losses=1",
        ),
        (lambda: distiller(kerata, FeatureDistillation("mse", "mid", "middle")), ValueError, "In teacher model.*Did you mean"),
        (lambda: Distiller(3, network(kerata, 6, "student"), Apart()), ValueError, "Teacher must be a kerata.Model"),
        (
            lambda: Distiller(network(kerata, 6, "a", 2), network(kerata, 6, "b"), Apart()),
            ValueError,
            "outputs of the same shapes",
        ),
        (lambda: distiller(kerata, Apart(), compiled=False).compile("adam"), ValueError, "'loss' cannot be `None`"),
        (lambda: distiller(kerata, Unreduced()).fit(X, Y, verbose=0), ValueError, "non-scalar loss"),
        (lambda: LogitsDistillation(0), ValueError, "temperature must be positive"),
        (lambda: LogitsDistillation(loss=[None]), ValueError, "at least one loss"),
        (lambda: FeatureDistillation("msee"), ValueError, "Did you mean 'mse'"),
    ],
)
def test_what_cannot_be_distilled_says_why(use, kind, text):
    with pytest.raises(kind, match=text):
        use()
