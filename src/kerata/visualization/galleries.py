"""Many pictures in one figure."""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from kerata.base.checks import check_positive_int, message
from kerata.base.display import new_figure
from kerata.base.types import PathLike
from kerata.engine.types import HostArray, TensorLike
from kerata.visualization.drawing import Color, draw_bounding_boxes, draw_segmentation_masks, read_pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Range = tuple[float, float]


def to_bytes(pictures: HostArray, value_range: Range) -> HostArray:
    """Numbers of a range as bytes."""
    low, high = value_range
    return (pictures if (low, high) == (0, 255) else (pictures - low) / (high - low) * 255).astype("uint8")


def plot_image_gallery(
    images: TensorLike,
    y_true: TensorLike | None = None,
    y_pred: TensorLike | None = None,
    label_map: Mapping[int, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: Range = (0, 255),
    scale: float = 2,
    path: PathLike | None = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Sequence[Any] | None = None,
    data_format: str | None = None,
) -> object:
    """Pictures in rows and columns, with what they are and what they are taken for above them.

    Args:
        images: numbers of shape (samples, height, width, channels).
        y_true, y_pred: labels of shape (samples,).
        label_map: dict of labels to names, needed with either of them.
        rows, cols: how many; nearly a square of all pictures without them.
        value_range: the smallest and the largest number of a picture.
        scale: inches of a picture.
        path: a file to write the figure to.
        show: whether to open a window with the figure.
        transparent, dpi: of the file.
        legend_handles: of matplotlib, for a legend.
        data_format: `"channels_last"` or `"channels_first"`.

    Returns:
        The matplotlib figure, which a notebook shows.

    >>> figure = plot_image_gallery(np.zeros((5, 4, 4, 3)), y_true=np.arange(5), label_map={0: "cat"})
    >>> len(figure.axes), figure.axes[0].get_title()
    (6, 'Label: cat')
    """
    owner = "plot_image_gallery"
    if path is not None and show:
        raise ValueError(message(owner, "either `path` is set or `show` is true", {"path": path, "show": show}))
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError(message(owner, "with `y_true` or `y_pred` a `label_map` must be given", {"label_map": None}))
    pictures, _ = read_pictures(owner, images, data_format)
    rows = check_positive_int(owner, "rows", rows, optional=True) or math.ceil(math.sqrt(len(pictures)))
    cols = check_positive_int(owner, "cols", cols, optional=True) or math.ceil(len(pictures) / rows)
    size = {"figsize": (cols * scale, rows * scale), "frameon": False, "layout": "tight"}
    figure = window(**size) if show else new_figure(**size)
    grid = figure.subplots(rows, cols, squeeze=False)
    given = {"Label": y_true, "Pred": y_pred}
    labels = {name: np.asarray(values) for name, values in given.items() if values is not None}
    drawn = to_bytes(pictures, value_range)
    for place, axis in enumerate(grid.flat):
        axis.axis("off")
        axis.margins(x=0, y=0)
        if place >= len(drawn):
            continue
        axis.imshow(drawn[place], **({"cmap": "gray", "vmin": 0, "vmax": 255} if drawn.shape[-1] == 1 else {}))
        said = [f"{name}: {names_of(label_map, values[place])}" for name, values in labels.items() if place < len(values)]
        if said:
            axis.set_title("  ".join(said), fontsize=8)
    if legend_handles is not None:
        figure.legend(handles=list(legend_handles), loc="lower center")
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    return figure


def window(**size: object) -> "Figure":
    """A figure that is shown in a window."""
    import matplotlib.pyplot as plt

    figure = plt.figure(**cast("dict[str, Any]", size))
    figure.show()
    return figure


def names_of(label_map: Mapping[int, str] | None, label: object) -> str:
    return (label_map or {}).get(np.asarray(label).item(), "Unknown")


def plot_bounding_box_gallery(
    images: TensorLike,
    bounding_box_format: str,
    y_true: Mapping[str, TensorLike] | None = None,
    y_pred: Mapping[str, TensorLike] | None = None,
    value_range: Range = (0, 255),
    true_color: Color = (0, 188, 212),
    pred_color: Color = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    ground_truth_mapping: Mapping[int, str] | None = None,
    prediction_mapping: Mapping[int, str] | None = None,
    legend: bool = False,
    legend_handles: Sequence[Any] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: object,
) -> object:
    """A gallery of pictures with boxes, those that are there and those that were found.

    Args:
        images: numbers of shape (samples, height, width, channels).
        bounding_box_format: what the numbers of a box are.
        y_true, y_pred: dicts, as of `draw_bounding_boxes`.
        value_range: the smallest and the largest number of a picture.
        true_color, pred_color: of the boxes.
        line_thickness, font_scale, text_thickness: as of `draw_bounding_boxes`.
        class_mapping: dict of labels to names; `ground_truth_mapping` and `prediction_mapping` where they differ.
        legend: whether to say which boxes are which.
        legend_handles: of matplotlib, for another legend.
        rows, cols, **kwargs: as of `plot_image_gallery`.

    >>> boxes = {"boxes": np.array([[[1, 1, 4, 3]]]), "labels": np.array([[0]])}
    >>> len(plot_bounding_box_gallery(np.zeros((1, 8, 8, 3)), "xyxy", y_true=boxes, legend=True).legends)
    1
    """
    pictures, _ = read_pictures("plot_bounding_box_gallery", images, data_format)
    draw = functools.partial(
        draw_bounding_boxes,
        bounding_box_format=bounding_box_format,
        line_thickness=line_thickness,
        text_thickness=text_thickness,
        font_scale=font_scale,
        data_format="channels_last",
    )
    drawn = to_bytes(pictures, value_range)
    if y_true is not None:
        drawn = draw(drawn, y_true, color=true_color, class_mapping=ground_truth_mapping or class_mapping)
    if y_pred is not None:
        drawn = draw(drawn, y_pred, color=pred_color, class_mapping=prediction_mapping or class_mapping)
    if legend:
        if legend_handles:
            raise ValueError(
                message("plot_bounding_box_gallery", "only `legend` or `legend_handles` can be given", {"legend": True})
            )
        from matplotlib.patches import Patch

        colors = {"Ground Truth": true_color, "Prediction": pred_color}
        legend_handles = [Patch(color=[c / 255 for c in color[:3]], label=label) for label, color in colors.items()]  # type: ignore[arg-type]
    return plot_image_gallery(
        drawn,
        legend_handles=legend_handles,
        rows=rows,
        cols=cols,
        data_format="channels_last",
        **cast("dict[str, Any]", kwargs),
    )


def plot_segmentation_mask_gallery(
    images: TensorLike,
    num_classes: int,
    value_range: Range = (0, 255),
    y_true: TensorLike | None = None,
    y_pred: TensorLike | None = None,
    color_mapping: Mapping[int, Color] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: object,
) -> object:
    """A row for each picture: the picture, with the mask that is there, and with the one that was found.

    Args:
        images: numbers of shape (samples, height, width, channels).
        num_classes, color_mapping, blend, alpha, ignore_index: as of `draw_segmentation_masks`.
        value_range: the smallest and the largest number of a picture.
        y_true, y_pred: masks, of shape (samples, height, width), or with a last axis of 1.
        **kwargs: as of `plot_image_gallery`.

    >>> figure = plot_segmentation_mask_gallery(np.zeros((2, 8, 8, 3)), 3, y_true=np.ones((2, 8, 8, 1), "int32"))
    >>> len(figure.axes)
    4
    """
    pictures, first = read_pictures("plot_segmentation_mask_gallery", images, data_format)
    shown = [to_bytes(pictures, value_range)]
    for given in (y_true, y_pred):
        if given is not None:
            masks = np.asarray(given).astype("int32")
            masks = masks.transpose(0, 2, 3, 1) if first and masks.ndim == 4 else masks
            how = (num_classes, color_mapping, alpha, blend, ignore_index, "channels_last")
            shown.append(draw_segmentation_masks(shown[0], masks, *how).astype("uint8"))
    every = np.stack(shown, axis=1).reshape(-1, *pictures.shape[1:])
    return plot_image_gallery(
        every, rows=len(pictures), cols=len(shown), data_format="channels_last", **cast("dict[str, Any]", kwargs)
    )
