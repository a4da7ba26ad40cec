"""Judgement: from data, model, curves and small experiments to sentences that say what is wrong and what to do."""

from kerata.diagnosis.judgement.examination import examine as examine
from kerata.diagnosis.judgement.finding import Examination as Examination
from kerata.diagnosis.judgement.finding import Finding as Finding
