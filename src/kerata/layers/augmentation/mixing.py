"""Pictures with parts taken out, or mixed with other pictures of the batch."""

import jax
import jax.numpy as jnp

from kerata import random
from kerata.base.checks import KindError, check_number, message
from kerata.base.registry import builtin
from kerata.layers.augmentation.base import Augmentation, as_tuple, check_ends, check_range


class Boxes(Augmentation):
    """Draws a box in each picture. The base of two public classes."""

    def box(self, data, height_share, width_share, seed) -> tuple[jax.Array, jax.Array]:
        """Which pixels lie in a box of each picture, bool of the pictures' shape with a batch axis, and the share of its area.

        Args:
            height_share, width_share: of the picture's height and width, (batch,).
        """
        shape, inside, area = self.images_of(data).shape, None, 1.0
        # Keras draws the columns first.
        for axis, share in ((self.width_axis, width_share), (self.height_axis, height_share)):
            size = shape[axis]
            length = (share * size).astype(self.compute_dtype)
            start = self.draw(share.shape, seed=seed, dtype=self.compute_dtype) * (size - length)
            wide = (-1, *(size if place == axis else 1 for place in (-3, -2, -1)))
            pixel = jnp.reshape(jnp.arange(size, dtype=self.compute_dtype), (1, *wide[1:]))
            first, end = (jnp.reshape(edge, (-1, 1, 1, 1)) for edge in (start, start + length))
            here = (pixel >= first) & (pixel < end)
            inside = here if inside is None else inside & here
            area = area * (length / size)
        return jnp.broadcast_to(inside, (inside.shape[0], *shape[-3:])), area


@builtin("layers")
class RandomErasing(Boxes):
    """Fills a box of some of the pictures with noise, or with one colour.

    Args:
        factor: the probability: [lower, upper] between 0 and 1, or one number for [0, factor].
        scale: [lower, upper] for the square of the box's share of the height, and of the width; between 0 and 1.
        fill_value: a number, or three; `None` for normal noise times the upper end of `value_range`.
        value_range: what the filling is clipped to.
        seed: an integer for a stream of its own.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    Source: Zhong et al., "Random Erasing Data Augmentation", 2017.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.RandomErasing((1, 1), scale=(1, 1), fill_value=7)
    >>> layer(np.ones((1, 2, 1, 1), "float32"), training=True).ravel().tolist()
    [7.0, 7.0]
    """

    def __init__(
        self, factor=1.0, scale=(0.02, 0.33), fill_value=None, value_range=(0, 255), seed=None, data_format=None, **kwargs
    ):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", factor, 0, 1)
        self.scale = check_range(self, "scale", scale, 0, 1)
        if isinstance(fill_value, (tuple, list)) and len(fill_value) != 3:
            raise ValueError(message(self, "`fill_value` must be a number, or three", {"fill_value": fill_value}))
        if not (fill_value is None or isinstance(fill_value, (tuple, list, int, float))):
            raise KindError(message(self, "`fill_value` must be a number, or three", {"fill_value": fill_value}))
        self.fill_value, self.value_range = as_tuple(fill_value), check_ends(self, value_range)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        share = jnp.sqrt(self.draw((self.count(data), 2), *self.scale, seed, self.compute_dtype))
        masks, _ = self.box(data, share[:, 1], share[:, 0], seed)
        chosen = self.choose(self.count(data), seed)
        return {"apply_erasing": chosen, "batch_masks": masks, "fill_value": self._filling(self.images_of(data).shape, seed)}

    def _filling(self, shape, seed) -> jax.Array:
        if self.fill_value is None:
            noise = random.normal(shape, dtype=self.compute_dtype, seed=self.generator if seed is None else seed)
            return jnp.clip(noise * self.value_range[1], *self.value_range)
        value = jnp.clip(jnp.asarray(self.fill_value, self.compute_dtype), *self.value_range)
        if value.ndim and shape[self.channel_axis] != 3:
            received = {"fill_value": self.fill_value, "images.shape": tuple(shape)}
            raise ValueError(message(self, "three numbers as `fill_value` are for pictures of three channels", received))
        if value.ndim and self.data_format == "channels_first":
            value = value[:, None, None]
        return jnp.broadcast_to(value, shape)

    def change(self, images, transformation):
        chosen = transformation["apply_erasing"][:, None, None, None] & transformation["batch_masks"]
        return jnp.where(chosen, self.cast(transformation["fill_value"]), images)


class Mixing(Boxes):
    """Mixes each picture with another of its batch, and the labels likewise. The base of two public classes."""

    mixes_samples = True
    keeps_places = False

    def order(self, count, seed, dtype) -> jax.Array:
        """The numbers of the batch's pictures, in random order."""
        return random.shuffle(jnp.arange(count, dtype=dtype), seed=self.generator if seed is None else seed)

    def transform_labels(self, labels, transformation, training=True):
        if not training or transformation is None:
            return labels
        labels, weight = jnp.asarray(labels), jnp.asarray(transformation["mix_weight"])
        weight = jnp.reshape(weight, (-1, *[1] * (labels.ndim - 1)))
        others = labels[jnp.asarray(transformation["permutation_order"])]
        return weight * labels + (1.0 - weight) * others


@builtin("layers")
class MixUp(Mixing):
    """outputs = w * x + (1 - w) * x', x' another picture of the batch and w from a Beta(alpha, alpha) distribution.

    Give a dict with `"images"` and `"labels"`, one-hot: labels are mixed alike.

    Args:
        alpha: of the distribution, above 0: small numbers leave one of the two almost alone.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: an integer for a stream of its own.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018.

    >>> import kerata, numpy as np
    >>> drawn = {"mix_weight": np.array([0.75, 0.75]), "permutation_order": np.array([1, 0])}
    >>> kerata.layers.MixUp().transform_labels(np.eye(2), drawn).tolist()
    [[0.75, 0.25], [0.25, 0.75]]
    """

    def __init__(self, alpha=0.2, data_format=None, seed=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.alpha = check_number(self, "alpha", alpha, 0.0)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count = self.count(data)
        order = self.order(count, seed, "int32")
        weight = random.beta((count,), self.alpha, self.alpha, seed=self.generator if seed is None else seed)
        return {"mix_weight": weight, "permutation_order": order}

    def change(self, images, transformation):
        weight = self.cast(jnp.reshape(jnp.asarray(transformation["mix_weight"]), (-1, 1, 1, 1)))
        return weight * images + (1 - weight) * images[jnp.asarray(transformation["permutation_order"])]

    def move_boxes(self, bounding_boxes, transformation):
        order = jnp.asarray(transformation["permutation_order"])
        both = {key: jnp.asarray(bounding_boxes[key]) for key in ("boxes", "labels")}
        return {**bounding_boxes, **{key: jnp.concatenate([of, of[order]], axis=1) for key, of in both.items()}}

    def move(self, images, transformation, interpolation):
        weight = jnp.reshape(jnp.asarray(transformation["mix_weight"]), (-1, 1, 1, 1))
        return weight * images + (1 - weight) * images[jnp.asarray(transformation["permutation_order"])]


@builtin("layers")
class CutMix(Mixing):
    """Puts a box of another picture of the batch into each; labels are mixed by the areas.

    Give a dict with `"images"` and `"labels"`, one-hot.

    Args:
        factor: [lower, upper] between 0 and 1, or one number for [0, factor]: of it comes a, and the share of the picture that
            stays from a Beta(a, a) distribution.
        seed: an integer for a stream of its own.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, channels), or one picture, unchanged; likewise channels first.

    Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers", 2019.

    >>> import kerata, numpy as np
    >>> kerata.layers.CutMix()(np.ones((2, 4, 4, 1), "float32"), training=True).shape
    (2, 4, 4, 1)
    """

    def __init__(self, factor=1.0, seed=None, data_format=None, **kwargs):
        super().__init__(seed, data_format, **kwargs)
        self.factor = check_range(self, "factor", factor, 0, 1)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training or not self.is_batch(self.images_of(data)):
            return None
        count, generator = self.count(data), self.generator if seed is None else seed
        alpha = self.draw((), *self.factor, seed) + 1e-6
        share = jnp.sqrt(1 - random.beta((count,), alpha, alpha, seed=generator))
        masks, area = self.box(data, share, share, seed)
        return {
            "permutation_order": self.order(count, seed, "int32"),
            "batch_masks": masks,
            # As Keras shapes it.
            "mix_weight": jnp.reshape(1 - area, (-1, 1, 1, 1)),
        }

    def change(self, images, transformation):
        return jnp.where(transformation["batch_masks"], images[jnp.asarray(transformation["permutation_order"])], images)

    def move(self, images, transformation, interpolation):
        masks = transformation["batch_masks"][..., :1] if self.channel_axis == -1 else transformation["batch_masks"][:, :1]
        return jnp.where(masks, images[jnp.asarray(transformation["permutation_order"])], images)
