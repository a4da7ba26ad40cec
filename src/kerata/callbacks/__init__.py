"""Callbacks: what happens beside training."""

from kerata.base.absent import of_callbacks as __getattr__
from kerata.callbacks.actions import CSVLogger as CSVLogger
from kerata.callbacks.actions import LambdaCallback as LambdaCallback
from kerata.callbacks.actions import LearningRateScheduler as LearningRateScheduler
from kerata.callbacks.actions import RemoteMonitor as RemoteMonitor
from kerata.callbacks.actions import TerminateOnNaN as TerminateOnNaN
from kerata.callbacks.callback import Callback as Callback
from kerata.callbacks.callback import CallbackList as CallbackList
from kerata.callbacks.doctor import Doctor as Doctor
from kerata.callbacks.history import History as History
from kerata.callbacks.monitors import EarlyStopping as EarlyStopping
from kerata.callbacks.monitors import ModelCheckpoint as ModelCheckpoint
from kerata.callbacks.monitors import ReduceLROnPlateau as ReduceLROnPlateau
from kerata.callbacks.orbax import OrbaxCheckpoint as OrbaxCheckpoint
from kerata.callbacks.progress import ProgbarLogger as ProgbarLogger
from kerata.callbacks.resuming import BackupAndRestore as BackupAndRestore
from kerata.callbacks.resuming import SwapEMAWeights as SwapEMAWeights
from kerata.callbacks.tensorboard import TensorBoard as TensorBoard
