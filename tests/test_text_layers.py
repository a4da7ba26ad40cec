"""Layers that number words and texts, held against what Keras gives on TensorFlow; and as the first layers of models."""

import json
from pathlib import Path

import numpy as np
import pytest

import kerata
from kerata import layers
from text_cases import CASES

RECORDED = json.loads((Path(__file__).parent / "text_layers.json").read_text())["cases"]


NAMES = [f"{number} {case[0]} {case[1]}" for number, case in enumerate(CASES)]


@pytest.mark.parametrize("number", range(len(CASES)), ids=NAMES)
def test_equals_keras(number):
    (name, arguments, seen, asked), right = CASES[number], RECORDED[number]
    layer = getattr(layers, name)(**arguments)
    if seen is not None:
        layer.adapt(np.array(seen))
    assert list(layer.get_vocabulary()) == right["vocabulary"]
    assert layer.vocabulary_size() == right["size"]
    found, values = np.asarray(layer(np.array(asked))), right["output"]["values"]
    counts = layer.output_mode != "int"  # Keras says float, in models, and gives whole numbers.
    assert found.dtype == ("float32" if counts else "object" if arguments.get("invert") and name[0] == "S" else "int32")
    assert found.shape == np.shape(values)
    if found.dtype.kind == "f":
        np.testing.assert_allclose(found, values, rtol=1e-6)
    else:
        assert found.tolist() == values
    # As lists, as bytes, as objects: the same numbers; and from a config, with the vocabulary that was seen.
    np.testing.assert_array_equal(np.asarray(layer(asked)), found)
    if name != "IntegerLookup" and not arguments.get("invert"):
        in_bytes = np.char.encode(np.array(asked), "utf-8")
        np.testing.assert_array_equal(np.asarray(layer(in_bytes)), found)
        np.testing.assert_array_equal(np.asarray(layer(np.array(asked, object))), found)
    again = type(layer).from_config(json.loads(json.dumps(kerata.saving.serialize_keras_object(layer.get_config()))))
    assert again.get_config() == layer.get_config()
    spec = layer.compute_output_spec(kerata.Input(np.shape(asked)[1:], dtype="string"))
    assert spec.dtype == ("string" if found.dtype.kind == "O" else found.dtype.name)
    assert all(size in (None, real) for size, real in zip(spec.shape, found.shape, strict=True))


TEXTS = np.array(["a good film", "bad, bad film", "what a film!", "bad"] * 8)
LABELS = np.array([1, 0, 1, 0] * 8)


def vectorizer(**arguments):
    layer = layers.TextVectorization(**{"output_sequence_length": 5, **arguments})
    layer.adapt(TEXTS)
    return layer


def tail():
    return [layers.Embedding(20, 4, mask_zero=True), layers.GlobalAveragePooling1D(), layers.Dense(1, "sigmoid")]


def classifier(form):
    if form == "functional":
        texts, numbers = kerata.Input((), dtype="string", name="texts"), kerata.Input((2,), name="numbers")
        embedded = layers.GlobalAveragePooling1D()(layers.Embedding(20, 4)(vectorizer()(texts)))
        model = kerata.Model({"texts": texts, "numbers": numbers}, layers.Dense(1)(layers.Concatenate()([embedded, numbers])))
    else:
        first = [kerata.Input((1,), dtype="string")] if form == "with input" else []
        model = kerata.Sequential([*first, vectorizer(), *tail()])
    model.compile("adam", "binary_crossentropy" if form != "functional" else "mse")
    return model


def data_of(form):
    return {"texts": TEXTS, "numbers": np.ones((32, 2), "float32")} if form == "functional" else TEXTS


FORMS = pytest.mark.parametrize("form", ["list", "with input", "functional"])


@FORMS
def test_a_model_takes_texts_from_training_to_file(form, tmp_path):
    """The same numbers as a model that is given the numbers of the words."""
    model, x = classifier(form), data_of(form)
    model.predict(x, verbose=0)
    behind = [layer for layer in model.layers if layer.weights]
    plain_texts, plain_numbers = kerata.Input((5,), dtype="int32"), kerata.Input((2,))
    embedding, dense = layers.Embedding(20, 4, mask_zero=form != "functional"), layers.Dense(1, behind[-1].activation)
    embedded = layers.GlobalAveragePooling1D()(embedding(plain_texts))
    if form == "functional":
        plain = kerata.Model([plain_texts, plain_numbers], dense(layers.Concatenate()([embedded, plain_numbers])))
        given = [np.asarray(vectorizer()(TEXTS)), x["numbers"]]
    else:
        plain, given = kerata.Model(plain_texts, dense(embedded)), np.asarray(vectorizer()(TEXTS))
    plain.compile("adam", model.loss)
    plain.set_weights(model.get_weights())
    histories = [
        each.fit(data, LABELS, epochs=3, batch_size=5, shuffle=False, validation_split=0.25, verbose=0).history
        for each, data in ((model, x), (plain, given))
    ]
    for name, values in histories[1].items():
        np.testing.assert_allclose(histories[0][name], values, rtol=1e-5)
    right = plain.predict(given, verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), right, rtol=1e-5)
    np.testing.assert_allclose(model(x), right, rtol=1e-5)
    assert model.evaluate(x, LABELS, verbose=0) == pytest.approx(plain.evaluate(given, LABELS, verbose=0), rel=1e-5)
    model.save(tmp_path / "model.keras")
    again = kerata.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), right, rtol=1e-5)
    if form != "functional":
        assert again.predict(["a film"], verbose=0).shape == (1, 1)


@FORMS
def test_batches_of_texts(form):
    model, x = classifier(form), data_of(form)
    model.predict(x, verbose=0)
    start = model.get_weights()

    def part(first):
        return {key: value[first : first + 8] for key, value in x.items()} if isinstance(x, dict) else x[first : first + 8]

    class Data(kerata.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return part(8 * index), LABELS[8 * index : 8 * index + 8]

    losses = []
    for data in (Data(), list(Data()), (batch for batch in Data()), None):
        model.set_weights(start)
        model.compile("sgd", "mse")
        if data is None:
            ran = model.fit(x, LABELS, batch_size=8, shuffle=False, verbose=0)
        elif isinstance(data, list):
            ran = model.fit(iter(data), steps_per_epoch=4, validation_data=Data(), verbose=0)
        else:
            ran = model.fit(data, steps_per_epoch=4, shuffle=False, verbose=0)
        losses.append(ran.history["loss"][0])
    np.testing.assert_allclose(losses, losses[-1], rtol=1e-5)
    assert model.predict(part(0), verbose=0).shape == (8, 1)
    assert np.isfinite(model.train_on_batch(part(0), LABELS[:8])) and np.isfinite(model.test_on_batch(part(0), LABELS[:8]))


def test_populations_of_models_that_take_texts():
    model = classifier("with input")
    result = model.cross_validate(TEXTS, LABELS, cv=2, epochs=2, seed=0, verbose=0)
    assert np.isfinite(result.scores["loss"]).all()
    trained = kerata.search.fit_many(classifier("with input"), TEXTS, LABELS, copies=2, epochs=2, verbose=0)
    assert len(trained) == 2


def test_layers_on_the_host_say_where_they_can_stand():
    layer = vectorizer()
    with pytest.raises(ValueError, match="cannot be called within a program"):

        class Inside(kerata.Model):
            def call(self, x):
                return layer(x)

        model = Inside()
        model.compile("sgd", "mse")
        model.predict(np.ones((2, 1)), verbose=0)
    with pytest.raises(ValueError, match="texts go into the program"):
        kerata.Model(texts := kerata.Input((1,), dtype="string"), texts)

    class Within(layers.Layer):
        def compute_output_shape(self, input_shape):
            return (input_shape[0], 4)

        def call(self, x):
            return layer(x)

    with pytest.raises(ValueError, match="not in a layer of your own"):
        kerata.Model(texts := kerata.Input((1,), dtype="string"), Within()(texts))
    behind = layers.IntegerLookup(vocabulary=[1, 2])
    numbers = kerata.Input((1,))
    with pytest.raises(ValueError, match="stands behind one that the program runs"):
        kerata.Model(numbers, behind(layers.Dense(1)(numbers)))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: layers.TextVectorization()(["a"]), "there must be a vocabulary before"),
        (lambda: layers.TextVectorization(standardize="upper"), "standardize"),
        (lambda: layers.TextVectorization(output_mode="count", output_sequence_length=3), "is for `output_mode='int'`"),
        (lambda: layers.TextVectorization(ragged=True), "ragged tensors are not supported"),
        (lambda: layers.TextVectorization(vocabulary=["a", "a"]), "at least one repeated term"),
        (lambda: layers.TextVectorization(vocabulary=["a"]).adapt(["b"]), "cannot be adapted"),
        (lambda: layers.TextVectorization().adapt([]), "needs at least one text"),
        (lambda: vectorizer()(np.array(["a", None], object)), "Fill missing values"),
        (lambda: vectorizer()(np.ones((2, 1))), "it takes texts"),
        (lambda: vectorizer()([["a", "b"]]), "in a second one of size 1"),
        (lambda: layers.Hashing(3)([[None]]), "Fill missing values"),
        (lambda: layers.Hashing(3, salt="a"), "`salt` must be a whole number"),
        (lambda: layers.Hashing(3, dtype="float32"), "must be a type of whole numbers"),
        (lambda: layers.HashedCrossing(3)(np.ones(3)), "at least two inputs"),
        (lambda: layers.HashedCrossing(3)([np.ones(3), np.ones(3)]), "texts or whole numbers"),
        (lambda: layers.HashedCrossing(3)([np.arange(3), np.arange(2)]), "must have one shape"),
        (lambda: layers.IntegerLookup(salt=3), "goes with `oov_method='farmhash'`"),
        (lambda: layers.StringLookup(vocabulary=["a"], num_oov_indices=0)([["b"]]), "all inputs should be in the vocabulary"),
        (lambda: layers.StringLookup(max_tokens=2, vocabulary=["a", "b"]), "larger than `max_tokens`"),
        (lambda: layers.StringLookup(vocabulary="/none.txt"), "no such file of a vocabulary"),
        (lambda: layers.StringLookup(vocabulary=["a"], output_mode="tf_idf"), "come together or not at all"),
        (lambda: layers.IntegerLookup(vocabulary=[1])([[0.5]]), "it takes whole numbers"),
        (lambda: layers.IntegerLookup(max_tokens=1), "`max_tokens` must be greater than 1"),
    ],
)
def test_what_is_wrong_is_said(make, words):
    with pytest.raises((ValueError, TypeError, NotImplementedError), match=words):
        make()


def test_a_vocabulary_may_stand_in_a_file(tmp_path):
    (tmp_path / "words.txt").write_text("red\ngreen\n\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=tmp_path / "words.txt")
    assert layer.get_vocabulary() == ["[UNK]", "red", "green"]


def test_functions_of_a_user_s_own():
    layer = layers.TextVectorization(
        standardize=lambda texts: np.char.upper(texts), split=lambda texts: [text.split("-") for text in texts]
    )
    layer.adapt(["a-b", "b"])
    assert layer.get_vocabulary() == ["", "[UNK]", "B", "A"]
    assert layer(["b-a-c"]).tolist() == [[2, 3, 1]]
