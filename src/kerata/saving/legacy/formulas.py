"""Formulas of well-known Lambda layers, computed by Kerata's own functions."""

from collections.abc import Callable
from typing import Any

from kerata import ops
from kerata.base.checks import message
from kerata.base.limits import take_work
from kerata.base.registry import register_keras_serializable
from kerata.engine.types import TensorLike

MOST_LEVELS = 20
BINARY: dict[str, Callable[..., Any]] = {
    "add": ops.add,
    "subtract": ops.subtract,
    "multiply": ops.multiply,
    "divide": ops.divide,
    "power": ops.power,
}
UNARY: dict[str, Callable[..., Any]] = {
    "negative": ops.negative,
    "absolute": ops.absolute,
    "square": ops.square,
    "sqrt": ops.sqrt,
    "exp": ops.exp,
    "log": ops.log,
    "relu": ops.relu,
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "sum": ops.sum,
    "mean": ops.mean,
    "max": ops.max,
    "expand_dims": ops.expand_dims,
    "squeeze": ops.squeeze,
}
SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"}


@register_keras_serializable("kerata", "formula")
def formula(inputs: TensorLike, steps: object) -> object:
    """What a formula gives for an input: `["subtract", ["divide", "x", 127.5], 1]` is x / 127.5 - 1.

    >>> import numpy as np
    >>> formula(np.array([255.0]), ["subtract", ["divide", "x", 127.5], 1]).tolist()
    [1.0]
    """
    return compute(steps, inputs, 0)


def compute(steps: object, inputs: TensorLike, level: int) -> Any:
    """The value of a formula, or of a part of one."""
    take_work(1)
    if steps == "x":
        return inputs
    if isinstance(steps, (int, float)) and not isinstance(steps, bool):
        # Whole numbers of Python grow without end.
        return float(steps)
    if not isinstance(steps, (list, tuple)) or not steps or not isinstance(steps[0], str) or level > MOST_LEVELS:
        raise ValueError(
            message("formula", "a formula must be 'x', a number, or a list of a name and its parts", {"formula": steps})
        )
    name, parts = steps[0], steps[1:]
    if name == "item" and len(parts) == 2 and isinstance(parts[1], int):
        return compute(parts[0], inputs, level + 1)[parts[1]]
    if name in BINARY and len(parts) == 2:
        return BINARY[name](*(compute(part, inputs, level + 1) for part in parts))
    settings = parts[1] if len(parts) == 2 and isinstance(parts[1], dict) else {}
    if len(parts) not in (1, 2) or (len(parts) == 2 and not settings) or not set(settings) <= {"axis", "keepdims"}:
        raise ValueError(message("formula", "unknown formula", {"formula": steps}))
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    value = compute(parts[0], inputs, level + 1)
    if name == "l2_normalize":
        # As TensorFlow has it: at least 1e-12 under the root.
        return value / ops.sqrt(ops.maximum(ops.sum(ops.square(value), axis=settings.get("axis"), keepdims=True), 1e-12))
    if name not in UNARY:
        raise ValueError(message("formula", "unknown formula", {"formula": steps}))
    return UNARY[name](value, **settings)


def spell(steps: object) -> str:
    """A formula as a person writes it.

    >>> spell(["subtract", ["divide", "x", 127.5], 1]), spell(["mean", "x", {"axis": 1}])
    ('x / 127.5 - 1', 'mean(x, axis=1)')
    """
    if not isinstance(steps, (list, tuple)):
        return str(steps)
    name, parts = steps[0], steps[1:]
    if name == "item":
        return f"{spell(parts[0])}[{parts[1]}]"
    if name in SIGNS:
        left, right = (spell(part) for part in parts)
        is_sum = isinstance(parts[0], (list, tuple)) and parts[0][0] in ("add", "subtract")
        left = f"({left})" if is_sum and name not in ("add", "subtract") else left
        right = f"({right})" if isinstance(parts[1], (list, tuple)) and parts[1][0] in SIGNS else right
        return f"{left} {SIGNS[name]} {right}"
    if name == "negative":
        return f"-{spell(parts[0])}"
    settings = "".join(f", {key}={value}" for key, value in parts[1].items()) if len(parts) == 2 else ""
    return f"{name}({spell(parts[0])}{settings})"
