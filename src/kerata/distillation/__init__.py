"""Knowledge distillation: a small model learns from labels and from what a large one says, under Keras's names."""

from kerata.distillation.distiller import Distiller as Distiller
from kerata.distillation.terms import DistillationLoss as DistillationLoss
from kerata.distillation.terms import FeatureDistillation as FeatureDistillation
from kerata.distillation.terms import LogitsDistillation as LogitsDistillation
