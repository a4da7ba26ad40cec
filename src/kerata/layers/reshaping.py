"""Layers that move numbers about, repeat them or leave some out, without weights."""

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp

from kerata.base.checks import KindError, check_choice, message, standardize_tuple
from kerata.base.config import standardize_data_format
from kerata.base.registry import builtin
from kerata.base.types import PartialShape
from kerata.layers.core import KeepsType
from kerata.layers.layer import InputSpec


@builtin("layers")
class Flatten(KeepsType):
    """All axes but the batch's as one.

    Args:
        data_format: `"channels_first"` moves the channels last before, so that both layouts give the same order.

    Shapes: (batch, ...) to (batch, features).

    >>> import kerata, numpy as np
    >>> kerata.layers.Flatten()(np.ones((16, 64, 32, 32), "float32")).shape
    (16, 65536)
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs):
        if self.data_format == "channels_first" and inputs.ndim > 1:
            inputs = jnp.moveaxis(inputs, 1, -1)
        return inputs.reshape(inputs.shape[0], math.prod(inputs.shape[1:]))

    def compute_output_shape(self, input_shape):
        rest = input_shape[1:]
        return (input_shape[0], None if None in rest else math.prod(size or 0 for size in rest))


@builtin("layers")
class Reshape(KeepsType):
    """The numbers of each sample in another shape, in the same order.

    Args:
        target_shape: the new shape without the batch axis; -1 for one axis that follows from the rest.

    Shapes: (batch, ...) to (batch, *target_shape).

    >>> import kerata, numpy as np
    >>> kerata.layers.Reshape((-1, 2))(np.ones((3, 4, 5), "float32")).shape
    (3, 10, 2)
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        if isinstance(target_shape, int):
            target_shape = (target_shape,)
        self.target_shape = tuple(target_shape)
        if sum(size == -1 for size in self.target_shape) > 1 or any(
            not isinstance(size, int) or size < -1 for size in self.target_shape
        ):
            raise ValueError(
                message(
                    self,
                    "`target_shape` must hold non-negative integers or -1, with at most one unknown dimension",
                    {"target_shape": target_shape},
                )
            )

    def call(self, inputs):
        return inputs.reshape(inputs.shape[0], *self._resolve(inputs.shape))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self._resolve(input_shape))

    def _resolve(self, input_shape: PartialShape) -> PartialShape:
        """The target shape with -1 replaced by a size, or by `None` where the input's is unknown."""
        rest = input_shape[1:]
        if None in rest:
            return tuple(None if size == -1 else size for size in self.target_shape)
        total, known = math.prod(size or 0 for size in rest), math.prod(size for size in self.target_shape if size != -1)
        fits = total == known if -1 not in self.target_shape else known > 0 and total % known == 0
        if not fits:
            raise ValueError(
                message(
                    self,
                    f"the {total} numbers of a sample do not fit `target_shape`",
                    {"input_shape": tuple(input_shape), "target_shape": self.target_shape},
                )
            )
        return tuple(total // known if size == -1 else size for size in self.target_shape)


@builtin("layers")
class Permute(KeepsType):
    """The axes of each sample in another order.

    Args:
        dims: the new order, counted from 1: `(2, 1)` swaps the first two axes after the batch axis.

    Shapes: (batch, a, b, ...) to (batch, ...) with the axes in the order of `dims`.

    >>> import kerata, numpy as np
    >>> kerata.layers.Permute((2, 1))(np.ones((3, 10, 64), "float32")).shape
    (3, 64, 10)
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                message(self, "Invalid permutation in `dims`, which must hold each of 1, 2, ... once", {"dims": dims})
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs):
        return jnp.transpose(inputs, (0, *self.dims))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(input_shape[axis] for axis in self.dims))


@builtin("layers")
class RepeatVector(KeepsType):
    """The same vector at each of `n` steps.

    Args:
        n: number of steps.

    Shapes: (batch, features) to (batch, n, features).

    >>> import kerata, numpy as np
    >>> kerata.layers.RepeatVector(3)(np.ones((2, 32), "float32")).shape
    (2, 3, 32)
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        number: int = n
        if isinstance(n, bool) or not isinstance(n, Real) or not float(number).is_integer():
            raise KindError(message(self, "Expected an integer value for `n`", {"n": n}))
        if n < 1:
            raise ValueError(message(self, "`n` should be a positive integer", {"n": n}))
        self.n = int(number)
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs):
        return jnp.broadcast_to(inputs[:, None], self.compute_output_shape(inputs.shape))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, input_shape[1])


class Spatial(KeepsType):
    """A layer that acts on the axes between batch and channels. The base of cropping, padding and upsampling."""

    rank = 1
    data_format = "channels_last"

    def _for_axes(self, values: Iterable[Any], other: object) -> tuple:
        """`values` for the spatial axes and `other` for batch and channels, in the order of the input's axes."""
        return (other, other, *values) if self.data_format == "channels_first" else (other, *values, other)

    def _standardize_pairs(self, name: str, value: object) -> tuple[tuple[int, int], ...]:
        """An integer, one integer an axis, or one pair an axis, as pairs (before, after)."""
        if isinstance(value, int):
            value = (value,) * self.rank
        if not isinstance(value, (list, tuple)) or len(value) != self.rank:
            raise ValueError(
                message(self, f"`{name}` must be an integer, or {self.rank} integers or pairs of integers", {name: value})
            )
        pairs = [standardize_tuple(self, name, item, 2, minimum=0) for item in value]
        return tuple((before, after) for before, after in pairs)


class Cropping(Spatial):
    """Leaves out the margins. The base of the three public classes."""

    replaces_missing = True

    def __init__(self, cropping, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.cropping = self._standardize_pairs("cropping", cropping)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _pairs(self) -> tuple:
        return self._for_axes(self.cropping, (0, 0))

    def call(self, inputs):
        shape = self.compute_output_shape(inputs.shape)
        return inputs[tuple(slice(pair[0], pair[0] + size) for pair, size in zip(self._pairs(), shape, strict=True))]

    def compute_output_shape(self, input_shape):
        shape = tuple(size if size is None else size - sum(pair) for size, pair in zip(input_shape, self._pairs(), strict=True))
        if any(size is not None and size <= 0 and sum(pair) for size, pair in zip(shape, self._pairs(), strict=True)):
            raise ValueError(
                message(
                    self,
                    "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the input",
                    {"input_shape": tuple(input_shape), "cropping": self.cropping},
                )
            )
        return shape


@builtin("layers")
class Cropping1D(Cropping):
    """A sequence without its first and last steps.

    Args:
        cropping: steps to leave out at the beginning and at the end; an integer for both.

    Shapes: (batch, steps, features) to (batch, fewer steps, features).

    >>> import kerata, numpy as np
    >>> kerata.layers.Cropping1D((1, 2))(np.ones((2, 8, 3), "float32")).shape
    (2, 5, 3)
    """

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(((cropping,) if not isinstance(cropping, int) else cropping), "channels_last", **kwargs)
        self.cropping = self.cropping[0]

    def _pairs(self):
        return self._for_axes([self.cropping], (0, 0))


@builtin("layers")
class Cropping2D(Cropping):
    """A picture without its margins.

    Args:
        cropping: an integer for all margins, (vertical, horizontal), or ((top, bottom), (left, right)).
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels) with less height and width; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.Cropping2D(((2, 2), (4, 4)))(np.ones((2, 28, 28, 3), "float32")).shape
    (2, 24, 20, 3)
    """

    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


@builtin("layers")
class Cropping3D(Cropping):
    """A volume without its margins.

    Args:
        cropping: an integer for all margins, one integer an axis, or one pair (before, after) an axis.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, depth, height, width, channels) with less of the middle three; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.Cropping3D(1)(np.ones((2, 8, 8, 8, 3), "float32")).shape
    (2, 6, 6, 6, 3)
    """

    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(cropping, data_format, **kwargs)


class ZeroPadding(Spatial):
    """Zeros around the input. The base of the three public classes."""

    def __init__(self, padding, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.padding = self._standardize_pairs("padding", padding)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _pairs(self) -> tuple:
        return self._for_axes(self.padding, (0, 0))

    def call(self, inputs):
        return jnp.pad(inputs, self._pairs())

    def compute_output_shape(self, input_shape):
        return tuple(size if size is None else size + sum(pair) for size, pair in zip(input_shape, self._pairs(), strict=True))


@builtin("layers")
class ZeroPadding1D(ZeroPadding):
    """A sequence with steps of zeros before and after.

    Args:
        padding: steps to add at the beginning and at the end; an integer for both.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, steps, features) to (batch, more steps, features); likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.ZeroPadding1D(2)(np.ones((2, 8, 3), "float32")).shape
    (2, 12, 3)
    """

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(((padding,) if not isinstance(padding, int) else padding), data_format, **kwargs)
        self.padding = self.padding[0]

    def _pairs(self):
        return self._for_axes([self.padding], (0, 0))


@builtin("layers")
class ZeroPadding2D(ZeroPadding):
    """A picture with margins of zeros.

    Args:
        padding: an integer for all margins, (vertical, horizontal), or ((top, bottom), (left, right)).
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels) with more height and width; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.ZeroPadding2D(((1, 0), (1, 0)))(np.ones((2, 28, 28, 3), "float32")).shape
    (2, 29, 29, 3)
    """

    rank = 2

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


@builtin("layers")
class ZeroPadding3D(ZeroPadding):
    """A volume with margins of zeros.

    Args:
        padding: an integer for all margins, one integer an axis, or one pair (before, after) an axis.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, depth, height, width, channels) with more of the middle three; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.ZeroPadding3D(1)(np.ones((2, 4, 4, 4, 3), "float32")).shape
    (2, 6, 6, 6, 3)
    """

    rank = 3

    def __init__(self, padding=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(padding, data_format, **kwargs)


class UpSampling(Spatial):
    """Each place several times along each spatial axis. The base of the three public classes."""

    def __init__(self, size, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        if isinstance(size, bool):
            raise KindError(message(self, "`size` must be a positive integer", {"size": size}))
        sizes = standardize_tuple(self, "size", size, self.rank)
        self.size = sizes[0] if self.rank == 1 else sizes
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _factors(self) -> tuple[int, ...]:
        return self._for_axes((self.size,) if isinstance(self.size, int) else self.size, 1)

    def call(self, inputs):
        for axis, factor in enumerate(self._factors()):
            if factor > 1:
                inputs = jnp.repeat(inputs, factor, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape):
        return tuple(size if size is None else size * factor for size, factor in zip(input_shape, self._factors(), strict=True))


@builtin("layers")
class UpSampling1D(UpSampling):
    """A sequence with each step repeated.

    Args:
        size: how often.

    Shapes: (batch, steps, features) to (batch, size * steps, features).

    >>> import kerata, numpy as np
    >>> kerata.layers.UpSampling1D(2)(np.ones((2, 8, 3), "float32")).shape
    (2, 16, 3)
    """

    def __init__(self, size=2, **kwargs):
        super().__init__(size, "channels_last", **kwargs)


@builtin("layers")
class UpSampling2D(UpSampling):
    """A picture made larger.

    Args:
        size: factors of height and width; an integer for both.
        data_format: `"channels_last"` or `"channels_first"`.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.

    Shapes: (batch, height, width, channels) with more height and width; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.UpSampling2D((2, 3), interpolation="bilinear")(np.ones((2, 4, 4, 3), "float32")).shape
    (2, 8, 12, 3)
    """

    rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(size, data_format, **kwargs)
        choices = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
        self.interpolation = check_choice(self, "interpolation", str(interpolation).lower(), choices)

    def call(self, inputs):
        if self.interpolation == "nearest":
            return super().call(inputs)
        shape = self.compute_output_shape(inputs.shape)
        return jax.image.resize(inputs, shape, self.interpolation, antialias=False).astype(inputs.dtype)


@builtin("layers")
class UpSampling3D(UpSampling):
    """A volume with each place repeated along each of its three axes.

    Args:
        size: factors of the three axes; an integer for all.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, depth, height, width, channels) with more of the middle three; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.UpSampling3D(2)(np.ones((2, 4, 4, 4, 3), "float32")).shape
    (2, 8, 8, 8, 3)
    """

    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(size, data_format, **kwargs)
