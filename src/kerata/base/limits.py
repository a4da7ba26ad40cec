"""One budget for everything that a file or a description can make a process allocate or compute.

A description of a few bytes can ask for a layer of any size, a compressed file can hold a thousand times its own size. So
what is read from elsewhere is counted before it is made: memory (weights, states of measures, constants, unpacked and
decoded bytes, members of archives) and work (calls in a graph, objects, loops). The allowance grows with the bytes that
were really given, so a large model in a large file needs no permission; `allow` raises it.
"""

import contextlib
import math
import re
from collections.abc import Callable, Generator, Iterable, Sequence

from kerata.base.blocks import Within, ambient
from kerata.base.checks import message
from kerata.base.refusals import FileError
from kerata.base.types import Owner, Plain

# What may be allocated whatever is read, and how many times the bytes that were read: weights and what an optimizer keeps
# for each, read into memory beside their first values, from a smaller type or a packed form.
LEAST_BYTES = 200 * 2**20
ROOM = 8
# Weights that a description alone may ask for beyond that: they take memory when their values are asked for, or read.
PROMISED_BYTES = 4 * 2**30
# Work that may be done whatever is read, and the bytes of a description for each further unit. Making an object is one unit,
# a call in a graph, which is traced, ten.
LEAST_WORK = 8_000
BYTES_OF_WORK = 12
CALL = 10
# Repetitions in a regular expression: each makes the time grow with the length of the text once more.
MOST_REPEATS = 3
# A number in a list of Python's.
NUMBER_BYTES = 40
# Levels of lists and dicts in a description. A model within a model takes about six.
MOST_LEVELS = 200

_local = ambient()


class Budget:
    """What is left of an allowance.

    Args:
        owner: how the file is called in messages.
        given: how many bytes were given, or the plain data of a description, which is measured where its size matters.
        describes: whether it is a description alone, without values of weights.
    """

    def __init__(self, owner: str, given: Plain, describes: bool = False):
        self.owner, self.given = owner, given
        self.promised = PROMISED_BYTES if describes else 0
        self.bytes, self.work = getattr(_local, "least", (LEAST_BYTES, LEAST_WORK))
        # Bytes of the weights made so far, and what others allow; see `take_weight`.
        self.weights = self.borrowed = 0
        if isinstance(given, int):
            self.measure()

    def measure(self) -> None:
        """Adds what the bytes that were given allow, once."""
        size = self.given if isinstance(self.given, int) else size_of_plain(self.given)
        self.given = 0
        self.bytes += ROOM * size
        self.work += size // BYTES_OF_WORK

    def check(self, count: int, **received: object) -> None:
        """Raises where `count` more bytes would be too many; nothing is counted."""
        if count > self.bytes and self.given:
            self.measure()
        if count > self.bytes:
            self.refuse({**received, "bytes": count})

    def take_work(self, count: int, **received: object) -> None:
        """Counts work, and raises where it is too much."""
        if count > self.work and self.given:
            self.measure()
        if count > self.work:
            self.refuse({**received, "work": count})
        self.work -= count

    def refuse(self, received: dict[str, object]) -> None:
        raise FileError(
            message(
                self.owner,
                "the description or the file asks for much more memory or work than it holds itself",
                received,
                "Do not trust it; if you do, read it inside `with kerata.saving.allow(memory=..., work=...):`",
            )
        )


def current() -> Budget | None:
    """The budget that counts here; `None` where nothing from elsewhere is being read."""
    return getattr(_local, "budget", None)


def is_counting() -> bool:
    """Whether a budget counts here, or is known to be unnecessary."""
    return current() is not None or getattr(_local, "trusted", False)


def is_description() -> bool:
    """Whether a description alone is being read, so that no values follow."""
    counted = current()
    return counted is not None and counted.promised > 0


@contextlib.contextmanager
def budget(owner: str, given: Plain, describes: bool = False) -> Generator[None]:
    """Within the block what is made is counted. Inside another such block it is counted there.

    Args:
        owner: how the file is called in messages.
        given: the bytes of the file, or the plain data of a description.
        describes: whether it is a description alone, without values of weights.
    """
    if is_counting():
        yield
        return
    with Within(_local, budget=Budget(owner, given, describes)):
        yield


@contextlib.contextmanager
def trusted() -> Generator[None]:
    """Within the block nothing is counted: for descriptions of what the process itself has made."""
    with Within(_local, budget=None, trusted=True):
        yield


def allow(memory: int | None = None, work: int | None = None) -> Within:
    """Within the block files and descriptions may ask for more than their own size explains.

    What is read from elsewhere may allocate 200 MB and eight times its own bytes, and make 800 calls of layers and one for
    each 120 bytes. More is refused, unless one trusts the source and says so:

    >>> import kerata
    >>> text = kerata.Sequential([kerata.Input((8,)), kerata.layers.Dense(4)]).to_json()
    >>> with kerata.saving.allow(memory=16 * 2**30):
    ...     model = kerata.models.model_from_json(text)

    Args:
        memory: bytes that may be allocated in any case.
        work: units of work that may be done in any case: ten for a call in a graph, one for an object.
    """
    least_bytes, least_work = getattr(_local, "least", (LEAST_BYTES, LEAST_WORK))
    return Within(_local, least=(least_bytes if memory is None else int(memory), least_work if work is None else int(work)))


def take_bytes(count: int, **received: object) -> None:
    """Counts bytes that are about to be allocated, and raises where they are too many."""
    counted = current()
    if counted is not None:
        counted.check(count, **received)
        counted.bytes -= count


def check_bytes(count: int, **received: object) -> None:
    """Raises where so many bytes, needed for a moment, are too many."""
    counted = current()
    if counted is not None:
        counted.check(count, **received)


def take_work(count: int, **received: object) -> None:
    """Counts calls, objects or rounds of a loop that are about to be made, and raises where they are too many."""
    counted = current()
    if counted is not None:
        counted.take_work(count, **received)


def check_path_is_given(owner: Owner, argument: str, path: object) -> None:
    """Raises where a path comes from a description: what is read from elsewhere names no files to open."""
    if current() is not None:
        expected = f"`{argument}` names a file, and a description that is read opens no other files"
        fix = "Make the layer in Python, or let the description hold the words themselves"
        raise FileError(message(owner, expected, {argument: path}, fix))


def take_weight(shape: Sequence[int], item_bytes: int, path: str, held: Callable[[], int], late: bool = False) -> bool:
    """Counts a new weight. Returns whether its values must wait until they are asked for.

    Args:
        shape, item_bytes, path: of the weight.
        late: whether its values can wait.
        held: gives the bytes of all weights in the process. A description may ask for as much as the program has made for
            itself: `type(model).from_config(model.get_config())` works for a model of any size.
    """
    counted = current()
    if counted is None:
        return False
    # Types of two bytes are drawn in four.
    count = math.prod(shape) * max(item_bytes, 4)
    if count > counted.bytes and counted.given:
        counted.measure()
    if late and counted.bytes < count <= counted.promised:
        counted.promised -= count
        return True
    if count > counted.bytes and not counted.borrowed:
        counted.borrowed = max(1, held() - counted.weights)
        counted.bytes += counted.borrowed
    take_bytes(count, weight=path, shape=tuple(shape))
    counted.weights += math.prod(shape) * item_bytes
    return False


def check_pattern(pattern: str) -> str:
    """A regular expression; one from elsewhere must be of a kind that no text takes long to be held against."""
    counted = current()
    if counted is not None and (re.search(r"\)\s*[*+?{]", pattern) or len(re.findall(r"[*+?{]", pattern)) > MOST_REPEATS):
        counted.refuse({"pattern": pattern})
    return pattern


def check_levels(plain: Plain, owner: str) -> None:
    """Raises where lists and dicts are nested deeper than any model is."""
    level: list[Plain] = [plain]
    depth = 0
    while level:
        depth += 1
        if depth > MOST_LEVELS:
            raise FileError(message(owner, "the description is nested too deeply", {"levels": f"more than {MOST_LEVELS}"}))
        level = [item for value in level for item in _items_of(value) if isinstance(item, (dict, list))]


def _items_of(plain: Plain) -> Iterable[Plain]:
    if isinstance(plain, dict):
        return plain.values()
    return plain if isinstance(plain, list) else ()


def size_of_json(text: str) -> int:
    """About how many bytes the objects of a JSON text will take.

    >>> size_of_json('{"a": [1, 2]}')
    290
    """
    brackets, separators = text.count("{") + text.count("["), text.count(",") + text.count(":")
    return 2 * len(text) + 72 * brackets + 40 * separators + 40


def size_of_plain(plain: Plain) -> int:
    """About how many bytes the plain data of a description would take as JSON."""
    size = 0
    pending: list[Plain] = [plain]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            size += sum(len(key) + 4 for key in value)
            pending.extend(value.values())
        elif isinstance(value, (list, tuple)):
            pending.extend(value)
        else:
            size += len(value) + 4 if isinstance(value, str) else 6
    return size
