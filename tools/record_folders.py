"""Records what Keras's functions for folders give: `tests/folder_numbers.npz`.

    python tests/folder_cases.py FOLDER
    python tools/record_folders.py FOLDER

The second wants an environment with Keras 3 and TensorFlow; Kerata is not needed.
"""

import argparse
import copy
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
import folder_cases as cases  # noqa: E402

FUNCTIONS = {
    "pictures": (keras.utils.image_dataset_from_directory, {"image_size": cases.SIZE}, cases.OF_PICTURES),
    "texts": (keras.utils.text_dataset_from_directory, {}, cases.OF_TEXTS),
    "sounds": (keras.utils.audio_dataset_from_directory, {}, cases.OF_SOUNDS),
}


def forms(found, folder):
    """Pixels of every form of file, in its own size; nothing where TensorFlow refuses it."""
    for path in sorted((folder / "forms").iterdir()):
        for mode in cases.MODES:
            try:
                data = keras.utils.image_dataset_from_directory(
                    path, labels=None, color_mode=mode, image_size=(37, 53), interpolation="nearest", verbose=False
                )
                found[f"form/{path.name}/{mode}"] = next(iter(data)).numpy()[0]
            except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
                print(path.name, mode, str(error)[:150])


def read(found, folder, kind):
    """Files, orders and elements of two passes."""
    function, base, more = FUNCTIONS[kind]
    for name, arguments in {**cases.READ, **more}.items():
        # Keras shuffles a list of labels where it stands.
        made = function(folder / kind, **{**base, **copy.deepcopy(arguments)}, verbose=False)
        for place, data in enumerate(made if isinstance(made, (list, tuple)) else [made]):
            prefix = f"{kind}/{name}/{place}"
            if hasattr(data, "file_paths"):
                found[f"{prefix}/files"] = np.array([str(Path(one).relative_to(folder / kind)) for one in data.file_paths])
            if data.class_names:
                found[f"{prefix}/classes"] = np.array(data.class_names)
            for turn in range(2):
                for number, element in enumerate(data):
                    for part, value in enumerate(cases.parts(element)):
                        value = value.numpy()
                        value = np.array(value) if isinstance(value, bytes) else value
                        kept = value.astype("S") if value.dtype == object else value
                        found[f"{prefix}/{turn}/{number}/{part}"] = kept


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    found = {f"file/{name}": np.frombuffer(data, np.uint8) for name, data in cases.files_of(folder).items()}
    forms(found, folder)
    for kind in FUNCTIONS:
        read(found, folder, kind)
    np.savez_compressed(ROOT / "tests" / "folder_numbers.npz", **found)
    print(f"{len(found)} arrays")


if __name__ == "__main__":
    main()
