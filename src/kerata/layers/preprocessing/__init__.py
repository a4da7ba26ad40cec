"""Layers that bring data into a network's form: statistics, categories, sizes of pictures."""

from kerata.layers.preprocessing.categories import CategoryEncoding as CategoryEncoding
from kerata.layers.preprocessing.categories import Discretization as Discretization
from kerata.layers.preprocessing.images import CenterCrop as CenterCrop
from kerata.layers.preprocessing.images import Rescaling as Rescaling
from kerata.layers.preprocessing.images import Resizing as Resizing
from kerata.layers.preprocessing.lookups import IntegerLookup as IntegerLookup
from kerata.layers.preprocessing.lookups import StringLookup as StringLookup
from kerata.layers.preprocessing.normalization import Normalization as Normalization
from kerata.layers.preprocessing.text import TextVectorization as TextVectorization
