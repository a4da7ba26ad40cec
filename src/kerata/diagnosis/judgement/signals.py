"""What goes through the layers, and what comes back: one program that looks at outputs and gradients of a sample."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from kerata.diagnosis.inside import watched
from kerata.diagnosis.judgement.case import Case, Part, activation_of
from kerata.diagnosis.judgement.finding import Finding, found
from kerata.diagnosis.judgement.measures import Scores
from kerata.engine.placement import HERE
from kerata.engine.scope import Scope
from kerata.engine.traces import Closed, can_differ
from kerata.engine.types import Array, HostArray
from kerata.engine.variable import Variable
from kerata.kernels.compiler import compiler_options
from kerata.layers import BatchNormalization, Layer
from kerata.layers.recurrent import RNN
from kerata.models.model import Model
from kerata.training.compilation import compilation_of
from kerata.training.step_methods import compute_own_loss, overrides

GLOROT = "Glorot and Bengio, Understanding the Difficulty of Training Deep Networks, 2010"
LU = "Lu et al., Dying ReLU and Initialization, 2019"
HE = "He et al., Delving Deep into Rectifiers, 2015"
NOTES = "Chollet, Deep Learning with Python, 8.3: batch normalization in frozen layers"
PASCANU = "Pascanu et al., On the Difficulty of Training Recurrent Networks, 2013"
GOODFELLOW_NUMBERS = "Goodfellow, Bengio, Courville, Deep Learning, 4.1: overflow and underflow"
# Where a model defines one of these, what its training lowers cannot be known: there is no gradient to speak of.
OWN_STEPS = ("train_step", "stateless_compute_loss", "compute_loss_and_updates")
# Fewer rows do not show that a unit is never active.
ROWS = 64
# Fewer time steps are not long. A gradient is lost where it is this share of another.
LONG, FADED = 40, 1e-3
# What has grown beyond this is on its way out of float32, whatever a layer does with it.
ORDINARY = 1e4
RELUS = ("relu", "relu6")
SQUASHING = {"tanh": (-0.98, 0.98), "sigmoid": (0.02, 0.98), "softsign": (-0.98, 0.98), "hard_sigmoid": (0.0, 1.0)}


@dataclass
class Signals:
    """What one look found.

    Attributes:
        outputs: of the model, for the sample.
        loss: of the sample.
        layers: by the name of a layer: numbers that say what it gives, see `measure_output`.
        gradients: by the name of a layer: the size of the gradient of its kernel, root mean square.
        weights: likewise of the kernel itself.
        noisy: whether a second look in prediction gives something else.
        times: by the name of a recurrent layer: the size of the gradient of its inputs at each time step.
    """

    outputs: HostArray
    loss: float
    layers: dict[str, dict[str, float]]
    gradients: dict[str, float]
    weights: dict[str, float] = field(default_factory=dict)
    noisy: bool = False
    times: dict[str, HostArray] = field(default_factory=dict)


class Look:
    """A program that looks into a model, for any values of its weights.

    Args:
        twin: a model like the one that is examined, which may be traced.
        part: some samples.
    """

    def __init__(self, twin: Model, part: Part):
        self.twin, self.part = twin, part
        every = layers_called(twin)
        self.watched = without_base([layer for layer in every if not getattr(layer, "layers", None)])
        known = not any(overrides(twin, name) for name in OWN_STEPS)
        self.recurrent = [layer for layer in every if isinstance(layer, RNN) and known]
        self.kernels: list[tuple[str, int]] = [
            (layer.name, index)
            for layer in (self.watched if known else [])
            for index, variable in enumerate(twin.variables)
            if variable is main_weight(layer) and variable.trainable
        ]
        # What stands in for nothing in front of recurrent layers, so that there is a gradient at each time step.
        self.nothing: dict[str, jax.ShapeDtypeStruct] = {}
        self._program: Callable[..., object] | None = None
        self._can_differ = True

    def __call__(self, values: list[HostArray], twice: bool = True) -> Signals:
        """What is found with some weights; `twice` to know whether a second look gives something else."""
        x, y = HERE.put_samples((self.part.x, self.part.y))
        given = HERE.put_state(values)
        key = jnp.zeros((2,), jnp.uint32)
        if self._program is None:
            if self.recurrent:
                # A function of its own: JAX keeps what it traced of the other.
                jax.eval_shape(lambda *args: self._look(*args), given, x, y, key)
            traced = jax.jit(self._look).trace(given, x, y, key)
            inner = cast(Closed, traced.jaxpr).jaxpr
            self._can_differ = can_differ(inner, inner.invars[-1])
            compiled = traced.lower().compile(compiler_options=compiler_options(once=True))
            self._program = cast("Callable[..., object]", compiled)
        outputs, loss, seen, gradients, times = jax.tree.map(
            np.asarray, cast("tuple[Array, ...]", self._program(given, x, y, key))
        )
        one = again = jax.tree.leaves(outputs)[0]
        if twice and self._can_differ:
            second = cast("tuple[Array, ...]", self._program(given, x, y, key + 1))
            again = np.asarray(jax.tree.leaves(second[0])[0])
        noted = cast("dict[str, dict[str, float]]", seen)
        return Signals(
            one,
            float(loss),
            {layer.name: {k: float(v) for k, v in noted[layer.name].items()} for layer in self.watched if layer.name in noted},
            {name: float(size) for (name, _), size in zip(self.kernels, gradients, strict=True)},
            {name: float(np.sqrt((np.asarray(values[i], np.float64) ** 2).mean())) for name, i in self.kernels},
            bool(np.abs(one - again).max() > 1e-6 * max(1e-12, float(np.abs(one).max())))
            if one.size and np.isfinite(one).all()
            else False,
            cast("dict[str, HostArray]", times),
        )

    def _look(self, values: list[Array], x: object, y: object, key: Array) -> tuple[object, ...]:
        places = [index for _, index in self.kernels]

        def objective(chosen: tuple[list[Array], dict[str, Array]]) -> tuple[Array, tuple[object, dict[str, dict[str, Array]]]]:
            full, (kernels, nothing) = list(values), chosen
            for index, value in zip(places, kernels, strict=True):
                full[index] = value
            seen: dict[str, dict[str, Array]] = {}
            variables: list[Variable] = self.twin.variables
            # A loss of one's own may count in measures.
            counts = [v for metric in self.twin.metrics for v in metric.variables if not any(v is w for w in variables)]
            with ExitStack() as stack:
                for layer in self.watched:
                    stack.enter_context(watched(layer, note_output(layer, seen)))
                    if isinstance(layer, BatchNormalization):
                        stack.enter_context(watched_inputs(layer, note_statistics(layer, seen)))
                for layer in self.recurrent:
                    stack.enter_context(watched_inputs(layer, self._add_nothing(layer.name, nothing)))
                with Scope([*variables, *counts], [*full, *(v.value for v in counts)], None, key) as scope:
                    outputs = self.twin(x, training=False)
                    total = self._loss(scope, x, y, outputs)
            return jnp.asarray(total, jnp.float32), (outputs, seen)

        chosen = ([values[i] for i in places], {name: jnp.zeros(a.shape, a.dtype) for name, a in self.nothing.items()})
        (loss, (outputs, seen)), (gradients, along) = jax.value_and_grad(objective, has_aux=True)(chosen)
        # (samples, time, features) -> (time,)
        times = {name: jnp.sqrt(jnp.mean(jnp.square(g), axis=(0, *range(2, g.ndim)))) for name, g in along.items()}
        return outputs, loss, seen, [jnp.sqrt(jnp.mean(jnp.square(g))) for g in gradients], times

    def _loss(self, scope: Scope, x: object, y: object, outputs: object) -> Array:
        """What training lowers, without the penalties of weights."""
        if overrides(self.twin, "compute_loss"):
            return compute_own_loss(self.twin, x, y, outputs)
        made = compilation_of(self.twin, "examine")
        total = made.objective(y, outputs)[0] if y is not None else jnp.zeros(())  # type: ignore[arg-type]
        for loss in scope.losses:
            total = total + jnp.sum(jnp.asarray(loss, jnp.float32))
        return total

    def _add_nothing(self, name: str, nothing: dict[str, Array]) -> Callable[[Array], Array]:
        """Adds zeros to what a recurrent layer is given, or notes their shape where they are not made yet."""

        def change(inputs: Array) -> Array:
            if name in nothing:
                return inputs + nothing[name]
            if isinstance(inputs, jax.Array) and jnp.issubdtype(inputs.dtype, jnp.floating):
                self.nothing[name] = jax.ShapeDtypeStruct(inputs.shape, inputs.dtype)
            return inputs

        return change


def layers_called(model: Layer) -> list[Layer]:
    """The layers of a model and of models within it, each once."""
    found: dict[int, Layer] = {}
    for layer in getattr(model, "layers", ()):
        for each in (*layers_called(layer), layer):
            found.setdefault(id(each), each)
    return list(found.values())


def without_base(layers: list[Layer]) -> list[Layer]:
    """The layers without those of a frozen base in front, of which a few normalizations say whether its inputs fit."""
    begin = next((place for place, layer in enumerate(layers) if layer.trainable_weights), len(layers))
    base = layers[:begin] if any(layer.weights for layer in layers[:begin]) else []
    norms = [layer for layer in base if isinstance(layer, BatchNormalization)]
    return [*norms[:4], *layers[len(base) :]] if len(base) > 8 else layers


def main_weight(layer: Layer) -> Variable | None:
    """The weight that does most of a layer's work, where it is trained or could be."""
    for owner in (layer, getattr(layer, "cell", None)):
        for name in ("kernel", "depthwise_kernel", "embeddings"):
            weight = getattr(owner, name, None) if owner is not None else None
            if isinstance(weight, Variable) and jnp.issubdtype(weight.dtype, jnp.floating):
                return weight
    return None


def note_output(layer: Layer, seen: dict[str, dict[str, Array]]) -> Callable[[Array], Array]:
    """Notes what a layer gives, and hands it on."""
    name, activation = layer.name, activation_of(layer)

    def change(output: Array) -> Array:
        if isinstance(output, jax.Array) and jnp.issubdtype(output.dtype, jnp.floating) and output.ndim >= 2:
            seen[name] = {**seen.get(name, {}), **measure_output(jax.lax.stop_gradient(output), activation)}
        return output

    return change


def measure_output(output: Array, activation: str | None) -> dict[str, Array]:
    """Numbers about what a layer gives: its size, the share of dead units, the share of saturated values."""
    flat = output.reshape(-1, output.shape[-1]).astype(jnp.float32)
    found = {"size": jnp.sqrt(jnp.mean(flat**2)), "units": jnp.float32(flat.shape[-1]), "spread": jnp.std(flat, axis=0).mean()}
    if activation in RELUS and len(flat) >= ROWS:
        found["dead"] = jnp.mean(jnp.max(flat, axis=0) <= 0)
    if activation in SQUASHING:
        low, high = SQUASHING[activation]
        found["saturated"] = jnp.mean((flat <= low) | (flat >= high))
    return found


class watched_inputs:
    """Within the block, what a layer is given goes through a function first."""

    def __init__(self, layer: Layer, change: Callable[[Array], Array]):
        self.layer, self.change = layer, change

    def __enter__(self) -> None:
        change, call = self.change, self.layer.call

        def changed(inputs: Array, *args: object, **kwargs: object) -> Array:
            return cast("Array", call(change(inputs), *args, **kwargs))

        self.before = self.layer.__dict__.get("call")
        self.layer.__dict__["call"] = changed

    def __exit__(self, *exc_info: object) -> None:
        if self.before is None:
            del self.layer.__dict__["call"]
        else:
            self.layer.__dict__["call"] = self.before


def note_statistics(layer: BatchNormalization, seen: dict[str, dict[str, Array]]) -> Callable[[Array], Array]:
    """Notes how the inputs of a batch normalization fit its statistics, and hands them on."""

    def change(inputs: Array) -> Array:
        axes = [axis for axis in range(inputs.ndim) if axis != inputs.ndim - 1]
        given = jax.lax.stop_gradient(inputs)
        mean, variance = jnp.mean(given, axis=axes), jnp.var(given, axis=axes)
        kept = jax.lax.stop_gradient(jnp.asarray(layer.moving_variance)) + 1e-3
        off = jnp.abs(mean - jax.lax.stop_gradient(jnp.asarray(layer.moving_mean))) / jnp.sqrt(kept)
        ratio = jnp.median((variance + 1e-3) / kept)
        seen[layer.name] = {**seen.get(layer.name, {}), "off": jnp.median(off), "ratio": ratio}
        return inputs

    return change


# What the looks say


def check_signals(case: Case, now: Signals, first: Signals) -> Iterator[Finding]:
    """Findings about what layers give and get.

    Args:
        case: the case.
        now: what was seen with the weights as they are.
        first: what was seen with first weights of the same initializers.
    """
    broken = list(check_finite(first))
    yield from broken
    if broken:
        return
    yield from check_dead(case, now, first)
    yield from check_saturated(case, now, first)
    yield from check_gradients(case, now, first)
    yield from check_norms(case, now)
    if now.noisy:
        yield found(
            "random_predictions",
            "serious",
            "Two predictions for the same inputs differ: a layer such as dropout is called with training=True, so it acts in "
            "prediction as well. Leave the argument out.",
            "model(x)  # layers without training=True",
            "Keras documentation: the argument training",
            4.0,
        )


def hidden(case: Case, name: str) -> bool:
    """Whether a layer is not the one that gives the output."""
    return case.last is None or case.last.name != name


def first_not_finite(seen: Signals) -> tuple[str, str]:
    """("layer", the first that gives what is not finite), ("slope", the last layer before an infinite one) or ("loss", "")."""
    broken = next((name for name, numbers in seen.layers.items() if not np.isfinite(numbers["size"])), None)
    if broken is not None:
        return "layer", broken
    endless = [name for name, size in seen.gradients.items() if not np.isfinite(size)]
    return ("slope", endless[-1]) if endless else ("loss", "")


def size_before(seen: Signals, name: str) -> float:
    """The size of what the layers before one give, the largest of them; 0 where none is before it."""
    names = list(seen.layers)
    return max((seen.layers[each]["size"] for each in names[: names.index(name)]), default=0.0)


def is_layers_fault(seen: Signals, largest: float) -> bool:
    """Whether a layer gives what is not finite, though neither what reaches it nor a weight is large."""
    kind, name = first_not_finite(seen)
    return kind == "layer" and max(size_before(seen, name), largest) < ORDINARY


def check_finite(first: Signals) -> Iterator[Finding]:
    """Layers that give NaN, or have an infinite slope, with first weights and data that is in order."""
    kind, name = first_not_finite(first)
    if kind == "layer":
        text = "{name} gives NaN or infinite numbers with first weights already, so the learning rate is not to blame."
    elif kind == "slope":
        text = "What follows {name} has an infinite slope: the first gradients are NaN, though all outputs are numbers."
    else:
        return
    yield found(
        "layer_gives_nan",
        "certain",
        text + " Look for a logarithm, root or quotient of what may be {zero} or negative; add a small number, or clip there.",
        "ops.log(ops.maximum(x, 1e-6)); ops.sqrt(x + 1e-6); a / (b + 1e-6)",
        GOODFELLOW_NUMBERS,
        9.8,
        name=name,
        zero=0,
    )


def check_sequences(case: Case, now: Signals, first: Signals, scores: Scores) -> Iterator[Finding]:
    """Sequences whose beginning a recurrent layer does not hear of, where the network does not learn."""
    layer = next((each for each in case.layers if isinstance(each, RNN) and each.name in first.times), None)
    poor = np.isfinite(scores.own) and scores.own < max(scores.reference, scores.constant + scores.noise)
    if layer is None or not poor:
        return
    # Where simple models find nothing either, it is not known that there is something to hear.
    sure = scores.reference > scores.constant + scores.noise
    begun, after = first.times[layer.name], now.times[layer.name]
    if layer.go_backwards:
        begun, after = begun[::-1], after[::-1]
    part = len(begun) // 5
    if len(begun) < LONG or not (np.isfinite(begun).all() and np.isfinite(after).all()):
        return
    early, late = float(begun[:part].mean()), float(begun[-part:].mean())
    if late > 0 and early < FADED * late and after[:part].mean() < 10 * FADED * after[-part:].mean():
        yield found(
            "sequence_too_long",
            "serious" if sure else "mild",
            "{steps} time steps are too many for {name}: the gradient of the first fifth is {early:.1e}, of the last "
            "{late:.1e}, so it learns from the end alone. Shorten the sequences, or put pooling or a strided convolution "
            "in front; of a simple layer, use an LSTM.",
            "layers.Conv1D(16, 5, strides=4, activation='relu')  # before the recurrent layer",
            PASCANU,
            5.4,
            steps=len(begun),
            name=layer.name,
            early=early,
            late=late,
        )


def check_dead(case: Case, now: Signals, first: Signals) -> Iterator[Finding]:
    """ReLU units that give 0 for every sample."""
    dead = {name: n["dead"] for name, n in now.layers.items() if "dead" in n and n["units"] >= 2}
    worst = max((name for name in dead if hidden(case, name)), key=lambda name: dead[name], default=None)
    last = case.last.name if case.last is not None else ""
    if dead.get(last, 0.0) > 0.99 or now.layers.get(last, {}).get("dead", 0.0) > 0.99:
        worst = last
    share = now.layers[worst]["dead"] if worst else 0.0
    if worst is None or share < 0.5:
        return
    before = first.layers.get(worst, {}).get("dead", 0.0)
    when = "already at the start" if before > 0.8 * share else "of which {before:.0%} were so at the start"
    yield found(
        "dead_units",
        "certain" if share > 0.99 else "serious" if share > 0.7 else "mild",
        "{share:.0%} of the {units:.0f} ReLU units of {name} give 0 for every sample ("
        + when
        + "): no gradient reaches them, so "
        "they never learn again. Lower the rate, scale the inputs, or use leaky ReLU.",
        "layers.Dense(..., activation='leaky_relu')",
        LU,
        6.0 if share > 0.99 else 4.0,
        share=share,
        units=now.layers[worst]["units"],
        name=worst,
        before=before,
    )


def check_saturated(case: Case, now: Signals, first: Signals) -> Iterator[Finding]:
    """Sigmoid or tanh units at the ends of their range."""
    seen = {
        name: n["saturated"]
        for name, n in now.layers.items()
        if "saturated" in n and hidden(case, name) and not is_recurrent(case, name)
    }
    if not seen:
        return
    worst = max(seen, key=lambda name: seen[name])
    if seen[worst] < 0.6:
        return
    before = first.layers.get(worst, {}).get("saturated", 0.0)
    yield found(
        "saturated_units",
        "serious" if seen[worst] > 0.8 else "mild",
        "{share:.0%} of what {name} gives lies at the ends of its {activation} ({before:.0%} with first weights), where "
        "the slope is almost "
        "{zero}: hardly any gradient gets through. Scale the inputs, use smaller first weights, or ReLU.",
        "layers.Dense(..., activation='relu')",
        GLOROT,
        3.8,
        share=seen[worst],
        name=worst,
        before=before,
        zero=0,
        activation=next((activation_of(layer) or "" for layer in case.layers if layer.name == worst), ""),
    )


def is_recurrent(case: Case, name: str) -> bool:
    return any(isinstance(layer, RNN) for layer in case.layers if layer.name == name)


def check_gradients(case: Case, now: Signals, first: Signals) -> Iterator[Finding]:
    """Gradients that vanish or explode on the way, first weights of a wrong size, layers that never change."""
    names = [name for name in first.gradients if is_trained(case, name)]
    sizes = [first.gradients[name] for name in names]
    if len(names) < 2 or not np.isfinite(sizes).all():
        return
    zero = [name for name, size in zip(names, sizes, strict=True) if size == 0 and now.gradients[name] == 0]
    if zero and len(zero) < len(names):
        yield found(
            "layer_never_changes",
            "serious",
            "{name} gets no gradient at all, neither now nor with first weights, so training never changes it: it is not "
            "connected to the "
            "loss, or all that stands behind it is dead.",
            f"model.get_layer({zero[0]!r})  # is it used, and is there a path to the output?",
            GLOROT,
            4.0,
            name=zero[0],
        )
        return
    yield from check_first_weights(case, first, names)
    ratio = sizes[0] / max(sizes[-1], 1e-30)
    if len(names) >= 4 and ratio < 1e-3:
        yield found(
            "vanishing_gradients",
            "serious",
            "Gradients vanish: at the start that of {first} is {small:.1e}, that of {last} {large:.1e}, over {count} "
            "layers with weights. "
            "The first layers hardly learn. Use ReLU with he_normal, normalization, or shortcuts.",
            "layers.Dense(..., activation='relu', kernel_initializer='he_normal')",
            GLOROT,
            6.2,
            first=names[0],
            small=sizes[0],
            last=names[-1],
            large=sizes[-1],
            count=len(names),
        )
    elif len(names) >= 3 and max(sizes) > 1e3 and case.scales_itself is False and not has_large_inputs(case):
        yield found(
            "exploding_gradients",
            "serious",
            "Gradients explode: with first weights that of {name} is {large:.1e}, so one step changes everything. Use "
            "clipnorm, smaller "
            "first weights or normalization.",
            "kerata.optimizers.Adam(clipnorm=1.0)",
            PASCANU,
            6.4,
            name=names[int(np.argmax(sizes))],
            large=max(sizes),
        )


def has_large_inputs(case: Case) -> bool:
    """Whether the size of the gradients is that of the data."""
    arrays = [*case.train.inputs, case.train.target] if case.train is not None else []
    return any(a is not None and a.dtype.kind == "f" and a.size and float(np.abs(a).max()) > 30 for a in arrays)


def is_trained(case: Case, name: str) -> bool:
    return any(layer.name == name and layer.trainable_weights for layer in case.layers)


def check_first_weights(case: Case, first: Signals, names: list[str]) -> Iterator[Finding]:
    """First weights that are much larger or smaller than the layer's inputs call for."""
    for layer in case.layers:
        weight = main_weight(layer)
        if layer.name not in names or weight is None or len(weight.shape) < 2 or hasattr(layer, "embeddings"):
            continue
        inputs = int(np.prod(weight.shape[:-1]))
        scale = first.weights[layer.name] * np.sqrt(inputs)
        if scale > 6 or scale < 0.03:
            word = "large" if scale > 6 else "small"
            yield found(
                "bad_first_weights",
                "serious",
                f"The first weights of {{name}} are too {word}: with {{inputs}} inputs and weights of size {{size:.2g}} a "
                f"signal is multiplied "
                "by about {scale:.2g}; {good} would keep it. Use glorot_uniform, or he_normal with ReLU.",
                "layers.Dense(..., kernel_initializer='he_normal')",
                HE,
                6.8,
                name=layer.name,
                inputs=inputs,
                size=first.weights[layer.name],
                scale=float(scale),
                good=1,
            )
            return


def check_norms(case: Case, now: Signals) -> Iterator[Finding]:
    """Statistics of batch normalization that do not fit what comes in."""
    for name, numbers in now.layers.items():
        off, ratio = numbers.get("off", 0.0), numbers.get("ratio", 1.0)
        if off > 2 or ratio > 10 or ratio < 0.1:
            frozen = not is_trained(case, name)
            reason = (
                "it is frozen, and was trained on other data" if frozen else "there were too few steps for its moving averages"
            )
            yield found(
                "norm_statistics",
                "serious",
                f"The statistics that {{name}} uses in prediction do not fit: what comes in lies {{off:.1f}} spreads away, "
                f"with {{ratio:.2g}} "
                f"times the variance; {reason}. Train it longer, lower its momentum, or prepare the data as before.",
                "layers.BatchNormalization(momentum=0.9)" if not frozen else "base.trainable = True  # or preprocess_input(x)",
                NOTES,
                4.0,
                name=name,
                off=off,
                ratio=ratio,
            )
            return
