"""What a seed stands for: a model, how it is compiled, and how it is trained."""

from typing import Any

import numpy as np

from random_layers import layer_for, operation_for
from random_models import Draw, layer_of, make_inputs, perform


def draw_inputs(d: Draw, few: bool = False) -> list[dict[str, Any]]:
    count = 1 if few or d.some(0.65) else d.randint(2, 3)
    return [draw_input(d) for _ in range(count)]


def draw_input(d: Draw) -> dict[str, Any]:
    kind = d.pick(
        "vector", "vector", "sequence", "sequence", "sequence", "words", "words", "words", "picture", "picture", "volume"
    )
    if kind == "vector":
        return {"kind": kind, "shape": (d.randint(1, 7),), "dtype": "float32"}
    if kind == "sequence":
        shape = (d.randint(3, 7), d.randint(1, 5))
        found: dict[str, Any] = {"kind": kind, "shape": shape, "dtype": "float32", "empty": d.some(0.4)}
        if d.some(0.25):
            found["declared"] = (None, shape[1])
        return found
    if kind == "words":
        found = {
            "kind": kind,
            "shape": (d.randint(3, 7),),
            "dtype": d.pick("int32", "int32", "float32"),
            "words": d.randint(4, 12),
        }
        if d.some(0.2):
            found["declared"] = (None,)
        return found
    if kind == "picture":
        shape = (d.randint(5, 8), d.randint(5, 8), d.randint(1, 4))
        found = {"kind": kind, "shape": shape, "dtype": "float32"}
        if d.some(0.15):
            found["declared"] = (None, None, shape[2])
        return found
    return {"kind": kind, "shape": (d.randint(3, 5), d.randint(3, 5), d.randint(3, 4), d.randint(1, 2)), "dtype": "float32"}


class Builder:
    """Draws a description node by node, and has Keras say of each whether it is possible.

    Args:
        keras: real Keras.
        d: random choices.
        inputs: descriptions of inputs.
        sequential: whether every node takes what the one before made.
    """

    def __init__(self, keras: Any, d: Draw, inputs: list[dict[str, Any]], sequential: bool):
        self.keras, self.d, self.inputs, self.sequential = keras, d, inputs, sequential
        self.nodes: list[dict[str, Any]] = []
        self.made: list[Any] = []
        self.tensors = make_inputs(keras, inputs)
        self.uses = [0] * len(self.tensors)

    def add(self, what: Any, take: list[int], more: dict[str, Any] | None = None) -> bool:
        """Adds a node, unless Keras refuses it or it makes something too large."""
        try:
            layer = layer_of(self.keras, what, self.made)
            doing = self.nodes[what[1]]["do"] if what[0] == "again" else what
            results = perform(self.keras, doing, layer, [self.tensors[t] for t in take], more)
        except Exception:  # whatever Keras says: it is not possible
            return False
        if not results or any(self._unfit(t) for t in results):
            return False
        self.nodes.append({"do": what, "take": take, **({"with": more} if more else {})})
        self.made.append(layer)
        self.tensors += results
        self.uses += [0] * len(results)
        for t in take:
            self.uses[t] += 1
        return True

    def _unfit(self, tensor: Any) -> bool:
        shape = getattr(tensor, "shape", ())
        sizes = [s for s in shape[1:] if s is not None]
        return (
            len(shape) < 2
            or len(shape) > 5
            or shape[0] is not None
            or int(np.prod(sizes or [1])) > 400
            or 0 in sizes
            or "float" not in str(tensor.dtype)
            or shape[-1] is None
        )

    def knows(self, tensor: int) -> bool:
        return all(size is not None for size in self.shape(tensor))

    def shape(self, tensor: int) -> tuple:
        return tuple(self.tensors[tensor].shape[1:])

    def start(self) -> None:
        """Turns numbers of words into vectors."""
        for index, given in enumerate(self.inputs):
            if given["kind"] == "words":
                d = self.d
                more: dict[str, Any] = {"input_dim": given["words"], "output_dim": d.randint(2, 5), "mask_zero": d.some(0.6)}
                if d.some(0.2):
                    more["embeddings_regularizer"] = "l2"
                if d.some(0.1):
                    more["embeddings_constraint"] = "unit_norm"
                assert self.add(("layer", "Embedding", more), [index])
            elif given.get("empty"):
                assert self.add(("layer", "Masking", {"mask_value": 0.0}), [index])

    def grow(self) -> None:
        d, last = self.d, len(self.tensors) - 1
        floats = [t for t in range(len(self.tensors)) if "float" in str(self.tensors[t].dtype) and not self._is_words(t)]
        # What nothing has used yet comes first, so that models are deep.
        take = last if d.some(0.7) or not floats else d.choice(floats)
        if self.sequential:
            take = last
        if take not in floats:
            take = d.choice(floats)
        roll = d.random()
        if self.sequential or roll < 0.55:
            self.add(layer_for(d, self.shape(take)), [take])
        elif roll < 0.70:
            self.add(operation_for(d, self.shape(take)), [take])
        elif roll < 0.92:
            self.merge(take, floats)
        elif roll < 0.96:
            self.reuse(take)
        else:
            self.nest(take)

    def _is_words(self, tensor: int) -> bool:
        return tensor < len(self.inputs) and self.inputs[tensor]["kind"] == "words"

    def merge(self, take: int, floats: list[int]) -> None:
        d = self.d
        same = [t for t in floats if self.shape(t) == self.shape(take)]
        ranked = [t for t in floats if len(self.shape(t)) == len(self.shape(take))]
        wide = [t for t in ranked if self.shape(t)[:-1] == self.shape(take)[:-1]]
        roll = d.randrange(10)
        if roll < 3:
            others = [d.choice(same) for _ in range(d.randint(1, 2))]
            name = d.pick("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract")
            self.add(("layer", name, {}), [take, *others[: 1 if name == "Subtract" else 2]])
        elif roll < 5:
            self.add(("layer", "Concatenate", {"axis": -1}), [take, d.choice(wide)])
        elif roll == 5:
            self.add(("layer", "Concatenate", {"axis": 1}), [take, d.choice(ranked)])
        elif roll == 6:
            self.add(("layer", d.pick("Add", "Multiply", "Maximum"), {}), [take, d.choice(floats)])
        elif roll == 7:
            self.add(
                d.pick(
                    ("operation", "pair", {"op": d.pick("+", "-", "*", "max", "min")}),
                    ("operation", "where", {}),
                    ("operation", "concatenate", {"axis": d.pick(-1, 1)}),
                    ("operation", "stack", {"axis": d.pick(1, -1)}),
                ),
                [take, d.choice(same)],
            )
        elif roll == 8:
            self.add(
                ("layer", "Dot", {"axes": d.pick(1, -1, (1, 1), (1, 2), 2), "normalize": d.some(0.3)}), [take, d.choice(floats)]
            )
        else:
            self.attend(take, [t for t in floats if len(self.shape(t)) == 2])

    def attend(self, take: int, sequences: list[int]) -> None:
        d = self.d
        if len(self.shape(take)) != 2 or not sequences:
            return
        other = d.choice(sequences)
        kind = d.pick("MultiHeadAttention", "MultiHeadAttention", "Attention", "AdditiveAttention", "GroupQueryAttention")
        if kind == "MultiHeadAttention":
            more = {"num_heads": d.randint(1, 2), "key_dim": d.randint(1, 3), "dropout": 0.0}
            if d.some(0.3):
                more["value_dim"] = 2
            if d.some(0.3):
                more["output_shape"] = 3
        elif kind == "GroupQueryAttention":
            more = {"head_dim": 2, "num_query_heads": 2, "num_key_value_heads": d.pick(1, 2)}
        else:
            more = {"use_scale": d.some(0.5)}
            if kind == "Attention":
                more["score_mode"] = d.pick("dot", "concat")
        causal = {"use_causal_mask": True} if kind != "AdditiveAttention" and d.some(0.25) else None
        self.add(("layer", kind, more), [take, other], causal)

    def reuse(self, take: int) -> None:
        """A layer once more, on another tensor."""
        fitting = [i for i, node in enumerate(self.nodes) if node["do"][0] in ("layer", "own") and len(node["take"]) == 1]
        if fitting:
            self.add(("again", self.d.choice(fitting)), [take])

    def nest(self, take: int) -> None:
        """A model as a layer."""
        shape = self.shape(take)
        if any(s is None for s in shape):
            return
        inner = Builder(self.keras, self.d, [{"kind": "any", "shape": shape, "dtype": "float32"}], self.d.some(0.5))
        for _ in range(self.d.randint(1, 3)):
            inner.grow()
        if inner.nodes:
            last = len(inner.tensors) - 1
            form = "sequential" if inner.sequential else self.d.pick("functional", "functional", "subclass")
            self.add(("model", inner.describe([last], form)), [take])

    def describe(self, outputs: list[int], form: str) -> dict[str, Any]:
        return {"form": form, "inputs": self.inputs, "nodes": self.nodes, "outputs": outputs}


def draw(keras: Any, seed: int) -> dict[str, Any]:
    """What a seed stands for: {"model", "targets", "compile", "fit", "samples"}."""
    d = Draw(seed)
    form = d.pick("sequential", "functional", "functional", "functional", "subclass")
    builder = Builder(keras, d, draw_inputs(d, few=form == "sequential"), sequential=form == "sequential")
    builder.start()
    wanted = len(builder.nodes) + (d.randint(1, 5) if form == "sequential" else d.randint(2, 8))
    for _ in range(40):
        if len(builder.nodes) >= wanted:
            break
        builder.grow()
    outputs, kinds = add_heads(builder)
    model = builder.describe(outputs, form)
    n = d.randint(5, 23)
    description: dict[str, Any] = {"seed": seed, "model": model, "kinds": kinds, "samples": n}
    description["compile"] = draw_compile(d, kinds)
    description["fit"] = draw_fit(d, n, kinds)
    return description


def add_heads(builder: Builder) -> tuple[list[int], list[dict[str, Any]]]:
    """One or two outputs, each with the kind of its targets."""
    d = builder.d
    count = 1 if builder.sequential or d.some(0.8) else 2
    unused = [t for t in range(len(builder.tensors)) if not builder.uses[t] and not builder._is_words(t)]
    outputs: list[int] = []
    kinds: list[dict[str, Any]] = []
    for number in range(count):
        start = len(builder.tensors) - 1 if number == 0 else d.choice(unused or [len(builder.tensors) - 1])
        if number == 0 and len(unused) > 1 and not builder.sequential:
            start = join(builder, unused)
        kind, units, act = draw_head(d)
        steps = len(builder.shape(start)) == 2 and d.some(0.4)
        if len(builder.shape(start)) > 1 and not steps:
            reduce_to_vector(builder, start)
            start = len(builder.tensors) - 1
        if steps and d.some(0.3) and builder.shape(start)[0] is not None:
            added = builder.add(
                ("layer", "TimeDistributed", {"layer": ("layer", "Dense", {"units": units, "activation": act})}), [start]
            )
        else:
            added = builder.add(("layer", "Dense", {"units": units, "activation": act}), [start])
        assert added
        outputs.append(len(builder.tensors) - 1)
        kinds.append({"kind": kind, "units": units, "steps": steps})
    return outputs, kinds


def join(builder: Builder, unused: list[int]) -> int:
    """What nothing has used yet, in one vector, so that all that was drawn takes part."""
    vectors = []
    for tensor in unused:
        if len(builder.shape(tensor)) > 1:
            reduce_to_vector(builder, tensor)
            tensor = len(builder.tensors) - 1
        vectors.append(tensor)
    assert builder.add(("layer", "Concatenate", {"axis": -1}), vectors)
    return len(builder.tensors) - 1


def reduce_to_vector(builder: Builder, tensor: int) -> None:
    d, shape = builder.d, builder.shape(tensor)
    for _ in range(20):
        if len(shape) == 2:
            what = d.pick(
                ("layer", "Flatten", {}),
                ("layer", "GlobalAveragePooling1D", {}),
                ("layer", "GlobalMaxPooling1D", {}),
                ("layer", "LSTM", {"units": 3}),
                ("layer", "GRU", {"units": 3}),
                ("layer", "Bidirectional", {"layer": ("layer", "LSTM", {"units": 2})}),
                ("operation", "slice", {"index": ((None, None), -1)}) if not builder.sequential else ("layer", "Flatten", {}),
            )
        else:
            rank = len(shape) - 1
            what = d.pick(("layer", "Flatten", {}), ("layer", f"Global{d.pick('Average', 'Max')}Pooling{rank}D", {}))
        if what[1] == "Flatten" and not builder.knows(tensor):
            continue
        if builder.add(what, [tensor]):
            return
    raise AssertionError(f"no way to a vector from {shape}")


def draw_head(d: Draw) -> tuple[str, int, Any]:
    kind = d.pick("number", "number", "positive", "yes", "class", "label", "yes logit", "label logit", "sign")
    units = d.randint(1, 3)
    if kind in ("class", "label", "label logit"):
        units = d.randint(2, 4)
    if kind.startswith("yes"):
        units = 1 if d.some(0.7) else 3
    return (
        kind,
        units,
        {"positive": "softplus", "yes": "sigmoid", "class": "softmax", "label": "softmax", "sign": "tanh"}.get(kind),
    )


LOSSES = {
    "number": [
        "mse", "mae", "mean_squared_error", ("loss", "Huber", {"delta": 0.5}), "log_cosh", "cosine_similarity",
        ("loss", "MeanAbsoluteError", {"reduction": "sum"}), ("function", "squared error"), ("function", "relative error"),
    ],
    "positive": ["poisson", "mean_squared_logarithmic_error", "mape", "mse"],
    "yes": [
        "binary_crossentropy", ("loss", "BinaryCrossentropy", {"label_smoothing": 0.1}),
        ("loss", "BinaryFocalCrossentropy", {"gamma": 1.5}), "mse", ("loss", "Dice", {}),
        ("loss", "Tversky", {"alpha": 0.3, "beta": 0.3}),
    ],
    "class": [
        "categorical_crossentropy", ("loss", "CategoricalCrossentropy", {"label_smoothing": 0.1}),
        ("loss", "CategoricalFocalCrossentropy", {}), "kl_divergence", "categorical_hinge", "mse",
    ],
    "label": ["sparse_categorical_crossentropy", ("loss", "SparseCategoricalCrossentropy", {})],
    "yes logit": [
        ("loss", "BinaryCrossentropy", {"from_logits": True}), ("loss", "BinaryFocalCrossentropy", {"from_logits": True}),
    ],
    "label logit": [("loss", "SparseCategoricalCrossentropy", {"from_logits": True})],
    "sign": ["hinge", "squared_hinge", "mse"],
}  # fmt: skip

METRICS = {
    "number": [
        "mae", "mse", ("metric", "RootMeanSquaredError", {}), ("metric", "R2Score", {}), "cosine_similarity", "log_cosh",
        ("metric", "MeanAbsoluteError", {"name": "off"}), ("function", "squared error"), ("function", "largest error"),
    ],
    "positive": ["mse", "poisson", ("metric", "MeanSquaredLogarithmicError", {})],
    "yes": [
        "accuracy", ("metric", "AUC", {"num_thresholds": 20}), ("metric", "Precision", {}),
        ("metric", "Recall", {"thresholds": 0.4}), "binary_accuracy", ("metric", "BinaryCrossentropy", {}),
        ("metric", "TruePositives", {}),
    ],
    "class": [
        "accuracy", "categorical_accuracy", ("metric", "TopKCategoricalAccuracy", {"k": 2}), ("metric", "F1Score", {}),
        "categorical_crossentropy", ("metric", "AUC", {"num_thresholds": 20, "multi_label": True}),
        ("metric", "KLDivergence", {}),
    ],
    "label": [
        "accuracy", "acc", "sparse_categorical_accuracy", ("metric", "SparseTopKCategoricalAccuracy", {"k": 2}),
        ("metric", "SparseCategoricalCrossentropy", {}),
    ],
    "yes logit": [("metric", "BinaryAccuracy", {"threshold": 0.0}), ("metric", "BinaryCrossentropy", {"from_logits": True})],
    "label logit": ["accuracy", ("metric", "SparseCategoricalAccuracy", {})],
    "sign": ["mae", ("metric", "Hinge", {})],
}  # fmt: skip
FLAT_METRICS = ("R2Score", "F1Score", "AUC")


def draw_optimizer(d: Draw) -> Any:
    rate = d.pick(0.01, 0.003, 0.03)
    if d.some(0.15):
        rate = d.pick(
            ("schedule", "ExponentialDecay", {"initial_learning_rate": rate, "decay_steps": 3, "decay_rate": 0.7}),
            (
                "schedule",
                "CosineDecay",
                {"initial_learning_rate": rate, "decay_steps": 8, "warmup_steps": 2, "warmup_target": 0.02},
            ),
            ("schedule", "PiecewiseConstantDecay", {"boundaries": [2, 5], "values": [rate, rate / 2, rate / 4]}),
        )
    more: dict[str, Any] = {"learning_rate": rate}
    kind = d.pick(
        "SGD",
        "SGD",
        "Adam",
        "Adam",
        "AdamW",
        "RMSprop",
        "RMSprop",
        "Adagrad",
        "Adadelta",
        "Adamax",
        "Nadam",
        "Ftrl",
        "Lion",
        "Adafactor",
        "Lamb",
        "ScheduleFreeAdamW",
        "Muon",
    )
    if kind == "SGD":
        more |= {"momentum": d.pick(0.0, 0.9), "nesterov": d.some(0.5)}
    if kind == "RMSprop":
        more |= {"momentum": d.pick(0.0, 0.5), "centered": d.some(0.4)}
    if kind == "Adam":
        more |= {"amsgrad": d.some(0.3)}
    if d.some(0.2):
        more |= d.pick({"clipnorm": 0.3}, {"global_clipnorm": 0.5}, {"clipvalue": 0.05})
    if d.some(0.15):
        more |= {"weight_decay": 0.02}
    if d.some(0.1):
        more |= {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": d.pick(None, 2)}
    if d.some(0.1) and kind != "ScheduleFreeAdamW":
        more |= {"gradient_accumulation_steps": 2}
    return ("optimizer", kind, more)


def draw_compile(d: Draw, kinds: list[dict[str, Any]]) -> dict[str, Any]:
    losses = [d.choice(LOSSES[k["kind"]]) for k in kinds]
    while len(losses) > 1 and _plain(losses[0]) == _plain(losses[1]):
        # In logs, Keras gives the losses of outputs without names the losses' names, and loses one of two that are equal.
        kinds[1]["kind"] = "number"
        losses[1] = d.choice(LOSSES["number"])
    found: dict[str, Any] = {"optimizer": draw_optimizer(d), "loss": losses if len(losses) > 1 else losses[0]}
    metrics = [[d.choice(METRICS[k["kind"]]) for _ in range(d.randint(0, 2))] for k in kinds]
    for place, kind in enumerate(kinds):
        kept = [m for m in metrics[place] if not (isinstance(m, tuple) and m[1] in FLAT_METRICS and kind["steps"])]
        metrics[place] = list({repr(m): m for m in kept}.values())
    if any(metrics):
        found[d.pick("metrics", "metrics", "weighted_metrics")] = metrics if len(kinds) > 1 else metrics[0]
    if len(kinds) > 1 and d.some(0.5):
        found["loss_weights"] = [0.3, 1.7]
    return found


def _plain(loss: Any) -> str:
    name = loss if isinstance(loss, str) else loss[1]
    return {"mse": "meansquarederror", "mae": "meanabsoluteerror"}.get(name, name.replace("_", "").lower())


def draw_fit(d: Draw, n: int, kinds: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"batch_size": d.pick(1, 2, 3, 4, 5, 7, 8, 32), "epochs": 3}
    roll = d.random()
    if roll < 0.2:
        found["weights"] = "samples"
    elif roll < 0.3 and all(k["steps"] for k in kinds):
        found["weights"] = "steps"
    elif roll < 0.4 and len(kinds) == 1 and not kinds[0]["steps"] and kinds[0]["kind"] in ("class", "label", "label logit"):
        found["class_weight"] = {c: d.pick(0.5, 1.0, 2.5) for c in range(kinds[0]["units"])}
    if d.some(0.4):
        found["validation"] = d.pick("data", "split")
        if d.some(0.3):
            found["validation_batch_size"] = d.randint(1, 6)
    return found
