"""Features that are centred and scaled by what the data before training was."""

import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base import config
from kerata.base.checks import KindError, message
from kerata.base.registry import builtin
from kerata.data.pydataset import PyDataset
from kerata.data.samples import Data, standardize_array
from kerata.data.sources import is_batches, standardize_batches
from kerata.engine.scope import current_scope
from kerata.engine.types import Array, TensorLike
from kerata.layers.pictures import DataLayer

# Numbers read at a time, so that float64 copies stay small beside the data: 8 MiB.
BLOCK = 1 << 20


@builtin("layers")
class Normalization(DataLayer):
    """outputs = (x - mean) / sqrt(variance), mean and variance of each feature of the data that `adapt` saw.

    For tables whose columns have units of their own: every column comes to the network centred and of spread 1. The
    statistics are weights that no optimizer changes, so they are saved with the model, and copies of a model may hold
    different ones. Adapt on training data alone, or the validation data leaks into the model.

    Args:
        axis: the axis or axes of the features; `None` for one mean and one variance of all numbers.
        mean, variance: numbers or arrays, in place of `adapt`.
        invert: whether to turn normalized numbers back, mean + x sqrt(variance).

    Shapes: the output has the shape of the input.

    Source: Keras 3. Sums are kept in float64, and data with NaN or infinite numbers is refused.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.Normalization()
    >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> layer(np.array([[1.0, 30.0]])).tolist()
    [[-1.0, 1.0]]
    """

    mixes_samples = False
    _unsaved = frozenset({"mean", "variance"})

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        axes = () if axis is None else axis if isinstance(axis, (list, tuple)) else (axis,)
        if not all(isinstance(one, int) for one in axes):
            raise KindError(message(self, "`axis` must be an integer, a tuple of integers or None", {"axis": axis}))
        self.axis = tuple(axes)
        if (mean is None) != (variance is None):
            raise ValueError(
                message(self, "both `mean` and `variance` must be set, or neither", {"mean": mean, "variance": variance})
            )
        shapes = [np.shape(value) for value in (mean, variance) if value is not None]
        if any(shape != shapes[0] or len(shape) > len(self.axis) for shape in shapes):
            raise ValueError(
                message(
                    self,
                    f"`mean` and `variance` must have one shape, of at most {len(self.axis)} axes",
                    {"mean": shapes[0], "variance": shapes[1], "axis": self.axis},
                )
            )
        self.input_mean, self.input_variance, self.invert = mean, variance, bool(invert)
        self.supports_masking = True
        self.adapts_weights = mean is None
        # An object without a structure: while it is there, a program of another model is never taken for this one's, so
        # that a layer that was not adapted is always noticed.
        self._unmeasured: object = object() if mean is None else None

    def build(self, input_shape):
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                message(
                    self, f"All `axis` values must be in the range [-{rank}, {rank})", {"axis": self.axis, "input_axes": rank}
                )
            )
        self.kept = tuple(sorted(axis % rank for axis in self.axis))
        self.reduced = tuple(axis for axis in range(rank) if axis not in self.kept)
        shape = tuple(input_shape[axis] for axis in self.kept)
        if None in shape:
            raise ValueError(
                message(
                    self,
                    "All `axis` values to be kept must have a known size",
                    {"axis": self.axis, "input_shape": tuple(input_shape)},
                )
            )
        # Every sample has numbers of its own where the samples' axis is kept, so batches cannot be padded.
        self.mixes_samples = 0 in self.kept
        self.beside = [input_shape[axis] if axis in self.kept else 1 for axis in range(rank)]
        if self.input_mean is not None:
            self.given = [self._spread(self.input_mean, shape), self._spread(self.input_variance, shape)]
            return
        self.adapt_mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
        self.adapt_variance = self.add_weight(shape, "ones", trainable=False, name="variance")
        # Nothing reads it. Files of Keras hold it.
        self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")

    def _spread(self, given: TensorLike | None, shape: tuple[int, ...]) -> np.ndarray:
        """A given mean or variance with the axes of the inputs."""
        try:
            return np.broadcast_to(np.asarray(given, jnp.dtype(self.compute_dtype)), shape).reshape(self.beside)
        except ValueError:
            raise ValueError(
                message(
                    self, f"`mean` and `variance` must broadcast to the features, {shape}", {"mean": np.asarray(given).shape}
                )
            ) from None

    @property
    def mean(self) -> Array | None:
        """The mean, with the axes of the inputs; `None` before `build`."""
        return self._statistic(0)

    @property
    def variance(self) -> Array | None:
        """The variance, with the axes of the inputs; `None` before `build`."""
        return self._statistic(1)

    def _statistic(self, index: int) -> Array | None:
        if not self.built:
            return None
        if self.input_mean is not None:
            return jnp.asarray(self.given[index])
        variable = (self.adapt_mean, self.adapt_variance)[index]
        return variable.value.astype(self.compute_dtype).reshape(self.beside)

    def adapt(self, data: Data) -> None:
        """Sets mean and variance to those of some data, in place of what an earlier call saw.

        Args:
            data: an array, a frame, or batches: a list of arrays, a generator, a data set. Of batches with targets, the
                inputs are taken.
        """
        if self.input_mean is not None:
            raise ValueError(
                message(
                    self,
                    "`adapt()` is for a layer without `mean` and `variance`",
                    {"mean": self.input_mean},
                    "Leave them out of the constructor",
                )
            )
        mean, variance, count = self._counted(data)
        self.adapt_mean.store(mean)
        self.adapt_variance.store(variance)
        self._keep_count(count)
        self._unmeasured, self.adapts_weights = None, True

    def _keep_count(self, count: int) -> None:
        """Nothing: as in Keras 3, which holds a count and does not set it."""

    def finalize_state(self) -> None:
        """Takes mean and variance as they are now for those of data, whoever has set them."""
        if self.input_mean is None and self.built:
            self._unmeasured, self.adapts_weights = None, False

    def take_learned(self, other: "Normalization") -> None:
        """Hands data on as it is where the original was told to: what a copy begins with are its statistics."""
        if other.input_mean is None and other.built and not other.adapts_weights and other._is_neutral():
            self._unmeasured, self.adapts_weights = None, False

    def measure(self, data: Data) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of some data, float64 and of the weights' shape. Builds the layer; sets nothing.

        Args:
            data: as for `adapt`.
        """
        return self._counted(data)[:2]

    def _counted(self, data: Data) -> tuple[np.ndarray, np.ndarray, int]:
        """Mean, variance, and how many numbers of each feature they are those of."""
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        for batch in self._batches(data):
            for block in self._blocks(batch):
                wide = block.astype(np.float64)
                if not np.isfinite(wide).all():
                    raise ValueError(
                        message(
                            self,
                            "the data of `adapt()` must be finite",
                            {"data": data},
                            "Drop samples with NaN, or fill them, e.g. with DataFrame.fillna",
                        )
                    )
                size = math.prod(block.shape[axis] for axis in self.reduced)
                # Squares about the parts' own means, and those of the means about each other: batches may come in any sizes.
                step = wide.mean(axis=self.reduced) - mean
                squares = squares + wide.var(axis=self.reduced) * size + step**2 * (count * size / (count + size))
                mean = mean + step * (size / (count + size))
                count += size
        if not count:
            raise ValueError(message(self, "`adapt()` got an empty iterable, and needs at least one sample", {"data": data}))
        return mean, squares / count, count

    def _check_batch(self, batch: np.ndarray) -> None:
        if not self.built:
            self.build(batch.shape)
        shape = tuple(batch.shape[axis] if axis < batch.ndim else None for axis in self.kept)
        if batch.ndim != len(self.beside) or shape != self.adapt_mean.shape:
            raise ValueError(
                message(
                    self,
                    f"the data of `adapt()` has an incompatible shape: expected {len(self.beside)} axes "
                    f"and features of shape {self.adapt_mean.shape}",
                    {"shape": batch.shape},
                )
            )

    def _batches(self, data: Data) -> Iterator[np.ndarray]:
        """The data as host arrays of numbers, one after the other."""
        if isinstance(data, (str, bytes, dict)) or data is None:
            raise KindError(message(self, "`adapt()` takes an array or batches", {"data": data}))
        if isinstance(data, PyDataset):
            # What stands beside the inputs is not looked at, so that it may be anything.
            data = iter(data)
        elif is_batches(data):
            source = standardize_batches(data, None, None, None, owner=f"{type(self).__name__} ({self.name})")
            data = (x for x, _, _ in source.start(0))
        elif not isinstance(data, (list, tuple)) or not any(hasattr(leaf, "shape") for leaf in jax.tree.leaves(data)):
            data = [data]
        for batch in data:
            inputs = batch[0] if isinstance(batch, tuple) else batch
            if isinstance(inputs, dict):
                raise KindError(message(self, "`adapt()` takes one array a batch", {"batch": inputs}))
            # Arrays of numbers stay in their own precision.
            plain = isinstance(inputs, np.ndarray) and inputs.dtype.kind in "biuf"
            yield inputs if plain else np.asarray(standardize_array(inputs, "data"))

    def _blocks(self, batch: np.ndarray) -> Iterator[np.ndarray]:
        self._check_batch(batch)
        if 0 in self.kept or not batch.size:
            yield from [batch] if batch.size else []
            return
        rows = max(1, BLOCK * len(batch) // batch.size)
        for first in range(0, len(batch), rows):
            yield batch[first : first + rows]

    def _check_measured(self) -> None:
        scope = current_scope()
        # Where shapes alone come of it, data may still come.
        if self._unmeasured is None or (scope is not None and scope.shapes_alone):
            return
        # Weights may have come from elsewhere: a file, another model.
        if self._is_neutral() and not self.adapt_mean.assigned:
            raise ValueError(
                message(
                    self,
                    "`adapt()` must be called before the layer is used",
                    fix=f"Say {self.name}.adapt(x_train), or give `mean` and `variance`",
                )
            )
        self._unmeasured = None

    def _is_neutral(self) -> bool:
        """Whether the statistics are those that the weights begin with."""
        mean, variance = (np.asarray(v.peek()) for v in (self.adapt_mean, self.adapt_variance))
        return not mean.any() and bool((variance == 1).all())

    def call(self, inputs):
        self._check_measured()
        x = inputs.astype(self.compute_dtype)
        mean, variance = self._statistic(0), self._statistic(1)
        deviation = jnp.maximum(jnp.sqrt(jnp.asarray(variance)), config.epsilon())
        return mean + x * deviation if self.invert else (x - mean) / deviation

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def load_own_variables(self, store):
        super().load_own_variables(store)
        self.finalize_state()

    def get_config(self):
        given = {"mean": self.input_mean, "variance": self.input_variance}
        plain = {name: None if value is None else np.asarray(value).tolist() for name, value in given.items()}
        return {**super().get_config(), **plain}
