"""Functions of tensors: what all of them do around the one line that each computes."""

import ast
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kerata.base.checks import did_you_mean, message
from kerata.base.recent import Recent
from kerata.engine.numbers import ASKING, asked_by, known, numbers_of
from kerata.engine.scope import current_scope, note
from kerata.engine.symbolic import SymbolicTensor, symbolic_leaves, traceable
from kerata.engine.types import AnyArray, HostArray
from kerata.engine.variable import Variable
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.sizes import following, with_sizes
from kerata.legacy.tensorflow.tape import Call, is_graph, make_call, needs_python
from kerata.legacy.tensorflow.tensor import Operand, Tensor, dtype_of, is_array, narrow, tensors, texts
from kerata.legacy.tensorflow.types import PYTHON, DType, Ints, as_dtype, float32, float64, int32, int64, string
from kerata.legacy.tensorflow.written import as_written
from kerata.ops.forms import facts_of, tell_translation

# Names that arguments had in TensorFlow 1.
FORMER = {
    "keep_dims": "keepdims",
    "reduction_indices": "axis",
    "dim": "axis",
    "squeeze_dims": "axis",
    "dimension": "axis",
    "concat_dim": "axis",
    "split_dim": "axis",
    "box_ind": "box_indices",
}
# Arguments that TensorFlow makes tensors of, as far as functions are not of a list of them.
_TENSORS = """
    x y input input_ input_tensor tensor value a b condition params indices t features logits labels data updates matrix rhs
    diagonal predictions targets filters filter mean variance offset scale bias sorted_sequence seq_lengths real imag
"""
TENSORS = frozenset(_TENSORS.split())
# Arguments that decide shapes, so that programs are made for their values.
_SETTLED = """
    shape perm axis axes multiples num_or_size_splits size dims output_shape depth num_rows num_columns batch_shape num_segments
    maxlen sizes paddings k num repeats shift partitions num_partitions crop_size max_output_size max_output_size_per_class
    max_total_size
"""
SETTLED = frozenset(_SETTLED.split())
# Functions that give whole numbers of 64 bits which fit into 32 where what they are given does.
_ALIKE = """
    argmax argmin math.argmax math.argmin argsort reshape transpose squeeze expand_dims gather gather_nd concat stack unstack
    split tile reverse identity slice strided_slice where boolean_mask repeat roll pad minimum maximum clip_by_value sort
    reduce_max reduce_min math.reduce_max math.reduce_min stop_gradient ones_like zeros_like broadcast_to
    categorical count_nonzero math.count_nonzero
"""
ALIKE = frozenset(_ALIKE.split())
# Arguments that say where, or how often: what comes out has not their type.
_PLACES = "axis begin box_indices ids indices num_lower num_upper segment_ids seq_lengths"
PLACES = SETTLED | frozenset(_PLACES.split())
_calls: Recent[Call] = Recent(512)
# Makes the node of a function on the host: in `on_host.py`, which stands on layers.
on_host: list[Callable[..., Any]] = []
# What functions do with rows of different lengths: in `ragged.py`, which stands on functions.
on_ragged: list[Callable[..., Any]] = []
# Functions whose inputs cross-entropies of Keras take in a graph.
OF_LOGITS = {
    "softmax": "softmax",
    "nn.softmax": "softmax",
    "sigmoid": "sigmoid",
    "math.sigmoid": "sigmoid",
    "nn.sigmoid": "sigmoid",
}


def is_last(axes: Sequence[object], tensor: Tensor) -> bool:
    """Whether the axis that is said, if one is, is the last one."""
    return all(axis in (None, -1, len(tensor.shape) - 1) for axis in axes)


class Function:
    """A function of TensorFlow's name and arguments.

    Args:
        name: as in `tf.name`.
        signature: `"x, axis=None"`; each function takes `name=` beside.
        compute: the same on arrays, with the arguments in that order.
        like: "numbers" where the operands must be of one type, which Python's numbers take.
        gives: the type of what comes out, where that is another one than that of what goes in.
        host: whether it takes texts or more than a program can hold: it gets the tensors as they are, and no tape follows it.
        on_texts: the same on NumPy's arrays, where a tensor of texts is among them.
    """

    def __init__(
        self,
        name: str,
        signature: str,
        compute: Callable[..., Any],
        like: str | None = None,
        gives: DType | Callable[..., Any] | None = None,
        host: bool = False,
        on_texts: Callable[..., Any] | None = None,
    ):
        # Files name an activation so: `leaky_relu`, and not `nn.leaky_relu`.
        self.__name__ = self.__qualname__ = name.rpartition(".")[2]
        self.title = name
        self.__doc__ = compute.__doc__
        self.compute, self.like, self.gives, self.host, self.on_texts = compute, like, gives, host, on_texts
        self.names, self.defaults = read_signature(signature)
        # The places of an array are numbers themselves.
        self._kinds = [place for place, one in enumerate(self.names) if one not in PLACES or name == "unravel_index"]
        self._symbolic = compute
        if facts_of(compute) is None:
            self._symbolic = traceable(named(compute, name))
            tell_translation(self._symbolic, functools.partial(as_written, self.names, self.defaults, name))

    def __repr__(self) -> str:
        return f"<function {self.title}>"

    def __call__(self, *args: object, **kwargs: object) -> Any:
        values = self.bind(args, kwargs)
        if any(map(is_ragged, values)):
            return on_ragged[0](self, values)
        if self.host:
            return on_host[0](self, values) if needs_host(values) else self.compute(*values)
        values = [settled(one) if name in SETTLED else one for name, one in zip(self.names, values, strict=True)]
        # Operands that are lists take the type of the others.
        count = 0 if self.like is None else len(self.names) if self.like == "numbers" else int(self.like)
        if any(isinstance(one, (list, tuple, str, bytes)) for one in values[count:]):
            rest = zip(self.names[count:], values[count:], strict=True)
            values = [*values[:count], *(self._of_list(name, one) for name, one in rest)]
        if self.like is not None:
            values = alike(self.title, values, count)
        leaves, treedef = jax.tree.flatten(values, is_leaf=is_array)
        places = [place for place, leaf in enumerate(leaves) if is_array(leaf)]
        objects = [leaves[place] for place in places]
        if any(isinstance(thing, SymbolicTensor) for thing in objects):
            if needs_host(leaves):
                return on_host[0](self, values)
            for place in places:
                if not isinstance(leaves[place], (SymbolicTensor, Variable)):
                    leaves[place] = narrow(leaves[place])
            return self._call_symbolic(jax.tree.unflatten(treedef, leaves))
        if any(map(holds_texts, objects)):
            return self._call_on_texts(jax.tree.unflatten(treedef, [texts_of(leaf) for leaf in leaves]))
        return self.call(leaves, treedef, places, objects, values)

    def _call_symbolic(self, values: list[Any]) -> object:
        """A node of the graph. What is computed from sizes alone is a number where a number is needed."""
        if self.title == "reshape":
            values = [values[0], following(values[1])]
        settles = [one for name, one in zip(self.names, values, strict=True) if name in SETTLED]
        return with_sizes(self._symbolic, tuple(values), {}, settles)

    def _of_list(self, name: str, value: object) -> object:
        """The tensor that TensorFlow makes of a list for an argument."""
        if (
            name not in TENSORS
            or not isinstance(value, (list, tuple, str, bytes))
            or any(isinstance(x, SymbolicTensor) for x in flat(value))
        ):
            return value
        return convert(value, None, f"tf.{self.title}")

    def call(
        self, leaves: list[Any], treedef: jax.tree_util.PyTreeDef, places: list[int], objects: list[Any], values: list[Any]
    ) -> object:
        """The function of arrays, noted on the tapes that follow one of them."""
        is_known = not any(isinstance(getattr(thing, "_array", thing), Tracer) for thing in objects) and not any(
            isinstance(thing, Variable) and isinstance(thing.value, Tracer) for thing in objects
        )
        is_wide = is_known and any(dtype_of(thing).is_wide for thing in objects)
        call = self._call_of(leaves, treedef, places, is_wide)
        given = [(wide_of if is_wide else narrow)(thing) for thing in objects]
        nominal = self.gives(values) if callable(self.gives) else self.gives
        operands = [one for place in self._kinds for one in jax.tree.leaves(values[place], is_leaf=is_array) if is_array(one)]

        def wrap(found: object) -> tuple[Any, list[Any]]:
            flat, tree = jax.tree.flatten(found)
            kinds = nominal if isinstance(nominal, tuple) else [nominal] * len(flat)
            made = [Tensor(array, kind or kept_type(array, operands)) for array, kind in zip(flat, kinds, strict=True)]
            if not is_known and any(one.dtype.is_wide for one in made) and not self._fits_narrow(objects):
                needs_python("it computes with 64 bits")
            if self.title in OF_LOGITS and is_graph() and is_last(values[1:], made[0]):
                note(made[0], "logits", (OF_LOGITS[self.title], values[0]))
            return jax.tree.unflatten(tree, made), made

        if is_known and not (only_shapes() and is_large(call, given)):
            with jax.ensure_compile_time_eval():
                return make_call(call, objects, given, wrap)
        with asked_by(f"tf.{self.title}"):
            return make_call(call, objects, given, wrap)

    def _fits_narrow(self, objects: list[Any]) -> bool:
        """Whether what comes out fits into 32 bits where what goes in does."""
        return self.title in ALIKE or (self.title == "cast" and not dtype_of(objects[0]).is_floating)

    def _call_on_texts(self, values: list[Any]) -> object:
        if self.on_texts is None:
            raise InvalidArgumentError(f"tf.{self.title} takes no texts. See tf.strings")
        return tensors(jax.tree.map(boxed, self.on_texts(*values)))

    def _call_of(self, leaves: list[Any], treedef: jax.tree_util.PyTreeDef, places: list[int], is_wide: bool) -> Call:
        """The call for these arguments beside arrays; the same one where it was there before."""
        fixed = list(leaves)
        for place in places:
            fixed[place] = None

        def function(arrays: list[Any]) -> object:
            filled = list(fixed)
            for place, array in zip(places, arrays, strict=True):
                filled[place] = array
            return self.compute(*jax.tree.unflatten(treedef, filled))

        key = (id(self), treedef, tuple(places), tuple((type(one), one) for one in fixed), is_wide)
        try:
            call = _calls.find(key)
        except TypeError:  # an argument that is no key, such as a user's function
            return Call(function, wide=is_wide)
        if call is None:
            call = Call(function, kept=True, wide=is_wide)
            _calls.keep(key, call)
        return call

    def bind(self, args: tuple, kwargs: dict[str, Any]) -> list[Any]:
        """The arguments in order."""
        if len(args) > len(self.names):
            args = (
                args[: len(self.names)]
                if len(args) == len(self.names) + 1 and isinstance(args[-1], (str, type(None)))
                else args
            )
        if len(args) > len(self.names):
            raise TypeError(f"tf {self.title}() takes {len(self.names)} arguments, and {len(args)} were given")
        values = dict(zip(self.names, args, strict=False))
        for key, value in kwargs.items():
            if key == "name" and "name" not in self.names:
                continue
            key = key if key in self.names else FORMER.get(key, key)
            if key not in self.names:
                if key == "axis" and "dims" in self.names:
                    key = "dims"
                else:
                    raise TypeError(
                        message(f"tf.{self.title}", f"unknown argument `{key}`", {key: value}, did_you_mean(key, self.names))
                    )
            values[key] = value
        missing = [one for one in self.names if one not in values and one not in self.defaults]
        if missing:
            raise TypeError(f"tf {self.title}() misses the argument {missing[0]!r}")
        return [values[one] if one in values else self.defaults[one] for one in self.names]


def is_ragged(value: object) -> bool:
    """Whether a value is rows of different lengths, or a list with such."""
    if isinstance(value, list):
        return any(hasattr(one, "is_ragged") for one in value)
    return not isinstance(value, Variable) and hasattr(value, "is_ragged")


def needs_host(values: list[Any]) -> bool:
    """Whether a function is one of texts in the graph of a model."""
    return any(leaf.dtype == "string" for leaf in symbolic_leaves(values))


def only_shapes() -> bool:
    """Whether nothing but shapes comes of what is computed now."""
    scope = current_scope()
    return scope is not None and scope.shapes_alone


def is_large(call: Call, given: list[Any]) -> bool:
    """Whether a call gives so much that it is not computed where its shape is all that is wanted: sizes are guesses there."""
    try:
        found = jax.eval_shape(call.function, given)
    except ASKING:
        # Its shape hangs on the numbers, and they are there.
        return False
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(found)) > 1 << 22


def settled(value: object, listed: bool = False) -> object:
    """A tensor whose numbers are known, or a list with some, as whole numbers of Python's.

    TensorFlow makes whole numbers of floats in lists, such as sizes by `tf.math.ceil`.

    >>> settled((Tensor(np.int32(3)), -1, Tensor(np.float32(4))))
    (3, -1, 4)
    """
    if isinstance(value, (list, tuple)) and any(isinstance(one, (Tensor, list, tuple)) for one in value):
        return type(value)(settled(one, True) for one in value) if type(value) in (list, tuple) else value
    if not isinstance(value, Tensor) or not (value.dtype.is_integer or (listed and value.dtype.is_floating)):
        return value
    array = known(value._array)
    if array is None:
        return value
    return np.asarray(array).tolist() if value.dtype.is_integer else np.asarray(array).astype(np.int64).tolist()


def named(compute: Callable[..., object], name: str) -> Callable[..., object]:
    def call(*args: object) -> object:
        with asked_by(f"tf.{name}"):
            return compute(*args)

    call.__name__ = name.rpartition(".")[2]
    return call


def holds_texts(thing: object) -> bool:
    """Whether a tensor, or an array of NumPy, holds texts."""
    return thing.dtype == string if isinstance(thing, Tensor) else isinstance(thing, np.ndarray) and thing.dtype.kind in "OSU"


def boxed(found: object) -> object:
    """An array for one text alone, which NumPy takes out of its array.

    >>> boxed(b"a").shape, boxed(2)
    ((), 2)
    """
    if not isinstance(found, (bytes, str)):
        return found
    array = np.empty((), object)
    array[()] = found
    return array


def texts_of(leaf: object) -> object:
    """What functions on texts get: NumPy's arrays."""
    return np.asarray(leaf._array) if isinstance(leaf, Tensor) else np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf


def wide_of(thing: Operand) -> HostArray:
    """The array with all its bits, within `enable_x64`; made where the call is."""
    return np.asarray(thing._array if isinstance(thing, Tensor) else thing.value if isinstance(thing, Variable) else thing)


def kept_type(array: AnyArray, objects: list[Any]) -> DType:
    """The type of a result: its own, or the wide one that it stands for in a program."""
    own = as_dtype(array.dtype)
    for thing in objects:
        found = dtype_of(thing)
        if found.is_wide and {"float64": "float32", "int64": "int32", "uint64": "uint32"}.get(found.name) == own.name:
            return found
    return own


def read_signature(text: str) -> tuple[list[str], dict[str, Any]]:
    """(names of arguments, defaults) of `"x, axis=None"`."""
    arguments = ast.parse(f"def f({text}): pass").body[0].args  # type: ignore[attr-defined]
    names = [one.arg for one in arguments.args]
    defaults = [ast.literal_eval(one) for one in arguments.defaults]
    return names, dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))


def alike(name: str, values: list[Any], count: int) -> list[Any]:
    """Operands of one type: Python's numbers and NumPy's arrays take that of the tensors, tensors of two types raise.

    Args:
        name: of the function.
        values: its arguments.
        count: how many of them, from the first on, are operands.
    """
    operands = values[:count]
    tensors = [one for one in operands if isinstance(one, (Tensor, Variable, jax.Array, SymbolicTensor))]
    if not tensors:
        arrays = [one for one in operands if isinstance(one, (np.ndarray, np.generic))]
        if not arrays:
            given = [convert(one) for one in operands]
            floats = [one for one in given if one.dtype.is_floating]
            # Of `0.0, 1` the second is made anew: a tensor is not cast.
            return [*(map(convert, operands, [floats[0].dtype] * count) if floats else given), *values[count:]]
        tensors = arrays[:1]
    first = tensors[0]
    dtype = dtype_of(first)
    found = []
    for number, one in enumerate(operands):
        if isinstance(one, (Tensor, Variable)) or (isinstance(one, jax.Array) and not one.weak_type):
            if dtype_of(one) != dtype and not may_be_equal(one, first):
                raise InvalidArgumentError(
                    f"cannot compute {name} as input #{number}(zero-based) was expected to be a {dtype.name} tensor but is a "
                    f"{dtype_of(one).name} tensor. Use tf.cast(x, tf.{dtype.name})"
                )
            found.append(one)
        elif one is None or isinstance(one, (SymbolicTensor, jax.Array)):
            found.append(one)
        else:
            is_number = dtype.is_integer or dtype.is_floating
            found.append(convert(int(one) if is_number and isinstance(one, (bool, np.bool_)) else one, dtype))
    return [*found, *values[count:]]


def may_be_equal(one: object, other: object) -> bool:
    """Whether two operands may be of one type in spite of what they say: whole numbers, of which an array of a program is one.

    What such an array was made of, by a function beside those of TensorFlow, may have had 64 bits; and so may what a layer
    will be called on, where only shapes are wanted yet.
    """
    kinds = {dtype_of(one), dtype_of(other)}
    return kinds == {int32, int64} and (only_shapes() or any(isinstance(thing, Tracer) for thing in (one, other)))


def convert(value: object, dtype: object = None, owner: str = "tf.convert_to_tensor") -> Any:
    """A tensor of numbers, lists, arrays, variables or tensors.

    Args:
        value: what.
        dtype: its type. A tensor is not cast, and whole numbers are not made of others.
        owner: for messages.
    """
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(value, SymbolicTensor):
        return value
    if isinstance(value, Variable):
        value = read(value)
    if isinstance(value, Tensor):
        if wanted is not None and value.dtype != wanted:
            raise ValueError(
                f"Tensor conversion requested dtype {wanted.name} for Tensor with dtype {value.dtype.name}: {value!r}. "
                f"Use tf.cast(x, tf.{wanted.name})"
            )
        return value
    if isinstance(value, jax.Array):
        if wanted is None or value.dtype == wanted.dtype:
            return Tensor(value, dtype_of(value))
        return Tensor(value.astype(jax.dtypes.canonicalize_dtype(wanted.dtype)), wanted)
    if isinstance(value, (list, tuple)) and any(isinstance(one, (Tensor, Variable, jax.Array)) for one in flat(value)):
        return stack_nested(value, wanted, owner)
    return from_python(value, wanted, owner)


def from_python(value: Any, wanted: DType | None, owner: str) -> Tensor:
    """A tensor of Python's and NumPy's numbers and texts."""
    if value is None:
        raise ValueError("Attempt to convert a value (None) with an unsupported type (<class 'NoneType'>) to a Tensor.")
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError("Can't convert non-rectangular Python sequence to Tensor.") from None
    if array.dtype.kind == "S" and not isinstance(value, (np.ndarray, np.generic)):
        # NumPy's own type of texts takes the zeros away at their ends.
        array = np.array(value, object)
    if array.dtype.kind in "OSU":
        if wanted is not None and wanted != string:
            raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {wanted.name}")
        kinds = {type(one) for one in array.ravel().tolist()}
        if not kinds <= {str, bytes}:
            raise ValueError(f"Failed to convert a NumPy array to a Tensor (Unsupported object type {kinds.pop().__name__}).")
        return Tensor(texts(array), string)
    own = isinstance(value, (np.ndarray, np.generic))
    if wanted is None:
        wanted = as_dtype(array.dtype) if own else PYTHON.get(type(array.ravel()[0].item()) if array.size else float, float32)
        if wanted == int32 and array.size and (array.max() > 2**31 - 1 or array.min() < -(2**31)):
            raise ValueError(f"{owner}: a number does not fit into int32. Received: {value!r}. Give dtype=tf.int64")
        if not own and has_numpy(value, np.float64):
            wanted = float64
    elif array.size and (
        (wanted.is_integer and array.dtype.kind in "fc")
        or (wanted.is_bool and array.dtype.kind != "b")
        or (array.dtype.kind == "b" and not wanted.is_bool)
    ):
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {wanted.name}")
    # What may be changed afterwards is copied.
    return Tensor(array.astype(wanted.dtype, copy=own), wanted)


def has_numpy(value: object, kind: type) -> bool:
    """Whether a list holds NumPy's own numbers of a kind."""
    return isinstance(value, (list, tuple)) and any(getattr(one, "dtype", None) == kind for one in flat(value))


def flat(value: Iterable[Any]) -> Iterable[Any]:
    for one in value:
        if isinstance(one, (list, tuple)):
            yield from flat(one)
        else:
            yield one


def stack_nested(value: Sequence[Any], wanted: DType | None, owner: str) -> Tensor:
    """A tensor of nested lists with tensors among them."""
    first = next(one for one in flat(value) if isinstance(one, (Tensor, Variable, jax.Array)))
    dtype = wanted or dtype_of(first)
    return pack([convert(one, dtype, owner) for one in value])


pack = Function("stack", "values, axis=0", lambda values, axis: jnp.stack(values, axis))
read = Function("identity", "input", lambda x: jnp.asarray(x))


def ints(value: Ints) -> Any:
    """Whole numbers of a tensor, or of a list with tensors: a shape, an axis."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, (list, tuple)):
        return tuple(None if one is None else int(one) for one in value)
    array = numbers_of(value)
    return int(array) if array.ndim == 0 else tuple(array.tolist())


def integer_type(values: list[Any]) -> DType:
    return int64


def cast_type(values: list[Any]) -> DType:
    return as_dtype(values[1])
