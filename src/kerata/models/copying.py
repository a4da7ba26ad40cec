"""Copies of models as they stand: a user's functions are shared, whatever they are called, and variables are new.

`clone_model` goes by configs, which hold what has a name in the registry. A copy is made of the objects themselves: layers,
losses, metrics and optimizers of a user's own classes are copied attribute by attribute, without their constructors.
"""

import copy
import functools
import inspect
import types
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast

import jax
import numpy as np

from kerata.base.limits import trusted
from kerata.base.types import Owner
from kerata.engine.dicts import map_in_order
from kerata.engine.module import PLAIN, Module, modules_of
from kerata.engine.noting import noting_draws
from kerata.engine.policy import DTypePolicy
from kerata.engine.seeds import Seedable, seeded_by, set_state_of_keys, state_of_keys, take_seeds_again
from kerata.engine.structure import structure_of
from kerata.engine.symbolic import Node, Operation, SymbolicTensor, flatten
from kerata.engine.variable import Variable
from kerata.layers.input import Input, InputLayer
from kerata.models.cloning import clone_model
from kerata.models.graph import Graph
from kerata.models.model import Model
from kerata.models.sequential import Sequential
from kerata.optimizers.optimizer import Optimizer
from kerata.optimizers.slots import Slots
from kerata.training.compilation import compilation_of
from kerata.training.trainer import Trainer

# What never changes, or stands for itself.
SHARED = (type, types.ModuleType, types.BuiltinFunctionType, jax.Array, np.dtype, DTypePolicy, inspect.Signature)


@trusted()
def copy_model(model: Model) -> Model:
    """A model of the same parts, compiled in the same way: its weights are first ones, its optimizer has made no step.

    Weights are drawn anew in the order in which those of the model were made. What was made from an array keeps its value.

    >>> import kerata
    >>> def threes(shape, dtype=None):
    ...     return np.full(shape, 3.0, dtype)
    >>> model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1, kernel_initializer=threes)])
    >>> _ = model.layers[0].kernel.assign([[1.0], [2.0]])
    >>> copy_model(model).layers[0].kernel.numpy().tolist()
    [[3.0], [3.0]]
    """
    copier = Copier(model)
    twin = copier.value(model)
    take_seeds_again((one, place) for one, _, place in made_in_order(copier.variables))
    return twin


def made_in_order(variables: list[Variable]) -> list[tuple[Variable | Seedable, int, int]]:
    """What draws the first values of some variables, and these, in the order in which they were made.

    Each has the number of the variable, or of the first of those that an initializer draws, below 0 then; an initializer also
    has how many seeds were taken before its own.
    """
    found: list[tuple[Variable | Seedable, int, int]] = [(v, place, 0) for place, v in enumerate(variables)]
    known: set[int] = set()
    for place, v in enumerate(variables):
        owner = seeded_by(v.drawn_by)
        if owner is not None and id(owner) not in known:
            known.add(id(owner))
            found.append((owner, ~place, owner.place))
    return sorted(found, key=lambda one: one[0].number)


def copy_as_it_is(model: Model) -> Model:
    """A model of the same parts, compiled in the same way, with the same weights; its optimizer has made no step."""
    return Copier(model).value(model)


def is_given(variable: Variable, model: object) -> bool:
    """Whether what a variable of a model holds was loaded, set, or learned in the training of another model."""
    known = variable.trained_in
    return variable.assigned or (known is not None and known() is not model)


def fresh_model(model: Model) -> Model:
    """Another such model, with first weights of its own: by its config where everything in it is built-in, else as a copy."""
    made = compilation_of(model, "copy")
    built_in = structure_of(model, model.optimizer, made.objective, made.measures) is not None
    if not built_in or _says_too_little(model):
        return copy_model(model)
    begin = state_of_keys()
    with noting_draws() as draws:
        twin = clone_model(model)
        # One that is not built yet draws in the order of its layers.
        if len(model.variables) == len(twin.variables):
            wanted, found = made_in_order(model.variables), made_in_order(twin.variables)
            if _steps(wanted) != _steps(found):
                # The model was put together in another way than its graph is, and drew its weights as it was.
                there = {number: one for one, number, _ in found}
                draws.clear()
                set_state_of_keys(begin)
                take_seeds_again((there[number], place) for _, number, place in wanted if number in there)
    return twin


def _steps(made: list[tuple[Variable | Seedable, int, int]]) -> list[tuple[int, int]]:
    """The numbers of what was made in order, each with the seeds that were taken since the first."""
    first = next((place for one, _, place in made if isinstance(one, Seedable)), 0)
    return [(number, place - first if isinstance(one, Seedable) else 0) for one, number, place in made]


def _says_too_little(model: Model) -> bool:
    """Whether a graph has what its config cannot say: an operation that takes a weight, tensors beside the outputs."""
    graphs = [graph for layer in model._flatten_layers() if isinstance(graph := layer.__dict__.get("_graph"), Graph)]
    leaves = (
        leaf
        for graph in graphs
        for node in graph.nodes
        for leaf in jax.tree.leaves((node.args, node.kwargs), is_leaf=lambda leaf: isinstance(leaf, Variable))
    )
    return any(graph.beside for graph in graphs) or any(isinstance(leaf, Variable) for leaf in leaves)


class Copier:
    """Copies what hangs together, each object once.

    Args:
        model: the model; its parts are what a closure must not go on referring to.
    """

    def __init__(self, model: Model):
        self.parts = {id(module) for _, module in modules_of(model)} | {id(v) for v in model.variables}
        self.variables: list[Variable] = []
        # From the identity of an object to its copy; objects of the copy's time are kept, so that no identity is used again.
        self.memo: dict[int, Any] = {}
        self.kept: list[Any] = []

    def value(self, old: object) -> Any:
        """The copy of anything."""
        if type(old) in PLAIN or isinstance(old, SHARED):
            return old
        if id(old) in self.memo:
            return self.memo[id(old)]
        if isinstance(old, (SymbolicTensor, Node, Operation)):
            return old
        self.kept.append(old)
        if isinstance(old, Variable):
            return self._variable(old)
        if isinstance(old, Module):
            return self._module(old)
        if isinstance(old, types.MethodType):
            return types.MethodType(old.__func__, self.value(old.__self__))
        if isinstance(old, types.FunctionType):
            return self._function(old)
        if isinstance(old, functools.partial):
            made = functools.partial(self.value(old.func), *self.value(old.args), **self.value(old.keywords))
            return self.memo.setdefault(id(old), made)
        if isinstance(old, (list, tuple, dict, set)) and type(old) in (list, tuple, dict, set):
            return self._container(old)
        return self._other(old)

    def _container(self, old: list[Any] | tuple[Any, ...] | dict[Any, Any] | set[Any]) -> object:
        if type(old) is dict:
            self.memo[id(old)] = twin = {}
            twin.update({self.value(key): self.value(item) for key, item in old.items()})
            return twin
        if type(old) is list:
            self.memo[id(old)] = made = []
            made.extend(self.value(item) for item in old)
            return made
        kind = cast(Callable[[Iterable[object]], object], type(old))
        return self.memo.setdefault(id(old), kind(self.value(item) for item in old))

    def _other(self, old: object) -> object:
        """An object of any other kind; what cannot be copied (a lock, an open file) is shared."""
        with suppress(Exception):
            return copy.deepcopy(old, self.memo)
        return self.memo.setdefault(id(old), old)

    def _variable(self, old: Variable) -> Variable:
        new = object.__new__(Variable)
        self.memo[id(old)] = new
        new.__setstate__(dict(old.__dict__))
        new.regularizer, new.constraint = self.value(old.regularizer), self.value(old.constraint)
        new.drawn_by = self.value(old.drawn_by)
        new._value, new.exposed, new.trained_in = np.array(old.peek()), True, None
        self.variables.append(new)
        return new

    def _function(self, old: types.FunctionType) -> object:
        """The function itself, unless it holds parts of the model: then one that holds their copies."""
        self.memo[id(old)] = old
        cells = old.__closure__ or ()
        names = [name for name in old.__code__.co_names if id(old.__globals__.get(name)) in self.parts]
        held = [self._refers(cell.cell_contents) if _is_full(cell) else False for cell in cells]
        if not names and not any(held):
            return old
        closure = tuple(
            types.CellType(self.value(cell.cell_contents)) if refers else cell for cell, refers in zip(cells, held, strict=True)
        )
        space = {**old.__globals__, **{name: self.value(old.__globals__[name]) for name in names}} if names else old.__globals__
        new = types.FunctionType(old.__code__, space, old.__name__, old.__defaults__, closure or None)
        new.__kwdefaults__, new.__dict__ = old.__kwdefaults__, dict(old.__dict__)
        self.memo[id(old)] = new
        return new

    def _refers(self, value: object, seen: frozenset[int] = frozenset()) -> bool:
        """Whether a value is a part of the model, or holds some."""
        if type(value) in PLAIN or id(value) in seen:
            return False
        if id(value) in self.parts:
            return True
        inside: list[Any] = []
        if isinstance(value, (list, tuple, set)):
            inside = list(value)
        elif isinstance(value, dict):
            inside = list(value.values())
        elif isinstance(value, types.MethodType):
            inside = [value.__self__]
        elif isinstance(value, types.FunctionType):
            inside = [cell.cell_contents for cell in value.__closure__ or () if _is_full(cell)]
        return any(self._refers(item, seen | {id(value)}) for item in inside)

    # Modules

    def _module(self, old: Module) -> object:
        new: Any = object.__new__(type(old))
        self.memo[id(old)] = new
        if isinstance(old, Model):
            self._fill_model(old, new)
        elif isinstance(old, InputLayer):
            return self.memo.setdefault(id(old), self._input(old.tensor).history[0])
        else:
            self._fill(old, new, {})
        if isinstance(old, Optimizer):
            # It has made no step, and knows no weights.
            new.optimizer_state = Slots()
            new._iterations.store(np.int32(0))
            if (scale := getattr(old, "initial_scale", None)) is not None:
                new.dynamic_scale.store(np.float32(scale))
                new.step_counter.store(np.int32(0))
        return new

    def _fill(self, old: object, new: object, instead: dict[str, Any]) -> None:
        """Copies the attributes, in their order, but for those that are given."""
        fresh = {"inbound_nodes": [], "_losses": [], "optimizer_state": None, **instead}
        for name, item in old.__dict__.items():
            new.__dict__[name] = fresh[name] if name in fresh else self.value(item)

    def _fill_model(self, old: Model, new: Any) -> None:
        blank: Any = types.SimpleNamespace()
        Trainer._start_trainer(blank)
        instead = vars(blank)
        if isinstance(old, Sequential):
            self._fill(old, new, {**instead, "_layers": [], "_input": None, "_tail": None, "_whole": None})
            if old._input is not None:
                new._input = self._input(old._input)
            new._layers.extend(self.value(layer) for layer in old._layers)
            new._extend()
        else:
            graph = old._graph
            self._fill(old, new, {**instead, "_graph": None, "_graph_layers": None} if graph is not None else instead)
            if graph is not None:
                new._graph = self._graph(graph, new)
                new._graph_layers = new._graph.layers
        new.built = old.built
        if old.compiled:
            self._compile(old, new)

    def _input(self, tensor: SymbolicTensor) -> SymbolicTensor:
        optional = getattr(tensor.history[0], "optional", False)
        return Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name, optional=optional)

    def _graph(self, graph: Graph, owner: Owner) -> Graph:
        inputs = jax.tree.map(self._input, graph.inputs_tree)
        values: dict[int, Any] = {id(old): new for old, new in zip(graph.inputs, flatten(inputs), strict=True)}

        def swap(leaf: object) -> object:
            # A weight that an operation takes is that of the copy.
            return values[id(leaf)] if isinstance(leaf, SymbolicTensor) else self.value(leaf)

        for node in graph.running:
            args, kwargs = map_in_order(swap, (node.args, node.kwargs), is_leaf=lambda leaf: isinstance(leaf, Variable))
            # An operation of a user's own is what it defines, and holds no function.
            operation = node.operation
            function = (operation.function or operation) if isinstance(operation, Operation) else self.value(operation)
            values.update(zip(map(id, node.output_tensors), flatten(function(*args, **kwargs)), strict=True))
        leaves = [values[id(tensor)] for tensor in graph.outputs]
        return Graph(inputs, graph.pack(leaves), owner, [values[id(tensor)] for tensor in graph.beside])

    def _compile(self, old: Model, new: Model) -> None:
        """Compiles as the model was, by the method of all models: what a user's own would set is copied already."""
        made = compilation_of(old, "copy")
        given = {**made.arguments, "optimizer": old.optimizer.inner_optimizer if made.scales_loss else old.optimizer}
        Trainer.compile(new, **self.value(given), auto_scale_loss=made.scales_loss)


def _is_full(cell: types.CellType) -> bool:
    """Whether a name of a closure has a value yet."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
