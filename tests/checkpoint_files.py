"""Checkpoints and SavedModel folders as TensorFlow writes them, written by hand, so that a test can make them say anything."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kerata.base.crc32c import crc32c, mask
from kerata.saving.legacy.checkpoints import GRAPH, TYPES
from kerata.saving.legacy.sorted_tables import FOOTER_BYTES, HANDLES_BYTES, MAGIC

TEXT = 7


def varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def encode(*fields: tuple[int, "int | bytes | str"]) -> bytes:
    """A message of some fields: (number, value)."""
    found = b""
    for number, value in fields:
        data = value.encode() if isinstance(value, str) else value
        found += varint(number << 3) + varint(data) if isinstance(data, int) else varint(number << 3 | 2) + sized(data)
    return found


def sized(data: bytes) -> bytes:
    return varint(len(data)) + data


# The index


def write_block(pairs: Sequence[tuple[bytes, bytes]], restarts: int = 1) -> bytes:
    """The bytes of a block of keys and values, none of which shares anything with the one before."""
    body = b"".join(varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in pairs)
    return body + bytes(4 * restarts) + restarts.to_bytes(4, "little")


def write_table(pairs: Sequence[tuple[bytes, bytes]], kind: int = 0, blocks: Sequence[bytes] | None = None) -> bytes:
    """A table of keys and values.

    Args:
        pairs: the keys and values of one block.
        kind: how the blocks are said to be packed.
        blocks: the bytes of the blocks, in place of `pairs`.
    """
    data, handles = b"", []
    for block in [write_block(pairs)] if blocks is None else blocks:
        handles.append((len(data), len(block)))
        data += closed(block, kind)
    index = write_block([(bytes([number]), varint(start) + varint(size)) for number, (start, size) in enumerate(handles)])
    place = len(data)
    data += closed(index, kind)
    return data + footer((place, len(index)))


def closed(block: bytes, kind: int = 0) -> bytes:
    """A block with what stands behind it."""
    whole = block + bytes([kind])
    return whole + mask(crc32c(whole)).to_bytes(4, "little")


def footer(index: tuple[int, int]) -> bytes:
    handles = varint(0) + varint(0) + varint(index[0]) + varint(index[1])
    return handles + bytes(HANDLES_BYTES - len(handles)) + bytes(FOOTER_BYTES - HANDLES_BYTES - len(MAGIC)) + MAGIC


class Entry(NamedTuple):
    """What the index says of an array: what is not given is what is true."""

    dtype: int
    shape: Sequence[int]
    shard: int = 0
    start: int = 0
    size: int = 0
    checksum: int = 0

    def encode(self) -> bytes:
        shape = encode(*((2, encode((1, size % 2**64))) for size in self.shape))
        return encode((1, self.dtype), (2, shape), (3, self.shard), (4, self.start), (5, self.size), (6, self.checksum))


def number_of(dtype: np.dtype) -> int:
    return next(number for number, kind in TYPES.items() if kind == dtype)


def text_entry(data: bytes, start: int) -> tuple[bytes, Entry]:
    """The bytes of a single text in a file of arrays, and what the index says of it."""
    lengths = len(data).to_bytes(4, "little")
    first = mask(crc32c(lengths)).to_bytes(4, "little")
    stored = varint(len(data)) + first + data
    return stored, Entry(TEXT, (), 0, start, len(stored), mask(crc32c(lengths + first + data)))


def write_checkpoint(
    prefix: Path,
    arrays: Mapping[str, np.ndarray],
    graph: bytes | None = None,
    changed: Mapping[str, Any] | None = None,
    header: bytes | None = None,
) -> Path:
    """Writes a checkpoint of one file of arrays.

    Args:
        prefix: what the names of its files begin with.
        arrays: the arrays by their keys.
        graph: the message of the objects.
        changed: by key, what the index says otherwise, as arguments of `Entry`.
        header: of the index.
    """
    data, entries = b"", {}
    for key, array in arrays.items():
        part = np.ascontiguousarray(array).tobytes()
        entries[key] = Entry(number_of(array.dtype), array.shape, 0, len(data), len(part), mask(crc32c(part)))
        data += part
    if graph is not None:
        part, entries[GRAPH.decode()] = text_entry(graph, len(data))
        data += part
    for key, values in (changed or {}).items():
        entries[key] = entries[key]._replace(**values)
    pairs = sorted((key.encode(), entry.encode()) for key, entry in entries.items())
    head = encode((1, 1)) if header is None else header
    prefix.parent.mkdir(parents=True, exist_ok=True)
    Path(f"{prefix}.index").write_bytes(write_table([(b"", head), *pairs]))
    Path(f"{prefix}.data-00000-of-00001").write_bytes(data)
    return prefix


# Objects


def node(children: Mapping[str, int] | None = None, key: str = "", name: str = "", slots: Sequence[tuple] = ()) -> bytes:
    """An object of a checkpoint: what it holds, or which array it is."""
    fields: list[tuple[int, bytes]] = [(1, encode((1, number), (2, child))) for child, number in (children or {}).items()]
    if key:
        fields.append((2, encode((1, "VARIABLE_VALUE"), (2, name), (3, key))))
    fields += [(3, encode((1, weight), (2, slot), (3, array))) for weight, slot, array in slots]
    return encode(*fields)


def graph_of(*nodes: bytes) -> bytes:
    return encode(*((1, one) for one in nodes))


DENSE = {"kernel": "layer-1/kernel/.ATTRIBUTES/VARIABLE_VALUE", "bias": "layer-1/bias/.ATTRIBUTES/VARIABLE_VALUE"}


def dense_graph() -> bytes:
    """The objects of a model of an input and a dense layer."""
    return graph_of(
        node({"layer-0": 1, "layer-1": 2, "layer_with_weights-0": 2}),
        node(),
        node({"kernel": 3, "bias": 4}),
        *(node(key=key, name=f"dense/{name}") for name, key in DENSE.items()),
    )


def dense_checkpoint(prefix: Path, graph: bytes | None = None, inputs: int = 4, units: int = 2, **more: Any) -> Path:
    """A checkpoint of that model."""
    arrays = {DENSE["kernel"]: np.ones((inputs, units), "float32"), DENSE["bias"]: np.zeros(units, "float32")}
    return write_checkpoint(prefix, arrays, dense_graph() if graph is None else graph, **more)


# Folders


def metadata_of(plain: Any, kind: str = "_tf_keras_sequential", names: Mapping[int, str] | None = None) -> bytes:
    """`keras_metadata.pb`: the description of the model, and names of layers by their numbers."""
    text = plain if isinstance(plain, str) else json.dumps(plain)
    objects = [encode((2, 0), (3, "root"), (4, kind), (5, text))]
    for number, name in (names or {}).items():
        objects.append(encode((2, number), (3, f"root.{name}"), (4, "_tf_keras_layer"), (5, json.dumps({"name": name}))))
    return encode(*((1, one) for one in objects))


def write_saved_model(folder: Path, plain: dict[str, Any], **more: Any) -> Path:
    """A SavedModel folder of a description of Keras 2, with the weights of a dense layer of 4 by 2."""
    dense_checkpoint(folder / "variables" / "variables", **more)
    described = {"class_name": plain["class_name"], "config": plain["config"]}
    root = {"name": "m", "keras_version": "2.15.0", "model_config": described, **described}
    if "training_config" in plain:
        root["training_config"] = plain["training_config"]
    (folder / "keras_metadata.pb").write_bytes(metadata_of(root))
    (folder / "saved_model.pb").write_bytes(b"")
    return folder
