"""The product of inputs and a kernel, with a kernel gradient that runs as fast as the product.

JAX forms the gradient of `w` in `x @ w` as a product that sums over the first axis of both operands. XLA for CPU gives that
to a library that first packs `x` number by number: with few units, packing takes most of the time (docs/findings.md). The
fast form is a plain product between two transpositions, (g^T x)^T. With rows of inputs that lie a multiple of 1,024 bytes
apart it packs against the processor's caches; there the inputs are transposed, and the product is a plain one.

These are primitives rather than functions with gradients of their own, so that both modes of differentiation and derivatives
of any order go on working.

Under `vmap`, many small gradients are sums of outer products: a library's call for each costs more than its arithmetic.
"""

# JAX leaves some arguments of `einsum`, `reshape` and others without a type.
# pyright: reportUnknownMemberType=false

import contextlib
import threading
from collections.abc import Generator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kerata.kernels import library
from kerata.kernels.compiler import apart, prefers_fast_form
from kerata.kernels.primitives import Shape, define, members_first
from kerata.kernels.typed import bilinear_gradients, bind

# Multiplications, below which a call costs what it saves.
SMALL = 2**16

# Multiplications, from which on oneDNN makes up for its call.
LARGE = 2**23

# Inputs whose rows fall into the same few places of a cache.
ALIGNED = 256
ROWS = 128

# Rows and numbers of a kernel, up to which many gradients are sums of outer products.
FEW_ROWS = 32
SMALL_KERNEL = 2**12


class _Noted(threading.local):
    """The lists that are being filled in this thread."""

    def __init__(self) -> None:
        self.lists: list[list[Any]] = []


_noted = _Noted()


def type_of_sums(x: jax.Array, w: jax.Array) -> str | None:
    """The type in which products of small whole numbers are summed; `None` of everything else, which has its own."""
    return "int32" if x.dtype == w.dtype == jnp.int8 else None


def product(x: jax.Array, w: jax.Array) -> jax.Array:
    """x @ w.

    Args:
        x: (rows, inputs).
        w: (inputs, units).

    Returns: (rows, units).

    >>> import jax.numpy as jnp
    >>> product(jnp.ones((2, 3)), jnp.ones((3, 4))).shape
    (2, 4)
    """
    if not prefers_fast_form() or jnp.result_type(x, w) != jnp.float32:
        return jnp.matmul(x, w, preferred_element_type=type_of_sums(x, w))
    return bind(_product, jnp.asarray(x, jnp.float32), jnp.asarray(w, jnp.float32), fixed=None)


# As one row of numbers, or XLA calls it transposed by its layout alone, and whoever reads it reads across the rows.
@apart
def _flat_transpose(a: jax.Array) -> jax.Array:
    return jnp.reshape(jnp.transpose(a), -1)


def _transposed(a: jax.Array) -> jax.Array:
    return jnp.reshape(_flat_transpose(a), a.shape[::-1])


def _plain_product(x: jax.Array, w: jax.Array) -> jax.Array:
    return lax.dot_general(x, w, (((1,), (0,)), ((), ())))


def _plain_gradient(x: jax.Array, g: jax.Array) -> jax.Array:
    """(inputs, units) from x (rows, inputs) and g (rows, units)."""
    return lax.dot_general(x, g, (((0,), (0,)), ((), ())))


def _fast_gradient(x: jax.Array, g: jax.Array) -> jax.Array:
    (rows, units), inputs = g.shape, x.shape[1]
    if rows * inputs * units < SMALL:
        return _plain_gradient(x, g)
    if rows * inputs * units >= LARGE and library.is_allowed():
        return library.product(x, g, transpose_a=True)
    # The gradient is transposed in place of the inputs: that pays where it and the result are the smaller ones.
    if units <= min(rows, inputs):
        return _transposed(_transposed(g) @ x)
    if inputs % ALIGNED == 0 and rows >= ROWS:
        return _plain_product(_transposed(x), g)
    return _plain_gradient(x, g)


def kernel_gradient_of_pixels(x: jax.Array, g: jax.Array) -> jax.Array:
    """(inputs, units) from x (rows, inputs) and g (rows, units): of many rows, one of the two is transposed first."""
    (rows, units), inputs = g.shape, x.shape[1]
    if rows < ROWS:
        return _plain_gradient(x, g)
    if units <= inputs or rows >= 4 * units:
        return _transposed(_transposed(g) @ x)
    return _plain_product(_transposed(x), g)


def product_with_transposed(g: jax.Array, w: jax.Array) -> jax.Array:
    """g w^T, (rows, inputs) from (rows, units) and (inputs, units)."""
    return lax.dot_general(g, w, (((1,), (1,)), ((), ())))


@apart
def _outer_sum(x: jax.Array, g: jax.Array) -> jax.Array:
    """(members, inputs, units) from x (members, rows, inputs) and g (members, rows, units)."""
    return _sum([x[:, row, :, None] * g[:, row, None, :] for row in range(x.shape[1])])


@apart
def _shared_outer_sum(x: jax.Array, g: jax.Array) -> jax.Array:
    """(inputs, members, units) from x (rows, inputs) and g (members, rows, units)."""
    return _sum([x[row, :, None, None] * g[None, :, row, :] for row in range(x.shape[0])])


def _sum(terms: list[jax.Array]) -> jax.Array:
    return sum(terms[1:], terms[0])


def _many_products(arrays: Sequence[jax.Array], axes: Sequence[int | None], _: None) -> tuple[jax.Array, int]:
    if axes[0] is None and _noted.lists:
        _noted.lists[-1].append(arrays[1])
    return jax.vmap(_plain_product, axes)(*arrays), 0


def _many_gradients(arrays: Sequence[jax.Array], axes: Sequence[int | None], _: None) -> tuple[jax.Array, int]:
    x, g = members_first(arrays, axes)
    if axes[1] is not None and x.shape[-2] <= FEW_ROWS and x.shape[-1] * g.shape[-1] <= SMALL_KERNEL:
        return (_shared_outer_sum(x, g), 1) if axes[0] is None else (_outer_sum(x, g), 0)
    return jax.vmap(_plain_gradient, axes)(*arrays), 0


@contextlib.contextmanager
def noting_shared_inputs() -> Generator[list[Any]]:
    """The list of kernels that, in what is traced inside, `vmap` multiplies with inputs that all its members have in common."""
    _noted.lists.append([])
    try:
        yield _noted.lists[-1]
    finally:
        _noted.lists.pop()


def _run_product(_: None, x: jax.Array, w: jax.Array) -> jax.Array:
    return _plain_product(x, w)


def _run_gradient(_: None, x: jax.Array, g: jax.Array) -> jax.Array:
    return _fast_gradient(x, g)


def _run_transposed(_: None, g: jax.Array, w: jax.Array) -> jax.Array:
    if g.size * w.shape[0] >= LARGE and library.is_allowed():
        return library.product(g, w, transpose_b=True)
    return product_with_transposed(g, w)


def _of_product(_: None, x: Shape, w: Shape) -> Shape:
    return x[0], w[1]


def _of_gradient(_: None, x: Shape, g: Shape) -> Shape:
    return x[1], g[1]


def _of_transposed(_: None, g: Shape, w: Shape) -> Shape:
    return g[0], w[0]


def _many_transposed(arrays: Sequence[jax.Array], axes: Sequence[int | None], _: None) -> tuple[jax.Array, int]:
    return jax.vmap(product_with_transposed, axes)(*arrays), 0


_product = define("product", _run_product, _of_product, _many_products)
_transposed_product = define("product_with_transposed", _run_transposed, _of_transposed, _many_transposed)
_gradient = define("kernel_gradient", _run_gradient, _of_gradient, _many_gradients)


# Each is linear in both operands; the gradients of a gradient are again among these products.
def _by_inputs(_: None, g: jax.Array, x: jax.Array, w: jax.Array) -> jax.Array:
    return bind(_transposed_product, g, w, fixed=None)


def _by_kernel(_: None, g: jax.Array, x: jax.Array, w: jax.Array) -> jax.Array:
    return bind(_gradient, x, g, fixed=None)


def _by_first(_: None, c: jax.Array, x: jax.Array, g: jax.Array) -> jax.Array:
    return _plain_product(g, c.T)


def _by_second(_: None, c: jax.Array, x: jax.Array, g: jax.Array) -> jax.Array:
    return bind(_product, x, c, fixed=None)


def _by_rows(_: None, c: jax.Array, g: jax.Array, w: jax.Array) -> jax.Array:
    return bind(_product, c, w, fixed=None)


def _by_weights(_: None, c: jax.Array, g: jax.Array, w: jax.Array) -> jax.Array:
    return bind(_gradient, c, g, fixed=None)


bilinear_gradients(_product, _by_inputs, _by_kernel)
bilinear_gradients(_gradient, _by_first, _by_second)
bilinear_gradients(_transposed_product, _by_rows, _by_weights)
