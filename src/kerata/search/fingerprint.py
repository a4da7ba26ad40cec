"""What a score depends on beside the values that are tried: a study goes on only where all of it is as it was."""

import functools
import hashlib
import inspect
import json
import sys
import types
import zlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from kerata.base.checks import message
from kerata.callbacks.callback import Callbacks
from kerata.data.samples import ClassWeight
from kerata.engine.module import PLAIN, Module
from kerata.engine.structure import is_ours
from kerata.engine.types import Tree
from kerata.engine.variable import Variable
from kerata.layers.weights import layers_of
from kerata.models.model import Model
from kerata.training.compilation import compilation_of

# What is not said by a person, or differs from one process to the next.
SKIPPED = frozenset(
    {
        "name",
        "seed",
        "built",
        "compiled",
        "history",
        "inbound_nodes",
        "stop_training",
        "stop_evaluating",
        "stop_predicting",
        "optimizer",
        "loss",
        "optimizer_state",
        "input_spec",
        "tensor",
        "model",
        "params",
        "validation_data",
    }
)
LONGEST = 200


def mark_arrays(tree: Tree) -> dict[str, Any]:
    """What tells one data set from another: shapes, types, a hash of a thousand samples of each array, and one of all."""
    digest = hashlib.blake2b(digest_size=8)
    # 2 GB a second, where hashes that withstand an enemy take 0.4 to 0.7.
    whole = 0
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    for leaf in leaves:
        digest.update(bytes_of(leaf[:: max(1, len(leaf) // 1000)]))
        whole = zlib.crc32(bytes_of(leaf), whole)
    shapes = [f"{leaf.dtype}{list(leaf.shape)}" for leaf in leaves]
    return {"arrays": shapes if len(shapes) <= 8 else [*shapes[:8], "..."], "hash": digest.hexdigest(), "whole": f"{whole:08x}"}


def bytes_of(array: np.ndarray) -> bytes:
    """What an array holds, without a copy where that can be."""
    if array.dtype.hasobject:
        return repr(array.tolist()).encode()
    return memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8))  # type: ignore[arg-type]


def describe_training(
    model: Model,
    class_weight: ClassWeight,
    callbacks: Callbacks | Callable[..., Any],
    shuffle: bool,
    fitting: dict[str, Any] | None = None,
) -> dict[str, str]:
    """What is trained and how, part by part, in words that differ where a score might.

    Args:
        model: the compiled model that the builder gives for its defaults.
        class_weight, callbacks, shuffle: as in `fit`.
        fitting: what the builder says of that by `hp.fit`.
    """
    layers = layers_of(model)
    found = {
        f"layer {place} ({type(layer).__name__})": shorten(describe(layer, inner=False)) for place, layer in enumerate(layers)
    }
    given = compilation_of(model, "search").arguments
    found |= {name: shorten(describe(value)) for name, value in given.items() if name != "optimizer" and value is not None}
    found["optimizer"] = shorten(describe(model.optimizer))
    found |= {
        "class_weight": describe(class_weight),
        "shuffle": str(bool(shuffle)),
        "callbacks": shorten(describe_callbacks(callbacks)),
    }
    if fitting:
        calls = describe_callbacks(fitting.get("callbacks"))
        found["hp.fit"] = shorten(describe({**fitting, "callbacks": calls}))
    return {**found, "python": f"{sys.version_info[0]}.{sys.version_info[1]}"}


def shorten(text: str) -> str:
    """A long text with a hash of its own in place of the end."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST - 20]}... {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def describe_callbacks(callbacks: Callbacks | Callable[..., Any] | None) -> str:
    """Callbacks by what their constructors took: the rest is what they have seen."""
    if isinstance(callbacks, (list, tuple)):
        return f"[{', '.join(describe_callbacks(one) for one in callbacks)}]"
    if callbacks is None or isinstance(callbacks, (types.FunctionType, functools.partial, types.MethodType)):
        return describe(callbacks)
    taken = [name for name in inspect.signature(type(callbacks).__init__).parameters if name in vars(callbacks)]
    inside = ", ".join(f"{name}={describe(vars(callbacks)[name])}" for name in taken)
    return f"{type(callbacks).__name__}{code_of_class(type(callbacks))}({inside})"


def describe(value: object, inner: bool = True, seen: frozenset[int] = frozenset()) -> str:
    """A text that is equal for things that would train alike.

    Args:
        value: anything.
        inner: whether layers that it holds are described within it.
        seen: what is being described.
    """
    if isinstance(value, (np.generic, np.ndarray, jax.Array)):
        array = np.asarray(value)
        return str(array.item()) if not array.ndim else f"array {hashlib.sha256(array.tobytes()).hexdigest()[:12]}"
    if type(value) in PLAIN or isinstance(value, (int, float, str)):
        return repr(value)
    if id(value) in seen:
        return "..."
    again = functools.partial(describe, inner=inner, seen=seen | {id(value)})
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(again, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {again(item)}' for key, item in value.items())}}}"
    if isinstance(value, Variable):
        return f"variable {value.shape} {value.dtype} {value.trainable}"
    if isinstance(value, functools.partial):
        return f"partial({again(value.func)}, {again(value.args)}, {again(value.keywords)})"
    if isinstance(value, types.MethodType):
        value = value.__func__
    if isinstance(value, types.FunctionType):
        return f"{value.__name__}{'' if is_ours(value) else ' ' + code_of(value, again)}"
    if isinstance(value, type):
        return f"{value.__name__}{code_of_class(value)}"
    name = f"{type(value).__name__}{code_of_class(type(value))}"
    if not isinstance(value, Module) and is_ours(type(value)):
        return name
    return f"{name}({', '.join(attributes(value, inner, again))})"


def attributes(value: object, inner: bool, again: Callable[[Any], Any]) -> list[str]:
    """What an object was told, attribute by attribute."""
    own = getattr(value, "__dict__", {})
    shown = {name: item for name, item in own.items() if not name.startswith("_") and name not in SKIPPED}
    if not inner:
        shown = {name: item for name, item in shown.items() if not hasattr(type(item), "add_weight")}
    return [f"{name}={again(item)}" for name, item in shown.items()]


def code_of(function: types.FunctionType, again: Callable[[Any], Any]) -> str:
    """A hash of what a function does, with the plain values that it holds."""
    held = [cell.cell_contents for cell in function.__closure__ or () if holds_plain(cell)]
    text = f"{read_code(function.__code__)}{again(function.__defaults__)}{again(held)}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def holds_plain(cell: types.CellType) -> bool:
    try:
        return type(cell.cell_contents) in PLAIN or isinstance(cell.cell_contents, types.FunctionType)
    except ValueError:
        return False


def read_code(code: types.CodeType) -> str:
    """The instructions, names and constants of some code, without where it stands."""
    constants = [
        read_code(each) if isinstance(each, types.CodeType) else repr(each)
        for each in code.co_consts
        if each is None or type(each) in PLAIN or isinstance(each, (types.CodeType, tuple))
    ]
    return f"{code.co_code.hex()}{code.co_names}{constants}"


def code_of_class(cls: type) -> str:
    """A hash of the methods of a user's own class, those of its bases included; nothing for others."""
    text = "".join(
        read_code(method.__code__)
        for base in cls.__mro__
        if not is_ours(base)
        for method in map(inspect.unwrap, filter(callable, vars(base).values()))
        if isinstance(method, types.FunctionType)
    )
    return f" {hashlib.sha256(text.encode()).hexdigest()[:8]}" if text else ""


# What a study is, in the words of the message that says what differs.
CARD_NAMES = {
    "objective": "the objective",
    "direction": "the direction",
    "space": "the space",
    "data": "the data",
    "training": "what is trained and how",
    "folds": "the folds",
    "epochs": "the number of epochs",
    "batch_size": "the batch size",
    "seed": "the seed",
}


def python_of(entry: object) -> object:
    """The Python that an entry was made with, where it says that."""
    return entry.get("python") if isinstance(entry, dict) else None


def as_known(key: str, old: object, new: object) -> tuple[Any, Any]:
    """Two entries without what an older study did not note, and what another Python says in other instructions."""
    if key == "data" and isinstance(old, dict) and isinstance(new, dict):
        older = [name for name, mark in new.items() if isinstance(mark, dict) and "whole" not in (old.get(name) or ())]
        return old, {**new, **{name: {k: v for k, v in new[name].items() if k != "whole"} for name in older}}
    if key == "training" and not (old and new and python_of(old) == python_of(new)):
        return None, None
    return old, new


def check_card(there: dict[str, Any], card: dict[str, Any], name: str | None, where: str) -> None:
    """Refuses to go on with a study of another kind."""
    card = json.loads(json.dumps(card))
    for key, what in CARD_NAMES.items():
        old, new = as_known(key, there.get(key), card.get(key))
        if old != new:
            if isinstance(old, dict) and isinstance(new, dict):
                differ = [k for k in {**old, **new} if old.get(k) != new.get(k)]
                old, new = ({k: plain[k] for k in differ if k in plain} for plain in (old, new))
            given = {"name": name, "there": old, "now": new, "storage": where}
            raise ValueError(
                message(
                    "search",
                    f"the storage belongs to another study: {what} differs",
                    given,
                    "Give this study another name (name=...) or storage; the one that is there was not changed",
                )
            )
