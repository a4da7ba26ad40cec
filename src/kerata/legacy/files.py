"""Files under the names that programs of the eras give them: `model.h5`, `weights.hdf5`.

Weights in `.h5` and `.hdf5` are written as `tf.keras` wrote them, so that they load by name; what a file is when it is read,
its content says.
"""

import contextlib
import functools
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from kerata import saving
from kerata.base.checks import check_path, message
from kerata.base.importing import Late
from kerata.base.refusals import MissingFile, nothing_there
from kerata.base.replacing import replace_file
from kerata.base.types import PathLike
from kerata.layers.layer import Layer
from kerata.legacy.branches import as_graph
from kerata.legacy.measures import of_columns
from kerata.legacy.remembered import recall, remember
from kerata.models.model import Model
from kerata.saving.archive import HDF5_ENDINGS
from kerata.saving.weights import check_overwrite

if TYPE_CHECKING:
    from kerata.saving import old_files
    from kerata.saving.legacy import checkpoints
    from kerata.saving.legacy.types import SavedModel
else:
    old_files, checkpoints = Late("kerata.saving.old_files"), Late("kerata.saving.legacy.checkpoints")


# The file that says which checkpoint of a folder is the newest.
NEWEST = "checkpoint"


@contextmanager
def written_as(filepath: PathLike, ending: str, overwrite: bool) -> Iterator[str]:
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


def save_weights(model: Model, filepath: PathLike, overwrite: bool = True, save_format: str | None = None) -> None:
    """Writes weights as HDF5, or in `tf.keras`, where neither the name nor `save_format` asks for that, as a checkpoint."""
    path = Path(os.fspath(filepath))
    if writes_checkpoint(model, path, save_format):
        check_overwrite("save_weights", Path(f"{path}{checkpoints.INDEX}"), overwrite)
        path.parent.mkdir(parents=True, exist_ok=True)
        old_files.save_checkpoint(model, path)
        note_newest(path)
        return
    of_then = path.suffix in HDF5_ENDINGS or getattr(model, "_era", None) == "tfkeras2"
    if of_then and not str(path).endswith(".weights.h5"):
        check_overwrite("save_weights", path, overwrite)
        old_files.save_old_weights(model, path)
        return
    with written_as(filepath, ".weights.h5", overwrite) as path:
        saving.save_weights(model, path, overwrite=True)


# Endings of names under which `tf.keras` writes weights as HDF5.
HDF5_NAMES = (".h5", ".hdf5", ".keras")


def writes_checkpoint(model: Model, path: Path, save_format: str | None) -> bool:
    """Whether weights go into a checkpoint of TensorFlow, as in `tf.keras`."""
    if getattr(model, "_era", None) != "tfkeras2":
        return False
    is_hdf5 = path.name.endswith(HDF5_NAMES)
    if save_format is None:
        return not is_hdf5
    wanted = FORMATS.get(save_format.lower().strip())
    if wanted is None or (wanted == "folder" and is_hdf5):
        expected = "`save_format` must be 'tf' or 'h5', and no name that ends in '.h5' or '.keras' is one of 'tf'"
        raise ValueError(message("save_weights", expected, {"save_format": save_format, "filepath": str(path)}))
    return wanted == "folder"


def note_newest(prefix: Path) -> None:
    """Writes the file `checkpoint` of a folder, which says what the newest one in it is."""
    name = prefix.name.replace("\\", "\\\\").replace('"', '\\"')
    with replace_file(prefix.parent / NEWEST) as part:
        part.write_text(f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n', encoding="utf-8")


def load_weights(
    model: Model, filepath: PathLike, by_name: bool = False, skip_mismatch: bool = False, reshape: bool = False
) -> None:
    check_there(filepath)
    path = Path(os.fspath(filepath))
    if reshape and path.exists() and old_files.is_old_file(path, str(filepath)):
        old_files.load_old_weights(model, path, str(filepath), by_name, skip_mismatch, reshape=True)
        return
    optimizer = getattr(model, "optimizer", None)
    if Path(os.fspath(filepath)).suffix not in HDF5_ENDINGS and model.built and optimizer is not None and not optimizer.built:
        # What TensorFlow's form holds of the optimizer was given to it when it was first used.
        optimizer.build(model.trainable_variables)
    built = model.built
    try:
        model.built = built or has_all_weights(model)
        saving.load_weights(model, filepath, skip_mismatch, by_name=by_name)
    finally:
        model.built = built


def has_all_weights(model: object) -> bool:
    """Whether a model of `tf.keras` that was never called, such as a pair of networks, has its weights: those of its parts."""
    model = cast(Model, model)
    if getattr(model, "_era", None) != "tfkeras2" or "build" in vars(type(model)) or hasattr(model, "pop"):
        return False
    parts = list(model._flatten_layers(include_self=False))
    return bool(parts) and all(part.built for part in parts)


class LoadStatus:
    """What `load_weights` gave in TensorFlow: everything was found, or will be held against the model when it has weights.

    Args:
        model: that has been given the weights, or is to be.
    """

    def __init__(self, model: object):
        self._model = model

    def expect_partial(self) -> "LoadStatus":
        return self

    def assert_nontrivial_match(self) -> "LoadStatus":
        """Raises where the model has no weights yet."""
        if "_awaited" in self._model.__dict__:
            raise AssertionError(message(self._model, "the weights are read once the model is called, which it was not yet"))
        return self

    assert_consumed = assert_existing_objects_matched = assert_nontrivial_match

    def initialize_or_restore(self, session: object = None) -> None:
        """Nothing: it is done."""

    run_restore_ops = initialize_or_restore


def await_weights(model: Model, filepath: PathLike, by_name: bool, skip_mismatch: bool) -> None:
    """Has a model of `tf.keras` read a file once it has all of its weights; those that are there get theirs."""
    check_there(filepath)
    if getattr(model, "_era", None) != "tfkeras2":
        expected = "the model has no weights yet, so it has no place for those of a file"
        fix = "Give its first layer input_shape=, or call it on data, before load_weights()"
        raise ValueError(message(model, expected, {"filepath": str(filepath)}, fix))
    check_may_wait(model, filepath)
    model.__dict__["_awaited"] = functools.partial(load_weights, model, filepath, by_name, skip_mismatch)
    for layer in model._flatten_layers(include_self=False):
        if not layer.built:
            layer.__dict__["_awaits"] = functools.partial(give_early, model, filepath)
    give_early(model, filepath, model)


def check_may_wait(model: Model, filepath: PathLike) -> None:
    """Raises where a file is none whose weights may wait for a model that has none yet: in `tf.keras`, HDF5."""
    path = Path(os.fspath(filepath))
    if path.suffix in HDF5_ENDINGS and not path.name.endswith(".weights.h5"):
        expected = "weights of an HDF5 file are read into a model that has created its variables, and this one has not yet"
        raise ValueError(message(model, expected, {"filepath": str(filepath)}, "Call the model on data first, or build it"))


def give_early(model: Model, filepath: PathLike, layer: Layer) -> None:
    """Gives a layer that was built before the model it stands in the arrays of a checkpoint that the model waits for."""
    prefix = checkpoints.prefix_of(Path(os.fspath(filepath)))
    whole = {"_building", "_building_whole"} & set(vars(model))
    if "_awaited" in vars(model) and prefix is not None and not whole:
        old_files.load_part_of_checkpoint(cast("SavedModel", model), layer.weights, prefix, str(filepath))
        vars(model).setdefault("_given_early", {}).update({id(variable): variable for variable in layer.weights})


def check_there(filepath: PathLike) -> None:
    """Raises where there is no such file or checkpoint."""
    path = check_path("load_weights", filepath)
    if not path.exists() and checkpoints.prefix_of(path) is None:
        raise MissingFile(message("load_weights", f"File not found: {nothing_there(path)}", {"filepath": str(filepath)}))


# Files that are open already: of HDF5, or of bytes.


def is_open(target: object) -> bool:
    return hasattr(target, "create_group") or hasattr(target, "read") or hasattr(target, "write")


@contextmanager
def beside(target: object, reads: bool) -> Iterator[str]:
    """A file on the disk that holds what an open one holds, or whose content goes there after the block."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.h5")
        if reads:
            copy_in(target, path)
        yield path
        if not reads:
            copy_out(path, target)


def copy_in(source, path: str) -> None:
    import h5py

    if hasattr(source, "create_group"):
        with h5py.File(path, "w") as file:
            copy_group(source, file)
    else:
        Path(path).write_bytes(source.read())


def copy_out(path: str, target) -> None:
    import h5py

    if hasattr(target, "create_group"):
        with h5py.File(path, "r") as file:
            copy_group(file, target)
    else:
        target.write(Path(path).read_bytes())


def copy_group(source, target) -> None:
    """Copies what a group of HDF5 holds; links stay links, which no reader of models follows."""
    for name, value in source.attrs.items():
        target.attrs[name] = value
    for name in source:
        if name in target:
            del target[name]
        source.copy(name, target)


FORMATS = {"h5": "h5", "hdf5": "h5", "keras": "keras", "tf": "folder", "tensorflow": "folder"}


def form_of(model: Model, path: Path, save_format: str | None) -> str:
    """What a name stood for: `"h5"`, `"keras"`, or `"folder"`, which was TensorFlow's own form and none of Keras alone."""
    if save_format is not None:
        if save_format not in FORMATS:
            raise ValueError(message("save_model", f"`save_format` is one of {list(FORMATS)}", {"save_format": save_format}))
        return FORMATS[save_format]
    if path.suffix in (*HDF5_ENDINGS, ".keras"):
        return "keras" if path.suffix == ".keras" else "h5"
    return {"tfkeras2": "folder"}.get(getattr(model, "_era", ""), "h5")


def save_model(
    model: Model,
    filepath: PathLike,
    overwrite: bool = True,
    include_optimizer: bool = True,
    save_format: str | None = None,
    **kwargs: object,
) -> None:
    """Writes a whole model: a file of HDF5, one of Keras 3, or a SavedModel folder, by `save_format` or by the name."""
    # A '.keras' file holds the state of the optimizer in the order of the weights, which is another one in a graph.
    as_it_is = not is_open(filepath) and os.fspath(filepath).endswith(".keras")
    with contextlib.nullcontext(model) if as_it_is else as_graph(model) as whole:
        write_whole(whole, filepath, overwrite, include_optimizer, save_format)


def write_whole(model: Model, filepath: PathLike, overwrite: bool, include_optimizer: bool, save_format: str | None) -> None:
    """Writes a model that has a description."""
    if is_open(filepath):
        with beside(filepath, reads=False) as path:
            old_files.save_old_model(model, Path(path), include_optimizer, for_then=True)
        return
    path = Path(os.fspath(filepath))
    form = form_of(model, path, save_format)
    if form == "keras" and path.suffix == ".keras":
        saving.save_model(model, filepath, overwrite, include_optimizer=include_optimizer)
        return
    check_overwrite("save_model", path, overwrite)
    if form != "keras":
        try:
            save_as(form, model, path, include_optimizer)
            return
        except ValueError as error:
            if path.suffix in HDF5_ENDINGS or save_format is not None:
                raise
            said = f"save_model: {path.name} is written in the form of a '.keras' file, which Kerata and Keras 3 read: {error}"
            warnings.warn(said, stacklevel=4)
    with written_as(filepath, ".keras", overwrite) as path:
        saving.save_model(model, path, True, include_optimizer=include_optimizer)


def save_as(form: str, model: Model, path: Path, include_optimizer: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "folder":
        old_files.save_old_folder(model, path, include_optimizer)
        remember(model, path)
    else:
        old_files.save_old_model(model, path, include_optimizer, for_then=True)


def load_model(
    filepath: PathLike, custom_objects: dict[str, object] | None = None, compile: bool = True, **kwargs: object
) -> Model:
    custom_objects = {name: of_columns(thing) for name, thing in (custom_objects or {}).items()}
    if is_open(filepath):
        with beside(filepath, reads=True) as path:
            return saving.load_model(path, custom_objects=custom_objects, compile=compile)
    own = recall(Path(os.fspath(filepath)))
    return saving.load_model(filepath, custom_objects={**own, **custom_objects}, compile=compile)
