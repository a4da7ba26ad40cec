"""Records what generators of pictures of earlier Keras give: `tests/picture_numbers.npz`.

    python tools/record_pictures.py --keras-preprocessing DIR --keras1 DIR

It wants an environment with `tf_keras`, TensorFlow and SciPy, the unpacked wheel of `keras_preprocessing` 1.1.0 (what Keras
2.3.1 used), and the sources of Keras 1.2.2. Kerata is not needed.
"""

import argparse
import importlib.util
import sys
import tempfile
import types
import warnings
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import picture_cases as cases  # noqa: E402


def batches(iterator, count=4):
    return [np.asarray(part, "float32") for _ in range(count) for part in next(iterator)]


def arrays(found, prefix, generator_of, generators):
    """Batches from arrays, and where draws stand afterwards."""
    for name, arguments in generators.items():
        first = arguments.get("data_format") == "channels_first"
        iterator = generator_of(**arguments).flow(cases.pictures(first=first), cases.labels(), batch_size=3, seed=2)
        for number, part in enumerate(batches(iterator)):
            found[f"{prefix}/{name}/{number}"] = part


def statistics(found, prefix, generator_of):
    for name, arguments in cases.STATISTICS.items():
        generator = generator_of(**arguments)
        generator.fit(cases.pictures(), seed=3)
        found[f"{prefix}/{name}/0"] = next(generator.flow(cases.pictures(), batch_size=7, shuffle=False))


def folders(found, prefix, generator_of, folder, **arguments):
    """Batches of folders: pixels, orders, splits, and by number."""
    for subset in ("training", "validation"):
        generator = generator_of(rescale=1 / 255, zoom_range=0.2, horizontal_flip=True, validation_split=0.4)
        iterator = generator.flow_from_directory(
            folder, target_size=(6, 7), batch_size=2, seed=4, subset=subset, interpolation="bilinear", **arguments
        )
        found[f"{prefix}/{subset}/files"] = np.array(iterator.filenames)
        found[f"{prefix}/{subset}/classes"] = np.array(iterator.classes)
        for number, part in enumerate(batches(iterator, 6)):
            found[f"{prefix}/{subset}/{number}"] = part
        found[f"{prefix}/{subset}/order"] = iterator.index_array
        iterator.on_epoch_end()
        found[f"{prefix}/{subset}/item"] = iterator[1][0]


def orders(found, keras, folder):
    """Files and pixels of `image_dataset_from_directory`."""
    read = keras.utils.image_dataset_from_directory
    for name in cases.INTERPOLATIONS:
        data = read(folder, image_size=(6, 11), shuffle=False, batch_size=12, interpolation=name)
        found[f"dataset/{name}"] = next(iter(data))[0].numpy()
    for name in ("crop_to_aspect_ratio", "pad_to_aspect_ratio"):
        try:
            data = read(folder, image_size=(6, 11), shuffle=False, batch_size=12, **{name: True})
        except TypeError:
            continue
        found[f"dataset/{name}"] = next(iter(data))[0].numpy()
    for seed in (0, 7):
        data = read(folder, image_size=(6, 11), batch_size=None, seed=seed)
        found[f"dataset/paths/{seed}"] = np.array([str(Path(path).relative_to(folder)) for path in data.file_paths])
        for epoch in range(3):
            found[f"dataset/order/{seed}/{epoch}"] = np.stack([x.numpy()[0, 0] for x, _ in data])
    import tensorflow as tf

    for size, buffer in ((100, 16), (40, 256)):
        data = tf.data.Dataset.range(size).shuffle(buffer, seed=3)
        found[f"shuffle/{size}/{buffer}"] = np.array([[int(x) for x in data] for _ in range(3)])


def keras1(folder):
    """`keras.preprocessing.image` of Keras 1.2.2, beside as much of a backend as it asks for."""
    package, backend = types.ModuleType("keras1"), types.ModuleType("keras1.backend")
    package.__path__ = [str(folder)]
    backend.floatx, backend.image_dim_ordering, backend.epsilon = lambda: "float32", lambda: "tf", lambda: 1e-7
    package.backend = backend
    below = types.ModuleType("keras1.preprocessing")
    below.__path__ = [str(Path(folder) / "preprocessing")]
    sys.modules |= {"keras1": package, "keras1.backend": backend, "keras1.preprocessing": below}
    return importlib.import_module("keras1.preprocessing.image")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keras-preprocessing", required=True)
    parser.add_argument("--keras1", required=True, help="the folder `keras` of the sources")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.path.insert(0, given.keras_preprocessing)
    import keras as keras3
    import scipy.ndimage
    import tf_keras

    if "interpolation" not in vars(scipy.ndimage):
        scipy.ndimage.interpolation = scipy.ndimage
    from keras_preprocessing import image as keras2

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        cases.write_folders(folder)
        today = tf_keras.preprocessing.image.ImageDataGenerator
        for prefix, generator_of in (("tf_keras", today), ("keras2", keras2.ImageDataGenerator)):
            arrays(found, prefix, generator_of, {**cases.GENERATORS, "bright": cases.BRIGHT})
            statistics(found, prefix, generator_of)
            folders(found, f"{prefix}/folders", generator_of, folder)
        folders(found, "gray", today, folder, color_mode="grayscale", class_mode="sparse")
        orders(found, keras3, folder)
    arrays(found, "keras1", keras1(given.keras1).ImageDataGenerator, cases.GENERATORS_OF_KERAS1)
    np.savez_compressed(ROOT / "tests" / "picture_numbers.npz", **found)
    print(f"{len(found)} arrays")


if __name__ == "__main__":
    main()
