"""`tf.strings`: texts, element by element."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import as_dtype, boolean, int32, string


def each(function: Callable[[bytes], Any], array: Any, dtype: Any = object) -> np.ndarray:
    """A function of each text."""
    array = np.asarray(array)
    found = np.empty(array.size, dtype)
    for place, one in enumerate(array.ravel().tolist()):
        found[place] = function(one)
    return found.reshape(array.shape)


def on_texts(function: Callable[[bytes], Any]) -> Any:
    def call(input: Any, *args: Any, **kwargs: Any) -> Tensor:
        return Tensor(each(function, array_of(input)), string)

    return call


def array_of(value: Any) -> np.ndarray:
    found = convert(value)
    if found.dtype != string:
        raise TypeError(message("tf.strings", "it takes texts", {"input": found}, "Use tf.strings.as_string first"))
    return np.asarray(found._array)


def text_pattern(pattern: Any) -> Any:
    """A pattern of RE2 as one of Python."""
    pattern = convert(pattern).numpy()
    return re.compile(re.sub(rb"\[\[:punct:\]\]", rb"[!-/:-@\\[-`{-~]", pattern).replace(rb"\pP", rb"[!-/:-@\[-`{-~]"))


def regex_replace(input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: Any = None) -> Tensor:
    """Texts with what matches replaced."""
    found, rewrite = text_pattern(pattern), re.sub(rb"\\0", rb"\\g<0>", convert(rewrite).numpy())
    return Tensor(each(lambda text: found.sub(rewrite, text, count=0 if replace_global else 1), array_of(input)), string)


def regex_full_match(input: Any, pattern: Any, name: Any = None) -> Tensor:
    found = text_pattern(pattern)
    return Tensor(each(lambda text: found.fullmatch(text) is not None, array_of(input), bool), boolean)


def split(input: Any, sep: Any = None, maxsplit: int = -1, name: Any = None) -> Any:
    """The words of a text, as a tensor; of several texts, a ragged tensor."""
    sep = None if sep is None or convert(sep).numpy() == b"" else convert(sep).numpy()
    array = array_of(input)
    if array.ndim == 0:
        text: Any = array[()]
        return Tensor(objects(text.split(sep, maxsplit)), string)
    return Ragged([Tensor(objects(one.split(sep, maxsplit)), string) for one in array.ravel().tolist()])


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

    def __iter__(self) -> Any:
        return iter(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, tuple):
            first: Any
            first, *others = index
            rest: Any = tuple(others) if len(others) > 1 else others[0]
            rows: Any = self._rows[first]
            return Ragged([row[rest] for row in rows]) if isinstance(first, slice) else rows[rest]
        return Ragged(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    @property
    def shape(self) -> tuple:
        return (len(self._rows), None)

    @property
    def dtype(self) -> Any:
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

    def to_tensor(self, default_value: Any = None, shape: Any = None, name: Any = None) -> Tensor:
        """All rows as long as the longest, filled up."""
        width = max((len(row) for row in self._rows), default=0) if shape is None or shape[1] is None else int(shape[1])
        fill = (b"" if self.dtype == string else 0) if default_value is None else convert(default_value).numpy()
        found = np.full((len(self._rows), width), fill, self._rows[0]._array.dtype if self._rows else object)
        for place, row in zip(found, self._rows, strict=True):
            place[: min(len(row), width)] = np.asarray(row._array)[:width]
        return Tensor(found, self.dtype)

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {self.to_list()}>"


def ragged_constant(pylist: Any, dtype: Any = None, **kwargs: Any) -> Ragged:
    """A ragged tensor of nested lists, of two levels."""
    kind = dtype if dtype is not None else convert([one for row in pylist for one in row]).dtype
    empty = Tensor(np.zeros(0, as_dtype(kind).dtype), as_dtype(kind))
    return Ragged([convert(row, kind) if row else empty for row in pylist])


def join(inputs: Any, separator: Any = "", name: Any = None) -> Tensor:
    """Texts one after the other."""
    arrays = np.broadcast_arrays(*[np.asarray(array_of(one), object) for one in inputs])
    separator = convert(separator).numpy()
    rows = zip(*[array.ravel().tolist() for array in arrays], strict=True)
    return Tensor(objects([separator.join(row) for row in rows]).reshape(arrays[0].shape), string)


def reduce_join(inputs: Any, axis: Any = None, keepdims: bool = False, separator: Any = "", name: Any = None) -> Tensor:
    """All texts along an axis one after the other."""
    array, separator = array_of(inputs), convert(separator).numpy()
    if axis is None:
        made = np.empty((), object)
        made[()] = separator.join(array.ravel().tolist())
        return Tensor(made, string)
    moved = np.moveaxis(array, int(axis), -1)
    flat = [separator.join(row) for row in moved.reshape(-1, moved.shape[-1]).tolist()]
    found = objects(flat).reshape(moved.shape[:-1])
    return Tensor(np.expand_dims(found, int(axis)) if keepdims else found, string)


def length(input: Any, unit: str = "BYTE", name: Any = None) -> Tensor:
    count = (lambda text: len(text.decode())) if unit == "UTF8_CHAR" else len
    return Tensor(each(count, array_of(input), np.int32), int32)


def substr(input: Any, pos: Any, len: Any, unit: str = "BYTE", name: Any = None) -> Tensor:
    """A part of each text."""
    start, size = int(pos), int(len)
    return Tensor(each(lambda text: text[start:][:size], array_of(input)), string)


def to_number(input: Any, out_type: Any = "float32", name: Any = None) -> Tensor:
    """The numbers that texts say."""
    kind = as_dtype(out_type)
    read: Any = float if kind.is_floating else int
    return Tensor(each(read, array_of(input), kind.dtype), kind)


def as_string(input: Any, precision: int = -1, **kwargs: Any) -> Tensor:
    array = convert(input).numpy()

    def say(value: Any) -> bytes:
        if isinstance(value, bool):
            return b"true" if value else b"false"
        return (f"{value:.{precision if precision >= 0 else 6}f}" if isinstance(value, float) else str(value)).encode()

    return Tensor(each(say, array), string)


def unicode_split(input: Any, input_encoding: Any = "UTF-8", name: Any = None, **kwargs: Any) -> Any:
    """The letters of a text."""
    array = array_of(input)
    if array.ndim == 0:
        text: Any = array[()]
        return Tensor(objects([letter.encode() for letter in text.decode()]), string)
    return Ragged([Tensor(objects([letter.encode() for letter in one.decode()]), string) for one in array.ravel().tolist()])


def texts_format(template: str, inputs: Any, placeholder: str = "{}", **kwargs: Any) -> Tensor:
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
