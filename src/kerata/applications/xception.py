"""Xception: depthwise separable convolutions beside residual ways."""

from kerata import layers
from kerata.applications.assembling import Asked, PictureShape, Pretrained, assemble, channel_axis, kernels, named
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SOURCE = "Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, 2016 (arXiv 1610.02357)"


def separable(x: SymbolicTensor, filters: int, name: str) -> SymbolicTensor:
    """A depthwise separable convolution, normalized."""
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return layers.BatchNormalization(axis=channel_axis(), name=f"{name}_bn")(x)


def relu(x: SymbolicTensor, name: str) -> SymbolicTensor:
    return layers.Activation("relu", name=f"{name}_act")(x)


def begin(x: SymbolicTensor) -> SymbolicTensor:
    """Two convolutions without padding."""
    for n, (filters, strides) in enumerate(((32, 2), (64, 1)), start=1):
        name = f"block1_conv{n}"
        x = layers.Conv2D(filters, 3, strides=strides, use_bias=False, name=name)(x)
        x = layers.BatchNormalization(axis=channel_axis(), name=f"{name}_bn")(x)
        x = relu(x, name)
    return x


def halving(x: SymbolicTensor, filters: tuple[int, int], block: int) -> SymbolicTensor:
    """Two separable convolutions and a pooling, beside a convolution with strides."""
    past = layers.Conv2D(filters[1], 1, strides=2, padding="same", use_bias=False)(x)
    past = layers.BatchNormalization(axis=channel_axis())(past)
    if block > 2:
        x = relu(x, f"block{block}_sepconv1")
    x = separable(x, filters[0], f"block{block}_sepconv1")
    x = relu(x, f"block{block}_sepconv2")
    x = separable(x, filters[1], f"block{block}_sepconv2")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
    return layers.add([x, past])


def xception(
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
    """Four halvings, eight blocks of one size, and two wide separable convolutions."""

    def features(x: SymbolicTensor) -> SymbolicTensor:
        x = begin(x)
        for block, filters in enumerate((128, 256, 728), start=2):
            x = halving(x, (filters, filters), block)
        for block in range(5, 13):
            past = x
            for n in (1, 2, 3):
                x = relu(x, f"block{block}_sepconv{n}")
                x = separable(x, 728, f"block{block}_sepconv{n}")
            x = layers.add([x, past])
        x = halving(x, (728, 1024), 13)
        for n, filters in enumerate((1536, 2048), start=1):
            x = separable(x, filters, f"block14_sepconv{n}")
            x = relu(x, f"block14_sepconv{n}")
        return x

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return assemble(asked, features, pretrained, size=299, least=71, pooled=("avg_pool" if include_top else None, None))


Xception = named(
    "Xception",
    xception,
    SOURCE,
    pretrained=kernels("xception", "xception", "0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"),
    name="xception",
)
preprocess_input = preprocessing("tf")
