"""The plain layers against real Keras: outputs, gradients, masks and configs, one row a case."""

import functools
import json
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras.src.backend import get_keras_mask

import kerata
from kerata import layers
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine.scope import note, noted

SEQUENCE, PICTURE, VOLUME = (2, 5, 4), (2, 6, 5, 3), (2, 4, 3, 5, 2)


def row(name, *inputs, call=None, tolerance: Any = 1e-5, **arguments):
    """A case: the layer's name, its inputs (shapes, or arrays of whole numbers), and its constructor's arguments."""
    text = ",".join(f"{k}={v}" for k, v in {**arguments, **(call or {})}.items() if not hasattr(v, "shape"))
    return pytest.param(name, inputs, arguments, call or {}, tolerance, id=f"{name}-{text[:80]}")


def mask_of(*rows):
    return np.array(rows, bool)


STEPS = mask_of([1, 1, 1, 0, 0], [1, 1, 1, 1, 0])
WEIGHTS = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "kernel_constraint": "max_norm", "bias_constraint": "non_neg"}
CAUSAL, SCORES = {"use_causal_mask": True}, {"return_attention_scores": True}
SMOOTH = ("bilinear", "bicubic", "lanczos3", "lanczos5")
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")

ROWS = [
    row("Dense", (2, 5), units=3),
    row("Dense", (2, 5), units=3, activation="relu", use_bias=False),
    row("Dense", (2, 5), units=3, activation="softmax", **WEIGHTS),
    row("Dense", SEQUENCE, units=3, activation="tanh", kernel_initializer="he_normal", bias_initializer="ones"),
    row("Dense", PICTURE, units=2, activation="gelu"),
    row("EinsumDense", (2, 5), equation="ab,bc->ac", output_shape=3),
    row("EinsumDense", (2, 5), equation="ab,bc->ac", output_shape=3, bias_axes="c", activation="relu", **WEIGHTS),
    row("EinsumDense", SEQUENCE, equation="abc,cd->abd", output_shape=(None, 7), bias_axes="d"),
    row("EinsumDense", SEQUENCE, equation="abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de"),
    row("EinsumDense", SEQUENCE, equation="abc,bce->ae", output_shape=(7,), bias_axes="e"),
    row("EinsumDense", SEQUENCE, equation="...x,xy->...y", output_shape=6, bias_axes="y"),
    row("EinsumDense", (2, 5), equation="...b,bc->...c", output_shape=4, bias_axes="c"),
    row("EinsumDense", PICTURE, equation="ab...,bc->ac...", output_shape=4, bias_axes="c"),
    row("EinsumDense", SEQUENCE, equation="abc,bd->adc", output_shape=(6, 4), bias_axes="d"),
    *(row("Activation", (2, 5), activation=a) for a in ("relu", "softmax", "sigmoid", "elu", "linear", "hard_sigmoid")),
    row("ReLU", SEQUENCE),
    row("ReLU", SEQUENCE, max_value=1.0, negative_slope=0.1, threshold=0.2),
    row("ReLU", SEQUENCE, max_value=6.0),
    row("LeakyReLU", SEQUENCE),
    row("LeakyReLU", SEQUENCE, negative_slope=0.01),
    row("PReLU", SEQUENCE, alpha_initializer="ones"),
    row("PReLU", PICTURE, shared_axes=[1, 2], alpha_regularizer="l1", alpha_constraint="non_neg"),
    row("PReLU", PICTURE, shared_axes=3),
    row("ELU", SEQUENCE),
    row("ELU", SEQUENCE, alpha=0.5),
    row("Softmax", SEQUENCE),
    row("Softmax", SEQUENCE, axis=1),
    row("Softmax", SEQUENCE, axis=[1, 2]),
    row("Softmax", SEQUENCE, axis=[2]),
    row("Softmax", (2, 5), call={"mask": STEPS}),
    row("Softmax", (2, 5), call={"mask": mask_of([0] * 5, [1] * 5)}),
    row("Softmax", (2, 5), call={"mask": STEPS.astype("float32")}),
    row("Identity", SEQUENCE),
    row("Flatten", SEQUENCE),
    row("Flatten", PICTURE, data_format="channels_first"),
    row("Flatten", (3,)),
    row("Reshape", SEQUENCE, target_shape=(2, 10)),
    row("Reshape", SEQUENCE, target_shape=(-1, 2)),
    row("Reshape", SEQUENCE, target_shape=(20,)),
    row("Permute", SEQUENCE, dims=(2, 1)),
    row("Permute", PICTURE, dims=(3, 1, 2)),
    row("RepeatVector", (2, 5), n=3),
    row("Cropping1D", SEQUENCE),
    row("Cropping1D", SEQUENCE, cropping=(0, 2)),
    row("Cropping1D", SEQUENCE, cropping=0),
    row("Cropping2D", PICTURE),
    row("Cropping2D", PICTURE, cropping=1),
    row("Cropping2D", PICTURE, cropping=(1, 2)),
    row("Cropping2D", PICTURE, cropping=((1, 0), (0, 2))),
    row("Cropping2D", PICTURE, cropping=((1, 2), (1, 0)), data_format="channels_first"),
    row("Cropping3D", VOLUME),
    row("Cropping3D", VOLUME, cropping=((1, 0), (0, 1), (2, 1))),
    row("Cropping3D", VOLUME, cropping=(0, 1, 0), data_format="channels_first"),
    row("ZeroPadding1D", SEQUENCE),
    row("ZeroPadding1D", SEQUENCE, padding=(0, 2), data_format="channels_first"),
    row("ZeroPadding2D", PICTURE),
    row("ZeroPadding2D", PICTURE, padding=(1, 2)),
    row("ZeroPadding2D", PICTURE, padding=((1, 0), (0, 2)), data_format="channels_first"),
    row("ZeroPadding3D", VOLUME),
    row("ZeroPadding3D", VOLUME, padding=(1, 0, 2), data_format="channels_first"),
    row("UpSampling1D", SEQUENCE, size=3),
    row("UpSampling2D", PICTURE),
    row("UpSampling2D", PICTURE, size=(1, 3), data_format="channels_first"),
    *(row("UpSampling2D", PICTURE, size=(2, 3), interpolation=i) for i in SMOOTH),
    row("UpSampling2D", PICTURE, data_format="channels_first", interpolation="bilinear"),
    row("UpSampling3D", VOLUME),
    row("UpSampling3D", VOLUME, size=(1, 2, 3), data_format="channels_first"),
    *(row(m, [SEQUENCE, SEQUENCE]) for m in MERGES),
    *(row(m, [SEQUENCE, (2, 1, 4), (2, 5, 1)]) for m in ("Add", "Multiply", "Average", "Maximum", "Minimum")),
    *(row(m, [SEQUENCE, (2, 4)]) for m in MERGES[:-1]),
    row("Add", [(2, 3)]),
    row("Concatenate", [SEQUENCE, (2, 3, 4), (2, 1, 4)], axis=1),
    row("Concatenate", [SEQUENCE, (3, 5, 4)], axis=0),
    row("Concatenate", [PICTURE, PICTURE], axis=-2),
    row("Dot", [(2, 5), (2, 5)], axes=1),
    row("Dot", [(2, 5), (2, 5)], axes=-1, normalize=True),
    row("Dot", [SEQUENCE, (2, 3, 4)], axes=2),
    row("Dot", [(2, 3, 5), (2, 10, 3)], axes=(1, 2)),
    row("Dot", [(2, 4), (2, 3, 4)], axes=(1, 2), normalize=True),
    row("Dot", [SEQUENCE, (2, 4)], axes=(2, 1)),
    row("Dot", [PICTURE, (2, 3, 7)], axes=(3, 1)),
    row("Embedding", np.array([[1, 4, 0], [2, 2, 3]]), input_dim=5, output_dim=3),
    row(
        "Embedding",
        np.array([[1, 4, 0], [2, 2, 3]]),
        input_dim=5,
        output_dim=3,
        mask_zero=True,
        embeddings_regularizer="l2",
        embeddings_constraint="unit_norm",
        embeddings_initializer="normal",
    ),
    row("Embedding", np.array([3, 1], "float32"), input_dim=5, output_dim=3),
    row("LayerNormalization", SEQUENCE),
    row("LayerNormalization", SEQUENCE, axis=[2, 1], epsilon=1e-5),
    row("LayerNormalization", PICTURE, axis=1, center=False),
    row("LayerNormalization", PICTURE, axis=(1, 2), scale=False),
    row("LayerNormalization", SEQUENCE, rms_scaling=True),
    row("RMSNormalization", SEQUENCE),
    row("RMSNormalization", PICTURE, axis=[2, 3], epsilon=1e-3),
    row("GroupNormalization", SEQUENCE, groups=2),
    row("GroupNormalization", PICTURE, groups=-1, epsilon=1e-5),
    row("GroupNormalization", PICTURE, groups=3, axis=1, scale=False),
    row("GroupNormalization", PICTURE, groups=5, axis=-2, center=False),
    row("UnitNormalization", SEQUENCE),
    row("UnitNormalization", SEQUENCE, axis=[1, 2]),
    row("MultiHeadAttention", SEQUENCE, SEQUENCE, num_heads=2, key_dim=3),
    row("MultiHeadAttention", SEQUENCE, (2, 3, 6), num_heads=2, key_dim=3, value_dim=3, output_shape=7, use_bias=False),
    row("MultiHeadAttention", SEQUENCE, (2, 3, 6), num_heads=2, key_dim=3, value_dim=5, call=SCORES),
    row("MultiHeadAttention", SEQUENCE, (2, 3, 6), (2, 3, 2), num_heads=2, key_dim=3, output_shape=(2, 3)),
    row("MultiHeadAttention", SEQUENCE, SEQUENCE, num_heads=2, key_dim=3, call=CAUSAL),
    row("MultiHeadAttention", SEQUENCE, SEQUENCE, num_heads=2, key_dim=3, call=SCORES),
    row(
        "MultiHeadAttention",
        SEQUENCE,
        SEQUENCE,
        num_heads=2,
        key_dim=3,
        dropout=0.5,
        call={**CAUSAL, **SCORES, "value_mask": STEPS},
    ),
    row("MultiHeadAttention", SEQUENCE, SEQUENCE, num_heads=2, key_dim=3, call={"value_mask": STEPS, "key_mask": STEPS}),
    row(
        "MultiHeadAttention",
        SEQUENCE,
        (2, 3, 4),
        num_heads=2,
        key_dim=3,
        call={"attention_mask": np.arange(30).reshape(2, 5, 3) % 4 > 0},
    ),
    row("MultiHeadAttention", SEQUENCE, SEQUENCE, num_heads=2, key_dim=3, sliding_window=2, use_gate=True),
    row("MultiHeadAttention", PICTURE, PICTURE, num_heads=2, key_dim=3, tolerance=5e-5),
    row("MultiHeadAttention", PICTURE, PICTURE, num_heads=2, key_dim=3, attention_axes=(2,), **WEIGHTS),
    row("MultiHeadAttention", VOLUME, VOLUME, num_heads=2, key_dim=3, attention_axes=(1, 3), tolerance=5e-5),
    row("GroupQueryAttention", SEQUENCE, SEQUENCE, head_dim=3, num_query_heads=4, num_key_value_heads=2),
    row(
        "GroupQueryAttention",
        SEQUENCE,
        (2, 3, 4),
        head_dim=3,
        num_query_heads=4,
        num_key_value_heads=1,
        use_gate=True,
        call={"attention_mask": np.arange(30).reshape(2, 5, 3) % 4 > 0},
    ),
    row(
        "GroupQueryAttention",
        SEQUENCE,
        SEQUENCE,
        head_dim=3,
        num_query_heads=2,
        num_key_value_heads=2,
        dropout=0.2,
        call=CAUSAL,
    ),
    row("Attention", [SEQUENCE, (2, 3, 4)]),
    row("Attention", [SEQUENCE, (2, 3, 6), (2, 3, 4)], use_scale=True, call=SCORES),
    row("Attention", [SEQUENCE, (2, 3, 4)], use_scale=True, score_mode="concat", call=CAUSAL),
    row("Attention", [SEQUENCE, SEQUENCE], score_mode="concat", call={"mask": [STEPS, STEPS]}),
    row("Attention", [SEQUENCE, SEQUENCE], call={"mask": [STEPS, STEPS], "use_causal_mask": True}),
    row("Attention", [SEQUENCE, SEQUENCE], dropout=0.3, call={"mask": [STEPS, None]}),
    row("AdditiveAttention", [SEQUENCE, (2, 3, 4)]),
    row("AdditiveAttention", [SEQUENCE, SEQUENCE], use_scale=False, call={"mask": [STEPS, STEPS]}),
    *(row(f"SpatialDropout{n}D", shape, rate=0.3) for n, shape in ((1, SEQUENCE), (2, PICTURE), (3, VOLUME))),
    row("SpatialDropout2D", PICTURE, rate=0.3, data_format="channels_first", seed=3),
    row("Dropout", SEQUENCE, rate=0.3),
    row("Dropout", SEQUENCE, rate=0, noise_shape=(None, 1, 4), seed=1),
    row("GaussianNoise", SEQUENCE, stddev=0.3, seed=1),
    row("GaussianDropout", SEQUENCE, rate=0.3),
    row("AlphaDropout", SEQUENCE, rate=0.3, noise_shape=(2, 1, 4)),
    row("Masking", SEQUENCE, mask_value=-1.0),
    *(row(f"Adaptive{kind}Pooling1D", SEQUENCE, output_size=3) for kind in ("Average", "Max")),
    *(row(f"Adaptive{kind}Pooling2D", PICTURE, output_size=(4, 2)) for kind in ("Average", "Max")),
    *(row(f"Adaptive{kind}Pooling2D", PICTURE, output_size=2, data_format="channels_first") for kind in ("Average", "Max")),
    *(row(f"Adaptive{kind}Pooling3D", VOLUME, output_size=[3, 3, 2]) for kind in ("Average", "Max")),
    row("ReversibleEmbedding", np.array([[1, 4, 0], [2, 2, 3]]), input_dim=5, output_dim=3),
    row("ReversibleEmbedding", (2, 3, 4), input_dim=5, output_dim=4, call={"reverse": True}, tolerance=5e-5),
    row(
        "ReversibleEmbedding",
        (2, 3, 4),
        input_dim=5,
        output_dim=4,
        tie_weights=False,
        logit_soft_cap=2.0,
        reverse_dtype="float32",
        call={"reverse": True},
    ),
    row("STFTSpectrogram", (2, 40, 2), frame_length=16),
    row("STFTSpectrogram", (2, 40, 2), mode="magnitude", frame_length=12, frame_step=5, fft_length=32, window="hamming"),
    row("STFTSpectrogram", (2, 40, 2), mode="psd", frame_length=16, padding="same", expand_dims=True, scaling="spectrum"),
    row("STFTSpectrogram", (2, 2, 40), mode="real", frame_length=16, data_format="channels_first", window=None),
    row("STFTSpectrogram", (2, 40, 2), mode="imag", frame_length=16, periodic=True, scaling=None),
    row("STFTSpectrogram", (2, 40, 2), mode="angle", frame_length=16, expand_dims=True),
    row("STFTSpectrogram", (2, 2, 40), mode="stft", frame_length=16, data_format="channels_first", expand_dims=True),
]


def make_array(given, rng):
    if isinstance(given, list):
        return [make_array(item, rng) for item in given]
    return given if hasattr(given, "dtype") else rng.normal(size=given).astype("float32")


def plain(config):
    """As a file holds it; Keras keeps some numbers in float32."""
    return json.loads(json.dumps(config), parse_float=lambda text: float(np.float32(text)))


def configs(ours, theirs):
    """Both libraries' serialized forms. Keras also notes what shape a layer without weights was first called with."""
    written, expected = plain(serialize_keras_object(ours)), plain(keras.saving.serialize_keras_object(theirs))
    if "build_config" not in written and not ours.weights:
        expected.pop("build_config", None)
    return written, expected


def shape_of(given):
    return [shape_of(item) for item in given] if isinstance(given, list) else tuple(getattr(given, "shape", given))


def make_pair(name, inputs, arguments):
    """The same layer of both libraries, built, with the same weights; and inputs for it."""
    rng = np.random.default_rng(0)
    values = [make_array(item, rng) for item in inputs]
    pair = [getattr(library, name)(**arguments, name="layer") for library in (keras.layers, layers)]
    for layer in pair:
        layer.build(*(shape_of(item) for item in inputs[: 1 if "Attention" not in name else None]))
    weights = [rng.normal(0.5, 0.5, w.shape).astype("float32") for w in pair[0].weights]
    for layer in pair:
        layer.set_weights(weights)
    return *pair, values


def make_objective(layer, call, with_inputs):
    """A function of inputs that gives outputs, added losses, and gradients of a weighted sum by weights and inputs."""

    def objective(trainable, values):
        outputs, _, losses = layer.stateless_call(trainable, frozen, *values, **call, return_losses=True)
        leaves = jax.tree.leaves(outputs)
        weights = [np.random.default_rng(i).normal(size=leaf.shape).astype("float32") for i, leaf in enumerate(leaves)]
        penalty = sum(losses, jnp.zeros(()))
        return sum(jnp.sum(leaf * w) for leaf, w in zip(leaves, weights, strict=True)) + penalty, (leaves, penalty)

    trainable = [jnp.asarray(v.value) for v in layer.trainable_variables]
    frozen = [jnp.asarray(v.value) for v in layer.non_trainable_variables]
    return functools.partial(jax.grad(objective, argnums=(0, 1) if with_inputs else 0, has_aux=True), trainable)


@pytest.fixture(autouse=True, scope="module")
def quick_compiling():
    """Each program runs once."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.parametrize(("name", "inputs", "arguments", "call", "tolerance"), ROWS)
def test_layer(name, inputs, arguments, call, tolerance):
    theirs, ours, values = make_pair(name, inputs, arguments)
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    both = [make_objective(layer, call, "Embedding" not in name or bool(call)) for layer in (theirs, ours)]
    expected, found = jax.jit(lambda values: [jax.tree.leaves(run(values)) for run in both])(values)
    for a, b in zip(expected, found, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(np.asarray(b), np.asarray(a), rtol=tolerance, atol=tolerance)

    written, expected = configs(ours, theirs)
    assert written == expected
    again = deserialize_keras_object(written)
    assert plain(serialize_keras_object(again)) == written
    back = keras.saving.deserialize_keras_object(written)
    assert [tuple(w.shape) for w in back.weights] == [w.shape for w in ours.weights]


@pytest.mark.parametrize(("name", "inputs", "arguments", "call", "tolerance"), ROWS)
def test_symbolic_shape(name, inputs, arguments, call, tolerance):
    if call:
        pytest.skip("masks and flags are given as values")

    def symbolic(library, given):
        if isinstance(given, list):
            return [symbolic(library, item) for item in given]
        shape = given.shape if hasattr(given, "dtype") else given
        return library.Input(batch_shape=(None, *shape[1:]))

    theirs = getattr(keras.layers, name)(**arguments)(*[symbolic(keras, g) for g in inputs])
    ours = getattr(layers, name)(**arguments)(*[symbolic(layers, g) for g in inputs])
    for a, b in zip(jax.tree.leaves(theirs), jax.tree.leaves(ours), strict=True):
        # Kerata knows the size of an axis that EinsumDense takes over from its input.
        assert len(a.shape) == len(b.shape) and all(
            m in ((None, n) if name == "EinsumDense" else (n,)) for m, n in zip(a.shape, b.shape, strict=True)
        )


MASKED = [
    row("Dense", SEQUENCE, units=3),
    row("Activation", SEQUENCE, activation="relu"),
    row("Dropout", SEQUENCE, rate=0.5),
    row("LayerNormalization", SEQUENCE),
    row("Flatten", SEQUENCE),
    row("Reshape", SEQUENCE, target_shape=(2, 10)),
    row("MultiHeadAttention", SEQUENCE, SEQUENCE, num_heads=2, key_dim=3),
    row("MultiHeadAttention", SEQUENCE, SEQUENCE, SEQUENCE, num_heads=2, key_dim=3, call=CAUSAL),
    row("Attention", [SEQUENCE, SEQUENCE]),
    row("Add", [SEQUENCE, SEQUENCE]),
    row("Average", [SEQUENCE, SEQUENCE, SEQUENCE]),
    row("Concatenate", [SEQUENCE, SEQUENCE]),
    row("Concatenate", [SEQUENCE, SEQUENCE], axis=1),
    row("Dot", [SEQUENCE, SEQUENCE], axes=2),
    row("EinsumDense", SEQUENCE, equation="abc,cd->abd", output_shape=(None, 3)),
    row("PReLU", SEQUENCE),
]


@pytest.mark.parametrize(("name", "inputs", "arguments", "call", "tolerance"), MASKED)
@pytest.mark.parametrize("partly", [False, True], ids=["all masked", "first masked"])
def test_masks(name, inputs, arguments, call, tolerance, partly):
    """Each input comes from a Masking layer with a mask of its own; with `partly`, only the first one does."""
    theirs, ours, values = make_pair(name, inputs, arguments)
    masks = [STEPS, np.roll(STEPS, 1, axis=1), STEPS[::-1]]
    results = []
    for library, layer in ((keras.layers, theirs), (layers, ours)):
        fed = []
        for index, value in enumerate(jax.tree.leaves(values)):
            hidden = np.where(masks[index][..., None], value, -1.0).astype("float32")
            fed.append(library.Masking(mask_value=-1.0)(hidden) if index == 0 or not partly else jnp.asarray(hidden))
        output = layer(fed, **call) if isinstance(inputs[0], list) else layer(*fed, **call)
        found = get_keras_mask(output) if library is keras.layers else noted(output, "mask")
        results.append((np.asarray(output), None if found is None else np.asarray(found)))
    (expected, mask_expected), (output, mask) = results
    np.testing.assert_allclose(output, expected, rtol=tolerance, atol=tolerance)
    assert (mask is None) == (mask_expected is None)
    if mask is not None:
        np.testing.assert_array_equal(mask, mask_expected)


PENALIZED = [
    row("Dense", (2, 5), units=3, activity_regularizer="l2", kernel_regularizer="l1"),
    row("Dense", SEQUENCE, units=3, activity_regularizer="l1"),
    row("EinsumDense", (2, 5), equation="ab,bc->ac", output_shape=3, activity_regularizer="l2"),
    row("Embedding", np.array([[1, 4, 0]]), input_dim=5, output_dim=3, activity_regularizer="l1"),
    row("MultiHeadAttention", SEQUENCE, SEQUENCE, num_heads=2, key_dim=3, activity_regularizer="l2"),
    row(
        "GroupQueryAttention",
        SEQUENCE,
        SEQUENCE,
        head_dim=3,
        num_query_heads=2,
        num_key_value_heads=1,
        activity_regularizer="l2",
    ),
    row("ActivityRegularization", SEQUENCE, l1=0.1, l2=0.2),
]


@pytest.mark.parametrize(("name", "inputs", "arguments", "call", "tolerance"), PENALIZED)
def test_losses(name, inputs, arguments, call, tolerance):
    theirs, ours, values = make_pair(name, inputs, arguments)
    theirs(*values)
    ours(*values)
    np.testing.assert_allclose(sum(ours.losses), sum(theirs.losses), rtol=tolerance)
    written, expected = configs(ours, theirs)
    assert written == expected


def test_embedding_makes_a_mask():
    index = np.array([[3, 0, 1]])
    theirs = keras.layers.Embedding(5, 2, mask_zero=True)(index)
    ours = layers.Embedding(5, 2, mask_zero=True)(index)
    np.testing.assert_array_equal(noted(ours, "mask"), get_keras_mask(theirs))
    assert noted(layers.Embedding(5, 2)(index), "mask") is None


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate", "dot"])
def test_merge_functions(name):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3, 4)).astype("float32"), rng.normal(size=(2, 3, 4)).astype("float32")
    np.testing.assert_allclose(getattr(layers, name)([a, b]), getattr(keras.layers, name)([a, b]), rtol=1e-5, atol=1e-6)


def scale(x, factor=1.0):
    return x * factor


def masked_sum(x, mask=None, training=None):
    return x if mask is None else x * mask[..., None]


def test_lambda():
    x = np.ones((2, 3, 4), "float32")
    for library in (keras.layers, layers):
        assert np.asarray(library.Lambda(scale, arguments={"factor": 3.0})(x)).sum() == 72
        assert tuple(library.Lambda(lambda t: t[:, 0])(library.Input((3, 4))).shape) == (None, 4)
        assert tuple(library.Lambda(scale, output_shape=(3, 4))(library.Input((3, 4))).shape) == (None, 3, 4)
    value = jnp.asarray(x)
    note(value, "mask", jnp.array([[True, False, False]] * 2))
    assert np.asarray(layers.Lambda(masked_sum)(value)).sum() == 8


def test_lambda_config():
    keras.saving.get_custom_objects()["scale"] = scale
    try:
        theirs = keras.layers.Lambda(scale, output_shape=(3,), arguments={"factor": 2.0}, name="l").get_config()
        ours = layers.Lambda(scale, output_shape=(3,), arguments={"factor": 2.0}, name="l").get_config()
    finally:
        keras.saving.get_custom_objects().clear()
    assert ours["function"]["config"] == theirs["function"]["config"] == "scale"
    assert plain({**ours, "function": None}) == plain({**theirs, "function": None})
    function = lambda t, by=2: t * by  # noqa: E731
    theirs, ours = (library.Lambda(function, output_shape=function).get_config() for library in (keras.layers, layers))
    for name in ("function", "output_shape"):
        assert list(ours[name]["config"]) == list(theirs[name]["config"]) == ["code", "defaults", "closure"]
        assert ours[name]["config"]["defaults"] == theirs[name]["config"]["defaults"] == (2,)


@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize(
    ("kind", "arguments", "shape"), [("Dense", {"units": 3}, (2, 4)), ("Conv2D", {"filters": 2, "kernel_size": 2}, PICTURE)]
)
def test_spectral_normalization(kind, arguments, shape, iterations):
    """The same outputs, kernels and vectors after two steps of training, where the kernel is not zero and where it is."""
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    both = [
        library.layers.SpectralNormalization(getattr(library.layers, kind)(**arguments, name="inner"), iterations, name="layer")
        for library in (keras, kerata)
    ]
    for layer in both:
        layer.build(shape)
    theirs, ours = both
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    start = [np.random.default_rng(1).normal(size=w.shape).astype("float32") for w in theirs.weights]
    for weights in (start, [np.zeros_like(start[0]), *start[1:]]):
        for layer in both:
            layer.set_weights(weights)
        for training in (True, True, False):
            np.testing.assert_allclose(
                ours(x, training=training), np.asarray(theirs(x, training=training)), rtol=1e-5, atol=1e-5
            )
        for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert plain(serialize_keras_object(ours)) == plain(keras.saving.serialize_keras_object(theirs))


def test_an_output_of_the_batch_alone_takes_a_size_that_it_does_not_have():
    x = np.arange(6, dtype="float32").reshape(2, 3)
    for library in (keras, kerata):
        layer = library.layers.EinsumDense("ab,b->a", output_shape=(4,), kernel_initializer="ones")
        np.testing.assert_allclose(layer(x), x.sum(1))
