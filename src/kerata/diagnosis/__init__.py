"""Diagnosis: what is wrong with a training, what curves say, what a classifier takes for what, and what it looks at."""

from kerata.diagnosis.classified import Confusion as Confusion
from kerata.diagnosis.classified import Mistakes as Mistakes
from kerata.diagnosis.classified import confusion_matrix as confusion_matrix
from kerata.diagnosis.classified import draw_pictures as draw_pictures
from kerata.diagnosis.classified import worst_mistakes as worst_mistakes
from kerata.diagnosis.inside import Heat as Heat
from kerata.diagnosis.inside import Maps as Maps
from kerata.diagnosis.inside import activations as activations
from kerata.diagnosis.inside import augmented as augmented
from kerata.diagnosis.inside import filters as filters
from kerata.diagnosis.inside import grad_cam as grad_cam
from kerata.diagnosis.judgement import Examination as Examination
from kerata.diagnosis.judgement import Finding as Finding
from kerata.diagnosis.judgement import examine as examine
from kerata.diagnosis.plots import plot_history as plot_history
from kerata.diagnosis.reading import Reading as Reading
from kerata.diagnosis.reading import read_curves as read_curves
