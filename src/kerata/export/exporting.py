"""`Model.export`: a model as a file that programs without Kerata run."""

import os

import jax

from kerata.base.checks import check_path, check_positive_int, did_you_mean, message
from kerata.base.display import say
from kerata.base.registry import builtin
from kerata.base.types import PathLike
from kerata.export import elementwise, indexing, loops, products, shapes  # noqa: F401, they enter their rows
from kerata.export.onnx_graph import Graph, Port
from kerata.export.programs import write_program
from kerata.export.to_onnx import make_model, onnx_package, write_model
from kerata.export.tracing import Traced, prepare
from kerata.export.translator import Translator
from kerata.export.values import Size, Value, is_number, known, plain_dtype
from kerata.models.model import Model

OPSET, OPSETS = 18, range(17, 24)
ABSENT = {
    "tf_saved_model": "is TensorFlow's own format",
    "litert": "is made by TensorFlow's converter",
    "openvino": "is made by OpenVINO's converter",
    "torch": "is a program of torch",
}
INSTEAD = 'Take format="onnx", which the runtimes of these read or convert, or format="stablehlo"'


@builtin("services", "export")
def export_model(
    model: Model,
    filepath: PathLike,
    format: str = "tf_saved_model",
    verbose: bool | None = None,
    input_signature: object = None,
    **kwargs: object,
) -> None:
    """Writes a model's prediction as a file; see `Model.export`."""
    owner = "export"
    path = check_path(owner, filepath)
    if format in ABSENT:
        raise ValueError(
            message(owner, f"the format {format!r} {ABSENT[format]}, and is not written", {"format": format}, INSTEAD)
        )
    if format not in ("onnx", "stablehlo"):
        known_formats = ["onnx", "stablehlo"]
        raise ValueError(
            message(owner, '`format` must be "onnx" or "stablehlo"', {"format": format}, did_you_mean(format, known_formats))
        )
    opset = kwargs.pop("opset_version", None) if format == "onnx" else None
    if kwargs:
        raise TypeError(message(owner, f"the format {format!r} takes no such arguments", dict(kwargs)))
    if format == "onnx":
        onnx_package(owner)
        version = OPSET if opset is None else check_positive_int(owner, "opset_version", opset)
        if version not in OPSETS:
            raise ValueError(
                message(owner, f"`opset_version` must be from {OPSETS[0]} to {OPSETS[-1]}", {"opset_version": opset})
            )
        graph = translate(prepare(model, input_signature), version)
        write_model(make_model(graph, version, model.name), path)
    else:
        write_program(prepare(model, input_signature), path)
    if verbose is None or verbose:
        say(f"Saved artifact at '{os.fspath(filepath)}'.")


def translate(traced: Traced, opset: int) -> Graph:
    """The graph of a traced model."""
    graph, symbols = Graph(), {}
    inputs: list[Value] = []
    for name, struct in zip(traced.names, jax.tree.leaves(traced.shapes), strict=True):
        kind, tensor = plain_dtype(struct.dtype), graph.fresh(name)
        graph.inputs.append(Port(tensor, kind, tuple(map(said, struct.shape))))
        inputs.append(Value(struct.shape, kind, tensor=tensor))
        for axis, size in enumerate(struct.shape):
            if not is_number(size):
                symbols.setdefault(str(size), (tensor, axis))
    weights = [known(variable.peek(), variable.path) for variable in traced.variables]
    translator = Translator(graph, opset, symbols, traced.model)
    outputs = translator.run_closed(traced.program(), [*weights, *inputs])
    for name, value in zip(output_names(traced.model, len(outputs)), outputs, strict=True):
        graph.outputs.append(Port(graph.alias(translator.name(value), name), value.dtype, tuple(map(said, value.shape))))
    graph.prune()
    return graph


def said(size: Size) -> int | str | None:
    """A size as a file says it: a number, or the name of an open one; nothing of what follows from others."""
    if is_number(size):
        return int(str(size))
    return str(size) if str(size).isidentifier() else None


def output_names(model: Model, count: int) -> list[str]:
    """The names of the outputs, each its own."""
    names = model.output_names if model._graph is not None else []
    return list(names) if len(names) == count else [f"output_{place}" for place in range(count)]
