"""What `compile` was given, and what has been made of it: losses, metrics, and the plans of steps."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kerata.base.checks import message
from kerata.layers.layer import Layer
from kerata.metrics import Mean
from kerata.training.objectives import CompiledLoss, CompiledMetrics
from kerata.training.outputs import OutputNames
from kerata.training.trained import TrainedModel


class Compilation:
    """What a compiled model has beside what a layer has.

    Args:
        arguments: what `compile` was given, by name.
        scales_loss: whether `compile` has put a `LossScaleOptimizer` around the optimizer.
        output_names: names of the layers that make the outputs, where they are known.

    Attributes:
        objective, measures: the losses and the metrics. They know nothing of the data until a model is prepared for some.
        trackers: means of the loss, and of the losses of several outputs.
        prepared: what the model was prepared for so far; see `training.prepare`.
        kept: what is ready for data of some form; see `training.kept`.
        warned: what it was warned of.
        stepwise: whether a program of it could not be made, so that its steps run as Python; see `training.stepwise`.
    """

    # Which values losses count, see `Loss`.
    counting = "kept"
    # Whether measures leave out what is masked.
    sees_masks = True
    # Whether measures count elements, not samples.
    counts_elements = False
    # What "crossentropy" stands for as a measure, by full names, where that is not today's.
    crossentropies: Mapping[str, object] = MappingProxyType({})

    def __init__(self, arguments: dict[str, Any], scales_loss: bool, output_names: list[str] | None):
        self.arguments, self.scales_loss = arguments, scales_loss
        self.prepared: dict[Any, Any] = {}
        self.kept: dict[Any, Any] = {}
        self.warned: set[str] = set()
        self.stepwise = False
        self.renew(output_names)

    def renew(self, output_names: list[str] | None) -> None:
        """Losses and metrics that know nothing of the data, as `compile` made them."""
        given = self.arguments
        self.objective = CompiledLoss(given["loss"], given["loss_weights"], output_names)
        self.measures = CompiledMetrics(given["metrics"], given["weighted_metrics"], output_names)
        if not self.sees_masks:
            self.measures.sees_masks = False
        if self.counting != "kept":
            self.objective.counting = self.measures.counting = self.counting
        if self.counts_elements:
            self.measures.counts_elements = True
        if self.crossentropies:
            self.measures.crossentropies = self.crossentropies
        self.trackers = [Mean(name="loss")]

    def track_parts(self) -> None:
        """A mean of each output's loss, where there are several."""
        parts = self.objective.part_names
        if len(self.trackers) != 1 + len(parts):
            self.trackers[1:] = [Mean(name=f"{name}_loss") for name in parts]


class NotCompiled(ValueError, RuntimeError):
    """A model that was never compiled is to be trained. It was a `RuntimeError` once, so programs may catch either."""


def compilation_of(model: TrainedModel, method: str) -> Compilation:
    """What a model was compiled with; an error where it was not.

    Args:
        model: the model.
        method: what is to be done with it, for the message.
    """
    made = model._compilation
    if not model.compiled or made is None:
        raise NotCompiled(
            message(
                model, f"the model must be compiled before {method}()", fix="Call model.compile(optimizer=..., loss=...) first"
            )
        )
    return made


def is_new(made: Compilation, model: TrainedModel) -> bool:
    """Whether what a model was compiled with has met no data yet."""
    measured = any(made.arguments[name] for name in ("loss", "metrics", "weighted_metrics"))
    return not made.prepared if measured else not model.built


def objective_of(model: TrainedModel) -> CompiledLoss | None:
    """The losses of a model; `None` where it is not compiled."""
    made = model._compilation
    return None if made is None else made.objective


def output_names_of(model: TrainedModel) -> OutputNames | None:
    """Names of the layers that make a model's outputs; `None` where there is no graph yet."""
    graph = model._graph
    return None if graph is None else OutputNames(graph.names_of_makers, graph.output_names)


def forget_plans(model: TrainedModel) -> None:
    """What was made for the layers that a model had before: others have come, or some have gone."""
    model._programs_of_predict = None
    if (made := model._compilation) is not None:
        made.prepared.clear()
        made.kept.clear()
        made.renew(output_names_of(model))


def own_metrics(model: TrainedModel) -> list[Any]:
    """Metrics that a model or its layers hold as attributes."""
    made = model._compilation
    known = set() if made is None else {id(m) for m in (*made.trackers, *made.measures.metrics)}
    return [m for m in Layer.metrics.fget(model) if id(m) not in known]  # type: ignore[attr-defined]
