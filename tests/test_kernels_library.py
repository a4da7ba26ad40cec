"""What programs of long runs have from oneDNN equals what all others compute."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from kerata.engine.disk import not_written
from kerata.kernels import library
from kerata.kernels.compiler import compiler_options
from kerata.kernels.convolution import convolution
from kerata.kernels.products import product
from quickly import slow
from test_kernels_pictures import CONVOLUTIONS, assert_same, make_convolution, numbers, weighted

pytestmark = pytest.mark.skipif(not library.is_there("cpu"), reason="this jaxlib is not known to hold oneDNN")

# They have groups, volumes, padding below zero, or no pixel under the window.
WITHOUT = {case for case, (*_, groups) in CONVOLUTIONS.items() if groups > 1} | {
    "volume", "volume, dilated", "padding cut off", "padding cut off both ends",
    "window beyond the picture", "window far beyond the picture",
}  # fmt: skip


def both(function, *arrays):
    """What it computes and its gradients, in a loop, without the library and with it; and how often that is called."""

    def loop(*operands):
        derive = jax.value_and_grad(lambda *each: weighted(function(*each)), tuple(range(len(operands))))
        first = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), jax.eval_shape(derive, *operands))
        return lax.fori_loop(0, 2, lambda _, last: derive(*operands), first)

    found, calls = [], []
    for allowed in (False, True):
        traced = jax.jit(lambda *operands: loop(*operands)).trace(*arrays)
        with library.allowed(allowed):
            lowered = traced.lower()
        calls.append(lowered.as_text().count("@__onednn$"))
        with not_written():
            found.append(lowered.compile(compiler_options=compiler_options("cpu"))(*arrays))
    assert calls[0] == 0
    return *found, calls[1]


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolutions(case):
    x, kernel, operation = make_convolution(case)
    plain, fast, calls = both(operation, x, kernel)
    assert_same(plain, fast)
    assert (calls > 0) == (case not in WITHOUT)


@pytest.mark.parametrize(
    ("picture", "window", "strides", "pads", "filters"),
    [((7, 6), (2, 4), (1, 3), "VALID", 16), ((10, 1), (3, 5), (1, 3), "SAME", 16), ((8, 7), (2, 7), (1, 2), "VALID", 16)],
)
def test_one_channel_and_one_column_are_not_computed_by_it(picture, window, strides, pads, filters):
    """It reads other memory there: numbers of 1e30 and NaN."""
    x, kernel = numbers(0, 3, *picture, 1), numbers(1, *window, 1, filters)
    with library.allowed():
        lowered = jax.jit(lambda x, kernel: convolution(x, kernel, strides, pads)).lower(x, kernel)
    assert "@__onednn$" not in lowered.as_text()


def drawn(seed):
    """A geometry, its operands, and whether the kernel's last two axes are swapped."""
    rng = np.random.default_rng(seed)
    size = 12 if rng.random() < 0.7 else 40
    while True:
        picture, window = rng.integers(1, size, 2), rng.integers(1, 8, 2)
        strides, dilation = rng.choice([1, 1, 2, 3], 2), rng.choice([1, 1, 2], 2)
        reach = (window - 1) * dilation + 1
        pads = rng.integers(0, reach, (2, 2)) * (rng.random() < 0.6)
        if ((picture + pads.sum(1) - reach) >= 0).all():
            break
    batch, channels = rng.choice([1, 2, 3, 8, 17]), rng.choice([2, 3, 4, 8, 16, 17, 33, 64])
    x = numbers(seed, batch, *picture, channels)
    kernel = numbers(seed + 1, *window, channels, rng.choice([1, 2, 7, 16, 31, 48, 64]))
    return x, kernel, strides.tolist(), pads.astype(int).tolist(), dilation.tolist(), bool(rng.random() < 0.4)


def fails(seed):
    x, kernel, strides, pads, dilation, swapped = drawn(seed)
    given = jnp.swapaxes(kernel, 2, 3) if swapped else kernel
    lowered = jax.jit(lambda x, kernel: library.convolution(x, kernel, strides, pads, dilation, swapped)).lower(x, given)
    with not_written():
        program = lowered.compile()
    order = ("NHWC", "HWIO", "NHWC")
    expected = lax.conv_general_dilated(x, kernel, strides, pads, rhs_dilation=dilation, dimension_numbers=order)
    return not all(np.allclose(program(x, given), expected, rtol=1e-4, atol=1e-3) for _ in range(2))


@pytest.mark.parametrize("first", [0, *(slow(first) for first in range(100, 1500, 100))])
def test_random_convolutions(first):
    assert [seed for seed in range(first, first + 100) if fails(seed)] == []


def is_wrong_product(seed):
    rng = np.random.default_rng(seed)
    rows, inner, columns = rng.integers(1, 400 if rng.random() < 0.2 else 40, 3)
    if rng.random() < 0.3:
        rows, columns = rng.choice([1, 2, 200, 800, rows]), rng.choice([1, 16, columns])
    transposed = [bool(rng.random() < 0.5) for _ in range(2)]
    a, b = rng.normal(size=(rows, inner)).astype(np.float32), rng.normal(size=(inner, columns)).astype(np.float32)
    given = [np.ascontiguousarray(each.T) if turned else each for each, turned in zip((a, b), transposed)]
    lowered = jax.jit(lambda a, b: library.product(a, b, *transposed)).lower(*given)
    with not_written():
        program = lowered.compile()
    return not all(np.allclose(program(*given), a @ b, rtol=1e-4, atol=1e-3) for _ in range(2))


@pytest.mark.parametrize("first", [0, *(slow(first) for first in range(100, 1000, 100))])
def test_random_products(first):
    assert [seed for seed in range(first, first + 100) if is_wrong_product(seed)] == []


def test_products_of_few_rows_with_large_kernels():
    x, w = numbers(0, 8, 2048), numbers(1, 2048, 1024)
    plain, fast, calls = both(lambda x, w: product(jnp.tanh(product(x, w)), w.T), x, w)
    assert_same(plain, fast)
    assert calls == 4
    again = jax.grad(lambda x: jnp.sum(jax.grad(lambda x: jnp.sum(jnp.sin(product(x, w))))(x) ** 2))
    twice = jax.grad(lambda x: jnp.sum(jax.grad(lambda x: jnp.sum(jnp.sin(x @ w)))(x) ** 2))
    assert_same(again(x), twice(x))
    assert_same(
        jax.jvp(jax.grad(lambda x: jnp.sum(jnp.sin(product(x, w)))), (x,), (x,)),
        jax.jvp(jax.grad(lambda x: jnp.sum(jnp.sin(x @ w))), (x,), (x,)),
    )


def test_how_much_of_a_convolution_it_computes():
    def calls(window, strides=(1, 1)):
        x, kernel = numbers(0, 2, 8, 8, 24), numbers(1, *window, 24, 32)
        return both(lambda x, kernel: convolution(x, kernel, strides, "SAME"), x, kernel)[2]

    # Output and input gradient; of one pixel the kernel's too; with strides, zeros would have to be multiplied.
    assert [calls((3, 3)), calls((1, 1)), calls((1, 1), (2, 2)), calls((3, 3), (2, 2))] == [2, 3, 3, 1]


@pytest.mark.parametrize("axes", [(0, None), (0, 0)])
def test_many_convolutions_at_once(axes):
    x, kernel = numbers(0, 3, 2, 6, 6, 12), numbers(1, *([3] * (axes[1] is not None)), 3, 3, 12, 5)
    plain, fast, calls = both(jax.vmap(lambda x, kernel: convolution(x, kernel, (1, 1), "SAME"), axes), x, kernel)
    assert_same(plain, fast)
    assert calls > 0


def test_gradients_of_products():
    plain, fast, calls = both(product, numbers(0, 2048, 64), numbers(1, 64, 96))
    assert_same(plain, fast)
    # The gradients of both operands.
    assert calls == 2
    assert both(product, numbers(0, 32, 64), numbers(1, 64, 96))[2] == 0


def test_half_precision_and_nothing_at_all():
    x, kernel = numbers(0, 2, 6, 6, 12), numbers(1, 3, 3, 12, 5)
    assert both(lambda *each: convolution(*each), x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16))[2] == 0
    assert both(lambda *each: convolution(*each), x[:0], kernel)[2] == 0


def test_where_it_is(monkeypatch):
    assert not library.is_there("gpu")
    for version, there in (((0, 8, 0), False), ((0, 8, 1), True), ((0, 10, 9), True), ((0, 11, 0), False)):
        monkeypatch.setattr(library, "jaxlib_version", version)
        assert library.is_there("cpu") is there
    monkeypatch.setattr(library, "jaxlib_version", (0, 10, 2))
    monkeypatch.setattr(library.platform, "machine", lambda: "aarch64")
    assert not library.is_there("cpu")


def test_convolutions_by_hand():
    x = jnp.arange(9.0, dtype=jnp.float32).reshape(1, 3, 3, 1)
    kernel = jnp.array([[1.0, 0.0], [0.0, 10.0]]).reshape(2, 2, 1, 1)
    with library.allowed():
        program = jax.jit(lambda x, kernel: library.convolution(x, kernel, (1, 1), [(0, 0), (0, 1)], (1, 1))).lower(x, kernel)
    with not_written():
        program = program.compile()
    np.testing.assert_array_equal(program(x, kernel)[0, :, :, 0], [[40, 51, 2], [73, 84, 5]])
