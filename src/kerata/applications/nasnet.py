"""NASNet: two kinds of cell that were found by search, each of which gets what the two cells before it gave."""

from kerata import layers
from kerata.applications.assembling import STORE, Asked, PictureShape, Pretrained, assemble, channel_axis, named, padding_before
from kerata.applications.densenet import last_only
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.base.checks import message
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SOURCE = "Zoph et al., Learning Transferable Architectures for Scalable Image Recognition, 2017 (arXiv 1707.07012)"


def normalize(x: SymbolicTensor, name: str) -> SymbolicTensor:
    return layers.BatchNormalization(axis=channel_axis(), momentum=0.9997, epsilon=1e-3, name=name)(x)


def convolve(x: SymbolicTensor, filters: int, name: str) -> SymbolicTensor:
    """A convolution of 1 x 1."""
    return layers.Conv2D(filters, 1, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)(x)


def separable(x: SymbolicTensor, filters: int, kernel: int, place: str, strides: int = 1) -> SymbolicTensor:
    """Two separable convolutions, each behind a relu."""
    x = layers.Activation("relu")(x)
    padding = "same"
    if strides == 2:
        x = layers.ZeroPadding2D(padding_before(x, kernel), name=f"separable_conv_1_pad_{place}")(x)
        padding = "valid"
    for n in (1, 2):
        x = layers.SeparableConv2D(
            filters,
            kernel,
            strides=strides if n == 1 else 1,
            padding=padding if n == 1 else "same",
            use_bias=False,
            name=f"separable_conv_{n}_{place}",
        )(x)
        x = normalize(x, f"separable_conv_{n}_bn_{place}")
        x = layers.Activation("relu")(x) if n == 1 else x
    return x


def adjust(before: SymbolicTensor | None, x: SymbolicTensor, filters: int, place: str) -> SymbolicTensor:
    """What the cell before the last gave, with the height, width and channels of the cell."""
    if before is None:
        return x
    if before.shape[2] != x.shape[2]:
        start: SymbolicTensor = layers.Activation("relu", name=f"adjust_relu_1_{place}")(before)
        even = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_1_{place}")(start)
        even = convolve(even, filters // 2, f"adjust_conv_1_{place}")
        odd = layers.ZeroPadding2D(((0, 1), (0, 1)))(start)
        odd = layers.Cropping2D(((1, 0), (1, 0)))(odd)
        odd = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_2_{place}")(odd)
        odd = convolve(odd, filters // 2, f"adjust_conv_2_{place}")
        return normalize(layers.concatenate([even, odd], axis=channel_axis()), f"adjust_bn_{place}")
    if before.shape[channel_axis()] != filters:
        projected = convolve(layers.Activation("relu")(before), filters, f"adjust_conv_projection_{place}")
        return normalize(projected, f"adjust_bn_{place}")
    return before


def average(x: SymbolicTensor, name: str, strides: int = 1) -> SymbolicTensor:
    return layers.AveragePooling2D(3, strides=strides, padding="same" if strides == 1 else "valid", name=name)(x)


def normal_cell(x: SymbolicTensor, before: SymbolicTensor | None, filters: int, place: str) -> SymbolicTensor:
    """The cell that keeps height and width."""
    p = adjust(before, x, filters, place)
    h = layers.Activation("relu")(x)
    h = normalize(convolve(h, filters, f"normal_conv_1_{place}"), f"normal_bn_1_{place}")

    def add(parts: list[SymbolicTensor], n: int) -> SymbolicTensor:
        return layers.add(parts, name=f"normal_add_{n}_{place}")

    one = [separable(h, filters, 5, f"normal_left1_{place}"), separable(p, filters, 3, f"normal_right1_{place}")]
    x1 = add(one, 1)
    two = [separable(p, filters, 5, f"normal_left2_{place}"), separable(p, filters, 3, f"normal_right2_{place}")]
    x2 = add(two, 2)
    x3 = add([average(h, f"normal_left3_{place}"), p], 3)
    x4 = add([average(p, f"normal_left4_{place}"), average(p, f"normal_right4_{place}")], 4)
    x5 = add([separable(h, filters, 3, f"normal_left5_{place}"), h], 5)
    return layers.concatenate([p, x1, x2, x3, x4, x5], axis=channel_axis(), name=f"normal_concat_{place}")


def reduction_cell(x: SymbolicTensor, before: SymbolicTensor | None, filters: int, place: str) -> SymbolicTensor:
    """The cell that halves height and width."""
    p = adjust(before, x, filters, place)
    h = layers.Activation("relu")(x)
    h = normalize(convolve(h, filters, f"reduction_conv_1_{place}"), f"reduction_bn_1_{place}")
    padded = layers.ZeroPadding2D(padding_before(h, 3), name=f"reduction_pad_1_{place}")(h)
    one = [
        separable(h, filters, 5, f"reduction_left1_{place}", strides=2),
        separable(p, filters, 7, f"reduction_right1_{place}", strides=2),
    ]
    x1 = layers.add(one, name=f"reduction_add_1_{place}")
    left = layers.MaxPooling2D(3, strides=2, name=f"reduction_left2_{place}")(padded)
    right = separable(p, filters, 7, f"reduction_right2_{place}", strides=2)
    x2 = layers.add([left, right], name=f"reduction_add_2_{place}")
    left = average(padded, f"reduction_left3_{place}", strides=2)
    right = separable(p, filters, 5, f"reduction_right3_{place}", strides=2)
    x3 = layers.add([left, right], name=f"reduction_add3_{place}")
    x4 = layers.add([x2, average(x1, f"reduction_left4_{place}")])
    left = separable(x1, filters, 3, f"reduction_left4_{place}")
    right = layers.MaxPooling2D(3, strides=2, name=f"reduction_right5_{place}")(padded)
    x5 = layers.add([left, right], name=f"reduction_add4_{place}")
    return layers.concatenate([x2, x3, x4, x5], axis=channel_axis(), name=f"reduction_concat_{place}")


def nasnet(
    penultimate_filters: int,
    num_blocks: int,
    stem_filters: int,
    skip_reduction: bool,
    size: int,
    pretrained: Pretrained,
    input_shape: PictureShape | None = None,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    """Three rows of normal cells with reduction cells before and between them."""
    last_only(name)
    filters = penultimate_filters // 24
    if not include_top and input_shape is None and size == 224:
        input_shape = (224, 224, 3)
    if weights == "imagenet" and input_shape is not None and None in input_shape:
        raise ValueError(message(name, "with `weights='imagenet'`, `input_shape` must be known", {"input_shape": input_shape}))

    def features(x: SymbolicTensor) -> SymbolicTensor:
        x = layers.Conv2D(stem_filters, 3, strides=2, use_bias=False, kernel_initializer="he_normal", name="stem_conv1")(x)
        x = normalize(x, "stem_bn1")
        x, before = reduction_cell(x, None, filters // 4, "stem_1"), x
        x, before = reduction_cell(x, before, filters // 2, "stem_2"), x
        for row in range(3):
            if row:
                reduced = reduction_cell(x, before, filters * 2**row, f"reduce_{row * num_blocks}")
                x, before = reduced, (before if skip_reduction else x)
            for n in range(num_blocks):
                place = row * num_blocks + n + (row > 0)
                x, before = normal_cell(x, before, filters * 2**row, str(place)), x
        return layers.Activation("relu")(x)

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return assemble(asked, features, pretrained, size=size)


NASNetMobile = named(
    "NASNetMobile",
    nasnet,
    SOURCE,
    penultimate_filters=1056,
    num_blocks=4,
    stem_filters=32,
    skip_reduction=False,
    size=224,
    pretrained=Pretrained(
        f"{STORE}/nasnet",
        ("NASNet-mobile.h5", "NASNet-mobile-no-top.h5"),
        ("020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"),
        copies=("nasnet_mobile.h5", "nasnet_mobile_no_top.h5"),
    ),
    name="nasnet_mobile",
)
NASNetLarge = named(
    "NASNetLarge",
    nasnet,
    SOURCE,
    penultimate_filters=4032,
    num_blocks=6,
    stem_filters=96,
    skip_reduction=True,
    size=331,
    pretrained=Pretrained(
        f"{STORE}/nasnet",
        ("NASNet-large.h5", "NASNet-large-no-top.h5"),
        ("11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"),
        copies=("nasnet_large.h5", "nasnet_large_no_top.h5"),
    ),
    name="nasnet_large",
)
preprocess_input = preprocessing("tf")
