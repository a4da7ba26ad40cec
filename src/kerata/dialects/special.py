"""What rows of the tables cannot say argument by argument."""

from collections.abc import Callable
from typing import Any

from kerata.base.checks import message
from kerata.dialects.table import Row

# A function of (row, args, kwargs) that gives back both.
PREPARES: dict[tuple[str, str, str], Callable[[Row, tuple, dict[str, Any]], tuple[tuple, dict[str, Any]]]] = {}
# A function of (today's arguments, the era's) that changes the first, and may give back another name of today.
FINISHES: dict[tuple[str, str, str], Callable[[dict[str, Any], dict[str, Any]], str | None]] = {}


def gather_kernel(row: Row, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Keras 2 took `Convolution2D(20, 4, 4)` as Keras 1 meant it: a kernel of 4 by 4."""
    rank = int(row.today[4])
    if len(args) == rank + 1 and rank > 1 and all(isinstance(size, int) for size in args):
        args = (args[0], tuple(args[1:]))
    return args, kwargs


def gather_steps(row: Row, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """`input_dim` and `input_length` of layers along steps."""
    if kwargs.get("input_dim") is not None and "input_shape" not in kwargs:
        kwargs["input_shape"] = (kwargs.pop("input_length", None), kwargs.pop("input_dim"))
    return args, kwargs


for _era in ("keras2", "keras22", "tfkeras2"):
    for _name in ("LSTM", "GRU", "SimpleRNN", "RNN", "Conv1D", "SeparableConv1D", "LocallyConnected1D"):
        PREPARES[_era, "layers", _name] = gather_steps
for _era in ("keras2", "keras22"):
    for _name in ("Conv2D", "Conv3D"):
        PREPARES[_era, "layers", _name] = gather_kernel


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


def separable(arguments: dict[str, Any], given: dict[str, Any]) -> None:
    """Keras 1 began both kernels alike."""
    arguments["pointwise_initializer"] = arguments["depthwise_initializer"]


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
