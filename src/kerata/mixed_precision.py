"""Mixed precision, under Keras's names."""

from kerata.config import dtype_policy as dtype_policy
from kerata.config import dtype_policy as global_policy
from kerata.config import set_dtype_policy as set_dtype_policy
from kerata.config import set_dtype_policy as set_global_policy
from kerata.engine.policy import DTypePolicy as DTypePolicy
from kerata.engine.policy import DTypePolicy as Policy
from kerata.optimizers import LossScaleOptimizer as LossScaleOptimizer

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
