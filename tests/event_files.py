"""What stands in files of events for TensorBoard."""

import struct

from kerata.base.crc32c import crc32c, mask
from kerata.saving.legacy.wire import read_fields


def events(folder):
    """The fields of each event in the files of a folder, checksums checked."""
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (size,) = struct.unpack_from("<Q", data, place)
            body = data[place + 12 : place + 12 + size]
            assert struct.unpack_from("<I", data, place + 8)[0] == mask(crc32c(data[place : place + 8]))
            assert struct.unpack_from("<I", data, place + 12 + size)[0] == mask(crc32c(body))
            found.append({f.number: f.value for f in read_fields(body, "event")})
            place += 16 + size
    return found


def summaries(folder):
    """{name: [(step, fields of the value)]}."""
    found = {}
    for event in events(folder):
        if 5 in event:
            for one in read_fields(event[5], "summary"):
                value = {f.number: f.value for f in read_fields(one.value, "value")}
                found.setdefault(str(value[1], "utf-8"), []).append((event.get(2, 0), value))
    return found


def numbers(folder):
    return {
        name: [(step, struct.unpack("<f", struct.pack("<I", value[2]))[0]) for step, value in found if 2 in value]
        for name, found in summaries(folder).items()
        if 2 in found[0][1]
    }
