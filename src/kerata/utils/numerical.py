"""Numbers of a data set: classes as rows of zeros and a one, vectors of length one."""

from typing import cast

import numpy as np

from kerata import ops
from kerata.base.checks import message
from kerata.engine.types import AnyArray, Array, TensorLike
from kerata.ops import is_tensor


def to_categorical(x: TensorLike, num_classes: int | None = None) -> AnyArray:
    """Class numbers as rows with a 1 at the class and 0 elsewhere, for `categorical_crossentropy`.

    Args:
        x: integers from 0 to `num_classes - 1`, of any shape; a last axis of size 1 is dropped.
        num_classes: how many classes there are; the largest number plus one by default.

    Shapes: (...) or (..., 1) to (..., num_classes), float64 from NumPy as in Keras.

    >>> import kerata
    >>> kerata.utils.to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if is_tensor(x):
        x = cast(Array, x)
        x = ops.squeeze(x, -1) if len(x.shape) > 1 and x.shape[-1] == 1 else x
        return ops.one_hot(x, int(ops.max(x)) + 1 if num_classes is None else num_classes)
    classes = np.array(x, dtype="int64")
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes[..., 0]
    if not num_classes:
        if classes.size == 0:
            raise ValueError(message("to_categorical", "`num_classes` is needed for an empty array", {"x": classes}))
        num_classes = int(classes.max()) + 1
    if classes.size and (classes.min() < 0 or classes.max() >= num_classes):
        raise ValueError(
            message(
                "to_categorical",
                f"classes must be integers from 0 to {num_classes - 1}",
                {"smallest": classes.min(), "largest": classes.max()},
                "Give `num_classes`, or number the classes from 0",
            )
        )
    categorical = np.zeros((*classes.shape, num_classes))
    np.put_along_axis(categorical, classes[..., None], 1.0, axis=-1)
    return categorical


def normalize(x: TensorLike, axis: int = -1, order: int = 2) -> AnyArray:
    """x / |x| along an axis; vectors of zeros stay as they are.

    Args:
        order: of the norm; 2 for the Euclidean one.

    >>> import kerata
    >>> kerata.utils.normalize(np.array([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    if is_tensor(x):
        return ops.normalize(x, axis=axis, order=order)
    x = np.asarray(x)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)
