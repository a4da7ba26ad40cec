"""Winograd's way gives the numbers of the sum written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kerata.engine.disk import not_written
from kerata.kernels import library, winograd
from kerata.kernels.convolution import Geometry, convolution, pads_of_input_gradient
from quickly import slow
from test_kernels_library import both
from test_kernels_pictures import assert_same, numbers

pytestmark = pytest.mark.skipif(not library.is_there("cpu"), reason="this jaxlib is not known to hold oneDNN")


def run(function, *arrays):
    with library.allowed():
        lowered = jax.jit(lambda *arrays: function(*arrays)).lower(*arrays)
    with not_written():
        return np.asarray(lowered.compile()(*arrays))


def taps(x, pads, height, width):
    """The pixels under each tap of the window, in double precision."""
    x = np.pad(np.asarray(x, np.float64), ((0, 0), *pads, (0, 0)))
    return [[x[:, i : i + height, j : j + width] for j in range(3)] for i in range(3)]


def slid(x, kernel, pads):
    """The convolution, written out."""
    height, width = (size + low + high - 2 for size, (low, high) in zip(x.shape[1:-1], pads, strict=True))
    lines, kernel = taps(x, pads, height, width), np.asarray(kernel, np.float64)
    return sum(lines[i][j] @ kernel[i, j] for i in range(3) for j in range(3))


def errors(seed):
    """The largest relative errors of an output and of both gradients, of a random geometry in random parts."""
    draws = np.random.default_rng(seed)
    while True:
        batch, height, width = draws.integers(1, 7), *draws.integers(1, 14, 2).tolist()
        pads = tuple((int(low), int(high)) for low, high in draws.integers(0, 3, (2, 2)))
        if min(height + sum(pads[0]), width + sum(pads[1])) >= 3:
            break
    channels, filters = draws.integers(1, 40, 2)
    x, kernel = numbers(seed, batch, height, width, channels), numbers(seed + 1, 3, 3, channels, filters)
    geometry = Geometry((height, width), (3, 3), (1, 1), pads, (1, 1), 1)
    g, back = numbers(seed + 2, batch, *geometry.output, filters), pads_of_input_gradient(geometry)
    lines = taps(x, pads, *geometry.output)
    wanted = {
        "output": slid(x, kernel, pads),
        "input": slid(g, np.swapaxes(kernel[::-1, ::-1], 2, 3), back),
        "kernel": [[np.einsum("nhwc,nhwf->cf", lines[i][j], np.asarray(g, np.float64)) for j in range(3)] for i in range(3)],
    }
    found = {
        "output": run(lambda x, kernel: winograd.convolve(x, kernel, pads), x, kernel),
        "input": run(lambda g, kernel: winograd.convolve_turned(g, kernel, back), g, kernel),
        "kernel": run(lambda x, g: winograd.kernel_gradient(x, g, pads), x, g),
    }
    for name, mine in found.items():
        assert mine.shape == np.shape(wanted[name])
    return {name: np.abs(mine - wanted[name]).max() / np.abs(wanted[name]).max() for name, mine in found.items()}


@pytest.mark.parametrize("room", [winograd.AT_ONCE, 20_000, 1])
@pytest.mark.parametrize("first", [0, *(slow(first) for first in range(10, 60, 10))])
def test_random_geometries(first, room, monkeypatch):
    monkeypatch.setattr(winograd, "AT_ONCE", room)
    for seed in range(first, first + 4):
        found = errors(seed)
        assert max(found.values()) < 2e-6, (seed, found)


# Pictures, channels, filters, padding; and how many products there are in output, input gradient and kernel gradient.
CASES = {
    "all three": ((8, 8, 8), 64, 64, "SAME", 48),
    "odd sizes": ((8, 9, 7), 64, 64, "SAME", 48),
    "valid": ((8, 10, 10), 64, 64, "VALID", 48),
    "few channels, the gradient alone": ((8, 8, 8), 32, 64, "SAME", 16),
    "few tiles, the gradient alone": ((2, 8, 8), 64, 64, "SAME", 16),
    "too few channels": ((8, 8, 8), 16, 64, "SAME", 0),
    "a picture without room": ((1, 302, 300), 64, 64, "SAME", 0),
    "uneven pads": ((8, 9, 8), 64, 64, [(0, 2), (2, 1)], 48),
}


@pytest.mark.parametrize("case", CASES)
def test_convolutions_of_long_runs(case):
    (batch, *picture), channels, filters, pads, products = CASES[case]
    x, kernel = numbers(0, batch, *picture, channels), numbers(1, 3, 3, channels, filters)
    plain, fast, _ = both(lambda x, kernel: convolution(x, kernel, (1, 1), pads), x, kernel)
    assert_same(plain, fast)
    traced = jax.jit(jax.grad(lambda x, kernel: (convolution(x, kernel, (1, 1), pads) ** 2).sum(), (0, 1))).trace(x, kernel)
    with library.allowed():
        assert traced.lower().as_text().count("@__onednn$matmul") == products


def test_strided_and_dilated_windows_are_not_of_the_kind():
    x, kernel = numbers(0, 8, 16, 16, 64), numbers(1, 3, 3, 64, 64)
    for strides, dilation in (((2, 2), (1, 1)), ((1, 2), (1, 1)), ((1, 1), (2, 2))):
        with library.allowed():
            lowered = jax.jit(lambda x, kernel, s=strides, d=dilation: convolution(x, kernel, s, "SAME", d)).lower(x, kernel)
        assert "@__onednn$matmul" not in lowered.as_text()


def test_rounding_is_no_larger_than_that_of_the_sum():
    x, kernel = numbers(0, 8, 12, 12, 256), numbers(1, 3, 3, 256, 256)
    exact = slid(x, kernel, ((1, 1), (1, 1)))
    sums, mine = (
        np.asarray(y, np.float64)
        for y in (
            jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")),
            run(lambda x, kernel: winograd.convolve(x, kernel, ((1, 1), (1, 1))), x, kernel),
        )
    )
    assert np.sqrt(np.square(mine - exact).mean()) < 2 * np.sqrt(np.square(sums - exact).mean())


def test_by_hand():
    """One to nine in a window of ones: the middle is their sum, the corners those of four."""
    x = jnp.arange(1.0, 10.0, dtype=jnp.float32).reshape(1, 3, 3, 1)
    found = run(lambda x: winograd.convolve(x, jnp.ones((3, 3, 1, 1)), ((1, 1), (1, 1))), x)
    np.testing.assert_array_equal(found[0, :, :, 0], [[12, 21, 16], [27, 45, 33], [24, 39, 28]])
