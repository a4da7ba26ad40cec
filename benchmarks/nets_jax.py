"""The works as a person would write them by hand in plain JAX: what the Keras API may cost at most.

One program an epoch: the state donated, the batches gathered by a permutation on the device inside one
`lax.fori_loop` (for the CNNs one program a batch, see `STEPS_FROM_PYTHON`). Layers are the straightforward
forms; the optimizers are Keras's formulas.
"""

from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.data import VOCABULARY
from benchmarks.works import Work

glorot = jax.nn.initializers.glorot_uniform()


def init_dense(key, inputs, units):
    return {"w": glorot(key, (inputs, units)), "b": jnp.zeros(units)}


def dense(p, x):
    return x @ p["w"] + p["b"]


def dropout(key, x, rate):
    return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)


def convolve(x, kernel, padding):
    return lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def max_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


# Each network: init(key) -> (params, running statistics); apply(params, stats, x, key, training) -> (logits, stats).


def init_tabular(key):
    a, b = jax.random.split(key)
    return {"hidden": init_dense(a, 34, 34), "out": init_dense(b, 34, 1)}, {}


def init_mlp(key):
    a, b = jax.random.split(key)
    return {"hidden": init_dense(a, 784, 512), "out": init_dense(b, 512, 10)}, {}


def apply_one_hidden(p, stats, x, key, training):
    return dense(p["out"], jax.nn.relu(dense(p["hidden"], x))), stats


def init_mlp_dropout(key):
    a, b, c = jax.random.split(key, 3)
    return {"one": init_dense(a, 784, 512), "two": init_dense(b, 512, 512), "out": init_dense(c, 512, 10)}, {}


def apply_mlp_dropout(p, stats, x, key, training):
    keys = jax.random.split(key)
    for layer, layer_key in zip(("one", "two"), keys):
        x = jax.nn.relu(dense(p[layer], x))
        x = dropout(layer_key, x, 0.2) if training else x
    return dense(p["out"], x), stats


def init_cnn(key):
    a, b, c = jax.random.split(key, 3)
    params = {
        "k1": glorot(a, (3, 3, 1, 32)),
        "b1": jnp.zeros(32),
        "k2": glorot(b, (3, 3, 32, 64)),
        "b2": jnp.zeros(64),
        "out": init_dense(c, 1600, 10),
    }
    return params, {}


def apply_cnn(p, stats, x, key, training):
    x = max_pool(jax.nn.relu(convolve(x, p["k1"], "VALID") + p["b1"]))  # (batch, 13, 13, 32)
    x = max_pool(jax.nn.relu(convolve(x, p["k2"], "VALID") + p["b2"]))  # (batch, 5, 5, 64)
    x = x.reshape(len(x), -1)
    return dense(p["out"], dropout(key, x, 0.5) if training else x), stats


CHANNELS = (3, 32, 32, 64, 64, 128, 128)


def init_cnn_bn(key):
    keys = jax.random.split(key, 7)
    params, stats = {"out": init_dense(keys[6], 128, 10)}, {}
    for i, (inputs, filters) in enumerate(pairwise(CHANNELS)):
        kernel = glorot(keys[i], (3, 3, inputs, filters))
        params[f"c{i}"] = {"kernel": kernel, "gamma": jnp.ones(filters), "beta": jnp.zeros(filters)}
        stats[f"c{i}"] = {"mean": jnp.zeros(filters), "var": jnp.ones(filters)}
    return params, stats


def apply_cnn_bn(p, stats, x, key, training):
    updated = {}
    for i in range(6):
        layer, running = p[f"c{i}"], stats[f"c{i}"]
        x = convolve(x, layer["kernel"], "SAME")
        mean, var = (x.mean((0, 1, 2)), x.var((0, 1, 2))) if training else (running["mean"], running["var"])
        scale = layer["gamma"] * lax.rsqrt(var + 1e-3)
        x = jax.nn.relu((x - mean) * scale + layer["beta"])
        new = {"mean": mean, "var": var}
        updated[f"c{i}"] = {k: 0.99 * running[k] + 0.01 * new[k] for k in running} if training else running
        if i in (1, 3):
            x = max_pool(x)
    return dense(p["out"], x.mean((1, 2))), updated


def init_lstm(key):
    a, b, c, d = jax.random.split(key, 4)
    params = {
        "embedding": jax.random.uniform(a, (VOCABULARY, 64), minval=-0.05, maxval=0.05),
        "kernel": glorot(b, (64, 256)),
        "recurrent": jax.nn.initializers.orthogonal()(c, (64, 256)),
        "bias": jnp.concatenate([jnp.zeros(64), jnp.ones(64), jnp.zeros(128)]),
        "out": init_dense(d, 64, 1),
    }
    return params, {}


def apply_lstm(p, stats, tokens, key, training):
    projected = p["embedding"][tokens.T] @ p["kernel"] + p["bias"]  # (steps, batch, 4 units)

    def step(carry, z):
        h, c = carry
        i, f, g, o = jnp.split(z + h @ p["recurrent"], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zeros = jnp.zeros((tokens.shape[0], 64))
    (h, _), _ = lax.scan(step, (zeros, zeros), projected)
    return dense(p["out"], h), stats


def init_transformer(key):
    keys = jax.random.split(key, 12)
    params = {
        "embedding": jax.random.uniform(keys[0], (VOCABULARY, 64), minval=-0.05, maxval=0.05),
        "out": init_dense(keys[1], 64, 1),
    }
    for i in range(2):
        a, b, c, d = keys[2 + 4 * i : 6 + 4 * i]
        qkv = {"w": jnp.concatenate([glorot(k, (64, 64)) for k in jax.random.split(a, 3)], 1), "b": jnp.zeros(192)}
        block = {"qkv": qkv, "proj": init_dense(b, 64, 64)}
        block |= {"up": init_dense(c, 64, 128), "down": init_dense(d, 128, 64)}
        for norm in ("norm1", "norm2"):
            block[norm] = {"gamma": jnp.ones(64), "beta": jnp.zeros(64)}
        params[f"block{i}"] = block
    return params, {}


def layer_norm(p, x):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-6) * p["gamma"] + p["beta"]


def attend(p, x):
    batch, steps, _ = x.shape
    q, k, v = jnp.split(dense(p["qkv"], x).reshape(batch, steps, 12, 16), 3, axis=2)  # (batch, steps, heads, 16)
    weights = jax.nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", q, k) / 4)
    return dense(p["proj"], jnp.einsum("bhqk,bkhd->bqhd", weights, v).reshape(batch, steps, 64))


def apply_transformer(p, stats, tokens, key, training):
    x = p["embedding"][tokens]  # (batch, steps, 64)
    for i in range(2):
        block = p[f"block{i}"]
        x = layer_norm(block["norm1"], x + attend(block, x))
        x = layer_norm(block["norm2"], x + dense(block["down"], jax.nn.relu(dense(block["up"], x))))
    return dense(p["out"], x.mean(1)), stats


NETS = {
    "tabular": (init_tabular, apply_one_hidden),
    "mlp": (init_mlp, apply_one_hidden),
    "mlp-dropout": (init_mlp_dropout, apply_mlp_dropout),
    "cnn": (init_cnn, apply_cnn),
    "cnn-bn": (init_cnn_bn, apply_cnn_bn),
    "lstm": (init_lstm, apply_lstm),
    "transformer": (init_transformer, apply_transformer),
}


def losses_and_hits(logits, y):
    """Cross-entropy and correctness of each sample, from the logits."""
    if logits.shape[-1] == 1:
        z = logits[:, 0]
        return jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))), (z > 0) == (y > 0)
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)[:, 0], logits.argmax(-1) == y


def update_rmsprop(params, grads, slots, step):
    v = jax.tree.map(lambda v, g: 0.9 * v + 0.1 * g * g, slots["v"], grads)
    params = jax.tree.map(lambda p, g, v: p - 1e-3 * g * lax.rsqrt(v + 1e-7), params, grads, v)
    return params, {"v": v, "m": slots["m"]}


def update_adam(params, grads, slots, step):
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, slots["m"], grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, slots["v"], grads)
    t = step + 1.0
    rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), params, m, v)
    return params, {"v": v, "m": m}


UPDATES = {"rmsprop": update_rmsprop, "adam": update_adam}


@partial(jax.jit, static_argnums=(0, 1))
def init_state(net, optimizer, key):
    params, stats = NETS[net][0](key)
    zeros = jax.tree.map(jnp.zeros_like, params)
    slots = {"v": zeros, "m": jax.tree.map(jnp.copy, zeros) if optimizer == "adam" else ()}
    return {"params": params, "stats": stats, "slots": slots, "step": jnp.zeros((), jnp.int32)}


def step(state, x, y, rows, noise_key, net, optimizer):
    """One batch: the new state, the summed loss and the number of hits."""
    bx, by = x[rows], y[rows]

    def objective(params):
        step_key = jax.random.fold_in(noise_key, state["step"])
        logits, stats = NETS[net][1](params, state["stats"], bx, step_key, True)
        losses, hits = losses_and_hits(logits, by)
        return losses.mean(), (stats, losses.sum(), hits.sum())

    grads, (stats, loss, hits) = jax.grad(objective, has_aux=True)(state["params"])
    params, slots = UPDATES[optimizer](state["params"], grads, state["slots"], state["step"])
    return {"params": params, "stats": stats, "slots": slots, "step": state["step"] + 1}, loss, hits


@partial(jax.jit, static_argnames=("net", "optimizer", "batch"), donate_argnums=0)
def run_epoch(state, x, y, key, *, net, optimizer, batch):
    """One pass over a fresh permutation; the last, smaller batch is a step of its own."""
    samples = len(x)
    shuffle_key, noise_key = jax.random.split(key)
    order = jax.random.permutation(shuffle_key, samples)

    def body(i, carry):
        state, loss, hits = carry
        rows = lax.dynamic_slice(order, (i * batch,), (batch,))
        state, more_loss, more_hits = step(state, x, y, rows, noise_key, net, optimizer)
        return state, loss + more_loss, hits + more_hits

    whole = samples // batch
    state, loss, hits = lax.fori_loop(0, whole, body, (state, jnp.float32(0), jnp.int32(0)))
    if samples % batch:
        state, more_loss, more_hits = step(state, x, y, order[whole * batch :], noise_key, net, optimizer)
        loss, hits = loss + more_loss, hits + more_hits
    return state, loss / samples, hits / samples


run_step = jax.jit(step, static_argnames=("net", "optimizer"), donate_argnums=0)

# Inside a `while`, XLA for CPUs computes the filter gradients of these with naive loops, several times slower.
STEPS_FROM_PYTHON = ("cnn", "cnn-bn")


def run_epoch_from_python(state, x, y, key, *, net, optimizer, batch):
    """The same pass as one call a batch."""
    samples = len(x)
    shuffle_key, noise_key = jax.random.split(key)
    order = jax.random.permutation(shuffle_key, samples)
    loss, hits = 0.0, 0
    for start in range(0, samples, batch):
        rows = order[start : start + batch]
        state, more_loss, more_hits = run_step(state, x, y, rows, noise_key, net=net, optimizer=optimizer)
        loss, hits = loss + more_loss, hits + more_hits
    return state, loss / samples, hits / samples


@partial(jax.jit, static_argnames="net")
def infer(params, stats, x, *, net):
    logits, _ = NETS[net][1](params, stats, x, jax.random.key(0), False)
    return jax.nn.sigmoid(logits) if logits.shape[-1] == 1 else jax.nn.softmax(logits)


class Trainer:
    """The state and the data, on the device; `fit` calls one program an epoch and reads one loss at the end."""

    def __init__(self, implementation: str, work: Work, x: np.ndarray, y: np.ndarray):
        self.work, self.x, self.y = work, jnp.asarray(x), jnp.asarray(y)
        self.reset(0)

    def reset(self, seed: int) -> None:
        init_key, self.key = jax.random.split(jax.random.key(seed))
        self.state = jax.block_until_ready(init_state(self.work.net, self.work.optimizer, init_key))

    def fit(self) -> tuple[float, float]:
        work = self.work
        keys = jax.random.split(self.key, work.epochs + 1)
        self.key = keys[0]
        run = run_epoch_from_python if work.net in STEPS_FROM_PYTHON else run_epoch
        for key in keys[1:]:
            self.state, loss, accuracy = run(
                self.state, self.x, self.y, key, net=work.net, optimizer=work.optimizer, batch=work.batch
            )
        return float(loss), float(accuracy)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(infer(self.state["params"], self.state["stats"], x, net=self.work.net))


def device(implementation: str) -> str:
    return jax.devices()[0].device_kind
