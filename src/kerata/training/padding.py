"""Whether the last, smaller batch may be filled up with rows that are not there: declared by what is built in, else proved."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kerata.base import registry
from kerata.engine.rows import may_be_samples, why_rows_matter
from kerata.engine.structure import is_ours
from kerata.engine.symbolic import Operation
from kerata.engine.types import AnyArray, Tree
from kerata.layers.layer import Layer
from kerata.training.plan import Batch, Plan
from kerata.training.trained import TrainedGraph, TrainedModel


def why_step_is_exact(plan: Plan, batch: Batch, batch_size: int, there: int | None) -> str | None:
    """`None` where a step gives the same with a padded batch as without, else what stands against it.

    Args:
        plan: the functions of the step.
        batch: (x, y, sample_weight), arrays or their shapes.
        batch_size: samples a step.
        there: how many are there in a padded batch; `None` where that is not known, and only what is declared counts.
    """
    if is_declared(plan):
        return None
    if there is None:
        return "the number of rows that will be there is not known"

    def arguments(size: int) -> tuple[Any, ...]:
        state = jax.tree.map(spec_of, {role: [v.peek() for v in variables] for role, variables in plan.variables.items()})
        hypers: Tree = jax.ShapeDtypeStruct((len(plan.hypers.owners),), jnp.float32)
        if plan.training:
            state["counters"] = jax.ShapeDtypeStruct((2,), jnp.int32)
        else:
            hypers = ([spec_of(v.peek()) for v in plan.trainable], hypers)
            state["seeds"] = [spec_of(v.peek()) for v in plan.seeds]
        key = jax.ShapeDtypeStruct((2,), jnp.uint32)
        return state, hypers, key, rows_of(batch, size), jax.ShapeDtypeStruct((size,), jnp.float32)

    state, hypers, key, rows, _ = arguments(batch_size)
    fixed = jax.tree.map(lambda _: "fixed", (state, hypers, key))
    roles = (*fixed, jax.tree.map(lambda _: "rows", rows), "valid")
    return why_rows_matter(lambda *args: {"fixed": plan.step.look(*args)}, arguments, roles, batch_size, there)


def why_prediction_is_exact(
    model: TrainedModel,
    function: Callable[..., Any],
    values: list[AnyArray],
    vector: AnyArray,
    x: Tree,
    batch_size: int,
    there: int,
) -> str | None:
    """`None` where each row of a prediction depends on its own row of the input alone, else what stands against it.

    Args:
        model: the model.
        function: (values, vector, x) -> {"rows": outputs, "fixed": states of layers}.
        values, vector: weights and hyperparameters, or their shapes.
        x: inputs, or their shapes.
        batch_size, there: rows of the padded batch, and how many of them are there.
    """
    if declares_predicted_rows(model):
        return None
    fixed = jax.tree.map(spec_of, (values, vector))
    roles = (*jax.tree.map(lambda _: "fixed", fixed), jax.tree.map(lambda _: "rows", x))
    return why_rows_matter(function, lambda size: (*fixed, rows_of(x, size)), roles, batch_size, there)


def spec_of(array: AnyArray) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, jax.dtypes.canonicalize_dtype(array.dtype))


def rows_of(tree: Tree, size: int) -> Tree:
    """Shapes of a batch of another size."""
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct((size, *a.shape[1:]), jax.dtypes.canonicalize_dtype(a.dtype)), tree)


def is_declared(plan: Plan) -> bool:
    """Whether all of a step is built in, and says that padded rows have no influence."""
    return plan.objective.is_declared and plan.measures.is_declared and not plan.own_metrics and declares_rows(plan.model)


def adds_up(plan: Plan) -> bool:
    """Whether the measures of some samples are known to be the same, whatever batches these come in.

    Steps that are masked are counted batch by batch, and so are losses that are no means over all samples, and those that
    layers add.
    """
    losses = [term.loss for term in plan.objective.terms]
    plain = bool(losses) and all(loss.counts_all and loss.reduction in ("sum_over_batch_size", "mean") for loss in losses)
    return plain and is_declared(plan) and not any(layer.makes_mask for layer in plan.model._flatten_layers())


def declares_rows(model: TrainedModel) -> bool:
    """Whether a model holds only what is built in, and all of it says that padded rows have no influence."""
    return all(_is_declared(layer) for layer in model._flatten_layers())


def declares_predicted_rows(model: TrainedModel) -> bool:
    """Whether that holds in predictions too, which do not say which rows are padded."""
    layers = model._flatten_layers()
    return declares_rows(model) and not any(layer.sees_batch or _trains(layer) for layer in layers)


def _trains(layer: Layer) -> bool:
    """Whether a model calls some of its layers in training, whatever it is called in itself."""
    graph: TrainedGraph | None = getattr(layer, "_graph", None)
    calls = [] if graph is None else graph.nodes
    return any(node.kwargs.get("training") or any(value is True for value in node.args[1:]) for node in calls)


def _is_declared(layer: Layer) -> bool:
    home = registry.home_of(type(layer))
    if home is None or not is_ours(type(layer)):
        return False
    penalty = layer.activity_regularizer
    if penalty is not None and not (is_ours(type(penalty)) and getattr(penalty, "sums_elements", False)):
        return False
    if home[0] == "models":
        # Operations between layers may do anything, and a tensor of one axis has no other than the samples'.
        graph: TrainedGraph | None = getattr(layer, "_graph")  # noqa: B009, only models have one
        if graph is None:
            return True
        tensors = [*graph.inputs, *(tensor for node in graph.nodes for tensor in node.output_tensors)]
        plain = not graph.beside and not any(isinstance(op, Operation) for op in graph.operations)
        return plain and all(len(t.shape) > 1 for t in tensors)
    return not layer.mixes_samples and not any(may_be_samples(getattr(layer, name, None)) for name in layer.works_along)
