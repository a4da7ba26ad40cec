"""`keras.backend`."""
from kerata.config import *
