"""The product of inputs and a kernel, with a kernel gradient that runs as fast as the product.

JAX forms the gradient of `w` in `x @ w` as a product that sums over the first axis of both operands. XLA for CPU gives that
to a library that first packs `x` number by number: with few units, packing takes most of the time (docs/findings.md). The
fast form is a plain product between two transpositions, (g^T x)^T. With rows of inputs that lie a multiple of 1,024 bytes
apart it packs against the processor's caches; there the inputs are transposed, and the product is a plain one.

These are primitives rather than functions with gradients of their own, so that both modes of differentiation and derivatives
of any order go on working. Under `vmap` they are what they would be without this file.
"""

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from kerata.kernels.compiler import apart, prefers_fast_form

# Multiplications, below which a call costs what it saves.
SMALL = 2**16

# Inputs whose rows fall into the same few places of a cache.
ALIGNED = 256
ROWS = 128


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
        return jnp.matmul(x, w)
    return _product.bind(jnp.asarray(x, jnp.float32), jnp.asarray(w, jnp.float32))


# As one row of numbers, or XLA calls it transposed by its layout alone, and whoever reads it reads across the rows.
_flat_transpose = apart(lambda a: jnp.reshape(jnp.transpose(a), -1))


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
    # The gradient is transposed in place of the inputs: that pays where it is the smaller of the two.
    if units <= rows:
        return _transposed(_transposed(g) @ x)
    if inputs % ALIGNED == 0 and rows >= ROWS:
        return _plain_product(_transposed(x), g)
    return _plain_gradient(x, g)


def _define(name: str, form, plain, shape) -> Primitive:
    """A primitive of two matrices: `form` is what it runs, `plain` what it is under `vmap`."""
    primitive = Primitive(name)
    primitive.def_impl(jax.jit(form))
    primitive.def_abstract_eval(lambda a, b: a.update(shape=shape(a.shape, b.shape), weak_type=False))
    mlir.register_lowering(primitive, mlir.lower_fun(form, multiple_results=False))
    batching.primitive_batchers[primitive] = lambda arrays, axes: (jax.vmap(plain, axes)(*arrays), 0)
    return primitive


_product = _define("product", _plain_product, _plain_product, lambda x, w: (x[0], w[1]))
_gradient = _define("kernel_gradient", _fast_gradient, _plain_gradient, lambda x, g: (x[1], g[1]))

# Each is linear in both operands; the gradient (inputs, units) of a gradient's operand is again one of the two products.
ad.defbilinear(_product, lambda g, x, w: _plain_product(g, w.T), lambda g, x, w: _gradient.bind(x, g))
ad.defbilinear(_gradient, lambda c, x, g: _plain_product(g, c.T), lambda c, x, g: _product.bind(x, c))
