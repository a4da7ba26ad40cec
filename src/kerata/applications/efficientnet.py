"""EfficientNet: width, depth and size of pictures grow together."""

import math

from kerata import layers
from kerata.applications.assembling import (
    Asked,
    PictureShape,
    Pretrained,
    assemble,
    channel_axis,
    divisible,
    is_first,
    named,
    padding_before,
)
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.base.types import PathLike
from kerata.data.imagenet import DEVIATION
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.initializers import VarianceScaling
from kerata.models.model import Model

SOURCE = "Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, 2019 (arXiv 1905.11946)"
# (kernel, how many, channels it gets, channels it gives, expansion, strides of the first) of the stages of B0.
STAGES = (
    (3, 1, 32, 16, 1, 1),
    (3, 2, 16, 24, 6, 2),
    (5, 2, 24, 40, 6, 2),
    (3, 3, 40, 80, 6, 2),
    (5, 3, 80, 112, 6, 1),
    (5, 4, 112, 192, 6, 2),
    (3, 1, 192, 320, 6, 1),
)
DROPPED = 0.2
STORE = "https://storage.googleapis.com/keras-applications"
# (width, depth, size of pictures, dropout, checksums) of the forms.
FORMS = {
    "B0": (1.0, 1.0, 224, 0.2, ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d")),
    "B1": (1.0, 1.1, 240, 0.2, ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432")),
    "B2": (1.1, 1.2, 260, 0.3, ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39")),
    "B3": (1.2, 1.4, 300, 0.3, ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226")),
    "B4": (1.4, 1.8, 380, 0.4, ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba")),
    "B5": (1.6, 2.2, 456, 0.4, ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f")),
    "B6": (1.8, 2.6, 528, 0.5, ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743")),
    "B7": (2.0, 3.1, 600, 0.5, ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a")),
}


def convolution_kernels() -> VarianceScaling:
    return VarianceScaling(2.0, "fan_out", "truncated_normal")


def dense_kernels() -> VarianceScaling:
    return VarianceScaling(1.0 / 3.0, "fan_out", "uniform")


def convolve(
    x: SymbolicTensor, filters: int, name: str, kernel: int = 1, strides: int = 1, padding: str = "same"
) -> SymbolicTensor:
    """A convolution without a bias."""
    return layers.Conv2D(
        filters, kernel, strides=strides, padding=padding, use_bias=False, kernel_initializer=convolution_kernels(), name=name
    )(x)


def finish(x: SymbolicTensor, names: tuple[str, str | None], momentum: float = 0.99) -> SymbolicTensor:
    """Batch normalization, and swish where it has a name."""
    x = layers.BatchNormalization(axis=channel_axis(), momentum=momentum, name=names[0])(x)
    return x if names[1] is None else layers.Activation("swish", name=names[1])(x)


def excite(x: SymbolicTensor, squeezed: int, filters: int, name: str) -> SymbolicTensor:
    """Squeeze-and-excite: channels weighed by what is in all of them."""
    shape = (filters, 1, 1) if is_first() else (1, 1, filters)
    se = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    se = layers.Reshape(shape, name=f"{name}se_reshape")(se)
    for filters, activation, end in ((squeezed, "swish", "reduce"), (filters, "sigmoid", "expand")):  # noqa: B020
        se = layers.Conv2D(
            filters, 1, padding="same", activation=activation, kernel_initializer=convolution_kernels(), name=f"{name}se_{end}"
        )(se)
    return layers.multiply([x, se], name=f"{name}se_excite")


def block(
    x: SymbolicTensor, kernel: int, channels: int, filters: int, expansion: int, strides: int, rate: float, name: str
) -> SymbolicTensor:
    """A wider copy, a depthwise convolution that is weighed, a narrower one; added to what the block got, where that fits."""
    start, padding = x, "same"
    if expansion != 1:
        x = convolve(x, channels * expansion, f"{name}expand_conv")
        x = finish(x, (f"{name}expand_bn", f"{name}expand_activation"))
    if strides == 2:
        x, padding = layers.ZeroPadding2D(padding_before(x, kernel), name=f"{name}dwconv_pad")(x), "valid"
    x = layers.DepthwiseConv2D(
        kernel,
        strides=strides,
        padding=padding,
        use_bias=False,
        depthwise_initializer=convolution_kernels(),
        name=f"{name}dwconv",
    )(x)
    x = finish(x, (f"{name}bn", f"{name}activation"))
    x = excite(x, max(1, channels // 4), channels * expansion, name)
    x = finish(convolve(x, filters, f"{name}project_conv"), (f"{name}project_bn", None))
    return past(start, x, rate, name) if strides == 1 and channels == filters else x


def past(start: SymbolicTensor, x: SymbolicTensor, rate: float, name: str) -> SymbolicTensor:
    """A block added to what it got; in training, it is left out for some pictures."""
    if rate > 0:
        x = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")(x)
    return layers.add([x, start], name=f"{name}add")


def efficientnet(
    form: str,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: PictureShape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    """Stages of blocks that weigh their channels; the model scales pictures of 0 to 255 by itself."""
    width, depth, size, rate, checksums = FORMS[form]
    total = float(sum(math.ceil(depth * stage[1]) for stage in STAGES))

    def features(x: SymbolicTensor) -> SymbolicTensor:
        x = layers.Rescaling(1.0 / 255.0)(x)
        normalize = layers.Normalization(axis=channel_axis())
        x = normalize(x)
        # Without weights of a file it hands pictures on as they are, until `adapt` is called.
        normalize.finalize_state()
        if weights == "imagenet":
            x = layers.Rescaling([1.0 / math.sqrt(one) for one in DEVIATION])(x)
        x = layers.ZeroPadding2D(padding_before(x, 3), name="stem_conv_pad")(x)
        x = convolve(x, divisible(32 * width), "stem_conv", 3, 2, "valid")
        x = finish(x, ("stem_bn", "stem_activation"))
        number = 0
        for stage, (kernel, count, channels, filters, expansion, strides) in enumerate(STAGES, start=1):
            inside, outside = divisible(channels * width), divisible(filters * width)
            for n in range(math.ceil(depth * count)):
                sizes = (inside, outside, expansion, strides) if n == 0 else (outside, outside, expansion, 1)
                x = block(x, kernel, *sizes, DROPPED * number / total, f"block{stage}{chr(97 + n)}_")
                number += 1
        x = convolve(x, divisible(1280 * width), "top_conv")
        return finish(x, ("top_bn", "top_activation"))

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    pretrained = Pretrained(STORE, (f"{name}.h5", f"{name}_notop.h5"), checksums)
    return assemble(asked, features, pretrained, size=size, pooled=("avg_pool", "max_pool"), top=dropping(rate))


def dropping(rate: float):
    """A top of average pooling, dropout and a dense layer."""

    def top(x: SymbolicTensor, asked: Asked) -> SymbolicTensor:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(rate, name="top_dropout")(x)
        return layers.Dense(
            asked.classes, activation=asked.classifier_activation, kernel_initializer=dense_kernels(), name="predictions"
        )(x)

    return top


EfficientNetB0 = named("EfficientNetB0", efficientnet, SOURCE, form="B0", name="efficientnetb0")
EfficientNetB1 = named("EfficientNetB1", efficientnet, SOURCE, form="B1", name="efficientnetb1")
EfficientNetB2 = named("EfficientNetB2", efficientnet, SOURCE, form="B2", name="efficientnetb2")
EfficientNetB3 = named("EfficientNetB3", efficientnet, SOURCE, form="B3", name="efficientnetb3")
EfficientNetB4 = named("EfficientNetB4", efficientnet, SOURCE, form="B4", name="efficientnetb4")
EfficientNetB5 = named("EfficientNetB5", efficientnet, SOURCE, form="B5", name="efficientnetb5")
EfficientNetB6 = named("EfficientNetB6", efficientnet, SOURCE, form="B6", name="efficientnetb6")
EfficientNetB7 = named("EfficientNetB7", efficientnet, SOURCE, form="B7", name="efficientnetb7")
preprocess_input = preprocessing(None)
