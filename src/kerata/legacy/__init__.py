"""Keras as it was: a namespace for each era, and what lets old programs find it."""

from kerata.base.importing import pause as _pause

# isort: split
from kerata.legacy import saving as saving
from kerata.legacy.detection import find_era as find_era
from kerata.legacy.installing import install_as_keras as install_as_keras
from kerata.legacy.installing import load_ipython_extension as load_ipython_extension
from kerata.legacy.installing import uninstall as uninstall
from kerata.legacy.namespaces import keras1 as keras1
from kerata.legacy.namespaces import keras2 as keras2
from kerata.legacy.namespaces import keras22 as keras22
from kerata.legacy.namespaces import tfkeras2 as tfkeras2

del _pause
