"""Small experiments on copies of the model: other rates, ten samples, no dropout, double width. Each is short, and counted."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import jax
import numpy as np

from kerata.base.serialization import config_of
from kerata.diagnosis.judgement.budget import work_of
from kerata.diagnosis.judgement.case import Case, Part, labels_of
from kerata.diagnosis.judgement.measures import base_loss
from kerata.diagnosis.judgement.signals import Look, Signals
from kerata.engine.types import HostArray
from kerata.layers import Activation, BatchNormalization, Dropout, Layer
from kerata.models.cloning import clone_model
from kerata.models.copying import fresh_model
from kerata.models.model import Model
from kerata.optimizers import Adam
from kerata.training.compilation import compilation_of

# Steps and samples of an experiment.
STEPS, SAMPLES = 600, 4000
# Fewer steps show nothing.
LEAST_STEPS = 20
# Multiplications a second, where nothing better is known.
SPEED = 2e10
# Samples that are to be learned by heart, in how many steps, with which rates of Adam.
FEW, FEW_STEPS, FEW_RATES = 10, 150, (0.01, 0.001)
SEED = 1


@dataclass
class Tried:
    """What the experiments gave: curves of the training loss, by epoch.

    Attributes:
        rates: by the factor that the learning rate was multiplied with.
        few: of the ten samples.
        few_count, few_base: how many they are, and the loss of one answer for all.
        free: without dropout and penalties.
        wide: with twice the units in hidden layers.
        bare: without the normalization named `taken_out`.
        shuffled: with the targets in another order.
        nan_step: the step in which a trial with `nan_factor` of the rate became NaN; 0 where none did.
        before, largest: what was seen in the layers with the weights that this step began with, and the largest weight.
        epochs: how many epochs `rates` went on for.
        size: how many samples they had.
        whole: whether they went through the same samples and epochs as the run itself.
    """

    rates: dict[float, HostArray] = field(default_factory=dict)
    few: HostArray | None = None
    few_count: int = 0
    few_base: float = np.nan
    free: HostArray | None = None
    wide: HostArray | None = None
    bare: HostArray | None = None
    taken_out: str = ""
    shuffled: HostArray | None = None
    nan_step: int = 0
    nan_factor: float = 1.0
    before: Signals | None = None
    largest: float = 0.0
    epochs: int = 0
    size: int = 0
    whole: bool = False
    notes: list[str] = field(default_factory=list)

    def end(self, factor: float) -> float:
        """The loss at the end with a rate, infinite where it diverged, NaN where it was not tried."""
        curve = self.rates.get(factor)
        return np.nan if curve is None else end_of(curve)

    def is_finite(self, factor: float) -> bool:
        """Whether a trial with this rate was made, and all its losses are numbers."""
        return factor in self.rates and bool(np.isfinite(self.rates[factor]).all())


def end_of(curve: HostArray | None) -> float:
    """Where a curve ended: the mean of its last tenth, infinite where it is not finite."""
    if curve is None or not len(curve):
        return np.nan
    tail = curve[-max(1, len(curve) // 10) :]
    return float(tail.mean()) if np.isfinite(tail).all() else np.inf


class Clock:
    """Seconds that are left."""

    def __init__(self, seconds: float):
        self.begun, self.seconds = time.perf_counter(), seconds

    @property
    def left(self) -> float:
        return self.seconds - (time.perf_counter() - self.begun)


class Laboratory:
    """Runs experiments while there is time.

    Args:
        case: the case.
        clock: the seconds that are left.
    """

    def __init__(self, case: Case, clock: Clock):
        self.case, self.clock, self.tried = case, clock, Tried()
        # An experiment compiles more than the look into the layers did, and with more care.
        self.dearest, self.is_guess = 2 * case.seconds_of_look, True
        self.too_dear = False
        self.first: list[HostArray] | None = None

    def fresh(self) -> Model:
        """A copy with first weights, the same at each call: what differs then is not the luck of a draw."""
        twin = fresh(self.case.model)
        if self.first is None:
            self.first = [variable.numpy() for variable in twin.variables]
        for variable, value in zip(twin.variables, self.first, strict=True):
            variable.store(value)
        return twin

    def attempt(self, name: str, experiment: Callable[[], None]) -> None:
        """An experiment, where there is time left for one that takes as long as the dearest so far."""
        if self.too_dear:
            return
        if self.clock.left < 1.3 * self.dearest or self.clock.left <= 0:
            self.tried.notes.append(f"left out for want of time: {name}")
            return
        began = time.perf_counter()
        with self.case.leaving_out(name):
            experiment()
        took = time.perf_counter() - began
        self.dearest, self.is_guess = took if self.is_guess else max(self.dearest, took), False

    def data(self) -> Part:
        """The samples of the experiments."""
        assert self.case.train is not None
        steps = max(1, self.case.train.size // self.case.batch_size)
        most = SAMPLES if steps > STEPS or self.case.train.size > 2 * SAMPLES else 2 * SAMPLES
        if (allowed := self.most_steps()) < min(STEPS, steps):
            most = max(LEAST_STEPS, allowed) * self.case.batch_size
        return self.case.some(self.case.train, most) if self.case.fixed else self.case.train.sample(most)

    def curve(self, model: Model, part: Part, epochs: int, batch_size: int | None = None) -> HostArray:
        """The losses of a training."""
        size = batch_size or self.case.batch_size
        history = model.fit(part.x, part.y, epochs=epochs, batch_size=size, verbose=0, seed=SEED, shuffle=True)
        return np.asarray(history.history["loss"], float)

    @property
    def pace(self) -> float:
        """The seconds of a step: as `fit` has found, or from the multiplications that it takes."""
        made = compilation_of(self.case.model, "examine")
        paces = [one.plan.findings.paces.get(("train", self.case.batch_size)) for one in made.prepared.values()]
        known = max((float(each) for each in paces if each is not None), default=0.0)
        return known or 3 * self.case.work * self.case.batch_size / SPEED

    @property
    def base_pace(self) -> float:
        """The seconds that a frozen base takes of a sample, which is not in the pace of a step."""
        frozen = [layer for layer in self.case.layers if layer.weights and not layer.trainable_weights]
        return work_of(frozen) / SPEED

    def most_steps(self) -> int:
        """How many steps an experiment may have: a sixth of the time."""
        each = self.pace + self.base_pace * self.case.batch_size
        return int(min(STEPS, self.clock.seconds / 6 / max(each, 1e-9)))

    def rates(self, factors: tuple[float, ...]) -> None:
        """Trains with other learning rates from first weights."""
        rate = self.case.rate
        if rate is None or rate <= 0:
            self.tried.notes.append("left out: other rates, since the rate is no number, or 0")
            return
        if self.most_steps() < LEAST_STEPS:
            self.too_dear = True
            pace = self.pace + self.base_pace * self.case.batch_size
            self.tried.notes.append(f"left out for want of time: all experiments, since a step takes {pace:.1g} s")
            return
        part = self.data()
        steps = max(1, -(-part.size // self.case.batch_size))
        wanted = len(self.case.curve("loss")) or 1
        epochs = int(max(1, min(wanted, self.most_steps() // steps)))
        self.tried.epochs, self.tried.size = epochs, part.size
        self.tried.whole = epochs == wanted and self.case.train is not None and part.size == self.case.train.size
        for factor in factors:

            def one(factor: float = factor) -> None:
                twin = self.fresh()
                twin.optimizer.learning_rate = rate * factor
                self.tried.rates[factor] = self.curve(twin, part, epochs)

            self.attempt(f"{factor:g} times the rate", one)

    def few(self) -> None:
        """Can ten samples be learned by heart? With a usual rate, whatever the model's own is."""
        assert self.case.train is not None
        part = few_of(self.case.train)
        twin = without_restraint(self.fresh())
        small = replace(self.case, train=part, held=None, predictions={})
        self.tried.few_count, self.tried.few_base = part.size, base_loss(small)
        if not self.tried.few_base > 0:
            return
        for rate in FEW_RATES:
            for variable, value in zip(twin.variables, self.first or [], strict=True):
                variable.store(value)
            twin.compile(Adam(rate), self.case.model.loss)
            curve = self.curve(twin, part, FEW_STEPS, part.size)
            if self.tried.few is None or not end_of(self.tried.few) <= end_of(curve):
                self.tried.few = curve
            if end_of(curve) < 0.5 * self.tried.few_base:
                return

    def free(self) -> None:
        """Without dropout and penalties."""
        self.tried.free = self.curve(without_restraint(self.fresh()), self.data(), self.tried.epochs or 1)

    def wide(self) -> None:
        """With twice the units."""
        twin = doubled(self.case.model)
        if twin is not None:
            self.tried.wide = self.curve(twin, self.data(), self.tried.epochs or 1)

    def bare(self) -> None:
        """Without the first normalization."""
        norm = next(layer for layer in self.case.layers if isinstance(layer, BatchNormalization) and layer.trainable)
        twin = without(self.case.model, norm)
        if twin is not None:
            self.tried.bare, self.tried.taken_out = self.curve(twin, self.data(), self.tried.epochs or 1), norm.name

    def shuffled(self) -> None:
        """With targets that belong to other samples."""
        part = self.data()
        order = np.random.default_rng(SEED).permutation(part.size)
        mixed = Part(part.x, jax.tree.map(lambda a: np.asarray(a)[order], part.y))
        self.tried.shuffled = self.curve(self.fresh(), mixed, self.tried.epochs or 1)

    def before_nan(self, factor: float) -> None:
        """The weights that the first bad step begins with, and what layers give then."""
        part, size = self.data(), self.case.batch_size
        steps = -(-part.size // size)

        def train(twin: Model, part: Part, epochs: int) -> int:
            twin.optimizer.learning_rate = (self.case.rate or 0.0) * factor
            history = twin.fit(part.x, part.y, epochs=epochs, batch_size=size, verbose=0, seed=SEED, shuffle=False)
            return history.bad_step or 0

        bad = train(self.fresh(), part, self.tried.epochs or 1)
        self.tried.nan_step, self.tried.nan_factor, self.tried.before = bad, factor, None
        # Where a gradient is not finite, weights are bad a step before the loss is.
        for step in (bad, bad - 1):
            if step < 1:
                return
            twin, (epochs, rest) = self.fresh(), divmod(step - 1, steps)
            if epochs:
                train(twin, part, epochs)
            if rest:
                train(twin, part.rows(np.arange(rest * size)), 1)
            values = [np.asarray(variable.numpy()) for variable in twin.variables]
            if all(np.isfinite(value).all() for value in values if value.dtype.kind == "f"):
                batch = part.rows(np.arange(rest * size, min((rest + 1) * size, part.size)))
                self.tried.before = Look(fresh(self.case.model), batch)(values, twice=False)
                self.tried.largest = max((float(np.abs(v).max(initial=0)) for v in values if v.dtype.kind == "f"), default=0.0)
                return


def few_of(part: Part) -> Part:
    """Ten samples, as different in their targets as there are."""
    some = part.sample(400)
    target = some.target
    order = np.arange(some.size)
    if target is not None:
        labels = labels_of(target)
        keys = target.reshape(len(target), -1)[:, 0] if labels is None or labels.max() > 100 else labels
        # The first of each, then the second of each.
        rank = np.zeros(len(keys), int)
        seen: dict[float, int] = {}
        for place, key in enumerate(np.asarray(keys, float).tolist()):
            rank[place] = seen.get(key, 0)
            seen[key] = rank[place] + 1
        order = np.argsort(rank, kind="stable")
    return some.rows(order[:FEW])


def fresh(model: Model) -> Model:
    """A copy with first weights. What was frozen keeps the weights that it has."""
    twin = fresh_model(model)
    for old, new in zip(model.variables, twin.variables, strict=True):
        if not old.trainable:
            new.store(old.numpy())
    return twin


def without_restraint(twin: Model) -> Model:
    """The model itself, without dropout and penalties from now on."""
    for layer in flat_layers(twin):
        if isinstance(layer, Dropout):
            layer.rate = 0.0
        for name in ("kernel_regularizer", "bias_regularizer"):
            penalty = getattr(layer, name, None)
            for part in ("l1", "l2"):
                if getattr(penalty, part, None) is not None:
                    setattr(penalty, part, 0.0)
    return twin


def flat_layers(model: object) -> list[object]:
    """All layers of a model and of models within it."""
    return [each for layer in getattr(model, "layers", ()) for each in (*flat_layers(layer), layer)]


def doubled(model: Model) -> Model | None:
    """A model with twice the units in hidden layers; `None` where that cannot be done by configs."""
    layers = [layer for layer in model.layers if width_of(layer) is not None]
    if len(layers) < 2:
        return None
    last = layers[-1]

    def wider(layer: Layer) -> Layer:
        config, name = config_of(layer), width_of(layer)
        if layer is not last and name is not None:
            config[name] = 2 * config[name]
        return type(layer).from_config(config)

    return cloned(model, wider)


def width_of(layer: Layer) -> str | None:
    """The argument that says how many features a layer gives, where it can be changed."""
    config = config_of(layer) if hasattr(layer, "get_config") else {}
    name = next((name for name in ("units", "filters") if name in config), None)
    return name if config.get("groups", 1) == 1 else None


def without(model: Model, norm: Layer) -> Model | None:
    """A model with nothing in the place of a layer; `None` where that cannot be done by configs."""
    return cloned(
        model,
        lambda layer: Activation("linear", name=layer.name) if layer is norm else type(layer).from_config(config_of(layer)),
    )


def cloned(model: Model, change: Callable[[Layer], Layer]) -> Model | None:
    """A clone with changed layers, compiled likewise; `None` where that cannot be done by configs."""
    try:
        twin = clone_model(model, clone_function=change)
    except (ValueError, TypeError, NotImplementedError):
        return None
    twin.compile(fresh_model(model).optimizer, model.loss)
    return twin
