"""Eager tensors: arrays that behave in Python as TensorFlow's do."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kerata.base.checks import message
from kerata.base.types import DTypeLike
from kerata.data.elements import rebuild
from kerata.engine.numbers import NumbersNeeded, known
from kerata.engine.scope import note, noted
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import AnyArray, Array
from kerata.engine.variable import Variable
from kerata.legacy.tensorflow.types import DType, Ints, TensorShape, as_dtype, int64, string

# How often functions took values of variables: what a function of a data set may not do if it is to be compiled.
variable_reads = [0]
# Asked before an array leaves a tensor by the back door: whether a tape follows the tensor.
is_followed: list[Any] = [lambda tensor: False]


class Tensor:
    """An array of a type, as `tf.constant` makes it.

    Args:
        array: a NumPy array, of JAX's or a traced one; texts as an array of `bytes`.
        dtype: its type; the array's own by default. In a program, arrays of 64 bits are held in 32.
    """

    # `_place` is where a slice of a variable was taken from; other tensors have none.
    __slots__ = ("__weakref__", "_array", "_dtype", "_place")
    __array_priority__ = 100
    is_tensor_like = True

    def __init__(self, array: AnyArray, dtype: DType | None = None):
        self._array = array
        self._dtype = as_dtype(array.dtype) if dtype is None else dtype

    @property
    def dtype(self) -> DType:
        return self._dtype

    @property
    def shape(self) -> TensorShape:
        return TensorShape(self._array.shape)

    def get_shape(self) -> TensorShape:
        return self.shape

    def set_shape(self, shape: Ints) -> None:
        """Raises where the shape is another one."""
        self.shape.assert_is_compatible_with(shape)

    @property
    def ndim(self) -> int:
        return self._array.ndim

    @property
    def device(self) -> str:
        return "/job:localhost/replica:0/task:0/device:CPU:0"

    @property
    def _keras_mask(self) -> "Tensor":
        """The mask that a layer gave with it; no attribute without one."""
        mask = noted(self, "mask")
        if mask is None:
            raise AttributeError("the tensor has no mask")
        return mask if isinstance(mask, Tensor) else Tensor(mask)

    @_keras_mask.setter
    def _keras_mask(self, mask: object) -> None:
        note(self, "mask", mask._array if isinstance(mask, Tensor) else mask)

    @_keras_mask.deleter
    def _keras_mask(self) -> None:
        if noted(self, "mask") is None:
            raise AttributeError("the tensor has no mask")
        note(self, "mask", None)

    def numpy(self) -> Any:
        """The numbers as a NumPy array, or as one of its scalars."""
        array = self._known("numbers")
        array = np.array(array) if self._dtype == string else np.array(array, self._dtype.dtype)
        return array[()] if array.ndim == 0 else array

    def ref(self) -> "Reference":
        """What can be a key of a dict."""
        return Reference(self)

    experimental_ref = ref

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        array = np.asarray(self.numpy())
        return array if dtype is None else array.astype(dtype)

    def __jax_array__(self) -> Array:
        if is_followed[0](self):
            raise TypeError(
                message(
                    "tf.GradientTape",
                    "a tensor that a tape follows was given to a function that no tape can follow",
                    {"tensor": self},
                    "Use a function of tf or tf.keras; or tf.stop_gradient(x) where no gradient is wanted",
                )
            )
        return narrow(self)

    def __len__(self) -> int:
        if not self._array.ndim:
            raise TypeError("Scalar tensor has no `len()`")
        return self._array.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        if not self._array.ndim:
            raise TypeError("Cannot iterate over a scalar tensor.")
        here = self
        return (here[index] for index in range(len(self)))

    def __bool__(self) -> bool:
        array = self._known("truth value")
        if self._array.size != 1:
            raise ValueError("The truth value of an array with more than one element is ambiguous. Use a.any() or a.all()")
        return bool(np.asarray(array).item())

    def __int__(self) -> int:
        return int(self._only())

    def __index__(self) -> int:
        array = self._known("number")
        if not self._dtype.is_integer or self._array.ndim:
            raise TypeError(f"only integer scalar tensors can be an index, and this one is {self!r}")
        return int(np.asarray(array)[()])

    def __float__(self) -> float:
        return float(self._only())

    def __complex__(self) -> complex:
        return complex(self._only())

    def _only(self):
        """The one number that there is, of however many axes."""
        if self._array.size != 1:
            raise TypeError(f"only tensors of one element can be converted to numbers of Python's, and this one is {self!r}")
        return np.asarray(self._known("number")).item()

    def _known(self, what: str) -> AnyArray:
        """The array with its numbers."""
        array = known(self._array)
        if array is None:
            text = message(
                "tensor",
                f"inside a program (fit(), a compiled function) a tensor has no {what} yet",
                {"shape": self._array.shape, "dtype": self._dtype},
                "Write tf.where or tf.cond for `if`, tf.while_loop for `while`",
            )
            raise NumbersNeeded(text, f"the {what} of a tensor")
        return array

    if TYPE_CHECKING:
        # Made in operators.py, one like the other.
        def _with(self, other: object, /) -> "Tensor": ...
        def _alone(self) -> "Tensor": ...

        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _with
        __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _with
        __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __lt__ = __le__ = __gt__ = __ge__ = __getitem__ = _with
        __neg__ = __pos__ = __abs__ = __invert__ = _alone

    def __hash__(self) -> int:
        raise TypeError("Tensor is unhashable. Instead, use tensor.ref() as the key.")

    def __format__(self, spec: str) -> str:
        # As NumPy writes them: the numbers alone.
        return format(self.numpy(), spec) if is_concrete(self) else str(self)

    def __round__(self, digits: int | None = None) -> float:
        return round(self.numpy(), digits)

    def __str__(self) -> str:
        shown = f"shape={self.shape}, dtype={self._dtype.name}"
        return f"tf.Tensor({own_lines(str(self.numpy()))}, {shown})" if is_concrete(self) else f"Tensor({shown})"

    def __repr__(self) -> str:
        shown = f"shape={self.shape}, dtype={self._dtype.name}"
        if not is_concrete(self):
            return f"<tf.Tensor: {shown}>"
        value = self.numpy()
        text = repr(value) if isinstance(value, (np.ndarray, bytes)) else str(value)
        return f"<tf.Tensor: {shown}, numpy={own_lines(text)}>"

    def __copy__(self) -> "Tensor":
        return self

    def __deepcopy__(self, memo: dict) -> "Tensor":
        return Tensor(np.array(self._array) if not isinstance(self._array, Tracer) else self._array, self._dtype)

    def __reduce__(self) -> tuple[object, ...]:
        return Tensor, (np.asarray(self._array), self._dtype)


def own_lines(text: str) -> str:
    """A text of several lines, beginning with a line of its own."""
    return f"\n{text}" if "\n" in text else text


class Reference:
    """A tensor or variable as a key."""

    def __init__(self, thing: Tensor | Variable):
        self._thing = thing

    def deref(self) -> Tensor | Variable:
        return self._thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._thing is other._thing

    def __hash__(self) -> int:
        return id(self._thing)


# What the functions of tensors give: with a symbolic tensor among what they take, another one.
AnyTensor: TypeAlias = Tensor | SymbolicTensor
# What an operator or a function works on once it is no number of Python's.
Operand: TypeAlias = Tensor | Variable | AnyArray | SymbolicTensor
ARRAYS = (Tensor, Variable, np.ndarray, np.generic, jax.Array, SymbolicTensor)


def is_array(value: object) -> bool:
    return isinstance(value, ARRAYS)


def is_concrete(value: object) -> bool:
    """Whether the numbers of a tensor are known now."""
    return known(value._array if isinstance(value, Tensor) else value) is not None


def dtype_of(value: Any) -> DType:
    if isinstance(value, Variable) and (nominal := value.__dict__.get("_nominal")) is not None:
        return nominal
    return value._dtype if isinstance(value, Tensor) else int64 if is_wide(value) else as_dtype(value.dtype)


def is_wide(array: object) -> bool:
    """Whether an array of a program holds whole numbers that had 64 bits."""
    return isinstance(array, jax.Array) and array.dtype == np.int32 and bool(noted(array, "wide"))


def narrow(value: Any) -> Array:
    """The array of a tensor, variable or array as JAX's programs hold it: in 32 bits."""
    if isinstance(value, Variable):
        variable_reads[0] += 1
    array = value._array if isinstance(value, Tensor) else value.value if isinstance(value, Variable) else value
    if isinstance(array, jax.Array):
        return array
    kind = array.dtype.kind
    if kind in "OSU":
        raise TypeError(message("tensor", "texts cannot be computed with", {"tensor": value}, "See tf.strings"))
    if kind in "iu" and array.dtype.itemsize == 8:
        limits = np.iinfo(np.int32 if kind == "i" else np.uint32)
        if array.size and (array.max() > limits.max or array.min() < limits.min):
            raise OverflowError(
                message("tensor", "a whole number does not fit into the 32 bits that programs compute with", {"tensor": array})
            )
    with jax.ensure_compile_time_eval():
        return jnp.asarray(array, jax.dtypes.canonicalize_dtype(array.dtype))


def plain(tree: object) -> Any:
    """A structure with arrays for tensors: NumPy's where the numbers are known, traced ones elsewhere."""
    if isinstance(tree, Tensor):
        return tree._array if isinstance(tree._array, Tracer) else np.asarray(tree._array)
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return rebuild(tree, [plain(value) for value in tree])
    return tree


def tensors(tree: object) -> Any:
    """A structure with tensors for arrays."""
    if isinstance(tree, (jax.Array, np.ndarray, np.generic)):
        return Tensor(tree, dtype_of(tree)) if isinstance(tree, jax.Array) else Tensor(texts(np.asarray(tree)))
    if isinstance(tree, dict):
        return {key: tensors(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return rebuild(tree, [tensors(value) for value in tree])
    return tree


def texts(array: np.ndarray) -> np.ndarray:
    """Texts as arrays of `bytes`, all else as it is."""
    if array.dtype.kind not in "OSU":
        return array
    flat = [one.encode() if isinstance(one, str) else one for one in array.ravel().tolist()]
    found = np.empty(len(flat), object)
    found[:] = flat
    return found.reshape(array.shape)


def has_tensor(tree: object) -> bool:
    """Whether a structure holds a tensor."""
    if isinstance(tree, Tensor):
        return True
    if isinstance(tree, dict):
        return any(has_tensor(value) for value in tree.values())
    return isinstance(tree, (list, tuple)) and any(has_tensor(value) for value in tree)
