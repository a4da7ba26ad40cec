"""What layers with a window over a sequence, a picture or a volume have in common."""

from collections.abc import Iterable

import jax.numpy as jnp

from kerata.base.checks import check_choice, message, standardize_tuple
from kerata.base.config import standardize_data_format
from kerata.base.types import PartialShape, ShapeLike
from kerata.engine.types import Array
from kerata.layers.layer import InputSpec, Layer

PADDINGS = ("valid", "same")


class Spatial(Layer):
    """What layers with a window have in common: its size, its steps, the padding and the place of the channels.

    `rank` is the number of spatial axes. Computation is channels last; channels first is transposed on the way in and out.
    """

    rank = 2
    mixes_samples = False
    kernel_size: tuple[int, ...]
    pool_size: tuple[int, ...]

    def take_window(
        self,
        size: ShapeLike,
        strides: ShapeLike,
        padding: str,
        data_format: str | None,
        dilation_rate: ShapeLike = 1,
        size_name: str = "kernel_size",
        paddings: tuple[str, ...] = PADDINGS,
    ) -> None:
        """Checks and keeps the arguments that describe the window."""
        setattr(self, size_name, standardize_tuple(self, size_name, size, self.rank))
        self.strides = standardize_tuple(self, "strides", strides, self.rank)
        self.dilation_rate = standardize_tuple(self, "dilation_rate", dilation_rate, self.rank)
        self.padding = check_choice(self, "padding", str(padding).lower(), paddings)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                message(
                    self,
                    "`strides` and `dilation_rate` cannot both be larger than 1",
                    {"strides": self.strides, "dilation_rate": self.dilation_rate},
                )
            )

    @property
    def channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def check_channels(self, input_shape: PartialShape) -> int:
        """The number of channels, which the weights depend on, so it must be known."""
        channels = input_shape[self.channel_axis]
        if channels is None:
            raise ValueError(
                message(
                    self,
                    "the number of channels must be known",
                    {"input_shape": input_shape},
                    f"The channels are axis {self.channel_axis} for data_format={self.data_format!r}",
                )
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self.channel_axis: channels})
        return int(channels)

    def to_last(self, x: Array) -> Array:
        """(batch, *picture, channels)."""
        return x if self.data_format == "channels_last" else jnp.moveaxis(x, 1, -1)

    def from_last(self, x: Array) -> Array:
        return x if self.data_format == "channels_last" else jnp.moveaxis(x, -1, 1)

    def spatial_of(self, shape: PartialShape) -> tuple[int | None, ...]:
        return tuple(shape[1:-1] if self.data_format == "channels_last" else shape[2:])

    def shape_of(self, batch: int | None, picture: Iterable[int | None], channels: int | None) -> tuple[int | None, ...]:
        if self.data_format == "channels_last":
            return (batch, *picture, channels)
        return (batch, channels, *picture)

    def window_lengths(self, picture: PartialShape, size: tuple[int, ...]) -> tuple[int | None, ...]:
        """The output's size along each spatial axis, or an error where the window is larger than the picture."""
        lengths: list[int | None] = []
        for length, window, stride, dilation in zip(picture, size, self.strides, self.dilation_rate, strict=True):
            extent = (window - 1) * dilation + 1
            if length is None:
                lengths.append(None)
            elif self.padding == "valid":
                if length < extent:
                    raise ValueError(
                        message(
                            self,
                            "Computed output size would be zero or negative. The window must not be larger than the input",
                            {"window": tuple(size), "input": tuple(picture)},
                            "Use padding='same', or a smaller window",
                        )
                    )
                lengths.append((length - extent) // stride + 1)
            else:
                lengths.append(-(-length // stride))
        return tuple(lengths)
