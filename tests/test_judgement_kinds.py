"""Kinds of findings that are easily taken for one another."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits

import kerata
from kerata import layers, regularizers
from kerata.engine.traces import can_differ

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("values", "is_category"), [([1], True), ([1, 2, 5, 9], False)])
def test_a_column_of_many_values_is_no_category_that_training_lacks(values, is_category):
    x, held = RNG.integers(0, 10, (120, 6)) / 10, RNG.integers(0, 10, (120, 6)) / 10
    x[:, 2], held[:, 2] = 0, np.where(RNG.random(120) < 0.2, RNG.choice(values, 120), 0)
    model = kerata.Sequential([kerata.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(x, x[:, :1], epochs=3, validation_data=(held, held[:, :1]), verbose=0)
    assert ("category_missing" in history.examine(experiments=False).kinds) == is_category


def test_a_penalty_that_falls_still_is_too_much():
    x, y = load_digits(return_X_y=True)
    hidden = [layers.Dense(32, activation="relu", kernel_regularizer=regularizers.L2(rate)) for rate in (0.01, 1.0)]
    model = kerata.Sequential([kerata.Input((64,)), *hidden, layers.Dense(10, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x / 16, y, epochs=25, validation_split=0.2, verbose=0, seed=0)
    loss = history.history["loss"]
    assert loss[-5] / loss[-1] > 1.05
    finding = history.examine()[0]
    assert finding.kind == "too_much_l2" and "an L2 penalty of 1: a trial without it ended at" in finding.sentence


@pytest.mark.parametrize(("patience", "is_early"), [(1, True), (10, False)])
def test_a_run_that_is_stopped_on_a_steep_part_is_stopped_too_early(patience, is_early):
    x, y = load_digits(return_X_y=True)
    model = kerata.Sequential([kerata.Input((64,)), layers.Dense(32, "relu"), layers.Dense(10, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    stop = kerata.callbacks.EarlyStopping(patience=patience, min_delta=0.1)
    history = model.fit(x / 16, y, epochs=100, validation_split=0.25, callbacks=stop, verbose=0, seed=0)
    assert len(history.epoch) <= 30
    assert (history.examine(experiments=False).kinds[0] == "stopped_too_early") == is_early


@pytest.mark.parametrize(("call", "expected"), [("plain", False), ("random", True), ("host", True)])
def test_a_second_look_is_taken_where_it_may_differ(call: str, expected: bool):
    def function(x: jax.Array, key: jax.Array) -> jax.Array:
        if call == "random":
            return x + jax.random.uniform(key, x.shape)
        if call == "host":
            return jax.jit(lambda x: jax.pure_callback(lambda x: x, jax.ShapeDtypeStruct((3,), "float32"), x))(x)
        return x * 2

    traced = jax.jit(function).trace(jnp.ones(3), jnp.zeros((2,), jnp.uint32)).jaxpr.jaxpr
    assert can_differ(traced, traced.invars[-1]) is expected


def test_what_a_tanh_gives_is_said_rightly():
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(1, activation="tanh")])
    model.compile("adam", "binary_crossentropy")
    history = model.fit(RNG.normal(size=(20, 3)), np.arange(20) % 2, verbose=0)
    finding = history.examine(experiments=False)[0]
    assert finding.kind == "no_probabilities" and "tanh, which gives numbers from -1 to 1." in finding.sentence


@pytest.mark.parametrize("moved", [0, 1])
@pytest.mark.parametrize("count", [2, 3])
def test_labels_of_the_validation_that_are_coded_otherwise(count: int, moved: int):
    rng = np.random.default_rng(0)
    y = rng.integers(0, count, 300)
    x = (np.eye(count)[y] * 4 + rng.normal(size=(300, count))).astype("float32")
    output = layers.Dense(count, activation="softmax")
    model = kerata.Sequential([kerata.Input((count,)), layers.Dense(16, activation="relu"), output])
    model.compile(kerata.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"])
    held = (x[200:], (y[200:] + moved) % count)
    history = model.fit(x[:200], y[:200], epochs=20, validation_data=held, verbose=0, seed=0)
    kinds = history.examine(experiments=False).kinds
    assert (kinds[0] == "labels_differ") == bool(moved) and not (moved and "overfitting" in kinds)


def test_one_class_in_validation_is_no_other_coding():
    x = np.concatenate([RNG.normal(-2, 1, (150, 2)), RNG.normal(2, 1, (50, 2))]).astype("float32")
    y = np.repeat([0, 1], [150, 50])
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(1, activation="sigmoid")])
    model.compile(kerata.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=10, validation_split=0.2, verbose=0, seed=0)
    assert history.examine(experiments=False).kinds[0] == "sorted_split"


@pytest.mark.parametrize("form", ["dict", "list"])
def test_each_of_several_outputs_is_looked_at(form: str):
    x = RNG.normal(size=(60, 4)).astype("float32")
    inputs = kerata.Input((4,))
    hidden = layers.Dense(8, activation="relu")(inputs)
    made = [layers.Dense(2, name="b")(hidden), layers.Dense(1, activation="softmax", name="a")(hidden)]
    made.append(layers.Dense(1, activation="sigmoid", name="c")(hidden))
    targets = [x[:, :2], (x[:, :1] > 0) * 1.0, x[:, 1:2] * 5]
    losses = ["mse", "binary_crossentropy", "mse"]
    if form == "dict":
        made, targets, losses = (dict(zip("bac", values, strict=True)) for values in (made, targets, losses))
    model = kerata.Model(inputs, made)
    model.compile("adam", losses)
    found = model.fit(x, targets, epochs=2, verbose=0).examine(experiments=False)
    assert found.kinds[:2] == ["softmax_of_one", "targets_out_of_reach"] and "layer_never_changes" not in found.kinds
    assert [finding.sentence[:9] for finding in found[:2]] == ["Output a:", "Output c:"]
