"""Boxes and masks in pictures: real Keras's arrays where it needs no OpenCV, known pixels elsewhere."""

import keras
import matplotlib.image
import numpy as np
import pytest

import kerata
from kerata.visualization import (
    draw_bounding_boxes,
    draw_segmentation_masks,
    plot_bounding_box_gallery,
    plot_image_gallery,
    plot_segmentation_mask_gallery,
)

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (2, 12, 14, 3)).astype("float32")
MASKS = RNG.integers(0, 4, (2, 12, 14, 1)).astype("int32")
BOXES = {"boxes": np.array([[[2, 3, 6, 8], [0, 0, 1, 1]]] * 2, "float32"), "labels": np.array([[1, -1], [-1, 0]])}


@pytest.mark.parametrize(
    "how",
    [
        {"num_classes": 4},
        {"num_classes": 4, "alpha": 0.3, "ignore_index": 0},
        {"num_classes": 3, "color_mapping": {0: (1, 2, 3), 1: (9, 9, 9), 2: (200, 100, 0)}},
        {"num_classes": 4, "blend": False},
    ],
    ids=["palette", "ignored", "colors", "unblended"],
)
def test_masks_are_drawn_as_in_keras(how):
    theirs = np.asarray(keras.visualization.draw_segmentation_masks(PICTURES, MASKS, **how))
    ours = draw_segmentation_masks(PICTURES, MASKS, **how)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)
    first = draw_segmentation_masks(
        PICTURES.transpose(0, 3, 1, 2), MASKS.transpose(0, 3, 1, 2), **how, data_format="channels_first"
    )
    np.testing.assert_array_equal(first, theirs)
    np.testing.assert_array_equal(draw_segmentation_masks(PICTURES, MASKS[..., 0], **how), theirs)


def test_the_highest_class_is_drawn():
    np.testing.assert_array_equal(draw_segmentation_masks(PICTURES, MASKS), draw_segmentation_masks(PICTURES, MASKS, 4))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_boxes(data_format):
    first = data_format == "channels_first"
    given = PICTURES.transpose(0, 3, 1, 2) if first else PICTURES
    how = {"color": (7, 8, 9), "line_thickness": 1, "data_format": data_format}
    drawn = draw_bounding_boxes(given, BOXES, "xyxy", **how)
    assert drawn.shape == given.shape and drawn.dtype == np.uint8
    drawn = drawn.transpose(0, 2, 3, 1) if first else drawn
    edge = np.zeros((2, 12, 14), bool)
    edge[0, [3, 8], 2:7] = edge[0, 3:9, 2] = edge[0, 3:9, 6] = edge[1, :2, :2] = True
    assert (drawn[edge] == (7, 8, 9)).all()
    np.testing.assert_array_equal(drawn[~edge], PICTURES[~edge].astype("uint8"))


def test_boxes_in_other_forms_and_thick_lines():
    relative = {**BOXES, "boxes": BOXES["boxes"] / [14, 12, 14, 12]}
    one, other = (draw_bounding_boxes(PICTURES, *a) for a in ((BOXES, "xyxy"), (relative, "rel_xyxy")))
    np.testing.assert_array_equal(one, other)
    thick = draw_bounding_boxes(np.zeros((2, 12, 14, 3)), BOXES, "xyxy", color=(1, 1, 1), line_thickness=3)[0, :, :, 0]
    assert thick[2:5, 1:8].all() and thick[7:10, 1:8].all() and thick[5:7, 4].sum() == 0 and thick[:2].sum() == 0
    filled = draw_bounding_boxes(np.zeros((2, 12, 14, 3)), BOXES, "xyxy", color=(1, 1, 1), line_thickness=-1)[0, :, :, 0]
    assert filled[3:9, 2:7].all() and filled.sum() == 6 * 5


def test_names_beside_boxes():
    black = np.zeros((2, 60, 90, 3))
    boxes = {
        "boxes": np.array([[[5, 40, 70, 55]]] * 2),
        "labels": np.array([[1], [2]]),
        "confidences": np.array([[0.5], [0.5]]),
    }
    how = {"color": (255, 0, 0), "font_scale": 0.5, "line_thickness": 1}
    plain, named = (draw_bounding_boxes(black, boxes, "xyxy", class_mapping=names, **how) for names in (None, {1: "cat"}))
    np.testing.assert_array_equal(plain[1], named[1])
    written = (plain[0] != named[0]).any(-1)
    rows, columns = np.nonzero(written)
    assert written.sum() > 50 and rows.max() < 36 and rows.min() > 15 and columns.min() >= 5
    larger = draw_bounding_boxes(black, boxes, "xyxy", class_mapping={1: "cat"}, text_thickness=3, **how)
    assert (larger[0, ..., 0] > 0).sum() > (named[0, ..., 0] > 0).sum()


def test_a_gallery_shows_every_picture(tmp_path):
    pictures, names = RNG.random((5, 6, 6, 3)), {0: "cat", 1: "dog"}
    labels = np.array([0, 1, 0, 1, 5])
    figure = plot_image_gallery(pictures, labels, labels[::-1], names, value_range=(0, 1), path=tmp_path / "g.png", dpi=50)
    shown = [axis for axis in figure.axes if axis.images]
    assert len(shown) == 5 and len(figure.axes) == 6
    assert [axis.get_title() for axis in shown][::4] == ["Label: cat  Pred: Unknown", "Label: Unknown  Pred: cat"]
    np.testing.assert_array_equal(shown[3].images[0].get_array(), (pictures[3] * 255).astype("uint8"))
    assert matplotlib.image.imread(tmp_path / "g.png").shape[2] == 4


def test_galleries_of_boxes_and_masks():
    parts = PICTURES / 255
    figure = plot_bounding_box_gallery(parts, "xyxy", BOXES, BOXES, value_range=(0, 1), legend=True, rows=1, cols=2)
    expected = draw_bounding_boxes(
        draw_bounding_boxes((parts * 255).astype("uint8"), BOXES, "xyxy", color=(0, 188, 212)),
        BOXES,
        "xyxy",
        color=(255, 235, 59),
    )
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), expected[1])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Ground Truth", "Prediction"]
    figure = plot_segmentation_mask_gallery(PICTURES, 4, y_true=MASKS, y_pred=MASKS[..., 0])
    assert len(figure.axes) == 6
    expected = draw_segmentation_masks(PICTURES, MASKS, 4)
    np.testing.assert_array_equal(figure.axes[4].images[0].get_array(), expected[1])


@pytest.mark.parametrize(
    ("use", "kind", "text"),
    [
        (lambda: draw_bounding_boxes(PICTURES[0], BOXES, "xyxy"), ValueError, r"`images` must be batched.*\(12, 14, 3\)"),
        (lambda: draw_bounding_boxes(PICTURES, [1], "xyxy"), TypeError, "should be a dict"),
        (lambda: draw_bounding_boxes(PICTURES, {"boxes": 1}, "xyxy"), ValueError, "'boxes' and 'labels'"),
        (lambda: draw_segmentation_masks(PICTURES, MASKS * 1.0), TypeError, "must be in integer dtype"),
        (lambda: draw_segmentation_masks(PICTURES, MASKS[:, 1:]), ValueError, "the height and width of the pictures"),
        (lambda: plot_image_gallery(PICTURES, [0, 1]), ValueError, "a `label_map` must be given"),
        (lambda: plot_image_gallery(PICTURES, path="a.png", show=True), ValueError, "either `path` is set or `show`"),
        (
            lambda: plot_bounding_box_gallery(PICTURES, "xyxy", legend=True, legend_handles=[1]),
            ValueError,
            "only `legend` or `legend_handles`",
        ),
    ],
)
def test_what_cannot_be_drawn_says_why(use, kind, text):
    with pytest.raises(kind, match=text):
        use()


def test_the_room_is_named_late():
    assert kerata.visualization.draw_bounding_boxes is draw_bounding_boxes
