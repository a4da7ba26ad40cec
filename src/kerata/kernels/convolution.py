"""Convolution of pictures, volumes and sequences, fast inside a loop on the CPU.

A convolution and its two gradients are three bilinear operations on (input, kernel, output):

    y = conv(x, w)        dx = spread(g, w)        dw = correlate(x, g)

and the derivative of each is made of the other two. `lax.conv_general_dilated` differentiates into convolutions
whose dimensions come in another order. XLA for CPU brings them into the order of its fast kernels, but only
outside of `while` loops; inside it falls back to nested scalar loops, a hundred times slower. So the three are
written here in that order (`NHWC`, `HWIO`), and the training loop runs them at full speed.
"""

# JAX leaves some arguments of `einsum`, `reshape` and others without a type.
# pyright: reportUnknownMemberType=false

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kerata.kernels import library, winograd
from kerata.kernels.compiler import apart, prefers_fast_form
from kerata.kernels.primitives import Shape, define, members_first
from kerata.kernels.products import kernel_gradient_of_pixels, product_with_transposed
from kerata.kernels.sums import sums_of_features
from kerata.kernels.typed import Primitive, bilinear_gradients, bind, map_rows
from kerata.kernels.windows import Windows, to_pixels, window_slices

# Up to so many numbers under the kernel, a sum of shifted copies beats the packing of patches for a product.
DIRECT_TAPS = 32


class Geometry(NamedTuple):
    """All that is fixed of a convolution: sizes of the spatial dimensions, and how the kernel moves."""

    picture: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int

    @property
    def output(self) -> tuple[int, ...]:
        return tuple(
            max((size + low + high - (k - 1) * d - 1) // s + 1, 0)
            for size, k, s, (low, high), d in zip(self.picture, self.kernel, self.strides, self.pads, self.dilation)
        )


def convolution(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int] = (1, 1),
    padding: str | Sequence[tuple[int, int]] = "VALID",
    dilation: Sequence[int] | None = None,
    groups: int = 1,
) -> jax.Array:
    """y[n, p, o] = sum over taps t and channels c of x[n, p * stride + t * dilation - pad, c] w[t, c, o].

    Equal to `plain_convolution`, which other platforms than the CPU get.

    Args:
        x: (batch, *picture, channels), with one, two or three spatial dimensions.
        kernel: (*window, channels / groups, filters).
        strides: steps of the window, one number a spatial dimension.
        padding: "VALID", "SAME", or a pair (before, after) for every spatial dimension.
        dilation: distance between taps, one number a spatial dimension; 1 where missing.
        groups: channels and filters fall into so many parts that do not see each other.

    Shapes: returns (batch, *output, filters).

    >>> import jax.numpy as jnp
    >>> convolution(jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 2, 5)), (1, 1), "SAME").shape
    (1, 4, 4, 5)
    """
    dilation = tuple(dilation) if dilation is not None else (1,) * (x.ndim - 2)
    geometry = Geometry(
        picture=tuple(x.shape[1:-1]),
        kernel=tuple(kernel.shape[:-2]),
        strides=tuple(strides),
        pads=standardize_padding(padding, x.shape[1:-1], kernel.shape[:-2], strides, dilation),
        dilation=dilation,
        groups=groups,
    )
    if not prefers_fast_form():
        return plain_convolution(geometry, x, kernel)
    return convolve(geometry, x, kernel)


def transposed_convolution(
    x: jax.Array, kernel: jax.Array, strides: Sequence[int], pads: Sequence[tuple[int, int]], dilation: Sequence[int]
) -> jax.Array:
    """The gradient of a convolution with respect to its input, as an operation: it enlarges a picture.

    Args:
        x: (batch, *picture, channels).
        kernel: (*window, filters, channels).
        strides, dilation: of the convolution, one number a spatial dimension.
        pads: zeros before and after `x`, whose pixels lie `strides` apart, under the window turned round.

    >>> import jax.numpy as jnp
    >>> transposed_convolution(jnp.ones((1, 4, 2)), jnp.ones((3, 5, 2)), (2,), [(2, 2)], (1,)).shape
    (1, 9, 5)
    """
    rank = len(strides)
    if not prefers_fast_form():
        # The kernel is turned round: a sum over places in the output becomes one over places in the input.
        turned = jnp.swapaxes(jnp.flip(kernel, tuple(range(rank))), -1, -2)
        return lax.conv_general_dilated(
            x, turned, (1,) * rank, pads, lhs_dilation=strides, rhs_dilation=dilation, dimension_numbers=canonical(rank)
        )
    sizes: list[int] = []
    forward_pads: list[tuple[int, int]] = []
    for n, k, s, d, (before, after) in zip(x.shape[1:-1], kernel.shape, strides, dilation, pads):
        reach = (k - 1) * d
        sizes.append((n - 1) * s + 1 + before + after - reach)
        forward_pads.append((reach - before, reach - after))
    geometry = Geometry(tuple(sizes), tuple(kernel.shape[:-2]), tuple(strides), tuple(forward_pads), tuple(dilation), 1)
    return spread(geometry, x, kernel)


def standardize_padding(
    padding: str | Sequence[tuple[int, int]],
    picture: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> tuple[tuple[int, int], ...]:
    """Pairs (before, after). "SAME" gives ceil(size / stride) outputs, the odd zero at the end.

    >>> standardize_padding("SAME", (5, 6), (3, 3), (1, 2), (1, 1))
    ((1, 1), (0, 1))
    """
    if isinstance(padding, str):
        extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation)]
        padding = lax.padtype_to_pads(picture, extents, tuple(strides), padding.upper())
    return tuple((int(low), int(high)) for low, high in padding)


def canonical(rank: int) -> lax.ConvDimensionNumbers:
    """(batch, *spatial, channels), (*window, channels, filters): the order that has fast kernels everywhere."""
    outer = (0, rank + 1, *range(1, rank + 1))
    return lax.ConvDimensionNumbers(outer, (rank + 1, rank, *range(rank)), outer)


def plain_convolution(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """The operation as XLA has it, differentiated by JAX."""
    return lax.conv_general_dilated(
        x,
        kernel,
        geometry.strides,
        geometry.pads,
        rhs_dilation=geometry.dilation,
        dimension_numbers=canonical(len(geometry.picture)),
        feature_group_count=geometry.groups,
    )


# The three operations. Each is a function of the geometry and of two arrays, linear in both.


def convolve(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """y = conv(x, w): (batch, *output, filters)."""
    return bind(_convolve, x, kernel, fixed=geometry)


def spread(geometry: Geometry, g: jax.Array, kernel: jax.Array) -> jax.Array:
    """dx: the output's gradient, brought back to the pixels it came from. (batch, *picture, channels)."""
    return bind(_spread, g, kernel, fixed=geometry)


def correlate(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """dw: for a tap, the pixels under it times the output's gradient. (*window, channels / groups, filters)."""
    return bind(_correlate, x, g, fixed=geometry)


Bilinear = Callable[[Geometry, jax.Array, jax.Array], jax.Array]


def form_output(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    ones = (1,) * len(geometry.picture)
    return slide(x, kernel, geometry.strides, geometry.pads, ones, geometry.dilation, geometry.groups)


def form_input_gradient(geometry: Geometry, g: jax.Array, kernel: jax.Array) -> jax.Array:
    """A convolution of the gradient, its pixels a stride apart, with the kernel turned round."""
    rank = len(geometry.picture)
    ones, pads = (1,) * rank, pads_of_input_gradient(geometry)
    if math.prod(geometry.kernel) == 1 and geometry.groups == 1 and g.dtype == jnp.float32:
        # Between the pixels, and under the padding, is nothing to be multiplied.
        channels, filters = kernel.shape[-2:]
        small = product_with_transposed(g.reshape(-1, filters), kernel.reshape(channels, filters))
        return pad_pixels(small.reshape(*g.shape[:-1], channels), pads, geometry.strides)
    if is_woven(geometry, kernel):
        return weave(geometry, g, kernel)
    turned = turning(geometry.groups)(kernel)
    return slide(g, turned, ones, pads, geometry.strides, geometry.dilation, geometry.groups)


def is_woven(geometry: Geometry, kernel: jax.Array) -> bool:
    """Whether the pixels of a gradient are so far apart that most of what a kernel turned round would meet is zeros."""
    is_by_itself = geometry.groups == kernel.shape[-1] > 1 and kernel.shape[-2] == 1
    terms = math.prod((k - 1) // s + 1 for k, s in zip(geometry.kernel, geometry.strides))
    return is_by_itself and math.prod(geometry.strides) > 1 == math.prod(geometry.dilation) and terms <= DIRECT_TAPS


def weave(geometry: Geometry, g: jax.Array, kernel: jax.Array) -> jax.Array:
    """The input's gradient where every channel is by itself: no pixel meets a zero that lies between two others."""
    weights = kernel.reshape(*geometry.kernel, kernel.shape[-1]).astype(jnp.promote_types(g.dtype, jnp.float32))
    windows = Windows(geometry.kernel, geometry.strides, geometry.pads, geometry.picture)
    return to_pixels(windows, g, kernel=weights).astype(g.dtype)


def pads_of_input_gradient(geometry: Geometry) -> list[tuple[int, int]]:
    """Zeros before and after the output's gradient, whose pixels lie a stride apart."""
    pads: list[tuple[int, int]] = []
    for size, k, s, (low, _), d, out in zip(*geometry[:5], geometry.output):
        before = (k - 1) * d - low
        pads.append((before, size + (k - 1) * d - before - (out - 1) * s - 1))
    return pads


def form_kernel_gradient(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    """A convolution whose kernel is the gradient, and whose channels are the batch.

    The window's taps are the output's pixels: it moves by the dilation, and its own taps are a stride apart.
    """
    rank, groups = len(geometry.picture), geometry.groups
    spatial = tuple(range(1, rank + 1))
    pads: list[tuple[int, int]] = []
    for size, k, s, (low, _), d, out in zip(*geometry[:5], geometry.output):
        pads.append((low, (k - 1) * d + (out - 1) * s + 1 - size - low))
    x, rest = crop(x, pads, (1,) * rank)
    batch, *picture, channels = x.shape
    if groups == channels > 1:
        return correlate_channels(geometry, x, g, rest)
    if (
        groups == 1
        and math.prod(geometry.kernel) == 1
        and not any(low or high for low, high in rest)
        and x.dtype == jnp.float32
    ):
        dw = kernel_gradient_of_pixels(pixels_under(geometry, x), g.reshape(-1, g.shape[-1]))
        return dw.reshape(*geometry.kernel, *dw.shape)
    x = x.reshape(batch, *picture, groups, channels // groups)
    x = x.transpose(rank + 2, *spatial, rank + 1, 0)  # (channels / groups, *picture, groups, batch)
    x = x.reshape(channels // groups, *picture, groups * batch)
    g = g.transpose(*spatial, 0, rank + 1)  # (*output, batch, filters)
    dw = lax.conv_general_dilated(
        x,
        g,
        geometry.dilation,
        rest,
        rhs_dilation=geometry.strides,
        dimension_numbers=canonical(rank),
        feature_group_count=groups,
    )  # (channels / groups, *window, filters)
    return jnp.moveaxis(dw, 0, -2)


@functools.lru_cache(maxsize=64)
def turning(groups: int) -> Callable[[jax.Array], jax.Array]:
    """Turns the window round, (*window, channels / groups, filters) to (*window, filters / groups, channels).

    Apart, for what reads it would read it number by number (a gradient of 512 to 512 channels: 9.3 ms, apart 5.1).
    """

    def turn(kernel: jax.Array) -> jax.Array:
        *window, channels, filters = kernel.shape
        kernel = round_about(kernel).reshape(*window, channels, groups, filters // groups)
        kernel = jnp.swapaxes(kernel, -1, -3)  # (*window, filters / groups, groups, channels / groups)
        return kernel.reshape(*window, filters // groups, groups * channels)

    return apart(turn)


def round_about(kernel: jax.Array) -> jax.Array:
    """The window by half a turn, its channels as they are."""
    return lax.rev(kernel, [axis for axis, size in enumerate(kernel.shape[:-2]) if size > 1])


# The same by oneDNN, of pictures and sequences.


def suits(geometry: Geometry, a: jax.Array, b: jax.Array) -> bool:
    """Whether the library has what it takes for a convolution, and its gradients, of this kind.

    Args:
        a, b: the operands; `a` has samples and pixels.
    """
    is_float = a.dtype == b.dtype == jnp.float32 and a.size > 0 and b.size > 0
    is_plain = geometry.groups == 1 and len(geometry.picture) <= 2
    # Of one channel it computes wrong numbers where strides leave one column (docs/findings.md).
    return is_float and is_plain and a.shape[-1] > 1 and all(low >= 0 and high >= 0 for low, high in geometry.pads)


def output_by_library(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    if is_of_one_pixel(geometry):
        y = library.product(rows_of(x), kernel.reshape(kernel.shape[-2:]))
        return y.reshape(*x.shape[:-1], y.shape[-1])
    if is_plain_window(geometry) and winograd.pays(x.shape[0], geometry.output, *kernel.shape[-2:]):
        return winograd.convolve(x, kernel, geometry.pads)
    return library.convolution(x, kernel, geometry.strides, geometry.pads, geometry.dilation)


def input_gradient_by_library(geometry: Geometry, g: jax.Array, kernel: jax.Array) -> jax.Array:
    pads, ones = pads_of_input_gradient(geometry), (1,) * len(geometry.picture)
    # It takes the channels in either order, so that nothing is transposed.
    if math.prod(geometry.kernel) == 1:
        small = library.product(rows_of(g), kernel.reshape(kernel.shape[-2:]), transpose_b=True)
        return pad_pixels(small.reshape(*g.shape[:-1], small.shape[-1]), pads, geometry.strides)
    if geometry.strides != ones or any(low < 0 or high < 0 for low, high in pads):
        return form_input_gradient(geometry, g, kernel)
    if is_plain_window(geometry) and winograd.pays(g.shape[0], geometry.picture, *kernel.shape[-2:]):
        return winograd.convolve_turned(g, kernel, pads)
    return library.convolution(g, apart(round_about)(kernel), ones, pads, geometry.dilation, swapped=True)


def kernel_gradient_by_library(geometry: Geometry, x: jax.Array, g: jax.Array) -> jax.Array:
    if is_plain_window(geometry) and winograd.pays_for_gradient(geometry.output, x.shape[-1], g.shape[-1]):
        return winograd.kernel_gradient(x, g, geometry.pads)
    if math.prod(geometry.kernel) > 1 or any(low or high for low, high in geometry.pads):
        return form_kernel_gradient(geometry, x, g)
    dw = library.product(pixels_under(geometry, x), rows_of(g), transpose_a=True)
    return dw.reshape(*geometry.kernel, *dw.shape)


def is_plain_window(geometry: Geometry) -> bool:
    """Whether Winograd's way is one: three by three pixels side by side, and nothing is cut off."""
    is_whole = geometry.groups == 1 and all(low >= 0 and high >= 0 for low, high in geometry.pads)
    return is_whole and winograd.suits(geometry.kernel, geometry.strides, geometry.dilation)


def is_of_one_pixel(geometry: Geometry) -> bool:
    """Whether each pixel of the output is made of the one at its place: a product of matrices."""
    no_pads = not any(low or high for low, high in geometry.pads)
    return math.prod(geometry.kernel) == math.prod(geometry.strides) == 1 and no_pads


def rows_of(x: jax.Array) -> jax.Array:
    """(pixels, channels)."""
    return x.reshape(-1, x.shape[-1])


def pixels_under(geometry: Geometry, x: jax.Array) -> jax.Array:
    """What a window of one pixel meets: (pixels, channels)."""
    (pixels,) = window_slices(x, geometry.kernel, geometry.strides, geometry.dilation)
    return rows_of(pixels)


BY_LIBRARY: dict[Bilinear, Bilinear] = {
    form_output: output_by_library,
    form_input_gradient: input_gradient_by_library,
    form_kernel_gradient: kernel_gradient_by_library,
}


# How a window slides: one of two forms.


def slide(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    spacing: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> jax.Array:
    """A convolution over pixels that lie `spacing` apart, with zeros between."""
    whole, (x, pads) = x.shape, crop(x, pads, spacing)
    *window, per_group, filters = kernel.shape
    if 0 in x.shape and 0 not in whole:
        # All pixels were cut off: what is left is padding, and XLA sees none between pixels that are not there.
        width = [(n - 1) * gap + 1 + low + high for n, gap, (low, high) in zip(x.shape[1:-1], spacing, pads)]
        output = [(w - (k - 1) * d - 1) // s + 1 for w, k, d, s in zip(width, window, dilation, strides)]
        return jnp.zeros((x.shape[0], *output, filters), x.dtype)
    if groups == x.shape[-1] > 1 or (groups == 1 and math.prod(window) * per_group <= DIRECT_TAPS):
        return sum_taps(x, kernel, strides, pads, spacing, dilation, groups)
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        pads,
        lhs_dilation=spacing,
        rhs_dilation=dilation,
        dimension_numbers=canonical(len(window)),
        feature_group_count=groups,
    )


def crop(
    x: jax.Array, pads: Sequence[tuple[int, int]], spacing: Sequence[int]
) -> tuple[jax.Array, tuple[tuple[int, int], ...]]:
    """Padding below zero has no fast kernel: the pixels are cut off, and what is left is padding."""
    slices: list[slice] = [slice(None)]
    rest: list[tuple[int, int]] = []
    for size, (low, high), step in zip(x.shape[1:-1], pads, spacing):
        # With zeros between the pixels, -low falls between two of them: the next keeps its distance as padding.
        first = max(0, -(low // step))
        last = size - max(0, -(high // step))
        slices.append(slice(first, last))
        rest.append((low + first * step, high + (size - last) * step))
    if all(s in (slice(None), slice(0, size)) for s, size in zip(slices, x.shape)):
        return x, tuple((int(low), int(high)) for low, high in pads)
    return x[tuple(slices)], tuple(rest)


def sum_taps(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    pads: Sequence[tuple[int, int]],
    spacing: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> jax.Array:
    """The sum written out tap by tap: one fused pass, where a matrix product would have hardly any depth."""
    *window, per_group, filters = kernel.shape
    dtype = x.dtype
    kernel = kernel.astype(jnp.promote_types(dtype, jnp.float32)).reshape(-1, per_group, groups, filters // groups)
    x = pad_pixels(x, pads, spacing)
    total = jnp.zeros((), kernel.dtype)
    for tap, pixels in enumerate(window_slices(x, window, strides, dilation)):
        pixels = pixels.reshape(*pixels.shape[:-1], groups, per_group)
        for channel in range(per_group):
            # (batch, *output, groups, filters / groups)
            total = total + pixels[..., channel, None] * kernel[tap, channel]
    return total.reshape(*total.shape[:-2], filters).astype(dtype)


def correlate_channels(geometry: Geometry, x: jax.Array, g: jax.Array, pads: Sequence[tuple[int, int]]) -> jax.Array:
    """The kernel's gradient where every channel is by itself: a sum over pixels for every tap."""
    channels, filters = x.shape[-1], g.shape[-1]
    rank = len(geometry.picture)
    x = pad_pixels(x, pads, (1,) * rank)
    taps = window_slices(x, geometry.kernel, geometry.strides, geometry.dilation)
    sums = sums_of_features([jnp.repeat(pixels, filters // channels, -1) * g for pixels in taps])
    return sums.reshape(*geometry.kernel, 1, filters).astype(x.dtype)


def pad_pixels(x: jax.Array, pads: Sequence[tuple[int, int]], spacing: Sequence[int]) -> jax.Array:
    edges = [(low, high, step - 1) for (low, high), step in zip(pads, spacing)]
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *edges, (0, 0, 0)])


# As JAX knows them.


@functools.lru_cache(maxsize=1024)
def fenced(form: Bilinear, geometry: Geometry) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """`form` for one geometry, apart, lest its operands be computed again in the order in which a transpose reads them."""
    return apart(functools.partial(form, geometry))


def bilinear(name: str, form: Bilinear, shape: Callable[[Geometry, Shape, Shape], Shape]) -> Primitive:
    """A primitive of two arrays.

    Of many, JAX would make groups of channels, an order for which there is no fast kernel. Here members that share a kernel
    become one larger batch, and others take turns: each is work enough for all cores.
    """

    def run(geometry: Geometry, a: jax.Array, b: jax.Array) -> jax.Array:
        if 0 in geometry.output:
            # The window meets no pixel: a result without numbers, gradients of zero.
            return jnp.zeros(shape(geometry, a.shape, b.shape), b.dtype)
        by_library = library.is_allowed() and suits(geometry, a, b)
        return fenced(BY_LIBRARY[form] if by_library else form, geometry)(a, b)

    def many(arrays: Sequence[jax.Array], axes: Sequence[int | None], geometry: Geometry) -> tuple[jax.Array, int]:
        a, b = members_first(arrays, axes)
        members = a.shape[0] if axes[0] is not None else b.shape[0]
        if axes[1] is None and form is not form_kernel_gradient:
            merged = bind(primitive, a.reshape(members * a.shape[1], *a.shape[2:]), b, fixed=geometry)
            return merged.reshape(members, a.shape[1], *merged.shape[1:]), 0

        def one(i: jax.Array) -> jax.Array:
            return bind(primitive, a if axes[0] is None else a[i], b if axes[1] is None else b[i], fixed=geometry)

        return map_rows(one, jnp.arange(members)), 0

    primitive = define(name, run, shape, many)
    return primitive


Gradient = Callable[[Geometry, jax.Array, jax.Array, jax.Array], jax.Array]


def gradients(primitive: Primitive, by_first: Gradient, by_second: Gradient) -> None:
    """Its gradients, each from the gradient of its result and its two operands."""
    bilinear_gradients(primitive, by_first, by_second)


_convolve = bilinear("convolve", form_output, lambda of, x, kernel: (x[0], *of.output, kernel[-1]))
_spread = bilinear("spread", form_input_gradient, lambda of, g, kernel: (g[0], *of.picture, kernel[-2] * of.groups))
_correlate = bilinear("correlate", form_kernel_gradient, lambda of, x, g: (*of.kernel, x[-1] // of.groups, g[-1]))

gradients(_convolve, lambda of, g, x, w: spread(of, g, w), lambda of, g, x, w: correlate(of, x, g))
gradients(_spread, lambda of, h, g, w: convolve(of, h, w), lambda of, h, g, w: correlate(of, h, g))
gradients(_correlate, lambda of, v, x, g: spread(of, g, v), lambda of, v, x, g: convolve(of, x, v))
