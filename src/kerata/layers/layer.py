"""The base of all layers: weights, building, calling, masks, losses, and how a layer looks from outside."""

import functools
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata import constraints, initializers, regularizers
from kerata.base import registry
from kerata.base.checks import describe_owner, did_you_mean, message
from kerata.base.config import dtype_policy
from kerata.engine.module import Module, auto_name, parts
from kerata.engine.policy import DTypePolicy, standardize_policy
from kerata.engine.scope import Scope, current_scope, in_scope, note, noted
from kerata.engine.symbolic import TRIALS, Node, SymbolicTensor, has_symbolic, infer
from kerata.engine.variable import Variable, autocast, name_scope, open_name, standardize_dtype

_calls = threading.local()


class Layer(Module):
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

    _untracked = frozenset({"inbound_nodes", "_built_shapes", "_losses", "_metrics_of_compile", "_seen"})
    # Whether one sample's output may depend on the others of its batch. Layers that say no are trained on a last,
    # smaller batch without a program of its own. A user's layer may, so it does. "training": not in inference.
    mixes_samples: Any = True

    def __init__(self, *, activity_regularizer=None, trainable=True, dtype=None, autocast=True, name=None, **kwargs):
        input_shape = kwargs.pop("input_shape", None)
        batch_shape = kwargs.pop("batch_shape", kwargs.pop("batch_input_shape", None))
        input_dim = kwargs.pop("input_dim", None)
        if kwargs:
            kwargs = _translate(self, kwargs)
        if input_dim is not None and input_shape is None:
            input_shape = (input_dim,)
        if input_shape is not None and batch_shape is None:
            batch_shape = (None, *((input_shape,) if isinstance(input_shape, int) else input_shape))
        self.name = auto_name(registry.snake(type(self).__name__)) if name is None else name
        if not isinstance(self.name, str) or "/" in self.name:
            raise ValueError(message(type(self), "`name` must be a string without '/'", {"name": name}))
        self.built = False
        self.autocast = autocast
        self.supports_masking = False
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.input_spec: Any = None
        self.inbound_nodes: list[Node] = []
        self._dtype_policy = standardize_policy(dtype_policy() if dtype is None else dtype)
        self._trainable = bool(trainable)
        self._weights: list[Variable] = []
        self._losses: list[Any] = []
        self._built_shapes: dict[str, Any] | None = None
        self._batch_shape = None if batch_shape is None else tuple(batch_shape)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _bookkeep_build(cls.__dict__["build"])  # type: ignore[method-assign]

    # Weights

    def add_weight(self, shape=None, initializer=None, dtype=None, trainable=True, autocast=True, regularizer=None,
                   constraint=None, aggregation="none", overwrite_with_gradient=False, name=None) -> Variable:  # fmt: skip
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
        dtype = standardize_dtype(self.variable_dtype if dtype is None else dtype)
        if initializer is None:
            initializer = "glorot_uniform" if "float" in dtype else "zeros"
        if not (callable(initializer) or isinstance(initializer, (str, dict))):
            shape = np.shape(initializer)
        variable = Variable(
            initializers.get(initializer), shape=() if shape is None else shape, dtype=dtype, trainable=trainable,
            autocast=autocast, aggregation=aggregation, name=name, regularizer=regularizers.get(regularizer),
            constraint=constraints.get(constraint),
        )  # fmt: skip
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._weights.append(variable)
        return variable

    def add_variable(self, shape, initializer, dtype=None, trainable=True, **kwargs) -> Variable:
        """A new weight; the shape first."""
        return self.add_weight(shape=shape, initializer=initializer, dtype=dtype, trainable=trainable, **kwargs)

    def _check_constructed(self) -> None:
        if "_weights" not in self.__dict__:
            raise RuntimeError(message(type(self).__name__, "the constructor of a layer must call `super().__init__()` "
                                       "before anything else"))

    def _sublayers(self) -> Iterator["Layer"]:
        for _, part in parts(self):
            if isinstance(part, Layer):
                yield part

    def _own_variables(self) -> list[Variable]:
        own = [part for _, part in parts(self) if isinstance(part, Variable)]
        return [v for v in own if v.trainable] + [v for v in own if not v.trainable]

    @property
    def layers(self) -> list["Layer"]:
        """The layers that this one holds itself."""
        return list(self._sublayers())

    def _flatten_layers(self, include_self: bool = True) -> list["Layer"]:
        """This layer and all below it, each once, in order."""
        found: dict[int, Layer] = {}

        def visit(layer: Layer) -> None:
            if id(layer) not in found:
                found[id(layer)] = layer
                for below in layer._sublayers():
                    visit(below)

        visit(self)
        return list(found.values())[0 if include_self else 1 :]

    @property
    def weights(self) -> list[Variable]:
        """All weights, in Keras's order: a layer's own trainable ones, its other ones, then its sublayers'."""
        found: dict[int, Variable] = {}
        for layer in self._flatten_layers():
            for variable in layer._own_variables():
                found.setdefault(id(variable), variable)
        return list(found.values())

    def _kept_state(self) -> list[Variable]:
        """Variables of this layer that are kept between batches and are no weights: a stateful layer's states."""
        return []

    @property
    def variables(self) -> list[Variable]:
        """All weights, and the states that layers keep between batches."""
        states = [v for layer in self._flatten_layers() for v in layer._kept_state()]
        return [*self.weights, *states]

    def _trainable_ids(self) -> set[int]:
        """Ids of the variables that no frozen layer on the way keeps from training."""
        if not self.trainable:
            return set()
        ids = {id(v) for v in self._own_variables() if v.trainable}
        return ids.union(*(layer._trainable_ids() for layer in self._sublayers()))

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that the optimizer may change now."""
        ids = self._trainable_ids()
        return [v for v in self.weights if id(v) in ids]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """All other weights: statistics, and what is frozen."""
        ids = self._trainable_ids()
        return [v for v in self.weights if id(v) not in ids]

    @property
    def trainable_variables(self) -> list[Variable]:
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        ids = self._trainable_ids()
        return [v for v in self.variables if id(v) not in ids]

    @property
    def trainable(self) -> bool:
        """Whether the optimizer may change the weights. Setting it sets it for everything below."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._sublayers():
            layer.trainable = value

    def count_params(self) -> int:
        """The number of numbers in all weights."""
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
                raise ValueError(message(self, f"weight {variable.path} must have shape {variable.shape}",
                                         {"shape": np.shape(value)}))
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    # Types

    @property
    def dtype_policy(self) -> DTypePolicy:
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._dtype_policy = standardize_policy(value)

    @property
    def dtype(self) -> str:
        """The type of the weights."""
        return self._dtype_policy.variable_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """The type of the computation."""
        return self._dtype_policy.compute_dtype

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
        names = list(inspect.signature(type(self).build).parameters)[1:]
        if len(names) == 1:
            self.build(next(iter(shapes.values()), None))
        else:
            missing = [name for name in names if name not in shapes]
            if len(names) == len(shapes) and missing:
                self.build(*shapes.values())
            else:
                self.build(**{name: shapes[name] for name in names if name in shapes})

    def _shapes_of_call(self, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
        bound = call_signature(type(self)).bind(self, *args, **kwargs)
        shapes: dict[str, Any] = {}
        for name, value in list(bound.arguments.items())[1:]:
            leaves = jax.tree.leaves(value)
            if leaves and all(_is_tensor(leaf) for leaf in leaves) and not name.endswith("mask"):
                shapes[f"{name}_shape"] = jax.tree.map(lambda leaf: tuple(leaf.shape), value)
        return shapes

    def get_build_config(self) -> dict[str, Any] | None:
        """The shapes that the layer was built for."""
        if not self._built_shapes:
            return None
        if len(self._built_shapes) == 1:
            return {"input_shape": next(iter(self._built_shapes.values()))}
        return {"shapes_dict": self._built_shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Builds for the shapes of `get_build_config`."""
        if "input_shape" in config:
            self.build(_as_shape(config["input_shape"]))
        elif "shapes_dict" in config:
            self.build(**{name: _as_shape(shape) for name, shape in config["shapes_dict"].items()})

    # Calling

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's function of arrays."""
        raise NotImplementedError(message(self, "a layer must define `call(self, inputs)`"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
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

        def convert(value: Any) -> Any:
            if isinstance(value, SymbolicTensor) or not _is_tensor(value):
                return value
            mask = noted(value, "mask")
            result = value.value if isinstance(value, Variable) else value
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
        if args and isinstance(args[0], (list, tuple)) and args[0] and isinstance(args[0][0], (int, float, list)) and not any(
            _is_tensor(leaf) for leaf in jax.tree.leaves(args[0])
        ):
            args = (np.asarray(args[0]), *args[1:])
        if len(args) == 1 and not kwargs and (isinstance(args[0], SymbolicTensor) or _is_tensor(args[0])):
            return (convert(args[0]),), kwargs
        return jax.tree.map(convert, (args, kwargs))

    def _call_symbolic(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        first = args[0] if args else next(iter(kwargs.values()))
        if self.input_spec is not None:
            check_input_spec(self, first)
        with name_scope(self.name):
            self._maybe_build(args, kwargs)
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic outputs of symbolic inputs: from `compute_output_shape` if there is one, else by tracing `call`."""
        shape_of = type(self).compute_output_shape
        if shape_of is not Layer.compute_output_shape and not isinstance(self, SkipOutputShape):
            names = list(inspect.signature(shape_of).parameters)[1:]
            shapes = self._shapes_of_call(args, kwargs)
            if len(names) == 1 or not set(names) <= set(shapes):
                output = self.compute_output_shape(next(iter(shapes.values())))
            else:
                output = self.compute_output_shape(**{name: shapes[name] for name in names})
            return _symbolic_of_shape(output, self.compute_dtype)
        with name_scope(self.name):
            return infer(self._call_concrete_of, *args, **kwargs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for the shape of an input."""
        inputs = _symbolic_of_shape(input_shape, self.compute_dtype)
        with name_scope(self.name):
            self._maybe_build((inputs,), {})
            return jax.tree.map(lambda t: t.shape, infer(self._call_concrete_of, inputs))

    def _call_concrete_of(self, *args: Any, **kwargs: Any) -> Any:
        return self._call_concrete(*self._convert_inputs(args, kwargs))

    def _call_concrete(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        names = _call_parameters(type(self))
        outermost = not _contexts()
        training = self._resolve_training(names, args, kwargs)
        if "training" in names and names.index_of("training") >= len(args):
            kwargs = {**kwargs, "training": training}
        elif "training" not in names and not names.takes_any:
            kwargs = {k: v for k, v in kwargs.items() if k != "training"}
        kwargs, mask = self._fill_masks(names, args, kwargs)
        if outermost and not in_scope():
            self._forget_losses()
        _contexts().append(training)
        try:
            if self._dtype_policy.is_mixed:
                with autocast(self.compute_dtype if self.autocast else None):
                    outputs = self.call(*args, **kwargs)
            else:
                outputs = self.call(*args, **kwargs)
        except Exception as error:
            _name_layer(self, args, error)
            raise
        finally:
            _contexts().pop()
        if self.activity_regularizer is not None:
            for output in jax.tree.leaves(outputs):
                penalty = self.activity_regularizer(output)
                # The mean over samples, so that its strength does not depend on the batch size.
                self.add_loss(penalty / output.shape[0] if output.ndim and output.shape[0] else penalty)
        self._note_masks(args, outputs, mask)
        return outputs

    def _resolve_training(self, names: "_Parameters", args: tuple, kwargs: dict[str, Any]) -> Any:
        """What the caller says, else what the layer around says, else the default of `call`, else inference."""
        given = kwargs.get("training")
        if given is None and "training" in names and names.index_of("training") < len(args):
            given = args[names.index_of("training")]
        if given is not None:
            return given
        contexts = _contexts()
        if contexts and contexts[-1] is not None:
            return contexts[-1]
        default = names.default_training
        return False if default is None else default

    def _fill_masks(self, names: "_Parameters", args: tuple, kwargs: dict[str, Any]) -> tuple[dict[str, Any], Any]:
        """Masks noted on the inputs, handed to the arguments of `call` that want them; and the first input's mask."""
        first = args[0] if args else next(iter(kwargs.values()), None)
        explicit = kwargs.get("mask")
        if explicit is None and "mask" in names and names.index_of("mask") < len(args):
            explicit = args[names.index_of("mask")]
        mask = explicit if explicit is not None else _noted_masks(first)
        if "mask" in names and explicit is None and mask is not None:
            kwargs = {**kwargs, "mask": mask}
        for name in names.mask_names:
            if name == "mask" or kwargs.get(name) is not None or names.index_of(name) < len(args):
                continue
            source = name.removesuffix("_mask")
            place = names.index_of(source) if source in names else None
            value = kwargs.get(source) if place is None or place >= len(args) else args[place]
            found = _noted_masks(value)
            if found is not None:
                kwargs = {**kwargs, name: found}
        return kwargs, mask

    def _note_masks(self, args: tuple, outputs: Any, mask: Any) -> None:
        overrides = type(self).compute_mask is not Layer.compute_mask
        if mask is None and not overrides:
            return
        if not overrides and not self.supports_masking:
            return
        found = self.compute_mask(args[0] if len(args) == 1 else args, mask) if args else None
        if found is None:
            return
        leaves = jax.tree.leaves(outputs)
        masks = found if isinstance(found, (list, tuple)) else [found] * len(leaves)
        for output, one in zip(leaves, masks, strict=False):
            if one is not None:
                note(output, "mask", one)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the output: the input's, for a layer that supports masks."""
        return previous_mask

    # Losses

    def add_loss(self, loss: Any) -> None:
        """Adds a term to the training objective, from within `call`."""
        values = loss if isinstance(loss, (list, tuple)) else [loss]
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
        scope = current_scope()
        added = list(scope.losses) if scope is not None else [x for layer in self._flatten_layers() for x in layer._losses]
        return added + self._regularization_losses()

    def _regularization_losses(self) -> list[Any]:
        return [v.regularizer(v.value) for v in self.trainable_weights if v.regularizer is not None]

    @property
    def metrics(self) -> list[Any]:
        """The metrics that this layer and those below hold."""
        # Variables answer for what their arrays have, and would be put on the device by the question.
        found = {id(p): p for layer in self._flatten_layers() for _, p in parts(layer)
                 if not isinstance(p, Variable) and hasattr(p, "update_state")}  # fmt: skip
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
        values = [_value_of(v) for v in (*trainable_variables, *non_trainable_variables)]
        if len(values) != len(variables):
            raise ValueError(message(self, f"stateless_call() needs {len(self.trainable_variables)} trainable and "
                                     f"{len(frozen)} non-trainable values",
                                     {"given": (len(trainable_variables), len(non_trainable_variables))}))
        outer = current_scope()
        scope = Scope(variables, values, outer.hypers if outer else None, outer.key if outer else None)
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
        """The symbolic input of the only call on symbolic tensors."""
        node = self._only_node()
        first = node.args[0] if node.args else next(iter(node.kwargs.values()))
        return first

    @property
    def output(self) -> Any:
        """The symbolic output of the only call on symbolic tensors."""
        return self._only_node().outputs

    def _only_node(self) -> Node:
        if len(self.inbound_nodes) != 1:
            raise AttributeError(message(self, "`input` and `output` exist for a layer called once on symbolic tensors",
                                         {"calls": len(self.inbound_nodes)}))
        return self.inbound_nodes[0]

    @property
    def path(self) -> str:
        return self.name

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data, Keras's common ones first."""
        common: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": self._dtype_policy.to_plain()}
        if self._batch_shape is not None and not self.inbound_nodes:
            common["batch_shape"] = list(self._batch_shape)
        config = common
        if type(self) is not Layer and _overrides_init(type(self)):
            config |= {k: v for k, v in super().get_config().items() if k not in ("name", "trainable", "dtype")}
        if self.activity_regularizer is not None and "activity_regularizer" not in config:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def save_own_variables(self, store: Any) -> None:
        """Writes this layer's own weights into `store` under "0", "1", ..."""
        for index, variable in enumerate(self._own_variables()):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Reads this layer's own weights from `store`."""
        own = self._own_variables()
        if len(store.keys()) != len(own):
            hint = "" if self.built else "The layer has not been built yet: call it on data first"
            raise ValueError(message(self, f"the file must hold {len(own)} weights for this layer",
                                     {"weights": len(store.keys())}, hint))
        for index, variable in enumerate(own):
            variable.assign(np.asarray(store[str(index)]))


class SkipOutputShape:
    """A mark for layers whose `compute_output_shape` needs more than shapes."""


class InputSpec:
    """What a layer expects of an input: checked before anything is computed.

    Args:
        dtype: a type.
        shape: an exact shape, `None` where any size will do.
        ndim, max_ndim, min_ndim: numbers of dimensions.
        axes: sizes by axis, `{-1: 16}`.
    """

    def __init__(self, dtype=None, shape=None, ndim=None, max_ndim=None, min_ndim=None, axes=None,
                 allow_last_axis_squeeze=False, name=None, optional=False):  # fmt: skip
        self.dtype = dtype
        self.shape = None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(k): v for k, v in (axes or {}).items()}
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional


def check_input_spec(layer: Layer, inputs: Any) -> None:
    """Raises `ValueError` if an input does not fit the layer's `input_spec`."""
    specs = layer.input_spec if isinstance(layer.input_spec, (list, tuple)) else [layer.input_spec]
    tensors = [x for x in jax.tree.leaves(inputs) if _is_tensor(x) or isinstance(x, SymbolicTensor)]
    if len(specs) != len(tensors):
        raise ValueError(message(layer, f"expected {len(specs)} input(s)", {"inputs": len(tensors)}))
    for spec, tensor in zip(specs, tensors, strict=True):
        if spec is None:
            continue
        shape = tuple(tensor.shape)
        received = {"shape": shape}
        if spec.ndim is not None and len(shape) != spec.ndim:
            raise ValueError(message(layer, f"expected an input with {spec.ndim} dimensions", received,
                                     _hint_dimensions(spec.ndim, shape)))
        if spec.max_ndim is not None and len(shape) > spec.max_ndim:
            raise ValueError(message(layer, f"expected an input with at most {spec.max_ndim} dimensions", received))
        if spec.min_ndim is not None and len(shape) < spec.min_ndim:
            raise ValueError(message(layer, f"expected an input with at least {spec.min_ndim} dimensions", received))
        for axis, size in spec.axes.items():
            if size is not None and shape[axis] not in (size, None):
                raise ValueError(message(layer, f"expected axis {axis} of the input to have size {size}", received))
        for axis, size in enumerate(spec.shape or ()):
            if size is not None and shape[axis] not in (size, None):
                raise ValueError(message(layer, f"expected an input of shape {spec.shape}", received))


def _hint_dimensions(expected: int, shape: tuple) -> str:
    if len(shape) == expected - 1:
        return f"Add an axis of size 1: x[..., None] has shape {(*shape, 1)}"
    return ""


class _Parameters:
    """The parameters of a layer's `call`, looked up once a class."""

    def __init__(self, function: Callable[..., Any]):
        parameters = list(inspect.signature(function).parameters.values())[1:]
        self.order = {p.name: index for index, p in enumerate(parameters)}
        self.takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
        self.mask_names = [name for name in self.order if name == "mask" or name.endswith("_mask")]
        default = inspect.signature(function).parameters.get("training")
        self.default_training = None if default is None or default.default is inspect.Parameter.empty else default.default

    def __contains__(self, name: str) -> bool:
        return name in self.order

    def index_of(self, name: str) -> int:
        return self.order[name]


@functools.lru_cache(maxsize=1024)
def _parameters_of(function: Callable[..., Any]) -> _Parameters:
    return _Parameters(function)


def _call_parameters(cls: type) -> _Parameters:
    return _parameters_of(cls.call)  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=1024)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    signature = inspect.signature(function)
    if "training" in signature.parameters or any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values()
    ):
        return signature
    extra = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
             for name in ("training", "mask") if name not in signature.parameters]  # fmt: skip
    return signature.replace(parameters=[*signature.parameters.values(), *extra])


def call_signature(cls: type) -> inspect.Signature:
    """The signature of `call`, with `training` and `mask` allowed as every layer's `__call__` allows them."""
    return _signature(cls.call)  # type: ignore[attr-defined]


def _contexts() -> list[Any]:
    if not hasattr(_calls, "training"):
        _calls.training = []
    return _calls.training


def _bookkeep_build(build: Callable[..., None]) -> Callable[..., None]:
    """Wraps `build` so that it names its weights by the layer, remembers its shapes and marks the layer as built."""

    @functools.wraps(build)
    def wrapped(self: Layer, *args: Any, **kwargs: Any) -> None:
        self._check_constructed()
        if getattr(self, "_building", False):
            build(self, *args, **kwargs)
            return
        self.__dict__["_building"] = True
        try:
            with open_name(self.name):
                build(self, *args, **kwargs)
        finally:
            del self.__dict__["_building"]
        names = list(inspect.signature(build).parameters)[1:]
        self._built_shapes = {**dict(zip(names, args, strict=False)), **kwargs}
        self.built = True

    return wrapped


def _name_layer(layer: Layer, args: tuple, error: Exception) -> None:
    """Adds to an error in which layer it came up, the innermost one, unless it says so itself."""
    notes = getattr(error, "__notes__", ())
    if describe_owner(layer) not in str(error) and not any(note.startswith("In call()") for note in notes):
        # Sizes that stand for unknown ones while shapes are traced.
        shapes = [tuple(None if size in TRIALS else size for size in a.shape) for a in jax.tree.leaves(args) if _is_tensor(a)]
        error.add_note(f"In call() of {describe_owner(layer)}, on inputs of shape {', '.join(map(str, shapes))}.")


def _overrides_init(cls: type) -> bool:
    return cls.__init__ is not Layer.__init__


def _translate(layer: Layer, kwargs: dict[str, Any]) -> dict[str, Any]:
    for translate in registry.translators:
        kwargs = translate(layer, kwargs)
    if kwargs:
        name = next(iter(kwargs))
        known = [p for p in inspect.signature(type(layer).__init__).parameters if p not in ("self", "kwargs")]
        raise TypeError(message(type(layer).__name__, f"unknown argument `{name}`", {name: kwargs[name]},
                                did_you_mean(name, [*known, "name", "dtype", "trainable", "input_shape"])))
    return kwargs


def _is_tensor(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _value_of(value: Any) -> Any:
    return value.value if isinstance(value, Variable) else value


def _noted_masks(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        masks = [_noted_masks(item) for item in value]
        return masks if any(mask is not None for mask in masks) else None
    return None if value is None or isinstance(value, (dict, str, int, float)) else noted(value, "mask")


def _as_shape(value: Any) -> Any:
    """Lists of a JSON config as the tuples that `build` takes."""
    if isinstance(value, dict):
        return {key: _as_shape(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        if all(item is None or isinstance(item, int) for item in value):
            return tuple(value)
        return [_as_shape(item) for item in value]
    return value


def _symbolic_of_shape(shape: Any, dtype: Any) -> Any:
    if isinstance(shape, dict):
        return {key: _symbolic_of_shape(value, dtype) for key, value in shape.items()}
    if isinstance(shape, (list, tuple)) and shape and not all(d is None or isinstance(d, (int, np.integer)) for d in shape):
        return type(shape)(_symbolic_of_shape(item, dtype) for item in shape)
    return SymbolicTensor(tuple(shape), dtype)
