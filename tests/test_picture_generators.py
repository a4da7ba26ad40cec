"""`ImageDataGenerator` and its iterators: the pictures, orders and splits that Keras 1, Keras 2 and tf_keras gave.

`tools/record_pictures.py` wrote what they gave.
"""

from pathlib import Path

import numpy as np
import pytest

import kerata
import picture_cases as cases
from kerata.legacy import keras1, keras2, tfkeras2
from kerata.preprocessing.image import ImageDataGenerator

RECORDED = np.load(Path(__file__).parent / "picture_numbers.npz")
OF_ERA = {
    "tf_keras": (ImageDataGenerator, cases.GENERATORS),
    "keras2": (keras2.preprocessing.image.ImageDataGenerator, cases.GENERATORS),
    "keras1": (keras1.preprocessing.image.ImageDataGenerator, cases.GENERATORS_OF_KERAS1),
}
ROWS = [(era, name) for era, (_, generators) in OF_ERA.items() for name in generators]


def recorded(prefix):
    return [RECORDED[f"{prefix}/{number}"] for number in range(sum(key.startswith(f"{prefix}/") for key in RECORDED.files))]


def assert_equal_parts(iterator, prefix, most=0.01):
    wanted = recorded(prefix)
    found = [np.asarray(part) for _ in range(len(wanted) // 2) for part in next(iterator)]
    assert len(found) == len(wanted) > 0
    for mine, theirs in zip(found, wanted, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=most)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("pictures")
    cases.write_folders(path)
    return path


# As it was then


@pytest.mark.parametrize(("era", "name"), ROWS)
def test_the_same_seed_gives_the_same_pictures(era, name):
    generator, generators = OF_ERA[era]
    arguments = generators[name]
    first = arguments.get("data_format") == "channels_first"
    scale = arguments.get("rescale") or 1
    iterator = generator(**arguments).flow(cases.pictures(first=first), cases.labels(), batch_size=3, seed=2)
    assert_equal_parts(iterator, f"{era}/{name}", 0.01 * scale)


@pytest.mark.parametrize("era", ["tf_keras", "keras2"])
def test_brighter_pictures(era):
    iterator = OF_ERA[era][0](**cases.BRIGHT).flow(cases.pictures(), cases.labels(), batch_size=3, seed=2)
    wanted = recorded(f"{era}/bright")
    for number in range(0, len(wanted), 2):
        x, y = next(iterator)
        # Bytes are cut off, so that a last digit may make one more or less of it.
        assert np.mean(np.abs(x - wanted[number]) > 0.01) < 0.02 and np.abs(x - wanted[number]).max() < 3
        np.testing.assert_array_equal(y, wanted[number + 1])


@pytest.mark.parametrize("era", ["tf_keras", "keras2"])
@pytest.mark.parametrize("name", cases.STATISTICS)
def test_statistics_of_pictures(era, name):
    generator = OF_ERA[era][0](**cases.STATISTICS[name])
    generator.fit(cases.pictures(), seed=3)
    x = next(generator.flow(cases.pictures(), batch_size=7, shuffle=False))
    wanted = RECORDED[f"{era}/{name}/0"]
    # Whitening divides by small singular values, which 32 bits do not know to their last digits.
    np.testing.assert_allclose(x, wanted, atol=(3e-3 if name == "zca" else 1e-5) * np.abs(wanted).max())


@pytest.mark.parametrize("subset", ["training", "validation"])
@pytest.mark.parametrize(
    ("prefix", "arguments"),
    [("tf_keras/folders", {}), ("keras2/folders", {}), ("gray", {"color_mode": "grayscale", "class_mode": "sparse"})],
)
def test_folders_in_the_order_of_then(folder, prefix, arguments, subset):
    era = OF_ERA["keras2" if prefix.startswith("keras2") else "tf_keras"][0]
    generator = era(rescale=1 / 255, zoom_range=0.2, horizontal_flip=True, validation_split=0.4)
    how = {"target_size": (6, 7), "batch_size": 2, "seed": 4, "subset": subset, "interpolation": "bilinear", **arguments}
    iterator = generator.flow_from_directory(folder, **how)
    assert iterator.filenames == RECORDED[f"{prefix}/{subset}/files"].tolist()
    np.testing.assert_array_equal(iterator.classes, RECORDED[f"{prefix}/{subset}/classes"])
    assert iterator.class_indices == {"ant": 0, "bee": 1, "cow": 2}
    for number in range(0, 12, 2):
        x, y = next(iterator)
        np.testing.assert_allclose(x, RECORDED[f"{prefix}/{subset}/{number}"], atol=1e-4)
        np.testing.assert_array_equal(y, RECORDED[f"{prefix}/{subset}/{number + 1}"])
    np.testing.assert_array_equal(iterator.index_array, RECORDED[f"{prefix}/{subset}/order"])
    iterator.on_epoch_end()
    np.testing.assert_allclose(iterator[1][0], RECORDED[f"{prefix}/{subset}/item"], atol=1e-4)


def test_ones_own_function_draws_between_two_pictures():
    """A function that draws itself must not change what is drawn for a picture before it."""
    seen = []

    def noisy(x):
        seen.append(np.random.uniform())
        return x

    x = cases.pictures()
    list(zip(range(3), ImageDataGenerator(rotation_range=30, preprocessing_function=noisy).flow(x, seed=5)))
    generator = ImageDataGenerator(rotation_range=30)
    np.random.seed(5)
    np.random.permutation(7)
    for number in range(7):
        generator.get_random_transform(x.shape[1:])
        assert np.random.uniform() == seen[number]


# In training


def small_model(shape=(6, 7, 3), units=3):
    model = kerata.Sequential([kerata.Input(shape), kerata.layers.Flatten(), kerata.layers.Dense(units, "softmax")])
    model.compile("sgd", "categorical_crossentropy")
    return model


def test_fit_evaluate_and_predict_take_iterators(folder):
    generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True)
    train = generator.flow_from_directory(folder, target_size=(6, 7), batch_size=5, seed=1)
    still = ImageDataGenerator(rescale=1 / 255).flow_from_directory(folder, target_size=(6, 7), batch_size=5, shuffle=False)
    model = small_model()
    history = model.fit(train, epochs=2, validation_data=still, verbose=0)
    assert set(history.history) == {"loss", "val_loss"}
    predicted = model.predict(still, verbose=0)
    assert predicted.shape == (12, 3)
    x = np.concatenate([still[number][0] for number in range(3)])
    np.testing.assert_allclose(predicted, model.predict(x, verbose=0), atol=1e-6)
    targets = np.eye(3)[still.classes]
    assert model.evaluate(still, verbose=0) == pytest.approx(model.evaluate(x, targets, verbose=0), rel=1e-5)


def test_looking_at_a_batch_takes_no_draw_away(folder):
    given = []

    class Watched(kerata.preprocessing.image.DirectoryIterator):
        def __getitem__(self, index):
            batch = super().__getitem__(index)
            given.append((index, batch[0]))
            return batch

    how = {"target_size": (6, 7), "batch_size": 4, "seed": 1}
    generator = ImageDataGenerator(rotation_range=30)
    watched = Watched(folder, generator, **how)
    small_model().fit(watched, epochs=1, shuffle=False, verbose=0)
    other = generator.flow_from_directory(folder, **how)
    assert [index for index, _ in given] == [0, 0, 1, 2] and watched.total_batches_seen == 3
    for index, x in given[1:]:
        np.testing.assert_array_equal(x, other[index][0])


def test_steps_and_generators_of_old_programs(folder):
    iterator = keras2.preprocessing.image.ImageDataGenerator().flow_from_directory(folder, target_size=(6, 7), batch_size=4)
    model = keras2.models.Sequential()
    model.add(keras2.layers.Flatten(input_shape=(6, 7, 3)))
    model.add(keras2.layers.Dense(3, activation="softmax"))
    model.compile("sgd", "categorical_crossentropy")
    history = model.fit_generator(iterator, steps_per_epoch=5, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2
    assert model.predict_generator(iterator, steps=2).shape == (8, 3)
    assert tfkeras2.preprocessing.image.ImageDataGenerator is ImageDataGenerator
    old = keras1.preprocessing.image.ImageDataGenerator(dim_ordering="th").flow_from_directory(folder, (6, 7))
    assert old.nb_sample == 12 and old.nb_class == 3 and next(old)[0].shape == (12, 3, 6, 7)


def test_tables(folder):
    import pandas

    names = ["ant/0.png", "bee/1.png", "cow/0.png", "ant/1.png", "nowhere.png"]
    table = pandas.DataFrame({"filename": names, "class": ["a", "b", "c", "a", "b"], "w": [1.0, 2, 3, 4, 5], "v": range(5)})
    generator = ImageDataGenerator()
    how = {"target_size": (6, 7), "shuffle": False}
    with pytest.warns(UserWarning, match=r"1 rows without a picture are left out: .*nowhere.png"):
        iterator = generator.flow_from_dataframe(table, folder, weight_col="w", **how)
    x, y, w = next(iterator)
    assert x.shape == (4, 6, 7, 3) and y.argmax(1).tolist() == [0, 1, 2, 0] and w.tolist() == [1, 2, 3, 4]
    table = table[:4]
    assert next(generator.flow_from_dataframe(table, folder, y_col="v", class_mode="raw", **how))[1].tolist() == [0, 1, 2, 3]
    several = next(generator.flow_from_dataframe(table, folder, y_col=["v", "w"], class_mode="multi_output", **how))[1]
    assert [one.tolist() for one in several] == [[0, 1, 2, 3], [1, 2, 3, 4]]
    assert next(generator.flow_from_dataframe(table, folder, class_mode=None, **how)).shape == (4, 6, 7, 3)
    some = generator.flow_from_dataframe(table, folder, classes=["c", "a"], class_mode="sparse", **how)
    assert next(some)[1].tolist() == [1, 0, 1] and some.class_indices == {"c": 0, "a": 1}
    table = table.assign(tags=[["x", "y"], ["y"], ["x"], ["z", "x"]])
    many = next(generator.flow_from_dataframe(table, folder, y_col="tags", **how))[1]
    assert many.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0], [1, 0, 1]]
    with pytest.raises(TypeError, match="must be of type str for class_mode='sparse'"):
        generator.flow_from_dataframe(table, folder, y_col="v", class_mode="sparse", **how)
    with pytest.raises(ValueError, match='"binary" needs two classes'):
        generator.flow_from_dataframe(table, folder, class_mode="binary", **how)
    both = next(generator.flow_from_dataframe(table, folder, y_col=table.columns[2:4], class_mode="raw", **how))[1]
    assert both.tolist() == [[1, 0], [2, 1], [3, 2], [4, 3]]
    with pytest.warns(DeprecationWarning) as caught:
        old = {"has_ext": True, "sort": False, "drop_duplicates": False, "class_mode": "other"}
        assert next(generator.flow_from_dataframe(table, folder, y_col="v", **old, **how))[1].tolist() == [0, 1, 2, 3]
    assert len(caught) == 4


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"x_col": "file"}, "`x_col` must be one of 'filename', 'class'"),
        ({"y_col": "clas"}, "Did you mean 'class'"),
        ({"y_col": ["class"]}, "`y_col` must be one column for class_mode='categorical'"),
        ({"y_col": ["class", "no"], "class_mode": "raw"}, "y_col='no'"),
        ({"weight_col": "w"}, "`weight_col` must be one of"),
    ],
)
def test_columns_that_there_are_not(folder, arguments, text):
    import pandas

    table = pandas.DataFrame({"filename": ["ant/0.png"], "class": ["a"]})
    with pytest.raises(ValueError, match=text):
        ImageDataGenerator().flow_from_dataframe(table, folder, **arguments)


# Files


def test_changed_pictures_are_written(folder, tmp_path):
    iterator = ImageDataGenerator(rotation_range=9).flow_from_directory(
        folder, target_size=(6, 7), batch_size=4, seed=3, save_to_dir=tmp_path, save_prefix="new", save_format="jpeg"
    )
    next(iterator)
    assert len(list(tmp_path.glob("new_*_*.jpeg"))) == 4
    with pytest.raises(OSError) as error:
        ImageDataGenerator().flow(cases.pictures(), save_to_dir=tmp_path / "nowhere")[0]
    assert "could not be written to save_to_dir" in error.value.__notes__[0]


@pytest.fixture
def odd(tmp_path):
    """A folder with a good picture and some others."""
    from PIL import Image

    cases.write_folders(tmp_path, counts=(("ant", 4), ("bee", 4)))
    noise = np.random.RandomState(0).randint(0, 256, (40, 50, 3)).astype("uint8")
    Image.fromarray(noise).save(tmp_path / "ant" / "cut.jpg", quality=95)
    whole = (tmp_path / "ant" / "cut.jpg").read_bytes()
    (tmp_path / "ant" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "bee" / "text.jpg").write_text("I am no picture")
    return tmp_path


def test_files_that_are_no_pictures_are_named_at_once_and_broken_ones_left_out(odd):
    with pytest.warns(UserWarning, match=r"1 of 10 files are no pictures.*text.jpg"):
        iterator = ImageDataGenerator().flow_from_directory(odd, target_size=(6, 7), batch_size=9)
    assert iterator.samples == 9
    with pytest.warns(UserWarning, match=r"a file that cannot be read is left out, the 1. so far: .*cut.jpg"):
        x, y = next(iterator)
    assert x.shape == (8, 6, 7, 3) and y.sum() == 8 and [*iterator.reader.unreadable] == [str(odd / "ant" / "cut.jpg")]
    # Once is enough.
    assert next(iterator)[0].shape == (8, 6, 7, 3)


def test_where_rows_belong_to_files_a_broken_one_is_an_error(odd):
    with pytest.warns(UserWarning, match="no pictures"):
        iterator = ImageDataGenerator().flow_from_directory(odd, target_size=(6, 7), batch_size=9, shuffle=False)
    with pytest.raises(ValueError, match=r"picture \(.*cut.jpg\)") as error:
        next(iterator)
    assert 'bad_files="skip"' in error.value.__notes__[0]


def test_a_file_that_is_deleted_between_two_epochs(folder, tmp_path):
    cases.write_folders(tmp_path)
    for cache in ("auto", False):
        iterator = ImageDataGenerator().flow_from_directory(tmp_path, target_size=(6, 7), batch_size=12, cache=cache)
        assert len(next(iterator)[0]) == 12
        (tmp_path / "ant" / "1.png").rename(tmp_path / "away.png")
        if cache:
            assert len(next(iterator)[0]) == 12
        else:
            with pytest.warns(UserWarning, match="ant/1.png"):
                assert len(next(iterator)[0]) == 11
        (tmp_path / "away.png").rename(tmp_path / "ant" / "1.png")


@pytest.mark.parametrize("cache", [True, False, "file"])
def test_what_is_kept_is_what_was_read(folder, tmp_path, cache):
    cache = str(tmp_path / "kept.npy") if cache == "file" else cache
    still = ImageDataGenerator()
    how = {"target_size": (6, 7), "batch_size": 12, "shuffle": False}
    iterator = still.flow_from_directory(folder, cache=cache, **how)
    first, second = next(iterator)[0], next(iterator)[0]
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, next(still.flow_from_directory(folder, **how))[0])


def test_pictures_of_all_kinds_become_three_channels(tmp_path):
    from PIL import Image

    (tmp_path / "one").mkdir()
    noise = Image.fromarray(np.random.RandomState(0).randint(0, 256, (8, 9, 3)).astype("uint8"))
    noise.convert("CMYK").save(tmp_path / "one" / "cmyk.jpg")
    noise.convert("P").save(tmp_path / "one" / "palette.png")
    noise.convert("RGBA").save(tmp_path / "one" / "rgba.png")
    noise.convert("1").save(tmp_path / "one" / "bits.png")
    Image.fromarray(np.full((8, 9), 300, "uint16")).save(tmp_path / "one" / "sixteen.png")
    noise.save(tmp_path / "one" / "moving.tiff", save_all=True, append_images=[noise])
    exif = Image.Exif()
    exif[0x0112] = 6
    noise.save(tmp_path / "one" / "turned.jpg", exif=exif)
    generator = ImageDataGenerator()
    x = next(generator.flow_from_directory(tmp_path, target_size=(8, 9), class_mode=None, shuffle=False))
    assert x.shape == (7, 8, 9, 3)
    gray = next(generator.flow_from_directory(tmp_path, (8, 9), "grayscale", class_mode=None, shuffle=False))
    # In more than 8 bits, gray stays what it is.
    assert gray.shape == (7, 8, 9, 1) and gray.max() == 300


def test_fast_decoding_of_jpegs(tmp_path):
    from PIL import Image

    (tmp_path / "one").mkdir()
    ramp = np.add.outer(np.arange(160), np.arange(120)).astype("uint8")
    Image.fromarray(ramp).save(tmp_path / "one" / "ramp.jpg", quality=95)
    how = {"target_size": (20, 20), "class_mode": None, "interpolation": "bilinear"}
    exact, fast = (next(ImageDataGenerator().flow_from_directory(tmp_path, decode=d, **how)) for d in ("exact", "fast"))
    difference = np.abs(exact - fast)
    assert 0 < difference.mean() < 2


# Mistakes


def test_folders_without_pictures_or_classes(tmp_path):
    generator = ImageDataGenerator()
    with pytest.raises(ValueError, match=r'a folder for each class.*classes=\["."\]'):
        generator.flow_from_directory(tmp_path)
    (tmp_path / "one").mkdir()
    with pytest.raises(ValueError, match="there must be a picture in the folders of the classes"):
        generator.flow_from_directory(tmp_path)
    cases.write_folders(tmp_path / "one", counts=(("x", 3), ("ant", 1)))
    loose = generator.flow_from_directory(tmp_path / "one" / "x", (6, 7), classes=["."], class_mode=None, shuffle=False)
    assert loose.filenames == ["./0.png", "./1.png", "./deep/2.png"] and next(loose).shape == (3, 6, 7, 3)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"fill_mode": "neerest"}, "nearest"),
        ({"zoom_range": (1, 2, 3)}, "`zoom_range` must be two numbers"),
        ({"brightness_range": 2}, "`brightness_range` must be two numbers"),
        ({"validation_split": 1.5}, "`validation_split` must be between 0 and 1"),
        ({"data_format": "middle"}, "data_format"),
    ],
)
def test_arguments_of_generators(arguments, text):
    with pytest.raises(ValueError, match=text):
        ImageDataGenerator(**arguments)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"target_size": 150}, r"`target_size` must be \(height, width\)"),
        ({"color_mode": "rbg"}, "Did you mean 'rgb'"),
        ({"class_mode": "categorial"}, "Did you mean 'categorical'"),
        ({"subset": "test"}, "training"),
        ({"interpolation": "bilinaer"}, "Did you mean 'bilinear'"),
        ({"decode": "quick"}, "exact"),
        ({"cache": 3}, "`cache` must be"),
        ({"bad_files": "keep"}, "skip"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_arguments_of_folders(folder, arguments, text):
    with pytest.raises((ValueError, TypeError), match=text):
        ImageDataGenerator().flow_from_directory(folder, **arguments)


def test_arguments_that_need_others():
    with pytest.warns(UserWarning, match="`zca_whitening=True` sets `featurewise_center=True`"):
        generator = ImageDataGenerator(zca_whitening=True)
    with pytest.warns(UserWarning, match=r"needs statistics and does nothing. Call fit\(pictures\) first"):
        generator.standardize(np.ones((2, 2, 1)))
    with pytest.raises(ValueError, match="both subsets must hold the same classes"):
        ImageDataGenerator(validation_split=0.5).flow(np.ones((4, 2, 2, 1)), [0, 0, 1, 1], subset="training")
    with pytest.raises(ValueError, match="`x` and `y` should have the same length"):
        ImageDataGenerator().flow(np.ones((4, 2, 2, 1)), [0, 0])
    with pytest.raises(IndexError, match="there are 2 batches"):
        ImageDataGenerator().flow(np.ones((4, 2, 2, 1)), batch_size=2)[2]


def test_an_iterator_of_ones_own():
    class Numbers(kerata.preprocessing.image.Iterator):
        def _get_batches_of_transformed_samples(self, index_array):
            return index_array

    numbers = Numbers(5, 2, shuffle=False, seed=None)
    assert [next(numbers).tolist() for _ in range(4)] == [[0, 1], [2, 3], [4], [0, 1]]
    numbers.reset()
    assert numbers.next().tolist() == [0, 1]
