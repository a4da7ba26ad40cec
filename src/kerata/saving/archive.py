"""Whole models in `.keras` files: a zip with the description (`config.json`), the weights and a note of the version."""

import datetime
import json
import os
import warnings
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from kerata.base.archives import size_of_stream
from kerata.base.checks import check_path, message
from kerata.base.importing import Late
from kerata.base.limits import budget
from kerata.base.refusals import FileError, MissingFile, nothing_there, refusing
from kerata.base.replacing import remove_leftovers, replace_file
from kerata.base.serialization import serialize_keras_object, sharing
from kerata.base.types import ByteStream, PathLike
from kerata.engine.variable import drawing_late
from kerata.saving.assets import read_assets, write_assets
from kerata.saving.building import build_model, parse_config
from kerata.saving.disk import explain_full_disk
from kerata.saving.folders import Folder, is_model_folder, size_of_folder, unpack
from kerata.saving.legacy.types import SavedModel
from kerata.saving.members import CONFIG, METADATA, WEIGHTS, copy_member, need_members, open_model_file, open_scratch, read_text
from kerata.saving.orbax import is_orbax_checkpoint, load_checkpoint_model
from kerata.saving.store import FileStore
from kerata.saving.weights import check_overwrite, load_state, save_state
from kerata.version import __version__

if TYPE_CHECKING:
    from kerata.saving import old_files
    from kerata.saving.legacy import checkpoints, codes, kinds, saved_models, zips
else:
    old_files = Late("kerata.saving.old_files")
    checkpoints, codes, kinds, saved_models, zips = (
        Late(f"kerata.saving.legacy.{name}") for name in ("checkpoints", "codes", "kinds", "saved_models", "zips")
    )

# The version of Keras whose format this is. Keras reads it; nothing in Kerata depends on it.
KERAS_VERSION = "3.15.1"
HDF5_ENDINGS = (".h5", ".hdf5")


def save_model(
    model: SavedModel, filepath: PathLike | ByteStream, overwrite: bool = True, zipped: bool | None = None, **kwargs: object
) -> None:
    """Writes a model, its weights and its optimizer's state to a `.keras` file that Keras 3 opens as well.

    A name that ends in `.h5` makes a file in the older form, which `tf.keras` opens too. A kill or a full disk leaves the old
    file as it was.

    Args:
        model: the model.
        filepath: a name that ends in `.keras` or `.h5`, or a binary file object.
        overwrite: whether an existing file may be replaced.
        zipped: False writes a folder with the same files in it, and the name has no ending.
        include_optimizer: False leaves out what `compile` was given and the optimizer's state.

    >>> import kerata, pathlib, tempfile
    >>> model = kerata.Sequential([kerata.Input(shape=(4,)), kerata.layers.Dense(2)])
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "model.keras"
    >>> model.save(path)
    >>> kerata.saving.load_model(path).count_params()
    10
    """
    include_optimizer = bool(kwargs.pop("include_optimizer", True))
    suffix = "" if hasattr(filepath, "write") else check_path("save_model", filepath).suffix
    save_format = kwargs.pop("save_format", None)
    if save_format not in (None, "keras") or (save_format is not None and suffix not in ("", ".keras")):
        raise ValueError(
            message(
                "save_model",
                "The `save_format` argument is deprecated: the format follows from the file's name",
                {"save_format": save_format},
                "Give a name that ends in '.keras', and no save_format",
            )
        )
    if kwargs:
        raise ValueError(
            message(
                "save_model",
                "The following argument(s) are not supported",
                kwargs,
                "The format follows from the file's name, which ends in '.keras'",
            )
        )
    if hasattr(filepath, "write"):
        write_archive(model, cast(ByteStream, filepath), None, include_optimizer)
        return
    if zipped is False:
        save_folder(model, check_path("save_model", cast(PathLike, filepath)), overwrite, include_optimizer)
        return
    path = check_model_path(cast(PathLike, filepath), "save_model")
    if path.suffix in HDF5_ENDINGS:
        check_overwrite("save_model", path, overwrite)
        old_files.save_old_model(model, path, include_optimizer)
        return
    check_overwrite("save_model", path, overwrite)
    with explain_full_disk("save_model", path), replace_file(path) as part, open(part, "wb") as stream:
        write_archive(model, stream, part.parent, include_optimizer)


def save_folder(model: SavedModel, path: Path, overwrite: bool, include_optimizer: bool) -> None:
    """Writes a model as a folder."""
    if path.suffix in (".keras", *HDF5_ENDINGS):
        expected = "with `zipped=False` a folder is written, and its name has no ending of a file"
        raise ValueError(message("save_model", expected, {"filepath": str(path), "zipped": False}))
    check_overwrite("save_model", path, overwrite)
    size = sum(v.size * 4 for v in model.variables)
    with explain_full_disk("save_model", path), open_scratch(size, path.parent) as scratch:
        write_archive(model, scratch, path.parent, include_optimizer)
        scratch.seek(0)
        with zipfile.ZipFile(cast(IO[bytes], scratch)) as archive:
            unpack(archive, path)


def check_model_path(filepath: str | os.PathLike, owner: str) -> Path:
    """The path, if it ends as files of models end."""
    path = check_path(owner, filepath)
    if path.suffix not in (".keras", *HDF5_ENDINGS):
        saves = owner.startswith("save")
        raise ValueError(
            message(
                owner,
                f"{'Invalid filepath extension for saving' if saves else 'File format not supported'}: "
                "the file's name must end in '.keras', or in '.h5'",
                {"filepath": str(filepath)},
            )
        )
    return path


def write_archive(model: SavedModel, stream: ByteStream, folder: Path | None, include_optimizer: bool = True) -> None:
    """Writes the zip. The description comes first: if it cannot be made, nothing is written."""
    if not model.built and not model.variables:
        warnings.warn(
            message(
                model, "the model has no weights yet, so the file holds none", fix="Call it on data, or build it, before saving"
            ),
            stacklevel=4,
        )
    with sharing():
        plain = serialize_keras_object(model)
    if not include_optimizer:
        plain.pop("compile_config", None)
    codes.warn_of_code(plain, model)
    config = json.dumps(mark_shared(plain))
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": KERAS_VERSION, "date_saved": now, "kerata_version": __version__}
    size = sum(v.size * 4 for v in model.variables)
    scratch = open_scratch(size if folder is not None else 0, folder)
    with zipfile.ZipFile(cast(IO[bytes], stream), "w") as archive, scratch:
        archive.writestr(METADATA, json.dumps(metadata))
        archive.writestr(CONFIG, config)
        write_assets(model, archive)
        # The zip has a checksum of its own.
        with FileStore(scratch, "w", "save_model", checksums=False) as store:
            save_state(model, store, include_optimizer)
        scratch.seek(0)
        with archive.open(WEIGHTS, "w", force_zip64=True) as member:
            while block := scratch.read(2**24):
                member.write(block)


def mark_shared(plain: object) -> object:
    """Keeps the numbers of objects that occur more than once, and takes those of all others away."""
    counts: dict[int, int] = {}
    pending, found = [plain], []
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            found.append(item)
            if (number := item.get("shared_object_id")) is not None:
                counts[number] = counts.get(number, 0) + 1
            pending.extend(item.values())
        elif isinstance(item, (list, tuple)):
            pending.extend(item)
    for item in found:
        if counts.get(item.get("shared_object_id"), 0) == 1:
            del item["shared_object_id"]
    return plain


def load_model(
    filepath: PathLike | ByteStream, custom_objects: dict[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """The model of a file of Kerata or of any Keras, with its weights and its optimizer's state.

    What the file holds decides, not its name: `.keras` of Keras 3 and of `tf.keras`, `.h5` of Keras 1, 2, 3 and of `tf.keras`,
    and SavedModel folders of `tf.keras`.
    Files of strangers are safe to load: they can only name built-in classes and what a program has registered, and
    nothing that they carry is run.

    Args:
        filepath: a file, a SavedModel folder, or a binary file object.
        custom_objects: a user's own classes and functions by name, where they are not registered; the function of a
            Lambda layer also by the layer's name.
        compile: whether to compile the model as it was when it was saved.
        safe_mode: kept for Keras's sake. Code in files is never run, whatever it says.
    """
    if hasattr(filepath, "read"):
        stream = cast(ByteStream, filepath)
        return read_model_file(stream, stream, "load_model", custom_objects, compile, safe_mode)
    path = check_path("load_model", filepath)
    if not path.exists():
        if checkpoints.prefix_of(path) is not None:
            raise FileError(
                message(
                    str(filepath),
                    "this is a checkpoint of TensorFlow, which holds weights alone",
                    fix="Build the model, and call model.load_weights(...)",
                )
            )
        if path.suffix:
            check_model_path(path, "load_model")
        raise MissingFile(message("load_model", f"File not found: {nothing_there(path)}", {"filepath": str(filepath)}))
    if path.is_dir():
        if saved_models.is_saved_model(names := os.listdir(path)):
            return old_files.load_saved_model(path, str(filepath), custom_objects, compile, safe_mode)
        if is_model_folder(names):
            return load_folder(path, str(filepath), custom_objects, compile, safe_mode)
        if is_orbax_checkpoint(path):
            return load_checkpoint_model(path, str(filepath), custom_objects, compile)
        raise kinds.refuse_folder(str(filepath), names)
    remove_leftovers(path.parent)
    with open(path, "rb") as stream:
        return read_model_file(stream, path, str(filepath), custom_objects, compile, safe_mode)


def read_model_file(
    stream: ByteStream,
    source: Path | ByteStream,
    owner: str,
    custom_objects: dict[str, Any] | None,
    compile: bool,
    safe_mode: bool,
) -> SavedModel:
    """The model of an open file of any kind; what it holds decides, whatever its name is.

    Args:
        stream: the open file.
        source: what HDF5 is to open: the path, or the file object that was given.
    """
    kind, head = kinds.look_at(stream)
    if kind == "hdf5":
        return old_files.load_old_model(source, owner, size_of_stream(stream), custom_objects, compile, safe_mode)
    if kind == "json":
        raise kinds.refuse_architecture(owner)
    if kind != "zip":
        raise kinds.refuse_unknown(owner, head, "'.keras' file and no '.h5' file")
    return read_archive(stream, owner, custom_objects, compile, safe_mode)


def read_archive(
    stream: ByteStream, owner: str, custom_objects: dict[str, Any] | None, compile: bool, safe_mode: bool
) -> SavedModel:
    """The model that a zip describes. Members are read one by one and never unpacked."""
    with refusing(owner), budget(owner, size_of_stream(stream)):
        archive, members = open_model_file(stream, owner)
        with archive:
            return read_members(archive, members, owner, custom_objects, compile, safe_mode)


def load_folder(path: Path, owner: str, custom_objects: dict[str, Any] | None, compile: bool, safe_mode: bool) -> SavedModel:
    """The model of a folder that `save_model(..., zipped=False)` has written."""
    with refusing(owner), budget(owner, size_of_folder(path)):
        folder = Folder(path, owner)
        members = cast(dict[str, zipfile.ZipInfo], folder.members)
        return read_members(cast(zipfile.ZipFile, folder), members, owner, custom_objects, compile, safe_mode)


def read_members(
    archive: zipfile.ZipFile,
    members: dict[str, zipfile.ZipInfo],
    owner: str,
    custom_objects: dict[str, Any] | None,
    compile: bool,
    safe_mode: bool,
) -> SavedModel:
    """The model that the members of a zip, or the files of a folder, describe."""
    need_members(members, (CONFIG, WEIGHTS), owner)
    config = parse_config(read_text(archive, members[CONFIG]), owner)
    version = zips.read_version(read_text(archive, members[METADATA])) if METADATA in members else ""
    if not compile:
        config.pop("compile_config", None)
    config = zips.modernize(config, version, owner, custom_objects)
    with sharing(), drawing_late():
        model = build_model(config, owner, custom_objects, safe_mode)
    weights = copy_member(archive, members[WEIGHTS])
    kinds.need_hdf5(weights, owner)
    with weights, FileStore(weights, "r", owner) as store:
        # A model that does not fit is given to nobody, so what it was filled with needs no way back.
        old = [model.optimizer] if zips.is_old_version(version) and getattr(model, "optimizer", None) is not None else []
        load_state(model, store, owner=owner, keep=False, skipped=old)
        if old and model.optimizer is not None:
            zips.restore_old_optimizer(model.optimizer, store.get("optimizer"), owner)
    read_assets(model, archive, members, owner)
    return model
