"""Terms of the loss, and measures, that a model of `tf.keras` adds from outside: parts of its graph that lead to no output."""

from typing import Any

from kerata.saving.legacy.sizes import name_of, places_in

ADDED = ("AddLoss", "AddMetric")


def parts_of(config: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers of a graph that lead to an output, and its inputs; all of them where nothing is added."""
    layers: list[dict[str, Any]] = config["layers"]
    if not any(plain.get("class_name") in ADDED for plain in layers):
        return layers
    by_name = {name_of(plain): plain for plain in layers}
    wanted: set[str] = set()
    pending = list(places_in([config.get("input_layers"), config.get("output_layers")]))
    while pending:
        name = pending.pop()
        if name in by_name and name not in wanted:
            wanted.add(name)
            pending.extend(places_in(by_name[name].get("inbound_nodes")))
    return [plain for plain in layers if name_of(plain) in wanted]


def left_out(plain: object) -> set[str | None]:
    """The names of the layers that serve nothing but what is added, in a model's description."""
    config = plain.get("config") if isinstance(plain, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        return set()
    return {name_of(layer) for layer in layers} - {name_of(layer) for layer in parts_of(config)}


def without_added(config: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """A graph's description without what is added, and without what serves nothing else."""
    kept = parts_of(config)
    if len(kept) == len(config["layers"]):
        return config
    count = sum(plain.get("class_name") in ADDED for plain in config["layers"])
    notes.append(
        f"{count} term(s) of the loss or measure(s) that the model adds by add_loss() and add_metric() are left out: it "
        "predicts as before; add them again before it is trained"
    )
    return {**config, "layers": kept}
