"""What files of `tf.keras` call optimizers, and what these keep of each weight, in the order of the files.

Up to TensorFlow 2.10, and of `tf.keras.optimizers.legacy` since, a description says a class and its arguments. Later ones say
that they are none of those: they have other rules under some names, and list their state otherwise.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from kerata.engine.types import HostArray
from kerata.engine.variable import Variable
from kerata.optimizers import Optimizer
from kerata.saving.legacy.types import SavedModel

Groups = tuple[dict[str, str], ...]
# The slots of each optimizer as TensorFlow kept them up to 2.10, by the names of today: groups that are gone through one after
# the other, in each of them weight by weight. These optimizers Keras 3 knows too.
SLOTS: dict[str, Groups] = {
    "Adam": ({"momentum": "m"}, {"velocity": "v"}, {"velocity_hat": "vhat"}),
    "SGD": ({"momentum": "momentum"},),
    "RMSprop": ({"velocity": "rms"}, {"momentum": "momentum"}, {"average_gradient": "mg"}),
    "Adagrad": ({"accumulator": "accumulator"},),
    "Adadelta": ({"accumulated_grad": "accum_grad"}, {"accumulated_delta_var": "accum_var"}),
    "Adamax": ({"momentum": "m"}, {"norm": "v"}),
    "Nadam": ({"momentum": "m"}, {"velocity": "v"}),
    "Ftrl": ({"accumulator": "accumulator", "linear": "linear"},),
}
# The same since 2.11.
SLOTS_SINCE_2_11: dict[str, Groups] = {
    "Adam": ({"momentum": "m", "velocity": "v"}, {"velocity_hat": "vhat"}),
    "AdamW": ({"momentum": "m", "velocity": "v"}, {"velocity_hat": "vhat"}),
    "SGD": ({"momentum": "m"},),
    "RMSprop": ({"velocity": "velocity"}, {"momentum": "momentum"}, {"average_gradient": "average_gradient"}),
    "Adagrad": ({"accumulator": "accumulator"},),
    "Adadelta": ({"accumulated_grad": "accumulated_grad", "accumulated_delta_var": "accumulated_delta_var"},),
    "Adamax": ({"momentum": "m", "norm": "u"},),
    "Nadam": ({"momentum": "m", "velocity": "v"},),
    "Ftrl": ({"accumulator": "accumulator", "linear": "linear"},),
    "Lion": ({"momentum": "m"},),
    "Adafactor": ({"r": "r", "c": "c", "velocity": "v"},),
}
# Slots of Adafactor that have other shapes than the weights.
FACTORS = ("r", "c")
AVERAGE = {"average": "average"}
# Optimizers of old programs, by the names that they had: since 2.11 these have epsilon inside of the root, and a momentum that
# is warmed up otherwise.
CLASSIC = {"ClassicRMSprop": "RMSprop", "ClassicAdagrad": "Adagrad", "ClassicNadam": "Nadam"}
TWO_RULES = {then: name for name, then in CLASSIC.items()}
# Arguments of optimizers that those up to 2.10 did not have, with the values at which they mean nothing.
UNKNOWN_THEN: dict[str, tuple[Any, ...]] = {
    "weight_decay": (None,),
    "use_ema": (False,),
    "ema_momentum": (0.99,),
    "ema_overwrite_frequency": (None,),
    "loss_scale_factor": (None,),
    "gradient_accumulation_steps": (None,),
}
# Of these nobody in TensorFlow had any.
NEWEST_ARGUMENTS = ("loss_scale_factor", "gradient_accumulation_steps")
CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
# The argument by which a description says that its optimizer is one since 2.11, and the entry that says the class where that
# argument is not there, which Keras 3 would refuse.
FLAG, CLASS = "is_legacy_optimizer", "kerata_class"
SCHEDULE_DECAY = 0.004


def kind_of(optimizer: Optimizer) -> str:
    """The name that an optimizer has in files."""
    own = type(optimizer).__name__
    return CLASSIC.get(own, own)


def holds(optimizer: Optimizer, shape: tuple[int, ...], slot: str) -> bool:
    """Whether a slot of a weight is state: Adafactor keeps a number in place of rows and columns of what has none."""
    return not (type(optimizer).__name__ == "Adafactor" and slot in FACTORS and len(shape) < 2)


def slots_of(model: SavedModel, groups: Groups) -> Iterator[tuple[Variable, str, HostArray | Variable]]:
    """(weight, the file's name of the slot, array) of what the optimizer keeps, in the order of the file."""
    optimizer = model.optimizer
    table = optimizer.optimizer_state.table
    for group in groups:
        for variable in model.trainable_variables:
            for slot, word in group.items():
                held = table.get(variable, {}).get(slot)
                if held is not None and holds(optimizer, tuple(variable.shape), slot):
                    yield variable, word, held
                elif held is None and groups is SLOTS_SINCE_2_11["SGD"]:
                    # `tf.keras` keeps momenta that it does not need.
                    yield variable, word, np.zeros(tuple(variable.shape), "float32")


def listed_state(model: SavedModel) -> list[tuple[str, HostArray | Variable]]:
    """(name, array) of what the optimizer keeps of each weight, as `tf.keras` has it since 2.11; nothing before it is used."""
    optimizer, kind = model.optimizer, kind_of(model.optimizer)
    if not optimizer.built:
        return []
    averages = slots_of(model, (AVERAGE,)) if optimizer.use_ema else ()
    return [
        (f"{kind}/{word}/{variable.path}", held)
        for some in (averages, slots_of(model, SLOTS_SINCE_2_11[kind]))
        for variable, word, held in some
    ]


def product_of(optimizer: Optimizer) -> Variable | None:
    """Nadam's product of momenta."""
    return optimizer.optimizer_state.table.get(None, {}).get("product") if kind_of(optimizer) == "Nadam" else None


def state_in_hdf5(model: SavedModel, described: dict[str, Any]) -> list[tuple[str, HostArray | Variable]]:
    """(name, array) of the state of an optimizer in an `.h5` file, in the form of the description that stands there."""
    optimizer, kind = model.optimizer, kind_of(model.optimizer)
    if described["config"].get(FLAG) is False:
        return [("iteration:0", optimizer.steps), *((f"{name}:0", held) for name, held in listed_state(model))]
    found: list[tuple[str, HostArray | Variable]] = [(f"{kind}/iter:0", optimizer.steps)]
    product = product_of(optimizer)
    if product is not None and described.get(CLASS) in CLASSIC:
        found.append((f"{kind}/momentum_cache:0", product))
    return found + [(f"{kind}/{variable.path}/{word}:0", held) for variable, word, held in slots_of(model, SLOTS[kind])]
