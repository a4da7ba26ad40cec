"""Data sets of files: lines of text, records."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerata.data.elements import alone
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.data import UNKNOWN, Dataset
from kerata.legacy.tensorflow.elements import TensorSpec
from kerata.legacy.tensorflow.io import kind_of_compression, opened, records_of
from kerata.legacy.tensorflow.strings import Texts
from kerata.legacy.tensorflow.types import string


class TextLineDataset(Dataset):
    """The lines of text files, without their ends.

    Args:
        filenames: a path, or several.
        compression_type: `"GZIP"`, `"ZLIB"`, or none.
    """

    def __init__(
        self,
        filenames: Texts | Dataset,
        compression_type: object = None,
        buffer_size: object = None,
        num_parallel_reads: object = None,
        name: str | None = None,
    ):
        kind_of_compression(compression_type)
        names = filenames if isinstance(filenames, Dataset) else convert(filenames).numpy()

        def start() -> Iterator[Any]:
            for one in names._start() if isinstance(names, Dataset) else np.ravel(names):
                path = (one.item() if isinstance(one, np.ndarray) else one).decode()
                with opened(path, compression_type) as file:
                    for line in file:
                        # TensorFlow drops carriage returns wherever they stand.
                        yield alone(line.removesuffix(b"\n").replace(b"\r", b""), object)

        super().__init__(start, UNKNOWN, TensorSpec((), string))


class TFRecordDataset(Dataset):
    """The records of TFRecord files, as texts.

    Args:
        filenames: a path, or several.
        compression_type: `"GZIP"`, `"ZLIB"`, or none.
    """

    def __init__(
        self, filenames: Texts, compression_type: object = None, buffer_size: object = None, num_parallel_reads: object = None
    ):
        kind_of_compression(compression_type)
        paths = [one.decode() for one in np.ravel(convert(filenames).numpy())]

        def start() -> Iterator[Any]:
            for path in paths:
                for record in records_of(path, compression_type):
                    yield alone(record, object)

        super().__init__(start, UNKNOWN, TensorSpec((), string))
