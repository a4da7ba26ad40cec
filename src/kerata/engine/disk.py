"""Compiled programs on disk: a script that runs again finds what it compiled the last time.

JAX keeps the cache; Kerata only says where, and keeps it from growing without end. A folder that a person has set for JAX
is left as it is; `KERATA_PROGRAM_CACHE=0` turns it off, any other value names the folder.
"""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

import contextlib
import os
import threading
from collections.abc import Generator
from pathlib import Path

import jax

# An executable takes 40 kB (a table's model) to some MB.
LARGEST_BYTES = 512 * 2**20
# Below this, reading from disk saves nothing.
SHORTEST_COMPILE_SECONDS = 0.1

_state = {"ready": False}
_settings = threading.Lock()


def use_program_cache() -> None:
    """Turns the cache on at the first program, so that importing the package touches neither devices nor files."""
    if _state["ready"]:
        return
    _state["ready"] = True
    wanted = os.environ.get("KERATA_PROGRAM_CACHE")
    if wanted == "0" or jax.config.jax_compilation_cache_dir is not None:  # type: ignore[attr-defined]
        return
    folder = Path(wanted).expanduser() if wanted else default_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        prune(folder, LARGEST_BYTES)
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", SHORTEST_COMPILE_SECONDS)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@contextlib.contextmanager
def not_written() -> Generator[None]:
    """While a program is compiled that JAX may not write: it tries where compiling took longer than so many seconds."""
    name = "jax_persistent_cache_min_compile_time_secs"
    with _settings:
        before = getattr(jax.config, name)
        jax.config.update(name, float("inf"))
        try:
            yield
        finally:
            jax.config.update(name, before)


def default_folder() -> Path:
    """`kerata/programs` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "kerata" / "programs"


def prune(folder: Path, largest: int) -> None:
    """Removes what was not used for longest until at most `largest` bytes are left."""
    files = [(entry.stat(), entry) for entry in folder.iterdir() if entry.is_file()]
    total = sum(stat.st_size for stat, _ in files)
    for stat, entry in sorted(files, key=lambda item: max(item[0].st_atime, item[0].st_mtime)):
        if total <= largest:
            return
        entry.unlink(missing_ok=True)
        total -= stat.st_size
