"""Lambda layers of files: their code is never run. A user may say which function it was, and well-known formulas are read."""

import base64
import binascii
from typing import Any

from kerata.base.checks import message
from kerata.base.limits import take_work
from kerata.base.refusals import FileError
from kerata.base.registry import get_registered_name, get_registered_object
from kerata.saving.legacy.bytecode import read_formula
from kerata.saving.legacy.formulas import formula, spell

# What the descriptions of Lambda layers hold beside what all layers have: code, and what it was given.
CODED = ("function", "function_type", "output_shape", "output_shape_type", "mask", "output_mask", "output_mask_type", "module")
CODED += (
    "output_shape_module",
    "arguments",
    "batch_input_shape",
    "input_dtype",
    "mode",
    "mode_type",
    "concat_axis",
    "dot_axes",
)
MARK = "__lambda__"


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
        inner |= {"name": name, "function": function, "arguments": arguments}
        shape = config.get("output_shape")
        known = isinstance(shape, list) and all(isinstance(dim, int) or dim is None for dim in shape)
        # Where the function is one of ours, its shape is found by tracing.
        if known and "steps" not in arguments and config.get("output_shape_type", "raw") == "raw":
            inner["output_shape"] = shape
        return {"module": "keras.layers", "class_name": "Lambda", "config": inner, "registered_name": None}

    def find(self, name: str, config: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """A layer's function, and the arguments that it gets beside the input."""
        arguments = config.get("arguments") or {}
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
        steps = None if arguments else read_formula(code_of(config.get("function")))
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
        if plain.get("class_name") == "Lambda" and isinstance(config, dict) and is_code(config.get("function")):
            take_work(1)
            return {**plain, **self.read(str(config.get("name")), config)}
        return {key: self.revive(value) for key, value in plain.items()}


def name_of(config: dict[str, Any]) -> str | None:
    """The name of the function of a Lambda layer; `None` where the file holds code."""
    function = config.get("function")
    if isinstance(function, dict) and function.get("class_name") == "function" and isinstance(function.get("config"), str):
        return function["config"]
    return function if isinstance(function, str) and config.get("function_type") != "lambda" else None


def is_code(function: object) -> bool:
    """Whether Keras 3 wrote code for a function."""
    return isinstance(function, dict) and function.get("class_name") == MARK


def code_of(function: object) -> bytes:
    """The marshalled bytes of a function without default arguments; empty where there are none, or too many."""
    if isinstance(function, dict) and is_code(function):
        inner = function.get("config")
        function = [inner.get(key) for key in ("code", "defaults", "closure")] if isinstance(inner, dict) else None
    if not isinstance(function, list) or not function or not isinstance(function[0], str) or any(function[1:]):
        return b""
    text: str = function[0]
    try:
        return base64.b64decode(text.encode("ascii").replace(b"\n", b""), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        # Keras 1 kept the bytes as letters.
        return text.encode("raw_unicode_escape")


def reference(name: str) -> dict[str, Any]:
    """A function by its name."""
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}
