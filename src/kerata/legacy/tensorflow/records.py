"""Data sets of files: lines of text, records."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.data import UNKNOWN, Dataset
from kerata.legacy.tensorflow.elements import TensorSpec
from kerata.legacy.tensorflow.errors import NotFoundError
from kerata.legacy.tensorflow.io import records_of
from kerata.legacy.tensorflow.strings import Texts
from kerata.legacy.tensorflow.types import string


class TextLineDataset(Dataset):
    """The lines of text files, without their ends.

    Args:
        filenames: a path, or several.
    """

    def __init__(
        self,
        filenames: Texts | Dataset,
        compression_type: str | None = None,
        buffer_size: object = None,
        num_parallel_reads: object = None,
        name: str | None = None,
    ):
        if compression_type:
            raise NotImplementedError(
                message("TextLineDataset", "compressed files are not read", {"compression_type": compression_type})
            )
        names = filenames if isinstance(filenames, Dataset) else convert(filenames).numpy()

        def start() -> Iterator[Any]:
            for one in names._start() if isinstance(names, Dataset) else np.ravel(names):
                path = (one.item() if isinstance(one, np.ndarray) else one).decode()
                if not os.path.exists(path):
                    raise NotFoundError(f"{path}; No such file or directory")
                with open(path, "rb") as file:
                    for line in file:
                        made = np.empty((), object)
                        made[()] = line.rstrip(b"\n").rstrip(b"\r")
                        yield made

        super().__init__(start, UNKNOWN, TensorSpec((), string))


class TFRecordDataset(Dataset):
    """The records of TFRecord files, as texts.

    Args:
        filenames: a path, or several.
    """

    def __init__(
        self,
        filenames: Texts,
        compression_type: str | None = None,
        buffer_size: object = None,
        num_parallel_reads: object = None,
    ):
        if compression_type:
            raise NotImplementedError(
                message("TFRecordDataset", "compressed files are not read", {"compression_type": compression_type})
            )
        paths = [one.decode() for one in np.ravel(convert(filenames).numpy())]

        def start() -> Iterator[Any]:
            for path in paths:
                if not os.path.exists(path):
                    raise NotFoundError(f"{path}; No such file or directory")
                for record in records_of(path):
                    made = np.empty((), object)
                    made[()] = record
                    yield made

        super().__init__(start, UNKNOWN, TensorSpec((), string))
