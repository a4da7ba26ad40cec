"""Pictures, texts and sounds of folders: files, orders, splits and numbers as Keras gave them, and what is wrong with files.

`tools/record_folders.py` wrote what Keras gave.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import folder_cases as cases
import kerata
import picture_cases
from kerata.data.pixels import decoded, finished, pixels
from kerata.data.resizing import fitted, resized
from kerata.data.shuffling import shuffled
from kerata.engine.seeds import OF_OPERATIONS
from kerata.legacy import tfkeras2

RECORDED = np.load(Path(__file__).parent / "folder_numbers.npz")
PICTURES = np.load(Path(__file__).parent / "picture_numbers.npz")
utils = kerata.utils
READERS = {
    "pictures": (utils.image_dataset_from_directory, {"image_size": cases.SIZE}, cases.OF_PICTURES),
    "texts": (utils.text_dataset_from_directory, {}, cases.OF_TEXTS),
    "sounds": (utils.audio_dataset_from_directory, {}, cases.OF_SOUNDS),
}
ROWS = [(kind, name) for kind, (_, _, more) in READERS.items() for name in {**cases.READ, **more}]
# What TensorFlow's discrete cosine transform, which is the faster of two, adds at most.
OF_JPEG = 13


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("folders")
    cases.unpack(RECORDED, path)
    return path


def listed(made):
    return made if isinstance(made, list) else [made]


def read(folder, **how):
    return utils.image_dataset_from_directory(folder, **{"image_size": cases.SIZE, "verbose": False, **how})


# As Keras does it


# (height, width) of a picture and of the result, then the rows and columns that are not filled up, as TensorFlow 2.21 has them.
FILLED = [
    ((10, 23), (30, 30), (13, 30)),
    ((4608, 768), (224, 224), (224, 37)),
    ((768, 4608), (30, 30), (5, 29)),
    ((375, 500), (150, 150), (112, 150)),
]


# What TensorFlow 2.21 gives where its precision decides: (method, size, size wanted, number of a pixel, its value).
NEAR_A_BORDER = [
    ("gaussian", 20, 150, 112, 208.635),
    ("gaussian", 36, 30, 12, 208.635),
    ("bicubic", 34, 299, 243, 201.683),
    ("bicubic", 42, 299, 258, 62.978),
]


@pytest.mark.parametrize(("method", "size", "wanted", "number", "value"), NEAR_A_BORDER)
def test_pixels_near_a_border_are_tensorflow_s(method, size, wanted, number, value):
    picture = (np.arange(size) ** 2 % 251).astype(np.uint8)[:, None, None]
    assert resized(picture, wanted, 1, method)[number, 0, 0] == pytest.approx(value, abs=2e-3)


@pytest.mark.parametrize(("size", "wanted", "total"), [(10, 299, 1935100), (164, 150, 1444107), (346, 299, 5241437)])
def test_nearest_pixels_are_tensorflow_s(size, wanted, total):
    picture = (np.arange(size) ** 2 % 251).astype(np.uint8)[:, None, None]
    assert resized(picture, wanted, 1, "nearest")[:, 0, 0] @ np.arange(wanted) == total


@pytest.mark.parametrize(("picture", "wanted", "left"), FILLED)
def test_pictures_are_filled_up_in_the_precision_of_tensorflow(picture, wanted, left):
    made = fitted(np.ones((*picture, 1), np.uint8), *wanted, "bilinear", pad=True)[..., 0]
    assert (int(made.any(1).sum()), int(made.any(0).sum())) == left and made.shape == wanted


@pytest.mark.parametrize(("picture", "wanted"), [((400, 3), (4, 300)), ((2, 500), (200, 3))])
def test_a_cut_picture_has_a_row_at_least(picture, wanted):
    made = fitted(np.ones((*picture, 1), np.uint8), *wanted, "bilinear", crop=True)
    assert made.shape == (*wanted, 1) and (made == 1).all()


def test_each_walk_through_repeated_files_begins_one_pass_more_as_in_tensorflow(folder):
    def labels(data):
        return [int(one) for _, y in data for one in y]

    plain = read(folder / "pictures", seed=5, batch_size=2)
    passes = [labels(plain) for _ in range(8)]
    repeated = read(folder / "pictures", seed=5, batch_size=2).repeat(2)
    assert [labels(repeated) for _ in range(3)] == [passes[n] + passes[n + 1] for n in (0, 3, 6)]
    assert len({tuple(one) for one in passes}) > 4


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_files_orders_and_numbers_are_keras_s(folder, kind, name):
    function, base, more = READERS[kind]
    made = listed(function(folder / kind, **{**base, **{**cases.READ, **more}[name]}, verbose=False))
    assert len(made) == len({key.split("/")[2] for key in RECORDED.files if key.startswith(f"{kind}/{name}/")})
    for place, data in enumerate(made):
        prefix = f"{kind}/{name}/{place}"
        if f"{prefix}/files" in RECORDED.files:
            assert [str(Path(path).relative_to(folder / kind)) for path in data.file_paths] == RECORDED[
                f"{prefix}/files"
            ].tolist()
        assert (data.class_names or []) == (RECORDED[f"{prefix}/classes"].tolist() if data.class_names else [])
        for turn in range(2):
            found = [part for element in data for part in cases.parts(element)]
            wanted = [RECORDED[key] for key in RECORDED.files if key.startswith(f"{prefix}/{turn}/")]
            assert len(found) == len(wanted) > 0
            for mine, theirs in zip(found, wanted, strict=True):
                mine = mine.astype("S") if mine.dtype == object else mine
                assert (mine.shape, mine.dtype.kind) == (theirs.shape, theirs.dtype.kind)
                if mine.dtype.kind == "f":
                    np.testing.assert_allclose(mine, theirs, atol=1e-3)
                else:
                    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("key", [key for key in RECORDED.files if key.startswith("form/")])
def test_every_form_of_file_is_decoded_as_by_keras(key):
    _, form, mode = key.split("/")
    if (form, mode) == ("bits_png", "rgba"):
        pytest.skip("TensorFlow makes pictures of one bit transparent: its opacity is 1 of 255")
    name = next(name for name in RECORDED.files if name.startswith(f"file/forms/{form}/"))
    found = pixels(decoded(io.BytesIO(RECORDED[name].tobytes()), cases.MODES[mode]), (37, 53))
    differences = np.abs(found.astype(int) - RECORDED[key])
    assert differences.max() <= (OF_JPEG if form.endswith("jpg") else 0)
    assert differences.mean() <= 2


@pytest.mark.parametrize("method", [key.split("/")[1] for key in PICTURES.files if key.startswith("dataset/")][:8])
def test_every_interpolation_is_keras_s(tmp_path, method):
    picture_cases.write_folders(tmp_path)
    data = read(tmp_path, shuffle=False, batch_size=12, interpolation=method)
    x, _ = next(iter(data))
    theirs = PICTURES[f"dataset/{method}"]
    assert x.dtype == theirs.dtype
    np.testing.assert_allclose(x, theirs, atol=1e-3)


@pytest.mark.parametrize(("size", "buffer"), [(100, 16), (40, 256)])
def test_orders_of_a_buffer_are_tensorflow_s(size, buffer):
    for epoch, order in enumerate(PICTURES[f"shuffle/{size}/{buffer}"]):
        assert list(shuffled(range(size), buffer, (OF_OPERATIONS, 3), epoch)) == order.tolist()
    again = list(shuffled(range(size), buffer, (OF_OPERATIONS, 3), None))
    assert sorted(again) == list(range(size)) and again == list(shuffled(range(size), buffer, (OF_OPERATIONS, 3), None))


@pytest.mark.parametrize("picture", [(40, 60), (41, 33), (30, 91), (20, 20)])
def test_the_quick_way_to_smaller_sizes_is_the_exact_one(picture):
    array = np.random.RandomState(3).randint(0, 256, (*picture, 3)).astype("uint8")
    corners = pixels(Image.fromarray(array), (20, 20))
    made = np.asarray(corners) if picture == (20, 20) else finished([corners], 2)[0].reshape(20, 20, 3)
    np.testing.assert_allclose(made, resized(array, 20, 20), atol=1e-3)


# What models and programs do with them


def test_models_take_them(folder):
    kerata.utils.set_random_seed(1)
    train, held_out = read(folder / "pictures", seed=2, batch_size=4, validation_split=0.4, subset="both")
    model = kerata.Sequential([kerata.Input((*cases.SIZE, 3)), kerata.layers.Flatten(), kerata.layers.Dense(3)])
    model.compile("sgd", kerata.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    history = model.fit(train.map(lambda x, y: (x / 255, y)), validation_data=held_out, epochs=2, verbose=0).history
    assert len(history["loss"]) == len(history["val_accuracy"]) == 2 and np.isfinite(history["loss"]).all()
    x, y = (np.concatenate(part) for part in zip(*held_out, strict=True))
    np.testing.assert_allclose(model.evaluate(held_out, verbose=0), model.evaluate(x, y, verbose=0), rtol=1e-5)
    alone = model.predict(held_out.map(lambda x, y: x), verbose=0)
    np.testing.assert_allclose(alone, model.predict(x, verbose=0), rtol=1e-4, atol=1e-2)


def test_what_programs_call(folder):
    data = read(folder / "pictures", shuffle=False, batch_size=5)
    assert len(data) == int(data.cardinality()) == data.cardinality().numpy() == 3
    assert data.element_spec[0].shape == (None, *cases.SIZE, 3)
    for x, y in data.take(1):
        assert x[0].numpy().dtype == "float32" and data.class_names[y[4]] == data.class_names[int(y[0])] == "ant"
        assert [label.numpy() for label in y] == [0] * 5
        assert kerata.ops.mean(x).shape == ()
    assert [len(y) for _, y in data.skip(1)] == [5, 2]
    rows = data.unbatch()
    assert [y.shape for _, y in rows.batch(7, drop_remainder=True)] == [(7,)]
    kept = data.cache().prefetch(-1).shuffle(3, seed=1).repeat(2)
    assert sorted(len(y) for _, y in kept) == [2, 2, 5, 5, 5, 5]
    assert [int(n) for n, _ in rows.enumerate()] == list(range(12))
    first = rows.filter(lambda x, y: y == 2).map(lambda x, y: {"label": y, "mean": x.mean()})
    assert [int(one["label"]) for one in first] == [2, 2, 2]
    assert len(list(data.concatenate(data).shard(2, 0))) == 3
    assert len(next(data.as_numpy_iterator())[1]) == 5


def test_texts_go_into_layers(folder):
    texts = utils.text_dataset_from_directory(folder / "texts", shuffle=False, verbose=False)
    layer = kerata.layers.TextVectorization(output_sequence_length=3)
    layer.adapt(texts.map(lambda x, y: x))
    numbers, _ = next(iter(texts.map(lambda x, y: (layer(x), y))))
    assert numbers.shape == (12, 3) and layer.get_vocabulary()[numbers[0, 1]] == "says"
    spoken = utils.text_dataset_from_directory(folder / "texts", shuffle=False, verbose=False, format="grain", max_length=3)
    assert next(iter(spoken))[0].tolist()[:5] == ["ant"] * 5


def test_old_namespaces_give_tensors(folder):
    assert tfkeras2.preprocessing.image_dataset_from_directory is not utils.image_dataset_from_directory
    data = tfkeras2.utils.image_dataset_from_directory(folder / "pictures", image_size=(4, 4), shuffle=False, smart_resize=True)
    x, y = next(iter(data.prefetch(1)))
    assert type(x).__name__ == "Tensor" and y.numpy().tolist() == [0] * 5 + [1] * 4 + [2] * 3
    assert data.class_names == ["ant", "bee", "cow"] and data.element_spec[0].shape.as_list() == [None, 4, 4, 3]
    texts = tfkeras2.preprocessing.text_dataset_from_directory(folder / "texts")
    assert texts.element_spec[0].dtype == "string"


@pytest.mark.parametrize("how", [{"sampling_rate": 4000}, {"output_sequence_length": 30}])
def test_sounds_in_other_lengths(folder, how):
    x, _ = next(iter(utils.audio_dataset_from_directory(folder / "sounds", shuffle=False, verbose=False, **how)))
    assert x.shape == ((12, 9, 1) if "sampling_rate" in how else (12, 30, 1)) and np.abs(x).max() <= 1.5


@pytest.mark.parametrize("width", [1, 3, 4])
def test_sounds_of_other_widths(tmp_path, width):
    import wave

    (tmp_path / "a").mkdir()
    numbers = {1: [0, 128, 255], 3: [-(2**23), 0, 2**22], 4: [-(2**31), 0, 2**30]}[width]
    with wave.open(str(tmp_path / "a" / "1.wav"), "wb") as file:
        file.setparams((1, width, 8000, 3, "NONE", ""))
        file.writeframes(b"".join(n.to_bytes(width, "little", signed=width > 1) for n in numbers))
    x, _ = next(iter(utils.audio_dataset_from_directory(tmp_path, verbose=False)))
    np.testing.assert_allclose(x.ravel(), [-1, 0, 127 / 128 if width == 1 else 0.5], atol=1e-6)


# Reading


@pytest.fixture
def photos(tmp_path):
    draws = np.random.RandomState(0)
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for number in range(4):
            Image.fromarray(cases.smooth(60, 80, draws)).save(tmp_path / name / f"{number}.jpg", quality=90)
    return tmp_path


@pytest.mark.parametrize("cache", ["auto", True, "file"])
def test_what_was_read_once_is_read_no_more(photos, tmp_path, cache):
    data = read(photos, image_size=(20, 20), shuffle=False, cache=str(tmp_path / "kept.npy") if cache == "file" else cache)
    first = next(iter(data))[0]
    for path in data.file_paths:
        Path(path).unlink()
    np.testing.assert_array_equal(next(iter(data))[0], first)


@pytest.fixture
def small_files():
    """No file may be longer than 5,000 bytes, as where a disk is full."""
    resource = pytest.importorskip("resource", reason="files have no largest size here")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_without_room_for_what_is_kept(photos, tmp_path, small_files):
    with pytest.raises(OSError) as error:
        read(photos, cache=tmp_path / "kept.npy")
    assert "cache=False keeps none" in error.value.__notes__[0] and not (tmp_path / "kept.npy").exists()


def test_a_disk_without_room_for_changed_pictures_has_whole_ones(photos, tmp_path, small_files):
    target = tmp_path / "made"
    target.mkdir()
    draws = np.random.default_rng(0).integers(0, 256, (4, 60, 60, 3))
    for size in (20, 60):
        flow = kerata.preprocessing.image.ImageDataGenerator().flow(draws[:, :size, :size], save_to_dir=target)
        if size == 20:
            next(flow)
    with pytest.raises(OSError) as error:
        next(flow)
    assert "could not be written to save_to_dir" in error.value.__notes__[0]
    found = [np.asarray(Image.open(path)).shape for path in target.iterdir()]
    assert found == [(20, 20, 3)] * 4
    with pytest.raises(OSError):
        utils.save_img(target / "large.png", draws[0])
    assert len(list(target.iterdir())) == 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_no_picture(photos):
    os.mkfifo(photos / "ant" / "pipe.jpg")
    with pytest.warns(UserWarning, match="are no pictures"):
        data = read(photos)
    assert len(data.file_paths) == 8


def test_both_parts_have_files_of_their_own(photos, tmp_path):
    kept = tmp_path / "kept.npy"
    parts = read(photos, seed=1, validation_split=0.5, subset="both", cache=str(kept))
    assert [sum(len(y) for _, y in part) for part in parts] == [4, 4]
    assert kept.exists() and Path(f"{kept}.validation").exists()


def test_fast_decoding_is_near(photos):
    exact, fast = (next(iter(read(photos, image_size=(20, 20), shuffle=False, decode=how)))[0] for how in ("exact", "fast"))
    assert fast.dtype == np.float32 and np.array_equal(fast, np.rint(fast))
    assert 0 < np.abs(exact - fast).mean() < 12


def test_too_much_for_memory_is_read_each_time(photos, capsys, monkeypatch):
    monkeypatch.setattr("kerata.data.reading.KEPT_BYTES", 1000)
    data = read(photos, shuffle=False)
    first = next(iter(data))[0]
    assert "each epoch reads the files" in capsys.readouterr().out
    np.testing.assert_array_equal(next(iter(data))[0], first)


def test_a_camera_s_orientation_is_not_applied(tmp_path):
    (tmp_path / "a").mkdir()
    notes = Image.Exif()
    notes[0x0112] = 6
    Image.fromarray(np.zeros((8, 6, 3), "uint8")).save(tmp_path / "a" / "1.jpg", exif=notes)
    assert next(iter(read(tmp_path, image_size=(8, 6))))[0].shape == (1, 8, 6, 3)


# What is wrong with files and arguments


def test_files_that_are_no_pictures_are_named_at_the_start(photos):
    (photos / "ant" / "fake.jpg").write_text("no picture")
    with pytest.warns(UserWarning, match="1 of 9 files are no pictures.*fake.jpg"):
        data = read(photos, shuffle=False)
    assert len(data.file_paths) == 8


def damage(photos):
    path = photos / "bee" / "2.jpg"
    path.write_bytes(path.read_bytes()[:700])
    return path


def test_damaged_files_are_skipped_in_training_and_named(photos):
    path = damage(photos)
    data = read(photos, seed=1, batch_size=3)
    with pytest.warns(UserWarning, match="cannot be read is left out") as said:
        assert sum(len(y) for _, y in data) == 7
    assert str(path) in str(said[0].message)
    assert sum(len(y) for _, y in data) == 7
    alone = read(photos, seed=1, batch_size=None, label_mode=None)
    with pytest.warns(UserWarning):
        assert len(list(alone)) == 7


def test_damaged_files_are_errors_where_rows_must_stay_in_order(photos):
    path = damage(photos)
    with pytest.raises(ValueError, match=str(path)) as error:
        list(read(photos, shuffle=False))
    assert 'bad_files="skip"' in error.value.__notes__[0]
    with pytest.warns(UserWarning):
        assert sum(len(y) for _, y in read(photos, shuffle=False, bad_files="skip")) == 7


def test_a_file_that_is_gone_in_the_next_pass(photos):
    data = read(photos, shuffle=False, cache=False)
    assert sum(len(y) for _, y in data) == 8
    Path(data.file_paths[5]).unlink()
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        list(data)


def test_taking_one_batch_leaves_no_work_behind(photos):
    data = read(photos, seed=1, batch_size=1)
    for _ in range(3):
        for _ in data.take(1):
            pass
    assert sum(len(y) for _, y in data) == 8


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"labels": 3}, "`labels` must be a list of whole numbers"),
        ({"labels": [0, 1]}, "`labels` must have one label for each file"),
        ({"labels": [0.5] * 8}, "`labels` must be whole numbers"),
        ({"labels": [5] * 8, "label_mode": "categorical"}, "`labels` of 1 classes must be below 1"),
        ({"labels": None, "class_names": ["ant"]}, '`class_names` can only be given with labels="inferred"'),
        ({"class_names": ["ant", "fly"]}, "`class_names` must be names of folders"),
        ({"label_mode": "ints"}, "`label_mode` must be one of 'int', 'categorical', 'binary', None"),
        ({"color_mode": "rbg"}, "Did you mean 'rgb'"),
        ({"image_size": (4,)}, "`image_size` must be an integer or a tuple of 2 integers"),
        ({"image_size": (4, 0)}, "`image_size` must be an integer or a tuple of 2 integers"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"interpolation": "cubic"}, "`interpolation` must be one of"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "only one of"),
        ({"format": "torch"}, "`format` must be one of 'tf', 'grain'"),
        ({"validation_split": 0.2}, "`validation_split` and `subset` must be given together"),
        ({"validation_split": 1.2, "subset": "training"}, "`validation_split` must be between 0 and 1"),
        ({"validation_split": 0.2, "subset": "test"}, "`subset` must be one of"),
        ({"validation_split": 0.2, "subset": "training"}, "`seed` is needed where shuffled files are split"),
        ({"validation_split": 0.1, "subset": "validation", "seed": 1}, "there must be a file for validation"),
        ({"decode": "quick"}, "`decode` must be one of"),
        ({"bad_files": "drop"}, "`bad_files` must be one of"),
        ({"cache": 3}, '`cache` must be "auto", True, False or a path'),
    ],
)
def test_wrong_arguments(photos, how, text):
    with pytest.raises(ValueError) as error:
        read(photos, **how)
    assert text in str(error.value)


def test_folders_without_files_or_classes(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"must have a folder for each class.*labels=None"):
        read(tmp_path)
    (tmp_path / "ant").mkdir()
    with pytest.raises(ValueError, match="there must be pictures in the folder"):
        read(tmp_path)
    Image.fromarray(np.zeros((4, 4, 3), "uint8")).save(tmp_path / "ant" / "1.png")
    with pytest.raises(ValueError, match='label_mode="binary" needs two classes'):
        read(tmp_path, label_mode="binary")
    assert next(iter(read(tmp_path)))[1].tolist() == [0]
    with pytest.raises(NotImplementedError, match="there are no ragged tensors"):
        utils.audio_dataset_from_directory(tmp_path, ragged=True)


def test_a_training_that_goes_on_has_the_orders_of_its_epochs(photos):
    def trained(parts):
        kerata.utils.set_random_seed(5)
        model = kerata.Sequential([kerata.Input((20, 20, 3)), kerata.layers.Flatten(), kerata.layers.Dense(2)])
        model.compile(kerata.optimizers.SGD(1e-7), kerata.losses.SparseCategoricalCrossentropy(from_logits=True))
        for first, last in parts:
            # As after a restart.
            data = read(photos, image_size=(20, 20), seed=4, batch_size=3)
            model.fit(data, epochs=last, initial_epoch=first, verbose=0)
        return model.get_weights()[0]

    np.testing.assert_array_equal(trained([(0, 1), (1, 3)]), trained([(0, 3)]))


def frozen_network():
    kerata.utils.set_random_seed(3)
    base = kerata.Sequential([kerata.Input((20, 20, 3)), kerata.layers.Conv2D(4, 3), kerata.layers.Flatten()], name="base")
    base.trainable = False
    model = kerata.Sequential([kerata.Input((20, 20, 3)), kerata.layers.Rescaling(1 / 255), base, kerata.layers.Dense(2)])
    model.compile("sgd", kerata.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def test_what_a_frozen_part_makes_of_pictures_is_computed_once(photos, capsys, monkeypatch):
    monkeypatch.setattr("kerata.training.once.LEAST_FLOPS", 1.0)
    found = []
    for once in (False, True):
        model = frozen_network()
        data = read(photos, image_size=(20, 20), seed=4, batch_size=3).prefetch(2)
        history = model.fit(data, validation_data=data, epochs=3, verbose=2, cache_frozen=once).history
        assert ("computed once" in capsys.readouterr().out) is once
        found.append((history["loss"], history["val_loss"], model.get_weights()[-1]))
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_a_frozen_part_goes_on_where_files_are_skipped(photos, capsys, monkeypatch):
    monkeypatch.setattr("kerata.training.once.LEAST_FLOPS", 1.0)
    damage(photos)
    data = read(photos, image_size=(20, 20), seed=4, batch_size=3)
    with pytest.warns(UserWarning, match="is left out"):
        history = frozen_network().fit(data, epochs=2, verbose=2).history
    assert "computed once" not in capsys.readouterr().out and len(history["loss"]) == 2
