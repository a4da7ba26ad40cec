"""What `get_config()` of a layer gave: its constructor's arguments in its era's words, and back."""

import inspect
from typing import TYPE_CHECKING, Any, TypeGuard

from kerata.base.blocks import Within, ambient
from kerata.base.functions import is_function
from kerata.base.importing import Late
from kerata.base.registry import home_of
from kerata.dialects import Row
from kerata.dialects.inverse import config_of_then, then_of
from kerata.engine.policy import DTypePolicy

if TYPE_CHECKING:
    from kerata.saving.legacy import writing
else:
    # What reads and writes old files comes when it is needed.
    writing = Late("kerata.saving.legacy.writing")

_local = ambient()
# Attributes that hold layers.
HOLDERS = ("layer", "backward_layer", "cell", "cells")


# Layers


def words_of_layer(layer, config: dict[str, Any]) -> dict[str, Any]:
    """The config of a layer in its era's words.

    Args:
        layer: of an era.
        config: in today's words.
    """
    era, row = layer._era, layer._row
    modern = next((cls for cls in type(layer).__mro__ if "_stands_for" in vars(cls)), None)
    found, home = common_of(layer, config), home_of(type(layer))
    if home == ("layers", "InputLayer"):
        return found
    inner = {name: value for name, value in config.items() if name not in (*found, "dtype", "batch_shape", *writing.NEWER)}
    for name in HOLDERS:
        held = getattr(layer, name, None) if name in inner else None
        if held is not None:
            inner[name] = [described(one) for one in held] if isinstance(held, (list, tuple)) else described(held)
    if row is not None and row.arguments is not None and modern is not None:
        found |= config_of_then(row, inner, inspect.signature(modern.__init__).parameters)
        # Written where it was true alone: constructors of a program's own need not take it.
        found.pop("dynamic", None)
        found |= sizes_of(layer, row, found)
    else:
        found |= {name: then_of(era, name, name, value) for name, value in inner.items() if name != "seed"}
    if home == ("layers", "MultiHeadAttention"):
        found |= writing.shapes_of(layer.get_build_config())
    if home == ("layers", "Lambda"):
        found = {"output_shape": None, **found} | types_of(found) | (homes_of(found) if era == "tfkeras2" else {})
    return found


def types_of(config: dict[str, Any]) -> dict[str, str]:
    """What the config of a Lambda said of its functions: whether they are there by name, as they are, or not at all."""
    kinds = {name: config.get(name) for name in ("function", "output_shape")}
    return {
        f"{name}_type": "function" if isinstance(value, str) else "lambda" if callable(value) else "raw"
        for name, value in kinds.items()
    }


def homes_of(config: dict[str, Any]) -> dict[str, str]:
    """The modules of a Lambda's functions, where `tf.keras` looks for what their code calls by name."""
    places = {"function": "module", "output_shape": "output_shape_module"}
    return {place: config[name].__module__ for name, place in places.items() if is_function(config.get(name))}


def common_of(layer, config: dict[str, Any]) -> dict[str, Any]:
    """What the configs of all layers hold."""
    found: dict[str, Any] = {"name": layer.name, "trainable": layer.trainable}
    shape = layer.__dict__.get("_batch_shape")
    if home_of(type(layer)) == ("layers", "InputLayer"):
        kind = "input_dtype" if layer._era == "keras1" else "dtype"
        ragged = {"ragged": False} if layer._era == "tfkeras2" else {}
        return {"batch_input_shape": tuple(shape), kind: config["dtype"], "sparse": False, **ragged, "name": layer.name}
    if shape is not None:
        found["batch_input_shape"] = tuple(shape)
    policy: DTypePolicy = layer.dtype_policy
    if layer._era != "keras1":
        mixed = {"class_name": "Policy", "config": {"name": policy.name}}
        found["dtype"] = mixed if policy.name.startswith("mixed") else policy.name
    elif shape is not None:
        found["input_dtype"] = "int32" if home_of(type(layer)) == ("layers", "Embedding") else policy.name
    return found


def sizes_of(layer, row: Row, found: dict[str, Any]) -> dict[str, Any]:
    """`input_dim`, `input_length` and `output_shape` of Keras 1, which layers know once they have been called."""
    shape = layer.__dict__.get("_batch_shape")
    if shape is None and layer.inbound_nodes and layer.inbound_nodes[0].input_tensors:
        shape = layer.inbound_nodes[0].input_tensors[0].shape
    known = {"input_dim": None if shape is None else shape[-1], "input_length": None}
    if shape is not None and len(shape) > (1 if row.name == "Embedding" else 2):
        known["input_length"] = shape[1]
    if row.today == "Conv2DTranspose" and shape is not None:
        known["output_shape"] = (None, *layer.compute_output_shape(shape)[1:])
        found.pop("output_shape", None)
    return {name: known[name] for name in known if row.argument(name) is not None and name not in found}


def described(layer) -> dict[str, Any]:
    """A layer by its class and its config."""
    name = "InputLayer" if home_of(type(layer)) == ("layers", "InputLayer") else type(layer).__name__
    found = {"class_name": name, "config": layer.get_config()}
    if (numbers := getattr(_local, "numbers", None)) is not None:
        # What stands in several places is one layer.
        found["shared_object_id"] = numbers.setdefault(id(layer), len(numbers))
    return found


def numbering() -> Within:
    """Within the block descriptions of layers have numbers."""
    return Within(_local, numbers={})


def is_of_then(config: object) -> bool:
    """Whether a model's config is in an era's words; configs of today name the modules of classes."""
    layers = config if isinstance(config, list) else config.get("layers") if isinstance(config, dict) else None
    if not isinstance(layers, list) or not layers:
        return isinstance(config, list)
    return all(is_description_of_then(layer) for layer in layers)


def is_description_of_then(plain: object) -> TypeGuard[dict[str, Any]]:
    """Whether a layer's description is in an era's words."""
    return isinstance(plain, dict) and "class_name" in plain and not {"module", "registered_name"} & set(plain)
