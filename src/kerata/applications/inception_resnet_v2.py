"""Inception blocks beside residual ways."""

from typing import Any

from kerata import layers
from kerata.applications.assembling import Asked, PictureShape, Pretrained, assemble, channel_axis, kernels, named
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SOURCE = (
    "Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, 2016 (arXiv 1602.07261)"
)
# The branches of the three kinds of block, as (filters, kernel).
BRANCHES: dict[str, tuple[tuple[tuple[int, Any], ...], ...]] = {
    "block35": (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))),
    "block17": (((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))),
    "block8": (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))),
}


def convolve(
    x: SymbolicTensor,
    filters: int,
    kernel: int | tuple[int, int],
    strides: int = 1,
    padding: str = "same",
    name: str | None = None,
) -> SymbolicTensor:
    """A convolution, normalized, and what is above zero of it."""
    x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False, name=name)(x)
    x = layers.BatchNormalization(axis=channel_axis(), scale=False, name=name and f"{name}_bn")(x)
    return layers.Activation("relu", name=name and f"{name}_ac")(x)


def branch(x: SymbolicTensor, *rows: tuple[int, Any], last: int | None = None) -> SymbolicTensor:
    """A row of convolutions; then one of 3 x 3 that halves, where `last` gives its filters."""
    for filters, kernel in rows:
        x = convolve(x, filters, kernel)
    return x if last is None else convolve(x, last, 3, strides=2, padding="valid")


def join(branches: list[SymbolicTensor], name: str) -> SymbolicTensor:
    return layers.Concatenate(axis=channel_axis(), name=name)(branches)


def residual(x: SymbolicTensor, scale: float, kind: str, n: int, relu: bool = True) -> SymbolicTensor:
    """A block whose branches are scaled and added to what it got."""
    name = f"{kind}_{n}"
    mixed = join([branch(x, *rows) for rows in BRANCHES[kind]], f"{name}_mixed")
    up = layers.Conv2D(x.shape[channel_axis()], 1, padding="same", name=f"{name}_conv")(mixed)
    x = layers.CustomScaleLayer(scale)([x, up])
    return layers.Activation("relu", name=f"{name}_ac")(x) if relu else x


def begin(x: SymbolicTensor) -> SymbolicTensor:
    """Five convolutions, two poolings and a block of four branches."""
    x = convolve(x, 32, 3, strides=2, padding="valid")
    x = convolve(x, 32, 3, padding="valid")
    x = convolve(x, 64, 3)
    x = layers.MaxPooling2D(3, strides=2)(x)
    x = convolve(x, 80, 1, padding="valid")
    x = convolve(x, 192, 3, padding="valid")
    x = layers.MaxPooling2D(3, strides=2)(x)
    branches = [branch(x, (96, 1)), branch(x, (48, 1), (64, 5)), branch(x, (64, 1), (96, 3), (96, 3))]
    pooled = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return join([*branches, convolve(pooled, 64, 1)], "mixed_5b")


def features(x: SymbolicTensor) -> SymbolicTensor:
    """All layers but the top."""
    x = begin(x)
    for n in range(1, 11):
        x = residual(x, 0.17, "block35", n)
    branches = [branch(x, last=384), branch(x, (256, 1), (256, 3), last=384)]
    x = join([*branches, layers.MaxPooling2D(3, strides=2)(x)], "mixed_6a")
    for n in range(1, 21):
        x = residual(x, 0.1, "block17", n)
    branches = [branch(x, (256, 1), last=384), branch(x, (256, 1), last=288), branch(x, (256, 1), (288, 3), last=320)]
    x = join([*branches, layers.MaxPooling2D(3, strides=2)(x)], "mixed_7a")
    for n in range(1, 10):
        x = residual(x, 0.2, "block8", n)
    x = residual(x, 1.0, "block8", 10, relu=False)
    return convolve(x, 1536, 1, name="conv_7b")


def inception_resnet_v2(
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
    """Forty blocks of three kinds, whose branches are added to what they got."""
    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return assemble(asked, features, pretrained, size=299, least=75, pooled=("avg_pool" if include_top else None, None))


InceptionResNetV2 = named(
    "InceptionResNetV2",
    inception_resnet_v2,
    SOURCE,
    pretrained=kernels(
        "inception_resnet_v2", "inception_resnet_v2", "e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4"
    ),
    name="inception_resnet_v2",
)
preprocess_input = preprocessing("tf")
