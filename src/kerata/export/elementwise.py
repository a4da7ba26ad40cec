"""Rows of what is computed number by number, and of types."""

from collections.abc import Callable
from typing import cast

import numpy as np
from jax.extend.core import JaxprEqn

from kerata.engine.types import HostArray
from kerata.export.translator import Translator, aval_of, row
from kerata.export.values import Value, broadcast, plain_dtype, same

# Types for which every runtime has every operator; others are computed in one of these.
COMPUTED = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "int32", "uint16": "int32"}
COMPUTED |= {"uint32": "int64", "uint64": "int64"}


def elementwise(t: Translator, eqn: JaxprEqn, compute: Callable[..., str], *values: Value, wide: bool = True) -> Value:
    """A value of numbers each of which is computed of those at the same place; what can be broadcast later is.

    Args:
        compute: names of tensors to the name of the result.
        wide: whether small whole numbers are computed in wider ones.
    """
    aval = aval_of(eqn.outvars[0])
    kind, names = plain_dtype(aval.dtype), []
    for value in values:
        wider = COMPUTED.get(value.dtype.name, value.dtype.name) if wide else value.dtype.name
        names.append(t.cast(t.name(value, whole=False), value.dtype, wider))
    made = compute(*names)
    if wide and kind.name in COMPUTED and kind != np.bool_:
        made = t.cast(made, np.dtype(COMPUTED[kind.name]), kind)
    there = broadcast([value.there for value in values])
    whole = len(there) == len(aval.shape) and all(same(a, b) for a, b in zip(there, aval.shape, strict=True))
    return t.made(eqn, made, loose=None if whole else there)


def number(value: Value, like: float) -> HostArray:
    return np.asarray(like, value.dtype)


PLAIN = {
    "add": "Add",
    "add_any": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "pow": "Pow",
    "exp": "Exp",
    "log": "Log",
    "tanh": "Tanh",
    "logistic": "Sigmoid",
    "sin": "Sin",
    "cos": "Cos",
    "tan": "Tan",
    "asin": "Asin",
    "acos": "Acos",
    "atan": "Atan",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "asinh": "Asinh",
    "acosh": "Acosh",
    "atanh": "Atanh",
    "sqrt": "Sqrt",
    "abs": "Abs",
    "neg": "Neg",
    "sign": "Sign",
    "floor": "Floor",
    "ceil": "Ceil",
    "erf": "Erf",
    "eq": "Equal",
    "lt": "Less",
    "le": "LessOrEqual",
    "gt": "Greater",
    "ge": "GreaterOrEqual",
    "lt_to": "Less",
    "le_to": "LessOrEqual",
    "min": "Min",
}


def plain(kind: str) -> Callable[..., Value]:
    def translate(t: Translator, eqn: JaxprEqn, *values: Value) -> Value:
        made = elementwise(t, eqn, lambda *names: t.node(kind, *names), *values)
        return made if made.dtype != np.bool_ or kind in COMPARING else as_bool(t, eqn, made)

    return translate


COMPARING = ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")


def as_bool(t: Translator, eqn: JaxprEqn, value: Value) -> Value:
    """Truths that were computed as whole numbers."""
    return t.made(eqn, t.node("Cast", cast(str, value.tensor), to=np.dtype(bool)), loose=value.loose)


for name, kind in PLAIN.items():
    row(name)(plain(kind))


@row("max")
def maximum(t: Translator, eqn: JaxprEqn, a: Value, b: Value) -> Value:
    for one, other in ((a, b), (b, a)):
        if other.array is not None and other.array.size == 1 and other.dtype.kind == "f" and not other.array.any():
            return elementwise(t, eqn, lambda name, _: t.node("Relu", name), one, other)
    return plain("Max")(t, eqn, a, b)


@row("ne")
def not_equal(t: Translator, eqn: JaxprEqn, a: Value, b: Value) -> Value:
    return elementwise(t, eqn, lambda x, y: t.node("Not", t.node("Equal", x, y)), a, b)


@row("rem")
def remainder(t: Translator, eqn: JaxprEqn, a: Value, b: Value) -> Value:
    return elementwise(t, eqn, lambda x, y: t.node("Mod", x, y, fmod=1), a, b)


@row("round")
def rounded(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    if int(eqn.params["rounding_method"]) == 1:
        return elementwise(t, eqn, lambda x: t.node("Round", x), a)
    # Halves go away from 0.
    half = t.constant(number(a, 0.5))

    def compute(x: str) -> str:
        return t.node("Mul", t.node("Sign", x), t.node("Floor", t.node("Add", t.node("Abs", x), half)))

    return elementwise(t, eqn, compute, a)


@row("integer_pow")
def integer_pow(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    exponent = int(eqn.params["y"])
    if exponent == 2:
        return elementwise(t, eqn, lambda x: t.node("Mul", x, x), a)
    if exponent == -1:
        return elementwise(t, eqn, lambda x: t.node("Reciprocal", x), a)
    power = t.constant(np.asarray(exponent, COMPUTED.get(a.dtype.name, a.dtype.name)))
    return elementwise(t, eqn, lambda x: t.node("Pow", x, power), a)


@row("square")
def square(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    return elementwise(t, eqn, lambda x: t.node("Mul", x, x), a)


@row("rsqrt")
def rsqrt(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    return elementwise(t, eqn, lambda x: t.node("Reciprocal", t.node("Sqrt", x)), a)


@row("cbrt")
def cbrt(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    third = t.constant(number(a, 1 / 3))
    return elementwise(t, eqn, lambda x: t.node("Mul", t.node("Sign", x), t.node("Pow", t.node("Abs", x), third)), a)


@row("exp2")
def exp2(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    return elementwise(t, eqn, lambda x: t.node("Pow", t.constant(number(a, 2)), x), a)


@row("log1p")
def log1p(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    one = t.constant(number(a, 1))

    def compute(x: str) -> str:
        # What rounding took from 1 + x is put back: log(u) x / (u - 1), and x itself where 1 + x is 1.
        u = t.node("Add", x, one)
        rest = t.node("Sub", u, one)
        near = t.node("Equal", rest, t.constant(number(a, 0)))
        finite = t.node("Less", t.node("Abs", x), t.constant(number(a, 1e30)))
        exact = t.node("Div", t.node("Mul", t.node("Log", u), x), t.node("Where", near, one, rest))
        return t.node("Where", finite, t.node("Where", near, x, exact), t.node("Log", u))

    return elementwise(t, eqn, compute, a)


@row("expm1")
def expm1(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    half, two = t.constant(number(a, 0.5)), t.constant(number(a, 2))

    def compute(x: str) -> str:
        # 2 sinh(x/2) exp(x/2) loses nothing near 0; elsewhere exp(x) - 1 neither overflows nor meets 0 times infinity.
        h = t.node("Mul", x, half)
        near = t.node("Mul", two, t.node("Mul", t.node("Sinh", h), t.node("Exp", h)))
        far = t.node("Sub", t.node("Exp", x), t.constant(number(a, 1)))
        return t.node("Where", t.node("Less", t.node("Abs", x), half), near, far)

    return elementwise(t, eqn, compute, a)


@row("erfc")
def erfc(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    return elementwise(t, eqn, lambda x: t.node("Sub", t.constant(number(a, 1)), t.node("Erf", x)), a)


@row("atan2")
def atan2(t: Translator, eqn: JaxprEqn, a: Value, b: Value) -> Value:
    zero, pi = t.constant(number(a, 0)), t.constant(number(a, np.pi))

    def compute(y: str, x: str) -> str:
        # The angle with the axis, seen from the nearer axis so that nothing is divided by 0.
        flat = t.node("GreaterOrEqual", t.node("Abs", x), t.node("Abs", y))
        one = t.constant(number(a, 1))
        nonzero = t.node("Where", t.node("Equal", x, zero), one, x)
        upper = t.node("Where", t.node("Equal", y, zero), one, y)
        up = t.node("Where", t.node("Less", y, zero), t.constant(number(a, -np.pi)), pi)
        along = t.node("Add", t.node("Atan", t.node("Div", y, nonzero)), t.node("Where", t.node("Less", x, zero), up, zero))
        across = t.node("Sub", t.node("Mul", up, t.constant(number(a, 0.5))), t.node("Atan", t.node("Div", x, upper)))
        both = t.node("And", t.node("Equal", x, zero), t.node("Equal", y, zero))
        return t.node("Where", both, zero, t.node("Where", flat, along, across))

    return elementwise(t, eqn, compute, a, b)


@row("is_finite")
def is_finite(t: Translator, eqn: JaxprEqn, a: Value) -> Value:
    return elementwise(t, eqn, lambda x: t.node("Not", t.node("Or", t.node("IsInf", x), t.node("IsNaN", x))), a)


LOGICAL = {"and": ("And", "BitwiseAnd"), "or": ("Or", "BitwiseOr"), "xor": ("Xor", "BitwiseXor"), "not": ("Not", "BitwiseNot")}


def logical(name: str) -> Callable[..., Value]:
    def translate(t: Translator, eqn: JaxprEqn, *values: Value) -> Value:
        kind = LOGICAL[name][values[0].dtype != np.bool_]
        if kind.startswith("Bitwise") and t.opset < 18:
            raise t.refusal(f"`{name}` of whole numbers needs ONNX's operators of version 18", "Give opset_version=18")
        return elementwise(t, eqn, lambda *names: t.node(kind, *names), *values, wide=False)

    return translate


for name in LOGICAL:
    row(name)(logical(name))


@row("clamp")
def clamp(t: Translator, eqn: JaxprEqn, low: Value, a: Value, high: Value) -> Value:
    return elementwise(t, eqn, lambda lo, x, hi: t.node("Min", t.node("Max", x, lo), hi), low, a, high)


@row("select_n")
def select(t: Translator, eqn: JaxprEqn, which: Value, *cases: Value) -> Value:
    kind = cases[0].dtype
    wide = COMPUTED.get(kind.name, kind.name)

    def compute(chosen: str, *names: str) -> str:
        names = tuple(t.cast(name, kind, wide) for name in names)
        if which.dtype == np.bool_:
            return t.cast(t.node("Where", chosen, names[1], names[0]), np.dtype(wide), kind)
        made = names[0]
        for place, name in enumerate(names[1:], 1):
            is_chosen = t.node("Equal", chosen, t.constant(np.asarray(place, which.dtype)))
            made = t.node("Where", is_chosen, name, made)
        return t.cast(made, np.dtype(wide), kind)

    return elementwise(t, eqn, compute, which, *cases, wide=False)


@row("convert_element_type", "reduce_precision", "copy", "copy_p", "stop_gradient", "optimization_barrier")
def convert(t: Translator, eqn: JaxprEqn, *values: Value) -> list[Value]:
    made: list[Value] = []
    for place, value in enumerate(values):
        kind = plain_dtype(aval_of(eqn.outvars[place]).dtype)
        # Half precision is computed in float32, and not rounded on the way.
        if kind == value.dtype:
            made.append(value)
        else:
            tensor = t.node("Cast", t.name(value, whole=False), to=kind)
            made.append(t.made(eqn, tensor, loose=value.loose, place=place))
    return made
