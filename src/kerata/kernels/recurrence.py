"""Recurrences over time: LSTM, GRU and the simple one, with their own gradients.

The plain form is `lax.scan` over the formulas of the cell, differentiated by JAX. The fast form differs in four points:

- The input's product is formed for all steps at once, before the loop.
- A sigmoid gate is (1 + tanh(z / 2)) / 2, its half folded into the weights, so all gates of a step are one `tanh`.
- A step saves not what it computed but the factors by which its gradient will be multiplied, over the input's
  product, which is not needed any more. The loop backward is then a product of matrices and two multiplications.
- The gradients of the weights are one product over all steps, after that loop.

Only one fusion may read what is overwritten in place, or XLA copies the whole array at each step: this is why
factors that are read apart are kept in arrays apart.
"""

# JAX leaves some arguments of `einsum`, `reshape` and others without a type.
# pyright: reportUnknownMemberType=false

from collections.abc import Callable
from typing import ClassVar, NamedTuple, Protocol, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array, lax

from kerata.kernels.compiler import prefers_fast_form
from kerata.kernels.gradients import own_gradient
from kerata.kernels.maxima import within
from kerata.kernels.typed import at_once, dynamic_index_in_dim, dynamic_update_index_in_dim, eval_shape, fori_loop, scan

# What may be left out.
Maybe: TypeAlias = Array | None
Arrays = tuple[Array, ...]
States = Arrays
# Of the input's product; of the recurrent ones: first and last gate, operand, gradient.
Gradients = tuple[Array, list[tuple[int, int, Array, Array]]]
# recur(h, first, last): the recurrent product of the gates first to last; spread: its transpose.
Product = Callable[[Array, int, int], Array]


class Residuals(NamedTuple):
    """What the loop backward needs of the one forward."""

    hidden: Array
    saved: Arrays
    x: Array
    kernel: Array
    recurrent: Array
    bias: Maybe
    mask: Maybe
    scale: Maybe


class Form(NamedTuple):
    """What is fixed of a recurrence when it is traced."""

    cell: str
    reverse: bool
    sequences: bool
    zero_masked: bool
    slope: float | None  # of the hard sigmoid max(0, min(1, slope z + 1/2)) of the gates; None is the sigmoid.
    activation: str = "tanh"


def lstm(
    x: Array,
    h0: Array,
    c0: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Maybe = None,
    *,
    mask: Maybe = None,
    recurrent_scale: Maybe = None,
    gate_slope: float | None = None,
    reverse: bool = False,
    sequences: bool = True,
    zero_masked: bool = False,
) -> tuple[Array, Array, Array]:
    """i, f, o = sigmoid(.), g = tanh(.) of x W + h U + b;  c = f c + i g;  h = o tanh(c).

    Args:
        x: (batch, time, features).
        h0, c0: (batch, units).
        kernel: (features, 4 * units), gates in the order i, f, g, o; so `recurrent_kernel` (units, 4 * units)
            and `bias` (4 * units,).
        mask: booleans (batch, time); a step where it is False keeps the state.
        recurrent_scale: multiplies h in h U: (batch, units), or (4, batch, units), one for each gate. It stands
            for a dropout mask: no gradient flows to it.
        gate_slope: the gates' hard sigmoid's slope, in place of the sigmoid.
        reverse: whether time runs from the last step to the first. Outputs come in the order of computation.
        sequences: whether to return the outputs of all steps, or the last.
        zero_masked: whether the output of a masked step is 0; otherwise it is the state that was kept.

    Returns: outputs, (batch, time, units) or (batch, units); the last h; the last c.

    >>> import jax.numpy as jnp
    >>> outputs, h, c = lstm(jnp.ones((2, 3, 5)), *[jnp.zeros((2, 4))] * 2, jnp.ones((5, 16)), jnp.ones((4, 16)))
    >>> outputs.shape, h.shape
    ((2, 3, 4), (2, 4))
    """
    form = Form("lstm", reverse, sequences, zero_masked, gate_slope)
    outputs, (h, c) = _run(form, x, (h0, c0), kernel, recurrent_kernel, bias, mask, recurrent_scale)
    return outputs, h, c


def gru(
    x: Array,
    h0: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Maybe = None,
    *,
    reset_after: bool = True,
    mask: Maybe = None,
    recurrent_scale: Maybe = None,
    gate_slope: float | None = None,
    reverse: bool = False,
    sequences: bool = True,
    zero_masked: bool = False,
) -> tuple[Array, Array]:
    """z, r = sigmoid(x W + h U + b);  g = tanh(x W + b + r (h U + b'));  h = z h + (1 - z) g.

    With `reset_after=False` the reset comes before the product: g = tanh(x W + b + (r h) U).

    Args:
        x: (batch, time, features).
        h0: (batch, units).
        kernel: (features, 3 * units), gates in the order z, r, g; so `recurrent_kernel` (units, 3 * units).
        bias: (3 * units,), or (2, 3 * units) with `reset_after`: the input's and the recurrent one.
        mask, recurrent_scale, gate_slope, reverse, sequences, zero_masked: as for `lstm`.

    Returns: outputs, (batch, time, units) or (batch, units); the last h.

    >>> import jax.numpy as jnp
    >>> outputs, h = gru(jnp.ones((2, 3, 5)), jnp.zeros((2, 4)), jnp.ones((5, 12)), jnp.ones((4, 12)), sequences=False)
    >>> outputs.shape
    (2, 4)
    """
    form = Form("gru" if reset_after else "gru_before", reverse, sequences, zero_masked, gate_slope)
    outputs, (h,) = _run(form, x, (h0,), kernel, recurrent_kernel, bias, mask, recurrent_scale)
    return outputs, h


def simple_rnn(
    x: Array,
    h0: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Maybe = None,
    *,
    activation: str = "tanh",
    mask: Maybe = None,
    recurrent_scale: Maybe = None,
    reverse: bool = False,
    sequences: bool = True,
    zero_masked: bool = False,
) -> tuple[Array, Array]:
    """h = tanh(x W + h U + b).

    Args:
        x: (batch, time, features).
        h0: (batch, units).
        kernel: (features, units); `recurrent_kernel` (units, units), `bias` (units,).
        activation: "tanh", "relu" or "linear".
        mask, recurrent_scale, reverse, sequences, zero_masked: as for `lstm`.

    Returns: outputs, (batch, time, units) or (batch, units); the last h.

    >>> import jax.numpy as jnp
    >>> outputs, h = simple_rnn(jnp.ones((2, 3, 5)), jnp.zeros((2, 4)), jnp.ones((5, 4)), jnp.ones((4, 4)))
    >>> outputs.shape
    (2, 3, 4)
    """
    form = Form("simple", reverse, sequences, zero_masked, None, activation)
    outputs, (h,) = _run(form, x, (h0,), kernel, recurrent_kernel, bias, mask, recurrent_scale)
    return outputs, h


def _run(
    form: Form, x: Array, states: States, kernel: Array, recurrent: Array, bias: Maybe, mask: Maybe, scale: Maybe
) -> tuple[Array, States]:
    dtype = jnp.result_type(x, kernel)
    x, kernel, recurrent = (a.astype(dtype) for a in (x, kernel, recurrent))
    states = tuple(s.astype(dtype) for s in states)
    bias = None if bias is None else bias.astype(dtype)
    mask = None if mask is None else mask.astype(bool)
    scale = None if scale is None else lax.stop_gradient(scale).astype(dtype)
    run: Callable[..., tuple[Maybe, States]] = _fast if prefers_fast_form() else _plain
    outputs, states = run(form, x, states, kernel, recurrent, bias, mask, scale)
    if form.sequences and outputs is not None:
        outputs = jnp.swapaxes(jnp.flip(outputs, 0) if form.reverse else outputs, 0, 1)
    else:
        outputs = states[0]
        if form.zero_masked and mask is not None:
            outputs = jnp.where(mask[:, 0 if form.reverse else -1, None], outputs, 0)
    return outputs, states


def _split(values: Array, count: int) -> list[Array]:
    return jnp.split(values, count, axis=-1)


def _part(values: Array, first: int, last: int, units: int) -> Array:
    """The columns of the gates first to last; all of them as they are, since XLA would copy a full slice's operand."""
    return values if values.shape[-1] == (last - first) * units else values[..., first * units : last * units]


# --- The plain form: the formulas, differentiated by JAX.


@at_once("form")
def _plain(
    form: Form, x: Array, states: States, kernel: Array, recurrent: Array, bias: Maybe, mask: Maybe, scale: Maybe
) -> tuple[Array, States]:
    cell = CELLS[form.cell]
    recur = _make_recur(recurrent, scale)
    input_bias, recurrent_bias = cell.biases(bias)
    pre = jnp.swapaxes(x, 0, 1) @ kernel  # (time, batch, gates * units)
    pre = pre if input_bias is None else pre + input_bias

    def step(states: States, given: tuple[Array, Maybe]) -> tuple[States, Array]:
        pre_t, mask_t = given
        new = cell.plain(form, pre_t, states, recur, recurrent_bias)
        if mask_t is None:
            return new, new[0]
        new = tuple(jnp.where(mask_t[:, None], n, s) for n, s in zip(new, states))
        return new, jnp.where(mask_t[:, None], new[0], 0) if form.zero_masked else new[0]

    states, outputs = scan(step, states, (pre, None if mask is None else mask.T), reverse=form.reverse)
    return outputs, states


def _plain_gate(form: Form, z: Array) -> Array:
    return jax.nn.sigmoid(z) if form.slope is None else within(form.slope * z + 0.5, 0, 1)


def _make_recur(recurrent: Array, scale: Maybe) -> Product:
    units = recurrent.shape[0]

    def recur(h: Array, first: int, last: int) -> Array:
        """(batch, units) to (batch, (last - first) * units)."""
        if scale is None or scale.ndim == 2:
            return (h if scale is None else h * scale) @ _part(recurrent, first, last, units)
        return jnp.concatenate([(h * scale[g]) @ _part(recurrent, g, g + 1, units) for g in range(first, last)], -1)

    return recur


def _make_spread(recurrent: Array, scale: Maybe) -> Product:
    """The transpose of `recur`: from the gradient of its result to that of h."""
    units = recurrent.shape[0]
    transposed = recurrent.T  # Once, outside of the loop.

    def spread(d: Array, first: int, last: int) -> Array:
        if scale is None or scale.ndim == 2:
            whole = last - first == transposed.shape[0] // units
            dh = d @ (transposed if whole else transposed[first * units : last * units])
            return dh if scale is None else dh * scale
        dh = jnp.zeros_like(scale[0])
        for g, part in zip(range(first, last), _split(d, last - first)):
            dh = dh + (part @ transposed[g * units : (g + 1) * units]) * scale[g]
        return dh

    return spread


# --- The cells. `forward` gives the new states and the factors that `backward` needs; both work on gates whose
# columns `columns` has multiplied, so that a gate's value is (1 + a) / 2 with a = tanh(z) or, if hard, z clipped.


class Cell(Protocol):
    """One kind of recurrence."""

    gates: ClassVar[tuple[bool, ...]]

    def biases(self, bias: Maybe) -> tuple[Maybe, Maybe]: ...
    def plain(self, form: Form, pre: Array, states: States, recur: Product, recurrent_bias: Maybe) -> States: ...
    def forward(
        self, form: Form, pre: Array, states: States, recur: Product, recurrent_bias: Maybe
    ) -> tuple[States, Arrays]: ...
    def backward(self, saved: Arrays, grads: States, spread: Product) -> tuple[Arrays, States]: ...
    def gradients(self, written: Arrays, saved: Arrays, hidden: Array) -> Gradients: ...


def _squash(form: Form, z: Array) -> Array:
    return jnp.tanh(z) if form.slope is None else within(z, -1, 1)


def _squash_slope(form: Form, a: Array) -> Array:
    """Of the gate (1 + a) / 2, from a."""
    return 0.5 - 0.5 * a * a if form.slope is None else jnp.where(jnp.abs(a) < 1, 0.5, 0.0).astype(a.dtype)


def _columns(form: Form, gates: list[bool], units: int, dtype: jnp.dtype) -> Array:
    """The factor of each column: what turns the sigmoid of z into a function that is odd."""
    factor = 0.5 if form.slope is None else 2.0 * form.slope
    return jnp.repeat(jnp.array([factor if gate else 1.0 for gate in gates], dtype), units)


class Lstm:
    gates: ClassVar[tuple[bool, ...]] = (True, True, False, True)

    @staticmethod
    def biases(bias: Maybe) -> tuple[Maybe, Maybe]:
        return bias, None

    @staticmethod
    def plain(form: Form, pre: Array, states: States, recur: Product, recurrent_bias: Maybe) -> States:
        h, c = states
        i, f, g, o = _split(pre + recur(h, 0, 4), 4)
        c = _plain_gate(form, f) * c + _plain_gate(form, i) * jnp.tanh(g)
        return _plain_gate(form, o) * jnp.tanh(c), c

    @staticmethod
    def forward(form: Form, pre: Array, states: States, recur: Product, recurrent_bias: Maybe) -> tuple[States, Arrays]:
        h, c = states
        units, z = h.shape[-1], pre + recur(h, 0, 4)
        half = jnp.repeat(jnp.array([0.5, 0.5, 1.0, 0.5], z.dtype), units)
        if form.slope is None:
            a = jnp.tanh(z)
            slopes = half - half * a * a
        else:
            candidate = jnp.repeat(jnp.array([False, False, True, False]), units)
            a = jnp.where(candidate, jnp.tanh(z), within(z, -1, 1))
            slopes = jnp.where(candidate, 1 - a * a, jnp.where(jnp.abs(a) < 1, 0.5, 0.0)).astype(z.dtype)
        i, f, g, o = _split(a, 4)
        i, f, o = 0.5 + 0.5 * i, 0.5 + 0.5 * f, 0.5 + 0.5 * o
        new_c = f * c + i * g
        squashed = jnp.tanh(new_c)
        factors = jnp.concatenate([g, c, i, squashed], -1) * slopes
        return (o * squashed, new_c), (factors, o * (1 - squashed * squashed), f)

    @staticmethod
    def backward(saved: Arrays, grads: States, spread: Product) -> tuple[Arrays, States]:
        factors, of_c, f = saved
        dh, dc = grads
        dc = dc + dh * of_c
        d = jnp.concatenate([dc, dc, dc, dh], -1) * factors
        return (d,), (spread(d, 0, 4), dc * f)

    @staticmethod
    def gradients(written: Arrays, saved: Arrays, hidden: Array) -> Gradients:
        """Of the input's product; pairs of (operand, gradient) of the recurrent products, each with its gates."""
        return written[0], [(0, 4, hidden, written[0])]


class Gru:
    gates: ClassVar[tuple[bool, ...]] = (True, True, False)

    @staticmethod
    def biases(bias: Maybe) -> tuple[Maybe, Maybe]:
        return (None, None) if bias is None else (bias[0], bias[1])

    @staticmethod
    def plain(form: Form, pre: Array, states: States, recur: Product, recurrent_bias: Maybe) -> States:
        (h,) = states
        inner = recur(h, 0, 3)
        inner = inner if recurrent_bias is None else inner + recurrent_bias
        (xz, xr, xg), (hz, hr, hg) = _split(pre, 3), _split(inner, 3)
        z = _plain_gate(form, xz + hz)
        return (z * h + (1 - z) * jnp.tanh(xg + _plain_gate(form, xr + hr) * hg),)

    @staticmethod
    def forward(form: Form, pre: Array, states: States, recur: Product, recurrent_bias: Maybe) -> tuple[States, Arrays]:
        (h,) = states
        units, inner = h.shape[-1], recur(h, 0, 3)
        inner = inner if recurrent_bias is None else inner + recurrent_bias
        a = _squash(form, pre[:, : 2 * units] + inner[:, : 2 * units])
        z, r = _split(0.5 + 0.5 * a, 2)
        inner = inner[:, 2 * units :]
        g = jnp.tanh(pre[:, 2 * units :] + r * inner)
        of_g = (1 - z) * (1 - g * g)
        gates = jnp.concatenate([h - g, of_g * inner], -1) * _squash_slope(form, a)
        return (z * h + (1 - z) * g,), (jnp.concatenate([gates, of_g * r], -1), of_g, z)

    @staticmethod
    def backward(saved: Arrays, grads: States, spread: Product) -> tuple[Arrays, States]:
        factors, of_g, z = saved
        (dh,) = grads
        d = jnp.concatenate([dh, dh, dh], -1) * factors
        return (d, dh * of_g), (spread(d, 0, 3) + dh * z,)

    @staticmethod
    def gradients(written: Arrays, saved: Arrays, hidden: Array) -> Gradients:
        d, dg = written
        return jnp.concatenate([d[..., : 2 * hidden.shape[-1]], dg], -1), [(0, 3, hidden, d)]


class GruBefore:
    gates: ClassVar[tuple[bool, ...]] = (True, True, False)

    @staticmethod
    def biases(bias: Maybe) -> tuple[Maybe, Maybe]:
        return bias, None

    @staticmethod
    def plain(form: Form, pre: Array, states: States, recur: Product, recurrent_bias: Maybe) -> States:
        (h,) = states
        (xz, xr, xg), (hz, hr) = _split(pre, 3), _split(recur(h, 0, 2), 2)
        z, r = _plain_gate(form, xz + hz), _plain_gate(form, xr + hr)
        return (z * h + (1 - z) * jnp.tanh(xg + recur(r * h, 2, 3)),)

    @staticmethod
    def forward(form: Form, pre: Array, states: States, recur: Product, recurrent_bias: Maybe) -> tuple[States, Arrays]:
        (h,) = states
        units = h.shape[-1]
        a = _squash(form, pre[:, : 2 * units] + recur(h, 0, 2))
        z, r = _split(0.5 + 0.5 * a, 2)
        g = jnp.tanh(pre[:, 2 * units :] + recur(r * h, 2, 3))
        gates = jnp.concatenate([h - g, h], -1) * _squash_slope(form, a)
        return (z * h + (1 - z) * g,), (gates, (1 - z) * (1 - g * g), z, r, r * h)

    @staticmethod
    def backward(saved: Arrays, grads: States, spread: Product) -> tuple[Arrays, States]:
        factors, of_g, z, r, _ = saved
        (dh,) = grads
        dg = dh * of_g
        dreset = spread(dg, 2, 3)
        d = jnp.concatenate([dh, dreset], -1) * factors
        return (d, dg), (spread(d, 0, 2) + dh * z + dreset * r,)

    @staticmethod
    def gradients(written: Arrays, saved: Arrays, hidden: Array) -> Gradients:
        d, dg = written
        return jnp.concatenate([d, dg], -1), [(0, 2, hidden, d), (2, 3, saved[4], dg)]


class Simple:
    gates: ClassVar[tuple[bool, ...]] = (False,)

    @staticmethod
    def biases(bias: Maybe) -> tuple[Maybe, Maybe]:
        return bias, None

    @staticmethod
    def plain(form: Form, pre: Array, states: States, recur: Product, recurrent_bias: Maybe) -> States:
        z = pre + recur(states[0], 0, 1)
        return (z if form.activation == "linear" else {"tanh": jnp.tanh, "relu": jax.nn.relu}[form.activation](z),)

    @staticmethod
    def forward(form: Form, pre: Array, states: States, recur: Product, recurrent_bias: Maybe) -> tuple[States, Arrays]:
        (h,) = Simple.plain(form, pre, states, recur, recurrent_bias)
        slope = {"tanh": 1 - h * h, "relu": (h > 0).astype(h.dtype), "linear": jnp.ones_like(h)}[form.activation]
        return (h,), (slope,)

    @staticmethod
    def backward(saved: Arrays, grads: States, spread: Product) -> tuple[Arrays, States]:
        d = grads[0] * saved[0]
        return (d,), (spread(d, 0, 1),)

    @staticmethod
    def gradients(written: Arrays, saved: Arrays, hidden: Array) -> Gradients:
        return written[0], [(0, 1, hidden, written[0])]


CELLS: dict[str, Cell] = {"lstm": Lstm(), "gru": Gru(), "gru_before": GruBefore(), "simple": Simple()}


# --- The fast form.

# States, outputs, each step's h before it, and its factors.
Carry = tuple[States, Maybe, Maybe, Arrays]


def _at(stack: Array, t: Array) -> Array:
    return dynamic_index_in_dim(stack, t, 0, keepdims=False)


def _put(stack: Array, value: Array, t: Array) -> Array:
    return dynamic_update_index_in_dim(stack, value, t, 0)


def _flat(stack: Array) -> Array:
    """(time, batch, n) to (time * batch, n)."""
    return stack.reshape(-1, stack.shape[-1])


def _scaled(form: Form, kernel: Array, recurrent: Array, bias: Maybe) -> tuple[Array, Array, Maybe, Array]:
    """The weights with their gates' columns multiplied, and the factors."""
    columns = _columns(form, list(CELLS[form.cell].gates), recurrent.shape[0], kernel.dtype)
    return kernel * columns, recurrent * columns, None if bias is None else bias * columns, columns


@own_gradient(1)
def _fast(
    form: Form, x: Array, states: States, kernel: Array, recurrent: Array, bias: Maybe, mask: Maybe, scale: Maybe
) -> tuple[Maybe, States]:
    return _loop_forward(form, False, x, states, kernel, recurrent, bias, mask, scale)[:2]


def _fast_forward(
    form: Form, x: Array, states: States, kernel: Array, recurrent: Array, bias: Maybe, mask: Maybe, scale: Maybe
) -> tuple[tuple[Maybe, States], Residuals]:
    outputs, new_states, hidden, saved = _loop_forward(form, True, x, states, kernel, recurrent, bias, mask, scale)
    assert hidden is not None  # kept
    return (outputs, new_states), Residuals(hidden, saved, x, kernel, recurrent, bias, mask, scale)


@at_once("form", "keep")
def _loop_forward(
    form: Form, keep: bool, x: Array, states: States, kernel: Array, recurrent: Array, bias: Maybe, mask: Maybe, scale: Maybe
) -> tuple[Maybe, States, Maybe, Arrays]:
    """Outputs (time, batch, units) or None, last states, and if `keep`, each step's h before it and factors."""
    cell = CELLS[form.cell]
    (batch, time, _), units = x.shape, recurrent.shape[0]
    kernel, recurrent, bias, _ = _scaled(form, kernel, recurrent, bias)
    recur = _make_recur(recurrent, scale)
    input_bias, recurrent_bias = cell.biases(bias)
    pre = _flat(jnp.swapaxes(x, 0, 1)) @ kernel
    pre = pre.reshape(time, batch, -1)
    mask_by_time = None if mask is None else mask.T[..., None]  # (time, batch, 1)

    def factors_of(pre: Array, states: States) -> Arrays:
        return cell.forward(form, pre, states, recur, recurrent_bias)[1]

    factors = eval_shape(factors_of, pre[0], states)
    # XLA computes a tanh once, but what is cheaper again in each fusion that uses it, and so reads `pre` many times.
    in_place = keep and factors[0].shape == pre.shape[1:] and form.slope is None and form.activation == "tanh"
    stacks: Arrays = tuple(jnp.empty((time, *f.shape), f.dtype) for f in factors[in_place:]) if keep else ()
    stacks = (pre, *stacks) if in_place else stacks
    outputs = jnp.empty((time, batch, units), pre.dtype) if form.sequences else None
    hidden = jnp.empty((time, batch, units), pre.dtype) if keep else None

    def step(n: Array, carry: Carry) -> Carry:
        states, outputs, hidden, stacks = carry
        t = time - 1 - n if form.reverse else n
        pre_t = _at(stacks[0] if in_place else pre, t)
        pre_t = pre_t if input_bias is None else pre_t + input_bias  # Here, where it costs no pass over all steps.
        new, saved = cell.forward(form, pre_t, states, recur, recurrent_bias)
        if hidden is not None:
            hidden = _put(hidden, states[0], t)
            stacks = tuple(_put(stack, s, t) for stack, s in zip(stacks, saved))
        seen = None if mask_by_time is None else _at(mask_by_time, t)
        if seen is not None:
            new = tuple(jnp.where(seen, n, s) for n, s in zip(new, states))
        if outputs is not None:
            shown = jnp.where(seen, new[0], 0) if form.zero_masked and seen is not None else new[0]
            outputs = _put(outputs, shown, t)
        return new, outputs, hidden, stacks

    start: Carry = (states, outputs, hidden, stacks)
    states, outputs, hidden, stacks = fori_loop(0, time, step, start)
    return outputs, states, hidden, stacks


@at_once("form")
def _fast_backward(form: Form, residuals: Residuals, grads: tuple[Maybe, States]) -> tuple[Array | States | None, ...]:
    hidden, saved, x, kernel, recurrent, bias, mask, scale = residuals
    doutputs, dstates = grads
    cell, time = CELLS[form.cell], hidden.shape[0]
    kernel, recurrent, _, columns = _scaled(form, kernel, recurrent, bias)
    spread = _make_spread(recurrent, scale)
    mask_by_time = None if mask is None else mask.T[..., None]

    def step(n: Array, carry: tuple[Arrays, States]) -> tuple[Arrays, States]:
        stacks, dstates = carry
        t = n if form.reverse else time - 1 - n
        seen = None if mask_by_time is None else _at(mask_by_time, t)
        kept: list[Array] = [jnp.zeros((), hidden.dtype)] * len(dstates)
        if doutputs is not None:
            dy = _at(doutputs, t)
            dy = jnp.where(seen, dy, 0) if form.zero_masked and seen is not None else dy
            dstates = (dstates[0] + dy, *dstates[1:])
        if seen is not None:
            kept = [jnp.where(seen, 0, d) for d in dstates]
            dstates = tuple(jnp.where(seen, d, 0) for d in dstates)
        given = tuple(_at(s, t) for s in (*stacks, *saved[len(stacks) :]))
        written, dstates = cell.backward(given, dstates, spread)
        stacks = tuple(_put(stack, w, t) for stack, w in zip(stacks, written))
        return stacks, dstates if seen is None else tuple(d + k for d, k in zip(dstates, kept))

    def write(saved: Arrays, dstates: States) -> Arrays:
        return cell.backward(tuple(f[0] for f in saved), dstates, spread)[0]

    places = len(eval_shape(write, saved, dstates))
    written, dstates = fori_loop(0, time, step, (saved[:places], dstates))

    dpre, products = cell.gradients(written, saved, hidden)
    dpre, inputs = _flat(dpre), _flat(jnp.swapaxes(x, 0, 1))
    drecurrent = jnp.concatenate([_outer(h, d, a, b, scale) for a, b, h, d in products], -1) * columns
    dkernel = (inputs.T @ dpre) * columns
    dx = jnp.swapaxes((dpre @ kernel.T).reshape(time, x.shape[0], -1), 0, 1)
    dbias = None
    if bias is not None:
        dbias = dpre.sum(0) if bias.ndim == 1 else jnp.stack([dpre.sum(0), _flat(written[0]).sum(0)])
        dbias = dbias * columns
    return dx, dstates, dkernel, drecurrent, dbias, None, None if scale is None else jnp.zeros_like(scale)


def _outer(h: Array, d: Array, first: int, last: int, scale: Maybe) -> Array:
    """The gradient of U in (h * scale) U, summed over all steps: one product of matrices."""
    if scale is None or scale.ndim == 2:
        return _flat(h if scale is None else h * scale).T @ _flat(d)
    parts = _split(d, last - first)
    return jnp.concatenate([_flat(h * scale[g]).T @ _flat(p) for g, p in zip(range(first, last), parts)], -1)


_fast.defvjp(_fast_forward, _fast_backward)
