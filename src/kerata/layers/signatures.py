"""What can be read off a layer's methods: their parameters, the signature of `call`, and the shapes that it is given."""

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypedDict, TypeVar, cast

import numpy as np

from kerata.base.arguments import Binding, binding
from kerata.base.checks import message
from kerata.base.recent import while_there
from kerata.base.types import DTypeLike, PartialShape, PartialShapeLike, like_sequence
from kerata.engine.policy import PolicyLike
from kerata.engine.symbolic import SymbolicTensor, Tensors

# A shape, or shapes in a list or a dict, as a layer of several inputs gets them.
ShapeTree: TypeAlias = "PartialShape | list[ShapeTree] | dict[str, ShapeTree]"

T = TypeVar("T")


class Parameters:
    """The parameters of a layer's `call`, looked up once a class."""

    def __init__(self, function: Callable[..., Any]):
        parameters = list(inspect.signature(function).parameters.values())[1:]
        self.order = {p.name: index for index, p in enumerate(parameters)}
        self.takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
        self.mask_names = [name for name in self.order if name == "mask" or name.endswith("_mask")]
        default = inspect.signature(function).parameters.get("training")
        self.default_training = None if default is None or default.default is inspect.Parameter.empty else default.default

    def __contains__(self, name: str) -> bool:
        return name in self.order

    def index_of(self, name: str) -> int:
        return self.order[name]


@while_there
def _parameters_of(function: Callable[..., Any]) -> Parameters:
    return Parameters(function)


def call_parameters(cls: type) -> Parameters:
    """The parameters of a class's `call`."""
    return _parameters_of(cls.call)  # type: ignore[attr-defined]


@while_there
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    signature = inspect.signature(function)
    if "training" in signature.parameters or any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values()
    ):
        return signature
    extra = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
        for name in ("training", "mask")
        if name not in signature.parameters
    ]
    return signature.replace(parameters=[*signature.parameters.values(), *extra])


@while_there
def _binding(function: Callable[..., Any]) -> Binding:
    return binding(_signature(function))


class LayerOptions(TypedDict, total=False):
    """What every layer's constructor takes beside its own arguments."""

    name: str | None
    dtype: PolicyLike
    trainable: bool
    autocast: bool
    activity_regularizer: object
    input_shape: PartialShapeLike
    batch_shape: Sequence[int | None]


class Callee(Protocol):
    """What has a `call`, as layers have."""

    call: Callable[..., Any]


def first_given(layer: Callee, args: Sequence[Any], kwargs: dict[str, Any]) -> object:
    """What a call is given first: by the order of `call`, since arguments by name stand in any order.

    Args:
        layer: what is called.
        args, kwargs: what its call is given.
    """
    if args:
        return args[0]
    names = (name for name in call_parameters(type(layer)).order if name in kwargs)
    return kwargs.get(next(names, next(iter(kwargs), "")))


def bind_call(layer: Callee, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a layer's `call` by name, with `training` and `mask` allowed as every layer's `__call__` allows them."""
    return _binding(type(layer).call)(layer, args, kwargs)


def shape_parameters(cls: type, method: str = "build") -> tuple[str, ...]:
    """The names of what a class's `build` or `compute_output_shape` takes."""
    return _names(getattr(cls, method))


def shapes_to_build(layer: Callee, shapes: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """What a layer's `build` is given: the first shape, or, where it takes several, those of the arguments that it names.

    Args:
        layer: whose `build`.
        shapes: of what `call` was given, by the name of each argument with `_shape` behind it.
    """
    names = shape_parameters(type(layer))
    if len(names) < 2:
        return [next(iter(shapes.values()), None)][: len(names)], {}
    if len(shapes) == 1:
        # It is that of the input, whatever a user's `call` names it.
        return list(shapes.values()), {}
    known = call_parameters(type(layer))
    for name in names:
        argument = name.removesuffix("_shape")
        if argument == name or (argument not in known and not known.takes_any):
            expected = "each argument of a `build` of several is the name of an argument of `call`, with `_shape` behind it"
            found = f"`call` has no `{argument}`" if argument != name else f"`{name}` does not end in `_shape`"
            raise ValueError(message(layer, f"{expected}: {found}", {"build": names}, f"`call` takes {', '.join(known.order)}"))
    return [], {name: shapes[name] for name in names if name in shapes}


@while_there
def _names(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)[1:]


def is_tensor(value: object) -> bool:
    """Whether a value has a shape and a type, as arrays and symbolic tensors have."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def numbers_of(tensor: T) -> T:
    """The array of a tensor of another library, such as TensorFlow's; arrays, texts and what holds none stay as they are."""
    if hasattr(getattr(tensor, "dtype", None), "kind") or not hasattr(tensor, "__array__"):
        return tensor
    held = np.asarray(tensor)
    if held.dtype.kind in "OUS":
        return tensor
    # Who has numbers for JAX says so where they must not be taken, such as under a tape.
    return cast(T, getattr(tensor, "__jax_array__", lambda: held)())


def as_shape(value: object) -> object:
    """Lists of a JSON config as the tuples that `build` takes."""
    if isinstance(value, dict):
        return {key: as_shape(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        if all(item is None or isinstance(item, int) for item in value):
            return tuple(value)
        return [as_shape(item) for item in value]
    if value is None:
        return None
    raise ValueError(message("build", "a shape must be a list of sizes, whole numbers or None", {"shape": value}))


def symbolic_of_shape(shape: Any, dtype: DTypeLike) -> Tensors:
    """Symbolic tensors for a shape, or for lists and dicts of shapes."""
    if isinstance(shape, dict):
        return {key: symbolic_of_shape(value, dtype) for key, value in shape.items()}
    if isinstance(shape, (list, tuple)) and shape and not all(d is None or isinstance(d, (int, np.integer)) for d in shape):
        return like_sequence(shape, [symbolic_of_shape(item, dtype) for item in shape])
    return SymbolicTensor(tuple(shape), dtype)
