"""Files from elsewhere: fetched once, checked, mirrored and unpacked.

Two environment variables steer it: `KERATA_HOME`, the folder that holds the cache (else `KERAS_HOME`, else `~/.keras`),
and `KERATA_MIRROR`, a folder or an http(s) address that is asked before the internet.
"""

import functools
import hashlib
import http.client
import os
import posixpath
import re
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from kerata.base.archives import CHUNK_BYTES, extract_once
from kerata.base.checks import check_choice, message
from kerata.base.config import home
from kerata.base.display import is_live
from kerata.base.replacing import replace_file

SCHEMES = ("http", "https", "ftp", "file")
TIMEOUT_SECONDS = 30.0

# Says in words what is wrong with a file; an empty string means that the file is the expected one.
Verify = Callable[[Path], str]


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Iterable[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """The path of a local copy of `origin`, which is downloaded only when the cache has no good one.

    The file appears under its name only when it is complete and its checksum is right, so a kill or a lost connection
    leaves the cache as it was. Where the internet cannot be reached, `KERATA_MIRROR` names a folder or an http(s)
    address that holds the file, by name, by `cache_subdir/name` or by the path that it has in `origin`.

    Args:
        fname: name of the copy, without folders; the last part of `origin` if None. With `extract`, a name without a
            dot is the name of the extracted folder.
        origin: address of the file (http, https, ftp or file).
        untar: older form of `extract` for tar archives.
        md5_hash: older form of `file_hash` for MD5.
        file_hash: expected checksum in hexadecimal, SHA-256 or MD5.
        cache_subdir: folder under the cache folder, or an absolute one.
        hash_algorithm: `"sha256"`, `"md5"`, or `"auto"`, which tells them apart by length.
        extract: unpack the tar or zip archive, and return the folder.
        archive_format: `"tar"`, `"zip"`, a list of them, or `"auto"` for both.
        cache_dir: the cache folder; `KERATA_HOME`, else `KERAS_HOME`, else `~/.keras` if None.
        force_download: fetch even if the cache has the file.

    Source: `keras.utils.get_file`. Differs: an archive that leaves its folder, holds links to elsewhere or is no
    archive is an error, not a warning; an archive that has not changed is not unpacked again.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "poem.txt").write_text("roses are red")
    >>> path = get_file(origin=(folder / "poem.txt").as_uri(), cache_dir=folder / "cache")
    >>> pathlib.Path(path).relative_to(folder / "cache").as_posix(), pathlib.Path(path).read_text()
    ('datasets/poem.txt', 'roses are red')
    """
    origin = check_origin(origin)
    name = standardize_name(fname, origin)
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    check_choice("get_file", "hash_algorithm", hash_algorithm, ("auto", "sha256", "md5"))
    verify = None
    if file_hash is not None:
        verify = functools.partial(describe_wrong_hash, file_hash=file_hash, algorithm=hash_algorithm)
    if not (extract or untar):
        return str(fetch_file(name, origin, verify, cache_subdir, cache_dir, force_download))
    formats = standardize_formats("tar" if untar else archive_format)
    if fname is not None and "." in name:
        archive_name, folder_name = name, name[: name.find(".")] + "_extracted"
    else:
        archive_name, folder_name = name + "_archive", name
    archive = fetch_file(archive_name, origin, verify, cache_subdir, cache_dir, force_download)
    folder = archive.with_name(folder_name)
    extract_once(archive, folder, formats)
    return str(folder)


def check_origin(origin: str | None) -> str:
    """An address that can be downloaded from."""
    if not isinstance(origin, str) or not origin:
        raise ValueError(message("get_file", "`origin` must be the address of the file to download", {"origin": origin}))
    if urllib.parse.urlsplit(origin).scheme not in SCHEMES:
        expected = "`origin` must begin with http://, https://, ftp:// or file://"
        raise ValueError(message("get_file", expected, {"origin": origin}))
    return origin


def standardize_name(fname: str | os.PathLike[str] | None, origin: str) -> str:
    """The file's name in the cache: `fname`, else the last part of `origin`."""
    name = os.fspath(fname) if fname else posixpath.basename(origin_path(origin))
    if not name or name in (".", "..") or re.search(r"[/\\\0]", name):
        expected = "`fname` must be a file name without folders"
        fix = "Choose the folder with `cache_dir` and `cache_subdir`" if fname else "Name the file with `fname`"
        raise ValueError(message("get_file", expected, {"fname": fname, "origin": origin}, fix))
    return name


def origin_path(origin: str) -> str:
    """The path part of an address, as text: `https://host/a%20b/c.npz?x=1` gives `a b/c.npz`."""
    return urllib.parse.unquote(urllib.parse.urlsplit(origin).path).lstrip("/")


def hash_file(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """The checksum of a file in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def describe_wrong_hash(path: Path, file_hash: str, algorithm: str = "auto") -> str:
    """What is wrong with the file's checksum; an empty string if it is right."""
    if algorithm == "auto":
        algorithm = "sha256" if len(file_hash) == 64 else "md5"
    found = hash_file(path, algorithm)
    return "" if found == str(file_hash).lower() else f"its {algorithm} is {found}, expected {file_hash}"


# -- the cache


def fetch_file(
    name: str,
    origin: str,
    verify: Verify | None = None,
    cache_subdir: str = "datasets",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> Path:
    """The cached copy if it is good, else a fresh one. `verify` says in words what is wrong with a file."""
    folders = list_cache_folders(cache_dir, cache_subdir)
    for path in [] if force_download else [folder / name for folder in folders]:
        if path.is_file():
            problem = verify(path) if verify else ""
            if not problem:
                return path
            warnings.warn(f"{path} is damaged or out of date ({problem}); fetching it again.", stacklevel=3)
    target = choose_writable(folders[0], cache_subdir) / name
    download(origin, target, cache_subdir, verify)
    return target


def list_cache_folders(cache_dir: str | os.PathLike[str] | None, cache_subdir: str) -> list[Path]:
    """The cache folder, then the spare one if earlier downloads had to go there."""
    base = Path(cache_dir) if cache_dir is not None else home()
    bases = [base.expanduser()] + ([spare_folder()] if is_own_folder(spare_folder()) else [])
    return [base / cache_subdir for base in bases]


def spare_folder() -> Path:
    """A temporary folder of this user, for machines whose home folder is read-only."""
    return Path(tempfile.gettempdir()) / f".keras-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"


def is_own_folder(path: Path) -> bool:
    """Anybody can make a folder of this name in the shared temporary folder; one that is not ours is not trusted."""
    if not path.is_dir() or path.is_symlink():
        return False
    return not hasattr(os, "getuid") or path.stat().st_uid == os.getuid()


def choose_writable(folder: Path, cache_subdir: str) -> Path:
    """The folder, made if need be; the spare one if that cannot be written to."""
    if make_writable(folder):
        return folder
    spare = spare_folder()
    if make_writable(spare, mode=0o700) and is_own_folder(spare) and make_writable(spare / cache_subdir):
        return spare / cache_subdir
    tried = f"{folder} and {spare}"
    fix = "Set the environment variable KERATA_HOME to a folder that can be written to"
    raise PermissionError(message("get_file", "the cache folder must be writable", {"tried": tried}, fix))


def make_writable(folder: Path, mode: int = 0o777) -> bool:
    """Makes the folder if it is not there; whether it can be written to."""
    try:
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


# -- downloading


def download(origin: str, target: Path, cache_subdir: str = "", verify: Verify | None = None) -> None:
    """Writes `origin`, or the mirror's copy of it, to `target`, whole and verified or not at all."""
    owner = f"get_file ({target.name})"
    failures: list[str] = []
    for place in (list_mirror_sources(origin, target.name, cache_subdir), [origin]):
        for source in place:
            try:
                with replace_file(target) as part:
                    write_chunks(read_source(source), part, target.name)
                    problem = verify(part) if verify else ""
                    if problem:
                        fix = f"The file is incomplete or is another one; nothing was kept. It came from {source}"
                        raise ValueError(message(owner, f"the checksum is wrong: {problem}", {"origin": origin}, fix))
                return
            except FileNotFoundError as error:
                failures.append(f"{source}: {error}")
            except ConnectionError as error:
                failures.append(f"{source}: {error}")
                break  # the server does not answer: no use in asking it for other names
    fix = (
        f"Check the network; or set KERATA_MIRROR to a folder or an http(s) address that holds "
        f"{posixpath.basename(origin_path(origin))!r}; or put the file at {target}"
    )
    expected = "the file must be reachable. Tried " + "; ".join(failures)
    raise ConnectionError(message(owner, expected, {"origin": origin}, fix))


def list_mirror_sources(origin: str, name: str, cache_subdir: str) -> list[str | Path]:
    """Where the mirror may hold the file, the most telling name first: two files of one name must not be confused."""
    mirror = os.environ.get("KERATA_MIRROR", "").strip()
    split = urllib.parse.urlsplit(origin)
    if not mirror or split.scheme == "file":
        return []
    path = origin_path(origin)
    names = list(dict.fromkeys([posixpath.basename(path), name]))
    candidates = [f"{split.hostname}/{path}"]
    if cache_subdir and not os.path.isabs(cache_subdir):
        candidates += [posixpath.join(*Path(cache_subdir).parts, n) for n in names]
    candidates = [c for c in dict.fromkeys([*candidates, path, *names]) if ".." not in c.split("/")]
    if mirror.startswith(("http://", "https://")):
        return [mirror.rstrip("/") + "/" + urllib.parse.quote(candidate) for candidate in candidates]
    folder = Path(mirror).expanduser()
    if not folder.is_dir():
        expected = "the environment variable KERATA_MIRROR must be a folder that exists, or an http(s) address"
        raise ValueError(message(f"get_file ({name})", expected, {"KERATA_MIRROR": mirror}))
    return [folder / candidate for candidate in candidates if (folder / candidate).is_file()]


def read_source(source: str | Path) -> Iterator[tuple[bytes, int | None]]:
    """Yields (bytes, total size if known). A source that has no such file raises `FileNotFoundError`, one that does
    not answer or ends early `ConnectionError`, so that the reader's troubles differ from the writer's (a full disk)."""
    address = source.resolve().as_uri() if isinstance(source, Path) else source
    request = urllib.request.Request(address, headers={"User-Agent": "kerata"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as stream:
            length = stream.headers.get("Content-Length")
            size = int(length) if length and length.isdigit() else None
            received = 0
            while chunk := stream.read(CHUNK_BYTES):
                received += len(chunk)
                yield chunk, size
    except urllib.error.HTTPError as error:
        raise FileNotFoundError(f"the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionError(str(getattr(error, "reason", "") or error or type(error).__name__)) from error
    if size is not None and received != size:
        raise ConnectionError(f"the connection ended after {received} of {size} bytes")


def write_chunks(chunks: Iterator[tuple[bytes, int | None]], path: Path, name: str) -> None:
    """Writes the chunks, with one line of progress where a person is watching."""
    watched = sys.stderr is not None and is_live(sys.stderr)
    start = shown = time.monotonic()
    received, size = 0, None
    with open(path, "wb") as stream:
        for chunk, size in chunks:
            stream.write(chunk)
            received += len(chunk)
            now = time.monotonic()
            if watched and now - shown > 0.1:
                shown = now
                print("\r" + draw_progress(name, received, size, now - start), end="", file=sys.stderr, flush=True)
    if watched:
        print("\r" + draw_progress(name, received, size, time.monotonic() - start), file=sys.stderr, flush=True)


def draw_progress(name: str, received: int, size: int | None, seconds: float) -> str:
    """One line of progress.

    >>> draw_progress("mnist.npz", 3_000_000, 12_000_000, 1.5)
    'mnist.npz [=====               ] 3.0 of 12.0 MB, 2.0 MB/s'
    """
    rate = f"{received / 1e6 / max(seconds, 1e-9):.1f} MB/s"
    if not size:
        return f"{name} {received / 1e6:.1f} MB, {rate}"
    bar = "=" * min(20, 20 * received // size)
    return f"{name} [{bar:<20}] {received / 1e6:.1f} of {size / 1e6:.1f} MB, {rate}"


# -- archives


def standardize_formats(archive_format: str | Iterable[str] | None) -> tuple[str, ...]:
    """`"auto"`, one name or several as a tuple of names."""
    if archive_format == "auto":
        return ("tar", "zip")
    formats = (archive_format,) if isinstance(archive_format, str) else tuple(archive_format or ())
    for one in formats:
        check_choice("get_file", "archive_format", one, ("auto", "tar", "zip"))
    return formats
