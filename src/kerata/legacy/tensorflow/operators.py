"""What Python's operators do with tensors and variables."""

import builtins
import functools
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kerata.base.types import PartialShape
from kerata.engine.symbolic import SymbolicTensor, item_of_texts
from kerata.engine.types import Array, HostArray
from kerata.engine.variable import Variable
from kerata.kernels.maxima import magnitude
from kerata.legacy.tensorflow.calls import Function, convert
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.tensor import AnyTensor, Operand, Tensor, dtype_of, is_concrete, narrow
from kerata.legacy.tensorflow.types import DType, boolean, float32, float64, string


def divide(x: ArrayLike, y: ArrayLike) -> Array:
    """x / y as in Python: whole numbers become floats."""
    return jnp.true_divide(x, y)


def floor_of_quotient(x: ArrayLike, y: ArrayLike) -> Array:
    """x // y; of floats the quotient rounded down, so that 2.0 // 0.2 is 10, where NumPy takes what `%` leaves."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    return jnp.floor(x / y) if jnp.issubdtype(jnp.result_type(x, y), jnp.floating) else jnp.floor_divide(x, y)


def quotient_type(values: list[Any]) -> DType | None:
    kind = dtype_of(next(one for one in values if hasattr(one, "dtype")))
    if kind.is_integer:
        return float32 if kind.size < 4 else float64
    return None


def join(bits: Callable[..., Array], truth: Callable[..., Array]) -> Callable[..., Array]:
    """A function of whole numbers or of truth values."""
    return lambda x, y: truth(x, y) if jnp.asarray(x).dtype == bool else bits(x, y)


def text_add(x: object, y: object) -> HostArray:
    x, y = (np.asarray(one, object) for one in (x, y))
    return np.asarray(x + y, object)


def of_numbers(function: Callable[[ArrayLike, ArrayLike], Array], name: str) -> Callable[[ArrayLike, ArrayLike], Array]:
    """A function of two arrays that are not both of truth values."""

    @functools.wraps(function)
    def compute(x: ArrayLike, y: ArrayLike) -> Array:
        if all(jnp.issubdtype(jnp.result_type(one), jnp.bool_) for one in (x, y)):
            text = f"Value for attr 'T' of bool is not in the list of allowed values; op {name}. Use tf.cast, or | and &"
            raise InvalidArgumentError(text)
        return function(x, y)

    return compute


ROWS = {
    "add": (of_numbers(jnp.add, "AddV2"), None, text_add),
    "subtract": (of_numbers(jnp.subtract, "Sub"), None, None),
    "multiply": (jnp.multiply, None, None),
    "truediv": (divide, quotient_type, None),
    "floordiv": (floor_of_quotient, None, None),
    "floormod": (jnp.mod, None, None),
    "pow": (jnp.power, None, None),
    "matmul": (jnp.matmul, None, None),
    "less": (jnp.less, boolean, None),
    "less_equal": (jnp.less_equal, boolean, None),
    "greater": (jnp.greater, boolean, None),
    "greater_equal": (jnp.greater_equal, boolean, None),
    "equal": (jnp.equal, boolean, lambda x, y: np.asarray(x == y, bool)),
    "not_equal": (jnp.not_equal, boolean, lambda x, y: np.asarray(x != y, bool)),
    "and": (join(jnp.bitwise_and, jnp.logical_and), None, None),
    "or": (join(jnp.bitwise_or, jnp.logical_or), None, None),
    "xor": (join(jnp.bitwise_xor, jnp.logical_xor), None, None),
}
FUNCTIONS = {
    name: Function(name, "x, y", compute, like="numbers", gives=gives, on_texts=on_texts)
    for name, (compute, gives, on_texts) in ROWS.items()
}
negative = Function("negative", "x", lambda x: jnp.negative(x))
absolute = Function("abs", "x", magnitude)
invert = Function("invert", "x", lambda x: jnp.logical_not(x) if jnp.asarray(x).dtype == bool else jnp.invert(x))


def take(x: ArrayLike, index: object) -> Array:
    return jnp.asarray(x)[read_index(index)]


def read_index(index: object) -> Any:
    """An index with numbers for what is known."""
    if isinstance(index, tuple):
        return tuple(read_index(one) for one in index)
    if isinstance(index, builtins.slice):
        return builtins.slice(*(None if one is None else int(one) for one in (index.start, index.stop, index.step)))
    return index


getitem = Function("strided_slice", "x, index", take, on_texts=lambda x, index: x[read_index(index)])


def item(self: Operand, index: object) -> AnyTensor:
    """x[index], by numbers, slices, `None`, `...` and tensors of one number."""
    known = known_parts(index)
    check_bounds(tuple(self.shape), known)
    return getitem(self, tuple(known))


item_of_texts.append(lambda x, index: getitem(x, index if isinstance(index, tuple) else (index,)))


def known_parts(index: object) -> list[Any]:
    """The parts of an index, with numbers for what is known."""
    parts = index if isinstance(index, tuple) else (index,)
    known = []
    for part in parts:
        if isinstance(part, (list, np.ndarray)) or (isinstance(part, Tensor) and part.ndim):
            raise TypeError(
                "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar tf.int32/tf.int64 tensors are "
                f"valid indices, got {part!r}. Use tf.gather or tf.boolean_mask"
            )
        if isinstance(part, builtins.slice):
            known.append(builtins.slice(*(known_number(one) for one in (part.start, part.stop, part.step))))
        else:
            known.append(known_number(part))
    return known


def known_index(index: object) -> tuple:
    """An index as JAX takes it."""
    parts = [part.value if isinstance(part, Variable) else part for part in known_parts(index)]
    return read_index(tuple(narrow(part) if isinstance(part, Tensor) else part for part in parts))


def known_number(part: object) -> object:
    """A whole number for a tensor whose number is known."""
    if isinstance(part, Tensor) and is_concrete(part):
        return int(part)
    return int(part) if isinstance(part, np.integer) else part


def check_bounds(shape: PartialShape, parts: list[Any]) -> None:
    axes = sum(part is not None and part is not Ellipsis for part in parts)
    if axes > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    axis = 0
    for part in parts:
        if part is Ellipsis:
            axis = len(shape) - (axes - axis)
            continue
        if part is None:
            continue
        size = shape[axis]
        if isinstance(part, int) and size is not None and not -size <= part < size:
            raise InvalidArgumentError(f"slice index {part} of dimension {axis} out of bounds.")
        axis += 1


def equals(self: Operand, other: object) -> object:
    if other is None or (isinstance(other, str) and dtype_of(self) != string):
        return False
    try:
        return FUNCTIONS["equal"](self, other)
    except TypeError as error:
        if "broadcast" in str(error) or "shapes" in str(error):
            return False
        raise


def differs(self: Operand, other: object) -> object:
    if other is None or (isinstance(other, str) and dtype_of(self) != string):
        return True
    return FUNCTIONS["not_equal"](self, other)


NAMES = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "truediv",
    "div": "truediv",
    "floordiv": "floordiv",
    "mod": "floormod",
    "pow": "pow",
    "matmul": "matmul",
    "and": "and",
    "or": "or",
    "xor": "xor",
}
COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}


def method(function: Function, swapped: bool = False) -> Callable[..., object]:
    def call(self: object, other: object) -> object:
        if isinstance(other, SymbolicTensor):
            return NotImplemented
        if isinstance(other, (list, tuple)) and isinstance(self, Tensor):
            other = convert(other, self.dtype)
        return function(other, self) if swapped else function(self, other)

    return call


METHODS: dict[str, Any] = {f"__{name}__": method(FUNCTIONS[of]) for name, of in {**NAMES, **COMPARISONS}.items()}
METHODS |= {f"__r{name}__": method(FUNCTIONS[of], swapped=True) for name, of in NAMES.items()}
METHODS |= {"__neg__": lambda self: negative(self), "__abs__": lambda self: absolute(self)}
METHODS |= {"__invert__": lambda self: invert(self), "__getitem__": item, "__pos__": lambda self: self}

for _name, _method in METHODS.items():
    setattr(Tensor, _name, _method)
Tensor.__eq__ = equals  # type: ignore[method-assign,assignment]
Tensor.__ne__ = differs  # type: ignore[method-assign,assignment]
