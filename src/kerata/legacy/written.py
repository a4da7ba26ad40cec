"""Functions of K of symbolic tensors as files name them: by operations and layers of today that compute the same."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from kerata import layers, ops
from kerata.base.checks import message
from kerata.engine.numbers import NumbersNeeded, known
from kerata.engine.scope import current_scope
from kerata.engine.symbolic import SymbolicTensor, has_symbolic
from kerata.engine.types import TensorLike
from kerata.engine.variable import Variable
from kerata.ops.forms import tell_translation

# A value, or a function that gives it.
Expression: TypeAlias = TensorLike | Callable[[], TensorLike]


def as_operation(function: Callable[..., Any], operation: Callable[..., Any]) -> None:
    """Says by which operation files name a function of the same arguments in the same order."""

    def bound(*args: object, **kwargs: object) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        return operation, (*args, *kwargs.values()), {}

    tell_translation(function, lambda args, kwargs: bound(*args, **kwargs))


def value_of(expression: Expression) -> TensorLike:
    return expression() if callable(expression) else expression


def known_branch(condition: object, first: Expression, second: Expression) -> Expression | None:
    """The branch that is taken, where that is known: only it is computed, and the other one may have another shape."""
    array = None if isinstance(condition, Variable) else known(condition)
    if np.ndim(condition):  # type: ignore[arg-type]
        return None
    if array is not None:
        return first if bool(array) else second
    scope = current_scope()
    shapes = [getattr(one, "shape", ()) for one in (first, second) if not callable(one)]
    if len(shapes) == 2 and shapes[0] != shapes[1] and scope is not None and not scope.shapes_alone:
        text = message("K.switch", "its branches have two shapes", {"then": shapes[0], "else": shapes[1]})
        raise NumbersNeeded(text, "K.switch")
    return None


def switching(function: Callable[..., Any]) -> Callable[..., Any]:
    """`K.switch`, which of symbolic tensors is a choice for each element."""

    def switch(condition: SymbolicTensor, then_expression: Expression, else_expression: Expression) -> object:
        given = (condition, then_expression, else_expression)
        if not has_symbolic(given):
            taken = known_branch(*given)
            return function(*given) if taken is None else value_of(taken)
        then, otherwise = value_of(then_expression), value_of(else_expression)
        axes = max(len(getattr(one, "shape", ())) for one in (then, otherwise))
        chosen: TensorLike = condition
        for _ in range(axes - len(condition.shape)):
            chosen = ops.expand_dims(chosen, -1)
        return ops.where(chosen, then, otherwise)

    return switch


def multiplying(function: Callable[..., Any]) -> Callable[..., Any]:
    """`K.batch_dot`, which of two symbolic tensors is a Dot layer."""

    def batch_dot(x: TensorLike, y: TensorLike, axes: int | Sequence[int] | None = None) -> object:
        if not isinstance(x, SymbolicTensor) or not isinstance(y, SymbolicTensor):
            return function(x, y, axes)
        if axes is None:
            axes = (x.ndim - 1, y.ndim - (1 if y.ndim == 2 else 2))
        return layers.Dot(axes=axes if isinstance(axes, int) else tuple(axes))([x, y])

    return batch_dot
