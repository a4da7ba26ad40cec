"""What models of the eras showed of the functions that trained them: `train_function`, and what it was made of.

Source: `training.py` of Keras 2.3.1 and of tf_keras 2.21.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerata.base.checks import message
from kerata.legacy.freezing import Trained

METHODS = {"train_function": "train_on_batch", "test_function": "test_on_batch", "predict_function": "predict_on_batch"}
INSTEAD = "Override train_step() in tf.keras, or change weights in a callback's on_batch_end() by model.set_weights(...)"


class StepFunctions:
    """A model whose functions can be asked for; where a program replaces one, `fit` says that it would not call it."""

    if TYPE_CHECKING:
        # Of models, beside which this class stands.
        _era: str
        inputs: list[Any]
        _feed_targets: list[Any]
        uses_learning_phase: bool
        weights: list[Any]

    @property
    def train_function(self) -> Callable[..., Any] | None:
        """One step of training; `None` until the model is trained for the first time after `compile`."""
        return self._step_function("train_function")

    @train_function.setter
    def train_function(self, value: object) -> None:
        self._take_step_function("train_function", value)

    @property
    def test_function(self) -> Callable[..., Any] | None:
        """The measures of one batch; `None` until the model is evaluated for the first time."""
        return self._step_function("test_function")

    @test_function.setter
    def test_function(self, value: object) -> None:
        self._take_step_function("test_function", value)

    @property
    def predict_function(self) -> Callable[..., Any] | None:
        """The outputs of one batch; `None` until the model predicts for the first time."""
        return self._step_function("predict_function")

    @predict_function.setter
    def predict_function(self, value: object) -> None:
        self._take_step_function("predict_function", value)

    def _make_train_function(self) -> None:
        """Programs are made when they are first needed. Old ones asked for them, before threads used a model."""
        self._note_step_function("train_function")

    def _make_test_function(self) -> None:
        """As `_make_train_function`."""
        self._note_step_function("test_function")

    def _make_predict_function(self) -> None:
        """As `_make_train_function`."""
        self._note_step_function("predict_function")

    def _note_step_function(self, name: str) -> None:
        made = vars(self).setdefault("_step_functions", {})
        if name not in made:
            made[name] = of_iterator(self, name) if self._era == "tfkeras2" else of_list(self, name)
            made[name].is_of_model = True

    def _step_function(self, name: str) -> Callable[..., Any] | None:
        return vars(self).get("_step_functions", {}).get(name)

    def _take_step_function(self, name: str, value: object) -> None:
        made = vars(self).setdefault("_step_functions", {})
        if value is None:
            made.pop(name, None)
        else:
            made[name] = value

    def _start_function(self, name: str) -> None:
        """Raises where a program has put a function of its own in place of what runs; notes that it is there else."""
        value = self._step_function(name)
        if value is not None and not getattr(value, "is_of_model", False):
            expected = f"`{name}` cannot be replaced: fit(), evaluate() and predict() run programs that are compiled as a whole"
            raise NotImplementedError(message(self, expected, {name: value}, INSTEAD))
        self._note_step_function(name)

    # What such functions were made of

    @property
    def _collected_trainable_weights(self) -> list[Any]:
        """The weights that are trained, as they were when the model was compiled."""
        state: Trained | None = vars(self).get("_trained_at_compile")
        if state is None:
            raise AttributeError(message(self, "the weights that are trained are collected by compile()"))
        return [v for v in self.weights if state.variables.get(id(v), v.trainable)]

    def _check_trainable_weights_consistency(self) -> None:
        """Warns of what was frozen or freed since `compile`."""
        state: Trained | None = vars(self).get("_trained_at_compile")
        if state is not None:
            state.warn(self)

    def _uses_dynamic_learning_phase(self) -> bool:
        return self.uses_learning_phase

    def __getattr__(self, name: str) -> object:
        if name == "stateful":
            # A program may set it, so that it is no property.
            layers = self._flatten_layers(include_self=False)  # type: ignore[attr-defined]
            return any(getattr(layer, "stateful", False) for layer in layers)
        if name in ("metrics_updates", "metrics_tensors"):
            raise AttributeError(message(self, f"there is no function of a step to make of `{name}`", None, INSTEAD))
        return super().__getattr__(name)  # type: ignore[misc]


def of_list(model: StepFunctions, name: str) -> Callable[[Sequence[Any]], list[Any]]:
    """A function of inputs, targets, sample weights and the learning phase in one list, as Keras 1 and 2 had it."""

    def call(values: Sequence[Any]) -> list[Any]:
        count, targets = len(model.inputs), [] if name == "predict_function" else model._feed_targets
        x, rest = values[:count], values[count:]
        y, weights = rest[: len(targets)], rest[len(targets) : 2 * len(targets)]
        arguments: list[Any] = (
            [alone(x)] if name == "predict_function" else [alone(x), alone(y), alone(weights) if weights else None]
        )
        found = getattr(model, METHODS[name])(*arguments)
        return list(found) if isinstance(found, (list, tuple)) else [found]

    return call


def of_iterator(model: StepFunctions, name: str) -> Callable[[Iterator[Any]], Any]:
    """A function of an iterator of batches, as `tf.keras` has it."""

    def call(iterator: Iterator[Any]) -> object:
        batch = next(iterator)
        parts = batch if isinstance(batch, tuple) else (batch,)
        if name == "predict_function":
            return getattr(model, METHODS[name])(parts[0])
        return getattr(model, METHODS[name])(*parts, return_dict=True)

    return call


def alone(arrays: Sequence[Any]) -> object:
    """The only one of some arrays, else all."""
    return np.asarray(arrays[0]) if len(arrays) == 1 else list(arrays)
