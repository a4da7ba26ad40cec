"""Functions of the root that TensorFlow 2 left out."""

from collections.abc import Callable

from kerata.base.types import DTypeLike
from kerata.engine.types import TensorLike
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.tensor import AnyTensor, dtype_of
from kerata.legacy.tensorflow.types import Ints


def div(x: TensorLike, y: TensorLike, name: str | None = None) -> AnyTensor:
    """Division as of Python 2: whole numbers stay whole."""
    given = convert(x)
    return TABLE["truediv" if dtype_of(given).is_floating else "floordiv"](given, y)


def to(dtype: DTypeLike) -> Callable[..., AnyTensor]:
    return lambda x, name=None: TABLE["cast"](x, dtype)


def extreme(function: str) -> Callable[..., AnyTensor]:
    def call(input: TensorLike, dimension: Ints = None, output_type: DTypeLike = "int64", name: str | None = None) -> AnyTensor:
        return TABLE[function](input, dimension, output_type)

    return call


def sparse_to_dense(
    sparse_indices: TensorLike,
    output_shape: Ints,
    sparse_values: TensorLike,
    default_value: float = 0,
    validate_indices: bool = True,
    name: str | None = None,
) -> AnyTensor:
    """A tensor of one number, but for some places: whole numbers for one axis, (places, axes), or one place."""
    places = convert(sparse_indices)
    rank = len(places.shape)
    places = TABLE["expand_dims"](places, -1) if rank < 2 else places
    places = TABLE["expand_dims"](places, 0) if rank == 0 else places
    count, values = places.shape[0], convert(sparse_values)
    values = values if len(values.shape) else TABLE["fill"]([count], values)
    full = TABLE["cast"](TABLE["fill"](output_shape, default_value), dtype_of(values))
    return TABLE["tensor_scatter_nd_update"](full, places, values)


NAMES: dict[str, object] = {
    **{f"to_{short}": to(dtype) for short, dtype in (("float", "float32"), ("double", "float64"), ("bfloat16", "bfloat16"))},
    **{f"to_{dtype}": to(dtype) for dtype in ("int32", "int64")},
    "div": div,
    "arg_max": extreme("argmax"),
    "arg_min": extreme("argmin"),
    "sparse_to_dense": sparse_to_dense,
}
