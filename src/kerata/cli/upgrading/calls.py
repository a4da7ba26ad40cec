"""Calls of an old program in today's words: arguments have other names, orders, values and defaults."""

import ast
import inspect
from collections.abc import Callable

import kerata
from kerata.cli.upgrading.edits import Source
from kerata.dialects import Row, find_row, translate_arguments
from kerata.dialects.table import NOT_GIVEN, Argument
from kerata.dialects.values import today_of

# Arguments that stay out of a comparison of defaults: they mean the same, or nothing.
SAME = {"seed", "name", "input_shape", "weights", "data_format", "implementation", "noise_shape"}
# What the size of a transposed convolution's pictures follows from.
LARGE = ("nb_row", "nb_col", "output_shape", "subsample")


class Call:
    """One call, whose arguments are to be rewritten.

    Args:
        source: the program.
        node: the call.
        row: what its function was, in the tables of the era.
        today: the function of today; `None` where its arguments need no defaults.
    """

    def __init__(self, source: Source, node: ast.Call, row: Row, today: Callable[..., object] | None = None):
        self.source, self.node, self.row, self.today = source, node, row, today
        self.notes: list[str] = []

    def rewritten(self) -> list[str] | None:
        """The arguments in today's words; `None` where they cannot be told."""
        node, row = self.node, self.row
        starred = any(isinstance(arg, ast.Starred) for arg in node.args)
        if row.arguments is None or starred or len(node.args) > len(row.arguments):
            return None
        positional, known = self._positional(), {argument.old: argument for argument in (*row.older, *row.arguments)}
        ordered: list[tuple[str, str]] = []
        named: list[tuple[str, str]] = []
        places: dict[str, dict[int, str]] = {}
        for argument, value in zip(row.arguments, node.args, strict=False):
            in_order = not places and not named and positional[len(ordered) : len(ordered) + 1] == [argument.new]
            self._take(argument, self._value(argument, value), ordered if in_order else named, places, in_order)
        for keyword in node.keywords:
            argument = known.get(keyword.arg or "")
            if argument is None:
                text = self.source.of_changed(keyword.value)
                named.append(("", f"**{text}") if keyword.arg is None else (keyword.arg, text))
            else:
                self._take(argument, self._value(argument, keyword.value), named, places, False)
        for name, found in places.items():
            text = together(found)
            if positional[len(ordered) : len(ordered) + 1] == [name]:
                ordered.append(("", text))
            else:
                named.append((name, text))
        named += self._enlarged()
        taken = {name for name, _ in named} | set(positional[: len(ordered)])
        named += [(name, text) for name, text in self.defaults() if name not in taken]
        return [text if not name else f"{name}={text}" for name, text in (*ordered, *named)]

    def _take(self, argument: Argument, text: str, parts: list, places: dict, in_order: bool) -> None:
        if argument.old == "weights" and text == "None":
            return
        if argument.old == "weights":
            self.notes.append("`weights=` sets the weights of the layer: call set_weights() once it is built")
        elif argument.old == "dropout" and self.row.name == "Embedding":
            if literal(ast.parse(text, mode="eval").body) != 0:
                self.notes.append("`dropout=` of an Embedding left out words, each wherever it stood: it needs kerata run")
        elif argument.place is not None:
            places.setdefault(argument.new, {})[argument.place] = text
        elif argument.new:
            parts.append(("" if in_order else argument.new, text))

    def _enlarged(self) -> list[tuple[str, str]]:
        """What says today how large the pictures of a transposed convolution become, where Keras 1 was told their shape."""
        if self.row.era != "keras1" or self.row.today != "Conv2DTranspose":
            return []
        values = {keyword.arg: literal(keyword.value) for keyword in self.node.keywords if keyword.arg}
        values |= {argument.old: literal(arg) for argument, arg in zip(self.row.arguments or (), self.node.args, strict=False)}
        wanted = {"nb_filter": 1, "output_shape": None}
        wanted |= {name: values[name] for name in (*LARGE, "border_mode", "dim_ordering") if name in values}
        shape = wanted["output_shape"]
        if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:] or any(wanted.get(n, 1) is None for n in LARGE):
            self.notes.append("`output_shape=` may have said another size than today's layer gives: see `output_padding=`")
            return []
        extra = translate_arguments(self.row, (), wanted)[1].get("output_padding")
        return [] if extra is None else [("output_padding", str(extra))]

    def _positional(self) -> list[str]:
        """The names of today's arguments in their order."""
        if self.today is None:
            return []
        try:
            found = inspect.signature(self.today).parameters.items()
            return [name for name, p in found if p.kind is p.POSITIONAL_OR_KEYWORD and name != "self"]
        except (TypeError, ValueError):
            return []

    def _value(self, argument: Argument, node: ast.AST) -> str:
        """A value as it is written today."""
        if isinstance(node, ast.Constant) and isinstance(node.value, (str, bool, int, float, type(None))):
            value = today_of(self.row.era, argument.old, argument.new, node.value)
            if value != node.value or type(value) is not type(node.value):
                return self._literal(argument.old, value)
        return self.source.of_changed(node)

    def _literal(self, name: str, value: object) -> str:
        if isinstance(value, dict) and "class_name" in value:
            given = ", ".join(f"{k}={quoted(v)}" for k, v in value["config"].items() if v is not None)
            return f"{value['module']}.{value['class_name']}({given})"
        return quoted(value)

    def defaults(self) -> list[tuple[str, str]]:
        """(name, value) of what the era took where nothing was given, if today takes something else."""
        row, today = self.row, self.today
        if today is None or row.name == "BatchNormalization":
            return []
        own = {argument.new for argument in row.arguments or () if argument.default is not NOT_GIVEN and argument.place is None}
        filled = dict.fromkeys((a.old for a in row.arguments or () if a.default is NOT_GIVEN), 1)
        try:
            arguments = translate_arguments(row, (), filled)[1]
            parameters = inspect.signature(today).parameters
        except (TypeError, ValueError, NotImplementedError):
            return []
        found = []
        for name, value in arguments.items():
            if name in SAME or name not in parameters or name not in own | {"reset_after", "recurrent_activation"}:
                continue
            default = parameters[name].default
            if default is inspect.Parameter.empty or same(value, default):
                continue
            found.append((name, self._literal(name, value)))
        return found


def literal(node: ast.AST) -> object:
    """What stands in a program as it is; `None` for what is computed, in a tuple too."""
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(literal(one) for one in node.elts)
    return node.value if isinstance(node, ast.Constant) else None


def together(found: dict[int, str]) -> str:
    """Arguments that are one tuple today; a number that stands in all places, alone.

    >>> together({0: "4", 1: "4"}), together({0: "4", 1: "5"}), together({0: "n"})
    ('4', '(4, 5)', '(n,)')
    """
    texts = [found.get(place, "None") for place in range(1 + max(found))]
    if len(set(texts)) == 1 and len(texts) > 1 and texts[0].isdigit():
        return texts[0]
    return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"


def same(value: object, default: object) -> bool:
    """Whether two defaults say the same: 1 and (1, 1), "zero" and "zeros"."""
    if isinstance(value, (tuple, list)) and isinstance(default, int):
        return all(one == default for one in value)
    if isinstance(default, (tuple, list)) and isinstance(value, int):
        return all(one == value for one in default)
    names = ({"uniform", "random_uniform"}, {"linear", None}, {"zeros", "Zeros", "zero"}, {"ones", "Ones", "one"})
    if any(isinstance(one, (str, type(None))) and value in group and default in group for group in names for one in (value,)):
        return True
    return value == default or (isinstance(value, tuple) and list(value) == default)


def quoted(value: object) -> str:
    """A value as one writes it, with double quotes.

    >>> quoted("same"), quoted(1e-08), quoted(True)
    ('"same"', '1e-08', 'True')
    """
    return '"' + value.replace('"', '\\"') + '"' if isinstance(value, str) else repr(value)


def today_of_row(row: Row) -> Callable[..., object] | None:
    """The class or function of today that a row leads to."""
    room = getattr(kerata, row.kind, None)
    return getattr(room, row.today, None) if room is not None and row.today else None


def row_of(era: str, kind: str, name: str) -> Row | None:
    """The row of a thing; models have their own."""
    return find_row(era, kind, name)
