"""What is examined: a model, its curves and its data, and what follows from them."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import jax
import numpy as np

from kerata.diagnosis.inside import layers_within
from kerata.diagnosis.judgement.budget import work_of
from kerata.diagnosis.reading import Curves
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import HostArray, Tree
from kerata.layers import ELU, Activation, BatchNormalization, Dropout, Embedding, Layer, LeakyReLU, ReLU, Rescaling, Softmax
from kerata.layers.normalization import SampleNormalization
from kerata.layers.preprocessing.normalization import Normalization
from kerata.layers.recurrent import RNN
from kerata.losses.loss import Loss
from kerata.models.model import Model
from kerata.training.compilation import objective_of
from kerata.training.objectives import CompiledLoss

# Samples that are looked at: enough for shares to a few per cent.
MOST = 4000
# Whole numbers up to so many different ones may be classes.
MOST_CLASSES = 1000
# Layers after which inputs have a scale of their own.
SCALING = (BatchNormalization, SampleNormalization, Normalization, Rescaling)


@dataclass(eq=False)
class Part:
    """The inputs and targets of one part of the data.

    Attributes:
        x: inputs, in the structure that the model takes.
        y: targets likewise, or `None`.
        groups: a label a sample of what belongs together, or `None`.
    """

    x: Tree
    y: Tree
    groups: HostArray | None = None

    @cached_property
    def inputs(self) -> list[HostArray]:
        """Each input as an array."""
        return [np.asarray(leaf) for leaf in jax.tree.leaves(self.x)]

    @cached_property
    def target(self) -> HostArray | None:
        """The target, where there is one alone."""
        leaves = jax.tree.leaves(self.y)
        return np.asarray(leaves[0]) if len(leaves) == 1 else None

    @property
    def size(self) -> int:
        """The number of samples."""
        return len(self.inputs[0])

    def rows(self, chosen: HostArray) -> "Part":
        """Some samples."""
        take = lambda tree: jax.tree.map(lambda a: np.asarray(a)[chosen], tree)  # noqa: E731
        return Part(take(self.x), take(self.y), None if self.groups is None else self.groups[chosen])

    def sample(self, most: int, seed: int = 0) -> "Part":
        """At most so many samples, drawn without order."""
        if self.size <= most:
            return self
        return self.rows(np.sort(np.random.default_rng(seed).choice(self.size, most, replace=False)))


@dataclass(eq=False)
class Case:
    """All that an examination looks at.

    Attributes:
        model: the model, which nothing is done to.
        curves: the measures by epoch.
        train, held: the parts of the data; `held` is `None` where there is no validation.
        batch_size: samples a step.
        epochs: how many epochs were asked for; 0 where that is not known.
        split: the share that `validation_split` took, 0 without.
        shuffled: whether each epoch had an order of its own.
        weighted: whether classes or samples had weights.
        notes: what was left out, and why.
    """

    model: Model
    curves: Curves
    train: Part | None
    held: Part | None
    batch_size: int = 32
    epochs: int = 0
    split: float = 0.0
    shuffled: bool = True
    weighted: bool = False
    notes: list[str] = field(default_factory=list)
    # The first step whose loss was not finite, where that is known; 0 elsewhere.
    bad_step: int = 0
    # How long the look into the layers took: large models are asked less.
    seconds_of_look: float = 0.0
    # Whether this is about one output of several.
    is_one_of_several: bool = False
    # What the model says of samples of its training ("train") and of its validation ("held").
    predictions: dict[str, tuple[Part, HostArray]] = field(default_factory=dict)

    @cached_property
    def layers(self) -> list[Layer]:
        """All layers, those of models within the model in their place."""
        return list(layers_within(self.model))

    @cached_property
    def work(self) -> float:
        """About how many multiplications a sample takes."""
        return work_of(self.layers)

    @cached_property
    def last(self) -> Layer | None:
        """The layer that gives the output, where there is one alone."""
        layers = list(self.model.layers)
        names: Sequence[str] = self.model.output_names or [] if hasattr(self.model, "output_names") else []
        if len(names) > 1:
            return None
        found = [layer for layer in layers if layer.name in names]
        return (found or layers or [None])[-1]

    @cached_property
    def last_weighted(self) -> Layer | None:
        """The last layer with weights."""
        found = [layer for layer in self.layers if getattr(layer, "kernel", None) is not None]
        return found[-1] if found else None

    @cached_property
    def output_activation(self) -> str | None:
        """The name of the function that the output went through; `None` where that is not known."""
        return activation_of(self.last) if self.last is not None else None

    @cached_property
    def units(self) -> int | None:
        """The size of the output's last axis."""
        shape = getattr(self.model, "output_shape", None) if self.model.built else None
        if isinstance(shape, tuple) and shape and not isinstance(shape[0], tuple):
            return cast("int | None", shape[-1])
        return None

    @cached_property
    def is_before(self) -> bool:
        """Whether the model has not been trained or evaluated yet."""
        objective = objective_of(self.model)
        return objective is not None and not objective.built

    @cached_property
    def objective(self) -> CompiledLoss | None:
        """The losses; before the first step, such as that would make for these targets, while the model's stay unmade."""
        objective = objective_of(self.model)
        if objective is None or not self.is_before or self.train is None or self.train.y is None:
            return objective
        made = copy.copy(objective)
        with self.leaving_out("output and loss"):
            shapes = jax.tree.map(
                lambda array: SymbolicTensor((None, *np.shape(array)[1:]), np.asarray(array).dtype), self.train.x
            )
            made.build(self.train.y, self.model.compute_output_spec(shapes))
        return made

    @cached_property
    def loss(self) -> Loss | None:
        """The loss, where there is one alone."""
        terms = self.objective.terms if self.objective is not None else []
        return terms[0].loss if len(terms) == 1 else None

    @property
    def loss_name(self) -> str:
        """The loss as `compile` names it, "" where it is not known."""
        if self.loss is None:
            return ""
        function = getattr(self.loss, "fn", None)
        return str(getattr(function, "__name__", None) or self.loss.name)

    @property
    def form(self) -> str | None:
        """What the loss takes for targets."""
        return None if self.loss is None else self.loss.target_form

    @cached_property
    def from_logits(self) -> bool:
        """Whether the loss takes what stands before softmax or sigmoid."""
        if self.loss is None or self.form is None:
            return False
        return bool(self.loss.get_config().get("from_logits", False))

    @cached_property
    def is_classes(self) -> bool:
        """Whether the targets are classes for the loss."""
        target = self.train.target if self.train is not None else None
        if self.form in ("classes", "one-hot"):
            return target is None or target.ndim <= 2
        if self.form == "binary":
            return target is not None and set(np.unique(target[:MOST])) <= {0.0, 1.0} and self.units == 1
        return "hinge" in self.loss_name and self.units == 1

    def labels(self, part: Part | None) -> HostArray | None:
        """The class of each sample, int of shape (samples,); `None` where targets are not classes."""
        if part is None or part.target is None:
            return None
        return labels_of(part.target)

    @cached_property
    def train_labels(self) -> HostArray | None:
        return self.labels(self.train) if self.is_classes else None

    @cached_property
    def held_labels(self) -> HostArray | None:
        return self.labels(self.held) if self.is_classes else None

    @cached_property
    def scales_itself(self) -> bool:
        """Whether one of the first layers with something to do gives the inputs a scale of their own."""
        for layer in self.layers:
            if isinstance(layer, SCALING):
                return True
            if isinstance(layer, (RNN, Embedding)) or getattr(layer, "kernel", None) is not None:
                return False
        return False

    @cached_property
    def embeddings(self) -> list[Embedding]:
        return [layer for layer in self.layers if isinstance(layer, Embedding)]

    @cached_property
    def tables(self) -> list[int]:
        """Which inputs are numbers that are looked up nowhere: columns of a table, pixels, series."""
        if self.train is None or (self.embeddings and len(self.train.inputs) == 1):
            return []
        if self.embeddings:
            return [i for i, a in enumerate(self.train.inputs) if a.dtype.kind == "f" and (a != np.round(a)).any()]
        return list(range(len(self.train.inputs)))

    @cached_property
    def rate(self) -> float | None:
        """The learning rate that the run began with, where it is one number: callbacks may have lowered it since."""
        begun = next((curve for name in ("learning_rate", "lr") if len(curve := self.curve(name))), None)
        if begun is not None:
            return float(begun[0])
        if callable(vars(self.model.optimizer).get("learning_rate")):
            # A schedule: what it has come to by now says nothing of the run.
            return None
        rate = getattr(self.model.optimizer, "learning_rate", None)
        try:
            return float(np.asarray(rate))
        except (TypeError, ValueError):
            return None

    @cached_property
    def went_on(self) -> bool:
        """Whether the optimizer has made many more steps than the run: then it began with weights that were trained."""
        size = self.train.size if self.train is not None else 0
        steps = -(-size // self.batch_size) * len(self.curve("loss"))
        made = getattr(self.model.optimizer, "iterations", None)
        return steps > 0 and made is not None and int(np.asarray(made)) > 1.3 * steps

    @cached_property
    def fixed(self) -> int | None:
        """The number of samples that every batch must have, where the model is built for one."""
        shape = getattr(self.model, "input_shape", None) if self.model.built else None
        first = shape[0] if isinstance(shape, tuple) and shape else None
        return first if isinstance(first, int) else None

    def some(self, part: Part, most: int) -> Part:
        """Some samples that the model can be called with at once, or in batches."""
        if self.fixed is None:
            return part.sample(most)
        return part.rows(np.arange(max(1, min(most, part.size) // self.fixed) * self.fixed if most > 500 else self.fixed))

    @contextmanager
    def leaving_out(self, what: str) -> Iterator[None]:
        """Within the block, what the model cannot do is left out, and noted with the reason."""
        try:
            yield
        except (ValueError, TypeError, NotImplementedError, RuntimeError, AttributeError) as error:
            self.notes.append(f"left out: {what} ({type(error).__name__}: {str(error).splitlines()[0][:120]})")

    def curve(self, name: str) -> HostArray:
        """A measure by epoch; empty where there is none."""
        values = self.curves.get(name, ())
        return np.asarray(values, float) if len(values) and not np.ndim(values[0]) else np.zeros(0)

    @property
    def dropouts(self) -> list[Dropout]:
        return [layer for layer in self.layers if isinstance(layer, Dropout)]


def labels_of(target: HostArray) -> HostArray | None:
    """Targets as class numbers: whole numbers, or vectors of which one place is 1."""
    if target.ndim == 2 and target.shape[1] > 1:
        one_hot = bool(((target == 0) | (target == 1)).all() and (target.sum(1) == 1).all())
        return target.argmax(1) if one_hot else None
    if target.ndim > 2 or target.size == 0:
        return None
    flat = target.reshape(-1)
    if not np.isfinite(flat).all() or (flat != np.round(flat)).any():
        return None
    labels = flat.astype(np.int64)
    return labels if len(np.unique(labels[:MOST])) <= MOST_CLASSES else None


def activation_of(layer: Layer) -> str | None:
    """The name of a layer's activation; "linear" where it has none, `None` where that is not known."""
    for kind, name in ((Softmax, "softmax"), (LeakyReLU, "leaky_relu"), (ELU, "elu"), (ReLU, "relu")):
        if isinstance(layer, kind):
            return name
    if isinstance(layer, Activation) or hasattr(layer, "activation"):
        function = getattr(layer, "activation", None)
        return "linear" if function is None else str(getattr(function, "__name__", "")) or None
    return None


def matrix_of(array: HostArray) -> HostArray:
    """An array as float64 of shape (samples, numbers)."""
    return array.reshape(len(array), -1).astype(np.float64)
