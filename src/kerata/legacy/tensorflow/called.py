"""`tf.function`: the function runs as it is, on what its signature says, and becomes a program where it comes often."""

import contextlib
import functools
import inspect
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kerata.data.elements import rebuild
from kerata.engine.scope import in_scope
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.variable import Variable
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.elements import TensorSpec
from kerata.legacy.tensorflow.programs import Programs, Weak
from kerata.legacy.tensorflow.tape import as_graph, inside_call
from kerata.legacy.tensorflow.tensor import Tensor, dtype_of
from kerata.legacy.tensorflow.types import TensorShape


def function(
    func: Callable[..., Any] | None = None,
    input_signature: object = None,
    autograph: object = None,
    jit_compile: object = None,
    **kwargs: object,
) -> object:
    """`@tf.function`."""
    if func is None:
        return functools.partial(function, input_signature=input_signature)
    return func if isinstance(func, Ran) else Ran(func, input_signature)


# Whether functions run as they are, since `tf.config.run_functions_eagerly` said so.
as_python = [False]


def run_eagerly(run_eagerly: bool) -> None:
    """`tf.config.run_functions_eagerly`."""
    as_python[0] = bool(run_eagerly)


class Ran:
    """A function under `tf.function`.

    Args:
        function: it.
        input_signature: what its arguments are, without `self`: a `TensorSpec` for each, or a structure of them.
    """

    holds_function = True  # For functions that call it.

    def __init__(self, function: Callable[..., Any], input_signature: object = None):
        functools.update_wrapper(self, function)
        self.python_function, self.title = function, getattr(function, "__name__", "tf.function")
        if input_signature is not None and not isinstance(input_signature, (list, tuple)):
            raise TypeError(f"input_signature must be either a tuple or a list, got {type(input_signature)}.")
        self.input_signature = None if input_signature is None else tuple(input_signature)
        self._programs: Programs | None = None
        # Programs of methods, by where the object stands in memory: objects that are equal may hold other variables.
        self._bound: dict[int, tuple[weakref.ref[Any], Programs]] = {}

    def __call__(self, *args: object, **kwargs: object) -> object:
        with as_graph(True):
            run = self._run()
            if self.input_signature is None:
                # Numbers and arrays of NumPy become tensors, as they did.
                found = run(*map(of_numpy, args), **{name: of_numpy(one) for name, one in kwargs.items()})
            else:
                found = run(*self._fitted(args, kwargs))
            return found if as_python[0] or in_scope() or inside_call() else given_as_tensors(found)

    def _run(self) -> Callable[..., Any]:
        """The function, as Python or as programs."""
        if as_python[0]:
            return self.python_function
        if self._programs is None:
            self._programs = Programs(self.python_function)
        return self._programs

    def _fitted(self, args: tuple, kwargs: Mapping[str, object]) -> list[object]:
        """The arguments in order, as tensors of the types and shapes that the signature says."""
        parameters = list(inspect.signature(self.python_function).parameters.values())
        places = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
        wanted = self.input_signature or ()
        open_ended = any(one.kind == one.VAR_POSITIONAL for one in parameters)
        if len(wanted) > len(places) and not open_ended:
            raise TypeError(f"input_signature has {len(wanted)} parts, and {self.title}() takes {len(places)} arguments")
        names = [one.name for one in places[: len(wanted)]] + [""] * (len(wanted) - len(places))
        unknown = [name for name in kwargs if name not in names[len(args) :]]
        if len(args) > len(wanted) or unknown:
            said = f"`{unknown[0]}` is none of them, or given twice" if unknown else f"{len(args)} were given"
            raise TypeError(f"{self.title}() takes {len(wanted)} arguments, by its input_signature, and {said}")
        found = list(args)
        for place in range(len(args), len(wanted)):
            name = names[place]
            if name not in kwargs and (not name or places[place].default is inspect.Parameter.empty):
                raise TypeError(f"{self.title}() misses the argument {name!r}")
            found.append(kwargs[name] if name in kwargs else places[place].default)
        rows = enumerate(zip(wanted, found, names, strict=True))
        return [fit(spec, one, f"{self.title}({name or place})") for place, (spec, one, name) in rows]

    def __get__(self, obj: object, kind: type | None = None) -> "Ran":
        if obj is None:
            return self
        function = self.python_function
        # A function's own kind knows of `self`; what is no function is given it.
        bound = function.__get__(obj, kind) if hasattr(function, "__get__") else types.MethodType(function, obj)
        ran = Ran(bound, self.input_signature)
        with contextlib.suppress(TypeError):  # an object that cannot be held weakly
            if id(obj) not in self._bound:
                self._bound[id(obj)] = (
                    weakref.ref(obj, functools.partial(self._bound.pop, id(obj))),
                    Programs(Weak(function, obj)),
                )
            ran._programs = self._bound[id(obj)][1]
        return ran

    def get_concrete_function(self, *args: object, **kwargs: object) -> "Ran":
        """The function itself."""
        return self


def given_as_tensors(value: object) -> object:
    """What a function gives, with tensors for numbers, texts, arrays and variables: these change, what was given does not."""
    if isinstance(value, (bool, int, float, complex, str, bytes, np.ndarray, np.generic, Variable)):
        return convert(value)
    if type(value) in (dict, OrderedDict):
        return type(value)((name, given_as_tensors(one)) for name, one in value.items())  # type: ignore[attr-defined]
    if type(value) in (list, tuple) or hasattr(value, "_fields"):
        return rebuild(value, [given_as_tensors(one) for one in value])  # type: ignore[arg-type,attr-defined]
    return value


def of_numpy(value: object) -> object:
    """A tensor for an array of NumPy's, within lists and dicts as well."""
    if isinstance(value, (np.ndarray, np.generic)):
        return convert(value)
    if isinstance(value, dict):
        return {name: of_numpy(one) for name, one in value.items()}
    if type(value) in (list, tuple) or hasattr(value, "_fields"):
        return rebuild(value, [of_numpy(one) for one in value])  # type: ignore[arg-type,attr-defined]
    return value


def fit(wanted: object, value: object, place: str) -> object:
    """A value as the tensor that a signature says, or a structure of such."""
    if isinstance(wanted, Mapping):
        if not isinstance(value, Mapping) or value.keys() != wanted.keys():
            raise TypeError(
                f"{place}: a dict with the keys {list(wanted)} was expected, by the input_signature. Received: {value!r}"
            )
        return {name: fit(one, value[name], f"{place}[{name!r}]") for name, one in wanted.items()}
    if isinstance(wanted, (list, tuple)) and not isinstance(wanted, TensorShape):
        if not isinstance(value, (list, tuple)) or len(value) != len(wanted):
            raise TypeError(f"{place}: {len(wanted)} parts were expected, by the input_signature. Received: {value!r}")
        return rebuild(value, [fit(one, value[number], f"{place}[{number}]") for number, one in enumerate(wanted)])
    if not isinstance(wanted, TensorSpec):
        raise TypeError(f"{place}: the input_signature must say a tf.TensorSpec. Received: {wanted!r}")
    if isinstance(value, SymbolicTensor):
        return value
    tensor = value if isinstance(value, Tensor) else made_of(value, wanted, place)
    if dtype_of(tensor) != wanted.dtype or not wanted.shape.is_compatible_with(tensor.shape):
        received = f"a tensor of shape {tensor.shape} and type {dtype_of(tensor).name}"
        raise TypeError(f"{place}: {wanted} was expected, by the input_signature. Received: {received}")
    return tensor


def made_of(value: object, wanted: TensorSpec, place: str) -> Tensor:
    try:
        return convert(value, wanted.dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{place}: {error}. By the input_signature it is {wanted}") from error
