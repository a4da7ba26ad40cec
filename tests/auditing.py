"""Loads hostile files of every kind through every way in, under an audit hook; prints as JSON what they made the process do.

`python auditing.py FOLDER EVERY`. A hook cannot be taken back, so this is a process of its own. HDF5 opens files without a word
to Python, so what a file must not open is also watched by the system (inotify).
"""

import ast
import contextlib
import ctypes
import importlib
import json
import os
import pkgutil
import re
import struct
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kerata
from kerata.dialects import ERAS, find_row, names

sys.path.insert(0, str(Path(__file__).parent))
import attacks
import hostile_files
import hostile_parts as parts
import hostile_ways

# What an audit hook is told of; any event of another module than these is none that a file should cause either.
WATCHED = ("import", "open", "exec", "compile", "marshal.", "pickle.", "socket.", "subprocess.", "os.", "ctypes.", "urllib.")
WATCHED += ("shutil.", "ftplib.", "http.", "glob.", "sqlite3.", "code.", "cpython.run", "shelve", "tempfile.")
# What may be done to files in a folder of their own; how many of the arguments are paths.
IN_FOLDER = {"open": 1, "os.listdir": 1, "os.scandir": 1, "os.mkdir": 1, "os.rmdir": 1, "os.remove": 1, "os.rename": 2}
IN_FOLDER |= {"os.chmod": 1, "os.utime": 1, "shutil.rmtree": 1, "shutil.copyfile": 2, "shutil.move": 2, "sqlite3.connect": 1}
IN_FOLDER |= {"glob.glob": 1, "tempfile.mkdtemp": 1, "tempfile.mkstemp": 1, "os.truncate": 1}
PYTHON = ("script", "arrays")
KINDS = (ValueError, TypeError, OSError, NotImplementedError)


class Watcher:
    """What happens while a file is read.

    Args:
        own: the folder in which anything may be opened.
        decoys: the folder in which nothing may.
    """

    def __init__(self, own: Path, decoys: Path):
        self.own, self.decoys = str(own.resolve()), str(decoys.resolve())
        self.on, self.events = False, []
        # What honest files cause; and whether the thing is Python's text.
        self.usual: set[str] = set()
        self.reads_python = False
        libc = ctypes.CDLL(None, use_errno=True)
        self.seen = libc.inotify_init1(os.O_NONBLOCK)
        for folder in (decoys, *(p for p in decoys.rglob("*") if p.is_dir())):
            # Anything that is read, opened, changed, made or taken away.
            assert libc.inotify_add_watch(self.seen, str(folder).encode(), 0xFFF) >= 0
        sys.addaudithook(self.note)

    def note(self, event: str, args: tuple) -> None:
        """What Python tells."""
        if not self.on or not event.startswith(WATCHED):
            return
        self.on = False
        try:
            if not self.is_allowed(event, args):
                self.events.append(f"{said(event, args)} at {place()}")
        finally:
            self.on = True

    def is_allowed(self, event: str, args: tuple) -> bool:
        """Whether a file may cause that: what it says is done in its own folder, or a fresh honest one does the same."""
        if event in IN_FOLDER:
            paths = [path for path in args[: IN_FOLDER[event]] if not isinstance(path, int)]
            if all(os.path.realpath(os.fsdecode(path)).startswith(self.own) for path in paths):
                return True
        # A tree of what Python reads there, which is not run.
        if event == "compile" and self.reads_python and sys._getframe(2).f_code.co_filename == ast.__file__:
            return True
        return said(event, args) in self.usual

    def told(self) -> list[str]:
        """What happened since it was asked last; files that were opened in C too."""
        try:
            data = os.read(self.seen, 1 << 16)
        except BlockingIOError:
            data = b""
        place = 0
        while place < len(data):
            mask, length = struct.unpack_from("4xII", data, place)[0], struct.unpack_from("12xI", data, place)[0]
            name = data[place + 16 : place + 16 + length].rstrip(b"\0").decode()
            # A folder of a path may be gone through.
            if not mask & 0x40000000:
                self.events.append(f"inotify {mask:#x} {name}")
            place += 16 + length
        found, self.events = self.events, []
        return found


def said(event: str, args: tuple) -> str:
    """An event without the numbers that differ from time to time."""
    return re.sub(r"0x[0-9a-f]+|\d+", "#", f"{event} {str(args)[:200]}")


def place() -> str:
    """Where in Kerata something happened."""
    found = [f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_stack() if f.filename != __file__]
    return " < ".join(reversed(found[-4:]))


def watch(watcher: Watcher, call: Callable[[], Any]) -> tuple[Any, list[str], float, float]:
    """What a call gave or raised, what it made the process do, seconds, megabytes."""

    def run() -> Any:
        watcher.on = True
        try:
            return call()
        finally:
            watcher.on = False

    watcher.told()
    found, seconds, megabytes = attacks.measure(run)
    return found, watcher.told(), seconds, megabytes


# Before


def import_all() -> None:
    """Everything that Kerata would import when it is first needed."""
    for info in pkgutil.walk_packages(kerata.__path__, "kerata."):
        if not info.name.endswith("__main__"):
            importlib.import_module(info.name)
    # Rows of old names are read when they are first asked for.
    for era, tables in ERAS.items():
        for kind in tables:
            for name in names(era, kind):
                find_row(era, kind, name)


def check(way: hostile_ways.Way, thing: Any, watcher: Watcher) -> Iterator[str]:
    """What is wrong with how a thing was read."""
    found, events, seconds, megabytes = watch(watcher, lambda: way.call(thing))
    yield from events
    problem = attacks.complain(found, "", seconds, megabytes, KINDS)
    if problem:
        yield f"{problem} at {attacks.where(found)}"
    if Path(watcher.decoys, parts.MARK).exists():
        yield "something was run"
    if "evil_module" in sys.modules:
        yield "a module was imported"


def learn(watcher: Watcher, ways: dict[str, list[hostile_ways.Way]], plain: list[tuple[str, Any]]) -> set[str]:
    """Notes what honest things cause; gives the ways in which one of them was read."""
    worked = set()
    for kind, thing in plain:
        watcher.reads_python = kind in PYTHON
        for way in ways[kind]:
            found, events, _, _ = watch(watcher, lambda way=way, thing=thing: way.call(thing))
            watcher.usual |= {event.rpartition(" at ")[0] for event in events}
            if not isinstance(found, BaseException):
                worked.add(f"{kind} / {way.name}")
    return worked


def main(folder: Path, every: int) -> None:
    """Reads everything; of all pairs of a thing and a way every so many.

    Args:
        folder: an empty one.
        every: 1 for all pairs.
    """
    own, decoys = folder / "own", folder / "decoys"
    own.mkdir()
    hostile_files.write_decoys(decoys)
    sys.path.insert(0, str(decoys))
    tempfile.tempdir = str(own / "temporary")
    Path(tempfile.tempdir).mkdir()
    os.chdir(own)
    warnings.simplefilter("ignore")
    import_all()
    ways = hostile_ways.ways(own)
    honest = hostile_files.honest(own, decoys)
    plain = [*honest.items(), *hostile_files.more_honest(own)]
    for kind, thing in plain * 2:
        for way in ways[kind]:
            with contextlib.suppress(*KINDS):
                way.call(thing)
    watcher = Watcher(own, decoys)
    worked = learn(watcher, ways, plain)
    counts: dict[str, int] = {}
    number = 0
    for kind, name, thing in hostile_files.hostile(own, decoys):
        number += 1
        watcher.reads_python = kind in PYTHON
        for place, way in enumerate(ways[kind]):
            if (place + number) % every:
                continue
            counts[f"{kind} / {way.name}"] = counts.get(f"{kind} / {way.name}", 0) + 1
            for problem in check(way, thing, watcher):
                print(json.dumps({"kind": kind, "name": name, "way": way.name, "problem": problem[:600]}), flush=True)
            kerata.utils.clear_session(free_memory=False)
    noticed = {name: watch(watcher, call)[1] for name, call in hostile_ways.deeds(decoys).items()}
    print(json.dumps({"counts": counts, "noticed": noticed, "barred": sorted(set(counts) - worked)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
