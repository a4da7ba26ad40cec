"""Random architectures against real Keras: predictions, losses of three epochs, measures, weights.

The number in a test's name is the seed: `random_comparison.check(kerata, keras, seed)` gives the description and what differs.
"""

import gc
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import kerata
import random_comparison
from kerata.engine.program import forget_programs
from random_models import describe
from random_reach import classes_of, drawn

MANY = 320
# Those that compile soon.
FEW = (2, 8, 26)
# Seconds of processor time: what does not count beside Keras's, and what no program may take.
TIMED, FLOOR, MOST = 6, 1.5, 5.0
# What no seed draws: bases to inherit from, what only stands in a graph, and measures that take no targets.
# Arrays with six axes are slow to compile; texts are told by tests of their own.
NOT_DRAWN = {
    "layers": {
        "Layer",
        "Wrapper",
        "InputLayer",
        "InputSpec",
        "JaxLayer",
        "FlaxLayer",
        "ConvLSTM3D",
        "IntegerLookup",
        "StringLookup",
        "TextVectorization",
        "Hashing",
        "HashedCrossing",
        # Held to Keras by the laws and by tests of their own.
        "MaxNumBoundingBoxes",
        "MelSpectrogram",
        "Pipeline",
        # In training what they draw is not what Keras draws, and else they change nothing.
        "AugMix",
        "AutoContrast",
        "ContrastLimitedAdaptiveHistogramEqualization",
        "CutMix",
        "Equalization",
        "MixUp",
        "RandAugment",
        "RandomBrightness",
        "RandomColorDegeneration",
        "RandomColorJitter",
        "RandomElasticTransform",
        "RandomPerspective",
        "RandomContrast",
        "RandomCrop",
        "RandomErasing",
        "RandomFlip",
        "RandomGaussianBlur",
        "RandomGrayscale",
        "RandomHue",
        "RandomInvert",
        "RandomPosterization",
        "RandomRotation",
        "RandomSaturation",
        "RandomSharpness",
        "RandomShear",
        "RandomTranslation",
        "RandomZoom",
        "Solarization",
    },
    "losses": {"Loss"},
    "metrics": {"Metric", "Mean", "Sum"},
    # Several rules in one have tests of their own.
    "optimizers": {"Optimizer", "MultiOptimizer", "OptimizerMap"},
    "optimizers.schedules": {"LearningRateSchedule"},
    "regularizers": {"Regularizer"},
    "constraints": {"Constraint"},
    # Draws complex numbers for a spectrogram's kernel.
    "initializers": {"Initializer", "STFT"},
    # Files and screens are tested where they stand.
    "callbacks": {
        "BackupAndRestore",
        "Callback",
        "CallbackList",
        "CSVLogger",
        "History",
        "LambdaCallback",
        "ModelCheckpoint",
        "ProgbarLogger",
        "OrbaxCheckpoint",
        "RemoteMonitor",
        "SwapEMAWeights",
        "TensorBoard",
    },
}
TIMES = """
import json, sys, time
import jax, keras, kerata
sys.path.insert(0, sys.argv[1])
import random_comparison
programs = []
compile = jax.stages.Lowered.compile
def timed(self, *args, **kwargs):
    start = time.process_time()
    made = compile(self, *args, **kwargs)
    programs.append(time.process_time() - start)
    return made
jax.stages.Lowered.compile = timed
for seed in range(int(sys.argv[2])):
    programs.clear()
    found = random_comparison.check(kerata, keras, seed)
    print(json.dumps({"ours": found["times"], "keras": found["keras times"], "programs": programs}))
"""


@pytest.fixture(autouse=True)
def no_programs_left():
    """Some hundred models' programs do not fit into memory."""
    yield
    forget_programs()
    keras.utils.clear_session()
    gc.collect()


def check(seed):
    found = random_comparison.check(kerata, keras, seed)
    assert not found["disagreements"], "\n".join([*found["disagreements"], describe(found["description"])])
    return found


def test_everything_that_is_exported_is_drawn():
    reached = drawn()
    for name, left_out in NOT_DRAWN.items():
        room, other = kerata, keras
        for part in name.split("."):
            room, other = getattr(room, part), getattr(other, part)
        assert classes_of(room, other) - reached[name] == left_out, name


@pytest.mark.parametrize("seed", FEW)
def test_random_model_equals_keras(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", sorted(set(range(MANY)) - set(FEW)))
def test_more_random_models_equal_keras(seed):
    check(seed)


@pytest.mark.slow
def test_compiling_takes_no_longer_than_twice_what_keras_takes():
    """In a process of its own: compiled as users have it, and nothing found in a cache."""
    environment = {**os.environ, "KERATA_PROGRAM_CACHE": "0", "JAX_ENABLE_COMPILATION_CACHE": "false", "XLA_FLAGS": ""}
    command = [sys.executable, "-W", "ignore", "-c", TIMES, str(Path(__file__).parent), str(TIMED)]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=900)
    assert ran.returncode == 0, ran.stderr[-2000:]
    times = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(times) == TIMED
    for seed, one in enumerate(times):
        assert len(one["programs"]) >= 3 and max(one["programs"]) <= MOST, f"seed {seed}: {one['programs']}"
        for name in ("predict", "fit", "evaluate"):
            ours, theirs = one["ours"][name], one["keras"][name]
            assert ours <= 2 * theirs + FLOOR, f"seed {seed}, {name}: {ours:.1f} s, Keras {theirs:.1f} s"
