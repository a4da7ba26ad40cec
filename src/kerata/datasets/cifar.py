"""What CIFAR-10 and CIFAR-100 share: batches of 32x32 pictures in one pickle each."""

from pathlib import Path

import numpy as np

from kerata.base.checks import message
from kerata.base.config import image_data_format
from kerata.base.files import get_file
from kerata.base.limits import budget
from kerata.base.refusals import refusing
from kerata.datasets.origins import TORONTO
from kerata.datasets.pickles import read_pickle
from kerata.engine.types import HostArray


def fetch_batches(archive: str, folder: str, file_hash: str) -> Path:
    """The folder that the archive holds, unpacked."""
    target = get_file(f"{folder}-target", f"{TORONTO}/{archive}", extract=True, file_hash=file_hash)
    return Path(target) / folder


def load_batch(path: Path, label_key: str) -> tuple[np.ndarray, list[int]]:
    """One batch: (images, 3, 32, 32) uint8, and a label for each."""
    owner = f"load_data ({path.name})"
    with refusing(owner), budget(owner, path.stat().st_size):
        return standardize_batch(read_pickle(path.read_bytes(), path.name), path, label_key)


def standardize_batch(batch: object, path: Path, label_key: str) -> tuple[HostArray, list[int]]:
    """A batch, if it is one."""
    if not isinstance(batch, dict) or not {"data", label_key} <= set(batch):
        expected = f"the batch must be a dict with 'data' and {label_key!r}"
        raise ValueError(
            message(
                f"load_data ({path.name})", expected, {"keys": list(batch) if isinstance(batch, dict) else type(batch).__name__}
            )
        )
    return np.asarray(batch["data"], np.uint8).reshape(-1, 3, 32, 32), batch[label_key]


def arrange(images: np.ndarray) -> np.ndarray:
    """(images, 3, 32, 32) in the configured layout of pictures."""
    return images if image_data_format() == "channels_first" else np.ascontiguousarray(images.transpose(0, 2, 3, 1))
