"""What kind of file one is: its first bytes decide, whatever its name says."""

import os

from kerata.base.checks import message
from kerata.base.refusals import FileError, NotReadYet
from kerata.base.types import ByteStream

HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
# HDF5 files may begin with a block of the user's; the format says where to look next.
USER_BLOCKS = tuple(512 * 2**n for n in range(8))
HEAD_BYTES = 64

# (where, the bytes, what it is)
OTHERS = (
    (0, b"version https://git-lfs", "a pointer of Git LFS, not the file itself: fetch it with `git lfs pull`"),
    (0, b"\x80", "a pickle, which may run any code and is never read"),
    (4, b"TFL3", "a model of TensorFlow Lite, which holds no layers"),
    (0, b"\x1f\x8b", "packed with gzip: unpack it first"),
    (0, b"<", "a page of HTML: the download did not give the file"),
    (0, b"Salted__", "encrypted: decrypt it first"),
    (0, b"-----BEGIN", "encrypted or signed: decrypt it first"),
)


def kind_of(head: bytes) -> str:
    """`"hdf5"`, `"zip"`, `"json"` or `""` for anything else, by a file's first bytes.

    >>> kind_of(b"PK" + bytes([3, 4])), kind_of(b' {"class_name": '), kind_of(b"x")
    ('zip', 'json', '')
    """
    if head.startswith(HDF5):
        return "hdf5"
    if head.startswith(ZIP) or head.startswith(b"PK\x05\x06"):
        return "zip"
    text = head.lstrip(b" \t\r\n\xef\xbb\xbf")
    return "json" if text.startswith((b"{", b'"{')) else ""


def look_at(stream: ByteStream) -> tuple[str, bytes]:
    """The kind of an open file, and its first bytes; the place in the file stays."""
    place = stream.tell()
    try:
        head = stream.read(HEAD_BYTES)
        kind = kind_of(head)
        for start in () if kind else USER_BLOCKS:
            stream.seek(place + start)
            if stream.read(len(HDF5)) == HDF5:
                kind = "hdf5"
    finally:
        stream.seek(place)
    return kind, head


def kind_of_file(path: str | os.PathLike) -> tuple[str, bytes]:
    """The kind of the file at a path, and its first bytes."""
    with open(path, "rb") as stream:
        return look_at(stream)


def need_hdf5(stream: ByteStream, owner: str) -> None:
    """Raises where the weights in a zip are no HDF5: its library would ask its plugins what they make of them."""
    if look_at(stream)[0] != "hdf5":
        raise FileError(message(owner, "the weights in the file are no HDF5, or they are damaged"))


def refuse_unknown(owner: str, head: bytes, wanted: str) -> FileError:
    """The error for a file that is none of those that are read."""
    if not head:
        return FileError(message(owner, f"the file is empty, and no {wanted}"))
    for place, mark, what in OTHERS:
        if head[place : place + len(mark)] == mark:
            return FileError(message(owner, f"the file is no {wanted}: it is {what}"))
    return FileError(message(owner, f"the file is damaged, or no {wanted}", {"first bytes": head[:16]}))


def refuse_architecture(owner: str) -> FileError:
    """The error for an architecture where a model with weights was expected."""
    return FileError(
        message(
            owner,
            "the file holds a description alone, without weights",
            fix="Read it with kerata.models.model_from_json(open(path).read()), then model.load_weights(...)",
        )
    )


def refuse_folder(owner: str, names: list[str]) -> Exception:
    """The error for a folder, by the names in it."""
    if "saved_model.pb" in names or "keras_metadata.pb" in names:
        return NotReadYet(
            message(
                owner, "this is a SavedModel of TensorFlow, which is not read yet", fix="Save it as .h5 or .keras in TensorFlow"
            )
        )
    wanted = "the folder holds no model, which has config.json and model.weights.h5, nor a SavedModel"
    return NotReadYet(message(owner, wanted, {"files": sorted(names)[:8]}))
