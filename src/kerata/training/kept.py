"""What a model was prepared for serves the next data of the same form, as long as nothing of the model has changed.

Programs that call `fit`, `train_on_batch` or `evaluate` in a loop of their own (networks that compete, agents that learn) do so
thousands of times, and the steps are small.
"""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

from collections.abc import Callable, Hashable

import jax
import numpy as np

from kerata.data.samples import Samples, Uneven, Whole
from kerata.data.sources import Batches
from kerata.engine.symbolic import Tensors
from kerata.engine.types import Tree
from kerata.engine.unchanged import Unchanged
from kerata.training.compilation import compilation_of
from kerata.training.plan import Batch
from kerata.training.prepare import Prepared, build_for, prepare_built, same
from kerata.training.step_methods import overrides
from kerata.training.stepwise import runs_stepwise
from kerata.training.targets import check_indices, check_leaves, check_targets, check_weights, embedded_inputs, passes_missing
from kerata.training.trained import TrainedModel

# Forms of data that a model holds something ready for.
MOST_FORMS = 8


def prepare(
    model: TrainedModel, batch: Batch, method: str, source: Samples | Batches | None = None, training: bool = True
) -> Prepared:
    """A compiled model made ready for data; from the third time on without looking at all of it again, if it is what it was.

    Args:
        model: the model.
        batch: (x, y, sample_weight) of some samples.
        method: what is to be done with it, for messages.
        source: all of the data, where it is at hand.
        training: whether weights are to be updated.
    """
    return build_again(model, batch, method, source, training)()


def build_again(
    model: TrainedModel, batch: Batch, method: str, source: Samples | Batches | None = None, training: bool = True
) -> Callable[[], Prepared]:
    """The same in two parts: builds the model, and gives what prepares it."""
    kept = find_kept(model, batch, method, training)
    if kept is not None:
        kept.check(*(source.tree if isinstance(source, Samples) else batch))
        return lambda: kept.prepared
    outputs = build_for(model, batch, method, source)

    def finish() -> Prepared:
        prepared = prepare_built(model, training)
        keep(prepared, batch, method, outputs)
        return prepared

    return finish


def find_kept(model: TrainedModel, batch: Batch, method: str, training: bool) -> "Kept | None":
    """What is kept for data of a form, if it still holds."""
    form = form_of(batch, method, training)
    kept = None if form is None else compilation_of(model, method).kept.get(form)
    return kept if kept is not None and kept.stands else None


def keep(prepared: Prepared, batch: Batch, method: str, outputs: Tensors) -> None:
    """Keeps what was prepared, the second time for data of a form: the first often is the only one."""
    form = form_of(batch, method, prepared.plan.training)
    known = compilation_of(prepared.model, method).kept
    if form is None or runs_stepwise(prepared.model):
        return
    if form in known:
        found = Kept(prepared, batch, method, outputs)
        known[form] = found if found.unchanged.can_tell else None
        return
    if len(known) >= MOST_FORMS:
        known.clear()
    known[form] = None


def form_of(batch: Batch, method: str, training: bool) -> Hashable:
    """What data that a model is prepared alike for has in common; `None` where it is not in NumPy's arrays."""
    leaves, structure = jax.tree.flatten(batch)
    if not all(type(leaf) is np.ndarray for leaf in leaves):
        return None
    return method, training, structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)


class Kept:
    """A model that was prepared for data of one form.

    Args:
        prepared: the model.
        batch: such data.
        method: what is done, for messages.
        outputs: its symbolic outputs.
    """

    def __init__(self, prepared: Prepared, batch: Batch, method: str, outputs: Tensors):
        model, self.prepared, self.outputs, self.method = prepared.model, prepared, outputs, method
        made = compilation_of(model, method)
        parts = (model, model.optimizer) if prepared.plan.training else (model,)
        # Where batches are written that come one by one, see `on_batch`.
        self.memory: object = None
        self.unchanged = Unchanged(*parts, made.objective, made.measures)
        self.looks_at_inputs = not passes_missing(model)
        self.embeds = any(True for _ in embedded_inputs(model, batch[0]))
        # A step of a person's own says what targets are.
        self.looks_at_targets = not overrides(model, "train_step") and not overrides(model, "compute_loss")

    @property
    def stands(self) -> bool:
        """Whether the model would be prepared so now."""
        model, plan = self.prepared.model, self.prepared.plan
        if runs_stepwise(model) or not self.unchanged.holds:
            return False
        made = compilation_of(model, self.method)
        if made.objective is not plan.objective or made.measures is not plan.measures:
            return False
        if not any(one is self.prepared for one in made.prepared.values()):
            return False
        if plan.training:
            optimizer = model.optimizer
            if optimizer is not plan.optimizer or not same(optimizer.optimizer_state.parameters, plan.trainable):
                return False
        # Code of a person's own may say otherwise what is trained.
        return self.prepared.structure is not None or same(model.trainable_variables, plan.trainable)

    def check(self, x: Tree, y: Tree, weights: Tree) -> None:
        """Raises for numbers that the model does not take, as `build_for` does.

        Args:
            x, y, weights: all of the data, where it is at hand.
        """
        x, y, weights = Uneven.opened((Whole.inputs(x), y, weights))
        check_leaves({"x": x, "sample_weight": weights} if self.looks_at_inputs else {"sample_weight": weights}, self.method)
        if self.embeds:
            check_indices(self.prepared.model, x, self.method)
        if self.looks_at_targets:
            check_targets(self.prepared.objective, y, self.outputs)
            check_weights(self.prepared.objective, weights, self.outputs)
