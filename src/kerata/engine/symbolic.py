"""Symbolic tensors: shape and dtype without numbers, and the graph of operations that made them.

A layer or a `traceable` function called on symbolic tensors records a node; a `Functional` model runs the nodes again on
arrays.
"""

# JAX leaves the types of some functions out.
# pyright: reportUnknownMemberType=false

import functools
import inspect
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, Protocol, TypeAlias, TypeGuard, TypeVar, cast

import jax
import jax.numpy as jnp

from kerata.base.checks import KindError, Said, UnableError, message
from kerata.base.interrupts import hand_on
from kerata.base.limits import CALL, take_work
from kerata.base.registry import snake
from kerata.base.types import DTypeLike, Owner
from kerata.engine.dicts import in_order, map_in_order
from kerata.engine.guesses import FOLDED, SMALL, TRIALS, Sizes, by_numbers, guesses
from kerata.engine.mistakes import explain
from kerata.engine.module import Module
from kerata.engine.naming import auto_name
from kerata.engine.numbers import need_of
from kerata.engine.scope import Scope, current_scope, note, noted
from kerata.engine.standing import any_stand, value_of, valued
from kerata.engine.types import Array, TensorLike, Tree
from kerata.engine.variable import Variable, standardize_dtype

P = ParamSpec("P")
R = TypeVar("R")


class SymbolicTensor:
    """The shape and dtype of an array that a model will compute. `keras.KerasTensor` is this class.

    Args:
        shape: dimensions, `None` where they are unknown.
        dtype: the type, `floatx()` by default.
        name: a name for messages and for models that take a dict of inputs.
        sparse, ragged: `False`; there are no such arrays.
        record_history: taken for Keras's sake; where a tensor comes from is always known.
        ragged_rank, row_splits_dtype: `None`.
    """

    is_symbolic = True
    # What its shape and its type are shown as: a tuple and a text that may answer to more.
    shown_as: "tuple[Callable[[Iterable[int | None]], tuple[int | None, ...]], Callable[[str], str]]" = (tuple, str)
    # What messages say to use instead: of NumPy, of `if`, and of a loop over its parts.
    advice = (
        "Use kerata.ops, or do it in a layer's call()",
        "Use kerata.ops.where, or do it in a layer's call()",
        "kerata.ops.split(x, n, axis=1)",
    )
    sparse = ragged = False
    ragged_rank = row_splits_dtype = None
    history: "tuple[Caller, int, int]"

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: DTypeLike | None = None,
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        ragged_rank: int | None = None,
        row_splits_dtype: DTypeLike | None = None,
    ):
        if sparse or ragged:
            raise ValueError(message("KerasTensor", "arrays are dense", {"sparse": sparse, "ragged": ragged}))
        as_shape, as_type = type(self).shown_as
        self.shape = as_shape(None if dim is None else int(dim) for dim in shape)
        self.dtype = as_type(standardize_dtype(dtype))
        self.name = name or auto_name("keras_tensor")

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("sparse", "ragged") or (name in ("shape", "dtype") and name in self.__dict__):
            raise AttributeError(message(f"KerasTensor ({self.name})", f"its `{name}` cannot be set", {name: value}))
        super().__setattr__(name, value)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def _keras_shape(self) -> tuple[int | None, ...]:
        return self.shape

    @property
    def _keras_history(self) -> "tuple[Caller, int, int]":
        return self.history

    def to_plain(self) -> dict[str, Any]:
        """The tensor as Keras 3 writes it into a config."""
        layer, node, index = self.history
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": list(self.shape), "dtype": self.dtype, "keras_history": [layer.name, node, index]},
        }

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        raise KindError(
            message(
                f"KerasTensor ({self.name})",
                "a symbolic tensor has no numbers, so NumPy and jax.numpy functions cannot take it",
                fix=type(self).advice[0],
            )
        )

    @property
    def __jax_array__(self) -> Callable[[], Array]:
        if (value := value_of(self)) is not self:
            return lambda: cast(Array, value)
        # Asked for by the functions of jax.numpy, which would say something else of a `TypeError`.
        try:
            return self.__array__()
        except TypeError as error:
            raise ValueError(str(error)) from None

    def __float__(self) -> float:
        return self.__array__()

    __int__ = __float__

    def __iter__(self) -> NoReturn:
        raise UnableError(
            message(
                f"KerasTensor ({self.name})",
                "a symbolic tensor cannot be iterated over",
                fix=f"Take its parts by number: x[:, 0], x[:, 1], or {type(self).advice[2]}",
            )
        )

    def __bool__(self) -> bool:
        raise TypeError(
            message(f"KerasTensor ({self.name})", "a symbolic tensor is neither true nor false", fix=type(self).advice[1])
        )

    def __getitem__(self, index: object) -> "SymbolicTensor":
        return (item_of_texts[0] if self.dtype == "string" and item_of_texts else getitem)(self, index)

    def __neg__(self) -> "SymbolicTensor":
        return negative(self)

    def __abs__(self) -> "SymbolicTensor":
        return absolute(self)

    def __invert__(self) -> "SymbolicTensor":
        return logical_not(self)

    def __round__(self, ndigits: int | None = None) -> "SymbolicTensor":
        return rounded(self, ndigits or 0)

    __hash__ = object.__hash__

    if TYPE_CHECKING:
        # Set where the operations are.
        def reshape(self, newshape: Sequence[int]) -> "SymbolicTensor": ...
        def squeeze(self, axis: int | Sequence[int] | None = None) -> "SymbolicTensor": ...

        # Made below, one like the other.
        def __add__(self, other: object, /) -> "SymbolicTensor": ...
        def __radd__(self, other: object, /) -> "SymbolicTensor": ...
        def __sub__(self, other: object, /) -> "SymbolicTensor": ...
        def __rsub__(self, other: object, /) -> "SymbolicTensor": ...
        def __mul__(self, other: object, /) -> "SymbolicTensor": ...
        def __rmul__(self, other: object, /) -> "SymbolicTensor": ...
        def __truediv__(self, other: object, /) -> "SymbolicTensor": ...
        def __rtruediv__(self, other: object, /) -> "SymbolicTensor": ...
        def __floordiv__(self, other: object, /) -> "SymbolicTensor": ...
        def __rfloordiv__(self, other: object, /) -> "SymbolicTensor": ...
        def __mod__(self, other: object, /) -> "SymbolicTensor": ...
        def __rmod__(self, other: object, /) -> "SymbolicTensor": ...
        def __pow__(self, other: object, /) -> "SymbolicTensor": ...
        def __rpow__(self, other: object, /) -> "SymbolicTensor": ...
        def __matmul__(self, other: object, /) -> "SymbolicTensor": ...
        def __rmatmul__(self, other: object, /) -> "SymbolicTensor": ...
        def __and__(self, other: object, /) -> "SymbolicTensor": ...
        def __rand__(self, other: object, /) -> "SymbolicTensor": ...
        def __or__(self, other: object, /) -> "SymbolicTensor": ...
        def __ror__(self, other: object, /) -> "SymbolicTensor": ...
        def __xor__(self, other: object, /) -> "SymbolicTensor": ...
        def __rxor__(self, other: object, /) -> "SymbolicTensor": ...
        def __lt__(self, other: object, /) -> "SymbolicTensor": ...
        def __le__(self, other: object, /) -> "SymbolicTensor": ...
        def __gt__(self, other: object, /) -> "SymbolicTensor": ...
        def __ge__(self, other: object, /) -> "SymbolicTensor": ...


# Symbolic tensors in lists, tuples and dicts, as a model takes and gives them.
Tensors: TypeAlias = "SymbolicTensor | Sequence[Tensors] | Mapping[str, Tensors]"
# What is computed or will be.
AnyTree: TypeAlias = "Tree | Tensors"


class Operation(Module):
    """A function as a node of a graph. One of your own derives from it and defines `call`.

    Args:
        function: a function of arrays; of a class with a `call` of its own, its name.
        name: its name in the graph.

    >>> class Double(Operation):
    ...     def call(self, x):
    ...         return 2 * x
    >>> Double()(SymbolicTensor((None, 3))).shape, Double()(4)
    ((None, 3), 8)
    """

    def __init__(self, function: Callable[..., Any] | str | None = None, name: str | None = None):
        if not callable(function):
            function, name = None, name or function
        self.function = function
        said = type(self).__name__ if function is None else getattr(function, "__name__", "operation")
        if not isinstance(cast(object, name), (str, type(None))) or "/" in (name or ""):
            expected = "`name` must be a string without the character `/`"
            raise ValueError(message(type(self).__name__, expected, {"name": name}))
        self.name = name or auto_name(snake(said).lstrip("_") if function is None else said.lstrip("_") or "operation")
        self.inbound_nodes: list[Node] = []

    def __call__(self, *args: object, **kwargs: object) -> Any:
        if self.function is None and has_symbolic((args, kwargs)):
            return self.symbolic_call(*args, **kwargs)
        if self.function is None and getattr(self, "quantization_mode", None) is not None:
            return self.quantized_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args: object, **kwargs: object) -> object:
        """The function."""
        if self.function is None:
            raise NotImplementedError(message(type(self).__name__, "it does not have a `call` method implemented"))
        return self.function(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The name, and what the constructor was given; a class that has a `get_config` of its own adds the latter itself."""
        if type(self).__init__ is Operation.__init__ or self._has_own_config():
            return {"name": self.name}
        takes = inspect.signature(type(self).__init__).parameters
        named = "name" in takes or any(one.kind is inspect.Parameter.VAR_KEYWORD for one in takes.values())
        return {**self._config_from_call(), "name": self.name} if named else self._config_from_call()

    def compute_output_spec(self, *args: object, **kwargs: object) -> object:
        """Symbolic outputs of symbolic inputs, by tracing `call` on shapes alone."""
        return infer(self.call, *args, **kwargs)

    def quantized_call(self, *args: object, **kwargs: object) -> object:
        """What is computed in place of `call` where weights are quantized; an operation without weights has none."""
        raise NotImplementedError(message(self.name, "it does not implement quantized_call()"))

    def symbolic_call(self, *args: object, **kwargs: object) -> object:
        """Symbolic outputs of symbolic inputs, as a node of the graph."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def rematerialized_call(self, fn: Callable[..., Any], *args: object, **kwargs: object) -> Callable[..., Any]:
        """A function that gives what `fn` gives, computed again for its gradient in place of being kept."""
        checkpoint: Callable[..., Callable[..., Any]] = jax.checkpoint  # pyright: ignore
        return checkpoint(fn)

    @property
    def input(self) -> object:
        """What it was called on first: a symbolic tensor, or a list of such."""
        return (
            self._first_node().input_tensors[0]
            if len(self._first_node().input_tensors) == 1
            else self._first_node().input_tensors
        )

    @property
    def output(self) -> object:
        """What its first call gave."""
        return self._first_node().outputs

    def _first_node(self) -> "Node":
        if not self.inbound_nodes:
            raise AttributeError(
                message(self.name, "it has not been called on symbolic tensors, so it has no input and output")
            )
        return self.inbound_nodes[0]


class Caller(Protocol):
    """An operation or a layer: what a node calls."""

    inbound_nodes: "list[Node]"

    @property
    def name(self) -> str: ...
    def __call__(self, *args: object, **kwargs: object) -> Any: ...


class Node:
    """One call of an operation or a layer on symbolic tensors."""

    def __init__(self, operation: Caller, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: object):
        self._hold(operation, args, kwargs, outputs)
        take_work(CALL)
        operation.inbound_nodes.append(self)
        for index, tensor in enumerate(self.output_tensors):
            tensor.history = (operation, len(operation.inbound_nodes) - 1, index)

    def _hold(self, operation: Caller, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: object) -> None:
        self.operation, self.args, self.kwargs, self.outputs = operation, args, kwargs, outputs
        self.input_tensors = symbolic_leaves((args, kwargs))
        self.output_tensors = flatten(outputs)

    @property
    def is_input(self) -> bool:
        return not self.input_tensors


class PartNode(Node):
    """A part of a node, for those who run it in parts: its tensors do not come from it."""

    def __init__(self, operation: Caller, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: object):
        self._hold(operation, args, kwargs, outputs)


def is_symbolic(value: object) -> TypeGuard[SymbolicTensor]:
    """Whether a value is a symbolic tensor.

    >>> import kerata
    >>> kerata.utils.is_keras_tensor(kerata.Input((2,)))
    True
    """
    return isinstance(value, SymbolicTensor)


def flatten(tree: object) -> list[Any]:
    """The leaves of nested lists, tuples and dicts; dicts in order of their sorted keys, `None` kept."""
    return jax.tree.leaves(tree, is_leaf=lambda x: x is None)


def map_structure(fn: Callable[..., Any], tree: object, *rest: object) -> Any:
    """`fn` of every leaf, `None` included."""
    return in_order(jax.tree.map(fn, tree, *rest, is_leaf=lambda x: x is None), tree)


def symbolic_leaves(tree: object) -> list[SymbolicTensor]:
    return [leaf for leaf in jax.tree.leaves(tree) if isinstance(leaf, SymbolicTensor)]


def has_symbolic(tree: object) -> bool:
    return any(isinstance(leaf, SymbolicTensor) for leaf in jax.tree.leaves(tree))


def infer(function: Callable[..., Any], /, *args: object, **kwargs: object) -> Any:
    """Symbolic outputs of a function of symbolic tensors, by tracing it on shapes alone; with masks, where it notes some."""
    leaves, treedef = jax.tree.flatten((args, kwargs))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, SymbolicTensor)]
    masks = [noted(leaves[place], "mask") for place in places]
    asked = False

    def run(trial: int, values: list[Any], masks: list[Any]) -> tuple[object, list[Array | None]]:
        nonlocal asked
        filled = list(leaves)
        for place, value in zip(places, values, strict=True):
            filled[place] = value
        full_args, full_kwargs = in_order(jax.tree.unflatten(treedef, filled), (args, kwargs))
        with Scope(key=jnp.zeros((2,), jnp.uint32)) as scope:
            scope.shapes_alone, scope.trial = True, trial
            for value, mask in zip(values, masks, strict=True):
                if mask is not None:
                    note(value, "mask", mask)
            found = jax.tree.map(_as_array, function(*full_args, **full_kwargs))
            asked = asked or scope.asked
            return found, [noted(leaf, "mask") for leaf in jax.tree.leaves(found)]

    def trace(trial: int, sizes: Sizes) -> tuple[Any, Any]:
        """(outputs, a mask or `None` for each of them) as shapes, where unknown sizes are `trial` or those of a guess."""

        def spec(place: int, tensor: SymbolicTensor) -> jax.ShapeDtypeStruct:
            if tensor.dtype == "string":
                fix = "Let a StringLookup, Hashing or TextVectorization make numbers of it first"
                raise KindError(message(f"KerasTensor ({tensor.name})", "it stands for texts, and this takes numbers", fix=fix))
            return jax.ShapeDtypeStruct(
                [sizes.get((place, axis), trial) if size is None else size for axis, size in enumerate(tensor.shape)],
                tensor.dtype,
            )

        return jax.eval_shape(
            functools.partial(run, trial),
            [spec(place, leaves[place]) for place in places],
            [None if mask is None else spec(place, mask) for place, mask in zip(places, masks, strict=True)],
        )

    def merge(a: jax.ShapeDtypeStruct, b: jax.ShapeDtypeStruct) -> SymbolicTensor:
        return SymbolicTensor([m if m == n else None for m, n in zip(a.shape, b.shape, strict=True)], a.dtype)

    unknown = any(None in leaves[place].shape for place in places)
    try:
        first, second = _trace_twice(trace, guesses(leaves)) if unknown else [trace(TRIALS[0], {})] * 2
    except (TypeError, ValueError) as error:
        if not asked and need_of(error) is None:
            raise
        first, second = _instead(error, lambda: by_numbers(run, [leaves[place] for place in places], masks))
    outputs, found = jax.tree.map(merge, first, trace(TRIALS[1], {}) if asked and not unknown else second)
    for output, mask in zip(jax.tree.leaves(outputs), found, strict=True):
        if mask is not None:
            note(output, "mask", mask)
    return outputs


def is_first_look() -> bool:
    """Whether a warning about what is computed belongs here: outside of programs, and where a symbolic tensor is made.

    A program's trace, and further traces for unknown sizes, see what was seen then.
    """
    scope = current_scope()
    return scope is None or (scope.shapes_alone and scope.trial in (TRIALS[0], FOLDED[0], SMALL[0]))


def _trace_twice(trace: Callable[..., Any], guesses: Iterable[tuple[tuple[int, int], Sizes]]) -> list[Any]:
    """What `trace(trial, sizes)` gives for both trial numbers of the first guess that goes through."""
    failure: Exception | None = None
    for trials, sizes in guesses:
        try:
            return [trace(trial, sizes) for trial in trials]
        except (TypeError, ValueError) as error:
            failure = failure or error
            if need_of(error) is not None:
                break
    assert failure is not None
    raise _without_trials(failure)


def _instead(error: Exception, attempt: Callable[[], R]) -> R:
    """What an attempt gives; the error, where it fails."""
    try:
        return attempt()
    except Exception as another:
        hand_on(another)
        raise error from another


def _without_trials(error: Exception) -> Exception:
    """The error with `None` for the numbers that stood for unknown sizes."""
    if len(error.args) == 1 and isinstance(error.args[0], str):
        error.args = (re.sub(rf"\b({TRIALS[0]}|{TRIALS[1]})\b", "None", error.args[0]),)
    return error


def _both_kinds(error: TypeError) -> KindError:
    """The same error, which may be caught as a `ValueError` too."""
    again = KindError(*error.args)
    for text in getattr(error, "__notes__", ()):
        again.add_note(text)
    again._is_explained = True  # type: ignore[attr-defined]
    return again


def _as_array(value: TensorLike) -> Array:
    return value.value if isinstance(value, Variable) else jnp.asarray(value)


def traceable(function: Callable[P, R]) -> Callable[P, R]:
    """Lets a function of arrays be called on symbolic tensors as well: it then becomes a node of the graph.

    Its type says what it gives for arrays. For symbolic tensors it gives symbolic ones in their place.
    """

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        if not has_symbolic((args, kwargs)):
            return function(*args, **kwargs)
        if any_stand():
            args, kwargs = valued((args, kwargs))
            if not has_symbolic((args, kwargs)):
                return wrapped(*args, **kwargs)
        try:
            outputs = infer(function, *args, **kwargs)
        except Exception as error:
            name = getattr(function, "__name__", "operation")
            shapes = ", ".join(str(tensor.shape) for tensor in symbolic_leaves((args, kwargs)))
            explain(error, name, f"In {name}(), on inputs of shape {shapes}.", {"inputs of shape": Said(shapes)})
            if type(error) is TypeError:
                # What JAX says of shapes that do not fit; Keras, which asks for them itself, raises `ValueError`.
                raise _both_kinds(error).with_traceback(error.__traceback__) from None
            raise
        Node(Operation(wrapped), args, kwargs, outputs)
        return outputs

    return wrapped


def _getitem(x: Array, index: object) -> Array:
    return x[index]


def _traced(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Array | SymbolicTensor) -> object:
        return function(*args)

    call.__name__ = name
    return traceable(call)


getitem = _traced("get_item", _getitem)
# Takes parts of texts, where a program has functions that do: TensorFlow's.
item_of_texts: list[Callable[..., Any]] = []
negative = _traced("negative", jnp.negative)
absolute = _traced("absolute", jnp.abs)
logical_not = _traced("logical_not", jnp.logical_not)
rounded = _traced("round", jnp.round)

_OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
    "and_": "logical_and",
    "or_": "logical_or",
    "xor": "logical_xor",
}
_COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "ne": "not_equal"}


def _method(function: Callable[..., Any], swapped: bool) -> Callable[..., Any]:
    def method(self: object, other: object) -> object:
        return function(other, self) if swapped else function(self, other)

    return method


# What Python's operators do with symbolic tensors, by the names of `ops`.
OPERATORS: dict[str, Callable[..., Any]] = {"get_item": getitem, "negative": negative, "absolute": absolute}
OPERATORS.update(logical_not=logical_not, round=rounded)
for _name, _op in {**_OPERATORS, **_COMPARISONS}.items():
    # `&`, `|` and `^` ask whether numbers are true, whatever their type.
    OPERATORS[_op] = _traced(_op, getattr(jnp, _op) if _op.startswith("logical") else getattr(operator, _name))
    setattr(SymbolicTensor, f"__{_name.rstrip('_')}__", _method(OPERATORS[_op], swapped=False))
    if _name in _OPERATORS:
        setattr(SymbolicTensor, f"__r{_name.rstrip('_')}__", _method(OPERATORS[_op], swapped=True))


def sort_nodes(inputs: Iterable[SymbolicTensor], outputs: Iterable[SymbolicTensor], owner: Owner) -> list[Node]:
    """The nodes between inputs and outputs in an order in which they can run.

    Raises `ValueError` where an output depends on a tensor that no input leads to.
    """
    known = {id(t) for t in inputs}
    order: list[Node] = []
    done: set[int] = set()
    # An explicit stack: models of a thousand layers are deeper than Python's own.
    pending: list[tuple[SymbolicTensor, bool]] = [(t, False) for t in reversed(list(outputs))]
    while pending:
        tensor, ready = pending.pop()
        if id(tensor) in known:
            continue
        # A tensor that a user has made by itself comes from nowhere.
        operation, index, _ = getattr(tensor, "history", (None, 0, 0))
        node = None if operation is None else operation.inbound_nodes[index]
        if node is None or node.is_input:
            raise ValueError(
                message(
                    owner,
                    "every output must be computed from `inputs`, and one is not connected to them",
                    {"missing input": tensor.name, "shape": tensor.shape},
                    "Add it to the `inputs` of the model",
                )
            )
        if id(node) in done:
            continue
        if ready:
            done.add(id(node))
            order.append(node)
            continue
        pending.append((tensor, True))
        pending.extend((t, False) for t in reversed(node.input_tensors))
    return order


def run_nodes(nodes: Sequence[Node], values: dict[int, Any], call: Callable[..., Any] | None = None) -> dict[int, Any]:
    """Runs nodes on the values of tensors by id, to which it adds theirs. `call(operation, args, kwargs)` may step in."""

    def filled(leaf: object) -> object:
        return values[id(leaf)] if isinstance(leaf, SymbolicTensor) else leaf

    for node in nodes:
        args, kwargs = map_in_order(filled, (node.args, node.kwargs))
        result = call(node.operation, args, kwargs) if call else node.operation(*args, **kwargs)
        for tensor, value in zip(node.output_tensors, flatten(result), strict=True):
            values[id(tensor)] = value
    return values
