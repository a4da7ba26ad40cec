"""Functions as nodes of a graph, `x + y` or `ops.mean(x, axis=1)`, in the form in which Keras 3 writes them.

Keras has a class for each function, `{"module": "keras.src.ops.numpy", "class_name": "Mean", "config": {"axis": 1}}`.
What the class is constructed with is in the config, what it is called with is in the node. The functions say which is
which, where they are defined; see `kerata.ops.forms`.
"""

import inspect
from collections.abc import Callable
from typing import Any

import jax

from kerata import activations, ops
from kerata.base.checks import did_you_mean, message
from kerata.base.limits import take_work
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine.symbolic import Operation
from kerata.ops import core, einops, image, math
from kerata.ops.forms import OPERANDS, Facts, facts_of, translation_of

# Keras has a module for each of these rooms: a function stands where the room of its name shows it.
ROOMS = (ops.numpy, ops.nn, ops.linalg, math, core, image, einops)
ACTIVATIONS = "keras.src.activations.activations"


class Form:
    """How Keras writes one function.

    Args:
        function: the function.
        facts: what is known of it.
        module: the module that Keras names.
    """

    def __init__(self, function: Callable[..., Any], facts: Facts, module: str):
        self.function, self.module, self.rounds = function, module, facts.rounds
        self.name: str = function.__name__
        self.class_name = facts.written or "".join(part[:1].upper() + part[1:] for part in self.name.split("_"))
        parameters = inspect.signature(function).parameters
        # The arguments of the function, in order, and what those are that a call leaves out.
        self.arguments = list(parameters)
        self.defaults = {name: one.default for name, one in parameters.items() if one.default is not one.empty}
        # Whether any number of arguments, and arguments of any name, belong to the call.
        self.takes_more, self.takes_names = (any(name.count("*") == count for name in facts.called) for count in (1, 2))
        named = tuple(name for name in facts.called if "*" not in name)
        # `None` where the operands follow the config's argument.
        self.called = None if facts.called == OPERANDS else named if facts.called else tuple(self.arguments[:1])


def _read_forms() -> dict[str, Form]:
    forms: dict[str, Form] = {}
    for room in (*ROOMS, activations):
        module = ACTIVATIONS if room is activations else f"keras.src.{room.__name__.partition('.')[2]}"
        for name, function in vars(room).items():
            facts = facts_of(function)
            # Of two names for a function, Keras has a class for one.
            if facts is not None and function.__name__ == name:
                forms.setdefault(facts.written or name, Form(function, facts, module))
    return forms


FORMS = _read_forms()
CLASSES = {form.class_name: form for form in FORMS.values()}


def find_form(operation: Operation, translated: object = None) -> Form:
    """How the function of a node, or what it is translated to, is written; `ValueError` where a file has no name for it."""
    function = operation.function if translated is None else translated
    name = getattr(function, "__name__", "")
    if (facts := facts_of(function)) is None:
        raise ValueError(
            message(
                f"operation `{operation.name}`",
                "this function of symbolic tensors cannot be written to a file",
                {"function": name or function},
                "Compute it in a layer of your own, or in a Lambda layer of a registered function",
            )
        )
    return FORMS[facts.written or name]


def write_operation(operation: Operation, calls: list[tuple[tuple, dict]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A function's description and those of its calls, given as (args, kwargs)."""
    translated = [translation_of(operation.function, args, kwargs) for args, kwargs in calls]
    form = find_form(operation, translated[0][0] if translated else None)
    config: dict[str, Any] = {"name": operation.name}
    nodes = []
    for _, args, kwargs in translated:
        called, names, settings = split_arguments(form, args, kwargs, operation.name)
        config.update(settings)
        nodes.append({"args": serialize_keras_object(called), "kwargs": serialize_keras_object(names)})
    plain = {
        "module": form.module,
        "class_name": form.class_name,
        "config": serialize_keras_object(config),
        "registered_name": form.class_name,
    }
    return plain, nodes


def split_arguments(
    form: Form, args: tuple, kwargs: dict[str, Any], owner: str
) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """What the class is called with, by place and by name, and what it is constructed with."""
    if form.called is None:
        return list(args[1:]), {}, {"subscripts": args[0]}
    count = len(form.called) if form.takes_more else len(args)
    given = {**dict(zip(form.arguments, args[:count], strict=False)), **kwargs}
    called = [given.pop(name, form.defaults.get(name)) for name in form.called]
    called += args[count:]
    by_name = {name: given.pop(name) for name in list(given) if form.takes_names and name not in form.arguments}
    names = [name for name, value in given.items() if any(hasattr(leaf, "is_symbolic") for leaf in jax.tree.leaves(value))]
    if names:
        raise ValueError(
            message(
                f"operation `{owner}`",
                "only plain values can be written for this argument",
                {"argument": names[0]},
                "Compute it in a layer of your own",
            )
        )
    return called, by_name, given


def read_operation(plain: dict[str, Any], owner: str) -> Callable[..., Any]:
    """A function of the arguments of a node, with what the description holds filled in."""
    name = plain.get("class_name")
    form = CLASSES.get(name) if isinstance(name, str) else None
    if form is None:
        raise TypeError(
            message(
                owner, "the file uses an operation that Kerata does not know", {"operation": name}, did_you_mean(name, CLASSES)
            )
        )
    settings = deserialize_keras_object(plain.get("config") or {})
    settings = {key: value for key, value in settings.items() if key != "name"}

    rounds = settings.get(form.rounds)
    if isinstance(rounds, int):
        take_work(rounds, **{str(form.rounds): rounds})

    def call(*args: object, **kwargs: object) -> object:
        if form.called is None:
            return form.function(settings["subscripts"], *args)
        if form.takes_more:
            return form.function(*args, **kwargs, **settings)
        given = {**dict(zip(form.called, args, strict=False)), **kwargs, **settings}
        if form.name == "get_item" and isinstance(given.get("key"), list):
            # JSON has no tuples; a list as an index would mean something else.
            given["key"] = tuple(given["key"])
        return form.function(**given)

    return call


def is_operation(plain: object) -> bool:
    """Whether a description is that of a function."""
    return isinstance(plain, dict) and str(plain.get("module")).startswith(("keras.src.ops.", ACTIVATIONS))
