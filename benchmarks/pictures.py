"""Reading pictures from class folders, batch by batch: the files, and how long passes take."""

import importlib
import io
import tarfile
from itertools import islice
from pathlib import Path

import numpy as np

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

    # Threads, and what is compiled once, are there before anything is measured.
    pass_through(open_folder().take(2))
    opened, pictures = timed(open_folder)
    begun, _ = timed(lambda: next(iter(pictures)))
    pictures = open_folder()
    first, number = timed(lambda: pass_through(pictures))
    later, again = timed(lambda: pass_through(pictures))
    fast, _ = timed(lambda: pass_through(open_folder(**({"decode": "fast"} if module == "kerata" else {}))))
    assert number == again == count * work.batch
    measures = {"first epoch": first, "later epoch": later, "first epoch, decoded fast": fast, "first batch": opened + begun}
    return {"measures": measures}


ONCE = {"reading": measure_reading}
REPEATED: dict = {}
