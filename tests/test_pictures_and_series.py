"""Pictures in files and windows of series, held against Keras."""

import io

import keras
import numpy as np
import pytest
from PIL import Image

import kerata

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (10, 14, 3)).astype("uint8")
FORMS = {
    "gray.png": COLOURS[..., 0],
    "deep.png": COLOURS[..., 0].astype("uint16") * 200,
    "colours.jpg": COLOURS,
    "clear.png": np.dstack([COLOURS, COLOURS[..., :1]]),
    "palette.gif": None,
    "print.jpg": None,
}
BOTH = (kerata.utils, keras.utils)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("pictures")
    for name, array in FORMS.items():
        picture = Image.fromarray(COLOURS if array is None else array)
        if name == "palette.gif":
            picture = picture.convert("P")
        if name == "print.jpg":
            picture = picture.convert("CMYK")
        picture.save(where / name)
    return where


@pytest.mark.parametrize("mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("name", FORMS)
def test_files_are_read_as_keras_reads_them(folder, name, mode):
    mine, theirs = (u.img_to_array(u.load_img(folder / name, color_mode=mode)) for u in BOTH)
    assert mine.dtype == theirs.dtype
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"])
def test_sizes_are_those_of_keras(folder, interpolation, whole):
    for size in ((5, 6), (20, 9)):
        mine, theirs = (
            u.img_to_array(u.load_img(str(folder / "colours.jpg"), "rgb", size, interpolation, whole), "channels_first")
            for u in BOTH
        )
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("scale", [False, True])
def test_arrays_are_written_as_keras_writes_them(channels, scale):
    for x in (RNG.normal(size=(4, 5, channels)) * 50 + 100, np.zeros((4, 5, channels)), RNG.integers(0, 900, (4, 5, 1))):
        kept = x if x.shape[-1] == 1 else np.clip(x, 0, 255)
        mine, theirs = (np.asarray(u.array_to_img(kept, scale=scale)) for u in BOTH)
        np.testing.assert_array_equal(mine, theirs)
        if mine.dtype == "int32":  # PIL writes no PNG of gray in 32 bits.
            continue
        files = [io.BytesIO() for _ in BOTH]
        for utilities, file in zip(BOTH, files, strict=True):
            utilities.save_img(file, kept, file_format="png", scale=scale)
        np.testing.assert_array_equal(*(np.asarray(Image.open(file)) for file in files))


def test_jpeg_knows_no_opacity(tmp_path):
    with pytest.warns(UserWarning, match="knows no opacity"):
        kerata.utils.save_img(tmp_path / "a.jpg", np.zeros((4, 4, 4)))
    assert kerata.utils.load_img(tmp_path / "a.jpg").mode == "RGB"


@pytest.mark.parametrize("size", [(4, 4), (9, 3), (3, 20)])
def test_smart_resize_cuts_as_keras_does(size):
    for x in (COLOURS, COLOURS[None].astype("float32"), np.asarray(kerata.ops.ones((3, 4, 5)))):
        mine, theirs = (k.preprocessing.image.smart_resize(x, size) for k in (kerata, keras))
        assert type(mine) is type(theirs) and mine.dtype == theirs.dtype
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-3)


def test_bad_pictures_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="load_img: there is no such file"):
        kerata.utils.load_img(tmp_path / "none.png")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(ValueError, match=r"load_img \(.*text.jpg\)"):
        kerata.utils.load_img(tmp_path / "text.jpg")
    whole = io.BytesIO()
    kerata.utils.save_img(whole, COLOURS, file_format="jpeg")
    (tmp_path / "cut.jpg").write_bytes(whole.getvalue()[:200])
    with pytest.raises(ValueError, match=r"load_img \(.*cut.jpg\)"):
        kerata.utils.load_img(tmp_path / "cut.jpg")
    with pytest.raises(TypeError, match="`path` must be a path"):
        kerata.utils.load_img(3)
    with pytest.raises(ValueError, match=r"one, three or four channels"):
        kerata.utils.array_to_img(np.zeros((3, 3, 2)))
    with pytest.raises(ValueError, match="two or three axes"):
        kerata.utils.img_to_array(np.zeros(3))


STEPS = np.arange(40.0).reshape(20, 2)


def windows_by_hand(data, targets, length, stride=1, rate=1, first=0, last=None):
    found = []
    for start in range(first, len(data), stride):
        steps = [start + rate * k for k in range(length)]
        if steps[-1] < (len(data) if last is None else last) and (targets is None or start < len(targets)):
            found.append((data[steps], None if targets is None else targets[start]))
    return found


@pytest.mark.parametrize(
    "given",
    [{"length": 4}, {"length": 3, "stride": 2, "rate": 2}, {"length": 5, "first": 3, "last": 17}, {"length": 2, "stride": 7}],
)
@pytest.mark.parametrize("with_targets", [False, True])
def test_windows_are_those_made_by_hand(given, with_targets):
    targets = STEPS[given["length"] :, 0] if with_targets else None
    names = {
        "length": "sequence_length",
        "stride": "sequence_stride",
        "rate": "sampling_rate",
        "first": "start_index",
        "last": "end_index",
    }
    arguments = {names[key]: value for key, value in given.items()}
    right = windows_by_hand(STEPS, targets, **given)
    batches = list(kerata.utils.timeseries_dataset_from_array(STEPS, targets, batch_size=3, **arguments))
    x = np.concatenate([b[0] if with_targets else b for b in batches])
    np.testing.assert_array_equal(x, np.stack([one for one, _ in right]))
    if with_targets:
        np.testing.assert_array_equal(np.concatenate([b[1] for b in batches]), [y for _, y in right])
    single = list(kerata.utils.timeseries_dataset_from_array(STEPS, targets, batch_size=None, **arguments))
    np.testing.assert_array_equal(single[1][0] if with_targets else single[1], right[1][0])


def test_shuffled_windows_keep_their_targets():
    orders = []
    for _ in range(2):
        data = kerata.utils.timeseries_dataset_from_array(STEPS[:, 0], STEPS[3:, 0], 3, shuffle=True, seed=5, batch_size=4)
        x, y = (np.concatenate(parts) for parts in zip(*data, strict=True))
        np.testing.assert_array_equal(y, x[:, -1] + 2)
        orders.append(y)
    np.testing.assert_array_equal(*orders)
    assert sorted(orders[0]) == sorted(STEPS[3:, 0]) and list(orders[0]) != sorted(orders[0])


def test_windows_train_a_model():
    model = kerata.Sequential([kerata.Input((3, 2)), kerata.layers.LSTM(2), kerata.layers.Dense(1)])
    model.compile("adam", "mse")
    data = kerata.utils.timeseries_dataset_from_array(STEPS, STEPS[3:, 0], 3, batch_size=5)
    assert np.isfinite(model.fit(data, epochs=2, verbose=0).history["loss"]).all()
    assert model.predict(kerata.utils.timeseries_dataset_from_array(STEPS, None, 3), verbose=0).shape == (18, 1)


def test_a_window_may_be_all_of_the_data():
    (only,) = kerata.utils.timeseries_dataset_from_array(STEPS, None, len(STEPS))
    np.testing.assert_array_equal(only, STEPS[None])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"sequence_length": 0}, "`sequence_length` must be a positive integer"),
        ({"sequence_length": 30}, "`sequence_length` must be below the number of steps"),
        ({"sequence_length": 3, "sampling_rate": 20}, "`sampling_rate` must be below"),
        ({"sequence_length": 3, "start_index": 30}, "must be steps of the data"),
        ({"sequence_length": 3, "start_index": 7, "end_index": 5}, "must be steps of the data"),
    ],
)
def test_windows_that_cannot_be(arguments, words):
    with pytest.raises(ValueError, match=words):
        kerata.utils.timeseries_dataset_from_array(STEPS, None, **arguments)


def test_windows_have_the_methods_of_tf_data_and_another_order_in_each_pass():
    make = lambda: kerata.utils.timeseries_dataset_from_array(STEPS[:, 0], STEPS[:, 0], 3, batch_size=2, shuffle=True, seed=3)  # noqa: E731
    data = make()
    passes = [np.concatenate([y for _, y in data]) for _ in range(2)]
    assert (passes[0] != passes[1]).any() and sorted(passes[0]) == sorted(passes[1])
    np.testing.assert_array_equal(np.concatenate([y for _, y in make()]), passes[0])
    assert len(data) == 9 and [len(x) for x, _ in data.map(lambda x, y: (x[:1], y)).take(2)] == [1, 1]
    assert data.element_spec[0].shape == (None, 3)


def test_a_single_text_of_a_folder_is_a_text(tmp_path):
    for name in ("bad", "good"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(f"a {name} film")
    data = kerata.utils.text_dataset_from_directory(tmp_path, format="grain", shuffle=False, verbose=False)
    texts, _ = next(iter(data))
    assert texts[0] == texts[0].numpy() == "a bad film" and isinstance(texts[0], str)
    assert isinstance(next(iter(data.unbatch()))[0], str)
    # What a function gives back is a text too.
    assert next(iter(data.unbatch().map(lambda text, label: text))) == "a bad film"
