"""Laws that every callback keeps: one table of instances, many small laws.

A new callback gets a row: (name, a function of a folder that makes one).
"""

import numpy as np
import pytest

import kerata
from kerata import callbacks, layers
from kerata.engine import program
from kerata.populations import fit_many

RNG = np.random.default_rng(0)
X = RNG.normal(size=(27, 3)).astype("float32")
# Of noise: the loss of validation turns early.
Y = RNG.normal(size=(27, 1)).astype("float32")
FITTING = {"epochs": 5, "batch_size": 8, "validation_data": (X[:9], -Y[:9]), "verbose": 0}
# The base of all others, and the list of a run; what needs Orbax, a server, and an optimizer that keeps averages.
OTHERS = {"Callback", "CallbackList", "OrbaxCheckpoint", "RemoteMonitor", "SwapEMAWeights"}
ROWS = {
    "BackupAndRestore": lambda folder: callbacks.BackupAndRestore(folder / "backup"),
    "CSVLogger": lambda folder: callbacks.CSVLogger(folder / "log.csv"),
    "Doctor": lambda folder: callbacks.Doctor(),
    "EarlyStopping": lambda folder: callbacks.EarlyStopping(patience=1, restore_best_weights=True),
    "History": lambda folder: callbacks.History(),
    "LambdaCallback": lambda folder: callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
    "LearningRateScheduler": lambda folder: callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5),
    "ModelCheckpoint": lambda folder: callbacks.ModelCheckpoint(folder / "best.weights.h5", save_weights_only=True),
    "ProgbarLogger": lambda folder: callbacks.ProgbarLogger(),
    "ReduceLROnPlateau": lambda folder: callbacks.ReduceLROnPlateau(patience=1, factor=0.25),
    "TensorBoard": lambda folder: callbacks.TensorBoard(folder / "logs"),
    "TerminateOnNaN": lambda folder: callbacks.TerminateOnNaN(),
}
every_callback = pytest.mark.parametrize("name", ROWS)


def make():
    kerata.utils.set_random_seed(3)
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(4, activation="tanh"), layers.Dense(1)])
    model.compile(kerata.optimizers.SGD(0.3), "mse")
    return model


def trained(callback, **more):
    """The history and the weights of a fresh model, with no other model's names in them."""
    model = make()
    history = model.fit(X, Y, seed=3, callbacks=callback, **{**FITTING, **more})
    return history.history, model.get_weights()


def assert_same(one, other):
    assert one[0].keys() == other[0].keys()
    for name, curve in one[0].items():
        np.testing.assert_allclose(other[0][name], curve, rtol=1e-5, atol=1e-6, err_msg=name)
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def test_every_callback_has_a_row():
    kinds = {name for name, value in vars(callbacks).items() if isinstance(value, type)}
    assert kinds - OTHERS == set(ROWS)


@every_callback
def test_a_row_is_of_what_it_says(name, tmp_path):
    assert type(ROWS[name](tmp_path)).__name__ == name


@every_callback
def test_a_callback_that_was_used_begins_anew(name, tmp_path):
    """A second run of the same callback is as its first one, and needs no other program."""
    callback = ROWS[name](tmp_path)
    first = trained(callback)
    before = dict(program.counts)
    assert_same(first, trained(callback))
    assert program.counts == before


class EveryBatch(callbacks.Callback):
    """Makes the loop stop behind every batch."""

    def on_train_batch_end(self, batch, logs=None):
        pass


@every_callback
def test_how_the_loop_is_cut_makes_no_difference(name, tmp_path):
    """Several epochs in one call of the program, or a batch in each, end in the same."""
    assert_same(trained(ROWS[name](tmp_path)), trained([ROWS[name](tmp_path), EveryBatch()]))


@every_callback
def test_a_member_of_a_population_has_what_it_would_have_alone(name, tmp_path):
    (tmp_path / "alone").mkdir()

    def of_member(index):
        folder = tmp_path / str(index)
        folder.mkdir(exist_ok=True)
        return [ROWS[name](folder)]

    many = fit_many(make(), X, Y, seeds=[5, 3], callbacks=of_member, turns=False, **FITTING)
    assert_same(trained(ROWS[name](tmp_path / "alone")), (many[1].history.history, many[1].model.get_weights()))


HOOKS = sorted(name for name in dir(callbacks.Callback) if name.startswith("on_") and name != "on_progress")


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_cannot_be_called_is_refused(hook):
    """Before anything is trained: owner, hook, and what it should look like."""
    counted = "epoch" in hook or "batch" in hook
    first = "epoch" if "epoch" in hook else "batch"
    own = type("Own", (callbacks.Callback,), {hook: (lambda self, number: None) if counted else (lambda self: None)})
    written = rf"`def {hook}\(self, {f'{first}, ' if counted else ''}logs=None\)`"
    model = make()
    with pytest.raises(
        TypeError, match=rf"^Own: its hook `{hook}` cannot be called. Received: {hook}={hook}\(.*Write {written}"
    ):
        model.fit(X, Y, callbacks=[own()], verbose=0)
    assert model.optimizer.iterations == 0


def test_a_hook_given_as_a_function_is_held_to_the_same():
    with pytest.raises(TypeError, match=r"LambdaCallback: its hook `on_epoch_end`.*Give a function of \(epoch, logs\)"):
        make().fit(X, Y, callbacks=callbacks.LambdaCallback(on_epoch_end=lambda epoch: None), verbose=0)


def test_hooks_in_other_forms_are_called():
    calls = []

    class Own(callbacks.Callback):
        def on_epoch_begin(self, *args):
            calls.append("begin")

        @staticmethod
        def on_epoch_end(epoch, logs):
            calls.append("end")

        def on_train_end(self, logs=None, more=3):
            calls.append("over")

    make().fit(X, Y, callbacks=[Own()], verbose=0)
    assert calls == ["begin", "end", "over"]
    calls.clear()
    follower = callbacks.CallbackList()
    follower.append(Own())
    follower.on_epoch_end(0)
    assert calls == ["end"]
    with pytest.raises(TypeError, match="its hook `on_train_end` cannot be called"):
        follower.append(type("Late", (Own,), {"on_train_end": lambda self: None})())
