"""Layers that number what they have seen: words, identifiers."""

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from kerata.base.checks import KindError, check_choice, message
from kerata.base.config import floatx
from kerata.base.limits import check_path_is_given
from kerata.base.refusals import MissingFile
from kerata.base.registry import builtin
from kerata.base.serialization import writes_code
from kerata.base.types import Owner, PartialShape, PathLike
from kerata.data.samples import Data
from kerata.engine.module import Look
from kerata.engine.stores import Store, WritableStore
from kerata.engine.symbolic import SymbolicTensor
from kerata.layers.preprocessing.hashing import bin_of, take_salt
from kerata.layers.preprocessing.host import HostLayer, as_bytes

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}
VOCABULARY_FILE = "vocabulary.txt"


def batches_of(data: Any, steps: int | None) -> Iterable[Any]:
    """What `adapt` is given, batch by batch: an array, a list, or something that gives batches."""
    if isinstance(data, (list, tuple, np.ndarray)) or hasattr(data, "__array__"):
        yield data
        return
    for index, batch in enumerate(data):
        if steps is not None and index >= steps:
            return
        yield batch[0] if isinstance(batch, tuple) else batch


class IndexLookup(HostLayer):
    """What `StringLookup` and `IntegerLookup` have in common. Tokens are bytes objects or integers.

    The numbers: 0 for `mask_token`, if there is one and the mode is "int"; then `num_oov_indices` numbers for what is not in
    the vocabulary; then the vocabulary in its order.
    """

    # Kept by files apart, and by configs only where the vocabulary was given.
    _unsaved = frozenset({"vocabulary", "idf_weights"})
    _bookkeeping = dict.fromkeys(
        ("tokens", "numbers", "idf", "input_vocabulary", "input_idf_weights", "_counts", "_spread", "_documents"), Look.NOBODY
    )

    def take_arguments(
        self,
        max_tokens,
        num_oov_indices,
        mask_token,
        oov_token,
        vocabulary,
        idf_weights,
        invert,
        output_mode,
        sparse,
        pad,
        size,
    ) -> None:
        """Checks and keeps the arguments that both layers share."""
        if max_tokens is not None and (not isinstance(max_tokens, int) or max_tokens <= 1):
            raise ValueError(message(self, "if set, `max_tokens` must be greater than 1", {"max_tokens": max_tokens}))
        if pad and max_tokens is None:
            raise ValueError(message(self, "with `pad_to_max_tokens` there must be `max_tokens`", {"max_tokens": max_tokens}))
        if not isinstance(num_oov_indices, int) or num_oov_indices < 0:
            expected = "`num_oov_indices` must be greater than or equal to 0"
            raise ValueError(message(self, expected, {"num_oov_indices": num_oov_indices}))
        if sparse:
            raise ValueError(message(self, "sparse tensors are not supported", {"sparse": sparse}))
        self.output_mode = check_choice(self, "output_mode", OLD_MODES.get(output_mode, output_mode), MODES)
        if invert and self.output_mode != "int":
            raise ValueError(message(self, "`output_mode` must be 'int' when `invert` is true", {"output_mode": output_mode}))
        if (idf_weights is not None) != (vocabulary is not None) and self.output_mode == "tf_idf":
            expected = "with `output_mode='tf_idf'`, `vocabulary` and `idf_weights` come together or not at all"
            raise ValueError(message(self, expected, {"vocabulary": vocabulary, "idf_weights": idf_weights}))
        if idf_weights is not None and self.output_mode != "tf_idf":
            expected = "`idf_weights` should only be set if `output_mode` is 'tf_idf'"
            raise ValueError(message(self, expected, {"output_mode": output_mode}))
        self.max_tokens, self.num_oov_indices, self.pad_to_max_tokens = max_tokens, num_oov_indices, bool(pad)
        self.mask_token, self.oov_token, self.invert, self.sparse = mask_token, oov_token, bool(invert), False
        self.input_vocabulary = None if isinstance(vocabulary, (str, os.PathLike)) else vocabulary
        self.input_idf_weights = idf_weights
        self.tokens: list[Any] = []
        self.numbers: dict[Any, int] = {}
        self.idf: np.ndarray | None = None
        self.fixed_size: int | None = size
        self.has_vocabulary = False
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # Tokens, as the two layers keep them.

    def as_tokens(self, data: object) -> np.ndarray:
        raise NotImplementedError

    def as_token(self, value: object) -> str | int:
        raise NotImplementedError

    def spoken(self, token: object) -> str | int:
        """A token as a user sees it."""
        raise NotImplementedError

    @property
    def first_oov(self) -> int:
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    @property
    def first_token(self) -> int:
        return self.first_oov + self.num_oov_indices

    # The vocabulary

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The words by their numbers; with `include_special_tokens` also what stands for the mask and for unknown ones."""
        words = [self.spoken(token) for token in self.tokens]
        if not include_special_tokens:
            return words
        return [self.mask_token] * self.first_oov + [self.oov_token] * self.num_oov_indices + words

    def vocabulary_size(self) -> int:
        """How many numbers there are, those for the mask and for unknown words included."""
        return self.first_token + len(self.tokens)

    def set_vocabulary(self, vocabulary: object, idf_weights: object = None) -> None:
        """Sets the words, in place of `adapt`.

        Args:
            vocabulary: a list or an array, or the path of a text file with a word a line; what stands for the mask and for
                unknown words may come first.
            idf_weights: one for each word, where the mode is "tf_idf".
        """
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            expected = "`idf_weights` must be set if and only if `output_mode` is 'tf_idf'"
            raise ValueError(message(self, expected, {"output_mode": self.output_mode, "idf_weights": idf_weights}))
        if isinstance(vocabulary, (str, os.PathLike)):
            check_path_is_given(self, "vocabulary", vocabulary)
            vocabulary = read_lines(self, vocabulary)
        given = [self.as_token(word) for word in np.asarray(vocabulary, object).reshape(-1).tolist()]
        if not given:
            raise ValueError(message(self, "the vocabulary must not be empty", {"vocabulary": vocabulary}))
        special = [self.mask_token] * self.first_oov + [self.oov_token] * self.num_oov_indices
        special = [None if token is None else self.as_token(token) for token in special]
        has_special = given[: len(special)] == special
        tokens = given[len(special) :] if has_special else given
        self._check_tokens(tokens, special)
        self._take_tokens(tokens)
        if idf_weights is not None:
            self._take_weights(np.asarray(idf_weights, "float64"), len(given), has_special)

    def _check_tokens(self, tokens: list[Any], special: list[Any]) -> None:
        if twice := [self.spoken(token) for token, count in Counter(tokens).items() if count > 1]:
            raise ValueError(message(self, "the vocabulary has at least one repeated term", {"repeated": twice[:5]}))
        reserved = [self.mask_token, *([self.oov_token] if self.invert else [])]
        for word in reserved:
            if word is not None and self.as_token(word) in tokens:
                expected = "a word that stands for the mask or for unknown ones must come first in `vocabulary`, or not at all"
                known = [None if token is None else self.spoken(token) for token in special]
                raise ValueError(message(self, expected, {"word": word}, f"The vocabulary may begin with {known}"))
        if self.max_tokens is not None and self.first_token + len(tokens) > self.max_tokens:
            received = {"vocabulary size": self.first_token + len(tokens), "max_tokens": self.max_tokens}
            raise ValueError(message(self, "the vocabulary is larger than `max_tokens` allows", received))

    def _take_tokens(self, tokens: list[Any]) -> None:
        size = self.first_token + len(tokens)
        grows = self.output_mode == "int" or self.pad_to_max_tokens
        if not grows and self.fixed_size not in (None, size) and self.inbound_nodes:
            received = {"before": self.fixed_size, "now": size}
            raise ValueError(message(self, "the vocabulary's size cannot change once the layer stands in a model", received))
        self.tokens, self.fixed_size, self.has_vocabulary = tokens, size, True
        self.numbers = {token: self.first_token + index for index, token in enumerate(tokens)}
        if self.mask_token is not None:
            self.numbers[self.as_token(self.mask_token)] = 0 if self.output_mode == "int" else -1

    def _take_weights(self, weights: np.ndarray, given: int, has_special: bool) -> None:
        if weights.shape != (given,):
            received = {"idf_weights": weights.shape, "vocabulary": given}
            raise ValueError(message(self, "`idf_weights` must be one number for each word of the vocabulary", received))
        front = 0 if has_special else self.first_token
        weights = np.concatenate([np.full(front, weights.mean()), weights])
        back = self.max_tokens - len(weights) if self.pad_to_max_tokens and self.max_tokens is not None else 0
        self.idf = np.concatenate([weights, np.zeros(back)]).astype(floatx())

    def take_learned(self, other: "IndexLookup") -> None:
        for name in ("tokens", "numbers", "idf", "has_vocabulary", "fixed_size"):
            setattr(self, name, getattr(other, name))

    # Reading it off data

    def adapt(self, data: Data, steps: int | None = None) -> None:
        """Takes the words of some data as the vocabulary, the most frequent ones first, in place of what an earlier call saw.

        Args:
            data: an array, a list, or batches: a generator, a data set.
            steps: how many batches are looked at; all of them by default.
        """
        self.reset_state()
        for batch in batches_of(data, steps):
            tokens = self.as_tokens(batch)
            self.update_state(tokens.reshape(-1, 1) if tokens.ndim < 2 and batch is data else tokens)
        self.finalize_state()

    def update_state(self, data: Data) -> None:
        """Counts the words of a batch; its first axis counts documents, and an array with one axis is one document."""
        if self.input_vocabulary is not None:
            raise ValueError(message(self, "a layer with a given `vocabulary` cannot be adapted", {"data": data}))
        tokens = self.as_tokens(data)
        documents = tokens.reshape(1, -1) if tokens.ndim < 2 else tokens.reshape(len(tokens), -1)
        self.count_documents(documents.tolist())

    def count_documents(self, documents: Iterable[list[Any]]) -> None:
        """Counts the tokens of some documents."""
        for document in documents:
            self._counts.update(document)
            self._documents += 1
            if self.output_mode == "tf_idf":
                self._spread.update(set(document))

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted."""
        if not self._documents:
            raise ValueError(message(self, "`adapt()` got an empty iterable, and needs at least one text"))
        for word in (self.mask_token, self.oov_token):
            if word is not None:
                self._counts.pop(self.as_token(word), None)
        ranked = sorted(self._counts, key=lambda token: (self._counts[token], token), reverse=True)
        self._take_tokens(ranked[: self.max_tokens - self.first_token] if self.max_tokens else ranked)
        if self.output_mode == "tf_idf":
            spread = np.array([self._spread[token] for token in self.tokens])
            self._take_weights(np.log(1 + self._documents / (1 + spread)), len(self.tokens), False)
        self.reset_state()

    def reset_state(self) -> None:
        """Forgets what was counted since the last `finalize_state`."""
        self._counts: Counter[Any] = Counter()
        self._spread: Counter[Any] = Counter()
        self._documents = 0

    # Looking up

    def call(self, inputs: object) -> np.ndarray:
        if self.invert:
            return self._words_of(np.asarray(inputs))
        tokens = self.as_tokens(inputs)
        return self.encode(
            [self.numbers_of(row) for row in tokens.reshape(-1, tokens.shape[-1] if tokens.ndim else 1).tolist()], tokens.shape
        )

    def numbers_of(self, tokens: list[Any]) -> list[int]:
        """The number of each token; -1 where a masked one counts for nothing."""
        self._check_vocabulary()
        if self.num_oov_indices == 1:
            unknown, find = self.first_oov, self.numbers.get
            return [find(token, unknown) for token in tokens]
        return [self.numbers[token] if token in self.numbers else self._unknown(token) for token in tokens]

    def _check_vocabulary(self) -> None:
        if not self.has_vocabulary:
            fix = f"Say {self.name}.adapt(data), or give `vocabulary`"
            raise ValueError(message(self, "there must be a vocabulary before the layer is called", fix=fix))

    def _unknown(self, token: object) -> int:
        if self.mask_token is not None and token == self.as_token(self.mask_token):
            return 0
        if self.num_oov_indices == 0:
            expected = "with `num_oov_indices=0` all inputs should be in the vocabulary"
            raise ValueError(message(self, expected, {"input": self.spoken(token)}, "Say num_oov_indices=1"))
        return self.first_oov + self.bucket(token)

    def bucket(self, token: object) -> int:
        """Which of the numbers for unknown tokens one gets."""
        raise NotImplementedError

    @property
    def depth(self) -> int | None:
        """How many numbers the output has, where it counts tokens."""
        return self.max_tokens if self.pad_to_max_tokens else self.fixed_size

    def encode(self, rows: list[list[int]], shape: tuple[int, ...]) -> np.ndarray:
        """Numbers of tokens in the layer's mode; the rows may differ in length unless the mode is "int" or "one_hot"."""
        if self.output_mode == "int":
            return np.asarray(rows, "int32").reshape(shape)
        depth = self.depth
        assert depth is not None
        if self.output_mode == "one_hot":
            numbers = np.asarray(rows, "int64").reshape(shape)
            numbers = numbers[..., 0] if numbers.ndim > 1 and numbers.shape[-1] == 1 else np.atleast_1d(numbers)
            return (numbers[..., None] == np.arange(depth)).astype(floatx())
        lengths = [len(row) for row in rows]
        numbers = np.fromiter((number for row in rows for number in row), "int64", sum(lengths))
        places = np.repeat(np.arange(len(rows)), lengths)
        kept = (numbers >= 0) & (numbers < depth)
        counts = np.bincount(places[kept] * depth + numbers[kept], minlength=len(rows) * depth).reshape(len(rows), depth)
        if self.output_mode == "multi_hot":
            counts = counts > 0
        counts = counts.astype(floatx())
        return (counts * self.idf if self.output_mode == "tf_idf" else counts).reshape(*shape[:-1], depth)

    def _words_of(self, numbers: np.ndarray) -> np.ndarray:
        self._check_vocabulary()
        if numbers.dtype.kind not in "iu":
            raise KindError(message(self, "with `invert` it takes whole numbers", {"inputs": numbers}))
        words = self.get_vocabulary()
        known = np.array([*words, self.oov_token], object if isinstance(self.oov_token, (str, bytes)) else None)
        found = np.empty(numbers.shape, known.dtype)
        # Of a single number NumPy would give the word alone, which is no array.
        found[...] = known[np.where((numbers < 0) | (numbers >= len(words)), len(words), numbers)]
        return found

    # Shapes, configs, files

    def compute_output_shape(self, input_shape: PartialShape) -> tuple[int | None, ...]:
        shape = tuple(input_shape)
        if self.output_mode == "int":
            return shape
        if self.output_mode == "one_hot":
            return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), self.depth)
        return (*shape[:-1], self.depth)

    def compute_output_spec(self, inputs: SymbolicTensor) -> SymbolicTensor:
        kind = self.token_type if self.invert else "int32" if self.output_mode == "int" else floatx()
        return SymbolicTensor(self.compute_output_shape(inputs.shape), kind)

    token_type = "string"

    def get_config(self) -> dict[str, Any]:
        given, weights = self.input_vocabulary, self.input_idf_weights
        if given is None and self.has_vocabulary and writes_code():
            # HDF5 and folders of old have no files beside the description.
            given = self.get_vocabulary(include_special_tokens=False)
            weights = None if self.idf is None else self.idf[self.first_token : self.first_token + len(given)]
        return {
            **super().get_config(),
            "vocabulary": None
            if given is None
            else [self.spoken(self.as_token(word)) for word in np.asarray(given, object).tolist()],
            "idf_weights": None if weights is None else np.asarray(weights).tolist(),
            "vocabulary_size": self.fixed_size,
        }

    def save_own_variables(self, store: WritableStore) -> None:
        if self.output_mode == "tf_idf" and self.idf is not None:
            store["idf_weights"] = self.idf

    def load_own_variables(self, store: Store) -> None:
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.idf = np.asarray(store["idf_weights"])

    def save_assets(self, dir_path: PathLike) -> None:
        """Writes the vocabulary into a folder, where the config does not hold it."""
        if self.input_vocabulary is None:
            lines = "\n".join(str(word) for word in self.get_vocabulary())
            Path(dir_path, VOCABULARY_FILE).write_text(lines, encoding="utf-8")

    def load_assets(self, dir_path: PathLike) -> None:
        """Takes the vocabulary of a folder that `save_assets` has filled."""
        if self.input_vocabulary is not None:
            return
        words = read_lines(self, Path(dir_path, VOCABULARY_FILE))
        tokens = [self.as_token(word) for word in words[self.first_token :]]
        self._check_tokens(tokens, [])
        self._take_tokens(tokens)


def read_lines(owner: Owner, path: PathLike) -> list[str]:
    """The lines of a text file, without empty ones at its end."""
    if not Path(path).is_file():
        raise MissingFile(message(owner, "there is no such file of a vocabulary", {"path": str(path)}))
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    while lines and not lines[-1].strip("\r"):
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


@builtin("layers")
class StringLookup(IndexLookup):
    """The number of each word.

    Args:
        max_tokens: how many numbers there are at most; the most frequent words get them.
        num_oov_indices: how many numbers unknown words share, by their hash; 0 refuses them.
        mask_token: a word that stands for nothing: number 0, or left out of counts.
        oov_token: what stands for unknown words in `get_vocabulary()` and with `invert`.
        vocabulary: the words, or the path of a text file with one a line, in place of `adapt`.
        idf_weights: of the words, with `output_mode="tf_idf"`.
        invert: whether to turn numbers back into words.
        output_mode: `"int"` the numbers; `"one_hot"`, `"multi_hot"`, `"count"` as in `CategoryEncoding`; `"tf_idf"` counts
            times log(1 + documents / (1 + documents with the word)).
        pad_to_max_tokens: whether counts have `max_tokens` numbers, however many words there are.
        sparse: must be False.
        encoding: of texts that come as bytes.
        salt: a whole number, or two, for another hash of unknown words.

    Shapes: the input's; (batch, words) to (batch, numbers) where it counts.

    Runs on the host: in a model, it takes inputs of `dtype="string"`.

    >>> import kerata
    >>> layer = kerata.layers.StringLookup(vocabulary=["red", "green"])
    >>> layer([["red", "blue"], ["green", "red"]]).tolist()
    [[1, 0], [2, 1]]
    """

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token="[UNK]",
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        pad_to_max_tokens=False,
        sparse=False,
        encoding="utf-8",
        name=None,
        salt=None,
        **kwargs,
    ):
        size = kwargs.pop("vocabulary_size", None)
        self.oov_method = kwargs.pop("oov_method", "floormod")
        super().__init__(name=name, **kwargs)
        self.salt, self.encoding = take_salt(self, salt), encoding
        self.take_arguments(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            size,
        )

    def as_tokens(self, data: object) -> np.ndarray:
        return as_bytes(self, data, self.encoding)

    def as_token(self, value: object) -> bytes:
        if not isinstance(value, (str, bytes)):
            raise KindError(message(self, "a vocabulary holds texts", {"word": value}))
        return value.encode("utf-8") if isinstance(value, str) else value

    def spoken(self, token: bytes) -> str:
        return token.decode("utf-8", "replace")

    def bucket(self, token: bytes) -> int:
        return bin_of(token, self.num_oov_indices, self.salt)


@builtin("layers")
class IntegerLookup(IndexLookup):
    """The place of each whole number in a vocabulary, e.g. of identifiers.

    Args: as in `StringLookup`; `oov_token` is a number, several `num_oov_indices` share unknown numbers by their remainder.
        With `oov_method="farmhash"` they share them by the hash of their digits, which `salt` changes.

    Shapes: as in `StringLookup`.

    >>> import kerata
    >>> kerata.layers.IntegerLookup(vocabulary=[12, 36, 1138])([[12, 1138, 42], [42, 36, 12]]).tolist()
    [[1, 3, 0], [0, 2, 1]]
    """

    token_type = host_type = "int32"

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=-1,
        vocabulary=None,
        vocabulary_dtype="int64",
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        salt=None,
        name=None,
        **kwargs,
    ):
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        self.vocabulary_dtype = check_choice(self, "vocabulary_dtype", vocabulary_dtype, ("int64",))
        self.oov_method = check_choice(self, "oov_method", oov_method, ("floormod", "farmhash"))
        if salt is not None and oov_method == "floormod":
            received = {"oov_method": oov_method, "salt": salt}
            raise ValueError(message(self, "`salt` goes with `oov_method='farmhash'`", received))
        self.salt = take_salt(self, salt)
        self.take_arguments(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            size,
        )

    def as_tokens(self, data: object) -> np.ndarray:
        array = np.asarray(data)
        if array.dtype.kind not in "iub" and not (array.dtype.kind == "f" and (array == np.floor(array)).all()):
            raise KindError(message(self, "it takes whole numbers", {"inputs": data}))
        return array.astype("int64")

    def as_token(self, value: str | float) -> int:
        if isinstance(value, bool) or int(value) != (float(value) if isinstance(value, str) else value):
            raise KindError(message(self, "a vocabulary holds whole numbers", {"word": value}))
        return int(value)

    def spoken(self, token: int) -> int:
        return token

    def bucket(self, token: int) -> int:
        if self.oov_method == "farmhash":
            return bin_of(str(token).encode(), self.num_oov_indices, self.salt)
        return token % self.num_oov_indices
