"""Functions of Python's as files hold them: their code, which is written and never run, and which of a process's own a code is.

A file that carries code is data. The program that wrote it may read it again: the code is then held against the functions that
this process itself has written, or has built layers of, and what is taken is such a function, as it stands in memory.
"""

import base64
import hashlib
import json
import marshal
import secrets
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, TypeGuard

from kerata.base.types import is_dict, is_list_or_tuple

# The last form of Python's in which equal code has equal bytes; all Pythons read it.
FORM = 2
# So many functions are known, the last ones. Those that close over more than some plain values are not kept alive for it.
MOST_KNOWN, MOST_LETTERS = 256, 10_000
# How files of Keras 3 call a function whose code they hold.
MARK = "__lambda__"


class Known(NamedTuple):
    """A function of this process, by the digest of its bytes.

    Args:
        get: gives the function; `None` where it is no longer there.
        has_own_bytes: whether the bytes are those of this one function, so that nothing else need be compared.
    """

    get: Callable[[], types.FunctionType | None]
    has_own_bytes: bool


_known: dict[tuple[bytes, int], Known] = {}
_marks: weakref.WeakKeyDictionary[types.FunctionType, bytes] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def is_function(value: object) -> TypeGuard[types.FunctionType]:
    """Whether a value is a function with code of Python's."""
    return isinstance(value, types.FunctionType)


def write_function(function: types.FunctionType) -> dict[str, Any]:
    """A function as files hold it: `code`, `defaults` and `closure`, in Keras's form.

    Where JSON has no words for its defaults or for what it closes over, they are left out; this process knows it all the same.

    >>> def scaled(x, by=2):
    ...     return x * by
    >>> found = write_function(scaled)
    >>> found["defaults"], found["closure"], find_function(found) is scaled
    ((2,), None, True)
    """
    parts = parts_of(function)
    data = bytes_of(function)
    if parts is None:
        with _lock:
            # Bytes behind the code, which no reader looks at, tell this function from others of the same code.
            data += _marks.setdefault(function, secrets.token_bytes(16))
    know(function, data, parts)
    text = base64.encodebytes(data).decode("ascii")
    return {"code": text, **(parts or {"defaults": None, "closure": None})}


def remember(function: object) -> None:
    """Lets files that hold the function's code stand for it in this process."""
    if is_function(function) and (parts := parts_of(function)) is not None:
        know(function, bytes_of(function), parts)


def know(function: types.FunctionType, data: bytes, parts: dict[str, Any] | None) -> None:
    small = parts is not None and len(json.dumps(parts)) <= MOST_LETTERS
    get: Callable[[], types.FunctionType | None] = (lambda: function) if small else weakref.ref(function)
    key = (hashlib.sha256(data).digest(), id(function))
    with _lock:
        _known.pop(key, None)
        _known[key] = Known(get, parts is None)
        while len(_known) > MOST_KNOWN:
            del _known[next(iter(_known))]


def find_function(written: object) -> types.FunctionType | None:
    """The function of this process that a file's code stands for; `None` where there is none, or more than one.

    Args:
        written: what `write_function` gave; or `[code, defaults, closure]`, as Keras 2 has it.
    """
    code, defaults, closure = parts_of_written(written)
    data = decode(code)
    if data is None:
        return None
    digest = hashlib.sha256(data).digest()
    with _lock:
        candidates = [(known.get(), known.has_own_bytes) for (own, _), known in _known.items() if own == digest]
    wanted = {"defaults": defaults, "closure": closure}
    found = [
        function for function, is_one in candidates if function is not None and (is_one or fits(parts_of(function), wanted))
    ]
    # Equal numbers of another type, or other globals, make another function.
    return found[-1] if found and all(is_like(one, found[-1]) for one in found) else None


def parts_of_written(written: object) -> tuple[object, object, object]:
    """Code, defaults and closure of what a file holds, in any of Keras's forms; `None` for each where it is none of them."""
    if is_dict(written):
        written = written.get("value", [written.get(key) for key in ("code", "defaults", "closure")])
    if not is_list_or_tuple(written) or not 0 < len(written) <= 3:
        return None, None, None
    code, defaults, closure = [*written, None, None][:3]
    return code, defaults, closure


def decode(code: object) -> bytes | None:
    """The bytes of a code in a file."""
    if not isinstance(code, str):
        return None
    try:
        return base64.b64decode(code.encode("ascii").replace(b"\n", b""), validate=True)
    except ValueError:
        # Keras 1 kept the bytes as letters.
        return code.encode("raw_unicode_escape")


def bytes_of(function: types.FunctionType) -> bytes:
    return marshal.dumps(function.__code__, FORM)


def parts_of(function: types.FunctionType) -> dict[str, Any] | None:
    """The defaults of a function and what it closes over; `None` where JSON cannot hold them."""
    try:
        closure = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # what it closes over is not there yet
        return None
    defaults = function.__defaults__
    if function.__kwdefaults__ or not is_plain([*(defaults or ()), *closure]):
        return None
    return {"defaults": defaults, "closure": tuple(closure) if closure else None}


def is_plain(value: object) -> bool:
    """Whether JSON holds a value as it is."""
    if is_list_or_tuple(value):
        return all(map(is_plain, value))
    if is_dict(value):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return value is None or type(value) in (bool, int, float, str)


def fits(parts: dict[str, Any] | None, wanted: dict[str, object]) -> bool:
    """Whether the defaults and the closure of a file are those of a function."""
    return parts is not None and is_plain([*wanted.values()]) and json.dumps(parts) == json.dumps(wanted)


def is_like(one: types.FunctionType, other: types.FunctionType) -> bool:
    """Whether two functions of one code do the same."""
    if one is other:
        return True
    parts, others = parts_of(one), parts_of(other)
    return parts is not None and repr(parts) == repr(others) and one.__globals__ is other.__globals__
