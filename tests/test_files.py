"""get_file: what it fetches, keeps, refuses and unpacks; and files that are written whole or not at all."""

import hashlib
import inspect
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keras
import pytest

from kerata.base import files
from kerata.base.files import get_file
from kerata.base.replacing import replace_file

os.environ.setdefault("KERAS_BACKEND", "jax")

POEM = b"Roses are red,\nviolets are blue.\n" * 20
SHA256 = hashlib.sha256(POEM).hexdigest()
MD5 = hashlib.md5(POEM).hexdigest()


class Server:
    """A web server on this machine: `files` maps paths to bytes; `asked` lists what was asked for."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.cut_short = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                owner.asked.append(self.path)
                body = owner.files.get(self.path)
                if body is None:
                    return self.send_error(404)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) - owner.cut_short])

            def log_message(self, format, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server():
    server = Server()
    server.files["/data/poem.txt"] = POEM
    yield server
    server.close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERATA_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KERATA_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "cache"


@pytest.fixture
def closed_address():
    """An address at which nobody listens."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    address = f"http://127.0.0.1:{http.server_address[1]}"
    http.server_close()
    return address


def list_tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def make_tar(path: Path, members: list[tuple[str, bytes | str]], kind: bytes = tarfile.REGTYPE) -> Path:
    """Members are (name, bytes), or (name, target) for a link of the given kind."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = kind, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def make_zip(path: Path, members: list[tuple[str, bytes]], mode: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name  # as it stands: the constructor would tidy it
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return path


# -- as in Keras


def test_signature_is_keras():
    ours, theirs = inspect.signature(get_file).parameters, inspect.signature(keras.utils.get_file).parameters
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


@pytest.mark.parametrize(
    "source, arguments",
    [
        ("poem.txt", {}),
        ("poem.txt", {"fname": "other.txt"}),
        ("poem.txt", {"fname": "other.txt", "cache_subdir": "a/b", "file_hash": SHA256}),
        ("poem.txt", {"md5_hash": MD5}),
        ("poem.txt", {"file_hash": MD5, "hash_algorithm": "md5"}),
        ("set.tar.gz", {"extract": True}),
        ("set.tar.gz", {"extract": True, "fname": "flowers"}),
        ("set.tar.gz", {"extract": True, "fname": "flowers.tar.gz"}),
        ("set.tar.gz", {"untar": True, "fname": "flowers"}),
        ("set.tar.gz", {"extract": True, "archive_format": ["zip", "tar"]}),
        ("set.zip", {"extract": True}),
        ("set.zip", {"extract": True, "fname": "flowers.zip", "archive_format": "zip"}),
    ],
)
def test_paths_and_contents_are_keras(tmp_path, source, arguments):
    (tmp_path / "poem.txt").write_bytes(POEM)
    members = [("set/a.txt", b"a"), ("set/deep/b.txt", b"b"), ("c.txt", b"c")]
    make_tar(tmp_path / "set.tar.gz", members)
    make_zip(tmp_path / "set.zip", members)
    origin = (tmp_path / source).as_uri()
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    theirs.mkdir()
    path = Path(get_file(origin=origin, cache_dir=ours, **arguments))
    expected = Path(keras.utils.get_file(origin=origin, cache_dir=str(theirs), **arguments))
    assert path.relative_to(ours) == expected.relative_to(theirs)
    notes = {name: body for name, body in list_tree(ours).items() if not name.endswith(".extracted")}
    assert notes == list_tree(theirs)


def test_cache_of_keras_is_found(tmp_path, monkeypatch, server):
    monkeypatch.delenv("KERATA_HOME")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    (tmp_path / "keras" / "datasets" / "poem.txt").write_bytes(POEM)
    path = get_file(origin=server.address + "/data/poem.txt", file_hash=SHA256)
    assert path == str(tmp_path / "keras" / "datasets" / "poem.txt") and not server.asked
    monkeypatch.setenv("KERATA_HOME", str(tmp_path / "kerata"))
    assert get_file(origin=server.address + "/data/poem.txt").startswith(str(tmp_path / "kerata"))


# -- fetching


def test_fetches_once(cache, server):
    for _ in range(2):
        path = get_file("mine.txt", server.address + "/data/poem.txt", file_hash=SHA256.upper())
        assert path == str(cache / "datasets" / "mine.txt") and Path(path).read_bytes() == POEM
    assert server.asked == ["/data/poem.txt"]
    get_file("mine.txt", server.address + "/data/poem.txt", force_download=True)
    assert len(server.asked) == 2
    assert list_tree(cache) == {"datasets/mine.txt": POEM}


@pytest.mark.parametrize("wrong", ["0" * 64, "0" * 32])
def test_wrong_checksum_keeps_nothing(cache, server, wrong):
    found = SHA256 if len(wrong) == 64 else MD5
    with pytest.raises(ValueError, match=rf"get_file \(poem.txt\): the checksum is wrong.*{found}, expected {wrong}"):
        get_file(origin=server.address + "/data/poem.txt", file_hash=wrong)
    assert list_tree(cache) == {}


def test_failed_download_keeps_the_old_file(cache, server):
    path = Path(get_file(origin=server.address + "/data/poem.txt"))
    server.files["/data/poem.txt"] = b"tampered"
    with pytest.raises(ValueError, match="checksum is wrong"):
        get_file(origin=server.address + "/data/poem.txt", file_hash=SHA256, force_download=True)
    server.cut_short = 3
    with pytest.raises(ConnectionError, match="ended after 5 of 8 bytes"):
        get_file(origin=server.address + "/data/poem.txt", force_download=True)
    assert path.read_bytes() == POEM and list(list_tree(cache)) == ["datasets/poem.txt"]


def test_damaged_cache_is_fetched_again(cache, server):
    (cache / "datasets").mkdir(parents=True)
    (cache / "datasets" / "poem.txt").write_bytes(POEM[:50])
    with pytest.warns(UserWarning, match=r"poem.txt is damaged or out of date \(its sha256 is"):
        path = get_file(origin=server.address + "/data/poem.txt", file_hash=SHA256)
    assert Path(path).read_bytes() == POEM


def test_unreachable_says_what_to_do(cache, closed_address):
    with pytest.raises(ConnectionError) as caught:
        get_file(origin=closed_address + "/data/poem.txt")
    text = str(caught.value)
    assert text.startswith("get_file (poem.txt): the file must be reachable. Tried http://127.0.0.1:")
    assert "Connection refused" in text
    assert "set KERATA_MIRROR to a folder or an http(s) address that holds 'poem.txt'" in text
    assert f"or put the file at {cache / 'datasets' / 'poem.txt'}" in text


def test_missing_on_the_server(server):
    with pytest.raises(ConnectionError, match=r"the server answers 404"):
        get_file(origin=server.address + "/data/other.txt")


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({}, r"`origin` must be the address of the file to download. Received: origin=None"),
        ({"origin": "poem.txt"}, r"`origin` must begin with http://"),
        ({"origin": "gs://bucket/poem.txt"}, r"`origin` must begin with http://"),
        ({"origin": "http://host/"}, r"`fname` must be a file name .*Name the file with `fname`"),
        ({"origin": "http://host/.."}, r"`fname` must be a file name"),
        ({"origin": "http://host/a%2F..%5Cb"}, r"`fname` must be a file name"),
        ({"origin": "http://host/a", "fname": "b/c"}, r"`fname` must be .*cache_subdir"),
        ({"origin": "http://host/a", "hash_algorithm": "sha1"}, r"`hash_algorithm` must be one of 'auto'"),
        ({"origin": "http://host/a", "extract": True, "archive_format": "rar"}, r"`archive_format` must be one of"),
    ],
)
def test_bad_arguments(cache, arguments, expected):
    with pytest.raises(ValueError, match=expected):
        get_file(**arguments)
    assert not cache.exists()


# -- the mirror


@pytest.mark.parametrize("place", ["poem.txt", "datasets/poem.txt", "data/poem.txt", "example.invalid/data/poem.txt"])
@pytest.mark.parametrize("kind", ["folder", "http"])
def test_mirror(tmp_path, monkeypatch, server, place, kind):
    server.files = {"/pub/" + place: POEM}
    (tmp_path / "mirror" / place).parent.mkdir(parents=True)
    (tmp_path / "mirror" / place).write_bytes(POEM)
    monkeypatch.setenv("KERATA_MIRROR", str(tmp_path / "mirror") if kind == "folder" else server.address + "/pub/")
    path = get_file(origin="https://example.invalid/data/poem.txt?version=2", file_hash=SHA256)
    assert Path(path).read_bytes() == POEM


def test_mirror_holds_archives_under_their_own_name(tmp_path, monkeypatch):
    (tmp_path / "mirror").mkdir()
    make_tar(tmp_path / "mirror" / "set.tar.gz", [("a.txt", b"a")])
    monkeypatch.setenv("KERATA_MIRROR", str(tmp_path / "mirror"))
    folder = get_file("flowers", "https://example.invalid/set.tar.gz", extract=True)
    assert list_tree(Path(folder)) == {"a.txt": b"a"}


def test_mirror_prefers_the_more_telling_place(tmp_path, monkeypatch):
    (tmp_path / "mirror" / "datasets" / "fashion").mkdir(parents=True)
    (tmp_path / "mirror" / "poem.txt").write_bytes(b"of another set")
    (tmp_path / "mirror" / "datasets" / "fashion" / "poem.txt").write_bytes(POEM)
    monkeypatch.setenv("KERATA_MIRROR", str(tmp_path / "mirror"))
    path = get_file(origin="https://example.invalid/poem.txt", cache_subdir="datasets/fashion")
    assert Path(path).read_bytes() == POEM


def test_mirror_without_the_file_falls_back_to_the_origin(tmp_path, monkeypatch, server):
    monkeypatch.setenv("KERATA_MIRROR", str(tmp_path))
    assert Path(get_file(origin=server.address + "/data/poem.txt")).read_bytes() == POEM


def test_mirror_that_does_not_answer_is_asked_once(monkeypatch, server, closed_address):
    monkeypatch.setenv("KERATA_MIRROR", closed_address)
    with pytest.raises(ConnectionError) as caught:
        get_file(origin=server.address + "/other.txt")
    assert str(caught.value).count(closed_address) == 1 and "404" in str(caught.value)


def test_mirror_with_another_file_is_refused(tmp_path, monkeypatch, cache):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "poem.txt").write_bytes(b"tampered")
    monkeypatch.setenv("KERATA_MIRROR", str(tmp_path / "mirror"))
    with pytest.raises(ValueError, match=r"checksum is wrong.*It came from .*mirror/poem.txt"):
        get_file(origin="https://example.invalid/poem.txt", file_hash=SHA256)
    assert list_tree(cache) == {}


def test_mirror_that_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KERATA_MIRROR", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"KERATA_MIRROR must be a folder that exists, or an http\(s\) address"):
        get_file(origin="https://example.invalid/poem.txt")


# -- a home folder that cannot be written to


def test_spare_folder(tmp_path, monkeypatch, server):
    (tmp_path / "temporary").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERATA_HOME", str(tmp_path / "file" / "cache"))
    path = Path(get_file(origin=server.address + "/data/poem.txt"))
    assert path.is_relative_to(tmp_path / "temporary") and path.read_bytes() == POEM
    assert files.spare_folder().stat().st_mode & 0o077 == 0
    assert get_file(origin=server.address + "/data/poem.txt") == str(path) and len(server.asked) == 1


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs owners of files")
def test_spare_folder_of_somebody_else_is_not_trusted(tmp_path, monkeypatch, server):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERATA_HOME", str(tmp_path / "file" / "cache"))
    user = os.getuid() + 1
    monkeypatch.setattr(files.os, "getuid", lambda: user)
    planted = files.spare_folder() / "datasets" / "poem.txt"
    planted.parent.mkdir(parents=True)
    planted.write_bytes(b"planted")
    with pytest.raises(PermissionError, match=r"the cache folder must be writable.*KERATA_HOME"):
        get_file(origin=server.address + "/data/poem.txt")


# -- archives


def refused_archives(folder: Path) -> dict[str, Path]:
    link, hard, device = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE
    good = ("good.txt", b"good")
    return {
        "tar: up": make_tar(folder / "1", [good, ("../evil.txt", b"")]),
        "tar: up and down": make_tar(folder / "2", [good, ("a/../../evil.txt", b"")]),
        "tar: absolute": make_tar(folder / "3", [good, (str(folder / "evil.txt"), b"")]),
        "tar: link out": make_tar(folder / "4", [good, ("a", "../evil.txt")], link),
        "tar: absolute link": make_tar(folder / "5", [good, ("a", "/etc/passwd")], link),
        "tar: through a link": make_tar(folder / "6", [good, ("a", ".."), ("a/evil.txt", b"")], link),
        "tar: link to itself": make_tar(folder / "7", [good, ("a", "a")], link),
        "tar: hard link out": make_tar(folder / "8", [good, ("a", "../../evil.txt")], hard),
        "tar: device": make_tar(folder / "9", [good, ("a", "")], device),
        "tar: backslashes": make_tar(folder / "10", [good, ("..\\evil.txt", b"")]),
        "zip: up": make_zip(folder / "11", [good, ("../evil.txt", b"")]),
        "zip: absolute": make_zip(folder / "12", [good, (str(folder / "evil.txt"), b"")]),
        "zip: backslashes": make_zip(folder / "13", [good, ("..\\evil.txt", b"")]),
        "zip: link": make_zip(folder / "14", [good, ("a", b"/etc/passwd")], mode=0o120777),
    }


def test_archives_that_are_refused(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name, archive in refused_archives(source).items():
        cache = tmp_path / "caches" / archive.name
        with pytest.raises(ValueError, match=r"get_file \(set_archive\): the (zip )?archive must .*Received: member="):
            get_file("set", archive.as_uri(), extract=True, cache_dir=cache)
        assert list(list_tree(cache)) == ["datasets/set_archive"], name
        assert not list(tmp_path.rglob("evil.txt")), name


def test_links_inside_an_archive_become_copies(tmp_path):
    source = make_tar(tmp_path / "set.tar", [("d/a.txt", b"a"), ("d/b.txt", "./a.txt"), ("e/c.txt", "../d/a.txt")], b"2")
    folder = Path(get_file("set", source.as_uri(), extract=True))
    assert list_tree(folder) == {"d/a.txt": b"a", "d/b.txt": b"a", "e/c.txt": b"a"}
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    hard = make_tar(tmp_path / "hard.tar", [("d/a.txt", b"a"), ("b.txt", "d/a.txt")], b"1")
    assert list_tree(Path(get_file("hard", hard.as_uri(), extract=True)))["b.txt"] == b"a"


def test_unpacks_once_and_again_when_the_archive_changes(tmp_path):
    origin = make_tar(tmp_path / "set.tar", [("a.txt", b"first")]).as_uri()
    folder = Path(get_file("set", origin, extract=True))
    before = (folder / "a.txt").stat().st_ino
    (folder / "own.txt").write_text("of the user")
    assert get_file("set", origin, extract=True) == str(folder)
    assert (folder / "a.txt").stat().st_ino == before
    make_tar(tmp_path / "set.tar", [("a.txt", b"second")])
    get_file("set", origin, extract=True, force_download=True)
    assert list_tree(folder) == {"a.txt": b"second", "own.txt": b"of the user"}


def test_unpacking_that_was_cut_off_is_done_again(tmp_path):
    origin = make_tar(tmp_path / "set.tar", [("a.txt", b"a"), ("b.txt", b"b")]).as_uri()
    folder = Path(get_file("set", origin, extract=True))
    (folder / "b.txt").unlink()
    (folder.parent / "set_archive.extracted").unlink()
    get_file("set", origin, extract=True)
    assert list_tree(folder) == {"a.txt": b"a", "b.txt": b"b"}


def test_unpacking_does_not_write_through_a_link(tmp_path, cache):
    (tmp_path / "precious.txt").write_text("precious")
    (cache / "datasets" / "set").mkdir(parents=True)
    (cache / "datasets" / "set" / "a.txt").symlink_to(tmp_path / "precious.txt")
    folder = get_file("set", make_tar(tmp_path / "set.tar", [("a.txt", b"a")]).as_uri(), extract=True)
    assert list_tree(Path(folder)) == {"a.txt": b"a"} and (tmp_path / "precious.txt").read_text() == "precious"


@pytest.mark.parametrize("archive_format", ["auto", "zip", None])
def test_no_archive(tmp_path, archive_format):
    (tmp_path / "poem.txt").write_bytes(POEM)
    with pytest.raises(ValueError, match="the file must be an archive of the kinds that `archive_format` names"):
        get_file("poem", (tmp_path / "poem.txt").as_uri(), extract=True, archive_format=archive_format)


# -- progress


class Screen(io.StringIO):
    def __init__(self, watched: bool):
        super().__init__()
        self.watched = watched

    def isatty(self) -> bool:
        return self.watched


@pytest.mark.parametrize("watched", [True, False])
def test_progress_only_where_a_person_watches(monkeypatch, capsys, server, watched):
    screen = Screen(watched)
    monkeypatch.setattr(sys, "stderr", screen)
    get_file(origin=server.address + "/data/poem.txt")
    text = screen.getvalue()
    assert (text.startswith("\rpoem.txt [====================] 0.0 of 0.0 MB,") and text.endswith("\n")) == watched
    assert watched or text == ""
    assert capsys.readouterr().out == ""


# -- replace_file


def test_replace_file_after_an_error(tmp_path):
    target = tmp_path / "model.keras"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="full disk"), replace_file(target) as part:
        part.write_text("ne")
        assert part.suffix == ".keras" and target.read_text() == "old"
        raise RuntimeError("full disk")
    assert list_tree(tmp_path) == {"model.keras": b"old"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_replace_file_writes_to_what_is_no_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with replace_file(pipe) as part:
        part.write_bytes(b"new")
    assert os.read(reader, 10) == b"new" and [one.name for one in tmp_path.iterdir()] == ["pipe"] and not pipe.is_file()
    os.close(reader)


def test_replace_file_follows_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "model").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "model")
    with replace_file(tmp_path / "link") as part:
        part.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "model").read_text() == "new"


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_replace_file_after_a_kill(tmp_path):
    target = tmp_path / "model"
    target.write_text("old")
    code = (
        "import pathlib, sys, time\n"
        "from kerata.base.files import replace_file\n"
        "with replace_file(sys.argv[1]) as part:\n"
        "    part.write_text('ne')\n"
        "    print('half', flush=True)\n"
        "    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "half\n"
    process.kill()
    process.wait()
    process.stdout.close()
    assert target.read_text() == "old"


def test_threads_that_fetch_at_once_get_whole_files(server, cache):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(Path(get_file(origin=server.address + "/data/poem.txt"))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
        time.sleep(0.002)
    for thread in threads:
        thread.join()
    assert [path.read_bytes() for path in found] == [POEM] * 8
    assert list(list_tree(cache)) == ["datasets/poem.txt"]
