"""Muon: orthogonal steps for matrices, Adam's for everything else."""

import re
from typing import Any, TypeAlias

import jax.numpy as jnp

from kerata.base.checks import check_positive_int
from kerata.base.limits import check_pattern, take_work
from kerata.base.registry import builtin
from kerata.engine.hyper import Hyperparameter
from kerata.engine.types import Array, Scalar
from kerata.engine.variable import Variable
from kerata.optimizers.adam import make_rule
from kerata.optimizers.optimizer import Optimizer, shares_arguments
from kerata.optimizers.parts import Kept, One, Transformation, fill, transformation, update_each

# Arrays by the paths of weights.
Leaves: TypeAlias = dict[str, Any]


@builtin("optimizers", "muon")
class Muon(Optimizer):
    """W = W - learning_rate * scale * orthogonal(g + momentum * m) for matrices, AdamW for the rest.

    m = momentum * m + g. orthogonal(X) is near U @ V.T of X = U S V.T, by a few steps
    X = a * X + (b * A + c * A @ A) @ X with A = X @ X.T. Output layers are better left to AdamW too: name them
    in `exclude_layers`.

    Args:
        learning_rate: the size of a step.
        adam_beta_1, adam_beta_2, epsilon: as in Adam, for what is not a matrix.
        adam_weight_decay, weight_decay: the decay of what Adam's and Muon's rules update.
        exclude_layers: patterns of paths that Adam's rule updates.
        exclude_embeddings: whether it also updates those whose path has "embedding" in it.
        muon_a, muon_b, muon_c: a, b and c.
        adam_lr_ratio: a factor on Adam's learning rate.
        momentum: how much of m stays in a step.
        ns_steps: number of steps towards the orthogonal matrix.
        nesterov: whether to use g + momentum * m, or m.
        rms_rate: scale = rms_rate * sqrt(max(rows, columns)), so that learning rates for Adam fit; `None` for 1.
        See `Optimizer` for the others.

    Source: Jordan et al., Muon, 2024, https://kellerjordan.github.io/posts/muon; Liu et al., Muon is scalable
    for LLM training, 2025, https://arxiv.org/abs/2502.16982.

    >>> import kerata
    >>> w = kerata.Variable([[1.0, 0.0], [0.0, 1.0]])
    >>> kerata.optimizers.Muon(0.1, weight_decay=None).apply([[[0.0, 1.0], [1.0, 0.0]]], [w])
    >>> w.shape
    (2, 2)
    """

    slots = (("momentum", "velocity"),)
    adam_beta_1 = Hyperparameter(low=0.0, high=1.0)
    adam_beta_2 = Hyperparameter(low=0.0, high=1.0)
    adam_weight_decay = Hyperparameter(low=0.0)
    epsilon = Hyperparameter(low=0.0)
    muon_a = Hyperparameter()
    muon_b = Hyperparameter()
    muon_c = Hyperparameter()
    adam_lr_ratio = Hyperparameter(low=0.0)
    momentum = Hyperparameter(low=0.0, high=1.0)
    rms_rate = Hyperparameter(low=0.0)

    @shares_arguments
    def __init__(
        self,
        learning_rate=0.001,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        *,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.7750,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
        **kwargs,
    ):
        super().__init__(learning_rate, weight_decay, **kwargs)
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = epsilon
        self.exclude_layers = list(exclude_layers or [])
        self.exclude_embeddings = bool(exclude_embeddings)
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = check_positive_int(self, "ns_steps", ns_steps)
        take_work(self.ns_steps, ns_steps=ns_steps)
        self.nesterov = bool(nesterov)
        self.rms_rate = rms_rate
        # Compiled patterns, because names are no part of a program's structure and this makes them so.
        self._excluded = [re.compile(check_pattern(pattern)) for pattern in self.exclude_layers]
        if self.exclude_embeddings:
            self._excluded.append(re.compile("(?i)embedding"))

    def _is_adams(self, shape: tuple[int, ...], path: str) -> bool:
        return len(shape) != 2 or any(pattern.search(path) for pattern in self._excluded)

    def _weight_decay_of(self, variable: Variable) -> Scalar | None:
        if not self._is_decayed(variable):
            return None
        return self.adam_weight_decay if self._is_adams(variable.shape, variable.path) else self.weight_decay

    def transform(self) -> Transformation:
        def split(tree: Leaves, params: Leaves, adams: bool) -> Leaves:
            """The part of a dict that Adam's rule, or Muon's, updates."""
            chosen = [path for path, p in params.items() if self._is_adams(p.shape, path) == adams]
            return {path: tree[path] for path in chosen}

        def init(params: Leaves) -> Kept:
            return {**fill(params, momentum=0.0), **fill(split(params, params, True), velocity=0.0)}

        def update(
            grads: Leaves, state: Kept, params: Leaves | None = None, *, step: Array, learning_rate: Array, **_: object
        ) -> tuple[Leaves, Kept]:
            assert params is not None, "weights are always given"
            momentum: Leaves = {}
            updates: Leaves = {}
            for adams in (False, True):
                slots = {"momentum": split(state["momentum"], params, adams)}
                rule = self._muon(learning_rate)
                if adams:
                    slots["velocity"] = state["velocity"]
                    rule = self._adam(step, learning_rate * self.adam_lr_ratio)
                some, slots = update_each(rule, split(grads, params, adams), slots, split(params, params, adams))
                updates.update(some)
                momentum.update(slots["momentum"])
            after = {"momentum": {path: momentum[path] for path in params}, "velocity": slots["velocity"]}
            return {path: updates[path] for path in params}, after

        return transformation(init, update)

    def _adam(self, step: Array, rate: Scalar) -> One:
        return make_rule(self.adam_beta_1, self.adam_beta_2, self.epsilon, step, rate)

    def _muon(self, rate: Scalar) -> One:
        momentum = self.momentum

        def one(g: Array, p: Array, m: Array) -> tuple[Array, ...]:
            m = m + (g + m * (momentum - 1.0))
            step = self.zeropower_via_newtonschulz5(g + momentum * m if self.nesterov else m, self.ns_steps)
            return -rate * self.lr_adjust(step), m

        return one

    def lr_adjust(self, x: Array) -> Array:
        """A step times `rms_rate * sqrt(max(rows, columns))`, or as it is."""
        return x if self.rms_rate is None else x * (max(x.shape) ** 0.5 * self.rms_rate)

    def zeropower_via_newtonschulz5(self, x: Array, steps: int) -> Array:
        """A matrix near U @ V.T of x = U S V.T."""
        wide = x.shape[0] <= x.shape[1]
        x = x if wide else x.T
        x = x / (jnp.sqrt(jnp.sum(jnp.square(x))) + 1e-7)
        for _ in range(steps):
            square = x @ x.T
            x = self.muon_a * x + (self.muon_b * square + self.muon_c * square @ square) @ x
        return x if wide else x.T

    def transpose_last_axis(self, X: Array) -> Array:
        """Matrices on the last two axes, transposed."""
        return jnp.swapaxes(X, -1, -2)
