"""`tf.sets`: what rows of whole numbers have in common, as sparse tensors."""

from collections.abc import Callable

import numpy as np

from kerata.base.checks import message
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.sparse import SparseTensor, of_rows


def of_pairs(combine: Callable[[np.ndarray, np.ndarray], np.ndarray], name: str) -> Callable[..., SparseTensor]:
    """A function of two tensors of rows."""

    def call(a: object, b: object, *args: object, aminusb: bool = True, **kwargs: object) -> SparseTensor:
        first, second = convert(a), convert(b)
        if name == "difference" and not (args[0] if args else aminusb):
            first, second = second, first
        if first.ndim != 2 or second.ndim != 2 or first.shape[0] != second.shape[0]:
            shapes = {"a": first.shape, "b": second.shape}
            raise ValueError(message(f"tf.sets.{name}", "it takes two tensors of as many rows", shapes))
        pairs = zip(first.numpy(), second.numpy(), strict=True)
        return of_rows([combine(np.unique(one), np.unique(other)) for one, other in pairs], first.dtype)

    call.__name__ = name
    return call


SETS = {
    "intersection": of_pairs(np.intersect1d, "intersection"),
    "union": of_pairs(np.union1d, "union"),
    "difference": of_pairs(lambda one, other: np.setdiff1d(one, other, assume_unique=True), "difference"),
}
# As they were called in TensorFlow 1.
SETS |= {f"set_{name}": function for name, function in SETS.items()}
