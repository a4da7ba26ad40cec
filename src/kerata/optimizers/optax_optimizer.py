"""Any optax transformation as an optimizer."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import KindError, message
from kerata.base.registry import builtin
from kerata.engine.types import Array, HostArray, Tree
from kerata.kernels.typed import ClosedJaxpr, Literal
from kerata.optimizers.optimizer import Optimizer
from kerata.optimizers.parts import Kept, Transformation, transformation


@builtin("optimizers")
class OptaxOptimizer(Optimizer):
    """w = w + u, where u is what an `optax.GradientTransformation` makes of the gradients.

    `compile(optimizer=optax.adamw(1e-3))` makes one of these. Parameters come to the transformation as a dict
    from paths such as `"dense/kernel"` to arrays, so masks and labels may go by name.

    Args:
        transformation: anything with optax's `init` and `update`; it holds its own learning rate.
        learning_rate: a factor on u, 1 by default.
        See `Optimizer` for the others.

    >>> import kerata, optax
    >>> w = kerata.Variable(1.0)
    >>> kerata.optimizers.OptaxOptimizer(optax.sgd(0.1)).apply([5.0], [w])
    >>> float(w)
    0.5
    """

    tree = dict

    def __init__(self, transformation: Transformation, learning_rate=1.0, name=None, **kwargs: Any):
        if not is_transformation(transformation):
            raise KindError(
                message(
                    "OptaxOptimizer",
                    "`transformation` must have optax's `init` and `update`",
                    {"transformation": transformation},
                )
            )
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.transformation = transformation

    def transform(self) -> Transformation:
        import optax

        inner: Any = optax.with_extra_args_support(cast(optax.GradientTransformation, self.transformation))

        def update(
            grads: Tree, state: Tree, params: Tree = None, *, step: Array, learning_rate: Array, **extra: object
        ) -> tuple[Tree, Tree]:
            updates, state = inner.update(grads, state, params, **extra)
            return jax.tree.map(lambda u: u * learning_rate.astype(u.dtype), updates), state

        return transformation(inner.init, update)

    def _init(self, params: dict[str, Any]) -> Kept:
        """The first state, without a device where it is made of constants only."""
        # A function of its own each time: JAX would give another model's result, and variables, for equal paths.
        closed, out = jax.make_jaxpr(lambda p: self.transformation.init(p), return_shape=True)(params)
        leaves = read_constants(closed)
        if leaves is not None:
            return jax.tree.unflatten(jax.tree.structure(out), leaves)
        if not all(isinstance(p, np.ndarray) for p in params.values()):
            return out
        with jax.ensure_compile_time_eval():
            return jax.tree.map(np.asarray, self.transformation.init(jax.tree.map(jnp.asarray, params)))

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            message(
                self,
                "an optax transformation is a pair of functions, which a file cannot hold",
                fix="Save the weights only, or compile again after loading",
            )
        )


def is_transformation(value: object) -> bool:
    """Whether something has the form of an optax transformation."""
    has_both = callable(getattr(value, "init", None)) and callable(getattr(value, "update", None))
    return has_both and not isinstance(value, type)


def read_constants(closed: ClosedJaxpr) -> list[Any] | None:
    """The outputs of a traced function that depend on no input, computed by NumPy; `None` if there are others."""
    known: dict[Any, np.ndarray] = dict(zip(closed.jaxpr.constvars, map(np.asarray, closed.consts), strict=True))

    def read(atom: object) -> HostArray | None:
        return np.asarray(atom.val) if isinstance(atom, Literal) else known.get(atom)

    for equation in closed.jaxpr.eqns:
        values: list[Any] = [read(atom) for atom in equation.invars]
        if any(value is None for value in values):
            continue
        name, params = equation.primitive.name, equation.params
        if name == "broadcast_in_dim" and values[0].ndim == 0:
            known[equation.outvars[0]] = np.broadcast_to(values[0], params["shape"])
        elif name == "convert_element_type":
            known[equation.outvars[0]] = values[0].astype(jnp.dtype(params["new_dtype"]))
    found = [read(atom) for atom in closed.jaxpr.outvars]
    return None if any(value is None for value in found) else found
