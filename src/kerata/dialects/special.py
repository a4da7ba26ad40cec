"""What rows of the tables cannot say argument by argument."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.base.config import image_data_format
from kerata.dialects.table import Row

# A function of (row, args, kwargs) that gives back both.
PREPARES: dict[tuple[str, str, str], Callable[[Row, tuple, dict[str, Any]], tuple[tuple, dict[str, Any]]]] = {}
# A function of (today's arguments, the era's) that changes the first, and may give back another name of today.
FINISHES: dict[tuple[str, str, str], Callable[[dict[str, Any], dict[str, Any]], str | None]] = {}


# The sizes of a kernel by the names of Keras 1.
SIDES = {2: ("nb_row", "nb_col"), 3: ("kernel_dim1", "kernel_dim2", "kernel_dim3")}


def gather_kernel(row: Row, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Keras 2 took `Convolution2D(20, 4, 4)` as Keras 1 meant it, with or without names: a kernel of 4 by 4."""
    if row.argument("nb_row") is not None:
        return args, kwargs
    rank = 3 if "3D" in row.today else 2
    if row.today == "Conv2DTranspose":
        # The shape of the output is found from that of the input.
        kwargs.pop("output_shape", None)
        args = args[:3] if len(args) == 4 and isinstance(args[3], tuple) else args
    if row.today == "SeparableConv2D" and "init" in kwargs:
        kwargs["depthwise_initializer"] = kwargs["pointwise_initializer"] = kwargs.pop("init")
    named = [name for name in SIDES[rank] if name in kwargs]
    sizes = (*args[1:], *(kwargs[name] for name in named))
    if args and len(sizes) == rank and all(isinstance(size, int) for size in sizes):
        args = (args[0], sizes)
        for name in named:
            del kwargs[name]
    return args, kwargs


# Arguments of Keras 1 that only some layers called so.
RENAMED_ALONE = {
    "Embedding": {
        "init": "embeddings_initializer",
        "W_regularizer": "embeddings_regularizer",
        "W_constraint": "embeddings_constraint",
        "dropout": "",
    },
    "PReLU": {"init": "alpha_initializer"},
}


def rename(row: Row, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Names of Keras 1 that Keras 2 took; `dropout` of Embedding meant nothing any more."""
    length, shape = kwargs.get("input_length"), kwargs.get("input_shape")
    if length is not None and shape is not None:
        known = tuple(length) if isinstance(length, (list, tuple)) else (length,)
        if len(known) != len(shape) or any(None not in (a, b) and a != b for a, b in zip(known, shape, strict=True)):
            given = {"input_length": length, "input_shape": shape}
            raise ValueError(message(row.name, "`input_length` must fit `input_shape`", given))
    for old, new in RENAMED_ALONE[row.today].items():
        if old in kwargs:
            value = kwargs.pop(old)
            if new:
                kwargs[new] = value
    return args, kwargs


def no_mode(row: Row, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Keras 2 took `mode=0` of batch normalization, and no other."""
    if (mode := kwargs.pop("mode", 0)) != 0:
        raise TypeError(message(row.name, "`mode` no longer exists in Keras 2", {"mode": mode}, "Run it as Keras 1"))
    return args, kwargs


def gather_sides(row: Row, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Padding by the names of its sides."""
    sides = kwargs.get("padding", args[0] if args else None)
    if isinstance(sides, dict):
        known = [sides.get(f"{side}_pad", 0) for side in ("top", "bottom", "left", "right")]
        args, kwargs["padding"] = args[1:], ((known[0], known[1]), (known[2], known[3]))
    return args, kwargs


def ignore_forget_bias(row: Row, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Keras 2 took no other `forget_bias_init` than "one", and passed over it."""
    kwargs.pop("forget_bias_init", None)
    return gather_steps(row, args, kwargs) if row.today == "LSTM" else gather_kernel(row, args, kwargs)


def bound_rate(arguments: dict[str, Any], given: dict[str, Any]) -> None:
    """A rate of 1 or more left nothing out, nor did one below 0."""
    rate = arguments.get("rate")
    if isinstance(rate, (int, float)) and not 0 < rate < 1:
        arguments["rate"] = 0.0


def gather_steps(row: Row, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """`input_dim` and `input_length` of layers along steps."""
    if kwargs.get("input_dim") is not None and "input_shape" not in kwargs:
        kwargs["input_shape"] = (kwargs.pop("input_length", None), kwargs.pop("input_dim"))
    return args, kwargs


for _era in ("keras2", "keras22", "tfkeras2"):
    for _name in ("LSTM", "GRU", "SimpleRNN", "RNN", "Conv1D", "SeparableConv1D", "LocallyConnected1D"):
        PREPARES[_era, "layers", _name] = gather_steps
for _era in ("keras2", "keras22"):
    for _name in ("Conv2D", "Conv3D", "Conv2DTranspose", "SeparableConv2D"):
        PREPARES[_era, "layers", _name] = gather_kernel
    for _name in ("LSTM", "ConvLSTM2D"):
        PREPARES[_era, "layers", _name] = ignore_forget_bias
    for _name in RENAMED_ALONE:
        PREPARES[_era, "layers", _name] = rename
    PREPARES[_era, "layers", "BatchNormalization"] = no_mode
    PREPARES[_era, "layers", "ZeroPadding2D"] = gather_sides
    for _name in ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout", "AlphaDropout"):
        FINISHES[_era, "layers", _name] = bound_rate


def refuse_time_first(arguments: dict[str, Any], given: dict[str, Any]) -> None:
    """Sequences have the samples first here."""
    if given.get("time_major"):
        fix = "Swap the first two axes before and after the layer: tf.transpose(x, [1, 0, 2])"
        raise NotImplementedError(message("RNN", "there is no `time_major` here", {"time_major": True}, fix))


for _name in ("LSTM", "GRU", "SimpleRNN", "RNN"):
    FINISHES["tfkeras2", "layers", _name] = refuse_time_first


def normalize_by_mode(arguments: dict[str, Any], given: dict[str, Any]) -> str | None:
    """`mode` of Keras 1: 0 with statistics of the training data, 1 a sample at a time, 2 with those of each batch."""
    mode = given.get("mode", 0)
    if mode not in (0, 1, 2):
        raise ValueError(message("BatchNormalization", "`mode` must be 0, 1 or 2", {"mode": mode}))
    if mode == 0:
        return None
    arguments.pop("axis" if mode == 1 else "momentum", None)
    if mode == 1:
        arguments.pop("momentum", None)
    return "SampleNormalization" if mode == 1 else "BatchStatistics"


def drop_words(arguments: dict[str, Any], given: dict[str, Any]) -> str | None:
    """`dropout` of Keras 1's Embedding left out whole words."""
    if arguments.get("dropout"):
        return "WordDropoutEmbedding"
    arguments.pop("dropout", None)
    return None


FINISHES["keras1", "layers", "BatchNormalization"] = normalize_by_mode
FINISHES["keras1", "layers", "Embedding"] = drop_words


def from_the_corner(arguments: dict[str, Any], given: dict[str, Any]) -> str | None:
    """TensorFlow 1 counted the pixels of bilinear pictures from the corner."""
    return "CornerUpSampling2D" if arguments.get("interpolation") == "bilinear" else None


for _era in ("keras2", "keras22"):
    FINISHES[_era, "layers", "UpSampling2D"] = from_the_corner


def separable(arguments: dict[str, Any], given: dict[str, Any]) -> None:
    """Keras 1 began both kernels alike."""
    arguments["pointwise_initializer"] = arguments["depthwise_initializer"]


def output_padding_of(
    sizes: Sequence[Any], kernel: Sequence[int], strides: Sequence[int], same: bool
) -> tuple[int, ...] | None:
    """What today says of a transposed convolution that gives these sizes; `None` where they are what it gives by itself.

    >>> output_padding_of((14, 13), (3, 3), (2, 2), False), output_padding_of((12, 12), (4, 4), (2, 2), True)
    ((1, 0), None)
    """
    together = list(zip(sizes, kernel, strides, strict=True))
    if not all(isinstance(size, (int, np.integer)) for size in sizes):
        return None
    if same:
        usual = all(size % step == 0 for size, _, step in together)
        extra = tuple(int((size - 1) % step + 1 - side % 2) for size, side, step in together)
    else:
        extra = tuple(int((size - side) % step) for size, side, step in together)
        usual = all(more == max(0, step - side) for more, (_, side, step) in zip(extra, together, strict=True))
    if usual:
        return None
    if any(more >= step for more, step in zip(extra, strides, strict=True)):
        expected = "an even kernel with `same` pads all axes to a multiple of the stride, or none"
        raise NotImplementedError(message("Deconvolution2D", expected, {"sizes": tuple(sizes)}))
    return extra


def enlarge_as_told(arguments: dict[str, Any], given: dict[str, Any]) -> None:
    """Pictures of several sizes lead to one where a stride leaves a rest: Keras 1 was told which of them comes back."""
    shape, kernel = given.get("output_shape"), arguments.get("kernel_size")
    if not (isinstance(shape, (list, tuple)) and len(shape) == 4 and isinstance(kernel, tuple)):
        return
    order = arguments.get("data_format") or image_data_format()
    sizes, strides = shape[2:] if order == "channels_first" else shape[1:3], arguments.get("strides", (1, 1))
    strides = (strides, strides) if isinstance(strides, int) else strides
    if (extra := output_padding_of(sizes, kernel, strides, arguments.get("padding") == "same")) is not None:
        arguments["output_padding"] = extra


def as_cudnn(arguments: dict[str, Any], given: dict[str, Any]) -> None:
    """The layers for CuDNN had the sigmoid in their gates; the GRU applied its reset gate after the product."""
    arguments |= {"recurrent_activation": "sigmoid", "activation": "tanh"}


def as_cudnn_gru(arguments: dict[str, Any], given: dict[str, Any]) -> None:
    as_cudnn(arguments, given)
    arguments["reset_after"] = True


def reset_before(arguments: dict[str, Any], given: dict[str, Any]) -> None:
    """The GRU of Keras 1 applied its reset gate before the product."""
    arguments["reset_after"] = False


FINISHES["keras1", "layers", "GRU"] = reset_before
FINISHES["keras1", "layers", "SeparableConvolution2D"] = separable
FINISHES["keras1", "layers", "Conv2DTranspose"] = enlarge_as_told
for _era in ("keras2", "keras22"):
    FINISHES[_era, "layers", "CuDNNLSTM"] = as_cudnn
    FINISHES[_era, "layers", "CuDNNGRU"] = as_cudnn_gru


def no_empty_decay(arguments: dict[str, Any], given: dict[str, Any]) -> None:
    """A decay of 0 is none, and an epsilon of `None` is that of K."""
    if not arguments.get("decay"):
        arguments.pop("decay", None)
    if arguments.get("epsilon", 0) is None:
        arguments["epsilon"] = 1e-7
    for name in ("clipnorm", "clipvalue", "global_clipnorm"):
        if not arguments.get(name):
            arguments.pop(name, None)


_OPTIMIZERS = ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam", "ClassicRMSprop", "ClassicAdagrad")
for _era in ("keras1", "keras2", "keras22", "tfkeras2"):
    for _name in (*_OPTIMIZERS, "ClassicNadam"):
        FINISHES[_era, "optimizers", _name] = no_empty_decay
