"""`FeatureSpace` in programs of `tf.keras`: it gives tensors, of the types of `tf_keras` 2.21."""

import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.legacy.tensorflow.names import build

tf = build("tfkeras2")[""]
TABLE = {"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]}


@pytest.fixture
def space():
    made = keras.utils.FeatureSpace(
        {"a": "float_normalized", "b": keras.utils.FeatureSpace.string_categorical(output_mode="int")}, output_mode="dict"
    )
    made.adapt(tf.data.Dataset.from_tensor_slices(TABLE))
    return made


def test_it_shows_tensors(space, tmp_path):
    space.save(tmp_path / "space.keras")
    for one in (space, keras.models.load_model(tmp_path / "space.keras")):
        found = one({"a": tf.constant([1.0, 2.0]), "b": tf.constant(["y", "z"])})
        np.testing.assert_allclose(found["a"].numpy(), [[-1.2247448], [0.0]], rtol=1e-6)
        assert found["b"].numpy().tolist() == [[2], [0]]
        assert (found["a"].dtype, found["b"].dtype) == (tf.float32, tf.int64)


def test_it_stands_in_data_and_models(space):
    (batch,) = tf.data.Dataset.from_tensor_slices(TABLE).map(space).batch(3)
    assert batch["b"].numpy().ravel().tolist() == [1, 2, 1]
    model = keras.Model(space.get_inputs(), space.get_encoded_features())
    found = model.predict({"a": np.array([[3.0]]), "b": np.array([["x"]])}, verbose=0)
    np.testing.assert_allclose([found["a"], found["b"]], [[[1.2247448]], [[1]]], rtol=1e-6)
