"""Laws that every layer keeps: one table of instances, many small laws.

A new layer gets a row. `ROWS` has (name, shape of each input, arguments, what differs).
"""

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest

import kerata
from kerata import layers
from kerata.base.registry import names
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine.rows import why_rows_matter
from kerata.engine.scope import Scope
from kerata.engine.symbolic import SymbolicTensor
from kerata.export.exporting import translate
from kerata.export.to_onnx import make_model
from kerata.export.tracing import prepare

SEQUENCE, PICTURE, VOLUME, COLOURS = (2, 5, 4), (2, 6, 6, 4), (2, 4, 4, 4, 2), (2, 6, 6, 3)
# Entered as layers, and not called by users with arrays: inputs, cells within `RNN`, what wraps a layer or a function. What
# runs on the host, and `Pipeline`, which has no type of its own, have tests of their own.
OTHERS = {
    "FlaxLayer",
    "HashedCrossing",
    "Hashing",
    "InputLayer",
    "JaxLayer",
    "IntegerLookup",
    "Pipeline",
    "StackedRNNCells",
    "StringLookup",
    "TextVectorization",
    "Wrapper",
}

# What works on a batch as a whole, as in Keras: smaller batches have programs of their own.
MIXING = {
    "AugMix",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Equalization",
    "MelSpectrogram",
    "MixUp",
    "RandAugment",
    "RandomPerspective",
}


def row(name, *shapes, whole_numbers=False, **arguments):
    return pytest.param(name, shapes, arguments, whole_numbers, id=f"{name}{len(arguments) or ''}")


ROWS = [
    # What Keras has no longer.
    row("BatchStatistics", PICTURE),
    row("CornerUpSampling2D", PICTURE),
    row("Cosine", [(2, 5), (2, 5)]),
    row("CustomScaleLayer", [(2, 5), (2, 5)], scale=0.5),
    row("LayerScale", (2, 5), init_values=0.5, projection_dim=5),
    row("StochasticDepth", (2, 5), drop_path_rate=0.5),
    row("Highway", (2, 5)),
    row("LocallyConnected1D", SEQUENCE, filters=3, kernel_size=2),
    row("LocallyConnected2D", PICTURE, filters=3, kernel_size=(2, 3), strides=(1, 2)),
    row("ParametricSoftplus", SEQUENCE),
    row("SampleNormalization", SEQUENCE),
    row("SReLU", SEQUENCE, shared_axes=[1]),
    row("WordDropoutEmbedding", (2, 5), input_dim=7, output_dim=3, dropout=0.4, whole_numbers=True),
    row("Activation", SEQUENCE, activation="tanh"),
    row("ActivityRegularization", SEQUENCE, l2=0.1),
    row("AdaptiveAveragePooling1D", SEQUENCE, output_size=2),
    row("AdaptiveAveragePooling2D", PICTURE, output_size=(2, 4)),
    row("AdaptiveAveragePooling3D", VOLUME, output_size=3),
    row("AdaptiveMaxPooling1D", SEQUENCE, output_size=2),
    row("AdaptiveMaxPooling2D", PICTURE, output_size=(2, 4)),
    row("AdaptiveMaxPooling3D", VOLUME, output_size=3),
    row("Add", [SEQUENCE, (2, 1, 4)]),
    row("AdditiveAttention", [SEQUENCE, SEQUENCE]),
    row("AlphaDropout", SEQUENCE, rate=0.4),
    row("Attention", [SEQUENCE, SEQUENCE], use_scale=True, dropout=0.2),
    row("Average", [SEQUENCE, SEQUENCE]),
    row("AveragePooling1D", SEQUENCE, pool_size=2),
    row("AveragePooling2D", PICTURE, pool_size=2),
    row("AveragePooling3D", VOLUME, pool_size=2),
    row("BatchNormalization", SEQUENCE),
    row("Bidirectional", SEQUENCE, layer=layers.LSTM(2)),
    row("CategoryEncoding", (2, 5), num_tokens=7, output_mode="count", whole_numbers=True),
    row("CenterCrop", PICTURE, height=3, width=2),
    row("Concatenate", [SEQUENCE, SEQUENCE], axis=1),
    row("Conv1D", SEQUENCE, filters=3, kernel_size=2, padding="causal"),
    row("Conv1DTranspose", SEQUENCE, filters=3, kernel_size=2),
    row("Conv2D", PICTURE, filters=3, kernel_size=3, activation="relu"),
    row("Conv2DTranspose", PICTURE, filters=3, kernel_size=2, strides=2),
    row("Conv3D", VOLUME, filters=3, kernel_size=2),
    row("Conv3DTranspose", VOLUME, filters=3, kernel_size=2),
    row("ConvLSTM1D", (2, 3, 5, 2), filters=2, kernel_size=2),
    row("ConvLSTM2D", (2, 3, 4, 4, 2), filters=2, kernel_size=2, return_sequences=True),
    row("ConvLSTM3D", (2, 2, 3, 3, 3, 1), filters=2, kernel_size=2),
    row("Cropping1D", SEQUENCE),
    row("Cropping2D", PICTURE, cropping=1),
    row("Cropping3D", VOLUME),
    row("Dense", SEQUENCE, units=3, activation="softmax"),
    row("DepthwiseConv1D", SEQUENCE, kernel_size=2),
    row("DepthwiseConv2D", PICTURE, kernel_size=2),
    row("Discretization", SEQUENCE, bin_boundaries=[-0.4, 0.3], output_mode="one_hot"),
    row("Dot", [SEQUENCE, SEQUENCE], axes=2),
    row("Dropout", SEQUENCE, rate=0.4),
    row("EinsumDense", SEQUENCE, equation="abc,cd->abd", output_shape=(None, 3), bias_axes="d"),
    row("ELU", SEQUENCE),
    row("Embedding", (2, 5), input_dim=7, output_dim=3, whole_numbers=True),
    row("Flatten", SEQUENCE),
    row("GaussianDropout", SEQUENCE, rate=0.4),
    row("GaussianNoise", SEQUENCE, stddev=0.4),
    row("GlobalAveragePooling1D", SEQUENCE),
    row("GlobalAveragePooling2D", PICTURE),
    row("GlobalAveragePooling3D", VOLUME),
    row("GlobalMaxPooling1D", SEQUENCE),
    row("GlobalMaxPooling2D", PICTURE),
    row("GlobalMaxPooling3D", VOLUME),
    row("GroupNormalization", PICTURE, groups=2),
    row("GroupQueryAttention", SEQUENCE, SEQUENCE, head_dim=2, num_query_heads=4, num_key_value_heads=2),
    row("GRU", SEQUENCE, units=3),
    row("Identity", SEQUENCE),
    row("LayerNormalization", SEQUENCE),
    row("LeakyReLU", SEQUENCE),
    row("LSTM", SEQUENCE, units=3, return_sequences=True),
    row("Masking", SEQUENCE),
    row("Maximum", [SEQUENCE, SEQUENCE]),
    row("MaxoutDense", (2, 5), units=3),
    row("MaxPooling1D", SEQUENCE),
    row("MaxPooling2D", PICTURE),
    row("MaxPooling3D", VOLUME),
    row("Minimum", [SEQUENCE, SEQUENCE]),
    row("MaxNumBoundingBoxes", PICTURE, max_number=3),
    row("MelSpectrogram", (2, 96), fft_length=32, sequence_stride=16, num_mel_bins=4),
    row("MultiHeadAttention", SEQUENCE, (2, 3, 6), num_heads=2, key_dim=3, value_dim=2, dropout=0.2),
    row("Multiply", [SEQUENCE, SEQUENCE]),
    row("Normalization", SEQUENCE),
    row("Permute", SEQUENCE, dims=(2, 1)),
    row("PReLU", SEQUENCE),
    row("RandomBrightness", PICTURE, factor=0.3, value_range=(-9, 9)),
    row("RandomContrast", PICTURE, factor=0.4, value_range=(-9, 9)),
    row("RandomCrop", PICTURE, height=3, width=2),
    row("RandomFlip", PICTURE),
    row("RandomRotation", PICTURE, factor=0.2),
    row("RandomShear", PICTURE, x_factor=0.3),
    row("RandomTranslation", PICTURE, height_factor=0.3, width_factor=0.2),
    row("RandomZoom", PICTURE, height_factor=0.3),
    row("AutoContrast", PICTURE, value_range=(-9, 9)),
    row("RandomGaussianBlur", PICTURE, value_range=(-9, 9)),
    row("RandomInvert", PICTURE, factor=0.5),
    row("RandomPosterization", PICTURE, factor=4, value_range=(-9, 9)),
    row("RandomSharpness", PICTURE, factor=0.5, value_range=(-9, 9)),
    row("Solarization", PICTURE, addition_factor=0.3, threshold_factor=0.8, value_range=(-9, 9)),
    row("Equalization", PICTURE, value_range=(-9, 9)),
    row("RandomColorDegeneration", COLOURS, factor=0.5, value_range=(-9, 9)),
    row("RandomGrayscale", COLOURS, factor=0.5),
    row("RandomHue", COLOURS, factor=0.5, value_range=(-9, 9)),
    row("RandomSaturation", COLOURS, factor=0.5, value_range=(-9, 9)),
    row("CutMix", PICTURE),
    row("MixUp", PICTURE, alpha=0.5),
    row("RandomErasing", PICTURE, value_range=(-9, 9)),
    row("RandomColorJitter", COLOURS, value_range=(-9, 9), brightness_factor=0.3, contrast_factor=0.3),
    row("RandAugment", COLOURS, value_range=(-9, 9)),
    row("AugMix", COLOURS, value_range=(-9, 9), num_chains=1, chain_depth=1),
    row("ContrastLimitedAdaptiveHistogramEqualization", PICTURE, value_range=(-9, 9), tile_grid_size=(2, 2)),
    row("RandomElasticTransform", PICTURE, value_range=(-9, 9)),
    row("RandomPerspective", PICTURE, scale=0.5),
    row("ReLU", SEQUENCE, negative_slope=0.1, max_value=1.0),
    row("RepeatVector", (2, 5), n=3),
    row("Rescaling", SEQUENCE, scale=[1.0, 2.0, 3.0, 4.0], offset=0.5),
    row("Reshape", SEQUENCE, target_shape=(-1, 2)),
    row("Resizing", PICTURE, height=3, width=8),
    row("ReversibleEmbedding", (2, 5), input_dim=7, output_dim=3, tie_weights=False, whole_numbers=True),
    row("RMSNormalization", SEQUENCE),
    row("RNN", SEQUENCE, cell=layers.SimpleRNNCell(2)),
    row("SeparableConv1D", SEQUENCE, filters=3, kernel_size=2),
    row("SeparableConv2D", PICTURE, filters=3, kernel_size=2),
    row("SimpleRNN", SEQUENCE, units=3),
    row("Softmax", SEQUENCE),
    row("SpatialDropout1D", SEQUENCE, rate=0.4),
    row("SpatialDropout2D", PICTURE, rate=0.4),
    row("SpatialDropout3D", VOLUME, rate=0.4),
    row("SpectralNormalization", SEQUENCE, layer=layers.Dense(3)),
    row("STFTSpectrogram", (2, 40, 2), mode="psd", frame_length=16, expand_dims=True),
    row("Subtract", [SEQUENCE, SEQUENCE]),
    row("TimeDistributed", SEQUENCE, layer=layers.Dense(3)),
    row("UnitNormalization", SEQUENCE),
    row("UpSampling1D", SEQUENCE),
    row("UpSampling2D", PICTURE, interpolation="bilinear"),
    row("UpSampling3D", VOLUME),
    row("ZeroPadding1D", SEQUENCE),
    row("ZeroPadding2D", PICTURE),
    row("ZeroPadding3D", VOLUME),
]
every_layer = pytest.mark.parametrize(("name", "shapes", "arguments", "whole_numbers"), ROWS)


@pytest.fixture(autouse=True, scope="module")
def quick_compiling():
    """Each program runs once."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def fill(given, rng, whole_numbers):
    if isinstance(given, list):
        return [fill(item, rng, whole_numbers) for item in given]
    return rng.integers(0, 7, given).astype("int32") if whole_numbers else rng.normal(size=given).astype("float32")


def make(name, shapes, arguments, whole_numbers, dtype=None):
    """A built layer with weights away from their first values, and inputs."""
    rng = np.random.default_rng(1)
    typed = {} if dtype is None else {"dtype": dtype}
    given = {
        key: value.from_config({**value.get_config(), **typed}) if isinstance(value, layers.Layer) else value
        for key, value in arguments.items()
    }
    layer = getattr(layers, name)(**given, **typed)
    values = [fill(item, rng, whole_numbers) for item in shapes]
    layer(*[symbolic(item, whole_numbers) for item in shapes])
    layer.set_weights([w + rng.uniform(0.1, 0.5, w.shape).astype(w.dtype) for w in layer.get_weights()])
    return layer, values


def symbolic(given, whole_numbers, batch=None):
    if isinstance(given, list):
        return [symbolic(item, whole_numbers, batch) for item in given]
    return SymbolicTensor((batch, *given[1:]), "int32" if whole_numbers else "float32")


def pure(layer, training=False, key=None):
    """The layer as a function of (weights, inputs)."""

    def call(weights, values):
        with Scope(layer.weights, weights, key=key):
            return layer(*values, training=training)

    return call


def weights_of(layer):
    return [jnp.asarray(w) for w in layer.get_weights()]


def assert_close(a, b, tolerance=1e-5):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert x.shape == y.shape and x.dtype == y.dtype
        np.testing.assert_allclose(np.asarray(x, "float32"), np.asarray(y, "float32"), rtol=tolerance, atol=tolerance)


def test_every_layer_has_a_row():
    classes = {name for name in names("layers") if isinstance(getattr(layers, name, None), type)}
    own_names = {getattr(layers, name).__name__ for name in classes} | {"GroupQueryAttention"}
    covered = {getattr(layers, parameters.values[0]).__name__ for parameters in ROWS} | {"GroupQueryAttention"}
    cells = {name for name in own_names if name.endswith("Cell")}
    assert own_names - covered - OTHERS - cells - {"Lambda", "GroupedQueryAttention"} == set()


@every_layer
def test_config_round_trip(name, shapes, arguments, whole_numbers):
    """The twin has the same config and, with the same weights, the same outputs."""
    layer, values = make(name, shapes, arguments, whole_numbers)
    config = serialize_keras_object(layer)
    twin = deserialize_keras_object(config)
    assert serialize_keras_object(twin)["config"] == config["config"]
    twin(*[symbolic(item, whole_numbers) for item in shapes])
    twin.set_weights(layer.get_weights())
    both = jax.jit(lambda values: (pure(layer)(weights_of(layer), values), pure(twin)(weights_of(twin), values)))
    assert_close(*both(values))


@every_layer
def test_symbolic_equals_eager(name, shapes, arguments, whole_numbers):
    """The symbolic output has the shape, with an unknown batch and a known one, and the type that the arrays have."""
    layer, values = make(name, shapes, arguments, whole_numbers)
    found = jax.tree.leaves(jax.eval_shape(pure(layer), weights_of(layer), values))
    for batch in (None, 2):
        expected = jax.tree.leaves(layer(*[symbolic(item, whole_numbers, batch) for item in shapes]))
        assert [t.shape for t in expected] == [(batch, *a.shape[1:]) for a in found]
        assert [t.dtype for t in expected] == [a.dtype.name for a in found]


@every_layer
def test_jit_and_vmap_equal_eager(name, shapes, arguments, whole_numbers):
    """The same numbers one by one, compiled, and with an axis of three copies of everything."""
    layer, values = make(name, shapes, arguments, whole_numbers)
    weights = weights_of(layer)
    eager = layer(*values, training=False)
    assert_close(jax.jit(pure(layer))(weights, values), eager)
    stack = jax.tree.map(lambda a: jnp.stack([a, a[::-1] if a.ndim and whole_numbers else a * 2, a]), (weights, values))
    found = jax.jit(jax.vmap(pure(layer)))(*stack)
    single = jax.jit(pure(layer))(*jax.tree.map(lambda a: a[1], stack))
    assert_close(jax.tree.map(lambda a: a[0], found), eager)
    assert_close(jax.tree.map(lambda a: a[1], found), single, 1e-4)


# What asks for the number of samples as a number of Python's.
FIXED = {"LocallyConnected1D", "LocallyConnected2D"}


@every_layer
def test_onnxruntime_gives_the_same(name, shapes, arguments, whole_numbers):
    """Traced for any number of samples, written as ONNX, and run with one and with two."""
    layer, values = make(name, shapes, arguments, whole_numbers)
    if name in FIXED:
        return
    inputs = jax.tree.map(lambda a: kerata.Input(a.shape[1:], dtype=a.dtype.name), values)
    model = kerata.Model(inputs if len(inputs) > 1 else inputs[0], layer(*inputs))
    session = onnxruntime.InferenceSession(make_model(translate(prepare(model), 18), 18, name).SerializeToString())
    for size in (2, 1):
        part = jax.tree.map(lambda a, size=size: a[:size], values)
        given = dict(zip([port.name for port in session.get_inputs()], jax.tree.leaves(part), strict=True))
        for ours, theirs in zip(session.run(None, given), jax.tree.leaves(layer(*part, training=False)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@every_layer
def test_gradients_are_finite(name, shapes, arguments, whole_numbers):
    """In training, with the random draws of a step, also where the inputs are all zero."""
    layer, values = make(name, shapes, arguments, whole_numbers)
    call = pure(layer, training=True, key=jnp.array([3, 7], "uint32"))

    def objective(weights, values):
        return sum(jnp.sum(jnp.sin(output)) for output in jax.tree.leaves(call(weights, values)))

    # Weights that count have no gradient: theirs comes in a type of its own.
    gradient = jax.jit(jax.grad(objective, argnums=0 if whole_numbers else (0, 1), allow_int=True))
    for inputs in (values, jax.tree.map(np.zeros_like, values)):
        found = [g for g in jax.tree.leaves(gradient(weights_of(layer), inputs)) if g.dtype != jax.dtypes.float0]
        assert all(bool(jnp.isfinite(g).all()) for g in found)


@every_layer
def test_mixed_precision(name, shapes, arguments, whole_numbers):
    """`mixed_bfloat16` keeps weights in float32 and computes in bfloat16, near the float32 result."""
    layer, values = make(name, shapes, arguments, whole_numbers, dtype="mixed_bfloat16")
    assert {v.dtype for v in layer.weights} <= {"float32", "int32"}
    output = jax.jit(pure(layer))(weights_of(layer), values)
    assert {a.dtype.name for a in jax.tree.leaves(output)} == {"bfloat16"}
    expected = jax.tree.leaves(layer(*[symbolic(item, whole_numbers) for item in shapes]))
    assert {t.dtype for t in expected} == {"bfloat16"}
    plain, _ = make(name, shapes, arguments, whole_numbers)
    plain.set_weights(layer.get_weights())
    exact = jax.jit(pure(plain))(weights_of(layer), values)
    for a, b in zip(jax.tree.leaves(output), jax.tree.leaves(exact), strict=True):
        np.testing.assert_allclose(np.asarray(a, "float32"), b, rtol=0.1, atol=0.1 * float(jnp.abs(b).max()) + 1e-3)


@every_layer
@pytest.mark.parametrize("training", [False, True])
def test_what_a_layer_declares_of_rows_is_proved(name, shapes, arguments, whole_numbers, training):
    """Rows that only fill a batch up change nothing: not the other rows, not what the layer keeps, not the losses it adds."""
    layer, values = make(name, shapes, arguments, whole_numbers)
    assert layer.mixes_samples is (name in MIXING)
    if layer.mixes_samples:
        return

    def call(weights, key, values, valid):
        with Scope(layer.variables, weights, key=key, valid=valid) as scope:
            outputs = layer(*values, training=training)
            return {"rows": outputs, "fixed": (scope.read(layer.variables), scope.losses)}

    def arguments_for(size):
        rows = jax.tree.map(lambda a: jax.ShapeDtypeStruct((size, *a.shape[1:]), a.dtype), values)
        weights = [jax.ShapeDtypeStruct(v.shape, v.dtype) for v in layer.variables]
        return weights, jax.ShapeDtypeStruct((2,), "uint32"), rows, jax.ShapeDtypeStruct((size,), "float32")

    weights, _, rows, _ = arguments_for(8)
    roles = ([*["fixed"] * len(weights)], "fixed", jax.tree.map(lambda _: "rows", rows), "valid")
    assert why_rows_matter(call, arguments_for, roles, 8, 5) is None


RATES = [
    ("Dropout", {"rate": 0.5}, "rate"),
    ("SpatialDropout1D", {"rate": 0.5}, "rate"),
    ("AlphaDropout", {"rate": 0.5}, "rate"),
    ("GaussianDropout", {"rate": 0.5}, "rate"),
    ("GaussianNoise", {"stddev": 0.5}, "stddev"),
    ("LeakyReLU", {}, "negative_slope"),
    ("ELU", {}, "alpha"),
    ("Attention", {"dropout": 0.5}, "dropout"),
]


@pytest.mark.parametrize(("name", "arguments", "attribute"), RATES)
def test_hyperparameters_are_values(name, arguments, attribute):
    """An axis of values of a hyperparameter gives, one by one, what the layer gives when it is set to that value."""
    layer = getattr(layers, name)(**arguments)
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    inputs = [x, x] if name == "Attention" else x
    layer(SymbolicTensor(x.shape) if name != "Attention" else [SymbolicTensor(x.shape)] * 2)
    key = jnp.array([1, 2], "uint32")

    def run(value):
        with Scope(hypers={(id(layer), attribute): value}, key=key):
            return layer(inputs, training=True)

    values = jnp.array([0.1, 0.25, 0.75])
    found = jax.jit(jax.vmap(run))(values)
    for value, result in zip(values, found, strict=True):
        setattr(layer, attribute, float(value))
        with Scope(key=key):
            np.testing.assert_allclose(result, layer(inputs, training=True), rtol=1e-4, atol=1e-5)
    assert not np.allclose(found[0], found[2])


@pytest.mark.parametrize(("name", "arguments"), [(name, arguments) for name, arguments, _ in RATES[:5]])
def test_noise_acts_in_training_only(name, arguments):
    """Inference gives the input itself; in training mean and, for the dropouts of kept variance, variance stay."""
    layer = getattr(layers, name)(**arguments, seed=3)
    x = jnp.asarray(np.random.default_rng(0).normal(1.0, 1.0, size=(400, 20, 30)).astype("float32"))
    assert layer(x) is x
    y = np.asarray(layer(x, training=True))
    assert abs(y.mean() - (1.0 if name != "AlphaDropout" else y.mean())) < 0.05
    spread = {"Dropout": 3.0, "SpatialDropout1D": 3.0, "GaussianDropout": 3.0, "GaussianNoise": 1.25}
    if name in spread:
        np.testing.assert_allclose(y.var(), spread[name], rtol=0.1)
    assert not np.array_equal(y, np.asarray(layer(x, training=True)))


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=(500, 400)).astype("float32")
    y = np.asarray(layers.AlphaDropout(0.3)(x, training=True))
    assert abs(y.mean()) < 0.02 and abs(y.var() - 1) < 0.03


def test_dropout_masks_are_shared_along_noise_shape():
    y = np.asarray(layers.Dropout(0.5, noise_shape=(None, 1, None))(np.ones((8, 6, 50), "float32"), training=True))
    assert (y == y[:, :1]).all() and 0 < (y[:, 0] == 0).mean() < 1


def test_dropout_of_zero_and_one():
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    np.testing.assert_array_equal(layers.Dropout(0.0)(x, training=True), x)
    np.testing.assert_array_equal(layers.Dropout(1.0)(x, training=True), np.zeros_like(x))


def test_attention_dropout_can_be_turned_on():
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    for layer, inputs in ((layers.Attention(), ([x, x],)), (layers.MultiHeadAttention(2, 3), (x, x))):
        np.testing.assert_array_equal(layer(*inputs, training=True), layer(*inputs))
        layer.dropout = 0.5
        assert not np.allclose(layer(*inputs, training=True), layer(*inputs))
        assert layer.get_config()["dropout"] == 0.5


def test_attention_forms_agree():
    """With and without asking for the scores, each query that may look somewhere gets the same."""
    x = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
    mask = np.arange(50).reshape(2, 5, 5) % 3 > 0
    layer = layers.MultiHeadAttention(2, 3, value_dim=5)
    plain = layer(x, x, attention_mask=mask)
    scored, scores = layer(x, x, attention_mask=mask, return_attention_scores=True)
    np.testing.assert_allclose(plain, scored, rtol=1e-5, atol=1e-6)
    assert (np.asarray(scores)[~np.broadcast_to(mask[:, None], scores.shape)] == 0).all()


def test_embedding_outside_of_its_table_is_not_a_number():
    y = np.asarray(layers.Embedding(3, 2)(np.array([[0, 3]])))
    assert np.isfinite(y[0, 0]).all() and np.isnan(y[0, 1]).all()


def test_maxout_is_the_largest_of_linear_functions():
    rng = np.random.default_rng(0)
    x, kernel, bias = rng.normal(size=(4, 5)), rng.normal(size=(3, 5, 2)), rng.normal(size=(3, 2))
    layer = layers.MaxoutDense(2, nb_feature=3)
    layer.build((None, 5))
    layer.set_weights([kernel.astype("float32"), bias.astype("float32")])
    expected = np.stack([x @ k + b for k, b in zip(kernel, bias, strict=True)]).max(0)
    np.testing.assert_allclose(layer(x.astype("float32")), expected, rtol=1e-4, atol=1e-5)


def test_embedding_takes_weights():
    table = np.arange(6.0, dtype="float32").reshape(3, 2)
    for given in (table, [table]):
        np.testing.assert_array_equal(layers.Embedding(3, 2, weights=given)(np.array([2, 0])), table[[2, 0]])


def test_a_users_activation_may_mix_samples():
    assert not layers.Dense(2, activation="relu").mixes_samples
    assert layers.Dense(2, activation=lambda x: x - x.mean(0)).mixes_samples
    assert layers.Activation(lambda x: x).mixes_samples
    assert layers.Concatenate(axis=0).mixes_samples and layers.Softmax(axis=0).mixes_samples


def ones(*shape):
    return np.ones(shape, "float32")


MESSAGES = [
    (lambda: layers.Dense(0), ValueError, r"Dense \(dense\): `units` must be a positive integer. Received: units=0"),
    (lambda: layers.Dense("3"), TypeError, "`units` must be a positive integer"),
    (lambda: layers.Dense(3, activation="rulu"), ValueError, "Did you mean 'relu'"),
    (lambda: layers.Dense(3, activation="rulu", name="head"), ValueError, r"Dense \(head\): unknown name for `activation`"),
    (lambda: layers.LSTM(3, bias_initializer="zeroes", name="h"), ValueError, r"LSTM \(h\): unknown .* `bias_initializer`"),
    (lambda: layers.Dense(3, kernal_initializer="zeros"), TypeError, "Did you mean 'kernel_initializer'"),
    (lambda: layers.Dense(3)(ones(4)), ValueError, "at least 2 dimensions"),
    (lambda: layers.Dense(3)(SymbolicTensor((None, None))), ValueError, "known size"),
    (lambda: layers.EinsumDense("ab,bc", 3), ValueError, "must have the form"),
    (lambda: layers.EinsumDense("ab,bc->ad", 3), ValueError, "axis 'd' has no counterpart"),
    (lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="x"), ValueError, "axis 'x' has no counterpart"),
    (lambda: layers.EinsumDense("ab,bc->ac", 3)(ones(2, 3, 4)), ValueError, "2 axes of the equation"),
    (lambda: layers.EinsumDense("abc,cd->abd", 3)(ones(2, 3, 4)), ValueError, "a size for each axis"),
    (lambda: layers.Lambda(3), TypeError, "`function` must be a function"),
    (lambda: layers.Dropout(1.5), ValueError, "`rate` must be a number between 0.0 and 1.0. Received: rate=1.5"),
    (lambda: layers.Dropout("0.5"), TypeError, "`rate` must be a number"),
    (lambda: setattr(layers.Dropout(0.5), "rate", -1), ValueError, "`rate` must be a number between"),
    (lambda: layers.Dropout(0.5, noise_shape=(0,)), ValueError, "`noise_shape`. Expected all dimensions to be positive"),
    (lambda: layers.Dropout(0.5, noise_shape=(2,))(ones(2, 3), training=True), ValueError, "`noise_shape` must have 1"),
    (lambda: layers.SpatialDropout2D(0.5)(ones(2, 3)), ValueError, "expected an input with 4 dimensions"),
    (lambda: layers.GaussianNoise(-1.0), ValueError, "`stddev`"),
    (lambda: layers.Reshape((-1, -1)), ValueError, "at most one unknown dimension"),
    (lambda: layers.Reshape((7,))(ones(2, 3, 2)), ValueError, "the 6 numbers of a sample do not fit"),
    (lambda: layers.Permute((1, 3)), ValueError, "`dims`, which must hold each of 1, 2"),
    (lambda: layers.RepeatVector(0), ValueError, "`n` should be a positive integer"),
    (lambda: layers.Cropping1D((1, 2, 3)), ValueError, "`cropping`"),
    (lambda: layers.Cropping2D(3)(ones(2, 6, 9, 1)), ValueError, "should be smaller than"),
    (lambda: layers.ZeroPadding2D((1, 2, 3)), ValueError, "`padding` must be an integer, or 2"),
    (lambda: layers.UpSampling2D(interpolation="cubic"), ValueError, "Did you mean 'bicubic'"),
    (lambda: layers.UpSampling1D(0), ValueError, "`size`"),
    (lambda: layers.Add()(ones(2, 3)), ValueError, "must be called on a list"),
    (lambda: layers.Add()([ones(2, 3), ones(2, 4)]), ValueError, "shapes must agree"),
    (lambda: layers.Add()([ones(2, 3), ones(4, 3)]), ValueError, "equally many samples"),
    (lambda: layers.Subtract()([ones(2, 3)] * 3), ValueError, "exactly 2 inputs"),
    (lambda: layers.Concatenate()([ones(2, 3), ones(2, 3, 1)]), ValueError, "equally many axes"),
    (lambda: layers.Concatenate()([ones(2, 3), ones(4, 3)]), ValueError, "except for the concatenation axis -1"),
    (lambda: layers.Dot(0), ValueError, "not the batch axis"),
    (lambda: layers.Dot("1"), TypeError, "`axes` must be an integer or two"),
    (lambda: layers.Dot(1)([ones(2, 3), ones(2, 4)]), ValueError, "same size along `axes`"),
    (lambda: layers.LeakyReLU(-0.1), ValueError, "`negative_slope` must be a number of at least 0"),
    (lambda: layers.LeakyReLU(None), TypeError, "negative_slope value of a Leaky ReLU layer"),
    (lambda: layers.ReLU(max_value=-1), ValueError, "max_value of a ReLU layer"),
    (lambda: layers.PReLU()(SymbolicTensor((None, None, 3))), ValueError, "Name the unknown axes in `shared_axes`"),
    (lambda: layers.Softmax()(ones(2, 3), mask=np.ones((2, 4), bool)), ValueError, "must not have more dimensions"),
    (lambda: layers.Embedding(0, 2), ValueError, "`input_dim` must be a positive integer"),
    (lambda: layers.LayerNormalization(axis="last"), TypeError, "Expected an int or a list/tuple of ints"),
    (lambda: layers.LayerNormalization(axis=3)(ones(2, 3)), ValueError, "`axis` must be axes of the input"),
    (lambda: layers.GroupNormalization(3)(ones(2, 4)), ValueError, "must be a multiple of `groups`"),
    (lambda: layers.MultiHeadAttention(0, 3), ValueError, "`num_heads`"),
    (lambda: layers.MultiHeadAttention(2, 3)(ones(2, 3), ones(2, 3)), ValueError, r"\(batch, steps, features\)"),
    (lambda: layers.MultiHeadAttention(2, 3)(*[ones(2, 3, 4)] * 2, ones(2, 5, 4)), ValueError, "the last one must be equal"),
    (lambda: layers.GroupQueryAttention(2, 3, 2), ValueError, "must be a multiple of `num_key_value_heads`"),
    (lambda: layers.Attention()(ones(2, 3, 4)), ValueError, r"a list of length 2 or 3: \[query, value\]"),
    (lambda: layers.Attention(score_mode="mul"), ValueError, "`score_mode` must be one of"),
]


@pytest.mark.parametrize(("action", "kind", "text"), MESSAGES, ids=[text[:40] for _, _, text in MESSAGES])
def test_message(action, kind, text):
    with pytest.raises(kind, match=text):
        action()


def test_a_failed_call_leaves_the_layer_as_it_was():
    layer = layers.Dense(3)
    with pytest.raises(ValueError, match="at least 2 dimensions"):
        layer(ones(4))
    assert not layer.built and layer(ones(2, 4)).shape == (2, 3)
    assert kerata.layers.Dense is layers.Dense
