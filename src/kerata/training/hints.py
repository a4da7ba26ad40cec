"""What `fit` and its kin say of arguments and methods that only earlier versions of Keras had."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from kerata.base.checks import did_you_mean, message
from kerata.dialects import hint

F = TypeVar("F", bound=Callable[..., Any])
RUN = "To run old code as it is: kerata run."
# Methods that models had -> what to write today.
GONE = {
    "fit_generator": "fit() takes generators",
    "evaluate_generator": "evaluate() takes generators",
    "predict_generator": "predict() takes generators",
    "predict_classes": "predict(x).argmax(axis=-1), or predict(x) > 0.5 of one output",
    "predict_proba": "predict() gives probabilities",
    "to_yaml": "to_json() says the same",
    "reset_states": "layer.reset_state() of the layers that keep states",
}


def unknown_argument(method: Callable[..., Any], name: str, value: object) -> TypeError:
    """The error for an argument that a method does not take."""
    known = [known for known in inspect.signature(method).parameters if known not in ("self", "kwargs")]
    called = method.__name__
    return TypeError(
        message(called, f"unknown argument `{name}`", {name: value}, hint(called, name) or did_you_mean(name, known))
    )


def hinting(method: F) -> F:
    """A method that says of an argument that it does not take what it is called today."""
    names = inspect.signature(method).parameters
    own = inspect.unwrap(method).__code__  # type: ignore[attr-defined]

    @wraps(method)
    def wrapped(self: object, *args: object, **kwargs: object) -> object:
        try:
            return method(self, *args, **kwargs)
        except TypeError as error:
            unknown = next((name for name in kwargs if name not in names), None)
            if unknown is None or has_run(own, error):
                raise
            raise unknown_argument(method, unknown, kwargs[unknown]) from None

    return cast(F, wrapped)


def has_run(code: object, error: BaseException) -> bool:
    """Whether an error was raised within a function, and not by calling it with what it does not take."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is code:
            return True
        trace = trace.tb_next
    return False


def missing_method(owner: object, name: str) -> AttributeError:
    """The error for an attribute that a model does not have."""
    text = f"{type(owner).__name__!r} object has no attribute {name!r}"
    if "_weights" not in vars(owner):
        return AttributeError(f"{text}: its constructor must call `super().__init__()` before anything else")
    return AttributeError(f"{text}: earlier versions of Keras had it; today {GONE[name]}. {RUN}" if name in GONE else text)
