"""The own classes of models that this process wrote as folders: TensorFlow revives such a model without being told of them.

A folder is known by a digest of what was written there. Nothing is found by a name that a file holds: what comes back are the
classes and functions of the very model that was written.
"""

import hashlib
import types
from pathlib import Path

from kerata.base.recent import Recent
from kerata.engine.structure import is_ours
from kerata.models.model import Model

# What a folder's model is made of, beside its weights.
FILES = ("saved_model.pb", "keras_metadata.pb")
# Folders that are remembered.
MOST = 64
_written: Recent[dict[str, object]] = Recent(MOST)


def digest_of(folder: Path) -> str | None:
    """A digest of a folder's descriptions; `None` where it is no such folder."""
    if not all((folder / name).is_file() for name in FILES):
        return None
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in FILES)).hexdigest()


def remember(model: Model, folder: Path) -> None:
    """Notes the own classes and functions of a model that was just written."""
    if (digest := digest_of(folder)) is not None and (found := own_parts(model)):
        _written.keep(digest, found)


def recall(folder: Path) -> dict[str, object]:
    """The own classes and functions of the model that this process wrote there; none where the folder holds another one."""
    digest = digest_of(folder) if len(_written) else None
    return dict(_written.find(digest) or {}) if digest is not None else {}


def own_parts(model: Model) -> dict[str, object]:
    """The classes of a model and its layers, and the functions that these hold, by their names, as far as they are its own."""
    found: dict[str, object] = {}
    for layer in (model, *model._flatten_layers()):
        kind = type(layer)
        if not is_ours(kind):
            found.setdefault(kind.__name__, kind)
        for value in vars(layer).values():
            if isinstance(value, types.FunctionType) and not is_ours(value) and value.__name__.isidentifier():
                found.setdefault(value.__name__, value)
    return found
