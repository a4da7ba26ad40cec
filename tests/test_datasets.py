"""The data sets: equal to Keras's on the same files, read safely, and the piece of MNIST that the package ships."""

import gzip
import hashlib
import importlib
import inspect
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from kerata import datasets
from kerata.base import config
from kerata.datasets import cifar, pickles

os.environ.setdefault("KERAS_BACKEND", "jax")

SHARED = Path(__file__).parents[2] / "shared" / "data"
NAMES = ("mnist", "fashion_mnist", "cifar10", "cifar100", "imdb", "reuters", "boston_housing", "california_housing")


@pytest.fixture(autouse=True)
def mirror(tmp_path, monkeypatch):
    """A folder that stands for the internet, and an empty cache."""
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("KERATA_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KERATA_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "mirror"


def put(monkeypatch, path: Path, module, constant: str = "FILE_HASH") -> Path:
    """Lets the module expect this file instead of the real one."""
    monkeypatch.setattr(module, constant, hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def find_keras(monkeypatch, name: str, path: Path):
    """Real Keras's module, reading this file."""
    importlib.import_module("keras")
    module = importlib.import_module(f"keras.src.datasets.{name}")
    monkeypatch.setattr(module, "get_file", lambda *args, **kwargs: str(path))
    return module


def assert_same(ours, theirs) -> None:
    """Both are (x, y), (x, y): the same shapes, types and elements."""
    for our, their in zip([*ours[0], *ours[1]], [*theirs[0], *theirs[1]], strict=True):
        assert our.dtype == their.dtype and our.shape == their.shape
        if our.dtype == object:
            assert our.tolist() == their.tolist()
            assert all(type(word) is int for text in our for word in text)
        else:
            np.testing.assert_array_equal(our, their)


def make_texts(count: int, seed: int) -> np.ndarray:
    """(count,) of lists of 1 to 30 word ranks from 1 to 49."""
    random = np.random.RandomState(seed)
    texts = np.empty(count, dtype=object)
    for place in range(count):
        texts[place] = random.randint(1, 50, random.randint(1, 31)).tolist()
    return texts


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_keras(name):
    keras = importlib.import_module("keras")
    for function in ("load_data", "get_word_index", "get_label_names"):
        theirs = getattr(getattr(keras.datasets, name), function, None)
        ours = getattr(getattr(datasets, name), function, None)
        assert (theirs is None) == (ours is None)
        if theirs is not None and ours is not None:
            expected = [(p.name, p.default) for p in inspect.signature(theirs).parameters.values()]
            assert [(p.name, p.default) for p in inspect.signature(ours).parameters.values()] == expected


@pytest.mark.parametrize("name", NAMES)
def test_hashes_are_keras(name):
    keras_module = importlib.import_module(f"keras.src.datasets.{name}")
    source = inspect.getsource(keras_module)
    module = getattr(datasets, name)
    for constant in ("FILE_HASH", "WORD_INDEX_HASH"):
        assert getattr(module, constant, "") in source


# -- texts


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"num_words": 20},
        {"num_words": 20, "skip_top": 5},
        {"skip_top": 3, "oov_char": None},
        {"num_words": 30, "oov_char": None},
        {"maxlen": 12},
        {"maxlen": 12, "num_words": 20, "seed": 7},
        {"start_char": None},
        {"start_char": None, "index_from": 0},
        {"start_char": 7, "index_from": 10, "oov_char": 8, "num_words": 25},
        {"seed": 1},
    ],
)
@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_texts_are_keras(monkeypatch, mirror, name, arguments):
    module = getattr(datasets, name)
    path = mirror / f"{name}.npz"
    if name == "imdb":
        arrays = {"x_train": make_texts(40, 0), "y_train": np.arange(40) % 2}
        arrays |= {"x_test": make_texts(30, 1), "y_test": np.arange(30) % 2}
    else:
        arrays = {"x": make_texts(70, 2), "y": np.arange(70) % 46}
    np.savez(path, **arrays)
    put(monkeypatch, path, module)
    assert_same(module.load_data(**arguments), find_keras(monkeypatch, name, path).load_data(**arguments))


@pytest.mark.parametrize("test_split", [0, 0.2, 0.5])
def test_reuters_split_is_keras(monkeypatch, mirror, test_split):
    np.savez(mirror / "reuters.npz", x=make_texts(33, 2), y=np.arange(33))
    path = put(monkeypatch, mirror / "reuters.npz", datasets.reuters)
    theirs = find_keras(monkeypatch, "reuters", path).load_data(test_split=test_split)
    assert_same(datasets.reuters.load_data(test_split=test_split), theirs)


def test_texts_of_one_length_stay_lists(monkeypatch, mirror):
    texts = np.empty(3, dtype=object)
    texts[:] = [None] * 3
    for place in range(3):
        texts[place] = [place + 1, 5]
    np.savez(mirror / "reuters.npz", x=texts, y=np.arange(3))
    put(monkeypatch, mirror / "reuters.npz", datasets.reuters)
    (x_train, _), (x_test, _) = datasets.reuters.load_data(test_split=0.34)
    assert x_train.shape == (1,) and x_test.shape == (2,) and isinstance(x_test[1], list)


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_nothing_short_enough(monkeypatch, mirror, name):
    module = getattr(datasets, name)
    texts = make_texts(5, 0)
    np.savez(mirror / f"{name}.npz", x_train=texts, y_train=np.ones(5), x_test=texts, y_test=np.ones(5), x=texts, y=texts)
    put(monkeypatch, mirror / f"{name}.npz", module)
    with pytest.raises(ValueError, match=rf"{name}.load_data: `maxlen` must be more than .*Received: maxlen=1"):
        module.load_data(maxlen=1)


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_word_index(monkeypatch, mirror, name):
    module = getattr(datasets, name)
    path = mirror / f"{name}_word_index.json"
    path.write_text(json.dumps({"the": 1, "caf\u00e9": 2}), encoding="utf-8")
    put(monkeypatch, path, module, "WORD_INDEX_HASH")
    assert module.get_word_index() == {"the": 1, "caf\u00e9": 2}


def test_label_names_are_keras():
    keras = importlib.import_module("keras")
    assert datasets.reuters.get_label_names() == keras.datasets.reuters.get_label_names()


@pytest.mark.parametrize(
    "call, kind, expected",
    [
        (lambda: datasets.imdb.load_data(nb_words=10), TypeError, "`nb_words` is `num_words` now"),
        (lambda: datasets.imdb.load_data(num_word=10), TypeError, "Received: num_word=10. Did you mean 'num_words'"),
        (lambda: datasets.reuters.load_data(test_split=1.0), ValueError, "reuters.load_data: `test_split` must be at"),
        (lambda: datasets.boston_housing.load_data(test_split=-1), ValueError, "`test_split` must be at least 0"),
        (lambda: datasets.california_housing.load_data("tiny"), ValueError, "`version` must be one of 'small', 'large'"),
        (lambda: datasets.cifar100.load_data("rough"), ValueError, "`label_mode` must be one of 'fine', 'coarse'"),
        (lambda: datasets.mnist.load_data("a/mnist.npz"), ValueError, "`fname` must be a file name without folders"),
    ],
)
def test_bad_arguments(call, kind, expected):
    with pytest.raises(kind, match=expected):
        call()


# -- tables


@pytest.mark.parametrize("arguments", [{}, {"test_split": 0.37, "seed": 3}, {"test_split": 0}])
@pytest.mark.parametrize(
    "name, version", [("boston_housing", None), ("california_housing", "small"), ("california_housing", "large")]
)
def test_tables_are_keras(monkeypatch, mirror, name, version, arguments):
    module = getattr(datasets, name)
    random = np.random.RandomState(0)
    np.savez(mirror / f"{name}.npz", x=random.normal(size=(701, 8)), y=random.normal(size=701))
    path = put(monkeypatch, mirror / f"{name}.npz", module)
    arguments = arguments | ({"version": version} if version else {})
    assert_same(module.load_data(**arguments), find_keras(monkeypatch, name, path).load_data(**arguments))


# -- pictures


def make_archive(path: Path, folder: str, batches: dict[str, dict]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, batch in batches.items():
            body = pickle.dumps(batch, protocol=4)
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))


def make_batch(count: int, seed: int, **labels: int) -> dict[bytes, object]:
    random = np.random.RandomState(seed)
    batch: dict[bytes, object] = {b"data": random.randint(0, 256, (count, 3072)).astype(np.uint8)}
    for name, classes in labels.items():
        batch[name.encode()] = random.randint(0, classes, count).tolist()
    return batch | {b"batch_label": b"a batch", b"filenames": [b"cat_s_1.png"] * count}


def test_cifar10(monkeypatch, mirror):
    batches = {f"data_batch_{i}": make_batch(4, i, labels=10) for i in range(1, 6)} | {
        "test_batch": make_batch(3, 6, labels=10)
    }
    make_archive(mirror / "cifar-10-python.tar.gz", "cifar-10-batches-py", batches)
    put(monkeypatch, mirror / "cifar-10-python.tar.gz", datasets.cifar10)
    (x_train, y_train), (x_test, y_test) = datasets.cifar10.load_data()
    assert x_train.shape == (20, 32, 32, 3) and y_train.shape == (20, 1) and x_train.dtype == y_train.dtype == np.uint8
    assert x_test.shape == (3, 32, 32, 3) and y_test.shape == (3, 1) and x_test.dtype == y_test.dtype == np.uint8
    # A row of a batch is the red plane, then the green, then the blue.
    data = batches["data_batch_2"][b"data"]
    assert x_train[5, 7, 9, 2] == data[1, 2 * 1024 + 7 * 32 + 9]
    assert y_train[4:8, 0].tolist() == batches["data_batch_2"][b"labels"]


def test_a_batch_that_is_no_dict_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"the batch must be a dict with 'data' and 'labels'.*keys='int'"):
        cifar.standardize_batch(5, tmp_path / "data_batch_1", "labels")
    with pytest.raises(ValueError, match=r"keys=.'data'."):
        cifar.standardize_batch({"data": []}, tmp_path / "data_batch_1", "labels")


@pytest.mark.parametrize("label_mode", ["fine", "coarse"])
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_cifar100_is_keras(monkeypatch, mirror, tmp_path, label_mode, layout):
    keras = importlib.import_module("keras")
    batches = {part: make_batch(5, 0, fine_labels=100, coarse_labels=20) for part in ("train", "test")}
    make_archive(mirror / "cifar-100-python.tar.gz", "cifar-100-python", batches)
    put(monkeypatch, mirror / "cifar-100-python.tar.gz", datasets.cifar100)
    monkeypatch.setitem(config._settings, "image_data_format", layout)
    before = keras.config.image_data_format()
    keras.config.set_image_data_format(layout)
    try:
        ours = datasets.cifar100.load_data(label_mode)
        folder = tmp_path / "cache" / "datasets" / "cifar-100-python-target"
        assert_same(ours, find_keras(monkeypatch, "cifar100", folder).load_data(label_mode))
    finally:
        keras.config.set_image_data_format(before)


def test_batch_as_python_2_wrote_it(tmp_path):
    # The opcodes of the real files: protocol 2, text as bytes, the array's state with a byte-string of its elements.
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02K\x03\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x06\x00\x01\x02\xfd\xfe\xfftb"
    )
    batch = pickles.read_pickle(b"\x80\x02}(U\x04data" + array + b"U\x06labels](K\x01K\x09eu.", "data_batch_1")
    assert batch["labels"] == [1, 9] and batch["data"].dtype == np.uint8
    assert batch["data"].tolist() == [[0, 1, 2], [253, 254, 255]]


def write_idx(folder: Path, part: str, count: int, seed: int) -> dict[str, bytes]:
    random = np.random.RandomState(seed)
    images = struct.pack(">IIII", 2051, count, 28, 28) + random.randint(0, 256, count * 784).astype(np.uint8).tobytes()
    labels = struct.pack(">II", 2049, count) + random.randint(0, 10, count).astype(np.uint8).tobytes()
    bodies = {f"{part}-images-idx3-ubyte.gz": images, f"{part}-labels-idx1-ubyte.gz": labels}
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in bodies.items():
        (folder / name).write_bytes(gzip.compress(body))
    return bodies


def test_fashion_mnist_is_keras(monkeypatch, mirror):
    bodies = write_idx(mirror / "datasets" / "fashion-mnist", "train", 6, 0)
    bodies |= write_idx(mirror / "datasets" / "fashion-mnist", "t10k", 4, 1)
    write_idx(mirror, "train", 6, 2)  # MNIST's own files have these names too
    hashes = {name: hashlib.md5(body).hexdigest() for name, body in bodies.items()}
    monkeypatch.setattr(datasets.fashion_mnist, "CONTENT_HASHES", hashes)
    theirs = importlib.import_module("keras.src.datasets.fashion_mnist")
    monkeypatch.setattr(theirs, "get_file", lambda name, **kwargs: mirror / "datasets" / "fashion-mnist" / name)
    assert_same(datasets.fashion_mnist.load_data(), theirs.load_data())
    assert datasets.fashion_mnist.load_data()[0][0].flags.writeable


def test_fashion_mnist_refuses_other_files(mirror, tmp_path):
    write_idx(mirror, "train", 6, 0)
    with pytest.raises(ValueError, match=r"the md5 of its content is .*, expected f4a8712d7a061bf5bd6d2ca38dc4d50a"):
        datasets.fashion_mnist.load_data()
    (mirror / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match="it cannot be unpacked"):
        datasets.fashion_mnist.load_data()
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_mnist_refuses_another_file(mirror):
    np.savez(mirror / "mnist.npz", x_train=np.zeros((2, 28, 28), np.uint8))
    with pytest.raises(ValueError, match=r"get_file \(mnist.npz\): the checksum is wrong.*expected 731c5ac6"):
        datasets.mnist.load_data()
    (mirror / "mnist.npz").write_bytes(b"no zip")
    with pytest.raises(ValueError, match="checksum is wrong"):
        datasets.mnist.load_data()


@pytest.mark.skipif(not (SHARED / "mnist.npz").exists(), reason="needs the shared copy of MNIST")
def test_mnist_from_a_mirror_in_another_packing(monkeypatch):
    monkeypatch.setenv("KERATA_MIRROR", str(SHARED))
    (x_train, y_train), (x_test, y_test) = datasets.mnist.load_data()
    with np.load(SHARED / "mnist.npz") as f:
        for found, name in ((x_train, "x_train"), (y_train, "y_train"), (x_test, "x_test"), (y_test, "y_test")):
            np.testing.assert_array_equal(found, f[name])
    # The published MD5 of MNIST's own first file, which is a header and these bytes.
    header = struct.pack(">IIII", 2051, 60000, 28, 28)
    assert hashlib.md5(header + x_train.tobytes()).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"


# -- the piece of MNIST in the package


def test_subset_is_balanced_and_small():
    (x_train, y_train), (x_test, y_test) = datasets.mnist.load_subset()
    assert x_train.shape == (5000, 28, 28) and x_test.shape == (1000, 28, 28)
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert np.bincount(y_train).tolist() == [500] * 10 and np.bincount(y_test).tolist() == [100] * 10
    assets = Path(str(resources.files("kerata.datasets") / "assets"))
    assert sum(path.stat().st_size for path in assets.iterdir()) <= 1_200_000


@pytest.mark.skipif(not (SHARED / "mnist.npz").exists(), reason="needs the shared copy of MNIST")
def test_subset_is_a_piece_of_mnist():
    with np.load(SHARED / "mnist.npz") as f:
        for part, (x, y) in zip(("train", "test"), datasets.mnist.load_subset(), strict=True):
            places = {image.tobytes(): place for place, image in enumerate(f[f"x_{part}"])}
            chosen = [places[image.tobytes()] for image in x]
            assert chosen == sorted(chosen) and len(set(chosen)) == len(x)
            np.testing.assert_array_equal(f[f"y_{part}"][chosen], y)


# -- pickles of strangers


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.reduced = (function, arguments)

    def __reduce__(self):
        return self.reduced


def write_object_npz(path: Path, body: bytes, shape: tuple[int, ...] = (1,)) -> Path:
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "|O", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member.getvalue() + body)
    return path


def make_hostile(path: Path) -> dict[str, tuple[bytes, str]]:
    """Each with what the message must say; each would make `path`, or is not what it claims to be."""
    nested = np.empty(1, dtype=object)
    nested[0] = Call(os.mkdir, str(path))
    short = np.empty(2, dtype=object)
    words = np.empty(1, dtype=object)
    words[0] = ["text"]
    lie = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
        b"(K\x01K\x09\x85cnumpy\ndtype\n(U\x02u1tR\x89U\x01atb."
    )
    pointer = lie.replace(b"U\x02u1", b"U\x03O16")
    return {
        "a function": (pickle.dumps(Call(os.mkdir, str(path))), r"mkdir"),
        "in an array": (pickle.dumps(nested, protocol=4), r"mkdir"),
        "eval": (pickle.dumps(Call(eval, f"__import__('os').mkdir({str(path)!r})")), r"builtins\.eval"),
        "a dotted name": (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", r"numpy\.ndarray\.tofile"),
        "a stand-in's method": (b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.", r"numpy\.dtype\.__init__"),
        "by attribute": (b"cbuiltins\ngetattr\n.", r"builtins\.getattr"),
        "attributes of a class": (b"cnumpy\ndtype\nN}U\x04codeU\x01Os\x86b.", ""),
        "no lists": (pickle.dumps(short, protocol=4), "not lists of integers"),
        "text": (pickle.dumps(words, protocol=4), "unsupported operand"),
        "too few bytes": (b"\x80\x02" + lie, "cannot reshape"),
        "an unknown type": (b"\x80\x02" + pointer, "an array of type"),
        "cut off": (pickle.dumps(nested, protocol=4)[:20], ""),
        "no pickle": (b"hello", ""),
        "nothing": (b"", ""),
    }


@pytest.mark.parametrize("case", list(make_hostile(Path("/nowhere"))))
def test_hostile_pickles_are_refused(tmp_path, case):
    body, expected = make_hostile(tmp_path / "made")[case]
    path = write_object_npz(tmp_path / "x.npz", body, (2,) if case == "no lists" else (1,))
    with pytest.raises(ValueError, match=rf"load_data \(x.npz, x.npy\): the pickled data must only hold .*{expected}"):
        pickles.load_npz(path)
    assert not (tmp_path / "made").exists()
    assert pickles.STAND_INS["numpy", "dtype"]().code == ""


def test_array_that_is_not_what_its_header_says(tmp_path):
    path = write_object_npz(tmp_path / "x.npz", pickle.dumps(make_texts(3, 0), protocol=4), (5,))
    with pytest.raises(ValueError, match=r"the member must hold an array of shape \(5,\), as its header says"):
        pickles.load_npz(path)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_object_arrays_of_every_protocol(tmp_path, protocol):
    texts = make_texts(6, 0)
    path = write_object_npz(tmp_path / "x.npz", pickle.dumps(texts, protocol=protocol), (6,))
    assert pickles.load_npz(path)["x"].tolist() == texts.tolist()


@pytest.mark.parametrize("kind", ["<i8", ">i4", "|u1", "<f4", ">f8"])
def test_plain_arrays_in_a_pickle(kind):
    array = np.arange(12).reshape(3, 4).astype(kind)
    for given in (array, np.asfortranarray(array)):
        found = pickles.read_pickle(pickle.dumps({"data": given}, protocol=4), "batch")["data"]
        assert found.dtype == given.dtype
        np.testing.assert_array_equal(found, given)
