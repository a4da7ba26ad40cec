"""Errors that come up in a user's code inside of programs: whose code it is, and in our words what JAX says of it.

While a program is compiled, its arrays have shapes and types and no values yet, so code that asks for values cannot run.
JAX says so in terms of its own, and does not know whether it was a loss, a metric or a layer that asked.
"""

import traceback
from pathlib import Path
from types import TracebackType

import jax
from jax.core import Tracer

from kerata.base.checks import Said, describe_owner, message, shorten
from kerata.base.types import Owner
from kerata.engine.homes import is_users

NO_VALUES = "arrays have no values while a program is compiled"
AS_OPS = "Use kerata.ops or jax.numpy in its place"
EAGERLY = "compile(run_eagerly=True) runs batches as Python, where there are numbers, and is many times slower"
AS_WHERE = f"Use kerata.ops.where(condition, a, b), or kerata.ops.cond and kerata.ops.while_loop; {EAGERLY}"
UNKNOWN_COUNT = f"{NO_VALUES}, so it is not known how many entries"
# Of JAX's kinds of error, the narrower ones first: what is wrong, and what to write instead.
WORDS: tuple[tuple[type[Exception], str, str], ...] = (
    (jax.errors.TracerArrayConversionError, f"{NO_VALUES}, so NumPy, and what is built on it, cannot take them", AS_OPS),
    (jax.errors.TracerBoolConversionError, f"{NO_VALUES}, so `if`, `while`, `and`, `not` cannot look at them", AS_WHERE),
    (
        jax.errors.NonConcreteBooleanIndexError,
        f"{UNKNOWN_COUNT} `x[condition]` would have",
        f"Use kerata.ops.where(condition, x, 0), or multiply by weights of 0 and 1; {EAGERLY}",
    ),
    (
        jax.errors.TracerIntegerConversionError,
        f"{NO_VALUES}, so they cannot be Python's whole numbers, as an index or a range",
        "Use kerata.ops.take for an index; sizes are known: x.shape[1]",
    ),
    (
        jax.errors.ConcretizationTypeError,
        f"{NO_VALUES}, so they cannot become numbers of Python: float(), int(), item()",
        "Leave them as arrays, e.g. kerata.ops.cast(x, 'float32'); sizes are known: x.shape[1]",
    ),
    (
        jax.errors.UnexpectedTracerError,
        "an array that one program computed was kept, in an attribute or elsewhere, and used in another",
        "Keep it in a variable: self.v = self.add_weight(name='v'), then self.v.assign(...)",
    ),
)


def words_of(error: Exception) -> tuple[str, str] | None:
    """(what is wrong, what to write instead) of an error that comes of asking for values that are not there yet."""
    if isinstance(error, jax.errors.ConcretizationTypeError) and "must be statically specified" in str(error):
        fix = f"Use kerata.ops.where(condition, x, 0), or give `size`; {EAGERLY}"
        return f"{UNKNOWN_COUNT} there are that are not zero", fix
    for kind, expected, fix in WORDS:
        if isinstance(error, kind):
            return expected, fix
    if isinstance(error, AttributeError) and isinstance(getattr(error, "obj", None), Tracer):
        return f"{NO_VALUES}, and have no `{error.name}`", "Use the array itself: kerata.ops and jax.numpy take it"
    if isinstance(error, ValueError) and str(error).startswith("The truth value of an array"):
        return "an array of several numbers is neither true nor false", AS_WHERE
    return None


def explain(error: Exception, owner: Owner, note: str, received: dict[str, object]) -> None:
    """Gives an error the words of ours if there are such, else a note of where it came up. Once: the innermost owner counts.

    Args:
        error: the error; it keeps its kind and its traceback.
        owner: whose code it is, as in `message`.
        note: a sentence about the place.
        received: what the code was called with.
    """
    if getattr(error, "_is_explained", False):
        return
    error._is_explained = True  # type: ignore[attr-defined]
    found = words_of(error)
    if found is None:
        # A message of ours has the owner already.
        if describe_owner(owner) not in str(error):
            error.add_note(note)
        return
    expected, fix = found
    error.args = (message(owner, expected, {**received, **place_of(error.__traceback__)}, fix),)


def place_of(trace: TracebackType | None) -> dict[str, str]:
    """The last line of a user's own code that an error went through, under the name of its place."""
    frames = [frame for frame in traceback.extract_tb(trace) if is_users(frame.filename) and frame.line]
    # Better one of a program than one of a library.
    last = next((frame for frame in reversed(frames) if "site-packages" not in frame.filename), None)
    return {} if last is None else {f"line {last.lineno} of {Path(last.filename).name}": Said(last.line)}


class Blame:
    """Around the call of a user's function: an error inside says whose it is.

    Args:
        owner: whose code it is, as in `message`.
        received: what it is called with.

    >>> try:
    ...     with Blame("loss (mine)", y_pred=3):
    ...         1 / 0
    ... except ZeroDivisionError as error:
    ...     error.__notes__
    ['In loss (mine), called with y_pred=3.']
    """

    def __init__(self, owner: str, **received: object):
        self.owner, self.received = owner, received

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, Exception):
            given = ", ".join(f"{name}={shorten(value)}" for name, value in self.received.items())
            explain(error, self.owner, f"In {self.owner}{', called with ' * bool(given)}{given}.", self.received)
