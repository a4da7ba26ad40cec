"""The `kerata` command."""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kerata.base.importing import Late
from kerata.cli.run import run_program
from kerata.legacy.installing import ERAS
from kerata.version import __version__

# An old program should not wait for what it does not ask for.
if TYPE_CHECKING:
    from kerata.cli import convert as converting
    from kerata.cli import demo as demonstrating
    from kerata.cli import upgrade as upgrading
    from kerata.saving import inspecting
else:
    converting, demonstrating = Late("kerata.cli.convert"), Late("kerata.cli.demo")
    upgrading, inspecting = Late("kerata.cli.upgrade"), Late("kerata.saving.inspecting")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command with the given words, those of the command line by default."""
    parser = argparse.ArgumentParser(prog="kerata", description="Deep learning with the Keras API, compiled by XLA.")
    parser.add_argument("--version", action="version", version=f"kerata {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="train a network on MNIST, draw its curves and read them")
    demo.add_argument("--full", action="store_true", help="all 60,000 pictures (downloaded once, 11 MB)")
    demo.add_argument("--epochs", type=int, default=10, help="how often to go through the pictures (default: 10)")
    demo.add_argument("--output", default="kerata-demo.png", help="where to save the curves (default: kerata-demo.png)")
    inspect = commands.add_parser("inspect", help="say what a file of a model holds, without loading it")
    inspect.add_argument("file", help="a .keras, .h5 or .json file, a SavedModel folder, or a checkpoint")
    convert = commands.add_parser("convert", help="write a model that loads in another form")
    convert.add_argument("--force", action="store_true", help="replace NEW where it is there")
    convert.add_argument("old", metavar="OLD", help="a file or a SavedModel folder of any Keras")
    convert.add_argument("new", metavar="NEW", help="a name that ends in .keras, .h5 or .weights.h5")
    run = commands.add_parser("run", help="run an old program as it is, with the Keras of its time")
    run.add_argument("--dialect", choices=ERAS, help="which Keras; what the source says by default")
    run.add_argument("--quiet", action="store_true", help="do not say which Keras it is")
    run.add_argument("program", help="a .py or .ipynb file")
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="what the program gets")
    up = commands.add_parser("upgrade", help="show an old program in today's words")
    up.add_argument("--write", action="store_true", help="change the files")
    up.add_argument(
        "--check", action="store_true", help="say only what is left to do by hand; ends with 1 if there is anything"
    )
    up.add_argument("--dialect", choices=ERAS, help="which Keras; what the source says by default")
    up.add_argument("paths", nargs="+", metavar="PATH", help="a .py or .ipynb file, or a folder")
    words = parser.parse_args(argv)
    if words.command == "upgrade":
        return upgrading.run_upgrade(words.paths, words.write, words.check, words.dialect)
    if words.command == "convert":
        return converting.run_convert(words.old, words.new, words.force)
    if words.command == "inspect":
        return run_inspect(words.file)
    if words.command == "run":
        return run_program(words.program, words.arguments, words.dialect, words.quiet)
    if words.epochs < 1:
        parser.error("--epochs must be at least 1")
    demonstrating.run_demo(full=words.full, epochs=words.epochs, output=words.output)
    return 0


def run_inspect(path: str) -> int:
    """Prints what a file holds, or why it cannot be said."""
    try:
        print(inspecting.inspect_file(path))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
