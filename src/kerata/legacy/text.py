"""`keras.preprocessing.text`: words of texts as numbers."""

import hashlib
import json
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from kerata.engine.types import HostArray

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(text: str, filters: str = FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text.

    >>> text_to_word_sequence("To be, or not!")
    ['to', 'be', 'or', 'not']
    """
    if lower:
        text = text.lower()
    text = text.translate(str.maketrans(dict.fromkeys(filters, split)))
    return [word for word in text.split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | Literal["md5"] | None = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], list[str]] | None = None,
) -> list[int]:
    """The words of a text as numbers from 1 below n, by hashing; several words may get one number."""
    number = hash if hash_function is None else md5 if hash_function == "md5" else hash_function
    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [int(number(word) % (n - 1) + 1) for word in words]


def md5(word: str) -> int:
    """A number of a word that is the same in every process."""
    return int(hashlib.md5(word.encode()).hexdigest(), 16)


def one_hot(
    text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], list[str]] | None = None,
) -> list[int]:
    """`hashing_trick` with Python's own hash, which differs from process to process for text."""
    return hashing_trick(text, n, hash, filters, lower, split, analyzer)


class Tokenizer:
    """Words of texts as numbers, the most frequent one first.

    Args:
        num_words: only the most frequent words, so many less one, are used; `nb_words` in Keras 1.
        filters: characters that are left out.
        lower: whether capitals count as small letters.
        split: what words are parted by.
        char_level: whether each character is a word.
        oov_token: stands for words that are not known.

    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["the cat", "the dog"])
    >>> tokenizer.texts_to_sequences(["the dog"])
    [[1, 3]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        document_count: int = 0,
        analyzer: Callable[[str], list[str]] | None = None,
        nb_words: int | None = None,
        **kwargs: object,
    ):
        self.num_words = num_words if nb_words is None else nb_words
        self.filters, self.split, self.lower = filters, split, lower
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.document_count = document_count
        self.word_counts: OrderedDict[str, int] = OrderedDict()
        self.word_docs: dict[str, int] = defaultdict(int)
        self.index_docs: dict[int, int] = defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    @property
    def nb_words(self) -> int | None:
        return self.num_words

    def _words(self, text: str | list[str]) -> Sequence[str]:
        if self.char_level or isinstance(text, list):
            lowered = [t.lower() for t in text] if isinstance(text, list) else text.lower()
            return lowered if self.lower else text
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Counts the words of texts and numbers them by how frequent they are."""
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        ordered = sorted(self.word_counts.items(), key=lambda pair: pair[1], reverse=True)
        known = [] if self.oov_token is None else [self.oov_token]
        known += [word for word, _ in ordered]
        self.word_index = {word: number for number, word in enumerate(known, start=1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Iterable[Iterable[int]]) -> None:
        """Counts in how many sequences each number is."""
        for sequence in sequences:
            self.document_count += 1
            for number in set(sequence):
                self.index_docs[number] += 1

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """Texts as lists of numbers; unknown and too rare words are left out, or are `oov_token`."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        unknown = self.word_index.get(self.oov_token) if self.oov_token is not None else None
        for text in texts:
            numbers = []
            for word in self._words(text):
                number = self.word_index.get(word)
                if number is None or (self.num_words and number >= self.num_words):
                    number = unknown
                if number is not None:
                    numbers.append(number)
            yield numbers

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """Lists of numbers as texts."""
        texts = []
        for sequence in sequences:
            words = []
            for number in sequence:
                word = self.index_word.get(int(number))
                if word is None or (self.num_words and number >= self.num_words):
                    word = self.oov_token
                if word is not None:
                    words.append(word)
            texts.append(" ".join(words))
        return texts

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> HostArray:
        """A row a text; see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: list[Any], mode: str = "binary") -> HostArray:
        """A row a sequence, a column a word: whether it is there, its count, its share, or its tf-idf."""
        if not self.num_words and not self.word_index:
            raise ValueError("Tokenizer: give `num_words`, or call fit_on_texts() before.")
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ValueError(f"Tokenizer: `mode` must be one of binary, count, freq, tfidf. Received: mode={mode!r}.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("Tokenizer: call fit_on_texts() before mode='tfidf'.")
        matrix = np.zeros((len(sequences), self.num_words or len(self.word_index) + 1))
        for row, sequence in zip(matrix, sequences, strict=True):
            counts: dict[int, int] = defaultdict(int)
            for number in sequence:
                if number < len(row):
                    counts[number] += 1
            for number, count in counts.items():
                if mode == "binary":
                    row[number] = 1
                elif mode == "count":
                    row[number] = count
                elif mode == "freq":
                    row[number] = count / len(sequence)
                else:
                    documents = self.index_docs.get(number, 0)
                    row[number] = (1 + np.log(count)) * np.log(1 + self.document_count / (1 + documents))
        return matrix

    def get_config(self) -> dict[str, Any]:
        tables = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
        plain = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        return {**{n: getattr(self, n) for n in plain}, **{n: json.dumps(getattr(self, n)) for n in tables}}

    def to_json(self, **kwargs: Any) -> str:
        """The tokenizer as JSON, which `tokenizer_from_json` reads."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `to_json` wrote."""
    config = json.loads(json_string)["config"]
    tables = {n: json.loads(config.pop(n)) for n in ("word_counts", "word_docs", "index_docs", "index_word", "word_index")}
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts = OrderedDict(tables["word_counts"])
    tokenizer.word_docs.update(tables["word_docs"])
    tokenizer.index_docs.update({int(k): v for k, v in tables["index_docs"].items()})
    tokenizer.index_word = {int(k): v for k, v in tables["index_word"].items()}
    tokenizer.word_index = tables["word_index"]
    return tokenizer
