"""The state of optimizers of models with weights of a single number, in old files. The losses are those of `tf_keras` 2.21."""

import h5py
import numpy as np
import pytest

from kerata.legacy import tfkeras2 as keras
from kerata.optimizers import Adam, Nadam, RMSprop
from kerata.saving.legacy.form import Source
from kerata.saving.legacy.optimizer_state import split_by_order

R = np.random.RandomState(0)
X, Y = R.rand(16, 6, 4).astype("float32"), R.rand(16, 1).astype("float32")


class Scale(keras.layers.Layer):
    def build(self, shape):
        self.s = self.add_weight(name="s", shape=(), initializer="ones")
        self.k = self.add_weight(name="k", shape=(shape[-1],), initializer="ones")
        self.b = self.add_weight(name="b", shape=(), initializer="zeros")
        super().build(shape)

    def call(self, inputs):
        return inputs * self.s * self.k + self.b


def trained(make):
    x = keras.layers.Input((6, 4))
    hidden = Scale(name="sc")(keras.layers.Dense(4, name="d")(x))
    model = keras.Model(x, keras.layers.Dense(1, name="end")(keras.layers.Flatten()(hidden)))
    model.compile(make(0.01), "mse")
    r = np.random.RandomState(1)
    model.set_weights([np.asarray(r.rand(*w.shape), "float32") * 0.3 + 0.1 for w in model.get_weights()])
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    return model


def losses(model):
    """Of an epoch as before, and of one at twice the rate."""
    first = model.fit(X, Y, batch_size=8, shuffle=False, verbose=0).history["loss"]
    model.optimizer.learning_rate = 0.02
    return first + model.fit(X, Y, batch_size=8, shuffle=False, verbose=0).history["loss"]


def rename(path):
    """Gives the state the names of `tf.keras` since 2.11: the slot behind the optimizer's name, beside them the rate."""
    with h5py.File(path, "a") as file:
        group = file["optimizer_weights"]
        kept = {name.decode(): np.asarray(group[name.decode()]) for name in group.attrs["weight_names"]}
        del file["optimizer_weights"]
        group, names = file.create_group("optimizer_weights"), []
        for name, value in kept.items():
            kind, *weight, slot = name.split("/")
            new = "iteration:0" if slot == "iter:0" else f"{kind}/{slot.partition(':')[0]}/{'/'.join(weight)}:0"
            group[new] = value
            names.append(new)
            if slot == "iter:0":
                group["learning_rate:0"] = np.float32(0.01)
                names.append("learning_rate:0")
        group.attrs["weight_names"] = np.array([name.encode() for name in names])


@pytest.mark.parametrize("newer", [False, True])
@pytest.mark.parametrize("kind, right", [("Adam", [2.92420, 1.69464]), ("RMSprop", [1.42437, 0.72898])])
def test_a_weight_of_one_number_keeps_its_state(kind, right, newer, tmp_path):
    trained(getattr(keras.optimizers, kind)).save(tmp_path / "m.h5")
    if newer:
        rename(tmp_path / "m.h5")
    again = keras.models.load_model(tmp_path / "m.h5", custom_objects={"Scale": Scale})
    np.testing.assert_allclose(losses(again), right, rtol=2e-5)


@pytest.mark.parametrize("optimizer, own, slots", [(Adam, 1, 3), (Adam, 1, 2), (RMSprop, 0, 1), (RMSprop, 1, 1), (Nadam, 2, 2)])
@pytest.mark.parametrize("shapes", [[()], [(), (2,)], [(2,), ()]])
def test_numbers_that_an_optimizer_kept_of_itself_are_told_from_those_of_weights(optimizer, own, slots, shapes):
    arrays = [Source("x", shape, lambda: np.zeros(())) for shape in [()] * own + shapes * slots]
    scalars, kept = split_by_order(optimizer(), arrays, len(shapes))
    assert (len(scalars), len(kept)) == (own, slots * len(shapes))
