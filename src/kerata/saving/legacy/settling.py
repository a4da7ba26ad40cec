"""What a description of an old layer leaves to the process that reads it, and what none of today's layers can do."""

from typing import Any

from kerata.base.checks import message
from kerata.base.refusals import FileError, NotReadYet
from kerata.saving.legacy.form import KERAS1, TFKERAS2

# What configs of tf.keras say of what was built, or of how it drew random numbers.
SAID_BESIDE = ("rng_type", "query_shape", "key_shape", "value_shape", "has_input_vocabulary")
# (beginning or ending of a class's name, argument): what it takes from a base and makes nothing of, and the value that it has.
UNUSED: dict[tuple[str, str], tuple[object, ...]] = {
    ("Transpose", "groups"): (1,),
    ("DepthwiseConv", "groups"): (1,),
    ("SeparableConv", "groups"): (1,),
    ("SpatialDropout", "noise_shape"): (None,),
    ("ConvLSTM", "time_major"): (False,),
    ("MultiHeadAttention", "softmax_robust_masking"): (False,),
}


def input_shape_of(config: dict[str, Any]) -> list[Any] | None:
    """The shape of a batch that a layer's config names."""
    shape = config.get("batch_input_shape", config.get("batch_shape"))
    return shape if isinstance(shape, list) else None


def settle(era: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
    """A layer's config, in which nothing depends on settings of the process that reads it."""
    config, owner = dict(config), f"{name} ({config.get('name')})"
    if era == KERAS1:
        settle_keras1(name, config, owner)
    if name == "Flatten" and config.get("data_format") is None:
        # Up to Keras 2.1 pictures were flattened as they stood.
        config["data_format"] = "channels_last"
    if name == "InputLayer":
        shape = input_shape_of(config)
        if config.get("sparse") or config.get("ragged"):
            raise NotReadYet(message(owner, "sparse and ragged inputs are not there"))
        dtype = config.get("dtype") or config.get("input_dtype") or "float32"
        return {"batch_shape": shape, "dtype": dtype, "name": config.get("name")}
    if era == TFKERAS2:
        if config.get("time_major"):
            raise NotReadYet(message(owner, "`time_major=True` is not there"))
        leave_out(name, config, owner)
        if isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
            config["axis"] = config["axis"][0]
    if isinstance(policy := config.get("dtype"), dict) and policy.get("class_name") in ("Policy", "PolicyV1"):
        config["dtype"] = {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": policy["config"]["name"]},
            "registered_name": None,
        }
    return config


def leave_out(name: str, config: dict[str, Any], owner: str) -> None:
    """Takes out what `tf.keras` wrote of a layer and today's does not take; what would mean something is refused."""
    for argument in SAID_BESIDE:
        config.pop(argument, None)
    for (part, argument), neutral in UNUSED.items():
        if part in name.replace("Convolution", "Conv") and argument in config and config.pop(argument) not in neutral:
            raise NotReadYet(message(owner, f"`{argument}` is not there"))
    if name.startswith(("DepthwiseConv", "SeparableConv")):
        # The kernel of the base; these have kernels of their own names.
        for argument in ("kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            config.pop(argument, None)


def settle_keras1(name: str, config: dict[str, Any], owner: str) -> None:
    """What Keras 1 alone had; what would give other numbers is refused."""
    if name == "BatchNormalization" and config.get("mode", 0) != 0:
        raise NotReadYet(message(owner, "batch normalization is read with `mode=0` alone", {"mode": config["mode"]}))
    shape = config.get("output_shape")
    if name == "Deconvolution2D" and isinstance(shape, list) and len(shape) == 4:
        check_deconvolution(config, shape, owner)


def check_deconvolution(config: dict[str, Any], shape: list[Any], owner: str) -> None:
    """Raises where the sizes that a file names are none."""
    first = 2 if config.get("dim_ordering") == "th" else 1
    named = (*shape[first : first + 2], config.get("nb_row"), config.get("nb_col"), *config.get("subsample", [1, 1]))
    if not all(isinstance(number, int) and number > 0 for number in named):
        raise FileError(message(owner, "sizes must be positive whole numbers", {"output_shape": shape}))
