"""The modules of each era: which there are, and which names they hold."""

import types
from typing import Any

from kerata import activations, callbacks, datasets, initializers, losses, metrics, mixed_precision, ops, random, utils
from kerata.dialects import ERAS, names
from kerata.legacy import (
    backends,
    bygone,
    contents,
    helpers,
    image,
    imagenet,
    initial,
    merging,
    monitors,
    networks,
    scikit_learn,
    sequence,
    text,
    todays,
)
from kerata.legacy.contents import of
from kerata.legacy.respelling import respelling
from kerata.legacy.scaling import loss_scale_optimizer
from kerata.legacy.tree import Maker, Tree
from kerata.optimizers import schedules

VERSIONS = {"keras1": "1.2.2", "keras2": "2.3.1", "keras22": "2.2.5", "tfkeras2": "2.15.0"}
BASES = ["Layer", "Wrapper", "InputLayer", "Input", "InputSpec"]
MERGING = ["add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate", "dot"]
MODELS = [
    "Model",
    "Sequential",
    "load_model",
    "save_model",
    "model_from_json",
    "model_from_yaml",
    "model_from_config",
    "clone_model",
]

# Submodules of `keras.layers`, all of which show what `keras.layers` shows.
LAYER_MODULES = [
    "core",
    "convolutional",
    "convolutional_recurrent",
    "normalization",
    "recurrent",
    "embeddings",
    "wrappers",
    "noise",
    "advanced_activations",
    "merge",
    "local",
    "pooling",
    "cudnn_recurrent",
]
ENGINE_MODULES = ("topology", "training", "base_layer", "network", "sequential", "input_layer", "saving", "training_utils")
UTIL_MODULES = [
    "np_utils",
    "generic_utils",
    "data_utils",
    "io_utils",
    "layer_utils",
    "test_utils",
    "visualize_util",
    "vis_utils",
    "conv_utils",
    "losses_utils",
    "metrics_utils",
    "multi_gpu_utils",
    "all_utils",
]
OPTIMIZER_MODULES = ("optimizer_v2", "adam", "adadelta", "adagrad", "adamax", "ftrl", "gradient_descent", "nadam", "rmsprop")
SCHEDULES_OF_THEN = ["CosineDecay", "CosineDecayRestarts"]
SAVING = [
    *("custom_object_scope", "deserialize_keras_object", "serialize_keras_object", "get_custom_objects", "get_registered_name"),
    *("get_registered_object", "register_keras_serializable", "load_model", "save_model"),
]
DATASETS = ("mnist", "cifar10", "cifar100", "imdb", "reuters", "boston_housing", "fashion_mnist")

OF_PREPROCESSING = ["timeseries_dataset_from_array", "image_dataset_from_directory", "text_dataset_from_directory"]
# What `mixed_precision.experimental` called it.
SET_POLICY = {"set_policy": mixed_precision.set_global_policy}
# Decorators of methods whose arguments had another order in Keras 1: `get_updates` is called in that of Keras 2.
INTERFACES = {"legacy_get_updates_support": lambda method: method}
OTHER_INITIALIZERS = ("zero", "one", "uniform", "normal", "_compute_fans")

# What the first versions of Keras 1 had, and Keras 1.2 no longer.
GRAPH = (
    "write x = Input(shape=(3,)); y = Dense(2)(x); Model(input=x, output=y). "
    "Of add_node(layer, name, input='a') comes layer(a), of inputs=['a', 'b'] comes layer(merge([a, b], mode='concat'))"
)
MISSING = {"optimizers": {"TFOptimizer": "give compile() the optimizer of tf.train itself"}}
MISSING_MODELS = {"keras1": {"Graph": GRAPH}}
MISSING_EXPERIMENTS = {
    "LinearModel": "write Sequential([Dense(units, kernel_initializer='zeros')]), or Add() of such a Dense for each input",
    "WideDeepModel": "write Model([wide, deep], Add()([linear_model(wide), dnn_model(deep)])), which takes one optimizer",
}


def precision(era: str, name: str) -> object:
    """What `mixed_precision` holds."""
    if name == "LossScaleOptimizer" and era == "tfkeras2":
        return loss_scale_optimizer(era, name)
    return of(mixed_precision, SET_POLICY)(era, name)


def public(module: types.ModuleType) -> list[str]:
    """The public names of a room of today; not the files in it."""
    return [n for n, value in vars(module).items() if not n.startswith("_") and not isinstance(value, types.ModuleType)]


def layer_names(era: str) -> list[str]:
    old = names(era, "layers")
    merging = (
        ["merge", "Merge", "Recurrent", "time_distributed_dense"]
        if era == "keras1"
        else [*MERGING, "Recurrent", "serialize", "deserialize", *contents.BASES]
    )
    merging += ["_time_distributed_dense"] if era in ("keras2", "keras22") else []
    today = [] if era != "tfkeras2" else [*bygone.CELLS, *(n for n in public(contents.layers) if n not in old)]
    return list(dict.fromkeys([*BASES, *old, *merging, *today]))


def names_of_optimizers(era: str) -> list[str]:
    found = list(dict.fromkeys([*names(era, "optimizers"), "Optimizer", "get", "serialize", "deserialize"]))
    found += ["optimizer_from_config"] if era == "keras1" else []
    if era == "tfkeras2":
        today = ("schedules", "AdamW", "Adafactor", "Ftrl", "Lion", "OptimizerV2")
        found += [n for n in today if n not in found]
    return found


def namespaces(era: str) -> dict[str, tuple[Any, Maker, Any]]:
    """Name of a namespace -> (names, maker, missing)."""
    layers = layer_names(era)
    engine = list(
        dict.fromkeys([*layers, "Model", "Sequential", "Container", "Network", "serialize", "deserialize", *contents.TOOLS])
    )
    util_names = list(dict.fromkeys([*public(helpers), *public(utils), *(["layer_from_config"] if era == "keras1" else [])]))
    loss_names = list(
        dict.fromkeys([*names(era, "losses"), *([*public(losses), "Reduction"] if era != "keras1" else []), "get"])
    )
    metric_names = [*names(era, "metrics"), *names(era, "losses"), *(public(metrics) if era != "keras1" else ["get"])]
    metric_names += ["accuracy"] if era.startswith("keras2") else []
    regularizers = list(dict.fromkeys([*names(era, "regularizers"), "get", "serialize", "deserialize", "Regularizer", "L1L2"]))
    if era == "tfkeras2":
        regularizers = [*public(contents.regularizers)]
    constraint_names = [*names(era, "constraints"), "get", "serialize", "deserialize", "Constraint"]
    if era == "tfkeras2":
        constraint_names = [*public(contents.constraints), *bygone.CONSTRAINTS]
        metric_names += bygone.METRICS
    optimizer_names = names_of_optimizers(era)
    initial_names = public(initial) if era == "keras1" else [*public(initializers), *OTHER_INITIALIZERS]
    callback_names = list(dict.fromkeys([*public(callbacks), *public(monitors)]))
    found = {
        "old layers": ([*layers, "Recurrent"], contents.layer, {}),
        "layers": (layers, contents.layer, {}),
        "engine": (engine, contents.layer, {}),
        "models": ([*MODELS, *layers], respelling("models", contents.model_or_layer), MISSING_MODELS.get(era, {})),
        "optimizers": (optimizer_names, contents.optimizer, MISSING["optimizers"]),
        "optimizers of then": (optimizer_names, contents.optimizer_of_then, MISSING["optimizers"]),
        "losses": (loss_names, contents.loss, {}),
        "metrics": (metric_names, contents.metric, {}),
        "regularizers": (regularizers, contents.regularizer, {}),
        "constraints": (constraint_names, contents.constraint, {}),
        "initializers": (initial_names, contents.initializer, {}),
        "activations": (public(activations), contents.activation, {}),
        "callbacks": (callback_names, contents.callback, {}),
        "utils": (util_names, respelling("utils", contents.util), {}),
        "backend": (backends.names(era), respelling("backend", backends.maker), {}),
        "text": (public(text), respelling("text", of(text)), {}),
        "sequence": (public(sequence), of(sequence), {}),
        "image": (image.NAMES, respelling("image", image.of_era), {}),
        "scikit_learn": (["BaseWrapper", "KerasClassifier", "KerasRegressor"], of(scikit_learn), {}),
        "mixed precision": ([*mixed_precision.__all__, "set_policy"], precision, {}),
        "nothing": ([], of(), {}),
        "interfaces": (["legacy_get_updates_support"], of(INTERFACES), {}),
        "preprocessing": (OF_PREPROCESSING if era == "tfkeras2" else [], contents.util, {}),
        "imagenet": (["preprocess_input", "decode_predictions"], of(imagenet), {}),
        "applications": (networks.network_names(era), networks.network, {}),
        "datasets": ([], of(), {}),
    }
    if era == "tfkeras2":
        found |= {"schedules": (public(schedules), of(schedules), {}), "saving": (SAVING, contents.saving, {})}
        found |= {"experimental": (SCHEDULES_OF_THEN, of(schedules), MISSING_EXPERIMENTS)}
        # Programs of Keras 3 on TensorFlow are run as those of tf.keras.
        found |= {"ops": (todays.names_of(ops), todays.operation, {}), "random": (todays.names_of(random), todays.draw, {})}
        found |= {f"ops.{name}": (todays.names_of(room), todays.operation, {}) for name, room in todays.ROOMS.items()}
    for name in networks.families(era):
        found[f"networks {name}"] = ([*networks.FAMILIES[name][1], *networks.TOOLS], networks.member(name), {})
    for name in DATASETS:
        found[f"dataset {name}"] = (["load_data", "get_word_index"], respelling(name, of(getattr(datasets, name))), {})
    return found


def paths(era: str) -> dict[str, str]:
    """Path of a module -> namespace."""
    found = {"keras.layers": "layers", "keras.engine": "engine", "keras.models": "models", "keras.legacy": "nothing"}
    found |= {f"keras.layers.{name}": "layers" for name in LAYER_MODULES}
    found |= {f"keras.engine.{name}": "engine" for name in ENGINE_MODULES}
    found["keras.engine.saving"] = "models"
    found |= {"keras.legacy.layers": "old layers", "keras.legacy.interfaces": "interfaces"}
    found |= {
        "keras.optimizers": "optimizers",
        "keras.losses": "losses",
        "keras.objectives": "losses",
        "keras.metrics": "metrics",
    }
    found |= {"keras.regularizers": "regularizers", "keras.constraints": "constraints", "keras.activations": "activations"}
    found |= {"keras.initializations" if era == "keras1" else "keras.initializers": "initializers"}
    found |= {"keras.callbacks": "callbacks", "keras.callbacks.callbacks": "callbacks", "keras.utils": "utils"}
    found |= {f"keras.utils.{name}": "utils" for name in UTIL_MODULES}
    found |= {"keras.backend": "backend"}
    found |= {f"keras.backend.{name}": "backend" for name in ("tensorflow_backend", "common", "load_backend")}
    found |= {
        "keras.preprocessing": "preprocessing",
        "keras.preprocessing.text": "text",
        "keras.preprocessing.sequence": "sequence",
    }
    found |= {"keras.datasets": "datasets", **{f"keras.datasets.{name}": f"dataset {name}" for name in DATASETS}}
    if era == "tfkeras2":
        found |= {"keras.layers.experimental": "layers", "keras.layers.experimental.preprocessing": "layers"}
        found |= {"keras.optimizers.experimental": "optimizers", "keras.optimizers.legacy": "optimizers of then"}
        found |= {"keras.optimizer_v2": "optimizers of then", "keras.optimizer_v2.learning_rate_schedule": "schedules"}
        found |= {f"keras.optimizer_v2.{part}": "optimizers of then" for part in OPTIMIZER_MODULES}
        found |= {"keras.optimizers.schedules": "schedules", "keras.saving": "saving", "keras.experimental": "experimental"}
        found |= {"keras.utils.legacy": "saving", "keras.callbacks.experimental": "callbacks"}
        found |= {f"keras.mixed_precision{part}": "mixed precision" for part in ("", ".experimental")}
        found |= {"keras.ops": "ops", "keras.random": "random", **{f"keras.ops.{name}": f"ops.{name}" for name in todays.ROOMS}}
    found |= {"keras.applications": "applications", "keras.applications.imagenet_utils": "imagenet"}
    found |= {f"keras.applications.{name}": f"networks {name}" for name in networks.families(era)}
    found |= {"keras.wrappers": "nothing", "keras.wrappers.scikit_learn": "scikit_learn", "keras.preprocessing.image": "image"}
    return found


def describe(era: str) -> tuple[Any, Any]:
    return paths(era), namespaces(era)


def of_root(era: str, name: str) -> object:
    return VERSIONS[era] if name == "__version__" else contents.model_or_layer(era, name)


_trees = {era: Tree(era, describe, (("__version__", "Input", "Model", "Sequential"), of_root)) for era in ERAS}


def tree_of(era: str) -> Tree:
    """The modules of an era; the same ones each time.

    >>> tree_of("keras1").root.layers.Convolution2D(4, 3, 3).kernel_size
    (3, 3)
    """
    return _trees[era]


for _era in ("keras1", "keras2", "keras22"):
    _trees[_era].functions["keras.layers.merge"] = merging.merge
keras1, keras2, keras22, tfkeras2 = (tree_of(era).root for era in ("keras1", "keras2", "keras22", "tfkeras2"))
