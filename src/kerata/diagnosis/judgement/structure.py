"""What the list of layers says: layers that fight, that are frozen, that see padding."""

import itertools
from collections.abc import Iterator

import numpy as np

from kerata.diagnosis.judgement.case import Case
from kerata.diagnosis.judgement.finding import Finding, found
from kerata.layers import Activation, BatchNormalization, Bidirectional, Dropout, Embedding, Flatten, Layer, Masking
from kerata.layers.recurrent import RNN

VARIANCE = "Li et al., Understanding the Disharmony between Dropout and Batch Normalization, 2019"
DROPOUT = "Srivastava et al., Dropout, 2014"
IOFFE = "Ioffe and Szegedy, Batch Normalization, 2015"
NOTES = "Chollet, Deep Learning with Python, 8.3: freezing and fine-tuning"
TRANSFER = "Keras documentation: preprocess_input of each application"
# What the pictures of a base must be like, by how its name begins; longer names first.
PREPARED = {
    "resnet50v2": "signed",
    "resnet101v2": "signed",
    "resnet152v2": "signed",
    "mobilenetv3": "bytes",
    "mobilenet": "signed",
    "xception": "signed",
    "inception": "signed",
    "nasnet": "signed",
    "efficientnet": "bytes",
    "convnext": "bytes",
    "vgg": "centred",
    "resnet": "centred",
}
# Layers before a base that leave the numbers of a picture as they are.
PASSING = (
    "InputLayer",
    "RandomFlip",
    "RandomRotation",
    "RandomZoom",
    "RandomTranslation",
    "RandomCrop",
    "Resizing",
    "CenterCrop",
)
WANTED = {
    "signed": ("from -1 to 1", "x / 127.5 - 1"),
    "bytes": ("from 0 to 255", "x * 255"),
    "centred": ("from 0 to 255 less the mean colour", "kerata.applications.vgg16.preprocess_input(x)"),
}
MASKS = "Keras documentation: masking and padding"


def check_structure(case: Case) -> Iterator[Finding]:
    """Findings about layers, before any number is looked at."""
    yield from check_frozen(case)
    yield from check_normalization(case)
    yield from check_dropout(case)
    yield from check_padding(case)
    yield from check_states(case)
    yield from check_preparation(case)


def has_weights(layer: Layer) -> bool:
    """Whether a layer, and not one within it, has weights that could be trained."""
    return bool(layer.weights) and not getattr(layer, "layers", None) and not isinstance(layer, BatchNormalization)


def check_frozen(case: Case) -> Iterator[Finding]:
    """Layers that are not trained: all, or the last one."""
    weighted = [layer for layer in case.layers if has_weights(layer)]
    trained = [layer for layer in weighted if layer.trainable_weights]
    if not weighted:
        return
    if not case.model.trainable_weights:
        yield found(
            "all_frozen",
            "certain",
            "No weight of the model is trainable ({layers} layers with weights are frozen), so training changes nothing. Set "
            "trainable = True on the layers that should learn, and compile again.",
            "model.layers[-1].trainable = True; model.compile(...)",
            NOTES,
            10.0,
            layers=len(weighted),
        )
    elif case.last_weighted is not None and not case.last_weighted.trainable_weights and len(trained) < len(weighted):
        yield found(
            "head_frozen",
            "certain",
            "The last layer, {name}, is frozen while {trained} of {layers} layers are trained: the part that must learn "
            "the new task "
            "cannot. Set trainable = True on it, and compile again.",
            f"model.get_layer({case.last_weighted.name!r}).trainable = True; model.compile(...)",
            NOTES,
            9.0,
            name=case.last_weighted.name,
            trained=len(trained),
            layers=len(weighted),
        )


def check_normalization(case: Case) -> Iterator[Finding]:
    """Batch normalization whose batches are tiny."""
    norms = [layer for layer in case.layers if isinstance(layer, BatchNormalization) and layer.trainable]
    if norms and case.batch_size <= 4:
        yield found(
            "tiny_batches_of_norm",
            "serious",
            "Batch normalization is trained with batches of {size}: mean and spread of so few samples are noise, which "
            "differs from what "
            "is used in prediction. Use batches of {right} or more, or layer normalization.",
            "model.fit(x, y, batch_size=32)",
            IOFFE,
            4.0,
            size=case.batch_size,
            right=16,
        )


def check_dropout(case: Case) -> Iterator[Finding]:
    """Dropout before batch normalization, together with L2, or too much of it."""
    layers = [layer for layer in case.layers if not isinstance(layer, (Activation, Flatten))]
    for before, after in itertools.pairwise(layers):
        if isinstance(before, Dropout) and isinstance(after, BatchNormalization) and rate_of(before) > 0:
            yield found(
                "dropout_before_norm",
                "mild",
                "{name} (rate {rate:g}) stands right before batch normalization: dropout changes the spread in training "
                "only, so the "
                "statistics that are kept do not fit prediction. Put dropout behind the last normalization.",
                "BatchNormalization() first, then Dropout()",
                VARIANCE,
                3.0,
                name=before.name,
                rate=rate_of(before),
            )
            break
    for before, after in itertools.pairwise(layers):
        penalty = penalty_of(before)
        if penalty > 0 and isinstance(after, Dropout) and rate_of(after) > 0:
            yield found(
                "dropout_with_l2",
                "mild",
                "{name} has an L2 penalty of {penalty:g} and dropout of {rate:g} behind it: both restrain the same layer, "
                "and L2 shrinks what "
                "dropout needs large. Keep one of the two, dropout first.",
                f"layers.{type(before).__name__}(...)  # no kernel_regularizer, Dropout({rate_of(after):g}) stays",
                DROPOUT,
                2.0,
                name=before.name,
                penalty=penalty,
                rate=rate_of(after),
            )
            break
    strong = [layer for layer in case.dropouts if rate_of(layer) >= 0.7]
    if strong:
        yield found(
            "too_much_dropout",
            "serious" if rate_of(strong[0]) >= 0.8 else "mild",
            "{name} drops {rate:.0%} of what it is given, so only {left:.0%} gets through in training. Rates from {low:g} "
            "to {high:g} are "
            "usual; more keeps the network from learning.",
            "layers.Dropout(0.3)",
            DROPOUT,
            3.0,
            name=strong[0].name,
            rate=rate_of(strong[0]),
            left=1 - rate_of(strong[0]),
            low=0.2,
            high=0.5,
        )


def rate_of(layer: Dropout) -> float:
    """The rate of dropout."""
    return float(layer.rate or 0.0)


def penalty_of(layer: Layer) -> float:
    """The factor of a layer's L2 penalty, 0 without."""
    penalty = getattr(layer, "kernel_regularizer", None)
    return float(getattr(penalty, "l2", 0.0) or 0.0)


def check_padding(case: Case) -> Iterator[Finding]:
    """Recurrent layers that go on reading where a sequence has ended."""
    recurrent = [layer for layer in case.layers if isinstance(layer, (RNN, Bidirectional))]
    if case.train is None or not recurrent or len(case.train.inputs) != 1:
        return
    if any(isinstance(layer, Masking) or (isinstance(layer, Embedding) and layer.mask_zero) for layer in case.layers):
        return
    values = case.train.inputs[0][:2000]
    empty = values == 0 if values.ndim == 2 else (values == 0).all(tuple(range(2, values.ndim)))
    if values.ndim > 3 or (values.ndim == 2 and not case.embeddings):
        return
    ends = np.cumprod(empty[:, ::-1], axis=1)[:, ::-1].mean()
    begins = np.cumprod(empty, axis=1).mean()
    if ends > 0.15:
        yield found(
            "padding_not_masked",
            "serious",
            "{ends:.0%} of the time steps are zeros behind the end of a sequence, and the recurrent layer reads them all: "
            "what it knew "
            "fades until the output is taken. Use mask_zero=True or a Masking layer, or pad in front.",
            f"layers.Embedding({case.embeddings[0].input_dim}, {case.embeddings[0].output_dim}, mask_zero=True)"
            if case.embeddings
            else "layers.Masking(0.0)",
            MASKS,
            4.0,
            ends=float(ends),
        )
    elif begins > 0.3:
        yield found(
            "padding_not_masked",
            "hint",
            "{begins:.0%} of the time steps are zeros in front of a sequence, which the recurrent layer reads as words. It "
            "often copes; "
            "mask_zero=True or a Masking layer spares it.",
            "layers.Embedding(..., mask_zero=True)",
            MASKS,
            0.0,
            begins=float(begins),
        )


def check_states(case: Case) -> Iterator[Finding]:
    """States that go from one sequence into the next."""
    kept = [layer for layer in case.layers if isinstance(layer, RNN) and layer.stateful]
    if kept and (case.shuffled or len(case.curve("loss")) > 1):
        how = "the batches are shuffled" if case.shuffled else "nothing resets them between epochs, unless a callback does"
        yield found(
            "stateful",
            "mild",
            f"{{name}} is stateful: what it ends a batch with begins the next, but {how}. Use stateful=False, or "
            f"shuffle=False and "
            "reset_state() after each epoch.",
            "model.fit(x, y, shuffle=False); layer.reset_state()  # each epoch",
            "Keras documentation: cross-batch statefulness",
            2.5,
            name=kept[0].name,
        )


def check_preparation(case: Case) -> Iterator[Finding]:
    """Pictures that are not what a base was trained on."""
    if case.train is None or len(case.train.inputs) != 1 or case.train.inputs[0].ndim != 4:
        return
    for layer in case.model.layers:
        if getattr(layer, "layers", None):
            name = layer.name.lower().replace("_", "").replace("-", "")
            kind = next((kind for begin, kind in PREPARED.items() if name.startswith(begin)), None)
            pictures = case.train.inputs[0][:500].astype(float)
            low, high = float(pictures.min()), float(pictures.max())
            fits = {
                "signed": -1.5 <= low < -0.3 and high <= 1.5,
                "bytes": low >= 0 and high > 20,
                "centred": low < -20 and high > 20,
            }
            if kind is not None and not fits[kind]:
                text, line = WANTED[kind]
                yield found(
                    "preprocessing_differs",
                    "serious",
                    f"The base {{name}} was trained on pictures {text}, and is given numbers from {{low:.3g}} to "
                    f"{{high:.3g}}: what it "
                    "learned does not fit them. Use the preprocess_input of its family.",
                    f"x = {line}",
                    TRANSFER,
                    7.5,
                    name=layer.name,
                    low=low,
                    high=high,
                    evidence_range=text,
                )
            return
        if layer.weights or type(layer).__name__ not in PASSING:
            return
