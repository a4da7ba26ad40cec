"""A subclass of a user's own may call its attributes and methods what it likes."""

import inspect

import numpy as np
import pytest

import kerata
from kerata.models.model import Model
from kerata.training.trainer import Trainer

X = np.random.default_rng(0).normal(size=(10, 3)).astype("float32")
Y = X.sum(1)
# What people call their own things. Names that Keras itself has on a model are not theirs.
TAKEN = ["_plan", "_plans", "_prepare", "_objective", "_measures", "_trackers", "_predictor", "_feed", "_train", "_exact"]
TAKEN += ["_validation", "_evaluation", "_step", "_structure", "_compile_arguments", "_scales_loss", "_one_batch"]
TAKEN += ["prepare", "plan", "step", "steps", "objective", "feed", "findings", "placement", "structure", "train", "prepared"]
# Private names of Keras's own, and the two that keep what training needs.
OURS = {"_compilation", "_programs_of_predict", "_start_trainer", "_bookkeeping"}
KERAS = {"_compute_loss", "_loss_tracker", "_compile_loss", "_compile_metrics", "_update_metrics_variables"}


class Own(Model):
    def __init__(self):
        super().__init__()
        self.dense = kerata.layers.Dense(1)
        for name in TAKEN:
            setattr(self, name, "a user's own")

    def call(self, inputs):
        return self.dense(inputs)


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict", "train_on_batch", "cross_validate"])
def test_attributes_of_any_name_do_no_harm(method):
    model = Own()
    model.compile("sgd", "mse", metrics=["mae"])
    if method == "predict":
        assert model.predict(X, verbose=0).shape == (10, 1)
    elif method == "cross_validate":
        assert len(model.cross_validate(X, Y, cv=2).histories) == 2
    else:
        getattr(model, method)(X, Y, **({} if method == "train_on_batch" else {"verbose": 0}))
    assert all(getattr(model, name) == "a user's own" for name in TAKEN)


def test_what_trains_adds_few_private_names_to_a_model():
    classes = [cls for cls in Trainer.__mro__ if cls.__module__.startswith("kerata.training")]
    names = {name for cls in classes for name in vars(cls) if name.startswith("_") and not name.startswith("__")}
    set_by_start = {name for name in vars(kerata.Sequential()) if name in inspect.getsource(Trainer._start_trainer)}
    private = {name for name in names | set_by_start if name.startswith("_") and not name.startswith("_abc")}
    assert private <= OURS | KERAS
