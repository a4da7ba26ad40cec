"""`kerata upgrade`: shows, and writes, an old program in today's words."""

import difflib
import json
import sys
from pathlib import Path
from typing import Any

from kerata.base.replacing import replace_file
from kerata.cli.run import encoding_of, without_magics
from kerata.cli.upgrading import Upgraded, upgrade
from kerata.legacy.detection import SPOKEN, find_era, old_idioms

CELL = "# kerata upgrade: cell "
HIDDEN = "# kerata upgrade: hidden "


def run_upgrade(paths: list[str], write: bool = False, check: bool = False, dialect: str | None = None) -> int:
    """Shows what would change in programs and notebooks, and folders of them; gives the number with which the command ends.

    Args:
        paths: `.py` and `.ipynb` files, or folders.
        write: whether to write the changes.
        check: whether to say only what cannot be done; the number is 1 then if there is anything.
        dialect: the era; what each source says by default.
    """
    failed = left = 0
    for path in programs(paths):
        if not path.is_file():
            print(f"kerata upgrade: there is no file {path}", file=sys.stderr)
            failed += 1
            continue
        try:
            encoding = encoding_of(path)
            old = path.read_text(encoding=encoding)
            text = source_of(old) if path.suffix == ".ipynb" else old
            done = upgrade(text, dialect or find_era(text).era)
            new = notebook(old, done.source) if path.suffix == ".ipynb" else done.source
        except SyntaxError as error:
            print(f"kerata upgrade: {path}, line {error.lineno}: this Python cannot read it: {error.msg}", file=sys.stderr)
            for line in old_idioms(text):
                print(f"kerata upgrade: {line}", file=sys.stderr)
            failed += 1
            continue
        except (RecursionError, MemoryError):
            print(f"kerata upgrade: {path} cannot be read: its brackets or sums are nested too deeply", file=sys.stderr)
            failed += 1
            continue
        except (ValueError, KeyError, TypeError) as error:
            print(f"kerata upgrade: {path} cannot be read: {error}", file=sys.stderr)
            failed += 1
            continue
        left += report(path, old, new, done, check)
        if write and new != old:
            with replace_file(path) as part:
                part.write_text(new, encoding=encoding)
            print(f"kerata upgrade: {path} is written", file=sys.stderr)
    return 2 if failed else int(check and left > 0)


def programs(paths: list[str]) -> list[Path]:
    """The files that are meant: those of folders in their order."""
    found: list[Path] = []
    for path in map(Path, paths):
        found += sorted(p for p in path.rglob("*") if p.suffix in (".py", ".ipynb")) if path.is_dir() else [path]
    return found


def report(path: Path, old: str, new: str, done: Upgraded, check: bool) -> int:
    """Prints the difference and the notes; gives how many notes there are."""
    if not check:
        before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
        sys.stdout.writelines(difflib.unified_diff(before, after, str(path), str(path)))
    print(f"kerata upgrade: {path} is written for {SPOKEN[done.era]}", file=sys.stderr)
    for line, text in done.notes:
        print(f"kerata upgrade: {path}, line {line}: {text}", file=sys.stderr)
    return len(done.notes)


# Notebooks


def source_of(text: str) -> str:
    """The cells of a notebook as one program, each behind a line that says which it is, without what only IPython reads."""
    parts = []
    for number, cell in enumerate(json.loads(text)["cells"]):
        if cell.get("cell_type") == "code":
            source = cell.get("source", "")
            lines = (source if isinstance(source, str) else "".join(source)).split("\n")
            shown = without_magics("\n".join(lines))
            parts.append(f"{CELL}{number}\n" + (shown if shown == "\n".join(lines) else hide(lines)))
    return "\n".join(parts) + "\n"


def hide(lines: list[str]) -> str:
    """A cell in which lines that only IPython reads are comments."""
    found = []
    whole = bool(lines) and lines[0].lstrip().startswith("%%") and not lines[0].lstrip().startswith(("%%time", "%%capture"))
    for line in lines:
        bare = line.lstrip()
        magic = whole or bare.startswith(("%", "!")) or (bare.endswith("?") and not bare.startswith("#"))
        head = line[: len(line) - len(bare)]
        found.append(line if not magic else f"{head}pass  {HIDDEN}{bare}" if head else f"{HIDDEN}{bare}")
    return "\n".join(found)


def show(text: str) -> str:
    """A cell with the hidden lines as they were."""
    lines = text.split("\n")
    return "\n".join(line.replace(f"pass  {HIDDEN}", "").replace(HIDDEN, "") for line in lines)


def notebook(old: str, source: str) -> str:
    """A notebook with the cells of a program in it."""
    plain: dict[str, Any] = json.loads(old)
    for part in source.removesuffix("\n").split(CELL)[1:]:
        number, _, text = part.partition("\n")
        cell = plain["cells"][int(number)]
        text = show(text.removesuffix("\n"))
        whole = isinstance(cell.get("source", ""), str)
        cell["source"] = text if whole else text.splitlines(keepends=True)
    return json.dumps(plain, indent=1, ensure_ascii=False) + ("\n" if old.endswith("\n") else "")
