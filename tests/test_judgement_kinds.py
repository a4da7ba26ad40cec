"""Kinds of findings that are easily taken for one another."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

import kerata
from kerata import layers, ops, regularizers
from kerata.diagnosis import examine
from kerata.diagnosis.judgement.case import Case, Part
from kerata.diagnosis.judgement.experiments import Tried
from kerata.diagnosis.judgement.fitting import check_fit
from kerata.diagnosis.judgement.measures import Scores
from kerata.diagnosis.judgement.ranking import rate_judged
from kerata.diagnosis.judgement.runs import run_of
from kerata.diagnosis.judgement.signals import Look
from kerata.engine.traces import can_differ
from kerata.search.luck import say_optimism
from kerata.search.records import COMPLETE
from kerata.training.compilation import objective_of

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("values", "is_category"), [([1], True), ([1, 2, 5, 9], False)])
def test_a_column_of_many_values_is_no_category_that_training_lacks(values, is_category):
    x, held = RNG.integers(0, 10, (120, 6)) / 10, RNG.integers(0, 10, (120, 6)) / 10
    x[:, 2], held[:, 2] = 0, np.where(RNG.random(120) < 0.2, RNG.choice(values, 120), 0)
    model = kerata.Sequential([kerata.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(x, x[:, :1], epochs=3, validation_data=(held, held[:, :1]), verbose=0)
    assert ("category_missing" in history.examine(experiments=False).kinds) == is_category


def test_a_penalty_that_falls_still_is_too_much():
    x, y = load_digits(return_X_y=True)
    hidden = [layers.Dense(32, activation="relu", kernel_regularizer=regularizers.L2(rate)) for rate in (0.01, 1.0)]
    model = kerata.Sequential([kerata.Input((64,)), *hidden, layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x / 16, y, epochs=25, validation_split=0.2, verbose=0, seed=0)
    loss = history.history["loss"]
    assert loss[-5] / loss[-1] > 1.05
    finding = history.examine()[0]
    assert finding.kind == "too_much_l2" and "an L2 penalty of 1: a trial without it ended at" in finding.sentence


@pytest.mark.parametrize(("patience", "is_early"), [(1, True), (10, False)])
def test_a_run_that_is_stopped_on_a_steep_part_is_stopped_too_early(patience, is_early):
    x, y = load_digits(return_X_y=True)
    model = kerata.Sequential([kerata.Input((64,)), layers.Dense(32, "relu"), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    stop = kerata.callbacks.EarlyStopping(patience=patience, min_delta=0.1)
    history = model.fit(x / 16, y, epochs=100, validation_split=0.25, callbacks=stop, verbose=0, seed=0)
    assert len(history.epoch) <= 30
    assert (history.examine(experiments=False).kinds[0] == "stopped_too_early") == is_early


@pytest.mark.parametrize(("call", "expected"), [("plain", False), ("random", True), ("host", True)])
def test_a_second_look_is_taken_where_it_may_differ(call: str, expected: bool):
    def function(x: jax.Array, key: jax.Array) -> jax.Array:
        if call == "random":
            return x + jax.random.uniform(key, x.shape)
        if call == "host":
            return jax.jit(lambda x: jax.pure_callback(lambda x: x, jax.ShapeDtypeStruct((3,), "float32"), x))(x)
        return x * 2

    traced = jax.jit(function).trace(jnp.ones(3), jnp.zeros((2,), jnp.uint32)).jaxpr.jaxpr
    assert can_differ(traced, traced.invars[-1]) is expected


def test_what_a_tanh_gives_is_said_rightly():
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(1, activation="tanh")])
    model.compile("adam", "binary_crossentropy")
    x, y = RNG.normal(size=(20, 3)), np.arange(20) % 2
    before = examine(model, None, x, y)
    assert before.kinds[0] == "no_probabilities"
    finding = model.fit(x, y, verbose=0).examine(experiments=False)[0]
    assert finding == before[0]
    assert finding.kind == "no_probabilities" and "tanh, which gives numbers from -1 to 1." in finding.sentence


@pytest.mark.parametrize("moved", [0, 1])
@pytest.mark.parametrize("count", [2, 3])
def test_labels_of_the_validation_that_are_coded_otherwise(count: int, moved: int):
    rng = np.random.default_rng(0)
    y = rng.integers(0, count, 300)
    x = (np.eye(count)[y] * 4 + rng.normal(size=(300, count))).astype("float32")
    output = layers.Dense(count, activation="softmax")
    model = kerata.Sequential([kerata.Input((count,)), layers.Dense(16, activation="relu"), output])
    model.compile(kerata.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    held = (x[200:], (y[200:] + moved) % count)
    history = model.fit(x[:200], y[:200], epochs=20, validation_data=held, verbose=0, seed=0)
    kinds = history.examine(experiments=False).kinds
    assert (kinds[0] == "labels_differ") == bool(moved) and not (moved and "overfitting" in kinds)


def test_one_class_in_validation_is_no_other_coding():
    x = np.concatenate([RNG.normal(-2, 1, (150, 2)), RNG.normal(2, 1, (50, 2))]).astype("float32")
    y = np.repeat([0, 1], [150, 50])
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(1, activation="sigmoid")])
    model.compile(kerata.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=10, validation_split=0.2, verbose=0, seed=0)
    assert history.examine(experiments=False).kinds[0] == "sorted_split"


@pytest.mark.filterwarnings("ignore:softmax. a softmax over one number:UserWarning")
@pytest.mark.parametrize("form", ["dict", "list"])
def test_each_of_several_outputs_is_looked_at(form: str):
    x = RNG.normal(size=(60, 4)).astype("float32")
    inputs = kerata.Input((4,))
    hidden = layers.Dense(8, activation="relu")(inputs)
    made = [layers.Dense(2, name="b")(hidden), layers.Dense(1, activation="softmax", name="a")(hidden)]
    made.append(layers.Dense(1, activation="sigmoid", name="c")(hidden))
    targets = [x[:, :2], (x[:, :1] > 0) * 1.0, x[:, 1:2] * 5]
    losses = ["mse", "binary_crossentropy", "mse"]
    if form == "dict":
        made, targets, losses = (dict(zip("bac", values, strict=True)) for values in (made, targets, losses))
    model = kerata.Model(inputs, made)
    model.compile("adam", losses)
    found = model.fit(x, targets, epochs=2, verbose=0).examine(experiments=False)
    assert found.kinds[:2] == ["softmax_of_one", "targets_out_of_reach"] and "layer_never_changes" not in found.kinds
    assert [finding.sentence[:9] for finding in found[:2]] == ["Output a:", "Output c:"]


def small(rate: float = 0.001) -> kerata.Sequential:
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")])
    model.compile(kerata.optimizers.Adam(rate), "binary_crossentropy")
    return model


def test_inputs_that_do_not_fit_the_model_are_refused():
    x = RNG.normal(size=(120, 4)).astype("float32")
    y, model = x[:, 0] > 0, small()
    history = model.fit(x, y, verbose=0)
    expected = r"each sample of the input .* must have shape \(4,\).*Received: x=.samples of shape \(2,\)"
    with pytest.raises(ValueError, match=expected):
        examine(model, history, x[:, :2], y)
    with pytest.raises(ValueError, match=r"Received: validation=.samples of shape \(5,\)"):
        examine(model, history, x, y, validation=(np.zeros((20, 5)), np.zeros(20)))


def test_texts_fit_a_model_of_texts():
    texts = np.array(["good fun", "bad bore", "good good", "bad bad"] * 10)
    words = layers.TextVectorization(20, output_sequence_length=4)
    words.adapt(texts)
    behind = [layers.Embedding(20, 4), layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid")]
    model = kerata.Sequential([kerata.Input((), dtype="string"), words, *behind])
    model.compile("adam", "binary_crossentropy")
    assert model.fit(texts, np.arange(40) % 2 == 0, epochs=2, verbose=0).examine(experiments=False).kinds


def test_a_loss_that_has_not_fallen_is_not_healthy():
    x = np.random.default_rng(0).normal(size=(400, 30)).astype("float32")
    model = kerata.Sequential([kerata.Input((30,)), layers.Dense(8, activation="relu"), layers.Dense(30)])
    model.compile("adam", "mse")
    finding = model.fit(x, x, verbose=0, seed=0).examine(experiments=False)[0]
    assert finding.kind == "too_little_to_say" and "after 1 epoch and has not fallen" in finding.sentence


def test_an_epoch_of_a_few_steps_is_not_healthy():
    x = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")])
    model.compile(kerata.optimizers.Adam(0.03), "binary_crossentropy", metrics=["accuracy"])
    finding = model.fit(x, x.sum(1) > 0, batch_size=8, verbose=0, seed=0).examine(experiments=False)[0]
    assert finding.kind == "too_little_to_say" and "the run made 25 steps. Train" in finding.sentence


@pytest.mark.parametrize("count", [1, 3])
def test_of_few_samples_nothing_can_be_said(count: int):
    x = RNG.normal(size=(count, 4)).astype("float32")
    found = small().fit(x, x[:, 0] > 0, epochs=3, verbose=0).examine()
    assert found.kinds == ["too_little_to_say"] and not found.is_healthy
    assert f"trained on {count} sample{'s' * (count > 1)}." in found[0].sentence


def test_a_rate_is_not_well_chosen_where_another_came_far_lower():
    assert rate_judged(0.69, 0.718, 0.323) == rate_judged(0.69, 0.078, 0.0103) == " In trials another rate came further:"
    assert rate_judged(0.69, 0.1, 0.09) == rate_judged(0.69, 0.001, 0.0001) == " The rate is well chosen:"


@pytest.mark.parametrize(("linear", "expected"), [(0.02, []), (0.6, ["underfitting_capacity"])])
def test_a_network_is_too_small_only_where_simple_models_find_something(linear: float, expected: list[str]):
    model = kerata.Sequential([kerata.Input((4,)), layers.Dense(2, activation="relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    part = Part(RNG.normal(size=(320, 4)), RNG.normal(size=(320, 1)))
    case = Case(model, {"loss": [1.0] * 20}, part, None)
    scores = Scores("R2", train=-0.2, constant=-0.01, linear=linear, near=-0.3, size=80, base=1.0)
    assert [finding.kind for finding in check_fit(case, run_of(case, scores), scores, Tried())] == expected
    case.curves = {"loss": [1.0] * 2}
    [finding] = check_fit(case, run_of(case, scores), scores, Tried())
    assert finding.kind == "too_few_epochs" and finding.sentence.startswith("The run made 20 steps in 2 epochs")


def test_a_best_trial_that_is_not_optimistic_gets_no_words():
    scores = [(20.0, 20.0, 20.0), (5.0, 5.0, 5.0), (9.0, 9.0, 9.0)]
    trials = [SimpleNamespace(state=COMPLETE, is_feasible=True, score=each[0], scores=each) for each in scores]
    assert say_optimism(trials, SimpleNamespace(name="score", direction="max")) == ""


def test_a_look_before_training_leaves_the_losses_unmade():
    inputs = kerata.Input((4,))
    model = kerata.Model(inputs, {"a": layers.Dense(1)(inputs), "b": layers.Dense(3, activation="softmax")(inputs)})
    model.compile("adam", {"a": "binary_crossentropy", "b": "sparse_categorical_crossentropy"})
    x = RNG.normal(size=(40, 4)).astype("float32")
    y = np.arange(40)
    assert examine(model, None, x, {"a": y % 2, "b": y % 3}).kinds[0] == "no_probabilities"
    assert len(model.fit(x, {"a": y % 2, "b": np.eye(3)[y % 3].argmax(1)}, verbose=0).history) >= 3
    model.compile("adam", {"a": "mse", "b": "categorical_crossentropy"})
    assert examine(model, None, x, {"a": x[:, :1], "b": np.eye(3)[y % 3]}).kinds[0] == "nothing_found"
    assert not objective_of(model).built


class Layered(kerata.Model):
    def __init__(self):
        super().__init__()
        self.inner = kerata.Sequential([*(layers.Dense(8, activation="relu") for _ in range(3)), layers.Dense(1)])

    def call(self, inputs):
        return self.inner(inputs)


class OwnLoss(Layered):
    def __init__(self):
        super().__init__()
        self.seen = kerata.metrics.Mean(name="seen")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        loss = ops.mean(ops.square(ops.sum(x, -1, keepdims=True) - y_pred))
        self.seen.update_state(loss)
        return loss


class AddedLoss(Layered):
    def call(self, inputs):
        outputs = self.inner(inputs)
        self.add_loss(ops.mean(ops.square(ops.sum(inputs, -1, keepdims=True) - outputs)))
        return outputs


class OwnStep(OwnLoss):
    def train_step(self, state, data):
        return super().train_step(state, data)


@pytest.mark.parametrize("kind", [OwnLoss, AddedLoss, OwnStep])
def test_the_look_follows_the_loss_of_a_model_of_ones_own(kind):
    x = np.random.default_rng(0).random((64, 8), "float32")
    model = kind()
    model.compile("adam")
    model.fit(x, epochs=1, verbose=0)
    seen = Look(model, Part(x, None, None))([v.numpy() for v in model.variables])
    assert len(seen.gradients) == (0 if kind is OwnStep else 4) and all(size > 0 for size in seen.gradients.values())
