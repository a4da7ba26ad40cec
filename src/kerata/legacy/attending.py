"""Layers as `tf.keras` called them, and what they made of masks and of zeros."""

import numpy as np

# What its call took behind the query, the value and the key.
BEHIND = ("attention_mask", "return_attention_scores", "training", "use_causal_mask")


class Evenly:
    """Where nothing may be looked at, all is looked at alike: masks were subtracted from logits."""

    spreads_evenly = True
    _facts_of_program = ("spreads_evenly",)


class Leaking:
    """Where the input is 0, the slope is that below: so empty parts of pictures teach biases that begin at 0."""

    leaks_at_zero = True


class Attending(Evenly):
    """The mask of an attention stood fourth among what it is called with."""

    def __call__(self, *args: object, **kwargs: object) -> object:
        given = dict(zip(BEHIND, args[3:], strict=False))
        return super().__call__(*args[:3], **given, **kwargs)  # type: ignore[misc]


class TakingLists:
    """A layer that takes lists of numbers."""

    def __call__(self, inputs: object, *args: object, **kwargs: object) -> object:
        inputs = np.asarray(inputs) if isinstance(inputs, (list, tuple)) else inputs
        return super().__call__(inputs, *args, **kwargs)  # type: ignore[misc]


class Adapting:
    """What a layer that learns from data was given beside it: the size of batches, and how many of them to take."""

    def adapt(self, data, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learns from data.

        Args:
            data: an array, or batches.
            batch_size: of how many rows an array's batches are.
            steps: how many batches are taken, all by default.
        """
        if steps is not None:
            data = data.take(steps) if hasattr(data, "take") and hasattr(data, "batch") else data[: steps * (batch_size or 32)]
        super().adapt(data)  # type: ignore[misc]
