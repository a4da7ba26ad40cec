"""Trying is cheap: populations, cross-validation and search."""

from kerata.populations.population import Population as Population
from kerata.populations.population import fit_many as fit_many
from kerata.populations.population import grid as grid
from kerata.populations.population import hyperparameters as hyperparameters
from kerata.search.comparison import Comparison as Comparison
from kerata.search.comparison import compare as compare
from kerata.search.cross_validation import CrossValidation as CrossValidation
from kerata.search.cross_validation import cross_validate as cross_validate
from kerata.search.launch import run as run
from kerata.search.learning_rates import LearningRates as LearningRates
from kerata.search.learning_rates import lr_find as lr_find
from kerata.search.pruners import ASHA as ASHA
from kerata.search.pruners import Hyperband as Hyperband
from kerata.search.pruners import Median as Median
from kerata.search.pruners import SuccessiveHalving as SuccessiveHalving
from kerata.search.space import HyperParameters as HyperParameters
from kerata.search.study import Study as Study
from kerata.search.study import load_study as load_study
