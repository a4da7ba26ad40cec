"""What models of the eras gave for a batch and for data: the loss and the measures in their order, over batches too."""

from typing import Any, TypeAlias, cast

from kerata import models as modern
from kerata.legacy.freezing import as_compiled
from kerata.legacy.history import in_order
from kerata.legacy.measures import expected_names
from kerata.metrics import Mean, Metric
from kerata.training.step_methods import overrides

# What training and evaluating gave: the loss, or a list of it and the measures.
Scores: TypeAlias = float | list[float]
# Where `reset_metrics` stood among the arguments.
PLACES = {"train_on_batch": 4, "test_on_batch": 3}


class Scoring:
    """The names of measures, and the methods for single batches."""

    @property
    def metrics_names(self) -> list[str]:
        """`loss`, the losses of several outputs, and the measures."""
        made = self._compilation  # type: ignore[attr-defined]
        if made is None:
            return []
        added = [name for layer in self._flatten_layers() for name in layer.__dict__.get("_added_metrics", ())]  # type: ignore[attr-defined]
        # First those of metrics that the model holds, in their order.
        held = [part.name for part in vars(self).values() if isinstance(part, Metric)]
        added = [*(name for name in held if name in added), *(name for name in added if name not in held)]
        own = any(overrides(self, name) for name in ("metrics", "train_step", "test_step"))
        if (made.measures.built or own) and self._era == "tfkeras2":  # type: ignore[attr-defined]
            return [metric.name for metric in self.metrics]  # type: ignore[attr-defined]
        if not made.measures.built:
            return [*expected_names(cast(modern.Model, self), made.arguments), *added]
        return [*(tracker.name for tracker in made.trackers), *made.measures.names, *added]

    def _in_order(self, logs: dict[str, Any]) -> Scores:
        """The loss, the losses of several outputs, the measures: alone or in a list."""
        held = [metric.name for metric in self.metrics] if self._era == "tfkeras2" else []  # type: ignore[attr-defined]
        if len(set(held)) < len(held) and set(held) == set(logs):
            # Two of one name told one number twice.
            return [logs[name] for name in held]
        known = [name for name in self.metrics_names if name in logs]
        values = [logs[name] for name in (*known, *(name for name in logs if name not in known))]
        return values[0] if len(values) == 1 else values

    def train_on_batch(self, *args: object, **kwargs: object) -> Scores | dict[str, Any]:
        """One step on one batch; the loss and measures of that batch, or with `reset_metrics=False` of all since then."""
        with as_compiled(self):
            return self._score("train_on_batch", "train_step", args, kwargs)

    def test_on_batch(self, *args: object, **kwargs: object) -> Scores | dict[str, Any]:
        """The loss and measures of one batch, or with `reset_metrics=False` of all since they began anew."""
        return self._score("test_on_batch", "test_step", args, kwargs)

    def _score(self, method: str, step: str, args: tuple, kwargs: dict[str, Any]) -> Scores | dict[str, Any]:
        self._start_function("train_function" if step == "train_step" else "test_function")  # type: ignore[attr-defined]
        arguments = self._translated(method, args, kwargs)  # type: ignore[attr-defined]
        asked = arguments.pop("return_dict", False)
        place = PLACES[method]
        anew = bool(kwargs.get("reset_metrics", args[place] if len(args) > place else True))
        # `tf.keras` began anew before the batch, Keras 2.3 behind it.
        of_batch = self._era != "tfkeras2"  # type: ignore[attr-defined]
        go_on = vars(self).get("_kept_measures", False) if of_batch else not anew
        self._kept_measures = not anew
        tracker = self._compilation.trackers[0] if go_on and of_batch else None  # type: ignore[attr-defined]
        before = read(tracker)
        self.__measures_go_on__ = go_on
        try:
            logs = getattr(super(), method)(**arguments, return_dict=True)
        finally:
            self.__measures_go_on__ = False
        if tracker is not None:
            # Keras 2.3 gave the loss of the batch itself.
            (total, count), (former, seen) = read(tracker), before
            logs = {**logs, tracker.name: (total - former) / (count - seen)}
        return in_order(logs, self._names_of_logs(step), self._era) if asked else self._in_order(logs)  # type: ignore[attr-defined]

    def _evaluate(self, arguments: dict[str, Any]) -> Scores | dict[str, Any]:
        self._start_function("test_function")  # type: ignore[attr-defined]
        asked = arguments.pop("return_dict", False)
        logs = super().evaluate(**drop_none(arguments), return_dict=True)  # type: ignore[misc]
        return in_order(logs, self._names_of_logs("test_step"), self._era) if asked else self._in_order(logs)  # type: ignore[attr-defined]


def read(tracker: Mean | None) -> tuple[float, float]:
    """(sum, weight) of what a mean has taken in."""
    return (0.0, 0.0) if tracker is None else (float(tracker.total.numpy()), float(tracker.count.numpy()))


def drop_none(arguments: dict[str, Any]) -> dict[str, Any]:
    """Without what is `None`: then today's default holds, which says the same."""
    return {name: value for name, value in arguments.items() if value is not None}
