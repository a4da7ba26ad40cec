"""VGG with 19 layers."""

from kerata.applications.assembling import kernels, named
from kerata.applications.vgg16 import SOURCE, vgg
from kerata.applications.vgg16 import decode_predictions as decode_predictions
from kerata.applications.vgg16 import preprocess_input as preprocess_input

VGG19 = named(
    "VGG19",
    vgg,
    SOURCE,
    convolutions=(2, 2, 4, 4, 4),
    pretrained=kernels("vgg19", "vgg19", "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
    name="vgg19",
)
