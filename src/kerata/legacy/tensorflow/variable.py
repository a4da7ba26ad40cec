"""`tf.Variable`: Kerata's variables, which give tensors where a program of TensorFlow looks at them."""

import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kerata.base.types import DTypeLike, Shape
from kerata.engine.scope import in_scope
from kerata.engine.types import Array, TensorLike, WeightFunction
from kerata.engine.variable import Variable as Plain
from kerata.legacy.tensorflow import operators
from kerata.legacy.tensorflow.calls import convert, read
from kerata.legacy.tensorflow.given import given
from kerata.legacy.tensorflow.tape import inside_call
from kerata.legacy.tensorflow.tensor import AnyTensor, Reference, Tensor, dtype_of, narrow
from kerata.legacy.tensorflow.types import TensorShape, TypeOfVariable, as_dtype


class Value(Tensor):
    """The value of a variable, which `variable.value()` gives too."""

    __slots__ = ()

    def __call__(self) -> Tensor:
        return self


class Variable(Plain):
    """A tensor that can be given new values.

    Args:
        initial_value: its first value, or a function that gives it.
        trainable: whether tapes follow it and optimizers change it.
        name: a name.
        dtype: its type; that of the value by default.
        shape: not used: a variable has the shape of its value.
    """

    # As of tensors: NumPy leaves `array * variable` to it.
    __array_priority__ = 100

    def __init__(
        self,
        initial_value: object = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: object = None,
        name: str | None = None,
        variable_def: object = None,
        dtype: DTypeLike | None = None,
        import_scope: object = None,
        constraint: WeightFunction | None = None,
        synchronization: object = None,
        aggregation: object = None,
        shape: object = None,
        **kwargs: object,
    ):
        value = initial_value() if callable(initial_value) and not hasattr(initial_value, "dtype") else initial_value
        if value is None:
            raise ValueError("Either initial_value or a function that gives it must be given to tf.Variable")
        tensor = convert(value, dtype)
        array = narrow(tensor)
        if isinstance(array, Tracer):
            raise ValueError("tf.Variable: a variable cannot be made inside a program. Make it in __init__() or build()")
        trained: bool = tensor.dtype.is_floating if trainable is None else trainable
        super().__init__(
            np.asarray(array), dtype=array.dtype.name, trainable=trained, name=name or "Variable", constraint=constraint
        )
        self.name = f"{self.path}:0"
        if tensor.dtype.is_wide:
            self._nominal = tensor.dtype

    # As a tensor

    @property
    def value(self) -> Array:
        """The array; for a program, in which `v.value()` is a method, the value as a tensor that can be called."""
        caller = sys._getframe(1)  # pyright: ignore[reportPrivateUsage], Python says nowhere else who asks
        if str(caller.f_globals.get("__name__")).partition(".")[0] == "kerata":
            return super().value
        found = read(self)
        found.__class__ = Value
        return cast(Array, found)

    def read_value(self) -> Tensor:
        """The value as a tensor."""
        return read(self)

    value_of = read_value

    def numpy(self) -> Any:
        found = super().numpy()
        found = found.astype(dtype_of(self).dtype) if "_nominal" in self.__dict__ else found
        return found[()] if found.ndim == 0 and not inside_call() and not in_scope() else found

    def get_shape(self) -> TensorShape:
        return TensorShape(self._shape)

    @property
    def device(self) -> str:
        return "/job:localhost/replica:0/task:0/device:CPU:0"

    def initialized_value(self) -> Tensor:
        return self.read_value()

    def ref(self) -> Reference:
        return Reference(self)

    experimental_ref = ref

    @property
    def shape(self) -> Shape:  # type: ignore[override]
        return self._shape if inside_call() else TensorShape(self._shape)

    @property
    def dtype(self) -> str:
        return (
            self._dtype
            if inside_call()
            else TypeOfVariable(self._dtype, self.__dict__.get("_nominal") or as_dtype(self._dtype))
        )

    # New values

    def store(self, value: TensorLike) -> None:
        super().store(given(self, value))

    def assign(self, value: object, use_locking: object = None, name: str | None = None, read_value: bool = True) -> "Variable":
        """Gives it a new value; the variable itself comes back."""
        super().assign(self._narrowed(value))
        return self

    def assign_add(
        self, delta: object, use_locking: object = None, name: str | None = None, read_value: bool = True
    ) -> "Variable":
        """Adds to the value."""
        super().assign(self.value + self._narrowed(delta))
        return self

    def assign_sub(
        self, delta: object, use_locking: object = None, name: str | None = None, read_value: bool = True
    ) -> "Variable":
        """Subtracts from the value."""
        super().assign(self.value - self._narrowed(delta))
        return self

    def _narrowed(self, value: object) -> Array:
        if isinstance(value, Plain):
            value = value.value
        if isinstance(value, jax.Array):
            return jnp.asarray(value, self._dtype)
        return jnp.asarray(narrow(convert(value, None if isinstance(value, np.ndarray) else dtype_of(self))), self._dtype)

    def gather_nd(self, indices: object, name: str | None = None) -> Tensor:
        """The parts of the value at some places."""
        places = tuple(jnp.moveaxis(jnp.asarray(narrow(convert(indices))), -1, 0))
        return operators.getitem(self, tuple(Tensor(one) for one in places))

    def sparse_read(self, indices: object, name: str | None = None) -> Tensor:
        """The rows of the value at some places."""
        return operators.getitem(self, (convert(indices),))

    def __repr__(self) -> str:
        if in_scope():
            return super().__repr__()
        shown = f"shape={TensorShape(self._shape)} dtype={dtype_of(self).name}"
        value = self.numpy()
        return f"<tf.Variable '{self.path}:0' {shown}, numpy={repr(value) if isinstance(value, np.ndarray) else value}>"

    def __iter__(self) -> Iterator[Tensor]:
        return iter(read(self))

    def __getitem__(self, index: object) -> AnyTensor | Array:
        if inside_call():
            return super().__getitem__(index)
        found = operators.item(self, index)
        if isinstance(found, Tensor):
            found._place = (self, index)
        return found

    __hash__ = Plain.__hash__


def _method(name: str) -> Callable[..., object]:
    """A method of tensors, or that of a plain variable in Kerata's own code."""
    of_tensor = getattr(Tensor, name)
    of_plain = getattr(Plain, name, None)

    def call(self: Variable, *args: object) -> object:
        return of_plain(self, *args) if of_plain is not None and inside_call() else of_tensor(self, *args)

    return call


for _name in (*(name for name in operators.METHODS if name != "__getitem__"), "__eq__", "__ne__"):
    setattr(Variable, _name, _method(_name))


def _assigning(name: str) -> property:
    """`v[0, 1].assign(x)`: changes a part of a variable. Other tensors have no such method."""

    def find(self: Tensor) -> Callable[..., Variable]:
        place = getattr(self, "_place", None)
        if place is None:
            raise AttributeError(
                f"'Tensor' object has no attribute {name!r}: variables and their slices have it, v[0].{name}(x)"
            )
        variable, index = place

        def change(value: object, *args: object, **kwargs: object) -> Variable:
            part = variable.value.at[operators.known_index(index)]
            value = variable._narrowed(value)
            Plain.assign(variable, {"assign": part.set, "assign_add": part.add, "assign_sub": part.subtract}[name](value))
            return variable

        return change

    return property(find)


for _name in ("assign", "assign_add", "assign_sub"):
    setattr(Tensor, _name, _assigning(_name))


class Slices(Protocol):
    """Rows and their places."""

    values: Tensor
    indices: Tensor


def _scattering(change: str, of_places: bool) -> Callable[..., Variable]:
    """A method that changes the rows at some places, or the parts at places along several axes (`scatter_nd_add`)."""

    def scatter(self: Variable, places: object, updates: object) -> Variable:
        indices = jnp.asarray(narrow(convert(places)))
        where = tuple(jnp.moveaxis(indices, -1, 0)) if of_places else indices
        Plain.assign(self, getattr(self.value.at[where], change)(self._narrowed(updates)))
        return self

    def by_places(self: Variable, indices: object, updates: object, name: str | None = None) -> Variable:
        return scatter(self, indices, updates)

    def by_rows(self: Variable, sparse_delta: Slices, use_locking: object = None, name: str | None = None) -> Variable:
        if not hasattr(sparse_delta, "indices"):
            raise TypeError(f"sparse_delta is not IndexedSlices: {sparse_delta!r}. Use tf.IndexedSlices(values, indices)")
        return scatter(self, sparse_delta.indices, sparse_delta.values)

    return by_places if of_places else by_rows


_CHANGES = {"update": "set", "add": "add", "sub": "subtract", "min": "min", "max": "max", "mul": "multiply", "div": "divide"}
for _name, _change in _CHANGES.items():
    setattr(Variable, f"scatter_{_name}", _scattering(_change, False))
    if _name in ("update", "add", "sub", "min", "max"):
        setattr(Variable, f"scatter_nd_{_name}", _scattering(_change, True))

jax.tree_util.register_pytree_node(
    Variable,
    lambda variable: ((variable.value,), None),
    lambda _, children: children[0],  # type: ignore[arg-type], it comes back as an array
)


def adopt(variable: Plain) -> Plain:
    """A plain variable as one that gives tensors."""
    if type(variable) is Plain:
        variable.__class__ = Variable
    return variable
