"""Slopes of variables that are given values while a batch is computed."""

import jax
import jax.numpy as jnp

from kerata.engine.scope import stack
from kerata.engine.types import Array, TensorLike
from kerata.engine.variable import Variable


@jax.custom_jvp
def in_place_of(new: Array, old: Array) -> Array:
    """The new value of a variable, with the slope of the old one."""
    return new


@in_place_of.defjvp
def _slope(values: tuple[Array, Array], slopes: tuple[Array, Array]) -> tuple[Array, Array]:
    return in_place_of(*values), slopes[1]


def given(variable: Variable, value: TensorLike) -> TensorLike:
    """A value that a variable is given, as TensorFlow derives what reads it then.

    Nothing leads from there to what the value was computed from, and a variable that is trained keeps the slope to itself.
    """
    if not stack() or not jnp.issubdtype(variable._dtype, jnp.floating):
        return value
    new = jnp.asarray(value, variable._dtype)
    holder = next((scope for scope in reversed(stack()) if id(variable) in scope.values and not scope.outside), None)
    if holder is None:
        return jax.lax.stop_gradient(new)
    holder.staying.add(id(variable))
    return in_place_of(new, jnp.asarray(Variable.value.fget(variable), variable._dtype))  # type: ignore[misc]
