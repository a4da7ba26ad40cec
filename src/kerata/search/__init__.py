"""Trying is cheap: populations, cross-validation and search."""

from kerata.search.cross_validation import CrossValidation as CrossValidation
from kerata.search.cross_validation import cross_validate as cross_validate
from kerata.search.population import Population as Population
from kerata.search.population import fit_many as fit_many
from kerata.search.population import hyperparameters as hyperparameters
