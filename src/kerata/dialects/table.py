"""The form of the tables: a row says what an era called something, with which arguments, and what it is called today.

A table is text, a row a name of the era:

    Convolution2D = Conv2D: nb_filter, nb_row, nb_col, init='glorot_uniform', border_mode='valid', PENALTIES
    MaxPool2D = MaxPooling2D
    Highway = Highway: init='glorot_uniform', bias>use_bias=True
    Embedding: input_dim, output_dim>output_dim, consume_less>-='cpu'

Behind the colon stands the signature of the era. An argument reads `old>new=default`: `new` is today's name, where the list of
renamed arguments of the era does not say it; `new.0` is a place in a tuple; `-` says that it means nothing today. A word in
capitals stands for arguments that several rows share. A row without a colon is another spelling of a row of the same table, if
its right side is one, else a thing that has not changed.
"""

import ast
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, replace

CAPITALS = re.compile(r"\b[A-Z_]{3,}\b")
NOT_GIVEN: object = type("NotGiven", (), {"__repr__": lambda self: "no default"})()


@dataclass(frozen=True)
class Argument:
    """An argument of the era.

    Args:
        old, new: its name then and now; `new` is "" for one that means nothing today.
        place: the place in a tuple that several old arguments are now.
        default: the era's default, `NOT_GIVEN` if there was none.
    """

    old: str
    new: str
    place: int | None
    default: object


@dataclass(frozen=True)
class Row:
    """What an era called something.

    Args:
        era, kind, name: where it was: `"keras1"`, `"layers"`, `"Convolution2D"`.
        today: its name today in the room of that kind; "" if there is none.
        arguments: in the order of the era; `None` where they are those of today.
        takes_any: whether other arguments, e.g. those of all layers, are passed on.
        older: arguments that the era took as the one before had called them.
    """

    era: str
    kind: str
    name: str
    today: str
    arguments: tuple[Argument, ...] | None
    takes_any: bool = True
    older: tuple[Argument, ...] = ()

    @property
    def modern(self) -> str:
        """`layers.Conv2D`."""
        return f"{self.kind}.{self.today}" if self.today else ""

    def argument(self, old: str) -> Argument | None:
        """The argument that the era called so."""
        return next((a for a in self.arguments or () if a.old == old), None)


class Table:
    """The rows of an era and a kind; read when they are first asked for.

    Args:
        era, kind: of what.
        text: the rows.
        renamed: today's names of arguments that are renamed alike in many rows.
        groups: arguments that rows name by a word in capitals.
        takes_any: whether arguments that a row does not name are passed on.
        older: arguments of the era before, which this one took as well -> their names today.
    """

    def __init__(
        self,
        era: str,
        kind: str,
        text: str,
        renamed: Mapping[str, str] | None = None,
        groups: Mapping[str, str] | None = None,
        takes_any: bool = True,
        older: Mapping[str, str] | None = None,
    ):
        self.era, self.kind, self.takes_any = era, kind, takes_any
        self.renamed, self.groups = dict(renamed or {}), dict(groups or {})
        self._older = dict(older or {})
        self.text = text
        self._lines: dict[str, tuple[str, str | None]] | None = None
        self._rows: dict[str, Row] = {}

    def of_era(self, era: str) -> "Table":
        """The same rows in another era."""
        return Table(era, self.kind, self.text, self.renamed, self.groups, self.takes_any, self._older)

    @property
    def lines(self) -> dict[str, tuple[str, str | None]]:
        """Name -> (name today, signature as text)."""
        if self._lines is None:
            self._lines = {}
            text = re.sub(r"\n +", " ", textwrap.dedent(self.text).strip())
            for line in text.splitlines():
                head, colon, signature = line.partition(":")
                name, _, today = (part.strip() for part in head.partition("="))
                self._lines[name] = ("" if today == "-" else today or name, signature.strip() if colon else None)
        return self._lines

    def __contains__(self, name: str) -> bool:
        return name in self.lines

    def __getitem__(self, name: str) -> Row:
        if name not in self._rows:
            today, signature = self.lines[name]
            if signature is None and today != name and today in self.lines:
                row = self[today]
                self._rows[name] = replace(row, name=name)
            else:
                arguments = None if signature is None else self._read(signature)
                today_names = {argument.new for argument in arguments or ()}
                older = [self._read_argument(f"{old}>{new}") for old, new in self._older.items()]
                fitting = tuple(argument for argument in older if not argument.new or argument.new in today_names)
                self._rows[name] = Row(self.era, self.kind, name, today, arguments, self.takes_any, fitting)
        return self._rows[name]

    def _read(self, signature: str) -> tuple[Argument, ...]:
        while any(word in self.groups for word in CAPITALS.findall(signature)):
            signature = CAPITALS.sub(lambda found: self.groups.get(found[0], found[0]), signature)
        return tuple(self._read_argument(part) for part in split(signature))

    def _read_argument(self, text: str) -> Argument:
        names, equals, default = text.partition("=")
        old, arrow, new = (part.strip() for part in names.partition(">"))
        new = new if arrow else self.renamed.get(old, old)
        new, _, place = new.partition(".")
        value = ast.literal_eval(default.strip()) if equals else NOT_GIVEN
        return Argument(old, "" if new == "-" else new, int(place) if place else None, value)


def split(text: str) -> list[str]:
    """The parts between commas that stand outside of brackets and quotes.

    >>> split("a, b=(1, 2), c=','")
    ['a', 'b=(1, 2)', "c=','"]
    """
    parts, depth, quoted, begin = [], 0, False, 0
    for index, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif not quoted and letter in "([{":
            depth += 1
        elif not quoted and letter in ")]}":
            depth -= 1
        elif letter == "," and depth == 0 and not quoted:
            parts.append(text[begin:index])
            begin = index + 1
    parts.append(text[begin:])
    return [part.strip() for part in parts if part.strip()]
