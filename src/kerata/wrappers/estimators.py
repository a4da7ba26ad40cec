"""A model, or a function that builds one, as a classifier, a regressor or a transformer of scikit-learn."""

from collections.abc import Callable
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from kerata.base.checks import KindError, message
from kerata.callbacks import History
from kerata.engine.types import HostArray
from kerata.models.copying import copy_model
from kerata.models.model import Model

try:
    from sklearn import get_config
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils import Tags
    from sklearn.utils.metadata_routing import MetadataRequest
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        message("kerata.wrappers", "scikit-learn, 1.6 or later, is needed", fix='Install it: pip install "kerata[data]"')
    ) from error

# A compiled model, or `(X, y, **model_kwargs)` to one.
ModelLike: TypeAlias = Model | Callable[..., Model]


# scikit-learn says nothing of the types that it takes and gives.
checked: Callable[..., Any] = validate_data


class SKLBase(BaseEstimator):
    """What the three estimators share: parameters, fitting, and the outputs of the fitted model.

    Args:
        model: a compiled `Model`, or a function that is called with `X=`, `y=` and `model_kwargs` and gives one. `fit` trains
            a copy of a `Model` that begins with first weights.
        warm_start: whether `fit` goes on with the weights that are there: those of the `Model` itself, which is then trained in
            place, or of the model that an earlier `fit` has made with the function.
        model_kwargs: dict of further arguments of the function.
        fit_kwargs: dict of arguments of `Model.fit`; what is given to `fit` itself goes before them. Nothing is printed unless
            they hold `verbose`.

    Attributes:
        model_: the fitted model.
        history_: the `History` that `Model.fit` gave.
    """

    def __init__(
        self,
        model: ModelLike,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    model_: Model
    history_: History

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        tags.target_tags.required = True
        return tags

    @property
    def epoch_(self) -> int:
        """The number of epochs that the last `fit` has trained; 0 before it."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def set_fit_request(self, **kwargs: bool | str | None) -> Self:
        """Says which metadata, such as `sample_weight`, a pipeline or a search hands on to `fit`.

        Args:
            **kwargs: for each name True, False, None, or the name under which a caller has it.
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                message(
                    f"{type(self).__name__}.set_fit_request",
                    "metadata routing must be enabled",
                    fix="sklearn.set_config(enable_metadata_routing=True)",
                )
            )
        requests = getattr(self, "_metadata_request", None) or MetadataRequest(owner=self)
        for name, alias in kwargs.items():
            requests.fit.add_request(param=name, alias=alias)
        self._metadata_request = requests
        return self

    def fit(self, X: ArrayLike, y: ArrayLike, **kwargs: object) -> Self:
        """Builds the model, or copies it, and trains it.

        Args:
            X: numbers of shape (samples, features).
            y: targets of shape (samples,), or (samples, outputs) of a regressor or a transformer.
            **kwargs: arguments of `Model.fit`, which go before those in `fit_kwargs`.

        Returns:
            The estimator.
        """
        X, y = self._checked(X, y)
        targets = self._read_targets(y)
        model = self._model_for(X, targets)
        if not model.compiled or not model.loss or not model.optimizer:
            raise RuntimeError(
                message(
                    type(self).__name__,
                    "the model must be compiled, with a loss and an optimizer",
                    {"model": model.name},
                    "model.compile(optimizer, loss)",
                )
            )
        given: dict[str, Any] = {"verbose": 0, **(self.fit_kwargs or {}), **kwargs}
        self.history_ = model.fit(X, targets, **given)
        self.model_ = model
        return self

    def _checked(self, X: ArrayLike, y: ArrayLike) -> tuple[HostArray, HostArray]:
        return checked(self, X, y)

    def _model_for(self, X: HostArray, targets: HostArray) -> Model:
        """The model that `fit` trains."""
        given = self.model
        if isinstance(given, Model):
            return given if self.warm_start else copy_model(given)
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if not callable(given):
            raise KindError(
                message(type(self).__name__, "`model` must be a Model, or a function that gives one", {"model": given})
            )
        made = given(X=X, y=targets, **(self.model_kwargs or {}))
        if not isinstance(made, Model):
            raise KindError(message(type(self).__name__, "the function `model` must give a Model", {"result": made}))
        return made

    def _read_targets(self, y: HostArray) -> HostArray:
        """Targets as the model gets them: a column for one output."""
        if type_of_target(y) == "unknown":
            raise ValueError(f"Unknown label type for y: {y!r}")
        self._target_ndim = y.ndim
        return y.reshape(-1, 1) if y.ndim == 1 else y

    def _outputs(self, X: ArrayLike) -> HostArray:
        """The fitted model's outputs."""
        check_is_fitted(self)
        return self.model_.predict(checked(self, X, reset=False), verbose=0)

    def predict(self, X: ArrayLike) -> HostArray:
        """The model's outputs, in the form that the targets had.

        Args:
            X: numbers of shape (samples, features).
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self._target_ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1 else outputs


class SKLearnClassifier(ClassifierMixin, SKLBase):
    """A model as a classifier of scikit-learn.

    The model gets its targets one-hot, and gives a number for each class; the largest decides.

    Args:
        model: a compiled `Model`, or a function that is called with `X=`, `y=` (one-hot) and `model_kwargs` and gives one.
        warm_start: whether `fit` goes on with the weights that are there.
        model_kwargs: dict of further arguments of the function.
        fit_kwargs: dict of arguments of `Model.fit`.

    Attributes:
        model_: the fitted model.
        history_: the `History` of its training.
        classes_: the labels, sorted; an array of shape (classes,).

    >>> import kerata, numpy as np
    >>> def build(X, y, units=8):
    ...     layers = [kerata.layers.Dense(units, "relu"), kerata.layers.Dense(y.shape[1], "softmax")]
    ...     model = kerata.Sequential([kerata.Input(X.shape[1:]), *layers])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> x = np.random.default_rng(0).normal(size=(40, 2))
    >>> estimator = SKLearnClassifier(build, model_kwargs={"units": 16}, fit_kwargs={"epochs": 3})
    >>> estimator.fit(x, np.where(x[:, 0] > 0, "right", "left")).classes_.tolist()
    ['left', 'right']
    >>> estimator.predict(x[:5]).shape, estimator.epoch_
    ((5,), 3)
    """

    classes_: HostArray

    def decision_function(self, X: ArrayLike) -> HostArray:
        """What the model gives for each class, of shape (samples, classes): probabilities if it ends in softmax.

        Of two classes it is what scikit-learn wants, of shape (samples,): by how much the second is above the first.
        `model_.predict(X)` gives both.
        """
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict_proba(self, X: ArrayLike) -> HostArray:
        """The probability of each class, of shape (samples, classes); a `ValueError` where the model gives none."""
        outputs = self._outputs(X).astype("float64")
        sums = outputs.sum(axis=-1, keepdims=True)
        if outputs.size and (outputs.min() < 0 or np.abs(sums - 1).max() > 1e-3):
            received = {"lowest": float(outputs.min()), "sums": f"{sums.min():.4g} to {sums.max():.4g}"}
            expected = "the model's outputs must be probabilities, which sum to 1 for each sample"
            raise ValueError(message(type(self).__name__, expected, received, "End it in softmax, or use decision_function()"))
        return outputs / sums

    def predict(self, X: ArrayLike) -> HostArray:
        """The labels, of shape (samples,)."""
        places = np.argmax(self._outputs(X), axis=-1)
        return self.classes_[places]

    def _read_targets(self, y: HostArray) -> HostArray:
        kind = type_of_target(y)
        if kind not in ("binary", "multiclass"):
            # The beginning is what scikit-learn says, and looks for.
            raise ValueError(
                f"Unknown label type: {kind}. Only binary and multiclass target types are supported. "
                + message(type(self).__name__, "`y` must hold one label a sample", {"y": y})
            )
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            raise ValueError(
                message(
                    type(self).__name__, "Classifier can't train when only one class is present", {"class": self.classes_[0]}
                )
            )
        return np.eye(len(self.classes_))[places]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class _ManyOutputs(SKLBase):
    """An estimator whose targets may have several columns."""

    def _checked(self, X: ArrayLike, y: ArrayLike) -> tuple[HostArray, HostArray]:
        return checked(self, X, y, multi_output=True, y_numeric=True)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class SKLearnRegressor(RegressorMixin, _ManyOutputs):
    """A model as a regressor of scikit-learn.

    Args:
        model: a compiled `Model`, or a function that is called with `X=`, `y=` (of two axes) and `model_kwargs` and gives one.
        warm_start: whether `fit` goes on with the weights that are there.
        model_kwargs: dict of further arguments of the function.
        fit_kwargs: dict of arguments of `Model.fit`.

    Attributes:
        model_: the fitted model.
        history_: the `History` of its training.

    >>> import kerata, numpy as np
    >>> model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1)])
    >>> model.compile(kerata.optimizers.SGD(0.1), "mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 2))
    >>> SKLearnRegressor(model, fit_kwargs={"epochs": 50}).fit(x, x @ [1.0, -2.0]).predict([[3.0, 1.0]]).round(2)
    array([1.])
    """

    def predict(self, X: ArrayLike) -> HostArray:
        """The model's outputs in float64, as of scikit-learn's own regressors, in the form that the targets had."""
        return super().predict(X).astype("float64")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _ManyOutputs):
    """A model as a transformer of scikit-learn: a step of a pipeline, whose outputs the next step gets.

    Args:
        model: a compiled `Model`, or a function that is called with `X=`, `y=` (of two axes) and `model_kwargs` and gives one.
        warm_start: whether `fit` goes on with the weights that are there.
        model_kwargs: dict of further arguments of the function.
        fit_kwargs: dict of arguments of `Model.fit`.

    Attributes:
        model_: the fitted model.
        history_: the `History` of its training.

    >>> import kerata, numpy as np
    >>> model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(2)])
    >>> model.compile("sgd", "mse")
    >>> x = np.random.default_rng(0).normal(size=(8, 3))
    >>> SKLearnTransformer(model).fit(x, x[:, :2]).transform(x).shape
    (8, 2)
    """

    def transform(self, X: ArrayLike) -> HostArray:
        """The fitted model's outputs.

        Args:
            X: numbers of shape (samples, features).
        """
        return self._outputs(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
