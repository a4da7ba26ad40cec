"""Lambda layers of files: their code is never run.

A user may say which function it was, a program finds those that it has built layers of, and well-known formulas are read.
"""

from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.base.functions import find_function
from kerata.base.limits import take_work
from kerata.base.refusals import FileError
from kerata.base.registry import get_registered_name, get_registered_object
from kerata.saving.legacy.codes import FUNCTIONS, code_of, content_of, formula_of, is_code, name_of
from kerata.saving.legacy.formulas import formula, spell
from kerata.saving.legacy.marshalled import read_code

# What the descriptions of Lambda layers hold beside what all layers have: code, and what it was given.
CODED = (
    "function",
    "function_type",
    "output_shape",
    "output_shape_type",
    "mask",
    "mask_type",
    "output_mask",
    "output_mask_type",
)
CODED += (
    "module",
    "output_shape_module",
    "mask_module",
    "arguments",
    "batch_input_shape",
    "input_dtype",
    "mode",
    "mode_type",
    "concat_axis",
    "dot_axes",
)


class Lambdas:
    """Finds the functions of a file's Lambda layers.

    Args:
        owner: how the file is called in messages.
        notes: what a reader should be told; what is found goes there.
    """

    def __init__(self, owner: str, notes: list[str]):
        self.owner, self.notes = owner, notes

    def read(self, name: str, config: dict[str, Any]) -> dict[str, Any]:
        """The description of a Lambda layer in Keras 3's form.

        Args:
            name: the layer's name.
            config: as the file has it.
        """
        function, arguments = self.find(name, config)
        inner = {key: value for key, value in config.items() if key not in CODED}
        inner |= {"name": name, "function": function, "arguments": arguments} | self.others(name, config)
        shape = config.get("output_shape")
        known = isinstance(shape, list) and all(isinstance(dim, int) or dim is None for dim in shape)
        # Where the function is one of ours, its shape is found by tracing.
        if known and "steps" not in arguments and config.get("output_shape_type", "raw") == "raw":
            inner["output_shape"] = shape
        return {"module": "keras.layers", "class_name": "Lambda", "config": inner, "registered_name": None}

    def others(self, name: str, config: dict[str, Any]) -> dict[str, Any]:
        """What gives a layer's shape and mask, where this process has it. Shapes are found without."""
        found = {key: self.known(config.get(key)) for key in FUNCTIONS[1:]}
        mask = config.get("mask")
        if isinstance(mask, dict) and mask.get("class_name") in ("__tensor__", "__numpy__"):
            found["mask"] = mask
        elif mask is not None and found["mask"] is None:
            self.notes.append(
                f"the mask that layer {name} makes is left out, since it is code, or a function that is not entered"
            )
        return {key: function for key, function in found.items() if function is not None}

    def known(self, value: object) -> object:
        """A function that a file holds by its code, or by the name under which it is entered."""
        named = name_of({"function": value})
        if named is not None:
            return reference(named) if get_registered_object(named) is not None else None
        return find_function(content_of(value))

    def find(self, name: str, config: dict[str, Any]) -> tuple[object, dict[str, Any]]:
        """A layer's function, and the arguments that it gets beside the input."""
        arguments = with_arrays(config.get("arguments"))
        if get_registered_object(name) is not None:
            return reference(name), arguments
        named = name_of(config)
        if named is not None:
            if get_registered_object(named) is not None:
                return reference(named), arguments
            raise FileError(
                message(
                    f"{self.owner}, layer {name}",
                    "the layer calls a function that is entered nowhere",
                    {"function": named},
                    f"Pass custom_objects={{{named!r}: ...}}",
                )
            )
        if (own := find_function(content_of(config.get("function")))) is not None:
            return own, arguments
        called = read_code(code_of(config.get("function")))
        if called is not None and get_registered_object(called.name) is not None:
            return reference(called.name), arguments
        steps = formula_of(config)
        if steps is None:
            raise FileError(
                message(
                    f"{self.owner}, layer {name}",
                    "a lambda in a file is program code, and Kerata never runs code that a file carries",
                    {"layer": name},
                    f"Pass the function by the layer's name: custom_objects={{{name!r}: function}}",
                )
            )
        self.notes.append(
            f"the code of layer {name} reads as {spell(steps)}, which is computed by a function of Kerata's in its place"
        )
        return reference(get_registered_name(formula)), {"steps": steps}

    def revive(self, plain: object) -> object:
        """A description of Keras 3 whose Lambda layers with code have functions that are entered."""
        if isinstance(plain, list):
            return [self.revive(item) for item in plain]
        if not isinstance(plain, dict):
            return plain
        config = plain.get("config")
        if plain.get("class_name") == "Lambda" and isinstance(config, dict) and any(is_code(config.get(k)) for k in FUNCTIONS):
            take_work(1)
            if is_code(config.get("function")):
                return {**plain, **self.read(str(config.get("name")), config)}
            kept = {key: value for key, value in config.items() if not is_code(value)}
            return {**plain, "config": kept | self.others(str(config.get("name")), config)}
        return {key: self.revive(value) for key, value in plain.items()}


def reference(name: str) -> dict[str, Any]:
    """A function by its name."""
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def with_arrays(arguments: object) -> dict[str, Any]:
    """The arguments of a Lambda, arrays in Keras 3's form: Keras 2 wrote `{"type": "ndarray", "value": [...]}`."""
    found: dict[str, Any] = dict(arguments) if isinstance(arguments, dict) else {}
    for key, value in found.items():
        if isinstance(value, dict) and set(value) == {"type", "value"} and value["type"] == "ndarray":
            kind = np.asarray(value["value"]).dtype.kind
            dtype = {"f": "float32", "i": "int32", "b": "bool"}.get(kind, "float32")
            found[key] = {"class_name": "__numpy__", "config": {"value": value["value"], "dtype": dtype}}
    return found
