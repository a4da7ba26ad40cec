"""What callbacks of a user's own ask of `self.model`, read from their code before anything is trained.

A member shows little of a model. Where a callback asks for more, such as `self.model.layers`, its member has to be an ordinary
model, which `fit` trains.
"""

import dis
import types
from collections.abc import Iterator
from itertools import pairwise

from kerata.engine.structure import is_ours

ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR")
# What only an ordinary model has: told where a callback hands `self.model` on, so that what is asked of it cannot be seen.
OF_MODELS = frozenset(
    [
        "layers",
        "get_layer",
        "weights",
        "variables",
        "trainable_variables",
        "trainable_weights",
        "non_trainable_variables",
        "non_trainable_weights",
        "load_weights",
        "assign",
        "assign_add",
        "assign_sub",
        "set_value",
    ]
)
# What is more of an optimizer than its numbers, or a number under its old name.
OF_OPTIMIZERS = frozenset(
    ["lr", "iterations", "variables", "trainable_variables", "apply", "apply_gradients", "build", "assign"]
)


def own_functions(callback: object) -> Iterator[types.FunctionType]:
    """The functions of a callback that are a user's: methods of classes of their own, and what an object was given."""
    owners = [vars(cls) for cls in type(callback).__mro__ if cls is not object and not is_ours(cls)]
    for space in (*owners, getattr(callback, "__dict__", {})):
        for value in space.values():
            function = getattr(value, "fget", getattr(value, "__func__", value))
            if isinstance(function, types.FunctionType) and not (function.__module__ or "").startswith("kerata."):
                yield function


def codes_of(callback: object) -> Iterator[types.CodeType]:
    """The code of these functions, and of those within them."""
    waiting = [function.__code__ for function in own_functions(callback)]
    while waiting:
        code = waiting.pop()
        waiting += [part for part in code.co_consts if isinstance(part, types.CodeType)]
        yield code


def asks_for_model(callback: object, shown: frozenset[str]) -> bool:
    """Whether a callback asks for more of its model than a member shows.

    Args:
        callback: any; those of Kerata's ask for no more.
        shown: the names of what is shown.
    """
    return any(_asks(code, shown) for code in codes_of(callback))


def _asks(code: types.CodeType, shown: frozenset[str]) -> bool:
    steps = [(str(step.argval), step.opname) for step in dis.get_instructions(code) if step.opname != "PUSH_NULL"]
    handed_on = False
    for (name, kind), (then, next_kind) in pairwise(steps):
        if kind not in ATTRIBUTES or name not in ("model", "optimizer", "learning_rate"):
            continue
        goes_on = next_kind in ATTRIBUTES
        if name == "learning_rate":
            # A number, which has no `assign`.
            if goes_on and kind != "STORE_ATTR":
                return True
        elif goes_on and then in OF_OPTIMIZERS if name == "optimizer" else goes_on and then not in shown:
            return True
        handed_on |= not goes_on and kind != "STORE_ATTR"
    return handed_on and not OF_MODELS.isdisjoint(code.co_names)


def says(callback: object, name: str) -> bool:
    """Whether a name stands in a callback's code: it may enter it into the logs."""
    return any(name in code.co_consts for code in codes_of(callback))
