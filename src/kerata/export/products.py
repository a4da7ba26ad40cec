"""Rows of products, convolutions, windows and Fourier transforms."""

import math
import string
from collections.abc import Sequence
from typing import cast

import jax
import numpy as np
from jax.extend.core import JaxprEqn

from kerata.export.shapes import cut, pad_ends
from kerata.export.translator import Translator, aval_of, row
from kerata.export.values import Size, Value, is_number, known, plain_dtype, product


@row("dot_general")
def dot_general(t: Translator, eqn: JaxprEqn, a: Value, b: Value) -> Value:
    (summed_a, summed_b), (batch_a, batch_b) = eqn.params["dimension_numbers"]
    kind = plain_dtype(aval_of(eqn.outvars[0]).dtype)
    letters = iter(string.ascii_letters)
    left, right = [next(letters) for _ in a.shape], [""] * len(b.shape)
    for mine, theirs in (*zip(summed_a, summed_b, strict=True), *zip(batch_a, batch_b, strict=True)):
        right[theirs] = left[mine]
    right = [letter or next(letters) for letter in right]
    free_a = [axis for axis in range(len(a.shape)) if axis not in (*summed_a, *batch_a)]
    free_b = [axis for axis in range(len(b.shape)) if axis not in (*summed_b, *batch_b)]
    batch = list(range(len(batch_a)))
    wide = kind if kind.name in ("float32", "float64", "int32", "int64") else np.dtype("int32")
    one, other = (t.cast(tensor, value.dtype, wide) for tensor, value in ((t.name(a), a), (t.name(b), b)))
    plain_a = list(batch_a) == batch and list(summed_a) == [len(a.shape) - 1]
    rows_fit = len(free_a) == 1 or (not batch and free_a)
    if plain_a and rows_fit and len(free_b) == 1 and len(summed_b) == 1:
        # (..., rows, summed) times (..., summed, columns).
        order = [*batch_b, *summed_b, *free_b]
        if b.array is not None and b.dtype == wide:
            other = t.transposed(b, order)
        else:
            other = t.transpose(other, order)
        made = t.node("MatMul", one, other)
    else:
        outputs = [left[axis] for axis in (*batch_a, *free_a)] + [right[axis] for axis in free_b]
        made = t.node("Einsum", one, other, equation=f"{''.join(left)},{''.join(right)}->{''.join(outputs)}")
    return t.made(eqn, t.cast(made, wide, kind))


@row("conv_general_dilated")
def convolution(t: Translator, eqn: JaxprEqn, x: Value, kernel: Value) -> Value:
    p = eqn.params
    if p["batch_group_count"] != 1:
        raise t.refusal("there is no operator of ONNX for a convolution with groups of samples")
    spec = p["dimension_numbers"]
    names = t.transposed(x, spec.lhs_spec), t.transposed(kernel, spec.rhs_spec)
    sizes = [x.shape[axis] for axis in spec.lhs_spec]
    window = [cast(int, kernel.shape[axis]) for axis in spec.rhs_spec[2:]]
    ends = [(low, high) for low, high in p["padding"]]
    spaces = [int(space) for space in p["lhs_dilation"]]
    if any(space > 1 for space in spaces):
        made = transposed_convolution(t, names, sizes, window, ends, eqn)
    else:
        source, ends = fit_ends(t, names[0], sizes, ends)
        made = t.node(
            "Conv",
            source,
            names[1],
            strides=[int(stride) for stride in p["window_strides"]],
            dilations=[int(space) for space in p["rhs_dilation"]],
            group=int(p["feature_group_count"]),
            kernel_shape=window,
            pads=[low for low, _ in ends] + [high for _, high in ends],
        )
    back = list(np.argsort(spec.out_spec))
    return t.made(eqn, t.transpose(made, back))


def fit_ends(
    t: Translator, tensor: str, sizes: Sequence[Size], ends: Sequence[tuple[Size, Size]]
) -> tuple[str, list[tuple[int, int]]]:
    """A tensor and what an operator adds at its ends: what is open, or less than none, is added or taken beforehand."""
    if all(is_number(end) and cast(int, end) >= 0 for pair in ends for end in pair):
        return tensor, [(int(cast(int, low)), int(cast(int, high))) for low, high in ends]
    filler = t.constant(np.float32(0))
    return pad_ends(t, tensor, sizes, [(0, 0), (0, 0), *ends], filler), [(0, 0)] * len(ends)


def transposed_convolution(
    t: Translator,
    names: tuple[str, str],
    sizes: Sequence[Size],
    window: Sequence[int],
    ends: Sequence[tuple[Size, Size]],
    eqn: JaxprEqn,
) -> str:
    """A convolution over numbers with space between them: ONNX's operator turns the kernel round, and groups it by inputs."""
    p = eqn.params
    groups, rank = int(p["feature_group_count"]), len(window)
    if any(stride != 1 for stride in p["window_strides"]):
        raise t.refusal("there is no operator of ONNX for a convolution with strides over numbers with space between them")
    reach = [(size - 1) * int(space) for size, space in zip(window, p["rhs_dilation"], strict=True)]
    kernel = cut(t, names[1], [-1] * rank, [np.iinfo("int64").min + 1] * rank, [-1] * rank, range(2, 2 + rank))
    outputs, inputs = (cast(int, aval_of(eqn.invars[1]).shape[axis]) for axis in p["dimension_numbers"].rhs_spec[:2])
    # (outputs, inputs of a group) to (inputs, outputs of a group).
    split = t.reshape(kernel, (groups, outputs // groups, inputs, *window))
    turned = t.transpose(split, [0, 2, 1, *range(3, 3 + rank)])
    kernel = t.reshape(turned, (groups * inputs, outputs // groups, *window))
    if not all(is_number(end) for pair in ends for end in pair):
        raise t.refusal("a transposed convolution needs sizes that are known")
    taken = [(size - cast(int, low), size - cast(int, high)) for size, (low, high) in zip(reach, ends, strict=True)]
    made = t.node(
        "ConvTranspose",
        names[0],
        kernel,
        strides=[int(space) for space in p["lhs_dilation"]],
        dilations=[int(space) for space in p["rhs_dilation"]],
        group=groups,
        kernel_shape=list(window),
        pads=[max(low, 0) for low, _ in taken] + [max(high, 0) for _, high in taken],
    )
    more = [(max(-low, 0), max(-high, 0)) for low, high in taken]
    shape = [aval_of(eqn.outvars[0]).shape[axis] for axis in p["dimension_numbers"].out_spec]
    return pad_ends(t, made, shape, [(0, 0), (0, 0), *more], t.constant(np.float32(0)))


@row("reduce_window_max", "reduce_window_sum", "reduce_window_min")
def window(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    """Windows over any axes: they come last, and ONNX pools over them."""
    p, name = eqn.params, eqn.primitive.name
    rank = len(a.shape)
    sizes, steps = [int(size) for size in p["window_dimensions"]], [int(step) for step in p["window_strides"]]
    inner = [int(space) for space in p["window_dilation"]]
    if any(int(space) != 1 for space in p["base_dilation"]):
        raise t.refusal(f"there is no operator of ONNX for `{name}` over numbers with space between them")
    moving = [axis for axis in range(rank) if sizes[axis] > 1 or steps[axis] > 1 or tuple(p["padding"][axis]) != (0, 0)]
    if not moving:
        return Value(a.shape, a.dtype, a.array, a.tensor, a.loose, a.name)
    still = [axis for axis in range(rank) if axis not in moving]
    tensor = t.cast(t.transposed(a, [*still, *moving]), a.dtype, "float32")
    outer = [a.shape[axis] for axis in still]
    rows = product(outer[:-1]) if len(outer) > 2 else (outer[0] if len(outer) > 1 else 1)
    shape = [rows, outer[-1] if outer else 1, *[a.shape[axis] for axis in moving]]
    if len(outer) != 2:
        tensor = t.reshape(tensor, tuple(shape))
    tensor, ends = fit_pool(
        t, tensor, shape, [tuple(p["padding"][axis]) for axis in moving], [sizes[axis] for axis in moving], name
    )
    made = pool(t, name, tensor, ends, [given[axis] for given in (sizes, steps, inner) for axis in moving])
    result = aval_of(eqn.outvars[0]).shape
    if len(outer) != 2:
        made = t.reshape(made, (*outer, *[result[axis] for axis in moving]))
    made = t.transpose(made, list(np.argsort([*still, *moving])))
    return t.made(eqn, t.cast(made, np.dtype("float32"), a.dtype))


def fit_pool(
    t: Translator, tensor: str, shape: Sequence[Size], ends: Sequence[tuple[Size, Size]], sizes: Sequence[int], name: str
) -> tuple[str, list[tuple[int, int]]]:
    """As `fit_ends`; a window of padding alone is nothing that ONNX knows."""
    known_ends = all(
        is_number(end) and 0 <= cast(int, end) < size for pair, size in zip(ends, sizes, strict=True) for end in pair
    )
    if known_ends:
        return tensor, [(int(cast(int, low)), int(cast(int, high))) for low, high in ends]
    filler = {"reduce_window_max": -np.inf, "reduce_window_min": np.inf, "reduce_window_sum": 0.0}[name]
    padded = pad_ends(t, tensor, shape, [(0, 0), (0, 0), *ends], t.constant(np.float32(filler)))
    return padded, [(0, 0)] * len(ends)


def pool(t: Translator, name: str, tensor: str, ends: list[tuple[int, int]], numbers: list[int]) -> str:
    """Pools over all but the first two axes."""
    rank = len(ends)
    sizes, steps, inner = numbers[:rank], numbers[rank : 2 * rank], numbers[2 * rank :]
    how = {"kernel_shape": sizes, "strides": steps, "pads": [low for low, _ in ends] + [high for _, high in ends]}
    if name == "reduce_window_sum":
        if any(space > 1 for space in inner):
            raise t.refusal("there is no operator of ONNX for sums over windows with space within them")
        mean = t.node("AveragePool", tensor, count_include_pad=1, **how)
        return t.node("Mul", mean, t.constant(np.float32(math.prod(sizes))))
    if name == "reduce_window_min":
        return t.node("Neg", t.node("MaxPool", t.node("Neg", tensor), dilations=inner, **how))
    return t.node("MaxPool", tensor, dilations=inner, **how)


class Pair(Value):
    """A complex value: its real and its imaginary part."""

    parts: tuple[Value, Value]


@row("fft")
def fft(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    """The Fourier transform of real numbers along the last axis, as products with cosines and sines."""
    lengths = eqn.params["fft_lengths"]
    if eqn.params["fft_type"] != jax.lax.FftType.RFFT or len(lengths) != 1:
        raise t.refusal("of Fourier transforms, ONNX gets those of real numbers along one axis alone")
    size, shape = int(lengths[0]), aval_of(eqn.outvars[0]).shape
    angles = 2 * np.pi * np.outer(np.arange(size), np.arange(size // 2 + 1)) / size
    waves = [known(wave.astype("float32"), "waves") for wave in (np.cos(angles), -np.sin(angles))]
    made = [t.node("MatMul", t.name(a), t.name(wave)) for wave in waves]
    pair = Pair(shape, np.dtype("float32"))
    pair.parts = (Value(shape, a.dtype, tensor=made[0]), Value(shape, a.dtype, tensor=made[1]))
    return pair


@row("real", "imag")
def part(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    if not isinstance(a, Pair):
        raise t.refusal("complex numbers come from a Fourier transform alone")
    return a.parts[eqn.primitive.name == "imag"]
