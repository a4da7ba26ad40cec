"""Functions of JAX that name no types, or not all of them, with theirs: what they do is JAX's.

The checks of types know everything from here on; this file alone takes JAX's word for it.
"""
# pyright: basic

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar, cast

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import Tracer
from jax.custom_batching import custom_vmap
from jax.experimental.xla_metadata import set_xla_metadata
from jax.interpreters import ad

# `jax.extend` imports Pallas too, which nothing here needs and which takes an eighth as long as this whole package.
try:
    from jax._src.core import ClosedJaxpr as ClosedJaxpr
    from jax._src.core import Literal as Literal
    from jax._src.core import Primitive as Primitive
    from jax._src.core import get_opaque_trace_state
    from jax._src.core import jaxpr_as_fun as jaxpr_as_fun
except ImportError:
    from jax.extend.core import ClosedJaxpr as ClosedJaxpr
    from jax.extend.core import Literal as Literal
    from jax.extend.core import Primitive as Primitive
    from jax.extend.core import get_opaque_trace_state
    from jax.extend.core import jaxpr_as_fun as jaxpr_as_fun

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
C = TypeVar("C")
X = TypeVar("X")
Y = TypeVar("Y")
F = TypeVar("F", bound=Callable[..., Any])
Index: TypeAlias = int | jax.Array
# What a rule of JAX may take for an array: a tangent or a cotangent that is known to be zero, an operand that is asked for.
Direction: TypeAlias = jax.Array


class ForiLoop(Protocol):
    def __call__(self, lower: Index, upper: Index, body_fun: Callable[[jax.Array, C], C], init_val: C, /) -> C: ...


class WhileLoop(Protocol):
    def __call__(self, cond_fun: Callable[[C], jax.Array], body_fun: Callable[[C], C], init_val: C, /) -> C: ...


class Cond(Protocol):
    def __call__(
        self, pred: jax.Array, true_fun: Callable[P, R], false_fun: Callable[P, R], /, *operands: P.args, **kwargs: P.kwargs
    ) -> R: ...


class Map(Protocol):
    def __call__(self, f: Callable[[jax.Array], jax.Array], xs: jax.Array, /) -> jax.Array: ...


class TakeInDim(Protocol):
    def __call__(self, operand: jax.Array, index: Index, axis: int = 0, keepdims: bool = True) -> jax.Array: ...


class PutInDim(Protocol):
    def __call__(self, operand: jax.Array, update: jax.Array, index: Index, axis: int, /) -> jax.Array: ...


class FloatInfo(Protocol):
    """Limits of a type of numbers with a point."""

    min: float
    max: float
    eps: float
    nmant: int


class EvalShape(Protocol):
    def __call__(self, fun: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R: ...


fori_loop: ForiLoop = lax.fori_loop
while_loop: WhileLoop = lax.while_loop
cond: Cond = lax.cond  # type: ignore[assignment], whose operand may also stand under its name
map_rows: Map = lax.map
dynamic_index_in_dim: TakeInDim = lax.dynamic_index_in_dim
dynamic_update_index_in_dim: PutInDim = lax.dynamic_update_index_in_dim
eval_shape: EvalShape = jax.eval_shape
finfo: Callable[[Any], FloatInfo] = jnp.finfo  # type: ignore[assignment], which is one of three classes
metadata: Callable[..., AbstractContextManager[object]] = set_xla_metadata


class OwnDerivative(Protocol[P, R_co]):
    """A function that brings its own derivative along a direction."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    def defjvp(self, jvp: F, /) -> F: ...


def own_derivative(*fixed: int) -> Callable[[Callable[P, R]], OwnDerivative[P, R]]:
    """`jax.custom_jvp` of a function whose arguments number `fixed` are no arrays."""
    return functools.partial(jax.custom_jvp, nondiff_argnums=fixed)  # type: ignore[return-value]


class OwnBatching(Protocol[P, R_co]):
    """A function that says what it is under `vmap`."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    def def_vmap(self, rule: F, /) -> F: ...


def own_batching(function: Callable[P, R]) -> OwnBatching[P, R]:
    """`jax.custom_batching.custom_vmap`."""
    return custom_vmap(function)  # type: ignore[return-value]


def jitted(function: Callable[P, R], inline: bool = False) -> Callable[P, R]:
    """`jax.jit`, where nothing but the call is asked of it."""
    return jax.jit(function, inline=inline)


def at_once(*fixed: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function of several operations that is one compiled program where it is called outside of programs; within, as written.

    Called one by one, each operation takes some 50 us, and is compiled for each new shape.

    Args:
        fixed: the names of arguments that are no arrays, such as shapes.
    """

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        compiled: Callable[P, R] = jax.jit(function, static_argnames=fixed)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            return (function if is_traced() else compiled)(*args, **kwargs)

        return call

    return wrap


def is_ready(array: jax.Array) -> bool:
    """Whether its numbers are there, and nobody would wait for them."""
    return cast(Any, array).is_ready()


def is_nothing(direction: object) -> bool:
    """Whether a tangent or a cotangent is known to be zero."""
    return type(direction) is ad.Zero or getattr(direction, "dtype", None) == jax.dtypes.float0


def is_asked_for(operand: object) -> bool:
    """Whether it is an operand by which a linear operation is transposed."""
    return ad.is_undefined_primal(operand)


def no_direction(value: jax.Array) -> Direction:
    """A tangent of zero."""
    return ad.Zero(jax.typeof(value).to_tangent_aval())  # type: ignore[return-value]


def whole_directions(values: Sequence[jax.Array]) -> list[Direction | None]:
    """Tangents of what is no number to move, as JAX wants to have them; `None` for those of numbers."""
    found = [no_direction(value) for value in values]
    return [ad.instantiate_zeros(one) if is_whole(one) else None for one in found]


def is_whole(direction: Direction) -> bool:
    """Whether it is the tangent of what is no number to move."""
    return getattr(direction, "aval", direction).dtype == jax.dtypes.float0


def bind_all(primitive: Primitive, *operands: jax.Array, **fixed: object) -> list[jax.Array]:
    """What a primitive of several results gives."""
    return primitive.bind(*operands, **fixed)


def as_array(direction: Direction) -> jax.Array:
    """A tangent as an array, zeros too."""
    return ad.instantiate_zeros(direction)


def nothing_for(operand: Direction) -> Direction:
    """A cotangent of zero for an operand by which an operation is transposed."""
    return ad.Zero(operand.aval)  # type: ignore[return-value]


def shape_of(operand: Direction) -> tuple[int, ...]:
    """The shape of an operand, or of one that is asked for."""
    return getattr(operand, "aval", operand).shape


def bilinear_gradients(primitive: Primitive, by_first: Callable[..., jax.Array], by_second: Callable[..., jax.Array]) -> None:
    """Says that a primitive is linear in each of two operands, and their gradients: (fixed, g, first, second) -> an array."""

    def first(g: jax.Array, a: jax.Array, b: jax.Array, *, fixed: object) -> jax.Array:
        return by_first(fixed, g, a, b)

    def second(g: jax.Array, a: jax.Array, b: jax.Array, *, fixed: object) -> jax.Array:
        return by_second(fixed, g, a, b)

    ad.defbilinear(primitive, first, second)


def bind(primitive: Primitive, *operands: jax.Array, **fixed: object) -> jax.Array:
    """What a primitive of one result gives."""
    return primitive.bind(*operands, **fixed)


def scan(
    step: Callable[[C, X], tuple[C, Y]],
    init: C,
    xs: X,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[C, Y]:
    """`jax.lax.scan`."""
    return lax.scan(step, init, xs, length, reverse, unroll)


def scan_in_python(step: Callable[[C, X], tuple[C, Y]], init: C, xs: X, *, reverse: bool = False) -> tuple[C, Y]:
    """`scan`, a call of `step` for each turn, which sees numbers where there are any.

    >>> total, sums = scan_in_python(lambda total, x: (total + x, total + x), 0.0, jnp.arange(4.0))
    >>> float(total), sums.tolist()
    (6.0, [0.0, 1.0, 3.0, 6.0])
    """
    length = len(jax.tree.leaves(xs)[0])
    if not length:
        return scan(step, init, xs, reverse=reverse)
    carry, rows = init, list[Y]()
    for place in reversed(range(length)) if reverse else range(length):
        carry, row = step(carry, jax.tree.map(operator.itemgetter(place), xs))
        rows.append(row)
    stacked: Y = jax.tree.map(lambda *found: jnp.stack(found), *(reversed(rows) if reverse else rows))
    return carry, stacked


def parts_of_scan(params: Mapping[str, Any], operands: Sequence[X]) -> tuple[list[X], list[X], list[X]]:
    """The operands of a traced `jax.lax.scan`, or what stands for each: what is constant, what is carried, what is sliced.

    JAX counted them in two numbers, and from 0.11 on keeps their structure.
    """
    if "num_consts" in params:
        first = params["num_consts"]
        second = first + params["num_carry"]
        return list(operands[:first]), list(operands[first:second]), list(operands[second:])
    constants, carried, sliced = params["ft_in"].update(list(operands)).unpack()
    return list(constants), list(carried), list(sliced)


def foreign_call(name: str, shape: Sequence[int], config: str, *operands: jax.Array) -> jax.Array:
    """A call of XLA by its name, whose result has the type of its first operand.

    Args:
        name: of the call.
        shape: of the result.
        config: what it is told.
    """
    result = jax.ShapeDtypeStruct(tuple(shape), operands[0].dtype)
    return jax.ffi.ffi_call(name, result, custom_call_api_version=1, legacy_backend_config=config)(*operands)


def state_of_trace() -> object:
    """What tells one trace from another."""
    return get_opaque_trace_state(convention="nnx")


_OUTSIDE = state_of_trace()


def is_traced() -> bool:
    """Whether what is computed now becomes part of a program.

    >>> is_traced(), jax.eval_shape(lambda: jnp.zeros(2) if is_traced() else jnp.zeros(1)).shape
    (False, (2,))
    """
    return state_of_trace() != _OUTSIDE and isinstance(jnp.zeros(()), Tracer)
