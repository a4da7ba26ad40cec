"""A picture of a model: its layers as boxes, from the inputs down."""

import math
import os
from typing import Any, TypeAlias

from kerata.base.checks import check_choice, message
from kerata.base.display import new_figure
from kerata.base.types import PathLike
from kerata.layers.layer import Layer
from kerata.models.graph import graph_of
from kerata.models.model import Model
from kerata.models.summary import describe_kind, format_shape, list_operations

BOX_WIDTH, BOX_HEIGHT, GAP = 2.6, 0.62, 0.45
# How arrows go -> in which way, and how far they are bent.
CURVES = {
    "ortho": ("ortho", 0.0),
    "curved": ("arc", 0.3),
    "spline": ("arc", 0.12),
    "polyline": ("arc", 0.0),
    "line": ("arc", 0.0),
}
# A model inside: its name and its layers.
Frame: TypeAlias = tuple[str, list[Any]]


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
    splines: str = "ortho",
    **kwargs: object,
) -> object:
    """Draws a model into a file. Matplotlib draws it, so Graphviz is not needed.

    Args:
        model: a built model.
        to_file: the picture's file; the ending says the format.
        show_shapes, show_dtype: whether to write each output's shape and type.
        show_layer_names: whether to write the names beside the kinds.
        rankdir: "TB", from top to bottom, or "LR", from left to right.
        expand_nested: whether the layers of models inside have boxes of their own, within a frame.
        dpi: dots an inch.
        show_layer_activations, show_trainable: whether to write the activation, and which layers are frozen.
        splines: how arrows go that are not straight: "ortho" in right angles, "curved", "spline" (curved a little), "polyline"
            and "line" the shortest way.

    Returns:
        The matplotlib figure, which a notebook shows.
    """
    check_choice("plot_model", "rankdir", rankdir, ["TB", "LR"])
    check_choice("plot_model", "splines", splines, CURVES)
    for name in kwargs:
        raise TypeError(message("plot_model", f"unknown argument `{name}`", kwargs))
    if not model.built:
        raise ValueError(
            message(model, "only a model that is built can be drawn", fix="Call it on data, or model.build(input_shape), first")
        )
    options = (show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    rows, edges = lay_out(model)
    frames: list[Frame] = []
    if expand_nested:
        rows, edges, frames = expand(rows, edges)
    picture = Picture(rows, {id(op): describe_box(op, *options) for row in rows for op in row}, rankdir == "LR")
    return picture.draw(edges, frames, CURVES[splines], to_file, dpi)


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


def expand(rows: list[list[Any]], edges: list[tuple[Any, Any]]) -> tuple[list[list[Any]], list[tuple[Any, Any]], list[Frame]]:
    """The same with the layers of models inside in their places, and these models' names and layers.

    Where a layer stands in two places, it is drawn in the upper one.
    """
    frames: list[Frame] = []
    made: list[list[Any]] = []
    joined: list[tuple[Any, Any]] = []
    ends: dict[int, tuple[list[Any], list[Any]]] = {}
    seen: set[int] = set()
    for row in rows:
        parts: list[list[list[Any]]] = []
        for op in row:
            inner = [[op]]
            if isinstance(op, Model) and op.built:
                inner, within, below = expand(*lay_out(op))
                ends[id(op)] = outer_layers(inner, within)
                joined += within
                frames += [(op.name, [one for line in inner for one in line]), *below]
            parts.append(inner)
        for line in range(max(map(len, parts))):
            fresh = [one for part in parts if line < len(part) for one in part[line] if id(one) not in seen]
            seen.update(map(id, fresh))
            made.append(fresh)
    for start, end in edges:
        lasts, firsts = ends.get(id(start), ([], [start]))[1], ends.get(id(end), ([end], []))[0]
        joined += [(last, first) for last in lasts for first in firsts]
    return [row for row in made if row], joined, frames


def outer_layers(rows: list[list[Any]], edges: list[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    """The layers of a model to which nothing leads within it, and from which nothing does."""
    if not edges:
        return rows[0], rows[-1]
    starts, ends = {id(start) for start, _ in edges}, {id(end) for _, end in edges}
    layers = [op for row in rows for op in row]
    return [op for op in layers if id(op) not in ends], [op for op in layers if id(op) not in starts]


def describe_box(op: Layer, shapes: bool, dtype: bool, names: bool, activations: bool, trainable: bool) -> list[str]:
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


class Picture:
    """Boxes in rows, and what is drawn between and around them.

    Args:
        rows: of layers.
        texts: the lines of each layer's box, by its id.
        sideways: whether the rows stand beside each other, from left to right.
    """

    def __init__(self, rows: list[list[Any]], texts: dict[int, list[str]], sideways: bool):
        self.texts, self.sideways = texts, sideways
        self.height = BOX_HEIGHT * max(len(lines) for lines in texts.values()) * 0.6 + 0.15
        self.width = max(BOX_WIDTH, 0.1 * max(len(line) for lines in texts.values() for line in lines) + 0.3)
        along, across = (self.width, self.height) if sideways else (self.height, self.width)
        self.step, side = along + GAP, across + GAP
        columns = max(map(len, rows))
        length, breadth = len(rows) * self.step + GAP, columns * side + GAP
        self.size = (length, breadth) if sideways else (breadth, length)
        self.centres: dict[int, tuple[float, float]] = {}
        for line, row in enumerate(rows):
            for place, op in enumerate(row):
                far = line * self.step + GAP / 2 + along / 2
                beside = (place + 0.5 + (columns - len(row)) / 2) * side + GAP / 2
                self.centres[id(op)] = (far, GAP / 2 - beside) if sideways else (beside, -far)

    def draw(
        self, edges: list[tuple[Any, Any]], frames: list[Frame], curve: tuple[str, float], to_file: PathLike, dpi: int
    ) -> object:
        """Draws all of it into a file; returns the figure."""
        figure = new_figure(figsize=self.size)
        self.axes = axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, self.size[0]), ylim=(-self.size[1] + GAP / 2, GAP / 2))
        axes.axis("off")
        for start, end in edges:
            self._arrow(self.centres[id(start)], self.centres[id(end)], *curve, dpi)
        for number, (name, layers) in enumerate(frames):
            self._frame(name, layers, 0.4 * GAP / (1 + number % 3))
        for key, (x, y) in self.centres.items():
            axes.text(x, y, "\n".join(self.texts[key]), ha="center", va="center", fontsize=10, zorder=3)
            self._box(x, y, self.width, self.height, {"facecolor": "#eef3fa", "edgecolor": "#3b5b8c", "zorder": 2})
        figure.savefig(to_file, dpi=dpi)
        return figure

    def _box(self, x: float, y: float, width: float, height: float, look: dict[str, Any]) -> None:
        from matplotlib.patches import FancyBboxPatch

        shape = "round,pad=0,rounding_size=0.08"
        self.axes.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, boxstyle=shape, **look))

    def _arrow(self, start: tuple[float, float], end: tuple[float, float], kind: str, bend: float, dpi: int) -> None:
        # A line that passes other rows is bent and lies above their boxes, so that it does not seem to end there.
        way = end[0] - start[0] if self.sideways else start[1] - end[1]
        far = not 0 < way <= 1.5 * self.step
        half = self.width / 2 if self.sideways else self.height / 2
        right, down = (half, 0.0) if self.sideways else (0.0, half)
        # Bent by an inch at most, and beside each other by less, so that it stays within the picture.
        most = 2 * (GAP if self.sideways else 1.0) / max(math.dist(start, end), 1e-6)
        style = f"arc3,rad={min(0.3, most) if far else bend}"
        aside = abs(start[1] - end[1] if self.sideways else start[0] - end[0])
        if kind == "ortho" and not far and aside > 1e-6:
            # Almost half of the way between two rows, in dots; then at a right angle.
            arm, out, back = 0.49 * dpi * GAP, *((0, 180) if self.sideways else (-90, 90))
            style = f"arc,angleA={out},angleB={back},armA={arm},armB={arm},rad=0"
        look = {
            "arrowstyle": "-|>",
            "color": "#b0552a" if far else "0.35",
            "shrinkA": 0,
            "shrinkB": 0,
            "connectionstyle": style,
        }
        tail, head = (start[0] + right, start[1] - down), (end[0] - right, end[1] + down)
        self.axes.annotate("", head, tail, arrowprops=look, zorder=4 if far else 1)

    def _frame(self, name: str, layers: list[Any], margin: float) -> None:
        """A frame around the layers of a model inside, with its name."""
        places = [self.centres[id(op)] for op in layers if id(op) in self.centres]
        if not places:
            return
        left, right = min(x for x, _ in places) - self.width / 2, max(x for x, _ in places) + self.width / 2
        low, high = min(y for _, y in places) - self.height / 2, max(y for _, y in places) + self.height / 2
        look = {"fill": False, "edgecolor": "0.5", "linestyle": "--", "zorder": 0}
        size = (right - left + 2 * margin, high - low + 2 * margin)
        self._box((left + right) / 2, (low + high) / 2, *size, look)
        self.axes.text(left, high + margin, name, ha="left", va="bottom", fontsize=8, color="0.4", zorder=3)
