"""Sequences of different lengths as one array."""

import numpy as np

from kerata.base.checks import check_choice, message


def pad_sequences(sequences, maxlen=None, dtype="int32", padding="pre", truncating="pre", value=0.0) -> np.ndarray:
    """Sequences of different lengths as one array, filled up with `value`.

    Args:
        sequences: a list of sequences.
        maxlen: the length of all; that of the longest by default.
        dtype: the array's type.
        padding, truncating: "pre" or "post", where to add and where to cut.
        value: what to add.

    Shapes: (sequences, maxlen, ...).

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    check_choice("pad_sequences", "padding", padding, ("pre", "post"))
    check_choice("pad_sequences", "truncating", truncating, ("pre", "post"))
    if not hasattr(sequences, "__len__") or any(not hasattr(s, "__len__") for s in sequences):
        raise ValueError(message("pad_sequences", "`sequences` must be a list of sequences", {"sequences": sequences}))
    longest = max((len(s) for s in sequences), default=0)
    length = longest if maxlen is None else maxlen
    inner = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    is_text = np.issubdtype(np.dtype(dtype), np.str_) or dtype is object
    if isinstance(value, str) and not is_text:
        raise ValueError(message("pad_sequences", "text can only be added with dtype=object", {"value": value}))
    result = np.full((len(sequences), length, *inner), value, dtype=dtype)
    for row, sequence in zip(result, sequences, strict=True):
        if not len(sequence):
            continue
        kept = np.asarray(sequence[-length:] if truncating == "pre" and length else sequence[:length], dtype=dtype)
        if kept.shape[1:] != inner:
            raise ValueError(message("pad_sequences", f"all steps must have shape {inner}", {"shape": kept.shape[1:]}))
        if len(kept):
            row[: len(kept)] = kept if padding == "post" else row[: len(kept)]
            if padding == "pre":
                row[len(row) - len(kept) :] = kept
    return result
