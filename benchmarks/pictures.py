"""Reading pictures from class folders, batch by batch: the files, and how long passes take."""

import importlib
import io
import tarfile
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.driver import ready_memory
from benchmarks.measures import describe as describe
from benchmarks.measures import timed
from benchmarks.works import MODULES, Work

WIDTH, HEIGHT, TARGET = 500, 375, (150, 150)
FILES, CLASSES = 2_000, 10


def write_photos(source: Path, folder: Path) -> str:
    """JPEG files of 500x375 in ten class folders, made of real pictures where they are at hand; says of which.

    A small picture is enlarged, and gets the noise of a camera, so that its file is as large as that of a photo.
    """
    from PIL import Image

    draws = np.random.default_rng(0)
    for number, picture in enumerate(islice(small_pictures(source), FILES)):
        path = folder / "photos" / str(number % CLASSES) / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        large = np.asarray(Image.fromarray(picture).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), np.float32)
        noisy = large + draws.normal(0, 4, (HEIGHT, WIDTH, 1))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return f"{source.name}, enlarged to {WIDTH}x{HEIGHT}" if source.exists() else "synthetic pictures"


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


ONCE = {"reading": measure_reading, "augmenting": measure_augmenting}
REPEATED: dict = {}
