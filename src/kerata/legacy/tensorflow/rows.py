"""`tf.TensorArray`: tensors that a loop writes one by one."""

from typing import SupportsIndex

from kerata.base.checks import message
from kerata.engine.types import TensorLike
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.tensor import Tensor


class TensorArray:
    """Tensors under numbers, for loops that run as Python.

    Args:
        dtype: of the tensors.
        size: how many there are at first.
        dynamic_size: whether more may be written than that.
        element_shape, clear_after_read, infer_shape, tensor_array_name, name: taken as then.
    """

    def __init__(
        self,
        dtype: object,
        size: SupportsIndex = 0,
        dynamic_size: bool | None = None,
        clear_after_read: bool | None = None,
        tensor_array_name: str | None = None,
        handle: object = None,
        flow: object = None,
        infer_shape: bool = True,
        element_shape: object = None,
        colocate_with_first_write_call: bool = True,
        name: str | None = None,
    ):
        self.dtype, self.dynamic_size, self.element_shape = dtype, bool(dynamic_size), element_shape
        self._tensors: list[Tensor | None] = [None] * size.__index__()

    def write(self, index: SupportsIndex, value: TensorLike, name: str | None = None) -> "TensorArray":
        """The array with a tensor under a number."""
        place, tensor = index.__index__(), TABLE["cast"](convert(value), self.dtype)
        if place >= len(self._tensors) and not self.dynamic_size:
            expected = f"it has {len(self._tensors)} places, and `dynamic_size` is not set"
            raise IndexError(message("tf.TensorArray", expected, {"index": place}, "Give it dynamic_size=True"))
        self._tensors += [None] * (place + 1 - len(self._tensors))
        self._tensors[place] = tensor
        return self

    def read(self, index: SupportsIndex, name: str | None = None) -> Tensor:
        """The tensor under a number."""
        place = index.__index__()
        found = self._tensors[place] if place < len(self._tensors) else None
        if found is None:
            raise ValueError(message("tf.TensorArray", "nothing was written under this number", {"index": place}))
        return found

    def size(self, name: str | None = None) -> Tensor:
        """How many there are."""
        return convert(len(self._tensors))

    def stack(self, name: str | None = None) -> Tensor:
        """All of them as one tensor, along a new first axis."""
        return TABLE["stack"]([self.read(place) for place in range(len(self._tensors))])

    def concat(self, name: str | None = None) -> Tensor:
        """All of them one after the other, along their first axis."""
        return TABLE["concat"]([self.read(place) for place in range(len(self._tensors))], 0)

    def unstack(self, value: TensorLike, name: str | None = None) -> "TensorArray":
        """The array with the rows of a tensor."""
        self._tensors = list(TABLE["unstack"](convert(value)))
        return self

    def gather(self, indices: TensorLike, name: str | None = None) -> Tensor:
        """Those under some numbers as one tensor."""
        return TABLE["stack"]([self.read(int(place)) for place in convert(indices)])

    def scatter(self, indices: TensorLike, value: TensorLike, name: str | None = None) -> "TensorArray":
        """The array with the rows of a tensor under some numbers."""
        for place, row in zip(convert(indices), convert(value), strict=True):
            self.write(int(place), row)
        return self

    def split(self, value: TensorLike, lengths: TensorLike, name: str | None = None) -> "TensorArray":
        """The array with parts of a tensor, which are so long each."""
        self._tensors = list(TABLE["split"](convert(value), [int(one) for one in convert(lengths)]))
        return self

    def identity(self) -> "TensorArray":
        return self

    def close(self, name: str | None = None) -> None:
        """Nothing."""

    def mark_used(self) -> None:
        """Nothing."""
