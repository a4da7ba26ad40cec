"""`keras.optimizers.legacy`: the optimizers of TensorFlow 2, whose updates are those of today's.

Keras 3 has these names and refuses them. `decay=` and `lr=` are taken, as everywhere.
"""

from kerata.optimizers.adagrad import Adagrad as Adagrad
from kerata.optimizers.adam import Adam as Adam
from kerata.optimizers.ftrl import Ftrl as Ftrl
from kerata.optimizers.optimizer import Optimizer as Optimizer
from kerata.optimizers.rmsprop import RMSprop as RMSprop
from kerata.optimizers.sgd import SGD as SGD
