"""Rematerialization: what a layer computes is computed again for its gradient, in place of being kept."""

# JAX says nothing of the leaves of trees.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax

from kerata.base.blocks import ambient
from kerata.base.checks import check_choice, check_positive_int, message
from kerata.engine.scope import Scope, current_scope, note, noted, stack
from kerata.engine.types import Array
from kerata.engine.variable import Variable

MODES = ("full", "activations", "larger_than", "list_of_layers", None)
_local = ambient()


class Remat(NamedTuple):
    """How the layers of a `RematScope` are rematerialized."""

    mode: str
    output_size_threshold: int
    layer_names: tuple[str, ...]


class RematScope:
    """Layers that are made within the block compute again for the gradient what they would keep: less memory, more work.

    Args:
        mode: "full" for all layers, "activations" for the activations of layers alone, "larger_than" for layers whose outputs
            have more elements than `output_size_threshold`, "list_of_layers" for those named in `layer_names`, `None` for no
            layer, within a block that says otherwise.
        output_size_threshold: of "larger_than", elements of an output, the samples of a batch included.
        layer_names: of "list_of_layers".

    >>> import kerata
    >>> with RematScope("list_of_layers", layer_names=["wide"]):
    ...     layers = [kerata.layers.Dense(4, name=name) for name in ("wide", "last")]
    >>> [layer._remat is not None for layer in layers]
    [True, False]
    """

    def __init__(self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Sequence[str] | None = None):
        self.mode = check_choice("RematScope", "mode", mode, MODES)
        self.output_size_threshold = check_positive_int("RematScope", "output_size_threshold", output_size_threshold, minimum=0)
        if isinstance(layer_names, str):
            raise TypeError(message("RematScope", "`layer_names` must be a list of names", {"layer_names": layer_names}))
        self.layer_names = list(layer_names or ())

    def __enter__(self) -> "RematScope":
        _scopes().append(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _scopes().pop()


def _scopes() -> list[RematScope]:
    return _local.__dict__.setdefault("remat_scopes", [])


def remat_of(name: str) -> Remat | None:
    """How a layer of a name that is made now is rematerialized; `None` where it is not."""
    scopes: list[RematScope] | None = getattr(_local, "remat_scopes", None)
    if not scopes or scopes[-1].mode is None:
        return None
    found = scopes[-1]
    if found.mode == "list_of_layers" and name not in found.layer_names:
        return None
    return Remat(str(found.mode), found.output_size_threshold, tuple(found.layer_names))


def rematerialized(
    variables: Sequence[Variable],
    call: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    above: int | None = None,
) -> object:
    """What `call(*args, **kwargs)` gives, its inner values computed again for the gradient.

    Args:
        variables: that the call may read or assign; what it assigns is assigned.
        call, args, kwargs: a function of arrays, in a program.
        above: the number of elements above which it is rematerialized; `None` for always.
    """
    outer = current_scope() or Scope()
    # The scope that draws come from.
    drawing = next((scope for scope in reversed(stack()) if scope.key is not None), outer)
    values = [(v, found) for v in variables if (found := _carried(v)) is not None]
    own, before = [v for v, _ in values], [value for _, value in values]
    draws, changed = drawing.draws, [False for _ in own]
    facts: list[Any] = []

    def run(arrays: list[Array]) -> tuple[Any, list[Array], list[Array], list[Array]]:
        nonlocal draws, changed, facts
        inner = Scope(own, arrays, outer.hypers, drawing.key, outer.valid)
        inner.draws = drawing.draws
        with inner:
            outputs = call(*args, **kwargs)
            facts = [noted(leaf, "logits") for leaf in jax.tree.leaves(outputs)]
        after = inner.read(own)
        draws, changed = inner.draws, [new is not old for new, old in zip(after, arrays, strict=True)]
        # Facts hold arrays, which come out with the others, and words.
        return outputs, after, inner.losses, [leaf for leaf in jax.tree.leaves(facts) if isinstance(leaf, jax.Array)]

    if above is not None:
        shapes = jax.tree.leaves(jax.eval_shape(lambda arrays: run(arrays)[0], before))
        if sum(leaf.size for leaf in shapes) <= above:
            return call(*args, **kwargs)
    outputs, after, losses, logits = jax.checkpoint(run)(before)  # type: ignore[attr-defined]
    drawing.draws = draws
    for variable, value, is_changed in zip(own, after, changed, strict=True):
        if is_changed:
            variable.store(value)
    outer.losses.extend(losses)
    arrays = iter(logits)
    told = jax.tree.map(lambda leaf: next(arrays) if isinstance(leaf, jax.Array) else leaf, facts)
    for leaf, fact in zip(jax.tree.leaves(outputs), told, strict=True):
        if fact is not None:
            note(leaf, "logits", fact)
    return outputs


def _carried(variable: Variable) -> Array | None:
    """The traced value of a variable that a program carries."""
    for scope in reversed(stack()):
        found = scope.values.get(id(variable))
        if found is not None:
            return found
    return None
