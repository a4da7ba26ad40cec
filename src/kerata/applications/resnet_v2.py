"""Residual networks whose blocks normalize before they convolve."""

from kerata import layers
from kerata.applications.assembling import Asked, PictureShape, Pretrained, assemble, kernels, named
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.applications.resnet import BLOCKS, POOLED, begin, normalize
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SOURCE = "He et al., Identity Mappings in Deep Residual Networks, 2016 (arXiv 1603.05027)"


def block(x: SymbolicTensor, filters: int, stride: int, projected: bool, name: str) -> SymbolicTensor:
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1 of what is normalized, beside a way past them."""
    before = normalize(x, f"{name}_preact")
    if projected:
        past = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(before)
    else:
        past = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(before)
    x = normalize(x, f"{name}_1")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
    x = normalize(x, f"{name}_2")
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([past, x])


def resnet_v2(
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
    """Four stages of residual blocks; a stage but the last halves height and width at its last block."""

    def features(x: SymbolicTensor) -> SymbolicTensor:
        x = begin(x, normal=False)
        for stage, count in enumerate(blocks, start=2):
            for n in range(1, count + 1):
                stride = 2 if n == count and stage < 5 else 1
                x = block(x, 16 * 2**stage, stride, n == 1, f"conv{stage}_block{n}")
        return normalize(x, "post")

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return assemble(asked, features, pretrained, size=224, pooled=POOLED)


ResNet50V2 = named(
    "ResNet50V2",
    resnet_v2,
    SOURCE,
    blocks=BLOCKS[50],
    pretrained=kernels("resnet", "resnet50v2", "3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    name="resnet50v2",
)
ResNet101V2 = named(
    "ResNet101V2",
    resnet_v2,
    SOURCE,
    blocks=BLOCKS[101],
    pretrained=kernels("resnet", "resnet101v2", "6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    name="resnet101v2",
)
ResNet152V2 = named(
    "ResNet152V2",
    resnet_v2,
    SOURCE,
    blocks=BLOCKS[152],
    pretrained=kernels("resnet", "resnet152v2", "a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
    name="resnet152v2",
)
preprocess_input = preprocessing("tf")
