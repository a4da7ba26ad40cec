"""What a model says of some samples, by a program that is quick to compile."""

from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.data.samples import Data
from kerata.diagnosis.judgement.case import Part
from kerata.engine.placement import HERE
from kerata.engine.scope import Scope
from kerata.engine.types import Array, HostArray, Tree
from kerata.kernels.compiler import compiler_options
from kerata.models.model import Model
from kerata.training.compilation import compilation_of

# Samples that are predicted at once.
CHUNK = 250


class Predictions:
    """Predictions and losses of a model with given weights.

    Args:
        twin: a model like the one that is examined, which may be traced.
        values: the weights.
        chunk: the number of samples of a batch.
    """

    def __init__(self, twin: Model, values: list[HostArray], chunk: int = CHUNK):
        self.twin, self.chunk = twin, chunk
        self.values = HERE.put_state(values)
        self._program: Callable[..., object] | None = None
        self.own = type(twin).predict_step is not Model.predict_step

    def outputs(self, part: Part) -> Tree:
        """The outputs for all samples, as arrays of the host."""
        if self.own:
            for variable, value in zip(self.twin.variables, self.values, strict=True):
                variable.store(value)
            return cast("Tree", self.twin.predict(cast("Data", part.x), batch_size=self.chunk, verbose=0))
        chunks = [self._run(part, begin) for begin in range(0, part.size, self.chunk)]
        return jax.tree.map(lambda *parts: np.concatenate(parts)[: part.size], *chunks)

    def loss(self, y: Tree, outputs: Tree) -> float:
        """The loss of predictions."""
        objective = compilation_of(self.twin, "examine").objective
        given = HERE.put_samples((y, outputs))
        program = jax.jit(lambda y, outputs: objective(y, outputs)[0]).lower(*given)
        return float(program.compile(compiler_options=compiler_options(once=True))(*given))

    def _run(self, part: Part, begin: int) -> Tree:
        """The outputs of a chunk, which is filled up with its last sample."""
        rows = np.minimum(np.arange(begin, begin + self.chunk), part.size - 1)
        x = jax.tree.map(lambda a: HERE.put_samples(np.asarray(a)[rows]), part.x)
        if self._program is None:
            lowered = jax.jit(self._predict).lower(self.values, x)
            self._program = cast("Callable[..., object]", lowered.compile(compiler_options=compiler_options(once=True)))
        return jax.tree.map(np.asarray, cast("Tree", self._program(self.values, x)))

    def _predict(self, values: list[Array], x: Tree) -> Tree:
        variables: list[object] = [*self.twin.variables]
        with Scope(variables, values, None, jnp.zeros((2,), jnp.uint32)):
            return jax.tree.map(jnp.asarray, self.twin(x, training=False))
