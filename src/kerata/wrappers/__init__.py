"""Models as estimators of scikit-learn, under Keras's names. scikit-learn must be installed: `pip install "kerata[data]"`."""

from kerata.wrappers.estimators import SKLearnClassifier as SKLearnClassifier
from kerata.wrappers.estimators import SKLearnRegressor as SKLearnRegressor
from kerata.wrappers.estimators import SKLearnTransformer as SKLearnTransformer
