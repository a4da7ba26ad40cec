"""Layers that number categories by a hash, without a vocabulary."""

from collections.abc import Sequence

import numpy as np

from kerata.base.checks import KindError, check_choice, check_positive_int, message
from kerata.base.config import floatx
from kerata.base.hashing import fingerprint, fingerprint_of_both, siphash
from kerata.base.registry import builtin
from kerata.base.types import Owner
from kerata.engine.symbolic import SymbolicTensor
from kerata.layers.preprocessing.host import HostLayer, as_bytes

MODES = ("int", "one_hot", "multi_hot", "count")
# What TensorFlow begins with where it crosses features.
FIRST = 0xDECAFCAFFE


def take_salt(owner: Owner, salt: object) -> list[int] | None:
    """The two numbers of a salt that is one number, or two of them."""
    if salt is None:
        return None
    if isinstance(salt, (tuple, list)) and len(salt) == 2 and all(isinstance(part, int) for part in salt):
        return list(salt)
    if isinstance(salt, int) and not isinstance(salt, bool):
        return [salt, salt]
    raise ValueError(message(owner, "`salt` must be a whole number, or two of them", {"salt": salt}))


def bin_of(text: bytes, bins: int, salt: Sequence[int] | None) -> int:
    """Which of some bins a text falls into.

    >>> [bin_of(text, 3, None) for text in (b"A", b"B", b"E")], bin_of(b"A", 3, (133, 137))
    ([1, 0, 2], 1)
    """
    return (fingerprint(text) if salt is None else siphash(text, (salt[0], salt[1]))) % bins


def hot(numbers: np.ndarray, mode: str, depth: int, dtype: str) -> np.ndarray:
    """Numbers of categories as ones and zeros, by NumPy: see `categories.encode`."""
    if mode == "int":
        return numbers.astype(dtype)
    numbers = np.atleast_1d(numbers)
    if mode == "one_hot" and numbers.ndim > 1 and numbers.shape[-1] == 1:
        numbers = numbers[..., 0]
    ones = numbers[..., None] == np.arange(depth)
    if mode != "one_hot":
        along = 1 if numbers.ndim > 1 else 0
        ones = ones.any(axis=along) if mode == "multi_hot" else ones.sum(axis=along)
    return ones.astype(dtype)


def shape_of_hot(shape: tuple[int | None, ...], mode: str, depth: int) -> tuple[int | None, ...]:
    if mode == "int":
        return shape
    if mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)


@builtin("layers")
class Hashing(HostLayer):
    """The remainder of a hash of each text or whole number, divided by `num_bins`.

    Numbers categories that nobody has listed; some share a number. The hash is TensorFlow's: FarmHash's fingerprint, or
    SipHash where there is a salt.

    Args:
        num_bins: how many numbers there are.
        mask_value: what gets the number 0, which then no other has.
        salt: a whole number, or two, which make another hash.
        output_mode: `"int"` the numbers; `"one_hot"`, `"multi_hot"`, `"count"` as in `CategoryEncoding`.
        sparse: must be False.

    Shapes: the input's, or as in `CategoryEncoding`.

    Runs on the host: in a model, it takes inputs of `dtype="string"`, or whole numbers.

    >>> import kerata
    >>> kerata.layers.Hashing(3)([["A"], ["B"], ["C"], ["D"], ["E"]]).ravel().tolist()
    [1, 0, 1, 1, 2]
    """

    def __init__(self, num_bins, mask_value=None, salt=None, output_mode="int", sparse=False, **kwargs):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else floatx()
        super().__init__(**kwargs)
        self.num_bins = check_positive_int(self, "num_bins", num_bins)
        self.output_mode = check_choice(self, "output_mode", output_mode, MODES)
        if sparse:
            raise ValueError(message(self, "sparse tensors are not supported", {"sparse": sparse}))
        if output_mode == "int" and self.compute_dtype not in ("int32", "int64"):
            expected = "with `output_mode='int'`, `dtype` must be a type of whole numbers"
            raise ValueError(message(self, expected, {"dtype": kwargs["dtype"]}))
        self.mask_value, self.salt, self.sparse = mask_value, take_salt(self, salt), False

    def call(self, inputs: object) -> np.ndarray:
        texts = as_texts(self, inputs)
        masked = None
        if self.mask_value is not None and self.num_bins > 1:
            masked = np.asarray(as_texts(self, np.asarray(self.mask_value))).item()
        bins = self.num_bins - (masked is not None)
        # Each text is hashed once.
        numbers = {text: bin_of(text, bins, self.salt) + (masked is not None) for text in set(texts.ravel().tolist())}
        if masked is not None:
            numbers[masked] = 0
        found = np.array([numbers[text] for text in texts.ravel().tolist()], "int64").reshape(texts.shape)
        return hot(found, self.output_mode, self.num_bins, self.host_dtype)

    @property
    def host_dtype(self) -> str:
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def compute_output_shape(self, input_shape):
        return shape_of_hot(tuple(input_shape), self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: SymbolicTensor) -> SymbolicTensor:
        return SymbolicTensor(self.compute_output_shape(inputs.shape), self.host_dtype)


@builtin("layers")
class HashedCrossing(HostLayer):
    """The remainder of a hash of two or more features together, divided by `num_bins`.

    A category for each combination of categories, as a linear model needs them. The hash is TensorFlow's.

    Args:
        num_bins: how many numbers there are.
        output_mode: `"int"` or `"one_hot"`.
        sparse: must be False.

    Shapes: a list of inputs of one shape, (batch,) or (batch, 1), texts or whole numbers, to that shape; `"one_hot"` to
    (batch, num_bins).

    Runs on the host, as `Hashing` does.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.HashedCrossing(5)
    >>> layer([np.array(["A", "B", "A", "B", "A"]), np.array([101, 101, 101, 102, 102])]).tolist()
    [1, 4, 1, 1, 3]
    """

    def __init__(self, num_bins, output_mode="int", sparse=False, name=None, dtype=None, **kwargs):
        if output_mode == "int" and dtype is None:
            dtype = "int64"
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.num_bins = check_positive_int(self, "num_bins", num_bins)
        self.output_mode = check_choice(self, "output_mode", output_mode, ("int", "one_hot"))
        if sparse:
            raise ValueError(message(self, "sparse tensors are not supported", {"sparse": sparse}))
        self.sparse = False

    def call(self, inputs: Sequence[object]) -> np.ndarray:
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(message(self, "it is called on a list of at least two inputs", {"inputs": inputs}))
        features = [self._as_features(feature) for feature in inputs]
        shapes = {feature.shape for feature in features}
        shape = features[0].shape
        if len(shapes) > 1 or len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            expected = "all inputs must have one shape, (), (batch,) or (batch, 1)"
            raise ValueError(message(self, expected, {"shapes": [feature.shape for feature in features]}))
        found = []
        for together in zip(*(feature.ravel().tolist() for feature in features), strict=True):
            crossed = FIRST
            for part in together:
                crossed = fingerprint_of_both(crossed, part)
            found.append(crossed % self.num_bins)
        return hot(np.array(found, "int64").reshape(shape), self.output_mode, self.num_bins, self.host_dtype)

    def _as_features(self, feature: object) -> np.ndarray:
        """Whole numbers as they are, and fingerprints of texts: all of 64 bits."""
        array = np.asarray(feature)
        if array.dtype.kind in "iub":
            return array.astype("int64").view("uint64")
        if array.dtype.kind == "f":
            raise KindError(message(self, "it takes texts or whole numbers", {"inputs": feature}))
        texts = as_bytes(self, array)
        return np.array([fingerprint(text) for text in texts.ravel().tolist()], "uint64").reshape(texts.shape)

    @property
    def host_dtype(self) -> str:
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def compute_output_shape(self, input_shape):
        if len(input_shape) < 2 or tuple(input_shape[0]) != tuple(input_shape[1]):
            expected = "it is called on a list of at least two inputs of one shape"
            raise ValueError(message(self, expected, {"input_shape": input_shape}))
        return shape_of_hot(tuple(input_shape[0]), self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs: Sequence[SymbolicTensor]) -> SymbolicTensor:
        return SymbolicTensor(self.compute_output_shape([tensor.shape for tensor in inputs]), self.host_dtype)

    def get_config(self):
        # The type is written as a name, as in Keras.
        config = super().get_config()
        config.pop("trainable", None)
        return {**config, "dtype": self.dtype_policy.name}


def as_texts(owner: Owner, data: object) -> np.ndarray:
    """Texts as bytes; whole numbers as their digits, others without their fraction."""
    array = np.asarray(data)
    if array.dtype.kind in "iubf":
        whole = array.astype("int64")
        found = np.empty(whole.size, object)
        found[:] = [str(number).encode() for number in whole.ravel().tolist()]
        return found.reshape(whole.shape)
    return as_bytes(owner, array)
