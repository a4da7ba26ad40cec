"""Whether a model draws at random where it is not trained, as dropout that is left on and layers that sample do."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

from typing import Any, cast

import jax
import jax.numpy as jnp

from kerata.engine.types import Array, Tree
from kerata.training.padding import spec_of
from kerata.training.plan import Batch, Constants
from kerata.training.prepare import Prepared
from kerata.training.trained import TrainedModel


def draws_in_evaluation(prepared: Prepared, batch: Batch) -> bool:
    """Whether evaluating a model takes numbers from its generators.

    Args:
        prepared: the model, prepared for evaluation by a step that is built in.
        batch: some samples, for their shapes.
    """
    plan = prepared.plan
    # What is built in draws in training alone, unless it is told that this be training.
    if prepared.structure is not None and not calls_in_training(prepared.model):
        return False
    seeds = [spec_of(v.peek()) for v in plan.seeds]
    state: dict[str, Any] = {role: [spec_of(v.peek()) for v in some] for role, some in plan.variables.items()}
    hypers = ([spec_of(v.peek()) for v in plan.trainable], jax.ShapeDtypeStruct((len(plan.hypers.owners),), jnp.float32))
    key = jax.ShapeDtypeStruct((2,), jnp.uint32)

    def after(seeds: list[Array], state: dict[str, Any], hypers: Constants, key: Array, batch: Batch) -> Tree:
        return cast("dict[str, Any]", plan.step.look({**state, "seeds": seeds}, hypers, key, batch, None))["seeds"]

    made = jax.make_jaxpr(after)(seeds, state, hypers, key, jax.tree.map(spec_of, batch)).jaxpr
    return any(old is not new for old, new in zip(made.invars, made.outvars, strict=False))


def calls_in_training(model: TrainedModel) -> bool:
    """Whether a graph calls a layer as in training, whatever the model does."""
    graphs = [graph for layer in model._flatten_layers() if (graph := getattr(layer, "_graph", None)) is not None]
    nodes = [node for graph in graphs for node in graph.nodes]
    return any(node.kwargs.get("training") or any(one is True for one in node.args[1:]) for node in nodes)
