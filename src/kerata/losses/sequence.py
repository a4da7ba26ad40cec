"""The loss of label sequences whose place in time is unknown."""

import jax.numpy as jnp

from kerata.base.checks import message
from kerata.base.registry import builtin
from kerata.engine.symbolic import traceable
from kerata.losses.loss import LossFunctionWrapper, as_array

BLANK = 0


@builtin("losses")
@traceable
def ctc(y_true, y_pred):
    """-log of the probability of all alignments of `y_true` with the time steps of `y_pred`.

    Args:
        y_true: labels, integers of shape (batch, labels); 0 is the blank and fills up the rest.
        y_pred: logits of shape (batch, time, classes).
    """
    import optax

    y_pred, y_true = as_array(y_pred), as_array(y_true)
    if y_true.ndim != 2 or y_pred.ndim != 3:
        raise ValueError(
            message(
                "ctc",
                "`y_true` must have shape (batch, labels), `y_pred` (batch, time, classes)",
                {"y_true.shape": y_true.shape, "y_pred.shape": y_pred.shape},
            )
        )
    labels = y_true.astype(jnp.int32)
    lengths = jnp.sum(labels != BLANK, axis=-1, keepdims=True)  # (batch, 1)
    padding = (jnp.arange(labels.shape[1]) >= lengths).astype(jnp.float32)
    y_pred = y_pred.astype(jnp.promote_types(y_pred.dtype, jnp.float32))
    return optax.ctc_loss(y_pred, jnp.zeros(y_pred.shape[:2], y_pred.dtype), labels, padding, blank_id=BLANK)


@builtin("losses")
class CTC(LossFunctionWrapper):
    """-log of the probability of all alignments of the labels with the time steps of the predictions.

    Source: Graves et al., Connectionist Temporal Classification, 2006, as in `optax.ctc_loss`.
    """

    def __init__(self, reduction="sum_over_batch_size", name="ctc", dtype=None):
        super().__init__(ctc, reduction, name, dtype)
