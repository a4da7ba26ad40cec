"""A model as training sees it: what it knows of a class that stands above it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from kerata.base.types import Owner
from kerata.callbacks.history import History
from kerata.data.border import Border
from kerata.data.samples import Wide
from kerata.engine.symbolic import Node, SymbolicTensor, Tensors
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer


class TrainedGraph(Protocol):
    """What training asks of the graph of a model."""

    inputs: list[SymbolicTensor]
    beside: list[SymbolicTensor]
    nodes: list[Node]
    running: list[Node]
    operations: list[Any]
    inputs_tree: Tensors
    outputs_tree: Tensors
    is_cut: bool

    @property
    def input_names(self) -> list[str]: ...
    @property
    def output_names(self) -> list[str]: ...
    @property
    def names_of_makers(self) -> list[str]: ...
    def starts(self, inputs: object) -> Sequence[SymbolicTensor]: ...
    def compute_on_host(self, inputs: object, owner: Owner) -> Border: ...


class TrainedModel:
    """What the functions of training use of a model, and its other classes define.

    It says names and types and holds nothing, so that these functions need no model's class.
    """

    if TYPE_CHECKING:
        name: str
        built: bool
        compiled: bool
        run_eagerly: bool
        stop_training: bool
        stop_evaluating: bool
        steps_per_execution: int
        stop_predicting: bool
        trainable: bool
        feeds_first_layer: bool
        tells_layers: bool
        takes_whole: Literal["", "sets", "all"]
        __wide__: Wide | None
        history: History | None
        optimizer: Any
        layers: list[Layer]
        losses: list[Any]
        variables: list[Variable]
        trainable_variables: list[Variable]
        trainable_weights: list[Variable]
        non_trainable_variables: list[Variable]
        non_trainable_weights: list[Variable]
        metrics_variables: list[Variable]

        @property
        def metrics(self) -> list[Any]: ...

        _graph: TrainedGraph | None
        # Of the classes below: a `Compilation`, a `Predictor`.
        _compilation: Any
        _programs_of_predict: Any
        # Methods of layers and of models.
        build: Callable[..., None]
        call: Callable[..., Any]
        compile: Callable[..., None]
        predict_step: Callable[..., Any]
        train_step: Callable[..., Any]
        test_step: Callable[..., Any]
        get_metrics_result: Callable[..., dict[str, Any]]
        stateless_call: Callable[..., Any]
        _flatten_layers: Callable[..., list[Layer]]
        _has_call: bool
        _regularization_losses: Callable[[], list[Any]]
        _compute_loss: Callable[..., Any]
        __told_loss__: Callable[..., Any]
        __weigh__: Callable[..., Any]
        measures_where_targets_are: bool
        _match_inputs: Callable[[Any], list[Any]]
        _build_by_tracing: Callable[[Any], Any]
        __name_measures__: Callable[[Any, Tensors], None]
        __built_by_step__: Callable[[Any, str], bool]

        def __call__(self, *args: object, **kwargs: object) -> Any: ...


def graph_of(model: TrainedModel) -> TrainedGraph | None:
    """The graph of a model; `None` where it has none, or none yet."""
    return model._graph  # pyright: ignore[reportPrivateUsage] of this room
