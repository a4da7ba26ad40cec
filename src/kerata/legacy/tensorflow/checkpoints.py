"""`tf.train.Checkpoint`: the numbers of models, optimizers and variables in a file, by the names under which they are held.

The file is NumPy's `.npz`, not TensorFlow's: what one program here wrote, another one here reads.
"""

import glob as globbing
import os
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol, SupportsInt, cast

import numpy as np

from kerata.base.checks import message
from kerata.datasets.pickles import load_npz
from kerata.engine.types import HostArray
from kerata.engine.variable import Variable
from kerata.legacy.tensorflow.io import PathText, path_of


def variables_of(thing: object, name: str) -> dict[str, Variable]:
    """The variables of a model, layer, optimizer, list or dict, by name and number."""
    if isinstance(thing, Variable):
        return {name: thing}
    if isinstance(thing, (list, tuple, dict)):
        pairs = thing.items() if isinstance(thing, dict) else enumerate(thing)
        return {path: one for key, value in pairs for path, one in variables_of(value, f"{name}/{key}").items()}
    held = getattr(thing, "weights", None)
    held = getattr(thing, "variables", ()) if held is None else held
    return {f"{name}/{number}": one for number, one in enumerate(held) if isinstance(one, Variable)}


class Checkpoint:
    """Writes and reads what it was given.

    Args:
        root: an object whose variables are kept.
        **kwargs: others, by name.
    """

    def __init__(self, root: object = None, **kwargs: object):
        self._held = {**({} if root is None else {"root": root}), **kwargs}
        self.__dict__.update(kwargs)
        self._count = 0
        # Names of what is held and not in the file that was read, and the other way round.
        self._missing: list[str] = []
        self._unused: list[str] = []

    @property
    def _variables(self) -> dict[str, Variable]:
        return {path: one for name, thing in self._held.items() for path, one in variables_of(thing, name).items()}

    def save(self, file_prefix: PathText, options: object = None) -> str:
        """Writes `prefix-1`, `prefix-2`, ...; gives the path."""
        self._count += 1
        return self.write(f"{path_of(file_prefix)}-{self._count}")

    def write(self, file_prefix: PathText, options: object = None) -> str:
        """Writes under this very name; gives it."""
        path = path_of(file_prefix)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        arrays: dict[str, Any] = {name: one.numpy() for name, one in self._variables.items()}
        np.savez(f"{path}.npz", **arrays)
        return path

    def restore(self, save_path: PathText | None, options: object = None) -> "Checkpoint":
        """Reads what `save` wrote; nothing, where the path is `None`."""
        if save_path is None:
            return self
        path = path_of(save_path)
        if not os.path.exists(f"{path}.npz"):
            fix = "Checkpoints of TensorFlow are read in TensorFlow: write model.save_weights('weights.h5') there"
            raise FileNotFoundError(
                message("tf.train.Checkpoint", "there is no such checkpoint of Kerata's", {"path": path}, fix)
            )
        found = load_npz(f"{path}.npz")
        self._give(found)
        for thing in self._held.values():
            if self._unused and hasattr(thing, "_take_awaited") and not getattr(thing, "built", True):
                # As in TensorFlow, what has no weights yet gets them when it is built.
                vars(thing)["_awaited"] = lambda: self._give(found)
        number = path.rpartition("-")[2]
        self._count = int(number) if number.isdigit() else self._count
        return self

    read = restore

    def _give(self, found: Mapping[str, HostArray]) -> None:
        """Assigns what there are variables for, those of optimizers included that their models' weights call for."""
        for name, thing in self._held.items():
            if not getattr(thing, "built", True) and hasattr(thing, "apply_gradients"):
                build_for(cast(Built, thing), name, found, self._held)
        held = self._variables
        for name, variable in held.items():
            if name in found and found[name].shape != tuple(variable.shape):
                wrong = {"in the file": found[name].shape, "here": tuple(variable.shape)}
                raise ValueError(message("tf.train.Checkpoint", f"{name} has another shape in the file", wrong))
        for name, variable in held.items():
            if name in found:
                variable.assign(found[name])
        self._missing = [name for name in held if name not in found]
        self._unused = [name for name in found if name not in held]

    def expect_partial(self) -> "Checkpoint":
        return self

    def assert_existing_objects_matched(self) -> "Checkpoint":
        """Raises where the file held no value for something."""
        if self._missing:
            raise AssertionError(f"the checkpoint has no value for {', '.join(self._missing)}")
        return self

    def assert_consumed(self) -> "Checkpoint":
        """Raises where the file held no value for something, or a value for what is not there."""
        self.assert_existing_objects_matched()
        if self._unused:
            raise AssertionError(f"there is nothing yet for these values of the checkpoint: {', '.join(self._unused)}")
        return self


class Trained(Protocol):
    """A model."""

    @property
    def trainable_variables(self) -> list[Variable]: ...


class Built(Protocol):
    """An optimizer."""

    def build(self, variables: list[Variable]) -> None: ...


def build_for(optimizer: Built, name: str, found: Mapping[str, HostArray], held: Mapping[str, object]) -> None:
    """Builds an optimizer for the weights of the model beside it whose shapes its state in the file has."""
    state = Counter(array.shape for path, array in found.items() if path.startswith(f"{name}/") and array.ndim)
    models = [(key, thing) for key, thing in held.items() if hasattr(thing, "trainable_variables") and thing is not optimizer]
    for _, model in sorted(models, key=lambda pair: pair[0] not in name):
        weights = cast(Trained, model).trainable_variables
        shapes = Counter(tuple(weight.shape) for weight in weights if len(weight.shape))
        times = {state[shape] / count for shape, count in shapes.items()}
        if shapes and len(times) == 1 and times.pop() >= 1 and state.keys() == shapes.keys():
            optimizer.build(weights)
            return


# How a file of weights begins, whatever it is called. Names like these were never those of TensorFlow's checkpoints.
HDF5 = b"\x89HDF\r\n\x1a\n"
INDEX, MOST_BYTES = ".index", 1 << 20
NO_CHECKPOINTS = (".h5", ".hdf5", ".keras")


def checkpoints_in(folder: str) -> list[str]:
    """The checkpoints of a folder that `Checkpoint` wrote, the oldest first."""
    found = globbing.glob(os.path.join(globbing.escape(folder), "*.npz"))
    return [path.removesuffix(".npz") for path in sorted(found, key=age_of)]


def age_of(path: str) -> tuple[float, str]:
    return os.path.getmtime(path), path


def latest_checkpoint(checkpoint_dir: PathText, latest_filename: str | None = None) -> str | None:
    """The newest checkpoint of a folder, or `None`: of `Checkpoint`, or a model's weights as `ModelCheckpoint` and
    `save_weights` write them under any name that is not one of HDF5 or Keras files.

    Of several of TensorFlow's the file `checkpoint` says which it is, as there."""
    folder = path_of(checkpoint_dir)
    found = globbing.glob(os.path.join(globbing.escape(folder), "*"))
    found = [path for path in found if path.endswith((".npz", INDEX)) or is_weights(path)]
    if not found:
        return None
    newest = max(found, key=age_of)
    said = newest_said(os.path.join(folder, latest_filename or "checkpoint")) if newest.endswith(INDEX) else None
    named = os.path.join(folder, os.path.basename(said)) if said is not None else ""
    return named if os.path.isfile(f"{named}{INDEX}") else newest.removesuffix(".npz").removesuffix(INDEX)


def newest_said(path: str) -> str | None:
    """What the file `checkpoint` of a folder calls the newest one."""
    if not os.path.isfile(path) or os.path.getsize(path) > MOST_BYTES:
        return None
    with open(path, encoding="utf-8", errors="replace") as stream:
        found = re.search(r'^model_checkpoint_path: "((?:[^"\\]|\\.)*)"', stream.read(), re.MULTILINE)
    return None if found is None else re.sub(r"\\(.)", r"\1", found[1])


def is_weights(path: str) -> bool:
    """Whether a file holds weights and is not called by what it is."""
    if path.endswith(NO_CHECKPOINTS) or not os.path.isfile(path):
        return False
    with open(path, "rb") as stream:
        return stream.read(len(HDF5)) == HDF5


class CheckpointManager:
    """Keeps the newest checkpoints of a folder.

    Args:
        checkpoint: what is written.
        directory: where.
        max_to_keep: how many.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: PathText,
        max_to_keep: int | None = 5,
        checkpoint_name: str = "ckpt",
        **kwargs: object,
    ):
        self.checkpoint, self.directory = checkpoint, path_of(directory)
        self._most, self._name = max_to_keep, checkpoint_name
        self._paths = checkpoints_in(self.directory)

    @property
    def latest_checkpoint(self) -> str | None:
        return self._paths[-1] if self._paths else None

    @property
    def checkpoints(self) -> list[str]:
        return list(self._paths)

    def save(self, checkpoint_number: SupportsInt | None = None, **kwargs: object) -> str:
        """Writes a checkpoint, and takes the oldest away."""
        prefix = os.path.join(self.directory, self._name)
        number = None if checkpoint_number is None else int(checkpoint_number)
        path = self.checkpoint.save(prefix) if number is None else self.checkpoint.write(f"{prefix}-{number}")
        # One that was written again, as by a program that begins anew in its folder, is the newest.
        self._paths = [*(one for one in self._paths if one != path), path]
        while self._most is not None and len(self._paths) > self._most:
            os.remove(f"{self._paths.pop(0)}.npz")
        return path

    def restore_or_initialize(self) -> str | None:
        self.checkpoint.restore(self.latest_checkpoint)
        return self.latest_checkpoint
