"""Random layers and operations for tensors of a shape, as descriptions of `random_models`."""

from typing import Any

import numpy as np

from random_models import Draw


def regularizer(d: Draw) -> Any:
    if d.some(0.75):
        return None
    return d.pick(
        "l1",
        "l2",
        ("regularizer", "L1L2", {"l1": 0.01, "l2": 0.02}),
        ("regularizer", "L2", {"l2": 0.05}),
        ("function", "small_squares"),
        ("own", "Ridge", {"strength": 0.01}),
    )


def constraint(d: Draw) -> Any:
    if d.some(0.85):
        return None
    return d.pick(
        ("constraint", "MaxNorm", {"max_value": 0.8, "axis": 0}),
        "non_neg",
        "unit_norm",
        ("constraint", "MinMaxNorm", {"min_value": 0.2, "max_value": 0.9, "rate": 0.5}),
        ("constraint", "NonNeg", {}),
        ("constraint", "UnitNorm", {"axis": 0}),
        ("function", "at_most_one"),
        ("own", "Shrunk", {}),
    )


INITIALIZERS = [
    "he_normal",
    "lecun_uniform",
    ("initializer", "RandomNormal", {"stddev": 0.3}),
    ("initializer", "Orthogonal", {"gain": 0.5}),
    ("initializer", "VarianceScaling", {"scale": 2.0, "mode": "fan_out"}),
    ("initializer", "TruncatedNormal", {}),
    ("initializer", "RandomUniform", {}),
    ("initializer", "Constant", {"value": 0.4}),
    ("initializer", "Ones", {}),
    ("initializer", "Zeros", {}),
    ("initializer", "GlorotNormal", {"seed": 3}),
    ("initializer", "GlorotUniform", {}),
    ("initializer", "HeNormal", {}),
    ("initializer", "HeUniform", {}),
    ("initializer", "LecunNormal", {}),
    ("initializer", "LecunUniform", {}),
    ("initializer", "Identity", {}),
    ("function", "halves"),
    ("own", "Stripes", {}),
]


ACTIVATIONS = [
    None,
    "relu",
    "tanh",
    "sigmoid",
    "elu",
    "selu",
    "softplus",
    "softsign",
    "gelu",
    "swish",
    "leaky_relu",
    "linear",
    "mish",
    "hard_sigmoid",
    "softmax",
    "relu6",
    "celu",
    "log_softmax",
    "silu",
    "hard_silu",
    "squareplus",
    "soft_shrink",
    "tanh_shrink",
    "hard_tanh",
    "sparse_plus",
    "log_sigmoid",
    "hard_shrink",
    "tanh",
    "relu",
    ("function", "scaled_tanh"),
    "exponential",
    "hard_swish",
    "sparse_sigmoid",
]


def activation(d: Draw) -> Any:
    return d.choice(ACTIVATIONS)


def weights(d: Draw, *names: str) -> dict[str, Any]:
    """Regularizers and constraints of weights, now and then."""
    found: dict[str, Any] = {}
    for name in names:
        for kind, value in (("regularizer", regularizer(d)), ("constraint", constraint(d))):
            if value is not None:
                found[f"{name}_{kind}"] = value
    if d.some(0.08):
        found["activity_regularizer"] = d.pick("l2", ("regularizer", "L1", {"l1": 0.01}))
    if d.some(0.15):
        found["use_bias"] = False
        found = {name: value for name, value in found.items() if not name.startswith("bias")}
    if d.some(0.1) and names and names[0] == "kernel":
        found["kernel_initializer"] = d.choice(INITIALIZERS)
        if names[-1] == "bias" and found.get("use_bias", True) and d.some(0.5):
            found["bias_initializer"] = d.pick("ones", ("function", "halves"), ("initializer", "Constant", {"value": 0.1}))
    return found


def trainable(d: Draw, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments, now and then with what every layer takes."""
    if d.some(0.06):
        arguments = {**arguments, "trainable": False}
    if d.some(0.012):
        arguments = {**arguments, "dtype": d.pick("mixed_bfloat16", "mixed_float16", "bfloat16")}
    return arguments


def rate(d: Draw) -> float:
    return d.pick(0.3, 0.5) if d.dropping and d.some(0.7) else 0.0


def dense(d: Draw) -> Any:
    arguments = {"units": d.randint(1, 6), "activation": activation(d), **weights(d, "kernel", "bias")}
    if d.some(0.03):
        more = {"factor": 0.02, "mode": d.pick("rows", "columns")}
        arguments["kernel_regularizer"] = ("regularizer", "OrthogonalRegularizer", more)
    return ("layer", "Dense", trainable(d, arguments))


def einsum_dense(d: Draw, rank: int) -> Any:
    equation, shape = {1: ("ab,bc->ac", 4), 2: ("abc,cd->abd", (None, 3))}.get(rank, ("...x,xy->...y", (3,)))
    if rank >= 2 and d.some(0.5):
        equation, shape = "...x,xy->...y", 4
        return (
            "layer",
            "EinsumDense",
            {"equation": "...x,xy->...y", "output_shape": (None,) * (rank - 1) + (4,), "bias_axes": "y"},
        )
    return (
        "layer",
        "EinsumDense",
        {"equation": equation, "output_shape": shape, "activation": activation(d), "bias_axes": d.pick(None, equation[-1])},
    )


def normalization(d: Draw, shape: tuple) -> Any:
    features = shape[-1]
    kind = d.pick(
        "BatchNormalization",
        "BatchNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "UnitNormalization",
        "RMSNormalization",
    )
    more: dict[str, Any] = {}
    if kind == "BatchNormalization":
        more = {
            "momentum": d.pick(0.5, 0.9, 0.99),
            "center": d.some(0.8),
            "scale": d.some(0.8),
            "axis": d.pick(-1, -1, 1) if len(shape) > 1 else -1,
        }
        if d.some(0.3):
            more["gamma_regularizer"], more["beta_constraint"] = "l2", "non_neg"
            more = {
                n: v
                for n, v in more.items()
                if (n != "gamma_regularizer" or more["scale"]) and (n != "beta_constraint" or more["center"])
            }
    elif kind == "LayerNormalization":
        more = {"axis": d.pick(-1, -1, [-1], 1, [1, 2] if len(shape) > 1 else -1), "center": d.some(0.8), "scale": d.some(0.8)}
    elif kind == "GroupNormalization":
        more = {"groups": d.pick(*[g for g in range(1, (features or 1) + 1) if (features or 1) % g == 0], -1)}
    elif kind == "UnitNormalization":
        more = {"axis": d.pick(-1, -1, 1)}
    elif kind == "RMSNormalization":
        more = {"axis": -1, "epsilon": d.pick(1e-6, 1e-3)}
    return ("layer", kind, trainable(d, more))


def any_rank(d: Draw, shape: tuple) -> Any:
    """A layer that takes arrays of any rank."""
    choice = d.randrange(15)
    if choice < 3:
        return dense(d)
    if choice < 6:
        return normalization(d, shape)
    if choice == 14:
        axis = d.pick(-1, -1, None, *([1, (1, -1)] if len(shape) > 1 else []))
        if any(size is None for size in shape):
            axis = -1
        given = {} if d.some(0.7) else {"mean": 0.3, "variance": 2.0}
        given |= {"axis": axis, "invert": d.some(0.2)}
        seen = tuple(size or 4 for size in shape)
        return ("layer", "Normalization", given) if "mean" in given else ("adapted", given, seen, d.randrange(99))
    if choice == 6:
        return ("layer", "Activation", {"activation": activation(d) or "relu"})
    if choice == 7:
        return d.pick(
            ("layer", "PReLU", {"shared_axes": d.pick(None, [1])} if len(shape) > 1 else {}),
            ("layer", "LeakyReLU", {"negative_slope": 0.2}),
            ("layer", "ELU", {"alpha": 0.7}),
            (
                "layer",
                "ReLU",
                {"max_value": d.pick(None, 1.5), "negative_slope": d.pick(0.0, 0.1), "threshold": d.pick(0.0, 0.2)},
            ),
            ("layer", "Softmax", {"axis": d.pick(-1, 1)}),
        )
    if choice == 8:
        return d.pick(
            ("layer", "Dropout", {"rate": rate(d)}),
            ("layer", "GaussianNoise", {"stddev": rate(d)}),
            ("layer", "GaussianDropout", {"rate": rate(d)}),
            ("layer", "AlphaDropout", {"rate": rate(d)}),
            ("layer", "ActivityRegularization", {"l1": 0.01, "l2": 0.02}),
            ("layer", "Identity", {}),
            ("layer", "Rescaling", {"scale": 0.5, "offset": d.pick(0.0, 0.3)}),
            ("layer", "Discretization", {"bin_boundaries": [-0.4, 0.3], "output_mode": "one_hot"}),
        )
    if choice == 9:
        return ("layer", "Lambda", {"function": ("function", d.pick("double", "centered"))})
    if choice == 10:
        return einsum_dense(d, len(shape))
    if choice == 11:
        return d.pick(
            ("own", "Scale", {}),
            ("own", "Centered", {}),
            ("own", "Counter", {}),
            ("own", "Follower", {}),
            ("own", "Halved", {}),
            ("own", "Around", {"layer": dense(d)}),
            ("layer", "SpectralNormalization", {"layer": dense(d), "power_iterations": d.randint(1, 2)}),
            *([("own", "MaskedMean", {}), ("own", "Marker", {})] if len(shape) == 2 else []),
        )
    if choice == 12:
        return ("own", d.pick("Block", "Tower"), {"units": d.randint(2, 4)})
    return ("layer", "Flatten", {}) if len(shape) > 1 and d.some(0.3) else dense(d)


def vector_layer(d: Draw, shape: tuple) -> Any:
    n = shape[0]
    if d.some(0.12):
        return ("layer", "RepeatVector", {"n": d.randint(2, 4)})
    if d.some(0.04):
        mode = d.pick("log", "magnitude", "psd", "real", "imag")
        more = {"mode": mode, "frame_length": 3, "frame_step": 2, "fft_length": 4, "padding": padding(d)}
        return ("layer", "STFTSpectrogram", more)
    if n and n % 2 == 0 and d.some(0.12):
        return ("layer", "Reshape", {"target_shape": d.pick((2, n // 2), (-1, 2), (n // 2, 2), (2, -1, 1))})
    return any_rank(d, shape)


def padding(d: Draw, causal: bool = False) -> str:
    return d.pick("valid", "same", "causal") if causal else d.pick("valid", "same")


def conv(d: Draw, rank: int) -> Any:
    """A convolution over `rank` axes."""
    kind = d.choice(
        {
            1: ["Conv1D", "Conv1D", "Conv1DTranspose", "SeparableConv1D", "DepthwiseConv1D"],
            2: ["Conv2D", "Conv2D", "Conv2DTranspose", "SeparableConv2D", "DepthwiseConv2D"],
            3: ["Conv3D", "Conv3DTranspose"],
        }[rank]
    )
    size = d.pick(1, 2, 3, tuple(d.randint(1, 3) for _ in range(rank)))
    more: dict[str, Any] = {"kernel_size": size, "padding": padding(d, kind == "Conv1D"), "activation": activation(d)}
    if more["activation"] == "softmax" and rank == 3:
        more["activation"] = "relu"
    if kind.startswith("Depthwise"):
        more["depth_multiplier"] = d.randint(1, 2)
        more |= weights(d, "depthwise", "bias")
    elif kind.startswith("Separable"):
        more |= {
            "filters": d.randint(1, 5),
            "depth_multiplier": d.randint(1, 2),
            **weights(d, "depthwise", "pointwise", "bias"),
        }
    else:
        more |= {"filters": d.randint(1, 3) * 2, **weights(d, "kernel", "bias")}
        if not kind.endswith("Transpose") and d.some(0.2):
            more["groups"] = 2
    if d.some(0.4):
        more["strides"] = (
            2 if kind.startswith(("Depthwise", "Separable")) else d.pick(2, tuple(d.randint(1, 2) for _ in range(rank)))
        )
    elif d.some(0.3):
        more["dilation_rate"] = 2
    if kind.endswith("Transpose") and d.some(0.2) and "strides" in more:
        more["output_padding"] = 1
    if d.some(0.12):
        more["data_format"] = "channels_first"
        if more["padding"] == "causal":
            more["padding"] = "same"
    return ("layer", kind, trainable(d, more))


def pool(d: Draw, rank: int) -> Any:
    if d.some(0.35):
        return ("layer", f"Global{d.pick('Max', 'Average')}Pooling{rank}D", {"keepdims": d.some(0.4)})
    if d.some(0.25):
        size = d.pick(1, 2, tuple(d.randint(1, 3) for _ in range(rank)))
        return ("layer", f"Adaptive{d.pick('Max', 'Average')}Pooling{rank}D", {"output_size": size})
    more: dict[str, Any] = {"pool_size": d.pick(2, 3, tuple(d.randint(1, 3) for _ in range(rank))), "padding": padding(d)}
    if d.some(0.5):
        more["strides"] = d.pick(1, 2, 3)
    if d.some(0.12):
        more["data_format"] = "channels_first"
    return ("layer", f"{d.pick('Max', 'Average')}Pooling{rank}D", more)


def recurrent(d: Draw, sequences: bool | None = None) -> Any:
    kind = d.pick("LSTM", "LSTM", "GRU", "GRU", "SimpleRNN", "RNN")
    more: dict[str, Any] = {
        "return_sequences": d.some(0.6) if sequences is None else sequences,
        "go_backwards": d.some(0.2),
        "unroll": d.some(0.1),
    }
    if d.some(0.15):
        more["zero_output_for_mask"] = True
    if d.some(0.1):
        more["return_state"] = True
    if kind == "RNN":
        cells: Any = [cell(d) for _ in range(d.randint(1, 2))]
        cells = cells if len(cells) > 1 or d.some(0.2) else cells[0]
        if isinstance(cells, list) and d.some(0.4):
            cells = ("layer", "StackedRNNCells", {"cells": cells})
        return ("layer", "RNN", {"cell": cells, **more})
    return ("layer", kind, {**cell(d, kind)[2], **more})


def cell(d: Draw, kind: str | None = None) -> Any:
    if kind is None and d.some(0.15):
        return ("own", "Leaky", {"units": d.randint(1, 4)})
    kind = kind or d.pick("LSTM", "GRU", "SimpleRNN")
    more: dict[str, Any] = {"units": d.randint(1, 5), **weights(d, "kernel", "recurrent", "bias")}
    more.pop("activity_regularizer", None)
    if d.some(0.3):
        more["activation"] = d.pick("relu", "linear", "sigmoid", "softsign", "elu", "hard_sigmoid")
    if kind != "SimpleRNN" and d.some(0.3):
        more["recurrent_activation"] = d.pick("hard_sigmoid", "tanh", "relu", "sigmoid")
    if kind == "GRU" and d.some(0.4):
        more["reset_after"] = False
    if kind == "LSTM" and d.some(0.2):
        more["unit_forget_bias"] = False
    if d.dropping and d.some(0.5):
        more["dropout"], more["recurrent_dropout"] = rate(d), rate(d)
    return ("layer", f"{kind}Cell", more)


def bidirectional(d: Draw) -> Any:
    kind, name, more = recurrent(d)
    # Unrolled, Keras turns the steps of a mask around twice.
    more["unroll"] = False
    arguments: dict[str, Any] = {
        "layer": (kind, name, more),
        "merge_mode": d.pick("concat", "concat", "concat", "sum", "ave", "mul", None),
    }
    if d.some(0.15):
        other = recurrent(d, more["return_sequences"])
        units = more.get("units")
        if other[1] != "RNN" and units is not None:
            arguments["backward_layer"] = (
                other[0],
                other[1],
                {**other[2], "go_backwards": not more["go_backwards"], "units": units},
            )
    return ("layer", "Bidirectional", arguments)


def time_distributed(d: Draw, shape: tuple) -> Any:
    inner = vector_layer(d, shape[1:]) if len(shape) == 2 else d.pick(sequence_layer, any_rank)(d, shape[1:])
    if inner[0] == "adapted" or inner[1] == "ActivityRegularization":
        return inner
    kind, name, more = inner
    # Keras does not hear of a penalty on what a layer in TimeDistributed gives.
    more = {name: value for name, value in more.items() if name != "activity_regularizer"}
    return ("layer", "TimeDistributed", {"layer": (kind, name, more)})


def sequence_layer(d: Draw, shape: tuple) -> Any:
    steps, features = shape
    choice = d.randrange(20)
    if choice < 3:
        return conv(d, 1)
    if choice < 5:
        return pool(d, 1)
    if choice < 9:
        return recurrent(d)
    if choice < 12:
        return bidirectional(d)
    if choice < 14:
        return time_distributed(d, shape)
    if choice == 14:
        return d.pick(
            ("layer", "ZeroPadding1D", {"padding": d.pick(1, (1, 2))}),
            ("layer", "Cropping1D", {"cropping": d.pick(1, (0, 1))}),
            ("layer", "UpSampling1D", {"size": 2}),
            ("layer", "SpatialDropout1D", {"rate": rate(d)}),
            ("layer", "Permute", {"dims": (2, 1)}),
        )
    if choice == 15:
        if steps and features and (steps * features) % 2 == 0:
            n = steps * features
            return ("layer", "Reshape", {"target_shape": d.pick((n,), (-1,), (2, n // 2), (n // 2, -1), (1, 2, -1))})
        return ("layer", "Flatten", {})
    if choice == 16:
        return ("layer", "Masking", {"mask_value": 0.0})
    return any_rank(d, shape)


def picture_layer(d: Draw, shape: tuple) -> Any:
    choice = d.randrange(14)
    if choice < 4:
        return conv(d, 2)
    if choice < 7:
        return pool(d, 2)
    if choice == 7:
        return d.pick(
            ("layer", "ZeroPadding2D", {"padding": d.pick(1, (1, 2), ((1, 0), (0, 2)))}),
            ("layer", "Cropping2D", {"cropping": d.pick(1, ((0, 1), (1, 0)))}),
            ("layer", "UpSampling2D", {"size": d.pick(2, (1, 2)), "interpolation": d.pick("nearest", "bilinear")}),
            ("layer", "SpatialDropout2D", {"rate": rate(d)}),
            ("layer", "Resizing", {"height": 3, "width": 5, "interpolation": d.pick("bilinear", "nearest", "bicubic")}),
            ("layer", "CenterCrop", {"height": d.pick(2, 3), "width": 2}),
            ("layer", "Permute", {"dims": d.pick((2, 1, 3), (3, 1, 2))}),
        )
    if choice == 8:
        size = list(shape)
        return ("layer", "Reshape", {"target_shape": d.pick((size[0], -1), (-1, size[2]), (-1,))})
    if choice == 9:
        return time_distributed(d, shape) if d.some(0.8) else conv_lstm(d, 1)
    return any_rank(d, shape)


def conv_lstm(d: Draw, rank: int) -> Any:
    """A recurrence over the first axis, whose states are lines, pictures or volumes."""
    more = {**cell(d, "LSTM")[2], "kernel_size": d.randint(1, 2), "padding": padding(d), "return_sequences": d.some(0.5)}
    more["filters"] = more.pop("units")
    if d.some(0.2):
        more["strides"] = 2
    return ("layer", f"ConvLSTM{rank}D", more)


def volume_layer(d: Draw, shape: tuple) -> Any:
    choice = d.randrange(12)
    if choice < 3:
        return conv(d, 3)
    if choice < 6:
        return pool(d, 3)
    if choice == 6:
        return d.pick(
            ("layer", "ZeroPadding3D", {"padding": 1}),
            ("layer", "Cropping3D", {"cropping": 1}),
            ("layer", "UpSampling3D", {"size": 2}),
            ("layer", "SpatialDropout3D", {"rate": rate(d)}),
        )
    if choice == 7:
        return ("layer", "Reshape", {"target_shape": d.pick((shape[0], -1), (shape[0], shape[1], -1))})
    if choice == 8:
        return conv_lstm(d, 2)
    return any_rank(d, shape)


def layer_for(d: Draw, shape: tuple) -> Any:
    """A layer for tensors of a shape, without the batch axis."""
    if len(shape) == 1:
        return vector_layer(d, shape)
    if len(shape) == 2:
        return sequence_layer(d, shape)
    if len(shape) == 3:
        return picture_layer(d, shape)
    return volume_layer(d, shape) if len(shape) == 4 else ("layer", "Flatten", {})


ELEMENTWISE = (
    "tanh",
    "relu",
    "sigmoid",
    "abs",
    "square",
    "sin",
    "softplus",
    "gelu",
    "sign",
    "cos",
    "erf",
    "arctan",
    "silu",
    "arcsinh",
    "floor",
    "ceil",
    "round",
    "trunc",
    "exp2",
    "expm1",
    "cosh",
    "sinh",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "relu6",
    "hard_tanh",
    "squareplus",
    "sinc",
    "negative",
    "nan_to_num",
    "deg2rad",
    "softsign",
    "log_sigmoid",
    "erfc",
    "cbrt",
    "fabs",
)
POSITIVE = ("log", "sqrt", "rsqrt", "log1p", "log2", "log10", "reciprocal", "arccosh", "i0")
REDUCTIONS = (
    "mean",
    "max",
    "sum",
    "std",
    "var",
    "logsumexp",
    "min",
    "prod",
    "amax",
    "amin",
    "median",
    "nanmean",
    "nansum",
    "average",
    "count_nonzero",
    "ptp",
)
PAIRS = ("logaddexp", "arctan2", "hypot", "maximum", "minimum", "subtract", "multiply", "add", "fmax", "fmin", "heaviside")


def elementwise(d: Draw) -> Any:
    return d.pick(
        ("operation", "number", {"op": d.pick("2x", "x+1", "1-x", "x/3", "-x", "x^2", "|x|", "1/(2+x^2)", "x//1", "x%1")}),
        ("operation", "function", {"name": d.choice(ELEMENTWISE)}),
        ("operation", "function", {"name": d.choice(ELEMENTWISE)}),
        ("operation", "positive", {"name": d.choice(POSITIVE)}),
    )


def along_axis(d: Draw, rank: int, axis: int) -> Any:
    """An operation that mixes what stands along an axis."""
    name = d.pick(
        "softmax", "sort", "flip", "cumsum", "log_softmax", "cumprod", "argsort", "normalize", "roll", "diff", "trapezoid"
    )
    if name == "argsort":
        return ("operation", "order", {"axis": axis})
    more = {"normalize": {"order": d.pick(1, 2)}, "roll": {"shift": d.pick(1, -2)}}.get(name, {})
    return ("operation", "function", {"name": name, "axis": axis, **more})


def over_the_batch(d: Draw, rank: int) -> Any:
    """An operation in which the samples of a batch meet, or might."""
    return d.pick(
        ("operation", "counted", {}),
        ("operation", "first row", {}),
        ("operation", "neighbours", {}),
        ("operation", "groups", {}),
        ("operation", "normal", {"axis": 0}),
        ("operation", "minus", {"name": d.pick("mean", "max", "min", "logsumexp", "median", "std"), "axis": 0}),
        ("operation", "loop", {"name": d.pick("map", "vectorized_map", "scan", "fori_loop", "while_loop")}),
    )


def operation_for(d: Draw, shape: tuple) -> Any:
    """An operation on one tensor."""
    rank = len(shape) + 1
    axis = d.pick(-1, rank - 1, 1) if d.some(0.7) else 0
    choice = d.randrange(16)
    if choice < 4:
        return elementwise(d)
    if choice == 4:
        return along_axis(d, rank, axis)
    if choice == 5:
        return (
            "operation",
            "reduce",
            {"name": d.choice(REDUCTIONS), "axis": axis if axis else d.pick(0, (0, 1)), "keepdims": d.some(0.5)},
        )
    if choice == 6:
        return ("operation", "minus", {"name": d.pick("mean", "max", "min", "logsumexp"), "axis": axis if axis else 0})
    if choice == 7:
        return ("operation", "normal", {"axis": axis})
    if choice == 8:
        index = d.pick(
            ((None, None), (1, None)),
            ("...", (None, -1)),
            ("...", 0),
            ((None, None), (None, None, 2)),
            ((None, None), -1),
            ((None, None), (None, None, -1)),
            ((None, None), (0, 2)),
        )
        return ("operation", "slice", {"index": index})
    if choice == 9:
        return d.pick(
            ("operation", "where", {}),
            ("operation", "take", {"axis": d.pick(-1, 1)}),
            ("operation", "top_k", {"n": 2}),
            ("operation", "argmax", {}),
            ("operation", "split", {"axis": axis}),
            ("operation", "masked", {}),
            ("operation", "frozen", {}),
            ("operation", "apply", {"name": d.pick("glu", "mish", "hard_silu", "tanh_shrink")}),
        )
    if choice == 10:
        return d.pick(
            ("operation", "function", {"name": "expand_dims", "axis": d.pick(1, -1)}),
            ("operation", "function", {"name": "repeat", "repeats": 2, "axis": d.pick(1, -1)}),
            ("operation", "function", {"name": "roll", "shift": 1, "axis": axis}),
            ("operation", "function", {"name": "clip", "x_min": -0.5, "x_max": 0.8}),
            ("operation", "function", {"name": "tile", "repeats": (1,) * (rank - 1) + (2,)}),
            ("operation", "function", {"name": "pad", "pad_width": ((0, 0),) * (rank - 1) + ((1, 0),)}),
            ("operation", "function", {"name": "moveaxis", "source": 1, "destination": -1}),
            ("operation", "function", {"name": d.pick("tril", "triu")}),
        )
    if choice == 11 and rank == 2 and d.some(0.5):
        return ("operation", "batch gram", {})
    if choice == 11 and rank > 2:
        return ("operation", "function", {"name": "swapaxes", "axis1": 1, "axis2": 2})
    if choice == 12 and rank == 3:
        return ("operation", "matmul", {})
    if choice in (13, 14):
        return over_the_batch(d, rank)
    if not all(shape):
        return ("operation", "number", {"op": "x/3"})
    return ("operation", "function", {"name": "reshape", "newshape": (-1, *_refold(d, shape))})


def merging_pair(d: Draw) -> Any:
    """What two tensors of one shape become."""
    return d.pick(
        ("operation", "pair", {"op": d.pick("+", "-", "*", "max", "min")}),
        ("operation", "two", {"name": d.choice(PAIRS)}),
        ("operation", "where", {}),
        ("operation", "frozen", {}),
        ("operation", "concatenate", {"axis": d.pick(-1, 1)}),
        ("operation", "stack", {"axis": d.pick(1, -1)}),
        ("operation", "merge", {"name": d.pick("add", "average", "maximum", "minimum", "multiply", "subtract", "concatenate")}),
    )


def attention(d: Draw) -> tuple[Any, dict[str, Any] | None]:
    """A layer of attention, and the arguments of its call."""
    kind = d.pick("MultiHeadAttention", "MultiHeadAttention", "Attention", "AdditiveAttention", "GroupQueryAttention")
    if kind == "MultiHeadAttention":
        more: dict[str, Any] = {"num_heads": d.randint(1, 2), "key_dim": d.randint(1, 3), "dropout": rate(d)}
        if d.some(0.3):
            more["value_dim"] = 2
        if d.some(0.3):
            more["output_shape"] = 3
        if d.some(0.2):
            more["use_bias"] = False
    elif kind == "GroupQueryAttention":
        more = {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": d.pick(1, 2)}
    else:
        more = {"use_scale": d.some(0.5), "dropout": rate(d)}
        if kind == "Attention":
            more["score_mode"] = d.pick("dot", "concat")
    causal = {"use_causal_mask": True} if kind != "AdditiveAttention" and d.some(0.25) else None
    return ("layer", kind, more), causal


def _refold(d: Draw, shape: tuple) -> tuple:
    size = int(np.prod(shape))
    return d.pick((size,), (size, 1), (1, size), (2, size // 2) if size % 2 == 0 else (size,))
