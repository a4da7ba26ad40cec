"""What holds weights: making them, finding those of everything below, freezing, types, and reading and setting them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, cast

import numpy as np

from kerata import constraints, initializers, regularizers
from kerata.base.checks import KindError, message
from kerata.base.registry import BadIdentifier
from kerata.engine.module import Module, parts, shown
from kerata.engine.naming import current_path, name_scope, open_name
from kerata.engine.policy import DTypePolicy, DTypePolicyMap, PolicyLike, standardize_policy
from kerata.engine.random import SeedGenerator
from kerata.engine.rematerializing import Remat, rematerialized
from kerata.engine.scope import in_scope
from kerata.engine.stores import Store, WritableStore, assign_all
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import Initializer
from kerata.engine.variable import Variable, standardize_dtype
from kerata.layers.phase import contexts

# Modes in which a layer can be quantized by its policy alone.
IMPLICIT = ("int8", "int4", "float8")


class Holding(NamedTuple):
    """What a layer holds itself: its variables, trainable ones first; states that are no weights; layers."""

    layer: "WeightHolder"
    variables: list[Variable]
    states: list[Variable]
    below: list[Any]


def weights_of(held: dict[int, Holding]) -> list[Variable]:
    """The weights of some layers, each once, in order."""
    return list({id(v): v for holding in held.values() for v in holding.variables}.values())


def variables_of(held: dict[int, Holding]) -> list[Variable]:
    """The weights and states of some layers, each once, in order."""
    return list({id(v): v for holding in held.values() for v in (*holding.variables, *holding.states)}.values())


def another(initializer: Initializer) -> Initializer:
    """An initializer for one more weight: one without a seed would give the same numbers again. A function stays itself."""
    return initializer.clone() if isinstance(initializer, initializers.Initializer) else initializer


class WeightHolder(Module):
    """The part of a layer that is about its weights. The base of `Layer`."""

    name: str
    built: bool
    _weights: list[Variable]
    _trainable: bool
    _dtype_policy: DTypePolicy
    # Whether it was set to be trained by itself, or with a layer above it, since that was frozen.
    _thawed: bool = False
    # Whether a layer that is set to be trained within a frozen one is trained, as in Keras 3. The layer that is asked says so.
    thaws_within = True
    # How it is rematerialized; set where it is made within a `RematScope`.
    _remat: Remat | None = None
    # Whether it may get weights within a call, as layers of `tf.keras` may in their first one.
    grows_in_call = False

    def _after_build(self) -> None:
        """Nothing: layers of the eras give weights then what was read before."""

    @shown
    def input_dtype(self) -> str:
        """The type that inputs are converted to: the compute type."""
        return self.compute_dtype

    def rematerialized_call(self, layer_call: Callable[..., Any], *args: object, **kwargs: object) -> Callable[..., Any]:
        """A function that gives what `layer_call` gives, computed again for its gradient within programs."""

        def call(*args: object, **kwargs: object) -> object:
            return rematerialized(self.variables, layer_call, args, kwargs) if in_scope() else layer_call(*args, **kwargs)

        return call

    def symbolic_call(self, *args: object, **kwargs: object) -> object:
        """The symbolic outputs of symbolic inputs, as a node of the graph."""
        return cast(Callable[..., Any], self)(*args, **kwargs)

    def add_metric(self, *args: object, **kwargs: object) -> None:
        """Refused, as in Keras 3."""
        raise NotImplementedError(
            message(self, "add_metric() is gone", fix="Hold a metric as an attribute, and update it in call()")
        )

    def add_weight(
        self,
        *args: object,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ) -> Variable:
        """A new weight of this layer.

        Args:
            shape: whole numbers; `()` for a single number.
            initializer: a name, an object or a function of (shape, dtype); Glorot's for floats by default.
            dtype: the layer's variable type by default.
            trainable: whether the optimizer may change it.
            regularizer, constraint: as in `Dense(kernel_regularizer=..., kernel_constraint=...)`.
            name: the last part of its path.
        """
        self._check_constructed()
        self._check_growing(name)
        if args:
            shape, initializer, dtype = self._take_positional(args, shape, initializer, dtype)
        dtype = standardize_dtype(self.variable_dtype if dtype is None else dtype)
        if initializer is None:
            initializer = "glorot_uniform" if "float" in dtype else "zeros"
        if not (callable(initializer) or isinstance(initializer, (str, dict))):
            shape = np.shape(initializer)
        # A weight that the constructor makes stands under the layer's name, as one that `build` makes.
        try:
            with self._scope_of_weights():
                variable = Variable(
                    initializers.get(initializer),
                    shape=() if shape is None else shape,
                    dtype=dtype,
                    trainable=trainable,
                    autocast=autocast,
                    aggregation=aggregation,
                    name=name,
                    regularizer=regularizers.get(regularizer),
                    constraint=constraints.get(constraint),
                )
        except BadIdentifier as error:
            given = {"initializer": initializer, "regularizer": regularizer, "constraint": constraint}
            raise error.again(self, given) from None
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._weights.append(variable)
        return variable

    def _check_growing(self, name: str | None) -> None:
        if self.built and contexts() and not self.grows_in_call and "_building" not in self.__dict__:
            expected = "you cannot add new elements of state (variables) to a layer within its call: each would add one"
            raise ValueError(
                message(self, expected, {"name": name}, "Make it in `build(self, input_shape)` or in the constructor")
            )

    def _take_positional(self, args: tuple[object, ...], *named: object) -> list[Any]:
        """The values of `shape`, `initializer` and `dtype`, which may be given by their place."""
        names = ("shape", "initializer", "dtype")
        if len(args) > len(names):
            expected = f"add_weight() takes at most 3 positional arguments, {', '.join(names)}"
            raise TypeError(message(self, expected, {"arguments": args}))
        if isinstance(args[0], str):
            fix = "Pass the name as a keyword argument: add_weight(name=...)"
            raise KindError(message(self, "`shape` must be a tuple of whole numbers", {"shape": args[0]}, fix))
        for name, value in zip(names, named, strict=False):
            if value is not None and names.index(name) < len(args):
                expected = f"`{name}` was passed both positionally and as a keyword argument"
                raise KindError(message(self, expected, {name: value}))
        return [*args, *named[len(args) :]]

    def _scope_of_weights(self) -> AbstractContextManager[object]:
        """Where its weights stand: a layer that was built within another stays there, whoever asks it for one later."""
        parent = (self.__dict__.get("_path") or "").rpartition("/")[0]
        return name_scope(self.name, override_parent=parent) if parent and not current_path() else open_name(self.name)

    def add_variable(
        self, shape, initializer, dtype=None, trainable=True, autocast=True, regularizer=None, constraint=None, name=None
    ) -> Variable:
        """A new weight; the shape first."""
        return self.add_weight(
            shape,
            initializer,
            dtype,
            trainable=trainable,
            autocast=autocast,
            regularizer=regularizer,
            constraint=constraint,
            name=name,
        )

    def _check_constructed(self) -> None:
        if "_weights" not in self.__dict__:
            kind = "model" if hasattr(type(self), "fit") else "layer"
            raise RuntimeError(
                message(type(self).__name__, f"the constructor of a {kind} must call `super().__init__()` before anything else")
            )

    def _sublayers(self) -> Iterator[Any]:
        for _, part in parts(self):
            if isinstance(part, WeightHolder):
                yield part

    def _own_variables(self) -> list[Variable]:
        own = [part for _, part in parts(self) if isinstance(part, Variable)]
        return [v for v in own if v.made_trainable] + [v for v in own if not v.made_trainable]

    @shown
    def layers(self) -> list[Any]:
        """The layers that this one holds itself."""
        return list(self._sublayers())

    def _flatten_layers(self, include_self: bool = True) -> list[Any]:
        """This layer and all below it, each once, in order."""
        found: dict[int, WeightHolder] = {}

        def visit(layer: WeightHolder) -> None:
            if id(layer) not in found:
                found[id(layer)] = layer
                for below in layer._sublayers():
                    visit(below)

        visit(self)
        return list(found.values())[0 if include_self else 1 :]

    def _holdings(self) -> dict[int, Holding]:
        """What this layer and all below it hold, each once, in order, by identity."""
        found: dict[int, Holding] = {}

        def visit(layer: WeightHolder) -> None:
            if id(layer) not in found:
                found[id(layer)] = held = layer._hold()
                for below in held.below:
                    visit(below)

        visit(self)
        return found

    def _hold(self) -> Holding:
        """What this layer holds itself."""
        own: list[Variable] = []
        below: list[WeightHolder] = []
        states: list[Variable] = []
        for _, part in parts(self):
            if isinstance(part, Variable):
                own.append(part)
            elif isinstance(part, WeightHolder):
                below.append(part)
            elif isinstance(part, SeedGenerator):
                states.append(part.state)
        variables = [v for v in own if v.made_trainable] + [v for v in own if not v.made_trainable]
        return Holding(self, variables, [*self._kept_state(), *states], below)

    @property
    def weights(self) -> list[Variable]:
        """All weights, in Keras's order: a layer's own trainable ones, its other ones, then its sublayers'."""
        return weights_of(self._holdings())

    def _kept_state(self) -> list[Variable]:
        """Variables of this layer that are kept between batches and are no weights: a stateful layer's states."""
        return []

    @property
    def variables(self) -> list[Variable]:
        """All weights, the states that layers keep between batches, and those of generators of random numbers."""
        return variables_of(self._holdings())

    def _seed_states(self) -> list[Variable]:
        """The states of the generators that this layer holds itself."""
        return [part.state for _, part in parts(self) if isinstance(part, SeedGenerator)]

    def _trainable_ids(self, held: dict[int, Holding]) -> set[int]:
        """Ids of the variables that no frozen layer on the way keeps from training.

        A layer that was set to be trained after the one above it was frozen is trained: the last word holds.
        """
        ids: set[int] = set()
        seen: set[tuple[int, bool]] = set()
        pending: list[tuple[WeightHolder, bool]] = [(self, True)] if self.trainable else []
        while pending:
            layer, trained = pending.pop()
            trained = layer.trainable and (trained or (layer._thawed and self.thaws_within))
            if (id(layer), trained) not in seen:
                seen.add((id(layer), trained))
                if trained:
                    ids.update(id(v) for v in held[id(layer)].variables if v.trainable)
                pending.extend((each, trained) for each in held[id(layer)].below)
        return ids

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that the optimizer may change now."""
        held = self._holdings()
        ids = self._trainable_ids(held)
        return [v for v in weights_of(held) if id(v) in ids]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """All other weights: statistics, and what is frozen."""
        held = self._holdings()
        ids = self._trainable_ids(held)
        return [v for v in weights_of(held) if id(v) not in ids]

    @property
    def trainable_variables(self) -> list[Variable]:
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        held = self._holdings()
        ids = self._trainable_ids(held)
        return [v for v in variables_of(held) if id(v) not in ids]

    @property
    def trainable(self) -> bool:
        """Whether the optimizer may change the weights. Setting it sets it for everything below."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = self._thawed = bool(value)
        for variable in self._own_variables():
            if variable.made_trainable:
                variable.trainable = value
        for layer in self._sublayers():
            layer.trainable = value

    def _restore_trainable(self, value: bool) -> None:
        """Whether a copy, or what a config describes, is frozen: its layers say for themselves whether they are."""
        self._trainable = value
        for layer in self._sublayers():
            layer._thawed = layer.trainable

    def count_params(self) -> int:
        """The number of numbers in all weights; of a layer or model that has no weights yet, an error."""
        if not self.built:
            raise ValueError(message(self, "count_params() needs a layer that is built: call it on data, or give an Input", {}))
        return sum(v.size for v in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights as NumPy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Sets all weights from arrays in the order of `get_weights`. Nothing changes if one does not fit."""
        variables = self.weights
        if len(weights) != len(variables):
            raise ValueError(message(self, f"set_weights() needs {len(variables)} arrays", {"arrays": len(weights)}))
        for variable, value in zip(variables, weights, strict=True):
            if np.shape(value) != variable.shape:
                raise ValueError(
                    message(self, f"weight {variable.path} must have shape {variable.shape}", {"shape": np.shape(value)})
                )
        for variable, value in zip(variables, weights, strict=True):
            variable.store(value)

    # Types

    @property
    def dtype_policy(self) -> DTypePolicy:
        """The types of weights and computation; set to a quantized one, it quantizes what is built."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: PolicyLike) -> None:
        policy, held = standardize_policy(value), self.__dict__.get("_dtype_policy")
        mode = policy.quantization_mode
        quantizes = mode is not None and self.__dict__.get("built") and not getattr(self, "is_quantized", False)
        if quantizes and mode not in IMPLICIT:
            fix = "Say layer.quantize(...) or model.quantize(...) with a config"
            raise ValueError(message(self, f"a policy alone does not quantize by {mode!r}", {"dtype_policy": value}, fix))
        if isinstance(held, DTypePolicyMap) and not isinstance(policy, DTypePolicyMap):
            if self.path in held:
                del held[self.path]
            held[self.path] = policy
        else:
            self._dtype_policy = policy
        if quantizes:
            self.quantize(mode)

    def policy_here(self) -> DTypePolicy:
        """The policy of this layer, where it was given one for each path too."""
        policy = self._dtype_policy
        return policy[self.path] if isinstance(policy, DTypePolicyMap) else policy

    @property
    def path(self) -> str:
        """The names of the layers around it and its own, as its weights have them, from where it is built; its name before."""
        return self.__dict__.get("_path") or self.name

    @property
    def dtype(self) -> str:
        """The type of the weights."""
        policy = self._dtype_policy
        return self.policy_here().variable_dtype if policy.by_path else policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """The type of the computation."""
        policy = self._dtype_policy
        return self.policy_here().compute_dtype if policy.by_path else policy.compute_dtype

    # In few bits

    @property
    def quantization_mode(self) -> str | None:
        """How weights are kept in few bits; `None` where they are not."""
        return self.policy_here().quantization_mode

    def quantize(self, mode: str | None = None, type_check: bool = True, config: object = None) -> None:
        """Keeps the weights in few bits. A layer of your own may define it; this one cannot be quantized."""
        raise NotImplementedError(
            message(self, "it cannot be quantized: it does not have a `quantize` method implemented", {"mode": mode})
        )

    def quantized_build(self, input_shape: tuple[int, ...], mode: str) -> None:
        """Makes the variables of a mode."""
        raise NotImplementedError(message(self, "it does not have a `quantized_build` method implemented", {"mode": mode}))

    def quantized_call(self, *args: object, **kwargs: object) -> object:
        """What is computed in place of `call` where a policy says that weights are quantized."""
        call = getattr(self, f"_{self.quantization_mode}_call", None)
        if call is None:
            raise NotImplementedError(message(self, "it cannot be quantized", {"quantization_mode": self.quantization_mode}))
        return call(*args, **kwargs)

    # In files

    def save_own_variables(self, store: WritableStore) -> None:
        """Writes this layer's own weights into `store` under "0", "1", ..."""
        for index, variable in enumerate(self._own_variables()):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Store) -> None:
        """Reads this layer's own weights from `store`."""
        own = self._own_variables()
        if len(store.keys()) != len(own):
            hint = "" if self.built else "The layer has not been built yet: call it on data first"
            raise ValueError(
                message(
                    self,
                    f"the file must hold {len(own)} weights for this layer, which received {len(store.keys())} variables",
                    fix=hint,
                )
            )
        assign_all(own, store)


def layers_of(layer: "WeightHolder") -> list[Any]:
    """A layer or model and all layers below it, each once, in order.

    >>> import kerata
    >>> model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1, name="last")], name="all")
    >>> [layer.name for layer in layers_of(model)]
    ['all', 'last']
    """
    return layer._flatten_layers()


def check_added(layer: object, value: object) -> None:
    """Raises for what is no term of a loss; a tensor of the graph would be left out of training, without a word."""
    if value is None or isinstance(value, (str, dict)) or (callable(value) and not hasattr(value, "shape")):
        raise KindError(message(layer, "add_loss() takes numbers, as an array", {"loss": value}))
    if isinstance(value, SymbolicTensor):
        fix = "Call self.add_loss() in the call() of a layer of your own. To run old code as it is: kerata run"
        raise NotImplementedError(message(layer, "add_loss() of a tensor of the graph is gone", {"loss": value}, fix))
