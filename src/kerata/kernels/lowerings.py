"""What JAX keeps of programs between tracing and compiling, and need not.

Each operation outside of a program is one of its own for each shape, and JAX keeps the text from which it was compiled:
1.5 MB each, and the more there are, the longer the next takes (20 ms for the first, 85 beside 1,000; `docs/findings.md`).
"""

import sys
from collections.abc import Callable

# How many may be kept.
MOST = 64
# Where JAX keeps them; what another version has elsewhere stays there.
CACHES = (("jax._src.pjit", "_pjit_lower"), ("jax._src.interpreters.pxla", "_cached_lowering_to_hlo"))


def no_clear() -> None:
    """What is done about a cache that is not there."""


def live_lowerings() -> int:
    """How many texts of programs are in memory, 0 where that cannot be known."""
    context: object = getattr(sys.modules.get("jaxlib.mlir.ir"), "Context", None)
    count: Callable[[], int] | None = getattr(context, "_get_live_count", None)
    return 0 if count is None else count()


def forget_lowerings(most: int = MOST) -> None:
    """Has JAX forget texts of programs where there are more than `most`; what was compiled from them stays, and is found."""
    if live_lowerings() > most:
        for module, name in CACHES:
            clear: Callable[[], None] = getattr(getattr(sys.modules.get(module), name, None), "cache_clear", no_clear)
            clear()
