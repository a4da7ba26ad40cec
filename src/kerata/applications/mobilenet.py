"""MobileNet: depthwise convolutions, then convolutions of 1 x 1."""

import warnings

from kerata import layers
from kerata.applications.assembling import STORE, Asked, PictureShape, Pretrained, assemble, channel_axis, ordered, split
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.base.checks import message
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SOURCE = (
    "Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, 2017 (arXiv 1704.04861)"
)
SIZES = (128, 160, 192, 224)
# (filters, strides) of the blocks.
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
ALPHAS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}


def usual_size(given: PictureShape | None, sizes: tuple[int, ...]) -> int:
    """The size of training that a shape of pictures stands for."""
    height, width = split(tuple(given))[0] if given is not None and len(given) == 3 else (None, None)
    return height if height == width and height in sizes else 224


def size_of_weights(asked: Asked, size: int, sizes: tuple[int, ...]) -> int:
    """The size of training whose weights are taken; says so where it is another one than that of the pictures."""
    height, width = split(tuple(asked.input_shape or ordered(size if asked.include_top else None, size, 3)))[0]
    if asked.weights == "imagenet" and (height != width or height not in sizes):
        text = f"weights of pictures of 224 x 224 are taken, since there are none for this size; there are for {sizes}"
        warnings.warn(message(asked.name, text, {"input_shape": asked.input_shape}), stacklevel=4)
        return 224
    return size


def check_alpha(asked: Asked, alpha: float, alphas: tuple[float, ...]) -> None:
    """Refuses a width of which there are no weights."""
    if asked.weights == "imagenet" and alpha not in alphas:
        raise ValueError(message(asked.name, f"with `weights='imagenet'`, `alpha` must be one of {alphas}", {"alpha": alpha}))


def normalized(x: SymbolicTensor, name: str) -> SymbolicTensor:
    x = layers.BatchNormalization(axis=channel_axis(), name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def MobileNet(
    input_shape: PictureShape | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 0.001,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    """Thirteen blocks of a depthwise convolution and one of 1 x 1.

    Args:
        alpha: factor for the numbers of channels; 0.25, 0.5, 0.75 and 1 have weights.
        depth_multiplier: channels of a depthwise convolution for each of its input; 1 has weights.
        dropout: rate before the last layer.
        input_shape, include_top, weights, input_tensor, pooling, classes, classifier_activation, name: as of `VGG16`.

    Source: Howard et al., MobileNets, 2017 (arXiv 1704.04861)
    """
    size = usual_size(input_shape, SIZES)
    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    if weights == "imagenet" and depth_multiplier != 1:
        expected = "with `weights='imagenet'`, `depth_multiplier` must be 1"
        raise ValueError(message("MobileNet", expected, {"depth_multiplier": depth_multiplier}))
    check_alpha(asked, alpha, tuple(ALPHAS))
    trained = size_of_weights(asked, size, SIZES)
    if name is None:
        rows = split(tuple(input_shape))[0][0] if input_shape is not None else (size if include_top else None)
        asked = Asked(*asked[:-1], f"mobilenet_{alpha:0.2f}_{trained if weights == 'imagenet' else rows}")

    def features(x: SymbolicTensor) -> SymbolicTensor:
        x = layers.Conv2D(int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1")(x)
        x = normalized(x, "conv1")
        for n, (filters, strides) in enumerate(BLOCKS, start=1):
            if strides == 2:
                x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{n}")(x)
            padding = "same" if strides == 1 else "valid"
            x = layers.DepthwiseConv2D(
                3, strides=strides, padding=padding, depth_multiplier=depth_multiplier, use_bias=False, name=f"conv_dw_{n}"
            )(x)
            x = normalized(x, f"conv_dw_{n}")
            x = layers.Conv2D(int(filters * alpha), 1, padding="same", use_bias=False, name=f"conv_pw_{n}")(x)
            x = normalized(x, f"conv_pw_{n}")
        return x

    def top(x: SymbolicTensor, asked: Asked) -> SymbolicTensor:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(asked.classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((asked.classes,), name="reshape_2")(x)
        return layers.Activation(asked.classifier_activation, name="predictions")(x)

    stem = f"mobilenet_{ALPHAS.get(alpha)}_{trained}_tf"
    pretrained = Pretrained(f"{STORE}/mobilenet", (f"{stem}.h5", f"{stem}_no_top.h5"))
    return assemble(asked, features, pretrained, size=size, top=top)


preprocess_input = preprocessing("tf")
