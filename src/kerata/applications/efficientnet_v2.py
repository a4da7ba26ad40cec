"""EfficientNetV2: fused blocks first, pictures of a size that training can begin with."""

import math

from kerata import layers
from kerata.applications.assembling import STORE, Asked, PictureShape, Pretrained, assemble, channel_axis, named, split
from kerata.applications.efficientnet import DROPPED, convolution_kernels, convolve, dropping, excite, finish, past
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.base.types import PathLike
from kerata.data.imagenet import DEVIATION, MEAN
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SOURCE = "Tan and Le, EfficientNetV2: Smaller Models and Faster Training, 2021 (arXiv 2104.00298)"
# (fused, how many, channels it gets, channels it gives, expansion, strides of the first, squeeze-and-excite) of the stages.
Stage = tuple[bool, int, int, int, int, int, bool]
BASE: tuple[Stage, ...] = (
    (True, 1, 32, 16, 1, 1, False),
    (True, 2, 16, 32, 4, 2, False),
    (True, 2, 32, 48, 4, 2, False),
    (False, 3, 48, 96, 4, 2, True),
    (False, 5, 96, 112, 6, 1, True),
    (False, 8, 112, 192, 6, 2, True),
)
SMALL: tuple[Stage, ...] = (
    (True, 2, 24, 24, 1, 1, False),
    (True, 4, 24, 48, 4, 2, False),
    (True, 4, 48, 64, 4, 2, False),
    (False, 6, 64, 128, 4, 2, True),
    (False, 9, 128, 160, 6, 1, True),
    (False, 15, 160, 256, 6, 2, True),
)
MEDIUM: tuple[Stage, ...] = (
    (True, 3, 24, 24, 1, 1, False),
    (True, 5, 24, 48, 4, 2, False),
    (True, 5, 48, 80, 4, 2, False),
    (False, 7, 80, 160, 4, 2, True),
    (False, 14, 160, 176, 6, 1, True),
    (False, 18, 176, 304, 6, 2, True),
    (False, 5, 304, 512, 6, 1, True),
)
LARGE: tuple[Stage, ...] = (
    (True, 4, 32, 32, 1, 1, False),
    (True, 7, 32, 64, 4, 2, False),
    (True, 7, 64, 96, 4, 2, False),
    (False, 10, 96, 192, 4, 2, True),
    (False, 19, 192, 224, 6, 1, True),
    (False, 25, 224, 384, 6, 2, True),
    (False, 7, 384, 640, 6, 1, True),
)
# (stages, width, depth, size of pictures, checksums) of the forms.
FORMS = {
    "B0": (BASE, 1.0, 1.0, 224, ("21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff")),
    "B1": (BASE, 1.0, 1.1, 240, ("069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37")),
    "B2": (BASE, 1.1, 1.2, 260, ("424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb")),
    "B3": (BASE, 1.2, 1.4, 300, ("1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856")),
    "S": (SMALL, 1.0, 1.0, 384, ("e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070")),
    "M": (MEDIUM, 1.0, 1.0, 480, ("a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342")),
    "L": (LARGE, 1.0, 1.0, 480, ("27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615")),
}
MOMENTUM = 0.9


def rounded(filters: float) -> int:
    """The nearest multiple of 8."""
    return max(8, int(filters + 4) // 8 * 8)


def settle(x: SymbolicTensor, bn: str, activation: str | None) -> SymbolicTensor:
    return finish(x, (bn, activation), MOMENTUM)


def block(
    x: SymbolicTensor, channels: int, filters: int, expansion: int, strides: int, excited: bool, rate: float, name: str
) -> SymbolicTensor:
    """A wider copy, a depthwise convolution, a narrower one."""
    start, wide = x, channels * expansion
    if expansion != 1:
        x = convolve(x, wide, f"{name}expand_conv")
        x = settle(x, f"{name}expand_bn", f"{name}expand_activation")
    x = layers.DepthwiseConv2D(
        3, strides=strides, padding="same", use_bias=False, depthwise_initializer=convolution_kernels(), name=f"{name}dwconv2"
    )(x)
    x = settle(x, f"{name}bn", f"{name}activation")
    x = excite(x, max(1, channels // 4), wide, name) if excited else x
    x = settle(convolve(x, filters, f"{name}project_conv"), f"{name}project_bn", None)
    return past(start, x, rate, name) if strides == 1 and channels == filters else x


def fused(
    x: SymbolicTensor, channels: int, filters: int, expansion: int, strides: int, excited: bool, rate: float, name: str
) -> SymbolicTensor:
    """A plain convolution in place of the widening and the depthwise one."""
    start, wide = x, channels * expansion
    if expansion != 1:
        x = convolve(x, wide, f"{name}expand_conv", 3, strides)
        x = settle(x, f"{name}expand_bn", f"{name}expand_activation")
    x = excite(x, max(1, channels // 4), wide, name) if excited else x
    kernel = (1, 1) if expansion != 1 else (3, strides)
    x = convolve(x, filters, f"{name}project_conv", *kernel)
    x = settle(x, f"{name}project_bn", f"{name}project_activation" if expansion == 1 else None)
    return past(start, x, rate, name) if strides == 1 and channels == filters else x


def efficientnet_v2(
    form: str,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: PictureShape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    include_preprocessing: bool = True,
    name: str | None = None,
) -> Model:
    """Stages of fused blocks, then stages of blocks that weigh their channels."""
    stages, width, depth, size, checksums = FORMS[form]
    total = float(sum(stage[1] for stage in stages))

    def scaled(x: SymbolicTensor) -> SymbolicTensor:
        if form.startswith("B") and split(tuple(x.shape[1:]))[1] == 3:
            x = layers.Rescaling(1.0 / 255)(x)
            return layers.Normalization(mean=list(MEAN), variance=[one**2 for one in DEVIATION], axis=channel_axis())(x)
        return layers.Rescaling(1.0 / 128.0, -1)(x)

    def features(x: SymbolicTensor) -> SymbolicTensor:
        x = scaled(x) if include_preprocessing else x
        x = convolve(x, rounded(stages[0][2] * width), "stem_conv", 3, 2)
        x = settle(x, "stem_bn", "stem_activation")
        number = 0
        for stage, (is_fused, count, channels, filters, expansion, strides, excited) in enumerate(stages, start=1):
            inside, outside = rounded(channels * width), rounded(filters * width)
            for n in range(math.ceil(depth * count)):
                sizes = (inside, outside, expansion, strides) if n == 0 else (outside, outside, expansion, 1)
                name = f"block{stage}{chr(97 + n)}_"
                x = (fused if is_fused else block)(x, *sizes, excited, DROPPED * number / total, name)
                number += 1
        x = convolve(x, rounded(1280 * width), "top_conv")
        return settle(x, "top_bn", "top_activation")

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    pretrained = Pretrained(f"{STORE}/efficientnet_v2", (f"{name}.h5", f"{name}_notop.h5"), checksums)
    return assemble(asked, features, pretrained, size=size, pooled=("avg_pool", "max_pool"), top=dropping(0.2))


EfficientNetV2B0 = named("EfficientNetV2B0", efficientnet_v2, SOURCE, form="B0", name="efficientnetv2-b0")
EfficientNetV2B1 = named("EfficientNetV2B1", efficientnet_v2, SOURCE, form="B1", name="efficientnetv2-b1")
EfficientNetV2B2 = named("EfficientNetV2B2", efficientnet_v2, SOURCE, form="B2", name="efficientnetv2-b2")
EfficientNetV2B3 = named("EfficientNetV2B3", efficientnet_v2, SOURCE, form="B3", name="efficientnetv2-b3")
EfficientNetV2S = named("EfficientNetV2S", efficientnet_v2, SOURCE, form="S", name="efficientnetv2-s")
EfficientNetV2M = named("EfficientNetV2M", efficientnet_v2, SOURCE, form="M", name="efficientnetv2-m")
EfficientNetV2L = named("EfficientNetV2L", efficientnet_v2, SOURCE, form="L", name="efficientnetv2-l")
preprocess_input = preprocessing(None)
