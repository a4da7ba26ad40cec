"""What `compile` was given in an old file: the optimizer, losses and measures, in the form of Keras 3."""

from typing import Any

from kerata.base import registry
from kerata.base.checks import message
from kerata.base.refusals import FileError, UnknownInFile
from kerata.dialects import translate_config
from kerata.saving.legacy.form import KERAS1, KERAS3, TFKERAS2
from kerata.saving.legacy.measuring import name_of_then
from kerata.saving.legacy.optimizer_words import CLASS, FLAG, SCHEDULE_DECAY, TWO_RULES

# What tf.keras wrote where today's classes have a name of their own for it.
REDUCTIONS = {"auto": "sum_over_batch_size"}
# Arguments of losses and measures that mean nothing today.
USELESS = ("dtype", "fn", "reduction")
# What configs of optimizers hold that means nothing today.
GONE = (FLAG, "jit_compile")


def read_compiling(plain: object, era: str, owner: str, model: object = None) -> dict[str, Any] | None:
    """The description of a compiled model in Keras 3's form; `None` where it says nothing.

    Args:
        plain: what the file says.
        era: whose words it has.
        owner: how the file is called in messages.
        model: the description of the model, which names the outputs.
    """
    if not isinstance(plain, dict):
        raise FileError(message(owner, "what the model was compiled with must be a dict", {"training_config": plain}))
    optimizer = plain.get("optimizer_config")
    if optimizer is None:
        return None
    reader = Compiling(era, owner)
    found: dict[str, Any] = {"optimizer": reader.optimizer(optimizer)}
    for key, kind in (("loss", "losses"), ("metrics", "metrics"), ("weighted_metrics", "metrics")):
        if plain.get(key) not in (None, [], {}):
            found[key] = reader.measures(kind, without_outputs(plain[key], outputs_of(model)))
    if plain.get("loss_weights") is not None:
        found["loss_weights"] = plain["loss_weights"]
    return found


def outputs_of(model: object) -> list[str]:
    """The names of the layers that give the outputs of a graph, where there are several."""
    config = model.get("config") if isinstance(model, dict) else None
    ends = config.get("output_layers") if isinstance(config, dict) else None
    named = ends if isinstance(ends, list) else []
    found = [end[0] for end in named if isinstance(end, list) and end and isinstance(end[0], str)]
    return found if len(found) == len(named) > 1 else []


def without_outputs(measures: object, outputs: list[str]) -> object:
    """Measures of several outputs without the outputs' names, which `tf.keras` keeps before theirs."""
    if isinstance(measures, list) and len(measures) == len(outputs):
        return [without_output(some, name) for some, name in zip(measures, outputs, strict=True)]
    if isinstance(measures, dict) and "class_name" not in measures:
        return {name: without_output(some, name) if name in outputs else some for name, some in measures.items()}
    return measures


def without_output(measure: object, output: str) -> object:
    """A measure, or several, without the name of an output before their own."""
    if isinstance(measure, list):
        return [without_output(one, output) for one in measure]
    config = measure.get("config") if isinstance(measure, dict) else None
    name = config.get("name") if isinstance(config, dict) else None
    if not isinstance(measure, dict) or not isinstance(name, str) or not name.startswith(f"{output}_"):
        return measure
    return {**measure, "config": {**measure["config"], "name": name.removeprefix(f"{output}_")}}


class Compiling:
    """Reads what a model was compiled with.

    Args:
        era: whose words it has.
        owner: how the file is called in messages.
    """

    def __init__(self, era: str, owner: str):
        self.era, self.owner = era, owner

    def optimizer(self, plain: object) -> object:
        """An optimizer by its class and config."""
        name = plain.get("class_name") if isinstance(plain, dict) else None
        config = plain.get("config") if isinstance(plain, dict) else None
        if not isinstance(name, str) or not isinstance(config, dict):
            raise FileError(
                message(self.owner, "an optimizer must be described by `class_name` and `config`", {"optimizer": plain})
            )
        if self.era == KERAS3 or registry.get_registered_object(name) is not None:
            return plain
        is_of_then, said = self.era == TFKERAS2 and FLAG not in config, plain.get(CLASS) if isinstance(plain, dict) else None
        given = {key: value for key, value in config.items() if key not in GONE and not (key == "epsilon" and value is None)}
        if "lr" in given:
            given.setdefault("learning_rate" if self.era != KERAS1 else "lr", given.pop("lr"))
        _, today, config = translate_config(self.era, "optimizers", name.rpartition(">")[2], given)
        if is_of_then and said != today:
            # Unless Kerata says that it is not.
            today = TWO_RULES.get(today, today)
            if today == "ClassicNadam":
                config.setdefault("schedule_decay", config.pop("decay", SCHEDULE_DECAY))
        if registry.find_builtin("optimizers", today) is None:
            raise self.unknown(name)
        rate = config.get("learning_rate")
        if isinstance(rate, dict) and isinstance(rate.get("class_name"), str):
            inner = {key: value for key, value in (rate.get("config") or {}).items() if key != "name"}
            config["learning_rate"] = {
                "module": "keras.optimizers.schedules",
                "class_name": rate["class_name"],
                "config": inner,
                "registered_name": None,
            }
        if not config.get("decay"):
            config.pop("decay", None)
        return {"module": "keras.optimizers", "class_name": today, "config": config, "registered_name": None}

    def measures(self, kind: str, plain: object) -> object:
        """Losses or measures, in whatever lists and dicts they stand."""
        if isinstance(plain, str):
            return self.named(kind, plain)
        if isinstance(plain, list):
            return [self.measures(kind, item) for item in plain]
        if isinstance(plain, dict) and "class_name" in plain and "config" in plain:
            return self.described(kind, plain)
        if isinstance(plain, dict):
            return {key: self.measures(kind, value) for key, value in plain.items()}
        return plain

    def named(self, kind: str, name: str) -> object:
        """A loss or a measure by its name."""
        name = name.rpartition(">")[2] if registry.get_registered_object(name) is None else name
        known = name in ("accuracy", "acc", "crossentropy", "ce") or registry.find_builtin(kind, name) is not None
        if known or registry.get_registered_object(name) is not None:
            return name
        # Files hold the name of a registered function without its package.
        if (registered := registry.find_registered(name)) is None:
            raise self.unknown(name)
        return registry.get_registered_name(registered)

    def described(self, kind: str, plain: dict[str, Any]) -> object:
        """A loss or a measure by its class and config."""
        name, config = plain["class_name"], plain["config"]
        if not isinstance(name, str):
            raise FileError(message(self.owner, "a class must be given by its name", {"class_name": name}))
        if name == "function" and isinstance(config, str):
            return self.named(kind, config)
        registered = plain.get("registered_name")
        own = registry.get_registered_object(registered if isinstance(registered, str) else name) is not None
        if self.era == KERAS3 or own or registry.get_registered_object(name) is not None or not isinstance(config, dict):
            return plain
        name, function = name.rpartition(">")[2], config.get("fn")
        if isinstance(function, dict):
            function = function.get("config")
        if name in ("MeanMetricWrapper", "LossFunctionWrapper", "SumOverBatchSizeMetricWrapper") and isinstance(function, str):
            return self.named(kind, name_of_then(config.get("name"), function) if kind == "metrics" else function)
        if registry.find_builtin(kind, name) is None:
            raise self.unknown(name)
        inner = {key: value for key, value in config.items() if key not in USELESS}
        if "reduction" in config and kind == "losses":
            inner["reduction"] = REDUCTIONS.get(config["reduction"], config["reduction"])
        return {"module": f"keras.{kind}", "class_name": name, "config": inner, "registered_name": None}

    def unknown(self, name: object) -> UnknownInFile:
        return UnknownInFile(
            message(
                self.owner,
                "the model was compiled with what is entered nowhere",
                {"name": name},
                f"Pass custom_objects={{{name!r}: ...}}, or compile=False to load it without",
            )
        )
