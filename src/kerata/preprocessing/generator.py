"""`ImageDataGenerator`: pictures changed at random, with the draws of Keras 2, batch by batch."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerata.base.checks import check_choice, message
from kerata.base.config import floatx, standardize_data_format
from kerata.engine.types import HostArray
from kerata.kernels.mapping import FILL_MODES
from kerata.preprocessing import iterators, tables
from kerata.preprocessing.affine import (
    NOTHING,
    TODAY,
    apply_brightness_shift,
    apply_channel_shift,
    check_span,
    maps_of,
    move_pictures,
)

METHODS = ("apply_transform", "standardize", "random_transform")


class ImageDataGenerator:
    """Batches of pictures, each changed at random, from arrays, folders and tables.

    Draws come from NumPy's own state, in Keras's order: after `np.random.seed(7)`, or with `seed=7` of `flow`, pictures are
    those of Keras. What turns, moves, shears, scales and mirrors a picture is one map, applied once.

    Args:
        featurewise_center, featurewise_std_normalization, zca_whitening: by the statistics that `fit` takes.
        samplewise_center, samplewise_std_normalization: by those of each picture.
        zca_epsilon: what is added to the singular values.
        rotation_range: degrees.
        width_shift_range, height_shift_range: a float below 1 is a share of the picture, from 1 on pixels; of a list one
            number is drawn; a whole number n stands for 0, ..., n - 1, each with either sign.
        brightness_range: two factors.
        shear_range: degrees.
        zoom_range: a share, or two factors.
        channel_shift_range: how much is added to all channels.
        fill_mode, cval: what stands where the picture does not reach: `"nearest"`, `"constant"`, `"reflect"` or `"wrap"`.
        horizontal_flip, vertical_flip: whether half of the pictures are mirrored.
        rescale: a factor of all values.
        preprocessing_function: of a picture that was changed, before it is rescaled.
        data_format: `"channels_last"` or `"channels_first"`.
        validation_split: the share that `subset="validation"` takes.
        interpolation_order: 0 for the nearest pixel, 1 for linear interpolation, up to 5 for splines.
        dtype: of the batches.

    >>> batches = ImageDataGenerator(rescale=0.5).flow(np.ones((4, 2, 2, 1)), batch_size=2)
    >>> len(batches), next(batches).shape, float(batches[0].max())
    (2, (2, 2, 2, 1), 0.5)
    """

    convention = TODAY
    fits_rescaled = True
    smallest = 1e-6

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format=None,
        validation_split=0.0,
        interpolation_order=1,
        dtype=None,
    ):
        self.featurewise_center, self.samplewise_center = featurewise_center, samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.shear_range, self.channel_shift_range = shear_range, channel_shift_range
        self.fill_mode, self.cval = check_choice(self, "fill_mode", fill_mode, FILL_MODES), cval
        self.horizontal_flip, self.vertical_flip, self.rescale = horizontal_flip, vertical_flip, rescale
        self.preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = preprocessing_function
        self.interpolation_order, self.dtype = interpolation_order, dtype or floatx()
        self.data_format = standardize_data_format(data_format)
        last = self.data_format == "channels_last"
        self.channel_axis, self.row_axis, self.col_axis = (3, 1, 2) if last else (1, 2, 3)
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(
                message(self, "`validation_split` must be between 0 and 1", {"validation_split": validation_split})
            )
        self._validation_split = validation_split
        zoom = [1 - zoom_range, 1 + zoom_range] if isinstance(zoom_range, (int, float)) else zoom_range
        self.zoom_range = [*check_span(self, "zoom_range", zoom)]
        self.brightness_range = brightness_range
        if brightness_range is not None:
            check_span(self, "brightness_range", brightness_range)
        self.mean: HostArray | None = None
        self.std: HostArray | None = None
        self.zca_whitening_matrix: HostArray | None = None
        self._settle()

    def _settle(self) -> None:
        """Switches on what other arguments need, and off what they replace."""
        for name, needed, value in (
            ("zca_whitening", "featurewise_center", True),
            ("zca_whitening", "featurewise_std_normalization", False),
            ("featurewise_std_normalization", "featurewise_center", True),
            ("samplewise_std_normalization", "samplewise_center", True),
        ):
            if getattr(self, name) and bool(getattr(self, needed)) != value:
                setattr(self, needed, value)
                warnings.warn(f"ImageDataGenerator: `{name}=True` sets `{needed}={value}`.", stacklevel=3)

    validation_split = property(lambda self: self._validation_split)

    # One picture

    def get_random_transform(self, img_shape, seed=None) -> dict[str, Any]:
        """The numbers of one random change.

        Args:
            img_shape: of the picture.
            seed: of NumPy's draws.
        """
        if seed is not None:
            np.random.seed(seed)
        uniform, span = np.random.uniform, self.zoom_range
        theta = uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        tx = draw_shift(self.height_shift_range, img_shape[self.row_axis - 1])
        ty = draw_shift(self.width_shift_range, img_shape[self.col_axis - 1])
        shear = uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = (1, 1) if span[0] == 1 and span[1] == 1 else uniform(span[0], span[1], 2)
        # Both are drawn whether they are asked for or not.
        horizontal, vertical = np.random.random() < 0.5, np.random.random() < 0.5
        shift = self.channel_shift_range
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": bool(horizontal and self.horizontal_flip),
            "flip_vertical": bool(vertical and self.vertical_flip),
            "channel_shift_intensity": uniform(-shift, shift) if shift else None,
            "brightness": None if self.brightness_range is None else uniform(*self.brightness_range),
        }

    def apply_transform(self, x, transform_parameters) -> np.ndarray:
        """A picture under the change that `get_random_transform` gave; what a dict leaves out does nothing."""
        x = np.asarray(x)
        if is_nothing(transform_parameters):
            return x
        return in_type(self._changed(x[None], [transform_parameters], 1.0)[0], x.dtype)

    def random_transform(self, x, seed=None) -> np.ndarray:
        """A picture under a random change."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x) -> np.ndarray:
        """A picture, or a batch, scaled and centred as the arguments say; in place, where it holds floats."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, keepdims=True) + self.smallest
        return self._by_statistics(x)

    def _by_statistics(self, x: np.ndarray) -> np.ndarray:
        wanted = (
            ("featurewise_center", self.mean),
            ("featurewise_std_normalization", self.std),
            ("zca_whitening", self.zca_whitening_matrix),
        )
        for name, found in wanted:
            if getattr(self, name) and found is None:
                warnings.warn(
                    f"ImageDataGenerator: `{name}` needs statistics and does nothing. Call fit(pictures) first.", stacklevel=3
                )
        if self.featurewise_center and self.mean is not None:
            x -= self.mean
        if self.featurewise_std_normalization and self.std is not None:
            x /= self.std + self.smallest
        if self.zca_whitening and self.zca_whitening_matrix is not None:
            x = (x.reshape(-1, np.prod(x.shape[-3:])) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    # Several pictures

    def _changed(self, pictures: np.ndarray, changes: Sequence[dict[str, Any]], scale: float) -> np.ndarray:
        """Pictures under a change each, and times a factor: float32."""
        first = self.data_format == "channels_first"
        x = np.moveaxis(pictures, 1, -1) if first else pictures
        shifted = any(change.get("channel_shift_intensity") is not None for change in changes)
        lit = any(change.get("brightness") is not None for change in changes)
        now = 1.0 if shifted or lit else scale
        if any(moves(change) for change in changes):
            maps = maps_of(changes, x.shape[1], x.shape[2], self.convention)
            x = move_pictures(x, maps, self.interpolation_order, self.fill_mode, self.cval, now)
        else:
            x = x.astype(np.float32) if now == 1.0 else x.astype(np.float32) * np.float32(now)
        if shifted or lit:
            x = np.stack([self._toned(one, change) for one, change in zip(x, changes, strict=True)]) * np.float32(scale)
        return np.moveaxis(x, -1, 1) if first else x

    def _toned(self, x: np.ndarray, change: dict[str, Any]) -> np.ndarray:
        if change.get("channel_shift_intensity") is not None:
            x = self._shifted(x, change["channel_shift_intensity"])
        if change.get("brightness") is not None:
            x = self._lit(x, change["brightness"])
        return x

    def _lit(self, x: np.ndarray, brightness: float) -> np.ndarray:
        return apply_brightness_shift(x, brightness, False, "channels_last")

    def _shifted(self, x: np.ndarray, intensity: float) -> np.ndarray:
        return apply_channel_shift(x, intensity)

    @property
    def _is_plain(self) -> bool:
        """Whether a batch may be drawn before it is made: nobody's own code stands, and draws, between two pictures."""
        own = any(getattr(getattr(self, name), "__module__", "") not in BUILT_IN for name in METHODS)
        return self.preprocessing_function is None and not own

    @property
    def _repeats(self) -> bool:
        """Whether a picture is the same whenever it is asked for: nothing is drawn that would change it."""
        methods = [getattr(getattr(self, name), "__module__", "") for name in (*METHODS, "get_random_transform")]
        mine = getattr(self.preprocessing_function, "__module__", "kerata") or ""
        moved = (
            self.rotation_range,
            self.width_shift_range,
            self.height_shift_range,
            self.shear_range,
            self.channel_shift_range,
        )
        still = not any(np.any(span) for span in moved) and list(self.zoom_range) == [1, 1] and self.brightness_range is None
        own = any(module not in BUILT_IN for module in methods) or mine.partition(".")[0] != "kerata"
        return still and not (own or self.horizontal_flip or self.vertical_flip)

    def _finished(self, pictures: np.ndarray, changes: Sequence[dict[str, Any]]) -> np.ndarray:
        """Pictures changed and standardized, where `_is_plain`."""
        per_sample = self.samplewise_center or self.samplewise_std_normalization
        by_statistics = self.featurewise_center or self.featurewise_std_normalization or self.zca_whitening
        if not (per_sample or by_statistics):
            return self._changed(pictures, changes, self.rescale or 1.0)
        return np.stack([self.standardize(np.array(one)) for one in self._changed(pictures, changes, 1.0)])

    # Statistics

    def fit(self, x, augment=False, rounds=1, seed=None) -> None:
        """Takes the statistics of some pictures.

        Args:
            x: an array of four axes.
            augment: whether of pictures that are changed at random.
            rounds: how often each is changed then.
            seed: of NumPy's draws.
        """
        x = np.array(x, dtype=self.dtype)
        iterators.check_batch("ImageDataGenerator.fit", x, self.channel_axis, self.data_format)
        if seed is not None:
            np.random.seed(seed)
        if self.rescale and self.fits_rescaled:
            x *= self.rescale
        if augment:
            x = np.stack([self.random_transform(one) for _ in range(rounds) for one in x]).astype(self.dtype, copy=False)
        shape = [1, 1, 1]
        shape[self.channel_axis - 1] = x.shape[self.channel_axis]
        if self.featurewise_center:
            self.mean = np.mean(x, axis=(0, self.row_axis, self.col_axis)).reshape(shape)
            x -= self.mean
        if self.featurewise_std_normalization:
            std = np.std(x, axis=(0, self.row_axis, self.col_axis)).reshape(shape)
            self.std = std
            x /= std + self.smallest
        if self.zca_whitening:
            self.zca_whitening_matrix = self._whitening(x.reshape(len(x), -1))

    def _whitening(self, flat: np.ndarray) -> np.ndarray:
        u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
        return (u * (np.sqrt(len(flat)) / (s + self.zca_epsilon))) @ u.T

    # Batches

    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        ignore_class_split=False,
        subset=None,
    ) -> "iterators.NumpyArrayIterator":
        """Batches of the pictures of an array, or of the first of a tuple of arrays.

        Args:
            x, y, sample_weight: pictures, targets, weights.
            batch_size, shuffle, seed: of the batches.
            save_to_dir, save_prefix, save_format: where a copy of each picture is written.
            ignore_class_split: whether both subsets may hold other classes.
            subset: `"training"` or `"validation"`.
        """
        return iterators.NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            ignore_class_split=ignore_class_split,
            dtype=self.dtype,
        )

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
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        **reading,
    ) -> "iterators.DirectoryIterator":
        """Batches of the pictures of a folder, in which each class has a folder of its own; see `DirectoryIterator`."""
        return iterators.DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
            **reading,
        )

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        keep_aspect_ratio=False,
        **reading,
    ) -> "tables.DataFrameIterator":
        """Batches of the pictures that a column of a table names; see `DataFrameIterator`."""
        for name in RETIRED & set(reading):
            del reading[name]
            warnings.warn(f"flow_from_dataframe: `{name}` has no effect any more.", DeprecationWarning, stacklevel=2)
        if class_mode == "other":
            class_mode = "raw"
            warnings.warn("flow_from_dataframe: 'other' is an old name of 'raw'.", DeprecationWarning, stacklevel=2)
        return tables.DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            data_format=self.data_format,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            validate_filenames=validate_filenames,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
            **reading,
        )


# Arguments of `flow_from_dataframe` that programs still give.
RETIRED = frozenset({"has_ext", "sort", "drop_duplicates"})
MOVING = {**NOTHING, "flip_horizontal": False, "flip_vertical": False}
TONES = ("channel_shift_intensity", "brightness")
BUILT_IN = (__name__, "kerata.legacy.image")


def moves(change: dict[str, Any]) -> bool:
    """Whether a change moves any pixel."""
    return any(change.get(name, value) != value for name, value in MOVING.items())


def is_nothing(change: dict[str, Any]) -> bool:
    """Whether a change leaves a picture as it is."""
    return not moves(change) and all(change.get(name) is None for name in TONES)


def in_type(x: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """A copy in another type, rounded where that holds whole numbers."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        x = np.clip(np.rint(x), limits.min, limits.max)
    return x.astype(dtype)


def draw_shift(span: Any, size: int) -> float:
    """How far a picture is moved: as Keras draws it from a float, a whole number, or some numbers."""
    if not (len(span) if np.ndim(span) else span):
        return 0
    if np.ndim(span) or isinstance(span, (int, np.integer)):
        moved = np.random.choice(span)
        moved = moved * np.random.choice([-1, 1])
    else:
        moved = np.random.uniform(-span, span)
    return moved * size if np.max(span) < 1 else moved
