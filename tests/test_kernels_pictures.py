"""Every kernel for pictures equals its plain form: values and all gradients, in a loop, under vmap, twice derived."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from kerata import layers
from kerata.engine.scope import Scope
from kerata.kernels.compiler import apart, compiler_options, compiles_with, kernel_form
from kerata.kernels.convolution import convolution, transposed_convolution
from kerata.kernels.normalization import batch_normalization
from kerata.kernels.pooling import average_pool, max_pool
from kerata.kernels.standardization import standardize
from kerata.kernels.sums import (
    mean_along,
    moments_of_features,
    sum_along,
    sum_of_features,
    sum_of_rows,
    sums_of_features,
    with_bias,
    with_scale,
)


def numbers(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape, dtype=np.float32))


def weighted(y):
    """A number that depends on every element of y in another way."""
    return jnp.sum(jnp.sin(y) * jnp.linspace(0.5, 1.5, y.size).reshape(y.shape))


def both_forms(operation, *arrays, transform=lambda f: f):
    """Loss and all gradients, plain and fast, each computed inside a loop; one program, to compile once."""

    def loop(form, steps, operands):
        everything = tuple(range(len(operands)))
        derive = transform(jax.value_and_grad(lambda *each: weighted(operation(*each)), everything))
        with kernel_form(form):
            first = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(derive, *operands))
            return lax.fori_loop(0, steps, lambda _, last: derive(*operands), first)

    program = jax.jit(lambda steps, *operands: [loop(form, steps, operands) for form in ("plain", "fast")])
    return program(2, *arrays)


def assert_same(a, b, tolerance=2e-4):
    for left, right in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert left.shape == right.shape and left.dtype == right.dtype
        scale = float(jnp.max(jnp.abs(left.astype(jnp.float32)))) + 1e-6
        np.testing.assert_allclose(
            np.asarray(left, np.float32), np.asarray(right, np.float32), rtol=tolerance, atol=tolerance * scale
        )


# picture, window, strides, padding, dilation, channels, filters, groups
CONVOLUTIONS = {
    "first layer": ((9, 8), (3, 3), (1, 1), "VALID", (1, 1), 1, 6, 1),
    "colours": ((9, 8), (3, 3), (1, 1), "SAME", (1, 1), 3, 5, 1),
    "deep": ((6, 7), (3, 3), (1, 1), "SAME", (1, 1), 12, 16, 1),
    "one by one": ((5, 5), (1, 1), (1, 1), "VALID", (1, 1), 40, 3, 1),
    "one by one, strided": ((6, 5), (1, 1), (2, 2), "VALID", (1, 1), 40, 4, 1),
    "strided": ((9, 8), (3, 3), (2, 2), "SAME", (1, 1), 5, 4, 1),
    "strided, pixels left over": ((12, 9), (3, 2), (4, 3), "VALID", (1, 1), 6, 3, 1),
    "stride beyond the window": ((11, 8), (2, 2), (3, 4), "VALID", (1, 1), 10, 3, 1),
    "uneven": ((8, 9), (2, 5), (2, 1), ((1, 0), (2, 3)), (1, 1), 4, 3, 1),
    "dilated": ((9, 10), (3, 2), (1, 1), "SAME", (2, 3), 6, 4, 1),
    "dilated and strided": ((12, 10), (3, 3), (2, 3), ((2, 1), (0, 4)), (2, 1), 5, 4, 1),
    "padding cut off": ((9, 8), (3, 3), (2, 1), ((-1, 0), (4, -2)), (1, 1), 6, 4, 1),
    "padding cut off both ends": ((9, 9), (2, 2), (1, 2), ((-2, -1), (-1, 3)), (1, 1), 9, 4, 1),
    "pixels between strides": ((1, 6), (1, 2), (3, 1), ((5, 4), (0, 0)), (1, 1), 9, 4, 1),
    "window beyond the picture": ((3, 2), (3, 4), (1, 2), "VALID", (1, 1), 9, 4, 1),
    "window far beyond the picture": ((2, 5), (4, 2), (1, 1), "VALID", (2, 1), 9, 4, 1),
    "few filters": ((7, 7), (3, 3), (1, 1), "SAME", (1, 1), 16, 1, 1),
    "groups": ((7, 6), (3, 3), (1, 1), "SAME", (1, 1), 6, 9, 3),
    "groups, strided": ((8, 7), (3, 2), (2, 2), "VALID", (1, 1), 8, 4, 2),
    "depthwise": ((7, 6), (3, 3), (1, 1), "SAME", (1, 1), 5, 5, 5),
    "depthwise, multiplied": ((8, 6), (3, 3), (2, 2), "SAME", (1, 1), 3, 6, 3),
    "depthwise, strided": ((9, 8), (3, 3), (2, 2), "SAME", (1, 1), 5, 5, 5),
    "depthwise, stride beyond the window": ((11, 8), (2, 2), (3, 4), "VALID", (1, 1), 4, 4, 4),
    "depthwise, longer than two strides": ((15, 6), (7, 2), (3, 1), "SAME", (1, 1), 6, 6, 6),
    "depthwise, padding cut off": ((9, 8), (3, 3), (2, 1), ((-1, 0), (4, -2)), (1, 1), 4, 4, 4),
    "depthwise, dilated and strided": ((12, 10), (3, 3), (2, 3), ((2, 1), (0, 4)), (2, 1), 5, 5, 5),
    "depthwise, strided sequence": ((11,), (3,), (2,), ((2, 1),), (1,), 4, 4, 4),
    "depthwise, strided volume": ((5, 4, 6), (2, 3, 2), (1, 2, 2), "SAME", (1, 1, 1), 3, 3, 3),
    "sequence": ((11,), (3,), (1,), "VALID", (1,), 12, 5, 1),
    "causal": ((11,), (3,), (1,), ((4, 0),), (2,), 4, 5, 1),
    "long sequence window": ((15,), (8,), (3,), "SAME", (1,), 6, 5, 1),
    "volume": ((5, 4, 6), (2, 3, 2), (1, 2, 1), "SAME", (1, 1, 1), 5, 3, 1),
    "volume, dilated": ((5, 6, 5), (2, 2, 2), (1, 1, 1), "VALID", (2, 1, 3), 6, 3, 1),
}


def make_convolution(case, batch=2):
    picture, window, strides, padding, dilation, channels, filters, groups = CONVOLUTIONS[case]
    x = numbers(0, batch, *picture, channels)
    kernel = numbers(1, *window, channels // groups, filters)
    return x, kernel, lambda x, kernel: convolution(x, kernel, strides, padding, dilation, groups)


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution_equals_its_plain_form(case):
    x, kernel, operation = make_convolution(case)
    assert_same(*both_forms(operation, x, kernel))


@pytest.mark.parametrize(
    "case", ["first layer", "deep", "strided, pixels left over", "groups", "depthwise", "depthwise, strided", "causal"]
)
@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)], ids=["inputs", "kernels", "both"])
def test_convolution_of_a_population(case, axes):
    x, kernel, operation = make_convolution(case)
    if axes[0] == 0:
        x = jnp.stack([x, 2 * x, x[::-1]])
    if axes[1] == 0:
        kernel = jnp.stack([kernel, kernel + 1, -kernel])
    plain, fast = both_forms(operation, x, kernel, transform=lambda f: jax.vmap(f, axes))
    assert_same(plain, fast)


def test_convolution_of_a_population_of_populations():
    x, kernel, operation = make_convolution("deep")
    kernels = jnp.stack([jnp.stack([kernel, 2 * kernel]), jnp.stack([kernel + 1, -kernel])])
    nested = jax.vmap(jax.vmap(operation, (None, 0)), (None, 0))
    with kernel_form("fast"):
        fast = jax.jit(lambda x, k: nested(x, k))(x, kernels)
    with kernel_form("plain"):
        plain = jax.jit(lambda x, k: nested(x, k))(x, kernels)
    assert_same(plain, fast)


@pytest.mark.parametrize("case", ["deep", "strided", "groups", "depthwise", "depthwise, strided"])
def test_convolution_derived_twice(case):
    """The gradient of the squared gradient, as in a gradient penalty."""
    x, kernel, operation = make_convolution(case)

    def penalty(x, kernel):
        of_input, of_kernel = jax.grad(lambda x, k: weighted(operation(x, k)), (0, 1))(x, kernel)
        return jnp.sum(of_input**2) + jnp.sum(jnp.cos(of_kernel))

    results = {}
    for form in ("plain", "fast"):
        with kernel_form(form):
            results[form] = jax.jit(lambda x, k: jax.value_and_grad(penalty, (0, 1))(x, k))(x, kernel)
    assert_same(results["plain"], results["fast"], 2e-3)


@pytest.mark.parametrize("case", ["first layer", "deep", "depthwise", "depthwise, strided"])
def test_convolution_in_half_precision(case):
    x, kernel, operation = make_convolution(case)
    x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    assert_same(*both_forms(operation, x, kernel), 4e-2)


TRANSPOSED = {
    "twice as large": (2, (4, 5), {"kernel_size": 3, "strides": 2, "padding": "same"}),
    "without padding": (2, (3, 3), {"kernel_size": 5}),
    "gaps": (2, (3, 4), {"kernel_size": 2, "strides": 3, "output_padding": 1}),
    "dilated": (2, (4, 3), {"kernel_size": 3, "dilation_rate": 2, "padding": "same"}),
    "sequence": (1, (6,), {"kernel_size": 4, "strides": 2, "padding": "same"}),
    "volume": (3, (2, 3, 2), {"kernel_size": 2, "strides": 2}),
}


@pytest.mark.parametrize("case", TRANSPOSED)
def test_transposed_layer_equals_its_plain_form(case):
    rank, picture, arguments = TRANSPOSED[case]
    layer = getattr(layers, f"Conv{rank}DTranspose")(6, **arguments)
    x = numbers(0, 2, *picture, 5)
    layer.build(x.shape)
    kernel = numbers(1, *layer.kernel.shape)

    def operation(x, kernel):
        with Scope([layer.kernel], [kernel]):
            return layer.convolve(x)

    assert_same(*both_forms(operation, x, kernel))


@pytest.mark.parametrize("name", ["Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D"])
def test_layers_leave_no_gradient_of_a_convolution_to_xla(name):
    """In the loop of a training XLA computes one whose dimensions come in another order number by number."""
    layer = getattr(layers, name)(*([] if name.startswith("Depth") else [6]), 3, strides=2, padding="same")
    x = numbers(0, 2, 8, 8, 5)
    layer.build(x.shape)
    weights = list(layer.trainable_variables)

    def loss(values):
        with Scope(weights, values):
            return weighted(layer(x))

    orders = {}
    for form in ("fast", "plain"):
        with kernel_form(form):
            text = jax.jit(jax.grad(lambda values: loss(values))).lower([w.value for w in weights]).as_text()
        orders[form] = set(re.findall(r"dim_numbers = (\[[^\]]*\]x\[[^\]]*\]->\[[^\]]*\])", text))
    usual = {"[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"}
    assert orders["fast"] <= usual and not orders["plain"] <= usual, orders


def test_convolution_wastes_no_gradient_of_the_pictures():
    """Where only the kernel's gradient is asked for, one convolution forward and one backward remain."""
    x, kernel, operation = make_convolution("deep")
    with kernel_form("fast"):
        lowered = jax.jit(lambda x, k: jax.grad(lambda k: weighted(operation(x, k)))(k)).lower(x, kernel)
    assert lowered.compile().as_text().count(" convolution(") == 2


POOLINGS = {
    "side by side": ((6, 8), (2, 2), None, "VALID"),
    "pixels left over": ((7, 9), (2, 2), None, "VALID"),
    "side by side, padded": ((7, 9), (2, 2), None, "SAME"),
    "overlapping": ((7, 8), (3, 3), (2, 2), "VALID"),
    "overlapping, padded": ((8, 7), (3, 3), (2, 2), "SAME"),
    "every pixel": ((5, 6), (3, 3), (1, 1), "SAME"),
    "gaps": ((9, 8), (2, 2), (3, 4), "VALID"),
    "uneven": ((8, 9), (3, 2), (2, 3), ((1, 0), (0, 1))),
    "sequence": ((11,), (3,), (2,), "SAME"),
    "volume": ((4, 5, 6), (2, 2, 2), None, "VALID"),
    "volume, overlapping": ((4, 5, 6), (3, 2, 3), (1, 2, 2), "SAME"),
    "a window too large to write out": ((10, 9), (9, 9), (1, 1), "SAME"),
    "large windows side by side": ((19, 9), (9, 9), None, "VALID"),
    "longer than two strides": ((9, 11), (5, 4), (2, 1), "SAME"),
    "more pixels than a byte counts": ((41, 16), (20, 16), None, "VALID"),
    "long sequence": ((600,), (300,), None, "VALID"),
}


@pytest.mark.parametrize("case", POOLINGS)
@pytest.mark.parametrize("pool", [max_pool, average_pool])
def test_pooling_equals_its_plain_form(pool, case):
    """Whole numbers, so that most windows hold equal maxima: the first takes the gradient."""
    picture, window, strides, padding = POOLINGS[case]
    x = jnp.round(numbers(0, 2, *picture, 3))

    def operation(x):
        return pool(x, window, strides, padding)

    assert_same(*both_forms(operation, x))


def test_average_pooling_has_gradients_of_gradients():
    """Means are linear: the gradient of a gradient's square is that of the plain form too."""
    x = numbers(0, 2, 7, 8, 3)

    def operation(x):
        inner = jax.grad(lambda x: weighted(average_pool(x, (3, 2), (2, 3), "SAME") ** 3))
        return inner(x) ** 2

    assert_same(*both_forms(operation, x))


def test_pooling_of_a_population():
    x = jnp.round(numbers(0, 3, 2, 7, 6, 3))
    assert_same(*both_forms(lambda x: max_pool(x, (3, 2), (2, 2), "SAME"), x, transform=jax.vmap))
    assert_same(*both_forms(lambda x: max_pool(x, (2, 2)), x, transform=jax.vmap))


def test_max_pool_of_whole_numbers_and_of_pictures_below_zero():
    with kernel_form("fast"):
        assert max_pool(jnp.full((1, 2, 2, 1), -7, jnp.int32), (2, 2), None, "SAME").ravel() == -7
        assert max_pool(jnp.full((1, 3, 3, 1), -7.0), (2, 2), None, "SAME").ravel().tolist() == [-7.0] * 4


@pytest.mark.parametrize("shape", [(4, 5, 6, 3), (7, 3)])
def test_batch_normalization_equals_its_plain_form(shape):
    """The moments' own gradients too: all three outputs enter the loss."""
    x, gamma, beta = 3 * numbers(0, *shape) + 2, numbers(1, shape[-1]), numbers(2, shape[-1])

    def operation(x, gamma, beta, epsilon):
        return jnp.concatenate([part.ravel() for part in batch_normalization(x, gamma, beta, epsilon)])

    arrays = (x, gamma, beta, jnp.float32(1e-2))
    assert_same(*both_forms(operation, *arrays))
    several = [jnp.stack([a, 2 * a]) for a in arrays]
    assert_same(*both_forms(operation, *several, transform=jax.vmap))


def test_batch_normalization_keeps_the_pictures_kind_and_wide_moments():
    x = numbers(0, 8, 4).astype(jnp.bfloat16)
    with kernel_form("fast"):
        y, mean, variance = batch_normalization(x, jnp.ones(4), jnp.zeros(4))
    assert y.dtype == jnp.bfloat16 and mean.dtype == variance.dtype == jnp.float32


def test_compiler_options_are_those_that_compile():
    platform = jax.default_backend()
    options = compiler_options(platform)
    assert compiles_with(options, platform)
    assert not compiles_with({"xla_no_such_option": True}, platform)
    assert compiler_options("a platform of tomorrow") == {}


def test_apart_keeps_its_operands_in_memory():
    """Inlined, the sum would be fused into both of its readers and computed twice."""
    operation = apart(lambda x: x.T)
    program = jax.jit(lambda x: operation(x + 1.0) * 2.0)
    x = numbers(0, 5, 4)
    np.testing.assert_allclose(program(x), (x + 1).T * 2, rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(operation)(x[None])[0], x.T)
    assert " call(" in program.lower(x).compile().as_text()


@pytest.mark.parametrize("shape", [(3, 4), (2, 7, 5), (2, 64, 3), (3, 37, 41, 2), (2, 6, 80, 5), (1, 1, 1, 4), (2, 3, 4, 5, 6)])
def test_sums_of_features(shape):
    draws = np.random.default_rng(0)
    x, shares = draws.normal(3.0, 1.0, shape), draws.integers(0, 2, shape[0])
    axes = tuple(range(len(shape) - 1))
    wide = jnp.asarray(x, jnp.float32)
    np.testing.assert_allclose(sum_of_features(wide), x.sum(axes), rtol=2e-6)
    wanted = (x * shares.reshape(-1, *[1] * (len(shape) - 1))).sum(axes)
    np.testing.assert_allclose(sum_of_features(wide, jnp.asarray(shares)), wanted, rtol=2e-6)
    factors = jnp.arange(1.0, shape[-1] + 1)
    slope = jax.grad(lambda x: sum_of_features(x) @ factors)(wide)
    np.testing.assert_array_equal(slope, np.broadcast_to(factors, shape))


@pytest.mark.parametrize("count", [1, 2, 9, 10, 25])
@pytest.mark.parametrize("shape", [(3, 4), (3, 37, 41, 2), (2, 6, 80, 5), (2, 3, 4, 5, 6)])
def test_sums_of_several(shape, count):
    draws = np.random.default_rng(1)
    x, factors = draws.normal(3.0, 1.0, shape), draws.normal(0.0, 1.0, (count, shape[-1]))
    wide = jnp.asarray(x, jnp.float32)

    def several(x):
        return sums_of_features([x * factor for factor in jnp.asarray(factors, jnp.float32)])

    wanted = x.sum(tuple(range(len(shape) - 1))) * factors
    np.testing.assert_allclose(several(wide), wanted, rtol=3e-6, atol=1e-5)
    np.testing.assert_allclose(jax.vmap(several)(wide[None])[0], wanted, rtol=3e-6, atol=1e-5)
    slope = jax.grad(lambda x: jnp.sum(several(x)))(wide)
    np.testing.assert_allclose(slope, np.broadcast_to(factors.sum(0), shape), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(jax.jvp(several, (wide,), (wide,))[1], wanted, rtol=3e-6, atol=1e-5)


@pytest.mark.parametrize("shape", [(6, 4), (3, 37, 41, 2), (2, 6, 80, 5), (2, 96, 3, 5), (2, 3, 4, 5, 6)])
@pytest.mark.parametrize(("offset", "outlier"), [(0.0, 0.0), (1e3, 0.0), (-1e5, 0.0), (0.0, 1e6)])
def test_moments_of_features(shape, offset, outlier):
    draws = np.random.default_rng(2)
    x = draws.normal(offset, 1.0, shape)
    x[0, ..., 0] += outlier * (np.arange(x[0, ..., 0].size).reshape(x[0, ..., 0].shape) == 0)
    wide = jnp.asarray(x, jnp.float32)
    exact, axes = np.asarray(wide, np.float64), tuple(range(len(shape) - 1))
    count = exact[..., 0].size
    # Sizes without a divisor up to 32 take two sweeps; the mean's rounding, as of any sum of such numbers, is in the variance.
    least = (abs(offset) + 1) * (5e-7 if shape in ((6, 4), (3, 37, 41, 2)) else 1e-8)
    mean, variance = moments_of_features(wide, count)
    np.testing.assert_allclose(mean, exact.mean(axes), rtol=1e-4 if outlier else 3e-6, atol=1e-6)
    np.testing.assert_allclose(variance, exact.var(axes), rtol=1e-4 if outlier else 1e-5, atol=least**2)
    shares = np.array([1.0] * (shape[0] - 1) + [0.0])
    some = exact[:-1]
    mean, variance = moments_of_features(wide, some[..., 0].size, jnp.asarray(shares))
    np.testing.assert_allclose(mean, some.mean(axes), rtol=1e-4 if outlier else 3e-6, atol=1e-6)
    np.testing.assert_allclose(variance, some.var(axes), rtol=1e-4 if outlier else 1e-5, atol=least**2)


def test_moments_have_derivatives():
    def plain(x):
        return jnp.mean(x, (0, 1, 2)), jnp.var(x, (0, 1, 2))

    def ours(x):
        return moments_of_features(x, x.size // x.shape[-1])

    x, t = numbers(0, 2, 6, 5, 3), numbers(1, 2, 6, 5, 3)
    assert_same(jax.jvp(plain, (x,), (t,)), jax.jvp(ours, (x,), (t,)), 1e-5)
    assert_same(jax.jacrev(plain)(x), jax.jacrev(ours)(x), 1e-5)
    assert_same(jax.vmap(plain)(jnp.stack([x, t])), jax.vmap(ours)(jnp.stack([x, t])), 1e-5)


@pytest.mark.parametrize("shape", [(3, 5, 4), (2, 6, 7, 3), (2, 40, 33, 3), (1, 2, 3, 4, 5)])
def test_biases_means_and_rows(shape):
    def together(x, bias):
        means = mean_along(x, tuple(range(1, len(shape) - 1)), keepdims=True)
        return with_bias(jnp.sin(x), bias) * (means + sum_of_rows(x))

    plain, fast = both_forms(together, numbers(0, *shape), numbers(1, shape[-1]))
    assert_same(plain, fast, 1e-5)


def test_means_of_other_axes_are_plain():
    x = numbers(0, 2, 3, 4, 5)
    for axes in ((1,), (2, 3), (1, 3), (0, 1, 2), (1, 2), (-2, 1), (2, -3), None, 2, -1):
        for keepdims in (False, True):
            np.testing.assert_allclose(
                mean_along(x, axes, keepdims), np.mean(np.asarray(x), axes, keepdims=keepdims), rtol=1e-5, atol=1e-6
            )
    for axes in ((1, 6), (-7, 1), (1, 1, 2)):
        for reduce in (mean_along, sum_along):
            with pytest.raises((ValueError, IndexError)):
                reduce(x, axes)
    np.testing.assert_allclose(with_bias(x.astype("float16"), jnp.ones(5)), x.astype("float16") + jnp.ones(5))


@pytest.mark.parametrize("kind", ["normalization", "normalization by rows", "channels by themselves", "bias"])
def test_no_sum_takes_windows(kind):
    """XLA sums long axes by windows, which takes ten times as long as sums by products."""
    x, gamma, kernel = jnp.ones((4, 40, 40, 8)), jnp.ones(8), jnp.ones((3, 3, 1, 8))
    valid = jnp.ones(4) if kind.endswith("rows") else None

    def loss(x, gamma, kernel):
        if kind.startswith("normalization"):
            return jnp.sum(batch_normalization(jnp.tanh(x), gamma, gamma, valid=valid)[0][0, 0] ** 2)
        if kind == "bias":
            return jnp.sum(jnp.tanh(with_bias(x, gamma))[0, 0])
        return jnp.sum(convolution(x, kernel, (1, 1), "SAME", groups=8)[0, 0])

    text = (
        jax.jit(jax.grad(loss, (0, 1, 2))).lower(x, gamma, kernel).compile(compiler_options=compiler_options("cpu")).as_text()
    )
    assert "reduce-window(" not in text


FORWARD = {
    "convolution": lambda x: convolution(x, numbers(1, 3, 2, 3, 4), (2, 1), "SAME"),
    "by itself": lambda x: convolution(x, numbers(1, 3, 2, 1, 6), (1, 1), "VALID", groups=3),
    "by itself, strided": lambda x: convolution(x, numbers(1, 3, 2, 1, 3), (2, 1), "SAME", groups=3),
    "kernel": lambda x: convolution(numbers(1, 2, 6, 5, 2), x[0, :3, :2, None][:, :, [0, 0]], (1, 1)),
    "enlarged": lambda x: transposed_convolution(x, numbers(1, 3, 2, 4, 3), (2, 1), [(1, 1), (0, 1)], (1, 1)),
    "largest": lambda x: max_pool(x, (3, 2), (2, 2), "SAME"),
    "mean": lambda x: average_pool(x, (3, 2), (2, 1), "SAME"),
    "bias": lambda x: with_bias(x, x[0, 0, 0]),
    "bias of two axes": lambda x: with_bias(x, x[0, 0]),
    "scale": lambda x: with_scale(x, x[0, 0, 0]),
    "scale of two axes": lambda x: with_scale(x, x[1, 1]),
    "batch": lambda x: jnp.concatenate([jnp.ravel(y) for y in batch_normalization(x, x[0, 0, 0], x[1, 0, 0])]),
    "valid rows": lambda x: batch_normalization(x, x[0, 0, 0], x[1, 0, 0], valid=jnp.array([1.0, 0.0]))[0],
    "rows": lambda x: standardize(x, 1e-2),
    "rows, not centred": lambda x: standardize(x, 1e-2, is_centred=False),
}


@pytest.mark.parametrize("case", FORWARD)
def test_derivatives_forward_and_of_derivatives_equal_those_of_the_plain_form(case):
    x, along = numbers(0, 2, 5, 4, 3), numbers(5, 2, 5, 4, 3)

    def derivatives(form):
        with kernel_form(form):
            loss = lambda x: weighted(jnp.sin(FORWARD[case](x)))  # noqa: E731
            once, twice = jax.jvp(loss, (x,), (along,)), jax.jvp(jax.grad(loss), (x,), (along,))[1]
            both = jnp.stack([along, x])
            many = jax.vmap(lambda along: jax.jvp(loss, (x,), (along,))[1])(both), jax.vmap(jax.grad(loss))(both)
            many = (*many, jax.grad(lambda both: jnp.sum(jax.vmap(loss)(both)))(both))
            return once, twice, many, jax.grad(lambda x: jnp.sum(jax.grad(loss)(x) * along))(x)

    assert_same(jax.jit(lambda: derivatives("plain"))(), jax.jit(lambda: derivatives("fast"))())
