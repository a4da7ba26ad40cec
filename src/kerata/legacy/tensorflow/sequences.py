"""`tf.train.SequenceExample`: features of a whole, and lists of features, one for each step."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from kerata.base.checks import message
from kerata.base.refusals import FileError
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.examples import (
    OWNER,
    Feature,
    Features,
    FixedLenSequenceFeature,
    Text,
    VarLenFeature,
    Wanted,
    bytes_of_text,
    messages,
    read_example,
    read_feature,
    read_record,
    read_value,
    shape_of,
)
from kerata.legacy.tensorflow.sparse import SparseTensor, of_rows
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import as_dtype
from kerata.saving.legacy.wire import bytes_of, field, read_fields, text_of


class FeatureList:
    """A feature for each step."""

    def __init__(self, feature: Iterable[Feature] = ()):
        self.feature = list(feature)

    def encode(self) -> bytes:
        return b"".join(field(1, one.encode()) for one in self.feature)


class FeatureLists:
    """Lists of features by name."""

    def __init__(self, feature_list: Mapping[str, FeatureList] | None = None):
        self.feature_list = dict(feature_list or {})

    def encode(self) -> bytes:
        named = sorted(self.feature_list.items())
        return b"".join(field(1, field(1, name.encode()) + field(2, one.encode())) for name, one in named)


class SequenceExample:
    """Features of a whole and lists of features, as one record.

    >>> from kerata.legacy.tensorflow.examples import Int64List
    >>> steps = FeatureList([Feature(int64_list=Int64List([n])) for n in (1, 2)])
    >>> example = SequenceExample(feature_lists=FeatureLists({"a": steps}))
    >>> back = SequenceExample.FromString(example.SerializeToString())
    >>> [one.int64_list.value for one in back.feature_lists.feature_list["a"].feature]
    [[1], [2]]
    """

    def __init__(self, context: Features | None = None, feature_lists: FeatureLists | None = None):
        self.context, self.feature_lists = context or Features(), feature_lists or FeatureLists()

    def SerializeToString(self) -> bytes:
        """The bytes of a record."""
        return field(1, self.context.encode()) + field(2, self.feature_lists.encode())

    def ParseFromString(self, data: bytes) -> None:
        """Reads the bytes of a record."""
        # Its context stands where an example has its features.
        self.context = Features(dict(read_example(data)))
        found: dict[str, FeatureList] = {}
        for lists in messages(data, 2):
            for entry in messages(lists, 1):
                parts = {one.number: one for one in read_fields(entry, OWNER)}
                if 1 in parts:
                    steps = messages(bytes_of(parts[2], OWNER), 1) if 2 in parts else ()
                    found[text_of(parts[1], OWNER)] = FeatureList(read_feature(one) for one in steps)
        self.feature_lists = FeatureLists(found)

    @classmethod
    def FromString(cls, data: Text) -> "SequenceExample":
        """The example in the bytes of a record."""
        made = cls()
        made.ParseFromString(bytes_of_text(data))
        return made


def parse_single_sequence_example(
    serialized: Text,
    context_features: Mapping[str, Wanted] | None = None,
    sequence_features: Mapping[str, Wanted] | None = None,
    example_name: object = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors of a record by name: those of the whole, and those with an axis of steps."""
    try:
        held = SequenceExample.FromString(serialized)
    except FileError as error:
        raise InvalidArgumentError(f"Could not parse example input: {error}") from error
    context = read_record(held.context.feature, context_features or {})
    lists = held.feature_lists.feature_list
    return context, {key: of_steps(key, wanted, lists.get(key)) for key, wanted in (sequence_features or {}).items()}


def of_steps(key: str, wanted: Wanted, held: FeatureList | None) -> Tensor | SparseTensor:
    """The values of a feature in each step."""
    kind, steps = as_dtype(wanted.dtype), [] if held is None else held.feature
    rows = [read_value(key, VarLenFeature(wanted.dtype), one) for one in steps]
    if isinstance(wanted, VarLenFeature):
        return of_rows(rows, kind)
    if not isinstance(wanted, FixedLenSequenceFeature):
        fix = "Use tf.io.FixedLenSequenceFeature or tf.io.VarLenFeature"
        raise NotImplementedError(message("tf.io.parse_single_sequence_example", "no such list", {key: wanted}, fix))
    if held is None and not wanted.allow_missing:
        raise InvalidArgumentError(f"Name: <unknown>, Feature list '{key}' is required but could not be found.")
    shape = shape_of(wanted)
    wrong = next((row.size for row in rows if row.size != int(np.prod(shape))), None)
    if wrong is not None:
        raise InvalidArgumentError(f"Key: {key}. Number of values in a step: {wrong}, and its shape is {list(shape)}")
    return Tensor(np.stack(rows).reshape(-1, *shape) if rows else np.zeros((0, *shape), kind.dtype), kind)


KINDS = (FeatureList, FeatureLists, SequenceExample)
READING: dict[str, Any] = {"parse_single_sequence_example": parse_single_sequence_example}
