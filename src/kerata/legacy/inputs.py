"""`Input` and `InputLayer` of the eras: a model may begin at an array, a variable, or a symbolic tensor that is computed."""

from collections.abc import Callable
from typing import Any, TypeGuard

import jax
import numpy as np

from kerata import layers
from kerata.base.checks import message, shorten
from kerata.engine.symbolic import SymbolicTensor, traceable
from kerata.engine.types import Array, HostArray
from kerata.engine.variable import Variable
from kerata.legacy.spelling import name_of_era
from kerata.legacy.tensorflow.tensor import Tensor, plain


@traceable
def _begin(tensor):
    return tensor


def is_value(tensor: object) -> TypeGuard[Variable | Array | HostArray | Tensor]:
    """Whether it has its numbers already."""
    return isinstance(tensor, (Variable, jax.Array, np.ndarray, Tensor))


def holding(tensor: SymbolicTensor, value: object) -> SymbolicTensor:
    """A symbolic input that is given nothing, since it holds its numbers: those that a variable has then."""
    tensor.fixed = plain(value)  # type: ignore[attr-defined]
    return tensor


def begin_at(tensor: SymbolicTensor, name: str | None) -> SymbolicTensor:
    """A symbolic tensor at which a model may begin: an input itself, else one that is computed and goes on under a name."""
    if isinstance(tensor.history[0], layers.InputLayer) and name in (None, tensor.name):
        if tensor.name.startswith("keras_tensor"):
            tensor.name = input_name()
        return tensor
    begun = _begin(tensor)
    assert isinstance(begun, SymbolicTensor)
    begun.name = name or input_name()
    return begun


def input_name() -> str:
    """`input_1`, `input_2`, ... in all eras."""
    return name_of_era("keras2", type("Input", (), {}))


class BeginningLayer:
    """What an InputLayer could do: begin at numbers that are there."""

    def _begin_spelled(self, arguments: dict[str, Any], given: dict[str, Any]) -> None:
        if arguments.get("name") is None:
            arguments["name"] = input_name()
        super()._begin_spelled(arguments, given)  # type: ignore[misc]
        if is_value(tensor := arguments.get("input_tensor")):
            del arguments["input_tensor"]
            arguments |= {"batch_shape": tuple(tensor.shape), "dtype": arguments.get("dtype") or str(plain(tensor).dtype)}
            for name in ("shape", "input_shape", "batch_size", "batch_input_shape"):
                arguments.pop(name, None)
            self.__dict__["_held"] = tensor

    def get_input_at(self, node_index: int) -> object:
        """What goes into a model: what comes out here."""
        return self.get_output_at(node_index)  # type: ignore[attr-defined]

    @property
    def input_shape(self) -> object:
        """The shape of the input; in `tf.keras`, in a list."""
        found = self.get_output_shape_at(0)  # type: ignore[attr-defined]
        return [found] if self._era == "tfkeras2" else found  # type: ignore[attr-defined]

    output_shape = input_shape

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        super()._finish_spelled(arguments)  # type: ignore[misc]
        if (held := self.__dict__.pop("_held", None)) is not None:
            holding(self.tensor, held)  # type: ignore[attr-defined]


def make_input(era: str, layer: type[layers.InputLayer]) -> Callable[..., SymbolicTensor]:
    """`Input` of an era, whose InputLayer is given."""

    def Input(shape=None, batch_shape=None, name=None, dtype=None, sparse=False, tensor=None, batch_size=None, **kwargs):
        """A symbolic input, called `input_1`, `input_2`, ... as in its era."""
        if era == "tfkeras2" and isinstance(batch_shape, int):
            # The size of a batch stood second in `tf.keras`.
            batch_shape, batch_size = None, batch_shape
        if shape is not None and not isinstance(shape, (tuple, list)):
            shape = (int(shape),) if not hasattr(shape, "__iter__") else tuple(shape)
        shape = None if shape is None else tuple(None if size is None else int(size) for size in shape)
        if isinstance(tensor, SymbolicTensor):
            return begin_at(tensor, name)
        if tensor is not None:
            return layer(input_tensor=tensor, name=name, dtype=dtype).tensor
        if batch_shape is not None:
            shape = batch_size = None
        if batch_size is not None and shape is not None:
            batch_shape, shape, batch_size = (batch_size, *shape), None, None
        return layer(shape=shape, batch_shape=batch_shape, name=name, dtype=dtype, batch_size=batch_size).tensor

    return Input


def with_held_inputs(model, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `fit` and its kin with what inputs hold themselves: `Input(tensor=array)` is given nothing."""
    graph = getattr(model, "_graph", None)
    if graph is None or not any(hasattr(tensor, "fixed") for tensor in graph.inputs):
        return arguments
    x = arguments.get("x")
    values = [] if x is None else list(x) if isinstance(x, (list, tuple)) else [x]
    if model._era == "tfkeras2" and len(values) == len(graph.inputs):
        # There, what is given counts.
        return arguments
    given, named, found = iter(values), x if isinstance(x, dict) else {}, []
    for tensor, name in zip(graph.inputs, graph.input_names, strict=True):
        held = getattr(tensor, "fixed", None)
        found.append(named.get(name) if name in named else next(given) if held is None else np.asarray(held))
    steps = arguments.get("steps")
    if x is None and steps and "y" not in arguments:
        # Each step is on all that is held.
        arguments, found = {**arguments, "steps": None}, [np.concatenate([one] * steps) for one in found]
    held_rows = len(next(np.asarray(tensor.fixed) for tensor in graph.inputs if hasattr(tensor, "fixed")))
    sized = {"batch_size": arguments.get("batch_size") or held_rows} if "batch_size" in arguments else {}
    return {**arguments, "x": found if len(found) > 1 else found[0], **sized}


# Targets


def read_targets(model, given: object) -> dict[str, object]:
    """`target_tensors` of `compile` by the names of outputs: tensors that hold the targets, or placeholders for them."""
    names = list(model.output_names) if given is not None else []
    received = {"target_tensors": given}
    if given is None:
        return {}
    if isinstance(given, dict):
        if not set(given) <= set(names):
            raise ValueError(message(model, f"`target_tensors` must name outputs, which are {names}", received))
        found: dict[str, object] = {str(name): one for name, one in given.items() if one is not None}
    elif isinstance(given, list):
        if len(given) != len(names):
            expected = (
                "When passing a list as `target_tensors`, it should have one entry per model output. "
                f"The model has {len(names)} outputs, but you passed target_tensors={shorten(given)}"
            )
            raise ValueError(message(model, expected))
        found = {name: one for name, one in zip(names, given, strict=True) if one is not None}
    elif isinstance(given, SymbolicTensor) or is_value(given):
        if len(names) > 1:
            expected = (
                f"The model has {len(names)} outputs, but you passed a single tensor as `target_tensors`. "
                "Expected a list or a dict of tensors"
            )
            raise ValueError(message(model, expected))
        found = {names[0]: given}
    else:
        raise TypeError(message(model, "`target_tensors` must be a tensor, or a list or dict of tensors", received))
    for name, one in found.items():
        begins = isinstance(one, SymbolicTensor) and isinstance(one.history[0], layers.InputLayer)
        if not begins and not is_value(one):
            expected = "a target must be a placeholder, or hold its numbers; what is computed from inputs is a term of the loss"
            raise NotImplementedError(message(model, expected, {name: one}, "Use model.add_loss(...)"))
    return found


def with_held_targets(model, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `fit` and its kin with the targets that `compile(target_tensors=)` was given with their numbers."""
    held = {name: value for name, one in model.__dict__.get("_targets", {}).items() if (value := number_of(one)) is not None}
    if not held or "y" not in arguments:
        return arguments
    if arguments["y"] is not None:
        expected = "the targets are held by `target_tensors`, so there are none to give"
        raise ValueError(message(model, expected, {"y": np.shape(arguments["y"])}, "Give y=None"))
    missing = [name for name in model.output_names if name not in held]
    if missing and len(held) != len(model.loss if isinstance(model.loss, dict) else model.output_names):
        raise ValueError(message(model, "every output with a loss needs a target", {"without": missing}))
    return {**arguments, "y": held if missing else one_or_all([held[name] for name in model.output_names])}


def number_of(tensor: object) -> HostArray | None:
    """What a tensor holds; `None` of a placeholder."""
    value = getattr(tensor, "fixed", None) if isinstance(tensor, SymbolicTensor) else plain(tensor)
    return None if value is None else np.asarray(value)


def one_or_all(values: list[HostArray]) -> HostArray | list[HostArray]:
    return values[0] if len(values) == 1 else values
