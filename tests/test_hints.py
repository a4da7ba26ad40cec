"""What today's methods say of what only earlier versions of Keras had."""

import numpy as np
import pytest

import kerata

X, Y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")


def model():
    made = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(2)])
    made.compile("sgd", "mse")
    return made


@pytest.mark.parametrize(
    ("method", "arguments", "text"),
    [
        ("fit", {"nb_epoch": 2}, "Keras 1 called it `nb_epoch`; today `epochs`. To run old code as it is: kerata run"),
        ("fit", {"epoch": 2}, "fit: unknown argument `epoch`. Received: epoch=2. Did you mean 'epochs'"),
        ("fit", {"workers": 2}, "Keras 2 had `workers`, which means nothing today"),
        ("evaluate", {"show_accuracy": True}, "evaluate: unknown argument `show_accuracy`"),
        ("predict", {"max_queue_size": 3}, "Keras 2 had `max_queue_size`"),
        ("compile", {"class_mode": "binary"}, "Keras 1 had `class_mode`"),
        ("train_on_batch", {"reset_metrics": True}, "Keras 2 had `reset_metrics`"),
    ],
)
def test_an_argument_of_then_is_named(method, arguments, text):
    given = {"compile": ("sgd", "mse"), "predict": (X,)}.get(method, (X, Y))
    with pytest.raises(TypeError) as error:
        getattr(model(), method)(*given, **arguments)
    assert text in str(error.value)


@pytest.mark.parametrize(
    "name", ["fit_generator", "evaluate_generator", "predict_generator", "predict_classes", "predict_proba"]
)
def test_a_method_of_then_is_named(name):
    with pytest.raises(AttributeError, match=rf"{name}.*earlier versions of Keras had it; today .*kerata run"):
        getattr(model(), name)
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        model().fitt(X, Y)
    assert not hasattr(model(), name)


def test_errors_of_a_users_own_code_pass_through():
    class Mine(kerata.Model):
        def call(self, inputs):
            return self.missing(nb_epoch=inputs)

        def missing(self, epochs):
            return epochs

    made = Mine()
    made.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"missing\(\) got an unexpected keyword argument 'nb_epoch'"):
        made.fit(X, Y, verbose=0)
