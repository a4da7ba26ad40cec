"""Makes the excerpt of MNIST that the package ships: `python tools/make_mnist_subset.py path/to/mnist.npz`.

Of each digit, 500 training and 100 test images, evenly spaced over its images in the original order: the first half of
the test set is easier than the second, so the first ones alone would flatter every model.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parents[1] / "src" / "kerata" / "datasets" / "assets" / "mnist_subset.npz"
TRAIN_PER_DIGIT = 500
TEST_PER_DIGIT = 100


def choose(labels: np.ndarray, per_digit: int) -> np.ndarray:
    """Ascending positions of `per_digit` images of each digit, evenly spaced over those of that digit."""
    chosen = []
    for digit in range(10):
        places = np.flatnonzero(labels == digit)
        chosen.append(places[np.linspace(0, len(places) - 1, per_digit).round().astype(int)])
    return np.sort(np.concatenate(chosen))


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """An `.npz` with the strongest deflate and no dates, so that the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.save(member, array, allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy")
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue(), compresslevel=9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, nargs="?", default=Path(__file__).parents[2] / "shared/data/mnist.npz")
    source = parser.parse_args().source
    arrays = {}
    with np.load(source, allow_pickle=False) as mnist:
        for part, per_digit in (("train", TRAIN_PER_DIGIT), ("test", TEST_PER_DIGIT)):
            rows = choose(mnist[f"y_{part}"], per_digit)
            arrays[f"x_{part}"], arrays[f"y_{part}"] = mnist[f"x_{part}"][rows], mnist[f"y_{part}"][rows]
    TARGET.parent.mkdir(exist_ok=True)
    write_npz(TARGET, arrays)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
