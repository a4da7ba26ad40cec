"""Pictures that are enlarged: bilinearly by layers that programs of Keras 2 derive from `UpSampling2D`, to a size by K."""

from kerata import ops
from kerata.base.checks import message
from kerata.base.config import image_data_format
from kerata.dialects.special import output_padding_of
from kerata.layers.retired import enlarge

ERAS = ("keras22", "keras2")


class Enlarging:
    """Classes that are derived from `UpSampling2D` of the eras; that itself leads to `CornerUpSampling2D`."""

    def call(self, inputs):
        if "_stands_for" in vars(type(self)) or self.interpolation != "bilinear" or self._era not in ERAS:  # type: ignore[attr-defined]
            return super().call(inputs)  # type: ignore[misc]
        return enlarge(inputs, self.size, 1 if self.data_format == "channels_last" else 2)  # type: ignore[attr-defined]


def enlarge_to(x, kernel, output_shape, strides, padding: str, data_format: str | None, dilation_rate=1):
    """A transposed convolution whose result has the size that is told: several sizes lead to one where strides leave a rest."""
    rank = len(kernel.shape) - 2
    steps, apart = ((one,) * rank if isinstance(one, int) else tuple(one) for one in (strides, dilation_rate))
    first = (data_format or image_data_format()) == "channels_first"
    told = tuple(output_shape)[2:] if first else tuple(output_shape)[1:-1]
    extents = [(int(n) - 1) * step + 1 for n, step in zip(kernel.shape[:rank], apart, strict=True)]
    extra = output_padding_of(told, extents, steps, padding == "same") if len(told) == rank else None
    found = ops.conv_transpose(x, kernel, strides, padding, extra, data_format, dilation_rate)
    sizes = tuple(found.shape)[2:] if first else tuple(found.shape)[1:-1]
    if any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(sizes, told, strict=False)):
        raise ValueError(message("K.conv_transpose", f"pictures become {sizes} here", {"output_shape": output_shape}))
    return found
