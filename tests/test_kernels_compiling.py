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


# XLA's library for sums read past its operands in each of these (jaxlib 0.10.2): dots of broadcasts, and the last rows of many
# products of a matrix and a vector. Sums of seven axes ended the process.
SUMS = """
import sys
import jax
import jax.numpy as jnp
import numpy as np
import kerata
from kerata.kernels.compiler import compiler_options

def scores(form, times):
    def function(x):
        q, k = (jnp.broadcast_to(x, (*x.shape[:-2], n, x.shape[-1])) for n in times)
        return form(jnp.einsum("...qd,...kd->...qk", q, k))
    return function

def sums(x):
    return jax.vmap(lambda row: jnp.sum((jnp.eye(3) @ row) ** 2))(x)

rng = np.random.default_rng(0)
rows = jnp.asarray(np.arange(32_769)[:, None] * np.float32([1, 0, 0]))
cases = [
    (scores(form, times), jnp.float32(rng.random(shape)))
    for form in (lambda a: a.max(-1), lambda a: a.sum(-2), lambda a: jax.nn.softmax(a * 0.3, -1))
    for times in ((32, 32), (48, 33))
    for shape in ((4, 2, 1, 8), (8, 1, 4))
]
cases += [(sums, rows), (lambda x: jnp.sum(x * x, axis=3), jnp.float32(rng.random((3, 1, 2, 2, 8, 8, 8))))]
for function, given in cases:
    program = jax.jit(function)
    if sys.argv[1] == "ours":
        program = program.lower(given).compile(compiler_options=compiler_options())
    found = np.asarray(program(given))
    with jax.disable_jit():
        right = np.asarray(function(given))
    np.testing.assert_allclose(found, right, rtol=1e-4)
print("done")
"""


@pytest.mark.parametrize("options", ["ours", "those of any program"])
def test_sums_of_what_a_dot_made(options):
    environment = {**os.environ, "XLA_FLAGS": ""}
    ran = subprocess.run([sys.executable, "-c", SUMS, options], capture_output=True, text=True, timeout=300, env=environment)
    assert ran.stdout.strip() == "done", f"ended with {ran.returncode}: {ran.stderr[-1000:]}"
