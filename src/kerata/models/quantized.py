"""Models whose layers are quantized together."""

import re
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias, cast

from kerata.base.checks import message
from kerata.layers.layer import Layer
from kerata.layers.quantizing import Quantizable
from kerata.models.calibrating import calibrate
from kerata.quantizers.configs import CalibratedConfig, QuantizationConfig, resolve_config

# Which layers: by a pattern that is searched for in their names, by several, or by a function of the layer.
Filters: TypeAlias = str | list[str] | tuple[str, ...] | Callable[[Layer], bool] | None


class Quantized:
    """The part of a model that is about its weights in few bits."""

    def quantize(
        self, mode: str | None = None, config: QuantizationConfig | str | None = None, filters: Filters = None, **kwargs: bool
    ) -> None:
        """Keeps the weights of all layers that can be quantized in few bits. A warning names those with weights that cannot.

        Args:
            mode: `"int8"`, `"int4"`, `"float8"`, `"gptq"`, `"awq"`; that of `config` if it is not given. The last two need
                a config, look at its data, and round the dense layers of the model's blocks alone.
            config: e.g. a `kerata.quantizers.Int4QuantizationConfig`.
            filters: which layers: a pattern that is searched for in their names, several, or a function of a layer.
            kwargs: `type_check=False` quantizes layers of subclasses too.

        >>> import kerata
        >>> model = kerata.Sequential([kerata.Input((8,)), kerata.layers.Dense(4), kerata.layers.Dense(1)])
        >>> model.quantize("int8")
        >>> model.layers[0].dtype_policy.name
        'int8_from_float32'
        """
        type_check = kwargs.pop("type_check", True)
        if kwargs:
            raise ValueError(message(self, "Unrecognized keyword arguments passed to quantize()", kwargs))
        resolved = resolve_config(self, mode, config)
        if isinstance(resolved, CalibratedConfig):
            structure = self.get_quantization_layer_structure(resolved.mode)
            calibrate(self, resolved, structure, _wanted(self, filters), type_check)
            return
        chosen = _chosen(cast(Layer, self), filters)
        for layer in chosen:
            if isinstance(layer, Quantizable) and layer.is_quantized:
                raise ValueError(message(layer, "it is already quantized", {"dtype_policy": layer.dtype_policy}))
        left: list[str] = []
        for layer in chosen:
            try:
                layer.quantize(resolved.mode, type_check=type_check, config=resolved)
            except NotImplementedError as error:
                if layer.weights:
                    left.append(str(error))
        if left:
            warnings.warn(" ".join(left), stacklevel=2)

    def get_quantization_layer_structure(self, mode: str | None = None) -> dict[str, Any] | None:
        """For modes that go from block to block: the layers before the blocks, and the blocks. A model of your own says it.

        Args:
            mode: the mode.
        """
        return None


def _wanted(model: object, filters: Filters) -> Callable[[Layer], bool]:
    """Whether the filters let a layer through."""
    if not (filters is None or callable(filters) or isinstance(filters, (str, list, tuple))):
        raise ValueError(
            message(model, "The `filters` argument must be a pattern, a list of patterns, or a function", {"filters": filters})
        )

    def wanted(layer: Layer) -> bool:
        if filters is None:
            return True
        if isinstance(filters, (str, list, tuple)):
            patterns = (filters,) if isinstance(filters, str) else filters
            return any(re.search(pattern, layer.name) for pattern in patterns)
        return bool(filters(layer))

    return wanted


def _chosen(model: Layer, filters: Filters) -> list[Layer]:
    """The layers that hold no others, of those that the filters let through."""
    wanted = _wanted(model, filters)
    layers = [layer for layer in model._flatten_layers() if len(layer._flatten_layers()) == 1]
    return [layer for layer in layers if layer is not model and wanted(layer)]
