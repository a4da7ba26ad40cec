"""Whose code a file is: a user's, or that of Kerata, JAX and NumPy."""

import os
from pathlib import Path

import jax
import numpy as np

OURS = str(Path(os.path.abspath(__file__)).parents[1]) + os.sep
HOMES = (OURS, *(os.path.dirname(os.path.abspath(str(module.__file__))) + os.sep for module in (jax, np)))


def is_users(file: str) -> bool:
    """Whether a file of code is a user's own, or of a library that is not known here.

    >>> is_users(__file__), is_users("/home/anna/train.py")
    (False, True)
    """
    return not file.startswith(HOMES)
