"""Whose code a file is: a user's, or that of Kerata, JAX and NumPy."""

import os
import sys
import warnings
from pathlib import Path

import jax
import numpy as np

OURS = str(Path(os.path.abspath(__file__)).parents[1]) + os.sep
HOMES = (OURS, *(os.path.dirname(os.path.abspath(str(module.__file__))) + os.sep for module in (jax, np)))

# Python's own modules, through which calls go on: `contextlib`, `functools`.
PYTHON, INSTALLED = os.path.dirname(os.__file__) + os.sep, ("site-packages", "dist-packages")


def is_users(file: str) -> bool:
    """Whether a file of code is a user's own, or of a library that is not known here.

    >>> is_users(__file__), is_users("/home/anna/train.py")
    (False, True)
    """
    return not file.startswith(HOMES)


def warn_user(text: str) -> None:
    """Warns at the line of the user's code that the call came from, however many calls lie between."""
    frame, level = sys._getframe(1), 2  # pyright: ignore[reportPrivateUsage], Python says nowhere else who calls
    while frame.f_back is not None and not _is_callers(frame.f_code.co_filename):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)


def _is_callers(file: str) -> bool:
    within = file.startswith(PYTHON) and not file[len(PYTHON) :].startswith(INSTALLED)
    return is_users(file) and not within
