"""What recurrent layers of the eras could do: states beside the input, in one list, and constants for each step."""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from kerata import initializers, layers
from kerata.base import registry
from kerata.base.checks import message
from kerata.base.serialization import is_writing, says_today
from kerata.engine.module import Look
from kerata.engine.structure import is_ours
from kerata.engine.symbolic import symbolic_leaves, traceable
from kerata.legacy.helpers import has_arg
from kerata.legacy.spelling import Spelled


class InEachGate(initializers.Identity):
    """The identity for each gate, side by side: what an identity was for the recurrent kernel of LSTM and GRU."""

    def __call__(self, shape, dtype=None):
        return np.tile(super().__call__((shape[0], shape[0]), dtype), (1, shape[1] // shape[0]))


registry.enter_alias(InEachGate, initializers.Identity)


# What the `call` of a recurrent layer took, in the order of then.
CALL = ("inputs", "mask", "training", "initial_state", "constants")


def in_order_of_then(method: Callable[..., Any]) -> Callable[..., Any]:
    """The `call` of a built-in layer, whose arguments have the order of then for who overrides it and calls `super().call`."""

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        if is_ours(type(self).call):
            return method(self, *args, **kwargs)
        given = {**dict(zip(CALL, args, strict=False)), **kwargs}
        first = given.pop("inputs") if "inputs" in given else given.pop("sequences")
        return method(self, first, **{name: value for name, value in given.items() if value is not None})

    return call


def refuse_nested(layer: object) -> None:
    """Says of a cell of the program's own that it is given one tensor a step, where a tuple of several comes."""
    cell = vars(layer).get("cell")
    if cell is not None and not is_ours(type(cell)):
        fix = "Join them along the features with Concatenate(), and let the cell split them; give states as initial_state=..."
        expected = "a tuple of sequences, of which a cell gets several tensors at each step, is not there"
        raise NotImplementedError(message(layer, expected, {"cell": type(cell).__name__}, fix))


class Resetting:
    """What a recurrent layer could do."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "_stands_for" in cls.__dict__ and issubclass(cls.__dict__["_stands_for"], layers.RNN):
            cls.call = in_order_of_then(cls.call)  # type: ignore[attr-defined]

    def _shapes_of_call(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The shapes for `build`: that of the sequences alone where a `call` of the program's own calls them something else."""
        found = super()._shapes_of_call(args, kwargs)  # type: ignore[misc]
        if is_ours(type(self).call) or not is_ours(type(self).build):  # type: ignore[attr-defined]
            return found
        return dict(list(found.items())[:1])

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        cell = self.__dict__.get("cell")
        if isinstance(cell, layers.Layer):
            self._adopt(self._era, cell)  # type: ignore[attr-defined]
        if isinstance(cell, (layers.LSTMCell, layers.GRUCell)) and type(cell.recurrent_initializer) is initializers.Identity:
            cell.recurrent_initializer = InEachGate()

    def __call__(self, inputs, initial_state=None, **kwargs):
        """Its output, in a list with the states where they are asked for; states to begin with may stand behind the input."""
        if isinstance(inputs, tuple) and len(inputs) > 1 and initial_state is None and self._era == "tfkeras2":  # type: ignore[attr-defined]
            # In `tf.keras` states stood behind the input in lists alone.
            refuse_nested(self)
        if isinstance(inputs, (list, tuple)) and len(inputs) > 1 and initial_state is None:
            inputs, initial_state = inputs[0], list(inputs[1:])
        if initial_state is not None:
            kwargs["initial_state"] = initial_state
        found = super().__call__(inputs, **kwargs)  # type: ignore[misc]
        if not isinstance(found, (list, tuple)):
            return found
        if self._era == "tfkeras2":  # type: ignore[attr-defined]
            # The states of cells on top of each other cell by cell; standalone Keras had all in one list.
            return [list(one) if isinstance(one, tuple) else one for one in found]
        return jax.tree.leaves(found)

    @property
    def states(self):
        """The kept states; of a layer that keeps none, `None` for each."""
        held = self.__dict__.get("states")
        return [None] * len(self.state_size) if held is None and not self.stateful else held  # type: ignore[attr-defined]

    @states.setter
    def states(self, states) -> None:
        self.__dict__["states"] = states

    def compute_output_shape(self, *args, **kwargs):
        """The shape of the output, in a list with those of the states where they are asked for."""
        found = super().compute_output_shape(*args, **kwargs)  # type: ignore[misc]
        if not found or isinstance(found[0], (int, type(None))):
            return found
        return list(found) if self._era == "tfkeras2" else flat_shapes(found)  # type: ignore[attr-defined]

    def get_initial_state(self, inputs=None, batch_size: int | None = None) -> list[Any]:
        """The states with which sequences begin: for so many of them, or for those that are given."""
        if inputs is None or isinstance(inputs, int):
            return super().get_initial_state(batch_size if inputs is None else inputs)  # type: ignore[misc]
        base = super().get_initial_state  # type: ignore[misc]
        found = traceable(lambda given: base(given.shape[0]))(inputs)
        return list(found)

    @property
    def input(self):
        """The symbolic input of the only call; with states or constants, all of them in a list."""
        node = self._first_node()  # type: ignore[attr-defined]
        found = symbolic_leaves((node.args, node.kwargs))
        return found[0] if len(found) == 1 else found

    def reset_states(self, states=None) -> None:
        """Sets the kept states to zero, or to arrays."""
        if states is None:
            super().reset_state()  # type: ignore[misc]
            return
        given = states if isinstance(states, (list, tuple)) else [states]
        for variable, value in zip(self._kept_state(), given, strict=True):  # type: ignore[attr-defined]
            variable.assign(value)


def flat_shapes(shapes) -> list[Any]:
    """Shapes in nested lists and tuples as one list.

    >>> flat_shapes(((None, 2), [(None, 3), (None, 4)]))
    [(None, 2), (None, 3), (None, 4)]
    """
    if all(size is None or isinstance(size, int) for size in shapes):
        return [tuple(shapes)]
    return [one for shape in shapes for one in flat_shapes(shape)]


# Constants


class Constant(Resetting):
    """A recurrent layer of a cell of a program's own, which may take constants: `call(inputs, states, constants)`."""

    _bookkeeping = dict.fromkeys(("_constants", "_count_of_constants"), Look.NOBODY)

    def _begin_spelled(self, arguments: dict[str, Any], given: dict[str, Any]) -> None:
        self.__dict__["_count_of_constants"] = arguments.pop("num_constants", None) or 0
        super()._begin_spelled(arguments, given)  # type: ignore[misc]

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        """Its output; states to begin with and constants may stand behind the input, in one list."""
        count = self.__dict__.get("_count_of_constants", 0)
        if isinstance(inputs, (list, tuple)) and len(inputs) > 1 and constants is None and count:
            inputs, constants = list(inputs[:-count]), list(inputs[-count:])
            inputs = inputs[0] if len(inputs) == 1 else inputs
        if constants is not None:
            kwargs["constants"] = list(constants) if isinstance(constants, (list, tuple)) else [constants]
            self.__dict__["_count_of_constants"] = len(kwargs["constants"])
        return super().__call__(inputs, initial_state, **kwargs)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()  # type: ignore[misc]
        count = self.__dict__.get("_count_of_constants", 0)
        return {**config, "num_constants": count} if count and not is_writing() else config


class ConstantRNN(Constant):
    """`RNN`."""

    def build(self, sequences_shape, initial_state_shape=None, constants_shape=None) -> None:
        if constants_shape and not getattr(self.cell, "built", True):  # type: ignore[has-type]
            build_cell(self.cell, (sequences_shape[0], *sequences_shape[2:]), list(constants_shape))  # type: ignore[has-type]
        super().build(sequences_shape, initial_state_shape)  # type: ignore[misc]

    def call(self, sequences, initial_state=None, constants=None, mask=None, training=False):
        with giving(self, constants):
            return super().call(sequences, initial_state, mask, training)  # type: ignore[misc]

    def run(self, sequences, states, mask, training):
        """The loop; within it the cell gets the constants of this call."""
        constants = self.__dict__.get("_constants")
        if not constants:
            return super().run(sequences, states, mask, training)  # type: ignore[misc]
        cell = self.__dict__["cell"]
        self.__dict__["cell"] = Bound(cell, constants, training)
        try:
            return super().run(sequences, states, mask, training)  # type: ignore[misc]
        finally:
            self.__dict__["cell"] = cell


class ConstantBidirectional(Constant):
    """`Bidirectional`, whose layers are of the era too."""

    def _finish_spelled(self, arguments: dict[str, Any]) -> None:
        layer, other = arguments.get("layer"), arguments.get("backward_layer")
        pairs = [(self.forward_layer, layer), (self.backward_layer, layer if other is None else other)]  # type: ignore[has-type]
        for one, given in pairs:
            if issubclass(kind := type(given), Spelled):
                one.__class__ = kind
                getattr(one, "_adopted", list)()
        self._adopted()

    def _adopted(self) -> None:
        if self._penalizes:
            self.__dict__["sums_penalties"] = True

    @property
    def _penalizes(self) -> bool:
        """Whether the penalty is one on what is merged, and not on the outputs of both directions: so did standalone Keras."""
        layer = self.__dict__.get("forward_layer")
        return self._era != "tfkeras2" and layer is not None and layer.activity_regularizer is not None  # type: ignore[attr-defined]

    @property
    def activity_regularizer(self):
        """That of the layer within, where the penalty is one on what is merged."""
        held = self.__dict__.get("activity_regularizer")
        return self.forward_layer.activity_regularizer if self._penalizes else held  # type: ignore[has-type]

    @activity_regularizer.setter
    def activity_regularizer(self, rule) -> None:
        self.__dict__["activity_regularizer"] = rule

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self._penalizes:
            config.pop("activity_regularizer", None)
        return config

    def __call__(self, inputs, initial_state=None, constants=None, **kwargs):
        """Its output; the states of both directions stand in one list."""
        if initial_state is not None and not isinstance(initial_state, (list, tuple)):
            expected = "`initial_state` must be a list of the states of both directions"
            raise ValueError(message(self, expected, {"initial_state": initial_state}))
        return super().__call__(inputs, initial_state, constants, **kwargs)

    def build(self, sequences_shape, initial_state_shape=None, constants_shape=None) -> None:
        for one in (self.forward_layer, self.backward_layer):  # type: ignore[has-type]
            if constants_shape and not one.built:
                one.build(sequences_shape, None, constants_shape)
        super().build(sequences_shape, initial_state_shape)  # type: ignore[misc]

    def call(self, sequences, initial_state=None, constants=None, mask=None, training=None):
        both = (self.forward_layer, self.backward_layer)  # type: ignore[has-type]
        with giving(both[0], constants), giving(both[1], constants), without_penalties(both if self._penalizes else ()):
            return super().call(sequences, initial_state, mask, training)  # type: ignore[misc]


@contextlib.contextmanager
def giving(layer, constants) -> Iterator[None]:
    """Within the block a layer's cell gets some constants."""
    before = layer.__dict__.get("_constants")
    layer.__dict__["_constants"] = before if constants is None else constants
    try:
        yield
    finally:
        layer.__dict__["_constants"] = before


@contextlib.contextmanager
def without_penalties(layers) -> Iterator[None]:
    """Within the block no penalties on the outputs of some layers are counted."""
    before = [layer.__dict__.get("activity_regularizer") for layer in layers]
    for layer in layers:
        layer.__dict__["activity_regularizer"] = None
    try:
        yield
    finally:
        for layer, rule in zip(layers, before, strict=True):
            layer.__dict__["activity_regularizer"] = rule


def takes_constants(cell) -> bool:
    return has_arg(cell.call, "constants")


def build_cell(cell, shape: tuple, constants: list[Any]) -> None:
    """Builds a cell, or those that are stacked in it, for the shapes of inputs and constants."""
    cells: list[Any] = getattr(cell, "cells", None) or [cell]
    for one in cells:
        if isinstance(one, layers.Layer) and not one.built:
            one.build([shape, *constants] if takes_constants(one) else shape)
        size = getattr(one, "output_size", None) or getattr(one, "state_size")  # noqa: B009, no type has it
        shape = (shape[0], size if isinstance(size, int) else size[0])
    if cells != [cell]:
        cell.built = True


class Bound:
    """A cell with the constants of a call."""

    def __init__(self, cell, constants, training):
        self.cell, self.constants, self.training = cell, constants, training
        self.state_size = cell.state_size

    def call(self, inputs, states) -> tuple[Any, list[Any]]:
        """One step: the output and the new states."""
        if not hasattr(self.cell, "cells"):
            return self._step(self.cell, inputs, states)
        found = []
        for cell, state in zip(self.cell.cells, states, strict=True):
            inputs, new = self._step(cell, inputs, list(state) if isinstance(state, (list, tuple)) else [state])
            found.append(list(new) if isinstance(state, (list, tuple)) else new[0])
        return inputs, found

    def _step(self, cell, inputs, states) -> tuple[Any, list[Any]]:
        given: dict[str, Any] = {"constants": list(self.constants)} if takes_constants(cell) else {}
        if isinstance(cell, layers.Layer):
            given["training"] = self.training
        step: Callable[..., Any] = cell if callable(cell) else cell.call
        output, new = step(inputs, states, **given)
        return output, list(new) if isinstance(new, (list, tuple)) else [new]


class Reversible:
    """Cells on top of each other whose states may be listed from the last cell to the first: `reverse_state_order=True`."""

    reverse_state_order = False

    def _begin_spelled(self, arguments: dict[str, Any], given: dict[str, Any]) -> None:
        super()._begin_spelled(arguments, given)  # type: ignore[misc]
        if given.get("reverse_state_order"):
            self.reverse_state_order = True

    def _in_order(self, states: list[Any]) -> list[Any]:
        return states[::-1] if self.reverse_state_order else states

    @property
    def state_size(self) -> list[Any]:
        """The sizes of the states, cell by cell."""
        return self._in_order(super().state_size)  # type: ignore[misc]

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        return self._in_order(super().get_initial_state(batch_size))  # type: ignore[misc]

    def call(self, inputs, states, *args: object, **kwargs: object):
        output, new = super().call(inputs, self._in_order(states), *args, **kwargs)  # type: ignore[misc]
        return output, self._in_order(new)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; files of today have no word for the order of states."""
        config = super().get_config()  # type: ignore[misc]
        if not self.reverse_state_order:
            return config
        if says_today():
            warnings.warn(
                message(self, "a file does not keep the order of the states", {"reverse_state_order": True}), stacklevel=2
            )
            return config
        return {**config, "reverse_state_order": True}
