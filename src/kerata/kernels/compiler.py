"""What XLA is asked for beside the program, and which form of a kernel this platform gets."""

# JAX leaves some arguments of `einsum`, `reshape` and others without a type.
# pyright: reportUnknownMemberType=false

import contextlib
import functools
import os
from collections.abc import Callable, Generator
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jaxlib.version import __version_info__ as jaxlib_version

from kerata.kernels.typed import is_traced, jitted, metadata

P = ParamSpec("P")
R = TypeVar("R")

# Each entry is here because it was measured (docs/findings.md). None changes a result beyond the order of sums.
CPU_OPTIONS: dict[str, Any] = {
    # Single dots go to the YNN library, convolutions to XLA's own (Eigen) kernels: by default YNN takes those too, and needs
    # 1.1 to 2.2 times as long for small pictures. It must not take sums: see `SUMS_GO_WRONG`.
    "xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"
}

# Beside those, for programs that train many small models: their arrays have no long rows to make up for short vectors.
MANY_OPTIONS: dict[str, Any] = {"xla_cpu_prefer_vector_width": 512}

# Beside those, for programs of dense layers that run for some seconds only: half the processor time of a compiling, for which
# a step takes up to a third longer, since what is updated in place is not vectorized. Not for pooling: without fusion emitters
# a maximum and what it is compared with in its gradient may be rounded differently.
BRIEF_OPTIONS: dict[str, Any] = {"xla_cpu_parallel_codegen_split_count": 1, "xla_cpu_use_fusion_emitters": False}

# Beside those, for programs that run a few times: a tenth of the time of a compiling, for which what goes element by element
# takes some times as long. Single dots and convolutions are the libraries' and run as fast.
ONCE_OPTIONS: dict[str, Any] = {**BRIEF_OPTIONS, "xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}

# Loops are recorded as CUDA graphs, which the device runs by itself: the host is not asked after each round whether there is
# another. The first of these lists that a jaxlib knows; what comes before the loops is XLA's own default.
RECORDED = (
    "FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL,CUDNN,DYNAMIC_SLICE_FUSION,DYNAMIC_SLICE_COPY_FUSION,CONDITIONAL,WHILE",
    "FUSION,CUBLAS,CUBLASLT,CUSTOM_CALL,CUDNN,DYNAMIC_SLICE_FUSION,CONDITIONAL,WHILE",
)
RECORDING = "xla_gpu_enable_command_buffer"

# From the first on and before the second, YNN's sums and maxima of what was made by a dot are numbers of other memory (a dot
# of broadcasts; many products of a matrix with a vector), and some of seven axes end the process.
SUMS_GO_WRONG = ((0, 10, 2), (0, 12))
LIBRARY = "--xla_cpu_experimental_ynn_fusion_type"

forced_form: str | None = None


def keep_sums_right() -> None:
    """What a program compiles without our options (its own `jax.jit`, JAX's operations) leaves sums to XLA's own code too.

    Where XLA has already read its flags, that stays as it was.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    first, end = SUMS_GO_WRONG
    if first <= jaxlib_version < end and LIBRARY not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {LIBRARY}=-reduce".lstrip()


keep_sums_right()


def compiler_options(
    platform: str | None = None, many: bool = False, brief: bool = False, once: bool = False
) -> dict[str, Any]:
    """Options for `jax.jit(...).lower(...).compile(compiler_options=...)`; those that this jaxlib knows.

    Args:
        platform: as `jax.default_backend()` names it, which is also the default.
        many: whether the program trains many small models.
        brief: whether it holds dense layers and what works element by element only, and runs for some seconds.
        once: whether it runs a few times only.

    >>> isinstance(compiler_options("cpu"), dict)
    True
    """
    platform = platform or jax.default_backend()
    if platform == "cpu":
        return dict(known_options(platform, many, brief, once))
    recorded = recorded_parts(platform) if platform == "gpu" and RECORDING not in os.environ.get("XLA_FLAGS", "") else None
    return {RECORDING: recorded} if recorded else {}


@functools.cache
def known_options(platform: str, many: bool = False, brief: bool = False, once: bool = False) -> tuple[tuple[str, Any], ...]:
    """A jaxlib that does not know an option fails to compile: a program of one addition is tried first."""
    more = {**(MANY_OPTIONS if many else {}), **(BRIEF_OPTIONS if brief else {}), **(ONCE_OPTIONS if once else {})}
    wanted = {**CPU_OPTIONS, **more}
    if compiles_with(wanted, platform):
        return tuple(wanted.items())
    return tuple((name, value) for name, value in wanted.items() if compiles_with({name: value}, platform))


@functools.cache
def recorded_parts(platform: str) -> str | None:
    """What a program for a GPU of NVIDIA is recorded of; nothing where a jaxlib knows none of the lists."""
    return next((parts for parts in RECORDED if compiles_with({RECORDING: parts}, platform)), None)


def _add_one(x: jax.Array) -> jax.Array:
    return x + 1.0


def compiles_with(options: dict[str, Any], platform: str) -> bool:
    with jax.default_device(jax.local_devices(backend=platform)[0]):
        lowered = jax.jit(_add_one).lower(jnp.float32(0))
        try:
            lowered.compile(compiler_options=options)
        except (RuntimeError, ValueError):  # jax.errors.JaxRuntimeError is a RuntimeError.
            return False
    return True


def prefers_fast_form() -> bool:
    """Whether kernels take their fast form: on the CPU. Other platforms have libraries for the plain one."""
    if forced_form is not None:
        return forced_form == "fast"
    return jax.default_backend() == "cpu"


@contextlib.contextmanager
def kernel_form(form: str) -> Generator[None]:
    """Everything traced inside takes the `"fast"` or the `"plain"` form; what is compiled stays as it is.

    >>> with kernel_form("plain"):
    ...     prefers_fast_form()
    False
    """
    global forced_form
    before, forced_form = forced_form, form
    try:
        yield
    finally:
        forced_form = before


def apart(operation: Callable[P, R]) -> Callable[P, R]:
    """The operation as a call that XLA does not inline, so its operands and results are arrays in memory.

    XLA for CPU fuses whatever is cheap into everything that reads it, and does it again for every reader: an
    operand that a convolution wants transposed would be computed anew, number by number, in that order. Outside of programs the
    operation is called as it is.

    >>> apart(jnp.square)(jnp.array([1.0, 3.0]))
    Array([1., 9.], dtype=float32)
    """
    call = jitted(operation)

    @functools.wraps(operation)
    def fenced(*operands: P.args, **named: P.kwargs) -> R:
        if not is_traced():
            # An operation that was just made would be compiled in each call.
            return operation(*operands, **named)
        with metadata(inlineable="false"):
            return call(*operands, **named)

    return fenced


def after(value: jax.Array, other: jax.Array) -> jax.Array:
    """The value, bit by bit, of a program in which it is computed after `other`.

    XLA's own barriers are gone before it decides what may be updated in place. Here the value is multiplied by a number
    that is always one and is read off `other`, in a way that XLA does not see through.

    >>> after(jnp.array([1.0, 3.0]), jnp.array([jnp.nan]))
    Array([1., 3.], dtype=float32)
    """
    first = jnp.ravel(other)[0].astype(jnp.float32)
    zero = (jax.lax.bitcast_convert_type(first, jnp.int32) & 1) >> 1
    return value * (zero + 1).astype(value.dtype)
