"""The product of inputs and a kernel: values and derivatives of both modes equal the plain form's."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kerata
from kerata.engine import program
from kerata.kernels.compiler import after, kernel_form
from kerata.kernels.products import FEW_ROWS, SMALL, _noted, noting_shared_inputs, product

ROWS, INPUTS, UNITS = 64, 128, 10


@pytest.fixture(scope="module")
def operands():
    rng = np.random.default_rng(0)
    x, w, many = (rng.standard_normal(s) for s in ((ROWS, INPUTS), (INPUTS, UNITS), (3, INPUTS, UNITS)))
    return jnp.float32(x), jnp.float32(w), jnp.float32(many) / 10


def total(x, w):
    return jnp.sum(jnp.tanh(product(x, w) / 10) ** 2)


CASES = {
    "value": lambda x, w, many: product(x, w),
    "gradients": lambda x, w, many: jax.grad(total, (0, 1))(x, w),
    "compiled": lambda x, w, many: jax.jit(jax.grad(total, 1))(x, w),
    "forward": lambda x, w, many: jax.jvp(total, (x, w), (x, 2 * w)),
    "forward over reverse": lambda x, w, many: jax.jvp(jax.grad(total, 1), (x, w), (x, w)),
    "reverse over reverse": lambda x, w, many: jax.grad(lambda v: jnp.sum(jax.grad(total, 1)(x, v) ** 2))(w),
    "checkpoint": lambda x, w, many: jax.grad(jax.checkpoint(total), 1)(x, w),
    "population": lambda x, w, many: jax.vmap(jax.grad(total, 1), (None, 0))(x, many),
    "population last": lambda x, w, many: jax.vmap(jax.grad(total, 1), (None, 2))(x, jnp.moveaxis(many, 0, 2)),
}


@pytest.mark.parametrize("case", CASES)
def test_equals_the_plain_form(case, operands):
    with kernel_form("fast"):
        fast = CASES[case](*operands)
    with kernel_form("plain"):
        plain = CASES[case](*operands)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), fast, plain)


@pytest.mark.parametrize("rows", [5, FEW_ROWS + 1])
@pytest.mark.parametrize("axes", [(0, 0), (None, 1), (0, None), (1, 2)], ids=str)
def test_many_gradients_equal_the_plain_form(rows, axes):
    rng = np.random.default_rng(3)
    shapes = [(rows, 7), (7, 6)]
    shapes = [shape if axis is None else (*shape[:axis], 3, *shape[axis:]) for shape, axis in zip(shapes, axes, strict=True)]
    x, w = (jnp.float32(rng.standard_normal(shape)) for shape in shapes)

    def gradients(form):
        with kernel_form(form):
            return jax.jit(jax.vmap(jax.grad(total, (0, 1)), axes))(x, w)

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), gradients("fast"), gradients("plain"))


def test_kernels_of_shared_inputs_are_noted_inside_only():
    x, w = jnp.ones((4, 3)), jnp.ones((2, 3, 5))
    with kernel_form("fast"), noting_shared_inputs() as outer:
        with noting_shared_inputs() as inner:
            jax.vmap(product, (None, 0))(x, w)
        jax.vmap(product, (0, None))(jnp.ones((2, 4, 3)), w[0])
        assert len(inner) == 1 and inner[0] is w and not outer
        jax.vmap(product, (None, 0))(x, w)
    assert len(outer) == 1 and not _noted.lists


def test_mixed_types():
    x, w = np.ones((2, 3), np.int32), jnp.ones((3, 4), jnp.float32)
    assert product(x, w).dtype == jnp.float32
    assert product(x.astype("float16"), w.astype("float16")).dtype == jnp.float16


def count_packed(rows, units, inputs=INPUTS):
    """How many products that sum over the first axis of both operands a gradient holds."""
    with kernel_form("fast"):
        x, w = jnp.ones((rows, inputs)), jnp.ones((inputs, units))
        text = jax.jit(jax.grad(total, 1)).lower(x, w).as_text()
    return text.count("contracting_dims = [0] x [0]")


def test_which_form_the_gradient_takes():
    assert ROWS * INPUTS * UNITS >= SMALL
    assert count_packed(ROWS, UNITS) == 0
    assert count_packed(ROWS, ROWS + 1) == 1  # the gradient is larger than the inputs
    assert count_packed(ROWS // 16, ROWS // 16) == 1  # too small to matter
    assert count_packed(128, 200, 256) == 0  # the inputs are transposed
    assert count_packed(128, 200, 260) == 1


def test_transposed_inputs():
    x, w = (jnp.float32(np.random.default_rng(1).standard_normal(shape)) for shape in ((128, 256), (256, 200)))
    with kernel_form("fast"):
        fast = jax.grad(total, 1)(x, w)
    with kernel_form("plain"):
        np.testing.assert_allclose(fast, jax.grad(total, 1)(x, w), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("other", [0.0, -1.5, np.nan, np.inf])
def test_after_changes_nothing(other):
    value = jnp.float32([0.0, -0.0, 1e-45, np.inf, 3.3])
    result = jax.jit(after)(value, jnp.full((2, 2), other))
    assert np.array_equal(np.asarray(result).view(np.int32), np.asarray(value).view(np.int32))


def test_a_step_copies_no_kernel():
    """What the gradient of earlier layers reads is updated after it, or each step copies it."""
    units, layers = 260, kerata.layers
    model = kerata.Sequential([layers.Input((20,)), layers.Dense(units), layers.Dense(units), layers.Dense(1)])
    model.compile("rmsprop", "mse")
    model.fit(np.ones((32, 20), np.float32), np.ones((32, 1), np.float32), batch_size=8, verbose=0)
    texts = [text for text in (p.as_text() for p in program._by_text.values()) if f"f32[{units},{units}]" in text]
    assert texts
    for text in texts:
        bodies = [text.split(f"\n%{name} (")[1].split("\n}")[0] for name in re.findall(r"body=%([\w.\-]+)", text)]
        assert bodies and not any(re.search(rf"f32\[{units},{units}\]\S* copy\(", body) for body in bodies)
