"""EinsumDense: a dense layer over any axes, as an equation says."""

import math
import re
import string

import jax.numpy as jnp

from kerata import activations, constraints, initializers, regularizers
from kerata.base.checks import message
from kerata.base.registry import builtin
from kerata.base.serialization import serialize_keras_object
from kerata.base.types import Owner, PartialShape, Shape
from kerata.engine.module import shown
from kerata.engine.seeds import law
from kerata.engine.types import Array, InitializerLike
from kerata.initializers import Initializer, VarianceScaling
from kerata.kernels.products import type_of_sums
from kerata.kernels.sums import with_bias
from kerata.layers.adapters import weight_in_use
from kerata.layers.calibrated import Calibrated
from kerata.layers.core import mixes_samples
from kerata.layers.layer import InputSpec
from kerata.layers.quantizing import Packing


def keeps_samples_first(equation: str) -> bool:
    """Whether the axis of samples comes first in an equation's inputs and output, and in the kernel not at all.

    >>> keeps_samples_first("abc,cd->abd"), keeps_samples_first("abc,cd->bad"), keeps_samples_first("...x,xy->...y")
    (True, False, True)
    """
    inputs, _, output = equation.replace(" ", "").partition("->")
    first, _, kernel = inputs.partition(",")
    return first[:1] == output[:1] != "" and (first[:1] == "." or first[:1] not in kernel)


@builtin("layers")
class EinsumDense(Calibrated):
    """outputs = activation(einsum(equation, inputs, kernel) + bias).

    A dense layer over any axes: `"ab,bc->ac"` is `Dense`, `"abc,cd->abd"` is `Dense` on a sequence. An ellipsis stands
    for axes that the kernel does not touch.

    Args:
        equation: what to sum over, the inputs first, e.g. `"...x,xy->...y"`.
        output_shape: the sizes of the output's axes without the batch axis and those of the ellipsis; `None` for an
            unknown one.
        activation: a name, a function or a layer; none by default.
        bias_axes: the letters of the output that the bias runs over; no bias by default.
        kernel_initializer, bias_initializer: how the weights begin.
        kernel_regularizer, bias_regularizer: penalties on the weights.
        kernel_constraint, bias_constraint: what the weights are projected onto after an update.
        lora_rank, lora_alpha: rank and strength of an adapter that is trained in place of the kernel, see `enable_lora`.
        gptq_unpacked_column_size: what Keras keeps in files of such layers.
        quantization_config: how it is quantized, where `dtype` says that it is.

    Shapes: as the equation says.

    >>> import kerata, numpy as np
    >>> layer = kerata.layers.EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")
    >>> layer(np.ones((2, 5, 3), "float32")).shape
    (2, 5, 64)
    """

    mixes_samples = False
    kernel = shown(weight_in_use)
    _unsaved = frozenset({"output_shape", "gptq_unpacked_column_size"})

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        gptq_unpacked_column_size=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config, **kwargs)
        self.equation = equation
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.mixes_samples = mixes_samples(self.activation) or not keeps_samples_first(equation)
        self._shapes = EinsumShapes(self, equation, bias_axes, self.partial_output_shape)

    def build(self, input_shape):
        kernel_shape, bias_shape = self._shapes.weights(input_shape)
        self.input_spec = InputSpec(ndim=len(input_shape))
        self._input_rank = len(input_shape)
        self.make_adapted(kernel_shape, orient(self.kernel_initializer, *self._shapes.kernel_axes()))
        self.bias = None
        if bias_shape is not None:
            self.bias = self.add_weight(
                bias_shape,
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.make_adapters()

    def apply_weight(self, inputs, weight):
        return jnp.einsum(self.equation, inputs, weight, preferred_element_type=type_of_sums(inputs, weight))

    def _letters(self) -> tuple[str, str, str]:
        """Those of inputs, kernel and output, with some for what an ellipsis stands for."""
        shapes = self._shapes
        free = [letter for letter in string.ascii_letters if letter not in shapes.inputs + shapes.kernel + shapes.outputs]
        more = "".join(free[: self._input_rank - len(shapes.inputs)])
        left, right = (more, "") if shapes.left else ("", more)
        return left + shapes.inputs + right, shapes.kernel, left + shapes.outputs + right

    def summed_axes(self, packing: Packing) -> tuple[int, ...]:
        return tuple(self._shapes.kernel_axes()[0])

    def input_axes(self, inputs: Array) -> tuple[int, ...]:
        letters, _, outputs = self._letters()
        return tuple(axis for axis, letter in enumerate(letters) if letter not in outputs)

    def align(self, scale: Array, of_inputs: bool) -> Array:
        inputs, kernel, outputs = self._letters()
        letters = inputs if of_inputs else kernel
        kept = [letter for letter in letters if letter in outputs]
        sizes = dict(zip(letters, scale.shape, strict=True))
        turned = jnp.einsum(
            f"{''.join(kept)}->{''.join(sorted(kept, key=outputs.index))}", scale.reshape([sizes[x] for x in kept])
        )
        return turned.reshape([sizes[x] if x in kept else 1 for x in outputs])

    def spread(self, scale: Array) -> Array:
        _, kernel, outputs = self._letters()
        there = [letter for letter in outputs if letter in kernel]
        kept = [letter for letter in kernel if letter in outputs]
        sizes = dict(zip(outputs, scale.shape, strict=True))
        turned = jnp.einsum(f"{''.join(there)}->{''.join(kept)}", scale.reshape([sizes[x] for x in there]))
        return turned.reshape([sizes[x] if x in kept else 1 for x in kernel])

    def matrix_shape(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """The sizes that are summed over, multiplied, and the others; numbers keep their order, as in Keras's files."""
        rows = math.prod(shape[axis] for axis in self._shapes.kernel_axes()[0])
        return rows, math.prod(shape) // rows

    @property
    def is_plain_matrix(self) -> bool:
        summed, kept = self._shapes.kernel_axes()
        inputs, kernel, _ = self._letters()
        letters = [kernel[axis] for axis in summed]
        return summed == list(range(len(summed))) and bool(kept) and list(inputs[-len(letters) :]) == letters

    @property
    def adds_on_last_axis(self) -> bool:
        return not self._shapes.right and self._shapes.kernel[-1] == self._shapes.outputs[-1] not in self._shapes.inputs

    def call(self, inputs, training=None):
        x = self.weigh(inputs)
        if self.bias is not None:
            x = with_bias(x, self.bias_in_use(self.bias))
        return x if self.activation is None else self.activation(x)

    def compute_output_shape(self, input_shape):
        return self._shapes.output(input_shape)

    def get_config(self):
        config = {**super().get_config(), "output_shape": self.partial_output_shape}
        return {**config, "activity_regularizer": serialize_keras_object(self.activity_regularizer)}


def orient(initializer: Initializer, inputs: list[int], outputs: list[int]) -> Initializer:
    """An initializer that counts fan-in and fan-out over these axes of the weight, if it counts them and has no own."""
    has_own = getattr(initializer, "input_axes", 0) is not None or getattr(initializer, "output_axes", 0) is not None
    if has_own or not law().counts_by_equation:
        return initializer
    assert isinstance(initializer, VarianceScaling), "no other counts them"
    oriented = initializer.copy()
    oriented.input_axes, oriented.output_axes = inputs, outputs
    return oriented


class EinsumShapes:
    """The shapes of kernel, bias and output that an equation and an input's shape imply.

    Args:
        owner: the layer, for messages.
        equation, bias_axes, output_shape: as in `EinsumDense`.
    """

    def __init__(self, owner: Owner, equation: str, bias_axes: str | None, output_shape: tuple[int | None, ...]):
        found = re.fullmatch(
            r"(\.{3})?([a-zA-Z]+)(\.{3})?,([a-zA-Z]+)->(\.{3})?([a-zA-Z]+)(\.{3})?", str(equation).replace(" ", "")
        )
        if found is None or (found[1], found[3]) != (found[5], found[7]) or (found[1] and found[3]):
            raise ValueError(
                message(
                    owner, "`equation` must have the form 'X,Y->Z', '...X,Y->...Z' or 'X...,Y->Z...'", {"equation": equation}
                )
            )
        self.owner, self.equation, self.bias_axes, self.output_shape = owner, equation, bias_axes, output_shape
        self.inputs, self.kernel, self.outputs = found[2], found[4], found[6]
        self.left, self.right = bool(found[1]), bool(found[3])
        for letters, where, known in (
            (self.outputs, "input or kernel", self.inputs + self.kernel),
            (self.kernel, "input or output", self.inputs + self.outputs),
            (bias_axes or "", "output", self.outputs),
        ):
            for letter in letters:
                if letter not in known:
                    raise ValueError(
                        message(
                            owner,
                            f"the axis {letter!r} has no counterpart in the {where}",
                            {"equation": equation, "bias_axes": bias_axes},
                        )
                    )

    def output(self, input_shape: PartialShape) -> tuple[int | None, ...]:
        """The shape of the output, with the batch axis."""
        extra = len(input_shape) - len(self.inputs)
        if extra < 0 or (extra > 0 and not (self.left or self.right)):
            raise ValueError(
                message(
                    self.owner,
                    f"the input must have the {len(self.inputs)} axes of the equation",
                    {"equation": self.equation, "input_shape": tuple(input_shape)},
                )
            )
        middle = tuple(input_shape[1:extra]) if self.left else ()
        end = tuple(input_shape[len(self.inputs) :]) if self.right else ()
        # Where the output has the batch's axis alone, there is no size to give; Keras takes some, and passes them over.
        given = self.output_shape if len(self.outputs) > 1 or self.left or self.right else ()
        shape = (input_shape[0], *middle, *given, *end)
        if len(shape) != len(self.outputs) + extra:
            raise ValueError(
                message(
                    self.owner,
                    "`output_shape` must have a size for each axis but the batch's",
                    {"equation": self.equation, "output_shape": self.output_shape},
                )
            )
        known = self._letters(self.inputs, input_shape)
        letters = dict(enumerate(self.outputs, extra if self.left else 0))
        return tuple(known.get(letters.get(axis, "")) if size is None else size for axis, size in enumerate(shape))

    def _letters(self, letters: str, shape: PartialShape) -> dict[str, int | None]:
        """The sizes of the letters that stand for axes of a shape."""
        return dict(zip(letters, shape[len(shape) - len(letters) if self.left else 0 :], strict=False))

    def sizes(self, input_shape: PartialShape) -> tuple[dict[str, int | None], dict[str, int | None]]:
        """The sizes of the letters of the input and of the output."""
        of_input = self._letters(self.inputs, input_shape)
        of_output = self._letters(self.outputs, self.output(input_shape))
        for letter, size in of_input.items():
            if of_output.get(letter) not in (None, size):
                raise ValueError(
                    message(
                        self.owner,
                        f"the axis {letter!r} must have one size in input and output",
                        {"input_shape": tuple(input_shape), "output_shape": self.output_shape},
                    )
                )
        return of_input, of_output

    def weights(self, input_shape: PartialShape) -> tuple[Shape, PartialShape | None]:
        """The shapes of kernel and bias."""
        of_input, of_output = self.sizes(input_shape)
        sizes = tuple(of_output[x] if x in of_output else of_input[x] for x in self.kernel)
        kernel = tuple(size for size in sizes if size is not None)
        if kernel != sizes:
            raise ValueError(
                message(
                    self.owner,
                    "the axes of the kernel must have known sizes",
                    {"equation": self.equation, "kernel": sizes, "input_shape": tuple(input_shape)},
                )
            )
        if self.bias_axes is None:
            return kernel, None
        first = min(self.outputs.index(letter) for letter in self.bias_axes)
        bias = tuple(of_output[x] if x in self.bias_axes else 1 for x in self.outputs[first:])
        return kernel, bias + (1,) * (len(input_shape) - len(self.inputs) if self.right else 0)

    def kernel_axes(self) -> tuple[list[int], list[int]]:
        """The kernel's axes that are summed over, and those that the output keeps."""
        outputs = [axis for axis, letter in enumerate(self.kernel) if letter in self.outputs]
        return [axis for axis in range(len(self.kernel)) if axis not in outputs], outputs
