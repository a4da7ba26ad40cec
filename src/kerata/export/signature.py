"""What goes into a model that is exported: names, shapes and types, of which sizes may be open."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import jax

from kerata.base.checks import KindError, message
from kerata.base.types import PartialShape
from kerata.engine.policy import standardize_dtype
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import Tree
from kerata.layers.input_spec import InputSpec
from kerata.models.model import Model


@dataclass(frozen=True)
class Spec:
    """One input: `None` for a size that is open."""

    shape: PartialShape
    dtype: str
    name: str | None = None


def signature_of(model: Model, given: object = None) -> tuple[Tree, ...]:
    """What the model's `call` takes by position: `Spec`s in lists, tuples and dicts.

    Args:
        model: a built model.
        given: as `export` takes it; without it the model's own inputs.
    """
    if not isinstance(model, Model):
        raise KindError(message("export", "the model must be a kerata.Model", {"model": model}))
    if given is not None:
        found = jax.tree.map(lambda leaf: read_spec(model, leaf), given, is_leaf=is_spec)
        found = tuple(found) if isinstance(found, (list, tuple)) else (found,)
        return (list(found),) if len(found) > 1 and takes_one(model) else found
    if not model.built:
        raise ValueError(message(model, "the model is not built yet", fix="Call it on data, or give `input_signature`"))
    if model._graph is not None:
        return (jax.tree.map(lambda tensor: Spec(tensor.shape, tensor.dtype, tensor.name), model._graph.inputs_tree),)
    shapes = model._built_shapes
    if not shapes:
        raise ValueError(
            message(
                model,
                "the model has never been called, so its inputs are not known",
                fix="Call it on data, or give `input_signature`",
            )
        )
    return tuple(
        jax.tree.map(lambda shape: Spec((None, *shape[1:]), "float32"), value, is_leaf=is_shape) for value in shapes.values()
    )


def is_shape(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(size is None or isinstance(size, int) for size in value)


def is_spec(value: object) -> bool:
    return isinstance(value, (InputSpec, SymbolicTensor)) or hasattr(value, "shape")


def read_spec(model: Model, leaf: object) -> Spec:
    """An `InputSpec`, a symbolic tensor or an array, whose first size is open, as a `Spec`."""
    shape, dtype = getattr(leaf, "shape", None), getattr(leaf, "dtype", None)
    if shape is None or dtype is None:
        raise ValueError(
            message(
                model, "`input_signature` must give shapes and types: InputSpecs, symbolic tensors or arrays", {"input": leaf}
            )
        )
    is_open = not isinstance(leaf, InputSpec)
    sizes = cast(PartialShape, (None, *shape[1:]) if is_open and len(shape) else tuple(shape))
    return Spec(sizes, standardize_dtype(dtype), getattr(leaf, "name", None) if not hasattr(leaf, "__array__") else None)


def takes_one(model: Model) -> bool:
    """Whether the model takes its inputs as one argument."""
    if model._graph is not None:
        return True
    parameters = [p for p in inspect.signature(model.call).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    own = [p for p in parameters if p.name not in ("training", "mask") and p.kind is not inspect.Parameter.KEYWORD_ONLY]
    return len(own) == 1 and own[0].kind is not inspect.Parameter.VAR_POSITIONAL


def names_of(specs: Sequence[Spec]) -> list[str]:
    """A name for each input, each its own."""
    found: list[str] = []
    for place, spec in enumerate(specs):
        name = spec.name or f"input_{place}"
        found.append(name if name not in found else f"{name}_{place}")
    return found
