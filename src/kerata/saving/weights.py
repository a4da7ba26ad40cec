"""The numbers of a model, written and read: by path, object by object."""

import contextlib
import os
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kerata.base.checks import check_path, message
from kerata.base.importing import Late
from kerata.base.limits import budget
from kerata.base.refusals import FileError, MissingFile, nothing_there, refusing
from kerata.base.replacing import remove_leftovers, replace_file
from kerata.base.types import ByteStream
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer
from kerata.saving.disk import explain_full_disk
from kerata.saving.legacy.types import Numbers, SavedModel, Sink
from kerata.saving.members import WEIGHTS, copy_member, need_members, open_model_file
from kerata.saving.orbax import WithState, is_orbax_checkpoint, load_checkpoint_weights
from kerata.saving.shards import ShardReader, ShardWriter, is_map, path_of_map, size_of_shards
from kerata.saving.store import FileStore
from kerata.saving.walk import Place, walk

if TYPE_CHECKING:
    from kerata.saving import old_files
    from kerata.saving.legacy import checkpoints, kinds, saved_models
else:
    old_files = Late("kerata.saving.old_files")
    checkpoints, kinds, saved_models = (
        Late(f"kerata.saving.legacy.{name}") for name in ("checkpoints", "kinds", "saved_models")
    )


def save_weights(
    model: SavedModel,
    filepath: str | os.PathLike,
    overwrite: bool = True,
    max_shard_size: float | None = None,
    objects_to_skip: Iterable[Any] | None = None,
) -> None:
    """Writes all weights, and the optimizer's state, to a `.weights.h5` file that Keras 3 reads as well.

    A kill or a full disk leaves the old file as it was.

    Args:
        model: a built model.
        filepath: a name that ends in `.weights.h5`; with `max_shard_size` in `.weights.json`.
        overwrite: whether an existing file may be replaced.
        max_shard_size: how many gigabytes a file holds at most. The weights then go into several files, and the one that is
            named says which are where.
        objects_to_skip: layers and other parts that are left out, with what is below them.
    """
    path = check_weights_path(filepath, "save_weights", max_shard_size is not None)
    check_built(model, "save_weights")
    if max_shard_size is not None:
        path = path_of_map(path)
        check_overwrite("save_weights", path, overwrite)
        with explain_full_disk("save_weights", path), ShardWriter(path, max_shard_size) as shards:
            save_state(model, shards, skipped=objects_to_skip)
        return
    check_overwrite("save_weights", path, overwrite)
    with explain_full_disk("save_weights", path), replace_file(path) as part, FileStore(part, "w") as store:
        save_state(model, store, skipped=objects_to_skip)


def load_weights(
    model: SavedModel,
    filepath: str | os.PathLike,
    skip_mismatch: bool = False,
    objects_to_skip: Iterable[Any] | None = None,
    by_name: bool = False,
) -> None:
    """Reads all weights from a file of Kerata or of any Keras: `.weights.h5`, `.keras`, or `.h5` of Keras 1, 2 and `tf.keras`.

    Weights in several files are read by the name of their map, `.weights.json`. A checkpoint of `tf.keras` has the name that
    it was saved under, `ckpt` for `ckpt.index` and `ckpt.data-00000-of-00001`.
    What the file holds decides, not its name. The model stays as it was if anything does not fit.

    Args:
        model: a built model.
        filepath: the file.
        skip_mismatch: take what fits and leave the rest with a warning, e.g. to reuse all but the last layer.
        objects_to_skip: layers and other parts that stay as they are, with what is below them.
        by_name: whether layers are found by their names, and others left alone; for the files of Keras 1 and 2.
    """
    check_built(model, "load_weights")
    path, owner = check_path("load_weights", filepath), str(filepath)
    folder = path.is_dir() and saved_models.is_saved_model(os.listdir(path))
    if folder:
        saved_models.check_folder(path, owner)
    prefix = checkpoints.prefix_of(path / saved_models.VARIABLES if folder else path)
    if prefix is not None and not (prefix == path and is_newer(path, Path(f"{path}{checkpoints.INDEX}"))):
        if by_name:
            raise NotImplementedError(message("load_weights", "checkpoints are read by structure", {"by_name": by_name}))
        old_files.load_checkpoint(model, prefix, owner, skip_mismatch, objects_to_skip)
        return
    if not path.exists():
        if path.suffix not in ("", ".ckpt", ".keras", ".h5", ".hdf5"):
            check_weights_path(filepath, "load_weights")
        raise MissingFile(message("load_weights", f"File not found: {nothing_there(path)}", {"filepath": owner}))
    if is_orbax_checkpoint(path):
        load_checkpoint_weights(cast(WithState, model), path, owner)
        return
    if path.is_dir():
        raise kinds.refuse_folder(owner, os.listdir(path))
    remove_leftovers(path.parent)
    kind, head = kinds.kind_of_file(path)
    if kind == "json":
        if not is_map(path) or by_name:
            raise kinds.refuse_architecture(owner)
        with refusing(owner), budget(owner, size_of_shards(path)), ShardReader(path, owner) as shards:
            load_state(model, shards, skip_mismatch, owner, skipped=objects_to_skip)
        return
    if kind not in ("hdf5", "zip"):
        raise kinds.refuse_unknown(owner, head, "file of weights, '.weights.h5', '.h5' or '.keras'")
    if kind == "hdf5" and old_files.is_old_file(path, owner):
        old_files.load_old_weights(model, path, owner, by_name, skip_mismatch, objects_to_skip)
        return
    if by_name:
        raise NotImplementedError(message("load_weights", "files of Keras 3 are read by structure", {"by_name": by_name}))
    with contextlib.ExitStack() as stack:
        stack.enter_context(refusing(owner))
        stack.enter_context(budget(owner, path.stat().st_size))
        file: Path | ByteStream = stack.enter_context(open_weights_of(path, owner)) if kind == "zip" else path
        store = stack.enter_context(FileStore(file, "r", owner))
        load_state(model, store, skip_mismatch, owner, skipped=objects_to_skip)


def is_newer(path: Path, index: Path) -> bool:
    """Whether there is a file of HDF5 under the very name of a checkpoint, which was written after it."""
    return path.is_file() and path.stat().st_mtime_ns > index.stat().st_mtime_ns and kinds.kind_of_file(path)[0] == "hdf5"


def open_weights_of(path: Path, owner: str) -> ByteStream:
    """The weights in a `.keras` file, as a file."""
    with open(path, "rb") as stream:
        archive, members = open_model_file(stream, owner)
        with archive:
            need_members(members, (WEIGHTS,), owner)
            weights = copy_member(archive, members[WEIGHTS])
            kinds.need_hdf5(weights, owner)
            return weights


def check_weights_path(filepath: str | os.PathLike, owner: str, sharded: bool = False) -> Path:
    """The path, if it ends as files of weights end."""
    path = check_path(owner, filepath)
    if str(path).endswith(".weights.h5") or (sharded and is_map(path)):
        return path
    if sharded:
        expected = "with `max_shard_size` the file's name must end in '.weights.json'"
        raise ValueError(message(owner, expected, {"filepath": str(filepath)}))
    if path.suffix in (".h5", ".hdf5"):
        raise ValueError(
            message(
                owner,
                "files of weights must end in '.weights.h5'",
                {"filepath": str(filepath)},
                "A file that ends in '.h5' holds a whole model: `model.save` writes it",
            )
        )
    raise ValueError(
        message(owner, "File format not supported: files of weights must end in '.weights.h5'", {"filepath": str(filepath)})
    )


def check_overwrite(owner: str, path: Path, overwrite: bool) -> None:
    """Raises `FileExistsError` rather than asking a question, which a program in the background cannot answer."""
    if not overwrite and path.exists():
        raise FileExistsError(
            message(owner, "the file exists already", {"filepath": str(path)}, "Give overwrite=True or another name")
        )


def check_built(model: SavedModel, owner: str) -> None:
    """Raises `ValueError` for a model that has no weights yet."""
    if not model.built:
        raise ValueError(
            message(
                model,
                f"{owner}() needs a model that has its weights",
                fix="Call it on data, or model.build(input_shape), first",
            )
        )


def save_state(model: SavedModel, store: Sink, include_optimizer: bool = True, skipped: Iterable[Any] | None = None) -> None:
    """Writes the variables of a model and of everything in it, without its optimizer if that is not wanted."""
    seen: set[int] = {id(thing) for thing in skipped or ()}
    if not include_optimizer:
        seen.add(id(getattr(model, "optimizer", None)))
    for place in walk(model, lambda thing: id(thing) in seen):
        seen.add(id(place.thing))
        name = getattr(place.thing, "name", None)
        place.thing.save_own_variables(store.make(place.path, name if isinstance(name, str) else None))


def load_state(
    model: SavedModel,
    store: Numbers,
    skip_mismatch: bool = False,
    owner: str = "load_weights",
    keep: bool = True,
    skipped: Iterable[Any] | None = None,
) -> None:
    """Reads what `save_state` wrote. Either all of it is taken, or nothing changes.

    Args:
        keep: whether the values before are kept, to be given back; not for a model that is thrown away in that case.
    """
    before = _values_of(model) if keep else []
    done: set[int] = {id(thing) for thing in skipped or ()}
    # Reasons as text: an error would keep all arrays alive that were read before it.
    failed: dict[int, tuple[Place, str]] = {}

    def is_complete(thing: object) -> bool:
        return id(thing) in done and not any(id(thing) in place.above for place, _ in failed.values())

    try:
        for place in walk(model, is_complete):
            if id(place.thing) in done:
                continue
            entry = store.get(place.path)
            if id(place.thing) in failed and not entry.keys():
                # Nothing under this path says nothing about what was found under another.
                continue
            try:
                place.thing.load_own_variables(entry)
            except FileError:
                # The file itself is at fault, not how it fits.
                raise
            except (ValueError, KeyError, TypeError) as error:
                # Another of its paths may fit. What was taken of this one is given back.
                own = {id(v) for v in place.thing._own_variables()} if isinstance(place.thing, Layer) else set()
                _restore([entry for entry in before if id(entry[0]) in own])
                failed.setdefault(id(place.thing), (place, _reason(error)))
                continue
            done.add(id(place.thing))
            failed.pop(id(place.thing), None)
        if not failed:
            return
        text = describe_failures(list(failed.values()), owner)
        if not skip_mismatch:
            raise ValueError(text)
        warnings.warn(text, stacklevel=3)
    except BaseException:
        _restore(before)
        raise


def describe_failures(failed: list[tuple[Place, str]], owner: str) -> str:
    """One message for all objects that the file does not fit."""
    lines = [f"  {place.path or 'the model itself'}: {reason}" for place, reason in failed]
    more = f"\n  and {len(lines) - 8} more" if len(lines) > 8 else ""
    return (
        f"{owner}: the file must match the model, and {len(lines)} part(s) do not:\n"
        + "\n".join(lines[:8])
        + more
        + "\nUse the model that the file was written from, or skip_mismatch=True to take what fits."
    )


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the file lacks the variable {error.args[0]!r}"
    return str(error).replace("\n", " ")


# An assignment puts another array into a variable and leaves the old one as it is, so keeping it costs no memory.
def _values_of(model: SavedModel) -> list[tuple[Variable, Any, bool]]:
    optimizer = getattr(model, "optimizer", None)
    variables = [*model.variables, *(optimizer.variables if optimizer is not None else ())]
    return [(v, v.peek(), v.exposed) for v in variables if isinstance(v, Variable)]


def _restore(before: list[tuple[Variable, Any, bool]]) -> None:
    for variable, value, exposed in before:
        variable._value, variable.exposed = value, exposed
