"""`tf.strings`: texts, element by element."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, SupportsInt, TypeAlias

import numpy as np

from kerata.base.checks import message
from kerata.base.types import DTypeLike
from kerata.engine.types import HasArray, HostArray, TensorLike
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import DType, as_dtype, boolean, int32, string

# A text, several, or a tensor of them.
Texts: TypeAlias = str | bytes | Sequence[Any] | HasArray


def each(function: Callable[[bytes], Any], array: HostArray, dtype: DTypeLike = object) -> np.ndarray:
    """A function of each text."""
    array = np.asarray(array)
    found = np.empty(array.size, dtype)
    for place, one in enumerate(array.ravel().tolist()):
        found[place] = function(one)
    return found.reshape(array.shape)


def on_texts(function: Callable[[bytes], Any]) -> Callable[..., Tensor]:
    def call(input: Texts, *args: object, **kwargs: object) -> Tensor:
        return Tensor(each(function, array_of(input)), string)

    return call


def array_of(value: Texts) -> np.ndarray:
    found = convert(value)
    if found.dtype != string:
        raise TypeError(message("tf.strings", "it takes texts", {"input": found}, "Use tf.strings.as_string first"))
    return np.asarray(found._array)


def text_pattern(pattern: Texts) -> re.Pattern[bytes]:
    """A pattern of RE2 as one of Python."""
    text: bytes = convert(pattern).numpy()
    return re.compile(re.sub(rb"\[\[:punct:\]\]", rb"[!-/:-@\\[-`{-~]", text).replace(rb"\pP", rb"[!-/:-@\[-`{-~]"))


def regex_replace(input: Texts, pattern: Texts, rewrite: Texts, replace_global: bool = True, name: str | None = None) -> Tensor:
    """Texts with what matches replaced."""
    found, new = text_pattern(pattern), re.sub(rb"\\0", rb"\\g<0>", convert(rewrite).numpy())
    return Tensor(each(lambda text: found.sub(new, text, count=0 if replace_global else 1), array_of(input)), string)


def regex_full_match(input: Texts, pattern: Texts, name: str | None = None) -> Tensor:
    found = text_pattern(pattern)
    return Tensor(each(lambda text: found.fullmatch(text) is not None, array_of(input), bool), boolean)


def split(input: Texts, sep: Texts | None = None, maxsplit: int = -1, name: str | None = None) -> "Tensor | Ragged":
    """The words of a text, as a tensor; of several texts, a ragged tensor."""
    between: bytes | None = None if sep is None or convert(sep).numpy() == b"" else convert(sep).numpy()
    array = array_of(input)
    if array.ndim == 0:
        text: bytes = array.item()
        return Tensor(objects(text.split(between, maxsplit)), string)
    return Ragged([Tensor(objects(one.split(between, maxsplit)), string) for one in array.ravel().tolist()])


def objects(values: list[Any]) -> np.ndarray:
    found = np.empty(len(values), object)
    found[:] = values
    return found


class Ragged:
    """Rows of different lengths, such as the words of several texts.

    Args:
        rows: a tensor each.
    """

    is_ragged = True

    def __init__(self, rows: list[Tensor]):
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self._rows)

    def __getitem__(self, index: int | slice | tuple[Any, ...]) -> "Tensor | Ragged":
        if isinstance(index, tuple):
            first, *others = index
            rest = tuple(others) if len(others) > 1 else others[0]
            rows = self._rows[first]
            return Ragged([row[rest] for row in rows]) if isinstance(first, slice) else rows[rest]
        return Ragged(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    @property
    def shape(self) -> tuple:
        return (len(self._rows), None)

    @property
    def dtype(self) -> DType:
        return self._rows[0].dtype if self._rows else string

    def to_list(self) -> list[Any]:
        return [row.numpy().tolist() for row in self._rows]

    def row_lengths(self) -> Tensor:
        return Tensor(np.array([len(row) for row in self._rows], np.int64))

    @property
    def flat_values(self) -> Tensor:
        return Tensor(np.concatenate([np.asarray(row._array) for row in self._rows]), self.dtype)

    values = flat_values

    def numpy(self) -> np.ndarray:
        return objects([row.numpy() for row in self._rows])

    def to_tensor(
        self, default_value: object = None, shape: Sequence[int | None] | None = None, name: str | None = None
    ) -> Tensor:
        """All rows as long as the longest, filled up."""
        width = max((len(row) for row in self._rows), default=0) if shape is None or shape[1] is None else int(shape[1])
        fill = (b"" if self.dtype == string else 0) if default_value is None else convert(default_value).numpy()
        found = np.full((len(self._rows), width), fill, self._rows[0]._array.dtype if self._rows else object)
        for place, row in zip(found, self._rows, strict=True):
            place[: min(len(row), width)] = np.asarray(row._array)[:width]
        return Tensor(found, self.dtype)

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {self.to_list()}>"


def ragged_constant(pylist: Sequence[Sequence[object]], dtype: DTypeLike | None = None, **kwargs: object) -> Ragged:
    """A ragged tensor of nested lists, of two levels."""
    kind = dtype if dtype is not None else convert([one for row in pylist for one in row]).dtype
    empty = Tensor(np.zeros(0, as_dtype(kind).dtype), as_dtype(kind))
    return Ragged([convert(row, kind) if row else empty for row in pylist])


def join(inputs: Sequence[Texts], separator: Texts = "", name: str | None = None) -> Tensor:
    """Texts one after the other."""
    arrays = np.broadcast_arrays(*[np.asarray(array_of(one), object) for one in inputs])
    between: bytes = convert(separator).numpy()
    rows = zip(*[array.ravel().tolist() for array in arrays], strict=True)
    return Tensor(objects([between.join(row) for row in rows]).reshape(arrays[0].shape), string)


def reduce_join(
    inputs: Texts, axis: SupportsInt | None = None, keepdims: bool = False, separator: Texts = "", name: str | None = None
) -> Tensor:
    """All texts along an axis one after the other."""
    array = array_of(inputs)
    between: bytes = convert(separator).numpy()
    if axis is None:
        made = np.empty((), object)
        made[()] = between.join(array.ravel().tolist())
        return Tensor(made, string)
    moved = np.moveaxis(array, int(axis), -1)
    flat = [between.join(row) for row in moved.reshape(-1, moved.shape[-1]).tolist()]
    found = objects(flat).reshape(moved.shape[:-1])
    return Tensor(np.expand_dims(found, int(axis)) if keepdims else found, string)


def length(input: Texts, unit: str = "BYTE", name: str | None = None) -> Tensor:
    count = (lambda text: len(text.decode())) if unit == "UTF8_CHAR" else len
    return Tensor(each(count, array_of(input), np.int32), int32)


def substr(input: Texts, pos: SupportsInt, len: SupportsInt, unit: str = "BYTE", name: str | None = None) -> Tensor:
    """A part of each text."""
    start, size = int(pos), int(len)
    return Tensor(each(lambda text: text[start:][:size], array_of(input)), string)


def to_number(input: Texts, out_type: DTypeLike = "float32", name: str | None = None) -> Tensor:
    """The numbers that texts say."""
    kind = as_dtype(out_type)
    read: Callable[[bytes], float] = float if kind.is_floating else int
    return Tensor(each(read, array_of(input), kind.dtype), kind)


def as_string(input: TensorLike, precision: int = -1, **kwargs: object) -> Tensor:
    array = convert(input).numpy()

    def say(value: object) -> bytes:
        if isinstance(value, bool):
            return b"true" if value else b"false"
        return (f"{value:.{precision if precision >= 0 else 6}f}" if isinstance(value, float) else str(value)).encode()

    return Tensor(each(say, array), string)


def unicode_split(input: Texts, input_encoding: str = "UTF-8", name: str | None = None, **kwargs: object) -> Tensor | Ragged:
    """The letters of a text."""
    array = array_of(input)
    if array.ndim == 0:
        text: bytes = array.item()
        return Tensor(objects([letter.encode() for letter in text.decode()]), string)
    return Ragged([Tensor(objects([letter.encode() for letter in one.decode()]), string) for one in array.ravel().tolist()])


def texts_format(template: str, inputs: object, placeholder: str = "{}", **kwargs: object) -> Tensor:
    """A text with tensors in it."""
    for one in inputs if isinstance(inputs, (tuple, list)) else (inputs,):
        template = template.replace(placeholder, str(convert(one).numpy()), 1)
    return convert(template)


TEXTS: dict[str, Any] = {
    "lower": on_texts(lambda text: text.decode().lower().encode()),
    "upper": on_texts(lambda text: text.decode().upper().encode()),
    "strip": on_texts(bytes.strip),
    "regex_replace": regex_replace,
    "regex_full_match": regex_full_match,
    "split": split,
    "join": join,
    "reduce_join": reduce_join,
    "length": length,
    "substr": substr,
    "to_number": to_number,
    "as_string": as_string,
    "unicode_split": unicode_split,
    "bytes_split": lambda input, name=None: Tensor(objects([bytes([one]) for one in array_of(input)[()]]), string),
    "format": texts_format,
}
