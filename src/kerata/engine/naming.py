"""Names: those that who gets none is given, and those around, which the paths of variables begin with."""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Generator
from typing import Self

from kerata.base.blocks import Within, ambient
from kerata.base.checks import message
from kerata.base.types import Slashed

_local = ambient()
_counts: dict[str, int] = defaultdict(int)
_naming = ambient()
_measuring = ambient()
_counting = ambient()


class NamedTwice(ValueError):
    """Two parts of a model have one name."""


def is_name(value: object) -> bool:
    """Whether something names a part of a path.

    >>> is_name("dense"), is_name("encoder/dense"), is_name(Slashed("encoder/dense"))
    (True, False, True)
    """
    return isinstance(value, str) and ("/" not in value or isinstance(value, Slashed))


class name_scope:
    """Prefixes the paths of the variables created inside, `encoder/dense/kernel`.

    Args:
        name: the next part of the paths, without `/`.
        caller: who opens it. Within a scope of the same caller and name it adds nothing, unless `deduplicate` is False.
        override_parent: the path that stands before the name, in place of the scopes around.

    >>> import kerata
    >>> with name_scope("encoder"), name_scope("dense"):
    ...     kerata.Variable(0.0, name="bias").path
    'encoder/dense/bias'
    """

    def __init__(self, name: str, caller: object = None, deduplicate: bool = True, override_parent: str | None = None):
        if not is_name(name):
            raise ValueError(message("name_scope", "`name` must be a text without '/'", {"name": name}))
        self.name, self.caller, self.deduplicate, self.override_parent = name, caller, deduplicate, override_parent

    def __enter__(self) -> Self:
        names = _names()
        is_same = self.caller is not None and _local.__dict__.get("caller") is self.caller and names[-1:] == [self.name]
        if self.deduplicate and is_same:
            self.before = None
            return self
        # What stands there now; the list itself stays, since others hold it.
        self.before = (list(names), _local.__dict__.get("caller"))
        if self.override_parent is not None:
            names[:] = [part for part in self.override_parent.split("/") if part]
        names.append(self.name)
        _local.caller = self.caller
        return self

    def __exit__(self, *_: object) -> None:
        if self.before is not None:
            _names()[:], _local.caller = self.before


def open_name(name: str) -> contextlib.AbstractContextManager[object]:
    """`name_scope(name)`, unless it is the innermost one already: `build` may be called within a call or alone."""
    return contextlib.nullcontext() if _names()[-1:] == [name] else name_scope(name)


@contextlib.contextmanager
def without_names() -> Generator[None]:
    """The paths of variables that are made inside begin anew."""
    names = _names()
    before = list(names)
    names.clear()
    try:
        yield
    finally:
        names[:] = before


def current_path() -> str:
    """The names around, as the path of a variable that is made here begins."""
    return "/".join(_names())


def _names() -> list[str]:
    return _local.__dict__.setdefault("names", [])


def count_name(base: str) -> int:
    """How many names were made of this one before."""
    counts: dict[str, int] = getattr(_counting, "counts", _counts)
    count = counts[base]
    counts[base] += 1
    return count


def name_counts() -> dict[str, int]:
    """How many names were made of each base so far."""
    return dict(_counts)


@contextlib.contextmanager
def names_from(counts: dict[str, int]) -> Generator[None]:
    """A block in which names go on from an earlier state of the counts, or from none at all.

    >>> with names_from({"dense": 1}):
    ...     auto_name("dense"), auto_name("conv")
    ('dense_1', 'conv')
    """
    own: defaultdict[str, int] = defaultdict(int, counts)
    try:
        with Within(_counting, counts=own):
            yield
    finally:
        # What is made after it takes no name from inside.
        for base, count in own.items():
            _counts[base] = max(_counts[base], count)


def auto_name(base: str) -> str:
    """`dense`, `dense_1`, `dense_2`: a new name in the process; within a block of `naming`, what is made of the base there."""
    made: Callable[[str], str] | None = getattr(_naming, "made", None)
    if made is not None:
        return made(base)
    count = count_name(base)
    return base if count == 0 else f"{base}_{count}"


def naming(made: Callable[[str], str]) -> Within:
    """A block in which who gets no name is called otherwise, as in another era."""
    return Within(_naming, made=made)


def name_measure(base: str) -> str:
    """`auto_name` for what is reported under its name; within `measures_anew`, as if there had been none before."""
    counts: dict[str, int] | None = getattr(_measuring, "counts", None)
    if counts is None:
        return auto_name(base)
    counts[base] += 1
    return base if counts[base] == 1 else f"{base}_{counts[base] - 1}"


def measures_anew() -> Within:
    """A block in which metrics and losses without a name are called as the first of the process.

    A builder that is called for each trial makes a new `AUC()` each time: all of them are "auc", as their objective says.
    Layers are not named anew: one that the builder keeps would meet another one of its name.

    >>> with measures_anew():
    ...     name_measure("auc"), name_measure("auc")
    ('auc', 'auc_1')
    """
    counts: defaultdict[str, int] = defaultdict(int)
    return Within(_measuring, counts=counts)


def forget_names() -> None:
    """Starts counting names anew, as `clear_session` does."""
    _counts.clear()
    getattr(_counting, "counts", _counts).clear()
