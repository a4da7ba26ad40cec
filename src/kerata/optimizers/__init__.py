"""Optimizers: how gradients change weights."""

from kerata.optimizers import schedules as schedules
from kerata.optimizers.adam import Adam as Adam
from kerata.optimizers.adam import AdamW as AdamW
from kerata.optimizers.lookup import deserialize as deserialize
from kerata.optimizers.lookup import get as get
from kerata.optimizers.lookup import serialize as serialize
from kerata.optimizers.optax_optimizer import OptaxOptimizer as OptaxOptimizer
from kerata.optimizers.optimizer import Optimizer as Optimizer
from kerata.optimizers.rmsprop import RMSprop as RMSprop
from kerata.optimizers.sgd import SGD as SGD
