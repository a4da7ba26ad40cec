"""From a graph of our own to the message that an ONNX file is."""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from kerata.base.checks import message
from kerata.base.replacing import replace_file
from kerata.export.onnx_graph import Attribute, Graph, Node, Port
from kerata.version import __version__

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto

# What a message of this format can hold.
MOST_BYTES = (1 << 31) - (1 << 20)


def onnx_package(owner: str) -> ModuleType:
    """The library that knows the format."""
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            message(owner, "the package onnx is needed", fix='Install it: pip install "kerata[export]"')
        ) from error
    return onnx


def make_model(graph: Graph, opset: int, name: str) -> "ModelProto":
    """The whole message, checked by `onnx.checker`."""
    onnx = onnx_package("export")
    made = onnx.helper.make_model(
        make_graph(graph, name),
        opset_imports=[onnx.helper.make_opsetid("", opset)],
        producer_name="kerata",
        producer_version=__version__,
    )
    made.ir_version = onnx.helper.find_min_ir_version_for(made.opset_import)
    return made


def make_graph(graph: Graph, name: str) -> "GraphProto":
    import onnx

    constants = graph.constants if graph is graph.root else {}
    return onnx.helper.make_graph(
        [make_node(node) for node in graph.nodes],
        name,
        [make_port(port) for port in graph.inputs],
        [make_port(port) for port in graph.outputs],
        [
            onnx.numpy_helper.from_array(np.ascontiguousarray(value) if value.ndim else value, name)
            for name, value in constants.items()
        ],
    )


def make_port(port: Port) -> "ValueInfoProto":
    import onnx

    kind = onnx.helper.np_dtype_to_tensor_dtype(port.dtype)
    return onnx.helper.make_tensor_value_info(port.name, kind, port.shape)


def make_node(node: Node) -> "NodeProto":
    import onnx

    made = onnx.helper.make_node(node.kind, node.inputs, node.outputs, name=node.name)
    made.attribute.extend(make_attribute(name, value) for name, value in node.attributes.items())
    return made


def make_attribute(name: str, value: Attribute) -> "AttributeProto":
    import onnx

    if isinstance(value, Graph):
        return onnx.helper.make_attribute(name, make_graph(value, name))
    if isinstance(value, np.dtype):
        return onnx.helper.make_attribute(name, int(onnx.helper.np_dtype_to_tensor_dtype(value)))
    if isinstance(value, list):
        return onnx.helper.make_attribute(name, value, attr_type=onnx.AttributeProto.INTS)
    return onnx.helper.make_attribute(name, value)


def write_model(made: "ModelProto", path: Path) -> None:
    """Checks the model and writes it, whole or not at all; weights of more than two gigabytes go to a file beside it."""
    onnx = onnx_package("export")
    if made.ByteSize() < MOST_BYTES:
        onnx.checker.check_model(made)
        with replace_file(path) as part:
            part.write_bytes(made.SerializeToString())
        return
    onnx.save_model(made, path, save_as_external_data=True, location=f"{path.name}.data")
    onnx.checker.check_model(str(path))
