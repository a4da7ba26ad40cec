"""Calls outside of programs of layers that loop over steps.

A loop is compiled as a whole, and JAX would do so anew in every call. So such a layer's call is a program, found by the
layer's structure as those of training are, and layers of one structure share it.
"""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kerata.engine import program
from kerata.engine.hyper import Hypers
from kerata.engine.rematerializing import Remat, rematerialized
from kerata.engine.scope import Scope, in_scope
from kerata.engine.structure import structure_of
from kerata.engine.types import Array, Tree
from kerata.engine.variable import Variable
from kerata.layers.pieces import run_in_pieces


class Called(Protocol):
    """A layer, as far as it is called."""

    call: Callable[..., Any]
    quantized_call: Callable[..., Any]
    loops: bool
    add_loss: Callable[[object], None]

    @property
    def quantization_mode(self) -> str | None: ...
    @property
    def _remat(self) -> Remat | None: ...
    @property
    def variables(self) -> list[Variable]: ...
    def _flatten_layers(self) -> list[Any]: ...


def run_call(layer: Called, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """What the layer's `call` gives: compiled, where it loops outside of programs; rematerialized, where its scope said so."""
    call = layer.call if layer.quantization_mode is None else layer.quantized_call
    if not in_scope():
        return call_compiled(layer, args, kwargs) if layer.loops else call(*args, **kwargs)
    remat: Remat | None = layer._remat
    if remat is None:
        return run_in_pieces(layer, call, args, kwargs)
    if remat.mode == "activations":
        return _with_activation_again(layer, args, kwargs)
    above = remat.output_size_threshold if remat.mode == "larger_than" else None
    return rematerialized(layer.variables, call, args, kwargs, above)


def _with_activation_again(layer: Called, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    """`call`, within which the layer's activation is computed again for the gradient."""
    activation = getattr(layer, "activation", None)
    if activation is None:
        return layer.call(*args, **kwargs)
    vars(layer)["activation"] = lambda *given: rematerialized((), activation, given, {})
    try:
        return layer.call(*args, **kwargs)
    finally:
        vars(layer)["activation"] = activation


def call_compiled(layer: Called, args: tuple, kwargs: dict[str, Any]) -> object:
    """`layer.call(*args, **kwargs)` by a compiled program; within a transformation of JAX, which compiles itself, as it is."""
    leaves, treedef = jax.tree.flatten((args, kwargs))
    if any(isinstance(leaf, Tracer) for leaf in leaves):
        return layer.call(*args, **kwargs)
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, (jax.Array, np.ndarray))]
    fixed = [None if place in places else leaf for place, leaf in enumerate(leaves)]
    variables, hypers = layer.variables, Hypers(("", layer))

    def make() -> Callable[..., Any]:
        def call(values: list[Any], vector: Array, arrays: list[Any]) -> tuple[Tree, dict[int, Array], list[Any]]:
            given = list(fixed)
            for place, array in zip(places, arrays, strict=True):
                given[place] = array
            full_args, full_kwargs = jax.tree.unflatten(treedef, given)
            with Scope(variables, values, hypers.table(vector)) as scope:
                outputs = jax.tree.map(jnp.asarray, layer.call(*full_args, **full_kwargs))
                after = scope.read(variables)
                pairs = enumerate(zip(values, after, strict=True))
                return outputs, {place: new for place, (old, new) in pairs if new is not old}, scope.losses

        return call

    arguments = ([v.value for v in variables], hypers.vector(), [leaves[place] for place in places])
    name = f"call {treedef} {fixed}"
    compiled = program.obtain(name, structure_of(layer), make, arguments, weak=(1,))
    outputs, changed, losses = compiled(*arguments)
    for place, value in changed.items():
        variables[place].store(value)
    if losses:
        layer.add_loss(losses)
    return outputs
