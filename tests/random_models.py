"""Random models: what a seed stands for, as plain data, and the model of it by Kerata or by Keras.

A description holds inputs, nodes and outputs. A node is what to do (a layer, an operation, a model) and which tensors it takes.
Real Keras says what is possible: a node that it refuses is drawn anew, so that whatever is left must work in Kerata too.
"""

import random
from typing import Any

import numpy as np

# What a value in a description may stand for: (tag, name, arguments).
HOMES = {"layer": "layers", "regularizer": "regularizers", "constraint": "constraints", "initializer": "initializers",
         "optimizer": "optimizers", "loss": "losses", "metric": "metrics", "schedule": "optimizers.schedules"}  # fmt: skip


class Draw(random.Random):
    """Random choices."""

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
        return OWN[value[1]](k)(**value[2])
    if isinstance(value, list):
        return [realize(k, v) for v in value]
    return value


FUNCTIONS = {
    "double": lambda k: lambda x: 2.0 * x,
    "centered": lambda k: lambda x: x - k.ops.mean(x, axis=-1, keepdims=True),
    "squared error": lambda k: lambda y, p: k.ops.mean(k.ops.square(y - p), axis=-1),
    "relative error": lambda k: lambda y, p: k.ops.abs(y - p) / (1.0 + k.ops.mean(k.ops.abs(y - p))),
    "largest error": lambda k: lambda y, p: k.ops.max(k.ops.abs(y - p)),
    "scaled tanh": lambda k: lambda x: 1.5 * k.ops.tanh(x),
}


def _own_scale(k: Any) -> type:
    class Scale(k.layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

        def call(self, inputs):
            return inputs * self.factor

    return Scale


def _own_centered(k: Any) -> type:
    class Centered(k.layers.Layer):
        """Subtracts the mean of the batch."""

        def call(self, inputs):
            return inputs - k.ops.mean(inputs, axis=0, keepdims=True)

    return Centered


def _own_counter(k: Any) -> type:
    class Counter(k.layers.Layer):
        """Adds a penalty and counts its calls."""

        def build(self, input_shape):
            self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

        def call(self, inputs, training=False):
            self.add_loss(0.01 * k.ops.sum(k.ops.square(inputs)))
            if training:
                self.calls.assign(self.calls + 1.0)
            return inputs + 0.1 * k.ops.tanh(self.calls)

    return Counter


def _own_block(k: Any) -> type:
    class Block(k.layers.Layer):
        """Two layers and a sum."""

        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.inner = k.layers.Dense(units, activation="tanh")
            self.outer = k.layers.Dense(units)
            self.norm = k.layers.BatchNormalization()

        def call(self, inputs, training=None):
            x = self.inner(inputs)
            return self.norm(x + self.outer(x), training=training)

    return Block


OWN = {"Scale": _own_scale, "Centered": _own_centered, "Counter": _own_counter, "Block": _own_block}


def _pair(k: Any, op: str) -> Any:
    return {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
            "max": k.ops.maximum, "min": k.ops.minimum}[op]  # fmt: skip


def _normal(k: Any, x: Any, axis: int) -> Any:
    return (x - k.ops.mean(x, axis=axis, keepdims=True)) / (0.5 + k.ops.std(x, axis=axis, keepdims=True))


# Operations in the graph: (library, tensors, arguments).
OPERATIONS = {
    "pair": lambda k, xs, op: _pair(k, op)(*xs),
    "number": lambda k, xs, op: {"2x": lambda x: 2 * x, "x+1": lambda x: x + 1, "1-x": lambda x: 1 - x, "x/3": lambda x: x / 3,
                                 "-x": lambda x: -x, "x^2": lambda x: x**2, "|x|": abs,
                                 "1/(2+x^2)": lambda x: 1 / (2 + x * x)}[op](xs[0]),
    "function": lambda k, xs, name, **more: getattr(k.ops, name)(xs[0], **more),
    "reduce": lambda k, xs, name, axis, keepdims: getattr(k.ops, name)(xs[0], axis=axis, keepdims=keepdims),
    "minus": lambda k, xs, name, axis: xs[0] - getattr(k.ops, name)(xs[0], axis=axis, keepdims=True),
    "normal": lambda k, xs, axis: _normal(k, xs[0], axis),
    "slice": lambda k, xs, index: xs[0][tuple(slice(*i) if isinstance(i, tuple) else (Ellipsis if i == "..." else i)
                                              for i in index)],
    "where": lambda k, xs: k.ops.where(xs[0] > 0, xs[0], 0.1 * xs[-1]),
    "concatenate": lambda k, xs, axis: k.ops.concatenate(xs, axis=axis),
    "stack": lambda k, xs, axis: k.ops.stack(xs, axis=axis),
    "split": lambda k, xs, axis: k.ops.split(xs[0], 2, axis=axis)[1],
    "matmul": lambda k, xs: k.ops.matmul(xs[0], k.ops.swapaxes(xs[-1], -1, -2)),
    "einsum": lambda k, xs, equation: k.ops.einsum(equation, *xs),
    "top_k": lambda k, xs, n: k.ops.top_k(xs[0], n)[0],
    "argmax": lambda k, xs: k.ops.one_hot(k.ops.argmax(xs[0], axis=-1), xs[0].shape[-1]) + xs[0],
    "take": lambda k, xs, axis: k.ops.take(xs[0], [1, 0], axis=axis),
    "batch gram": lambda k, xs: k.ops.matmul(k.ops.softmax(k.ops.matmul(xs[0], k.ops.transpose(xs[0])), axis=-1), xs[0]),
}  # fmt: skip


def perform(k: Any, what: Any, made: Any, tensors: list[Any], more: Any = None) -> list[Any]:
    """The tensors that a node makes; `made` is its layer or model, if it has one, `more` are further arguments of its call."""
    if what[0] == "operation":
        result = OPERATIONS[what[1]](k, tensors, **what[2])
    elif what[0] == "layer" and what[1] in ("MultiHeadAttention", "GroupQueryAttention"):
        result = made(*tensors, **(more or {}))
    else:
        result = made(list(tensors) if len(tensors) > 1 or what[1] in MERGING else tensors[0], **(more or {}))
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
    return [k.Input(tuple(i.get("declared", i["shape"])), dtype=i["dtype"], name=i.get("name")) for i in inputs]


def build(k: Any, description: dict[str, Any]) -> Any:
    """The model of a description."""
    form = description["form"]
    if form == "sequential":
        start = make_inputs(k, description["inputs"])
        return k.Sequential([*start, *(layer_of(k, node["do"], []) for node in description["nodes"])])
    if form == "subclass":
        return _own_model(k)(description)
    tensors = make_inputs(k, description["inputs"])
    inputs = list(tensors)
    made: list[Any] = []
    for node in description["nodes"]:
        layer = layer_of(k, node["do"], made)
        made.append(layer)
        what = description["nodes"][node["do"][1]]["do"] if node["do"][0] == "again" else node["do"]
        tensors += perform(k, what, layer, [tensors[t] for t in node["take"]], node.get("with"))
    outputs = [tensors[t] for t in description["outputs"]]
    return k.Model(inputs if len(inputs) > 1 else inputs[0], outputs if len(outputs) > 1 else outputs[0])


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
            tensors = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
            for node, layer in zip(description["nodes"], made, strict=True):
                what = description["nodes"][node["do"][1]]["do"] if node["do"][0] == "again" else node["do"]
                more = {**node.get("with", {}), **({} if training is None else {"training": training})}
                tensors += perform(k, what, layer, [tensors[t] for t in node["take"]], more)
            outputs = [tensors[t] for t in description["outputs"]]
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


# --- Data


def make_data(description: dict[str, Any], output_shapes: list[tuple]) -> dict[str, Any]:
    """{"x", "y", "weights", "validation"} of a description, from its seed."""
    rng = np.random.default_rng(description["seed"])
    n = description["samples"]

    def inputs(n: int) -> list[np.ndarray]:
        return [_input_values(rng, given, n) for given in description["model"]["inputs"]]

    def targets(n: int) -> list[np.ndarray]:
        return [
            _target_values(rng, kind, (n, *shape[1:])) for kind, shape in zip(description["kinds"], output_shapes, strict=True)
        ]

    def single(values: list[Any]) -> Any:
        return values if len(values) > 1 else values[0]

    data: dict[str, Any] = {"x": single(inputs(n)), "y": single(targets(n)), "weights": None, "validation": None}
    if description["fit"].get("weights"):
        steps = description["fit"]["weights"] == "steps"
        data["weights"] = single([rng.random((n, *shape[1:2]) if steps else n).astype("float32") for shape in output_shapes])
    if description["fit"].get("validation") == "data":
        m = int(rng.integers(2, 9))
        data["validation"] = (single(inputs(m)), single(targets(m)))
    return data


def _input_values(rng: np.random.Generator, given: dict[str, Any], n: int) -> np.ndarray:
    shape = (n, *given["shape"])
    if given["kind"] == "words":
        words = rng.integers(1, given["words"], shape)
        lengths = rng.integers(1, shape[1] + 1, n)
        return np.where(np.arange(shape[1]) < lengths[:, None], words, 0).astype(given["dtype"])
    values = rng.standard_normal(shape).astype("float32")
    if given.get("empty"):
        lengths = rng.integers(1, shape[1] + 1, n)
        values *= (np.arange(shape[1]) < lengths[:, None])[..., None]
    return values


def _target_values(rng: np.random.Generator, kind: dict[str, Any], shape: tuple) -> np.ndarray:
    name = kind["kind"]
    if name == "number":
        return rng.standard_normal(shape).astype("float32")
    if name == "positive":
        return (rng.random(shape) * 3 + 0.1).astype("float32")
    if name in ("yes", "yes logit"):
        return rng.integers(0, 2, shape).astype(rng.choice(["float32", "int32"]))
    if name == "sign":
        return (2 * rng.integers(0, 2, shape) - 1).astype("float32")
    labels = rng.integers(0, shape[-1], shape[:-1])
    return np.eye(shape[-1], dtype="float32")[labels] if name == "class" else labels.astype("int32")
