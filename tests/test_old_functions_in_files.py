"""Functions of TensorFlow in files of `tf.keras`, as it names them, and shapes that programs compute in functional models."""

import json
import marshal
import math
import warnings

import h5py
import numpy as np
import pytest

import kerata
from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names
from kerata.saving.legacy.bytecode import read_formula
from kerata.saving.legacy.formulas import formula

tf = names.build("tfkeras2")[""]
K = tfkeras2.backend
X = np.random.default_rng(0).uniform(0.05, 0.95, (3, 4)).astype("float32")

# What `tf_keras` 2.21 writes: (function, the arguments beside the first), one after the other; what comes out, by NumPy.
CHAINS = {
    "K.batch_dot": (
        [("expand_dims", {"axis": 1}), ("linalg.matmul", {"b": None, "transpose_b": True}), ("compat.v1.squeeze", {"axis": 1})],
        lambda x: (x * x).sum(1, keepdims=True),
    ),
    "K.argmax": ([("math.argmax", {"axis": -1}), ("one_hot", {"depth": 4, "axis": -1})], lambda x: np.eye(4)[x.argmax(1)]),
    "tf.argmax": ([("math.argmax", {}), ("cast", {"dtype": "float32"})], lambda x: x.argmax(0).astype("float32")),
    "K.cumsum": ([("math.cumsum", {"axis": 1})], lambda x: x.cumsum(1)),
    "K.reverse": ([("reverse", {"axis": [1], "name": None})], lambda x: x[:, ::-1]),
    "K.l2_normalize": ([("math.l2_normalize", {"axis": 1})], lambda x: x / np.sqrt((x * x).sum(1, keepdims=True))),
    "K.permute_dimensions": (
        [("expand_dims", {"axis": -1}), ("compat.v1.transpose", {"perm": [0, 2, 1]})],
        lambda x: x[:, None, :],
    ),
    "K.temporal_padding": (
        [("expand_dims", {"axis": -1}), ("compat.v1.pad", {"paddings": [[0, 0], [1, 1], [0, 0]]})],
        lambda x: np.pad(x, [(0, 0), (1, 1)])[..., None],
    ),
    "tf.gather": ([("compat.v1.gather", {"indices": [0, 2], "axis": 1})], lambda x: x[:, [0, 2]]),
    "tf.nn.gelu": ([("nn.gelu", {})], lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / np.sqrt(2)))),
    "tf.norm": ([("compat.v1.norm", {"ord": "euclidean", "axis": 1})], lambda x: np.linalg.norm(x, axis=1)),
    "tf.split": ([("split", {"num_or_size_splits": [1, 3], "axis": 1})], lambda x: [x[:, :1], x[:, 1:]]),
    "tf.math.top_k": (
        [("math.top_k", {"k": 2, "sorted": True})],
        lambda x: [np.sort(x)[:, ::-1][:, :2], np.argsort(-x)[:, :2]],
    ),
    "tf.image.resize": (
        [("reshape", {"shape": [-1, 2, 2, 1]}), ("image.resize", {"size": [4, 4], "method": "nearest"})],
        lambda x: x.reshape(-1, 2, 2, 1).repeat(2, 1).repeat(2, 2),
    ),
    "tf.nn.avg_pool2d": (
        [("reshape", {"shape": [-1, 2, 2, 1]}), ("nn.avg_pool2d", {"ksize": [1, 2, 2, 1], "strides": 2, "padding": "VALID"})],
        lambda x: x.mean(1).reshape(-1, 1, 1, 1),
    ),
    "K.batch_flatten": ([("expand_dims", {"axis": -1}), ("keras.backend.batch_flatten", {})], lambda x: x),
}


def described(chain):
    """The description of a model that calls functions one after the other."""
    entry = {"class_name": "InputLayer", "name": "x", "inbound_nodes": []}
    layers = [{**entry, "config": {"batch_input_shape": [None, 4], "dtype": "float32", "sparse": False, "name": "x"}}]
    last, ends = "x", [["x", 0, 0]]
    for function, others in chain:
        # A product takes what it is called on twice.
        others = {
            key: [last, 0, 0] if function == "linalg.matmul" and value is None else value for key, value in others.items()
        }
        name = f"tf.{function}"
        layers.append(
            {
                "class_name": "TFOpLambda",
                "config": {"name": name, "trainable": True, "dtype": "float32", "function": function},
                "name": name,
                "inbound_nodes": [[last, 0, 0, others]],
            }
        )
        last, ends = name, [[name, 0, index] for index in range(2 if function in ("split", "math.top_k") else 1)]
    config = {"name": "model", "trainable": True, "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": ends}
    return json.dumps({"class_name": "Functional", "config": config, "keras_version": "2.21.0", "backend": "tensorflow"})


@pytest.mark.parametrize("of", list(CHAINS))
def test_functions_are_read_by_the_names_that_tf_keras_gives_them(of):
    chain, compute = CHAINS[of]
    model = kerata.models.model_from_json(described(chain))
    found, expected = model.predict(X, verbose=0), compute(X)
    for mine, right in zip(*(one if isinstance(expected, list) else [one] for one in (found, expected)), strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "function, others",
    [
        ("math.cumsum", {"axis": 1, "exclusive": True}),
        ("split", {"num_or_size_splits": [1, -1], "axis": 1}),
        ("nn.dropout", {"rate": 0.5}),
        ("nn.avg_pool2d", {"ksize": [2, 2, 2, 1], "strides": 2, "padding": "VALID"}),
    ],
)
def test_what_would_compute_something_else_is_refused_by_its_name(function, others):
    with pytest.raises(NotImplementedError, match=rf"layer tf\.{function}: .*not read"):
        kerata.models.model_from_json(described([(function, others)]))


@pytest.mark.parametrize("places, shape", [([0], [None, 2, 2]), ([1], [-1, 2, 2])], ids=["samples", "another"])
def test_a_size_in_the_shape_of_a_reshape_follows_from_the_others(places, shape):
    """`tf.reshape(x, [tf.shape(x)[0], 2, 2])`, as `tf_keras` writes it."""
    plain = json.loads(described([("reshape", {"shape": [["size", 0, 0], 2, 2] if places == [0] else [-1, ["size", 0, 0]]})]))
    config = {"trainable": True, "dtype": "float32"}
    plain["config"]["layers"][1:1] = [
        {
            "class_name": "TFOpLambda",
            "config": {"name": "shape", "function": "compat.v1.shape", **config},
            "name": "shape",
            "inbound_nodes": [["x", 0, 0, {"out_type": "int32"}]],
        },
        {
            "class_name": "SlicingOpLambda",
            "config": {"name": "size", "function": "__operators__.getitem", **config},
            "name": "size",
            "inbound_nodes": [["shape", 0, 0, {"slice_spec": places[0]}]],
        },
    ]
    if places == [1]:
        # Two sizes that follow from others cannot be said.
        with pytest.raises(NotImplementedError, match=r"compat\.v1\.shape"):
            kerata.models.model_from_json(json.dumps(plain))
        return
    model = kerata.models.model_from_json(json.dumps(plain))
    np.testing.assert_array_equal(model.predict(X, verbose=0), X.reshape(3, 2, 2))
    assert [layer.name for layer in model.layers] == ["x", "tf.reshape"]


# Shapes that a functional model computes

SHAPES = {
    "fill": (lambda x: tf.fill([tf.shape(x)[0], 3], 2.0), lambda x: np.full((3, 3), 2.0), (None, 3)),
    "ones": (lambda x: tf.ones(tf.shape(x)) + x, lambda x: x + 1, (None, 4)),
    "zeros": (lambda x: tf.zeros(tf.stack([tf.shape(x)[0] * 2, 2])), lambda x: np.zeros((6, 2)), (None, 2)),
    "range": (
        lambda x: tf.cast(tf.range(tf.shape(x)[0]), "float32")[:, None] * x,
        lambda x: np.arange(3)[:, None] * x,
        (None, 4),
    ),
    "reshape": (lambda x: tf.reshape(x, tf.concat([tf.shape(x)[:-1], [2, 2]], 0)), lambda x: x.reshape(3, 2, 2), (None, 2, 2)),
    "tile": (
        lambda x: tf.tile(tf.constant([[1.0, 2.0]]), [tf.shape(x)[0], 1]),
        lambda x: np.tile([[1.0, 2.0]], (3, 1)),
        (None, 2),
    ),
    "broadcast_to": (lambda x: tf.broadcast_to(x[:1], tf.shape(x)), lambda x: np.broadcast_to(x[:1], x.shape), (None, 4)),
    "K.reshape": (lambda x: K.reshape(x, (K.shape(x)[0] * 2, 2)), lambda x: x.reshape(6, 2), (None, 2)),
    "size": (lambda x: tf.cast(tf.size(x), "float32") * x, lambda x: 12 * x, (None, 4)),
}


@pytest.mark.parametrize("of", list(SHAPES))
def test_sizes_are_numbers_when_a_model_runs(of):
    make, compute, shape = SHAPES[of]
    x = tfkeras2.Input((4,))
    outputs = make(x)
    assert outputs.shape == shape
    model = tfkeras2.Model(x, outputs)
    np.testing.assert_allclose(model.predict(X, verbose=0), compute(X), rtol=1e-6)
    # Another number of samples is another one of sizes.
    assert model.predict(X[:2], verbose=0).shape[0] in (2, 4)


def test_draws_of_a_computed_shape_are_drawn_anew():
    x = tfkeras2.Input((4,))
    model = tfkeras2.Model(x, x + tf.random.normal(tf.shape(x)))
    first, second = (model.predict(np.zeros((500, 4), "float32"), verbose=0) for _ in range(2))
    assert (first != second).all() and abs(first.std() - 1) < 0.1 and abs(first.mean()) < 0.1


# Functions of K in files

OF_K = {
    "batch_dot": lambda x: K.batch_dot(K.expand_dims(x), K.expand_dims(x), axes=2),
    "batch_dot alone": lambda x: K.batch_dot(x, x),
    "clip": lambda x: K.clip(x, 0.2, 0.5) + K.maximum(x, 0.5) * K.minimum(x, 0.5) + K.abs(x),
    "switch": lambda x: K.switch(K.greater(x, 0.5), x, -x),
    "reverse": lambda x: K.reverse(x, 1) + K.cumsum(x, 1) + K.l2_normalize(x, 1),
    "repeat": lambda x: K.repeat_elements(x, 2, 1) + K.reshape(K.repeat(x, 2), (-1, 8)),
    "whole numbers": lambda x: K.one_hot(K.argmax(x), 4),
}


@pytest.mark.parametrize("of", list(OF_K))
def test_functions_of_k_stand_in_files(of, tmp_path):
    x = tfkeras2.Input((4,))
    model = tfkeras2.Model(x, OF_K[of](x))
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Keras 3 does not read operations")
        model.save(tmp_path / "model.h5")
    for name in ("model.keras", "model.h5"):
        again = kerata.models.load_model(tmp_path / name)
        np.testing.assert_allclose(again.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6)


# Lambda layers

PAIR = [np.random.default_rng(1).normal(size=(2, 3, 4)).astype("float32") for _ in range(2)]
LAMBDAS = {
    "batch_dot": (lambda x: K.batch_dot(x[0], x[1], axes=[2, 2]), lambda a, b: np.einsum("bik,bjk->bij", a, b)),
    "batch_dot alone": (lambda x: K.batch_dot(x[0], x[1][:, 0]), lambda a, b: np.einsum("bik,bk->bi", a, b[:, 0])),
    "concatenate": (lambda x: K.concatenate([x[0], x[1] * 2]), lambda a, b: np.concatenate([a, b * 2], -1)),
    "the whole input": (lambda x: K.concatenate(x, axis=1), lambda a, b: np.concatenate([a, b], 1)),
    "clip": (lambda x: K.clip(K.maximum(x[0], x[1]), -0.5, 0.5), lambda a, b: np.maximum(a, b).clip(-0.5, 0.5)),
    "std": (lambda x: K.std(x[0], axis=1) - K.min(x[1], axis=1), lambda a, b: a.std(1) - b.min(1)),
}


@pytest.mark.parametrize("of", list(LAMBDAS))
def test_formulas_of_two_parts_are_read_from_instructions_and_computed(of):
    function, compute = LAMBDAS[of]
    steps = read_formula(marshal.dumps(function.__code__))
    if of == "batch_dot alone":
        # A slice is not on the list.
        assert steps is None
        steps = ["batch_dot", ["item", "x", 0], ["item", "x", 1]]
        np.testing.assert_allclose(formula([PAIR[0], PAIR[1][:, 0]], steps), compute(*PAIR), rtol=1e-5)
        return
    np.testing.assert_allclose(formula(PAIR, steps), compute(*PAIR), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("steps", [["batch_dot", "x"], ["clip", "x", {"axis": 1}], ["concatenate", "x"], ["list", "x"]])
def test_parts_that_a_function_has_not_are_refused(steps):
    with pytest.raises(ValueError, match="formula"):
        formula(X, steps)


# What a model adds to its loss


def test_terms_that_a_model_adds_are_left_out_with_a_word(tmp_path):
    """A variational autoencoder of `tf.keras`: a layer of it serves the loss alone."""
    x = tfkeras2.Input((4,), name="x")
    model = tfkeras2.Model(x, tfkeras2.layers.Dense(2, name="mean")(x))
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        plain = json.loads(file.attrs["model_config"])
        layers = plain["config"]["layers"]
        spread = json.loads(json.dumps(layers[1]))
        spread["name"] = spread["config"]["name"] = "spread"
        total = {"name": "total", "trainable": True, "dtype": "float32", "function": "math.reduce_mean"}
        layers += [
            spread,
            {"class_name": "TFOpLambda", "config": total, "name": "total", "inbound_nodes": [["spread", 0, 0, {"axis": None}]]},
            {
                "class_name": "AddLoss",
                "config": {"name": "add_loss", "trainable": True, "dtype": "float32", "unconditional": False},
                "name": "add_loss",
                "inbound_nodes": [[["total", 0, 0, {}]]],
            },
        ]
        file.attrs["model_config"] = json.dumps(plain)
        weights = file["model_weights"]
        weights.copy("mean", "spread")
        weights.attrs["layer_names"] = [*weights.attrs["layer_names"], b"spread", b"total", b"add_loss"]
        for name in ("total", "add_loss"):
            weights.create_group(name).attrs["weight_names"] = np.array([], "S1")
    with pytest.warns(UserWarning, match=r"1 term\(s\) of the loss .* are left out: it predicts as before"):
        again = kerata.models.load_model(tmp_path / "model.h5")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    assert [layer.name for layer in again.layers] == ["x", "mean"]


@pytest.mark.parametrize("name", [["x"], {"a": 1}, None, 3])
def test_layers_whose_names_are_no_text_are_refused(name):
    plain = json.loads(described([("math.cumsum", {"axis": 1})]))
    shape = {"class_name": "TFOpLambda", "config": {"function": "compat.v1.shape"}, "name": name, "inbound_nodes": name}
    added = {"class_name": "AddLoss", "config": {}, "name": name, "inbound_nodes": name}
    plain["config"]["layers"] += [shape, {**shape, "config": [1]}, added]
    with pytest.warns(UserWarning, match="are left out"):
        model = kerata.models.model_from_json(json.dumps(plain))
    np.testing.assert_allclose(model.predict(X, verbose=0), X.cumsum(1), rtol=1e-6)
    plain["config"]["layers"].pop()
    with pytest.raises(ValueError, match=r"must have a name of its own|described by"):
        kerata.models.model_from_json(json.dumps(plain))
