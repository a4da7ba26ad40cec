"""Two numbers of four bits in each byte."""

import jax.numpy as jnp
import numpy as np

from kerata.base.checks import KindError, check_choice, message
from kerata.engine.types import Array, TensorLike

LOW = 0x0F


def pack_int4(arr: TensorLike, axis: int = 0, dtype: str = "int8") -> tuple[Array, tuple[int, ...], int]:
    """(packed, its shape, the length before): byte i holds element 2i in its low half, element 2i + 1 in its high half.

    Args:
        arr: whole numbers from -8 to 7 (0 to 15 for `"uint8"`), of type `dtype`.
        axis: the axis that becomes half as long; a last, odd element gets a 0 beside it.
        dtype: `"int8"` or `"uint8"`.

    >>> packed, shape, length = pack_int4(np.array([[-3, 7], [2, -8], [1, 0]], "int8"))
    >>> packed.tolist(), shape, length
    ([[45, -121], [1, 0]], (2, 2), 3)
    """
    check_choice("pack_int4", "dtype", dtype, ("int8", "uint8"))
    array = np.asarray(arr)
    if array.dtype != dtype:
        raise KindError(message("pack_int4", f"Expected {dtype} tensor for packing", {"dtype": str(array.dtype)}))
    rows = np.moveaxis(array, axis, 0)
    length = rows.shape[0]
    if length % 2:
        rows = np.concatenate([rows, np.zeros((1, *rows.shape[1:]), rows.dtype)])
    halves = rows.view("uint8") & LOW
    packed = np.moveaxis((halves[::2] | (halves[1::2] << 4)).view(dtype), 0, axis)
    return jnp.asarray(packed), packed.shape, length


def unpack_int4(packed: TensorLike, orig_len: int, axis: int = 0, dtype: str = "int8") -> Array:
    """What `pack_int4` was given.

    Args:
        packed: bytes.
        orig_len: the length of the axis before.
        axis: the axis that was packed.
        dtype: `"int8"` for numbers from -8 to 7, `"uint8"` for 0 to 15.

    >>> unpack_int4(np.array([[45, -121], [1, 0]], "int8"), 3).tolist()
    [[-3, 7], [2, -8], [1, 0]]
    """
    check_choice("unpack_int4", "dtype", dtype, ("int8", "uint8"))
    array = jnp.asarray(packed)
    if array.dtype not in (jnp.int8, jnp.uint8):
        raise KindError(message("unpack_int4", "Expected int8 or uint8 tensor for unpacking", {"dtype": str(array.dtype)}))
    rows = jnp.moveaxis(array, axis, 0).astype("uint8")
    halves = jnp.stack([rows & LOW, rows >> 4], axis=1).reshape(-1, *rows.shape[1:])[:orig_len]
    if dtype == "int8":
        halves = (halves ^ 8).astype("int8") - 8
    return jnp.moveaxis(halves, 0, axis)
