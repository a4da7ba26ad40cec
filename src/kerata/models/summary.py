"""Tables of a model's layers: name and kind, output shape, number of weights, and what each is connected to."""

import re
import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import message
from kerata.base.display import say
from kerata.engine.guesses import TRIALS
from kerata.engine.symbolic import Operation
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer
from kerata.training.trained import TrainedGraph, TrainedModel

WIDTH, WIDTH_OF_GRAPHS = 88, 108
SHARES, SHARES_OF_GRAPHS = (0.45, 0.35, 0.20), (0.30, 0.26, 0.18, 0.26)
TRAINABLE_WIDTH = 9
NARROWEST = 4
UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def print_summary(
    model: TrainedModel,
    line_length: int | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Prints a table of the layers, and the numbers of weights.

    Args:
        model: the model.
        line_length: the table's width in characters; as wide as the terminal allows, if not given.
        print_fn: called with the whole text, in place of `print`.
        expand_nested: whether the layers of models inside are listed too.
        show_trainable: whether to say which layers are trained.
        layer_range: the names of the first and the last layer to list; regular expressions are allowed.
    """
    print_fn = say if print_fn is None else print_fn
    print_fn(format_summary(model, line_length, expand_nested, show_trainable, layer_range))


def format_summary(
    model: TrainedModel,
    line_length: int | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> str:
    """The table as text."""
    graph = None if is_chain(model) else model._graph
    header = ["Layer (type)", "Output Shape", "Param #"] + (["Connected to"] if graph else [])
    shares = SHARES_OF_GRAPHS if graph else SHARES
    if line_length is None:
        wanted = (WIDTH_OF_GRAPHS if graph else WIDTH) + (TRAINABLE_WIDTH + 3) * show_trainable
        line_length = min(wanted, shutil.get_terminal_size().columns - 4)
    extra = [TRAINABLE_WIDTH] if show_trainable else []
    widths = share_width(line_length - sum(width + 3 for width in extra), shares) + extra
    header += ["Trainable"] if show_trainable else []
    rows = []
    for layer in select_layers(list_operations(model), layer_range):
        rows += list_rows(layer, graph, expand_nested, show_trainable, 0)
    align = ["<", "<", ">", *(["<"] if graph else []), *(["^"] if show_trainable else [])]
    return "\n".join([f'Model: "{model.name}"', *draw_table(header, rows, widths, align), *count_lines(model)])


def is_chain(model: TrainedModel) -> bool:
    """Whether one layer simply follows the other, so that there are no connections to show."""
    graph = getattr(model, "_graph_layers", None) and model._graph
    if not graph:
        return True
    taken = [id(t) for node in graph.nodes for t in node.input_tensors]
    operations = [id(node.operation) for node in graph.nodes]
    once = len(set(taken)) == len(taken) and len(set(operations)) == len(operations)
    return len(graph.inputs) == 1 and once and all(len(node.input_tensors) == 1 for node in graph.nodes)


def list_operations(model: TrainedModel) -> list[Any]:
    """The layers, and the functions of a graph, in order."""
    graph = model._graph if getattr(model, "_graph_layers", None) else None
    return model.layers if graph is None else graph.operations


def select_layers(layers: list[Any], layer_range: Sequence[str] | None) -> list[Any]:
    """Those from the first that matches one pattern to the last that matches the other."""
    if layer_range is None:
        return layers
    named = isinstance(layer_range, (list, tuple)) and all(isinstance(name, str) for name in layer_range)
    if not named or len(layer_range) != 2:
        raise ValueError(message("summary", "`layer_range` must be the names of two layers", {"layer_range": layer_range}))
    found = [[i for i, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range]
    if not all(found):
        raise ValueError(message("summary", "`layer_range` must name layers of the model", {"layer_range": layer_range}))
    ends = (min(found[0]), max(found[1]))
    if ends[0] > ends[1]:
        ends = (min(found[1]), max(found[0]))
    return layers[ends[0] : ends[1] + 1]


def share_width(line_length: int, shares: Sequence[float]) -> list[int]:
    """Widths of columns that fill a line of a table: a border and two spaces each, and one border more."""
    room = line_length - 3 * len(shares) - 1
    widths = [int(room * share) for share in shares]
    widths[0] += room - sum(widths)
    if min(widths) < NARROWEST:
        raise ValueError(message("summary", "the table needs a wider line", {"line_length": line_length}))
    return widths


def list_rows(layer: Layer, graph: TrainedGraph | None, expand: bool, show_trainable: bool, level: int) -> list[list[str]]:
    """A layer's row, and those of the layers inside."""
    mark = "   " * level + "└ " if level else ""
    row = [f"{mark}{layer.name} ({describe_kind(layer)})", format_shape(layer), format_count(layer)]
    if graph is not None:
        row.append(format_connections(layer, graph) if level == 0 else "-")
    if show_trainable:
        row.append(("Y" if layer.trainable else "N") if getattr(layer, "weights", []) else "-")
    rows = [row]
    if expand and isinstance(layer, TrainedModel):
        for below in list_operations(layer):
            rows += list_rows(below, graph, expand, show_trainable, level + 1)
    return rows


def describe_kind(layer: Layer) -> str:
    """The class, or for a function the name that Keras gives its class."""
    if isinstance(layer, Operation):
        name = getattr(layer.function, "__name__", "operation")
        return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    return type(layer).__name__


def format_shape(layer: Layer) -> str:
    """`(None, 26, 26, 32)`, several in brackets, `?` where nobody knows."""
    if layer.inbound_nodes:
        shapes = [t.shape for t in layer.inbound_nodes[-1].output_tensors]
    elif (inner := getattr(layer, "_graph", None)) is not None:
        shapes = [t.shape for t in inner.outputs]
    else:
        try:
            known = list((layer._built_shapes or {}).values())
            shape = layer.compute_output_shape(known[0]) if len(known) == 1 else None
        except (NotImplementedError, TypeError, ValueError, AttributeError):
            shape = None
        if shape is None:
            return "?"
        # A layer that was built while its model was traced has seen a stand-in for the batch's size.
        shapes = [(None, *one[1:]) if one and one[0] in TRIALS else one for one in jax.tree.leaves(shape, is_leaf=is_shape)]
    texts = [f"({', '.join(map(str, shape))})" for shape in shapes]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def is_shape(value: object) -> bool:
    return isinstance(value, tuple) and all(dim is None or isinstance(dim, (int, np.integer)) for dim in value)


def format_count(layer: Layer) -> str:
    if isinstance(layer, Operation):
        return "0"
    return f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"


def format_connections(layer: Layer, graph: TrainedGraph) -> str:
    """`dense[0][0], dense[1][0]`: layer, call and output that each input comes from."""
    used = {id(node) for node in graph.nodes}
    places = [t.history for node in layer.inbound_nodes if id(node) in used for t in node.input_tensors]
    return ", ".join(f"{operation.name}[{call}][{output}]" for operation, call, output in places) or "-"


def draw_table(header: list[str], rows: list[list[str]], widths: list[int], align: list[str]) -> list[str]:
    """Lines of a table with borders; long texts go over several lines."""
    lines = [_border("┏", "━", "┳", "┓", widths), *_row(header, widths, align, "┃"), _border("┡", "━", "╇", "┩", widths)]
    for index, row in enumerate(rows):
        if index:
            lines.append(_border("├", "─", "┼", "┤", widths))
        lines += _row(row, widths, align, "│")
    return [*lines, _border("└", "─", "┴", "┘", widths)]


def _border(left: str, fill: str, middle: str, right: str, widths: list[int]) -> str:
    return left + middle.join(fill * (width + 2) for width in widths) + right


def _row(cells: list[str], widths: list[int], align: list[str], border: str) -> list[str]:
    columns = [_wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for index in range(max(map(len, columns))):
        texts = [column[index] if index < len(column) else "" for column in columns]
        cells_of_line = [f" {text:{side}{width}} " for text, side, width in zip(texts, align, widths, strict=True)]
        lines.append(border + border.join(cells_of_line) + border)
    return lines


def _wrap(text: str, width: int) -> list[str]:
    start = len(text) - len(text.lstrip())
    # The lines that follow stand under the name, not under the mark of its level.
    hang = " " * (start + 2) if text.lstrip().startswith("└") else ""
    return textwrap.wrap(text, width, subsequent_indent=hang, break_on_hyphens=False) or [""]


def count_lines(model: TrainedModel) -> list[str]:
    """Numbers of weights and the memory that they take."""
    groups = {"Trainable": model.trainable_weights, "Non-trainable": model.non_trainable_weights}
    optimizer = getattr(model, "optimizer", None)
    counted = getattr(model, "counts_optimizer", True) and model.compiled
    if optimizer is not None and counted and getattr(optimizer, "built", False):
        groups["Optimizer"] = optimizer.variables
    every = [variable for variables in groups.values() for variable in variables]
    return [
        f" {name} params: {sum(v.size for v in variables):,} ({format_bytes(sum(map(count_bytes, variables)))})"
        for name, variables in {"Total": every, **groups}.items()
    ]


def count_bytes(variable: Variable) -> int:
    return variable.size * jnp.dtype(variable.dtype).itemsize


def format_bytes(size: float) -> str:
    """The size in the unit that suits it.

    >>> format_bytes(304168)
    '297.04 KB'
    """
    unit = UNITS[0]
    for unit in UNITS:
        if size < 1024 or unit == UNITS[-1]:
            break
        size /= 1024
    return f"{size:.2f} {unit}"
