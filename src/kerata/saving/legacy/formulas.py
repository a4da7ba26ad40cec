"""Formulas of well-known Lambda layers, computed by Kerata's own functions."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerata import ops
from kerata.base.checks import message
from kerata.base.limits import take_work
from kerata.base.registry import register_keras_serializable
from kerata.engine.types import Array, TensorLike
from kerata.layers.merging import Dot

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
    "min": ops.min,
    "prod": ops.prod,
    "std": ops.std,
    "var": ops.var,
    "softmax": ops.softmax,
    "softplus": ops.softplus,
    "sign": ops.sign,
    "round": ops.round,
    "sin": ops.sin,
    "cos": ops.cos,
    "expand_dims": ops.expand_dims,
    "squeeze": ops.squeeze,
    "reverse": ops.flip,
    "reshape": lambda x, shape: ops.reshape(x, shape),
    "permute_dimensions": lambda x, pattern: ops.transpose(x, pattern),
    "clip": lambda x, min_value, max_value: ops.clip(x, min_value, max_value),
}
# Of two parts, with settings behind them.
TWO: dict[str, Callable[..., Any]] = {
    "maximum": ops.maximum,
    "minimum": ops.minimum,
    "batch_dot": lambda x, y, axes=None: batch_dot(x, y, axes),
}
# Of a list of parts.
MANY: dict[str, Callable[..., Any]] = {"concatenate": ops.concatenate, "stack": ops.stack}
ALONG = ("axis", "keepdims")
# What settings a function has; the others have none.
SETTINGS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("sum", "mean", "max", "min", "prod", "std", "var"), ALONG),
    **dict.fromkeys(("softmax", "expand_dims", "squeeze", "reverse", "l2_normalize", "concatenate", "stack"), ("axis",)),
    "reshape": ("shape",),
    "permute_dimensions": ("pattern",),
    "clip": ("min_value", "max_value"),
    "batch_dot": ("axes",),
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
    settings: dict[str, Any] = parts[-1] if parts and isinstance(parts[-1], dict) else {}
    parts = parts[:-1] if settings else parts
    if len(parts) != (2 if name in TWO else 1) or not set(settings) <= set(SETTINGS.get(name, ())):
        raise ValueError(message("formula", "unknown formula", {"formula": steps}))
    settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    if name in TWO:
        return TWO[name](*(compute(part, inputs, level + 1) for part in parts), **settings)
    if name in MANY:
        return MANY[name](several(parts[0], inputs, level + 1), **settings)
    value = compute(parts[0], inputs, level + 1)
    if name == "l2_normalize":
        # As TensorFlow has it: at least 1e-12 under the root.
        return value / ops.sqrt(ops.maximum(ops.sum(ops.square(value), axis=settings.get("axis"), keepdims=True), 1e-12))
    if name not in UNARY:
        raise ValueError(message("formula", "unknown formula", {"formula": steps}))
    return UNARY[name](value, **settings)


def several(part: object, inputs: TensorLike, level: int) -> list[Any]:
    """The values of a list of formulas; the input may be a list itself."""
    if part == "x" and isinstance(inputs, (list, tuple)):
        return list(inputs)
    if not isinstance(part, (list, tuple)) or part[:1] not in (["list"], ("list",)):
        raise ValueError(message("formula", "a list of parts is needed", {"formula": part}))
    return [compute(one, inputs, level) for one in part[1:]]


def batch_dot(x: TensorLike, y: TensorLike, axes: int | tuple[int, ...] | None) -> Array:
    """For each sample the sum of products over one axis of x and one of y."""
    first, second = (len(np.shape(x)), len(np.shape(y)))
    if axes is None:
        axes = (first - 1, second - (1 if second == 2 else 2))
    return Dot(axes=axes).call([jnp.asarray(x), jnp.asarray(y)])


def spell(steps: object) -> str:
    """A formula as a person writes it.

    >>> spell(["subtract", ["divide", "x", 127.5], 1]), spell(["mean", "x", {"axis": 1}])
    ('x / 127.5 - 1', 'mean(x, axis=1)')
    """
    if not isinstance(steps, (list, tuple)):
        return str(steps)
    name, parts = steps[0], steps[1:]
    if name == "list":
        return f"[{', '.join(map(spell, parts))}]"
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
    settings = [f"{key}={value}" for part in parts if isinstance(part, dict) for key, value in part.items()]
    return f"{name}({', '.join([*(spell(part) for part in parts if not isinstance(part, dict)), *settings])})"
