"""What is done to the tones of pictures: solarized, posterized, inverted, sharpened, blurred, stretched, equalized."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from kerata import random
from kerata.base.checks import KindError, check_positive_int, message, standardize_tuple
from kerata.base.registry import builtin
from kerata.kernels.padding import pad
from kerata.layers.augmentation.base import Augmentation, check_ends, check_range, check_value_range, rescale
from kerata.ops.image import gaussian_blur

BYTES = (0, 255)


@builtin("layers")
class Solarization(Augmentation):
    """outputs = x + a where that is below t, else 255 - (x + a), in bytes: bright tones are turned around.

    Args:
        addition_factor: [lower, upper] for a / 255, between 0 and 1, or one number for [0, factor].
        threshold_factor: likewise for t / 255.
        value_range: what the pixels lie between.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, channels), or one picture, unchanged.

    >>> import kerata, numpy as np
    >>> x = np.array([[[10.0], [200.0]]], "float32")[None]
    >>> drawn = {"additions": np.zeros((1, 1, 1, 1)), "thresholds": np.full((1, 1, 1, 1), 128.0)}
    >>> kerata.layers.Solarization().transform_images(x, drawn).ravel().tolist()
    [10.0, 55.0]
    """

    def __init__(
        self,
        addition_factor: float | Sequence[float] = 0.0,
        threshold_factor: float | Sequence[float] = 0.0,
        value_range=(0, 255),
        seed=None,
        **kwargs,
    ):
        super().__init__(seed, **kwargs)
        self.addition_factor = check_range(self, "addition_factor", addition_factor, 0, 1, 0, strict=True)
        self.threshold_factor = check_range(self, "threshold_factor", threshold_factor, 0, 1, 0, strict=True)
        self.value_range = check_value_range(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape, dtype = self.a_picture(data), self.compute_dtype
        return {
            "additions": self.draw(shape, self.addition_factor[0], self.addition_factor[1] * 255, seed, dtype),
            "thresholds": self.draw(shape, self.threshold_factor[0], self.threshold_factor[1] * 255, seed, dtype),
        }

    def change(self, images, transformation):
        tones = rescale(images, self.value_range, BYTES) + self.cast(transformation["additions"])
        tones = jnp.clip(tones, *BYTES)
        tones = jnp.where(tones < self.cast(transformation["thresholds"]), tones, 255 - tones)
        return rescale(tones, BYTES, self.value_range)


@builtin("layers")
class RandomPosterization(Augmentation):
    """Keeps the first bits of each byte, as many as are drawn for a picture.

    Args:
        factor: how many bits, from 1 to 8: [lower, upper), or one number for [1, factor).
        value_range: what the pixels lie between.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, channels), or one picture, unchanged.

    >>> import kerata, numpy as np
    >>> x = np.array([[[10.0], [200.0]]], "float32")[None]
    >>> layer = kerata.layers.RandomPosterization(2)
    >>> layer.transform_images(x, {"shift_factor": np.array([6], "uint8")}).ravel().tolist()
    [0.0, 192.0]
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", factor, 1, 8)
        self.value_range = check_value_range(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count, (low, high) = self.count(data), self.factor
        if low == high:
            bits = jnp.full((count,), low, "uint8")
        else:
            bits = random.randint((count,), low, high, "uint8", self.generator if seed is None else seed)
        return {"shift_factor": 8 - bits}

    def change(self, images, transformation):
        shift = jnp.reshape(transformation["shift_factor"], (-1, 1, 1, 1)).astype("uint8")
        tones = jnp.clip(rescale(images, self.value_range, BYTES), *BYTES).astype("uint8")
        return rescale(self.cast((tones >> shift) << shift), BYTES, self.value_range)


@builtin("layers")
class RandomInvert(Augmentation):
    """outputs = high - x, high the upper end of `value_range`, for some of the pictures.

    Args:
        factor: the probability: [lower, upper] between 0 and 1, or one number for [0, factor].
        value_range: what the pixels lie between.
        seed: an integer for a stream of its own.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels), or one picture, unchanged.

    >>> import kerata, numpy as np
    >>> x = np.array([[[10.0], [200.0]]], "float32")[None]
    >>> kerata.layers.RandomInvert().transform_images(x, {"apply_inversion": np.array([True])}).ravel().tolist()
    [245.0, 55.0]
    """

    def __init__(self, factor=1.0, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", factor, 0, 1)
        self.value_range = check_ends(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        return {"apply_inversion": self.choose(self.count(data), seed)} if training else None

    def change(self, images, transformation):
        return jnp.where(transformation["apply_inversion"][:, None, None, None], self.value_range[1] - images, images)


@builtin("layers")
class RandomSharpness(Augmentation):
    """outputs = x + (1 - 2 u) * (smoothed x - x), u uniform in [lower, upper]: below 1/2 it blurs, above it sharpens.

    Args:
        factor: [lower, upper] between 0 and 1, or one number for [0, factor].
        value_range: what the results are clipped to.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> x = np.array([[[13.0], [26.0]]], "float32")[None]
    >>> layer = kerata.layers.RandomSharpness(0.5)
    >>> layer.transform_images(x, {"factor": np.array([0.0])}).round().ravel().tolist()
    [7.0, 11.0]
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", factor, 0, 1)
        self.value_range = check_value_range(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        return {"factor": self.draw((self.count(data),), *self.factor, seed)}

    def change(self, images, transformation):
        near = images
        for axis in (self.height_axis, self.width_axis):
            near = sum_of_three(near, images.ndim + axis)
        # The window is 1 all around and 5 in the middle, of 13.
        smooth = (near + 4 * images) / 13
        share = 1 - jnp.reshape(self.cast(transformation["factor"]) * 2, (-1, 1, 1, 1))
        return jnp.clip(images + share * (smooth - images), *self.value_range)


def sum_of_three(x: jax.Array, axis: int) -> jax.Array:
    """Each element and its two neighbours along an axis; outside there is 0."""
    wide = jnp.pad(x, [(1, 1) if place == axis else (0, 0) for place in range(x.ndim)])
    size = x.shape[axis]
    before, here, after = (jax.lax.slice_in_dim(wide, start, start + size, axis=axis) for start in range(3))
    return before + here + after


@builtin("layers")
class RandomGaussianBlur(Augmentation):
    """Each pixel as a mean of its neighbours with weights exp(-distance^2 / (2 sigma^2)), for some of the pictures.

    Args:
        factor: the probability: [lower, upper] between 0 and 1, or one number for [0, factor].
        kernel_size: of the window, an odd number or two.
        sigma: [lower, upper] between 0 and 1, or one number for [0, sigma]; one is drawn for a batch in each direction.
        value_range: what the results are clipped to.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.RandomGaussianBlur()(np.ones((2, 4, 4, 1), "float32"), training=True).shape
    (2, 4, 4, 1)
    """

    def __init__(self, factor=1.0, kernel_size=3, sigma=1.0, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", factor, 0, 1)
        sizes = tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size,) * 2
        if len(sizes) != 2 or any(not isinstance(size, (int, float)) or size % 2 != 1 for size in sizes):
            raise KindError(message(self, "`kernel_size` must be an odd number, or two", {"kernel_size": kernel_size}))
        self.kernel_size = tuple(check_positive_int(self, "kernel_size", size) for size in sizes)
        self.sigma = check_range(self, "sigma", sigma, 0, 1)
        self.value_range = check_ends(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        chosen = self.choose(self.count(data), seed)
        return {"should_apply_blur": chosen, "blur_factor": self.draw((2,), *self.sigma, seed, self.compute_dtype) + 1e-6}

    def change(self, images, transformation):
        chosen = transformation["should_apply_blur"][:, None, None, None]
        blurred = gaussian_blur(images, self.kernel_size, transformation["blur_factor"], self.data_format)
        return jnp.clip(jnp.where(chosen, blurred, images), *self.value_range)


@builtin("layers")
class AutoContrast(Augmentation):
    """Stretches each channel of each picture to the whole of `value_range`. It does so in inference as well.

    Args:
        value_range: what the pixels lie between.

    Shapes: (batch, height, width, channels), or one picture, unchanged.

    >>> import kerata, numpy as np
    >>> kerata.layers.AutoContrast()(np.array([[[10.0], [20.0]]], "float32")).ravel().tolist()
    [0.0, 255.0]
    """

    draws = False

    def __init__(self, value_range=(0, 255), **kwargs):
        super().__init__(**kwargs)
        self.value_range = check_value_range(self, value_range)

    def transform_images(self, images, transformation=None, training=True):
        images = self.cast(images)
        axes = (self.height_axis, self.width_axis)
        low, high = (f(images, axes, keepdims=True) for f in (jnp.min, jnp.max))
        flat = high <= low
        share = (images - low) / jnp.where(flat, 1, high - low)
        stretched = rescale(share, (0, 1), self.value_range)
        # Where a pixel is NaN, so are its channel's ends: the channel stays as it is.
        return jnp.where(flat | jnp.isnan(stretched), images, stretched)


# Tiles along a side, even of a small picture, which is continued to have a pixel in each.
MOST_TILES = 256


@builtin("layers")
class ContrastLimitedAdaptiveHistogramEqualization(Augmentation):
    """Makes tones about as frequent within each tile of a grid, but no tone more so than a limit; between the middles of tiles,
    by linear interpolation. It does so in inference as well.

    Args:
        value_range: what the pixels lie between.
        clip_limit: how many times as frequent as on average a tone may be; what is above goes to all tones alike.
        tile_grid_size: the number of tiles downwards and across.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    Source: Pizer et al., "Adaptive histogram equalization and its variations", 1987.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2))
    >>> layer(np.ones((2, 4, 4, 1), "float32")).shape
    (2, 4, 4, 1)
    """

    # Each picture is by itself, but reading many tables at once proves nothing of it.
    mixes_samples = True
    draws = False

    def __init__(self, value_range=(0, 255), clip_limit=4.0, tile_grid_size=(8, 8), data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = check_ends(self, value_range)
        self.clip_limit = clip_limit
        self.tile_grid_size = standardize_tuple(self, "tile_grid_size", tile_grid_size, 2)

    def transform_images(self, images, transformation=None, training=True):
        images = jnp.asarray(images)
        x = images if self.data_format == "channels_last" else jnp.moveaxis(images, -3, -1)
        x = rescale(x.astype(jnp.float32), self.value_range, BYTES)
        equal = self._equalize(x) if x.ndim == 4 else self._equalize(x[None])[0]
        equal = rescale(equal, BYTES, self.value_range).astype(images.dtype)
        return equal if self.data_format == "channels_last" else jnp.moveaxis(equal, -1, -3)

    def _equalize(self, x: jax.Array) -> jax.Array:
        """Pictures (batch, height, width, channels) in bytes."""
        (batch, height, width, channels), (down, across) = x.shape, self.tile_grid_size
        tall, wide = -(-height // down), -(-width // across)
        if tall * down > max(MOST_TILES, 4 * height) or wide * across > max(MOST_TILES, 4 * width):
            sizes = {"tile_grid_size": self.tile_grid_size, "picture": (height, width)}
            raise ValueError(message(self, "there must not be far more tiles than pixels", sizes, "A grid of (8, 8) is usual"))
        padding = ((0, 0), (0, tall * down - height), (0, wide * across - width), (0, 0))
        tones = jnp.clip(pad(x, padding, "symmetric"), *BYTES).astype(jnp.int32)
        tiles = jnp.reshape(tones, (batch, down, tall, across, wide, channels))
        tiles = jnp.reshape(jnp.transpose(tiles, (0, 1, 3, 5, 2, 4)), (-1, tall * wide))
        table = jnp.reshape(jax.vmap(self._table)(tiles), (batch, down, across, channels, 256))
        # The outermost tiles stand for what would lie beyond them.
        table = jnp.pad(table, ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0)), "edge")
        (top, bottom, low), (left, right, far) = _between(tall, down), _between(wide, across)
        pictures, layers = jnp.arange(batch)[:, None, None, None], jnp.arange(channels)

        def read(rows: jax.Array, columns: jax.Array) -> jax.Array:
            return table[pictures, rows[:, None, None], columns[:, None], layers, tones]

        low, far = low[:, None, None], far[:, None]
        above = read(top, left) * (1.0 - far) + read(top, right) * far
        below = read(bottom, left) * (1.0 - far) + read(bottom, right) * far
        return (above * (1.0 - low) + below * low)[:, :height, :width]

    def _table(self, tones: jax.Array) -> jax.Array:
        """What each of the 256 tones of a tile becomes."""
        counts = jnp.zeros(256, jnp.float32).at[tones].add(1.0)
        if self.clip_limit > 0:
            kept = jnp.minimum(counts, self.clip_limit * tones.size / 256.0)
            counts = kept + jnp.sum(counts - kept) / 256.0
        ranks = jnp.cumsum(counts)
        lowest = jnp.min(ranks)
        rest = tones.size - lowest
        return jnp.clip((ranks - lowest) * 255.0 / jnp.where(rest == 0, 1.0, rest), *BYTES)


def _between(size: int, tiles: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Of each pixel of a row of tiles: the tile whose middle lies before it, that behind it, and the weight of the latter."""
    place = (jnp.arange(size * tiles) - size / 2.0) / size + 1.0
    first = jnp.floor(place)
    before, behind = (jnp.clip(tile, 0, tiles + 1).astype(jnp.int32) for tile in (first, first + 1.0))
    return before, behind, place - first


@builtin("layers")
class Equalization(Augmentation):
    """Makes all tones about as frequent: each becomes its rank among the tones of its channel, over the whole batch.

    Args:
        value_range: what the pixels lie between.
        bins: the number of tones that are told apart.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> kerata.layers.Equalization()(np.array([[[10.0], [11.0], [12.0]]], "float32")).ravel().tolist()
    [0.0, 128.0, 255.0]
    """

    mixes_samples = True
    draws = False

    def __init__(self, value_range=(0, 255), bins=256, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.bins = check_positive_int(self, "bins", bins)
        self.value_range = check_value_range(self, value_range)

    def transform_images(self, images, transformation=None, training=True):
        images = self.cast(images)
        if not training:
            return images
        tones = rescale(images, self.value_range, BYTES).astype(jnp.float32)
        equal = jax.vmap(self._equalize, in_axes=self.channel_axis, out_axes=self.channel_axis)(tones)
        return self.cast(rescale(equal, BYTES, self.value_range))

    def compute_output_spec(self, inputs, **kwargs):
        return super().compute_output_spec(inputs, **kwargs)

    def _equalize(self, tones: jax.Array) -> jax.Array:
        """One channel of a batch, in bytes."""
        last = self.bins - 1
        counts = jnp.zeros(self.bins, jnp.int32).at[jnp.clip((tones * last / 255).astype(jnp.int32), 0, last)].add(1)
        ranks = jnp.cumsum(counts)
        lowest = ranks[jnp.argmax(ranks > 0)]
        table = jnp.clip(jnp.round((ranks - lowest) * 255 / jnp.maximum(ranks[-1] - lowest, 1)), *BYTES)
        equal = table[jnp.clip(tones / 255 * last, 0, last).astype(jnp.int32)]
        return jnp.where(jnp.count_nonzero(counts) <= 1, tones, equal)
