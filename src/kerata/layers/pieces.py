"""Calls of layers as programs of their own, within a step that runs as Python.

Such a step makes each operation a call, and JAX takes its derivative one by one. What is built in needs no numbers, so the call
of a layer, or of a whole network, is compiled once and called as one operation; code of a user's own runs as it is.
"""

# JAX says nothing of the leaves of trees.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

from collections.abc import Callable, Hashable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.blocks import Within, ambient
from kerata.base.interrupts import hand_on
from kerata.engine.hyper import Hypers
from kerata.engine.random import global_seed_generator
from kerata.engine.scope import Scope, current_scope, note, noted, stack
from kerata.engine.structure import structure_of
from kerata.engine.types import Array
from kerata.engine.variable import Variable
from kerata.layers.phase import training_now

# Programs of calls, by the layer and what they are called with; what could not be compiled is `None`.
Pieces = dict[Hashable, "Piece | None"]
_local = ambient()
KINDS = ("mask", "logits")


class Whole(Protocol):
    """A layer, as far as its call is a piece."""

    loops: bool

    @property
    def variables(self) -> list[Variable]: ...
    def _flatten_layers(self) -> list[Any]: ...


def in_pieces(pieces: Pieces | None) -> Within:
    """Within the block, calls of layers in a scope are programs, which are kept where it says; with `None` they are not."""
    return Within(_local, pieces=pieces)


def as_asked(python: bool) -> Within:
    """Within the block, batches run as Python because `compile(run_eagerly=True)` asked for it; with False they do not.

    Who asks for Python looks into layers too, but for built-in ones that loop over steps: JAX would compile those in each call.
    """
    return Within(_local, asked=python)


def is_python() -> bool:
    """Whether what runs now is a step that runs as Python, and no call of a layer that is a program."""
    return getattr(_local, "pieces", None) is not None


def runs_as_asked() -> bool:
    """Whether `compile(run_eagerly=True)` asked for what runs now."""
    return getattr(_local, "asked", None) or False


def piece_of(layer: Whole, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> "Given | None":
    """What a layer's call is given, with its program; `None` where it is to run as it is."""
    pieces: Pieces | None = getattr(_local, "pieces", None)
    scope = current_scope()
    if pieces is None or scope is None or scope.valid is not None or scope.shapes_alone:
        return None
    if runs_as_asked() and not layer.loops:
        return None
    structure = structure_of(layer)
    if structure is None or any(getattr(getattr(one, "_graph", None), "beside", None) for one in layer._flatten_layers()):
        return None
    given = Given(layer, scope, args, kwargs)
    try:
        key = (id(layer), structure, given.key())
        known = key in pieces
    except TypeError:  # an argument that is no key
        return None
    if not known:
        pieces[key] = Piece(layer, call, given)
    given.piece, given.key_of_piece, given.pieces = pieces[key], key, pieces
    return given if given.piece is not None else None


class Given:
    """What a layer is called with: arrays, and what stays the same from call to call.

    Args:
        layer: the layer.
        scope: that it is called in.
        args, kwargs: of the call.
    """

    piece: "Piece | None" = None
    pieces: Pieces
    key_of_piece: Hashable

    def __init__(self, layer: Whole, scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]):
        leaves, self.treedef = jax.tree.flatten((args, kwargs))
        self.places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, (jax.Array, np.ndarray))]
        self.arrays = [leaves[place] for place in self.places]
        self.fixed = [None if place in self.places else leaf for place, leaf in enumerate(leaves)]
        self.masks = [noted(array, "mask") for array in self.arrays]
        self.scope = scope
        self.drawing = next((one for one in reversed(stack()) if one.key is not None), scope)
        # With what draws that name no generator come from.
        self.own = [v for v in (*layer.variables, global_seed_generator().state) if holder_of(v) is not None]
        self.values = [holder_of(v).read([v])[0] for v in self.own]  # type: ignore[union-attr]
        known = [(id(module), name) for module, name in Hypers(("", layer)).owners]
        self.names = [name for name in known if name in scope.hypers]
        self.numbers = [scope.hypers[name] for name in self.names]

    def key(self) -> Hashable:
        """What a program is made for."""
        arrays = tuple((array.shape, str(array.dtype), getattr(array, "weak_type", False)) for array in self.arrays)
        masked = tuple(mask is not None for mask in self.masks)
        fixed = tuple((type(leaf), leaf) for leaf in self.fixed)
        found = (self.treedef, fixed, arrays, masked, self.drawing.draws, training_now(), tuple(map(id, self.own)))
        hash(found)
        return found

    def run(self) -> object:
        """The outputs, by the program; what else the call does is done here."""
        piece = self.piece
        assert piece is not None, "who runs a piece has one"
        outputs, after, losses, facts = piece.program(self.values, self.numbers, self.drawing.key, self.arrays, self.masks)
        self.drawing.draws = piece.draws
        for variable, value in zip(self.own, after, strict=True):
            if id(variable) in piece.changed:
                variable.store(value)
                holder_of(variable).taken.pop(id(variable), None)  # type: ignore[union-attr]
        self.scope.losses.extend(losses)
        for leaf, told, words in zip(jax.tree.leaves(outputs), facts, piece.words, strict=True):
            for kind, array, word in zip(KINDS, told, words, strict=True):
                if array is not None:
                    note(leaf, kind, array if word is None else (word, array))
        return outputs

    def give_up(self) -> None:
        """Has the call run as it is from now on."""
        self.pieces[self.key_of_piece] = None


class Piece:
    """The program of a call.

    Args:
        layer: the layer, which is kept for as long as the program.
        call: its function.
        given: what it is called with.

    Attributes:
        changed: ids of the variables that the call gives new values.
        draws: how many draws there were behind it.
        words: of each output, what kinds of functions its facts are of.
    """

    def __init__(self, layer: Whole, call: Callable[..., Any], given: Given):
        self.layer = layer
        self.changed: set[int] = set()
        self.draws = start = given.drawing.draws
        self.words: list[Any] = []
        own, names, places, fixed, treedef = given.own, given.names, given.places, given.fixed, given.treedef

        def run(
            values: list[Any], numbers: list[Any], key: Array | None, arrays: list[Any], masks: list[Any]
        ) -> tuple[Any, list[Any], list[Any], list[Any]]:
            scope = Scope(own, values, dict(zip(names, numbers, strict=True)), key)
            scope.draws = start
            filled = list(fixed)
            for place, array in zip(places, arrays, strict=True):
                filled[place] = array
            full_args, full_kwargs = jax.tree.unflatten(treedef, filled)
            with in_pieces(None), scope:
                for array, mask in zip(arrays, masks, strict=True):
                    if mask is not None:
                        note(array, "mask", mask)
                outputs = jax.tree.map(jnp.asarray, call(*full_args, **full_kwargs))
                facts, self.words = facts_of(jax.tree.leaves(outputs))
                after = scope.read(own)
            self.draws = scope.draws
            self.changed = {id(v) for v, old, new in zip(own, values, after, strict=True) if new is not old}
            return outputs, after, scope.losses, facts

        self.program = jax.jit(run)


def facts_of(leaves: list[Array]) -> tuple[list[Any], list[Any]]:
    """(arrays, words) of what is noted of outputs: masks, and the logits that they came from with the function between."""
    pairs = [(noted(leaf, "mask"), noted(leaf, "logits")) for leaf in leaves]
    arrays = [(mask, None if pair is None else pair[1]) for mask, pair in pairs]
    return arrays, [(None, None if pair is None else pair[0]) for _, pair in pairs]


def holder_of(variable: Variable) -> Scope | None:
    """The scope that carries a variable."""
    return next((scope for scope in reversed(stack()) if id(variable) in scope.values), None)


def run_in_pieces(layer: Whole, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """What a layer's call gives: by a program of its own where the step runs as Python and the layer is built in."""
    given = piece_of(layer, call, args, kwargs)
    if given is None:
        return call(*args, **kwargs)
    try:
        return given.run()
    except Exception as error:
        hand_on(error)
        # What is wrong, if anything is, says the call itself.
        given.give_up()
        return call(*args, **kwargs)
