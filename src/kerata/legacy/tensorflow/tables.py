"""Tables as text: lines of fields, parted by commas."""

import csv
import glob as globbing
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from kerata.base.checks import message
from kerata.data.datasets import Each
from kerata.data.elements import alone
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.data import UNKNOWN, Dataset
from kerata.legacy.tensorflow.elements import TensorSpec
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.io import opened
from kerata.legacy.tensorflow.strings import Texts, array_of, number_of, objects
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import DTYPES, DType, string

# The types that a column may have, from the narrowest on.
KINDS = [DTYPES[name] for name in ("int32", "int64", "float32", "float64", "string")]


# Fields of a line


def fields_of(record: bytes, delimiter: bytes, quoted: bool) -> list[bytes]:
    """The fields of a line; within quotes, two quotes are one.

    >>> fields_of(b'1,"a,b",', b",", True)
    [b'1', b'a,b', b'']
    """
    if not quoted or b'"' not in record:
        if b"\n" in record or b"\r" in record:
            raise InvalidArgumentError(f"Unquoted fields cannot have CRLFs inside: {record!r}")
        return record.split(delimiter)
    end = re.escape(delimiter) + rb"|\Z"
    field = re.compile(rb'(?:"((?:[^"]|"")*)"|([^"\r\n' + re.escape(delimiter) + rb"]*))(?=" + end + rb")")
    found, place = [], 0
    while True:
        match = field.match(record, place)
        if match is None:
            fix = "a field in quotes ends with one, quotes in it are doubled, and other fields have none"
            raise InvalidArgumentError(f"Quotes of a line do not fit: {record!r}: {fix}")
        found.append(match[2] if match[1] is None else match[1].replace(b'""', b'"'))
        if match.end() == len(record):
            return found
        place = match.end() + len(delimiter)


class Columns:
    """Columns of a table, and how their fields are read.

    Args:
        defaults: a tensor for each: with one value where a field may be empty, with none where it may not.
        delimiter: what parts fields.
        quoted: whether quotes hold a field together.
        missing: a text that stands for an empty field.
        chosen: which columns they are; all of the table by default.
        left_out: or which they are not.
    """

    def __init__(
        self,
        defaults: Sequence[Tensor],
        delimiter: str,
        quoted: bool,
        missing: str,
        chosen: Sequence[int] | None = None,
        left_out: Sequence[int] | None = None,
    ):
        if len(delimiter) != 1:
            raise InvalidArgumentError(f"field_delim should be only 1 char. Received: {delimiter!r}")
        for number, one in enumerate(defaults):
            if one.ndim > 1 or np.size(one._array) > 1:
                raise InvalidArgumentError(f"There should only be 1 default per field but field {number} has {one.shape}")
            if one.dtype not in KINDS:
                raise TypeError(message("csv", "a column is of one of the types " + said(KINDS), {f"default {number}": one}))
        self.delimiter, self.quoted, self.missing = delimiter.encode(), bool(quoted), missing.encode()
        self.kinds = [one.dtype for one in defaults]
        self.defaults = [np.ravel(one._array)[0] if np.size(one._array) else None for one in defaults]
        self.count: int | None = len(defaults)
        self.chosen: list[int] = list(range(len(defaults)))
        if left_out:
            self.count = len(defaults) + len(left_out)
            self.chosen = [number for number in range(self.count) if number not in set(left_out)]
        elif chosen is not None:
            self.count, self.chosen = None, list(chosen)
            if any(a >= b for a, b in itertools.pairwise(self.chosen)):
                raise InvalidArgumentError(f"select_cols should be strictly increasing indices. Received: {self.chosen}")
        if len(self.chosen) != len(defaults):
            raise InvalidArgumentError(
                f"the number of select_cols should match the number of record_defaults. Received: {len(self.chosen)} and "
                f"{len(defaults)}"
            )

    def read(self, record: bytes, row: int | None = None) -> list[Any]:
        """The values of a line."""
        fields, where = fields_of(record, self.delimiter, self.quoted), "" if row is None else f" {row}"
        if len(fields) != self.count if self.count is not None else len(fields) <= self.chosen[-1]:
            wanted = self.count if self.count is not None else self.chosen[-1] + 1
            raise InvalidArgumentError(f"Expect {wanted} fields but have {len(fields)} in record{where}")
        found = []
        for number, kind, default in zip(self.chosen, self.kinds, self.defaults, strict=True):
            field = fields[number]
            if field in (b"", self.missing):
                if default is None:
                    raise InvalidArgumentError(f"Field {number} is required but missing in record{where}!")
                found.append(default)
                continue
            try:
                found.append(field if kind == string else number_of(field, kind))
            except (ValueError, OverflowError):
                raise InvalidArgumentError(f"Field {number} in record{where} is not a valid {kind.name}: {field!r}") from None
        return found

    def arrays(self, record: bytes) -> tuple[np.ndarray, ...]:
        """The values of a line as arrays."""
        return tuple(alone(value, kind.dtype) for value, kind in zip(self.read(record), self.kinds, strict=True))


def said(kinds: Sequence[DType]) -> str:
    return ", ".join(one.name for one in kinds)


def decode_csv(
    records: Texts,
    record_defaults: Sequence[object],
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
    name: str | None = None,
) -> list[Tensor]:
    """The fields of lines: a tensor for each column, of its default's type and the lines' shape."""
    texts = array_of(records)
    if select_cols is not None and any(a >= b for a, b in itertools.pairwise(select_cols)):
        raise ValueError(message("tf.io.decode_csv", "`select_cols` must be strictly increasing", {"select_cols": select_cols}))
    columns = Columns([convert(one) for one in record_defaults], field_delim, use_quote_delim, na_value, select_cols)
    rows = [columns.read(text, row) for row, text in enumerate(texts.ravel().tolist())]
    found = []
    for number, kind in enumerate(columns.kinds):
        values = objects([row[number] for row in rows])
        found.append(Tensor(values.astype(kind.dtype).reshape(texts.shape), kind))
    return found


# Files


def lines_of(path: str, compression: object, quoted: bool, header: bool) -> Iterator[bytes]:
    """The lines of a file; the end of a line within quotes is part of it."""
    with opened(path, compression) as file:
        held, is_open = b"", False
        found = itertools.count()
        for line in file:
            held += line
            is_open ^= quoted and bool(line.count(b'"') % 2)
            if not is_open:
                if next(found) or not header:
                    yield without_end(held)
                held = b""
        if held:
            yield without_end(held)


def without_end(line: bytes) -> bytes:
    return line[:-2] if line.endswith(b"\r\n") else line[:-1] if line.endswith((b"\n", b"\r")) else line


class CsvDataset(Dataset):
    """The lines of tables, a tuple of columns each.

    Args:
        filenames: a path, or several.
        record_defaults: for each column its type where it may not be empty, or the value of an empty field.
        compression_type: `"GZIP"`, `"ZLIB"`, or none.
        header: whether a file's first line is none of the table.
        field_delim, use_quote_delim, na_value: what parts fields; whether quotes hold one together; what else is empty.
        select_cols, exclude_cols: numbers of the columns that are read, or that are not.
    """

    def __init__(
        self,
        filenames: Texts,
        record_defaults: Sequence[object],
        compression_type: object = None,
        buffer_size: object = None,
        header: bool = False,
        field_delim: str = ",",
        use_quote_delim: bool = True,
        na_value: str = "",
        select_cols: Sequence[int] | None = None,
        exclude_cols: Sequence[int] | None = None,
    ):
        if select_cols and exclude_cols:
            received = {"select_cols": select_cols, "exclude_cols": exclude_cols}
            raise InvalidArgumentError(message("CsvDataset", "one of `select_cols` and `exclude_cols` is given", received))
        defaults = [default_of(one) for one in record_defaults]
        columns = Columns(defaults, field_delim, use_quote_delim, na_value, select_cols or None, exclude_cols)
        paths = [path.decode() for path in np.ravel(convert(filenames).numpy()).tolist()]

        def lines() -> Iterator[bytes]:
            for path in paths:
                yield from lines_of(path, compression_type, columns.quoted, bool(header))

        def start() -> Iterator[Any]:
            return Each(columns.arrays, lines())

        super().__init__(start, UNKNOWN, tuple(TensorSpec((), kind) for kind in columns.kinds))


def default_of(value: object) -> Tensor:
    """A tensor of the value of an empty field; of none, where a type is given."""
    if not isinstance(value, Tensor):
        kind = next((one for one in KINDS if one == value), None)
        if kind is not None:
            return Tensor(np.zeros(0, kind.dtype), kind)
    return convert(value)


# Tables with names


def make_csv_dataset(
    file_pattern: str | Sequence[str],
    batch_size: int,
    column_names: Sequence[str] | None = None,
    column_defaults: Sequence[object] | None = None,
    label_name: str | None = None,
    select_columns: Sequence[int | str] | None = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    sloppy: bool = False,
    num_rows_for_inference: int | None = 100,
    compression_type: str | None = None,
    ignore_errors: bool = False,
    encoding: str = "utf-8",
) -> Dataset:
    """Batches of the lines of tables: a dict of columns by their names, with `label_name` a tuple of them and that column."""
    paths = paths_of(file_pattern)
    table = Table(paths, field_delim, use_quote_delim, compression_type, encoding)
    if column_names is None:
        if not header:
            raise ValueError("Expected `column_names` or `header` arguments. Neither is provided.")
        column_names = table.names()
    names = list(column_names)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"Either `column_names` argument or CSV header row contains duplicate column names: {twice}.")
    chosen = None if select_columns is None else numbers_of(select_columns, names)
    if column_defaults is None:
        column_defaults = table.defaults(len(names), chosen, na_value, header, num_rows_for_inference)
    if chosen is not None:
        if len(column_defaults) != len(chosen):
            received = {"column_defaults": len(column_defaults), "select_columns": len(chosen)}
            raise ValueError(message("make_csv_dataset", "as many defaults as columns were expected", received))
        names = [names[number] for number in chosen]
    if label_name is not None and label_name not in names:
        raise ValueError(f"`label_name` provided must be one of the columns: {names}. Received: {label_name}.")
    defaults = [default_of(one) for one in column_defaults]

    def lines_in(path: Texts) -> Dataset:
        how = (header, field_delim, use_quote_delim, na_value, chosen)
        one = CsvDataset(path, defaults, compression_type, None, *how)
        return one.ignore_errors() if ignore_errors else one

    files = Dataset.from_tensor_slices(paths)
    files = files.shuffle(len(paths), shuffle_seed) if shuffle else files
    rows = files.interleave(lines_in, num_parallel_reads or 1, 1)
    rows = rows.shuffle(shuffle_buffer_size, shuffle_seed) if shuffle else rows
    rows = rows if num_epochs == 1 else rows.repeat(num_epochs)
    batches = rows.batch(batch_size, drop_remainder=num_epochs is None)
    return named(batches, names, [one.dtype for one in defaults], label_name, batch_size if num_epochs is None else None)


def named(batches: Dataset, names: list[str], kinds: list[DType], label_name: str | None, size: int | None) -> Dataset:
    """Batches of tuples as dicts, and a column of its own."""

    def arranged(columns: Sequence[Any]) -> object:
        found = dict(zip(names, columns, strict=True))
        return found if label_name is None else (found, found.pop(label_name))

    spec = arranged([TensorSpec((size,), kind) for kind in kinds])
    return Dataset(lambda: Each(arranged, batches._start()), batches._size, spec)


def paths_of(file_pattern: str | Sequence[str]) -> list[str]:
    """The files that a pattern, or several, match, in order."""
    patterns = file_pattern if isinstance(file_pattern, (list, tuple)) else [file_pattern]
    found = sorted(path for one in patterns for path in globbing.glob(convert(one).numpy().decode()))
    if not found:
        raise ValueError(f"No files match `file_pattern` {file_pattern}.")
    return found


def numbers_of(chosen: Sequence[int | str], names: list[str]) -> list[int]:
    """Columns by their numbers, in order."""
    found = []
    for one in chosen:
        if one not in names and not (isinstance(one, int) and 0 <= one < len(names)):
            expected = f"a column is one of {names}, or its number"
            raise ValueError(message("make_csv_dataset", expected, {"select_columns": one}))
        found.append(one if isinstance(one, int) else names.index(one))
    if len(set(found)) < len(found):
        raise ValueError(message("make_csv_dataset", "a column is chosen once", {"select_columns": chosen}))
    return sorted(found)


class Table:
    """Files of one table, of which names and types are found out.

    Args:
        paths: of the files.
        delimiter, quoted: as of `Columns`.
        compression: of the files.
        encoding: of the texts.
    """

    def __init__(self, paths: list[str], delimiter: str, quoted: bool, compression: object, encoding: str):
        self.paths, self.delimiter, self.compression, self.encoding = paths, delimiter, compression, encoding
        self.quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE

    def rows(self, path: str) -> Iterator[list[str]]:
        """The lines of a file."""
        with opened(path, self.compression) as file, io.TextIOWrapper(file, self.encoding, newline="") as texts:
            yield from csv.reader(texts, delimiter=self.delimiter, quoting=self.quoting)

    def names(self) -> list[str]:
        """The first line, which must be that of all files."""
        heads = [next(self.rows(path), None) for path in self.paths]
        for path, head in zip(self.paths, heads, strict=True):
            if head is None:
                raise ValueError(f"Failed when reading the header line of {path}. Is it an empty file?")
            if head != heads[0]:
                raise ValueError(
                    "All input CSV files should have the same column names in the header row. "
                    f"File {path} has different column names."
                )
        return heads[0] or []

    def defaults(self, width: int, chosen: list[int] | None, missing: str, header: bool, rows: int | None) -> list[Tensor]:
        """For each column 0 or an empty text, of the type that the first rows have."""
        columns = list(range(width)) if chosen is None else chosen
        kinds: list[int | None] = [None] * len(columns)
        lines = (pair for path in self.paths for pair in itertools.islice(enumerate(self.rows(path), 1), int(header), None))
        for number, line in itertools.islice(lines, rows):
            if len(line) != width:
                raise ValueError(
                    f"Problem inferring types: CSV row {number} has {len(line)} number of fields. Expected: {width}."
                )
            for place, column in enumerate(columns):
                kinds[place] = kind_of(line[column], missing, kinds[place])
        found = [KINDS[-1 if place is None else place] for place in kinds]
        return [convert([b"" if kind == string else 0], kind) for kind in found]


def kind_of(text: str, missing: str, before: int | None) -> int | None:
    """Which of `KINDS` a text is, and what came before it in its column."""
    if text in ("", missing):
        return before
    fits: list[Callable[[], bool]] = [
        lambda: -(2**31) <= int(text) < 2**31,
        lambda: -(2**63) <= int(text) < 2**63,
        lambda: bool(np.float32(float(text)) < np.inf),
        lambda: float(text) < np.inf,
        lambda: True,
    ]
    return next(place for place, fit in enumerate(fits) if place >= (before or 0) and holds(fit))


def holds(fit: Callable[[], bool]) -> bool:
    """Whether a text is such a number."""
    try:
        with np.errstate(over="ignore"):
            return fit()
    except ValueError:
        return False
