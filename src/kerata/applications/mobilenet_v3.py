"""MobileNetV3: blocks found by search, with squeeze-and-excite and hard swish."""

import warnings
from collections.abc import Callable

from kerata import layers
from kerata.applications.assembling import (
    STORE,
    Asked,
    PictureShape,
    Pretrained,
    assemble,
    channels_of,
    divisible,
    named,
    ordered,
    padding_before,
    split,
)
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.applications.mobilenet_v2 import normalize
from kerata.base.checks import message
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SOURCE = "Howard et al., Searching for MobileNetV3, 2019 (arXiv 1905.02244)"
# A block: expansion, filters, whether its kernel is the large one, strides, squeeze-and-excite, hard swish.
Block = tuple[float, int, bool, int, bool, bool]
SMALL: tuple[Block, ...] = (
    (1, 16, False, 2, True, False),
    (72 / 16, 24, False, 2, False, False),
    (88 / 24, 24, False, 1, False, False),
    (4, 40, True, 2, True, True),
    *((6, 40, True, 1, True, True),) * 2,
    *((3, 48, True, 1, True, True),) * 2,
    (6, 96, True, 2, True, True),
    *((6, 96, True, 1, True, True),) * 2,
)
LARGE: tuple[Block, ...] = (
    (1, 16, False, 1, False, False),
    (4, 24, False, 2, False, False),
    (3, 24, False, 1, False, False),
    (3, 40, True, 2, True, False),
    *((3, 40, True, 1, True, False),) * 2,
    (6, 80, False, 2, False, True),
    (2.5, 80, False, 1, False, True),
    *((2.3, 80, False, 1, False, True),) * 2,
    *((6, 112, False, 1, True, True),) * 2,
    (6, 160, True, 2, True, True),
    *((6, 160, True, 1, True, True),) * 2,
)
CHECKSUMS = {
    "large_224_0.75_float": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
    "large_224_1.0_float": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "large_minimalistic_224_1.0_float": ("675e7b876c45c57e9e63e6d90a36599c", "ec5221f64a2f6d1ef965a614bdae7973"),
    "small_224_0.75_float": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
    "small_224_1.0_float": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "small_minimalistic_224_1.0_float": ("99cd97fb2fcdad2bf028eb838de69e37", "cde8136e733e811080d9fcd8a252f7e4"),
}
Activation = Callable[[SymbolicTensor], SymbolicTensor]


def relu(x: SymbolicTensor) -> SymbolicTensor:
    return layers.ReLU()(x)


def hard_swish(x: SymbolicTensor) -> SymbolicTensor:
    return layers.Activation("hard_swish")(x)


def hard_sigmoid(x: SymbolicTensor) -> SymbolicTensor:
    return layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)


def excite(x: SymbolicTensor, filters: int, prefix: str) -> SymbolicTensor:
    """Squeeze-and-excite: channels weighed by what is in all of them."""
    start, prefix = x, f"{prefix}squeeze_excite_"
    x = layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}avg_pool")(x)
    x = layers.Conv2D(divisible(filters / 4), 1, padding="same", name=f"{prefix}conv")(x)
    x = layers.ReLU(name=f"{prefix}relu")(x)
    x = layers.Conv2D(filters, 1, padding="same", name=f"{prefix}conv_1")(x)
    return layers.Multiply(name=f"{prefix}mul")([start, hard_sigmoid(x)])


def block(
    x: SymbolicTensor, expansion: float, filters: int, kernel: int, strides: int, excited: bool, activation: Activation, n: int
) -> SymbolicTensor:
    """A wider copy, a depthwise convolution, a narrower one; added to what the block got, where that fits."""
    start, channels = x, channels_of(x)
    wide = divisible(channels * expansion)
    prefix = f"expanded_conv_{n}_" if n else "expanded_conv_"
    if n:
        x = layers.Conv2D(wide, 1, padding="same", use_bias=False, name=f"{prefix}expand")(x)
        x = activation(normalize(x, f"{prefix}expand_bn"))
    if strides == 2:
        x = layers.ZeroPadding2D(padding_before(x, kernel), name=f"{prefix}depthwise_pad")(x)
    padding = "same" if strides == 1 else "valid"
    x = layers.DepthwiseConv2D(kernel, strides=strides, padding=padding, use_bias=False, name=f"{prefix}depthwise")(x)
    x = activation(normalize(x, f"{prefix}depthwise_bn"))
    x = excite(x, wide, prefix) if excited else x
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{prefix}project")(x)
    x = normalize(x, f"{prefix}project_bn")
    return layers.Add(name=f"{prefix}add")([start, x]) if strides == 1 and channels == filters else x


def mobilenet_v3(
    blocks: tuple[Block, ...],
    last: int,
    kind: str,
    input_shape: PictureShape | None = None,
    alpha: float = 1.0,
    minimalistic: bool = False,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    classes: int = 1000,
    pooling: str | None = None,
    dropout_rate: float = 0.2,
    classifier_activation: ActivationLike = "softmax",
    include_preprocessing: bool = True,
    name: str | None = None,
) -> Model:
    """Blocks of a wide depthwise convolution between two narrow ends, some of which weigh their channels."""
    if input_shape is None:
        input_shape = ordered(None, None, 3) if input_tensor is None else tuple(input_tensor.shape[1:])
    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    check_trained(asked, alpha, minimalistic)
    swish = relu if minimalistic else hard_swish

    def features(x: SymbolicTensor) -> SymbolicTensor:
        x = layers.Rescaling(1.0 / 127.5, -1.0)(x) if include_preprocessing else x
        x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
        x = swish(normalize(x, "conv_bn"))
        for n, (expansion, filters, large, strides, excited, swished) in enumerate(blocks):
            kernel = 5 if large and not minimalistic else 3
            activation = swish if swished else relu
            x = block(x, expansion, divisible(filters * alpha), kernel, strides, excited and not minimalistic, activation, n)
        x = layers.Conv2D(divisible(channels_of(x) * 6), 1, padding="same", use_bias=False, name="conv_1")(x)
        return swish(normalize(x, "conv_1_bn"))

    def top(x: SymbolicTensor, asked: Asked) -> SymbolicTensor:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Conv2D(divisible(last * alpha) if alpha > 1.0 else last, 1, padding="same", name="conv_2")(x)
        x = swish(x)
        x = layers.Dropout(dropout_rate)(x) if dropout_rate > 0 else x
        x = layers.Conv2D(asked.classes, 1, padding="same", name="logits")(x)
        x = layers.Flatten()(x)
        return layers.Activation(asked.classifier_activation, name="predictions")(x)

    form = f"{kind}{'_minimalistic' if minimalistic else ''}_224_{float(alpha)}_float"
    stem = f"weights_mobilenet_v3_{form}"
    known = CHECKSUMS.get(form, (None, None))
    pretrained = Pretrained(f"{STORE}/mobilenet_v3", (f"{stem}.h5", f"{stem}_no_top_v2.h5"), known)
    return assemble(asked, features, pretrained, size=224, pooled=("avg_pool", "max_pool"), top=top, is_open=True)


def check_trained(asked: Asked, alpha: float, minimalistic: bool) -> None:
    """Refuses a form of which there are no weights, and says where pictures have another size than in training."""
    if asked.weights != "imagenet":
        return
    alphas = (1.0,) if minimalistic else (0.75, 1.0)
    if alpha not in alphas:
        raise ValueError(message(asked.name, f"with `weights='imagenet'`, `alpha` must be one of {alphas}", {"alpha": alpha}))
    if split(tuple(asked.input_shape or ()))[0] != (224, 224):
        warnings.warn(
            message(asked.name, "weights of pictures of 224 x 224 are taken", {"input_shape": asked.input_shape}), stacklevel=5
        )


MobileNetV3Small = named(
    "MobileNetV3Small", mobilenet_v3, SOURCE, blocks=SMALL, last=1024, kind="small", name="MobileNetV3Small"
)
MobileNetV3Large = named(
    "MobileNetV3Large", mobilenet_v3, SOURCE, blocks=LARGE, last=1280, kind="large", name="MobileNetV3Large"
)
preprocess_input = preprocessing(None)
