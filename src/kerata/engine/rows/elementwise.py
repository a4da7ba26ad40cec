"""Elementwise operations: they keep rows apart; what each makes of the numbers that stand in padded rows, their filling."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kerata.engine.rows.kinds import Fill, Kind


def _one_minus_square(x: np.ndarray) -> np.ndarray:
    return 1 - np.square(x)


NUMBERS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.true_divide,
    "max": np.maximum,
    "min": np.minimum,
    "neg": np.negative,
    "abs": np.abs,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "sign": np.sign,
    "sqrt": np.sqrt,
    "square": np.square,
    "one_minus_square": _one_minus_square,
    "exp": np.exp,
    "log": np.log,
    "floor": np.floor,
    "ceil": np.ceil,
    "tanh": np.tanh,
    "add_any": np.add,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "is_finite": np.isfinite,
}
KEEP_FILL = frozenset(
    {
        "copy",
        "copy_p",
        "stop_gradient",
        "reduce_precision",
        "name",
        "broadcast_in_dim",
        "reshape",
        "squeeze",
        "transpose",
        "slice",
        "rev",
        "expand_dims",
        "split",
        "unstack",
        "sharding_constraint",
    }
)
ELEMENTWISE = frozenset(
    {
        *NUMBERS,
        "lt_to",
        "le_to",
        "select_n",
        "convert_element_type",
        "and",
        "or",
        "not",
        "xor",
        "integer_pow",
        "pow",
        "rem",
        "clamp",
        "nextafter",
        "exp2",
        "log2",
        "logistic",
        "sin",
        "cos",
        "tan",
        "asin",
        "acos",
        "atan",
        "atan2",
        "sinh",
        "cosh",
        "asinh",
        "acosh",
        "atanh",
        "rsqrt",
        "cbrt",
        "round",
        "erf",
        "erfc",
        "erf_inv",
        "lgamma",
        "digamma",
        "polygamma",
        "igamma",
        "igammac",
        "igamma_grad_a",
        "zeta",
        "regularized_incomplete_beta",
        "bessel_i0e",
        "bessel_i1e",
        "population_count",
        "clz",
        "shift_left",
        "shift_right_logical",
        "shift_right_arithmetic",
        "real",
        "imag",
        "complex",
        "conj",
        "copy",
        "copy_p",
        "stop_gradient",
        "reduce_precision",
        "name",
        "optimization_barrier",
        "device_put",
        "square",
        "threefry2x32",
        "sharding_constraint",
        "pvary",
    }
)
# After these, numbers of samples are as good as random, or no numbers any more.
SHIFTS = ("shift_left", "shift_right_logical", "shift_right_arithmetic")
MIXING = frozenset({"xor", *SHIFTS, "eq", "ne", "lt", "le", "gt", "ge", "lt_to", "le_to"})


def fill_after(name: str, params: dict[str, Any], kinds: list[Kind]) -> Fill:
    fills = [kind.fill for kind in kinds]
    if name in KEEP_FILL:
        return fills[0]
    if name == "convert_element_type":
        return None if fills[0] is None else np.asarray(fills[0]).astype(params["new_dtype"]).item()
    if name == "mul" and any(is_zero(fill) for fill in fills):
        return 0.0
    if name == "div" and is_zero(fills[0]) and not is_zero(fills[1]):
        # Padded rows are copies of real ones: their divisor is 0 only where a real one's is.
        return 0.0
    if name == "and" and any(fill is False or is_zero(fill) for fill in fills):
        return False
    if name == "or" and any(fill is True for fill in fills):
        return True
    if name == "select_n":
        if fills[0] is not None:
            return fills[1 + int(fills[0])]
        return fills[1] if all(fill is not None and fill == fills[1] for fill in fills[1:]) else None
    numbers = [fill for fill in fills if fill is not None]
    if len(numbers) < len(fills):
        return None
    first = numbers[0]
    if name == "not":
        return not first if isinstance(first, bool) else None
    if name in ("and", "or"):
        return (all if name == "and" else any)(numbers) if all(isinstance(fill, bool) for fill in numbers) else None
    if name == "integer_pow":
        return float(first) ** params["y"] if first or params["y"] > 0 else None
    if name == "pow":
        return None if not first and numbers[1] <= 0 else float(first) ** float(numbers[1])
    function = NUMBERS.get(name)
    if function is None:
        return None
    with np.errstate(all="ignore"):
        value: Fill = function(*numbers).item()
    return None if isinstance(value, float) and np.isnan(value) else value


def is_zero(fill: Fill) -> bool:
    return fill is not None and fill == 0
