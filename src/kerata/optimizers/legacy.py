"""`keras.optimizers.legacy`: names that Keras 3 has and refuses. They are today's optimizers, and take `decay=` and `lr=`.

RMSprop and Adagrad of TensorFlow's `legacy` had epsilon outside of the root: `ClassicRMSprop` and `ClassicAdagrad`, which old
programs get by `kerata run`.
"""

from kerata.optimizers.adagrad import Adagrad as Adagrad
from kerata.optimizers.adam import Adam as Adam
from kerata.optimizers.ftrl import Ftrl as Ftrl
from kerata.optimizers.optimizer import Optimizer as Optimizer
from kerata.optimizers.rmsprop import RMSprop as RMSprop
from kerata.optimizers.sgd import SGD as SGD
