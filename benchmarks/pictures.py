"""Reading pictures from class folders, batch by batch: the files, and how long passes take."""

import importlib
import io
import os
import tarfile
import time
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.driver import ready_memory
from benchmarks.measures import describe as describe
from benchmarks.measures import resident, timed
from benchmarks.works import MODULES, Work

WIDTH, HEIGHT, TARGET = 500, 375, (150, 150)
FILES, CLASSES, MANY, SMALL_FILES = 2_000, 10, 20_000, 50_000


def write_photos(source: Path, folder: Path) -> str:
    """JPEG files of 500x375 in ten class folders, made of real pictures where they are at hand; says of which.

    A small picture is enlarged, and gets the noise of a camera, so that its file is as large as that of a photo.
    """
    from PIL import Image

    if (folder / "photos").exists():
        return f"{source.name}, enlarged to {WIDTH}x{HEIGHT}" if source.exists() else "synthetic pictures"
    draws = np.random.default_rng(0)
    for number, picture in enumerate(islice(small_pictures(source), FILES)):
        path = folder / "photos" / str(number % CLASSES) / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        large = np.asarray(Image.fromarray(picture).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)
        noisy = large + draws.normal(0, 4, (HEIGHT, WIDTH, 1))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return f"{source.name}, enlarged to {WIDTH}x{HEIGHT}" if source.exists() else "synthetic pictures"


def write_many(source: Path, folder: Path) -> str:
    """20,000 files: each of the photos under ten names."""
    origin = write_photos(source, folder)
    photos = sorted((folder / "photos").glob("*/*.jpg"))
    for number in range(MANY):
        photo = photos[number % len(photos)]
        path = folder / "many" / photo.parent.name / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(photo, path)
    return origin


def write_small(source: Path, folder: Path) -> str:
    """The 50,000 training pictures of CIFAR-10 as JPEG files in class folders, or as many synthetic ones."""
    from PIL import Image

    if source.exists():
        with tarfile.open(source) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() and member.name.startswith("train/") else None
                if content is not None:
                    path = folder / "small" / Path(member.name).parent.name / Path(member.name).name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.read())
        return source.name
    for number, picture in enumerate(islice(small_pictures(source), SMALL_FILES)):
        path = folder / "small" / str(number % CLASSES) / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    return "synthetic pictures"


def small_pictures(source: Path):
    """Pictures of 32x32, without end."""
    from PIL import Image

    if not source.exists():
        draws = np.random.default_rng(1)
        while True:
            yield np.repeat(np.repeat(draws.integers(0, 256, (8, 8, 3), dtype=np.uint8), 4, 0), 4, 1)
    with tarfile.open(source) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                yield np.asarray(Image.open(io.BytesIO(content.read())).convert("RGB"))


def measure_reading(job: dict, work: Work) -> dict:
    """Passes through the pictures: the first, a later one, and the first with JPEGs decoded at a part of their size.

    Who has no such decoding is measured as always there.
    """
    module, _ = MODULES[job["implementation"]]
    keras = importlib.import_module(module)
    count = work.samples // work.batch

    def open_folder(**how):
        return keras.utils.image_dataset_from_directory(
            Path(job["data"]) / "photos", image_size=TARGET, batch_size=work.batch, seed=1, verbose=False, **how
        )

    def pass_through(data) -> int:
        return sum(len(labels) for _, labels in islice(data, count))

    def one_pass(open_data) -> tuple[float, int]:
        """Of data that is opened within; what a pass keeps, it finds room for (see `ready_memory`)."""
        ready_memory()
        return timed(lambda: pass_through(open_data()))

    # Threads, and what is compiled once, are there before anything is measured.
    pass_through(open_folder().take(2))
    opened, pictures = timed(open_folder)
    begun, _ = timed(lambda: next(iter(pictures)))
    # Memory that a process takes for the first time may cost as much as a picture: once where nothing is kept, as in peers.
    unkept, quick = ({"cache": False}, {"decode": "fast"}) if module == "kerata" else ({}, {})
    bare, bare_fast = (one_pass(lambda how=how: open_folder(**how))[0] for how in (unkept, unkept | quick))
    pictures = open_folder()
    first, number = one_pass(lambda: pictures)
    later, again = one_pass(lambda: pictures)
    fast, _ = one_pass(lambda: open_folder(**quick))
    assert number == again == count * work.batch
    measures = {"first epoch": first, "later epoch": later, "first epoch, decoded fast": fast, "first batch": opened + begun}
    return {"measures": {**measures, "first epoch, nothing kept": bare, "first epoch, decoded fast, nothing kept": bare_fast}}


def measure_many(job: dict, work: Work) -> dict:
    """How soon a large folder gives its first batch, and whether memory grows with the number of pictures."""
    module, _ = MODULES[job["implementation"]]
    utils = importlib.import_module(module).utils
    opening = {"image_size": TARGET, "batch_size": work.batch, "seed": 1, "verbose": False}
    # Threads, and what is compiled once, are there before anything is measured.
    next(iter(utils.image_dataset_from_directory(Path(job["data"]) / "photos", **opening).take(1)))
    started = time.perf_counter()
    batches = iter(utils.image_dataset_from_directory(Path(job["data"]) / "many", **opening))
    number, sizes = len(next(batches)[1]), {}
    begun = time.perf_counter() - started
    for _, labels in batches:
        number += len(labels)
        sizes[number] = resident()
    assert number == work.samples
    early = next(size for count, size in sizes.items() if count >= FILES)
    measures = {"first batch": begun, "a pass": time.perf_counter() - started}
    return {"measures": {**measures, "growth of memory from the 2,000th picture to the last": sizes[number] - early}}


def measure_from_files(job: dict, work: Work) -> dict:
    """Epochs of one model from arrays and from files, whose pictures are as large as the model's."""
    module, _ = MODULES[job["implementation"]]
    keras = importlib.import_module(module)
    layers = keras.layers

    def files(batch: int, **how):
        folder = Path(job["data"]) / "small"
        return keras.utils.image_dataset_from_directory(folder, image_size=(32, 32), batch_size=batch, verbose=False, **how)

    parts = [(np.asarray(x).astype("uint8"), np.asarray(y)) for x, y in files(1_000, shuffle=False)]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    assert len(x) == work.samples
    changes = [layers.RandomFlip("horizontal"), layers.RandomTranslation(0.1, 0.1)]
    convolutions = [
        layer for filters in (32, 64) for layer in (layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D(2))
    ]
    head = [layers.Flatten(), layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(1 / 255), *changes, *convolutions, *head])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    pictures = files(work.batch, seed=1)
    # What is compiled once is there before anything is measured.
    model.fit(x[: 10 * work.batch], y[: 10 * work.batch], batch_size=work.batch, verbose=0)
    model.fit(files(work.batch, seed=1).take(10), verbose=0)
    of_arrays, _ = timed(lambda: model.fit(x, y, batch_size=work.batch, verbose=0))
    first, again = (timed(lambda: model.fit(pictures, verbose=0))[0] for _ in range(2))
    return {"measures": {"from arrays": of_arrays, "from files": first, "from files, again": again}}


# What the founding notes do to their pictures.
CHANGES = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 0.2,
    "zoom_range": 0.2,
    "horizontal_flip": True,
    "fill_mode": "nearest",
}


def measure_augmenting(job: dict, work: Work) -> dict:
    """Passes through pictures that are changed at random: the first, later ones, and the first with JPEGs decoded fast."""
    folder, count = Path(job["data"]) / "photos", work.samples // work.batch
    if job["implementation"] == "torch":
        batches = endless(open_loader(folder, work.batch))
        fast_batches = batches
    else:
        batches, fast_batches = (open_generator(job["implementation"], folder, work.batch, how) for how in ("exact", "fast"))

    def pass_through(which) -> None:
        # None is kept: memory that is touched for the first time would cost as much as the pictures.
        for _ in range(count):
            next(which)

    first, later, fast = (timed(lambda which=which: pass_through(which))[0] for which in (batches, batches, fast_batches))
    return {"measures": {"first epoch": first, "later epoch": later, "first epoch, decoded fast": fast}}


def open_generator(implementation: str, folder: Path, batch: int, decode: str):
    """What `ImageDataGenerator.flow_from_directory` gives; Keras's is the one that stands in Keras 3 for old programs."""
    if implementation == "kerata":
        image = importlib.import_module("kerata").preprocessing.image
        # What is compiled once is there before anything is measured.
        next(image.ImageDataGenerator(**CHANGES).flow_from_directory(folder, TARGET, batch_size=batch, decode=decode))
        how = {"decode": decode}
    else:
        image, how = importlib.import_module("keras.src.legacy.preprocessing.image"), {}
    generator = image.ImageDataGenerator(rescale=1 / 255, **CHANGES)
    return generator.flow_from_directory(str(folder), TARGET, batch_size=batch, seed=1, **how)


def open_loader(folder: Path, batch: int):
    """Batches by OpenCV and albumentations in two processes of torch's `DataLoader`."""
    cv2, album = importlib.import_module("cv2"), importlib.import_module("albumentations")
    torch = importlib.import_module("torch.utils.data")
    paths = sorted(folder.glob("*/*.jpg"))
    change = album.Compose(
        [
            album.Resize(*TARGET, interpolation=cv2.INTER_NEAREST),
            album.HorizontalFlip(p=0.5),
            album.Affine(
                rotate=(-40, 40),
                translate_percent=0.2,
                shear=(-0.2, 0.2),
                scale=(0.8, 1.2),
                border_mode=cv2.BORDER_REPLICATE,
                p=1.0,
            ),
        ]
    )

    class Files(torch.Dataset):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, number: int):
            picture = cv2.cvtColor(cv2.imread(str(paths[number])), cv2.COLOR_BGR2RGB)
            return change(image=picture)["image"].astype(np.float32) / 255, int(paths[number].parent.name)

    return torch.DataLoader(Files(), batch, shuffle=True, num_workers=2, persistent_workers=True)


def endless(loader):
    """The batches of a loader, epoch after epoch."""
    while True:
        yield from loader


WRITERS = {"photos": write_photos, "many-photos": write_many, "cifar-files": write_small}
ONCE = {"reading": measure_reading, "augmenting": measure_augmenting, "many": measure_many, "from files": measure_from_files}
REPEATED: dict = {}
