"""Weights in the groups of an old HDF5 file: a group a layer, its arrays in the order that an attribute says."""

import math

import numpy as np

from kerata.base.checks import message
from kerata.base.hdf5 import Group, check_link, find_group, open_dataset, read_dataset
from kerata.base.limits import take_work
from kerata.base.refusals import FileError
from kerata.saving.legacy.attributes import Texts
from kerata.saving.legacy.form import KERAS1, KERAS3, LayerArrays, Source, Weights, era_of_version

LAYERS, WEIGHTS, COUNT = "layer_names", "weight_names", "nb_layers"
MODEL, TOP, OPTIMIZER = "model_weights", "top_level_model_weights", "optimizer_weights"
# More layers than that nobody has.
MOST_LAYERS = 100_000


def is_old(file: Group) -> bool:
    """Whether an open HDF5 file is one of a whole model or of weights as Keras 1 and 2 wrote them, and Keras 3's `.h5`."""
    return any(has_names(group) for group in (file, inner_group(file)) if group is not None) or "model_config" in file.attrs


def has_names(group: Group) -> bool:
    return LAYERS in group.attrs or f"{LAYERS}0" in group.attrs or COUNT in group.attrs


def inner_group(file: Group) -> Group | None:
    """The group of the weights in a file of a whole model, or `None`."""
    import h5py

    if type(file.get(MODEL, getlink=True)) is not h5py.HardLink:
        return None
    group: Group = file[MODEL]
    kind: type = h5py.Group
    return group if isinstance(group, kind) else None


def read_weights(file: Group, texts: Texts) -> Weights:
    """The weights of a file, of which no numbers are read yet."""
    owner = texts.owner
    if MODEL in file:
        check_link(file, MODEL, file.get(MODEL, getlink=True), owner)
    group = inner_group(file) if MODEL in file else file
    if group is None or not has_names(group):
        raise FileError(
            message(
                owner,
                "the file must say which layers it holds weights of",
                {"attributes": sorted(group.attrs) if group is not None else []},
            )
        )
    version = texts.read_text(group, "keras_version") or texts.read_text(file, "keras_version") or ""
    backend = (texts.read_text(group, "backend") or texts.read_text(file, "backend") or "").lower()
    era = era_of_version(version)
    if COUNT in group.attrs:
        layers = read_numbered(group, owner)
    else:
        names = texts.read_list(group, LAYERS) or []
        if len(names) > MOST_LAYERS or len(set(names)) < len(names):
            raise FileError(message(owner, "each layer must have a name of its own", {"layers": len(names)}))
        layers = [LayerArrays(name, read_arrays(group, name, texts)) for name in names]
    if era == KERAS1 and not backend:
        backend = backend_of_names(layers)
    own = read_arrays(group, TOP, texts) if era != KERAS1 and TOP in group and TOP not in {layer for layer, _ in layers} else []
    return Weights(era, backend, layers, own)


def backend_of_names(layers: list[LayerArrays]) -> str:
    """The backend of a file that does not say it: TensorFlow's names of variables end in a number."""
    names = [array.name for _, arrays in layers for array in arrays]
    known = [name for name in names if not name.startswith("param_")]
    if not known:
        return ""
    return "tensorflow" if known[0].rpartition(":")[2].isdigit() else "theano"


def read_arrays(parent: Group, name: str, texts: Texts) -> list[Source]:
    """The arrays of a layer's group, or of the optimizer's."""
    group = find_group(parent, name, texts.owner)
    if group is None:
        raise FileError(message(texts.owner, "the file must hold the group of each layer that it names", {"group": name}))
    names = texts.read_list(group, WEIGHTS)
    return [find_array(group, array, texts.owner) for array in names or []]


def find_array(group: Group, name: str, owner: str) -> Source:
    """An array at a path in a group, opened and not read."""
    take_work(1)
    folder, _, last = name.rpartition("/")
    holder = find_group(group, folder, owner) if folder else group
    if holder is None or last not in holder:
        raise FileError(
            message(owner, "the file is damaged: an array that it names is not there", {"array": f"{group.name}/{name}"})
        )
    dataset = open_dataset(holder, last, owner)
    return Source(name, dataset.shape, lambda: read_dataset(dataset, owner))


def read_numbered(group: Group, owner: str) -> list[LayerArrays]:
    """The layers of a file of the first Keras: `layer_0`, `layer_1`, ..., each with `param_0`, `param_1`, ..."""
    layers = []
    for number in range(read_count(group, COUNT, owner)):
        name = f"layer_{number}"
        inner = find_group(group, name, owner)
        if inner is None:
            raise FileError(message(owner, "the file is damaged: a layer is not there", {"group": name}))
        count = read_count(inner, "nb_params", owner)
        layers.append(LayerArrays(name, [find_array(inner, f"param_{place}", owner) for place in range(count)]))
    return layers


def read_count(group: Group, name: str, owner: str) -> int:
    """A whole number in an attribute."""
    if name not in group.attrs:
        raise FileError(message(owner, "a number was expected", {"attribute": name}))
    attribute = group.attrs.get_id(name)
    if attribute.shape is None or math.prod(attribute.shape) != 1 or attribute.dtype.kind not in "iu":
        raise FileError(message(owner, "a whole number was expected", {"attribute": name, "dtype": attribute.dtype}))
    value = int(np.asarray(group.attrs[name]).reshape(()))
    if not 0 <= value <= MOST_LAYERS:
        raise FileError(message(owner, "a number of layers or arrays was expected", {name: value}))
    return value


def read_optimizer(file: Group, texts: Texts) -> list[Source]:
    """The arrays of the optimizer's state, in the order of the file; none where there are none."""
    if OPTIMIZER not in file:
        return []
    return read_arrays(file, OPTIMIZER, texts)


def is_modern_layout(weights: Weights) -> bool:
    """Whether the arrays have the layouts of today."""
    return weights.era == KERAS3
