"""From a folder of pictures to a fine-tuned network, on CIFAR-10 as JPEG files.

    python examples/pictures/fine_tuning.py [ARCHIVE] [--pictures 400] [--epochs 20]

ARCHIVE holds `train/<class>/<number>.jpg`; `../shared/data/cifar10-jpg.tar.gz` beside the project by default.
"""

import argparse
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import kerata
from kerata import layers

ARCHIVE = Path(__file__).resolve().parents[3] / "shared" / "data" / "cifar10-jpg.tar.gz"
SEVEN = ("automobile", "bird", "deer", "dog", "frog", "horse", "truck")
THREE = ("airplane", "cat", "ship")
SIZE = (32, 32)


def unpack(archive, folder, classes, count):
    """The first pictures of some classes, a folder each."""
    with tarfile.open(archive) as tar:
        for member in tar:
            part, *below = member.name.split("/")
            if member.isfile() and part == "train" and below[0] in classes and int(Path(below[1]).stem) < count:
                path = Path(folder, *below)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(tar.extractfile(member).read())


def make_base():
    return kerata.Sequential(
        [
            kerata.Input((*SIZE, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
        ],
        name="base",
    )


def compiled(parts, rate):
    model = kerata.Sequential([kerata.Input((*SIZE, 3)), *parts])
    loss = kerata.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(kerata.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def read(folder, share):
    return kerata.utils.image_dataset_from_directory(
        folder, image_size=SIZE, batch_size=25, validation_split=share, subset="both", seed=1
    )


def report(words, model, data, began):
    accuracy = model.evaluate(data, verbose=0, return_dict=True)["accuracy"]
    print(f"{words}: {accuracy:.3f} of unseen pictures, {time.perf_counter() - began:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", nargs="?", type=Path, default=ARCHIVE)
    parser.add_argument("--pictures", type=int, default=400, help="of each of the seven classes")
    parser.add_argument("--epochs", type=int, default=20)
    given = parser.parse_args()
    if not given.archive.is_file():
        sys.exit(f"The pictures are not there: {given.archive}. Give the path of an archive with train/<class>/<number>.jpg")
    kerata.utils.set_random_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        unpack(given.archive, f"{folder}/seven", SEVEN, given.pictures)
        unpack(given.archive, f"{folder}/three", THREE, max(given.pictures // 3, 2))
        train, held_out = read(f"{folder}/seven", 0.2)
        few, rest = read(f"{folder}/three", 0.5)
        base, began = make_base(), time.perf_counter()
        augment = kerata.Sequential([layers.RandomFlip("horizontal"), layers.RandomTranslation(0.1, 0.1)])
        model = compiled([augment, base, layers.Dense(7)], 0.003)
        model.fit(train, epochs=given.epochs, verbose=0)
        report("seven classes", model, held_out, began)

        base.trainable, began = False, time.perf_counter()
        model = compiled([base, layers.Dropout(0.3), layers.Dense(3)], 0.01)
        model.fit(few, epochs=given.epochs, verbose=2)
        report("three others, a head on the frozen base", model, rest, began)

        began = time.perf_counter()
        alone = compiled([make_base(), layers.Dropout(0.3), layers.Dense(3)], 0.003)
        alone.fit(few, epochs=given.epochs, verbose=0)
        report("the same from nothing", alone, rest, began)


if __name__ == "__main__":
    main()
