"""JPEGs by simplejpeg and OpenCV: Pillow's numbers to the last one, and the files that are left to Pillow."""

import io

import numpy as np
import pytest
from PIL import Image

from kerata.base.refusals import FileError
from kerata.data import jpegs
from kerata.data.jpegs import decode_jpeg, linear, linear_bytes
from kerata.data.pixels import Corners, finished, read_pixels
from kerata.data.reading import read_array
from kerata.data.resizing import resized

KINDS = {
    "plain": {},
    "full colours": {"subsampling": 0},
    "half colours": {"subsampling": 1},
    "progressive": {"progressive": True},
    "coarse": {"quality": 20},
    "red, green, blue": {"keep_rgb": True},
    "restarts": {"restart_marker_rows": 1},
}


def photo(height: int = 75, width: int = 99) -> Image.Image:
    small = np.random.default_rng(0).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def as_jpeg(picture: Image.Image, **how) -> bytes:
    file = io.BytesIO()
    picture.save(file, "jpeg", **how)
    return file.getvalue()


@pytest.fixture
def without(monkeypatch):
    """Reads as if simplejpeg and OpenCV were not there."""

    def read(function, *arguments):
        with monkeypatch.context() as patch:
            patch.setattr(jpegs, "libraries", lambda: None)
            return function(*arguments)

    return read


@pytest.mark.parametrize("kind", KINDS)
def test_decoded_as_by_pillow(kind):
    data = as_jpeg(photo(), **KINDS[kind])
    np.testing.assert_array_equal(decode_jpeg(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
    for at_least in ((30, 40), (19, 20), (9, 12), (8, 80)):
        picture = Image.open(io.BytesIO(data))
        picture.draft("RGB", at_least[::-1])
        np.testing.assert_array_equal(decode_jpeg(data, at_least), np.asarray(picture.convert("RGB")))


def test_left_to_pillow(monkeypatch):
    picture, whole = photo(), as_jpeg(photo())
    assert decode_jpeg(whole) is not None
    gray, four = as_jpeg(picture.convert("L")), as_jpeg(picture.convert("CMYK"))
    cut = (whole[:400], whole[:-2], whole[:3], whole[:2] + whole[-2:])
    others = [
        gray,
        four,
        *cut,
        b"",
        b"GIF89a",
        b"\xff\xd8\xff\xff" * 9 + b"\xff\xd9",
        b"\xff\xd8\xff\xe0\x00\x00" * 9 + b"\xff\xd9",
    ]
    for data in others:
        assert decode_jpeg(data) is None
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 75 * 98)
    assert decode_jpeg(whole) is None


def test_cameras_orientation_is_not_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_jpeg(as_jpeg(photo(), exif=exif)).shape == (75, 99, 3)


@pytest.mark.parametrize("cut", [0.5, 0.99])
def test_files_that_end_too_early_are_an_error(tmp_path, without, cut):
    data = as_jpeg(photo())
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: int(len(data) * cut)])
    messages = []
    for run in (lambda function, *given: function(*given), without):
        with pytest.raises(FileError) as found:
            run(read_array, str(path), "rgb", (20, 30))
        messages.append(str(found.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("size", [(30, 40), (75, 40), (75, 99), (200, 150), (1, 1)])
def test_between_pixels(size):
    x = np.asarray(photo())
    np.testing.assert_allclose(linear(x, size), resized(x, *size), atol=2e-4)
    assert np.abs(linear_bytes(x, size) - resized(x, *size)).max() <= 1


def test_pictures_do_not_depend_on_what_is_installed(tmp_path, without):
    path = str(tmp_path / "photo.jpg")
    (tmp_path / "photo.jpg").write_bytes(as_jpeg(photo()))
    for size in ((30, 40), (75, 99), (80, 31)):
        mine, pillows = (run(read_pixels, path, 3, size, "bilinear") for run in (lambda f, *given: f(*given), without))
        assert not isinstance(mine, Corners)
        if isinstance(pillows, Corners):
            pillows = finished([pillows], 1)[0].reshape(mine.shape)
        np.testing.assert_allclose(mine, pillows, atol=2e-4)


def test_nearest_pixels_are_pillow_s(tmp_path, without):
    draws, path = np.random.default_rng(1), tmp_path / "photo.jpg"
    for turn in range(60):
        height, width, high, wide = draws.integers(1, 130, 4).tolist()
        path.write_bytes(as_jpeg(photo(height, width)))
        given = (str(path), "rgb", (high, wide), "nearest", bool(turn % 2) and min(height, width) > 1, bool(turn % 3))
        try:
            wanted = without(read_array, *given)
        except FileError:
            # No middle is left of a picture that is too narrow.
            with pytest.raises(FileError):
                read_array(*given)
            continue
        np.testing.assert_array_equal(read_array(*given), wanted)


def test_arrays_last(tmp_path):
    """A thread decodes into the same memory again and again, and what it gave before stays."""
    draws, sizes = np.random.default_rng(2), ((75, 99), (30, 40), (150, 40))
    for number in range(6):
        small = draws.integers(0, 256, (7, 9, 3), dtype=np.uint8)
        picture = Image.fromarray(small).resize((99, 75), Image.Resampling.BICUBIC)
        (tmp_path / f"{number}.jpg").write_bytes(as_jpeg(picture))
    paths = [str(tmp_path / f"{number}.jpg") for number in range(6)]
    ways = [lambda path, size, fast=fast: read_pixels(path, 3, size, "bilinear", fast=fast) for fast in (False, True)]
    ways += [lambda path, size: read_array(path, "rgb", size), lambda path, size: read_pixels(path, 3, size, "bicubic")]
    for way in ways:
        for size in sizes:
            given = [way(path, size) for path in paths]
            wanted = [way(path, size).copy() for path in paths]
            np.testing.assert_array_equal(given, wanted)
            assert not np.array_equal(wanted[0], wanted[1])


def test_pictures_are_written_where_they_are_wanted(tmp_path):
    """Into the rows of a batch, where these can take them; what comes elsewhere is the same until the next is read."""
    path, rows = str(tmp_path / "photo.jpg"), np.full((3, 30, 40, 3), -1, np.float32)
    (tmp_path / "photo.jpg").write_bytes(as_jpeg(photo(60, 90)))
    exact = read_pixels(path, 3, (30, 40), "bilinear")
    assert read_pixels(path, 3, (30, 40), "bilinear", out=rows[1]) is not exact
    np.testing.assert_array_equal(rows[1], exact)
    assert (rows[[0, 2]] == -1).all()
    whole = np.zeros((30, 80, 3), np.float32)
    others = [
        rows[0].astype("uint8"),
        np.zeros((40, 30, 3), np.float32).transpose(1, 0, 2),
        whole[:, ::2],
        whole[:, :40],
        rows[0, :20],
    ]
    for fast in (False, True):
        for size in ((30, 40), (60, 90)):
            wanted = read_pixels(path, 3, size, "bilinear", fast=fast)
            for other in others:
                before = other.copy()
                np.testing.assert_array_equal(read_pixels(path, 3, size, "bilinear", fast=fast, out=other), wanted)
                np.testing.assert_array_equal(other, before)
