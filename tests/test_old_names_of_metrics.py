"""Under which names programs of then found their own functions in a history: as they are written, in each era.

The names are those of tf_keras 2.21 and of Keras 1.2.2 and 2.3.1 (`metric_fn.__name__`).
"""

import numpy as np
import pytest

from kerata import legacy
from kerata.legacy import keras1, keras2, tfkeras2

ERAS = {"keras1": (keras1, "nb_epoch"), "keras2": (keras2, "epochs"), "tfkeras2": (tfkeras2, "epochs")}


@pytest.mark.parametrize("era", ERAS)
def test_functions_are_called_as_they_are_written(era):
    keras, epochs = ERAS[era]
    K = keras.backend

    def GBVPP_loss(y_true, y_pred):
        return K.mean(K.abs(y_true - y_pred))

    class MeanOfAll:
        def __call__(self, y_true, y_pred):
            return K.mean(y_pred)

    model = keras.models.Sequential([keras.layers.Dense(1, input_shape=(2,))])
    own = [GBVPP_loss, lambda y_true, y_pred: K.mean(y_pred)]
    model.compile("sgd", "mse", metrics=[*own, MeanOfAll()] if era == "tfkeras2" else own)
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1))
    found = model.fit(x, y, verbose=0, validation_data=(x, y), **{epochs: 1}).history
    names = ["loss", "GBVPP_loss", "<lambda>"] + (["mean_of_all"] if era == "tfkeras2" else [])
    assert set(found) == {*names, *(f"val_{name}" for name in names)}
    assert model.metrics_names == names


@pytest.mark.parametrize("era, sign", [("keras2", 1), ("keras22", -1)])
def test_the_cosine_is_a_measure_of_its_own_since_keras_2_3(era, sign):
    """`metrics.py` of 2.3.1 has a `cosine_proximity` without the minus of the loss; before, it was the loss itself."""
    keras = getattr(legacy, era)
    model = keras.models.Sequential([keras.layers.Dense(2, input_shape=(2,), weights=[np.eye(2), np.zeros(2)])])
    x, y = np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.6, 0.8]])
    measures = ["cosine_proximity", "cosine", keras.metrics.cosine_proximity, keras.losses.cosine_proximity]
    model.compile("sgd", "mse", metrics=measures)
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0)[1:], [sign * 0.6] * 3 + [-0.6], rtol=1e-6)
    model.compile("sgd", "cosine_proximity")
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), -0.6, rtol=1e-6)


def test_metrics_by_the_name_of_their_class_are_counted_in_each_compile():
    """As `tf_keras` 2.21 names them, so that a cross-validation finds `val_auc` in each fold."""
    begin = tfkeras2.layers.Input((2,))
    a, b = (tfkeras2.layers.Dense(1, activation="sigmoid", name=name)(begin) for name in "ab")
    model = tfkeras2.Model(begin, [a, b])
    x, y = np.ones((2, 2)), np.array([0.0, 1.0])
    tfkeras2.metrics.AUC()
    for _ in range(2):
        model.compile("sgd", "binary_crossentropy", metrics={"b": "AUC", "a": ["AUC", "Precision"]}, weighted_metrics=["AUC"])
        found = model.test_on_batch(x, [y, y], return_dict=True)
        assert list(found)[3:] == ["a_auc", "a_precision", "a_auc_2", "b_auc_1", "b_auc_3"]


def test_binary_accuracy_is_one_number_a_sample():
    found = tfkeras2.metrics.binary_accuracy([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]], [[0.2, 0.7, 0.4], [0.6, 0.6, 0.1]])
    np.testing.assert_allclose(found.numpy(), [2 / 3, 2 / 3])


class Times(tfkeras2.metrics.Mean):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state((y_pred - y_true) * self.factor, sample_weight)

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def test_a_model_of_tensorflow_lists_its_metrics_one_by_one(tmp_path):
    model = tfkeras2.models.Sequential([tfkeras2.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=[Times(3.0, name="times")])
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1))
    model.fit(x, y, verbose=0)
    assert [metric.name for metric in model.metrics] == ["loss", "mae", "times"]
    assert model.metrics[-1].factor == 3.0
    model.save(tmp_path / "model.h5")
    again = tfkeras2.models.load_model(tmp_path / "model.h5", custom_objects={"Times": Times})
    assert again.metrics[-1].factor == 3.0
    again.reset_metrics()
    assert float(again.metrics[-1].result()) == 0


@pytest.mark.parametrize("name", ["SensitivityAtSpecificity", "SpecificityAtSensitivity", "SparseCategoricalCrossentropy"])
def test_configs_of_keras_2_make_the_metric_again(name):
    made = getattr(keras2.metrics, name)(*[0.5] * (name != "SparseCategoricalCrossentropy"), name="m")
    config = made.get_config()
    assert not {"class_id", "ignore_class"} & set(config)
    assert type(made).from_config(config).get_config() == config
