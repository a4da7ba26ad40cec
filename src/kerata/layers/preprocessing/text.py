"""Texts as numbers."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np

from kerata.base.checks import check_choice, message
from kerata.base.config import floatx
from kerata.base.registry import builtin, get_registered_object
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.base.types import PartialShape, PathLike
from kerata.data.samples import Data
from kerata.engine.stores import Store, WritableStore
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import TensorLike
from kerata.layers.preprocessing.host import HostLayer, as_bytes
from kerata.layers.preprocessing.lookups import OLD_MODES, StringLookup, batches_of

# How many texts are looked up at a time.
CHUNK = 1024
PUNCTUATION = rb"""!"#$%&()*+,-./:;<=>?@[\]^_`{|}~'"""
# As TensorFlow lowers texts that have no encoding: the letters of ASCII.
LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
STANDARDS: dict[str, tuple[bytes | None, bytes]] = {
    "lower_and_strip_punctuation": (LOWER, PUNCTUATION),
    "lower": (LOWER, b""),
    "strip_punctuation": (None, PUNCTUATION),
}


@builtin("layers")
class TextVectorization(HostLayer):
    """Texts as the numbers of their words, or as counts of them.

    The first layer of a model that takes texts as they are: what is trained, saved, loaded and asked is the same model.

    Args:
        max_tokens: how many numbers there are at most; the most frequent words get them.
        standardize: `"lower_and_strip_punctuation"`, `"lower"`, `"strip_punctuation"`, `None`, or a function of an array of
            texts.
        split: `"whitespace"`, `"character"`, `None`, or a function of an array of texts that gives a list of words for each.
        ngrams: also so many words in a row as one, e.g. 2; or a tuple of how many.
        output_mode: `"int"` the numbers of the words, 0 where a text has ended and 1 for unknown words; `"multi_hot"`,
            `"count"`, `"tf_idf"` a number for each word of the vocabulary, as in `StringLookup`.
        output_sequence_length: how many numbers a text becomes with `"int"`; as many as the longest has by default.
        pad_to_max_tokens: whether counts have `max_tokens` numbers, however many words there are.
        vocabulary: the words, or the path of a text file with one a line, in place of `adapt`.
        idf_weights: of the words, with `output_mode="tf_idf"`.
        sparse, ragged: must be False; `ragged` may be True in programs of `tf.keras`.
        encoding: of texts that come as bytes.

    Shapes: (batch,) or (batch, 1) of texts to (batch, output_sequence_length), or to (batch, numbers); one text alone to the
    same without the batch.

    Runs on the host: in a model, it takes inputs of `dtype="string"`.

    >>> import kerata
    >>> layer = kerata.layers.TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["a good film", "a bad film"])
    >>> layer.get_vocabulary()
    ['', '[UNK]', 'film', 'a', 'good', 'bad']
    >>> layer(["A good, old film!"]).tolist()
    [[3, 4, 1, 2]]
    """

    _unsaved = frozenset({"vocabulary", "idf_weights"})
    # Whether there are tensors with rows of different lengths: in `tf.keras`.
    _may_give_rows = False

    def __init__(
        self,
        max_tokens=None,
        standardize="lower_and_strip_punctuation",
        split="whitespace",
        ngrams=None,
        output_mode="int",
        output_sequence_length=None,
        pad_to_max_tokens=False,
        vocabulary=None,
        idf_weights=None,
        sparse=False,
        ragged=False,
        encoding="utf-8",
        name=None,
        **kwargs,
    ):
        size = kwargs.pop("vocabulary_size", None)
        if getattr(kwargs.get("dtype"), "name", kwargs.get("dtype")) == "string":
            # What `tf.keras` called the type of the layer was that of its inputs.
            kwargs["dtype"] = None
        super().__init__(name=name, **kwargs)
        for argument, value in (("sparse", sparse), ("ragged", ragged and not self._may_give_rows)):
            if value:
                fix = f"Leave `{argument}` out: shorter texts are filled up with 0, which Embedding(..., mask_zero=True) skips"
                raise ValueError(message(self, f"{argument} tensors are not supported", {argument: value}, fix))
        if ragged and (output_mode != "int" or output_sequence_length is not None):
            received = {"output_mode": output_mode, "output_sequence_length": output_sequence_length}
            expected = "`ragged` is for `output_mode='int'`, without `output_sequence_length`"
            raise ValueError(message(self, expected, received))
        if standardize is not None and not callable(standardize):
            check_choice(self, "standardize", standardize, tuple(STANDARDS))
        if split is not None and not callable(split):
            check_choice(self, "split", split, ("whitespace", "character"))
        if not (ngrams is None or isinstance(ngrams, int) or all(isinstance(n, int) for n in ngrams)):
            raise ValueError(message(self, "`ngrams` must be None, an integer, or a tuple of integers", {"ngrams": ngrams}))
        mode = OLD_MODES.get(output_mode, output_mode)
        if mode != "int" and output_sequence_length is not None:
            received = {"output_mode": output_mode, "output_sequence_length": output_sequence_length}
            raise ValueError(message(self, "`output_sequence_length` is for `output_mode='int'`", received))
        if not (output_sequence_length is None or isinstance(output_sequence_length, int)):
            received = {"output_sequence_length": output_sequence_length}
            raise ValueError(message(self, "`output_sequence_length` must be either None or an integer", received))
        self.standardize, self.split, self.ngrams = standardize, split, tuple(ngrams) if isinstance(ngrams, list) else ngrams
        self.output_sequence_length, self.sparse, self.ragged, self.encoding = output_sequence_length, False, ragged, encoding
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=mode,
            encoding=encoding,
            vocabulary_size=size,
        )

    @property
    def output_mode(self) -> str:
        return self._lookup_layer.output_mode

    @property
    def input_vocabulary(self) -> object:
        """The words that the constructor was given; `None` if it was given none, or a file."""
        return self._lookup_layer.input_vocabulary

    @property
    def max_tokens(self) -> int | None:
        return self._lookup_layer.max_tokens

    @property
    def pad_to_max_tokens(self) -> bool:
        return self._lookup_layer.pad_to_max_tokens

    # Words

    def words_of(self, inputs: object) -> list[list[bytes]]:
        """The words of each text, and its groups of words."""
        texts = self._standardized(inputs)
        if self.split is not None and texts.ndim > 1:
            if texts.shape[-1] != 1:
                expected = "texts must stand in one axis, or in a second one of size 1"
                raise ValueError(message(self, expected, {"inputs": texts.shape}))
            texts = texts[..., 0]
        words = self._split(np.atleast_1d(texts))
        if self.ngrams is None:
            return words
        widths = range(1, self.ngrams + 1) if isinstance(self.ngrams, int) else self.ngrams
        return [
            [b" ".join(row[first : first + width]) for width in widths for first in range(len(row) - width + 1)]
            for row in words
        ]

    def _standardized(self, inputs: object) -> np.ndarray:
        texts = as_bytes(self, inputs, self.encoding)
        if self.standardize is None:
            return texts
        if callable(self.standardize):
            spoken = np.array([text.decode("utf-8") for text in texts.reshape(-1)], str).reshape(texts.shape)
            return as_bytes(self, self.standardize(spoken))
        table, deleted = STANDARDS[self.standardize]
        found = np.empty(texts.size, object)
        found[:] = [text.translate(table, deleted) for text in texts.reshape(-1)]
        return found.reshape(texts.shape)

    def _split(self, texts: np.ndarray) -> list[list[bytes]]:
        if self.split == "whitespace":
            return [text.split() for text in texts]
        if self.split == "character":
            return [[letter.encode("utf-8") for letter in text.decode("utf-8", "replace")] for text in texts]
        if self.split is None:
            return texts.reshape(len(texts), -1).tolist()
        function: Callable[[np.ndarray], Any] = self.split  # pyright: ignore[reportAssignmentType] names are done with
        rows = function(np.array([text.decode("utf-8") for text in texts], str))
        # A row may be a tensor of texts, of which a list would be one of tensors.
        rows = [row if hasattr(row, "__array__") else np.asarray(list(row), object) for row in rows]
        return [as_bytes(self, row).tolist() for row in rows]

    # The vocabulary

    def adapt(self, data: Data, batch_size: int | None = None, steps: int | None = None) -> None:
        """Takes the words of some texts as the vocabulary, the most frequent ones first.

        Args:
            data: texts, or batches of them: a generator, a data set.
            batch_size: accepted for Keras's sake.
            steps: how many batches are looked at; all of them by default.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Data) -> None:
        """Counts the words of some texts."""
        if self._lookup_layer.input_vocabulary is not None:
            raise ValueError(message(self, "a layer with a given `vocabulary` cannot be adapted", {"data": data}))
        self._lookup_layer.count_documents(self.words_of(data))

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forgets what was counted since the last `finalize_state`."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words by their numbers; see `StringLookup`."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """How many numbers there are."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: object, idf_weights: object = None) -> None:
        """Sets the words, in place of `adapt`; see `StringLookup`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def take_learned(self, other: "TextVectorization") -> None:
        self._lookup_layer.take_learned(other._lookup_layer)

    # Numbers

    def call(self, inputs: TensorLike) -> np.ndarray:
        lookup = self._lookup_layer
        if self.split is None and self.ngrams is None and self.output_mode == "int" and np.ndim(inputs) < 2:
            return lookup.call(self._standardized(inputs))
        found = self._encoded(self.words_of(inputs))
        # One text alone is no batch.
        return found[0] if np.ndim(inputs) == 0 else found

    def _encoded(self, words: list[list[bytes]]) -> np.ndarray:
        lookup = self._lookup_layer
        if self.ragged:
            found = np.empty(len(words), object)
            for place, row in enumerate(words):
                found[place] = np.array(lookup.numbers_of(row), "int32")
            return found
        if self.output_mode == "int":
            return padded(words, self.output_sequence_length, lookup.numbers_of)
        rows = [lookup.numbers_of(row) for row in words]
        if self.output_mode == "one_hot":
            return lookup.encode(rows, (len(rows), max(map(len, rows), default=0)))
        return lookup.encode(rows, (len(rows), 1))

    def compute_output_shape(self, input_shape: PartialShape) -> tuple[int | None, ...]:
        if self.output_mode == "int":
            alone = self.split is None and self.ngrams is None and len(input_shape) < 2
            return tuple(input_shape) if alone else (*input_shape[:1], self.output_sequence_length)
        words = (*input_shape, 1) if self.split is None and len(input_shape) <= 1 else tuple(input_shape)
        return self._lookup_layer.compute_output_shape(words if self.split is None else (*input_shape[:1], None))

    def compute_output_spec(self, inputs: SymbolicTensor) -> SymbolicTensor:
        if self.ragged:
            fix = "Leave `ragged` out: rows are filled up with 0, which `Embedding(mask_zero=True)` passes over"
            raise ValueError(message(self, "rows of different lengths cannot go into a model", {"ragged": True}, fix))
        kind = "int32" if self.output_mode == "int" else floatx()
        return SymbolicTensor(self.compute_output_shape(inputs.shape), kind)

    def get_config(self) -> dict[str, Any]:
        of_lookup = self._lookup_layer.get_config()
        return {
            **super().get_config(),
            "standardize": serialize_keras_object(self.standardize),
            "split": serialize_keras_object(self.split),
            **{name: of_lookup[name] for name in ("vocabulary", "idf_weights")},
            "vocabulary_size": of_lookup["vocabulary_size"] or self.vocabulary_size(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TextVectorization":
        given = {name: deserialize_keras_object(value) for name, value in config.items()}
        # In folders and JSON of `tf.keras`, functions stand by the names that they are registered under.
        for name in ("standardize", "split"):
            if isinstance(given.get(name), str) and (own := get_registered_object(given[name])) is not None:
                given[name] = own
        return cls(**given)

    def save_assets(self, dir_path: PathLike) -> None:
        """Writes the vocabulary into a folder."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: PathLike) -> None:
        """Takes the vocabulary of a folder that `save_assets` has filled."""
        self._lookup_layer.load_assets(dir_path)

    def save_own_variables(self, store: WritableStore) -> None:
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Store) -> None:
        self._lookup_layer.load_own_variables(store)


def padded(rows: list[list[bytes]], length: int | None, numbers_of: Callable[[list[bytes]], list[int]]) -> np.ndarray:
    """The numbers of rows of words as one array, cut and filled up with 0 to a length; that of the longest by default."""
    width = max(map(len, rows), default=0) if length is None else length
    found = np.zeros((len(rows), width), "int32")
    for start in range(0, len(rows), CHUNK):
        kept = [row[:width] for row in rows[start : start + CHUNK]]
        lengths = np.fromiter(map(len, kept), int, len(kept))
        # One list of many texts' words: a call of NumPy a text would take as long as its words.
        found[start : start + CHUNK][np.arange(width) < lengths[:, None]] = numbers_of(list(chain.from_iterable(kept)))
    return found
