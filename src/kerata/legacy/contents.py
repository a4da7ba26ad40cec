"""What the modules of the eras hold: the thing of today where it means the same, else one made from a row of a table."""

import functools
import types
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from kerata import activations, callbacks, constraints, initializers, layers, losses, metrics, models, regularizers, utils
from kerata.base import registry
from kerata.base.checks import message
from kerata.base.serialization import deserialize_keras_object
from kerata.dialects import Row, canonical, find_function, find_row, translate_arguments
from kerata.dialects.values import today_of
from kerata.engine.structure import is_ours
from kerata.engine.symbolic import has_symbolic, traceable
from kerata.layers.merging import Merge
from kerata.legacy import bygone, configs, crossentropy, files, helpers, initial, merging, monitors, recurrent
from kerata.legacy.attending import Adapting, Attending, Evenly, Leaking, TakingLists
from kerata.legacy.bases import BASES
from kerata.legacy.batches import KeptVariance, ShownStatistics
from kerata.legacy.enlarging import Enlarging
from kerata.legacy.inputs import BeginningLayer, is_value, make_input
from kerata.legacy.layers import Masked, OldLayer, Passing, Several, Symbolic, descriptions
from kerata.legacy.measures import loss_of
from kerata.legacy.metrics import (
    COSINES,
    FUNCTIONS,
    NAMES_OF_COSINES,
    CountingFractions,
    FirstNearest,
    MetricOfKeras2,
    deserializing,
    serialize,
)
from kerata.legacy.models import OldModel, OldSequential
from kerata.legacy.objects import LOOKUPS, Reseeded, adopted, looking
from kerata.legacy.once import once
from kerata.legacy.optimizers import optimizer as optimizer
from kerata.legacy.optimizers import optimizer_of_then as optimizer_of_then
from kerata.legacy.respelling import OfEra, respelled
from kerata.legacy.seeding import Dropping
from kerata.legacy.spelling import Spelled, spell, variant
from kerata.legacy.states import ConstantBidirectional, ConstantRNN, Resetting, Reversible
from kerata.legacy.tensorflow.data import Dataset
from kerata.legacy.tensorflow.layers import followed
from kerata.legacy.tensorflow.models import FlowingLoss, FlowingMetric, FlowingRule, as_of_era
from kerata.legacy.tensorflow.spaces import ShownSpace
from kerata.metrics.regression import cosine_similarity

T = TypeVar("T")


@once
def layer(era: str, name: str) -> object:
    """A layer of an era, or a function of `keras.layers`."""
    if name == "Input":
        return make_input(era, layer(era, "InputLayer"))  # type: ignore[arg-type]
    if name in ("merge", "Merge"):
        return getattr(merging, name)
    if name == "InputSpec":
        return layers.InputSpec
    if name == "Recurrent":
        return recurrent.Recurrent1 if era == "keras1" else recurrent.Recurrent2
    if name.endswith("time_distributed_dense"):
        return recurrent.time_distributed_dense
    if name == "serialize":
        return configs.described
    if name == "deserialize":
        return lambda config, custom_objects=None: deserialized(era, config, custom_objects)
    if name in TOOLS:
        return TOOLS[name]
    if name in merging.FUNCTIONS:
        return merging.merging_function(name, layer(era, merging.FUNCTIONS[name]))  # type: ignore[arg-type]
    if name in BASES or (era == "tfkeras2" and name in bygone.CELLS):
        base = BASES[name] if name in BASES else bygone.CELLS[name]
        return spell(era, name, base, None, *((Several,) if issubclass(base, Merge) else ()), OldLayer)
    if name in ("Model", "Sequential", "Container", "Network"):
        return model(era, name)
    if (other := canonical(era, "layers", name)) != name:
        return layer(era, other)
    row = find_row(era, "layers", name)
    modern = getattr(layers, name if row is None else row.today)
    if not isinstance(modern, type):
        return modern
    # Layers that learn from data have a `reset_state` too, and no states among their inputs.
    has_states = hasattr(modern, "reset_state") and not hasattr(modern, "adapt")
    mixins = (Resetting, OldLayer) if has_states else (OldLayer,)
    if modern in MIXINS:
        mixins = (MIXINS[modern], OldLayer)
    if era == "tfkeras2" and modern in OF_TENSORFLOW:
        mixins = (OF_TENSORFLOW[modern], *mixins)
    if era == "tfkeras2" and (modern is layers.MultiHeadAttention or hasattr(modern, "adapt")):
        mixins = (Adapting if hasattr(modern, "adapt") else Attending, *mixins)
    if era != "tfkeras2" and issubclass(modern, DROPPING):
        mixins = (Dropping, *mixins)
    if issubclass(modern, Merge):
        mixins = (Several, merging.MaskedInOne, *mixins)
    elif modern.compute_mask is not layers.Layer.compute_mask and not issubclass(mixins[0], Masked):
        mixins = (Masked, *mixins)
    return spell(era, name, modern, row if row is not None and row.arguments is not None else None, *mixins)


DROPPING = (layers.Dropout, layers.GaussianDropout, layers.GaussianNoise, layers.AlphaDropout)
OF_TENSORFLOW: dict[Any, type] = {layers.CategoryEncoding: TakingLists, layers.Softmax: Evenly}
MIXINS: dict[Any, type] = {layers.Lambda: Symbolic, layers.RNN: ConstantRNN, layers.Bidirectional: ConstantBidirectional}
MIXINS[layers.TimeDistributed] = Passing
MIXINS[layers.BatchNormalization] = KeptVariance
MIXINS[layers.Normalization] = ShownStatistics
MIXINS[layers.StackedRNNCells] = Reversible
MIXINS[layers.InputLayer] = BeginningLayer
MIXINS[layers.UpSampling2D] = Enlarging
MIXINS[layers.LeakyReLU] = Leaking
TOOLS = {
    name: getattr(helpers, name)
    for name in ("GeneratorEnqueuer", "get_source_inputs", "to_list", "object_list_uid", "make_batches", "slice_X")
}


def deserialized(era: str, config: dict[str, object], custom_objects: dict[str, object] | None) -> object:
    """A layer of a description, in the era's words or in those of today."""
    if not configs.is_description_of_then(config):
        return adopt(era, deserialize_keras_object(config, custom_objects))
    return adopt(era, descriptions.revived(era, config, custom_objects))


def symbolic_inputs(era: str, tensors):
    """Inputs to build a model on; arrays and variables become inputs that hold them."""
    if isinstance(tensors, (list, tuple)):
        return [symbolic_inputs(era, one) for one in tensors]
    return layer(era, "Input")(tensor=tensors) if is_value(tensors) else tensors  # type: ignore[operator]


@once
def model(era: str, name: str) -> object:
    """`Model`, `Sequential` and the functions of `keras.models`."""
    if name == "Sequential":
        return spell(era, name, models.Sequential, None, OldSequential)
    if name in ("Model", "Container", "Network", "Functional"):
        if name != "Model":
            return model(era, "Model")
        thin = spell(era, name, models.Model, find_row(era, "models", "Model") if era == "keras1" else None, OldModel)
        registry.enter_alias(thin, models.Functional)
        return thin
    if name == "load_model":
        return lambda filepath, custom_objects=None, compile=True, **kwargs: adopt(
            era, files.load_model(filepath, custom_objects, compile)
        )
    if name == "clone_model":
        return lambda model, input_tensors=None, *args, **kwargs: adopt(
            era, models.clone_model(model, symbolic_inputs(era, input_tensors), *args, **kwargs)
        )
    if name == "model_from_config":
        return lambda config, custom_objects=None: deserialized(era, config, custom_objects)
    if name == "save_model":
        return files.save_model
    if name in ("model_from_json", "model_from_yaml"):
        return lambda text, custom_objects=None: adopt(era, getattr(models, name)(text, custom_objects))
    return getattr(models, name)


def model_or_layer(era: str, name: str) -> object:
    """What `keras.models` shows: its own names, and those that it imports."""
    reading = ("load_model", "save_model", "model_from_json", "model_from_yaml", "model_from_config", "clone_model")
    return model(era, name) if name in ("Model", "Sequential", *reading) else layer(era, name)


def adopt(era: str, found: T) -> T:
    """A model of today, and the models in it, as those of an era."""
    for part in (found, *getattr(found, "_flatten_layers", list)()):
        if isinstance(part, OldSequential):
            part.keep_input_shape()
        elif type(part) is models.Sequential:
            part.__class__ = model(era, "Sequential")
            getattr(part, "_adopted", list)()
            part.keep_input_shape()  # type: ignore[attr-defined], it is one now
        elif type(part) in (models.Model, models.Functional):
            part.__class__ = model(era, "Model")
            getattr(part, "_adopted", list)()
        elif type(part) is utils.FeatureSpace:
            part.__class__ = util(era, "FeatureSpace")
        elif type(part).__module__.startswith("kerata.layers"):
            name = type(part).__name__
            spelled = next((old for old in OLD_NAMES.get((era, name), (name,)) if find_row(era, "layers", old)), None)
            if spelled is None and era == "tfkeras2" and name != "InputLayer" and getattr(layers, name, None) is type(part):
                spelled = name  # it has the arguments of today, and takes tensors
            if spelled is not None:
                part.__class__ = variant(layer(era, spelled), type(part))
                getattr(part, "_adopted", list)()
    return found


OldLayer._adopt = staticmethod(adopt)
OLD_NAMES = {
    ("keras1", "Conv1D"): ("Convolution1D",),
    ("keras1", "Conv2D"): ("Convolution2D",),
    ("keras1", "Conv3D"): ("Convolution3D",),
    ("keras1", "Conv2DTranspose"): ("Deconvolution2D",),
    ("keras1", "SeparableConv2D"): ("SeparableConvolution2D",),
    ("keras1", "WordDropoutEmbedding"): ("Embedding",),
    ("keras2", "CornerUpSampling2D"): ("UpSampling2D",),
    ("keras22", "CornerUpSampling2D"): ("UpSampling2D",),
}


@once
def loss(era: str, name: str) -> object:
    """A loss of an era."""
    if name == "get":
        return lambda identifier: shown(era, "losses", losses.get(loss_of(era, identifier)), loss)
    if name == "Reduction":
        return helpers.Reduction
    if name in (functions := crossentropy.FUNCTIONS.get(era, {})):
        return in_order(era, name, among_tensors(era, name, functions[name]))
    if era in crossentropy.ERAS and name in crossentropy.CLASSES:
        beside = (OldLoss,) if era == "tfkeras2" else ()
        return spell(era, name, getattr(losses, name), find_row(era, "losses", name), crossentropy.LossOfThen, *beside)
    if era.startswith("keras2") and name in ("serialize", "deserialize"):
        return serialize if name == "serialize" else deserializing(losses)
    if (era, name) == ("tfkeras2", "deserialize"):
        return lambda *args, **kwargs: shown(era, "losses", losses.deserialize(*args, **kwargs), loss)
    row = find_row(era, "losses", name)
    found = getattr(losses, name if row is None else row.today)
    if isinstance(found, type) and row is not None and era != "tfkeras2":
        return spell(era, name, found, row, Spelled)
    return in_order(era, name, among_tensors(era, name, found, row))


def as_then(era: str, kind: str, found: object) -> object:
    """A loss or measure of today, as a file describes it, as the era computed it; anything else as it is."""
    home, name = registry.home_of(type(found)), type(found).__name__
    make, known = (loss, crossentropy.CLASSES) if kind == "losses" else (metric, crossentropy.MEASURES)
    is_other = name in known and era in crossentropy.ERAS
    if home is None or home[0] != kind or isinstance(found, Spelled) or not (is_other or (kind, era) == ("losses", "tfkeras2")):
        return found
    thin = make(era, name)
    if not isinstance(thin, type):
        return found
    return thin.from_config(found.get_config())  # type: ignore[attr-defined], losses and measures have both


OldModel._of_era = staticmethod(as_then)


def in_order(era: str, name: str, found):
    """A loss whose arguments stand in the order of the era."""
    row = find_function(era, "losses", name)
    return found if row is None else respelled(row, found)


@once
def metric(era: str, name: str) -> object:
    """A metric of an era."""
    if era.startswith("keras2") and name in ("serialize", "deserialize"):
        return serialize if name == "serialize" else functools.partial(measure_by, era, deserializing(metrics))
    if era == "tfkeras2" and name in bygone.METRICS:
        return spell(era, name, bygone.METRICS[name], None, OldMetric)
    if era.startswith("keras2") and name in FUNCTIONS:
        return of_graphs(FUNCTIONS[name])
    if era == "tfkeras2" and name == "binary_accuracy":
        return in_order(era, name, among_tensors(era, name, FUNCTIONS[name]))
    if era == "keras2" and name in NAMES_OF_COSINES:
        return of_graphs(COSINES[era])
    if name in (functions := crossentropy.FUNCTIONS.get(era, {})):
        return in_order(era, name, among_tensors(era, name, functions[name]))
    if era == "tfkeras2" and name in LOOKUPS:
        return functools.partial(metric_by, getattr(metrics, name))
    if name in LOOKUPS:
        return functools.partial(measure_by, era, getattr(metrics, name))
    if era in crossentropy.ERAS and name in crossentropy.MEASURES:
        beside = OldMetric if era == "tfkeras2" else MetricOfKeras2
        own = find_row(era, "metrics", name)
        return spell(era, name, getattr(metrics, name), own, crossentropy.MetricOfThen, beside)
    row = find_row(era, "metrics", name) or find_row(era, "losses", name)
    if era.startswith("keras2") and isinstance(modern := getattr(metrics, name, None), type):
        mixin = FirstNearest if name in ("SensitivityAtSpecificity", "SpecificityAtSensitivity") else MetricOfKeras2
        return spell(era, name, modern, row if row is not None and row.kind == "metrics" else None, mixin)
    found = getattr(metrics, name) if row is None else getattr(metrics if row.kind == "metrics" else losses, row.today)
    return in_order(era, name, among_tensors(era, name, found, row))


def measure_by(era: str, find: Callable[..., object], identifier: object, *args: object, **kwargs: object) -> object:
    """`metrics.get` and `metrics.deserialize` before `tf.keras`: the cosines have the sign of then."""
    row = find_row(era, "metrics", identifier) or find_row(era, "losses", identifier) if isinstance(identifier, str) else None
    if identifier in NAMES_OF_COSINES and row is not None:
        return metric(era, str(identifier))
    return find(identifier, *args, **kwargs)


def metric_by(find: Callable[..., object], identifier: object, *args: object, **kwargs: object) -> object:
    """`metrics.get` and `metrics.deserialize` of `tf.keras`: of a short name a function, which is a loss as well."""
    if identifier in ("cosine_proximity", "cosine_similarity"):
        return followed_once(cosine_similarity)
    for room, make in ((losses, loss), (metrics, metric)):
        if isinstance(identifier, str) and isinstance(getattr(room, identifier, None), types.FunctionType):
            return make("tfkeras2", identifier)
    return shown("tfkeras2", "metrics", find(identifier, *args, **kwargs), metric)


def shown(era: str, kind: str, found: object, make: Callable[[str, str], object]) -> object:
    """What a lookup has found, as programs of the era meet it: in `tf.keras` it takes and gives tensors."""
    if era != "tfkeras2":
        return found
    return adopted(era, kind, of_layers(era, found), make)


def of_graphs(function):
    """A function of arrays that takes symbolic tensors as well, and then is a node of a graph."""
    if not isinstance(function, types.FunctionType):
        return function
    node = traceable(function)

    @functools.wraps(function)
    def call(*args, **kwargs):
        return (node if has_symbolic((args, kwargs)) else function)(*args, **kwargs)

    call.__kerata__ = getattr(function, "__kerata__", function)  # type: ignore[attr-defined]
    return call


class OldLoss(FlowingLoss, Spelled):
    """A loss of `tf.keras`; of its base class the reduction came first."""

    def _take_positional(self, args: tuple, arguments: dict[str, Any]) -> tuple:
        return (args[1] if len(args) > 1 else None, *args[:1], *args[2:]) if is_base(self, losses.Loss) and args else args


class OldMetric(FlowingMetric, Spelled):
    """A metric of `tf.keras`; of its base class the name came first."""

    counts_elements = True

    def _take_positional(self, args: tuple, arguments: dict[str, Any]) -> tuple:
        return (args[1] if len(args) > 1 else None, *args[:1], *args[2:]) if is_base(self, metrics.Metric) and args else args


def as_among_tensors(found: object) -> object:
    """A metric of today as `tf.keras` shows those of a model: what it gives are tensors."""
    home = getattr(metrics, type(found).__name__, None)
    return shown("tfkeras2", "metrics", found, metric) if home is type(found) else found


as_of_era[0] = as_among_tensors


def is_base(thing: object, base: type) -> bool:
    """Whether the first built-in class of an object is the one that all of its kind derive from."""
    return next(one for one in type(thing).__mro__ if "_stands_for" in vars(one)).__dict__["_stands_for"] is base


def among_tensors(era: str, name: str, modern: object, row: Row | None = None) -> object:
    """A loss or metric of today as one that takes and gives tensors, in `tf.keras`."""
    if name in ("get", "serialize", "deserialize"):
        return modern
    if era != "tfkeras2":
        return modern if isinstance(modern, type) else of_graphs(modern)
    if not isinstance(modern, type):
        return followed(modern, modern) if callable(modern) else modern
    own = row if row is not None and row.arguments is not None else None
    if issubclass(modern, losses.Loss):
        return spell(era, name, modern, own, OldLoss)
    counts = (CountingFractions,) if issubclass(modern, metrics.IoU) else ()
    return spell(era, name, modern, own, *counts, OldMetric)


@once
def regularizer(era: str, name: str) -> object:
    """A regularizer of an era: `l2(0.01)` makes one."""
    return by_row(era, "regularizers", regularizers, name)


@once
def constraint(era: str, name: str) -> object:
    """A constraint of an era."""
    if era == "tfkeras2" and name in bygone.CONSTRAINTS:
        kind = bygone.CONSTRAINTS[name]
        return spell(era, name, kind, None, FlowingRule, Spelled) if name == kind.__name__ else constraint(era, kind.__name__)
    return by_row(era, "constraints", constraints, name)


def by_row(era: str, kind: str, room: types.ModuleType, name: str) -> object:
    again = {"constraints": constraint, "regularizers": regularizer}[kind]
    if name in LOOKUPS:
        return looking(era, kind, room, name, again)
    if (other := canonical(era, kind, name)) != name:
        return again(era, other)
    row = find_row(era, kind, name)
    flows = (FlowingRule,) if era == "tfkeras2" else ()
    if row is None or row.arguments is None:
        found = getattr(room, name)
        return spell(era, name, found, None, *flows, Spelled) if flows and isinstance(found, type) else found
    if not name[0].islower():
        return spell(era, name, getattr(room, row.today), row, *flows, Spelled)

    def make(*args: object, **kwargs: object) -> object:
        found = again(era, row.today) if flows else getattr(room, row.today)
        return cast(type, found)(**translate_arguments(row, args, kwargs)[1])

    make.__name__ = name
    return make


@once
def initializer(era: str, name: str) -> object:
    """An initializer of an era: a class, or in Keras 1 a function of a shape."""
    if era == "keras1":
        return getattr(initial, name)
    if name in LOOKUPS:
        return looking(era, "initializers", initializers, name, initializer)
    modern = getattr(initializers, name.lstrip("_"))
    if era != "keras2" or not isinstance(modern, type) or not issubclass(modern, initializers.RandomInitializer):
        return modern
    if modern.__name__ != name:
        return initializer(era, modern.__name__)
    return spell(era, name, modern, None, Reseeded)


@once
def activation(era: str, name: str) -> object:
    """An activation of an era."""
    if name == "get":
        return lambda identifier: of_layers(era, get_activation(era, identifier))
    if name == "deserialize":
        return lambda name, custom_objects=None: of_layers(era, activations.deserialize(name, custom_objects))
    if era == "tfkeras2" and name == "serialize":
        return lambda function: activations.serialize(getattr(function, "__kerata__", function))
    found = activations.legacy_hard_sigmoid if name == "hard_sigmoid" else getattr(activations, name)
    row = find_function(era, "activations", name)
    return of_layers(era, found) if row is None or era == "tfkeras2" else OfEra(respelled(row, found), found)


def of_layers(era: str, function):
    """A function of today's as own layers of `tf.keras` call it: tapes follow it. Layers of ours take it for that of today."""
    if era != "tfkeras2" or not isinstance(function, types.FunctionType) or not is_ours(function):
        return function
    return followed_once(function)


@functools.cache
def followed_once(function):
    """The function as `tf.keras` has it, the same one each time."""
    found = followed(function, function)
    kind, name = registry.home_of(function) or ("", "")
    row = find_function("tfkeras2", kind.partition(" ")[0], name)
    found = found if row is None else respelled(row, found)
    return OfEra(found, function) if kind == "activations" else found


def get_activation(era: str, identifier: object) -> object:
    """An activation by the name that an era knows."""
    if isinstance(identifier, layers.Layer):
        said = "a layer stands where an activation is wanted: advanced activations are layers of their own"
        warnings.warn(message("activations.get", said, {"identifier": identifier}), stacklevel=3)
    return activations.get(today_of(era, "activation", "activation", identifier))


CALLBACKS_OF_KERAS1 = {
    "ModelCheckpoint": monitors.CheckpointOfKeras1,
    "EarlyStopping": monitors.EarlyStoppingOfKeras1,
    "ReduceLROnPlateau": monitors.PlateauOfKeras1,
}


@once
def callback(era: str, name: str) -> object:
    """A callback of an era."""
    if era == "keras1" and name in CALLBACKS_OF_KERAS1:
        return CALLBACKS_OF_KERAS1[name]
    if (era, name) == ("tfkeras2", "ModelCheckpoint"):
        return monitors.CheckpointOfTensorFlow
    if name == "EarlyStopping" and era != "tfkeras2":
        return monitors.EarlyStoppingOfKeras2
    return getattr(monitors, name, None) or getattr(callbacks, name)


@once
def util(era: str, name: str) -> object:
    """A function of `keras.utils`."""
    if name == "layer_from_config":
        return lambda config, custom_objects=None: deserialized(era, config, custom_objects)
    if era == "tfkeras2" and name in MADE_OF_DATA:
        return showing(getattr(utils, name))
    if (era, name) == ("tfkeras2", "FeatureSpace"):
        return spell(era, name, utils.FeatureSpace, None, ShownSpace, Spelled)
    return getattr(helpers, name, None) or getattr(utils, name)


def saving(era: str, name: str) -> object:
    """A function of `keras.saving`."""
    return model(era, name) if name in ("load_model", "save_model") else util(era, name)


MADE_OF_DATA = (
    "image_dataset_from_directory",
    "text_dataset_from_directory",
    "audio_dataset_from_directory",
    "timeseries_dataset_from_array",
)


def showing(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of today that gives data sets, or a list of two, as one whose data sets show tensors."""

    @functools.wraps(function)
    def make(*args: object, **kwargs: object) -> object:
        if kwargs.pop("smart_resize", False):
            kwargs["crop_to_aspect_ratio"] = True
        found = function(*args, **kwargs)
        return [Dataset.showing(one) for one in found] if isinstance(found, list) else Dataset.showing(found)

    return make


def of(*rooms: object) -> Callable[[str, str], Any]:
    """A maker that gives what the first of some modules or dicts has under the name."""

    def find(era: str, name: str) -> object:
        for room in rooms:
            if isinstance(room, Mapping):
                if name in room:
                    return room[name]
            elif hasattr(room, name):
                return getattr(room, name)
        raise AttributeError(message("legacy", f"{name} is not there"))

    return find
