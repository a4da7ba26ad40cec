"""Many models trained at once, side by side in one compiled program for each structure."""

from kerata.populations.population import Population as Population
from kerata.populations.population import fit_many as fit_many
from kerata.populations.population import grid as grid
from kerata.populations.population import hyperparameters as hyperparameters
