"""Preparing: from a compiled model and some data to all that a run needs, whoever runs it.

`fit` and `evaluate`, populations and searches begin here. These are functions that take the model, because the names of its
methods and attributes belong to Keras and to whoever writes a subclass.
"""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import jax

from kerata.base.checks import message
from kerata.base.interrupts import hand_on
from kerata.data.samples import Samples, Uneven, Whole
from kerata.data.sources import Batches
from kerata.engine.hyper import Hypers
from kerata.engine.placement import HERE, Placement
from kerata.engine.program import findings_of
from kerata.engine.room import Programs
from kerata.engine.structure import Structure, count_changes, structure_of
from kerata.engine.symbolic import SymbolicTensor, Tensors
from kerata.engine.types import Tree
from kerata.training.compilation import Compilation, compilation_of, output_names_of
from kerata.training.findings import StepFindings
from kerata.training.objectives import CompiledLoss, CompiledMetrics
from kerata.training.padding import why_step_is_exact
from kerata.training.plan import Batch, Plan, Step
from kerata.training.step_methods import check_form, has_own_step, overrides
from kerata.training.steps import make_plan
from kerata.training.stepwise import runs_stepwise
from kerata.training.targets import check_indices, check_numbers, check_targets, check_weights
from kerata.training.trained import TrainedModel

R = TypeVar("R")

# Plans that a model holds on to: one for each set of weights that were made trainable in turn, say.
MOST_PLANS = 8


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model that is ready to be trained or evaluated.

    Attributes:
        model: the model.
        plan: its variables by role, and its step.
        structure: equal for models whose programs are equal; `None` for models with a user's own code.
        programs: what was compiled or found for it so far.
        placement: where its state, its data and its programs live.
    """

    model: TrainedModel
    plan: Plan
    structure: Structure | None
    programs: Programs = field(default_factory=Programs)
    placement: Placement = HERE

    @property
    def step(self) -> Step:
        """What a program repeats."""
        return self.plan.step

    @property
    def hypers(self) -> Hypers:
        """The hyperparameters, which are values of the program."""
        return self.plan.hypers

    @property
    def objective(self) -> CompiledLoss:
        """The losses, each with its output."""
        return self.plan.objective

    @property
    def measures(self) -> CompiledMetrics:
        """The metrics, each with its output."""
        return self.plan.measures

    def may_pad(self, batch: Batch, batch_size: int, there: int | None) -> bool:
        """Whether the last, smaller batch may be filled up; otherwise it needs a program of its own size.

        Args:
            batch: some samples (x, y, sample_weight), for their shapes.
            batch_size: samples a step.
            there: samples of the last batch; `None` where that is not known.
        """
        if self.step.needs_whole_batches or keeps_batch_size(self.model) or runs_stepwise(self.model):
            return False
        shapes = jax.tree.structure(batch), *[(leaf.shape[1:], leaf.dtype) for leaf in jax.tree.leaves(batch)]
        key = (batch_size, there, *shapes)
        known = self.plan.findings.whole
        if key not in known:
            known[key] = why_step_is_exact(self.plan, batch, batch_size, there)
        return known[key] is None


def prepare_built(model: TrainedModel, training: bool = True) -> Prepared:
    """A model that is built for its data, prepared: as it was before, or anew where it has changed since."""
    made = compilation_of(model, "fit")
    if training and model.optimizer is None:
        fix = 'Call model.compile(optimizer="adam", ...), or assign model.optimizer'
        raise ValueError(message(model, "training needs an optimizer", {"optimizer": None}, fix))
    trainable = model.trainable_variables
    parts = (model, model.optimizer) if training else (model,)
    structure = structure_of(*parts, made.objective, made.measures)
    # Which variables are trained is part of the structure.
    key = (training, structure or count_changes(), tuple(map(id, trainable)))
    found = made.prepared.get(key)
    if found is None:
        if len(made.prepared) > MOST_PLANS:
            made.prepared.clear()
        findings = findings_of(structure, StepFindings, training)
        findings.structure = structure = structure if findings.structure is None else findings.structure
        made.prepared[key] = found = Prepared(model, make_plan(model, training, findings, trainable), structure)
    elif training and not same(model.optimizer.optimizer_state.parameters, trainable):  # noqa: SIM102
        # A step of a user's own may be about the weights alone that the optimizer was built for.
        if not (has_own_step(model, True) and model.optimizer.optimizer_state.built_by_user):
            model.optimizer.state_variables(trainable)
    return found


def last_prepared(model: TrainedModel) -> Prepared:
    """What training a model was prepared for last, without reading its structure again where that was just done."""
    known = [found for (training, *_), found in compilation_of(model, "fit").prepared.items() if training]
    return known[0] if len(known) == 1 else prepare_built(model)


def same(first: list[Any], second: list[Any]) -> bool:
    """Whether two lists hold the same objects."""
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))


# Building


def build_for(model: TrainedModel, batch: Batch, method: str, source: Samples | Batches | None = None) -> Tensors:
    """Builds what is not built yet from one batch: weights, losses, measures. Gives the symbolic outputs.

    What can be told of the data before anything is compiled is told here, of all samples where they are at hand.

    Args:
        model: the model.
        batch: (x, y, sample_weight) of some samples.
        method: what is to be done with it, for messages.
        source: all of the data, where it is at hand.
    """
    made = compilation_of(model, method)
    for step in ("train_step", "test_step"):
        check_form(model, step)
    batch = Uneven.opened(batch)
    x, y = Whole.inputs(batch[0]), batch[1]
    given = source.tree if isinstance(source, Samples) else (x, *batch[1:])
    check_numbers(model, given[0], given[1], given[2], method)
    fixed = keeps_batch_size(model)
    inputs = symbols_of(x, fixed)
    if model._graph is not None:
        model._match_inputs(inputs)
        outputs = model._graph.outputs_tree
    elif calls_only_parts(model, made, method):
        outputs = []
    else:
        try:
            outputs = trace_outputs(model, inputs) if fixed else of_any_size(functools.partial(trace_outputs, model), x)
        except Exception as error:
            hand_on(error)
            if not model.__built_by_step__(batch, method):
                raise
            made.track_parts()
            return []
    if made.objective.output_names is None and model._graph is not None and not made.objective.built:
        made.renew(output_names_of(model))
    check_indices(model, given[0], method)
    build_objective(model, made, given, y, outputs)
    if made.measures.is_given and not made.measures.built and model.__built_by_step__(batch, method):
        # Only the step knows what it measures: the batch holds no targets.
        made.track_parts()
    return outputs


def build_objective(model: TrainedModel, made: Compilation, given: Batch, y: Tree, outputs: Tensors) -> None:
    """Tells each output its loss and metrics.

    Args:
        model: the model.
        made: what it was compiled with.
        given: inputs, targets and weights, of all samples where they are at hand.
        y: targets of one batch.
        outputs: symbolic predictions.
    """
    own = has_own_step(model, True) or has_own_step(model, False)
    if not own and made.objective.is_given and not jax.tree.leaves(outputs):
        raise ValueError(
            message(model, "call() gave nothing to compute a loss from", {"outputs": outputs}, "End it with `return ...`")
        )
    checked = not overrides(model, "train_step") and not overrides(model, "compute_loss")
    fresh, unnamed = not made.objective.built, not made.measures.built
    try:
        if checked:
            check_targets(made.objective, given[1], outputs)
            check_weights(made.objective, given[2], outputs)
        if not own or (y is not None and (made.objective.is_given or made.measures.is_given)):
            # A step of a user's own may make nothing of them, and need no targets.
            made.objective.build(y, outputs)
            made.measures.build(y, outputs, made.objective, model.measures_where_targets_are)
    except Exception:
        if fresh:
            # What wrong targets made of "accuracy" and "crossentropy" must not stay.
            made.renew(output_names_of(model))
        raise
    if unnamed and made.measures.built:
        model.__name_measures__(made, outputs)
    made.track_parts()


def calls_only_parts(model: TrainedModel, made: Compilation, method: str) -> bool:
    """Whether a step of a user's own says what is called with the data, and nothing has to be built for it.

    So it is where the model was said to be built, or has no `call` (networks that compete): inputs of `call` may be others.
    """
    own = {"fit": "train_step", "evaluate": "test_step"}.get(method)
    if own is None or not overrides(model, own) or made.objective.is_given or made.measures.is_given:
        return False
    parts = model._flatten_layers(include_self=model._has_call)
    return bool(parts) and all(layer.built for layer in parts)


def keeps_batch_size(model: TrainedModel) -> bool:
    """Whether a model is built for batches of one size: a layer keeps a state for each of a batch's samples."""
    return any(getattr(layer, "stateful", False) for layer in model._flatten_layers())


def symbols_of(batch: Tree, sized: bool = False) -> Tensors:
    """Symbolic tensors of a batch's forms, of any number of samples or of as many as it has."""
    return jax.tree.map(lambda a: SymbolicTensor(a.shape if sized else (None, *a.shape[1:]), a.dtype), batch)


def of_any_size(trace: Callable[[Tensors], R], batch: Tree) -> R:
    """What is traced for batches of any size; where code of a program's own takes one size alone, for that of the batch."""
    try:
        return trace(symbols_of(batch))
    except (TypeError, ValueError) as error:
        try:
            return trace(symbols_of(batch, sized=True))
        except Exception as another:
            hand_on(another)
            raise error from None


def trace_outputs(model: TrainedModel, inputs: Tensors) -> Tensors:
    """Builds a model that has no graph by tracing it on symbolic inputs; returns symbolic outputs."""
    outputs = model._build_by_tracing(inputs)
    model.built = True
    return outputs
