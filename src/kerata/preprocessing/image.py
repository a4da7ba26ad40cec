"""Pictures: what `kerata.utils` has, under its older name, and what changes pictures at random, batch by batch."""

from kerata.data.pictures import smart_resize as smart_resize
from kerata.preprocessing.affine import apply_affine_transform as apply_affine_transform
from kerata.preprocessing.affine import apply_brightness_shift as apply_brightness_shift
from kerata.preprocessing.affine import apply_channel_shift as apply_channel_shift
from kerata.preprocessing.affine import flip_axis as flip_axis
from kerata.preprocessing.affine import random_brightness as random_brightness
from kerata.preprocessing.affine import random_channel_shift as random_channel_shift
from kerata.preprocessing.affine import random_rotation as random_rotation
from kerata.preprocessing.affine import random_shear as random_shear
from kerata.preprocessing.affine import random_shift as random_shift
from kerata.preprocessing.affine import random_zoom as random_zoom
from kerata.preprocessing.affine import transform_matrix_offset_center as transform_matrix_offset_center
from kerata.preprocessing.generator import ImageDataGenerator as ImageDataGenerator
from kerata.preprocessing.iterators import BatchFromFilesMixin as BatchFromFilesMixin
from kerata.preprocessing.iterators import DirectoryIterator as DirectoryIterator
from kerata.preprocessing.iterators import Iterator as Iterator
from kerata.preprocessing.iterators import NumpyArrayIterator as NumpyArrayIterator
from kerata.preprocessing.tables import DataFrameIterator as DataFrameIterator
from kerata.utils import array_to_img as array_to_img
from kerata.utils import img_to_array as img_to_array
from kerata.utils import load_img as load_img
from kerata.utils import save_img as save_img
