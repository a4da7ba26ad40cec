"""Tables as numbers: each column by its own layer, some of them crossed, all together one vector."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import KindError, check_choice, did_you_mean, message
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.base.types import PathLike
from kerata.data.samples import Data
from kerata.engine.module import Look, Module
from kerata.engine.stores import Store, WritableStore
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import AnyArray
from kerata.layers import Input
from kerata.layers.layer import Layer
from kerata.layers.merging import Concatenate
from kerata.layers.preprocessing import (
    CategoryEncoding,
    Discretization,
    HashedCrossing,
    Hashing,
    Normalization,
    TextVectorization,
)
from kerata.layers.preprocessing.lookups import IndexLookup
from kerata.saving.archive import save_model
from kerata.saving.legacy.types import SavedModel
from kerata.utils.features import KINDS, Cross, Feature, FeatureKinds

# A column, and what becomes of all of them.
Column: TypeAlias = AnyArray | SymbolicTensor
Encoded: TypeAlias = Column | dict[str, Column]
# Samples that `adapt` shows a layer at once, where data comes sample by sample.
BATCH = 32


@builtin("utils")
class FeatureSpace(FeatureKinds, Layer):
    """The columns of a table as one vector of numbers, or as a dict of them.

    `adapt` reads vocabularies, means and bounds off the data. Then it is called on tables; or its inputs and encoded features
    are the beginning of a model, which takes the table itself.

    Args:
        features: a dict of names of columns and their types: `"float"`, `"float_normalized"`, `"float_rescaled"`,
            `"float_discretized"`, `"integer_categorical"`, `"string_categorical"`, `"integer_hashed"`, `"string_hashed"`, or
            what the methods of these names give, e.g. `FeatureSpace.string_categorical(max_tokens=10)`;
            `FeatureSpace.feature(...)` takes a layer of your own.
        output_mode: `"concat"` for one vector: the columns by their names, then the crosses by theirs; `"dict"` for a dict.
        crosses: columns to look at together, e.g. `[("town", "street")]`, or what `FeatureSpace.cross(...)` gives.
        crossing_dim: how many numbers a cross has.
        hashing_dim: how many numbers a hashed column has.
        num_discretization_bins: how many ranges a discretized column has.

    Shapes: a dict of columns (batch,) or (batch, 1) to (batch, numbers), or a dict of such; of single values to (numbers,).

    >>> import kerata
    >>> space = kerata.utils.FeatureSpace({"town": "string_categorical", "rooms": "float_normalized"})
    >>> space.adapt({"town": ["Ulm", "Ulm", "Jena"], "rooms": [2.0, 3.0, 4.0]})
    >>> space({"town": ["Jena", "Bonn"], "rooms": [3.0, 3.0]}).tolist()
    [[0.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]]
    """

    # A file may hold it alone, as it may hold a model.
    is_whole = True
    # Keras finds the layers in `preprocessors`, and so do files.
    _bookkeeping = dict.fromkeys(("inputs", "encoded_features", "features", "crosses"), Look.NOBODY)
    _is_adapted = False

    def __init__(
        self,
        features,
        output_mode="concat",
        crosses=None,
        crossing_dim=32,
        hashing_dim=32,
        num_discretization_bins=32,
        name=None,
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if not features:
            raise ValueError(message(self, "the `features` argument cannot be None or empty", {"features": features}))
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = check_choice(self, "output_mode", output_mode, ("concat", "dict"))
        self.features: dict[str, Feature] = {key: self._as_feature(key, value) for key, value in features.items()}
        # The layer of each column.
        self.preprocessors: dict[str, Layer] = {key: one.preprocessor for key, one in self.features.items()}
        self.crosses = [self._as_cross(cross) for cross in crosses or ()]
        self.inputs = {key: Input((1,), dtype=one.dtype, name=key) for key, one in self.features.items()}
        self.crossers = {cross.name: HashedCrossing(cross.crossing_dim, name=cross.name) for cross in self.crosses}
        self.one_hot_encoders: dict[str, CategoryEncoding] = {}
        self.concat: Concatenate | None = None
        self.encoded_features: Encoded | None = None
        self.built = False

    def _as_feature(self, name: str, given: object) -> Feature:
        if isinstance(given, dict):
            given = deserialize_keras_object(given)
        if isinstance(given, Feature):
            return given
        kind = check_choice(self, f"features[{name!r}]", given, tuple(KINDS))
        return getattr(self, kind)(*(getattr(self, size) for size in KINDS[kind]), name=name)

    def _as_cross(self, given: object) -> Cross:
        if isinstance(given, dict):
            given = deserialize_keras_object(given)
        if not isinstance(given, Cross) and not self.crossing_dim:
            received = {"crossing_dim": self.crossing_dim}
            raise ValueError(message(self, "with `crosses`, `crossing_dim` must be set as well", received))
        cross = given if isinstance(given, Cross) else Cross(cast(Sequence[str], given), self.crossing_dim)
        if unknown := [key for key in cross.feature_names if key not in self.features]:
            expected = "all features of `crosses` must be in `features`"
            raise ValueError(
                message(self, expected, {"crosses": cross.feature_names}, did_you_mean(str(unknown[0]), list(self.features)))
            )
        return cross

    # Reading it off data

    def _adaptable(self) -> list[str]:
        """The columns whose layers read something off data."""
        return [name for name, layer in self.preprocessors.items() if hasattr(layer, "adapt") and not knows_already(layer)]

    def adapt(self, dataset: Data) -> None:
        """Reads vocabularies, means and bounds off some data, in place of what an earlier call saw.

        Args:
            dataset: a dict of columns, a frame, or something that gives dicts: samples, or batches of them; of pairs with
                targets, the first is taken.
        """
        if hasattr(dataset, "__next__"):
            # Each layer goes through the data by itself.
            dataset = list(cast(Iterable[Any], dataset))
        for name in self._adaptable():
            cast(Any, self.preprocessors[name]).adapt(self._column(dataset, name))
        self._is_adapted = True
        self.one_hot_encoders, self.concat, self.encoded_features = {}, None, None
        self.get_encoded_features()

    def _column(self, dataset: object, name: str) -> Iterator[np.ndarray]:
        """A column in batches of shape (batch, 1)."""
        if isinstance(dataset, Mapping) or hasattr(dataset, "iloc"):
            column = as_column(self._named(dataset, name))
            for first in range(0, len(column), BATCH):
                part = column[first : first + BATCH]
                yield part[:, None] if part.ndim == 1 else part
            return
        if not hasattr(dataset, "__iter__") or hasattr(dataset, "shape") or isinstance(dataset, str):
            expected = "`adapt()` takes a dict of columns, a frame, or a data set of such dicts"
            raise KindError(message(self, expected, {"dataset": dataset}))
        single: list[np.ndarray] = []
        for item in cast(Iterable[object], dataset):
            table = cast(Sequence[object], item)[0] if isinstance(item, (tuple, list)) else item
            part = as_column(self._named(table, name))
            if part.ndim:
                yield part[:, None] if part.ndim == 1 else part
                continue
            single.append(part)
            if len(single) == BATCH:
                yield np.stack(single)[:, None]
                single = []
        if single:
            yield np.stack(single)[:, None]

    def _named(self, table: object, name: str) -> object:
        if not hasattr(table, "keys"):
            raise KindError(message(self, "each sample or batch must be a dict of columns", {"dataset": table}))
        columns = cast(Mapping[str, object], table)
        if name not in (known := list(columns.keys())):
            raise ValueError(message(self, f"the data must have the column {name!r}", {"columns": known}))
        return columns[name]

    # As part of a model

    def get_inputs(self) -> dict[str, SymbolicTensor]:
        """The symbolic inputs by the names of the columns."""
        self._check_adapted()
        return self.inputs

    def get_encoded_features(self) -> "Encoded":
        """The symbolic vector of `get_inputs()`, or the dict of vectors."""
        self._check_adapted()
        if self.encoded_features is None:
            self.encoded_features = self._encode(self.inputs)
            self.built = True
        return self.encoded_features

    def _check_adapted(self) -> None:
        if not self._is_adapted and (waiting := self._adaptable()):
            expected = "you need to call `.adapt(dataset)` before you can start using it"
            raise ValueError(message(self, expected, {"columns that need it": waiting}, f"Say {self.name}.adapt(table)"))

    def _encode(self, columns: Mapping[str, Column]) -> "Encoded":
        """The vectors of columns (batch, 1), symbolic or not."""
        made: dict[str, Any] = {name: layer(columns[name]) for name, layer in self.preprocessors.items()}
        crossed: dict[str, Any] = {
            cross.name: self.crossers[cross.name]([made[key] for key in cross.feature_names]) for cross in self.crosses
        }
        parts: dict[str, Any] = {}
        modes = {name: feature.output_mode for name, feature in self.features.items()}
        for group in (made, crossed):
            for name in sorted(group):
                mode = modes[name] if group is made else next(one.output_mode for one in self.crosses if one.name == name)
                parts[name] = self._one_hot(name, group[name]) if mode == "one_hot" else group[name]
        if self.output_mode == "dict":
            return parts
        for name, part in parts.items():
            if not np.issubdtype(np.dtype("O" if part.dtype == "string" else part.dtype), np.inexact):
                expected = f"cannot concatenate the features because {name!r} has not been encoded"
                raise ValueError(message(self, expected, {"dtype": str(part.dtype)}, "Say output_mode='dict'"))
        self.concat = self.concat or Concatenate(axis=-1)
        return self.concat(list(parts.values())) if len(parts) > 1 else next(iter(parts.values()))

    def _one_hot(self, name: str, numbers: Column) -> Column:
        if name not in self.one_hot_encoders:
            layer = self.crossers.get(name) or self.preprocessors[name]
            if not str(numbers.dtype).startswith("int"):
                expected = f"feature {name!r} has `output_mode='one_hot'`, so its layer must give whole numbers"
                raise ValueError(message(self, expected, {"dtype": str(numbers.dtype)}))
            if (size := numbers_of(layer)) is None:
                expected = f"feature {name!r} has `output_mode='one_hot'`, and its layer does not say how many numbers it gives"
                raise ValueError(message(self, expected, {"preprocessor": layer}, "Say output_mode='int'"))
            self.one_hot_encoders[name] = CategoryEncoding(size, output_mode="multi_hot")
        return self.one_hot_encoders[name](numbers)

    def __call__(self, data: object, *args: object, **kwargs: object) -> "Encoded":
        self.get_encoded_features()
        if hasattr(data, "iloc"):
            frame = cast(Mapping[str, object], data)
            data = {name: frame[name] for name in frame}
        if not isinstance(data, Mapping):
            raise KindError(message(self, "a FeatureSpace can only be called with a dict", {"data": data}))
        given: dict[str, Any] = {name: self._named(data, name) for name in self.features}
        if any(isinstance(value, SymbolicTensor) for value in given.values()):
            return self._encode(cast(Mapping[str, SymbolicTensor], given))
        columns = {name: as_column(value) for name, value in given.items()}
        alone = any(column.ndim == 0 for column in columns.values())
        columns = {
            name: column.reshape(1, 1) if column.ndim == 0 else column[:, None] if column.ndim == 1 else column
            for name, column in columns.items()
        }
        found = jax.tree.map(jnp.asarray, self._encode(columns))
        if not alone:
            return found
        if self.output_mode == "concat" and found.shape[0] != 1:
            raise ValueError(message(self, "all columns must hold a single value, or none", {"samples": found.shape[0]}))
        return jax.tree.map(lambda part: part[0] if part.ndim == 2 and part.shape[0] == 1 else part, found)

    def call(self, data: object) -> "Encoded":
        """The encoded features of a table; see the class."""
        return self(data)

    # Configs and files

    def get_config(self) -> dict[str, Any]:
        return {
            "features": serialize_keras_object(self.features),
            "output_mode": self.output_mode,
            "crosses": serialize_keras_object(self.crosses),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    def get_build_config(self) -> dict[str, Any]:
        return {name: layer.get_build_config() or {} for name, layer in self.preprocessors.items()}

    def build_from_config(self, config: dict[str, Any]) -> None:
        for name, of_layer in config.items():
            if name in self.features and of_layer and not self.features[name].preprocessor.built:
                self.features[name].preprocessor.build_from_config(of_layer)
        # What it has read off data comes with the file.
        self._is_adapted = True

    def save(self, filepath: PathLike) -> None:
        """Writes it to a `.keras` file, which `load_model` reads."""
        save_model(cast(SavedModel, self), filepath)

    def save_own_variables(self, store: WritableStore) -> None:
        """Nothing: the layers write their own."""

    def load_own_variables(self, store: Store) -> None:
        """Nothing: the layers read their own."""


def as_column(values: object) -> np.ndarray:
    """Values of one column as an array of the host."""
    found = np.asarray(cast(Any, values).to_numpy() if hasattr(values, "to_numpy") else values)
    return found.astype("float32") if found.dtype == np.float64 else found


def knows_already(layer: Module) -> bool:
    """Whether a layer was given what it would read off data."""
    if isinstance(layer, (IndexLookup, TextVectorization)):
        return layer.input_vocabulary is not None
    if isinstance(layer, Discretization):
        return layer.num_bins is None
    return isinstance(layer, Normalization) and layer.input_mean is not None


def numbers_of(layer: Layer) -> int | None:
    """How many numbers a layer gives, if it is known."""
    if isinstance(layer, IndexLookup):
        return layer.vocabulary_size()
    if isinstance(layer, CategoryEncoding):
        return layer.num_tokens
    if isinstance(layer, Discretization):
        return layer.num_bins if layer.num_bins is not None else len(cast(Sequence[Any], layer.bin_boundaries)) + 1
    return layer.num_bins if isinstance(layer, (Hashing, HashedCrossing)) else None
