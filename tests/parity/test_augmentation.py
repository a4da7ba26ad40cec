"""Layers that augment pictures against real Keras: its own transformations give the same pictures, in every form of input."""

import json

import keras
import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.base.absent import LEFT_OUT
from kerata.models import clone_model
from kerata.populations import fit_many

PICTURES = np.random.default_rng(0).uniform(0, 255, (3, 6, 7, 3)).astype("float32")


def filled(**arguments):
    return [
        {**arguments, "fill_mode": mode, "interpolation": interpolation, "fill_value": 3.0}
        for mode, interpolation in [
            ("reflect", "bilinear"),
            ("wrap", "bilinear"),
            ("constant", "bilinear"),
            ("nearest", "bilinear"),
            ("constant", "nearest"),
            ("reflect", "nearest"),
        ]
    ]


CASES = {
    "RandomFlip": [{"mode": mode} for mode in ("horizontal", "vertical", "horizontal_and_vertical")],
    "RandomRotation": filled(factor=0.3),
    "RandomZoom": [*filled(height_factor=0.7, width_factor=(-0.2, 0.9)), {"height_factor": (-0.5, -0.1)}],
    "RandomTranslation": filled(height_factor=0.7, width_factor=(-0.2, 0.9)),
    "RandomShear": filled(x_factor=0.9, y_factor=(0.2, 0.4)),
    "RandomCrop": [{"height": 3, "width": 4}, {"height": 8, "width": 4}, {"height": 3, "width": 9}],
    "RandomContrast": [{"factor": 0.7}, {"factor": (0.2, 0.4), "value_range": (0, 200)}],
    "RandomHue": [{"factor": 0.7}, {"factor": (0.2, 0.9), "value_range": (0, 300)}],
    "RandomSaturation": [{"factor": 0.7}, {"factor": (0.2, 0.9)}],
    "RandomGrayscale": [{"factor": 0.6}],
    "RandomColorDegeneration": [{"factor": 0.7}],
    "RandomInvert": [{"factor": 0.9}, {"factor": (0.4, 0.6), "value_range": (0, 300)}],
    "Solarization": [
        {"addition_factor": 0.3, "threshold_factor": (0.2, 0.8)},
        {"threshold_factor": 0.9, "value_range": (0, 300)},
    ],
    "RandomPosterization": [{"factor": 5}, {"factor": (3, 3), "value_range": (0, 300)}],
    "RandomSharpness": [{"factor": 0.9}],
    "RandomGaussianBlur": [{"factor": 0.9}, {"kernel_size": (3, 5), "sigma": (0.3, 0.9)}],
    "RandomErasing": [{}, {"scale": (0.3, 0.9), "fill_value": 7.0}],
    "MixUp": [{"alpha": 0.7}],
    "CutMix": [{"factor": (0.8, 1.0)}],
    "AutoContrast": [{}, {"value_range": (0, 300)}],
    "Equalization": [{}, {"bins": 20, "value_range": (0, 300)}],
    "ContrastLimitedAdaptiveHistogramEqualization": [
        {"tile_grid_size": (2, 3)},
        {"tile_grid_size": (2, 2), "clip_limit": 1.5, "value_range": (0, 300)},
    ],
    "RandomPerspective": [{}, {"factor": (0.4, 0.6), "scale": 0.3, "interpolation": "nearest", "fill_value": 9.0}],
    "RandomBrightness": [{"factor": 0.4}, {"factor": (-0.9, -0.1), "value_range": (0, 300)}],
}
ROWS = [
    pytest.param(name, arguments, id=f"{name}{number}") for name, rows in CASES.items() for number, arguments in enumerate(rows)
]
every_case = pytest.mark.parametrize(("name", "arguments"), ROWS)
every_layer = pytest.mark.parametrize(("name", "arguments"), [(name, rows[0]) for name, rows in CASES.items()])


# Those that draw nothing.
ALWAYS = {"AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "Equalization"}


def pair(name, arguments):
    return [getattr(library.layers, name)(**arguments, name="layer") for library in (keras, kerata)]


def plain(transformation):
    """A transformation of Keras's as arrays of NumPy."""
    if isinstance(transformation, dict):
        return {key: plain(value) for key, value in transformation.items()}
    if isinstance(transformation, (list, tuple)):
        return type(transformation)(plain(value) for value in transformation)
    return np.asarray(transformation)[()] if hasattr(transformation, "dtype") else transformation


def kinds(transformation):
    """The keys and shapes of a transformation."""
    if isinstance(transformation, dict):
        return {key: kinds(value) for key, value in transformation.items()}
    return np.shape(transformation)


def assert_near(found, expected, message=""):
    assert found.shape == expected.shape, message
    found, expected = np.asarray(found, "float32"), np.asarray(expected, "float32")
    np.testing.assert_allclose(found, expected, atol=255e-4, err_msg=message)


@every_case
# Of Keras's `MixUp`.
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_transformation_of_keras_gives_its_pictures(name, arguments, data_format):
    """A batch, bytes, one picture; what is drawn has the keys and shapes that Keras's has."""
    if name == "AutoContrast" and data_format == "channels_first":
        pytest.skip("Keras stretches other axes: see differences.md")
    theirs, ours = pair(name, {**arguments, "data_format": data_format})
    batch = PICTURES if data_format == "channels_last" else np.moveaxis(PICTURES, -1, 1)
    for data in (batch, batch.astype("uint8"), batch[0]):
        drawn = theirs.get_random_transformation(data, training=True)
        assert kinds(ours.get_random_transformation(data, training=True)) == kinds(drawn)
        change = "transform_images" if data.ndim == 4 else "transform_single_image"
        if data.dtype == "uint8" and name in FLOATS_ONLY:
            data = data.astype("float32")
        assert_near(getattr(ours, change)(data, plain(drawn)), getattr(theirs, change)(data, drawn), str(data.dtype))


# Those that Keras cannot call on bytes, or gives in another type.
FLOATS_ONLY = {
    "RandomContrast",
    "RandomBrightness",
    "RandomHue",
    "RandomSaturation",
    "RandomGrayscale",
    "RandomPosterization",
    "AutoContrast",
}


@every_case
def test_configs_are_those_of_keras(name, arguments):
    found = []
    for layer in pair(name, arguments if name in ALWAYS else {**arguments, "seed": 3}):
        config = json.loads(json.dumps(layer.get_config()))
        del config["dtype"]
        found.append(config)
    assert found[0] == found[1]
    twin = type(layer).from_config(layer.get_config())
    assert json.dumps(twin.get_config()) == json.dumps(layer.get_config())


@every_layer
def test_inference_changes_nothing_and_training_does(name, arguments):
    if name in ALWAYS:
        return
    layer = getattr(layers, name)(**arguments, seed=1)
    pictures = PICTURES.astype("uint8")
    if name == "RandomCrop":
        middle = layers.Resizing(3, 4, crop_to_aspect_ratio=True)(PICTURES)
        np.testing.assert_allclose(layer(PICTURES, training=False), middle, rtol=1e-5)
        return
    still = layer(pictures, training=False)
    assert still.dtype == "float32"
    np.testing.assert_array_equal(still, pictures)
    seen = [np.asarray(layer(pictures)) for _ in range(4)]
    assert any(not np.allclose(one, seen[0]) for one in seen)
    again = getattr(layers, name)(**arguments, seed=1)
    np.testing.assert_allclose(again(pictures), seen[0], rtol=1e-6)
    half = getattr(layers, name)(**arguments, dtype="bfloat16")(PICTURES)
    assert half.dtype == "bfloat16" and np.isfinite(np.asarray(half, "float32")).all()


def test_a_channel_with_an_undefined_pixel_stays_as_it_is():
    pictures = PICTURES.copy()
    pictures[0, 1, 2, 0], pictures[1, 2, 3, 1] = np.nan, np.inf
    theirs, ours = pair("AutoContrast", {})
    assert_near(ours(pictures), np.asarray(theirs(pictures)))


def test_masks_and_labels_go_with_their_pictures():
    mask = (PICTURES[..., :1] > 100).astype("int32")
    for name in ("RandomFlip", "RandomRotation", "RandomContrast", "RandomCrop"):
        theirs, ours = pair(name, CASES[name][0])
        drawn = theirs.get_random_transformation(PICTURES, training=True)
        expected = theirs.transform_segmentation_masks(mask, drawn)
        np.testing.assert_array_equal(ours.transform_segmentation_masks(mask, plain(drawn)), expected)
    data = {"images": PICTURES, "labels": np.arange(3), "segmentation_masks": mask}
    found = layers.RandomFlip(seed=1)(data)
    flipped = layers.RandomFlip(seed=1)(PICTURES)
    np.testing.assert_array_equal(found["images"], flipped)
    assert set(found) == set(data) and found["labels"].tolist() == [0, 1, 2]


CLASSES = np.random.default_rng(3).choice([0, 7], (3, 6, 7, 1)).astype("uint8")


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.CenterCrop(5, 9),
        lambda: layers.CenterCrop(3, 4),
        lambda: layers.RandomCrop(9, 5, seed=1),
        lambda: layers.RandomCrop(3, 4, seed=1),
        lambda: layers.Resizing(4, 9),
        lambda: layers.RandomFlip(seed=1),
        lambda: layers.RandomRotation(0.2, seed=1, fill_value=7.0, fill_mode="constant"),
        lambda: layers.RandomContrast(0.2, seed=1),
    ],
)
def test_masks_hold_classes_with_and_without_channels(make, training):
    """No mask gets numbers that it did not hold."""
    found = make()({"images": PICTURES, "segmentation_masks": CLASSES}, training=training)["segmentation_masks"]
    flat = make()({"images": PICTURES, "segmentation_masks": CLASSES[..., 0]}, training=training)["segmentation_masks"]
    assert found.dtype == "uint8" and set(np.unique(found)) <= {0, 7}
    np.testing.assert_array_equal(flat, found[..., 0])
    one = make()({"images": PICTURES[0], "segmentation_masks": CLASSES[0, ..., 0]}, training=training)["segmentation_masks"]
    assert one.shape == flat.shape[1:]


def test_elastic_pictures_move_in_both_directions():
    """Pictures that hold their own places: what they lack is how far pixels came, along rows and along columns."""
    places = np.stack(np.meshgrid(np.arange(20.0), np.arange(20.0), indexing="ij"), -1).astype("float32")[None]
    moved = []
    for library in (keras, kerata):
        found = np.asarray(library.ops.image.elastic_transform(places, 2.0, 1.0, fill_mode="nearest", seed=3)) - places
        moved.append(found[0, 5:-5, 5:-5])
    theirs, ours = (np.corrcoef(one[..., 0].ravel(), one[..., 1].ravel())[0, 1] for one in moved)
    assert theirs > 0.9 and abs(ours) < 0.5


def test_factors_may_come_from_numpy():
    for name in ("RandomRotation", "RandomBrightness", "RandomContrast"):
        kind = getattr(layers, name)
        for given, plain_number in ((np.float32(0.25), 0.25), (np.array([0.25, 0.5]), [0.25, 0.5])):
            found, expected = (json.dumps(kind(factor, name="one").get_config()) for factor in (given, plain_number))
            assert found == expected


WRONG = [
    (lambda: layers.RandomFlip()({"image": PICTURES}), "a dict must hold pictures as 'images'"),
    (lambda: layers.MaxNumBoundingBoxes(-1), "`max_number` must be"),
    (lambda: layers.RandomErasing(fill_value=(1, 2, 3))(PICTURES[..., :1]), "are for pictures of three channels"),
    (lambda: layers.RandomFlip("diagonal"), "`mode` must be one of"),
    (lambda: layers.RandomRotation(2.0), "`factor` must be a number (or a list of two numbers) in the range [-1, 1]"),
    (lambda: layers.RandomRotation("0.1"), "`factor` must be a number"),
    (lambda: layers.RandomZoom(-1.0), "in the range (-1.0, 1.0]"),
    (lambda: layers.RandomZoom((0.1, 0.2, 0.3)), "`height_factor` must be a number"),
    (lambda: layers.RandomTranslation(0.1, 1.5), "`width_factor` must be a number"),
    (lambda: layers.RandomShear(-0.5), "`x_factor` must be a number"),
    (lambda: layers.RandomContrast(1.5), "`factor` must be a number"),
    (lambda: layers.RandomBrightness(0.1, value_range=3), "`value_range` must be a list of two numbers"),
    (lambda: layers.RandomCrop(0, 3), "`height` must be a positive integer"),
    (lambda: layers.RandomFlip(bounding_box_format="xyzw"), "bounding_box_format"),
    (lambda: layers.RandomFlip()({"images": PICTURES, "bounding_boxes": PICTURES}), "boxes need a `bounding_box_format`"),
    (
        lambda: layers.RandomFlip(bounding_box_format="xyxy")({"images": PICTURES, "bounding_boxes": PICTURES}),
        "must be a dict with 'boxes' and 'labels'",
    ),
    (lambda: layers.RandomFlip()(np.ones((3, 4), "float32")), "a picture must have three axes"),
]


@pytest.mark.parametrize(("make", "text"), WRONG)
def test_mistakes_are_explained(make, text):
    with pytest.raises(ValueError, match="Received") as caught:
        make()
    assert text in str(caught.value)


def test_an_unknown_mode_can_be_caught_as_in_keras():
    for name, arguments in (("RandomRotation", {"fill_mode": "mirror"}), ("RandomShear", {"interpolation": "cubic"})):
        for library in (keras, kerata):
            with pytest.raises(NotImplementedError):
                getattr(library.layers, name)(0.1, **arguments)


def network():
    """A network whose loss tells what pictures it saw: it is not trained."""
    model = kerata.Sequential(
        [
            kerata.Input((6, 7, 3)),
            layers.RandomTranslation(0.3, 0.3, fill_mode="constant"),
            layers.RandomRotation(0.1, fill_mode="constant"),
            layers.RandomFlip(),
            layers.RandomZoom(0.2),
            layers.RandomContrast(0.5),
            layers.RandomBrightness(0.3),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(1, name="head"),
        ]
    )
    model.compile(kerata.optimizers.SGD(0.0), "mse")
    return model


X = np.random.default_rng(1).uniform(0, 255, (10, 6, 7, 3)).astype("float32")
Y = np.random.default_rng(2).normal(size=10).astype("float32")


def test_epochs_see_other_pictures_and_a_prediction_the_data_itself():
    curves = []
    for _ in range(2):
        kerata.utils.set_random_seed(4)
        model = network()
        curves.append(model.fit(X, Y, epochs=3, batch_size=4, shuffle=False, seed=1, verbose=0).history["loss"])
    curve, again = curves
    assert len(set(curve)) == 3
    kernel, bias = model.get_layer("head").get_weights()
    np.testing.assert_allclose(model.predict(X, verbose=0), X.reshape(10, -1) / 255 @ kernel + bias, rtol=1e-3, atol=1e-4)
    assert model.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(again, curve, rtol=1e-5)


def test_members_of_a_population_see_what_they_would_see_alone():
    model = network()
    many = fit_many(model, X, Y, seeds=[3, 8], epochs=2, batch_size=4)
    for seed, member in zip([3, 8], many, strict=True):
        kerata.utils.set_random_seed(seed)
        alone = clone_model(model).fit(X, Y, epochs=2, batch_size=4, seed=seed, verbose=0)
        np.testing.assert_allclose(member.history.history["loss"], alone.history["loss"], rtol=1e-4)


def test_folds_are_augmented():
    model = network()
    result = model.cross_validate(X, Y, cv=2, epochs=2, batch_size=4)
    for history in result.histories:
        assert len(set(history["loss"])) == 2 and len(set(history["val_loss"])) == 1


def test_workers_that_read_may_augment():
    augment = layers.RandomFlip("horizontal", seed=5)

    class Pictures(kerata.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return np.asarray(augment(X[:5], training=True)), Y[:5]

    model = kerata.Sequential([kerata.Input((6, 7, 3)), layers.Flatten(), layers.Dense(1)])
    model.compile(kerata.optimizers.SGD(0.0), "mse")
    curve = model.fit(Pictures(workers=2, max_queue_size=2), epochs=2, verbose=0).history["loss"]
    assert np.isfinite(curve).all() and len(set(curve)) == 2


def test_what_is_left_out_is_named():
    assert not set(CASES) & set(LEFT_OUT["layers"].split())


def test_one_picture_from_another_place_is_that_of_a_batch():
    theirs, ours = pair("RandomPerspective", {"scale": 0.3})
    drawn = theirs.get_random_transformation(PICTURES[:1], training=True)
    found = ours.transform_images(PICTURES[0], plain(drawn))
    assert_near(found, theirs.transform_images(PICTURES[0], drawn))
    assert_near(found[None], ours.transform_images(PICTURES[:1], plain(drawn)))


def test_no_operation_changes_nothing():
    for layer in pair("RandAugment", {"num_ops": 0}):
        np.testing.assert_allclose(layer(PICTURES, training=True), PICTURES)
