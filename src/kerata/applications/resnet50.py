"""The residual network of 50 layers, under the name of its module in Keras."""

from kerata.applications.resnet import ResNet50 as ResNet50
from kerata.applications.resnet import decode_predictions as decode_predictions
from kerata.applications.resnet import preprocess_input as preprocess_input
