"""Boxes go with the pictures: against Keras with the same transformation, and against the pixels where Keras is wrong."""

import keras
import numpy as np
import pytest

import kerata
from kerata import layers

RNG = np.random.default_rng(0)
CORNERS = RNG.uniform(1, 8, (2, 3, 2)).astype("float32")
BOXES = np.concatenate([CORNERS, CORNERS + RNG.uniform(1, 6, (2, 3, 2)).astype("float32")], -1)
LABELS = np.array([[1, 2, 3], [4, 5, 6]])
PICTURES = RNG.uniform(0, 255, (2, 12, 15, 3)).astype("float32")
SIZE = {"height": 12, "width": 15}
SHAPE = {"input_shape": PICTURES.shape}
ANGLES = np.array([20.0, -70.0], "float32")
FLIPS = {"flips": np.array([True, False]).reshape(2, 1, 1, 1), **SHAPE}
SHIFTS = {"translations": np.array([[2.0, -3.0], [-4.5, 1.0]], "float32"), **SHAPE}
ROWS, COLUMNS = (np.array(zooms, "float32")[:, None] for zooms in ((0.7, 1.2), (0.8, 1.4)))
SHEARS = {"shear_factor": np.array([[0.2, 0.1], [-0.15, -0.2]], "float32"), **SHAPE}
CASES = [
    *(("RandomFlip", {"mode": mode}, FLIPS) for mode in ("horizontal", "vertical", "horizontal_and_vertical")),
    ("RandomTranslation", {"height_factor": 0.3, "width_factor": 0.3}, SHIFTS),
    ("RandomZoom", {"height_factor": 0.3}, {"height_zoom": ROWS, "width_zoom": COLUMNS, **SHAPE}),
    ("RandomShear", {"x_factor": 0.3, "y_factor": 0.2}, SHEARS),
    ("RandomBrightness", {"factor": 0.3}, {}),
    ("RandomErasing", {"factor": 0.3}, {}),
    ("MaxNumBoundingBoxes", {"max_number": 2}, {}),
    ("MaxNumBoundingBoxes", {"max_number": 5, "fill_value": 7}, {}),
    ("CenterCrop", {"height": 7, "width": 6}, SHAPE),
    ("CenterCrop", {"height": 20, "width": 18}, SHAPE),
    ("Resizing", {"height": 20, "width": 10}, (12, 15)),
    ("Resizing", {"height": 20, "width": 10, "pad_to_aspect_ratio": True}, (12, 15)),
    ("Resizing", {"height": 20, "width": 10, "crop_to_aspect_ratio": True}, (12, 15)),
]


def in_form(form):
    return np.asarray(kerata.utils.bounding_boxes.convert_format(BOXES, "xyxy", form, **SIZE))


@pytest.mark.parametrize("form", ["xyxy", "center_xywh", "rel_xyxy"])
@pytest.mark.parametrize(("name", "arguments", "transformation"), CASES)
def test_boxes_equal_keras(name, arguments, transformation, form):
    found = []
    for library in (kerata, keras):
        layer = getattr(library.layers, name)(**arguments, bounding_box_format=form)
        given = {"boxes": in_form(form), "labels": LABELS}
        if library is keras:
            given = {key: keras.ops.convert_to_tensor(value) for key, value in given.items()}
        found.append(layer.transform_bounding_boxes(given, transformation))
    for key in ("boxes", "labels"):
        np.testing.assert_allclose(np.asarray(found[0][key]), np.asarray(found[1][key]), rtol=1e-5, atol=1e-5)
    config = getattr(layers, name)(**arguments, bounding_box_format=form).get_config()
    assert config["bounding_box_format"] == form
    assert getattr(layers, name).from_config(config).get_config() == config


def test_turned_boxes_equal_keras():
    transformation = {"angle": ANGLES, "image_height": 12, "image_width": 15, "batch_size": 2}
    ours, theirs = (
        library.layers.RandomRotation(0.2, bounding_box_format="xyxy").transform_bounding_boxes(
            {"boxes": keras.ops.convert_to_tensor(BOXES), "labels": keras.ops.convert_to_tensor(LABELS)}, transformation
        )
        for library in (kerata, keras)
    )
    np.testing.assert_allclose(ours["boxes"], np.asarray(theirs["boxes"]), rtol=1e-5, atol=1e-5)
    # Keras reads other forms as if they were this one.
    other = layers.RandomRotation(0.2, bounding_box_format="rel_xyxy").transform_bounding_boxes(
        {"boxes": in_form("rel_xyxy"), "labels": LABELS}, transformation
    )
    np.testing.assert_allclose(other["boxes"] * np.array([15, 12, 15, 12]), ours["boxes"], rtol=1e-5, atol=1e-5)


def test_changed_perspectives_give_boxes_in_their_form():
    found = []
    for form in ("xyxy", "yxyx", "rel_xywh"):
        layer = layers.RandomPerspective(seed=2, bounding_box_format=form)
        data = {"images": PICTURES, "bounding_boxes": {"boxes": in_form(form), "labels": LABELS}}
        boxes = layer(data, training=True)["bounding_boxes"]
        found.append(kerata.utils.bounding_boxes.convert_format(boxes["boxes"], form, "xyxy", **SIZE))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-4, atol=1e-4)


def bright(shape, box):
    """A picture that is bright in a box."""
    picture = np.zeros((*shape, 1), "float32")
    x1, y1, x2, y2 = box
    picture[y1:y2, x1:x2] = 1
    return picture


def box_of(picture):
    rows, columns = (np.flatnonzero(np.asarray(picture)[..., 0].max(axis) > 0.5) for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.RandomCrop(8, 10, seed=1, bounding_box_format="xyxy"),
        lambda: layers.RandomFlip(seed=1, bounding_box_format="xyxy"),
        lambda: layers.RandomTranslation((0.25, 0.25), (-0.25, -0.25), fill_mode="constant", bounding_box_format="xyxy"),
        lambda: layers.CenterCrop(8, 10, bounding_box_format="xyxy"),
        lambda: layers.Resizing(24, 32, interpolation="nearest", bounding_box_format="xyxy"),
    ],
)
def test_boxes_are_where_the_pixels_are(make, training):
    boxes = [(6, 5, 9, 8), (7, 4, 10, 9)]
    pictures = np.stack([bright((12, 16), box) for box in boxes])
    data = {"images": pictures, "bounding_boxes": {"boxes": np.array(boxes)[:, None], "labels": np.array([[1], [2]])}}
    layer = make()
    found = layer(data, training=training)
    for picture, box in zip(found["images"], found["bounding_boxes"]["boxes"], strict=True):
        np.testing.assert_allclose(box[0], box_of(picture), atol=1e-3 if picture.shape != (8, 10, 1) else 1)
    one = layer(
        {"images": pictures[0], "bounding_boxes": {"boxes": np.array(boxes[:1]), "labels": np.array([1])}}, training=False
    )
    assert one["bounding_boxes"]["boxes"].shape == (1, 4) and one["images"].ndim == 3


def test_boxes_of_mixed_pictures():
    drawn = {"mix_weight": np.array([0.5, 0.5]), "permutation_order": np.array([1, 0])}
    found = layers.MixUp(bounding_box_format="xyxy").transform_bounding_boxes({"boxes": BOXES, "labels": LABELS}, drawn)
    np.testing.assert_array_equal(found["boxes"], np.concatenate([BOXES, BOXES[::-1]], 1))
    np.testing.assert_array_equal(found["labels"], np.concatenate([LABELS, LABELS[::-1]], 1))
    with pytest.raises(ValueError, match="what becomes of boxes cannot be told"):
        layers.CutMix(bounding_box_format="xyxy").transform_bounding_boxes({"boxes": BOXES, "labels": LABELS}, drawn)


def test_changes_that_are_drawn_take_boxes_along():
    layer = layers.RandAugment(seed=3, bounding_box_format="xyxy")
    found = layer({"images": PICTURES, "bounding_boxes": {"boxes": BOXES, "labels": LABELS}}, training=True)
    assert found["bounding_boxes"]["boxes"].shape == BOXES.shape and found["bounding_boxes"]["labels"].shape == LABELS.shape
    names = layer.CHANGES
    drawn = layer.get_random_transformation(PICTURES)
    drawn["layer_idxes"] = np.array([names.index("random_translation"), names.index("random_contrast")])
    alone = layer.random_translation.transform_bounding_boxes(
        {"boxes": BOXES, "labels": LABELS}, drawn["transforms"]["random_translation"]
    )
    both = layer.transform_bounding_boxes({"boxes": BOXES, "labels": LABELS}, drawn)
    np.testing.assert_allclose(both["boxes"], alone["boxes"], rtol=1e-6)


def test_helpers_of_single_layers_equal_keras():
    matrix = RNG.normal(size=(2, 8)).astype("float32")
    for name, arguments in (("RandomZoom", (0.2,)), ("RandomTranslation", (0.2, 0.2)), ("RandomShear", (0.2, 0.2))):
        ours, theirs = (getattr(library.layers, name)(*arguments) for library in (kerata, keras))
        for a, b in zip(ours.get_transformed_x_y(3.0, 4.0, matrix), theirs.get_transformed_x_y(3.0, 4.0, matrix), strict=True):
            np.testing.assert_allclose(a, np.asarray(b), rtol=1e-4)
        edge = np.array([[1.0], [2.0]], "float32")
        given = {"boxes": BOXES, "labels": LABELS}
        if name == "RandomZoom":
            calls = [layer.get_clipped_bbox(dict(given), edge + 9, edge, edge + 8, edge) for layer in (ours, theirs)]
        else:
            calls = [layer.get_shifted_bbox(dict(given), edge, edge + 1) for layer in (ours, theirs)]
        np.testing.assert_allclose(calls[0]["boxes"], np.asarray(calls[1]["boxes"]), rtol=1e-5)
    assert layers.Rescaling(0.5).convert_weight(BOXES) is BOXES


HEIGHTS, WIDTHS = (np.array(sizes, "float32").reshape(2, 1, 1) for sizes in ((12, 9), (15, 11)))


@pytest.mark.parametrize(
    "compute",
    [
        lambda boxes: boxes.convert_format(BOXES, "xyxy", "rel_center_xywh", HEIGHTS, WIDTHS),
        lambda boxes: boxes.convert_format(BOXES / 16, "rel_yxyx", "xywh", HEIGHTS, WIDTHS),
        lambda boxes: boxes.clip_to_image_size({"boxes": BOXES, "labels": LABELS}, HEIGHTS / 2, WIDTHS / 2)["boxes"],
        lambda boxes: boxes.clip_to_image_size({"boxes": BOXES, "labels": LABELS}, HEIGHTS / 2, WIDTHS / 2)["labels"],
        lambda boxes: boxes.crop(BOXES, HEIGHTS / 8, WIDTHS / 8, HEIGHTS / 2, WIDTHS / 2),
        lambda boxes: boxes.pad(BOXES, HEIGHTS, WIDTHS),
    ],
)
def test_each_picture_may_have_a_size_of_its_own(compute):
    ours, theirs = (compute(library.utils.bounding_boxes) for library in (kerata, keras))
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-5, atol=1e-5)


def test_sizes_that_do_not_stand_beside_boxes_are_an_error():
    with pytest.raises(ValueError, match=r"a last axis of 1, such as \(batch, 1, 1\). Received: height.shape=\(2,\)"):
        kerata.utils.bounding_boxes.convert_format(BOXES[:, :2], "xyxy", "rel_xyxy", HEIGHTS[:, 0, 0], WIDTHS[:, 0, 0])


WRONG = [
    ({"boxes": BOXES[:, 0], "labels": LABELS[:, 0]}, r"boxes must have shape \(2, boxes, 4\)"),
    ({"boxes": BOXES[:1], "labels": LABELS[:1]}, r"boxes must have shape .*Received: boxes.shape=\(1, 3, 4\)"),
    ({"boxes": [BOXES[0].tolist(), BOXES[1, :2].tolist()], "labels": [[1, 2, 3], [4, 5]]}, "Fill up with boxes"),
]


@pytest.mark.parametrize(("boxes", "text"), WRONG)
def test_boxes_that_do_not_stand_beside_pictures_are_an_error(boxes, text):
    with pytest.raises(ValueError, match=text):
        layers.RandomFlip(bounding_box_format="xyxy")({"images": PICTURES, "bounding_boxes": boxes})
