"""`tf.strings`: texts, element by element."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol, TypeAlias

import numpy as np

from kerata.base.checks import message
from kerata.base.hashing import fingerprint, murmur, siphash
from kerata.base.types import DTypeLike
from kerata.engine.types import HasArray, HostArray, TensorLike
from kerata.legacy.tensorflow.calls import convert, ints
from kerata.legacy.tensorflow.errors import InvalidArgumentError, OutOfRangeError
from kerata.legacy.tensorflow.patterns import rewriting, text_pattern
from kerata.legacy.tensorflow.tensor import Tensor, plain
from kerata.legacy.tensorflow.types import DType, Ints, TensorShape, as_dtype, boolean, int32, int64, string

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


def decoded(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def regex_replace(input: Texts, pattern: Texts, rewrite: Texts, replace_global: bool = True, name: str | None = None) -> Tensor:
    """Texts with what matches replaced."""
    found, new = text_pattern(convert(pattern).numpy()), rewriting(convert(rewrite).numpy())
    count = 0 if replace_global else 1
    return Tensor(each(lambda text: encoded(found.sub(new, decoded(text), count=count)), array_of(input)), string)


def regex_full_match(input: Texts, pattern: Texts, name: str | None = None) -> Tensor:
    found = text_pattern(convert(pattern).numpy())
    return Tensor(each(lambda text: found.fullmatch(decoded(text)) is not None, array_of(input), bool), boolean)


def cased(of_ascii: Callable[[bytes], bytes], of_all: Callable[[str], str]) -> Callable[..., Tensor]:
    """Small or capital letters: those of ASCII, or with `encoding="utf-8"` all."""

    def call(input: Texts, encoding: str = "", name: str | None = None) -> Tensor:
        if str(encoding).lower() not in ("", "utf-8"):
            raise InvalidArgumentError(message("tf.strings", "`encoding` is '' or 'utf-8'", {"encoding": encoding}))
        return Tensor(each(of_ascii if not encoding else lambda text: encoded(of_all(decoded(text))), array_of(input)), string)

    return call


def split(input: "Texts | Ragged", sep: Texts | None = None, maxsplit: int = -1, name: str | None = None) -> "Tensor | Ragged":
    """The words of a text, as a tensor; of several texts, a ragged tensor."""
    between: bytes | None = None if sep is None or convert(sep).numpy() == b"" else convert(sep).numpy()
    return rows_of(lambda text: text.split(between, maxsplit), input)


def rows_of(function: Callable[[bytes], list[Any]], input: "Texts | Ragged", kind: DType = string) -> "Tensor | Ragged":
    """A function that makes a list of each text: of one text a tensor, of several a ragged one."""
    if isinstance(input, Ragged):
        return Ragged([rows_of(function, row, kind) for row in input])

    def of_array(array: np.ndarray) -> "Tensor | Ragged":
        if array.ndim:
            return Ragged([of_array(np.asarray(row, object)) for row in array], kind)
        return Tensor(objects(function(array.item())).astype(kind.dtype), kind)

    return of_array(array_of(input))


def objects(values: list[Any]) -> np.ndarray:
    found = np.empty(len(values), object)
    found[:] = values
    return found


class Entries(Protocol):
    """A sparse tensor."""

    indices: Tensor
    values: Tensor
    dense_shape: Tensor


class Ragged:
    """Rows of different lengths, such as the words of several texts.

    Args:
        rows: a tensor each, or again rows of different lengths.
        dtype: the type, where there are none.
    """

    is_ragged = True

    def __init__(self, rows: Sequence[Any], dtype: DType = string):
        self._rows, self._dtype = list(rows), dtype

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def __getitem__(self, index: int | slice | tuple[Any, ...]) -> "Tensor | Ragged":
        if isinstance(index, tuple):
            first, *others = index
            rest = tuple(others) if len(others) > 1 else others[0]
            rows = self._rows[first]
            return Ragged([row[rest] for row in rows], self.dtype) if isinstance(first, slice) else rows[rest]
        return Ragged(self._rows[index], self.dtype) if isinstance(index, slice) else self._rows[index]

    @property
    def shape(self) -> TensorShape:
        first = self._rows[0] if self._rows else None
        return TensorShape((len(self._rows), None, *(first.shape[1:] if first is not None else ())))

    @property
    def dtype(self) -> DType:
        return self._rows[0].dtype if self._rows else self._dtype

    def to_list(self) -> list[Any]:
        return [row.to_list() if isinstance(row, Ragged) else row.numpy().tolist() for row in self._rows]

    @classmethod
    def from_row_splits(
        cls, values: TensorLike, row_splits: TensorLike, name: str | None = None, validate: bool = True
    ) -> "Ragged":
        """Rows of values that stand one after the other, from where each begins, and the end of the last."""
        held, places = convert(values), np.asarray(plain(row_splits)).tolist()
        return cls([held[start:end] for start, end in pairwise(places)], held.dtype)

    @classmethod
    def from_row_starts(
        cls, values: TensorLike, row_starts: TensorLike, name: str | None = None, validate: bool = True
    ) -> "Ragged":
        held = convert(values)
        return cls.from_row_splits(held, [*np.asarray(plain(row_starts)).tolist(), len(held)])

    @classmethod
    def from_row_lengths(
        cls, values: TensorLike, row_lengths: TensorLike, name: str | None = None, validate: bool = True
    ) -> "Ragged":
        return cls.from_row_splits(values, np.cumsum([0, *np.asarray(plain(row_lengths)).tolist()]))

    @classmethod
    def from_value_rowids(
        cls,
        values: TensorLike,
        value_rowids: TensorLike,
        nrows: int | None = None,
        name: str | None = None,
        validate: bool = True,
    ) -> "Ragged":
        """Rows of values that stand one after the other, from the number of the row of each."""
        numbers = np.asarray(plain(value_rowids), np.int64)
        least = 0 if nrows is None else int(plain(nrows))
        return cls.from_row_lengths(values, np.bincount(numbers, minlength=least))

    @classmethod
    def from_tensor(
        cls, tensor: TensorLike, lengths: TensorLike | None = None, padding: object = None, name: str | None = None
    ) -> "Ragged":
        """The rows of a tensor, each as long as is said, or without what fills it up at its end."""
        held = convert(tensor)
        if lengths is not None:
            counts = np.asarray(plain(lengths)).tolist()
        elif padding is None:
            counts = [held.shape[1]] * len(held)
        else:
            filled = held.numpy() == convert(padding).numpy()
            counts = (held.shape[1] - np.cumprod(filled[:, ::-1], axis=1).sum(1)).tolist()
        return cls([held[place, :count] for place, count in enumerate(counts)], held.dtype)

    @classmethod
    def from_sparse(cls, st_input: Entries, name: str | None = None, row_splits_dtype: object = None) -> "Ragged":
        """The entries of each row of a sparse matrix, which stand side by side there from its begin on."""
        places, held, count = st_input.indices.numpy(), st_input.values, int(st_input.dense_shape.numpy()[0])
        columns = [places[places[:, 0] == row, 1].tolist() for row in range(count)]
        if any(found != list(range(len(found))) for found in columns):
            raise InvalidArgumentError("SparseTensor is not right-ragged")
        order = np.argsort(places[:, 0], kind="stable")
        return cls.from_row_lengths(Tensor(held.numpy()[order], held.dtype), [len(found) for found in columns])

    def row_lengths(self, axis: int = 1) -> "Tensor | Ragged":
        if axis > 1:
            found: list[Any] = [row.row_lengths(axis - 1) for row in self._rows]
            return Ragged(found, int64) if all(isinstance(one, (Tensor, Ragged)) for one in found) else found[0]
        return Tensor(np.array([len(row) for row in self._rows], np.int64))

    @property
    def ragged_rank(self) -> int:
        return 1 + max((row.ragged_rank for row in self._rows if isinstance(row, Ragged)), default=0)

    def merge_dims(self, outer_axis: int, inner_axis: int) -> "Tensor | Ragged":
        """The axes from one to another as one."""
        rank = len(self.shape)
        outer, inner = (axis + rank if axis < 0 else axis for axis in (outer_axis, inner_axis))
        if outer > inner:
            raise ValueError(message("merge_dims", "outer_axis must not be above inner_axis", {"axes": (outer, inner)}))
        if outer == inner:
            return self
        if outer > 0:
            return Ragged([merged(row, outer - 1, inner - 1) for row in self._rows], self.dtype)
        return merged(self.values, 0, inner - 1)

    def with_values(self, new_values: "TensorLike | Ragged") -> "Ragged":
        """Other values in rows of the same lengths."""
        held = new_values if isinstance(new_values, Ragged) else convert(new_values)
        ends = np.cumsum([0, *(len(row) for row in self._rows)]).tolist()
        return Ragged([held[start:end] for start, end in pairwise(ends)], held.dtype)

    def with_flat_values(self, new_values: TensorLike) -> "Ragged":
        inner = self.values
        return self.with_values(inner.with_flat_values(new_values) if isinstance(inner, Ragged) else new_values)

    @property
    def nested_row_splits(self) -> tuple[Tensor, ...]:
        inner = self.values
        return (self.row_splits, *(inner.nested_row_splits if isinstance(inner, Ragged) else ()))

    def nested_row_lengths(self) -> tuple[Tensor, ...]:
        return tuple(Tensor(np.diff(splits.numpy())) for splits in self.nested_row_splits)

    def row_limits(self) -> Tensor:
        return self.row_splits[1:]

    def nrows(self) -> Tensor:
        return Tensor(np.array(len(self._rows), np.int64))

    @property
    def row_splits(self) -> Tensor:
        return Tensor(np.cumsum([0, *(len(row) for row in self._rows)]).astype(np.int64))

    def row_starts(self) -> Tensor:
        return self.row_splits[:-1]

    def value_rowids(self) -> Tensor:
        return Tensor(np.repeat(np.arange(len(self._rows)), [len(row) for row in self._rows]).astype(np.int64))

    def bounding_shape(self) -> Tensor:
        """The shape of what `to_tensor` gives."""
        return Tensor(np.array(self.to_tensor().shape.as_list(), np.int64))

    @property
    def flat_values(self) -> Tensor:
        flat = [row.flat_values if isinstance(row, Ragged) else row for row in self._rows]
        parts = [np.asarray(row._array) for row in flat]
        return Tensor(np.concatenate(parts) if parts else np.zeros(0, self.dtype.dtype), self.dtype)

    @property
    def values(self) -> "Tensor | Ragged":
        """The rows of all rows, one after the other."""
        if self._rows and isinstance(self._rows[0], Ragged):
            return Ragged([one for row in self._rows for one in row], self.dtype)
        return self.flat_values

    def numpy(self) -> np.ndarray:
        return objects([row.numpy() for row in self._rows])

    def to_tensor(
        self, default_value: object = None, shape: Sequence[int | None] | None = None, name: str | None = None
    ) -> Tensor:
        """All rows as long as the longest, filled up."""
        fill = (b"" if self.dtype == string else 0) if default_value is None else convert(default_value).numpy()
        given = [None] * 99 if shape is None else list(shape)

        def of_row(row: "Tensor | Ragged") -> np.ndarray:
            return np.asarray((row.to_tensor(default_value, given[1:]) if isinstance(row, Ragged) else row)._array)

        rows = [of_row(row) for row in self._rows]
        depth = max((row.ndim for row in rows), default=1)
        longest = [max((row.shape[axis] for row in rows), default=0) for axis in range(depth)]
        sizes = [size if said is None else int(said) for size, said in zip(longest, given[1:], strict=False)]
        found = np.full((len(rows), *sizes), fill, self.dtype.dtype)
        for place, row in zip(found, rows, strict=True):
            part = tuple(slice(min(size, most)) for size, most in zip(row.shape, sizes, strict=True))
            place[part] = row[part]
        return Tensor(found, self.dtype)

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {self.to_list()}>"


def merged(part: "Tensor | Ragged", outer: int, inner: int) -> "Tensor | Ragged":
    """A part with the axes from one to another as one."""
    if isinstance(part, Ragged):
        return part.merge_dims(outer, inner)
    array = np.asarray(part._array)
    sizes = array.shape
    return Tensor(array.reshape((*sizes[:outer], int(np.prod(sizes[outer : inner + 1])), *sizes[inner + 1 :])), part.dtype)


def join(inputs: Sequence[Texts], separator: Texts = "", name: str | None = None) -> Tensor:
    """Texts one after the other."""
    arrays = np.broadcast_arrays(*[np.asarray(array_of(one), object) for one in inputs])
    between: bytes = convert(separator).numpy()
    rows = zip(*[array.ravel().tolist() for array in arrays], strict=True)
    return Tensor(objects([between.join(row) for row in rows]).reshape(arrays[0].shape), string)


def join_rows(ragged: Ragged, axis: Ints, keepdims: bool, separator: Texts) -> Tensor:
    """The texts of each row one after the other."""
    if axis not in (1, -1) or any(isinstance(row, Ragged) for row in ragged):
        fix = "Join along axis -1 a ragged tensor of two axes"
        raise NotImplementedError(message("tf.strings.reduce_join", "of a ragged tensor, rows are joined", {"axis": axis}, fix))
    return Tensor(
        objects([reduce_join(row, 0, False, separator).numpy() for row in ragged]).reshape(-1, *[1] * keepdims), string
    )


def reduce_join(
    inputs: Texts, axis: Ints = None, keepdims: bool = False, separator: Texts = "", name: str | None = None
) -> Tensor:
    """All texts along an axis, or several, one after the other."""
    if isinstance(inputs, Ragged):
        return join_rows(inputs, axis, keepdims, separator)
    array = array_of(inputs)
    between: bytes = convert(separator).numpy()
    # Of several axes the first one is joined first.
    axes = range(array.ndim) if axis is None else np.ravel(ints(axis)).tolist()[::-1]
    if any(not -array.ndim <= one < array.ndim for one in axes):
        raise OutOfRangeError(f"Invalid reduction dimension {list(axes)} for input with {array.ndim} dimension(s)")
    axes = [one % array.ndim for one in axes]
    moved = np.moveaxis(array, axes, range(-len(axes), 0)) if axes else array
    rest = moved.shape[: array.ndim - len(axes)]
    flat = [between.join(row) for row in moved.reshape(*rest, -1).reshape(int(np.prod(rest)), -1).tolist()]
    found = objects(flat).reshape(rest)
    return Tensor(np.expand_dims(found, tuple(axes)) if keepdims and axes else found, string)


def length(input: Texts, unit: str = "BYTE", name: str | None = None) -> Tensor:
    count = (lambda text: len(decoded(text))) if unit == "UTF8_CHAR" else len
    return Tensor(each(count, array_of(input), np.int32), int32)


def substr(input: Texts, pos: object, len: object, unit: str = "BYTE", name: str | None = None) -> Tensor:
    """A part of each text."""

    def part(text: bytes, start: int, size: int) -> bytes:
        whole = decoded(text) if unit == "UTF8_CHAR" else text
        count = whole.__len__()
        if not -count <= start <= count:
            raise InvalidArgumentError(f"pos {start} out of range for string {text!r}")
        start = start + count if start < 0 else start
        found = whole[start : start + max(size, 0)]
        return encoded(found) if isinstance(found, str) else found

    arrays = np.broadcast_arrays(array_of(input), np.asarray(convert(pos).numpy()), np.asarray(convert(len).numpy()))
    found = objects([part(*row) for row in zip(*[one.ravel().tolist() for one in arrays], strict=True)])
    return Tensor(found.reshape(arrays[0].shape), string)


def number_of(text: bytes, kind: DType) -> float:
    """The number that a text says."""
    if b"_" in text:
        raise ValueError("no number is written so")
    with np.errstate(over="ignore"):
        return np.array(float(text) if kind.is_floating else int(text), kind.dtype).item()


def to_number(input: Texts, out_type: DTypeLike = "float32", name: str | None = None) -> Tensor:
    """The numbers that texts say."""
    kind = as_dtype(out_type)

    def read(text: bytes) -> float:
        try:
            return number_of(text, kind)
        except (ValueError, OverflowError):
            raise InvalidArgumentError(f"StringToNumberOp could not correctly convert string: {text!r}") from None

    return Tensor(each(read, array_of(input), kind.dtype), kind)


def as_string(
    input: TensorLike,
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
    name: str | None = None,
) -> Tensor:
    """Numbers as texts."""
    given = convert(input)
    if given.dtype == string:
        return given
    if given.dtype.is_complex:
        raise NotImplementedError(message("tf.strings.as_string", "complex numbers are not there", {"input": given}))
    size = "" if width < 0 else str(width)
    letter = "e" if scientific else "g" if shortest else "f"
    form = f"%{fill}{size}" + (f".{precision}" if precision >= 0 else "") + (letter if given.dtype.is_floating else "d")

    def say(value: object) -> bytes:
        if isinstance(value, bool):
            return b"true" if value else b"false"
        return (form % value).encode()

    return Tensor(each(say, given.numpy()), string)


def bytes_split(input: "Texts | Ragged", name: str | None = None) -> "Tensor | Ragged":
    """The bytes of each text."""
    return rows_of(lambda text: [bytes([one]) for one in text], input)


# Letters


def errors_of(errors: str) -> str:
    """What Python calls a way to deal with bytes that are no letters."""
    found = {"strict": "strict", "replace": "replace", "ignore": "ignore"}.get(errors)
    if found is None:
        raise ValueError(message("tf.strings", "`errors` is 'strict', 'replace' or 'ignore'", {"errors": errors}))
    return found


def letters(text: bytes, encoding: str, errors: str) -> str:
    try:
        return text.decode(encoding, errors_of(errors))
    except UnicodeDecodeError as error:
        raise InvalidArgumentError(f"Invalid formatting on input string: {error}") from error


def unicode_split(
    input: "Texts | Ragged", input_encoding: str = "UTF-8", errors: str = "replace", name: str | None = None
) -> "Tensor | Ragged":
    """The letters of a text."""
    return rows_of(lambda text: [one.encode(input_encoding) for one in letters(text, input_encoding, errors)], input)


def unicode_decode(
    input: "Texts | Ragged", input_encoding: str = "UTF-8", errors: str = "replace", name: str | None = None
) -> "Tensor | Ragged":
    """The numbers of the letters of a text."""
    return rows_of(lambda text: [ord(one) for one in letters(text, input_encoding, errors)], input, int32)


def unicode_encode(
    input: "TensorLike | Ragged", output_encoding: str = "UTF-8", errors: str = "replace", name: str | None = None
) -> Tensor:
    """Texts of the numbers of letters, along the last axis."""
    if isinstance(input, Ragged):
        return Tensor(objects([unicode_encode(row, output_encoding, errors).numpy() for row in input]), string)
    array = np.asarray(convert(input).numpy())
    rows = array.reshape(-1, array.shape[-1]) if array.size else np.zeros((int(np.prod(array.shape[:-1])), 0), int)
    found = ["".join(map(chr, row)).encode(output_encoding, errors_of(errors)) for row in rows.tolist()]
    return Tensor(objects(found).reshape(array.shape[:-1]), string)


def unicode_transcode(
    input: Texts, input_encoding: str, output_encoding: str, errors: str = "replace", name: str | None = None
) -> Tensor:
    """Texts in another encoding."""
    return Tensor(each(lambda text: letters(text, input_encoding, errors).encode(output_encoding), array_of(input)), string)


# Numbers of texts, and groups of them


def buckets(hashed: Callable[[bytes], int]) -> Callable[..., Tensor]:
    """A number below `num_buckets` for each text, by a hash."""

    def call(input: Texts, num_buckets: int, name: str | None = None) -> Tensor:
        if num_buckets < 1:
            raise InvalidArgumentError(message("tf.strings", "`num_buckets` must be at least 1", {"num_buckets": num_buckets}))
        return Tensor(each(lambda text: hashed(text) % num_buckets, array_of(input), np.int64))

    return call


def to_hash_bucket_strong(input: Texts, num_buckets: int, key: Sequence[int], name: str | None = None) -> Tensor:
    """A number below `num_buckets` for each text, by a hash with a key of two numbers."""
    return buckets(lambda text: siphash(text, (int(key[0]), int(key[1]))))(input, num_buckets)


def ngrams(
    data: "Texts | Ragged",
    ngram_width: int | Sequence[int],
    separator: str = " ",
    pad_values: object = None,
    padding_width: int | None = None,
    preserve_short_sequences: bool = False,
    name: str | None = None,
) -> "Tensor | Ragged":
    """So many words in a row as one text."""
    if pad_values is not None or padding_width is not None or preserve_short_sequences:
        received = {"pad_values": pad_values, "preserve_short_sequences": preserve_short_sequences}
        raise NotImplementedError(message("tf.strings.ngrams", "padding and short rows are not there", received))
    if isinstance(data, Ragged):
        return Ragged([ngrams(row, ngram_width, separator) for row in data])
    widths = [ngram_width] if isinstance(ngram_width, int) else list(ngram_width)
    array = array_of(data)

    def of_row(row: list[bytes]) -> list[bytes]:
        return [separator.encode().join(row[n : n + width]) for width in widths for n in range(len(row) - width + 1)]

    if array.ndim == 1:
        return Tensor(objects(of_row(array.tolist())), string)
    found = [of_row(row) for row in array.reshape(-1, array.shape[-1]).tolist()]
    count = sum(max(array.shape[-1] - width + 1, 0) for width in widths)
    return Tensor(objects([one for row in found for one in row]).reshape(*array.shape[:-1], count), string)


# Tensors in texts


def texts_format(template: str, inputs: object, placeholder: str = "{}", summarize: int = 3, name: str | None = None) -> Tensor:
    """A text with tensors in it."""
    parts = template.split(placeholder)
    given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    if len(parts) != len(given) + 1:
        raise ValueError(f"{len(parts) - 1} placeholder(s) in template does not match {len(given)} tensor(s) provided as input")
    found = parts[0]
    for one, rest in zip(given, parts[1:], strict=True):
        found += shown(convert(one).numpy(), summarize) + rest
    return convert(found)


def shown(value: object, most: int) -> str:
    """Numbers or texts in brackets, of long rows the first and last ones."""
    if isinstance(value, np.ndarray) and value.ndim:
        rows = [shown(one, most) for one in (value if most < 0 or len(value) <= 2 * most else [*value[:most], *value[-most:]])]
        rows = rows if most < 0 or len(value) <= 2 * most else [*rows[:most], "...", *rows[most:]]
        return f"[{(' ' if value.ndim == 1 else chr(10) + ' ').join(rows)}]"
    if isinstance(value, bytes):
        return f'"{decoded(value)}"'
    if isinstance(value, (float, np.floating)):
        kind = type(value)
        return next(
            text for text in (f"{value:.6g}", f"{value:.9g}", repr(float(value))) if kind(text) == value or value != value
        )
    return str(int(np.asarray(value).item()))


TEXTS: dict[str, Any] = {
    "lower": cased(bytes.lower, str.lower),
    "upper": cased(bytes.upper, str.upper),
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
    "unicode_decode": unicode_decode,
    "unicode_encode": unicode_encode,
    "unicode_transcode": unicode_transcode,
    "bytes_split": bytes_split,
    "to_hash_bucket_fast": buckets(fingerprint),
    "to_hash_bucket": buckets(murmur),
    "to_hash_bucket_strong": to_hash_bucket_strong,
    "ngrams": ngrams,
    "format": texts_format,
}
