"""What is said of names that cannot be had, and what to take instead."""

import sys
from typing import NoReturn

from kerata.base.checks import did_you_mean

INSTEAD = {
    "gradients": "Use jax.grad of a function of arrays",
    "learning_phase": "Give your layer's call() a `training` argument, or call the model with training=True or False",
    "set_learning_phase": "Call the model with training=True or False",
    "get_session": "There are no sessions: call models and functions on arrays",
    "set_session": "There are no sessions: call models and functions on arrays",
    "tensorflow_backend": "Kerata computes with JAX",
}


def of_backend(name: str) -> NoReturn:
    known = [n for n in vars(sys.modules["kerata.backend"]) if not n.startswith("_")]
    raise AttributeError(f"kerata.backend has no {name!r}. {INSTEAD.get(name) or did_you_mean(name, known)}".strip())
