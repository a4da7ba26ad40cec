"""What functions that move the parts of tensors do with tensors of texts, which NumPy holds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerata.base.types import DTypeLike
from kerata.legacy.tensorflow.calls import ints
from kerata.legacy.tensorflow.errors import InvalidArgumentError, UnimplementedError
from kerata.legacy.tensorflow.types import Ints, as_dtype


def as_texts(value: object) -> np.ndarray:
    """An array of texts; an error for numbers among them."""
    array = np.asarray(value)
    if array.dtype.kind in "US" or (array.dtype == object and array.size and isinstance(array.ravel()[0], str)):
        array = np.array([one.encode() if isinstance(one, str) else one for one in array.ravel().tolist()], object).reshape(
            array.shape
        )
    if array.dtype != object:
        raise TypeError(f"texts and numbers do not go together. Received: {value!r}. Use tf.strings.as_string")
    return array


def places_of_parts(size: int, parts: Ints) -> int | list[int]:
    """Where to split an axis: into how many equal parts, or behind which elements.

    >>> places_of_parts(6, 2), places_of_parts(6, [1, -1, 2])
    (2, [1, 4])
    """
    known = ints(parts)
    if isinstance(known, int):
        return known
    sizes = list(known)
    if -1 in sizes:
        sizes[sizes.index(-1)] = size - sum(sizes) - 1
    return np.cumsum(sizes)[:-1].tolist()


def split(value: np.ndarray, parts: Ints, axis: int, num: int | None = None) -> list[np.ndarray]:
    return np.split(value, places_of_parts(value.shape[ints(axis)], parts), ints(axis))


def cast(x: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """Texts stay what they are, and are no numbers."""
    if as_dtype(dtype).name != "string":
        raise UnimplementedError("tf.cast: texts do not become numbers. Use tf.strings.to_number(x)")
    return x


def gather(params: np.ndarray, indices: object, _: object, axis: int | None, batch_dims: int) -> np.ndarray:
    places = np.asarray(indices)
    axis = batch_dims if axis is None else axis + params.ndim if axis < 0 else axis
    size = params.shape[axis]
    if places.size and (places.min() < 0 or places.max() >= size):
        raise InvalidArgumentError(f"indices = {places.min() if places.min() < 0 else places.max()} is not in [0, {size})")
    if not batch_dims:
        return np.take(params, places, axis)
    rows = [gather(*pair, None, axis - 1, batch_dims - 1) for pair in zip(params, places, strict=True)]
    return np.stack(rows)


def gather_nd(params: np.ndarray, indices: object, batch_dims: int | None) -> np.ndarray:
    places = np.asarray(indices)
    if batch_dims:
        return np.stack([gather_nd(*pair, batch_dims - 1) for pair in zip(params, places, strict=True)])
    sizes = np.array(params.shape[: places.shape[-1]])
    if places.size and ((places < 0) | (places >= sizes)).any():
        raise InvalidArgumentError(f"indices do not index into param shape {list(params.shape)}. Received: {places.tolist()}")
    return params[tuple(np.moveaxis(places, -1, 0))]


def boolean_mask(tensor: np.ndarray, mask: object, axis: int | None) -> np.ndarray:
    there = np.asarray(mask, bool)
    return tensor[(slice(None),) * (axis or 0) + (there,)]


def where(condition: object, x: object, y: object) -> np.ndarray:
    return np.where(np.asarray(condition, bool), as_texts(x), as_texts(y))


def slice_of(x: np.ndarray, begin: Sequence[Any], size: Ints) -> np.ndarray:
    starts = [int(one) for one in np.asarray(begin).tolist()]
    ends = [None if n == -1 else start + n for start, n in zip(starts, ints(size), strict=True)]
    return x[tuple(slice(*pair) for pair in zip(starts, ends, strict=True))]


def pad(tensor: np.ndarray, paddings: object, mode: str, constant: object) -> np.ndarray:
    widths = np.asarray(paddings).tolist()
    if str(mode).lower() != "constant":
        return np.pad(tensor, widths, mode=str(mode).lower())  # type: ignore[call-overload]
    fill = b"" if isinstance(constant, int) and constant == 0 else as_texts(constant)[()]
    return np.pad(tensor, widths, constant_values=fill)


def update(tensor: np.ndarray, indices: object, updates: object) -> np.ndarray:
    found = tensor.copy()
    found[tuple(np.moveaxis(np.asarray(indices), -1, 0))] = as_texts(updates)
    return found


def filled_like(value: int, name: str) -> Callable[..., np.ndarray]:
    """Of texts, empty ones for 0, and nothing for 1; numbers where a type of numbers is said."""

    def compute(x: np.ndarray, dtype: DTypeLike | None) -> np.ndarray:
        if dtype is not None and as_dtype(dtype).name != "string":
            return np.full(x.shape, value, as_dtype(dtype).dtype)
        if value:
            raise InvalidArgumentError(f"tf.{name}: there are no ones among texts. Give it a dtype")
        return np.full(x.shape, b"", object)

    return compute


ON_TEXTS: dict[str, Callable[..., Any]] = {
    "cast": cast,
    "identity": lambda x: x,
    "stop_gradient": lambda x: x,
    "reshape": lambda x, shape: x.reshape(ints(shape)),
    "transpose": lambda x, perm, _: x.transpose(perm),
    "expand_dims": np.expand_dims,
    "squeeze": lambda x, axis: np.squeeze(x, ints(axis if axis != [] else None)),
    "concat": lambda values, axis: np.concatenate([as_texts(one) for one in values], ints(axis)),
    "stack": lambda values, axis: np.stack([as_texts(one) for one in values], axis),
    "unstack": lambda x, num, axis: list(np.moveaxis(x, axis, 0)),
    "split": split,
    "tile": lambda x, n: np.tile(x, ints(n)),
    "repeat": np.repeat,
    "reverse": lambda x, axis: np.flip(x, ints(axis)),
    "roll": lambda x, shift, axis: np.roll(x, ints(shift), ints(axis)),
    "slice": slice_of,
    "gather": gather,
    "gather_nd": gather_nd,
    "boolean_mask": boolean_mask,
    "where": where,
    "pad": pad,
    "fill": lambda dims, value: np.full(ints(dims), value, object),
    "zeros_like": filled_like(0, "zeros_like"),
    "ones_like": filled_like(1, "ones_like"),
    "broadcast_to": lambda x, shape: np.broadcast_to(x, ints(shape)),
    "tensor_scatter_nd_update": update,
}
