"""`keras.applications` of the eras: the networks of `kerata.applications`, made of layers and models of the era."""

import functools
import importlib
from collections.abc import Callable

import kerata
from kerata.engine.naming import naming
from kerata.legacy import imagenet
from kerata.legacy.contents import adopt
from kerata.legacy.once import once
from kerata.legacy.spelling import numbered

# Module -> (how its networks take pictures, its networks).
FAMILIES: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "vgg16": ("caffe", ("VGG16",)),
    "vgg19": ("caffe", ("VGG19",)),
    "resnet50": ("caffe", ("ResNet50",)),
    "inception_v3": ("tf", ("InceptionV3",)),
    "xception": ("tf", ("Xception",)),
    "inception_resnet_v2": ("tf", ("InceptionResNetV2",)),
    "mobilenet": ("tf", ("MobileNet",)),
    "mobilenet_v2": ("tf", ("MobileNetV2",)),
    "densenet": ("torch", ("DenseNet121", "DenseNet169", "DenseNet201")),
    "nasnet": ("tf", ("NASNetLarge", "NASNetMobile")),
    "resnet": ("caffe", ("ResNet50", "ResNet101", "ResNet152")),
    "resnet_v2": ("tf", ("ResNet50V2", "ResNet101V2", "ResNet152V2")),
    "mobilenet_v3": (None, ("MobileNetV3Large", "MobileNetV3Small")),
    "efficientnet": (None, tuple(f"EfficientNetB{n}" for n in range(8))),
    "efficientnet_v2": (None, tuple(f"EfficientNetV2{form}" for form in ("B0", "B1", "B2", "B3", "L", "M", "S"))),
    "convnext": (None, tuple(f"ConvNeXt{size}" for size in ("Base", "Large", "Small", "Tiny", "XLarge"))),
}
# How many of them an era had; Keras 1 called a module's functions the same.
COUNTS = {"keras1": 5, "keras2": 12, "keras22": 12, "tfkeras2": len(FAMILIES)}
TOOLS = ("preprocess_input", "decode_predictions")


def families(era: str) -> list[str]:
    """The modules of networks that an era had."""
    return list(FAMILIES)[: COUNTS[era]]


def network_names(era: str) -> list[str]:
    """The names of `keras.applications`."""
    return list(dict.fromkeys(name for family in families(era) for name in FAMILIES[family][1]))


@once
def network(era: str, name: str) -> object:
    """A network by its name, made when it is called: the architectures are not imported before."""

    def build(*args: object, **kwargs: object) -> object:
        old = importlib.import_module("kerata.legacy.resnet50").FORMS if name == "ResNet50" else {}
        with naming(functools.partial(name_without_one, era)):
            made = (old.get(era) or getattr(kerata.applications, name))(*args, **kwargs)
        return adopt(era, made)

    build.__name__ = build.__qualname__ = name
    return build


def name_without_one(era: str, base: str) -> str:
    """The name of a layer that an architecture gives none: `activation_1`, and not `activation` as today."""
    base = "input" if base == "input_layer" else base
    if era == "keras1":
        base = base.replace("_", "").replace("conv2d", "convolution2d")
    return numbered(era, base)


def member(family: str) -> Callable[[str, str], object]:
    """The maker of what a module of networks holds."""
    mode = FAMILIES[family][0]

    def make(era: str, name: str) -> object:
        if name == "decode_predictions":
            return imagenet.decode_predictions
        if name == "preprocess_input":
            return as_it_is if mode is None else functools.partial(imagenet.preprocess_input, mode=mode)
        return network(era, name)

    return make


def as_it_is(x: object, data_format: str | None = None) -> object:
    """Pictures as they are: the network scales them by itself."""
    return x
