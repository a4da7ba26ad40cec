"""Pairs of output, loss and targets that do not fit: known before the first step."""

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import jax
import numpy as np

from kerata.diagnosis.judgement.case import Case, Part, activation_of
from kerata.diagnosis.judgement.finding import LONGEST, Finding, found
from kerata.layers import Layer
from kerata.training.certain import REACH
from kerata.training.compilation import output_names_of

NOTES = "Keras documentation: which last layer goes with which loss"
BISHOP = "Bishop, Pattern Recognition and Machine Learning, 4.3: the loss belongs to the output's activation"
PROBABILITIES = ("sigmoid", "softmax", "hard_sigmoid", "log_softmax")
# What activations give that are no probabilities.
OTHERS = {
    "tanh": "numbers from -1 to 1",
    "softsign": "numbers from -1 to 1",
    "relu": "any number from 0 up",
    "softplus": "any number from 0 up",
    "exponential": "any number from 0 up",
    "relu6": "numbers from 0 to 6",
}
ENTROPIES = ("binary", "one-hot", "classes")


def check_pairs(case: Case) -> Iterator[Finding]:
    """Findings about each output, its loss and its targets."""
    for name, each in outputs_of(case):
        for finding in check_output(each):
            prefix = f"Output {name}: "
            short = bool(name) and len(prefix) + len(finding.sentence) <= LONGEST
            text = prefix + finding.sentence if short else finding.sentence
            evidence = {**finding.evidence, "output": name} if name else finding.evidence
            yield replace(finding, sentence=text, evidence=evidence)


def outputs_of(case: Case) -> Iterator[tuple[str, Case]]:
    """The case as it is for each output, with the output's name; without one where there is one output alone.

    Of several outputs, those whose layer, loss and targets can be told apart.
    """
    objective, known = case.objective, output_names_of(case.model)
    names = known.keys if known is not None else []
    terms = objective.terms if objective is not None else []
    if len(names) < 2 or len(set(names)) != len(names):
        yield "", case
        return
    shapes = jax.tree.leaves(case.model.output_shape, is_leaf=is_shape)
    layers = [tensor.history[0] for tensor in case.model.outputs]
    for term in terms:
        place, name = cast("int", term.place), cast("str", term.name)
        if not len(shapes) == len(layers) == len(names) or not isinstance(layers[place], Layer):
            continue
        layer, shape = layers[place], shapes[place]
        train, held = (target_of(part, name, place, len(names)) for part in (case.train, case.held))
        each = replace(case, train=train, held=held)
        vars(each).update(last=layer, units=shape[-1] if shape else None, loss=term.loss, is_one_of_several=True)
        yield name, each


def is_shape(tree: object) -> bool:
    """Whether this is the shape of one output."""
    return isinstance(tree, tuple) and all(size is None or isinstance(size, int) for size in tree)


def target_of(part: Part | None, name: str, place: int, count: int) -> Part | None:
    """A part of the data with the targets of one output alone; without targets where these cannot be told apart."""
    if part is None:
        return None
    y = part.y
    if isinstance(y, dict):
        return Part(part.x, y.get(name), part.groups)
    if isinstance(y, (list, tuple)) and len(y) == count:
        return Part(part.x, y[place], part.groups)
    return Part(part.x, None, part.groups)


def check_output(case: Case) -> Iterator[Finding]:
    """Findings about one output."""
    activation, units = case.output_activation, case.units
    if activation is None or case.loss is None:
        return
    if not case.is_one_of_several:
        yield from check_two(case, activation)
    entropy = case.form in ENTROPIES and "entropy" in case.loss_name
    if units == 1 and (activation == "softmax" or (case.form == "one-hot" and entropy)):
        yield say_one_unit(activation, case)
        return
    if entropy and case.from_logits and activation in ("sigmoid", "softmax"):
        yield found(
            "double_activation",
            "certain",
            "The loss has from_logits=True, so it applies {activation} itself, but the output has been through "
            "{activation} already: "
            "done twice, it flattens the predictions and slows learning. Drop one of the two.",
            f"layers.Dense({units or '...'})  # no activation, with from_logits=True",
            NOTES,
            9.0,
            activation=activation,
        )
    elif entropy and not case.from_logits and activation not in PROBABILITIES:
        right = "sigmoid" if case.form == "binary" else "softmax"
        gives = OTHERS.get(activation, "any number")
        yield found(
            "no_probabilities",
            "certain",
            "The loss {loss} expects probabilities, but the output's activation is {activation}, which gives {gives}. "
            "Give the last layer activation='{right}', or the loss from_logits=True.",
            f"layers.Dense({units or '...'}, activation={right!r})",
            NOTES,
            9.0,
            loss=case.loss_name,
            activation=activation,
            gives=gives,
            right=right,
        )
    yield from check_kinds(case, activation, units or 0)
    yield from check_reach(case, activation)
    yield from check_numbering(case, units or 0)


def check_two(case: Case, activation: str) -> Iterator[Finding]:
    """An activation of its own behind a layer that has one already."""
    layers = list(case.model.layers)
    before = layers[-2] if len(layers) > 1 and layers[-1] is case.last else None
    last = case.last
    if before is None or last is None or last.weights or activation not in ("sigmoid", "softmax"):
        return
    inner = activation_of(before) if getattr(before, "units", None) is not None else None
    if inner not in ("relu", "sigmoid", "softmax", "tanh"):
        return
    yield found(
        "double_activation",
        "certain",
        "The output goes through two activations, {inner} of {name} and then {outer}: what comes out of the first is bounded, "
        "so the second cannot give all probabilities. Give {name} no activation.",
        f"layers.Dense({case.units}), layers.Activation({activation!r})",
        NOTES,
        9.0,
        inner=inner,
        outer=activation,
        name=before.name,
    )


def say_one_unit(activation: str, case: Case) -> Finding:
    """A softmax, or a loss over classes, of one unit."""
    if activation == "softmax":
        return found(
            "softmax_of_one",
            "certain",
            "The output is a softmax of {units} unit, which is always {value}: no input can change the prediction, so "
            "nothing can be "
            "learned. Use activation='sigmoid' with binary_crossentropy.",
            "layers.Dense(1, activation='sigmoid')",
            NOTES,
            10.0,
            units=1,
            value=1,
        )
    return found(
        "softmax_of_one",
        "certain",
        "The loss {loss} compares classes, but there is {units} output, so one class: the loss is the same whatever is "
        "predicted. "
        "Use activation='sigmoid' with binary_crossentropy.",
        "model.compile(optimizer, 'binary_crossentropy')",
        NOTES,
        10.0,
        units=1,
        loss=case.loss_name,
    )


def check_kinds(case: Case, activation: str, units: int) -> Iterator[Finding]:
    """Losses of another kind of target than there is."""
    target = case.train.target if case.train is not None else None
    labels = case.labels(case.train)
    if target is None or labels is None:
        return
    one_hot = target.ndim == 2 and target.shape[1] > 1
    if case.form == "binary" and "entropy" in case.loss_name and one_hot and units > 1 and activation == "softmax":
        yield found(
            "softmax_with_binary",
            "certain",
            "The output is a softmax over {units} classes, but the loss is binary_crossentropy, which judges each class "
            "alone: the "
            "loss and the accuracy look better than they are. Use categorical_crossentropy.",
            "model.compile(optimizer, 'categorical_crossentropy', metrics=['accuracy'])",
            NOTES,
            8.0,
            units=units,
        )
    if case.form in ("one-hot", "classes") and activation in ("sigmoid", "hard_sigmoid") and not case.from_logits and units > 1:
        yield found(
            "sigmoid_with_categorical",
            "serious",
            "There are {units} classes of which one is right, but each output has a sigmoid of its own, so they need not "
            "sum to "
            "{total}. Use activation='softmax' with {loss}.",
            f"layers.Dense({units or '...'}, activation='softmax')",
            NOTES,
            4.0,
            units=units,
            total=1,
            loss=case.loss_name,
        )
    if case.form == "numbers" and is_squared(case) and looks_like_classes(target, labels, activation):
        classes = len(np.unique(labels))
        right = "binary_crossentropy" if classes == 2 and not one_hot else "sparse_categorical_crossentropy"
        right = "categorical_crossentropy" if one_hot else right
        output = "sigmoid" if right.startswith("binary") else "softmax"
        yield found(
            "squared_loss_on_classes",
            "serious",
            "The targets are {classes} classes, but the loss is {loss}, which treats class numbers as amounts and hardly "
            "punishes a "
            "sure mistake. Use {right} with a {output} output.",
            f"layers.Dense({max(classes if output == 'softmax' else 1, 1)}, activation={output!r}); loss={right!r}",
            BISHOP,
            4.5,
            classes=classes,
            loss=case.loss_name,
            right=right,
            output=output,
        )


def is_squared(case: Case) -> bool:
    """Whether the loss is a distance between numbers."""
    return any(word in case.loss_name for word in ("squared", "absolute", "huber", "log_cosh"))


def looks_like_classes(target: np.ndarray, labels: np.ndarray, activation: str) -> bool:
    """Whether whole numbers are classes rather than counts: one-hot vectors, two values, or few integers without a gap."""
    if target.ndim == 2 and target.shape[1] > 1:
        return True
    values, counts = np.unique(labels, return_counts=True)
    if len(values) == 2:
        return set(values) in ({0, 1}, {-1, 1})
    without_gap = len(values) <= 10 and values[0] in (0, 1) and bool((np.diff(values) == 1).all())
    return without_gap and len(values) > 2 and counts.min() >= 5 and (target.dtype.kind in "iu" or activation != "linear")


def check_reach(case: Case, activation: str) -> Iterator[Finding]:
    """Targets outside of what the output can say."""
    target = case.train.target if case.train is not None else None
    if (
        activation not in REACH
        or target is None
        or case.form in ("one-hot", "classes")
        or (case.labels(case.train) is not None and (case.form == "binary" or "hinge" in case.loss_name))
    ):
        return
    low, high = REACH[activation]
    values = target[np.isfinite(target)]
    outside = float(((values < low - 1e-6) | (values > high + 1e-6)).mean()) if values.size else 0.0
    if outside < 0.01:
        return
    upper = "above" if np.isinf(high) else "to"
    yield found(
        "targets_out_of_reach",
        "certain",
        "The output's {activation} gives numbers from {low:g} "
        + ("up" if upper == "above" else "to {high:g}")
        + ", but {outside:.0%} of the "
        "targets, which go from {lowest:.3g} to {highest:.3g}, lie outside and can never be predicted. "
        "Use no activation in the last layer, or scale the targets.",
        f"layers.Dense({case.units or 1})  # no activation",
        NOTES,
        9.5,
        activation=activation,
        low=low,
        high=high,
        outside=outside,
        lowest=float(values.min()),
        highest=float(values.max()),
    )


def check_numbering(case: Case, units: int) -> Iterator[Finding]:
    """Labels that do not start at 0, or classes that never occur."""
    labels = case.train_labels
    if labels is None or case.form != "classes" or units < 2:
        return
    present = np.unique(labels)
    if present[0] == 1 and present[-1] == units - 1 and len(present) == units - 1 and len(present) >= 2:
        yield found(
            "labels_shifted",
            "serious",
            "The labels go from {low} to {high} while the {units} outputs stand for classes {zero} to {high}: class {zero} "
            "never occurs. "
            "If the classes are numbered from {low}, subtract {low} and use {fewer} outputs.",
            f"y = y - 1; layers.Dense({units - 1}, activation='softmax')",
            NOTES,
            4.0,
            low=1,
            high=int(present[-1]),
            units=units,
            zero=0,
            fewer=units - 1,
        )
    elif units > present[-1] + 1 and units - (present[-1] + 1) > 0.5 * units:
        yield found(
            "too_many_outputs",
            "mild",
            "There are {units} outputs but only {classes} classes in the targets (the highest is {high}): {fewer} outputs "
            "would do.",
            f"layers.Dense({int(present[-1]) + 1}, activation='softmax')",
            NOTES,
            0.0,
            units=units,
            classes=len(present),
            high=int(present[-1]),
            fewer=int(present[-1]) + 1,
        )
