"""Variables: named arrays that programs read and update.

Outside a program a variable holds a concrete array; inside one it stands for its traced value in the current scope.
"""

# pyright: reportUnknownMemberType=false

import contextlib
import functools
import operator
import weakref
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kerata.base import config
from kerata.base.blocks import Within, ambient
from kerata.base.checks import KindError, message
from kerata.base.limits import take_weight
from kerata.base.registry import home_of
from kerata.base.serialization import read_tensors_by, resolve
from kerata.base.types import DTypeLike, Owner, ShapeLike
from kerata.engine.mistakes import Blame
from kerata.engine.naming import auto_name, current_path
from kerata.engine.noting import next_number, note_draw
from kerata.engine.placement import HERE
from kerata.engine.scope import current_scope, probe_of, stack
from kerata.engine.types import AnyArray, Array, HostArray, Initializer, TensorLike, WeightFunction

_local = ambient()
read_tensors_by(jnp.asarray)


def autocast(dtype: DTypeLike | None) -> Within:
    """Float variables read inside the block come in `dtype`: mixed precision."""
    return Within(_local, autocast=dtype)


class Reads:
    """Variables that are read within programs while these are traced, and that they do not carry."""

    def __init__(self) -> None:
        self.read: dict[int, Variable] = {}
        self.given: dict[int, Variable] = {}
        # The states of generators that were drawn from.
        self.drawn: dict[int, Variable] = {}
        # Those of them that a function read which JAX traces by itself.
        self.inside: set[int] = set()

    @property
    def variables(self) -> "list[Variable]":
        """Those that are read. What a program gives a variable that it does not carry ends with the trace."""
        return list(self.read.values())


@contextlib.contextmanager
def noting_reads() -> Generator[Reads]:
    """What is read within programs that are traced inside the block."""
    reads = Reads()
    with Within(_local, reads=reads):
        yield reads


def note_drawn(state: "Variable") -> None:
    """Notes that a program which is traced draws from a generator, whose state it does not carry."""
    if (reads := getattr(_local, "reads", None)) is not None:
        reads.drawn[id(state)] = state


def drawing_late() -> Within:
    """Variables made inside the block get their first values when these are asked for: most will be read from a file."""
    return Within(_local, late=True)


def standardize_dtype(dtype: DTypeLike | None) -> str:
    """The name of a type: `"float32"` for `None`, `float`, `np.float32` and `"float32"`."""
    try:
        return _name_of(dtype) or config.floatx()
    except TypeError:
        raise KindError(message("dtype", "unknown type", {"dtype": dtype})) from None


@functools.lru_cache(maxsize=256)
def _name_of(dtype: DTypeLike | None) -> str | None:
    """The name of a type, `None` for the one that is set."""
    if dtype is None or dtype in (float, "float"):
        return None
    if getattr(dtype, "name", None) == "string":  # that of TensorFlow's names
        return "string"
    if dtype in (int, "int"):
        return "int32"
    if isinstance(dtype, str) and dtype == "string":
        return dtype
    name: str | None = getattr(dtype, "name", None) or (dtype if isinstance(dtype, str) else None)
    return str(jnp.dtype(dtype if name is None else name).name)


# Numbers of a variable that are too many to be made for a shape's sake.
LARGE = 2**16
# Every variable of the process, by identity.
_living: "dict[int, weakref.ref[Variable]]" = {}


def _note_living(variable: "Variable") -> None:
    # What is called at the end is no Python function, in which Ctrl-C would be lost.
    _living[id(variable)] = weakref.ref(variable, partial(_living.pop, id(variable)))


T = TypeVar("T")


class Variable:
    """An array that programs read and update.

    Args:
        initializer: an array, or a function of (shape, dtype) that gives one.
        shape: the shape, where `initializer` is a function.
        dtype: the type, `floatx()` by default.
        trainable: whether an optimizer may change it.
        name: its name; its path is the names of the layers around it and its own.
        regularizer, constraint: applied to it by the training program.

    >>> v = Variable([1.0, 2.0], name="v")
    >>> v.assign_add([1.0, 1.0])
    Array([2., 3.], dtype=float32)
    """

    # Whether it is read row by row, as a rule.
    is_table = False
    # The model in whose training it first got another value.
    trained_in: weakref.ref[Any] | None = None

    def __init__(
        self,
        initializer: str | Initializer | TensorLike,
        shape: ShapeLike | None = None,
        dtype: DTypeLike | None = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
        regularizer: WeightFunction | None = None,
        constraint: WeightFunction | None = None,
        layout: object = None,
    ):
        if not isinstance(cast(object, name), (str, type(None))) or "/" in (name or ""):
            raise KindError(message("Variable", "`name` must be a text without '/'", {"name": name}))
        self.name = name or auto_name("variable")
        self.path = f"{around}/{self.name}" if (around := current_path()) else self.name
        # As it was made, and as it stands now: freezing a layer, or a weight, changes no order.
        self.made_trainable = self._trainable = bool(trainable)
        self.overwrite_with_gradient = False
        self.autocast = autocast
        self.aggregation, self.synchronization = aggregation, synchronization
        self.regularizer = regularizer
        self.constraint = constraint
        self.layout = layout
        self.number = next_number()
        # What gave the first value, where that was a function.
        self.drawn_by: Initializer | None = None
        if isinstance(initializer, str):
            initializer = resolve("initializers", initializer, f"Variable ({self.path})", "initializer")
        if callable(initializer) and not hasattr(initializer, "__array__"):
            self._begin_drawn(initializer, shape, dtype)
        else:
            self._begin_given(cast(TensorLike, initializer), dtype)
        _note_living(self)
        # Set when the value is no longer what the initializer drew: loaded, or set by hand.
        self.assigned = False
        # Set when someone outside may hold the array, so that a program must not take its memory over.
        self.exposed = True
        scope = current_scope()
        if scope is not None:
            scope.created.append(self)

    def _begin_drawn(self, initializer: Initializer, shape: ShapeLike | None, dtype: DTypeLike | None) -> None:
        """Shape, type and first value, where a function gives it."""
        if shape is None:
            raise ValueError(message(f"Variable ({self.path})", "`shape` is needed where the initializer is a function"))
        self._dtype = standardize_dtype(dtype)
        self._shape = standardize_shape(shape, f"Variable ({self.path})")
        self.drawn_by = initializer
        ours = home_of(type(initializer)) is not None
        late = take_weight(self._shape, jnp.dtype(self._dtype).itemsize, self.path, held_bytes, ours)
        note_draw(self, initializer)
        if late or (ours and getattr(_local, "late", False)):
            self._late = initializer
        else:
            self._value = self._initial(initializer)

    def _begin_given(self, value: TensorLike, dtype: DTypeLike | None) -> None:
        """Shape, type and first value from an array, a number or a variable."""
        if isinstance(value, Variable):
            value = value.numpy()
        self._dtype = standardize_dtype(_type_of(value) if dtype is None else dtype)
        self._shape = tuple(np.shape(value))
        take_weight(self._shape, jnp.dtype(self._dtype).itemsize, self.path, held_bytes)
        self._value = self._take(value)

    def _initial(self, initializer: Initializer) -> AnyArray:
        """The first value."""
        # It is concrete even where a layer is built while its call is being traced.
        owner = f"initializer ({self.path})"
        with Blame(owner, shape=self._shape, dtype=self._dtype), jax.ensure_compile_time_eval():
            value: Any = initializer(self._shape, dtype=self._dtype)
        if np.shape(value) != self._shape:
            received = {"returned": value, **({} if value is None else {"shape": np.shape(value)})}
            raise ValueError(message(owner, f"an initializer must give an array of shape {self._shape}", received))
        # What Kerata's own initializers give belongs to nobody else.
        fresh = type(value) is np.ndarray and home_of(type(initializer)) is not None
        return value if fresh and value.dtype == jnp.dtype(self._dtype) else self._take(value)

    def draw(self) -> None:
        """Takes a first value again, as where the variable was made; one that was made from an array keeps what it has."""
        if self.drawn_by is None:
            return
        note_draw(self, self.drawn_by)
        self.__dict__.pop("_late", None)
        self._value = self._initial(self.drawn_by)
        self.assigned, self.exposed, self.trained_in = False, True, None

    def _take(self, value: TensorLike) -> AnyArray:
        """The value with this variable's dtype: a NumPy array until a device is needed, then a JAX array."""
        if isinstance(value, Variable):
            value = value.value
        if isinstance(value, jax.Array) and not isinstance(value, Tracer):
            return value if value.dtype == self._dtype else value.astype(self._dtype)
        if isinstance(value, Tracer):
            raise RuntimeError(
                message(
                    f"Variable ({self.path})",
                    "a traced value cannot be kept outside of its program",
                    fix="Assign variables only inside call(), update_state() or train_step()",
                )
            )
        return np.array(value, dtype=jnp.dtype(self._dtype))

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    def ndim(self) -> int:
        return len(self._shape)

    @property
    def size(self) -> int:
        return int(np.prod(self._shape))

    @property
    def dtype(self) -> str:
        return self._dtype

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)

    @property
    def regularizer(self) -> WeightFunction | None:
        """What its penalty is."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: WeightFunction | None) -> None:
        self._regularizer = self._check_function("regularizer", value)

    @property
    def constraint(self) -> WeightFunction | None:
        """What every new value goes through."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: WeightFunction | None) -> None:
        self._constraint = self._check_function("constraint", value)

    def _check_function(self, name: str, value: WeightFunction | None) -> WeightFunction | None:
        if value is not None and not callable(cast(object, value)):
            expected = f"`{name}` must be a function of an array, or None"
            raise KindError(message(f"Variable ({self.path})", expected, {name: value}))
        return value

    @property
    def overwrite_with_gradient(self) -> bool:
        """Whether its gradient takes its place, as that of a scale in float8 does."""
        return self._overwrite_with_gradient

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, value: bool) -> None:
        if not isinstance(cast(object, value), bool):
            text = "`overwrite_with_gradient` must be a boolean"
            raise KindError(message(f"Variable ({self.path})", text, {"overwrite_with_gradient": value}))
        self._overwrite_with_gradient = value

    @property
    def value(self) -> Array:
        """The array: traced inside a program, concrete outside."""
        for scope in reversed(stack()):
            value = scope.values.get(id(self))
            if value is not None:
                if self.is_table and (probe := probe_of(self)) is not None:
                    probe.whole += 1
                break
        else:
            if (reads := getattr(_local, "reads", None)) is not None and stack():
                reads.read[id(self)] = self
                if not stack()[-1].is_here:
                    reads.inside.add(id(self))
            late = "_late" in self.__dict__ or isinstance(self._value, np.ndarray)
            if late and self.size > LARGE and any(scope.shapes_alone for scope in stack()):
                # It need not be drawn, nor copied to a device.
                value = jnp.zeros(self._shape, self._dtype)
            else:
                if isinstance(self._value, np.ndarray):
                    with jax.ensure_compile_time_eval():
                        self._value = cast("Array", HERE.put_state(self._value))
                self.exposed = True
                value = self._value
        dtype = getattr(_local, "autocast", None)
        if dtype is not None and self.autocast and jnp.issubdtype(value.dtype, jnp.floating):
            return value.astype(dtype)
        return value

    def numpy(self) -> HostArray:
        """A copy of the value in host memory."""
        if any(isinstance(scope.values.get(id(self)), Tracer) for scope in stack()):
            raise RuntimeError(
                message(
                    f"Variable ({self.path})",
                    "inside a program a variable has no numbers yet",
                    fix="Hand the variable itself to jax.numpy or kerata.ops",
                )
            )
        if (reads := getattr(_local, "reads", None)) is not None and stack():
            reads.read[id(self)] = self
        return np.array(self.peek())

    def peek(self) -> AnyArray:
        """The concrete array or NumPy array, for reading at once and not for keeping."""
        return self._value

    def assign(self, value: TensorLike) -> Array:
        """Gives the variable a new value of the same shape, and returns it."""
        self.store(value)
        if not stack() and isinstance(self._value, np.ndarray):
            # An array of the caller's own: one that the variable shares would have to be copied by the next program.
            return cast("Array", HERE.put_state(self._value))
        return self.value

    def store(self, value: TensorLike) -> None:
        """`assign` for who does not want the value, which stays on the host until a program asks for it."""
        if isinstance(value, Variable):
            value = value.value
        shape = np.shape(value)
        if shape != self._shape:
            raise ValueError(message(f"Variable ({self.path})", f"a new value must have shape {self._shape}", {"shape": shape}))
        scopes = stack()
        for scope in reversed(scopes):
            if id(self) in scope.values and not scope.outside:
                if not scope.is_here:
                    raise RuntimeError(
                        message(
                            f"Variable ({self.path})",
                            "a variable cannot be changed from inside a loop, "
                            "branch or transformation of JAX (scan, cond, vmap, jit)",
                            fix="Carry its value through the loop, and assign the result after it",
                        )
                    )
                scope.values[id(self)] = jnp.asarray(value, dtype=self._dtype)
                return
        if scopes:
            # A variable that the program does not carry: kept for the length of the trace only.
            if (reads := getattr(_local, "reads", None)) is not None:
                reads.given[id(self)] = self
            scopes[-1].values[id(self)] = jnp.asarray(value, dtype=self._dtype)
            return
        self._value = self._take(value)
        self.exposed = self.assigned = True

    def place(self, value: AnyArray) -> None:
        """Takes over an array that a program returned; nobody else holds it."""
        self._value = value
        self.exposed = False

    def assign_add(self, value: TensorLike) -> Array:
        """Adds to the value, and returns the sum."""
        return self.assign(self.value + jnp.asarray(_plain(value), self._dtype))

    def assign_sub(self, value: TensorLike) -> Array:
        """Subtracts from the value, and returns the difference."""
        return self.assign(self.value - jnp.asarray(_plain(value), self._dtype))

    if TYPE_CHECKING:
        # Made below, one like the other.
        def __add__(self, other: object, /) -> Array: ...
        def __radd__(self, other: object, /) -> Array: ...
        def __sub__(self, other: object, /) -> Array: ...
        def __rsub__(self, other: object, /) -> Array: ...
        def __mul__(self, other: object, /) -> Array: ...
        def __rmul__(self, other: object, /) -> Array: ...
        def __truediv__(self, other: object, /) -> Array: ...
        def __rtruediv__(self, other: object, /) -> Array: ...
        def __floordiv__(self, other: object, /) -> Array: ...
        def __rfloordiv__(self, other: object, /) -> Array: ...
        def __mod__(self, other: object, /) -> Array: ...
        def __rmod__(self, other: object, /) -> Array: ...
        def __pow__(self, other: object, /) -> Array: ...
        def __rpow__(self, other: object, /) -> Array: ...
        def __matmul__(self, other: object, /) -> Array: ...
        def __rmatmul__(self, other: object, /) -> Array: ...
        def __and__(self, other: object, /) -> Array: ...
        def __rand__(self, other: object, /) -> Array: ...
        def __or__(self, other: object, /) -> Array: ...
        def __ror__(self, other: object, /) -> Array: ...
        def __xor__(self, other: object, /) -> Array: ...
        def __rxor__(self, other: object, /) -> Array: ...
        def __lt__(self, other: object, /) -> Array: ...
        def __le__(self, other: object, /) -> Array: ...
        def __gt__(self, other: object, /) -> Array: ...
        def __ge__(self, other: object, /) -> Array: ...

    def __jax_array__(self) -> Array:
        return self.value

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> HostArray:
        return np.asarray(self.value, dtype=dtype)

    def __getattr__(self, name: str) -> Any:
        # Everything that an array has (`.T`, `.sum()`, `.astype()`), a variable has.
        if name == "_value" and "_late" in self.__dict__:
            self._value = self._initial(self._late)
            del self._late
            return self._value
        if name.startswith("_") or name == "value":
            raise AttributeError(f"'Variable' object has no attribute '{name}'")
        return getattr(self.value, name)

    def __getitem__(self, index: object) -> Array:
        return self.value[index]

    def __len__(self) -> int:
        return self._shape[0]

    def __bool__(self) -> bool:
        if self._shape:
            raise KindError(
                message(
                    f"Variable ({self.path})",
                    "a variable of several numbers is neither true nor false",
                    {"shape": self._shape},
                    "Use kerata.ops.where, kerata.ops.any or kerata.ops.all",
                )
            )
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __neg__(self) -> Array:
        return -self.value

    def __pos__(self) -> Array:
        return self.value

    def __invert__(self) -> Array:
        return ~self.value

    def __round__(self, ndigits: int | None = None) -> Array:
        return jnp.round(self.value, ndigits or 0)

    def __abs__(self) -> Array:
        return abs(self.value)

    def __eq__(self, other: object) -> Array:  # type: ignore[override], element by element, as of arrays
        return cast(Array, self.value == _plain(other))

    def __ne__(self, other: object) -> Array:  # type: ignore[override], element by element, as of arrays
        return cast(Array, self.value != _plain(other))

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        value = "" if current_scope() is not None else f", value={self.numpy()}"
        return f"<Variable path={self.path}, shape={self._shape}, dtype={self._dtype}{value}>"

    def __deepcopy__(self, memo: dict[int, object]) -> "Variable":
        memo[id(self)] = twin = object.__new__(Variable)
        twin.__setstate__({**self.__getstate__(), "drawn_by": self.drawn_by})
        return twin

    def __getstate__(self) -> dict[str, Any]:
        # A function of a user's own may be one that cannot be pickled, and the value is there.
        return {**self.__dict__, "_value": np.array(self._value), "drawn_by": None, "trained_in": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        _note_living(self)


def _type_of(value: TensorLike) -> DTypeLike | None:
    """The type of a variable that is made from an array; `None` where it is the default of floats."""
    # Arrays of 64 bits are what NumPy makes of Python's numbers.
    given = getattr(value, "dtype", None)
    if given is None:
        return {"i": "int32", "b": "bool"}.get(np.asarray(value).dtype.kind)
    name: str = np.dtype(given).name
    return "int32" if name == "int64" else None if name == "float64" else given


def _plain(value: T | Variable) -> T | Array:
    return value.value if isinstance(value, Variable) else value


def _binary(op: Callable[[object, object], Array], swapped: bool) -> Callable[[Variable, object], Array]:
    def method(self: Variable, other: object) -> Array:
        other = _plain(other)
        if getattr(other, "is_symbolic", False):
            return NotImplemented
        return op(other, self.value) if swapped else op(self.value, other)

    return method


# As in Keras, `&`, `|` and `^` ask whether numbers are true, whatever their type.
_LOGICAL: dict[str, Any] = {"and_": jnp.logical_and, "or_": jnp.logical_or, "xor": jnp.logical_xor}
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    _op = _LOGICAL.get(_name) or getattr(operator, _name)
    setattr(Variable, f"__{_name.rstrip('_')}__", _binary(_op, swapped=False))
    setattr(Variable, f"__r{_name.rstrip('_')}__", _binary(_op, swapped=True))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Variable, f"__{_name}__", _binary(getattr(operator, _name), swapped=False))


# `jnp.matmul(x, self.kernel)` takes a variable for its value: to JAX it is a tree with one leaf, and comes back as an array.
def _unwrap(variable: Variable) -> tuple[tuple[Array], None]:
    return (variable.value,), None


def _array_of(_: None, children: Sequence[Array]) -> Array:
    return children[0]


jax.tree_util.register_pytree_node(Variable, _unwrap, _array_of)  # type: ignore[arg-type], it comes back as an array


def held_bytes() -> int:
    """The bytes of all variables in the process."""
    variables = [variable for reference in list(_living.values()) if (variable := reference()) is not None]
    return sum(v.size * jnp.dtype(v.dtype).itemsize for v in variables if "_value" in v.__dict__)


def standardize_shape(shape: ShapeLike, owner: Owner = "shape") -> tuple[int, ...]:
    """A tuple of whole numbers of at least 0."""
    if isinstance(shape, jax.Array) and not isinstance(shape, Tracer):  # whose items would be traced within a program
        shape = cast("ShapeLike", np.asarray(shape).tolist())
    try:
        given = (shape,) if np.ndim(shape) == 0 else tuple(cast("Sequence[int]", shape))
        dims = tuple(operator.index(cast(int, dim)) for dim in given)
    except TypeError:
        raise ValueError(
            message(
                owner,
                "the shape of a variable must be known whole numbers",
                {"shape": shape},
                "Give every dimension that weights depend on, e.g. Input(shape=(10,))",
            )
        ) from None
    if any(dim < 0 for dim in dims):
        raise ValueError(message(owner, "dimensions must be at least 0", {"shape": shape}))
    return dims
