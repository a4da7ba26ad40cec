"""Files under the names that programs of the eras give them: `model.h5`, `weights.hdf5`.

Weights in `.h5` and `.hdf5` are written as `tf.keras` wrote them, so that they load by name; what a file is when it is read,
its content says.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kerata import saving
from kerata.saving.archive import HDF5_ENDINGS
from kerata.saving.old_files import save_old_model, save_old_weights
from kerata.saving.weights import check_overwrite


@contextmanager
def written_as(filepath: Any, ending: str, overwrite: bool) -> Iterator[str]:
    """A name with the ending that today's writer wants; what is written there takes the place of `filepath`."""
    path = Path(os.fspath(filepath))
    if str(path).endswith(ending):
        yield str(path)
        return
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already, and overwrite is False")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(suffix=ending, dir=path.parent)
    os.close(handle)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    path = Path(os.fspath(filepath))
    if path.suffix in HDF5_ENDINGS and not str(path).endswith(".weights.h5"):
        check_overwrite("save_weights", path, overwrite)
        save_old_weights(model, path)
        return
    with written_as(filepath, ".weights.h5", overwrite) as path:
        saving.save_weights(model, path, overwrite=True)


def load_weights(model: Any, filepath: Any, by_name: bool = False, skip_mismatch: bool = False) -> None:
    saving.load_weights(model, filepath, skip_mismatch, by_name=by_name)


def save_model(model: Any, filepath: Any, overwrite: bool = True, include_optimizer: bool = True) -> None:
    path = Path(os.fspath(filepath))
    if path.suffix in HDF5_ENDINGS:
        check_overwrite("save_model", path, overwrite)
        save_old_model(model, path, include_optimizer, for_then=True)
        return
    if path.suffix == ".keras":
        saving.save_model(model, filepath, overwrite, include_optimizer=include_optimizer)
        return
    with written_as(filepath, ".keras", overwrite) as path:
        saving.save_model(model, path, True, include_optimizer=include_optimizer)


def load_model(filepath: Any, custom_objects: Any = None, compile: bool = True, **kwargs: Any) -> Any:
    return saving.load_model(filepath, custom_objects=custom_objects, compile=compile)
