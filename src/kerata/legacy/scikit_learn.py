"""`keras.wrappers.scikit_learn`: a function that builds a model as an estimator of scikit-learn."""

import copy
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from jax.typing import ArrayLike

from kerata.base.checks import message
from kerata.callbacks import History
from kerata.engine.types import HostArray, Tree
from kerata.legacy.helpers import to_categorical
from kerata.models.model import Model

METHODS = ("fit", "predict", "predict_classes", "evaluate")
# What the methods of models took; other arguments of a wrapper are those of the function that builds.
KNOWN = {
    "fit": "batch_size epochs nb_epoch verbose callbacks validation_split validation_data shuffle class_weight sample_weight "
    "initial_epoch steps_per_epoch validation_steps",
    "predict": "batch_size verbose steps",
    "predict_classes": "batch_size verbose",
    "evaluate": "batch_size verbose sample_weight steps",
}

# The inputs of a model: an array, or several by place or name.
Features: TypeAlias = Tree


class BaseWrapper:
    """What the classifier and the regressor share.

    Args:
        build_fn: a function that gives a compiled model; a class may define `__call__` instead.
        **sk_params: arguments of that function, and of `fit`, `predict` and `evaluate`.
    """

    kind = ""

    def __init__(self, build_fn: Callable[..., Model] | None = None, **sk_params: object):
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def _builder(self) -> Callable[..., Any]:
        return self.__call__ if self.build_fn is None else self.build_fn  # type: ignore[attr-defined]

    def check_params(self, params: dict[str, Any]) -> None:
        """Raises for an argument that neither the function nor a method takes."""
        taken = set(" ".join(KNOWN.values()).split()) | set(arguments_of(self._builder()))
        for name in params:
            if name not in taken and "kwargs" not in taken:
                raise ValueError(message(type(self).__name__, f"`{name}` is not taken", {name: params[name]}))

    def get_params(self, deep: bool = True, **params: object) -> dict[str, Any]:
        return {**copy.deepcopy(self.sk_params), "build_fn": self.build_fn}

    def set_params(self, **params: object) -> "BaseWrapper":
        if "build_fn" in params:
            self.build_fn = params.pop("build_fn")
        self.check_params(params)
        self.sk_params.update(params)
        return self

    def filter_sk_params(self, method: str, override: dict[str, Any] | None = None) -> dict[str, Any]:
        """Those arguments that a method takes."""
        known = KNOWN[method].split()
        return {**{name: value for name, value in self.sk_params.items() if name in known}, **(override or {})}

    def fit(self, x: Features, y: ArrayLike, **kwargs: object) -> History:
        """Builds the model and trains it."""
        builder = self._builder()
        wanted = {name: value for name, value in self.sk_params.items() if name in arguments_of(builder)}
        self.model = builder(**wanted)
        if loss_name(self.model) == "categorical_crossentropy" and np.ndim(y) != 2:
            y = to_categorical(y)
        return self.model.fit(x, y, **self.filter_sk_params("fit", kwargs))

    def __sklearn_is_fitted__(self) -> bool:
        # A pipeline asks, and finds no attribute that ends in an underscore.
        return hasattr(self, "model")

    def __sklearn_tags__(self) -> object:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type=self.kind,
            target_tags=TargetTags(required=True),
            transformer_tags=None,
            classifier_tags=ClassifierTags() if self.kind == "classifier" else None,
            regressor_tags=RegressorTags() if self.kind == "regressor" else None,
            input_tags=InputTags(),
        )


class KerasClassifier(BaseWrapper):
    """A classifier of scikit-learn that is a model."""

    kind = _estimator_type = "classifier"

    def fit(self, x: Features, y: ArrayLike, sample_weight: ArrayLike | None = None, **kwargs: object) -> History:
        """Builds the model and trains it on labels, or on rows with a one."""
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        else:
            self.classes_, y = np.unique(y), np.searchsorted(np.unique(y), y)
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y, **kwargs)

    def predict(self, x: Features, **kwargs: object) -> HostArray:
        """The labels."""
        if hasattr(self.model, "predict_classes"):
            found = self.model.predict_classes(x, **self.filter_sk_params("predict_classes", kwargs))
        else:
            # A model of today, as in a program that was written anew.
            found = self.model.predict(x, **self.filter_sk_params("predict", kwargs))
            found = found.argmax(axis=-1) if found.shape[-1] > 1 else (found > 0.5).astype("int32")
        return self.classes_[np.ravel(found)]

    def predict_proba(self, x: Features, **kwargs: object) -> HostArray:
        """The probability of each class."""
        found = self.model.predict(x, **self.filter_sk_params("predict", kwargs))
        return np.hstack([1 - found, found]) if found.shape[1] == 1 else found

    def score(self, x: Features, y: ArrayLike, **kwargs: object) -> float:
        """The accuracy, which the model must measure."""
        y = np.asarray(y)
        y = np.searchsorted(self.classes_, y) if y.ndim < 2 else y
        if loss_name(self.model) == "categorical_crossentropy" and y.ndim != 2:
            y = to_categorical(y, self.n_classes_)
        values = self.model.evaluate(x, y, **self.filter_sk_params("evaluate", kwargs), return_dict=True)
        for name, value in values.items():
            if name in ("acc", "accuracy"):
                return float(value)
        raise ValueError(
            message(type(self).__name__, "the model must measure its accuracy", None, "compile(metrics=['accuracy'])")
        )


class KerasRegressor(BaseWrapper):
    """A regressor of scikit-learn that is a model."""

    kind = _estimator_type = "regressor"

    def predict(self, x: Features, **kwargs: object) -> HostArray:
        return np.squeeze(self.model.predict(x, **self.filter_sk_params("predict", kwargs)), axis=-1)

    def score(self, x: Features, y: ArrayLike, **kwargs: object) -> float:
        """Minus the loss."""
        values = self.model.evaluate(x, y, **self.filter_sk_params("evaluate", kwargs))
        return -float(values[0] if isinstance(values, list) else values)


def arguments_of(function: Callable[..., object]) -> list[str]:
    return list(inspect.signature(function).parameters)


def loss_name(model: Model) -> str:
    loss = model.loss
    return loss if isinstance(loss, str) else getattr(loss, "__name__", "")
