"""What a layer expects of its input."""

from collections.abc import Sequence
from typing import Any, Protocol

import jax

from kerata.base.checks import KindError, describe_owner, message
from kerata.base.registry import home_of
from kerata.engine.symbolic import SymbolicTensor
from kerata.layers.signatures import is_tensor


class InputSpec:
    """What a layer expects of an input: checked before anything is computed.

    Args:
        dtype: a type.
        shape: an exact shape, `None` where any size will do.
        ndim, max_ndim, min_ndim: numbers of dimensions.
        axes: sizes by axis, `{-1: 16}`.
    """

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.dtype = dtype
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(k): v for k, v in (axes or {}).items()}
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional

    def __repr__(self) -> str:
        said = {name: getattr(self, name) for name in ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")}
        return f"InputSpec({', '.join(f'{name}={value}' for name, value in said.items() if value)})"

    def get_config(self) -> dict[str, Any]:
        """What it takes to make it again."""
        kept = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in kept}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "InputSpec":
        return cls(**config)


class HasSpec(Protocol):
    """A layer that says what inputs it takes."""

    input_spec: InputSpec | Sequence[InputSpec | None] | None
    runs_on_host: bool


def check_input_spec(layer: HasSpec, inputs: object) -> None:
    """Raises `ValueError` if an input does not fit the layer's `input_spec`."""
    given = layer.input_spec
    specs = [given] if given is None or isinstance(given, InputSpec) else list(given)
    tensors = [x for x in jax.tree.leaves(inputs) if is_tensor(x) or isinstance(x, SymbolicTensor)]
    if not tensors or (isinstance(inputs, dict) and home_of(type(layer)) is not None):
        raise KindError(message(layer, "its input must be an array or a tensor", {"inputs": inputs}, _hint_kind(inputs)))
    texts = [x for x in tensors if getattr(x.dtype, "kind", "?") in "SU"]
    if texts and not layer.runs_on_host:
        raise KindError(message(layer, "its input must hold numbers", {"inputs": texts[0]}, "Turn text into numbers first"))
    if len(specs) != len(tensors):
        raise ValueError(message(layer, f"it expects {len(specs)} input(s)", {"inputs": len(tensors)}))
    for spec, tensor in zip(specs, tensors, strict=True):
        if spec is None:
            continue
        shape = tuple(tensor.shape)
        received = {"shape": shape}
        if spec.ndim is not None and len(shape) != spec.ndim:
            raise ValueError(
                message(
                    layer,
                    f"expected an input with {spec.ndim} dimensions",
                    received,
                    _hint_sequences(spec.ndim, tensor) or _hint_dimensions(spec.ndim, shape),
                )
            )
        if spec.max_ndim is not None and len(shape) > spec.max_ndim:
            raise ValueError(message(layer, f"expected an input with at most {spec.max_ndim} dimensions", received))
        if spec.min_ndim is not None and len(shape) < spec.min_ndim:
            raise ValueError(message(layer, f"expected an input with at least {spec.min_ndim} dimensions", received))
        for axis, size in spec.axes.items():
            if size is not None and shape[axis] not in (size, None):
                raise ValueError(
                    message(
                        layer, f"the input is incompatible with the layer: expected axis {axis} to have size {size}", received
                    )
                )
        for axis, size in enumerate(spec.shape or ()):
            if size is not None and shape[axis] not in (size, None):
                raise ValueError(
                    message(
                        layer, f"the input is incompatible with the layer: expected shape={spec.shape}, found shape={shape}"
                    )
                )


def _hint_kind(inputs: object) -> str:
    if inputs is None:
        return "What was before it gave nothing: does its call() end with `return`?"
    if isinstance(inputs, dict):
        return f"Give it one of the dict's arrays, e.g. inputs[{next(iter(inputs), 0)!r}]"
    if hasattr(inputs, "call"):
        return "Call that layer first: layer(inputs) is a tensor, the layer itself is not"
    return "Turn text into numbers first" if isinstance(inputs, str) else ""


def _hint_sequences(expected: int, tensor: object) -> str:
    """Which recurrent layer before gives its last step only, where steps are wanted."""
    while isinstance(tensor, SymbolicTensor) and expected == len(tensor.shape) + 1:
        maker, number, _ = tensor.history
        if getattr(maker, "return_sequences", True) is False:
            return f"Give {describe_owner(maker)}, which is before it, return_sequences=True: it gives its last step alone"
        inputs = maker.inbound_nodes[number].input_tensors
        tensor = inputs[0] if len(inputs) == 1 else None
    return ""


def _hint_dimensions(expected: int, shape: tuple) -> str:
    if len(shape) == expected - 1:
        if expected > 3 and shape[-1] in (3, 4):
            return f"One picture needs an axis of samples in front: x[None] has shape {(1, *shape)}"
        return f"Add an axis of size 1: x[..., None] has shape {(*shape, 1)}"
    return ""
