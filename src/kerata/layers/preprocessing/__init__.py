"""Layers that bring data into a network's form: statistics, categories, sizes of pictures."""

from kerata.layers.preprocessing.audio import MelSpectrogram as MelSpectrogram
from kerata.layers.preprocessing.audio import STFTSpectrogram as STFTSpectrogram
from kerata.layers.preprocessing.boxes import MaxNumBoundingBoxes as MaxNumBoundingBoxes
from kerata.layers.preprocessing.categories import CategoryEncoding as CategoryEncoding
from kerata.layers.preprocessing.categories import Discretization as Discretization
from kerata.layers.preprocessing.hashing import HashedCrossing as HashedCrossing
from kerata.layers.preprocessing.hashing import Hashing as Hashing
from kerata.layers.preprocessing.images import CenterCrop as CenterCrop
from kerata.layers.preprocessing.images import Rescaling as Rescaling
from kerata.layers.preprocessing.images import Resizing as Resizing
from kerata.layers.preprocessing.lookups import IntegerLookup as IntegerLookup
from kerata.layers.preprocessing.lookups import StringLookup as StringLookup
from kerata.layers.preprocessing.normalization import Normalization as Normalization
from kerata.layers.preprocessing.pipeline import Pipeline as Pipeline
from kerata.layers.preprocessing.text import TextVectorization as TextVectorization
