"""Pictures and arguments that both `tools/record_pictures.py`, with the Keras of then, and the tests, with Kerata, work on."""

from pathlib import Path

import numpy as np

HEIGHT, WIDTH = 8, 9
# Arguments of ImageDataGenerator that all eras from Keras 2 on know.
GENERATORS = {
    "nothing": {},
    "rotation": {"rotation_range": 40},
    "shares": {"width_shift_range": 0.3, "height_shift_range": 0.2},
    "pixels": {"width_shift_range": 3, "height_shift_range": [-2, 1, 3], "fill_mode": "constant", "cval": 7.0},
    "shear": {"shear_range": 25.0, "fill_mode": "reflect"},
    "zoom": {"zoom_range": [0.5, 1.6], "fill_mode": "wrap"},
    "nearest pixel": {"rotation_range": 90, "interpolation_order": 0},
    "splines": {"rotation_range": 90, "interpolation_order": 3},
    "flips": {"horizontal_flip": True, "vertical_flip": True},
    "channels": {"channel_shift_range": 60.0, "horizontal_flip": True},
    "samples": {"samplewise_center": True, "samplewise_std_normalization": True, "rotation_range": 10},
    "notes": {
        "rescale": 1.0 / 255,
        "rotation_range": 40,
        "width_shift_range": 0.2,
        "height_shift_range": 0.2,
        "shear_range": 0.2,
        "zoom_range": 0.2,
        "horizontal_flip": True,
        "fill_mode": "nearest",
    },
    "channels first": {"rotation_range": 30, "zoom_range": 0.3, "vertical_flip": True, "data_format": "channels_first"},
}
# A byte more or less changes a picture by one.
BRIGHT = {"brightness_range": (0.4, 1.7), "rotation_range": 20}
STATISTICS = {
    "featurewise": {"featurewise_center": True, "featurewise_std_normalization": True, "rescale": 0.5},
    "zca": {"featurewise_center": True, "zca_whitening": True, "zca_epsilon": 0.1},
}
# Of Keras 1, whose shears are in radians.
GENERATORS_OF_KERAS1 = {
    "geometry": {
        "rotation_range": 40,
        "width_shift_range": 0.2,
        "height_shift_range": 0.2,
        "shear_range": 0.2,
        "zoom_range": 0.2,
        "horizontal_flip": True,
    },
    "channels": {"channel_shift_range": 60.0, "samplewise_center": True},
}
INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


def pictures(count=7, first=False):
    """Smooth and noisy pictures, (count, 8, 9, 3) or channels first, of whole numbers from 0 to 255."""
    x = np.random.RandomState(11).randint(0, 256, (count, HEIGHT, WIDTH, 3)).astype("float32")
    return x.transpose(0, 3, 1, 2) if first else x


def labels(count=7):
    return np.arange(count) % 2


def write_folders(folder, sizes=((8, 9), (10, 7), (5, 12)), counts=(("ant", 5), ("bee", 4), ("cow", 3))):
    """A folder for each class, with PNGs of several sizes, one of them in a folder of its own."""
    from PIL import Image

    draws = np.random.RandomState(5)
    for name, count in counts:
        for number in range(count):
            size = sizes[number % len(sizes)]
            path = Path(folder) / name / ("deep" if number == 2 else "") / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draws.randint(0, 256, (*size, 3)).astype("uint8")).save(path)
    (Path(folder) / "ant" / "notes.txt").write_text("no picture")
