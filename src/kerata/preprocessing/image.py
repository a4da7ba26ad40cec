"""Pictures: what `kerata.utils` has, under its older name."""

from kerata.data.pictures import smart_resize as smart_resize
from kerata.utils import array_to_img as array_to_img
from kerata.utils import img_to_array as img_to_array
from kerata.utils import load_img as load_img
from kerata.utils import save_img as save_img
