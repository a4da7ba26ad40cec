"""Layers that make one tensor of several, as classes and as functions."""

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax

from kerata.base.checks import KindError, message
from kerata.base.config import epsilon
from kerata.base.registry import builtin
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import Array
from kerata.kernels.maxima import larger, smaller
from kerata.layers.layer import Layer


class Merge(Layer):
    """Combines a list of inputs element by element. The base of the merge layers.

    Inputs of fewer axes get axes of size 1 after the batch axis; axes of size 1 are repeated as needed.
    """

    mixes_samples = False
    combine: Callable[[Any, Any], Any]
    # Whether a step counts where all inputs that have a mask have it, and not where one has: before Keras 3.
    masks_all = False

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        self.compute_output_shape(input_shape)

    def call(self, inputs, mask=None):
        check_list(self, inputs)
        most = max(x.ndim for x in inputs)
        # An input that gets more axes has no mask beside them, as in Keras.
        masks = [
            None if m is None or x.ndim < most else beside(m, x)
            for m, x in zip(mask or [None] * len(inputs), inputs, strict=True)
        ]
        wide = [x.reshape(*x.shape[:1], *(1,) * (most - x.ndim), *x.shape[1:]) for x in inputs]
        return self.merge(wide, masks)

    def merge(self, inputs: Sequence[Any], masks: Sequence[Any]) -> Array:
        """One array of several with equally many axes, and with masks that broadcast to them, or `None`."""
        return functools.reduce(type(self).combine, inputs)

    def compute_output_shape(self, input_shape):
        check_shapes(self, input_shape)
        shape = functools.reduce(functools.partial(_broadcast, self), [tuple(s[1:]) for s in input_shape])
        batches = {s[0] for s in input_shape} - {None}
        if len(batches) > 1:
            raise ValueError(message(self, "the inputs must have equally many samples", {"shapes": list(input_shape)}))
        return (batches.pop() if batches else None, *shape)

    def compute_output_spec(self, inputs, *args, **kwargs):
        check_list(self, inputs)
        shape = self.compute_output_shape([tuple(x.shape) for x in inputs])
        floats = [x for x in inputs if "float" in str(x.dtype)]
        return SymbolicTensor(shape, self.compute_dtype if floats else jnp.result_type(*(x.dtype for x in inputs)))

    def compute_mask(self, inputs, mask=None):
        check_masks(self, inputs, mask)
        given = [one for one in mask or () if one is not None]
        if not given or (len(given) < len(inputs) and not self.masks_all):
            return None
        return functools.reduce(jnp.logical_and if self.masks_all else jnp.logical_or, given)


def check_masks(layer: Layer, inputs: Sequence[object], mask: Sequence[object] | None) -> None:
    """Raises unless there is a list of masks, one or `None` for each input, or none at all."""
    if mask is None:
        return
    for name, value in (("mask", mask), ("inputs", inputs)):
        if not isinstance(value, (list, tuple)):
            raise KindError(message(layer, f"`{name}` should be a list", {name: value}))
    if len(mask) != len(inputs):
        raise ValueError(
            message(
                layer, "the lists `inputs` and `mask` should have the same length", {"inputs": len(inputs), "mask": len(mask)}
            )
        )


def beside(mask: Array, x: Array) -> Array:
    """A mask of the first axes of x, with axes of size 1 for the others."""
    return jnp.asarray(mask, bool).reshape(*mask.shape, *(1,) * (x.ndim - mask.ndim))


def check_list(layer: Layer, inputs: object) -> None:
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(
            message(
                layer,
                "a merge layer must be called on a list of tensors",
                {"inputs": inputs},
                f"Write {type(layer).__name__}()([a, b])",
            )
        )


def check_shapes(layer: Layer, shapes: Sequence[object]) -> None:
    if not shapes or not all(isinstance(shape, (list, tuple)) for shape in shapes):
        raise ValueError(
            message(
                layer,
                "a merge layer must be called on a list of tensors",
                {"input_shape": shapes},
                f"Write {type(layer).__name__}()([a, b])",
            )
        )


def _broadcast(layer: Layer, a: tuple, b: tuple) -> tuple:
    """The shape of an element-wise operation on two shapes without their batch axes."""
    if len(a) < len(b):
        a, b = b, a
    start = len(a) - len(b)
    shape = list(a[:start])
    for m, n in zip(a[start:], b, strict=True):
        if m is None or n is None:
            shape.append(None)
        elif m == n or 1 in (m, n):
            shape.append(m if n == 1 else n)
        else:
            raise ValueError(message(layer, "the inputs' shapes must agree, or be 1 where they differ", {"shapes": [a, b]}))
    return tuple(shape)


@builtin("layers")
class Add(Merge):
    """outputs = inputs[0] + inputs[1] + ...

    Shapes: a list of shapes that broadcast, to the shape that they broadcast to; likewise for the classes below.

    >>> import kerata, numpy as np
    >>> kerata.layers.Add()([np.ones((2, 3), "float32"), np.ones((2, 1), "float32")]).tolist()
    [[2.0, 2.0, 2.0], [2.0, 2.0, 2.0]]
    """

    combine = operator.add


@builtin("layers")
class Subtract(Merge):
    """outputs = inputs[0] - inputs[1].

    >>> import kerata, numpy as np
    >>> kerata.layers.Subtract()([np.full((1, 2), 5.0, "float32"), np.ones((1, 2), "float32")]).tolist()
    [[4.0, 4.0]]
    """

    combine = operator.sub

    def compute_output_shape(self, input_shape):
        check_shapes(self, input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                message(self, "a Subtract layer should be called on exactly 2 inputs", {"inputs": len(input_shape)})
            )
        return super().compute_output_shape(input_shape)


@builtin("layers")
class Multiply(Merge):
    """outputs = inputs[0] * inputs[1] * ...

    A masked step of one input counts as ones; where all inputs are masked, the output is 0.

    >>> import kerata, numpy as np
    >>> kerata.layers.Multiply()([np.full((1, 2), 5.0, "float32"), np.full((1, 2), 2.0, "float32")]).tolist()
    [[10.0, 10.0]]
    """

    combine = operator.mul

    def merge(self, inputs, masks):
        seen = [x if mask is None else jnp.where(mask, x, jnp.ones((), x.dtype)) for x, mask in zip(inputs, masks, strict=True)]
        product = super().merge(seen, masks)
        if any(mask is None for mask in masks):
            return product
        return jnp.where(functools.reduce(jnp.logical_or, masks), product, jnp.zeros((), product.dtype))


@builtin("layers")
class Average(Merge):
    """outputs = (inputs[0] + inputs[1] + ...) / number of inputs.

    >>> import kerata, numpy as np
    >>> kerata.layers.Average()([np.full((1, 2), 5.0, "float32"), np.ones((1, 2), "float32")]).tolist()
    [[3.0, 3.0]]
    """

    combine = operator.add

    def merge(self, inputs, masks):
        return super().merge(inputs, masks) / len(inputs)

    def compute_output_spec(self, inputs, *args, **kwargs):
        return SymbolicTensor(super().compute_output_spec(inputs).shape, self.compute_dtype)


class Extreme(Merge):
    """What `Maximum` and `Minimum` have in common: a masked step of one input is left out of the comparison."""

    def merge(self, inputs, masks):
        best, known = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            x = x if mask is None else jnp.where(mask, x, best)
            best = best if known is None else jnp.where(known, best, x)
            known = None if mask is None or known is None else jnp.logical_or(known, mask)
            best = type(self).combine(best, x)
        return best


@builtin("layers")
class Maximum(Extreme):
    """outputs = the largest of the inputs, element by element; of masked steps, the other inputs'.

    >>> import kerata, numpy as np
    >>> kerata.layers.Maximum()([np.array([[1.0, 5.0]]), np.array([[2.0, 4.0]])]).tolist()
    [[2.0, 5.0]]
    """

    combine = staticmethod(larger)


@builtin("layers")
class Minimum(Extreme):
    """outputs = the smallest of the inputs, element by element; of masked steps, the other inputs'.

    >>> import kerata, numpy as np
    >>> kerata.layers.Minimum()([np.array([[1.0, 5.0]]), np.array([[2.0, 4.0]])]).tolist()
    [[1.0, 4.0]]
    """

    combine = staticmethod(smaller)


@builtin("layers", "TFDConcat")
class Concatenate(Merge):
    """The inputs one after the other along an axis.

    Args:
        axis: the axis; the inputs' shapes agree on all others.

    Shapes: a list of shapes, to one with the sum of their sizes along the axis.

    >>> import kerata, numpy as np
    >>> kerata.layers.Concatenate(axis=1)([np.ones((2, 2, 5)), np.ones((2, 1, 5))]).shape
    (2, 3, 5)
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.mixes_samples = axis == 0

    def call(self, inputs, mask=None):
        check_list(self, inputs)
        self.compute_output_shape([x.shape for x in inputs])
        return jnp.concatenate(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape):
        check_shapes(self, input_shape)
        rank = len(input_shape[0])
        if any(len(shape) != rank for shape in input_shape) or not -rank <= self.axis < rank:
            raise ValueError(
                message(
                    self,
                    "the inputs must have equally many axes, and `axis` must be one of them",
                    {"shapes": list(input_shape), "axis": self.axis},
                )
            )
        result = []
        for axis, sizes in enumerate(zip(*input_shape, strict=True)):
            known = {size for size in sizes if size is not None}
            if axis == self.axis % rank:
                result.append(None if None in sizes else sum(sizes))
            elif len(known) > 1:
                raise ValueError(
                    message(
                        self,
                        f"requires inputs with matching shapes except for the concatenation axis {self.axis}",
                        {"shapes": list(input_shape)},
                    )
                )
            else:
                result.append(known.pop() if known else None)
        return tuple(result)

    def compute_mask(self, inputs, mask=None):
        check_masks(self, inputs, mask)
        if mask is None or all(one is None for one in mask):
            return None
        some = next(one for one in mask if one is not None)
        wide = []
        for one, x in zip(mask, inputs, strict=True):
            # Masks know the sizes that symbolic inputs do not.
            known = (some if one is None else one).shape
            shape = [known[axis] if size is None and axis < len(known) else size for axis, size in enumerate(x.shape)]
            wide.append(jnp.ones(shape, bool) if one is None else jnp.broadcast_to(beside(one, x), shape))
        # A mask has as many axes as the inputs' masks have.
        most = max(one.ndim for one in mask if one is not None)
        whole = jnp.concatenate(wide, axis=self.axis)
        join = jnp.all if self.masks_all else jnp.any
        return join(whole, axis=tuple(range(min(most, whole.ndim - 1), whole.ndim)))


@builtin("layers")
class Dot(Merge):
    """outputs[b] = the sum over one axis of inputs[0][b] * inputs[1][b].

    Args:
        axes: the axis to sum over, or one for each of the two inputs; not the batch axis.
        normalize: whether to scale the inputs to length 1 along it first: the result is the cosine of their angle.

    Shapes: (batch, a, n) and (batch, b, n) to (batch, a, b) for `axes=2`; (batch, n) twice to (batch, 1) for `axes=1`.

    >>> import kerata, numpy as np
    >>> kerata.layers.Dot(axes=(1, 2))([np.ones((2, 3, 5)), np.ones((2, 10, 3))]).shape
    (2, 5, 10)
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        pair = (axes, axes) if isinstance(axes, int) else axes
        if not isinstance(pair, (list, tuple)) or not all(isinstance(axis, int) for axis in pair):
            raise KindError(message(self, "`axes` must be an integer or two integers", {"axes": axes}))
        if len(pair) != 2 or 0 in pair:
            raise ValueError(message(self, "`axes` must be one or two axes, not the batch axis 0", {"axes": axes}))
        self.axes = axes
        self.normalize = normalize

    def call(self, inputs, mask=None):
        check_list(self, inputs)
        first, second = self._axes_for([x.shape for x in inputs])
        x, y = inputs
        if self.normalize:
            x, y = _unit_length(x, first), _unit_length(y, second)
        letters = "bcdefghijklmnopqrstuvwxyz"
        of_x = "a" + letters[: x.ndim - 1]
        of_y = "a" + letters[x.ndim - 1 : x.ndim + y.ndim - 2]
        of_y = of_y[:second] + of_x[first] + of_y[second + 1 :]
        kept = "".join(letter for letter in of_x + of_y[1:] if letter != of_x[first])
        result = jnp.einsum(f"{of_x},{of_y}->{kept}", x, y)
        return result[:, None] if result.ndim == 1 else result

    def _axes_for(self, shapes: Sequence[Any]) -> tuple[int, int]:
        """The two axes, counted from the front, for inputs that go together."""
        check_shapes(self, shapes)
        if len(shapes) != 2 or min(map(len, shapes)) < 2:
            raise ValueError(
                message(self, "a Dot layer must be called on 2 inputs with at least 2 axes each", {"shapes": list(shapes)})
            )
        pair = (self.axes, self.axes) if isinstance(self.axes, int) else tuple(self.axes)
        if any(not -len(shape) < axis < len(shape) for axis, shape in zip(pair, shapes, strict=True)):
            raise ValueError(message(self, "`axes` must be axes of the inputs", {"axes": self.axes, "shapes": list(shapes)}))
        first, second = (axis % len(shape) for axis, shape in zip(pair, shapes, strict=True))
        sizes = {shapes[0][first], shapes[1][second]} - {None}
        if len(sizes) > 1 or len({shape[0] for shape in shapes} - {None}) > 1:
            raise ValueError(
                message(
                    self,
                    "the inputs must have the same size along `axes`, and equally many samples",
                    {"axes": self.axes, "shapes": list(shapes)},
                )
            )
        return first, second

    def compute_output_shape(self, input_shape):
        first, second = self._axes_for(input_shape)
        x, y = list(input_shape[0]), list(input_shape[1])
        del x[first], y[second], y[0]
        return (*x, *y) if len(x) + len(y) > 1 else (*x, 1)

    def compute_mask(self, inputs, mask=None):
        return None


def _unit_length(x: Array, axis: int) -> Array:
    """x / |x| along an axis, and 0 stays 0 nearly."""
    square = jnp.sum(jnp.square(x), axis=axis, keepdims=True)
    return x * lax.rsqrt(larger(square, epsilon() ** 2))


def add(inputs, **kwargs):
    """`Add(**kwargs)(inputs)`.

    >>> import kerata, numpy as np
    >>> kerata.layers.add([np.ones((1, 2)), np.ones((1, 2))]).tolist()
    [[2.0, 2.0]]
    """
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """`Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """`Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """`Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """`Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """`Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """`Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    """`Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)
