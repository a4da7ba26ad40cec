"""Arguments and configs of an era in today's words."""

from collections.abc import Mapping
from typing import Any

from kerata.base.checks import did_you_mean, message
from kerata.dialects.eras import find_row
from kerata.dialects.special import FINISHES, PREPARES
from kerata.dialects.table import NOT_GIVEN, Row
from kerata.dialects.values import today_of

# The module that a config of Keras 3 names for a kind.
MODULES = {kind: f"keras.{kind}" for kind in ("layers", "optimizers", "losses", "metrics", "regularizers", "initializers")}
MODULES |= {"constraints": "keras.constraints", "models": "keras"}
# What configs of old layers hold that means nothing in one of today.
OBSOLETE = frozenset({"input_dtype", "dynamic", "ragged", "time_major", "implementation", "consume_less", "sparse"})


def translate_arguments(
    row: Row, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None, fill: bool = True
) -> tuple[str, dict[str, Any]]:
    """What was given in an era's words, in today's: the name (`"layers.Conv2D"`) and the arguments, all by name.

    Args:
        row: of the era.
        args, kwargs: as the era's program gives them. Today's names are understood as well.
        fill: whether what is not given gets the era's default.

    Initial weights (`weights=`) come back under that name: who makes the object sets them when it is built.

    >>> from kerata.dialects.eras import find_row
    >>> row = find_row("keras1", "layers", "Convolution2D")
    >>> name, arguments = translate_arguments(row, (20, 4, 4), {"border_mode": "same"})
    >>> name, arguments["filters"], arguments["kernel_size"], arguments["padding"]
    ('layers.Conv2D', 20, (4, 4), 'same')
    """
    if row.arguments is None:
        if args:
            raise TypeError(message(row.name, "arguments without names are not known here", {"args": args}))
        return row.modern, dict(kwargs or {})
    prepare = PREPARES.get((row.era, row.kind, row.today))
    args, kwargs = (args, dict(kwargs or {})) if prepare is None else prepare(row, args, dict(kwargs or {}))
    given, today = bind(row, args, kwargs, fill)
    arguments: dict[str, Any] = {}
    places: dict[str, dict[int, Any]] = {}
    own = {argument.old for argument in row.arguments}
    older = [argument for argument in row.older if argument.old not in own]
    in_older_words = {argument.new for argument in older if argument.old in given}
    for argument in (*row.arguments, *older):
        value = given.get(argument.old, NOT_GIVEN)
        if value is NOT_GIVEN or not argument.new or argument.new in today:
            continue
        if argument.new in in_older_words and argument in row.arguments:
            continue
        value = today_of(row.era, argument.old, argument.new, value)
        if argument.place is None:
            arguments[argument.new] = value
        else:
            places.setdefault(argument.new, {})[argument.place] = value
    for name, values in places.items():
        whole = tuple(values.get(place) for place in range(1 + max(values)))
        if name != "input_shape" or whole[-1] is not None:
            arguments[name] = whole
    if "batch_input_shape" in today or "input_shape" in today:
        arguments.pop("input_shape", None)
    arguments |= today
    finish = FINISHES.get((row.era, row.kind, row.name)) or FINISHES.get((row.era, row.kind, row.today))
    today_name = row.today
    if finish is not None:
        today_name = finish(arguments, given) or today_name
    return f"{row.kind}.{today_name}" if today_name else "", arguments


def bind(row: Row, args: tuple, kwargs: dict[str, Any], fill: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """(by the era's names, by today's) of what was given."""
    assert row.arguments is not None
    names = [argument.old for argument in row.arguments]
    if len(args) > len(names):
        raise TypeError(
            message(row.name, f"it takes at most {len(names)} arguments without names", {"args": args}, f"They are: {names}")
        )
    given = dict(zip(names, args, strict=False))
    for name in names:
        if name in kwargs:
            if name in given:
                raise TypeError(message(row.name, f"`{name}` is given twice", {name: kwargs[name]}))
            given[name] = kwargs.pop(name)
    for argument in row.older:
        if argument.old in kwargs and argument.old not in names:
            given[argument.old] = kwargs.pop(argument.old)
    older = {argument.new for argument in row.older if argument.old in given and argument.old not in names}
    new = {argument.new for argument in row.arguments} - set(names)
    if unknown := [name for name in kwargs if not row.takes_any and name not in new]:
        name = unknown[0]
        raise TypeError(message(row.name, f"unknown argument `{name}`", {name: kwargs[name]}, did_you_mean(name, names)))
    today = {name: today_of(row.era, name, name, value) for name, value in kwargs.items() if name not in OBSOLETE}
    for argument in row.arguments:
        if argument.old not in given and fill and argument.default is not NOT_GIVEN:
            given[argument.old] = argument.default
        if argument.old not in given and argument.default is NOT_GIVEN and argument.new not in {*today, *older} and fill:
            if argument.new == "kernel_size" and argument.place:
                continue
            raise TypeError(message(row.name, f"the argument `{argument.old}` is missing", {"args": args, **kwargs}))
    return given, today


def translate_config(era: str, kind: str, class_name: str, config: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """The config of an era's object as one of Keras 3: (module, class name, config).

    What no row names comes back as it was: a class of a user's own.

    >>> translate_config("keras1", "layers", "Dropout", {"name": "dropout_1", "p": 0.5, "trainable": True})
    ('keras.layers', 'Dropout', {'rate': 0.5, 'noise_shape': None, 'seed': None, 'name': 'dropout_1', 'trainable': True})
    """
    row = find_row(era, kind, class_name)
    if row is None:
        return "", class_name, dict(config)
    kept = {name: value for name, value in config.items() if name not in OBSOLETE}
    name, arguments = translate_arguments(row, (), kept)
    arguments.pop("weights", None)
    return MODULES.get(kind, f"keras.{kind}"), name.partition(".")[2] or class_name, arguments
