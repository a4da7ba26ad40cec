"""What holds for one thread inside a `with` block."""

import threading
from typing import Any


class Within:
    """Sets attributes of a `threading.local` for the length of a block; then they are as before it.

    >>> local = threading.local()
    >>> with Within(local, depth=1):
    ...     with Within(local, depth=2):
    ...         local.depth
    ...     local.depth
    2
    1
    >>> hasattr(local, "depth")
    False
    """

    def __init__(self, local: threading.local, **values: Any):
        self.local = local
        self.values = values
        self.before: dict[str, Any] = {}

    def __enter__(self) -> None:
        held = self.local.__dict__
        self.before = {name: held[name] for name in self.values if name in held}
        held.update(self.values)

    def __exit__(self, *_: Any) -> None:
        held = self.local.__dict__
        for name in self.values:
            held.pop(name, None)
        held.update(self.before)
