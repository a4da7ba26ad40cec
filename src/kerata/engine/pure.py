"""A layer or model as a pure function of its state."""

from typing import Any, Protocol, TypeAlias

from kerata.engine.scope import Scope
from kerata.engine.types import AnyArray, Array, HyperTable, Tree
from kerata.engine.variable import Variable

State: TypeAlias = dict[str, list[Array]]


class HasWeights(Protocol):
    """A layer or a model."""

    @property
    def trainable_variables(self) -> list[Variable]: ...
    @property
    def non_trainable_variables(self) -> list[Variable]: ...


class CallableLayer(HasWeights, Protocol):
    """A layer or a model that can be called."""

    def __call__(self, inputs: object, /, *, training: bool) -> object: ...


def state_of(layer: HasWeights) -> State:
    """The state of a layer or model: the values of its trainable and of its other variables.

    >>> import kerata
    >>> layer = kerata.layers.Dense(2)
    >>> layer.build((None, 3))
    >>> [value.shape for value in state_of(layer)["trainable"]]
    [(3, 2), (2,)]
    """
    return {
        "trainable": [v.value for v in layer.trainable_variables],
        "others": [v.value for v in layer.non_trainable_variables],
    }


def call_pure(
    layer: CallableLayer,
    state: State,
    inputs: Tree,
    training: bool = False,
    key: AnyArray | None = None,
    hypers: HyperTable | None = None,
) -> tuple[Any, State, list[Array]]:
    """Calls a layer or model as a pure function; `jax.jit`, `jax.grad` and `jax.vmap` apply to it.

    Args:
        layer: a built layer or model. Nothing of it changes.
        state: as `state_of` gives it.
        inputs: what the layer is called on.
        training: whether dropout and the like are on.
        key: uint32 of shape (2,), of all random draws.
        hypers: values for hyperparameters, by (id of the owner, name).

    Returns:
        The outputs, the state after the call, and the losses that layers added.

    >>> import jax, kerata, numpy as np
    >>> model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(2), kerata.layers.BatchNormalization()])
    >>> state = state_of(model)
    >>> outputs, after, losses = jax.jit(lambda s, x: call_pure(model, s, x, training=True))(state, np.eye(3))
    >>> outputs.shape, [v.shape for v in after["others"]]
    ((3, 2), [(2,), (2,)])
    """
    trainable, others = layer.trainable_variables, layer.non_trainable_variables
    scope = Scope([*trainable, *others], [*state["trainable"], *state["others"]], hypers, key)
    with scope:
        outputs = layer(inputs, training=training)
    return outputs, {"trainable": scope.read(trainable), "others": scope.read(others)}, scope.losses
