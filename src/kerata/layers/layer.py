"""The base of all layers: building, calling, masks, losses, and how a layer looks from outside."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata import regularizers
from kerata.activations import softmax
from kerata.base import registry
from kerata.base.checks import KindError, Said, describe_owner, did_you_mean, message
from kerata.base.config import dtype_policy
from kerata.base.recent import while_there
from kerata.dialects import hint
from kerata.engine.dicts import map_in_order
from kerata.engine.guesses import TRIALS
from kerata.engine.mistakes import explain
from kerata.engine.module import Look, parts
from kerata.engine.naming import auto_name, current_path, is_name, name_scope, open_name
from kerata.engine.policy import standardize_policy
from kerata.engine.rematerializing import remat_of
from kerata.engine.scope import Scope, current_scope, in_scope, note, noted
from kerata.engine.stateless import check_values
from kerata.engine.symbolic import Node, SymbolicTensor, has_symbolic, infer
from kerata.engine.types import Array
from kerata.engine.variable import Variable, autocast
from kerata.layers.eager import run_call
from kerata.layers.input_spec import InputSpec as InputSpec
from kerata.layers.input_spec import check_input_spec
from kerata.layers.masks import fill_masks, noted_masks
from kerata.layers.phase import contexts, training_now
from kerata.layers.signatures import (
    Parameters,
    as_shape,
    bind_call,
    call_parameters,
    first_given,
    is_tensor,
    numbers_of,
    shape_parameters,
    shapes_to_build,
    symbolic_of_shape,
)
from kerata.layers.weights import WeightHolder, check_added
from kerata.ops.activations import look_at_softmax


class Layer(WeightHolder):
    """A function with weights.

    A layer of your own defines `call`, and `build` where its weights depend on the shape of its input:

    >>> import kerata
    >>> class Scale(kerata.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(np.ones((2, 3), "float32")).shape
    (2, 3)

    Args:
        activity_regularizer: a penalty on the output.
        trainable: whether the optimizer may change the weights.
        dtype: a type or policy, e.g. `"float32"` or `"mixed_bfloat16"`.
        autocast: whether float inputs are converted to the layer's compute type.
        name: a name for messages, files and paths.
    """

    _bookkeeping = {
        **dict.fromkeys(("inbound_nodes", "_built_shapes", "_losses", "_path", "_thawed"), Look.NOBODY),
        # What files say elsewhere, or not at all.
        **dict.fromkeys(
            (
                "built",
                "autocast",
                "supports_masking",
                "activity_regularizer",
                "input_spec",
                "_dtype_policy",
                "_trainable",
                "_weights",
                "_batch_shape",
            ),
            Look.PARTS | Look.PROGRAM,
        ),
    }
    # Whether one sample's output may depend on the others of its batch. A built-in layer that says no, or asks `valid_rows`
    # which samples are there, needs no proof that a last, smaller batch may be filled up; see `engine.rows`.
    mixes_samples: bool = True
    # Whether it looks at the samples of a batch together outside of training too. It asks `valid_rows`, but predictions do not
    # say which rows are there.
    sees_batch: bool = False
    # Whether it takes what no program holds, such as texts, and is computed before a batch goes to the program.
    runs_on_host: bool = False
    # Whether `adapt`, if there is one, reads weights off data, and nothing that a program is compiled for.
    adapts_weights: bool = True
    # Whether `call` loops over steps: outside of programs it is compiled once, and not in every call.
    loops: bool = False
    # Whether a penalty on the output is counted as the sum over the samples of a batch, and not as their mean.
    sums_penalties: bool = False
    # Whether the output has a mask where the input has none.
    makes_mask: bool = False
    # Whether inputs are row numbers below `input_dim`: they are checked before training, and never converted to small floats.
    takes_indices: bool = False
    # Whether NaN in an input may come out as something else, or not at all: then inputs may hold some. A layer of a user's
    # own may do so in any case.
    replaces_missing: bool = False
    # The attributes that hold the axes along which the layer works; none of them is that of the samples, else they are mixed.
    works_along: tuple[str, ...] = ("axis", "axes")
    # Whether each feature (of the last axis) is worked on by itself, and one that is 0, with weights that are 0, stays 0 and
    # gets gradients of 0: then features may be filled up with zeros, and models of several widths trained in one program.
    keeps_zeros: bool = False
    # Such a layer that draws at random takes the number of features that are there from here: then they get the draws that they
    # would get alone.
    counted_features: Any = None
    # The constructor's argument that is the number of output features, where each has weights of its own, on their last axes,
    # and is a sum over the inputs.
    features_argument: str | None = None
    # Attributes for parts of the layer -> the public properties under which Keras shows them, and files keep them.
    shown_as: dict[str, str] = {}

    def __init__(self, *, activity_regularizer=None, trainable=True, dtype=None, autocast=True, name=None, **kwargs):
        input_shape = kwargs.pop("input_shape", None)
        batch_shape = kwargs.pop("batch_shape", kwargs.pop("batch_input_shape", None))
        input_dim = kwargs.pop("input_dim", None)
        if kwargs:
            raise _explain_unknown(self, kwargs)
        if input_dim is not None and input_shape is None:
            input_shape = (input_dim,)
        if input_shape is not None and batch_shape is None:
            batch_shape = (None, *((input_shape,) if isinstance(input_shape, int) else input_shape))
        self.name = auto_name(registry.snake(type(self).__name__)) if name is None else name
        if not is_name(self.name):
            raise ValueError(message(type(self), "`name` must be a string without '/'", {"name": name}))
        self.built = _is_built_from_the_start(type(self))
        self.autocast = autocast
        self.supports_masking = False
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.input_spec: InputSpec | Sequence[InputSpec | None] | None = None
        self.inbound_nodes: list[Node] = []
        if (remat := remat_of(self.name)) is not None:
            self._remat = remat
        self._dtype_policy = standardize_policy(dtype_policy() if dtype is None else dtype)
        # Programs of earlier versions write 0 and 1.
        if trainable not in (0, 1):
            raise KindError(message(self, "`trainable` is expected to be a boolean", {"trainable": trainable}))
        self._trainable = bool(trainable)
        self._weights: list[Variable] = []
        self._path: str | None = None
        self._losses: list[Any] = []
        self._built_shapes: dict[str, Any] | None = None
        self._batch_shape = None if batch_shape is None else tuple(batch_shape)

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _bookkeep_build(cls.__dict__["build"])  # type: ignore[method-assign]

    # Building

    def build(self, input_shape: Any) -> None:
        """Creates the weights for inputs of a shape. A user's layer overrides it."""
        self.built = True

    def _maybe_build(self, args: tuple, kwargs: dict[str, Any]) -> None:
        if self.built:
            return
        shapes = self._shapes_of_call(args, kwargs)
        if type(self).build is Layer.build:
            self._built_shapes = {}
            self.built = True
            return
        given, named = shapes_to_build(self, shapes)
        self.build(*given, **named)

    def _shapes_of_call(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        try:
            arguments = bind_call(self, args, kwargs)
        except TypeError as error:
            said = inspect.signature(type(self).call)
            raise KindError(
                message(self, f"it cannot be called so: {error}", {"inputs": args, **kwargs}, f"Its function is call{said}")
            ) from None
        shapes: dict[str, Any] = {}
        # A mask is built for only where `build` says so.
        wanted = shape_parameters(type(self))
        for name, value in arguments.items():
            leaves = jax.tree.leaves(value)
            known = not name.endswith("mask") or f"{name}_shape" in wanted
            if known and leaves and all(is_tensor(leaf) for leaf in leaves):
                shapes[f"{name}_shape"] = map_in_order(lambda leaf: tuple(leaf.shape), value)
        return shapes

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built for."""
        if self._built_shapes is None or type(self).build is Layer.build:
            return None
        if len(self._built_shapes) == 1:
            return {"input_shape": next(iter(self._built_shapes.values()))}
        return {"shapes_dict": self._built_shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds for the shapes of `get_build_config`."""
        if "input_shape" in config:
            self.build(as_shape(config["input_shape"]))
        elif "shapes_dict" in config:
            self.build(**{name: as_shape(shape) for name, shape in config["shapes_dict"].items()})

    # Calling

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's function of arrays."""
        raise NotImplementedError(message(self, "it does not have a `call` method implemented"))

    def __call__(self, *args: object, **kwargs: object) -> Any:
        self._check_constructed()
        args, kwargs = self._convert_inputs(args, kwargs)
        if has_symbolic((args, kwargs)):
            return self._call_symbolic(args, kwargs)
        if self.input_spec is not None and args:
            check_input_spec(self, args[0])
        with name_scope(self.name), jax.named_scope(self.name):
            self._maybe_build(args, kwargs)
            return self._call_concrete(args, kwargs)

    def _convert_inputs(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Numbers and arrays of NumPy as JAX arrays, floats in the compute type."""
        dtype = jnp.dtype(self.compute_dtype) if self.autocast else None

        def convert(value: Any) -> object:
            if isinstance(value, SymbolicTensor) or not is_tensor(value):
                return value
            mask = noted(value, "mask")
            result = value.value if isinstance(value, Variable) else numbers_of(value)
            kind = getattr(result.dtype, "kind", "O")
            if kind in "OUS":
                return value
            floating = kind == "f" or result.dtype == jnp.bfloat16
            if dtype is not None and floating and result.dtype != dtype and jnp.issubdtype(dtype, jnp.floating):
                result = jnp.asarray(result, dtype)
            elif not isinstance(result, jax.Array):
                result = jnp.asarray(result)
            if mask is not None and result is not value:
                note(result, "mask", mask)
            return result

        # A list of plain numbers stands for an array, as in Keras.
        if (
            args
            and isinstance(args[0], (list, tuple))
            and args[0]
            and isinstance(args[0][0], (int, float, list))
            and not any(is_tensor(leaf) for leaf in jax.tree.leaves(args[0]))
        ):
            args = (self._read_list(args[0]), *args[1:])
        elif args and hasattr(args[0], "__array__") and not is_tensor(args[0]):
            args = (np.asarray(args[0]), *args[1:])  # a data frame
        if len(args) == 1 and not kwargs and (isinstance(args[0], SymbolicTensor) or is_tensor(args[0])):
            return (convert(args[0]),), kwargs
        return map_in_order(convert, (args, kwargs))

    def _read_list(self, values: object) -> np.ndarray:
        try:
            return np.asarray(values)
        except ValueError:
            raise ValueError(
                message(
                    self,
                    "a list stands for one array, and the rows of this one differ in length",
                    {"inputs": values},
                    "Fill them up, e.g. with kerata.utils.pad_sequences",
                )
            ) from None

    def _call_symbolic(self, args: tuple, kwargs: dict[str, Any]) -> object:
        first = first_given(self, args, kwargs)
        if self.input_spec is not None:
            check_input_spec(self, first)
        with name_scope(self.name):
            self._maybe_build(args, kwargs)
        try:
            outputs = self.compute_output_spec(*args, **kwargs)
        except Exception as error:
            _name_layer(self, args, error)
            raise
        if outputs is None:
            raise TypeError(message(self, "call() gave nothing", {"outputs": None}, "End it with `return ...`"))
        if getattr(self, "activation", None) is softmax and isinstance(outputs, SymbolicTensor):
            look_at_softmax(outputs.shape)
        self._note_symbolic_masks(first, outputs)
        Node(self, args, kwargs, outputs)
        return outputs

    def _note_symbolic_masks(self, first: object, outputs: object) -> None:
        """Notes the shapes of masks on symbolic outputs, where tracing has not, so that layers above know of them."""
        leaves, mask = jax.tree.leaves(outputs), noted_masks(first)
        is_default = type(self).compute_mask is Layer.compute_mask
        if mask is None and (is_default or (registry.home_of(type(self)) is not None and not self.makes_mask)):
            return
        if (is_default and not self.supports_masking) or any(noted(leaf, "mask") is not None for leaf in leaves):
            return
        found = mask if is_default else infer(self.compute_mask, first, mask)
        masks = found if isinstance(found, (list, tuple)) else [found]
        for leaf, one in zip(leaves, masks, strict=False):
            if one is not None:
                note(leaf, "mask", one)

    def compute_output_spec(self, *args: object, **kwargs: object) -> Any:
        """Symbolic outputs of symbolic inputs: from `compute_output_shape` if there is one, else by tracing `call`."""
        shape_of = type(self).compute_output_shape
        if shape_of is not Layer.compute_output_shape and not isinstance(self, SkipOutputShape):
            names = shape_parameters(type(self), "compute_output_shape")
            shapes = self._shapes_of_call(args, kwargs)
            if len(names) == 1 or not set(names) <= set(shapes):
                output = self.compute_output_shape(next(iter(shapes.values())))
            else:
                output = self.compute_output_shape(**{name: shapes[name] for name in names})
            return symbolic_of_shape(output, self.compute_dtype)
        with name_scope(self.name):
            return infer(self._call_concrete_of, *args, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for the shape of an input."""
        if type(self).call is Layer.call:
            raise NotImplementedError(message(self, "it does not have a `compute_output_shape` method implemented"))
        inputs = symbolic_of_shape(input_shape, self.compute_dtype)
        with name_scope(self.name):
            self._maybe_build((inputs,), {})
            return self._shapes_as_given(jax.tree.map(lambda t: t.shape, infer(self._call_concrete_of, inputs)))

    def _shapes_as_given(self, shapes: object) -> object:
        return shapes

    def _call_concrete_of(self, *args: object, **kwargs: object) -> object:
        return self._call_concrete(*self._convert_inputs(args, kwargs))

    def _call_concrete(self, args: tuple, kwargs: dict[str, Any]) -> object:
        names = call_parameters(type(self))
        outermost = not contexts()
        training = self._resolve_training(names, args, kwargs)
        if "training" in names and names.index_of("training") >= len(args):
            kwargs = {**kwargs, "training": training}
        elif "training" not in names and not names.takes_any:
            kwargs = {k: v for k, v in kwargs.items() if k != "training"}
        kwargs, mask = fill_masks(self, args, kwargs)
        if outermost and not in_scope():
            self._forget_losses()
        contexts().append(training)
        try:
            if self._dtype_policy.is_mixed:
                with autocast(self.compute_dtype if self.autocast else None):
                    outputs = self._run_call(args, kwargs)
            else:
                outputs = self._run_call(args, kwargs)
        except Exception as error:
            _name_layer(self, args, error)
            raise
        finally:
            contexts().pop()
        if self.activity_regularizer is not None:
            for output in jax.tree.leaves(outputs):
                self.add_loss(self._penalize(output))
        self._note_masks(args, kwargs, outputs, mask)
        return outputs

    def _penalize(self, output: Array) -> Array:
        """The penalty on an output."""
        owner, rule = f"activity_regularizer of {describe_owner(self)}", self.activity_regularizer
        assert rule is not None
        return regularizers.penalize_samples(rule, output, owner, self.sums_penalties)

    def _run_call(self, args: tuple, kwargs: dict[str, Any]) -> object:
        return run_call(self, args, kwargs)

    def _resolve_training(self, names: Parameters, args: tuple, kwargs: dict[str, Any]) -> object:
        """What the caller says, else what the layer around says, else the default of `call`, else inference."""
        given = kwargs.get("training")
        if given is None and "training" in names and names.index_of("training") < len(args):
            given = args[names.index_of("training")]
        if given is not None:
            return given
        around = training_now()
        if around is not None:
            return around
        default = names.default_training
        return False if default is None else default

    def _note_masks(self, args: tuple, kwargs: dict[str, Any], outputs: object, mask: object) -> None:
        overrides = type(self).compute_mask is not Layer.compute_mask
        if mask is None and not overrides:
            return
        if not overrides and not self.supports_masking:
            return
        given = args or ((first_given(self, args, kwargs),) if kwargs else ())
        found = self.compute_mask(given[0] if len(given) == 1 else given, mask) if given else None
        if found is None:
            return
        # A mask that stands alone is that of the first output, as in Keras.
        leaves = jax.tree.leaves(outputs)
        masks = found if isinstance(found, (list, tuple)) else [found]
        for output, one in zip(leaves, masks, strict=False):
            if one is not None:
                note(output, "mask", one)

    def compute_mask(self, inputs: object, previous_mask: object = None) -> Any:
        """The mask of the output: the input's, for a layer that supports masks."""
        return previous_mask

    # Losses

    def add_loss(self, loss: object) -> None:
        """Adds a term to the training objective, from within `call`."""
        values: Sequence[Any] = loss if isinstance(loss, (list, tuple)) else [loss]
        for value in values:
            check_added(self, value)
        scope = current_scope()
        if scope is not None:
            scope.losses.extend(values)
        else:
            self._losses.extend(values)

    def _forget_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses.clear()

    @property
    def losses(self) -> list[Any]:
        """Terms that layers added in the last call, and the penalties of regularized weights."""
        if (handed := self.__dict__.get("_handed_losses")) is not None:
            return list(handed)
        scope = current_scope()
        added = list(scope.losses) if scope is not None else [x for layer in self._flatten_layers() for x in layer._losses]
        return added + self._regularization_losses()

    def _regularization_losses(self) -> list[Any]:
        rules = [(v, rule) for v in self._penalized() if (rule := v.regularizer) is not None]
        return [regularizers.penalize(rule, v.value, f"regularizer ({v.path})") for v, rule in rules]

    def _penalized(self) -> list[Variable]:
        """The weights whose penalties count."""
        return self.trainable_weights

    @property
    def metrics(self) -> list[Any]:
        """The metrics that this layer and those below hold."""
        # Variables answer for what their arrays have, and would be put on the device by the question.
        found = {
            id(p): p
            for layer in self._flatten_layers()
            for _, p in parts(layer)
            if not isinstance(p, (Variable, WeightHolder)) and hasattr(p, "update_state")
        }
        return list(found.values())

    @property
    def metrics_variables(self) -> list[Variable]:
        return [v for metric in self.metrics for v in metric.variables]

    # As a pure function

    def stateless_call(self, trainable_variables, non_trainable_variables, *args, return_losses=False, **kwargs):
        """`call` as a pure function: (outputs, non-trainable values) and, if asked, the losses that were added.

        Args:
            trainable_variables, non_trainable_variables: values in the order of the properties of those names.
        """
        frozen = self.non_trainable_variables
        variables = [*self.trainable_variables, *frozen]
        values: list[Any] = [_value_of(v) for v in (*trainable_variables, *non_trainable_variables)]
        if len(non_trainable_variables) != len(frozen) or len(values) != len(variables):
            raise ValueError(
                message(
                    self,
                    f"stateless_call() needs {len(self.trainable_variables)} trainable and {len(frozen)} non-trainable values",
                    {"given": (len(trainable_variables), len(non_trainable_variables))},
                )
            )
        check_values(self, variables, values)
        outer = current_scope()
        scope = Scope(variables, values, outer.hypers, outer.key, outer.valid) if outer else Scope(variables, values)
        scope.draws = outer.draws if outer else 0
        with scope:
            outputs = self(*args, **kwargs)
            losses = [*scope.losses, *self._regularization_losses()] if return_losses else []
        if outer is not None:
            outer.draws = scope.draws
            outer.notes.update(scope.notes)
        updated = scope.read(frozen)
        return (outputs, updated, losses) if return_losses else (outputs, updated)

    # As Keras shows it

    @property
    def input(self) -> Any:
        """The symbolic input of the first call on symbolic tensors."""
        node = self._first_node()
        # An input layer is called on nothing.
        return first_given(self, node.args, node.kwargs) if node.args or node.kwargs else node.outputs

    @property
    def output(self) -> Any:
        """The symbolic output of the first call on symbolic tensors."""
        return self._first_node().outputs

    def _first_node(self) -> Node:
        if not self.inbound_nodes:
            fix = "`input` and `output` exist after a call on symbolic tensors, e.g. layer(Input(shape=(10,)))"
            raise AttributeError(message(self, "it has never been called on symbolic tensors", fix=fix))
        return self.inbound_nodes[0]

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data, Keras's common ones first."""
        common: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": self._dtype_policy.to_plain()}
        if self._batch_shape is not None and not self.inbound_nodes:
            common["batch_shape"] = list(self._batch_shape)
        config = common
        if type(self) is not Layer and type(self).__init__ is not Layer.__init__:
            config |= {k: v for k, v in super().get_config().items() if k not in ("name", "trainable", "dtype")}
        if self.activity_regularizer is not None and "activity_regularizer" not in config:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    def __repr__(self) -> str:
        # Messages may show a layer whose constructor has only begun.
        return f"<{type(self).__name__} name={getattr(self, 'name', None)}, built={getattr(self, 'built', False)}>"


class SkipOutputShape:
    """A mark for layers whose `compute_output_shape` needs more than shapes."""


def _bookkeep_build(build: Callable[..., None]) -> Callable[..., None]:
    """Wraps `build` so that it names its weights by the layer, remembers its shapes and marks the layer as built."""
    names = list(inspect.signature(build).parameters)[1:]

    @functools.wraps(build)
    def wrapped(self: Layer, *args: object, **kwargs: object) -> None:
        self._check_constructed()
        if getattr(self, "_building", False):
            build(self, *args, **kwargs)
            return
        self.__dict__["_building"] = True
        try:
            with open_name(self.name):
                self.__dict__["_path"] = current_path()
                build(self, *args, **kwargs)
        except Exception as error:
            _name_build(self, (*args, *kwargs.values()), error)
            raise
        finally:
            del self.__dict__["_building"]
        self._built_shapes = {**dict(zip(names, args, strict=False)), **kwargs}
        self.built = True
        self._after_build()

    return wrapped


def _name_build(layer: Layer, shapes: tuple, error: Exception) -> None:
    owner = describe_owner(layer)
    explain(error, owner, f"In build() of {owner}, for inputs of shape {', '.join(map(str, shapes))}.", {})


def _name_layer(layer: Layer, args: tuple, error: Exception) -> None:
    """Says of an error in which layer it came up, the innermost one, unless it says so itself."""
    owner = describe_owner(layer)
    # Sizes that stand for unknown ones while shapes are traced.
    shapes = [tuple(None if size in TRIALS else size for size in a.shape) for a in jax.tree.leaves(args) if is_tensor(a)]
    said = ", ".join(map(str, shapes))
    explain(error, owner, f"In call() of {owner}, on inputs of shape {said}.", {"inputs of shape": Said(said)})


@while_there
def _is_built_from_the_start(cls: type) -> bool:
    """Whether there is nothing to build: Kerata's layers without weights, and what is derived from them without a `build`."""
    return cls.build is Layer.build and any(  # type: ignore[attr-defined]
        base is not Layer and registry.home_of(base) is not None for base in cls.__mro__
    )


def _explain_unknown(layer: Layer, kwargs: dict[str, Any]) -> TypeError:
    name = next(iter(kwargs))
    known = [p for p in inspect.signature(type(layer).__init__).parameters if p not in ("self", "kwargs")]
    return KindError(
        message(
            type(layer).__name__,
            f"unknown argument `{name}`",
            {name: kwargs[name]},
            hint(type(layer).__name__, name) or did_you_mean(name, [*known, "name", "dtype", "trainable", "input_shape"]),
        )
    )


def _value_of(value: object) -> object:
    return value.value if isinstance(value, Variable) else value
