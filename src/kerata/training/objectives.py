"""What `compile(loss=..., loss_weights=..., metrics=..., weighted_metrics=...)` means, output by output."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import contextlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kerata import metrics as measures
from kerata.base.checks import describe_owner, message
from kerata.base.interrupts import hand_on
from kerata.engine.hyper import Hyperparameter
from kerata.engine.mistakes import Blame
from kerata.engine.module import Look, Module
from kerata.engine.rows import may_be_samples
from kerata.engine.scope import Scope
from kerata.engine.structure import is_ours
from kerata.engine.symbolic import AnyTree
from kerata.engine.types import AnyArray, Array, Described, Tree
from kerata.engine.variable import Variable
from kerata.losses.loss import Loss, added_up, as_values
from kerata.metrics.metric import named_results
from kerata.metrics.reduction import MeanMetricWrapper, without_padding
from kerata.training.identifiers import (
    ACCURACIES,
    CROSSENTROPIES,
    check_names,
    is_array,
    is_loss,
    is_metric,
    is_metric_group,
    is_number,
    make_loss,
    make_metric,
    name_of,
)
from kerata.training.outputs import MISSING, Outputs, free_name
from kerata.training.structures import Part, structured_parts, written

T = TypeVar("T")
# A number of samples for tracing; no other size that a model has.
TRIAL = 5


class Term(Module):
    """The loss of one output, or of a structure of outputs.

    Args:
        loss: a loss.
        weight: its factor in the total; `None` for none.
        place: which output, or a structure of places.
        name: its name in logs.
    """

    weight = Hyperparameter()

    def __init__(self, loss: Loss, weight: float | None, place: object, name: str):
        self.loss, self.weight, self.place, self.name = loss, weight, place, name
        self.is_declared = False

    @property
    def places(self) -> list[int]:
        """The places of its outputs."""
        return jax.tree.leaves(self.place)

    @property
    def is_joint(self) -> bool:
        """Whether it is for a structure of outputs together."""
        return not isinstance(self.place, int)

    def pick(self, found: Sequence[T]) -> T:
        """Of one thing for each output that or those of its own."""
        return jax.tree.map(lambda place: found[place], self.place)

    def weights(self, found: Sequence[Any]) -> Array | None:
        """The sample weights; those of outputs that are judged together must be the same."""
        own = [found[place] for place in self.places]
        if any(one is not own[0] for one in own):
            raise ValueError(
                message(
                    "sample_weight",
                    f"the outputs of the loss {self.name!r} are judged together and need the same weights",
                    {"sample_weight": own},
                    "Give one array for all outputs",
                )
            )
        return own[0]


class CompiledLoss(Module):
    """The total of the outputs' losses, each times its weight.

    Args:
        loss: a name, a loss, a config, a function of (y_true, y_pred) that gives one value for each sample or one in
            all, or a list or dict of such and `None`.
        loss_weights: numbers in the same forms.
        output_names: names of the layers that make the outputs.

    >>> objective = CompiledLoss({"a": "mse", "b": "mae"}, {"a": 1.0, "b": 0.5}, ["a", "b"])
    >>> y, p = [np.zeros((2, 1))] * 2, [np.ones((2, 1))] * 2
    >>> total, parts = objective(y, p)
    >>> float(total), {name: float(value) for name, value in parts.items()}
    (1.5, {'a': 1.0, 'b': 1.0})
    """

    _bookkeeping = dict.fromkeys(("_compile_arguments", "_places", "tells_parts"), Look.NOBODY)
    _spoken_as = "compile"  # Whose argument a person gave that messages are about.
    counting = "kept"  # For all of the losses, see there.

    def __init__(self, loss: object = None, loss_weights: object = None, output_names: Sequence[str] | None = None):
        # Names change no program, so they are kept where the structure of a model is not looked for.
        self._compile_arguments = (loss, loss_weights, output_names)
        self._places: object = 0  # The structure of the outputs, once it is known.
        check_names(loss, "loss", "losses", CROSSENTROPIES, output_names, is_loss)
        if not is_number(loss_weights) and not isinstance(loss_weights, (list, tuple, dict)):
            raise TypeError(
                message(
                    "compile", "`loss_weights` must be a number, or a list or dict of numbers", {"loss_weights": loss_weights}
                )
            )
        self.terms: list[Term] = []
        self.logged: list[Term] = []
        self.tells_parts = False  # Whether the loss of an output is told though no other one has a loss.
        self.built = False

    def check_outputs(self, y_pred: AnyTree) -> None:
        """Refuses losses and weights for outputs that are not there."""
        loss, loss_weights, names = self._compile_arguments
        outputs = Outputs(y_pred, names)
        self._parts(outputs, loss, loss_weights)
        self._places = outputs.places

    def written(self) -> tuple[object, object]:
        """`loss` and `loss_weights` as files have them; see `structures.written`."""
        return written(*self._compile_arguments[:2], self._places)

    def build(self, y_true: Tree, y_pred: AnyTree) -> None:
        """Gives each output its loss, from arrays or shapes of targets and predictions."""
        if self.built:
            return
        loss, loss_weights, names = self._compile_arguments
        outputs = Outputs(y_pred, names)
        parts = self._parts(outputs, loss, loss_weights)
        self._places = outputs.places
        predictions = jax.tree.leaves(y_pred)
        targets = _spread_targets(outputs, y_true, sorted({place for part in parts for place in jax.tree.leaves(part.places)}))
        terms: list[Term] = []
        for part in parts:
            term = Term(cast(Loss, None), part.weight, part.places, part.name)
            target, prediction = term.pick(targets), term.pick(predictions)
            term.loss = make_loss(part.loss, target, prediction)
            if self.counting != "kept":
                term.loss.counting = self.counting
            term.is_declared = not term.is_joint and declares_rows(term.loss, prediction)
            terms.append(term)
        name_by_loss(terms, outputs)
        # Where losses and outputs have names, logs have the order of the losses.
        ordered = isinstance(loss, dict) and isinstance(y_pred, dict)
        ranks = {name: rank for rank, name in enumerate(cast(Iterable[Any], loss))} if ordered else {}
        self.logged = sorted(terms, key=lambda term: ranks.get(term.name, len(ranks)))
        self.terms, self.built = terms, True

    @staticmethod
    def _parts(outputs: Outputs, loss: object, loss_weights: object) -> list[Part]:
        """The losses, their weights and what they are for."""
        if (parts := structured_parts(outputs, loss, loss_weights)) is not None:
            return parts
        found = outputs.spread(loss, "loss", is_loss, everywhere=True)
        places = [place for place, value in enumerate(found) if value not in (None, MISSING)]
        weights = outputs.spread(loss_weights, "loss_weights", is_number, everywhere=True, only=places)
        return [
            Part(found[place], None if weights[place] is MISSING else weights[place], place, outputs.names[place])
            for place in places
        ]

    @property
    def output_names(self) -> Sequence[str] | None:
        """Names of the layers that make the outputs."""
        return self._compile_arguments[2]

    @property
    def is_given(self) -> bool:
        """Whether `compile` was given a loss."""
        return self._compile_arguments[0] is not None

    @property
    def part_names(self) -> list[str]:
        """Names of the outputs with a loss, where logs tell their losses."""
        return [term.name for term in self.logged] if len(self.terms) > 1 or self.tells_parts else []

    @property
    def is_declared(self) -> bool:
        """Whether it is known without a proof that padded rows of a batch are left out of all losses."""
        return all(term.is_declared for term in self.terms)

    def targets(self, y_true: Tree, y_pred: AnyTree) -> list[Any]:
        """The target of each term."""
        outputs = Outputs(y_pred, self._compile_arguments[2])
        places = sorted({place for term in self.terms for place in term.places})
        found = _spread_targets(outputs, y_true, places)
        for place in places:
            if found[place] is MISSING or found[place] is None:
                name = outputs.names[place]
                raise ValueError(
                    message(
                        "y",
                        f"the loss of the output {name!r} needs targets",
                        {"y": y_true},
                        "Give them as `y`; where x gives batches, let it give (x, y)",
                    )
                )
        return [term.pick(found) for term in self.terms]

    def weights(self, sample_weight: Tree, y_pred: AnyTree) -> list[Any]:
        """The weights of each term."""
        found = _spread_weights(Outputs(y_pred, self._compile_arguments[2]), sample_weight)
        return [term.weights(found) for term in self.terms]

    def weigh(self, samples: Array) -> Array:
        """With how much a batch of so many samples counts in the mean of all batches.

        A mean of values that are weighed with the number of samples counts with its square, where each sample has a value.
        """
        return samples * samples if any(term.loss.adds_up for term in self.terms) else samples

    def __call__(
        self, y_true: Tree, y_pred: Tree, sample_weight: Tree = None, valid: Array | None = None
    ) -> tuple[Array, dict[str, Array]]:
        """(total, losses by output) of one batch.

        Args:
            y_true, y_pred: arrays, in the structures of `build`.
            sample_weight: weights for all outputs, or a list or dict of such.
            valid: float of shape (batch,), 0 where a row only fills the batch up.
        """
        self.build(y_true, y_pred)
        total, parts = jnp.zeros((), "float32"), {}
        if not self.terms:
            return total, parts
        weights = _spread_weights(Outputs(y_pred, self._compile_arguments[2]), sample_weight)
        predictions = jax.tree.leaves(y_pred)
        for term, target in zip(self.terms, self.targets(y_true, y_pred), strict=True):
            prediction = term.pick(predictions)
            arguments = (target, prediction, term.weights(weights))
            with Blame(describe_owner(term.loss), y_true=target, y_pred=prediction):
                if valid is None:
                    value = term.loss(*arguments)
                elif leaves_rows_out(term.loss):
                    value = term.loss.over_valid(*arguments, valid)
                else:
                    raise NeedsWholeBatch(message(term.loss, "this loss needs a batch without padded rows"))
            value = as_values(value, "float32", term.loss)
            if value.ndim and term.loss.adds_up:
                value = added_up(value, valid)
            if value.ndim:
                raise ValueError(
                    message(
                        term.loss,
                        "a loss must give one number to be trained on",
                        {"reduction": getattr(term.loss, "reduction", "none"), "shape": value.shape},
                        'Use reduction="sum_over_batch_size"',
                    )
                )
            total = total + (value if term.weight is None else value * term.weight)
            parts[term.name] = value
        return total, parts


def name_by_loss(terms: list[Term], outputs: Outputs) -> None:
    """Gives the losses of outputs without a name of their own the loss's name in logs, where it is theirs alone."""
    names = [name_of(term.loss) for term in terms]
    for term, name in zip(terms, names, strict=True):
        if isinstance(term.place, int) and not outputs.is_named(term.place) and names.count(name) == 1:
            term.name = name


class Measure(Module):
    """One metric of one output.

    Args:
        metric: the metric.
        place: which output.
        weighted: whether it uses sample weights.
        name: its name in logs.
    """

    def __init__(self, metric: measures.Metric, place: int, weighted: bool, name: str):
        self.metric, self.place, self.weighted, self.name = metric, place, weighted, name
        self.is_declared = False


class CompiledMetrics(measures.Metric):
    """The metrics of the outputs, as one metric whose result is a dict.

    Args:
        metrics: names, metrics, losses or functions: a list for one output, or a list or dict of such by output. A list
            of another length than there are outputs is for all of them.
        weighted_metrics: likewise, those that use sample weights.
        output_names: names of the layers that make the outputs.
    """

    _bookkeeping = dict.fromkeys(("_compile_arguments", "crossentropies", "within"), Look.NOBODY)
    _spoken_as = "compile"  # Whose argument a person gave that messages are about.
    sees_masks = True  # Whether masked values are left out.
    counting = "kept"  # For all that are means, as of losses.
    counts_elements = False  # For all that are means, see `Mean`.

    def __init__(self, metrics: object = None, weighted_metrics: object = None, output_names: Sequence[str] | None = None):
        super().__init__(name="compile_metrics")
        self._compile_arguments = (metrics, weighted_metrics, output_names)
        for argument, value in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            check_names(value, argument, "metrics", (*ACCURACIES, *CROSSENTROPIES), output_names, is_metric)
        self.measures: list[Measure] = []
        self.crossentropies: Mapping[str, object] = {}  # What "crossentropy" may stand for, where that is not today's.
        # The names in what a metric gives as a dict, each with the metric's own name, by which logs are sorted.
        self.within: dict[str, str] = {}
        self.built = False

    def build(self, y_true: Tree, y_pred: AnyTree, objective: CompiledLoss | None = None, lenient: bool = False) -> None:
        """Gives each output its metrics.

        Args:
            y_true, y_pred: arrays, or their shapes.
            objective: the losses: where there are fewer targets than outputs, they are for those with a loss.
            lenient: whether outputs without a loss and without targets are not measured.
        """
        if self.built:
            return
        metrics, weighted, names = self._compile_arguments
        outputs = Outputs(y_pred, names)
        found = [(*pair, False) for pair in _spread_metrics(outputs, metrics, "metrics")]
        found += [(*pair, True) for pair in _spread_metrics(outputs, weighted, "weighted_metrics")]
        terms = objective.terms if objective is not None else []
        self._places = sorted({place for term in terms for place in term.places}) or None
        predictions = jax.tree.leaves(y_pred)
        targets = self._targets(outputs, y_true) if found else []
        taken: dict[str, int] = {}
        result: list[Measure] = []
        for place, identifier, is_weighted in found:
            target, prediction = targets[place], predictions[place]
            if target is MISSING or target is None:
                if lenient and place not in (self._places or ()):
                    continue
                expected = f"the metrics of the output {outputs.names[place]!r} need targets"
                raise ValueError(message("metrics", expected, {"metric": identifier}))
            metric = make_metric(identifier, target, prediction, self.crossentropies)
            if self.counting != "kept" and isinstance(metric, MeanMetricWrapper):
                metric.counting = self.counting
            if self.counts_elements and isinstance(metric, measures.Mean):
                metric.counts_elements = True
            prefix = "" if outputs.count == 1 else self.prefix(outputs, place)
            measure = Measure(metric, place, is_weighted, free_name(prefix, metric.name, is_weighted, taken))
            build_metric(metric, target, prediction)
            measure.is_declared = metric_declares_rows(metric, prediction)
            result.append(measure)
        self.measures, self.built = result, True

    @staticmethod
    def prefix(outputs: Outputs, place: int) -> str:
        """The output's name before the metric's; nothing where outputs have no names."""
        path, layer = outputs.paths[place], outputs.layer_names[place]
        # Of nested outputs all have the names of their layers, even those that have a key of their own.
        is_key = len(path) == 1 and isinstance(path[0], str) and (outputs.is_flat or layer is None)
        name = path[0] if is_key else layer
        return f"{name}_" if name else ""

    def _targets(self, outputs: Outputs, y_true: Tree) -> list[Any]:
        return _spread_targets(outputs, y_true, self._places)

    @property
    def metrics(self) -> list[measures.Metric]:
        """All metrics, each once."""
        return list({id(measure.metric): measure.metric for measure in self.measures}.values())

    @property
    def variables(self) -> list[Variable]:
        """The variables of all metrics."""
        return [variable for metric in self.metrics for variable in metric.variables]

    @property
    def given(self) -> list[Any]:
        """What `compile` was given, each by itself, for whichever output."""
        return jax.tree.leaves(self._compile_arguments[:2], is_leaf=is_metric)

    @property
    def is_given(self) -> bool:
        """Whether `compile` was given any."""
        return any(value is not None for value in self._compile_arguments[:2])

    @property
    def is_declared(self) -> bool:
        """Whether it is known without a proof that padded rows of a batch are left out of all metrics."""
        return all(measure.is_declared for measure in self.measures)

    def update_state(self, y_true: Tree, y_pred: Tree, sample_weight: Tree = None) -> None:
        """Takes in one batch."""
        self.update(y_true, y_pred, sample_weight)

    def update(self, y_true: Tree, y_pred: Tree, sample_weight: Tree = None, valid: Array | None = None) -> None:
        """Takes in one batch; `valid` is 0 where a row only fills the batch up."""
        self.build(y_true, y_pred)
        if not self.measures:
            return
        outputs, leaves = Outputs(y_pred, self._compile_arguments[2]), jax.tree.leaves(y_pred)
        targets, predictions = self._targets(outputs, y_true), leaves if self.sees_masks else list(map(jnp.copy, leaves))
        weights = _spread_weights(outputs, sample_weight)
        for measure in self.measures:
            target, weight = targets[measure.place], weights[measure.place] if measure.weighted else None
            if valid is not None:
                if not takes_rows_by_weight(measure.metric):
                    raise NeedsWholeBatch(message(measure.metric, "this metric needs a batch without padded rows"))
                weight = without_padding(weight, valid)
            update_metric(measure.metric, target, predictions[measure.place], weight)

    @property
    def names(self) -> list[str]:
        """The names of the measures in logs."""
        return [measure.name for measure in self.measures]

    def result(self) -> dict[str, Any]:
        """The measures so far, by their names in logs."""
        return self.results()

    def results(self) -> dict[str, Any]:
        """The measures so far, by their names in logs; a metric that gives a dict has the names in it."""
        found: dict[str, Any] = {}
        for measure in self.measures:
            named = named_results(measure.metric, measure.name)
            self.within |= {name: measure.name for name in named if name != measure.name}
            found.update(named)
        return found

    def in_order(self, logs: dict[str, Any]) -> dict[str, Any]:
        """Logs sorted by the names of metrics, as Keras sorts them; what one metric gives as a dict stays together."""
        return dict(sorted(logs.items(), key=lambda item: (self.within.get(item[0], item[0]), item[0])))

    def reset_state(self) -> None:
        """Starts all metrics anew."""
        for metric in self.metrics:
            metric.reset_state()


def update_metric(metric: measures.Metric, y_true: Array, y_pred: Array, weight: AnyArray | None) -> None:
    """Takes in one batch; says which metric it is that cannot."""
    weights = {} if weight is None else {"sample_weight": weight}
    ours = is_ours(_definer(type(metric), "update_state")) and is_ours(getattr(metric, "_fn", metric))
    if not ours:
        with Blame(describe_owner(metric), y_true=y_true, y_pred=y_pred), keeping_nothing(metric):
            metric.update_state(y_true, y_pred, **weights)
        return
    try:
        metric.update_state(y_true, y_pred, **weights)
    except (ValueError, TypeError) as error:
        raise ValueError(
            message(
                metric,
                "targets must fit the predictions",
                {"y.shape": np.shape(y_true), "y_pred.shape": np.shape(y_pred)},
                str(error).partition("\n")[0],
            )
        ) from error


@contextlib.contextmanager
def keeping_nothing(metric: measures.Metric) -> Generator[None]:
    """Around a user's `update_state`: raises where a plain number has taken in what a batch gave, which ends with the batch."""
    plain = {name: value for name, value in vars(metric).items() if isinstance(value, (bool, int, float, list))}
    before = {name: list(value) if isinstance(value, list) else value for name, value in plain.items()}
    yield
    for name, value in before.items():
        now = vars(metric).get(name)
        if isinstance(now, Tracer) or (isinstance(now, list) and any(isinstance(item, Tracer) for item in now)):
            setattr(metric, name, value)
            fix = f'Make it a variable: self.{name} = self.add_weight(name="{name}"), then self.{name}.assign_add(...)'
            raise TypeError(message(metric, f"`self.{name}` cannot keep what a batch gives", {name: value}, fix))


# By output


def _spread_targets(outputs: Outputs, y_true: Tree, only: Sequence[int] | None) -> list[Any]:
    return outputs.spread(y_true, "y", is_array, only=only)


def _spread_weights(outputs: Outputs, sample_weight: Tree) -> list[Any]:
    found = outputs.spread(sample_weight, "sample_weight", is_array, everywhere=True)
    return [None if weight is MISSING else weight for weight in found]


def _spread_metrics(outputs: Outputs, metrics: object, owner: str) -> list[tuple[int, Any]]:
    """(output, identifier) of every metric."""
    if metrics is None or (isinstance(metrics, (list, tuple, dict)) and not metrics):
        return []
    flat = metrics if isinstance(metrics, (list, tuple)) and all(is_metric(item) for item in metrics) else None
    if flat is not None and not outputs.is_single and len(flat) not in (outputs.count, len(outputs.places)):
        found: list[Any] = [metrics] * outputs.count
    elif outputs.is_single and not isinstance(metrics, dict):
        found = [metrics]
    else:
        found = outputs.spread(metrics, owner, is_metric, everywhere=True, at_output=is_metric_group)
    groups = [[] if group is MISSING else jax.tree.leaves(group, is_leaf=is_metric) for group in found]
    return [(place, metric) for place, group in enumerate(groups) for metric in group if metric is not None]


# What is known of a loss or metric before it runs


def _specs(*arrays: Described) -> list[jax.ShapeDtypeStruct]:
    """Shapes with a trial number of samples; other unknown sizes as in the first array, or 7."""
    known = arrays[0].shape
    specs: list[jax.ShapeDtypeStruct] = []
    for array in arrays:
        sizes = [
            s if s is not None else known[i] if i < len(known) and known[i] is not None else 7
            for i, s in enumerate(array.shape)
        ]
        specs.append(jax.ShapeDtypeStruct((TRIAL, *sizes[1:]), jax.dtypes.canonicalize_dtype(array.dtype)))
    return specs


def _trial(function: Callable[..., Any], y_true: Described, y_pred: Described) -> tuple[int, ...] | None:
    """The shape of what a function of (y_true, y_pred) gives; `None` where it cannot be traced."""
    if not getattr(y_true, "shape", ()) or not y_pred.shape:
        return None

    def run(*arrays: Array) -> Array:
        with Scope(key=jnp.zeros((2,), jnp.uint32)):
            value = function(*arrays)
        return jnp.zeros(()) if value is None else jnp.asarray(value)

    try:
        return jax.eval_shape(run, *_specs(y_true, y_pred)).shape
    except Exception as error:
        hand_on(error)
        # A user's function that cannot be traced says why when it is trained; it need not be told apart here.
        return None


class NeedsWholeBatch(RuntimeError):
    """A loss or metric cannot leave padded rows out."""


def leaves_rows_out(loss: Loss) -> bool:
    """Whether a loss gives a value for each sample, from which padded ones are taken out."""
    own = type(loss)
    return own.__call__ is Loss.__call__ and own.over_valid is Loss.over_valid


def declares_rows(loss: Loss, y_pred: Described) -> bool:
    """Whether a built-in loss is known to give each sample a value that depends on that sample alone."""
    if not leaves_rows_out(loss) or not is_ours(type(loss)) or loss.mixes_samples or len(y_pred.shape) < 2:
        return False
    return not may_be_samples(getattr(loss, "axis", None))


def takes_rows_by_weight(metric: measures.Metric) -> bool:
    """Whether a metric counts rows of weight 0 as not there."""
    return is_ours(_definer(type(metric), "update_state"))


def metric_declares_rows(metric: measures.Metric, y_pred: Described) -> bool:
    """Whether rows with weight 0 are known to have no influence on a built-in metric."""
    if metric.mixes_samples or not is_ours(type(metric)) or may_be_samples(getattr(metric, "axis", None)):
        return False
    if not isinstance(metric, MeanMetricWrapper):
        return True
    fn = metric._fn
    if isinstance(fn, Loss):
        return fn.reduction != "sum" and declares_rows(fn, y_pred)
    return len(y_pred.shape) > 1


def _definer(cls: type, name: str) -> type:
    return next(base for base in cls.__mro__ if name in base.__dict__)


def build_metric(metric: measures.Metric, y_true: Described, y_pred: Described) -> None:
    """Makes the variables that a metric makes when it sees the first batch."""
    if is_ours(type(metric)):
        if getattr(metric, "built", True) is False:
            metric.build(tuple(y_true.shape), tuple(y_pred.shape))  # type: ignore[attr-defined]
        return

    def update(*arrays: Array) -> None:
        with keeping_nothing(metric):
            metric.update_state(*arrays)

    _trial(update, y_true, y_pred)
