"""What stands in a network: filters, activations, and where in a picture a class was seen."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import check_positive_int, did_you_mean, message
from kerata.base.config import image_data_format
from kerata.base.display import new_figure
from kerata.base.types import PathLike
from kerata.data.samples import Data, standardize_arrays
from kerata.diagnosis.classified import as_seen, draw_pictures, names_of, probabilities_of, rows_of_numbers, saved
from kerata.engine.scope import Scope, noted
from kerata.engine.types import Array, HostArray, Tree
from kerata.layers.layer import Layer
from kerata.models.model import Model

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Maps:
    """Pictures that a network holds or makes.

    Attributes:
        maps: float of shape (maps, height, width), or with 3 channels last.
        layer: the name of their layer.
    """

    maps: HostArray
    layer: str

    def plot(self, path: PathLike | None = None, most: int = 64) -> "Figure":
        """Draws them, each from its smallest to its largest number. Returns the matplotlib figure."""
        shown = self.maps[:most]
        stretched = [(one - one.min()) / max(float(one.max() - one.min()), 1e-12) for one in shown]
        return draw_pictures(np.stack(stretched), list(map(str, range(len(shown)))), path, cmap="viridis")


def filters(layer: Layer) -> Maps:
    """The filters of a convolution: one picture for each, in colours where the inputs have three channels, else their mean.

    Args:
        layer: a convolution in two dimensions.

    >>> import kerata
    >>> model = kerata.Sequential([kerata.Input((8, 8, 3)), kerata.layers.Conv2D(5, 3, name="first")])
    >>> filters(model.get_layer("first")).maps.shape
    (5, 3, 3, 3)
    """
    kernel = getattr(layer, "kernel", None)
    if kernel is None or len(kernel.shape) != 4:
        raise ValueError(message("filters", "a layer with filters of two dimensions is needed", {"layer": layer}))
    numbers = np.moveaxis(np.asarray(kernel), -1, 0)
    return Maps(numbers if numbers.shape[-1] == 3 else numbers.mean(axis=-1), layer.name)


def activations(model: Model, x: Data, layer: Layer | str) -> HostArray:
    """What a layer makes of some samples, as an array with the samples first.

    Args:
        model: the model.
        x: its inputs; a single array without the batch is no batch.
        layer: one of its layers, or its name; layers of models within the model too.

    Raises:
        ValueError: where there is no such layer, or it is not called for these inputs.
    """
    found = layer_of(model, layer)
    seen: list[Array] = []
    with watched(found, lambda output: (seen.append(output), output)[1]):
        score_of(model, standardize_arrays(x, "x"))
    if not seen:
        raise ValueError(message("activations", "the layer is not called by the model", {"layer": found.name}))
    return np.asarray(seen[-1])


@dataclass(frozen=True, eq=False)
class Heat:
    """Where in each picture a class was seen.

    Attributes:
        maps: float of shape (pictures, height, width), from 0 to 1 in each picture.
        inputs: the pictures.
        classes: the number of the class for each picture.
        scores: what the network gave for it; of two classes with one output, the probability.
        layer: the name of the layer whose maps were weighed.
        names: of the classes.
    """

    maps: HostArray
    inputs: HostArray
    classes: HostArray
    scores: HostArray
    layer: str
    names: tuple[str, ...]

    def plot(self, path: PathLike | None = None, most: int = 9) -> "Figure":
        """Draws each picture beside itself under its map. Returns the matplotlib figure."""
        count = min(len(self.maps), most)
        figure = new_figure(figsize=(4.2, 2.2 * count), dpi=120, layout="constrained")
        axes = figure.subplots(count, 2, squeeze=False)
        for (plain, warm), number in zip(axes, range(count), strict=True):
            picture = as_seen(self.inputs[number])
            for axis in (plain, warm):
                axis.imshow(picture, cmap="gray")
                axis.axis("off")
            warm.imshow(self.maps[number], cmap="jet", alpha=0.45, vmin=0, vmax=1)
            warm.set_title(f"{self.names[self.classes[number]]} ({self.scores[number]:.2f})", fontsize=8)
        return saved(figure, path)


def grad_cam(
    model: Model,
    x: Data,
    layer: Layer | str | None = None,
    classes: int | Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
) -> Heat:
    """Where in pictures a network saw what it says: its last maps, weighed by how much each of them counts for the class.

    Args:
        model: a classifier of pictures, with one output.
        x: pictures, the samples first.
        layer: whose maps are weighed, or its name; the last one that gives maps by default.
        classes: of which class, for all pictures or for each; what the network says by default.
        class_names: a name for each class.

    Source: Selvaraju et al., Grad-CAM, 2017 (arXiv 1610.02391).
    """
    pictures = np.asarray(x)
    if pictures.ndim != 4:
        raise ValueError(message("grad_cam", "pictures are needed, the samples first", {"x": pictures.shape}))
    outputs = rows_of_numbers(score_of(model, pictures)[0])
    if outputs.ndim != 2:
        raise ValueError(
            message("grad_cam", "a classifier gives one row of numbers for each picture", {"outputs": outputs.shape})
        )
    single = outputs.shape[1] == 1
    if single:
        second = probabilities_of(model, outputs[:, 0])
        outputs = np.stack([1 - second, second], axis=1)
    chosen = outputs.argmax(axis=1)
    if classes is not None:
        if np.shape(classes) not in ((), (len(pictures),)):
            received = {"classes": np.shape(classes), "pictures": len(pictures)}
            raise ValueError(message("grad_cam", "`classes` must be one number, or one for each picture", received))
        chosen = np.broadcast_to(np.asarray(classes, np.int64), len(pictures))
    count = outputs.shape[1]
    if len(chosen) and not 0 <= chosen.min() <= chosen.max() < count:
        raise ValueError(message("grad_cam", f"`classes` must be numbers from 0 to {count - 1}", {"classes": classes}))
    found = last_maps(model, pictures) if layer is None else layer_of(model, layer)
    maps, slopes = maps_and_slopes(model, pictures, found, chosen, single)
    last = getattr(found, "data_format", None) or image_data_format()
    spatial = (1, 2) if last == "channels_last" else (2, 3)
    maps, slopes = maps.astype(np.float32), slopes.astype(np.float32)
    warm = np.maximum((maps * slopes.mean(axis=spatial, keepdims=True)).sum(axis=3 if spatial == (1, 2) else 1), 0)
    warm = warm / np.maximum(warm.max(axis=(1, 2), keepdims=True), 1e-12)
    size = pictures.shape[1:3] if image_data_format() == "channels_last" else pictures.shape[2:4]
    # Pictures say themselves where their channels are.
    size = pictures.shape[1:3] if pictures.shape[-1] in (1, 3, 4) else size
    full = np.asarray(jax.image.resize(warm, (len(warm), *size), "linear"))
    rows = np.arange(len(pictures), dtype=np.int64)
    return Heat(full, pictures, chosen, outputs[rows, chosen], found.name, names_of(class_names, count))


def maps_and_slopes(
    model: Model, pictures: HostArray, layer: Layer, classes: HostArray, single: bool
) -> tuple[HostArray, HostArray]:
    """What a layer makes of pictures, and how fast the score of a class grows with each of its numbers."""
    maps = jnp.asarray(activations(model, pictures, layer))
    if maps.ndim != 4:
        expected = "the layer must give maps: (pictures, height, width, channels)"
        raise ValueError(message("grad_cam", expected, {"layer": layer.name, "output": maps.shape}))

    def score(change: Array) -> Array:
        with watched(layer, lambda output: output + change):
            outputs = score_of(model, pictures)[1]
        if single:
            return jnp.sum(jnp.where(classes == 1, outputs[:, 0], -outputs[:, 0]))
        return jnp.sum(jnp.take_along_axis(outputs, jnp.asarray(classes)[:, None], axis=1))

    return np.asarray(maps), np.asarray(jax.grad(score)(jnp.zeros_like(maps)))


def score_of(model: Model, x: Tree) -> tuple[Array, Array]:
    """(outputs of a model for a batch, what they were before softmax or sigmoid), by arithmetic that can be differentiated.

    Where it is not known what they were before, they stand twice. Behind a softmax slopes vanish where the network is sure.
    """
    if not model.built:
        model.predict(cast(Data, x), verbose=0)
    with Scope(model.variables, [v.value for v in model.variables]):
        outputs: Array = model(jax.tree.map(jnp.asarray, x), training=False)
        pair = noted(outputs, "logits")
        return outputs, outputs if pair is None else pair[1]


@contextmanager
def watched(layer: Layer, change: Callable[[Array], Array]) -> Iterator[None]:
    """Within the block, what a layer gives goes through a function."""
    before = layer.__dict__.get("call")
    call = layer.call

    def changed(*args: object, **kwargs: object) -> Array:
        return change(call(*args, **kwargs))

    layer.__dict__["call"] = changed
    try:
        yield
    finally:
        if before is None:
            del layer.__dict__["call"]
        else:
            layer.__dict__["call"] = before


def layer_of(model: Model, layer: Layer | str) -> Layer:
    """A layer of a model, or of a model in it, by its name."""
    if isinstance(layer, Layer):
        return layer
    named = {one.name: one for one in layers_within(model)}
    if layer not in named:
        hint = did_you_mean(layer, list(named)) if isinstance(layer, str) else "A layer, or the name of one, is needed."
        raise ValueError(message("diagnosis", "there is no such layer", {"layer": layer}, hint))
    return named[layer]


def layers_within(model: Layer) -> Iterator[Layer]:
    """The layers of a model, those of models in it before the layers around them."""
    for layer in getattr(model, "layers", ()):
        yield from layers_within(layer)
        yield layer


def last_maps(model: Model, pictures: HostArray) -> Layer:
    """The layer that gives maps last, of those that the model calls itself."""
    shapes: list[tuple[Layer, tuple[int, ...]]] = []

    def note(layer: Layer) -> Callable[[Array], Array]:
        def change(output: Array) -> Array:
            shapes.append((layer, tuple(getattr(output, "shape", ()))))
            return output

        return change

    blocks = [watched(layer, note(layer)) for layer in getattr(model, "layers", [])]
    for block in blocks:
        block.__enter__()
    try:
        score_of(model, pictures[:1])
    finally:
        for block in reversed(blocks):
            block.__exit__(None, None, None)
    found = [layer for layer, shape in shapes if len(shape) == 4 and min(shape[1:3]) > 1]
    if not found:
        expected = "no layer of the model gives maps: (pictures, height, width, channels)"
        raise ValueError(message("grad_cam", expected, {"model": model.name}, "Name one in layer=..."))
    return found[-1]


@runtime_checkable
class Augmenting(Protocol):
    """What changes one picture after the other: an `ImageDataGenerator`."""

    def random_transform(self, x: HostArray, /) -> HostArray: ...
    def standardize(self, x: HostArray, /) -> HostArray: ...


def augmented(
    augment: Callable[..., Array] | Augmenting, x: Data, y: Sequence[object] | None = None, count: int = 9
) -> tuple[HostArray, list[str]]:
    """Pictures as training sees them, with what they are; `draw_pictures(*augmented(...))` shows them.

    Args:
        augment: augmentation layers or a model of such, called in training; or an `ImageDataGenerator`.
        x: pictures.
        y: what they are, for titles.
        count: how many.

    >>> import kerata, numpy as np
    >>> pictures, titles = augmented(kerata.layers.RandomFlip(), np.zeros((4, 8, 8, 3), "float32"), ["cat"] * 4, count=3)
    >>> pictures.shape, titles
    ((3, 8, 8, 3), ['cat', 'cat', 'cat'])
    """
    check_positive_int("augmented", "count", count)
    pictures = np.asarray(x)[:count]
    titles = [str(label) for label in (y if y is not None else range(len(pictures)))][: len(pictures)]
    if isinstance(augment, Augmenting):
        return np.stack([augment.standardize(augment.random_transform(one.astype(np.float32))) for one in pictures]), titles
    return np.asarray(augment(jnp.asarray(pictures), training=True)), titles
