"""Diagnosis: what training curves say."""

from kerata.diagnosis.plots import plot_history as plot_history
from kerata.diagnosis.reading import Reading as Reading
from kerata.diagnosis.reading import read_curves as read_curves
