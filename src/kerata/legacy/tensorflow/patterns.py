"""Patterns of texts as TensorFlow reads them (RE2's), as patterns of Python's."""

import functools
import re
import sys
import unicodedata

from kerata.base.checks import message
from kerata.legacy.tensorflow.errors import InvalidArgumentError

# Classes of POSIX, as they stand within brackets.
POSIX = {
    "punct": r"!-/:-@\[-`{-~",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "0-9A-Za-z",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\t\n\v\f\r ",
    "blank": r"\t ",
    "xdigit": "0-9A-Fa-f",
    "word": "0-9A-Za-z_",
    "cntrl": r"\x00-\x1f\x7f",
    "print": r"\x20-\x7e",
    "graph": r"\x21-\x7e",
}


@functools.lru_cache(64)
def category(name: str) -> str:
    """The letters of a category of Unicode, e.g. `P`, as ranges within brackets."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)).startswith(name):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    if not ranges:
        raise InvalidArgumentError(message("tf.strings", "there is no such category of letters", {"pattern": rf"\p{{{name}}}"}))
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


class Reader:
    """Goes through a pattern.

    Args:
        pattern: of RE2.
    """

    def __init__(self, pattern: str):
        self.pattern, self.place, self.made = pattern, 0, ""
        self.inside = False
        self.lines = re.match(r"\(\?[a-zA-Z]*m", pattern) is not None

    def take(self, count: int = 1) -> str:
        found = self.pattern[self.place : self.place + count]
        self.place += count
        return found

    def read(self) -> str:
        """The pattern of Python's."""
        while self.place < len(self.pattern):
            if self.pattern.startswith("[:", self.place) and self.inside:
                self.made += self.posix()
                continue
            letter = self.take()
            if letter == "\\":
                self.made += self.escaped()
            elif self.inside:
                self.made += self.within(letter)
            elif letter == "[":
                self.inside = True
                self.made += self.opening()
            else:
                self.made += r"\Z" if letter == "$" and not self.lines else letter
        return self.made

    def posix(self) -> str:
        end = self.pattern.find(":]", self.place)
        name = self.pattern[self.place + 2 : end] if end >= 0 else ""
        if name not in POSIX:
            raise InvalidArgumentError(message("tf.strings", "the pattern cannot be read", {"pattern": self.pattern}))
        self.take(len(name) + 4)
        return POSIX[name]

    def opening(self) -> str:
        """The beginning of a class: a bracket right behind it is a letter of the class."""
        found = "["
        if self.pattern.startswith("^", self.place):
            found += self.take()
        if self.pattern.startswith("]", self.place):
            self.take()
            found += r"\]"
        return found

    def within(self, letter: str) -> str:
        self.inside = letter != "]"
        # What Python may take for an operation of sets.
        return "\\" + letter if letter in "[&|~" else letter

    def escaped(self) -> str:
        letter = self.take()
        if letter in ("p", "P"):
            name = self.take()
            if name == "{":
                end = self.pattern.find("}", self.place)
                name = self.pattern[self.place : end]
                self.place = end + 1
            negated = (letter == "P") != name.startswith("^")
            ranges = category(name.lstrip("^"))
            if self.inside and negated:
                raise InvalidArgumentError(message("tf.strings", "the pattern cannot be read", {"pattern": self.pattern}))
            return ranges if self.inside else f"[{'^' if negated else ''}{ranges}]"
        return r"\Z" if letter == "z" else "\\" + letter


@functools.lru_cache(256)
def text_pattern(pattern: bytes) -> re.Pattern[str]:
    r"""A pattern of RE2 as one of Python's; letters, digits and spaces are ASCII's.

    >>> text_pattern(rb"[[:punct:]]\pL$").pattern.startswith(r"[!-/:-@\[-`{-~]["), text_pattern(b"[[]x$").pattern
    (True, '[\\[]x\\Z')
    """
    try:
        return re.compile(Reader(pattern.decode("utf-8", "surrogateescape")).read(), re.ASCII)
    except re.error as error:
        raise InvalidArgumentError(f"Invalid pattern: {pattern.decode('utf-8', 'replace')}, error: {error}") from error


def rewriting(rewrite: bytes) -> str:
    r"""What matches are replaced with: `\0` is all of one, `\1` its first group.

    >>> rewriting(rb"<\0>")
    '<\\g<0>>'
    """
    return re.sub(r"\\(\d)", r"\\g<\1>", rewrite.decode("utf-8", "surrogateescape"))
