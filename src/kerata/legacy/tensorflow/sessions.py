"""What programs of TensorFlow 1 said before they came to Keras, and means nothing here: sessions, graphs, their settings."""

from typing import Any, Self


class Settings:
    """Settings of a session: whatever is set on them.

    Args:
        **kwargs: the same.
    """

    def __init__(self, *args: object, **kwargs: object):
        self.__dict__.update(kwargs)

    def __getattr__(self, name: str) -> "Settings":
        if name.startswith("__"):
            raise AttributeError(name)
        found = self.__dict__[name] = Settings()
        return found


class Block:
    """A block that changes nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def as_default(self) -> "Block":
        return self

    def finalize(self) -> None:
        pass


class Graph(Block):
    """A graph of TensorFlow 1: there are none, and what is computed has its numbers at once."""


class Session(Block):
    """What there is of a session of TensorFlow 1 without graphs: a block that changes nothing."""

    def __init__(self, *args: object, **kwargs: object):
        self.graph = Graph()

    def close(self) -> None:
        pass


NAMES: dict[str, Any] = {
    "ConfigProto": Settings,
    "GPUOptions": Settings,
    "Graph": Graph,
    "get_default_graph": Graph,
    "reset_default_graph": lambda: None,
    "disable_eager_execution": lambda: None,
    "disable_v2_behavior": lambda: None,
    "enable_v2_behavior": lambda: None,
    "local_variables_initializer": lambda: None,
    "tables_initializer": lambda: None,
}
