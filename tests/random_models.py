"""Random models: what a seed stands for, as plain data, and the model of it by Kerata or by Keras.

A description holds inputs, nodes and outputs. A node is what to do (a layer, an operation, a model) and which tensors it takes.
Real Keras says what is possible: a node that it refuses is drawn anew, so that whatever is left must work in Kerata too.
"""

import functools
import random
from typing import Any

import numpy as np

from random_own import CLASSES, FUNCTIONS

# What a value in a description may stand for: (tag, name, arguments).
HOMES = {
    "layer": "layers",
    "regularizer": "regularizers",
    "constraint": "constraints",
    "initializer": "initializers",
    "optimizer": "optimizers",
    "loss": "losses",
    "metric": "metrics",
    "schedule": "optimizers.schedules",
    "callback": "callbacks",
}
RECURRENT = ("LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional")


class Draw(random.Random):
    """Random choices. Where `dropping`, layers draw random numbers, so that the model is never trained."""

    dropping = False

    def some(self, chance: float) -> bool:
        return self.random() < chance

    def pick(self, *options: Any) -> Any:
        return options[self.randrange(len(options))]


# --- From a description to a model


def realize(k: Any, value: Any) -> Any:
    """The object of library `k` that a value of a description stands for."""
    if isinstance(value, tuple) and len(value) == 3 and value[0] in HOMES:
        home = k
        for part in HOMES[value[0]].split("."):
            home = getattr(home, part)
        return getattr(home, value[1])(**{name: realize(k, v) for name, v in value[2].items()})
    if isinstance(value, tuple) and value and value[0] == "function":
        return FUNCTIONS[value[1]](k)
    if isinstance(value, tuple) and value and value[0] == "own":
        return CLASSES[value[1]](k)(**{name: realize(k, v) for name, v in value[2].items()})
    if isinstance(value, tuple) and value and value[0] == "adapted":
        layer = k.layers.Normalization(**value[1])
        layer.adapt(np.random.default_rng(value[3]).standard_normal((9, *value[2])).astype("float32") * 2 + 0.3)
        return layer
    if isinstance(value, list):
        return [realize(k, v) for v in value]
    if isinstance(value, dict):
        return {name: realize(k, v) for name, v in value.items()}
    return value


def _pair(k: Any, op: str) -> Any:
    return {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "max": k.ops.maximum,
        "min": k.ops.minimum,
    }[op]


def _normal(k: Any, x: Any, axis: int) -> Any:
    return (x - k.ops.mean(x, axis=axis, keepdims=True)) / (0.5 + k.ops.std(x, axis=axis, keepdims=True))


def _each(k: Any, x: Any, name: str) -> Any:
    """A loop of the library's own over the first axis."""
    if name == "map":
        return k.ops.map(lambda row: row * k.ops.tanh(row), x)
    if name == "vectorized_map":
        return k.ops.vectorized_map(lambda row: row - k.ops.max(row), x)
    if name == "scan":
        return k.ops.scan(lambda kept, row: (0.5 * kept + row, kept + row), k.ops.zeros_like(x[0]), x)[1]
    if name == "fori_loop":
        return k.ops.fori_loop(0, 3, lambda i, kept: kept * 0.5 + x, x)
    return k.ops.while_loop(lambda i, kept: i < 3, lambda i, kept: (i + 1, kept * 0.5 + x), (0, x))[1]


# Operations in the graph: (library, tensors, arguments).
OPERATIONS = {
    "pair": lambda k, xs, op: _pair(k, op)(*xs),
    "two": lambda k, xs, name, **more: getattr(k.ops, name)(xs[0], xs[-1], **more),
    "number": lambda k, xs, op: {
        "2x": lambda x: 2 * x,
        "x+1": lambda x: x + 1,
        "1-x": lambda x: 1 - x,
        "x/3": lambda x: x / 3,
        "-x": lambda x: -x,
        "x^2": lambda x: x**2,
        "|x|": abs,
        "x//1": lambda x: x // 0.3,
        "x%1": lambda x: x % 0.7,
        "1/(2+x^2)": lambda x: 1 / (2 + x * x),
    }[op](xs[0]),
    "function": lambda k, xs, name, **more: getattr(k.ops, name)(xs[0], **more),
    "positive": lambda k, xs, name: getattr(k.ops, name)(1.1 + k.ops.abs(xs[0])),
    "reduce": lambda k, xs, name, axis, keepdims: getattr(k.ops, name)(xs[0], axis=axis, keepdims=keepdims),
    "minus": lambda k, xs, name, axis: xs[0] - getattr(k.ops, name)(xs[0], axis=axis, keepdims=True),
    "normal": lambda k, xs, axis: _normal(k, xs[0], axis),
    "slice": lambda k, xs, index: xs[0][
        tuple(slice(*i) if isinstance(i, tuple) else (Ellipsis if i == "..." else i) for i in index)
    ],
    "where": lambda k, xs: k.ops.where(xs[0] > 0, xs[0], 0.1 * xs[-1]),
    "concatenate": lambda k, xs, axis: k.ops.concatenate(xs, axis=axis),
    "stack": lambda k, xs, axis: k.ops.stack(xs, axis=axis),
    "split": lambda k, xs, axis: k.ops.split(xs[0], 2, axis=axis)[1],
    "matmul": lambda k, xs: k.ops.matmul(xs[0], k.ops.swapaxes(xs[-1], -1, -2)),
    "einsum": lambda k, xs, equation: k.ops.einsum(equation, *xs),
    "top_k": lambda k, xs, n: k.ops.top_k(xs[0], n)[0],
    "argmax": lambda k, xs: k.ops.one_hot(k.ops.argmax(xs[0], axis=-1), xs[0].shape[-1], dtype=xs[0].dtype) + xs[0],
    "take": lambda k, xs, axis: k.ops.take(xs[0], [1, 0], axis=axis),
    "order": lambda k, xs, axis: k.ops.take_along_axis(xs[0], k.ops.argsort(k.ops.sin(7 * xs[0]), axis=axis), axis=axis),
    "batch gram": lambda k, xs: k.ops.matmul(k.ops.softmax(k.ops.matmul(xs[0], k.ops.transpose(xs[0])), axis=-1), xs[0]),
    "loop": lambda k, xs, name: _each(k, xs[0], name),
    "counted": lambda k, xs: xs[0] / k.ops.cast(k.ops.shape(xs[0])[0], xs[0].dtype),
    "first row": lambda k, xs: xs[0] + xs[0][:1],
    "neighbours": lambda k, xs: xs[0] - k.ops.roll(xs[0], 1, axis=0),
    "groups": lambda k, xs: (
        xs[0]
        + k.ops.take(
            k.ops.segment_sum(
                xs[0], k.ops.cast(k.ops.sum(xs[0], axis=tuple(range(1, len(xs[0].shape)))) > 0, "int32"), num_segments=2
            ),
            1,
            axis=0,
        )
    ),
    "masked": lambda k, xs: k.ops.where(k.ops.any(xs[0] > 0.8, axis=-1, keepdims=True), xs[0], k.ops.zeros_like(xs[0])),
    "frozen": lambda k, xs: xs[0] * k.ops.stop_gradient(k.ops.sigmoid(xs[-1])),
    "merge": lambda k, xs, name: getattr(k.layers, name)(list(xs)),
    "apply": lambda k, xs, name: getattr(k.activations, name)(xs[0]),
}


def perform(k: Any, what: Any, made: Any, tensors: list[Any], more: Any = None) -> list[Any]:
    """The tensors that a node makes; `made` is its layer or model, if it has one, `more` are further arguments of its call."""
    more = dict(more or {})
    if what[0] == "operation":
        result = OPERATIONS[what[1]](k, tensors, **what[2])
    elif what[0] == "layer" and what[1] in ("MultiHeadAttention", "GroupQueryAttention"):
        result = made(*tensors, **more)
    elif what[0] == "layer" and what[1] in RECURRENT and len(tensors) > 1:
        result = made(tensors[0], initial_state=list(tensors[1:]), **more)
    else:
        result = made(list(tensors) if len(tensors) > 1 or what[1] in MERGING else tensors[0], **more)
    return list(result) if isinstance(result, (list, tuple)) else [result]


MERGING = (
    "Add",
    "Subtract",
    "Multiply",
    "Average",
    "Maximum",
    "Minimum",
    "Concatenate",
    "Dot",
    "Attention",
    "AdditiveAttention",
)


def layer_of(k: Any, what: Any, earlier: list[Any]) -> Any:
    if what[0] == "again":
        return earlier[what[1]]
    if what[0] == "model":
        return build(k, what[1])
    return None if what[0] == "operation" else realize(k, what)


def make_inputs(k: Any, inputs: list[dict[str, Any]]) -> list[Any]:
    return [
        k.Input(tuple(i.get("declared", i["shape"])), batch_size=i.get("batch"), dtype=i["dtype"], name=i.get("name"))
        for i in inputs
    ]


def kind_of(k: Any, description: dict[str, Any], usual: Any) -> Any:
    """The class of a model: the library's, or one of a user's own."""
    return CLASSES[description["class"]](k) if description.get("class") else usual


def build(k: Any, description: dict[str, Any]) -> Any:
    """The model of a description."""
    form = description["form"]
    if form == "subclass":
        return _own_model(k)(description)
    if form == "sequential":
        start = [] if description.get("deferred") else make_inputs(k, description["inputs"])
        layers = [*start, *(layer_of(k, node["do"], []) for node in description["nodes"])]
        model = kind_of(k, description, k.Sequential)
        if not description.get("added"):
            return model(layers)
        grown = model()
        for layer in layers:
            grown.add(layer)
        return grown
    tensors = make_inputs(k, description["inputs"])
    inputs: Any = list(tensors)
    made: list[Any] = []
    for node in description["nodes"]:
        layer = layer_of(k, node["do"], made)
        made.append(layer)
        what = description["nodes"][node["do"][1]]["do"] if node["do"][0] == "again" else node["do"]
        tensors += perform(k, what, layer, [tensors[t] for t in node["take"]], node.get("with"))
    outputs: Any = [tensors[t] for t in description["outputs"]]
    if description.get("named inputs"):
        inputs = {i["name"]: t for i, t in zip(description["inputs"], inputs, strict=True)}
    if description.get("named outputs"):
        outputs = dict(zip(description["output names"], outputs, strict=True))
    inputs = inputs if len(inputs) > 1 or isinstance(inputs, dict) else inputs[0]
    outputs = outputs if len(outputs) > 1 or isinstance(outputs, dict) else outputs[0]
    return kind_of(k, description, k.Model)(inputs, outputs)


@functools.cache
def _own_model(k: Any) -> type:
    class Own(k.Model):
        def __init__(self, description):
            super().__init__()
            self._nodes_of_it = _Hidden(description)
            made: list[Any] = []
            for node in description["nodes"]:
                made.append(layer_of(k, node["do"], made))
            self.parts = [layer for layer in made if layer is not None]
            self._made = _Hidden(made)

        def call(self, inputs, training=None):
            description, made = self._nodes_of_it.value, self._made.value
            if isinstance(inputs, dict):
                inputs = [inputs[given["name"]] for given in description["inputs"]]
            tensors = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
            for node, layer in zip(description["nodes"], made, strict=True):
                what = description["nodes"][node["do"][1]]["do"] if node["do"][0] == "again" else node["do"]
                more = {**node.get("with", {})}
                if training is not None and what[0] != "operation":
                    more["training"] = training
                tensors += perform(k, what, layer, [tensors[t] for t in node["take"]], more)
            outputs = [tensors[t] for t in description["outputs"]]
            if description.get("named outputs"):
                return dict(zip(description["output names"], outputs, strict=True))
            return outputs if len(outputs) > 1 else outputs[0]

    return Own


class _Hidden:
    """Keeps a value from being tracked as a part."""

    def __init__(self, value: Any):
        self.value = value


def describe(description: dict[str, Any]) -> str:
    """A description to be read: a line a node, with the numbers of the tensors that it takes and makes."""

    def lines(model: dict[str, Any], indent: str) -> list[str]:
        found = [f"{indent}{model['form']} of {model['inputs']}, gives {model['outputs']}"]
        for number, node in enumerate(model["nodes"]):
            head = f"{indent}  node {number} of {node['take']}: {node.get('with', '')}"
            inner = lines(node["do"][1], indent + "    ") if node["do"][0] == "model" else []
            found += [head if inner else f"{head}{' '.join(map(str, node['do']))}", *inner]
        return found

    rest = {name: value for name, value in description.items() if name != "model"}
    return "\n".join([*lines(description["model"], ""), str(rest)])
