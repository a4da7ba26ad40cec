"""Placement: where state, data and programs live.

All that puts arrays on devices, or compiles for one, asks a placement. Today a placement is one device. Several devices will
be another placement with the same methods, whose arrays carry a `jax.sharding.NamedSharding`: who places something says what
it is, and the placement knows what that means: samples are spread, a state follows its rule, what all need is there whole.
"""

# JAX says no types of devices.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import contextlib
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
from jax.core import Tracer

from kerata.engine.types import AnyArray

T = TypeVar("T")


@dataclass(frozen=True)
class Placement:
    """One device.

    Args:
        device: the device; `None` for the one that is JAX's default when something is placed.

    >>> import numpy as np
    >>> HERE.put_samples({"x": np.ones((2, 3))})["x"].devices() == {HERE.home}
    True
    """

    device: Any = None

    # Arrays

    def put_samples(self, tree: T, soon: bool = False) -> T:
        """Arrays whose first axis counts samples, or batches of such.

        Args:
            tree: arrays.
            soon: whether a program takes them at once: then those of the host stay where they are, because it copies them
                sooner than we could.
        """
        return tree if soon and self.device is None else jax.device_put(tree, self.device)

    def put_state(self, tree: T, soon: bool = False) -> T:
        """Values of variables; as `put_samples`."""
        return tree if soon and self.device is None else jax.device_put(tree, self.device)

    def own(self, array: AnyArray) -> jax.Array:
        """A copy whose memory a program may take over."""
        return jax.device_put(array, self.device, may_alias=False)

    def put_whole(self, tree: T) -> T:
        """What every device needs all of: the orders of samples."""
        return jax.device_put(tree, self.device)

    def bring(self, array: jax.Array) -> jax.Array:
        """An array that may be on another device."""
        home = self.home
        # A default may be named by its platform alone.
        if isinstance(array, Tracer) or isinstance(home, str) or array.devices() == {home}:
            return array
        return jax.device_put(array, home)

    # Programs

    def compiling(self) -> contextlib.AbstractContextManager[None]:
        """The block within which a program is traced and compiled for this place."""
        return contextlib.nullcontext() if self.device is None else jax.default_device(self.device)

    # What is known of it

    @property
    def home(self) -> object:
        """The device."""
        return self.device or getattr(jax.config, "jax_default_device", None) or jax.local_devices()[0]

    @property
    def platform(self) -> str:
        """Its kind, `"cpu"` or `"gpu"`."""
        return jax.default_backend() if self.device is None else self.device.platform

    def memory_stats(self) -> dict[str, int] | None:
        """What the device says of its memory; nothing where it is the host's."""
        return (self.device or jax.local_devices()[0]).memory_stats()


# Where everything lives that nobody has placed elsewhere.
HERE = Placement()


def local_placements() -> list[Placement]:
    """One for each device of this process; the default one where there is one device."""
    found: list[Any] = jax.local_devices()
    return [Placement(device) for device in found] if len(found) > 1 else [HERE]


def processor() -> Placement:
    """The processor: of what is made ready on the host, whatever the device that trains on it."""
    return Placement(jax.local_devices(backend="cpu")[0])
