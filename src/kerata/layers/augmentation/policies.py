"""Several augmentations after each other: fixed, or drawn from many."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.core import Tracer

from kerata import random
from kerata.base.checks import check_positive_int
from kerata.base.limits import take_work
from kerata.base.registry import builtin
from kerata.engine.types import Array
from kerata.layers.augmentation.base import INTERPOLATIONS, Augmentation, as_tuple, check_ends, check_mode, check_range
from kerata.layers.augmentation.colours import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomHue,
    RandomSaturation,
)
from kerata.layers.augmentation.geometry import RandomRotation, RandomShear, RandomTranslation
from kerata.layers.augmentation.tones import AutoContrast, Equalization, RandomPosterization, RandomSharpness, Solarization

T = TypeVar("T")


def one_of(branches: Sequence[Callable[[T], T]], number: Array, x: T) -> T:
    """What the branch of a number makes of x. Where the number is known, the others are not even traced."""
    return jax.lax.switch(number, branches, x) if isinstance(number, Tracer) else branches[int(number)](x)


@builtin("layers")
class RandomColorJitter(Augmentation):
    """Changes brightness, contrast, saturation and hue, in this order; those of which a factor is given.

    Args:
        value_range: what the pixels lie between.
        brightness_factor: of `RandomBrightness`.
        contrast_factor: of `RandomContrast`.
        saturation_factor: of `RandomSaturation`.
        hue_factor: of `RandomHue`.
        seed: an integer for a stream of its own.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, 3), or one picture, unchanged; likewise channels first.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.RandomColorJitter(brightness_factor=0.3, hue_factor=0.1)
    >>> layer(np.ones((2, 4, 4, 3), "float32"), training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range=(0, 255),
        brightness_factor=None,
        contrast_factor=None,
        saturation_factor=None,
        hue_factor=None,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(seed, data_format, **kwargs)
        self.value_range = check_ends(self, value_range)
        self.brightness_factor, self.contrast_factor = as_tuple(brightness_factor), as_tuple(contrast_factor)
        self.saturation_factor, self.hue_factor = as_tuple(saturation_factor), as_tuple(hue_factor)
        common = {"value_range": value_range, "seed": seed, "data_format": self.data_format, "dtype": self.dtype_policy}
        kinds = (
            (RandomBrightness, brightness_factor),
            (RandomContrast, contrast_factor),
            (RandomSaturation, saturation_factor),
            (RandomHue, hue_factor),
        )
        self.steps = [kind(factor, **common) for kind, factor in kinds if factor is not None]

    def transform_images(self, images, transformation=None, training=True):
        images = self.cast(images)
        for step in self.steps if training else ():
            drawn = step.get_random_transformation(images, seed=self.generator)
            images = step.transform_images(images, drawn)
        return images


@builtin("layers")
class RandAugment(Augmentation):
    """Some changes, drawn anew for each batch from eleven: of place, of colour and of tone.

    Args:
        value_range: what the pixels lie between.
        num_ops: how many changes come after each other; 0 for none.
        factor: how strong they are: [lower, upper] between 0 and 1, or one number for [0, factor].
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for a stream of its own.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, 3), or one picture, unchanged; likewise channels first.

    Source: Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space", 2019.

    >>> import kerata, numpy as np
    >>> kerata.layers.RandAugment(num_ops=1)(np.ones((2, 4, 4, 3), "float32"), training=True).shape
    (2, 4, 4, 3)
    """

    # One of the eleven equalizes a batch as a whole.
    mixes_samples = True
    keeps_places = False

    def __init__(
        self, value_range=(0, 255), num_ops=2, factor=0.5, interpolation="bilinear", seed=None, data_format=None, **kwargs
    ):
        super().__init__(seed, data_format, **kwargs)
        self.value_range = check_ends(self, value_range)
        self.num_ops = check_positive_int(self, "num_ops", num_ops, minimum=0)
        self.factor = check_range(self, "factor", factor, 0, 1)
        self.interpolation = check_mode(self, "interpolation", interpolation, INTERPOLATIONS)
        self._make_changes()

    def _make_changes(self) -> None:
        """The eleven changes, by the names of `CHANGES`."""
        common = {"data_format": self.data_format, "dtype": self.dtype_policy, "bounding_box_format": self.bounding_box_format}
        drawing = {"seed": self.seed, **common}
        places = {"interpolation": self.interpolation, **drawing}
        colours = {"value_range": self.value_range, **drawing}
        span = self.factor
        self.random_shear = RandomShear(span, span, **places)
        self.random_translation = RandomTranslation(span, span, **places)
        self.random_rotation = RandomRotation(span, **places)
        self.random_brightness = RandomBrightness(span, **colours)
        self.random_color_degeneration = RandomColorDegeneration(span, **colours)
        self.random_contrast = RandomContrast(span, **colours)
        self.random_sharpness = RandomSharpness(span, **colours)
        self.random_posterization = RandomPosterization(max(1, int(8 * span[1])), **colours)
        self.solarization = Solarization(span, span, **colours)
        self.auto_contrast = AutoContrast(self.value_range, **common)
        self.equalization = Equalization(self.value_range, **common)

    # In Keras's order, by which they are numbered.
    CHANGES = (
        "random_shear",
        "random_translation",
        "random_rotation",
        "random_brightness",
        "random_color_degeneration",
        "random_contrast",
        "random_sharpness",
        "random_posterization",
        "solarization",
        "auto_contrast",
        "equalization",
    )

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        seed = self.generator if seed is None else seed
        numbers = random.randint((self.num_ops,), 0, len(self.CHANGES), seed=seed)
        transforms = {
            name: getattr(self, name).get_random_transformation(data, training=training, seed=seed) for name in self.CHANGES
        }
        return {"transforms": transforms, "layer_idxes": numbers}

    def change(self, images, transformation):
        return self._apply(images, transformation, "transform_images")

    def move(self, images, transformation, interpolation):
        return self._apply(images, transformation, "transform_segmentation_masks")

    def move_boxes(self, bounding_boxes, transformation):
        given = {key: jnp.asarray(bounding_boxes[key]) for key in ("boxes", "labels")}
        return {**bounding_boxes, **self._apply(given, transformation, "transform_bounding_boxes")}

    def _apply(self, images, transformation, method):
        def branch(name):
            drawn = transformation["transforms"][name]
            change = getattr(getattr(self, name), method)
            return lambda x: jax.tree.map(lambda new, old: new.astype(old.dtype), change(x, drawn), x)

        branches = [branch(name) for name in self.CHANGES]
        for number in range(self.num_ops):
            images = one_of(branches, jnp.asarray(transformation["layer_idxes"])[number], images)
        return images


@builtin("layers")
class AugMix(RandAugment):
    """A mean of each picture and of some chains of changes of it, by random weights; the changes are drawn for a batch.

    y = w x + (1 - w) sum_i m_i chain_i(x), w from the beta distribution, m from the Dirichlet distribution, all of `alpha`.

    Args:
        value_range: what the pixels lie between.
        num_chains: how many chains there are.
        chain_depth: how many changes come after each other in a chain, of which some may be none.
        factor: how strong they are: [lower, upper] between 0 and 1, or one number for [0, factor].
        alpha: of both distributions.
        all_ops: whether brightness, colour, contrast and sharpness are among the changes.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: an integer for a stream of its own.
        data_format: `"channels_last"` or `"channels_first"`.

    Shapes: (batch, height, width, 3), or one picture, unchanged; likewise channels first.

    Source: Hendrycks et al., "AugMix: A simple data processing method to improve robustness and uncertainty", 2019.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.AugMix(num_chains=1, chain_depth=1)
    >>> layer(np.ones((2, 4, 4, 3), "float32"), training=True).shape
    (2, 4, 4, 3)
    """

    # Boxes stay, as in Keras: most of what is mixed is the picture itself.
    FEWER = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")

    def __init__(
        self,
        value_range=(0, 255),
        num_chains=3,
        chain_depth=3,
        factor=0.3,
        alpha=1.0,
        all_ops=True,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        Augmentation.__init__(self, seed, data_format, **kwargs)
        self.value_range = check_ends(self, value_range)
        self.num_chains = check_positive_int(self, "num_chains", num_chains)
        self.chain_depth = check_positive_int(self, "chain_depth", chain_depth)
        take_work(self.num_chains * self.chain_depth, num_chains=num_chains, chain_depth=chain_depth)
        self.factor = check_range(self, "factor", factor, 0, 1)
        self.alpha, self.all_ops = alpha, bool(all_ops)
        self.interpolation = check_mode(self, "interpolation", interpolation, INTERPOLATIONS)
        self._make_changes()

    @property
    def names(self) -> tuple[str, ...]:
        """The changes to draw from."""
        return tuple(name for name in self.CHANGES if self.all_ops or name not in self.FEWER)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        seed = self.generator if seed is None else seed
        shares = random.gamma((self.num_chains,), self.alpha, seed=seed)
        weight = random.beta((), self.alpha, self.alpha, seed=seed)
        # The last number is for no change.
        numbers = random.randint((self.num_chains, self.chain_depth), 0, len(self.names) + 1, seed=seed)
        draws = [
            [
                {name: getattr(self, name).get_random_transformation(data, training=True, seed=seed) for name in self.names}
                for _ in range(self.chain_depth)
            ]
            for _ in range(self.num_chains)
        ]
        return {
            "chain_mixing_weights": shares / jnp.sum(shares),
            "weight_sample": weight,
            "chain_transforms": draws,
            "layer_idxes": numbers,
        }

    def change(self, images, transformation):
        return jnp.clip(self._mix(images, transformation, "transform_images"), *self.value_range)

    def move(self, images, transformation, interpolation):
        return self._mix(images, transformation, "transform_segmentation_masks")

    def move_boxes(self, bounding_boxes, transformation):
        return bounding_boxes

    def _mix(self, images, transformation, method):
        weight = jnp.asarray(transformation["weight_sample"])
        mixed = jnp.zeros(images.shape, jnp.promote_types(images.dtype, weight.dtype))
        for chain, draws in enumerate(transformation["chain_transforms"]):
            found = images
            for depth, drawn in enumerate(draws):
                branches = [self._branch(name, drawn[name], method) for name in self.names]
                number = jnp.asarray(transformation["layer_idxes"])[chain, depth]
                found = one_of([*branches, lambda x: x], number, found)
            mixed = mixed + found * transformation["chain_mixing_weights"][chain]
        return (weight * images + (1 - weight) * mixed).astype(self.compute_dtype)

    def _branch(self, name, drawn, method):
        change = getattr(getattr(self, name), method)
        return lambda x: change(x, drawn).astype(x.dtype)
