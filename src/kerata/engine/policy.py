"""Dtype policies: the type of the weights and the type of the computation."""

from typing import Any, TypeAlias, cast

import jax.numpy as jnp

from kerata.base.checks import message
from kerata.base.registry import builtin
from kerata.base.types import DTypeLike
from kerata.engine.types import TensorLike
from kerata.engine.variable import standardize_dtype


@builtin("policies")
class DTypePolicy:
    """Types of weights and of computation by a name: `"float32"`, `"bfloat16"`, `"mixed_bfloat16"`, `"mixed_float16"`.

    >>> DTypePolicy("mixed_bfloat16").variable_dtype
    'float32'
    """

    def __init__(self, name: str | None = None):
        self.name = standardize_dtype(None) if name is None else str(name)
        if self.name.startswith("mixed_"):
            self.compute_dtype, self.variable_dtype = standardize_dtype(self.name.removeprefix("mixed_")), "float32"
        else:
            self.compute_dtype = self.variable_dtype = standardize_dtype(self.name)
        if self.name not in ("mixed_float16", "mixed_bfloat16", self.compute_dtype):
            raise ValueError(message("DTypePolicy", "unknown policy", {"name": name}))

    @property
    def is_mixed(self) -> bool:
        return self.compute_dtype != self.variable_dtype

    @property
    def quantization_mode(self) -> None:
        """`None`: what is computed is floats."""

    def convert_input(self, x: object, autocast: bool, dtype: DTypeLike) -> object:
        """An input of a layer as an array, floats in a type if `autocast` says so."""
        if not (hasattr(x, "shape") and hasattr(x, "dtype")) and not hasattr(x, "__array__"):
            return x
        if getattr(x, "is_symbolic", False):
            return x
        array = jnp.asarray(cast(TensorLike, x))
        return array.astype(dtype) if autocast and jnp.issubdtype(array.dtype, jnp.floating) else array

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "DTypePolicy":
        return cls(**config)

    def to_plain(self) -> dict[str, Any]:
        """The policy as Keras 3 writes it into a layer's config."""
        return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": self.name}, "registered_name": None}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


class FloatDTypePolicy(DTypePolicy):
    """An older name of `DTypePolicy`."""

    def to_plain(self) -> dict[str, Any]:
        return {**super().to_plain(), "class_name": "FloatDTypePolicy"}


# A policy, a type, a name, or the config of a policy.
PolicyLike: TypeAlias = DTypePolicy | DTypeLike | dict[str, Any] | None


def standardize_policy(value: PolicyLike) -> DTypePolicy:
    """A policy from a name, a type, a policy's config or a policy."""
    if isinstance(value, DTypePolicy):
        return value
    if isinstance(value, dict):
        return DTypePolicy(value.get("config", value).get("name"))
    if isinstance(value, str) and value.startswith("mixed_"):
        return DTypePolicy(value)
    return DTypePolicy(standardize_dtype(value))
