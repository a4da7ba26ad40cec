"""What files hold of functions: their code, and what goes with it."""

from typing import Any, TypeGuard

from kerata.base.checks import message
from kerata.base.functions import MARK, decode, parts_of_written
from kerata.base.serialization import NAMELESS
from kerata.base.types import Owner
from kerata.engine.homes import warn_user
from kerata.saving.legacy.bytecode import read_formula

# What of a Lambda layer is a function, or may be one.
FUNCTIONS = ("function", "output_shape", "mask")


def name_of(config: dict[str, Any]) -> str | None:
    """The name of the function of a Lambda layer; `None` where the file holds code."""
    function = config.get("function")
    if isinstance(function, dict) and function.get("class_name") == "function" and isinstance(function.get("config"), str):
        return function["config"]
    return function if isinstance(function, str) and config.get("function_type") != "lambda" else None


def is_code(function: object) -> TypeGuard[dict[str, Any]]:
    """Whether Keras 3 wrote code for a function."""
    return isinstance(function, dict) and function.get("class_name") == MARK


def content_of(function: object) -> object:
    """A function's code and what goes with it."""
    return function.get("config") if is_code(function) else function


def code_of(function: object) -> bytes:
    """The marshalled bytes of a function; empty where there are none."""
    return decode(parts_of_written(content_of(function))[0]) or b""


def formula_of(config: dict[str, Any]) -> object:
    """The formula that a Lambda layer's code reads as; `None` where it is none on the list, or needs more than the input."""
    function = config.get("function")
    has_parts = any(parts_of_written(content_of(function))[1:])
    return None if has_parts or config.get("arguments") else read_formula(code_of(function))


def warn_of_code(plain: object, owner: Owner, in_hdf5: bool = False) -> None:
    """Says what other programs need to read a description: the functions whose code it holds, but for known formulas.

    Args:
        plain: the description, in Keras 3's form.
        owner: the model, for messages.
        in_hdf5: whether an `.h5` file holds it.
    """
    names, some = needed(plain)
    said = ["Keras 3 does not read Lambda layers from an '.h5' file"] if in_hdf5 and some else []
    if names:
        said.append("the file holds the code of functions, which Kerata never runs; this program finds its own again")
    if said:
        given = ", ".join(f"{name!r}: function" for name in names)
        fix = f"Other programs pass custom_objects={{{given}}}" if names else "A '.keras' file is for all of them"
        warn_user(message(owner, "; ".join(said), {"layers": names or some}, fix))


def needed(plain: object) -> tuple[list[str], list[str]]:
    """The names under which other programs pass functions: those of Lambda layers, and of what has no name; all such layers."""
    names: list[str] = []
    some: list[str] = []
    pending = [plain]
    while pending:
        value = pending.pop()
        if isinstance(value, (list, tuple)):
            pending.extend(reversed(value))
        elif isinstance(value, dict):
            config = value.get("config")
            if value.get("class_name") == "Lambda" and isinstance(config, dict):
                name = str(config.get("name"))
                some.append(name)
                is_needed = is_code(config.get("function")) or name_of(config) == name
                names += [name] if is_needed and formula_of(config) is None else []
                pending.append(config.get("arguments"))
            elif is_code(value):
                names += [NAMELESS] if NAMELESS not in names else []
            else:
                pending.extend(reversed(value.values()))
    return names, some
