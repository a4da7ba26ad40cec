"""Which attributes of which classes are bookkeeping, and who looks at them all the same."""

import jax
import keras
import numpy as np
import pytest

import kerata
from kerata import layers
from kerata.engine.module import Look, Module, parts
from kerata.engine.structure import structure_of
from kerata.legacy import tfkeras2
from kerata.saving.walk import walk

N, S, P = Look.NOBODY, Look.PROGRAM, Look.PARTS | Look.PROGRAM
OF_ALL = {"name": N, "_arguments": N}
OF_SEEDED = {**OF_ALL, "_default_key": N, "_number": N, "_place": N, "_origin": N}
OF_LAYERS = {
    **OF_ALL,
    "inbound_nodes": N,
    "_built_shapes": N,
    "_path": N,
    "_thawed": N,
    "_losses": N,
    "built": P,
    "autocast": P,
    "supports_masking": P,
    "activity_regularizer": P,
    "input_spec": P,
    "_dtype_policy": P,
    "_trainable": P,
    "_weights": P,
    "_batch_shape": P,
}
OF_MODELS = {
    **OF_LAYERS,
    "optimizer": N,
    "loss": N,
    "compiled": N,
    "run_eagerly": N,
    "jit_compile": N,
    "history": N,
    "stop_training": N,
    "stop_evaluating": N,
    "__measures_go_on__": N,
    "stop_predicting": N,
    "steps_per_execution": N,
    "_compilation": N,
    "_programs_of_predict": N,
    "_graph": S,
    "_graph_layers": P,
    "_layers": P,
}
# Classes with bookkeeping of their own. Whatever is derived from them has theirs.
OF_LOOKUPS = ("tokens", "numbers", "idf", "input_vocabulary", "input_idf_weights", "_counts", "_spread", "_documents")
BOOKS = {
    "engine.module.Module": OF_ALL,
    "engine.seeds.Seedable": OF_SEEDED,
    "layers.layer.Layer": OF_LAYERS,
    "layers.input.InputLayer": {**OF_LAYERS, "tensor": S},
    "layers.recurrent_cells.Cell": {**OF_LAYERS, "_masks": N},
    "layers.preprocessing.categories.Discretization": {**OF_LAYERS, "summary": N},
    "layers.recurrent.RNN": {**OF_LAYERS, "states": S},
    "layers.calibrated.Calibrated": {**OF_LAYERS, "weight_bits": P},
    "layers.core.Dense": {**OF_LAYERS, "weight_bits": P},
    "layers.einsum_dense.EinsumDense": {**OF_LAYERS, "weight_bits": P},
    "utils.feature_space.FeatureSpace": {
        **OF_LAYERS,
        **dict.fromkeys(("inputs", "encoded_features", "features", "crosses"), N),
    },
    "layers.preprocessing.lookups.IndexLookup": {**OF_LAYERS, **dict.fromkeys(OF_LOOKUPS, N)},
    "models.model.Model": OF_MODELS,
    "models.sequential.Sequential": {**OF_MODELS, "_input": S, "_tail": N, "_whole": N},
    "optimizers.optimizer.Optimizer": {**OF_ALL, "optimizer_state": N},
    "optimizers.multi_optimizer.MultiOptimizer": {**OF_ALL, "optimizer_state": N, "optimizer_map": N, "_place_of": N},
    "training.objectives.CompiledLoss": {**OF_ALL, "_compile_arguments": N, "_places": N, "tells_parts": N},
    "training.objectives.CompiledMetrics": {**OF_ALL, "_compile_arguments": N, "crossentropies": N, "within": N},
}
# What classes of the eras add, where a program has asked for them.
OF_ERAS = {
    "legacy.layers.OldLayer": {
        **dict.fromkeys(
            ("_initial_weights", "_added_losses", "_added_updates", "_calling", "_adds_by_sample", "one_kernel"), N
        ),
        "sums_penalties": S,
    },
    "legacy.models.OldModel": {
        **dict.fromkeys(
            (
                "_other_shapes",
                "_trained_at_compile",
                "_averages_stay",
                "_held_out",
                "_shown_totals",
                "_targets",
                "_kept_measures",
                "_step_functions",
            ),
            N,
        ),
        "_terms": Look.PARTS,
    },
    "legacy.tensorflow.models.FlowingModel": dict.fromkeys(
        ("_steps_alone", "_takes_loss", "_awaited", "_given_early", "_building_whole", "_logged", "_widths", "_told"), N
    ),
    "legacy.tensorflow.layers.Flowing": {"_tape_calls": N, "_awaits": N},
    "legacy.closures.Around": {"closure": N},
    "legacy.own_updates.OwnUpdates": dict.fromkeys(("_made", "_made_for"), N),
    "legacy.tensorflow.rules.OwnRules": dict.fromkeys(
        ("_own_slots", "_slots_of", "_built_for", "_hypers_given", "_initial_decay", "_name"), N
    ),
    "legacy.layers.Passing": {"takes_all_steps": S},
    "legacy.batches.KeptVariance": {"kept_variance": S, "averages_stay": S},
}
X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")


# Classes of the eras are made when they are asked for.
MODELS_OF_ERAS = (tfkeras2.models.Model, tfkeras2.models.Sequential)


def classes_below(cls):
    for below in cls.__subclasses__():
        yield below
        yield from classes_below(below)


EVERY = [cls for cls in dict.fromkeys([Module, *classes_below(Module)]) if cls.__module__.startswith("kerata.")]


def path_of(cls):
    return f"{cls.__module__.removeprefix('kerata.')}.{cls.__qualname__}"


def looks(cls):
    names = set().union(*cls._hidden.values())
    return {name: Look(sum(look.value for look in Look if name not in cls._hidden[look])) for name in names}


@pytest.mark.parametrize("cls", EVERY, ids=path_of)
def test_the_books_of_every_class(cls):
    nearest = next(base for base in cls.__mro__ if path_of(base) in BOOKS)
    added = {name: look for base in cls.__mro__ for name, look in OF_ERAS.get(path_of(base), {}).items()}
    assert looks(cls) == BOOKS[path_of(nearest)] | added


def test_all_that_a_layer_sets_is_bookkeeping_for_files():
    layer = layers.Layer()
    # Set where a layer is frozen or thawed.
    layer.trainable = True
    assert set(vars(layer)) == set(OF_LAYERS)


def test_classes_derived_from_several_have_the_books_of_all():
    class Mixed:
        _bookkeeping = {"extra": Look.NOBODY}

    class Own(Mixed, layers.Conv1D):
        pass

    assert looks(Own) == {**OF_LAYERS, "extra": N} and looks(layers.Conv1D) == OF_LAYERS


def test_who_looks_finds_what_the_books_say():
    """Parts, structure and files of one model, by attribute."""
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(X, X[:, :2], verbose=0)
    assert [name for name, _ in parts(model)] == ["_layers/0"]
    assert [place.path for place in walk(model, lambda thing: False)] == ["", "layers/dense", "optimizer"]
    before = structure_of(model)
    model.stop_training, model.name = True, "other"
    model.fit(X, X[:, :2], epochs=2, verbose=0)
    assert structure_of(model) == before
    model.layers[0].supports_masking = not model.layers[0].supports_masking
    assert structure_of(model) != before


NAMES = ["loss", "optimizer", "_layers", "_graph_layers", "_input", "_graph", "history", "head"]


@pytest.mark.parametrize("name", NAMES)
def test_a_layers_parts_are_kept_under_any_name(name, tmp_path):
    """What keeps the books of a model is an attribute like any other in a layer of a user's own."""

    class Own(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            setattr(self, name, [layers.Dense(2)] if name.endswith("layers") else layers.Dense(2))

        def call(self, x):
            return jax.tree.leaves(getattr(self, name))[0](x)

    model = kerata.Sequential([kerata.Input((3,)), Own()])
    model.save_weights(tmp_path / "m.weights.h5")
    before = model.get_weights()
    model.set_weights([w + 1 for w in before])
    model.load_weights(tmp_path / "m.weights.h5")
    assert len(before) == 2
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


def layer_with(k, name):
    class Own(k.layers.Layer):
        def build(self, input_shape):
            setattr(self, name, k.layers.Dense(2))
            getattr(self, name).build(input_shape)

        def call(self, x):
            return getattr(self, name)(x)

    return Own()


@pytest.mark.parametrize("name", ["loss", "optimizer", "head"])
def test_a_layers_parts_stand_where_keras_keeps_them(name, tmp_path):
    models = [k.Sequential([k.Input((3,)), layer_with(k, name)]) for k in (keras, kerata)]
    models[0].save_weights(tmp_path / "m.weights.h5")
    models[1].load_weights(tmp_path / "m.weights.h5")
    for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
