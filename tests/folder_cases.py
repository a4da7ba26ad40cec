"""Folders of files and arguments that both `tools/record_folders.py`, with Keras, and the tests, with Kerata, work on.

    python tests/folder_cases.py FOLDER

writes the files; Pillow is needed.
"""

import io
import sys
import wave
from pathlib import Path

import numpy as np

MODES = {"grayscale": 1, "rgb": 3, "rgba": 4}
SIZE = (6, 11)
# How folders are read: arguments beside the folder and the size. Each is read twice.
READ = {
    "plain": {"shuffle": False, "batch_size": 5},
    "shuffled": {"seed": 7, "batch_size": 2},
    "ones": {"seed": 123, "batch_size": None},
    "training": {"seed": 3, "batch_size": 1, "validation_split": 0.4, "subset": "training"},
    "validation": {"seed": 3, "batch_size": 1, "validation_split": 0.4, "subset": "validation"},
    "both": {"seed": 3, "batch_size": 4, "validation_split": 0.4, "subset": "both"},
    "categorical": {"shuffle": False, "label_mode": "categorical"},
    "binary": {"shuffle": False, "label_mode": "binary", "class_names": ["cow", "ant"]},
    "named": {"seed": 5, "class_names": ["cow", "bee"], "label_mode": "categorical"},
    "given": {"seed": 5, "labels": [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]},
    "none": {"seed": 5, "labels": None},
    "no labels": {"seed": 5, "label_mode": None},
}
# What is particular to pictures.
OF_PICTURES = {
    "first": {"shuffle": False, "data_format": "channels_first"},
    "crop": {"shuffle": False, "crop_to_aspect_ratio": True},
    "crop first": {"shuffle": False, "crop_to_aspect_ratio": True, "data_format": "channels_first"},
    "pad": {"shuffle": False, "pad_to_aspect_ratio": True, "interpolation": "bicubic"},
    "gray": {"shuffle": False, "color_mode": "grayscale", "interpolation": "nearest"},
    "square": {"shuffle": False, "image_size": 5, "color_mode": "rgba"},
}
OF_TEXTS = {"short": {"shuffle": False, "max_length": 7}}
OF_SOUNDS = {"cut": {"shuffle": False, "output_sequence_length": 9}}


def smooth(height, width, draws):
    """A picture such as cameras take: what lies side by side is alike."""
    rows, columns = np.mgrid[0:height, 0:width]
    waves = [np.sin(rows * a + columns * b + c) for a, b, c in draws.uniform(0, 0.4, (3, 3))]
    return (np.stack(waves, -1) * 110 + 128 + draws.normal(0, 6, (height, width, 3))).clip(0, 255).astype("uint8")


def write_forms(folder):
    """One file a folder, in every form."""
    from PIL import Image

    draws = np.random.RandomState(8)
    rgb = Image.fromarray(smooth(37, 53, draws))
    clear = rgb.copy()
    clear.putalpha(Image.fromarray(smooth(37, 53, draws)[..., 0]))
    deep = Image.fromarray(smooth(37, 53, draws)[..., 0].astype("uint16") * 257 + 90)
    forms = {
        "colours.jpg": (rgb, {"quality": 85}),
        "sharp.jpg": (rgb, {"quality": 95, "subsampling": 0}),
        "steps.jpg": (rgb, {"progressive": True}),
        "gray.jpg": (rgb.convert("L"), {}),
        "print.jpg": (rgb.convert("CMYK"), {}),
        "colours.png": (rgb, {}),
        "gray.png": (rgb.convert("L"), {}),
        "clear.png": (clear, {}),
        "clear gray.png": (clear.convert("LA"), {}),
        "palette.png": (rgb.convert("P", palette=Image.Palette.ADAPTIVE), {}),
        "bits.png": (rgb.convert("1"), {}),
        "deep.png": (deep, {}),
        "moving.gif": (rgb.convert("P"), {"save_all": True, "append_images": [rgb.rotate(90).convert("P")]}),
        "colours.bmp": (rgb, {}),
    }
    for name, (picture, how) in forms.items():
        path = Path(folder) / name.replace(".", "_") / name
        path.parent.mkdir(parents=True)
        picture.save(path, **how)


def write_classes(folder):
    """`pictures`, `texts` and `sounds`, each with three classes."""
    from PIL import Image

    draws = np.random.RandomState(5)
    for name, count in (("ant", 5), ("bee", 4), ("cow", 3)):
        for number in range(count):
            below = Path(name) / ("deep" if number == 2 else "") / str(number)
            for kind in ("pictures", "texts", "sounds"):
                (Path(folder) / kind / below.parent).mkdir(parents=True, exist_ok=True)
            size = ((14, 29), (30, 21), (5, 12))[number % 3]
            Image.fromarray(smooth(*size, draws)).save(Path(folder) / "pictures" / below.with_suffix(".png"))
            text = f"{name} says: naïve\n{number}"
            (Path(folder) / "texts" / below.with_suffix(".txt")).write_bytes(text.encode())
            samples = draws.randint(-(2**15), 2**15, (6 + 3 * number, 1)).astype("<i2")
            with wave.open(str(Path(folder) / "sounds" / below.with_suffix(".wav")), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(8000)
                file.writeframes(samples.tobytes())
    (Path(folder) / "pictures" / "ant" / "notes.txt").write_text("no picture")


def files_of(folder):
    """Path below a folder -> bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def unpack(recorded, folder):
    """Writes the files that were recorded."""
    for name in recorded.files:
        if name.startswith("file/"):
            path = Path(folder) / name.removeprefix("file/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(io.BytesIO(recorded[name]).getvalue())


def parts(element):
    return element if isinstance(element, tuple) else (element,)


if __name__ == "__main__":
    write_forms(Path(sys.argv[1]) / "forms")
    write_classes(sys.argv[1])
