"""Optimizers: how gradients change weights."""

from kerata.base.absent import of_optimizers as __getattr__
from kerata.optimizers import schedules as schedules
from kerata.optimizers.adadelta import Adadelta as Adadelta
from kerata.optimizers.adafactor import Adafactor as Adafactor
from kerata.optimizers.adagrad import Adagrad as Adagrad
from kerata.optimizers.adam import Adam as Adam
from kerata.optimizers.adam import AdamW as AdamW
from kerata.optimizers.adamax import Adamax as Adamax
from kerata.optimizers.classic import ClassicAdagrad as ClassicAdagrad
from kerata.optimizers.classic import ClassicNadam as ClassicNadam
from kerata.optimizers.classic import ClassicRMSprop as ClassicRMSprop
from kerata.optimizers.ftrl import Ftrl as Ftrl
from kerata.optimizers.lamb import Lamb as Lamb
from kerata.optimizers.lion import Lion as Lion
from kerata.optimizers.lookup import deserialize as deserialize
from kerata.optimizers.lookup import get as get
from kerata.optimizers.lookup import serialize as serialize
from kerata.optimizers.loss_scale_optimizer import LossScaleOptimizer as LossScaleOptimizer
from kerata.optimizers.muon import Muon as Muon
from kerata.optimizers.nadam import Nadam as Nadam
from kerata.optimizers.optax_optimizer import OptaxOptimizer as OptaxOptimizer
from kerata.optimizers.optimizer import Optimizer as Optimizer
from kerata.optimizers.radam import RAdam as RAdam
from kerata.optimizers.rmsprop import RMSprop as RMSprop
from kerata.optimizers.schedule_free_adamw import ScheduleFreeAdamW as ScheduleFreeAdamW
from kerata.optimizers.sgd import SGD as SGD
