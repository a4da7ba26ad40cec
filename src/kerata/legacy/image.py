"""`keras.preprocessing.image` of the eras: pictures changed at random, with the arguments, draws and numbers of then."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerata import preprocessing
from kerata.base.config import floatx, standardize_data_format
from kerata.engine.types import HostArray
from kerata.preprocessing import affine, generator, iterators, tables

FORMS = {"th": "channels_first", "tf": "channels_last", "default": None}


def form_of(data_format) -> str:
    return standardize_data_format(FORMS.get(data_format, data_format))


def load_img(
    path, grayscale: bool = False, color_mode: str = "rgb", target_size=None, interpolation="nearest", **kwargs
) -> object:
    """A picture of Pillow."""
    mode = "grayscale" if grayscale else color_mode
    # How it is scaled matters where it is.
    interpolation = "nearest" if target_size is None else interpolation
    return preprocessing.image.load_img(path, mode, target_size, interpolation, **kwargs)


def img_to_array(img, data_format=None, dtype=None, dim_ordering=None) -> HostArray:
    """A picture as an array."""
    return preprocessing.image.img_to_array(img, form_of(dim_ordering or data_format), dtype)


def array_to_img(x, data_format=None, scale: bool = True, dtype=None, dim_ordering=None) -> object:
    """An array as a picture of Pillow."""
    return preprocessing.image.array_to_img(x, form_of(dim_ordering or data_format), scale, dtype)


def save_img(path, x, data_format=None, file_format=None, scale: bool = True, **kwargs) -> None:
    """Writes an array as a picture."""
    preprocessing.image.save_img(path, x, form_of(data_format), file_format, scale, **kwargs)


def list_pictures(directory, ext: str = "jpg|jpeg|bmp|png") -> list[str]:
    """The paths of all pictures in a folder and below it."""
    return [str(path) for path in sorted(Path(directory).rglob("*")) if re.search(rf"\.(?:{ext})$", path.name.lower())]


def apply_transform(x, transform_matrix, channel_axis=0, fill_mode="nearest", cval=0.0, order=0) -> np.ndarray:
    """A picture under an affine change of rows and columns."""
    x = np.asarray(x)
    maps = np.asarray(transform_matrix, float)[None, :2, :]
    moved = affine.move_pictures(np.moveaxis(x, channel_axis, -1)[None], maps, order, fill_mode, cval)[0]
    return generator.in_type(np.moveaxis(moved, -1, channel_axis), x.dtype)


def transform_matrix_offset_center(matrix, x: int, y: int) -> np.ndarray:
    """The same change around what was taken for the middle of a picture of x rows and y columns."""
    return affine.transform_matrix_offset_center(matrix, x, y, affine.BEFORE)


def before(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """A function of today's that takes the point for the middle of a picture which was taken for it then."""

    @functools.wraps(function)
    def call(*args, **kwargs) -> np.ndarray:
        return function(*args, **{"convention": affine.BEFORE, **kwargs})

    return call


random_rotation, random_shift = before(affine.random_rotation), before(affine.random_shift)
random_shear, random_zoom = before(affine.random_shear), before(affine.random_zoom)


def apply_affine_transform(
    x, theta=0, tx=0, ty=0, shear=0, zx=1, zy=1, row_axis=0, col_axis=1, channel_axis=2, fill_mode="nearest", cval=0.0, order=1
) -> np.ndarray:
    """A picture turned by `theta` degrees, moved, sheared by `shear` degrees and scaled."""
    how = (row_axis, col_axis, channel_axis, fill_mode, cval, order, affine.BEFORE)
    return affine.apply_affine_transform(x, theta, tx, ty, shear, zx, zy, *how)


def apply_brightness_shift(x, brightness: float, data_format=None) -> np.ndarray:
    """A picture whose highest number becomes 255, times a factor."""
    x = x + max(-np.min(x), 0)
    highest = np.max(x)
    return affine.apply_brightness_shift(x / highest * 255 if highest else x, brightness, False, form_of(data_format))


def random_brightness(x, brightness_range) -> np.ndarray:
    """A picture whose highest number becomes 255, times a factor between two."""
    low, high = affine.check_span("random_brightness", "brightness_range", brightness_range)
    return apply_brightness_shift(x, np.random.uniform(low, high))


apply_channel_shift, random_channel_shift = affine.apply_channel_shift, affine.random_channel_shift
flip_axis = affine.flip_axis


def shear_by_radians(x, intensity: float, *args, **kwargs) -> np.ndarray:
    """A picture sheared by up to an angle in radians, as in Keras 1."""
    return random_shear(x, float(np.rad2deg(intensity)), *args, **{"interpolation_order": 0, **kwargs})


def shift_each_channel(x, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """A picture with a number of its own added to each channel, as in Keras 1."""
    numbers = np.array([np.random.uniform(-intensity, intensity) for _ in range(x.shape[channel_axis])])
    shape = [1] * x.ndim
    shape[channel_axis] = -1
    return np.clip(x + numbers.reshape(shape), np.min(x), np.max(x)).astype(x.dtype)


class ImageDataGenerator(generator.ImageDataGenerator):
    """`ImageDataGenerator` of Keras 2 and its `keras_preprocessing`: pictures are turned around a point beside their middle,
    what is said of columns is done to rows, and the highest number of a brighter picture becomes 255 before."""

    convention = affine.BEFORE
    fits_rescaled = False

    def __init__(self, *args, data_format="channels_last", dtype="float32", **kwargs):
        super().__init__(*args, data_format=data_format, dtype=dtype, **kwargs)

    @property
    def principal_components(self) -> HostArray | None:
        """What ZCA multiplies pictures by."""
        return self.zca_whitening_matrix

    def _lit(self, x: np.ndarray, brightness: float) -> np.ndarray:
        return apply_brightness_shift(x, brightness, "channels_last")

    def _whitening(self, flat: np.ndarray) -> np.ndarray:
        u, s, _ = np.linalg.svd(flat.T @ flat / len(flat))
        return (u / np.sqrt(s + self.zca_epsilon)) @ u.T


class GeneratorOfKeras1(ImageDataGenerator):
    """`ImageDataGenerator` of Keras 1: shears by radians, takes the nearest pixel, shifts each channel by a number of its own,
    and draws flips only where they are asked for."""

    smallest = 1e-7

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        rotation_range=0.0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        dim_ordering="default",
    ):
        super().__init__(
            rotation_range=rotation_range,
            width_shift_range=width_shift_range,
            height_shift_range=height_shift_range,
            zoom_range=zoom_range,
            channel_shift_range=channel_shift_range,
            fill_mode=fill_mode,
            cval=cval,
            horizontal_flip=horizontal_flip,
            vertical_flip=vertical_flip,
            rescale=rescale,
            preprocessing_function=preprocessing_function,
            data_format=form_of(dim_ordering),
            interpolation_order=0,
            dtype=floatx(),
            shear_range=float(np.rad2deg(shear_range)),
            zca_epsilon=10e-7,
        )
        # There, no argument switches another one on.
        self.featurewise_center, self.samplewise_center = featurewise_center, samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization, self.zca_whitening = samplewise_std_normalization, zca_whitening
        self.dim_ordering = "tf" if self.data_format == "channels_last" else "th"

    def get_random_transform(self, img_shape, seed=None) -> dict[str, Any]:
        """The numbers of one random change."""
        uniform, span, rows, columns = np.random.uniform, self.zoom_range, self.height_shift_range, self.width_shift_range
        change: dict[str, Any] = {
            "theta": uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0,
            "tx": uniform(-rows, rows) * img_shape[self.row_axis - 1] if rows else 0,
            "ty": uniform(-columns, columns) * img_shape[self.col_axis - 1] if columns else 0,
            "shear": uniform(-self.shear_range, self.shear_range) if self.shear_range else 0,
        }
        change["zx"], change["zy"] = (1, 1) if span[0] == 1 and span[1] == 1 else uniform(span[0], span[1], 2)
        shift = self.channel_shift_range
        channels = img_shape[self.channel_axis - 1]
        change["channel_shift_intensity"] = [uniform(-shift, shift) for _ in range(channels)] if shift else None
        change["flip_horizontal"] = bool(self.horizontal_flip and np.random.random() < 0.5)
        change["flip_vertical"] = bool(self.vertical_flip and np.random.random() < 0.5)
        return change

    def _shifted(self, x: np.ndarray, intensity) -> np.ndarray:
        return np.clip(x + np.asarray(intensity, x.dtype), np.min(x), np.max(x))

    def standardize(self, x) -> np.ndarray:
        """A picture scaled and centred: each pixel by its own channels, where samples are to be centred."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        axis = self.channel_axis - 1
        if self.samplewise_center:
            x -= np.mean(x, axis=axis, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, axis=axis, keepdims=True) + self.smallest
        return self._by_statistics(x)

    def flow(
        self, X, y=None, batch_size=32, shuffle=True, seed=None, save_to_dir=None, save_prefix="", save_format="jpeg"
    ) -> "ArraysOfKeras1":
        """Batches of the pictures of an array."""
        how = (batch_size, shuffle, seed, self.dim_ordering, save_to_dir, save_prefix, save_format)
        return ArraysOfKeras1(X, y, self, *how)

    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="jpeg",
        follow_links=False,
        **reading,
    ) -> "FoldersOfKeras1":
        """Batches of the pictures of a folder, in which each class has a folder of its own."""
        how = (classes, class_mode, batch_size, shuffle, seed, save_to_dir, save_prefix, save_format, follow_links)
        return FoldersOfKeras1(directory, self, target_size, color_mode, self.dim_ordering, *how, **reading)


def keeping_names(cls: type) -> type:
    """A class with `nb_sample` and `nb_class`, as Keras 1 called numbers of samples and classes."""
    cls.nb_sample = cls.N = property(lambda self: self.n)  # type: ignore[attr-defined]
    # There, an epoch whose last batch is full is followed by one in the same order.
    cls._goes_on = lambda self, first: self.n >= first + self.batch_size  # type: ignore[attr-defined]
    cls.nb_class = property(lambda self: self.num_classes)  # type: ignore[attr-defined]
    return cls


@keeping_names
class ArraysOfKeras1(iterators.NumpyArrayIterator):
    """`NumpyArrayIterator` of Keras 1."""

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        seed=None,
        dim_ordering="default",
        save_to_dir=None,
        save_prefix="",
        save_format="jpeg",
    ):
        saving = {"save_to_dir": save_to_dir, "save_prefix": save_prefix, "save_format": save_format}
        how = {"shuffle": shuffle, "seed": seed, "data_format": form_of(dim_ordering), **saving}
        super().__init__(x, y, image_data_generator, batch_size, **how)


@keeping_names
class FoldersOfKeras1(iterators.DirectoryIterator):
    """`DirectoryIterator` of Keras 1; pictures of other kinds than PNG, JPEG and BMP are passed over."""

    white_list_formats = ("png", "jpg", "jpeg", "bmp")
    most_names = 10**4

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        dim_ordering="default",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="jpeg",
        follow_links=False,
        **reading,
    ):
        saving = {"save_to_dir": save_to_dir, "save_prefix": save_prefix, "save_format": save_format}
        kinds = {"classes": classes, "class_mode": class_mode, "follow_links": follow_links}
        how = {"batch_size": batch_size, "shuffle": shuffle, "seed": seed, "data_format": form_of(dim_ordering)}
        super().__init__(directory, image_data_generator, target_size, color_mode, **how, **kinds, **saving, **reading)


Iterator, DataFrameIterator = iterators.Iterator, tables.DataFrameIterator
DirectoryIterator, NumpyArrayIterator = iterators.DirectoryIterator, iterators.NumpyArrayIterator
NAMES = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "apply_transform",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
    "transform_matrix_offset_center",
]
smart_resize = preprocessing.image.smart_resize
OF_KERAS1 = {
    "ImageDataGenerator": GeneratorOfKeras1,
    "DirectoryIterator": FoldersOfKeras1,
    "NumpyArrayIterator": ArraysOfKeras1,
    "random_channel_shift": shift_each_channel,
    "random_rotation": functools.partial(random_rotation, interpolation_order=0),
    "random_shift": functools.partial(random_shift, interpolation_order=0),
    "random_zoom": functools.partial(random_zoom, interpolation_order=0),
    "random_shear": shear_by_radians,
}


def of_era(era: str, name: str) -> object:
    """A thing of `keras.preprocessing.image`."""
    if era == "keras1" and name in OF_KERAS1:
        return OF_KERAS1[name]
    if era == "tfkeras2" and name not in ("load_img", "img_to_array", "array_to_img", "save_img"):
        return getattr(preprocessing.image, name, None) or globals()[name]
    return globals()[name]
