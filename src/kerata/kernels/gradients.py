"""Functions that bring their own gradient, and have a derivative along a direction as well.

`jax.custom_vjp` has no forward mode: `jax.jvp`, `jax.jacfwd` and `jax.hessian` end in an error. Here the derivative is an
operation of its own, linear in the direction, which runs as JAX differentiates the function; its gradient is what is brought.
"""

# JAX leaves the types of its rules out.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

import jax
from jax.core import ShapedArray
from jax.interpreters import ad, batching, mlir

from kerata.kernels.typed import Direction, Primitive, as_array, bind_all, is_asked_for, is_nothing, whole_directions

P = ParamSpec("P")
R = TypeVar("R")
Structure = jax.tree_util.PyTreeDef


class Own(Generic[P, R]):
    """A function of arrays with its own gradient.

    Args:
        function: what it computes. JAX differentiates it in forward mode.
        fixed: how many of its first arguments are no arrays.
    """

    def __init__(self, function: Callable[P, R], fixed: int):
        functools.update_wrapper(self, function)
        self.function, self.fixed = function, fixed
        self.forward: Callable[..., tuple[Any, Any]] | None = None
        self.backward: Callable[..., Sequence[Any]] | None = None

    def defvjp(self, fwd: Callable[..., tuple[Any, Any]], bwd: Callable[..., Sequence[Any]]) -> None:
        """Its gradient, as `jax.custom_vjp` takes it."""
        self.forward, self.backward = fwd, bwd

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        assert not kwargs
        return _computed(self, args[: self.fixed], args[self.fixed :])  # type: ignore[return-value]


def own_gradient(fixed: int = 0) -> Callable[[Callable[P, R]], Own[P, R]]:
    """For a function with its own gradient, the first `fixed` arguments of which are no arrays."""
    return lambda function: Own(function, fixed)


class Change(NamedTuple):
    """What is fixed of a derivative: of which function, and how its operands stand in a row."""

    own: Own[Any, Any]
    fixed: tuple[Hashable, ...]
    arguments: Structure
    kept: Structure
    results: Structure
    # Which of the arguments have a direction, and what the results with one look like.
    moves: tuple[bool, ...]
    shown: tuple[bool, ...]
    shapes: tuple[ShapedArray, ...]

    def parts(self, operands: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """(arguments, what was kept, directions)."""
        first, second = self.arguments.num_leaves, self.arguments.num_leaves + self.kept.num_leaves
        return operands[:first], operands[first:second], operands[second:]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _computed(own: Own[Any, Any], fixed: tuple[Hashable, ...], arrays: tuple[Any, ...]) -> object:
    return own.function(*fixed, *arrays)


@_computed.defjvp
def _derived(own: Own[Any, Any], fixed: tuple[Hashable, ...], primals: tuple[Any], tangents: tuple[Any]) -> tuple[Any, Any]:
    assert own.forward is not None
    values, kept = own.forward(*fixed, *primals[0])
    (given, arguments), (kept, of_kept) = jax.tree.flatten(primals[0]), jax.tree.flatten(kept)
    results, of_results = jax.tree.flatten(values)
    directions = jax.tree.leaves(tangents[0])
    moves = tuple(not is_nothing(direction) for direction in directions)
    still = whole_directions(results)
    shown = tuple(one is None for one in still)
    shapes = tuple(jax.typeof(value) for value, is_shown in zip(results, shown, strict=True) if is_shown)
    change = Change(own, fixed, arguments, of_kept, of_results, moves, shown, shapes)
    moving = [direction for direction, moved in zip(directions, moves, strict=True) if moved]
    found = iter(bind_all(_change, *given, *kept, *moving, change=change))
    along = [next(found) if one is None else one for one in still]
    return values, jax.tree.unflatten(of_results, along)


def run(*operands: jax.Array, change: Change) -> list[jax.Array]:
    """The derivative of the function along a direction, as JAX finds it."""
    given, _, directions = change.parts(operands)

    def of_moving(*moving: jax.Array) -> list[jax.Array]:
        left = iter(moving)
        arrays = [next(left) if moves else one for one, moves in zip(given, change.moves, strict=True)]
        results = jax.tree.leaves(change.own.function(*change.fixed, *jax.tree.unflatten(change.arguments, arrays)))
        return [one for one, is_shown in zip(results, change.shown, strict=True) if is_shown]

    moving = tuple(one for one, moves in zip(given, change.moves, strict=True) if moves)
    return jax.jvp(of_moving, moving, tuple(directions))[1]


def _describe(*operands: ShapedArray, change: Change) -> list[ShapedArray]:
    return [shape.update(weak_type=False) for shape in change.shapes]


def _along(
    primals: Sequence[jax.Array], tangents: Sequence[Direction], *, change: Change
) -> tuple[Sequence[jax.Array], Sequence[Direction]]:
    given, kept, directions = change.parts(tangents)
    if all(map(is_nothing, [*given, *kept])):
        still = primals[: len(given) + len(kept)]
        moved = bind_all(_change, *still, *map(as_array, directions), change=change)
        return bind_all(_change, *primals, change=change), moved
    return jax.jvp(functools.partial(run, change=change), tuple(primals), tuple(map(as_array, tangents)))


def _back(cotangents: Sequence[Direction], *operands: Direction, change: Change) -> list[Direction | None]:
    given, kept, directions = change.parts(operands)
    left = iter(cotangents)
    # Of what has no direction nothing comes back.
    grads = jax.tree.unflatten(change.results, [as_array(next(left)) if shown else None for shown in change.shown])
    assert change.own.backward is not None
    found = change.own.backward(*change.fixed, jax.tree.unflatten(change.kept, kept), grads)
    flat = change.arguments.flatten_up_to(tuple(found))
    moved = [one for one, moves in zip(flat, change.moves, strict=True) if moves]
    asked = [one if is_asked_for(operand) else None for one, operand in zip(moved, directions, strict=True)]
    return [*[None] * (len(given) + len(kept)), *asked]


def _many(arrays: Sequence[jax.Array], axes: Sequence[int | None], *, change: Change) -> tuple[list[jax.Array], list[int]]:
    found = jax.vmap(functools.partial(run, change=change), tuple(axes))(*arrays)
    return found, [0] * len(found)


_change = Primitive("own_change")
_change.multiple_results = True
_change.def_impl(run)
_change.def_abstract_eval(_describe)
mlir.register_lowering(_change, mlir.lower_fun(run, multiple_results=True))
ad.primitive_jvps[_change] = _along
ad.primitive_transposes[_change] = _back
batching.primitive_batchers[_change] = _many
