"""The order of the weights of subclassed models and own layers in `tf.keras`, with lists and numbers of `tf_keras` 2.21."""

import numpy as np
import pytest

from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names

MODULES = names.build("tfkeras2")
tf = MODULES[""]
layers, Model = tfkeras2.layers, tfkeras2.models.Model
X = np.linspace(-1, 1, 8).reshape(4, 2).astype("float32")


class Inner(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.bn = layers.BatchNormalization(name="bn")
        self.d = None
        self.e = layers.Dense(2, name="e")

    def build(self, input_shape):
        self.stat = self.add_weight(name="stat", shape=(2,), initializer="ones", trainable=False)
        self.own = self.add_weight(name="own", shape=(2,), initializer="ones")
        self.d = layers.Dense(2, name="d")
        super().build(input_shape)

    def call(self, x):
        return self.e(self.bn(self.d(x))) * self.own + self.stat


class Sub(Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = tf.Variable([1.0, 1.0], name="scale")
        self.a = layers.Dense(2, name="a")
        self.bn = layers.BatchNormalization(name="sbn")
        self.blocks = [layers.BatchNormalization(name="l0"), layers.Dense(2, name="l1")]

    def call(self, x):
        x = self.bn(self.a(x)) * self.scale
        for block in self.blocks:
            x = block(x)
        return x


class Top(Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.w = tf.Variable([1.0, 1.0], name="w")
        self.inner, self.sub = Inner(name="inner"), Sub(name="sub")
        self.table = {"z": layers.Dense(2, name="z"), "b": layers.Dense(2, name="b")}

    def call(self, x):
        return self.table["b"](self.table["z"](self.sub(self.inner(x)) * self.w))


def functional():
    given = layers.Input((2,))
    return Model(given, layers.Dense(2, name="od")(Sub(name="fsub")(Inner(name="finner")(given))))


def filled(make):
    model = make()
    model(X)
    random = np.random.RandomState(1)
    model.set_weights([random.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    return model


def short(variables):
    return " ".join("/".join(v.name.removesuffix(":0").split("/")[-2:]) for v in variables)


LISTS = {
    "inner": "inner/own bn/gamma bn/beta e/kernel e/bias d/kernel d/bias inner/stat bn/moving_mean bn/moving_variance",
    "sub": "a/kernel a/bias sbn/gamma sbn/beta sbn/moving_mean sbn/moving_variance l0/gamma l0/beta l1/kernel l1/bias "
    "l0/moving_mean l0/moving_variance scale",
    "frozen sub": "a/kernel a/bias sbn/gamma sbn/beta sbn/moving_mean sbn/moving_variance l0/gamma l0/beta l0/moving_mean "
    "l0/moving_variance l1/kernel l1/bias scale",
    "trained in sub": "a/kernel a/bias sbn/gamma sbn/beta l0/gamma l0/beta l1/kernel l1/bias scale",
    "frozen part of inner": "inner/own e/kernel e/bias d/kernel d/bias inner/stat bn/gamma bn/beta bn/moving_mean "
    "bn/moving_variance",
}


def test_lists():
    model = filled(Top)
    assert short(model.inner.weights) == LISTS["inner"]
    assert short(model.sub.weights) == short(model.sub.variables) == LISTS["sub"]
    assert short(model.sub.trainable_weights) == LISTS["trained in sub"]
    ends = "b/kernel b/bias z/kernel z/bias w"
    assert short(model.weights) == f"{LISTS['inner']} {LISTS['sub']} {ends}"
    assert [layer.name for layer in model.layers] == ["inner", "sub", "b", "z"]
    model.inner.bn.trainable = model.sub.trainable = False
    assert short(model.inner.weights) == LISTS["frozen part of inner"]
    assert short(model.sub.weights) == LISTS["frozen sub"]
    assert model.sub.trainable_weights == []


@pytest.mark.parametrize(
    ("make", "before", "after"),
    [
        (Top, [21.2994, 12.9529], [[0.199, 0.632], [0.188, 0.627], [0.178, 0.623], [0.167, 0.618]]),
        (functional, [10.533, 6.7089], [[3.385, 2.372], [4.454, 2.939], [5.523, 3.506], [6.592, 4.073]]),
    ],
)
def test_weights_by_order_train_and_come_back_from_files(make, before, after, tmp_path):
    model = filled(make)
    np.testing.assert_allclose(model(X).numpy()[0], before, atol=1e-4)
    model.save_weights(tmp_path / "w.h5")
    model.compile("sgd", "mse")
    model.fit(X, X * 0.5, shuffle=False, epochs=3, verbose=0)
    np.testing.assert_allclose(model(X).numpy(), after, atol=1e-3)
    for named in (True, False):
        other = make()
        other(X)
        if not named:
            other.layers[-1]._name = "another"
        other.load_weights(tmp_path / "w.h5")
        np.testing.assert_allclose(other(X).numpy()[0], before, atol=1e-4)


def test_variables_stand_where_they_were_made():
    class Mixed(layers.Layer):
        def __init__(self):
            super().__init__()
            self.first = tf.Variable(1.0, name="first")

        def build(self, input_shape):
            self.add_weight(name="second", shape=())
            self.third = tf.Variable(1.0, name="third")
            self.fourth = self.add_weight(name="fourth", shape=())

        def call(self, x):
            return x

    layer = Mixed()
    layer(X)
    assert [v.name.split("/")[-1].removesuffix(":0") for v in layer.weights] == ["first", "second", "third", "fourth"]
