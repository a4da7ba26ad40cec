"""Adafactor: adaptive steps with a small memory."""

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar, Tree
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import Kept, One, Transformation, transformation, update_each


@builtin("optimizers", "adafactor")
class Adafactor(Optimizer):
    """w = w - alpha * u / max(1, rms(u) / clip_threshold), with u = g / sqrt(v) and v = r * c / mean(r) for matrices.

    r and c are averages of g**2 + epsilon_1 over columns and rows, so a matrix needs one row and one column
    of memory; vectors keep v in full. alpha = max(epsilon_2, rms(w)) * min(learning_rate, 1 / sqrt(t));
    averages keep 1 - t**beta_2_decay of themselves.

    Args:
        learning_rate: the largest size of a step, relative to the weights.
        beta_2_decay: how the averages' memory grows with t.
        epsilon_1: keeps the root away from zero.
        epsilon_2: the least scale of a weight.
        clip_threshold: the largest root mean square of u.
        relative_step: kept for Keras's sake, where steps are bounded by 1 / sqrt(t) in any case.
        See `Optimizer` for the others.

    Source: Shazeer and Stern, Adafactor, 2018, https://arxiv.org/abs/1804.04235. Keras also stores v, for
    matrices too, and so does this, as files hold it; it is never read.

    >>> import kerata
    >>> w = kerata.Variable([2.0])
    >>> kerata.optimizers.Adafactor(0.1).apply([[5.0]], [w])
    >>> w.numpy()
    array([1.8], dtype=float32)
    """

    slots = (("r", "c", "velocity"),)
    beta_2_decay = Hyperparameter()
    epsilon_1 = Hyperparameter(low=0.0)
    epsilon_2 = Hyperparameter(low=0.0)
    clip_threshold = Hyperparameter(low=0.0)

    @shares_arguments
    def __init__(
        self,
        learning_rate=0.001,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=1e-3,
        clip_threshold=1.0,
        relative_step=True,
        weight_decay=None,
        **kwargs,
    ):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = bool(relative_step)

    def transform(self) -> Transformation:
        def init(params: Tree) -> Kept:
            shapes = {"r": lambda s: s[:-1], "c": lambda s: (*s[:-2], s[-1]), "velocity": lambda s: s}

            # Vectors have no r and c; a number holds their place, as in Keras.
            def empty(p: Array, name: str) -> np.ndarray:
                shape = shapes[name](p.shape) if len(p.shape) > 1 or name == "velocity" else ()
                return np.broadcast_to(np.zeros((), p.dtype), shape)

            return {name: jax.tree.map(lambda p, name=name: empty(p, name), params) for name in shapes}

        def update(
            grads: Tree, state: Kept, params: Tree = None, *, step: Array, learning_rate: Array, **_: object
        ) -> tuple[Tree, Kept]:
            slots = {name: state[name] for name in ("r", "c", "velocity")}
            return update_each(self._rule(step, learning_rate), grads, slots, params)

        return transformation(init, update)

    def _rule(self, step: Array, rate: Scalar) -> One:
        epsilon_1, epsilon_2, threshold = self.epsilon_1, self.epsilon_2, self.clip_threshold
        rate = jnp.minimum(rate, 1.0 / jnp.sqrt(step))
        new = jnp.power(step, self.beta_2_decay)
        kept = 1.0 - new

        def one(g: Array, p: Array, r: Array, c: Array, v: Array) -> tuple[Array, ...]:
            alpha = jnp.maximum(epsilon_2, _rms(p)) * rate
            squares = jnp.square(g) + epsilon_1
            if p.ndim >= 2:
                r = kept * r + new * jnp.mean(squares, axis=-1)
                c = kept * c + new * jnp.mean(squares, axis=-2)
                row = r / jnp.mean(r, axis=-1, keepdims=True)
                v = row[..., None] * c[..., None, :]
                # The product of a row and a column that get no gradient underflows to 0; their roots do not.
                u = g / jnp.sqrt(row)[..., None] / jnp.sqrt(c)[..., None, :]
            else:
                v = kept * v + new * squares
                u = g / jnp.sqrt(v)
            return -alpha * u / jnp.maximum(1.0, _rms(u) / threshold), r, c, v

        return one


def _rms(x: Array) -> Array:
    return jnp.sqrt(jnp.mean(jnp.square(x)))
