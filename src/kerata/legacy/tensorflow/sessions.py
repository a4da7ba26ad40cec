"""What programs of TensorFlow 1 said before they came to Keras, and means nothing here: sessions, graphs, their settings."""

from collections.abc import Mapping
from typing import Any, Self

from kerata.base.checks import message
from kerata.data.elements import map_leaves
from kerata.legacy.tensorflow.tensor import Tensor


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
    """A session of TensorFlow 1: tensors have their numbers already."""

    def __init__(self, *args: object, **kwargs: object):
        self.graph = Graph()

    def run(self, fetches: object, feed_dict: Mapping[Any, object] | None = None, **kwargs: object) -> object:
        """The numbers of tensors; there are no placeholders to feed."""
        if feed_dict:
            raise NotImplementedError(
                message("Session.run", "there are no placeholders to feed", None, "Call a function or a model on the values")
            )
        tree = tuple(fetches) if isinstance(fetches, list) else fetches
        found: Any = map_leaves(lambda one: one.numpy() if isinstance(one, Tensor) or hasattr(one, "assign") else one, tree)
        return list(found) if isinstance(fetches, list) else found

    def close(self) -> None:
        pass


NAMES: dict[str, Any] = {
    "Session": Session,
    "InteractiveSession": Session,
    "ConfigProto": Settings,
    "GPUOptions": Settings,
    "Graph": Graph,
    "get_default_graph": Graph,
    "get_default_session": Session,
    "reset_default_graph": lambda: None,
    "disable_eager_execution": lambda: None,
    "disable_v2_behavior": lambda: None,
    "enable_v2_behavior": lambda: None,
    "local_variables_initializer": lambda: None,
    "tables_initializer": lambda: None,
}
