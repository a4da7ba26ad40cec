"""`kerata run`: an old program as it is, with the Keras of its time."""

import contextlib
import encodings
import encodings.aliases
import json
import os
import re
import runpy
import sys
import tokenize
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import numpy as np

from kerata.legacy.detection import EMPTY_SPLIT, find_era, old_idioms
from kerata.legacy.installing import install_as_keras
from kerata.legacy.tensorflow.layers import in_use

# How files of models begin: HDF5, and archives.
MODELS = (b"\x89HDF", b"PK\x03\x04")
# The encoding that one of the first two lines of a program may name (PEP 263), and those that Python has.
COOKIE = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)")
WITHOUT_ALIAS = ("cp720", "cp737", "cp856", "cp874", "cp875", "cp1006", "koi8_t", "koi8_u", "utf_8_sig")
WITH_ENDS_OF_LINES = ("utf_8_", "latin_1_", "iso_8859_1_", "iso_latin_1_")
ENCODINGS = {*encodings.aliases.aliases, *encodings.aliases.aliases.values(), *WITHOUT_ALIAS}


def run_program(program: str, arguments: list[str], dialect: str | None = None, quiet: bool = False) -> int:
    """Runs a script or a notebook; gives the number with which the command ends.

    Args:
        program: the path of a `.py` or `.ipynb` file.
        arguments: what the program finds in `sys.argv[1:]`.
        dialect: `"keras1"`, `"keras2"`, `"keras22"`, `"tfkeras2"` or `"keras3"`; what the source says by default.
        quiet: whether to leave out the line that says which era it is.
    """
    path = Path(program)
    if not path.is_file():
        return fail(f"there is no file {program}")
    try:
        source = read_source(path)
    except (ValueError, KeyError, TypeError) as error:
        return fail(f"{program} cannot be read: {error}")
    found = find_era(source)
    era = dialect or found.era
    if not quiet:
        said = f"{era}, as --dialect says" if dialect else found.sentence()
        print(f"kerata run: {path.name} is run as {said}.", file=sys.stderr)
    advice = old_idioms(source)
    try:
        code = compile(source, str(path), "exec")
    except SyntaxError as error:
        print(f"kerata run: {path.name}, line {error.lineno}: this Python cannot read it: {error.msg}.", file=sys.stderr)
        for line in advice:
            print(f"kerata run: {line}", file=sys.stderr)
        return 2
    install_as_keras(era)
    if ".get_shape(" in source:
        # What only tensors of TensorFlow have: a program may ask for it and never import TensorFlow.
        in_use[0] = True
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    try:
        with numpy_as_it_was(source) as names, splitting_as_it_was(source) as split:
            for name in names:
                print(
                    f"kerata run: `np.{name}` is gone from NumPy, and is {name} again in this run: write {name}.",
                    file=sys.stderr,
                )
            if split:
                said = "splits between all letters since Python 3.7, and does not in this run"
                print(f"kerata run: `re.split` by what may be empty {said}: write r'(\\W+)'.", file=sys.stderr)
            run_code(code, path)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 0 if error.code is None else fail(str(error.code))
    except KeyboardInterrupt:
        return 130
    except BaseException:
        show_error(advice)
        return 1
    return 0


@contextlib.contextmanager
def numpy_as_it_was(source: str) -> Iterator[list[str]]:
    """Within the block NumPy has the names of Python's types that a program asks it for and that it has no longer."""
    known = {kind.__name__: kind for kind in (int, float, bool, object, str, complex)}
    asked = set(re.findall(rf"\b(?:np|numpy)\.({'|'.join(known)})\b", source))
    with warnings.catch_warnings():
        # NumPy says of some that they will come back as something else.
        warnings.simplefilter("ignore")
        names = sorted(name for name in asked if not hasattr(np, name))
    for name in names:
        setattr(np, name, known[name])
    try:
        yield names
    finally:
        for name in names:
            delattr(np, name)


@contextlib.contextmanager
def splitting_as_it_was(source: str) -> Iterator[bool]:
    """Within the block `re.split` passes over empty matches, as before Python 3.7, where a program splits by such a pattern."""
    asked = EMPTY_SPLIT.search(source) is not None
    before = re.split
    if asked:
        re.split = split_at_something
    try:
        yield asked
    finally:
        re.split = before


def split_at_something(pattern: str | re.Pattern[str], string: str, maxsplit: int = 0, flags: int = 0) -> list[str | None]:
    r"""`re.split` that never splits at nothing.

    >>> split_at_something(r"(\W+)?", "to the hall.")
    ['to', ' ', 'the', ' ', 'hall', '.', '']
    """
    parts: list[str | None] = []
    matches = [match for match in re.compile(pattern, flags).finditer(string) if match.end() > match.start()]
    end = 0
    for match in matches[: maxsplit or None]:
        parts += [string[end : match.start()], *match.groups()]
        end = match.end()
    return [*parts, string[end:]]


def run_code(code: CodeType, path: Path) -> None:
    """Runs compiled code as the main program."""
    if path.suffix == ".py":
        # As Python itself does it: `__main__` is the program's own module.
        runpy.run_path(str(path), run_name="__main__")
        return
    exec(code, {"__name__": "__main__", "__file__": str(path)})


def read_source(path: Path) -> str:
    """The source of a script, or of the cells of a notebook."""
    text = path.read_text(encoding=encoding_of(path))
    return cells_of(text) if path.suffix == ".ipynb" else text


def encoding_of(path: Path) -> str:
    """The encoding of a program's file, which it may name itself: `# coding: latin-1`.

    Raises:
        ValueError: it is the file of a model, or names an encoding that is not known.
    """
    with path.open("rb") as file:
        if file.read(8).startswith(MODELS):
            raise ValueError("it is the file of a model, and no program: `kerata inspect` says what it holds")
        file.seek(0)
        if path.suffix == ".ipynb":
            return "utf-8"
        for line in (file.readline(), file.readline()):
            named = COOKIE.match(line)
            # Python would look for a module of any name that a file says.
            name = "" if named is None else encodings.normalize_encoding(named[1].decode()).lower()
            if named and name not in ENCODINGS and not name.startswith(WITH_ENDS_OF_LINES):
                raise ValueError(f"unknown encoding: {named[1].decode()}")
        file.seek(0)
        try:
            return tokenize.detect_encoding(file.readline)[0]
        except SyntaxError as error:
            raise ValueError(str(error)) from None


def cells_of(text: str) -> str:
    """The code of a notebook; lines that only IPython understands become comments."""
    cells = json.loads(text)["cells"] if '"cells"' in text else json.loads(text)["worksheets"][0]["cells"]
    sources = []
    for cell in cells:
        if cell.get("cell_type") == "code":
            lines = cell.get("source", cell.get("input", ""))
            sources.append(without_magics(lines if isinstance(lines, str) else "".join(lines)))
    return "\n\n".join(sources) + "\n"


def without_magics(cell: str) -> str:
    """A cell without `%magics` and `!commands`.

    >>> without_magics("%matplotlib inline\\nx = 1")
    '# %matplotlib inline\\nx = 1'
    """
    if cell.lstrip().startswith("%%") and not cell.lstrip().startswith(("%%time", "%%capture")):
        return "\n".join(f"# {line}" for line in cell.splitlines())
    lines = []
    for line in cell.splitlines():
        bare = line.lstrip()
        is_magic = bare.startswith(("%", "!")) or (bare.endswith("?") and not bare.startswith("#"))
        lines.append(f"{line[: len(line) - len(bare)]}# {bare}" if is_magic else line)
        if is_magic and line != bare:
            lines.append(f"{line[: len(line) - len(bare)]}pass")
    return "\n".join(lines)


def show_error(advice: list[str]) -> None:
    """The traceback from the program's own frames on, and what could be the reason."""
    kind, error, trace = sys.exc_info()
    own = (os.path.join("kerata", "cli"), "runpy", "<frozen runpy>")
    while trace is not None and any(part in trace.tb_frame.f_code.co_filename for part in own):
        trace = trace.tb_next
    traceback.print_exception(kind, error, trace)
    for line in advice:
        print(f"kerata run: {line}", file=sys.stderr)


def fail(text: str) -> int:
    print(f"kerata run: {text}.", file=sys.stderr)
    return 2
