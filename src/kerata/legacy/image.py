"""`keras.preprocessing.image`: pictures changed at random, from arrays, folders and tables, batch by batch."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from kerata import config, preprocessing
from kerata.base.checks import check_choice, message
from kerata.data.pydataset import PyDataset

CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".gif")
FORMS = {"th": "channels_first", "tf": "channels_last", "default": None}


def form_of(data_format: Any) -> str:
    return FORMS.get(data_format, data_format) or config.image_data_format()


def load_img(
    path: Any, grayscale: bool = False, color_mode: str = "rgb", target_size: Any = None, interpolation="nearest"
) -> Any:
    """A picture of Pillow."""
    # How it is scaled matters where it is.
    interpolation = "nearest" if target_size is None else interpolation
    return preprocessing.image.load_img(path, "grayscale" if grayscale else color_mode, target_size, interpolation)


def img_to_array(img: Any, data_format: Any = None, dtype: Any = None, dim_ordering: Any = None) -> Any:
    return preprocessing.image.img_to_array(img, form_of(dim_ordering or data_format), dtype)


def array_to_img(x: Any, data_format: Any = None, scale: bool = True, dtype: Any = None, dim_ordering: Any = None) -> Any:
    return preprocessing.image.array_to_img(x, form_of(dim_ordering or data_format), scale, dtype)


def save_img(path: Any, x: Any, data_format: Any = None, file_format: Any = None, scale: bool = True, **kwargs: Any) -> None:
    preprocessing.image.save_img(path, x, form_of(data_format), file_format, scale, **kwargs)


def list_pictures(directory: Any, ext: str = "jpg|jpeg|bmp|png") -> list[str]:
    """The paths of all pictures in a folder and below it."""
    endings = tuple(f".{one}" for one in ext.split("|"))
    return [str(path) for path in sorted(Path(directory).rglob("*")) if path.name.lower().endswith(endings)]


def flip_axis(x: Any, axis: int) -> Any:
    return np.flip(x, axis)


def affine_matrix(theta: float, tx: float, ty: float, shear: float, zx: float, zy: float) -> Any:
    """The matrix that turns (radians), moves, shears and scales, in this order."""
    turn = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    move = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    slant = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    return turn @ move @ slant @ np.diag([zx, zy, 1.0])


def transform_matrix_offset_center(matrix: Any, x: int, y: int) -> Any:
    """The same change around the middle of a picture of x rows and y columns."""
    middle = np.array([[1, 0, x / 2 + 0.5], [0, 1, y / 2 + 0.5], [0, 0, 1]])
    return middle @ matrix @ np.linalg.inv(middle)


def apply_transform(x, transform_matrix, channel_axis=0, fill_mode="nearest", cval=0.0, order=0) -> Any:
    """A picture under an affine change, a channel at a time."""
    from scipy import ndimage

    planes = np.moveaxis(x, channel_axis, 0)
    matrix, offset = transform_matrix[:2, :2], transform_matrix[:2, 2]
    done = [ndimage.affine_transform(plane, matrix, offset, order=order, mode=fill_mode, cval=cval) for plane in planes]
    return np.moveaxis(np.stack(done), 0, channel_axis)


def apply_affine_transform(
    x, theta=0, tx=0, ty=0, shear=0, zx=1, zy=1, row_axis=0, col_axis=1, channel_axis=2, fill_mode="nearest", cval=0.0, order=1
) -> Any:
    """A picture turned by `theta` degrees, moved, sheared by `shear` degrees and scaled."""
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    matrix = affine_matrix(np.deg2rad(theta), tx, ty, np.deg2rad(shear), zx, zy)
    matrix = transform_matrix_offset_center(matrix, x.shape[row_axis], x.shape[col_axis])
    return apply_transform(x, matrix, channel_axis, fill_mode, cval, order)


def random_rotation(x, rg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1):
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, np.random.uniform(-rg, rg), 0, 0, 0, 1, 1, *axes)


def random_shift(x, wrg, hrg, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1):
    tx, ty = np.random.uniform(-hrg, hrg) * x.shape[row_axis], np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(x, 0, tx, ty, 0, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)


def random_shear(x, intensity, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1):
    axes = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, 0, 0, 0, np.random.uniform(-intensity, intensity), 1, 1, *axes)


def random_zoom(x, zoom_range, row_axis=1, col_axis=2, channel_axis=0, fill_mode="nearest", cval=0.0, interpolation_order=1):
    zx, zy = np.random.uniform(zoom_range[0], zoom_range[1], 2)
    return apply_affine_transform(x, 0, 0, 0, 0, zx, zy, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)


def apply_channel_shift(x: Any, intensity: float, channel_axis: int = 0) -> Any:
    """A picture with a number added to each channel, within its own range."""
    low, high = np.min(x), np.max(x)
    return np.clip(x + intensity, low, high)


def random_channel_shift(x: Any, intensity: float, channel_axis: int = 0) -> Any:
    planes = np.moveaxis(x, channel_axis, 0)
    low, high = np.min(x), np.max(x)
    moved = [np.clip(plane + np.random.uniform(-intensity, intensity), low, high) for plane in planes]
    return np.moveaxis(np.stack(moved), 0, channel_axis)


def apply_brightness_shift(x: Any, brightness: float, scale: bool = True) -> Any:
    """A picture made brighter or darker, as Pillow does it."""
    from PIL import ImageEnhance

    picture = preprocessing.image.array_to_img(x, "channels_last", scale)
    return preprocessing.image.img_to_array(ImageEnhance.Brightness(picture).enhance(brightness), "channels_last")


def random_brightness(x: Any, brightness_range: Any, scale: bool = True) -> Any:
    return apply_brightness_shift(x, np.random.uniform(*brightness_range), scale)


class ImageDataGenerator:
    """Batches of pictures, each changed at random.

    Args:
        featurewise_center, featurewise_std_normalization, zca_whitening: by the statistics that `fit` takes.
        samplewise_center, samplewise_std_normalization: by those of each picture.
        rotation_range: degrees.
        width_shift_range, height_shift_range: shares of the picture below 1, else pixels.
        brightness_range: two factors.
        shear_range: degrees.
        zoom_range: a share, or two factors.
        channel_shift_range: how much is added to channels.
        fill_mode, cval: what stands where the picture does not reach.
        horizontal_flip, vertical_flip: whether pictures are turned over.
        rescale: a factor of all values.
        preprocessing_function: of a picture, before rescaling.
        data_format: the order of axes; `dim_ordering` in Keras 1.
        validation_split: the share that `subset="validation"` takes.

    >>> batches = ImageDataGenerator(rescale=0.5).flow(np.ones((4, 2, 2, 1)), batch_size=2)
    >>> len(batches), next(batches).shape, float(batches[0].max())
    (2, (2, 2, 2, 1), 0.5)
    """

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
        dtype="float32",
        dim_ordering=None,
    ):
        self.featurewise_center = featurewise_center or zca_whitening
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range, self.shear_range = brightness_range, shear_range
        zoom: Any = zoom_range
        self.zoom_range = [*zoom] if np.ndim(zoom) else [1 - zoom, 1 + zoom]
        self.channel_shift_range, self.fill_mode, self.cval = channel_shift_range, fill_mode, cval
        self.horizontal_flip, self.vertical_flip, self.rescale = horizontal_flip, vertical_flip, rescale
        self.preprocessing_function, self.validation_split = preprocessing_function, validation_split
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(
                message(self, "`validation_split` must be between 0 and 1", {"validation_split": validation_split})
            )
        self.interpolation_order, self.dtype = interpolation_order, dtype
        self.data_format = check_choice(
            self, "data_format", form_of(dim_ordering or data_format), ("channels_first", "channels_last")
        )
        self.mean: Any = None
        self.std: Any = None
        self.zca_whitening_matrix: Any = None

    @property
    def axes(self) -> tuple[int, int, int]:
        """The axes of rows, columns and channels of a picture."""
        return (0, 1, 2) if self.data_format == "channels_last" else (1, 2, 0)

    # One picture

    def get_random_transform(self, img_shape: Any, seed: int | None = None) -> dict[str, Any]:
        """The numbers of one random change."""
        if seed is not None:
            np.random.seed(seed)
        row, column, _ = self.axes

        def shift(span: Any, size: int) -> float:
            if np.ndim(span):
                return float(np.random.choice(span) * np.random.choice([-1, 1]))
            moved = np.random.uniform(-span, span) if isinstance(span, float) else np.random.randint(-span, span + 1)
            return float(moved * size if span < 1 else moved)

        zx, zy = (1, 1) if self.zoom_range == [1, 1] else np.random.uniform(self.zoom_range[0], self.zoom_range[1], 2)
        return {
            "theta": np.random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0,
            "tx": shift(self.height_shift_range, img_shape[row]) if self.height_shift_range else 0,
            "ty": shift(self.width_shift_range, img_shape[column]) if self.width_shift_range else 0,
            "shear": np.random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": bool(np.random.random() < 0.5) and self.horizontal_flip,
            "flip_vertical": bool(np.random.random() < 0.5) and self.vertical_flip,
            "channel_shift_intensity": np.random.uniform(-self.channel_shift_range, self.channel_shift_range)
            if self.channel_shift_range
            else None,
            "brightness": None if self.brightness_range is None else np.random.uniform(*self.brightness_range),
        }

    def apply_transform(self, x: Any, transform_parameters: dict[str, Any]) -> Any:
        """A picture under the change that `get_random_transform` gave."""
        given = transform_parameters
        row, column, channel = self.axes
        zx, zy = given.get("zx", 1), given.get("zy", 1)
        theta, tx, ty, shear = (given.get(name, 0) for name in ("theta", "tx", "ty", "shear"))
        how = (row, column, channel, self.fill_mode, self.cval, self.interpolation_order)
        x = apply_affine_transform(x, theta, tx, ty, shear, zx, zy, *how)
        if given.get("channel_shift_intensity"):
            x = apply_channel_shift(x, given["channel_shift_intensity"], channel)
        if given.get("flip_horizontal"):
            x = np.flip(x, column)
        if given.get("flip_vertical"):
            x = np.flip(x, row)
        if given.get("brightness") is not None:
            x = apply_brightness_shift(x, given["brightness"])
        return x

    def random_transform(self, x: Any, seed: int | None = None) -> Any:
        """A picture under a random change."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x: Any) -> Any:
        """A picture scaled, and centred as the arguments say."""
        if self.preprocessing_function is not None:
            x = self.preprocessing_function(x)
        if self.rescale:
            x = x * self.rescale
        if self.samplewise_center:
            x = x - np.mean(x, keepdims=True)
        if self.samplewise_std_normalization:
            x = x / (np.std(x, keepdims=True) + 1e-6)
        needs = self.featurewise_center or self.featurewise_std_normalization
        if needs and self.mean is None:
            raise ValueError(message(self, "statistics of the pictures are needed", None, "Call fit(x) on the generator first"))
        if self.featurewise_center:
            x = x - self.mean
        if self.featurewise_std_normalization:
            x = x / (self.std + 1e-6)
        if self.zca_whitening:
            x = (x.reshape(-1, int(np.prod(x.shape[-3:]))) @ self.zca_whitening_matrix).reshape(x.shape)
        return x

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None, **kwargs: Any) -> None:
        """Takes the statistics of some pictures."""
        x = np.asarray(x, self.dtype)
        if x.ndim != 4:
            raise ValueError(message(self, "pictures must have four axes", {"x": x}))
        if seed is not None:
            np.random.seed(seed)
        if augment:
            x = np.stack([self.random_transform(one) for _ in range(rounds) for one in x])
        _, _, channel = self.axes
        axes = tuple(axis for axis in range(4) if axis != channel + 1)
        self.mean = np.mean(x, axes, keepdims=True)[0]
        x = x - self.mean if self.featurewise_center else x
        self.std = np.std(x, axes, keepdims=True)[0]
        if self.featurewise_std_normalization:
            x = x / (self.std + 1e-6)
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            u, s, _ = np.linalg.svd(flat.T @ flat / len(flat))
            self.zca_whitening_matrix = u @ np.diag(1.0 / np.sqrt(s + self.zca_epsilon)) @ u.T

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
        subset=None,
        **kwargs,
    ) -> "PictureBatches":
        """Batches of pictures of an array, or of the first of a tuple of arrays."""
        pictures, rest = (x[0], x[1]) if isinstance(x, tuple) else (x, [])
        pictures, rest = np.asarray(pictures), [np.asarray(one) for one in (rest if isinstance(rest, list) else [rest])]
        if pictures.ndim != 4:
            raise ValueError(message(self, "pictures must have four axes", {"x": pictures}))
        if any(len(one) != len(pictures) for one in rest):
            raise ValueError(message(self, "All of the arrays in `x` should have the same length", {"x": [pictures, *rest]}))
        for name, one in (("`y` (labels)", y), ("`sample_weight`", sample_weight)):
            if one is not None and len(one) != len(pictures):
                expected = f"`x` (images tensor) and {name} should have the same length"
                raise ValueError(message(self, expected, {"x": len(pictures), name: len(one)}))
        check_choice(self, "subset", subset, ("training", "validation", None))
        split = int(len(pictures) * self.validation_split)
        rows = {"validation": slice(0, split), "training": slice(split, None), None: slice(None)}[subset]
        columns = [part[rows] for part in rest]
        columns_y = None if y is None else np.asarray(y)[rows]
        weights = None if sample_weight is None else np.asarray(sample_weight)[rows]
        pictures = pictures[rows]
        saving = (save_to_dir, save_prefix, save_format)
        count = len(pictures)
        return PictureBatches(self, pictures.__getitem__, count, columns_y, batch_size, shuffle, seed, saving, columns, weights)

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
        **kwargs,
    ) -> "PictureBatches":
        """Batches of pictures of a folder, in which each class has a folder of its own."""
        check_choice(self, "subset", subset, ("training", "validation", None))
        check_choice(self, "color_mode", color_mode, tuple(CHANNELS))
        names = list(classes or sorted(one.name for one in os.scandir(directory) if one.is_dir()))
        paths: list[str] = []
        labels: list[int] = []
        for number, name in enumerate(names):
            found = sorted(
                os.path.join(folder, file)
                for folder, _, files in os.walk(os.path.join(directory, name), followlinks=follow_links)
                for file in files
                if file.lower().endswith(ENDINGS)
            )
            split = int(len(found) * self.validation_split)
            found = found[:split] if subset == "validation" else found[split:] if subset == "training" else found
            paths += found
            labels += [number] * len(found)
        print(f"Found {len(paths)} images belonging to {len(names)} classes.")
        numbers, saving = np.array(labels, int), (save_to_dir, save_prefix, save_format)
        batches = self._of_paths(
            paths, numbers, names, class_mode, target_size, color_mode, interpolation, batch_size, shuffle, seed, saving
        )
        batches.filenames = [os.path.relpath(path, directory) for path in paths]
        return batches

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
        subset=None,
        interpolation="nearest",
        **kwargs,
    ) -> "PictureBatches":
        """Batches of the pictures that a column of a table names."""
        paths = [os.path.join(directory or "", name) for name in dataframe[x_col]]
        split = int(len(paths) * self.validation_split)
        rows = {"validation": slice(0, split), "training": slice(split, None), None: slice(None)}[subset]
        paths, names = paths[rows], []
        if class_mode in ("raw", "multi_output", "other", None):
            labels = None if class_mode is None else np.array(dataframe[y_col])[rows]
        else:
            given = list(dataframe[y_col])[rows]
            names = list(classes or sorted(set(given)))
            labels = np.array([names.index(one) for one in given], int)
        saving = (None, "", "png")
        return self._of_paths(
            paths, labels, names, class_mode, target_size, color_mode, interpolation, batch_size, shuffle, seed, saving
        )

    def _of_paths(self, paths, labels, names, class_mode, size, color_mode, interpolation, batch_size, shuffle, seed, saving):
        modes = ("categorical", "binary", "sparse", "input", "raw", "multi_output", "other", None)
        check_choice(self, "class_mode", class_mode, modes)

        def read(row: int) -> Any:
            picture = load_img(paths[row], color_mode=color_mode, target_size=size, interpolation=interpolation)
            return img_to_array(picture, self.data_format)

        targets: Any = labels
        if class_mode == "categorical":
            targets = np.eye(len(names), dtype=self.dtype)[labels]
        elif class_mode == "binary":
            targets = labels.astype(self.dtype)
        elif class_mode in ("input", None):
            targets = class_mode
        batches = PictureBatches(self, read, len(paths), targets, batch_size, shuffle, seed, saving)
        batches.classes, batches.filepaths = labels, paths
        batches.class_indices = {name: number for number, name in enumerate(names)}
        batches.num_classes = batches.nb_class = len(names)
        channels = CHANNELS[color_mode]
        batches.image_shape = (*size, channels) if self.data_format == "channels_last" else (channels, *size)
        return batches


class GeneratorOfKeras1(ImageDataGenerator):
    """`ImageDataGenerator` of Keras 1: shears by radians, and takes the nearest pixel where pictures are turned."""

    def __init__(self, *args: Any, shear_range: float = 0.0, **kwargs: Any):
        super().__init__(*args, shear_range=float(np.rad2deg(shear_range)), **{"interpolation_order": 0, **kwargs})


class NoSuchBatch(IndexError, ValueError):
    """A batch is asked for that is not there. It was a `ValueError`, so programs may catch either."""


class PictureBatches(PyDataset):
    """What `flow` and its kin give: batches without end, and batches by number.

    Args:
        generator: the `ImageDataGenerator`.
        read: the picture of a number.
        n: pictures in all.
        targets: one for each picture; `"input"` for the picture itself; `None` for none.
        batch_size, shuffle, seed: of the batches.
        saving: (folder, prefix, format) of a copy of each picture.
        columns: other inputs of the same samples.
        weights: sample weights.
    """

    filenames: list[str]
    filepaths: list[str]
    classes: Any
    class_indices: dict[str, int]
    num_classes: int
    nb_class: int
    image_shape: tuple[int, ...]

    def __init__(self, generator, read, n, targets, batch_size, shuffle, seed, saving, columns=(), weights=None):
        super().__init__()
        self.generator, self.read, self.n, self.targets = generator, read, n, targets
        self.image_data_generator = generator
        self.batch_size, self.shuffle, self.seed, self.saving = batch_size, shuffle, seed, saving
        self.columns, self.weights = list(columns), weights
        self.total_batches_seen = self.batch_index = 0
        self._order: Any = None

    nb_sample = samples = property(lambda self: self.n)

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def on_epoch_end(self) -> None:
        self._order = None

    def reset(self) -> None:
        """Begins with the first batch again."""
        self.batch_index = 0
        self._order = None

    def order(self) -> Any:
        """The numbers of the pictures in the order of this round."""
        if self._order is None:
            if self.seed is not None:
                np.random.seed(self.seed + self.total_batches_seen)
            self._order = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)
        return self._order

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise NoSuchBatch(message("ImageDataGenerator", f"there are {len(self)} batches", {"index": index}))
        rows = self.order()[index * self.batch_size : (index + 1) * self.batch_size]
        self.total_batches_seen += 1
        made = [self.generator.standardize(self.generator.random_transform(np.asarray(self.read(r), "float32"))) for r in rows]
        pictures = np.stack(made).astype(self.generator.dtype)
        self._save(pictures, rows)
        inputs: Any = [pictures, *(column[rows] for column in self.columns)] if self.columns else pictures
        if self.targets is None:
            return inputs
        targets = pictures.copy() if isinstance(self.targets, str) else self.targets[rows]
        return (inputs, targets) if self.weights is None else (inputs, targets, self.weights[rows])

    def _save(self, pictures: Any, rows: Any) -> None:
        folder, prefix, form = self.saving
        for row, picture in zip(rows, pictures if folder else (), strict=False):
            name = f"{prefix}_{row}_{np.random.randint(10**7)}.{form}"
            array_to_img(picture, self.generator.data_format).save(os.path.join(folder, name))

    def __iter__(self) -> "PictureBatches":
        return self

    def __next__(self) -> Any:
        if self.batch_index >= len(self):
            self.reset()
        self.batch_index += 1
        return self[self.batch_index - 1]

    next = __next__


Iterator = DirectoryIterator = NumpyArrayIterator = DataFrameIterator = PictureBatches
