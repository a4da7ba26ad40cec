"""What is said while a model is trained: by a `Doctor`, and by `fit` before the first step."""

import warnings

import numpy as np
import pytest

import kerata
from kerata import activations, layers, ops, optimizers
from kerata.callbacks import Doctor
from kerata.callbacks.doctor import loss_of_one_answer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("int32")


def network(activation, optimizer, loss="binary_crossentropy"):
    kerata.utils.set_random_seed(0)
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(1, activation=activation, name="last")])
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


@pytest.mark.filterwarnings("ignore:fit. the loss became NaN")
def test_nan_is_said_with_the_layer(capsys):
    doctor = Doctor()
    network(None, optimizers.SGD(1e6), "mse").fit(X, Y, epochs=20, batch_size=8, verbose=0, callbacks=doctor)
    said = capsys.readouterr().out
    assert "diverging" in doctor.said or "not_finite" in doctor.said
    assert doctor.said[-1] == "not_finite" and "NaN or infinite in epoch" in said and "weights is last" in said


def test_a_frozen_model_stands_still_and_beats_no_baseline(capsys):
    model = network("sigmoid", optimizers.SGD(0.0))
    model.fit(X, np.zeros(64), epochs=6, verbose=0, watch=True)
    said = capsys.readouterr().out
    assert "has stood still at" in said and said.count("stood still") == 1
    assert "after 5 epochs the accuracy is" in said and "largest class gives 1" in said


def test_a_loss_that_is_nothing_may_grow():
    doctor = Doctor()
    doctor.model = network("sigmoid", "sgd")
    for epoch, loss in enumerate((8e-9, 3e-9, 6e-9, 9e-9, 3e-8)):
        doctor.on_epoch_end(epoch, {"loss": loss})
    assert doctor.said == []
    for epoch, loss in enumerate((0.8, 0.3, 0.6, 0.9, 3.0)):
        doctor.on_epoch_end(epoch, {"loss": loss})
    assert doctor.said == ["diverging"]


def test_nothing_is_said_of_a_good_run(capsys):
    network("sigmoid", optimizers.SGD(1.0)).fit(X, Y, epochs=8, batch_size=8, verbose=0, watch=True)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("activation", "loss", "y", "words"),
    [("sigmoid", "mse", Y * 10.0, "sigmoid gives 0 to 1"), ("relu", "mae", Y - 3.0, "relu gives 0 and up")],
    ids=["sigmoid", "relu"],
)
def test_what_is_certain_is_warned_of_before_the_first_step(activation, loss, y, words, capsys):
    model = network(activation, "sgd", loss)
    model.fit(X, y, epochs=1, verbose=0)
    with pytest.warns(UserWarning, match=f"fit: the output.*{words}") as said:
        model.fit(X, y, epochs=1, verbose=2)
    assert [each.filename for each in said] == [__file__]
    # Of each thing once.
    model.fit(X, y, epochs=1, verbose=2)
    assert "the output" not in capsys.readouterr().out


def test_nothing_is_warned_of_where_it_is_not_certain():
    """A softmax over time."""
    along = kerata.Sequential([kerata.Input((4, 3)), layers.Dense(1), layers.Softmax(axis=1)])
    along.compile("sgd", "mse")
    along.fit(np.zeros((8, 4, 3)), np.zeros((8, 4, 1)) + 0.25, verbose=2)


ONE = np.zeros((2, 1), "float32")
OVER_ONE = {
    "ops.softmax": lambda: ops.softmax(ONE),
    "activations.softmax": lambda: activations.softmax(ONE, axis=1),
    "of symbols": lambda: ops.softmax(kerata.Input((3, 1))),
    "Softmax": lambda: layers.Softmax()(ONE),
    "Softmax of symbols": lambda: layers.Softmax(axis=(2,))(kerata.Input((3, 1))),
    "Activation": lambda: layers.Activation("softmax")(kerata.Input((1,))),
    "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(1, activation="softmax"))(kerata.Input((5, 3))),
    "Conv1D": lambda: layers.Conv1D(1, 2, activation="softmax")(kerata.Input((None, 3))),
    "Dense": lambda: layers.Dense(1, activation="softmax")(np.zeros((2, 3))),
    "a graph": lambda: layers.Dense(1, activation="softmax")(kerata.Input((3,))),
    "Sequential": lambda: network("softmax", "sgd", "binary_crossentropy"),
    "deferred": lambda: kerata.Sequential([layers.Dense(1, activation="softmax")]).build((None, 3)),
}


@pytest.mark.parametrize("name", OVER_ONE)
def test_a_softmax_over_one_number_is_warned_of_where_it_is_made(name):
    with pytest.warns(UserWarning, match=r"softmax: .* always 1.*axis (-1|1|2) has size 1.*use a sigmoid") as said:
        OVER_ONE[name]()
    assert {each.filename for each in said} == {__file__} and len({each.lineno for each in said}) == 1


@pytest.mark.filterwarnings("ignore:softmax. a softmax over one number:UserWarning")
def test_a_softmax_over_one_number_is_not_warned_of_again_in_programs(recwarn):
    model = network("softmax", "sgd", "binary_crossentropy")
    recwarn.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, epochs=1, verbose=0)
        model.predict(X, verbose=0)


def test_softmaxes_over_several_numbers_are_not_warned_of():
    for axis, shape in ((-1, (1, 2)), (0, (2, 1)), ((0, 1), (2, 1)), (None, (2, 1))):
        ops.softmax(np.zeros(shape, "float32"), axis=axis)


def test_nothing_is_said_of_targets_that_can_be_reached(capsys):
    network("sigmoid", "sgd", "mse").fit(X, Y, epochs=1, verbose=2)
    assert "fit:" not in capsys.readouterr().out


def told(losses, y, loss="binary_crossentropy", **curves):
    """What a `Doctor` has said after these epochs."""
    doctor = Doctor(y)
    doctor.model = network("sigmoid", "sgd", loss)
    for epoch, value in enumerate(losses):
        doctor.on_epoch_end(epoch, {"loss": value, **{name: values[epoch] for name, values in curves.items()}})
    return doctor.said


HALVES = np.array([0, 1] * 32)
RARE = np.array([0] * 60 + [1] * 4)


@pytest.mark.parametrize(
    ("said", "losses", "y", "loss", "curves"),
    [
        # Training goes on with trained weights: the noise of a small loss goes no wrong way.
        ([], [0.009, 0.011, 0.015, 0.025], HALVES, "binary_crossentropy", {}),
        (["diverging"], [0.5, 0.6, 0.9, 1.4], HALVES, "binary_crossentropy", {}),
        # What has been learned stands still, in the end.
        ([], [0.9, 0.4, 0.25, 0.25, 0.25, 0.25], np.arange(64) / 18.5, "mse", {}),
        (["standing_still"], [1.4, 1.0, 1.0, 1.0, 1.0], np.arange(64) / 18.5, "mse", {}),
        # A loss on its way down learns, whatever the accuracy says yet.
        ([], [0.74, 0.73, 0.72, 0.71, 0.70], HALVES, "binary_crossentropy", {"accuracy": [0.5] * 5}),
        (["baseline_not_beaten"], [0.74, 0.7, 0.697, 0.696, 0.695], HALVES, "binary_crossentropy", {"accuracy": [0.5] * 5}),
        # A rare class: probabilities have been learned before accuracy shows it.
        ([], [0.3, 0.2, 0.1501, 0.1503, 0.15], RARE, "binary_crossentropy", {"accuracy": [0.9375] * 5}),
    ],
    ids=["goes-on", "diverges", "settled", "dead", "falls", "stuck", "rare"],
)
def test_what_is_urgent_and_what_is_not(said, losses, y, loss, curves, capsys):
    assert told(losses, y, loss, **curves) == said


def test_what_one_answer_gives():
    shares = np.array([0.25, 0.75])
    entropy = -(shares * np.log(shares)).sum()
    for y in ([0, 1, 1, 1], [[1, 0], [0, 1], [0, 1], [0, 1]], [2.0, 7.0, 7.0, 7.0], [-1, 20_000, 20_000, 20_000]):
        assert loss_of_one_answer("sparse_categorical_crossentropy", np.array(y)) == pytest.approx(entropy)
    assert loss_of_one_answer("mse", [1.0, 3.0, 5.0]) == pytest.approx(8 / 3)
    for loss, y in (("poisson", [0, 1]), ("binary_crossentropy", [0.5, 0.7]), ("mse", ["a"]), ("mse", [[1], [2, 3]])):
        assert loss_of_one_answer(loss, y) is None


def test_the_targets_are_looked_at_only_where_something_is_to_be_said():
    class Targets:
        def __array__(self, *_):
            raise AssertionError

    doctor = Doctor(Targets())
    doctor.model = network("sigmoid", "sgd")
    for epoch, loss in enumerate((0.9, 0.7, 0.75, 0.6, 0.5, 0.4)):
        doctor.on_epoch_end(epoch, {"loss": loss, "accuracy": 0.5})
    assert doctor.said == []
