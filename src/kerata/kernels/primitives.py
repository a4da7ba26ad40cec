"""Operations of our own that JAX differentiates in both modes, to any order, and runs many of at once.

`jax.custom_vjp` has no forward mode, and `jax.custom_jvp` differentiates what it is written in, for which the gradient may
have no fast form. What is linear has neither trouble as a primitive: its derivative is itself, and its gradient, which is
again linear, is named here.
"""

# JAX leaves the types of its rules out.
# pyright: reportUnknownMemberType=false

import functools
from collections.abc import Callable, Hashable, Sequence

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.interpreters import ad, batching, mlir

from kerata.kernels.typed import Direction, Primitive, as_array, bind, is_nothing, no_direction, nothing_for

Shape = tuple[int, ...]
# (operands, what is fixed) -> the result.
Form = Callable[..., jax.Array]
# (what is fixed, shapes of the operands) -> the result's shape.
ShapeOf = Callable[..., Shape]
# (operands, the batch axis of each or None, what is fixed) -> (the result, its batch axis).
Many = Callable[..., tuple[jax.Array, int]]


def define(name: str, form: Form, shape: ShapeOf, many: Many) -> Primitive:
    """A primitive whose result has the type of its last operand.

    Args:
        name: as it stands in a trace.
        form: (fixed, *operands) -> what it computes; `fixed` is all that is no array.
        shape: (fixed, *shapes) -> the shape of the result.
        many: what it is under `vmap`.
    """
    primitive = Primitive(name)

    @functools.lru_cache(maxsize=1024)
    def compiled(fixed: Hashable) -> Callable[..., jax.Array]:
        return jax.jit(functools.partial(form, fixed))

    def run(*operands: jax.Array, fixed: Hashable) -> jax.Array:
        return compiled(fixed)(*operands)

    def describe(*operands: ShapedArray, fixed: Hashable) -> ShapedArray:
        return operands[-1].update(shape=shape(fixed, *(operand.shape for operand in operands)), weak_type=False)

    def lower(*operands: jax.Array, fixed: Hashable) -> jax.Array:
        return form(fixed, *operands)

    def batch(arrays: Sequence[jax.Array], axes: Sequence[int | None], *, fixed: Hashable) -> tuple[jax.Array, int]:
        return many(arrays, axes, fixed)

    primitive.def_impl(run)
    primitive.def_abstract_eval(describe)
    mlir.register_lowering(primitive, mlir.lower_fun(lower, multiple_results=False))
    batching.primitive_batchers[primitive] = batch
    return primitive


def members_first(arrays: Sequence[jax.Array], axes: Sequence[int | None], everywhere: bool = False) -> list[jax.Array]:
    """Under `vmap`, operands with their batch axis in front; `everywhere`, also those that all members share."""
    members = next(array.shape[axis] for array, axis in zip(arrays, axes, strict=True) if axis is not None)
    found: list[jax.Array] = []
    for array, axis in zip(arrays, axes, strict=True):
        shared = jnp.broadcast_to(array, (members, *array.shape)) if everywhere and axis is None else array
        found.append(shared if axis is None else jnp.moveaxis(array, axis, 0))
    return found


def linear(name: str, form: Form, shape: ShapeOf) -> Primitive:
    """A primitive whose operands all have samples first, each by itself: many of them are one with as many more samples."""

    def many(arrays: Sequence[jax.Array], axes: Sequence[int | None], fixed: Hashable) -> tuple[jax.Array, int]:
        whole = members_first(arrays, axes, everywhere=True)
        members = len(whole[0])
        found = bind(primitive, *(a.reshape(members * a.shape[1], *a.shape[2:]) for a in whole), fixed=fixed)
        return found.reshape(members, whole[0].shape[1], *found.shape[1:]), 0

    primitive = define(name, form, shape, many)
    return primitive


def transposed(forward: Primitive, backward: Primitive, form: Form, back: Form) -> None:
    """Says of two primitives, linear in their last operand, that each is the gradient of the other.

    By the operands before the last they are differentiated as `form` and `back`, what they compute, are written.
    """
    for one, other, written in ((forward, backward, form), (backward, forward, back)):
        ad.primitive_jvps[one] = functools.partial(_along, one, written)
        ad.primitive_transposes[one] = functools.partial(_back, other)


def _along(
    primitive: Primitive, form: Form, primals: Sequence[jax.Array], tangents: Sequence[Direction], *, fixed: Hashable
) -> tuple[jax.Array, Direction]:
    if not all(map(is_nothing, tangents[:-1])):
        return jax.jvp(functools.partial(form, fixed), tuple(primals), tuple(map(as_array, tangents)))
    value, tangent = bind(primitive, *primals, fixed=fixed), tangents[-1]
    if is_nothing(tangent):
        return value, no_direction(value)
    return value, bind(primitive, *primals[:-1], tangent, fixed=fixed)


def _back(other: Primitive, cotangent: Direction, *operands: Direction, fixed: Hashable) -> list[Direction | None]:
    before = [None] * (len(operands) - 1)
    if is_nothing(cotangent):
        return [*before, nothing_for(operands[-1])]
    return [*before, bind(other, *operands[:-1], cotangent, fixed=fixed)]
