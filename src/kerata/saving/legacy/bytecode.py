"""Formulas from the instructions of small functions, which are read against a list and never run.

`lambda x: x / 127.5 - 1` is kept by old files as bytecode. What it does is followed on paper: each instruction that is on the
list puts together a formula, and anything else makes the function one that is not understood.
"""

from collections.abc import Iterator
from typing import Any

from kerata.saving.legacy.marshalled import Code, read_code

# Instructions by their numbers, for each form of bytecode: of one or three bytes (2.7 and 3.5), of two (3.6 to 3.10), and with
# places for the interpreter's own notes behind some (3.11, 3.12).
SHARED = {
    11: "negative",
    19: "power",
    20: "multiply",
    23: "add",
    24: "subtract",
    25: "item",
    27: "divide",
    83: "return",
    100: "constant",
    106: "attribute",
    116: "global",
    124: "local",
    125: "store",
}
OLD = {**SHARED, 92: "unpack", 102: "tuple", 103: "tuple", 131: "call"}
WORDS = {**OLD, 141: "call_named", 160: "method", 161: "call_method"}
NEW = {
    2: "null",
    11: "negative",
    25: "item",
    83: "return",
    92: "unpack",
    100: "constant",
    102: "tuple",
    103: "tuple",
    106: "attribute",
}
NEW |= {116: "global", 122: "operator", 124: "local", 125: "store", 151: "begin", 171: "call", 172: "keywords"}
NOTES_311 = {25: 4, 92: 1, 106: 4, 116: 5, 122: 1, 160: 10, 166: 1, 171: 4}
NOTES_312 = {25: 1, 92: 1, 106: 9, 116: 4, 122: 1, 171: 3}
OPERATORS = {0: "add", 5: "multiply", 8: "power", 10: "subtract", 11: "divide"}
BINARY = ("add", "subtract", "multiply", "divide", "power")
# Functions by the names that old programs gave them, with their arguments: "x" is what they work on.
ROOTS = ("K", "backend", "tf", "np", "keras", "ops", "tensorflow", "numpy")
FUNCTIONS = {
    "abs": ("absolute", ("x",)),
    "square": ("square", ("x",)),
    "sqrt": ("sqrt", ("x",)),
    "exp": ("exp", ("x",)),
    "log": ("log", ("x",)),
    "relu": ("relu", ("x",)),
    "sigmoid": ("sigmoid", ("x",)),
    "tanh": ("tanh", ("x",)),
    "sum": ("sum", ("x", "axis", "keepdims")),
    "mean": ("mean", ("x", "axis", "keepdims")),
    "max": ("max", ("x", "axis", "keepdims")),
    "reduce_sum": ("sum", ("x", "axis", "keepdims")),
    "reduce_mean": ("mean", ("x", "axis", "keepdims")),
    "reduce_max": ("max", ("x", "axis", "keepdims")),
    "expand_dims": ("expand_dims", ("x", "axis")),
    "squeeze": ("squeeze", ("x", "axis")),
    "l2_normalize": ("l2_normalize", ("x", "axis")),
    **{name: (name, ("x", "axis", "keepdims")) for name in ("min", "prod", "std", "var")},
    **{f"reduce_{name}": (name, ("x", "axis", "keepdims")) for name in ("min", "prod", "std")},
    **{name: (name, ("x",)) for name in ("softplus", "sign", "round", "sin", "cos")},
    "softmax": ("softmax", ("x", "axis")),
    "reverse": ("reverse", ("x", "axis")),
    "reshape": ("reshape", ("x", "shape")),
    "permute_dimensions": ("permute_dimensions", ("x", "pattern")),
    "clip": ("clip", ("x", "min_value", "max_value")),
    "clip_by_value": ("clip", ("x", "min_value", "max_value")),
    "maximum": ("maximum", ("x", "y")),
    "minimum": ("minimum", ("x", "y")),
    "pow": ("power", ("x", "y")),
    "add": ("add", ("x", "y")),
    "subtract": ("subtract", ("x", "y")),
    "multiply": ("multiply", ("x", "y")),
    "divide": ("divide", ("x", "y")),
    "batch_dot": ("batch_dot", ("x", "y", "axes")),
    "concatenate": ("concatenate", ("list", "axis")),
    "concat": ("concatenate", ("list", "axis")),
    "stack": ("stack", ("list", "axis")),
}
DEFAULTS = {"expand_dims": {"axis": -1}, "concatenate": {"axis": -1}}
# Arguments that stand for numbers, and not for settings.
PARTS = ("x", "y", "list")
INPUT = "x"


class NotListed(ValueError):
    """An instruction that is not on the list."""


def read_formula(data: bytes) -> object:
    """The formula of a marshalled function of one input; `None` if it is not on the list.

    `["subtract", ["divide", "x", 127.5], 1]` is x / 127.5 - 1.
    """
    code = read_code(data)
    if code is None or not code.is_plain or code.arguments != 1 or not code.variables:
        return None
    found = []
    for steps in readings(code):
        try:
            formula = Follower(code).follow(steps)
        except (NotListed, IndexError):
            continue
        if formula not in found:
            found.append(formula)
    return found[0] if len(found) == 1 else None


def readings(code: Code) -> list[list[tuple[str, int]]]:
    """The instructions of a function, in each form that its layout allows."""
    ways = {
        "2": [lambda data: plain_steps(data, {**OLD, 21: "divide_whole"})],
        "3.0": [lambda data: plain_steps(data, OLD), lambda data: word_steps(data, WORDS, {})],
        "3.8": [lambda data: word_steps(data, WORDS, {})],
        "3.11": [
            lambda data: word_steps(data, {**NEW, 160: "method", 166: "prepare"}, NOTES_311),
            lambda data: word_steps(data, {**NEW, 121: "return_constant"}, NOTES_312),
        ],
    }
    found = []
    for number, way in enumerate(ways[code.form]):
        try:
            steps = list(way(code.instructions))
        except (NotListed, IndexError):
            continue
        found.append([("form", 312 if number and code.form == "3.11" else 311 if code.form == "3.11" else 0), *steps])
    return found


def plain_steps(data: bytes, table: dict[int, str]) -> Iterator[tuple[str, int]]:
    """Instructions of one byte, or of three where they have an argument."""
    place = 0
    while place < len(data):
        number = data[place]
        if number not in table:
            raise NotListed(number)
        argument = int.from_bytes(data[place + 1 : place + 3], "little") if number >= 90 else 0
        place += 3 if number >= 90 else 1
        yield table[number], argument


def word_steps(data: bytes, table: dict[int, str], notes: dict[int, int]) -> Iterator[tuple[str, int]]:
    """Instructions of two bytes, some with empty places behind them."""
    place = 0
    while place < len(data):
        number, argument = data[place], data[place + 1]
        place += 2
        if number not in table:
            raise NotListed(number)
        size = 2 * notes.get(number, 0)
        if any(data[place : place + size]) or place + size > len(data):
            raise NotListed("notes")
        place += size
        yield table[number], argument


class Follower:
    """Follows the instructions of a function on a stack of formulas.

    A formula is "x", a number, or a list of a name and what it is applied to; a tuple is what stands for no formula: a
    function that is named, a tuple of numbers.

    Args:
        code: of the function.
    """

    def __init__(self, code: Code):
        self.code = code
        self.stack: list[Any] = []
        self.locals: dict[int, Any] = {0: INPUT}
        self.keywords: tuple = ()
        self.form = 0

    def follow(self, steps: list[tuple[str, int]]) -> object:
        """The formula that a function returns."""
        for index, (name, argument) in enumerate(steps):
            if name in ("return", "return_constant"):
                if index + 1 != len(steps):
                    raise NotListed("more than one end")
                formula = self.stack.pop() if name == "return" else None
                if self.stack or not isinstance(formula, (str, list)) or not depends(formula):
                    raise NotListed("no formula")
                return formula
            self.step(name, argument)
        raise NotListed("no end")

    def step(self, name: str, argument: int) -> None:
        if name == "form":
            self.form = argument
        elif name == "operator":
            if argument not in OPERATORS:
                raise NotListed(argument)
            self.binary(OPERATORS[argument])
        elif name in BINARY:
            self.binary(name)
        elif name == "divide_whole":
            # Python 2 divides whole numbers as such; where a tensor takes part, it does not.
            if not any(depends(value) or isinstance(value, float) for value in self.stack[-2:]):
                raise NotListed(name)
            self.binary("divide")
        else:
            getattr(self, f"_{name}")(argument)

    def binary(self, name: str) -> None:
        right, left = self.stack.pop(), self.stack.pop()
        if not is_formula(left) or not is_formula(right):
            raise NotListed(name)
        self.stack.append([name, left, right])

    def _negative(self, argument: int) -> None:
        value = self.stack.pop()
        if not is_formula(value):
            raise NotListed("negative")
        self.stack.append(["negative", value])

    def _constant(self, argument: int) -> None:
        value = self.code.constants[argument]
        if value is None or isinstance(value, (bool, int, float, str)):
            self.stack.append(("value", value) if value is None or isinstance(value, (bool, str)) else value)
        elif isinstance(value, tuple) and all(isinstance(item, (int, str)) for item in value):
            self.stack.append(("value", value))
        else:
            raise NotListed("constant")

    def _local(self, argument: int) -> None:
        if argument not in self.locals:
            raise NotListed("local")
        self.stack.append(self.locals[argument])

    def _store(self, argument: int) -> None:
        self.locals[argument] = self.stack.pop()

    def _unpack(self, argument: int) -> None:
        value = self.stack.pop()
        if value != INPUT or not 2 <= argument <= 8:
            raise NotListed("unpack")
        self.stack.extend(["item", INPUT, place] for place in reversed(range(argument)))

    def _item(self, argument: int) -> None:
        place, value = self.stack.pop(), self.stack.pop()
        # An input that is taken apart is a list of tensors.
        if value != INPUT or not isinstance(place, int) or not 0 <= place <= 8:
            raise NotListed("item")
        self.stack.append(["item", value, place])

    def _tuple(self, argument: int) -> None:
        if not 0 < argument <= 8 or len(self.stack) < argument:
            raise NotListed("tuple")
        items = [self.stack.pop() for _ in range(argument)][::-1]
        items = [plain_of(item) if isinstance(item, list) and not depends(item) else item for item in items]
        if all(isinstance(item, int) for item in items):
            self.stack.append(("value", tuple(items)))
        elif all(is_formula(item) for item in items):
            self.stack.append(("list", items))
        else:
            raise NotListed("tuple")

    def _global(self, argument: int) -> None:
        if self.form and argument & 1:
            self._null(0)
        self.stack.append(("name", self.code.names[argument >> 1 if self.form else argument]))

    def _attribute(self, argument: int) -> None:
        called = self.form == 312 and argument & 1
        self.stack.append(self.dotted(self.code.names[argument >> 1 if self.form == 312 else argument]))
        if called:
            # The place of the object, where a function of a module has nothing.
            self.stack.insert(-1, ("null",))

    def dotted(self, name: str) -> tuple:
        value = self.stack.pop()
        if not isinstance(value, tuple) or value[0] != "name":
            raise NotListed("attribute")
        return ("name", *value[1:], name)

    def _method(self, argument: int) -> None:
        value = self.dotted(self.code.names[argument])
        if self.form:
            self._null(0)
        self.stack.append(value)

    def _null(self, argument: int) -> None:
        self.stack.append(("null",))

    def _begin(self, argument: int) -> None:
        if argument:
            raise NotListed("begin")

    _prepare = lambda self, argument: None  # noqa: E731

    def _keywords(self, argument: int) -> None:
        self.keywords = self.code.constants[argument]

    def _call_named(self, argument: int) -> None:
        names = self.stack.pop()
        if not isinstance(names, tuple) or names[0] != "value" or not isinstance(names[1], tuple):
            raise NotListed("call")
        self.keywords = names[1]
        self.call(argument)

    def _call_method(self, argument: int) -> None:
        self.call(argument)

    def _call(self, argument: int) -> None:
        if self.code.form in ("2", "3.0") and argument > 0xFF:
            # Up to 3.5 the upper byte counts arguments by name, each with its name before it.
            count, named = argument & 0xFF, argument >> 8
            pairs = [self.stack.pop() for _ in range(2 * named)][::-1]
            self.keywords = tuple(pair[1] for pair in pairs[::2])
            self.stack.extend(pairs[1::2])
            argument = count + named
        self.call(argument)

    def call(self, count: int) -> None:
        """A call of a function that is on the list."""
        keywords, self.keywords = self.keywords, ()
        if not isinstance(keywords, tuple) or len(keywords) > count or len(self.stack) <= count:
            raise NotListed("call")
        values = [self.stack.pop() for _ in range(count)][::-1]
        function = self.stack.pop()
        if self.form and (not self.stack or self.stack.pop() != ("null",)):
            raise NotListed("call")
        self.stack.append(
            applied(
                function, values[: count - len(keywords)], dict(zip(keywords, values[count - len(keywords) :], strict=True))
            )
        )


def applied(function: object, args: list[Any], named: dict[str, Any]) -> list[Any]:
    """The formula of a call."""
    if not isinstance(function, tuple) or function[0] != "name":
        raise NotListed("call")
    path = function[1:]
    if path != ("abs",) and (len(path) < 2 or path[0] not in ROOTS):
        raise NotListed("call")
    if path[-1] not in FUNCTIONS or any(part not in ("math", "nn", "backend", "linalg", "ops") for part in path[1:-1]):
        raise NotListed("call")
    name, known = FUNCTIONS[path[-1]]
    given = {**dict(zip(known, args, strict=False)), **named}
    if len(args) > len(known) or not set(given) <= set(known):
        raise NotListed("call")
    parts = [part_of(key, given.get(key)) for key in known if key in PARTS]
    settings = {key: plain_of(value) for key, value in {**DEFAULTS.get(name, {}), **given}.items() if key not in PARTS}
    return [name, *parts, settings] if settings else [name, *parts]


def part_of(name: str, value: object) -> object:
    """What a function works on: a formula, or a list of such."""
    if name == "list" and isinstance(value, tuple) and value[0] == "list":
        return ["list", *value[1]]
    if value != INPUT and (name == "list" or not is_formula(value)):
        raise NotListed("call")
    return value


def plain_of(value: object) -> object:
    """A setting as plain data."""
    if isinstance(value, tuple) and value[0] == "value":
        value = value[1]
    if isinstance(value, tuple) and all(isinstance(item, int) for item in value):
        return list(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, list) and len(value) == 2 and value[0] == "negative" and isinstance(value[1], (int, float)):
        return -value[1]
    raise NotListed("setting")


def is_formula(value: object) -> bool:
    """Whether a thing on the stack stands for numbers."""
    return value == INPUT or isinstance(value, list) or (isinstance(value, (int, float)) and not isinstance(value, bool))


def depends(formula: object) -> bool:
    """Whether a formula depends on the input."""
    return formula == INPUT or (isinstance(formula, list) and any(depends(part) for part in formula[1:]))
