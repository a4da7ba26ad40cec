"""What leads to a tensor; a model in the language of Graphviz."""

import os
from collections.abc import Sequence
from pathlib import Path

from kerata.base.checks import KindError, message
from kerata.engine.symbolic import SymbolicTensor
from kerata.models.model import Model
from kerata.utils.plotting import describe_box, lay_out


def get_source_inputs(tensor: SymbolicTensor) -> list[SymbolicTensor]:
    """The inputs that a symbolic tensor is computed from, each once.

    >>> import kerata
    >>> a, b = kerata.Input((2,)), kerata.Input((2,))
    >>> [source is a for source in get_source_inputs(kerata.layers.Dense(1)(a))]
    [True]
    """
    if not isinstance(tensor, SymbolicTensor):
        raise KindError(message("get_source_inputs", "it takes a symbolic tensor", {"tensor": tensor}))
    found: dict[int, SymbolicTensor] = {}
    seen: set[int] = set()
    pending = [tensor]
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        # A tensor that somebody has made by itself comes from nowhere.
        operation, number, _ = getattr(one, "history", (None, 0, 0))
        above = [] if operation is None else operation.inbound_nodes[number].input_tensors
        if above:
            # In order, the last first, as they are taken from the end.
            pending += reversed(above)
        else:
            found[id(one)] = one
    return list(found.values())


class Dot(str):
    """A graph in the language of Graphviz: a text, which `dot` draws."""

    def to_string(self) -> str:
        """The text."""
        return str(self)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the text into a file."""
        Path(path).write_text(self, encoding="utf-8")


def model_to_dot(
    model: Model,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: object,
) -> Dot:
    """A model as a graph for Graphviz, which is not needed for it: a box for each layer, an arrow for each connection.

    Args:
        model: a built model.
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: what a box says.
        rankdir: "TB", from top to bottom, or "LR", from left to right.
        expand_nested: whether the layers of models inside have boxes of their own, within a frame.
        dpi: dots an inch.
        subgraph: whether the graph is to stand in another one.
        splines: how arrows are drawn: "ortho", "curved", "polyline", "spline".

    >>> import kerata
    >>> model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1, name="last")])
    >>> "last (Dense)" in model_to_dot(model)
    True
    """
    for name in kwargs:
        raise TypeError(message("model_to_dot", f"unknown argument `{name}`", kwargs))
    flags = (show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable)
    lines = _body(model, flags, expand_nested, "")
    if subgraph:
        head = [f"subgraph {_quoted('cluster_' + model.name)} {{", f"label={_quoted(model.name)};"]
    else:
        head = ["digraph G {", f"rankdir={rankdir};", "concentrate=true;", f"dpi={dpi};", f"splines={splines};"]
        head.append("node [shape=box];")
    return Dot("\n".join([*head, *lines, "}"]) + "\n")


def _body(model: Model, flags: Sequence[bool], expand: bool, path: str) -> list[str]:
    """The boxes and arrows of a model."""
    rows, edges = lay_out(model)
    lines: list[str] = []
    ends: dict[int, tuple[str, str]] = {}
    for operation in (one for row in rows for one in row):
        name = f"{path}{operation.name}"
        if expand and hasattr(operation, "get_layer"):
            inner = lay_out(operation)[0]
            first, last = (f"{name}/{place[0].name}" for place in (inner[0], inner[-1]))
            ends[id(operation)] = first, last
            frame = [f"subgraph {_quoted('cluster_' + name)} {{", f"label={_quoted(operation.name)};"]
            lines += [*frame, *_body(operation, flags, expand, f"{name}/"), "}"]
        else:
            ends[id(operation)] = name, name
            lines.append(f"{_quoted(name)} [label={_quoted(chr(10).join(describe_box(operation, *flags)))}];")
    lines += [f"{_quoted(ends[id(start)][1])} -> {_quoted(ends[id(end)][0])};" for start, end in edges]
    return lines


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
