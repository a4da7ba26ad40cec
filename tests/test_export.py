"""Models as files: ONNX Runtime and JAX alone give what the model gives, for numbers of samples that nobody said."""

import sys

import jax
import numpy as np
import onnx
import onnxruntime
import pytest

import kerata
from kerata import layers, ops

RNG = np.random.default_rng(0)
onnxruntime.set_default_logger_severity(3)


def numbers(*shape):
    return RNG.normal(size=shape).astype("float32")


def picture_model():
    x = kerata.Input((12, 12, 1))
    y = layers.Conv2D(4, 3, padding="same", use_bias=False)(x)
    y = layers.Activation("relu")(layers.BatchNormalization()(y))
    y = layers.Dropout(0.3)(layers.MaxPooling2D()(y))
    return kerata.Model(x, layers.Dense(10, activation="softmax")(layers.Flatten()(y))), numbers(5, 12, 12, 1)


def convolutions():
    x = kerata.Input((14, 14, 2))
    y = layers.Conv2D(4, 3, strides=2, padding="same", groups=2)(x)
    y = layers.SeparableConv2D(6, 3, padding="same", dilation_rate=2)(y)
    y = layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2)(y)
    y = layers.Conv2DTranspose(5, 3, strides=2, padding="same")(y)
    y = layers.MaxPooling2D(3, strides=2, padding="same")(layers.AveragePooling2D(3, strides=1, padding="same")(y))
    y = layers.Conv2DTranspose(4, 4, strides=3, output_padding=1)(layers.UpSampling2D(interpolation="bilinear")(y))
    return kerata.Model(x, layers.GlobalMaxPooling2D()(y)), numbers(5, 14, 14, 2)


def mobilenet():
    return kerata.applications.MobileNet(input_shape=(32, 32, 3), alpha=0.25, weights=None, classes=7), numbers(5, 32, 32, 3)


WORDS = RNG.integers(1, 20, (5, 7)).astype("int32")
WORDS[0, 4:], WORDS[1, 2:] = 0, 0


def text_model():
    x = kerata.Input((None,), dtype="int32")
    y = layers.Embedding(20, 6, mask_zero=True)(x)
    y = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(y)
    return kerata.Model(x, layers.Dense(1, activation="sigmoid")(layers.GRU(4)(y))), WORDS


def states():
    x = kerata.Input((6, 3))
    masked = layers.Masking()(x)
    kinds = (layers.LSTM, layers.GRU, layers.SimpleRNN)
    outputs = [kind(4, return_sequences=True, return_state=True, go_backwards=True)(masked) for kind in kinds]
    given = numbers(5, 6, 3)
    given[0, 3:] = 0
    return kerata.Model(x, [y for several in outputs for y in several]), given


def transformer():
    x = kerata.Input((None,), dtype="int32")
    y = layers.Embedding(20, 8, mask_zero=True)(x)
    y = layers.LayerNormalization()(layers.MultiHeadAttention(2, 4)(y, y, use_causal_mask=True) + y)
    return kerata.Model(x, layers.Dense(3)(layers.GlobalAveragePooling1D()(y))), WORDS


def several():
    left, right = kerata.Input((3,), name="left"), kerata.Input((4,), name="right")
    both = layers.Concatenate()([left, right])
    outputs = [layers.Dense(2, name="one")(both), layers.Dense(3, name="other")(both)]
    return kerata.Model([left, right], outputs), [numbers(5, 3), numbers(5, 4)]


def dicts():
    x, y = kerata.Input((3,), name="b"), kerata.Input((4,), name="a")
    both = layers.Concatenate()([x, y])
    model = kerata.Model({"b": x, "a": y}, {"z": layers.Dense(2)(both), "y": layers.Dense(3)(both)})
    return model, {"b": numbers(5, 3), "a": numbers(5, 4)}


def nested():
    inner = kerata.Sequential([kerata.Input((4,)), layers.Dense(3, activation="gelu"), layers.Dense(3, activation="selu")])
    x = kerata.Input((4,))
    return kerata.Model(x, inner(x) + inner(x * 2)), numbers(5, 4)


def open_sizes():
    x = kerata.Input((None, None, 3))
    y = layers.MaxPooling2D()(layers.Conv2D(4, 3, padding="same", activation="relu")(x))
    return kerata.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(y))), numbers(5, 9, 10, 3)


class Twice(kerata.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.norm = layers.Dense(3), layers.BatchNormalization()

    def call(self, inputs, training=False):
        return self.norm(self.dense(inputs), training=training)


def subclassed():
    model, given = Twice(), numbers(5, 4)
    model(given)
    return model, given


def few_bits():
    model = kerata.Sequential([kerata.Input((8,)), layers.Dense(4, activation="relu"), layers.Dense(2)])
    model.quantize("int8")
    return model, numbers(5, 8)


MODELS = [
    picture_model,
    convolutions,
    mobilenet,
    text_model,
    states,
    transformer,
    several,
    dicts,
    nested,
    open_sizes,
    subclassed,
    few_bits,
]


def stir(model):
    """Weights away from their first values, so that none is 0 or 1."""
    for weight in model.weights:
        if weight.dtype == "float32":
            weight.assign(np.asarray(weight) + RNG.uniform(0, 0.1, weight.shape))
    return model


def opened(model, path, **how):
    model.export(path, format="onnx", verbose=False, **how)
    onnx.checker.check_model(str(path), full_check=True)
    return onnxruntime.InferenceSession(str(path))


def agree(session, model, given, tolerance=1e-5, sizes=(5, 1, 2)):
    expected = jax.tree.leaves(model.predict(given, verbose=0))
    for size in sizes:
        leaves = [leaf[:size] for leaf in jax.tree.leaves(given)]
        found = session.run(None, {port.name: leaf for port, leaf in zip(session.get_inputs(), leaves, strict=True)})
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.dtype == theirs.dtype
            np.testing.assert_allclose(ours, theirs[:size], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_a_model_gives_the_same_in_onnxruntime(make, tmp_path):
    model, given = make()
    agree(opened(stir(model), tmp_path / "m.onnx"), model, given)


OPERATIONS = {
    "sort": lambda x: ops.sort(x),
    "argsort": lambda x: ops.argsort(x),
    "top_k": lambda x: ops.top_k(x, 2)[0],
    "argmax": lambda x: ops.argmax(x, -1),
    "cumsum": lambda x: ops.cumsum(x, 1),
    "cumprod": lambda x: ops.cumprod(x, 1),
    "take": lambda x: ops.take(x, [2, 0], axis=1),
    "take_along_axis": lambda x: ops.take_along_axis(x, ops.argsort(x), 1),
    "einsum": lambda x: ops.einsum("bi,bj->bij", x, x),
    "one_hot": lambda x: ops.one_hot(ops.argmax(x, -1), 4),
    "log1p": lambda x: ops.log1p(ops.abs(x) * 1e-4) * 1e4,
    "expm1": lambda x: ops.expm1(x * 1e-4) * 1e4,
    "arctan2": lambda x: ops.arctan2(x, x[:, ::-1]),
    "floor_divide": lambda x: ops.floor_divide(x, 0.3),
    "reflect": lambda x: ops.pad(x, [[0, 0], [2, 1]], mode="reflect"),
    "median": lambda x: ops.median(x, 1),
    "bits": lambda x: ops.bitwise_and(ops.cast(x * 9, "int32"), 5),
    "switch": lambda x: ops.switch(ops.cast(ops.max(x) > -9, "int32"), [lambda v: v * 2, lambda v: v - 1], x),
    "fori_loop": lambda x: ops.fori_loop(0, 3, lambda k, v: v * 2 + 1, x),
    "digitize": lambda x: ops.digitize(x, np.array([-1.0, 0.0, 1.0], "float32")),
    "all": lambda x: ops.all(x > 0, 1),
    "batch in numbers": lambda x: x * ops.cast(ops.shape(x)[1], "float32"),
}


def test_operations(tmp_path):
    x = kerata.Input((4,))
    model = kerata.Model(x, {name: make(x) for name, make in OPERATIONS.items()})
    session = opened(model, tmp_path / "m.onnx")
    assert [port.name for port in session.get_outputs()] == sorted(OPERATIONS)
    agree(session, model, numbers(5, 4))


def test_what_mixes_samples_and_loops_as_long_as_numbers_say(tmp_path):
    x = kerata.Input((4,))
    halved = ops.while_loop(lambda v: ops.max(ops.abs(v)) > 0.1, lambda v: (v * 0.5,), (x,))[0]
    running = ops.scan(lambda carry, row: (carry + row, carry * row), ops.zeros((4,)), x)[1]
    updated = ops.scatter_update(x * 1, np.array([[0, 1]]), np.array([9.0], "float32"))
    model = kerata.Model(x, [halved, running, updated, x - ops.mean(x, 0)])
    session = opened(model, tmp_path / "m.onnx")
    for size in (5, 2):
        agree(session, model, numbers(size, 4), sizes=(size,))


def test_half_precision_is_computed_in_float32(tmp_path):
    x = kerata.Input((8,))
    y = layers.LayerNormalization(dtype="mixed_bfloat16")(layers.Dense(4, activation="relu", dtype="mixed_bfloat16")(x))
    model = kerata.Model(x, layers.Dense(2, dtype="float32")(y))
    exact = kerata.Sequential([layers.Dense(4, activation="relu"), layers.LayerNormalization(), layers.Dense(2)])
    exact.build((None, 8))
    exact.set_weights(model.get_weights())
    agree(opened(model, tmp_path / "m.onnx"), exact, numbers(5, 8))


@pytest.mark.parametrize("version", [None, 17, 21])
def test_versions_of_operators_and_names(version, tmp_path):
    model, given = picture_model()
    session = opened(model, tmp_path / "m.onnx", **({} if version is None else {"opset_version": version}))
    agree(session, model, given, sizes=(2,))
    read = onnx.load(tmp_path / "m.onnx")
    assert read.opset_import[0].version == (version or 18) and read.producer_name == "kerata"
    assert [port.name for port in session.get_outputs()] == model.output_names
    assert session.get_inputs()[0].shape == ["batch", 12, 12, 1]
    assert any(name.name.endswith("dense/kernel") or "/kernel" in name.name for name in read.graph.initializer)


def test_the_signature_says_sizes_and_names(tmp_path):
    model = kerata.Sequential([layers.Dense(2)])
    spec = kerata.InputSpec(shape=(3, 4), dtype="float32", name="given")
    session = opened(model, tmp_path / "m.onnx", input_signature=[spec])
    assert (session.get_inputs()[0].name, session.get_inputs()[0].shape) == ("given", [3, 4])
    pair, _ = several()
    again = opened(pair, tmp_path / "n.onnx", input_signature=[[numbers(2, 3), numbers(2, 4)]])
    assert [port.shape for port in again.get_inputs()] == [["batch", 3], ["batch", 4]]


class Sum(kerata.Model):
    def call(self, x, y):
        return x + y


def test_a_model_of_several_arguments(tmp_path):
    model, given = Sum(), (numbers(5, 3), numbers(5, 3))
    model(*given)
    session = opened(model, tmp_path / "m.onnx")
    found = session.run(None, {port.name: value for port, value in zip(session.get_inputs(), given, strict=True)})[0]
    np.testing.assert_allclose(found, given[0] + given[1], rtol=1e-6)


# StableHLO


@pytest.mark.parametrize("make", [text_model, dicts, subclassed], ids=lambda make: make.__name__)
def test_a_program_gives_the_same(make, tmp_path):
    model, given = make()
    stir(model).export(tmp_path / "m.hlo", format="stablehlo", verbose=False)
    program = kerata.export.load(tmp_path / "m.hlo")
    expected = model.predict(given, verbose=0)
    for size in (5, 1):
        part = jax.tree.map(lambda leaf, size=size: leaf[:size], given)
        found = program(part)
        assert jax.tree.structure(found) == jax.tree.structure(expected)
        for ours, theirs in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(ours, theirs[:size], rtol=1e-5, atol=1e-5)
    exported = jax.export.deserialize(bytearray((tmp_path / "m.hlo").read_bytes()))
    assert set(exported.platforms) == {"cpu", "cuda", "rocm", "tpu"}


def test_what_is_no_program(tmp_path):
    model, _ = nested()
    model.export(tmp_path / "m.hlo", format="stablehlo", verbose=False)
    (tmp_path / "cut.hlo").write_bytes((tmp_path / "m.hlo").read_bytes()[:200])
    with pytest.raises(ValueError, match=r"export.load: the file must be one that export.*has written, whole"):
        kerata.export.load(tmp_path / "cut.hlo")
    with pytest.raises(ValueError, match=r"the program takes arguments of the shapes \('batch', 4\)"):
        kerata.export.load(tmp_path / "m.hlo")({"x": numbers(2, 4)})


# What cannot be written


def lambda_model(function):
    x = kerata.Input((4, 4))
    return kerata.Model(x, layers.Lambda(function, name="own")(x))


def stateful():
    x = kerata.Input(batch_shape=(2, 5, 3))
    return kerata.Model(x, layers.LSTM(3, stateful=True)(x))


def looking_up():
    x = kerata.Input((), dtype="string")
    return kerata.Model(x, layers.Embedding(4, 2)(layers.StringLookup(vocabulary=["a", "b"])(x)))


@pytest.mark.parametrize(
    ("make", "how", "kind", "text"),
    [
        (lambda: lambda_model(ops.cholesky), {}, NotImplementedError, "the operation `cholesky` of JAX.*layer='.*/own'"),
        (lambda: lambda_model(lambda x: x * kerata.random.normal(())), {}, ValueError, "changes variables when it predicts"),
        (stateful, {}, ValueError, "changes variables when it predicts.*rnn_state"),
        (looking_up, {}, ValueError, "texts and lookups run on the host"),
        (lambda: kerata.Sequential([layers.Dense(1)]), {}, ValueError, "not built yet"),
        (lambda: several()[0], {"format": "tf_saved_model"}, ValueError, 'TensorFlow\'s own format.*"onnx"'),
        (lambda: several()[0], {"format": "onx"}, ValueError, "Did you mean 'onnx'"),
        (lambda: several()[0], {"opset_version": 9}, ValueError, "must be from 17"),
        (lambda: several()[0], {"other": 9}, TypeError, "takes no such arguments.*other=9"),
        (lambda: several()[0], {"input_signature": [kerata.InputSpec(ndim=2)]}, ValueError, "must give shapes and types"),
    ],
    ids=["operation", "draws", "stateful", "texts", "not built", "SavedModel", "typo", "version", "argument", "signature"],
)
def test_what_cannot_be_written_says_why(make, how, kind, text, tmp_path):
    with pytest.raises(kind, match=text):
        make().export(tmp_path / "m.onnx", **{"format": "onnx", **how})
    assert not (tmp_path / "m.onnx").exists()


def test_sizes_that_decide_must_be_said(tmp_path):
    x = kerata.Input((None, None, 3))
    model = kerata.Model(x, layers.Conv2D(2, 3, strides=2, padding="same")(x))
    with pytest.raises(ValueError, match=r"cannot be traced while sizes are open.*Give an `input_signature`"):
        model.export(tmp_path / "m.onnx", format="onnx")
    session = opened(model, tmp_path / "m.onnx", input_signature=[kerata.InputSpec(shape=(None, 7, 6, 3), dtype="float32")])
    agree(session, model, numbers(5, 7, 6, 3))


def test_a_package_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'the package onnx is needed.*pip install "kerata\[export\]"'):
        several()[0].export(tmp_path / "m.onnx", format="onnx")


def test_it_says_where_the_file_is(tmp_path, capsys):
    several()[0].export(tmp_path / "m.onnx", format="onnx")
    assert capsys.readouterr().out == f"Saved artifact at '{tmp_path / 'm.onnx'}'.\n"


@pytest.mark.parametrize("format", ["stablehlo", "onnx"])
def test_an_archive_holds_a_file_for_each_function(format, tmp_path, capsys):
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(2, name="last")], name="model")
    archive = kerata.export.ExportArchive(format)
    signature = [kerata.InputSpec(shape=(None, 3), dtype="float32", name="x"), kerata.KerasTensor((None, 2), name="shift")]
    assert archive.track_and_add_endpoint("serve", model) is model
    archive.add_endpoint("shifted", lambda x, shift: {"sum": model(x) + shift}, signature)
    archive.add_endpoint("last", model.layers[0].call, signature[:1])
    archive.add_variable_collection("weights", model.weights)
    assert archive.variables == archive.trainable_variables == model.weights and archive.non_trainable_variables == []
    archive.write_out(tmp_path / "made")
    assert capsys.readouterr().out == f"Saved artifact at '{tmp_path / 'made'}': serve, shifted, last.\n"
    x, shift = numbers(4, 3), numbers(4, 2)
    right = np.asarray(model(x))
    for name, inputs, expected in (("serve", (x,), right), ("shifted", (x, shift), right + shift), ("last", (x,), right)):
        path = tmp_path / "made" / f"{name}.{format}"
        if format == "onnx":
            session = onnxruntime.InferenceSession(path)
            found = session.run(None, dict(zip((one.name for one in session.get_inputs()), inputs, strict=True)))[0]
        else:
            found = kerata.export.load(path)(*inputs)
            found = found["sum"] if name == "shifted" else found
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.load(tmp_path / "made" / "weights.npz")["model/last/kernel"], model.weights[0])


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda made: made(), ValueError, r"SavedModel is TensorFlow's own format.*ExportArchive\(\"stablehlo\"\)"),
        (lambda made: made("zip"), ValueError, "`format` must be one of 'stablehlo', 'onnx'"),
        (lambda made: made("onnx").write_out("here"), ValueError, "there is nothing to write"),
        (lambda made: made("onnx").add_endpoint("a", lambda x: x), ValueError, "what the function takes is not known"),
        (lambda made: made("onnx").add_endpoint("a/b", several()[0]), ValueError, "`name` must be a name as Python has them"),
        (lambda made: made("onnx").track(3), TypeError, "must be a layer or a model"),
    ],
    ids=["SavedModel", "format", "nothing", "signature", "name", "no layer"],
)
def test_what_no_archive_takes(call, kind, words):
    with pytest.raises(kind, match=words):
        call(kerata.export.ExportArchive)
