"""Quantizers: numbers to few levels, and the scale that brings them back."""

from collections.abc import Callable, Sequence
from typing import Any, Self, cast

import jax.numpy as jnp
import numpy as np

from kerata.base.checks import message
from kerata.base.config import epsilon as smallest
from kerata.base.registry import builtin, find
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.base.types import Plain, is_dict
from kerata.engine.types import Array, TensorLike

Axes = int | Sequence[int]
# What gives levels and a scale for an array.
Levels = Callable[..., tuple[Array, Array]]


def abs_max_quantize(
    inputs: TensorLike,
    axis: Axes,
    value_range: tuple[float, float] = (-127, 127),
    dtype: str = "int8",
    epsilon: float | None = None,
    to_numpy: bool = False,
) -> tuple[Array, Array]:
    """(q, scale): q = round(x * scale), scale = value_range[1] / (max |x| + epsilon).

    Args:
        inputs: numbers.
        axis: the axes over which the largest is taken, so along which the scale is one number.
        value_range: the smallest and the largest level.
        dtype: the type of the levels.
        epsilon: `kerata.config.epsilon()` by default.
        to_numpy: whether it is computed on the host.

    >>> q, scale = abs_max_quantize(np.array([[0.25, -1.0]], "float32"), axis=-1)
    >>> q.tolist(), scale.shape
    ([[32, -127]], (1, 1))
    """
    added = smallest() if epsilon is None else epsilon
    axes = axis if isinstance(axis, int) else tuple(axis)
    library = np if to_numpy else jnp
    x = np.asarray(inputs) if to_numpy else jnp.asarray(inputs)
    scale = (value_range[1] / (library.max(library.abs(x), axis=axes, keepdims=True) + added)).astype(x.dtype)
    levels = library.clip(library.round(x * scale), *value_range).astype(dtype)
    return jnp.asarray(levels), jnp.asarray(scale)


@builtin("quantizers", "quantizer")
class Quantizer:
    """A function of an array that gives (levels, scale). One of your own defines `__call__(x, axis, to_numpy=False)`.

    Args:
        output_dtype: the type of the levels.

    >>> Quantizer("int8").output_dtype
    'int8'
    """

    def __init__(self, output_dtype: str = "int8"):
        self.output_dtype = output_dtype

    def __call__(self, x: TensorLike) -> tuple[Array, Array]:
        """Levels and scale; this one changes nothing, and gives `x` alone."""
        return x  # type: ignore[return-value]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A quantizer from what `get_config` gave."""
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data."""
        raise NotImplementedError(message(type(self).__name__, "it does not implement get_config()"))


@builtin("quantizers", "abs_max_quantizer")
class AbsMaxQuantizer(Quantizer):
    """(round(x * scale), scale) with scale = value_range[1] / max |x|.

    Args:
        axis: the axes over which the largest is taken, where a call names none; the last one by default.
        value_range: the smallest and the largest level.
        epsilon: added to the largest, so that it is not 0.
        output_dtype: the type of the levels.

    >>> levels, scale = AbsMaxQuantizer()(np.array([0.25, -1.0], "float32"))
    >>> levels.tolist()
    [32, -127]
    """

    def __init__(
        self,
        axis: Axes | None = None,
        value_range: tuple[float, float] = (-127, 127),
        epsilon: float | None = None,
        output_dtype: str = "int8",
    ):
        super().__init__(output_dtype)
        self.axis = (axis,) if isinstance(axis, int) else None if axis is None else tuple(axis)
        self.value_range = (value_range[0], value_range[1])
        self.epsilon = smallest() if epsilon is None else epsilon
        if output_dtype == "int8" and not -128 <= value_range[0] <= value_range[1] <= 127:
            raise ValueError(
                message("AbsMaxQuantizer", "`value_range` must lie within [-128, 127] for int8", {"value_range": value_range})
            )

    def __call__(self, x: TensorLike, axis: Axes | None = None, to_numpy: bool = False) -> tuple[Array, Array]:
        """(levels, scale).

        Args:
            x: numbers.
            axis: the axes over which the largest is taken.
            to_numpy: whether it is computed on the host.
        """
        chosen = axis if axis is not None else -1 if self.axis is None else self.axis
        return abs_max_quantize(x, chosen, self.value_range, self.output_dtype, self.epsilon, to_numpy)

    def get_config(self) -> dict[str, Any]:
        config = {"value_range": self.value_range, "epsilon": self.epsilon, "output_dtype": self.output_dtype}
        return config if self.axis is None else {**config, "axis": self.axis}


def serialize(initializer: object) -> Plain:
    """A quantizer as a config.

    >>> serialize(AbsMaxQuantizer())["class_name"]
    'AbsMaxQuantizer'
    """
    return serialize_keras_object(initializer)


def deserialize(config: Plain, custom_objects: dict[str, Any] | None = None) -> Levels:
    """The quantizer of a config."""
    return deserialize_keras_object(config, custom_objects)


def get(identifier: object, **kwargs: object) -> Levels | None:
    """A quantizer of its name, its config or a quantizer; `None` of `None`.

    Args:
        identifier: which.
        kwargs: arguments of the class, where it is a name or a class.

    >>> get("abs_max_quantizer", axis=0).axis
    (0,)
    """
    if identifier is None:
        return None
    found = identifier
    if is_dict(identifier):
        found = deserialize(identifier)
    elif isinstance(identifier, str):
        found = find("quantizers", identifier, None, "identifier")
    if isinstance(found, type):
        found = found(**kwargs)
    if not callable(found):
        raise ValueError(message("quantizers.get", "it takes a name, a config or a quantizer", {"identifier": identifier}))
    return cast(Levels, found)
