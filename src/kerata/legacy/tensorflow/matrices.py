"""`tf.linalg`: equations, eigenvalues, functions of matrices."""

from typing import NamedTuple, SupportsFloat

import jax
import jax.numpy as jnp
import jax.scipy.linalg
from jax.typing import ArrayLike

from kerata.base.checks import message
from kerata.base.types import DTypeLike
from kerata.engine.numbers import numbers_of
from kerata.engine.types import Array
from kerata.legacy.tensorflow.calls import Function
from kerata.legacy.tensorflow.errors import UnimplementedError
from kerata.legacy.tensorflow.functions import TABLE, norm_kind
from kerata.legacy.tensorflow.types import Ints, int32


def adjoint(x: ArrayLike) -> Array:
    """Rows for columns; of complex numbers, their conjugates."""
    return jnp.conj(jnp.swapaxes(jnp.asarray(x), -1, -2))


def turned(x: ArrayLike, is_turned: bool) -> Array:
    return adjoint(x) if is_turned else jnp.asarray(x)


def fitting(matrix: Array, rhs: ArrayLike) -> Array:
    """The right side with as many samples as the matrix."""
    rhs = jnp.asarray(rhs)
    samples = jnp.broadcast_shapes(matrix.shape[:-2], rhs.shape[:-2])
    return jnp.broadcast_to(rhs, (*samples, *rhs.shape[-2:]))


def triangular_solve(matrix: ArrayLike, rhs: ArrayLike, lower: bool, is_turned: bool) -> Array:
    """x of matrix x = rhs, of which only the triangle is read."""
    matrix = jnp.asarray(matrix)
    rhs = fitting(matrix, rhs)
    matrix = jnp.broadcast_to(matrix, (*rhs.shape[:-2], *matrix.shape[-2:]))
    return jax.scipy.linalg.solve_triangular(matrix, rhs, trans="C" if is_turned else "N", lower=bool(lower))


def solve(matrix: ArrayLike, rhs: ArrayLike, is_turned: bool) -> Array:
    return jnp.linalg.solve(turned(matrix, is_turned), jnp.asarray(rhs))


def cholesky_solve(chol: ArrayLike, rhs: ArrayLike) -> Array:
    """x of chol chol' x = rhs."""
    return triangular_solve(chol, triangular_solve(chol, rhs, True, False), True, True)


def least_squares(matrix: ArrayLike, rhs: ArrayLike, penalty: SupportsFloat, fast: bool) -> Array:
    """x for which |matrix x - rhs|^2 + penalty |x|^2 is least; of many such, the shortest."""
    a, b, extra = jnp.asarray(matrix), jnp.asarray(rhs), float(penalty)
    if not fast:
        if extra:
            text = message("tf.linalg.lstsq", "with fast=False there is no penalty", {"l2_regularizer": extra})
            raise UnimplementedError(text)
        return jnp.linalg.pinv(a) @ b
    rows, columns = a.shape[-2:]
    if rows >= columns:
        return jnp.linalg.solve(adjoint(a) @ a + extra * jnp.eye(columns, dtype=a.dtype), adjoint(a) @ b)
    return adjoint(a) @ jnp.linalg.solve(a @ adjoint(a) + extra * jnp.eye(rows, dtype=a.dtype), b)


class Lu(NamedTuple):
    """The two triangles in one matrix, and the order of rows."""

    lu: Array
    p: Array


def lu(x: ArrayLike, _: DTypeLike) -> Lu:
    packed, _, order = jax.lax.linalg.lu(jnp.asarray(x))
    return Lu(packed, order)


class SignAndLog(NamedTuple):
    """The sign of a determinant, and the logarithm of its size."""

    sign: Array
    log_abs_determinant: Array


def normalize(x: ArrayLike, kind: str | float, axis: Ints) -> tuple[Array, Array]:
    """(x over its norm, the norm)."""
    x = jnp.asarray(x)
    axes = axis if isinstance(axis, int) or axis is None else tuple(int(one) for one in numbers_of(axis))
    if axes is None:
        size = jnp.linalg.norm(jnp.ravel(x), ord=norm_kind(kind)).reshape((1,) * x.ndim)
    else:
        size = jnp.linalg.norm(x, ord=norm_kind(kind, axes), axis=axes, keepdims=True)
    return x / size, size


def diagonal_tensor(x: ArrayLike) -> Array:
    """A tensor of twice as many axes, with the numbers where both halves of places are the same."""
    x = jnp.asarray(x)
    return jnp.reshape(jnp.diag(jnp.ravel(x)), (*x.shape, *x.shape))


def diagonal_of_tensor(x: ArrayLike) -> Array:
    x = jnp.asarray(x)
    half = x.shape[: x.ndim // 2]
    return jnp.reshape(jnp.diagonal(jnp.reshape(x, (-1, x.size // max(int(jnp.prod(jnp.array(half))), 1)))), half)


def diagonals(x: ArrayLike, k: object, rows: int, columns: int, padding: object) -> Array:
    """Matrices with a vector on one diagonal."""
    x, place = jnp.asarray(x), one_diagonal("tf.linalg.diag", k)
    least = (x.shape[-1] + max(-place, 0), x.shape[-1] + max(place, 0))
    if int(rows) < 0 and int(columns) < 0:
        least = (max(least), max(least))
    height, width = (size if int(one) < 0 else int(one) for size, one in zip(least, (rows, columns), strict=True))
    steps = jnp.arange(x.shape[-1])
    found = jnp.full((*x.shape[:-1], height, width), jnp.asarray(padding, x.dtype))
    return found.at[..., steps + max(-place, 0), steps + max(place, 0)].set(x)


def one_diagonal(owner: str, k: object) -> int:
    numbers = numbers_of(k).ravel().tolist()  # type: ignore[arg-type]
    if len(set(numbers)) != 1:
        raise UnimplementedError(message(owner, "one diagonal at a time", {"k": k}))
    return int(numbers[0])


@jax.custom_vjp
def root_of_one(x: Array) -> Array:
    root = jax.scipy.linalg.sqrtm(x)
    return root if jnp.iscomplexobj(x) else jnp.real(root).astype(x.dtype)


def _root_forward(x: Array) -> tuple[Array, Array]:
    root = root_of_one(x)
    return root, root


def _root_backward(root: Array, slope: Array) -> tuple[Array]:
    # R' X + X R' = G, written as one system of equations.
    turned_root, size = jnp.conj(root.T), root.shape[0]
    one = jnp.eye(size, dtype=root.dtype)
    system = jnp.kron(turned_root, one) + jnp.kron(one, turned_root.T)
    return (jnp.linalg.solve(system, slope.reshape(-1)).reshape(size, size),)


root_of_one.defvjp(_root_forward, _root_backward)


def power_root(x: ArrayLike) -> Array:
    """The square root of a matrix; real where the matrix is."""
    return jnp.vectorize(root_of_one, signature="(n,n)->(n,n)")(jnp.asarray(x))


def from_lower(x: ArrayLike) -> Array:
    """The matrix that is its own adjoint, of which the lower triangle is read."""
    lower = jnp.tril(jnp.asarray(x))
    return lower + adjoint(jnp.tril(lower, -1))


def rank(x: ArrayLike, tol: ArrayLike | None) -> Array:
    return jnp.linalg.matrix_rank(jnp.asarray(x), tol)


def placed_diagonal(x: ArrayLike, diagonal: ArrayLike, k: object) -> Array:
    """x with other numbers on one diagonal."""
    x, place = jnp.asarray(x), one_diagonal("tf.linalg.set_diag", k)
    steps = jnp.arange(jnp.shape(diagonal)[-1])
    return x.at[..., steps + max(-place, 0), steps + max(place, 0)].set(jnp.asarray(diagonal, x.dtype))


_ROWS: dict[str, tuple] = {
    "adjoint": ("matrix", adjoint, {}),
    "triangular_solve": ("matrix, rhs, lower=True, adjoint=False", triangular_solve, {"like": "2"}),
    "solve": ("matrix, rhs, adjoint=False", solve, {"like": "2"}),
    "inv": ("input, adjoint=False", lambda x, is_turned: jnp.linalg.inv(turned(x, is_turned)), {}),
    "pinv": ("a, rcond=None, validate_args=False", lambda a, rcond, _: jnp.linalg.pinv(jnp.asarray(a), rcond), {}),
    "cholesky_solve": ("chol, rhs", cholesky_solve, {"like": "2"}),
    "lstsq": ("matrix, rhs, l2_regularizer=0.0, fast=True", least_squares, {"like": "2"}),
    "eigh": ("tensor", lambda x: tuple(jnp.linalg.eigh(from_lower(x), symmetrize_input=False)), {}),
    "eigvalsh": ("tensor", lambda x: jnp.linalg.eigvalsh(from_lower(x), symmetrize_input=False), {}),
    "eig": ("tensor", lambda x: tuple(jnp.linalg.eig(jnp.asarray(x))), {}),
    "eigvals": ("tensor", lambda x: jnp.linalg.eigvals(jnp.asarray(x)), {}),
    "expm": ("input", lambda x: jax.scipy.linalg.expm(jnp.asarray(x)), {}),
    "sqrtm": ("input", power_root, {}),
    "logdet": ("matrix", lambda x: 2 * jnp.sum(jnp.log(jnp.diagonal(jnp.linalg.cholesky(x), axis1=-2, axis2=-1)), -1), {}),
    "slogdet": ("input", lambda x: SignAndLog(*jnp.linalg.slogdet(jnp.asarray(x))), {}),
    "lu": ("input, output_idx_type='int32'", lu, {"gives": lambda values: (None, int32)}),
    "matrix_rank": ("a, tol=None, validate_args=False", lambda a, tol, _: rank(a, tol), {"gives": int32}),
    "normalize": ("tensor, ord='euclidean', axis=None", normalize, {}),
    "tensor_diag": ("diagonal", diagonal_tensor, {}),
    "tensor_diag_part": ("input", diagonal_of_tensor, {}),
    "diag": (
        "diagonal, k=0, num_rows=-1, num_cols=-1, padding_value=0, align='RIGHT_LEFT'",
        lambda x, k, rows, columns, padding, _: diagonals(x, k, rows, columns, padding),
        {},
    ),
    "diag_part": (
        "input, k=0, padding_value=0, align='RIGHT_LEFT'",
        lambda x, k, *_: jnp.diagonal(jnp.asarray(x), one_diagonal("tf.linalg.diag_part", k), -2, -1),
        {},
    ),
    "set_diag": ("input, diagonal, k=0, align='RIGHT_LEFT'", lambda x, d, k, _: placed_diagonal(x, d, k), {}),
    "matrix_transpose": ("a, conjugate=False", lambda x, conjugate: adjoint(x) if conjugate else jnp.swapaxes(x, -1, -2), {}),
    "matvec": (
        "a, b, transpose_a=False, adjoint_a=False",
        lambda a, b, is_swapped, is_turned: jnp.einsum(
            "...ij,...j->...i", jnp.swapaxes(jnp.asarray(a), -1, -2) if is_swapped else turned(a, is_turned), jnp.asarray(b)
        ),
        {"like": "2"},
    ),
}
for _name, (_signature, _compute, _facts) in _ROWS.items():
    TABLE[f"linalg.{_name}"] = Function(f"linalg.{_name}", _signature, _compute, **_facts)
