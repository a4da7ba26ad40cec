"""Layers among tensors: what they take, what they give, and what a tape notes of them.

A layer of Kerata's is one call, with all its weights, and outside of programs a compiled one. Code of a person's own (a layer's
or a model's `call`) runs as Python, as TensorFlow ran it: what it does with tensors and layers is noted piece by piece.
"""

import copy
import functools
import inspect
import weakref
from collections.abc import Callable, Hashable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kerata.base.recent import Recent
from kerata.base.types import DTypeLike
from kerata.dialects.values import regularizer_of
from kerata.engine.hyper import Hypers
from kerata.engine.module import Look
from kerata.engine.naming import name_scope
from kerata.engine.random import global_seed_generator
from kerata.engine.scope import Probe, Scope, current_scope, in_scope, note, noted, probe_of
from kerata.engine.structure import is_ours, structure_of
from kerata.engine.symbolic import has_symbolic
from kerata.engine.types import Array
from kerata.engine.variable import Variable
from kerata.kernels.compiler import compiler_options
from kerata.layers.layer import Layer
from kerata.layers.masks import fill_masks
from kerata.layers.phase import again_in_phase, contexts, training_now
from kerata.layers.signatures import call_parameters
from kerata.legacy.tensorflow.by_place import by_place_of
from kerata.legacy.tensorflow.calls import convert
from kerata.legacy.tensorflow.listing import Listing
from kerata.legacy.tensorflow.penalties import level_penalty
from kerata.legacy.tensorflow.tape import Call, as_graph, inside, inside_call, is_graph, make_call, tapes
from kerata.legacy.tensorflow.tensor import Tensor, dtype_of, has_tensor, is_array, is_concrete, narrow, plain
from kerata.legacy.tensorflow.types import TensorShape, int64, string
from kerata.legacy.tensorflow.uneven import is_ragged, of_host, of_rows
from kerata.legacy.tensorflow.variable import adopt
from kerata.models.graph import Graph

# For each leaf what went into the softmax or sigmoid that gave it, by that one's name.
Logits: TypeAlias = list[dict[str, Array]]
# Whether this process uses TensorFlow's names: then layers of every era take and give tensors.
in_use = [False]


class Flowing(Listing):
    """A layer that takes tensors, gives tensors, and is followed by tapes."""

    _bookkeeping = {"_tape_calls": Look.NOBODY, "_awaits": Look.NOBODY}
    _era: str
    if TYPE_CHECKING:
        # Of models with a graph.
        _graph: Graph | None

    def __call__(self, *args: object, **kwargs: object) -> Any:
        if isinstance(training := kwargs.get("training"), Tensor) and is_concrete(training):
            # Programs are made for one phase.
            kwargs["training"] = bool(training)
        if is_ragged(args):
            return of_rows(self, args[0], args[1:], kwargs)  # type: ignore[arg-type]
        if tapes() or (gives_tensors(self) and not in_scope()):
            args, kwargs = reading(args), reading(kwargs)
        if in_scope() and not has_tensor(args) and not has_tensor(kwargs):
            return super().__call__(*args, **kwargs)  # type: ignore[misc]
        if has_symbolic((args, kwargs)):
            return super().__call__(*plain(args), **plain(kwargs))  # type: ignore[misc]
        if not gives_tensors(self) and not has_tensor(args) and not has_tensor(kwargs):
            return super().__call__(*args, **kwargs)  # type: ignore[misc]
        if getattr(self, "runs_on_host", False):
            found = super().__call__(*plain(args), **plain(kwargs))  # type: ignore[misc]
            return of_host(self, found, np.shape(plain(args[0])) if args else None)
        args, kwargs = as_tensors(args), as_tensors(kwargs)
        if in_scope() and not contexts() and (scope := current_scope()) is not None:
            # Of each call of a model by hand, the losses are its own.
            scope.losses.clear()
        if runs_as_python(self):
            return super().__call__(*args, **kwargs)  # type: ignore[misc]
        return call_whole(self, super().__call__, args, kwargs)  # type: ignore[misc]

    @property
    def _may_give_rows(self) -> bool:
        return self._era == "tfkeras2"

    # What a layer of a person's own gets

    def _convert_inputs(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        if not (has_tensor(args) or has_tensor(kwargs)):
            return super()._convert_inputs(args, kwargs)  # type: ignore[misc]
        wanted = self.compute_dtype if self.autocast else None  # type: ignore[attr-defined]

        def take(one: object) -> object:
            if not isinstance(one, Tensor) or wanted is None or not one.dtype.is_floating or one.dtype == wanted:
                return one
            mask = noted(one, "mask")
            found = cast(one, wanted)
            if mask is not None:
                note(found, "mask", mask)
            return found

        return map_tensors(take, args), map_tensors(take, kwargs)

    def _shapes_of_call(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        found = super()._shapes_of_call(args, kwargs)  # type: ignore[misc]
        today = is_ours(type(self)) or self._era != "tfkeras2"
        return found if today else {name: as_shapes(shape) for name, shape in found.items()}

    def _call_concrete(self, args: tuple, kwargs: dict[str, Any]) -> object:
        names = call_parameters(type(self))
        if self._era == "tfkeras2" and names.takes_any and not is_ours(type(self)):
            # A `call(self, x, **kwargs)` was told of training and of the mask, as if it had named them.
            known = {"training": training_now(), "mask": fill_masks(self, args, kwargs)[1]}  # type: ignore[arg-type]
            added = {name: one for name, one in known.items() if name not in names and kwargs.get(name) is None}
            kwargs = {**kwargs, **{name: one for name, one in added.items() if name == "training" or one is not None}}
        return super()._call_concrete(args, kwargs)  # type: ignore[misc]

    def _run_call(self, args: tuple, kwargs: dict[str, Any]) -> object:
        own, given = holds_function(self), has_tensor(args) or has_tensor(kwargs)
        if runs_ours(self) and not own:
            with nullcontext() if hasattr(self, "_graph") else inside(True):
                found = super()._run_call(args, kwargs)  # type: ignore[misc]
            # What TensorFlow's functions among its arguments give, `Dense(activation=tf.nn.relu)`, are arrays in programs.
            return found if given or not in_scope() else narrowed(found)
        if not gives_tensors(self):
            return super()._run_call(args, kwargs)  # type: ignore[misc]
        with inside(False):
            args, kwargs = as_tensors(args), as_tensors(kwargs)
            # Code of a person's own is no program of the layer's, even where the layer loops over steps.
            alone = self.loops and not own and not in_scope()  # type: ignore[attr-defined]
            found = self.call(*args, **kwargs) if alone else super()._run_call(args, kwargs)  # type: ignore[attr-defined,misc]
        return found if given or not in_scope() else narrowed(found)

    def _note_masks(self, args: tuple, kwargs: dict[str, Any], outputs: object, mask: object) -> None:
        if gives_tensors(self) and not is_ours(type(self).compute_mask):  # type: ignore[attr-defined]
            args, kwargs, mask = as_tensors(args), as_tensors(kwargs), as_tensors(mask)
        super()._note_masks(args, kwargs, outputs, mask)  # type: ignore[misc]
        for leaf in (one for one in jax.tree.leaves(outputs) if isinstance(noted(one, "mask"), Tensor)):
            note(leaf, "mask", narrow(noted(leaf, "mask")))  # TensorFlow's functions in a `compute_mask` give tensors.

    def _penalize(self, output: object) -> object:
        if not isinstance(output, Tensor):
            return super()._penalize(output)  # type: ignore[misc]
        base = super()._penalize  # type: ignore[misc]
        return make_call(Call(lambda values: base(values[0])), [output], [narrow(output)], wrap_leaves)

    def _regularization_losses(self) -> list[Any]:
        base = super()._regularization_losses  # type: ignore[misc]
        weights = [v for v in self._penalized() if v.regularizer is not None] if tapes() else []  # type: ignore[attr-defined]
        if not weights:
            return base()

        def penalties(values: list[Any]) -> list[Array]:
            outer = current_scope()
            with Scope(weights, values, outer.hypers if outer else None):
                return [jnp.asarray(one) for one in base()]

        return make_call(Call(penalties), weights, [v.value for v in weights], wrap_leaves)

    @property
    def losses(self) -> list[Any]:
        """Terms that layers added in the last call, and the penalties of regularized weights."""
        found = super().losses  # type: ignore[misc]
        return as_tensors(found) if gives_tensors(self) and not inside_program() else found

    # Weights

    def add_weight(self, *args: object, **kwargs: object) -> Variable:
        """A new weight."""
        if isinstance(rule := kwargs.get("regularizer"), str):
            kwargs["regularizer"] = regularizer_of(rule)
        found = super().add_weight(*args, **kwargs)  # type: ignore[misc]
        level_penalty(found)
        return adopt(found) if gives_tensors(self) else found

    def _adopted(self) -> None:
        """Takes what a layer of today holds as what it was in the era."""
        self.activity_regularizer = self.activity_regularizer
        level_penalty(*self._weights)  # type: ignore[attr-defined]

    def _adopts_weights(self) -> bool:
        return gives_tensors(self) and not in_scope()


def gives_tensors(layer: Flowing) -> bool:
    """Whether a layer is one of `tf.keras`, or of a program that uses TensorFlow's names."""
    return in_use[0] or layer._era == "tfkeras2"


def inside_program() -> bool:
    return in_scope() and not tapes()


def runs_as_python(layer: Flowing) -> bool:
    """Whether a person's own code is in a layer, or a layer of the host, where Python runs it: its pieces are noted."""
    if not runs_ours(layer) or holds_function(layer):
        return True
    if not hasattr(layer, "_graph"):
        return False
    return getattr(layer._graph, "is_cut", False) or structure_of(layer) is None or (bool(tapes()) and shows_inside(layer))


def runs_ours(layer: Flowing) -> bool:
    """Whether what a layer computes is written here: its class is, or its `call`, which takes arrays."""
    return is_ours(type(layer)) or (not hasattr(layer, "_graph") and is_ours(type(layer).call))  # type: ignore[attr-defined]


def shows_inside(model: Flowing) -> bool:
    """Whether an output of a model leads to another one: a tape may be asked for the derivative of this one to that one."""
    graph = model._graph
    if graph is None or len(graph.outputs) < 2:
        return False
    used = {id(tensor) for node in graph.nodes for tensor in node.input_tensors}
    return any(id(tensor) in used for tensor in graph.outputs)


def holds_function(layer: Flowing) -> bool:
    """Whether a layer, such as a Lambda, does what a function of a person's own says."""
    function = layer.__dict__.get("function")
    return callable(function) and not is_ours(function)


def as_tensors(tree: object) -> Any:
    """A structure with tensors for arrays, which keep what is noted of them."""

    def take(one: object) -> object:
        one = np.asarray(one) if hasattr(one, "iloc") else one
        if isinstance(one, Tensor) or not isinstance(one, (jax.Array, np.ndarray, np.generic)):
            return one
        made = Tensor(one, dtype_of(one)) if isinstance(one, jax.Array) else convert(one)
        mask, logits = noted(one, "mask"), noted(one, "logits")
        if mask is not None:
            note(made, "mask", mask)
        if logits is not None:
            note(made, "logits", (logits[0], as_tensors(logits[1])))
        return made

    return map_tensors(take, tree)


def reading(tree):
    """A structure with tensors for variables, which tapes follow back to these."""
    if inside_call() or not any(isinstance(leaf, Variable) for leaf in jax.tree.leaves(tree, is_leaf=is_array)):
        return tree
    return map_tensors(lambda one: convert(one) if isinstance(one, Variable) else one, tree)


def map_tensors(function: Callable[[Any], Any], tree: object) -> Any:
    if isinstance(tree, dict):
        return {key: map_tensors(function, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)) and type(tree) in (list, tuple):
        return type(tree)(map_tensors(function, value) for value in tree)
    return function(tree)


def narrowed(tree: object) -> Any:
    """A structure with the arrays of programs for tensors, with what is noted of these."""

    def take(one: object) -> object:
        if not isinstance(one, Tensor):
            return one
        array, mask, logits = narrow(one), noted(one, "mask"), noted(one, "logits")
        if mask is not None and noted(array, "mask") is None:
            note(array, "mask", mask)
        if logits is not None and noted(array, "logits") is None:
            note(array, "logits", (logits[0], narrow(logits[1])))
        if one.dtype == int64 and in_scope():
            note(array, "wide", True)
        return array

    return map_tensors(take, tree)


def as_shapes(shape: object) -> object:
    """Shapes as `build` of a layer of `tf.keras` gets them."""
    if isinstance(shape, dict):
        return {key: as_shapes(value) for key, value in shape.items()}
    if isinstance(shape, (list, tuple)) and all(size is None or isinstance(size, int) for size in shape):
        return TensorShape(shape)
    return [as_shapes(one) for one in shape] if isinstance(shape, (list, tuple)) else shape


def wrap_leaves(found: object) -> tuple[Any, list[Any]]:
    """A structure of tensors for one of arrays, and all of them."""
    flat, tree = jax.tree.flatten(found)
    made = [Tensor(array) for array in flat]
    return jax.tree.unflatten(tree, made), made


def cast(tensor: Tensor, dtype: DTypeLike) -> Tensor:
    call = Call(lambda values: values[0].astype(dtype))
    return make_call(call, [tensor], [narrow(tensor)], wrap_leaves)


# A layer as one call


class Whole:
    """A layer's call on some arrays, as a pure function of them, of its variables and of what is drawn.

    Args:
        layer: which.
        run: its call on arrays.
        args, kwargs: what it is called with, tensors among it.
        part: the method that `run` is, if it is not the whole call.
    """

    def __init__(self, layer: Layer, run: Callable[..., Any], args: tuple, kwargs: dict[str, Any], part: str = ""):
        self.layer, self.run, self.part = layer, run, part
        leaves, self.treedef = jax.tree.flatten((args, kwargs), is_leaf=is_array)
        self.places = [n for n, leaf in enumerate(leaves) if isinstance(leaf, (Tensor, Variable))]
        self.fixed = [None if n in self.places else leaf for n, leaf in enumerate(leaves)]
        self.given = [leaves[n] for n in self.places]
        masks = [noted(one, "mask") for one in self.given]
        self.masked = tuple(mask is not None for mask in masks)
        self.masks = [mask for mask in masks if mask is not None]
        # Tapes follow weights of frozen layers too: these may be freed before gradients are asked for.
        self.trainable = [v for v in layer.variables if v.made_trainable]
        self.others = [v for v in layer.variables if not v.made_trainable]
        self.outer = current_scope()
        if self.outer is None:
            self.others.append(global_seed_generator().state)
        self.hypers = Hypers(("", layer))
        self.start = self.outer.draws if self.outer else 0
        self.training, self.graph = training_now(), is_graph()
        self.tables = [v for v in self.trainable if v.is_table] if tapes() else []
        self.read_whole: set[int] = set()

    @property
    def objects(self) -> list[Any]:
        asked = [one for table in map(by_place_of, self.tables) for one in (table.squares, table.rows)]
        return [*self.trainable, *self.given, *self.others, *self.masks, *asked, None]

    def values(self) -> list[Any]:
        arrays = [v.value for v in self.trainable], [narrow(one) for one in self.given], [v.value for v in self.others]
        asked = [one for v in self.tables for one in (jnp.float32(jnp.inf), jnp.zeros(v.shape[0], jnp.float32))]
        masks = [narrow(mask) for mask in self.masks]
        for probe in filter(None, map(probe_of, self.trainable)):
            # It is handed on, not read.
            probe.whole -= 1
        return [*arrays[0], *arrays[1], *arrays[2], *masks, *asked, jnp.asarray(self.hypers.vector())]

    def key(self) -> Hashable:
        """What tells calls apart whose programs are not the same; `None` where they cannot be told."""
        structure = None if self.outer is not None else structure_of(self.layer)
        fixed = key_of(self.fixed)
        if structure is None or fixed is None:
            return None
        return (structure, self.treedef, fixed, self.masked, self.training, self.graph, self.part, len(self.tables))

    def without_values(self) -> "Whole":
        """The same, without the batch that it was called on, to be kept."""
        kept = copy.copy(self)
        kept.given, kept.masks = [None] * len(self.given), [None] * len(self.masks)
        return kept

    def function(self, values: list[Any]) -> tuple[object, list[Array], Logits, dict[int, Array], list[object]]:
        """(outputs, losses that were added, logits of outputs, new values of variables by their place, masks of outputs)."""
        rest = iter(values)
        trainable = [next(rest) for _ in self.trainable]
        given = [next(rest) for _ in self.given]
        others = [next(rest) for _ in self.others]
        masks = [next(rest) if there else None for there in self.masked]
        probes = [Probe(next(rest), next(rest)) for _ in self.tables]
        table, outer = self.hypers.table(next(rest)), self.outer
        scope = Scope(
            [*self.trainable, *self.others],
            [*trainable, *others],
            {**(outer.hypers if outer else {}), **({} if outer else table)},
            outer.key if outer else None,
            outer.valid if outer else None,
        )
        scope.draws = self.start
        scope.probes = {id(v): probe for v, probe in zip(self.tables, probes, strict=True)}
        filled = list(self.fixed)
        for place, array in zip(self.places, given, strict=True):
            filled[place] = array
        args, kwargs = jax.tree.unflatten(self.treedef, filled)
        with scope, again_in_phase(self.training):
            for array, mask in zip(given, masks, strict=True):
                if mask is not None:
                    note(array, "mask", mask)
            with as_graph(self.graph):
                found = self.run(*args, **kwargs)
            logits = logits_of(found)
            outputs = jax.tree.map(jnp.asarray, narrowed(found))
            losses = [jnp.asarray(one) for one in scope.losses]
            found_masks = [noted(leaf, "mask") for leaf in jax.tree.leaves(found)]
            after = scope.read(self.others)
        if outer is not None:
            outer.draws = scope.draws
        self.read_whole.update(n for n, probe in enumerate(probes) if probe.whole)
        changed = {n: new for n, (old, new) in enumerate(zip(others, after, strict=True)) if new is not old}
        return outputs, losses, logits, changed, found_masks

    def wrap(self, found: tuple[object, list[Array], Logits, dict[int, Array], list[object]]) -> tuple[Any, list[Any]]:
        """The outputs as tensors; what else the call has done is done here."""
        outputs, losses, logits, changed, masks = found
        flat, tree = jax.tree.flatten(outputs)
        made, added = [Tensor(array) for array in flat], [Tensor(array) for array in losses]
        for tensor, mask in zip(made, masks, strict=False):
            if mask is not None:
                note(tensor, "mask", mask)
        for place, value in changed.items():
            self.others[place].assign(value)
        if added:
            # What a layer's call has added is of that call, wherever it stands.
            Layer.add_loss(self.layer, added)
        return jax.tree.unflatten(tree, made), [*made, *added, *note_logits(made, logits)]


def logits_of(found: object) -> Logits:
    pairs = [noted(leaf, "logits") for leaf in jax.tree.leaves(found)]
    return [{} if pair is None else {pair[0]: narrow(pair[1])} for pair in pairs]


def note_logits(made: list[Tensor], logits: Logits) -> list[Tensor]:
    """Notes of tensors the logits that a call gave with them; these as tensors."""
    held = []
    for tensor, some in zip(made, logits, strict=False):
        for kind, array in some.items():
            held.append(Tensor(array))
            note(tensor, "logits", (kind, held[-1]))
    return held


def call_whole(layer: Layer, run: Callable[..., Any], args: tuple, kwargs: dict[str, Any], part: str = "") -> object:
    """Calls a layer of Kerata's on tensors.

    Args:
        layer: which.
        run: what is called, on arrays.
        args, kwargs: with what.
        part: the method that `run` is, where a person's own code called that within a call of the layer.
    """
    if not part:
        with name_scope(layer.name):
            layer._maybe_build(args, kwargs)
        if not in_scope():
            layer._forget_losses()
    whole = Whole(layer, run, args, kwargs, part)
    known = not in_scope() and not any(isinstance(one, Tensor) and isinstance(one._array, Tracer) for one in whole.given)
    values = whole.values()
    call = kept_whole(layer, whole, values) if known else Call(whole.function)
    found = make_call(call, whole.objects, values, whole.wrap)
    for place in call.function.__self__.read_whole if whole.tables else ():  # type: ignore[attr-defined]
        by_place_of(whole.tables[place]).is_whole = True
    return found


def kept_whole(layer: Layer, whole: Whole, values: list[Any]) -> Call:
    """The call of a layer on such values: the one that it had before, or that another layer of its structure has."""
    key = whole.key()
    if key is None:
        return Call(whole.function)
    # With the shapes, so that a program is never traced anew by a layer that has become another one since.
    key = (key, tuple((value.shape, value.dtype, getattr(value, "weak_type", False)) for value in values))
    calls: Recent[Call] = layer.__dict__.setdefault("_tape_calls", Recent(CALLS_OF_A_LAYER))
    call = calls.find(key) or _of_layers.get(key)
    if call is None or (call.run is call.function and tapes()):
        brief = not hasattr(layer, "_graph")
        function = whole.without_values().function
        fast = jax.jit(function, compiler_options=compiler_options(brief=brief)) if tapes() or not brief else None
        call = Call(function, fast, kept=True, brief=brief)
        _of_layers[key] = call
    calls.keep(key, call)
    return call


def callable_by_own(method: Callable[..., object]) -> Callable[..., object]:
    """A layer's method on arrays that a person's own code may call on tensors: `super().call(x)` within a `call` of its own.

    Where `training=` is not given, it is that of the call around it.
    """
    names = list(inspect.signature(method).parameters)[1:]
    place = names.index("training") if "training" in names else -1

    @functools.wraps(method)
    def run(self: Layer, *args: object, **kwargs: object) -> object:
        if place >= len(args) and kwargs.get("training") is None and (training := training_now()) is not None:
            kwargs["training"] = training
        if not (has_tensor(args) or has_tensor(kwargs)) or holds_function(self):  # type: ignore[arg-type]
            return method(self, *args, **kwargs)

        def on_arrays(*args: object, **kwargs: object) -> object:
            with inside(True):
                return method(self, *args, **kwargs)

        return call_whole(self, on_arrays, as_tensors(args), as_tensors(kwargs), method.__name__)

    return run


# Functions of Kerata's on tensors: losses, K, activations


def followed(function: Callable[..., Any], key: Hashable = None) -> Callable[..., Any]:
    """A function of arrays that takes tensors as well, gives tensors outside of programs, and is followed by tapes.

    Args:
        function: it.
        key: equal for functions that compute the same, so that their derivative is worth a program; `None` where that is not
            known.
    """

    @functools.wraps(function)
    def call(*args: object, **kwargs: object) -> object:
        if tapes():
            args, kwargs = reading(args), reading(kwargs)
        if not has_tensor(args) and not has_tensor(kwargs):
            found = function(*args, **kwargs)
            return found if in_scope() or inside_call() else as_tensors(found)
        leaves, treedef = jax.tree.flatten((args, kwargs), is_leaf=is_array)
        places = [n for n, leaf in enumerate(leaves) if isinstance(leaf, GIVEN) and not holds_texts(leaf)]
        objects = [leaves[n] for n in places]
        others = [np.asarray(leaf._array) if isinstance(leaf, Tensor) else leaf for leaf in without(leaves, places)]
        facts = facts_of(objects)
        which, graph = tuple(fact[:3] for fact in facts), is_graph()

        def pure(values: list[Any]) -> object:
            filled = list(others)
            for place, value in zip(places, values, strict=False):
                filled[place] = value
            for (place, kind, name), value in zip(which, values[len(places) :], strict=True):
                note(values[place], kind, (name, value) if name else value)
            args, kwargs = jax.tree.unflatten(treedef, filled)
            with as_graph(graph):
                found = function(*args, **kwargs)
            return jax.tree.map(jnp.asarray, narrowed(found)), logits_of(found)

        if has_symbolic((args, kwargs)):
            return function(*plain(args), **plain(kwargs))
        objects += [fact[3] for fact in facts]
        fixed = key_of(without(leaves, places))
        whole = (key, treedef, tuple(places), which, fixed, graph)
        call = Call(pure, once=True) if key is None or fixed is None else kept_call(pure, whole)
        return make_call(call, objects, [narrow(one) for one in objects], wrap_noted)

    call.__kerata__ = function  # type: ignore[attr-defined]
    return call


def facts_of(objects: list[Any]) -> list[tuple[int, str, str, Any]]:
    """What is noted of each of some tensors: (which, the kind of fact, of which function, the fact)."""
    found: list[tuple[int, str, str, Any]] = []
    for place, one in enumerate(objects):
        if isinstance(one, Tensor):
            mask, logits = noted(one, "mask"), noted(one, "logits")
            found += [(place, "mask", "", mask)] if mask is not None else []
            found += [(place, "logits", *logits)] if logits is not None else []
    return found


def wrap_noted(found: tuple[object, Logits]) -> tuple[Any, list[Any]]:
    result, made = wrap_leaves(found[0])
    return result, [*made, *note_logits(made, found[1])]


# What a program is given anew in each call.
GIVEN = (Tensor, Variable, np.ndarray, jax.Array)


def key_of(fixed: list[Any]) -> Hashable:
    """What a program is bound to beside its arrays, equal only where it is the same; `None` where that cannot be told."""
    key = tuple((type(one), one) for one in fixed)
    try:
        hash(key)
    except TypeError:
        return None
    return key


def without(leaves: list[Any], places: list[int]) -> list[Any]:
    return [None if n in places else leaf for n, leaf in enumerate(leaves)]


def kept_call(pure: Callable[..., Any], key: Hashable) -> Call:
    """The call of a function, the same one where its key was there before: then it is a program."""
    call = _kept.find(key)
    if call is None:
        call = Call(pure, jax.jit(pure, compiler_options=compiler_options(brief=True)), kept=True)
        _kept.keep(key, call)
    return call


_kept: Recent[Call] = Recent(256)
# Of one layer: for shapes, and kinds of arguments beside tensors.
CALLS_OF_A_LAYER = 256
# Calls that layers of one structure share, for as long as one of them is there.
_of_layers: weakref.WeakValueDictionary[Hashable, Call] = weakref.WeakValueDictionary()


def holds_texts(leaf: object) -> bool:
    return leaf.dtype == string if isinstance(leaf, Tensor) else isinstance(leaf, np.ndarray) and leaf.dtype.kind in "OSU"
