"""VGG: convolutions of 3 x 3 and halvings, and three dense layers."""

from kerata import layers
from kerata.applications.assembling import Asked, PictureShape, Pretrained, assemble, kernels, named
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.base.types import PathLike
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model

SOURCE = "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, 2014 (arXiv 1409.1556)"


def vgg(
    convolutions: tuple[int, ...],
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
    """Blocks of convolutions of 3 x 3 with 64 to 512 channels, each followed by a halving of height and width."""

    def features(x: SymbolicTensor) -> SymbolicTensor:
        for block, count in enumerate(convolutions, start=1):
            for n in range(1, count + 1):
                filters = min(64 * 2 ** (block - 1), 512)
                x = layers.Conv2D(filters, 3, activation="relu", padding="same", name=f"block{block}_conv{n}")(x)
            x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
        return x

    def top(x: SymbolicTensor, asked: Asked) -> SymbolicTensor:
        x = layers.Flatten(name="flatten")(x)
        for n in (1, 2):
            x = layers.Dense(4096, activation="relu", name=f"fc{n}")(x)
        return layers.Dense(asked.classes, activation=asked.classifier_activation, name="predictions")(x)

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    return assemble(asked, features, pretrained, size=224, top=top)


VGG16 = named(
    "VGG16",
    vgg,
    SOURCE,
    convolutions=(2, 2, 3, 3, 3),
    pretrained=kernels("vgg16", "vgg16", "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    name="vgg16",
)
preprocess_input = preprocessing("caffe")
