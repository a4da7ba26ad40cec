"""The numbers of `jax.random` for a key, computed on the host: nothing is compiled for them.

The generator is Threefry 2x32 of twenty rounds; number n of a key is the exclusive or of the two words that it makes of n.
Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011; the inverse of the error function is that of Giles,
"Approximating the erfinv function", 2011.
"""

import math
from collections.abc import Callable

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
LOW = 0xFFFFFFFF
# Each shift of the twenty rounds to the left and to the right, as arrays, which operations take sooner than numbers.
SHIFTS = [[(np.array(by, np.uint32), np.array(32 - by, np.uint32)) for by in ROTATIONS[group % 2]] for group in range(5)]
# Numbers are made so many at a time, while they are in the processor's cache.
BLOCK = 2**15
# The polynomials of the inverse error function where w = -log(1 - x^2) is below 5, and above.
# fmt: off
CENTRE = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
    0.246640727, 1.50140941,
)
TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047, 1.00167406,
    2.83297682,
)
# fmt: on

Key = tuple[int, ...]
# Fills an array of single or double precision from a key; the second number says which of the key's numbers comes first.
Fill = Callable[[Key, int, np.ndarray], None]


def words(key: Key, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The two words of each of some numbers, uint32 of shape (count,).

    >>> from kerata.kernels.threefry import words
    >>> one, two = words((0, 42), 0, 3)
    >>> import jax
    >>> bool((one ^ two == jax.random.bits(jax.random.key(42), (3,))).all())
    True
    """
    one, two = key[0] & LOW, key[1] & LOW
    keys = (one, two, one ^ two ^ PARITY)
    places = np.arange(first, first + count, dtype=np.uint64)
    x, y = (places >> np.uint64(32)).astype(np.uint32), places.astype(np.uint32)
    turned = np.empty_like(x)
    x += np.uint32(one)
    y += np.uint32(two)
    for group, shifts in enumerate(SHIFTS):
        for left, right in shifts:
            x += y
            np.left_shift(y, left, out=turned)
            np.right_shift(y, right, out=y)
            y |= turned
            y ^= x
        x += np.uint32(keys[(group + 1) % 3])
        y += np.uint32((keys[(group + 2) % 3] + group + 1) & LOW)
    return x, y


def uniform(key: Key, shape: tuple[int, ...], low: float, high: float, dtype: np.dtype) -> np.ndarray:
    """Even numbers of [low, high).

    >>> from kerata.kernels.threefry import uniform
    >>> uniform((0, 42), (2, 3), -1.0, 1.0, np.dtype("float32")).shape
    (2, 3)
    """
    return _draw(key, _fill_between(low, high), shape, 1.0, 0.0, dtype)


def normal(key: Key, shape: tuple[int, ...], mean: float, stddev: float, dtype: np.dtype) -> np.ndarray:
    """Normal numbers."""
    return _draw(key, _fill_normal, shape, stddev, mean, dtype)


def truncated(key: Key, shape: tuple[int, ...], mean: float, stddev: float, dtype: np.dtype) -> np.ndarray:
    """Normal numbers, none further than two standard deviations from the mean."""
    return _draw(key, _fill_truncated, shape, stddev, mean, dtype)


def _fill_unit(key: Key, first: int, out: np.ndarray) -> None:
    """Even numbers of [0, 1)."""
    one, two = words(key, first, out.size)
    if out.dtype == np.float64:
        whole = (one.astype(np.uint64) << np.uint64(32) | two) >> np.uint64(12) | np.uint64(0x3FF << 52)
        np.subtract(whole.view(np.float64), 1.0, out=out)
        return
    one ^= two
    one >>= np.uint32(9)
    one |= np.uint32(0x3F800000)
    np.subtract(one.view(np.float32), np.float32(1.0), out=out)


def _fill_between(low: float, high: float) -> Fill:
    def fill(key: Key, first: int, out: np.ndarray) -> None:
        kind = out.dtype.type
        _fill_unit(key, first, out)
        out *= kind(high) - kind(low)
        out += kind(low)
        np.maximum(out, kind(low), out=out)

    return fill


def _fill_normal(key: Key, first: int, out: np.ndarray) -> None:
    _fill_between(float(np.nextafter(out.dtype.type(-1), out.dtype.type(0))), 1.0)(key, first, out)
    _invert_erf(out)


def _fill_truncated(key: Key, first: int, out: np.ndarray) -> None:
    kind = out.dtype.type
    edge = math.erf(math.sqrt(2.0))
    _fill_between(-edge, edge)(key, first, out)
    _invert_erf(out)
    most = np.nextafter(kind(2), kind(0))
    np.clip(out, -most, most, out=out)


def _draw(key: Key, fill: Fill, shape: tuple[int, ...], factor: float, shift: float, dtype: np.dtype) -> np.ndarray:
    """factor * u + shift, where `fill` gives u."""
    values = np.empty(math.prod(shape), np.float64 if dtype == np.float64 else np.float32)
    kind = values.dtype.type
    for start in range(0, values.size, BLOCK):
        block = values[start : start + BLOCK]
        fill(key, start, block)
        if factor != 1.0:
            block *= kind(factor)
        if shift:
            block += kind(shift)
    return values.reshape(shape).astype(dtype, copy=False)


def _invert_erf(values: np.ndarray) -> None:
    """values = sqrt(2) times the inverse of the error function."""
    if values.dtype == np.float64:
        from scipy import special  # pyright: ignore[reportMissingTypeStubs]

        inverted: np.ndarray = special.erfinv(values)  # pyright: ignore[reportUnknownMemberType]
        np.multiply(inverted, math.sqrt(2.0), out=values)
        return
    w = -np.log1p(-values * values)
    result = _polynomial(CENTRE, w - np.float32(2.5))
    far = np.flatnonzero(w >= 5.0)
    if far.size:
        result[far] = _polynomial(TAIL, np.sqrt(w[far]) - np.float32(3.0))
    values *= result
    values *= np.float32(math.sqrt(2.0))


def _polynomial(factors: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    value = np.full_like(x, factors[0])
    for factor in factors[1:]:
        value *= x
        value += np.float32(factor)
    return value
