"""A file of weights as nested dicts, to be looked at, changed, and written anew."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, cast

import numpy as np

from kerata.base.checks import KindError, check_path, did_you_mean, message
from kerata.base.hdf5 import Dataset, Group, check_link, open_dataset, read_dataset
from kerata.base.limits import budget
from kerata.base.refusals import MissingFile, refusing
from kerata.base.replacing import replace_file
from kerata.base.types import ByteStream, PathLike
from kerata.engine.types import TensorLike
from kerata.saving.checksums import NAME as CHECKSUMS
from kerata.saving.legacy.attributes import Texts
from kerata.saving.legacy.types import SavedModel
from kerata.saving.members import CONFIG, METADATA, WEIGHTS, copy_member, need_members, open_model_file, read_text
from kerata.saving.store import FileStore, MemoryStore
from kerata.saving.weights import save_state

# Objects by name, down to arrays.
Weights: TypeAlias = dict[str, Any]
Edit: TypeAlias = Callable[[Weights, str], None]


class KerasFileEditor:
    """The weights of a file of Keras 3 or Kerata: what there is, how it differs from a model, and how to change it.

    For weights that were saved before a model was changed. `weights_dict` holds the arrays by the names of the objects around
    them, `{"layers": {"dense": {"0": ..., "1": ...}}}`.

    Args:
        filepath: a file whose name ends in `.keras` or `.weights.h5`.

    >>> import kerata, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "m.weights.h5"
    >>> model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(3, name="dense")])
    >>> model.save_weights(path)
    >>> editor = KerasFileEditor(path)  # doctest: +ELLIPSIS
    Weights of '...m.weights.h5'
    >>> editor.summary()
    layers
      dense ('dense')
        0: shape=(2, 3), dtype=float32
        1: shape=(3,), dtype=float32
    >>> editor.delete_weight("dense", "1")
    >>> editor.compare(model)["error_count"]
    layers/dense/1: in the model, and not in the file
    1 difference(s), and 1 weight(s) that fit
    1
    """

    def __init__(self, filepath: PathLike):
        path = check_path(self, filepath)
        self.filepath = str(filepath)
        self.metadata: dict[str, Any] | None = None
        self.config: dict[str, Any] | None = None
        self.object_metadata: dict[str, dict[str, str]] = {}
        if not self.filepath.endswith((".keras", ".weights.h5")):
            expected = "the file's name must end in '.keras' or '.weights.h5'"
            raise ValueError(message(self, expected, {"filepath": self.filepath}))
        if not path.exists():
            raise MissingFile(message(self, "there is no such file", {"filepath": self.filepath}))
        with refusing(self.filepath), budget(self.filepath, path.stat().st_size):
            if path.suffix == ".keras":
                with open(path, "rb") as stream:
                    self._read_archive(stream)
            else:
                self._read_weights(path)
        print(f"Weights of {self.filepath!r}")
        if self.metadata is not None:
            print(f"Saved with Keras {self.metadata.get('keras_version')} - date: {self.metadata.get('date_saved')}")

    def _read_archive(self, stream: ByteStream) -> None:
        archive, members = open_model_file(stream, self.filepath)
        with archive:
            need_members(members, (CONFIG, METADATA, WEIGHTS), self.filepath)
            self.config = json.loads(read_text(archive, members[CONFIG]))
            self.metadata = json.loads(read_text(archive, members[METADATA]))
            with copy_member(archive, members[WEIGHTS]) as weights:
                self._read_weights(weights)

    def _read_weights(self, source: PathLike | ByteStream) -> None:
        with FileStore(source, "r", self.filepath) as store:
            self.weights_dict = self._read_group(cast(Group, store.file), "", Texts(source, self.filepath))

    def _read_group(self, group: Group, path: str, texts: Texts) -> Weights:
        """The arrays of a group and of those below it; an object's own stand beside the objects within it."""
        found: Weights = {}
        if (said := texts.read_text(group, "name")) is not None:
            self.object_metadata.setdefault(path, {})["name"] = said
        for name in group:
            if name == CHECKSUMS and not path:
                continue
            check_link(group, name, group.get(name, getlink=True), self.filepath)
            below = group[name]
            if hasattr(below, "shape"):
                array: Dataset = open_dataset(group, name, self.filepath)
                found[name] = read_dataset(array, self.filepath)
                continue
            inner = self._read_group(below, path if name == "vars" else f"{path}/{name}".lstrip("/"), texts)
            if name == "vars":
                found |= inner
            elif inner:
                found[name] = inner
        return found

    # Looking

    def summary(self) -> None:
        """Prints what there is."""
        for line in self._lines(self.weights_dict, "", ""):
            print(line)

    def _lines(self, weights: Weights, path: str, indent: str) -> Iterator[str]:
        for name, value in weights.items():
            if isinstance(value, dict):
                place = f"{path}/{name}".lstrip("/")
                said = self.object_metadata.get(place, {}).get("name")
                yield f"{indent}{name}" + (f" ({said!r})" if said else "")
                yield from self._lines(cast(Weights, value), place, indent + "  ")
            else:
                yield f"{indent}{name}: shape={np.shape(value)}, dtype={np.asarray(value).dtype.name}"

    def compare(self, reference_model: SavedModel) -> dict[str, Any]:
        """Prints how the file differs from what a model would write.

        Returns:
            `"status"`, which is `"success"` or `"error"`; `"error_count"` differences: an object that is missing on one side is
            one of them; `"match_count"` weights that fit.
        """
        store = MemoryStore()
        save_state(reference_model, store)
        expected: Weights = {}
        for path, arrays in store.arrays.items():
            if arrays:
                place = expected
                for part in path.split("/") if path else ():
                    place = place.setdefault(part, {})
                place.update(arrays)
        errors, matches = self._differences(self.weights_dict, expected, "")
        for error in errors:
            print(error)
        print(f"{len(errors)} difference(s), and {matches} weight(s) that fit")
        return {"status": "error" if errors else "success", "error_count": len(errors), "match_count": matches}

    def _differences(self, found: Weights, expected: Weights, path: str) -> tuple[list[str], int]:
        errors: list[str] = []
        matches = 0
        for name in {**expected, **found}:
            place = f"{path}/{name}".lstrip("/")
            if name not in found or name not in expected:
                sides = ("model", "file") if name in expected else ("file", "model")
                errors.append(f"{place}: in the {sides[0]}, and not in the {sides[1]}")
            elif isinstance(found[name], dict) and isinstance(expected[name], dict):
                below, count = self._differences(found[name], expected[name], place)
                errors, matches = errors + below, matches + count
            elif np.shape(found[name]) != np.shape(expected[name]) or isinstance(found[name], dict):
                shapes = (np.shape(expected[name]), np.shape(found[name]))
                errors.append(f"{place}: of shape {shapes[0]} in the model, and {shapes[1]} in the file")
            else:
                matches += 1
        return errors, matches

    # Changing

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Gives an object another name.

        Args:
            object_name: a name that is there once, `"dense_2"`, or a path, `"layers/dense_2"`.
            new_name: a name, and no path.
        """
        if "/" in new_name:
            raise ValueError(message(self, "`new_name` must be a name, and no path", {"new_name": new_name}))

        def rename(around: Weights, name: str) -> None:
            around[new_name] = around.pop(name)

        self._edit(object_name, rename)

    def delete_object(self, object_name: str) -> None:
        """Takes an object out, by its name or path."""
        self._edit(object_name, lambda around, name: around.pop(name))

    def add_object(self, object_path: str, weights: Mapping[str, TensorLike]) -> None:
        """Puts an object in.

        Args:
            object_path: its path; what stands around it must be there.
            weights: arrays by the names of the weights, e.g. `{"0": kernel, "1": bias}`.
        """
        given = self._check_weights(weights)
        *above, name = object_path.split("/")
        place = self.weights_dict
        for part in above:
            if not isinstance(place.get(part), dict):
                raise ValueError(message(self, f"the path {'/'.join(above)!r} is not found in the file", {"missing": part}))
            place = cast(Weights, place[part])
        place[name] = given

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Takes a weight out of an object."""

        def delete(around: Weights, name: str) -> None:
            if weight_name not in around[name]:
                received = {"weight_name": weight_name, "weights": list(around[name])}
                raise ValueError(message(self, f"the object {object_name!r} has no such weight", received))
            del around[name][weight_name]

        self._edit(object_name, delete)

    def add_weights(self, object_name: str, weights: Mapping[str, TensorLike]) -> None:
        """Puts weights into an object, by their names."""
        given = self._check_weights(weights)
        self._edit(object_name, lambda around, name: around[name].update(given))

    def _check_weights(self, weights: object) -> dict[str, TensorLike]:
        if not isinstance(weights, dict):
            expected = "`weights` must be a dict of arrays by the names of the weights"
            raise KindError(message(self, expected, {"weights": weights}, 'Names are usually "0", "1", ...'))
        return dict(cast(dict[str, TensorLike], weights))

    def _edit(self, name: str, edit: Edit) -> None:
        """Calls a function with the dict around an object, and the object's name there."""
        *above, last = name.split("/")
        if above:
            around: Weights = self.weights_dict
            for part in above:
                below: object = around.get(part)
                around = cast(Weights, below) if isinstance(below, dict) else {}
            found: list[Weights] = [around] if last in around else []
        else:
            found = [around for around in _all_dicts(self.weights_dict) if isinstance(around.get(last), dict)]
        if not found:
            known = [
                key for around in _all_dicts(self.weights_dict) for key, value in around.items() if isinstance(value, dict)
            ]
            raise ValueError(message(self, f"{name!r} is not found in the file", None, did_you_mean(last, known)))
        if len(found) > 1:
            expected = f"the name {name!r} occurs more than once in the file"
            raise ValueError(message(self, expected, {"times": len(found)}, "Give a path, e.g. 'layers/dense_2'"))
        edit(found[0], last)

    # Writing

    def save(self, filepath: PathLike) -> None:
        """Writes the weights as they are now to a file whose name ends in `.weights.h5`."""
        path = check_path(self, filepath)
        if not str(path).endswith(".weights.h5"):
            raise ValueError(message(self, "the file's name must end in '.weights.h5'", {"filepath": str(filepath)}))
        with replace_file(path) as part, FileStore(part, "w") as store:
            self._write(store, self.weights_dict, "")

    def resave_weights(self, filepath: PathLike) -> None:
        """The same as `save`."""
        self.save(filepath)

    def _write(self, store: FileStore, weights: Weights, path: str) -> None:
        own = {name: value for name, value in weights.items() if not isinstance(value, dict)}
        if own:
            entry = store.make(path, self.object_metadata.get(path, {}).get("name"))
            for name, value in own.items():
                entry[name] = value
        for name, value in weights.items():
            if isinstance(value, dict):
                self._write(store, cast(Weights, value), f"{path}/{name}".lstrip("/"))


def _all_dicts(weights: Weights) -> Iterator[Weights]:
    yield weights
    for value in weights.values():
        if isinstance(value, dict):
            yield from _all_dicts(cast(Weights, value))
