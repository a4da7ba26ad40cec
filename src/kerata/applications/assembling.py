"""What all architectures share: the input, the top, the weights, and the arguments that ask for them."""

import functools
import inspect
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kerata import activations, layers
from kerata.base.checks import message
from kerata.base.config import image_data_format
from kerata.base.files import get_file
from kerata.base.types import PathLike
from kerata.data.imagenet import CLASSES
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import ActivationLike
from kerata.layers.input import InputLayer
from kerata.models.model import Functional, Model

STORE = "https://storage.googleapis.com/tensorflow/keras-applications"
# (height, width, channels), or channels first; `None` where a size is open.
PictureShape = tuple[int | None, ...]
ARGUMENTS = {
    "include_top": "whether to add the layers that classify.",
    "weights": "'imagenet', the path of a file, or None for random numbers.",
    "input_tensor": "symbolic tensor that the network begins with.",
    "input_shape": "of a picture, without the batch. With the top and trained weights, that of the training.",
    "pooling": "without the top: 'avg' or 'max' for one vector a picture, None for its maps.",
    "classes": "how many there are, with the top.",
    "classifier_activation": "of the top; None for what a softmax takes.",
    "alpha": "factor for the numbers of channels.",
    "depth_multiplier": "channels of a depthwise convolution for each of its input.",
    "dropout": "rate before the last layer.",
    "dropout_rate": "rate before the last layer.",
    "minimalistic": "whether to do without squeeze-and-excite, hard swish and kernels of 5 x 5.",
    "include_preprocessing": "whether pictures of 0 to 255 are scaled by the model itself.",
    "name": "of the model.",
}
# Makes what the top stands on of the input; a top of its own.
Features = Callable[[SymbolicTensor], SymbolicTensor]
Top = Callable[[SymbolicTensor, "Asked"], SymbolicTensor]


class Asked(NamedTuple):
    """The arguments that all architectures take, as Keras names them."""

    include_top: bool
    weights: PathLike | None
    input_tensor: SymbolicTensor | None
    input_shape: PictureShape | None
    pooling: str | None
    classes: int
    classifier_activation: ActivationLike
    name: str | None


@dataclass(frozen=True)
class Pretrained:
    """Where the weights of an architecture lie that was trained on ImageNet, with its top and without it.

    Attributes:
        folder: address of the folder.
        files: names of the two files there.
        checksums: of both, `None` where there are none.
        copies: names of the copies in the cache, where these are other ones.
    """

    folder: str
    files: tuple[str, str]
    checksums: tuple[str, str] | tuple[None, None] = (None, None)
    copies: tuple[str, str] | None = None

    def path(self, include_top: bool) -> str:
        """The file on this machine; it is fetched where it is not there."""
        which = 0 if include_top else 1
        copy = (self.copies or self.files)[which]
        return get_file(copy, f"{self.folder}/{self.files[which]}", cache_subdir="models", file_hash=self.checksums[which])


def kernels(folder: str, name: str, *checksums: str) -> Pretrained:
    """Weights under the names that most architectures have."""
    stem = f"{name}_weights_tf_dim_ordering_tf_kernels"
    return Pretrained(f"{STORE}/{folder}", (f"{stem}.h5", f"{stem}_notop.h5"), (checksums[0], checksums[1]))


def assemble(
    asked: Asked,
    features: Features,
    pretrained: Pretrained | None,
    size: int,
    least: int = 32,
    pooled: tuple[str | None, str | None] = (None, None),
    top: Top | None = None,
    finish: Features | None = None,
    is_open: bool = False,
) -> Model:
    """A functional model of what was asked for.

    Args:
        asked: the arguments of the architecture.
        features: calls its layers.
        pretrained: where its weights are.
        size: height and width of the pictures that it was made for.
        least: the smallest height and width.
        pooled: names of the layers of average and maximum pooling.
        top: calls the layers of its top, where it is not average pooling and a dense layer.
        finish: calls what stands behind the pooling of a model without a top.
        is_open: whether the top takes pictures of any size.
    """
    check_weights(asked)
    shape = picture_shape(asked, size, least, is_open)
    start = input_of(asked, shape)
    x = features(start)
    if asked.include_top:
        check_classifier(asked)
        if top is not None:
            x = top(x, asked)
        else:
            x = layers.GlobalAveragePooling2D(name=pooled[0])(x)
            x = layers.Dense(asked.classes, activation=asked.classifier_activation, name="predictions")(x)
    else:
        if asked.pooling == "avg":
            x = layers.GlobalAveragePooling2D(name=pooled[0])(x)
        elif asked.pooling == "max":
            x = layers.GlobalMaxPooling2D(name=pooled[1])(x)
        x = x if finish is None else finish(x)
    model = Functional(start if asked.input_tensor is None else sources(start), x, name=asked.name)
    if asked.weights == "imagenet":
        if pretrained is None:
            raise ValueError(
                message(asked.name, "there are no weights for this form of the architecture", {"weights": "imagenet"})
            )
        model.load_weights(pretrained.path(asked.include_top))
    elif asked.weights is not None:
        model.load_weights(asked.weights)
    return model


def check_weights(asked: Asked) -> None:
    """Refuses weights that are not there, before anything is built."""
    if asked.weights not in ("imagenet", None) and not (
        isinstance(asked.weights, (str, os.PathLike)) and Path(asked.weights).exists()
    ):
        expected = "`weights` must be None (random numbers), 'imagenet', or the path of a file with weights"
        raise ValueError(message(asked.name, expected, {"weights": asked.weights}))
    if asked.weights == "imagenet" and asked.include_top and asked.classes != CLASSES:
        expected = f"with `weights='imagenet'` and `include_top=True`, `classes` must be {CLASSES}"
        fix = "Give include_top=False and put a Dense layer of your own on it, or weights=None"
        raise ValueError(message(asked.name, expected, {"classes": asked.classes}, fix))
    if asked.pooling not in (None, "avg", "max"):
        raise ValueError(message(asked.name, "`pooling` must be None, 'avg' or 'max'", {"pooling": asked.pooling}))


def check_classifier(asked: Asked) -> None:
    """Weights of a trained top mean probabilities, or what these are made of."""
    usual = (activations.get("softmax"), activations.get(None))
    if asked.weights is not None and activations.get(asked.classifier_activation) not in usual:
        expected = "with weights and `include_top=True`, `classifier_activation` must be 'softmax' or None"
        raise ValueError(message(asked.name, expected, {"classifier_activation": asked.classifier_activation}))


def is_first() -> bool:
    """Whether channels stand before height and width."""
    return image_data_format() == "channels_first"


def channel_axis() -> int:
    """The axis of the channels among those of a batch."""
    return 1 if is_first() else 3


def ordered(height: int | None, width: int | None, channels: int | None) -> PictureShape:
    """The shape of a picture in the order that is set."""
    return (channels, height, width) if is_first() else (height, width, channels)


def split(shape: PictureShape) -> tuple[tuple[int | None, ...], int | None]:
    """((height, width), channels) of a shape."""
    return (shape[1:], shape[0]) if is_first() else (shape[:-1], shape[-1])


def picture_shape(asked: Asked, size: int, least: int, is_open: bool) -> PictureShape:
    """The shape of the input, without the batch: what was asked for, where it can be had."""
    given = None if asked.input_shape is None else tuple(asked.input_shape)
    trained = asked.weights == "imagenet"
    if given is None:
        default = ordered(size, size, 3)
        return default if asked.include_top else ordered(None, None, 3)
    if len(given) != 3:
        raise ValueError(message(asked.name, "`input_shape` must have three entries", {"input_shape": given}))
    sizes, channels = split(given)
    if trained and asked.include_top and not is_open and given != ordered(size, size, 3):
        expected = f"with `weights='imagenet'` and `include_top=True`, `input_shape` must be {ordered(size, size, 3)}"
        raise ValueError(message(asked.name, expected, {"input_shape": given}, "Give include_top=False for other sizes"))
    if trained and channels != 3:
        raise ValueError(message(asked.name, "the weights take 3 channels", {"input_shape": given}))
    if channels not in (1, 3):
        warnings.warn(message(asked.name, "pictures usually have 1 or 3 channels", {"input_shape": given}), stacklevel=5)
    if any(one is not None and one < least for one in sizes):
        raise ValueError(message(asked.name, f"pictures must be at least {least}x{least}", {"input_shape": given}))
    if asked.include_top and not is_open and None in given:
        raise ValueError(message(asked.name, "with `include_top=True`, `input_shape` must be known", {"input_shape": given}))
    return given


def input_of(asked: Asked, shape: PictureShape) -> SymbolicTensor:
    """The tensor that the architecture begins with."""
    tensor = asked.input_tensor
    if tensor is None:
        return layers.Input(shape=shape)
    if not isinstance(tensor, SymbolicTensor):
        fix = "Call the model on arrays once it is made"
        raise ValueError(
            message(asked.name, "`input_tensor` must be made by Input() and layers", {"input_tensor": tensor}, fix)
        )
    return tensor


def sources(tensor: SymbolicTensor) -> SymbolicTensor | list[SymbolicTensor]:
    """The inputs that a tensor comes from: one, or a list."""
    found: dict[int, SymbolicTensor] = {}
    pending = [tensor]
    while pending:
        one = pending.pop()
        operation, index, _ = one.history
        if isinstance(operation, InputLayer):
            found[id(one)] = one
        else:
            pending.extend(reversed(operation.inbound_nodes[index].input_tensors))
    inputs = list(found.values())
    return inputs[0] if len(inputs) == 1 else inputs


def channels_of(x: SymbolicTensor) -> int:
    """How many channels the pictures of a batch have."""
    found = x.shape[channel_axis()]
    if found is None:
        raise ValueError(message("applications", "the number of channels must be known", {"shape": x.shape}))
    return found


def padding_before(x: SymbolicTensor, kernel: int | tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The zeros around a picture for a strided convolution without padding, as the trained networks had them."""
    sizes = x.shape[2:4] if is_first() else x.shape[1:3]
    kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
    even = (1, 1) if sizes[0] is None else (1 - sizes[0] % 2, 1 - (sizes[1] or 0) % 2)
    height, width = ((k // 2 - e, k // 2) for k, e in zip(kernel, even, strict=True))
    return height, width


def divisible(value: float, divisor: int = 8) -> int:
    """The nearest multiple of a divisor that is not less than nine tenths of a number of channels."""
    found = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return found + divisor if found < 0.9 * value else found


def named(title: str, build: Callable[..., Model], source: str, **fixed: object) -> Callable[..., Model]:
    """An architecture of a family, as a function with the arguments that are left open.

    Args:
        title: its name.
        build: the function of the family.
        source: where it is described.
        fixed: arguments that it sets; `name` is the default of the model's name.
    """
    name = fixed.pop("name")
    signature = inspect.signature(build)
    open_ones = [
        parameter.replace(default=name) if parameter.name == "name" else parameter
        for parameter in signature.parameters.values()
        if parameter.name not in fixed
    ]
    public = signature.replace(parameters=open_ones)

    @functools.wraps(build)
    def application(*args: object, **kwargs: object) -> Model:
        bound = public.bind(*args, **kwargs)
        bound.apply_defaults()
        return build(**fixed, **bound.arguments)

    application.__name__ = application.__qualname__ = title
    application.__signature__ = public  # type: ignore[attr-defined]
    lines = [f"    {one}: {ARGUMENTS[one]}" for one in public.parameters if one in ARGUMENTS]
    application.__doc__ = "\n".join([f"{inspect.getdoc(build)}", "", "Args:", *lines, "", f"Source: {source}"])
    return application
