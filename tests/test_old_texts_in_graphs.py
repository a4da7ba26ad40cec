"""Functions of TensorFlow on the texts of a functional model. The numbers are those of `tf_keras` 2.21."""

import numpy as np
import pandas
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow import names

tf = names.build("tfkeras2")[""]
layers = keras.layers


def test_a_graph_takes_texts_through_functions_to_a_lookup():
    texts, numbers = keras.Input(shape=(), dtype=tf.string, name="texts"), keras.Input((1,), name="numbers")
    column = tf.expand_dims(texts, -1)
    assert tuple(column.shape) == (None, 1) and column.dtype == "string"
    places = layers.StringLookup(vocabulary=["a", "b"])(column)
    flat = layers.Flatten()(layers.Embedding(3, 2, embeddings_initializer="ones")(places))
    outputs = layers.Dense(1, kernel_initializer="ones")(layers.concatenate([flat, numbers]))
    model = keras.Model([texts, numbers], outputs)
    assert any(layer.name.startswith("tf.expand_dims") for layer in model.layers)
    model.compile("sgd", "mse")
    x, y = [np.array(["a", "b", "c", "A"]), np.arange(4.0)[:, None]], np.ones((4, 1))
    assert model.predict(x, verbose=0).ravel().tolist() == [2.0, 3.0, 4.0, 5.0]
    assert model.fit(x, y, epochs=2, verbose=0).history["loss"] == pytest.approx([7.5, 5.628011])
    data = tf.data.Dataset.from_tensor_slices(({"texts": x[0], "numbers": x[1]}, y)).batch(2)
    assert len(model.fit(data, epochs=1, verbose=0).history["loss"]) == 1


def test_what_functions_of_texts_give():
    texts = keras.Input(shape=(1,), dtype="string")
    changed = tf.strings.regex_replace(tf.strings.lower(texts), "x", "a")
    both = tf.concat([changed, texts], axis=1)
    assert tuple(both.shape) == (None, 2)
    places = layers.StringLookup(vocabulary=["a", "b"])(both)
    model = keras.Model(texts, [places, tf.strings.length(texts), tf.cast(tf.equal(texts, "b"), tf.float32)])
    found = model.predict(np.array([["A"], ["xb"], ["b"]]), verbose=0)
    assert [one.tolist() for one in found] == [[[1, 0], [0, 0], [2, 2]], [[1], [2], [1]], [[0.0], [0.0], [1.0]]]
    assert found[1].dtype == np.int32


def test_such_a_graph_cannot_be_written(tmp_path):
    texts = keras.Input(shape=(1,), dtype="string")
    model = keras.Model(texts, layers.StringLookup(vocabulary=["a"])(tf.strings.lower(texts)))
    with pytest.raises(NotImplementedError, match=r"tf\.strings\.lower of texts stands in the graph"):
        model.save(tmp_path / "model.keras")


def test_columns_of_a_frame_in_their_graph():
    """As in TensorFlow's tutorial of frames: an axis is added in the graph, before the look-up."""
    texts, numbers = keras.Input((), dtype=tf.string, name="texts"), keras.Input((), dtype=tf.int64, name="numbers")
    first = layers.StringLookup(vocabulary=["u", "v"], output_mode="one_hot")(texts[:, tf.newaxis])
    second = layers.IntegerLookup(vocabulary=[5, 6], output_mode="one_hot")(tf.expand_dims(numbers, -1))
    third = layers.IntegerLookup(vocabulary=[5, 6], output_mode="one_hot")(numbers[:, tf.newaxis])
    model = keras.Model({"texts": texts, "numbers": numbers}, tf.concat([first, second, third], axis=-1))
    frame = pandas.DataFrame({"texts": ["u", "v", "x"], "numbers": [5, 6, 9]})
    right = [[0, 1, 0] * 3, [0, 0, 1] * 3, [1, 0, 0] * 3]
    assert model(dict(frame)).numpy().tolist() == model.predict(dict(frame), verbose=0).tolist() == right


def test_a_model_in_a_row_without_an_input_takes_other_ranks():
    model = keras.Sequential([layers.Dense(4)])
    for shape in ((2, 1, 3), (2, 3), (2, 2, 2, 3)):
        assert tuple(model(np.ones(shape)).shape) == model.predict(np.ones(shape), verbose=0).shape == (*shape[:-1], 4)


@pytest.mark.parametrize("split", [tf.strings.split, lambda texts: tf.strings.split(texts).to_tensor()])
def test_functions_of_a_user_s_own_give_tensors_of_words(split):
    layer = layers.TextVectorization(standardize=tf.strings.lower, split=split)
    layer.adapt(["a b b", "B"])
    assert layer.get_vocabulary() == ["", "[UNK]", "b", "a"]
    model = keras.Sequential([layer, layers.Embedding(4, 1, embeddings_initializer="ones")])
    assert layer(["b a c", "A"]).numpy().tolist() == [[2, 3, 1], [3, 0, 0]]
    assert model.predict(np.array(["b a c", "A"]), verbose=0).shape == (2, 3, 1)


def test_rows_of_different_lengths_of_a_text_layer():
    layer = layers.TextVectorization(ragged=True)
    layer.adapt(["a b b", "B"])
    rows = layer(tf.constant(["b a c", "A"]))
    assert rows.to_list() == [[2, 3, 1], [3]] and rows.dtype == tf.int64
    assert rows[:, :-1].to_tensor().numpy().tolist() == [[2, 3], [0, 0]]
    assert layer("b a").numpy().tolist() == [2, 3] and layer.get_config()["ragged"] is True
    # Rows of equal lengths are no array.
    assert layer(tf.constant(["a", "b"])).to_list() == [[3], [2]]
    data = tf.data.Dataset.from_tensor_slices(["b a c", "A"]).batch(2).map(lambda texts: layer(texts).to_tensor())
    assert next(iter(data)).numpy().tolist() == [[2, 3, 1], [3, 0, 0]]
    with pytest.raises(ValueError, match="Leave `ragged` out"):
        layer(keras.Input((), dtype="string"))
    with pytest.raises(ValueError, match="`ragged` is for `output_mode='int'`"):
        layers.TextVectorization(ragged=True, output_mode="multi_hot")


def test_functions_of_a_text_layer_in_files_are_found_by_their_registered_names(tmp_path):
    @keras.utils.register_keras_serializable(package="texts")
    def lowered(texts):
        return tf.strings.lower(texts)

    @keras.utils.register_keras_serializable(package="texts")
    def distance(true, predicted):
        return tf.reduce_mean(tf.abs(true - predicted), axis=-1)

    layer = layers.TextVectorization(standardize=lowered, vocabulary=["a", "b"])
    model = keras.Sequential([keras.Input((1,), dtype="string"), layer, layers.Embedding(4, 1), layers.GlobalMaxPooling1D()])
    model.compile("sgd", distance, metrics=[distance])
    x = tf.constant([["A b"], ["b"]])
    for name in ("model", "model.h5", "model.keras"):
        model.save(tmp_path / name)
        again = keras.models.load_model(tmp_path / name)
        np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0))
        assert again.loss is distance
    assert keras.models.model_from_json(model.to_json()).layers[0].get_config()["standardize"] is not None


@pytest.mark.parametrize("declared", [False, True], ids=["shape of call", "declared shape"])
@pytest.mark.parametrize("form", ["graph", "chain"])
def test_a_mask_that_functions_of_tensorflow_make(form, declared):
    """As of a layer that adds positions to words: its `compute_mask` is a comparison of TensorFlow's."""

    class Words(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.table = keras.layers.Embedding(9, 2, embeddings_initializer="ones")

        def call(self, inputs):
            return self.table(inputs)

        def compute_mask(self, inputs, mask=None):
            return tf.math.not_equal(inputs, 0)

    class Shaped(Words):
        def compute_output_shape(self, input_shape):
            return (*input_shape, 2)

    class Total(keras.layers.Layer):
        def call(self, x, mask=None):
            return tf.reduce_sum(x * tf.cast(mask, x.dtype)[:, :, tf.newaxis], axis=1)

    words = Shaped() if declared else Words()
    if form == "chain":
        model = keras.Sequential([words, Total()])
    else:
        inputs = keras.Input((None,), dtype="int64")
        model = keras.Model(inputs, Total()(words(inputs)))
    model.compile("sgd", "mse")
    x = np.array([[1, 2, 0], [4, 0, 0], [3, 3, 3]])
    assert model(x).numpy().tolist() == model.predict(x, verbose=0).tolist() == [[2, 2], [1, 1], [3, 3]]
    assert model.evaluate(x, np.zeros((3, 2)), verbose=0) == pytest.approx(14 / 3)
