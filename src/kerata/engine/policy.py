"""Dtype policies: the type of the weights and the type of the computation."""

import re
from collections.abc import Iterator, MutableMapping
from typing import Any, TypeAlias, cast

import jax.numpy as jnp

from kerata.base import config
from kerata.base.checks import KindError, message
from kerata.base.registry import builtin, find_builtin
from kerata.base.types import DTypeLike
from kerata.engine.types import TensorLike
from kerata.engine.variable import standardize_dtype

QUANTIZATION_MODES = ("int8", "float8", "int4", "gptq", "awq")


@builtin("policies")
class DTypePolicy:
    """Types of weights and of computation by a name: `"float32"`, `"bfloat16"`, `"mixed_bfloat16"`, `"mixed_float16"`.

    Args:
        name: its name; that of the policy that is set (`set_dtype_policy`) by default.

    >>> DTypePolicy("mixed_bfloat16").variable_dtype
    'float32'
    """

    # Whether it is a table of policies by the paths of layers.
    by_path = False

    def __init__(self, name: str | None = None):
        self.name = str(config.dtype_policy() if name is None else name)
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
    def quantization_mode(self) -> str | None:
        """How weights are kept in few bits; `None` where they are not."""
        return None

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
        if not isinstance(other, DTypePolicy) or isinstance(other, (QuantizedDTypePolicy, DTypePolicyMap)):
            return False
        return other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


@builtin("policies")
class FloatDTypePolicy(DTypePolicy):
    """An older name of `DTypePolicy`."""

    def to_plain(self) -> dict[str, Any]:
        return {**super().to_plain(), "class_name": "FloatDTypePolicy"}


@builtin("policies")
class QuantizedDTypePolicy(DTypePolicy):
    """The policy of a layer whose weights, or products, are kept in few bits: a mode, and the policy that it was made from.

    Args:
        mode: `"int8"`, `"int4"`, `"float8"`; of the policies below, with numbers, such as `"int4/128"`.
        source_name: the name of the policy before, whose types inputs, outputs and all other weights have.

    >>> QuantizedDTypePolicy("int8", "mixed_bfloat16").compute_dtype
    'bfloat16'
    """

    # The names of the numbers that follow the mode, and the values that each may have, where they are few.
    _numbers: tuple[str, ...] = ()
    _choices: dict[str, tuple[int, ...]] = {}

    def __init__(self, mode: str, source_name: str | None = None):
        super().__init__(config.dtype_policy() if source_name is None else source_name)
        self.source_name = self.name
        self.mode, *numbers = str(mode).split("/")
        if self.mode not in QUANTIZATION_MODES:
            given = {"mode": mode, "modes": QUANTIZATION_MODES}
            raise ValueError(message(type(self).__name__, "Invalid quantization mode", given))
        if self.compute_dtype == "float16" and self.mode == "int8":
            raise ValueError(
                message(
                    type(self).__name__,
                    "mode 'int8' doesn't work well with compute_dtype='float16'",
                    {"source_name": self.source_name},
                )
            )
        self._take_numbers(mode, numbers)
        self.name = f"{mode}_from_{self.source_name}"

    def _take_numbers(self, mode: str, numbers: list[str]) -> None:
        form = "/".join((self.mode, *[f"<{name}>" for name in self._numbers]))
        if len(numbers) != len(self._numbers) or (self._numbers and self.mode != self._mode_of_class()):
            raise ValueError(message(type(self).__name__, f"Invalid mode. Expected format '{form}'", {"mode": mode}))
        for name, text in zip(self._numbers, numbers, strict=True):
            try:
                value = int(text)
            except ValueError:
                raise ValueError(
                    message(type(self).__name__, f"<{name}> must be an integer. Expected format '{form}'", {"mode": mode})
                ) from None
            allowed = self._choices.get(name)
            if value not in allowed if allowed else value < -1 or value == 0:
                known = " or ".join(map(str, allowed)) if allowed else "-1 or a positive integer"
                raise ValueError(message(type(self).__name__, f"Invalid {name} in mode: it must be {known}", {"mode": mode}))
            setattr(self, name, value)

    def _mode_of_class(self) -> str:
        return type(self).__name__.removesuffix("DTypePolicy").lower()

    @property
    def quantization_mode(self) -> str | None:
        """The mode: `"int8"`, `"int4"`, `"float8"`, `"gptq"` or `"awq"`."""
        return self.mode

    def get_config(self) -> dict[str, Any]:
        numbers = [str(getattr(self, name)) for name in self._numbers]
        return {"mode": "/".join((self.mode, *numbers)), "source_name": self.source_name}

    def to_plain(self) -> dict[str, Any]:
        """The policy as Keras 3 writes it into a layer's config."""
        place = {"module": "keras.dtype_policies", "class_name": type(self).__name__}
        return {**place, "config": self.get_config(), "registered_name": None}

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} "{self.name}">'


@builtin("policies")
class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """Products of numbers of 8 bits with a point: what is to be known of the largest numbers that were seen.

    Args:
        mode: `"float8"`.
        source_name: the name of the policy before.
        amax_history_length: how many steps the largest numbers are remembered.

    >>> QuantizedFloat8DTypePolicy("float8", "float32").amax_history_length
    1024
    """

    default_amax_history_length = 1024

    def __init__(self, mode: str, source_name: str | None = None, amax_history_length: int = 1024):
        super().__init__(mode, source_name)
        if not isinstance(cast(object, amax_history_length), int):
            given = {"amax_history_length": amax_history_length}
            raise KindError(message(type(self).__name__, "`amax_history_length` must be an integer", given))
        self.amax_history_length = amax_history_length

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "amax_history_length": self.amax_history_length}


@builtin("policies")
class Int4DTypePolicy(QuantizedDTypePolicy):
    """Weights of 4 bits: how many rows share a scale.

    Args:
        mode: `"int4/<block_size>"`; -1 for one scale a column.
        source_name: the name of the policy before.

    >>> Int4DTypePolicy("int4/128", "float32").block_size
    128
    """

    _numbers = ("block_size",)
    block_size: int


@builtin("policies")
class GPTQDTypePolicy(QuantizedDTypePolicy):
    """Weights of few bits, found by GPTQ.

    Args:
        mode: `"gptq/<weight_bits>/<group_size>"`, with 2, 3, 4 or 8 bits; -1 for one group.
        source_name: the name of the policy before.

    >>> GPTQDTypePolicy("gptq/4/64", "float32").group_size
    64
    """

    _numbers = ("weight_bits", "group_size")
    _choices = {"weight_bits": (2, 3, 4, 8)}
    weight_bits: int
    group_size: int


@builtin("policies")
class AWQDTypePolicy(QuantizedDTypePolicy):
    """Weights of 4 bits, found by AWQ.

    Args:
        mode: `"awq/4/<group_size>"`; -1 for one group.
        source_name: the name of the policy before.

    >>> AWQDTypePolicy("awq/4/64", "float32").name
    'awq/4/64_from_float32'
    """

    _numbers = ("weight_bits", "group_size")
    _choices = {"weight_bits": (4,)}
    weight_bits: int
    group_size: int


@builtin("policies")
class DTypePolicyMap(DTypePolicy, MutableMapping[str, DTypePolicy]):
    """Policies of layers by their paths, for what holds several.

    Args:
        default_policy: of all other paths; the one that is set if it is not given.
        policy_map: policies, or their names, by paths or by patterns of paths, which must match as a whole.

    >>> policies = DTypePolicyMap("float32", {"encoder/.*": DTypePolicy("bfloat16")})
    >>> policies["encoder/query"].name, policies["decoder"].name
    ('bfloat16', 'float32')
    """

    by_path = True

    def __init__(self, default_policy: "PolicyLike" = None, policy_map: dict[str, Any] | None = None):
        if isinstance(default_policy, DTypePolicyMap):
            given = {"default_policy": default_policy}
            raise ValueError(message("DTypePolicyMap", "`default_policy` cannot be a DTypePolicyMap", given))
        if policy_map is not None and not isinstance(cast(object, policy_map), dict):
            raise KindError(message("DTypePolicyMap", "`policy_map` must be a dict", {"policy_map": policy_map}))
        self._given = default_policy
        default = self.default_policy
        self.compute_dtype, self.variable_dtype = default.compute_dtype, default.variable_dtype
        self.name = f"map_{default.name}"
        self._policies = {path: standardize_policy(policy) for path, policy in (policy_map or {}).items()}

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of paths that are not named."""
        return standardize_policy(config.dtype_policy() if self._given is None else self._given)

    @property
    def quantization_mode(self) -> str | None:
        return self.default_policy.quantization_mode

    def __getitem__(self, path: str) -> DTypePolicy:
        if path in self._policies:
            return self._policies[path]
        matching = [pattern for pattern in self._policies if re.fullmatch(pattern, path)]
        if len(matching) > 1:
            raise ValueError(
                message("DTypePolicyMap", f"Path {path!r} matches multiple dtype policy keys", {"matching": matching})
            )
        return self._policies[matching[0]] if matching else self.default_policy

    def __setitem__(self, path: str, policy: "PolicyLike") -> None:
        if path in self._policies:
            raise ValueError(message("DTypePolicyMap", f"{path} already exists", {"policy": self._policies[path]}))
        self._policies[path] = standardize_policy(policy)

    def __delitem__(self, path: str) -> None:
        del self._policies[path]

    def __contains__(self, path: object) -> bool:
        return path in self._policies

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)

    def get_config(self) -> dict[str, Any]:
        policies = {path: policy.to_plain() for path, policy in self._policies.items()}
        if self._given is not None:
            return {"default_policy": standardize_policy(self._given).to_plain(), "policy_map": policies}
        # As in Keras: without a policy of its own, the types are those that are set where the config is read.
        for plain in policies.values():
            plain["config"] |= {key: None for key in ("name", "source_name") if key in plain["config"]}
        return {"default_policy": None, "policy_map": policies}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> "DTypePolicyMap":
        """The policies of what `get_config` gave; `custom_objects` is kept for Keras's sake: all policies are built in."""
        return cls(**config)

    def to_plain(self) -> dict[str, Any]:
        """The policies as Keras 3 writes them into a layer's config."""
        place = {"module": "keras.dtype_policies", "class_name": "DTypePolicyMap"}
        return {**place, "config": self.get_config(), "registered_name": None}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicyMap) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        mapping = [(path, policy.name) for path, policy in self._policies.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, mapping={mapping}>"


# A policy, a type, a name, or the config of a policy.
PolicyLike: TypeAlias = DTypePolicy | DTypeLike | dict[str, Any] | None
NUMBERED: dict[str, type[QuantizedDTypePolicy]] = {"int4": Int4DTypePolicy, "gptq": GPTQDTypePolicy, "awq": AWQDTypePolicy}


def standardize_policy(value: PolicyLike) -> DTypePolicy:
    """A policy from a name, a type, a policy's config or a policy."""
    if isinstance(value, DTypePolicy):
        return value
    if isinstance(value, dict):
        plain = value.get("config", value)
        cls = find_builtin("policies", str(value.get("class_name")))
        return (
            cls.from_config(plain) if isinstance(cls, type) and issubclass(cls, DTypePolicy) else DTypePolicy(plain.get("name"))
        )
    if isinstance(value, str) and "_from_" in value:
        return _policy_of_name(value)
    if isinstance(value, str) and value.startswith("mixed_"):
        return DTypePolicy(value)
    return DTypePolicy(standardize_dtype(value))


def _policy_of_name(name: str) -> DTypePolicy:
    """The policy of a name such as `"int8_from_float32"`."""
    mode, _, source = name.partition("_from_")
    kind = mode.partition("/")[0]
    if kind == "float8":
        return QuantizedFloat8DTypePolicy(mode, source)
    numbered = NUMBERED.get(kind) if "/" in mode or kind != "int4" else None
    return (numbered or QuantizedDTypePolicy)(mode, source)
