"""Workers: the processes that train trials, and whether they are still there.

A trial that is being trained carries the process that took it. On the same machine a process is known by its number and
its start time, so that a killed one is noticed at once; of a process elsewhere one knows only when it was last heard.
"""

import os
import socket
import uuid
from pathlib import Path
from typing import Any

# A process says every so many seconds that it is there, and counts as gone after so many seconds of silence. The limit
# is long, because a trial that is taken from a living process is trained twice.
BEAT_SECONDS, SILENCE_SECONDS = 10.0, 90.0

# The marks of studies that run in this process now.
_living: set[str] = set()


def new_worker() -> dict[str, Any]:
    """This process, with a mark of its own for each study that it runs."""
    owner = {
        "host": socket.gethostname(),
        "machine": machine(),
        "pid": os.getpid(),
        "start": start_of(os.getpid()),
        "mark": uuid.uuid4().hex,
    }
    _living.add(owner["mark"])
    return owner


def forget(owner: dict[str, Any]) -> None:
    """The study does not run in this process any more."""
    _living.discard(owner["mark"])


def machine() -> str | None:
    """What processes that see each other's numbers have in common: the boot and the table of processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def start_of(pid: int) -> str | None:
    """When a process started, in the kernel's count; `None` if there is none, or it cannot be told."""
    try:
        # The name in brackets may hold spaces: what follows the last bracket counts.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def is_gone(owner: dict[str, Any] | None, silence: float) -> bool:
    """Whether nobody will finish the trials of an owner.

    Args:
        owner: what `new_worker` gave there; `None` for a trial that Optuna itself runs, which stays Optuna's.
        silence: seconds since it was last heard.
    """
    if owner is None:
        return False
    if owner["pid"] == os.getpid() and owner["machine"] == machine() and owner["host"] == socket.gethostname():
        return owner["mark"] not in _living
    if owner["machine"] is not None and owner["machine"] == machine():
        return owner["start"] != start_of(owner["pid"])
    if owner["machine"] is None and owner["host"] == socket.gethostname() and os.name == "posix":
        try:
            os.kill(owner["pid"], 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
    return silence > SILENCE_SECONDS
