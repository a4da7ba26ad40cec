"""The three forms that most functions of arrays have: of one array, of two arrays, and along axes.

Each maker gives a function with Keras's argument names that takes arrays, variables, lists and symbolic tensors.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from kerata.base.config import floatx
from kerata.engine.symbolic import traceable

Function = Callable[..., Any]


def unary(name: str, function: Function, text: str, floating: bool = False) -> Function:
    """`name(x)`. With `floating`, integers become floats first.

    >>> import jax.numpy as jnp
    >>> unary("sine", jnp.sin, "The sine.", floating=True)([0])
    Array([0.], dtype=float32)
    """

    def apply(x):
        x = jnp.asarray(x)
        return function(as_float(x) if floating else x)

    return named(apply, name, text)


def binary(name: str, function: Function, text: str, floating: bool = False) -> Function:
    """`name(x1, x2)`. With `floating`, integers become floats first."""

    def apply(x1, x2):
        x1, x2 = jnp.asarray(x1), jnp.asarray(x2)
        if floating:
            # A weakly typed scalar must not widen the other one.
            x1, x2 = (x if x.weak_type else as_float(x) for x in (x1, x2))
        return function(x1, x2)

    return named(apply, name, text)


def bitwise(name: str, function: Function, text: str) -> Function:
    """`name(x, y)`, as Keras calls the arguments of functions of bits."""

    def apply(x, y):
        return function(jnp.asarray(x), jnp.asarray(y))

    return named(apply, name, text)


def reduction(name: str, function: Function, text: str) -> Function:
    """`name(x, axis=None, keepdims=False)`: `axis` is an integer, several, or `None` for all."""

    def apply(x, axis=None, keepdims=False):
        return function(jnp.asarray(x), axis=as_axes(axis), keepdims=keepdims)

    return named(apply, name, text)


def named(apply: Function, name: str, text: str) -> Function:
    """The function as a person finds it: under its name, with its line of documentation, and traceable."""
    apply.__name__ = apply.__qualname__ = name
    apply.__doc__ = text
    return traceable(apply)


def as_float(x: Any) -> Any:
    """Integers and truth values as floats."""
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(floatx())


def as_axes(axis: Any) -> Any:
    """Several axes as the tuple that JAX takes."""
    return tuple(axis) if isinstance(axis, list) else axis
