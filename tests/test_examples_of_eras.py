"""The notes' networks in the spelling of each era: the same losses from the same weights and batches."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import kerata
from kerata.legacy import install_as_keras, uninstall
from kerata.legacy.installing import ROOTS

FOLDER = Path(__file__).parents[1] / "examples" / "eras"
ERAS = ("keras1", "keras2", "tfkeras2", "keras3")
RNG = np.random.RandomState(0)


def numbers(*shape):
    return RNG.normal(size=shape).astype("float32")


# Name -> inputs and targets of the size that the network takes.
DATA = {
    "digits_dense": (numbers(60, 784), np.eye(10, dtype="float32")[RNG.randint(0, 10, 60)]),
    "digits_convolutional": (numbers(60, 28, 28, 1), RNG.randint(0, 10, 60)),
    "reviews_lstm": (RNG.randint(1, 2000, (60, 80)), RNG.randint(0, 2, (60, 1)).astype("float32")),
    "waves_stateful": (numbers(60, 5, 1), numbers(60, 5, 1)),
    "merged_inputs": ([numbers(60, 16), numbers(60, 8)], RNG.randint(0, 2, (60, 1)).astype("float32")),
    "regression_folds": (numbers(60, 44), numbers(60, 1)),
    "pictures_frozen": (numbers(60, 32, 32, 3), np.eye(10, dtype="float32")[RNG.randint(0, 10, 60)]),
}


@pytest.fixture(autouse=True)
def real_keras_steps_aside():
    """Other tests import real Keras, which would stay what `import keras` gives."""
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in ROOTS}
    yield
    uninstall()
    sys.modules.update(hidden)


def load(era, name):
    """The names of an example, as its era runs it."""
    if era != "keras3":
        install_as_keras(era)
    try:
        return runpy.run_path(str(FOLDER / era / f"{name}.py"), run_name="example")
    finally:
        uninstall()


def in_order(arrays, like):
    """Weights of one model for another: Keras 1 kept the parts of Maxout in the same order; only names differ."""
    assert [a.shape for a in arrays] == [w.shape for w in like], ([a.shape for a in arrays], [w.shape for w in like])
    return arrays


def losses(model, name, weights, kerata_seed=3):
    kerata.utils.set_random_seed(kerata_seed)
    # Keras 1 lists the weights of each gate, and takes them together as well.
    model.set_weights(in_order(weights, [variable.numpy() for variable in model.weights]))
    x, y = DATA[name]
    size = 4 if name == "waves_stateful" else 20
    told = {"nb_epoch" if type(model).__module__ == "kerata.legacy.keras1" else "epochs": 3}
    return model.fit(x, y, batch_size=size, shuffle=False, verbose=0, **told).history["loss"]


@pytest.mark.parametrize("name", DATA)
def test_a_network_learns_alike_in_the_spelling_of_every_era(name):
    made = {}
    for era in ERAS:
        kerata.utils.set_random_seed(1)
        made[era] = load(era, name)["build"]()
    weights = made["keras3"].get_weights()
    found = {era: losses(model, name, weights) for era, model in made.items()}
    same = [era for era in ERAS if (name, era) not in (("reviews_lstm", "keras1"), ("waves_stateful", "keras1"))]
    for era in same:
        np.testing.assert_allclose(found[era], found["keras3"], rtol=1e-4, err_msg=era)
    for era in set(ERAS) - set(same):
        # The gates of Keras 1 had the hard sigmoid.
        assert not np.allclose(found[era], found["keras3"], rtol=1e-4)
        model = load("keras3", name)["build"]()
        for layer in model.layers:
            if hasattr(layer, "cell"):
                layer.cell.recurrent_activation = kerata.activations.legacy_hard_sigmoid
        if name == "reviews_lstm":
            # And its Adam a smaller epsilon.
            model.compile(kerata.optimizers.Adam(epsilon=1e-8), "binary_crossentropy")
        np.testing.assert_allclose(found[era], losses(model, name, weights), rtol=1e-4, err_msg=era)


def test_every_era_has_every_example():
    for era in ERAS:
        assert sorted(path.stem for path in (FOLDER / era).glob("*.py")) == sorted(DATA)
        for path in (FOLDER / era).glob("*.py"):
            source = path.read_text()
            assert (f"kerata run {path.name}" if era != "keras3" else f"python {path.name}") in source
            assert kerata.legacy.find_era(source).era == era or era == "keras3"
