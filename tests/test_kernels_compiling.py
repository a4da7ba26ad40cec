"""Compiling ends: small models of common forms, each in a process of its own that may take only so long.

Run with the options that users get, and without the cache of compiled programs.
"""

import os
import subprocess
import sys

import pytest

# Seconds of processor time for importing, building and compiling; most need 4, on a busy machine.
LIMIT = 40

PROLOGUE = """
import resource
resource.setrlimit(resource.RLIMIT_CPU, ({limit}, {limit}))
import numpy as np
import kerata
from kerata import Input, Model, Sequential
from kerata.layers import *
"""

EPILOGUE = """
model.compile("adam", "binary_crossentropy")
shape = (64, *model.inputs[0].shape[1:])
x = np.ones(shape, model.inputs[0].dtype)
model.fit(x, np.ones((64, 1)), batch_size=64, verbose=0)
print("done")
"""

MODELS = {
    "both directions, one after the other": """
        model = Sequential([Input((100,), dtype="int32"), Embedding(1000, 32), Bidirectional(LSTM(32)), Dropout(0.5), Dense(1)])
    """,
    "two layers side by side": """
        i = Input((100,), dtype="int32")
        h = Embedding(1000, 32)(i)
        h = concatenate([SimpleRNN(32, return_sequences=True)(h), GRU(32, return_sequences=True)(h)])
        h = GaussianNoise(0.1)(SpatialDropout1D(0.3)(h))
        model = Model(i, Dense(1)(GlobalMaxPooling1D()(h)))
    """,
    "concatenated inputs": """
        i = Input((100,))
        h = Dropout(0.5)(concatenate([Dense(32)(i), Dense(16)(i), i]))
        model = Model(i, Dense(1)(AlphaDropout(0.1)(concatenate([h, i]))))
    """,
}


@pytest.mark.parametrize("name", MODELS)
def test_compiling_ends(name):
    lines = "\n".join(line.strip() for line in MODELS[name].splitlines())
    program = PROLOGUE.format(limit=LIMIT) + lines + EPILOGUE
    environment = {**os.environ, "KERATA_PROGRAM_CACHE": "0", "JAX_ENABLE_COMPILATION_CACHE": "false"}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=10 * LIMIT, env=environment)
    assert ran.stdout.strip() == "done", f"ended with {ran.returncode}: {ran.stderr[-1000:]}"
