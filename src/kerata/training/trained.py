"""A model as training sees it: what it knows of a class that stands above it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kerata.engine.variable import Variable
from kerata.layers.layer import Layer


class TrainedModel:
    """What the functions of training use of a model, and its other classes define.

    It says names and types and holds nothing, so that these functions need no model's class.
    """

    if TYPE_CHECKING:
        name: str
        built: bool
        compiled: bool
        stop_training: bool
        trainable: bool
        feeds_first_layer: bool
        history: Any
        optimizer: Any
        layers: list[Layer]
        losses: list[Any]
        variables: list[Variable]
        trainable_variables: list[Variable]
        non_trainable_variables: list[Variable]
        metrics_variables: list[Variable]

        @property
        def metrics(self) -> list[Any]: ...

        # Of other rooms, and of the classes below: a graph, a `Compilation`, a `Predictor`.
        _graph: Any
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
        _regularization_losses: Callable[[], list[Any]]
        _compute_loss: Callable[..., Any]
        _match_inputs: Callable[[Any], list[Any]]
        _build_by_tracing: Callable[[Any], Any]

        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
