"""A picture of a model: its layers as boxes, from the inputs down."""

import os
from typing import Any

from kerata.base.checks import check_choice, message
from kerata.base.display import new_figure
from kerata.base.types import PathLike
from kerata.models.graph import graph_of
from kerata.models.model import Model
from kerata.models.summary import describe_kind, format_shape, list_operations

BOX_WIDTH, BOX_HEIGHT, GAP = 2.6, 0.62, 0.45


def plot_model(
    model: Model,
    to_file: str | os.PathLike = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    **kwargs: object,
) -> object:
    """Draws a model into a file. Matplotlib draws it, so Graphviz is not needed.

    Args:
        model: a built model.
        to_file: the picture's file; the ending says the format.
        show_shapes, show_dtype: whether to write each output's shape and type.
        show_layer_names: whether to write the names beside the kinds.
        rankdir: "TB", from top to bottom.
        dpi: dots an inch.
        show_layer_activations, show_trainable: whether to write the activation, and which layers are frozen.

    Returns:
        The matplotlib figure, which a notebook shows.
    """
    check_choice("plot_model", "rankdir", rankdir, ["TB"])
    if expand_nested:
        raise NotImplementedError(
            message(
                "plot_model", "models inside are drawn as one box", {"expand_nested": True}, "Draw the inner model by itself"
            )
        )
    if not model.built:
        raise ValueError(
            message(model, "only a model that is built can be drawn", fix="Call it on data, or model.build(input_shape), first")
        )
    options = (show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    rows, edges = lay_out(model)
    return draw(rows, edges, {id(op): describe_box(op, *options) for row in rows for op in row}, to_file, dpi)


def lay_out(model: Model) -> tuple[list[list[Any]], list[tuple[Any, Any]]]:
    """Rows of layers, each below all that lead to it, and the connections between them."""
    operations = list_operations(model)
    graph = graph_of(model)
    if graph is None:
        # What a user's own call does between its layers is not known.
        return [[layer] for layer in operations], []
    nodes = graph.nodes
    edges = {
        (id(t.history[0]), id(node.operation)): (t.history[0], node.operation) for node in nodes for t in node.input_tensors
    }
    depth: dict[int, int] = {}
    for node in nodes:
        above = [depth.get(id(t.history[0]), 0) for t in node.input_tensors]
        depth[id(node.operation)] = max([depth.get(id(node.operation), 0), *[d + 1 for d in above]])
    found = {id(op): op for pair in edges.values() for op in pair} | {id(op): op for op in operations}
    rows: list[list[Any]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for key, op in found.items():
        rows[depth.get(key, 0)].append(op)
    return [row for row in rows if row], list(edges.values())


def describe_box(op: Any, shapes: bool, dtype: bool, names: bool, activations: bool, trainable: bool) -> list[str]:
    """The lines of text in a layer's box."""
    first = f"{op.name} ({describe_kind(op)})" if names else describe_kind(op)
    activation = getattr(getattr(op, "activation", None), "__name__", None)
    lines = [first + (f", {activation}" if activations and activation else "")]
    if shapes:
        lines.append(format_shape(op))
    if dtype:
        lines.append(str(getattr(op, "compute_dtype", "")))
    if trainable and getattr(op, "weights", []):
        lines.append("trainable" if op.trainable else "frozen")
    return lines


def draw(
    rows: list[list[Any]], edges: list[tuple[Any, Any]], texts: dict[int, list[str]], to_file: PathLike, dpi: int
) -> object:
    """Draws the boxes in rows, and an arrow for each connection; returns the figure."""
    from matplotlib.patches import FancyBboxPatch

    height = BOX_HEIGHT * max(len(lines) for lines in texts.values()) * 0.6 + 0.15
    width = max(BOX_WIDTH, 0.1 * max(len(line) for lines in texts.values() for line in lines) + 0.3)
    step = height + GAP
    columns = max(map(len, rows))
    size = (columns * (width + GAP) + GAP, len(rows) * step + GAP)
    figure = new_figure(figsize=size)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, size[0]), ylim=(-size[1] + GAP / 2, GAP / 2))
    axes.axis("off")
    left = {id(op): (place + 0.5 + (columns - len(row)) / 2) * (width + GAP) for row in rows for place, op in enumerate(row)}
    centres = {
        id(op): (left[id(op)] + GAP / 2, -line * step - GAP / 2 - height / 2) for line, row in enumerate(rows) for op in row
    }
    for start, end in edges:
        (x0, y0), (x1, y1) = centres[id(start)], centres[id(end)]
        # A line that passes other rows is bent and lies above their boxes, so that it does not seem to end there.
        far = y0 - y1 > 1.5 * step
        style = {
            "arrowstyle": "-|>",
            "color": "#b0552a" if far else "0.35",
            "shrinkA": 0,
            "shrinkB": 0,
            "connectionstyle": f"arc3,rad={0.3 if far else 0.0}",
        }
        axes.annotate("", (x1, y1 + height / 2), (x0, y0 - height / 2), arrowprops=style, zorder=4 if far else 1)
    for key, (x, y) in centres.items():
        axes.text(x, y, "\n".join(texts[key]), ha="center", va="center", fontsize=10, zorder=3)
        box = {"facecolor": "#eef3fa", "edgecolor": "#3b5b8c", "zorder": 2}
        corner, shape = (x - width / 2, y - height / 2), "round,pad=0,rounding_size=0.08"
        axes.add_patch(FancyBboxPatch(corner, width, height, boxstyle=shape, **box))
    figure.savefig(to_file, dpi=dpi)
    return figure
