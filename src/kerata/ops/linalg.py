"""Linear algebra, by the names of `numpy.linalg`."""

# JAX leaves some arguments and results of its functions without a type.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy as jsp
from jax.core import Tracer

from kerata.base.checks import check_choice, message
from kerata.engine.types import Array, TensorLike
from kerata.ops.forms import Axes, Function, Unary, as_array, as_axes, as_float, op, unary


def check_matrix(owner: str, x: TensorLike) -> Array:
    """x as an array with at least two axes."""
    x = as_array(x)
    if x.ndim < 2:
        raise ValueError(message(owner, "the input must have at least two axes", {"shape": x.shape}))
    return x


def check_square(owner: str, x: TensorLike) -> Array:
    """x as an array of square matrices."""
    x = check_matrix(owner, x)
    if x.shape[-1] != x.shape[-2]:
        raise ValueError(message(owner, "the matrices must be square", {"shape": x.shape}))
    return x


def _of_square(name: str, function: Function, text: str) -> Unary:
    def of_square(x: Array) -> Array:
        return function(check_square(name, x))

    return unary(name, of_square, text, floating=True)


det = _of_square("det", jnp.linalg.det, "The determinant.")
eig = _of_square("eig", jnp.linalg.eig, "(eigenvalues, eigenvectors), on the CPU only.")
eigh = _of_square("eigh", jnp.linalg.eigh, "(eigenvalues, eigenvectors) of a symmetric matrix.")
inv = _of_square("inv", jnp.linalg.inv, "The inverse.")


@op()
def cholesky(x: TensorLike, upper: bool = False) -> Array:
    """The triangular L with L L^T = x (U^T U = x with `upper`).

    Outside of compiled programs a matrix that is not positive definite is an error; inside, it gives NaN.
    """
    x = check_square("cholesky", x)
    factor = jnp.linalg.cholesky(x, upper=upper)
    if not isinstance(factor, Tracer) and bool(jnp.isnan(factor).any()):
        raise ValueError(message("cholesky", "the matrix must be positive definite", {"shape": x.shape}))
    return factor


@op()
def cholesky_inverse(x: TensorLike, upper: bool = False) -> Array:
    """The inverse of the matrix whose Cholesky factor is x."""
    x = check_square("cholesky_inverse", x)
    inverse = jsp.linalg.solve_triangular(x, jnp.broadcast_to(jnp.eye(x.shape[-1], dtype=x.dtype), x.shape), lower=not upper)
    turned = jnp.swapaxes(inverse, -1, -2)
    return inverse @ turned if upper else turned @ inverse


@op()
def lu_factor(x: TensorLike) -> tuple[Array, Array]:
    """(L and U in one matrix, pivots) of the decomposition P x = L U."""
    x = check_matrix("lu_factor", x)
    factor: Callable[[Array], tuple[Array, Array]] = jsp.linalg.lu_factor
    for _ in range(x.ndim - 2):
        factor = jax.vmap(factor)
    return factor(x)


@op()
def norm(x: TensorLike, ord: int | str | None = None, axis: Axes | None = None, keepdims: bool = False) -> Array:
    """A norm of vectors or matrices; the Euclidean one of all elements by default.

    >>> import kerata
    >>> float(kerata.ops.norm([3.0, 4.0]))
    5.0
    """
    return jnp.linalg.norm(as_float(as_array(x)), ord=ord, axis=as_axes(axis), keepdims=keepdims)


@op()
def qr(x: TensorLike, mode: str = "reduced") -> tuple[Array, Array]:
    """(Q, R): orthonormal columns times an upper triangle."""
    q, r = jnp.linalg.qr(check_matrix("qr", x), mode=check_choice("qr", "mode", mode, ("reduced", "complete")))
    return q, r


@op("a b")
def solve(a: TensorLike, b: TensorLike) -> Array:
    """The x with a x = b, for a matrix b, or a vector, which has one axis fewer than a."""
    a, b = check_square("solve", a), as_array(b)
    return jnp.squeeze(jnp.linalg.solve(a, b[..., None]), -1) if b.ndim == a.ndim - 1 else jnp.linalg.solve(a, b)


@op("a b")
def solve_triangular(a: TensorLike, b: TensorLike, lower: bool = False) -> Array:
    """The x with a x = b, for a triangular a."""
    return jsp.linalg.solve_triangular(check_square("solve_triangular", a), as_array(b), lower=lower)


@op(written="SVD")
def svd(x: TensorLike, full_matrices: bool = True, compute_uv: bool = True) -> Array | tuple[Array, ...]:
    """(U, singular values, V^H) with x = U S V^H; the singular values alone without `compute_uv`."""
    found = jnp.linalg.svd(check_matrix("svd", x), full_matrices=full_matrices, compute_uv=compute_uv)
    return tuple(found) if compute_uv else found


@op("a b")
def lstsq(a: TensorLike, b: TensorLike, rcond: float | None = None) -> Array:
    """The x that makes |a x - b| smallest."""
    return jnp.linalg.lstsq(as_array(a), as_array(b), rcond=rcond)[0]


@op()
def matrix_rank(x: TensorLike, tol: float | None = None) -> Array:
    """How many singular values are above a tolerance."""
    return jnp.linalg.matrix_rank(check_matrix("matrix_rank", x), tol).astype("int32")


@op()
def pinv(x: TensorLike, rcond: float | None = None) -> Array:
    """The Moore-Penrose inverse."""
    return jnp.linalg.pinv(check_matrix("pinv", x), rcond)


@op("fun primals tangents", written="JVP")
def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> tuple[Any, ...]:
    """(fun(*primals), its derivative in the direction of the tangents)."""
    return jax.jvp(fun, tuple(primals), tuple(tangents), has_aux=has_aux)
