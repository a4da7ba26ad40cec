"""Models whose own step calls its loss otherwise than `"loss"`, in what is made of many trainings."""

import jax
import numpy as np
import pytest

import kerata
from kerata import layers, ops, search

X = np.random.default_rng(0).random((24, 3), "float32")


class Named(kerata.Model):
    """Gives each of `names` the same number."""

    def __init__(self, *names):
        super().__init__()
        self.dense, self.trackers = layers.Dense(1), [kerata.metrics.Mean(name=name) for name in names]

    @property
    def metrics(self):
        return self.trackers

    def call(self, inputs):
        return self.dense(inputs)

    def _count(self, loss, measured):
        logs, kept = {}, []
        for place, tracker in enumerate(self.trackers):
            kept += tracker.stateless_update_state(measured[2 * place : 2 * place + 2], loss)
            logs[tracker.name] = tracker.stateless_result(kept[2 * place :])
        return logs, kept

    def train_step(self, state, data):
        trained, others, slots, measured = state

        def objective(trained):
            outputs, _ = self.stateless_call(trained, others, data, training=True)
            return ops.mean(ops.square(outputs - 1))

        loss, gradients = jax.value_and_grad(objective)(trained)
        trained, slots = self.optimizer.stateless_apply(slots, gradients, trained)
        logs, measured = self._count(loss, measured)
        return logs, (trained, others, slots, measured)

    def test_step(self, state, data):
        trained, others, measured = state
        outputs, _ = self.stateless_call(trained, others, data, training=False)
        logs, measured = self._count(ops.mean(ops.square(outputs - 1)), measured)
        return logs, (trained, others, measured)


def build(*names):
    model = Named(*names)
    model.compile(kerata.optimizers.SGD(0.1))
    return model


def test_folds_and_rates():
    folds = build("kl", "total_loss").cross_validate(X, cv=2)
    assert "folds total_loss goes from" in str(folds)
    assert "spread_of_folds" in [finding.kind for finding in folds.examine(experiments=False).findings]
    assert build("triplet").lr_find(X, points=3, epochs=1, low=1e-3, high=1e-1).losses.shape == (3,)
    with pytest.raises(ValueError, match=r"a loss among what .* Received: measures=\['d_loss', 'g_loss'\]"):
        build("d_loss", "g_loss").lr_find(X, points=3, epochs=1)


def test_an_objective_that_nobody_measures_is_named():
    said = "val_loss is not among what is measured: triplet, val_triplet"
    compared = search.compare(build("triplet"), X, optimizers=["sgd", "adam"], cv=2)
    assert compared.failed == {"sgd": said, "adam": said}
    study = search.run(lambda hp: build("triplet"), X, trials=1, cv=2, storage=None, verbose=0)
    assert study.trials[0].error == said
