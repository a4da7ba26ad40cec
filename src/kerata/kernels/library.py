"""Convolutions and products by oneDNN, which jaxlib holds beside XLA's own kernels (Linux, x86-64).

It needs no packed copies of pictures and takes operands that are transposed, so a step of a network of convolutions takes 5
to 20% less (docs/findings.md). XLA calls it by names of its own, which it may change: only the versions of jaxlib that were
tried are asked. It cannot write a program with such calls to the cache on disk, so only runs that are long have them.
"""

import json
import platform
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager

import jax
from jaxlib.version import __version_info__ as jaxlib_version

from kerata.kernels.typed import foreign_call

# The first jaxlib whose calls were tried, and the first after the last.
TRIED = ((0, 8, 1), (0, 11))


class _Asked(threading.local):
    """Whether what is lowered in this thread may have such calls."""

    def __init__(self) -> None:
        self.is_allowed = False


_asked = _Asked()


def is_there(on: str) -> bool:
    """Whether programs for a platform, as JAX names it, can call the library.

    >>> is_there("gpu")
    False
    """
    first, end = TRIED
    is_known = first <= jaxlib_version < end and (platform.system(), platform.machine()) == ("Linux", "x86_64")
    return on == "cpu" and is_known


@contextmanager
def allowed(is_allowed: bool = True) -> Generator[None]:
    """While programs are lowered that may call the library."""
    before, _asked.is_allowed = _asked.is_allowed, is_allowed
    try:
        yield
    finally:
        _asked.is_allowed = before


def is_allowed() -> bool:
    return _asked.is_allowed


def product(a: jax.Array, b: jax.Array, transpose_a: bool = False, transpose_b: bool = False) -> jax.Array:
    """a b of two matrices of float32, each of which may be transposed."""
    config = {"onednn_matmul_config": {"transpose_a": transpose_a, "transpose_b": transpose_b}}
    return foreign_call("__onednn$matmul", (a.shape[transpose_a], b.shape[not transpose_b]), json.dumps(config), a, b)


def convolution(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    swapped: bool = False,
) -> jax.Array:
    """A convolution of pictures or sequences, float32, without groups.

    Args:
        x: (batch, *picture, channels).
        kernel: (*window, channels, filters); `swapped`, (*window, filters, channels).
        strides, pads, dilation: for each of one or two spatial dimensions; pads are not negative.
        swapped: whether the kernel's last two axes are.

    Returns: (batch, *output, filters).
    """
    if x.ndim == 3:
        x, kernel, pads = x[:, None], kernel[None], [(0, 0), *pads]
        return convolution(x, kernel, (1, *strides), pads, (1, *dilation), swapped)[:, 0]
    channels, filters = (3, 2) if swapped else (2, 3)
    output = [
        (size + low + high - (k - 1) * d - 1) // s + 1
        for size, k, s, (low, high), d in zip(x.shape[1:-1], kernel.shape, strides, pads, dilation)
    ]
    pictures = {"data": {"batch_dim": 0, "feature_dim": 3, "spatial_dims": [1, 2]}}
    window = {
        "pad_left": [low for low, _ in pads],
        "pad_right": [high for _, high in pads],
        "strides": list(strides),
        "window_dilations": list(dilation),
    }
    weights = {"input_feature_dim": channels, "output_feature_dim": filters, "spatial_dims": [0, 1]}
    config = {
        "dims": 4,
        "input": pictures,
        "kernel": {"filter": weights},
        "output": pictures,
        "window": window,
        "feature_groups": 1,
    }
    shape = (x.shape[0], *output, kernel.shape[filters])
    return foreign_call("__onednn$convolution", shape, json.dumps({"onednn_conv_config": config}), x, kernel)
