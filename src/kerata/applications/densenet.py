"""Dense networks: a block's layers get what all layers before them gave."""

from kerata import layers
from kerata.applications.assembling import (
    Asked,
    PictureShape,
    Pretrained,
    assemble,
    channel_axis,
    channels_of,
    is_first,
    kernels,
    named,
)
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.applications.resnet import POOLED, normalize
from kerata.base.checks import message
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SOURCE = "Huang et al., Densely Connected Convolutional Networks, 2016 (arXiv 1608.06993)"
GROWTH = 32


def last_only(name: str | None) -> None:
    """Refuses channels that stand before height and width."""
    if is_first():
        fix = "Call kerata.config.set_image_data_format('channels_last')"
        raise ValueError(
            message(name, "the architecture is for channels that stand last", {"data_format": "channels_first"}, fix)
        )


def densenet(
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
    """Four blocks whose layers add 32 channels each; between them, channels, height and width are halved."""
    last_only(name)

    def layer(x: SymbolicTensor, name: str) -> SymbolicTensor:
        new = normalize(x, f"{name}_0")
        new = layers.Conv2D(4 * GROWTH, 1, use_bias=False, name=f"{name}_1_conv")(new)
        new = normalize(new, f"{name}_1")
        new = layers.Conv2D(GROWTH, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(new)
        return layers.Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, new])

    def between(x: SymbolicTensor, name: str) -> SymbolicTensor:
        channels = channels_of(x) // 2
        x = normalize(x, name)
        x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_conv")(x)
        return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)

    def features(x: SymbolicTensor) -> SymbolicTensor:
        x = layers.ZeroPadding2D(3)(x)
        x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
        x = normalize(x, "conv1")
        x = layers.ZeroPadding2D(1)(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
        for stage, count in enumerate(blocks, start=2):
            for n in range(1, count + 1):
                x = layer(x, f"conv{stage}_block{n}")
            if stage < 5:
                x = between(x, f"pool{stage}")
        x = layers.BatchNormalization(axis=channel_axis(), epsilon=1.001e-5, name="bn")(x)
        return layers.Activation("relu", name="relu")(x)

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return assemble(asked, features, pretrained, size=224, pooled=POOLED)


DenseNet121 = named(
    "DenseNet121",
    densenet,
    SOURCE,
    blocks=(6, 12, 24, 16),
    pretrained=kernels("densenet", "densenet121", "9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
    name="densenet121",
)
DenseNet169 = named(
    "DenseNet169",
    densenet,
    SOURCE,
    blocks=(6, 12, 32, 32),
    pretrained=kernels("densenet", "densenet169", "d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
    name="densenet169",
)
DenseNet201 = named(
    "DenseNet201",
    densenet,
    SOURCE,
    blocks=(6, 12, 48, 32),
    pretrained=kernels("densenet", "densenet201", "1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
    name="densenet201",
)
preprocess_input = preprocessing("torch")
