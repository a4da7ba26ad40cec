"""Inception: branches of several sizes of kernel beside one another."""

from typing import Any

from kerata import layers
from kerata.applications.assembling import Asked, PictureShape, Pretrained, assemble, channel_axis, kernels, named
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SOURCE = "Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2015 (arXiv 1512.00567)"
# A convolution of a branch: (filters, height, width of the kernel), with strides 2 and no padding where "/" stands first.
Row = tuple[Any, ...]


def convolve(
    x: SymbolicTensor, filters: int, height: int, width: int, strides: int = 1, padding: str = "same"
) -> SymbolicTensor:
    """A convolution, normalized, and what is above zero of it."""
    x = layers.Conv2D(filters, (height, width), strides=strides, padding=padding, use_bias=False)(x)
    x = layers.BatchNormalization(axis=channel_axis(), scale=False)(x)
    return layers.Activation("relu")(x)


def branch(x: SymbolicTensor, *rows: Row) -> SymbolicTensor:
    for row in rows:
        x = convolve(x, *row[1:], strides=2, padding="valid") if row[0] == "/" else convolve(x, *row)
    return x


def pooled(x: SymbolicTensor, filters: int) -> SymbolicTensor:
    """The branch of average pooling."""
    x = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return convolve(x, filters, 1, 1)


def join(branches: list[SymbolicTensor], name: str | None = None) -> SymbolicTensor:
    return layers.concatenate(branches, axis=channel_axis(), name=name)


def begin(x: SymbolicTensor) -> SymbolicTensor:
    """Five convolutions and two poolings."""
    x = convolve(x, 32, 3, 3, strides=2, padding="valid")
    x = convolve(x, 32, 3, 3, padding="valid")
    x = convolve(x, 64, 3, 3)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = convolve(x, 80, 1, 1, padding="valid")
    x = convolve(x, 192, 3, 3, padding="valid")
    return layers.MaxPooling2D(3, strides=2)(x)


def wide(x: SymbolicTensor, n: int) -> SymbolicTensor:
    """Branches that end in two kernels beside one another."""
    one = branch(x, (320, 1, 1))
    three = branch(x, (384, 1, 1))
    three = join([branch(three, (384, 1, 3)), branch(three, (384, 3, 1))], f"mixed9_{n}")
    double = branch(x, (448, 1, 1), (384, 3, 3))
    double = join([branch(double, (384, 1, 3)), branch(double, (384, 3, 1))])
    return join([one, three, double, pooled(x, 192)], f"mixed{9 + n}")


def features(x: SymbolicTensor) -> SymbolicTensor:
    """All layers but the top; "mixed0" to "mixed10" are where branches come together."""
    x = begin(x)
    for n, filters in enumerate((32, 64, 64)):
        five, double = ((48, 1, 1), (64, 5, 5)), ((64, 1, 1), (96, 3, 3), (96, 3, 3))
        x = join([branch(x, (64, 1, 1)), branch(x, *five), branch(x, *double), pooled(x, filters)], f"mixed{n}")
    three, double = branch(x, ("/", 384, 3, 3)), branch(x, (64, 1, 1), (96, 3, 3), ("/", 96, 3, 3))
    x = join([three, double, layers.MaxPooling2D(3, strides=2)(x)], "mixed3")
    for n, filters in enumerate((128, 160, 160, 192), start=4):
        seven = (filters, 1, 1), (filters, 1, 7), (192, 7, 1)
        double = (filters, 1, 1), (filters, 7, 1), (filters, 1, 7), (filters, 7, 1), (192, 1, 7)
        x = join([branch(x, (192, 1, 1)), branch(x, *seven), branch(x, *double), pooled(x, 192)], f"mixed{n}")
    three = branch(x, (192, 1, 1), ("/", 320, 3, 3))
    seven = branch(x, (192, 1, 1), (192, 1, 7), (192, 7, 1), ("/", 192, 3, 3))
    x = join([three, seven, layers.MaxPooling2D(3, strides=2)(x)], "mixed8")
    return wide(wide(x, 0), 1)


def inception_v3(
    pretrained: Pretrained,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: PictureShape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    """Eleven blocks of three or four branches each."""
    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return assemble(asked, features, pretrained, size=299, least=75, pooled=("avg_pool" if include_top else None, None))


InceptionV3 = named(
    "InceptionV3",
    inception_v3,
    SOURCE,
    pretrained=kernels("inception_v3", "inception_v3", "9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),
    name="inception_v3",
)
preprocess_input = preprocessing("tf")
