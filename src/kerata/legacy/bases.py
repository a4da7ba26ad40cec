"""Classes of Keras 2 whose names begin with an underscore, and that programs derived from all the same."""

from collections.abc import Sequence

from kerata import layers
from kerata.base.config import image_data_format
from kerata.engine.types import Array
from kerata.layers.merging import Merge


class OwnMerge(Merge):
    """`_Merge`: a layer of several inputs, whose `_merge_function` makes one tensor of them."""

    def _merge_function(self, inputs: list[Array]) -> Array:
        raise NotImplementedError

    def merge(self, inputs: Sequence[Array], masks: Sequence[Array | None]) -> Array:
        return self._merge_function(list(inputs))


class GlobalPooling(layers.Layer):
    """`_GlobalPooling1D` and its kin: `call` makes one number a channel.

    Args:
        data_format: `"channels_last"` or `"channels_first"`, the one that is set by default.
    """

    axes = 1

    def __init__(self, data_format: str | None = None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = data_format or ("channels_last" if self.axes == 1 else image_data_format())
        self.input_spec = layers.InputSpec(ndim=self.axes + 2)

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[-1 if self.data_format == "channels_last" else 1]

    def call(self, inputs):
        raise NotImplementedError


class GlobalPooling2D(GlobalPooling):
    axes = 2


class GlobalPooling3D(GlobalPooling):
    axes = 3


BASES: dict[str, type[layers.Layer]] = {
    "_Merge": OwnMerge,
    "_GlobalPooling1D": GlobalPooling,
    "_GlobalPooling2D": GlobalPooling2D,
    "_GlobalPooling3D": GlobalPooling3D,
}
