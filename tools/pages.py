"""Runs the code of a page, as a reader would who copies it block after block, and keeps the page's figures true.

    python tools/pages.py docs/search.md --data FOLDER            prints what each block prints, and its seconds
    python tools/pages.py docs/search.md --data FOLDER --write    also puts outputs, figures and pictures into the page

What the page's comments say to this program:

    <!-- timed: NAME -->      the next block is a row of the table of costs
    <!-- not run -->          the next block is only shown
    <!-- costs -->            from here to <!-- end of costs --> the table is written by this program

A block whose first line is `# name.py` is written to that file, `sh` blocks are run as they are, all others in one Python
process. A `text` block that follows holds what was printed. A picture that the code saves as `x.png`, and the page shows as
`images/<page>_x.png`, is copied there. Each round has a fresh process: once with no compiled programs kept ("first time"), once
with those of the first run ("again"). The fastest round counts.
"""

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REMARK = re.compile(r"<!-- (timed: (?P<name>.+?)|not run) -->\s*\Z")
PICTURE = re.compile(r"\((images/[\w-]+?_([\w-]+\.png))\)")
COSTS = re.compile(r"(<!-- costs -->\n).*?(?=<!-- end of costs -->)", re.DOTALL)
# The table's columns.
RUNS = ("first time", "again")


@dataclass
class Block:
    """A block of code.

    Attributes:
        code: its text.
        language: "python" or "sh".
        line: where it begins in the page.
        name: its row in the table of costs.
        run: whether it is run.
        output: what the page says that it prints.
        place: where in the page that text is.
    """

    code: str
    language: str
    line: int
    name: str | None = None
    run: bool = True
    output: str | None = None
    place: tuple[int, int] | None = None

    @property
    def file(self) -> str | None:
        """The file that the block is, if it says so."""
        found = re.match(r"# ([\w-]+\.py)\n", self.code)
        return found[1] if found else None


def read_blocks(page: str) -> list[Block]:
    """The blocks of a page that hold code, with the outputs that follow them.

    >>> [block.output for block in read_blocks("```python\\nprint(1)\\n```\\n\\n```text\\n1\\n```\\n")]
    ['1\\n']
    """
    blocks: list[Block] = []
    end = 0
    for fence in FENCE.finditer(page):
        between, end = page[end : fence.start()], fence.end()
        language, text = fence[1], fence[2]
        if language in ("python", "sh"):
            remark = REMARK.search(between)
            name = remark["name"] if remark else None
            blocks.append(Block(text, language, page.count("\n", 0, fence.start()) + 1, name, not remark or name is not None))
        elif language == "text" and blocks and not between.strip() and blocks[-1].output is None:
            blocks[-1].output, blocks[-1].place = text, fence.span(2)
    return blocks


def run_block(block: Block, namespace: dict, folder: Path) -> str:
    """Runs a block in the working folder; returns what it printed."""
    if block.file:
        (folder / block.file).write_text(block.code)
        return ""
    if block.language == "sh":
        # The shell's word for a killed program differs from shell to shell.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-e"],
            input=block.code,
            cwd=folder,
            env={**os.environ, "PATH": path},
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"line {block.line}: {done.stderr[-3000:]}")
        return done.stdout
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile("\n" * block.line + block.code, "page", "exec"), namespace)
    return printed.getvalue()


def run_page(page: Path, data: Path | None, folder: Path) -> None:
    """Runs all blocks in this process, in a folder that holds the data; prints a line of JSON a block."""
    link_data(data, folder)
    os.chdir(folder)
    namespace: dict = {"__name__": "__main__"}
    for index, block in enumerate(read_blocks(page.read_text())):
        if not block.run:
            continue
        began = time.perf_counter()
        printed = run_block(block, namespace, folder)
        print(json.dumps([index, time.perf_counter() - began, printed]), flush=True)


def link_data(data: Path | None, folder: Path) -> None:
    """Lays the files of a folder of data beside the code."""
    for file in data.iterdir() if data else ():
        (folder / file.name).symlink_to(file)


def measure(page: Path, data: Path | None, rounds: int, pictures: Path) -> dict[int, dict[str, tuple[float, str]]]:
    """For each block and each kind of run the fastest seconds and what was printed then."""
    found: dict[int, dict[str, tuple[float, str]]] = {}
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as programs:
            for kind in RUNS:
                print(f"{page.name}, round {number + 1}, {kind}", file=sys.stderr, flush=True)
                with tempfile.TemporaryDirectory() as folder:
                    beside = ["--data", str(data)] if data else []
                    command = [sys.executable, __file__, str(page), "--inside", folder, *beside]
                    given = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
                    worker = subprocess.run(
                        command,
                        env={**given, "KERATA_PROGRAM_CACHE": programs, "MPLBACKEND": "Agg"},
                        stdout=subprocess.PIPE,
                        text=True,
                        check=True,
                    )
                    for index, seconds, printed in map(json.loads, worker.stdout.splitlines()):
                        best = found.setdefault(index, {})
                        if kind not in best or seconds < best[kind][0]:
                            best[kind] = seconds, printed
                    for picture in Path(folder).glob("*.png"):
                        shutil.copy(picture, pictures)
    return found


def make_table(blocks: list[Block], found: dict[int, dict[str, tuple[float, str]]]) -> str:
    """The table of costs."""
    lines = [f"| what | {' | '.join(RUNS)} |", "|---" * (len(RUNS) + 1) + "|"]
    for index, block in enumerate(blocks):
        if block.name and index in found:
            figures = [format_seconds(found[index][kind][0]) for kind in RUNS]
            lines.append(f"| {block.name} | {' | '.join(figures)} |")
    return "\n".join(lines)


def format_seconds(seconds: float) -> str:
    """
    >>> format_seconds(0.123), format_seconds(4.56), format_seconds(123.4)
    ('0.12 s', '4.6 s', '123 s')
    """
    return f"{seconds:.2f} s" if seconds < 1 else f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def write_page(page: Path, blocks: list[Block], found: dict[int, dict[str, tuple[float, str]]], pictures: Path) -> None:
    """Puts outputs, the table of costs and the pictures where they belong."""
    text = page.read_text()
    for index, block in reversed(list(enumerate(blocks))):
        if block.place and index in found:
            start, end = block.place
            text = text[:start] + found[index][RUNS[0]][1].rstrip() + "\n" + text[end:]
    text = COSTS.sub(lambda old: f"{old[1]}{make_table(blocks, found)}\n", text)
    page.write_text(text)
    for target, name in PICTURE.findall(text):
        if (pictures / name).exists():
            shutil.copy(pictures / name, page.parent / target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("--data", type=Path, help="a folder whose files the page reads")
    parser.add_argument("--rounds", type=int, default=3, help="the fastest counts (default 3)")
    parser.add_argument("--write", action="store_true", help="write outputs, figures and pictures into the page")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    page, data = arguments.page.resolve(), arguments.data.resolve() if arguments.data else None
    if arguments.inside:
        run_page(page, data, arguments.inside.resolve())
        return
    blocks = read_blocks(page.read_text())
    with tempfile.TemporaryDirectory() as pictures:
        found = measure(page, data, arguments.rounds, Path(pictures))
        for index, best in found.items():
            figures = ", ".join(f"{kind} {format_seconds(best[kind][0])}" for kind in RUNS)
            print(f"--- line {blocks[index].line}: {figures}\n{best[RUNS[0]][1]}", end="")
        print(make_table(blocks, found))
        if arguments.write:
            write_page(page, blocks, found, Path(pictures))


if __name__ == "__main__":
    main()
