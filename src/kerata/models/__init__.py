"""Models: layers that can be trained, saved and described."""

from kerata.models.model import Functional as Functional
from kerata.models.model import Model as Model
from kerata.models.sequential import Sequential as Sequential
