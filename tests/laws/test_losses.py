"""Laws that every loss keeps: one table of instances, many small laws.

A new loss gets a row: (name, kind of its targets and predictions, arguments); `law_data.KINDS` has the kinds.
"""

import json

import jax
import numpy as np
import pytest

import kerata
from kerata import losses
from kerata.base.registry import names
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine import program
from kerata.populations import fit_many
from kerata.training.targets import CHECKS
from law_data import KINDS, SAMPLES, activated, make_model, normal, predictions, targets
from quickly import slow

# Bases for losses of one's own.
OTHERS = {"Loss", "LossFunctionWrapper"}


def row(name, kind, **arguments):
    return pytest.param(name, kind, arguments, id=f"{name}{len(arguments) or ''}")


ROWS = [
    row("BinaryCrossentropy", "binary", label_smoothing=0.1),
    row("BinaryCrossentropy", "logits", from_logits=True, label_smoothing=0.1),
    row("BinaryFocalCrossentropy", "binary", apply_class_balancing=True, alpha=0.4, gamma=1.5),
    row("CategoricalCrossentropy", "classes"),
    row("CategoricalCrossentropy", "class_logits", from_logits=True),
    row("CategoricalFocalCrossentropy", "classes", alpha=[0.1, 0.2, 0.3, 0.4]),
    row("CategoricalGeneralizedCrossEntropy", "labels", q=0.7),
    row("CategoricalHinge", "class_logits"),
    row("Circle", "embeddings", gamma=10.0),
    row("CosineSimilarity", "numbers"),
    row("CTC", "text"),
    row("Dice", "pictures"),
    row("Dice", "pictures", axis=(1, 2, 3)),
    row("Hinge", "signs"),
    row("Huber", "numbers", delta=0.3),
    row("KLDivergence", "distributions"),
    row("LogCosh", "numbers"),
    row("MeanAbsoluteError", "numbers"),
    row("MeanAbsolutePercentageError", "positive"),
    row("MeanSquaredError", "steps"),
    row("MeanSquaredLogarithmicError", "positive"),
    row("Poisson", "positive"),
    row("SparseCategoricalCrossentropy", "labels"),
    row("SquaredHinge", "signs"),
    row("Tversky", "pictures", alpha=0.3),
    row("Tversky", "pictures", axis=(1, 2, 3)),
]
every_loss = pytest.mark.parametrize(("name", "kind", "arguments"), ROWS)


def make(name, arguments):
    return getattr(losses, name)(**arguments)


def value(loss):
    return lambda y_true, y_pred: loss(y_true, y_pred)


def test_every_loss_has_a_row():
    found = [getattr(losses, name, None) for name in names("losses")]
    kinds = {kind.__name__ for kind in found if isinstance(kind, type)}
    assert kinds - OTHERS == {parameters.values[0] for parameters in ROWS}


@every_loss
def test_config_round_trip(name, kind, arguments):
    """Through the text of a file: the twin has the same config, and gives the same number."""
    loss = make(name, arguments)
    written = serialize_keras_object(loss)
    twin = deserialize_keras_object(json.loads(json.dumps(written)))
    assert type(twin) is type(loss) and serialize_keras_object(twin) == written
    y, p = targets(kind), predictions(kind)
    assert float(twin(y, p)) == float(loss(y, p))


@every_loss
def test_jit_and_vmap_equal_eager(name, kind, arguments):
    loss = make(name, arguments)
    y = np.stack([targets(kind, 6, seed) for seed in range(3)])
    p = np.stack([predictions(kind, 6, seed) for seed in range(7, 10)])
    one_by_one = [float(loss(a, b)) for a, b in zip(y, p, strict=True)]
    np.testing.assert_allclose(jax.jit(value(loss))(y[0], p[0]), one_by_one[0], rtol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.vmap(value(loss)))(y, p), one_by_one, rtol=1e-5)
    assert len(set(one_by_one)) == 3


def corners(kind):
    """Predictions in the ordinary range, all alike, at the ends of the range, and as the targets."""
    plain = normal(np.random.default_rng(1), SAMPLES, *KINDS[kind][1])
    found = [np.asarray(activated(kind, scale * plain)) for scale in (1, 1000)]
    found += [np.asarray(activated(kind, np.full_like(plain, number))) for number in (0.0, 60.0, -60.0)]
    y = targets(kind)
    return [*found, y.astype("float32")] if y.shape == plain.shape else found


@every_loss
def test_values_and_gradients_are_finite(name, kind, arguments):
    """Also where predictions are 0, at the ends of their range, or the targets themselves."""
    loss = make(name, arguments)
    y = targets(kind)
    gradient = jax.jit(jax.value_and_grad(lambda p: loss(y, p)))
    for p in corners(kind):
        found = gradient(p)
        assert all(np.isfinite(np.asarray(a)).all() for a in found), p[0]


@every_loss
def test_a_sample_counts_alone_where_that_is_declared(name, kind, arguments):
    """The value of a sample is the same in any batch, unless the loss says that it mixes them."""
    loss = getattr(losses, name)(**arguments, reduction="none")
    y, p = targets(kind), predictions(kind)
    whole = np.asarray(loss(y, p))
    halves = np.concatenate([np.atleast_1d(loss(y[part], p[part])) for part in (slice(0, 5), slice(5, SAMPLES))])
    alike = whole.shape == halves.shape and np.allclose(whole, halves, rtol=1e-5, atol=1e-6)
    assert alike == (not loss.mixes_samples)


@every_loss
def test_samples_that_are_not_there_do_not_count(name, kind, arguments):
    """Rows that fill a batch up, copies of one that is there, change neither value nor gradient."""
    loss = make(name, arguments)
    if loss.mixes_samples:
        return
    y, p = targets(kind), predictions(kind)
    filled = [np.concatenate([a[:7], np.repeat(a[:1], 5, axis=0)]) for a in (y, p)]
    valid = (np.arange(SAMPLES) < 7).astype("float32")
    expected, gradient = jax.jit(jax.value_and_grad(lambda p: loss(y[:7], p)))(p[:7])
    found, filled_gradient = jax.jit(jax.value_and_grad(lambda p: loss.over_valid(filled[0], p, None, valid)))(filled[1])
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(filled_gradient[:7], gradient, rtol=1e-5, atol=1e-7)
    assert not np.asarray(filled_gradient[7:]).any()


@every_loss
def test_what_is_said_of_targets_is_known_and_holds_for_the_function_too(name, kind, arguments):
    """`fit` looks at targets by it, as the laws below do for those of each row."""
    loss = make(name, arguments)
    assert loss.target_form in {None, *CHECKS}
    assert losses.LossFunctionWrapper(loss.fn).target_form == loss.target_form


# All losses at once, each on an output of its own.


few_or_all = pytest.mark.parametrize("every", [4, slow(1)], ids=["few", "all"])


def all_at_once(every, mixing=None):
    """A model with an output for each row, or one in so many, its inputs and targets."""
    made = {f"{name.lower()}_{i}": (make(name, a), kind) for i, (name, kind, a) in enumerate(p.values for p in ROWS[::every])}
    if mixing is not None:
        made = {name: (loss, kind) for name, (loss, kind) in made.items() if loss.mixes_samples == mixing}
    return make_model({name: kind for name, (_, kind) in made.items()}, loss={name: loss for name, (loss, _) in made.items()})


def assert_same(one, other):
    assert one.keys() == other.keys() and len(one) > 5
    differing = {name: (a, other[name]) for name, a in one.items() if not np.allclose(a, other[name], rtol=1e-4, atol=1e-5)}
    assert not differing


@few_or_all
def test_each_falls_in_a_population_as_alone(every):
    model, x, y = all_at_once(every)
    fitting = {"epochs": 2, "batch_size": 4, "verbose": 0}
    many = fit_many(model, x, y, seeds=[8, 3], turns=False, **fitting)
    assert_same(model.fit(x, y, seed=3, **fitting).history, many[1].history.history)


@few_or_all
def test_a_file_keeps_losses(every, tmp_path):
    model, x, y = all_at_once(every)
    expected = model.evaluate(x, y, batch_size=4, return_dict=True, verbose=0)
    model.save(tmp_path / "m.keras")
    before = dict(program.counts)
    again = kerata.models.load_model(tmp_path / "m.keras")
    assert again.evaluate(x, y, batch_size=4, return_dict=True, verbose=0) == expected
    assert program.counts["compiled"] == before["compiled"]


@few_or_all
def test_the_size_of_batches_makes_no_difference(every):
    """5, 5 and 2 of 12 samples, or all of them, for losses that do not mix samples."""
    model, x, y = all_at_once(every, mixing=False)
    found = [model.evaluate(x, y, batch_size=size, return_dict=True, verbose=0) for size in (5, 12)]
    assert_same(*found)


MESSAGES = [
    (lambda: losses.Huber(reduction="avg"), ValueError, "Invalid value for argument `reduction`. Received: reduction='avg'"),
    (lambda: losses.get("mse_"), ValueError, "Did you mean"),
    (lambda: losses.Loss()(np.zeros(2), np.zeros(2)), NotImplementedError, r"must define `call\(y_true, y_pred\)`"),
    (lambda: losses.MeanSquaredError(axis=1), TypeError, "unknown argument `axis`"),
    (
        lambda: losses.MeanSquaredError()(np.zeros((4, 3)), np.zeros((4, 3)), np.ones(3)),
        ValueError,
        "`sample_weight` must have",
    ),
    (lambda: losses.LossFunctionWrapper(lambda y, p: None)(np.zeros(2), np.zeros(2)), TypeError, "it must give numbers"),
    (lambda: losses.Dice(reduction="none", dtype="float99"), ValueError, "float99"),
]


@pytest.mark.parametrize(("action", "error", "text"), MESSAGES, ids=[text[:40] for _, _, text in MESSAGES])
def test_message(action, error, text):
    with pytest.raises(error, match=text):
        action()
