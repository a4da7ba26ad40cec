"""Targets and predictions of each kind that losses and metrics take, as arrays and as outputs of a model."""

import numpy as np

import kerata
from kerata import layers

SAMPLES = 12


def normal(rng, *shape):
    return rng.normal(size=shape).astype("float32")


def shares(rng, *shape):
    """Probabilities, away from 0 and 1."""
    return rng.uniform(0.05, 0.95, shape).astype("float32")


def one_hot(rng, *shape, classes=4):
    return np.eye(classes, dtype="float32")[rng.integers(0, classes, shape)]


def distributions(rng, *shape):
    x = np.exp(normal(rng, *shape))
    return x / x.sum(-1, keepdims=True)


def text(rng, n):
    """Labels of 1 to 4, each line filled up with 0."""
    labels = rng.integers(1, 5, (n, 3))
    return np.where(np.arange(3) < rng.integers(1, 4, (n, 1)), labels, 0)


# (targets of n samples, shape of a sample's prediction, activation that gives it)
KINDS = {
    "numbers": (lambda rng, n: normal(rng, n, 3), (3,), None),
    "steps": (lambda rng, n: normal(rng, n, 5, 2), (5, 2), None),
    "positive": (lambda rng, n: rng.uniform(0.5, 9, (n, 3)).astype("float32"), (3,), "softplus"),
    "binary": (lambda rng, n: rng.integers(0, 2, (n, 3)).astype("float32"), (3,), "sigmoid"),
    "signs": (lambda rng, n: np.sign(normal(rng, n, 3)), (3,), None),
    "logits": (lambda rng, n: rng.integers(0, 2, (n, 3)).astype("float32"), (3,), None),
    "classes": (lambda rng, n: one_hot(rng, n), (4,), "softmax"),
    "class_logits": (lambda rng, n: one_hot(rng, n), (4,), None),
    "labels": (lambda rng, n: rng.integers(0, 4, n), (4,), "softmax"),
    "distributions": (lambda rng, n: distributions(rng, n, 4), (4,), "softmax"),
    "pictures": (lambda rng, n: rng.integers(0, 2, (n, 4, 4, 1)).astype("float32"), (4, 4, 1), "sigmoid"),
    "class_maps": (lambda rng, n: one_hot(rng, n, 4, 4, classes=3), (4, 4, 3), "softmax"),
    "rounded": (lambda rng, n: rng.integers(0, 3, (n, 2)).astype("float32"), (2,), "rounded"),
    "embeddings": (lambda rng, n: rng.integers(0, 3, n), (8,), "unit"),
    "text": (text, (9, 5), None),
}


def targets(kind, n=SAMPLES, seed=0):
    return KINDS[kind][0](np.random.default_rng(seed), n)


def activated(kind, x):
    """Plain numbers as predictions of a kind; works on arrays and on symbolic tensors."""
    ops, activation = kerata.ops, KINDS[kind][2]
    if activation == "rounded":
        return ops.clip(ops.round(ops.abs(x)), 0.0, 2.0)
    if activation == "unit":
        return ops.normalize(x, axis=-1)
    return x if activation is None else getattr(ops, activation)(x)


def predictions(kind, n=SAMPLES, seed=1):
    return np.asarray(activated(kind, normal(np.random.default_rng(seed), n, *KINDS[kind][1])))


def make_model(outputs, **compiling):
    """A small model with an output of a kind for each name, its inputs, and targets for it."""
    kerata.utils.set_random_seed(3)
    inputs = kerata.Input((4,))
    hidden = layers.Dense(6, activation="tanh")(inputs)
    found = {}
    for name, kind in outputs.items():
        shape = KINDS[kind][1]
        y = layers.Reshape(shape)(layers.Dense(int(np.prod(shape)))(hidden))
        found[name] = layers.Identity(name=name)(activated(kind, y))
    model = kerata.Model(inputs, found)
    model.compile(kerata.optimizers.SGD(0.01), **compiling)
    x = normal(np.random.default_rng(7), SAMPLES, 4)
    return model, x, {name: targets(kind) for name, kind in outputs.items()}
