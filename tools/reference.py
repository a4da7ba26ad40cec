"""The reference: a page for each public namespace, made of its docstrings. `tools/site_pages.py` makes a site of them.

The pages stand as Keras's: `kerata.layers`, `kerata.ops`, `kerata.ops.image`, ... Each has what its namespace exports, in the
order of the alphabet, whatever room it comes from.
"""

import ast
import importlib
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path

# Namespaces of Keras's layout, and Kerata's own. Those of old eras have tables of their own (docs/old-code.md).
NAMESPACES = [
    "",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "diagnosis",
    "distillation",
    "dtype_policies",
    "export",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "ops.image",
    "ops.linalg",
    "ops.nn",
    "ops.numpy",
    "optimizers",
    "optimizers.schedules",
    "preprocessing.image",
    "preprocessing.sequence",
    "quantizers",
    "random",
    "regularizers",
    "saving",
    "search",
    "tree",
    "utils",
    "visualization",
    "wrappers",
]


def exports_of(module: types.ModuleType) -> list[str]:
    """What a namespace exports: the functions and classes that its file defines, or imports under a name that it says."""
    found: set[str] = set()
    assert module.__file__ is not None
    for node in ast.parse(Path(module.__file__).read_text()).body:
        if isinstance(node, ast.ImportFrom):
            found |= {one.asname for one in node.names if one.asname is not None}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            # Other names of functions and classes.
            found |= {one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    public = [name for name in sorted(found) if not name.startswith("_")]
    return [name for name in public if inspect.isclass(value := getattr(module, name)) or inspect.isroutine(value)]


def namespaces() -> dict[str, types.ModuleType]:
    """The modules that have a page, by their names."""
    names = [f"kerata.{name}".rstrip(".") for name in NAMESPACES]
    return {name: importlib.import_module(name) for name in names}


# Parts of a docstring whose lines name something and say what it is.
LISTS = ("Args", "Arguments", "Attributes", "Raises", "Returns", "Yields")
# Longer signatures take a line for each argument.
WIDTH = 96


def file_of(name: str) -> str:
    """The file of a namespace's page.

    >>> file_of("kerata.ops.image"), file_of("kerata")
    ('ops.image.md', 'kerata.md')
    """
    return f"{name.removeprefix('kerata.')}.md"


def pages() -> dict[str, str]:
    """The text of each page, by its file."""
    modules = namespaces()
    homes = find_homes(modules)
    return {file_of(name): page(name, module, homes) for name, module in modules.items()}


def find_homes(modules: dict[str, types.ModuleType]) -> dict[object, str]:
    """Where a class stands in the reference: the page and the place on it, of the first page that has it."""
    homes: dict[object, str] = {}
    for name, module in reversed(modules.items()):
        for public in exports_of(module):
            if inspect.isclass(value := getattr(module, public)):
                homes[value] = f"{file_of(name)}#{public.lower()}"
    return homes


def page(name: str, module: types.ModuleType, homes: dict[object, str]) -> str:
    """The page of a namespace."""
    parts = [f"# {name}", "\n".join(described(module))]
    for public in exports_of(module):
        value = getattr(module, public)
        parts += [f"## {public}", *entry(f"{name}.{public}", value, homes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def entry(path: str, value: object, homes: dict[object, str]) -> Iterator[str]:
    """What stands of a class or a function under its name."""
    yield signature(path, value)
    base = next((one for one in inspect.getmro(value)[1:] if one in homes), None) if inspect.isclass(value) else None
    if base is not None:
        yield f"Inherits from [{base.__name__}]({homes[base]})."
    yield "\n".join(described(value))
    if inspect.isclass(value):
        for name, member in members(value, homes):
            is_method = callable(member)
            yield f"### {name} {{#{path.split('.')[-1].lower()}-{name}}}"
            if is_method:
                yield signature(name, member)
            yield "\n".join(described(member))


def members(kind: type, homes: dict[object, str]) -> Iterator[tuple[str, object]]:
    """The public methods and properties of a class that its public bases do not have, with a docstring of their own."""
    mine: dict[str, object] = {}
    theirs: set[str] = set()
    for one in inspect.getmro(kind):
        if one is not kind and (one in homes or theirs):
            theirs |= set(dir(one))
        elif one.__module__.startswith("kerata."):
            for name, value in vars(one).items():
                mine.setdefault(name, value)
    for name in sorted(mine):
        value = mine[name]
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        is_shown = inspect.isfunction(function) and function.__doc__ and not name.startswith("_") and name not in theirs
        if is_shown:
            yield name, value if isinstance(value, property) else function


def signature(path: str, value: object) -> str:
    """How something is called, as a block of code; nothing for what has no signature."""
    if not callable(value):
        return ""
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    given = [one.replace(annotation=one.empty) for name, one in found.parameters.items() if name not in ("self", "cls")]
    words = spelled(given)
    line = f"{path}({', '.join(words)})"
    if len(line) > WIDTH:
        line = "\n".join([f"{path}(", *(f"    {word}," for word in words), ")"])
    return f"```python\n{line}\n```"


def spelled(parameters: list[inspect.Parameter]) -> list[str]:
    """Parameters as they are written in Python."""
    words: list[str] = []
    for one in parameters:
        is_named = one.kind is one.KEYWORD_ONLY
        if is_named and "*" not in words and not any(word.startswith("*") for word in words):
            words.append("*")
        mark = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        default = "" if one.default is one.empty else f"={shown(one.default)}"
        words.append(f"{mark}{one.name}{default}")
    return words


def shown(default: object) -> str:
    """A default as it is written; objects whose words would hold an address are left to the docstring."""
    if inspect.isfunction(default) or inspect.isclass(default):
        return default.__name__
    text = repr(default)
    return "..." if text.startswith("<") else text


def plain(text: str) -> str:
    """Text whose signs mean nothing in Markdown, but for code within backticks.

    >>> plain("a**2 of `b**2`")
    'a\\\\*\\\\*2 of `b**2`'
    """
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if number % 2 else re.sub(r"([*<])", r"\\\1", part) for number, part in enumerate(parts))


def described(value: object) -> Iterator[str]:
    """A docstring as Markdown, line by line."""
    in_list = in_code = False
    text = inspect.cleandoc(getattr(value, "__doc__", None) or "")
    # A row of names may go on in the next line.
    for line in re.sub(r"(?m)^(    \S[^:\n]*,)\n    (?=\S)", r"\1 ", text).split("\n"):
        if in_code and not line.strip():
            in_code = False
            yield "```"
        if not in_code and line.lstrip().startswith(">>>"):
            in_code = True
            yield from ("", "```pycon")
        if in_code:
            yield line.strip() if line.lstrip().startswith((">>>", "...")) else line
            continue
        if in_list and line and not line.startswith(" "):
            in_list = False
            yield ""
        if title := re.fullmatch(rf"({'|'.join(LISTS)}):", line):
            in_list = True
            yield from (f"**{title[1]}**", "")
        elif in_list and (item := re.match(r"    (\S[^:]*?): (.*)|    (\S.*)", line)) and not line.startswith("     "):
            yield f"- `{item[1]}`: {plain(item[2])}" if item[1] else f"- {plain(item[3])}"
        elif in_list:
            yield f"    {plain(line.strip())}" if line.strip() else ""
        else:
            yield re.sub(r"^(Args|Shapes?|Sources?|Notes?|References?|Examples?):", r"**\1:**", plain(line))
    if in_code:
        yield "```"
