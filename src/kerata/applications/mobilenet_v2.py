"""MobileNetV2: narrow residual ways, wide depthwise convolutions between them."""

from kerata import layers
from kerata.applications.assembling import (
    STORE,
    Asked,
    PictureShape,
    Pretrained,
    assemble,
    channel_axis,
    channels_of,
    divisible,
    padding_before,
    split,
)
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.applications.mobilenet import check_alpha, size_of_weights, usual_size
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SIZES = (96, 128, 160, 192, 224)
ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
# (filters, strides of the first, how many) of the blocks.
STAGES = ((16, 1, 1), (24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1))


def normalize(x: SymbolicTensor, name: str) -> SymbolicTensor:
    return layers.BatchNormalization(axis=channel_axis(), epsilon=1e-3, momentum=0.999, name=name)(x)


def block(x: SymbolicTensor, filters: int, strides: int, n: int) -> SymbolicTensor:
    """A wider copy, a depthwise convolution, a narrower one; added to what the block got, where that fits."""
    start, channels = x, channels_of(x)
    prefix = f"block_{n}_" if n else "expanded_conv_"
    if n:
        x = layers.Conv2D(6 * channels, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = normalize(x, f"{prefix}expand_BN")
        x = layers.ReLU(6.0, name=f"{prefix}expand_relu")(x)
    if strides == 2:
        x = layers.ZeroPadding2D(padding_before(x, 3), name=f"{prefix}pad")(x)
    padding = "same" if strides == 1 else "valid"
    x = layers.DepthwiseConv2D(3, strides=strides, padding=padding, use_bias=False, name=f"{prefix}depthwise")(x)
    x = normalize(x, f"{prefix}depthwise_BN")
    x = layers.ReLU(6.0, name=f"{prefix}depthwise_relu")(x)
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = normalize(x, f"{prefix}project_BN")
    return layers.Add(name=f"{prefix}add")([start, x]) if strides == 1 and channels == filters else x


def MobileNetV2(
    input_shape: PictureShape | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    """Seventeen blocks of a wide depthwise convolution between two narrow ends.

    Args:
        alpha: factor for the numbers of channels; 0.35, 0.5, 0.75, 1, 1.3 and 1.4 have weights.
        input_shape, include_top, weights, input_tensor, pooling, classes, classifier_activation, name: as of `VGG16`.

    Source: Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, 2018 (arXiv 1801.04381)
    """
    shape = input_shape if input_shape is not None or input_tensor is None else tuple(input_tensor.shape[1:])
    size = usual_size(shape, SIZES)
    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    check_alpha(asked, alpha, ALPHAS)
    trained = size_of_weights(asked, size, SIZES)
    if name is None:
        rows = split(tuple(input_shape))[0][0] if input_shape is not None else (size if include_top else None)
        asked = Asked(*asked[:-1], f"mobilenetv2_{alpha:0.2f}_{trained if weights == 'imagenet' else rows}")

    def features(x: SymbolicTensor) -> SymbolicTensor:
        x = layers.Conv2D(divisible(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="Conv1")(x)
        x = normalize(x, "bn_Conv1")
        x = layers.ReLU(6.0, name="Conv1_relu")(x)
        n = 0
        for filters, strides, count in STAGES:
            for place in range(count):
                x = block(x, divisible(int(filters * alpha)), strides if place == 0 else 1, n)
                n += 1
        x = layers.Conv2D(divisible(1280 * max(alpha, 1.0)), 1, use_bias=False, name="Conv_1")(x)
        x = normalize(x, "Conv_1_bn")
        return layers.ReLU(6.0, name="out_relu")(x)

    stem = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(alpha)}_{trained}"
    pretrained = Pretrained(f"{STORE}/mobilenet_v2", (f"{stem}.h5", f"{stem}_no_top.h5"))
    return assemble(asked, features, pretrained, size=size)


preprocess_input = preprocessing("tf")
