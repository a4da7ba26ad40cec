"""The order in which Keras lists what a functional model is made of.

Files and `set_weights` go by this order. Keras sorts by depth, then by a walk back from the outputs. Its graph holds, besides
the layers, the operations by which masks are made; they stand between what is masked and the layer that takes the mask, and
so push other layers away from the outputs. Here masks are made within layers, and these operations are only counted.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from kerata.engine.symbolic import Caller, Node, SymbolicTensor, flatten, map_structure, symbolic_leaves
from kerata.layers import (
    Attention,
    Bidirectional,
    Concatenate,
    Dot,
    Embedding,
    Lambda,
    Layer,
    Masking,
    ReversibleEmbedding,
    TimeDistributed,
)
from kerata.layers.merging import Merge
from kerata.layers.recurrent import RNN
from kerata.layers.signatures import call_parameters, first_given


class MaskStep:
    """An operation by which Keras makes a mask.

    Args:
        inputs: the tensors and masks that it takes.
        rank: the number of the mask's axes.
    """

    def __init__(self, inputs: Iterable["Term"], rank: int):
        self.inputs, self.rank = list(inputs), rank


Term: TypeAlias = SymbolicTensor | MaskStep
# The mask of each input or output.
Masks: TypeAlias = Sequence[MaskStep | None]
# What makes a term: a call, a step, or an input of the model.
Maker: TypeAlias = Node | MaskStep | Caller


def order_operations(
    nodes: Sequence[Node],
    inputs: Sequence[SymbolicTensor],
    outputs: Sequence[SymbolicTensor],
    source: Callable[[SymbolicTensor], Caller],
    counts_masks: bool,
) -> list[Caller]:
    """Inputs and layers as Keras lists them.

    Args:
        nodes: the calls between inputs and outputs, in an order in which they can run.
        inputs, outputs: of the model.
        source: the input of the model at which a tensor stands that no call among `nodes` has made.
        counts_masks: whether the operations that make masks count, as since Keras 3.
    """
    taken: dict[int, list[Term]] = {id(node): [*node.input_tensors] for node in nodes}
    if counts_masks:
        taken = {id(node): terms for node, terms in zip(nodes, terms_taken(nodes), strict=True)}
    producer = {id(t): node for node in nodes for t in node.output_tensors}

    def maker(term: Term) -> Maker:
        return term if isinstance(term, MaskStep) else producer.get(id(term)) or source(term)

    order, place = walk(outputs, lambda node: taken[id(node)], maker)
    depth = depths(order, lambda node: taken[id(node)], maker)
    operations = {id(node.operation): node.operation for node in nodes}
    for tensor in inputs:
        operation = source(tensor)
        operations.setdefault(id(operation), operation)
    return sorted(operations.values(), key=lambda op: (-depth.get(id(op), 0), place.get(id(op), -1)))


def terms_of(made: Maker, taken: Callable[[Node], list[Term]]) -> list[Term]:
    """What a call or a step takes; an input of the model takes nothing."""
    return made.inputs if isinstance(made, MaskStep) else taken(made) if isinstance(made, Node) else []


def walk(
    outputs: Sequence[Term], taken: Callable[[Node], list[Term]], maker: Callable[[Term], Maker]
) -> tuple[list[Maker], dict[int, int]]:
    """A walk back from the outputs: makers in an order in which they can run, and when each operation is first met."""
    order: list[Maker] = []
    place: dict[int, int] = {}
    done: set[int] = set()
    pending = [(maker(term), False) for term in reversed(outputs)]
    while pending:
        made, ready = pending.pop()
        if id(made) in done:
            continue
        if ready:
            done.add(id(made))
            order.append(made)
            continue
        place.setdefault(id(operation_of(made)), len(place))
        pending.append((made, True))
        pending.extend((maker(term), False) for term in reversed(terms_of(made, taken)))
    return order, place


def operation_of(made: Maker) -> object:
    """The operation of a call; a step and an input are their own."""
    return made.operation if isinstance(made, Node) else made


def depths(order: Sequence[Maker], taken: Callable[[Node], list[Term]], maker: Callable[[Term], Maker]) -> dict[int, int]:
    """How far each operation is from the outputs at most; a shared layer stands where its deepest call stands."""
    of_maker: dict[int, int] = {}
    deepest: dict[int, int] = {}
    for made in reversed(order):
        operation = id(operation_of(made))
        level = max(of_maker.get(id(made), 0), deepest.get(operation, 0))
        of_maker[id(made)] = deepest[operation] = level
        for term in terms_of(made, taken):
            before = id(maker(term))
            of_maker[before] = max(of_maker.get(before, 0), level + 1)
    return deepest


def terms_taken(nodes: Sequence[Node]) -> list[list[Term]]:
    """What each call takes: its tensors, and the masks that Keras hands it."""
    mask_of: dict[int, MaskStep | None] = {}
    taken: list[list[Term]] = []

    def masks(tree: object) -> object:
        return map_structure(lambda leaf: mask_of.get(id(leaf)) if isinstance(leaf, SymbolicTensor) else None, tree)

    for node in nodes:
        layer, kwargs = node.operation, dict(node.kwargs)
        if isinstance(layer, Layer) and (mask_of or isinstance(layer, (Embedding, Masking)) or is_own(layer)):
            if is_handed_mask(layer, node):
                kwargs["mask"] = masks(node.args[0])
            first = first_given(layer, node.args, node.kwargs)
            known = kwargs.get("mask")
            before = flatten(masks(first) if known is None else known)
            if layer.supports_masking or type(layer).compute_mask is not Layer.compute_mask:
                made = masks_made(layer, symbolic_leaves(first), [one if isinstance(one, MaskStep) else None for one in before])
                mask_of.update({id(t): one for t, one in zip(node.output_tensors, made, strict=False) if one is not None})
        leaves = flatten((node.args, kwargs))
        taken.append([leaf for leaf in leaves if isinstance(leaf, (SymbolicTensor, MaskStep))])
    return taken


def is_handed_mask(layer: Layer, node: Node) -> bool:
    """Whether Keras's graph shows that a layer takes a mask: where it is called on one tensor alone, of the layer's type."""
    if node.kwargs or len(node.args) != 1 or not isinstance(node.args[0], SymbolicTensor) or isinstance(layer, Merge):
        return False
    return "mask" in call_parameters(type(layer)) and str(node.args[0].dtype) == layer.compute_dtype


def is_own(layer: Layer) -> bool:
    """Whether a user has written how a layer makes its mask."""
    return type(layer).compute_mask.__module__.partition(".")[0] != "kerata"


@functools.singledispatch
def masks_made(layer: Layer, inputs: Sequence[SymbolicTensor], masks: Masks) -> Masks:
    """The masks of a layer's outputs, from its inputs and their masks, by the operations by which Keras makes them.

    A mask that a user's own layer makes counts as one operation.
    """
    if is_own(layer):
        steps = [mask for mask in masks if mask is not None]
        return [MaskStep([*inputs, *steps], steps[0].rank if steps else 2)]
    # `GlobalAveragePooling1D`, `Dot` and others of ours that say what becomes of a mask say that nothing is left.
    return masks if type(layer).compute_mask is Layer.compute_mask else []


@masks_made.register(TimeDistributed)
def mask_of_steps(layer: TimeDistributed, inputs: Sequence[SymbolicTensor], masks: Masks) -> Masks:
    return masks[:1]


@masks_made.register(Attention)
def mask_of_query(layer: Attention, inputs: Sequence[SymbolicTensor], masks: Masks) -> Masks:
    return [MaskStep([mask], mask.rank) for mask in masks[:1] if mask is not None]


@masks_made.register(Lambda)
def mask_of_function(layer: Lambda, inputs: Sequence[SymbolicTensor], masks: Masks) -> Masks:
    return [MaskStep(inputs, 2)] if callable(layer.mask) else []


@masks_made.register(Embedding)
def mask_of_embedding(layer: Embedding, inputs: Sequence[SymbolicTensor], masks: Masks) -> Masks:
    shown = layer.mask_zero and not isinstance(layer, ReversibleEmbedding)
    return [MaskStep(inputs, len(inputs[0].shape))] if shown else []


@masks_made.register(Masking)
def mask_of_masking(layer: Masking, inputs: Sequence[SymbolicTensor], masks: Masks) -> Masks:
    rank = len(inputs[0].shape)
    return [MaskStep([MaskStep(inputs, rank)], rank - 1)]


@masks_made.register(Merge)
def mask_of_sum(layer: Merge, inputs: Sequence[SymbolicTensor], masks: Masks) -> Masks:
    known = [mask for mask in masks if mask is not None]
    if len(known) < len(masks):
        return []
    return [functools.reduce(lambda one, other: MaskStep([one, other], max(one.rank, other.rank)), known)]


@masks_made.register(Concatenate)
def mask_of_whole(layer: Concatenate, inputs: Sequence[SymbolicTensor], masks: Masks) -> Masks:
    if not any(masks):
        return []
    wide: list[MaskStep] = []
    for x, mask in zip(inputs, masks, strict=True):
        rank = len(x.shape)
        if mask is None:
            wide.append(MaskStep([x], rank))
        elif mask.rank < rank:
            wide.append(MaskStep([MaskStep([mask], mask.rank + 1), MaskStep([x], rank)], rank))
        else:
            wide.append(mask)
    rank = len(inputs[0].shape)
    return [MaskStep([MaskStep(wide, rank)], rank - 1)]


@masks_made.register(Dot)
def no_mask(layer: Dot, inputs: Sequence[SymbolicTensor], masks: Masks) -> Masks:
    return []


@masks_made.register(RNN)
def mask_of_sequences(layer: RNN, inputs: Sequence[SymbolicTensor], masks: Masks) -> Masks:
    return masks[:1] if layer.return_sequences else []


@masks_made.register(Bidirectional)
def mask_of_both(layer: Bidirectional, inputs: Sequence[SymbolicTensor], masks: Masks) -> Masks:
    return [*masks[:1]] * (2 if layer.merge_mode is None else 1) if layer.return_sequences else []
