"""`ResNet50` as Keras had it until 2.3: other names, another epsilon and another way to the top than that of today."""

from collections.abc import Callable
from typing import Any

from kerata import layers
from kerata.applications.assembling import Asked, PictureShape, Pretrained, assemble, channel_axis, named
from kerata.applications.resnet import BLOCKS, SOURCE
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.models.model import Model

STEM = "resnet50_weights_tf_dim_ordering_tf_kernels"
PRETRAINED = Pretrained(
    "https://github.com/fchollet/deep-learning-models/releases/download/v0.2",
    (f"{STEM}.h5", f"{STEM}_notop.h5"),
    ("a7b3fe01876f51b976af0dea6bc144eb", "a268eb855778b3df3c7506639542a6af"),
)


def convolved(x: SymbolicTensor, place: str, filters: int, size: int, drawn: str, stride: int = 1) -> SymbolicTensor:
    """A convolution and its batch normalization, at a place such as 2a_branch2b."""
    padding = "same" if size > 1 else "valid"
    x = layers.Conv2D(filters, size, strides=stride, padding=padding, kernel_initializer=drawn, name=f"res{place}")(x)
    return layers.BatchNormalization(axis=channel_axis(), name=f"bn{place}")(x)


def block(x: SymbolicTensor, filters: int, stride: int, projected: bool, place: str, drawn: str) -> SymbolicTensor:
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1 beside a way past them."""
    past = x
    x = layers.Activation("relu")(convolved(x, f"{place}_branch2a", filters, 1, drawn, stride))
    x = layers.Activation("relu")(convolved(x, f"{place}_branch2b", filters, 3, drawn))
    x = convolved(x, f"{place}_branch2c", 4 * filters, 1, drawn)
    if projected:
        past = convolved(past, f"{place}_branch1", 4 * filters, 1, drawn, stride)
    return layers.Activation("relu")(layers.Add()([x, past]))


def features(x: SymbolicTensor, of_keras1: bool) -> SymbolicTensor:
    """What the top stands on."""
    drawn = "glorot_uniform" if of_keras1 else "he_normal"
    x = layers.ZeroPadding2D(3, name=None if of_keras1 else "conv1_pad")(x)
    x = layers.Conv2D(64, 7, strides=2, kernel_initializer=drawn, name="conv1")(x)
    x = layers.Activation("relu")(layers.BatchNormalization(axis=channel_axis(), name="bn_conv1")(x))
    x = x if of_keras1 else layers.ZeroPadding2D(1, name="pool1_pad")(x)
    x = layers.MaxPooling2D(3, strides=2)(x)
    for stage, count in enumerate(BLOCKS[50], start=2):
        for n, letter in enumerate("abcdef"[:count]):
            stride = 2 if n == 0 and stage > 2 else 1
            x = block(x, 16 * 2**stage, stride, n == 0, f"{stage}{letter}", drawn)
    return layers.AveragePooling2D(7, name="avg_pool")(x) if of_keras1 else x


def resnet50(
    of_keras1: bool,
    include_top: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: PictureShape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: str | Callable[..., Any] | None = "softmax",
    name: str | None = None,
) -> Model:
    """Four stages of residual blocks; a stage halves height and width at its first block."""

    def top(x: SymbolicTensor, asked: Asked) -> SymbolicTensor:
        x = layers.Flatten()(x) if of_keras1 else layers.GlobalAveragePooling2D(name="avg_pool")(x)
        return layers.Dense(asked.classes, activation=asked.classifier_activation, name="fc1000")(x)

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return assemble(asked, lambda x: features(x, of_keras1), PRETRAINED, size=224, least=197 if of_keras1 else 32, top=top)


OF_KERAS_2 = named("ResNet50", resnet50, SOURCE, of_keras1=False, name="resnet50")
FORMS = {
    "keras1": named("ResNet50", resnet50, SOURCE, of_keras1=True, name="resnet50"),
    "keras22": OF_KERAS_2,
    "keras2": OF_KERAS_2,
}
