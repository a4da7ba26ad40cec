"""Residual networks: what a block computes is added to what it got."""

from kerata import layers
from kerata.applications.assembling import Asked, PictureShape, Pretrained, assemble, channel_axis, kernels, named
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SOURCE = "He et al., Deep Residual Learning for Image Recognition, 2015 (arXiv 1512.03385)"
POOLED = ("avg_pool", "max_pool")


def normalize(x: SymbolicTensor, name: str, relu: bool = True) -> SymbolicTensor:
    """Batch normalization, and what is above zero of it."""
    x = layers.BatchNormalization(axis=channel_axis(), epsilon=1.001e-5, name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x) if relu else x


def begin(x: SymbolicTensor, normal: bool) -> SymbolicTensor:
    """The convolution of 7 x 7 and the pooling that all of these networks begin with."""
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
    x = normalize(x, "conv1") if normal else x
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def block(x: SymbolicTensor, filters: int, stride: int, projected: bool, name: str) -> SymbolicTensor:
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1 beside a way past them."""
    past = x
    if projected:
        past = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x)
        past = normalize(past, f"{name}_0", relu=False)
    x = layers.Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv")(x)
    x = normalize(x, f"{name}_1")
    x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(x)
    x = normalize(x, f"{name}_2")
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    x = normalize(x, f"{name}_3", relu=False)
    x = layers.Add(name=f"{name}_add")([past, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def resnet(
    blocks: tuple[int, ...],
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
    """Four stages of residual blocks; a stage halves height and width at its first block."""

    def features(x: SymbolicTensor) -> SymbolicTensor:
        x = begin(x, normal=True)
        for stage, count in enumerate(blocks, start=2):
            for n in range(1, count + 1):
                stride = 2 if n == 1 and stage > 2 else 1
                x = block(x, 16 * 2**stage, stride, n == 1, f"conv{stage}_block{n}")
        return x

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return assemble(asked, features, pretrained, size=224, pooled=POOLED)


BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
ResNet50 = named(
    "ResNet50",
    resnet,
    SOURCE,
    blocks=BLOCKS[50],
    pretrained=kernels("resnet", "resnet50", "2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    name="resnet50",
)
ResNet101 = named(
    "ResNet101",
    resnet,
    SOURCE,
    blocks=BLOCKS[101],
    pretrained=kernels("resnet", "resnet101", "f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    name="resnet101",
)
ResNet152 = named(
    "ResNet152",
    resnet,
    SOURCE,
    blocks=BLOCKS[152],
    pretrained=kernels("resnet", "resnet152", "100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    name="resnet152",
)
preprocess_input = preprocessing("caffe")
