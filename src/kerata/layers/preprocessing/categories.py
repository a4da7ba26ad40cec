"""Layers that turn numbers of categories, and numbers that fall into ranges, into features."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import KindError, check_choice, check_positive_int, message
from kerata.base.config import floatx
from kerata.base.registry import builtin
from kerata.base.types import DTypeLike, PartialShape
from kerata.data.samples import Data
from kerata.engine.module import Look
from kerata.engine.types import TensorLike
from kerata.layers.layer import SkipOutputShape
from kerata.layers.pictures import DataLayer

MODES = ("int", "one_hot", "multi_hot", "count")


def encode(indices: jax.Array, mode: str, depth: int, dtype: DTypeLike, weights: jax.Array | None = None) -> jax.Array:
    """Numbers of categories in the form that `mode` says.

    Args:
        indices: whole numbers from 0 to depth - 1; others are no category, but "multi_hot" leaves out what stands after
            the point.
        mode: "int" as they are; "one_hot" an axis more, or in place of one of size 1; "multi_hot" which occur along the
            second axis; "count" how often.
        depth: how many categories there are.
        weights: what each counts, in mode "count".
    """
    if mode == "int":
        return indices.astype(dtype)
    if mode != "multi_hot" and jnp.issubdtype(indices.dtype, jnp.floating):
        indices = jnp.where(indices == jnp.floor(indices), indices, -1)
    x = indices.astype("int32")
    x = x[None] if x.ndim == 0 else x
    if mode == "one_hot":
        return jax.nn.one_hot(x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x, depth, dtype=dtype)
    along = 1 if x.ndim > 1 else 0
    hot = jax.nn.one_hot(x, depth, dtype=dtype if weights is None else weights.dtype)
    if mode == "multi_hot":
        return jnp.max(hot, axis=along)
    return jnp.sum(hot if weights is None else hot * weights[..., None], axis=along)


class Encoding(DataLayer):
    """What layers that give categories have in common."""

    mixes_samples = adapts_weights = False
    output_mode: str

    def build(self, input_shape):
        # Of an array with one axis the categories of all samples are put together.
        # A number of Python's has no shape at all.
        self.mixes_samples = self.output_mode in ("multi_hot", "count") and len(input_shape or ()) < 2


@builtin("layers")
class CategoryEncoding(Encoding):
    """Whole numbers as ones and zeros: one for each category.

    Args:
        num_tokens: how many categories there are; inputs are below it.
        output_mode: `"one_hot"` for each number an axis of its own (in place of a last axis of size 1); `"multi_hot"` which
            categories a sample has; `"count"` how often it has each.
        sparse: must be False.

    Shapes: (batch, n) to (batch, num_tokens); `"one_hot"` to (batch, n, num_tokens), and (batch, 1) to (batch, num_tokens).
    `call(inputs, count_weights=None)` takes what each number counts, in the shape of the inputs, with `"count"`.

    >>> import kerata
    >>> kerata.layers.CategoryEncoding(4)([[0, 1], [2, 2]]).tolist()
    [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]
    """

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        if num_tokens is None:
            fix = "Say how many categories there are, e.g. 1 + the largest number"
            raise ValueError(message(self, "`num_tokens` must be set", {"num_tokens": None}, fix))
        if sparse:
            raise ValueError(message(self, "sparse tensors are not supported", {"sparse": sparse}))
        self.num_tokens = check_positive_int(self, "num_tokens", num_tokens)
        mode = "multi_hot" if output_mode == "binary" else output_mode
        self.output_mode, self.sparse = check_choice(self, "output_mode", mode, MODES[1:]), False

    def call(self, inputs, count_weights=None):
        inputs = jnp.asarray(inputs)
        if count_weights is None:
            return encode(inputs, self.output_mode, self.num_tokens, self.compute_dtype)
        if self.output_mode != "count":
            received = {"output_mode": self.output_mode}
            raise ValueError(message(self, '`count_weights` is for `output_mode="count"` alone', received))
        weights = jnp.asarray(count_weights).astype(self.compute_dtype)
        return encode(inputs, self.output_mode, self.num_tokens, self.compute_dtype, weights)

    def get_config(self):
        config = super().get_config()
        config.pop("sparse", None)
        return config


@builtin("layers")
class Discretization(Encoding, SkipOutputShape):
    """The number of the range that each number falls into.

    Args:
        bin_boundaries: ascending bounds; n of them make n + 1 ranges, (-inf, b0), [b0, b1), ..., [bn, inf).
        num_bins: how many ranges `adapt` makes, with about as many numbers in each.
        epsilon: how exact the ranges are that `adapt` makes: parts of the data that may lie on the wrong side.
        output_mode: `"int"` the range's number, or as in `CategoryEncoding`.
        sparse: must be False.

    Shapes: the input's, or as in `CategoryEncoding`.

    >>> import kerata
    >>> kerata.layers.Discretization([0.0, 1.0])([[-3.0, 0.0, 0.5, 7.0]]).tolist()
    [[0, 1, 1, 2]]
    """

    def __init__(
        self, bin_boundaries=None, num_bins=None, epsilon=0.01, output_mode="int", sparse=False, dtype=None, name=None
    ):
        super().__init__(dtype=dtype, name=name)
        if (bin_boundaries is None) == (num_bins is None):
            given = {"bin_boundaries": bin_boundaries, "num_bins": num_bins}
            raise ValueError(message(self, "one of `bin_boundaries` and `num_bins` must be set", given))
        if sparse:
            raise ValueError(message(self, "sparse tensors are not supported", {"sparse": sparse}))
        if num_bins is not None and (not isinstance(num_bins, int) or num_bins < 0):
            raise ValueError(message(self, "`num_bins` must be a whole number from 0", {"num_bins": num_bins}))
        if not 0 < epsilon < 1:
            raise ValueError(message(self, "`epsilon` must be between 0 and 1", {"epsilon": epsilon}))
        self.bin_boundaries = None if bin_boundaries is None else self._take(bin_boundaries)
        self.num_bins, self.epsilon, self.sparse = num_bins, epsilon, False
        self.output_mode = check_choice(self, "output_mode", output_mode, MODES)
        self.reset_state()

    # What `adapt` has seen of the data so far: no part of the layer's program, nor of its files.
    _bookkeeping = {"summary": Look.NOBODY}

    def _take(self, boundaries: TensorLike) -> list[float]:
        bounds = np.asarray(boundaries)
        if bounds.ndim != 1 or bounds.dtype.kind not in "iuf" or np.isnan(bounds).any() or (np.diff(bounds) < 0).any():
            raise ValueError(message(self, "`bin_boundaries` must be ascending numbers", {"bin_boundaries": boundaries}))
        return bounds.tolist()

    def adapt(self, data: Data, steps: int | None = None) -> None:
        """Sets the bounds to quantiles of some data, in place of what an earlier call saw.

        Args:
            data: an array, or batches: a list of arrays, a generator, a data set.
            steps: how many batches are looked at; all of them by default.
        """
        if self.num_bins is None:
            raise ValueError(message(self, "`adapt()` is for a layer with `num_bins`", {"bin_boundaries": self.bin_boundaries}))
        batches = data if isinstance(data, Iterable) and not hasattr(data, "shape") else [data]
        self.reset_state()
        for index, batch in enumerate(batches):
            if steps is not None and index >= steps:
                break
            self.update_state(batch[0] if isinstance(batch, tuple) else batch)
        if not self.summary.size:
            raise ValueError(message(self, "`adapt()` got an empty iterable, and needs at least one sample", {"data": data}))
        self.finalize_state()

    def reset_state(self) -> None:
        """Forgets what `update_state` saw."""
        self.summary = np.zeros((2, 0), "float32")

    def update_state(self, data: TensorLike) -> None:
        """Takes some more data in: `adapt`, step by step."""
        numbers = np.asarray(data)
        if numbers.dtype.kind not in "biuf" or not np.isfinite(numbers).all():
            raise KindError(message(self, "the data of `adapt()` must be finite numbers", {"data": data}))
        if numbers.size:
            both = np.concatenate([summarize(numbers.astype("float32"), self.epsilon), self.summary], axis=1)
            self.summary = compress(both[:, np.argsort(both[0])], self.epsilon)

    def finalize_state(self) -> None:
        """Sets the bounds to quantiles of what `update_state` saw."""
        if self.num_bins is not None:
            self.bin_boundaries = compress(self.summary, 1 / self.num_bins)[0, :-1].tolist() if self.num_bins else []

    @property
    def output_dtype(self) -> str:
        """The type of the outputs."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def call(self, inputs):
        if self.bin_boundaries is None:
            fix = f"Say {self.name}.adapt(x_train), or give `bin_boundaries`"
            raise ValueError(message(self, "`adapt()` must be called before the layer is used", fix=fix))
        inputs = jnp.asarray(inputs)
        # Whole numbers have boundaries between them.
        boundaries = jnp.asarray(self.bin_boundaries, jnp.result_type(inputs, floatx()))
        indices = jnp.digitize(inputs, boundaries)
        return encode(indices, self.output_mode, len(self.bin_boundaries) + 1, self.output_dtype)

    def compute_output_shape(self, input_shape: PartialShape) -> tuple[int | None, ...]:
        """The shape of the outputs, which is known before `adapt`."""
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        depth = len(self.bin_boundaries) + 1 if self.bin_boundaries is not None else self.num_bins
        if self.output_mode == "one_hot":
            return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
        return (depth,) if len(shape) < 2 else (shape[0], *shape[2:], depth)

    def get_config(self):
        config = super().get_config()
        config.pop("trainable", None)  # Keras's constructor does not take it.
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        if config.get("bin_boundaries") is None or config.get("num_bins") is None:
            return cls(**config)
        layer = cls(**{**config, "bin_boundaries": None})
        layer.bin_boundaries = layer._take(config["bin_boundaries"])
        return layer


def summarize(numbers: np.ndarray, epsilon: float) -> np.ndarray:
    """Every so many of the sorted numbers, and how many each stands for: (2, n)."""
    ordered = np.sort(numbers, axis=None)
    step = max(ordered.size * epsilon, 1.0)
    some = ordered[int(step - 1) :: int(step)]
    return np.stack([some, np.full(some.shape, step, "float32")])


def compress(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """A shorter summary, of numbers at even parts of the weight; interpolated between those that are known."""
    if summary.shape[1] * epsilon < 1:
        return summary
    parts = epsilon + np.arange(0.0, 1.0, epsilon)
    sums = summary[1].cumsum()
    shares = sums / sums[-1]
    numbers, weights = np.interp(parts, shares, summary[0]), np.interp(parts, shares, sums)
    return np.stack([numbers, np.diff(weights, prepend=0.0)]).astype("float32")
