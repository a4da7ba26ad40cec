"""A PostgreSQL server to throw away: a free port, a folder of its own, no password, gone afterwards.

    python tools/postgres.py start          prints the URL and the folder, and leaves the server running
    python tools/postgres.py stop FOLDER    stops it and removes the folder
    python tools/postgres.py run COMMAND    runs a command with its URL in DATABASE_URL, then stops it

The programs are those of the machine (Debian: `apt install postgresql`). PostgreSQL refuses to run as root, so root runs it
as `postgres` or, where there is no such account, as `nobody`.
"""

import argparse
import glob
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")


def find_programs() -> Path | None:
    """The folder with `initdb` and `pg_ctl`, of the newest version; `None` where there is none."""
    found = [Path(folder) for place in PLACES for folder in glob.glob(place) if (Path(folder) / "initdb").exists()]
    if found:
        return max(found, key=lambda folder: [int(part) if part.isdigit() else 0 for part in folder.parts[-2].split(".")])
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path and shutil.which("pg_ctl") else None


def find_account() -> str | None:
    """The account to run it as; `None` for our own."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def call(account: str | None, folder: Path, *command: str) -> None:
    """Runs a program as an account; what it prints is shown only if it fails."""
    who = pwd.getpwnam(account) if account else None
    rights = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **rights,
    )  # type: ignore[call-overload]
    if done.returncode:
        log = folder / "log"
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{log.read_text() if log.exists() else ''}")


def start(folder: Path | None = None) -> tuple[str, Path]:
    """Starts a server; returns its URL and its folder."""
    programs = find_programs()
    if programs is None:
        raise FileNotFoundError("there is no PostgreSQL on this machine; Debian: apt install postgresql")
    account = find_account()
    folder = Path(folder or tempfile.mkdtemp(prefix="postgres-"))
    folder.mkdir(parents=True, exist_ok=True)
    if account:
        shutil.chown(folder, account)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    call(account, folder, str(programs / "initdb"), "-D", str(data), "-U", "kerata", "-A", "trust", "-E", "UTF8", "--no-sync")
    # What is thrown away need not survive a power cut.
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='{folder}' -c fsync=off"
    # The server must not hold our output, or whoever reads it would wait for the server's end: hence the log.
    call(account, folder, str(programs / "pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start")
    return f"postgresql://kerata@127.0.0.1:{port}/postgres", folder


def stop(folder: Path) -> None:
    """Stops a server and removes its folder."""
    programs = find_programs()
    assert programs is not None
    if (folder / "data" / "postmaster.pid").exists():
        call(find_account(), folder, str(programs / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server that is there as long as the block runs."""
    url, folder = start()
    try:
        yield url
    finally:
        stop(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("start").add_argument("folder", nargs="?", type=Path)
    actions.add_parser("stop").add_argument("folder", type=Path)
    actions.add_parser("run").add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    if given.action == "start":
        url, folder = start(given.folder)
        print(url, folder, sep="\n")
    elif given.action == "stop":
        stop(given.folder)
    else:
        with server() as url:
            return subprocess.run(given.command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
