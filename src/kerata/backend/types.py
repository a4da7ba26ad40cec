"""Types, counters and layouts of pictures."""

from collections import defaultdict

import jax.numpy as jnp

from kerata.base.checks import check_choice
from kerata.config import image_data_format, set_image_data_format
from kerata.engine.symbolic import is_symbolic
from kerata.engine.variable import standardize_dtype

_uids: dict[str, int] = defaultdict(int)


def is_keras_tensor(x):
    """Whether x is a symbolic tensor.

    >>> import kerata
    >>> kerata.backend.is_keras_tensor(kerata.Input((2,)))
    True
    """
    return is_symbolic(x)


def is_float_dtype(dtype):
    """Whether a type holds floats."""
    return jnp.issubdtype(jnp.dtype(standardize_dtype(dtype)), jnp.floating)


def is_int_dtype(dtype):
    """Whether a type holds whole numbers."""
    return jnp.issubdtype(jnp.dtype(standardize_dtype(dtype)), jnp.integer)


def result_type(*dtypes):
    """The type of a computation with arrays of some types.

    >>> result_type("int32", "bfloat16")
    'bfloat16'
    """
    return jnp.result_type(*[d if d in (int, float, bool) else standardize_dtype(d) for d in dtypes or (None,)]).name


def get_uid(prefix=""):
    """1, 2, 3, ... for each prefix."""
    _uids[prefix] += 1
    return _uids[prefix]


# Keras 1's names of the layouts of pictures.


def image_dim_ordering():
    """`"tf"` for channels last, `"th"` for channels first."""
    return "tf" if image_data_format() == "channels_last" else "th"


def set_image_dim_ordering(dim_ordering):
    """Sets the layout of pictures by Keras 1's names."""
    check_choice("set_image_dim_ordering", "dim_ordering", dim_ordering, ("tf", "th"))
    set_image_data_format("channels_last" if dim_ordering == "tf" else "channels_first")
