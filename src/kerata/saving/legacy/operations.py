"""Functions of TensorFlow as nodes of a graph, `x * 2 + 1` in a model of `tf.keras`, as the operations of Keras 3."""

from typing import Any

from kerata.base.checks import message
from kerata.base.refusals import NotReadYet

NUMPY, NN = "keras.src.ops.numpy", "keras.src.ops.nn"
PAIR = ("x", "y")
REDUCED = {"axis": "axis", "keepdims": "keepdims"}
# TensorFlow's name -> (module, class, what is called with it, what is a setting), by TensorFlow's names of arguments. The first
# argument has no name in files.
TABLE: dict[str, tuple[str, str, tuple[str, ...], dict[str, str]]] = {
    "__operators__.add": (NUMPY, "Add", PAIR, {}),
    "math.add": (NUMPY, "Add", PAIR, {}),
    "math.subtract": (NUMPY, "Subtract", PAIR, {}),
    "math.multiply": (NUMPY, "Multiply", PAIR, {}),
    "math.divide": (NUMPY, "Divide", PAIR, {}),
    "math.truediv": (NUMPY, "Divide", PAIR, {}),
    "math.pow": (NUMPY, "Power", PAIR, {}),
    "math.maximum": (NUMPY, "Maximum", PAIR, {}),
    "math.minimum": (NUMPY, "Minimum", PAIR, {}),
    "math.negative": (NUMPY, "Negative", ("x",), {}),
    "math.abs": (NUMPY, "Absolute", ("x",), {}),
    "math.exp": (NUMPY, "Exp", ("x",), {}),
    "math.log": (NUMPY, "Log", ("x",), {}),
    "math.sqrt": (NUMPY, "Sqrt", ("x",), {}),
    "math.square": (NUMPY, "Square", ("x",), {}),
    "math.tanh": (NUMPY, "Tanh", ("x",), {}),
    "math.sigmoid": (NN, "Sigmoid", ("x",), {}),
    "nn.relu": (NN, "Relu", ("x",), {}),
    "nn.softmax": (NN, "Softmax", ("x",), {"axis": "axis"}),
    "math.reduce_mean": (NUMPY, "Mean", ("x",), REDUCED),
    "math.reduce_sum": (NUMPY, "Sum", ("x",), REDUCED),
    "math.reduce_max": (NUMPY, "Max", ("x",), REDUCED),
    "math.reduce_min": (NUMPY, "Min", ("x",), REDUCED),
    "concat": (NUMPY, "Concatenate", ("x",), {"axis": "axis"}),
    "reshape": (NUMPY, "Reshape", ("x",), {"shape": "newshape"}),
    "expand_dims": (NUMPY, "ExpandDims", ("x",), {"axis": "axis"}),
    "squeeze": (NUMPY, "Squeeze", ("x",), {"axis": "axis"}),
    "transpose": (NUMPY, "Transpose", ("x",), {"perm": "axes"}),
}
# Arguments without which a function is the one of the table.
IGNORED = ("name",)


def read_function(plain: dict[str, Any], nodes: list[dict[str, Any]], owner: str) -> dict[str, Any]:
    """The description of a node, with its calls, in Keras 3's form.

    Args:
        plain: as the file has it.
        nodes: its calls, in Keras 3's form.
        owner: how the file is called in messages.
    """
    config = plain["config"]
    function, name = config.get("function"), plain.get("name") or config.get("name")
    if not isinstance(function, str) or function not in TABLE:
        raise NotReadYet(message(f"{owner}, layer {name}", "a function of TensorFlow that is not read", {"function": function}))
    module, cls, called, settings = TABLE[function]
    chosen: dict[str, Any] = {"name": name}
    calls = []
    for node in nodes:
        given = {called[0]: node["args"][0], **{key: value for key, value in node["kwargs"].items() if key not in IGNORED}}
        if not set(given) <= {*called, *settings}:
            raise NotReadYet(
                message(
                    f"{owner}, layer {name}", "arguments that are not read", {"function": function, "arguments": sorted(given)}
                )
            )
        chosen |= {settings[key]: value for key, value in given.items() if key in settings}
        calls.append({"args": [given[key] for key in called if key in given], "kwargs": {}})
    return {"module": module, "class_name": cls, "config": chosen, "registered_name": cls, "name": name, "inbound_nodes": calls}
