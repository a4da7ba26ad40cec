"""Layers made of functions of JAX, and of modules of Flax."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import message
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object, serialize_keras_object
from kerata.engine.random import SeedGenerator, global_seed_generator
from kerata.engine.types import Array, Tree
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer
from kerata.layers.signatures import ShapeTree

CALLED = ("params", "state", "rng", "inputs", "training")
BEGUN = ("rng", "inputs", "training")
# Arrays in whatever holds them, as JAX's trees go: dicts, lists, classes of other libraries.
AnyTree: TypeAlias = object


class FlaxModule(Protocol):
    """What is asked of a module of Flax."""

    __call__: Callable[..., Any]
    init: Callable[..., Any]
    apply: Callable[..., Any]


class Held:
    """A tree of variables, and of what else a function wants to find among them."""

    __slots__ = ("form", "leaves")

    def __init__(self, leaves: list[Any], form: "jax.tree_util.PyTreeDef"):
        self.leaves, self.form = leaves, form

    def tree(self, values: bool = False) -> AnyTree:
        """The tree; its variables as arrays where their values are asked for."""
        leaves = [leaf.value if values and isinstance(leaf, Variable) else leaf for leaf in self.leaves]
        return jax.tree.unflatten(self.form, leaves)


@builtin("layers")
class JaxLayer(Layer):
    """outputs = call_fn(params, inputs), a function of JAX with weights of its own, as a layer.

    Whatever library of JAX made the function, it is trained within a model, in the same program as all else. A state, such as
    running means, is kept between calls.

    Args:
        call_fn: a function with some of the arguments `params`, `state`, `rng`, `inputs`, `training`, called by place in its
            own order. It gives the outputs, or with `state` outputs and the next state.
        init_fn: a function with some of `rng`, `inputs`, `training` that gives params, or with `state` params and state. It is
            called when the layer is built, on ones.
        params: a tree of arrays, the weights that are trained.
        state: a tree of arrays, which are not.
        seed: an integer for a stream of random keys of its own.
        native_serialization_platforms: is kept, and changes nothing.

    Shapes: as the function says.

    >>> import kerata
    >>> def affine(params, inputs):
    ...     return inputs @ params["w"] + params["b"]
    >>> layer = kerata.layers.JaxLayer(affine, params={"w": np.eye(2), "b": np.ones(2)})
    >>> layer(np.array([[1.0, 2.0]])).tolist(), len(layer.trainable_weights)
    ([[2.0, 3.0]], 2)
    """

    _unsaved = frozenset({"call_fn", "init_fn"})

    def __init__(
        self,
        call_fn: Callable[..., Any],
        init_fn: Callable[..., Any] | None = None,
        params: AnyTree = None,
        state: AnyTree = None,
        seed: int | None = None,
        native_serialization_platforms: Sequence[str] | None = None,
        **kwargs: object,
    ):
        super().__init__(**cast("dict[str, Any]", kwargs))
        self.call_fn, self.init_fn = call_fn, init_fn
        self.call_fn_arguments = self._read_arguments(call_fn, "call_fn", CALLED)
        self.init_fn_arguments = self._read_arguments(init_fn, "init_fn", BEGUN) if init_fn is not None else []
        self.native_serialization_platforms = native_serialization_platforms
        self.seed = seed
        self.seed_generator = SeedGenerator(seed) if "rng" in self.call_fn_arguments else None
        self._params = self._take_tree(params, True)
        self._state = self._take_tree(state, False)
        wanted = {"params", "state"} & set(self.call_fn_arguments)
        if init_fn is None and params is None and state is None and wanted:
            expected = (
                "`init_fn`, `params` and `state` cannot all be `None` when `call_fn` takes a `params` or a `state` argument"
            )
            raise ValueError(message(self, expected))
        if self._params is not None or self._state is not None:
            self.built = True

    def _read_arguments(self, function: Callable[..., Any], name: str, allowed: tuple[str, ...]) -> list[str]:
        found = list(inspect.signature(function).parameters)
        if "inputs" not in found:
            raise ValueError(message(self, f"Missing required argument in `{name}`: `inputs`", {"arguments": found}))
        for argument in found:
            if argument not in allowed:
                expected = f"Unsupported argument in `{name}`: `{argument}`, supported arguments are {', '.join(allowed)}"
                raise ValueError(message(self, expected, {"arguments": found}))
        return found

    def _take_tree(self, values: AnyTree, trainable: bool) -> Held | None:
        """A tree of arrays as one of weights."""
        if values is None:
            return None
        leaves, form = jax.tree.flatten(values)
        return Held([self._weight(leaf, trainable) for leaf in leaves], form)

    def _weight(self, leaf: object, trainable: bool) -> object:
        if not isinstance(leaf, (np.ndarray, np.generic, jax.Array, bool, int, float)):
            return leaf
        array = np.asarray(leaf)
        kind = None if array.dtype.kind == "f" or array.dtype.name == "bfloat16" else array.dtype.name
        return self.add_weight(array.shape, lambda shape, dtype=None: jnp.asarray(array, dtype), kind, trainable=trainable)

    @property
    def params(self) -> AnyTree:
        """The weights that are trained, in the form in which the function takes them."""
        return None if self._params is None else self._params.tree()

    @property
    def state(self) -> AnyTree:
        """The weights that the function changes itself."""
        return None if self._state is None else self._state.tree()

    def build(self, input_shape: ShapeTree) -> None:
        """Calls `init_fn` on ones for weights."""
        if self._params is not None or self._state is not None or not {"params", "state"} & set(self.call_fn_arguments):
            return
        inputs = jax.tree.map(
            lambda shape: jnp.ones([1 if size is None else size for size in shape]), input_shape, is_leaf=is_shape
        )
        known = {"rng": self._get_init_rng, "inputs": lambda: inputs, "training": lambda: True}
        with jax.ensure_compile_time_eval():
            made = cast(Callable[..., Any], self.init_fn)(*[known[name]() for name in self.init_fn_arguments])
        params, state = made if "state" in self.call_fn_arguments else (made, None)
        self._params, self._state = self._take_tree(params, True), self._take_tree(state, False)

    def _get_init_seed(self) -> Array:
        """A key, uint32 of shape (2,)."""
        return global_seed_generator().next()

    def _get_init_rng(self) -> AnyTree:
        """What `init_fn` gets as `rng`; override it for several keys."""
        return self._get_init_seed()

    def _get_call_seed(self) -> Array:
        """A key, uint32 of shape (2,)."""
        return cast(SeedGenerator, self.seed_generator).next()

    def _get_call_rng(self, training: bool) -> AnyTree:
        """What `call_fn` gets as `rng`: a key in training, `None` otherwise; override it for others."""
        return self._get_call_seed() if training else None

    def call(self, inputs: Tree, training: bool = False) -> AnyTree:
        """The function's outputs."""
        known: dict[str, Callable[[], Any]] = {
            "params": lambda: None if self._params is None else self._params.tree(values=True),
            "state": lambda: None if self._state is None else self._state.tree(values=True),
            "rng": lambda: self._get_call_rng(bool(training)),
            "inputs": lambda: inputs,
            "training": lambda: bool(training),
        }
        made = self.call_fn(*[known[name]() for name in self.call_fn_arguments])
        if "state" not in self.call_fn_arguments:
            return made
        outputs, after = made
        self._keep(after)
        return outputs

    def _keep(self, after: AnyTree) -> None:
        """Takes the next state over."""
        held = self._state or Held([], jax.tree.structure(None))
        leaves, form = jax.tree.flatten(after)
        if form != held.form:
            expected = "the state that `call_fn` gives must have the structure of the one that it got"
            raise ValueError(message(self, expected, {"given": form, "known": held.form}))
        for variable, value in zip(held.leaves, leaves, strict=True):
            if isinstance(variable, Variable):
                variable.store(value)

    def get_config(self) -> dict[str, Any]:
        """The functions by their registered names; weights go into files by themselves."""
        functions = {name: serialize_keras_object(getattr(self, name)) for name in ("call_fn", "init_fn")}
        platforms = {"native_serialization_platforms": self.native_serialization_platforms}
        base = {"name": self.name, "trainable": self.trainable, "dtype": serialize_keras_object(self.dtype_policy)}
        return {**base, **functions, **platforms}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> "JaxLayer":
        """The layer that a config describes."""
        return cls(**{name: deserialize_keras_object(value) for name, value in config.items()})


def is_shape(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(size is None or isinstance(size, int) for size in value)


@builtin("layers")
class FlaxLayer(JaxLayer):
    """outputs = module.apply(variables, inputs), a module of Flax (`flax.linen`) as a layer.

    Variables under `"params"` are trained; others, such as running means, are a state that the module changes.

    Args:
        module: an instance of `flax.linen.Module`.
        method: a method of the module that takes `inputs` and, if it likes, `training`; or a function of (module, inputs,
            training). `__call__` if `None`.
        variables: a dict of collections as `module.init` gives it; made when the layer is built if `None`.
        **kwargs: `seed`, `name`, `dtype`, ...

    Shapes: as the module says.

    Flax must be installed: `pip install flax`.
    """

    def __init__(
        self,
        module: "FlaxModule",
        method: str | Callable[..., Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        **kwargs: object,
    ):
        mutable = all_but_params()
        taken = getattr(module, method) if isinstance(method, str) else method or module.__call__

        def apply_with_training(params, state, rng, inputs, training):
            held = {**(params or {}), **(state or {})}
            return module.apply(held, inputs, rngs=rng, method=method, mutable=mutable, training=training)

        def apply_without_training(params, state, rng, inputs):
            return module.apply({**(params or {}), **(state or {})}, inputs, rngs=rng, method=method, mutable=mutable)

        def init_with_training(rng, inputs, training):
            return parted(module.init(rng, inputs, method=method, training=training))

        def init_without_training(rng, inputs):
            return parted(module.init(rng, inputs, method=method))

        takes = "training" in inspect.signature(taken).parameters
        functions = (apply_with_training, init_with_training) if takes else (apply_without_training, init_without_training)
        params, state = parted(variables)
        super().__init__(*functions, params=params, state=state, **cast("dict[str, Any]", kwargs))
        self.module, self.method = module, method

    def _get_init_rng(self) -> AnyTree:
        return {"params": self._get_init_seed(), "dropout": self._get_init_seed()}

    def _get_call_rng(self, training: bool) -> AnyTree:
        return {"dropout": self._get_call_seed()} if training else {}

    def get_config(self) -> dict[str, Any]:
        """The module and the method as they are registered."""
        base = {"name": self.name, "trainable": self.trainable, "dtype": serialize_keras_object(self.dtype_policy)}
        method = (
            getattr(self.method, "__name__", None) if getattr(self.method, "__self__", None) is self.module else self.method
        )
        parts = {"module": serialize_keras_object(self.module), "method": serialize_keras_object(method)}
        return {**base, **parts, "native_serialization_platforms": self.native_serialization_platforms}


def all_but_params() -> object:
    """What of a module's variables may change in a call."""
    try:
        from flax.linen import DenyList  # pyright: ignore[reportMissingImports], it is optional
    except ImportError as error:
        raise ImportError(message("FlaxLayer", "Flax is needed", fix="Install it: pip install flax")) from error
    return DenyList(["params"])


def parted(variables: Mapping[str, Any] | None) -> tuple[Any, Any]:
    """What is trained of a module's variables, and what is not."""
    if variables is None:
        return None, None
    return {k: v for k, v in variables.items() if k == "params"}, {k: v for k, v in variables.items() if k != "params"}
