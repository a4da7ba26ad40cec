"""Convolutions of windows of 3x3 by Winograd's minimal filtering F(2x2, 3x3): 16 multiplications where there were 36.

Two by two pixels of the output need four by four of the input, d. With the window w they are

    y = A^T ((G w G^T) * (B^T d B)) A

where the product in the middle goes number by number, and is summed over channels: 16 products of matrices, of a quarter as
many rows as there are pixels. Before and behind them are additions alone, and halves. Its rounding is no larger than that of
the 36 (docs/findings.md). The gradient with respect to the window is the same turned round: products of B^T d B with A g A^T.

Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016.
"""

# JAX leaves the types of `reshape` and others out.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import lax

from kerata.kernels import library
from kerata.kernels.typed import map_rows

Pads = Sequence[tuple[int, int]]
# Four by four arrays, or fewer.
Grid = list[list[jax.Array]]
Line = Callable[[Sequence[jax.Array]], list[jax.Array]]

WINDOW = (3, 3)
# Bytes of what is between input and output, of the pictures that are computed at once, at most.
AT_ONCE = 2**27
# Channels and filters from which on the products make up for the additions: of a gradient of the window, of an output, and
# of an output whose numbers in between do not stay in a cache.
FEW, SOME, MANY, CACHED = 32, 64, 128, 2**25
# Fewer tiles do not make up for bringing the window into its form.
TILES = 128


def suits(kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int]) -> bool:
    """Whether a window is of the kind that this is for, and its pixels lie side by side.

    >>> suits((3, 3), (1, 1), (1, 1)), suits((3, 3), (2, 2), (1, 1))
    (True, False)
    """
    return tuple(kernel) == WINDOW and set(strides) == set(dilation) == {1}


def pays(samples: int, output: Sequence[int], channels: int, filters: int) -> bool:
    """Whether an output is there sooner, and there is room for what is between."""
    tiles = _halves(output[0]) * _halves(output[1])
    few = SOME if samples * _bytes(tiles, channels, filters) <= CACHED else MANY
    return samples * tiles >= TILES and min(channels, filters) >= few and _has_room(output, channels, filters)


def pays_for_gradient(output: Sequence[int], channels: int, filters: int) -> bool:
    """The same of the gradient of a window."""
    return min(channels, filters) >= FEW and _has_room(output, channels, filters)


def _has_room(output: Sequence[int], channels: int, filters: int) -> bool:
    """Whether one picture alone is not too large: what is between takes eight times as much as it."""
    return _bytes(_halves(output[0]) * _halves(output[1]), channels, filters) <= AT_ONCE


def convolve(x: jax.Array, kernel: jax.Array, pads: Pads) -> jax.Array:
    """(batch, *output, filters) of pictures (batch, height, width, channels) under a window (3, 3, channels, filters)."""
    window = _both(_widen, _lines(kernel))
    return _in_parts(lambda part: _slide(part, window, pads), x, pads, kernel.shape[-2:])


def convolve_turned(g: jax.Array, kernel: jax.Array, pads: Pads) -> jax.Array:
    """The same with the window turned by half, and its channels and filters exchanged: the gradient of an input."""
    window = _both(_widen, _lines(kernel))
    # Turning exchanges the first and the last of each line, and nothing else.
    turned = [[window[i][j] for j in (3, 1, 2, 0)] for i in (3, 1, 2, 0)]
    return _in_parts(lambda part: _slide(part, turned, pads, transposed=True), g, pads, kernel.shape[-2:])


def kernel_gradient(x: jax.Array, g: jax.Array, pads: Pads) -> jax.Array:
    """The gradient of the window, (3, 3, channels, filters), from that of the output, (batch, *output, filters)."""

    def of_part(x: jax.Array, g: jax.Array) -> jax.Array:
        height, width = _halves(g.shape[1]), _halves(g.shape[2])
        pixels = _both(_spread_output, _cells(_enlarged(g, height, width), 2))
        tiles = _both(_mix_input, _tiles(x, pads, height, width))
        lines = [
            [library.product(_rows(a), _rows(b), transpose_a=True) for a, b in zip(*pair, strict=True)]
            for pair in zip(tiles, pixels, strict=True)
        ]
        return jnp.stack([product for line in lines for product in line])

    size = _samples_at_once(x.shape[0], g.shape[1:-1], (x.shape[-1], g.shape[-1]))
    if size == x.shape[0]:
        total = of_part(x, g)
    else:
        parts = [a.reshape(-1, size, *a.shape[1:]) for a in (x, g)]
        begin = jnp.zeros((16, x.shape[-1], g.shape[-1]), x.dtype)
        total, _ = lax.scan(lambda total, part: (total + of_part(*part), None), begin, tuple(parts))
    narrow = _both(_narrow, _lines(total.reshape(4, 4, *total.shape[1:])))
    return jnp.stack([jnp.stack(line) for line in narrow])


def _slide(x: jax.Array, window: Grid, pads: Pads, transposed: bool = False) -> jax.Array:
    output = _output(x, pads)
    height, width = map(_halves, output)
    tiles = _both(_mix_input, _tiles(x, pads, height, width))
    made: Grid = []
    for pair in zip(tiles, window, strict=True):
        products = [library.product(_rows(a), b, transpose_b=transposed) for a, b in zip(*pair, strict=True)]
        made.append([one.reshape(x.shape[0], height, width, -1) for one in products])
    cells = _both(_mix_output, made)
    whole = jnp.stack([jnp.stack(line, 3) for line in cells], 2)
    return whole.reshape(x.shape[0], 2 * height, 2 * width, -1)[:, : output[0], : output[1]]


def _output(x: jax.Array, pads: Pads) -> list[int]:
    return [size + low + high - 2 for size, (low, high) in zip(x.shape[1:-1], pads, strict=True)]


def _in_parts(function: Callable[[jax.Array], jax.Array], x: jax.Array, pads: Pads, kernel: Sequence[int]) -> jax.Array:
    """A function of pictures, of as many at once as there is room for."""
    size = _samples_at_once(x.shape[0], _output(x, pads), kernel)
    if size == x.shape[0]:
        return function(x)
    made = map_rows(function, x.reshape(-1, size, *x.shape[1:]))
    return made.reshape(-1, *made.shape[2:])


def _samples_at_once(samples: int, output: Sequence[int], kernel: Sequence[int]) -> int:
    """As many as there is room for, of a number that divides the batch."""
    one = _bytes(_halves(output[0]) * _halves(output[1]), *kernel)
    return next(size for size in range(samples, 0, -1) if samples % size == 0 and (size * one <= AT_ONCE or size == 1))


def _bytes(tiles: int, channels: int, filters: int) -> int:
    return 4 * 16 * tiles * (channels + filters)


def _halves(size: int) -> int:
    return -(-size // 2)


def _lines(x: jax.Array) -> Grid:
    """The arrays at the first two indices."""
    return [list(line) for line in x]


def _rows(x: jax.Array) -> jax.Array:
    return x.reshape(-1, x.shape[-1])


def _tiles(x: jax.Array, pads: Pads, height: int, width: int) -> Grid:
    """For each place of a tile of four by four, its pixels in all tiles: (batch, height, width, channels) each."""
    edges = [(low, 2 * tiles + 2 - size - low) for tiles, size, (low, _) in zip((height, width), x.shape[1:-1], pads)]
    return _cells(jnp.pad(x, ((0, 0), *edges, (0, 0))), 4, (height, width))


def _cells(x: jax.Array, size: int, tiles: tuple[int, int] | None = None) -> Grid:
    """Every second pixel in both directions, from each of the first on."""
    height, width = tiles or (x.shape[1] // 2, x.shape[2] // 2)
    ends = (2 * height - 1, 2 * width - 1)
    return [[x[:, i : i + ends[0] : 2, j : j + ends[1] : 2] for j in range(size)] for i in range(size)]


def _enlarged(g: jax.Array, height: int, width: int) -> jax.Array:
    return jnp.pad(g, ((0, 0), (0, 2 * height - g.shape[1]), (0, 2 * width - g.shape[2]), (0, 0)))


def _both(line: Line, grid: Sequence[Sequence[jax.Array]]) -> Grid:
    """A function of lines, of the columns and then of the rows."""
    columns = [line(column) for column in zip(*grid, strict=True)]
    return [line(row) for row in zip(*columns, strict=True)]


# The lines of the three matrices, and of those turned round.


def _widen(w: Sequence[jax.Array]) -> list[jax.Array]:
    """G w."""
    return [w[0], 0.5 * (w[0] + w[1] + w[2]), 0.5 * (w[0] - w[1] + w[2]), w[2]]


def _narrow(u: Sequence[jax.Array]) -> list[jax.Array]:
    """G^T u."""
    return [u[0] + 0.5 * (u[1] + u[2]), 0.5 * (u[1] - u[2]), 0.5 * (u[1] + u[2]) + u[3]]


def _mix_input(d: Sequence[jax.Array]) -> list[jax.Array]:
    """B^T d."""
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def _mix_output(m: Sequence[jax.Array]) -> list[jax.Array]:
    """A^T m."""
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


def _spread_output(y: Sequence[jax.Array]) -> list[jax.Array]:
    """A y."""
    return [y[0], y[0] + y[1], y[0] - y[1], -y[1]]
