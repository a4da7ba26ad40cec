"""ConvNeXt: convolutional networks made like transformers."""

from kerata import layers
from kerata.applications.assembling import STORE, Asked, PictureShape, Pretrained, assemble, named, split
from kerata.applications.densenet import last_only
from kerata.applications.imagenet_utils import decode_predictions as decode_predictions
from kerata.applications.imagenet_utils import preprocessing
from kerata.base.types import PathLike
from kerata.data.imagenet import DEVIATION, MEAN
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.models.model import Model
from kerata.models.sequential import Sequential

SOURCE = "Liu et al., A ConvNet for the 2020s, 2022 (arXiv 2201.03545)"
EPSILON = 1e-6
# (blocks, channels of the stages, checksums) of the forms.
FORMS = {
    "tiny": (
        (3, 3, 9, 3),
        (96, 192, 384, 768),
        (
            "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
            "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        ),
    ),
    "small": (
        (3, 3, 27, 3),
        (96, 192, 384, 768),
        (
            "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
            "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
        ),
    ),
    "base": (
        (3, 3, 27, 3),
        (128, 256, 512, 1024),
        (
            "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
            "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
        ),
    ),
    "large": (
        (3, 3, 27, 3),
        (192, 384, 768, 1536),
        (
            "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
            "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
        ),
    ),
    "xlarge": (
        (3, 3, 27, 3),
        (256, 512, 1024, 2048),
        (
            "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
            "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
        ),
    ),
}


def block(x: SymbolicTensor, filters: int, name: str) -> SymbolicTensor:
    """A convolution of 7 x 7 for each channel, and two dense layers over the channels."""
    start = x
    x = layers.Conv2D(filters, 7, padding="same", groups=filters, name=f"{name}_depthwise_conv")(x)
    x = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_layernorm")(x)
    x = layers.Dense(4 * filters, name=f"{name}_pointwise_conv_1")(x)
    x = layers.Activation("gelu", name=f"{name}_gelu")(x)
    x = layers.Dense(filters, name=f"{name}_pointwise_conv_2")(x)
    x = layers.LayerScale(1e-6, filters, name=f"{name}_layer_scale")(x)
    return start + layers.Activation("linear", name=f"{name}_identity")(x)


def convnext(
    form: str,
    include_top: bool = True,
    include_preprocessing: bool = True,
    weights: PathLike | None = "imagenet",
    input_tensor: SymbolicTensor | None = None,
    input_shape: PictureShape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: ActivationLike = "softmax",
    name: str | None = None,
) -> Model:
    """Four stages of blocks; height and width are divided by four, and by two before each other stage."""
    last_only(name)
    counts, filters, checksums = FORMS[form]

    def features(x: SymbolicTensor) -> SymbolicTensor:
        if include_preprocessing and split(tuple(x.shape[1:]))[1] == 3:
            mean, variance = [one * 255 for one in MEAN], [(one * 255) ** 2 for one in DEVIATION]
            x = layers.Normalization(mean=mean, variance=variance, name=f"{name}_prestem_normalization")(x)
        for stage, count in enumerate(counts):
            x = down(stage)(x)
            for n in range(count):
                x = block(x, filters[stage], f"{name}_stage_{stage}_block_{n}")
        return x

    def down(stage: int) -> Sequential:
        if stage == 0:
            conv = layers.Conv2D(filters[0], 4, strides=4, name=f"{name}_stem_conv")
            return Sequential(
                [conv, layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_stem_layernorm")], name=f"{name}_stem"
            )
        n = stage - 1
        norm = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_downsampling_layernorm_{n}")
        conv = layers.Conv2D(filters[stage], 2, strides=2, name=f"{name}_downsampling_conv_{n}")
        return Sequential([norm, conv], name=f"{name}_downsampling_block_{n}")

    def top(x: SymbolicTensor, asked: Asked) -> SymbolicTensor:
        x = layers.GlobalAveragePooling2D(name=f"{name}_head_gap")(x)
        x = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_head_layernorm")(x)
        return layers.Dense(asked.classes, activation=asked.classifier_activation, name=f"{name}_head_dense")(x)

    def finish(x: SymbolicTensor) -> SymbolicTensor:
        return layers.LayerNormalization(epsilon=EPSILON)(x)

    asked = Asked(include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name)
    pretrained = Pretrained(f"{STORE}/convnext", (f"{name}.h5", f"{name}_notop.h5"), checksums)
    return assemble(asked, features, pretrained, size=224, top=top, finish=finish)


ConvNeXtTiny = named("ConvNeXtTiny", convnext, SOURCE, form="tiny", name="convnext_tiny")
ConvNeXtSmall = named("ConvNeXtSmall", convnext, SOURCE, form="small", name="convnext_small")
ConvNeXtBase = named("ConvNeXtBase", convnext, SOURCE, form="base", name="convnext_base")
ConvNeXtLarge = named("ConvNeXtLarge", convnext, SOURCE, form="large", name="convnext_large")
ConvNeXtXLarge = named("ConvNeXtXLarge", convnext, SOURCE, form="xlarge", name="convnext_xlarge")
preprocess_input = preprocessing(None)
