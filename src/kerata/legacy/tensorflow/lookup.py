"""`tf.lookup`: tables of keys and values."""

import os
from collections.abc import Iterable
from typing import Any, Protocol

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from kerata.base.checks import message
from kerata.base.hashing import fingerprint
from kerata.base.types import DTypeLike
from kerata.engine.numbers import NumbersNeeded
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import Array, HostArray, TensorLike
from kerata.legacy.tensorflow import tensor as tensor_module
from kerata.legacy.tensorflow.calls import Function, convert
from kerata.legacy.tensorflow.errors import FailedPreconditionError, InvalidArgumentError, NotFoundError
from kerata.legacy.tensorflow.io import PathText, path_of
from kerata.legacy.tensorflow.strings import Ragged, as_string, objects
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor, dtype_of, is_concrete
from kerata.legacy.tensorflow.types import DType, as_dtype, int32, int64, string


class Initializer(Protocol):
    """What a table begins with."""

    key_dtype: DType
    value_dtype: DType

    def pairs(self) -> tuple[list[Any], np.ndarray]:
        """(keys, an array of values)."""
        ...


class KeyValueTensorInitializer:
    """Keys and values that are given.

    Args:
        keys: a tensor.
        values: as many.
        key_dtype, value_dtype: their types.
    """

    def __init__(
        self,
        keys: object,
        values: object,
        key_dtype: DTypeLike | None = None,
        value_dtype: DTypeLike | None = None,
        name: str | None = None,
    ):
        self.keys, self.values = convert(keys, key_dtype), convert(values, value_dtype)
        self.key_dtype, self.value_dtype = self.keys.dtype, self.values.dtype

    def pairs(self) -> tuple[list[Any], np.ndarray]:
        if self.keys.shape[:1] != self.values.shape[:1] or self.keys.ndim != 1:
            received = {"keys": self.keys.shape, "values": self.values.shape}
            expected = "as many values as keys were expected"
            raise InvalidArgumentError(message("tf.lookup.KeyValueTensorInitializer", expected, received))
        return self.keys.numpy().tolist(), np.asarray(self.values.numpy())


class TextFileIndex:
    """What of a line is a key or a value, beside the number of a column."""

    WHOLE_LINE, LINE_NUMBER = -2, -1


class TextFileInitializer:
    """A pair for each line of a text file.

    Args:
        filename: its path.
        key_dtype, key_index: the type of keys, and what of a line they are: a `TextFileIndex`, or the number of a column.
        value_dtype, value_index: the same of values.
        vocab_size: how many lines there are; further ones are not read.
        delimiter: what parts columns.
        value_index_offset: is added to the number of a line that is a value.
    """

    def __init__(
        self,
        filename: PathText,
        key_dtype: DTypeLike,
        key_index: int,
        value_dtype: DTypeLike,
        value_index: int,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        name: str | None = None,
        value_index_offset: int = 0,
    ):
        self.path, self.vocab_size, self.delimiter = path_of(filename), vocab_size, delimiter.encode()
        self.key_dtype, self.value_dtype = as_dtype(key_dtype), as_dtype(value_dtype)
        self.key_index, self.value_index, self.offset = int(key_index), int(value_index), int(value_index_offset)
        for what, kind, index in (("key", self.key_dtype, key_index), ("value", self.value_dtype, value_index)):
            if index < TextFileIndex.WHOLE_LINE:
                raise ValueError(f"Invalid {what} index {index}.")
            wanted = {TextFileIndex.WHOLE_LINE: string, TextFileIndex.LINE_NUMBER: int64}.get(index, kind)
            if kind != wanted:
                raise ValueError(f"Signature mismatch. {what} must be dtype {wanted.name}, got {kind.name}.")

    def pairs(self) -> tuple[list[Any], np.ndarray]:
        if not os.path.exists(self.path):
            raise NotFoundError(f"{self.path}; No such file or directory")
        with open(self.path, "rb") as file:
            lines = [line.removesuffix(b"\n").replace(b"\r", b"") for line in file]
        if self.vocab_size is not None and len(lines) < self.vocab_size:
            raise InvalidArgumentError(f"Invalid vocab_size in {self.path}: expected {self.vocab_size} but got {len(lines)}")
        lines = lines[: self.vocab_size]
        keys = [self.part(number, line, self.key_index, self.key_dtype, 0) for number, line in enumerate(lines)]
        values = [self.part(number, line, self.value_index, self.value_dtype, self.offset) for number, line in enumerate(lines)]
        return keys, objects(values).astype(self.value_dtype.dtype)

    def part(self, number: int, line: bytes, index: int, kind: DType, offset: int) -> object:
        """The key or the value of a line."""
        if index == TextFileIndex.LINE_NUMBER:
            return number + offset
        if index == TextFileIndex.WHOLE_LINE:
            return line
        columns = line.split(self.delimiter)
        if index >= len(columns):
            raise InvalidArgumentError(
                f"Invalid number of columns in {self.path} line {number} ({line!r}): expected at least {index + 1} got "
                f"{len(columns)}"
            )
        if kind == string:
            return columns[index]
        try:
            return float(columns[index]) if kind.is_floating else int(columns[index])
        except ValueError:
            raise InvalidArgumentError(
                f"Field {columns[index]!r} in line {number} of {self.path} is not a valid {kind.name}."
            ) from None


class TextFileIdTableInitializer(TextFileInitializer):
    """The lines of a text file as keys of their numbers, or what columns of it say."""

    def __init__(
        self,
        filename: PathText,
        key_column_index: int = TextFileIndex.WHOLE_LINE,
        value_column_index: int = TextFileIndex.LINE_NUMBER,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        name: str | None = None,
        key_dtype: DTypeLike = string,
    ):
        super().__init__(filename, key_dtype, key_column_index, int64, value_column_index, vocab_size, delimiter, name)


# Tables


def find(keys: ArrayLike, known: ArrayLike, values: ArrayLike, default: ArrayLike) -> Array:
    """The values of whole numbers, of which the known ones stand in order."""
    keys, known, values = jnp.asarray(keys), jnp.asarray(known), jnp.asarray(values)
    if not known.size:
        return jnp.broadcast_to(default, (*keys.shape, *values.shape[1:]))
    places = jnp.clip(jnp.searchsorted(known, keys), 0, known.size - 1)
    there = (known[places] == keys).reshape(*keys.shape, *[1] * (values.ndim - 1))
    return jnp.where(there, values[places], default)


find_numbers = Function("lookup_table_find", "keys, known, values, default", find)


class Table:
    """Keys and their values.

    Args:
        key_dtype, value_dtype: their types.
        default: what keys get that are not there.
    """

    # Whether a program that knows the table may hold it as it is.
    settled = True

    def __init__(self, key_dtype: DType, value_dtype: DType, default: object, name: str | None = None):
        self.key_dtype, self.value_dtype, self.name = as_dtype(key_dtype), as_dtype(value_dtype), name or "table"
        self.default_value = convert(default, self.value_dtype)
        self._default = np.asarray(self.default_value.numpy(), self.value_dtype.dtype)
        self._places: dict[Any, int] = {}
        self._values: list[Any] = []

    def lookup(self, keys: TensorLike | Ragged, name: str | None = None) -> AnyTensor | Ragged:
        """The value of each key."""
        if isinstance(keys, Ragged):
            return Ragged([self.lookup(row) for row in keys])
        given = convert(keys)
        if not self.settled:
            # A program may not hold what changes.
            tensor_module.variable_reads[0] += 1
        is_known = isinstance(given, Tensor) and is_concrete(given)
        # Programs have whole numbers of 32 bits alone.
        is_narrow = not is_known and {dtype_of(given), self.key_dtype} == {int32, int64}
        if dtype_of(given) != self.key_dtype and not is_narrow:
            raise TypeError(
                f"Dtype of argument `keys` must be {self.key_dtype}, received: {dtype_of(given)}. Use tf.cast, or other keys"
            )
        return self._found(np.asarray(given.numpy(), self.key_dtype.dtype)) if is_known else self._in_program(given)

    __getitem__ = lookup

    def _found(self, keys: HostArray) -> Tensor:
        """The values of keys that are known."""
        rows = np.empty((len(self._values) + 1, *self._default.shape), self._default.dtype)
        for place, value in enumerate(self._values):
            rows[place] = value
        rows[-1] = self._default[()]
        last = len(self._values)
        places = [self._places.get(key, last) for key in keys.ravel().tolist()]
        return Tensor(rows[np.array(places, int)].reshape((*keys.shape, *self._default.shape)), self.value_dtype)

    def _in_program(self, keys: AnyTensor) -> AnyTensor:
        """The values of keys that a program computes."""
        if self.key_dtype == string or self.value_dtype == string:
            fix = "Look texts up in a data set's map(), or in a model's first layers"
            raise NotImplementedError(message("tf.lookup", "programs hold no texts", {"keys": keys}, fix))
        if not self.settled and not isinstance(keys, SymbolicTensor):
            text = message("tf.lookup", "a program cannot hold a table that changes", {"keys": keys})
            raise NumbersNeeded(text, "a table of tf.lookup.experimental")
        known = np.array(list(self._places), self.key_dtype.dtype)
        order = np.argsort(known, kind="stable")
        values = np.array(self._values, self._default.dtype).reshape(len(known), *self._default.shape)
        for what, numbers in (("keys", known), ("values", np.append(values, self._default))):
            if numbers.dtype == np.int64 and numbers.size and not np.array_equal(numbers, numbers.astype(np.int32)):
                fix = "Look them up in a data set's map()"
                text = f"programs hold whole numbers of 32 bits, and some of the {what} are larger"
                raise OverflowError(message("tf.lookup", text, {what: numbers}, fix))
        given = [Tensor(known[order], self.key_dtype), Tensor(values[order], self.value_dtype)]
        return find_numbers(keys, *given, self.default_value)

    def size(self, name: str | None = None) -> Tensor:
        """How many keys there are."""
        return Tensor(np.asarray(len(self._places), np.int64))

    def export(self, name: str | None = None) -> tuple[Tensor, Tensor]:
        """(keys, values)."""
        keys, values = list(self._places), np.empty((len(self._values), *self._default.shape), self._default.dtype)
        for place, value in enumerate(self._values):
            values[place] = value
        return Tensor(objects(keys).astype(self.key_dtype.dtype), self.key_dtype), Tensor(values, self.value_dtype)

    def _take(self, keys: Iterable[Any], values: Iterable[Any], may_change: bool) -> None:
        for key, value in zip(keys, values, strict=True):
            place = self._places.setdefault(key, len(self._values))
            if place == len(self._values):
                self._values.append(value)
            elif may_change:
                self._values[place] = value
            elif np.any(self._values[place] != value):
                raise FailedPreconditionError(
                    f"HashTable has different value for same key. Key {key} has {self._values[place]} and trying to add value "
                    f"{value}"
                )


class StaticHashTable(Table):
    """A table that stays as it is.

    Args:
        initializer: its keys and values.
        default_value: what other keys get.
    """

    def __init__(
        self, initializer: Initializer, default_value: object, name: str | None = None, experimental_is_anonymous: bool = False
    ):
        super().__init__(initializer.key_dtype, initializer.value_dtype, default_value, name or "hash_table")
        self._initializer = initializer
        self._take(*initializer.pairs(), may_change=False)

    @property
    def initializer(self) -> None:
        """What `Session.run` runs; the table is filled already."""


class StaticVocabularyTable:
    """Numbers of texts: of those that are known, and further ones, shared by hashing, for all others.

    Args:
        initializer: keys, and numbers from 0 on.
        num_oov_buckets: how many numbers the others share.
        lookup_key_dtype: the type of keys that are looked up, where they are numbers and no texts.
    """

    def __init__(
        self,
        initializer: Initializer | None,
        num_oov_buckets: int,
        lookup_key_dtype: DTypeLike | None = None,
        name: str | None = None,
        experimental_is_anonymous: bool = False,
    ):
        if num_oov_buckets <= 0:
            raise ValueError(f"`num_oov_buckets` must be > 0; use StaticHashTable. Got {num_oov_buckets}.")
        self.num_oov_buckets, self.name = int(num_oov_buckets), name or "table"
        kind = string if initializer is None else initializer.key_dtype
        self.key_dtype = kind if lookup_key_dtype is None else as_dtype(lookup_key_dtype)
        self.value_dtype = int64
        if initializer is not None:
            if initializer.value_dtype != int64:
                raise TypeError(f"Invalid `value_dtype`, expected {int64} but got {initializer.value_dtype}.")
            if self.key_dtype != kind and not (self.key_dtype.is_integer and kind == int64):
                raise TypeError(f"Dtype of argument `keys` must be {kind}, and `lookup_key_dtype` is {self.key_dtype}.")
        self._table = None if initializer is None else StaticHashTable(initializer, -1)

    def lookup(self, keys: TensorLike | Ragged, name: str | None = None) -> AnyTensor | Ragged:
        """The number of each key."""
        if isinstance(keys, Ragged):
            return Ragged([self.lookup(row) for row in keys])
        keys = convert(keys)
        if dtype_of(keys) != self.key_dtype:
            raise TypeError(f"Dtype of argument `keys` must be {self.key_dtype}, received: {dtype_of(keys)}")
        if not isinstance(keys, Tensor) or not is_concrete(keys):
            expected = "numbers of keys follow from a hash, which no program has"
            raise NumbersNeeded(message("tf.lookup", expected, {"keys": keys}), "tf.lookup.StaticVocabularyTable")
        texts = keys if keys.dtype == string else as_string(keys)
        first = 0 if self._table is None else len(self._table._places)
        hashes = [fingerprint(text) % self.num_oov_buckets + first for text in np.ravel(texts._array).tolist()]
        found = np.array(hashes, np.int64).reshape(keys.shape)
        if self._table is not None:
            same = keys if keys.dtype == self._table.key_dtype else Tensor(keys.numpy().astype(np.int64))
            known = self._table._found(np.asarray(same.numpy(), same.dtype.dtype)).numpy()
            found = np.where(known == -1, found, known)
        return Tensor(np.asarray(found, np.int64))

    __getitem__ = lookup

    def size(self, name: str | None = None) -> Tensor:
        """How many numbers there are."""
        return Tensor(np.asarray((0 if self._table is None else len(self._table._places)) + self.num_oov_buckets, np.int64))


class MutableHashTable(Table):
    """A table that changes.

    Args:
        key_dtype, value_dtype: types.
        default_value: what keys get that are not there; its shape is that of all values.
    """

    settled = False

    def __init__(
        self,
        key_dtype: DTypeLike,
        value_dtype: DTypeLike,
        default_value: object,
        name: str = "MutableHashTable",
        checkpoint: bool = True,
        experimental_is_anonymous: bool = False,
    ):
        super().__init__(as_dtype(key_dtype), as_dtype(value_dtype), default_value, name)

    def insert(self, keys: TensorLike, values: TensorLike, name: str | None = None) -> None:
        """Sets the values of some keys."""
        added, rows = convert(keys, self.key_dtype), convert(values, self.value_dtype)
        if tuple(rows.shape) != (*added.shape, *self._default.shape):
            expected = f"values of shape {(*added.shape, *self._default.shape)} were expected"
            raise InvalidArgumentError(message("tf.lookup", expected, {"values": rows.shape}))
        flat = np.asarray(rows.numpy()).reshape((-1, *self._default.shape))
        self._take(np.ravel(added.numpy()).tolist(), flat, may_change=True)

    def remove(self, keys: TensorLike, name: str | None = None) -> None:
        """Forgets some keys."""
        gone = set(np.ravel(convert(keys, self.key_dtype).numpy()).tolist())
        kept = [(key, self._values[place]) for key, place in self._places.items() if key not in gone]
        self._places, self._values = {}, []
        self._take([key for key, _ in kept], [value for _, value in kept], may_change=True)

    erase = remove


class DenseHashTable(MutableHashTable):
    """A table that changes; keys that stand for empty and deleted places cannot be in it.

    Args:
        key_dtype, value_dtype, default_value: as of `MutableHashTable`.
        empty_key, deleted_key: such keys.
    """

    def __init__(
        self,
        key_dtype: DTypeLike,
        value_dtype: DTypeLike,
        default_value: object,
        empty_key: object,
        deleted_key: object,
        initial_num_buckets: int | None = None,
        name: str = "MutableDenseHashTable",
        checkpoint: bool = True,
        experimental_is_anonymous: bool = False,
    ):
        super().__init__(key_dtype, value_dtype, default_value, name)
        self._refused = set(np.ravel([convert(one, self.key_dtype).numpy() for one in (empty_key, deleted_key)]).tolist())

    def insert(self, keys: TensorLike, values: TensorLike, name: str | None = None) -> None:
        """Sets the values of some keys."""
        if self._refused & set(np.ravel(convert(keys, self.key_dtype).numpy()).tolist()):
            raise InvalidArgumentError("Using the empty_key or the deleted_key as a table key is not allowed")
        super().insert(keys, values)


NAMES: dict[str, Any] = {
    "KeyValueTensorInitializer": KeyValueTensorInitializer,
    "TextFileInitializer": TextFileInitializer,
    "TextFileIndex": TextFileIndex,
    "StaticHashTable": StaticHashTable,
    "StaticVocabularyTable": StaticVocabularyTable,
}
EXPERIMENTAL: dict[str, Any] = {"MutableHashTable": MutableHashTable, "DenseHashTable": DenseHashTable}
