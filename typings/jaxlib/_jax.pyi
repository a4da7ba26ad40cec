"""jaxlib is compiled and says no types, so `jnp.asarray(x, device=...)` and all that names a device would be unknown."""

from typing import Any

class Device:
    id: int
    process_index: int
    platform: str
    device_kind: str
    client: Any
    def memory_stats(self) -> dict[str, int] | None: ...

class pytree:
    class PyTreeDef:
        num_leaves: int
        def flatten_up_to(self, tree: Any, /) -> list[Any]: ...
        def unflatten(self, leaves: Any, /) -> Any: ...

def __getattr__(name: str) -> Any: ...
