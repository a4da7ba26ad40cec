"""Models that begin on the host, in a search: what their layers make of the data is each trial's own."""

import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.populations import fit_many
from kerata.search import run

RNG = np.random.default_rng(0)
WORDS = np.array(["good", "bad", "fine", "poor", "film", "plot", "actor", "scene"])
TEXTS = np.array([" ".join(RNG.choice(WORDS, 5)) for _ in range(60)])
NUMBERS = RNG.choice([3, 7, 11], (60, 1))
Y = np.array([float("good" in text) for text in TEXTS])
FOLDS = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]


def of_texts(tokens, units, rate):
    words = layers.TextVectorization(max_tokens=tokens, output_sequence_length=6)
    words.adapt(TEXTS)
    parts = [words, layers.Embedding(12, 4), layers.GlobalAveragePooling1D(), layers.Dense(units, activation="relu")]
    model = kerata.Sequential([kerata.Input((), dtype="string"), *parts, layers.Dense(1, activation="sigmoid")])
    model.compile(kerata.optimizers.Adam(rate), "binary_crossentropy")
    return model


def of_both(tokens, units, rate):
    text, number = kerata.Input((), name="text", dtype="string"), kerata.Input((1,), name="number", dtype="int32")
    words = layers.TextVectorization(max_tokens=tokens, output_mode="multi_hot")
    words.adapt(TEXTS)
    known = layers.IntegerLookup(vocabulary=[3, 7], output_mode="one_hot")(number)
    hidden = layers.Dense(units, activation="relu")(layers.Concatenate()([words(text), known]))
    model = kerata.Model({"text": text, "number": number}, layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(kerata.optimizers.Adam(rate), "binary_crossentropy")
    return model


def of_numbers(tokens, units, rate):
    known = layers.IntegerLookup(vocabulary=[3, 7, 11][: 1 + tokens // 6], output_mode="one_hot")
    model = kerata.Sequential([kerata.Input((1,), dtype="int32"), known, layers.Dense(units), layers.Dense(1)])
    model.compile(kerata.optimizers.Adam(rate), "mse")
    return model


CASES = {
    "texts": (of_texts, TEXTS),
    "a list of texts": (of_texts, TEXTS.tolist()),
    "texts and numbers": (of_both, {"text": TEXTS, "number": NUMBERS}),
    "numbers": (of_numbers, NUMBERS),
}


@pytest.mark.parametrize("case", CASES)
def test_scores_are_those_of_a_loop(case):
    make, x = CASES[case]

    def build(hp):
        return make(hp.choice("tokens", [6, 12]), hp.choice("units", [3, 5]), hp.float("rate", 0.01, 0.1))

    study = run(build, x, Y, cv=FOLDS, trials=4, sampler="random", epochs=2, seed=3, storage=None, verbose=0)
    rows = {"texts and numbers": lambda at: {key: value[at] for key, value in x.items()}}.get(
        case, lambda at: np.asarray(x)[at]
    )
    for trial in study.trials:
        for place, (train, held) in enumerate(FOLDS):
            kerata.utils.set_random_seed(3 + place)
            model = make(**trial.params)
            given = {"validation_data": (rows(held), Y[held]), "seed": 3 + place, "verbose": 0}
            losses = model.fit(rows(train), Y[train], epochs=2, **given).history["val_loss"]
            assert trial.scores[place] == pytest.approx(min(losses), rel=1e-5)
    assert len({trial.params["tokens"] for trial in study.trials}) == 2


@pytest.mark.parametrize("given", [{"validation_split": 0.25}, {"validation_data": (TEXTS[:20], Y[:20])}])
def test_the_best_of_a_search_on_texts(given):
    def build(hp):
        return of_texts(12, 4, hp.float("rate", 0.01, 0.1))

    study = run(build, TEXTS, Y, trials=2, epochs=2, storage=None, verbose=0, **given)
    assert study.best.models[0].predict(TEXTS[:3], verbose=0).shape == (3, 1)
    assert study.best.refit(epochs=1, verbose=0).predict(TEXTS[:3], verbose=0).shape == (3, 1)


def test_many_models_on_texts():
    """Each has a vocabulary of its own."""
    models, alone = ([of_texts(tokens, 4, 0.01) for tokens in (6, 12)] for _ in range(2))
    for twin, model in zip(alone, models, strict=True):
        twin.set_weights(model.get_weights())
    found = fit_many(models, TEXTS, Y, epochs=2, seeds=[3, 3])
    for history, model in zip(found.histories, alone, strict=True):
        wanted = model.fit(TEXTS, Y, epochs=2, seed=3, verbose=0).history["loss"]
        np.testing.assert_allclose(getattr(history, "history", history)["loss"], wanted, rtol=1e-5)


def test_texts_for_a_model_of_numbers():
    def build(hp):
        model = kerata.Sequential([kerata.Input((3,)), layers.Dense(1)])
        model.compile("sgd", "mse")
        return model

    with pytest.raises(TypeError, match="`x` must hold numbers"):
        run(build, TEXTS, Y, cv=2, trials=1, epochs=1, storage=None, verbose=0)
