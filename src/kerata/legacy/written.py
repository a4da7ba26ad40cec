"""Functions of K of symbolic tensors as files name them: by operations and layers of today that compute the same."""

from collections.abc import Callable
from typing import Any

from kerata import layers, ops
from kerata.engine.symbolic import SymbolicTensor, has_symbolic
from kerata.engine.types import TensorLike
from kerata.ops.forms import tell_translation


def as_operation(function: Callable[..., Any], operation: Callable[..., Any]) -> None:
    """Says by which operation files name a function of the same arguments in the same order."""

    def bound(*args: object, **kwargs: object) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        return operation, (*args, *kwargs.values()), {}

    tell_translation(function, lambda args, kwargs: bound(*args, **kwargs))


def switching(function: Callable[..., Any]) -> Callable[..., Any]:
    """`K.switch`, which of symbolic tensors is a choice for each element."""

    def switch(condition: Any, then_expression: Any, else_expression: Any) -> Any:
        given = (condition, then_expression, else_expression)
        if not has_symbolic(given):
            return function(*given)
        then, otherwise = (one() if callable(one) else one for one in given[1:])
        axes = max(len(getattr(one, "shape", ())) for one in (then, otherwise))
        for _ in range(axes - len(condition.shape)):
            condition = ops.expand_dims(condition, -1)
        return ops.where(condition, then, otherwise)

    return switch


def multiplying(function: Callable[..., Any]) -> Callable[..., Any]:
    """`K.batch_dot`, which of two symbolic tensors is a Dot layer."""

    def batch_dot(x: TensorLike, y: TensorLike, axes: Any = None) -> Any:
        if not isinstance(x, SymbolicTensor) or not isinstance(y, SymbolicTensor):
            return function(x, y, axes)
        if axes is None:
            axes = (x.ndim - 1, y.ndim - (1 if y.ndim == 2 else 2))
        return layers.Dot(axes=axes if isinstance(axes, int) else tuple(axes))([x, y])

    return batch_dot
