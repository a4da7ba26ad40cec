"""Models as estimators of scikit-learn: its own checks, and what people do with estimators."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import kerata
from kerata.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(41, 3))
LABELS = np.where(X[:, 0] + X[:, 1] > 0, "up", "down")


def build(X, y, loss="mse", units=(8,), activation=None, rate=0.05):
    kerata.utils.set_random_seed(0)
    hidden = [kerata.layers.Dense(n, "relu") for n in units]
    model = kerata.Sequential([kerata.Input(X.shape[1:]), *hidden, kerata.layers.Dense(y.shape[1], activation)])
    model.compile(kerata.optimizers.Adam(rate), loss)
    return model


CLASSES = {"loss": "categorical_crossentropy", "activation": "softmax"}


@pytest.mark.parametrize(
    "estimator",
    [
        SKLearnClassifier(build, model_kwargs=CLASSES, fit_kwargs={"epochs": 5}),
        SKLearnRegressor(build),
        SKLearnTransformer(build),
    ],
    ids=["classifier", "regressor", "transformer"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_the_checks_of_scikit_learn(estimator):
    results = check_estimator(estimator, on_fail=None)
    assert {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"} == {}
    assert sum(r["status"] == "passed" for r in results) >= 40


def test_a_classifier_learns_and_gives_labels():
    estimator = SKLearnClassifier(build, model_kwargs=CLASSES)
    assert estimator.epoch_ == 0
    assert estimator.fit(X, LABELS, epochs=40, batch_size=8) is estimator
    assert estimator.score(X, LABELS) > 0.9 and estimator.epoch_ == 40
    assert len(estimator.history_.history["loss"]) == 40
    both = estimator.model_.predict(X, verbose=0)
    decided = estimator.decision_function(X)
    np.testing.assert_allclose(decided, both[:, 1] - both[:, 0], atol=1e-6)
    np.testing.assert_array_equal(estimator.predict(X), np.where(decided > 0, "up", "down"))


def test_probabilities_of_a_classifier():
    estimator = SKLearnClassifier(build, model_kwargs=CLASSES, fit_kwargs={"epochs": 3}).fit(X, LABELS)
    found = estimator.predict_proba(X)
    assert found.shape == (41, 2) and found.dtype == np.float64
    np.testing.assert_allclose(found, estimator.model_.predict(X, verbose=0), atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-12)
    votes = VotingClassifier([("a", estimator), ("b", LogisticRegression())], voting="soft").fit(X, LABELS)
    assert votes.predict(X).shape == (41,)
    plain = SKLearnClassifier(build).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"outputs must be probabilities.*End it in softmax"):
        plain.predict_proba(10 * X)


def test_a_regressor_of_several_outputs():
    y = X @ RNG.normal(size=(3, 2))
    estimator = SKLearnRegressor(build, fit_kwargs={"epochs": 3}).fit(X, y)
    assert estimator.predict(X).shape == (41, 2)
    assert estimator.fit(X, y[:, 0]).predict(X).shape == (41,)


def test_nothing_is_printed_unless_it_is_asked_for(capsys):
    estimator = SKLearnClassifier(build, model_kwargs=CLASSES).fit(X, LABELS)
    estimator.predict(X)
    assert capsys.readouterr().out == ""
    estimator.fit(X, LABELS, verbose=2)
    assert "loss" in capsys.readouterr().out


class Scaled(kerata.layers.Layer):
    """A layer that is registered nowhere."""

    def build(self, shape):
        self.scale = self.add_weight((shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * self.scale


def compiled(*layers):
    model = kerata.Sequential([*layers, Scaled(), kerata.layers.Dense(1)])
    model.compile(kerata.optimizers.SGD(0.1), "mse")
    return model


@pytest.mark.parametrize("known", [True, False])
def test_a_model_is_copied_and_not_trained_itself(known):
    y = X[:, 0]
    model = compiled(*[kerata.Input((3,))] * known)
    before = model.get_weights()
    estimator = SKLearnRegressor(model, fit_kwargs={"epochs": 2}).fit(X, y)
    assert estimator.model_ is not model
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert estimator.fit(X, y).model_ is not model


def test_a_warm_start_goes_on():
    y = X[:, 0]
    model = compiled(kerata.Input((3,)))
    estimator = SKLearnRegressor(model, warm_start=True, fit_kwargs={"epochs": 5}).fit(X, y)
    first = estimator.history_.history["loss"]
    assert estimator.model_ is model
    assert estimator.fit(X, y).history_.history["loss"][0] < first[0] / 2
    built = SKLearnRegressor(build, warm_start=True).fit(X, y)
    made = built.model_
    assert built.fit(X, y).model_ is made
    assert built.set_params(warm_start=False).fit(X, y).model_ is not made


def test_clones_have_all_parameters_and_models_of_their_own():
    stop = kerata.callbacks.EarlyStopping("loss")
    estimator = SKLearnRegressor(compiled(kerata.Input((3,))), True, None, {"epochs": 3, "callbacks": [stop]})
    twin = clone(estimator)
    assert twin.model is not estimator.model and twin.warm_start and twin.fit_kwargs["epochs"] == 3
    assert twin.fit_kwargs["callbacks"][0] is not stop
    for ours, theirs in zip(estimator.model.get_weights(), twin.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert clone(SKLearnRegressor(build)).model is build
    twin.fit(X, X[:, 0], epochs=1)
    assert twin.fit_kwargs["epochs"] == 3 and twin.epoch_ == 1


def test_a_fitted_estimator_is_pickled():
    estimator = SKLearnClassifier(build, model_kwargs=CLASSES, fit_kwargs={"epochs": 2}).fit(X, LABELS)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_allclose(again.decision_function(X), estimator.decision_function(X), atol=1e-6)
    assert again.history_.history == estimator.history_.history and list(again.classes_) == ["down", "up"]


def test_pipelines_searches_and_scores():
    estimator = make_pipeline(StandardScaler(), SKLearnClassifier(build, model_kwargs=CLASSES, fit_kwargs={"epochs": 20}))
    grid = {
        "sklearnclassifier__model_kwargs": [{**CLASSES, "rate": rate} for rate in (1e-5, 0.05)],
        "sklearnclassifier__fit_kwargs": [{"epochs": 30}],
    }
    search = GridSearchCV(estimator, grid, cv=3, scoring="roc_auc").fit(X, LABELS)
    assert search.best_params_["sklearnclassifier__model_kwargs"]["rate"] == 0.05 and search.best_score_ > 0.9
    assert cross_val_score(estimator, X, LABELS, cv=3, scoring="accuracy").mean() > 0.7
    assert len(search.best_estimator_[-1].history_.epoch) == 30


def test_a_transformer_is_a_step_of_a_pipeline():
    pipeline = make_pipeline(
        SKLearnTransformer(build, model_kwargs={"units": (4,)}, fit_kwargs={"epochs": 40}), LogisticRegression()
    )
    assert pipeline.fit(X, LABELS == "up").score(X, LABELS == "up") > 0.9
    assert pipeline[0].fit_transform(X, X).shape == (41, 3)


def test_weights_of_samples_are_routed():
    with pytest.raises(RuntimeError, match=r"metadata routing must be enabled"):
        SKLearnRegressor(build).set_fit_request(sample_weight=True)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = make_pipeline(SKLearnRegressor(build, fit_kwargs={"epochs": 5}).set_fit_request(sample_weight=True))
        ends = [estimator.fit(X, X[:, 0], sample_weight=w).predict(X) for w in (np.ones(41), np.zeros(41))]
        assert np.abs(ends[0] - ends[1]).max() > 0.01


@pytest.mark.parametrize(
    ("use", "kind", "text"),
    [
        (
            lambda: SKLearnRegressor(kerata.Sequential([kerata.layers.Dense(1)])).fit(X, X[:, 0]),
            RuntimeError,
            "must be compiled",
        ),
        (lambda: SKLearnRegressor(3).fit(X, X[:, 0]), TypeError, r"`model` must be a Model, or a function.*model=3"),
        (lambda: SKLearnRegressor(lambda X, y: 3).fit(X, X[:, 0]), TypeError, "must give a Model.*result=3"),
        (lambda: SKLearnClassifier(build).fit(X, X[:, 0]), ValueError, "Unknown label type: continuous"),
        (lambda: SKLearnClassifier(build).fit(X, np.zeros(41)), ValueError, "only one class"),
        (lambda: SKLearnTransformer(build).transform(X), NotFittedError, "not fitted"),
        (lambda: SKLearnClassifier(build).predict(X), NotFittedError, "not fitted"),
    ],
)
def test_what_cannot_be_fitted_says_why(use, kind, text):
    with pytest.raises(kind, match=text):
        use()


def test_the_package_is_imported_without_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import kerata\n"
        "try:\n    kerata.wrappers\n"
        "except ImportError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'scikit-learn, 1.6 or later, is needed. Install it: pip install "kerata[data]".' in done.stdout
