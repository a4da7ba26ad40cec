"""Kerata: deep learning with the Keras API, compiled by XLA.

>>> import kerata
>>> model = kerata.Sequential([kerata.Input(shape=(4,)), kerata.layers.Dense(1)])
>>> model.compile("adam", "mse")
"""

import typing as _typing

from kerata.base.importing import pause as _pause

if _typing.TYPE_CHECKING:
    # Imported when they are first named: `kerata.base.absent.LATE`.
    from kerata import applications as applications
    from kerata import backend as backend
    from kerata import datasets as datasets
    from kerata import diagnosis as diagnosis
    from kerata import dtype_policies as dtype_policies
    from kerata import export as export
    from kerata import mixed_precision as mixed_precision
    from kerata import preprocessing as preprocessing
    from kerata import search as search
    from kerata import tree as tree
    from kerata import visualization as visualization
    from kerata import wrappers as wrappers

# isort: split
from kerata import activations as activations
from kerata import callbacks as callbacks
from kerata import config as config
from kerata import constraints as constraints
from kerata import distillation as distillation
from kerata import initializers as initializers
from kerata import layers as layers
from kerata import losses as losses
from kerata import metrics as metrics
from kerata import models as models
from kerata import ops as ops
from kerata import optimizers as optimizers
from kerata import quantizers as quantizers
from kerata import random as random
from kerata import regularizers as regularizers
from kerata import saving as saving
from kerata import utils as utils
from kerata.base.absent import LATE as _LATE
from kerata.base.absent import of_kerata as __getattr__
from kerata.engine.naming import name_scope as name_scope
from kerata.engine.policy import DTypePolicy as DTypePolicy
from kerata.engine.policy import FloatDTypePolicy as FloatDTypePolicy
from kerata.engine.rematerializing import RematScope as RematScope
from kerata.engine.stateless import StatelessScope as StatelessScope
from kerata.engine.stateless import SymbolicScope as SymbolicScope
from kerata.engine.stateless import device as device
from kerata.engine.stateless import remat as remat
from kerata.engine.symbolic import Operation as Operation
from kerata.engine.symbolic import SymbolicTensor as KerasTensor
from kerata.engine.variable import Variable as Variable
from kerata.initializers import Initializer as Initializer
from kerata.layers import Input as Input
from kerata.layers import InputSpec as InputSpec
from kerata.layers import Layer as Layer
from kerata.losses import Loss as Loss
from kerata.metrics import Metric as Metric
from kerata.models import Model as Model
from kerata.models import Sequential as Sequential
from kerata.models.function import Function as Function
from kerata.optimizers import Optimizer as Optimizer
from kerata.quantizers import Quantizer as Quantizer
from kerata.regularizers import Regularizer as Regularizer
from kerata.version import __version__ as __version__
from kerata.version import version as version

del _pause


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE})
