"""How a random model is compiled, trained and used: losses, measures, optimizers, callbacks, the order of it all."""

from typing import Any

from random_models import Draw

HEADS = {"positive": "softplus", "yes": "sigmoid", "class": "softmax", "label": "softmax", "sign": "tanh"}


def draw_head(d: Draw, steps: bool) -> tuple[str, int, Any]:
    """The kind of an output's targets, its size, its activation."""
    kind = d.pick("number", "number", "positive", "yes", "class", "label", "yes logit", "label logit", "sign")
    if d.some(0.03):
        kind = "letters" if steps else "place"
    units = d.randint(1, 3)
    if kind in ("class", "label", "label logit", "letters"):
        units = d.randint(2, 4) + (kind == "letters")
    if kind.startswith("yes"):
        units = 1 if d.some(0.7) else 3
    if kind == "place":
        units = 3
    return kind, units, HEADS.get(kind)


LOSSES: dict[str, list[Any]] = {
    "number": [
        "mse",
        "mae",
        "mean_squared_error",
        ("loss", "Huber", {"delta": 0.5}),
        "log_cosh",
        "cosine_similarity",
        "huber",
        ("loss", "MeanAbsoluteError", {"reduction": "sum"}),
        ("function", "squared_error"),
        ("function", "relative_error"),
        ("loss", "MeanSquaredError", {"reduction": "mean_with_sample_weight"}),
        ("loss", "LogCosh", {}),
        ("loss", "CosineSimilarity", {"axis": -1}),
        ("own", "Pinball", {}),
        ("own", "Ranked", {}),
    ],
    "positive": [
        "poisson",
        "mean_squared_logarithmic_error",
        "mape",
        "mse",
        ("loss", "Poisson", {}),
        ("loss", "MeanAbsolutePercentageError", {}),
        ("loss", "MeanSquaredLogarithmicError", {}),
        ("own", "Pinball", {"quantile": 0.8}),
    ],
    "yes": [
        "binary_crossentropy",
        ("loss", "BinaryCrossentropy", {"label_smoothing": 0.1}),
        ("loss", "BinaryFocalCrossentropy", {"gamma": 1.5}),
        "mse",
        ("loss", "Dice", {}),
        ("loss", "Tversky", {"alpha": 0.3, "beta": 0.3}),
        "binary_focal_crossentropy",
        "dice",
        ("loss", "BinaryFocalCrossentropy", {"apply_class_balancing": True}),
    ],
    "class": [
        "categorical_crossentropy",
        ("loss", "CategoricalCrossentropy", {"label_smoothing": 0.1}),
        ("loss", "CategoricalFocalCrossentropy", {}),
        "kl_divergence",
        "categorical_hinge",
        "mse",
        ("loss", "CategoricalGeneralizedCrossEntropy", {"q": 0.6}),
        ("loss", "KLDivergence", {}),
        ("loss", "CategoricalHinge", {}),
    ],
    "label": [
        "sparse_categorical_crossentropy",
        ("loss", "SparseCategoricalCrossentropy", {}),
        ("loss", "SparseCategoricalCrossentropy", {"ignore_class": 1}),
    ],
    "yes logit": [
        ("loss", "BinaryCrossentropy", {"from_logits": True}),
        ("loss", "BinaryFocalCrossentropy", {"from_logits": True}),
    ],
    "label logit": [("loss", "SparseCategoricalCrossentropy", {"from_logits": True})],
    "sign": ["hinge", "squared_hinge", "mse", ("loss", "Hinge", {}), ("loss", "SquaredHinge", {})],
    "letters": [("loss", "CTC", {}), "ctc"],
    "place": [("loss", "Circle", {"gamma": 2.0}), ("loss", "Circle", {"gamma": 1.0, "margin": 0.3, "remove_diagonal": False})],
}

METRICS: dict[str, list[Any]] = {
    "number": [
        "mae",
        "mse",
        ("metric", "RootMeanSquaredError", {}),
        ("metric", "R2Score", {}),
        "cosine_similarity",
        "mape",
        ("metric", "MeanAbsoluteError", {"name": "off"}),
        ("function", "squared_error"),
        ("function", "largest_error"),
        ("metric", "MeanSquaredError", {}),
        ("metric", "CosineSimilarity", {}),
        ("metric", "LogCoshError", {}),
        ("metric", "MeanMetricWrapper", {"fn": ("function", "squared_error"), "name": "wrapped"}),
        ("own", "Largest", {}),
        ("own", "Spread", {}),
        ("metric", "PearsonCorrelation", {}),
        ("metric", "ConcordanceCorrelation", {}),
    ],
    "positive": [
        "mse",
        "poisson",
        ("metric", "MeanSquaredLogarithmicError", {}),
        ("metric", "Poisson", {}),
        ("metric", "MeanAbsolutePercentageError", {}),
        ("own", "Largest", {"name": "worst"}),
    ],
    "yes": [
        "accuracy",
        ("metric", "AUC", {"num_thresholds": 20}),
        ("metric", "Precision", {}),
        ("metric", "Recall", {"thresholds": 0.4}),
        "binary_accuracy",
        ("metric", "BinaryCrossentropy", {}),
        ("metric", "TruePositives", {}),
        ("metric", "TrueNegatives", {}),
        ("metric", "FalsePositives", {"thresholds": [0.3, 0.6]}),
        ("metric", "FalseNegatives", {}),
        ("metric", "SensitivityAtSpecificity", {"specificity": 0.5, "num_thresholds": 20}),
        ("metric", "SpecificityAtSensitivity", {"sensitivity": 0.5, "num_thresholds": 20}),
        ("metric", "PrecisionAtRecall", {"recall": 0.4, "num_thresholds": 20}),
        ("metric", "RecallAtPrecision", {"precision": 0.4, "num_thresholds": 20}),
        ("metric", "BinaryIoU", {"threshold": 0.45}),
        ("metric", "AUC", {"num_thresholds": 15, "curve": "PR"}),
        ("metric", "FBetaScore", {"beta": 2.0, "threshold": 0.4}),
    ],
    "class": [
        "accuracy",
        "categorical_accuracy",
        ("metric", "TopKCategoricalAccuracy", {"k": 2}),
        ("metric", "F1Score", {}),
        "categorical_crossentropy",
        ("metric", "AUC", {"num_thresholds": 20, "multi_label": True}),
        ("metric", "KLDivergence", {}),
        ("metric", "CategoricalAccuracy", {}),
        ("metric", "CategoricalCrossentropy", {"label_smoothing": 0.1}),
        ("metric", "CategoricalHinge", {}),
        ("metric", "OneHotIoU", {"num_classes": 4, "target_class_ids": [0, 1]}),
        ("metric", "OneHotMeanIoU", {"num_classes": 4}),
        ("metric", "FBetaScore", {"beta": 0.5, "average": "macro"}),
        ("metric", "Precision", {"class_id": 1}),
        ("metric", "Recall", {"top_k": 1}),
    ],
    "label": [
        "accuracy",
        "acc",
        "sparse_categorical_accuracy",
        ("metric", "SparseTopKCategoricalAccuracy", {"k": 2}),
        ("metric", "SparseCategoricalCrossentropy", {}),
        ("metric", "IoU", {"num_classes": 4, "target_class_ids": [0, 2], "sparse_y_pred": False}),
        ("metric", "MeanIoU", {"num_classes": 4, "sparse_y_pred": False}),
    ],
    "yes logit": [
        ("metric", "BinaryAccuracy", {"threshold": 0.0}),
        ("metric", "BinaryCrossentropy", {"from_logits": True}),
        ("metric", "AUC", {"num_thresholds": 20, "from_logits": True}),
    ],
    "label logit": ["accuracy", ("metric", "SparseCategoricalAccuracy", {})],
    "sign": ["mae", ("metric", "Hinge", {}), ("metric", "SquaredHinge", {}), ("metric", "Accuracy", {})],
    "letters": [],
    "place": [],
}
FLAT_METRICS = ("R2Score", "F1Score", "FBetaScore", "AUC")

OPTIMIZERS = (
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
    "Plain",
    "LossScaleOptimizer",
    "name",
)


def draw_rate(d: Draw) -> Any:
    rate = d.pick(0.01, 0.003, 0.03)
    start = {"initial_learning_rate": rate}
    if d.some(0.8):
        return rate
    return d.pick(
        ("schedule", "ExponentialDecay", {**start, "decay_steps": 3, "decay_rate": 0.7, "staircase": d.some(0.5)}),
        ("schedule", "CosineDecay", {**start, "decay_steps": 8, "warmup_steps": 2, "warmup_target": 0.02}),
        ("schedule", "CosineDecayRestarts", {**start, "first_decay_steps": 3, "t_mul": 1.5, "m_mul": 0.8}),
        ("schedule", "PiecewiseConstantDecay", {"boundaries": [2, 5], "values": [rate, rate / 2, rate / 4]}),
        ("schedule", "PolynomialDecay", {**start, "decay_steps": 5, "power": 2.0, "cycle": d.some(0.5)}),
        ("schedule", "InverseTimeDecay", {**start, "decay_steps": 2, "decay_rate": 0.5}),
        ("own", "Steps", {"rate": rate}),
    )


def draw_optimizer(d: Draw) -> Any:
    kind = d.choice(OPTIMIZERS)
    if kind == "name":
        return d.pick("sgd", "adam", "rmsprop", "adamw", "nadam", "adagrad")
    more: dict[str, Any] = {"learning_rate": draw_rate(d)}
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
    if kind == "Plain":
        return ("own", "Plain", more)
    if kind == "LossScaleOptimizer":
        inner = ("optimizer", d.pick("SGD", "Adam"), {"learning_rate": 0.01})
        return ("optimizer", kind, {"inner_optimizer": inner, "initial_scale": d.pick(8.0, 1024.0), "dynamic_growth_steps": 2})
    return ("optimizer", kind, more)


def draw_compile(d: Draw, kinds: list[dict[str, Any]], names: list[str] | None, halves: bool = False) -> dict[str, Any]:
    """Arguments of `compile`; with `names` of outputs, now and then as dicts by these; `halves`: for weights in bfloat16."""
    losses = [d.choice(LOSSES[k["kind"]]) for k in kinds]
    while names is None and len({plain(loss) for loss in losses}) < len(losses):
        # In logs, Keras gives the losses of outputs without names the losses' names, and loses one of two that are equal.
        kinds[1]["kind"] = "number"
        losses[1] = d.choice(LOSSES["number"])
    several = len(kinds) > 1
    # In bfloat16 Keras rounds 0.999 to 1, and most optimizers train nothing.
    optimizer = ("optimizer", "SGD", {"learning_rate": d.pick(0.01, 0.05)}) if halves else draw_optimizer(d)
    found: dict[str, Any] = {"optimizer": optimizer, "loss": losses if several else losses[0]}
    for argument in ("metrics", "weighted_metrics"):
        if d.some(0.6 if argument == "metrics" else 0.25):
            metrics = [draw_metrics(d, kind) for kind in kinds]
            if any(metrics):
                found[argument] = metrics if several else metrics[0]
    if several and d.some(0.5):
        found["loss_weights"] = [0.3, 1.7]
    if names:
        for argument in ("loss", "metrics", "weighted_metrics", "loss_weights"):
            # To a list of losses, Keras takes weights by name in the order of the alphabet.
            fitting = argument != "loss_weights" or isinstance(found["loss"], dict)
            if argument in found and fitting and d.some(0.8):
                values = found[argument] if several else [found[argument]]
                found[argument] = dict(zip(names, values, strict=True))
                if argument.endswith("metrics") and several and d.some(0.3):
                    found[argument].pop(d.choice(names))
    if d.some(0.05):
        found["steps_per_execution"] = d.randint(2, 3)
    if d.some(0.03):
        found["run_eagerly"] = True
    return found


def draw_metrics(d: Draw, kind: dict[str, Any]) -> list[Any]:
    options = [m for m in METRICS[kind["kind"]] if not (isinstance(m, tuple) and m[1] in FLAT_METRICS and kind["steps"])]
    return d.sample(options, min(len(options), d.randint(0, 2)))


def plain(loss: Any) -> str:
    name = loss if isinstance(loss, str) else loss[1]
    name = {"mse": "meansquarederror", "mae": "meanabsoluteerror", "mape": "meanabsolutepercentageerror"}.get(name, name)
    return name.replace("_", "").lower()


# --- What is done


def draw_sets(d: Draw, batch: int | None) -> tuple[dict[str, int], int]:
    """Numbers of samples of some sets of data, and the batch size."""
    if batch is not None:
        return {"first": batch * d.randint(1, 4), "second": batch * d.randint(1, 4), "held out": batch * d.randint(1, 2)}, batch
    size = d.pick(1, 2, 3, 4, 5, 7, 8, 32)
    first = d.randint(5, 23) if size > 1 else d.randint(5, 9)
    if d.some(0.25) and size > 1:
        # A last batch of one sample.
        first = size * max(1, first // size) + 1
    return {"first": first, "second": d.randint(2, 17), "held out": d.randint(2, 8)}, size


def draw_routine(d: Draw, description: dict[str, Any], size: int) -> list[tuple[str, dict[str, Any]]]:
    """[(what, arguments)]: a prediction, a fit, an evaluation and a prediction; now and then more."""
    fixed = any("batch" in given for given in description["model"]["inputs"])
    weighted = bool(description["weights"])
    routine: list[tuple[str, dict[str, Any]]] = [("predict", {"data": "first", "batch_size": size}), ("compile", {})]
    if d.dropping:
        return [*routine, ("evaluate", {"data": "first", "batch_size": size, "weighted": weighted})]
    if d.some(0.06) and not fixed and "use_ema" not in repr(description["compile"]):
        routine.append(("batch", {"data": "held out", "weighted": weighted}))
    routine.append(("fit", draw_fit(d, description, size, weighted, fixed)))
    # Keras on JAX gives averaged weights away twice in a second fit.
    again = "use_ema" not in repr(description["compile"])
    if d.some(0.12):
        routine.append(("save", {}))
    if d.some(0.15) and again:
        routine.append(("fit", {"data": "second", "batch_size": size, "epochs": 2, "weighted": weighted and d.some(0.7)}))
    if d.some(0.06) and again:
        routine += [("freeze", {"layer": d.randrange(9)}), ("fit", {"data": "first", "batch_size": size, "epochs": 1})]
    if d.some(0.06) and again:
        routine += [("rate", {"value": 0.02}), ("fit", {"data": "first", "batch_size": size, "epochs": 1})]
    routine.append(("evaluate", {"data": "first", "batch_size": size, "weighted": weighted}))
    routine.append(("predict", {"data": "first", "batch_size": size}))
    if d.some(0.2):
        other = size if fixed else d.pick(1, 3, 6, 32)
        routine.append((d.pick("predict", "evaluate"), {"data": d.pick("second", "held out"), "batch_size": other}))
    if d.some(0.08):
        routine.append(("exchange", {}))
    return routine


def draw_fit(d: Draw, description: dict[str, Any], size: int, weighted: bool, fixed: bool) -> dict[str, Any]:
    kinds = description["kinds"]
    found: dict[str, Any] = {"data": "first", "batch_size": size, "epochs": 3, "weighted": weighted}
    flat = len(kinds) == 1 and not kinds[0]["steps"] and description["weights"] is None
    if flat and kinds[0]["kind"] in ("class", "label", "label logit") and d.some(0.3):
        found["class_weight"] = {c: d.pick(0.5, 1.0, 2.5) for c in range(kinds[0]["units"])}
    if flat and kinds[0]["kind"] in ("yes", "yes logit") and kinds[0]["units"] == 1 and d.some(0.3):
        found["class_weight"] = {0: 0.5, 1: 2.0}
    if d.some(0.4):
        found["validation"] = "held out" if fixed else d.pick("held out", "split")
        if found["validation"] == "held out" and d.some(0.3):
            found["validation weighted"] = weighted
        if d.some(0.3) and not fixed:
            found["validation_batch_size"] = d.randint(1, 6)
        if d.some(0.15):
            found["validation_freq"] = d.pick(2, [1, 3])
        elif d.some(0.1) and found["validation"] == "held out":
            found["validation_steps"] = 1
    if d.some(0.2):
        found["callbacks"] = draw_callbacks(d, "validation" in found and "validation_freq" not in found)
    if d.some(0.12) and found.get("validation") != "split" and "class_weight" not in found:
        found["form"] = d.pick("dataset", "generator")
        found.pop("validation_batch_size", None)
    if d.some(0.04):
        found["initial_epoch"] = 1
    return found


def draw_callbacks(d: Draw, validated: bool) -> list[Any]:
    watched = d.pick("loss", "val_loss") if validated else "loss"
    rates = [
        ("callback", "ReduceLROnPlateau", {"monitor": watched, "patience": 1, "factor": 0.3, "min_delta": d.pick(0.0, 0.2)}),
        ("callback", "LearningRateScheduler", {"schedule": ("function", d.pick("slower", "by_epoch"))}),
    ]
    stopping = {
        "monitor": watched,
        "patience": d.randint(0, 1),
        "min_delta": d.pick(0.0, 0.05),
        "restore_best_weights": d.some(0.6),
    }
    if d.some(0.3):
        stopping["start_from_epoch"] = 1
    found = [("callback", "EarlyStopping", stopping), d.choice(rates), ("callback", "TerminateOnNaN", {})]
    return d.sample(found, d.randint(1, 2))
